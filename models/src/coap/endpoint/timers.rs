//! The timers of an endpoint, ordered by deadline: the earliest is found at once, however many
//! exchanges are open.

use super::RequestHandle;
use crate::coap::wire::{MessageId, Token};
use protosim_core::{Deadline, LocalTime};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// What an endpoint waits for. Timers due at one instant are served in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Timer {
    /// No acknowledgement of this confirmable message yet: send it again, or give up (RFC 7252 §4.2).
    Retransmission(SocketAddr, MessageId),
    /// The response to this request is late: give up.
    ResponseWait(SocketAddr, Token),
    /// The application takes long: acknowledge its request first (RFC 7252 §5.2.2).
    PiggybackLimit(RequestHandle),
    /// A message id towards this peer becomes free (RFC 7252 §4.4).
    MessageId(SocketAddr),
    /// A non-confirmable notification may follow the one before (RFC 7641 §4.5.1).
    Pacing(SocketAddr, Token),
    /// A peer that says nothing may be asked again (RFC 7252 §4.7, PROBING_RATE).
    Probing(SocketAddr),
}

impl Timer {
    const fn name(self) -> &'static str {
        match self {
            Self::Retransmission(..) => "retransmission",
            Self::ResponseWait(..) => "response wait",
            Self::PiggybackLimit(..) => "piggyback limit",
            Self::MessageId(..) => "message id",
            Self::Pacing(..) => "pacing",
            Self::Probing(..) => "probing",
        }
    }
}

/// The timers that are set, each at most once.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    by_deadline: BTreeSet<(LocalTime, Timer)>,
    deadlines: BTreeMap<Timer, LocalTime>,
}

impl Timers {
    /// Sets `timer`, or moves it.
    pub(super) fn set(&mut self, timer: Timer, at: LocalTime) {
        if let Some(before) = self.deadlines.insert(timer, at) {
            self.by_deadline.remove(&(before, timer));
        }
        self.by_deadline.insert((at, timer));
    }

    /// Takes `timer` back, if it is set.
    pub(super) fn cancel(&mut self, timer: Timer) {
        if let Some(at) = self.deadlines.remove(&timer) {
            self.by_deadline.remove(&(at, timer));
        }
    }

    /// Takes out the earliest timer that is due.
    pub(super) fn pop_due(&mut self, now: LocalTime) -> Option<Timer> {
        let (_, timer) = self.by_deadline.first().copied().filter(|(at, _)| *at <= now)?;
        self.cancel(timer);
        Some(timer)
    }

    /// The earliest deadline.
    pub(super) fn earliest(&self) -> Option<Deadline> {
        self.by_deadline.first().map(|(at, timer)| Deadline { at: *at, timer: timer.name() })
    }
}
