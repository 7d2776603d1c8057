//! NATs and firewalls as parts of a network: what is inside of which, addresses there, and what can be wrong with it.
//!
//! Links and media that packets pass between without a NAT make a *realm*. A NAT has one realm outside and one inside, and is the only one of
//! that inside: realms form a forest, and who is inside sees its own realm and those around it, never one further in, nor one beside it. Routes
//! say so, and only so: a node has routes to what it sees.
//!
//! Links of a realm inside a NAT have private addresses, each link of the network others: the k-th of them, in order of names, the k-th /30 of
//! 192.168.0.0/16 (RFC 1918), or of 100.64.0.0/10 (RFC 6598) if the realm has other NATs inside, and beyond the first 16384. Public links keep the
//! addresses that they have without NATs; media keep theirs of 172.16.0.0/12 (RFC 1918) in any realm.

use crate::check::{Finding, Kind};
use crate::graph::{NetworkGraph, Port};
use crate::spec::{AddressFamilies, AddressFamily, GroupSpec, NodeSpec, Topology};
use protosim_models::link::LinkConfig;
use protosim_models::medium::MediumConfig;
use protosim_models::name::NodeName;
use protosim_models::nat::{FirewallConfig, Nat64Config, Nat64Prefix, NatConfig};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Links that have room in 192.168.0.0/16, and in 100.64.0.0/10.
const ROOM_AT_HOME: usize = 1 << 14;
const ROOM_AT_CARRIERS: usize = 1 << 20;

/// What is inside of what. Links and media are numbered as listed, links first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Realms {
    /// The realm of each link and medium: the first of its links and media.
    of: Vec<usize>,
    /// Number of links.
    links: usize,
    /// The realm around each that is inside a NAT.
    around: BTreeMap<usize, usize>,
}

impl Realms {
    /// True if the realm `outer` is `inner` or around it.
    fn sees(&self, inner: usize, outer: usize) -> bool {
        let mut realm = Some(inner);
        // A circle, which checks refuse, has an end here too.
        for _ in 0..=self.around.len() {
            match realm {
                None => return false,
                Some(own) if own == outer => return true,
                Some(own) => realm = self.around.get(&own).copied(),
            }
        }
        false
    }
}

/// NATs of a graph, by ranks of nodes: empty for most networks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Nats {
    realms: Realms,
    /// Of each NAT, its interface to the outside.
    outside: BTreeMap<usize, u32>,
}

/// What a node can address; everything, without NATs.
pub(crate) struct View<'g>(Option<(&'g Nats, BTreeSet<usize>)>);

impl View<'_> {
    /// Everything.
    pub(crate) const EVERYTHING: Self = Self(None);

    /// True if what is on a link or medium can be addressed.
    pub(crate) fn has(&self, graph: &NetworkGraph, port: Port) -> bool {
        self.0.as_ref().is_none_or(|(nats, realms)| realms.contains(&nats.realm(graph, port)))
    }

    /// [`View::has`] for a link, by its rank.
    pub(crate) fn has_link(&self, graph: &NetworkGraph, link: usize) -> bool {
        self.has(graph, Port::Link { link, next: 0 })
    }

    /// True if there is something that cannot be.
    pub(crate) fn is_partial(&self) -> bool {
        self.0.is_some()
    }
}

/// What a link or a medium is called, and between which nodes.
struct Element<'t> {
    name: String,
    link: Option<&'t LinkConfig>,
}

/// Links and media by the nodes that are on them.
struct Elements<'t> {
    all: Vec<Element<'t>>,
    of_node: BTreeMap<&'t str, Vec<usize>>,
}

impl<'t> Elements<'t> {
    fn new(topology: &'t Topology) -> Self {
        let links = topology.links.iter().map(|link| Element { name: link.name(), link: Some(link) });
        let media = topology.media.iter().map(|medium| Element { name: medium.name().to_owned(), link: None });
        let all: Vec<Element<'t>> = links.chain(media).collect();
        let mut of_node: BTreeMap<&'t str, Vec<usize>> = BTreeMap::new();
        let ends = topology.links.iter().map(|link| vec![&link.ends.0, &link.ends.1]);
        for (index, nodes) in ends.chain(topology.media.iter().map(MediumConfig::stations)).enumerate() {
            for node in nodes {
                let own = of_node.entry(&node.0).or_default();
                if !own.contains(&index) {
                    own.push(index);
                }
            }
        }
        Self { all, of_node }
    }

    fn of(&self, node: &str) -> &[usize] {
        self.of_node.get(node).map_or(&[], Vec::as_slice)
    }

