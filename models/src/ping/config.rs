//! What a user says of a ping.

use crate::name::NodeName;
use protosim_core::{Size, Span};
use serde::{Deserialize, Serialize};

/// Most bytes of data that an echo request carries over IPv4, the smaller of the two (RFC 791, RFC 792:
/// 65535 less 20 less 8).
const MAX_PAYLOAD_BYTES: u64 = 65_507;

/// Sequence numbers of echo requests.
const SEQUENCES: u64 = 1 << 16;

/// ICMP echo requests at an interval.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PingConfig {
    /// The node that is asked. Required.
    pub to: NodeName,
    /// When the first request is sent, after the node's start by its own clock. Default: 0 s.
    #[serde(default)]
    pub start: Span,
    /// How many requests are sent. Default: no limit.
    #[serde(default)]
    pub count: Option<u64>,
    /// From one request to the next. Default: 1 s (iputils).
    #[serde(default = "one_second")]
    pub interval: Span,
    /// Data of each request [bytes], at most 65507 B; the ICMP header's 8 bytes come on top. Default:
    /// 56 B (iputils).
    #[serde(default = "fifty_six_bytes")]
    pub payload: Size,
    /// How long a reply is waited for. Default: 10 s (iputils).
    #[serde(default = "ten_seconds")]
    pub timeout: Span,
}

const fn one_second() -> Span {
    Span::from_secs(1)
}

const fn fifty_six_bytes() -> Size {
    Size::from_bytes(56)
}

const fn ten_seconds() -> Span {
    Span::from_secs(10)
}

impl PingConfig {
    /// Pings to `to` with everything at its default.
    pub fn new(to: NodeName) -> Self {
        Self {
            to,
            start: Span::ZERO,
            count: None,
            interval: one_second(),
            payload: fifty_six_bytes(),
            timeout: ten_seconds(),
        }
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        if self.count == Some(0) {
            found.push(("count", "is at least 1: nothing would be sent".to_owned()));
        }
        if self.interval.is_zero() {
            found.push(("interval", "is longer than zero: requests would never end".to_owned()));
        } else if self.timeout.as_nanos().div_ceil(self.interval.as_nanos()) >= SEQUENCES {
            let most = "65536 sequence numbers do not tell so many open requests apart";
            found.push((
                "timeout",
                format!("of {} is too long at one request in {}: {most}", self.timeout, self.interval),
            ));
        }
        if self.timeout.is_zero() {
            found.push(("timeout", "is longer than zero: every request would time out at once".to_owned()));
        }
        if self.payload.as_bytes() > MAX_PAYLOAD_BYTES {
            found.push(("payload", format!("is at most {MAX_PAYLOAD_BYTES} B, not {}", self.payload)));
        }
        found
    }
}
