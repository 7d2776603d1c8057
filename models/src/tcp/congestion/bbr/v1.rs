//! BBR, version 1: draft-cardwell-iccrg-bbr-congestion-control-00, and what Linux has beyond it: a pacing margin of 1 %,
//! room for aggregated acknowledgements, and the long-term sampling that finds the rate of policers.
//!
//! ```text
//!   Startup ──(bandwidth grows no more)──▶ Drain ──(queue is gone)──▶ ProbeBW
//!      ▲                                                              │   ▲
//!      └──────(before the pipe was full)── ProbeRTT ◀─(10 s without a │   │
//!                                              │       lower RTT)─────┘   │
//!                                              └──────────────────────────┘
//! ```
//!
//! Losses do not change the model: during the first round of recovery as much leaves as arrives, then the window grows back, and
//! after recovery it is what it was. Marks of queues are ignored.

use super::long_term::LongTerm;
use super::{
    Aggregation, EXTRA_ACKED_ROUNDS, Gain, Hold, MIN_PIPE, MIN_RTT_WINDOW, Pacing, Rounds, Slowed, bandwidth, draw,
    volume,
};
use crate::recovery::WindowedMax;
use crate::tcp::congestion::{Ack, Cause, MOST_WINDOW, Phase, Window};
use protosim_core::{LocalTime, Span};

/// BBRHighGain, 2/ln 2 (draft §4.3.2.1).
const HIGH_GAIN: Gain = Gain(2885);
/// The inverse of it (draft §4.3.3).
const DRAIN_GAIN: Gain = Gain(347);
/// cwnd_gain in ProbeBW (draft §4.3.4.2).
const CWND_GAIN: Gain = Gain(2000);
/// pacing_gain in ProbeBW: one after the other, each for a round trip (draft §4.3.4.3).
const CYCLE: [Gain; 8] = [Gain(1250), Gain(750), Gain::ONE, Gain::ONE, Gain::ONE, Gain::ONE, Gain::ONE, Gain::ONE];
/// The phase of [`CYCLE`] that probes for more.
const PROBING: usize = 0;
/// The phase of [`CYCLE`] that drains: the only one that a cycle does not start with.
const DRAINING: usize = 1;
/// BtlBwFilterLen \[rounds\] (draft §4.1.1.3).
const BANDWIDTH_ROUNDS: u64 = 10;
/// So many rounds without a growth by a quarter, and the pipe is full (draft §4.3.2.2).
const FULL_ROUNDS: u8 = 3;
/// A bandwidth has grown if it is so many times as high.
const GROWTH: Gain = Gain(1250);
/// Aggregation makes the window wider by no more than what arrives in this time (Linux `bbr_extra_acked_max_us`).
const MOST_EXTRA: Span = Span::from_millis(100);
/// Below 1.2 Mbit/s a quantum is one segment (draft §4.2.2) \[bytes/s\].
const ONE_SEGMENT_BELOW: u64 = 150_000;
/// Below 24 Mbit/s it is two \[bytes/s\].
const TWO_SEGMENTS_BELOW: u64 = 3_000_000;
/// Above, it is what leaves in a millisecond, but not more than this \[bytes\].
const MOST_QUANTUM: u64 = 64 << 10;

/// Its states (draft §3.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Startup,
    Drain,
    /// In this phase of the cycle.
    ProbeBw(usize),
    ProbeRtt,
}

/// BBR v1 at work.
#[derive(Clone, Debug)]
pub struct BbrV1 {
    state: State,
    /// Phase of the connection at the last acknowledgement.
    last_phase: Phase,
    rounds: Rounds,
    /// BBR.BtlBwFilter \[bytes/s\].
    max_bandwidth: WindowedMax,
    /// BBR.RTprop; [`Span::MAX`] before there is one.
    min_rtt: Span,
    min_rtt_at: LocalTime,
    /// When this phase of the cycle began.
    cycle_at: LocalTime,
    /// BBR.full_bw \[bytes/s\], and rounds since it was set.
    full_bandwidth: u64,
    full_rounds: u8,
    is_pipe_full: bool,
    /// The phase of the cycle is to be drawn.
    wants_phase: bool,
    /// In recovery's first round as much leaves as arrives.
    conserves_packets: bool,
    is_idle_restart: bool,
    hold: Hold,
    slowed: Slowed,
    /// The window before recovery or ProbeRTT \[bytes\].
    prior_cwnd: u64,
    pacing: Pacing,
    /// The window at the start \[bytes\].
    initial_cwnd: u64,
    aggregation: Aggregation,
    long_term: LongTerm,
}

