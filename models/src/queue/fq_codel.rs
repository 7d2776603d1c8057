//! Flow queues, each under CoDel, that take turns (FQ-CoDel, RFC 8290).
//!
//! A packet's flow is a hash of its 5-tuple, salted from the queue's own stream (§4.1); flows that meet in one queue
//! share its turns. Queues take turns by byte credits, those that have just become busy first (§4.2). A packet
//! too many costs the queue with most bytes half of its packets, at most 64, from its head (§4.1).
//!
//! Packets without ports (ICMP, all fragments) count with port 0; so the fragments of one packet stay in one queue.
//! A queue exists in memory once its number has been hit.

use super::codel::{Control, Parameters};
use super::fifo::Fifo;
use super::{Dequeued, Drops, FqCoDelConfig, LinkFacts};
use crate::link::QueueLimit;
use crate::node::DropCause;
use crate::packet::Packet;
use protosim_core::{Digest, Purpose, RunSeed, SimTime, Streams};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

/// The draw that salts the hash.
const PERTURBATION: Purpose = Purpose("queue.fq-codel");

/// Most packets that are dropped at once when there are too many (RFC 8290 §4.1).
const DROP_BATCH: u64 = 64;

/// Flow queues that take turns.
#[derive(Clone, Debug)]
pub(super) struct FqCoDel {
    limit: QueueLimit,
    parameters: Parameters,
    /// Bytes for each turn.
    quantum: i64,
    /// How many flow queues there are.
    buckets: u64,
    streams: Streams,
    /// Drawn with the first packet.
    perturbation: Option<u64>,
    flows: BTreeMap<u64, Flow>,
    new: VecDeque<u64>,
    old: VecDeque<u64>,
    packets: u64,
    bytes: u64,
    marked: u64,
}

#[derive(Clone, Debug, Default)]
struct Flow {
    fifo: Fifo,
    control: Control,
    /// Bytes that it may send in this turn; below zero what it has sent too much.
    credit: i64,
    /// True while it is in one of the lists.
    is_listed: bool,
}

impl FqCoDel {
    pub(super) fn new(config: &FqCoDelConfig, facts: LinkFacts, seed: RunSeed, stream_name: &str) -> Self {
        Self {
            limit: config.limit,
            parameters: Parameters {
                target: config.target,
                interval: config.interval,
                max_packet: facts.mtu.as_bytes(),
                ecn: config.ecn,
            },
            quantum: i64::try_from(config.quantum.as_bytes()).unwrap_or(i64::MAX).max(1),
            buckets: u64::from(config.flows).max(1),
            streams: Streams::new(seed, stream_name),
            perturbation: None,
            flows: BTreeMap::new(),
            new: VecDeque::new(),
            old: VecDeque::new(),
            packets: 0,
            bytes: 0,
            marked: 0,
        }
    }

    /// The number of the flow queue that takes `packet`.
    pub(super) fn bucket(&mut self, packet: &Packet) -> u64 {
        let streams = &mut self.streams;
        let salt = *self.perturbation.get_or_insert_with(|| streams.get(PERTURBATION).next_u64());
        flow_hash(packet, salt) % self.buckets
    }

    pub(super) fn enqueue(&mut self, arrived: Dequeued, drops: &mut Drops) {
        let bucket = self.bucket(&arrived.packet);
        self.packets += 1;
        self.bytes += arrived.len;
        let flow = self.flows.entry(bucket).or_default();
        flow.fifo.push(arrived);
        if !flow.is_listed {
            flow.is_listed = true;
            flow.credit = self.quantum;
            self.new.push_back(bucket);
        }
        while !self.within_limit() {
            self.drop_from_fattest(drops);
        }
    }

    fn within_limit(&self) -> bool {
        match self.limit {
            QueueLimit::Packets(limit) => self.packets <= limit,
            QueueLimit::Bytes(limit) => self.bytes <= limit.as_bytes(),
        }
    }

    /// Drops half of the packets of the queue with most bytes, the lowest-numbered of several. Called only while
    /// packets wait, so that at least one is dropped.
    fn drop_from_fattest(&mut self, drops: &mut Drops) {
        let mut fattest: Option<&mut Flow> = None;
        for flow in self.flows.values_mut() {
            if fattest.as_ref().is_none_or(|most| flow.fifo.bytes() > most.fifo.bytes()) {
                fattest = Some(flow);
            }
        }
        let Some(flow) = fattest else { return };
        let batch = (flow.fifo.packets() / 2).clamp(1, DROP_BATCH);
        for _ in 0..batch {
            let Some(head) = flow.fifo.pop() else { return };
            self.packets -= 1;
            self.bytes -= head.len;
            drops.push((head.packet, DropCause::QueueFull));
        }
    }

    pub(super) fn dequeue(&mut self, now: SimTime, drops: &mut Drops) -> Option<Dequeued> {
        loop {
            let is_new = !self.new.is_empty();
            let list = if is_new { &mut self.new } else { &mut self.old };
            let bucket = *list.front()?;
            // What is listed exists: queues are never removed.
            let flow = self.flows.get_mut(&bucket)?;
            if flow.credit <= 0 {
                flow.credit = flow.credit.saturating_add(self.quantum);
                list.pop_front();
                self.old.push_back(bucket);
                continue;
            }
            let (packets, bytes) = (flow.fifo.packets(), flow.fifo.bytes());
            let sent = flow.control.dequeue(&mut flow.fifo, &self.parameters, now, drops, &mut self.marked);
            self.packets -= packets - flow.fifo.packets();
            self.bytes -= bytes - flow.fifo.bytes();
            if let Some(sent) = sent {
                // A packet has at most 65575 bytes.
                flow.credit -= sent.len as i64;
                return Some(sent);
            }
            list.pop_front();
            if is_new {
                // Once behind all old queues, or it could come back as a new one for ever (§4.2).
                self.old.push_back(bucket);
            } else {
                flow.is_listed = false;
            }
        }
    }

    pub(super) fn clear(&mut self, out: &mut Vec<Box<Packet>>) {
        for flow in self.flows.values_mut() {
            flow.fifo.clear(out);
        }
        (self.packets, self.bytes) = (0, 0);
    }

    pub(super) fn packets(&self) -> u64 {
        self.packets
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn marked(&self) -> u64 {
        self.marked
    }
}

/// A hash of protocol, addresses and ports (RFC 8290 §4.1), salted. The RFC's Jenkins hash is a choice of Linux; any
/// that mixes well will do.
fn flow_hash(packet: &Packet, salt: u64) -> u64 {
    let mut hash = Digest::START;
    hash.mix(salt);
    for address in [packet.src(), packet.dst()] {
        match address {
            IpAddr::V4(v4) => hash.mix(u64::from(u32::from(v4))),
            IpAddr::V6(v6) => {
                let bits = u128::from(v6);
                hash.mix((bits >> 64) as u64);
                hash.mix(bits as u64);
            }
        }
    }
    let (source, destination) = packet.ports().unwrap_or_default();
    let protocol = u64::from(packet.transport.protocol());
    hash.mix(protocol << 32 | u64::from(source) << 16 | u64::from(destination));
    // Once more, so that the last word, too, reaches every bit.
    hash.mix(salt);
    hash.value()
}
