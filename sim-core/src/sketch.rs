//! What is measured while a run goes on, in memory that does not grow: sums of batches for intervals of means, and
//! histograms for quantiles. Integers only, so that nothing depends on the order of additions.

use crate::time::Span;
use serde::{Deserialize, Serialize};

/// Sums of consecutive batches of equal size. When there are [`Batches::MOST`] of them, neighbours are joined and the size
/// doubles: always between half as many and all, however long the run. From their means the interval of a mean of dependent
/// samples is computed (batch means).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Batches {
    size: u64,
    full: Vec<u128>,
    open: u128,
    in_open: u64,
}

impl Batches {
    /// Most batches that are kept.
    pub const MOST: usize = 64;

    /// No samples yet.
    pub fn new() -> Self {
        Self { size: 1, full: Vec::new(), open: 0, in_open: 0 }
    }

    /// Adds a sample.
    #[inline]
    pub fn add(&mut self, sample: u64) {
        self.open += u128::from(sample);
        self.in_open += 1;
        if self.in_open == self.size {
            self.close();
        }
    }

    fn close(&mut self) {
        self.full.push(std::mem::take(&mut self.open));
        self.in_open = 0;
        if self.full.len() == Self::MOST {
            let joined = self.full.chunks(2).map(|pair| pair.iter().sum());
            self.full = joined.collect();
            self.size *= 2;
        }
    }

    /// Number of samples.
    pub fn count(&self) -> u64 {
        self.full.len() as u64 * self.size + self.in_open
    }

    /// Sum of all samples.
    pub fn sum(&self) -> u128 {
        self.full.iter().sum::<u128>() + self.open
    }

    /// Samples in each batch, and the sums of the full ones in order. What is in the last, open batch is left out.
    pub fn batches(&self) -> (u64, &[u128]) {
        (self.size, &self.full)
    }
}

impl Default for Batches {
    fn default() -> Self {
        Self::new()
    }
}

/// A histogram of whole numbers with buckets of equal relative width: exact below 256, and within 1/128 (0.8 %) above. Two of
/// them can be added, in any order.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Histogram {
    /// By bucket; as long as the largest value needs.
    counts: Vec<u64>,
    count: u64,
}

impl Histogram {
    /// Bits of a value that are kept, below its highest one.
    const BITS: u32 = 7;

    /// No values yet.
    pub const fn new() -> Self {
        Self { counts: Vec::new(), count: 0 }
    }

    #[inline]
    fn bucket(value: u64) -> usize {
        let magnitude = 63_u32.saturating_sub(value.leading_zeros()).saturating_sub(Self::BITS);
        ((u64::from(magnitude) << Self::BITS) + (value >> magnitude)) as usize
    }

    /// The least value of a bucket, and how many it has.
    fn range(bucket: usize) -> (u64, u64) {
        let bucket = bucket as u64;
        let magnitude = (bucket >> Self::BITS).saturating_sub(1);
        let lead = bucket - (magnitude << Self::BITS);
        (lead << magnitude, 1 << magnitude)
    }

    /// Adds a value.
    #[inline]
    pub fn add(&mut self, value: u64) {
        let bucket = Self::bucket(value);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.count += 1;
    }

    /// Adds all values of another one.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(own, more)| *own += more);
        self.count += other.count;
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The value of this rank, counted from 1 in rising order: the middle of its bucket. `None` beyond the last.
    pub fn at_rank(&self, rank: u64) -> Option<u64> {
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        found.filter(|_| rank > 0).map(|bucket| {
            let (low, width) = Self::range(bucket);
            low + (width - 1) / 2
        })
    }

    /// Steps of the empirical distribution function: the largest value of each bucket that has some, and the number of values
    /// up to there.
    pub fn steps(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut seen = 0;
        self.counts.iter().enumerate().filter(|(_, count)| **count > 0).map(move |(bucket, count)| {
            seen += count;
            let (low, width) = Self::range(bucket);
            (low + (width - 1), seen)
        })
    }
}

