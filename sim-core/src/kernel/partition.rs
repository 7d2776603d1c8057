//! One partition: entities, their wires and their events, run by one thread.

use super::cx::{Cx, report_departure};
use super::entity::{CannotClone, Entity, EntityId};
use super::limits::{Busy, Limits, RunError};
use super::report::{Interests, Outbox, Reported};
use super::timer::{Fired, TimerId, Timers};
use super::wire::{InFlight, Wire, WireId};
use crate::digest::{Digest, Fingerprint};
use crate::queue::{Class, EventKey, EventQueue};
use crate::random::Streams;
use crate::time::{SimTime, Span};
use std::sync::Arc;

/// Everything of a partition but the entities and their slots, so that a handler can borrow it.
#[derive(Clone, Debug)]
pub(super) struct Core<P> {
    pub(super) now: SimTime,
    pub(super) queue: EventQueue,
    /// By [`WireId`]; wires of other partitions stay empty.
    pub(super) wires: Vec<Wire<P>>,
    pub(super) interests: Interests,
    pub(super) limits: Limits,
    /// Packets in all rings.
    pub(super) in_flight: usize,
    /// Reports in the sink that are no captured packets.
    pub(super) results: usize,
    /// Entities that have asked for a flush in this instant.
    pub(super) to_flush: Vec<u32>,
    pub(super) error: Option<RunError>,
}

impl<P> Core<P> {
    /// True if someone wants to know of every packet at both ends of its wires.
    #[inline]
    pub(super) fn looks_on(&self) -> bool {
        self.interests.covers(Interests::PACKETS)
    }

    /// Memory held for packets and events, and for results that nobody has fetched yet [bytes].
    #[inline]
    pub(super) fn memory<E: Entity<Packet = P>>(&self) -> u64 {
        let packets = self.in_flight * (size_of::<InFlight<P>>() + E::PACKET_HEAP);
        let reports = self.results * size_of::<(Option<WireId>, Reported<E::Report>)>();
        (packets + reports + self.queue.len() * size_of::<EventKey>()) as u64
    }

    /// Remembers why the run has to stop. Of several reasons in one instant the one of the first entity
    /// by path counts, so that it does not matter which others share its partition.
    #[cold]
    pub(super) fn fail(&mut self, error: RunError) {
        if self.error.as_ref().is_none_or(|known| error.busy() < known.busy()) {
            self.error = Some(error);
        }
    }
}

/// What the kernel keeps beside each entity.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) id: EntityId,
    pub(super) path: Arc<str>,
    pub(super) streams: Streams,
    pub(super) timers: Timers,
    pub(super) digest: Digest,
    /// The last instant in which something happened to the entity.
    touched_at: SimTime,
    /// Events and rounds in that instant.
    pub(super) steps: u32,
    /// The last instant in which it has asked for a flush.
    pub(super) flush_at: SimTime,
}

impl Slot {
    pub(super) fn new(id: EntityId, path: Arc<str>, streams: Streams) -> Self {
        Self {
            id,
            path,
            streams,
            timers: Timers::default(),
            digest: Digest::START,
            touched_at: SimTime::MAX,
            steps: 0,
            flush_at: SimTime::MAX,
        }
    }

    /// Something happens to the entity: true if it is the first in this instant.
    #[inline]
    fn touch(&mut self, now: SimTime) -> bool {
        let is_first = self.touched_at != now;
        if is_first {
            self.touched_at = now;
            self.steps = 0;
        }
        is_first
    }
}

/// An act of the timeline on an entity of this partition.
#[derive(Clone, Debug)]
pub(super) struct Act<A> {
    pub(super) at: SimTime,
    pub(super) local: u32,
    pub(super) action: A,
}

/// Whom an event happened to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Subject {
    /// One direction of a link.
    Wire(WireId),
    /// A host, a router.
    Entity(EntityId),
}

/// One event, for the comparison of two runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Happening {
    /// When.
    pub at: SimTime,
    /// To whom.
    pub subject: Subject,
    /// The subject's digest after it.
    pub chain: u64,
    /// What, in words.
    pub what: String,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Partition<E: Entity> {
    pub(super) core: Core<E::Packet>,
    pub(super) entities: Vec<E>,
    pub(super) slots: Vec<Slot>,
    pub(super) timeline: Vec<Act<E::Action>>,
    /// The wires that lead to other partitions.
    pub(super) away: Vec<WireId>,
    /// The entity that the last event was for, stale ones included.
    busy: u32,
    /// The last instant in which something happened to an entity.
    last_touched: SimTime,
    /// The last departure of a packet that came from another partition.
    last_accepted: SimTime,
    /// The period of samples, in a run that takes them; then the next one is pending.
    sample_every: Option<Span>,
    /// Stale ones included.
    pub(super) events: u64,
    pub(super) deliveries: u64,
    /// Timers that were due, and acts of the timeline.
    acts: u64,
    /// Filled while two runs are compared.
    pub(super) log: Option<Vec<Happening>>,
}

