//! What a user says of an adaptive flow.

use super::super::config::{EcnMark, Finding, check_dscp, check_end, check_own_port, check_port};
use super::super::size::MAX_PAYLOAD_BYTES;
use crate::name::NodeName;
use protosim_core::{Size, Span};
use serde::{Deserialize, Serialize};

/// Bytes of the number at the start of each datagram.
pub(super) const NUMBER_LEN: u64 = 8;

/// Bytes of an acknowledgement: a number and the echo of a mark.
pub const ACK_LEN: u64 = 9;

/// The sending end of an adaptive flow: each acknowledgement adds 1/window to its window, and a loss halves it, at most once in
/// a round trip. What is lost is not sent again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AimdSourceConfig {
    /// The node that its `AimdSink` runs on. Required.
    pub to: NodeName,
    /// The UDP port that the sink listens on, 1 to 65535. Required.
    pub port: u16,
    /// UDP payload of each datagram, 8 B to 65507 B. Default: 1460 B (a full TCP segment on Ethernet).
    #[serde(default = "full_segment")]
    pub payload: Size,
    /// The window at the start \[datagrams\], at least 1. Default: 10 (RFC 6928).
    #[serde(default = "ten")]
    pub initial_window: u32,
    /// When it starts, after the node's start by its own clock. Default: 0 s.
    #[serde(default)]
    pub start: Span,
    /// From when on nothing is sent. Default: never.
    #[serde(default)]
    pub stop: Option<Span>,
    /// How many datagrams are sent. Default: no limit.
    #[serde(default)]
    pub count: Option<u64>,
    /// How packets are marked for congestion notification (RFC 3168); an echo of a mark counts as a loss. Default: NotEct.
    #[serde(default)]
    pub ecn: EcnMark,
    /// Differentiated services codepoint of packets (RFC 2474), 0 to 63. Default: 0.
    #[serde(default)]
    pub dscp: u8,
}

/// The receiving end of adaptive flows: acknowledges every datagram.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AimdSinkConfig {
    /// The UDP port that it listens on, 1 to 65535. Required.
    pub port: u16,
}

const fn full_segment() -> Size {
    Size::from_bytes(1460)
}

const fn ten() -> u32 {
    10
}

impl AimdSourceConfig {
    /// A flow to `to` with everything else at its default.
    pub fn new(to: NodeName, port: u16) -> Self {
        Self {
            to,
            port,
            payload: full_segment(),
            initial_window: ten(),
            start: Span::ZERO,
            stop: None,
            count: None,
            ecn: EcnMark::NotEct,
            dscp: 0,
        }
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        check_port(self.port, &mut found);
        if !(NUMBER_LEN..=MAX_PAYLOAD_BYTES).contains(&self.payload.as_bytes()) {
            found.push(("payload", format!("is {NUMBER_LEN} B to {MAX_PAYLOAD_BYTES} B, not {}", self.payload)));
        }
        if self.initial_window == 0 {
            found.push(("initial_window", "is at least 1: nothing would be sent".to_owned()));
        }
        check_end(self.start, self.stop, self.count, &mut found);
        check_dscp(self.dscp, &mut found);
        found
    }
}

impl AimdSinkConfig {
    /// Fields that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        check_own_port(self.port, &mut found);
        found
    }
}
