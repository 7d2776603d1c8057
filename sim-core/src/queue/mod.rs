//! The event queue: pending event keys, earliest first.
//!
//! [`EventQueue`] has two tiers: what is due next lies in a short sorted run; everything later lies
//! unsorted in buckets by the digits of its time, and goes into narrower buckets, or into the run,
//! when its turn comes. Nothing has to be tuned: how narrow a bucket gets depends on how many keys
//! are in it. The idea is that of hot queues (Cherkassky, Goldberg and Silverstein, "Buckets,
//! heaps, lists, and monotone priority queues", SIAM J. Computing 28(4), 1999). Why this one, and
//! what it was measured against: `docs/decisions/0001-event-queue.md`.

mod buckets;
mod key;
mod run;
#[cfg(test)]
mod tests;

pub use key::{Class, EventKey};

use crate::time::SimTime;
use buckets::{Buckets, CHUNK, Place};
use run::Run;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A bucket of at most this many keys is sorted, a fuller one spread over narrower ones first.
const RUN_MAX: usize = run::COUNTED;
/// Buckets are joined to one run until it has this many keys.
const RUN_MIN: usize = 8;
/// The heap beside the run may reach this size before all of it goes back into buckets.
const LATE_MAX: usize = 64;

/// The pending events of one partition: a monotone priority queue of [`EventKey`]s.
///
/// Push and pop take constant time on average, whatever mixture of scales the times have: on its
/// way to the front a key moves at most twice per digit of its time (8). Equal keys are kept apart
/// and come out one after the other. Memory is proportional to the pending keys, beside 18 KiB for
/// the buckets' heads, the run and its sorting.
///
/// # Contract
/// Time is monotone: a pushed key's time is strictly later than that of the last popped one.
/// Looking ahead with [`EventQueue::peek`] takes nothing away from that: keys earlier than the
/// peeked one may still be pushed. Keys may have any time, [`SimTime::ZERO`] included, until the
/// first pop.
#[derive(Clone, Debug)]
pub struct EventQueue {
    /// Keys up to `run_end`.
    run: Run,
    /// Where the keys of the next run are gathered; without meaning between two runs.
    unsorted: Box<[EventKey; RUN_MAX + CHUNK]>,
    /// More keys up to `run_end`, pushed while the run was long.
    late: BinaryHeap<Reverse<EventKey>>,
    /// `late` is spilled when it gets longer than this.
    late_limit: usize,
    /// The last instant of the run \[ns\]; every key in `buckets` is later.
    run_end: u64,
    /// What the keys in `buckets` are filed against \[ns\]. `run_end` is this with a number of low
    /// digits at their largest.
    reference: u64,
    buckets: Buckets,
    len: usize,
    /// For the assertion in debug builds only.
    last_popped: Option<SimTime>,
}

impl Default for EventQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl EventQueue {
    /// A queue without events, before the first instant.
    pub fn new() -> Self {
        Self {
            run: Run::new(),
            unsorted: Box::new([EventKey::FIRST; RUN_MAX + CHUNK]),
            late: BinaryHeap::new(),
            late_limit: LATE_MAX,
            run_end: 0,
            reference: 0,
            buckets: Buckets::new(),
            len: 0,
            last_popped: None,
        }
    }

    /// Adds an event, later than the last popped one (asserted in debug builds).
    #[inline]
    pub fn push(&mut self, key: EventKey) {
        debug_assert!(
            self.last_popped.is_none_or(|last| key.time() > last),
            "{key:?} pushed after the queue has reached {:?}",
            self.last_popped
        );
        self.len += 1;
        self.file(key);
    }

    /// The earliest pending event. It stays; the queue may sort it to the front for the next pop.
    #[inline]
    pub fn peek(&mut self) -> Option<EventKey> {
        if !self.late.is_empty() {
            return self.peek_with_late();
        }
        if self.run.is_empty() {
            self.refill();
        }
        self.run.next()
    }

    /// Takes the earliest pending event, if it is due at `time`; no earlier one may be pending.
    #[inline]
    pub fn pop_at(&mut self, time: SimTime) -> Option<EventKey> {
        if !self.late.is_empty() || self.run.is_empty() {
            return self.peek().filter(|key| key.time() == time).and_then(|_| self.pop());
        }
        let key = self.run.next().filter(|key| key.time() == time)?;
        self.run.drop_next();
        self.len -= 1;
        if cfg!(debug_assertions) {
            self.last_popped = Some(time);
        }
        Some(key)
    }

