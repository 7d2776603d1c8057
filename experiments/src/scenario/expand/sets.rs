//! What names a set of nodes or links becomes one for each member.

use super::{Expansion, elements, numbered, put_text};
use crate::tree::{Diagnostic, Diagnostics, Kind, Node, Tree, name_of, take_field};
use protosim_models::medium::Coordinate;
use protosim_topologies::check::MOST_LINKS;
use protosim_topologies::groups::links_between;
use std::collections::BTreeMap;

/// The name of a set is that of nothing else, since it stands where those may.
pub(super) fn check_names(tree: &Tree, mistakes: &mut Diagnostics) {
    let nodes = elements(tree, "nodes");
    let name = |node: &Node| node.field("name").and_then(Node::as_str).map(str::to_owned);
    let place = |node: &Node| node.field("name").map_or(node.span, |name| name.span);
    for group in nodes.iter().filter(|node| node.field("count").is_some()) {
        let Some(called) = name(group) else { continue };
        let is_twin = |other: &&Node| other.span != group.span && name(other).as_deref() == Some(&called);
        if let Some(twin) = nodes.iter().find(is_twin) {
            let message = format!("a group and another node are both called `{called}`");
            let error = Diagnostic::error("scenario::duplicate-name", place(group), message);
            mistakes.push(error.also(place(twin), "the other one"));
        }
        if let Some(multicast) = elements(tree, "groups").iter().find(is_twin) {
            let message = format!("a group of nodes is called `{called}` too");
            let error = Diagnostic::error("scenario::duplicate-name", place(multicast), message);
            mistakes.push(error.also(place(group), "the group of nodes"));
        }
    }
}

impl Expansion {
    /// Links with a set at one of their ends, or at both.
    pub(super) fn expand_links(&mut self, mistakes: &mut Diagnostics) {
        self.links = self.expand_joints("links", mistakes);
    }

    /// Channels likewise.
    pub(super) fn expand_channels(&mut self, mistakes: &mut Diagnostics) {
        self.channels = self.expand_joints("channels", mistakes);
    }

    /// What joins two nodes. Returns what has become of those that were more than one.
    fn expand_joints(&mut self, list: &str, mistakes: &mut Diagnostics) -> BTreeMap<String, Vec<String>> {
        let mut total = 0;
        let mut groups = BTreeMap::new();
        self.replace(list, |all, link| {
            let made = all.links_of(link, &mut groups, mistakes);
            total += made.len();
            if total > MOST_LINKS && total - made.len() <= MOST_LINKS {
                let place = made[0].span;
                let message = format!("more than {MOST_LINKS} {list} in all");
                mistakes.push(Diagnostic::error("scenario::out-of-range", place, message));
            }
            if total > MOST_LINKS { Vec::new() } else { made }
        });
        groups
    }

    fn links_of(
        &self,
        link: Node,
        groups: &mut BTreeMap<String, Vec<String>>,
        mistakes: &mut Diagnostics,
    ) -> Vec<Node> {
        let Some((first, second)) = ends(&link) else { return vec![link] };
        let count = match links_between(&first, &second, &self.sets) {
            Ok(Some(count)) => count,
            Ok(None) => return vec![link],
            Err(message) => {
                let place = link.field("ends").map_or(link.span, |ends| ends.span);
                mistakes.push(Diagnostic::error("scenario::group", place, message));
                // Each end for itself is there; the link between them is not.
                return Vec::new();
            }
        };
        let names = |name: &str| self.sets.get(name).map(<[String]>::to_vec);
        let (of_first, of_second) = (names(&first), names(&second));
        let member = |members: &Option<Vec<String>>, name: &str, index: u64| {
            members.as_ref().map_or_else(|| name.to_owned(), |members| members[index as usize].clone())
        };
        let made: Vec<Node> = (0..count)
            .map(|index| {
                let mut one = numbered(&link, index, &["name", "stream_name"]);
                put_ends(&mut one, [member(&of_first, &first, index), member(&of_second, &second, index)]);
                one
            })
            .collect();
        if let Some(name) = name_of(&link) {
            groups.insert(name, made.iter().filter_map(name_of).collect());
        }
        made
    }

    /// Members of multicast groups.
    pub(super) fn expand_members(&mut self) {
        self.replace("groups", |all, mut group| {
            if let Some(Kind::List(items)) = group.field_mut("members").map(|members| &mut members.kind) {
                let whole = std::mem::take(items);
                *items = whole.into_iter().flat_map(|item| all.each_member(item)).collect();
            }
            vec![group]
        });
    }

    /// Links and nodes that faults may hit.
    pub(super) fn expand_faults(&mut self) {
        self.replace("faults", |all, mut fault| {
            for field in ["links", "nodes"] {
                let Some(Kind::List(items)) = fault.field_mut(field).map(|names| &mut names.kind) else { continue };
                let whole = std::mem::take(items);
                let members = |name: &str| match field {
                    "links" => all.links.get(name).map(Vec::as_slice),
                    _ => all.sets.get(name),
                };
                *items = whole.into_iter().flat_map(|item| each(item, members)).collect();
            }
            vec![fault]
        });
    }

