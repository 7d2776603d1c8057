//! What a user writes about proxies.

use super::{DEFAULT_PORT, Finding, Transmission};
use crate::registry::{Found, Further, Port, Sender};
use protosim_core::{Size, Span};
use serde::{Deserialize, Serialize};

/// How a client names the server to its proxy (RFC 7252 §5.10.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Naming {
    /// By its parts: Proxy-Scheme, Uri-Host, Uri-Port, Uri-Path and Uri-Query.
    #[default]
    Options,
    /// By a whole URI: Proxy-Uri.
    Uri,
}

/// A forward proxy with a cache, which clients ask by `via` (RFC 7252 §5.7).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProxyConfig {
    /// The UDP port to listen on, from which it also asks servers. Default 5683 (RFC 7252 §12.6).
    pub port: Option<u16>,
    /// True to keep responses to GET, and to use them again while they are fresh (RFC 7252 §5.6); requests for what is asked for already wait for that
    /// answer. False to pass on each request. Default true.
    pub caches: bool,
    /// How much the cache holds \[bytes\], 40 B for each response included; the least recently used ones make room. Default 64 KiB (our choice). It is of
    /// the memory of the node's device, which may have less.
    pub cache_size: Option<Size>,
    /// How many responses the cache holds. Default: as many as `cache_size` has room for.
    pub cache_entries: Option<u32>,
    /// An answer that takes longer than this is announced by an empty acknowledgement and comes as a separate response (RFC 7252 §5.2.2). Default 100 ms
    /// (as of servers).
    pub piggyback_limit: Option<Span>,
    /// How many requests may be outstanding to one server; further ones wait. Default 1 (RFC 7252 §4.7, NSTART).
    pub nstart: Option<u32>,
    /// How long to wait for a response of a server once nothing is retransmitted; then clients get 5.04. Default MAX_RTT, 202 s (RFC 7252 §4.8.2).
    pub response_wait: Option<Span>,
    /// Retransmission of confirmable requests to servers, and of separate responses to clients.
    pub transmission: Transmission,
}

/// The smallest cache that holds a response: what each takes beside itself 40, its key 8, its header 4 \[bytes\].
const LEAST_CACHE: u64 = 52;
/// The largest cache: what is beyond it is a mistake \[bytes\].
const MOST_CACHE: u64 = 1 << 30;

impl Default for ProxyConfig {
    fn default() -> Self {
        Self {
            port: None,
            caches: true,
            cache_size: None,
            cache_entries: None,
            piggyback_limit: None,
            nstart: None,
            response_wait: None,
            transmission: Transmission::default(),
        }
    }
}

impl ProxyConfig {
    /// The port to listen on, default filled in.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(DEFAULT_PORT)
    }

    /// The size of the cache \[bytes\], default filled in.
    pub fn cache_size(&self) -> u64 {
        self.cache_size.map_or(1 << 16, Size::as_bytes)
    }

    /// The piggyback limit, default filled in.
    pub fn piggyback_limit(&self) -> Span {
        self.piggyback_limit.unwrap_or(Span::from_millis(100))
    }

    /// What is wrong with it: values that cannot be, and fields without effect.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut find = |field, message: String| found.push((field, message));
        if self.port == Some(0) {
            find("port", "a proxy needs a port that clients know, not 0".into());
        }
        for (field, is_written) in
            [("cache_size", self.cache_size.is_some()), ("cache_entries", self.cache_entries.is_some())]
        {
            if is_written && !self.caches {
                find(field, "has no effect with `caches: false`".into());
            }
        }
        if let Some(size) = self.cache_size.filter(|size| !(LEAST_CACHE..=MOST_CACHE).contains(&size.as_bytes())) {
            find("cache_size", format!("is {LEAST_CACHE} B to 1 GiB, not {size}; `caches: false` is without a cache"));
        }
        if self.cache_entries == Some(0) {
            find("cache_entries", "is at least 1; `caches: false` is without a cache".into());
        }
        if self.nstart == Some(0) {
            find("nstart", "with NSTART 0 nothing could ever be asked; it is at least 1 (RFC 7252 §4.7)".into());
        }
        if self.response_wait == Some(Span::ZERO) {
            find("response_wait", "is longer than zero: no response could come in time".into());
        }
        found.extend(self.transmission.check());
        found
    }
}

impl super::ClientConfig {
    /// The node that requests are sent to: the proxy, if there is one.
    pub fn asked(&self) -> &crate::name::NodeName {
        self.via.as_ref().unwrap_or(&self.to)
    }

    /// The port that requests are sent to.
    pub fn asked_port(&self) -> u16 {
        if self.via.is_some() { self.via_port.unwrap_or(DEFAULT_PORT) } else { self.port() }
    }

    /// The server that the proxy asks, if there is one.
    pub(crate) fn further(&self) -> Option<Further<'_>> {
        let port = Port::Udp(self.port());
        self.via.as_ref().map(|_| Further { field: "to".to_owned(), node: &self.to, port, by: Sender::Destination })
    }

    /// Takes the server's address, the one that the proxy prefers.
    pub(crate) fn resolve(&mut self, found: &Found) {
        self.origin = found.ways.iter().flat_map(|way| &way.addresses).copied().next();
    }

    /// Fields that no proxy grants, and what happens.
    pub(crate) fn unmet_by_proxies(&self) -> Vec<(String, String)> {
        let why = "it passes Observe on to nobody: no state comes by itself, and the client asks again each Max-Age and 5 to 15 s";
        self.observe.then(|| ("observe".to_owned(), why.to_owned())).into_iter().collect()
    }

    /// Findings on proxies.
    pub(super) fn check_proxy(&self, found: &mut Vec<Finding>) {
        let mut find = |field, message: String| found.push((field, message));
        if self.via.is_none() {
            for (field, is_written) in [("via_port", self.via_port.is_some()), ("naming", self.naming.is_some())] {
                if is_written {
                    find(field, "has no effect without `via`".into());
                }
            }
            return;
        }
        if self.via_port == Some(0) {
            find("via_port", "port 0 cannot be sent to".into());
        }
        if self.dtls.is_some() {
            find("dtls", "has no effect with `via`: proxies are asked, and ask, without it".into());
        }
        if self.naming == Some(Naming::Uri) && super::path_flaw(&self.path).is_none() {
            let len =
                self.options().all(crate::coap::wire::OptionNumber::PROXY_URI).map(|uri| uri.len()).sum::<usize>();
            if len > MOST_URI {
                find("naming", format!("makes a Proxy-Uri of {len} bytes, at most {MOST_URI} fit (RFC 7252 §5.10)"));
            }
        }
    }
}

/// The longest Proxy-Uri (RFC 7252 §5.10) \[bytes\].
const MOST_URI: usize = 1034;
