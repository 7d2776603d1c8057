//! What packets of an open connection do.

use super::store::{Entry, Subscription};
use super::{MqttBroker, Phase};
use crate::app::{Host, StreamId};
use crate::mqtt::config::qos;
use crate::mqtt::session::{Arrival, Link, Message, Session};
use crate::mqtt::topic::TopicFilter;
use crate::mqtt::wire::{
    Delivery, Disconnect, Fault, Packet, PacketId, Properties, Publish, ReasonCode, RetainHandling, Suback, Subscribe,
    Text, Unsuback, Unsubscribe, Version,
};

const NO_CONNECT: Fault = Fault::protocol("MQTT-3.1.0-1", "the first packet is no CONNECT");
const TWICE: Fault = Fault::protocol("MQTT-3.1.0-2", "a second CONNECT");

impl MqttBroker {
    pub(super) fn on_packet(&mut self, stream: StreamId, packet: Packet, host: &mut dyn Host) -> Result<(), Fault> {
        let Some(connection) = self.connections.get(&stream) else { return Ok(()) };
        let (phase, is_challenged) = (connection.phase, connection.challenged.is_some());
        match (packet, phase) {
            (Packet::Connect(connect), Phase::New) if !is_challenged => self.on_connect(stream, *connect, host),
            (Packet::Connect(_), _) => Err(TWICE),
            (Packet::Auth(auth), Phase::New) if is_challenged => self.on_auth(stream, &auth, host),
            (_, Phase::New) => Err(NO_CONNECT),
            (_, Phase::Closing) => Ok(()),
            (packet, Phase::Open) => self.on_open_packet(stream, packet, host),
        }
    }

    fn on_open_packet(&mut self, stream: StreamId, packet: Packet, host: &mut dyn Host) -> Result<(), Fault> {
        match packet {
            Packet::Publish(publish) => self.on_publish(stream, publish, host),
            Packet::Puback(ack) => {
                self.with_session(stream, |session, link| session.on_puback(link, ack.id, ack.reason).map(|_| ()))
            }
            Packet::Pubrec(ack) => {
                self.with_session(stream, |session, link| session.on_pubrec(link, ack.id, ack.reason).map(|_| ()))
            }
            Packet::Pubcomp(ack) => {
                self.with_session(stream, |session, link| session.on_pubcomp(link, ack.id, ack.reason).map(|_| ()))
            }
            Packet::Pubrel(ack) => self.on_pubrel(stream, ack.id, host),
            Packet::Subscribe(subscribe) => {
                self.on_subscribe(stream, subscribe, host);
                Ok(())
            }
            Packet::Unsubscribe(unsubscribe) => {
                self.on_unsubscribe(stream, unsubscribe, host);
                Ok(())
            }
            Packet::Pingreq => {
                self.push(stream, &Packet::Pingresp, host);
                Ok(())
            }
            Packet::Disconnect(disconnect) => self.on_disconnect(stream, &disconnect, host),
            Packet::Auth(auth) => self.on_auth(stream, &auth, host),
            // The decoder takes no packets of servers.
            _ => Err(Fault::protocol("v5 §2.1.2", "a packet that servers send")),
        }
    }

    fn client_of(&self, stream: StreamId) -> Option<Text> {
        self.connections.get(&stream)?.client.clone()
    }

    /// Calls the session of a connection, which changes.
    fn with_session(
        &mut self,
        stream: StreamId,
        call: impl FnOnce(&mut Session, &mut Link) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let Some(connection) = self.connections.get_mut(&stream) else { return Ok(()) };
        let (Some(session), Some(link)) = (connection.session, connection.link.as_mut()) else { return Ok(()) };
        let Some(stored) = self.store.sessions.at_mut(session) else { return Ok(()) };
        call(&mut stored.session, link)?;
        self.changed_on(stream);
        Ok(())
    }

