//! One CoAP endpoint: the message layer of all its exchanges, as client and as server.
//!
//! `interface.rs` has what goes in and out; this file the message layer's sorting of what arrives
//! (RFC 7252 §4). `requests.rs` has the client's side of exchanges and the queue per peer, `responses.rs`
//! the server's; `reliability.rs`, `dedup.rs`, `ids.rs` and `timers.rs` are the parts they share.

mod cocoa;
mod dedup;
mod ids;
mod interface;
mod notifications;
mod reliability;
mod requests;
mod responses;
mod timers;

pub use interface::{Cause, Command, Envelope, ExchangeState, Misuse, Notice, Reason, RequestHandle, Trace};

use super::config::Parameters;
use super::wire::{Code, CodeClass, DecodeError, Message, MessageId, OptionNumber, Options, Token, Type};
use crate::rope::Rope;
use cocoa::Estimates;
use dedup::{Received, Seen};
use ids::MessageIds;
use notifications::Observers;
use protosim_core::{Deadline, Machine, MachineCx, Purpose, Span};
use reliability::Backoff;
use requests::{Exchange, Peer};
use responses::Serving;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use timers::{Timer, Timers};

/// A CoAP endpoint, client and server in one (RFC 7252 §1.2).
#[derive(Clone, Debug)]
pub struct Endpoint {
    config: EndpointConfig,
    // A map with one entry has room for eleven: what is large in these, of which most clients have one at a time, is behind a pointer.
    /// Our requests without an end yet. A peer and a token name one (RFC 7252 §5.3.2).
    exchanges: BTreeMap<(SocketAddr, Token), Box<Exchange>>,
    /// Our messages that an ACK or a RST may still refer to, by their ids.
    outgoing: BTreeMap<(SocketAddr, MessageId), Box<Outgoing>>,
    /// Ids and queues towards those that we send messages of our own to.
    peers: BTreeMap<SocketAddr, Box<Peer>>,
    /// What has come within the lifetimes.
    received: Received,
    /// Requests that the application has and has not answered.
    serving: BTreeMap<RequestHandle, Serving>,
    /// Whom we tell of changes.
    observers: Observers,
    /// Number of requests given to the application so far.
    delivered: u64,
    timers: Timers,
}

/// What an endpoint has to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndpointConfig {
    /// Transmission parameters (RFC 7252 §4.8).
    pub parameters: Parameters,
    /// NSTART: how many requests and pings may be outstanding per peer (RFC 7252 §4.7); at least 1.
    pub nstart: u32,
    /// How long to wait for a response once nothing is retransmitted.
    pub response_wait: Span,
    /// How long the application may take before its request gets an empty ACK.
    pub piggyback_limit: Span,
    /// Options that the application acts on; other critical ones are refused (RFC 7252 §5.4.1).
    pub understood: &'static [OptionNumber],
    /// It is a proxy: what it is asked to pass on, and what comes back, is refused for its critical options only where they are unsafe to forward (RFC 7252
    /// §5.4.2, §5.7.1), and requests for elective ones that are. Of responses the application sees to that.
    pub relays: bool,
    /// At least this between two non-confirmable notifications to one observer (RFC 7641 §4.5.1).
    pub notification_gap: Span,
    /// PROBING_RATE \[B/s\]: a peer is sent no more non-confirmable requests than that from when an answer is overdue, ACK_TIMEOUT ·
    /// ACK_RANDOM_FACTOR after the first one since something came from it (RFC 7252 §4.7; since when it counts is our choice).
    /// `None` for no limit.
    pub probing_rate: Option<u64>,
}

/// At most one non-confirmable notification in 3 s (RFC 7641 §4.5.1).
pub const NOTIFICATION_GAP: Span = Span::from_secs(3);

/// PROBING_RATE \[B/s\] (RFC 7252 §4.8).
pub const PROBING_RATE: u64 = 1;

/// The critical options of RFC 7252 itself. Block1, Block2, OSCORE and Q-Block are not among them.
pub const BASE_OPTIONS: &[OptionNumber] = &[
    OptionNumber::IF_MATCH,
    OptionNumber::URI_HOST,
    OptionNumber::IF_NONE_MATCH,
    OptionNumber::URI_PORT,
    OptionNumber::URI_PATH,
    OptionNumber::URI_QUERY,
    OptionNumber::ACCEPT,
    OptionNumber::PROXY_URI,
    OptionNumber::PROXY_SCHEME,
];

