//! BBR on a path.

use super::path::{Path, Run, SEGMENT};
use super::*;

const RATE: u64 = 1_250_000;
/// 38.8 ms and 1.2 ms of transmission are 40 ms: 50 kB fill the path.
const BDP: u64 = 50_000;

fn path() -> Path {
    Path { rate: RATE, delay: Span::from_micros(38_800), buffer: 20 * BDP, loss_per_mille: 0, initial_window: 10 }
}

fn run(config: CongestionConfig, path: Path, secs: f64) -> Run {
    let mut run = Run::new(&config, path, 7);
    run.until(secs);
    run
}

fn both() -> [CongestionConfig; 2] {
    [CongestionConfig::Bbr, CongestionConfig::BbrV3]
}

/// From 10 segments to 33 it takes less than two doublings, then three rounds to see that there is no more, and one or two to
/// drain: 8 round trips of at most twice 40 ms (cwnd_gain bounds the queue; 2.885 in version 1). After that the bandwidth is
/// known to 2 %, and the pacing rate of a cruise is 99 % of it.
#[test]
fn startup_finds_the_bandwidth() {
    for config in both() {
        let run = run(config.clone(), path(), 4.0);
        assert!(run.utilisation(0.8, 4.0) > 0.95, "{config:?} {}", run.utilisation(0.8, 4.0));
        let cruise = 0.99 * RATE as f64;
        let cruises = run.between(1.0, 4.0).filter(|point| (point.pacing as f64 / cruise - 1.0).abs() < 0.02).count();
        assert!(cruises * 2 > run.between(1.0, 4.0).count(), "{config:?} {cruises}");
        let most = run.points.iter().map(|point| point.in_flight).max().unwrap();
        assert!(most > BDP && most < 4 * BDP, "{config:?} {most}");
    }
}

/// Cruising keeps the path full and the queue short, of buffers of 20 times that. In flight over the rate is the round trip; the queue
/// changes with the pacing rate, 99 % of the gain times the bandwidth (the margin).
///
/// Version 1 probes (1.2375 of the rate: 297 kB/s more in flight) to 1.25 times what fills the path, three quanta of two segments and two
/// more: 62.5 + 9 + 3 = 74.5 kB, 59.6 ms; then drains a round trip of 40 ms (0.7425: 322 kB/s, 12.9 kB) to 61.6 kB, 49.3 ms, or ends
/// earlier at 59 kB; six phases of 40 ms stay there, or lose 3 kB by the margin if the bandwidth is not found 1 % too high. If so:
/// up from 61.6 kB in 43 ms at 54.4 ms in the mean, down in 40 ms at 54.4, 240 ms at 49.3: (43 + 40) 54.4 + 240 · 49.3 over 323 are 50.6 ms.
/// With the margin 49.7 ms.
///
/// Version 3 drains to what fills the path, and probes after 33 rounds (as many as the path holds segments). Probing lasts the three rounds
/// that see no more bandwidth: 40, 49.5 and 61.3 ms, since the queue grows by 0.2375 s each second, to 35.8 ms after 151 ms, with a mean
/// of 17.9. At 0.9 · 0.99 of the rate it takes 35.8 / 0.109 = 328 ms to drain, with the same mean. From one probe to the next it is 33
/// rounds and more than 1.4 s: two of them fit into 2.9 s, 2 (151 + 328) 17.9 / 2900 = 5.9 ms above 40. Whole segments of
/// 1.2 ms may make a millisecond of difference.
#[test]
fn the_steady_state_is_near_the_bandwidth_delay_product() {
    for config in both() {
        let run = run(config.clone(), path(), 4.9);
        let in_flight = run.mean(2.0, 4.9, |point| point.in_flight as f64) / BDP as f64;
        assert!((0.9..1.3).contains(&in_flight), "{config:?} {in_flight}");
        let rtt = run.mean(2.0, 4.9, |point| point.rtt);
        let most = if config == CongestionConfig::Bbr { 0.051 } else { 0.047 };
        assert!((0.04..most).contains(&rtt), "{config:?} {rtt}");
        assert!(run.utilisation(2.0, 4.9) > 0.95);
    }
}

/// T20, version 1: the least round trip of all is the first one, at 40 ms. 10 s later four segments are in flight, for 200 ms and
/// the rest of a round trip; again 10 s after the end of that.
#[test]
fn version_1_probes_the_round_trip_each_ten_seconds() {
    let run = run(CongestionConfig::Bbr, path(), 31.5);
    let probes = run.stretches(|point| point.cwnd == 4 * SEGMENT);
    assert_eq!(probes.len(), 3, "{probes:?}");
    let mut due = 0.04 + 10.0;
    for (from, to) in probes {
        assert!((due..due + 0.05).contains(&from), "{from} {due}");
        // The queue and what is beyond four segments drains first, 40 ms or so; then 200 ms, and the next acknowledgement.
        assert!((0.2..0.36).contains(&(to - from)), "{from} {to}");
        assert!(run.between(from + 0.1, to - 0.01).all(|point| point.in_flight <= 4 * SEGMENT));
        assert!((run.between(from, to).map(|point| point.rtt).fold(1.0, f64::min) - 0.04).abs() < 1e-6);
        due = to + 10.0;
    }
    // Between probes nothing is lost for it: back to the window before.
    assert!(run.utilisation(11.0, 20.0) > 0.95);
}

