//! What a user says of a link.

use super::impair::ImpairConfig;
use crate::name::{FileName, NodeName};
use crate::queue::{QueueConfig, ShaperConfig};
use protosim_core::{Digest, Fingerprint, Rate, Ratio, Size, Span};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// Both directions of a link, as in a scenario. What is said for the link holds for both directions,
/// except where `forward` (first end to second) or `backward` says otherwise.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkConfig {
    /// What it is called in figures, captures, overrides and the timeline. Default: its ends joined by
    /// two hyphens, as in `"client--server"`.
    pub name: Option<String>,
    /// The two nodes that it joins.
    pub ends: (NodeName, NodeName),
    /// Bits per second on the wire, framing included. Without it, packets take no time to send and no
    /// queue forms.
    pub rate: Option<Rate>,
    /// From the last bit's departure to its arrival. Default: none.
    pub delay: Option<Span>,
    /// Largest IP packet. Default: 1500 B (Ethernet, RFC 894).
    pub mtu: Option<Mtu>,
    /// Rate as recorded, in place of `rate`: a file in mahimahi's format, with a line per opportunity to send 1504 bytes, in
    /// milliseconds since the start. It begins anew at its end.
    pub rate_trace: Option<FileName>,
    /// A token bucket that a packet must pass before it is sent. Default: none.
    pub shaper: Option<ShaperConfig>,
    /// What may wait while a packet is being sent, and in what order it goes on. Default: 1000 packets (Linux `pfifo`).
    pub queue: Option<QueueConfig>,
    /// Probability that a packet is lost on the way. Default: 0 %.
    pub loss: Option<Ratio>,
    /// What else happens to packets on the way. Default: nothing.
    pub impair: Option<Box<ImpairConfig>>,
    /// Bytes that the link adds to each packet. Default: none.
    pub framing: Option<Framing>,
    /// The name that its random streams go by. Default: its name. A link that is renamed keeps its luck by
    /// saying its old name here.
    pub stream_name: Option<String>,
    /// Exceptions for the direction from the first end to the second.
    pub forward: Option<Box<DirectionConfig>>,
    /// Exceptions for the direction from the second end to the first.
    pub backward: Option<Box<DirectionConfig>>,
}

/// What may differ between the directions of a link; what is left out is as [`LinkConfig`] says.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DirectionConfig {
    /// See [`LinkConfig::rate`].
    pub rate: Option<Rate>,
    /// See [`LinkConfig::delay`].
    pub delay: Option<Span>,
    /// See [`LinkConfig::rate_trace`].
    pub rate_trace: Option<FileName>,
    /// See [`LinkConfig::shaper`].
    pub shaper: Option<ShaperConfig>,
    /// See [`LinkConfig::queue`].
    pub queue: Option<QueueConfig>,
    /// See [`LinkConfig::loss`].
    pub loss: Option<Ratio>,
    /// See [`LinkConfig::impair`]. It takes the place of the link's as a whole.
    pub impair: Option<ImpairConfig>,
}

impl LinkConfig {
    /// A link between two nodes with every other field at its default.
    pub fn between(first: &str, second: &str) -> Self {
        Self {
            name: None,
            ends: (NodeName(first.to_owned()), NodeName(second.to_owned())),
            rate: None,
            delay: None,
            mtu: None,
            rate_trace: None,
            shaper: None,
            queue: None,
            loss: None,
            impair: None,
            framing: None,
            stream_name: None,
            forward: None,
            backward: None,
        }
    }

    /// Its name, given or made from its ends.
    pub fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("{}--{}", self.ends.0.0, self.ends.1.0))
    }

    /// Largest IP packet.
    pub fn mtu(&self) -> Mtu {
        self.mtu.unwrap_or_default()
    }

    /// Everything that holds for one direction.
    pub fn direction(&self, is_forward: bool) -> DirectionConfig {
        let own = if is_forward { &self.forward } else { &self.backward };
        let own = own.as_deref().cloned().unwrap_or_default();
        DirectionConfig {
            // A direction with a trace of its own has no use for the link's rate, nor the other way round.
            rate: own.rate.or(self.rate.filter(|_| own.rate_trace.is_none())),
            delay: own.delay.or(self.delay),
            rate_trace: own.rate_trace.or_else(|| self.rate_trace.clone().filter(|_| own.rate.is_none())),
            shaper: own.shaper.or(self.shaper),
            queue: own.queue.or_else(|| self.queue.clone()),
            loss: own.loss.or(self.loss),
            impair: own.impair.or_else(|| self.impair.as_deref().cloned()),
        }
    }
}

