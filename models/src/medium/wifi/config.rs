//! What a user writes of Wi-Fi.

use super::timing::Phy;
use crate::energy::RadioPower;
use crate::energy::wifi::TIME_UNIT;
use crate::link::{Framing, Mtu};
use crate::name::NodeName;
use crate::queue::QueueConfig;
use protosim_core::{Rate, Ratio, Size, Span};
use serde::{Deserialize, Serialize};

/// The fastest rate of OFDM in 20 MHz with one stream and the usual guard interval.
const FASTEST: Option<Rate> = Rate::from_bits_per_sec(54_000_000);
/// MAC header of a data frame to or from an access point (24), LLC and SNAP (8), check sequence (4): IEEE 802.11-2020 §9.3.2, RFC 1042.
const AROUND: u64 = 24 + 8 + 4;

/// Wi-Fi: an access point and its stations, which all hear each other, on one channel (IEEE 802.11-2020 §10.3, DCF). Each station talks to the access point alone,
/// frames for others go through it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WifiConfig {
    /// What it is called; unique among media and links. Required.
    pub name: String,
    /// The node that all others are associated with. Required.
    pub access_point: NodeName,
    /// The other nodes, 1 to 4092. Required.
    pub stations: Vec<WifiStation>,
    /// Bits per second of data frames. 1, 2, 5.5 and 11 Mbit/s are of DSSS in the 2.4 GHz band (SIFS 10 µs, slots of 20 µs, long preamble); 6, 9, 12, 18, 24, 36, 48
    /// and 54 Mbit/s are of OFDM in the 5 GHz band (SIFS 16 µs, slots of 9 µs). Acknowledgements have the fastest mandatory rate that is not above,
    /// beacons and PS-Polls the slowest. Default: 54 Mbit/s.
    pub rate: Option<Rate>,
    /// The first contention window: a back-off is from 0 to so many slots. One less than a power of two. Default: 31 for DSSS, 15 for OFDM (aCWmin).
    pub cw_min: Option<u32>,
    /// The last contention window, after some doublings. One less than a power of two. Default: 1023 (aCWmax).
    pub cw_max: Option<u32>,
    /// How often a frame is sent at most. Default: 7 (dot11ShortRetryLimit).
    pub attempts: Option<u32>,
    /// Between beacons, in whole time units of 1.024 ms. Beacons are sent where a station saves power. Default: 102.4 ms (100 time units, usual).
    pub beacon_interval: Option<Span>,
    /// Each beacon of this count is followed by frames for groups, which wait for it where a station saves power. Default: 1 (our choice).
    pub dtim: Option<u32>,
    /// Frames that the access point holds for one station that saves power, and for all groups. Default: 32 (our choice).
    pub held: Option<u32>,
    /// For how long it holds a frame at most; older ones are dropped when a beacon is due. Default: as long as it takes.
    pub hold_time: Option<Span>,
    /// With which power stations send, for what their radios draw. Default: the least that each has.
    pub power: Option<RadioPower>,
    /// Largest IP packet. Default: 1500 B (as links have).
    pub mtu: Option<Mtu>,
    /// Of each station and of the access point, while they wait for their turn. Default: 1000 packets (Linux `pfifo`).
    pub queue: Option<QueueConfig>,
    /// Probability that a frame is lost at who it is for, besides collisions: of data, acknowledgements, PS-Polls and beacons alike. Default: 0 %.
    pub loss: Option<Ratio>,
    /// Bytes that it adds to each packet, besides the preamble. Default: 36: 24 of MAC header, 8 of LLC and SNAP, 4 of check sequence.
    pub framing: Option<Framing>,
    /// The name that its random streams go by. Default: its name.
    pub stream_name: Option<String>,
}

/// A station of Wi-Fi.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WifiStation {
    /// The node, or a group. Required.
    pub node: NodeName,
    /// How it saves power. Default: not at all; it listens all the time.
    pub power_save: Option<PowerSave>,
}

/// A station that dozes, wakes for beacons, and fetches what the access point holds for it by PS-Poll (IEEE 802.11-2020 §11.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PowerSave {
    /// It wakes for each beacon of this count. Default: 1.
    pub listen_every: u32,
    /// How long before a beacon is due it wakes; above zero. Default: 1 ms (our choice).
    pub early: Span,
}

impl Default for PowerSave {
    fn default() -> Self {
        Self { listen_every: 1, early: Span::from_millis(1) }
    }
}

impl WifiConfig {
    /// Wi-Fi with defaults for all else.
    pub fn new(name: &str, access_point: NodeName, stations: Vec<WifiStation>) -> Self {
        Self {
            name: name.to_owned(),
            access_point,
            stations,
            rate: None,
            cw_min: None,
            cw_max: None,
            attempts: None,
            beacon_interval: None,
            dtim: None,
            held: None,
            hold_time: None,
            power: None,
            mtu: None,
            queue: None,
            loss: None,
            framing: None,
            stream_name: None,
        }
    }

    /// Bits per second of data frames.
    pub fn rate(&self) -> Rate {
        self.rate.or(FASTEST).expect("a constant above zero")
    }

    /// What it adds to each packet, besides the preamble.
    pub fn framing(&self) -> Framing {
        let usual = Framing::Custom { overhead: Size::from_bytes(AROUND), min_packet: Size::from_bytes(0) };
        self.framing.unwrap_or(usual)
    }

    /// The times of its rate; `None` for one that IEEE 802.11 does not have.
    pub(super) fn phy(&self) -> Option<Phy> {
        Phy::of(self.rate().as_bits_per_sec())
    }

    /// The first contention window.
    pub(super) fn cw_min(&self) -> u32 {
        self.cw_min.unwrap_or_else(|| self.phy().map_or(15, Phy::cw_min))
    }

    /// The last contention window.
    pub(super) fn cw_max(&self) -> u32 {
        self.cw_max.unwrap_or(1_023)
    }

    /// How often a frame is sent at most.
    pub fn attempts(&self) -> u32 {
        self.attempts.unwrap_or(7)
    }

    /// Between beacons.
    pub fn beacon_interval(&self) -> Span {
        self.beacon_interval.unwrap_or(TIME_UNIT * 100)
    }

    /// Each beacon of this count is followed by frames for groups.
    pub fn dtim(&self) -> u32 {
        self.dtim.unwrap_or(1)
    }

    /// Frames that are held for one station.
    pub fn held(&self) -> usize {
        self.held.unwrap_or(32) as usize
    }

    /// With which power stations send.
    pub fn power(&self) -> RadioPower {
        // No radio has less, so each sends with the least that it has.
        self.power.unwrap_or(RadioPower::from_centi_dbm(-10_000))
    }

    /// True if a station does.
    pub fn saves_power(&self) -> bool {
        self.stations.iter().any(|station| station.power_save.is_some())
    }
}

impl WifiStation {
    /// A station that listens all the time.
    pub fn new(node: NodeName) -> Self {
        Self { node, power_save: None }
    }
}
