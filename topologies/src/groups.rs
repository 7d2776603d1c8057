//! Groups of nodes: `(name: "sensor", count: 3)` stands for `sensor-0`, `sensor-1` and `sensor-2`.
//!
//! A link with one end that names a group becomes a link for each member; with two groups of one size, member i of the
//! first is joined to member i of the second. A link with a name `radio` becomes `radio-0`, `radio-1` and so on; one
//! without is called after its ends, as ever. A stream name gets the same number, so that every member has luck of its
//! own. Numbers are not padded: a group that grows leaves the names of its members, and so their luck, alone.

use crate::check::MOST_LINKS;
use crate::media::expand_medium;
use crate::spec::{NodeSpec, Topology};
use crate::{Mistake, Mistakes};
use protosim_models::link::LinkConfig;
use protosim_models::name::NodeName;
use std::collections::BTreeMap;

/// Most nodes that groups or a generator may make: about a million.
pub const MOST_NODES: u64 = 1 << 20;

/// A topology without groups, and where in the topology with groups each part of it comes from.
#[derive(Clone, PartialEq, Debug)]
pub struct Groupless {
    /// The topology.
    pub topology: Topology,
    /// For each node, the index of the entry that it comes from.
    pub node_from: Vec<usize>,
    /// For each link, the index of the entry that it comes from.
    pub link_from: Vec<usize>,
}

/// Member `index` of a group.
pub fn member_name(group: &str, index: u64) -> String {
    format!("{group}-{index}")
}

/// The nodes that an entry stands for: itself, or its members.
///
/// # Errors
/// A group without members, or of more than [`MOST_NODES`].
pub fn expand_group(node: &NodeSpec) -> Result<Vec<NodeSpec>, Mistake> {
    let Some(count) = node.count else { return Ok(vec![node.clone()]) };
    check_count(node, count)?;
    let member = |index| NodeSpec {
        name: member_name(&node.name, index),
        count: None,
        stream_name: node.stream_name.as_ref().map(|name| member_name(name, index)),
        ..node.clone()
    };
    Ok((0..count).map(member).collect())
}

fn check_count(node: &NodeSpec, count: u64) -> Result<(), Mistake> {
    let message = match count {
        0 => format!("`{}` is a group of nobody: a count is at least 1", node.name),
        1..=MOST_NODES => return Ok(()),
        _ => format!("a group has at most {MOST_NODES} nodes, not {count}"),
    };
    Err(Mistake::new("count", message))
}

/// The topology with single nodes and links for all its groups.
///
/// # Errors
/// Every mistake, at its place in `topology`: see [`expand_group`]; a link between groups of different sizes or from a
/// group to itself; more than [`MOST_NODES`] nodes in all.
pub fn expand_groups(topology: &Topology) -> Result<Groupless, Vec<Mistake>> {
    let mut mistakes = Mistakes::default();
    let mut sizes: BTreeMap<&str, u64> = BTreeMap::new();
    for (index, node) in topology.nodes.iter().enumerate() {
        let Some(count) = node.count else { continue };
        sizes.insert(&node.name, count);
        if let Err(mistake) = check_count(node, count) {
            mistakes.say(format!("nodes.{index}.{}", mistake.path), mistake.message);
        }
    }
    // Links of groups whose size is a mistake would only repeat it.
    mistakes.done()?;
    let total = topology.nodes.iter().fold(0_u64, |sum, node| sum.saturating_add(node.count.unwrap_or(1)));
    if total > MOST_NODES {
        return Err(vec![Mistake::new(
            "nodes",
            format!("{total} nodes in all, of which there are at most {MOST_NODES}"),
        )]);
    }
    let (mut nodes, mut node_from) = (Vec::new(), Vec::new());
    for (index, node) in topology.nodes.iter().enumerate() {
        let members = expand_group(node).map_err(|mistake| vec![mistake])?;
        node_from.extend(members.iter().map(|_| index));
        nodes.extend(members);
    }
    let (mut links, mut link_from) = (Vec::new(), Vec::new());
    for (index, link) in topology.links.iter().enumerate() {
        match expand_link(link, &sizes) {
            Ok(made) if links.len() + made.len() > MOST_LINKS => {
                mistakes.say(format!("links.{index}"), format!("more than {MOST_LINKS} links in all"));
                break;
            }
            Ok(made) => {
                link_from.extend(made.iter().map(|_| index));
                links.extend(made);
            }
            Err(message) => mistakes.say(format!("links.{index}.ends"), message),
        }
    }
    let mut media = Vec::new();
    for (index, medium) in topology.media.iter().enumerate() {
        match expand_medium(medium, &sizes) {
            Ok(made) => media.push(made),
            Err((field, message)) => mistakes.say(format!("media.{index}.{field}"), message),
        }
    }
    mistakes.done()?;
    let topology = Topology { nodes, links, media, addresses: topology.addresses, groups: topology.groups.clone() };
    Ok(Groupless { topology, node_from, link_from })
}

/// The links that one stands for, given the sizes of groups by name.
fn expand_link(link: &LinkConfig, sizes: &BTreeMap<&str, u64>) -> Result<Vec<LinkConfig>, String> {
    let (first, second) = (&link.ends.0.0, &link.ends.1.0);
    let (in_first, in_second) = (sizes.get(first.as_str()).copied(), sizes.get(second.as_str()).copied());
    let count = match (in_first, in_second) {
        (None, None) => return Ok(vec![link.clone()]),
        (Some(_), Some(_)) if first == second => {
            return Err(format!("the link joins the group `{first}` to itself, each member to none but itself"));
        }
        (Some(a), Some(b)) if a != b => {
            return Err(format!(
                "`{first}` has {a} members and `{second}` has {b}: groups that are joined member by member have one size"
            ));
        }
        (Some(count), _) | (None, Some(count)) => count,
    };
    let end = |name: &str, size: Option<u64>, index| {
        NodeName(size.map_or_else(|| name.to_owned(), |_| member_name(name, index)))
    };
    let member = |index| LinkConfig {
        name: link.name.as_ref().map(|name| member_name(name, index)),
        stream_name: link.stream_name.as_ref().map(|name| member_name(name, index)),
        ends: (end(first, in_first, index), end(second, in_second, index)),
        ..link.clone()
    };
    Ok((0..count).map(member).collect())
}

#[cfg(test)]
#[path = "groups_tests.rs"]
mod tests;
