//! Channels of a plan: who joins whom, and the wires of both directions.

use super::{Plan, PlannedWire};
use crate::graph::NetworkGraph;
use crate::spec::{Topology, channel_stream_name};
use protosim_core::{RunSeed, Span, WireId, WireSpec};
use protosim_models::channel::ChannelConfig;
use protosim_models::link::{Framing, LinkChange, Mtu, Setup};
use protosim_models::node::{Action, CHANNEL_PORT, ChannelEnd};
use std::collections::BTreeMap;

/// What stands before a channel's name in the paths of its wires, and in tables where the names of applications stand, none of which
/// has a colon.
pub const CHANNEL: &str = "channel:";

/// The channels of a network.
#[derive(Clone, Debug, Default)]
pub(super) struct Channels {
    /// By rank, in order of names.
    all: Vec<Planned>,
    /// By rank of the node: the ranks of its channels, in order.
    of_node: BTreeMap<usize, Vec<usize>>,
}

#[derive(Clone, Debug)]
struct Planned {
    /// Its index in the topology's list.
    listed: usize,
    /// Ranks of the nodes at its first and its second end.
    ends: (usize, usize),
    /// Forward and backward.
    wires: (WireId, WireId),
}

impl Channels {
    /// Those of a topology that has been checked, and their wires, which have no numbers yet.
    pub(super) fn new(topology: &Topology, graph: &NetworkGraph) -> (Self, Vec<PlannedWire>) {
        let mut channels = Self::default();
        let mut wires = Vec::new();
        if topology.channels.is_empty() {
            return (channels, wires);
        }
        let name_of = |rank: usize| topology.nodes[graph.node(rank).listed].name.as_str();
        let ranks: BTreeMap<&str, usize> = (0..graph.nodes()).map(|rank| (name_of(rank), rank)).collect();
        let mut order: Vec<usize> = (0..topology.channels.len()).collect();
        order.sort_by(|a, b| topology.channels[*a].name.cmp(&topology.channels[*b].name));
        for listed in order {
            let ChannelConfig { name, ends: (first, second), .. } = &topology.channels[listed];
            let both = ranks.get(first.0.as_str()).zip(ranks.get(second.0.as_str()));
            // One that leads nowhere is reported where it stands.
            let Some(ends) = both.map(|(first, second)| (*first, *second)) else { continue };
            let rank = channels.all.len();
            channels.all.push(Planned { listed, ends, wires: (WireId(0), WireId(0)) });
            for (node, from, to, is_forward) in [(ends.0, first, second, true), (ends.1, second, first, false)] {
                channels.of_node.entry(node).or_default().push(rank);
                let path = format!("{CHANNEL}{name}:{}->{}", from.0, to.0).into();
                wires.push(PlannedWire {
                    path,
                    link: rank,
                    is_forward,
                    station: None,
                    is_channel: true,
                    is_control: false,
                });
            }
        }
        (channels, wires)
    }

    /// The wire of one direction of a channel has this number.
    pub(super) fn number_wire(&mut self, wire: &PlannedWire, id: WireId) {
        let both = &mut self.all[wire.link].wires;
        *(if wire.is_forward { &mut both.0 } else { &mut both.1 }) = id;
    }

    /// The number of a channel on a node, among those that end there.
    fn number(&self, node: usize, channel: usize) -> u32 {
        let own = self.of_node.get(&node).map_or(&[][..], Vec::as_slice);
        own.binary_search(&channel).expect("a channel is among its end's channels") as u32
    }
}

impl Plan {
    /// The ends of channels on a node.
    pub(super) fn channel_ends(&self, node: usize, seed: RunSeed) -> Vec<ChannelEnd> {
        let own = self.channels.of_node.get(&node).map_or(&[][..], Vec::as_slice);
        own.iter().map(|channel| self.channel_end(node, *channel, seed)).collect()
    }

    fn channel_end(&self, node: usize, channel: usize, seed: RunSeed) -> ChannelEnd {
        let Planned { listed, ends, wires } = &self.channels.all[channel];
        let (config, ends) = (&self.topology.channels[*listed], *ends);
        let is_first = ends.0 == node;
        let names = (self.stream_name(ends.0), self.stream_name(ends.1));
        let later: Vec<LinkChange> =
            self.changes_of_channel(channel, is_first).map(|(_, change)| change.clone()).collect();
        let setup = Setup {
            wire: if is_first { wires.0 } else { wires.1 },
            direction: &config.direction(is_first),
            framing: Framing::None,
            mtu: Mtu::default(),
            seed,
            stream_name: &channel_stream_name(config, names, is_first),
            later: &later,
            files: &self.files,
            meter: None,
        };
        ChannelEnd::new(&config.name, &setup)
    }

    /// How one direction of a channel changes.
    fn changes_of_channel(&self, channel: usize, is_forward: bool) -> std::slice::Iter<'_, (Span, LinkChange)> {
        let config = &self.topology.channels[self.channels.all[channel].listed];
        self.agenda.channel_changes(&config.name, is_forward).iter()
    }

    /// What the timeline does to one direction of a channel: when, to which node, and what.
    pub(super) fn acts_of_channel(&self, wire: &PlannedWire) -> impl Iterator<Item = (Span, usize, Action)> {
        let Planned { ends: (first, second), .. } = &self.channels.all[wire.link];
        let sender = if wire.is_forward { *first } else { *second };
        let channel = self.channels.number(sender, wire.link);
        let changes = self.changes_of_channel(wire.link, wire.is_forward);
        changes
            .map(move |(at, change)| (*at, sender, Action::ChangeChannel { channel, change: Box::new(change.clone()) }))
    }

    pub(super) fn channel_wire_spec(&self, wire: &PlannedWire) -> WireSpec {
        let Planned { listed, ends: (first, second), .. } = &self.channels.all[wire.link];
        let (from, to) = if wire.is_forward { (*first, *second) } else { (*second, *first) };
        let direction = self.topology.channels[*listed].direction(wire.is_forward);
        let (min_delay, overtakes) =
            direction.of_wire(self.changes_of_channel(wire.link, wire.is_forward).map(|(_, change)| change));
        let port = CHANNEL_PORT + self.channels.number(to, wire.link);
        let (from, to) = (self.entity(from), self.entity(to));
        WireSpec { path: wire.path.clone(), from, to, port, min_delay, overtakes }
    }
}

#[cfg(test)]
#[path = "channels_tests.rs"]
mod tests;
