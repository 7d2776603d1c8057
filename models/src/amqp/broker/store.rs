//! Exchanges and queues, and what of them is on disc.

use super::AmqpBroker;
use super::memory::{MESSAGE, QUEUE};
use crate::amqp::broker::exchange::{Destination, ExchangeOptions, Router};
use crate::amqp::broker::queue::{ConnectionId, Message, Queue, QueueOptions};
use crate::amqp::flaw::AmqpFlaw;
use crate::amqp::v091::wire::{ShortStr, Table};
use crate::app::Host;
use protosim_core::LocalTime;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A queue, and what the broker keeps beside it.
#[derive(Clone, Debug)]
pub(in crate::amqp) struct Stored {
    pub(in crate::amqp) queue: Queue,
    /// When it is to be looked at.
    pub(in crate::amqp) deadline: Option<LocalTime>,
    /// Memory of the host that it has \[bytes\].
    pub(in crate::amqp) memory: u64,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub(in crate::amqp) struct Store {
    pub(in crate::amqp) router: Router,
    pub(in crate::amqp) queues: BTreeMap<ShortStr, Stored>,
}

/// What an entry of the disc is of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::amqp) enum Entry {
    /// An exchange and the bindings that lead from it.
    Exchange(ShortStr),
    /// What a queue was declared as.
    Queue(ShortStr),
    /// A message: its queue, its priority there, its position.
    Message(ShortStr, u8, u64),
}

/// A binding, without its source.
type Binding = (Destination, ShortStr, Table);

/// What an entry of the disc is.
#[derive(Clone, Debug)]
pub(in crate::amqp) enum Content {
    Exchange(ExchangeOptions, Vec<Binding>),
    Queue(QueueOptions),
    /// With when it expires.
    Message(Arc<Message>, Option<LocalTime>),
}

/// What outlives a loss of power.
pub(in crate::amqp) type OnDisc = BTreeMap<Entry, Content>;

impl Store {
    /// Whether a queue is on disc.
    pub(in crate::amqp) fn is_durable(&self, queue: &str) -> bool {
        self.queues.get(queue).is_some_and(|stored| is_kept(stored.queue.options()))
    }

    /// Whether an exchange is.
    pub(in crate::amqp) fn is_durable_exchange(&self, exchange: &str) -> bool {
        self.router.exchange(exchange).is_some_and(|options| options.durable)
    }

    fn is_durable_end(&self, destination: &Destination) -> bool {
        match destination {
            Destination::Queue(queue) => self.is_durable(queue),
            Destination::Exchange(exchange) => self.is_durable_exchange(exchange),
        }
    }

    /// An entry as it is on disc; `None` if it is not to be there.
    pub(in crate::amqp) fn on_disc(&self, entry: &Entry) -> Option<Content> {
        match entry {
            Entry::Exchange(name) => {
                let options = self.router.exchange(name).filter(|options| options.durable)?;
                let kept = |binding: &&Binding| self.is_durable_end(&binding.0);
                Some(Content::Exchange(options.clone(), self.router.bindings(name).filter(kept).cloned().collect()))
            }
            Entry::Queue(name) => {
                let options = self.queues.get(name)?.queue.options();
                is_kept(options).then(|| Content::Queue(options.clone()))
            }
            Entry::Message(queue, priority, position) => {
                let queue = &self.queues.get(queue)?.queue;
                let (message, expires_at) = queue.at(*priority, *position)?;
                let is_there = is_kept(queue.options()) && message.properties().is_persistent();
                is_there.then(|| Content::Message(message.clone(), expires_at))
            }
        }
    }

    /// What is on disc, where what has changed is there at once.
    pub(in crate::amqp) fn durable(&self) -> OnDisc {
        let exchanges = self.router.exchanges().map(|(name, _)| Entry::Exchange(name.clone()));
        let queues = self.queues.keys().map(|name| Entry::Queue(name.clone()));
        let messages =
            self.queues.iter().filter(|(_, stored)| is_kept(stored.queue.options())).flat_map(|(name, stored)| {
                let entry = |(priority, position)| Entry::Message(name.clone(), priority, position);
                stored.queue.positions().map(entry)
            });
        let all = exchanges.chain(queues).chain(messages);
        all.filter_map(|entry| Some((entry.clone(), self.on_disc(&entry)?))).collect()
    }
}

/// An exclusive queue goes with its connection.
fn is_kept(options: &QueueOptions) -> bool {
    options.durable && !options.exclusive
}

impl AmqpBroker {
    /// What was on disc is there again.
    pub(in crate::amqp) fn resume(&mut self, host: &mut dyn Host) {
        let Some(there) = self.recovered.take() else { return };
        let now = host.now();
        for (entry, content) in &*there {
            match (entry, content) {
                (Entry::Exchange(name), Content::Exchange(options, _)) => {
                    // The broker's own are there already, and are the same.
                    let _ = self.store.router.declare(name, options.clone());
                }
                (Entry::Queue(name), Content::Queue(options)) => {
                    let memory = if host.reserve(QUEUE).is_ok() { QUEUE } else { 0 };
                    self.held += memory;
                    let queue = Queue::new(name.clone(), options.clone(), ConnectionId(0), now);
                    self.store.queues.insert(name.clone(), Stored { queue, deadline: None, memory });
                    self.store.router.add_queue(name);
                    self.dirty.insert(name.clone());
                }
                (Entry::Message(name, _, position), Content::Message(message, expires_at)) => {
                    let Some(stored) = self.store.queues.get_mut(name) else { continue };
                    let bytes = MESSAGE + message.memory();
                    if host.reserve(bytes).is_ok() {
                        stored.memory += bytes;
                        self.held += bytes;
                    }
                    stored.queue.recover(*position, message.clone(), *expires_at, now);
                    self.counts.recovered += 1;
                }
                // Each kind of entry has its kind of content.
                _ => {}
            }
        }
        let keeps_bindings = !self.has(AmqpFlaw::BindingsForgotten);
        for (entry, content) in there.iter().filter(|_| keeps_bindings) {
            let (Entry::Exchange(name), Content::Exchange(_, bindings)) = (entry, content) else { continue };
            for (destination, key, arguments) in bindings {
                // One whose end is not there any more has no effect.
                let _ = self.store.router.bind(name, destination.clone(), key, arguments);
            }
        }
        if self.writes() {
            self.disc = crate::messaging::disc::Disc::with(*there);
        }
        // Positions of queues to come lie above all that were given.
        self.given.queue =
            self.store.queues.values().map(|stored| stored.queue.next_position() >> 40).max().unwrap_or(0);
    }
}
