//! One queue with its consumers (§3.1.1), with RabbitMQ's lengths, times to live, priorities and dead letters.
//!
//! | file | what |
//! |---|---|
//! | `options` | what is declared of a queue |
//! | `message` | messages, and dead ones |
//! | `consumers` | who gets them |
//!
//! # Where a message stands
//! ```text
//!            publish                  next, get                  ack
//!  (refused) ◀────── ──────▶ ready ─────────────▶ unacknowledged ─────▶ (gone)
//!                            │  ▲                  │  │
//!                            │  └───── requeue ────┘  │ reject
//!                            ▼ expired, too many      ▼
//!                                       Left ──▶ dead letter, or gone
//! ```
//! [`Queue::next`] says what happens next, one thing at a time; its owner asks until there is nothing more, after each publication,
//! acknowledgement, subscription and deadline. Consumers come before times to live, and these before lengths: what can be delivered as it comes
//! neither expires, with a time to live of 0, nor is it too much.
//!
//! # Order
//! By priority, the highest first, then by position: the number that a message got as it came. What is queued again goes back to its position,
//! and is marked as redelivered. Messages expire at the head alone: behind one that does not, they wait, as they do in RabbitMQ; so do
//! those of lower priorities.
//!
//! # What counts
//! Lengths count what is ready, and of it the bodies (RabbitMQ).

mod consumers;
mod message;
mod options;

pub use consumers::{Consumer, ConsumerId};
pub use message::{Cause, DeadLetter, Left, Message, Original};
pub use options::{Overflow, QueueOptions};

use crate::amqp::v091::wire::{Fault, ReplyCode, ShortStr};
use consumers::Consumers;
use protosim_core::LocalTime;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A connection, by a number that its server gives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(pub u64);

/// A queue.
#[derive(Clone, Debug)]
pub struct Queue {
    name: ShortStr,
    options: QueueOptions,
    /// The connection that has it for itself.
    owner: Option<ConnectionId>,
    ready: BTreeMap<Place, Entry>,
    /// Bodies of them \[bytes\].
    ready_bytes: u64,
    /// By position.
    unacked: BTreeMap<u64, Unacked>,
    /// Bodies of all of them, and what is said about them \[bytes\].
    memory: u64,
    consumers: Consumers,
    /// The position of the next message.
    next_position: u64,
    /// When it was last declared, asked for a message, or had a consumer.
    used_at: LocalTime,
}

/// Where a message stands: in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Place {
    /// How far its priority is below the highest that there can be.
    below: u8,
    position: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    message: Arc<Message>,
    arrived_at: LocalTime,
    /// `None` for never.
    expires_at: Option<LocalTime>,
    redelivered: bool,
    failures: u32,
}

#[derive(Clone, Debug)]
struct Unacked {
    place: Place,
    entry: Entry,
    /// `None` for one that was asked for.
    consumer: Option<ConsumerId>,
}

/// What became of a message that was published.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Published {
    /// It is in the queue, at this position.
    Taken(u64),
    /// There is no room: its publisher gets a nack. With what has left, where it is a dead letter all the same.
    Refused(Option<Left>),
}

/// A message on its way to a consumer, or to who has asked for one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// Its number in the queue, by which it is acknowledged.
    pub position: u64,
    /// Whose it is; `None` for one that was asked for.
    pub consumer: Option<ConsumerId>,
    /// Nobody acknowledges it: it has left the queue.
    pub no_ack: bool,
    /// It may have been delivered before.
    pub redelivered: bool,
    /// How often who had it has said that it failed (1.0 §3.2.1).
    pub failures: u32,
    /// When it came to the queue.
    pub arrived_at: LocalTime,
    /// The message.
    pub message: Arc<Message>,
}

/// What happens in a queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// A consumer gets a message.
    Deliver(Delivery),
    /// A message leaves.
    Leave(Left),
}

impl Entry {
    fn is_expired(&self, now: LocalTime) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// Expired, and not as it came: with a time to live of 0 it may still be delivered at once.
    fn is_stale(&self, now: LocalTime) -> bool {
        self.is_expired(now) && self.arrived_at < now
    }
}

impl Queue {
    /// A queue without messages, declared now by this connection.
    pub fn new(name: ShortStr, options: QueueOptions, connection: ConnectionId, now: LocalTime) -> Self {
        let owner = options.exclusive.then_some(connection);
        Self {
            name,
            options,
            owner,
            ready: BTreeMap::new(),
            ready_bytes: 0,
            unacked: BTreeMap::new(),
            memory: 0,
            consumers: Consumers::default(),
            next_position: 0,
            used_at: now,
        }
    }

