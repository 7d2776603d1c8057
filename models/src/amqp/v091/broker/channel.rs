//! Channels: how they begin and end, and which method goes where (§1.5).

use super::connection::Phase;
use super::publish::{Confirms, Transaction};
use crate::amqp::broker::queue::ConsumerId;
use crate::amqp::broker::{AmqpBroker, CHANNEL, Connection, Peer};
use crate::amqp::v091::deliveries::Deliveries;
use crate::amqp::v091::wire::{Command, Fault, Method, ReplyCode, ShortStr, channel, tx};
use crate::app::{Host, StreamId};
use crate::messaging::fifo::Fifo;
use crate::messaging::flat::FlatMap;
use crate::rope::Rope;

/// A channel.
#[derive(Clone, Debug, Default)]
pub(in crate::amqp) struct Channel {
    pub(super) deliveries: Deliveries,
    /// By tag: their numbers and queues.
    pub(super) consumers: FlatMap<ShortStr, (ConsumerId, ShortStr)>,
    pub(super) mode: Mode,
    /// Answers that wait for the disc, each with its write, and what must not pass them.
    pub(super) held: Fifo<(u64, Rope)>,
    /// The queue that was declared last: an empty name means it (§1.7.2.1).
    pub(super) last_queue: ShortStr,
    /// The client wants nothing delivered for now.
    pub(super) is_paused: bool,
    /// `close` is sent: `close-ok` comes, and nothing else counts.
    is_closing: bool,
}

/// What publications on a channel are.
#[derive(Clone, Debug, Default)]
pub(super) enum Mode {
    #[default]
    Plain,
    Confirm(Confirms),
    Tx(Box<Transaction>),
}

impl Channel {
    /// The queues of its consumers.
    pub(in crate::amqp) fn queues(&self) -> impl Iterator<Item = &ShortStr> {
        self.consumers.values().map(|(_, queue)| queue)
    }
}

pub(super) const NOT_OPEN: Fault = Fault::new(ReplyCode::ChannelError, "§1.5", "the channel is not open");
const OPEN: Fault = Fault::new(ReplyCode::ChannelError, "§1.5.2.1", "the channel is open already");
const TOO_HIGH: Fault = Fault::new(ReplyCode::NotAllowed, "§1.4.2.6", "the channel's number is above the highest one");
const BOTH: Fault =
    Fault::new(ReplyCode::PreconditionFailed, "RabbitMQ", "a channel has either confirms or transactions");

impl AmqpBroker {
    pub(super) fn on_command(&mut self, stream: StreamId, command: Command, host: &mut dyn Host) -> Result<(), Fault> {
        let number = command.channel;
        if number == 0 {
            return self.on_connection_method(stream, command.method, host);
        }
        let Some(peer) = self.v091(stream) else { return Ok(()) };
        match peer.phase {
            Phase::Open => {}
            Phase::Closing => return Ok(()),
            _ => return Err(NOT_OPEN),
        }
        let is_closing = peer.channels.get(&number).map(|channel| channel.is_closing);
        match (&command.method, is_closing) {
            (Method::ChannelOpen(_), None) => return self.open_channel(stream, number, host),
            (_, None) => return Err(NOT_OPEN),
            (Method::ChannelCloseOk(_), Some(true)) => {
                peer.assembler.forget(number);
                peer.channels.remove(&number);
                host.release(CHANNEL);
            }
            // Both have closed.
            (Method::ChannelClose(_), Some(true)) => {
                self.push(stream, 0, &Command::new(number, channel::CloseOk {}), host);
            }
            (_, Some(true)) => {}
            (Method::ChannelOpen(_), Some(false)) => return Err(OPEN),
            (Method::ChannelClose(_), Some(false)) => self.on_channel_close(stream, number, host),
            _ => return self.on_channel_method(stream, command, host),
        }
        Ok(())
    }

    fn open_channel(&mut self, stream: StreamId, number: u16, host: &mut dyn Host) -> Result<(), Fault> {
        let Some(peer) = self.v091(stream) else { return Ok(()) };
        if number > peer.channel_max {
            return Err(TOO_HIGH);
        }
        if host.reserve(CHANNEL).is_err() {
            self.counts.refused_memory += 1;
            return Err(Fault::new(ReplyCode::ResourceError, "§1.2", "there is no memory for a channel"));
        }
        peer.channels.insert(number, Box::default());
        self.counts.channels += 1;
        self.push(stream, 0, &Command::new(number, channel::OpenOk {}), host);
        Ok(())
    }

