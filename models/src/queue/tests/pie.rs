//! RFC 8033: the controller by hand (checks L10 and L11), and what spares an arrival.

use super::*;
use crate::link::QueueLimit;
use crate::queue::pie::{Controller, Pie, scale};
use proptest::prelude::*;

fn controller(probability: f64, delay_ms: u64, old_delay_ms: u64) -> Controller {
    let mut controller = Controller::new(&PieConfig::default());
    controller.probability = probability;
    controller.delay = Span::from_millis(delay_ms);
    controller.old_delay = Span::from_millis(old_delay_ms);
    controller
}

fn stepped(probability: f64, delay_ms: u64, old_delay_ms: u64) -> f64 {
    let mut controller = controller(probability, delay_ms, old_delay_ms);
    controller.step();
    controller.probability
}

fn assert_close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-15_f64.max(expected.abs() * 1e-12), "{found} instead of {expected}");
}

/// Checks L10 and L11: 0.125 · 0.015 + 1.25 · 0.015 = 0.020625, by 2048 at 0 and by 2 at 5 %; at 20 % it is capped to 2 %.
#[test]
fn updates_by_hand() {
    assert_close(stepped(0.0, 30, 15), 0.020_625 / 2048.0);
    assert_close(stepped(0.05, 30, 15), 0.05 + 0.010_312_5);
    assert_close(stepped(0.2, 30, 15), 0.22);
    // The cap holds from exactly 10 % on; just below, half of 0.020625 is added. It holds upwards only: at 50 % and
    // from 40 ms down to 10 ms, 0.125 · -0.005 + 1.25 · -0.03 = -0.038125.
    assert_close(stepped(0.1, 30, 15), 0.12);
    assert_close(stepped(0.0999, 30, 15), 0.0999 + 0.010_312_5);
    assert_close(stepped(0.5, 10, 40), 0.5 - 0.038_125);
}

/// The table of §4.2: each bound belongs to the row below it.
#[test]
fn the_scale_at_each_bound() {
    let table =
        [(1e-6_f64, 2048.0, 512.0), (1e-5, 512.0, 128.0), (1e-4, 128.0, 32.0), (1e-3, 32.0, 8.0), (1e-2, 8.0, 2.0)];
    for (bound, below, from) in table.into_iter().chain([(0.1, 2.0, 1.0)]) {
        assert_eq!((scale(bound.next_down()), scale(bound)), (below, from), "{bound}");
    }
    assert_eq!((scale(0.0), scale(1.0)), (2048.0, 1.0));
}

/// Without delay: 0.5 - 0.125 · 0.015 = 0.498125, of which 98 % remain: 0.4881625. One nanosecond of delay, now or
/// before, and there is no decay: 0.5 - 0.125 · 0.015 + 1.375e-9 (now), or - 1.25e-9 (before).
#[test]
fn without_delay_the_probability_decays() {
    assert_close(stepped(0.5, 0, 0), 0.488_162_5);
    let mut now = controller(0.5, 0, 0);
    now.delay = Span::NANOSECOND;
    now.step();
    assert_close(now.probability, 0.498_125 + 1.375e-9);
    let mut before = controller(0.5, 0, 0);
    before.old_delay = Span::NANOSECOND;
    before.step();
    assert_close(before.probability, 0.498_125 - 1.25e-9);
}

#[test]
fn the_probability_stays_between_0_and_1() {
    assert_eq!(stepped(0.99, 3000, 15), 1.0);
    assert_eq!(stepped(0.001, 0, 1000), 0.0);
}

/// Updates so rare that none happens in a test.
fn frozen() -> PieConfig {
    PieConfig { update: span("1000 s"), ..PieConfig::default() }
}

/// A queue of which the controller is set by hand, with the burst allowance used up.
struct Forced {
    pie: Pie,
    drops: Drops,
}

impl Forced {
    fn new(config: &PieConfig, probability: f64, delay_ms: u64) -> Self {
        let mut pie = Pie::new(config, SEED, "a--b");
        let controller = pie.controller_mut();
        controller.probability = probability;
        controller.delay = Span::from_millis(delay_ms);
        controller.old_delay = Span::from_millis(delay_ms);
        controller.burst = Span::ZERO;
        Self { pie, drops: Vec::new() }
    }

