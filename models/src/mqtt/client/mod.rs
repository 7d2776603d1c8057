//! The client: one connection after the other, one session, publications and subscriptions.
//!
//! Each message that it publishes is an exchange. It begins when the message is due, and ends with PUBACK or PUBCOMP, at QoS 0 with its last
//! byte's being written to the stream. It fails when the session ends that has it, when a queue has no room, when it expires. A message
//! that reaches a subscriber is reported as delivered, by the name in its payload.
//!
//! A client whose session does not outlive its connection ([`MqttClientConfig::persists`]) gives up what it had not done when it loses
//! it. What is due while there is no connection waits, but for QoS 0.
//!
//! | file | what |
//! |---|---|
//! | here | streams, timers, publications |
//! | `connect` | how connections begin and end |
//! | `packets` | what packets do |
//! | `common` | what clients share that are configured alike |
//! | `respond` | requests and answers, subscriptions that end |
//! | `reauthenticate` | authentication anew |
//! | `counts` | totals |

mod common;
mod connect;
mod counts;
mod packets;
mod reauthenticate;
mod respond;

pub use common::Common;

use super::config::{MqttClientConfig, qos};
use super::session::{Link, Message, Offered, Outgoing, Session, Unsent};
use super::wire::{Decoder, Packet, QoS, Text, Version};
use super::{SEND, options};
use crate::app::{App, Host, SocketId, StreamEvent, StreamId, Total};
use crate::lazy::Lazy;
use crate::ledger::MessageEvent;
use crate::messaging::fifo::Fifo;
use crate::messaging::outbox::Outbox;
use crate::messaging::payload::{Name, Seen};
use crate::observe::{ExchangeId, Observation, Outcome};
use crate::rope::Rope;
use crate::tcp::app::{nowhere, outcome_of};
use crate::traffic::draw_span;
use counts::Counts;
use protosim_core::{CannotClone, LocalTime, Operation, Purpose, Span};
use std::any::Any;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// Draws of names of publications.
const KEY: Purpose = Purpose("mqtt.publication.key");
/// Draws of sizes of payloads.
const SIZE: Purpose = Purpose("mqtt.publication.size");
/// Draws of times between messages.
const TIME: Purpose = Purpose("mqtt.publication.time");
/// Draws of how long it waits before it connects again.
const RECONNECT: Purpose = Purpose("mqtt.reconnect");

/// The timer of the next connection.
const CONNECT: u64 = 1;
/// How long CONNACK is waited for.
const PATIENCE: u64 = 2;
/// The timer of the next PINGREQ.
const PING: u64 = 3;
/// How long PINGRESP is waited for.
const PONG: u64 = 4;
/// The end.
const STOP: u64 = 5;
/// The timer of the next message of all publications.
const PUBLISH: u64 = 6;
/// How long answers to requests are waited for.
const RESPONSE: u64 = 7;
/// The timer of the next authentication.
const PROVE: u64 = 8;
/// Timers from here on are of subscriptions that end, by index.
const UNSUBSCRIBE: u64 = 16;

/// Packets that wait for the stream, beyond which no more are made \[bytes\] (our choice).
const ENOUGH: u64 = 1 << 16;
/// What is read at once \[bytes\] (our choice).
const PIECE: u64 = 1 << 16;
/// Memory of a message beside topic and payload \[bytes\] (our choice, as this program takes).
const COPY: u64 = 96;

/// A client of MQTT 3.1.1 or 5.0; see the module.
#[derive(Clone, Debug)]
pub struct MqttClient {
    common: Arc<Common>,
    server: SocketAddr,
    /// When it connects first, after the node's start.
    start: Span,
    kept: Kept,
    /// When the next message is due, by publication; `None` behind the last one.
    next: Box<[Option<LocalTime>]>,
    connection: Option<Box<Connection>>,
    /// Connections in a row without CONNACK.
    attempts: u32,
    /// It has disconnected for good.
    is_stopped: bool,
    /// Exchanges that were begun.
    due: u64,
    counts: Counts,
}

/// What is on disc where the client is durable.
#[derive(Clone, Debug, Default)]
struct Kept {
    /// Empty until the broker has given one, if it has to.
    id: Text,
    session: Session,
    /// By publication: its name, drawn at the first start, and how many of its messages were due.
    named: Vec<(u64, u64)>,
    will: u64,
    /// By their exchanges' numbers.
    open: BTreeMap<u64, Open>,
    seen: Seen,
    exchanges: Lazy<respond::Exchanges>,
    /// The broker has answered all its subscriptions.
    is_subscribed: bool,
    /// When something of the broker's came last.
    heard: LocalTime,
}

