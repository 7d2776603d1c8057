//! The context: all of the world that an entity can reach from a handler.

use super::entity::{Entity, EntityId};
use super::limits::{Busy, RunError};
use super::partition::{Core, Slot};
use super::report::{Interests, Outbox, Reported};
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
    pub(super) sink: &'a mut Outbox<E::Report>,
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
    /// If `at` is not later than now: what is due now is done in the same handler. If the timer has
    /// been removed.
    #[inline]
    pub fn arm(&mut self, timer: TimerId, at: SimTime) {
        let name = self.timer_name(timer);
        assert!(at > self.core.now, "timer `{name}` of `{}` set for {at}, which is not after now", self.slot.path);
        if self.slot.timers.arm(timer, at) {
            self.core.queue.push(EventKey::new(at, Class::Timer, self.local, u64::from(timer.0)));
            self.check_memory();
        }
    }

    /// Gives a timer another name, for traces.
    pub fn rename_timer(&mut self, timer: TimerId, name: &'static str) {
        self.slot.timers.rename(timer, name);
    }

    /// Turns a timer off.
    ///
    /// # Panics
    /// If the timer has been removed.
    pub fn disarm(&mut self, timer: TimerId) {
        self.timer_name(timer);
        self.slot.timers.disarm(timer);
    }

    /// Gives a timer's slot back.
    ///
    /// # Panics
    /// If that has been done before.
    pub fn remove_timer(&mut self, timer: TimerId) {
        self.timer_name(timer);
        self.slot.timers.remove(timer);
    }

    /// When a timer is due, if it is on.
    pub fn deadline(&self, timer: TimerId) -> Option<SimTime> {
        self.slot.timers.deadline(timer)
    }

    /// Hands a packet to a wire: its last bit leaves at `departs` (not before the last one sent on
    /// this wire, nor before now) and arrives at `arrives`, or never if it is lost. Unless the wire lets packets overtake
    /// ([`WireSpec::overtakes`](super::WireSpec::overtakes)), none arrives before one sent before it.
    ///
    /// # Panics
    /// If the wire is not this entity's, `departs` is not in order, or `arrives` is not later than now
    /// or less than the wire's [`WireSpec::min_delay`](super::WireSpec::min_delay) after `departs`.
    #[inline(always)]
    pub fn send(&mut self, wire: WireId, departs: SimTime, arrives: Option<SimTime>, packet: E::Packet) {
        let looks_on = self.core.looks_on();
        let core = &mut *self.core;
        let target = &mut core.wires[wire.0 as usize];
        if target.from != self.slot.id {
            self.is_not_owner(wire);
        }
        let (path, number, least) = (&self.slot.path, wire.0, target.min_delay);
        assert!(
            departs >= core.now && target.in_order(departs),
            "`{path}` sends on wire {number} for departure at {departs}, before now or before the packet ahead of it"
        );
        assert!(
            arrives.is_none_or(|at| at > core.now && at >= departs.saturating_add(least)),
            "`{path}` sends on wire {number}: departure {departs}, arrival {arrives:?}, which is not after now or \
             sooner than the wire's least delay of {least}"
        );
        let before = target.len();
        let departed = |flying: &_| report_departure::<E>(wire, flying, self.sink, self.slot.id);
        target.purge(core.now, looks_on.then_some(departed));
        let due = target.send(departs, arrives, packet);
        core.in_flight = core.in_flight + target.len() - before;
        if let Some(due) = due {
            core.queue.push(due.key(wire));
        }
        self.check_memory();
    }

    /// Takes back what has been sent on `wire` and has not left yet (its departure is later than
    /// now), in order: to be sent anew with the wire's changed rate, delay or loss.
    ///
    /// # Panics
    /// If the wire is not this entity's.
    pub fn recall(&mut self, wire: WireId) -> Vec<InFlight<E::Packet>> {
        self.check_owner(wire);
        let (back, due) = self.core.wires[wire.0 as usize].recall(self.core.now);
        self.core.in_flight -= back.len();
        if let Some(due) = due {
            self.core.queue.push(due.key(wire));
        }
        back
    }

    /// Puts a change of a wire's behaviour into its digest.
    ///
    /// # Panics
    /// If the wire is not this entity's.
    pub fn mark(&mut self, wire: WireId, value: u64) {
        self.check_owner(wire);
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
        self.sink.push((None, Reported { at: self.core.now, entity: self.slot.id, report }));
        self.core.results += 1;
        self.check_memory();
    }

    /// Reports a packet, or what else is only looked at, for captures, event logs and diagrams. It does not count as the run's memory: looking must not decide where a run ends.
    pub fn report_packet(&mut self, report: E::Report) {
        self.sink.push((None, Reported { at: self.core.now, entity: self.slot.id, report }));
        let bytes = self.sink.len() * (size_of::<Reported<E::Report>>() + E::PACKET_HEAP);
        if bytes as u64 > self.core.limits.capture.as_bytes() {
            let busy = self.busy();
            self.core.fail(RunError::Capture { busy, limit: self.core.limits.capture });
        }
    }

    /// Asks for [`Entity::on_flush`] in this instant, when all its events have been handled.
    #[inline]
    pub fn ask_flush(&mut self) {
        if self.slot.flush_at != self.core.now {
            self.slot.flush_at = self.core.now;
            self.core.to_flush.push(self.local);
        }
    }

    /// Counts one internal round of work in this instant. False when the limit is reached: the entity
    /// must stop, and the run ends with an error that names it.
    #[must_use]
    pub fn step(&mut self) -> bool {
        self.slot.steps += 1;
        let within = self.slot.steps <= self.core.limits.steps_per_instant;
        if !within {
            let busy = self.busy();
            self.core.fail(RunError::Steps { busy, limit: self.core.limits.steps_per_instant });
        }
        within
    }

    fn busy(&self) -> Busy {
        Busy { path: self.slot.path.to_string(), at: self.core.now }
    }

    #[inline]
    fn check_memory(&mut self) {
        if self.core.memory::<E>() > self.core.limits.memory.as_bytes() {
            let busy = self.busy();
            self.core.fail(RunError::Memory { busy, limit: self.core.limits.memory });
        }
    }

    #[inline]
    fn check_owner(&self, wire: WireId) {
        if self.core.wires[wire.0 as usize].from != self.slot.id {
            self.is_not_owner(wire);
        }
    }

    #[cold]
    fn is_not_owner(&self, wire: WireId) -> ! {
        panic!("wire {} does not belong to `{}`", wire.0, self.slot.path);
    }

    #[inline]
    fn timer_name(&self, timer: TimerId) -> &'static str {
        let name = self.slot.timers.name(timer);
        name.unwrap_or_else(|| panic!("timer {} of `{}` does not exist or has been removed", timer.0, self.slot.path))
    }
}

/// Lets the entity's type put a departure into words, where someone looks on ([`Core::looks_on`]).
#[cold]
pub(super) fn report_departure<E: Entity>(
    wire: WireId,
    flying: &InFlight<E::Packet>,
    sink: &mut Outbox<E::Report>,
    from: EntityId,
) {
    if let Some(report) = E::departure(wire, flying) {
        sink.push((Some(wire), Reported { at: flying.departs, entity: from, report }));
    }
}
