//! Places for copies of messages of QoS 2 that are held until their PUBREL (method A). What a PUBREC has confirmed is not refused later: so
//! each copy has its memory of the host, and with `overflow: Refuse` its place in a queue, from its PUBLISH on; so has what is to be retained.
//!
//! The promise is part of the publisher's session, beside the message that is held, and on disc with it. What each receiver owes of its places
//! follows from the promises of all, and is made up again after a loss of power. A promise ends with PUBREL or with the publisher's session.

use super::MqttBroker;
use super::deliver::COPY;
use super::store::Stored;
use crate::app::Host;
use crate::mqtt::session::{Limits, Message, Overflow};
use crate::mqtt::topic::TopicFilter;
use crate::mqtt::wire::{PacketId, QoS, ReasonCode, Text};
use std::collections::BTreeMap;

/// A message that is held: its publisher, and its identifier there.
pub(super) type Held = (Text, PacketId);

/// What is promised for a message that is held.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Promise {
    /// Memory of each copy \[bytes\].
    bytes: u64,
    /// Where it is to be retained.
    retained: Option<Text>,
    /// Who has a place for it; twice for two copies.
    receivers: Vec<Text>,
    /// Whose turn it is in each group that shares.
    pub(super) turns: Vec<(TopicFilter, Text)>,
}

/// Promises of one session.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Promises {
    /// For what its client has published.
    given: BTreeMap<PacketId, Promise>,
    /// Places in its queue for what others have published: how many copies, and the memory of each \[bytes\].
    owed: BTreeMap<Held, (u64, u64)>,
    copies: u64,
    bytes: u64,
}

/// What a copy may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// What is free and not promised to others.
    Free,
    /// What was promised: queue and memory.
    Promised,
    /// It takes the place of one that has gone away with its session: memory that is free, in a queue beyond its limits.
    Inherited,
}

impl Promises {
    /// How many copies are owed, and their memory \[bytes\].
    pub(super) fn owed(&self) -> (u64, u64) {
        (self.copies, self.bytes)
    }

    /// As it is on disc.
    pub(super) fn on_disc(&self) -> Option<Box<Self>> {
        let given = self.given.clone();
        (!given.is_empty()).then(|| Box::new(Self { given, ..Self::default() }))
    }

    fn owe(&mut self, held: &Held, bytes: u64) {
        let owed = self.owed.entry(held.clone()).or_insert((0, bytes));
        owed.0 += 1;
        self.copies += 1;
        self.bytes += bytes;
    }

    /// Whether there was one.
    fn take(&mut self, held: &Held) -> bool {
        let Some((copies, bytes)) = self.owed.get_mut(held) else { return false };
        *copies -= 1;
        self.copies -= 1;
        self.bytes -= *bytes;
        if *copies == 0 {
            self.owed.remove(held);
        }
        true
    }

    fn is_empty(&self) -> bool {
        self.given.is_empty() && self.owed.is_empty()
    }
}

impl Stored {
    /// Copies that are owed, and their memory \[bytes\].
    pub(super) fn owed(&self) -> (u64, u64) {
        self.promises.as_ref().map_or((0, 0), |promises| promises.owed())
    }

    fn promises_mut(&mut self) -> &mut Promises {
        self.promises.get_or_insert_default()
    }

    /// Takes one copy out of what is owed. Whether there was one.
    fn take_owed(&mut self, held: &Held) -> bool {
        let taken = self.promises.as_mut().is_some_and(|promises| promises.take(held));
        self.tidy();
        taken
    }

    pub(super) fn take_given(&mut self, id: PacketId) -> Option<Promise> {
        let given = self.promises.as_mut()?.given.remove(&id);
        self.tidy();
        given
    }

    /// All that is promised for what its client has published.
    pub(super) fn take_all_given(&mut self) -> BTreeMap<PacketId, Promise> {
        let given = self.promises.as_mut().map(|promises| std::mem::take(&mut promises.given)).unwrap_or_default();
        self.tidy();
        given
    }

    fn tidy(&mut self) {
        self.promises.take_if(|promises| promises.is_empty());
    }

    /// The limits for a copy in this place. Topics and payloads are what queues count.
    pub(super) fn limits(&self, limits: &Limits, place: Place) -> Limits {
        let (copies, bytes) = self.owed();
        let (max_queued, max_queued_bytes) = match place {
            Place::Free if limits.overflow == Overflow::Refuse => (
                limits.max_queued.saturating_sub(u32::try_from(copies).unwrap_or(u32::MAX)),
                limits.max_queued_bytes.saturating_sub(bytes - copies * COPY),
            ),
            Place::Free => (limits.max_queued, limits.max_queued_bytes),
            // With the others nothing is promised but memory.
            _ if limits.overflow != Overflow::Refuse => (limits.max_queued, limits.max_queued_bytes),
            _ => (u32::MAX, u64::MAX),
        };
        Limits { max_queued, max_queued_bytes, ..limits.clone() }
    }

    fn has_room_for(&self, message: &Message, limits: &Limits) -> bool {
        if limits.overflow != Overflow::Refuse {
            return true;
        }
        let free = self.limits(limits, Place::Free);
        let bytes = self.session.queued_bytes().saturating_add(message.bytes());
        (self.session.queued() as u64) < u64::from(free.max_queued) && bytes <= free.max_queued_bytes
    }
}

