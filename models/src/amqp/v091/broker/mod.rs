//! The broker: connections, their channels, and the exchanges and queues behind them.
//!
//! | file | what |
//! |---|---|
//! | here | streams, timers, what is written when |
//! | `connection` | protocol header, authentication, tuning, heartbeats, the end of connections |
//! | `channel` | channels, their modes, what methods go where, their end |
//! | `declare` | methods of exchanges and queues |
//! | `publish` | from a message to its queues: returns, confirms, transactions, dead letters |
//! | `consume` | consumers, deliveries, acknowledgements |
//! | `memory` | what messages take, and when publishers are blocked |
//! | `store` | exchanges and queues, and what of them is on disc |
//! | `counts` | totals |
//!
//! # What is on disc
//! With `durable`, durable exchanges, durable queues that are not exclusive, bindings between those, and persistent messages in them outlive a loss of power. All
//! messages that come back are marked as redelivered: which of them were delivered is not written. Where writing takes time (`sync`), one write follows the other, each of all that has
//! changed until it began, and what promises something waits for the write that has it: the confirm of a persistent message, `tx.commit-ok`, the answers to declarations,
//! deletions and bindings of what is durable. Answers of one channel do not pass each other; deliveries and other channels do not wait. An acknowledgement promises nothing:
//! a message whose acknowledgement was not written comes again.

mod channel;
mod connection;
mod consume;
mod counts;
mod declare;
mod memory;
mod publish;
mod store;

use super::config::AmqpBrokerConfig;
use super::queue::{ConnectionId, ConsumerId};
use super::wire::{Assembler, Command, Decoder, FrameMax, Item, MethodId, ShortStr};
use crate::amqp::{RECEIVE, SEND, options};
use crate::app::{App, Host, SocketId, StreamEvent, StreamId, StreamOptions, Total};
use crate::messaging::disc::Disc;
use crate::messaging::outbox::Outbox;
use crate::rope::Rope;
use channel::Channel;
use connection::Phase;
pub(super) use connection::{capabilities, half};
use consume::ConsumerAt;
use counts::Counts;
use protosim_core::{CannotClone, LocalTime, Operation, Span};
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use store::{Content, Entry, OnDisc, Store};

/// The timer of the next thing that happens to a queue by itself.
const DUE: u64 = 1;
/// The timer of the write to disc.
const SYNC: u64 = 2;
/// Timers from here on are of connections that are silent for too long, by stream.
const SILENCE: u64 = 1 << 32;
/// Timers from here on are of heartbeats to connections, by stream.
const HEARTBEAT: u64 = 1 << 33;

/// What waits for a stream, beyond which nothing more is made for it, and nothing read from it \[bytes\] (our choice).
const ENOUGH: u64 = 1 << 16;
/// What is read at once \[bytes\] (our choice).
const PIECE: u64 = 1 << 16;

/// A broker of AMQP 0-9-1; see the module.
#[derive(Clone, Debug)]
pub struct AmqpBroker {
    config: AmqpBrokerConfig,
    options: StreamOptions,
    connections: BTreeMap<StreamId, Box<Connection>>,
    store: Store,
    consumers: BTreeMap<ConsumerId, ConsumerAt>,
    disc: Disc<Entry, Content>,
    /// What was on disc when power was lost, until it starts.
    recovered: Option<Box<OnDisc>>,
    /// When queues are to be looked at.
    due: BTreeSet<(LocalTime, ShortStr)>,
    /// Queues in which something may happen now.
    dirty: BTreeSet<ShortStr>,
    /// Channels that may have confirms to send.
    to_confirm: BTreeSet<(StreamId, u16)>,
    /// Channels with confirms that wait for the disc.
    unconfirmed: BTreeSet<(StreamId, u16)>,
    /// Connections that may have something to write.
    touched: BTreeSet<StreamId>,
    /// Connections that may have something to be read that has waited.
    to_read: BTreeSet<StreamId>,
    /// Connections with answers that wait for the disc.
    for_disc: BTreeSet<StreamId>,
    /// Publishers are not read from: memory is short.
    is_blocked: bool,
    /// Memory of the host that messages have \[bytes\].
    held: u64,
    /// Connections, consumers, queues and names that were given numbers.
    given: Given,
    /// How many connections are open.
    open: u64,
    counts: Counts,
}

/// The last numbers that were given.
#[derive(Clone, Copy, Debug, Default)]
struct Given {
    connection: u64,
    consumer: u64,
    queue: u64,
    name: u64,
}

