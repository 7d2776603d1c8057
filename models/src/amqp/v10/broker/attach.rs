//! Links that begin: where they lead, and what is made for that (§2.6.3).

use super::At;
use super::links::{Expiry, Incoming, Link, LinkKey, Outgoing, Way};
use crate::amqp::broker::exchange::{Destination, check_name};
use crate::amqp::broker::queue::{Consumer, ConsumerId, QueueOptions};
use crate::amqp::broker::{AmqpBroker, ConsumerAt, LINK, NO_QUEUE, Outlet};
use crate::amqp::v10::address::Address;
use crate::amqp::v10::link::{Credit, LinkEnd, ReceiverState, SenderState, Terms};
use crate::amqp::v10::session::AttachOptions;
use crate::amqp::v10::wire::{AnyTarget, Attach, Condition, Fault, Role, SenderSettleMode, Source, Target, Value};
use crate::amqp::v091::wire::{Fault as Basic, ReplyCode, ShortStr, Table};
use crate::app::Host;
use std::collections::{BTreeSet, VecDeque};

/// What the broker's own errors are called in 1.0 (§2.8.15).
pub(super) const fn condition(code: ReplyCode) -> Condition {
    match code {
        ReplyCode::NotFound => Condition::NotFound,
        ReplyCode::AccessRefused => Condition::UnauthorizedAccess,
        ReplyCode::ResourceLocked => Condition::ResourceLocked,
        ReplyCode::PreconditionFailed => Condition::PreconditionFailed,
        ReplyCode::ResourceError => Condition::ResourceLimitExceeded,
        ReplyCode::NotAllowed => Condition::NotAllowed,
        ReplyCode::NotImplemented => Condition::NotImplemented,
        _ => Condition::InternalError,
    }
}

fn fault(basic: Basic) -> Fault {
    Fault::new(condition(basic.code), basic.rule, basic.why)
}

const fn not_there(rule: &'static str, why: &'static str) -> Fault {
    Fault::new(Condition::NotImplemented, rule, why)
}

const NO_MEMORY: Fault = Fault::new(Condition::ResourceLimitExceeded, "§2.8.15", "there is no memory for a link");
const NO_TARGET: Fault = Fault::new(Condition::InvalidField, "§2.7.3", "a sender has no target");
const NO_SOURCE: Fault = Fault::new(Condition::InvalidField, "§2.7.3", "a receiver has no source");
const NO_ADDRESS: Fault = Fault::new(Condition::InvalidField, "§3.5", "an address is no string");

/// The address that a terminus says.
fn address(value: &Value) -> Result<Address, Fault> {
    Address::parse(value.as_str().ok_or(NO_ADDRESS)?)
}

/// Whether they are the same node.
pub(super) fn same_source(ours: Option<&Source>, theirs: Option<&Source>) -> bool {
    ours.zip(theirs).is_some_and(|(ours, theirs)| ours.address == theirs.address)
}

/// Whether they are the same node.
pub(super) fn same_target(ours: Option<&AnyTarget>, theirs: Option<&AnyTarget>) -> bool {
    match (ours, theirs) {
        (Some(AnyTarget::Node(ours)), Some(AnyTarget::Node(theirs))) => ours.address == theirs.address,
        _ => false,
    }
}

impl AmqpBroker {
    /// A client attaches a link.
    pub(super) fn on_attach(&mut self, at: At, remote: u32, attach: &Attach, host: &mut dyn Host) {
        let opened = match self.resume_link(at, attach, host) {
            Some(link) => Ok(link),
            None => match attach.role {
                Role::Sender => self.open_incoming(at, attach, host),
                Role::Receiver => self.open_outgoing(at, attach, host),
            },
        };
        match opened {
            Ok((link, end)) => self.accept_link(at, remote, link, end, host),
            Err(fault) => {
                if let Some(session) = self.v10(at.0).and_then(|peer| peer.machine.session(at.1)) {
                    // A session without a handle left says nothing.
                    let _ = session.refuse(remote, fault.error());
                }
            }
        }
    }

