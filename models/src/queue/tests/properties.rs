//! What holds for every discipline, whatever comes.

use super::*;
use crate::link::QueueLimit;
use proptest::prelude::*;
use protosim_core::Size;
use std::collections::BTreeMap;

/// Each discipline with limits that a test reaches, with and without ECN.
fn configs() -> Vec<QueueConfig> {
    let limit = QueueLimit::Packets(40);
    let bytes = QueueLimit::Bytes(Size::from_bytes(20_000));
    let (target, interval) = (span("2 ms"), span("10 ms"));
    let codel = CoDelConfig { limit, target, interval, ecn: false };
    let fq_codel = FqCoDelConfig { limit, target, interval, flows: 8, ..FqCoDelConfig::default() };
    let pie = PieConfig { limit, burst: Span::ZERO, target, ..PieConfig::default() };
    let red = RedConfig { weight: "20 %".parse().unwrap(), ..RedConfig::default() };
    let mark_above = QueueLimit::Packets(5);
    let class = |port: Option<u16>, queue: QueueConfig| ClassConfig {
        dscp: None,
        ports: port.map(|port| vec![port]),
        weight: None,
        queue,
    };
    let classes = |scheduler| PriorityConfig {
        scheduler,
        classes: vec![
            class(Some(9001), codel.clone().into()),
            class(Some(9002), fq_codel.clone().into()),
            class(None, QueueLimit::Packets(10).into()),
        ],
    };
    vec![
        limit.into(),
        bytes.into(),
        CoDelConfig { ecn: true, ..codel.clone() }.into(),
        CoDelConfig { limit: bytes, ..codel.clone() }.into(),
        fq_codel.clone().into(),
        FqCoDelConfig { limit: bytes, ecn: false, ..fq_codel.clone() }.into(),
        pie.clone().into(),
        PieConfig { limit: bytes, ecn: true, derandomized: true, ..pie }.into(),
        DualPi2Config { limit, target, ..DualPi2Config::default() }.into(),
        DualPi2Config { limit: bytes, coupling: 4, ..DualPi2Config::default() }.into(),
        red.clone().into(),
        RedConfig { ecn: true, gentle: false, ..red }.into(),
        ThresholdConfig { limit, mark_above }.into(),
        ThresholdConfig { limit: bytes, mark_above }.into(),
        classes(Scheduler::Strict).into(),
        classes(Scheduler::Weighted).into(),
    ]
}

/// What happens next, after some microseconds.
#[derive(Clone, Copy, Debug)]
enum Step {
    Put { flow: u16, len: u64 },
    Get,
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let put = (0_u16..6, 40_u64..1500).prop_map(|(flow, len)| Step::Put { flow, len });
    let step = prop_oneof![12 => put, 9 => Just(Step::Get), 1 => Just(Step::Clear)];
    prop::collection::vec((0_u64..3000, step), 1..400)
}

/// A flow keeps its ECN field and its class.
const ECN: [Ecn; 6] = [Ecn::NotEct, Ecn::Ect0, Ecn::Ect1, Ecn::Ce, Ecn::NotEct, Ecn::Ect1];

fn flow_packet(id: u64, flow: u16, len: u64) -> Box<Packet> {
    let mut packet = packet(id, flow, ECN[usize::from(flow)], len);
    if let crate::packet::Transport::Udp(header) = &mut packet.transport {
        header.destination_port = 9000 + flow;
    }
    packet
}

/// What has been seen of all packets.
#[derive(Default)]
struct Ledger {
    /// Packets and bytes that were given and have not been seen since.
    inside: BTreeMap<u64, u64>,
    /// The last number that each flow has sent.
    last: BTreeMap<u16, u64>,
    /// CE marks that were made.
    marked: u64,
}

impl Ledger {
    fn leave(&mut self, packet: &Packet) -> u16 {
        let len = self.inside.remove(&packet.provenance.packet_id);
        assert_eq!(len, Some(packet.wire_len()), "seen twice, or never given");
        let flow = packet.ports().unwrap().0;
        match (ECN[usize::from(flow)], packet.ip.ecn()) {
            (came, left) if came == left => {}
            (Ecn::Ect0 | Ecn::Ect1, Ecn::Ce) => self.marked += 1,
            (came, left) => panic!("{came:?} became {left:?}"),
        }
        flow
    }

    fn check(&self, queue: &Queue) {
        assert_eq!(queue.packets(), self.inside.len() as u64);
        assert_eq!(queue.bytes(), self.inside.values().sum::<u64>());
    }
}

