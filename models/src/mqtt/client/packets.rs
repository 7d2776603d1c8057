//! What packets of the broker do.

use super::{MqttClient, PATIENCE, PIECE, PING, PONG};
use crate::app::Host;
use crate::ledger::{Guarantee, MessageEvent};
use crate::messaging::payload::{Name, Order};
use crate::mqtt::RECEIVE;
use crate::mqtt::config::{qos, seconds};
use crate::mqtt::session::{Arrival, Completed, Link, LinkOptions, Message, Session};
use crate::mqtt::topic::TopicFilter;
use crate::mqtt::wire::{
    Connack, Disconnect, Fault, Packet, Property, Publish, QoS, ReasonCode, RetainHandling, Suback, Subscribe,
    SubscriptionId, SubscriptionOptions, Text, Version,
};
use crate::observe::{Observation, Outcome};
use protosim_core::{Operation, Span};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A filter without the name of a group, and that.
pub(super) fn parts(filter: &TopicFilter) -> (Arc<str>, Option<Arc<str>>) {
    match filter.share() {
        None => (filter.text().shared(), None),
        Some(share) => (filter.plain().into(), Some(share.name.into())),
    }
}

impl MqttClient {
    pub(super) fn read(&mut self, host: &mut dyn Host) {
        loop {
            while let Some(connection) =
                self.connection.as_mut().filter(|open| !open.is_closing && open.out.len() < super::ENOUGH)
            {
                let before = connection.decoder.waiting();
                match connection.decoder.next_packet() {
                    Ok(Some(packet)) => {
                        let bytes = before - connection.decoder.waiting();
                        host.spend(Operation { name: RECEIVE, bytes });
                        self.counts.packets_received += 1;
                        if let Err(fault) = self.on_packet(packet, host) {
                            self.fail(fault, host);
                        }
                        self.kept.heard = host.now();
                        self.pump(host);
                    }
                    Ok(None) => break,
                    Err(fault) => self.fail(fault, host),
                }
            }
            let Some(connection) =
                self.connection.as_mut().filter(|open| !open.is_closing && open.out.len() < super::ENOUGH)
            else {
                return;
            };
            let data = host.stream_read(connection.stream, PIECE).unwrap_or_default();
            if data.is_empty() {
                if connection.is_finished {
                    self.counts.rare.lost += 1;
                    self.counts.rare.refused_calls += u64::from(host.stream_close(connection.stream).is_err());
                    self.lost(Outcome::Reset, host);
                }
                return;
            }
            self.counts.bytes_received += data.len();
            connection.decoder.push(&data);
        }
    }

    /// The broker has not kept to the protocol (v5 §4.13).
    fn fail(&mut self, fault: Fault, host: &mut dyn Host) {
        self.counts.rare.protocol_errors += 1;
        self.close(fault.reason, host);
    }

    fn on_packet(&mut self, packet: Packet, host: &mut dyn Host) -> Result<(), Fault> {
        let is_open = self.connection.as_ref().is_some_and(|connection| connection.link.is_some());
        match packet {
            Packet::Connack(connack) if !is_open => self.on_connack(&connack, host),
            Packet::Auth(auth) => self.on_auth(&auth, host),
            _ if !is_open => Err(Fault::protocol("MQTT-3.2.0-1", "the first packet is no CONNACK")),
            Packet::Publish(publish) => self.on_publish(publish, host),
            Packet::Puback(ack) => self.complete(host, |session, link| session.on_puback(link, ack.id, ack.reason)),
            Packet::Pubrec(ack) => self.complete(host, |session, link| session.on_pubrec(link, ack.id, ack.reason)),
            // Whatever it says: 0x92 is no error while a session is recovered (v5 §3.7.2.1).
            Packet::Pubcomp(ack) => {
                self.complete(host, |session, link| session.on_pubcomp(link, ack.id, ReasonCode::Success))
            }
            Packet::Pubrel(ack) => {
                let link = self.connection.as_mut().and_then(|connection| connection.link.as_mut());
                let released = link.and_then(|link| self.kept.session.on_pubrel(link, ack.id));
                if let Some(message) = released {
                    self.deliver(&message, host);
                }
                Ok(())
            }
            Packet::Suback(suback) => {
                self.on_suback(&suback, host);
                Ok(())
            }
            Packet::Unsuback(unsuback) => {
                self.on_unsuback(&unsuback, host);
                Ok(())
            }
            Packet::Pingresp => {
                if let Some(connection) = &mut self.connection {
                    connection.is_pinging = false;
                }
                host.cancel_timer(PONG);
                Ok(())
            }
            Packet::Disconnect(disconnect) => {
                self.on_disconnect(&disconnect, host);
                Ok(())
            }
            _ => Err(Fault::protocol("v5 §2.1.2", "a packet that is not for now")),
        }
    }

