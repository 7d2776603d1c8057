//! Multicast groups: their addresses, and for each sender a tree of shortest paths to the members.

use crate::check::{Finding, Kind};
use crate::graph::{Down, NetworkGraph, Step};
use crate::spec::{AddressFamilies, AddressFamily, Topology};
use protosim_models::node::GroupRoute;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One node's part in the tree of a sender.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Branch {
    /// The interface from which packets come; `None` at the sender.
    pub from: Option<u32>,
    /// The interfaces that lead to members, in order.
    pub to: Vec<u32>,
    /// Those of them that lead to stations of shared media, with the stations' numbers.
    pub stations: Vec<Step>,
    /// True for a member.
    pub is_member: bool,
}

impl Branch {
    pub(crate) fn route(&self, group: IpAddr, source: IpAddr) -> GroupRoute {
        GroupRoute { group, source, from: self.from, to: self.to.clone(), is_member: self.is_member }
    }
}

/// The tree from `source` to those of `members` that it reaches, by the rank of each node on it: the paths by which unicast packets of
/// the source would go ([`NetworkGraph::first_hops`]) in what is left without what is `down`.
pub fn tree(graph: &NetworkGraph, down: &Down, source: usize, members: &[usize]) -> BTreeMap<usize, Branch> {
    // By node: the node before it, and the hop from there.
    let mut before: Vec<Option<(usize, Step)>> = vec![None; graph.nodes()];
    graph.walk(source, down, |at, step, next| before[next] = Some((at, step)));
    let mut branches = BTreeMap::from([(source, Branch::default())]);
    for member in members {
        let mut node = *member;
        // Up to what is on the tree already.
        while !branches.contains_key(&node)
            && let Some((above, step)) = before[node]
        {
            let towards = graph.ports(above).nth(step.interface as usize);
            let back = graph.ports(node).position(|port| towards.is_some_and(|towards| towards.is_beside(port)));
            branches.insert(node, Branch { from: back.map(|back| back as u32), ..Branch::default() });
            node = above;
        }
        if let Some(branch) = branches.get_mut(member) {
            branch.is_member = true;
        }
    }
    let on_tree: Vec<usize> = branches.keys().copied().collect();
    for node in on_tree {
        if let Some((above, step)) = before[node]
            && let Some(branch) = branches.get_mut(&above)
        {
            branch.to.push(step.interface);
            if step.station > 0 {
                branch.stations.push(step);
            }
        }
    }
    for branch in branches.values_mut() {
        branch.to.sort_unstable();
        // One frame serves all stations of a medium.
        branch.to.dedup();
    }
    branches
}

/// The address of each group, by its place in the list.
pub fn group_addresses(topology: &Topology) -> Vec<IpAddr> {
    let taken: BTreeSet<IpAddr> = topology.groups.iter().filter_map(|group| group.address).collect();
    let mut addresses: Vec<Option<IpAddr>> = topology.groups.iter().map(|group| group.address).collect();
    let mut by_name: Vec<usize> = (0..topology.groups.len()).filter(|index| addresses[*index].is_none()).collect();
    by_name.sort_by(|a, b| topology.groups[*a].name.cmp(&topology.groups[*b].name));
    // Of a network of both versions, IPv4.
    let family = topology.addresses.families().next().unwrap_or(AddressFamily::V4);
    let mut free = (1_u32..).map(|k| nth_address(family, k)).filter(|address| !taken.contains(address));
    for index in by_name {
        addresses[index] = free.next();
    }
    addresses.into_iter().map(|address| address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))).collect()
}

fn nth_address(family: AddressFamily, k: u32) -> IpAddr {
    match family {
        AddressFamily::V4 => IpAddr::V4(Ipv4Addr::from(0xefc0_0000_u32.saturating_add(k))),
        AddressFamily::V6 => IpAddr::V6(Ipv6Addr::from(0xff0e_u128 << 112 | 0x8000_0000 | u128::from(k))),
    }
}

