//! From a message to its queues, and out of them otherwise than acknowledged.

use super::queue::{Cause, Left, Message, Published};
use super::{AmqpBroker, Entry, MESSAGE};
use crate::amqp::v091::wire::{ShortStr, Table};
use crate::app::Host;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// What has become of a message.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::amqp) struct Put {
    /// The write that will have it.
    pub(in crate::amqp) needs: u64,
    /// A queue has refused it, or there is no memory.
    pub(in crate::amqp) is_refused: bool,
}

impl AmqpBroker {
    /// A message goes into its queues.
    pub(in crate::amqp) fn put_all(
        &mut self,
        queues: BTreeSet<ShortStr>,
        message: Message,
        host: &mut dyn Host,
    ) -> Put {
        let message = Arc::new(message);
        let mut all = Put::default();
        for queue in queues {
            let put = self.put(&queue, &message, host);
            all = Put { needs: all.needs.max(put.needs), is_refused: all.is_refused || put.is_refused };
        }
        all
    }

    /// One copy for one queue.
    fn put(&mut self, name: &ShortStr, message: &Arc<Message>, host: &mut dyn Host) -> Put {
        let (put, left) = self.try_put(name, message, host);
        if let Some(left) = left {
            self.leave(name, left, host);
        }
        put
    }

    /// The same, with what is to leave because there is no room for it.
    fn try_put(&mut self, name: &ShortStr, message: &Arc<Message>, host: &mut dyn Host) -> (Put, Option<Left>) {
        const REFUSED: Put = Put { needs: 0, is_refused: true };
        let bytes = MESSAGE + message.memory();
        let Some(stored) = self.store.queues.get_mut(name) else { return (Put::default(), None) };
        if host.reserve(bytes).is_err() {
            self.counts.refused_memory += 1;
            return (REFUSED, None);
        }
        match stored.queue.publish(Arc::clone(message), host.now()) {
            Published::Taken(position) => {
                stored.memory += bytes;
                self.held += bytes;
                self.counts.queued += 1;
                self.dirty.insert(name.clone());
                (Put { needs: self.changed_message(name, message, position), is_refused: false }, None)
            }
            Published::Refused(left) => {
                host.release(bytes);
                self.counts.refused_messages += 1;
                (REFUSED, left)
            }
        }
    }

    /// A message has come into a queue, or left it: the write that will have it; 0 if it is not on disc.
    pub(super) fn changed_message(&mut self, name: &ShortStr, message: &Message, position: u64) -> u64 {
        if !self.writes() || !message.properties().is_persistent() || !self.store.is_durable(name) {
            return 0;
        }
        let Some(stored) = self.store.queues.get(name) else { return 0 };
        let priority = stored.queue.priority_of(message);
        self.changed(Entry::Message(name.clone(), priority, position))
    }

    /// A message has left its queue otherwise than acknowledged: it is a dead letter, where the queue has them (RabbitMQ). So is what the queues of dead letters refuse, one after the other.
    pub(super) fn leave(&mut self, name: &ShortStr, left: Left, host: &mut dyn Host) {
        let mut leaving = VecDeque::from([(name.clone(), left)]);
        while let Some((name, left)) = leaving.pop_front() {
            match left.cause {
                Cause::Expired => self.counts.expired += 1,
                Cause::MaxLength => self.counts.dropped += 1,
                Cause::Rejected => self.counts.rejected += 1,
            }
            if let Some(position) = left.position {
                self.changed_message(&name, &left.message, position);
            }
            let Some(stored) = self.store.queues.get(&name) else { continue };
            let Some(letter) = stored.queue.dead_letter(&left, host.now()) else { continue };
            self.counts.dead_letters += 1;
            let none = Table::new();
            let headers = letter.message.properties().headers.as_ref().unwrap_or(&none);
            let queues = self.store.router.route(&letter.exchange, letter.message.routing_key(), headers);
            let message = Arc::new(letter.message);
            for queue in queues {
                if message.is_cycle(&queue) {
                    continue;
                }
                if let (_, Some(left)) = self.try_put(&queue, &message, host) {
                    leaving.push_back((queue, left));
                }
            }
        }
    }
}
