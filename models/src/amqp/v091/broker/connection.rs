//! How connections begin and end, and what keeps them alive (§2.2.4, §4.2.7, §4.10).

use super::memory::CONNECTION;
use super::{AmqpBroker, Connection, HEARTBEAT, SILENCE};
use crate::amqp::v091::config::{frame_max, seconds};
use crate::amqp::v091::queue::ConnectionId;
use crate::amqp::v091::wire::{
    Assembler, Command, Decoder, Fault, FieldValue, Frame, FrameMax, LongStr, Method, MethodId, ProtocolHeader,
    ReplyCode, ShortStr, Table, connection, negotiated,
};
use crate::app::{Host, StreamId};
use crate::messaging::outbox::Outbox;
use crate::rope::Rope;
use protosim_core::Span;
use std::collections::{BTreeMap, BTreeSet};

/// How long `close-ok` is waited for (our choice).
const CLOSE_TIMEOUT: Span = Span::from_secs(10);

/// How far a connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// The protocol header comes.
    Header,
    /// `start` is sent.
    Starting,
    /// `tune` is sent.
    Tuning,
    /// `open` comes.
    Opening,
    Open,
    /// `close` is sent: `close-ok` comes, and nothing else counts.
    Closing,
    /// What waits is written, then the stream is closed.
    Draining,
}

/// Extensions that the broker says it has (RabbitMQ).
const CAPABILITIES: [&str; 6] = [
    "publisher_confirms",
    "exchange_exchange_bindings",
    "basic.nack",
    "consumer_cancel_notify",
    "connection.blocked",
    "authentication_failure_close",
];

const UNKNOWN_USER: Fault = Fault::new(ReplyCode::AccessRefused, "§1.4.2.2", "login was refused");
const EARLY: Fault = Fault::new(ReplyCode::CommandInvalid, "§2.2.4", "a method comes at the wrong time");

/// Names with the value true, as a table.
pub(in crate::amqp::v091) fn capabilities(names: &[&str]) -> Table {
    let all = names.iter().map(|name| (ShortStr::cut(name), FieldValue::Bool(true))).collect();
    let product = (ShortStr::cut("product"), FieldValue::from("protosim"));
    [product, (ShortStr::cut("capabilities"), FieldValue::Table(all))].into_iter().collect()
}

fn has_capability(properties: &Table, name: &str) -> bool {
    match properties.get("capabilities") {
        Some(FieldValue::Table(all)) => all.get(name) == Some(&FieldValue::Bool(true)),
        _ => false,
    }
}

/// User and password of SASL PLAIN (RFC 4616).
fn plain(response: &LongStr) -> Option<(&str, &str)> {
    let mut parts = response.as_str()?.split('\0');
    let (_, user, password) = (parts.next()?, parts.next()?, parts.next()?);
    parts.next().is_none().then_some((user, password))
}

/// A method of the connection.
fn command(method: impl Into<Method>) -> Command {
    Command::new(0, method)
}

impl AmqpBroker {
    pub(super) fn accept(&mut self, stream: StreamId, host: &mut dyn Host) {
        self.counts.connections += 1;
        let is_full = self.config.max_connections.is_some_and(|most| self.connections.len() as u64 >= most);
        if is_full || host.reserve(CONNECTION).is_err() {
            self.counts.refused_connections += 1;
            self.counts.refused_memory += u64::from(!is_full);
            self.counts.refused_calls += u64::from(host.stream_abort(stream).is_err());
            return;
        }
        self.given.connection += 1;
        let connection = Connection {
            id: ConnectionId(self.given.connection),
            decoder: Decoder::of_server(),
            assembler: Assembler::new().with_body_max(self.config.max_message.as_bytes()),
            out: Outbox::default(),
            held: 0,
            phase: Phase::Header,
            max: FrameMax::MIN,
            channel_max: self.config.channel_max,
            heartbeat: Span::ZERO,
            patience: self.config.connect_timeout,
            user: ShortStr::default(),
            hears_blocked: false,
            hears_cancel: false,
            publishes: false,
            channels: BTreeMap::new(),
            exclusive: BTreeSet::new(),
            last_heard: host.now(),
            last_sent: host.now(),
            was_full: false,
            is_finished: false,
        };
        self.connections.insert(stream, Box::new(connection));
        host.set_timer(
            SILENCE + u64::from(stream.0),
            host.now().saturating_add(self.config.connect_timeout),
            "connection",
        );
    }

