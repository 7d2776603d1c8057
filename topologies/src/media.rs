//! Shared media in a network: who hears whom, addresses, and what follows for plans.
//!
//! Medium m in order of names is one subnet: the m-th /20 of 172.16.0.0/12 (RFC 1918), or the m-th /64 of 3fff::/48 (RFC 9637, for
//! documentation), apart from the blocks of links. Its stations have numbers from 1 in order of their nodes' names, and the
//! number is the address's lowest 12 bits. So there are at most 256 media of 4093 stations.

use crate::check::{Finding, Kind, check_luck, check_names};
use crate::graph::Port;
use crate::spec::{AddressFamily, NodeSpec, Topology};
use protosim_models::medium::MediumConfig;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Most media: the /20 of 172.16.0.0/12.
pub const MOST_MEDIA: usize = 256;

/// The shared media of a graph.
#[derive(Clone, Debug, Default)]
pub struct MediaGraph {
    /// By rank, in order of names.
    lans: Vec<Lan>,
    /// By node; what all interfaces of a node lead to, where one of them leads to a medium. Empty without media.
    ports: Vec<Vec<Port>>,
    /// By node: medium and index of the station, in order. Empty without media.
    of_node: Vec<Vec<(usize, usize)>>,
}

/// One shared medium.
#[derive(Clone, Debug)]
pub struct Lan {
    /// Its index in the topology's list.
    pub listed: usize,
    /// Ranks of the nodes on it, in order: those of names.
    pub stations: Vec<usize>,
    /// For each station, its index in the configuration's list.
    pub listed_stations: Vec<usize>,
    /// On a radio channel, in cells and on Wi-Fi: for each station, whom it reaches, in order; two bytes each, as there may be the square of the
    /// stations of these.
    in_range: Option<Vec<Vec<u16>>>,
    /// True where stations may reach one other alone by nature: devices of a cell, children that sleep.
    has_leaves: bool,
}

impl Lan {
    /// The number of a station of this index.
    pub const fn number(index: usize) -> u16 {
        index as u16 + 1
    }

    /// True if every station reaches every other one.
    pub fn reaches_all(&self) -> bool {
        self.in_range.is_none()
    }

    /// The only station that a leaf reaches, through which it reaches all else.
    pub fn parent(&self, station: usize) -> Option<usize> {
        let in_range = self.in_range.as_ref().filter(|_| self.has_leaves)?;
        match in_range[station][..] {
            // Of two alone neither is the other's leaf.
            [parent] if in_range[usize::from(parent)].len() > 1 => Some(usize::from(parent)),
            _ => None,
        }
    }

    /// True if a station reaches another one.
    pub fn reaches(&self, from: usize, to: usize) -> bool {
        from != to && self.in_range.as_ref().is_none_or(|in_range| in_range[from].binary_search(&(to as u16)).is_ok())
    }

    /// The stations that one reaches, in order.
    pub fn reached(&self, from: usize) -> impl Iterator<Item = usize> {
        let (all, some) = match &self.in_range {
            None => (0..self.stations.len(), &[][..]),
            Some(in_range) => (0..0, &in_range[from][..]),
        };
        all.filter(move |other| *other != from).chain(some.iter().map(|other| usize::from(*other)))
    }

    fn new(listed: usize, config: &MediumConfig, rank: &impl Fn(&str) -> usize) -> Self {
        let mut stations: Vec<(usize, usize)> =
            config.stations().into_iter().enumerate().map(|(index, name)| (rank(&name.0), index)).collect();
        stations.sort_unstable();
        let in_range = match config {
            MediumConfig::Switch(_) | MediumConfig::Csma(_) => None,
            MediumConfig::Radio(radio) => {
                let at = |station: usize| radio.stations[station].at;
                reached(&stations, |from, to| from != to && radio.range.covers(at(from), at(to)))
            }
            // All reach the hub, which is listed last, and it reaches all.
            MediumConfig::Cellular(_) | MediumConfig::Wifi(_) | MediumConfig::Lora(_) | MediumConfig::Ble(_) => {
                let last = stations.len().saturating_sub(1);
                let hub = stations.iter().position(|(_, index)| *index == last).unwrap_or_default();
                let all =
                    |station: usize| (0..=last).filter(|other| *other != station).map(|other| other as u16).collect();
                let reached_by = |station: usize| if station == hub { all(hub) } else { vec![hub as u16] };
                Some((0..stations.len()).map(reached_by).collect())
            }
            MediumConfig::Ieee802154(pan) => reached(&stations, |from, to| pan.reaches(from, to)),
        };
        let (stations, listed_stations) = stations.into_iter().unzip();
        let has_leaves = !matches!(config, MediumConfig::Radio(_));
        Self { listed, stations, listed_stations, in_range, has_leaves }
    }
}

