//! Methods of exchanges and queues (§1.6, §1.7).

use super::AmqpBroker;
use super::memory::QUEUE;
use super::store::{Entry, Stored};
use crate::amqp::v091::exchange::{Destination, ExchangeOptions, check_name};
use crate::amqp::v091::queue::{ConnectionId, Queue, QueueOptions};
use crate::amqp::v091::wire::{Command, Fault, Method, ReplyCode, ShortStr, Table, basic, exchange, queue};
use crate::app::{Host, StreamId};
use std::collections::BTreeSet;

/// A channel of a connection.
pub(super) type At = (StreamId, u16);

pub(super) const NO_QUEUE: Fault = Fault::new(ReplyCode::NotFound, "§1.7.2", "there is no such queue");

impl AmqpBroker {
    pub(super) fn connection_id(&self, stream: StreamId) -> ConnectionId {
        self.connections.get(&stream).map_or(ConnectionId(0), |connection| connection.id)
    }

    /// Answers a method, unless it wants no answer.
    fn answer(&mut self, at: At, needs: u64, no_wait: bool, answer: impl Into<Method>, host: &mut dyn Host) {
        if !no_wait {
            self.push(at.0, needs, &Command::new(at.1, answer), host);
        }
    }

    /// An exchange, or a binding from it, has changed: the write that will have it; 0 if it is not on disc.
    fn changed_exchange(&mut self, name: &ShortStr, was_durable: bool) -> u64 {
        match was_durable || self.store.is_durable_exchange(name) {
            true => self.changed(Entry::Exchange(name.clone())),
            false => 0,
        }
    }

    pub(super) fn on_exchange_method(&mut self, at: At, method: Method, host: &mut dyn Host) -> Result<(), Fault> {
        match method {
            Method::ExchangeDeclare(declare) => {
                let needs = self.declare_exchange(&declare)?;
                self.answer(at, needs, declare.no_wait, exchange::DeclareOk {}, host);
            }
            Method::ExchangeDelete(delete) => {
                let was_durable = self.store.is_durable_exchange(&delete.exchange);
                let gone = self.store.router.delete(&delete.exchange, delete.if_unused)?;
                let needs = self.exchanges_gone(gone).max(self.changed_exchange(&delete.exchange, was_durable));
                self.answer(at, needs, delete.no_wait, exchange::DeleteOk {}, host);
            }
            Method::ExchangeBind(bind) => {
                let to = Destination::Exchange(bind.destination);
                let needs = self.bind(&bind.source, to, &bind.routing_key, &bind.arguments)?;
                self.answer(at, needs, bind.no_wait, exchange::BindOk {}, host);
            }
            Method::ExchangeUnbind(unbind) => {
                let to = Destination::Exchange(unbind.destination);
                let needs = self.unbind(&unbind.source, to, &unbind.routing_key, &unbind.arguments)?;
                self.answer(at, needs, unbind.no_wait, exchange::UnbindOk {}, host);
            }
            _ => return Err(Fault::new(ReplyCode::CommandInvalid, "§1.6", "a method that servers send")),
        }
        Ok(())
    }

    fn declare_exchange(&mut self, declare: &exchange::Declare) -> Result<u64, Fault> {
        if declare.passive {
            self.store.router.check_exchange(&declare.exchange)?;
            return Ok(0);
        }
        let options = ExchangeOptions::from_declare(declare)?;
        let is_new = self.store.router.declare(&declare.exchange, options)?;
        Ok(if is_new { self.changed_exchange(&declare.exchange, false) } else { 0 })
    }

    /// Exchanges are gone, with all their bindings. All may have been durable.
    fn exchanges_gone(&mut self, gone: Vec<ShortStr>) -> u64 {
        gone.into_iter().map(|name| self.changed(Entry::Exchange(name))).max().unwrap_or(0)
    }

    fn bind(&mut self, from: &ShortStr, to: Destination, key: &ShortStr, arguments: &Table) -> Result<u64, Fault> {
        let is_new = self.store.router.bind(from, to, key, arguments)?;
        Ok(if is_new { self.changed_exchange(from, false) } else { 0 })
    }

    fn unbind(&mut self, from: &ShortStr, to: Destination, key: &ShortStr, arguments: &Table) -> Result<u64, Fault> {
        let was_durable = self.store.is_durable_exchange(from);
        let gone = self.store.router.unbind(from, to, key, arguments)?;
        Ok(self.exchanges_gone(gone).max(self.changed_exchange(from, was_durable)))
    }

    /// The queue that a method means: by an empty name the one that was declared last on its channel (§1.7.2.3).
    pub(super) fn meant(&mut self, at: At, name: &ShortStr) -> Result<ShortStr, Fault> {
        let last = self.channel(at.0, at.1).map(|channel| channel.last_queue.clone());
        let meant = if name.is_empty() { last.unwrap_or_default() } else { name.clone() };
        let me = self.connection_id(at.0);
        self.store.queues.get(&meant).ok_or(NO_QUEUE)?.queue.check_owner(me)?;
        Ok(meant)
    }

