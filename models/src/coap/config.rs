//! What a user writes about CoAP, with units, defaults and their sources.
//!
//! ```ron
//! CoapClient(to: "server", confirmable: true, requests: 1000, interval: "300 s")
//! CoapServer(processing: "500 ms")
//! ```
//!
//! Fields that can have no effect beside the others are `Option`s, and `check` names them:
//! every field that is accepted takes effect.

use super::wire::{Code, Message, MessageId, OptionNumber, Options, Token, Type};
use crate::dtls::{DtlsClientConfig, DtlsServerConfig};
use crate::name::NodeName;
use crate::rope::Rope;
use protosim_core::{Size, Span, maths};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// A field, by its path from the configuration's top, and what is wrong with it.
pub type Finding = (&'static str, String);

/// The UDP port of `coap` (RFC 7252 §12.6).
pub const DEFAULT_PORT: u16 = 5683;

/// The UDP port of `coaps` (RFC 7252 §12.7).
pub const SECURE_PORT: u16 = 5684;

/// The resource that clients ask for and servers have where nothing else is said (our choice).
pub const DEFAULT_PATH: &str = "/data";

/// Where every server describes itself (RFC 6690 §4).
pub const WELL_KNOWN_CORE: &str = "/.well-known/core";

/// The bulk data that request payloads are cut from; responses use the other numbers.
const REQUEST_FILL: u32 = 0;

/// A client that sends requests one by one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// The node that the server runs on.
    pub to: NodeName,
    /// The server's UDP port. Default 5683 (RFC 7252 §12.6), with `dtls` 5684 (§12.7).
    #[serde(default)]
    pub port: Option<u16>,
    /// True for confirmable requests, which are retransmitted; false for non-confirmable ones,
    /// which are sent once. Default true (our choice: RFC 7252 §4.2 is the reliable case).
    #[serde(default = "default_true")]
    pub confirmable: bool,
    /// The method. Default `Get` (our choice).
    #[serde(default)]
    pub method: Method,
    /// The absolute path asked for, as plain text (not percent-encoded). Default `/data`.
    #[serde(default = "default_path")]
    pub path: String,
    /// The request's payload \[bytes\], of virtual data; `Post` and `Put` alone carry one (RFC 7252
    /// §5.5). Default 0 B.
    #[serde(default)]
    pub payload: Size,
    /// How many requests to send. Default 1.
    #[serde(default = "default_requests")]
    pub requests: u64,
    /// When to send the first one, on the host's clock from the start of the application.
    /// Default 0 s.
    #[serde(default)]
    pub start: Span,
    /// From one request to the next. Default 300 s (our choice: longer than EXCHANGE_LIFETIME and
    /// MAX_TRANSMIT_WAIT, so that exchanges do not meet).
    #[serde(default)]
    pub interval: Option<Span>,
    /// How many requests may be outstanding at once; further ones wait in a queue. Default 1
    /// (RFC 7252 §4.7, NSTART).
    #[serde(default)]
    pub nstart: Option<u32>,
    /// How long to wait for a response once nothing is retransmitted: a non-confirmable request
    /// from its sending, a confirmable one from its empty acknowledgement. RFC 7252 §4.7 leaves it
    /// open; default MAX_RTT, 202 s (§4.8.2), the longest time an answer can be on its way.
    #[serde(default)]
    pub response_wait: Option<Span>,
    /// Retransmission of confirmable requests.
    #[serde(default)]
    pub transmission: Transmission,
    /// DTLS beneath (RFC 7252 §9). Default: none.
    #[serde(default)]
    pub dtls: Option<Box<DtlsClientConfig>>,
}

/// A server with a few resources, all of which answer alike.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// The UDP port to listen on. Default 5683 (RFC 7252 §12.6), with `dtls` 5684 (§12.7).
    pub port: Option<u16>,
    /// The absolute paths of the resources, as plain text; any other but `/.well-known/core` is
    /// 4.04. Default `["/data"]`.
    pub paths: Vec<String>,
    /// The size of every resource \[bytes\], of virtual data. Default 10 B (our choice).
    pub payload: Size,
    /// From the arrival of a request to its answer, on the host's clock; requests do not wait for
    /// each other. Default 0 s.
    pub processing: Span,
    /// An answer that takes longer than this is announced by an empty acknowledgement and comes
    /// as a separate response (RFC 7252 §5.2.2). Default 100 ms (aiocoap's; the RFC leaves it open).
    pub piggyback_limit: Option<Span>,
    /// Retransmission of separate responses to confirmable requests.
    pub transmission: Transmission,
    /// DTLS beneath (RFC 7252 §9). Default: none.
    pub dtls: Option<Box<DtlsServerConfig>>,
}

