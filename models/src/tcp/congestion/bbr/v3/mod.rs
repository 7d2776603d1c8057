//! BBR, version 3: draft-ietf-ccwg-bbr, whose names these are.
//!
//! ```text
//!  Startup ─▶ Drain ─▶ ProbeBW:  Down ─▶ Cruise ─▶ Refill ─▶ Up ─┐      ProbeRTT: each 5 s without a lower round
//!                                  ▲                             │      trip, from any state; then Cruise, or Startup
//!                                  └─────────────────────────────┘      if the pipe was never full
//! ```
//!
//! It bounds what is in flight by what losses have taught: `inflight_longterm` where probing lost more than 2 %, and
//! `inflight_shortterm` and `bw_shortterm` where losses come without probing. Without selective acknowledgements a sender cannot
//! count losses; the draft's exceptions for that are left out. Marks of queues are ignored, as in the draft.
//!
//! State that undoes a loss is saved where an episode of losses begins (draft §5.5.11.1), not again in each of its rounds.

mod losses;
mod probe_bw;
#[cfg(test)]
mod tests;

use losses::is_inflight_too_high;

use super::{
    Aggregation, EXTRA_ACKED_ROUNDS, Gain, Hold, MIN_PIPE, MIN_RTT_WINDOW, Pacing, Rounds, Slowed, bandwidth, volume,
};
use crate::recovery::WindowedMax;
use crate::tcp::congestion::{Ack, MOST_WINDOW, Phase, Window};
use protosim_core::{LocalTime, Span};

/// StartupPacingGain, 4 ln 2.
const STARTUP_PACING_GAIN: Gain = Gain(2770);
/// DrainPacingGain.
const DRAIN_PACING_GAIN: Gain = Gain(500);
/// pacing_gain in ProbeBW_DOWN.
const DOWN_PACING_GAIN: Gain = Gain(900);
/// pacing_gain in ProbeBW_UP.
const UP_PACING_GAIN: Gain = Gain(1250);
/// DefaultCwndGain.
const CWND_GAIN: Gain = Gain(2000);
/// cwnd_gain in ProbeBW_UP.
const UP_CWND_GAIN: Gain = Gain(2250);
/// ProbeRTTCwndGain.
const PROBE_RTT_CWND_GAIN: Gain = Gain(500);
/// A bandwidth has grown if it is so many times as high.
const GROWTH: Gain = Gain(1250);
/// So many rounds without such a growth, and the pipe is full.
const FULL_ROUNDS: u8 = 3;
/// StartupFullLossCnt: so many gaps in a round, and Startup may end.
const STARTUP_FULL_LOSSES: u32 = 6;
/// MaxBwFilterLen \[cycles\].
const MAX_BW_CYCLES: u64 = 2;
/// ProbeRTTInterval.
const PROBE_RTT_INTERVAL: Span = Span::from_secs(5);
/// The most send_quantum \[bytes\].
const MOST_QUANTUM: u64 = 64 << 10;
/// Stands for infinity in volumes and rates.
const INFINITY: u64 = u64::MAX;

/// BBR.state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Startup,
    Drain,
    Down,
    Cruise,
    Refill,
    Up,
    ProbeRtt,
}

/// BBR.ack_phase: what acknowledgements say of the last probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum AckPhase {
    Init,
    Refilling,
    Starting,
    Feedback,
    Stopping,
}

/// What is saved in case losses were none.
#[derive(Clone, Copy, Debug)]
struct Undo {
    /// The state that was left because of them.
    state: Option<State>,
    bw_shortterm: u64,
    inflight_shortterm: u64,
    inflight_longterm: u64,
}

/// The rate sample of an acknowledgement; zeros if there is none.
#[derive(Clone, Copy, Debug)]
struct Sample {
    delivery_rate: u64,
    delivered: u64,
    tx_in_flight: u64,
    lost: u64,
    is_app_limited: bool,
}

