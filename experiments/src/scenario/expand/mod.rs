//! From what stands for many to the many: groups of nodes, generated networks, and links, members and events of those.
//!
//! The tree as it is written stays what overrides, axes and variants act on; the typed scenario is read from the expanded
//! one. Every node and link that is made keeps the places of what it was made from, so messages point there.
//!
//! 1. A node with a `count` becomes its members, a network of `networks` its nodes and links ([`network`]).
//! 2. What names a set of nodes or of links becomes one for each member ([`sets`]): links, channels, stations of shared media, members
//!    of multicast groups, events of the timeline, what faults may hit.
//! 3. `adjust` changes single nodes and links of those.

mod adjust;
mod network;
mod sets;

pub(super) use adjust::{for_member, is_of_member};
pub(super) use network::warn_of_notes;

use super::check::span_of;
use super::files::Files;
use crate::tree::{Diagnostic, Diagnostics, Kind, Node, Span, Tree, take_field};
use protosim_topologies::groups::{MOST_NODES, NodeSets, check_count, member_name};
use std::collections::BTreeMap;

/// A tree without groups and networks.
#[derive(Debug)]
pub(super) struct Expansion {
    /// The tree.
    pub(super) tree: Tree,
    /// Sets of nodes, by what they are called together.
    pub(super) sets: NodeSets,
    /// False if a network could not be made: nodes and links that are named may be its.
    pub(super) is_whole: bool,
    /// What stands for more than one thing: mistakes in it are found several times, and told once.
    pub(super) repeated: Vec<Span>,
    /// What is to be said of imported networks, and where.
    pub(super) notes: Vec<(Span, String)>,
    /// Links by what they were made from: `radio` for `radio-0` and so on.
    links: BTreeMap<String, Vec<String>>,
    /// Channels likewise.
    channels: BTreeMap<String, Vec<String>>,
}

/// Expands a tree. Mistakes in groups and networks are added to `mistakes`.
pub(super) fn expand(tree: &Tree, files: &mut Files, mistakes: &mut Diagnostics) -> Expansion {
    let mut made = Expansion {
        tree: tree.clone(),
        sets: NodeSets::default(),
        is_whole: true,
        repeated: Vec::new(),
        notes: Vec::new(),
        links: BTreeMap::new(),
        channels: BTreeMap::new(),
    };
    made.expand_nodes(mistakes);
    let hosts = made.expand_networks(files, mistakes);
    let names: Vec<&str> = made.items("nodes").iter().filter_map(|node| node.field("name")?.as_str()).collect();
    made.sets = NodeSets::of(names.into_iter());
    for (network, hosts) in hosts {
        made.sets = std::mem::take(&mut made.sets).with_hosts(&network, hosts);
    }
    sets::check_names(tree, mistakes);
    made.expand_links(mistakes);
    made.expand_channels(mistakes);
    made.expand_media();
    made.expand_members();
    made.expand_timeline();
    made.expand_faults();
    made.adjust(mistakes);
    made
}

impl Expansion {
    /// True for a place in something that stands for more than one thing.
    pub(super) fn is_repeated(&self, place: Span) -> bool {
        self.repeated.iter().any(|whole| place.lies_in(*whole))
    }

    /// True for the name of a link that has become several.
    pub(super) fn is_link_group(&self, name: &str) -> bool {
        self.links.contains_key(name)
    }

    /// True for the name of a channel that has become several.
    pub(super) fn is_channel_group(&self, name: &str) -> bool {
        self.channels.contains_key(name)
    }

    /// The elements of a list of the scenario; none where there is no such list.
    fn items(&self, list: &str) -> &[Node] {
        elements(&self.tree, list)
    }

    /// The same, to be changed. A list that is not there is made where `place` is.
    fn items_mut(&mut self, list: &str, place: Span) -> Option<&mut Vec<Node>> {
        match &mut self.tree.root.field_or(list, place, Kind::List(Vec::new()))?.kind {
            Kind::List(items) => Some(items),
            _ => None,
        }
    }

    /// Puts each element of a list through `expand`; what it says stands in the element's place.
    fn replace(&mut self, list: &str, mut expand: impl FnMut(&mut Self, Node) -> Vec<Node>) {
        let root = self.tree.root.span;
        if self.items(list).is_empty() {
            return;
        }
        let Some(items) = self.items_mut(list, root).map(std::mem::take) else { return };
        let mut all = Vec::with_capacity(items.len());
        for item in items {
            let span = item.span;
            let made = expand(self, item);
            if made.len() > 1 {
                self.repeated.push(span);
            }
            all.extend(made);
        }
        if let Some(items) = self.items_mut(list, root) {
            *items = all;
        }
    }

    fn expand_nodes(&mut self, mistakes: &mut Diagnostics) {
        let mut total = self.items("nodes").len() as u64;
        self.replace("nodes", |_, mut node| {
            let name = node.field("name").and_then(Node::as_str).map(str::to_owned);
            let count = node.field("count").map(|count| (count.span, whole_number(count)));
            let (Some(name), Some((place, Some(count)))) = (name, count) else { return vec![node] };
            take_field(&mut node, "count");
            let refused = check_count(&name, count).err().map(|mistake| mistake.message);
            total = total.saturating_add(count);
            let too_many = (total > MOST_NODES).then(|| format!("more than {MOST_NODES} nodes in all"));
            let wrong = refused.or(too_many);
            // Some members in place of impossible ones, so that the group's name stands for something.
            let count = if wrong.is_some() { 2 } else { count };
            if let Some(message) = wrong {
                mistakes.push(Diagnostic::error("scenario::out-of-range", place, message));
            }
            (0..count).map(|index| numbered(&node, index, &["name", "stream_name"])).collect()
        });
    }
}

/// The mistake of a part of the scenario, at its place.
fn mistake_at(tree: &Tree, path: &str, id: &'static str, message: String) -> Diagnostic {
    let field = path.rsplit('.').next().unwrap_or_default();
    let message = if message.starts_with("is ") || message.starts_with("has no effect") {
        format!("`{field}` {message}")
    } else {
        message
    };
    Diagnostic::error(id, span_of(tree, path), message)
}

/// Member `index` of what `node` stands for: these fields get the number.
fn numbered(node: &Node, index: u64, fields: &[&str]) -> Node {
    let mut member = node.clone();
    for field in fields {
        if let Some(text) = node.field(field).and_then(Node::as_str) {
            put_text(&mut member, field, member_name(text, index));
        }
    }
    member
}

/// Changes the text of a field that is there.
fn put_text(node: &mut Node, field: &str, text: String) {
    if let Some(value) = node.field_mut(field) {
        value.kind = Kind::Str(text);
    }
}

/// The elements of a list of a scenario; none where there is no such list.
fn elements<'t>(tree: &'t Tree, list: &str) -> &'t [Node] {
    match tree.root.field(list).map(|node| &node.kind) {
        Some(Kind::List(items)) => items,
        _ => &[],
    }
}

fn whole_number(node: &Node) -> Option<u64> {
    match &node.kind {
        Kind::Int(number) => Some(u64::try_from(*number).unwrap_or(if *number < 0 { 0 } else { u64::MAX })),
        Kind::Some(inner) => whole_number(inner),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
