//! What a user writes of a shared medium.
//!
//! ```ron
//! media: [
//!     Switch(name: "lan", stations: ["a", "b", "router"], rate: "1 Gbit/s", delay: "500 ns"),
//!     Csma(name: "bus", stations: ["c", "d", "router"]),
//!     Radio(name: "field", range: "100 m", rate: "250 kbit/s", access: Csma(),
//!           stations: [(node: "e", at: ("0 m", "0 m")), (node: "sink", at: ("60 m", "-80 m"))]),
//!     Ieee802154(name: "pan", range: "30 m",
//!                stations: [(node: "sink", at: ("0 m", "0 m")), (node: "mote", at: ("20 m", "0 m"), parent: "sink")]),
//!     Cellular(name: "cell", technology: NbIot, gateway: "core", stations: [(node: "meter", edrx: (cycle: "20.48 s"))]),
//!     Wifi(name: "home", access_point: "ap", stations: [(node: "phone"), (node: "bulb", power_save: ())]),
//!     Lora(name: "meters", gateway: "gate", stations: [(node: "meter", at: ("400 m", "0 m"), spreading: Sf9)]),
//!     Ble(name: "tags", central: "hub", interval: "50 ms", stations: [(node: "tag", latency: 9)]),
//! ]
//! ```

use super::ble::BleConfig;
use super::cellular::CellularConfig;
use super::distance::{Distance, Place};
use super::lora::LoraConfig;
use super::pan::Ieee802154Config;
use super::wifi::WifiConfig;
use crate::energy::RadioPower;
use crate::link::{Framing, Mtu};
use crate::name::NodeName;
use crate::queue::QueueConfig;
use protosim_core::{Rate, Ratio, Size, Span};
use serde::{Deserialize, Serialize};

/// Classic Ethernet (IEEE 802.3 §4.4.2, and §15 for coaxial cable).
const ETHERNET_RATE: Option<Rate> = Rate::from_bits_per_sec(10_000_000);

/// IEEE 802.15.4-2006 §6.5.1, at 2.4 GHz.
const OQPSK_RATE: Option<Rate> = Rate::from_bits_per_sec(250_000);

/// A medium that many nodes share.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub enum MediumConfig {
    /// A LAN switch: store and forward, a cable to each station.
    Switch(SwitchConfig),
    /// A half-duplex bus, on which stations listen before they talk.
    Csma(CsmaConfig),
    /// A radio channel with a range.
    Radio(RadioConfig),
    /// An IEEE 802.15.4 channel with 6LoWPAN.
    Ieee802154(Ieee802154Config),
    /// A cell of NB-IoT or LTE-M: devices that sleep, and a network that holds what comes for them.
    Cellular(CellularConfig),
    /// Wi-Fi: an access point and its stations, some of which may save power.
    Wifi(WifiConfig),
    /// A cell of LoRaWAN: devices of class A around a gateway.
    Lora(LoraConfig),
    /// Connections of Bluetooth Low Energy: a central and its peripherals, with IPv6.
    Ble(BleConfig),
}

/// A LAN switch. Each station has a cable of its own to it, full duplex. A frame is taken whole, and goes out again through the
/// queue of the port that leads to its station.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchConfig {
    /// What it is called; unique among media and links. Required.
    pub name: String,
    /// The nodes on it, 2 to 4093. Required.
    pub stations: Vec<NodeName>,
    /// Bits per second on each cable, each way, framing included. Required.
    pub rate: Rate,
    /// Of each cable, each way. Default: none.
    pub delay: Option<Span>,
    /// Largest IP packet. Default: 1500 B (Ethernet, RFC 894).
    pub mtu: Option<Mtu>,
    /// Of each port of the switch, on the way to a station. Default: 1000 packets (as links have).
    pub queue: Option<QueueConfig>,
    /// Of each station, on the way to the switch. Default: 1000 packets (Linux `pfifo`).
    pub station_queue: Option<QueueConfig>,
    /// Probability that a frame is lost on the way from the switch to a station. Default: 0 %.
    pub loss: Option<Ratio>,
    /// Bytes that it adds to each packet. Default: Ethernet.
    pub framing: Option<Framing>,
    /// The name that its random streams go by. Default: its name.
    pub stream_name: Option<String>,
}

