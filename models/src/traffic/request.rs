//! Request and response over UDP, as simple as can be: a client that waits, thinks and asks again.
//!
//! # The protocol
//! Request and response are one datagram each. Both begin with the request's number, 8 bytes, most significant first;
//! the rest is filling. A server answers every request that it gets, a copy too, with the number that it read. The client
//! has one request open at a time and takes the first response with its number; it sends nothing twice. So a lost
//! datagram costs one time-out, and load falls when the network gets slow: a closed loop.

use super::config::{EcnMark, Finding, check_dscp, check_end, check_own_port, check_port};
use super::duration::{TimeDistribution, draw_span};
use super::exchange::{check_answering, check_asking, first_number, no_processing, usual_message, usual_think};
use super::plan::Plan;
use super::size::{MAX_PAYLOAD_BYTES, SizeDistribution, Sizes};
use super::source::open;
use crate::app::{App, Host, SocketId, Total, TrafficClass};
use crate::name::NodeName;
use crate::observe::{ExchangeId, Observation, Outcome};
use crate::rope::{Rope, Run};
use protosim_core::{CannotClone, Distribution, Purpose, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

/// Bytes of the number at the start of each datagram.
pub(crate) const NUMBER_LEN: u64 = 8;

/// The draw that numbers a client's first request.
const KEY: Purpose = Purpose("request.key");
/// Draws of sizes.
const SIZE: Purpose = Purpose("request.size");
/// Draws of the client's thinking and the server's processing.
const TIME: Purpose = Purpose("request.time");

/// The client's timer of the open request, beside that of its [`Plan`]; the server's timers go by the number of their response.
const TIMEOUT: u64 = 1;

/// A client that asks, waits for the answer, thinks, and asks again.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UdpClientConfig {
    /// The node that the server runs on. Required.
    pub to: NodeName,
    /// The server's UDP port, 1 to 65535. Required.
    pub port: u16,
    /// UDP payload of requests, at least 8 B. Default: 64 B (our choice).
    #[serde(default = "usual_message")]
    pub request: SizeDistribution,
    /// From the end of one request, answered or not, to the next. Default: 1 s (our choice).
    #[serde(default = "usual_think")]
    pub think: TimeDistribution,
    /// How long a response is waited for. Default: 10 s (our choice).
    #[serde(default = "ten_seconds")]
    pub timeout: Span,
    /// When the first request is sent, after the node's start by its own clock. Default: 0 s.
    #[serde(default)]
    pub start: Span,
    /// From when on no request is begun. Default: never.
    #[serde(default)]
    pub stop: Option<Span>,
    /// How many requests are sent. Default: no limit.
    #[serde(default)]
    pub count: Option<u64>,
    /// How packets are marked for congestion notification (RFC 3168). Default: NotEct.
    #[serde(default)]
    pub ecn: EcnMark,
    /// Differentiated services codepoint of packets (RFC 2474), 0 to 63. Default: 0.
    #[serde(default)]
    pub dscp: u8,
}

/// A server that answers each request.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UdpServerConfig {
    /// The UDP port that it listens on, 1 to 65535. Required.
    pub port: u16,
    /// UDP payload of responses, at least 8 B. Default: 64 B (our choice).
    #[serde(default = "usual_message")]
    pub response: SizeDistribution,
    /// From a request to its response; requests do not wait for each other. Default: 0 s.
    #[serde(default = "no_processing")]
    pub processing: TimeDistribution,
    /// How packets are marked for congestion notification (RFC 3168). Default: NotEct.
    #[serde(default)]
    pub ecn: EcnMark,
    /// Differentiated services codepoint of packets (RFC 2474), 0 to 63. Default: 0.
    #[serde(default)]
    pub dscp: u8,
}

const fn ten_seconds() -> Span {
    Span::from_secs(10)
}

impl UdpClientConfig {
    /// A client of `to` with everything else at its default.
    pub fn new(to: NodeName, port: u16) -> Self {
        Self {
            to,
            port,
            request: usual_message(),
            think: usual_think(),
            timeout: ten_seconds(),
            start: Span::ZERO,
            stop: None,
            count: None,
            ecn: EcnMark::NotEct,
            dscp: 0,
        }
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        check_port(self.port, &mut found);
        let lengths = [NUMBER_LEN, MAX_PAYLOAD_BYTES];
        check_asking(&self.request, lengths, &self.think, self.timeout, &mut found);
        check_end(self.start, self.stop, self.count, &mut found);
        check_dscp(self.dscp, &mut found);
        found
    }
}

