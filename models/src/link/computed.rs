//! The sending half of one direction of a link where nothing has to be decided at a departure: a drop-tail queue, a serialiser,
//! plain loss. Departures are computed when a packet is offered.

use super::Framing;
use super::config::{LinkChange, QueueLimit};
use super::meter::Meter;
use super::transmitter::{Drops, Setup, remaining};
use crate::node::DropCause;
use crate::packet::Packet;
use crate::queue::QueueConfig;
use protosim_core::digest::Fingerprint;
use protosim_core::{Cx, Entity, Purpose, Rate, Ratio, SimTime, Span, Stream, WireId};
use std::collections::VecDeque;

/// Draws that decide loss.
const LOSS: Purpose = Purpose("loss");

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Computed {
    wire: WireId,
    rate: Option<Rate>,
    delay: Span,
    loss: Ratio,
    limit: QueueLimit,
    framing: Framing,
    /// When the last packet that was taken leaves.
    free_at: SimTime,
    /// What the departures of this busy period were rounded up by, see [`Rate::serialise`].
    carry: u64,
    /// What has been taken and has not left, in order; the first is in service.
    waiting: VecDeque<Waiting>,
    /// IP bytes in `waiting`.
    waiting_bytes: u64,
    /// Made at the start where loss is above zero at any time of the run.
    luck: Option<Box<Stream>>,
    /// Packets taken whose loss is decided.
    lost: u64,
    /// The last serialisation that was computed: most packets of a link are of a few sizes, and a division costs
    /// more than a comparison.
    last: Serialisation,
    meter: Option<Box<Meter>>,
}

/// What [`Rate::serialise`] has said of a size and a carry, at the present rate.
#[derive(Clone, Copy, Debug, Default)]
struct Serialisation {
    /// Bytes with framing; zero while nothing was computed.
    bytes: u64,
    carry: u64,
    span: Span,
    left: u64,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    departs: SimTime,
    /// What its departure was rounded up by, in units of 1/rate nanoseconds.
    carry: u64,
    /// IP bytes.
    len: u32,
    /// The draw that decides its loss.
    luck: u64,
}

impl Computed {
    pub(super) fn new(setup: &Setup<'_>) -> Self {
        let Setup { wire, direction, framing, seed, stream_name, later, .. } = setup;
        let limit = match &direction.queue {
            Some(QueueConfig::DropTail(limit)) => *limit,
            _ => QueueLimit::default(),
        };
        let all_losses = later.iter().map(|change| change.loss).chain([direction.loss]).flatten();
        let draws_loss = all_losses.into_iter().any(|loss| !loss.is_zero());
        Self {
            wire: *wire,
            rate: direction.rate,
            delay: direction.delay.unwrap_or_default(),
            loss: direction.loss.unwrap_or_default(),
            limit,
            framing: *framing,
            free_at: SimTime::ZERO,
            carry: 0,
            // Most links of a large network send one packet after the other.
            waiting: VecDeque::with_capacity(1),
            waiting_bytes: 0,
            luck: draws_loss.then(|| Box::new(seed.stream(stream_name, LOSS))),
            lost: 0,
            last: Serialisation::default(),
            meter: setup.meter.clone().map(Box::new),
        }
    }

    pub(super) fn meter(&self) -> Option<&Meter> {
        self.meter.as_deref()
    }

    /// Packets that were or will be lost on the way, as decided so far.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// Packets that wait or are in service at `now`.
    pub(super) fn backlog(&self, now: SimTime) -> usize {
        self.waiting.iter().filter(|waiting| waiting.departs > now).count()
    }

    /// Takes a packet of `len` bytes, or refuses it if the queue is full.
    #[inline]
    pub(super) fn offer<E: Entity<Packet = Box<Packet>>>(
        &mut self,
        packet: Box<Packet>,
        len: u64,
        drops: &mut Drops,
        cx: &mut Cx<'_, E>,
    ) {
        let now = cx.now();
        self.forget_departed(now);
        if !self.has_place(len) {
            if let Some(meter) = &mut self.meter {
                meter.note_judgement(now, 1, 0);
            }
            return drops.push((packet, DropCause::QueueFull));
        }
        let luck = self.luck.as_mut().map_or(u64::MAX, |stream| stream.next_u64());
        let (start, lost) = (self.free_at.max(now), self.lost);
        self.take(packet, len, luck, cx);
        if let Some(meter) = &mut self.meter {
            meter.note_wait(now, start, len);
            meter.note_departure(start, self.free_at, len, self.lost > lost);
        }
    }

