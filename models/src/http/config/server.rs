//! What a user says of servers.

use super::{check_alpn, check_headers, check_value, is_target, own_name, sixty_seconds, usual_port, yes};
use crate::http::content::size_in;
use crate::tcp::TcpConfig;
use crate::tcp::config::{Finding, Role};
use crate::tls::TlsServerConfig;
use crate::traffic::{
    MAX_STREAM_BYTES, SizeDistribution, TimeDistribution, check_answering, check_own_port, no_processing, usual_message,
};
use protosim_core::{Size, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// Gives ETag and Last-Modified, which conditions of requests are held against: 304 to who has the current content, 412 where a Post or the current
    /// content is not what was meant (RFC 9110 §13). Default: true.
    #[serde(default = "yes")]
    pub validators: bool,
    /// All content changes each time so long has passed. Default: never.
    #[serde(default)]
    pub changes: Option<Span>,
    /// Its TCP. Default: as Linux has it, but without Nagle's algorithm and Fast Open, as curl, browsers and nginx.
    #[serde(default)]
    pub tcp: TcpConfig,
    /// TLS over it: then it is HTTPS (RFC 9110 §4.2.2). Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<TlsServerConfig>>,
}

const fn usual_keep_alive() -> Span {
    Span::from_secs(75)
}

const fn usual_requests() -> u64 {
    1000
}

/// Fields that a server's configuration or its state give, and those about the connection.
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
        self.paths.is_empty() || size_in(path).is_some() || self.paths.iter().any(|known| known == path)
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
        if self.max_age.is_some_and(|age| age.as_nanos() % 1_000_000_000 != 0) {
            found.push(("max_age", "is whole seconds (RFC 9111 §1.2.2)".to_owned()));
        }
        if self.changes.is_some_and(|every| every < Span::from_secs(1)) {
            found.push(("changes", "is at least 1 s: Last-Modified has no finer time".to_owned()));
        } else if self.changes.is_some() && !self.validators {
            found.push(("changes", "has no effect: without `validators` nobody can tell".to_owned()));
        }
        found.extend(self.tcp.check(Role::Listens));
        if let Some(tls) = &self.tls {
            found.extend(tls.check());
            check_alpn(&tls.alpn, &mut found);
        }
        found
    }
}
