//! The broker: streams, and the exchanges and queues behind them, for whatever version of AMQP a client speaks.
//!
//! | file | what |
//! |---|---|
//! | here | streams, timers, what is written when |
//! | `connections` | how connections begin and end, whatever they speak |
//! | `queues` | exchanges, queues and bindings that come and go |
//! | `messages` | from a message to its queues; dead letters |
//! | `deliver` | consumers, deliveries, what becomes of these |
//! | `memory` | what messages take, and when publishers are blocked |
//! | `store` | exchanges and queues, and what of them is on disc |
//! | [`exchange`] | exchanges and bindings: into which queues a message goes |
//! | [`queue`] | one queue with its consumers: what is ready, unacknowledged, expired, dropped, dead |
//! | `config` | what users say |
//! | `counts` | totals |
//! | `../v091/broker` | what it says to clients of 0-9-1: connections, channels, methods |
//! | `../v10/broker` | what it says to clients of 1.0: sessions, links, transfers |
//!
//! The protocol header that a client sends says which version it speaks, on the same port. All of it but the last two is the same for both. Messages, headers and arguments have the types of 0-9-1, and so have errors: that is the model of RabbitMQ,
//! which others are mapped to.
//!
//! # What is on disc
//! With `durable`, durable exchanges, durable queues that are not exclusive, bindings between those, and persistent messages in them outlive a loss of power. All
//! messages that come back are marked as redelivered: which of them were delivered is not written. Where writing takes time (`sync`), one write follows the other, each of all that has
//! changed until it began, and what promises something waits for the write that has it: the confirm of a persistent message, `tx.commit-ok`, the answers to declarations,
//! deletions and bindings of what is durable. Answers of one channel do not pass each other; deliveries and other channels do not wait. An acknowledgement promises nothing:
//! a message whose acknowledgement was not written comes again.

mod config;
mod connections;
mod counts;
mod deliver;
pub mod exchange;
mod memory;
mod messages;
pub mod queue;
mod queues;
mod store;

pub use config::{AmqpBrokerConfig, AmqpUser};
pub(in crate::amqp) use connections::{Connection, Peer};
pub(in crate::amqp) use counts::Counts;
pub(in crate::amqp) use deliver::{ConsumerAt, Outlet};
pub(in crate::amqp) use memory::{CHANNEL, LINK, MESSAGE, SESSION};
pub(in crate::amqp) use messages::Put;
pub(in crate::amqp) use queues::NO_QUEUE;
pub(in crate::amqp) use store::{Content, Entry, OnDisc, Store};

use super::flaw::AmqpFlaw;
use super::options;
use super::v10::broker::Kept;
use super::v091::wire::ShortStr;
use crate::app::{App, Host, SocketId, StreamEvent, StreamId, StreamOptions, Total};
use crate::messaging::disc::Disc;
use crate::rope::Rope;
use protosim_core::{CannotClone, LocalTime};
use queue::ConsumerId;
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// The timer of the next thing that happens to a queue by itself.
const DUE: u64 = 1;
/// The timer of the write to disc.
const SYNC: u64 = 2;
/// The timer of links that wait to be resumed.
const LINKS: u64 = 3;
/// Timers from here on are of connections that are silent for too long, by stream.
pub(in crate::amqp) const SILENCE: u64 = 1 << 32;
/// Timers from here on are of heartbeats to connections, by stream.
pub(in crate::amqp) const HEARTBEAT: u64 = 1 << 33;

/// What waits for a stream, beyond which nothing more is made for it, and nothing read from it \[bytes\] (our choice).
const ENOUGH: u64 = 1 << 16;
/// What is read at once \[bytes\] (our choice).
const PIECE: u64 = 1 << 16;

