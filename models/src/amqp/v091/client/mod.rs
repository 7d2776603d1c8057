//! The client: one connection after the other, with a channel for each publication and each consumer.
//!
//! Each message that it publishes is an exchange. It begins when the message is due, and ends with its confirm or its commit, without them with its last byte's being
//! written to the stream. It fails when the broker refuses it (`basic.nack`, an error of its channel), when it comes back (`mandatory`), when too many wait. A message
//! whose confirm is lost with its connection is sent again with the next one. A message that reaches a consumer is reported as delivered, by the name in its body.
//!
//! A connection is made in five round trips, and six with confirms or transactions: TCP, header and `start`, `start-ok` and `tune`, `tune-ok` with `open`, `channel.open`
//! of all channels, `confirm.select` or `tx.select`. What is declared takes one more, however much it is: it goes out at once.
//!
//! # In the ledger
//! Topics are names with `/` between their parts, as the ledger's matcher has them: `queue/Q` for what goes to queue Q by the default exchange, `exchange/E/a/b` for key
//! `a.b` at exchange E; `%`, `/`, `+` and `#` in names are `%25`, `%2F`, `%2B` and `%23`. A consumer of Q has subscribed to `queue/Q`, and to what bindings of its own configuration lead to
//! Q from exchanges whose kind it knows, declared or `amq.*`: a topic's `*` is `+`, its `#` at the end is `#`. Bindings between exchanges, of headers, with a `#` before
//! the end, and those that others make, are not seen: nobody is owed what comes along them. Consumers share what comes, but for exclusive ones. Publications are *at least once* with confirms or
//! transactions, consumers where they acknowledge; all others *at most once*. Nobody is owed what is not persistent, may expire, or what a queue of the publisher's
//! configuration may drop; nor, when its connection is lost, what was for a queue of the consumer's configuration that may go.
//!
//! | file | what |
//! |---|---|
//! | here | streams, timers, publications |
//! | `connect` | how connections and channels begin and end |
//! | `methods` | what methods do |
//! | `lane` | a channel: what may be sent on it |
//! | `names` | topics of the ledger |
//! | `counts` | totals |

mod connect;
mod counts;
mod lane;
mod methods;
mod names;

use super::config::{AmqpClientConfig, AmqpConfirms, AmqpConsumerConfig, AmqpPublicationConfig};
use super::wire::{Assembler, Command, Decoder, FrameMax, ShortStr};
use crate::amqp::{SEND, options};
use crate::app::{App, Host, SocketId, StreamEvent, StreamId, StreamOptions, Total};
use crate::ledger::{Guarantee, MessageEvent};
use crate::messaging::fifo::Fifo;
use crate::messaging::outbox::Outbox;
use crate::messaging::payload::{NAME_LEN, Name, Seen};
use crate::observe::{ExchangeId, Observation, Outcome};
use crate::rope::Rope;
use crate::tcp::app::{nowhere, outcome_of};
use crate::traffic::{Sizes, draw_span};
use connect::Stage;
use counts::Counts;
use lane::Lane;
use protosim_core::{CannotClone, Distribution, LocalTime, Operation, Purpose, Span};
use std::any::Any;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// Draws of names of publications.
const KEY: Purpose = Purpose("amqp.publication.key");
/// Draws of sizes of bodies.
const SIZE: Purpose = Purpose("amqp.publication.size");
/// Draws of times between messages.
const TIME: Purpose = Purpose("amqp.publication.time");
/// Draws of how long it waits before it opens something again.
const RECONNECT: Purpose = Purpose("amqp.reconnect");
/// Draws of what is rejected.
const REJECT: Purpose = Purpose("amqp.reject");

/// The timer of the next connection.
const CONNECT: u64 = 1;
/// How long it is waited for that a connection is open, or closed.
const PATIENCE: u64 = 2;
/// The timer of the next heartbeat.
const HEARTBEAT: u64 = 3;
/// How long the broker may be silent.
const SILENCE: u64 = 4;
/// The end.
const STOP: u64 = 5;
/// The timer of the next message of all publications.
const PUBLISH: u64 = 6;
/// Timers from here on are of channels that are opened again, by index.
const REOPEN: u64 = 1 << 16;
/// Timers from here on are of consumers that ask again, by channel's index.
const ASK: u64 = 1 << 32;

