//! What happens to a network during a run: events of links and of nodes, once or again and again.
//!
//! - A **link**'s rate, delay, loss and impairments change, and it goes down and comes up ([`LinkChange`]).
//! - A **channel**'s delay, loss and impairments change, and it goes down and comes up.
//! - A **node** loses power, with all that it knew, and starts anew ([`Action::Power`](protosim_models::node::Action::Power)). While
//!   it has none it sends nothing; what others send to it arrives at nobody. Their links to it stay up: who is at the other end of a
//!   link that stays silent does not know why.
//! - A node's **interface** gets a new address, as on a handover or when a network is renumbered ([`NewAddress`]).
//!
//! Repetition is resolved in one place, [`occurrences`]; each occurrence knows the entry that it is of, for messages.

mod agenda;
mod check;
mod steps;

#[cfg(test)]
mod tests;

pub(crate) use agenda::Agenda;
pub use agenda::{NewAddress, link_changes};
pub use check::check_timeline;

use crate::spec::Direction;
use protosim_core::{Rate, Ratio, Span};
use protosim_models::link::{ImpairConfig, LinkChange};
use protosim_models::name::{ChannelName, LinkName, NodeName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Most events of one timeline, each repetition counted.
pub const MOST_OCCURRENCES: usize = 100_000;

/// Something that happens to a link, to a channel, to a node, or to a node's interface on a link, as in a scenario's timeline.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimelineEvent {
    /// When; later than zero.
    pub at: Span,
    /// Which link; with `node`, that node's interface on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkName>,
    /// Which node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
    /// Which channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelName>,
    /// Which directions of the link or channel. Default: Both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The link's new rate. A link that had no rate cannot be given one.
    pub rate: Option<Rate>,
    /// The link's or channel's new delay, for what departs from then on.
    pub delay: Option<Span>,
    /// The link's or channel's new loss, for what departs from then on.
    pub loss: Option<Ratio>,
    /// The link's or channel's new impairments, for what departs from then on; they take the place of the old ones as a whole.
    pub impair: Option<ImpairConfig>,
    /// Of a link or channel: false, it goes down; true, it comes up again. Of a node: false, it loses power and everything that it
    /// knew; true, it starts anew.
    pub up: Option<bool>,
    /// True: the node's interface on the link has a new address from then on, in place of the one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_address: Option<bool>,
    /// Repeats it: so long after each time it happens again. Default: it happens once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// How often it happens, with `every`; at least 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

impl TimelineEvent {
    /// What changes of a link or a channel.
    pub fn change(&self) -> LinkChange {
        LinkChange { rate: self.rate, delay: self.delay, loss: self.loss, impair: self.impair.clone(), up: self.up }
    }

    /// True if it concerns the direction from the first end to the second, or the other one.
    pub fn concerns(&self, is_forward: bool) -> bool {
        match self.direction.unwrap_or_default() {
            Direction::Both => true,
            Direction::Forward => is_forward,
            Direction::Backward => !is_forward,
        }
    }

    /// The link that it changes, if it is an event of a link.
    pub fn of_link(&self) -> Option<&str> {
        self.link.as_ref().filter(|_| self.node.is_none() && self.channel.is_none()).map(|link| link.0.as_str())
    }

    /// The channel that it changes, if it is an event of a channel.
    pub fn of_channel(&self) -> Option<&str> {
        self.channel.as_ref().filter(|_| self.node.is_none() && self.link.is_none()).map(|channel| channel.0.as_str())
    }

    /// The node that it is of, if it is an event of a node as a whole.
    pub fn of_node(&self) -> Option<&str> {
        self.node.as_ref().filter(|_| self.link.is_none() && self.channel.is_none()).map(|node| node.0.as_str())
    }

    /// The node and the link, if it is an event of an interface.
    pub fn of_interface(&self) -> Option<(&str, &str)> {
        Some((self.node.as_ref()?.0.as_str(), self.link.as_ref()?.0.as_str()))
    }

    /// When it happens for the `number`-th time, counted from 0. Held at [`Span::MAX`].
    pub fn time(&self, number: u32) -> Span {
        self.at.saturating_add(self.every.unwrap_or(Span::ZERO).saturating_mul(u64::from(number)))
    }

    /// How often it happens: once, unless `every` and `times` are given.
    pub fn count(&self) -> u32 {
        self.times.filter(|_| self.every.is_some_and(|every| !every.is_zero())).unwrap_or(1)
    }
}

/// An entry of a timeline, happening once.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Occurrence<'t> {
    /// Index of the entry.
    pub entry: usize,
    /// When.
    pub at: Span,
    /// What.
    pub event: &'t TimelineEvent,
}

/// All that happens, entry by entry, each with its repetitions in order; not more than [`MOST_OCCURRENCES`], which a checked
/// timeline does not exceed.
pub fn occurrences(timeline: &[TimelineEvent]) -> Vec<Occurrence<'_>> {
    let of_entry = |(entry, event): (usize, &'_ TimelineEvent)| (0..event.count()).map(move |number| (entry, number));
    let all = timeline.iter().enumerate().flat_map(of_entry).take(MOST_OCCURRENCES);
    all.map(|(entry, number)| {
        let event = &timeline[entry];
        Occurrence { entry, at: event.time(number), event }
    })
    .collect()
}

/// What is out of service, by names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct OutOfService<'t> {
    /// Links of which at least one direction is down.
    pub(crate) links: BTreeSet<&'t str>,
    /// Nodes without power.
    pub(crate) nodes: BTreeSet<&'t str>,
}

/// What is out of service from each moment on at which that changes, in order of time. What happens at one instant is one
/// change.
pub(crate) fn outages<'t>(occurrences: &[Occurrence<'t>]) -> Vec<(Span, OutOfService<'t>)> {
    let mut ups: Vec<&Occurrence<'t>> = occurrences.iter().filter(|occurrence| occurrence.event.up.is_some()).collect();
    ups.sort_by_key(|occurrence| occurrence.at);
    // Directions: a link is in service if both are.
    let mut down: BTreeSet<(&str, bool)> = BTreeSet::new();
    let mut nodes: BTreeSet<&str> = BTreeSet::new();
    let mut found: Vec<(Span, OutOfService<'t>)> = Vec::new();
    for instant in ups.chunk_by(|a, b| a.at == b.at) {
        for Occurrence { event, .. } in instant {
            let is_down = event.up == Some(false);
            if let Some(node) = event.of_node() {
                _ = if is_down { nodes.insert(node) } else { nodes.remove(node) };
            } else if let Some(link) = event.of_link() {
                for is_forward in [true, false].into_iter().filter(|is_forward| event.concerns(*is_forward)) {
                    let direction = (link, is_forward);
                    _ = if is_down { down.insert(direction) } else { down.remove(&direction) };
                }
            }
        }
        let links = down.iter().map(|(link, _)| *link).collect();
        let state = OutOfService { links, nodes: nodes.clone() };
        let before = found.last().map_or_else(OutOfService::default, |(_, before)| before.clone());
        if state != before {
            found.push((instant[0].at, state));
        }
    }
    found
}
