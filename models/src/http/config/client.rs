//! What a user says of clients.

use super::{
    HttpServerConfig, PageConfig, check_alpn, check_headers, check_value, is_target, own_name, sixty_seconds,
    usual_port, yes,
};
use crate::name::NodeName;
use crate::tcp::TcpConfig;
use crate::tcp::config::{Finding, Role};
use crate::tls::TlsClientConfig;
use crate::traffic::{
    MAX_STREAM_BYTES, SizeDistribution, TimeDistribution, check_end, check_port, usual_message, usual_think,
};
use protosim_core::{Size, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Connections to one host that browsers open at most with HTTP/1.1; RFC 9112 §9.4 gives no number.
pub const USUAL_CONNECTIONS: u32 = 6;

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
    /// Its TCP. Default: as Linux has it, but without Nagle's algorithm and Fast Open, as curl, browsers and nginx.
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
            None if self.port() == usual_port(self.tls.is_some()) => self.server_name(),
            None => format!("{}:{}", self.server_name(), self.port()),
        }
    }

    /// The server's node with what no host's name may have replaced (RFC 3986 §3.2.2).
    fn server_name(&self) -> String {
        let may_stay = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        self.to.0.chars().map(|c| if may_stay(c) { c } else { '-' }).collect()
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
        if let Some(tls) = &self.tls {
            found.extend(tls.check());
            check_alpn(&tls.alpn, &mut found);
            if self.count == Some(1) && self.page.is_none() {
                let why = "has no effect: one request has one connection, and no ticket (`count`)";
                found.extend(tls.without_tickets(why));
            }
            if tls.early_data && self.method == HttpMethod::Post {
                let why = "would let a request be sent again by others that is not safe: GET and HEAD alone go ahead (RFC 8470 §4)";
                found.push(("tls.early_data", why.to_owned()));
            }
        }
        found
    }

    /// What is sent.
    fn check_request(&self, found: &mut Vec<Finding>) {
        if self.target.as_ref().is_some_and(|target| !is_target(target)) {
            found.push(("target", "begins with `/` and has printable characters of ASCII without spaces".to_owned()));
        }
        if let Some(page) = &self.page {
            if self.target.is_some() {
                found.push(("target", "has no effect: `page` says what is asked for".to_owned()));
            }
            if self.method != HttpMethod::Get {
                found.push(("method", "is Get for a page".to_owned()));
            }
            page.check(found);
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
