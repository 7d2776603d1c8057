//! Two tiers: 1,024 buckets of equal width ahead, a 4-ary heap for the current one, a list for
//! what lies beyond.
//!
//! The width is chosen anew each time the buckets are used up: so that the keys beyond spread
//! over half of them, by the mean of their distances from the first. A few far timers thus do
//! not spoil the resolution, but stay in the list.

use super::{DaryHeap, Queue};
use protosim_core::EventKey;

const BUCKETS: usize = 1_024;

/// Coarse buckets and a small heap.
#[derive(Clone)]
pub(crate) struct TwoTiers {
    current: DaryHeap,
    /// The first instant after the current bucket \[ns\].
    current_end: u64,
    buckets: Vec<Vec<EventKey>>,
    /// One bit per bucket that is not empty.
    occupied: [u64; BUCKETS / 64],
    /// The first instant of bucket 0 \[ns\].
    start: u64,
    /// Log2 of a bucket's width \[ns\].
    shift: u32,
    /// Keys after the last bucket.
    beyond: Vec<EventKey>,
    len: usize,
}

impl Default for TwoTiers {
    fn default() -> Self {
        Self {
            current: DaryHeap::default(),
            current_end: 0,
            buckets: vec![Vec::new(); BUCKETS],
            occupied: [0; BUCKETS / 64],
            start: 0,
            shift: 0,
            beyond: Vec::new(),
            len: 0,
        }
    }
}

impl TwoTiers {
    #[inline]
    fn file(&mut self, key: EventKey) {
        let time = key.time().as_nanos();
        if time < self.current_end {
            self.current.push(key);
            return;
        }
        let slot = ((time - self.start) >> self.shift) as usize;
        if let Some(bucket) = self.buckets.get_mut(slot) {
            bucket.push(key);
            self.occupied[slot / 64] |= 1 << (slot % 64);
        } else {
            self.beyond.push(key);
        }
    }

    /// Fills the empty heap from the next bucket.
    fn refill(&mut self) {
        loop {
            if let Some(word) = self.occupied.iter().position(|&word| word != 0) {
                let slot = word * 64 + self.occupied[word].trailing_zeros() as usize;
                self.occupied[word] &= self.occupied[word] - 1;
                self.current_end = self.start.saturating_add((slot as u64 + 1) << self.shift);
                let mut keys = std::mem::take(&mut self.buckets[slot]);
                for &key in &keys {
                    self.current.push(key);
                }
                keys.clear();
                self.buckets[slot] = keys;
                return;
            }
            if self.beyond.is_empty() {
                return;
            }
            self.advance_window();
        }
    }

    fn advance_window(&mut self) {
        let keys = std::mem::take(&mut self.beyond);
        self.start = keys.iter().map(|key| key.time().as_nanos()).min().unwrap_or(0);
        self.current_end = self.start;
        let sum: u128 = keys.iter().map(|key| u128::from(key.time().as_nanos() - self.start)).sum();
        let mean = (sum / keys.len() as u128) as u64;
        self.shift = (mean / (BUCKETS as u64 / 4)).checked_ilog2().unwrap_or(0);
        for key in keys {
            self.file(key);
        }
    }
}

impl Queue for TwoTiers {
    #[inline]
    fn push(&mut self, key: EventKey) {
        self.len += 1;
        self.file(key);
    }

    #[inline]
    fn pop(&mut self) -> Option<EventKey> {
        if self.current.len() == 0 {
            self.refill();
        }
        let key = self.current.pop()?;
        self.len -= 1;
        Some(key)
    }

    fn len(&self) -> usize {
        self.len
    }
}
