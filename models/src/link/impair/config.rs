//! What a user says of a link's impairments beside plain loss.

use crate::name::FileName;
use protosim_core::{Ratio, Size, Span, maths};
use serde::{Deserialize, Serialize};

/// What one direction of a link does to packets, beside losing each with the same probability (`loss`). Everything acts on
/// a packet when its last bit leaves, with what holds at that moment.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImpairConfig {
    /// Loss in bursts (Gilbert–Elliott, or outages). Default: none.
    pub bursts: Option<Bursts>,
    /// Probability that a bit is wrong on the way; a packet with a wrong bit is lost, so that long packets are lost more
    /// often: 1 − (1 − e)^(8 n) for n bytes with framing. Default: none.
    pub bit_errors: Option<f64>,
    /// Losses as recorded: a file with a line per packet, `0` for one that passed and `1` for one that was lost. It begins
    /// anew at its end. Default: none.
    pub loss_trace: Option<FileName>,
    /// Rules that name what is dropped. Default: none.
    pub drop: Vec<DropRule>,
    /// Delay on top of the link's, drawn for each packet. Default: none.
    pub jitter: Option<Jitter>,
    /// Whether packets overtake each other. Default: they do not; one whose jitter is shorter than that of the packet before it
    /// arrives together with it.
    pub reorder: Option<Reorder>,
    /// Probability that a packet arrives twice; the copy has a jitter of its own. Default: 0 %.
    pub duplicate: Option<Ratio>,
    /// Bits that are flipped on the way. Default: none.
    pub corrupt: Option<Corrupt>,
}

/// Loss in bursts. `Mean` and `Chain`: a chain with a good and a bad state makes one step per packet (Gilbert 1960, Elliott
/// 1963). Whether a packet is lost is decided in the state that it finds; then the chain steps. It starts in its stationary
/// distribution. `Outages` last for a time, however many packets it meets.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub enum Bursts {
    /// By what comes out, with nothing lost in the good state and everything in the bad one.
    Mean {
        /// Share of packets that are lost, in the mean.
        loss: Ratio,
        /// Length of a run of lost packets, in the mean \[packets\]; at least 1.
        length: f64,
    },
    /// By the chain's own probabilities.
    Chain {
        /// From the good to the bad state, at each packet.
        to_bad: Ratio,
        /// From the bad to the good state, at each packet.
        to_good: Ratio,
        /// Loss in the good state. Default: 0 %.
        #[serde(default)]
        good_loss: Ratio,
        /// Loss in the bad state. Default: 100 %.
        #[serde(default = "always")]
        bad_loss: Ratio,
    },
    /// A packet that is lost takes with it what comes close behind. With a `length` below the round trip and above the time that
    /// a window of TCP takes to leave, a loss is of all that is left of the window: what a full drop-tail queue on the way does,
    /// and what formulas of TCP's throughput assume (Padhye and others 1998).
    Outages {
        /// An outage begins with a packet with this probability, unless one lasts.
        chance: Ratio,
        /// That packet is lost, and all whose last bits leave less than this after its last bit.
        length: Span,
    },
}

fn always() -> Ratio {
    Ratio::ONE
}

/// Delay on top of a link's, by a draw per packet; a bare time is [`Jitter::Uniform`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename(serialize = "Jitter", deserialize = "~Jitter"), deny_unknown_fields)]
pub enum Jitter {
    /// Uniform from zero to this.
    Uniform(Span),
    /// Normal, never below zero.
    Normal {
        /// Mean, before what is below zero becomes zero.
        mean: Span,
        /// Standard deviation.
        deviation: Span,
    },
    /// Exponential with this mean.
    Exponential {
        /// Mean.
        mean: Span,
    },
    /// Pareto (Lomax) from zero on: most are short, a few very long.
    Pareto {
        /// Mean.
        mean: Span,
        /// Shape, above 1 for a mean to exist; the smaller, the heavier the tail.
        shape: Milli,
    },
}

/// A number in thousandths, so that configurations can be compared exactly: written as `2.5`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Milli(pub u32);

impl Milli {
    /// As a float.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

impl Serialize for Milli {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_f64())
    }
}

impl<'de> Deserialize<'de> for Milli {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let x = f64::deserialize(deserializer)?;
        if !(0.0..=1e6).contains(&x) {
            return Err(serde::de::Error::custom(format!("a number from 0 to 1000000, not {x}")));
        }
        Ok(Self(maths::round_to_u64(x * 1000.0) as u32))
    }
}

