//! How connections and channels begin and end, and what keeps them alive.

use super::lane::{Lane, State};
use super::{AmqpClient, CONNECT, Connection, HEARTBEAT, PATIENCE, REOPEN, SILENCE};
use crate::amqp::client::RECONNECT;
use crate::amqp::flaw::AmqpFlaw;
use crate::amqp::v091::broker::{capabilities, half};
use crate::amqp::v091::config::{frame_max, seconds, short, table};
use crate::amqp::v091::wire::{
    Assembler, Command, Decoder, Fault, Frame, FrameMax, LongStr, Method, ProtocolHeader, channel, connection,
    exchange, negotiated, queue,
};
use crate::app::Host;
use crate::messaging::outbox::Outbox;
use crate::observe::Outcome;
use crate::rope::Rope;
use protosim_core::Span;
use std::sync::Arc;

/// How far a connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// The protocol header is sent.
    Starting,
    /// `start-ok` is sent.
    Tuning,
    /// `tune-ok` and `open` are sent.
    Opening,
    /// `channel.open` is sent for all channels.
    Channels,
    /// What is declared is sent.
    Declaring,
    Ready,
    /// `close` is sent.
    Closing,
    /// What waits is written, then the stream is closed.
    Draining,
}

/// Extensions that the client says it has (RabbitMQ).
const CAPABILITIES: [&str; 4] =
    ["basic.nack", "consumer_cancel_notify", "connection.blocked", "authentication_failure_close"];

impl AmqpClient {
    pub(super) fn connect(&mut self, host: &mut dyn Host) {
        if self.is_stopped || self.connection.is_some() {
            return;
        }
        self.attempts = self.attempts.saturating_add(1);
        let Ok(stream) = host.stream_connect(self.server, &self.common.options) else {
            self.counts.refused_calls += 1;
            return self.connect_later(host);
        };
        self.counts.connections += 1;
        let config = &self.common.config;
        let lanes = (config.publications.len() + config.consumers.len()).max(1);
        let header = Rope::from(ProtocolHeader::V091.encode().to_vec());
        let mut connection = Connection {
            stream,
            decoder: Decoder::of_client(),
            assembler: Assembler::new(),
            out: Outbox::default(),
            stage: Stage::Starting,
            max: FrameMax::MIN,
            heartbeat: Span::ZERO,
            last_heard: host.now(),
            last_sent: host.now(),
            lanes: vec![Lane::default(); lanes],
            undeclared: 0,
            is_blocked: false,
            pushed: header.len(),
            written: 0,
            is_finished: false,
        };
        connection.out.push(0, header);
        self.connection = Some(Box::new(connection));
        host.set_timer(PATIENCE, host.now().saturating_add(config.connect_timeout), "open-ok");
    }

    pub(super) fn on_start_method(&mut self, host: &mut dyn Host) {
        let config = &self.common.config;
        let start = connection::StartOk {
            client_properties: capabilities(&CAPABILITIES),
            mechanism: short("PLAIN"),
            response: LongStr::from(format!("\0{}\0{}", config.username, config.password).as_str()),
            locale: short("en_US"),
        };
        self.set_stage(Stage::Tuning);
        self.push(&Command::new(0, start), host);
    }

    pub(super) fn on_tune(&mut self, tune: &connection::Tune, host: &mut dyn Host) {
        let common = Arc::clone(&self.common);
        let config = &common.config;
        let Some(connection) = &mut self.connection else { return };
        let frame = negotiated(frame_max(config.frame_max), tune.frame_max);
        // 0 of either end disables them.
        let heartbeat = seconds(config.heartbeat).min(tune.heartbeat);
        let answer = connection::TuneOk { channel_max: tune.channel_max, frame_max: frame, heartbeat };
        connection.stage = Stage::Opening;
        connection.heartbeat = Span::from_secs(heartbeat.into());
        self.push(&Command::new(0, answer), host);
        let open = connection::Open { virtual_host: short(&config.vhost), insist: false };
        self.push(&Command::new(0, open), host);
        if let Some(connection) = &mut self.connection {
            connection.max = FrameMax::from_tune(frame);
            connection.decoder.set_frame_max(connection.max);
        }
    }

    pub(super) fn on_open_ok(&mut self, host: &mut dyn Host) {
        self.counts.opened_connections += 1;
        host.cancel_timer(PATIENCE);
        self.set_stage(Stage::Channels);
        let Some(connection) = &self.connection else { return };
        let (lanes, heartbeat) = (connection.lanes.len(), connection.heartbeat);
        for index in 0..lanes {
            self.open_lane(index, host);
        }
        if !heartbeat.is_zero() {
            host.set_timer(HEARTBEAT, host.now().saturating_add(half(heartbeat)), "heartbeat");
            self.watch_silence(host);
        }
    }