impl UdpServerConfig {
    /// A server on `port` with everything else at its default.
    pub fn new(port: u16) -> Self {
        Self { port, response: usual_message(), processing: no_processing(), ecn: EcnMark::NotEct, dscp: 0 }
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        check_own_port(self.port, &mut found);
        check_answering(&self.response, [NUMBER_LEN, MAX_PAYLOAD_BYTES], &self.processing, &mut found);
        check_dscp(self.dscp, &mut found);
        found
    }
}

/// A datagram of `len` bytes, at least [`NUMBER_LEN`], with `number` in front.
pub(crate) fn numbered(number: u64, len: u64) -> Rope {
    let mut rope = Rope::from(number.to_be_bytes().to_vec());
    let offset = number.wrapping_mul(len);
    rope.push(Run::Fill { key: 0, offset, len: len.saturating_sub(NUMBER_LEN) });
    rope
}

/// The number in front of a datagram; `None` if it is too short for one.
pub(crate) fn number_of(payload: &Rope) -> Option<u64> {
    // As it was put there: one run of eight bytes, read without a copy.
    if let Some(Run::Bytes(bytes)) = payload.runs().first()
        && let Some(number) = bytes.first_chunk()
    {
        return Some(u64::from_be_bytes(*number));
    }
    let bytes = payload.slice(0, NUMBER_LEN).to_bytes();
    Some(u64::from_be_bytes(bytes.as_ref().try_into().ok()?))
}

/// Sends requests one after the other; see the module.
#[derive(Clone, Debug)]
pub struct UdpClient {
    plan: Plan,
    timeout: Span,
    class: TrafficClass,
    server: SocketAddr,
    sizes: Sizes,
    socket: Option<SocketId>,
    /// The number of the first request.
    first: u64,
    /// The number of the one that is open.
    open: Option<u64>,
    counts: ClientCounts,
}

#[derive(Clone, Copy, Default, Debug)]
struct ClientCounts {
    requests: u64,
    responses: u64,
    response_bytes: u64,
    timed_out: u64,
    /// Responses to no request that is open: late ones, copies.
    unexpected: u64,
    refused: u64,
}

impl UdpClient {
    /// A client of the server at `server`. `config` has passed its check.
    pub fn new(config: UdpClientConfig, server: SocketAddr) -> Self {
        Self {
            sizes: Sizes::new(&config.request, 0, NUMBER_LEN, SIZE),
            plan: Plan::new(config.start, config.stop, config.count, config.think.law()),
            timeout: config.timeout,
            class: config.ecn.with_dscp(config.dscp),
            server,
            socket: None,
            first: 0,
            open: None,
            counts: ClientCounts::default(),
        }
    }

    fn exchange(&self, number: u64, host: &dyn Host) -> ExchangeId {
        let client = self.socket.and_then(|socket| host.udp_local_addr(socket, self.server).ok());
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        ExchangeId { client: client.unwrap_or(nowhere), server: self.server, id: number }
    }

    fn ask(&mut self, host: &mut dyn Host) {
        let Some(socket) = self.socket else { return };
        let number = self.first.wrapping_add(self.plan.begin());
        let len = self.sizes.draw(host);
        self.open = Some(number);
        match host.udp_send(socket, self.server, numbered(number, len)) {
            Ok(()) => {
                self.counts.requests += 1;
                host.observe(Observation::ExchangeStarted(self.exchange(number, host)));
                host.set_timer(TIMEOUT, host.now().saturating_add(self.timeout), "response");
            }
            Err(_) => {
                self.counts.refused += 1;
                self.open = None;
                self.plan.rest(TIME, host);
            }
        }
    }

    fn end(&mut self, number: u64, outcome: Outcome, host: &mut dyn Host) {
        self.open = None;
        let exchange = self.exchange(number, host);
        host.observe(Observation::ExchangeEnded { exchange, outcome, transmissions: 1 });
        self.plan.rest(TIME, host);
    }
}

