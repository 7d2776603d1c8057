//! What a user writes of connections of Bluetooth Low Energy.
//!
//! ```ron
//! Ble(name: "home", central: "hub", interval: "50 ms", stations: [(node: "lock", latency: 9), (node: "lamp")])
//! ```

use super::channels::Hopping;
use super::phy::BlePhy;
use crate::device::Drift;
use crate::energy::RadioPower;
use crate::energy::ble::ConnectionConfig;
use crate::name::NodeName;
use crate::queue::QueueConfig;
use protosim_core::{Ratio, Size, Span};
use serde::{Deserialize, Serialize};

/// Packets that the central holds for one peripheral: our choice, as access points of Wi-Fi here.
const HELD: u32 = 32;
/// Channels for data (Vol 6 Part B §1.4.1); three for advertising come behind them.
pub(super) const DATA_CHANNELS: u8 = 37;

/// Connections of Bluetooth Low Energy: a central and its peripherals, which sleep between the events at which they meet. Each peripheral talks to the central
/// alone. IPv6 goes over it as RFC 7668 says: compressed headers, in an L2CAP channel with credits, in packets of at most 1280 bytes; IPv4 does not.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BleConfig {
    /// What it is called; unique among media and links. Required.
    pub name: String,
    /// The node that all others are connected to. Required.
    pub central: NodeName,
    /// The peripherals, 1 to as many as the interval has room for. Required.
    pub stations: Vec<BleStation>,
    /// The connection interval: 7.5 ms to 4 s, in steps of 1.25 ms. Each peripheral has an even share of it, in which the central serves it. Default: 30 ms (our choice).
    pub interval: Option<Span>,
    /// How many events in a row a peripheral that has nothing to send may sleep through; up to 499. Default: 0.
    pub latency: Option<u32>,
    /// The supervision time-out: an end that has heard nothing for so long gives the connection up. 100 ms to 32 s in steps of 10 ms, and more than twice the silence that the latency
    /// allows. Default: 5 s (our choice).
    pub supervision: Option<Span>,
    /// The physical layer of connections. Default: Le1M.
    #[serde(default)]
    pub phy: BlePhy,
    /// The longest payload of a PDU, 27 to 251 bytes. Default: 251 B (the data length extension of version 4.2).
    pub data_length: Option<Size>,
    /// PDUs with data have a check of four bytes, that of encryption (RFC 7668 §5 wants it). Default: true.
    pub encrypted: Option<bool>,
    /// How far the sleep clocks of both ends are off together, at worst: for so much a peripheral listens earlier and longer. Default: 40 ppm (our choice: two crystals of 20 ppm).
    pub sleep_clocks: Option<Drift>,
    /// How the channel of an event is found. Default: Algorithm2.
    pub hopping: Option<Hopping>,
    /// The channels that connections use, 0 to 36; two at least. Default: all.
    pub channels: Option<Vec<u8>>,
    /// Channels that lose PDUs otherwise than `loss` says, such as those under a Wi-Fi network; 37 to 39 are those of advertising. Default: none.
    #[serde(default)]
    pub channel_loss: Vec<BleChannelLoss>,
    /// How often a peripheral without a connection advertises; to this come 0 to 10 ms that are drawn each time. 20 ms to 10.24 s. Default: 100 ms (our choice).
    pub advertising: Option<Span>,
    /// With which power all send, for what their radios draw. Default: 0 dBm.
    pub power: Option<RadioPower>,
    /// Packets that the central holds for one peripheral at most, the one on its way to it included. Default: 32 (our choice).
    pub held: Option<u32>,
    /// Of each peripheral, until the packet before has got across. Default: 1000 packets (Linux `pfifo`).
    pub queue: Option<QueueConfig>,
    /// Probability that a PDU is lost: of data, empty ones and advertisements alike. Default: 0 %.
    pub loss: Option<Ratio>,
    /// When the first event of the first peripheral by name is; below the interval. Default: drawn.
    pub first_anchor: Option<Span>,
    /// The name that its random streams go by. Default: its name.
    pub stream_name: Option<String>,
}

