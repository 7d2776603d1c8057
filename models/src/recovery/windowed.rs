//! The largest or least of the samples of late, exactly.
//!
//! Only samples that can still become the best are kept: each one is better than all that came after it. So many are kept at
//! most as there are different times in a window. Time is any number that does not go back: rounds, cycles, nanoseconds.

use std::collections::VecDeque;

/// The best sample of a window: the largest if `LARGEST`, else the least.
#[derive(Clone, Debug, Default)]
pub struct Windowed<const LARGEST: bool> {
    /// Times and values, falling (rising for the least) in value from front to back.
    samples: VecDeque<(u64, u64)>,
}

/// The largest of late.
pub type WindowedMax = Windowed<true>;
/// The least of late.
pub type WindowedMin = Windowed<false>;

impl<const LARGEST: bool> Windowed<LARGEST> {
    /// A window without samples.
    pub const fn new() -> Self {
        Self { samples: VecDeque::new() }
    }

    /// Takes a sample, and forgets those that are `length` or more older than `now`: a length of 1 keeps those of now alone.
    /// The best that is left.
    pub fn update(&mut self, now: u64, value: u64, length: u64) -> u64 {
        while self.samples.front().is_some_and(|&(at, _)| now.saturating_sub(at) >= length.max(1)) {
            self.samples.pop_front();
        }
        while self.samples.back().is_some_and(|&(_, other)| other == value || Self::is_better(value, other)) {
            self.samples.pop_back();
        }
        // One that is worse than another of the same time never becomes the best.
        if self.samples.back().is_none_or(|&(at, _)| at < now) {
            self.samples.push_back((now, value));
        }
        self.best().unwrap_or(value)
    }

    /// The best sample of the window as it was at the last update; `None` before the first one.
    pub fn best(&self) -> Option<u64> {
        self.samples.front().map(|&(_, value)| value)
    }

    /// Forgets all samples.
    pub fn clear(&mut self) {
        self.samples.clear();
    }

    const fn is_better(value: u64, other: u64) -> bool {
        if LARGEST { value > other } else { value < other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 9 at 0 is the largest until time 3, which is 3 later; 5 at 1 until time 4; 2 at 3 comes last.
    #[test]
    fn samples_grow_old() {
        let mut largest = WindowedMax::new();
        assert_eq!(largest.best(), None);
        assert_eq!(largest.update(0, 9, 3), 9);
        assert_eq!(largest.update(1, 5, 3), 9);
        assert_eq!(largest.update(2, 4, 3), 9);
        assert_eq!(largest.update(3, 2, 3), 5);
        assert_eq!(largest.update(4, 1, 3), 4);
        assert_eq!(largest.update(9, 0, 3), 0);
        let mut least = WindowedMin::new();
        assert_eq!(least.update(0, 1, 2), 1);
        assert_eq!(least.update(1, 7, 2), 1);
        assert_eq!(least.update(2, 8, 2), 7);
    }

    proptest! {
        /// The same as looking at all samples of the window; and no more are kept than it has times.
        #[test]
        fn agrees_with_looking_at_all(steps in prop::collection::vec((0_u64..3, 0_u64..20), 1..200), length in 1_u64..8) {
            let (mut largest, mut least) = (WindowedMax::new(), WindowedMin::new());
            let (mut now, mut all) = (0, Vec::new());
            for (later, value) in steps {
                now += later;
                all.push((now, value));
                let inside = || all.iter().filter(|(at, _)| now - at < length).map(|&(_, value)| value);
                prop_assert_eq!(largest.update(now, value, length), inside().max().unwrap());
                prop_assert_eq!(least.update(now, value, length), inside().min().unwrap());
                prop_assert!(largest.samples.len() as u64 <= length && least.samples.len() as u64 <= length);
            }
        }
    }
}