impl BbrV1 {
    pub(in crate::tcp::congestion) fn new() -> Self {
        Self {
            state: State::Startup,
            last_phase: Phase::Open,
            rounds: Rounds::default(),
            max_bandwidth: WindowedMax::new(),
            min_rtt: Span::MAX,
            min_rtt_at: LocalTime::ZERO,
            cycle_at: LocalTime::ZERO,
            full_bandwidth: 0,
            full_rounds: 0,
            is_pipe_full: false,
            wants_phase: false,
            conserves_packets: false,
            is_idle_restart: false,
            hold: Hold::default(),
            slowed: Slowed::default(),
            prior_cwnd: 0,
            pacing: Pacing::default(),
            initial_cwnd: 0,
            aggregation: Aggregation::default(),
            long_term: LongTerm::default(),
        }
    }

    /// BBRUpdateOnACK (draft §3.5.3).
    pub(in crate::tcp::congestion) fn on_ack(&mut self, ack: &Ack, window: &mut Window, luck: &mut dyn FnMut() -> u64) {
        if self.initial_cwnd == 0 {
            self.initial_cwnd = window.cwnd;
            self.min_rtt_at = ack.now;
        }
        self.update_bandwidth(ack, window);
        self.update_cycle(ack, window);
        self.check_full_pipe(ack);
        self.check_drain(ack, window);
        self.update_min_rtt(ack, window);
        self.pick_phase(luck);
        self.set_pacing_rate(self.pacing_gain());
        self.set_cwnd(ack, window);
    }

    /// BBR.BtlBw \[bytes/s\].
    fn bandwidth(&self) -> u64 {
        self.max_bandwidth.best().unwrap_or(0)
    }

    /// The rate to send at: that of long-term sampling, if it has one.
    fn sending_bandwidth(&self) -> u64 {
        self.long_term.rate().unwrap_or_else(|| self.bandwidth())
    }

    fn pacing_gain(&self) -> Gain {
        match self.state {
            State::ProbeBw(_) if self.long_term.rate().is_some() => Gain::ONE,
            State::Startup => HIGH_GAIN,
            State::Drain => DRAIN_GAIN,
            State::ProbeBw(phase) => CYCLE[phase],
            State::ProbeRtt => Gain::ONE,
        }
    }

    const fn cwnd_gain(&self) -> Gain {
        match self.state {
            // Draining is a matter of the pacing rate.
            State::Startup | State::Drain => HIGH_GAIN,
            State::ProbeBw(_) => CWND_GAIN,
            State::ProbeRtt => Gain::ONE,
        }
    }

    /// BBRUpdateBtlBw and BBRUpdateRound (draft §4.1.1).
    fn update_bandwidth(&mut self, ack: &Ack, window: &Window) {
        self.rounds.update(ack.rate.as_ref(), ack.total_delivered);
        if self.rounds.is_start {
            self.conserves_packets = false;
        }
        let is_limited = ack.rate.as_ref().is_some_and(|rate| self.slowed.limits(rate));
        let is_probing = matches!(self.state, State::ProbeBw(_));
        if self.long_term.update(ack, is_limited, self.rounds.is_start, is_probing) {
            self.enter_probe_bw(ack.now);
        }
        let Some(rate) = &ack.rate else { return };
        let sample = bandwidth(rate);
        if sample > 0 && (!self.slowed.limits(rate) || sample >= self.bandwidth()) {
            self.max_bandwidth.update(self.rounds.count, sample, BANDWIDTH_ROUNDS);
        }
        self.aggregation.update(ack, self.bandwidth(), self.rounds.count, EXTRA_ACKED_ROUNDS, window.cwnd);
    }

    /// BBRUpdateTargetCwnd's part that is due to the model: `gain` times the bandwidth-delay product, and three quanta.
    fn inflight(&self, gain: Gain, window: &Window) -> u64 {
        self.inflight_at(self.bandwidth(), gain, 0, window)
    }

    fn inflight_at(&self, bandwidth: u64, gain: Gain, extra: u64, window: &Window) -> u64 {
        if self.min_rtt == Span::MAX {
            return self.initial_cwnd;
        }
        let quanta = 3 * self.quantum(window);
        let more = if self.state == State::ProbeBw(PROBING) { 2 * window.mss } else { 0 };
        gain.times(volume(bandwidth, self.min_rtt)).saturating_add(extra + quanta + more).min(MOST_WINDOW)
    }