/// Most groups: those that have room in 239.192.0.0/14.
const MOST_GROUPS: usize = (1 << 18) - 2;

/// Everything wrong with groups, but for names of nodes that do not exist.
pub(crate) fn check_groups(topology: &Topology, found: &mut Vec<Finding>) {
    if topology.groups.len() > MOST_GROUPS {
        found.push(Finding::new(Kind::OutOfRange, "groups", format!("more than {MOST_GROUPS} groups")));
    }
    let nodes: BTreeMap<&str, usize> =
        topology.nodes.iter().enumerate().map(|(index, node)| (node.name.as_str(), index)).collect();
    let mut addresses: BTreeMap<IpAddr, usize> = BTreeMap::new();
    for (index, group) in topology.groups.iter().enumerate() {
        let path = |field: &str| format!("groups.{index}.{field}");
        if let Some(node) = nodes.get(group.name.as_str()) {
            let message = format!("a node is called `{}` too", group.name);
            let mut finding = Finding::new(Kind::DuplicateName, path("name"), message);
            finding.other = Some((format!("nodes.{node}.name"), "the node".to_owned()));
            found.push(finding);
        }
        if group.members.is_empty() {
            found.push(Finding::new(Kind::NoEffect, path("members"), "has no effect: a group without members"));
        }
        let mut members = BTreeSet::new();
        for (place, member) in group.members.iter().enumerate() {
            if !members.insert(member) {
                let message = format!("`{}` is a member already", member.0);
                found.push(Finding::new(Kind::DuplicateName, format!("groups.{index}.members.{place}"), message));
            }
        }
        let family = group.address.map(AddressFamily::of).or_else(|| topology.addresses.families().next());
        for (place, member) in group.members.iter().enumerate() {
            let node = nodes.get(member.0.as_str()).map(|node| topology.nodes[*node].families(topology.addresses));
            if let (Some(family), Some(families)) = (family, node)
                && !families.has(family)
                && topology.addresses.has(family)
            {
                let message = format!("`{}` has no addresses of {family:?}, which the group's is of", member.0);
                found.push(Finding::new(Kind::OutOfRange, format!("groups.{index}.members.{place}"), message));
            }
        }
        let Some(address) = group.address else { continue };
        if let Some(message) = wrong_address(address, topology.addresses) {
            found.push(Finding::new(Kind::OutOfRange, path("address"), message));
        } else if let Some(earlier) = addresses.insert(address, index) {
            let mut finding = Finding::new(Kind::DuplicateName, path("address"), "another group has this address too");
            finding.other = Some((format!("groups.{earlier}.address"), "the first one".to_owned()));
            found.push(finding);
        }
    }
}

/// Why routers would not pass packets for this group on, or nobody could send any.
fn wrong_address(address: IpAddr, families: AddressFamilies) -> Option<String> {
    const V4: &str = "224.0.1.0 to 239.255.255.255";
    const V6: &str = "ff03:: to ff0f:ffff:..., such as ff0e::1";
    let own = AddressFamily::of(address);
    let range = match (families, own) {
        (AddressFamilies::V4, _) | (AddressFamilies::Both, AddressFamily::V4) => V4,
        (AddressFamilies::V6, _) | (AddressFamilies::Both, AddressFamily::V6) => V6,
    };
    if !address.is_multicast() || !families.has(own) {
        return Some(format!("{address} is no group of this network: they are {range}"));
    }
    // RFC 5771 §4; RFC 4291 §2.7: the scopes of the interface and of the link, and what is reserved.
    let stays = match address {
        IpAddr::V4(address) => address.octets()[..3] == [224, 0, 0],
        IpAddr::V6(address) => address.octets()[1] & 0x0f <= 2,
    };
    stays.then(|| format!("no router passes packets for {address} on; groups that leave a link are {range}"))
}

#[cfg(test)]
#[path = "multicast_tests.rs"]
mod tests;
