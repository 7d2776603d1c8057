//! CUBIC and HyStart++.

use super::super::hystart::HyStart;
use super::reno::periodic_average;
use super::*;

fn config(hystart: bool, fast_convergence: bool) -> CongestionConfig {
    CongestionConfig::Cubic(CubicConfig { hystart, fast_convergence, ..CubicConfig::default() })
}

/// A loss at a window of 100 segments, all in flight: 70 are left.
fn after_loss(cause: Cause) -> (Congestion, Window) {
    let (mut algorithm, mut window) = (config(false, true).build(false), avoiding(100));
    algorithm.on_congestion(cause, LocalTime::ZERO, 100 * MSS, &mut window);
    assert_eq!(window.ssthresh, 70_000);
    window.cwnd = if cause == Cause::Timeout { MSS } else { 70_000 };
    (algorithm, window)
}

/// Acknowledges as fast as the window allows at 1 ms, until `until_ms`. The round trip is short, so that the window follows
/// the curve closely, and Reno's window is off: `alpha` of §4.3 gains on long paths only by its slowness.
fn run(algorithm: &mut Congestion, window: &mut Window, from_ms: u64, until_ms: u64) {
    let mut now_us = from_ms * 1000;
    while now_us < until_ms * 1000 {
        let now = LocalTime::from_nanos(now_us * 1000);
        algorithm.on_ack(&Ack { now, srtt: Span::from_millis(100), ..ack(0) }, window, &mut no_luck);
        now_us += 100_000 * MSS / window.cwnd;
    }
}

/// T16: W_max 100, cwnd 70: K = cbrt(30 / 0.4) = 4.2172 s. W(0) = 70; W(K) = 100; W(2 K) = 100 + 0.4 · 75 = 130. The window is
/// a round trip of 100 ms ahead of the curve at most: slope 3 · 0.4 · K² = 21.3 segments/s at 2 K, 2.1 in a round trip.
#[test]
fn the_window_follows_the_cubic_curve() {
    let (mut algorithm, mut window) = after_loss(Cause::Loss);
    run(&mut algorithm, &mut window, 0, 4_217);
    assert!((99_500..=100_100).contains(&window.cwnd), "{window:?}");
    // At K/2: 100 - 0.4 · 2.1086³ = 96.25 segments.
    let (mut algorithm, mut other) = after_loss(Cause::Loss);
    run(&mut algorithm, &mut other, 0, 2_109);
    assert!((95_500..=96_900).contains(&other.cwnd), "{other:?}");
    let (mut algorithm, mut last) = after_loss(Cause::Loss);
    run(&mut algorithm, &mut last, 0, 8_434);
    assert!((128_000..=132_200).contains(&last.cwnd), "{last:?}");
}

/// §4.4: the target is at most half as much more again. C = 1, 50 s after a loss at 70: the curve is far beyond; each round trip
/// gives (1.5 cwnd - cwnd) / cwnd = 1/2 segment for each one.
#[test]
fn the_target_is_clamped() {
    let (mut algorithm, mut window) = after_loss(Cause::Loss);
    algorithm.on_ack(&ack(0), &mut window, &mut no_luck);
    let before = window.cwnd;
    algorithm.on_ack(&ack(50_000), &mut window, &mut no_luck);
    assert!((499..=500).contains(&(window.cwnd - before)), "{window:?}");
}

/// §4.3 at a window of 10 segments and a round trip of 10 ms: Reno's growth is the faster one. W_est grows by α = 9/17 for each
/// window acknowledged until it reaches cwnd_prior, 10, then by 1. From 7: 3 / (9/17) = 5.67 windows to 10; after 20 windows
/// 10 + 14.33 = 24.3, less what counting by acknowledgements costs (ln-like, below 1).
#[test]
fn on_short_paths_it_is_as_fast_as_reno() {
    let mut algorithm = config(false, true).build(false);
    let mut window = avoiding(10);
    algorithm.on_congestion(Cause::Loss, LocalTime::ZERO, 10 * MSS, &mut window);
    window.cwnd = window.ssthresh;
    assert_eq!(window.cwnd, 7_000);
    let mut now_us = 0_u64;
    let mut at_ten = None;
    for round in 1..=20_u64 {
        for _ in 0..window.cwnd / MSS {
            now_us += 10_000 * MSS / window.cwnd;
            let now = LocalTime::from_nanos(now_us * 1000);
            algorithm.on_ack(&Ack { now, srtt: Span::from_millis(10), ..ack(0) }, &mut window, &mut no_luck);
        }
        if window.cwnd >= 10_000 {
            at_ten.get_or_insert(round);
        }
    }
    assert!(matches!(at_ten, Some(6..=7)), "{at_ten:?}");
    assert!((22_500..=24_400).contains(&window.cwnd), "{window:?}");
}