/// BBR v3 at work.
#[derive(Clone, Debug)]
pub struct BbrV3 {
    state: State,
    ack_phase: AckPhase,
    last_phase: Phase,
    rounds: Rounds,
    drain_start_round: u64,
    /// Filter of BBR.max_bw \[bytes/s\], its time being cycle_count.
    max_bw: WindowedMax,
    cycle_count: u64,
    bw: u64,
    bw_shortterm: u64,
    bw_latest: u64,
    inflight_longterm: u64,
    inflight_shortterm: u64,
    inflight_latest: u64,
    loss_round_delivered: u64,
    is_loss_round_start: bool,
    is_loss_in_round: bool,
    /// Gaps in this round, and where the last lost segment ended.
    loss_gaps: u32,
    lost_end: u64,
    undo: Undo,
    /// `undo` is of this episode of losses.
    is_state_saved: bool,
    full_bw: u64,
    full_bw_count: u8,
    full_bw_now: bool,
    full_bw_reached: bool,
    bw_probe_up_acked: u64,
    probe_up_acked_per_inc: u64,
    bw_probe_up_rounds: u32,
    rounds_since_probe_up: u64,
    /// `None` until it is drawn.
    bw_probe_wait: Option<Span>,
    cycle_stamp: LocalTime,
    is_bw_probe_sample: bool,
    prev_probe_too_high: bool,
    prev_probe_precautionary: bool,
    min_rtt: Span,
    min_rtt_stamp: LocalTime,
    probe_rtt_min_delay: Span,
    probe_rtt_min_stamp: LocalTime,
    probe_rtt_expired: bool,
    hold: Hold,
    slowed: Slowed,
    is_idle_restart: bool,
    prior_cwnd: u64,
    pacing: Pacing,
    /// The window at the start; zero before the first acknowledgement.
    initial_cwnd: u64,
    /// C.delivered at the last acknowledgement.
    total_delivered: u64,
    aggregation: Aggregation,
}

impl BbrV3 {
    /// OnInit (draft §5.2.1).
    pub(in crate::tcp::congestion) fn new() -> Self {
        Self {
            state: State::Startup,
            ack_phase: AckPhase::Init,
            last_phase: Phase::Open,
            rounds: Rounds::default(),
            drain_start_round: 0,
            max_bw: WindowedMax::new(),
            cycle_count: 0,
            bw: 0,
            bw_shortterm: INFINITY,
            bw_latest: 0,
            inflight_longterm: INFINITY,
            inflight_shortterm: INFINITY,
            inflight_latest: 0,
            loss_round_delivered: 0,
            is_loss_round_start: false,
            is_loss_in_round: false,
            loss_gaps: 0,
            lost_end: 0,
            is_state_saved: false,
            undo: Undo { state: None, bw_shortterm: 0, inflight_shortterm: 0, inflight_longterm: 0 },
            full_bw: 0,
            full_bw_count: 0,
            full_bw_now: false,
            full_bw_reached: false,
            bw_probe_up_acked: 0,
            probe_up_acked_per_inc: INFINITY,
            bw_probe_up_rounds: 0,
            rounds_since_probe_up: 0,
            bw_probe_wait: None,
            cycle_stamp: LocalTime::ZERO,
            is_bw_probe_sample: false,
            prev_probe_too_high: false,
            prev_probe_precautionary: false,
            min_rtt: Span::MAX,
            min_rtt_stamp: LocalTime::ZERO,
            probe_rtt_min_delay: Span::MAX,
            probe_rtt_min_stamp: LocalTime::ZERO,
            probe_rtt_expired: false,
            hold: Hold::default(),
            slowed: Slowed::default(),
            is_idle_restart: false,
            prior_cwnd: 0,
            pacing: Pacing::default(),
            initial_cwnd: 0,
            total_delivered: 0,
            aggregation: Aggregation::default(),
        }
    }

    /// UpdateOnACK (draft §5.2.3).
    pub(in crate::tcp::congestion) fn on_ack(&mut self, ack: &Ack, window: &mut Window, luck: &mut dyn FnMut() -> u64) {
        if self.initial_cwnd == 0 {
            self.initial_cwnd = window.cwnd;
            self.min_rtt_stamp = ack.now;
            self.probe_rtt_min_stamp = ack.now;
            self.aggregation.restart(ack.now);
        }
        self.pick_probe_wait(luck);
        self.total_delivered = ack.total_delivered;
        let rs = self.sample(ack);
        self.update_latest_delivery_signals(ack, &rs);
        self.update_congestion_signals(ack, &rs, window);
        let rounds = if self.full_bw_reached { EXTRA_ACKED_ROUNDS } else { 1 };
        self.aggregation.update(ack, self.bw, self.rounds.count, rounds, window.cwnd);
        self.check_full_bw_reached(&rs);
        self.check_startup_done(ack, &rs);
        self.check_drain_done(ack, window);
        self.update_probe_bw_cycle_phase(ack, &rs, window);
        self.update_min_rtt(ack);
        self.check_probe_rtt(ack, window);
        if self.is_loss_round_start {
            self.bw_latest = rs.delivery_rate;
            self.inflight_latest = rs.delivered;
        }
        self.bw = self.max_bw().min(self.bw_shortterm);
        self.set_pacing_rate(self.pacing_gain());
        if ack.phase < Phase::Recovery && self.last_phase >= Phase::Recovery {
            window.cwnd = window.cwnd.max(self.prior_cwnd);
        }
        self.is_state_saved &= ack.phase >= Phase::Recovery;
        self.last_phase = ack.phase;
        self.set_cwnd(ack, window);
    }