    /// True if an arrival at `nanos` is dropped by judgement.
    fn drops(&mut self, nanos: u64, ecn: Ecn) -> bool {
        self.pie.enqueue(Dequeued { packet: packet(0, 1, ecn, 1000), len: 1000, enqueued: at(nanos) }, &mut self.drops);
        match self.drops.pop() {
            None => false,
            Some((_, cause)) => {
                assert_eq!(cause, DropCause::Aqm);
                true
            }
        }
    }

    /// How many of `count` arrivals are dropped, with more than two mean packets before them.
    fn dropped_of(&mut self, count: u64, ecn: Ecn) -> u64 {
        while self.pie.bytes() <= 2048 {
            self.drops(0, ecn);
        }
        (0..count)
            .filter(|_| {
                let dropped = self.drops(0, ecn);
                if !dropped {
                    // The delay in the controller moves with a dequeue; it only counts at an update.
                    self.pie.dequeue(at(0), &mut Vec::new());
                }
                dropped
            })
            .count() as u64
    }
}

/// MAX_BURST is 150 ms, ten updates: the allowance lasts through the ninth, at 135 ms, and is gone with the tenth.
#[test]
fn a_burst_of_150_ms_is_let_through() {
    for (nanos, dropped) in [(150 * MS - 1, false), (150 * MS, true)] {
        let mut forced = Forced::new(&PieConfig::default(), 1.0, 30);
        forced.pie.controller_mut().burst = Span::from_millis(150);
        for _ in 0..3 {
            assert!(!forced.drops(0, Ecn::NotEct));
        }
        assert_eq!(forced.drops(nanos, Ecn::NotEct), dropped, "{nanos}");
    }
}

/// Appendix A: renewed at an arrival while there is no probability, and both delays are below 7.5 ms.
#[test]
fn the_burst_allowance_is_renewed_once_all_is_calm() {
    for (probability, delay_ms, renewed) in [(0.0, 7, true), (0.0, 8, false), (1e-9, 7, false)] {
        let mut forced = Forced::new(&frozen(), probability, delay_ms);
        forced.drops(0, Ecn::NotEct);
        let expected = if renewed { Span::from_millis(150) } else { Span::ZERO };
        assert_eq!(forced.pie.controller_mut().burst, expected, "{probability} {delay_ms}");
    }
}

/// §4.1: no drop while the old delay is below half the target and p below 20 %, nor while two mean packets wait.
#[test]
fn safeguards_keep_the_link_busy() {
    assert_eq!(Forced::new(&frozen(), 0.199, 7).dropped_of(1000, Ecn::NotEct), 0);
    assert!(Forced::new(&frozen(), 0.2, 7).dropped_of(1000, Ecn::NotEct) > 0);
    assert!(Forced::new(&frozen(), 0.199, 8).dropped_of(1000, Ecn::NotEct) > 0);
    let mut forced = Forced::new(&frozen(), 1.0, 30);
    assert!(!forced.drops(0, Ecn::NotEct), "nothing waits");
    assert!(!forced.drops(0, Ecn::NotEct), "1000 B wait");
    assert!(!forced.drops(0, Ecn::NotEct), "2000 B wait, twice 1024 B are 2048 B");
    assert!(forced.drops(0, Ecn::NotEct), "3000 B wait");
}

/// 20000 arrivals at p = 0.3: 6000 drops, standard deviation √(20000 · 0.3 · 0.7) = 64.8; five of them.
#[test]
fn drops_are_as_likely_as_the_probability_says() {
    let dropped = Forced::new(&frozen(), 0.3, 30).dropped_of(20_000, Ecn::NotEct);
    assert!((5676..=6324).contains(&dropped), "{dropped}");
}

/// §5.1: what would be dropped is marked while p is below 10 %, with the same luck; from then on it is dropped.
#[test]
fn below_ten_percent_capable_packets_are_marked() {
    let config = PieConfig { ecn: true, ..frozen() };
    let mut not_capable = Forced::new(&config, 0.09, 30);
    let dropped = not_capable.dropped_of(5000, Ecn::NotEct);
    assert!(dropped > 300 && not_capable.pie.marked() == 0);
    let mut capable = Forced::new(&config, 0.09, 30);
    assert_eq!(capable.dropped_of(5000, Ecn::Ect0), 0);
    assert_eq!(capable.pie.marked(), dropped);
    let mut heavy = Forced::new(&config, 0.1, 30);
    assert!(heavy.dropped_of(5000, Ecn::Ect0) > 300 && heavy.pie.marked() == 0);
    let mut off = Forced::new(&frozen(), 0.09, 30);
    assert_eq!(off.dropped_of(5000, Ecn::Ect0), dropped);
}

