//! The broker: connections, and the sessions, subscriptions and retained messages behind them.
//!
//! | file | what |
//! |---|---|
//! | here | streams, timers, what is written when |
//! | `authenticate` | challenges and their answers |
//! | `connect` | CONNECT, takeover, the end of connections and of sessions, wills |
//! | `packets` | all other packets |
//! | `promises` | places for messages of QoS 2 that are held |
//! | `deliver` | from a message to its copies; retained messages; memory |
//! | `sessions` | sessions by name and by number |
//! | `store` | what outlives connections, and what of it is on disc |
//! | `status` | `$SYS`, totals |
//!
//! # What is on disc
//! With `durable`, sessions that outlive a connection (subscriptions, messages in flight and queued, identifiers of QoS 2, places that are promised,
//! wills) and retained messages outlive a loss of power; connections do not. A will is part of its session (v5 §3.1.2.5): one that waits is
//! published at its time, or at the restart if that has passed; one whose connection was there when the power went waits for its delay from the
//! restart on, which is when the broker sees that the connection is gone. Sessions that end with their connection have nothing on disc, wills
//! neither. Where writing takes time (`sync`), one write follows the other, each of
//! all that has changed until it began, and a packet that promises something waits for the write that has it: PUBACK, PUBREC, PUBCOMP, SUBACK,
//! CONNACK, what goes to subscribers whose session is kept, and each copy of a message of QoS 2, which its publisher would send again. On one connection nothing passes what waits. So what was promised is
//! there after a crash, and what is not there was not promised.

mod authenticate;
mod connect;
mod deliver;
mod packets;
mod promises;
mod sessions;
mod status;
mod store;

use super::config::MqttBrokerConfig;
use super::session::{Limits, Link, MqttFlaw, Outgoing};
use super::wire::{Connect, Decoder, Disconnect, Fault, Packet, QoS, ReasonCode, Text, Version};
use super::{RECEIVE, SEND, options};
use crate::app::{App, Host, SocketId, StreamEvent, StreamId, StreamOptions, Total};
use crate::messaging::disc::Disc;
use crate::messaging::outbox::Outbox;
use crate::rope::Rope;
use protosim_core::{CannotClone, LocalTime, Operation, Span};
use sessions::SessionId;
use status::Counts;
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use store::{Content, Entry, OnDisc, Store};

/// The timer of the next end of a session or delay of a will.
const DUE: u64 = 1;
/// The timer of the write to disc.
const SYNC: u64 = 2;
/// The timer of `$SYS`.
const SYS: u64 = 3;
/// Timers from here on are of the connections' silence, by stream.
const SILENCE: u64 = 1 << 32;

/// Packets that wait for a stream, beyond which nothing more is made for it, and nothing read from it \[bytes\] (our choice).
const ENOUGH: u64 = 1 << 16;
/// What is read at once \[bytes\] (our choice).
const PIECE: u64 = 1 << 16;

/// A broker of MQTT 3.1.1 and 5.0; see the module.
#[derive(Clone, Debug)]
pub struct MqttBroker {
    config: MqttBrokerConfig,
    options: StreamOptions,
    limits: Limits,
    connections: BTreeMap<StreamId, Box<Connection>>,
    store: Store,
    disc: Disc<Entry, Content>,
    /// When sessions end and wills are published.
    due: BTreeSet<(LocalTime, Text)>,
    /// Connections that may have something to write.
    touched: BTreeSet<StreamId>,
    /// Connections with packets that wait for the disc.
    for_disc: BTreeSet<StreamId>,
    /// The write to disc that the packet that is being handled needs; 0 for none.
    needs: u64,
    /// How many connections have a client.
    open: u64,
    /// Memory of the host that retained messages have \[bytes\].
    retained_memory: u64,
    /// Topics of messages that are held and will be retained, with how many.
    promised_topics: BTreeMap<Text, u64>,
    /// Identifiers that were given.
    given: u64,
    started: LocalTime,
    counts: Counts,
}

