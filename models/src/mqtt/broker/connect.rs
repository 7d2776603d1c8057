//! How connections and sessions begin and end.

use super::promises::Promise;
use super::store::{Entry, Stored, StoredWill};
use super::{MqttBroker, Phase};
use crate::app::{Host, StreamId};
use crate::mqtt::config::seconds;
use crate::mqtt::session::{Link, LinkOptions, Message, MqttFlaw, Session};
use crate::mqtt::wire::{
    Binary, Connack, Connect, Fault, Packet, PacketId, Properties, Property, ReasonCode, Text, Version, Will,
};
use protosim_core::{LocalTime, Span};
use std::collections::BTreeMap;
use std::num::NonZeroU16;

/// A session that stays for good.
const FOR_GOOD: u32 = u32::MAX;

impl MqttBroker {
    /// Answers a CONNECT with a failure, where the version can say it, and closes.
    pub(super) fn refuse(&mut self, stream: StreamId, reason: ReasonCode, host: &mut dyn Host) {
        self.counts.refused_connects += 1;
        let Some(connection) = self.connections.get(&stream) else { return };
        // Who has said no version speaks something else; but a version that is not served is told so (3.1.1 §3.1.2.2).
        let is_said = match connection.version() {
            Some(Version::V5) => reason.is_allowed_in(crate::mqtt::wire::Place::Connack),
            Some(Version::V311) => reason.connect_return_code().is_some(),
            None => reason == ReasonCode::UnsupportedProtocolVersion,
        };
        if is_said {
            self.push(stream, &Packet::Connack(Connack::new(false, reason)), host);
        }
        self.close(stream, None, false, host);
    }

    /// CONNECT: who it is.
    pub(super) fn on_connect(&mut self, stream: StreamId, connect: Connect, host: &mut dyn Host) -> Result<(), Fault> {
        let method = connect.properties.authentication_method().cloned();
        let is_full = self.config.max_connections.is_some_and(|most| self.open >= most);
        let refused = if is_full {
            let is_v5 = connect.version == Version::V5;
            Some(if is_v5 { ReasonCode::QuotaExceeded } else { ReasonCode::ServerUnavailable })
        } else {
            match (&self.config.auth, &method) {
                (Some(auth), Some(method)) if auth.method == method.as_str() => {
                    self.challenge(stream, Some(connect), method.clone(), host);
                    return Ok(());
                }
                (_, Some(_)) => Some(ReasonCode::BadAuthenticationMethod),
                (Some(_), None) if self.config.users.is_empty() => Some(ReasonCode::NotAuthorized),
                (_, None) => self.check_user(&connect),
            }
        };
        match refused {
            Some(reason) => self.refuse(stream, reason, host),
            None => self.admit(stream, connect, Properties::new(), host),
        }
        Ok(())
    }

    fn check_user(&self, connect: &Connect) -> Option<ReasonCode> {
        if self.config.users.is_empty() {
            return None;
        }
        let Some(name) = &connect.user_name else { return Some(ReasonCode::NotAuthorized) };
        let password = connect.password.as_ref().map_or(&[][..], Binary::as_bytes);
        let users = &self.config.users;
        let is_known = users.iter().any(|user| user.name == name.as_str() && user.password.as_bytes() == password);
        (!is_known).then_some(ReasonCode::BadUserNameOrPassword)
    }

