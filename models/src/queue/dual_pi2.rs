//! Two coupled queues for scalable and for classic congestion control (DualPI2, RFC 9332 appendix A, second pass).
//!
//! ECT(1) and CE packets wait in the L queue, all others in the C queue; both share one limit (figure 3). A PI
//! controller turns the longer of both head delays into a base probability p' every `update` (figure 8): classic
//! packets are marked or dropped with its square, L packets marked with `coupling` times it, or by the ramp over
//! their own delay if that asks for more (figures 5 and 7). Marking is de-randomised: probabilities are added up, and
//! each time that the sum passes 1, a packet is marked.
//!
//! Once the coupled probability has reached 1, or the classic one its bound, there is overload: packets of both
//! queues are dropped with the classic probability, whatever their ECN field says.
//!
//! The scheduler is the **weighted round robin** that appendix A.2 recommends, not the time-shifted FIFO, by a credit
//! of bytes that is kept only while both queues hold packets, and that is set in favour of the L queue while both are
//! empty (as in Linux). While both hold packets, C gets its share of the bytes sent, to within one packet.
//!
//! The pseudocode is taken by its letter: the delay of an L packet is its own, and `Th_len` is compared with
//! what it leaves behind in its queue. The heuristics of the Linux implementation (no coupled marking below two MTUs)
//! are not in it and are left out. Without delay, p' falls to zero; no draw is made.

use super::fifo::{Fifo, has_place};
use super::{Dequeued, Drops, DualPi2Config, LinkFacts, mark};
use crate::link::QueueLimit;
use crate::node::DropCause;
use crate::packet::{Ecn, Packet};
use protosim_core::{SimTime, Span};

/// L4S and classic queue under one controller.
#[derive(Clone, Debug)]
pub(super) struct DualPi2 {
    config: DualPi2Config,
    mtu: u64,
    base: Base,
    update: Span,
    next_update: SimTime,
    l4s: Side,
    classic: Side,
    /// Positive: it is the C queue's turn. In bytes times a weight.
    credit: i64,
    marked: u64,
}

/// One of the two queues.
#[derive(Clone, Debug, Default)]
struct Side {
    fifo: Fifo,
    /// The sum of likelihoods since the last time that it passed 1 (figure 4, `recur`).
    count: f64,
}

impl Side {
    /// True with a certain likelihood, in even distances. What is above certainty is not saved up.
    fn recurs(&mut self, likelihood: f64) -> bool {
        self.count += likelihood.min(1.0);
        let recurs = self.count > 1.0;
        if recurs {
            self.count -= 1.0;
        }
        recurs
    }
}

/// The PI controller of the base probability p'.
#[derive(Clone, Debug)]
pub(super) struct Base {
    target: Span,
    alpha: f64,
    beta: f64,
    coupling: f64,
    /// p'.
    pub(super) probability: f64,
    pub(super) old_delay: Span,
}

impl Base {
    pub(super) fn new(config: &DualPi2Config) -> Self {
        let (alpha, beta) = config.gains();
        Self {
            target: config.target,
            alpha,
            beta,
            coupling: f64::from(config.coupling),
            probability: 0.0,
            old_delay: Span::ZERO,
        }
    }

    /// One update with the greater of the two delays (figure 8).
    pub(super) fn step(&mut self, delay: Span) {
        let now = delay.as_secs_f64();
        self.probability += self.alpha * (now - self.target.as_secs_f64());
        self.probability += self.beta * (now - self.old_delay.as_secs_f64());
        self.probability = self.probability.clamp(0.0, 1.0);
        self.old_delay = delay;
    }

    /// Probability for classic packets, p_C.
    pub(super) fn classic(&self) -> f64 {
        self.probability * self.probability
    }

    /// Probability that is coupled to L packets, p_CL; above 1 in overload.
    pub(super) fn coupled(&self) -> f64 {
        self.coupling * self.probability
    }

    /// Where marking of classic packets ends, p_Cmax.
    fn classic_max(&self) -> f64 {
        (1.0 / (self.coupling * self.coupling)).min(1.0)
    }
}

impl DualPi2 {
    pub(super) fn new(config: &DualPi2Config, facts: LinkFacts) -> Self {
        let update = config.update_period();
        let mut queue = Self {
            config: config.clone(),
            mtu: facts.mtu.as_bytes(),
            base: Base::new(config),
            update,
            next_update: SimTime::ZERO.saturating_add(update),
            l4s: Side::default(),
            classic: Side::default(),
            credit: 0,
            marked: 0,
        };
        queue.reset_credit();
        queue
    }

    /// The controller, for tests.
    #[cfg(test)]
    pub(super) fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    /// Makes up for the updates that are due by `now`. Ends early where a controller at rest would stay there: both
    /// queues are empty, or p' is 1 and the delays, which only grow, are above target.
    pub(super) fn catch_up(&mut self, now: SimTime) {
        while self.next_update <= now {
            let at = self.next_update;
            self.next_update = at.saturating_add(self.update);
            if self.next_update == at {
                return;
            }
            let delay = self.l4s.fifo.head_delay(at).max(self.classic.fifo.head_delay(at));
            let before = (self.base.probability, self.base.old_delay);
            self.base.step(delay);
            let is_empty = self.packets() == 0;
            let is_at_rest = is_empty && before == (self.base.probability, self.base.old_delay);
            let is_saturated = !is_empty && self.base.probability >= 1.0 && delay >= self.base.target;
            if (is_at_rest || is_saturated) && self.next_update <= now {
                let skipped = (now - self.next_update).as_nanos() / self.update.as_nanos().max(1);
                // The last of them is computed, for the delay that the next one compares with.
                self.next_update = self.next_update.saturating_add(self.update.saturating_mul(skipped));
                if !is_empty {
                    let last = at.saturating_add(self.update.saturating_mul(skipped));
                    self.base.old_delay = self.l4s.fifo.head_delay(last).max(self.classic.fifo.head_delay(last));
                }
            }
        }
    }

