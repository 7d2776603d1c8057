//! The machine that answers Binding requests (RFC 8489), and lets clients see what their translator does (RFC 5780).

use super::auth::{Authenticator, Credentials, Granted, NONCE_KEY};
use super::integrity::check_fingerprint;
use super::wire::{Attribute, AttributeType, Class, ErrorCode, Fields, Message, MessageType, Method, Writer};
use super::{DECODE, ENCODE, INTEGRITY};
use crate::rope::Rope;
use protosim_core::{Deadline, Machine, MachineCx};
use std::net::{IpAddr, SocketAddr};

/// What a server is told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ServerConfig {
    /// What it wants of who asks.
    pub credentials: Credentials,
    /// The two addresses and ports of behaviour discovery (RFC 5780 §6), or none: then CHANGE-REQUEST and RESPONSE-PORT are not understood.
    pub alternates: Option<Alternates>,
    /// What SOFTWARE says, if anything.
    pub software: Option<String>,
}

/// Two addresses and two ports: four sockets, over UDP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Alternates {
    /// The addresses, of one family.
    pub ips: [IpAddr; 2],
    /// The ports.
    pub ports: [u16; 2],
}

impl Alternates {
    /// The socket that differs from `local` in address, in port, or in both; `None` if `local` is none of the four.
    pub fn changed(&self, local: SocketAddr, ip: bool, port: bool) -> Option<SocketAddr> {
        let at_ip = self.ips.iter().position(|own| *own == local.ip())?;
        let at_port = self.ports.iter().position(|own| *own == local.port())?;
        Some(SocketAddr::new(self.ips[at_ip ^ usize::from(ip)], self.ports[at_port ^ usize::from(port)]))
    }
}

/// A message, and between which ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// The server's end.
    pub local: SocketAddr,
    /// The client's end.
    pub peer: SocketAddr,
    /// Over a stream, a message of which this is one frame.
    pub is_stream: bool,
    /// The message.
    pub payload: Rope,
}

/// What became of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Binding requests that were answered with success.
    pub successes: u64,
    /// Binding indications, which keep mappings open.
    pub indications: u64,
    /// Messages that are no STUN.
    pub not_stun: u64,
    /// Messages whose fingerprint is wrong.
    pub wrong_fingerprints: u64,
    /// Messages of a method or class that is not for this server.
    pub unexpected: u64,
    /// Answers 400.
    pub bad_requests: u64,
    /// Answers 401.
    pub unauthenticated: u64,
    /// Answers 420.
    pub unknown_attributes: u64,
    /// Answers 438.
    pub stale_nonces: u64,
}

impl Counts {
    /// Error responses.
    pub fn refused(&self) -> u64 {
        self.bad_requests + self.unauthenticated + self.unknown_attributes + self.stale_nonces
    }

    /// Counts an error response.
    fn refuse(&mut self, code: ErrorCode) {
        match code {
            ErrorCode::UNAUTHENTICATED => self.unauthenticated += 1,
            ErrorCode::UNKNOWN_ATTRIBUTE => self.unknown_attributes += 1,
            ErrorCode::STALE_NONCE => self.stale_nonces += 1,
            _ => self.bad_requests += 1,
        }
    }
}

/// Answers Binding requests. It keeps nothing of them: one that comes again is answered again, with the same (§6.3.1).
#[derive(Clone, Debug)]
pub struct Server {
    authenticator: Authenticator,
    alternates: Option<Alternates>,
    software: Option<String>,
    counts: Counts,
}

/// There is no command that could be wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoMisuse {}

impl Server {
    /// A server.
    ///
    /// # Errors
    /// When a name, realm or password cannot be one.
    pub fn new(config: ServerConfig) -> Result<Self, super::integrity::BadText> {
        let authenticator = config.credentials.authenticator()?;
        let ServerConfig { alternates, software, .. } = config;
        Ok(Self { authenticator, alternates, software, counts: Counts::default() })
    }

