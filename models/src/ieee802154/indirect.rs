//! What a parent keeps for children that sleep (IEEE 802.15.4-2006 §7.1.1.1.3 and §7.5.5).
//!
//! A child polls with a data request. The parent acknowledges it, with the pending bit if something waits ([`IndirectQueue::has`]), and
//! then sends the oldest frame, whose own pending bit says whether there is more ([`IndirectQueue::poll`]). An acknowledged frame is
//! gone ([`IndirectQueue::finish`]); one that was not stays, goes out at the next poll with the same number, and is not tried again
//! before. After macTransactionPersistenceTime it is dropped.

use super::Endpoint;
use protosim_core::{LocalTime, Span};
use std::collections::BTreeMap;
use std::collections::VecDeque;

/// How much a parent keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IndirectLimits {
    /// Frames in all.
    pub frames: usize,
    /// Frames for one child.
    pub frames_per_child: usize,
    /// macTransactionPersistenceTime: for how long.
    pub persistence: Span,
}

/// Frames that wait for their children; `T` is what the owner keeps for each, such as the frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IndirectQueue<T> {
    limits: IndirectLimits,
    children: BTreeMap<Endpoint, VecDeque<Transaction<T>>>,
    frames: usize,
}

/// Something that waits for a child.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transaction<T> {
    /// When it is dropped.
    pub expires: LocalTime,
    /// How often it was sent.
    pub attempts: u32,
    /// What waits.
    pub frame: T,
}

/// What goes to a child that polls.
#[derive(PartialEq, Eq, Debug)]
pub struct Polled<'a, T> {
    /// The oldest frame.
    pub frame: &'a T,
    /// The pending bit for it: more waits.
    pub is_pending: bool,
    /// It was sent before, so that it keeps its number.
    pub is_repeated: bool,
}

/// Why a frame is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IndirectError {
    /// The queue is full (TRANSACTION_OVERFLOW).
    #[error("the queue for sleeping children is full")]
    Overflow,
    /// So many frames wait for this child that it gets no more.
    #[error("too many frames wait for this child")]
    ChildOverflow,
}

impl<T> IndirectQueue<T> {
    /// An empty queue.
    pub const fn new(limits: IndirectLimits) -> Self {
        Self { limits, children: BTreeMap::new(), frames: 0 }
    }

    /// Frames that wait.
    pub const fn len(&self) -> usize {
        self.frames
    }

    /// True if none waits.
    pub const fn is_empty(&self) -> bool {
        self.frames == 0
    }

    /// Keeps `frame` for `child`.
    ///
    /// # Errors
    /// When there is no room; the frame comes back.
    pub fn push(&mut self, child: Endpoint, frame: T, now: LocalTime) -> Result<(), (IndirectError, T)> {
        if self.frames >= self.limits.frames {
            return Err((IndirectError::Overflow, frame));
        }
        if self.children.get(&child).map_or(0, VecDeque::len) >= self.limits.frames_per_child {
            return Err((IndirectError::ChildOverflow, frame));
        }
        let expires = now.saturating_add(self.limits.persistence);
        self.children.entry(child).or_default().push_back(Transaction { expires, attempts: 0, frame });
        self.frames += 1;
        Ok(())
    }

    /// Frames that there is room for, for this child.
    pub fn room(&self, child: Endpoint) -> usize {
        let own = self.children.get(&child).map_or(0, VecDeque::len);
        (self.limits.frames - self.frames).min(self.limits.frames_per_child.saturating_sub(own))
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.children.clear();
        self.frames = 0;
    }

    /// True if something waits for `child`: the pending bit of the acknowledgement of its data request.
    pub fn has(&self, child: Endpoint) -> bool {
        self.children.contains_key(&child)
    }

    /// The children for which something waits, in order: what a beacon lists.
    pub fn children(&self) -> impl Iterator<Item = Endpoint> {
        self.children.keys().copied()
    }

    /// A child has polled: the oldest frame for it goes out. It stays here until [`IndirectQueue::finish`].
    pub fn poll(&mut self, child: Endpoint) -> Option<Polled<'_, T>> {
        let waiting = self.children.get_mut(&child)?;
        let is_pending = waiting.len() > 1;
        let first = waiting.front_mut()?;
        first.attempts = first.attempts.saturating_add(1);
        Some(Polled { frame: &first.frame, is_pending, is_repeated: first.attempts > 1 })
    }

    /// The child has acknowledged the frame of its last poll: it leaves the queue.
    pub fn finish(&mut self, child: Endpoint) -> Option<Transaction<T>> {
        let waiting = self.children.get_mut(&child)?;
        let is_sent = waiting.front().is_some_and(|first| first.attempts > 0);
        let finished = if is_sent { waiting.pop_front() } else { None };
        self.frames -= usize::from(finished.is_some());
        if waiting.is_empty() {
            self.children.remove(&child);
        }
        finished
    }

    /// When the next frame is due to be dropped.
    pub fn next_expiry(&self) -> Option<LocalTime> {
        self.children.values().filter_map(|waiting| waiting.front()).map(|first| first.expires).min()
    }

    /// Drops what has waited too long (TRANSACTION_EXPIRED), and says what, child by child.
    pub fn expire(&mut self, now: LocalTime) -> Vec<(Endpoint, Transaction<T>)> {
        let mut expired = Vec::new();
        // Frames for one child came in the order in which they expire.
        self.children.retain(|child, waiting| {
            while waiting.front().is_some_and(|first| first.expires <= now) {
                expired.extend(waiting.pop_front().map(|transaction| (*child, transaction)));
            }
            !waiting.is_empty()
        });
        self.frames -= expired.len();
        expired
    }

    /// The child is gone: all that waits for it is dropped.
    pub fn remove(&mut self, child: Endpoint) -> VecDeque<Transaction<T>> {
        let removed = self.children.remove(&child).unwrap_or_default();
        self.frames -= removed.len();
        removed
    }
}

impl Default for IndirectLimits {
    /// Eight frames, four for one child (implementations have 1 to 6 for each), and the standard's 7.68 s.
    fn default() -> Self {
        Self { frames: 8, frames_per_child: 4, persistence: super::timing::TRANSACTION_PERSISTENCE.span() }
    }
}
