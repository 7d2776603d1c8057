//! One run on several threads: the windows of a conservative run, and where the threads meet.
//!
//! No partition gets ahead of another by more than the shortest delay between them, so no packet can come
//! too late. At a window's end packets are handed over, limits are added up, and the next window is agreed on.

use super::board::{Board, BreakOnPanic, Post};
use super::entity::Entity;
use super::limits::RunError;
use super::partition::Partition;
use super::report::Outbox;
use super::wire::{InFlight, Wire, WireId};
use crate::digest::Fingerprint;
use crate::time::{SimTime, Span};
use std::sync::{Mutex, PoisonError};

/// Packets on their way from one partition to another, with their wires. In cache lines of its own, since each is written by another thread.
#[repr(align(128))]
struct Mailbox<P>(Mutex<Vec<(WireId, InFlight<P>)>>);

/// Where the threads of one run meet.
pub(super) struct Meeting<P: Fingerprint> {
    board: Board,
    /// By sender times the number of partitions plus receiver; for odd and even meetings, as who is ahead may write for the next one.
    mail: [Vec<Mailbox<P>>; 2],
    failures: Mutex<Vec<RunError>>,
    count: usize,
    lookahead: Span,
    end: SimTime,
}

impl<P: Fingerprint + Send> Meeting<P> {
    /// A run up to `end` of `count` partitions with at least `lookahead` between them.
    pub(super) fn new(count: usize, lookahead: Span, end: SimTime) -> Self {
        let boxes = || (0..count * count).map(|_| Mailbox(Mutex::default())).collect();
        Self { board: Board::new(count), mail: [boxes(), boxes()], failures: Mutex::default(), count, lookahead, end }
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

    /// One thread's part: at each meeting it takes over packets, hears how far all are, and runs the next window.
    fn attend<E: Entity<Packet = P>>(&self, index: usize, partition: &mut Partition<E>, sink: &mut Outbox<E::Report>) {
        let _guard = BreakOnPanic(&self.board);
        let mut post = Post { horizon: horizon(partition).as_nanos(), events: partition.handled(), ..Post::default() };
        for meeting in 1.. {
            self.board.post(index, meeting, post);
            if self.board.wait(meeting).is_err() {
                return;
            }
            self.collect(index, meeting, partition, sink);
            if meeting > 1 && self.must_stop(index, meeting, partition) {
                return;
            }
            let earliest = self.board.posts(meeting).map(|post| post.horizon).min().unwrap_or(u64::MAX);
            let start = SimTime::from_nanos(earliest);
            if start >= self.end {
                return;
            }
            let window_end = start.saturating_add(self.lookahead).min(self.end);
            let before = partition.handled();
            let result = partition.run_before(window_end, sink);
            post.has_failed = result.is_err();
            if let Err(failure) = result {
                self.failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
            }
            post.events = partition.handled();
            post.latest_events = partition.handled() - before;
            post.memory = partition.core.memory::<E>();
            let next_arrival = self.hand_over(index, meeting + 1, partition, window_end);
            post.has_mail = next_arrival.is_some();
            post.horizon = horizon(partition).min(next_arrival.unwrap_or(SimTime::MAX)).as_nanos();
        }
    }

    /// Whether the last window has ended the run. Every post of it is known: so all threads come to the same answer and leave together.
    fn must_stop<E: Entity<Packet = P>>(&self, index: usize, meeting: u64, partition: &Partition<E>) -> bool {
        let (mut events, mut memory, mut has_failed) = (0_u64, 0_u64, false);
        // Of those that did the most in the window the first is named: memory is held by the receiver, but it
        // is the sender that asks for it.
        let (mut most, mut named) = (0, 0);
        for (thread, post) in self.board.posts(meeting).enumerate() {
            events += post.events;
            memory += post.memory;
            has_failed |= post.has_failed;
            if post.latest_events > most {
                (most, named) = (post.latest_events, thread);
            }
        }
        let limits = &partition.core.limits;
        let (events, memory) = (events >= limits.events, memory > limits.memory.as_bytes());
        if named == index && (events || memory) {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            failures.extend(events.then(|| partition.too_many_events()));
            failures.extend(memory.then(|| partition.too_much_memory()));
        }
        events || memory || has_failed
    }

    /// Hands packets that have left before `end` over at the next meeting. Says when the first of them arrives, which is at the last instant if
    /// all of them are lost; `None` if there are none.
    fn hand_over<E: Entity<Packet = P>>(
        &self,
        index: usize,
        meeting: u64,
        partition: &mut Partition<E>,
        end: SimTime,
    ) -> Option<SimTime> {
        let mut earliest = None;
        for id in &partition.away {
            let wire = &mut partition.core.wires[id.0 as usize];
            let Some(to) = wire.leads_to else { continue };
            if wire.next_departure().is_none_or(|departure| departure >= end) {
                continue;
            }
            let mailbox = &self.mail[(meeting % 2) as usize][index * self.count + to as usize];
            let mut mailbox = mailbox.0.lock().unwrap_or_else(PoisonError::into_inner);
            while let Some(flying) = wire.depart(end) {
                partition.core.in_flight -= 1;
                let arrives = flying.arrives().unwrap_or(SimTime::MAX);
                earliest = Some(earliest.map_or(arrives, |known: SimTime| known.min(arrives)));
                mailbox.push((*id, flying));
            }
        }
        earliest
    }

    fn collect<E: Entity<Packet = P>>(
        &self,
        index: usize,
        meeting: u64,
        partition: &mut Partition<E>,
        sink: &mut Outbox<E::Report>,
    ) {
        let senders = self.board.posts(meeting).enumerate().filter(|(from, post)| *from != index && post.has_mail);
        for (from, _) in senders {
            let mailbox = &self.mail[(meeting % 2) as usize][from * self.count + index];
            let mut mailbox = mailbox.0.lock().unwrap_or_else(PoisonError::into_inner);
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