    /// Takes the earliest pending event, if it is due before `end`.
    #[inline]
    pub fn pop_before(&mut self, end: SimTime) -> Option<EventKey> {
        let key = self.peek().filter(|key| key.time() < end)?;
        if self.late.is_empty() {
            self.run.drop_next();
            self.len -= 1;
            if cfg!(debug_assertions) {
                self.last_popped = Some(key.time());
            }
            return Some(key);
        }
        self.pop()
    }

    /// Takes the earliest pending event.
    #[inline]
    pub fn pop(&mut self) -> Option<EventKey> {
        let key = if self.late.is_empty() {
            if self.run.is_empty() {
                self.refill();
            }
            self.run.pop()?
        } else {
            self.pop_with_late()?
        };
        self.len -= 1;
        if cfg!(debug_assertions) {
            self.last_popped = Some(key.time());
        }
        Some(key)
    }

    /// How many events are pending.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when no event is pending.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets all events, the time reached, and the memory held: as new.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Heap memory held, in bytes, for the run's memory limit.
    pub fn memory_bytes(&self) -> usize {
        let late = self.late.capacity() * size_of::<EventKey>();
        self.run.memory_bytes() + size_of_val(&*self.unsorted) + late + self.buckets.memory_bytes()
    }

    #[inline]
    fn file(&mut self, key: EventKey) {
        if key.time().as_nanos() > self.run_end {
            self.buckets.insert(self.reference, key);
        } else {
            self.file_near(key);
        }
    }

    #[inline(never)]
    fn file_near(&mut self, key: EventKey) {
        if self.run.len() < Run::INSERT_MAX {
            self.run.insert(key);
        } else {
            self.file_late(key);
        }
    }

    #[cold]
    fn file_late(&mut self, key: EventKey) {
        self.late.push(Reverse(key));
        if self.late.len() > self.late_limit {
            self.spill();
        }
    }

    #[cold]
    fn peek_with_late(&self) -> Option<EventKey> {
        match (self.run.next(), self.late.peek()) {
            (Some(a), Some(&Reverse(b))) => Some(a.min(b)),
            (a, b) => a.or(b.map(|&Reverse(b)| b)),
        }
    }

    #[cold]
    fn pop_with_late(&mut self) -> Option<EventKey> {
        match (self.run.next(), self.late.peek()) {
            (Some(a), Some(Reverse(b))) if a <= *b => self.run.pop(),
            _ => self.late.pop().map(|Reverse(key)| key),
        }
    }

    /// Fills the empty run with the next keys from the buckets, if there are any.
    #[inline(never)]
    fn refill(&mut self) {
        self.buckets.shrink();
        self.run.shrink(self.len);
        self.late.shrink_to(4 * LATE_MAX);
        self.late_limit = LATE_MAX;
        let mut start = self.reference;
        let mut count = 0;
        while let Some(place) = self.buckets.first() {
            let is_too_long = count + place.count > RUN_MAX;
            if is_too_long && count > 0 {
                break;
            }
            if is_too_long {
                if let Some(reference) = self.buckets.spread(place) {
                    self.reference = reference;
                    continue;
                }
                return self.run_of_one_instant(place);
            }
            (self.reference, self.run_end) = self.buckets.bounds(self.reference, place);
            if count == 0 {
                start = self.reference;
            }
            count = self.buckets.gather(place, &mut *self.unsorted, count);
            if count >= RUN_MIN {
                break;
            }
        }
        self.run.sort(&self.unsorted, count, start, self.run_end);
    }

    /// The keys at `place` are many, all of one instant: narrower buckets would not help, a narrow
    /// run will.
    #[cold]
    fn run_of_one_instant(&mut self, place: Place) {
        let mut keys = Vec::with_capacity(place.count);
        self.buckets.take(place, &mut keys);
        let instant = keys[0].time().as_nanos();
        (self.reference, self.run_end) = (instant, instant);
        self.run.replace(keys);
    }

    /// Files everything near anew, in buckets just wide enough: so many keys came into the run's
    /// span that its width is no longer right.
    fn spill(&mut self) {
        let mut keys = self.run.take();
        keys.extend(self.late.drain().map(|Reverse(key)| key));
        let Some(first) = keys.iter().min().map(|key| key.time().as_nanos()) else { return };
        self.buckets.rewind(self.reference, first);
        self.reference = first;
        self.run_end = first;
        // Keys of the first instant come back into the run and the heap; however many they are,
        // the next spill has to wait until there are twice as many.
        self.late_limit = usize::MAX;
        for key in keys {
            self.file(key);
        }
        self.late_limit = LATE_MAX.max(2 * self.late.len());
    }
}