/// A message that is not done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Open {
    name: Name,
    qos: QoS,
    transmissions: u32,
    memory: u64,
}

#[derive(Clone, Debug)]
struct Connection {
    stream: StreamId,
    decoder: Decoder,
    out: Outbox,
    /// From CONNACK on.
    link: Option<Link>,
    /// How long it is silent at most.
    keep_alive: Span,
    last_sent: LocalTime,
    is_pinging: bool,
    /// It has begun to authenticate anew.
    is_proving: bool,
    /// Messages of QoS 0 that are being written: up to where, and their exchanges.
    marks: Fifo<(u64, u64)>,
    /// All that was pushed and all that was written, ever \[bytes\].
    pushed: u64,
    written: u64,
    /// What waits is written, then it is closed.
    is_closing: bool,
    is_finished: bool,
}

impl MqttClient {
    /// A client of the broker at `server`. `config` has passed its check.
    pub fn new(config: MqttClientConfig, server: SocketAddr) -> Self {
        let (id, start) = (config.client_id.clone(), config.start);
        Self::like(&Arc::new(Common::new(config)), id.as_deref(), start, server)
    }

    /// The same, of a configuration that several have, but for their identifier and start.
    pub fn like(common: &Arc<Common>, id: Option<&str>, start: Span, server: SocketAddr) -> Self {
        let id = Text::new(id.unwrap_or("protosim")).unwrap_or_default();
        Self {
            common: Arc::clone(common),
            server,
            start,
            kept: Kept { id, ..Kept::default() },
            next: vec![None; common.laws.len()].into(),
            connection: None,
            attempts: 0,
            is_stopped: false,
            due: 0,
            counts: Counts::default(),
        }
    }

    fn version(&self) -> Version {
        self.common.config.version.into()
    }

    fn exchange(&self, id: u64) -> ExchangeId {
        ExchangeId { client: nowhere(), server: self.server, id }
    }

    /// A message is done.
    fn end(&mut self, id: u64, outcome: Outcome, host: &mut dyn Host) {
        if self.end_answer(id, host) {
            return;
        }
        let Some(open) = self.kept.open.remove(&id) else { return };
        if self.kept.open.is_empty() {
            // A map that has become empty keeps room for eleven.
            self.kept.open = BTreeMap::new();
        }
        host.release(open.memory);
        let index = usize::from(open.qos.bits());
        match outcome {
            Outcome::Response => self.counts.completed[index] += 1,
            _ => self.counts.rare.failed[index] += 1,
        }
        match outcome {
            Outcome::Response if open.qos == QoS::AtMostOnce => {}
            Outcome::Response => host.observe_message(MessageEvent::Confirmed { message: open.name.into() }),
            _ => host.observe_message(MessageEvent::Failed { message: open.name.into() }),
        }
        if !self.kept.exchanges.asks_nothing() && self.kept.exchanges.holds(id, outcome, open.transmissions) {
            return;
        }
        let exchange = self.exchange(id);
        host.observe(Observation::ExchangeEnded { exchange, outcome, transmissions: open.transmissions });
    }

    /// All messages fail for which `fails` says so.
    fn end_all(&mut self, outcome: Outcome, fails: impl Fn(&Open) -> bool, host: &mut dyn Host) {
        let failed: Vec<u64> = self.kept.open.iter().filter(|(_, open)| fails(open)).map(|(id, _)| *id).collect();
        for id in failed {
            self.end(id, outcome, host);
        }
    }

