//! First in, first out; what finds no place is dropped.

use super::fifo::{Fifo, has_place};
use super::{Dequeued, Drops};
use crate::link::QueueLimit;
use crate::node::DropCause;
use crate::packet::Packet;
use protosim_core::SimTime;

/// A queue that drops its tail.
#[derive(Clone, Debug)]
pub(super) struct DropTail {
    limit: QueueLimit,
    fifo: Fifo,
}

impl DropTail {
    pub(super) fn new(limit: QueueLimit) -> Self {
        Self { limit, fifo: Fifo::default() }
    }

    #[inline]
    pub(super) fn enqueue(&mut self, arrived: Dequeued, drops: &mut Drops) {
        if has_place(self.limit, self.fifo.packets(), self.fifo.bytes(), arrived.len) {
            self.fifo.push(arrived);
        } else {
            drops.push((arrived.packet, DropCause::QueueFull));
        }
    }

    #[inline]
    pub(super) fn dequeue(&mut self, _: SimTime, _: &mut Drops) -> Option<Dequeued> {
        self.fifo.pop()
    }

    pub(super) fn clear(&mut self, out: &mut Vec<Box<Packet>>) {
        self.fifo.clear(out);
    }

    pub(super) fn packets(&self) -> u64 {
        self.fifo.packets()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.fifo.bytes()
    }

    /// It marks nothing.
    pub(super) fn marked(&self) -> u64 {
        0
    }
}