    fn sample(&self, ack: &Ack) -> Sample {
        ack.rate.as_ref().map_or(
            Sample { delivery_rate: 0, delivered: 0, tx_in_flight: 0, lost: 0, is_app_limited: true },
            |rate| Sample {
                delivery_rate: bandwidth(rate),
                delivered: rate.delivered,
                tx_in_flight: rate.tx_in_flight,
                lost: rate.lost,
                is_app_limited: self.slowed.limits(rate),
            },
        )
    }

    fn max_bw(&self) -> u64 {
        self.max_bw.best().unwrap_or(0)
    }

    const fn pacing_gain(&self) -> Gain {
        match self.state {
            State::Startup => STARTUP_PACING_GAIN,
            State::Drain => DRAIN_PACING_GAIN,
            State::Down => DOWN_PACING_GAIN,
            State::Up => UP_PACING_GAIN,
            State::Cruise | State::Refill | State::ProbeRtt => Gain::ONE,
        }
    }

    const fn cwnd_gain(&self) -> Gain {
        match self.state {
            State::Up => UP_CWND_GAIN,
            State::ProbeRtt => PROBE_RTT_CWND_GAIN,
            State::Startup | State::Drain | State::Down | State::Cruise | State::Refill => CWND_GAIN,
        }
    }

    const fn is_in_probe_bw(&self) -> bool {
        matches!(self.state, State::Down | State::Cruise | State::Refill | State::Up)
    }

    const fn is_probing_bw(&self) -> bool {
        matches!(self.state, State::Startup | State::Refill | State::Up)
    }

    // Startup and Drain (draft §5.3.1, §5.3.2).

    const fn reset_full_bw(&mut self, baseline: u64) {
        self.full_bw = baseline;
        self.full_bw_count = 0;
        self.full_bw_now = false;
    }

    fn check_full_bw_reached(&mut self, rs: &Sample) {
        if self.full_bw_now || !self.rounds.is_start || rs.is_app_limited {
            return;
        }
        if rs.delivery_rate >= GROWTH.times(self.full_bw) {
            self.reset_full_bw(rs.delivery_rate);
            return;
        }
        self.full_bw_count += 1;
        self.full_bw_now = self.full_bw_count >= FULL_ROUNDS;
        self.full_bw_reached |= self.full_bw_now;
    }

    fn check_startup_done(&mut self, ack: &Ack, rs: &Sample) {
        self.check_startup_high_loss(ack, rs);
        if self.state == State::Startup && self.full_bw_reached {
            self.state = State::Drain;
            self.drain_start_round = self.rounds.count;
        }
    }

    /// CheckStartupHighLoss (draft §5.3.1.3).
    fn check_startup_high_loss(&mut self, ack: &Ack, rs: &Sample) {
        if !self.is_loss_round_start {
            return;
        }
        let gaps = std::mem::take(&mut self.loss_gaps);
        // The last acknowledgement was in recovery already, and a round has passed in it.
        let is_in_recovery = ack.phase == Phase::Recovery && self.last_phase == Phase::Recovery;
        if self.full_bw_reached || !is_in_recovery || gaps < STARTUP_FULL_LOSSES {
            return;
        }
        if is_inflight_too_high(rs.lost, rs.tx_in_flight) {
            if self.state == State::Startup {
                self.undo.state = Some(State::Startup);
            }
            self.full_bw_reached = true;
            self.inflight_longterm = self.bdp().max(self.inflight_latest);
        }
    }

    fn check_drain_done(&mut self, ack: &Ack, window: &Window) {
        if self.state == State::Drain
            && (ack.in_flight <= self.inflight(self.bw, Gain::ONE, window)
                || self.rounds.count > self.drain_start_round + 3)
        {
            self.start_down(ack.now);
        }
    }

    // The least round trip, and ProbeRTT (draft §5.3.4).

    fn update_min_rtt(&mut self, ack: &Ack) {
        self.probe_rtt_expired = ack.now.saturating_since(self.probe_rtt_min_stamp) > PROBE_RTT_INTERVAL;
        if let Some(rtt) = ack.rtt.filter(|&rtt| rtt < self.probe_rtt_min_delay || self.probe_rtt_expired) {
            self.probe_rtt_min_delay = rtt;
            self.probe_rtt_min_stamp = ack.now;
        }
        let is_expired = ack.now.saturating_since(self.min_rtt_stamp) > MIN_RTT_WINDOW;
        if self.probe_rtt_min_delay < self.min_rtt || is_expired {
            self.min_rtt = self.probe_rtt_min_delay;
            self.min_rtt_stamp = self.probe_rtt_min_stamp;
        }
    }

