//! From a message to its copies, and what they take of memory.

use super::MqttBroker;
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
        if message.retain && !self.retain(message, host) {
            self.counts.refused_messages += 1;
            return ReasonCode::QuotaExceeded;
        }
        let (copies, shared) = self.store.receivers(&message.content.topic, from);
        if copies.is_empty() && shared.is_empty() {
            return ReasonCode::NoMatchingSubscribers;
        }
        let mut is_refused = false;
        for (client, copy) in copies.into_iter().chain(shared) {
            let retain = message.retain && copy.retain_as_published;
            is_refused |= !self.deliver(&client, copy, message, retain, host);
        }
        match is_refused {
            true => {
                self.counts.refused_messages += 1;
                ReasonCode::QuotaExceeded
            }
            false => ReasonCode::Success,
        }
    }

    /// Keeps a message for later subscribers, or forgets the one that there is (MQTT-3.3.1-5 to -8). False if there is no room.
    fn retain(&mut self, message: &Message, host: &mut dyn Host) -> bool {
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
        let is_full = self.config.max_retained.is_some_and(|most| self.store.retained.len() as u64 >= most);
        if is_full && before.is_none() {
            return false;
        }
        let bytes = retained_len(message);
        if host.reserve(bytes).is_err() {
            self.counts.refused_memory += 1;
            return false;
        }
        self.retained_memory += bytes;
        self.give_back(before.unwrap_or(0), host);
        let kept = Message { subscriptions: Box::default(), ..message.clone() };
        self.store.retained.insert(topic.clone(), kept);
        self.retained_changed(topic);
        true
    }

    fn give_back(&mut self, bytes: u64, host: &mut dyn Host) {
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
    fn deliver(&mut self, client: &Text, copy: Copy, message: &Message, retain: bool, host: &mut dyn Host) -> bool {
        host.spend(Operation { name: DELIVER, bytes: message.content.payload.len() });
        let Some(stored) = self.store.sessions.get_mut(client) else { return true };
        let qos = message.qos.min(copy.qos);
        if host.reserve(COPY + message.bytes()).is_err() {
            self.counts.refused_memory += 1;
            self.counts.dropped += 1;
            return qos == QoS::AtMostOnce;
        }
        stored.memory += COPY + message.bytes();
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
        let is_taken = match stored.session.publish(link, &self.limits, message) {
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
            self.deliver(client, copy, &message, true, host);
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
        let holds = SESSION + count * COPY + bytes + filters;
        if holds < stored.memory {
            host.release(stored.memory - holds);
            stored.memory = holds;
        } else if holds > stored.memory && host.reserve(holds - stored.memory).is_ok() {
            stored.memory = holds;
        }
    }
}
