//! ProbeBW: Down, Cruise, Refill and Up, and what they learn of how much fits (draft-ietf-ccwg-bbr §5.3.3).

use super::super::{Gain, MIN_PIPE, draw};
use super::losses::is_inflight_too_high;
use super::{AckPhase, BbrV3, INFINITY, Sample, State};
use crate::tcp::congestion::{Ack, MOST_WINDOW, Window};
use protosim_core::time::NANOS_PER_SEC;
use protosim_core::{LocalTime, Span};

/// Headroom.
const HEADROOM: Gain = Gain(150);
/// The least time from one probe for bandwidth to the next; up to a second more is drawn (PickProbeWait).
const PROBE_WAIT: Span = Span::from_secs(2);
/// The most rounds from one probe to the next, less the one that may be drawn.
const MOST_PROBE_ROUNDS: u64 = 63;

impl BbrV3 {
    /// PickProbeWait; with the acknowledgement after the one that started ProbeBW_DOWN.
    pub(super) fn pick_probe_wait(&mut self, luck: &mut dyn FnMut() -> u64) {
        if self.bw_probe_wait.is_none() && self.is_in_probe_bw() {
            self.rounds_since_probe_up += draw(luck, 2);
            self.bw_probe_wait = Some(PROBE_WAIT.saturating_add(Span::from_nanos(draw(luck, NANOS_PER_SEC))));
        }
    }

    pub(super) fn start_down(&mut self, now: LocalTime) {
        self.reset_congestion_signals();
        self.probe_up_acked_per_inc = INFINITY;
        self.rounds_since_probe_up = 0;
        self.bw_probe_wait = None;
        self.cycle_stamp = now;
        self.ack_phase = AckPhase::Stopping;
        self.rounds.start(self.total_delivered);
        self.state = State::Down;
    }

    pub(super) const fn start_refill(&mut self) {
        self.reset_short_term_model();
        self.bw_probe_up_rounds = 0;
        self.bw_probe_up_acked = 0;
        self.prev_probe_precautionary = false;
        self.ack_phase = AckPhase::Refilling;
        self.rounds.start(self.total_delivered);
        self.state = State::Refill;
    }

    pub(super) fn start_up(&mut self, rs: &Sample, window: &Window) {
        self.ack_phase = AckPhase::Starting;
        self.rounds.start(self.total_delivered);
        self.reset_full_bw(rs.delivery_rate);
        self.state = State::Up;
        self.raise_inflight_longterm_slope(window);
    }

    pub(super) fn update_probe_bw_cycle_phase(&mut self, ack: &Ack, rs: &Sample, window: &Window) {
        if !self.full_bw_reached || ack.delivered == 0 || self.adapt_long_term_model(ack, rs, window) {
            return;
        }
        match self.state {
            State::Down => {
                if self.is_time_to_probe_bw(ack.now, window) {
                    self.start_refill();
                } else if self.is_time_to_cruise(ack, window) {
                    self.state = State::Cruise;
                }
            }
            State::Cruise if self.is_time_to_probe_bw(ack.now, window) => self.start_refill(),
            State::Refill if self.rounds.is_start => {
                self.is_bw_probe_sample = true;
                self.start_up(rs, window);
            }
            State::Up => self.go_down_in_time(ack, rs, window),
            _ => {}
        }
    }

    fn go_down_in_time(&mut self, ack: &Ack, rs: &Sample, window: &Window) {
        if self.is_time_to_go_down(ack, rs, window) {
            self.prev_probe_too_high = false;
            self.start_down(ack.now);
        }
    }

    /// True if it has decided where to go.
    pub(super) fn adapt_long_term_model(&mut self, ack: &Ack, rs: &Sample, window: &Window) -> bool {
        if self.ack_phase == AckPhase::Starting && self.rounds.is_start {
            self.ack_phase = AckPhase::Feedback;
        }
        if self.ack_phase == AckPhase::Stopping && self.rounds.is_start {
            self.is_bw_probe_sample = false;
            self.ack_phase = AckPhase::Init;
            if self.is_in_probe_bw() && !rs.is_app_limited {
                self.cycle_count += 1;
            }
            if self.is_in_probe_bw() && self.prev_probe_precautionary && !self.prev_probe_too_high {
                self.start_refill();
                return true;
            }
        }
        if !is_inflight_too_high(rs.lost, rs.tx_in_flight) && self.inflight_longterm != INFINITY {
            self.inflight_longterm = self.inflight_longterm.max(rs.tx_in_flight);
            if self.state == State::Up {
                self.probe_inflight_longterm_upward(ack, window);
            }
        }
        false
    }

    pub(super) fn probe_inflight_longterm_upward(&mut self, ack: &Ack, window: &Window) {
        if !ack.is_cwnd_limited || window.cwnd < self.inflight_longterm {
            return;
        }
        self.bw_probe_up_acked = self.bw_probe_up_acked.saturating_add(ack.delivered);
        if self.bw_probe_up_acked >= self.probe_up_acked_per_inc {
            let increments = self.bw_probe_up_acked / self.probe_up_acked_per_inc;
            self.bw_probe_up_acked %= self.probe_up_acked_per_inc;
            let grown = increments.saturating_mul(window.mss);
            self.inflight_longterm = self.inflight_longterm.saturating_add(grown).min(MOST_WINDOW);
        }
        if self.rounds.is_start {
            self.raise_inflight_longterm_slope(window);
        }
    }

    pub(super) fn raise_inflight_longterm_slope(&mut self, window: &Window) {
        let growth_this_round = 1_u64 << self.bw_probe_up_rounds;
        self.bw_probe_up_rounds = (self.bw_probe_up_rounds + 1).min(30);
        self.probe_up_acked_per_inc = (window.cwnd / growth_this_round).max(window.mss);
    }

    pub(super) fn is_time_to_probe_bw(&self, now: LocalTime, window: &Window) -> bool {
        if self.bw_probe_wait.is_some_and(|wait| now.saturating_since(self.cycle_stamp) > wait) {
            return true;
        }
        // IsRenoCoexistenceProbeTime.
        let reno_rounds = self.target_inflight(window) / window.mss.max(1);
        self.rounds_since_probe_up >= reno_rounds.min(MOST_PROBE_ROUNDS)
    }

    pub(super) fn is_time_to_cruise(&self, ack: &Ack, window: &Window) -> bool {
        ack.in_flight <= self.inflight_with_headroom(window)
            && ack.in_flight <= self.inflight(self.max_bw(), Gain::ONE, window)
    }

    pub(super) fn is_time_to_go_down(&mut self, ack: &Ack, rs: &Sample, window: &Window) -> bool {
        if self.prev_probe_too_high && ack.in_flight >= self.inflight_longterm {
            self.prev_probe_precautionary = true;
            return true;
        }
        if ack.is_cwnd_limited && window.cwnd >= self.inflight_longterm {
            self.reset_full_bw(rs.delivery_rate);
            return false;
        }
        self.full_bw_now
    }

    /// TargetInflight.
    pub(super) fn target_inflight(&self, window: &Window) -> u64 {
        self.bdp().min(window.cwnd)
    }

    pub(super) fn inflight_with_headroom(&self, window: &Window) -> u64 {
        if self.inflight_longterm == INFINITY {
            return INFINITY;
        }
        let headroom = HEADROOM.times(self.inflight_longterm).max(window.mss);
        self.inflight_longterm.saturating_sub(headroom).max(MIN_PIPE * window.mss)
    }
}
