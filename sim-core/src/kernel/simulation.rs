//! A world of entities and wires, and its run: on one thread or on several, to a time or to quiet.

use super::entity::{CannotClone, Entity, EntityId};
use super::limits::{Limits, RunError};
use super::meeting::{Meeting, earliest};
use super::partition::{Act, Core, Happening, Partition, Slot};
use super::report::{Interests, Sinks};
use super::split::split;
use super::wire::{InFlight, Wire, WireId, WireSpec};
use crate::digest::Digest;
use crate::queue::EventQueue;
use crate::random::{RunSeed, Streams};
use crate::time::{SimTime, Span};
use std::sync::Arc;

/// How long a run goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Until {
    /// Every event up to and including this instant is handled; the clock then reads it. The last
    /// instant that can be reached is the one before [`SimTime::MAX`].
    Time(SimTime),
    /// Until nothing is pending; the clock then reads when the last thing happened. Samples are not taken:
    /// they would go on for ever.
    Quiet,
}

/// Why a world cannot be built. These are mistakes of the calling code.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BuildError {
    /// Ranks come from paths, so paths are unique and come in sorted order.
    #[error("path `{0}` is not after the path before it")]
    PathOrder(String),
    /// A wire or an action names an entity that was not added.
    #[error("`{0}` refers to an entity that does not exist")]
    NoSuchEntity(String),
    /// The start comes before every act.
    #[error("the timeline acts on `{0}` at time zero; acts lie later")]
    ActAtStart(String),
    /// What is over cannot be changed.
    #[error("the timeline is to act on `{0}` at a time that is over")]
    ActInThePast(String),
    /// The clock would never go on.
    #[error("the period of samples is zero")]
    NoSamplePeriod,
}

/// Collects entities, wires and the timeline of a world.
#[derive(Debug)]
pub struct Builder<E: Entity> {
    seed: RunSeed,
    limits: Limits,
    sample_every: Option<Span>,
    entities: Vec<(Arc<str>, String, E)>,
    wires: Vec<WireSpec>,
    timeline: Vec<(SimTime, EntityId, E::Action)>,
}

impl<E: Entity> Builder<E> {
    /// An empty world with the luck of `seed`.
    pub fn new(seed: RunSeed) -> Self {
        Self {
            seed,
            limits: Limits::default(),
            sample_every: None,
            entities: Vec::new(),
            wires: Vec::new(),
            timeline: Vec::new(),
        }
    }

    /// Sets the limits of the run.
    pub fn limits(&mut self, limits: Limits) -> &mut Self {
        self.limits = limits;
        self
    }

    /// Takes samples of every entity at each multiple of `period`.
    pub fn sample_every(&mut self, period: Span) -> &mut Self {
        self.sample_every = Some(period);
        self
    }

    /// Adds an entity. `stream_name` names its random streams: its path, or the name it once had.
    ///
    /// # Errors
    /// When `path` does not sort after the path of the entity before it.
    pub fn entity(&mut self, path: &str, stream_name: &str, entity: E) -> Result<EntityId, BuildError> {
        if self.entities.last().is_some_and(|(last, ..)| **last >= *path) {
            return Err(BuildError::PathOrder(path.to_owned()));
        }
        self.entities.push((path.into(), stream_name.to_owned(), entity));
        Ok(EntityId(self.entities.len() as u32 - 1))
    }

    /// Adds a wire.
    ///
    /// # Errors
    /// When its path does not sort after that of the wire before it.
    pub fn wire(&mut self, spec: WireSpec) -> Result<WireId, BuildError> {
        if self.wires.last().is_some_and(|last| last.path >= spec.path) {
            return Err(BuildError::PathOrder(spec.path.to_string()));
        }
        self.wires.push(spec);
        Ok(WireId(self.wires.len() as u32 - 1))
    }

    /// Lets the timeline act on `entity` at `at`, which is later than zero. Acts of one instant
    /// happen in the order in which they were added.
    pub fn act(&mut self, at: SimTime, entity: EntityId, action: E::Action) -> &mut Self {
        self.timeline.push((at, entity, action));
        self
    }

