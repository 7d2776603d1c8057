//! RFC 8290: whose turn it is, and who pays for a packet too many.

use super::*;
use crate::link::QueueLimit;
use crate::queue::fq_codel::FqCoDel;
use protosim_core::Size;
use std::collections::BTreeSet;

/// Flows 1 and 2 fall into different queues of 1024 with the seed of these tests.
fn bench() -> Bench {
    Bench::new(FqCoDelConfig::default())
}

/// Check L14: of two flows that always have packets of one size, each gets half of the bytes, to within a quantum; and
/// of two with different sizes too, to within a packet more, as a turn ends only after the packet that exhausts it.
#[test]
fn saturating_flows_share_alike() {
    for (one, other) in [(1000, 1000), (1500, 300), (1500, 40)] {
        let mut bench = bench();
        let mut sent = [0_i64; 2];
        for index in 0..5000 {
            while bench.queue.packets() < 200 {
                bench.put(index, 1, one);
                bench.put(index, 2, other);
            }
            let packet = bench.take(index).unwrap();
            let is_second = packet.ports().unwrap().0 == 2;
            sent[usize::from(is_second)] += packet.wire_len() as i64;
            // Only while both have packets is there anything to share.
            bench.put(index, if is_second { 2 } else { 1 }, if is_second { other } else { one });
            assert!((sent[0] - sent[1]).abs() <= 1514 + 1500, "{sent:?} with {one} and {other}");
        }
        assert_eq!(bench.drops.len(), 0);
    }
}

/// Check L14: a flow that comes anew goes first, before the hundreds of packets that wait. Each time that it sends, the
/// bulk flow has had a turn, so that the sparse one is forgotten in between and is new again.
#[test]
fn a_sparse_flow_waits_for_no_queue() {
    let mut bench = bench();
    bench.fill(0, 300, 1, 1000, Ecn::NotEct);
    for round in 0..20 {
        for _ in 0..4 {
            bench.get(round);
        }
        let id = bench.put(round, 2, 200);
        assert_eq!(bench.get(round), Some(id), "round {round}");
    }
}

/// A flow that brings its next packet as soon as the other has had a turn would always be new, if an empty new queue
/// were forgotten at once (§4.2): it would send one packet of 1500 B for each of 100 B. As it is, it gets no more than
/// half of the bytes, to within a quantum and a packet.
#[test]
fn a_flow_that_keeps_coming_back_starves_nobody() {
    let mut bench = bench();
    bench.fill(0, 2000, 1, 100, Ecn::NotEct);
    let mut sent = [0_i64; 2];
    for _ in 0..1000 {
        let packet = bench.take(0).unwrap();
        let is_bulk = packet.ports().unwrap().0 == 1;
        sent[usize::from(is_bulk)] += packet.wire_len() as i64;
        if is_bulk && bench.queue.bytes() == bench.queue.packets() * 100 {
            bench.put(0, 2, 1500);
        }
    }
    assert!(sent[0] <= sent[1] + 1514 + 1500, "{sent:?}");
}

/// With one queue for all, flows are not told apart: first in, first out.
#[test]
fn flows_that_collide_share_one_queue() {
    let mut bench = Bench::new(FqCoDelConfig { flows: 1, ..FqCoDelConfig::default() });
    bench.fill(0, 10, 1, 1000, Ecn::NotEct);
    let late = bench.put(0, 2, 100);
    let order: Vec<u64> = std::iter::from_fn(|| bench.get(0)).collect();
    assert_eq!(order, (0..=late).collect::<Vec<_>>());
}

