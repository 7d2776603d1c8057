//! From a message to its copies, and what they take of memory.

use super::MqttBroker;
use super::promises::{Held, Place, Promise};
use super::sessions::SessionId;
use super::store::{Copy, Entry, Subscription};
use crate::app::Host;
use crate::mqtt::DELIVER;
use crate::mqtt::session::{Message, Offered};
use crate::mqtt::topic::TopicFilter;
use crate::mqtt::wire::{QoS, ReasonCode, Text};
use protosim_core::Operation;

/// Memory of a session \[bytes\] (our choice, as this program takes).
pub(super) const SESSION: u64 = 320;
/// Memory of a subscription beside its filter \[bytes\].
const SUBSCRIPTION: u64 = 64;
/// Memory of one copy of a message beside topic and payload \[bytes\].
pub(super) const COPY: u64 = 96;

/// Memory of a retained message \[bytes\].
pub(super) fn retained_len(message: &Message) -> u64 {
    COPY + message.bytes()
}

impl MqttBroker {
    /// A message is published: retained, if it says so, and sent to all who have subscribed. What its publisher is told.
    pub(super) fn publish(&mut self, from: Option<&Text>, message: &Message, host: &mut dyn Host) -> ReasonCode {
        if message.retain && !self.retain(message, false, host) {
            self.counts.refused_messages += 1;
            return ReasonCode::QuotaExceeded;
        }
        let (copies, shared) = self.store.receivers(&message.content.topic, from, &[]);
        if copies.is_empty() && shared.is_empty() {
            return ReasonCode::NoMatchingSubscribers;
        }
        let mut is_refused = false;
        for (client, copy) in copies.into_iter().chain(shared.into_iter().map(|(_, client, copy)| (client, copy))) {
            let retain = message.retain && copy.retain_as_published;
            is_refused |= !self.deliver(&client, copy, message, retain, Place::Free, host);
        }
        match is_refused {
            true => {
                self.counts.refused_messages += 1;
                ReasonCode::QuotaExceeded
            }
            false => ReasonCode::Success,
        }
    }

    /// A message that was held is released: it goes where it has places, and to who has subscribed since if there is one.
    pub(super) fn publish_held(&mut self, held: &Held, mut promise: Promise, message: &Message, host: &mut dyn Host) {
        let is_promised = self.take_retained(&mut promise);
        let mut is_refused = message.retain && !self.retain(message, is_promised, host);
        let topic = &message.content.topic;
        let (copies, shared) = self.store.receivers(topic, Some(&held.0), &promise.turns);
        let copies = copies.into_iter().map(|(client, copy)| (false, client, copy));
        let shared = shared.into_iter().map(|(filter, client, copy)| {
            let is_turn = promise.turns.iter().any(|(of, _)| *of == filter);
            (is_turn, client, copy)
        });
        for (is_turn, client, copy) in copies.chain(shared) {
            let place = self.place(&client, held, is_turn);
            let retain = message.retain && copy.retain_as_published;
            is_refused |= !self.deliver(&client, copy, message, retain, place, host);
        }
        self.counts.refused_messages += u64::from(is_refused);
        self.end_promise(held, promise, host);
    }

    /// Keeps a message for later subscribers, or forgets the one that there is (MQTT-3.3.1-5 to -8). False if there is no room, which there
    /// is if it `is_promised`.
    fn retain(&mut self, message: &Message, is_promised: bool, host: &mut dyn Host) -> bool {
        let topic = &message.content.topic;
        let before = self.store.retained.get(topic).map(retained_len);
        if message.content.payload.is_empty() {
            if let Some(bytes) = before {
                self.store.retained.remove(topic);
                self.give_back(bytes, host);
                self.retained_changed(topic);
            }
            return true;
        }
        if !is_promised {
            if !self.may_retain(topic) {
                return false;
            }
            let bytes = retained_len(message);
            if host.reserve(bytes).is_err() {
                self.counts.refused_memory += 1;
                return false;
            }
            self.retained_memory += bytes;
        }
        self.give_back(before.unwrap_or(0), host);
        let kept = Message { subscriptions: Box::default(), ..message.clone() };
        self.store.retained.insert(topic.clone(), kept);
        self.retained_changed(topic);
        true
    }

    pub(super) fn give_back(&mut self, bytes: u64, host: &mut dyn Host) {
        let bytes = bytes.min(self.retained_memory);
        self.retained_memory -= bytes;
        host.release(bytes);
    }

    /// The broker's own topics are made anew.
    fn retained_changed(&mut self, topic: &Text) {
        if self.writes() && !topic.starts_with('$') {
            self.needs = self.disc.change(&Entry::Retained(topic.clone()));
        }
    }