    /// A message of a publication is due.
    fn publish(&mut self, index: usize, host: &mut dyn Host) {
        let common = Arc::clone(&self.common);
        let (Some(config), Some(law), Some((publication, number))) =
            (common.config.publications.get(index), common.laws.get(index), self.kept.named.get(index).copied())
        else {
            self.next[index] = None;
            return;
        };
        let name = Name { publication, number };
        self.kept.named[index].1 += 1;
        self.schedule(index, host);
        let payload = name.payload(law.sizes.draw(host));
        let (id, qos) = (name.exchange(), qos(config.qos));
        self.due += 1;
        self.counts.published[usize::from(qos.bits())] += 1;
        host.observe(Observation::ExchangeStarted(self.exchange(id)));
        let topic = law.topic.clone();
        host.observe_message(MessageEvent::Published {
            message: name.into(),
            guarantee: qos.into(),
            topic: topic.shared(),
            domain: self.server,
            may_expire: config.expiry.is_some(),
        });
        let content = Message::with_properties(topic, payload, self.properties(config, name), qos);
        let mut message = Message { retain: config.retain, token: id, ..content };
        message.expires = config.expiry.map(|expiry| host.now().saturating_add(expiry));
        let memory = COPY + message.bytes();
        let is_refused = host.reserve(memory).is_err();
        self.kept.open.insert(id, Open { name, qos, transmissions: 0, memory: if is_refused { 0 } else { memory } });
        if is_refused {
            return self.end(id, Outcome::OutOfMemory, host);
        }
        self.ask(id, config, host);
        let link = self.connection.as_mut().and_then(|connection| connection.link.as_mut());
        let is_away = link.is_none();
        match self.kept.session.publish(link, &common.limits, message) {
            Offered::Taken(dropped) => {
                for message in dropped {
                    self.end(message.token, Outcome::ErrorResponse, host);
                }
            }
            Offered::Dropped(message) if is_away && qos == QoS::AtMostOnce => {
                self.end(message.token, Outcome::Reset, host)
            }
            Offered::Dropped(message) | Offered::Refused(message) => {
                self.end(message.token, Outcome::ErrorResponse, host)
            }
        }
        self.pump(host);
    }

    /// Messages of publications are due, in order of publications.
    fn publish_due(&mut self, host: &mut dyn Host) {
        for index in 0..self.next.len() {
            while !self.is_stopped && self.next[index].is_some_and(|next| next <= host.now()) {
                self.publish(index, host);
            }
        }
        self.watch(host);
    }

    /// Sets the timer of the next message, if there is one.
    fn watch(&self, host: &mut dyn Host) {
        if let Some(next) = self.next.iter().flatten().min().filter(|_| !self.is_stopped) {
            host.set_timer(PUBLISH, *next, "next message");
        }
    }

    /// Finds when the next message of a publication is due, if there is one.
    fn schedule(&mut self, index: usize, host: &mut dyn Host) {
        let common = &self.common;
        let (Some(config), Some(law)) = (common.config.publications.get(index), common.laws.get(index)) else { return };
        let number = self.kept.named.get(index).map_or(0, |(_, number)| *number);
        let is_last = config.count.is_some_and(|count| number >= count);
        let next = self.next[index].filter(|_| !is_last);
        self.next[index] = next.map(|due| due.saturating_add(draw_span(&law.interval, TIME, host)));
    }

    fn push(&mut self, packet: &Packet, host: &mut dyn Host) {
        let version = self.version();
        let Some(connection) = &mut self.connection else { return };
        let Ok(bytes) = packet.encode(version) else {
            debug_assert!(false, "{packet:?} cannot be written");
            self.counts.rare.refused_calls += 1;
            return;
        };
        host.spend(Operation { name: SEND, bytes: bytes.len() });
        connection.pushed += bytes.len();
        connection.out.push(0, bytes);
        connection.last_sent = host.now();
        self.counts.packets_sent += 1;
        if let Packet::Publish(publish) = packet
            && let Some(id) = Name::of(&publish.payload).map(Name::exchange)
        {
            if let Some(open) = self.kept.open.get_mut(&id) {
                open.transmissions += 1;
            }
            if publish.delivery.qos() == QoS::AtMostOnce {
                connection.marks.push_back((connection.pushed, id));
            }
        }
    }

    /// Makes the packets that the session has, as long as there is room, and writes them.
    fn pump(&mut self, host: &mut dyn Host) {
        while let Some(connection) = self.connection.as_mut().filter(|open| open.out.len() < ENOUGH && !open.is_closing)
        {
            let Some(link) = connection.link.as_mut() else { break };
            match self.kept.session.next(link, &self.common.limits, host.now()) {
                Some(Outgoing::Packet(packet)) => self.push(&packet, host),
                Some(Outgoing::Dropped(message, Unsent::Expired)) => self.end(message.token, Outcome::TimedOut, host),
                Some(Outgoing::Dropped(message, Unsent::TooLarge | Unsent::NotTaken)) => {
                    self.end(message.token, Outcome::ErrorResponse, host);
                }
                None => break,
            }
        }
        self.write(host);
    }

