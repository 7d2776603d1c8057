//! Who gets the messages of a queue.

use crate::amqp::v091::wire::{Fault, ReplyCode};
use std::collections::VecDeque;

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

/// The consumers of a queue, in the order in which they get messages.
#[derive(Clone, Debug, Default)]
pub(super) struct Consumers {
    /// Each with how many messages it has and has not acknowledged.
    line: VecDeque<(Consumer, u32)>,
}

impl Consumers {
    /// # Errors
    /// 403 where the new one, or the one that is there, shall be the only one (§1.8.3.3).
    pub(super) fn add(&mut self, consumer: Consumer) -> Result<(), Fault> {
        let is_taken =
            self.line.iter().any(|(there, _)| there.exclusive) || consumer.exclusive && !self.line.is_empty();
        if is_taken {
            return Err(Fault::new(
                ReplyCode::AccessRefused,
                "§1.8.3.3",
                "a consumer has, or wants, the queue for itself",
            ));
        }
        self.line.push_back((consumer, 0));
        Ok(())
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, id: ConsumerId) -> bool {
        let before = self.line.len();
        self.line.retain(|(consumer, _)| consumer.id != id);
        self.line.len() < before
    }

    /// The first one in the line that can take a message; it goes to the end of the line, and has one more.
    pub(super) fn next(&mut self, mut has_room: impl FnMut(&Consumer) -> bool) -> Option<Consumer> {
        let at = self.line.iter().position(|(consumer, unacked)| {
            let is_below = consumer.prefetch == 0 || *unacked < u32::from(consumer.prefetch);
            (consumer.no_ack || is_below) && has_room(consumer)
        })?;
        let (consumer, unacked) = self.line.remove(at)?;
        self.line.push_back((consumer, unacked + u32::from(!consumer.no_ack)));
        Some(consumer)
    }

    /// It has one less.
    pub(super) fn settle(&mut self, id: ConsumerId) {
        if let Some((_, unacked)) = self.line.iter_mut().find(|(consumer, _)| consumer.id == id) {
            *unacked = unacked.saturating_sub(1);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.line.len()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = ConsumerId> {
        self.line.iter().map(|(consumer, _)| consumer.id)
    }
}