    /// BBR.send_quantum (draft §4.2.2).
    fn quantum(&self, window: &Window) -> u64 {
        match self.pacing.0 {
            0..ONE_SEGMENT_BELOW => window.mss,
            ONE_SEGMENT_BELOW..TWO_SEGMENTS_BELOW => 2 * window.mss,
            rate => (rate / 1000).min(MOST_QUANTUM).max(2 * window.mss),
        }
    }

    /// BBRCheckCyclePhase (draft §4.3.4.3).
    fn update_cycle(&mut self, ack: &Ack, window: &Window) {
        let State::ProbeBw(phase) = self.state else { return };
        let is_over = ack.now.saturating_since(self.cycle_at) > self.min_rtt;
        let in_flight = ack.prior_in_flight;
        let is_next = match phase {
            PROBING => is_over && (ack.lost > 0 || in_flight >= self.inflight(CYCLE[PROBING], window)),
            DRAINING => is_over || in_flight <= self.inflight(Gain::ONE, window),
            _ => is_over,
        };
        if is_next {
            self.state = State::ProbeBw((phase + 1) % CYCLE.len());
            self.cycle_at = ack.now;
        }
    }

    /// BBRCheckFullPipe (draft §4.3.2.2).
    fn check_full_pipe(&mut self, ack: &Ack) {
        let is_limited = ack.rate.as_ref().is_none_or(|rate| self.slowed.limits(rate));
        if self.is_pipe_full || !self.rounds.is_start || is_limited {
            return;
        }
        if self.bandwidth() >= GROWTH.times(self.full_bandwidth) {
            self.full_bandwidth = self.bandwidth();
            self.full_rounds = 0;
        } else {
            self.full_rounds += 1;
            self.is_pipe_full = self.full_rounds >= FULL_ROUNDS;
        }
    }

    /// BBRCheckDrain (draft §4.3.3).
    fn check_drain(&mut self, ack: &Ack, window: &Window) {
        if self.state == State::Startup && self.is_pipe_full {
            self.state = State::Drain;
        }
        if self.state == State::Drain && ack.in_flight <= self.inflight(Gain::ONE, window) {
            self.enter_probe_bw(ack.now);
        }
    }

    /// BBREnterProbeBW: the phase is drawn with the next acknowledgement, or this one.
    const fn enter_probe_bw(&mut self, now: LocalTime) {
        self.state = State::ProbeBw(DRAINING + 1);
        self.wants_phase = true;
        self.cycle_at = now;
    }

    /// A cycle starts with any phase but the one that drains, so that flows do not probe together.
    fn pick_phase(&mut self, luck: &mut dyn FnMut() -> u64) {
        if !std::mem::take(&mut self.wants_phase) || !matches!(self.state, State::ProbeBw(_)) {
            return;
        }
        // 2 to 8; the last one is the first of the next cycle.
        let phase = draw(luck, CYCLE.len() as u64 - 1) as usize + DRAINING + 1;
        self.state = State::ProbeBw(phase % CYCLE.len());
    }

