//! NewReno: slow start and congestion avoidance (RFC 5681 §3.1), with appropriate byte counting (RFC 3465).

use super::{Ack, MOST_WINDOW, Phase, Window};

/// L of RFC 3465 §2.3: so many segments more for one acknowledgement in slow start.
const LIMIT: u64 = 2;

/// One more segment for each round trip, half of them after a loss.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewReno {
    /// Bytes acknowledged in congestion avoidance since the window last grew by a segment (RFC 3465 §2.1).
    acked: u64,
}

impl NewReno {
    pub(super) const fn new() -> Self {
        Self { acked: 0 }
    }

    pub(super) fn on_ack(&mut self, ack: &Ack, window: &mut Window) {
        if !ack.may_grow() {
            return;
        }
        let mut acked = ack.newly_acked;
        if window.is_in_slow_start() {
            // An acknowledgement after a time-out can cover what the receiver had kept for long: RFC 3465 §2.3 has L = 1.
            let limit = if ack.phase == Phase::Loss { 1 } else { LIMIT };
            acked = window.grow_in_slow_start(acked, limit * window.mss);
        }
        self.avoid(acked, window);
    }

    /// Congestion avoidance: one segment for each full window that is acknowledged (RFC 3465 §2.1), at most one for an
    /// acknowledgement.
    pub(super) fn avoid(&mut self, acked: u64, window: &mut Window) {
        self.acked = self.acked.saturating_add(acked);
        if self.acked >= window.cwnd {
            self.acked -= window.cwnd;
            window.cwnd = window.cwnd.saturating_add(window.mss).min(MOST_WINDOW);
        }
    }

    /// RFC 5681 §3.1, equation 4: half of `flight`, FlightSize.
    pub(super) fn on_congestion(&mut self, flight: u64, window: &mut Window) {
        self.acked = 0;
        window.ssthresh = (flight / 2).max(2 * window.mss);
    }
}
