//! What a user says of applications over streams.

use super::message::HEADER_LEN;
use crate::name::NodeName;
use crate::tcp::TcpConfig;
use crate::tcp::config::{Finding, Role};
use crate::tls::{TlsClientConfig, TlsServerConfig};
use crate::traffic::{
    MAX_STREAM_BYTES, SizeDistribution, TimeDistribution, check_answering, check_asking, check_end, check_own_port,
    check_port, no_processing, usual_message, usual_think,
};
use protosim_core::{Rate, Size, Span};
use serde::{Deserialize, Serialize};

/// Most connections of one source: the ports of the dynamic range (RFC 6335 §6) end at 16384.
const MOST_FLOWS: u32 = 16_384;

/// A source of bulk data over TCP.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TcpSourceConfig {
    /// The node that data go to. Required.
    pub to: NodeName,
    /// The TCP port of the sink there, 1 to 65535. Required.
    pub port: u16,
    /// How much each connection carries; then it is closed. Default: no end.
    #[serde(default)]
    pub bytes: Option<Size>,
    /// How many connections, 1 to 16384. Default: 1.
    #[serde(default = "one")]
    pub flows: u32,
    /// How much later than the one before each connection is opened. Default: 0 s.
    #[serde(default)]
    pub stagger: Span,
    /// How much the application writes at once. Default: 128 KiB, as iperf3 does.
    #[serde(default = "usual_write")]
    pub write_size: Size,
    /// When the first connection is opened, after the node's start by its own clock. Default: 0 s.
    #[serde(default)]
    pub start: Span,
    /// From when on nothing more is written; what has been written still goes out. Default: never.
    #[serde(default)]
    pub stop: Option<Span>,
    /// Its TCP. Default: as Linux has it.
    #[serde(default)]
    pub tcp: TcpConfig,
    /// TLS over it. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<TlsClientConfig>>,
}

/// A receiver of bulk data over TCP.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TcpSinkConfig {
    /// The TCP port that it listens on, 1 to 65535. Required.
    pub port: u16,
    /// How fast the application reads each connection, at most 16 KiB at once: what it has not read closes the window. Default: as
    /// fast as data come.
    #[serde(default)]
    pub read_rate: Option<Rate>,
    /// It begins to read so long after a connection has come in. Default: 0 s.
    #[serde(default)]
    pub read_after: Span,
    /// Its TCP. Default: as Linux has it.
    #[serde(default)]
    pub tcp: TcpConfig,
    /// TLS over it. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<TlsServerConfig>>,
}

/// A client that asks over TCP, waits for the answer, thinks, and asks again.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TcpClientConfig {
    /// The node that the server runs on. Required.
    pub to: NodeName,
    /// The server's TCP port, 1 to 65535. Required.
    pub port: u16,
    /// Length of requests, at least 16 B. Default: 64 B (our choice).
    #[serde(default = "usual_message")]
    pub request: SizeDistribution,
    /// From the end of one exchange, answered or not, to the next. Default: 1 s (our choice).
    #[serde(default = "usual_think")]
    pub think: TimeDistribution,
    /// How long a response is waited for; then the connection is given up. Default: 60 s (our choice).
    #[serde(default = "sixty_seconds")]
    pub timeout: Span,
    /// When the first exchange begins, after the node's start by its own clock. Default: 0 s.
    #[serde(default)]
    pub start: Span,
    /// From when on no exchange is begun. Default: never.
    #[serde(default)]
    pub stop: Option<Span>,
    /// How many exchanges there are. Default: no limit.
    #[serde(default)]
    pub count: Option<u64>,
    /// Over which connections: opening one is part of the exchange that needs it. Default: One.
    #[serde(default)]
    pub connections: Connections,
    /// In how many pieces a request is written, 1 to 1000: with 2 it is the pattern write, write, read that Nagle's algorithm
    /// (`tcp.nagle`) and delayed acknowledgements make slow. Default: 1.
    #[serde(default = "one")]
    pub writes: u32,
    /// Between these pieces. Default: 10 us (our choice).
    #[serde(default)]
    pub write_gap: Option<Span>,
    /// Its TCP. Default: as Linux has it.
    #[serde(default)]
    pub tcp: TcpConfig,
    /// TLS over it. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<TlsClientConfig>>,
}

/// Over which connections a client asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Connections {
    /// All exchanges over one. Another one is opened when it is lost.
    #[default]
    One,
    /// Each exchange over its own, which the client closes when it has the response.
    Each,
}

/// A server that answers each request that comes over TCP.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TcpServerConfig {
    /// The TCP port that it listens on, 1 to 65535. Required.
    pub port: u16,
    /// Length of responses, at least 16 B. Default: 64 B (our choice).
    #[serde(default = "usual_message")]
    pub response: SizeDistribution,
    /// From the last byte of a request to its response; requests do not wait for each other. Default: 0 s.
    #[serde(default = "no_processing")]
    pub processing: TimeDistribution,
    /// Its TCP. Default: as Linux has it.
    #[serde(default)]
    pub tcp: TcpConfig,
    /// TLS over it. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<TlsServerConfig>>,
}

