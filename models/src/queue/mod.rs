//! Queue disciplines for the sending half of a link: what waits, in which order it leaves, and what is dropped or
//! marked before it does.
//!
//! A [`Queue`] is a pure state machine: packets and instants go in, packets come out. It knows no kernel, no timer and
//! no link; whoever serialises packets asks it for the next one. An enum stands inside, no trait object: it is cloned
//! with its node, and a call costs a branch.
//!
//! | file | discipline | source |
//! |---|---|---|
//! | `drop_tail` | first in, first out, with a limit | |
//! | `red` | random early detection | Floyd and Jacobson 1993, RFC 2309, ns-2 |
//! | `codel` | controlled delay | RFC 8289 |
//! | `fq_codel` | flow queues, each with CoDel | RFC 8290 |
//! | `pie` | proportional integral controller | RFC 8033 |
//! | `dual_pi2` | two coupled queues for L4S | RFC 9332 appendix A |
//! | `threshold` | marks above an instantaneous length | RFC 8257 §3.1 (DCTCP) |
//! | `priority` | classes, each with a discipline of its own | |
//! | `token_bucket` | when a packet conforms to a rate and a burst; no queue itself | |
//!
//! # What holds for all
//! - **Time.** Calls come in order of time. Delays are differences of integer nanoseconds. An arrival at the very
//!   instant of a departure is up to the caller, who calls in the order that it means.
//! - **What counts.** [`Queue::packets`] and [`Queue::bytes`] are what waits here, in IP bytes; a packet in service has
//!   left the queue. Limits are about what waits, too.
//! - **Periodic updates** (PIE, DualPI2) need no timer. Between two calls nothing changes but time, so that each call
//!   first makes up for all updates since the last one, each with the state as it was at its instant; an update that is
//!   due at the instant of the call comes before it. Updates count from the start of the run. A controller that
//!   has come to rest is not stepped on: a long silence costs no more than the way there.
//! - **Causes.** What finds no place is [`DropCause::QueueFull`]; what the discipline drops by its own judgement is
//!   [`DropCause::Aqm`].
//! - **ECN** (RFC 3168 §5): instead of being dropped, a packet that is ECT is set to CE, where the discipline may
//!   mark. One that is CE already stays so and passes. A Not-ECT packet is never marked: it is dropped.
//! - **Luck.** RED and PIE take one draw for each arriving packet, whether it decides or not, from the streams
//!   `queue.red` and `queue.pie`: two settings are compared on the same luck. FQ-CoDel draws its perturbation once, from
//!   `queue.fq-codel`. CoDel, DualPI2 (which de-randomises, RFC 9332 figure 4), thresholds and classes draw nothing.
//!   Streams are made when they are first drawn from.

#![expect(clippy::vec_box, reason = "packets stay in the boxes that they travel in")]

mod check;
mod codel;
mod config;
mod drop_tail;
mod dual_pi2;
mod fifo;
mod fq_codel;
mod pie;
mod priority;
mod red;
mod threshold;
mod token_bucket;

#[cfg(test)]
mod tests;

pub use config::{
    ClassConfig, CoDelConfig, DualPi2Config, FqCoDelConfig, Gain, PieConfig, PriorityConfig, QueueConfig, RedConfig,
    Scheduler, ThresholdConfig,
};
pub use token_bucket::{ShaperConfig, TokenBucket};

use crate::link::Mtu;
use crate::node::DropCause;
use crate::packet::{Ecn, Packet};
use protosim_core::{Rate, RunSeed, SimTime};

/// Where packets go that are dropped, each with its cause.
pub type Drops = Vec<(Box<Packet>, DropCause)>;

/// A packet on its way out of a queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dequeued {
    /// The packet, CE set if it was marked.
    pub packet: Box<Packet>,
    /// IP bytes.
    pub len: u64,
    /// When it was given to the queue.
    pub enqueued: SimTime,
}

/// What a discipline may know of the link that it serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LinkFacts {
    /// Largest IP packet. CoDel leaves a queue of no more bytes alone.
    pub mtu: Mtu,
    /// The link's rate at the start, if it has one. RED takes it to count how many packets an idle link could have sent.
    pub rate: Option<Rate>,
}

/// A queue of packets under one discipline.
#[derive(Clone, Debug)]
pub struct Queue(Discipline);

