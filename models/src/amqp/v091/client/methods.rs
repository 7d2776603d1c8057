//! What methods of the broker's do.

use super::connect::{Stage, number};
use super::lane::State;
use super::{ASK, AmqpClient, HAND_ON, names};
use crate::amqp::RECEIVE;
use crate::amqp::client::{ENOUGH, PIECE, REJECT, ROLLBACK, Source};
use crate::amqp::flaw::AmqpFlaw;
use crate::amqp::v091::config::{AmqpAcks, AmqpConfirms, AmqpConsumerConfig, millis, short, table};
use crate::amqp::v091::wire::{
    Command, Content, Fault, Item, Method, Properties, ReplyCode, ShortStr, basic, confirm, connection, tx,
};
use crate::app::Host;
use crate::ledger::{Guarantee, MessageEvent};
use crate::messaging::payload::Name;
use crate::observe::Outcome;
use crate::rope::Rope;
use protosim_core::{Operation, Ratio, Span};
use std::sync::Arc;

/// How long what came is kept from the application where a mistake does.
const LATE: Span = Span::from_millis(100);

/// What has come to a consumer.
#[derive(Clone, Debug)]
pub(super) struct Came {
    delivery_tag: u64,
    redelivered: bool,
    body: Rope,
}

/// What the consumer on a channel is called.
fn tag(channel: u16) -> ShortStr {
    short(&format!("c{channel}"))
}

/// In the ledger.
const fn guarantee(consumer: &AmqpConsumerConfig) -> Guarantee {
    match consumer.acknowledge {
        AmqpAcks::None => Guarantee::AtMostOnce,
        _ => Guarantee::AtLeastOnce,
    }
}

impl AmqpClient {
    /// Reads all that is there.
    pub(super) fn read(&mut self, host: &mut dyn Host) {
        loop {
            while let Some(connection) = &mut self.connection {
                let before = connection.decoder.waiting();
                match connection.decoder.next_item() {
                    Ok(Some(item)) => {
                        let bytes = before - connection.decoder.waiting();
                        host.spend(Operation { name: RECEIVE, bytes });
                        self.take(item, host);
                    }
                    Ok(None) => break,
                    Err(fault) => {
                        self.fail(fault, host);
                        // Nothing behind it can be read, close-ok neither.
                        self.set_stage(Stage::Draining);
                        self.write(host);
                        return;
                    }
                }
            }
            let Some(connection) = &mut self.connection else { return };
            let data = host.stream_read(connection.stream, PIECE).unwrap_or_default();
            if data.is_empty() {
                if connection.is_finished {
                    connection.stage = Stage::Draining;
                }
                break;
            }
            connection.last_heard = host.now();
            self.counts.bytes_received += data.len();
            connection.decoder.push(&data);
        }
        self.write(host);
    }

    fn take(&mut self, item: Item, host: &mut dyn Host) {
        let Some(connection) = &mut self.connection else { return };
        let command = match item {
            // The broker does not speak 0-9-1 (§4.2.2).
            Item::Header(_) => {
                self.counts.refused_connections += 1;
                return self.set_stage(Stage::Draining);
            }
            Item::Frame(frame) => connection.assembler.push(frame),
        };
        let handled = match command {
            Ok(Some(command)) => {
                self.counts.methods_received += 1;
                self.on_command(command, host)
            }
            Ok(None) => Ok(()),
            Err(fault) => Err(fault),
        };
        if let Err(fault) = handled {
            self.fail(fault, host);
        }
    }

