//! Consumers, deliveries, acknowledgements (§1.8.3).

use super::channel::Mode;
use super::declare::At;
use super::memory::{CONSUMER, MESSAGE};
use super::publish::Step as TxStep;
use super::{AmqpBroker, ConsumerId};
use crate::amqp::DELIVER;
use crate::amqp::v091::deliveries::Outstanding;
use crate::amqp::v091::queue::{Consumer, Delivery, Step};
use crate::amqp::v091::wire::{Command, Fault, Method, ReplyCode, ShortStr, basic};
use crate::app::{Host, StreamId};
use protosim_core::Operation;

/// Where a consumer is.
#[derive(Clone, Debug)]
pub(super) struct ConsumerAt {
    pub(super) stream: StreamId,
    pub(super) channel: u16,
    pub(super) tag: ShortStr,
}

impl AmqpBroker {
    pub(super) fn on_basic_method(&mut self, at: At, method: Method, host: &mut dyn Host) -> Result<(), Fault> {
        match method {
            Method::BasicQos(qos) => {
                let Some(channel) = self.channel(at.0, at.1) else { return Ok(()) };
                channel.deliveries.on_qos(&qos)?;
                let queues: Vec<_> = channel.queues().cloned().collect();
                self.dirty.extend(queues);
                self.push(at.0, 0, &Command::new(at.1, basic::QosOk {}), host);
                Ok(())
            }
            Method::BasicConsume(consume) => self.on_consume(at, consume, host),
            Method::BasicCancel(cancel) => {
                self.on_cancel(at, cancel, host);
                Ok(())
            }
            // The answer to a cancel that wants none.
            Method::BasicCancelOk(_) => Ok(()),
            Method::BasicGet(get) => self.on_get(at, &get, host),
            Method::BasicAck(ack) => self.in_time(at, TxStep::Ack(ack), host),
            Method::BasicReject(basic::Reject { delivery_tag, requeue }) => {
                self.in_time(at, TxStep::Nack(basic::Nack { delivery_tag, multiple: false, requeue }), host)
            }
            Method::BasicNack(nack) => self.in_time(at, TxStep::Nack(nack), host),
            Method::BasicRecover(recover) => {
                if !recover.requeue {
                    return Err(Fault::new(
                        ReplyCode::NotImplemented,
                        "RabbitMQ",
                        "nothing is delivered to the same again",
                    ));
                }
                let Some(channel) = self.channel(at.0, at.1) else { return Ok(()) };
                for outstanding in channel.deliveries.take_all() {
                    self.requeue(&outstanding);
                }
                self.push(at.0, 0, &Command::new(at.1, basic::RecoverOk {}), host);
                Ok(())
            }
            _ => Err(Fault::new(ReplyCode::CommandInvalid, "§1.8", "a method that servers send")),
        }
    }

    fn on_consume(&mut self, at: At, consume: basic::Consume, host: &mut dyn Host) -> Result<(), Fault> {
        let queue = self.meant(at, &consume.queue)?;
        let tag = match consume.consumer_tag.is_empty() {
            true => self.new_name("amq.ctag"),
            false => consume.consumer_tag,
        };
        let Some(channel) = self.channel(at.0, at.1) else { return Ok(()) };
        if channel.consumers.contains_key(&tag) {
            return Err(Fault::new(ReplyCode::NotAllowed, "§1.8.3.3", "a consumer tag is in use"));
        }
        let prefetch = channel.deliveries.prefetch();
        let id = ConsumerId(self.given.consumer + 1);
        let consumer = Consumer { id, no_ack: consume.no_ack, exclusive: consume.exclusive, prefetch };
        if host.reserve(CONSUMER).is_err() {
            self.counts.refused_memory += 1;
            return Err(Fault::new(ReplyCode::ResourceError, "§1.2", "there is no memory for a consumer"));
        }
        let subscribed = self.store.queues.get_mut(&queue).map(|stored| stored.queue.subscribe(consumer, host.now()));
        if let Some(Err(fault)) = subscribed {
            host.release(CONSUMER);
            return Err(fault);
        }
        self.given.consumer += 1;
        self.counts.consumers += 1;
        if let Some(channel) = self.channel(at.0, at.1) {
            channel.consumers.insert(tag.clone(), (id, queue.clone()));
        }
        self.consumers.insert(id, ConsumerAt { stream: at.0, channel: at.1, tag: tag.clone() });
        self.dirty.insert(queue);
        if !consume.no_wait {
            self.push(at.0, 0, &Command::new(at.1, basic::ConsumeOk { consumer_tag: tag }), host);
        }
        Ok(())
    }

