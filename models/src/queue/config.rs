//! What a user says of a queue.
//!
//! ```ron
//! queue: "100 packets"
//! queue: CoDel(target: "5 ms", ecn: true)
//! queue: Priority(scheduler: Strict, classes: [(dscp: [46], queue: "20 packets"), (queue: FqCoDel())])
//! ```
//!
//! Every constant can be set; defaults are those of the RFC, or of Linux or ns-3 where that is silent.

use crate::link::QueueLimit;
use protosim_core::{Rate, Ratio, Size, Span, maths};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// How what waits for a link is ordered, marked and dropped. A bare limit, as in `"100 packets"`, is drop-tail: the
/// scenario reader takes a bare word for the first variant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename(serialize = "Queue", deserialize = "~Queue"), deny_unknown_fields)]
pub enum QueueConfig {
    /// First in, first out; what finds no place is dropped.
    DropTail(QueueLimit),
    /// Controlled delay (RFC 8289).
    CoDel(CoDelConfig),
    /// Flow queues with CoDel (RFC 8290).
    FqCoDel(FqCoDelConfig),
    /// Proportional integral controller enhanced (RFC 8033).
    Pie(PieConfig),
    /// Coupled queues for L4S and classic traffic (RFC 9332).
    DualPi2(DualPi2Config),
    /// Random early detection (RFC 2309, RFC 7567).
    Red(RedConfig),
    /// Marking above a length (RFC 8257, DCTCP).
    Threshold(ThresholdConfig),
    /// Classes with queues of their own.
    Priority(PriorityConfig),
}

/// Controlled delay (CoDel, RFC 8289).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CoDelConfig {
    /// What may wait; more is dropped from the tail. Default: 1000 packets (Linux `codel`).
    pub limit: QueueLimit,
    /// Delay that a standing queue may cause. Default: 5 ms (RFC 8289 §5.3).
    pub target: Span,
    /// For how long the delay must be above target before the first drop; about the longest round trip. Default: 100 ms
    /// (RFC 8289 §5.3).
    pub interval: Span,
    /// Marks ECT packets instead of dropping them. Default: false (Linux `codel`).
    pub ecn: bool,
}

/// Flow queues with CoDel (FQ-CoDel, RFC 8290).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FqCoDelConfig {
    /// What may wait in all flow queues together. Default: 10240 packets (RFC 8290 §5.2.3).
    pub limit: QueueLimit,
    /// Delay that a standing queue may cause, in each flow queue. Default: 5 ms (RFC 8290 §5.2.2).
    pub target: Span,
    /// For how long the delay must be above target before the first drop. Default: 100 ms (RFC 8290 §5.2.1).
    pub interval: Span,
    /// IP bytes that a flow queue may send in its turn. Default: 1514 B (RFC 8290 §5.2.4).
    pub quantum: Size,
    /// How many flow queues there are. Default: 1024 (RFC 8290 §5.2.5).
    pub flows: u32,
    /// Marks ECT packets instead of dropping them. Default: true (RFC 8290 §5.2.6).
    pub ecn: bool,
}

/// Proportional integral controller enhanced (PIE, RFC 8033).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PieConfig {
    /// What may wait; more is dropped from the tail. Default: 1000 packets (Linux `pie`).
    pub limit: QueueLimit,
    /// Delay that it steers to, QDELAY_REF. Default: 15 ms (RFC 8033 §4.2).
    pub target: Span,
    /// From one update of the probability to the next, T_UPDATE. Default: 15 ms (RFC 8033 §4.2).
    pub update: Span,
    /// Gain of the deviation from target. Default: 0.125 Hz (RFC 8033 appendix A).
    pub alpha: Gain,
    /// Gain of the change since the last update. Default: 1.25 Hz (RFC 8033 appendix A).
    pub beta: Gain,
    /// Length of a burst that is let through, MAX_BURST. Default: 150 ms (RFC 8033 §4.4).
    pub burst: Span,
    /// Size of a mean packet: nothing is dropped while no more than two of them wait. Default: 1024 B (RFC 8034,
    /// DOCSIS-PIE; RFC 8033 gives none).
    pub mean_packet: Size,
    /// Marks ECT packets instead of dropping them, while the probability is below `mark_below`. Default: false (Linux
    /// `pie`).
    pub ecn: bool,
    /// From this probability on, ECT packets are dropped too, mark_ecnth. Default: 10 % (RFC 8033 §5.1).
    pub mark_below: Ratio,
    /// Keeps drops from being too near to and too far from each other (RFC 8033 §5.4). Default: false (RFC 8033 appendix
    /// A).
    pub derandomized: bool,
}

