//! CoAP, the Constrained Application Protocol, over UDP (RFC 7252).
//!
//! # Where to find what
//! | file | has |
//! |---|---|
//! | [`wire`] | messages, options, codes and their encoding |
//! | [`config`] | what a user writes: [`ClientConfig`], [`ServerConfig`], and the RFC's timing formulas |
//! | [`endpoint`] | [`Endpoint`], the machine: message layer, client's and server's side of exchanges |
//! | `driver.rs` | runs an endpoint on a socket for an App |
//! | [`client`], [`server`] | the Apps |
//! | [`closed_form`] | delivery, completion time and transmissions under loss, as formulas |
//! | `meaning.rs` | what a datagram is, for rules that name what a link drops |
//! | `vectors.rs`, `tests/` | messages in hexadecimal; scripts, lossy pairs and whole Apps |
//!
//! # What is modelled
//! RFC 7252 §3 (format), §4 (messages: reliability, deduplication, Reset, ping, message ids,
//! NSTART, timing), §5.1 to §5.5 (requests and responses, piggybacked and separate, tokens,
//! options), §5.8 (methods), the preconditions and Accept of §5.10; `/.well-known/core` of RFC 6690
//! without filters. Option numbers and codes of later RFCs have names and encodings.
//!
//! # A confirmable request
//! ```text
//!              NSTART and a message id are free: send, draw T
//!  Queued ──────────────────────────────────────────────────▶ AwaitingAcknowledgement ─┐ T passes, n < MAX_RETRANSMIT:
//!                                                              │   │   │   ▲           │ send again, n + 1, T doubles
//!                                          empty ACK           │   │   │   └───────────┘
//!  AwaitingResponse ◀──────────────────────────────────────────┘   │   └─▶ Ended: T passes, n = MAX_RETRANSMIT (timed out),
//!   │                                                              │              or RST (reset)
//!   └─▶ Ended: CON or NON response (an ACK answers the CON),       └─▶ Ended: ACK with the response, or the response
//!              or response_wait passes (timed out)                            in a message of its own
//! ```
//! A non-confirmable request goes from Queued to AwaitingResponse at once.
//!
//! # A request at the server
//! ```text
//!  CON ──▶ with the application ──answer──▶ ACK with the response
//!               │ piggyback_limit passes: empty ACK
//!               └──▶ with the application ──answer──▶ CON response, retransmitted until ACK or RST
//!  NON ──▶ with the application ──answer──▶ NON response
//! ```
//!
//! # What is not modelled, and what that does to results
//! - PROBING_RATE (§4.7): non-confirmable requests to a silent peer are held back by NSTART and
//!   `response_wait` alone; with the defaults that is one request in 202 s, which for requests of
//!   up to 202 bytes keeps below 1 B/s.
//! - Multicast (§8), Observe (RFC 7641), block-wise transfer (RFC 7959), caching and proxies (§5.6,
//!   §5.7), TCP (RFC 8323): a Block option in a request is an unknown critical option
//!   and gets 4.02; Observe and No-Response are ignored, as elective ones are.
//! - Over DTLS (§9, [`dtls::layer`](crate::dtls::layer)) retransmission goes on while a handshake does: what waits for its end
//!   is there once. Libcoap's timers begin when a message is really sent. Requests to one server share a session.
//! - ICMP errors do not end an exchange: it runs into its time-out (§4.2 leaves that open).
//! - What is known of a peer, its message ids, is kept for the whole run and not charged to the
//!   host's memory; exchanges, duplicates' records and kept replies are charged.

pub mod client;
pub mod closed_form;
pub mod config;
mod driver;
pub mod endpoint;
mod meaning;
pub mod server;
pub mod wire;

pub use client::Client;
pub use config::{ClientConfig, Method, Parameters, ServerConfig, Transmission};
pub use endpoint::{Endpoint, EndpointConfig};
pub use meaning::{KINDS, meaning};
pub use server::Server;

/// Processor time of reading a message, per message and byte.
const DECODE: &str = "coap.decode";
/// Processor time of writing one.
const ENCODE: &str = "coap.encode";
/// The operations that take processor time.
pub const OPERATIONS: [&str; 2] = [DECODE, ENCODE];

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