    /// Forgets what has left.
    #[inline]
    fn forget_departed(&mut self, now: SimTime) {
        if self.free_at <= now {
            // All of it, as mostly.
            self.waiting.clear();
            self.waiting_bytes = 0;
            return;
        }
        while let Some(first) = self.waiting.front().filter(|first| first.departs <= now) {
            self.waiting_bytes -= u64::from(first.len);
            self.waiting.pop_front();
        }
    }

    #[inline]
    fn has_place(&self, len: u64) -> bool {
        // The first is in service and does not count.
        let Some(in_service) = self.waiting.front() else { return true };
        match self.limit {
            QueueLimit::Packets(limit) => (self.waiting.len() as u64) <= limit,
            QueueLimit::Bytes(limit) => self.waiting_bytes - u64::from(in_service.len) + len <= limit.as_bytes(),
        }
    }

    /// Computes the packet's departure and arrival and hands it to the wire.
    #[inline]
    fn take<E: Entity<Packet = Box<Packet>>>(&mut self, packet: Box<Packet>, len: u64, luck: u64, cx: &mut Cx<'_, E>) {
        let now = cx.now();
        if self.free_at < now {
            (self.free_at, self.carry) = (now, 0);
        }
        if let Some(rate) = self.rate {
            let bytes = self.framing.wire_len(len);
            if (self.last.bytes, self.last.carry) != (bytes, self.carry) {
                let (span, left) = rate.serialise(bytes, self.carry);
                self.last = Serialisation { bytes, carry: self.carry, span, left };
            }
            (self.free_at, self.carry) = (self.free_at.saturating_add(self.last.span), self.last.left);
        }
        self.hand_over(packet, len, luck, cx);
    }

    /// Hands the packet to the wire, to leave when the link is free.
    #[inline]
    fn hand_over<E: Entity<Packet = Box<Packet>>>(
        &mut self,
        packet: Box<Packet>,
        len: u64,
        luck: u64,
        cx: &mut Cx<'_, E>,
    ) {
        let departs = self.free_at;
        if departs > cx.now() {
            self.waiting.push_back(Waiting { departs, carry: self.carry, len: len as u32, luck });
            self.waiting_bytes += len;
        }
        let is_lost = self.luck.is_some() && self.loss.covers(luck);
        self.lost += u64::from(is_lost);
        // At least a nanosecond: a header of a few bytes on a very fast link without delay.
        let arrives = departs.saturating_add(self.delay).max(cx.now() + Span::NANOSECOND);
        cx.send(self.wire, departs, (!is_lost).then_some(arrives), packet);
    }

    /// Changes rate, delay or loss now. What has not left is sent anew; the packet in service sends
    /// its remaining bits at the new rate.
    pub(super) fn change<E: Entity<Packet = Box<Packet>>>(&mut self, change: &LinkChange, cx: &mut Cx<'_, E>) {
        let now = cx.now();
        let back = cx.recall(self.wire);
        while self.waiting.front().is_some_and(|first| first.departs <= now) {
            self.waiting.pop_front();
        }
        let old_rate = self.rate;
        self.rate = change.rate.or(self.rate);
        self.last = Serialisation::default();
        self.delay = change.delay.unwrap_or(self.delay);
        let old_loss = self.loss;
        self.loss = change.loss.unwrap_or(self.loss);
        cx.mark(self.wire, change.fingerprint());
        let held: Vec<Waiting> = self.waiting.drain(..).collect();
        debug_assert_eq!(held.len(), back.len(), "the queue and the wire hold the same packets");
        (self.waiting_bytes, self.free_at, self.carry) = (0, now, 0);
        for (index, (flying, waiting)) in back.into_iter().zip(held).enumerate() {
            if self.luck.is_some() && old_loss.covers(waiting.luck) {
                self.lost -= 1;
            }
            let len = u64::from(waiting.len);
            if index == 0 {
                let (left, carry) = remaining(waiting.departs - now, waiting.carry, old_rate, self.rate);
                (self.free_at, self.carry) = (now.saturating_add(left), carry);
                self.hand_over(flying.packet, len, waiting.luck, cx);
            } else {
                self.take(flying.packet, len, waiting.luck, cx);
            }
        }
    }
}
