//! RED by hand (check L13).

use super::*;
use crate::queue::red::{Curve, Red, Verdict, spread};
use protosim_core::{Rate, Ratio};

/// 10 · 0.998^10, in decimal arithmetic.
const IDLE_TEN: f64 = 9.801_790_433_519;

const CURVE: Curve = Curve { min: 5.0, max: 15.0, max_probability: 0.02, gentle: true };

fn chance(curve: &Curve, average: f64) -> f64 {
    match curve.verdict(average) {
        Verdict::Chance(probability) => probability,
        other => panic!("{other:?} at {average}"),
    }
}

/// Check L13: 0.02 · 5/10 = 0.01 at 10; gentle at 22.5: 0.02 + 0.98 · 7.5/15 = 0.51.
#[test]
fn the_curve() {
    assert!((chance(&CURVE, 10.0) - 0.01).abs() < 1e-15);
    assert!((chance(&CURVE, 22.5) - 0.51).abs() < 1e-15);
    assert_eq!(CURVE.verdict(5.0_f64.next_down()), Verdict::Pass);
    assert_eq!(chance(&CURVE, 5.0), 0.0);
    assert!((chance(&CURVE, 15.0) - 0.02).abs() < 1e-15);
    assert_eq!(CURVE.verdict(30.0), Verdict::Drop);
    let harsh = Curve { gentle: false, ..CURVE };
    assert_eq!(harsh.verdict(15.0), Verdict::Drop);
    assert!((chance(&harsh, 15.0_f64.next_down()) - 0.02).abs() < 1e-12);
}

/// Check L13: 0.01 / (1 - 50 · 0.01) = 0.02. After 99 that passed, the 100th is certain.
#[test]
fn probability_rises_with_each_packet_that_passed() {
    assert_eq!(spread(0.01, 0), 0.01);
    assert!((spread(0.01, 50) - 0.02).abs() < 1e-15);
    assert!((spread(0.01, 99) - 1.0).abs() < 1e-12);
    assert_eq!(spread(0.01, 1000), 1.0);
}

fn red(config: &RedConfig) -> Red {
    Red::new(config, LinkFacts { rate: Rate::from_bits_per_sec(10_000_000), ..LinkFacts::default() }, SEED, "a--b")
}

fn put(red: &mut Red, nanos: u64, ecn: Ecn, drops: &mut Drops) {
    red.enqueue(Dequeued { packet: packet(0, 1, ecn, 500), len: 500, enqueued: at(nanos) }, drops);
}

/// The average takes 0.2 % of each length found: 0 (idle), 1: 0.002, 2: 0.002 + 0.002 (2 - 0.002) = 0.005996.
#[test]
fn the_average_moves_by_its_weight() {
    let mut red = red(&RedConfig::default());
    let mut drops = Vec::new();
    for expected in [0.0, 0.002, 0.005_996] {
        put(&mut red, 0, Ecn::NotEct, &mut drops);
        assert!((red.average - expected).abs() < 1e-15, "{}", red.average);
    }
    assert_eq!(RedConfig::default().weight.as_f64(), 0.002);
}

/// At 10 Mbit/s a packet of 500 B takes 0.4 ms. After 4.3 ms of silence, ten could have been sent:
/// 10 · 0.998^10 = 9.80179043351. The silence begins with the dequeue that leaves nothing.
#[test]
fn the_average_falls_while_the_link_is_idle() {
    let mut red = red(&RedConfig::default());
    let mut drops = Vec::new();
    put(&mut red, 0, Ecn::NotEct, &mut drops);
    put(&mut red, 0, Ecn::NotEct, &mut drops);
    red.dequeue(at(MS), &mut drops);
    red.dequeue(at(2 * MS), &mut drops);
    red.average = 10.0;
    red.dequeue(at(3 * MS), &mut drops);
    put(&mut red, 6_300_000, Ecn::NotEct, &mut drops);
    assert!((red.average - IDLE_TEN).abs() < 1e-9, "{}", red.average);
    // A second arrival finds one packet and no idleness.
    put(&mut red, 6_300_000, Ecn::NotEct, &mut drops);
    assert!((red.average - (IDLE_TEN + 0.002 * (1.0 - IDLE_TEN))).abs() < 1e-9);
}

/// Two packets always wait, and the average is held at 10, where p_b = 1 %.
fn held_at_ten(config: &RedConfig) -> Red {
    // A weight of 10^-18: nothing moves.
    let config = RedConfig { weight: "0.0000000000000001 %".parse::<Ratio>().unwrap(), ..config.clone() };
    let mut red = red(&config);
    let mut drops = Vec::new();
    put(&mut red, 0, Ecn::NotEct, &mut drops);
    put(&mut red, 0, Ecn::NotEct, &mut drops);
    red.average = 10.0;
    red
}

/// Distances of drops: after one, `count` is 1 at the next arrival, so that the n-th is dropped with 0.01 / (1 - 0.01 n) if
/// none before was: all distances from 1 to 99 have the same probability 1/99 (each factor is (100 - n - 1) / (100 - n)), mean
/// 50, standard deviation 99/√12 = 28.6. Over 1000 of them the mean has 0.9; five of it either way.
#[test]
fn distances_between_drops_are_uniform() {
    let mut red = held_at_ten(&RedConfig::default());
    let mut drops = Vec::new();
    let (mut gap, mut gaps) = (0_u64, Vec::new());
    while gaps.len() < 1001 {
        gap += 1;
        put(&mut red, 0, Ecn::NotEct, &mut drops);
        match drops.pop() {
            Some((_, cause)) => {
                assert_eq!(cause, DropCause::Aqm);
                gaps.push(std::mem::take(&mut gap));
            }
            None => drop(red.dequeue(at(0), &mut drops)),
        }
    }
    // The first has no drop before it.
    let gaps = &gaps[1..];
    assert!(gaps.iter().all(|gap| (1..=99).contains(gap)));
    let mean = gaps.iter().sum::<u64>() as f64 / gaps.len() as f64;
    assert!((45.5..=54.5).contains(&mean), "{mean}");
}

/// What the dice condemn is marked if it can be, with the same luck; what is above twice the maximum is dropped.
#[test]
fn capable_packets_are_marked_but_not_above_all_limits() {
    let config = RedConfig { ecn: true, ..RedConfig::default() };
    let run = |config: &RedConfig, ecn: Ecn| {
        let (mut red, mut drops) = (held_at_ten(config), Vec::new());
        for _ in 0..5000 {
            let before = drops.len();
            put(&mut red, 0, ecn, &mut drops);
            if drops.len() == before {
                red.dequeue(at(0), &mut Vec::new());
            }
        }
        (drops.len() as u64, red.marked())
    };
    let (dropped, _) = run(&config, Ecn::NotEct);
    assert!(dropped > 50);
    assert_eq!(run(&config, Ecn::NotEct), (dropped, 0));
    assert_eq!(run(&config, Ecn::Ect1), (0, dropped));
    assert_eq!(run(&RedConfig::default(), Ecn::Ect1), (dropped, 0));
    let (mut red, mut drops) = (held_at_ten(&config), Vec::new());
    red.average = 30.0;
    put(&mut red, 0, Ecn::Ect0, &mut drops);
    assert_eq!((drops.len(), red.marked(), red.count), (1, 0, Some(0)));
}

#[test]
fn below_the_minimum_nothing_is_dropped_but_the_tail() {
    let mut bench = Bench::new(RedConfig::default());
    bench.fill(0, 30, 1, 500, Ecn::NotEct);
    // 25 places; the average has hardly moved.
    assert_eq!(bench.dropped(DropCause::QueueFull), 5);
}