/// §5.4 at p = 1/16: the first packet after a drop that may be dropped is the 14th (14/16 = 0.875 >= 0.85), and the 136th
/// is in any case (136/16 = 8.5).
#[test]
fn derandomized_drops_keep_their_distance() {
    let config = PieConfig { derandomized: true, ..frozen() };
    let mut forced = Forced::new(&config, 1.0 / 16.0, 30);
    // Three packets wait from now on, so that no arrival is safe.
    forced.dropped_of(0, Ecn::NotEct);
    let (mut gap, mut gaps) = (0, Vec::new());
    for _ in 0..20_000 {
        gap += 1;
        if forced.drops(0, Ecn::NotEct) {
            gaps.push(std::mem::take(&mut gap));
        } else {
            forced.pie.dequeue(at(0), &mut Vec::new());
        }
    }
    // The distance is 13 + a geometric number of mean 16, cut at 136: 29 on average, so some 690 gaps.
    assert!(gaps.len() > 600, "{}", gaps.len());
    assert!(gaps[1..].iter().all(|gap| (14..=136).contains(gap)), "{gaps:?}");
    assert!(gaps.contains(&14));
}

/// The delay is the last packet's at a dequeue that leaves something, and zero after one that leaves nothing.
#[test]
fn the_delay_is_that_of_the_packet_sent_last() {
    let mut forced = Forced::new(&frozen(), 0.0, 0);
    forced.drops(0, Ecn::NotEct);
    forced.drops(5, Ecn::NotEct);
    forced.pie.dequeue(at(20), &mut Vec::new());
    assert_eq!(forced.pie.controller_mut().delay, Span::from_nanos(20));
    forced.pie.dequeue(at(30), &mut Vec::new());
    assert_eq!(forced.pie.controller_mut().delay, Span::ZERO);
}

/// A full queue drops its tail, whatever the controller says.
#[test]
fn a_full_queue_drops_its_tail() {
    let mut bench = Bench::new(PieConfig { limit: QueueLimit::Packets(3), ..PieConfig::default() });
    bench.fill(0, 5, 1, 100, Ecn::NotEct);
    assert_eq!(bench.dropped(DropCause::QueueFull), 2);
}

/// A silence of 30 years costs no more than the way to rest, also from the top and also while a packet waits.
#[test]
fn long_silence_is_bounded_work() {
    for (delay_ms, expected) in [(0, 0.0), (30, 1.0)] {
        let config = PieConfig { update: span("10 us"), ..PieConfig::default() };
        let mut forced = Forced::new(&config, 0.5, delay_ms);
        forced.pie.controller_mut().burst = Span::from_secs(365 * 86_400);
        forced.drops(30 * 365 * 86_400 * 1_000_000_000, Ecn::NotEct);
        assert_eq!(forced.pie.controller_mut().probability, expected);
    }
}

proptest! {
    /// Asked at each instant or only now and then, the controller is in the same state: updates are at their instants.
    #[test]
    fn updates_do_not_depend_on_when_somebody_asks(
        gaps in prop::collection::vec(0_u64..200, 1..20),
        probability in 0.0_f64..1.0,
        delay_ms in 0_u64..60,
    ) {
        let mut often = Forced::new(&PieConfig::default(), probability, delay_ms);
        let mut seldom = Forced::new(&PieConfig::default(), probability, delay_ms);
        let mut now = 0;
        for gap in gaps {
            for _ in 0..gap {
                now += MS;
                often.pie.dequeue(at(now), &mut Vec::new());
            }
            seldom.pie.dequeue(at(now), &mut Vec::new());
            let (one, other) = (often.pie.controller_mut().clone(), seldom.pie.controller_mut().clone());
            prop_assert_eq!(format!("{one:?}"), format!("{other:?}"));
        }
    }
}
