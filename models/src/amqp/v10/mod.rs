//! AMQP 1.0 (OASIS 2012, ISO/IEC 19464:2014): frames and messages, connections, sessions, links.
//!
//! # Where to find what
//! | file | has |
//! |---|---|
//! | [`wire`] | the type system, performatives, SASL, messages, and what takes frames out of a stream |
//! | [`connection`] | headers, authentication, open and close, idle time-outs, channels |
//! | [`session`] | windows, links by their handles, deliveries by their numbers |
//! | [`link`] | the two ends of a link: credit, settlement, what is needed to resume |
//! | `broker` | what the broker says to clients of 1.0 |
//! | [`config`] | what users say |
//! | `client` | the application |
//! | `serial` | numbers that go round |
//! | `vectors.rs`, `tests/` | exchanges of other implementations both ways; properties, scripts, cut connections |
//!
//! Sections are those of the standard: part 1 (types) is §1, part 2 (transport) §2, and so on.
//!
//! # A frame on its way
//! ```text
//!  stream ──▶ Decoder ──▶ Item ──▶ Connection ──▶ Session ──▶ Sending, Receiving ──▶ events
//!                │ Fault               │              │              │ a fault of the link: detach
//!                ▼                     ▼              ▼ a fault of the session: end
//!         close with its condition   close
//!                          Connection::next ──▶ Item::encode ──▶ stream
//! ```
//! None of that knows a clock or a stream; [`Amqp10Client`] owns it, and rides on a stream that it is given. What outlives a connection are [`link::SenderState`] and [`link::ReceiverState`].
//!
//! # What is not here yet
//! - Transactions (part 4): their states pass through, a coordinator is seen as another kind of target.
//! - Resuming in the middle of a message: the whole is sent again (§2.6.13 allows it).
//! - A link that is attached on several sessions, or taken over from another connection (§2.6.1), is its owner's to detach.

mod address;
pub(in crate::amqp) mod broker;
mod client;
pub mod config;
pub mod connection;
pub mod link;
mod serial;
pub mod session;
pub mod wire;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

pub use client::Amqp10Client;