    fn accept_link(&mut self, at: At, remote: u32, mut link: Link, end: LinkEnd, host: &mut dyn Host) {
        let options = AttachOptions {
            credit: Credit::Window(self.config.link_credit),
            max_message_size: self.config.max_message.as_bytes(),
            ..AttachOptions::default()
        };
        let begun = self.begin_link(at, &mut link, host);
        let session = self.v10(at.0).and_then(|peer| peer.machine.session(at.1));
        let accepted = session.and_then(|session| match begun {
            Ok(()) => session.accept(remote, end, options).ok(),
            Err(fault) => {
                // A session without a handle left says nothing.
                let _ = session.refuse(remote, fault.error());
                None
            }
        });
        let Some(handle) = accepted else { return self.end_link(link, host) };
        if let Way::Out(Outgoing { consumer: Some(id), .. }) = &link.way
            && let Some(consumer) = self.consumers.get_mut(id)
        {
            consumer.outlet = Outlet::Link(at.1, handle);
        }
        if let Way::In(incoming) = &link.way
            && !incoming.held.is_empty()
        {
            self.for_disc.insert(at.0);
        }
        self.counts.links += 1;
        self.kept.attach(&link, (at, handle));
        if let Some(peer) = self.v10(at.0) {
            peer.links.insert((at.1, handle), link);
        }
        // What its sender has settled is forgotten.
        self.free_link(at, handle, host);
    }

    /// What a link takes, and the consumer of one that sends.
    fn begin_link(&mut self, at: At, link: &mut Link, host: &mut dyn Host) -> Result<(), Fault> {
        if !link.has_memory && host.reserve(LINK).is_err() {
            self.counts.refused_memory += 1;
            return Err(NO_MEMORY);
        }
        link.has_memory = true;
        let Way::Out(outgoing) = &mut link.way else { return Ok(()) };
        let me = self.connection_id(at.0);
        let stored = self.store.queues.get(&outgoing.queue).ok_or(NO_QUEUE).map_err(fault)?;
        stored.queue.check_owner(me).map_err(fault)?;
        // Its handle comes with the answer.
        let place = ConsumerAt { stream: at.0, outlet: Outlet::Link(at.1, u32::MAX) };
        let wanted = Consumer { id: ConsumerId(0), no_ack: outgoing.no_ack, exclusive: false, prefetch: 0 };
        let begun = self.begin_consumer(&outgoing.queue, wanted, place, host).map_err(fault)?;
        (outgoing.consumer, outgoing.was_consumer) = (Some(begun), true);
        Ok(())
    }

    pub(super) fn key_of(&mut self, at: At, attach: &Attach) -> LinkKey {
        let peer = self.v10(at.0);
        let user = peer.as_ref().map(|peer| peer.user.clone()).unwrap_or_default();
        let container = peer.and_then(|peer| Some(peer.machine.remote()?.container_id.clone())).unwrap_or_default();
        LinkKey { container, user, name: attach.name.clone(), role: attach.role.other() }
    }

    /// A client sends.
    fn open_incoming(&mut self, at: At, attach: &Attach, host: &mut dyn Host) -> Result<(Link, LinkEnd), Fault> {
        let mut terms = Terms::of(attach);
        let target = match &mut terms.target {
            None => return Err(NO_TARGET),
            Some(AnyTarget::Other(_)) => return Err(not_there("§4.5.1", "there are no transactions")),
            Some(AnyTarget::Node(target)) => &mut **target,
        };
        // A loss of power forgets what is not settled.
        target.durable = None;
        let expiry = Expiry::of(target.expiry_policy.as_ref(), target.timeout);
        let key = self.key_of(at, attach);
        let (to, owned) = match target.dynamic == Some(true) {
            true => {
                let queue = self.make_own_queue(at, expiry, host)?;
                *target = Target { address: Value::string(&Address::of_queue(&queue)), ..target.clone() };
                (Address::Queue(queue.clone()), Some(queue))
            }
            false => (address(&target.address)?, None),
        };
        match &to {
            Address::Queue(queue) => self.need_queue(at, queue, host)?,
            Address::Known(queue) => self.check_queue(at, queue)?,
            Address::Exchange(exchange, _) => {
                self.store.router.check_exchange(exchange).map_err(fault)?;
                if self.store.router.exchange(exchange).is_some_and(|options| options.internal) {
                    return Err(Fault::new(Condition::UnauthorizedAccess, "RabbitMQ", "the exchange is internal"));
                }
            }
        }
        let way = Way::In(Incoming { to, held: VecDeque::new() });
        Ok((
            Link { key, way, expiry, owned, has_memory: false, memory: 0 },
            LinkEnd::Receiver(ReceiverState::new(terms)),
        ))
    }