/// A half-duplex bus with carrier sense: by default, classic Ethernet with collision detection (IEEE 802.3 §4).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsmaConfig {
    /// What it is called; unique among media and links. Required.
    pub name: String,
    /// The nodes on it, 2 to 4093. Required.
    pub stations: Vec<NodeName>,
    /// Bits per second. Default: 10 Mbit/s (10BASE5, 10BASE2).
    pub rate: Option<Rate>,
    /// How long a signal takes from any station to any other. Default: 5 µs (our choice: 1 km of cable at 2/3 of the speed of light).
    pub delay: Option<Span>,
    /// Largest IP packet. Default: 1500 B (Ethernet, RFC 894).
    pub mtu: Option<Mtu>,
    /// Of each station, while others talk. Default: 1000 packets (Linux `pfifo`).
    pub queue: Option<QueueConfig>,
    /// True: a station that talks hears others, stops, and tries again. False: collisions are not noticed, the frames are lost;
    /// who finds the medium busy waits for a time that is drawn. Default: true.
    pub detection: Option<bool>,
    /// The unit of back-off in bit times. Default: 512 (IEEE 802.3 §4.4.2, slotTime).
    pub slot_bits: Option<u64>,
    /// How long the medium must have been idle before a station talks, in bit times. Default: 96 (IEEE 802.3 §4.4.2,
    /// interPacketGap).
    pub gap_bits: Option<u64>,
    /// What a station sends after it has noticed a collision, in bits. Default: 32 (IEEE 802.3 §4.4.2, jamSize).
    pub jam_bits: Option<u64>,
    /// How often a frame is tried in all. Without detection: how often it may find the medium busy. Default: 16 (IEEE 802.3
    /// §4.4.2, attemptLimit).
    pub attempts: Option<u32>,
    /// From so many collisions on the range of the back-off, 2^n slots, grows no further. Default: 10 (IEEE 802.3 §4.4.2,
    /// backoffLimit).
    pub backoff_limit: Option<u32>,
    /// Probability that a frame is lost at a station that it is for. Default: 0 %.
    pub loss: Option<Ratio>,
    /// Bytes that it adds to each packet, without a gap. Default: those of Ethernet: 8 of preamble, 14 of header, 4 of check
    /// sequence; packets under 46 bytes are padded (IEEE 802.3 §3.1.1).
    pub framing: Option<Framing>,
    /// The name that its random streams go by. Default: its name.
    pub stream_name: Option<String>,
}

/// A radio channel. Who is in range hears everything, without delay; who is not hears nothing.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RadioConfig {
    /// What it is called; unique among media and links. Required.
    pub name: String,
    /// The nodes on it, 2 to 4093, with their places. Required.
    pub stations: Vec<StationConfig>,
    /// How far each is heard. Required.
    pub range: Distance,
    /// Bits per second. Required.
    pub rate: Rate,
    /// When a station may talk. Default: Aloha.
    #[serde(default)]
    pub access: Access,
    /// Largest IP packet. Default: 1500 B (Ethernet, RFC 894).
    pub mtu: Option<Mtu>,
    /// Of each station, while it talks or waits for its turn. Default: 1000 packets (Linux `pfifo`).
    pub queue: Option<QueueConfig>,
    /// Probability that a frame is lost at a station that it is for, besides collisions. Default: 0 %.
    pub loss: Option<Ratio>,
    /// Bytes that it adds to each packet. Default: none.
    pub framing: Option<Framing>,
    /// The name that its random streams go by. Default: its name.
    pub stream_name: Option<String>,
}