/// §4.7: a loss below the last maximum gives up more: W_max = cwnd (1 + β) / 2. At 800 after 1000: 680, and 800 · 0.7 = 560 is
/// left; K = cbrt(120 / 0.4) = 6.694 s to 680. Without it W_max is 800 and K = cbrt(240 / 0.4) = 8.434 s to 800.
#[test]
fn fast_convergence_lowers_the_maximum() {
    for (is_on, plateau, k_ms) in [(true, 680_000_u64, 6_694), (false, 800_000, 8_434)] {
        let (mut algorithm, mut window) = (config(false, is_on).build(false), avoiding(1000));
        for cwnd in [1000 * MSS, 800 * MSS] {
            window.cwnd = cwnd;
            algorithm.on_congestion(Cause::Loss, LocalTime::ZERO, cwnd, &mut window);
            window.cwnd = window.ssthresh;
        }
        assert_eq!(window.cwnd, 560_000);
        run(&mut algorithm, &mut window, 0, k_ms);
        assert!(window.cwnd.abs_diff(plateau) < 1_000, "{window:?}");
    }
}

/// §4.8: K = 0 after a time-out: with 70 segments at the start of congestion avoidance, W(3 s) = 70 + 0.4 · 27 = 80.8 at least,
/// where a loss would have given K = 4.2 s and 100 - 0.4 · 1.8 = 99.3.
#[test]
fn after_a_timeout_the_curve_starts_convex() {
    let (mut algorithm, mut window) = after_loss(Cause::Timeout);
    window.cwnd = window.ssthresh;
    run(&mut algorithm, &mut window, 0, 3_000);
    // Reno's window: α · 30 windows = 16 in 3 s, W_est = 86 at most; it wins here.
    assert!((80_800..=87_000).contains(&window.cwnd), "{window:?}");
}

/// §4.2: 5 s without use of the window do not count. With them the curve would be at 100 + 0.4 · (5 - 4.2 + …)³ and beyond.
#[test]
fn time_without_use_of_the_window_does_not_count() {
    let run_with_pause = |pause_ms: u64| {
        let (mut algorithm, mut window) = after_loss(Cause::Loss);
        run(&mut algorithm, &mut window, 0, 2_000);
        let unused = Ack { is_cwnd_limited: false, ..ack(2_000 + pause_ms / 2) };
        algorithm.on_ack(&unused, &mut window, &mut no_luck);
        let at = LocalTime::from_nanos((2_000 + pause_ms) * 1_000_000);
        algorithm.on_idle_restart(at, Span::ZERO, &mut window);
        run(&mut algorithm, &mut window, 2_000 + pause_ms, 4_000 + pause_ms);
        window.cwnd
    };
    let (without, with) = (run_with_pause(0), run_with_pause(5_000));
    assert!(without.abs_diff(with) <= 30, "{without} {with}");
    assert!(with < 101_000);
}

/// §4.9: a spurious reduction leaves no trace.
#[test]
fn undoing_restores_the_curve() {
    let (mut algorithm, mut window) = after_loss(Cause::Loss);
    run(&mut algorithm, &mut window, 0, 3_000);
    let (mut other, mut undone) = (algorithm.clone(), window);
    other.on_congestion(Cause::Timeout, LocalTime::ZERO, undone.cwnd, &mut undone);
    undone = window;
    other.on_undo(LocalTime::ZERO, &mut undone);
    run(&mut algorithm, &mut window, 3_000, 6_000);
    run(&mut other, &mut undone, 3_000, 6_000);
    assert_eq!(window, undone);
}

/// §4.9.1: a time-out that reduces after a loss has reduced takes back its own reduction alone.
#[test]
fn undoing_a_time_out_after_a_loss_restores_the_curve_after_the_loss() {
    let (mut algorithm, mut window) = after_loss(Cause::Loss);
    run(&mut algorithm, &mut window, 0, 3_000);
    algorithm.on_congestion(Cause::Loss, LocalTime::ZERO, window.cwnd, &mut window);
    window.cwnd = window.ssthresh;
    let (mut other, mut undone) = (algorithm.clone(), window);
    other.on_congestion(Cause::Timeout, LocalTime::ZERO, undone.cwnd, &mut undone);
    undone = window;
    other.on_undo(LocalTime::ZERO, &mut undone);
    run(&mut algorithm, &mut window, 3_000, 6_000);
    run(&mut other, &mut undone, 3_000, 6_000);
    assert_eq!(window, undone);
}

/// Linux: a time-out while a loss is repaired reduces nothing more; what is taken back is the reduction for the loss.
#[test]
fn undoing_a_time_out_that_has_reduced_nothing_restores_the_curve_before_the_loss() {
    let (mut algorithm, mut window) = after_loss(Cause::Loss);
    run(&mut algorithm, &mut window, 0, 3_000);
    let (mut other, mut undone) = (algorithm.clone(), window);
    other.on_congestion(Cause::Loss, LocalTime::ZERO, undone.cwnd, &mut undone);
    let reduced = undone;
    other.on_timeout_in_reduction(&mut undone);
    assert_eq!(undone, reduced);
    undone = window;
    other.on_undo(LocalTime::ZERO, &mut undone);
    run(&mut algorithm, &mut window, 3_000, 6_000);
    run(&mut other, &mut undone, 3_000, 6_000);
    assert_eq!(window, undone);
}

