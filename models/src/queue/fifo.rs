//! What all disciplines keep packets in.

use super::Dequeued;
use crate::link::QueueLimit;
use crate::packet::Packet;
use protosim_core::{SimTime, Span};
use std::collections::VecDeque;

/// Packets in the order of their arrival, and their bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Fifo {
    waiting: VecDeque<Dequeued>,
    bytes: u64,
}

impl Fifo {
    #[inline]
    pub(super) fn push(&mut self, arrived: Dequeued) {
        self.bytes += arrived.len;
        self.waiting.push_back(arrived);
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<Dequeued> {
        let head = self.waiting.pop_front()?;
        self.bytes -= head.len;
        Some(head)
    }

    #[inline]
    pub(super) fn packets(&self) -> u64 {
        self.waiting.len() as u64
    }

    #[inline]
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How long the first packet has waited by `now`; zero if there is none.
    pub(super) fn head_delay(&self, now: SimTime) -> Span {
        self.waiting.front().map_or(Span::ZERO, |head| now.saturating_since(head.enqueued))
    }

    pub(super) fn clear(&mut self, out: &mut Vec<Box<Packet>>) {
        out.extend(self.waiting.drain(..).map(|waiting| waiting.packet));
        self.bytes = 0;
    }
}

/// True if a packet of `len` bytes has a place beside `packets` and `bytes` that wait.
#[inline]
pub(super) fn has_place(limit: QueueLimit, packets: u64, bytes: u64, len: u64) -> bool {
    match limit {
        QueueLimit::Packets(limit) => packets < limit,
        QueueLimit::Bytes(limit) => bytes.saturating_add(len) <= limit.as_bytes(),
    }
}

/// True if a queue of `packets` and `bytes` is longer than `threshold`.
#[inline]
pub(super) fn exceeds(threshold: QueueLimit, packets: u64, bytes: u64) -> bool {
    match threshold {
        QueueLimit::Packets(threshold) => packets > threshold,
        QueueLimit::Bytes(threshold) => bytes > threshold.as_bytes(),
    }
}