    /// What became of messages so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn take(&mut self, envelope: &Envelope, cx: &mut MachineCx<'_, Self>) {
        let bytes = envelope.payload.to_bytes();
        cx.spend(DECODE, bytes.len() as u64);
        let Ok(message) = Message::parse(&bytes) else {
            self.counts.not_stun += 1;
            return;
        };
        if check_fingerprint(&message) == Some(false) {
            self.counts.wrong_fingerprints += 1;
            return;
        }
        match (message.method(), message.class()) {
            (Method::BINDING, Class::Request) => self.answer(&message, envelope, cx),
            (Method::BINDING, Class::Indication) => self.counts.indications += 1,
            _ => self.counts.unexpected += 1,
        }
    }

    fn answer(&mut self, message: &Message<'_>, envelope: &Envelope, cx: &mut MachineCx<'_, Self>) {
        let fields = Fields::read(message);
        self.authenticator.begin(|| Authenticator::draw(cx.rng(NONCE_KEY)));
        if fields.has_any_integrity() {
            cx.spend(INTEGRITY, message.bytes().len() as u64);
        }
        let writer = |class| Writer::new(MessageType::new(class, Method::BINDING), message.transaction());
        let mut to = envelope.peer;
        let (local, granted, writer) = match self.authenticator.check(message, &fields, envelope.peer, cx.now()) {
            Err(refused) => {
                self.counts.refuse(refused.code);
                let writer = writer(Class::Error).error(refused.code);
                let writer = match refused.with_challenge {
                    true => self.authenticator.challenge(writer, envelope.peer, cx.now()),
                    false => writer,
                };
                (envelope.local, Granted::default(), writer)
            }
            Ok(granted) => {
                let (local, port, writer) = self.respond(&fields, envelope, writer);
                to.set_port(port.unwrap_or(to.port()));
                (local, granted, writer)
            }
        };
        let writer = writer.with_if(self.software.as_deref().map(Attribute::Software));
        let payload = granted.seal(writer, fields.has_fingerprint);
        cx.spend(ENCODE, payload.len() as u64);
        let is_stream = envelope.is_stream;
        cx.transmit(Envelope { local, peer: to, is_stream, payload: payload.into() });
    }

    /// What a request that may ask is answered, from where, and to which port if not its own.
    fn respond(
        &mut self,
        fields: &Fields<'_>,
        envelope: &Envelope,
        writer: impl Fn(Class) -> Writer,
    ) -> (SocketAddr, Option<u16>, Writer) {
        let alternates = self.alternates.filter(|_| !envelope.is_stream);
        let other = alternates.and_then(|alternates| alternates.changed(envelope.local, true, true));
        let mut unknown = fields.unknown.clone();
        if other.is_none() {
            unknown.extend(fields.change.map(|_| AttributeType::CHANGE_REQUEST));
            unknown.extend(fields.response_port.map(|_| AttributeType::RESPONSE_PORT));
        }
        if !unknown.is_empty() {
            self.counts.refuse(ErrorCode::UNKNOWN_ATTRIBUTE);
            let error = writer(Class::Error).error(ErrorCode::UNKNOWN_ATTRIBUTE).unknown(&unknown);
            return (envelope.local, None, error);
        }
        if fields.malformed.is_some() {
            self.counts.refuse(ErrorCode::BAD_REQUEST);
            return (envelope.local, None, writer(Class::Error).error(ErrorCode::BAD_REQUEST));
        }
        self.counts.successes += 1;
        let success = writer(Class::Success).with(Attribute::XorMappedAddress(envelope.peer));
        let (Some(alternates), Some(other)) = (alternates, other) else {
            return (envelope.local, None, success);
        };
        let (ip, port) = fields.change.unwrap_or_default();
        let local = alternates.changed(envelope.local, ip, port).unwrap_or(envelope.local);
        // RFC 5780 §7.3, §7.4: the other socket is that of the request's, not of the response's.
        let success = success.with(Attribute::ResponseOrigin(local)).with(Attribute::OtherAddress(other));
        // §7.5: to the port that is wanted, at the address that the request came from.
        (local, fields.response_port, success)
    }
}

impl Machine for Server {
    type Message = Envelope;
    type Command = std::convert::Infallible;
    type Notice = std::convert::Infallible;
    type Trace = std::convert::Infallible;
    type Misuse = NoMisuse;

    fn handle_message(&mut self, message: Envelope, cx: &mut MachineCx<'_, Self>) {
        self.take(&message, cx);
    }

    fn handle_command(&mut self, command: Self::Command, _: &mut MachineCx<'_, Self>) -> Result<(), NoMisuse> {
        match command {}
    }

    fn handle_timeout(&mut self, _: &mut MachineCx<'_, Self>) {}

    fn poll_timeout(&self) -> Option<Deadline> {
        None
    }
}
