//! Queue disciplines against their RFCs: expected values are worked out by hand in each test's comment, or are the
//! checks L2 and L8 to L14 of the links sheet.

mod codel;
mod config;
mod disciplines;
mod dual_pi2;
mod fq_codel;
mod pie;
mod properties;
mod red;
mod token_bucket;

use super::*;
use crate::rope::Rope;
use protosim_core::Span;
use std::net::{Ipv4Addr, SocketAddr};

const SEED: RunSeed = RunSeed { seed: 1, replication: 0 };

/// IPv4 and UDP headers \[bytes\].
const HEADERS: u64 = 28;

const MS: u64 = 1_000_000;

/// The instant `nanos` after the start.
const fn at(nanos: u64) -> SimTime {
    SimTime::from_nanos(nanos)
}

fn span(text: &str) -> Span {
    text.parse().unwrap()
}

/// A UDP packet of `len` IP bytes from port `flow` to port 9000.
fn packet(id: u64, flow: u16, ecn: Ecn, len: u64) -> Box<Packet> {
    let socket = |last, port| SocketAddr::new(Ipv4Addr::new(10, 0, 0, last).into(), port);
    let mut packet = Packet::udp(socket(1, flow), socket(2, 9000), Rope::fill(1, 0, len - HEADERS)).unwrap();
    packet.ip.set_ecn(ecn);
    packet.provenance.packet_id = id;
    Box::new(packet)
}

/// A queue, what it dropped, and the next packet's number.
struct Bench {
    queue: Queue,
    drops: Drops,
    next: u64,
}

impl Bench {
    fn new(config: impl Into<QueueConfig>) -> Self {
        let config = config.into();
        assert_eq!(config.check(), [], "a queue that the scenario reader would refuse");
        Self { queue: Queue::new(&config, SEED, "a--b"), drops: Vec::new(), next: 0 }
    }

    /// Offers a Not-ECT packet of `flow` at `nanos`; its number.
    fn put(&mut self, nanos: u64, flow: u16, len: u64) -> u64 {
        self.put_ecn(nanos, flow, len, Ecn::NotEct)
    }

    fn put_ecn(&mut self, nanos: u64, flow: u16, len: u64, ecn: Ecn) -> u64 {
        let id = self.next;
        self.next += 1;
        self.queue.enqueue(packet(id, flow, ecn, len), len, at(nanos), &mut self.drops);
        id
    }

    fn fill(&mut self, nanos: u64, count: u64, flow: u16, len: u64, ecn: Ecn) {
        for _ in 0..count {
            self.put_ecn(nanos, flow, len, ecn);
        }
    }

    /// The number of the packet sent at `nanos`.
    fn get(&mut self, nanos: u64) -> Option<u64> {
        self.take(nanos).map(|packet| packet.provenance.packet_id)
    }

    fn take(&mut self, nanos: u64) -> Option<Box<Packet>> {
        let sent = self.queue.dequeue(at(nanos), &mut self.drops)?;
        assert_eq!(sent.len, sent.packet.wire_len());
        Some(sent.packet)
    }

    /// How many were dropped since the last time that this was asked, all for `cause`.
    fn dropped(&mut self, cause: DropCause) -> usize {
        assert!(self.drops.iter().all(|drop| drop.1 == cause), "{:?}", self.drops);
        self.drops.drain(..).count()
    }

    fn clear(&mut self) -> usize {
        let mut out = Vec::new();
        self.queue.clear(&mut out);
        assert_eq!((self.queue.packets(), self.queue.bytes()), (0, 0));
        out.len()
    }
}

macro_rules! into_queue_config {
    ($($config:ident => $variant:ident,)*) => {$(
        impl From<$config> for QueueConfig {
            fn from(config: $config) -> Self {
                Self::$variant(config)
            }
        }
    )*};
}

into_queue_config! {
    CoDelConfig => CoDel,
    FqCoDelConfig => FqCoDel,
    PieConfig => Pie,
    DualPi2Config => DualPi2,
    RedConfig => Red,
    ThresholdConfig => Threshold,
    PriorityConfig => Priority,
}