    /// The link or medium of a node that it calls `said`. Of a member of a group that may be the name of the group's links.
    fn find(&self, node: &str, said: &str) -> Option<usize> {
        let own = self.of(node);
        let exact = own.iter().copied().find(|index| self.all[*index].name == said);
        exact.or_else(|| {
            let (group, number) = node.rsplit_once('-')?;
            let numbered = format!("{said}-{number}");
            // `home--street` is `home-3--street` for the third home, if links have no names of their own.
            let is_it = |index: &usize| {
                let element = &self.all[*index];
                let unnumbered = |end: &NodeName| {
                    let stem = end.0.rsplit_once('-').filter(|(_, own)| *own == number).map(|(stem, _)| stem);
                    [end.0.clone()].into_iter().chain(stem.map(str::to_owned)).collect::<Vec<_>>()
                };
                let by_ends =
                    element.link.filter(|link| link.name.is_none() && !group.is_empty()).is_some_and(|link| {
                        let (first, second) = (unnumbered(&link.ends.0), unnumbered(&link.ends.1));
                        first.iter().any(|a| second.iter().any(|b| format!("{a}--{b}") == said))
                    });
                element.name == numbered || by_ends
            };
            own.iter().copied().find(is_it)
        })
    }
}

/// What a node says of the outside of its NAT, NAT64 or firewall.
pub(crate) fn outside_of(node: &NodeSpec) -> Option<&str> {
    let nat = node.nat.as_deref().map(|nat| &*nat.outside);
    let nat64 = || node.nat64.as_deref().map(|nat64| &*nat64.outside);
    nat.or_else(nat64).or_else(|| node.firewall.as_deref().map(|wall| &*wall.outside))
}

/// Realms of a topology; `None` without NATs.
fn realms_of(topology: &Topology, elements: &Elements<'_>) -> Option<Realms> {
    if topology.nodes.iter().all(|node| node.nat.is_none()) {
        return None;
    }
    let mut joined = petgraph::unionfind::UnionFind::<usize>::new(elements.all.len());
    let mut join = |all: &mut dyn Iterator<Item = usize>| {
        if let Some(first) = all.next() {
            all.for_each(|other| {
                joined.union(first, other);
            });
        }
    };
    let outside = |node: &NodeSpec| elements.find(&node.name, &node.nat.as_deref()?.outside);
    for node in topology.nodes.iter().filter(|node| node.forwards != Some(false)) {
        let (outside, own) = (outside(node), elements.of(&node.name));
        join(&mut own.iter().copied().filter(|index| Some(*index) != outside));
    }
    let mut first = BTreeMap::new();
    let labels = joined.into_labeling();
    let of: Vec<usize> =
        labels.iter().enumerate().map(|(index, label)| *first.entry(*label).or_insert(index)).collect();
    let mut around = BTreeMap::new();
    for node in &topology.nodes {
        let Some(outside) = outside(node) else { continue };
        for inside in elements.of(&node.name).iter().filter(|index| **index != outside) {
            if of[*inside] != of[outside] {
                around.entry(of[*inside]).or_insert(of[outside]);
            }
        }
    }
    Some(Realms { of, links: topology.links.len(), around })
}

impl Nats {
    /// The realms of a topology, if it has NATs.
    pub(crate) fn realms(topology: &Topology) -> Option<Realms> {
        realms_of(topology, &Elements::new(topology))
    }

    /// With the interfaces of a graph.
    pub(crate) fn with_interfaces(realms: Realms, topology: &Topology, graph: &NetworkGraph) -> Self {
        let mut outside = outsides(topology, graph);
        outside.retain(|rank, _| topology.nodes[graph.node(*rank).listed].nat.is_some());
        Self { realms, outside }
    }

    /// The interface of a NAT that leads outside; `None` if the node is none.
    pub(crate) fn outside(&self, node: usize) -> Option<u32> {
        self.outside.get(&node).copied()
    }

    /// The realm of what an interface leads to.
    fn realm(&self, graph: &NetworkGraph, port: Port) -> usize {
        let listed = match port {
            Port::Link { link, .. } => graph.link(link),
            Port::Medium { medium, .. } => self.realms.links + graph.media().lan(medium).listed,
        };
        self.realms.of[listed]
    }

    /// True if a link, by its rank, is inside a NAT.
    pub(crate) fn is_private_link(&self, graph: &NetworkGraph, link: usize) -> bool {
        self.realms.around.contains_key(&self.realms.of[graph.link(link)])
    }