    /// A client receives.
    fn open_outgoing(&mut self, at: At, attach: &Attach, host: &mut dyn Host) -> Result<(Link, LinkEnd), Fault> {
        let mut terms = Terms::of(attach);
        let source = terms.source.as_deref_mut().ok_or(NO_SOURCE)?;
        if source.distribution_mode.as_ref().is_some_and(|mode| mode.as_str() == "copy") {
            return Err(not_there("§3.5.7", "messages are moved, not copied"));
        }
        // Those that hold: none (§3.5.8). A loss of power forgets what is not settled.
        (source.filter, source.durable) = (None, None);
        let expiry = Expiry::of(source.expiry_policy.as_ref(), source.timeout);
        let key = self.key_of(at, attach);
        let (queue, owned) = self.source_queue(at, source, expiry, host)?;
        let way = Way::Out(Outgoing {
            consumer: None,
            was_consumer: false,
            queue: queue.clone(),
            no_ack: terms.snd_settle_mode == SenderSettleMode::Settled,
            outstanding: BTreeSet::new(),
            default_outcome: source.default_outcome.clone(),
        });
        let owned = owned.then_some(queue);
        Ok((Link { key, way, expiry, owned, has_memory: false, memory: 0 }, LinkEnd::Sender(SenderState::new(terms))))
    }

    /// The queue from which a source has its messages, and whether it is there for that link alone.
    fn source_queue(
        &mut self,
        at: At,
        source: &mut Source,
        expiry: Expiry,
        host: &mut dyn Host,
    ) -> Result<(ShortStr, bool), Fault> {
        if source.dynamic == Some(true) {
            let queue = self.make_own_queue(at, expiry, host)?;
            source.address = Value::string(&Address::of_queue(&queue));
            return Ok((queue, true));
        }
        match address(&source.address)? {
            Address::Queue(queue) => {
                self.need_queue(at, &queue, host)?;
                Ok((queue, false))
            }
            Address::Known(queue) => {
                self.check_queue(at, &queue)?;
                Ok((queue, false))
            }
            Address::Exchange(exchange, key) => {
                self.store.router.check_exchange(&exchange).map_err(fault)?;
                let queue = self.make_own_queue(at, expiry, host)?;
                let to = Destination::Queue(queue.clone());
                if let Err(refused) = self.bind(&exchange, to, &key.unwrap_or_default(), &Table::new()) {
                    self.delete_queue(&queue, host);
                    return Err(fault(refused));
                }
                Ok((queue, true))
            }
        }
    }

    fn check_queue(&mut self, at: At, queue: &ShortStr) -> Result<(), Fault> {
        let me = self.connection_id(at.0);
        let stored = self.store.queues.get(queue).ok_or(NO_QUEUE).map_err(fault)?;
        stored.queue.check_owner(me).map_err(fault)
    }

    /// A queue with this name, durable where it is made now.
    fn need_queue(&mut self, at: At, queue: &ShortStr, host: &mut dyn Host) -> Result<(), Fault> {
        if self.store.queues.contains_key(queue) {
            return self.check_queue(at, queue);
        }
        check_name(queue).map_err(fault)?;
        let options = QueueOptions { durable: true, ..QueueOptions::default() };
        self.make_queue(at.0, queue, options, host).map_err(fault)?;
        Ok(())
    }

    /// A queue for one link: it goes with its connection and that (RabbitMQ), or with the link, where that outlives the connection.
    fn make_own_queue(&mut self, at: At, expiry: Expiry, host: &mut dyn Host) -> Result<ShortStr, Fault> {
        let name = self.new_name("amq.gen");
        let is_brief = !expiry.outlives_connection();
        let options = QueueOptions { exclusive: is_brief, auto_delete: is_brief, ..QueueOptions::default() };
        self.make_queue(at.0, &name, options, host).map_err(fault)?;
        Ok(name)
    }
}
