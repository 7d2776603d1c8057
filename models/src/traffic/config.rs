//! What a user says of a traffic source and of a sink.

use super::duration::TimeDistribution;
use super::size::{MAX_PAYLOAD_BYTES, SizeDistribution, Sizes, SizesOf};
use super::trace::TraceFile;
use crate::app::TrafficClass;
use crate::name::NodeName;
use crate::packet::Ecn;
use protosim_core::{Purpose, Rate, Size, Span};
use serde::{Deserialize, Serialize};

/// A field, by its path from the configuration's top, and what is wrong with it.
pub type Finding = (&'static str, String);

/// On periods are at least this share of the gap between datagrams at full rate: else more than 10^4 periods could pass
/// without one.
const SHORTEST_ON: f64 = 1e-4;

/// A source of UDP datagrams.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UdpSourceConfig {
    /// The node that they go to. Required.
    pub to: NodeName,
    /// The UDP port that they go to, 1 to 65535. Required.
    pub port: u16,
    /// Bits per second of what `sizes_of` says; the rest of headers, and framing, come on top. Needed by the patterns
    /// `Constant`, `Poisson` and `OnOff`; the others have none.
    #[serde(default)]
    pub rate: Option<Rate>,
    /// How large datagrams are: UDP payload, unless `sizes_of` says otherwise. Needed by all patterns but `Replay`.
    #[serde(default)]
    pub payload: Option<SizeDistribution>,
    /// What `payload`, `rate` and the sizes of a trace are of. Default: Payload.
    #[serde(default)]
    pub sizes_of: SizesOf,
    /// When datagrams are sent. Default: Constant.
    #[serde(default)]
    pub pattern: Pattern,
    /// From when on they are sent, after the node's start by its own clock. Default: 0 s.
    #[serde(default)]
    pub start: Span,
    /// From when on none is sent, after the node's start by its own clock. Default: never.
    #[serde(default)]
    pub stop: Option<Span>,
    /// How many are sent in all. Default: no limit, or the length of the trace.
    #[serde(default)]
    pub count: Option<u64>,
    /// How their packets are marked for congestion notification (RFC 3168). Default: NotEct.
    #[serde(default)]
    pub ecn: EcnMark,
    /// Differentiated services codepoint of their packets (RFC 2474), 0 to 63. Default: 0.
    #[serde(default)]
    pub dscp: u8,
}

/// When a source sends.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub enum Pattern {
    /// At `rate`: each datagram leaves when those before it have taken their time at this rate.
    #[default]
    Constant,
    /// With exponential gaps whose mean gives `rate`, whatever the sizes: the first datagram comes after a gap too.
    Poisson,
    /// Like `Constant` in on periods, silent in off periods; what of a gap is left when a period ends is left for
    /// the next one. Whether it starts on or off, and how far into the period, is drawn, so that it starts as it goes on.
    OnOff {
        /// How long it is on.
        on: TimeDistribution,
        /// How long it is off.
        off: TimeDistribution,
    },
    /// One datagram in each period.
    Periodic {
        /// The period.
        every: Span,
        /// Each is late by a time drawn evenly from 0 to this, which does not add up; at most `every`. Default: 0 s.
        #[serde(default)]
        jitter: Span,
        /// True if the first period starts at a moment drawn evenly from one period: so a thousand sensors do not
        /// all send at once. Default: false.
        #[serde(default)]
        random_phase: bool,
    },
    /// As a file says: `time_s,payload_bytes` in each line, with times after `start`.
    Replay {
        /// The file, relative to the folder of the scenario.
        file: TraceFile,
    },
}

/// What a sender writes in the congestion notification field (RFC 3168 §5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum EcnMark {
    /// It takes no part: queues drop where they would mark.
    #[default]
    NotEct,
    /// It takes part, codepoint ECT(0).
    Ect0,
    /// It takes part, codepoint ECT(1), which asks for the low-latency service (RFC 9331).
    Ect1,
}

impl EcnMark {
    /// The traffic class of a socket that marks so.
    pub(super) const fn with_dscp(self, dscp: u8) -> TrafficClass {
        let ecn = match self {
            Self::NotEct => Ecn::NotEct,
            Self::Ect0 => Ecn::Ect0,
            Self::Ect1 => Ecn::Ect1,
        };
        TrafficClass { dscp, ecn }
    }
}

impl UdpSourceConfig {
    /// A source at a constant rate with everything else at its default.
    pub fn constant(to: NodeName, port: u16, rate: Rate, payload: Size) -> Self {
        Self {
            to,
            port,
            rate: Some(rate),
            payload: Some(SizeDistribution::Fixed(payload)),
            sizes_of: SizesOf::Payload,
            pattern: Pattern::Constant,
            start: Span::ZERO,
            stop: None,
            count: None,
            ecn: EcnMark::NotEct,
            dscp: 0,
        }
    }

    /// From one datagram to the next, where that is not drawn.
    pub fn exact_gap(&self) -> Option<Span> {
        match (&self.pattern, &self.payload, self.rate) {
            (Pattern::Constant, Some(SizeDistribution::Fixed(size)), Some(rate)) => {
                Some(rate.serialise(size.as_bytes(), 0).0)
            }
            (Pattern::Periodic { every, .. }, ..) => Some(*every),
            _ => None,
        }
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        check_port(self.port, &mut found);
        self.check_pattern(&mut found);
        if let Some(payload) = &self.payload {
            // The smaller headers, of IPv4: with those of IPv6 a very short packet has one byte of payload.
            let low = 1 + self.sizes_of.header(true);
            found.extend(payload.check(low, MAX_PAYLOAD_BYTES).map(|why| ("payload", why)));
        }
        check_end(self.start, self.stop, self.count, &mut found);
        check_dscp(self.dscp, &mut found);
        found
    }