    /// CONNECT of someone who may: its session begins, or goes on.
    pub(super) fn admit(&mut self, stream: StreamId, connect: Connect, mut said: Properties, host: &mut dyn Host) {
        if let Some(reason) = self.unacceptable(&connect) {
            return self.refuse(stream, reason, host);
        }
        let is_v5 = connect.version == Version::V5;
        let mut client = connect.client_id.clone();
        if client.is_empty() {
            // MQTT-3.1.3-6, MQTT-3.1.3-7.
            loop {
                self.given += 1;
                client = Text::new(&format!("auto-{:016x}", self.given)).unwrap_or_default();
                if !self.store.sessions.contains_key(&client) {
                    break;
                }
            }
            said.push(Property::AssignedClientIdentifier(client.clone()));
        }
        self.take_over(&client, connect.clean_start, host);
        if connect.clean_start {
            self.end_session(&client, host);
        }
        let session_present = self.store.sessions.contains_key(&client);
        if !session_present && !self.open_session(&client, host) {
            let reason = if is_v5 { ReasonCode::QuotaExceeded } else { ReasonCode::ServerUnavailable };
            return self.refuse(stream, reason, host);
        }
        let asked = match connect.version {
            Version::V5 => connect.properties.session_expiry().copied().unwrap_or(0),
            Version::V311 if connect.clean_start => 0,
            Version::V311 => FOR_GOOD,
        };
        let most = self.config.max_session_expiry.map_or(FOR_GOOD, seconds);
        if asked > most {
            said.push(Property::SessionExpiry(most));
        }
        self.counts.connects += 1;
        self.counts.sessions_resumed += u64::from(session_present);
        self.forget_due(&client);
        if let Some(stored) = self.store.sessions.get_mut(&client) {
            let was_kept = stored.persists();
            (stored.expiry, stored.online, stored.ends) = (asked.min(most), Some(stream), None);
            stored.will = connect.will.clone().map(|will| Box::new(StoredWill { will, at: None }));
            if was_kept && !stored.persists() && self.writes() {
                self.needs = self.disc.change(&Entry::Session(client.clone()));
            }
        }
        let keep_alive = self.say_limits(&connect, &mut said);
        let options = self.link_options(&connect);
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        connection.phase = Phase::Open;
        connection.asked_expiry = asked;
        connection.patience = Span::from_millis(u64::from(keep_alive) * 1500);
        connection.link = self.store.sessions.get(&client).map(|stored| Link::new(&stored.session, options));
        connection.client = Some(client.clone());
        connection.session = self.store.sessions.id(&client);
        self.open += 1;
        self.changed(&client);
        if let Some(connection) = self.connections.get_mut(&stream) {
            connection.needs = connection.needs.max(self.needs);
        }
        let properties = if is_v5 { said } else { Properties::new() };
        self.push(stream, &Packet::Connack(Connack { session_present, reason: ReasonCode::Success, properties }), host);
        self.watch(stream, host);
    }

    /// Why the broker does not serve it, if it does not.
    fn unacceptable(&self, connect: &Connect) -> Option<ReasonCode> {
        // 3.1.1 MQTT-3.1.3-8.
        if connect.client_id.is_empty() && connect.version == Version::V311 && !connect.clean_start {
            return Some(ReasonCode::ClientIdentifierNotValid);
        }
        let will = connect.will.as_ref()?;
        // As a PUBLISH there: such topics are the broker's own (v5 §4.7.2).
        if will.topic.starts_with('$') {
            return Some(ReasonCode::NotAuthorized);
        }
        if will.qos.bits() > self.config.max_qos {
            return Some(ReasonCode::QosNotSupported);
        }
        (will.retain && !self.config.retain).then_some(ReasonCode::RetainNotSupported)
    }

    /// A client has a new connection: the one before ends (MQTT-3.1.4-3), with its will. The will's delay is over with the session, and
    /// not before (v5 §3.1.3.2.2).
    fn take_over(&mut self, client: &Text, is_clean: bool, host: &mut dyn Host) {
        let online = self.store.sessions.get(client).and_then(|stored| stored.online);
        if let Some(old) = online {
            self.counts.taken_over += 1;
            self.close(old, Some(ReasonCode::SessionTakenOver), true, host);
        }
        if !is_clean {
            // It is back: what waits is not published (MQTT-3.1.3-9).
            self.forget_due(client);
            if let Some(stored) = self.store.sessions.get_mut(client) {
                stored.will = None;
            }
        }
    }

    fn open_session(&mut self, client: &Text, host: &mut dyn Host) -> bool {
        if host.reserve(super::deliver::SESSION).is_err() {
            self.counts.refused_memory += 1;
            return false;
        }
        let stored = Stored { memory: super::deliver::SESSION, ..Stored::default() };
        self.store.sessions.insert(client.clone(), stored);
        true
    }

