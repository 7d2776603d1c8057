//! How connections begin and end, and what keeps them alive (§2.2.4, §4.2.7, §4.10).

use crate::amqp::broker::{AmqpBroker, HEARTBEAT, SILENCE};
use crate::amqp::v091::config::{frame_max, seconds};
use crate::amqp::v091::wire::{
    Command, FRAME_MIN, Fault, FieldValue, Frame, FrameMax, LongStr, Method, MethodId, ProtocolHeader, ReplyCode,
    ShortStr, Table, connection, negotiated,
};
use crate::app::{Host, StreamId};
use crate::rope::Rope;
use protosim_core::Span;

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
    pub(super) fn on_header(&mut self, stream: StreamId, header: ProtocolHeader, host: &mut dyn Host) {
        let Some(peer) = self.v091(stream) else { return };
        if header != ProtocolHeader::V091 {
            return self.other_protocol(stream, host);
        }
        peer.phase = Phase::Starting;
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
        let Some(peer) = self.v091(stream) else { return };
        match peer.phase {
            Phase::Header => self.other_protocol(stream, host),
            Phase::Closing => self.drain(stream, host),
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
        let is_draining = self.connections.get(&stream).is_none_or(|connection| connection.is_draining);
        let Some(peer) = self.v091(stream) else { return };
        if is_draining || peer.phase == Phase::Closing {
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
        if let Some(peer) = self.v091(stream) {
            peer.phase = Phase::Closing;
        }
        host.cancel_timer(HEARTBEAT + u64::from(stream.0));
        host.set_timer(SILENCE + u64::from(stream.0), host.now().saturating_add(CLOSE_TIMEOUT), "close-ok");
    }

    /// All channels of a connection end.
    pub(in crate::amqp) fn end_channels(&mut self, stream: StreamId, host: &mut dyn Host) {
        let done = self.disc.done();
        let Some(peer) = self.v091(stream) else { return };
        for (number, mut channel) in std::mem::take(&mut peer.channels) {
            // What has been answered, and waits for nothing, goes before the end.
            if let Some(connection) = self.connections.get_mut(&stream) {
                while let Some((_, bytes)) = channel.held.pop_front_if(|(needs, _)| *needs <= done) {
                    connection.out.push(0, bytes);
                }
            }
            self.end_channel(stream, number, *channel, host);
        }
        if let Some(peer) = self.v091(stream) {
            // Nothing of it becomes whole.
            host.release(std::mem::take(&mut peer.partial));
            peer.assembler.forget_all();
        }
    }

    pub(super) fn on_connection_method(
        &mut self,
        stream: StreamId,
        method: Method,
        host: &mut dyn Host,
    ) -> Result<(), Fault> {
        let is_draining = self.connections.get(&stream).is_none_or(|connection| connection.is_draining);
        let Some(peer) = self.v091(stream) else { return Ok(()) };
        match (method, peer.phase) {
            _ if is_draining => {}
            (Method::ConnectionCloseOk(_), Phase::Closing) => self.drain(stream, host),
            (Method::ConnectionClose(_), Phase::Closing) => {
                self.push(stream, 0, &command(connection::CloseOk {}), host);
            }
            (_, Phase::Closing) => {}
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
        let Some(peer) = self.v091(stream) else { return };
        peer.hears_blocked = has_capability(&start.client_properties, "connection.blocked");
        peer.hears_cancel = has_capability(&start.client_properties, "consumer_cancel_notify");
        let Some(user) = known else {
            self.counts.bad_logins += 1;
            self.counts.refused_connections += 1;
            // §1.4.2.2: closed without a word, but to who can hear it (RabbitMQ).
            return match has_capability(&start.client_properties, "authentication_failure_close") {
                true => self.close(stream, UNKNOWN_USER.in_method(MethodId { class: 10, method: 11 }), host),
                false => self.drain(stream, host),
            };
        };
        peer.user = user;
        peer.phase = Phase::Tuning;
        let tune = connection::Tune {
            channel_max: self.config.channel_max,
            frame_max: frame_max(self.config.frame_max),
            heartbeat: seconds(self.config.heartbeat),
        };
        self.push(stream, 0, &command(tune), host);
    }

    fn on_tune_ok(&mut self, stream: StreamId, tune: &connection::TuneOk) -> Result<(), Fault> {
        let own = frame_max(self.config.frame_max);
        let Some(peer) = self.v091(stream) else { return Ok(()) };
        // §1.4.2.6: a client must not ask for more than it was told.
        let is_more = |theirs: u64, own: u64| theirs == 0 || theirs > own;
        if is_more(tune.frame_max.into(), own.into()) || is_more(tune.channel_max.into(), peer.channel_max.into()) {
            return Err(Fault::new(ReplyCode::NotAllowed, "§1.4.2.6", "a client wants more than it was told"));
        }
        if tune.frame_max < FRAME_MIN {
            return Err(Fault::new(ReplyCode::NotAllowed, "§4.2.3", "a client takes frames that are too small"));
        }
        peer.max = FrameMax::from_tune(negotiated(own, tune.frame_max));
        peer.decoder.set_frame_max(peer.max);
        peer.channel_max = tune.channel_max;
        peer.heartbeat = Span::from_secs(tune.heartbeat.into());
        peer.phase = Phase::Opening;
        Ok(())
    }

    fn on_open(&mut self, stream: StreamId, open: &connection::Open, host: &mut dyn Host) -> Result<(), Fault> {
        if open.virtual_host.as_str() != self.config.vhost {
            // RabbitMQ; the standard has 402.
            return Err(Fault::new(ReplyCode::NotAllowed, "RabbitMQ", "there is no such virtual host"));
        }
        let Some(peer) = self.v091(stream) else { return Ok(()) };
        peer.phase = Phase::Open;
        peer.patience = peer.heartbeat.saturating_mul(2);
        let heartbeat = peer.heartbeat;
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
        let Some(patience) = self.v091(stream).map(|peer| peer.patience) else { return };
        let Some(connection) = self.connections.get(&stream) else { return };
        let at = connection.last_heard.saturating_add(patience);
        host.set_timer(SILENCE + u64::from(stream.0), at, "silence");
    }

    /// Two heartbeats have not come, nor anything else (§4.2.7): the connection is dropped without a word.
    pub(in crate::amqp) fn on_missing_heartbeat(&mut self, stream: StreamId, host: &mut dyn Host) {
        let is_blocked = self.is_blocked;
        let Some(patience) = self.v091(stream).map(|peer| peer.patience) else { return };
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        if is_blocked && connection.publishes {
            // Nobody listens to it.
            connection.last_heard = host.now();
        }
        if connection.last_heard.saturating_add(patience) > host.now() {
            return self.watch_silence(stream, host);
        }
        self.counts.heartbeat_timeouts += 1;
        self.drop_silent(stream, host);
    }

    /// Tells a client whether it is blocked, where it can hear it (RabbitMQ).
    pub(in crate::amqp) fn say_blocked(&mut self, stream: StreamId, host: &mut dyn Host) {
        if !self.v091(stream).is_some_and(|peer| peer.is_open() && peer.hears_blocked) {
            return;
        }
        let told = match self.is_blocked {
            true => command(connection::Blocked { reason: ShortStr::cut("low on memory") }),
            false => command(connection::Unblocked {}),
        };
        self.push(stream, 0, &told, host);
    }

    /// Sends a heartbeat where nothing else was sent for half of the time (RabbitMQ).
    pub(in crate::amqp) fn on_heartbeat_due(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(peer) = self.v091(stream).filter(|peer| peer.is_open()) else { return };
        let (now, pause, max) = (host.now(), half(peer.heartbeat), peer.max);
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        if connection.last_sent.saturating_add(pause) <= now {
            if let Ok(bytes) = Frame::HEARTBEAT.encode(max) {
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
