//! What can be wrong with a topology beyond its types. All of it is found, each with its place.

use crate::devices::check_devices;
use crate::graph::NetworkGraph;
use crate::media::{check_media, interfaces_of};
use crate::multicast::check_groups;
use crate::nat::check_nats;
use crate::spec::{AddressFamilies, AddressFamily, Topology, channel_stream_name, wire_stream_name};
pub use crate::timeline::check_timeline;
use protosim_models::channel::ChannelConfig;
use protosim_models::link::LinkConfig;
use protosim_models::medium::MediumConfig;
use protosim_models::name::NodeName;
use protosim_models::node::IpConfig;
use std::collections::{BTreeMap, BTreeSet};

/// Something wrong, at a path within the checked part of the scenario (`links.2.ends.1`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Which kind of mistake.
    pub kind: Kind,
    /// Where: fields and list indices, joined by points.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// Another place that has to do with it, and what to say of it.
    pub other: Option<(String, String)>,
}

/// Kinds of mistakes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Two things have one name.
    DuplicateName,
    /// A name that cannot be used.
    BadName,
    /// A field that can have no effect, or contradicts another.
    NoEffect,
    /// A link joins a node to itself.
    LinkToSelf,
    /// A number is out of its range.
    OutOfRange,
}

impl Finding {
    pub(crate) fn new(kind: Kind, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, path: path.into(), message: message.into(), other: None }
    }
}

/// Most nodes and links that one network may have: the event key has room for 2^28 wires, and a
/// list this long is a mistake well before.
pub const MOST_LINKS: usize = 1 << 22;

/// Everything wrong with a topology of single nodes and links, but for names of nodes that do not exist: the scenario reader finds those
/// wherever they stand.
pub fn check_topology(topology: &Topology) -> Vec<Finding> {
    let mut found = Vec::new();
    check_names(topology.nodes.iter().map(|node| node.name.clone()), "nodes", "node", &mut found);
    check_names(topology.links.iter().map(|link| link.name()), "links", "link", &mut found);
    if topology.links.len() > MOST_LINKS {
        found.push(Finding::new(Kind::OutOfRange, "links", format!("more than {MOST_LINKS} links")));
    }
    for (index, link) in topology.links.iter().enumerate() {
        if link.ends.0 == link.ends.1 {
            let message = format!("the link joins `{}` to itself", link.ends.0.0);
            found.push(Finding::new(Kind::LinkToSelf, format!("links.{index}.ends.1"), message));
        }
        for (field, message) in link.check() {
            let path = if field.is_empty() { format!("links.{index}") } else { format!("links.{index}.{field}") };
            let kind = if message.starts_with("has no effect") { Kind::NoEffect } else { Kind::OutOfRange };
            found.push(Finding::new(kind, path, message));
        }
    }
    check_channels(topology, &mut found);
    check_media(topology, &mut found);
    check_devices(topology, &mut found);
    check_names(topology.groups.iter().map(|group| group.name.clone()), "groups", "group", &mut found);
    check_groups(topology, &mut found);
    check_families(topology, &mut found);
    check_nats(topology, &mut found);
    check_streams(topology, &mut found);
    let mut links_of: BTreeMap<&str, usize> = BTreeMap::new();
    for link in &topology.links {
        *links_of.entry(&link.ends.0.0).or_default() += 1;
        if link.ends.0 != link.ends.1 {
            *links_of.entry(&link.ends.1.0).or_default() += 1;
        }
    }
    for (index, node) in topology.nodes.iter().enumerate() {
        if node.count.is_some() {
            let message = "a group of nodes stands where single nodes are expected";
            found.push(Finding::new(Kind::NoEffect, format!("nodes.{index}.count"), message));
        }
        for (field, message) in node.ip.iter().flat_map(IpConfig::check) {
            let kind = if message.starts_with("has no effect") { Kind::NoEffect } else { Kind::OutOfRange };
            let message = if kind == Kind::NoEffect { message } else { format!("`{field}` {message}") };
            found.push(Finding::new(kind, format!("nodes.{index}.ip.{field}"), message));
        }
        let links = links_of.get(node.name.as_str()).copied().unwrap_or_default();
        if node.forwards.is_some() && links + interfaces_of(topology, &node.name) < 2 {
            let message = "has no effect: a node with fewer than two links has nobody to forward to";
            found.push(Finding::new(Kind::NoEffect, format!("nodes.{index}.forwards"), message));
        }
    }
    found
}

/// Versions of IP that nodes have and their network has not, and those that nobody beside a node has.
fn check_families(topology: &Topology, found: &mut Vec<Finding>) {
    if topology.nodes.iter().all(|node| node.addresses.is_none()) {
        return;
    }
    let of: BTreeMap<&str, AddressFamilies> =
        topology.nodes.iter().map(|node| (node.name.as_str(), node.families(topology.addresses))).collect();
    let has = |name: &NodeName, family| of.get(name.0.as_str()).is_some_and(|own| own.has(family));
    // By node, the versions that somebody beside it has.
    let mut beside: BTreeSet<(&str, AddressFamily)> = BTreeSet::new();
    let links = topology.links.iter().map(|link| vec![&link.ends.0, &link.ends.1]);
    for nodes in links.chain(topology.media.iter().map(MediumConfig::stations)) {
        for family in AddressFamilies::Both.families() {
            let those: Vec<&NodeName> = nodes.iter().copied().filter(|node| has(node, family)).collect();
            if those.len() > 1 {
                beside.extend(those.into_iter().map(|node| (node.0.as_str(), family)));
            }
        }
    }
    for (index, node) in topology.nodes.iter().enumerate() {
        for family in node.addresses.into_iter().flat_map(AddressFamilies::families) {
            let message = if !topology.addresses.has(family) {
                format!(
                    "`{}` has addresses of {family:?}, and the network has none: `addresses: Both` has both",
                    node.name
                )
            } else if !beside.contains(&(&*node.name, family)) {
                format!("`{}` has addresses of {family:?}, and no node beside it has any", node.name)
            } else {
                continue;
            };
            found.push(Finding::new(Kind::OutOfRange, format!("nodes.{index}.addresses"), message));
        }
    }
}