/// T20, version 3: each 5 s, half of the bandwidth-delay product.
#[test]
fn version_3_probes_the_round_trip_each_five_seconds() {
    let run = run(CongestionConfig::BbrV3, path(), 16.5);
    let probes = run.stretches(|point| point.cwnd <= BDP / 2);
    let probes: Vec<_> = probes.into_iter().filter(|(from, _)| *from > 1.0).collect();
    assert_eq!(probes.len(), 3, "{probes:?}");
    let mut due = 0.04 + 5.0;
    for (from, to) in probes {
        assert!((due..due + 0.05).contains(&from), "{from} {due}");
        assert!((0.2..0.36).contains(&(to - from)), "{from} {to}");
        let least = run.between(from, to).map(|point| point.cwnd).min().unwrap();
        assert!((BDP / 2 - 2_000..=BDP / 2).contains(&least), "{least}");
        due = to + 5.0;
    }
    assert!(run.utilisation(5.5, 10.0) > 0.95);
}

/// Version 1 does not care for losses: at 10 % it sends 1.25 times what it believes in one round of eight, of which 0.9 arrive,
/// 1.125: its estimate recovers each time, and 0.9 of 0.99 arrive in a cruise. From 20 % on 1.25 · 0.8 = 1: nothing recovers
/// any more.
#[test]
fn version_1_holds_its_rate_up_to_a_fifth_of_losses() {
    let at = |loss_per_mille| {
        let run = run(CongestionConfig::Bbr, Path { loss_per_mille, ..path() }, 60.0);
        run.utilisation(10.0, 60.0)
    };
    assert!(at(10) > 0.9, "{}", at(10));
    assert!(at(100) > 0.75, "{}", at(100));
    assert!(at(300) < 0.25, "{}", at(300));
}

/// Version 3 holds its rate below its threshold of 2 % a round, and gives way beyond.
#[test]
fn version_3_gives_way_beyond_two_percent() {
    let at = |config, loss_per_mille| {
        let run = run(config, Path { loss_per_mille, ..path() }, 60.0);
        run.utilisation(10.0, 60.0)
    };
    assert!(at(CongestionConfig::BbrV3, 5) > 0.8, "{}", at(CongestionConfig::BbrV3, 5));
    let (v1, v3) = (at(CongestionConfig::Bbr, 100), at(CongestionConfig::BbrV3, 100));
    assert!(v3 < v1 / 2.0, "{v1} {v3}");
}

/// A buffer of a tenth of the path: version 3 learns how much fits (inflight_longterm), and loses little from then on; version 1
/// overruns it in each cycle, by 1.25 - 1 of a round.
#[test]
fn version_3_respects_a_shallow_buffer() {
    let lost = |config| {
        let path = Path { buffer: BDP / 10, ..path() };
        let mut run = run(config, path, 10.0);
        let (lost, delivered) = run.totals();
        run.until(40.0);
        let (lost_later, delivered_later) = run.totals();
        let loss = (lost_later - lost) as f64 / (delivered_later - delivered) as f64;
        (loss, run.utilisation(10.0, 40.0))
    };
    let (v1, v3) = (lost(CongestionConfig::Bbr), lost(CongestionConfig::BbrV3));
    assert!(v3.0 < v1.0 && v3.0 < 0.01, "{v1:?} {v3:?}");
    assert!(v1.1 > 0.9 && v3.1 > 0.8, "{v1:?} {v3:?}");
}

/// Ten times the rate is found by probing: version 1 gains a quarter in each cycle of eight round trips, 1.25^11 = 11.6: 11 cycles of
/// 0.32 s. Version 3 probes each 2 to 3 s, but doubles within a probe while the rate still grows.
#[test]
fn more_bandwidth_is_found() {
    for (config, within) in [(CongestionConfig::Bbr, 8.0), (CongestionConfig::BbrV3, 12.0)] {
        let mut run = Run::new(&config, path(), 7);
        run.until(3.0);
        run.set_rate(10 * RATE);
        run.until(3.0 + within + 4.0);
        let reached = run.utilisation(3.0 + within, 3.0 + within + 4.0);
        assert!(reached > 0.8, "{config:?} {reached}");
    }
}

/// Half of the rate is left: old samples leave the filter, and the queue that they have made drains. Version 1 forgets in ten rounds,
/// long ones while the queue is there; version 3 in two cycles of at most 3 s and a bit.
#[test]
fn less_bandwidth_is_accepted() {
    for config in both() {
        let mut run = Run::new(&config, path(), 7);
        run.until(4.0);
        run.set_rate(RATE / 2);
        run.until(30.0);
        let pacing = run.mean(20.0, 30.0, |point| point.pacing as f64) / (RATE as f64 / 2.0);
        assert!((0.9..1.1).contains(&pacing), "{config:?} {pacing}");
        assert!(run.between(20.0, 30.0).filter(|point| point.rtt < 0.06).count() > 2_000);
    }
}

/// After a time-out one segment leaves; the window comes back with what is acknowledged.
#[test]
fn a_timeout_leaves_one_segment() {
    for config in both() {
        let mut run = run(config, path(), 2.0);
        let before = run.window.cwnd;
        run.algorithm.on_congestion(Cause::Timeout, LocalTime::from_nanos(2_000_000_000), before, &mut run.window);
        assert_eq!(run.window.cwnd, SEGMENT);
        run.until(3.0);
        assert!(run.window.cwnd >= BDP);
    }
}

/// Before there is a bandwidth: the first window in a millisecond, or in the round trip once there is one, times the gain.
#[test]
fn the_first_pacing_rate() {
    for (config, gain) in [(CongestionConfig::Bbr, 2_885), (CongestionConfig::BbrV3, 2_770)] {
        let algorithm = config.build(true);
        let window = Window { cwnd: 15_000, ssthresh: u64::MAX, mss: SEGMENT };
        assert_eq!(algorithm.pacing_rate(&window, Span::ZERO), Some(15_000 * gain));
        assert_eq!(algorithm.pacing_rate(&window, Span::from_millis(100)), Some(150 * gain));
        assert!(algorithm.sets_window_in_recovery());
    }
}