    fn on_command(&mut self, command: Command, host: &mut dyn Host) -> Result<(), Fault> {
        let Some(connection) = &self.connection else { return Ok(()) };
        match (command.channel, connection.stage) {
            (0, _) => return self.on_connection_method(command.method, host),
            (_, Stage::Closing | Stage::Draining) => return Ok(()),
            _ => {}
        }
        let index = usize::from(command.channel - 1);
        if connection.lanes.get(index).is_none_or(|lane| lane.state == State::Closed) {
            return match command.method {
                // Both have closed.
                Method::ChannelCloseOk(_) => Ok(()),
                _ => Err(Fault::new(ReplyCode::ChannelError, "§1.5", "the channel is not open")),
            };
        }
        let content = command.content.unwrap_or_default();
        match command.method {
            Method::ChannelOpenOk(_) => self.on_channel_open_ok(index, host),
            Method::ChannelClose(_) => self.on_channel_close(index, host),
            Method::ExchangeDeclareOk(_)
            | Method::ExchangeBindOk(_)
            | Method::QueueDeclareOk(_)
            | Method::QueueBindOk(_) => self.on_declared(host),
            Method::ConfirmSelectOk(_) | Method::TxSelectOk(_) => self.lane_ready(index, host),
            Method::TxRollbackOk(_) => {
                self.counts.rollbacks += 1;
                let gone = self.lane(index).map(super::Lane::committed).unwrap_or_default();
                self.done(index, gone, Outcome::ErrorResponse, host);
            }
            Method::BasicCancelOk(_) => self.on_cancel_ok(index, host),
            Method::TxCommitOk(_) => {
                self.counts.commits += 1;
                let done = self.lane(index).map(super::Lane::committed).unwrap_or_default();
                self.done(index, done, Outcome::Response, host);
            }
            Method::BasicQosOk(_) => {}
            Method::BasicConsumeOk(_) => self.on_consume_ok(index, host),
            Method::BasicCancel(_) => {
                self.counts.cancelled_consumers += 1;
            }
            Method::BasicAck(ack) => {
                let done = self.lane(index).map(|lane| lane.confirmed(ack.delivery_tag, ack.multiple));
                self.done(index, done.unwrap_or_default(), Outcome::Response, host);
            }
            Method::BasicNack(nack) => {
                self.counts.nacks += 1;
                let done = self.lane(index).map(|lane| lane.confirmed(nack.delivery_tag, nack.multiple));
                self.done(index, done.unwrap_or_default(), Outcome::ErrorResponse, host);
            }
            Method::BasicReturn(_) => self.on_return(&content),
            Method::BasicDeliver(basic::Deliver { delivery_tag, redelivered, .. }) => {
                self.on_message(index, Came { delivery_tag, redelivered, body: content.body }, host);
            }
            Method::BasicGetOk(basic::GetOk { delivery_tag, redelivered, .. }) => {
                self.on_message(index, Came { delivery_tag, redelivered, body: content.body }, host);
                self.ask(index, host);
            }
            Method::BasicGetEmpty(_) => self.on_get_empty(index, host),
            _ => return Err(Fault::new(ReplyCode::CommandInvalid, "§1", "a method that was not asked for")),
        }
        Ok(())
    }

