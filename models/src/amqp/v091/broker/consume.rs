//! Consumers, deliveries, acknowledgements (§1.8.3).

use super::At;
use super::channel::Mode;
use super::publish::Step as TxStep;
use crate::amqp::broker::queue::{Consumer, ConsumerId, Delivery, Message};
use crate::amqp::broker::{AmqpBroker, ConsumerAt, MESSAGE, Outlet};
use crate::amqp::v091::deliveries::Outstanding;
use crate::amqp::v091::wire::{Command, Fault, Method, ReplyCode, ShortStr, basic};
use crate::app::Host;
use std::collections::BTreeSet;

/// Of a content header before the properties: class, weight, size of the body, flags (§4.2.6.1) \[bytes\].
const CONTENT_HEADER: u64 = 14;

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
            Method::BasicAck(ack) => self.in_time(at, ack.delivery_tag, ack.multiple, None, host),
            Method::BasicReject(it) => self.in_time(at, it.delivery_tag, false, Some(it.requeue), host),
            Method::BasicNack(it) => self.in_time(at, it.delivery_tag, it.multiple, Some(it.requeue), host),
            Method::BasicRecover(recover) => {
                if !recover.requeue {
                    return Err(Fault::new(
                        ReplyCode::NotImplemented,
                        "RabbitMQ",
                        "nothing is delivered to the same again",
                    ));
                }
                let Some(channel) = self.channel(at.0, at.1) else { return Ok(()) };
                let none = BTreeSet::new();
                let settled = match &channel.mode {
                    Mode::Tx(transaction) => &transaction.settled,
                    _ => &none,
                };
                // What waits for a commit is not the client's any more.
                let tags = channel.deliveries.resolve(0, true, settled)?;
                for outstanding in self.settle(at, &tags) {
                    self.requeue(&outstanding.queue, outstanding.position);
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
        let wanted = Consumer { id: ConsumerId(0), no_ack: consume.no_ack, exclusive: consume.exclusive, prefetch };
        let place = ConsumerAt { stream: at.0, outlet: Outlet::Channel(at.1, tag.clone()) };
        let id = self.begin_consumer(&queue, wanted, place, host)?;
        if let Some(channel) = self.channel(at.0, at.1) {
            channel.consumers.insert(tag.clone(), (id, queue));
        }
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

    pub(in crate::amqp) fn deliver_on_channel(
        &mut self,
        at: At,
        tag: ShortStr,
        name: &ShortStr,
        delivery: &Delivery,
        host: &mut dyn Host,
    ) {
        let message = &delivery.message;
        if !self.fits(at, message) {
            return self.is_misfit(name, delivery, host);
        }
        let Some(channel) = self.channel(at.0, at.1) else { return };
        let method = basic::Deliver {
            consumer_tag: tag,
            delivery_tag: channel.deliveries.deliver(name, delivery),
            redelivered: delivery.redelivered,
            exchange: message.exchange().clone(),
            routing_key: message.routing_key().clone(),
        };
        let command = Command::with_content(at.1, method, message.properties().clone(), message.body().clone());
        self.push(at.0, 0, &command, host);
    }

    /// Whether a frame of the connection holds what is said about a message: that is never cut (§4.2.6).
    fn fits(&mut self, at: At, message: &Message) -> bool {
        self.v091(at.0).is_some_and(|peer| CONTENT_HEADER + message.about() <= peer.max.payload())
    }

    /// Nobody there can have a message: it is a dead letter, or gone, so that others are not behind it for ever.
    fn is_misfit(&mut self, name: &ShortStr, delivery: &Delivery, host: &mut dyn Host) {
        self.counts.too_large += 1;
        if !delivery.no_ack {
            self.reject(name, delivery.position, host);
        }
    }

    /// The next message that is asked for.
    fn next_asked(&mut self, at: At, name: &ShortStr, no_ack: bool, host: &mut dyn Host) -> Option<Delivery> {
        loop {
            // What has expired goes first.
            self.pump(name, host);
            let delivery = self.store.queues.get_mut(name)?.queue.get(host.now(), no_ack)?;
            if self.fits(at, &delivery.message) {
                return Some(delivery);
            }
            self.is_misfit(name, &delivery, host);
        }
    }

    fn on_get(&mut self, at: At, get: &basic::Get, host: &mut dyn Host) -> Result<(), Fault> {
        let name = self.meant(at, &get.queue)?;
        let given = self.next_asked(at, &name, get.no_ack, host);
        self.dirty.insert(name.clone());
        let Some(delivery) = given else {
            self.push(at.0, 0, &Command::new(at.1, basic::GetEmpty {}), host);
            return Ok(());
        };
        // What has expired behind it does not count (RabbitMQ).
        self.pump(&name, host);
        let ready = self.store.queues.get(&name).map_or(0, |stored| stored.queue.ready());
        let message_count = u32::try_from(ready).unwrap_or(u32::MAX);
        let message = &delivery.message;
        self.spend_delivery(&name, &delivery, host);
        let Some(channel) = self.channel(at.0, at.1) else { return Ok(()) };
        let method = basic::GetOk {
            delivery_tag: channel.deliveries.deliver(&name, &delivery),
            redelivered: delivery.redelivered,
            exchange: message.exchange().clone(),
            routing_key: message.routing_key().clone(),
            message_count,
        };
        let command = Command::with_content(at.1, method, message.properties().clone(), message.body().clone());
        self.push(at.0, 0, &command, host);
        Ok(())
    }

    /// An acknowledgement, or its opposite with `requeue`, has effect now, or with the commit.
    fn in_time(
        &mut self,
        at: At,
        tag: u64,
        multiple: bool,
        requeue: Option<bool>,
        host: &mut dyn Host,
    ) -> Result<(), Fault> {
        let Some(channel) = self.channel(at.0, at.1) else { return Ok(()) };
        if let Mode::Tx(transaction) = &mut channel.mode {
            let tags = channel.deliveries.resolve(tag, multiple, &transaction.settled)?;
            transaction.settled.extend(&tags);
            let bytes = MESSAGE * tags.len() as u64;
            let step = match requeue {
                None => TxStep::Ack(tags),
                Some(requeue) => TxStep::Nack(tags, requeue),
            };
            return self.add_to_transaction(at, step, bytes, host);
        }
        let tags = channel.deliveries.resolve(tag, multiple, &BTreeSet::new())?;
        match requeue {
            None => self.ack(at, &tags).map(|_| ()),
            Some(requeue) => self.nack(at, &tags, requeue, host),
        }
    }

    /// Deliveries with these tags are settled, in their order.
    fn settle(&mut self, at: At, tags: &[u64]) -> Vec<Outstanding> {
        let Some(channel) = self.channel(at.0, at.1) else { return Vec::new() };
        tags.iter().filter_map(|tag| channel.deliveries.settle(*tag)).collect()
    }

    /// The write that will have it.
    pub(super) fn ack(&mut self, at: At, tags: &[u64]) -> Result<u64, Fault> {
        let settled = self.settle(at, tags);
        let needs = settled.iter().map(|it| self.acknowledge(&it.queue, it.position)).max().unwrap_or(0);
        self.wake_channel(at);
        Ok(needs)
    }

    /// The same, of what is rejected. What goes back changes nothing on disc, and dead letters promise nothing.
    pub(super) fn nack(&mut self, at: At, tags: &[u64], requeue: bool, host: &mut dyn Host) -> Result<(), Fault> {
        for Outstanding { queue, position, .. } in self.settle(at, tags) {
            match requeue {
                true => self.requeue(&queue, position),
                false => self.reject(&queue, position, host),
            }
        }
        self.wake_channel(at);
        Ok(())
    }

    /// A channel takes more: where its consumers share a prefetch, from all their queues.
    fn wake_channel(&mut self, at: At) {
        let Some(channel) = self.channel(at.0, at.1).filter(|channel| channel.deliveries.is_shared()) else { return };
        let queues: Vec<_> = channel.queues().cloned().collect();
        self.dirty.extend(queues);
    }
}