    /// The same, whose first message gets this position: a queue that comes after one of its name has others, so that late acknowledgements of that one's
    /// mean nothing here.
    #[must_use]
    pub const fn starting_at(mut self, position: u64) -> Self {
        self.next_position = position;
        self
    }

    /// The position of the message that comes next.
    pub const fn next_position(&self) -> u64 {
        self.next_position
    }

    /// Its name.
    pub const fn name(&self) -> &ShortStr {
        &self.name
    }

    /// What was declared of it.
    pub const fn options(&self) -> &QueueOptions {
        &self.options
    }

    /// How many messages are ready.
    pub fn ready(&self) -> usize {
        self.ready.len()
    }

    /// How long their bodies are \[bytes\].
    pub const fn ready_bytes(&self) -> u64 {
        self.ready_bytes
    }

    /// How many messages are delivered and not acknowledged.
    pub fn unacked(&self) -> usize {
        self.unacked.len()
    }

    /// How many messages it holds, ready or not, and what they take \[bytes\].
    pub fn held(&self) -> (u64, u64) {
        ((self.ready.len() + self.unacked.len()) as u64, self.memory)
    }

    /// The message at a position, with when it expires; `priority` is what [`Self::priority_of`] says of it.
    pub fn at(&self, priority: u8, position: u64) -> Option<(&Arc<Message>, Option<LocalTime>)> {
        let place = Place { below: u8::MAX - priority, position };
        let entry = self.ready.get(&place).or_else(|| self.unacked.get(&position).map(|unacked| &unacked.entry))?;
        Some((&entry.message, entry.expires_at))
    }

    /// The positions of all its messages, with their priorities.
    pub fn positions(&self) -> impl Iterator<Item = (u8, u64)> {
        let places = self.ready.keys().copied().chain(self.unacked.values().map(|unacked| unacked.place));
        places.map(|place| (u8::MAX - place.below, place.position))
    }

    /// The priority that a message has in it.
    pub fn priority_of(&self, message: &Message) -> u8 {
        message.properties().priority.unwrap_or_default().min(self.options.max_priority)
    }

    /// A message that was on disc is at its position again, marked as redelivered: it may have been delivered before.
    pub fn recover(&mut self, position: u64, message: Arc<Message>, expires_at: Option<LocalTime>, now: LocalTime) {
        let place = Place { below: u8::MAX - self.priority_of(&message), position };
        self.next_position = self.next_position.max(position + 1);
        self.put(place, Entry { message, arrived_at: now, expires_at, redelivered: true, failures: 0 });
    }

    /// How many consumers it has.
    pub fn consumer_count(&self) -> usize {
        self.consumers.len()
    }

    /// Its consumers, in the order of their numbers.
    pub fn consumers(&self) -> impl Iterator<Item = ConsumerId> {
        self.consumers.ids()
    }

    /// Whether this connection may use it.
    ///
    /// # Errors
    /// 405 where another one has it for itself (§1.7.2.1).
    pub fn check_owner(&self, connection: ConnectionId) -> Result<(), Fault> {
        match self.owner {
            Some(owner) if owner != connection => {
                Err(Fault::new(ReplyCode::ResourceLocked, "§1.7.2.1", "another connection has the queue for itself"))
            }
            _ => Ok(()),
        }
    }

    /// It is declared anew.
    ///
    /// # Errors
    /// 405 where another connection has it for itself; 406 where it was declared otherwise (§1.7.2.1).
    pub fn declare(&mut self, options: &QueueOptions, connection: ConnectionId, now: LocalTime) -> Result<(), Fault> {
        self.check_owner(connection)?;
        if *options != self.options {
            return Err(Fault::new(ReplyCode::PreconditionFailed, "§1.7.2.1", "the queue was declared otherwise"));
        }
        self.used_at = now;
        Ok(())
    }

    /// Whether it may be deleted.
    ///
    /// # Errors
    /// 406 where it is in use, or has messages, and then shall not (§1.7.2.9).
    pub fn check_delete(&self, if_unused: bool, if_empty: bool) -> Result<(), Fault> {
        let wrong = |why| Err(Fault::new(ReplyCode::PreconditionFailed, "§1.7.2.9", why));
        match (if_unused && self.consumers.len() > 0, if_empty && !self.ready.is_empty()) {
            (true, _) => wrong("the queue has consumers"),
            (_, true) => wrong("the queue has messages"),
            _ => Ok(()),
        }
    }

