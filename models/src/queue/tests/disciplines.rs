//! Drop-tail, the marking threshold, and classes.

use super::*;
use crate::link::QueueLimit;
use crate::packet::{TcpFlags, TcpHeader, Transport};
use protosim_core::Size;

#[test]
fn drop_tail_keeps_order_and_drops_what_finds_no_place() {
    let mut bench = Bench::new(QueueLimit::Packets(3));
    bench.fill(0, 5, 1, 100, Ecn::Ect0);
    assert_eq!(bench.drops.iter().map(|drop| drop.0.provenance.packet_id).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(bench.dropped(DropCause::QueueFull), 2);
    assert_eq!(std::iter::from_fn(|| bench.get(9)).collect::<Vec<_>>(), [0, 1, 2]);
    // 1000 B: 600 and 400 B fit exactly; a byte more does not, a smaller packet does again.
    let mut bench = Bench::new(QueueLimit::Bytes(Size::from_bytes(1000)));
    for (len, dropped) in [(600, 0), (401, 1), (400, 0), (100, 1)] {
        bench.put(0, 1, len);
        assert_eq!(bench.dropped(DropCause::QueueFull), dropped, "{len}");
    }
}

#[test]
fn a_packet_knows_when_it_came() {
    let mut bench = Bench::new(QueueLimit::Packets(3));
    bench.put(7, 1, 100);
    let sent = bench.queue.dequeue(at(9), &mut Vec::new()).unwrap();
    assert_eq!((sent.len, sent.enqueued), (100, at(7)));
}

/// Above 3 packets: the fifth arrival finds 4. One that finds exactly 3 is not marked.
#[test]
fn the_threshold_marks_by_the_length_that_an_arrival_finds() {
    let config = ThresholdConfig { limit: QueueLimit::Packets(6), mark_above: QueueLimit::Packets(3) };
    let mut bench = Bench::new(config);
    bench.fill(0, 5, 1, 100, Ecn::Ect0);
    bench.put_ecn(0, 1, 100, Ecn::NotEct);
    assert_eq!(bench.dropped(DropCause::Aqm), 1, "not capable: dropped above the threshold");
    bench.put_ecn(0, 1, 100, Ecn::Ce);
    bench.put_ecn(0, 1, 100, Ecn::Ect1);
    assert_eq!(bench.dropped(DropCause::QueueFull), 1);
    let sent: Vec<Ecn> = std::iter::from_fn(|| bench.take(0)).map(|packet| packet.ip.ecn()).collect();
    assert_eq!(sent, [Ecn::Ect0, Ecn::Ect0, Ecn::Ect0, Ecn::Ect0, Ecn::Ce, Ecn::Ce]);
    assert_eq!(bench.queue.marked(), 1);
    // In bytes: 300 B are not above 300 B, 301 B are.
    for (first, marked) in [(300, 0), (301, 1)] {
        let mark_above = QueueLimit::Bytes(Size::from_bytes(300));
        let mut bench = Bench::new(ThresholdConfig { limit: QueueLimit::Packets(6), mark_above });
        bench.put(0, 1, first);
        bench.put_ecn(0, 1, 100, Ecn::Ect1);
        assert_eq!(bench.queue.marked(), marked);
    }
}

fn class(dscp: Option<Vec<u8>>, ports: Option<Vec<u16>>, weight: Option<u32>) -> ClassConfig {
    ClassConfig { dscp, ports, weight, queue: QueueConfig::default() }
}

impl Bench {
    fn put_dscp(&mut self, dscp: u8, port: u16, len: u64) -> u64 {
        let id = self.next;
        self.next += 1;
        let mut packet = packet(id, 1, Ecn::NotEct, len);
        packet.ip.set_dscp(dscp);
        if let Transport::Udp(header) = &mut packet.transport {
            header.destination_port = port;
        }
        self.queue.enqueue(packet, len, at(0), &mut self.drops);
        id
    }
}

/// DSCP 46 or port 5683 first, then DSCP 10, then the rest; within a class in order.
#[test]
fn a_lower_class_is_never_served_before_a_higher_one() {
    let classes = vec![
        class(Some(vec![46]), Some(vec![5683]), None),
        class(Some(vec![10, 12]), None, None),
        class(None, None, None),
    ];
    let mut bench = Bench::new(PriorityConfig { scheduler: Scheduler::Strict, classes });
    let rest = bench.put_dscp(0, 9000, 100);
    let middle = bench.put_dscp(12, 9000, 100);
    let by_port = bench.put_dscp(10, 5683, 100);
    let by_dscp = bench.put_dscp(46, 9000, 100);
    assert_eq!(bench.get(0), Some(by_port));
    let late = bench.put_dscp(46, 9000, 100);
    assert_eq!([bench.get(0), bench.get(0)], [Some(by_dscp), Some(late)]);
    assert_eq!([bench.get(0), bench.get(0), bench.get(0)], [Some(middle), Some(rest), None]);
}

/// The source port says nothing, and a fragment has none. UDP and TCP are alike.
#[test]
fn only_the_destination_port_counts() {
    let classes = vec![class(None, Some(vec![1]), None), class(None, None, None)];
    let mut bench = Bench::new(PriorityConfig { scheduler: Scheduler::Strict, classes });
    let from_port_1 = bench.put_dscp(0, 9000, 100);
    let mut fragment = packet(99, 5, Ecn::NotEct, 100);
    fragment.transport = Transport::Other { protocol: 17 };
    bench.queue.enqueue(fragment, 92, at(0), &mut bench.drops);
    for (id, ports) in [(100, (1, 9000)), (101, (9000, 1))] {
        let mut segment = packet(id, 5, Ecn::NotEct, 100);
        segment.transport = Transport::Tcp(TcpHeader {
            source_port: ports.0,
            destination_port: ports.1,
            sequence: 7,
            acknowledgment: 1,
            flags: TcpFlags::ACK,
            window: 1,
            urgent: 1,
            timestamps: None,
            options: None,
        });
        bench.queue.enqueue(segment, 112, at(0), &mut bench.drops);
    }
    let to_port_1 = bench.put_dscp(0, 1, 100);
    assert_eq!([bench.get(0), bench.get(0)], [Some(101), Some(to_port_1)]);
    assert_eq!([bench.get(0), bench.get(0), bench.get(0)], [Some(from_port_1), Some(99), Some(100)]);
}

/// Weights 3, 2 and 1 with packets of 1500, 700 and 40 B, all busy: after any round, bytes are as 3 : 2 : 1, to within one
/// round (weight · 1500 B) and one packet.
#[test]
fn weighted_shares_are_exact_in_bytes() {
    let classes =
        vec![class(Some(vec![1]), None, Some(3)), class(Some(vec![2]), None, Some(2)), class(None, None, None)];
    let mut bench = Bench::new(PriorityConfig { scheduler: Scheduler::Weighted, classes });
    let lens = [1500, 700, 40];
    for (dscp, len) in [(1, lens[0]), (2, lens[1]), (0, lens[2])] {
        for _ in 0..50 {
            bench.put_dscp(dscp, 9000, len);
        }
    }
    let mut sent = [0_i64; 3];
    for _ in 0..20_000 {
        let packet = bench.take(0).unwrap();
        let index = match packet.ip.dscp() {
            1 => 0,
            2 => 1,
            _ => 2,
        };
        sent[index] += packet.wire_len() as i64;
        bench.put_dscp(packet.ip.dscp(), 9000, lens[index]);
        // In units of one weight, each is within a round and a packet of the others.
        for (one, weight) in sent.iter().zip([3, 2, 1]) {
            assert!((one / weight - sent[2]).abs() <= 1500 + 1500, "{sent:?}");
        }
    }
}

/// A class that is alone has it all, and nobody is owed anything afterwards: with equal weights and sizes, two classes
/// alternate in rounds of one MTU, whoever was busy before.
#[test]
fn a_class_saves_up_no_turns() {
    let classes = vec![class(Some(vec![1]), None, None), class(None, None, None)];
    let mut bench = Bench::new(PriorityConfig { scheduler: Scheduler::Weighted, classes });
    for _ in 0..1000 {
        bench.put_dscp(1, 9000, 1500);
        assert!(bench.get(0).is_some());
    }
    for _ in 0..20 {
        bench.put_dscp(1, 9000, 1500);
        bench.put_dscp(0, 9000, 1500);
    }
    let mut ahead = 0_i32;
    for _ in 0..20 {
        let packet = bench.take(0).unwrap();
        ahead += if packet.ip.dscp() == 1 { 1 } else { -1 };
        assert!(ahead.abs() <= 2, "{ahead}");
    }
}

/// A class has the discipline that is said for it, and its own luck.
#[test]
fn each_class_has_its_own_discipline() {
    let mark = ThresholdConfig { limit: QueueLimit::Packets(10), mark_above: QueueLimit::Packets(1) };
    let classes = vec![
        ClassConfig { queue: mark.into(), ..class(Some(vec![1]), None, None) },
        ClassConfig { queue: QueueLimit::Packets(2).into(), ..class(None, None, None) },
    ];
    let mut bench = Bench::new(PriorityConfig { scheduler: Scheduler::Strict, classes });
    for _ in 0..3 {
        bench.put_dscp(1, 9000, 100);
    }
    assert_eq!(bench.dropped(DropCause::Aqm), 1);
    for _ in 0..3 {
        bench.put_dscp(0, 9000, 100);
    }
    assert_eq!(bench.dropped(DropCause::QueueFull), 1);
    assert_eq!((bench.queue.packets(), bench.queue.bytes()), (4, 400));
    assert_eq!(bench.clear(), 4);
}
