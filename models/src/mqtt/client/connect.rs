//! How connections begin and end, and what keeps them alive.

use super::{CONNECT, Connection, MqttClient, PATIENCE, PING, PONG, PROVE, PUBLISH, RECONNECT};
use crate::app::Host;
use crate::ledger::MessageEvent;
use crate::messaging::fifo::Fifo;
use crate::messaging::outbox::Outbox;
use crate::messaging::payload::Name;
use crate::mqtt::config::{qos, seconds};
use crate::mqtt::session::Session;
use crate::mqtt::wire::{
    Binary, Connect, Decoder, Disconnect, MAX_PACKET, Packet, Properties, Property, QoS, ReasonCode, Text, Version,
    Will,
};
use crate::observe::Outcome;
use std::num::{NonZeroU16, NonZeroU32};

impl MqttClient {
    pub(super) fn connect(&mut self, host: &mut dyn Host) {
        if self.is_stopped || self.connection.is_some() {
            return;
        }
        self.attempts = self.attempts.saturating_add(1);
        let Ok(stream) = host.stream_connect(self.server, &self.common.options) else {
            self.counts.rare.refused_calls += 1;
            return self.connect_later(host);
        };
        self.counts.connections += 1;
        let most = self.common.config.max_packet.map_or(MAX_PACKET, |most| most.as_bytes());
        self.connection = Some(Box::new(Connection {
            stream,
            decoder: Decoder::of_client(self.version()).with_limit(most.min(MAX_PACKET) as u32),
            out: Outbox::default(),
            link: None,
            keep_alive: self.common.config.keep_alive,
            last_sent: host.now(),
            is_pinging: false,
            is_proving: false,
            marks: Fifo::default(),
            pushed: 0,
            written: 0,
            is_closing: false,
            is_finished: false,
        }));
        host.set_timer(PATIENCE, host.now().saturating_add(self.common.config.connect_timeout), "CONNACK");
        let connect = self.connect_packet();
        self.push(&connect, host);
        self.write(host);
    }

    pub(super) fn connect_packet(&self) -> Packet {
        let config = &self.common.config;
        let text = |text: &String| Text::new(text).ok();
        let mut properties = Properties::new();
        if self.version() == Version::V5 {
            let receive_maximum = NonZeroU16::new(config.receive_maximum).filter(|most| most.get() < u16::MAX);
            let max_packet = config.max_packet.and_then(|most| NonZeroU32::new(most.as_bytes() as u32));
            let aliases = Some(config.topic_alias_maximum).filter(|most| *most > 0);
            let method = config.auth.as_ref().and_then(|auth| text(&auth.method));
            let all = [
                (!config.session_expiry.is_zero()).then(|| Property::SessionExpiry(seconds(config.session_expiry))),
                receive_maximum.map(Property::ReceiveMaximum),
                max_packet.map(Property::MaximumPacketSize),
                aliases.map(Property::TopicAliasMaximum),
                method.map(Property::AuthenticationMethod),
            ];
            properties = all.into_iter().flatten().collect();
        }
        let will = config.will.as_ref().map(|will| Will {
            topic: text(&will.topic).unwrap_or_default(),
            payload: Name { publication: self.kept.will, number: 0 }.payload(will.payload.as_bytes()),
            qos: qos(will.qos),
            retain: will.retain,
            properties: Some(seconds(will.delay))
                .filter(|delay| *delay > 0)
                .map(Property::WillDelay)
                .into_iter()
                .collect(),
        });
        Packet::Connect(Box::new(Connect {
            version: self.version(),
            clean_start: config.clean_start,
            // At most 65535, as checked.
            keep_alive: seconds(config.keep_alive) as u16,
            client_id: self.kept.id.clone(),
            will,
            user_name: config.username.as_ref().and_then(text),
            password: config.password.as_ref().and_then(|password| Binary::new(password.clone().into_bytes()).ok()),
            properties,
        }))
    }

    /// Closes the connection, with a DISCONNECT of this reason where there is one to be sent.
    pub(super) fn close(&mut self, reason: ReasonCode, host: &mut dyn Host) {
        let Some(connection) = &self.connection else { return };
        // 3.1.1 has no reasons: a DISCONNECT would say that all is well.
        if connection.link.is_some() && (reason == ReasonCode::Success || self.version() == Version::V5) {
            self.push(&Packet::Disconnect(Disconnect::new(reason)), host);
        }
        if let Some(connection) = &mut self.connection {
            connection.is_closing = true;
        }
        self.write(host);
    }

    /// There is no connection any more, and its messages are as they are.
    pub(super) fn lost(&mut self, outcome: Outcome, host: &mut dyn Host) {
        let Some(connection) = self.connection.take() else { return };
        for timer in [PATIENCE, PING, PONG, PROVE] {
            host.cancel_timer(timer);
        }
        self.end_all(outcome, |open| open.qos == QoS::AtMostOnce && open.transmissions > 0, host);
        if connection.link.is_some() {
            self.end_all(outcome, |open| open.qos == QoS::AtMostOnce, host);
            if !self.common.config.persists() {
                self.kept.session = Session::new();
                self.end_all(outcome, |_| true, host);
                self.end_answers(host);
                host.observe_message(MessageEvent::SessionOver);
            }
        }
        if !self.is_stopped {
            self.connect_later(host);
        }
    }

    /// Waits: twice as long each time, with luck.
    pub(super) fn connect_later(&mut self, host: &mut dyn Host) {
        let Some(wait) = self.common.config.reconnect.wait(self.attempts, RECONNECT, host) else { return };
        host.set_timer(CONNECT, host.now().saturating_add(wait), "reconnect");
    }

    /// Sends PINGREQ where it has been silent for as long as it may be.
    pub(super) fn ping(&mut self, host: &mut dyn Host) {
        let Some(connection) = self.connection.as_mut().filter(|open| !open.keep_alive.is_zero() && !open.is_closing)
        else {
            return;
        };
        let keep_alive = connection.keep_alive;
        if connection.last_sent.saturating_add(keep_alive) <= host.now() {
            if !std::mem::replace(&mut connection.is_pinging, true) {
                let patience = self.common.config.ping_timeout.unwrap_or(keep_alive);
                host.set_timer(PONG, host.now().saturating_add(patience), "PINGRESP");
            }
            self.counts.pings += 1;
            self.push(&Packet::Pingreq, host);
            self.write(host);
        }
        if let Some(connection) = &self.connection {
            host.set_timer(PING, connection.last_sent.saturating_add(keep_alive), "keep alive");
        }
    }

    /// Nothing has come for too long.
    pub(super) fn give_up(&mut self, host: &mut dyn Host) {
        if let Some(connection) = &self.connection {
            // It may be gone already.
            let _ = host.stream_abort(connection.stream);
        }
        self.lost(Outcome::TimedOut, host);
    }

    pub(super) fn stop(&mut self, host: &mut dyn Host) {
        self.is_stopped = true;
        host.cancel_timer(CONNECT);
        host.cancel_timer(PUBLISH);
        self.counts.rare.disconnects += u64::from(self.connection.is_some());
        self.close(ReasonCode::Success, host);
        self.end_all(Outcome::Reset, |_| true, host);
        self.end_requests(host);
        self.end_answers(host);
    }
}