/// Methods that a client can be told to use (RFC 7252 §5.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Method {
    /// 0.01
    #[default]
    Get,
    /// 0.02
    Post,
    /// 0.03
    Put,
    /// 0.04
    Delete,
}

/// Transmission parameters as written (RFC 7252 §4.8); what is left out has the RFC's default.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Transmission {
    /// ACK_TIMEOUT: the shortest first time-out. Default 2 s.
    pub ack_timeout: Option<Span>,
    /// ACK_RANDOM_FACTOR: the longest first time-out is ACK_TIMEOUT times this. Default 1.5; at
    /// least 1.
    pub ack_random_factor: Option<Factor>,
    /// MAX_RETRANSMIT: how often a message is sent again. Default 4; at most 20 (our limit: the
    /// time-out doubles each time).
    pub max_retransmit: Option<u32>,
}

/// Transmission parameters with their defaults filled in, and the times derived from them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parameters {
    /// ACK_TIMEOUT.
    pub ack_timeout: Span,
    /// ACK_RANDOM_FACTOR.
    pub ack_random_factor: Factor,
    /// MAX_RETRANSMIT.
    pub max_retransmit: u32,
}

/// A number of at least 1 with six decimals, written plainly: `1.5`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Factor(u64);

impl ClientConfig {
    /// A client of the server on `to`, with every default.
    pub fn new(to: NodeName) -> Self {
        Self {
            to,
            port: None,
            confirmable: true,
            method: Method::default(),
            path: default_path(),
            payload: Size::default(),
            requests: 1,
            start: Span::ZERO,
            interval: None,
            nstart: None,
            response_wait: None,
            transmission: Transmission::default(),
            dtls: None,
        }
    }

    /// The server's port, default filled in.
    pub const fn port(&self) -> u16 {
        usual_port(self.port, self.dtls.is_some())
    }

    /// From one request to the next, default filled in.
    pub fn interval(&self) -> Span {
        self.interval.unwrap_or(Span::from_secs(300))
    }

    /// The request's options.
    pub fn options(&self) -> Options {
        let mut options = Options::new();
        options.add_uri_path(&self.path);
        if !self.payload().is_empty() {
            options.add_uint(OptionNumber::CONTENT_FORMAT, OCTET_STREAM);
        }
        options
    }

    /// The request's payload.
    pub fn payload(&self) -> Rope {
        Rope::fill(REQUEST_FILL, 0, self.payload.as_bytes())
    }

