//! Transmission parameters: time-outs and retransmission (RFC 7252 §4.8), and how they are found.

use super::Finding;
use protosim_core::{Span, maths};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// Transmission parameters as written (RFC 7252 §4.8); what is left out has the RFC's default.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Transmission {
    /// ACK_TIMEOUT: the shortest first time-out. Default 2 s.
    pub ack_timeout: Option<Span>,
    /// ACK_RANDOM_FACTOR: the longest first time-out is ACK_TIMEOUT times this. Default 1.5; at
    /// least 1.
    pub ack_random_factor: Option<Factor>,
    /// MAX_RETRANSMIT: how often a message is sent again. Default 4; at most 20 (our limit: the
    /// time-out doubles each time).
    pub max_retransmit: Option<u32>,
    /// How time-outs are found. Default `Default` (RFC 7252 §4.2). With `Cocoa`, `ack_timeout` is the time-out before anything is
    /// measured.
    pub congestion: Option<Congestion>,
}

/// Transmission parameters with their defaults filled in, and the times derived from them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parameters {
    /// ACK_TIMEOUT.
    pub ack_timeout: Span,
    /// ACK_RANDOM_FACTOR.
    pub ack_random_factor: Factor,
    /// MAX_RETRANSMIT.
    pub max_retransmit: u32,
    /// How first time-outs and backoff are found.
    pub congestion: Congestion,
}

/// How the time-outs of confirmable messages are found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Congestion {
    /// Always from ACK_TIMEOUT, doubling (RFC 7252 §4.2).
    #[default]
    Default,
    /// From round trips that were measured, with a backoff that goes by them: CoCoA (draft-ietf-core-cocoa-03), for each peer.
    Cocoa,
}

/// A number of at least 1 with six decimals, written plainly: `1.5`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Factor(u64);

/// The longest estimate of CoCoA's (draft-ietf-core-cocoa-03 §4.2).
const COCOA_LONGEST: Span = Span::from_secs(32);

impl Transmission {
    /// With the defaults of RFC 7252 §4.8 filled in.
    pub fn parameters(&self) -> Parameters {
        let default = Parameters::default();
        Parameters {
            ack_timeout: self.ack_timeout.unwrap_or(default.ack_timeout),
            ack_random_factor: self.ack_random_factor.unwrap_or(default.ack_random_factor),
            max_retransmit: self.max_retransmit.unwrap_or(default.max_retransmit),
            congestion: self.congestion.unwrap_or_default(),
        }
    }

    pub(super) fn check(&self) -> Vec<Finding> {
        let mut found: Vec<Finding> = Vec::new();
        if self.ack_timeout.is_some_and(|t| t.is_zero() || t > Span::from_secs(86_400)) {
            found.push(("transmission.ack_timeout", "is above zero and at most one day".into()));
        }
        if self.congestion == Some(Congestion::Cocoa) && self.ack_timeout.is_some_and(|t| t > COCOA_LONGEST) {
            found.push((
                "transmission.ack_timeout",
                "is at most 32 s with `Cocoa`, whose estimates are no longer".into(),
            ));
        }
        if self.max_retransmit.is_some_and(|n| n > 20) {
            found.push(("transmission.max_retransmit", "is at most 20, as the time-out doubles each time".into()));
        }
        let parameters = self.parameters();
        let year = Span::from_secs(365 * 86_400);
        if found.is_empty() && parameters.max_transmit_wait() > year {
            let wait = parameters.max_transmit_wait();
            let days = wait.as_nanos() / 86_400_000_000_000;
            found.push((
                "transmission",
                format!("gives up after {days} days (MAX_TRANSMIT_WAIT); at most 365 are allowed"),
            ));
        }
        found
    }

    /// One finding for each field that was written, where none of them does anything.
    pub(super) fn without_effect(&self, why: &str) -> Vec<Finding> {
        [
            ("transmission.ack_timeout", self.ack_timeout.is_some()),
            ("transmission.ack_random_factor", self.ack_random_factor.is_some()),
            ("transmission.max_retransmit", self.max_retransmit.is_some()),
            ("transmission.congestion", self.congestion.is_some()),
        ]
        .into_iter()
        .filter(|(_, written)| *written)
        .map(|(field, _)| (field, format!("has no effect: {why}")))
        .collect()
    }
}

