//! HTTP/1.1 over any stream (RFC 9110, RFC 9111, RFC 9112), with cookies (RFC 6265) and a model of pages.
//!
//! # Where to find what
//! | file | has |
//! |---|---|
//! | [`wire`] | messages, their encoding, and readers that take a stream however it is cut |
//! | [`config`] | what a user writes: [`HttpClientConfig`], [`HttpServerConfig`] |
//! | `client`, `transfer`, `pool`, `page` | the client: exchanges, which request goes over which connection, and what a page consists of |
//! | `server`, `respond` | the server: connections, and what is answered |
//! | `cache`, `cookies` | what a client keeps |
//! | `content` | which virtual bytes content has, so that its receiver can check them |
//! | `outbox` | what waits for room in a stream |
//!
//! # A connection at the client
//! ```text
//!  opening ──Connected──▶ idle ◀──whole response, both ends go on──┐
//!     │                    │ a request is given to it              │
//!     └─the exchange's own─┴─▶ busy ───────────────────────────────┤
//!                               │ ▲ pipelining: further requests   │
//!                               └─┘                                └─▶ closed: `close`, HTTP/1.0, the server's end,
//!                                                                      idle_timeout, or no further exchange
//! ```
//! A request whose connection ends before any byte of its response goes over another one, once, if its method is idempotent and
//! the connection had answered before (RFC 9110 §9.2.2, RFC 9112 §9.3.1). What was pipelined behind a response with
//! `Connection: close` was not processed, and is asked for again (§9.6).
//!
//! # A page
//! The document goes over an idle connection, or over one that is opened for it. When its last byte is there and it has been parsed, its objects are
//! asked for: over connections that are idle, and over new ones while there are fewer than `connections` and more waits than is being opened. A
//! request takes the first connection that is free for it, as in browsers. Objects of the second level are found in those of the first.
//!
//! # Exchanges
//! One request, or one page, is an exchange. It begins when the client turns to it, so that opening a connection is part of it, and is named by the
//! addresses of the first request's connection and the number of that request on it, which both ends can count: no field is added for it. It is delivered
//! when the server's application has that request whole, and ends with the last byte of the response, or of the last object. What a fresh
//! response in the client's cache answers takes no time, has no transmission and is not delivered. One page whose document came and some
//! object did not has not completed.
//!
//! # What is not modelled
//! - Proxies and shared caches, CONNECT and Upgrade (501 or 405), ranges (all content comes whole), If-Match and If-Unmodified-Since,
//!   redirections, authentication, content codings; PUT, PATCH and DELETE are 405.
//! - A response's content is virtual, and none is compressed: say the sizes that go over the wire.
//! - Priorities of objects: they are asked for in the order in which they are found.
//! - Preconnections and speculative loading of browsers: a page takes a little longer than where they help.

mod cache;
mod client;
pub mod config;
mod content;
mod cookies;
mod outbox;
mod page;
mod pool;
mod respond;
mod server;
mod transfer;
pub mod wire;

#[cfg(test)]
mod tests;

pub use client::HttpClient;
pub use config::{
    CountDistribution, HttpClientConfig, HttpMethod, HttpServerConfig, HttpVersion, LevelConfig, PageConfig,
};
pub use server::HttpServer;

use crate::app::StreamOptions;
use crate::rope::Rope;
use crate::tcp::app::{nowhere, outcome_of};
use crate::tcp::{FastOpen, TcpConfig};
use protosim_core::LocalTime;
use std::sync::Arc;

/// Processor time of reading a head, per message and byte.
const PARSE: &str = "http.parse";
/// Processor time of a client's writing a request, per message and byte of its head.
const REQUEST: &str = "http.request";
/// Processor time of a server's making a response, per message and byte of its head.
const RESPOND: &str = "http.respond";
/// The operations that take processor time.
pub const OPERATIONS: [&str; 3] = [PARSE, REQUEST, RESPOND];

/// What clocks mean by zero: 1 January 2026, 00:00:00 GMT (our choice) \[s since 1970\].
pub const EPOCH_SECS: u64 = 1_767_225_600;

/// The date on a clock \[s since 1970\].
fn date(now: LocalTime) -> u64 {
    EPOCH_SECS + now.as_nanos() / 1_000_000_000
}

/// What the streams of an application are made of. Without Nagle's algorithm and Fast Open, unless they are asked for, as in curl, browsers
/// and nginx.
fn options(tcp: &TcpConfig) -> StreamOptions {
    let mut parameters = tcp.resolve();
    parameters.nagle = tcp.nagle.unwrap_or(false);
    // Linux lets applications do it, and few do: neither curl nor browsers, unless they are told.
    parameters.fast_open = tcp.fast_open.unwrap_or(FastOpen::Off);
    StreamOptions { tcp: Arc::new(parameters), early_data: Rope::new() }
}
