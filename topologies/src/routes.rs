//! Addresses of link ends, and the routes of a node to them.
//!
//! A node with one link sends everything there. Any other node of a network with at most [`MOST_LISTED`] links has a
//! route to every link end that it reaches. In larger networks that would be nodes times links: there, a node's most
//! common way out becomes its route for the whole of the network's block, and only what goes elsewhere is listed, in
//! blocks of neighbouring links where it can be. Every address that a link end has is sent the same way in either form;
//! only what is sent to an address of the block that nobody has travels until somebody without a better route drops it.
//!
//! A shared medium is one subnet. Its own stations send to each other at once, by one route for all that are in range. Everyone else has one route for it
//! where one way serves most of its stations, and others for the rest. A node whose only interface is on a medium, where everything else
//! lies behind one router, sends everything else there.

use crate::graph::{Down, NetworkGraph, Port, Step};
use crate::media::Lan;
use crate::nat::Addresses;
use crate::spec::AddressFamily;
use protosim_models::node::{Hop, Route};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks with no more links than this have full tables.
pub(crate) const MOST_LISTED: usize = 1024;

/// One route, in a few bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    covered: Covered,
    hop: Hop,
}

/// Which addresses a route is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Covered {
    /// All that exist.
    Everything,
    /// Both ends of 2^`log2` links from `first` on, which is a multiple of that.
    Links { first: u32, log2: u8 },
    /// One end of a link.
    End { link: u32, end: u8 },
    /// All stations of a medium.
    Subnet { medium: u16 },
    /// One station of a medium, by its number.
    Station { medium: u16, station: u16 },
}

impl AddressFamily {
    /// Links that have room: 2^22 blocks of /30 in 10.0.0.0/8, 2^32 of /64 in 2001:db8::/32.
    const fn log2_links(self) -> u8 {
        match self {
            Self::V4 => 22,
            Self::V6 => 32,
        }
    }

    /// The address of a link's first (0) or second (1) end.
    pub(crate) fn end_address(self, link: usize, end: u32) -> IpAddr {
        match self {
            Self::V4 => IpAddr::V4(Ipv4Addr::from((10 << 24) + 4 * link as u32 + 1 + end)),
            Self::V6 => IpAddr::V6(Ipv6Addr::from(v6_prefix(link) + 1 + u128::from(end))),
        }
    }
}

fn v6_prefix(link: usize) -> u128 {
    0x2001_0db8_u128 << 96 | (link as u128) << 64
}

impl Entry {
    pub(crate) fn route(self, addresses: &Addresses) -> Route {
        let family = addresses.family;
        let is_v4 = family == AddressFamily::V4;
        let (prefix, len) = match self.covered {
            Covered::Everything if is_v4 => (IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
            Covered::Everything => (IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0),
            Covered::Links { first, log2 } if is_v4 => {
                (IpAddr::V4(Ipv4Addr::from((10 << 24) + 4 * first)), 30_u8.saturating_sub(log2))
            }
            Covered::Links { first, log2 } => {
                (IpAddr::V6(Ipv6Addr::from(v6_prefix(first as usize))), 64_u8.saturating_sub(log2))
            }
            Covered::End { link, end } => (addresses.end_address(link as usize, u32::from(end)), family.bits()),
            Covered::Subnet { medium } => (family.station_address(medium.into(), 0), family.medium_prefix()),
            Covered::Station { medium, station } => (family.station_address(medium.into(), station), family.bits()),
        };
        Route { prefix, len, hop: self.hop }
    }
}

/// Where a node sends what is for one end of a link, or one station of a medium.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// It is that end.
    Own,
    /// By this first step; `None`: there is no path.
    Out(Option<Step>),
}

fn hop_of(step: Option<Step>) -> Hop {
    match step {
        None => Hop::None,
        Some(Step { interface, station: 0 }) => Hop::Interface(interface),
        Some(Step { interface, station }) => Hop::Station { interface, station },
    }
}

/// The routes of a node in what is left of the network without what is down. A network of more than `most_listed` links
/// has the shorter form.
pub(crate) fn routes_of(
    graph: &NetworkGraph,
    family: AddressFamily,
    node: usize,
    down: &Down,
    most_listed: usize,
) -> Vec<Entry> {
    if down.nodes.contains(&node) {
        return Vec::new();
    }
    let mut ports = graph.ports(node);
    let (first, second) = (ports.next(), ports.next());
    if let (Some(Port::Link { link, next }), None) = (first, second) {
        let everything = Entry { covered: Covered::Everything, hop: Hop::Interface(0) };
        return if down.bars(link, next) { Vec::new() } else { vec![everything] };
    }
    if let (Some(Port::Medium { medium, station }), None) = (first, second)
        && let Some(parent) = graph.media().lan(medium).parent(station)
    {
        let hop = Hop::Station { interface: 0, station: Lan::number(parent) };
        let is_up = !down.nodes.contains(&graph.media().lan(medium).stations[parent]);
        return if is_up { vec![Entry { covered: Covered::Everything, hop }] } else { Vec::new() };
    }
    if let Some(entries) = routes_of_nat(graph, node, down) {
        return entries;
    }
    let steps = graph.first_steps(node, down);
    let way = |rank: usize| if rank == node { Way::Own } else { Way::Out(steps[rank]) };
    let ways = ways_of(graph, node, down, &way);
    if let (Some(Port::Medium { medium, .. }), None) = (first, second)
        && let Some(mut entries) = everything_else(graph, (node, medium), &ways, &way)
    {
        entries.extend(routes_to_medium(graph, node, medium, &way));
        return entries;
    }
    let mut entries = match graph.links() > most_listed {
        false => listed(&ways),
        // What is inside a NAT has no part in the network's block.
        true => shortened(&ways, family).into_iter().chain(listed(&private_of(graph, &ways))).collect(),
    };
    entries.extend((0..graph.media().count()).flat_map(|medium| routes_to_medium(graph, node, medium, &way)));
    entries
}

