//! Messages in and out, and what becomes of them (§2.6.12, §3.4).

use super::At;
use super::attach::condition;
use super::convert::{Come, come, leave};
use super::links::{Outgoing, Way};
use crate::amqp::broker::AmqpBroker;
use crate::amqp::broker::queue::{Delivery, Message};
use crate::amqp::flaw::AmqpFlaw;
use crate::amqp::v10::address::Address;
use crate::amqp::v10::link::Outgoing as Sent;
use crate::amqp::v10::wire::{Condition, DeliveryState, DeliveryTag, Error, Fault};
use crate::amqp::v091::wire::{ShortStr, Table};
use crate::app::Host;
use crate::rope::Rope;

/// What a message that has come gets.
enum Answer {
    /// Accepted, when this write is done.
    Accepted(u64),
    /// Another outcome, at once.
    Other(DeliveryState),
}

fn rejected(condition: Condition, why: &str) -> Answer {
    Answer::Other(DeliveryState::Rejected(Some(Box::new(Error::new(condition, why)))))
}

impl AmqpBroker {
    /// A message has come.
    pub(super) fn on_message(
        &mut self,
        at: At,
        handle: u32,
        tag: DeliveryTag,
        format: u32,
        (payload, settled): (&Rope, bool),
        host: &mut dyn Host,
    ) {
        self.counts.published += 1;
        let answer = self.take_message(at, handle, format, payload, host);
        self.block(at.0, host);
        let done = self.disc.done();
        let Some(peer) = self.v10(at.0) else { return };
        let Some(session) = peer.machine.session(at.1) else { return };
        let answer = match answer {
            Ok(answer) => answer,
            Err(fault) => {
                // One that is detached already needs no other.
                let _ = session.detach(handle, true, Some(fault.error()));
                return;
            }
        };
        if settled {
            return;
        }
        let state = match answer {
            Answer::Accepted(needs) if needs > done => {
                if let Some(Way::In(incoming)) = peer.links.get_mut(&(at.1, handle)).map(|link| &mut link.way) {
                    incoming.held.push_back((needs, tag));
                    self.for_disc.insert(at.0);
                }
                return;
            }
            Answer::Accepted(_) => DeliveryState::Accepted,
            Answer::Other(state) => state,
        };
        let is_accepted = state == DeliveryState::Accepted;
        // It was unknown, where the link was resumed with it and its sender has forgotten.
        let _ = session.settle(handle, &tag, state);
        match is_accepted {
            true => self.counts.confirms += 1,
            false => self.counts.nacks += 1,
        }
    }

    fn take_message(
        &mut self,
        at: At,
        handle: u32,
        format: u32,
        payload: &Rope,
        host: &mut dyn Host,
    ) -> Result<Answer, Fault> {
        if format != 0 {
            return Ok(rejected(Condition::NotImplemented, "a message has another format than that of the standard"));
        }
        let Come { properties, body, original, subject } = come(payload)?;
        let Some(peer) = self.v10(at.0) else { return Ok(Answer::Other(DeliveryState::Released)) };
        if properties.user_id.as_ref().is_some_and(|user| *user != peer.user) {
            return Ok(rejected(Condition::UnauthorizedAccess, "a message says another user"));
        }
        let link = peer.links.get(&(at.1, handle));
        let Some(Way::In(incoming)) = link.map(|link| &link.way) else {
            return Ok(Answer::Other(DeliveryState::Released));
        };
        let (exchange, key) = match &incoming.to {
            Address::Queue(queue) | Address::Known(queue) => (ShortStr::default(), queue.clone()),
            Address::Exchange(exchange, Some(key)) => (exchange.clone(), key.clone()),
            Address::Exchange(exchange, None) => {
                let key = subject.map_or(Ok(ShortStr::default()), |subject| ShortStr::new(&subject));
                let Ok(key) = key else {
                    return Ok(rejected(Condition::InvalidField, "a subject is no routing key"));
                };
                (exchange.clone(), key)
            }
        };
        let none = Table::new();
        let headers = properties.headers.as_ref().unwrap_or(&none);
        let queues = match self.store.router.publish(&exchange, &key, headers) {
            Ok(queues) => queues,
            // The exchange is gone.
            Err(fault) => return Ok(rejected(condition(fault.code), fault.why)),
        };
        if queues.is_empty() {
            self.counts.unroutable += 1;
            return Ok(Answer::Other(DeliveryState::Released));
        }
        let message = match Message::new(exchange, key, properties, body) {
            Ok(message) => message.with_original(original),
            Err(fault) => return Ok(rejected(condition(fault.code), fault.why)),
        };
        let put = self.put_all(queues, message, host);
        Ok(match put.is_refused {
            true => rejected(Condition::ResourceLimitExceeded, "a queue has no room"),
            false if self.has(AmqpFlaw::ConfirmedTooSoon) => Answer::Accepted(0),
            false => Answer::Accepted(put.needs),
        })
    }

