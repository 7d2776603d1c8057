//! Routes that follow what goes down and comes up.

use super::Plan;
use crate::graph::Down;
use crate::routing::Routing;
use crate::timeline::{OutOfService, occurrences, outages};
use protosim_core::Span;
use protosim_models::node::Route;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A node that has other routes from a moment on.
#[derive(Clone, Debug)]
pub(super) struct Reroute {
    /// When.
    pub(super) at: Span,
    /// Rank of the node.
    pub(super) node: usize,
    /// All its routes.
    pub(super) routes: Arc<[Route]>,
}

/// The routes of each node in one state of the network; `None` for those that are the same as with everything up.
type Tables = Vec<Option<Arc<[Route]>>>;

impl Plan {
    /// The same plan with this routing. Only nodes whose routes are others than before are told.
    pub fn with_routing(mut self, routing: Routing) -> Self {
        self.reroutes = match routing {
            Routing::Static => Vec::new(),
            Routing::Follows { after } => self.following(after),
        };
        self
    }

    fn following(&self, after: Span) -> Vec<Reroute> {
        let nodes = self.graph.nodes();
        let at_first: Vec<Arc<[Route]>> = (0..nodes).map(|node| self.routes(node).into()).collect();
        let occurrences = occurrences(&self.timeline);
        // What flaps is in few states, however often.
        let mut tables_of: BTreeMap<OutOfService<'_>, Tables> = BTreeMap::new();
        let mut present: Tables = vec![None; nodes];
        let mut reroutes = Vec::new();
        for (at, state) in outages(&occurrences) {
            let down = self.down(&state);
            let tables = tables_of.entry(state).or_insert_with(|| {
                let table = |node: usize| {
                    let routes = self.routes_without(node, &down);
                    (*routes != *at_first[node]).then(|| routes.into())
                };
                (0..nodes).map(table).collect()
            });
            // A node without power learns nothing.
            for node in (0..nodes).filter(|node| !down.nodes.contains(node)) {
                if tables[node] != present[node] {
                    present[node].clone_from(&tables[node]);
                    let routes = Arc::clone(present[node].as_ref().unwrap_or(&at_first[node]));
                    reroutes.push(Reroute { at: at.saturating_add(after), node, routes });
                }
            }
        }
        reroutes
    }

    /// The same by ranks.
    fn down(&self, state: &OutOfService<'_>) -> Down {
        Down {
            links: state.links.iter().filter_map(|name| self.link(name)).collect(),
            nodes: state.nodes.iter().filter_map(|name| self.node(name)).collect(),
        }
    }
}

#[cfg(test)]
#[path = "reroutes_tests.rs"]
mod tests;