/// A connection.
#[derive(Clone, Debug)]
struct Connection {
    decoder: Decoder,
    out: Outbox,
    phase: Phase,
    /// Whose it is, once it is accepted.
    client: Option<Text>,
    /// The session of that.
    session: Option<SessionId>,
    /// Its part of the session.
    link: Option<Link>,
    /// The session's expiry that CONNECT has asked for \[s\].
    asked_expiry: u32,
    /// How long it may be silent; zero for as long as it likes.
    patience: Span,
    /// When something came last.
    last: LocalTime,
    /// The write to disc that its packets wait for.
    needs: u64,
    /// The one that its messages of QoS 0 wait for: copies of messages of QoS 2, which would come again after a crash.
    needs_of_qos0: u64,
    /// The peer has finished.
    is_finished: bool,
    /// A challenge without an answer, with the CONNECT that waits for it.
    challenged: Option<Box<(Option<Connect>, Vec<u8>)>>,
    /// It has answered one, and may ask for the next.
    is_proved: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Without a CONNECT that is accepted.
    New,
    Open,
    /// What waits is written, then it is closed.
    Closing,
}

impl Connection {
    fn version(&self) -> Option<Version> {
        self.decoder.version()
    }

    fn takes_more(&self) -> bool {
        self.phase != Phase::Closing && self.out.len() < ENOUGH
    }
}

impl MqttBroker {
    /// A broker on `config.port()`. `config` has passed its check.
    pub fn new(config: MqttBrokerConfig) -> Self {
        Self {
            options: options(&config.tcp),
            limits: config.limits(),
            config,
            connections: BTreeMap::new(),
            store: Store::default(),
            disc: Disc::default(),
            due: BTreeSet::new(),
            touched: BTreeSet::new(),
            for_disc: BTreeSet::new(),
            needs: 0,
            open: 0,
            retained_memory: 0,
            promised_topics: BTreeMap::new(),
            given: 0,
            started: LocalTime::ZERO,
            counts: Counts::default(),
        }
    }

    /// Whether packets wait for the disc.
    fn writes(&self) -> bool {
        self.config.durable && !self.config.sync.is_zero()
    }

    /// A session has changed that may be on disc.
    fn changed(&mut self, client: &Text) {
        if !self.writes() {
            return;
        }
        let Some(stored) = self.store.sessions.get(client).filter(|stored| stored.persists()) else { return };
        self.needs = self.disc.change(&Entry::Session(client.clone()));
        if let Some(connection) = stored.online.and_then(|stream| self.connections.get_mut(&stream)) {
            connection.needs = self.needs;
        }
    }

    /// The session of a connection has changed.
    fn changed_on(&mut self, stream: StreamId) {
        if self.writes()
            && let Some(client) = self.connections.get(&stream).and_then(|connection| connection.client.clone())
        {
            self.changed(&client);
        }
    }

    /// Puts a packet behind what waits for a stream.
    fn push(&mut self, stream: StreamId, packet: &Packet, host: &mut dyn Host) {
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        let version = connection.version().unwrap_or(Version::V311);
        let Ok(bytes) = packet.encode(version) else {
            // What we make ourselves can be said; what came can be said again.
            debug_assert!(false, "{packet:?} cannot be written");
            self.counts.refused_calls += 1;
            return;
        };
        host.spend(Operation { name: SEND, bytes: bytes.len() });
        self.counts.packets_sent += 1;
        let needs = match packet {
            Packet::Pingresp | Packet::Disconnect(_) | Packet::Auth(_) => 0,
            Packet::Puback(_) | Packet::Pubrec(_) | Packet::Pubcomp(_)
                if self.limits.has(MqttFlaw::AcknowledgedTooSoon) =>
            {
                0
            }
            Packet::Publish(publish) => {
                self.counts.messages_sent += 1;
                match publish.delivery.qos() {
                    QoS::AtMostOnce => connection.needs_of_qos0,
                    _ => connection.needs,
                }
            }
            _ => connection.needs,
        };
        connection.out.push(needs, bytes);
        if needs > self.disc.done() {
            self.for_disc.insert(stream);
        }
        self.touched.insert(stream);
    }

    /// Reads what is there, packet by packet, as long as there is room for what comes of it.
    fn read(&mut self, stream: StreamId, host: &mut dyn Host) {
        loop {
            while let Some(connection) = self.connections.get_mut(&stream).filter(|open| open.takes_more()) {
                let before = connection.decoder.waiting();
                match connection.decoder.next_packet() {
                    Ok(Some(packet)) => {
                        let bytes = before - connection.decoder.waiting();
                        connection.last = host.now();
                        host.spend(Operation { name: RECEIVE, bytes });
                        self.counts.packets_received += 1;
                        self.take(stream, packet, host);
                    }
                    Ok(None) => break,
                    Err(fault) => self.fail(stream, fault, host),
                }
            }
            let Some(connection) = self.connections.get_mut(&stream).filter(|open| open.takes_more()) else { return };
            let data = host.stream_read(stream, PIECE).unwrap_or_default();
            if data.is_empty() {
                if connection.is_finished {
                    self.close(stream, None, true, host);
                }
                return;
            }
            self.counts.bytes_received += data.len();
            connection.decoder.push(&data);
        }
    }