    pub(super) fn on_header(&mut self, stream: StreamId, header: ProtocolHeader, host: &mut dyn Host) {
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        if header != ProtocolHeader::V091 {
            return self.other_protocol(stream, host);
        }
        connection.phase = Phase::Starting;
        let start = connection::Start {
            version_major: 0,
            version_minor: 9,
            server_properties: capabilities(&CAPABILITIES),
            mechanisms: "PLAIN".into(),
            locales: "en_US".into(),
        };
        self.push(stream, 0, &command(start), host);
    }

    /// Who speaks something else is told what this end speaks (§4.2.2).
    fn other_protocol(&mut self, stream: StreamId, host: &mut dyn Host) {
        self.counts.refused_connections += 1;
        if let Some(connection) = self.connections.get_mut(&stream) {
            connection.out.push(0, Rope::from(ProtocolHeader::V091.encode().to_vec()));
        }
        self.drain(stream, host);
    }

    /// What comes on a stream cannot be read, and nothing behind it can.
    pub(super) fn unreadable(&mut self, stream: StreamId, fault: Fault, host: &mut dyn Host) {
        let Some(connection) = self.connections.get(&stream) else { return };
        match connection.phase {
            Phase::Header => self.other_protocol(stream, host),
            Phase::Closing | Phase::Draining => self.drain(stream, host),
            _ if fault.is_hard() => {
                self.counts.fault(fault.code);
                self.push(stream, 0, &command(fault.close()), host);
                // No close-ok could be read.
                self.drain(stream, host);
            }
            // The decoder has no soft ones.
            _ => self.drain(stream, host),
        }
    }

    /// The peer has not kept to the protocol, or asked for what it cannot have: its channel, or the connection, is closed (§1.2).
    pub(super) fn fail(&mut self, stream: StreamId, channel: u16, fault: Fault, host: &mut dyn Host) {
        let Some(connection) = self.connections.get(&stream) else { return };
        if matches!(connection.phase, Phase::Closing | Phase::Draining) {
            return;
        }
        self.counts.fault(fault.code);
        match fault.is_hard() || channel == 0 {
            true => self.close(stream, fault, host),
            false => self.close_channel(stream, channel, fault, host),
        }
    }

    /// Closes a connection with this code; of soft ones, too.
    fn close(&mut self, stream: StreamId, fault: Fault, host: &mut dyn Host) {
        let MethodId { class: class_id, method: method_id } = fault.method;
        let reply_text = ShortStr::cut(&format!("{} - {}", fault.code.name(), fault.why));
        let close = connection::Close { reply_code: fault.code.code(), reply_text, class_id, method_id };
        self.detach(stream, host);
        self.push(stream, 0, &command(close), host);
        if let Some(connection) = self.connections.get_mut(&stream) {
            connection.phase = Phase::Closing;
        }
        host.cancel_timer(HEARTBEAT + u64::from(stream.0));
        host.set_timer(SILENCE + u64::from(stream.0), host.now().saturating_add(CLOSE_TIMEOUT), "close-ok");
    }

    /// What waits is written, then the stream is closed.
    pub(super) fn drain(&mut self, stream: StreamId, host: &mut dyn Host) {
        self.detach(stream, host);
        if let Some(connection) = self.connections.get_mut(&stream) {
            connection.phase = Phase::Draining;
        }
        for timer in [SILENCE, HEARTBEAT] {
            host.cancel_timer(timer + u64::from(stream.0));
        }
        self.touched.insert(stream);
    }

