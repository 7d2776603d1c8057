//! A radix heap after Ahuja, Mehlhorn, Orlin and Tarjan (J. ACM 37(2), 1990): one bucket per bit
//! in which a time may differ from the last one, each half as wide as the next.

use super::Queue;
use protosim_core::EventKey;

const BUCKETS: usize = 65;

/// A one-level radix heap over the bits of the time; keys of one instant are sorted.
#[derive(Clone)]
pub(crate) struct RadixHeap {
    /// Bucket `b > 0`: times whose highest difference from `last` is bit `b - 1`. Bucket 0: the
    /// instant `last` itself, latest key first.
    buckets: [Vec<EventKey>; BUCKETS],
    /// One bit per bucket that is not empty.
    occupied: u128,
    last: u64,
    len: usize,
}

impl Default for RadixHeap {
    fn default() -> Self {
        Self { buckets: [const { Vec::new() }; BUCKETS], occupied: 0, last: 0, len: 0 }
    }
}

impl RadixHeap {
    #[inline]
    fn file(&mut self, key: EventKey) {
        let bucket = (u64::BITS - (key.time().as_nanos() ^ self.last).leading_zeros()) as usize;
        self.buckets[bucket].push(key);
        self.occupied |= 1 << bucket;
    }

    /// Brings the earliest instant into bucket 0, which is empty.
    fn refill(&mut self) {
        if self.occupied == 0 {
            return;
        }
        let bucket = self.occupied.trailing_zeros() as usize;
        let mut keys = std::mem::take(&mut self.buckets[bucket]);
        self.occupied &= !(1 << bucket);
        self.last = keys.iter().map(|key| key.time().as_nanos()).min().unwrap_or(self.last);
        for &key in &keys {
            self.file(key);
        }
        keys.clear();
        self.buckets[bucket] = keys;
        self.buckets[0].sort_unstable_by(|a, b| b.cmp(a));
    }
}

impl Queue for RadixHeap {
    #[inline]
    fn push(&mut self, key: EventKey) {
        self.len += 1;
        self.file(key);
    }

    #[inline]
    fn pop(&mut self) -> Option<EventKey> {
        if self.buckets[0].is_empty() {
            self.refill();
        }
        let key = self.buckets[0].pop()?;
        self.occupied &= !u128::from(self.buckets[0].is_empty());
        self.len -= 1;
        Some(key)
    }

    fn len(&self) -> usize {
        self.len
    }
}
