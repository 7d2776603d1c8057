//! Exchanges, queues and bindings that come and go.

use super::AmqpBroker;
use super::exchange::Destination;
use super::memory::QUEUE;
use super::queue::{Queue, QueueOptions};
use super::store::{Entry, Stored};
use crate::amqp::v091::wire::{Fault, ReplyCode, ShortStr, Table};
use crate::app::{Host, StreamId};
use std::collections::BTreeSet;

pub(in crate::amqp) const NO_QUEUE: Fault = Fault::new(ReplyCode::NotFound, "§1.7.2", "there is no such queue");

impl AmqpBroker {
    /// An exchange, or a binding from it, has changed: the write that will have it; 0 if it is not on disc.
    pub(in crate::amqp) fn changed_exchange(&mut self, name: &ShortStr, was_durable: bool) -> u64 {
        match was_durable || self.store.is_durable_exchange(name) {
            true => self.changed(Entry::Exchange(name.clone())),
            false => 0,
        }
    }

    /// Exchanges are gone, with all their bindings. All may have been durable.
    pub(in crate::amqp) fn exchanges_gone(&mut self, gone: Vec<ShortStr>) -> u64 {
        gone.into_iter().map(|name| self.changed(Entry::Exchange(name))).max().unwrap_or(0)
    }

    pub(in crate::amqp) fn bind(
        &mut self,
        from: &ShortStr,
        to: Destination,
        key: &ShortStr,
        arguments: &Table,
    ) -> Result<u64, Fault> {
        let is_new = self.store.router.bind(from, to, key, arguments)?;
        Ok(if is_new { self.changed_exchange(from, false) } else { 0 })
    }

    pub(in crate::amqp) fn unbind(
        &mut self,
        from: &ShortStr,
        to: Destination,
        key: &ShortStr,
        arguments: &Table,
    ) -> Result<u64, Fault> {
        let was_durable = self.store.is_durable_exchange(from);
        let gone = self.store.router.unbind(from, to, key, arguments)?;
        Ok(self.exchanges_gone(gone).max(self.changed_exchange(from, was_durable)))
    }

    /// A name that nobody has.
    pub(in crate::amqp) fn new_name(&mut self, kind: &str) -> ShortStr {
        self.given.name += 1;
        ShortStr::cut(&format!("{kind}-{:016x}", self.given.name))
    }

    pub(in crate::amqp) fn make_queue(
        &mut self,
        stream: StreamId,
        name: &ShortStr,
        options: QueueOptions,
        host: &mut dyn Host,
    ) -> Result<u64, Fault> {
        if host.reserve(QUEUE).is_err() {
            self.counts.refused_memory += 1;
            return Err(Fault::new(ReplyCode::ResourceError, "§1.2", "there is no memory for a queue"));
        }
        self.held += QUEUE;
        self.given.queue += 1;
        if options.exclusive
            && let Some(connection) = self.connections.get_mut(&stream)
        {
            connection.exclusive.insert(name.clone());
        }
        let queue = Queue::new(name.clone(), options, self.connection_id(stream), host.now())
            .starting_at(self.given.queue << 40);
        self.store.queues.insert(name.clone(), Stored { queue, deadline: None, memory: QUEUE });
        self.store.router.add_queue(name);
        Ok(if self.store.is_durable(name) { self.changed(Entry::Queue(name.clone())) } else { 0 })
    }

    /// All that is ready goes.
    pub(in crate::amqp) fn purge(&mut self, name: &ShortStr, host: &mut dyn Host) -> (u32, u64) {
        let needs = self.changed_messages(name);
        let Some(stored) = self.store.queues.get_mut(name) else { return (0, 0) };
        let count = stored.queue.purge();
        self.settle_memory(name, host);
        (u32::try_from(count).unwrap_or(u32::MAX), needs)
    }

    /// All messages of a queue that is on disc may change.
    fn changed_messages(&mut self, name: &ShortStr) -> u64 {
        if !self.writes() || !self.store.is_durable(name) {
            return 0;
        }
        let Some(stored) = self.store.queues.get(name) else { return 0 };
        let entry = |(priority, position)| self.disc.change(&Entry::Message(name.clone(), priority, position));
        stored.queue.positions().map(entry).max().unwrap_or(0)
    }

    /// A queue goes, with its messages, bindings and consumers, which are told where they can hear it (RabbitMQ). How many messages were ready, and the write
    /// that will have it.
    pub(in crate::amqp) fn delete_queue(&mut self, name: &ShortStr, host: &mut dyn Host) -> (u32, u64) {
        let mut needs = self.changed_messages(name);
        if self.store.is_durable(name) {
            needs = needs.max(self.changed(Entry::Queue(name.clone())));
        }
        let sources: Vec<_> = self.store.router.sources(&Destination::Queue(name.clone())).cloned().collect();
        let Some(stored) = self.store.queues.remove(name) else { return (0, 0) };
        for source in sources {
            self.changed_exchange(&source, false);
        }
        let gone = self.store.router.remove_queue(name);
        self.exchanges_gone(gone);
        self.held -= stored.memory;
        host.release(stored.memory);
        if let Some(at) = stored.deadline {
            self.due.remove(&(at, name.clone()));
        }
        self.dirty.remove(name);
        self.waiting_links.remove(name);
        for id in stored.queue.consumers().collect::<BTreeSet<_>>() {
            self.cancel_by_queue(id, host);
        }
        for connection in self.connections.values_mut() {
            connection.exclusive.remove(name);
        }
        (u32::try_from(stored.queue.ready()).unwrap_or(u32::MAX), needs)
    }
}