/// A connection.
#[derive(Clone, Debug)]
struct Connection {
    id: ConnectionId,
    decoder: Decoder,
    assembler: Assembler,
    out: Outbox,
    /// Bytes of answers of its channels that wait for the disc.
    held: u64,
    phase: Phase,
    /// What the peer takes.
    max: FrameMax,
    channel_max: u16,
    /// Zero for none.
    heartbeat: Span,
    /// How long it may be silent; zero for as long as it likes.
    patience: Span,
    user: ShortStr,
    /// It wants to know when it is blocked.
    hears_blocked: bool,
    /// It wants to know when its consumers are gone.
    hears_cancel: bool,
    /// It has published something.
    publishes: bool,
    channels: BTreeMap<u16, Box<Channel>>,
    /// Queues that it has for itself.
    exclusive: BTreeSet<ShortStr>,
    last_heard: LocalTime,
    last_sent: LocalTime,
    /// Its consumers have waited for room.
    was_full: bool,
    /// The peer has finished.
    is_finished: bool,
}

impl Connection {
    fn is_full(&self) -> bool {
        self.out.len() + self.held >= ENOUGH
    }

    fn is_read(&self, is_blocked: bool) -> bool {
        self.phase != Phase::Draining && !self.is_full() && !(is_blocked && self.publishes)
    }
}

impl AmqpBroker {
    /// A broker on `config.port()`. `config` has passed its check.
    pub fn new(config: AmqpBrokerConfig) -> Self {
        Self {
            options: options(&config.tcp),
            config,
            connections: BTreeMap::new(),
            store: Store::default(),
            consumers: BTreeMap::new(),
            disc: Disc::default(),
            recovered: None,
            due: BTreeSet::new(),
            dirty: BTreeSet::new(),
            to_confirm: BTreeSet::new(),
            unconfirmed: BTreeSet::new(),
            touched: BTreeSet::new(),
            to_read: BTreeSet::new(),
            for_disc: BTreeSet::new(),
            is_blocked: false,
            held: 0,
            given: Given::default(),
            open: 0,
            counts: Counts::default(),
        }
    }

    /// Whether something waits for the disc.
    fn writes(&self) -> bool {
        self.config.durable && !self.config.sync.is_zero()
    }

    /// Something has changed that may be on disc: the write that will have it; 0 if none has to.
    fn changed(&mut self, entry: Entry) -> u64 {
        if self.writes() { self.disc.change(&entry) } else { 0 }
    }

    /// Puts a method, with its message, behind what waits for a stream. It may go when write `needs` to disc is done, and does not pass what waits on its channel.
    fn push(&mut self, stream: StreamId, needs: u64, command: &Command, host: &mut dyn Host) {
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        let Ok(bytes) = command.encode(connection.max) else {
            // A method that is longer than a frame of the peer's may be.
            self.counts.refused_calls += 1;
            return;
        };
        host.spend(Operation { name: SEND, bytes: bytes.len() });
        self.counts.methods_sent += 1;
        connection.last_sent = host.now();
        match connection.channels.get_mut(&command.channel) {
            Some(channel) if needs > self.disc.done() || !channel.held.is_empty() => {
                connection.held += bytes.len();
                channel.held.push_back((needs, bytes));
                self.for_disc.insert(stream);
            }
            _ => connection.out.push(0, bytes),
        }
        self.touched.insert(stream);
    }

    /// What has waited for the disc may go.
    fn release_held(&mut self, stream: StreamId) {
        let done = self.disc.done();
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        let mut is_waiting = false;
        for channel in connection.channels.values_mut() {
            while let Some((_, bytes)) = channel.held.pop_front_if(|(needs, _)| *needs <= done) {
                connection.held -= bytes.len();
                connection.out.push(0, bytes);
            }
            is_waiting |= !channel.held.is_empty();
        }
        if is_waiting {
            self.for_disc.insert(stream);
        }
        self.touched.insert(stream);
        self.to_read.insert(stream);
    }