/// The defaults of RFC 7252 §4.8.
impl Default for Parameters {
    fn default() -> Self {
        Self {
            ack_timeout: Span::from_secs(2),
            ack_random_factor: Factor::ACK_RANDOM_FACTOR,
            max_retransmit: 4,
            congestion: Congestion::Default,
        }
    }
}

/// The derived times of RFC 7252 §4.8.2.
impl Parameters {
    /// MAX_LATENCY: the longest time a datagram is taken to be under way.
    pub const MAX_LATENCY: Span = Span::from_secs(100);

    /// ACK_TIMEOUT · ACK_RANDOM_FACTOR: the longest first time-out.
    pub fn longest_ack_timeout(&self) -> Span {
        self.ack_random_factor.times(self.ack_timeout)
    }

    /// MAX_TRANSMIT_SPAN: from the first transmission to the last, at most (45 s).
    pub fn max_transmit_span(&self) -> Span {
        self.longest_ack_timeout().saturating_mul((1 << self.max_retransmit.min(62)) - 1)
    }

    /// MAX_TRANSMIT_WAIT: from the first transmission to giving up, at most (93 s).
    pub fn max_transmit_wait(&self) -> Span {
        self.longest_ack_timeout().saturating_mul((1 << (self.max_retransmit.min(62) + 1)) - 1)
    }

    /// PROCESSING_DELAY: from a confirmable message to its acknowledgement, set to ACK_TIMEOUT.
    pub const fn processing_delay(&self) -> Span {
        self.ack_timeout
    }

    /// MAX_RTT: there, processing, and back, at most (202 s).
    pub fn max_rtt(&self) -> Span {
        self.processing_delay().saturating_add(Self::MAX_LATENCY * 2)
    }

    /// EXCHANGE_LIFETIME: how long a confirmable message's id must not be used again (247 s).
    pub fn exchange_lifetime(&self) -> Span {
        self.max_transmit_span().saturating_add(self.max_rtt())
    }

    /// NON_LIFETIME: how long a non-confirmable message's id must not be used again (145 s).
    pub fn non_lifetime(&self) -> Span {
        self.max_transmit_span().saturating_add(Self::MAX_LATENCY)
    }
}

impl Factor {
    /// 1.5 (RFC 7252 §4.8).
    pub const ACK_RANDOM_FACTOR: Self = Self(1_500_000);
    const MILLIONTHS: u64 = 1_000_000;

    /// A factor of `millionths` millionths, or `None` below 1 (RFC 7252 §4.8.1) and above 1000.
    pub const fn from_millionths(millionths: u64) -> Option<Self> {
        if millionths < Self::MILLIONTHS || millionths > 1_000 * Self::MILLIONTHS {
            return None;
        }
        Some(Self(millionths))
    }

    /// `span` times this, to the nearest nanosecond, held at [`Span::MAX`].
    pub fn times(self, span: Span) -> Span {
        let exact = u128::from(span.as_nanos()) * u128::from(self.0);
        let nanos = (exact + u128::from(Self::MILLIONTHS / 2)) / u128::from(Self::MILLIONTHS);
        Span::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// For formulas.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / Self::MILLIONTHS as f64
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_f64())
    }
}

impl fmt::Debug for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Factor({self})")
    }
}

impl Serialize for Factor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_f64())
    }
}

impl<'de> Deserialize<'de> for Factor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Factor;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a factor between 1 and 1000, such as 1.5")
            }
            fn visit_f64<E: de::Error>(self, x: f64) -> Result<Factor, E> {
                let refused = || E::invalid_value(de::Unexpected::Float(x), &self);
                let millionths = maths::round_to_u64(x * Factor::MILLIONTHS as f64);
                let factor = Factor::from_millionths(millionths).ok_or_else(refused)?;
                // A finer number would take effect as another one than was written.
                if (factor.as_f64() - x).abs() > 1e-9 {
                    return Err(E::custom(format!("`{x}` has more than six decimals")));
                }
                Ok(factor)
            }
            fn visit_u64<E: de::Error>(self, n: u64) -> Result<Factor, E> {
                let factor = n.checked_mul(Factor::MILLIONTHS).and_then(Factor::from_millionths);
                factor.ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(n), &self))
            }
            fn visit_i64<E: de::Error>(self, n: i64) -> Result<Factor, E> {
                match u64::try_from(n) {
                    Ok(n) => self.visit_u64(n),
                    Err(_) => Err(E::invalid_value(de::Unexpected::Signed(n), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