/// The integral of a whole number over time: for means of queue lengths and for utilisation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TimeWeighted {
    value: u64,
    since: u64,
    integral: u128,
}

impl TimeWeighted {
    /// The number is `value` from `at` on, counted from the start of the measurement.
    #[inline]
    pub fn set(&mut self, at: Span, value: u64) {
        let now = at.as_nanos();
        self.integral += u128::from(self.value) * u128::from(now.saturating_sub(self.since));
        (self.value, self.since) = (value, now.max(self.since));
    }

    /// The present number.
    pub fn value(&self) -> u64 {
        self.value
    }

    /// The integral from the start until `at` \[value times nanoseconds\].
    pub fn integral(&self, at: Span) -> u128 {
        self.integral + u128::from(self.value) * u128::from(at.as_nanos().saturating_sub(self.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn batches_double_when_there_are_too_many() {
        let mut batches = Batches::new();
        (0..64).for_each(|x| batches.add(x));
        // 0+1, 2+3, ...: 32 batches of two.
        assert_eq!(batches.batches().0, 2);
        assert_eq!(batches.batches().1.len(), 32);
        assert_eq!(batches.batches().1[..3], [1, 5, 9]);
        assert_eq!((batches.count(), batches.sum()), (64, 63 * 64 / 2));
    }

    #[test]
    fn time_weighted_is_the_integral() {
        let ns = Span::from_nanos;
        let mut queue = TimeWeighted::default();
        queue.set(ns(10), 3);
        queue.set(ns(14), 1);
        // 0 for 10 ns, 3 for 4 ns, 1 for 6 ns.
        assert_eq!(queue.integral(ns(20)), 18);
    }

    proptest! {
        #[test]
        fn batches_keep_count_and_sum(samples in prop::collection::vec(0_u64..1000, 0..5000)) {
            let mut batches = Batches::new();
            samples.iter().for_each(|x| batches.add(*x));
            prop_assert_eq!(batches.count(), samples.len() as u64);
            prop_assert_eq!(batches.sum(), samples.iter().map(|x| u128::from(*x)).sum::<u128>());
            let (size, full) = batches.batches();
            prop_assert!(full.len() < Batches::MOST);
            for (sum, chunk) in full.iter().zip(samples.chunks(size as usize)) {
                prop_assert_eq!(*sum, chunk.iter().map(|x| u128::from(*x)).sum::<u128>());
            }
        }

        /// A rank's value differs from the true one by at most one in 128 parts of it.
        #[test]
        fn ranks_are_within_the_width_of_a_bucket(
            mut values in prop::collection::vec(any::<u64>().prop_flat_map(|x| (Just(x), 0_u32..64)).prop_map(|(x, s)| x >> s), 1..300),
            share in 0.0_f64..1.0,
        ) {
            let mut all = Histogram::new();
            values.iter().for_each(|x| all.add(*x));
            values.sort_unstable();
            let rank = 1 + (share * (values.len() - 1) as f64) as usize;
            let (found, truth) = (all.at_rank(rank as u64).unwrap(), values[rank - 1]);
            prop_assert!(found.abs_diff(truth) <= truth >> 7, "{found} for {truth}");
            prop_assert_eq!(all.steps().last().unwrap().1, values.len() as u64);
            prop_assert_eq!(all.at_rank(values.len() as u64 + 1), None);
        }

        #[test]
        fn merging_is_adding_both(a in prop::collection::vec(any::<u64>(), 0..50), b in prop::collection::vec(any::<u64>(), 0..50)) {
            let of = |values: &[u64]| {
                let mut all = Histogram::new();
                values.iter().for_each(|x| all.add(*x));
                all
            };
            let mut merged = of(&a);
            merged.merge(&of(&b));
            prop_assert_eq!(merged, of(&[a, b].concat()));
        }
    }
}
