//! What a user says of HTTP, with units, defaults and their sources.
//!
//! ```ron
//! HttpClient(to: "server", page: (document: "18 kB", levels: [(objects: 10, size: "10 kB")]), count: 1)
//! HttpServer(processing: "20 ms")
//! ```

use super::wire::is_token;
use crate::name::NodeName;
use crate::tcp::TcpConfig;
use crate::tcp::config::{Finding, Role};
use crate::tls::{TlsClientConfig, TlsServerConfig};
use crate::traffic::{
    MAX_STREAM_BYTES, SizeDistribution, TimeDistribution, check_answering, check_end, check_own_port, check_port,
    no_processing, usual_message, usual_think,
};
use protosim_core::random::{Distribution, Purpose};
use protosim_core::{Size, Span, maths};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The TCP port of HTTP (RFC 9110 §4.2.1).
pub const DEFAULT_PORT: u16 = 80;
/// The port of HTTPS (RFC 9110 §4.2.2).
pub const SECURE_PORT: u16 = 443;

/// Connections to one host that browsers open at most with HTTP/1.1; RFC 9112 §9.4 gives no number.
pub const USUAL_CONNECTIONS: u32 = 6;

/// How deep objects are found in objects: HTML, then style sheets and scripts, then fonts and images.
const MOST_LEVELS: usize = 3;

/// Most objects of a level (our choice).
const MOST_OBJECTS: u64 = 10_000;

/// A client of HTTP/1.1: it asks for a target, or for a page with all its objects, thinks, and asks again.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpClientConfig {
    /// The node that the server runs on. Required.
    pub to: NodeName,
    /// The server's TCP port, 1 to 65535. Default: 80, or 443 with `tls` (RFC 9110 §4.2.1, §4.2.2).
    #[serde(default)]
    pub port: Option<u16>,
    /// What the field Host says. Default: the server's node, with the port where it is not the usual one.
    #[serde(default)]
    pub host: Option<String>,
    /// The method. Default: Get.
    #[serde(default)]
    pub method: HttpMethod,
    /// What is asked for, such as `/index.html`; `/bytes/10000` has 10000 bytes at every HttpServer. Default: `/`.
    #[serde(default)]
    pub target: Option<String>,
    /// Instead of a target: a page with its objects, as a browser loads it. An exchange is then the whole page.
    #[serde(default)]
    pub page: Option<PageConfig>,
    /// Length of the content of a Post, at least 0 B. Default: 64 B (our choice).
    #[serde(default)]
    pub request_body: Option<SizeDistribution>,
    /// A Post sends its head first and waits so long for 100 Continue before it sends the content without (RFC 9110 §10.1.1); curl
    /// waits 1 s. Default: it does not wait.
    #[serde(default)]
    pub expect_continue: Option<Span>,
    /// The version of HTTP. Default: Http11.
    #[serde(default)]
    pub version: HttpVersion,
    /// Connections stay open for further requests (RFC 9112 §9.3). Default: true in HTTP/1.1, false in HTTP/1.0.
    #[serde(default)]
    pub persistent: Option<bool>,
    /// For a page: how many connections there are at most, 1 to 1000. They are opened when they are needed. Default: 6, as browsers
    /// have it.
    #[serde(default)]
    pub connections: Option<u32>,
    /// For a page: how many requests may be open on a connection, 1 to 1000 (RFC 9112 §9.3.2). Browsers do not pipeline. Default: 1.
    #[serde(default)]
    pub pipelining: Option<u32>,
    /// A connection that is not used for so long is closed. Default: 115 s (Firefox).
    #[serde(default)]
    pub idle_timeout: Option<Span>,
    /// What the field User-Agent says. Default: `protosim`.
    #[serde(default = "own_name")]
    pub user_agent: String,
    /// Further fields of requests by name, such as `{"Accept-Language": "de"}`: they make heads as long as they are in
    /// reality.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Length of a cookie that the client has of the server from the start, up to 4096 B (RFC 6265 §6.1). Default: none.
    #[serde(default)]
    pub cookie: Option<Size>,
    /// Returns the cookies that the server sets (RFC 6265). Default: true.
    #[serde(default = "yes")]
    pub cookies: bool,
    /// Keeps responses and asks whether they have changed when they are no longer fresh, as a browser's own cache does (RFC 9111). With a
    /// page it is the same page each time; without a cache each one is drawn anew. Default: false.
    #[serde(default)]
    pub cache: bool,
    /// From the end of one exchange, answered or not, to the next. Default: 1 s (our choice).
    #[serde(default = "usual_think")]
    pub think: TimeDistribution,
    /// How long an exchange may take; then its connections are given up. Default: 60 s (our choice).
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
    /// Its TCP. Default: as Linux has it, but without Nagle's algorithm, as curl, browsers and nginx.
    #[serde(default)]
    pub tcp: TcpConfig,
    /// TLS over it: then it is HTTPS (RFC 9110 §4.2.2). Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<TlsClientConfig>>,
}