    fn on_cancel(&mut self, at: At, cancel: basic::Cancel, host: &mut dyn Host) {
        let Some(channel) = self.channel(at.0, at.1) else { return };
        // One that there is not has ended already (RabbitMQ).
        if let Some((id, queue)) = channel.consumers.remove(&cancel.consumer_tag)
            && self.end_consumer(id, &queue, host)
        {
            self.delete_queue(&queue, host);
        }
        if !cancel.no_wait {
            let answer = basic::CancelOk { consumer_tag: cancel.consumer_tag };
            self.push(at.0, 0, &Command::new(at.1, answer), host);
        }
    }

    /// Whether its queue goes with it.
    pub(super) fn end_consumer(&mut self, id: ConsumerId, queue: &ShortStr, host: &mut dyn Host) -> bool {
        if self.consumers.remove(&id).is_none() {
            return false;
        }
        host.release(CONSUMER);
        self.dirty.insert(queue.clone());
        self.store.queues.get_mut(queue).is_some_and(|stored| stored.queue.unsubscribe(id, host.now()))
    }

    /// All that happens in a queue now.
    pub(super) fn pump(&mut self, name: &ShortStr, host: &mut dyn Host) {
        loop {
            let Some(stored) = self.store.queues.get_mut(name) else { return };
            let (connections, consumers) = (&self.connections, &self.consumers);
            let has_room = |consumer: &Consumer| {
                let Some(at) = consumers.get(&consumer.id) else { return false };
                let Some(connection) = connections.get(&at.stream).filter(|open| !open.is_full()) else { return false };
                let channel = connection.channels.get(&at.channel).filter(|channel| !channel.is_paused);
                channel.is_some_and(|channel| consumer.no_ack || channel.deliveries.has_room())
            };
            match stored.queue.next(host.now(), has_room) {
                Some(Step::Deliver(delivery)) => self.deliver(name, &delivery, host),
                Some(Step::Leave(left)) => self.leave(name, left, host),
                None => break,
            }
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
        let Some(ConsumerAt { stream, channel: number, tag }) = at else { return };
        let message = &delivery.message;
        host.spend(Operation { name: DELIVER, bytes: message.bytes() });
        let Some(channel) = self.channel(stream, number) else { return };
        let method = basic::Deliver {
            consumer_tag: tag,
            delivery_tag: channel.deliveries.deliver(name, delivery),
            redelivered: delivery.redelivered,
            exchange: message.exchange().clone(),
            routing_key: message.routing_key().clone(),
        };
        self.count_delivery(name, delivery);
        let command = Command::with_content(number, method, message.properties().clone(), message.body().clone());
        self.push(stream, 0, &command, host);
        if let Some(connection) = self.connections.get_mut(&stream) {
            connection.was_full |= connection.is_full();
        }
    }

    fn count_delivery(&mut self, name: &ShortStr, delivery: &Delivery) {
        self.counts.delivered += 1;
        self.counts.redelivered += u64::from(delivery.redelivered);
        if delivery.no_ack {
            self.changed_message(name, &delivery.message, delivery.position);
        }
    }

    fn on_get(&mut self, at: At, get: &basic::Get, host: &mut dyn Host) -> Result<(), Fault> {
        let name = self.meant(at, &get.queue)?;
        // What has expired goes first.
        self.pump(&name, host);
        let given = self.store.queues.get_mut(&name).and_then(|stored| {
            let delivery = stored.queue.get(host.now(), get.no_ack)?;
            Some((delivery, u32::try_from(stored.queue.ready()).unwrap_or(u32::MAX)))
        });
        self.dirty.insert(name.clone());
        let Some((delivery, message_count)) = given else {
            self.push(at.0, 0, &Command::new(at.1, basic::GetEmpty {}), host);
            return Ok(());
        };
        let message = &delivery.message;
        host.spend(Operation { name: DELIVER, bytes: message.bytes() });
        let Some(channel) = self.channel(at.0, at.1) else { return Ok(()) };
        let method = basic::GetOk {
            delivery_tag: channel.deliveries.deliver(&name, &delivery),
            redelivered: delivery.redelivered,
            exchange: message.exchange().clone(),
            routing_key: message.routing_key().clone(),
            message_count,
        };
        self.count_delivery(&name, &delivery);
        let command = Command::with_content(at.1, method, message.properties().clone(), message.body().clone());
        self.push(at.0, 0, &command, host);
        Ok(())
    }

    /// An acknowledgement, or its opposite, has effect now, or with the commit.
    fn in_time(&mut self, at: At, step: TxStep, host: &mut dyn Host) -> Result<(), Fault> {
        let Some(channel) = self.channel(at.0, at.1) else { return Ok(()) };
        if let Mode::Tx(..) = channel.mode {
            let deliveries = &channel.deliveries;
            let step = match step {
                TxStep::Ack(ack) => {
                    TxStep::Ack(basic::Ack { delivery_tag: deliveries.resolve(ack.delivery_tag, ack.multiple)?, ..ack })
                }
                TxStep::Nack(nack) => TxStep::Nack(basic::Nack {
                    delivery_tag: deliveries.resolve(nack.delivery_tag, nack.multiple)?,
                    ..nack
                }),
                publish @ TxStep::Publish(..) => publish,
            };
            return self.add_to_transaction(at, step, MESSAGE, host);
        }
        match step {
            TxStep::Ack(ack) => self.ack(at, &ack).map(|_| ()),
            TxStep::Nack(nack) => self.nack(at, &nack, host).map(|_| ()),
            TxStep::Publish(..) => Ok(()),
        }
    }

    /// The write that will have it.
    pub(super) fn ack(&mut self, at: At, ack: &basic::Ack) -> Result<u64, Fault> {
        let Some(channel) = self.channel(at.0, at.1) else { return Ok(0) };
        let settled = channel.deliveries.settle(ack.delivery_tag, ack.multiple)?;
        let mut needs = 0;
        for outstanding in settled {
            let name = &outstanding.queue;
            let Some(stored) = self.store.queues.get_mut(name) else { continue };
            if let Some(message) = stored.queue.ack(outstanding.position) {
                self.counts.acked += 1;
                needs = needs.max(self.changed_message(name, &message, outstanding.position));
            }
            self.dirty.insert(outstanding.queue);
        }
        self.wake_channel(at);
        Ok(needs)
    }

    /// The same, of what is rejected.
    pub(super) fn nack(&mut self, at: At, nack: &basic::Nack, host: &mut dyn Host) -> Result<u64, Fault> {
        let Some(channel) = self.channel(at.0, at.1) else { return Ok(0) };
        let settled = channel.deliveries.settle(nack.delivery_tag, nack.multiple)?;
        for outstanding in settled {
            if nack.requeue {
                self.requeue(&outstanding);
                continue;
            }
            let name = &outstanding.queue;
            let left = self.store.queues.get_mut(name).and_then(|stored| stored.queue.reject(outstanding.position));
            if let Some(left) = left {
                self.leave(name, left, host);
            }
            self.dirty.insert(outstanding.queue);
        }
        self.wake_channel(at);
        // What goes back changes nothing on disc, and dead letters promise nothing.
        Ok(0)
    }

    /// A channel takes more: where its consumers share a prefetch, from all their queues.
    fn wake_channel(&mut self, at: At) {
        let Some(channel) = self.channel(at.0, at.1).filter(|channel| channel.deliveries.is_shared()) else { return };
        let queues: Vec<_> = channel.queues().cloned().collect();
        self.dirty.extend(queues);
    }

    /// A message goes back to its place.
    pub(super) fn requeue(&mut self, outstanding: &Outstanding) {
        let Some(stored) = self.store.queues.get_mut(&outstanding.queue) else { return };
        self.counts.requeued += u64::from(stored.queue.requeue(outstanding.position));
        self.dirty.insert(outstanding.queue.clone());
    }
}