impl<E: Entity> Partition<E> {
    pub(super) fn new(
        core: Core<E::Packet>,
        entities: Vec<E>,
        slots: Vec<Slot>,
        timeline: Vec<Act<E::Action>>,
    ) -> Self {
        let leads_away = |(_, wire): &(usize, &Wire<E::Packet>)| wire.leads_to.is_some();
        let away = core.wires.iter().enumerate().filter(leads_away).map(|(index, _)| WireId(index as u32)).collect();
        let mut partition = Self {
            core,
            entities,
            slots,
            timeline,
            away,
            busy: 0,
            last_touched: SimTime::ZERO,
            last_accepted: SimTime::ZERO,
            sample_every: None,
            events: 0,
            deliveries: 0,
            acts: 0,
            log: None,
        };
        for (index, act) in partition.timeline.iter().enumerate() {
            partition.core.queue.push(EventKey::new(act.at, Class::Timeline, 0, index as u64));
        }
        partition
    }

    /// One more act, behind those of its instant.
    pub(super) fn push_act(&mut self, act: Act<E::Action>) {
        self.core.queue.push(EventKey::new(act.at, Class::Timeline, 0, self.timeline.len() as u64));
        self.timeline.push(act);
    }

    /// Calls every entity's start handler, in order, each with its flush.
    pub(super) fn start(&mut self, sink: &mut Outbox<E::Report>) -> Result<(), RunError> {
        for local in 0..self.slots.len() {
            self.touch(local as u32);
            let (entity, mut cx) = self.at(local as u32, sink);
            entity.on_start(&mut cx);
        }
        self.flush(sink);
        self.verdict()
    }

    /// When the next event is due.
    #[inline]
    pub(super) fn next_event(&mut self) -> Option<SimTime> {
        self.core.queue.peek().map(EventKey::time)
    }

    /// Handles all events before `end`.
    pub(super) fn run_before(&mut self, end: SimTime, sink: &mut Outbox<E::Report>) -> Result<(), RunError> {
        while let Some(first) = self.core.queue.pop_before(end) {
            self.instant(first, sink);
            if self.core.error.is_some() {
                return self.verdict();
            }
        }
        Ok(())
    }

    /// Why the run has to stop, if it has; asked once.
    pub(super) fn verdict(&mut self) -> Result<(), RunError> {
        self.core.error.take().map_or(Ok(()), Err)
    }

    /// Handles one instant: all its events in order, of which `first` has been taken from the queue, then the flush, then the
    /// samples.
    #[inline]
    pub(super) fn instant(&mut self, first: EventKey, sink: &mut Outbox<E::Report>) {
        let now = first.time();
        debug_assert!(now > self.core.now, "time goes forward");
        self.core.now = now;
        let mut sample = false;
        let mut next = Some(first);
        while let Some(key) = next {
            self.events += 1;
            match key.class() {
                Class::Arrival => self.arrival(key, sink),
                Class::Timer => self.timer(key, sink),
                Class::Timeline => self.act(key, sink),
                Class::Sampler => sample = true,
            }
            next = self.core.queue.pop_at(now);
        }
        self.flush(sink);
        if sample {
            self.sample(sink);
        }
    }

    #[inline]
    fn arrival(&mut self, key: EventKey, sink: &mut Outbox<E::Report>) {
        let id = WireId(key.origin());
        let wire = &self.core.wires[id.0 as usize];
        self.busy = wire.to_local;
        if wire.awaits(key.sequence()) {
            while self.deliver(id, sink) {
                self.events += 1;
            }
        }
    }

    /// Delivers the packet that arrives now. True if another one of this wire arrives now too: it is next
    /// in order anyway, and events lie strictly later than now.
    #[inline]
    fn deliver(&mut self, id: WireId, sink: &mut Outbox<E::Report>) -> bool {
        let core = &mut self.core;
        let looks_on = core.looks_on();
        let wire = &mut core.wires[id.0 as usize];
        let (from, before) = (wire.from, wire.len());
        let departed = looks_on.then_some(|flying: &_| report_departure::<E>(id, flying, sink, from));
        let (flying, next) = wire.deliver(departed);
        core.in_flight -= before - wire.len();
        // The wire's chain stands for the packet: it holds its fingerprint, departure and arrival.
        let (local, port, chain) = (wire.to_local, wire.port, wire.chains().1.value());
        let another = next.at == core.now;
        if next.is_some() && !another {
            core.queue.push(next.key(id));
        }
        self.deliveries += 1;
        let slot = &mut self.slots[local as usize];
        slot.digest.mix(chain ^ u64::from(port));
        if slot.touch(self.core.now) {
            self.last_touched = self.core.now;
        }
        if self.log.is_some() {
            self.log_delivery(id, local, &flying);
        }
        let (entity, mut cx) = self.at(local, sink);
        if cx.step() {
            entity.on_arrival(port, flying.packet, &mut cx);
        }
        another
    }

