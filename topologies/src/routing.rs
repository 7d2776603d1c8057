//! Whether routes follow what goes down and comes up.
//!
//! The trees of multicast groups do not: they stay as they are for the whole run.

use crate::check::{Finding, Kind};
use crate::spec::Topology;
use crate::timeline::{OutOfService, TimelineEvent, occurrences, outages};
use protosim_core::Span;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How a network's routes come about, as in a scenario.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub enum Routing {
    /// Routes are those of the whole network, for the whole run.
    #[default]
    Static,
    /// When a link or a node goes down or comes up, all nodes learn of it at one later moment, as with a routing protocol whose
    /// messages cost nothing: from then on they have the routes of what was left. A link of which one direction is down counts
    /// as down, and a node without power takes its links with it. It does not learn itself: when it starts anew it has the
    /// routes that it had, until its start is known everywhere.
    Follows {
        /// How long after each change.
        after: Span,
    },
}

impl Routing {
    /// True for [`Routing::Static`].
    #[must_use]
    pub fn is_static(&self) -> bool {
        *self == Self::Static
    }
}

/// Most routes that may have to be worked out: nodes with more than one link, times links, times different states of the network. Each
/// may take 64 bytes.
const MOST_WORK: u128 = 20_000_000;

/// Everything wrong with the routing of a network, given a timeline without mistakes.
pub fn check_routing(topology: &Topology, timeline: &[TimelineEvent], routing: Routing) -> Vec<Finding> {
    if routing.is_static() {
        return Vec::new();
    }
    let outages = outages(&occurrences(timeline));
    let mut states: BTreeSet<&OutOfService<'_>> = outages.iter().map(|(_, state)| state).collect();
    states.remove(&OutOfService::default());
    if states.is_empty() {
        let message = "`routing` has no effect: nothing goes down on the timeline";
        return vec![Finding::new(Kind::NoEffect, "routing", message)];
    }
    let mut links_of: BTreeMap<&str, u64> = BTreeMap::new();
    for link in &topology.links {
        *links_of.entry(&link.ends.0.0).or_default() += 1;
        *links_of.entry(&link.ends.1.0).or_default() += 1;
    }
    let nodes = links_of.values().filter(|links| **links > 1).count();
    let (links, states) = (topology.links.len(), states.len());
    if nodes as u128 * links as u128 * states as u128 > MOST_WORK {
        let message = format!(
            "too many routes to follow: {nodes} nodes with more than one link, {links} links, and {states} different states of what \
             is down make more than {MOST_WORK}; fewer events, or `Static` routes"
        );
        return vec![Finding::new(Kind::OutOfRange, "routing", message)];
    }
    Vec::new()
}
