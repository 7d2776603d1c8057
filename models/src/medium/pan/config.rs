//! What a user writes of an IEEE 802.15.4 channel.
//!
//! ```ron
//! Ieee802154(name: "pan", range: "30 m", stations: [
//!     (node: "border", at: ("0 m", "0 m")),
//!     (node: "mote", at: ("20 m", "0 m"), parent: "border", poll: "5 s"),
//! ])
//! ```

use crate::energy::RadioPower;
use crate::ieee802154::timing::TRANSACTION_PERSISTENCE;
use crate::ieee802154::{CsmaParameters, IndirectLimits};
use crate::lowpan::{MAX_TIMEOUT, ReassemblyLimits};
use crate::medium::distance::{Distance, Place};
use crate::name::NodeName;
use crate::queue::QueueConfig;
use protosim_core::{Ratio, Size, Span};
use serde::{Deserialize, Serialize};

/// An IEEE 802.15.4 channel on 2.4 GHz (250 kbit/s) without beacons, with 6LoWPAN on top: IPv6 alone, in packets of at most 1280
/// bytes. Who is in range hears everything, without delay; who is not hears nothing.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ieee802154Config {
    /// What it is called; unique among media and links. Required.
    pub name: String,
    /// The nodes on it, 2 to 4093, with their places. Required.
    pub stations: Vec<PanStationConfig>,
    /// How far each is heard. Required.
    pub range: Distance,
    /// The PAN's identifier, 0 to 65534. Default: 43981 (0xabcd, our choice).
    pub pan_id: Option<u16>,
    /// Which addresses frames carry. Default: Short.
    #[serde(default)]
    pub addresses: LinkAddresses,
    /// The PAN's prefix is context 0 of header compression, which all stations know, as border routers tell them (RFC 6775 §4.2): addresses of
    /// stations need no bytes. Wireshark wants to be told, too. Default: true.
    pub context: Option<bool>,
    /// Unslotted CSMA/CA and retries. Default: those of the standard.
    #[serde(default)]
    pub access: PanAccess,
    /// True: who gets a frame acknowledges it, and who gets no acknowledgement sends again. False: each frame is sent once.
    /// Default: true.
    pub acknowledge: Option<bool>,
    /// Power of transmission, for devices that are metered: the least that a radio has and that is not below it. It changes nothing
    /// about the range. Default: 0 dBm.
    pub power: Option<RadioPower>,
    /// Of each station, while its frames wait for their turn. Default: 1000 packets (Linux `pfifo`).
    pub queue: Option<QueueConfig>,
    /// What each station keeps of packets of which fragments are missing.
    #[serde(default)]
    pub reassembly: PanReassembly,
    /// What each parent keeps for its children that sleep.
    #[serde(default)]
    pub indirect: PanIndirect,
    /// Probability that a frame is lost at a station that it is for, besides collisions; acknowledgements too. Default: 0 %.
    pub loss: Option<Ratio>,
    /// The name that its random streams go by. Default: its name.
    pub stream_name: Option<String>,
}

/// A node on an IEEE 802.15.4 channel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PanStationConfig {
    /// The node, or a group. Required.
    pub node: NodeName,
    /// Where it is, east and north of some origin: `("30 m", "-40 m")`. Required.
    pub at: Place,
    /// Of a group: how far each member is from the one before, east and north. Default: all are at one place.
    pub spacing: Option<Place>,
    /// Makes it a child that sleeps: its radio is off unless it sends or asks this station what waits for it, which is the only one
    /// that it hears. The parent does not sleep itself, and is in range. Default: none, its radio always listens.
    pub parent: Option<NodeName>,
    /// How often a child asks. Default: 5 s (our choice).
    pub poll: Option<Span>,
    /// How often it asks while an answer may come. Default: 188 ms (as OpenThread does).
    pub fast_poll: Option<Span>,
    /// For how long after each packet that it has sent or got an answer may come; zero turns it off. Default: 1.5 s (as OpenThread does, which asks
    /// eight times).
    pub fast_poll_for: Option<Span>,
}

/// The addresses in frames, made from the number of the station.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub enum LinkAddresses {
    /// 16 bits, the number itself: 9 bytes of header in each frame.
    #[default]
    Short,
    /// 64 bits, 02:00:00:00:00:00 before the number: 21 bytes of header.
    Extended,
}

/// Access to the channel (IEEE 802.15.4-2006 §7.5.1.4): wait from 0 to 2^n − 1 times 320 µs, listen, and send, or wait again with a larger n.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PanAccess {
    /// The first n, 0 to `max_exponent`. Default: 3 (macMinBE).
    pub min_exponent: u8,
    /// The last n, 3 to 8. Default: 5 (macMaxBE).
    pub max_exponent: u8,
    /// How often it waits again before it gives the frame up, 0 to 5. Default: 4 (macMaxCSMABackoffs).
    pub max_backoffs: u8,
    /// How often a frame goes again that was not acknowledged, 0 to 7. Default: 3 (macMaxFrameRetries).
    pub max_retries: u8,
}

