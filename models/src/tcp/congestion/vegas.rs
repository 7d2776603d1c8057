//! Vegas (Brakmo and Peterson, "TCP Vegas: End to End Congestion Avoidance on a Global Internet", 1995): keeps a few segments in
//! the queue of the bottleneck, counted by the delay that they cause.
//!
//! Once in each round trip: the window would need the least round trip of all (BaseRTT) if no queue were there; what is more
//! is queued, `diff = cwnd · (RTT - BaseRTT) / RTT`. RTT is the least of the round, which delayed acknowledgements disturb least
//! (as in Linux); in slow start the last one, of what was sent after the window had grown. Losses halve the window as in NewReno.

use super::config::VegasConfig;
use super::{Ack, MOST_WINDOW, NewReno, Window};
use protosim_core::Span;

/// Vegas at work.
#[derive(Clone, Copy, Debug)]
pub struct Vegas {
    /// α, β and γ \[segments\].
    alpha: u32,
    beta: u32,
    gamma: u32,
    /// In slow start the window grows in every other round, so that each of its values is measured.
    grows: bool,
    /// BaseRTT, the least round trip of all; [`Span::MAX`] before there is one.
    base: Span,
    /// The least round trip of this round; [`Span::MAX`] before there is one.
    round_min: Span,
    /// The last round trip; zero before there is one.
    last: Span,
    /// The round ends when this offset is acknowledged.
    round_end: u64,
    /// For losses.
    reno: NewReno,
}

impl Vegas {
    pub(super) fn new(config: &VegasConfig) -> Self {
        Self {
            alpha: config.alpha,
            beta: config.beta,
            gamma: config.gamma,
            grows: false,
            base: Span::MAX,
            round_min: Span::MAX,
            last: Span::ZERO,
            round_end: 0,
            reno: NewReno::new(),
        }
    }

    pub(super) fn on_ack(&mut self, ack: &Ack, window: &mut Window) {
        if let Some(rtt) = ack.rtt.filter(|rtt| !rtt.is_zero()) {
            self.base = self.base.min(rtt);
            self.round_min = self.round_min.min(rtt);
            self.last = rtt;
        }
        let is_round_end = ack.snd_una >= self.round_end;
        if is_round_end && ack.may_grow() && self.round_min != Span::MAX {
            self.adjust(window);
        }
        if is_round_end {
            self.round_end = ack.snd_nxt;
            self.round_min = Span::MAX;
            self.grows = !self.grows;
        }
        if ack.may_grow() && window.is_in_slow_start() && self.grows {
            window.grow_in_slow_start(ack.newly_acked, 2 * window.mss);
        }
    }

    /// What is in queues by a round trip of `rtt` \[bytes\]: exact but for the fraction of a byte.
    fn queued(&self, rtt: Span, cwnd: u64) -> u64 {
        let more = u128::from(rtt.saturating_sub(self.base).as_nanos());
        let rtt = u128::from(rtt.as_nanos());
        // Below cwnd, since more < rtt.
        u64::try_from(u128::from(cwnd) * more / rtt).unwrap_or(cwnd)
    }

    /// Once in each round.
    fn adjust(&self, window: &mut Window) {
        let rtt = if window.is_in_slow_start() { self.last } else { self.round_min };
        let queued = self.queued(rtt, window.cwnd);
        let segments = |count: u32| u64::from(count).saturating_mul(window.mss);
        if window.is_in_slow_start() {
            if queued > segments(self.gamma) {
                // What the path holds without a queue, and one segment (as in Linux).
                window.cwnd = (window.cwnd - queued + window.mss).min(window.cwnd).max(2 * window.mss);
                window.ssthresh = window.cwnd;
            }
        } else if queued < segments(self.alpha) {
            window.cwnd = window.cwnd.saturating_add(window.mss).min(MOST_WINDOW);
        } else if queued > segments(self.beta) {
            window.cwnd = (window.cwnd - window.mss.min(window.cwnd)).max(2 * window.mss);
        }
    }

    pub(super) fn on_congestion(&mut self, flight: u64, window: &mut Window) {
        self.reno.on_congestion(flight, window);
    }
}