impl DirectionConfig {
    /// What the kernel must know of its wire, where the timeline makes these changes: the least delay of the whole run, and whether
    /// something may overtake something else.
    pub fn of_wire<'a>(&self, later: impl Iterator<Item = &'a LinkChange> + Clone) -> (Span, bool) {
        let delays = later.clone().filter_map(|change| change.delay).chain([self.delay.unwrap_or_default()]);
        let least = delays.min().unwrap_or_default();
        let impairs = || later.clone().filter_map(|change| change.impair.as_ref()).chain(&self.impair);
        let skips = impairs().any(ImpairConfig::skips_delay);
        (if skips { Span::ZERO } else { least }, impairs().any(ImpairConfig::overtakes))
    }
}

/// A change of one direction by the timeline; what is `None` stays.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LinkChange {
    /// The new rate.
    pub rate: Option<Rate>,
    /// The new delay, for what departs from now on.
    pub delay: Option<Span>,
    /// The new loss, for what departs from now on.
    pub loss: Option<Ratio>,
    /// New impairments, for what departs from now on; they take the place of the old ones as a whole.
    pub impair: Option<ImpairConfig>,
    /// False: the link goes down. What has not left is lost, what has left arrives, and what is offered while it is down is
    /// lost. True: it comes up again, with an empty queue.
    pub up: Option<bool>,
}

impl Fingerprint for LinkChange {
    fn fingerprint(&self) -> u64 {
        let mut digest = Digest::START;
        digest.mix_bytes(format!("{self:?}").as_bytes());
        digest.value()
    }
}

/// Largest IP packet of a link; at least 68 bytes (RFC 791).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(transparent)]
pub struct Mtu(Size);

impl Mtu {
    /// The smallest (RFC 791) \[bytes\].
    pub const LEAST: u64 = 68;

    /// One of that size, if it is from [`Mtu::LEAST`] to 65535 bytes.
    pub fn new(size: Size) -> Option<Self> {
        (Self::LEAST..=65_535).contains(&size.as_bytes()).then_some(Self(size))
    }

    /// The least that IPv6 allows (RFC 8200 §5).
    pub(crate) const IPV6_LEAST: Self = Self(Size::from_bytes(1280));

    /// Bytes.
    pub const fn as_bytes(self) -> u64 {
        self.0.as_bytes()
    }
}

impl Default for Mtu {
    fn default() -> Self {
        Self(Size::from_bytes(1500))
    }
}

impl<'de> Deserialize<'de> for Mtu {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let size = Size::deserialize(deserializer)?;
        if size.as_bytes() < Self::LEAST {
            return Err(de::Error::custom(format!("an MTU is at least 68 B (RFC 791), not {size}")));
        }
        if size.as_bytes() > 65_535 {
            return Err(de::Error::custom(format!("an MTU is at most 65535 B, not {size}")));
        }
        Ok(Self(size))
    }
}

/// How much may wait for the serialiser, the packet in service not counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QueueLimit {
    /// So many packets.
    Packets(u64),
    /// So many bytes of IP packets.
    Bytes(Size),
}

impl Default for QueueLimit {
    fn default() -> Self {
        Self::Packets(1000)
    }
}

impl FromStr for QueueLimit {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.trim().trim_end_matches("packets").trim_end_matches("packet").trim();
        if number.len() < text.trim().len() {
            let hint = || format!("expected a number of packets such as \"100 packets\", found \"{text}\"");
            return number.parse().map(Self::Packets).map_err(|_| hint());
        }
        text.parse().map(Self::Bytes).map_err(|e: protosim_core::QuantityError| {
            format!("{e}; a queue limit is a number of packets (\"100 packets\") or a size (\"64 KiB\")")
        })
    }
}

impl fmt::Display for QueueLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packets(n) => write!(f, "{n} packets"),
            Self::Bytes(size) => write!(f, "{size}"),
        }
    }
}

impl<'de> Deserialize<'de> for QueueLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = QueueLimit;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a queue limit such as \"100 packets\" or \"64 KiB\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<QueueLimit, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

impl Serialize for QueueLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a link adds to each IP packet on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Framing {
    /// Nothing.
    #[default]
    None,
    /// Ethernet II: 14 bytes of header, 4 of check sequence, 8 of preamble, 12 of gap; packets under 46
    /// bytes are padded (IEEE 802.3).
    Ethernet,
    /// So many bytes around each packet, which is padded to at least `min_packet`.
    Custom {
        /// Bytes added to each packet.
        overhead: Size,
        /// Packets shorter than this are padded to it.
        min_packet: Size,
    },
}

impl Framing {
    /// Bytes on the wire for an IP packet of `len` bytes.
    #[inline]
    pub const fn wire_len(self, len: u64) -> u64 {
        let (overhead, min_packet) = match self {
            Self::None => (0, 0),
            Self::Ethernet => (14 + 4 + 8 + 12, 46),
            Self::Custom { overhead, min_packet } => (overhead.as_bytes(), min_packet.as_bytes()),
        };
        // Both are at most 64 KiB, see `LinkConfig::check`.
        overhead.saturating_add(if len < min_packet { min_packet } else { len })
    }
}
