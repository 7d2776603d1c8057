//! Consumers, deliveries, and what becomes of these.

use super::AmqpBroker;
use super::memory::CONSUMER;
use super::queue::{Consumer, ConsumerId, Delivery, Step};
use crate::amqp::DELIVER;
use crate::amqp::flaw::AmqpFlaw;
use crate::amqp::v091::wire::{Fault, ReplyCode, ShortStr};
use crate::app::{Host, StreamId};
use protosim_core::Operation;

/// Where a consumer is.
#[derive(Clone, Debug)]
pub(in crate::amqp) struct ConsumerAt {
    pub(in crate::amqp) stream: StreamId,
    pub(in crate::amqp) outlet: Outlet,
}

/// Where it is on its connection, as its version of AMQP has it.
#[derive(Clone, Debug)]
pub(in crate::amqp) enum Outlet {
    /// 0-9-1: a channel, and the consumer's tag on it.
    Channel(u16, ShortStr),
    /// 1.0: a session, by our channel, and a link, by our handle. It takes what it has credit for.
    Link(u16, u32),
}

impl AmqpBroker {
    /// A consumer of a queue begins: its number, which `wanted` does not have yet.
    ///
    /// # Errors
    /// Where there is no memory, or it, or one that is there, shall be the only one.
    pub(in crate::amqp) fn begin_consumer(
        &mut self,
        queue: &ShortStr,
        wanted: Consumer,
        at: ConsumerAt,
        host: &mut dyn Host,
    ) -> Result<ConsumerId, Fault> {
        if host.reserve(CONSUMER).is_err() {
            self.counts.refused_memory += 1;
            return Err(Fault::new(ReplyCode::ResourceError, "§1.2", "there is no memory for a consumer"));
        }
        let id = ConsumerId(self.given.consumer + 1);
        let consumer = Consumer { id, ..wanted };
        let subscribed = self.store.queues.get_mut(queue).map(|stored| stored.queue.subscribe(consumer, host.now()));
        if let Some(Err(fault)) = subscribed {
            host.release(CONSUMER);
            return Err(fault);
        }
        self.given.consumer += 1;
        self.counts.consumers += 1;
        self.consumers.insert(id, at);
        self.dirty.insert(queue.clone());
        Ok(id)
    }

    /// Whether its queue goes with it.
    pub(in crate::amqp) fn end_consumer(&mut self, id: ConsumerId, queue: &ShortStr, host: &mut dyn Host) -> bool {
        if self.consumers.remove(&id).is_none() {
            return false;
        }
        host.release(CONSUMER);
        self.dirty.insert(queue.clone());
        self.store.queues.get_mut(queue).is_some_and(|stored| stored.queue.unsubscribe(id, host.now()))
    }

    /// The queue of a consumer is gone.
    pub(super) fn cancel_by_queue(&mut self, id: ConsumerId, host: &mut dyn Host) {
        let Some(consumer) = self.consumers.remove(&id) else { return };
        host.release(CONSUMER);
        self.counts.cancelled_consumers += 1;
        match consumer.outlet {
            Outlet::Channel(channel, tag) => self.cancel_on_channel((consumer.stream, channel), tag, host),
            Outlet::Link(session, handle) => self.cancel_link((consumer.stream, session), handle),
        }
    }

    /// All that happens in a queue now.
    pub(in crate::amqp) fn pump(&mut self, name: &ShortStr, host: &mut dyn Host) {
        loop {
            let Some(stored) = self.store.queues.get_mut(name) else { return };
            let (connections, consumers) = (&self.connections, &self.consumers);
            let has_room = |consumer: &Consumer| {
                let Some(at) = consumers.get(&consumer.id) else { return false };
                connections.get(&at.stream).is_some_and(|connection| connection.has_room(&at.outlet, consumer))
            };
            match stored.queue.next(host.now(), has_room) {
                Some(Step::Deliver(delivery)) => self.deliver(name, &delivery, host),
                Some(Step::Leave(left)) => self.leave(name, left, host),
                None => break,
            }
        }
        if !self.waiting_links.is_empty() {
            self.queue_is_pumped(name);
        }
        self.settle_memory(name, host);
        let now = host.now();
        let Some(stored) = self.store.queues.get_mut(name) else { return };
        if stored.queue.is_expired(now) {
            self.counts.expired_queues += 1;
            self.delete_queue(name, host);
            return;
        }
        let deadline = stored.queue.deadline();
        let before = std::mem::replace(&mut stored.deadline, deadline);
        if before != deadline {
            if let Some(at) = before {
                self.due.remove(&(at, name.clone()));
            }
            self.due.extend(deadline.map(|at| (at, name.clone())));
        }
    }