/// A node on a radio channel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StationConfig {
    /// The node, or a group. Required.
    pub node: NodeName,
    /// Where it is, east and north of some origin: `("30 m", "-40 m")`. Required.
    pub at: Place,
    /// Of a group: how far each member is from the one before, east and north. Default: all are at one place.
    pub spacing: Option<Place>,
}

/// When a station may talk.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub enum Access {
    /// At any time (Abramson 1970).
    #[default]
    Aloha,
    /// At the start of a slot (Roberts 1975). Slots count from the start of the run, each a nanosecond later than its multiple:
    /// what a node hands over at the multiple itself is in time.
    SlottedAloha {
        /// Length of a slot; no shorter than the longest frame. Required.
        slot: Span,
    },
    /// After a time that is drawn, if nobody is heard then (as IEEE 802.15.4, unslotted).
    Csma(CarrierSense),
}

/// Carrier sense with back-off, as in unslotted IEEE 802.15.4 (§6.2.5.1): wait from 0 to 2^n − 1 units, listen, and talk, or wait
/// again with a larger n. Defaults are those of its 2.4 GHz band.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CarrierSense {
    /// The unit of back-off. Default: 320 µs (aUnitBackoffPeriod, 20 symbols of 16 µs).
    pub unit: Span,
    /// The first n. Default: 3 (macMinBE).
    pub min_exponent: u32,
    /// The last n. Default: 5 (macMaxBE).
    pub max_exponent: u32,
    /// How often it waits again before it gives the frame up. Default: 4 (macMaxCSMABackoffs).
    pub max_backoffs: u32,
    /// For how long it listens; longer than zero. Default: 128 µs (8 symbols).
    pub sensing: Span,
    /// From the end of listening to its first bit; what begins meanwhile is not heard. Default: 192 µs (aTurnaroundTime, 12
    /// symbols).
    pub turnaround: Span,
}

impl Default for CarrierSense {
    fn default() -> Self {
        Self {
            unit: Span::from_micros(320),
            min_exponent: 3,
            max_exponent: 5,
            max_backoffs: 4,
            sensing: Span::from_micros(128),
            turnaround: Span::from_micros(192),
        }
    }
}

impl MediumConfig {
    /// What it is called.
    pub fn name(&self) -> &str {
        match self {
            Self::Switch(config) => &config.name,
            Self::Csma(config) => &config.name,
            Self::Radio(config) => &config.name,
            Self::Ieee802154(config) => &config.name,
            Self::Cellular(config) => &config.name,
            Self::Wifi(config) => &config.name,
            Self::Lora(config) => &config.name,
            Self::Ble(config) => &config.name,
        }
    }

    /// The name that its random streams go by.
    pub fn stream_name(&self) -> &str {
        let given = match self {
            Self::Switch(config) => &config.stream_name,
            Self::Csma(config) => &config.stream_name,
            Self::Radio(config) => &config.stream_name,
            Self::Ieee802154(config) => &config.stream_name,
            Self::Cellular(config) => &config.stream_name,
            Self::Wifi(config) => &config.stream_name,
            Self::Lora(config) => &config.stream_name,
            Self::Ble(config) => &config.stream_name,
        };
        given.as_deref().unwrap_or(self.name())
    }

    /// The nodes on it, as listed; a gateway, an access point or a central is the last one.
    pub fn stations(&self) -> Vec<&NodeName> {
        match self {
            Self::Switch(config) => config.stations.iter().collect(),
            Self::Csma(config) => config.stations.iter().collect(),
            Self::Radio(config) => config.stations.iter().map(|station| &station.node).collect(),
            Self::Ieee802154(config) => config.stations.iter().map(|station| &station.node).collect(),
            Self::Cellular(config) => {
                config.stations.iter().map(|station| &station.node).chain([&config.gateway]).collect()
            }
            Self::Wifi(config) => {
                config.stations.iter().map(|station| &station.node).chain([&config.access_point]).collect()
            }
            Self::Lora(config) => {
                config.stations.iter().map(|station| &station.node).chain([&config.gateway]).collect()
            }
            Self::Ble(config) => config.stations.iter().map(|station| &station.node).chain([&config.central]).collect(),
        }
    }

