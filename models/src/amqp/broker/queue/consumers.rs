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
    all: BTreeMap<ConsumerId, Turn>,
    /// Those below their limit, by their turns.
    line: BTreeMap<u64, Consumer>,
    /// The last turn that was given.
    last: u64,
}

/// Where a consumer stands.
#[derive(Clone, Copy, Debug)]
struct Turn {
    consumer: Consumer,
    /// Who has less gets a message before.
    number: u64,
    /// How many messages it has and has not acknowledged.
    unacked: u32,
}

impl Turn {
    fn is_full(&self) -> bool {
        let Consumer { no_ack, prefetch, .. } = self.consumer;
        !no_ack && prefetch > 0 && self.unacked >= u32::from(prefetch)
    }
}

impl Consumers {
    /// # Errors
    /// 403 where the new one, or the one that is there, shall be the only one (§1.8.3.3).
    pub(super) fn add(&mut self, consumer: Consumer) -> Result<(), Fault> {
        // Who is the only one is alone.
        let is_taken =
            self.all.first_key_value().is_some_and(|(_, there)| there.consumer.exclusive || consumer.exclusive);
        if is_taken {
            return Err(Fault::new(
                ReplyCode::AccessRefused,
                "§1.8.3.3",
                "a consumer has, or wants, the queue for itself",
            ));
        }
        self.last += 1;
        self.all.insert(consumer.id, Turn { consumer, number: self.last, unacked: 0 });
        self.line.insert(self.last, consumer);
        Ok(())
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, id: ConsumerId) -> bool {
        let Some(turn) = self.all.remove(&id) else { return false };
        self.line.remove(&turn.number);
        true
    }

    /// The first one in the line that can take a message; it goes to the end of the line, and has one more.
    pub(super) fn next(&mut self, mut has_room: impl FnMut(&Consumer) -> bool) -> Option<Consumer> {
        let (number, consumer) = self.line.iter().find(|(_, consumer)| has_room(consumer))?;
        let (number, consumer) = (*number, *consumer);
        self.line.remove(&number);
        let turn = self.all.get_mut(&consumer.id)?;
        self.last += 1;
        turn.number = self.last;
        turn.unacked += u32::from(!consumer.no_ack);
        if !turn.is_full() {
            self.line.insert(turn.number, consumer);
        }
        Some(consumer)
    }

    /// It has one less. One that was at its limit is in the line again where it was.
    pub(super) fn settle(&mut self, id: ConsumerId) {
        let Some(turn) = self.all.get_mut(&id) else { return };
        turn.unacked = turn.unacked.saturating_sub(1);
        if !turn.is_full() {
            self.line.insert(turn.number, turn.consumer);
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