/// The routes of a NAT with a link outside: everything goes there but for what is inside. `None` for other nodes.
fn routes_of_nat(graph: &NetworkGraph, node: usize, down: &Down) -> Option<Vec<Entry>> {
    let outside = graph.outside(node)?;
    let Some(Port::Link { link, next }) = graph.ports(node).nth(outside as usize) else { return None };
    // Inwards alone, so that ten thousand NATs of homes do not each walk through the whole network.
    let without = Down { links: down.links.iter().copied().chain([link]).collect(), nodes: down.nodes.clone() };
    let mut steps = BTreeMap::new();
    graph.walk(node, &without, |at, step, next| {
        let first = if at == node { step } else { steps.get(&at).copied().unwrap_or(step) };
        steps.insert(next, first);
    });
    let way = |rank: usize| if rank == node { Way::Own } else { Way::Out(steps.get(&rank).copied()) };
    let mut entries = Vec::new();
    if !down.bars(link, next) {
        entries.push(Entry { covered: Covered::Everything, hop: Hop::Interface(outside) });
    }
    let view = graph.view(node);
    let links = steps.keys().chain([&node]).flat_map(|rank| graph.neighbours(*rank)).map(|(link, _)| *link);
    // The outer side of a NAT further in is inside here; what is inside of that one is not.
    let inside: BTreeSet<usize> = links.filter(|other| *other != link && view.has_link(graph, *other)).collect();
    for link in inside {
        let (first, second) = graph.ends(link);
        for (end, rank) in [(0, first), (1, second)] {
            if let Way::Out(Some(step)) = way(rank) {
                entries.push(Entry { covered: Covered::End { link: link as u32, end }, hop: hop_of(Some(step)) });
            }
        }
    }
    for medium in 0..graph.media().count() {
        if graph.media().lan(medium).stations.iter().any(|rank| *rank == node || steps.contains_key(rank)) {
            entries.extend(routes_to_medium(graph, node, medium, &way));
        }
    }
    Some(entries)
}

/// The ways to links inside of NATs; none to others.
fn private_of(graph: &NetworkGraph, ways: &[[Way; 2]]) -> Vec<[Way; 2]> {
    let is_private = |link: usize| graph.nats().is_some_and(|nats| nats.is_private_link(graph, link));
    ways.iter().enumerate().map(|(link, ways)| if is_private(link) { *ways } else { [Way::Out(None); 2] }).collect()
}

/// Of a node that is on one medium and has no other interface: one route for all that lies beyond the medium, if one way
/// leads there.
fn everything_else(
    graph: &NetworkGraph,
    (node, own): (usize, usize),
    ways: &[[Way; 2]],
    way: &impl Fn(usize) -> Way,
) -> Option<Vec<Entry>> {
    let view = graph.view(node);
    let is_other = |medium: &usize| *medium != own && view.has(graph, Port::Medium { medium: *medium, station: 0 });
    let others = (0..graph.media().count()).filter(is_other);
    let beyond = others.flat_map(|medium| &graph.media().lan(medium).stations).map(|node| way(*node));
    let mut only = None;
    for way in ways.iter().flatten().copied().chain(beyond) {
        match (way, only) {
            (Way::Own | Way::Out(None), _) => {}
            (Way::Out(Some(step)), None) => only = Some(step),
            (Way::Out(Some(step)), Some(first)) if step == first => {}
            _ => return None,
        }
    }
    Some(only.map(|step| Entry { covered: Covered::Everything, hop: hop_of(Some(step)) }).into_iter().collect())
}

