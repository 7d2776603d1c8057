//! The window and what is in flight, without clock or sockets.

use crate::recovery::{RtoFloor, RtoLimits, RttEstimator};
use protosim_core::{LocalTime, Span, maths};
use std::collections::VecDeque;

/// So many acknowledgements of later datagrams tell that one is lost (RFC 5681 §3.2).
const LATER_ACKS: u8 = 3;

/// RFC 6298 §2.1, §2.4 and §2.5.
const RTO: RtoLimits = RtoLimits {
    initial: Span::from_secs(1),
    least: Span::from_secs(1),
    most: Span::from_secs(60),
    floor: RtoFloor::Whole,
    tick: Span::ZERO,
};

/// The sending end of one flow; see the module for its law.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    /// \[datagrams\]
    window: f64,
    /// The number of the next datagram.
    next: u64,
    /// What has a smaller number was sent before the last halving.
    halved_at: u64,
    /// The oldest that is in flight and all that were sent after it; the first has the number `next - len`.
    sent: VecDeque<Sent>,
    in_flight: u64,
    rtt: RttEstimator,
    /// Time-outs since the last measurement: each doubles the next one (RFC 6298 §5.5).
    doublings: u32,
    /// From when the time-out runs: the last acknowledgement, or the first datagram after nothing was in flight.
    since: LocalTime,
    pub(super) counts: FlowCounts,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    at: LocalTime,
    is_open: bool,
    /// Acknowledgements of later ones so far.
    later: u8,
}

/// What a flow has seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct FlowCounts {
    pub(super) acknowledged: u64,
    pub(super) lost: u64,
    /// Acknowledgements of what was given up, of what was never sent, and copies.
    pub(super) stale: u64,
    /// Acknowledgements that echo a mark.
    pub(super) marks: u64,
    pub(super) halvings: u64,
    pub(super) timeouts: u64,
    /// The largest window.
    pub(super) largest: f64,
    /// The smallest window after a halving.
    pub(super) smallest: Option<f64>,
}

impl Flow {
    pub(super) fn new(initial_window: u32) -> Self {
        let window = f64::from(initial_window).max(1.0);
        let counts = FlowCounts {
            acknowledged: 0,
            lost: 0,
            stale: 0,
            marks: 0,
            halvings: 0,
            timeouts: 0,
            largest: window,
            smallest: None,
        };
        Self {
            window,
            next: 0,
            halved_at: 0,
            sent: VecDeque::new(),
            in_flight: 0,
            rtt: RttEstimator::new(),
            doublings: 0,
            since: LocalTime::ZERO,
            counts,
        }
    }

    /// The window \[datagrams\].
    #[cfg(test)]
    pub(super) const fn window(&self) -> f64 {
        self.window
    }

    /// How many have been sent.
    pub(super) const fn sent(&self) -> u64 {
        self.next
    }

    /// True if the window has room.
    pub(super) fn may_send(&self) -> bool {
        self.in_flight < maths::round_to_u64(self.window.floor())
    }

    /// A datagram is being sent: its number.
    pub(super) fn send(&mut self, now: LocalTime) -> u64 {
        if self.in_flight == 0 {
            self.since = now;
        }
        self.sent.push_back(Sent { at: now, is_open: true, later: 0 });
        self.in_flight += 1;
        self.next += 1;
        self.next - 1
    }

    /// When the time-out passes; `None` if nothing is in flight.
    pub(super) fn deadline(&self) -> Option<LocalTime> {
        (self.in_flight > 0).then(|| self.since.saturating_add(self.rtt.rto(&RTO, self.doublings)))
    }

    /// Datagram `number` has been acknowledged, with or without the echo of a mark.
    pub(super) fn acknowledged(&mut self, number: u64, is_marked: bool, now: LocalTime) {
        let oldest = self.next - self.sent.len() as u64;
        let index = number.checked_sub(oldest).and_then(|behind| usize::try_from(behind).ok());
        let Some((index, acked)) = index.and_then(|index| Some((index, self.sent.get_mut(index)?))) else {
            self.counts.stale += 1;
            return;
        };
        if !std::mem::take(&mut acked.is_open) {
            self.counts.stale += 1;
            return;
        }
        let sent_at = acked.at;
        self.rtt.measured(now.saturating_since(sent_at));
        self.doublings = 0;
        self.since = now;
        self.in_flight -= 1;
        self.counts.acknowledged += 1;
        if number >= self.halved_at && !is_marked {
            self.window += 1.0 / self.window;
            self.counts.largest = self.counts.largest.max(self.window);
        }
        for earlier in 0..index {
            let sent = &mut self.sent[earlier];
            sent.later = sent.later.saturating_add(1);
            if sent.is_open && sent.later >= LATER_ACKS {
                sent.is_open = false;
                self.in_flight -= 1;
                self.counts.lost += 1;
                self.halve(oldest + earlier as u64);
            }
        }
        if is_marked {
            self.counts.marks += 1;
            self.halve(number);
        }
        self.forget_closed();
    }

    /// The time-out has passed: all in flight are lost.
    pub(super) fn timed_out(&mut self, now: LocalTime) {
        let oldest = self.next - self.sent.len() as u64;
        self.counts.timeouts += 1;
        self.counts.lost += self.in_flight;
        self.in_flight = 0;
        self.doublings += 1;
        self.since = now;
        // The first in the queue is open: closed ones are forgotten.
        self.halve(oldest);
        self.sent.clear();
    }

    /// Datagram `number` was lost or marked.
    fn halve(&mut self, number: u64) {
        if number < self.halved_at {
            return;
        }
        self.halved_at = self.next;
        self.window = (self.window / 2.0).max(1.0);
        self.counts.halvings += 1;
        self.counts.smallest = Some(self.counts.smallest.map_or(self.window, |least| least.min(self.window)));
    }

    fn forget_closed(&mut self) {
        while self.sent.front().is_some_and(|sent| !sent.is_open) {
            self.sent.pop_front();
        }
    }
}
