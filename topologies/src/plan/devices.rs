//! The devices of a plan: what nodes have of their profiles, and where each is metered.

use super::{Plan, PlannedWire};
use crate::devices::{Home, home};
use crate::graph::{NetworkGraph, Port};
use crate::spec::Topology;
use protosim_core::{RunSeed, SimTime, Span, WireId, WireSpec};
use protosim_models::device::{CLOCK, Clock, Device, DeviceConfig};
use protosim_models::energy::Hardware;
use protosim_models::node::{CONTROL_PORT, EnergyParts};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The devices of all nodes.
#[derive(Clone, Debug)]
pub(super) struct Devices {
    /// By node rank; what is the same for several nodes is there once. `None` for ideal ones.
    all: Vec<Option<Arc<Device>>>,
    /// By node rank, the stations where devices are metered, and with which radio.
    homes: BTreeMap<usize, (usize, usize, String)>,
    /// By medium and station, the wires between the node and its device there.
    wires: BTreeMap<(usize, usize), (WireId, WireId)>,
    /// What is measured of them.
    window: (SimTime, SimTime),
}

impl Devices {
    /// The devices of a network, and the wires that they need.
    pub(super) fn new(topology: &Topology, graph: &NetworkGraph) -> (Self, Vec<PlannedWire>) {
        let (mut homes, mut wires) = (BTreeMap::new(), Vec::new());
        let mut last: Option<(&DeviceConfig, Arc<Device>)> = None;
        let mut resolve = |rank: usize| {
            let config = topology.nodes[graph.node(rank).listed].device.as_ref()?;
            let known = last.as_ref().filter(|(of, _)| *of == config).map(|(_, device)| Arc::clone(device));
            let device = known.unwrap_or_else(|| Arc::new(config.resolve(&topology.profiles)));
            last = Some((config, Arc::clone(&device)));
            Some(device)
        };
        let all: Vec<Option<Arc<Device>>> = (0..graph.nodes()).map(&mut resolve).collect();
        for (rank, device) in all.iter().enumerate() {
            let Some(metered) = device.as_ref().and_then(|device| device.metered.as_ref()) else { continue };
            let node = &topology.nodes[graph.node(rank).listed].name;
            let media = graph.media().of_node(rank).iter().map(|(medium, station)| {
                let config = &topology.media[graph.media().lan(*medium).listed];
                ((*medium, *station), config)
            });
            let Ok(Home::Station { at: (medium, station), radio }) = home(metered, node, media) else { continue };
            homes.insert(rank, (medium, station, radio));
            let name = topology.media[graph.media().lan(medium).listed].name();
            // What a node says of its device is there before its packets of the same instant: no name has a `#`, which is before the `-` of `{name}:{node}->*`.
            for (path, is_forward) in
                [(format!("{name}:{node}#device->*"), true), (format!("{name}:*->{node}/device"), false)]
            {
                let wire = PlannedWire {
                    path: path.into(),
                    link: medium,
                    is_forward,
                    station: Some(station),
                    is_channel: false,
                    is_control: true,
                };
                wires.push(wire);
            }
        }
        let window = (SimTime::ZERO, SimTime::MAX);
        (Self { all, homes, wires: BTreeMap::new(), window }, wires)
    }

    /// The wire of one direction between a node and its device has this number.
    pub(super) fn number_wire(&mut self, wire: &PlannedWire, id: WireId) {
        let Some(station) = wire.station else { return };
        let both = self.wires.entry((wire.link, station)).or_insert((id, id));
        *(if wire.is_forward { &mut both.0 } else { &mut both.1 }) = id;
    }

    /// The device of a node; `None` for an ideal one.
    pub(super) fn get(&self, rank: usize) -> Option<&Arc<Device>> {
        self.all[rank].as_ref()
    }

    /// True if a node may stop for want of charge.
    pub(super) fn may_run_dry(&self, rank: usize) -> bool {
        let metered = self.get(rank).and_then(|device| device.metered.as_ref());
        metered.is_some_and(|metered| metered.battery.is_some())
    }

    /// What is measured of all devices is the time from `from` to `until`.
    pub(super) fn measure(&mut self, from: SimTime, until: SimTime) {
        self.window = (from, until);
    }
}

impl Plan {
    /// Where a node's device is metered, if it is.
    pub(super) fn energy_parts(&self, rank: usize) -> Option<EnergyParts> {
        let metered = self.devices.get(rank)?.metered.as_ref()?;
        let ports = self.graph.ports(rank).enumerate();
        let links =
            ports.filter(|(_, port)| matches!(port, Port::Link { .. })).map(|(index, _)| index as u32).collect();
        match self.devices.homes.get(&rank) {
            Some((medium, station, _)) => {
                let (wire, _) = self.devices.wires[&(*medium, *station)];
                Some(EnergyParts::Station { wire, links })
            }
            None => {
                let hardware = metered.hardware(None, self.devices.window)?;
                Some(EnergyParts::Own { hardware, links })
            }
        }
    }

    /// The device that is metered at a station, and the wire on which its node is told of its battery.
    pub(super) fn station_device(&self, medium: usize, station: usize) -> (Option<Box<Hardware>>, Option<WireId>) {
        let rank = self.graph.media().lan(medium).stations[station];
        let home = self.devices.homes.get(&rank).filter(|(own, index, _)| (*own, *index) == (medium, station));
        let metered = self.devices.get(rank).and_then(|device| device.metered.as_ref());
        let Some(((.., radio), metered)) = home.zip(metered) else { return (None, None) };
        let wire = self.devices.wires.get(&(medium, station)).map(|(_, to_node)| *to_node);
        (metered.hardware(Some(radio), self.devices.window), wire)
    }

    /// The clock of a node. Where a profile says how far clocks of its kind are off at worst, each is off in its own way.
    pub(super) fn clock(&self, rank: usize, seed: RunSeed) -> Clock {
        let drift = self.devices.get(rank).map(|device| device.drift).unwrap_or_default();
        Clock::new(Span::ZERO, drift.draw(|| seed.stream(self.stream_name(rank), CLOCK)))
    }

    /// The wire between a node and its device.
    pub(super) fn device_wire_spec(&self, wire: &PlannedWire, station: usize) -> WireSpec {
        let medium = self.entity_of_medium[wire.link];
        let node = self.entity(self.graph.media().lan(wire.link).stations[station]);
        let (from, to, port) = match wire.is_forward {
            true => (node, medium, CONTROL_PORT + station as u32),
            false => (medium, node, CONTROL_PORT),
        };
        WireSpec { path: wire.path.clone(), from, to, port, min_delay: Span::ZERO, overtakes: false }
    }

    /// The same plan, where what is measured of devices is the time from `from` to `until`. Without this, it is all.
    pub fn with_window(mut self, from: SimTime, until: SimTime) -> Self {
        self.devices.measure(from, until);
        self
    }

    /// Ranks of the media and indices of the stations where devices are metered, by node rank; other devices are metered in their nodes.
    pub fn metered_at(&self, rank: usize) -> Option<(usize, usize)> {
        self.devices.homes.get(&rank).map(|(medium, station, _)| (*medium, *station))
    }

    /// True if the device of some node is metered.
    pub fn is_metered(&self, rank: usize) -> bool {
        self.devices.get(rank).is_some_and(|device| device.metered.is_some())
    }

    /// The entity of a medium.
    pub fn medium_entity(&self, medium: usize) -> protosim_core::EntityId {
        self.entity_of_medium[medium]
    }
}