    /// The client closes it.
    fn on_channel_close(&mut self, stream: StreamId, number: u16, host: &mut dyn Host) {
        // Behind what still waits for the disc.
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        let Connection { out, held, peer, .. } = &mut **connection;
        let Peer::V091(peer) = peer else { return };
        let Some(mut channel) = peer.channels.remove(&number) else { return };
        peer.assembler.forget(number);
        let max = peer.max;
        let mut needs = 0;
        while let Some((write, bytes)) = channel.held.pop_front() {
            *held -= bytes.len();
            needs = needs.max(write);
            out.push(needs, bytes);
        }
        self.end_channel(stream, number, *channel, host);
        let (Some(connection), done) = (self.connections.get_mut(&stream), self.disc.done()) else { return };
        if needs > done {
            self.for_disc.insert(stream);
        }
        if let Ok(bytes) = Command::new(number, channel::CloseOk {}).encode(max) {
            connection.out.push(needs, bytes);
        }
        self.touched.insert(stream);
    }

    /// The broker closes it, with this code.
    pub(super) fn close_channel(&mut self, stream: StreamId, number: u16, fault: Fault, host: &mut dyn Host) {
        let Some(peer) = self.v091(stream) else { return };
        let Some(channel) = peer.channels.get_mut(&number).filter(|channel| !channel.is_closing) else { return };
        let held = std::mem::take(&mut channel.held);
        let old = std::mem::replace(&mut **channel, Channel { is_closing: true, held, ..Channel::default() });
        peer.assembler.drop_content(number);
        self.end_channel(stream, number, old, host);
        // It goes on until close-ok.
        let _ = host.reserve(CHANNEL);
        self.push(stream, 0, &Command::new(number, fault.close()), host);
    }

    /// A channel is over: its consumers end, what is not acknowledged goes back (§1.5.2.5), what is not committed is forgotten.
    pub(super) fn end_channel(&mut self, stream: StreamId, number: u16, mut channel: Channel, host: &mut dyn Host) {
        host.release(CHANNEL);
        let mut unused = Vec::new();
        for (id, queue) in channel.consumers.into_values() {
            if self.end_consumer(id, &queue, host) {
                unused.push(queue);
            }
        }
        for outstanding in channel.deliveries.take_all() {
            self.give_back(&outstanding.queue, outstanding.position);
        }
        for queue in unused {
            self.delete_queue(&queue, host);
        }
        if let Mode::Tx(transaction) = channel.mode {
            host.release(transaction.memory);
        }
        self.to_confirm.remove(&(stream, number));
        self.unconfirmed.remove(&(stream, number));
    }

    /// A channel that is open, of a connection that is.
    pub(super) fn channel(&mut self, stream: StreamId, number: u16) -> Option<&mut Channel> {
        self.v091(stream)?.channels.get_mut(&number).map(|channel| &mut **channel)
    }

    fn on_channel_method(&mut self, stream: StreamId, command: Command, host: &mut dyn Host) -> Result<(), Fault> {
        let number = command.channel;
        let at = (stream, number);
        match command.method {
            Method::ChannelFlow(flow) => {
                let Some(channel) = self.channel(stream, number) else { return Ok(()) };
                channel.is_paused = !flow.active;
                let queues: Vec<_> = channel.queues().cloned().collect();
                self.dirty.extend(queues);
                self.push(stream, 0, &Command::new(number, channel::FlowOk { active: flow.active }), host);
                Ok(())
            }
            // It is not asked for.
            Method::ChannelFlowOk(_) => Ok(()),
            Method::BasicPublish(publish) => self.on_publish(at, publish, command.content.unwrap_or_default(), host),
            Method::ConfirmSelect(select) => self.on_confirm_select(at, select.no_wait, host),
            Method::TxSelect(_) => {
                let Some(channel) = self.channel(stream, number) else { return Ok(()) };
                match channel.mode {
                    Mode::Confirm(_) => return Err(BOTH),
                    Mode::Plain => channel.mode = Mode::Tx(Box::default()),
                    Mode::Tx(..) => {}
                }
                self.push(stream, 0, &Command::new(number, tx::SelectOk {}), host);
                Ok(())
            }
            Method::TxCommit(_) => self.on_commit(at, host),
            Method::TxRollback(_) => self.on_rollback(at, host),
            method => match method.id().class {
                40 => self.on_exchange_method(at, method, host),
                50 => self.on_queue_method(at, method, host),
                60 => self.on_basic_method(at, method, host),
                _ => Err(Fault::new(ReplyCode::CommandInvalid, "§1", "a method that is not for a channel")),
            },
        }
    }

    fn on_confirm_select(&mut self, at: (StreamId, u16), no_wait: bool, host: &mut dyn Host) -> Result<(), Fault> {
        let Some(channel) = self.channel(at.0, at.1) else { return Ok(()) };
        match channel.mode {
            Mode::Tx(..) => return Err(BOTH),
            // The count goes on (RabbitMQ).
            Mode::Confirm(_) => {}
            Mode::Plain => channel.mode = Mode::Confirm(Confirms::default()),
        }
        if !no_wait {
            let answer = crate::amqp::v091::wire::confirm::SelectOk {};
            self.push(at.0, 0, &Command::new(at.1, answer), host);
        }
        Ok(())
    }
}