/// T17, RFC 9438 §5: one loss in 1/p acknowledgements gives 1.0538 · R^0.75 / p^0.75 segments; with p = 10^-4 and R = 0.5 s
/// 1.0538 · 0.59460 · 1000 = 626.6, where Reno has 122. The curve is flat at its maximum: a distance x from this average shrinks
/// by 0.7 x³ with each loss only, to 1.9 % after 2000 of them, from above and from below.
#[test]
fn periodic_losses_give_the_average_window_of_the_three_quarters_power() {
    for start in [400, 1_000] {
        let mut algorithm = config(false, false).build(false);
        close(periodic_average(&mut algorithm, start, 10_000, 2_000, 0.5), 626.6, 0.03);
    }
}

/// RFC 9406 §4.3 (T24): an eighth of the last round's least round trip, but 4 ms to 16 ms.
#[test]
fn hystart_thresholds() {
    for (last_ms, expected_us) in [(40, 5_000), (8, 4_000), (200, 16_000), (32, 4_000), (128, 16_000), (100, 12_500)] {
        assert_eq!(HyStart::threshold(Span::from_millis(last_ms)), Span::from_micros(expected_us));
    }
}

/// Rounds of ten acknowledgements with the same round trip; offsets as if each were answered at once.
struct Rounds {
    algorithm: Congestion,
    window: Window,
    acked: u64,
}

impl Rounds {
    fn new(is_paced: bool) -> Self {
        Self { algorithm: config(true, true).build(is_paced), window: window(10), acked: 0 }
    }

    /// By how many bytes the window has grown in it.
    fn round(&mut self, rtt_ms: u64) -> u64 {
        let before = self.window.cwnd;
        for _ in 0..10 {
            self.acked += MSS;
            let rtt = Some(Span::from_millis(rtt_ms));
            // All that was sent before this round is acknowledged with its last acknowledgement.
            let snd_nxt = self.acked + 10 * MSS;
            let acked = Ack { rtt, snd_una: self.acked, snd_nxt, ..ack(0) };
            self.algorithm.on_ack(&acked, &mut self.window, &mut no_luck);
        }
        self.window.cwnd - before
    }
}

/// The last round had 40 ms: 44 ms are no reason to leave slow start, 45 ms are. From the eighth sample on the window grows by a
/// quarter; after five rounds, the one with the eighth sample included, slow start is over.
#[test]
fn hystart_leaves_slow_start_when_the_delay_rises() {
    let mut path = Rounds::new(false);
    assert_eq!([path.round(40), path.round(40), path.round(44)], [10_000; 3]);
    // The least of the round before counts, 44: 5.5 ms more are 49.5.
    assert_eq!(path.round(49), 10_000);
    assert_eq!(path.round(49), 10_000);
    // 49 + 6.125 = 55.1; here are 56. A round ends with the first acknowledgement of the next ten: seven of these ten are too few,
    // the ninth is the eighth sample, and it and the tenth grow by a quarter.
    assert_eq!(path.round(56), 8_500);
    assert_eq!([path.round(56), path.round(56), path.round(56), path.round(56)], [2_500; 4]);
    // Four rounds have ended since, each with the first of the ten; the next acknowledgement ends the fifth.
    assert_eq!(path.window.ssthresh, u64::MAX);
    let at_exit = path.window.cwnd;
    path.round(56);
    assert_eq!(path.window.ssthresh, at_exit);
}

/// RFC 9406 §4.2: if the round trip falls below the one that conservative slow start began with, it was no queue.
#[test]
fn hystart_comes_back_when_the_delay_falls() {
    let mut path = Rounds::new(false);
    path.round(40);
    path.round(40);
    path.round(60);
    assert_eq!(path.round(60), 2_500);
    path.round(50);
    assert_eq!(path.round(50), 10_000);
    assert_eq!(path.window.ssthresh, u64::MAX);
}

/// L = 8 segments for one acknowledgement, without a limit if they are paced (RFC 9406 §4.3).
#[test]
fn hystart_limits_bursts() {
    for (is_paced, expected) in [(false, 18_000), (true, 30_000)] {
        let mut path = Rounds::new(is_paced);
        let many = Ack { newly_acked: 20 * MSS, ..ack(0) };
        path.algorithm.on_ack(&many, &mut path.window, &mut no_luck);
        assert_eq!(path.window.cwnd, expected);
    }
}

/// Only the first slow start has it (RFC 9406 §4.3): after a time-out a rising delay changes nothing.
#[test]
fn hystart_is_for_the_first_slow_start() {
    let mut path = Rounds::new(false);
    path.round(40);
    path.algorithm.on_congestion(Cause::Timeout, LocalTime::ZERO, 2_000 * MSS, &mut path.window);
    assert_eq!([path.round(40), path.round(40), path.round(80), path.round(80)], [10_000; 4]);
}
