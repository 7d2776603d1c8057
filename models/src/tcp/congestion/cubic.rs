//! CUBIC (RFC 9438): the window is a cubic function of the time since the last congestion.
//!
//! Windows are counted in bytes; the RFC's formulas are in segments and seconds, and so are the floats here. What the
//! window grows by for one acknowledgement is rarely a whole byte: the rest is kept for the next one.
//!
//! An acknowledgement of several segments counts as so many (as implementations do; the text of RFC 9438 §4.4 has one step
//! for each acknowledgement).

use super::config::CubicConfig;
use super::hystart::HyStart;
use super::{Ack, Cause, MOST_WINDOW, Phase, Window};
use protosim_core::{LocalTime, Span, maths};

/// L of RFC 9406 §4.3: so many segments more for one acknowledgement in slow start, if they are not paced.
const LIMIT: u64 = 8;

/// CUBIC at work.
#[derive(Clone, Debug)]
pub struct Cubic {
    /// C \[segments/s³\].
    c: f64,
    /// β.
    beta: f64,
    /// W_max \[segments\]; zero before the first congestion.
    w_max: f64,
    /// The window before the last reduction \[segments\].
    cwnd_prior: f64,
    /// What the window has grown by beyond whole bytes \[bytes\], below 1.
    carry: f64,
    stage: Stage,
    /// What it was before the last congestion, in case there was none.
    saved: Option<Box<Saved>>,
    has_fast_convergence: bool,
    is_paced: bool,
    /// The next congestion avoidance is the first after a time-out.
    after_timeout: bool,
}

/// Where it is.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The first slow start, with HyStart++.
    HyStart(HyStart),
    /// Congestion avoidance has not begun yet.
    Before,
    /// Congestion avoidance.
    Avoidance(Epoch),
}

/// A stage of congestion avoidance.
#[derive(Clone, Copy, Debug)]
struct Epoch {
    /// When it began, later by all the time in which the window was not what limited the sender.
    start: LocalTime,
    /// The last acknowledgement.
    last: LocalTime,
    /// K \[s\].
    k: f64,
    /// W_est \[segments\].
    w_est: f64,
}

#[derive(Clone, Copy, Debug)]
struct Saved {
    w_max: f64,
    cwnd_prior: f64,
    carry: f64,
    stage: Stage,
    after_timeout: bool,
}

impl Cubic {
    pub(super) fn new(config: &CubicConfig, is_paced: bool) -> Self {
        Self {
            c: config.c.as_f64(),
            beta: config.beta.as_f64(),
            w_max: 0.0,
            cwnd_prior: 0.0,
            carry: 0.0,
            stage: if config.hystart { Stage::HyStart(HyStart::new()) } else { Stage::Before },
            saved: None,
            has_fast_convergence: config.fast_convergence,
            is_paced,
            after_timeout: false,
        }
    }

    pub(super) fn on_ack(&mut self, ack: &Ack, window: &mut Window) {
        // HyStart++ looks at every round trip of the first slow start (RFC 9406 §4.2), growing or not.
        if let Stage::HyStart(hystart) = &mut self.stage
            && window.is_in_slow_start()
            && ack.phase < Phase::Cwr
        {
            hystart.on_ack(ack, window);
        }
        if !ack.may_grow() {
            self.pass_time(ack.now);
            return;
        }
        let mut acked = ack.newly_acked;
        if window.is_in_slow_start() {
            let limit = if self.is_paced { u64::MAX } else { LIMIT.saturating_mul(window.mss) };
            acked = acked.min(limit);
            if let Stage::HyStart(hystart) = &mut self.stage {
                acked = hystart.growth(acked);
            }
            acked = window.grow_in_slow_start(acked, limit);
            self.pass_time(ack.now);
        }
        if acked > 0 {
            self.avoid(acked, ack.now, ack.srtt, window);
        }
    }

    /// Time in which the window did not follow the cubic function does not count: RFC 9438 §4.2 and §5.8.
    fn pass_time(&mut self, now: LocalTime) {
        if let Stage::Avoidance(epoch) = &mut self.stage {
            epoch.start = epoch.start.saturating_add(now.saturating_since(epoch.last));
            epoch.last = now;
        }
    }