#[derive(Clone, Debug)]
enum Discipline {
    DropTail(drop_tail::DropTail),
    CoDel(codel::CoDel),
    FqCoDel(Box<fq_codel::FqCoDel>),
    Pie(Box<pie::Pie>),
    DualPi2(Box<dual_pi2::DualPi2>),
    Red(Box<red::Red>),
    Threshold(threshold::Threshold),
    Priority(Box<priority::Priority>),
}

/// Does the same with whichever discipline it is.
macro_rules! each {
    ($queue:expr, $inner:ident => $does:expr) => {
        match $queue {
            Discipline::DropTail($inner) => $does,
            Discipline::CoDel($inner) => $does,
            Discipline::FqCoDel($inner) => $does,
            Discipline::Pie($inner) => $does,
            Discipline::DualPi2($inner) => $does,
            Discipline::Red($inner) => $does,
            Discipline::Threshold($inner) => $does,
            Discipline::Priority($inner) => $does,
        }
    };
}

impl Queue {
    /// An empty queue for a link with the default MTU and of unknown rate. `stream_name` names its luck.
    pub fn new(config: &QueueConfig, seed: RunSeed, stream_name: &str) -> Self {
        Self::for_link(config, LinkFacts::default(), seed, stream_name)
    }

    /// An empty queue for a link of which `facts` are known. `stream_name` names its luck. What [`QueueConfig::check`]
    /// finds wrong has no defined behaviour here, except that it neither panics nor hangs.
    pub fn for_link(config: &QueueConfig, facts: LinkFacts, seed: RunSeed, stream_name: &str) -> Self {
        Self(match config {
            QueueConfig::DropTail(limit) => Discipline::DropTail(drop_tail::DropTail::new(*limit)),
            QueueConfig::CoDel(config) => Discipline::CoDel(codel::CoDel::new(config, facts)),
            QueueConfig::FqCoDel(config) => {
                Discipline::FqCoDel(Box::new(fq_codel::FqCoDel::new(config, facts, seed, stream_name)))
            }
            QueueConfig::Pie(config) => Discipline::Pie(Box::new(pie::Pie::new(config, seed, stream_name))),
            QueueConfig::DualPi2(config) => Discipline::DualPi2(Box::new(dual_pi2::DualPi2::new(config, facts))),
            QueueConfig::Red(config) => Discipline::Red(Box::new(red::Red::new(config, facts, seed, stream_name))),
            QueueConfig::Threshold(config) => Discipline::Threshold(threshold::Threshold::new(config)),
            QueueConfig::Priority(config) => {
                Discipline::Priority(Box::new(priority::Priority::new(config, facts, seed, stream_name)))
            }
        })
    }

    /// Takes a packet of `len` IP bytes ([`Packet::wire_len`]) at `now`. This packet or others may be dropped for it.
    #[inline]
    pub fn enqueue(&mut self, packet: Box<Packet>, len: u64, now: SimTime, drops: &mut Drops) {
        let arrived = Dequeued { packet, len, enqueued: now };
        each!(&mut self.0, inner => inner.enqueue(arrived, drops));
    }

    /// The packet to be sent next, if any waits. Packets may be dropped before it; where all that wait are dropped,
    /// there is none.
    #[inline]
    pub fn dequeue(&mut self, now: SimTime, drops: &mut Drops) -> Option<Dequeued> {
        each!(&mut self.0, inner => inner.dequeue(now, drops))
    }

    /// Takes out all that waits, in no order that means anything but the same each time; each flow's packets keep
    /// theirs. What the discipline has learnt stays.
    pub fn clear(&mut self, out: &mut Vec<Box<Packet>>) {
        each!(&mut self.0, inner => inner.clear(out));
    }

    /// Packets that wait.
    pub fn packets(&self) -> u64 {
        each!(&self.0, inner => inner.packets())
    }

    /// IP bytes that wait.
    pub fn bytes(&self) -> u64 {
        each!(&self.0, inner => inner.bytes())
    }

    /// Packets that were set to CE so far; those that came with CE do not count.
    pub fn marked(&self) -> u64 {
        each!(&self.0, inner => inner.marked())
    }
}

/// Sets an ECT packet to CE and counts it. False, and nothing done, for a Not-ECT one, which has to be dropped instead.
fn mark(packet: &mut Packet, marked: &mut u64) -> bool {
    match packet.ip.ecn() {
        Ecn::NotEct => return false,
        Ecn::Ce => {}
        Ecn::Ect0 | Ecn::Ect1 => {
            packet.ip.set_ecn(Ecn::Ce);
            *marked += 1;
        }
    }
    true
}