/// Those and the ones of block-wise transfer (RFC 7959 §2.1).
pub const BLOCK_OPTIONS: &[OptionNumber] = &[
    OptionNumber::IF_MATCH,
    OptionNumber::URI_HOST,
    OptionNumber::IF_NONE_MATCH,
    OptionNumber::URI_PORT,
    OptionNumber::URI_PATH,
    OptionNumber::URI_QUERY,
    OptionNumber::ACCEPT,
    OptionNumber::BLOCK2,
    OptionNumber::BLOCK1,
    OptionNumber::PROXY_URI,
    OptionNumber::PROXY_SCHEME,
];

/// Those and the ones that a proxy acts on, of which it must know the ones that are unsafe to forward (RFC 7252 §5.4.2).
pub const RELAY_OPTIONS: &[OptionNumber] = &[
    OptionNumber::IF_MATCH,
    OptionNumber::URI_HOST,
    OptionNumber::IF_NONE_MATCH,
    OptionNumber::OBSERVE,
    OptionNumber::URI_PORT,
    OptionNumber::URI_PATH,
    OptionNumber::MAX_AGE,
    OptionNumber::URI_QUERY,
    OptionNumber::ACCEPT,
    OptionNumber::BLOCK2,
    OptionNumber::BLOCK1,
    OptionNumber::PROXY_URI,
    OptionNumber::PROXY_SCHEME,
    OptionNumber::NO_RESPONSE,
];

/// A message of ours that the peer may refer to.
#[derive(Clone, Debug)]
struct Outgoing {
    role: Role,
    /// What is sent again, and when; `None` for a non-confirmable message.
    reliable: Option<(Message, Backoff)>,
}

/// What a message of ours is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Request(Token),
    /// A separate response; memory of the host held for it \[bytes\].
    Response(RequestHandle, u64),
    Ping(u64),
    /// A state for an observer, by its token; which, and memory of the host held for it \[bytes\].
    Notification(Token, u64, u64),
}

/// Memory charged for one exchange, one remembered message id or one request being served, beside
/// the messages kept \[bytes\]. Our choice: address and port 18, message id 2, token with length 9,
/// deadline 8, counter and state 3, rounded up to a multiple of 8.
const STATE_BYTES: u64 = 40;

/// Decides the first time-out of confirmable messages (RFC 7252 §4.2).
const ACK_TIMEOUT_LUCK: Purpose = Purpose("coap.ack-timeout");
/// Decides the first message id towards each peer (RFC 7252 §4.4).
const MESSAGE_ID_LUCK: Purpose = Purpose("coap.message-id");

type Cx<'a> = MachineCx<'a, Endpoint>;

impl Endpoint {
    /// An endpoint without exchanges.
    pub fn new(config: EndpointConfig) -> Self {
        Self {
            config,
            exchanges: BTreeMap::new(),
            outgoing: BTreeMap::new(),
            peers: BTreeMap::new(),
            received: Received::default(),
            serving: BTreeMap::new(),
            observers: Observers::default(),
            delivered: 0,
            timers: Timers::default(),
        }
    }

    /// A datagram has arrived, of whatever bytes.
    pub fn handle_datagram(&mut self, peer: SocketAddr, datagram: &Rope, cx: &mut Cx<'_>) {
        match Message::decode(datagram) {
            Ok(message) => self.handle_message(Envelope { peer, message }, cx),
            Err(error) => {
                cx.spend(super::DECODE, datagram.len());
                self.handle_malformed(peer, &error, cx);
            }
        }
    }

    /// A datagram has arrived that was sent to a group (RFC 7252 §8): a request is non-confirmable, and nothing is reset.
    pub fn handle_group_datagram(&mut self, peer: SocketAddr, datagram: &Rope, cx: &mut Cx<'_>) {
        match Message::decode(datagram) {
            Ok(message)
                if message.message_type == Type::NonConfirmable && message.code.use_of() == CodeClass::Request =>
            {
                cx.spend(super::DECODE, message.wire_len());
                self.forget_expired(cx);
                self.on_message(peer, message, true, cx);
            }
            read => {
                cx.spend(super::DECODE, datagram.len());
                let reason = read.map_or_else(|error| Reason::Format(error.flaw), |_| Reason::Unexpected);
                cx.observe(Trace::Ignored { peer, reason });
            }
        }
    }