/// Methods that a client can be told to use (RFC 9110 §9.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum HttpMethod {
    /// For the content.
    #[default]
    Get,
    /// For the head alone.
    Head,
    /// With content.
    Post,
}

/// Versions of HTTP that a client can be told to use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum HttpVersion {
    /// HTTP/1.0 (RFC 1945), whose connections end with the response unless both ends say otherwise.
    Http10,
    /// HTTP/1.1 (RFC 9112).
    #[default]
    Http11,
}

/// A page: a document, and the objects that are found in it and in each other.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageConfig {
    /// Length of the document. Default: 18 kB, the median of HTML on desktop pages in the HTTP Archive of 2024.
    #[serde(default = "usual_document")]
    pub document: SizeDistribution,
    /// The objects by depth, 1 to 3 levels: those of the first one are found in the document, those of each further one in the objects
    /// of the level before, by turns. Required.
    pub levels: Vec<LevelConfig>,
    /// From the last byte of a document or an object to the requests for what is found in it. Default: 0 s.
    #[serde(default = "no_processing")]
    pub parse: TimeDistribution,
}

/// The objects of a page at one depth.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LevelConfig {
    /// How many there are. Required.
    pub objects: CountDistribution,
    /// Their lengths, each drawn by itself. Required.
    pub size: SizeDistribution,
}

/// How many of something there are, drawn each time. `10` alone is `Fixed(10)`. What is drawn is rounded, and held at 10000.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename(serialize = "CountDistribution", deserialize = "~CountDistribution"), deny_unknown_fields)]
pub enum CountDistribution {
    /// Always as many; nothing is drawn.
    Fixed(u64),
    /// Equally likely between two ends.
    Uniform {
        /// The least.
        low: u64,
        /// The most.
        high: u64,
    },
    /// exp of a normal number.
    LogNormal {
        /// The median.
        median: f64,
        /// Standard deviation of the natural logarithm.
        sigma: f64,
    },
}

