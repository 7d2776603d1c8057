//! From a timeline to acts: what is done to whom, and when.

use super::{Occurrence, TimelineEvent, occurrences};
use crate::graph::NetworkGraph;
use crate::layer::Layer;
use crate::spec::{AddressFamily, Topology};
use protosim_core::Span;
use protosim_models::link::{LinkChange, LinkConfig};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An interface that gets a new address; of each version of IP that it has.
///
/// The k-th new address, in order of link names, ends and times, is the k-th of a block that no link uses: of 198.18.0.0/15 from
/// 198.18.0.1 on (set aside for tests of networks, RFC 2544 §C.2.2, RFC 6890), or of 3fff:1::/64 from 3fff:1::1 on (in the
/// documentation prefix of RFC 9637). The whole network has routes to it from the beginning, as it has to the old one: what is sent
/// to the old one still travels to the link, and finds nobody there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewAddress {
    /// When.
    pub at: Span,
    /// Rank of the link.
    pub link: usize,
    /// The link's first end (0) or its second (1).
    pub end: u32,
    /// Rank of the node there.
    pub node: usize,
    /// The address.
    pub address: IpAddr,
}

/// What happens, by the name of whom it happens to.
type ByName<'t> = BTreeMap<&'t str, Vec<Occurrence<'t>>>;

/// All that a timeline does to a network, by ranks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agenda {
    /// Changes of sending halves by link and direction (true: forward).
    changes: BTreeMap<(usize, bool), Vec<(Span, LinkChange)>>,
    /// How channels change by name and direction.
    channel_changes: BTreeMap<(String, bool), Vec<(Span, LinkChange)>>,
    /// When which node loses power (false) or gets it back (true), in the timeline's order.
    pub(crate) powers: Vec<(Span, usize, bool)>,
    /// In order of links, ends and times.
    pub(crate) new_addresses: Vec<NewAddress>,
}

impl Agenda {
    pub(crate) fn new(topology: &Topology, graph: &NetworkGraph, layers: &[Layer], timeline: &[TimelineEvent]) -> Self {
        let mut agenda = Self::default();
        if timeline.is_empty() {
            return agenda;
        }
        let occurrences = occurrences(timeline);
        let (mut of_links, mut of_nodes) = (ByName::new(), ByName::new());
        for occurrence in &occurrences {
            let event = occurrence.event;
            if let Some(link) = event.of_link() {
                of_links.entry(link).or_default().push(*occurrence);
            } else if let Some(node) = event.of_node() {
                of_nodes.entry(node).or_default().push(*occurrence);
            }
        }
        let name = |rank: usize| topology.nodes[graph.node(rank).listed].name.as_str();
        for link in 0..graph.links() {
            let config = &topology.links[graph.link(link)];
            let of_link = of_links.get(config.name().as_str()).map_or(&[][..], Vec::as_slice);
            let ends = graph.ends(link);
            for (is_forward, sender) in [(true, ends.0), (false, ends.1)] {
                let of_sender = of_nodes.get(name(sender)).map_or(&[][..], Vec::as_slice);
                let changes = merged(of_link, of_sender, is_forward);
                if !changes.is_empty() {
                    agenda.changes.insert((link, is_forward), changes);
                }
            }
        }
        let ranks: BTreeMap<&str, usize> = (0..graph.nodes()).map(|rank| (name(rank), rank)).collect();
        let power = |occurrence: &Occurrence<'_>| {
            Some((occurrence.at, *ranks.get(occurrence.event.of_node()?)?, occurrence.event.up?))
        };
        for Occurrence { at, event, .. } in &occurrences {
            let Some(channel) = event.of_channel() else { continue };
            for is_forward in [true, false].into_iter().filter(|is_forward| event.concerns(*is_forward)) {
                agenda.channel_changes.entry((channel.to_owned(), is_forward)).or_default().push((*at, event.change()));
            }
        }
        agenda.powers = occurrences.iter().filter_map(power).collect();
        agenda.new_addresses = new_addresses(topology, graph, layers, &occurrences);
        agenda
    }

    /// How the sending half of one direction of a link changes, in the timeline's order.
    pub(crate) fn changes(&self, link: usize, is_forward: bool) -> &[(Span, LinkChange)] {
        self.changes.get(&(link, is_forward)).map_or(&[], Vec::as_slice)
    }

    /// How one direction of a channel changes, in the timeline's order.
    pub(crate) fn channel_changes(&self, channel: &str, is_forward: bool) -> &[(Span, LinkChange)] {
        self.channel_changes.get(&(channel.to_owned(), is_forward)).map_or(&[], Vec::as_slice)
    }

    /// True if the timeline lets the node lose power.
    pub(crate) fn crashes(&self, node: usize) -> bool {
        self.powers.iter().any(|(_, other, _)| *other == node)
    }
}