/// What a station keeps of packets of which fragments are missing (RFC 4944 §5.3). Each is charged its whole length from its first
/// fragment on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PanReassembly {
    /// Packets at a time, 1 to 1024. Default: 4 (our choice).
    pub buffers: u32,
    /// Their bytes, all together. Default: 5120 B (our choice: four packets of 1280 bytes).
    pub bytes: Size,
    /// For how long after the first fragment that came, at most 60 s. Default: 60 s (RFC 4944 §5.3).
    pub timeout: Span,
}

/// What a parent keeps for its children that sleep (IEEE 802.15.4-2006 §7.5.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PanIndirect {
    /// Frames in all, 1 to 65535. Default: 64 (our choice: 8 kB).
    pub frames: u32,
    /// Frames for one child. A packet of which not all frames have room is dropped. Default: 64
    /// (our choice: all of them, so that the parent has one pool for all children. A packet of 1280 bytes has 16; a flight of DTLS with certificates has three such).
    pub frames_per_child: u32,
    /// For how long. Default: 7.68 s (macTransactionPersistenceTime).
    pub persistence: Span,
}

impl Default for PanAccess {
    fn default() -> Self {
        let CsmaParameters { min_be, max_be, max_backoffs, max_retries } = CsmaParameters::default();
        Self { min_exponent: min_be, max_exponent: max_be, max_backoffs, max_retries }
    }
}

impl Default for PanReassembly {
    fn default() -> Self {
        Self { buffers: 4, bytes: Size::from_bytes(4 * 1280), timeout: MAX_TIMEOUT }
    }
}

impl Default for PanIndirect {
    fn default() -> Self {
        Self { frames: 64, frames_per_child: 64, persistence: TRANSACTION_PERSISTENCE.span() }
    }
}

impl From<PanAccess> for CsmaParameters {
    fn from(access: PanAccess) -> Self {
        let PanAccess { min_exponent, max_exponent, max_backoffs, max_retries } = access;
        Self { min_be: min_exponent, max_be: max_exponent, max_backoffs, max_retries }
    }
}

impl From<PanReassembly> for ReassemblyLimits {
    fn from(kept: PanReassembly) -> Self {
        Self { datagrams: kept.buffers as usize, bytes: kept.bytes.as_bytes(), timeout: kept.timeout }
    }
}

impl From<PanIndirect> for IndirectLimits {
    fn from(kept: PanIndirect) -> Self {
        Self {
            frames: kept.frames as usize,
            frames_per_child: kept.frames_per_child as usize,
            persistence: kept.persistence,
        }
    }
}

impl PanStationConfig {
    /// How often a child asks.
    pub fn poll(&self) -> Span {
        self.poll.unwrap_or(Span::from_secs(5))
    }

    /// How often it asks while an answer may come.
    pub fn fast_poll(&self) -> Span {
        self.fast_poll.unwrap_or(Span::from_millis(188))
    }

    /// For how long an answer may come.
    pub fn fast_poll_for(&self) -> Span {
        self.fast_poll_for.unwrap_or(Span::from_millis(1500))
    }
}

impl Ieee802154Config {
    /// A channel with defaults for all else.
    pub fn new(name: &str, stations: Vec<PanStationConfig>, range: Distance) -> Self {
        Self {
            name: name.to_owned(),
            stations,
            range,
            pan_id: None,
            addresses: LinkAddresses::default(),
            context: None,
            access: PanAccess::default(),
            acknowledge: None,
            power: None,
            queue: None,
            reassembly: PanReassembly::default(),
            indirect: PanIndirect::default(),
            loss: None,
            stream_name: None,
        }
    }

    /// The PAN's identifier.
    pub fn pan_id(&self) -> u16 {
        self.pan_id.unwrap_or(0xabcd)
    }

    /// Power of transmission.
    pub fn power(&self) -> RadioPower {
        self.power.unwrap_or(RadioPower::from_centi_dbm(0))
    }

    /// True if packets go from one station of the list to another one: those that are in range, but to a child that sleeps, and from it, only its
    /// parent's.
    pub fn reaches(&self, from: usize, to: usize) -> bool {
        let (a, b) = (&self.stations[from], &self.stations[to]);
        let admits = |one: &PanStationConfig, other: &PanStationConfig| {
            one.parent.as_ref().is_none_or(|parent| *parent == other.node)
        };
        from != to && self.range.covers(a.at, b.at) && admits(a, b) && admits(b, a)
    }
}
