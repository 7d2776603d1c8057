//! The client: one connection after the other, with a session for each link.
//!
//! Each message that it sends is an exchange. It begins when the message is due, and ends when the delivery is settled with its outcome; where it was settled when it was sent, with its
//! last byte's being written to the stream. It fails with any outcome but *accepted*, when its link is closed, when the broker takes none that large, when too many wait. A
//! message that reaches a receiver is reported as delivered, by the name in its data.
//!
//! A connection is made in six round trips with SASL and four without: TCP, header and mechanisms, init and outcome, header, open, and begin with attach, whose answer brings
//! credit. Where it is pipelined, the open goes with the header.
//!
//! # Links outlive connections
//! They have the same names on each, and both ends say what they have not settled (§2.6.13); so deliveries that the receiver settles second come exactly once, if the broker keeps what it has to. That is asked for
//! by the terminus: durable, with its unsettled state, and never to expire (§3.5.5, §3.5.6). Each connection says all of it again; a link that the broker has closed is new.
//!
//! # In the ledger
//! Topics are those of clients of 0-9-1: `queue/Q`, `exchange/E/a/b`. What is settled when it is sent goes *at most once*, what the receiver settles first *at least once*, what it
//! settles second *exactly once*. A receiver is held to the last where the broker has said that it does all of that, where it keeps its own side through losses of power (`durable`), and
//! where it does not give messages back (`outcome`). It has subscribed to its queue, and shares it with others; or to what an address of `amq.topic`, `amq.direct` and `amq.fanout`
//! brings, as long as its link is there. A broker that forgets its links with its power (as [`AmqpBroker`](crate::amqp::AmqpBroker) does) says so: then `weaker_links` counts, and the receiver is held to *at least once*.
//! What is handed to the broker counts as a copy for the queue each time that it is sent as new: a delivery that is resumed, as the broker knows of it, is none. Nobody is owed what is not durable or may expire.
//!
//! # Choices
//! - A message is handed to its link when it may be sent: until then it waits here, and `available` says nothing of it.
//! - What is read at once is answered together: dispositions of one link that follow each other are one.
//! - A message without an outcome, but settled, has failed: nobody has said that it was taken over.
//! - A message that is no message, or has other than one section of data, counts as foreign; the former is rejected.
//!
//! | file | what |
//! |---|---|
//! | here | streams, timers |
//! | `connect` | how connections begin and end |
//! | `attach` | how links begin and end |
//! | `transfer` | messages that go and come |
//! | `lane` | a link, which outlives its connections |
//! | `counts` | totals |

mod attach;
mod connect;
mod counts;
mod lane;
mod transfer;

use super::address::Address;
use super::config::{Amqp10ClientConfig, AmqpSenderConfig, AmqpSettlement, frame_size, millis};
use super::connection::{ClientSasl, Connection, ConnectionConfig, MOST_ANSWERS, SaslConfig};
use super::link::Terms;
use super::session::SessionConfig;
use super::wire::{
    AnyTarget, Decoder, Durability, Frame, Item, Message, MessageHeader, ReceiverSettleMode, SenderSettleMode, Source,
    Symbol, Target, Value,
};
use crate::amqp::client::{ENOUGH, Kept, Law, Messages, PIECE, PUBLISH};
use crate::amqp::{RECEIVE, SEND, options};
use crate::app::{App, Host, SocketId, StreamEvent, StreamId, StreamOptions, Total};
use crate::ledger::Guarantee;
use crate::messaging::outbox::Outbox;
use crate::observe::Outcome;
use crate::rope::Rope;
use crate::tcp::app::outcome_of;
use counts::Counts;
use lane::{Lane, Rest};
use protosim_core::{CannotClone, LocalTime, Operation};
use std::any::Any;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// The timer of the next connection.
const CONNECT: u64 = 1;
/// How long it is waited for that a connection is open, or closed.
const PATIENCE: u64 = 2;
/// The next empty frame, or the end of patience with a silent broker.
const DUE: u64 = 3;
/// The end.
const STOP: u64 = 5;
/// Timers from here on are of links that are attached again, by index.
const REOPEN: u64 = 1 << 32;
/// Timers from here on are of receivers that ask again, by index.
const ASK: u64 = 1 << 40;