    fn deliver(&mut self, name: &ShortStr, delivery: &Delivery, host: &mut dyn Host) {
        let at = delivery.consumer.and_then(|id| self.consumers.get(&id)).cloned();
        let Some(ConsumerAt { stream, outlet }) = at else { return };
        self.spend_delivery(name, delivery, host);
        match outlet {
            Outlet::Channel(channel, tag) => self.deliver_on_channel((stream, channel), tag, name, delivery, host),
            Outlet::Link(session, handle) => self.deliver_on_link((stream, session), handle, delivery, host),
        }
        if let Some(connection) = self.connections.get_mut(&stream) {
            connection.was_full |= connection.is_full();
        }
        if self.has(AmqpFlaw::GoneWithDelivery) {
            self.acknowledge(name, delivery.position);
        }
    }

    /// What a delivery costs, and what it changes.
    pub(in crate::amqp) fn spend_delivery(&mut self, name: &ShortStr, delivery: &Delivery, host: &mut dyn Host) {
        host.spend(Operation { name: DELIVER, bytes: delivery.message.bytes() });
        self.counts.delivered += 1;
        self.counts.redelivered += u64::from(delivery.redelivered);
        if delivery.no_ack {
            self.changed_message(name, &delivery.message, delivery.position);
        }
    }

    /// A message is done: the write that will have it.
    pub(in crate::amqp) fn acknowledge(&mut self, name: &ShortStr, position: u64) -> u64 {
        let Some(stored) = self.store.queues.get_mut(name) else { return 0 };
        let message = stored.queue.ack(position);
        self.dirty.insert(name.clone());
        let Some(message) = message else { return 0 };
        self.counts.acked += 1;
        self.changed_message(name, &message, position)
    }

    /// A message is rejected: it is a dead letter, or gone.
    pub(in crate::amqp) fn reject(&mut self, name: &ShortStr, position: u64, host: &mut dyn Host) {
        let left = self.store.queues.get_mut(name).and_then(|stored| stored.queue.reject(position));
        if let Some(left) = left {
            self.leave(name, left, host);
        }
        self.dirty.insert(name.clone());
    }

    /// Who had a message is gone without a word on it: it goes back to its place.
    pub(in crate::amqp) fn give_back(&mut self, name: &ShortStr, position: u64) {
        match self.has(AmqpFlaw::UnacknowledgedDropped) {
            true => drop(self.acknowledge(name, position)),
            false => self.requeue(name, position),
        }
    }

    /// A message goes back to its place.
    pub(in crate::amqp) fn requeue(&mut self, name: &ShortStr, position: u64) {
        let flaw = self.config.flaw;
        let Some(stored) = self.store.queues.get_mut(name) else { return };
        match flaw {
            Some(AmqpFlaw::RequeuedBehind) => {
                let Some((message, behind)) = stored.queue.requeue_behind(position) else { return };
                self.counts.requeued += 1;
                self.changed_message(name, &message, position);
                self.changed_message(name, &message, behind);
            }
            flaw => {
                let is_marked = flaw != Some(AmqpFlaw::NotMarked);
                self.counts.requeued += u64::from(stored.queue.requeue_marked(position, is_marked));
            }
        }
        self.dirty.insert(name.clone());
    }

    /// The same, of one that who had it has failed with.
    pub(in crate::amqp) fn requeue_failed(&mut self, name: &ShortStr, position: u64) {
        let Some(stored) = self.store.queues.get_mut(name) else { return };
        self.counts.requeued += u64::from(stored.queue.requeue_failed(position));
        self.dirty.insert(name.clone());
    }
}