    pub(super) fn set_stage(&mut self, stage: Stage) {
        if let Some(connection) = &mut self.connection {
            connection.stage = stage;
        }
    }

    fn open_lane(&mut self, index: usize, host: &mut dyn Host) {
        if let Some(lane) = self.lane(index) {
            lane.state = State::Opening;
        }
        self.push(&Command::new(number(index), channel::Open {}), host);
    }

    /// A channel that the broker has closed is opened again.
    pub(super) fn open_again(&mut self, index: usize, host: &mut dyn Host) {
        let is_ready = self.connection.as_ref().is_some_and(|connection| connection.stage == Stage::Ready);
        if is_ready && self.lane(index).is_some_and(|lane| lane.state == State::Closed) {
            self.open_lane(index, host);
        }
    }

    pub(super) fn lane(&mut self, index: usize) -> Option<&mut Lane> {
        self.connection.as_mut()?.lanes.get_mut(index)
    }

    pub(super) fn on_channel_open_ok(&mut self, index: usize, host: &mut dyn Host) {
        let Some(connection) = &mut self.connection else { return };
        if let Some(lane) = connection.lanes.get_mut(index) {
            lane.state = State::Open;
        }
        let are_open = connection.lanes.iter().all(|lane| lane.state == State::Open);
        match connection.stage {
            Stage::Channels if are_open => self.declare(host),
            Stage::Ready => self.start_lane(index, host),
            _ => {}
        }
    }

    /// All that is declared, at once, on the first channel.
    fn declare(&mut self, host: &mut dyn Host) {
        let common = Arc::clone(&self.common);
        let config = &common.config;
        let exchanges = config.exchanges.iter().map(|one| Method::from(one.declare()));
        let queues = config.queues.iter().map(|one| Method::from(one.declare()));
        let bindings = config.bindings.iter().map(|one| {
            let (source, routing_key, arguments) = (short(&one.exchange), short(&one.key), table(&one.arguments));
            match (&one.queue, &one.to_exchange) {
                (None, Some(to)) => {
                    let destination = short(to);
                    exchange::Bind { destination, source, routing_key, no_wait: false, arguments }.into()
                }
                (queue, _) => {
                    let queue = short(queue.as_deref().unwrap_or_default());
                    queue::Bind { queue, exchange: source, routing_key, no_wait: false, arguments }.into()
                }
            }
        });
        let all: Vec<Method> = exchanges.chain(queues).chain(bindings).collect();
        let Some(connection) = &mut self.connection else { return };
        connection.undeclared = all.len();
        connection.stage = Stage::Declaring;
        if all.is_empty() {
            return self.ready(host);
        }
        for method in all {
            self.push(&Command::new(1, method), host);
        }
    }

    pub(super) fn on_declared(&mut self, host: &mut dyn Host) {
        let Some(connection) = &mut self.connection else { return };
        connection.undeclared = connection.undeclared.saturating_sub(1);
        if connection.stage == Stage::Declaring && connection.undeclared == 0 {
            self.ready(host);
        }
    }

    fn ready(&mut self, host: &mut dyn Host) {
        self.attempts = 0;
        self.set_stage(Stage::Ready);
        let lanes = self.common.config.publications.len() + self.common.config.consumers.len();
        for index in 0..lanes {
            self.start_lane(index, host);
        }
    }

    /// The broker closes a channel. Its messages have failed. Where that was because of a declaration, the connection is given up.
    pub(super) fn on_channel_close(&mut self, index: usize, host: &mut dyn Host) {
        self.counts.closed_channels += 1;
        self.push(&Command::new(number(index), channel::CloseOk {}), host);
        let Some(connection) = &mut self.connection else { return };
        connection.assembler.forget(number(index));
        let stage = connection.stage;
        let Some(lane) = connection.lanes.get_mut(index) else { return };
        lane.attempts = lane.attempts.saturating_add(1);
        let (attempts, (failed, written)) = (lane.attempts, lane.close());
        for id in failed.into_iter().chain(written) {
            self.messages.end(id, Outcome::ErrorResponse, host);
        }
        if stage != Stage::Ready {
            return self.close(200, "giving up", host);
        }
        if let Some(wait) = self.common.config.reconnect.wait(attempts, RECONNECT, host) {
            host.set_timer(REOPEN + index as u64, host.now().saturating_add(wait), "open again");
        }
    }

    /// Closes the connection, with a code where it is open.
    pub(super) fn close(&mut self, reply_code: u16, why: &str, host: &mut dyn Host) {
        let Some(connection) = &mut self.connection else { return };
        let is_open = matches!(connection.stage, Stage::Channels | Stage::Declaring | Stage::Ready);
        connection.stage = if is_open { Stage::Closing } else { Stage::Draining };
        if is_open {
            let close = connection::Close { reply_code, reply_text: short(why), class_id: 0, method_id: 0 };
            self.push(&Command::new(0, close), host);
            host.set_timer(PATIENCE, host.now().saturating_add(self.common.config.connect_timeout), "close-ok");
        }
    }

