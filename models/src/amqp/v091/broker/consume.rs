//! Consumers, deliveries, acknowledgements (§1.8.3).

use super::At;
use super::channel::Mode;
use super::publish::Step as TxStep;
use crate::amqp::broker::queue::{Consumer, ConsumerId, Delivery};
use crate::amqp::broker::{AmqpBroker, ConsumerAt, MESSAGE, Outlet};
use crate::amqp::v091::deliveries::Outstanding;
use crate::amqp::v091::wire::{Command, Fault, Method, ReplyCode, ShortStr, basic};
use crate::app::Host;

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

    fn on_get(&mut self, at: At, get: &basic::Get, host: &mut dyn Host) -> Result<(), Fault> {
        let name = self.meant(at, &get.queue)?;
        // What has expired goes first.
        self.pump(&name, host);
        let given = self.store.queues.get_mut(&name).and_then(|stored| stored.queue.get(host.now(), get.no_ack));
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
        let needs = settled.iter().map(|it| self.acknowledge(&it.queue, it.position)).max().unwrap_or(0);
        self.wake_channel(at);
        Ok(needs)
    }

    /// The same, of what is rejected.
    pub(super) fn nack(&mut self, at: At, nack: &basic::Nack, host: &mut dyn Host) -> Result<u64, Fault> {
        let Some(channel) = self.channel(at.0, at.1) else { return Ok(0) };
        let settled = channel.deliveries.settle(nack.delivery_tag, nack.multiple)?;
        for Outstanding { queue, position, .. } in settled {
            match nack.requeue {
                true => self.requeue(&queue, position),
                false => self.reject(&queue, position, host),
            }
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
}