    /// A datagram has arrived that is no CoAP message (RFC 7252 §3, §4.2, §4.3).
    pub fn handle_malformed(&mut self, peer: SocketAddr, error: &DecodeError, cx: &mut Cx<'_>) {
        let reason = Reason::Format(error.flaw);
        match error.header {
            Some((Type::Confirmable, id)) => {
                self.send(peer, Message::empty(Type::Reset, id), cx);
                cx.observe(Trace::Rejected { peer, reason });
            }
            _ => cx.observe(Trace::Ignored { peer, reason }),
        }
    }

    /// True if nothing is under way: no exchange, no request to answer, no timer.
    pub fn is_at_rest(&self) -> bool {
        self.exchanges.is_empty()
            && self.outgoing.is_empty()
            && self.serving.is_empty()
            && self.observers.is_at_rest()
            && self.poll_timeout().is_none()
    }

    /// A CON or NON message: new, or a copy (RFC 7252 §4.2, §4.3, §4.5).
    fn on_message(&mut self, peer: SocketAddr, message: Message, to_group: bool, cx: &mut Cx<'_>) {
        let (id, now) = (message.message_id, cx.now());
        if let Seen::Duplicate(reply) = self.received.look_up(peer, id, now) {
            let reply = reply.cloned();
            cx.observe(Trace::Duplicate { peer, message_id: id, replied: reply.is_some() });
            if let Some(message) = reply {
                cx.transmit(Envelope { peer, message });
            }
            return;
        }
        match message.code.use_of() {
            // RFC 7252 §4.3: an empty CON is a ping, answered by a Reset without any state.
            CodeClass::Empty => self.reject(peer, &message, Reason::Empty, cx),
            CodeClass::Reserved => self.reject(peer, &message, Reason::Code(message.code), cx),
            class => {
                // All that it will need at once: without that it is as if it had been lost, and a
                // copy may find memory again.
                let serving_bytes = if class == CodeClass::Request { STATE_BYTES } else { 0 };
                if let Err(full) = cx.reserve(STATE_BYTES + serving_bytes) {
                    return cx.observe(Trace::Ignored { peer, reason: Reason::OutOfMemory(full) });
                }
                let confirmable = message.message_type == Type::Confirmable;
                let parameters = &self.config.parameters;
                let lifetime = if confirmable { parameters.exchange_lifetime() } else { parameters.non_lifetime() };
                self.received.insert(peer, id, now.saturating_add(lifetime), confirmable, STATE_BYTES);
                match class {
                    CodeClass::Request => self.on_request(peer, message, to_group, cx),
                    _ => self.on_response(peer, message, cx),
                }
            }
        }
    }

    /// An ACK: for a message of ours, empty or with a response (RFC 7252 §4.2, §5.2.1).
    fn on_acknowledgement(&mut self, peer: SocketAddr, message: Message, cx: &mut Cx<'_>) {
        let key = (peer, message.message_id);
        let Some(outgoing) = self.outgoing.get(&key).filter(|outgoing| outgoing.reliable.is_some()) else {
            if message.code == Code::EMPTY && self.on_earlier_acknowledged(peer, message.message_id, cx) {
                return;
            }
            return cx.observe(Trace::Ignored { peer, reason: Reason::NothingToAcknowledge });
        };
        match (message.code.use_of(), outgoing.role) {
            (CodeClass::Empty, Role::Request(token)) => self.on_request_acknowledged(peer, token, cx),
            (CodeClass::Empty, Role::Response(_, bytes)) => {
                self.measure(peer, message.message_id, cx.now());
                self.forget_outgoing(peer, message.message_id);
                cx.release(bytes);
            }
            (CodeClass::Empty, Role::Notification(token, state, bytes)) => {
                self.measure(peer, message.message_id, cx.now());
                self.on_notification_acknowledged(peer, message.message_id, (token, state, bytes), cx);
            }
            (CodeClass::Empty, Role::Ping(bytes)) => self.end_ping(peer, message.message_id, bytes, true, cx),
            (CodeClass::Response, Role::Request(token)) if token == message.token => {
                self.on_piggybacked_response(peer, message, cx);
            }
            // RFC 7252 §5.3.2: message id and token must both match.
            (CodeClass::Response, _) => cx.observe(Trace::Ignored { peer, reason: Reason::Unexpected }),
            // RFC 7252 §4.2: to reject an ACK is to ignore it.
            _ => cx.observe(Trace::Ignored { peer, reason: Reason::Code(message.code) }),
        }
    }