    fn on_publish(&mut self, stream: StreamId, publish: Publish, host: &mut dyn Host) -> Result<(), Fault> {
        self.counts.messages_received += 1;
        // MQTT-3.2.2-11, MQTT-3.2.2-14.
        if publish.delivery.qos().bits() > self.config.max_qos {
            return Err(Fault::new(ReasonCode::QosNotSupported, "MQTT-3.2.2-11", "a QoS above the maximum"));
        }
        if publish.retain && !self.config.retain {
            return Err(Fault::new(ReasonCode::RetainNotSupported, "MQTT-3.2.2-14", "messages cannot be retained"));
        }
        let mut arrival = None;
        let (limits, now, delivery) = (self.limits.clone(), host.now(), publish.delivery);
        self.with_session(stream, |session, link| {
            arrival = Some(session.on_publish(link, &limits, publish, now)?);
            Ok(())
        })?;
        let reason = match arrival {
            Some(Arrival::AtMostOnce(message)) => {
                self.on_message(stream, &message, host);
                return Ok(());
            }
            Some(Arrival::Deliver(message)) => self.on_message(stream, &message, host),
            Some(Arrival::Hold(message)) => self.hold(stream, delivery, &message, host),
            Some(Arrival::Repeated) => ReasonCode::Success,
            None => return Ok(()),
        };
        self.with_session(stream, |session, link| {
            session.answer(link, reason);
            Ok(())
        })
    }

    /// A message is held until its PUBREL, if it has a place where it goes then.
    fn hold(&mut self, stream: StreamId, delivery: Delivery, message: &Message, host: &mut dyn Host) -> ReasonCode {
        if message.content.topic.starts_with('$') {
            self.counts.refused_messages += 1;
            return ReasonCode::NotAuthorized;
        }
        match (delivery, self.client_of(stream)) {
            (Delivery::ExactlyOnce { id, .. }, Some(client)) => self.promise(&client, id, message, host),
            // Others are not held.
            _ => ReasonCode::Success,
        }
    }

    fn on_pubrel(&mut self, stream: StreamId, id: PacketId, host: &mut dyn Host) -> Result<(), Fault> {
        let mut released = None;
        self.with_session(stream, |session, link| {
            released = session.on_pubrel(link, id);
            Ok(())
        })?;
        let Some(client) = self.client_of(stream) else { return Ok(()) };
        let promise = self.store.sessions.get_mut(&client).and_then(|stored| stored.take_given(id)).unwrap_or_default();
        let held = (client, id);
        match released {
            Some(message) => self.publish_held(&held, promise, &message, host),
            None => self.end_promise(&held, promise, host),
        }
        Ok(())
    }

    /// A client's message goes on. Topics that begin with `$` are the broker's own (v5 §4.7.2).
    fn on_message(&mut self, stream: StreamId, message: &Message, host: &mut dyn Host) -> ReasonCode {
        if message.content.topic.starts_with('$') {
            self.counts.refused_messages += 1;
            return ReasonCode::NotAuthorized;
        }
        let client = self.client_of(stream);
        self.publish(client.as_ref(), message, host)
    }

    fn on_subscribe(&mut self, stream: StreamId, subscribe: Subscribe, host: &mut dyn Host) {
        let Some(client) = self.client_of(stream) else { return };
        let id = subscribe.properties.subscription().copied();
        let (mut reasons, mut fresh) = (Vec::with_capacity(subscribe.filters.len()), Vec::new());
        for (filter, mut options) in subscribe.filters {
            if let Some(reason) = self.refuses(&client, &filter, id.is_some()) {
                reasons.push(reason);
                continue;
            }
            options.qos = options.qos.min(qos(self.config.max_qos));
            reasons.push(match options.qos.bits() {
                0 => ReasonCode::Success,
                1 => ReasonCode::GrantedQos1,
                _ => ReasonCode::GrantedQos2,
            });
            let subscription = Subscription { options, id };
            let was_there = self.store.subscribe(&client, &filter, subscription);
            let wants = match options.retain_handling {
                RetainHandling::Always => true,
                RetainHandling::IfNew => !was_there,
                RetainHandling::Never => false,
            };
            // v5 §4.8.2: none for shared ones.
            if wants && filter.share().is_none() {
                fresh.push((filter, subscription));
            }
        }
        self.changed(&client);
        self.settle_client(&client, host);
        if let Some(connection) = self.connections.get_mut(&stream) {
            connection.needs = connection.needs.max(self.needs);
        }
        let answer = Suback { id: subscribe.id, properties: Properties::new(), reasons };
        self.push(stream, &Packet::Suback(answer), host);
        for (filter, subscription) in fresh {
            self.send_retained(&client, &filter, subscription, host);
        }
    }