const fn one() -> u32 {
    1
}

const fn usual_write() -> Size {
    Size::from_bytes(128 << 10)
}

const fn sixty_seconds() -> Span {
    Span::from_secs(60)
}

impl TcpSourceConfig {
    /// A source for `to` with everything else at its default.
    pub fn new(to: NodeName, port: u16) -> Self {
        Self {
            to,
            port,
            bytes: None,
            flows: one(),
            stagger: Span::ZERO,
            write_size: usual_write(),
            start: Span::ZERO,
            stop: None,
            tcp: TcpConfig::default(),
            tls: None,
        }
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        check_port(self.port, &mut found);
        if let Some(bytes) = self.bytes.filter(|bytes| !(1..=MAX_STREAM_BYTES).contains(&bytes.as_bytes())) {
            found.push(("bytes", format!("is 1 B to 1024 GiB, not {bytes}")));
        }
        if !(1..=MOST_FLOWS).contains(&self.flows) {
            found.push(("flows", format!("is 1 to {MOST_FLOWS}")));
        } else if self.flows == 1 && !self.stagger.is_zero() {
            found.push(("stagger", "has no effect: there is one connection".to_owned()));
        }
        if self.write_size.as_bytes() == 0 {
            found.push(("write_size", "is at least 1 B: nothing would be written".to_owned()));
        }
        check_end(self.start, self.stop, None, &mut found);
        if self.bytes.is_some() && self.stop.is_some() {
            found.push(("bytes", "is one end and `stop` another: give one of them".to_owned()));
        }
        let last = self.start.saturating_add(self.stagger.saturating_mul(u64::from(self.flows.saturating_sub(1))));
        if self.stop.is_some_and(|stop| stop > self.start && last >= stop) {
            found
                .push(("stagger", format!("is too long: the last connection would be opened at {last}, after `stop`")));
        }
        found.extend(self.tcp.check(Role::Opens));
        found.extend(self.tls.iter().flat_map(|tls| tls.check()));
        // Whoever opens all connections at once has no ticket for any.
        let has_none = self.flows == 1 || self.stagger.is_zero();
        let resumes = |tls: &TlsClientConfig| [tls.early_data, tls.resumption == Some(true)];
        let wants = self.tls.as_deref().map_or([false; 2], resumes);
        for (field, _) in
            ["tls.early_data", "tls.resumption"].into_iter().zip(wants).filter(|(_, is_set)| *is_set && has_none)
        {
            let why =
                "has no effect: no connection is opened after another one has given a ticket (`flows`, `stagger`)";
            found.push((field, why.to_owned()));
        }
        found
    }
}

impl TcpSinkConfig {
    /// A sink on `port` with everything else at its default.
    pub fn new(port: u16) -> Self {
        Self { port, read_rate: None, read_after: Span::ZERO, tcp: TcpConfig::default(), tls: None }
    }

    /// Fields that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        check_own_port(self.port, &mut found);
        found.extend(self.tcp.check(Role::Listens));
        found.extend(self.tls.iter().flat_map(|tls| tls.check()));
        if self.tls.as_ref().is_some_and(|tls| tls.key_update.is_some()) {
            found.push(("tls.key_update", "has no effect: a TcpSink sends no data".to_owned()));
        }
        found
    }
}

impl TcpClientConfig {
    /// A client of `to` with everything else at its default.
    pub fn new(to: NodeName, port: u16) -> Self {
        Self {
            to,
            port,
            request: usual_message(),
            think: usual_think(),
            timeout: sixty_seconds(),
            start: Span::ZERO,
            stop: None,
            count: None,
            connections: Connections::One,
            writes: one(),
            write_gap: None,
            tcp: TcpConfig::default(),
            tls: None,
        }
    }

    /// Between the pieces of a request.
    pub fn gap(&self) -> Span {
        self.write_gap.unwrap_or(Span::from_micros(10))
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        check_port(self.port, &mut found);
        let lengths = [HEADER_LEN, MAX_STREAM_BYTES];
        check_asking(&self.request, lengths, &self.think, self.timeout, &mut found);
        if !(1..=1000).contains(&self.writes) {
            found.push(("writes", "is 1 to 1000".to_owned()));
        } else if self.writes == 1 && self.write_gap.is_some() {
            found.push(("write_gap", "has no effect: requests are written in one piece".to_owned()));
        }
        check_end(self.start, self.stop, self.count, &mut found);
        found.extend(self.tcp.check(Role::Opens));
        found.extend(self.tls.iter().flat_map(|tls| tls.check()));
        found
    }
}

impl TcpServerConfig {
    /// A server on `port` with everything else at its default.
    pub fn new(port: u16) -> Self {
        Self { port, response: usual_message(), processing: no_processing(), tcp: TcpConfig::default(), tls: None }
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        check_own_port(self.port, &mut found);
        check_answering(&self.response, [HEADER_LEN, MAX_STREAM_BYTES], &self.processing, &mut found);
        found.extend(self.tcp.check(Role::Listens));
        found.extend(self.tls.iter().flat_map(|tls| tls.check()));
        found
    }
}
