//! Faults at random: links that go down and nodes that lose power, at times that are drawn anew in each run.
//!
//! A scenario says which links and nodes may be hit, how often, when, and how long it lasts ([`FaultSpec`]). [`draw`] makes the schedule of
//! one run of that, from streams of their own: it is the same whatever else happens in the run, and a run that goes wrong can be
//! made again. [`events`] turns a schedule into a timeline; faults of one target that overlap are one there, so that it goes down
//! once and comes up when the last of them is over.

mod check;

#[cfg(test)]
mod tests;

pub use check::check_faults;

use crate::timeline::TimelineEvent;
use protosim_core::{Purpose, RunSeed, Span};
use protosim_models::name::{LinkName, NodeName};
use protosim_models::traffic::TimeDistribution;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Draws of whom a fault hits, when, and how long.
const FAULT: Purpose = Purpose("fault");

/// Most faults of one run, over all entries.
pub const MOST_FAULTS: u64 = 10_000;

/// Faults at random: each hits one of these links and nodes, all of them equally likely. A link goes down and comes up again; a node loses
/// power, with all that it knew, and starts anew.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// Links that may be hit, both directions at once; the name of a group of links stands for each of them. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<LinkName>,
    /// Nodes that may be hit; the name of a group stands for each of its members. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeName>,
    /// How many there are in each run, 1 to 10,000 over all entries. Required.
    pub count: u32,
    /// When the first may begin. Default: 0 s.
    #[serde(default)]
    pub from: Span,
    /// They begin before this, at times that are equally likely. Required.
    pub until: Span,
    /// How long each lasts. Required.
    pub lasts: TimeDistribution,
}

/// Whom a fault hits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Target {
    /// A link, by name.
    Link(String),
    /// A node, by name.
    Node(String),
}

/// Something that is out of service for a while.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Fault {
    /// When it begins; later than zero.
    pub from: Span,
    /// When it is over; later than that.
    pub until: Span,
    /// Whom it hits.
    pub target: Target,
}

/// The faults of one run, in order of time.
pub fn draw(specs: &[FaultSpec], seed: RunSeed) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, spec) in specs.iter().enumerate() {
        let links = spec.links.iter().map(|link| Target::Link(link.0.clone()));
        let targets: Vec<Target> = links.chain(spec.nodes.iter().map(|node| Target::Node(node.0.clone()))).collect();
        let mut stream = seed.stream(&format!("faults/{index}"), FAULT);
        let (first, width) = (spec.from.as_nanos().max(1), spec.until.saturating_sub(spec.from).as_nanos());
        for _ in 0..spec.count {
            // Always three draws, so that a change of the law of one leaves the others as they are.
            let which = stream.below(targets.len() as u64) as usize;
            let from = Span::from_nanos(first.saturating_add(stream.below(width)));
            let lasts = spec.lasts.draw(&mut stream).max(Span::from_nanos(1));
            let Some(target) = targets.get(which).cloned() else { continue };
            faults.push(Fault { from, until: from.saturating_add(lasts), target });
        }
    }
    faults.sort();
    faults
}

/// The timeline of a schedule.
pub fn events(faults: &[Fault]) -> Vec<TimelineEvent> {
    let mut of_targets: BTreeMap<&Target, Vec<(Span, Span)>> = BTreeMap::new();
    let mut sorted: Vec<&Fault> = faults.iter().collect();
    sorted.sort();
    for fault in sorted {
        let outages = of_targets.entry(&fault.target).or_default();
        match outages.last_mut() {
            Some((_, until)) if fault.from <= *until => *until = fault.until.max(*until),
            _ => outages.push((fault.from, fault.until)),
        }
    }
    let of_target = |(target, outages): (&Target, Vec<(Span, Span)>)| {
        let (link, node) = match target {
            Target::Link(name) => (Some(LinkName(name.clone())), None),
            Target::Node(name) => (None, Some(NodeName(name.clone()))),
        };
        let event = TimelineEvent { link, node, ..TimelineEvent::default() };
        let both = |(from, until)| [(from, false), (until, true)];
        let at = |(at, up)| TimelineEvent { at, up: Some(up), ..event.clone() };
        outages.into_iter().flat_map(both).map(at).collect::<Vec<_>>()
    };
    let mut events: Vec<TimelineEvent> = of_targets.into_iter().flat_map(of_target).collect();
    events.sort_by_key(|event| event.at);
    events
}
