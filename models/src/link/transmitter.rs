//! The sending half of one direction of a link: what takes packets from a node and hands them to a wire.

use super::computed::Computed;
use super::config::{DirectionConfig, Framing, LinkChange, Mtu};
use super::managed::Managed;
use super::meter::Meter;
use crate::name::Files;
use crate::packet::{LossCause, Packet};
pub use crate::queue::Drops;
use crate::queue::QueueConfig;
use protosim_core::{Cx, Entity, Rate, RunSeed, SimTime, Span, TimerId, WireId};
use std::sync::Arc;

/// What a sending half is made of.
#[derive(Clone, Debug)]
pub struct Setup<'a> {
    /// The wire that it sends on.
    pub wire: WireId,
    /// Its parameters.
    pub direction: &'a DirectionConfig,
    /// What the link adds to each packet.
    pub framing: Framing,
    /// Largest IP packet.
    pub mtu: Mtu,
    /// The luck of the run.
    pub seed: RunSeed,
    /// The name that its random streams go by.
    pub stream_name: &'a str,
    /// What the timeline changes of it, in order.
    pub later: &'a [LinkChange],
    /// The files that scenarios name.
    pub files: &'a Arc<Files>,
    /// What is measured of it, if someone asks.
    pub meter: Option<Meter>,
}

/// The sending half of one direction of a link.
#[derive(Clone, Debug)]
pub struct Transmitter {
    wire: WireId,
    half: Half,
}

/// Both ways to do it; where both can, they do the same.
#[derive(Clone, Debug)]
enum Half {
    /// Every departure is computed when a packet is offered.
    Computed(Computed),
    /// One packet after the other.
    Managed(Box<Managed>),
}

impl Transmitter {
    /// The sending half that `setup` asks for.
    pub fn new(setup: &Setup<'_>) -> Self {
        // Where a departure may be changed, only one packet at a time is known to have begun.
        let may_err = setup.meter.is_some() && !setup.later.is_empty();
        let managed =
            may_err || setup.direction.needs_management() || setup.later.iter().any(LinkChange::needs_management);
        let half = match managed {
            true => Half::Managed(Box::new(Managed::new(setup))),
            false => Half::Computed(Computed::new(setup)),
        };
        Self { wire: setup.wire, half }
    }

    /// As [`Transmitter::new`], one packet after the other even where departures could be computed: for tests that compare both.
    #[cfg(test)]
    pub(crate) fn managed(setup: &Setup<'_>) -> Self {
        Self { wire: setup.wire, half: Half::Managed(Box::new(Managed::new(setup))) }
    }

    /// The wire that it sends on.
    pub fn wire(&self) -> WireId {
        self.wire
    }

    /// False while the timeline has it down.
    pub fn is_up(&self) -> bool {
        match &self.half {
            Half::Computed(_) => true,
            Half::Managed(half) => half.is_up,
        }
    }

    /// Packets that were or will be lost on the way for a cause, as decided so far.
    pub fn lost(&self, cause: LossCause) -> u64 {
        match &self.half {
            Half::Computed(half) if cause == LossCause::Chance => half.lost(),
            Half::Computed(_) => 0,
            Half::Managed(half) => half.lost(cause),
        }
    }

    /// Packets that arrive once more than they were sent, as decided so far.
    pub fn duplicated(&self) -> u64 {
        match &self.half {
            Half::Computed(_) => 0,
            Half::Managed(half) => half.duplicated,
        }
    }

    /// Packets that the queue has marked with congestion experienced (RFC 3168).
    pub fn marked(&self) -> u64 {
        match &self.half {
            Half::Computed(_) => 0,
            Half::Managed(half) => half.marked(),
        }
    }

    /// What is measured of it.
    pub fn meter(&self) -> Option<&Meter> {
        match &self.half {
            Half::Computed(half) => half.meter(),
            Half::Managed(half) => half.meter(),
        }
    }

    /// Packets that it holds and the wire does not know of yet.
    pub fn held(&self) -> u64 {
        match &self.half {
            Half::Computed(_) => 0,
            Half::Managed(half) => half.waiting(),
        }
    }

    /// Packets that wait or are in service at `now`.
    pub fn backlog(&self, now: SimTime) -> usize {
        match &self.half {
            Half::Computed(half) => half.backlog(now),
            Half::Managed(half) => half.backlog(now),
        }
    }

    /// Asks for the timer that it needs, if any: when that is due, the node calls [`Transmitter::on_timer`].
    pub fn start<E: Entity>(&mut self, cx: &mut Cx<'_, E>) -> Option<TimerId> {
        match &mut self.half {
            Half::Computed(_) => None,
            Half::Managed(half) => Some(half.start(cx)),
        }
    }

    /// Takes a packet of `len` bytes ([`Packet::wire_len`]). What goes no further, this one or others, comes to `drops`.
    #[inline]
    pub fn offer<E: Entity<Packet = Box<Packet>>>(
        &mut self,
        packet: Box<Packet>,
        len: u64,
        drops: &mut Drops,
        cx: &mut Cx<'_, E>,
    ) {
        debug_assert_eq!(len, packet.wire_len());
        match &mut self.half {
            Half::Computed(half) => half.offer(packet, len, drops, cx),
            Half::Managed(half) => half.offer(packet, len, drops, cx),
        }
    }

    /// The timer that [`Transmitter::start`] has asked for is due.
    pub fn on_timer<E: Entity<Packet = Box<Packet>>>(&mut self, drops: &mut Drops, cx: &mut Cx<'_, E>) {
        if let Half::Managed(half) = &mut self.half {
            half.serve(drops, cx);
        }
    }

    /// Changes something now. What has not left is sent anew; the packet in service sends its remaining bits at the new rate.
    pub fn change<E: Entity<Packet = Box<Packet>>>(
        &mut self,
        change: &LinkChange,
        drops: &mut Drops,
        cx: &mut Cx<'_, E>,
    ) {
        match &mut self.half {
            Half::Computed(half) => half.change(change, cx),
            Half::Managed(half) => half.change(change, drops, cx),
        }
    }
}

impl DirectionConfig {
    /// True if something has to be decided when a packet leaves, so that departures cannot be computed ahead.
    fn needs_management(&self) -> bool {
        self.impair.as_ref().is_some_and(|impair| !impair.is_idle())
            || !matches!(self.queue, None | Some(QueueConfig::DropTail(_)))
            || self.shaper.is_some()
            || self.rate_trace.is_some()
    }
}

impl LinkChange {
    fn needs_management(&self) -> bool {
        self.up.is_some() || self.impair.is_some()
    }
}

/// How long the rest of a packet takes at the new rate, if it would have taken `left` at the old, which was
/// rounded up by `carry`; and what this is rounded up by. In whole bits and nanoseconds: a change that
/// leaves the rate as it is leaves all departures as they are.
pub(super) fn remaining(left: Span, carry: u64, old: Option<Rate>, new: Option<Rate>) -> (Span, u64) {
    let (Some(old), Some(new)) = (old, new) else { return (left, carry) };
    let new = u128::from(new.as_bits_per_sec());
    let bit_nanos = u128::from(left.as_nanos()) * u128::from(old.as_bits_per_sec()) - u128::from(carry);
    let nanos = bit_nanos.div_ceil(new);
    // The rounding is less than the new rate, hence below 2^64.
    let carry = (nanos * new - bit_nanos) as u64;
    (Span::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)), carry)
}