    /// One copy for one client. False if it is refused, and its publisher may be told.
    fn deliver(
        &mut self,
        client: &Text,
        copy: Copy,
        message: &Message,
        retain: bool,
        place: Place,
        host: &mut dyn Host,
    ) -> bool {
        host.spend(Operation { name: DELIVER, bytes: message.content.payload.len() });
        let Some(stored) = self.store.sessions.get_mut(client) else { return true };
        let qos = message.qos.min(copy.qos);
        // What is promised has its memory.
        if place != Place::Promised {
            if host.reserve(COPY + message.bytes()).is_err() {
                self.counts.refused_memory += 1;
                self.counts.dropped += 1;
                return qos == QoS::AtMostOnce;
            }
            stored.memory += COPY + message.bytes();
        }
        let is_once = message.qos == QoS::ExactlyOnce;
        let message = Message {
            content: message.content.clone(),
            qos,
            retain,
            subscriptions: copy.ids.into(),
            expires: message.expires,
            token: 0,
        };
        let stream = stored.online;
        let mut connection = stream.and_then(|stream| self.connections.get_mut(&stream));
        if let Some(connection) = connection.as_mut().filter(|_| is_once) {
            // Whatever becomes of the session: the publisher would send it again, to be delivered again.
            connection.needs = connection.needs.max(self.needs);
            connection.needs_of_qos0 = connection.needs_of_qos0.max(self.needs);
        }
        let link = connection.and_then(|connection| connection.link.as_mut());
        // At QoS 0 no place is promised, and what is sent at once takes none.
        let place = if qos == QoS::AtMostOnce { Place::Free } else { place };
        let own;
        let limits = match (place, stored.owed()) {
            (Place::Free, (0, _)) => &self.limits,
            _ if qos == QoS::AtMostOnce && link.is_some() => &self.limits,
            _ => {
                own = stored.limits(&self.limits, place);
                &own
            }
        };
        let is_taken = match stored.session.publish(link, limits, message) {
            Offered::Taken(dropped) => {
                self.counts.dropped += dropped.len() as u64;
                true
            }
            // Of QoS 0, where nobody is there: it is not queued, and none is lost that was promised.
            Offered::Dropped(message) if message.qos == QoS::AtMostOnce => {
                self.counts.dropped_qos0 += 1;
                true
            }
            Offered::Dropped(_) => {
                self.counts.dropped += 1;
                true
            }
            Offered::Refused(_) => false,
        };
        if qos != QoS::AtMostOnce || self.config.queue_qos0 {
            self.changed(client);
        }
        match stream {
            Some(stream) => {
                self.touched.insert(stream);
            }
            None => self.settle_client(client, host),
        }
        is_taken
    }

    /// Retained messages for a new subscription (MQTT-3.3.1-9).
    pub(super) fn send_retained(
        &mut self,
        client: &Text,
        filter: &TopicFilter,
        subscription: Subscription,
        host: &mut dyn Host,
    ) {
        let now = host.now();
        let mut found = Vec::new();
        self.store.retained.matching(filter, |_, message| found.push(message.clone()));
        for message in found {
            if message.is_expired(now) {
                let topic = message.content.topic.clone();
                self.store.retained.remove(&topic);
                self.give_back(retained_len(&message), host);
                self.retained_changed(&topic);
                continue;
            }
            let ids = subscription.id.into_iter().collect();
            let copy = Copy { qos: subscription.options.qos, retain_as_published: true, ids };
            self.deliver(client, copy, &message, true, Place::Free, host);
        }
    }

    /// As [`MqttBroker::settle`], by the client's name.
    pub(super) fn settle_client(&mut self, client: &Text, host: &mut dyn Host) {
        if let Some(session) = self.store.sessions.id(client) {
            self.settle(session, host);
        }
    }

    /// Takes or gives back memory, so that a session has what it holds.
    pub(super) fn settle(&mut self, session: SessionId, host: &mut dyn Host) {
        let Some(stored) = self.store.sessions.at_mut(session) else { return };
        let (count, bytes) = stored.session.held();
        let filters = SUBSCRIPTION * stored.subscriptions.len() as u64 + stored.filter_bytes;
        let (_, owed) = stored.owed();
        let holds = SESSION + count * COPY + bytes + owed + filters;
        if holds < stored.memory {
            host.release(stored.memory - holds);
            stored.memory = holds;
        } else if holds > stored.memory && host.reserve(holds - stored.memory).is_ok() {
            stored.memory = holds;
        }
    }
}