/// For each station, whom it reaches: `reaches` is asked with places in the configuration's list. `None` if all reach all.
fn reached(stations: &[(usize, usize)], reaches: impl Fn(usize, usize) -> bool) -> Option<Vec<Vec<u16>>> {
    let of = |(_, from): &(usize, usize)| {
        let others = stations.iter().enumerate().filter(|(_, (_, to))| reaches(*from, *to));
        others.map(|(other, _)| other as u16).collect()
    };
    let reached: Vec<Vec<u16>> = stations.iter().map(of).collect();
    let is_full = reached.iter().all(|others| others.len() + 1 == stations.len());
    (!is_full).then_some(reached)
}

impl MediaGraph {
    /// The media of a topology. `rank` is that of a node's name; the links of each node, and their names, say where among
    /// its interfaces each medium comes.
    pub(crate) fn new(
        media: &[MediumConfig],
        rank: impl Fn(&str) -> usize,
        (neighbours, link_name): (&[Vec<(usize, usize)>], impl Fn(usize) -> String),
    ) -> Self {
        if media.is_empty() {
            return Self::default();
        }
        let mut order: Vec<usize> = (0..media.len()).collect();
        order.sort_by(|a, b| media[*a].name().cmp(media[*b].name()));
        let lans: Vec<Lan> = order.into_iter().map(|listed| Lan::new(listed, &media[listed], &rank)).collect();
        let mut of_node: Vec<Vec<(usize, usize)>> = vec![Vec::new(); neighbours.len()];
        for (medium, lan) in lans.iter().enumerate() {
            for (station, node) in lan.stations.iter().enumerate() {
                of_node[*node].push((medium, station));
            }
        }
        let joint = |node: usize| {
            if of_node[node].is_empty() {
                return Vec::new();
            }
            let links =
                neighbours[node].iter().map(|(link, next)| (link_name(*link), Port::Link { link: *link, next: *next }));
            let own = of_node[node].iter().map(|(medium, station)| {
                let name = media[lans[*medium].listed].name().to_owned();
                (name, Port::Medium { medium: *medium, station: *station })
            });
            let mut ports: Vec<(String, Port)> = links.chain(own).collect();
            ports.sort_by(|a, b| a.0.cmp(&b.0));
            ports.into_iter().map(|(_, port)| port).collect()
        };
        let ports = (0..neighbours.len()).map(joint).collect();
        Self { lans, ports, of_node }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lans.len()
    }

    /// The medium of a rank.
    pub fn lan(&self, medium: usize) -> &Lan {
        &self.lans[medium]
    }

    /// The media that a node is on, each with the index of its station, in order.
    pub fn of_node(&self, node: usize) -> &[(usize, usize)] {
        self.of_node.get(node).map_or(&[], Vec::as_slice)
    }

    /// What all interfaces of a node lead to; nothing if it is on no medium.
    pub(crate) fn ports(&self, node: usize) -> &[Port] {
        self.ports.get(node).map_or(&[], Vec::as_slice)
    }

    /// True if a node reaches another one over a medium.
    pub(crate) fn hears(&self, from: usize, to: usize) -> bool {
        let mut own = self.of_node(from).iter();
        own.any(|(medium, station)| {
            let lan = &self.lans[*medium];
            lan.stations.binary_search(&to).is_ok_and(|other| lan.reaches(*station, other))
        })
    }

    /// The nodes that a node reaches over media.
    pub(crate) fn heard_by(&self, node: usize) -> impl Iterator<Item = usize> {
        self.of_node(node).iter().flat_map(|(medium, station)| {
            let lan = &self.lans[*medium];
            lan.reached(*station).map(|other| lan.stations[other])
        })
    }

    /// Joins nodes that forward and reach each other over a medium; on a LAN, each with the first one.
    pub(crate) fn join(&self, forwards: impl Fn(usize) -> bool, mut join: impl FnMut(usize, usize)) {
        for lan in &self.lans {
            let routers: Vec<usize> = (0..lan.stations.len()).filter(|index| forwards(lan.stations[*index])).collect();
            for from in routers.iter().copied() {
                let others: Vec<usize> = match lan.reaches_all() {
                    true => routers.first().copied().into_iter().collect(),
                    false => lan.reached(from).filter(|other| forwards(lan.stations[*other])).collect(),
                };
                others.into_iter().for_each(|other| join(lan.stations[from], lan.stations[other]));
            }
        }
    }
}

