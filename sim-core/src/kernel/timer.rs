//! Timers of one entity: named slots whose re-arming costs no event.
//!
//! A timer that is moved later (as a retransmission timer is by every ACK) keeps the event that is
//! pending; when that comes too early it is pushed once more, at the deadline that holds then. Only a
//! move to an earlier time pushes at once, and leaves a stale event behind that is ignored.

use crate::time::SimTime;

/// A timer of one entity: the number of its slot, counted from 0 by the entity. It is the sequence
/// in the event's key, so timers of one entity that are due at one instant fire in order of slots.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TimerId(pub u32);

#[derive(Clone, Debug)]
struct Slot {
    /// When it is due; `MAX` while it is off.
    deadline: SimTime,
    /// The time of the one event in the queue that counts for it; `MAX` if there is none.
    pushed: SimTime,
    tag: u64,
    /// `None` while the slot is free.
    name: Option<&'static str>,
}

/// What became of an event that a timer had pushed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fired {
    /// The timer is due; this is its tag.
    Due(u64),
    /// It has been moved: push again, at this time.
    Later(SimTime),
    /// Nothing awaits this event any more.
    Stale,
}

/// The timers of one entity.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl Timers {
    pub(super) fn add(&mut self, tag: u64, name: &'static str) -> TimerId {
        if let Some(index) = self.free.pop() {
            let slot = &mut self.slots[index as usize];
            (slot.tag, slot.name) = (tag, Some(name));
            return TimerId(index);
        }
        let index = u32::try_from(self.slots.len()).expect("an entity has fewer than 2^32 timers");
        // Most entities have one or two, and a vector that grows by itself takes room for four.
        if index < 2 {
            self.slots.reserve_exact(1);
        }
        self.slots.push(Slot { deadline: SimTime::MAX, pushed: SimTime::MAX, tag, name: Some(name) });
        TimerId(index)
    }

    /// Sets the deadline; true if an event must be pushed for it.
    #[inline]
    pub(super) fn arm(&mut self, timer: TimerId, at: SimTime) -> bool {
        let slot = &mut self.slots[timer.0 as usize];
        slot.deadline = at;
        let push = at < slot.pushed;
        if push {
            slot.pushed = at;
        }
        push
    }

    pub(super) fn disarm(&mut self, timer: TimerId) {
        self.slots[timer.0 as usize].deadline = SimTime::MAX;
    }

    pub(super) fn remove(&mut self, timer: TimerId) {
        self.disarm(timer);
        self.slots[timer.0 as usize].name = None;
        self.free.push(timer.0);
    }

    pub(super) fn deadline(&self, timer: TimerId) -> Option<SimTime> {
        Some(self.slots[timer.0 as usize].deadline).filter(|at| *at != SimTime::MAX)
    }

    /// Its name; `None` if it was never made or has been removed.
    #[inline]
    pub(super) fn rename(&mut self, timer: TimerId, name: &'static str) {
        self.slots[timer.0 as usize].name = Some(name);
    }

    pub(super) fn name(&self, timer: TimerId) -> Option<&'static str> {
        self.slots.get(timer.0 as usize).and_then(|slot| slot.name)
    }

    #[inline]
    pub(super) fn fire(&mut self, timer: TimerId, now: SimTime) -> Fired {
        let slot = &mut self.slots[timer.0 as usize];
        if slot.pushed != now {
            return Fired::Stale;
        }
        slot.pushed = SimTime::MAX;
        if slot.deadline == now {
            slot.deadline = SimTime::MAX;
            return Fired::Due(slot.tag);
        }
        if slot.deadline == SimTime::MAX {
            return Fired::Stale;
        }
        slot.pushed = slot.deadline;
        Fired::Later(slot.deadline)
    }
}
