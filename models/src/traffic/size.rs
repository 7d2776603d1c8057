//! Sizes of datagrams and of messages in streams: what a user says of them, and how they are drawn.

use crate::app::Host;
use protosim_core::random::{Choice, Empirical};
use protosim_core::{Distribution, Purpose, Ratio, Size, maths};
use serde::{Deserialize, Serialize};

/// Most bytes of payload that a UDP datagram carries over IPv4, the smaller of the two (RFC 768,
/// RFC 791: 65535 less 20 less 8).
pub const MAX_PAYLOAD_BYTES: u64 = 65_507;

/// The longest message in a stream, 1024 GiB (our choice).
pub(crate) const MAX_STREAM_BYTES: u64 = 1 << 40;

/// Bytes of the UDP header (RFC 768).
const UDP_HEADER: u64 = 8;

/// How large datagrams or messages are, each drawn by itself. `"1000 B"` alone is `Fixed("1000 B")`.
///
/// What is drawn is rounded to whole bytes, and raised or lowered to what a datagram can be, or a message in a stream.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename(serialize = "SizeDistribution", deserialize = "~SizeDistribution"), deny_unknown_fields)]
pub enum SizeDistribution {
    /// All alike; nothing is drawn.
    Fixed(Size),
    /// Equally likely between two ends.
    Uniform {
        /// The smallest.
        low: Size,
        /// The largest.
        high: Size,
    },
    /// Exponential, as in M/M/1.
    Exponential {
        /// The mean.
        mean: Size,
    },
    /// Pareto: the share above x falls as (min / x)^shape.
    Pareto {
        /// The tail's exponent, above 0.
        shape: f64,
        /// The smallest.
        min: Size,
        /// None is larger: the law is that of what does not exceed it. Default: the longest that there can be, 65507 B in
        /// datagrams and 1024 GiB in streams.
        #[serde(default)]
        max: Option<Size>,
    },
    /// exp of a normal number.
    LogNormal {
        /// The median.
        median: Size,
        /// Standard deviation of the natural logarithm.
        sigma: f64,
    },
    /// One of several, with weights: `Choice([(7, "40 B"), (4, "576 B"), (1, "1500 B")])`.
    Choice(Vec<(f64, Size)>),
    /// A measured distribution function, as (share at or below, size), joined by straight lines:
    /// `Cdf([("0 %", "40 B"), ("50 %", "100 B"), ("100 %", "1460 B")])`.
    Cdf(Vec<(Ratio, Size)>),
}

/// What a size is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum SizesOf {
    /// The payload of UDP; headers come on top.
    #[default]
    Payload,
    /// The whole IP packet: the 28 bytes of the headers of IPv4 and UDP, or 48 of IPv6 and UDP, are taken off, and at
    /// least one byte of payload is left.
    Packet,
}

impl SizesOf {
    /// Bytes of headers that the size of a packet to an address of IPv4, or else of IPv6, includes.
    pub(super) const fn header(self, is_ipv4: bool) -> u64 {
        match (self, is_ipv4) {
            (Self::Payload, _) => 0,
            (Self::Packet, true) => 20 + UDP_HEADER,
            (Self::Packet, false) => 40 + UDP_HEADER,
        }
    }
}

impl From<Size> for SizeDistribution {
    fn from(size: Size) -> Self {
        Self::Fixed(size)
    }
}

impl SizeDistribution {
    /// What is wrong with it for datagrams or messages of `low` to `most` bytes, in words that go on from the field's name.
    pub(crate) fn check(&self, low: u64, most: u64) -> Option<String> {
        let outside = |size: &Size| !(low..=most).contains(&size.as_bytes());
        let range = |size: &Size| format!("is {low} B to {}, not {size}", limit(most));
        let sizes: Vec<&Size> = match self {
            Self::Fixed(size) | Self::Exponential { mean: size } | Self::LogNormal { median: size, .. } => vec![size],
            Self::Uniform { low, high } => vec![low, high],
            Self::Pareto { min, max, .. } => [Some(min), max.as_ref()].into_iter().flatten().collect(),
            Self::Choice(sizes) => sizes.iter().map(|(_, size)| size).collect(),
            Self::Cdf(points) => points.iter().map(|(_, size)| size).collect(),
        };
        if let Some(size) = sizes.into_iter().find(|size| outside(size)) {
            return Some(range(size));
        }
        match self {
            Self::Uniform { low, high } if low > high => {
                Some(format!("is from {low} to {high}: `low` is above `high`"))
            }
            Self::Pareto { shape, .. } if !is_positive(*shape) => {
                Some(format!("has the `shape` {shape}: it is above 0"))
            }
            Self::Pareto { min, max: Some(max), .. } if min >= max => {
                Some(format!("is from {min} to {max}: `max` is above `min`"))
            }
            Self::LogNormal { sigma, .. } if !is_positive(*sigma) => {
                Some(format!("has the `sigma` {sigma}: it is above 0"))
            }
            Self::Choice(_) | Self::Cdf(_) if self.law(0.0).is_none() => Some(match self {
                Self::Cdf(_) => "is a measured function whose shares and sizes both ascend, up to 100 %".to_owned(),
                _ => "has weights that are not negative, with at least one above 0".to_owned(),
            }),
            _ => None,
        }
    }