    /// What CONNACK says of the broker's limits; the keep alive that holds \[s\].
    fn say_limits(&self, connect: &Connect, said: &mut Properties) -> u16 {
        let config = &self.config;
        if connect.version == Version::V311 {
            return connect.keep_alive;
        }
        if config.receive_maximum < u16::MAX {
            said.extend_some(NonZeroU16::new(config.receive_maximum).map(Property::ReceiveMaximum));
        }
        if config.max_qos < 2 {
            said.push(Property::MaximumQos(super::super::config::qos(config.max_qos)));
        }
        if config.topic_alias_maximum > 0 {
            said.push(Property::TopicAliasMaximum(config.topic_alias_maximum));
        }
        if config.max_packet.is_some() {
            said.extend_some(std::num::NonZeroU32::new(config.packet_limit()).map(Property::MaximumPacketSize));
        }
        let unavailable = [
            (config.retain, Property::RetainAvailable(false)),
            (config.wildcards, Property::WildcardAvailable(false)),
            (config.subscription_ids, Property::SubscriptionIdsAvailable(false)),
            (config.shared, Property::SharedAvailable(false)),
        ];
        for (is_available, property) in unavailable {
            if !is_available {
                said.push(property);
            }
        }
        match config.server_keep_alive.map(seconds) {
            // At most 65535, as checked.
            Some(own) => {
                said.push(Property::ServerKeepAlive(own as u16));
                own as u16
            }
            None => connect.keep_alive,
        }
    }

    fn link_options(&self, connect: &Connect) -> LinkOptions {
        let base = LinkOptions::new(connect.version);
        let theirs = &connect.properties;
        LinkOptions {
            send_maximum: theirs.receive_maximum().map_or(u16::MAX, |most| most.get()),
            max_packet: theirs.maximum_packet_size().map_or(u32::MAX, |most| most.get()),
            send_aliases: theirs.topic_alias_maximum().copied().unwrap_or(0),
            alias_policy: self.config.aliases.into(),
            receive_maximum: self.config.receive_maximum,
            receive_aliases: self.config.topic_alias_maximum,
            ..base
        }
    }

    /// A connection has no client any more: its session is alone, or ends; its will is published now or later, or never.
    pub(super) fn detach(&mut self, stream: StreamId, lost: bool, host: &mut dyn Host) {
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        let Some(client) = connection.client.take() else { return };
        (connection.link, connection.session) = (None, None);
        self.open -= 1;
        let Some(stored) = self.store.sessions.get_mut(&client) else { return };
        if stored.online != Some(stream) {
            return;
        }
        let (now, expiry) = (host.now(), stored.expiry);
        let mut given = BTreeMap::new();
        if lost && self.limits.has(MqttFlaw::SessionDropped) {
            stored.session = Session::new();
            given = stored.take_all_given();
        }
        stored.online = None;
        stored.ends = ends(expiry, now);
        if let Some(at) = stored.ends {
            self.due.insert((at, client.clone()));
        }
        if !lost {
            stored.will = None;
        }
        let will = match stored.begin_delay(now) {
            Some(at) if at > now => {
                self.due.insert((at, client.clone()));
                None
            }
            _ => stored.will.take(),
        };
        self.changed(&client);
        self.end_promises(&client, given, host);
        if let Some(will) = will {
            self.publish_will(&client, &will.will, host);
        }
        if expiry == 0 {
            return self.end_session(&client, host);
        }
        self.settle_client(&client, host);
    }

    /// A session ends, if there is one; what it has waited with is published (v5 §3.1.3.2.2).
    pub(super) fn end_session(&mut self, client: &Text, host: &mut dyn Host) {
        self.forget_due(client);
        let Some(mut stored) = self.store.remove(client) else { return };
        host.release(stored.memory);
        if stored.persists() && self.writes() {
            self.needs = self.disc.change(&Entry::Session(client.clone()));
        }
        self.end_promises(client, stored.take_all_given(), host);
        if let Some(will) = stored.will {
            self.publish_will(client, &will.will, host);
        }
    }

