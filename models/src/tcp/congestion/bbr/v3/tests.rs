//! The model of the path, against values worked out by hand.

use super::losses::inflight_at_loss;
use super::*;
use crate::tcp::congestion::{Cause, Lost, RateSample};

const WINDOW: Window = Window { cwnd: 60_000, ssthresh: INFINITY, mss: 1_500 };

fn lost(lost: u64, tx_in_flight: u64) -> Lost {
    Lost {
        now: LocalTime::ZERO,
        offset: 0,
        bytes: 1_500,
        tx_in_flight,
        lost,
        is_app_limited: false,
        total_delivered: 1_000_000,
    }
}

/// A flow in ProbeBW_UP at 1.25 MB/s and 40 ms: 50 kB fill the path.
fn probing() -> BbrV3 {
    let mut flow = BbrV3::new();
    flow.max_bw.update(0, 1_250_000, MAX_BW_CYCLES);
    flow.bw = 1_250_000;
    flow.min_rtt = Span::from_millis(40);
    flow.full_bw_reached = true;
    flow.is_bw_probe_sample = true;
    flow.initial_cwnd = 15_000;
    flow.state = State::Up;
    flow
}

/// 98 500 bytes were in flight before the segment and 1500 of them lost: (0.02 · 98 500 - 1500) / 0.98 = 479.6 more cross 2 %.
/// Where 2 % were lost before it already, nothing of it fits.
#[test]
fn losses_cross_the_threshold_within_a_segment() {
    assert_eq!(inflight_at_loss(&lost(3_000, 100_000)), 98_979);
    assert_eq!(inflight_at_loss(&lost(6_000, 100_000)), 98_500);
    assert!(!is_inflight_too_high(2_000, 100_000));
    assert!(is_inflight_too_high(2_001, 100_000));
    assert!(!is_inflight_too_high(0, 0));
}

/// The first loss of 100 kB in flight is below 2 %; the second ends the probe and sets the limit; the third of the same probe
/// changes nothing. A probe that loses little bounds nothing below 0.7 of the path: 35 kB.
#[test]
fn too_many_losses_end_a_probe() {
    let mut flow = probing();
    flow.on_lost(&lost(1_500, 100_000), &WINDOW);
    assert_eq!((flow.state, flow.inflight_longterm), (State::Up, INFINITY));
    flow.on_lost(&lost(3_000, 100_000), &WINDOW);
    assert_eq!((flow.state, flow.inflight_longterm, flow.prev_probe_too_high), (State::Down, 98_979, true));
    flow.on_lost(&lost(4_500, 50_000), &WINDOW);
    assert_eq!(flow.inflight_longterm, 98_979);
    // 15 % of headroom: 98 979 - 14 846.
    assert_eq!(flow.inflight_with_headroom(&WINDOW), 84_133);
    let mut flow = probing();
    flow.on_lost(&lost(1_500, 10_000), &WINDOW);
    assert_eq!(flow.inflight_longterm, 35_000);
}

/// A reduction for nothing: the limit goes, and the probe begins anew with a refill.
#[test]
fn a_spurious_loss_is_undone() {
    let mut flow = probing();
    flow.on_lost(&lost(3_000, 100_000), &WINDOW);
    let mut window = WINDOW;
    flow.on_congestion(Cause::Loss, &mut window);
    window.cwnd = 20_000;
    flow.on_undo(&mut window);
    assert_eq!((flow.state, flow.inflight_longterm, window.cwnd), (State::Refill, INFINITY, 60_000));
}

/// Losses while cruising: at most 30 % less for each round that had some, but not below what that round has brought.
#[test]
fn losses_without_a_probe_bound_the_short_term() {
    let mut flow = probing();
    flow.state = State::Cruise;
    (flow.bw_latest, flow.inflight_latest) = (1_000_000, 30_000);
    flow.adapt_lower_bounds(&WINDOW);
    assert_eq!((flow.bw_shortterm, flow.inflight_shortterm), (1_000_000, 42_000));
    (flow.bw_latest, flow.inflight_latest) = (100_000, 30_000);
    flow.adapt_lower_bounds(&WINDOW);
    assert_eq!((flow.bw_shortterm, flow.inflight_shortterm), (700_000, 30_000));
}

/// Growth of the long-term limit: one segment for each window that is acknowledged, two in the next round, four, …
#[test]
fn the_limit_rises_faster_and_faster() {
    let mut flow = probing();
    let slopes = [1, 2, 3, 4].map(|_| {
        flow.raise_inflight_longterm_slope(&WINDOW);
        flow.probe_up_acked_per_inc
    });
    assert_eq!(slopes, [60_000, 30_000, 15_000, 7_500]);
}