    /// A RST: the peer could not make sense of a message of ours (RFC 7252 §4.2, §4.3).
    fn on_reset(&mut self, peer: SocketAddr, message: &Message, cx: &mut Cx<'_>) {
        if message.code != Code::EMPTY {
            return cx.observe(Trace::Ignored { peer, reason: Reason::Code(message.code) });
        }
        if !self.outgoing.contains_key(&(peer, message.message_id)) {
            if self.on_notification_reset(peer, message.message_id, cx) {
                return;
            }
            return cx.observe(Trace::Ignored { peer, reason: Reason::NothingToAcknowledge });
        }
        self.give_up(peer, message.message_id, Cause::Reset, cx);
    }

    /// The time-out of a confirmable message (RFC 7252 §4.2): the same bytes again, or the end.
    fn on_retransmission_timeout(&mut self, peer: SocketAddr, id: MessageId, cx: &mut Cx<'_>) {
        let outgoing = self.outgoing.get_mut(&(peer, id)).map(Box::as_mut);
        let Some(Outgoing { role, reliable: Some((message, backoff)) }) = outgoing else { return };
        let before = *backoff;
        if !backoff.on_timeout(&self.config.parameters) {
            return self.give_up(peer, id, Cause::TimedOut, cx);
        }
        let (role, message, backoff) = (*role, message.clone(), *backoff);
        if let Role::Notification(token, ..) = role
            && self.renew_notification(peer, id, (token, before), cx)
        {
            return;
        }
        // Stored bytes are sent again: nothing is encoded.
        cx.transmit(Envelope { peer, message });
        cx.observe(Trace::Retransmitted { peer, message_id: id, count: backoff.retransmissions() });
        self.timers.set(Timer::Retransmission(peer, id), cx.now().saturating_add(backoff.timeout()));
        if let Role::Request(token) = role
            && let Some(exchange) = self.exchanges.get_mut(&(peer, token))
        {
            exchange.transmissions += 1;
        }
    }

    /// A message of ours has failed for good.
    fn give_up(&mut self, peer: SocketAddr, id: MessageId, cause: Cause, cx: &mut Cx<'_>) {
        let Some(outgoing) = self.outgoing.get(&(peer, id)) else { return };
        match outgoing.role {
            Role::Request(token) => self.fail_exchange(peer, token, cause, cx),
            Role::Response(request, bytes) => {
                self.forget_outgoing(peer, id);
                cx.release(bytes);
                cx.notify(Notice::ResponseFailed { request, cause });
            }
            Role::Notification(token, state, bytes) => {
                self.on_notification_failed(peer, id, (token, state, bytes), cause, cx);
            }
            // RFC 7252 §4.3: the Reset is the pong.
            Role::Ping(bytes) => self.end_ping(peer, id, bytes, cause == Cause::Reset, cx),
        }
    }

    fn forget_outgoing(&mut self, peer: SocketAddr, id: MessageId) {
        self.outgoing.remove(&(peer, id));
        self.timers.cancel(Timer::Retransmission(peer, id));
    }

    /// Rejects a message: a Reset to a CON, silence to a NON (RFC 7252 §4.2, §4.3).
    fn reject(&mut self, peer: SocketAddr, message: &Message, reason: Reason, cx: &mut Cx<'_>) {
        if message.message_type == Type::Confirmable {
            self.reply(peer, Message::empty(Type::Reset, message.message_id), cx);
            cx.observe(Trace::Rejected { peer, reason });
        } else {
            cx.observe(Trace::Ignored { peer, reason });
        }
    }

    /// Sends an ACK or RST, and keeps it for copies of the message it answers, if that is noted.
    fn reply(&mut self, peer: SocketAddr, reply: Message, cx: &mut Cx<'_>) {
        let (id, bytes) = (reply.message_id, reply.wire_len());
        if matches!(self.received.look_up(peer, id, cx.now()), Seen::Duplicate(_)) {
            match cx.reserve(bytes) {
                Ok(()) => {
                    let freed = self.received.set_reply(peer, id, reply.clone(), bytes);
                    cx.release(freed);
                }
                Err(_) => cx.observe(Trace::ReplyNotKept { peer, message_id: id }),
            }
        }
        self.send(peer, reply, cx);
    }

