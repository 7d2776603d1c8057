//! Addresses of link ends, and the routes of a node to them.
//!
//! A node with one link sends everything there. Any other node of a network with at most [`MOST_LISTED`] links has a
//! route to every link end that it reaches. In larger networks that would be nodes times links: there, a node's most
//! common way out becomes its route for the whole of the network's block, and only what goes elsewhere is listed, in
//! blocks of neighbouring links where it can be. Every address that a link end has is sent the same way in either form;
//! only what is sent to an address of the block that nobody has travels until somebody without a better route drops it.

use crate::graph::{Down, NetworkGraph};
use crate::spec::AddressFamily;
use protosim_models::node::{Hop, Route};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks with no more links than this have full tables.
pub(crate) const MOST_LISTED: usize = 1024;

/// One route, in a few bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    covered: Covered,
    /// Out of this interface; `None`: nowhere.
    interface: Option<u32>,
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
    pub(crate) fn route(self, family: AddressFamily) -> Route {
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
            Covered::End { link, end } => {
                (family.end_address(link as usize, u32::from(end)), if is_v4 { 32 } else { 128 })
            }
        };
        Route { prefix, len, hop: self.interface.map_or(Hop::None, Hop::Interface) }
    }
}

/// Where a node sends what is for one end of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// It is that end.
    Own,
    /// Out of this interface; `None`: there is no path.
    Out(Option<u32>),
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
    if let [(link, next)] = graph.neighbours(node) {
        let everything = Entry { covered: Covered::Everything, interface: Some(0) };
        return if down.bars(*link, *next) { Vec::new() } else { vec![everything] };
    }
    let ways = ways_of(graph, node, down);
    if graph.links() > most_listed { shortened(&ways, family, graph.neighbours(node).len()) } else { listed(&ways) }
}

/// By link. Each end has its own way, so that a packet takes the shortest way to that end.
fn ways_of(graph: &NetworkGraph, node: usize, down: &Down) -> Vec<[Way; 2]> {
    let first_hops = graph.first_hops_without(node, down);
    let way = |rank: usize| {
        if rank == node { Way::Own } else { Way::Out(first_hops[rank].map(|interface| interface as u32)) }
    };
    let mut ways: Vec<[Way; 2]> = (0..graph.links())
        .map(|link| {
            let (first, second) = graph.ends(link);
            [way(first), way(second)]
        })
        .collect();
    // The far end of a node's own link is reached over that link, even if another one to that node comes first.
    for (interface, (link, next)) in graph.neighbours(node).iter().enumerate() {
        if !down.bars(*link, *next) {
            let far = usize::from(graph.ends(*link).0 == node);
            ways[*link][far] = Way::Out(Some(interface as u32));
        }
    }
    ways
}

fn listed(ways: &[[Way; 2]]) -> Vec<Entry> {
    let ends = ways.iter().enumerate().flat_map(|(link, ways)| [(link, 0, ways[0]), (link, 1, ways[1])]);
    let entry = |(link, end, way)| {
        let Way::Out(Some(interface)) = way else { return None };
        Some(Entry { covered: Covered::End { link: link as u32, end }, interface: Some(interface) })
    };
    ends.filter_map(entry).collect()
}

fn shortened(ways: &[[Way; 2]], family: AddressFamily, interfaces: usize) -> Vec<Entry> {
    let usual = most_common(ways, interfaces);
    let mut entries = Vec::new();
    if usual.is_some() {
        let covered = Covered::Links { first: 0, log2: family.log2_links() };
        entries.push(Entry { covered, interface: usual });
    }
    let mut link = 0;
    while link < ways.len() {
        let Some(interface) = same_way(ways[link]) else {
            for (end, way) in ways[link].into_iter().enumerate() {
                if let Way::Out(interface) = way
                    && interface != usual
                {
                    entries.push(Entry { covered: Covered::End { link: link as u32, end: end as u8 }, interface });
                }
            }
            link += 1;
            continue;
        };
        let run = ways[link..].iter().take_while(|ways| same_way(**ways) == Some(interface)).count();
        if interface != usual {
            cover(link, link + run, |covered| entries.push(Entry { covered, interface }));
        }
        link += run;
    }
    entries
}

/// The way to most link ends; of equals, the lowest interface.
fn most_common(ways: &[[Way; 2]], interfaces: usize) -> Option<u32> {
    let mut counts = vec![0_usize; interfaces];
    let mut nowhere = 0;
    for way in ways.iter().flatten() {
        match way {
            Way::Out(Some(interface)) => counts[*interface as usize] += 1,
            Way::Out(None) => nowhere += 1,
            Way::Own => {}
        }
    }
    let best = counts.iter().enumerate().rev().max_by_key(|(_, count)| **count)?;
    (*best.1 >= nowhere).then_some(best.0 as u32)
}

/// The way to both ends of a link, if it is one: an end of the node's own needs no route, and may be covered by any.
fn same_way(ways: [Way; 2]) -> Option<Option<u32>> {
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