impl App for UdpClient {
    fn on_start(&mut self, host: &mut dyn Host) {
        self.first = first_number(KEY, host);
        match open(0, self.class, host) {
            Ok(socket) => {
                self.socket = Some(socket);
                self.plan.start(host);
            }
            Err(_) => self.counts.refused += 1,
        }
    }

    fn on_datagram(&mut self, _: SocketId, from: SocketAddr, payload: Rope, host: &mut dyn Host) {
        match number_of(&payload).filter(|number| from == self.server && self.open == Some(*number)) {
            Some(number) => {
                self.counts.responses += 1;
                self.counts.response_bytes += payload.len();
                host.cancel_timer(TIMEOUT);
                self.end(number, Outcome::Response, host);
            }
            None => self.counts.unexpected += 1,
        }
    }

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        match (token, self.open) {
            (Plan::NEXT, _) => self.ask(host),
            (_, Some(number)) => {
                self.counts.timed_out += 1;
                self.end(number, Outcome::TimedOut, host);
            }
            (_, None) => {}
        }
    }

    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        vec![
            total("requests", self.counts.requests),
            total("responses", self.counts.responses),
            total("response_payload_bytes", self.counts.response_bytes),
            total("timed_out", self.counts.timed_out),
            total("unexpected_responses", self.counts.unexpected),
            total("refused_calls", self.counts.refused),
        ]
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}

/// Answers requests; see the module.
#[derive(Clone, Debug)]
pub struct UdpServer {
    config: UdpServerConfig,
    sizes: Sizes,
    processing: Distribution,
    socket: Option<SocketId>,
    /// Requests that are being processed, by the token of their timer.
    waiting: BTreeMap<u64, (SocketAddr, u64)>,
    /// The next token.
    token: u64,
    requests: u64,
    request_bytes: u64,
    responses: u64,
    malformed: u64,
    refused: u64,
}

impl UdpServer {
    /// A server; `config` has passed its check.
    pub fn new(config: UdpServerConfig) -> Self {
        Self {
            sizes: Sizes::new(&config.response, 0, NUMBER_LEN, SIZE),
            processing: config.processing.law(),
            config,
            socket: None,
            waiting: BTreeMap::new(),
            token: 0,
            requests: 0,
            request_bytes: 0,
            responses: 0,
            malformed: 0,
            refused: 0,
        }
    }

    fn answer(&mut self, socket: SocketId, to: SocketAddr, number: u64, host: &mut dyn Host) {
        let len = self.sizes.draw(host);
        match host.udp_send(socket, to, numbered(number, len)) {
            Ok(()) => self.responses += 1,
            Err(_) => self.refused += 1,
        }
    }
}

impl App for UdpServer {
    fn on_start(&mut self, host: &mut dyn Host) {
        match open(self.config.port, self.config.ecn.with_dscp(self.config.dscp), host) {
            Ok(socket) => self.socket = Some(socket),
            Err(_) => self.refused += 1,
        }
    }

    fn on_datagram(&mut self, socket: SocketId, from: SocketAddr, payload: Rope, host: &mut dyn Host) {
        let Some(number) = number_of(&payload) else {
            self.malformed += 1;
            return;
        };
        self.requests += 1;
        self.request_bytes += payload.len();
        if let Ok(server) = host.udp_local_addr(socket, from) {
            host.observe(Observation::RequestDelivered(ExchangeId { client: from, server, id: number }));
        }
        let processing = draw_span(&self.processing, TIME, host);
        if processing.is_zero() {
            return self.answer(socket, from, number, host);
        }
        self.waiting.insert(self.token, (from, number));
        host.set_timer(self.token, host.now().saturating_add(processing), "processing");
        self.token += 1;
    }

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        if let (Some(socket), Some((to, number))) = (self.socket, self.waiting.remove(&token)) {
            self.answer(socket, to, number, host);
        }
    }

    /// `malformed_datagrams` are too short for a number.
    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        vec![
            total("requests", self.requests),
            total("request_payload_bytes", self.request_bytes),
            total("responses", self.responses),
            total("malformed_datagrams", self.malformed),
            total("refused_calls", self.refused),
        ]
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