    /// Reads what is there, frame by frame, as long as there is room for what comes of it.
    fn read(&mut self, stream: StreamId, host: &mut dyn Host) {
        loop {
            while let Some(connection) =
                self.connections.get_mut(&stream).filter(|connection| connection.is_read(self.is_blocked))
            {
                let before = connection.decoder.waiting();
                match connection.decoder.next_item() {
                    Ok(Some(item)) => {
                        let bytes = before - connection.decoder.waiting();
                        host.spend(Operation { name: RECEIVE, bytes });
                        self.counts.frames_received += 1;
                        self.take(stream, item, host);
                    }
                    Ok(None) => break,
                    Err(fault) => self.unreadable(stream, fault, host),
                }
            }
            let Some(connection) =
                self.connections.get_mut(&stream).filter(|connection| connection.is_read(self.is_blocked))
            else {
                return;
            };
            let data = host.stream_read(stream, PIECE).unwrap_or_default();
            if data.is_empty() {
                if connection.is_finished {
                    self.drain(stream, host);
                }
                return;
            }
            connection.last_heard = host.now();
            self.counts.bytes_received += data.len();
            connection.decoder.push(&data);
        }
    }

    fn take(&mut self, stream: StreamId, item: Item, host: &mut dyn Host) {
        let frame = match item {
            Item::Header(header) => return self.on_header(stream, header, host),
            Item::Frame(frame) => frame,
        };
        let channel = frame.channel;
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        let handled = match connection.assembler.push(frame) {
            Ok(None) => Ok(()),
            Ok(Some(command)) => {
                let id = command.method.id();
                self.on_command(stream, command, host)
                    .map_err(|fault| if fault.method == MethodId::NONE { fault.in_method(id) } else { fault })
            }
            Err(fault) => Err(fault),
        };
        if let Err(fault) = handled {
            self.fail(stream, channel, fault, host);
        }
    }

    /// Does all that can be done at this instant, and sets timers for the rest.
    fn finish(&mut self, host: &mut dyn Host) {
        loop {
            if let Some(queue) = self.dirty.pop_first() {
                self.pump(&queue, host);
            } else if let Some((stream, channel)) = self.to_confirm.pop_first() {
                self.send_confirms(stream, channel, host);
            } else if let Some(stream) = self.touched.pop_first() {
                self.write(stream, host);
            } else if let Some(stream) = self.to_read.pop_first() {
                self.read(stream, host);
            } else if !self.unblock(host) {
                break;
            }
        }
        if self.writes() && self.disc.begin(|entry| self.store.on_disc(entry)) {
            host.set_timer(SYNC, host.now().saturating_add(self.config.sync), "disc");
        }
        match self.due.first() {
            Some((at, _)) => host.set_timer(DUE, *at, "queue"),
            None => host.cancel_timer(DUE),
        }
    }

    fn write(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        match connection.out.write(stream, self.disc.done(), host) {
            Ok(written) => self.counts.bytes_sent += written,
            Err(_) => self.counts.refused_calls += 1,
        }
        if connection.was_full && !connection.is_full() {
            connection.was_full = false;
            let queues = connection.channels.values().flat_map(|channel| channel.queues());
            self.dirty.extend(queues.cloned());
            self.to_read.insert(stream);
        }
        if connection.phase == Phase::Draining && connection.out.len() == 0 {
            self.counts.refused_calls += u64::from(host.stream_close(stream).is_err());
            self.gone(stream, host);
        }
    }

    fn on_due(&mut self, host: &mut dyn Host) {
        let now = host.now();
        while self.due.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, queue)) = self.due.pop_first() else { break };
            if let Some(stored) = self.store.queues.get_mut(&queue) {
                stored.deadline = None;
            }
            self.dirty.insert(queue);
        }
    }
}

impl App for AmqpBroker {
    fn on_start(&mut self, host: &mut dyn Host) {
        if host.stream_listen(self.config.port(), &self.options).is_err() {
            self.counts.refused_calls += 1;
        }
        self.resume(host);
        self.finish(host);
    }

    fn on_datagram(&mut self, _: SocketId, _: SocketAddr, _: Rope, _: &mut dyn Host) {}

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        match token {
            DUE => self.on_due(host),
            SYNC => {
                self.disc.end();
                self.counts.disc_writes += 1;
                for stream in std::mem::take(&mut self.for_disc) {
                    self.release_held(stream);
                }
                self.to_confirm.append(&mut self.unconfirmed);
            }
            // Streams have 32 bits.
            token if token >= HEARTBEAT => self.on_heartbeat_due(StreamId((token - HEARTBEAT) as u32), host),
            token => self.on_silence(StreamId((token - SILENCE) as u32), host),
        }
        self.finish(host);
    }

    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        match event {
            StreamEvent::Accepted { .. } => self.accept(stream, host),
            StreamEvent::Readable => self.read(stream, host),
            StreamEvent::Writable => {
                self.write(stream, host);
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
        self.recovered = durable.downcast::<OnDisc>().ok();
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
