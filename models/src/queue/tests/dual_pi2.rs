//! RFC 9332 appendix A: the laws by hand (check L12), the de-randomised marks, overload and the scheduler.

use super::*;
use crate::link::QueueLimit;
use crate::queue::dual_pi2::{Base, DualPi2};
use proptest::prelude::*;
use protosim_core::Size;

/// Updates so rare that none happens in a test.
fn frozen() -> DualPi2Config {
    DualPi2Config { update: Some(span("1000 s")), ..DualPi2Config::default() }
}

/// A queue with p' set by hand.
struct Forced {
    queue: DualPi2,
    drops: Drops,
}

impl Forced {
    fn new(config: &DualPi2Config, probability: f64) -> Self {
        let mut queue = DualPi2::new(config, LinkFacts::default());
        queue.base_mut().probability = probability;
        Self { queue, drops: Vec::new() }
    }

    fn put(&mut self, nanos: u64, ecn: Ecn, len: u64) {
        let arrived = Dequeued { packet: packet(0, 1, ecn, len), len, enqueued: at(nanos) };
        self.queue.enqueue(arrived, &mut self.drops);
    }

    /// What becomes of the next packet: its ECN field if it is sent.
    fn next(&mut self, nanos: u64, ecn: Ecn) -> Option<Ecn> {
        self.put(nanos, ecn, 1000);
        self.queue.dequeue(at(nanos), &mut self.drops).map(|sent| sent.packet.ip.ecn())
    }

    /// Which of `count` packets, the first being 1, come out with `becomes`.
    fn which(&mut self, count: u64, ecn: Ecn, becomes: Option<Ecn>) -> Vec<u64> {
        (1..=count).filter(|_| self.next(0, ecn) == becomes).collect()
    }
}

/// Check L12: p' = 0.1: classic 0.01, coupled 0.2; p' = 0.5: 0.25 and 1.
#[test]
fn the_square_and_the_double() {
    let mut base = Base::new(&DualPi2Config::default());
    for (probability, classic, coupled) in [(0.1, 0.01, 0.2), (0.5, 0.25, 1.0), (0.0, 0.0, 0.0)] {
        base.probability = probability;
        assert!((base.classic() - classic).abs() < 1e-15);
        assert!((base.coupled() - coupled).abs() < 1e-15);
    }
}

/// Tupdate = min(15, 100/3) = 15 ms, alpha = 0.1 · 0.015 / 0.01 = 0.15, beta = 0.3 / 0.1 = 3. From 15 to 30 ms, p' rises by
/// 0.15 · 0.015 + 3 · 0.015 = 0.04725; from 30 to 10 ms it falls by 0.15 · 0.005 + 3 · 0.02 = 0.06075, to 0. With 15 ms and
/// a round trip of 30 ms: update 10 ms, alpha 0.1 · 0.01 / 0.0009 = 10/9, beta 10.
#[test]
fn updates_by_hand() {
    let mut base = Base::new(&DualPi2Config::default());
    base.old_delay = Span::from_millis(15);
    base.step(Span::from_millis(30));
    assert!((base.probability - 0.047_25).abs() < 1e-12);
    base.probability = 0.5;
    base.step(Span::from_millis(10));
    assert!((base.probability - 0.439_25).abs() < 1e-12);
    base.probability = 0.01;
    base.old_delay = Span::from_millis(30);
    base.step(Span::from_millis(10));
    assert_eq!(base.probability, 0.0);
    base.step(Span::from_secs(10));
    assert_eq!(base.probability, 1.0);
    let short = DualPi2Config { rtt_max: span("30 ms"), ..DualPi2Config::default() };
    assert_eq!(short.update_period(), Span::from_millis(10));
    let (alpha, beta) = short.gains();
    assert!((alpha - 10.0 / 9.0).abs() < 1e-12 && (beta - 10.0).abs() < 1e-12);
}

/// Figure 5: nothing up to 800 µs, all from 1200 µs on, half in the middle; with no range, a step, at the threshold.
#[test]
fn the_ramp() {
    let queue = DualPi2::new(&DualPi2Config::default(), LinkFacts::default());
    for (micros, probability) in [(0, 0.0), (800, 0.0), (900, 0.25), (1000, 0.5), (1200, 1.0), (5000, 1.0)] {
        assert!((queue.ramp(Span::from_micros(micros)) - probability).abs() < 1e-12, "{micros}");
    }
    let step = DualPi2::new(&DualPi2Config { range: Span::ZERO, ..DualPi2Config::default() }, LinkFacts::default());
    assert_eq!(step.ramp(Span::from_nanos(799_999)), 0.0);
    assert_eq!(step.ramp(Span::from_micros(800)), 1.0);
}

