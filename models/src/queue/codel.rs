//! Controlled delay (CoDel, RFC 8289): drops from the head, by how long packets have waited.
//!
//! All judgement is at dequeue. Once packets have waited for at least `target` through a whole `interval`, the head is
//! dropped, and further heads at intervals that shrink with the square root of their number, until a packet has waited
//! for less or no more than one MTU is left behind it (§5.5, §5.6).
//!
//! With ECN, an ECT head is set to CE and sent instead of dropped: one mark for each scheduled drop, and, as a marked
//! packet leaves at once, at most one in each dequeue; if the next is due too, the next packet bears it.

use super::fifo::{Fifo, has_place};
use super::{CoDelConfig, Dequeued, Drops, LinkFacts, mark};
use crate::link::QueueLimit;
use crate::node::DropCause;
use crate::packet::Packet;
use protosim_core::{SimTime, Span, maths};

/// A queue under CoDel.
#[derive(Clone, Debug)]
pub(super) struct CoDel {
    limit: QueueLimit,
    parameters: Parameters,
    control: Control,
    fifo: Fifo,
    marked: u64,
}

/// The constants of RFC 8289 §5.3.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameters {
    pub(super) target: Span,
    pub(super) interval: Span,
    /// Largest packet \[bytes\].
    pub(super) max_packet: u64,
    pub(super) ecn: bool,
}

/// The state of RFC 8289 §5.2, one for each queue.
#[derive(Clone, Debug, Default)]
pub(super) struct Control {
    /// When delay will have been above target for an interval; none while it is below.
    first_above: Option<SimTime>,
    /// When the next drop is due, in drop state.
    drop_next: SimTime,
    /// Drops in this drop state, and what it started with.
    count: u64,
    /// `count` when the drop state was entered.
    last_count: u64,
    dropping: bool,
}

impl Control {
    /// Takes the head of `fifo`, and says whether it may be dropped: §5.6, `dodequeue`.
    fn take(&mut self, fifo: &mut Fifo, parameters: &Parameters, now: SimTime) -> (Option<Dequeued>, bool) {
        let Some(head) = fifo.pop() else {
            self.first_above = None;
            return (None, false);
        };
        let sojourn = now.saturating_since(head.enqueued);
        if sojourn < parameters.target || fifo.bytes() <= parameters.max_packet {
            self.first_above = None;
            return (Some(head), false);
        }
        let first_above = *self.first_above.get_or_insert_with(|| now.saturating_add(parameters.interval));
        (Some(head), now >= first_above)
    }

    /// The packet to send: §5.5, `dequeue`.
    pub(super) fn dequeue(
        &mut self,
        fifo: &mut Fifo,
        parameters: &Parameters,
        now: SimTime,
        drops: &mut Drops,
        marked: &mut u64,
    ) -> Option<Dequeued> {
        let (mut head, mut may_drop) = self.take(fifo, parameters, now);
        if self.dropping {
            self.dropping = may_drop;
            while self.dropping && now >= self.drop_next {
                self.count += 1;
                let mut condemned = head?;
                if parameters.ecn && mark(&mut condemned.packet, marked) {
                    self.drop_next = control_law(self.drop_next, parameters.interval, self.count);
                    return Some(condemned);
                }
                drops.push((condemned.packet, DropCause::Aqm));
                (head, may_drop) = self.take(fifo, parameters, now);
                self.dropping = may_drop;
                if may_drop {
                    self.drop_next = control_law(self.drop_next, parameters.interval, self.count);
                }
            }
        } else if may_drop {
            let mut condemned = head?;
            if parameters.ecn && mark(&mut condemned.packet, marked) {
                head = Some(condemned);
            } else {
                drops.push((condemned.packet, DropCause::Aqm));
                (head, _) = self.take(fifo, parameters, now);
            }
            self.dropping = true;
            // If it was left a short while ago, its rate of drops is a good one to start with.
            let delta = self.count - self.last_count;
            let is_recent = now.saturating_since(self.drop_next) < parameters.interval.saturating_mul(16);
            self.count = if delta > 1 && is_recent { delta } else { 1 };
            self.drop_next = control_law(now, parameters.interval, self.count);
            self.last_count = self.count;
        }
        head
    }
}

/// When the next drop is due after one at `at`, the `count`-th: an interval over the square root of their number later
/// (§5.6). The root is exact by IEEE 754; one rounding makes nanoseconds.
fn control_law(at: SimTime, interval: Span, count: u64) -> SimTime {
    let span = interval.as_nanos() as f64 / (count as f64).sqrt();
    at.saturating_add(Span::from_nanos(maths::round_to_u64(span)))
}

impl CoDel {
    pub(super) fn new(config: &CoDelConfig, facts: LinkFacts) -> Self {
        let parameters = Parameters {
            target: config.target,
            interval: config.interval,
            max_packet: facts.mtu.as_bytes(),
            ecn: config.ecn,
        };
        Self { limit: config.limit, parameters, control: Control::default(), fifo: Fifo::default(), marked: 0 }
    }

    pub(super) fn enqueue(&mut self, arrived: Dequeued, drops: &mut Drops) {
        if has_place(self.limit, self.fifo.packets(), self.fifo.bytes(), arrived.len) {
            self.fifo.push(arrived);
        } else {
            drops.push((arrived.packet, DropCause::QueueFull));
        }
    }

    pub(super) fn dequeue(&mut self, now: SimTime, drops: &mut Drops) -> Option<Dequeued> {
        self.control.dequeue(&mut self.fifo, &self.parameters, now, drops, &mut self.marked)
    }

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
