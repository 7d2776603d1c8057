//! The structures that the kernel's queue is measured against, behind one trait.

mod dary_heap;
mod radix_heap;
mod two_tiers;

pub(crate) use dary_heap::DaryHeap;
pub(crate) use radix_heap::RadixHeap;
pub(crate) use two_tiers::TwoTiers;

use protosim_core::{EventKey, EventQueue};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What the benchmark needs of an event queue.
pub(crate) trait Queue: Default {
    /// Adds a key, later than the last popped one.
    fn push(&mut self, key: EventKey);
    /// Takes the earliest key.
    fn pop(&mut self) -> Option<EventKey>;
    /// How many keys there are.
    fn len(&self) -> usize;
}

impl Queue for EventQueue {
    #[inline]
    fn push(&mut self, key: EventKey) {
        self.push(key);
    }
    #[inline]
    fn pop(&mut self) -> Option<EventKey> {
        self.pop()
    }
    fn len(&self) -> usize {
        self.len()
    }
}

/// The standard library's binary heap.
#[derive(Clone, Default)]
pub(crate) struct StdHeap(BinaryHeap<Reverse<EventKey>>);

impl Queue for StdHeap {
    #[inline]
    fn push(&mut self, key: EventKey) {
        self.0.push(Reverse(key));
    }
    #[inline]
    fn pop(&mut self) -> Option<EventKey> {
        self.0.pop().map(|Reverse(key)| key)
    }
    fn len(&self) -> usize {
        self.0.len()
    }
}