/// A server of HTTP/1.1, with one resource at every path.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpServerConfig {
    /// The TCP port that it listens on, 1 to 65535. Default: 80, or 443 with `tls` (RFC 9110 §4.2.1, §4.2.2).
    #[serde(default)]
    pub port: Option<u16>,
    /// Length of the content of responses, drawn for each. A path `/bytes/N` says the length itself. Default: 64 B (our choice).
    #[serde(default = "usual_message")]
    pub response: SizeDistribution,
    /// From the last byte of a request to its response. Requests on one connection are answered one after the other, those on
    /// several do not wait for each other. Default: 0 s.
    #[serde(default = "no_processing")]
    pub processing: TimeDistribution,
    /// The paths that there are, beside `/bytes/N`; others are 404. Default: all.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Content goes in chunks of this length, for servers that do not know how long it will be (RFC 9112 §7.1); to clients of HTTP/1.0
    /// until the connection ends. Default: with Content-Length.
    #[serde(default)]
    pub chunked: Option<Size>,
    /// How long a connection may be without a request; 0 s closes it after each response. Default: 75 s (nginx).
    #[serde(default = "usual_keep_alive")]
    pub keep_alive: Span,
    /// After so many requests a connection is closed. Default: 1000 (nginx).
    #[serde(default = "usual_requests")]
    pub max_requests: u64,
    /// How long a request may take to come; then it is 408. Default: 60 s (nginx).
    #[serde(default = "sixty_seconds")]
    pub request_timeout: Span,
    /// Requests with more content are 413. Default: no limit.
    #[serde(default)]
    pub max_body: Option<Size>,
    /// What the field Server says. Default: `protosim`.
    #[serde(default = "own_name")]
    pub server: String,
    /// Further fields of responses by name, such as `{"Vary": "Accept-Encoding"}`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Sets a cookie of this length, 1 to 4096 B with its name, where a request has none (RFC 6265). Default: none.
    #[serde(default)]
    pub set_cookie: Option<Size>,
    /// How long responses are fresh, as Cache-Control says (RFC 9111 §5.2.2.1). Default: it says nothing.
    #[serde(default)]
    pub max_age: Option<Span>,
    /// Gives ETag and Last-Modified, and answers 304 to who has the current content (RFC 9110 §13). Default: true.
    #[serde(default = "yes")]
    pub validators: bool,
    /// All content changes each time so long has passed. Default: never.
    #[serde(default)]
    pub changes: Option<Span>,
    /// Its TCP. Default: as Linux has it, but without Nagle's algorithm, as curl, browsers and nginx.
    #[serde(default)]
    pub tcp: TcpConfig,
    /// TLS over it: then it is HTTPS (RFC 9110 §4.2.2). Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<TlsServerConfig>>,
}

/// The port of HTTP or HTTPS.
const fn usual_port(is_secure: bool) -> u16 {
    if is_secure { SECURE_PORT } else { DEFAULT_PORT }
}

const fn sixty_seconds() -> Span {
    Span::from_secs(60)
}

const fn usual_keep_alive() -> Span {
    Span::from_secs(75)
}

const fn usual_requests() -> u64 {
    1000
}

const fn yes() -> bool {
    true
}

fn own_name() -> String {
    "protosim".to_owned()
}

fn usual_document() -> SizeDistribution {
    SizeDistribution::Fixed(Size::from_bytes(18_000))
}

/// Fields that a client's configuration or its state give, and those about the connection.
const OF_CLIENTS: [&str; 13] = [
    "host",
    "user-agent",
    "accept",
    "cookie",
    "if-none-match",
    "if-modified-since",
    "content-type",
    "content-length",
    "transfer-encoding",
    "expect",
    "connection",
    "upgrade",
    "te",
];

/// The same of a server.
const OF_SERVERS: [&str; 13] = [
    "server",
    "date",
    "content-type",
    "content-length",
    "transfer-encoding",
    "last-modified",
    "etag",
    "cache-control",
    "set-cookie",
    "connection",
    "allow",
    "upgrade",
    "trailer",
];

/// Longest value of a field that a user gives \[bytes\]: shorter than the lines that readers take.
const LONGEST_VALUE: usize = 4096;

fn check_value(field: &'static str, value: &str, found: &mut Vec<Finding>) {
    let is_plain = value.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
    if !is_plain || value.trim() != value || value.len() > LONGEST_VALUE {
        found.push((
            field,
            format!("is up to {LONGEST_VALUE} printable characters of ASCII, with no space around them"),
        ));
    }
}