    /// A message goes to a client.
    pub(in crate::amqp) fn deliver_on_link(&mut self, at: At, handle: u32, delivery: &Delivery, host: &mut dyn Host) {
        let Some(peer) = self.v10(at.0) else { return };
        if let Some(Way::Out(outgoing)) = peer.links.get_mut(&(at.1, handle)).map(|link| &mut link.way)
            && !delivery.no_ack
        {
            outgoing.outstanding.insert(delivery.position);
        }
        let payload = leave(delivery, host.now());
        let message = Sent { token: delivery.position, message_format: 0, payload, settled: delivery.no_ack };
        if let Some(session) = peer.machine.session(at.1) {
            // It had room, so it is there.
            let _ = session.send(handle, message);
        }
        self.pull(at.0, host);
        self.touched.insert(at.0);
    }

    fn outgoing(&mut self, (at, handle): (At, u32)) -> Option<&mut Outgoing> {
        match &mut self.v10(at.0)?.links.get_mut(&(at.1, handle))?.way {
            Way::Out(outgoing) => Some(outgoing),
            Way::In(_) => None,
        }
    }

    /// A message that was sent has its outcome.
    pub(super) fn on_done(
        &mut self,
        link: (At, u32),
        position: u64,
        state: Option<DeliveryState>,
        host: &mut dyn Host,
    ) {
        let Some(outgoing) = self.outgoing(link) else { return };
        // One that was settled when it was sent is done.
        if !outgoing.outstanding.remove(&position) {
            return;
        }
        let queue = outgoing.queue.clone();
        let state = state.filter(DeliveryState::is_outcome).or_else(|| outgoing.default_outcome.clone());
        match state.unwrap_or(DeliveryState::Accepted) {
            DeliveryState::Rejected(_) => self.reject(&queue, position, host),
            DeliveryState::Released => self.requeue(&queue, position),
            DeliveryState::Modified(modified) => match (modified.undeliverable_here, modified.delivery_failed) {
                (Some(true), _) => self.reject(&queue, position, host),
                (_, Some(true)) => self.requeue_failed(&queue, position),
                _ => self.requeue(&queue, position),
            },
            DeliveryState::Accepted | DeliveryState::Received { .. } | DeliveryState::Other(_) => {
                self.acknowledge(&queue, position);
            }
        }
    }

    /// A message is larger than its receiver takes.
    pub(super) fn on_too_large(&mut self, link: (At, u32), position: u64, host: &mut dyn Host) {
        let Some(outgoing) = self.outgoing(link) else { return };
        let (is_known, queue) = (outgoing.outstanding.remove(&position), outgoing.queue.clone());
        if is_known {
            self.reject(&queue, position, host);
        }
    }

    /// A link's queue is gone: it is detached (RabbitMQ).
    pub(in crate::amqp) fn cancel_link(&mut self, at: At, handle: u32) {
        if let Some(outgoing) = self.outgoing((at, handle)) {
            outgoing.consumer = None;
            outgoing.outstanding.clear();
        }
        if let Some(session) = self.v10(at.0).and_then(|peer| peer.machine.session(at.1)) {
            // One that is detached already needs no other.
            let _ = session.detach(handle, true, Some(Error::new(Condition::ResourceDeleted, "the queue is gone")));
        }
        self.touched.insert(at.0);
    }
}
