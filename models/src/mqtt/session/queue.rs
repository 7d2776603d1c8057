//! Messages that wait, within limits.

use super::{Limits, Message};
use crate::messaging::fifo::Fifo;
use crate::mqtt::wire::QoS;
use protosim_core::LocalTime;

/// What happens to a message for which there is no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Overflow {
    /// It is dropped, and nobody is told: its publisher has been, or will be, answered as if it were not.
    #[default]
    DropNewest,
    /// The oldest that wait are dropped.
    DropOldest,
    /// It is refused: its publisher can be told (0x97).
    Refuse,
}

/// What became of a message that was to be queued.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Offered {
    /// It waits, or will be sent at once. In its place these, which were older, are dropped.
    Taken(Vec<Message>),
    /// It is dropped.
    Dropped(Message),
    /// It is refused, and the reason is that a quota is exceeded.
    Refused(Message),
}

/// Messages in the order in which they came, each with its number.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Queue {
    messages: Fifo<(u64, Message)>,
    bytes: u64,
}

impl Queue {
    pub(super) fn offer(&mut self, number: u64, message: Message, limits: &Limits) -> Offered {
        let bytes = message.bytes();
        let mut dropped = Vec::new();
        while self.messages.len() >= limits.max_queued as usize || self.bytes + bytes > limits.max_queued_bytes {
            let oldest = match limits.overflow {
                Overflow::Refuse => return Offered::Refused(message),
                Overflow::DropNewest => return Offered::Dropped(message),
                // What does not fit into an empty queue never will: nothing else is dropped for it.
                Overflow::DropOldest if bytes > limits.max_queued_bytes => return Offered::Dropped(message),
                Overflow::DropOldest => self.pop(),
            };
            match oldest {
                Some(oldest) => dropped.push(oldest),
                None => return Offered::Dropped(message),
            }
        }
        self.bytes += bytes;
        self.messages.push_back((number, message));
        Offered::Taken(dropped)
    }

    pub(super) fn first(&self) -> Option<(u64, &Message)> {
        self.messages.front().map(|(number, message)| (*number, message))
    }

    /// Takes out the first message of QoS 0, wherever it stands.
    pub(super) fn pop_at_most_once(&mut self) -> Option<Message> {
        let at = self.messages.iter().position(|(_, message)| message.qos == QoS::AtMostOnce)?;
        let (_, message) = self.messages.remove(at)?;
        self.bytes -= message.bytes();
        Some(message)
    }

    pub(super) fn pop(&mut self) -> Option<Message> {
        let (_, message) = self.messages.pop_front()?;
        self.bytes -= message.bytes();
        Some(message)
    }

    /// Puts `message` before all others, beyond limits: it has had its place before.
    pub(super) fn push_front(&mut self, message: Message) {
        let number = self.messages.front().map_or(0, |(number, _)| *number);
        self.bytes += message.bytes();
        self.messages.push_front((number, message));
    }

    /// Takes out what is expired, in order.
    pub(super) fn drop_expired(&mut self, now: LocalTime) -> Vec<Message> {
        let mut expired = Vec::new();
        if self.messages.iter().any(|(_, message)| message.is_expired(now)) {
            for (number, message) in std::mem::take(&mut self.messages) {
                match message.is_expired(now) {
                    true => {
                        self.bytes -= message.bytes();
                        expired.push(message);
                    }
                    false => self.messages.push_back((number, message)),
                }
            }
        }
        expired
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    #[cfg(test)]
    pub(super) fn allocated(&self) -> usize {
        self.messages.capacity()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}