    #[cold]
    fn log_delivery(&mut self, id: WireId, local: u32, flying: &InFlight<E::Packet>) {
        self.log_wire(id, || format!("packet {} arrives: {:?}", flying.number, flying.packet));
        self.log_entity(local, || format!("packet {} arrives on wire {}", flying.number, id.0));
    }

    fn timer(&mut self, key: EventKey, sink: &mut Outbox<E::Report>) {
        let (local, timer) = (key.origin(), TimerId(key.sequence() as u32));
        self.busy = local;
        let slot = &mut self.slots[local as usize];
        match slot.timers.fire(timer, self.core.now) {
            Fired::Stale => {}
            Fired::Later(at) => {
                self.core.queue.push(EventKey::new(at, Class::Timer, local, u64::from(timer.0)));
            }
            Fired::Due(tag) => {
                slot.digest.mix(self.core.now.as_nanos());
                slot.digest.mix(u64::from(timer.0));
                self.acts += 1;
                self.touch(local);
                if self.log.is_some() {
                    let name = self.slots[local as usize].timers.name(timer).unwrap_or_default();
                    self.log_entity(local, || format!("timer `{name}` is due"));
                }
                let (entity, mut cx) = self.at(local, sink);
                if cx.step() {
                    entity.on_timer(timer, tag, &mut cx);
                }
            }
        }
    }

    fn act(&mut self, key: EventKey, sink: &mut Outbox<E::Report>) {
        let Act { local, action, .. } = self.timeline[key.sequence() as usize].clone();
        self.busy = local;
        self.acts += 1;
        self.touch(local);
        let slot = &mut self.slots[local as usize];
        slot.digest.mix(self.core.now.as_nanos());
        slot.digest.mix(action.fingerprint());
        let before: Option<Vec<_>> = self.log.is_some().then(|| self.core.wires.iter().map(|w| w.changes).collect());
        let (entity, mut cx) = self.at(local, sink);
        if cx.step() {
            entity.on_action(&action, &mut cx);
        }
        if let Some(before) = before {
            for (index, old) in before.into_iter().enumerate() {
                if self.core.wires[index].changes != old {
                    self.log_wire(WireId(index as u32), || format!("the timeline changes it: {action:?}"));
                }
            }
            self.log_entity(local, || format!("the timeline acts: {action:?}"));
        }
    }

    /// Remembers that something happens to the entity in this instant.
    #[inline]
    fn touch(&mut self, local: u32) {
        if self.slots[local as usize].touch(self.core.now) {
            self.last_touched = self.core.now;
        }
    }

    #[inline]
    fn flush(&mut self, sink: &mut Outbox<E::Report>) {
        if !self.core.to_flush.is_empty() {
            self.flush_those(sink);
        }
        self.check_events();
    }

    /// Calls those who have asked for it, sorted, so that reports leave in the order of entities.
    #[inline(never)]
    fn flush_those(&mut self, sink: &mut Outbox<E::Report>) {
        let mut asked = std::mem::take(&mut self.core.to_flush);
        if asked.len() > 1 {
            asked.sort_unstable();
        }
        for local in asked.drain(..) {
            let (entity, mut cx) = self.at(local, sink);
            entity.on_flush(&mut cx);
        }
        // Who asks while it is flushed has been heard already.
        self.core.to_flush.clear();
        std::mem::swap(&mut self.core.to_flush, &mut asked);
    }

    #[inline]
    fn check_events(&mut self) {
        if self.handled() >= self.core.limits.events && self.core.error.is_none() {
            self.core.error = Some(self.too_many_events());
        }
    }

    /// Events that came to something, for [`Limits::events`].
    pub(super) fn handled(&self) -> u64 {
        self.deliveries + self.acts
    }

    /// Whom the last event was for, and when.
    fn busy(&self) -> Busy {
        let path = self.slots.get(self.busy as usize).map_or_else(String::new, |slot| slot.path.to_string());
        Busy { at: self.core.now, path }
    }

    /// The error for [`Limits::events`].
    pub(super) fn too_many_events(&self) -> RunError {
        RunError::Events { busy: self.busy(), limit: self.core.limits.events }
    }

    /// The error for [`Limits::memory`] when partitions together reach it.
    pub(super) fn too_much_memory(&self) -> RunError {
        RunError::Memory { busy: self.busy(), limit: self.core.limits.memory }
    }

