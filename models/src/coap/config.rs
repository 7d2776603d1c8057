//! What a user writes about CoAP, with units, defaults and their sources.
//!
//! ```ron
//! CoapClient(to: "server", confirmable: true, requests: 1000, interval: "300 s")
//! CoapServer(processing: "500 ms")
//! CoapProxy(cache_size: "16 KiB")
//! ```
//!
//! Fields that can have no effect beside the others are `Option`s, and `check` names them:
//! every field that is accepted takes effect.

mod options;
mod proxy;
mod transmission;

pub(super) use options::SHORTEST_STATE;
pub use options::{Cancel, LinkAttributes, Negotiation, Notifications, ResponseClass};
pub use proxy::{Naming, ProxyConfig};
pub use transmission::{Congestion, Factor, Parameters, Transmission};

use super::uri;
use super::wire::{BlockSize, Code, Message, MessageId, OptionNumber, Options, Token, Type};
use crate::dtls::{DtlsClientConfig, DtlsServerConfig};
use crate::name::NodeName;
use crate::rope::Rope;
use crate::traffic::TimeDistribution;
use options::{block_size, probing_bytes};
use protosim_core::{Rate, Size, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

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
    /// (RFC 7252 §4.7, NSTART). A payload that goes in blocks goes alone (RFC 7959 §2.5). Requests to a group, and those whose success is not answered (`no_response`), are not outstanding.
    #[serde(default)]
    pub nstart: Option<u32>,
    /// How long to wait for a response once nothing is retransmitted: a non-confirmable request
    /// from its sending, a confirmable one from its empty acknowledgement. RFC 7252 §4.7 leaves it
    /// open; default MAX_RTT, 202 s (§4.8.2), the longest time an answer can be on its way.
    #[serde(default)]
    pub response_wait: Option<Span>,
    /// Parts of the query, as plain text: `["rt=temperature*"]`. Default: none.
    #[serde(default)]
    pub query: Vec<String>,
    /// True to observe the resource (RFC 7641): after one registration each change comes by itself. It is renewed when nothing has come for
    /// Max-Age and 5 to 15 s more. Default false.
    #[serde(default)]
    pub observe: bool,
    /// When to end the observation, from `start` on. Default: never.
    #[serde(default)]
    pub observe_for: Option<Span>,
    /// How to end it. Default `Deregister`.
    #[serde(default)]
    pub cancel: Option<Cancel>,
    /// The largest blocks \[bytes\] in which payloads come and go (RFC 7959): 16, 32, 64, 128, 256, 512 or 1024 B. Default: requests go whole, and
    /// responses come as the server cuts them.
    #[serde(default)]
    pub block_size: Option<Size>,
    /// When the server learns of `block_size`. Default `Early`.
    #[serde(default)]
    pub negotiation: Option<Negotiation>,
    /// Responses that the server need not send (RFC 7967). With all three, a request is over once it is sent; where successes are left
    /// out, after `response_wait` without an error. Both end as `unanswered`: they complete never, and have no times of completion; what
    /// has come is `DeliveryRate`. Default: none.
    #[serde(default)]
    pub no_response: Vec<ResponseClass>,
    /// PROBING_RATE: a server that says nothing is sent no more non-confirmable requests than that. Default 8 bit/s, 1 B/s (RFC 7252
    /// §4.8).
    #[serde(default)]
    pub probing_rate: Option<Rate>,
    /// Retransmission of confirmable requests.
    #[serde(default)]
    pub transmission: Transmission,
    /// DTLS beneath (RFC 7252 §9). Default: none.
    #[serde(default)]
    pub dtls: Option<Box<DtlsClientConfig>>,
    /// The node of a `CoapProxy` that is asked instead of the server, which is named to it by its address (RFC 7252 §5.7). Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<NodeName>,
    /// The proxy's UDP port. Default 5683 (RFC 7252 §12.6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via_port: Option<u16>,
    /// How the server is named to the proxy (RFC 7252 §5.10.2). Default `Options`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub naming: Option<Naming>,
    /// The address at which the proxy finds the server: not written, but made known before it is built.
    #[serde(skip)]
    pub origin: Option<IpAddr>,
}