/// A client of AMQP 1.0; see the module.
#[derive(Clone, Debug)]
pub struct Amqp10Client {
    common: Arc<Common>,
    server: SocketAddr,
    messages: Messages,
    /// Links: those of senders, then those of receivers.
    lanes: Vec<Lane>,
    line: Option<Box<Line>>,
    /// Connections in a row that did not get open.
    attempts: u32,
    /// It has closed its connection for good.
    is_stopped: bool,
    counts: Counts,
}

/// What does not change.
#[derive(Debug)]
struct Common {
    config: Amqp10ClientConfig,
    options: StreamOptions,
    connection: ConnectionConfig,
    /// By sender.
    laws: Arc<[Law]>,
    /// By sender, a message without its data.
    forms: Box<[Message]>,
    /// By link, what is asked for.
    terms: Box<[Terms]>,
    /// By receiver.
    sources: Box<[Option<Address>]>,
}

/// What is on disc where the client is durable.
#[derive(Debug)]
struct Disc {
    messages: Kept,
    lanes: Vec<Rest>,
}

/// A connection with its stream.
#[derive(Clone, Debug)]
struct Line {
    stream: StreamId,
    decoder: Decoder,
    connection: Connection,
    out: Outbox,
    /// By number, which links go by: their channels.
    sessions: Vec<Option<u16>>,
    /// Links by their channels and handles.
    links: BTreeMap<(u16, u32), usize>,
    /// Sessions that are over, to be taken out.
    ended: Vec<u16>,
    /// All that was pushed and all that was written, ever \[bytes\].
    pushed: u64,
    written: u64,
    /// Both have opened it.
    is_open: bool,
    /// What waits is written, then the stream is closed.
    is_closed: bool,
    /// Nothing comes any more.
    is_finished: bool,
    /// When the timer is due that looks after it.
    alarm: Option<LocalTime>,
}

/// How a link settles.
const fn modes(settle: AmqpSettlement) -> (SenderSettleMode, ReceiverSettleMode) {
    match settle {
        AmqpSettlement::Settled => (SenderSettleMode::Settled, ReceiverSettleMode::First),
        AmqpSettlement::First => (SenderSettleMode::Unsettled, ReceiverSettleMode::First),
        AmqpSettlement::Second => (SenderSettleMode::Unsettled, ReceiverSettleMode::Second),
    }
}

/// What a link of this kind promises.
const fn guarantee(settle: AmqpSettlement) -> Guarantee {
    match settle {
        AmqpSettlement::Settled => Guarantee::AtMostOnce,
        AmqpSettlement::First => Guarantee::AtLeastOnce,
        AmqpSettlement::Second => Guarantee::ExactlyOnce,
    }
}

/// What the broker is to keep of a link, and for how long, where it matters.
fn kept(settle: AmqpSettlement) -> (Option<Durability>, Option<Symbol>) {
    match settle {
        AmqpSettlement::Second => (Some(Durability::UnsettledState), Some(Symbol::known("never"))),
        _ => (None, None),
    }
}

/// A message of a sender, without its data.
fn form(sender: &AmqpSenderConfig) -> Message {
    let header = MessageHeader {
        durable: sender.durable.then_some(true),
        priority: sender.priority,
        ttl: sender.ttl.map(millis),
        ..MessageHeader::default()
    };
    let properties = sender.properties.iter().map(|(name, value)| (Arc::from(name.as_str()), Value::string(value)));
    Message {
        header: (header != MessageHeader::default()).then_some(header),
        application_properties: (!sender.properties.is_empty()).then(|| properties.collect()),
        ..Message::data(Rope::new())
    }
}

