//! placeholder
mod key;
pub use key::{Class, EventKey};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
/// placeholder
#[derive(Clone, Debug, Default)]
pub struct EventQueue(BinaryHeap<Reverse<EventKey>>);
#[allow(missing_docs)]
impl EventQueue {
    pub fn new() -> Self {
        Self::default()
    }
    pub fn push(&mut self, k: EventKey) {
        self.0.push(Reverse(k))
    }
    pub fn peek(&mut self) -> Option<EventKey> {
        self.0.peek().map(|r| r.0)
    }
    pub fn pop(&mut self) -> Option<EventKey> {
        self.0.pop().map(|r| r.0)
    }
    pub fn len(&self) -> usize {
        self.0.len()
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