    /// What a node can address: its own realms, and those around them.
    pub(crate) fn view(&self, graph: &NetworkGraph, node: usize) -> View<'_> {
        let mut realms = BTreeSet::new();
        let mut own: Vec<usize> = graph.ports(node).map(|port| self.realm(graph, port)).collect();
        while let Some(realm) = own.pop() {
            if realms.insert(realm) {
                own.extend(self.realms.around.get(&realm));
            }
        }
        View(Some((self, realms)))
    }
}

/// By rank, the interfaces of NATs, NAT64s and firewalls to the outside.
pub(crate) fn outsides(topology: &Topology, graph: &NetworkGraph) -> BTreeMap<usize, u32> {
    if topology.nodes.iter().all(|node| outside_of(node).is_none()) {
        return BTreeMap::new();
    }
    let elements = Elements::new(topology);
    let all = 0..graph.nodes();
    all.filter_map(|rank| Some((rank, outside_interface(topology, graph, &elements, rank)?))).collect()
}

fn outside_interface(topology: &Topology, graph: &NetworkGraph, elements: &Elements<'_>, rank: usize) -> Option<u32> {
    let node = &topology.nodes[graph.node(rank).listed];
    let outside = elements.find(&node.name, outside_of(node)?)?;
    let is_it = |port: Port| match port {
        Port::Link { link, .. } => graph.link(link) == outside,
        Port::Medium { medium, .. } => topology.links.len() + graph.media().lan(medium).listed == outside,
    };
    graph.ports(rank).position(is_it).map(|interface| interface as u32)
}

/// Addresses of link ends: those of the family, but for links inside NATs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Addresses {
    /// Which version of IP.
    pub family: AddressFamily,
    /// By rank of the link, the network of its /30, or 0 for a public one; empty without NATs.
    private: Vec<u32>,
}

impl From<AddressFamily> for Addresses {
    fn from(family: AddressFamily) -> Self {
        Self { family, private: Vec::new() }
    }
}

impl Addresses {
    pub(crate) fn new(family: AddressFamily, graph: &NetworkGraph) -> Self {
        let Some(nats) = graph.nats().filter(|_| family == AddressFamily::V4) else { return family.into() };
        let carriers: BTreeSet<usize> = nats.realms.around.values().copied().collect();
        let (mut at_home, mut at_carriers) = (0, 0);
        let mut network = |link: usize| {
            let realm = nats.realms.of[graph.link(link)];
            if !nats.realms.around.contains_key(&realm) {
                return 0;
            }
            if carriers.contains(&realm) || at_home == ROOM_AT_HOME as u32 {
                at_carriers += 1;
                return 0x6440_0000 + 4 * (at_carriers - 1);
            }
            at_home += 1;
            0xc0a8_0000 + 4 * (at_home - 1)
        };
        Self { family, private: (0..graph.links()).map(&mut network).collect() }
    }

    /// The address of a link's first (0) or second (1) end.
    pub(crate) fn end_address(&self, link: usize, end: u32) -> IpAddr {
        match self.private.get(link).copied().filter(|network| *network > 0) {
            Some(network) => IpAddr::V4(Ipv4Addr::from(network + 1 + end)),
            None => self.family.end_address(link, end),
        }
    }
}

/// Everything wrong with NATs and firewalls.
pub(crate) fn check_nats(topology: &Topology, found: &mut Vec<Finding>) {
    if topology.nodes.iter().all(|node| outside_of(node).is_none()) {
        return;
    }
    let elements = Elements::new(topology);
    let before = found.len();
    for (index, node) in topology.nodes.iter().enumerate() {
        check_node(topology, &elements, index, node, found);
    }
    check_pools(topology, found);
    if found.len() == before {
        check_realms(topology, &elements, found);
    }
}

