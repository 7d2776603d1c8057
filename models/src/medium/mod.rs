//! Shared media: LAN switches, buses with collisions, radio channels with a range, cells, Wi-Fi, LoRaWAN, connections of Bluetooth Low Energy.
//!
//! A medium is an entity of the kernel. Each station has two wires to it: one on which its node hands packets over, and
//! one on which it gets them. The station's adapter (what waits, back-off, retries) lives in the medium, where stations of one
//! medium sense each other. The kernel wants every event later than its cause, so that handing over takes 1 ns each way
//! where a medium has no delay of its own. The wires of buses and radio channels promise no delay at all: their stations are
//! run by one thread, at one time, with the medium. Those of a switch promise the delay of its cables.
//!
//! - **Stations** have numbers from 1 in order of their nodes' names; the number stands for the address of the link layer. A route
//!   names the next station ([`Hop::Station`](crate::node::Hop), [`Hop::OnLink`](crate::node::Hop)), and the packet carries it
//!   ([`Provenance::station`](crate::packet::Provenance)). Finding numbers of addresses (ARP, neighbour discovery) is not
//!   modelled, nor is the learning of a switch: it knows its stations from the start.
//! - **Groups.** A packet for a group is sent once. Those stations take it that are next on the tree of its source; the adapters
//!   of all others drop it in silence. So k takers make k − 1 copies ([`MediumCounts::copied`]).
//! - **Switch**: each station has an ordinary sending half to it (rate, queue), and the switch one to each station. A frame that was
//!   taken whole goes out through the port of its station: nothing collides.
//! - **Bus** ([`CsmaConfig`]): a station that has a frame waits until it has heard nobody for a gap, then talks (1-persistent). A signal is heard one delay
//!   after it was sent, at every other station alike. With detection, who hears another while it talks goes on for the length of a jam and stops; it waits for r
//!   slots, r drawn evenly from 0 to 2^min(n, limit) − 1 after the n-th collision, and tries again, up to the limit of
//!   attempts. Without detection, frames that meet are lost, and who finds the medium busy draws a wait of the same
//!   form after the gap. What is sent at the same instant meets; what arrives at the very instant is not heard yet. Not modelled:
//!   that a station ends its preamble before the jam; that in the last third of the gap a station stops listening; bursts.
//! - **Radio** ([`RadioConfig`]): stations at places on a plane, and one range for all: within it everything is heard, beyond it
//!   nothing (a unit disc; no fading, no capture). A frame is lost at a station where another one overlaps it in time by a nanosecond, or that talks itself meanwhile (half
//!   duplex). What ends at the instant at which another begins does not overlap it. There is no propagation delay: 300 m
//!   would be 1 µs. There are no acknowledgements and no retries; what is lost is for higher layers to notice. Access is pure ALOHA, slotted
//!   ALOHA, or carrier sense with back-off ([`Access`]), which hears neither hidden stations nor who began while it turned from listening to talking.
//! - **IEEE 802.15.4** with 6LoWPAN ([`Ieee802154Config`]): real frames, acknowledgements, fragments, children that sleep; see `pan`.
//! - **Cell** ([`CellularConfig`]): devices of NB-IoT or LTE-M and the operator's gateway; what comes for one that sleeps waits in the network.
//! - **Wi-Fi** ([`WifiConfig`]): an access point and its stations on one channel, with carrier sense, back-off, acknowledgements and retries; stations may save
//!   power, and the access point holds frames for these.
//! - **LoRaWAN** ([`LoraConfig`]): devices of class A around a gateway, with times on air, duty cycles, collisions or capture, and receive windows; see `lora`.
//! - **Bluetooth Low Energy** ([`BleConfig`]): a central and its peripherals, which meet at connection events and sleep between them; real IPv6 compression; see `ble`.
//! - **Loss** besides: one draw for each reception that is sound otherwise, of the stream `loss` of the medium and the receiver.
//!
//! **Captures** have an interface for each station: a packet leaves there when its node hands it over (on a switch, when its last
//! bit is on the cable), and is there a second time, with its cause, where the medium drops it before it is on its way to a
//! receiver. What is lost at a receiver, or dropped by the port of a switch that leads there, is at the receiver's interface.
//!
//! **Devices.** The device of a station whose node has a profile is metered here, since what its radio does is known here alone
//! ([`crate::energy`]). A station without power sends and hears nothing: what waits there, and what comes there, is dropped as
//! [`DropCause::NodeDown`]. Stations of nodes without a profile have power for ever: what comes there goes on to the node.
//!
//! Each frame sent counts once; what becomes of it at each station that it is for is counted here too ([`MediumCounts`]), and
//! [`audit`](crate::node::audit) finds every packet.
//!
//! | file | what |
//! |---|---|
//! | `config`, `check`, `distance` | what a user says, and what can be wrong with it |
//! | `discipline` | what every kind can be asked and told |
//! | `shared` | what all kinds have: stations, groups, losses, counts |
//! | `adapter` | what waits at a station for its turn |
//! | `ether` | who hears whom on the air, and what overlaps where |
//! | `batteries` | what the nodes of stations say of their devices, and batteries that end |
//! | `switch`, `csma`, `radio`, `pan`, `cellular`, `wifi`, `lora`, `ble` | the kinds |