    /// A connection has no channels and no queues of its own any more.
    fn detach(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        self.open -= u64::from(connection.phase == Phase::Open);
        connection.phase = Phase::Draining;
        connection.held = 0;
        let done = self.disc.done();
        let (channels, own) = (std::mem::take(&mut connection.channels), std::mem::take(&mut connection.exclusive));
        for (number, mut channel) in channels {
            // What has been answered, and waits for nothing, goes before the end.
            if let Some(connection) = self.connections.get_mut(&stream) {
                while let Some((_, bytes)) = channel.held.pop_front_if(|(needs, _)| *needs <= done) {
                    connection.out.push(0, bytes);
                }
            }
            self.end_channel(stream, number, *channel, host);
        }
        for queue in own {
            self.delete_queue(&queue, host);
        }
    }

    /// A stream is over.
    pub(super) fn gone(&mut self, stream: StreamId, host: &mut dyn Host) {
        self.detach(stream, host);
        if self.connections.remove(&stream).is_some() {
            host.release(CONNECTION);
        }
        for timer in [SILENCE, HEARTBEAT] {
            host.cancel_timer(timer + u64::from(stream.0));
        }
        self.touched.remove(&stream);
        self.to_read.remove(&stream);
        self.for_disc.remove(&stream);
    }

    pub(super) fn on_connection_method(
        &mut self,
        stream: StreamId,
        method: Method,
        host: &mut dyn Host,
    ) -> Result<(), Fault> {
        let Some(connection) = self.connections.get_mut(&stream) else { return Ok(()) };
        match (method, connection.phase) {
            (Method::ConnectionCloseOk(_), Phase::Closing) => self.drain(stream, host),
            (Method::ConnectionClose(_), Phase::Closing) => {
                self.push(stream, 0, &command(connection::CloseOk {}), host);
            }
            (_, Phase::Closing | Phase::Draining) => {}
            (Method::ConnectionStartOk(start), Phase::Starting) => self.on_start_ok(stream, &start, host),
            (Method::ConnectionTuneOk(tune), Phase::Tuning) => return self.on_tune_ok(stream, &tune),
            (Method::ConnectionOpen(open), Phase::Opening) => return self.on_open(stream, &open, host),
            (Method::ConnectionClose(_), _) => {
                self.counts.closed_by_clients += 1;
                self.detach(stream, host);
                self.push(stream, 0, &command(connection::CloseOk {}), host);
                self.drain(stream, host);
            }
            _ => return Err(EARLY),
        }
        Ok(())
    }

    fn on_start_ok(&mut self, stream: StreamId, start: &connection::StartOk, host: &mut dyn Host) {
        let users = &self.config.users;
        let known = plain(&start.response).filter(|(name, password)| {
            users.is_empty() || users.iter().any(|user| user.name == *name && user.password == *password)
        });
        let known = known.filter(|_| start.mechanism.as_str() == "PLAIN").map(|(name, _)| ShortStr::cut(name));
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        connection.hears_blocked = has_capability(&start.client_properties, "connection.blocked");
        connection.hears_cancel = has_capability(&start.client_properties, "consumer_cancel_notify");
        let Some(user) = known else {
            self.counts.bad_logins += 1;
            self.counts.refused_connections += 1;
            // §1.4.2.2: closed without a word, but to who can hear it (RabbitMQ).
            return match has_capability(&start.client_properties, "authentication_failure_close") {
                true => self.close(stream, UNKNOWN_USER.in_method(MethodId { class: 10, method: 11 }), host),
                false => self.drain(stream, host),
            };
        };
        connection.user = user;
        connection.phase = Phase::Tuning;
        let tune = connection::Tune {
            channel_max: self.config.channel_max,
            frame_max: frame_max(self.config.frame_max),
            heartbeat: seconds(self.config.heartbeat),
        };
        self.push(stream, 0, &command(tune), host);
    }