    /// BBRUpdateRTprop and BBRCheckProbeRTT (draft §4.3.5).
    fn update_min_rtt(&mut self, ack: &Ack, window: &mut Window) {
        let is_expired = ack.now.saturating_since(self.min_rtt_at) > MIN_RTT_WINDOW;
        if let Some(rtt) = ack.rtt.filter(|&rtt| rtt < self.min_rtt || is_expired) {
            self.min_rtt = rtt;
            self.min_rtt_at = ack.now;
        }
        if is_expired && !self.is_idle_restart && self.state != State::ProbeRtt {
            self.save_cwnd(window);
            self.state = State::ProbeRtt;
            self.hold = Hold::default();
            self.slowed.begin(ack.total_delivered);
        }
        if self.state == State::ProbeRtt {
            self.slowed.extend(ack);
            if self.hold.on_ack(ack, MIN_PIPE * window.mss, &mut self.rounds) {
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
        self.min_rtt_at = now;
        window.cwnd = window.cwnd.max(self.prior_cwnd);
        if self.is_pipe_full {
            self.enter_probe_bw(now);
        } else {
            self.state = State::Startup;
        }
    }

    /// BBRSetPacingRate (draft §4.2.1), with Linux's margin.
    fn set_pacing_rate(&mut self, gain: Gain) {
        self.pacing.set(self.sending_bandwidth(), gain, self.is_pipe_full);
    }

    /// BBRSetCwnd (draft §4.2.3.6).
    fn set_cwnd(&mut self, ack: &Ack, window: &mut Window) {
        if !self.recover_or_restore(ack, window) && ack.delivered > 0 {
            let extra = if self.is_pipe_full {
                self.aggregation.extra_acked().min(volume(self.sending_bandwidth(), MOST_EXTRA))
            } else {
                0
            };
            let target = self.inflight_at(self.sending_bandwidth(), self.cwnd_gain(), extra, window);
            let grown = window.cwnd.saturating_add(ack.delivered).min(MOST_WINDOW);
            if self.is_pipe_full {
                window.cwnd = grown.min(target);
            } else if window.cwnd < target || ack.total_delivered < self.initial_cwnd {
                window.cwnd = grown;
            }
        }
        window.cwnd = window.cwnd.max(MIN_PIPE * window.mss);
        if self.state == State::ProbeRtt {
            window.cwnd = MIN_PIPE * window.mss;
        }
    }

    /// BBRModulateCwndForRecovery (draft §4.2.3.4). True if the window is set for this acknowledgement.
    fn recover_or_restore(&mut self, ack: &Ack, window: &mut Window) -> bool {
        window.cwnd = window.cwnd.saturating_sub(ack.lost).max(window.mss);
        let (last, phase) = (self.last_phase, ack.phase);
        self.last_phase = phase;
        let conserved = ack.in_flight.saturating_add(ack.delivered).min(MOST_WINDOW);
        if phase == Phase::Recovery && last != Phase::Recovery {
            self.conserves_packets = true;
            self.rounds.start(ack.total_delivered);
            window.cwnd = conserved;
        } else if phase < Phase::Recovery && last >= Phase::Recovery {
            self.on_recovered(window);
        }
        if self.conserves_packets {
            window.cwnd = window.cwnd.max(conserved);
        }
        self.conserves_packets
    }

    /// BBRSaveCwnd (draft §4.2.3.4).
    fn save_cwnd(&mut self, window: &Window) {
        let is_whole = self.last_phase < Phase::Recovery && self.state != State::ProbeRtt;
        self.prior_cwnd = if is_whole { window.cwnd } else { self.prior_cwnd.max(window.cwnd) };
    }

    pub(in crate::tcp::congestion) fn on_congestion(&mut self, cause: Cause, window: &mut Window) {
        if cause == Cause::Mark {
            return;
        }
        self.save_cwnd(window);
        if cause == Cause::Timeout {
            self.last_phase = Phase::Loss;
            self.full_bandwidth = 0;
            self.conserves_packets = false;
            window.cwnd = window.mss;
        }
    }

    /// BBRRestoreCwnd.
    pub(in crate::tcp::congestion) fn on_recovered(&mut self, window: &mut Window) {
        self.conserves_packets = false;
        if self.state != State::ProbeRtt {
            window.cwnd = window.cwnd.max(self.prior_cwnd);
        }
    }

    /// Linux `bbr_undo_cwnd`: looks anew whether the pipe is full.
    pub(in crate::tcp::congestion) fn on_undo(&mut self, window: &mut Window) {
        self.full_bandwidth = 0;
        self.full_rounds = 0;
        self.long_term.forget();
        self.on_recovered(window);
    }

    /// BBRHandleRestartFromIdle (draft §4.3.4.4).
    pub(in crate::tcp::congestion) fn on_idle_restart(&mut self, now: LocalTime, window: &mut Window) {
        self.is_idle_restart = true;
        self.aggregation.restart(now);
        match self.state {
            State::ProbeBw(_) => self.set_pacing_rate(Gain::ONE),
            State::ProbeRtt => self.check_probe_rtt_done(now, window),
            State::Startup | State::Drain => {}
        }
    }

    pub(in crate::tcp::congestion) fn pacing_rate(&self, window: &Window, srtt: Span) -> u64 {
        self.pacing.rate(window, srtt, HIGH_GAIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::congestion::RateSample;

    const MSS: u64 = 1_500;

    fn ack(phase: Phase) -> Ack {
        Ack {
            now: LocalTime::from_nanos(1_000_000_000),
            newly_acked: MSS,
            delivered: MSS,
            marked: 0,
            lost: 0,
            prior_in_flight: 33_000,
            in_flight: 30_000,
            rtt: None,
            srtt: Span::from_millis(40),
            min_rtt: Span::from_millis(40),
            rate: None,
            is_cwnd_limited: false,
            total_delivered: 1_000_000,
            snd_una: 0,
            snd_nxt: 0,
            phase,
        }
    }

    fn sent_at(prior_delivered: u64) -> RateSample {
        RateSample {
            delivered: 50_000,
            interval: Span::from_millis(40),
            prior_delivered,
            is_app_limited: false,
            tx_in_flight: 0,
            lost: 0,
        }
    }

    /// Cruises at 1.25 MB/s and 40 ms.
    fn cruising() -> (BbrV1, Window) {
        let mut flow = BbrV1::new();
        flow.max_bandwidth.update(0, 1_250_000, BANDWIDTH_ROUNDS);
        (flow.min_rtt, flow.min_rtt_at) = (Span::from_millis(40), LocalTime::from_nanos(1));
        (flow.is_pipe_full, flow.initial_cwnd) = (true, 15_000);
        flow.state = State::ProbeBw(3);
        flow.cycle_at = LocalTime::from_nanos(1_000_000_000);
        flow.rounds.next_delivered = 900_000;
        (flow, Window { cwnd: 100_000, ssthresh: u64::MAX, mss: MSS })
    }

    /// Seven of the eight phases, each as likely: not the one that drains.
    #[test]
    fn a_cycle_starts_anywhere_but_draining() {
        let phases = [0, 1, 2, 3, 4, 5, 6].map(|seventh: u64| {
            let (mut flow, _) = cruising();
            flow.enter_probe_bw(LocalTime::ZERO);
            flow.pick_phase(&mut || u64::MAX / 7 * seventh + 1_000);
            flow.pick_phase(&mut || panic!("is drawn once"));
            flow.state
        });
        assert_eq!(phases, [2, 3, 4, 5, 6, 7, 0].map(State::ProbeBw));
        assert_eq!([CYCLE[0], CYCLE[1], CYCLE[2]], [Gain(1250), Gain(750), Gain::ONE]);
    }

    /// Recovery begins: what is in flight, 30 000, and what has arrived. In the same round two losses and one arrival leave that; in the
    /// next one it grows by what arrives; after recovery it is 100 000 again: below twice 50 000 and three quanta.
    #[test]
    fn the_first_round_of_recovery_conserves_packets() {
        let (mut flow, mut window) = cruising();
        let luck = &mut || 0;
        flow.on_congestion(Cause::Loss, &mut window);
        let lost = 2 * MSS;
        flow.on_ack(&Ack { lost, rate: Some(sent_at(800_000)), ..ack(Phase::Recovery) }, &mut window, luck);
        assert_eq!(window.cwnd, 31_500);
        let second = Ack { lost, in_flight: 28_500, rate: Some(sent_at(800_000)), ..ack(Phase::Recovery) };
        flow.on_ack(&second, &mut window, luck);
        assert_eq!(window.cwnd, 30_000);
        let next_round = Ack { rate: Some(sent_at(1_000_000)), ..ack(Phase::Recovery) };
        flow.on_ack(&next_round, &mut window, luck);
        assert_eq!(window.cwnd, 31_500);
        flow.on_recovered(&mut window);
        flow.on_ack(&ack(Phase::Open), &mut window, luck);
        assert_eq!(window.cwnd, 101_500);
    }

    /// What is sent while four segments are in flight is no measure of the bandwidth.
    #[test]
    fn samples_of_probe_rtt_do_not_count() {
        let (mut flow, mut window) = cruising();
        flow.on_ack(&Ack { now: LocalTime::from_nanos(10_000_000_002), ..ack(Phase::Open) }, &mut window, &mut || 0);
        assert_eq!((flow.state, window.cwnd), (State::ProbeRtt, 4 * MSS));
        assert!(flow.slowed.limits(&sent_at(1_000_000)) && flow.slowed.limits(&sent_at(1_029_999)));
        assert!(!flow.slowed.limits(&sent_at(999_999)) && !flow.slowed.limits(&sent_at(1_030_000)));
    }

    /// After an idle time the bandwidth itself, whatever the phase of the cycle.
    #[test]
    fn after_an_idle_time_it_paces_at_the_bandwidth() {
        let (mut flow, mut window) = cruising();
        flow.state = State::ProbeBw(PROBING);
        flow.on_idle_restart(LocalTime::from_nanos(5_000_000_000), &mut window);
        assert_eq!((flow.pacing_rate(&window, Span::ZERO), window.cwnd), (1_237_500, 100_000));
    }
}
