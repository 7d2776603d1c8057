//! STUN, Session Traversal Utilities for NAT (RFC 8489), with behaviour discovery (RFC 5780).
//!
//! # Where to find what
//! | file | has |
//! |---|---|
//! | [`wire`] | messages: header, attributes, padding, addresses; frames on a stream, TURN's ChannelData among them |
//! | [`integrity`] | MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256, FINGERPRINT; keys of both credential mechanisms, USERHASH |
//! | [`auth`] | what a server does with credentials: nonces, and the checks of §9.1.3 and §9.2.4 in their order |
//! | [`transaction`] | a client's request: retransmissions over UDP, one time-out over a stream |
//! | [`server`] | [`Server`], the machine that answers Binding requests |
//! | [`app`] | [`StunServer`], an application that has one, over UDP, TCP and TLS; `streams.rs` cuts streams for it |
//! | [`client`] | [`StunClient`], an application that asks for its address over UDP |
//! | `vectors.rs`, `tests/` | RFC 5769 both ways; properties, scripts |
//!
//! # A client's request over UDP (§6.2.1)
//! ```text
//!        send, wait RTO          RTO passes, n < Rc: send again, n + 1, the wait doubles
//!  new ─────────────────▶ waits ─┬───────────────────────────▶ waits
//!                                ├─ response from where the request went, with its transaction id ─▶ answered
//!                                └─ n = Rc and Rm · RTO have passed since the last one ─▶ failed
//! ```
//! With RTO 500 ms, Rc 7 and Rm 16 it is sent at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s, and fails at 39.5 s. Over a
//! stream it is sent once and fails after Ti, 39.5 s (§6.2.2).
//!
//! # A message at a server (§6.3, §9)
//! ```text
//!  not STUN, or a wrong FINGERPRINT, or a method or class that is not for a server ─▶ dropped, counted
//!  no, incomplete or wrong credentials where they are wanted ─▶ 401, 400, 438
//!  attributes that must be understood and are not            ─▶ 420 with UNKNOWN-ATTRIBUTES
//!  a value that its attribute cannot have                    ─▶ 400
//!  else ─▶ success
//! ```
//!
//! # Choices
//! - Names, realms and passwords are prepared by OpaqueString, as RFC 8489 has it; the sheet of checks and RFC 5389 name SASLprep. For
//!   ASCII, and for all texts that both allow without compatibility forms, they give the same keys.
//! - A server is one of MD5 or of SHA-256 and MD5, as [`Algorithms`] says. The former sends no PASSWORD-ALGORITHMS, as a server of RFC
//!   5389, and its nonces say so: §9.2.4 has it in every 401 and 438 of servers that have the feature.
//! - Every attribute that has a name in [`wire`] is understood by every agent here: a server of STUN ignores those of TURN, as §6.3.1
//!   has it for known ones that are not expected.
//! - What stands behind FINGERPRINT makes the message none (§14.7: it is the last one).
//!
//! # What is not modelled, and what that does to results
//! - Round trips are not measured for the RTO of later transactions (§6.2.1): each begins with the configured one, as clients of
//!   one or two requests do.
//! - Clients of RFC 3489, which send no magic cookie: what they send is no STUN, and is dropped.
//! - Discovery of servers by DNS (§8), ALTERNATE-SERVER (§10), which is read and written and never followed.
//! - PADDING of RFC 5780: a request with it gets 420; so do RESPONSE-PORT and CHANGE-REQUEST at a server with one address, and over streams.

pub mod app;
pub mod auth;
pub mod client;
pub mod integrity;
pub mod server;
pub(crate) mod streams;
pub mod transaction;
pub mod wire;

pub use app::{StunAlternate, StunServer, StunServerConfig};
pub use auth::{Algorithms, Credentials, User};
pub use client::{StunClient, StunClientConfig};
pub use server::{Server, ServerConfig};
pub use transaction::{Timing, Transaction};

/// Processor time of reading a message, per message and byte.
pub(crate) const DECODE: &str = "stun.decode";
/// Processor time of writing one.
pub(crate) const ENCODE: &str = "stun.encode";
/// Processor time of a message's integrity, computed or checked.
pub(crate) const INTEGRITY: &str = "stun.integrity";
/// The operations that take processor time.
pub const OPERATIONS: [&str; 3] = [DECODE, ENCODE, INTEGRITY];

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