    /// The world, to be run by at most `threads` threads. The results do not depend on that number.
    ///
    /// # Errors
    /// When a wire or an act names an entity that was not added, an act lies at time zero, or samples
    /// have no period.
    pub fn build(mut self, threads: usize) -> Result<Simulation<E>, BuildError> {
        let known = |id: EntityId| (id.0 as usize) < self.entities.len();
        if let Some(spec) = self.wires.iter().find(|spec| !known(spec.from) || !known(spec.to)) {
            return Err(BuildError::NoSuchEntity(spec.path.to_string()));
        }
        if let Some((at, ..)) = self.timeline.iter().find(|(_, id, _)| !known(*id)) {
            return Err(BuildError::NoSuchEntity(format!("timeline at {at}")));
        }
        if let Some((_, id, _)) = self.timeline.iter().find(|(at, ..)| *at == SimTime::ZERO) {
            return Err(BuildError::ActAtStart(self.entities[id.0 as usize].0.to_string()));
        }
        if self.sample_every.is_some_and(Span::is_zero) {
            return Err(BuildError::NoSamplePeriod);
        }
        self.timeline.sort_by_key(|(at, ..)| *at);
        let part_of = split(self.entities.len(), &self.wires, threads);
        let count = part_of.iter().max().map_or(1, |last| *last as usize + 1);
        let mut local_of = Vec::with_capacity(part_of.len());
        let mut sizes = vec![0_u32; count];
        for part in &part_of {
            local_of.push(sizes[*part as usize]);
            sizes[*part as usize] += 1;
        }
        Ok(self.assemble(&part_of, &local_of, count))
    }

    fn assemble(self, part_of: &[u32], local_of: &[u32], count: usize) -> Simulation<E> {
        let paths: Arc<[Arc<str>]> = self.entities.iter().map(|(path, ..)| path.clone()).collect();
        let size = |part: usize| part_of.iter().filter(|other| **other as usize == part).count();
        let mut entities: Vec<Vec<E>> = (0..count).map(|part| Vec::with_capacity(size(part))).collect();
        let mut slots: Vec<Vec<Slot>> = (0..count).map(|part| Vec::with_capacity(size(part))).collect();
        for (index, (path, stream_name, entity)) in self.entities.into_iter().enumerate() {
            let part = part_of[index] as usize;
            entities[part].push(entity);
            slots[part].push(Slot::new(EntityId(index as u32), path, Streams::new(self.seed, &stream_name)));
        }
        let cross = |spec: &WireSpec| part_of[spec.from.0 as usize] != part_of[spec.to.0 as usize];
        let lookahead = self.wires.iter().filter(|spec| cross(spec)).map(|spec| spec.min_delay).min();
        let partitions = entities.into_iter().zip(slots).enumerate().map(|(part, (entities, slots))| {
            let wires = self.wires.iter().map(|spec| {
                let to_part = part_of[spec.to.0 as usize];
                let away = cross(spec) && part_of[spec.from.0 as usize] as usize == part;
                Wire::new(spec, local_of[spec.to.0 as usize], away.then_some(to_part))
            });
            let core = Core {
                now: SimTime::ZERO,
                queue: EventQueue::new(),
                wires: wires.collect(),
                interests: Interests::NONE,
                limits: self.limits,
                in_flight: 0,
                results: 0,
                to_flush: Vec::new(),
                error: None,
            };
            let here = |(_, id, _): &&(SimTime, EntityId, E::Action)| part_of[id.0 as usize] as usize == part;
            let timeline = self.timeline.iter().filter(here).map(|(at, id, action)| Act {
                at: *at,
                local: local_of[id.0 as usize],
                action: action.clone(),
            });
            Partition::new(core, entities, slots, timeline.collect())
        });
        Simulation {
            partitions: partitions.collect(),
            paths,
            wires: self.wires,
            lookahead: lookahead.unwrap_or(Span::MAX),
            sample_every: self.sample_every,
            started: false,
            failed: None,
            now: SimTime::ZERO,
        }
    }
}

/// A world and where it stands in its run.
#[derive(Debug)]
pub struct Simulation<E: Entity> {
    pub(super) partitions: Vec<Partition<E>>,
    paths: Arc<[Arc<str>]>,
    wires: Vec<WireSpec>,
    /// The shortest delay between two partitions.
    lookahead: Span,
    sample_every: Option<Span>,
    started: bool,
    /// Why the run has ended for good.
    failed: Option<RunError>,
    now: SimTime,
}

/// What a run has done so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Events, stale ones included. It may differ between numbers of partitions.
    pub events: u64,
    /// Packets that arrived at the end of a wire.
    pub deliveries: u64,
}

