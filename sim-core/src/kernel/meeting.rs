//! One run on several threads: the windows of a conservative run, and where the threads meet.
//!
//! No partition gets ahead of another by more than the shortest delay between them, so no packet can come
//! too late. At a window's end packets are handed over, limits are added up, and the next window is agreed on.

use super::barrier::{Barrier, BreakOnPanic};
use super::entity::Entity;
use super::limits::RunError;
use super::partition::Partition;
use super::report::Outbox;
use super::wire::{InFlight, Wire, WireId};
use crate::digest::Fingerprint;
use crate::time::{SimTime, Span};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Packets on their way from one partition to another, with their wires.
type Mailbox<P> = Mutex<Vec<(WireId, InFlight<P>)>>;

/// What a partition has used of the limits that hold for all of them together.
#[derive(Default)]
struct Load {
    events: AtomicU64,
    /// Those of the last window alone.
    latest_events: AtomicU64,
    memory: AtomicU64,
}

/// Where the threads of one run meet.
pub(super) struct Meeting<P: Fingerprint> {
    barrier: Barrier,
    /// The earliest instant at which each partition can do something.
    horizons: Vec<AtomicU64>,
    loads: Vec<Load>,
    /// By sender times the number of partitions plus receiver.
    mail: Vec<Mailbox<P>>,
    failures: Mutex<Vec<RunError>>,
    lookahead: Span,
    end: SimTime,
}

impl<P: Fingerprint + Send> Meeting<P> {
    /// A run up to `end` of `count` partitions with at least `lookahead` between them.
    pub(super) fn new(count: usize, lookahead: Span, end: SimTime) -> Self {
        Self {
            barrier: Barrier::new(count),
            horizons: (0..count).map(|_| AtomicU64::new(0)).collect(),
            loads: (0..count).map(|_| Load::default()).collect(),
            mail: (0..count * count).map(|_| Mutex::default()).collect(),
            failures: Mutex::default(),
            lookahead,
            end,
        }
    }

    /// Runs every partition in a thread of its own, to the end or to the first failure.
    pub(super) fn hold<E: Entity<Packet = P>>(
        self,
        partitions: &mut [Partition<E>],
        sinks: &mut [Outbox<E::Report>],
    ) -> Result<(), RunError> {
        let panicked = std::thread::scope(|scope| {
            let attend = |(index, (partition, sink))| {
                let meeting = &self;
                // Deterministic in spite of threads: what they exchange does not depend on their speed.
                scope.spawn(move || meeting.attend(index, partition, sink))
            };
            let threads: Vec<_> = partitions.iter_mut().zip(sinks).enumerate().map(attend).collect();
            let ends: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
            ends.into_iter().find_map(Result::err)
        });
        if let Some(words) = panicked {
            std::panic::resume_unwind(words);
        }
        earliest(self.failures.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// One thread's part.
    fn attend<E: Entity<Packet = P>>(&self, index: usize, partition: &mut Partition<E>, sink: &mut Outbox<E::Report>) {
        let _guard = BreakOnPanic(&self.barrier);
        loop {
            self.collect(index, partition, sink);
            self.horizons[index].store(horizon(partition).as_nanos(), Ordering::Release);
            if self.barrier.wait().is_err() {
                return;
            }
            let earliest = self.horizons.iter().map(|at| at.load(Ordering::Acquire)).min().unwrap_or(u64::MAX);
            let start = SimTime::from_nanos(earliest);
            if start >= self.end {
                return;
            }
            let window_end = start.saturating_add(self.lookahead).min(self.end);
            let before = partition.handled();
            if let Err(failure) = partition.run_before(window_end, sink) {
                self.failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
            }
            let load = &self.loads[index];
            load.events.store(partition.handled(), Ordering::Relaxed);
            load.latest_events.store(partition.handled() - before, Ordering::Relaxed);
            load.memory.store(partition.core.memory::<E>(), Ordering::Relaxed);
            self.hand_over(index, partition, window_end);
            if self.barrier.wait().is_err() {
                return;
            }
            if self.must_stop(index, partition) {
                self.collect(index, partition, sink);
                return;
            }
        }
    }

    /// Asked between a window's end and the next meeting, when every failure of the window is known: so all
    /// threads come to the same answer and leave together.
    fn must_stop<E: Entity<Packet = P>>(&self, index: usize, partition: &Partition<E>) -> bool {
        let sum =
            |part: fn(&Load) -> &AtomicU64| self.loads.iter().map(|l| part(l).load(Ordering::Relaxed)).sum::<u64>();
        // Of those that did the most in the window the first is named: memory is held by the receiver, but it
        // is the sender that asks for it.
        let work = |(index, load): &(usize, &Load)| (load.latest_events.load(Ordering::Relaxed), usize::MAX - index);
        let named = self.loads.iter().enumerate().max_by_key(work).is_some_and(|(most, _)| most == index);
        let limits = &partition.core.limits;
        let events = sum(|load| &load.events) >= limits.events;
        let memory = sum(|load| &load.memory) > limits.memory.as_bytes();
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if events && named {
            failures.push(partition.too_many_events());
        }
        if memory && named {
            failures.push(partition.too_much_memory());
        }
        events || memory || !failures.is_empty()
    }

    fn hand_over<E: Entity<Packet = P>>(&self, index: usize, partition: &mut Partition<E>, end: SimTime) {
        for id in &partition.away {
            let wire = &mut partition.core.wires[id.0 as usize];
            let Some(to) = wire.leads_to else { continue };
            if wire.next_departure().is_none_or(|departure| departure >= end) {
                continue;
            }
            let mailbox = &self.mail[index * self.horizons.len() + to as usize];
            let mut mailbox = mailbox.lock().unwrap_or_else(PoisonError::into_inner);
            while let Some(flying) = wire.depart(end) {
                partition.core.in_flight -= 1;
                mailbox.push((*id, flying));
            }
        }
    }

    fn collect<E: Entity<Packet = P>>(&self, index: usize, partition: &mut Partition<E>, sink: &mut Outbox<E::Report>) {
        let count = self.horizons.len();
        for from in 0..count {
            let mut mailbox = self.mail[from * count + index].lock().unwrap_or_else(PoisonError::into_inner);
            for (wire, flying) in mailbox.drain(..) {
                partition.accept(wire, flying, sink);
            }
        }
    }
}

/// The failure that one thread would have met.
pub(super) fn earliest(failures: Vec<RunError>) -> Result<(), RunError> {
    failures.into_iter().min_by_key(|failure| failure.busy().clone()).map_or(Ok(()), Err)
}

/// The earliest instant at which a partition can do something: an event, or the departure of a packet to
/// another partition. Counting departures keeps every packet that has not left yet behind the window's
/// start, so that it arrives after the window's end.
fn horizon<E: Entity>(partition: &mut Partition<E>) -> SimTime {
    let event = partition.next_event().unwrap_or(SimTime::MAX);
    let away = partition.away.iter().map(|id| &partition.core.wires[id.0 as usize]);
    away.filter_map(Wire::next_departure).min().map_or(event, |departure| departure.min(event))
}