/// How one direction of a link changes over a timeline: what is said of the link itself, and that it is down while the node
/// that sends there has no power.
pub fn link_changes(link: &LinkConfig, is_forward: bool, timeline: &[TimelineEvent]) -> Vec<(Span, LinkChange)> {
    let name = link.name();
    let sender = if is_forward { &link.ends.0.0 } else { &link.ends.1.0 };
    let all = occurrences(timeline);
    let of = |is_wanted: &dyn Fn(&TimelineEvent) -> bool| {
        all.iter().filter(|occurrence| is_wanted(occurrence.event)).copied().collect::<Vec<_>>()
    };
    let of_link = of(&|event| event.of_link() == Some(&*name));
    let of_sender = of(&|event| event.of_node() == Some(sender));
    merged(&of_link, &of_sender, is_forward)
}

/// What a link's events and those of the node that sends do to one direction. It is up while the timeline has the link up and the
/// node has power.
fn merged(of_link: &[Occurrence<'_>], of_sender: &[Occurrence<'_>], is_forward: bool) -> Vec<(Span, LinkChange)> {
    let of_link = of_link.iter().filter(|occurrence| occurrence.event.concerns(is_forward));
    if of_sender.is_empty() {
        return of_link.map(|occurrence| (occurrence.at, occurrence.event.change())).collect();
    }
    let mut all: Vec<&Occurrence<'_>> = of_link.chain(of_sender).collect();
    all.sort_by_key(|occurrence| occurrence.at);
    let (mut link_is_up, mut node_is_up) = (true, true);
    let change = |occurrence: &&Occurrence<'_>| {
        let event = occurrence.event;
        let change = match event.of_node() {
            Some(_) => {
                node_is_up = event.up.unwrap_or(node_is_up);
                LinkChange::default()
            }
            None => {
                link_is_up = event.up.unwrap_or(link_is_up);
                event.change()
            }
        };
        let up = event.up.map(|_| link_is_up && node_is_up);
        (occurrence.at, LinkChange { up, ..change })
    };
    all.iter().map(change).collect()
}

fn new_addresses(
    topology: &Topology,
    graph: &NetworkGraph,
    layers: &[Layer],
    occurrences: &[Occurrence<'_>],
) -> Vec<NewAddress> {
    let renumbered = |occurrence: &&Occurrence<'_>| occurrence.event.new_address == Some(true);
    let mut wanted: BTreeMap<(&str, &str), Vec<Span>> = BTreeMap::new();
    for occurrence in occurrences.iter().filter(renumbered) {
        let Some((node, link)) = occurrence.event.of_interface() else { continue };
        wanted.entry((link, node)).or_default().push(occurrence.at);
    }
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for link in 0..graph.links() {
        let name = topology.links[graph.link(link)].name();
        let ends = graph.ends(link);
        for (end, node) in [(0, ends.0), (1, ends.1)] {
            let key = (name.as_str(), topology.nodes[graph.node(node).listed].name.as_str());
            let mut times = wanted.get(&key).cloned().unwrap_or_default();
            times.sort_unstable();
            for at in times {
                for layer in layers.iter().filter(|layer| layer.end_address(graph, link, end).is_some()) {
                    let address = layer.family.new_address(found.len());
                    found.push(NewAddress { at, link, end, node, address });
                }
            }
        }
    }
    found
}

impl AddressFamily {
    /// The k-th new address, counted from 0; see [`NewAddress`]. There is room for more than a timeline's events.
    fn new_address(self, k: usize) -> IpAddr {
        match self {
            Self::V4 => IpAddr::V4(Ipv4Addr::from((198 << 24) + (18 << 16) + 1 + k as u32)),
            Self::V6 => IpAddr::V6(Ipv6Addr::from((0x3fff_0001_u128 << 96) + 1 + k as u128)),
        }
    }
}