mod adapter;
mod batteries;
mod ble;
mod cellular;
mod check;
mod config;
mod csma;
mod discipline;
mod distance;
mod ether;
mod lora;
mod pan;
mod radio;
mod shared;
mod switch;
mod wifi;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use ble::{BleChannelLoss, BleConfig, BleCounts, BlePhy, BleStation, Hopping};
pub use cellular::{CellStation, CellularConfig, ConnectedDrxConfig, EdrxConfig, PsmConfig};
pub use check::MOST_STATIONS;
pub use config::{Access, CarrierSense, CsmaConfig, MediumConfig, RadioConfig, StationConfig, SwitchConfig};
pub use distance::{Coordinate, Distance, Place};
pub use lora::{Attenuation, DutyExcess, DutyKeeping, LoraConfig, LoraStation};
pub use pan::{Ieee802154Config, LinkAddresses, PanAccess, PanCounts, PanIndirect, PanReassembly, PanStationConfig};
pub use shared::{GroupStations, MediumCounts, MediumParts, StationParts};
pub use wifi::{PowerSave, WifiConfig, WifiStation};

use crate::element::Element;
use crate::energy::Hardware;
use crate::energy::control::Control;
use crate::energy::timers::Rat;
use crate::node::{CONTROL_PORT, DropCause};
use crate::packet::Packet;
use ble::Ble;
use cellular::Cell;
use csma::Bus;
use discipline::Discipline;
use lora::Lora;
use pan::Pan;
use protosim_core::{Cx, Span, TimerId};
use radio::Radio;
use shared::Shared;
use switch::Switch;
use wifi::Wifi;

/// A shared medium.
#[derive(Clone, Debug)]
pub struct Medium(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Switch(Switch),
    Bus(Bus),
    Radio(Radio),
    Pan(Box<Pan>),
    Cell(Box<Cell>),
    Wifi(Box<Wifi>),
    Lora(Box<Lora>),
    Ble(Box<Ble>),
}

/// What the radios of a medium's stations are called in profiles of devices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RadioKind {
    /// They have no radios.
    None,
    /// Any radio will do: the device says which.
    Any,
    /// This one.
    Named(&'static str),
}

impl MediumConfig {
    /// What the radio of the station of a node is called. The gateway of a cell has none: it is on the operator's side.
    pub fn radio_kind_of(&self, node: &str) -> RadioKind {
        match self {
            Self::Cellular(config) if config.gateway.0 == node => RadioKind::None,
            _ => self.radio_kind(),
        }
    }

    /// What the radios of its stations are called in profiles of devices.
    pub const fn radio_kind(&self) -> RadioKind {
        match self {
            Self::Switch(_) | Self::Csma(_) => RadioKind::None,
            Self::Radio(_) => RadioKind::Any,
            Self::Ieee802154(_) => RadioKind::Named("802.15.4"),
            Self::Cellular(config) => match config.technology {
                Rat::NbIot => RadioKind::Named("nb-iot"),
                Rat::LteM => RadioKind::Named("lte-m"),
            },
            Self::Wifi(_) => RadioKind::Named("wifi"),
            Self::Lora(_) => RadioKind::Named("lora"),
            Self::Ble(_) => RadioKind::Named("ble"),
        }
    }
}

impl Medium {
    /// The medium that `parts` ask for.
    pub fn new(parts: &MediumParts<'_>) -> Self {
        Self(match parts.config {
            MediumConfig::Switch(config) => Kind::Switch(Switch::new(config, parts)),
            MediumConfig::Csma(config) => Kind::Bus(Bus::new(config, parts)),
            MediumConfig::Radio(config) => Kind::Radio(Radio::new(config, parts)),
            MediumConfig::Ieee802154(config) => Kind::Pan(Box::new(Pan::new(config, parts))),
            MediumConfig::Cellular(config) => Kind::Cell(Box::new(Cell::new(config, parts))),
            MediumConfig::Wifi(config) => Kind::Wifi(Box::new(Wifi::new(config, parts))),
            MediumConfig::Lora(config) => Kind::Lora(Box::new(Lora::new(config, parts))),
            MediumConfig::Ble(config) => Kind::Ble(Box::new(Ble::new(config, parts))),
        })
    }