    fn on_connection_method(&mut self, method: Method, host: &mut dyn Host) -> Result<(), Fault> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        match (method, connection.stage) {
            (Method::ConnectionCloseOk(_), Stage::Closing) => connection.stage = Stage::Draining,
            (Method::ConnectionClose(_), stage) => {
                if matches!(stage, Stage::Starting | Stage::Tuning | Stage::Opening) {
                    self.counts.refused_connections += 1;
                } else {
                    self.counts.closed_by_broker += 1;
                }
                self.push(&Command::new(0, connection::CloseOk {}), host);
                self.set_stage(Stage::Draining);
            }
            (_, Stage::Closing | Stage::Draining) => {}
            (Method::ConnectionStart(_), Stage::Starting) => self.on_start_method(host),
            (Method::ConnectionTune(tune), Stage::Tuning) => self.on_tune(&tune, host),
            (Method::ConnectionOpenOk(_), Stage::Opening) => self.on_open_ok(host),
            (Method::ConnectionBlocked(_), _) => {
                connection.is_blocked = true;
                self.counts.blocked_times += 1;
            }
            (Method::ConnectionUnblocked(_), _) => {
                connection.is_blocked = false;
                self.pump_all(host);
            }
            _ => return Err(Fault::new(ReplyCode::CommandInvalid, "§2.2.4", "a method comes at the wrong time")),
        }
        Ok(())
    }

    /// Asks for what a channel is for.
    pub(super) fn start_lane(&mut self, index: usize, host: &mut dyn Host) {
        let channel = number(index);
        let common = Arc::clone(&self.common);
        if let Some(publication) = common.config.publications.get(index) {
            return match publication.confirms {
                AmqpConfirms::None => self.lane_ready(index, host),
                AmqpConfirms::Transaction(_) => self.push(&Command::new(channel, tx::Select {}), host),
                _ => self.push(&Command::new(channel, confirm::Select { no_wait: false }), host),
            };
        }
        let Some(consumer) = common.consumer(index) else { return };
        if self.seldom.cancelled.contains(&index) {
            return self.lane_ready(index, host);
        }
        if consumer.get.is_some() {
            self.subscribed(consumer, host);
            self.lane_ready(index, host);
            return self.ask(index, host);
        }
        if consumer.prefetch > 0 {
            let qos = basic::Qos { prefetch_size: 0, prefetch_count: consumer.prefetch, global: false };
            self.push(&Command::new(channel, qos), host);
        }
        let consume = basic::Consume {
            queue: short(&consumer.queue),
            consumer_tag: tag(channel),
            no_ack: consumer.acknowledge == AmqpAcks::None,
            exclusive: consumer.exclusive,
            ..basic::Consume::default()
        };
        self.push(&Command::new(channel, consume), host);
    }

    fn lane_ready(&mut self, index: usize, host: &mut dyn Host) {
        if let Some(lane) = self.lane(index) {
            (lane.state, lane.attempts) = (State::Ready, 0);
        }
        self.pump(index, host);
    }

    fn on_consume_ok(&mut self, index: usize, host: &mut dyn Host) {
        self.counts.consumers += 1;
        let common = Arc::clone(&self.common);
        if let Some(consumer) = common.consumer(index) {
            self.subscribed(consumer, host);
        }
        if self.seldom.cancelled.contains(&index) {
            self.ask_to_cancel(index, host);
        }
        self.lane_ready(index, host);
    }

    fn subscribed(&self, consumer: &AmqpConsumerConfig, host: &mut dyn Host) {
        if !host.observes_messages() {
            return;
        }
        for filter in names::filters(&self.common.config, &consumer.queue) {
            host.observe_message(MessageEvent::Subscribed {
                filter: filter.into(),
                guarantee: guarantee(consumer),
                group: Some(consumer.queue.as_str().into()),
                domain: self.server,
                keeps_marks: false,
            });
        }
    }

    /// Nothing more is owed to a consumer, as it knows or as it has asked for.
    pub(super) fn unsubscribed(&self, consumer: &AmqpConsumerConfig, is_known: bool, host: &mut dyn Host) {
        if !host.observes_messages() {
            return;
        }
        for filter in names::filters(&self.common.config, &consumer.queue) {
            host.observe_message(MessageEvent::Unsubscribed {
                filter: filter.into(),
                group: Some(consumer.queue.as_str().into()),
                domain: self.server,
                is_known,
            });
        }
    }

    /// Messages are done, and others may be sent.
    fn done(&mut self, index: usize, done: Vec<u64>, outcome: Outcome, host: &mut dyn Host) {
        for id in done {
            self.messages.end(id, outcome, host);
        }
        self.pump(index, host);
    }

    /// A message that was for no queue: its confirm says that it has failed.
    fn on_return(&mut self, content: &Content) {
        self.counts.returned_messages += 1;
        let open = Name::of(&content.body).and_then(|name| self.messages.open(name.exchange()));
        if let Some(open) = open {
            open.is_returned = true;
        }
    }

    /// Sends what may be sent of a publication.
    pub(super) fn pump(&mut self, index: usize, host: &mut dyn Host) {
        let common = Arc::clone(&self.common);
        let (Some(config), Some(address)) = (common.config.publications.get(index), common.addresses.get(index)) else {
            return;
        };
        while let Some(connection) = self
            .connection
            .as_mut()
            .filter(|open| open.stage == Stage::Ready && !open.is_blocked && open.out.len() < ENOUGH)
        {
            let Some(lane) = connection.lanes.get_mut(index).filter(|lane| !lane.is_committing) else { return };
            if !lane.may_send(config.confirms) {
                return;
            }
            let Some(id) = self.messages.take_waiting(index) else {
                // A transaction that gets no more messages.
                if lane.has_transaction() && self.messages.is_exhausted(index) {
                    self.commit(index, host);
                }
                return;
            };
            let Some(open) = self.messages.open(id) else { continue };
            open.transmissions += 1;
            let body = open.name.payload(open.len);
            let publish = basic::Publish {
                exchange: address.exchange.clone(),
                routing_key: address.key.clone(),
                mandatory: config.mandatory,
                immediate: false,
            };
            let properties = Properties {
                headers: (!config.headers.is_empty()).then(|| table(&config.headers)),
                delivery_mode: config.persistent.then_some(2),
                priority: config.priority,
                expiration: config.expiration.map(|span| short(&millis(span).to_string())),
                ..Properties::default()
            };
            if !matches!(config.confirms, AmqpConfirms::Transaction(_)) {
                self.messages.sent(id, None, host);
            }
            self.push(&Command::with_content(number(index), publish, properties, body), host);
            let Some(connection) = &mut self.connection else { return };
            let end = connection.pushed;
            let lane = connection.lanes.get_mut(index);
            let is_impatient = common.config.flaw == Some(AmqpFlaw::DoneWhenWritten);
            let is_full = lane.is_some_and(|lane| {
                if is_impatient && !matches!(config.confirms, AmqpConfirms::None | AmqpConfirms::Transaction(_)) {
                    lane.done_when_written(id, end);
                }
                lane.sent(config.confirms, id, end)
            });
            if is_full {
                self.commit(index, host);
            }
        }
    }

    /// The transaction of a channel ends: it is committed, or rolled back, by chance.
    fn commit(&mut self, index: usize, host: &mut dyn Host) {
        let share = self.common.config.publications.get(index).map(|publication| publication.rollback);
        if share.is_some_and(|share| share > Ratio::default() && host.rng(ROLLBACK).chance(share)) {
            if let Some(lane) = self.lane(index) {
                lane.is_committing = true;
            }
            return self.push(&Command::new(number(index), tx::Rollback {}), host);
        }
        if let Some(lane) = self.lane(index) {
            lane.is_committing = true;
            let all = lane.transaction().to_vec();
            for id in &all {
                self.messages.sent(*id, all.first().copied(), host);
            }
        }
        self.push(&Command::new(number(index), tx::Commit {}), host);
    }

    pub(super) fn pump_all(&mut self, host: &mut dyn Host) {
        for index in 0..self.messages.publications() {
            self.pump(index, host);
        }
        self.write(host);
    }

    /// A message has come.
    fn on_message(&mut self, index: usize, came: Came, host: &mut dyn Host) {
        let common = Arc::clone(&self.common);
        let Some(consumer) = common.consumer(index) else { return };
        let delivery_tag = came.delivery_tag;
        if self.common.config.flaw == Some(AmqpFlaw::AcknowledgedTooSoon) {
            if self.seldom.late.is_empty() {
                host.set_timer(HAND_ON, host.now().saturating_add(LATE), "hand on");
            }
            self.seldom.late.push((index, came));
        } else {
            self.hand_on(consumer, &came, host);
        }
        let rejects = consumer.reject > Ratio::default() && host.rng(REJECT).chance(consumer.reject);
        self.acknowledge(index, consumer, delivery_tag, rejects, host);
    }

    /// A message reaches the application.
    fn hand_on(&mut self, consumer: &AmqpConsumerConfig, came: &Came, host: &mut dyn Host) {
        let from = Source { queue: &consumer.queue, guarantee: guarantee(consumer), is_alone: consumer.exclusive };
        self.messages.arrived(&came.body, came.redelivered, Some(&from), host);
    }

    /// So does what was acknowledged before it does, by mistake.
    pub(super) fn hand_on_late(&mut self, host: &mut dyn Host) {
        let common = Arc::clone(&self.common);
        for (index, came) in std::mem::take(&mut self.seldom.late) {
            if let Some(consumer) = common.consumer(index) {
                self.hand_on(consumer, &came, host);
            }
        }
    }

    fn acknowledge(
        &mut self,
        index: usize,
        consumer: &AmqpConsumerConfig,
        delivery_tag: u64,
        rejects: bool,
        host: &mut dyn Host,
    ) {
        let most = match consumer.acknowledge {
            AmqpAcks::None => return,
            AmqpAcks::Each => 1,
            AmqpAcks::Multiple(count) => count,
        };
        if rejects {
            self.counts.rejected_messages += 1;
            let reject = basic::Reject { delivery_tag, requeue: consumer.requeue };
            return self.push(&Command::new(number(index), reject), host);
        }
        let Some(lane) = self.lane(index) else { return };
        lane.unacknowledged += 1;
        if lane.unacknowledged < most {
            return;
        }
        let count = std::mem::take(&mut lane.unacknowledged);
        self.counts.acknowledged_messages += u64::from(count);
        let ack = basic::Ack { delivery_tag, multiple: most > 1 };
        self.push(&Command::new(number(index), ack), host);
    }

    /// A consumer ends. What is on the way still comes, and is acknowledged.
    pub(super) fn cancel(&mut self, index: usize, host: &mut dyn Host) {
        let common = Arc::clone(&self.common);
        let Some(consumer) = common.consumer(index).filter(|_| !self.seldom.cancelled.contains(&index)) else { return };
        self.seldom.cancelled.push(index);
        self.unsubscribed(consumer, consumer.get.is_some(), host);
        let is_ready = self.lane(index).is_some_and(|lane| lane.state == State::Ready);
        if consumer.get.is_none() && is_ready {
            self.ask_to_cancel(index, host);
        }
    }

    fn ask_to_cancel(&mut self, index: usize, host: &mut dyn Host) {
        let cancel = basic::Cancel { consumer_tag: tag(number(index)), no_wait: false };
        self.push(&Command::new(number(index), cancel), host);
    }

    /// Nothing comes any more: what waits for others to be acknowledged with does not wait.
    fn on_cancel_ok(&mut self, index: usize, host: &mut dyn Host) {
        let common = Arc::clone(&self.common);
        let Some(consumer) = common.consumer(index) else { return };
        self.unsubscribed(consumer, true, host);
        let Some(lane) = self.lane(index) else { return };
        let count = std::mem::take(&mut lane.unacknowledged);
        if count > 0 {
            self.counts.acknowledged_messages += u64::from(count);
            // §1.8.3.13.1: all of the channel's.
            let ack = basic::Ack { delivery_tag: 0, multiple: true };
            self.push(&Command::new(number(index), ack), host);
        }
    }

    /// Asks for the next message.
    pub(super) fn ask(&mut self, index: usize, host: &mut dyn Host) {
        let common = Arc::clone(&self.common);
        let Some(consumer) = common.consumer(index).filter(|_| !self.seldom.cancelled.contains(&index)) else { return };
        if self.lane(index).is_none_or(|lane| lane.state != State::Ready) {
            return;
        }
        let get = basic::Get { queue: short(&consumer.queue), no_ack: consumer.acknowledge == AmqpAcks::None };
        self.push(&Command::new(number(index), get), host);
    }

    fn on_get_empty(&mut self, index: usize, host: &mut dyn Host) {
        self.counts.empty_answers += 1;
        if let Some(interval) = self.common.consumer(index).and_then(|consumer| consumer.get) {
            host.set_timer(ASK + index as u64, host.now().saturating_add(interval), "ask again");
        }
    }
}
