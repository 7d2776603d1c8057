//! The application that asks for its address.

use super::app::usual_port;
use super::integrity::check_fingerprint;
use super::transaction::{Due, TRANSACTION_ID, Timing, Transaction};
use super::wire::{Class, Fields, Message, MessageType, Method, TransactionId, Writer};
use super::{DECODE, ENCODE};
use crate::app::{App, Host, SocketId, Total};
use crate::name::NodeName;
use crate::observe::{ExchangeId, Observation, Outcome};
use crate::rope::Rope;
use protosim_core::{CannotClone, LocalTime, Operation, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Binding requests over UDP at an interval, all from one port, as a client does that keeps its mapping open.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StunClientConfig {
    /// The node that the server runs on. Required.
    pub to: NodeName,
    /// The server's UDP port, 1 to 65535. Default: 3478 (RFC 8489 §18.6).
    #[serde(default = "usual_port")]
    pub port: u16,
    /// When the first request is sent, after the node's start by its own clock. Default: 0 s.
    #[serde(default)]
    pub start: Span,
    /// How many requests there are, retransmissions not counted. Default: no limit.
    #[serde(default)]
    pub count: Option<u64>,
    /// From one request to the next. Default: 15 s (Tr of RFC 8445 §11).
    #[serde(default = "fifteen_seconds")]
    pub interval: Span,
    /// The first wait for a response; each one after it is twice as long. Default: 500 ms (RFC 8489 §6.2.1).
    #[serde(default = "usual_rto")]
    pub rto: Span,
    /// How often a request is sent, 1 to 32. Default: 7 (§6.2.1).
    #[serde(default = "usual_rc")]
    pub transmissions: u32,
}

const fn fifteen_seconds() -> Span {
    Span::from_secs(15)
}

const fn usual_rto() -> Span {
    Span::from_millis(500)
}

const fn usual_rc() -> u32 {
    7
}

impl StunClientConfig {
    /// A client of the server at `to` with everything else at its default.
    pub fn new(to: NodeName) -> Self {
        Self {
            to,
            port: usual_port(),
            start: Span::ZERO,
            count: None,
            interval: fifteen_seconds(),
            rto: usual_rto(),
            transmissions: usual_rc(),
        }
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        if self.port == 0 {
            found.push(("port", "is 1 to 65535: nobody listens on 0".to_owned()));
        }
        if self.count == Some(0) {
            found.push(("count", "is at least 1: nothing would be sent".to_owned()));
        }
        if self.interval.is_zero() {
            found.push(("interval", "is longer than zero: requests would never end".to_owned()));
        }
        if self.rto.is_zero() {
            found.push(("rto", "is longer than zero: every request would time out at once".to_owned()));
        }
        if !(1..=32).contains(&self.transmissions) {
            found.push(("transmissions", "is 1 to 32".to_owned()));
        }
        found
    }
}

/// The timer of the next request.
const NEXT: u64 = 0;
/// The timer of the requests that are open.
const OPEN: u64 = 1;

/// Sends Binding requests and says what became of them; see [`StunClientConfig`].
#[derive(Clone, Debug)]
pub struct StunClient {
    config: StunClientConfig,
    server: SocketAddr,
    socket: Option<SocketId>,
    started: LocalTime,
    /// Requests whose time has come.
    due: u64,
    open: BTreeMap<TransactionId, Transaction>,
    /// The last one that was told.
    mapped: Option<SocketAddr>,
    counts: Counts,
}

#[derive(Clone, Copy, Default, Debug)]
struct Counts {
    requests: u64,
    transmissions: u64,
    responses: u64,
    error_responses: u64,
    timed_out: u64,
    unreachable: u64,
    translated: u64,
    changes: u64,
    unexpected: u64,
    refused: u64,
}

impl StunClient {
    /// A client of the server at `server`. `config` has passed its check.
    pub fn new(config: StunClientConfig, server: SocketAddr) -> Self {
        let (open, counts) = (BTreeMap::new(), Counts::default());
        Self { config, server, socket: None, started: LocalTime::ZERO, due: 0, open, mapped: None, counts }
    }

    fn timing(&self) -> Timing {
        Timing { rto: self.config.rto, rc: self.config.transmissions, ..Timing::default() }
    }

    fn local(&self, host: &dyn Host) -> SocketAddr {
        let known = self.socket.and_then(|socket| host.udp_local_addr(socket, self.server).ok());
        known.unwrap_or(crate::tcp::app::nowhere())
    }

    fn exchange(&self, id: TransactionId, host: &dyn Host) -> ExchangeId {
        let number = id.0[..8].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        ExchangeId { client: self.local(host), server: self.server, id: number }
    }

    fn ask(&mut self, host: &mut dyn Host) {
        self.due += 1;
        let id = Transaction::draw_id(host.rng(TRANSACTION_ID));
        let request = Rope::from(Writer::new(MessageType::new(Class::Request, Method::BINDING), id).finish());
        host.spend(Operation { name: ENCODE, bytes: request.len() });
        self.counts.requests += 1;
        host.observe(Observation::ExchangeStarted(self.exchange(id, host)));
        let transaction = Transaction::new(id, self.server, request.clone(), self.timing(), false, host.now());
        self.open.insert(id, transaction);
        self.transmit(request, host);
        self.set_next(host);
    }

    fn transmit(&mut self, request: Rope, host: &mut dyn Host) {
        self.counts.transmissions += 1;
        let sent = self.socket.map(|socket| host.udp_send(socket, self.server, request));
        self.counts.refused += u64::from(!matches!(sent, Some(Ok(()))));
    }

    fn set_next(&self, host: &mut dyn Host) {
        if self.config.count.is_none_or(|count| self.due < count) {
            let offset = self.config.interval.saturating_mul(self.due);
            let at = self.started.saturating_add(self.config.start).saturating_add(offset);
            host.set_timer(NEXT, at, "next Binding request");
        }
    }

    fn set_open(&self, host: &mut dyn Host) {
        match self.open.values().map(Transaction::deadline).min_by_key(|deadline| deadline.at) {
            Some(deadline) => host.set_timer(OPEN, deadline.at, deadline.timer),
            None => host.cancel_timer(OPEN),
        }
    }

    fn retransmit(&mut self, host: &mut dyn Host) {
        let due = |transaction: &&Transaction| transaction.deadline().at <= host.now();
        let ids: Vec<TransactionId> = self.open.values().filter(due).map(Transaction::id).collect();
        for id in ids {
            match self.open.get_mut(&id).and_then(|transaction| transaction.handle_timeout(host.now())) {
                Some(Due::Again(request)) => self.transmit(request, host),
                Some(Due::Failed) => {
                    self.counts.timed_out += 1;
                    self.end(id, Outcome::TimedOut, host);
                }
                None => {}
            }
        }
    }

    fn end(&mut self, id: TransactionId, outcome: Outcome, host: &mut dyn Host) {
        if let Some(transaction) = self.open.remove(&id) {
            let (exchange, transmissions) = (self.exchange(id, host), transaction.transmissions());
            host.observe(Observation::ExchangeEnded { exchange, outcome, transmissions });
        }
    }

    /// A response to an open request, from where that went; all else is unexpected.
    fn take(&mut self, from: SocketAddr, message: &Message<'_>, host: &mut dyn Host) {
        let id = message.transaction();
        let is_ours = self.open.get(&id).is_some_and(|transaction| transaction.matches(id, from));
        let fields = Fields::read(message);
        match (message.class(), fields.xor_mapped.or(fields.mapped)) {
            _ if !is_ours || message.method() != Method::BINDING => self.counts.unexpected += 1,
            (Class::Success, Some(mapped)) if fields.unknown.is_empty() => {
                self.counts.responses += 1;
                self.counts.translated += u64::from(mapped != self.local(host));
                self.counts.changes += u64::from(self.mapped.is_some_and(|before| before != mapped));
                self.mapped = Some(mapped);
                self.end(id, Outcome::Response, host);
            }
            (Class::Success | Class::Error, _) => {
                self.counts.error_responses += 1;
                self.end(id, Outcome::ErrorResponse, host);
            }
            _ => self.counts.unexpected += 1,
        }
    }
}

impl App for StunClient {
    fn on_start(&mut self, host: &mut dyn Host) {
        self.started = host.now();
        self.socket = host.udp_bind(0).ok();
        self.set_next(host);
    }

    fn on_datagram(&mut self, _: SocketId, from: SocketAddr, payload: Rope, host: &mut dyn Host) {
        let bytes = payload.to_bytes();
        host.spend(Operation { name: DECODE, bytes: bytes.len() as u64 });
        match Message::parse(&bytes) {
            Ok(message) if check_fingerprint(&message) != Some(false) => self.take(from, &message, host),
            _ => self.counts.unexpected += 1,
        }
        self.set_open(host);
    }

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        match token {
            NEXT => self.ask(host),
            _ => self.retransmit(host),
        }
        self.set_open(host);
    }

    /// RFC 8489 §6.2.1: a hard error ends a request.
    fn on_unreachable(&mut self, _: SocketId, to: SocketAddr, host: &mut dyn Host) {
        if to == self.server {
            for id in self.open.keys().copied().collect::<Vec<_>>() {
                self.counts.unreachable += 1;
                self.end(id, Outcome::Reset, host);
            }
            self.set_open(host);
        }
    }

    /// `translated_responses` told another address than the host's own, `mapping_changes` another one than the response before.
    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        vec![
            total("requests", self.counts.requests),
            total("transmissions", self.counts.transmissions),
            total("responses", self.counts.responses),
            total("error_responses", self.counts.error_responses),
            total("timed_out", self.counts.timed_out),
            total("unreachable", self.counts.unreachable),
            total("translated_responses", self.counts.translated),
            total("mapping_changes", self.counts.changes),
            total("unexpected_messages", self.counts.unexpected),
            total("refused_calls", self.counts.refused),
        ]
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