fn check_headers(headers: &BTreeMap<String, String>, own: &[&str], found: &mut Vec<Finding>) {
    for (name, value) in headers {
        if !is_token(name.as_bytes()) {
            found.push(("headers", format!("has `{name}`, which is no name of a field (RFC 9110 §5.1)")));
        } else if own.contains(&name.to_ascii_lowercase().as_str()) {
            found.push(("headers", format!("has `{name}`, which the application sets by itself")));
        }
        check_value("headers", value, found);
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    if headers.len() > 64 || bytes > 16 << 10 {
        found.push(("headers", "is up to 64 fields and 16 KiB: more would be refused (RFC 6585 §5)".to_owned()));
    }
}

/// A path or a target with a query.
fn is_target(target: &str) -> bool {
    target.starts_with('/') && target.len() <= LONGEST_VALUE && target.bytes().all(|byte| byte.is_ascii_graphic())
}

impl HttpClientConfig {
    /// A client of `to` with everything else at its default.
    pub fn new(to: NodeName) -> Self {
        Self {
            to,
            port: None,
            host: None,
            method: HttpMethod::Get,
            target: None,
            page: None,
            request_body: None,
            expect_continue: None,
            version: HttpVersion::Http11,
            persistent: None,
            connections: None,
            pipelining: None,
            idle_timeout: None,
            user_agent: own_name(),
            headers: BTreeMap::new(),
            cookie: None,
            cookies: true,
            cache: false,
            think: usual_think(),
            timeout: sixty_seconds(),
            start: Span::ZERO,
            stop: None,
            count: None,
            tcp: TcpConfig::default(),
            tls: None,
        }
    }

    /// What is asked for, default filled in.
    pub fn target(&self) -> &str {
        self.target.as_deref().unwrap_or("/")
    }

    /// Whether connections stay open, default filled in.
    pub fn is_persistent(&self) -> bool {
        self.persistent.unwrap_or(self.version == HttpVersion::Http11)
    }

    /// How many connections there are at most, default filled in.
    pub fn most_connections(&self) -> usize {
        if self.page.is_none() { 1 } else { self.connections.unwrap_or(USUAL_CONNECTIONS) as usize }
    }

    /// How many requests may be open on a connection, default filled in.
    pub fn depth(&self) -> usize {
        self.pipelining.unwrap_or(1) as usize
    }

    /// After how long an unused connection is closed, default filled in.
    pub fn idle_timeout(&self) -> Span {
        self.idle_timeout.unwrap_or(Span::from_secs(115))
    }

    /// Length of the content of a Post, default filled in.
    pub fn request_body(&self) -> SizeDistribution {
        self.request_body.clone().unwrap_or_else(usual_message)
    }

    /// The server's port, default filled in.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(usual_port(self.tls.is_some()))
    }

    /// What the field Host says.
    pub fn host_field(&self) -> String {
        match &self.host {
            Some(host) => host.clone(),
            None if self.port() == usual_port(self.tls.is_some()) => self.to.0.clone(),
            None => format!("{}:{}", self.to.0, self.port()),
        }
    }

    /// Why this server will not give what is asked for, if it will not.
    pub fn unanswered_by(&self, server: &HttpServerConfig) -> Option<String> {
        let path = self.target().split('?').next().unwrap_or_default();
        if self.page.is_none() && !server.has(path) {
            return Some(format!("there is no `{path}`: the answer is 404"));
        }
        let most = server.max_body?;
        let SizeDistribution::Fixed(size) = self.request_body() else { return None };
        (self.method == HttpMethod::Post && size > most)
            .then(|| format!("it takes {most} of content, and not {size}: the answer is 413"))
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        check_port(self.port(), &mut found);
        self.check_request(&mut found);
        self.check_connections(&mut found);
        found.extend(self.think.check().map(|why| ("think", why)));
        if self.timeout.is_zero() {
            found.push(("timeout", "is longer than zero: every exchange would time out at once".to_owned()));
        }
        check_end(self.start, self.stop, self.count, &mut found);
        found.extend(self.tcp.check(Role::Opens));
        found.extend(self.tls.iter().flat_map(|tls| tls.check()));
        found
    }

    /// What is sent.
    fn check_request(&self, found: &mut Vec<Finding>) {
        if self.target.as_ref().is_some_and(|target| !is_target(target)) {
            found.push(("target", "begins with `/` and has printable characters of ASCII without spaces".to_owned()));
        }
        match &self.page {
            Some(_) if self.target.is_some() => {
                found.push(("target", "has no effect: `page` says what is asked for".to_owned()));
            }
            Some(_) if self.method != HttpMethod::Get => {
                found.push(("method", "is Get for a page".to_owned()));
            }
            Some(page) => page.check(found),
            None => {}
        }
        if self.method != HttpMethod::Post {
            for (field, is_there) in
                [("request_body", self.request_body.is_some()), ("expect_continue", self.expect_continue.is_some())]
            {
                if is_there {
                    found.push((field, "has no effect: a Post alone has content".to_owned()));
                }
            }
        } else if let Some(why) = self.request_body().check(0, MAX_STREAM_BYTES) {
            found.push(("request_body", why));
        }
        if self.expect_continue.is_some() && self.version == HttpVersion::Http10 {
            found.push(("expect_continue", "has no effect: HTTP/1.0 has no 100 Continue".to_owned()));
        }
        if self.expect_continue.is_some_and(|wait| wait.is_zero()) {
            found.push(("expect_continue", "is longer than zero: leave it out where nothing is waited for".to_owned()));
        }
        if self.cache && self.method != HttpMethod::Get {
            found.push(("cache", "has no effect: responses to Get alone are kept".to_owned()));
        }
        check_value("user_agent", &self.user_agent, found);
        if let Some(host) = &self.host
            && (host.is_empty() || !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte)))
        {
            found.push(("host", "is a name or an address, with a port where it is not the usual one".to_owned()));
        }
        check_headers(&self.headers, &OF_CLIENTS, found);
        if self.cookie.is_some_and(|cookie| !(3..=4096).contains(&cookie.as_bytes())) {
            found.push(("cookie", "is 3 B to 4096 B: a name, `=` and a value (RFC 6265 §6.1)".to_owned()));
        }
    }

    /// Over which connections.
    fn check_connections(&self, found: &mut Vec<Finding>) {
        for (field, value) in [("connections", self.connections), ("pipelining", self.pipelining)] {
            if value.is_some() && self.page.is_none() {
                found.push((field, "has no effect: without a `page` one request is open at a time".to_owned()));
            } else if value.is_some_and(|value| !(1..=1000).contains(&value)) {
                found.push((field, "is 1 to 1000".to_owned()));
            }
        }
        if self.is_persistent() {
            if self.idle_timeout().is_zero() {
                found.push(("idle_timeout", "is longer than zero; `persistent: false` closes at once".to_owned()));
            }
            return;
        }
        for (field, is_there) in [
            ("idle_timeout", self.idle_timeout.is_some()),
            ("pipelining", self.pipelining.is_some_and(|depth| depth > 1)),
        ] {
            if is_there {
                found.push((field, "has no effect: connections end with the response".to_owned()));
            }
        }
    }
}