/// How packets overtake each other; a bare share is [`Reorder::Early`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename(serialize = "Reorder", deserialize = "~Reorder"), deny_unknown_fields)]
pub enum Reorder {
    /// This share of packets skips delay and jitter, and overtakes all that are on their way.
    Early(Ratio),
    /// A packet with a short jitter overtakes one with a long one.
    ByJitter,
}

/// Flipped bits; a bare share is [`Corrupt::Checked`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename(serialize = "Corrupt", deserialize = "~Corrupt"), deny_unknown_fields)]
pub enum Corrupt {
    /// In this share of packets one bit of the IP packet is flipped, each as likely as any other. The receivers' checksums
    /// decide what becomes of it; IPv6 has none over its header.
    Checked(Ratio),
    /// In this share of packets one bit behind the transport header is flipped, and no checksum sees it, as where memory
    /// fails before a checksum is computed: it is delivered as it is.
    Unnoticed(Ratio),
}

/// Names packets that are dropped, in this direction of the link.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DropRule {
    /// The kind of packets that count, as in `"udp"`, `"coap.ack"` or `"tcp.syn"`. Of TCP, `"tcp.data"` are the segments that carry data,
    /// `"tcp.ack"` those that do nothing but acknowledge. Default: all.
    pub of: Option<String>,
    /// Only segments that carry a byte of this part of their stream; with `of: "tcp.data"`. So the last segment of a transfer can be named
    /// by its last byte. Default: all.
    pub bytes: Option<StreamPart>,
    /// Only packets of this conversation, counted from 1 in the order in which conversations are first seen here (CoAP: by token
    /// and endpoints; TCP: by endpoints).
    pub exchange: Option<u64>,
    /// Only packets that carry this message, counted from 1 in the order in which messages are first seen here, within the
    /// exchange if one is given; the same message sent again is the same message (CoAP: by message id; TCP: by sequence number,
    /// what only acknowledges by acknowledgment number). So the third segment of data is `of: "tcp.data", message: 3`, and
    /// `which` tells which of its transmissions.
    pub message: Option<u64>,
    /// Counts start anew for each exchange or message.
    pub each: Option<Each>,
    /// Which of them.
    pub which: Which,
}

/// A part of the bytes that a connection carries one way, counted from 0. A link that sees no SYN counts from the first data
/// that it sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamPart {
    /// How much of the stream precedes it. Default: 0 B.
    #[serde(default)]
    pub from: Size,
    /// Where it ends: this many bytes from the start of the stream. Default: with the stream.
    #[serde(default)]
    pub to: Option<Size>,
}

/// What counts start anew for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Each {
    /// Each exchange.
    Exchange,
    /// Each message: its transmissions are counted.
    Message,
}

/// Which of the packets that a rule is about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Which {
    /// The k-th, counted from 1.
    Nth(u64),
    /// All of these, counted from 1.
    List(Vec<u64>),
    /// The k-th, the 2 k-th and so on.
    Every(u64),
    /// The first n.
    First(u64),
    /// From the k-th on, all.
    From(u64),
    /// A run of them.
    Run {
        /// The first, counted from 1.
        from: u64,
        /// The last.
        to: u64,
    },
}

impl Bursts {
    /// Probabilities: to bad, to good, loss in the good state, loss in the bad one. Outages have no chain: it stays good.
    pub fn chain(&self) -> (Ratio, Ratio, Ratio, Ratio) {
        match *self {
            // Mean loss P = p / (p + r) and mean burst 1 / r: r = 1 / b, p = r P / (1 - P).
            Self::Mean { loss, length } => {
                let (share, to_good) = (loss.as_f64(), 1.0 / length);
                let to_bad = to_good * share / (1.0 - share);
                (Ratio::from_f64(to_bad), Ratio::from_f64(to_good), Ratio::ZERO, Ratio::ONE)
            }
            Self::Chain { to_bad, to_good, good_loss, bad_loss } => (to_bad, to_good, good_loss, bad_loss),
            Self::Outages { .. } => Default::default(),
        }
    }
}

impl ImpairConfig {
    /// True if it does nothing.
    pub fn is_idle(&self) -> bool {
        *self == Self::default()
    }

    /// True if packets may overtake each other.
    pub fn overtakes(&self) -> bool {
        self.reorder.is_some()
    }

    /// True if some packets skip the link's delay.
    pub fn skips_delay(&self) -> bool {
        matches!(self.reorder, Some(Reorder::Early(share)) if !share.is_zero())
    }

