//! What a user writes of a cell.

use crate::energy::RadioPower;
use crate::energy::cellular::{CellularConfig as Agreement, ConnectedDrx, PowerSaving};
use crate::energy::timers::{ExtendedDrx, Rat};
use crate::link::{Framing, Mtu};
use crate::name::NodeName;
use crate::queue::QueueConfig;
use protosim_core::{Rate, Ratio, Span};
use serde::{Deserialize, Serialize};

/// Packets that the core holds for one device: our choice, as access points of Wi-Fi here.
const HELD: u32 = 32;
/// The peak rates of NB-IoT (Cat-NB1), down and up.
const NB_IOT: [Option<Rate>; 2] = [Rate::from_bits_per_sec(26_000), Rate::from_bits_per_sec(62_000)];
/// The peak rates of half-duplex LTE-M (Cat-M1), down and up.
const LTE_M: [Option<Rate>; 2] = [Rate::from_bits_per_sec(300_000), Rate::from_bits_per_sec(375_000)];

/// A cell of NB-IoT or LTE-M: devices that sleep, and the operator's network, which holds what comes for them meanwhile. Each device talks to the gateway
/// alone, and has a channel of its own: devices do not take air time from each other.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CellularConfig {
    /// What it is called; unique among media and links. Required.
    pub name: String,
    /// Which radio. It decides defaults, and which cycles of eDRX there are. Required.
    pub technology: Rat,
    /// The node on the operator's side: full duplex and always on. Required.
    pub gateway: NodeName,
    /// The devices, 1 to 4092. Required.
    pub stations: Vec<CellStation>,
    /// Bits per second from a device. Default: 62 kbit/s for NB-IoT (Cat-NB1), 375 kbit/s for LTE-M (Cat-M1, half duplex).
    pub rate_up: Option<Rate>,
    /// Bits per second to a device. Default: 26 kbit/s for NB-IoT (Cat-NB1), 300 kbit/s for LTE-M (Cat-M1, half duplex).
    pub rate_down: Option<Rate>,
    /// Between the base station and the gateway, each way, with what it takes to be scheduled. Default: 800 ms for NB-IoT, 50 ms for LTE-M (our choice, the low
    /// ends of 0.8 to 5 s and of 50 to 75 ms that are usual).
    pub delay: Option<Span>,
    /// From the wish to send, or a page, until the connection is there. Default: 2 s for NB-IoT, 200 ms for LTE-M (our choice, from 2 to 10 s
    /// awake that are usual).
    pub connect: Option<Span>,
    /// For how long of that the device sends; this part comes first. Default: 500 ms for NB-IoT, 50 ms for LTE-M (our choice).
    pub connect_sends: Option<Span>,
    /// The network releases a connection when nothing was sent or received for so long. Default: 10 s (our choice, from 10 to 20 s that are usual).
    pub inactivity: Option<Span>,
    /// Connected DRX. Default: none; a device that is connected listens all the time.
    pub connected_drx: Option<ConnectedDrxConfig>,
    /// The cycle of paging occasions. Default: 2.56 s for NB-IoT, 1.28 s for LTE-M (our choice; 3GPP TS 36.304 §7 has 0.32 to 2.56 s for LTE-M, 1.28 to 10.24 s for NB-IoT).
    pub drx: Option<Span>,
    /// How long a device listens at each occasion, with the time to come into step. Default: 20 ms for NB-IoT, 10 ms for LTE-M (our choice).
    pub occasion: Option<Span>,
    /// Extended DRX of devices that do not say otherwise. Default: none.
    pub edrx: Option<EdrxConfig>,
    /// Power saving mode of devices that do not say otherwise. Default: none.
    pub psm: Option<PsmConfig>,
    /// The air time of a tracking area update, with its answer. Default: 1 s for NB-IoT, 200 ms for LTE-M (our choice).
    pub update: Option<Span>,
    /// With which power devices send, for what their radios draw. Default: 23 dBm (power class 3, 3GPP TS 36.101 §6.2.2).
    pub power: Option<RadioPower>,
    /// Packets that the network holds for one device at most, the one on its way to it included. Default: 32 (our choice).
    pub held: Option<u32>,
    /// For how long the network holds a packet at most. Default: as long as it takes.
    pub hold_time: Option<Span>,
    /// Largest IP packet. Default: 1500 B (as links have).
    pub mtu: Option<Mtu>,
    /// Of each device, until it has sent. Default: 1000 packets (Linux `pfifo`).
    pub queue: Option<QueueConfig>,
    /// Probability that a packet is lost, each way, after all that the radio repeats. Default: 0 %.
    pub loss: Option<Ratio>,
    /// Bytes that it adds to each packet. Default: none, since the default rates are those of packets.
    pub framing: Option<Framing>,
    /// The name that its random streams go by. Default: its name.
    pub stream_name: Option<String>,
}

/// A device in a cell.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CellStation {
    /// The node, or a group. Required.
    pub node: NodeName,
    /// Its extended DRX. Default: that of the cell.
    pub edrx: Option<EdrxConfig>,
    /// Its power saving mode. Default: that of the cell.
    pub psm: Option<PsmConfig>,
    /// How often each block is sent, for coverage: 1 to 2048, a power of two (3GPP TS 36.213 §16.4, §16.5). Packets take so many times as long. Default: 1.
    pub repetitions: Option<u32>,
    /// Where in its cycle its paging occasion begins, or with eDRX the first one of its window. Default: drawn, since it follows from the subscriber's identity.
    pub offset: Option<Span>,
}

