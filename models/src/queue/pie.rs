//! The proportional integral controller enhanced (PIE, RFC 8033): drops at random on arrival, with a probability that
//! follows the delay.
//!
//! The delay is taken by **timestamps** (§4.3, second option, as in appendix A): that of the packet which was
//! dequeued last; zero once a dequeue leaves nothing behind (as in Linux), or the last delay before a silence would
//! stand for ever. The estimate by departure rate (§5.2) is not modelled, nor is the switch between active and
//! inactive (§5.3), which saves work and matters to nobody here. Of the options there are ECN (§5.1), de-randomisation
//! (§5.4, off by default) and the cap on each step (§5.5).
//!
//! Where §4.4 and appendix A differ in order, appendix A is followed: the burst allowance is renewed before an arrival
//! is judged.

use super::fifo::{Fifo, has_place};
use super::{Dequeued, Drops, PieConfig, mark};
use crate::node::DropCause;
use crate::packet::Packet;
use protosim_core::{Purpose, RunSeed, SimTime, Span, Streams};

/// Draws that decide early drops.
const DROP: Purpose = Purpose("queue.pie");

/// Below this probability, a delay below half the target exempts from dropping (§4.1).
const SAFE_BELOW: f64 = 0.2;
/// From this probability on, one update adds at most [`MAX_STEP`] (§5.5).
const CAPPED_FROM: f64 = 0.1;
const MAX_STEP: f64 = 0.02;
/// What remains of the probability at each update while there is no delay (§4.2).
const DECAY: f64 = 0.98;
/// Accumulated probability below which nothing is dropped, and from which on the next packet is (§5.4).
const NEVER_BELOW: f64 = 0.85;
const ALWAYS_FROM: f64 = 8.5;

/// A queue under PIE.
#[derive(Clone, Debug)]
pub(super) struct Pie {
    config: PieConfig,
    controller: Controller,
    /// Accumulated probability since the last drop (§5.4).
    accumulated: f64,
    next_update: SimTime,
    fifo: Fifo,
    streams: Streams,
    marked: u64,
}

/// Drop probability and burst allowance, apart from any queue.
#[derive(Clone, Debug)]
pub(super) struct Controller {
    target: Span,
    update: Span,
    max_burst: Span,
    /// Gains \[Hz\].
    alpha: f64,
    beta: f64,
    pub(super) probability: f64,
    /// The delay as last known.
    pub(super) delay: Span,
    /// The delay at the last update.
    pub(super) old_delay: Span,
    pub(super) burst: Span,
}

impl Controller {
    pub(super) fn new(config: &PieConfig) -> Self {
        Self {
            target: config.target,
            update: config.update,
            max_burst: config.burst,
            alpha: config.alpha.as_hz(),
            beta: config.beta.as_hz(),
            probability: 0.0,
            delay: Span::ZERO,
            old_delay: Span::ZERO,
            burst: config.burst,
        }
    }

    /// One update (§4.2, §4.4, §5.5).
    pub(super) fn step(&mut self) {
        let delay = self.delay.as_secs_f64();
        let change =
            self.alpha * (delay - self.target.as_secs_f64()) + self.beta * (delay - self.old_delay.as_secs_f64());
        let change = change / scale(self.probability);
        let change = if self.probability >= CAPPED_FROM { change.min(MAX_STEP) } else { change };
        self.probability += change;
        if self.delay.is_zero() && self.old_delay.is_zero() {
            self.probability *= DECAY;
        }
        self.probability = self.probability.clamp(0.0, 1.0);
        self.old_delay = self.delay;
        self.burst = self.burst.saturating_sub(self.update);
    }

    /// `steps` updates, the delay staying as it is. One that moves neither probability nor old delay is the last to be
    /// computed: all after it are the same.
    fn steps(&mut self, steps: u64) {
        for done in 0..steps {
            let before = (self.probability, self.old_delay);
            self.step();
            if before == (self.probability, self.old_delay) {
                self.burst = self.burst.saturating_sub(self.update.saturating_mul(steps - done - 1));
                return;
            }
        }
    }