    /// What is wrong with it: values that cannot be, and fields without effect.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut find = |field, message: String| found.push((field, message));
        if self.port == Some(0) {
            find("port", "port 0 cannot be sent to".into());
        }
        if self.requests == 0 {
            find("requests", "is at least 1: leave out a client that sends nothing".into());
        }
        if self.requests > MAX_REQUESTS {
            find("requests", format!("at most {MAX_REQUESTS} requests have tokens of their own"));
        }
        if self.requests == 1 && self.interval.is_some() {
            find("interval", "has no effect with one request".into());
        }
        if self.requests == 1 && self.nstart.is_some() {
            find("nstart", "has no effect with one request".into());
        }
        if self.nstart == Some(0) {
            find("nstart", "with NSTART 0 nothing could ever be sent; it is at least 1 (RFC 7252 §4.7)".into());
        }
        if !self.confirmable && self.response_wait == Some(Span::ZERO) {
            find("response_wait", "is longer than zero: no response could come in time".into());
        }
        if self.payload.as_bytes() > 0 && !matches!(self.method, Method::Post | Method::Put) {
            find("payload", format!("{:?} carries no payload (RFC 7252 §5.5)", self.method));
        }
        match path_flaw(&self.path) {
            Some(flaw) => find("path", flaw),
            None if self.request_len() > MAX_DATAGRAM => {
                find("payload", format!("makes a request of {} bytes, more than UDP carries", self.request_len()));
            }
            None => {}
        }
        found.extend(self.transmission.check());
        if let Some(dtls) = &self.dtls {
            found.extend(dtls.check());
            let (len, most) = (self.request_len(), dtls.most_data());
            if self.requests == 1 && dtls.resumption == Some(true) {
                found.push(("dtls.resumption", "has no effect with one request".into()));
            }
            if len > most && path_flaw(&self.path).is_none() {
                found.push(("payload", too_long_for_dtls(len, most)));
            }
        }
        if !self.confirmable {
            found.extend(self.transmission.without_effect("non-confirmable requests are not retransmitted"));
        }
        found
    }

    /// The length of its requests on UDP [bytes].
    pub fn request_len(&self) -> u64 {
        Message {
            message_type: Type::Confirmable,
            code: self.method.code(),
            message_id: MessageId(0),
            token: exchange_token(0),
            options: self.options(),
            payload: self.payload(),
        }
        .wire_len()
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            port: None,
            paths: vec![default_path()],
            payload: Size::from_bytes(10),
            processing: Span::ZERO,
            piggyback_limit: None,
            transmission: Transmission::default(),
            dtls: None,
        }
    }
}

impl ServerConfig {
    /// The port to listen on, default filled in.
    pub const fn port(&self) -> u16 {
        usual_port(self.port, self.dtls.is_some())
    }

    /// The piggyback limit, default filled in.
    pub fn piggyback_limit(&self) -> Span {
        self.piggyback_limit.unwrap_or(Span::from_millis(100))
    }

    /// The length of its longest answer on UDP, to a token of four bytes: 2.05 with a resource's content \[bytes\].
    pub fn response_len(&self) -> u64 {
        let mut options = Options::new();
        options.add_uint(OptionNumber::CONTENT_FORMAT, OCTET_STREAM);
        Message {
            message_type: Type::Acknowledgement,
            code: Code::CONTENT,
            message_id: MessageId(0),
            token: exchange_token(0),
            options,
            payload: Rope::fill(1, 0, self.payload.as_bytes()),
        }
        .wire_len()
    }

    /// What is wrong with it: values that cannot be, and fields without effect.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        if self.port == Some(0) {
            found.push(("port", "a server needs a port that clients know, not 0".into()));
        }
        if self.paths.is_empty() {
            found.push(("paths", "a server without resources answers nothing but 4.04; name one".into()));
        }
        for (at, path) in self.paths.iter().enumerate() {
            if let Some(flaw) = path_flaw(path) {
                found.push(("paths", flaw));
            } else if path == WELL_KNOWN_CORE {
                found.push(("paths", format!("`{WELL_KNOWN_CORE}` is there anyway (RFC 6690 §4)")));
            } else if self.paths[..at].contains(path) {
                found.push(("paths", format!("`{path}` stands here twice")));
            }
        }
        // Header 4, token 8, Content-Format 2, marker 1: the longest head of a 2.05.
        if self.payload.as_bytes() > MAX_DATAGRAM - 15 {
            found.push(("payload", format!("a response with {} does not fit into UDP", self.payload)));
        }
        if self.piggyback_limit.is_some() && self.processing.is_zero() {
            found.push(("piggyback_limit", "has no effect where `processing` takes no time".into()));
        }
        if let Some(dtls) = &self.dtls {
            found.extend(dtls.check());
            let (len, most) = (self.response_len(), dtls.most_data());
            if len > most {
                found.push(("payload", too_long_for_dtls(len, most)));
            }
        }
        found.extend(self.transmission.check());
        if self.processing <= self.piggyback_limit() {
            let why = "every response is piggybacked, as `processing` is not above `piggyback_limit`";
            found.extend(self.transmission.without_effect(why));
        }
        found
    }
}

impl Method {
    /// The code on the wire.
    pub const fn code(self) -> Code {
        match self {
            Self::Get => Code::GET,
            Self::Post => Code::POST,
            Self::Put => Code::PUT,
            Self::Delete => Code::DELETE,
        }
    }
}