/// A peripheral.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BleStation {
    /// The node, or a group. Required.
    pub node: NodeName,
    /// Its connection interval: a whole multiple of that of all, so that events of two peripherals are never at one time. Default: that of all.
    pub interval: Option<Span>,
    /// Its latency. Default: that of all.
    pub latency: Option<u32>,
    /// Its supervision time-out. Default: that of all.
    pub supervision: Option<Span>,
}

/// What a channel loses.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BleChannelLoss {
    /// Which one, 0 to 39. Required.
    pub channel: u8,
    /// Probability that a PDU on it is lost. Required.
    pub loss: Ratio,
}

impl BleConfig {
    /// Connections with defaults for all else.
    pub fn new(name: &str, central: NodeName, stations: Vec<BleStation>) -> Self {
        Self {
            name: name.to_owned(),
            central,
            stations,
            interval: None,
            latency: None,
            supervision: None,
            phy: BlePhy::default(),
            data_length: None,
            encrypted: None,
            sleep_clocks: None,
            hopping: None,
            channels: None,
            channel_loss: Vec::new(),
            advertising: None,
            power: None,
            held: None,
            queue: None,
            loss: None,
            first_anchor: None,
            stream_name: None,
        }
    }

    /// The connection interval of peripherals that do not say otherwise.
    pub fn interval(&self) -> Span {
        self.interval.unwrap_or(Span::from_millis(30))
    }

    /// Bytes of the longest payload of a PDU.
    pub fn data_length(&self) -> u64 {
        self.data_length.map_or(251, Size::as_bytes)
    }

    /// Bytes that encryption adds to a PDU with data.
    pub(super) fn mic(&self) -> u64 {
        if self.encrypted.unwrap_or(true) { 4 } else { 0 }
    }

    /// The longest time on air of a PDU.
    pub(super) fn longest(&self) -> Span {
        self.phy.airtime(self.data_length().saturating_add(self.mic()))
    }

    /// How far the sleep clocks of both ends are off together, in parts per million, rounded up.
    fn clock_ppm(&self) -> u32 {
        let ppb = self.sleep_clocks.map_or(40_000, |drift| drift.as_ppb().unsigned_abs());
        u32::try_from(ppb.div_ceil(1_000)).unwrap_or(u32::MAX)
    }

    /// What a peripheral and the central agreed on.
    pub(super) fn connection(&self, station: &BleStation) -> ConnectionConfig {
        ConnectionConfig {
            interval: station.interval.unwrap_or(self.interval()),
            latency: station.latency.or(self.latency).unwrap_or(0),
            supervision: station.supervision.or(self.supervision).unwrap_or(Span::from_secs(5)),
            clock_ppm: self.clock_ppm(),
        }
    }

    /// The time of each peripheral in an interval, in whole microseconds.
    pub(super) fn slot(&self) -> Span {
        Span::from_micros(self.interval().as_nanos() / 1_000 / (self.stations.len() as u64).max(1))
    }

    /// The channels in use, in order.
    pub(super) fn used(&self) -> Vec<u8> {
        let mut used = self.channels.clone().unwrap_or_else(|| (0..DATA_CHANNELS).collect());
        used.sort_unstable();
        used
    }

    /// Probability that a PDU on a channel is lost.
    pub(super) fn loss_on(&self, channel: u8) -> Ratio {
        let own = self.channel_loss.iter().find(|own| own.channel == channel);
        own.map_or(self.loss.unwrap_or_default(), |own| own.loss)
    }

    /// How often a peripheral without a connection advertises.
    pub(super) fn advertising(&self) -> Span {
        self.advertising.unwrap_or(Span::from_millis(100))
    }

    /// With which power all send.
    pub fn power(&self) -> RadioPower {
        self.power.unwrap_or(RadioPower::from_centi_dbm(0))
    }

    /// Packets that the central holds for one peripheral.
    pub(super) fn held(&self) -> usize {
        self.held.unwrap_or(HELD) as usize
    }
}

impl BleStation {
    /// A peripheral as all are.
    pub fn new(node: NodeName) -> Self {
        Self { node, interval: None, latency: None, supervision: None }
    }
}