/// What waits for the stream, beyond which no more is made \[bytes\] (our choice).
const ENOUGH: u64 = 1 << 16;
/// What is read at once \[bytes\] (our choice).
const PIECE: u64 = 1 << 16;
/// Memory of a message beside its body \[bytes\] (our choice, as this program takes).
const COPY: u64 = 128;

/// A client of AMQP 0-9-1; see the module.
#[derive(Clone, Debug)]
pub struct AmqpClient {
    common: Arc<Common>,
    server: SocketAddr,
    /// When it connects first.
    start: Span,
    kept: Kept,
    /// When the next message is due, by publication; `None` behind the last one.
    next: Box<[Option<LocalTime>]>,
    connection: Option<Box<Connection>>,
    /// Connections in a row that did not get ready.
    attempts: u32,
    /// It has closed its connection for good.
    is_stopped: bool,
    /// Exchanges that were begun.
    due: u64,
    counts: Counts,
}

/// What does not change, of all members of a group.
#[derive(Debug)]
pub struct Common {
    config: AmqpClientConfig,
    options: StreamOptions,
    /// By publication.
    laws: Box<[Law]>,
}

/// How messages of a publication are made.
#[derive(Debug)]
struct Law {
    exchange: ShortStr,
    key: ShortStr,
    /// In the ledger.
    topic: Arc<str>,
    sizes: Sizes,
    interval: Distribution,
}

/// What is on disc where the client is durable.
#[derive(Clone, Debug, Default)]
struct Kept {
    /// By publication: its name, drawn at the first start, and how many of its messages were due.
    named: Vec<(u64, u64)>,
    /// By publication, the exchanges' numbers of messages that wait to be sent.
    waiting: Vec<Fifo<u64>>,
    /// By their exchanges' numbers.
    open: BTreeMap<u64, Open>,
    /// Messages without confirms that were being written when power was lost.
    cut: Vec<u64>,
    seen: Seen,
}

/// A message that is not done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Open {
    name: Name,
    publication: usize,
    /// Of its body \[bytes\].
    len: u64,
    transmissions: u32,
    memory: u64,
    /// It has come back.
    is_returned: bool,
}

#[derive(Clone, Debug)]
struct Connection {
    stream: StreamId,
    decoder: Decoder,
    assembler: Assembler,
    out: Outbox,
    stage: Stage,
    /// What the broker takes.
    max: FrameMax,
    /// Zero for none.
    heartbeat: Span,
    last_heard: LocalTime,
    last_sent: LocalTime,
    lanes: Vec<Lane>,
    /// Answers to declarations that are to come.
    undeclared: usize,
    /// The broker takes no messages for now.
    is_blocked: bool,
    /// All that was pushed and all that was written, ever \[bytes\].
    pushed: u64,
    written: u64,
    is_finished: bool,
}

impl Common {
    /// Of this configuration, which has passed its check.
    pub fn new(config: AmqpClientConfig) -> Self {
        let law = |publication: &AmqpPublicationConfig| Law {
            exchange: ShortStr::cut(&publication.exchange),
            key: ShortStr::cut(&publication.key),
            topic: names::topic(&publication.exchange, &publication.key).into(),
            sizes: Sizes::of_messages(&publication.payload, NAME_LEN, SIZE),
            interval: publication.interval.law(),
        };
        Self { options: options(&config.tcp), laws: config.publications.iter().map(law).collect(), config }
    }

    /// The consumer of a channel, if it has one.
    fn consumer(&self, index: usize) -> Option<&AmqpConsumerConfig> {
        self.config.consumers.get(index.checked_sub(self.config.publications.len())?)
    }

    /// Whether a message of this publication may be gone, as its publisher knows.
    fn may_go(&self, publication: &AmqpPublicationConfig) -> bool {
        let drops = self.config.queues.iter().any(|queue| queue.drops() || queue.may_go());
        !publication.persistent || publication.expiration.is_some() || drops
    }
}