    /// What the pattern needs and what it has no use for.
    fn check_pattern(&self, found: &mut Vec<Finding>) {
        let (has_rate, has_sizes) = (self.rate.is_some(), self.payload.is_some());
        let (name, takes_rate) = match &self.pattern {
            Pattern::Constant => ("Constant", true),
            Pattern::Poisson => ("Poisson", true),
            Pattern::OnOff { .. } => ("OnOff", true),
            Pattern::Periodic { .. } => ("Periodic", false),
            Pattern::Replay { .. } => ("Replay", false),
        };
        let takes_sizes = !matches!(self.pattern, Pattern::Replay { .. });
        if takes_rate && !has_rate {
            found.push(("rate", format!("is needed by the pattern `{name}`, such as \"10 Mbit/s\"")));
        } else if has_rate && !takes_rate {
            found.push(("rate", format!("has no effect: the pattern `{name}` says when to send")));
        }
        if takes_sizes && !has_sizes {
            found.push(("payload", format!("is needed by the pattern `{name}`, such as \"1000 B\"")));
        } else if has_sizes && !takes_sizes {
            found.push(("payload", "has no effect: sizes come from the trace".to_owned()));
        }
        match &self.pattern {
            Pattern::OnOff { on, off } => self.check_periods(on, off, found),
            Pattern::Periodic { every, .. } if every.is_zero() => {
                found.push(("pattern.every", "is longer than zero: datagrams would never end".to_owned()));
            }
            Pattern::Periodic { every, jitter, .. } if jitter > every => {
                found.push(("pattern.jitter", format!("is at most the period of {every}, not {jitter}")));
            }
            _ => {}
        }
    }

    fn check_periods(&self, on: &TimeDistribution, off: &TimeDistribution, found: &mut Vec<Finding>) {
        for (field, periods) in [("pattern.on", on), ("pattern.off", off)] {
            if let Some(why) = periods.check() {
                found.push((field, why));
            } else if !periods.mean_secs().is_finite() {
                let why = "has no mean, and so no share of time: give it a `max`, or a `shape` above 1".to_owned();
                found.push((field, why));
            } else if periods.mean_secs() <= 0.0 {
                found.push((field, "is longer than zero".to_owned()));
            }
        }
        let sound = found.iter().all(|(field, _)| !field.starts_with("pattern"));
        if let (true, Some(gap)) = (sound, self.mean_gap_secs())
            && on.mean_secs() < SHORTEST_ON * gap
        {
            let why = format!("is too short: at this rate a datagram takes {gap} s, ten thousand periods and more");
            found.push(("pattern.on", why));
        }
    }

    /// From one datagram to the next at `rate`, on average [s].
    fn mean_gap_secs(&self) -> Option<f64> {
        let header = self.sizes_of.header(true);
        let sizes = Sizes::new(self.payload.as_ref()?, header, 1, Purpose("traffic.size"));
        Some(sizes.mean() * 8.0 / self.rate?.as_bits_per_sec() as f64)
    }

    /// The longest UDP payload that it sends in packets with `ip_header` bytes of IP header [bytes]; 0 while its trace
    /// is not known.
    pub fn longest_payload(&self, ip_header: u64) -> u64 {
        let size = match (&self.pattern, &self.payload) {
            (Pattern::Replay { file }, _) => file.trace().map_or(0, |trace| trace.longest()),
            (_, Some(payload)) => payload.longest(),
            (_, None) => 0,
        };
        // Without limit a law of packets ends where datagrams do.
        size.saturating_sub(self.sizes_of.header(ip_header == 20))
    }

    /// True if it comes to an end by itself.
    pub fn has_end(&self) -> bool {
        self.count.is_some() || self.stop.is_some() || matches!(self.pattern, Pattern::Replay { .. })
    }

    /// The trace that it needs before it can be built, and the field that names it.
    pub fn trace_file(&mut self) -> Option<(&'static str, &mut TraceFile)> {
        match &mut self.pattern {
            Pattern::Replay { file } => Some(("pattern.file", file)),
            _ => None,
        }
    }
}

/// A receiver of UDP datagrams.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UdpSinkConfig {
    /// The UDP port that it listens on, 1 to 65535. Required.
    pub port: u16,
}

impl UdpSinkConfig {
    /// Fields that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        check_own_port(self.port, &mut found);
        found
    }
}

/// The port of someone else.
pub(crate) fn check_port(port: u16, found: &mut Vec<Finding>) {
    if port == 0 {
        found.push(("port", "is 1 to 65535: nobody can listen on port 0".to_owned()));
    }
}

/// The port that an application listens on.
pub(crate) fn check_own_port(port: u16, found: &mut Vec<Finding>) {
    if port == 0 {
        found.push(("port", "is 1 to 65535: no source could name port 0".to_owned()));
    }
}

pub(super) fn check_dscp(dscp: u8, found: &mut Vec<Finding>) {
    if dscp > 63 {
        found.push(("dscp", format!("is 0 to 63 (RFC 2474), not {dscp}")));
    }
}

/// When a source ends.
pub(crate) fn check_end(start: Span, stop: Option<Span>, count: Option<u64>, found: &mut Vec<Finding>) {
    if let Some(stop) = stop.filter(|stop| *stop <= start) {
        found.push(("stop", format!("at {stop} is not after the start at {start}: nothing would be sent")));
    }
    if count == Some(0) {
        found.push(("count", "is at least 1: nothing would be sent".to_owned()));
    }
    if count.is_some() && stop.is_some() {
        found.push(("count", "and `stop` both say when to end: give one of them".to_owned()));
    }
}