fn check_node(topology: &Topology, elements: &Elements<'_>, index: usize, node: &NodeSpec, found: &mut Vec<Finding>) {
    let Some(outside) = outside_of(node) else { return };
    let field = match (&node.nat, &node.nat64) {
        (Some(_), _) => "nat",
        (None, Some(_)) => "nat64",
        (None, None) => "firewall",
    };
    check_kinds(topology, elements, index, node, found);
    let mut say = |kind, rest: &str, message: String| {
        found.push(Finding::new(kind, format!("nodes.{index}.{field}{rest}"), message));
    };
    if node.forwards == Some(false) {
        let message = format!("has no effect: `{}` does not forward (`forwards: false`)", node.name);
        say(Kind::NoEffect, "", message);
    }
    let own = elements.of(&node.name);
    if elements.find(&node.name, outside).is_none() {
        let names: Vec<String> = own.iter().map(|index| format!("`{}`", elements.all[*index].name)).collect();
        let has = if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) };
        let message = format!("no link or medium of `{}` is called `{outside}`: {has}", node.name);
        say(Kind::OutOfRange, ".outside", message);
    } else if own.len() < 2 {
        let message = format!("has no effect: nothing is inside, `{outside}` is all that `{}` has", node.name);
        say(Kind::NoEffect, "", message);
    }
    let of_nat = node.nat.as_deref().map(NatConfig::check).unwrap_or_default();
    let of_firewall = node.firewall.as_deref().map(FirewallConfig::check).unwrap_or_default();
    let of_nat64 = node.nat64.as_deref().map(Nat64Config::check).unwrap_or_default();
    let with = |of: &'static str| move |(field, message)| (of, field, message);
    let all = of_nat.into_iter().map(with("nat")).chain(of_nat64.into_iter().map(with("nat64")));
    for (of, field, message) in all.chain(of_firewall.into_iter().map(with("firewall"))) {
        let kind = if message.starts_with("has no effect") { Kind::NoEffect } else { Kind::OutOfRange };
        let message = if kind == Kind::NoEffect { message } else { format!("`{field}` {message}") };
        found.push(Finding::new(kind, format!("nodes.{index}.{of}.{field}"), message));
    }
}

/// Which of NAT, NAT64 and firewall a node can be, with its versions of IP.
fn check_kinds(topology: &Topology, elements: &Elements<'_>, index: usize, node: &NodeSpec, found: &mut Vec<Finding>) {
    let mut say = |kind, field: &str, message: String| {
        found.push(Finding::new(kind, format!("nodes.{index}.{field}"), message));
    };
    let families = node.families(topology.addresses);
    if let (Some(nat), Some(firewall)) = (&node.nat, &node.firewall) {
        if !families.has(AddressFamily::V6) {
            let message =
                "the node has a `nat`, which filters by itself: leave `firewall` out, and say the filter there";
            say(Kind::NoEffect, "nat", message.to_owned());
        } else if firewall.outside != nat.outside {
            let message = format!("is `{}`, and that of the node's `nat` is `{}`", firewall.outside, nat.outside);
            say(Kind::OutOfRange, "firewall.outside", message);
        }
    }
    if node.nat.is_some() && !families.has(AddressFamily::V4) {
        let message = "a NAT translates IPv4, and the addresses are V6: a `firewall` filters without translation";
        say(Kind::OutOfRange, "nat", message.to_owned());
    }
    let Some(nat64) = &node.nat64 else { return };
    if let Some(nat) = node.nat.as_ref().filter(|nat| nat.outside != nat64.outside) {
        let message = format!("is `{}`, and that of the node's `nat` is `{}`", nat64.outside, nat.outside);
        say(Kind::OutOfRange, "nat64.outside", message);
    }
    if let Some(message) = taken_prefix(nat64.prefix()) {
        say(Kind::OutOfRange, "nat64.prefix", message);
    }
    if node.firewall.is_some() {
        let message = "a NAT64 filters what it translates and nothing else: put the `firewall` on a node of its own";
        say(Kind::OutOfRange, "nat64", message.to_owned());
    }
    if families != AddressFamilies::Both {
        let message =
            format!("a NAT64 has IPv6 inside and IPv4 outside, and the addresses are {families:?}: `addresses: Both`");
        return say(Kind::OutOfRange, "nat64", message);
    }
    let has_v4 = |other: &NodeSpec| {
        let is_there = |outside| elements.of(&other.name).contains(&outside);
        other.name != node.name
            && other.families(topology.addresses).has(AddressFamily::V4)
            && elements.find(&node.name, &nat64.outside).is_none_or(is_there)
    };
    if !topology.nodes.iter().any(has_v4) {
        let message = format!("nobody else on `{}` has addresses of IPv4", nat64.outside);
        say(Kind::OutOfRange, "nat64.outside", message);
    }
}

/// Blocks that have addresses of other things, and those that are nobody's.
const TAKEN: [(Ipv4Addr, u8); 8] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// The same of IPv6: addresses of links and of media, what never leaves a link, and groups (RFC 4291 §2.4).
const TAKEN_V6: [(Ipv6Addr, u8); 5] = [
    (Ipv6Addr::UNSPECIFIED, 32),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];

/// Why a NAT64 cannot have this prefix, if it cannot.
fn taken_prefix(prefix: Nat64Prefix) -> Option<String> {
    let meets = |(block, len): &&(Ipv6Addr, u8)| {
        let common = u32::from(prefix.len_bits().min(*len));
        (u128::from(prefix.address()) ^ u128::from(*block)) >> (128 - common) == 0
    };
    let (block, len) = TAKEN_V6.iter().find(meets)?;
    Some(format!(
        "{prefix} has addresses of {block}/{len}, which the network gives to others, or nobody: take one such as 64:ff9b:1::/96 (RFC 8215)"
    ))
}

