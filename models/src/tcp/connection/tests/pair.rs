//! Two ends, the path between them and a clock.

use super::path::{Flight, Path};
use crate::rope::Rope;
use protosim_core::{LocalTime, Span};
use std::net::Ipv4Addr;

/// The port that end 1 listens on.
pub(super) const PORT: u16 = 80;

/// The address of an end.
pub(super) fn address(index: usize) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, index as u8 + 1)
}

/// A TCP and its application.
pub(super) trait End {
    /// A packet arrives.
    fn deliver(&mut self, bytes: Vec<u8>, now: LocalTime);
    /// Does what was to be done by now.
    fn expire(&mut self, now: LocalTime);
    /// Writes and reads what can be, until nothing more happens at this instant; gives what is to be sent.
    fn settle(&mut self, now: LocalTime) -> Vec<Vec<u8>>;
    /// When something is to be done next.
    fn deadline(&mut self, now: LocalTime) -> Option<LocalTime>;
    fn is_closed(&self) -> bool;
    /// Panics unless all bytes of the other end have come, and the connection was closed by both.
    fn check(&self, expected: u64, now: LocalTime);
}

/// What the application of an end has written and read. Every byte follows from the index of the end that sends it, and its place.
#[derive(Debug)]
pub(super) struct Exchange {
    index: usize,
    to_write: u64,
    pub(super) written: u64,
    pub(super) read: u64,
    /// At most so much is read at once.
    pub(super) read_step: u64,
    pub(super) is_finished: bool,
    /// It does not finish: the connection stays, idle.
    pub(super) keeps_open: bool,
}

impl Exchange {
    pub(super) fn new(index: usize, to_write: u64, read_step: u64) -> Self {
        Self { index, to_write, written: 0, read: 0, read_step, is_finished: false, keeps_open: false }
    }

    /// What is to be written next, at most so much.
    pub(super) fn unwritten(&self, most: u64) -> Rope {
        Rope::fill(self.index as u32, self.written, most.min(self.to_write - self.written))
    }

    pub(super) fn has_written_all(&self) -> bool {
        self.written == self.to_write
    }

    pub(super) fn wants_to_finish(&self) -> bool {
        self.has_written_all() && !self.is_finished && !self.keeps_open
    }

    /// Takes what was read, which must be what the other end has written.
    pub(super) fn take(&mut self, data: &[u8]) {
        let expected = Rope::fill(1 - self.index as u32, self.read, data.len() as u64);
        assert!(data == &expected.to_bytes()[..], "end {}: {} bytes from {} on", self.index, data.len(), self.read);
        self.read += data.len() as u64;
    }
}

/// End 0 connects to end 1.
pub(super) struct Pair<C, S> {
    pub(super) client: C,
    pub(super) server: S,
    flight: Flight,
    now: LocalTime,
}

impl<C: End, S: End> Pair<C, S> {
    pub(super) fn new(seed: u64, path: Path, client: C, server: S) -> Self {
        Self { client, server, flight: Flight::new(seed, path), now: LocalTime::ZERO }
    }

    fn end(&mut self, index: usize) -> &mut dyn End {
        if index == 0 { &mut self.client } else { &mut self.server }
    }

    fn settle(&mut self) {
        for index in 0..2 {
            let now = self.now;
            for bytes in self.end(index).settle(now) {
                self.flight.send(index, bytes, now);
            }
        }
    }

    /// Runs until both ends are closed or nothing is left to happen, or for as long as that.
    pub(super) fn run(&mut self, limit: Span) {
        self.settle();
        loop {
            let now = self.now;
            let timers = [self.client.deadline(now), self.server.deadline(now)];
            let Some(next) = timers.into_iter().flatten().chain(self.flight.next_at()).min() else { return };
            assert!(next >= now, "time does not go back");
            self.now = next;
            if next > LocalTime::ZERO.saturating_add(limit) || (self.client.is_closed() && self.server.is_closed()) {
                return;
            }
            while let Some((to, bytes)) = self.flight.arrived(next) {
                self.end(to).deliver(bytes, next);
            }
            self.client.expire(next);
            self.server.expire(next);
            self.settle();
        }
    }

    /// Panics unless each end has all that the other was to write, and both are closed.
    pub(super) fn check(&self, bytes: [u64; 2]) {
        self.client.check(bytes[1], self.now);
        self.server.check(bytes[0], self.now);
    }
}