impl AddressFamily {
    /// The address of a station of a medium; station 0 is the subnet itself.
    pub(crate) fn station_address(self, medium: usize, station: u16) -> IpAddr {
        match self {
            Self::V4 => IpAddr::V4(Ipv4Addr::from(0xac10_0000 | (medium as u32) << 12 | u32::from(station))),
            Self::V6 => IpAddr::V6(Ipv6Addr::from(0x3fff_u128 << 112 | (medium as u128) << 64 | u128::from(station))),
        }
    }

    /// Length of the prefix of a medium's subnet in bits.
    pub(crate) const fn medium_prefix(self) -> u8 {
        match self {
            Self::V4 => 20,
            Self::V6 => 64,
        }
    }
}

/// Everything wrong with shared media, but for names of nodes that do not exist.
pub(crate) fn check_media(topology: &Topology, found: &mut Vec<Finding>) {
    let media = &topology.media;
    if media.is_empty() {
        return;
    }
    check_names(media.iter().map(|medium| medium.name().to_owned()), "media", "medium", found);
    if media.len() > MOST_MEDIA {
        found.push(Finding::new(Kind::OutOfRange, "media", format!("more than {MOST_MEDIA} media")));
    }
    let links: BTreeMap<String, usize> =
        topology.links.iter().enumerate().map(|(index, link)| (link.name(), index)).collect();
    for (index, medium) in media.iter().enumerate() {
        if let Some(link) = links.get(medium.name()) {
            let message = format!("a link is called `{}` too", medium.name());
            let mut finding = Finding::new(Kind::DuplicateName, format!("media.{index}.name"), message);
            finding.other = Some((format!("links.{link}.name"), "the link".to_owned()));
            found.push(finding);
        }
        for (field, message) in medium.check() {
            let kind = match () {
                () if message.starts_with("has no effect") => Kind::NoEffect,
                () if message.ends_with("is on this medium already") => Kind::DuplicateName,
                () => Kind::OutOfRange,
            };
            found.push(Finding::new(kind, format!("media.{index}.{field}"), message));
        }
        if matches!(medium, MediumConfig::Ieee802154(_) | MediumConfig::Ble(_)) {
            check_versions(topology, (index, medium), found);
        }
    }
    check_luck(media.iter().map(|medium| vec![medium.stream_name().to_owned()]), "media", found);
}

/// 6LoWPAN, over IEEE 802.15.4 and Bluetooth Low Energy, carries IPv6 alone: all stations of such a medium have it, and no two of them IPv4, which they would send there.
fn check_versions(topology: &Topology, (index, medium): (usize, &MediumConfig), found: &mut Vec<Finding>) {
    let nodes: BTreeMap<&str, &NodeSpec> = topology.nodes.iter().map(|node| (node.name.as_str(), node)).collect();
    let mut first: Option<&str> = None;
    for (station, name) in medium.stations().into_iter().enumerate() {
        let Some(node) = nodes.get(name.0.as_str()) else { continue };
        let families = node.families(topology.addresses);
        let message = match first {
            _ if !families.has(AddressFamily::V6) => {
                format!("`{}` has no IPv6, and 6LoWPAN carries nothing else: `addresses: V6`", node.name)
            }
            Some(other) if families.has(AddressFamily::V4) => {
                format!("`{}` has IPv4, as `{other}`, and 6LoWPAN does not carry it: `addresses: V6`", node.name)
            }
            _ => {
                first = first.or(families.has(AddressFamily::V4).then_some(&node.name));
                continue;
            }
        };
        // One mistake, whatever the number of stations.
        return found.push(Finding::new(Kind::OutOfRange, format!("media.{index}.stations.{station}.node"), message));
    }
}

/// Interfaces of a node to shared media, as far as forwarding goes: one on which a node may relay counts as two.
pub(crate) fn interfaces_of(topology: &Topology, node: &str) -> usize {
    let on = |medium: &&MediumConfig| medium.stations().iter().any(|station| station.0 == node);
    let weight = |medium: &MediumConfig| match medium.hub() {
        // Nobody but the hub hears who else is there.
        Some((_, hub)) if hub.0 != node => 1,
        _ if medium.relays() => 2,
        _ => 1,
    };
    topology.media.iter().filter(on).map(weight).sum()
}

#[cfg(test)]
#[path = "media_tests.rs"]
mod tests;