/// 100 flows over 1024 queues fill 1024 (1 - (1 - 1/1024)^100) = 95.3 on average, with a standard deviation of about
/// √(100² / (2 · 1024)) = 2.2 collisions: five of them below. Another salt gives other collisions, but the same luck the
/// same.
#[test]
fn the_hash_spreads_flows_and_is_salted() {
    let buckets = |name: &str| -> Vec<u64> {
        let mut queue = FqCoDel::new(&FqCoDelConfig::default(), LinkFacts::default(), SEED, name);
        (0..100).map(|flow| queue.bucket(&packet(0, flow, Ecn::NotEct, 100))).collect()
    };
    let here = buckets("a--b");
    let distinct: BTreeSet<u64> = here.iter().copied().collect();
    assert!((84..=100).contains(&distinct.len()), "{}", distinct.len());
    assert!(here.iter().all(|bucket| *bucket < 1024));
    assert_ne!(here[1], here[2], "what the other tests rely on");
    assert_eq!(here, buckets("a--b"));
    assert_ne!(here, buckets("b--a"));
}

/// Limit 100. Flow 2 has 2 packets and flow 1 brings 99: the 101st is one too many. Flow 1 has most bytes and loses
/// half of its 99 packets, rounded down, from its head: 49.
#[test]
fn the_fattest_flow_pays_with_half_its_packets_from_the_head() {
    let mut bench = Bench::new(FqCoDelConfig { limit: QueueLimit::Packets(100), ..FqCoDelConfig::default() });
    bench.fill(0, 2, 2, 1500, Ecn::NotEct);
    bench.fill(0, 99, 1, 500, Ecn::NotEct);
    let ids: Vec<u64> = bench.drops.iter().map(|drop| drop.0.provenance.packet_id).collect();
    assert_eq!(ids, (2..51).collect::<Vec<_>>());
    assert_eq!(bench.dropped(DropCause::QueueFull), 49);
    assert_eq!((bench.queue.packets(), bench.queue.bytes()), (52, 2 * 1500 + 50 * 500));
}

/// At most 64 packets go at once; and with a limit in bytes, as many batches as it takes.
#[test]
fn a_batch_is_of_at_most_64_packets() {
    let mut bench = Bench::new(FqCoDelConfig { limit: QueueLimit::Packets(1000), ..FqCoDelConfig::default() });
    bench.fill(0, 1001, 1, 100, Ecn::NotEct);
    assert_eq!(bench.dropped(DropCause::QueueFull), 64);
    // 10 000 B: of 100 packets of 100 B, half go (50) when 40 B more come; a packet of 9 000 B then makes 14 040 B, is
    // itself the fattest flow's, and its single packet goes.
    let limit = QueueLimit::Bytes(Size::from_bytes(10_000));
    let mut bench = Bench::new(FqCoDelConfig { limit, ..FqCoDelConfig::default() });
    bench.fill(0, 100, 1, 100, Ecn::NotEct);
    bench.put(0, 2, 40);
    assert_eq!(bench.dropped(DropCause::QueueFull), 50);
    let big = bench.put(0, 2, 9_000);
    let ids: Vec<u64> = bench.drops.iter().map(|drop| drop.0.provenance.packet_id).collect();
    // The head of flow 2 is its packet of 40 B: half of two is one. 5000 + 9000 B are still too many.
    assert_eq!(ids, [100, big]);
    assert_eq!(bench.queue.bytes(), 5_000);
}

/// Each flow has a CoDel of its own: the bulk flow's drops begin an interval after its delay passed the target, and the
/// sparse flow loses nothing.
#[test]
fn only_the_flow_that_stands_is_dropped_from() {
    let mut bench = bench();
    bench.fill(0, 2000, 1, 1500, Ecn::NotEct);
    for ms in 5..300 {
        bench.put(ms * MS, 2, 100);
        bench.get(ms * MS);
        bench.get(ms * MS);
    }
    assert!(!bench.drops.is_empty());
    assert!(bench.drops.iter().all(|(packet, _)| packet.ports().unwrap().0 == 1));
    // From 105 ms to 299 ms: drops at 100 and 200 ms after the first dequeue above target, and at 270.7 ms.
    assert_eq!(bench.dropped(DropCause::Aqm), 3);
}