    fn write(&mut self, host: &mut dyn Host) {
        let Some(connection) = &mut self.connection else { return };
        match connection.out.write(connection.stream, 0, host) {
            Ok(written) => {
                connection.written += written;
                self.counts.bytes_sent += written;
            }
            Err(_) => self.counts.rare.refused_calls += 1,
        }
        let written = connection.written;
        let mut done = Vec::new();
        while let Some((_, id)) = connection.marks.pop_front_if(|(end, _)| *end <= written) {
            done.push(id);
        }
        let is_done = connection.is_closing && connection.out.len() == 0;
        let stream = connection.stream;
        for id in done {
            self.end(id, Outcome::Response, host);
        }
        if is_done {
            self.counts.rare.refused_calls += u64::from(host.stream_close(stream).is_err());
            self.lost(Outcome::Reset, host);
        }
    }
}

impl App for MqttClient {
    fn on_start(&mut self, host: &mut dyn Host) {
        let started = host.now();
        if self.kept.named.is_empty() {
            self.kept.will = host.rng(KEY).next_u64();
            self.kept.named = self.next.iter().map(|_| (host.rng(KEY).next_u64(), 0)).collect();
        }
        // What was open before a loss of power.
        for open in self.kept.open.values_mut() {
            open.memory = if host.reserve(open.memory).is_ok() { open.memory } else { 0 };
        }
        self.recover_exchanges(host);
        self.end_all(Outcome::Reset, |open| open.qos == QoS::AtMostOnce, host);
        if !self.common.config.persists() {
            self.kept.session = Session::new();
            self.end_all(Outcome::Reset, |_| true, host);
            self.end_answers(host);
            host.observe_message(MessageEvent::SessionOver);
        }
        self.watch_subscriptions(started, host);
        host.set_timer(CONNECT, started.saturating_add(self.start), "connect");
        for (index, publication) in self.common.config.publications.iter().enumerate() {
            let first = started.saturating_add(publication.start.unwrap_or(self.start));
            let is_done = publication.count.is_some_and(|count| self.kept.named[index].1 >= count);
            self.next[index] = Some(first).filter(|_| !is_done);
        }
        self.watch(host);
        if let Some(stop) = self.common.config.stop {
            host.set_timer(STOP, started.saturating_add(stop), "disconnect");
        }
    }

    fn on_datagram(&mut self, _: SocketId, _: SocketAddr, _: Rope, _: &mut dyn Host) {}

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        match token {
            CONNECT => self.connect(host),
            PATIENCE => {
                self.counts.rare.connect_timeouts += 1;
                self.give_up(host);
            }
            PING => self.ping(host),
            PONG => {
                self.counts.rare.ping_timeouts += 1;
                self.give_up(host);
            }
            STOP => self.stop(host),
            RESPONSE => self.on_patience(host),
            PROVE => self.prove_again(host),
            token if token >= UNSUBSCRIBE => self.unsubscribe((token - UNSUBSCRIBE) as usize, host),
            _ => self.publish_due(host),
        }
    }

    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        if self.connection.as_ref().is_none_or(|connection| connection.stream != stream) {
            return;
        }
        match event {
            StreamEvent::Readable => self.read(host),
            StreamEvent::Writable => {
                self.write(host);
                self.pump(host);
                self.read(host);
            }
            StreamEvent::Finished => {
                if let Some(connection) = &mut self.connection {
                    connection.is_finished = true;
                }
                self.read(host);
            }
            StreamEvent::Closed(reason) => {
                self.counts.rare.lost += u64::from(self.connection.as_ref().is_some_and(|open| !open.is_closing));
                self.lost(outcome_of(reason), host);
            }
            StreamEvent::Accepted { .. } | StreamEvent::Connected => {}
        }
    }

    fn totals(&self) -> Vec<Total> {
        self.counts.totals()
    }

    fn exchanges_due(&self) -> u64 {
        self.due
    }

    fn take_durable(&mut self) -> Option<Box<dyn Any + Send>> {
        self.common.config.durable.then(|| Box::new(std::mem::take(&mut self.kept)) as Box<dyn Any + Send>)
    }

    fn recover(&mut self, durable: Box<dyn Any + Send>) {
        if let Ok(kept) = durable.downcast::<Kept>() {
            self.kept = *kept;
        }
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