    /// Messages that were held are gone with their session, and their places are free.
    fn end_promises(&mut self, client: &Text, given: BTreeMap<PacketId, Promise>, host: &mut dyn Host) {
        for (id, promise) in given {
            self.end_promise(&(client.clone(), id), promise, host);
        }
    }

    fn publish_will(&mut self, client: &Text, will: &Will, host: &mut dyn Host) {
        self.counts.wills += 1;
        let message = Message::of_will(will, host.now());
        self.publish(Some(client), &message, host);
    }

    fn forget_due(&mut self, client: &Text) {
        let Some(stored) = self.store.sessions.get(client) else { return };
        let will = stored.will.as_ref().and_then(|will| will.at);
        for at in [stored.ends, will].into_iter().flatten() {
            self.due.remove(&(at, client.clone()));
        }
    }

    /// The time of some sessions and wills has come.
    pub(super) fn on_due(&mut self, host: &mut dyn Host) {
        while let Some((at, client)) = self.due.first().cloned().filter(|(at, _)| *at <= host.now()) {
            self.due.remove(&(at, client.clone()));
            let will = self
                .store
                .sessions
                .get_mut(&client)
                .and_then(|stored| stored.will.take_if(|will| will.at.is_some_and(|due| due <= at)));
            if let Some(will) = will {
                // What it brings waits for the write that takes it from the disc.
                self.changed(&client);
                self.publish_will(&client, &will.will, host);
            }
            let has_ended =
                self.store.sessions.get(&client).and_then(|stored| stored.ends).is_some_and(|ends| ends <= at);
            if has_ended {
                self.counts.sessions_expired += 1;
                self.end_session(&client, host);
            }
        }
    }

    /// After a loss of power: sessions that were there are alone. How long the power was away is not known to those that had a connection: their
    /// ends and the delays of their wills begin now.
    pub(super) fn resume(&mut self, host: &mut dyn Host) {
        let now = host.now();
        let promised = self.owe_again();
        let clients: Vec<Text> = self.store.sessions.iter().map(|(client, _)| client.clone()).collect();
        for client in clients {
            if let Some(stored) = self.store.sessions.get_mut(&client) {
                stored.ends = stored.ends.or(ends(stored.expiry, now));
                if let Some(at) = stored.ends {
                    self.due.insert((at.max(now), client.clone()));
                    stored.ends = Some(at.max(now));
                }
                if let Some(at) = stored.begin_delay(now) {
                    self.due.insert((at, client.clone()));
                    // Its time is on disc from now on.
                    self.changed(&client);
                }
            }
            self.settle_client(&client, host);
        }
        let retained: u64 = self.store.retained.iter().map(|(_, message)| super::deliver::retained_len(message)).sum();
        let retained = retained + promised;
        match host.reserve(retained) {
            Ok(()) => self.retained_memory = retained,
            Err(_) => self.counts.refused_memory += 1,
        }
    }
}

impl Stored {
    /// Its connection is gone: when its will is published, if it has one. Not behind the session's end (v5 §3.1.3.2.2), and not before now.
    fn begin_delay(&mut self, now: LocalTime) -> Option<LocalTime> {
        let stored = self.will.as_mut()?;
        let delay = stored.will.properties.will_delay().copied().unwrap_or(0).min(self.expiry);
        let at = stored.at.unwrap_or(now.saturating_add(Span::from_secs(u64::from(delay)))).max(now);
        stored.at = Some(at);
        Some(at)
    }
}

fn ends(expiry: u32, now: LocalTime) -> Option<LocalTime> {
    (expiry != FOR_GOOD).then(|| now.saturating_add(Span::from_secs(u64::from(expiry))))
}

impl Properties {
    /// Adds one, if there is one.
    fn extend_some(&mut self, property: Option<Property>) {
        if let Some(property) = property {
            self.push(property);
        }
    }
}