    /// A packet has come: what it does, and what comes of it on its connection.
    fn take(&mut self, stream: StreamId, packet: Packet, host: &mut dyn Host) {
        self.needs = 0;
        let handled = self.on_packet(stream, packet, host);
        if let Some(connection) = self.connections.get_mut(&stream) {
            connection.needs = connection.needs.max(self.needs);
        }
        match handled {
            Ok(()) => self.pump(stream, host),
            Err(fault) => self.fail(stream, fault, host),
        }
    }

    /// The peer has not kept to the protocol: it is told, where its version can say it, and the connection ends (v5 §4.13).
    fn fail(&mut self, stream: StreamId, fault: Fault, host: &mut dyn Host) {
        self.counts.fault(fault.reason);
        let is_open = self.connections.get(&stream).is_some_and(|connection| connection.phase == Phase::Open);
        if is_open {
            self.close(stream, Some(fault.reason), true, host);
        } else {
            self.refuse(stream, fault.reason, host);
        }
    }

    /// Makes the packets that a connection's session has for it, as long as there is room.
    fn pump(&mut self, stream: StreamId, host: &mut dyn Host) {
        loop {
            let Some(connection) = self.connections.get_mut(&stream).filter(|open| open.out.len() < ENOUGH) else {
                return;
            };
            let (Some(session), Some(link)) = (connection.session, connection.link.as_mut()) else { return };
            let Some(stored) = self.store.sessions.at_mut(session) else { return };
            match stored.session.next(link, &self.limits, host.now()) {
                Some(Outgoing::Packet(packet)) => {
                    if matches!(&packet, Packet::Publish(publish) if publish.delivery.qos() != QoS::AtMostOnce) {
                        self.changed_on(stream);
                    }
                    self.push(stream, &packet, host);
                }
                Some(Outgoing::Dropped(_, why)) => {
                    self.counts.unsent(why);
                    self.changed_on(stream);
                }
                None => return self.settle(session, host),
            }
        }
    }

    /// Writes what streams take, closes those that are done, and begins what has to be on disc.
    fn finish(&mut self, host: &mut dyn Host) {
        while let Some(stream) = self.touched.pop_first() {
            self.pump(stream, host);
            self.touched.remove(&stream);
            self.write(stream, host);
        }
        if self.writes() && self.disc.begin(|entry| self.store.on_disc(entry)) {
            host.set_timer(SYNC, host.now().saturating_add(self.config.sync), "disc");
        }
        match self.due.first() {
            Some((at, _)) => host.set_timer(DUE, *at, "session"),
            None => host.cancel_timer(DUE),
        }
    }

    fn write(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        match connection.out.write(stream, self.disc.done(), host) {
            Ok(written) => self.counts.bytes_sent += written,
            Err(_) => self.counts.refused_calls += 1,
        }
        if connection.out.len() > 0 && connection.needs > self.disc.done() {
            self.for_disc.insert(stream);
        }
        if connection.phase == Phase::Closing && connection.out.len() == 0 {
            self.counts.refused_calls += u64::from(host.stream_close(stream).is_err());
            self.gone(stream, host);
        }
    }

    /// Ends a connection, with a DISCONNECT of this reason where the version has one; with its will, if `lost`.
    fn close(&mut self, stream: StreamId, reason: Option<ReasonCode>, lost: bool, host: &mut dyn Host) {
        let Some(connection) = self.connections.get(&stream) else { return };
        if connection.phase == Phase::Open
            && connection.version() == Some(Version::V5)
            && let Some(reason) = reason
        {
            self.push(stream, &Packet::Disconnect(Disconnect::new(reason)), host);
        }
        self.detach(stream, lost, host);
        if let Some(connection) = self.connections.get_mut(&stream) {
            connection.phase = Phase::Closing;
        }
        host.cancel_timer(SILENCE + u64::from(stream.0));
        self.touched.insert(stream);
    }

