//! Whose turn it is: carrier sense with back-off (IEEE 802.11-2020 §10.3.4).
//!
//! Slots are counted while the air is idle, and only then: from a DIFS behind the end of what was last on it. A station that draws b talks at the beginning of slot n + b, where n
//! is what the count was; so its back-off stands still while others talk. Stations whose slots are one and the same collide.

use protosim_core::{SimTime, Span};
use std::collections::BTreeSet;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Dcf {
    slot: Span,
    /// Where slot `counted` begins.
    base: SimTime,
    counted: u64,
    /// By station: the slot from which on it may talk.
    may_talk: Vec<u64>,
    /// Stations that have something to send, by their slots.
    contenders: BTreeSet<(u64, usize)>,
    contends: Vec<bool>,
}

impl Dcf {
    /// Idle for long.
    pub(super) fn new(stations: usize, slot: Span) -> Self {
        let (may_talk, contends) = (vec![0; stations], vec![false; stations]);
        Self { slot, base: SimTime::ZERO, counted: 0, may_talk, contenders: BTreeSet::new(), contends }
    }

    /// The slot that has begun at `now`, or begins when the air was idle for a DIFS.
    fn at(&self, now: SimTime) -> u64 {
        self.counted + now.saturating_since(self.base).as_nanos() / self.slot.as_nanos()
    }

    fn begins(&self, slot: u64) -> SimTime {
        self.base.saturating_add(self.slot.saturating_mul(slot - self.counted))
    }

    /// A station has something to send. Where it finds the air busy, or idle for less than a DIFS, it draws a back-off unless one is still running; else it
    /// talks at the beginning of the next slot.
    pub(super) fn join(&mut self, station: usize, now: SimTime, is_busy: bool, draw: impl FnOnce() -> u64) {
        if self.contends[station] {
            return;
        }
        let own = &mut self.may_talk[station];
        if is_busy || now < self.base {
            if *own <= self.counted {
                *own = self.counted + draw();
            }
        } else {
            let slot = self.counted + now.saturating_since(self.base).as_nanos() / self.slot.as_nanos();
            *own = (*own).max(slot + 1);
        }
        self.contend(station);
    }

    /// A station goes on, with the back-off that it has.
    pub(super) fn contend(&mut self, station: usize) {
        if !std::mem::replace(&mut self.contends[station], true) {
            self.contenders.insert((self.may_talk[station], station));
        }
    }

    /// A station has nothing to send any more.
    pub(super) fn leave(&mut self, station: usize) {
        if std::mem::take(&mut self.contends[station]) {
            self.contenders.remove(&(self.may_talk[station], station));
        }
    }

    /// A station has drawn a back-off; one that contends does so with that.
    pub(super) fn back_off(&mut self, station: usize, slots: u64) {
        let contends = self.contends[station];
        self.leave(station);
        self.may_talk[station] = self.counted + slots;
        if contends {
            self.contend(station);
        }
    }

    /// When the next station talks, if the air stays idle.
    pub(super) fn next(&self) -> Option<SimTime> {
        self.contenders.first().map(|(slot, _)| self.begins(*slot))
    }

    /// The stations that talk at `now`, in order. They do not contend any more, and slots are not counted until [`Self::idle`].
    pub(super) fn begin(&mut self, now: SimTime) -> Vec<usize> {
        self.stop(now);
        let mut talk = Vec::new();
        while let Some((slot, station)) = self.contenders.first().copied().filter(|(slot, _)| *slot <= self.counted) {
            self.contenders.remove(&(slot, station));
            self.contends[station] = false;
            talk.push(station);
        }
        talk.sort_unstable();
        talk
    }

    /// The air is busy from `now` on; who contends waits.
    pub(super) fn stop(&mut self, now: SimTime) {
        self.counted = self.at(now);
        self.base = SimTime::MAX;
    }

    /// The air is idle for a DIFS at `at`.
    pub(super) fn idle(&mut self, at: SimTime) {
        self.base = at;
    }
}