fn check_channels(topology: &Topology, found: &mut Vec<Finding>) {
    check_names(topology.channels.iter().map(|channel| channel.name.clone()), "channels", "channel", found);
    if topology.channels.len() > MOST_LINKS {
        found.push(Finding::new(Kind::OutOfRange, "channels", format!("more than {MOST_LINKS} channels")));
    }
    for (index, channel) in topology.channels.iter().enumerate() {
        if channel.ends.0 == channel.ends.1 {
            let message = format!("the channel joins `{}` to itself", channel.ends.0.0);
            found.push(Finding::new(Kind::LinkToSelf, format!("channels.{index}.ends.1"), message));
        }
        for (field, message) in channel.check() {
            let kind = if message.starts_with("has no effect") { Kind::NoEffect } else { Kind::OutOfRange };
            found.push(Finding::new(kind, format!("channels.{index}.{field}"), message));
        }
    }
}

pub(crate) fn check_names(names: impl Iterator<Item = String>, list: &str, noun: &str, found: &mut Vec<Finding>) {
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    for (index, name) in names.enumerate() {
        let path = || format!("{list}.{index}.name");
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || !name.chars().all(allowed) {
            let message = format!("a {noun}'s name is made of letters, digits, `-` and `_`");
            found.push(Finding::new(Kind::BadName, path(), message));
        }
        if let Some(earlier) = first.get(&name) {
            let mut finding =
                Finding::new(Kind::DuplicateName, path(), format!("another {noun} is called `{name}` too"));
            finding.other = Some((format!("{list}.{earlier}.name"), format!("the first `{name}`")));
            found.push(finding);
        } else {
            first.insert(name, index);
        }
    }
}

/// Two things with one stream name would have the same luck. Things with one name are reported elsewhere.
fn check_streams(topology: &Topology, found: &mut Vec<Finding>) {
    let node_names = topology.nodes.iter().map(|node| node.stream_name.clone().unwrap_or_else(|| node.name.clone()));
    let clashes = found.len();
    check_luck(node_names.map(|name| vec![name]), "nodes", found);
    if found.len() > clashes {
        // Links of nodes with the same luck have it too, for no fault of theirs.
        return;
    }
    let streams: BTreeMap<&str, &str> = topology
        .nodes
        .iter()
        .map(|node| (node.name.as_str(), node.stream_name.as_deref().unwrap_or(&node.name)))
        .collect();
    let stream_of = |name: &NodeName| streams.get(name.0.as_str()).copied().unwrap_or_default().to_owned();
    let of_link = |link: &LinkConfig| {
        let ends = (stream_of(&link.ends.0), stream_of(&link.ends.1));
        [true, false].map(|is_forward| wire_stream_name(link, (&ends.0, &ends.1), is_forward)).to_vec()
    };
    check_luck(topology.links.iter().map(of_link), "links", found);
    let of_channel = |channel: &ChannelConfig| {
        let ends = (stream_of(&channel.ends.0), stream_of(&channel.ends.1));
        [true, false].map(|is_forward| channel_stream_name(channel, (&ends.0, &ends.1), is_forward)).to_vec()
    };
    check_luck(topology.channels.iter().map(of_channel), "channels", found);
}

/// Each thing of a list goes by these stream names.
pub(crate) fn check_luck(names: impl Iterator<Item = Vec<String>>, list: &str, found: &mut Vec<Finding>) {
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    let with_one_name: BTreeSet<String> = found
        .iter()
        .filter(|finding| finding.kind == Kind::DuplicateName)
        .map(|finding| finding.path.clone())
        .collect();
    for (index, names) in names.enumerate() {
        let Some((name, earlier)) = names.iter().find_map(|name| Some((name, *first.get(name)?))) else {
            first.extend(names.into_iter().map(|name| (name, index)));
            continue;
        };
        let (place, other) = (format!("{list}.{index}"), format!("{list}.{earlier}"));
        if !with_one_name.contains(&format!("{place}.name")) {
            let message =
                format!("another one's random streams go by the name `{name}` too: both would have the same luck");
            let mut finding = Finding::new(Kind::DuplicateName, format!("{place}.stream_name"), message);
            finding.other = Some((other, "the first one".to_owned()));
            found.push(finding);
        }
    }
}

/// True if packets from one node can reach another. Both names must exist.
pub fn is_reachable(graph: &NetworkGraph, from: usize, to: usize) -> bool {
    graph.reaches(from, to)
}

/// True if a node is inside of a NAT and the other one is not: nobody there has a route to it.
pub fn is_hidden(graph: &NetworkGraph, from: usize, to: usize) -> bool {
    graph.primary_port(to, |_| true).is_some_and(|port| !graph.view(from).has(graph, port))
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
