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
//! the end, and those that others make, are not seen: nobody is owed what comes along them. Consumers of a queue share what comes; exclusive ones are alone. Publications are *at least once* with confirms or
//! transactions, consumers where they acknowledge; all others *at most once*. A message is sent each time that it is published, in a transaction with its commit. Nobody is owed what is not persistent, may expire, or what a queue of the publisher's
//! configuration may drop; nor, when its connection is lost, what was for a queue of the consumer's configuration that may go.
//!
//! | file | what |
//! |---|---|
//! | here | streams, timers |
//! | `connect` | how connections and channels begin and end |
//! | `methods` | what methods do |
//! | `lane` | a channel: what may be sent on it |
//! | `names` | what comes to queues, in the ledger |
//! | `counts` | totals |

mod connect;
mod counts;
mod lane;
mod methods;
mod names;

use super::config::{AmqpClientConfig, AmqpConfirms, AmqpConsumerConfig, AmqpPublicationConfig};
use super::wire::{Assembler, Command, Decoder, FrameMax, ShortStr};
use crate::amqp::client::names::topic;
use crate::amqp::client::{Kept, Law, Messages, PUBLISH};
use crate::amqp::{SEND, options};
use crate::app::{App, Host, SocketId, StreamEvent, StreamId, StreamOptions, Total};
use crate::lazy::{Empty, Lazy};
use crate::ledger::Guarantee;
use crate::messaging::outbox::Outbox;
use crate::observe::Outcome;
use crate::rope::Rope;
use crate::tcp::app::outcome_of;
use connect::Stage;
use counts::Counts;
use lane::Lane;
use methods::Came;
use protosim_core::{CannotClone, LocalTime, Operation, Span};
use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;

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
/// What was acknowledged too soon reaches the application.
const HAND_ON: u64 = 7;
/// Timers from here on are of channels that are opened again, by index.
const REOPEN: u64 = 1 << 16;
/// Timers from here on are of consumers that end, by channel's index.
const CANCEL: u64 = 1 << 31;
/// Timers from here on are of consumers that ask again, by channel's index.
const ASK: u64 = 1 << 32;

/// A client of AMQP 0-9-1; see the module.
#[derive(Clone, Debug)]
pub struct AmqpClient {
    common: Arc<Common>,
    server: SocketAddr,
    /// When it connects first.
    start: Span,
    messages: Messages,
    connection: Option<Box<Connection>>,
    /// Connections in a row that did not get ready.
    attempts: u32,
    seldom: Lazy<Seldom>,
    /// It has closed its connection for good.
    is_stopped: bool,
    counts: Counts,
}

/// What most clients have nothing of.
#[derive(Clone, Debug)]
struct Seldom {
    /// What has come and not reached the application, by consumer's channel: never anything, but for a mistake.
    late: Vec<(usize, Came)>,
    /// Consumers that are over, by channel's index.
    cancelled: Vec<usize>,
}

impl Empty for Seldom {
    const EMPTY: &'static Self = &Self { late: Vec::new(), cancelled: Vec::new() };
}

/// What does not change, of all members of a group.
#[derive(Debug)]
pub struct Common {
    config: AmqpClientConfig,
    options: StreamOptions,
    /// By publication.
    addresses: Box<[Address]>,
    laws: Arc<[Law]>,
}

/// Where messages of a publication go.
#[derive(Debug)]
struct Address {
    exchange: ShortStr,
    key: ShortStr,
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
        let address = |publication: &AmqpPublicationConfig| Address {
            exchange: ShortStr::cut(&publication.exchange),
            key: ShortStr::cut(&publication.key),
        };
        let law = |publication: &AmqpPublicationConfig| {
            let guarantee = match publication.confirms {
                AmqpConfirms::None => Guarantee::AtMostOnce,
                _ => Guarantee::AtLeastOnce,
            };
            let topic = topic(&publication.exchange, &publication.key);
            Law::new(&topic, guarantee, may_go(&config, publication), &publication.schedule())
        };
        Self {
            options: options(&config.tcp),
            addresses: config.publications.iter().map(address).collect(),
            laws: config.publications.iter().map(law).collect(),
            config,
        }
    }

    /// The consumer of a channel, if it has one.
    fn consumer(&self, index: usize) -> Option<&AmqpConsumerConfig> {
        self.config.consumers.get(index.checked_sub(self.config.publications.len())?)
    }
}

/// Whether a message of this publication may be gone, as its publisher knows.
fn may_go(config: &AmqpClientConfig, publication: &AmqpPublicationConfig) -> bool {
    let drops = config.queues.iter().any(|queue| queue.drops() || queue.may_go());
    !publication.persistent || publication.expiration.is_some() || drops
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
            messages: Messages::new(Arc::clone(&common.laws), server, common.config.max_waiting),
            server,
            start,
            connection: None,
            attempts: 0,
            seldom: Lazy::new(),
            is_stopped: false,
            counts: Counts::default(),
        }
    }

    /// Messages of publications are due, in order of publications.
    fn publish_due(&mut self, host: &mut dyn Host) {
        for index in 0..self.messages.publications() {
            while self.messages.publish(index, host) {
                self.pump(index, host);
            }
        }
        self.write(host);
        self.messages.watch(host);
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
            self.messages.end(id, Outcome::Response, host);
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
        let common = Arc::clone(&self.common);
        let config = &common.config;
        self.messages.start(self.start, host);
        self.queues_gone(host);
        host.set_timer(CONNECT, started.saturating_add(self.start), "connect");
        for (index, consumer) in (config.publications.len()..).zip(&config.consumers) {
            if let Some(until) = consumer.until {
                host.set_timer(CANCEL + index as u64, started.saturating_add(until), "cancel");
            }
        }
        if let Some(stop) = config.stop {
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
            HAND_ON => self.hand_on_late(host),
            token if token >= ASK => self.ask((token - ASK) as usize, host),
            token if token >= CANCEL => self.cancel((token - CANCEL) as usize, host),
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
        self.counts.totals(&self.messages)
    }

    fn exchanges_due(&self) -> u64 {
        self.messages.due()
    }

    fn take_durable(&mut self) -> Option<Box<dyn Any + Send>> {
        if !self.common.config.durable {
            return None;
        }
        // What was on its way is sent again.
        let cut = self.unsend();
        Some(Box::new(self.messages.take_kept(cut)))
    }

    fn recover(&mut self, durable: Box<dyn Any + Send>) {
        if let Ok(kept) = durable.downcast::<Kept>() {
            self.messages.recover(*kept);
        }
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
