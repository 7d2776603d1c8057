//! What a user says of a traffic source and of a sink.

use crate::name::NodeName;
use protosim_core::{Rate, Size, Span};
use serde::{Deserialize, Serialize};

/// Most bytes of payload that a UDP datagram carries over IPv4, the smaller of the two (RFC 768,
/// RFC 791: 65535 less 20 less 8).
const MAX_PAYLOAD_BYTES: u64 = 65_507;

/// UDP datagrams at a constant rate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UdpSourceConfig {
    /// The node that they go to. Required.
    pub to: NodeName,
    /// The UDP port that they go to, 1 to 65535. Required.
    pub port: u16,
    /// Bits of UDP payload per second; headers and framing come on top. Required.
    pub rate: Rate,
    /// UDP payload of each datagram [bytes], 1 B to 65507 B. Required.
    pub payload: Size,
    /// When the first one is sent, after the node's start by its own clock. Default: 0 s.
    #[serde(default)]
    pub start: Span,
    /// From when on none is sent, after the node's start by its own clock. Default: never.
    #[serde(default)]
    pub stop: Option<Span>,
    /// How many are sent in all. Default: no limit.
    #[serde(default)]
    pub count: Option<u64>,
}

impl UdpSourceConfig {
    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        if self.port == 0 {
            found.push(("port", "is 1 to 65535: nobody can listen on port 0".to_owned()));
        }
        if !(1..=MAX_PAYLOAD_BYTES).contains(&self.payload.as_bytes()) {
            found.push(("payload", format!("is 1 B to {MAX_PAYLOAD_BYTES} B, not {}", self.payload)));
        }
        if let Some(stop) = self.stop.filter(|stop| *stop <= self.start) {
            found.push(("stop", format!("at {stop} is not after the start at {}: nothing would be sent", self.start)));
        }
        if self.count == Some(0) {
            found.push(("count", "is at least 1: nothing would be sent".to_owned()));
        }
        if self.count.is_some() && self.stop.is_some() {
            found.push(("count", "and `stop` both say when to end: give one of them".to_owned()));
        }
        found
    }
}

/// A receiver of UDP datagrams.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UdpSinkConfig {
    /// The UDP port that it listens on, 1 to 65535. Required.
    pub port: u16,
}

impl UdpSinkConfig {
    /// Fields that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        match self.port {
            0 => vec![("port", "is 1 to 65535: no source could name port 0".to_owned())],
            _ => Vec::new(),
        }
    }
}