    fn on_tune_ok(&mut self, stream: StreamId, tune: &connection::TuneOk) -> Result<(), Fault> {
        let own = frame_max(self.config.frame_max);
        let Some(connection) = self.connections.get_mut(&stream) else { return Ok(()) };
        // §1.4.2.6: a client must not ask for more than it was told.
        let is_more = |theirs: u64, own: u64| theirs == 0 || theirs > own;
        if is_more(tune.frame_max.into(), own.into()) || is_more(tune.channel_max.into(), connection.channel_max.into())
        {
            return Err(Fault::new(ReplyCode::NotAllowed, "§1.4.2.6", "a client wants more than it was told"));
        }
        connection.max = FrameMax::from_tune(negotiated(own, tune.frame_max));
        connection.decoder.set_frame_max(connection.max);
        connection.channel_max = tune.channel_max;
        connection.heartbeat = Span::from_secs(tune.heartbeat.into());
        connection.phase = Phase::Opening;
        Ok(())
    }

    fn on_open(&mut self, stream: StreamId, open: &connection::Open, host: &mut dyn Host) -> Result<(), Fault> {
        if open.virtual_host.as_str() != self.config.vhost {
            // RabbitMQ; the standard has 402.
            return Err(Fault::new(ReplyCode::NotAllowed, "RabbitMQ", "there is no such virtual host"));
        }
        let Some(connection) = self.connections.get_mut(&stream) else { return Ok(()) };
        connection.phase = Phase::Open;
        connection.patience = connection.heartbeat.saturating_mul(2);
        let heartbeat = connection.heartbeat;
        self.open += 1;
        self.counts.opened += 1;
        host.cancel_timer(SILENCE + u64::from(stream.0));
        self.push(stream, 0, &command(connection::OpenOk {}), host);
        if !heartbeat.is_zero() {
            self.watch_silence(stream, host);
            let next = host.now().saturating_add(half(heartbeat));
            host.set_timer(HEARTBEAT + u64::from(stream.0), next, "heartbeat");
        }
        Ok(())
    }

    /// Looks again at a connection when it would have been silent for too long: not at each frame.
    fn watch_silence(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(connection) = self.connections.get(&stream) else { return };
        let at = connection.last_heard.saturating_add(connection.patience);
        host.set_timer(SILENCE + u64::from(stream.0), at, "silence");
    }

    /// Two heartbeats have not come, nor anything else (§4.2.7): the connection is dropped without a word. So is one that does not get open, or closed, in time.
    pub(super) fn on_silence(&mut self, stream: StreamId, host: &mut dyn Host) {
        let is_blocked = self.is_blocked;
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        if connection.phase == Phase::Open {
            if is_blocked && connection.publishes {
                // Nobody listens to it.
                connection.last_heard = host.now();
            }
            if connection.last_heard.saturating_add(connection.patience) > host.now() {
                return self.watch_silence(stream, host);
            }
            self.counts.heartbeat_timeouts += 1;
        } else {
            self.counts.handshake_timeouts += 1;
        }
        // It may be gone already.
        let _ = host.stream_abort(stream);
        self.gone(stream, host);
    }

    /// Sends a heartbeat where nothing else was sent for half of the time (RabbitMQ).
    pub(super) fn on_heartbeat_due(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(connection) = self.connections.get_mut(&stream).filter(|open| open.phase == Phase::Open) else {
            return;
        };
        let (now, pause) = (host.now(), half(connection.heartbeat));
        if connection.last_sent.saturating_add(pause) <= now {
            if let Ok(bytes) = Frame::HEARTBEAT.encode(connection.max) {
                connection.out.push(0, bytes);
            }
            connection.last_sent = now;
            self.counts.heartbeats_sent += 1;
            self.touched.insert(stream);
        }
        host.set_timer(HEARTBEAT + u64::from(stream.0), connection.last_sent.saturating_add(pause), "heartbeat");
    }
}

/// Half of a time.
pub(in crate::amqp::v091) const fn half(span: Span) -> Span {
    Span::from_nanos(span.as_nanos() / 2)
}
