//! Channels of networks for tests.

use super::net::Net;
use crate::Element;
use crate::channel::ChannelConfig;
use crate::link::{Framing, LinkChange, Mtu, Setup};
use crate::node::{Action, CHANNEL_PORT, ChannelEnd};
use protosim_core::{Builder, EntityId, SimTime, WireId, WireSpec};

/// A channel and its ends.
#[derive(Debug)]
pub(super) struct ChannelSpec {
    ends: [usize; 2],
    config: ChannelConfig,
}

impl Net {
    /// Joins two nodes by a channel.
    pub(crate) fn channel(&mut self, first: usize, second: usize, config: ChannelConfig) -> usize {
        assert_eq!(config.check(), [], "a channel that the scenario reader would refuse");
        self.channels.push(ChannelSpec { ends: [first, second], config });
        self.channels.len() - 1
    }

    /// Changes one direction of a channel while the world runs.
    pub(crate) fn change_channel(&mut self, at: SimTime, channel: usize, is_forward: bool, change: LinkChange) {
        self.channel_changes.push((at, channel, is_forward, change));
    }

    /// A node's channels, in order of their names.
    fn channels_of(&self, node: usize) -> Vec<usize> {
        let mut own: Vec<usize> =
            (0..self.channels.len()).filter(|index| self.channels[*index].ends.contains(&node)).collect();
        own.sort_by(|a, b| self.channels[*a].config.name.cmp(&self.channels[*b].config.name));
        own
    }

    /// Wires of channels come behind those of links, by name.
    fn channel_wire(&self, channel: usize, is_forward: bool) -> WireId {
        let name = |spec: &ChannelSpec| spec.config.name.clone();
        let before = self.channels.iter().filter(|other| name(other) < name(&self.channels[channel])).count();
        WireId(2 * (self.links.len() + before) as u32 + u32::from(!is_forward))
    }

    fn changes_of(&self, channel: usize, is_forward: bool) -> impl Iterator<Item = &LinkChange> + Clone {
        let own = move |(_, other, forward, _): &&(SimTime, usize, bool, LinkChange)| {
            (*other, *forward) == (channel, is_forward)
        };
        self.channel_changes.iter().filter(own).map(|(.., change)| change)
    }

    pub(super) fn channel_ends(&self, node: usize) -> Vec<ChannelEnd> {
        let end = |channel: usize| {
            let ChannelSpec { ends, config } = &self.channels[channel];
            let is_first = ends[0] == node;
            let later: Vec<LinkChange> = self.changes_of(channel, is_first).cloned().collect();
            let setup = Setup {
                wire: self.channel_wire(channel, is_first),
                direction: &config.direction(is_first),
                framing: Framing::None,
                mtu: Mtu::default(),
                seed: self.seed,
                stream_name: &format!("~{}/{}", config.name, if is_first { "a" } else { "b" }),
                later: &later,
                files: &self.files,
                meter: None,
            };
            ChannelEnd::new(&config.name, &setup)
        };
        self.channels_of(node).into_iter().map(end).collect()
    }

    /// Adds the wires of channels, behind those of links, and what happens to them.
    pub(super) fn build_channels(&self, builder: &mut Builder<Element>, ids: &[EntityId]) {
        let mut ranked: Vec<usize> = (0..self.channels.len()).collect();
        ranked.sort_by(|a, b| self.channels[*a].config.name.cmp(&self.channels[*b].config.name));
        let number = |node: usize, channel: usize| {
            self.channels_of(node).iter().position(|other| *other == channel).unwrap() as u32
        };
        for channel in ranked {
            for is_forward in [true, false] {
                let ChannelSpec { ends: [first, second], config } = &self.channels[channel];
                let (from, to) = if is_forward { (*first, *second) } else { (*second, *first) };
                let (min_delay, overtakes) = config.direction(is_forward).of_wire(self.changes_of(channel, is_forward));
                let path = format!("~{}/{}", config.name, if is_forward { "a" } else { "b" }).into();
                let port = CHANNEL_PORT + number(to, channel);
                let spec = WireSpec { path, from: ids[from], to: ids[to], port, min_delay, overtakes };
                assert_eq!(builder.wire(spec), Ok(self.channel_wire(channel, is_forward)));
            }
        }
        for (at, channel, is_forward, change) in &self.channel_changes {
            let from = self.channels[*channel].ends[usize::from(!is_forward)];
            let action = Action::ChangeChannel { channel: number(from, *channel), change: Box::new(change.clone()) };
            builder.act(*at, ids[from], action);
        }
    }
}