    fn on_connack(&mut self, connack: &Connack, host: &mut dyn Host) -> Result<(), Fault> {
        host.cancel_timer(PATIENCE);
        if connack.reason.is_failure() {
            self.counts.rare.refused_connects += 1;
            self.close(ReasonCode::Success, host);
            return Ok(());
        }
        if connack.session_present && self.common.config.clean_start {
            return Err(Fault::protocol("MQTT-3.2.2-2", "a session where none was asked for"));
        }
        self.counts.connects += 1;
        self.counts.sessions_resumed += u64::from(connack.session_present);
        self.attempts = 0;
        let expiry = connack.properties.session_expiry().copied().unwrap_or(seconds(self.common.config.session_expiry));
        let is_v5 = self.version() == Version::V5;
        if !connack.session_present
            && is_v5
            && host.now().saturating_since(self.kept.heard) >= Span::from_secs(expiry.into())
        {
            host.observe_message(MessageEvent::SessionOver);
        }
        if !connack.session_present {
            // The broker has lost what it had: what waited for PUBCOMP is done, and nobody knows how.
            for id in self.kept.session.begin_anew() {
                self.end(id, Outcome::Reset, host);
            }
        }
        let said = &connack.properties;
        if let Some(id) = said.assigned_client_identifier() {
            self.kept.id = id.clone();
        }
        let options = LinkOptions {
            send_maximum: said.receive_maximum().map_or(u16::MAX, |most| most.get()),
            max_qos: said.maximum_qos().copied().unwrap_or(QoS::ExactlyOnce),
            takes_retained: said.retain_available().copied().unwrap_or(true),
            max_packet: said.maximum_packet_size().map_or(u32::MAX, |most| most.get()),
            send_aliases: said.topic_alias_maximum().copied().unwrap_or(0),
            alias_policy: self.common.config.aliases.into(),
            receive_maximum: self.common.config.receive_maximum,
            receive_aliases: self.common.config.topic_alias_maximum,
            ..LinkOptions::new(self.version())
        };
        let link = Link::new(&self.kept.session, options);
        let Some(connection) = &mut self.connection else { return Ok(()) };
        connection.link = Some(link);
        if let Some(keep_alive) = said.server_keep_alive() {
            connection.keep_alive = Span::from_secs(u64::from(*keep_alive));
        }
        if !connection.keep_alive.is_zero() {
            host.set_timer(PING, connection.last_sent.saturating_add(connection.keep_alive), "keep alive");
        }
        self.prove_later(host);
        if connack.session_present {
            self.unsubscribe_again(host);
        }
        // What it had asked for may have been lost with the connection before.
        if !connack.session_present || !self.kept.is_subscribed {
            self.subscribe(host);
        }
        Ok(())
    }

    fn on_publish(&mut self, publish: Publish, host: &mut dyn Host) -> Result<(), Fault> {
        let Some(link) = self.connection.as_mut().and_then(|connection| connection.link.as_mut()) else {
            return Ok(());
        };
        let arrival = self.kept.session.on_publish(link, &self.common.limits, publish, host.now())?;
        let wants_answer = !matches!(arrival, Arrival::AtMostOnce(_));
        match arrival {
            Arrival::AtMostOnce(message) | Arrival::Deliver(message) => self.deliver(&message, host),
            Arrival::Hold(_) | Arrival::Repeated => {}
        }
        if let Some(link) =
            self.connection.as_mut().and_then(|connection| connection.link.as_mut()).filter(|_| wants_answer)
        {
            self.kept.session.answer(link, ReasonCode::Success);
        }
        Ok(())
    }

    /// A message has reached the application.
    fn deliver(&mut self, message: &Message, host: &mut dyn Host) {
        self.counts.received += 1;
        self.counts.received_bytes += message.content.payload.len();
        self.counts.retained += u64::from(message.retain);
        if self.on_answer(message, host) {
            return;
        }
        self.answer(message, host);
        let Some(name) = Name::of(&message.content.payload) else {
            self.counts.rare.foreign += 1;
            return;
        };
        self.counts.corrupted += u64::from(name.corrupted(&message.content.payload) > 0);
        // One that was retained may have come before, and was asked for again.
        if !message.retain {
            match self.kept.seen.note(name) {
                Order::Next => {}
                Order::Late => self.counts.rare.late += 1,
                Order::Again => self.counts.duplicates += 1,
            }
        }
        let is_retained = message.retain;
        host.observe_message(MessageEvent::Delivered { message: name.into(), is_retained, taken: None });
        host.observe(Observation::RequestDelivered(self.exchange(name.exchange())));
    }