impl Common {
    fn new(config: Amqp10ClientConfig) -> Self {
        let sasl = match config.username.as_str() {
            "" => ClientSasl::Anonymous,
            user => ClientSasl::Plain { user: user.to_owned(), password: config.password.clone() },
        };
        let connection = ConnectionConfig {
            hostname: config.hostname.as_deref().map(Arc::from),
            max_frame_size: frame_size(config.max_frame),
            channel_max: config.channel_max,
            idle_time_out: Some(config.idle_timeout).filter(|span| !span.is_zero()),
            pipelined: config.pipelined,
            sasl: config.sasl.then_some(SaslConfig::Client(sasl)),
            session: SessionConfig::default(),
            ..ConnectionConfig::new(config.container_id.as_deref().unwrap_or("protosim"))
        };
        let law = |sender: &AmqpSenderConfig| {
            let topic = Address::parse(&sender.address).map(|address| address.topic()).unwrap_or_default();
            Law::new(&topic, guarantee(sender.settle), !sender.durable || sender.ttl.is_some(), &sender.schedule())
        };
        let senders = config.senders.iter().enumerate().map(|(index, sender)| {
            let (durable, expiry_policy) = kept(sender.settle);
            let target = Target { durable, expiry_policy, ..Target::new(&sender.address) };
            let (snd, rcv) = modes(sender.settle);
            Terms::new(&format!("sender-{index}"), Source::default(), target).with_modes(snd, rcv)
        });
        let receivers = config.receivers.iter().enumerate().map(|(index, receiver)| {
            let (durable, expiry_policy) = kept(receiver.settle);
            let source = Source { durable, expiry_policy, ..Source::new(&receiver.address) };
            let (snd, rcv) = modes(receiver.settle);
            Terms::new(&format!("receiver-{index}"), source, Target::default()).with_modes(snd, rcv)
        });
        Self {
            options: options(&config.tcp),
            connection,
            laws: config.senders.iter().map(law).collect(),
            forms: config.senders.iter().map(form).collect(),
            terms: senders.chain(receivers).collect(),
            sources: config.receivers.iter().map(|receiver| Address::parse(&receiver.address).ok()).collect(),
            config,
        }
    }

    /// Whether a link is one that sends.
    const fn sends(&self, index: usize) -> bool {
        index < self.config.senders.len()
    }
}

impl Amqp10Client {
    /// A client of the broker at `server`. `config` has passed its check.
    pub fn new(config: Amqp10ClientConfig, server: SocketAddr) -> Self {
        let common = Arc::new(Common::new(config));
        Self {
            messages: Messages::new(Arc::clone(&common.laws), server, common.config.max_waiting),
            lanes: vec![Lane::default(); common.terms.len()],
            server,
            line: None,
            attempts: 0,
            is_stopped: false,
            counts: Counts::default(),
            common,
        }
    }

    /// Messages of senders are due, in order of senders.
    fn publish_due(&mut self, host: &mut dyn Host) {
        for index in 0..self.messages.publications() {
            while self.messages.publish(index, host) {
                self.make(host);
            }
        }
        self.messages.watch(host);
    }

    /// Reads all that is there.
    fn read(&mut self, host: &mut dyn Host) {
        loop {
            loop {
                if self.has_many_answers(host) {
                    return;
                }
                let Some(line) = &mut self.line else { return };
                let before = line.decoder.waiting();
                match line.decoder.next_item() {
                    Ok(Some(item)) => {
                        host.spend(Operation { name: RECEIVE, bytes: before - line.decoder.waiting() });
                        self.counts.frames_received += 1;
                        line.connection.on_item(item, host.now());
                        self.act(host);
                    }
                    Ok(None) => break,
                    Err(fault) => {
                        line.connection.on_fault(fault);
                        self.act(host);
                        return;
                    }
                }
            }
            let Some(line) = &mut self.line else { return };
            let data = host.stream_read(line.stream, PIECE).unwrap_or_default();
            if data.is_empty() {
                if line.is_finished && !line.is_closed {
                    self.counts.lost_connections += u64::from(!self.is_stopped);
                    line.is_closed = true;
                }
                return;
            }
            self.counts.bytes_received += data.len();
            line.decoder.push(&data);
        }
    }

    /// Whether many answers wait, as the broker does not read them: until it does, nothing more of its is read.
    fn has_many_answers(&mut self, host: &mut dyn Host) -> bool {
        let has_many =
            |client: &Self| client.line.as_ref().is_some_and(|line| line.connection.backlog() > MOST_ANSWERS);
        if !has_many(self) {
            return false;
        }
        self.make(host);
        has_many(self)
    }