    /// A message comes.
    pub fn publish(&mut self, message: Arc<Message>, now: LocalTime) -> Published {
        let is_full = |limit: Option<u64>, len| limit.is_some_and(|limit| len > limit);
        let is_too_much = is_full(self.options.max_length, self.ready.len() as u64 + 1)
            || is_full(self.options.max_length_bytes, self.ready_bytes + message.bytes());
        let left = |message| Left { position: None, cause: Cause::MaxLength, message };
        match self.options.overflow {
            Overflow::RejectPublish if is_too_much => return Published::Refused(None),
            Overflow::RejectPublishDlx if is_too_much => return Published::Refused(Some(left(message))),
            // What is too much leaves when nobody takes it: see `next`.
            _ => {}
        }
        let priority = self.priority_of(&message);
        let position = self.next_position;
        self.next_position += 1;
        // The shorter of both (RabbitMQ).
        let ttl = self.options.message_ttl.into_iter().chain(message.time_to_live()).min();
        let expires_at = ttl.map(|ttl| now.saturating_add(ttl));
        let place = Place { below: u8::MAX - priority, position };
        self.put(place, Entry { message, arrived_at: now, expires_at, redelivered: false, failures: 0 });
        Published::Taken(position)
    }

    /// What happens next; `None` when nothing does, until something comes, or [`Self::deadline`]. `has_room` says whether a consumer's
    /// channel takes one more.
    pub fn next(&mut self, now: LocalTime, has_room: impl FnMut(&Consumer) -> bool) -> Option<Step> {
        let (_, head) = self.ready.first_key_value()?;
        let (is_stale, is_expired) = (head.is_stale(now), head.is_expired(now));
        if !is_stale && let Some(consumer) = self.consumers.next(has_room) {
            self.used_at = now;
            return self.deliver(Some(consumer.id), consumer.no_ack).map(Step::Deliver);
        }
        let cause = match is_expired {
            true => Cause::Expired,
            false if self.is_too_long() => Cause::MaxLength,
            false => return None,
        };
        let (place, entry) = self.pop()?;
        Some(Step::Leave(Left { position: Some(place.position), cause, message: entry.message }))
    }

    /// A message for who asks for one (`basic.get`), whatever consumers there are. Its owner has asked [`Self::next`] before, at the same
    /// instant: what has expired is never given.
    pub fn get(&mut self, now: LocalTime, no_ack: bool) -> Option<Delivery> {
        self.used_at = now;
        match self.ready.first_key_value() {
            Some((_, head)) if !head.is_expired(now) => self.deliver(None, no_ack),
            _ => None,
        }
    }

    /// A message is acknowledged: it is gone. `None` where none at this position waits for that.
    pub fn ack(&mut self, position: u64) -> Option<Arc<Message>> {
        self.settle(position).map(|unacked| unacked.entry.message)
    }

    /// A message is rejected, and not to be queued again. `None` where none at this position waits for an acknowledgement.
    pub fn reject(&mut self, position: u64) -> Option<Left> {
        let message = self.ack(position)?;
        Some(Left { position: Some(position), cause: Cause::Rejected, message })
    }

    /// A message goes back to its position: it, or its channel, was not able to be acknowledged. Whether one there waited for that.
    pub fn requeue(&mut self, position: u64) -> bool {
        self.put_back(position, 0, true)
    }

    /// The same, of one that who had it has failed with (1.0 §3.4.5).
    pub fn requeue_failed(&mut self, position: u64) -> bool {
        self.put_back(position, 1, true)
    }

    /// As [`Self::requeue`], and says whether it marks the message, as it should.
    pub(in crate::amqp) fn requeue_marked(&mut self, position: u64, is_marked: bool) -> bool {
        self.put_back(position, 0, is_marked)
    }

    fn put_back(&mut self, position: u64, failures: u32, is_marked: bool) -> bool {
        let Some(Unacked { place, entry, .. }) = self.settle(position) else { return false };
        let failures = entry.failures.saturating_add(failures);
        let redelivered = entry.redelivered || is_marked;
        self.put(place, Entry { redelivered, failures, ..entry });
        true
    }

    /// The same, but to the end of the queue, as it should not: the message, and where it stands now.
    pub(in crate::amqp) fn requeue_behind(&mut self, position: u64) -> Option<(Arc<Message>, u64)> {
        let Unacked { place, entry, .. } = self.settle(position)?;
        let (message, behind) = (entry.message.clone(), self.next_position);
        self.next_position += 1;
        self.put(Place { position: behind, ..place }, Entry { redelivered: true, ..entry });
        Some((message, behind))
    }

