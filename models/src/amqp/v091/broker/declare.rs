//! Methods of exchanges and queues (§1.6, §1.7).

use super::At;
use crate::amqp::broker::exchange::{Destination, ExchangeOptions, check_name};
use crate::amqp::broker::queue::QueueOptions;
use crate::amqp::broker::{AmqpBroker, NO_QUEUE};
use crate::amqp::v091::wire::{Command, Fault, Method, ReplyCode, ShortStr, basic, exchange, queue};
use crate::app::Host;

impl AmqpBroker {
    /// Answers a method, unless it wants no answer.
    fn answer(&mut self, at: At, needs: u64, no_wait: bool, answer: impl Into<Method>, host: &mut dyn Host) {
        if !no_wait {
            self.push(at.0, needs, &Command::new(at.1, answer), host);
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
                // A queue that there is not has no binding to lose (RabbitMQ).
                let to = match self.meant(at, &unbind.queue) {
                    Err(NO_QUEUE) => unbind.queue,
                    meant => meant?,
                };
                let to = Destination::Queue(to);
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
                    needs = self.make_queue(at.0, &name, options, host)?;
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

    /// A consumer's queue is gone: it is told, where it can hear it (RabbitMQ).
    pub(in crate::amqp) fn cancel_on_channel(&mut self, at: At, consumer_tag: ShortStr, host: &mut dyn Host) {
        let Some(peer) = self.v091(at.0) else { return };
        let hears = peer.hears_cancel;
        if let Some(channel) = peer.channels.get_mut(&at.1) {
            channel.consumers.remove(&consumer_tag);
        }
        if hears {
            let cancel = basic::Cancel { consumer_tag, no_wait: true };
            self.push(at.0, 0, &Command::new(at.1, cancel), host);
        }
    }
}
