//! Random early detection (RED): drops or marks arrivals at random, with a probability that follows the average length.
//!
//! Floyd and Jacobson, "Random Early Detection Gateways for Congestion Avoidance" (1993), with the constants of ns-2 and
//! its gentle mode; RFC 2309 and RFC 7567 recommend active queue management of this kind.
//!
//! - At each arrival the average takes a step of `weight` towards what waits, the arrival not counted. After
//!   idleness it falls as if as many packets had come as an idle link could have sent, which takes a rate and a
//!   mean packet; the queue is idle from the dequeue that leaves it empty on.
//! - Between the thresholds an arrival is dropped with p_b, which rises to `max_probability`, over 1 - count p_b, where
//!   `count` arrivals have passed since the last: distances are uniform, not geometric. The "wait" of ns-2, a longer
//!   minimum distance, is not modelled.
//! - Above `max_threshold` everything is dropped; if `gentle`, the probability first rises to 1 at twice that.
//! - With ECN, an ECT packet is marked where the dice say so, and dropped where everything is.

use super::fifo::{Fifo, has_place};
use super::{Dequeued, Drops, LinkFacts, RedConfig, mark};
use crate::link::QueueLimit;
use crate::node::DropCause;
use crate::packet::Packet;
use protosim_core::{Purpose, Rate, RunSeed, SimTime, Span, Streams, maths};

/// Draws that decide early drops.
const DROP: Purpose = Purpose("queue.red");

/// The rate of a link of which none is known (`tc-red`, "bandwidth") \[bit/s\].
const UNKNOWN_RATE: u64 = 10_000_000;

/// A queue under RED.
#[derive(Clone, Debug)]
pub(super) struct Red {
    config: RedConfig,
    curve: Curve,
    weight: f64,
    /// How long the link takes for a mean packet.
    packet_time: Span,
    /// In the unit of the thresholds.
    pub(super) average: f64,
    /// Arrivals between the thresholds since the last drop or mark; none while below.
    pub(super) count: Option<u64>,
    /// Since when nothing waits; none while something does.
    idle_since: Option<SimTime>,
    fifo: Fifo,
    streams: Streams,
    marked: u64,
}

/// Probability over average length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Curve {
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) max_probability: f64,
    pub(super) gentle: bool,
}

/// What RED says to an average length.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Verdict {
    Pass,
    /// With this probability, before it is spread by `count`.
    Chance(f64),
    Drop,
}

impl Curve {
    /// p_b.
    pub(super) fn verdict(&self, average: f64) -> Verdict {
        if average < self.min {
            Verdict::Pass
        } else if average < self.max {
            Verdict::Chance(self.max_probability * (average - self.min) / (self.max - self.min))
        } else if self.gentle && average < 2.0 * self.max {
            Verdict::Chance(self.max_probability + (1.0 - self.max_probability) * (average - self.max) / self.max)
        } else {
            Verdict::Drop
        }
    }
}

/// p_a: p_b, after `count` arrivals that passed, so that distances between drops are uniform.
pub(super) fn spread(probability: f64, count: u64) -> f64 {
    let rest = 1.0 - count as f64 * probability;
    if rest <= probability { 1.0 } else { probability / rest }
}

impl Red {
    pub(super) fn new(config: &RedConfig, facts: LinkFacts, seed: RunSeed, stream_name: &str) -> Self {
        let length = |threshold| match threshold {
            QueueLimit::Packets(packets) => packets as f64,
            QueueLimit::Bytes(size) => size.as_bytes() as f64,
        };
        let rate = config.bandwidth.or(facts.rate).map_or(UNKNOWN_RATE, Rate::as_bits_per_sec);
        let bit_nanos = u128::from(config.mean_packet.as_bytes()) * 8 * 1_000_000_000;
        let packet_time = u64::try_from(bit_nanos / u128::from(rate)).unwrap_or(u64::MAX).max(1);
        Self {
            config: config.clone(),
            curve: Curve {
                min: length(config.min_threshold),
                max: length(config.max_threshold),
                max_probability: config.max_probability.as_f64(),
                gentle: config.gentle,
            },
            weight: config.weight.as_f64(),
            packet_time: Span::from_nanos(packet_time),
            average: 0.0,
            count: None,
            idle_since: Some(SimTime::ZERO),
            fifo: Fifo::default(),
            streams: Streams::new(seed, stream_name),
            marked: 0,
        }
    }

    /// The average with an arrival at `now`.
    fn observe(&mut self, now: SimTime) {
        if let Some(since) = self.idle_since {
            let could_have_come = now.saturating_since(since).as_nanos() / self.packet_time.as_nanos();
            self.average *= maths::pow(1.0 - self.weight, could_have_come as f64);
            // If this arrival is dropped, the next one finds the queue idle since now.
            self.idle_since = Some(now);
        } else {
            let length = match self.config.min_threshold {
                QueueLimit::Packets(_) => self.fifo.packets(),
                QueueLimit::Bytes(_) => self.fifo.bytes(),
            };
            self.average += self.weight * (length as f64 - self.average);
        }
    }

    pub(super) fn enqueue(&mut self, mut arrived: Dequeued, drops: &mut Drops) {
        self.observe(arrived.enqueued);
        let luck = self.streams.get(DROP).uniform();
        let verdict = self.curve.verdict(self.average);
        self.count = match verdict {
            Verdict::Pass => None,
            Verdict::Chance(_) | Verdict::Drop => Some(self.count.map_or(0, |count| count.saturating_add(1))),
        };
        if !has_place(self.config.limit, self.fifo.packets(), self.fifo.bytes(), arrived.len) {
            drops.push((arrived.packet, DropCause::QueueFull));
            return;
        }
        let may_mark = match verdict {
            Verdict::Pass => None,
            Verdict::Chance(probability) => {
                (luck < spread(probability, self.count.unwrap_or(0))).then_some(self.config.ecn)
            }
            Verdict::Drop => Some(false),
        };
        if let Some(may_mark) = may_mark {
            self.count = Some(0);
            if !may_mark || !mark(&mut arrived.packet, &mut self.marked) {
                drops.push((arrived.packet, DropCause::Aqm));
                return;
            }
        }
        self.idle_since = None;
        self.fifo.push(arrived);
    }

    pub(super) fn dequeue(&mut self, now: SimTime, _: &mut Drops) -> Option<Dequeued> {
        let head = self.fifo.pop();
        if self.fifo.is_empty() {
            self.idle_since.get_or_insert(now);
        }
        head
    }

    /// Idleness counts from the next dequeue on, as this does not know the time.
    pub(super) fn clear(&mut self, out: &mut Vec<Box<Packet>>) {
        self.fifo.clear(out);
    }

    pub(super) fn packets(&self) -> u64 {
        self.fifo.packets()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.fifo.bytes()
    }

    pub(super) fn marked(&self) -> u64 {
        self.marked
    }
}