fn check_pools(topology: &Topology, found: &mut Vec<Finding>) {
    let mut first: BTreeMap<Ipv4Addr, String> = BTreeMap::new();
    for (index, node) in topology.nodes.iter().enumerate() {
        let of_nat = node.nat.as_deref().and_then(|nat| Some(("nat", nat.pool.as_deref()?)));
        let of_nat64 = node.nat64.as_deref().and_then(|nat64| Some(("nat64", nat64.pool.as_deref()?)));
        let pools = of_nat.into_iter().chain(of_nat64);
        for (field, place, address) in
            pools.flat_map(|(field, pool)| pool.iter().enumerate().map(move |(place, address)| (field, place, address)))
        {
            let path = format!("nodes.{index}.{field}.pool.{place}");
            let lies_in = |(block, len): &&(Ipv4Addr, u8)| {
                (u32::from(*block) ^ u32::from(*address)) >> (32 - u32::from(*len)) == 0
            };
            if let Some((block, len)) = TAKEN.iter().find(lies_in) {
                let message = format!(
                    "{address} is in {block}/{len}, whose addresses are given by the network, or nobody's: take one such as 203.0.113.1"
                );
                found.push(Finding::new(Kind::OutOfRange, path, message));
            } else if let Some(earlier) = first.get(address) {
                let mut finding = Finding::new(Kind::DuplicateName, path, format!("{address} is in a pool already"));
                finding.other = Some((earlier.clone(), "the first one".to_owned()));
                found.push(finding);
            } else {
                first.insert(*address, path);
            }
        }
    }
}

/// Whether each NAT stands between its inside and its outside, alone.
fn check_realms(topology: &Topology, elements: &Elements<'_>, found: &mut Vec<Finding>) {
    let Some(realms) = realms_of(topology, elements) else { return };
    let mut first: BTreeMap<usize, (usize, &str)> = BTreeMap::new();
    for (index, node) in topology.nodes.iter().enumerate() {
        let Some(outside) = node.nat.as_deref().and_then(|nat| elements.find(&node.name, &nat.outside)) else {
            continue;
        };
        let path = format!("nodes.{index}.nat.outside");
        let own = elements.of(&node.name);
        let Some(inside) = own.iter().copied().find(|inside| *inside != outside) else { continue };
        let (inner, outer) = (realms.of[inside], realms.of[outside]);
        if inner == outer {
            let message = format!("another way leads around the NAT `{}`: what is inside is outside too", node.name);
            found.push(Finding::new(Kind::OutOfRange, path, message));
        } else if let Some((earlier, name)) = first.get(&inner) {
            let message =
                format!("`{name}` is the NAT of what is inside of `{}`: there is one for each inside", node.name);
            let mut finding = Finding::new(Kind::OutOfRange, path, message);
            finding.other = Some((format!("nodes.{earlier}.nat.outside"), "the first one".to_owned()));
            found.push(finding);
        } else {
            first.insert(inner, (index, &node.name));
            if realms.around.contains_key(&outer) && realms.sees(outer, inner) {
                let message =
                    format!("NATs lead outside in a circle: what is outside of `{}` is inside of it", node.name);
                found.push(Finding::new(Kind::OutOfRange, path, message));
            }
        }
    }
    let private =
        topology.links.iter().enumerate().filter(|(link, _)| realms.around.contains_key(&realms.of[*link])).count();
    if private > ROOM_AT_CARRIERS {
        let message =
            format!("more than {ROOM_AT_CARRIERS} links inside NATs: there are no private addresses for them");
        found.push(Finding::new(Kind::OutOfRange, "links", message));
    }
    // IPv6 goes through a NAT as it is.
    let is_v4 = |group: &GroupSpec| {
        group.address.map_or(topology.addresses.has(AddressFamily::V4), |address| address.is_ipv4())
    };
    for (index, group) in topology.groups.iter().enumerate().filter(|(_, group)| is_v4(group)) {
        let realm = |node: &NodeName| Some(realms.of[*elements.of(&node.0).first()?]);
        let all: BTreeSet<usize> = group.members.iter().chain(&group.senders).filter_map(realm).collect();
        if all.len() > 1 {
            let message =
                format!("`{}` has members or senders on both sides of a NAT, which passes no multicast", group.name);
            found.push(Finding::new(Kind::OutOfRange, format!("groups.{index}.members"), message));
        }
    }
}

#[cfg(test)]
#[path = "nat_tests.rs"]
mod tests;
