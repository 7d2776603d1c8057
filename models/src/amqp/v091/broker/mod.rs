//! What a broker says to clients of 0-9-1.
//!
//! | file | what |
//! |---|---|
//! | here | frames in, methods out |
//! | `connection` | protocol header, authentication, tuning, heartbeats, the end of connections |
//! | `channel` | channels, their modes, what methods go where, their end |
//! | `declare` | methods of exchanges and queues |
//! | `publish` | publications: returns, confirms, transactions |
//! | `consume` | consumers, deliveries, acknowledgements |

mod channel;
mod connection;
mod consume;
mod declare;
mod publish;

use super::wire::{Assembler, Command, Decoder, Fault, Frame, FrameMax, Item, MethodId, Payload, ReplyCode, ShortStr};
use crate::amqp::broker::queue::Consumer;
use crate::amqp::broker::{AmqpBroker, AmqpBrokerConfig, Connection};
use crate::amqp::{RECEIVE, SEND};
use crate::app::{Host, StreamId};
use crate::messaging::outbox::Outbox;
use channel::Channel;
use connection::Phase;
pub(super) use connection::{capabilities, half};
use protosim_core::{Operation, Span};
use std::collections::BTreeMap;

/// A channel of a connection.
type At = (StreamId, u16);

/// What a connection has of 0-9-1.
#[derive(Clone, Debug)]
pub(in crate::amqp) struct Peer {
    pub(in crate::amqp) decoder: Decoder,
    assembler: Assembler,
    /// Memory of the host that bodies have that are not whole \[bytes\].
    partial: u64,
    phase: Phase,
    /// What the peer takes.
    max: FrameMax,
    channel_max: u16,
    /// Zero for none.
    heartbeat: Span,
    /// How long it may be silent.
    patience: Span,
    user: ShortStr,
    /// It wants to know when it is blocked.
    hears_blocked: bool,
    /// It wants to know when its consumers are gone.
    hears_cancel: bool,
    pub(in crate::amqp) channels: BTreeMap<u16, Box<Channel>>,
}

impl Peer {
    pub(in crate::amqp) fn new(config: &AmqpBrokerConfig) -> Self {
        Self {
            decoder: Decoder::of_server(),
            assembler: Assembler::new().with_body_max(config.max_message.as_bytes()),
            partial: 0,
            phase: Phase::Header,
            max: FrameMax::MIN,
            channel_max: config.channel_max,
            heartbeat: Span::ZERO,
            patience: config.connect_timeout,
            user: ShortStr::default(),
            hears_blocked: false,
            hears_cancel: false,
            channels: BTreeMap::new(),
        }
    }

    /// Whether a frame is looked at: contents are of open channels alone, and nothing of them is kept otherwise. Behind a close they are dropped.
    ///
    /// # Errors
    /// 504 where the channel is not open.
    fn check_content(&self, frame: &Frame) -> Result<bool, Fault> {
        let is_content = match &frame.payload {
            Payload::Method(method) => method.has_content(),
            Payload::Header(_) | Payload::Body(_) => true,
            Payload::Heartbeat => false,
        };
        match self.phase {
            _ if !is_content => Ok(true),
            Phase::Closing => Ok(false),
            Phase::Open if self.channels.contains_key(&frame.channel) => Ok(true),
            _ => Err(channel::NOT_OPEN),
        }
    }

    pub(in crate::amqp) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Whether a consumer on this channel takes a message.
    pub(in crate::amqp) fn has_room(&self, channel: u16, consumer: &Consumer) -> bool {
        let channel = self.channels.get(&channel).filter(|channel| !channel.is_paused);
        channel.is_some_and(|channel| consumer.no_ack || channel.deliveries.has_room())
    }

    /// Answers that have waited for the disc, up to this write, may go. Whether some still wait.
    pub(in crate::amqp) fn release_held(&mut self, done: u64, held: &mut u64, out: &mut Outbox) -> bool {
        let mut is_waiting = false;
        for channel in self.channels.values_mut() {
            while let Some((_, bytes)) = channel.held.pop_front_if(|(needs, _)| *needs <= done) {
                *held -= bytes.len();
                out.push(0, bytes);
            }
            is_waiting |= !channel.held.is_empty();
        }
        is_waiting
    }
}

impl AmqpBroker {
    /// What a connection has of 0-9-1, if it is there and speaks that.
    fn v091(&mut self, stream: StreamId) -> Option<&mut Peer> {
        self.connections.get_mut(&stream)?.v091()
    }

    /// Puts a method, with its message, behind what waits for a stream. It may go when write `needs` to disc is done, and does not pass what waits on its channel.
    fn push(&mut self, stream: StreamId, needs: u64, command: &Command, host: &mut dyn Host) {
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        let Connection { out, held, last_sent, peer, .. } = &mut **connection;
        let crate::amqp::broker::Peer::V091(peer) = peer else { return };
        let Ok(bytes) = command.encode(peer.max) else {
            // A method that is longer than a frame of the peer's may be.
            self.counts.refused_calls += 1;
            return;
        };
        host.spend(Operation { name: SEND, bytes: bytes.len() });
        self.counts.methods_sent += 1;
        *last_sent = host.now();
        match peer.channels.get_mut(&command.channel) {
            Some(channel) if needs > self.disc.done() || !channel.held.is_empty() => {
                *held += bytes.len();
                channel.held.push_back((needs, bytes));
                self.for_disc.insert(stream);
            }
            _ => out.push(0, bytes),
        }
        self.touched.insert(stream);
    }

    /// Takes one frame, if one is whole. Whether there may be more.
    pub(in crate::amqp) fn take_frame(&mut self, stream: StreamId, host: &mut dyn Host) -> bool {
        let Some(peer) = self.v091(stream) else { return false };
        let before = peer.decoder.waiting();
        match peer.decoder.next_item() {
            Ok(Some(item)) => {
                let bytes = before - peer.decoder.waiting();
                host.spend(Operation { name: RECEIVE, bytes });
                self.counts.frames_received += 1;
                self.take(stream, item, host);
            }
            Ok(None) => return false,
            Err(fault) => self.unreadable(stream, fault, host),
        }
        true
    }

    /// Pays for what has come of bodies that are not whole, or gives back.
    ///
    /// # Errors
    /// Where there is no memory.
    fn settle_partial(&mut self, stream: StreamId, host: &mut dyn Host) -> Result<(), Fault> {
        let Some(peer) = self.v091(stream) else { return Ok(()) };
        let (now, before) = (peer.assembler.waiting(), peer.partial);
        if now > before && host.reserve(now - before).is_err() {
            self.counts.refused_memory += 1;
            return Err(Fault::new(ReplyCode::ResourceError, "§1.2", "there is no memory for a message"));
        }
        peer.partial = now;
        host.release(before.saturating_sub(now));
        Ok(())
    }

    fn take(&mut self, stream: StreamId, item: Item, host: &mut dyn Host) {
        let frame = match item {
            Item::Header(header) => return self.on_header(stream, header, host),
            Item::Frame(frame) => frame,
        };
        let channel = frame.channel;
        let Some(peer) = self.v091(stream) else { return };
        let taken = match peer.check_content(&frame) {
            Ok(true) => peer.assembler.push(frame),
            Ok(false) => return,
            Err(fault) => Err(fault),
        };
        let handled = match taken {
            Ok(None) => self.settle_partial(stream, host),
            Ok(Some(command)) => {
                // What is whole is paid for anew where it goes.
                let _ = self.settle_partial(stream, host);
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
}