    fn sample(&mut self, sink: &mut Outbox<E::Report>) {
        for local in 0..self.slots.len() {
            let slot = &mut self.slots[local];
            if slot.touched_at != self.core.now {
                slot.steps = 0;
            }
            let (entity, mut cx) = self.at(local as u32, sink);
            entity.on_sample(&mut cx);
        }
        self.schedule_sample();
    }

    /// Takes samples at the multiples of `period` after now, or none.
    pub(super) fn take_samples(&mut self, period: Option<Span>) {
        if period == self.sample_every {
            return;
        }
        // The pending sample goes, and what else is pending moves to a fresh queue: events that came to
        // nothing may have been popped at times later than now, and a queue only goes forward.
        let mut fresh = EventQueue::new();
        while let Some(key) = self.core.queue.pop() {
            if key.class() != Class::Sampler {
                fresh.push(key);
            }
        }
        self.core.queue = fresh;
        self.sample_every = period;
        self.schedule_sample();
    }

    fn schedule_sample(&mut self) {
        if let Some(period) = self.sample_every {
            let past = self.core.now.as_nanos() / period.as_nanos();
            let next = SimTime::ZERO.saturating_add(period.saturating_mul(past + 1));
            self.core.queue.push(EventKey::new(next, Class::Sampler, 0, 0));
        }
    }

    /// The last instant in which something happened: to an entity, or a packet left.
    pub(super) fn quiet_since(&self) -> SimTime {
        let departures = self.core.wires.iter().filter_map(Wire::last_departure);
        departures.chain([self.last_touched, self.last_accepted]).max().unwrap_or_default()
    }

    /// The entity and a context for it.
    #[inline]
    fn at<'a>(&'a mut self, local: u32, sink: &'a mut Outbox<E::Report>) -> (&'a mut E, Cx<'a, E>) {
        let entity = &mut self.entities[local as usize];
        let slot = &mut self.slots[local as usize];
        (entity, Cx { core: &mut self.core, slot, sink, local })
    }

    /// Brings the books up to `now` after the last event: lost packets that have left are taken out,
    /// departures reported.
    pub(super) fn settle(&mut self, now: SimTime, sink: &mut Outbox<E::Report>) {
        self.core.now = now;
        let looks_on = self.core.looks_on();
        for (index, wire) in self.core.wires.iter_mut().enumerate() {
            let (id, from, before) = (WireId(index as u32), wire.from, wire.len());
            let mut report = |flying: &InFlight<E::Packet>| {
                if looks_on {
                    report_departure::<E>(id, flying, sink, from);
                }
            };
            wire.purge_all(now, &mut report);
            wire.report_departures(now, &mut report);
            self.core.in_flight -= before - wire.len();
        }
    }

    /// Takes over a packet from another partition.
    pub(super) fn accept(&mut self, id: WireId, flying: InFlight<E::Packet>, sink: &mut Outbox<E::Report>) {
        let core = &mut self.core;
        let looks_on = core.looks_on();
        let wire = &mut core.wires[id.0 as usize];
        let (from, before, departed) = (wire.from, wire.len(), flying.departs);
        let due = wire.accept(flying);
        self.last_accepted = self.last_accepted.max(departed);
        wire.purge(departed, looks_on.then_some(|lost: &_| report_departure::<E>(id, lost, sink, from)));
        core.in_flight = core.in_flight + wire.len() - before;
        if let Some(due) = due {
            core.queue.push(due.key(id));
        }
    }

    pub(super) fn try_clone(&self) -> Result<Self, CannotClone> {
        let clone_entity = |(entity, slot): (&E, &Slot)| {
            entity.try_clone().map_err(|e| CannotClone { endpoint: format!("{}: {}", slot.path, e.endpoint), ..e })
        };
        Ok(Self {
            core: self.core.clone(),
            entities: self.entities.iter().zip(&self.slots).map(clone_entity).collect::<Result<_, _>>()?,
            slots: self.slots.clone(),
            timeline: self.timeline.clone(),
            away: self.away.clone(),
            log: self.log.clone(),
            ..*self
        })
    }

    fn log_wire(&mut self, id: WireId, what: impl FnOnce() -> String) {
        let (changes, traffic) = self.core.wires[id.0 as usize].chains();
        let chain = changes.value() ^ traffic.value().rotate_left(1);
        if let Some(log) = &mut self.log {
            log.push(Happening { at: self.core.now, subject: Subject::Wire(id), chain, what: what() });
        }
    }

    fn log_entity(&mut self, local: u32, what: impl FnOnce() -> String) {
        let slot = &self.slots[local as usize];
        let (subject, chain) = (Subject::Entity(slot.id), slot.digest.value());
        if let Some(log) = &mut self.log {
            log.push(Happening { at: self.core.now, subject, chain, what: what() });
        }
    }
}