impl MqttBroker {
    /// A message is to be held until its PUBREL: keeps places for it. What its publisher is told.
    pub(super) fn promise(&mut self, from: &Text, id: PacketId, message: &Message, host: &mut dyn Host) -> ReasonCode {
        // For the one that is held. Its session is charged for it when it is settled.
        let bytes = COPY + message.bytes();
        if host.reserve(bytes).is_err() {
            self.counts.refused_memory += 1;
            self.counts.refused_messages += 1;
            return ReasonCode::QuotaExceeded;
        }
        let held = (from.clone(), id);
        let is_promised = self.try_promise(&held, bytes, message, host);
        host.release(bytes);
        match is_promised {
            true => ReasonCode::Success,
            false => {
                self.counts.refused_messages += 1;
                ReasonCode::QuotaExceeded
            }
        }
    }

    fn try_promise(&mut self, held: &Held, bytes: u64, message: &Message, host: &mut dyn Host) -> bool {
        let topic = &message.content.topic;
        let is_retained = message.retain && !message.content.payload.is_empty();
        if is_retained && !self.may_retain(topic) {
            return false;
        }
        let (copies, shared) = self.store.receivers(topic, Some(&held.0), &[]);
        let turns = shared.iter().map(|(filter, client, _)| (filter.clone(), client.clone())).collect();
        let mut promise = Promise { bytes, retained: None, receivers: Vec::new(), turns };
        let mut has_room = true;
        for (client, copy) in copies.into_iter().chain(shared.into_iter().map(|(_, client, copy)| (client, copy))) {
            // At QoS 0 nothing is promised.
            if copy.qos == QoS::AtMostOnce {
                continue;
            }
            let Some(stored) = self.store.sessions.get_mut(&client) else { continue };
            has_room = stored.has_room_for(message, &self.limits);
            if !has_room {
                break;
            }
            stored.promises_mut().owe(held, bytes);
            promise.receivers.push(client);
        }
        let count = promise.receivers.len() as u64 + u64::from(is_retained);
        if has_room && host.reserve(bytes.saturating_mul(count)).is_err() {
            self.counts.refused_memory += 1;
            has_room = false;
        }
        if !has_room {
            self.forget_owed(held, &promise);
            return false;
        }
        for client in &promise.receivers {
            if let Some(stored) = self.store.sessions.get_mut(client) {
                stored.memory += bytes;
            }
        }
        if is_retained {
            self.retained_memory += bytes;
            *self.promised_topics.entry(topic.clone()).or_default() += 1;
            promise.retained = Some(topic.clone());
        }
        if let Some(stored) = self.store.sessions.get_mut(&held.0) {
            stored.promises_mut().given.insert(held.1, promise);
        }
        true
    }

    fn forget_owed(&mut self, held: &Held, promise: &Promise) {
        for client in &promise.receivers {
            if let Some(stored) = self.store.sessions.get_mut(client) {
                stored.take_owed(held);
            }
        }
    }

    /// Whether one more topic, or this one again, may have a retained message. Topics that are promised have their places.
    pub(super) fn may_retain(&self, topic: &Text) -> bool {
        let Some(most) = self.config.max_retained else { return true };
        let retained = &self.store.retained;
        if retained.get(topic).is_some() || self.promised_topics.contains_key(topic) {
            return true;
        }
        let promised = self.promised_topics.keys().filter(|topic| retained.get(topic).is_none()).count();
        ((retained.len() + promised) as u64) < most
    }

    /// What place a copy of a message that was held has. A promise is used up by it.
    pub(super) fn place(&mut self, client: &Text, held: &Held, is_turn: bool) -> Place {
        match self.store.sessions.get_mut(client).is_some_and(|stored| stored.take_owed(held)) {
            true => Place::Promised,
            false if is_turn => Place::Inherited,
            false => Place::Free,
        }
    }

    /// Whether a promise for what is retained is used up: its memory is there.
    pub(super) fn take_retained(&mut self, promise: &mut Promise) -> bool {
        let Some(topic) = promise.retained.take() else { return false };
        if let Some(count) = self.promised_topics.get_mut(&topic) {
            *count -= 1;
            if *count == 0 {
                self.promised_topics.remove(&topic);
            }
        }
        true
    }

    /// A promise is over: what nobody has used is free.
    pub(super) fn end_promise(&mut self, held: &Held, mut promise: Promise, host: &mut dyn Host) {
        if self.take_retained(&mut promise) {
            self.give_back(promise.bytes, host);
        }
        self.forget_owed(held, &promise);
        for client in &promise.receivers {
            self.settle_client(client, host);
        }
    }

    /// After a loss of power: what receivers owe, from the promises that were on disc. Memory for what is to be retained \[bytes\].
    pub(super) fn owe_again(&mut self) -> u64 {
        let mut promises = Vec::new();
        for (client, stored) in self.store.sessions.iter() {
            let given = stored.promises.iter().flat_map(|promises| &promises.given);
            promises.extend(given.map(|(id, promise)| ((client.clone(), *id), promise.clone())));
        }
        let mut retained = 0;
        for (held, promise) in promises {
            for client in &promise.receivers {
                if let Some(stored) = self.store.sessions.get_mut(client) {
                    stored.promises_mut().owe(&held, promise.bytes);
                }
            }
            if let Some(topic) = promise.retained {
                retained += promise.bytes;
                *self.promised_topics.entry(topic).or_default() += 1;
            }
        }
        retained
    }
}