/// Connected DRX.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectedDrxConfig {
    /// It begins when nothing was sent or received for so long. Required.
    pub after: Span,
    /// Its cycle. Required.
    pub cycle: Span,
    /// How long the device listens in each cycle, at its begin. Required.
    pub on: Span,
}

/// Extended DRX: a device that is idle can be paged in a window of each cycle (3GPP TS 24.008 §10.5.5.32).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EdrxConfig {
    /// How often a window comes: of NB-IoT 20.48, 40.96, 81.92, 163.84, 327.68, 655.36, 1310.72, 2621.44, 5242.88 or 10485.76 s; of LTE-M from 5.12 to 2621.44
    /// s, also 61.44, 102.4, 122.88 and 143.36 s. Required.
    pub cycle: Span,
    /// The paging time window, in which it listens as without eDRX: 1 to 16 times 2.56 s of NB-IoT, of LTE-M 1 to 16 times 1.28 s. Default: the shortest.
    pub window: Option<Span>,
}

/// Power saving mode: a while after its release a device cannot be reached until it connects by itself (3GPP TS 24.301 §5.3.11).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PsmConfig {
    /// T3324: how long a device can be paged after its release; a time of GPRS timer 2, up to 186 min. Required.
    pub active: Span,
    /// T3412 extended: how long after its release it updates its tracking area; a time of GPRS timer 3, up to 9920 h, longer than `active`. Required.
    pub periodic: Span,
}

impl CellularConfig {
    /// A cell with defaults for all else.
    pub fn new(name: &str, technology: Rat, gateway: NodeName, stations: Vec<CellStation>) -> Self {
        Self {
            name: name.to_owned(),
            technology,
            gateway,
            stations,
            rate_up: None,
            rate_down: None,
            delay: None,
            connect: None,
            connect_sends: None,
            inactivity: None,
            connected_drx: None,
            drx: None,
            occasion: None,
            edrx: None,
            psm: None,
            update: None,
            power: None,
            held: None,
            hold_time: None,
            mtu: None,
            queue: None,
            loss: None,
            framing: None,
            stream_name: None,
        }
    }

    fn rates(&self) -> [Option<Rate>; 2] {
        match self.technology {
            Rat::NbIot => NB_IOT,
            Rat::LteM => LTE_M,
        }
    }

    /// Bits per second to a device.
    pub fn rate_down(&self) -> Rate {
        self.rate_down.or(self.rates()[0]).expect("a constant above zero")
    }

    /// Bits per second from a device.
    pub fn rate_up(&self) -> Rate {
        self.rate_up.or(self.rates()[1]).expect("a constant above zero")
    }

    /// Between the base station and the gateway.
    pub fn delay(&self) -> Span {
        self.delay.unwrap_or(match self.technology {
            Rat::NbIot => Span::from_millis(800),
            Rat::LteM => Span::from_millis(50),
        })
    }

    /// With which power devices send.
    pub fn power(&self) -> RadioPower {
        self.power.unwrap_or(RadioPower::from_centi_dbm(2_300))
    }

    /// Packets that the network holds for one device.
    pub fn held(&self) -> usize {
        self.held.unwrap_or(HELD) as usize
    }

    /// The eDRX that a device has.
    pub(super) fn edrx_of(&self, station: &CellStation) -> Option<ExtendedDrx> {
        station.edrx.or(self.edrx).map(|edrx| edrx.extended(self.technology))
    }

    /// What operator and modem of a device agreed on, but for the offset.
    pub(super) fn agreement(&self, station: &CellStation) -> Agreement {
        let usual = match self.technology {
            Rat::NbIot => Agreement::nb_iot(),
            Rat::LteM => Agreement::lte_m(),
        };
        let drx = |drx: ConnectedDrxConfig| ConnectedDrx { after: drx.after, cycle: drx.cycle, on: drx.on };
        let saving = |psm: PsmConfig| PowerSaving { active: psm.active, periodic: psm.periodic };
        Agreement {
            connect: self.connect.unwrap_or(usual.connect),
            connect_sends: self.connect_sends.unwrap_or(usual.connect_sends),
            inactivity: self.inactivity.unwrap_or(usual.inactivity),
            connected_drx: self.connected_drx.map(drx),
            drx: self.drx.unwrap_or(usual.drx),
            occasion: self.occasion.unwrap_or(usual.occasion),
            offset: station.offset.unwrap_or_default(),
            extended: self.edrx_of(station),
            saving: station.psm.or(self.psm).map(saving),
            update: self.update.unwrap_or(usual.update),
        }
    }
}

impl CellStation {
    /// A device as the cell has them.
    pub fn new(node: NodeName) -> Self {
        Self { node, edrx: None, psm: None, repetitions: None, offset: None }
    }
}

impl EdrxConfig {
    /// As the modem has it.
    pub(super) fn extended(self, technology: Rat) -> ExtendedDrx {
        let shortest = ExtendedDrx::window_unit(technology);
        ExtendedDrx { cycle: self.cycle, window: self.window.unwrap_or(shortest) }
    }
}