/// Runs `steps`, checks after each, and says what was sent.
fn run(config: &QueueConfig, steps: &[(u64, Step)]) -> Vec<u64> {
    let mut queue = Queue::new(config, SEED, "a--b");
    let (mut ledger, mut drops, mut sent) = (Ledger::default(), Vec::new(), Vec::new());
    let (mut now, mut next) = (0, 0);
    for (gap, step) in steps {
        now += gap * 1000;
        match *step {
            Step::Put { flow, len } => {
                ledger.inside.insert(next, len);
                queue.enqueue(flow_packet(next, flow, len), len, at(now), &mut drops);
                next += 1;
            }
            Step::Get => {
                let had = queue.packets();
                if let Some(head) = queue.dequeue(at(now), &mut drops) {
                    assert!(head.enqueued <= at(now));
                    let flow = ledger.leave(&head.packet);
                    let id = head.packet.provenance.packet_id;
                    let before = ledger.last.insert(flow, id);
                    assert!(before.is_none_or(|before| before < id), "flow {flow}: {id} after {before:?}");
                    sent.push(id);
                } else {
                    assert_eq!(queue.packets(), 0);
                    assert_eq!(drops.len() as u64, had, "nothing to send only where nothing is left");
                }
            }
            Step::Clear => {
                let mut out = Vec::new();
                queue.clear(&mut out);
                for packet in out {
                    ledger.leave(&packet);
                }
            }
        }
        for (packet, cause) in drops.drain(..) {
            assert!(matches!(cause, DropCause::Aqm | DropCause::QueueFull));
            ledger.leave(&packet);
        }
        ledger.check(&queue);
    }
    let mut rest = Vec::new();
    queue.clear(&mut rest);
    for packet in rest {
        ledger.leave(&packet);
    }
    ledger.check(&queue);
    assert_eq!(queue.marked(), ledger.marked);
    sent
}

proptest! {
    /// Each packet is sent, dropped or inside, once; packets and bytes are counted right; a flow keeps its order; only what
    /// is ECT becomes CE; and the same again gives the same.
    #[test]
    fn packets_are_conserved_ordered_and_marked_only_where_they_may_be(steps in steps()) {
        for config in configs() {
            assert_eq!(config.check(), []);
            let sent = run(&config, &steps);
            prop_assert_eq!(&sent, &run(&config, &steps), "{:?}", config);
        }
    }
}

/// A long overload: 1000 packets a second of 1500 B into 6 Mbit/s (2 ms each). Every discipline that manages drops or
/// marks, and every queue is bounded. Of classes only the last is overloaded, and that is drop-tail.
#[test]
fn overload_is_answered_by_every_discipline() {
    for config in configs() {
        let mut queue = Queue::new(&config, SEED, "a--b");
        let (mut drops, mut most) = (Vec::new(), 0);
        for ms in 0..20_000_u64 {
            queue.enqueue(flow_packet(ms, (ms % 6) as u16, 1500), 1500, at(ms * MS), &mut drops);
            if ms % 2 == 1 {
                queue.dequeue(at(ms * MS + 1), &mut drops);
            }
            most = most.max(queue.packets());
        }
        assert!(most <= 40 + 40 + 10, "{most} with {config:?}");
        let judged = drops.iter().filter(|drop| drop.1 == DropCause::Aqm).count() as u64 + queue.marked();
        let manages = !matches!(config, QueueConfig::DropTail(_) | QueueConfig::Priority(_));
        assert!(!manages || judged > 100, "{judged} with {config:?}");
    }
}

/// The clone of a node goes on as the node does.
#[test]
fn a_clone_goes_on_alike() {
    for config in configs() {
        let mut one = Queue::new(&config, SEED, "a--b");
        let mut drops = Vec::new();
        for ms in 0..200_u64 {
            one.enqueue(flow_packet(ms, (ms % 6) as u16, 1000), 1000, at(ms * MS), &mut drops);
        }
        let mut other = one.clone();
        for ms in 200..400_u64 {
            let mut pair = [Vec::new(), Vec::new()];
            let mut sent = Vec::new();
            for (queue, drops) in [&mut one, &mut other].into_iter().zip(&mut pair) {
                queue.enqueue(flow_packet(ms, (ms % 6) as u16, 1000), 1000, at(ms * MS), drops);
                sent.push(queue.dequeue(at(ms * MS), drops));
            }
            assert_eq!(sent[0], sent[1]);
            assert_eq!(pair[0], pair[1]);
        }
    }
}