/// p' = 1/8: the coupled 1/4 passes 1 with the fifth packet (5/4), and then with each fourth; the classic 1/64 with the
/// 65th, and then with each 64th. All of it exact in binary.
#[test]
fn marks_come_in_even_distances() {
    let expected_l4s: Vec<u64> = (1..=100).filter(|n| *n > 1 && n % 4 == 1).collect();
    assert_eq!(Forced::new(&frozen(), 0.125).which(100, Ecn::Ect1, Some(Ecn::Ce)), expected_l4s);
    let mut capable = Forced::new(&frozen(), 0.125);
    assert_eq!(capable.which(200, Ecn::Ect0, Some(Ecn::Ce)), [65, 129, 193]);
    assert_eq!((capable.queue.marked(), capable.drops.len()), (3, 0));
    let mut not_capable = Forced::new(&frozen(), 0.125);
    assert_eq!(not_capable.which(200, Ecn::NotEct, None), [65, 129, 193]);
    assert_eq!((not_capable.queue.marked(), not_capable.drops.len()), (0, 3));
    // What is CE already is a packet of the L queue, and no new mark.
    let mut marked = Forced::new(&frozen(), 0.125);
    assert_eq!(marked.which(100, Ecn::Ce, Some(Ecn::Ce)).len(), 100);
    assert_eq!(marked.queue.marked(), 0);
}

/// p' = 0.5: coupled 1, classic 0.25: overload. One count serves both decisions on an L packet (figure 7): it is 0.25 and
/// then 1.25, marked, 0.25; so with n-th packet n/4 before the second step; the fifth finds 1.25 at the first step and is
/// dropped, leaving 0.25, and so on each fourth. The rest is marked. In the C queue ECN is disabled: the fifth
/// and each fourth after it are dropped, capable or not.
#[test]
fn in_overload_both_queues_drop() {
    let expected: Vec<u64> = (1..=40).filter(|n| *n > 1 && n % 4 == 1).collect();
    let mut l4s = Forced::new(&frozen(), 0.5);
    assert_eq!(l4s.which(40, Ecn::Ect1, None), expected);
    assert_eq!(l4s.queue.marked(), 40 - expected.len() as u64);
    assert!(l4s.drops.iter().all(|drop| drop.1 == DropCause::Aqm));
    for ecn in [Ecn::NotEct, Ecn::Ect0] {
        let mut classic = Forced::new(&frozen(), 0.5);
        assert_eq!(classic.which(40, ecn, None), expected);
        assert_eq!(classic.queue.marked(), 0);
    }
}

/// The L queue's own mark needs a delay, and more than Th_len = 1 packet behind.
#[test]
fn a_packet_with_one_behind_is_not_marked_by_the_ramp() {
    for (behind, marked) in [(0, 0), (1, 0), (2, 1)] {
        let mut forced = Forced::new(&frozen(), 0.0);
        // One packet's likelihood of 1 does not pass 1; the sum with the second's does.
        for _ in 0..2 {
            for _ in 0..=behind {
                forced.put(0, Ecn::Ect1, 100);
            }
            forced.queue.dequeue(at(2 * MS), &mut forced.drops);
            forced.queue.clear(&mut Vec::new());
        }
        assert_eq!(forced.queue.marked(), marked, "{behind}");
    }
}

/// While both have packets of 1500 B, C gets 10 of 100. At first, L is 80 · 1500 credits ahead: 8 L packets bring C's credit
/// to 0 and a ninth above, so that the tenth packet is C's. After it the credit is 1 packet times 10 - 90 = -80: again
/// 9 L packets. So the longest wait for C is 9 L packets: less than 9 · 1500 B + one packet.
#[test]
fn classic_gets_its_tenth_and_never_starves() {
    let mut forced = Forced::new(&frozen(), 0.0);
    for _ in 0..2000 {
        forced.put(0, Ecn::Ect1, 1500);
    }
    for _ in 0..200 {
        forced.put(0, Ecn::Ect0, 1500);
    }
    for index in 1..=1000 {
        let sent = forced.queue.dequeue(at(0), &mut forced.drops).unwrap();
        let is_classic = sent.packet.ip.ecn() == Ecn::Ect0;
        assert_eq!(is_classic, index % 10 == 0, "{index}");
    }
}

proptest! {
    /// Whatever the sizes: between two C packets of n bytes, less than 9 n bytes of L and one more L packet.
    #[test]
    fn classic_waits_for_no_more_than_its_share(sizes in prop::collection::vec((100_u64..1500, 100_u64..1500), 200)) {
        let mut forced = Forced::new(&frozen(), 0.0);
        for (l4s, _) in &sizes {
            forced.put(0, Ecn::Ect1, *l4s);
        }
        for (_, classic) in &sizes {
            forced.put(0, Ecn::Ect0, *classic);
        }
        let mut last = 1500;
        let mut waited = 0;
        for _ in 0..150 {
            let sent = forced.queue.dequeue(at(0), &mut forced.drops).unwrap();
            if sent.packet.ip.ecn() == Ecn::Ect0 {
                (last, waited) = (sent.len, 0);
            } else {
                waited += sent.len;
                prop_assert!(waited < 9 * last + 1500, "{} B of L after {} B of C", waited, last);
            }
        }
    }
}