    /// The broker has not kept to the protocol.
    pub(super) fn fail(&mut self, fault: Fault, host: &mut dyn Host) {
        self.counts.protocol_errors += 1;
        self.close(fault.code.code(), fault.why, host);
    }

    /// What was sent and is not done is to be sent again, in its order, before what waits. What was being written without confirms.
    pub(super) fn unsend(&mut self) -> Vec<u64> {
        let Some(connection) = &mut self.connection else { return Vec::new() };
        let mut all = Vec::new();
        for (index, lane) in connection.lanes.iter_mut().enumerate() {
            let (mut again, written) = lane.close();
            if self.common.config.flaw == Some(AmqpFlaw::OrderSwapped) {
                again.reverse();
            }
            self.messages.wait_again(index, again);
            all.extend(written);
        }
        all
    }

    /// There is no connection any more.
    pub(super) fn lost(&mut self, outcome: Outcome, host: &mut dyn Host) {
        let written = self.unsend();
        let Some(connection) = self.connection.take() else { return };
        self.counts.lost_connections += u64::from(!matches!(connection.stage, Stage::Closing | Stage::Draining));
        for timer in [PATIENCE, HEARTBEAT, SILENCE] {
            host.cancel_timer(timer);
        }
        for index in 0..connection.lanes.len() as u64 {
            host.cancel_timer(REOPEN + index);
            host.cancel_timer(super::ASK + index);
        }
        for id in written {
            self.messages.end(id, outcome, host);
        }
        self.queues_gone(host);
        if !self.is_stopped {
            self.connect_later(host);
        }
    }

    /// Of queues that may be gone with the connection nothing is owed.
    pub(super) fn queues_gone(&mut self, host: &mut dyn Host) {
        if !host.observes_messages() {
            return;
        }
        let config = &self.common.config;
        for consumer in &config.consumers {
            let is_own = |queue: &&super::super::config::AmqpQueueConfig| queue.name == consumer.queue;
            if !config.queues.iter().find(is_own).is_some_and(|queue| queue.may_go()) {
                continue;
            }
            self.unsubscribed(consumer, false, host);
        }
    }

    /// Waits: twice as long each time, with luck.
    fn connect_later(&mut self, host: &mut dyn Host) {
        let Some(wait) = self.common.config.reconnect.wait(self.attempts.max(1), RECONNECT, host) else { return };
        host.set_timer(CONNECT, host.now().saturating_add(wait), "reconnect");
    }

    fn watch_silence(&mut self, host: &mut dyn Host) {
        let Some(connection) = &self.connection else { return };
        let at = connection.last_heard.saturating_add(connection.heartbeat.saturating_mul(2));
        host.set_timer(SILENCE, at, "silence");
    }

    /// Two heartbeats have not come, nor anything else (§4.2.7).
    pub(super) fn on_silence(&mut self, host: &mut dyn Host) {
        let Some(connection) = &self.connection else { return };
        if connection.last_heard.saturating_add(connection.heartbeat.saturating_mul(2)) > host.now() {
            return self.watch_silence(host);
        }
        self.counts.heartbeat_timeouts += 1;
        self.give_up(host);
    }

    pub(super) fn on_heartbeat_due(&mut self, host: &mut dyn Host) {
        let Some(connection) = &mut self.connection else { return };
        let (now, pause) = (host.now(), half(connection.heartbeat));
        if connection.last_sent.saturating_add(pause) <= now {
            if let Ok(bytes) = Frame::HEARTBEAT.encode(connection.max) {
                connection.pushed += bytes.len();
                connection.out.push(0, bytes);
            }
            connection.last_sent = now;
            self.counts.heartbeats_sent += 1;
        }
        host.set_timer(HEARTBEAT, connection.last_sent.saturating_add(pause), "heartbeat");
    }

    /// Nothing has come for too long.
    pub(super) fn give_up(&mut self, host: &mut dyn Host) {
        if let Some(connection) = &self.connection {
            // It may be gone already.
            let _ = host.stream_abort(connection.stream);
        }
        self.lost(Outcome::TimedOut, host);
    }

    pub(super) fn stop(&mut self, host: &mut dyn Host) {
        self.is_stopped = true;
        host.cancel_timer(CONNECT);
        self.close(200, "goodbye", host);
        self.messages.stop(Outcome::Reset, host);
    }
}

/// The number of a channel.
pub(super) fn number(index: usize) -> u16 {
    // At most 65535, as checked.
    u16::try_from(index + 1).unwrap_or(u16::MAX)
}
