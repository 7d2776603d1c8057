//! Queues that are mostly empty, of which there are many.

use std::collections::{VecDeque, vec_deque};
use std::ops::Deref;

/// A queue that takes a pointer while it is empty, and gives its memory back when it is again. It is read as what it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(clippy::box_collection, reason = "a bare VecDeque takes four pointers while it is empty")]
pub(crate) struct Fifo<T>(Option<Box<VecDeque<T>>>);

impl<T: 'static> Fifo<T> {
    const EMPTY: &'static VecDeque<T> = &VecDeque::new();

    pub(crate) const fn new() -> Self {
        Self(None)
    }

    pub(crate) fn front_mut(&mut self) -> Option<&mut T> {
        self.0.as_mut()?.front_mut()
    }

    pub(crate) fn back_mut(&mut self) -> Option<&mut T> {
        self.0.as_mut()?.back_mut()
    }

    pub(crate) fn push_back(&mut self, entry: T) {
        self.0.get_or_insert_default().push_back(entry);
    }

    pub(crate) fn push_front(&mut self, entry: T) {
        self.0.get_or_insert_default().push_front(entry);
    }

    /// Moves the last entry to the place `at`.
    pub(crate) fn move_last(&mut self, at: usize) {
        if let Some(entries) = &mut self.0
            && let Some(last) = entries.pop_back()
        {
            entries.insert(at, last);
        }
    }

    pub(crate) fn pop_front(&mut self) -> Option<T> {
        self.remove(0)
    }

    pub(crate) fn pop_front_if(&mut self, is_it: impl FnOnce(&T) -> bool) -> Option<T> {
        if self.front().is_some_and(is_it) { self.pop_front() } else { None }
    }

    pub(crate) fn remove(&mut self, at: usize) -> Option<T> {
        let entries = self.0.as_mut()?;
        let entry = entries.remove(at);
        if entries.is_empty() {
            self.0 = None;
        }
        entry
    }
}

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: 'static> Deref for Fifo<T> {
    type Target = VecDeque<T>;

    fn deref(&self) -> &VecDeque<T> {
        self.0.as_deref().unwrap_or(Self::EMPTY)
    }
}

impl<T> IntoIterator for Fifo<T> {
    type Item = T;
    type IntoIter = vec_deque::IntoIter<T>;

    fn into_iter(self) -> vec_deque::IntoIter<T> {
        self.0.map_or_else(VecDeque::new, |entries| *entries).into_iter()
    }
}