    /// The only station that all others reach, where there is one, and its field: a gateway, an access point, a central.
    pub fn hub(&self) -> Option<(&'static str, &NodeName)> {
        match self {
            Self::Switch(_) | Self::Csma(_) | Self::Radio(_) | Self::Ieee802154(_) => None,
            Self::Cellular(config) => Some(("gateway", &config.gateway)),
            Self::Wifi(config) => Some(("access_point", &config.access_point)),
            Self::Lora(config) => Some(("gateway", &config.gateway)),
            Self::Ble(config) => Some(("central", &config.central)),
        }
    }

    /// True if a node may relay on it between stations that do not hear each other.
    pub fn relays(&self) -> bool {
        matches!(self, Self::Radio(_) | Self::Ieee802154(_)) || self.hub().is_some()
    }

    /// With which power the station of a node sends, where it is said.
    pub fn power_of(&self, node: &str) -> Option<RadioPower> {
        match self {
            Self::Switch(_) | Self::Csma(_) | Self::Radio(_) | Self::Ieee802154(_) => None,
            Self::Cellular(config) => Some(config.power()),
            Self::Wifi(config) => config.power,
            Self::Lora(config) => config.power_of(node),
            Self::Ble(config) => Some(config.power()),
        }
    }

    /// Why it is never quiet, if it is not: what goes on for ever though nobody sends.
    pub fn never_quiet(&self) -> Option<&'static str> {
        match self {
            Self::Switch(_) | Self::Csma(_) | Self::Radio(_) | Self::Ieee802154(_) | Self::Lora(_) => None,
            Self::Cellular(config) => {
                let saves = config.psm.is_some() || config.stations.iter().any(|station| station.psm.is_some());
                saves.then_some("devices with `psm` update their tracking area for ever")
            }
            Self::Wifi(config) => config.saves_power().then_some("its access point sends beacons for ever"),
            Self::Ble(_) => Some("its central calls its peripherals for ever"),
        }
    }

    /// The first station that asks another one again and again what waits for it: such a medium is never quiet.
    pub fn first_child(&self) -> Option<&NodeName> {
        match self {
            Self::Ieee802154(config) => {
                config.stations.iter().find(|s| s.parent.is_some()).map(|station| &station.node)
            }
            _ => None,
        }
    }

    /// Largest IP packet.
    pub fn mtu(&self) -> Mtu {
        let given = match self {
            Self::Switch(config) => config.mtu,
            Self::Csma(config) => config.mtu,
            Self::Radio(config) => config.mtu,
            // RFC 4944 §4.
            Self::Ieee802154(_) => Some(Mtu::IPV6_LEAST),
            // RFC 7668 §3.1.
            Self::Ble(_) => Some(Mtu::IPV6_LEAST),
            Self::Cellular(config) => config.mtu,
            Self::Wifi(config) => config.mtu,
            Self::Lora(config) => config.mtu(),
        };
        given.unwrap_or_default()
    }

    /// Probability that a frame is lost at a station that it is for.
    pub fn loss(&self) -> Ratio {
        let given = match self {
            Self::Switch(config) => config.loss,
            Self::Csma(config) => config.loss,
            Self::Radio(config) => config.loss,
            Self::Ieee802154(config) => config.loss,
            Self::Cellular(config) => config.loss,
            Self::Wifi(config) => config.loss,
            Self::Lora(config) => config.loss,
            Self::Ble(config) => config.loss,
        };
        given.unwrap_or_default()
    }

    /// What it adds to each packet.
    pub fn framing(&self) -> Framing {
        let bus = Framing::Custom { overhead: Size::from_bytes(26), min_packet: Size::from_bytes(46) };
        match self {
            Self::Switch(config) => config.framing.unwrap_or(Framing::Ethernet),
            Self::Csma(config) => config.framing.unwrap_or(bus),
            Self::Radio(config) => config.framing.unwrap_or_default(),
            // Their frames are written out.
            Self::Ieee802154(_) | Self::Ble(_) => Framing::default(),
            Self::Cellular(config) => config.framing.unwrap_or_default(),
            Self::Wifi(config) => config.framing(),
            Self::Lora(_) => LoraConfig::FRAMING,
        }
    }

    /// Bits per second; of a cell, from a device, and of one of LoRaWAN, of the slowest, rounded up.
    pub fn rate(&self) -> Rate {
        match self {
            Self::Switch(config) => config.rate,
            Self::Csma(config) => config.rate.or(ETHERNET_RATE).expect("a constant above zero"),
            Self::Radio(config) => config.rate,
            Self::Ieee802154(_) => OQPSK_RATE.expect("a constant above zero"),
            Self::Cellular(config) => config.rate_up(),
            Self::Wifi(config) => config.rate(),
            Self::Lora(config) => config.rate(),
            Self::Ble(config) => config.phy.rate(),
        }
    }

    /// From a station to the medium and from there to a station: what the kernel may count on, and what a wire of the
    /// medium declares. Stations of all others share a partition with it.
    pub fn cable_delay(&self) -> Span {
        match self {
            Self::Switch(config) => config.delay.unwrap_or_default(),
            // They sense each other, or meet on the air.
            _ => Span::ZERO,
        }
    }

    /// How long a packet of `len` IP bytes is on the medium.
    pub fn frame_time(&self, len: u64) -> Span {
        self.rate().serialise(self.framing().wire_len(len), 0).0
    }
}