impl<E: Entity> Simulation<E> {
    /// Runs on. Reports go to `sinks`.
    ///
    /// # Errors
    /// When a limit is reached. The world stays as it was at that instant, but that other partitions
    /// have finished their window; it can be looked at, and every further run ends with the same error.
    pub fn run(&mut self, until: Until, sinks: &mut Sinks<E::Report>) -> Result<(), RunError> {
        let end = match until {
            Until::Time(at) => at.saturating_add(Span::NANOSECOND),
            Until::Quiet => SimTime::MAX,
        };
        let mut result = self.begin(until, sinks);
        if result.is_ok() {
            result = match self.partitions.as_mut_slice() {
                [only] => only.run_before(end, &mut sinks.buffers[0]),
                several => Meeting::new(several.len(), self.lookahead, end).hold(several, &mut sinks.buffers),
            };
        }
        let reached = match (&result, until) {
            (Err(error), _) => error.busy().at,
            // The instant before `end`, which is `at` but for the very last one.
            (Ok(()), Until::Time(at)) => at.min(SimTime::from_nanos(u64::MAX - 1)),
            (Ok(()), Until::Quiet) => self.partitions.iter().map(Partition::quiet_since).max().unwrap_or_default(),
        };
        self.finish(reached, sinks, result)
    }

    /// Brings clock and books up to `reached`.
    fn finish(
        &mut self,
        reached: SimTime,
        sinks: &mut Sinks<E::Report>,
        result: Result<(), RunError>,
    ) -> Result<(), RunError> {
        self.now = reached.max(self.now);
        for (partition, sink) in self.partitions.iter_mut().zip(&mut sinks.buffers) {
            partition.settle(self.now, sink);
        }
        self.failed = result.as_ref().err().cloned();
        result
    }

    /// Handles the next instant that has an event. False if there is none. Samples are not taken. It
    /// looks at every wire, so it is for looking on, not for long runs.
    ///
    /// # Errors
    /// When a limit is reached.
    ///
    /// # Panics
    /// If the world was built for several threads.
    pub fn step(&mut self, sinks: &mut Sinks<E::Report>) -> Result<bool, RunError> {
        assert!(self.partitions.len() == 1, "stepping needs a world built for one thread");
        let begun = self.begin(Until::Quiet, sinks);
        let partition = &mut self.partitions[0];
        let (reached, result) = match begun {
            Err(error) => (error.busy().at, Err(error)),
            Ok(()) => {
                let Some(first) = partition.core.queue.pop_before(SimTime::MAX) else { return Ok(false) };
                partition.instant(first, &mut sinks.buffers[0]);
                (first.time(), partition.verdict())
            }
        };
        self.finish(reached, sinks, result).map(|()| true)
    }

    /// When the next event is due.
    ///
    /// # Panics
    /// If the world was built for several threads.
    pub fn next_event(&mut self) -> Option<SimTime> {
        assert!(self.partitions.len() == 1, "stepping needs a world built for one thread");
        self.partitions[0].next_event().filter(|next| *next < SimTime::MAX)
    }

    fn begin(&mut self, until: Until, sinks: &mut Sinks<E::Report>) -> Result<(), RunError> {
        if sinks.buffers.len() < self.partitions.len() {
            sinks.buffers.resize_with(self.partitions.len(), Vec::new);
        }
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let mut failures = Vec::new();
        let starting = !std::mem::replace(&mut self.started, true);
        let sample_every = self.sample_every.filter(|_| until != Until::Quiet);
        for (partition, sink) in self.partitions.iter_mut().zip(&mut sinks.buffers) {
            partition.core.interests = sinks.interests;
            if sink.is_empty() {
                partition.core.results = 0;
            }
            if starting {
                failures.extend(partition.start(sink).err());
            }
            partition.take_samples(sample_every);
        }
        earliest(failures)
    }

    /// A copy of the world as it stands, to be run on by itself.
    ///
    /// # Errors
    /// When an entity cannot be copied; the error names it.
    pub fn try_clone(&self) -> Result<Self, CannotClone> {
        Ok(Self {
            partitions: self.partitions.iter().map(Partition::try_clone).collect::<Result<_, _>>()?,
            paths: self.paths.clone(),
            wires: self.wires.clone(),
            failed: self.failed.clone(),
            ..*self
        })
    }

    /// Lets the timeline act further, later than the clock: so that copies of a world go different ways. Acts of one instant happen in this
    /// order, behind those that were there. The world is then as if it had been built with them, as long as its wires are: an act may
    /// not make a packet arrive sooner than [`WireSpec::min_delay`] says.
    ///
    /// # Errors
    /// When an act names an entity that is not there, or is not later than the clock; then nothing has changed.
    pub fn extend_timeline(&mut self, mut acts: Vec<(SimTime, EntityId, E::Action)>) -> Result<(), BuildError> {
        acts.sort_by_key(|(at, ..)| *at);
        for (at, id, _) in &acts {
            let Some(path) = self.paths.get(id.0 as usize) else {
                return Err(BuildError::NoSuchEntity(format!("timeline at {at}")));
            };
            if *at <= self.now {
                return Err(BuildError::ActInThePast(path.to_string()));
            }
        }
        for (at, id, action) in acts {
            let here = |slots: &[Slot]| slots.binary_search_by_key(&id, |slot| slot.id).ok();
            let found = self.partitions.iter_mut().find_map(|partition| Some((here(&partition.slots)?, partition)));
            // Every path is of an entity in some partition.
            if let Some((local, partition)) = found {
                partition.push_act(Act { at, local: local as u32, action });
            }
        }
        Ok(())
    }