    /// The longest that can be drawn [bytes].
    pub fn longest(&self) -> u64 {
        let size = match self {
            Self::Fixed(size) | Self::Uniform { high: size, .. } => Some(size),
            Self::Pareto { max, .. } => max.as_ref(),
            Self::Exponential { .. } | Self::LogNormal { .. } => None,
            Self::Choice(sizes) => sizes.iter().filter(|(weight, _)| *weight > 0.0).map(|(_, size)| size).max(),
            Self::Cdf(points) => points.last().map(|(_, size)| size),
        };
        size.map_or(MAX_PAYLOAD_BYTES, |size| size.as_bytes())
    }

    /// The law in bytes; `None` if it contradicts itself. A Pareto law without an end ends at `most`.
    fn law(&self, most: f64) -> Option<Distribution> {
        let bytes = |size: &Size| size.as_bytes() as f64;
        Some(match self {
            Self::Fixed(size) => Distribution::Fixed(bytes(size)),
            Self::Uniform { low, high } => Distribution::Uniform { low: bytes(low), high: bytes(high) },
            Self::Exponential { mean } => Distribution::Exponential { mean: bytes(mean) },
            Self::Pareto { shape, min, max } => {
                Distribution::Pareto { shape: *shape, min: bytes(min), max: max.as_ref().map_or(most, bytes) }
            }
            Self::LogNormal { median, sigma } => Distribution::LogNormal { median: bytes(median), sigma: *sigma },
            Self::Choice(sizes) => {
                let sizes: Vec<_> = sizes.iter().map(|(weight, size)| (*weight, bytes(size))).collect();
                Distribution::Choice(Choice::new(&sizes)?)
            }
            Self::Cdf(points) => {
                let points = points.iter().map(|(share, size)| (share.as_f64(), bytes(size)));
                Distribution::Empirical(Empirical::new(points.collect())?)
            }
        })
    }
}

/// The upper end of a range as people read it.
fn limit(most: u64) -> String {
    if most == MAX_PAYLOAD_BYTES { format!("{most} B") } else { Size::from_bytes(most).to_string() }
}

/// True for numbers above zero that are not infinite.
pub(super) fn is_positive(x: f64) -> bool {
    x.is_finite() && x > 0.0
}

/// Draws the payloads of one application.
#[derive(Clone, Debug)]
pub(crate) struct Sizes {
    law: Box<Distribution>,
    /// The payload, where all are alike: the fast way.
    fixed: Option<u64>,
    purpose: Purpose,
    /// Headers that the law's sizes include.
    header: u64,
    /// The shortest payload.
    low: u64,
    /// The longest one.
    most: u64,
}

impl Sizes {
    /// Payloads of datagrams, of at least `low` bytes; what the law draws includes `header` bytes of headers. A law that
    /// contradicts itself, which no checked configuration has, gives the shortest.
    pub(super) fn new(sizes: &SizeDistribution, header: u64, low: u64, purpose: Purpose) -> Self {
        Self::within(sizes, header, (low, MAX_PAYLOAD_BYTES), purpose)
    }

    /// Messages in a stream, of at least `low` bytes.
    pub(crate) fn of_messages(sizes: &SizeDistribution, low: u64, purpose: Purpose) -> Self {
        Self::within(sizes, 0, (low, MAX_STREAM_BYTES), purpose)
    }

    fn within(sizes: &SizeDistribution, header: u64, (low, most): (u64, u64), purpose: Purpose) -> Self {
        let law = Box::new(sizes.law((header + most) as f64).unwrap_or(Distribution::Fixed(0.0)));
        let mut own = Self { law, fixed: None, purpose, header, low, most };
        if let Distribution::Fixed(size) = *own.law {
            own.fixed = Some(own.payload(size));
        }
        own
    }

    /// The payload for a size of the law.
    fn payload(&self, size: f64) -> u64 {
        maths::round_to_u64(size).saturating_sub(self.header).clamp(self.low, self.most)
    }

    /// The payload of the next datagram [bytes].
    #[inline]
    pub(crate) fn draw(&self, host: &mut dyn Host) -> u64 {
        match self.fixed {
            Some(len) => len,
            None => self.payload(self.law.sample(host.rng(self.purpose))),
        }
    }

    /// The mean of what is drawn, with the headers that the law includes [bytes].
    pub(super) fn mean(&self) -> f64 {
        let bounds = [self.low, self.most].map(|payload| (payload + self.header) as f64);
        self.law.mean_within(bounds[0], bounds[1])
    }
}