    fn check_probe_rtt(&mut self, ack: &Ack, window: &mut Window) {
        if self.state != State::ProbeRtt && self.probe_rtt_expired && !self.is_idle_restart {
            self.save_cwnd(window);
            self.state = State::ProbeRtt;
            self.hold = Hold::default();
            self.ack_phase = AckPhase::Stopping;
            self.rounds.start(ack.total_delivered);
            self.slowed.begin(ack.total_delivered);
        }
        if self.state == State::ProbeRtt {
            self.slowed.extend(ack);
            let least = self.probe_rtt_cwnd(window);
            if self.hold.on_ack(ack, least, &mut self.rounds) {
                self.check_probe_rtt_done(ack.now, window);
            }
        }
        if ack.delivered > 0 {
            self.is_idle_restart = false;
        }
    }

    fn check_probe_rtt_done(&mut self, now: LocalTime, window: &mut Window) {
        if !self.hold.is_over(now) {
            return;
        }
        self.probe_rtt_min_stamp = now;
        window.cwnd = window.cwnd.max(self.prior_cwnd);
        // ExitProbeRTT.
        self.reset_short_term_model();
        if self.full_bw_reached {
            self.start_down(now);
            self.state = State::Cruise;
        } else {
            self.state = State::Startup;
        }
    }

    fn probe_rtt_cwnd(&self, window: &Window) -> u64 {
        self.bdp_multiple(self.bw, PROBE_RTT_CWND_GAIN).max(MIN_PIPE * window.mss)
    }

    /// HandleRestartFromIdle (draft §5.4.1).
    pub(in crate::tcp::congestion) fn on_idle_restart(&mut self, now: LocalTime, window: &mut Window) {
        self.is_idle_restart = true;
        self.aggregation.restart(now);
        if self.is_in_probe_bw() {
            self.set_pacing_rate(Gain::ONE);
        } else if self.state == State::ProbeRtt {
            self.check_probe_rtt_done(now, window);
        }
    }

    // Control parameters (draft §5.6).

    fn set_pacing_rate(&mut self, gain: Gain) {
        self.pacing.set(self.bw, gain, self.full_bw_reached);
    }

    pub(in crate::tcp::congestion) fn pacing_rate(&self, window: &Window, srtt: Span) -> u64 {
        self.pacing.rate(window, srtt, STARTUP_PACING_GAIN)
    }

    fn bdp(&self) -> u64 {
        self.bdp_multiple(self.bw, Gain::ONE)
    }

    fn bdp_multiple(&self, bw: u64, gain: Gain) -> u64 {
        if self.min_rtt == Span::MAX {
            return self.initial_cwnd;
        }
        gain.times(volume(bw, self.min_rtt))
    }

    /// Inflight.
    fn inflight(&self, bw: u64, gain: Gain, window: &Window) -> u64 {
        self.quantization_budget(self.bdp_multiple(bw, gain), window)
    }

    fn quantization_budget(&self, inflight_cap: u64, window: &Window) -> u64 {
        let send_quantum = (self.pacing.0 / 1000).min(MOST_QUANTUM).max(2 * window.mss);
        let cap = inflight_cap.max(3 * send_quantum).max(MIN_PIPE * window.mss);
        let more = if self.state == State::Up { 2 * window.mss } else { 0 };
        cap.saturating_add(more).min(MOST_WINDOW)
    }

    fn set_cwnd(&self, ack: &Ack, window: &mut Window) {
        let bdp = self.bdp_multiple(self.bw, self.cwnd_gain());
        let max_inflight = self.quantization_budget(bdp.saturating_add(self.aggregation.extra_acked()), window);
        let grown = window.cwnd.saturating_add(ack.delivered).min(MOST_WINDOW);
        if self.full_bw_reached {
            window.cwnd = grown.min(max_inflight);
        } else if window.cwnd < max_inflight || ack.total_delivered < self.initial_cwnd {
            window.cwnd = grown;
        }
        self.bound_cwnd(window);
    }

    /// BoundCwndForProbeRTT and BoundCwndForModel.
    fn bound_cwnd(&self, window: &mut Window) {
        let least = MIN_PIPE * window.mss;
        if self.state == State::ProbeRtt {
            window.cwnd = window.cwnd.min(self.probe_rtt_cwnd(window));
        }
        let cap = match self.state {
            State::Down | State::Refill | State::Up => self.inflight_longterm,
            State::Cruise | State::ProbeRtt => self.inflight_with_headroom(window),
            State::Startup | State::Drain => INFINITY,
        };
        window.cwnd = window.cwnd.max(least).min(cap.min(self.inflight_shortterm).max(least));
    }
}