    /// Stations of shared media.
    pub(super) fn expand_media(&mut self) {
        self.replace("media", |all, mut medium| {
            if let Some(Kind::List(items)) = medium.field_mut("stations").map(|stations| &mut stations.kind) {
                let whole = std::mem::take(items);
                for item in whole {
                    let made = if item.as_str().is_some() { all.each_member(item) } else { all.stations_of(item) };
                    items.extend(made);
                }
            }
            vec![medium]
        });
    }

    /// A station that is a struct, or those of a group.
    fn stations_of(&self, station: Node) -> Vec<Node> {
        let members = station.field("node").and_then(Node::as_str).and_then(|name| self.sets.get(name));
        let Some(members) = members else { return vec![station] };
        if station.field("at").is_none() && station.field("spacing").is_none() {
            // It has no place: all members are alike.
            return members.iter().map(|name| named(&station, name)).collect();
        }
        let first = station.field("at").and_then(place);
        let step = station.field("spacing").map(place);
        // What is no place, reading tells.
        let (Some(first), Some(step)) = (first, step.unwrap_or(Some([0, 0]))) else { return vec![station] };
        let one = |(index, name): (usize, &String)| {
            let mut one = named(&station, name);
            take_field(&mut one, "spacing");
            put_place(&mut one, [0, 1].map(|axis| first[axis].saturating_add(step[axis].saturating_mul(index as i64))));
            one
        };
        members.iter().enumerate().map(one).collect()
    }

    /// The nodes that a name in a list stands for.
    fn each_member(&self, item: Node) -> Vec<Node> {
        each(item, |name| self.sets.get(name))
    }

    /// Events of a set of links, channels or nodes.
    pub(super) fn expand_timeline(&mut self) {
        self.replace("timeline", |all, event| {
            let name = |field: &str| event.field(field).and_then(Node::as_str);
            let of_links = name("link").and_then(|link| all.links.get(link));
            let of_nodes = name("node").and_then(|node| all.sets.get(node));
            let for_each = |field: &str, members: &[String]| {
                let one = |member: &String| {
                    let mut one = event.clone();
                    put_text(&mut one, field, member.clone());
                    one
                };
                members.iter().map(one).collect::<Vec<_>>()
            };
            if let Some(channels) = name("channel").and_then(|channel| all.channels.get(channel)) {
                return for_each("channel", channels);
            }
            match (of_links, of_nodes) {
                // A node's address on its own link: both go together.
                (Some(links), Some(nodes)) if links.len() == nodes.len() => {
                    let pairs = links.iter().zip(nodes);
                    pairs
                        .map(|(link, node)| {
                            let mut one = event.clone();
                            put_text(&mut one, "link", link.clone());
                            put_text(&mut one, "node", node.clone());
                            one
                        })
                        .collect()
                }
                (Some(links), _) => for_each("link", links),
                (None, Some(nodes)) => for_each("node", nodes),
                (None, None) => vec![event],
            }
        });
    }
}

/// A station with another node.
fn named(station: &Node, name: &str) -> Node {
    let mut one = station.clone();
    put_text(&mut one, "node", name.to_owned());
    one
}

/// What a name in a list stands for.
fn each<'a>(item: Node, members: impl Fn(&str) -> Option<&'a [String]>) -> Vec<Node> {
    let named = |name: &String| Node { kind: Kind::Str(name.clone()), ..item.clone() };
    match item.as_str().and_then(members) {
        Some(members) => members.iter().map(named).collect(),
        None => vec![item],
    }
}

/// Coordinates \[mm\].
fn place(node: &Node) -> Option<[i64; 2]> {
    let Kind::Tuple { items, .. } = &node.kind else { return None };
    let [east, north] = items.as_slice() else { return None };
    let millimetres = |node: &Node| Some(node.as_str()?.parse::<Coordinate>().ok()?.as_millimetres());
    Some([millimetres(east)?, millimetres(north)?])
}

/// Moves a station.
fn put_place(station: &mut Node, place: [i64; 2]) {
    if let Some(Kind::Tuple { items, .. }) = station.field_mut("at").map(|at| &mut at.kind) {
        for (item, millimetres) in items.iter_mut().zip(place) {
            item.kind = Kind::Str(format!("{millimetres} mm"));
        }
    }
}

fn ends(link: &Node) -> Option<(String, String)> {
    match &link.field("ends")?.kind {
        Kind::Tuple { items, .. } => match items.as_slice() {
            [first, second] => Some((first.as_str()?.to_owned(), second.as_str()?.to_owned())),
            _ => None,
        },
        _ => None,
    }
}

fn put_ends(link: &mut Node, names: [String; 2]) {
    if let Some(Kind::Tuple { items, .. }) = link.field_mut("ends").map(|ends| &mut ends.kind) {
        for (item, name) in items.iter_mut().zip(names) {
            item.kind = Kind::Str(name);
        }
    }
}