    /// Makes what goes next, as long as the stream takes it.
    fn make(&mut self, host: &mut dyn Host) {
        loop {
            self.act(host);
            let Some(line) = &mut self.line else { return };
            if line.out.len() >= ENOUGH && !self.flush(host) {
                return;
            }
            let Some(line) = &mut self.line else { return };
            match line.connection.next(host.now()) {
                Some(item) => self.push(&item, host),
                None if line.is_closed || !self.pump(host) => return,
                None => {}
            }
        }
    }

    /// Makes what goes next, and writes it.
    fn write(&mut self, host: &mut dyn Host) {
        self.make(host);
        self.flush(host);
        self.take_ended(host);
        self.finish(host);
        self.watch(host);
    }

    fn push(&mut self, item: &Item, host: &mut dyn Host) {
        let Some(line) = &mut self.line else { return };
        let bytes = item.encode();
        host.spend(Operation { name: SEND, bytes: bytes.len() });
        line.pushed += bytes.len();
        line.out.push(0, bytes);
        self.counts.frames_sent += 1;
        self.counts.empty_frames_sent += u64::from(matches!(item, Item::Frame(Frame::Empty { .. })));
    }

    /// Writes what the stream takes, whether that was all. Messages that were settled when they were sent are done with it.
    fn flush(&mut self, host: &mut dyn Host) -> bool {
        let Some(line) = &mut self.line else { return false };
        match line.out.write(line.stream, 0, host) {
            Ok(written) => {
                line.written += written;
                self.counts.bytes_sent += written;
            }
            Err(_) => self.counts.refused_calls += 1,
        }
        let (written, is_all) = (line.written, line.out.len() == 0);
        let done: Vec<u64> = self.lanes.iter_mut().flat_map(|lane| lane.written(written)).collect();
        for id in done {
            self.messages.end(id, Outcome::Response, host);
        }
        is_all
    }
}

impl App for Amqp10Client {
    fn on_start(&mut self, host: &mut dyn Host) {
        let (started, common) = (host.now(), Arc::clone(&self.common));
        let config = &common.config;
        self.messages.start(config.start, host);
        for index in 0..self.lanes.len() {
            self.queue_gone(index, host);
        }
        host.set_timer(CONNECT, started.saturating_add(config.start), "connect");
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
            DUE => self.on_due(host),
            STOP => self.stop(host),
            PUBLISH => self.publish_due(host),
            token if token >= ASK => self.ask((token - ASK) as usize),
            token => self.attach_again((token - REOPEN) as usize, host),
        }
        self.write(host);
    }

    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        if self.line.as_ref().is_none_or(|line| line.stream != stream) {
            return;
        }
        match event {
            StreamEvent::Readable | StreamEvent::Writable => self.read(host),
            StreamEvent::Finished => {
                if let Some(line) = &mut self.line {
                    line.is_finished = true;
                }
                self.read(host);
            }
            StreamEvent::Closed(reason) => self.lost(outcome_of(reason), host),
            StreamEvent::Accepted { .. } | StreamEvent::Connected => return,
        }
        self.write(host);
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
        let cut = self.gather();
        let lanes = self.lanes.iter_mut().map(|lane| std::mem::take(&mut lane.rest)).collect();
        Some(Box::new(Disc { messages: self.messages.take_kept(cut), lanes }))
    }

    fn recover(&mut self, durable: Box<dyn Any + Send>) {
        if let Ok(disc) = durable.downcast::<Disc>() {
            self.messages.recover(disc.messages);
            for (lane, rest) in self.lanes.iter_mut().zip(disc.lanes) {
                lane.rest = rest;
            }
        }
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}

/// Whether the broker's answer says that it keeps a link as it was asked to: with its unsettled deliveries, and for good.
fn is_kept(source: Option<&Source>, target: Option<&AnyTarget>) -> bool {
    let (durable, policy) = match (source, target) {
        (Some(source), None) => (source.durable, source.expiry_policy.as_ref()),
        (None, Some(AnyTarget::Node(target))) => (target.durable, target.expiry_policy.as_ref()),
        _ => (None, None),
    };
    durable == Some(Durability::UnsettledState) && policy.is_some_and(|policy| policy.as_str() == "never")
}