impl SwitchConfig {
    /// A switch with defaults for all else.
    pub fn new(name: &str, stations: Vec<NodeName>, rate: Rate) -> Self {
        Self {
            name: name.to_owned(),
            stations,
            rate,
            delay: None,
            mtu: None,
            queue: None,
            station_queue: None,
            loss: None,
            framing: None,
            stream_name: None,
        }
    }
}

impl RadioConfig {
    /// A radio channel with defaults for all else.
    pub fn new(name: &str, stations: Vec<StationConfig>, range: Distance, rate: Rate) -> Self {
        Self {
            name: name.to_owned(),
            stations,
            range,
            rate,
            access: Access::default(),
            mtu: None,
            queue: None,
            loss: None,
            framing: None,
            stream_name: None,
        }
    }
}

impl CsmaConfig {
    /// Classic Ethernet.
    pub fn new(name: &str, stations: Vec<NodeName>) -> Self {
        Self {
            name: name.to_owned(),
            stations,
            rate: None,
            delay: None,
            mtu: None,
            queue: None,
            detection: None,
            slot_bits: None,
            gap_bits: None,
            jam_bits: None,
            attempts: None,
            backoff_limit: None,
            loss: None,
            framing: None,
            stream_name: None,
        }
    }

    /// How long a signal takes from any station to any other.
    pub fn delay(&self) -> Span {
        self.delay.unwrap_or(Span::from_micros(5))
    }

    /// Whether collisions are noticed.
    pub fn detection(&self) -> bool {
        self.detection.unwrap_or(true)
    }

    /// Bit times of a unit of back-off.
    pub fn slot_bits(&self) -> u64 {
        self.slot_bits.unwrap_or(512)
    }

    /// Bit times of the gap.
    pub fn gap_bits(&self) -> u64 {
        self.gap_bits.unwrap_or(96)
    }

    /// Bits after a collision.
    pub fn jam_bits(&self) -> u64 {
        self.jam_bits.unwrap_or(32)
    }

    /// Attempts in all.
    pub fn attempts(&self) -> u32 {
        self.attempts.unwrap_or(16)
    }

    /// Collisions from which on the range grows no further.
    pub fn backoff_limit(&self) -> u32 {
        self.backoff_limit.unwrap_or(10)
    }
}
