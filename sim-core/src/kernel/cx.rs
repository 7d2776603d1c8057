//! The context: all of the world that an entity can reach from a handler.

use super::entity::{Entity, EntityId};
use super::limits::{Busy, RunError};
use super::partition::{Core, Slot};
use super::report::{Interests, Reported};
use super::timer::TimerId;
use super::wire::{InFlight, WireId};
use crate::queue::{Class, EventKey};
use crate::random::{Purpose, Stream, Streams};
use crate::time::SimTime;

/// What a handler may do: read the clock, draw, set its timers, send on its wires, report.
#[derive(Debug)]
pub struct Cx<'a, E: Entity> {
    pub(super) core: &'a mut Core<E::Packet>,
    pub(super) slot: &'a mut Slot,
    pub(super) sink: &'a mut Vec<Reported<E::Report>>,
    /// Index of the entity within its partition.
    pub(super) local: u32,
}

impl<E: Entity> Cx<'_, E> {
    /// The simulation's own clock.
    #[inline]
    pub fn now(&self) -> SimTime {
        self.core.now
    }

    /// The entity that is being called.
    pub fn entity(&self) -> EntityId {
        self.slot.id
    }

    /// This entity's random stream for `purpose`; made when first asked for.
    pub fn rng(&mut self, purpose: Purpose) -> &mut Stream {
        self.slot.streams.get(purpose)
    }

    /// Streams of their own for a part of this entity, such as an application on a host.
    pub fn streams_for(&self, part: &str) -> Streams {
        self.slot.streams.child(part)
    }

    /// Makes a timer, off at first. `name` is shown in traces; `tag` comes back when it is due.
    pub fn new_timer(&mut self, tag: u64, name: &'static str) -> TimerId {
        self.slot.timers.add(tag, name)
    }

    /// Sets or moves a timer.
    ///
    /// # Panics
    /// If `at` is not later than now: what is due now is done in the same handler.
    #[inline]
    pub fn arm(&mut self, timer: TimerId, at: SimTime) {
        assert!(
            at > self.core.now,
            "timer `{}` of entity {} set for {at}, which is not after now",
            self.slot.timers.name(timer),
            self.slot.id.0
        );
        if self.slot.timers.arm(timer, at) {
            self.core.queue.push(EventKey::new(at, Class::Timer, self.local, u64::from(timer.0)));
        }
    }

    /// Turns a timer off.
    pub fn disarm(&mut self, timer: TimerId) {
        self.slot.timers.disarm(timer);
    }

    /// Gives a timer's slot back.
    pub fn remove_timer(&mut self, timer: TimerId) {
        self.slot.timers.remove(timer);
    }

    /// When a timer is due, if it is on.
    pub fn deadline(&self, timer: TimerId) -> Option<SimTime> {
        self.slot.timers.deadline(timer)
    }

    /// Hands a packet to a wire: its last bit leaves at `departs` (not before the last one sent on
    /// this wire, nor before now) and arrives at `arrives`, or never if it is lost. A packet never overtakes one
    /// sent before it on the same wire.
    ///
    /// # Panics
    /// If the wire is not this entity's, or `arrives` is not later than now.
    #[inline]
    pub fn send(&mut self, wire: WireId, departs: SimTime, arrives: Option<SimTime>, packet: E::Packet) {
        let core = &mut *self.core;
        assert!(
            departs >= core.now && arrives.is_none_or(|at| at > core.now && at >= departs),
            "a packet leaves and arrives after now"
        );
        let target = &mut core.wires[wire.0 as usize];
        assert!(target.from == self.slot.id, "wire {} does not belong to entity {}", wire.0, self.slot.id.0);
        let before = target.len();
        target.purge(core.now, |flying| report_departure::<E>(core.interests, wire, flying, self.sink, self.slot.id));
        let due = target.send(departs, arrives, packet);
        core.in_flight = core.in_flight + target.len() - before;
        if let Some((at, number)) = due {
            core.queue.push(EventKey::new(at, Class::Arrival, wire.0, number % EventKey::SEQUENCES));
        }
        if core.over_memory() && core.error.is_none() {
            let busy = Busy { path: self.slot.path.to_string(), at: core.now };
            core.error = Some(RunError::Memory { busy, limit: core.limits.memory });
        }
    }

    /// Takes back what has been sent on `wire` and has not left yet (its departure is later than
    /// now), in order: to be sent anew with the wire's changed rate, delay or loss.
    pub fn recall(&mut self, wire: WireId) -> Vec<InFlight<E::Packet>> {
        let back = self.core.wires[wire.0 as usize].recall(self.core.now);
        self.core.in_flight -= back.len();
        back
    }

    /// Puts a change of a wire's behaviour into its digest.
    pub fn mark(&mut self, wire: WireId, value: u64) {
        let now = self.core.now.as_nanos();
        let changes = &mut self.core.wires[wire.0 as usize].changes;
        changes.mix(now);
        changes.mix(value);
    }

    /// True if someone listens to all of `interests`; build a report only then.
    #[inline]
    pub fn wants(&self, interests: Interests) -> bool {
        self.core.interests.covers(interests)
    }

    /// Reports to the outside.
    pub fn report(&mut self, report: E::Report) {
        self.sink.push(Reported { at: self.core.now, entity: self.slot.id, report });
    }

    /// Counts one internal round of work in this instant. False when the limit is reached: the entity
    /// must stop, and the run ends with an error that names it.
    #[must_use]
    pub fn step(&mut self) -> bool {
        self.slot.steps += 1;
        let within = self.slot.steps <= self.core.limits.steps_per_instant;
        if !within && self.core.error.is_none() {
            let busy = Busy { path: self.slot.path.to_string(), at: self.core.now };
            self.core.error = Some(RunError::Steps { busy, limit: self.core.limits.steps_per_instant });
        }
        within
    }
}

/// Lets the entity's type put a departure into words, if someone listens.
#[inline]
pub(super) fn report_departure<E: Entity>(
    interests: Interests,
    wire: WireId,
    flying: &InFlight<E::Packet>,
    sink: &mut Vec<Reported<E::Report>>,
    from: EntityId,
) {
    if interests.covers(Interests::PACKETS)
        && let Some(report) = E::departure(wire, flying)
    {
        sink.push(Reported { at: flying.departs, entity: from, report });
    }
}