    fn kind(&self) -> &dyn Discipline {
        match &self.0 {
            Kind::Switch(switch) => switch,
            Kind::Bus(bus) => bus,
            Kind::Radio(radio) => radio,
            Kind::Pan(pan) => &**pan,
            Kind::Cell(cell) => &**cell,
            Kind::Wifi(wifi) => &**wifi,
            Kind::Lora(lora) => &**lora,
            Kind::Ble(ble) => &**ble,
        }
    }

    fn kind_mut(&mut self) -> &mut dyn Discipline {
        match &mut self.0 {
            Kind::Switch(switch) => switch,
            Kind::Bus(bus) => bus,
            Kind::Radio(radio) => radio,
            Kind::Pan(pan) => &mut **pan,
            Kind::Cell(cell) => &mut **cell,
            Kind::Wifi(wifi) => &mut **wifi,
            Kind::Lora(lora) => &mut **lora,
            Kind::Ble(ble) => &mut **ble,
        }
    }

    /// What has happened on it.
    pub fn counts(&self) -> MediumCounts {
        self.kind().counts()
    }

    /// The device of the station with this index, as metered so far; `None` if nothing of it is, or if the medium is no radio channel.
    pub fn hardware(&self, station: usize) -> Option<&Hardware> {
        let kind = self.kind();
        kind.has_radios().then(|| kind.shared().hardware(station))?
    }

    /// What else has happened on an IEEE 802.15.4 channel; `None` on other media.
    pub fn pan_counts(&self) -> Option<&PanCounts> {
        match &self.0 {
            Kind::Pan(pan) => Some(&pan.own_counts),
            _ => None,
        }
    }

    /// What else has happened on connections of Bluetooth Low Energy; `None` on other media.
    pub fn ble_counts(&self) -> Option<&BleCounts> {
        match &self.0 {
            Kind::Ble(ble) => Some(&ble.own_counts),
            _ => None,
        }
    }

    /// All that it can drop packets for.
    pub fn causes(&self) -> impl Iterator<Item = DropCause> {
        DropCause::OF_MEDIA.into_iter().chain(self.kind().own_causes().iter().copied())
    }

    /// Packets that were dropped here for `cause`.
    pub fn dropped(&self, cause: DropCause) -> u64 {
        self.counts().dropped(cause)
    }

    /// Packets that it holds: those that wait or are being sent, and no wire knows of.
    pub fn held(&self) -> u64 {
        self.kind().held()
    }

    /// For how long somebody has talked; `None` for a switch, whose cables are apart, and for a cell, whose devices do not share the air.
    pub fn busy(&self) -> Option<Span> {
        self.kind().busy()
    }

    pub(crate) fn on_start(&mut self, cx: &mut Cx<'_, Element>) {
        self.kind_mut().start(cx);
        // Behind the timers of the kind, which are numbered from zero.
        if let Some(shared) = self.radios() {
            shared.start_batteries(cx);
        }
        self.end_dead(cx);
    }

    /// The station of number `port` + 1 hands a packet over, or its node says something of its device.
    pub(crate) fn on_arrival(&mut self, port: u32, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        if port >= CONTROL_PORT {
            self.hear(port - CONTROL_PORT, packet, cx);
        } else {
            self.kind_mut().take(port as usize, packet, cx);
        }
        self.end_dead(cx);
    }

    pub(crate) fn on_timer(&mut self, timer: TimerId, cx: &mut Cx<'_, Element>) {
        if !self.radios().is_some_and(|shared| shared.is_of_battery(timer)) {
            self.kind_mut().on_timer(timer, cx);
        }
        self.end_dead(cx);
    }

    /// What all kinds have whose stations have radios.
    fn radios(&mut self) -> Option<&mut Shared> {
        let kind = self.kind_mut();
        kind.has_radios().then(|| kind.shared_mut())
    }

    /// A station's node has lost power, or has it again; of devices that are metered alone.
    fn station_power(&mut self, station: usize, is_on: bool, cx: &mut Cx<'_, Element>) {
        if let Some(shared) = self.radios() {
            shared.set_power(station, is_on);
        }
        self.kind_mut().station_power(station, is_on, cx);
    }

    /// What the node of a station says of its device.
    fn hear(&mut self, station: u32, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        let (station, now) = (station as usize, cx.now());
        let word = Control::of_packet(packet);
        let power = word.zip(self.radios()).and_then(|(word, shared)| shared.hear(station, word, now));
        if let Some(is_on) = power {
            self.station_power(station, is_on, cx);
        }
    }

    /// Ends stations whose battery is empty by now.
    fn end_dead(&mut self, cx: &mut Cx<'_, Element>) {
        while let Some(station) = self.radios().and_then(|shared| shared.next_dead(cx)) {
            self.station_power(station, false, cx);
        }
    }
}