    /// Congestion avoidance (RFC 9438 §4.2 to §4.5).
    fn avoid(&mut self, acked: u64, now: LocalTime, srtt: Span, window: &mut Window) {
        let mss = window.mss as f64;
        let cwnd = (window.cwnd as f64 + self.carry) / mss;
        let mut epoch = match self.stage {
            Stage::Avoidance(epoch) => epoch,
            Stage::HyStart(_) | Stage::Before => self.begin(now, cwnd),
        };
        epoch.last = now;
        let segments = acked as f64 / mss;
        let t = now.saturating_since(epoch.start).as_secs_f64();
        // §4.3: like Reno with an average window that is the same, then as fast as Reno.
        let alpha = if epoch.w_est >= self.cwnd_prior { 1.0 } else { 3.0 * (1.0 - self.beta) / (1.0 + self.beta) };
        epoch.w_est += alpha * segments / cwnd;
        let grown = if self.w_cubic(t, epoch.k) < epoch.w_est {
            cwnd.max(epoch.w_est)
        } else {
            let target = self.w_cubic(t + srtt.as_secs_f64(), epoch.k).clamp(cwnd, 1.5 * cwnd);
            (cwnd + (target - cwnd) / cwnd * segments).min(target)
        };
        self.stage = Stage::Avoidance(epoch);
        let bytes = (grown * mss).min(MOST_WINDOW as f64);
        let whole = bytes.floor();
        self.carry = bytes - whole;
        // Never smaller: what the floats lose is below a byte.
        window.cwnd = window.cwnd.max(maths::round_to_u64(whole));
    }

    /// W_cubic(t) (RFC 9438 §4.2, figure 1) \[segments\].
    fn w_cubic(&self, t: f64, k: f64) -> f64 {
        let x = t - k;
        self.c * x * x * x + self.w_max
    }

    /// A stage of congestion avoidance begins, with a window of `cwnd` segments.
    fn begin(&mut self, now: LocalTime, cwnd: f64) -> Epoch {
        // §4.8 after a time-out, §4.10 after a slow start that no loss has ended: from here on convex. The same where the
        // window is beyond its maximum already.
        let k = if self.after_timeout || cwnd >= self.w_max {
            self.w_max = cwnd;
            0.0
        } else {
            maths::cbrt((self.w_max - cwnd) / self.c)
        };
        self.after_timeout = false;
        Epoch { start: now, last: now, k, w_est: cwnd }
    }

    /// Multiplicative decrease (RFC 9438 §4.6), fast convergence (§4.7), time-outs (§4.8). `flight` is FlightSize.
    pub(super) fn on_congestion(&mut self, cause: Cause, flight: u64, window: &mut Window) {
        self.saved = Some(Box::new(Saved {
            w_max: self.w_max,
            cwnd_prior: self.cwnd_prior,
            carry: self.carry,
            stage: self.stage,
            after_timeout: self.after_timeout,
        }));
        let cwnd = window.cwnd as f64 / window.mss as f64;
        self.w_max = if self.has_fast_convergence && cwnd < self.w_max { cwnd * (1.0 + self.beta) / 2.0 } else { cwnd };
        self.cwnd_prior = cwnd;
        self.carry = 0.0;
        self.stage = Stage::Before;
        self.after_timeout = cause == Cause::Timeout;
        window.ssthresh = maths::round_to_u64(flight as f64 * self.beta).max(2 * window.mss);
    }

    /// §4.8: congestion avoidance after a time-out begins with the window of then, though this time-out reduces nothing (Linux's
    /// `bictcp_state` forgets the maximum). What is saved stays that before the reduction under way.
    pub(super) fn on_timeout_in_reduction(&mut self) {
        self.carry = 0.0;
        self.stage = Stage::Before;
        self.after_timeout = true;
    }

    /// What was saved is of no use any more.
    pub(super) fn forget_undo(&mut self) {
        self.saved = None;
    }

    /// Bytes allocated.
    #[cfg(test)]
    pub(super) fn allocated(&self) -> usize {
        if self.saved.is_some() { size_of::<Saved>() } else { 0 }
    }

    /// RFC 9438 §4.9: as if nothing had been.
    pub(super) fn on_undo(&mut self) {
        if let Some(saved) = self.saved.take() {
            self.w_max = saved.w_max;
            self.cwnd_prior = saved.cwnd_prior;
            self.carry = saved.carry;
            self.stage = saved.stage;
            self.after_timeout = saved.after_timeout;
        }
    }

    /// The idle time does not count as time in congestion avoidance.
    pub(super) fn on_idle_restart(&mut self, now: LocalTime) {
        self.pass_time(now);
    }
}