    /// Fields that cannot take effect, or contradict each other: the field's path, and why.
    pub fn check(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut refuse = |field: &str, why: String| found.push((field.to_owned(), why));
        if self.is_idle() {
            refuse("", "has no effect: it impairs nothing".to_owned());
        }
        match self.bursts {
            Some(Bursts::Mean { loss, length }) => {
                if !(1.0..=1e9).contains(&length) {
                    refuse("bursts.length", format!("is at least 1 packet, not {length}"));
                } else if loss == Ratio::ONE {
                    refuse("bursts.loss", "is below 100 %: use `loss` to lose everything".to_owned());
                } else if loss.as_f64() / (1.0 - loss.as_f64()) > length {
                    let most = length / (1.0 + length) * 100.0;
                    let why = format!("bursts of {length} packets make at most {most:.1} % loss, not {loss}");
                    refuse("bursts.loss", why);
                }
            }
            Some(Bursts::Chain { to_bad, good_loss, bad_loss, .. }) => {
                if to_bad.is_zero() && good_loss.is_zero() {
                    refuse("bursts", "has no effect: it never leaves the good state, where nothing is lost".to_owned());
                } else if good_loss == bad_loss {
                    refuse("bursts", "loses as much in both states: use `loss` instead".to_owned());
                }
            }
            Some(Bursts::Outages { chance, length }) => {
                if chance.is_zero() {
                    refuse("bursts.chance", "has no effect: no outage begins".to_owned());
                } else if length.is_zero() {
                    refuse("bursts.length", "is longer than 0 s: use `loss` to lose single packets".to_owned());
                }
            }
            None => {}
        }
        if let Some(errors) = self.bit_errors.filter(|e| !(*e > 0.0 && *e < 1.0)) {
            refuse("bit_errors", format!("is a probability between 0 and 1, such as 1e-6, not {errors}"));
        }
        if self.reorder == Some(Reorder::ByJitter) && self.jitter.is_none() {
            refuse("reorder", "has no effect: without `jitter` all packets take the same time".to_owned());
        }
        if let Some(Jitter::Pareto { shape, .. }) = self.jitter
            && shape.0 <= 1000
        {
            refuse("jitter.shape", format!("is above 1, where a mean exists, not {}", shape.as_f64()));
        }
        for (index, rule) in self.drop.iter().enumerate() {
            for (field, why) in rule.check() {
                refuse(&format!("drop.{index}.{field}"), why);
            }
        }
        found
    }
}

impl DropRule {
    fn check(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        let zero = match &self.which {
            Which::Nth(k) | Which::Every(k) | Which::First(k) | Which::From(k) => *k == 0,
            Which::List(all) => all.is_empty() || all.contains(&0),
            Which::Run { from, .. } => *from == 0,
        };
        if zero {
            found.push(("which", "has no effect: packets are counted from 1".to_owned()));
        }
        if let Which::Run { from, to } = self.which
            && to < from
        {
            found.push(("which", format!("has no effect: the run ends with {to}, before it begins with {from}")));
        }
        match self.bytes {
            Some(StreamPart { from, to: Some(to) }) if to <= from => {
                found.push(("bytes", format!("has no effect: there is no byte from {from} to {to}")));
            }
            Some(StreamPart { from, to: None }) if from.as_bytes() == 0 => {
                found.push(("bytes", "has no effect: it is the whole stream".to_owned()));
            }
            _ => {}
        }
        if self.bytes.is_some() && self.of.as_deref() != Some("tcp.data") {
            found.push(("bytes", "are those of streams: with `of: \"tcp.data\"` alone".to_owned()));
        }
        if self.exchange == Some(0) {
            found.push(("exchange", "is counted from 1".to_owned()));
        }
        if self.message == Some(0) {
            found.push(("message", "is counted from 1".to_owned()));
        }
        if let Some(of) = &self.of {
            let known = crate::meaning::kinds();
            if !known.contains(&of.as_str()) {
                found.push(("of", format!("is no kind of packet: \"{of}\"; kinds are {}", known.join(", "))));
            } else if (self.exchange.is_some() || self.message.is_some() || self.each.is_some())
                && !crate::meaning::has_exchanges(of)
            {
                found.push(("of", format!("\"{of}\" packets have no exchanges or messages to count")));
            }
        } else if self.exchange.is_some() || self.message.is_some() || self.each.is_some() {
            found.push(("of", "must name a protocol whose exchanges or messages are counted".to_owned()));
        }
        found
    }
}