impl Transmission {
    /// With the defaults of RFC 7252 §4.8 filled in.
    pub fn parameters(&self) -> Parameters {
        let default = Parameters::default();
        Parameters {
            ack_timeout: self.ack_timeout.unwrap_or(default.ack_timeout),
            ack_random_factor: self.ack_random_factor.unwrap_or(default.ack_random_factor),
            max_retransmit: self.max_retransmit.unwrap_or(default.max_retransmit),
        }
    }

    fn check(&self) -> Vec<Finding> {
        let mut found: Vec<Finding> = Vec::new();
        if self.ack_timeout.is_some_and(|t| t.is_zero() || t > Span::from_secs(86_400)) {
            found.push(("transmission.ack_timeout", "is above zero and at most one day".into()));
        }
        if self.max_retransmit.is_some_and(|n| n > 20) {
            found.push(("transmission.max_retransmit", "is at most 20, as the time-out doubles each time".into()));
        }
        let parameters = self.parameters();
        let year = Span::from_secs(365 * 86_400);
        if found.is_empty() && parameters.max_transmit_wait() > year {
            let wait = parameters.max_transmit_wait();
            let days = wait.as_nanos() / 86_400_000_000_000;
            found.push((
                "transmission",
                format!("gives up after {days} days (MAX_TRANSMIT_WAIT); at most 365 are allowed"),
            ));
        }
        found
    }

    /// One finding for each field that was written, where none of them does anything.
    fn without_effect(&self, why: &str) -> Vec<Finding> {
        [
            ("transmission.ack_timeout", self.ack_timeout.is_some()),
            ("transmission.ack_random_factor", self.ack_random_factor.is_some()),
            ("transmission.max_retransmit", self.max_retransmit.is_some()),
        ]
        .into_iter()
        .filter(|(_, written)| *written)
        .map(|(field, _)| (field, format!("has no effect: {why}")))
        .collect()
    }
}

/// The defaults of RFC 7252 §4.8.
impl Default for Parameters {
    fn default() -> Self {
        Self { ack_timeout: Span::from_secs(2), ack_random_factor: Factor::ACK_RANDOM_FACTOR, max_retransmit: 4 }
    }
}

/// The derived times of RFC 7252 §4.8.2.
impl Parameters {
    /// MAX_LATENCY: the longest time a datagram is taken to be under way.
    pub const MAX_LATENCY: Span = Span::from_secs(100);

    /// ACK_TIMEOUT · ACK_RANDOM_FACTOR: the longest first time-out.
    pub fn longest_ack_timeout(&self) -> Span {
        self.ack_random_factor.times(self.ack_timeout)
    }

    /// MAX_TRANSMIT_SPAN: from the first transmission to the last, at most (45 s).
    pub fn max_transmit_span(&self) -> Span {
        self.longest_ack_timeout().saturating_mul((1 << self.max_retransmit.min(62)) - 1)
    }

    /// MAX_TRANSMIT_WAIT: from the first transmission to giving up, at most (93 s).
    pub fn max_transmit_wait(&self) -> Span {
        self.longest_ack_timeout().saturating_mul((1 << (self.max_retransmit.min(62) + 1)) - 1)
    }

    /// PROCESSING_DELAY: from a confirmable message to its acknowledgement, set to ACK_TIMEOUT.
    pub const fn processing_delay(&self) -> Span {
        self.ack_timeout
    }

    /// MAX_RTT: there, processing, and back, at most (202 s).
    pub fn max_rtt(&self) -> Span {
        self.processing_delay().saturating_add(Self::MAX_LATENCY * 2)
    }

    /// EXCHANGE_LIFETIME: how long a confirmable message's id must not be used again (247 s).
    pub fn exchange_lifetime(&self) -> Span {
        self.max_transmit_span().saturating_add(self.max_rtt())
    }

    /// NON_LIFETIME: how long a non-confirmable message's id must not be used again (145 s).
    pub fn non_lifetime(&self) -> Span {
        self.max_transmit_span().saturating_add(Self::MAX_LATENCY)
    }
}

