//! RFC 8289: when CoDel drops, and when not.

use super::*;
use crate::link::QueueLimit;

/// The first dequeue with a delay at target; the sheet's zero.
const START: u64 = 5 * MS;

/// Check L8 after [`START`]: 100 ms, then 100 ms / √n after each n-th drop, each rounded to a nanosecond: 100,
/// 70.710678(118), 57.735026(919) up, 50, 44.721359(550) up, 40.824829(046), 37.796447(301).
const SCHEDULE: [u64; 8] =
    [100_000_000, 200_000_000, 270_710_678, 328_445_705, 378_445_705, 423_167_065, 463_991_894, 501_788_341];

/// A queue with many packets that all came at time 0, seen once at [`START`].
fn standing(ecn: bool, kind: Ecn) -> Bench {
    let mut bench = Bench::new(CoDelConfig { ecn, ..CoDelConfig::default() });
    bench.fill(0, 500, 1, 1500, kind);
    assert_eq!(bench.get(START), Some(0));
    bench
}

#[test]
fn drops_come_at_an_interval_over_the_root_of_their_number() {
    let mut bench = standing(false, Ecn::NotEct);
    for due in SCHEDULE {
        assert!(bench.get(START + due - 1).is_some());
        assert_eq!(bench.dropped(DropCause::Aqm), 0, "before {due}");
        // The head is dropped, and the one after it sent.
        let head = bench.next_head();
        assert_eq!(bench.get(START + due), Some(head + 1), "at {due}");
        assert_eq!(bench.drops[0].0.provenance.packet_id, head);
        assert_eq!(bench.dropped(DropCause::Aqm), 1, "at {due}");
    }
}

impl Bench {
    /// The number of the head of a first-in-first-out queue of one flow.
    fn next_head(&self) -> u64 {
        self.next - self.queue.packets()
    }
}

/// A dequeue at 300 ms makes up for the drops that were due at 200 and 270.71 ms; the next is due at 328.45 ms.
#[test]
fn a_late_dequeue_makes_all_drops_that_are_due() {
    let mut bench = standing(false, Ecn::NotEct);
    bench.get(START + SCHEDULE[0]);
    assert_eq!(bench.dropped(DropCause::Aqm), 1);
    bench.get(START + 300 * MS);
    assert_eq!(bench.dropped(DropCause::Aqm), 2);
    bench.get(START + SCHEDULE[3] - 1);
    assert_eq!(bench.dropped(DropCause::Aqm), 0);
    bench.get(START + SCHEDULE[3]);
    assert_eq!(bench.dropped(DropCause::Aqm), 1);
}

/// Check L9: one nanosecond below target is below.
#[test]
fn below_target_nothing_is_dropped() {
    let mut bench = Bench::new(CoDelConfig::default());
    for round in 0..2000 {
        let now = round * MS;
        bench.fill(now, 5, 1, 1500, Ecn::NotEct);
        for _ in 0..5 {
            assert!(bench.get(now + START - 1).is_some());
        }
    }
    assert_eq!(bench.dropped(DropCause::Aqm), 0);
}

/// Check L9: whatever the delay, a packet that leaves no more than one MTU (1500 B) behind stays.
#[test]
fn a_queue_of_one_mtu_is_left_alone() {
    for (behind, dropped) in [(1500, 0), (1501, 1)] {
        let mut bench = Bench::new(CoDelConfig::default());
        bench.put(0, 1, 100);
        bench.put(0, 1, 100);
        bench.put(0, 1, behind - 100);
        bench.put(0, 1, 100);
        // The first leaves more than an MTU behind in both cases, the second exactly `behind`, half a second later.
        assert_eq!(bench.get(START), Some(0));
        bench.get(START + 500 * MS);
        assert_eq!(bench.dropped(DropCause::Aqm), dropped, "{behind}");
    }
    // Three packets of 600 B: the head leaves 1200 B and stays. Four: it leaves 1800 B and may go.
    for (count, dropped) in [(3, 0), (4, 1)] {
        let mut bench = Bench::new(CoDelConfig::default());
        bench.fill(0, count, 1, 600, Ecn::NotEct);
        bench.get(START);
        bench.put(START, 1, 600);
        bench.get(START + 100 * MS);
        assert_eq!(bench.dropped(DropCause::Aqm), dropped, "{count}");
    }
}