/// The routes of a node to the stations of a medium.
fn routes_to_medium(graph: &NetworkGraph, node: usize, medium: usize, way: &impl Fn(usize) -> Way) -> Vec<Entry> {
    let lan = graph.media().lan(medium);
    if !graph.view(node).has(graph, Port::Medium { medium, station: 0 }) {
        return Vec::new();
    }
    let own = graph.ports(node).enumerate().find_map(|(interface, port)| match port {
        Port::Medium { medium: other, station } if other == medium => Some((interface as u32, station)),
        _ => None,
    });
    let mut ways: Vec<Way> = lan.stations.iter().map(|node| way(*node)).collect();
    let (covered, usual) = match own {
        // Who is in range is reached over the medium itself, even if another way comes first.
        Some((interface, own)) => {
            for station in lan.reached(own) {
                if matches!(ways[station], Way::Out(Some(_))) {
                    ways[station] = Way::Out(Some(Step { interface, station: Lan::number(station) }));
                }
            }
            (Hop::OnLink(interface), None)
        }
        None => {
            let usual = most_common(ways.iter());
            (hop_of(usual), usual)
        }
    };
    let mut entries = Vec::new();
    if covered != Hop::None {
        entries.push(Entry { covered: Covered::Subnet { medium: medium as u16 }, hop: covered });
    }
    for (index, way) in ways.into_iter().enumerate() {
        let Way::Out(step) = way else { continue };
        let is_covered = match own {
            Some((interface, _)) => step == Some(Step { interface, station: Lan::number(index) }),
            None => step == usual,
        };
        if !is_covered {
            let covered = Covered::Station { medium: medium as u16, station: Lan::number(index) };
            entries.push(Entry { covered, hop: hop_of(step) });
        }
    }
    entries
}

/// By link. Each end has its own way, so that a packet takes the shortest way to that end.
fn ways_of(graph: &NetworkGraph, node: usize, down: &Down, way: &impl Fn(usize) -> Way) -> Vec<[Way; 2]> {
    let mut ways: Vec<[Way; 2]> = (0..graph.links())
        .map(|link| {
            let (first, second) = graph.ends(link);
            [way(first), way(second)]
        })
        .collect();
    // The far end of a node's own link is reached over that link, even if another one to that node comes first.
    for (interface, port) in graph.ports(node).enumerate() {
        if let Port::Link { link, next } = port
            && !down.bars(link, next)
        {
            let far = usize::from(graph.ends(link).0 == node);
            ways[link][far] = Way::Out(Some(Step { interface: interface as u32, station: 0 }));
        }
    }
    let view = graph.view(node);
    if view.is_partial() {
        for (_, ways) in ways.iter_mut().enumerate().filter(|(link, _)| !view.has_link(graph, *link)) {
            ways.iter_mut().filter(|way| **way != Way::Own).for_each(|way| *way = Way::Out(None));
        }
    }
    ways
}

fn listed(ways: &[[Way; 2]]) -> Vec<Entry> {
    let ends = ways.iter().enumerate().flat_map(|(link, ways)| [(link, 0, ways[0]), (link, 1, ways[1])]);
    let entry = |(link, end, way)| {
        let Way::Out(Some(step)) = way else { return None };
        Some(Entry { covered: Covered::End { link: link as u32, end }, hop: hop_of(Some(step)) })
    };
    ends.filter_map(entry).collect()
}

fn shortened(ways: &[[Way; 2]], family: AddressFamily) -> Vec<Entry> {
    let usual = most_common(ways.iter().flatten());
    let mut entries = Vec::new();
    if usual.is_some() {
        let covered = Covered::Links { first: 0, log2: family.log2_links() };
        entries.push(Entry { covered, hop: hop_of(usual) });
    }
    let mut link = 0;
    while link < ways.len() {
        let Some(step) = same_way(ways[link]) else {
            for (end, way) in ways[link].into_iter().enumerate() {
                if let Way::Out(step) = way
                    && step != usual
                {
                    let covered = Covered::End { link: link as u32, end: end as u8 };
                    entries.push(Entry { covered, hop: hop_of(step) });
                }
            }
            link += 1;
            continue;
        };
        let run = ways[link..].iter().take_while(|ways| same_way(**ways) == Some(step)).count();
        if step != usual {
            cover(link, link + run, |covered| entries.push(Entry { covered, hop: hop_of(step) }));
        }
        link += run;
    }
    entries
}

/// The way to most of them; of equals, that of the lowest interface.
fn most_common<'a>(ways: impl Iterator<Item = &'a Way>) -> Option<Step> {
    let mut counts: BTreeMap<Step, usize> = BTreeMap::new();
    let mut nowhere = 0;
    for way in ways {
        match way {
            Way::Out(Some(step)) => *counts.entry(*step).or_default() += 1,
            Way::Out(None) => nowhere += 1,
            Way::Own => {}
        }
    }
    let best = counts.into_iter().rev().max_by_key(|(_, count)| *count)?;
    (best.1 >= nowhere).then_some(best.0)
}

/// The way to both ends of a link, if it is one: an end of the node's own needs no route, and may be covered by any.
fn same_way(ways: [Way; 2]) -> Option<Option<Step>> {
    match ways {
        [Way::Own, Way::Out(way)] | [Way::Out(way), Way::Own] => Some(way),
        [Way::Out(first), Way::Out(second)] if first == second => Some(first),
        _ => None,
    }
}

/// The fewest blocks that make up the links from `first` up to `end`.
fn cover(mut first: usize, end: usize, mut push: impl FnMut(Covered)) {
    while first < end {
        let log2 = first.trailing_zeros().min((end - first).ilog2());
        push(Covered::Links { first: first as u32, log2: log2 as u8 });
        first += 1 << log2;
    }
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;