impl AmqpClient {
    /// A client of the broker at `server`. `config` has passed its check.
    pub fn new(config: AmqpClientConfig, server: SocketAddr) -> Self {
        let start = config.start;
        Self::like(&Arc::new(Common::new(config)), start, server)
    }

    /// The same, of a configuration that several have, but for their start.
    pub fn like(common: &Arc<Common>, start: Span, server: SocketAddr) -> Self {
        Self {
            common: Arc::clone(common),
            server,
            start,
            kept: Kept::default(),
            next: vec![None; common.laws.len()].into(),
            connection: None,
            attempts: 0,
            is_stopped: false,
            due: 0,
            counts: Counts::default(),
        }
    }

    fn exchange(&self, id: u64) -> ExchangeId {
        ExchangeId { client: nowhere(), server: self.server, id }
    }

    /// A message is done.
    fn end(&mut self, id: u64, outcome: Outcome, host: &mut dyn Host) {
        let Some(open) = self.kept.open.remove(&id) else { return };
        if self.kept.open.is_empty() {
            // A client at rest holds nothing.
            self.kept.open = BTreeMap::new();
        }
        host.release(open.memory);
        let outcome = match outcome {
            Outcome::Response if open.is_returned => Outcome::ErrorResponse,
            outcome => outcome,
        };
        let confirms = self.common.config.publications.get(open.publication).map(|publication| publication.confirms);
        match outcome {
            Outcome::Response => self.counts.completed += 1,
            _ => self.counts.failed += 1,
        }
        match outcome {
            Outcome::Response if confirms == Some(AmqpConfirms::None) => {}
            Outcome::Response => host.observe_message(MessageEvent::Confirmed { message: open.name.into() }),
            _ => host.observe_message(MessageEvent::Failed { message: open.name.into() }),
        }
        let exchange = self.exchange(id);
        host.observe(Observation::ExchangeEnded { exchange, outcome, transmissions: open.transmissions });
    }

    fn end_all(&mut self, outcome: Outcome, host: &mut dyn Host) {
        for id in self.kept.open.keys().copied().collect::<Vec<_>>() {
            self.end(id, outcome, host);
        }
        self.kept.waiting.fill(Fifo::new());
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
        let (id, len) = (name.exchange(), law.sizes.draw(host));
        self.due += 1;
        self.counts.published += 1;
        host.observe(Observation::ExchangeStarted(self.exchange(id)));
        host.observe_message(MessageEvent::Published {
            message: name.into(),
            guarantee: match config.confirms {
                AmqpConfirms::None => Guarantee::AtMostOnce,
                _ => Guarantee::AtLeastOnce,
            },
            topic: law.topic.clone(),
            domain: self.server,
            may_expire: common.may_go(config),
        });
        let memory = COPY + len;
        let is_refused = host.reserve(memory).is_err();
        let memory = if is_refused { 0 } else { memory };
        let open = Open { name, publication: index, len, transmissions: 0, memory, is_returned: false };
        self.kept.open.insert(id, open);
        if is_refused {
            self.end(id, Outcome::OutOfMemory, host);
        } else if self.kept.waiting[index].len() >= common.config.max_waiting as usize {
            self.end(id, Outcome::ErrorResponse, host);
        } else {
            self.kept.waiting[index].push_back(id);
        }
        self.pump(index, host);
    }

    /// Messages of publications are due, in order of publications.
    fn publish_due(&mut self, host: &mut dyn Host) {
        for index in 0..self.next.len() {
            while !self.is_stopped && self.next[index].is_some_and(|next| next <= host.now()) {
                self.publish(index, host);
            }
        }
        self.write(host);
        self.watch(host);
    }

    /// Sets the timer of the next message, if there is one.
    fn watch(&self, host: &mut dyn Host) {
        if let Some(next) = self.next.iter().flatten().min().filter(|_| !self.is_stopped) {
            host.set_timer(PUBLISH, *next, "next message");
        }
    }

    /// Whether all messages of a publication were due.
    fn is_exhausted(&self, index: usize) -> bool {
        let number = self.kept.named.get(index).map_or(0, |(_, number)| *number);
        let count = self.common.config.publications.get(index).and_then(|publication| publication.count);
        count.is_some_and(|count| number >= count)
    }