    /// Why a subscription is refused, if it is. 3.1.1 says 0x80 for all of it.
    fn refuses(&mut self, client: &Text, filter: &TopicFilter, has_id: bool) -> Option<ReasonCode> {
        let config = &self.config;
        if filter.share().is_some() && !config.shared {
            return Some(ReasonCode::SharedSubscriptionsNotSupported);
        }
        if filter.has_wildcard() && !config.wildcards {
            return Some(ReasonCode::WildcardSubscriptionsNotSupported);
        }
        if has_id && !config.subscription_ids {
            return Some(ReasonCode::SubscriptionIdentifiersNotSupported);
        }
        let stored = self.store.sessions.get(client)?;
        let is_full = config.max_subscriptions.is_some_and(|most| stored.subscriptions.len() as u64 >= most);
        (is_full && !stored.subscriptions.has(filter)).then_some(ReasonCode::QuotaExceeded)
    }

    fn on_unsubscribe(&mut self, stream: StreamId, unsubscribe: Unsubscribe, host: &mut dyn Host) {
        let Some(client) = self.client_of(stream) else { return };
        let reasons = unsubscribe.filters.iter().map(|filter| match self.store.unsubscribe(&client, filter) {
            true => ReasonCode::Success,
            false => ReasonCode::NoSubscriptionExisted,
        });
        let reasons = reasons.collect();
        self.changed(&client);
        self.settle_client(&client, host);
        if let Some(connection) = self.connections.get_mut(&stream) {
            connection.needs = connection.needs.max(self.needs);
        }
        let answer = Unsuback { id: unsubscribe.id, properties: Properties::new(), reasons };
        self.push(stream, &Packet::Unsuback(answer), host);
    }

    /// DISCONNECT: no will, unless it says so (MQTT-3.14.4-3).
    fn on_disconnect(&mut self, stream: StreamId, disconnect: &Disconnect, host: &mut dyn Host) -> Result<(), Fault> {
        let Some(connection) = self.connections.get(&stream) else { return Ok(()) };
        let is_v5 = connection.version() == Some(Version::V5);
        if let Some(expiry) = disconnect.properties.session_expiry().copied().filter(|_| is_v5) {
            if connection.asked_expiry == 0 && expiry > 0 {
                // v5 §3.14.2.2.2.
                return Err(Fault::protocol("v5 §3.14.2.2.2", "a session expiry after there was none"));
            }
            let most = self.config.max_session_expiry.map_or(u32::MAX, crate::mqtt::config::seconds);
            if let Some(client) = connection.client.clone()
                && let Some(stored) = self.store.sessions.get_mut(&client)
            {
                let was_kept = stored.persists();
                stored.expiry = expiry.min(most);
                if was_kept && !stored.persists() && self.writes() {
                    self.needs = self.disc.change(&Entry::Session(client));
                }
            }
        }
        self.counts.disconnects += 1;
        // With 0, all other reasons are the client's failures, and its will is published.
        let with_will = disconnect.reason != ReasonCode::Success;
        self.close(stream, None, with_will, host);
        Ok(())
    }
}
