//! Vegas on a path without losses.

use super::path::{Path, Run, SEGMENT};
use super::*;

/// 600 kB/s, 400 segments a second; 97.5 ms and 2.5 ms of transmission: 40 segments fill it.
fn path(initial_window: u64) -> Path {
    Path { rate: 600_000, delay: Span::from_micros(97_500), buffer: u64::MAX, loss_per_mille: 0, initial_window }
}

/// With W segments W - 40 are queued: Vegas rests where that is 2 to 4, which shows in the round trip too: 2.5 ms for each.
#[test]
fn it_keeps_alpha_to_beta_segments_in_the_queue() {
    for (config, queued) in [(VegasConfig::default(), 2..=4), (VegasConfig { alpha: 10, beta: 12, gamma: 1 }, 10..=12)]
    {
        let mut run = Run::new(&CongestionConfig::Vegas(config), path(4), 1);
        run.until(60.0);
        let windows: Vec<u64> = run.between(40.0, 60.0).map(|point| point.cwnd / SEGMENT).collect();
        assert!(windows.len() > 7_000);
        assert!(
            windows.iter().all(|window| (40 + queued.start()..=40 + queued.end() + 1).contains(window)),
            "{queued:?}"
        );
        let rtt = run.mean(40.0, 60.0, |point| point.rtt);
        let of = |segments: &u64| (40 + segments) as f64 * 0.0025;
        assert!((of(queued.start()) - 0.003..=of(queued.end()) + 0.003).contains(&rtt), "{rtt}");
        assert!(run.utilisation(20.0, 60.0) > 0.99);
    }
}

/// From above: another flow has gone, or a window that was set too wide.
#[test]
fn it_shrinks_to_beta() {
    let mut run = Run::new(&CongestionConfig::Vegas(VegasConfig::default()), path(30), 1);
    run.until(1.0);
    run.window.cwnd = 80 * SEGMENT;
    run.window.ssthresh = 20 * SEGMENT;
    run.until(30.0);
    assert!(run.between(20.0, 30.0).all(|point| (42..=45).contains(&(point.cwnd / SEGMENT))));
}

/// Slow start doubles in every other round trip and ends by the queue that it makes: never more than the second doubling beyond
/// the path.
#[test]
fn slow_start_ends_without_a_loss() {
    let mut run = Run::new(&CongestionConfig::Vegas(VegasConfig::default()), path(4), 1);
    run.until(10.0);
    assert_ne!(run.window.ssthresh, u64::MAX);
    assert!(run.points.iter().all(|point| point.cwnd <= 2 * 41 * SEGMENT));
    // 4 to 32 are three doublings: at least five round trips.
    assert!(run.between(0.0, 0.45).all(|point| point.cwnd <= 32 * SEGMENT));
}

#[test]
fn losses_halve() {
    let mut algorithm = CongestionConfig::Vegas(VegasConfig::default()).build(false);
    let mut window = avoiding(40);
    algorithm.on_congestion(Cause::Loss, LocalTime::ZERO, 40 * MSS, &mut window);
    assert_eq!(window.ssthresh, 20 * MSS);
}
