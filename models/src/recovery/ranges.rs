//! A set of numbers as ranges: which bytes of a stream have arrived, or have been acknowledged selectively.

/// Disjoint half-open ranges `[start, end)` that do not touch, in ascending order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// No ranges.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// True if nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many ranges there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The ranges, in ascending order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, u64)> + '_ {
        self.0.iter().copied()
    }

    /// The end of the last range.
    pub fn end(&self) -> Option<u64> {
        self.0.last().map(|(_, end)| *end)
    }

    /// How many numbers are in it.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|(start, end)| end - start).sum()
    }

    /// The range that `number` is in.
    pub fn range_of(&self, number: u64) -> Option<(u64, u64)> {
        let index = self.0.partition_point(|(_, end)| *end <= number);
        self.0.get(index).copied().filter(|(start, _)| *start <= number)
    }

    /// True if all of `[start, end)` is in it.
    pub fn covers(&self, start: u64, end: u64) -> bool {
        start >= end || self.range_of(start).is_some_and(|(_, last)| last >= end)
    }

    /// The parts of `[start, end)` that are not in it, in ascending order.
    pub fn missing(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        let mut at = start;
        let first = self.0.partition_point(|(_, last)| *last <= start);
        let mut rest = self.0[first..].iter().copied();
        std::iter::from_fn(move || {
            while at < end {
                let (from, to) = rest.next().unwrap_or((end, u64::MAX));
                let gap = (at, from.min(end));
                at = to;
                if gap.0 < gap.1 {
                    return Some(gap);
                }
            }
            None
        })
    }

    /// Adds `[start, end)`; what touches becomes one.
    pub fn insert(&mut self, start: u64, end: u64) {
        if start >= end {
            return;
        }
        let first = self.0.partition_point(|(_, last)| *last < start);
        let after = first + self.0[first..].partition_point(|(from, _)| *from <= end);
        if first == after {
            self.0.insert(first, (start, end));
            return;
        }
        let joined = (start.min(self.0[first].0), end.max(self.0[after - 1].1));
        self.0[first] = joined;
        self.0.drain(first + 1..after);
    }

    /// Takes all numbers below `number` out.
    pub fn trim_below(&mut self, number: u64) {
        let gone = self.0.partition_point(|(_, end)| *end <= number);
        self.0.drain(..gone);
        if let Some((start, _)) = self.0.first_mut() {
            *start = number.max(*start);
        }
    }

    /// Bytes allocated.
    #[cfg(test)]
    pub(crate) fn allocated(&self) -> usize {
        self.0.capacity() * size_of::<(u64, u64)>()
    }

    /// Takes everything out, and gives the memory back.
    pub fn clear(&mut self) {
        self.0 = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        /// Against the set of numbers itself.
        #[test]
        fn ranges_are_the_set_of_their_numbers(
            steps in prop::collection::vec((0_u64..60, 0_u64..20, prop::bool::weighted(0.8)), 0..30),
            (from, len) in (0_u64..70, 0_u64..30),
        ) {
            let (mut ranges, mut set) = (Ranges::new(), BTreeSet::new());
            for (start, len, is_insert) in steps {
                if is_insert {
                    ranges.insert(start, start + len);
                    set.extend(start..start + len);
                } else {
                    ranges.trim_below(start);
                    set.retain(|number| *number >= start);
                }
            }
            let listed: Vec<u64> = ranges.iter().flat_map(|(start, end)| start..end).collect();
            prop_assert_eq!(&listed, &set.iter().copied().collect::<Vec<_>>());
            let all: Vec<_> = ranges.iter().collect();
            prop_assert!(all.windows(2).all(|pair| pair[0].1 < pair[1].0));
            let missing: Vec<u64> = ranges.missing(from, from + len).flat_map(|(start, end)| start..end).collect();
            prop_assert_eq!(missing, (from..from + len).filter(|number| !set.contains(number)).collect::<Vec<_>>());
            prop_assert_eq!(ranges.covers(from, from + len), (from..from + len).all(|number| set.contains(&number)));
            prop_assert_eq!(ranges.total(), set.len() as u64);
        }
    }
}