/// A broker; see the module.
#[derive(Clone, Debug)]
pub struct AmqpBroker {
    pub(in crate::amqp) config: AmqpBrokerConfig,
    options: StreamOptions,
    pub(in crate::amqp) connections: BTreeMap<StreamId, Box<Connection>>,
    pub(in crate::amqp) store: Store,
    pub(in crate::amqp) consumers: BTreeMap<ConsumerId, ConsumerAt>,
    pub(in crate::amqp) disc: Disc<Entry, Content>,
    /// What was on disc when power was lost, until it starts.
    recovered: Option<Box<OnDisc>>,
    /// When queues are to be looked at.
    due: BTreeSet<(LocalTime, ShortStr)>,
    /// Queues in which something may happen now.
    pub(in crate::amqp) dirty: BTreeSet<ShortStr>,
    /// Channels that may have confirms to send.
    pub(in crate::amqp) to_confirm: BTreeSet<(StreamId, u16)>,
    /// Channels with confirms that wait for the disc.
    pub(in crate::amqp) unconfirmed: BTreeSet<(StreamId, u16)>,
    /// Connections that may have something to write.
    pub(in crate::amqp) touched: BTreeSet<StreamId>,
    /// Connections that may have something to be read that has waited.
    pub(in crate::amqp) to_read: BTreeSet<StreamId>,
    /// Connections with answers that wait for the disc.
    pub(in crate::amqp) for_disc: BTreeSet<StreamId>,
    /// Links of 1.0 that wait for what their queues have to give, by queue: they have got a flow.
    pub(in crate::amqp) waiting_links: BTreeMap<ShortStr, BTreeSet<(StreamId, u16, u32)>>,
    /// Links of 1.0 that wait to be resumed.
    pub(in crate::amqp) kept: Kept,
    /// Publishers are not read from: memory is short.
    pub(in crate::amqp) is_blocked: bool,
    /// Memory of the host that messages have \[bytes\].
    held: u64,
    /// Connections, consumers, queues and names that were given numbers.
    pub(in crate::amqp) given: Given,
    pub(in crate::amqp) counts: Counts,
}

/// The last numbers that were given.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::amqp) struct Given {
    connection: u64,
    pub(in crate::amqp) consumer: u64,
    queue: u64,
    name: u64,
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
            waiting_links: BTreeMap::new(),
            kept: Kept::default(),
            is_blocked: false,
            held: 0,
            given: Given::default(),
            counts: Counts::default(),
        }
    }

    /// Whether something waits for the disc.
    fn writes(&self) -> bool {
        self.config.durable && !self.config.sync.is_zero()
    }

    /// Whether it makes this mistake.
    pub(in crate::amqp) fn has(&self, flaw: AmqpFlaw) -> bool {
        self.config.flaw == Some(flaw)
    }

    /// Something has changed that may be on disc: the write that will have it; 0 if none has to.
    fn changed(&mut self, entry: Entry) -> u64 {
        if self.writes() { self.disc.change(&entry) } else { 0 }
    }

    /// Reads what is there, frame by frame, as long as there is room for what comes of it.
    fn read(&mut self, stream: StreamId, host: &mut dyn Host) {
        loop {
            while self.is_read(stream) && self.take_one(stream, host) {}
            if !self.is_read(stream) {
                return;
            }
            let Some(connection) = self.connections.get_mut(&stream) else { return };
            let data = host.stream_read(stream, PIECE).unwrap_or_default();
            if data.is_empty() {
                if connection.is_finished {
                    self.drain(stream, host);
                }
                return;
            }
            connection.last_heard = host.now();
            self.counts.bytes_received += data.len();
            self.come(stream, &data, &*host);
        }
    }

    fn is_read(&self, stream: StreamId) -> bool {
        self.connections.get(&stream).is_some_and(|connection| connection.is_read(self.is_blocked))
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
        // One that is early does nothing.
        if let Some(at) = self.kept.deadline() {
            host.set_timer(LINKS, at, "link");
        }
    }

    fn write(&mut self, stream: StreamId, host: &mut dyn Host) {
        if let Some(Peer::V10(_)) = self.connections.get(&stream).map(|connection| &connection.peer) {
            self.collect(stream, host);
        }
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        match connection.out.write(stream, self.disc.done(), host) {
            Ok(written) => self.counts.bytes_sent += written,
            Err(_) => self.counts.refused_calls += 1,
        }
        if connection.was_full && !connection.is_full() {
            connection.was_full = false;
            self.dirty.extend(connection.queues());
            self.to_read.insert(stream);
            if connection.v10().is_some() {
                // Behind what its queues give now.
                self.touched.insert(stream);
            }
        }
        if connection.is_draining && connection.out.len() == 0 {
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
                self.release_kept_outcomes();
                self.to_confirm.append(&mut self.unconfirmed);
            }
            LINKS => self.on_links_due(host),
            // Streams have 32 bits.
            token if token >= HEARTBEAT => self.on_keep_alive(StreamId((token - HEARTBEAT) as u32), host),
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
        self.counts.totals(&self.store, self.kept.len())
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