    /// Sends a message for the first time.
    fn send(&self, peer: SocketAddr, message: Message, cx: &mut Cx<'_>) {
        cx.spend(super::ENCODE, message.wire_len());
        cx.transmit(Envelope { peer, message });
    }

    /// An option for which a request is refused (RFC 7252 §5.4.1; for a proxy §5.4.2).
    fn refused_in_request(&self, options: &Options) -> Option<OptionNumber> {
        let is_passed_on = [OptionNumber::PROXY_URI, OptionNumber::PROXY_SCHEME]
            .into_iter()
            .any(|number| self.config.relays && options.all(number).next().is_some());
        if is_passed_on {
            options.unrecognised_unsafe(self.config.understood)
        } else {
            options.unrecognised_critical(self.config.understood)
        }
    }

    /// An option for which a response is rejected (RFC 7252 §5.4.1).
    fn refused_in_response(&self, options: &Options) -> Option<OptionNumber> {
        if self.config.relays { None } else { options.unrecognised_critical(self.config.understood) }
    }

    fn forget_expired(&mut self, cx: &mut Cx<'_>) {
        match self.received.expire(cx.now()) {
            0 => {}
            freed => cx.release(freed),
        }
    }
}

impl Machine for Endpoint {
    type Message = Envelope;
    type Command = Command;
    type Notice = Notice;
    type Trace = Trace;
    type Misuse = Misuse;

    fn handle_message(&mut self, Envelope { peer, message }: Envelope, cx: &mut Cx<'_>) {
        cx.spend(super::DECODE, message.wire_len());
        self.forget_expired(cx);
        match message.message_type {
            Type::Confirmable | Type::NonConfirmable => self.on_message(peer, message, false, cx),
            Type::Acknowledgement => self.on_acknowledgement(peer, message, cx),
            Type::Reset => self.on_reset(peer, &message, cx),
        }
        self.heard_of(peer, cx);
    }

    fn handle_command(&mut self, command: Command, cx: &mut Cx<'_>) -> Result<(), Misuse> {
        self.forget_expired(cx);
        match command {
            Command::Request { peer, token, confirmable, method, options, payload } => {
                if method.use_of() != CodeClass::Request {
                    return Err(Misuse::WrongCode(method));
                }
                let message_type = if confirmable { Type::Confirmable } else { Type::NonConfirmable };
                let message = Message { code: method, token, options, payload, ..empty(message_type) };
                self.request(peer, message, cx)
            }
            Command::Cancel { peer, token } => self.cancel(peer, token, cx),
            Command::Ping { peer } => self.ping(peer, cx),
            Command::Respond { request, code, options, payload } => {
                if code.use_of() != CodeClass::Response {
                    return Err(Misuse::WrongCode(code));
                }
                self.respond(request, Message { code, options, payload, ..empty(Type::Acknowledgement) }, cx)
            }
            Command::Notify { peer, token, state, confirmable, code, options, payload } => {
                if code.use_of() != CodeClass::Response {
                    return Err(Misuse::WrongCode(code));
                }
                let message_type = if confirmable { Type::Confirmable } else { Type::NonConfirmable };
                self.notify(peer, state, Message { code, token, options, payload, ..empty(message_type) }, cx)
            }
            Command::ForgetObserver { peer, token } => {
                self.forget_observer(peer, token, cx);
                Ok(())
            }
            Command::Abandon { request } => self.abandon(request, cx),
        }
    }

    fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        self.forget_expired(cx);
        while let Some(timer) = self.timers.pop_due(cx.now()) {
            match timer {
                Timer::Retransmission(peer, id) => self.on_retransmission_timeout(peer, id, cx),
                Timer::ResponseWait(peer, token) => self.fail_exchange(peer, token, Cause::TimedOut, cx),
                Timer::PiggybackLimit(request) => self.on_piggyback_limit(request, cx),
                Timer::MessageId(peer) | Timer::Probing(peer) => self.send_queued(peer, cx),
                Timer::Pacing(peer, token) => self.queue_notification(peer, token, cx),
            }
        }
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.timers.earliest()
    }
}

/// An empty message whose id is given when it is sent.
const fn empty(message_type: Type) -> Message {
    Message::empty(message_type, MessageId(0))
}