    /// A stream is over.
    fn gone(&mut self, stream: StreamId, host: &mut dyn Host) {
        self.detach(stream, true, host);
        if self.connections.remove(&stream).is_some() {
            host.release(CONNECTION);
            host.cancel_timer(SILENCE + u64::from(stream.0));
        }
        self.touched.remove(&stream);
        self.for_disc.remove(&stream);
    }

    fn accept(&mut self, stream: StreamId, host: &mut dyn Host) {
        self.counts.connections += 1;
        if host.reserve(CONNECTION).is_err() {
            // Nothing can be said without reading.
            self.counts.refused_memory += 1;
            self.counts.refused_calls += u64::from(host.stream_abort(stream).is_err());
            return;
        }
        let connection = Connection {
            decoder: Decoder::of_server().with_limit(self.config.packet_limit()),
            out: Outbox::default(),
            phase: Phase::New,
            client: None,
            session: None,
            link: None,
            asked_expiry: 0,
            patience: self.config.connect_timeout,
            last: host.now(),
            needs: 0,
            needs_of_qos0: 0,
            is_finished: false,
            challenged: None,
            is_proved: false,
        };
        self.connections.insert(stream, Box::new(connection));
        self.watch(stream, host);
    }

    /// Looks again at a connection when it would have been silent for too long: not at each packet.
    fn watch(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(connection) = self.connections.get(&stream).filter(|open| !open.patience.is_zero()) else {
            return host.cancel_timer(SILENCE + u64::from(stream.0));
        };
        host.set_timer(
            SILENCE + u64::from(stream.0),
            connection.last.saturating_add(connection.patience),
            "keep alive",
        );
    }

    fn on_silence(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(connection) = self.connections.get(&stream) else { return };
        if connection.phase == Phase::Closing {
            return;
        }
        if connection.last.saturating_add(connection.patience) > host.now() {
            return self.watch(stream, host);
        }
        // MQTT-3.1.2-22.
        self.counts.keep_alive_timeouts += 1;
        self.close(stream, Some(ReasonCode::KeepAliveTimeout), true, host);
    }
}

/// Memory of a connection beside its TCP \[bytes\] (our choice, as this program takes).
const CONNECTION: u64 = 640;

impl App for MqttBroker {
    fn on_start(&mut self, host: &mut dyn Host) {
        self.started = host.now();
        if host.stream_listen(self.config.port(), &self.options).is_err() {
            self.counts.refused_calls += 1;
        }
        self.resume(host);
        if !self.config.sys_interval.is_zero() {
            self.publish_status(host);
            host.set_timer(SYS, host.now().saturating_add(self.config.sys_interval), "$SYS");
        }
        self.finish(host);
    }

    fn on_datagram(&mut self, _: SocketId, _: SocketAddr, _: Rope, _: &mut dyn Host) {}

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        self.needs = 0;
        match token {
            DUE => self.on_due(host),
            SYNC => {
                self.disc.end();
                self.counts.disc_writes += 1;
                self.touched.extend(std::mem::take(&mut self.for_disc));
            }
            SYS => {
                self.publish_status(host);
                host.set_timer(SYS, host.now().saturating_add(self.config.sys_interval), "$SYS");
            }
            // Streams have 32 bits.
            token => self.on_silence(StreamId((token - SILENCE) as u32), host),
        }
        self.finish(host);
    }

    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        self.needs = 0;
        match event {
            StreamEvent::Accepted { .. } => self.accept(stream, host),
            StreamEvent::Readable => self.read(stream, host),
            StreamEvent::Writable => {
                self.write(stream, host);
                self.pump(stream, host);
                self.read(stream, host);
            }
            StreamEvent::Finished => {
                if let Some(connection) = self.connections.get_mut(&stream) {
                    connection.is_finished = true;
                }
                self.read(stream, host);
            }
            StreamEvent::Closed(_) => self.gone(stream, host),
            StreamEvent::Connected => {}
        }
        self.finish(host);
    }

    fn totals(&self) -> Vec<Total> {
        self.counts.totals(&self.store)
    }

    fn take_durable(&mut self) -> Option<Box<dyn Any + Send>> {
        if !self.config.durable {
            return None;
        }
        let there = if self.writes() { self.disc.take() } else { self.store.durable() };
        Some(Box::new(there))
    }

    fn recover(&mut self, durable: Box<dyn Any + Send>) {
        if let Ok(there) = durable.downcast::<OnDisc>() {
            self.store.recover(&there);
            if self.writes() {
                self.disc = Disc::with(*there);
            }
        }
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