/// 2 s to 3 s, or 33 rounds for a path of 33 segments, one less if so drawn.
#[test]
fn the_wait_for_the_next_probe() {
    let mut flow = probing();
    flow.start_down(LocalTime::ZERO);
    flow.pick_probe_wait(&mut || u64::MAX);
    assert_eq!((flow.rounds_since_probe_up, flow.bw_probe_wait), (1, Some(Span::from_nanos(2_999_999_999))));
    flow.pick_probe_wait(&mut || panic!("is drawn once"));
    flow.rounds_since_probe_up = 32;
    assert!(!flow.is_time_to_probe_bw(LocalTime::from_nanos(2_999_999_999), &WINDOW));
    assert!(flow.is_time_to_probe_bw(LocalTime::from_nanos(3_000_000_000), &WINDOW));
    flow.rounds_since_probe_up = 33;
    assert!(flow.is_time_to_probe_bw(LocalTime::ZERO, &WINDOW));
    flow.start_down(LocalTime::ZERO);
    flow.pick_probe_wait(&mut || 0);
    assert_eq!((flow.rounds_since_probe_up, flow.bw_probe_wait), (0, Some(Span::from_secs(2))));
}

fn ack(phase: Phase, rate: Option<RateSample>) -> Ack {
    Ack {
        now: LocalTime::from_nanos(1_000_000_000),
        newly_acked: 1_500,
        delivered: 1_500,
        marked: 0,
        lost: 0,
        prior_in_flight: 51_500,
        in_flight: 50_000,
        rtt: None,
        srtt: Span::from_millis(40),
        min_rtt: Span::from_millis(40),
        rate,
        is_cwnd_limited: false,
        total_delivered: 1_000_000,
        snd_una: 0,
        snd_nxt: 0,
        phase,
    }
}

fn rate(lost: u64, prior_delivered: u64) -> RateSample {
    RateSample {
        delivered: 50_000,
        interval: Span::from_millis(40),
        prior_delivered,
        is_app_limited: false,
        tx_in_flight: 60_000,
        lost,
    }
}

/// Six gaps in a round of recovery, and more than 2 % lost: Startup is over, and what that round has brought is the limit: 50 kB are
/// both. Five gaps, or five segments in a row, or the first round of recovery, are not enough.
#[test]
fn many_losses_end_startup() {
    let after = |gaps: u64, apart: u64, last_phase: Phase| {
        let mut flow = probing();
        (flow.state, flow.full_bw_reached, flow.is_bw_probe_sample) = (State::Startup, false, false);
        (flow.last_phase, flow.min_rtt_stamp, flow.probe_rtt_min_stamp) =
            (last_phase, LocalTime::from_nanos(900_000_000), LocalTime::from_nanos(900_000_000));
        for gap in 1..=gaps {
            flow.on_lost(&Lost { offset: gap * apart, ..lost(1_500, 60_000) }, &WINDOW);
        }
        let mut window = WINDOW;
        flow.on_ack(&ack(Phase::Recovery, Some(rate(9_000, 1_000_000))), &mut window, &mut || 0);
        (flow.state, flow.inflight_longterm)
    };
    assert_eq!(after(6, 3_000, Phase::Recovery).1, 50_000);
    assert_ne!(after(6, 3_000, Phase::Recovery).0, State::Startup);
    for (gaps, apart, last_phase) in
        [(5, 3_000, Phase::Recovery), (9, 1_500, Phase::Recovery), (6, 3_000, Phase::Disorder)]
    {
        assert_eq!(after(gaps, apart, last_phase), (State::Startup, INFINITY));
    }
}

/// The probe after one that lost too much ends where that one did; if it lost little until there, the next one follows at once.
#[test]
fn a_probe_after_a_lossy_one_is_careful() {
    let mut flow = probing();
    (flow.prev_probe_too_high, flow.inflight_longterm) = (true, 50_000);
    flow.rounds.next_delivered = 2_000_000;
    flow.update_probe_bw_cycle_phase(
        &ack(Phase::Open, Some(rate(0, 0))),
        &flow.sample(&ack(Phase::Open, None)),
        &WINDOW,
    );
    assert_eq!((flow.state, flow.prev_probe_precautionary, flow.prev_probe_too_high), (State::Down, true, false));
    flow.rounds.is_start = true;
    flow.update_probe_bw_cycle_phase(
        &ack(Phase::Open, Some(rate(0, 0))),
        &flow.sample(&ack(Phase::Open, None)),
        &WINDOW,
    );
    assert_eq!((flow.state, flow.prev_probe_precautionary), (State::Refill, false));
}

/// What is sent in ProbeRTT is no measure of the bandwidth.
#[test]
fn samples_of_probe_rtt_do_not_count() {
    let mut flow = probing();
    (flow.min_rtt_stamp, flow.probe_rtt_min_stamp) = (LocalTime::from_nanos(1), LocalTime::from_nanos(1));
    let mut window = WINDOW;
    let late = Ack { now: LocalTime::from_nanos(5_000_000_002), ..ack(Phase::Open, None) };
    flow.on_ack(&late, &mut window, &mut || 0);
    assert_eq!((flow.state, window.cwnd), (State::ProbeRtt, 25_000));
    assert!(flow.slowed.limits(&rate(0, 1_000_000)) && flow.slowed.limits(&rate(0, 1_049_999)));
    assert!(!flow.slowed.limits(&rate(0, 1_050_000)));
}