    /// All that is ready goes. How many they are (§1.7.2.7).
    pub fn purge(&mut self) -> usize {
        self.ready_bytes = 0;
        self.memory = self.unacked.values().map(|unacked| unacked.entry.message.memory()).sum();
        std::mem::take(&mut self.ready).len()
    }

    /// A consumer begins.
    ///
    /// # Errors
    /// 403 where it, or one that is there, shall be the only one (§1.8.3.3).
    pub fn subscribe(&mut self, consumer: Consumer, now: LocalTime) -> Result<(), Fault> {
        self.consumers.add(consumer)?;
        self.used_at = now;
        Ok(())
    }

    /// A consumer ends; what it has not acknowledged still is to be. Whether the queue goes with it: it was the last one of a queue that is
    /// declared so (§1.7.2.1).
    pub fn unsubscribe(&mut self, consumer: ConsumerId, now: LocalTime) -> bool {
        if !self.consumers.remove(consumer) {
            return false;
        }
        self.used_at = now;
        self.options.auto_delete && self.consumers.len() == 0
    }

    /// The message that is published when one has left; `None` where nobody wants dead letters.
    pub fn dead_letter(&self, left: &Left, now: LocalTime) -> Option<DeadLetter> {
        let exchange = self.options.dead_letter_exchange.as_ref()?;
        let own = left.message.routing_key();
        let routing_key = self.options.dead_letter_routing_key.as_ref().unwrap_or(own);
        let message = left.message.dead(&self.name, left.cause, now, (exchange, routing_key));
        Some(DeadLetter { exchange: exchange.clone(), message })
    }

    /// When [`Self::next`] is to be asked, or the queue goes by itself, whatever comes before.
    pub fn deadline(&self) -> Option<LocalTime> {
        let head = self.ready.first_key_value().and_then(|(_, head)| head.expires_at);
        head.into_iter().chain(self.goes_at()).min()
    }

    /// Whether it was not used for longer than it was declared for (RabbitMQ: `x-expires`).
    pub fn is_expired(&self, now: LocalTime) -> bool {
        self.goes_at().is_some_and(|at| at <= now)
    }

    /// Its server has started anew: it has no consumers, and of its messages those that `keep` says, by position; those that were delivered are
    /// ready again, and marked as redelivered.
    pub fn restart(&mut self, now: LocalTime, mut keep: impl FnMut(u64, &Message) -> bool) {
        self.consumers = Consumers::default();
        self.used_at = now;
        for (_, Unacked { place, entry, .. }) in std::mem::take(&mut self.unacked) {
            self.put(place, Entry { redelivered: true, ..entry });
        }
        self.ready.retain(|place, entry| keep(place.position, &entry.message));
        self.ready_bytes = self.ready.values().map(|entry| entry.message.bytes()).sum();
        self.memory = self.ready.values().map(|entry| entry.message.memory()).sum();
    }

    fn goes_at(&self) -> Option<LocalTime> {
        self.options.expires.filter(|_| self.consumers.len() == 0).map(|span| self.used_at.saturating_add(span))
    }

    fn is_too_long(&self) -> bool {
        let is_over = |limit: Option<u64>, len| limit.is_some_and(|limit| len > limit);
        self.options.overflow == Overflow::DropHead
            && (is_over(self.options.max_length, self.ready.len() as u64)
                || is_over(self.options.max_length_bytes, self.ready_bytes))
    }

    fn put(&mut self, place: Place, entry: Entry) {
        self.ready_bytes += entry.message.bytes();
        self.memory += entry.message.memory();
        self.ready.insert(place, entry);
    }

    fn pop(&mut self) -> Option<(Place, Entry)> {
        let (place, entry) = self.ready.pop_first()?;
        self.ready_bytes -= entry.message.bytes();
        self.memory -= entry.message.memory();
        Some((place, entry))
    }

    fn deliver(&mut self, consumer: Option<ConsumerId>, no_ack: bool) -> Option<Delivery> {
        let (place, entry) = self.pop()?;
        let Entry { redelivered, failures, arrived_at, ref message, .. } = entry;
        let (position, message) = (place.position, message.clone());
        if !no_ack {
            self.memory += entry.message.memory();
            self.unacked.insert(position, Unacked { place, entry, consumer });
        }
        Some(Delivery { position, consumer, no_ack, redelivered, failures, arrived_at, message })
    }

    fn settle(&mut self, position: u64) -> Option<Unacked> {
        let unacked = self.unacked.remove(&position)?;
        self.memory -= unacked.entry.message.memory();
        if let Some(consumer) = unacked.consumer {
            self.consumers.settle(consumer);
        }
        Some(unacked)
    }
}
