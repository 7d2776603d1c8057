//! Who gets the messages of a queue.

use crate::amqp::v091::wire::{Fault, ReplyCode};
use std::collections::BTreeMap;

/// A consumer, by a number that its server gives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConsumerId(pub u64);

/// What a consumer wants (`basic.consume`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Consumer {
    /// Its number.
    pub id: ConsumerId,
    /// It acknowledges nothing: what is sent to it is done with, and it has no limit.
    pub no_ack: bool,
    /// It is the queue's only one.
    pub exclusive: bool,
    /// How many messages it may have without acknowledgement; 0 for no limit.
    pub prefetch: u16,
}

/// The consumers of a queue, in the order in which they get messages. Queues of work have thousands: none is searched for.
#[derive(Clone, Debug, Default)]
pub(super) struct Consumers {
    all: BTreeMap<ConsumerId, Place>,
    /// Those below their limit, by their turns.
    line: BTreeMap<u64, ConsumerId>,
    /// The last turn that was given.
    last: u64,
}

/// Where a consumer stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Who has a lower one gets a message before.
    turn: u64,
    /// How many messages it has and has not acknowledged.
    unacked: u32,
    prefetch: u16,
    no_ack: bool,
    exclusive: bool,
}

impl Place {
    const fn is_full(&self) -> bool {
        !self.no_ack && self.prefetch > 0 && self.unacked >= self.prefetch as u32
    }

    const fn of(self, id: ConsumerId) -> Consumer {
        Consumer { id, no_ack: self.no_ack, exclusive: self.exclusive, prefetch: self.prefetch }
    }
}

impl Consumers {
    /// # Errors
    /// 403 where the new one, or the one that is there, shall be the only one (§1.8.3.3).
    pub(super) fn add(&mut self, consumer: Consumer) -> Result<(), Fault> {
        let Consumer { id, no_ack, exclusive, prefetch } = consumer;
        // One that is the only one is alone.
        if self.all.first_key_value().is_some_and(|(_, there)| there.exclusive || exclusive) {
            return Err(Fault::new(
                ReplyCode::AccessRefused,
                "§1.8.3.3",
                "a consumer has, or wants, the queue for itself",
            ));
        }
        self.last += 1;
        self.all.insert(id, Place { turn: self.last, unacked: 0, prefetch, no_ack, exclusive });
        self.line.insert(self.last, id);
        Ok(())
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, id: ConsumerId) -> bool {
        let Some(place) = self.all.remove(&id) else { return false };
        self.line.remove(&place.turn);
        true
    }

    /// The first one in the line that can take a message; it goes to the end of the line, and has one more.
    pub(super) fn next(&mut self, mut has_room: impl FnMut(&Consumer) -> bool) -> Option<Consumer> {
        let of = |(turn, id): (&u64, &ConsumerId)| Some((*turn, self.all.get(id)?.of(*id)));
        let (turn, consumer) = self.line.iter().filter_map(of).find(|(_, consumer)| has_room(consumer))?;
        self.line.remove(&turn);
        let place = self.all.get_mut(&consumer.id)?;
        self.last += 1;
        place.turn = self.last;
        place.unacked += u32::from(!consumer.no_ack);
        if !place.is_full() {
            self.line.insert(place.turn, consumer.id);
        }
        Some(consumer)
    }

    /// It has one less. One that was at its limit is in the line again where it was.
    pub(super) fn settle(&mut self, id: ConsumerId) {
        let Some(place) = self.all.get_mut(&id) else { return };
        place.unacked = place.unacked.saturating_sub(1);
        if !place.is_full() {
            self.line.insert(place.turn, id);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// In the order of their numbers.
    pub(super) fn ids(&self) -> impl Iterator<Item = ConsumerId> {
        self.all.keys().copied()
    }
}