impl PageConfig {
    fn check(&self, found: &mut Vec<Finding>) {
        found.extend(self.document.check(0, MAX_STREAM_BYTES).map(|why| ("page.document", why)));
        found.extend(self.parse.check().map(|why| ("page.parse", why)));
        if !(1..=MOST_LEVELS).contains(&self.levels.len()) {
            found.push(("page.levels", format!("is 1 to {MOST_LEVELS} levels; a document alone is a `target`")));
        }
        for level in &self.levels {
            found.extend(level.objects.check().map(|why| ("page.levels", why)));
            found.extend(
                level.size.check(0, MAX_STREAM_BYTES).map(|why| ("page.levels", format!("has a `size` that {why}"))),
            );
        }
    }
}

impl From<u64> for CountDistribution {
    fn from(count: u64) -> Self {
        Self::Fixed(count)
    }
}

impl CountDistribution {
    fn check(&self) -> Option<String> {
        let is_positive = |x: f64| x.is_finite() && x > 0.0;
        match self {
            Self::Fixed(n) | Self::Uniform { high: n, .. } if !(1..=MOST_OBJECTS).contains(n) => {
                Some(format!("has 1 to {MOST_OBJECTS} `objects`, not {n}"))
            }
            Self::Uniform { low, high } if low > high => {
                Some(format!("has {low} to {high} `objects`: `low` is above `high`"))
            }
            Self::LogNormal { median, .. } if !(is_positive(*median) && *median <= MOST_OBJECTS as f64) => {
                Some(format!("has `objects` with the median {median}: it is above 0, and {MOST_OBJECTS} at most"))
            }
            Self::LogNormal { sigma, .. } if !is_positive(*sigma) => {
                Some(format!("has `objects` with the `sigma` {sigma}: it is above 0"))
            }
            _ => None,
        }
    }