/// Four drops (100, 200, 270.71, 328.45 ms), then the queue is emptied. When it is above target for an interval again,
/// `count` starts with the 4 - 1 = 3 drops that were made beyond the first: the second drop follows after
/// 100 ms / √3 = 57.735027 ms. The round after that has no drop beyond its start: 4 - 3 = 1, so that `count` is 1
/// and the second drop follows after 100 ms.
#[test]
fn what_comes_back_soon_is_dropped_at_the_old_rate() {
    let mut bench = standing(false, Ecn::NotEct);
    for due in &SCHEDULE[..4] {
        bench.get(START + due);
    }
    assert_eq!(bench.dropped(DropCause::Aqm), 4);
    let mut begin = 400 * MS;
    for second in [57_735_027, 100_000_000] {
        bench.clear();
        bench.fill(begin, 100, 1, 1500, Ecn::NotEct);
        assert!(bench.get(begin).is_some(), "leaves the drop state");
        assert!(bench.get(begin + START).is_some());
        assert!(bench.get(begin + START + 100 * MS - 1).is_some());
        assert_eq!(bench.dropped(DropCause::Aqm), 0);
        let first = begin + START + 100 * MS;
        bench.get(first);
        assert_eq!(bench.dropped(DropCause::Aqm), 1);
        bench.get(first + second - 1);
        assert_eq!(bench.dropped(DropCause::Aqm), 0, "{second}");
        bench.get(first + second);
        assert_eq!(bench.dropped(DropCause::Aqm), 1, "{second}");
        begin = first + second + 10 * MS;
    }
}

/// After 16 intervals since the next drop would have been due, `count` starts from 1 again.
#[test]
fn what_comes_back_late_starts_anew() {
    let mut bench = standing(false, Ecn::NotEct);
    for due in &SCHEDULE[..4] {
        bench.get(START + due);
    }
    bench.dropped(DropCause::Aqm);
    bench.clear();
    let begin = START + SCHEDULE[4] + 1600 * MS;
    bench.fill(begin, 100, 1, 1500, Ecn::NotEct);
    bench.get(begin);
    bench.get(begin + START);
    let first = begin + START + 100 * MS;
    bench.get(first);
    assert_eq!(bench.dropped(DropCause::Aqm), 1);
    bench.get(first + 100 * MS - 1);
    assert_eq!(bench.dropped(DropCause::Aqm), 0);
    bench.get(first + 100 * MS);
    assert_eq!(bench.dropped(DropCause::Aqm), 1);
}

/// The schedule of L8, as marks; each marked packet is sent.
#[test]
fn with_ecn_capable_heads_are_marked_on_the_same_schedule() {
    let mut bench = standing(true, Ecn::Ect0);
    for (index, due) in SCHEDULE.into_iter().enumerate() {
        assert_eq!(bench.take(START + due - 1).unwrap().ip.ecn(), Ecn::Ect0);
        assert_eq!(bench.take(START + due).unwrap().ip.ecn(), Ecn::Ce);
        assert_eq!(bench.queue.marked(), index as u64 + 1);
    }
    assert_eq!(bench.dropped(DropCause::Aqm), 0);
}

#[test]
fn with_ecn_a_head_that_is_not_capable_is_dropped_and_one_that_is_marked_passes() {
    for (kind, dropped) in [(Ecn::NotEct, 1), (Ecn::Ce, 0)] {
        let mut bench = standing(true, kind);
        assert_eq!(bench.take(START + SCHEDULE[0]).unwrap().ip.ecn(), kind);
        assert_eq!(bench.dropped(DropCause::Aqm), dropped);
        assert_eq!(bench.queue.marked(), 0);
    }
    let mut without = standing(false, Ecn::Ect0);
    without.get(START + SCHEDULE[0]);
    assert_eq!(without.dropped(DropCause::Aqm), 1, "ECN is off");
}

#[test]
fn a_full_queue_drops_its_tail() {
    let mut bench = Bench::new(CoDelConfig { limit: QueueLimit::Packets(2), ..CoDelConfig::default() });
    bench.fill(0, 3, 1, 100, Ecn::Ect0);
    assert_eq!(bench.drops[0].0.provenance.packet_id, 2);
    assert_eq!(bench.dropped(DropCause::QueueFull), 1);
}
