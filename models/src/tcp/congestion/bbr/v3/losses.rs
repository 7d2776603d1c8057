//! What losses say of the path, and what is taken back if they were none (draft-ietf-ccwg-bbr §5.5.10, §5.5.11).

use super::super::{Gain, saturate};
use super::{BbrV3, INFINITY, MAX_BW_CYCLES, Sample, State, Undo};
use crate::tcp::congestion::{Ack, Cause, Lost, MOST_WINDOW, Phase, Window};

/// Beta.
const BETA: Gain = Gain(700);
/// LossThresh \[1/100\].
const LOSS_THRESH: u64 = 2;

impl BbrV3 {
    pub(super) fn update_latest_delivery_signals(&mut self, ack: &Ack, rs: &Sample) {
        self.is_loss_round_start = false;
        self.bw_latest = self.bw_latest.max(rs.delivery_rate);
        self.inflight_latest = self.inflight_latest.max(rs.delivered);
        if ack.rate.as_ref().is_some_and(|rate| rate.prior_delivered >= self.loss_round_delivered) {
            self.loss_round_delivered = ack.total_delivered;
            self.is_loss_round_start = true;
        }
    }

    pub(super) fn update_congestion_signals(&mut self, ack: &Ack, rs: &Sample, window: &Window) {
        self.rounds.update(ack.rate.as_ref(), ack.total_delivered);
        if self.rounds.is_start {
            self.rounds_since_probe_up += 1;
        }
        if rs.delivery_rate > 0 && (rs.delivery_rate >= self.max_bw() || !rs.is_app_limited) {
            self.max_bw.update(self.cycle_count, rs.delivery_rate, MAX_BW_CYCLES);
        }
        if !self.is_loss_round_start {
            return;
        }
        if self.is_loss_in_round && !self.is_probing_bw() {
            self.adapt_lower_bounds(window);
        }
        self.is_loss_in_round = false;
    }

    /// InitLowerBounds and LossLowerBounds.
    pub(super) fn adapt_lower_bounds(&mut self, window: &Window) {
        if self.bw_shortterm == INFINITY {
            self.bw_shortterm = self.max_bw();
        }
        if self.inflight_shortterm == INFINITY {
            self.inflight_shortterm = window.cwnd;
        }
        self.bw_shortterm = self.bw_latest.max(BETA.times(self.bw_shortterm));
        self.inflight_shortterm = self.inflight_latest.max(BETA.times(self.inflight_shortterm));
    }

    pub(super) const fn reset_short_term_model(&mut self) {
        self.bw_shortterm = INFINITY;
        self.inflight_shortterm = INFINITY;
    }

    pub(super) const fn reset_congestion_signals(&mut self) {
        self.is_loss_in_round = false;
        self.bw_latest = 0;
        self.inflight_latest = 0;
    }

    /// HandleLostPacket.
    pub(in crate::tcp::congestion) fn on_lost(&mut self, lost: &Lost, window: &Window) {
        if lost.offset != self.lost_end {
            self.loss_gaps = self.loss_gaps.saturating_add(1);
        }
        self.lost_end = lost.offset.saturating_add(lost.bytes);
        self.total_delivered = lost.total_delivered;
        // NoteLoss.
        if !self.is_loss_in_round {
            self.loss_round_delivered = lost.total_delivered;
            self.save_state_upon_loss(window);
        }
        self.is_loss_in_round = true;
        if self.is_bw_probe_sample && is_inflight_too_high(lost.lost, lost.tx_in_flight) {
            self.handle_inflight_too_high(lost, window);
        }
    }

    pub(super) fn handle_inflight_too_high(&mut self, lost: &Lost, window: &Window) {
        self.prev_probe_too_high = true;
        self.is_bw_probe_sample = false;
        if !lost.is_app_limited {
            self.inflight_longterm = inflight_at_loss(lost).max(BETA.times(self.target_inflight(window)));
        }
        if self.state == State::Up {
            self.undo.state = Some(State::Up);
            self.start_down(lost.now);
        }
    }

    pub(super) fn save_state_upon_loss(&mut self, window: &Window) {
        self.save_cwnd(window);
        if !std::mem::replace(&mut self.is_state_saved, true) {
            self.undo = Undo {
                state: None,
                bw_shortterm: self.bw_shortterm,
                inflight_shortterm: self.inflight_shortterm,
                inflight_longterm: self.inflight_longterm,
            };
        }
    }

    pub(super) fn save_cwnd(&mut self, window: &Window) {
        let is_whole = self.last_phase < Phase::Recovery && self.state != State::ProbeRtt;
        self.prior_cwnd = if is_whole { window.cwnd } else { self.prior_cwnd.max(window.cwnd) };
    }

    /// OnEnterRTO and OnEnterFastRecovery (draft §5.6.4.4).
    pub(in crate::tcp::congestion) fn on_congestion(&mut self, cause: Cause, window: &mut Window) {
        if cause == Cause::Mark {
            return;
        }
        self.save_state_upon_loss(window);
        match cause {
            // What was in flight is held lost.
            Cause::Timeout => {
                self.last_phase = Phase::Loss;
                window.cwnd = window.mss;
            }
            Cause::Loss | Cause::Mark => self.last_phase = self.last_phase.max(Phase::Recovery),
        }
    }

    /// RestoreCwnd.
    pub(in crate::tcp::congestion) fn on_recovered(&mut self, window: &mut Window) {
        window.cwnd = window.cwnd.max(self.prior_cwnd);
        self.last_phase = Phase::Open;
        self.bound_cwnd(window);
    }

    /// HandleSpuriousLossDetection.
    pub(in crate::tcp::congestion) fn on_undo(&mut self, window: &mut Window) {
        self.is_loss_in_round = false;
        self.reset_full_bw(0);
        self.bw_shortterm = self.bw_shortterm.max(self.undo.bw_shortterm);
        self.inflight_shortterm = self.inflight_shortterm.max(self.undo.inflight_shortterm);
        self.inflight_longterm = self.inflight_longterm.max(self.undo.inflight_longterm);
        match self.undo.state.take() {
            Some(State::Startup) if self.state != State::Startup => {
                self.full_bw_reached = false;
                if self.state != State::ProbeRtt {
                    self.state = State::Startup;
                }
            }
            Some(State::Up) if self.state != State::Up && self.state != State::ProbeRtt => self.start_refill(),
            _ => {}
        }
        self.on_recovered(window);
    }
}

/// IsInflightTooHigh: more lost than the threshold has of what was in flight.
pub(super) fn is_inflight_too_high(lost: u64, tx_in_flight: u64) -> bool {
    u128::from(lost) * 100 > u128::from(tx_in_flight) * u128::from(LOSS_THRESH)
}

/// InflightAtLoss: at which volume the losses crossed the threshold.
pub(super) fn inflight_at_loss(lost: &Lost) -> u64 {
    let inflight_prev = lost.tx_in_flight.saturating_sub(lost.bytes);
    let lost_prev = lost.lost.saturating_sub(lost.bytes);
    let budget = u128::from(inflight_prev) * u128::from(LOSS_THRESH);
    let lost_prefix = budget.saturating_sub(u128::from(lost_prev) * 100) / u128::from(100 - LOSS_THRESH);
    inflight_prev.saturating_add(saturate(lost_prefix)).min(MOST_WINDOW)
}