    /// The clock: the instant up to which everything has been handled.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// Packets whose loss on the way is decided, and which have not left their senders yet.
    pub fn losses_to_come(&self) -> u64 {
        let wires = self.partitions.iter().flat_map(|partition| &partition.core.wires);
        wires.map(|wire| wire.losses_to_come(self.now)).sum()
    }

    /// How many partitions, and so threads, the world was built for.
    pub fn partitioned(&self) -> usize {
        self.partitions.len()
    }

    /// What has been done so far.
    pub fn counts(&self) -> Counts {
        self.partitions.iter().fold(Counts::default(), |sum, partition| Counts {
            events: sum.events + partition.events,
            deliveries: sum.deliveries + partition.deliveries,
        })
    }

    /// All entities with their paths, in order of rank.
    pub fn entities(&self) -> impl Iterator<Item = (&str, &E)> {
        let mut all: Vec<_> = self
            .partitions
            .iter()
            .flat_map(|partition| partition.slots.iter().zip(&partition.entities))
            .map(|(slot, entity)| (slot.id, &*slot.path, entity))
            .collect();
        all.sort_by_key(|(id, ..)| *id);
        all.into_iter().map(|(_, path, entity)| (path, entity))
    }

    /// The paths of all entities, in order of rank.
    pub fn paths(&self) -> &Arc<[Arc<str>]> {
        &self.paths
    }

    /// The path of an entity.
    pub fn path(&self, entity: EntityId) -> &str {
        &self.paths[entity.0 as usize]
    }

    /// All wires, by [`WireId`].
    pub fn wires(&self) -> &[WireSpec] {
        &self.wires
    }

    /// Packets that were sent on `wire` and will arrive, but have not yet.
    pub fn in_flight(&self, wire: WireId) -> impl Iterator<Item = &InFlight<E::Packet>> {
        // Packets with higher numbers may still be in the sender's partition, lower ones in the receiver's.
        let rings = self.partitions.iter().map(move |partition| &partition.core.wires[wire.0 as usize]);
        let mut all: Vec<_> = rings.flat_map(Wire::in_flight).collect();
        all.sort_by_key(|flying| flying.number);
        all.into_iter()
    }

    /// The digest of every entity, by path.
    pub fn entity_digests(&self) -> Vec<(Arc<str>, Digest)> {
        let mut all: Vec<_> = self
            .partitions
            .iter()
            .flat_map(|partition| &partition.slots)
            .map(|slot| (slot.path.clone(), slot.digest))
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// The digest of every wire, by path.
    pub fn wire_digests(&self) -> Vec<(Arc<str>, Digest)> {
        let digest = |index: usize| {
            let mut whole = Digest::START;
            // Changes are kept by the sender's partition, traffic by the receiver's; elsewhere both
            // are as at the start.
            for chains in [0, 1] {
                let part = |partition: &Partition<E>| {
                    let (changes, traffic) = partition.core.wires[index].chains();
                    if chains == 0 { changes } else { traffic }
                };
                let kept = self.partitions.iter().map(part).find(|chain| *chain != Digest::START);
                whole.mix(kept.unwrap_or_default().value());
            }
            let losses = |partition: &Partition<E>| partition.core.wires[index].losses();
            let mut losses = self.partitions.iter().filter_map(losses).peekable();
            if losses.peek().is_some() {
                whole.mix(losses.find(|chain| *chain != Digest::START).unwrap_or_default().value());
            }
            whole
        };
        self.wires.iter().enumerate().map(|(index, spec)| (spec.path.clone(), digest(index))).collect()
    }

    /// Starts to keep a log of every event, for the comparison of two runs.
    pub fn keep_log(&mut self) {
        for partition in &mut self.partitions {
            partition.log.get_or_insert_default();
        }
    }

    /// What has been logged since the last call.
    pub fn take_log(&mut self) -> Vec<Happening> {
        self.partitions.iter_mut().filter_map(|partition| partition.log.as_mut()).flat_map(std::mem::take).collect()
    }
}