    fn complete(
        &mut self,
        host: &mut dyn Host,
        call: impl FnOnce(&mut Session, &mut Link) -> Result<Option<Completed>, Fault>,
    ) -> Result<(), Fault> {
        let Some(link) = self.connection.as_mut().and_then(|connection| connection.link.as_mut()) else {
            return Ok(());
        };
        if let Some(Completed { token, reason }) = call(&mut self.kept.session, link)? {
            let outcome = if reason.is_failure() { Outcome::ErrorResponse } else { Outcome::Response };
            self.end(token, outcome, host);
        }
        Ok(())
    }

    /// What is subscribed to together: by the numbers that subscriptions have, and those without one.
    fn wanted(&self) -> BTreeMap<Option<u32>, Vec<(TopicFilter, SubscriptionOptions)>> {
        let mut by_id: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (index, one) in self.common.config.subscriptions.iter().enumerate() {
            if self.was_over(index) {
                continue;
            }
            let Ok(filter) = Text::new(&one.filter).and_then(TopicFilter::new) else { continue };
            let options = SubscriptionOptions {
                qos: qos(one.qos),
                no_local: one.no_local,
                retain_as_published: one.retain_as_published,
                retain_handling: RetainHandling::from_bits(one.retain_handling).unwrap_or_default(),
            };
            by_id.entry(one.id).or_default().push((filter, options));
        }
        let answers = self.response_filters();
        if !answers.is_empty() {
            by_id.entry(None).or_default().extend(answers);
        }
        by_id
    }

    /// One SUBSCRIBE for each of those.
    fn subscribe(&mut self, host: &mut dyn Host) {
        self.kept.is_subscribed = false;
        self.leave_out();
        for (token, (number, filters)) in (0..).zip(self.wanted()) {
            let Some(link) = self.connection.as_mut().and_then(|connection| connection.link.as_mut()) else { return };
            let Some(id) = self.kept.session.request(link, token) else { return };
            self.say_subscribing(&filters, host);
            let properties = number.and_then(SubscriptionId::new).map(Property::Subscription).into_iter().collect();
            self.push(&Packet::Subscribe(Subscribe { id, properties, filters }), host);
        }
    }

    fn say_subscribing(&self, filters: &[(TopicFilter, SubscriptionOptions)], host: &mut dyn Host) {
        if !host.observes_messages() {
            return;
        }
        for (filter, options) in filters {
            let (filter, group) = parts(filter);
            // v5 §4.8.2: none for shared ones.
            let brings_retained = group.is_none() && options.retain_handling != RetainHandling::Never;
            host.observe_message(MessageEvent::Subscribing { filter, group, domain: self.server, brings_retained });
        }
    }

    fn on_suback(&mut self, suback: &Suback, host: &mut dyn Host) {
        let granted = |reason: &&ReasonCode| !reason.is_failure();
        self.counts.subscribed += suback.reasons.iter().filter(granted).count() as u64;
        let refused = suback.reasons.iter().filter(|reason| !granted(reason)).count() as u64;
        if refused > 0 {
            self.counts.rare.refused_subscriptions += refused;
        }
        let Some(link) = self.connection.as_mut().and_then(|connection| connection.link.as_mut()) else { return };
        let Some(token) = self.kept.session.on_answer(link, suback.id) else { return };
        // What is asked for beside ends subscriptions, and says so when it is done.
        self.kept.is_subscribed = link.requests() == 0;
        if !host.observes_messages() {
            return;
        }
        let wanted = self.wanted().into_values().nth(token as usize).unwrap_or_default();
        for ((filter, options), reason) in wanted.iter().zip(&suback.reasons).filter(|(_, reason)| granted(reason)) {
            let (filter, group) = parts(filter);
            host.observe_message(MessageEvent::Subscribed {
                filter,
                guarantee: match reason {
                    ReasonCode::GrantedQos1 => Guarantee::AtLeastOnce,
                    ReasonCode::GrantedQos2 => Guarantee::ExactlyOnce,
                    _ => Guarantee::AtMostOnce,
                },
                group,
                domain: self.server,
                keeps_marks: options.retain_as_published,
            });
        }
    }

    /// The broker ends the connection (5.0).
    fn on_disconnect(&mut self, disconnect: &Disconnect, host: &mut dyn Host) {
        match disconnect.reason {
            ReasonCode::SessionTakenOver => self.counts.rare.taken_over += 1,
            ReasonCode::KeepAliveTimeout => self.counts.rare.keep_alive_timeouts += 1,
            _ => self.counts.rare.disconnected += 1,
        }
        let Some(connection) = &self.connection else { return };
        self.counts.rare.refused_calls += u64::from(host.stream_close(connection.stream).is_err());
        self.lost(Outcome::Reset, host);
    }
}
