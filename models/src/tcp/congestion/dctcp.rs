//! Data center TCP (RFC 8257): the window shrinks by the part of bytes that were marked, not by half for a single mark.
//!
//! Between reductions it grows as NewReno does, and losses halve it as there (RFC 8257 §3.4). A reduction for marks is made
//! once for each window of data, as for any ECN (RFC 3168 §6.1.2); how deep it is says α, an average over windows of data.

use super::config::DctcpConfig;
use super::{Ack, Cause, NewReno, Window};
use protosim_core::maths;

/// DCTCP at work.
#[derive(Clone, Copy, Debug)]
pub struct Dctcp {
    /// g.
    gain: f64,
    /// DCTCP.Alpha, 0 to 1.
    alpha: f64,
    /// DCTCP.BytesAcked in this window of data.
    acked: u64,
    /// DCTCP.BytesMarked in this window of data.
    marked: u64,
    /// DCTCP.WindowEnd: the window of data ends when this offset is acknowledged.
    window_end: u64,
    reno: NewReno,
}

impl Dctcp {
    pub(super) fn new(config: &DctcpConfig) -> Self {
        Self {
            gain: config.gain.as_f64(),
            alpha: config.initial_alpha.as_f64(),
            acked: 0,
            marked: 0,
            window_end: 0,
            reno: NewReno::new(),
        }
    }

    pub(super) fn on_ack(&mut self, ack: &Ack, window: &mut Window) {
        self.estimate(ack);
        self.reno.on_ack(ack, window);
    }

    /// RFC 8257 §3.3, steps 1 to 8.
    fn estimate(&mut self, ack: &Ack) {
        self.acked = self.acked.saturating_add(ack.delivered);
        self.marked = self.marked.saturating_add(ack.marked.min(ack.delivered));
        if ack.snd_una <= self.window_end {
            return;
        }
        if self.acked > 0 {
            let share = self.marked as f64 / self.acked as f64;
            self.alpha = self.alpha * (1.0 - self.gain) + self.gain * share;
        }
        self.window_end = ack.snd_nxt;
        self.acked = 0;
        self.marked = 0;
    }

    /// RFC 8257 §3.3, step 9: cwnd · (1 - α / 2) for marks; half for losses (§3.4).
    pub(super) fn on_congestion(&mut self, cause: Cause, flight: u64, window: &mut Window) {
        let cwnd = window.cwnd;
        self.reno.on_congestion(flight, window);
        if cause == Cause::Mark {
            let reduced = maths::round_to_u64(cwnd as f64 * (1.0 - self.alpha / 2.0));
            window.ssthresh = reduced.max(2 * window.mss);
        }
    }

    /// DCTCP.Alpha: the part of marked bytes of late, 0 to 1.
    pub const fn alpha(&self) -> f64 {
        self.alpha
    }
}
