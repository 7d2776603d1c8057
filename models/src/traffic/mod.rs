//! Traffic without a protocol of its own: UDP datagrams at a constant rate, and who counts them.
//!
//! A [`UdpSource`] sends datagrams of virtual bytes on an exact schedule; a [`UdpSink`] counts what
//! arrives and checks, from the bytes' place in the source's stream, what is missing, late or wrong.
//! Nothing is stored per datagram at either end.

mod config;
mod sink;
mod source;

#[cfg(test)]
mod tests;

pub use config::{UdpSinkConfig, UdpSourceConfig};
pub use sink::UdpSink;
pub use source::UdpSource;
