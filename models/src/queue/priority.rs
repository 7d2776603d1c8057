//! Classes of packets, each with a queue and a discipline of its own, between which a scheduler chooses.
//!
//! A packet belongs to the first class that names its DSCP or its destination port, of UDP or TCP; a class that names neither
//! takes what is left. Fragments have no ports.
//!
//! - **Strict**: the first class, in the order of the file, that has a packet to send. A lower class may starve.
//! - **Weighted**: deficit round robin (Shreedhar and Varghese 1995) in the form of RFC 8290 §4.2, which pays after
//!   sending: each round gives a class its weight in MTUs of credit, what it sends is taken off, and it has its
//!   turn while credit is left. While classes have packets, the bytes that they send are as their weights, to
//!   within one round and one packet. A class that runs out of packets loses what credit it has left, but
//!   keeps its debt.
//!
//! Each class draws from streams of its own: `NAME/class0` and so on.

use super::{Dequeued, Drops, LinkFacts, PriorityConfig, Queue, Scheduler};
use crate::node::DropCause;
use crate::packet::Packet;
use protosim_core::{RunSeed, SimTime};

/// Queues between which a scheduler chooses.
#[derive(Clone, Debug)]
pub(super) struct Priority {
    scheduler: Scheduler,
    classes: Vec<Class>,
    /// Whose turn it is, when weighted.
    turn: usize,
}

#[derive(Clone, Debug)]
struct Class {
    dscp: Vec<u8>,
    ports: Vec<u16>,
    /// Bytes of credit in each round.
    quantum: i64,
    credit: i64,
    queue: Queue,
}

impl Class {
    fn takes(&self, packet: &Packet) -> bool {
        if self.dscp.is_empty() && self.ports.is_empty() {
            return true;
        }
        let is_to_port = packet.ports().is_some_and(|(_, port)| self.ports.contains(&port));
        is_to_port || self.dscp.contains(&(packet.ip.dscp() & 0x3f))
    }
}

impl Priority {
    pub(super) fn new(config: &PriorityConfig, facts: LinkFacts, seed: RunSeed, stream_name: &str) -> Self {
        let class = |(index, class): (usize, &super::ClassConfig)| Class {
            dscp: class.dscp.clone().unwrap_or_default(),
            ports: class.ports.clone().unwrap_or_default(),
            // An MTU has at most 65535 bytes.
            quantum: i64::from(class.weight.unwrap_or(1).max(1)) * facts.mtu.as_bytes() as i64,
            credit: 0,
            queue: Queue::for_link(&class.queue, facts, seed, &format!("{stream_name}/class{index}")),
        };
        Self { scheduler: config.scheduler, classes: config.classes.iter().enumerate().map(class).collect(), turn: 0 }
    }

    pub(super) fn enqueue(&mut self, arrived: Dequeued, drops: &mut Drops) {
        let Dequeued { packet, len, enqueued } = arrived;
        match self.classes.iter_mut().find(|class| class.takes(&packet)) {
            Some(class) => class.queue.enqueue(packet, len, enqueued, drops),
            // `PriorityConfig::check` asks for a class that takes everything.
            None => drops.push((packet, DropCause::QueueFull)),
        }
    }

    pub(super) fn dequeue(&mut self, now: SimTime, drops: &mut Drops) -> Option<Dequeued> {
        match self.scheduler {
            Scheduler::Strict => self.classes.iter_mut().find_map(|class| class.queue.dequeue(now, drops)),
            Scheduler::Weighted => self.dequeue_weighted(now, drops),
        }
    }

    fn dequeue_weighted(&mut self, now: SimTime, drops: &mut Drops) -> Option<Dequeued> {
        // Ends when all classes are empty; else a debt, which is less than a packet, is paid off in a few rounds.
        while self.packets() > 0 {
            let class = self.classes.get_mut(self.turn)?;
            if class.queue.packets() > 0 && class.credit > 0 {
                if let Some(sent) = class.queue.dequeue(now, drops) {
                    class.credit -= i64::try_from(sent.len).unwrap_or(i64::MAX);
                    return Some(sent);
                }
                continue;
            }
            if class.queue.packets() > 0 {
                class.credit += class.quantum;
            } else {
                class.credit = class.credit.min(0);
            }
            self.turn = (self.turn + 1) % self.classes.len();
        }
        None
    }

    pub(super) fn clear(&mut self, out: &mut Vec<Box<Packet>>) {
        for class in &mut self.classes {
            class.queue.clear(out);
        }
    }

    pub(super) fn packets(&self) -> u64 {
        self.classes.iter().map(|class| class.queue.packets()).sum()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.classes.iter().map(|class| class.queue.bytes()).sum()
    }

    pub(super) fn marked(&self) -> u64 {
        self.classes.iter().map(|class| class.queue.marked()).sum()
    }
}
