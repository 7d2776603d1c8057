//! Applications over streams: what a user writes to measure TCP.
//!
//! - [`TcpSource`] sends bulk data over one connection or several, [`TcpSink`] takes and checks them, as fast as they come or at
//!   a rate of its own.
//! - [`TcpClient`] and [`TcpServer`] exchange requests and responses, over one connection or one for each.
//!
//! They know streams alone ([`Host::stream_connect`](crate::app::Host::stream_connect) and what follows): what is of TCP stands in
//! the field `tcp` of their configurations and in [`StreamOptions`], so that they run over whatever else looks like a stream.
//!
//! | file | what |
//! |---|---|
//! | `config` | what a user says |
//! | `source`, `sink` | bulk data |
//! | `message` | how requests and responses are told apart in a stream |
//! | `filling` | virtual bytes that have come as real ones, as over real sockets |
//! | `client`, `server` | request and response |
//!
//! # Flows as exchanges
//! A flow of a source with an end (`bytes`) is an exchange: it starts when the connection is opened, it is delivered when the sink
//! has read its last byte, and it is completed when the source has the FIN with which the sink answers. All metrics of exchanges
//! are so there for flows, too; the sink's own word for it, `delivered`, is half a round trip earlier.

mod client;
mod config;
mod filling;
mod message;
mod server;
mod sink;
mod source;

#[cfg(test)]
pub(crate) mod tests;

pub use client::TcpClient;
pub use config::{Connections, TcpClientConfig, TcpServerConfig, TcpSinkConfig, TcpSourceConfig};
pub(crate) use filling::other_bytes;
pub use server::TcpServer;
pub use sink::TcpSink;
pub use source::TcpSource;

use super::{CloseReason, TcpConfig};
use crate::app::StreamOptions;
use crate::observe::Outcome;
use crate::rope::Rope;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// What the streams of an application are made of.
fn options(tcp: &TcpConfig) -> StreamOptions {
    StreamOptions { tcp: Arc::new(tcp.resolve()), early_data: Rope::new() }
}

/// An address that is not known: of a stream that the host has refused.
pub(crate) fn nowhere() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
}

/// What the end of a stream makes of an exchange that is open on it.
pub(crate) fn outcome_of(reason: CloseReason) -> Outcome {
    match reason {
        // The peer has finished where an answer was due.
        CloseReason::Done => Outcome::ErrorResponse,
        CloseReason::Refused | CloseReason::Reset | CloseReason::Aborted | CloseReason::TlsAlert(_) => Outcome::Reset,
        CloseReason::TimedOut => Outcome::TimedOut,
        CloseReason::OutOfMemory => Outcome::OutOfMemory,
    }
}
