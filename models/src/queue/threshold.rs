//! Marking above a threshold, as switches do for DCTCP (RFC 8257 §3.1).
//!
//! A packet that arrives while more than the threshold waits, itself not counted, is set to CE. The length is that
//! of the instant, not an average: congestion is told within a round trip, in proportion to how long the queue stays
//! above. A Not-ECT packet is dropped there (as by a switch with equal RED thresholds), else traffic without ECN would
//! take the whole queue.

use super::fifo::{Fifo, exceeds, has_place};
use super::{Dequeued, Drops, ThresholdConfig, mark};
use crate::link::QueueLimit;
use crate::node::DropCause;
use crate::packet::Packet;
use protosim_core::SimTime;

/// A queue that marks what arrives above a threshold.
#[derive(Clone, Debug)]
pub(super) struct Threshold {
    limit: QueueLimit,
    mark_above: QueueLimit,
    fifo: Fifo,
    marked: u64,
}

impl Threshold {
    pub(super) fn new(config: &ThresholdConfig) -> Self {
        Self { limit: config.limit, mark_above: config.mark_above, fifo: Fifo::default(), marked: 0 }
    }

    pub(super) fn enqueue(&mut self, mut arrived: Dequeued, drops: &mut Drops) {
        let (packets, bytes) = (self.fifo.packets(), self.fifo.bytes());
        if !has_place(self.limit, packets, bytes, arrived.len) {
            drops.push((arrived.packet, DropCause::QueueFull));
        } else if exceeds(self.mark_above, packets, bytes) && !mark(&mut arrived.packet, &mut self.marked) {
            drops.push((arrived.packet, DropCause::Aqm));
        } else {
            self.fifo.push(arrived);
        }
    }

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

    pub(super) fn marked(&self) -> u64 {
        self.marked
    }
}