/// Coupled queues for L4S and classic traffic (DualPI2, RFC 9332 appendix A).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DualPi2Config {
    /// What may wait in both queues together. Default: 10000 packets (Linux; RFC 9332: 250 ms at the highest rate).
    pub limit: QueueLimit,
    /// Delay that it steers the classic queue to. Default: 15 ms (RFC 9332 figure 2).
    pub target: Span,
    /// The longest round trip that it must be stable for, RTT_max. Default: 100 ms (RFC 9332 figure 2).
    pub rtt_max: Span,
    /// From one update to the next, Tupdate. Default: the lesser of `target` and a third of `rtt_max` (RFC 9332 figure 2).
    pub update: Option<Span>,
    /// Gain of the deviation from target. Default: 0.1 × `update` / `rtt_max`², 0.15 Hz (RFC 9332 figure 2).
    pub alpha: Option<Gain>,
    /// Gain of the change since the last update. Default: 0.3 / `rtt_max`, 3 Hz (RFC 9332 figure 2).
    pub beta: Option<Gain>,
    /// How many times as much L4S packets are marked as the root of the classic probability, k. Default: 2 (RFC 9332
    /// figure 2).
    pub coupling: u32,
    /// Delay at which the L queue starts to mark by itself. Default: 800 µs (RFC 9332 figure 2).
    pub min_threshold: Span,
    /// How much more delay it takes until it marks all; zero makes a step. Default: 400 µs (RFC 9332 figure 2).
    pub range: Span,
    /// The L queue does not mark by itself what leaves no more packets behind than this, Th_len. Default: 1 (RFC 9332
    /// figure 2).
    pub min_packets: u32,
    /// The classic queue's part while both queues have packets. Default: 10 (Linux: 10 %).
    pub classic_weight: u32,
    /// The L queue's part while both queues have packets. Default: 90 (Linux: 90 %).
    pub l4s_weight: u32,
}

/// Random early detection (RED).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RedConfig {
    /// What may wait; more is dropped from the tail. Default: 25 packets (ns-3).
    pub limit: QueueLimit,
    /// Average length below which nothing is dropped, in packets or bytes. Default: 5 packets (ns-2).
    pub min_threshold: QueueLimit,
    /// Average length at which `max_probability` is reached, in the same unit. Default: 15 packets (ns-2).
    pub max_threshold: QueueLimit,
    /// Probability of a drop just below `max_threshold`. Default: 2 % (ns-3; ns-2 has 10 %).
    pub max_probability: Ratio,
    /// Weight of each new length in the average. Default: 0.2 % (ns-2; Floyd and Jacobson 1993).
    pub weight: Ratio,
    /// Lets the probability rise to 1 at twice `max_threshold`, instead of dropping all above it. Default: true (ns-2).
    pub gentle: bool,
    /// Rate at which an idle link could have sent, by which the average falls. Default: the link's rate at the start, or 10
    /// Mbit/s if it has none (Linux `red`).
    pub bandwidth: Option<Rate>,
    /// Size of a mean packet, of which an idle link could have sent many. Default: 500 B (ns-2).
    pub mean_packet: Size,
    /// Marks ECT packets instead of dropping them at random. Default: false (Linux `red`).
    pub ecn: bool,
}

/// Marking above a length (DCTCP, RFC 8257 §3.1).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThresholdConfig {
    /// What may wait; more is dropped from the tail. Default: 1000 packets (Linux `pfifo`).
    #[serde(default)]
    pub limit: QueueLimit,
    /// ECT packets that arrive while more than this waits are marked, others dropped. Required; more than a seventh of
    /// rate × round trip keeps the link busy (RFC 8257 §3.1 names the DCTCP paper, where it is 20 packets at 1 Gbit/s).
    pub mark_above: QueueLimit,
}

/// Classes of packets with queues of their own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriorityConfig {
    /// How it chooses between classes. Default: Strict.
    #[serde(default)]
    pub scheduler: Scheduler,
    /// The classes, the highest first. The last one takes what no other names. Required.
    pub classes: Vec<ClassConfig>,
}

/// How a choice between classes is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Scheduler {
    /// The first class that has a packet.
    #[default]
    Strict,
    /// In turn, bytes in proportion to the weights.
    Weighted,
}

/// One class of packets. A packet belongs to the first class that names its DSCP or its port.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassConfig {
    /// Differentiated services codepoints, 0 to 63. Default: none.
    #[serde(default)]
    pub dscp: Option<Vec<u8>>,
    /// Destination ports of UDP and TCP, 1 to 65535. Default: none.
    #[serde(default)]
    pub ports: Option<Vec<u16>>,
    /// Its part of the bytes, beside those of the other classes; with `Weighted` only. Default: 1.
    #[serde(default)]
    pub weight: Option<u32>,
    /// Its queue. Default: 1000 packets (Linux `pfifo`).
    #[serde(default)]
    pub queue: QueueConfig,
}

