//! The stations of shared media in a plan: their wires, their interfaces, and the media themselves.

use super::{Plan, PlannedWire};
use crate::graph::{NetworkGraph, Port};
use crate::spec::{AddressFamily, Topology};
use protosim_core::{RunSeed, WireSpec};
use protosim_models::link::{Setup, Transmitter};
use protosim_models::medium::{Medium, MediumConfig, MediumParts, StationParts};
use protosim_models::node::Interface;
use std::net::{IpAddr, Ipv6Addr};

impl Plan {
    /// What luck on a medium goes by: its own stream name and the station's.
    fn station_stream_name(&self, medium: usize, station: usize) -> String {
        let lan = self.graph.media().lan(medium);
        format!("{}:{}", self.topology.media[lan.listed].stream_name(), self.stream_name(lan.stations[station]))
    }

    pub(super) fn medium(&self, medium: usize, seed: RunSeed) -> Medium {
        let lan = self.graph.media().lan(medium);
        let station = |index: usize| {
            let (up, down) = self.wires_of_station[medium][index];
            let stream_name = self.station_stream_name(medium, index);
            let (hardware, control) = self.station_device(medium, index);
            StationParts { listed: lan.listed_stations[index], up, down, stream_name, hardware, control }
        };
        Medium::new(&MediumParts {
            config: &self.topology.media[lan.listed],
            stations: (0..lan.stations.len()).map(station).collect(),
            groups: self.groups_of_medium[medium].clone(),
            prefix: self.prefix_of_medium(medium),
            seed,
            files: &self.files,
        })
    }

    /// The prefix of a medium's addresses of IPv6, in a network that has that.
    pub fn prefix_of_medium(&self, medium: usize) -> Option<Ipv6Addr> {
        match self.layer(AddressFamily::V6)?.family.station_address(medium, 0) {
            IpAddr::V6(prefix) => Some(prefix),
            IpAddr::V4(_) => None,
        }
    }

    /// The stations of media whose frames are written out: which link end, as in [`Plan::link_ends`], and the medium's rank.
    pub fn frame_ends(&self) -> Vec<(usize, usize)> {
        let (mut ends, mut next) = (Vec::new(), 2 * self.graph.links());
        for medium in 0..self.graph.media().count() {
            let lan = self.graph.media().lan(medium);
            if matches!(self.topology.media[lan.listed], MediumConfig::Ieee802154(_)) {
                ends.extend((next..next + lan.stations.len()).map(|end| (end, medium)));
            }
            next += lan.stations.len();
        }
        ends
    }

    /// The interface of a node to a medium.
    pub(super) fn station_interface(
        &self,
        (rank, port): (usize, Port),
        medium: usize,
        station: usize,
        seed: RunSeed,
    ) -> Interface {
        let config = &self.topology.media[self.graph.media().lan(medium).listed];
        let (up, down) = self.wires_of_station[medium][station];
        let stream_name = format!("{}/up", self.station_stream_name(medium, station));
        let setup = Setup {
            wire: up,
            direction: &config.ingress(),
            framing: config.framing(),
            mtu: config.mtu(),
            seed,
            stream_name: &stream_name,
            later: &[],
            files: &self.files,
            meter: None,
        };
        Interface {
            addresses: self.port_addresses(rank, port),
            mtu_bytes: config.mtu().as_bytes(),
            transmitter: Transmitter::new(&setup),
            incoming: down,
            gateway: None,
        }
    }

    pub(super) fn station_wire_spec(&self, wire: &PlannedWire, station: usize) -> WireSpec {
        let lan = self.graph.media().lan(wire.link);
        let medium = self.entity_of_medium[wire.link];
        let rank = lan.stations[station];
        let own = |port| matches!(port, Port::Medium { medium, .. } if medium == wire.link);
        let interface = self.graph.ports(rank).position(own).expect("a medium is among its stations' interfaces");
        let (from, to, port) = match wire.is_forward {
            true => (self.entity(rank), medium, station),
            false => (medium, self.entity(rank), interface),
        };
        let min_delay = self.topology.media[lan.listed].cable_delay();
        WireSpec { path: wire.path.clone(), from, to, port: port as u32, min_delay, overtakes: false }
    }
}

/// The wires of the stations of all media.
pub(super) fn wires_of_media(topology: &Topology, graph: &NetworkGraph) -> Vec<PlannedWire> {
    let mut wires = Vec::new();
    for link in 0..graph.media().count() {
        let lan = graph.media().lan(link);
        let medium = topology.media[lan.listed].name();
        for (station, rank) in lan.stations.iter().enumerate() {
            let node = &topology.nodes[graph.node(*rank).listed].name;
            for (path, is_forward) in [(format!("{medium}:{node}->*"), true), (format!("{medium}:*->{node}"), false)] {
                wires.push(PlannedWire {
                    path: path.into(),
                    link,
                    is_forward,
                    station: Some(station),
                    is_channel: false,
                    is_control: false,
                });
            }
        }
    }
    wires
}
