//! Ping: ICMP echo requests at an interval, and what becomes of them (RFC 792, RFC 4443 §4).
//!
//! Each request is an exchange: it ends with its reply or with its time-out, and is never repeated. A reply
//! that comes after the time-out, a second one, and one whose data is not that of the request are
//! counted and end nothing.
//!
//! Not modelled: an ICMP error about a request does not end it; hosts here tell applications of errors
//! about UDP only.

mod client;
mod config;

#[cfg(test)]
mod tests;

pub use client::Ping;
pub use config::PingConfig;