    pub(super) fn on_queue_method(&mut self, at: At, method: Method, host: &mut dyn Host) -> Result<(), Fault> {
        match method {
            Method::QueueDeclare(declare) => self.on_declare(at, declare, host)?,
            Method::QueueBind(bind) => {
                let to = Destination::Queue(self.meant(at, &bind.queue)?);
                // §1.7.2.3: with neither name, the key is the queue's.
                let key = match (&to, bind.queue.is_empty() && bind.routing_key.is_empty()) {
                    (Destination::Queue(queue), true) => queue.clone(),
                    _ => bind.routing_key,
                };
                let needs = self.bind(&bind.exchange, to, &key, &bind.arguments)?;
                self.answer(at, needs, bind.no_wait, queue::BindOk {}, host);
            }
            Method::QueueUnbind(unbind) => {
                let to = Destination::Queue(self.meant(at, &unbind.queue)?);
                let needs = self.unbind(&unbind.exchange, to, &unbind.routing_key, &unbind.arguments)?;
                self.answer(at, needs, false, queue::UnbindOk {}, host);
            }
            Method::QueuePurge(purge) => {
                let name = self.meant(at, &purge.queue)?;
                let (message_count, needs) = self.purge(&name, host);
                self.answer(at, needs, purge.no_wait, queue::PurgeOk { message_count }, host);
            }
            Method::QueueDelete(delete) => {
                // One that there is not is deleted already (RabbitMQ).
                let (mut message_count, mut needs) = (0, 0);
                match self.meant(at, &delete.queue) {
                    Ok(name) => {
                        if let Some(stored) = self.store.queues.get(&name) {
                            stored.queue.check_delete(delete.if_unused, delete.if_empty)?;
                        }
                        (message_count, needs) = self.delete_queue(&name, host);
                    }
                    Err(NO_QUEUE) => {}
                    Err(fault) => return Err(fault),
                }
                self.answer(at, needs, delete.no_wait, queue::DeleteOk { message_count }, host);
            }
            _ => return Err(Fault::new(ReplyCode::CommandInvalid, "§1.7", "a method that servers send")),
        }
        Ok(())
    }

    fn on_declare(&mut self, at: At, declare: queue::Declare, host: &mut dyn Host) -> Result<(), Fault> {
        let (me, now) = (self.connection_id(at.0), host.now());
        let mut name = declare.queue.clone();
        let mut needs = 0;
        if declare.passive {
            self.store.queues.get(&name).ok_or(NO_QUEUE)?.queue.check_owner(me)?;
        } else {
            let options = QueueOptions::from_declare(&declare)?;
            match self.store.queues.get_mut(&name) {
                Some(stored) => stored.queue.declare(&options, me, now)?,
                None => {
                    if name.is_empty() {
                        name = self.new_name("amq.gen");
                    } else {
                        check_name(&name)?;
                    }
                    needs = self.make_queue(at, &name, options, host)?;
                }
            }
            self.dirty.insert(name.clone());
        }
        let Some(stored) = self.store.queues.get(&name) else { return Ok(()) };
        let answer = queue::DeclareOk {
            queue: name.clone(),
            message_count: u32::try_from(stored.queue.ready()).unwrap_or(u32::MAX),
            consumer_count: u32::try_from(stored.queue.consumer_count()).unwrap_or(u32::MAX),
        };
        if let Some(channel) = self.channel(at.0, at.1) {
            channel.last_queue = name;
        }
        self.answer(at, needs, declare.no_wait, answer, host);
        Ok(())
    }

    /// A name that nobody has.
    pub(super) fn new_name(&mut self, kind: &str) -> ShortStr {
        self.given.name += 1;
        ShortStr::cut(&format!("{kind}-{:016x}", self.given.name))
    }

    fn make_queue(
        &mut self,
        at: At,
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
            && let Some(connection) = self.connections.get_mut(&at.0)
        {
            connection.exclusive.insert(name.clone());
        }
        let queue =
            Queue::new(name.clone(), options, self.connection_id(at.0), host.now()).starting_at(self.given.queue << 40);
        self.store.queues.insert(name.clone(), Stored { queue, deadline: None, memory: QUEUE });
        self.store.router.add_queue(name);
        Ok(if self.store.is_durable(name) { self.changed(Entry::Queue(name.clone())) } else { 0 })
    }

    /// All that is ready goes.
    fn purge(&mut self, name: &ShortStr, host: &mut dyn Host) -> (u32, u64) {
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
    pub(super) fn delete_queue(&mut self, name: &ShortStr, host: &mut dyn Host) -> (u32, u64) {
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
        for id in stored.queue.consumers().collect::<BTreeSet<_>>() {
            self.cancel_by_queue(id, host);
        }
        for connection in self.connections.values_mut() {
            connection.exclusive.remove(name);
        }
        (u32::try_from(stored.queue.ready()).unwrap_or(u32::MAX), needs)
    }

    /// The queue of a consumer is gone.
    fn cancel_by_queue(&mut self, id: crate::amqp::v091::queue::ConsumerId, host: &mut dyn Host) {
        let Some(consumer) = self.consumers.remove(&id) else { return };
        host.release(super::memory::CONSUMER);
        let Some(connection) = self.connections.get_mut(&consumer.stream) else { return };
        let hears = connection.hears_cancel;
        if let Some(channel) = connection.channels.get_mut(&consumer.channel) {
            channel.consumers.remove(&consumer.tag);
        }
        self.counts.cancelled_consumers += 1;
        if hears {
            let cancel = basic::Cancel { consumer_tag: consumer.tag, no_wait: true };
            self.push(consumer.stream, 0, &Command::new(consumer.channel, cancel), host);
        }
    }
}