/// A server with a few resources, all of which answer alike.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
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
    /// How long a state of a resource lasts: `"10 s"`, or a law from which it is drawn each time. Such resources can be observed (RFC
    /// 7641). Default: they do not change.
    pub changes: Option<TimeDistribution>,
    /// How observers are notified. Default `NonConfirmable`.
    pub notifications: Option<Notifications>,
    /// At least this between two non-confirmable notifications to one observer; of states in between the newest is sent. Default 3 s (RFC
    /// 7641 §4.5.1, where no round trip is measured).
    pub notification_gap: Option<Span>,
    /// How many may observe; further ones get the state and no notifications. Default: as many as the host has memory for.
    pub observers: Option<u32>,
    /// Max-Age, whole seconds: how long a response may be used. Default 60 s (RFC 7252 §5.10.5), which is not sent.
    pub max_age: Option<Span>,
    /// True to send ETag with every state, so that caches can ask whether theirs is still valid (RFC 7252 §5.10.6). Default false; responses in
    /// blocks have it in any case.
    pub validators: bool,
    /// The largest blocks \[bytes\] in which responses go and requests come (RFC 7959): 16, 32, 64, 128, 256, 512 or 1024 B. Default: as clients
    /// ask; what they ask nothing about goes whole.
    pub block_size: Option<Size>,
    /// The largest payload \[bytes\] of a request in blocks; beyond it the answer is 4.13. Default 64 KiB (our choice).
    pub max_body: Option<Size>,
    /// What `/.well-known/core` says of resources, by path: `{"/data": (rt: "temperature")}`. Default: nothing more than their formats.
    pub attributes: BTreeMap<String, LinkAttributes>,
    /// How long an answer to a request to a multicast group waits at most; drawn evenly. Default 5 s (RFC 7252 §8.2, DEFAULT_LEISURE).
    pub leisure: Option<Span>,
    /// Retransmission of separate responses to confirmable requests, and of confirmable notifications.
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
            query: Vec::new(),
            observe: false,
            observe_for: None,
            cancel: None,
            block_size: None,
            negotiation: None,
            no_response: Vec::new(),
            probing_rate: None,
            transmission: Transmission::default(),
            dtls: None,
            via: None,
            via_port: None,
            naming: None,
            origin: None,
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
        self.query.iter().for_each(|part| options.add_str(OptionNumber::URI_QUERY, part));
        if self.via.is_some() {
            options = self.named(options);
        }
        if !self.no_response.is_empty() {
            options.add_uint(OptionNumber::NO_RESPONSE, self.no_response.iter().map(|class| class.bit()).sum());
        }
        if !self.payload().is_empty() {
            options.add_uint(OptionNumber::CONTENT_FORMAT, OCTET_STREAM);
        }
        options
    }

    /// What the path and query are of, for a proxy (RFC 7252 §5.10.2, §6.5).
    fn named(&self, mut options: Options) -> Options {
        // Before its address is known, the longest that there is.
        let address = self.origin.unwrap_or(IpAddr::V6(Ipv6Addr::from(u128::MAX)));
        let host = uri::host(address);
        if self.naming == Some(Naming::Uri) {
            let uri = uri::compose(&host, self.port(), &options);
            let mut options = Options::new();
            options.add_str(OptionNumber::PROXY_URI, &uri);
            return options;
        }
        options.add_str(OptionNumber::PROXY_SCHEME, uri::SCHEME);
        options.add_str(OptionNumber::URI_HOST, &host);
        // Its default is the port that the request is sent to (§5.10.1).
        if self.port() != self.asked_port() {
            options.add_uint(OptionNumber::URI_PORT, u32::from(self.port()));
        }
        options
    }

    /// The largest blocks that it wants.
    pub fn block_size(&self) -> Option<BlockSize> {
        block_size(self.block_size)
    }

    /// PROBING_RATE \[B/s\].
    pub fn probing_rate(&self) -> u64 {
        self.probing_rate.map_or(super::endpoint::PROBING_RATE, probing_bytes)
    }

    /// True if silence is what a success looks like (RFC 7967).
    pub fn expects_silence(&self) -> bool {
        self.no_response.contains(&ResponseClass::Success)
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
        self.check_options(&mut found);
        self.check_proxy(&mut found);
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
        let mut message = Message {
            message_type: Type::Confirmable,
            code: self.method.code(),
            message_id: MessageId(0),
            token: exchange_token(0),
            options: self.options(),
            payload: self.payload(),
        };
        if self.observe {
            message.options.add_uint(OptionNumber::OBSERVE, 0);
        }
        if let Some(size) = self.block_size() {
            // One Block option of one byte, or of three where the payload has many blocks.
            let is_long = message.payload.len() > 16 * size.bytes();
            let number = if message.payload.is_empty() { OptionNumber::BLOCK2 } else { OptionNumber::BLOCK1 };
            message.options.add_uint(number, if is_long { 1 << 16 } else { 1 });
            message.payload = message.payload.slice(0, message.payload.len().min(size.bytes()));
        }
        message.wire_len()
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
            changes: None,
            notifications: None,
            notification_gap: None,
            observers: None,
            max_age: None,
            validators: false,
            block_size: None,
            max_body: None,
            attributes: BTreeMap::new(),
            leisure: None,
            transmission: Transmission::default(),
            dtls: None,
        }
    }
}