    pub(super) fn enqueue(&mut self, arrived: Dequeued, drops: &mut Drops) {
        self.catch_up(arrived.enqueued);
        let (packets, bytes) = (self.packets(), self.bytes());
        // Figure 3: in bytes, room for an MTU is asked for, whatever the packet, so that large ones are not put at a
        // disadvantage.
        let asked = match self.config.limit {
            QueueLimit::Bytes(_) => self.mtu.max(arrived.len),
            QueueLimit::Packets(_) => arrived.len,
        };
        if !has_place(self.config.limit, packets, bytes, asked) {
            drops.push((arrived.packet, DropCause::QueueFull));
            return;
        }
        match arrived.packet.ip.ecn() {
            Ecn::Ect1 | Ecn::Ce => self.l4s.fifo.push(arrived),
            Ecn::NotEct | Ecn::Ect0 => self.classic.fifo.push(arrived),
        }
    }

    pub(super) fn dequeue(&mut self, now: SimTime, drops: &mut Drops) -> Option<Dequeued> {
        self.catch_up(now);
        loop {
            let has_both = !self.l4s.fifo.is_empty() && !self.classic.fifo.is_empty();
            let is_l4s = if has_both { self.credit <= 0 } else { !self.l4s.fifo.is_empty() };
            let side = if is_l4s { &mut self.l4s } else { &mut self.classic };
            let Some(head) = side.fifo.pop() else {
                self.reset_credit();
                return None;
            };
            let judged = if is_l4s { self.judge_l4s(head, now) } else { self.judge_classic(head) };
            match judged {
                Ok(sent) => {
                    self.charge(is_l4s, has_both, sent.len);
                    return Some(sent);
                }
                Err(dropped) => drops.push((dropped.packet, DropCause::Aqm)),
            }
        }
    }

    /// Marks a packet from the L queue as its probabilities say; in overload, drops some: `Err`.
    fn judge_l4s(&mut self, mut head: Dequeued, now: SimTime) -> Result<Dequeued, Dequeued> {
        let coupled = self.base.coupled();
        let likelihood = if coupled >= 1.0 {
            if self.l4s.recurs(self.base.classic()) {
                return Err(head);
            }
            coupled
        } else if self.l4s.fifo.packets() > u64::from(self.config.min_packets) {
            coupled.max(self.ramp(now.saturating_since(head.enqueued)))
        } else {
            coupled
        };
        if self.l4s.recurs(likelihood) {
            // What waits here is ECT(1) or CE.
            mark(&mut head.packet, &mut self.marked);
        }
        Ok(head)
    }

    /// Marks or drops (`Err`) a packet from the C queue as its probability says.
    fn judge_classic(&mut self, mut head: Dequeued) -> Result<Dequeued, Dequeued> {
        let probability = self.base.classic();
        if self.classic.recurs(probability)
            && (probability >= self.base.classic_max() || !mark(&mut head.packet, &mut self.marked))
        {
            return Err(head);
        }
        Ok(head)
    }

    /// The L queue's own marking probability at a delay (figure 5).
    pub(super) fn ramp(&self, delay: Span) -> f64 {
        let (low, range) = (self.config.min_threshold, self.config.range);
        if delay >= low.saturating_add(range) {
            1.0
        } else if delay > low {
            (delay - low).as_secs_f64() / range.as_secs_f64()
        } else {
            0.0
        }
    }

    /// Credits C with each byte of L by C's weight, and the other way round.
    fn charge(&mut self, is_l4s: bool, has_both: bool, len: u64) {
        if has_both {
            let len = i64::try_from(len).unwrap_or(i64::MAX);
            let change = if is_l4s {
                len.saturating_mul(i64::from(self.config.classic_weight))
            } else {
                -len.saturating_mul(i64::from(self.config.l4s_weight))
            };
            self.credit = self.credit.saturating_add(change);
        } else if self.packets() == 0 {
            self.reset_credit();
        }
    }

    /// As if C had just sent an MTU more than its share.
    fn reset_credit(&mut self) {
        let advantage = i64::from(self.config.l4s_weight) - i64::from(self.config.classic_weight);
        self.credit = -i64::try_from(self.mtu).unwrap_or(i64::MAX).saturating_mul(advantage.max(0));
    }

    pub(super) fn clear(&mut self, out: &mut Vec<Box<Packet>>) {
        self.l4s.fifo.clear(out);
        self.classic.fifo.clear(out);
        self.reset_credit();
    }

    pub(super) fn packets(&self) -> u64 {
        self.l4s.fifo.packets() + self.classic.fifo.packets()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.l4s.fifo.bytes() + self.classic.fifo.bytes()
    }

    pub(super) fn marked(&self) -> u64 {
        self.marked
    }
}