/// Alone, either queue has the whole link, and that costs it nothing later.
#[test]
fn credit_counts_only_while_both_wait() {
    let mut forced = Forced::new(&frozen(), 0.0);
    for _ in 0..100 {
        assert!(forced.next(0, Ecn::Ect0).is_some());
    }
    // The C queue had it all; an L packet still goes before a C packet that came first.
    forced.put(0, Ecn::Ect0, 1500);
    forced.put(0, Ecn::Ect1, 1500);
    assert_eq!(forced.queue.dequeue(at(0), &mut forced.drops).unwrap().packet.ip.ecn(), Ecn::Ect1);
}

/// One limit for both; in bytes, room for an MTU is asked for (figure 3): with 4000 B, a third packet of 1000 B finds 2000 B
/// and room, a fourth finds 3000 B, which leaves less than 1500 B.
#[test]
fn both_share_one_limit() {
    let mut packets = Bench::new(DualPi2Config { limit: QueueLimit::Packets(3), ..frozen() });
    for ecn in [Ecn::Ect1, Ecn::Ect0, Ecn::Ect1, Ecn::Ect0, Ecn::Ect1] {
        packets.put_ecn(0, 1, 100, ecn);
    }
    assert_eq!(packets.dropped(DropCause::QueueFull), 2);
    let limit = QueueLimit::Bytes(Size::from_bytes(4000));
    let mut bytes = Bench::new(DualPi2Config { limit, ..frozen() });
    for (ecn, dropped) in [(Ecn::Ect1, 0), (Ecn::Ect0, 0), (Ecn::Ect1, 0), (Ecn::Ect0, 1)] {
        bytes.put_ecn(0, 1, 1000, ecn);
        assert_eq!(bytes.dropped(DropCause::QueueFull), dropped);
    }
}

/// The head of a queue came at 1 ms and waits. Updates at 15 and 30 ms see 14 and 29 ms:
/// p' = max(0, 0.15 · -0.001 + 3 · 0.014) = 0.04185; then + 0.15 · 0.014 + 3 · 0.015 = 0.0471, to 0.08895. Either queue
/// drives it (figure 8).
#[test]
fn updates_see_the_delay_of_their_instant() {
    for ecn in [Ecn::Ect1, Ecn::Ect0] {
        let mut forced = Forced::new(&DualPi2Config::default(), 0.0);
        forced.put(MS, ecn, 1000);
        forced.put(44 * MS, ecn, 1000);
        let base = forced.queue.base_mut();
        assert!((base.probability - 0.088_95).abs() < 1e-12, "{}", base.probability);
        assert_eq!(base.old_delay, Span::from_millis(29));
    }
}

/// Decades with nothing, and decades with a packet that nobody takes, cost no more than the way to rest.
#[test]
fn long_silence_is_bounded_work() {
    let decades = 30 * 365 * 86_400 * 1_000_000_000;
    let config = DualPi2Config { update: Some(span("10 us")), ..DualPi2Config::default() };
    let mut idle = Forced::new(&config, 1.0);
    idle.put(decades, Ecn::Ect0, 100);
    assert_eq!((idle.queue.base_mut().probability, idle.queue.base_mut().old_delay), (0.0, Span::ZERO));
    let mut stalled = Forced::new(&config, 0.0);
    stalled.put(5_000, Ecn::Ect0, 100);
    stalled.put(decades + 7_000, Ecn::Ect0, 100);
    assert_eq!(stalled.queue.base_mut().probability, 1.0);
    // The last update was at the last multiple of 10 µs: `decades`.
    assert_eq!(stalled.queue.base_mut().old_delay, Span::from_nanos(decades - 5_000));
}

proptest! {
    /// Asked at each instant or only now and then, the controller is in the same state.
    #[test]
    fn updates_do_not_depend_on_when_somebody_asks(
        gaps in prop::collection::vec((0_u64..300, any::<bool>()), 1..20),
        probability in 0.0_f64..1.0,
    ) {
        let mut often = Forced::new(&DualPi2Config::default(), probability);
        let mut seldom = Forced::new(&DualPi2Config::default(), probability);
        let mut now = 0;
        for (gap, takes) in gaps {
            for _ in 0..gap {
                now += MS;
                often.queue.catch_up(at(now));
            }
            for forced in [&mut often, &mut seldom] {
                forced.put(now, Ecn::Ect1, 100);
                forced.put(now, Ecn::Ect0, 100);
                if takes {
                    forced.queue.dequeue(at(now), &mut forced.drops);
                }
            }
            prop_assert_eq!(format!("{:?}", often.queue), format!("{:?}", seldom.queue));
        }
    }
}