impl Factor {
    /// 1.5 (RFC 7252 §4.8).
    pub const ACK_RANDOM_FACTOR: Self = Self(1_500_000);
    const MILLIONTHS: u64 = 1_000_000;

    /// A factor of `millionths` millionths, or `None` below 1 (RFC 7252 §4.8.1) and above 1000.
    pub const fn from_millionths(millionths: u64) -> Option<Self> {
        if millionths < Self::MILLIONTHS || millionths > 1_000 * Self::MILLIONTHS {
            return None;
        }
        Some(Self(millionths))
    }

    /// `span` times this, to the nearest nanosecond, held at [`Span::MAX`].
    pub fn times(self, span: Span) -> Span {
        let exact = u128::from(span.as_nanos()) * u128::from(self.0);
        let nanos = (exact + u128::from(Self::MILLIONTHS / 2)) / u128::from(Self::MILLIONTHS);
        Span::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// For formulas.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / Self::MILLIONTHS as f64
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_f64())
    }
}

impl fmt::Debug for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Factor({self})")
    }
}

impl Serialize for Factor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_f64())
    }
}

impl<'de> Deserialize<'de> for Factor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Factor;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a factor between 1 and 1000, such as 1.5")
            }
            fn visit_f64<E: de::Error>(self, x: f64) -> Result<Factor, E> {
                let refused = || E::invalid_value(de::Unexpected::Float(x), &self);
                let millionths = maths::round_to_u64(x * Factor::MILLIONTHS as f64);
                let factor = Factor::from_millionths(millionths).ok_or_else(refused)?;
                // A finer number would take effect as another one than was written.
                if (factor.as_f64() - x).abs() > 1e-9 {
                    return Err(E::custom(format!("`{x}` has more than six decimals")));
                }
                Ok(factor)
            }
            fn visit_u64<E: de::Error>(self, n: u64) -> Result<Factor, E> {
                let factor = n.checked_mul(Factor::MILLIONTHS).and_then(Factor::from_millionths);
                factor.ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(n), &self))
            }
            fn visit_i64<E: de::Error>(self, n: i64) -> Result<Factor, E> {
                match u64::try_from(n) {
                    Ok(n) => self.visit_u64(n),
                    Err(_) => Err(E::invalid_value(de::Unexpected::Signed(n), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// The port that is written, or that of `coap` or `coaps`.
const fn usual_port(written: Option<u16>, is_secure: bool) -> u16 {
    match written {
        Some(port) => port,
        None if is_secure => SECURE_PORT,
        None => DEFAULT_PORT,
    }
}

/// The token of a client's `exchange`-th request: the number in four bytes, big-endian. A fixed
/// length keeps all requests of a client equally long. Tokens that cannot be guessed matter
/// against attackers alone (RFC 7252 §5.3.1), which there are none of here.
pub fn exchange_token(exchange: u32) -> Token {
    Token::new(&exchange.to_be_bytes()).expect("four bytes fit a token")
}

/// application/octet-stream (RFC 7252 §12.3).
pub(super) const OCTET_STREAM: u32 = 42;

/// As many requests as tokens of four bytes.
const MAX_REQUESTS: u64 = 1 << 32;

/// The largest payload of UDP over IPv4 \[bytes\].
const MAX_DATAGRAM: u64 = 65_507;

/// A message that no record of DTLS takes in a datagram.
fn too_long_for_dtls(len: u64, most: u64) -> String {
    format!("makes a message of {len} bytes, more than the {most} that DTLS takes in a datagram (`dtls.mtu`)")
}

/// Why `path` cannot be sent as Uri-Path.
fn path_flaw(path: &str) -> Option<String> {
    if !path.starts_with('/') {
        return Some(format!("a path starts with `/`: write \"/{path}\"?"));
    }
    if path.contains(['?', '#']) {
        return Some(format!("`{path}` has a query or fragment; only a path can stand here"));
    }
    let longest = path.split('/').map(str::len).max().unwrap_or(0);
    (longest > 255).then(|| format!("a path segment has {longest} bytes, at most 255 fit (RFC 7252 §5.10)"))
}

const fn default_true() -> bool {
    true
}

const fn default_requests() -> u64 {
    1
}

fn default_path() -> String {
    DEFAULT_PATH.into()
}