    /// How many this time.
    pub(super) fn draw(&self, purpose: Purpose, host: &mut dyn crate::app::Host) -> u64 {
        let law = match self {
            Self::Fixed(count) => return *count,
            // Each of the whole numbers has as much of the range.
            Self::Uniform { low, high } => Distribution::Uniform { low: *low as f64 - 0.5, high: *high as f64 + 0.5 },
            Self::LogNormal { median, sigma } => Distribution::LogNormal { median: *median, sigma: *sigma },
        };
        let count = maths::round_to_u64(law.sample(host.rng(purpose)).max(0.0));
        match self {
            Self::Uniform { low, high } => count.clamp(*low, *high),
            _ => count.min(MOST_OBJECTS),
        }
    }
}

impl HttpServerConfig {
    /// A server on `port` with everything else at its default.
    pub fn new(port: u16) -> Self {
        Self {
            port: Some(port),
            response: usual_message(),
            processing: no_processing(),
            paths: Vec::new(),
            chunked: None,
            keep_alive: usual_keep_alive(),
            max_requests: usual_requests(),
            request_timeout: sixty_seconds(),
            max_body: None,
            server: own_name(),
            headers: BTreeMap::new(),
            set_cookie: None,
            max_age: None,
            validators: true,
            changes: None,
            tcp: TcpConfig::default(),
            tls: None,
        }
    }

    /// The port that it listens on, default filled in.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(usual_port(self.tls.is_some()))
    }

    /// True if it has something at this path.
    pub fn has(&self, path: &str) -> bool {
        self.paths.is_empty() || super::content::size_in(path).is_some() || self.paths.iter().any(|known| known == path)
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        check_own_port(self.port(), &mut found);
        check_answering(&self.response, [0, MAX_STREAM_BYTES], &self.processing, &mut found);
        if self.paths.iter().any(|path| !is_target(path) || path.contains('?')) {
            found.push((
                "paths",
                "begin with `/` and have printable characters of ASCII without spaces and queries".to_owned(),
            ));
        }
        if self.chunked.is_some_and(|chunk| chunk.as_bytes() == 0) {
            found.push(("chunked", "is at least 1 B: leave it out where content has its length".to_owned()));
        }
        if self.max_requests == 0 {
            found.push(("max_requests", "is at least 1: nothing would be answered".to_owned()));
        } else if self.keep_alive.is_zero() && self.max_requests != usual_requests() {
            found.push(("max_requests", "has no effect: `keep_alive` closes after each response".to_owned()));
        }
        if self.request_timeout.is_zero() {
            found.push(("request_timeout", "is longer than zero: every request would time out at once".to_owned()));
        }
        check_value("server", &self.server, &mut found);
        check_headers(&self.headers, &OF_SERVERS, &mut found);
        if self.set_cookie.is_some_and(|cookie| !(3..=4096).contains(&cookie.as_bytes())) {
            found.push(("set_cookie", "is 3 B to 4096 B: a name, `=` and a value (RFC 6265 §6.1)".to_owned()));
        }
        if self.changes.is_some_and(|every| every < Span::from_secs(1)) {
            found.push(("changes", "is at least 1 s: Last-Modified has no finer time".to_owned()));
        } else if self.changes.is_some() && !self.validators {
            found.push(("changes", "has no effect: without `validators` nobody can tell".to_owned()));
        }
        found.extend(self.tcp.check(Role::Listens));
        found.extend(self.tls.iter().flat_map(|tls| tls.check()));
        found
    }
}