/// A controller's gain \[Hz\], as in `"0.125 Hz"`: probability for each second of delay. Exact to a millionth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Gain(u64);

impl Gain {
    /// Most that can be written \[Hz\].
    const MAX_HZ: f64 = 1e6;

    /// A gain of so many millionths of a hertz.
    pub const fn from_micro_hz(micro_hz: u64) -> Self {
        Self(micro_hz)
    }

    /// In hertz.
    pub fn as_hz(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl FromStr for Gain {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let hint = || format!("expected a gain such as \"0.125 Hz\", found \"{text}\"");
        let number = text.trim().strip_suffix("Hz").ok_or_else(hint)?.trim_end();
        let hz: f64 = number.parse().map_err(|_| hint())?;
        if !(0.0..=Self::MAX_HZ).contains(&hz) {
            return Err(format!("a gain is 0 Hz to 1000000 Hz, not \"{text}\""));
        }
        let gain = Self(maths::round_to_u64(hz * 1e6));
        // The nearest float to a whole number of millionths is the quotient; anything else has more decimals.
        if gain.as_hz() == hz { Ok(gain) } else { Err(format!("a gain has at most six decimals, not \"{text}\"")) }
    }
}

impl fmt::Display for Gain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz", self.as_hz())
    }
}

impl<'de> Deserialize<'de> for Gain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Gain;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a gain such as \"0.125 Hz\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Gain, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

impl Serialize for Gain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self::DropTail(QueueLimit::default())
    }
}

impl From<QueueLimit> for QueueConfig {
    fn from(limit: QueueLimit) -> Self {
        Self::DropTail(limit)
    }
}

impl Default for CoDelConfig {
    fn default() -> Self {
        Self {
            limit: QueueLimit::Packets(1000),
            target: Span::from_millis(5),
            interval: Span::from_millis(100),
            ecn: false,
        }
    }
}

impl Default for FqCoDelConfig {
    fn default() -> Self {
        Self {
            limit: QueueLimit::Packets(10_240),
            target: Span::from_millis(5),
            interval: Span::from_millis(100),
            quantum: Size::from_bytes(1514),
            flows: 1024,
            ecn: true,
        }
    }
}

impl Default for PieConfig {
    fn default() -> Self {
        Self {
            limit: QueueLimit::Packets(1000),
            target: Span::from_millis(15),
            update: Span::from_millis(15),
            alpha: Gain::from_micro_hz(125_000),
            beta: Gain::from_micro_hz(1_250_000),
            burst: Span::from_millis(150),
            mean_packet: Size::from_bytes(1024),
            ecn: false,
            mark_below: Ratio::from_percent(10),
            derandomized: false,
        }
    }
}

impl Default for DualPi2Config {
    fn default() -> Self {
        Self {
            limit: QueueLimit::Packets(10_000),
            target: Span::from_millis(15),
            rtt_max: Span::from_millis(100),
            update: None,
            alpha: None,
            beta: None,
            coupling: 2,
            min_threshold: Span::from_micros(800),
            range: Span::from_micros(400),
            min_packets: 1,
            classic_weight: 10,
            l4s_weight: 90,
        }
    }
}

impl DualPi2Config {
    /// From one update to the next, given or derived.
    pub fn update_period(&self) -> Span {
        self.update.unwrap_or_else(|| self.target.min(Span::from_nanos(self.rtt_max.as_nanos() / 3)))
    }

    /// The gains alpha and beta \[Hz\], given or derived.
    pub fn gains(&self) -> (f64, f64) {
        let rtt_max = self.rtt_max.as_secs_f64();
        let alpha = 0.1 * self.update_period().as_secs_f64() / (rtt_max * rtt_max);
        (self.alpha.map_or(alpha, Gain::as_hz), self.beta.map_or(0.3 / rtt_max, Gain::as_hz))
    }
}

impl Default for RedConfig {
    fn default() -> Self {
        Self {
            limit: QueueLimit::Packets(25),
            min_threshold: QueueLimit::Packets(5),
            max_threshold: QueueLimit::Packets(15),
            max_probability: Ratio::from_percent(2),
            // A constant that parses; a test holds it.
            weight: DEFAULT_RED_WEIGHT.parse().unwrap_or(Ratio::ZERO),
            gentle: true,
            bandwidth: None,
            mean_packet: Size::from_bytes(500),
            ecn: false,
        }
    }
}

/// w_q (ns-2).
const DEFAULT_RED_WEIGHT: &str = "0.2 %";