impl ServerConfig {
    /// The largest blocks that it sends and takes, if it says so.
    pub fn block_size(&self) -> Option<BlockSize> {
        block_size(self.block_size)
    }

    /// The largest payload of a request in blocks \[bytes\].
    pub fn max_body(&self) -> u64 {
        self.max_body.map_or(1 << 16, Size::as_bytes)
    }

    /// DEFAULT_LEISURE, or what is said.
    pub fn leisure(&self) -> Span {
        self.leisure.unwrap_or(Span::from_secs(5))
    }

    /// Max-Age as it is sent \[s\]; `None` for the default.
    pub fn max_age_s(&self) -> Option<u32> {
        // At most a year, so it fits.
        self.max_age.map(|age| (age.as_nanos() / 1_000_000_000) as u32).filter(|seconds| *seconds != 60)
    }

    /// The port to listen on, default filled in.
    pub const fn port(&self) -> u16 {
        usual_port(self.port, self.dtls.is_some())
    }

    /// The piggyback limit, default filled in.
    pub fn piggyback_limit(&self) -> Span {
        self.piggyback_limit.unwrap_or(Span::from_millis(100))
    }

    /// The length of its longest answer on UDP, to a token of four bytes: 2.05 with a resource's content, or with all links \[bytes\].
    pub fn response_len(&self) -> u64 {
        self.content_len().max(self.links_len())
    }

    /// The length of the longest part of its description of itself.
    fn links_len(&self) -> u64 {
        let all = super::links::describe(self, &Options::new()).len() as u64;
        let most = LONGEST_BLOCK_HEAD + self.block_size().unwrap_or(BlockSize::LARGEST).bytes();
        // Header 4, token 4, Content-Format 2, marker 1.
        (11 + all).min(most)
    }

    /// The length of its longest state.
    fn content_len(&self) -> u64 {
        let mut options = Options::new();
        options.add_uint(OptionNumber::CONTENT_FORMAT, OCTET_STREAM);
        // The longest that each of them can be.
        if self.changes.is_some() {
            options.add_uint(OptionNumber::OBSERVE, (1 << 24) - 1);
        }
        if self.max_age_s().is_some() {
            options.add_uint(OptionNumber::MAX_AGE, u32::MAX);
        }
        if self.validators {
            options.add(OptionNumber::ETAG, vec![0; 8]);
        }
        Message {
            message_type: Type::Acknowledgement,
            code: Code::CONTENT,
            message_id: MessageId(0),
            token: exchange_token(0),
            options,
            payload: Rope::fill(1, 0, self.payload.as_bytes()),
        }
        .wire_len()
        .min(self.block_size().map_or(u64::MAX, |size| LONGEST_BLOCK_HEAD + size.bytes()))
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
        self.check_options(&mut found);
        if self.piggyback_limit.is_some() && self.processing.is_zero() {
            found.push(("piggyback_limit", "has no effect where `processing` takes no time".into()));
        }
        if let Some(dtls) = &self.dtls {
            found.extend(dtls.check());
            let most = dtls.most_data();
            for (field, len) in [("payload", self.content_len()), ("paths", self.links_len())] {
                if len > most {
                    found.push((field, too_long_for_dtls(len, most)));
                }
            }
        }
        found.extend(self.transmission.check());
        if self.processing <= self.piggyback_limit() && self.changes.is_none() {
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

/// The port that is written, or that of `coap` or `coaps`.
const fn usual_port(written: Option<u16>, is_secure: bool) -> u16 {
    match written {
        Some(port) => port,
        None if is_secure => SECURE_PORT,
        None => DEFAULT_PORT,
    }
}

/// The token of a client's `exchange`-th request, from its first power on: the number in four bytes, big-endian. A fixed
/// length keeps all requests of a client equally long. Tokens that cannot be guessed matter
/// against attackers alone (RFC 7252 §5.3.1), which there are none of here.
pub fn exchange_token(exchange: u32) -> Token {
    Token::new(&exchange.to_be_bytes()).expect("four bytes fit a token")
}

/// What whoever asks keeps over a loss of power, as if in flash: the number of its next exchange. So what comes then for a request of before answers
/// none of the new ones (RFC 7252 §5.3.1: tokens in use are unique).
pub(super) struct NextNumber(pub(super) u32);

/// application/octet-stream (RFC 7252 §12.3).
pub(super) const OCTET_STREAM: u32 = 42;

/// Header 4, token 8, ETag 9, Observe 4, Content-Format 2, Max-Age 5, Block2 4, Size2 5, marker 1: the longest head of a block \[bytes\].
const LONGEST_BLOCK_HEAD: u64 = 42;

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