    /// Renews the burst allowance if there is no congestion at all (§4.4).
    fn renew_burst(&mut self) {
        if self.probability == 0.0 && self.is_below_half(self.delay) && self.is_below_half(self.old_delay) {
            self.burst = self.max_burst;
        }
    }

    /// delay < target / 2, in integers.
    fn is_below_half(&self, delay: Span) -> bool {
        delay.saturating_add(delay) < self.target
    }

    /// True if an arrival at a queue of `bytes` is not to be dropped whatever the probability (§4.1).
    fn is_safe(&self, bytes: u64, mean_packet: u64) -> bool {
        (self.is_below_half(self.old_delay) && self.probability < SAFE_BELOW) || bytes <= mean_packet.saturating_mul(2)
    }
}

/// What an update is divided by, so that it suits the present probability (§4.2).
pub(super) fn scale(probability: f64) -> f64 {
    match probability {
        p if p < 0.000_001 => 2048.0,
        p if p < 0.000_01 => 512.0,
        p if p < 0.000_1 => 128.0,
        p if p < 0.001 => 32.0,
        p if p < 0.01 => 8.0,
        p if p < 0.1 => 2.0,
        _ => 1.0,
    }
}

impl Pie {
    pub(super) fn new(config: &PieConfig, seed: RunSeed, stream_name: &str) -> Self {
        Self {
            config: config.clone(),
            controller: Controller::new(config),
            accumulated: 0.0,
            next_update: SimTime::ZERO.saturating_add(config.update),
            fifo: Fifo::default(),
            streams: Streams::new(seed, stream_name),
            marked: 0,
        }
    }

    /// The controller, for tests.
    #[cfg(test)]
    pub(super) fn controller_mut(&mut self) -> &mut Controller {
        &mut self.controller
    }

    /// Makes up for the updates that are due by `now`.
    fn catch_up(&mut self, now: SimTime) {
        if now < self.next_update {
            return;
        }
        let period = self.config.update.as_nanos().max(1);
        let steps = (now - self.next_update).as_nanos() / period + 1;
        self.controller.steps(steps);
        self.next_update = self.next_update.saturating_add(Span::from_nanos(period).saturating_mul(steps));
    }

    pub(super) fn enqueue(&mut self, mut arrived: Dequeued, drops: &mut Drops) {
        self.catch_up(arrived.enqueued);
        let luck = self.streams.get(DROP).uniform();
        if !has_place(self.config.limit, self.fifo.packets(), self.fifo.bytes(), arrived.len) {
            self.accumulated = 0.0;
            drops.push((arrived.packet, DropCause::QueueFull));
            return;
        }
        self.controller.renew_burst();
        if self.controller.burst.is_zero() && self.drops_early(luck) {
            let may_mark = self.config.ecn && self.controller.probability < self.config.mark_below.as_f64();
            if !may_mark || !mark(&mut arrived.packet, &mut self.marked) {
                drops.push((arrived.packet, DropCause::Aqm));
                return;
            }
        }
        self.fifo.push(arrived);
    }

    /// Whether an arrival is to be dropped, or marked: appendix B, `drop_early`.
    fn drops_early(&mut self, luck: f64) -> bool {
        let probability = self.controller.probability;
        if self.controller.is_safe(self.fifo.bytes(), self.config.mean_packet.as_bytes()) {
            return false;
        }
        if !self.config.derandomized {
            return luck < probability;
        }
        if probability == 0.0 {
            self.accumulated = 0.0;
        }
        self.accumulated += probability;
        let drops = self.accumulated >= NEVER_BELOW && (self.accumulated >= ALWAYS_FROM || luck < probability);
        if drops {
            self.accumulated = 0.0;
        }
        drops
    }

    pub(super) fn dequeue(&mut self, now: SimTime, _: &mut Drops) -> Option<Dequeued> {
        self.catch_up(now);
        let head = self.fifo.pop()?;
        self.controller.delay = if self.fifo.is_empty() { Span::ZERO } else { now.saturating_since(head.enqueued) };
        Some(head)
    }

    pub(super) fn clear(&mut self, out: &mut Vec<Box<Packet>>) {
        self.fifo.clear(out);
        self.controller.delay = Span::ZERO;
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