    /// Finds when the next message of a publication is due, if there is one.
    fn schedule(&mut self, index: usize, host: &mut dyn Host) {
        let Some(law) = self.common.laws.get(index) else { return };
        let next = self.next[index].filter(|_| !self.is_exhausted(index));
        self.next[index] = next.map(|due| due.saturating_add(draw_span(&law.interval, TIME, host)));
    }

    fn push(&mut self, command: &Command, host: &mut dyn Host) {
        let Some(connection) = &mut self.connection else { return };
        let Ok(bytes) = command.encode(connection.max) else {
            self.counts.refused_calls += 1;
            return;
        };
        host.spend(Operation { name: SEND, bytes: bytes.len() });
        connection.pushed += bytes.len();
        connection.out.push(0, bytes);
        connection.last_sent = host.now();
        self.counts.methods_sent += 1;
    }

    /// Writes what the stream takes. Messages without confirms are done with it.
    fn write(&mut self, host: &mut dyn Host) {
        let Some(connection) = &mut self.connection else { return };
        match connection.out.write(connection.stream, 0, host) {
            Ok(written) => {
                connection.written += written;
                self.counts.bytes_sent += written;
            }
            Err(_) => self.counts.refused_calls += 1,
        }
        let written = connection.written;
        let done: Vec<u64> = connection.lanes.iter_mut().flat_map(|lane| lane.written(written)).collect();
        let is_done = connection.stage == Stage::Draining && connection.out.len() == 0;
        let stream = connection.stream;
        for id in done {
            self.end(id, Outcome::Response, host);
        }
        if is_done {
            self.counts.refused_calls += u64::from(host.stream_close(stream).is_err());
            self.lost(Outcome::Reset, host);
        }
    }
}

impl App for AmqpClient {
    fn on_start(&mut self, host: &mut dyn Host) {
        let started = host.now();
        if self.kept.named.is_empty() {
            self.kept.named = self.next.iter().map(|_| (host.rng(KEY).next_u64(), 0)).collect();
            self.kept.waiting = vec![Fifo::new(); self.next.len()];
        }
        // What was open before a loss of power.
        for open in self.kept.open.values_mut() {
            open.memory = if host.reserve(open.memory).is_ok() { open.memory } else { 0 };
        }
        for id in std::mem::take(&mut self.kept.cut) {
            self.end(id, Outcome::Reset, host);
        }
        self.queues_gone(host);
        let config = Arc::clone(&self.common);
        host.set_timer(CONNECT, started.saturating_add(self.start), "connect");
        for (index, publication) in config.config.publications.iter().enumerate() {
            let first = started.saturating_add(publication.start.unwrap_or(self.start));
            self.next[index] = Some(first).filter(|_| !self.is_exhausted(index));
        }
        self.watch(host);
        if let Some(stop) = config.config.stop {
            host.set_timer(STOP, started.saturating_add(stop), "close");
        }
    }

    fn on_datagram(&mut self, _: SocketId, _: SocketAddr, _: Rope, _: &mut dyn Host) {}

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        match token {
            CONNECT => self.connect(host),
            PATIENCE => {
                self.counts.connect_timeouts += 1;
                self.give_up(host);
            }
            HEARTBEAT => self.on_heartbeat_due(host),
            SILENCE => self.on_silence(host),
            STOP => self.stop(host),
            PUBLISH => self.publish_due(host),
            token if token >= ASK => self.ask((token - ASK) as usize, host),
            token => self.open_again((token - REOPEN) as usize, host),
        }
        self.write(host);
    }

    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        if self.connection.as_ref().is_none_or(|connection| connection.stream != stream) {
            return;
        }
        match event {
            StreamEvent::Readable => self.read(host),
            StreamEvent::Writable => {
                self.write(host);
                self.pump_all(host);
                self.read(host);
            }
            StreamEvent::Finished => {
                if let Some(connection) = &mut self.connection {
                    connection.is_finished = true;
                }
                self.read(host);
            }
            StreamEvent::Closed(reason) => self.lost(outcome_of(reason), host),
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
        if !self.common.config.durable {
            return None;
        }
        // What was on its way is sent again.
        self.kept.cut = self.unsend();
        Some(Box::new(std::mem::take(&mut self.kept)))
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
