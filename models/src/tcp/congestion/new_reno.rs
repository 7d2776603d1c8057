//! NewReno: slow start and congestion avoidance (RFC 5681 §3.1), with appropriate byte counting (RFC 3465).

use super::{Ack, Phase, Window};

/// One more segment for each round trip, half of them after a loss.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewReno {
    /// Bytes acknowledged since the window last grew by a segment (RFC 3465 §2.1).
    acked: u64,
}

impl NewReno {
    pub(super) const fn new() -> Self {
        Self { acked: 0 }
    }

    pub(super) fn on_ack(&mut self, ack: &Ack, window: &mut Window) {
        if matches!(ack.phase, Phase::Recovery | Phase::Cwr) || !ack.is_cwnd_limited {
            return;
        }
        let mut acked = ack.newly_acked;
        if window.is_in_slow_start() {
            let grown = (window.cwnd + acked).min(window.ssthresh.max(window.cwnd));
            acked -= grown - window.cwnd;
            window.cwnd = grown;
            if acked == 0 {
                return;
            }
        }
        self.acked += acked;
        if self.acked >= window.cwnd {
            self.acked -= window.cwnd;
            window.cwnd += window.mss;
        }
    }

    /// RFC 5681 §3.1, equation 4.
    pub(super) fn on_congestion(&mut self, in_flight: u64, window: &mut Window) {
        self.acked = 0;
        window.ssthresh = (in_flight / 2).max(2 * window.mss);
    }
}
