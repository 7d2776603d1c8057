//! The network as a graph: who is joined to whom, and the shortest paths.

use crate::spec::Topology;
use petgraph::graph::{EdgeIndex, NodeIndex, UnGraph};
use petgraph::unionfind::UnionFind;
use petgraph::visit::EdgeRef;
use std::collections::{BTreeSet, VecDeque};

/// A network's graph. Node i is the node of rank i in order of names, edge k the link of rank k: what
/// is computed from it does not depend on the order in the file.
#[derive(Clone, Debug)]
pub struct NetworkGraph {
    graph: UnGraph<GraphNode, usize>,
    /// Neighbours of each node with the link's rank, in order of link ranks.
    neighbours: Vec<Vec<(usize, usize)>>,
    /// For nodes that forward: which of them reach each other over nothing but such nodes.
    part_of_router: Vec<usize>,
}

/// A node of the graph.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GraphNode {
    /// Its index in the topology's list.
    pub listed: usize,
    /// True if it passes packets on.
    pub forwards: bool,
}

/// What is out of service, by ranks. A link that is down is down in both directions; a node that is down takes its
/// links with it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Down {
    /// Links.
    pub links: BTreeSet<usize>,
    /// Nodes.
    pub nodes: BTreeSet<usize>,
}

impl Down {
    /// True if the link is down, or the node that it leads to.
    pub fn bars(&self, link: usize, to: usize) -> bool {
        self.links.contains(&link) || self.nodes.contains(&to)
    }
}

impl NetworkGraph {
    /// The graph of a topology that has been checked ([`crate::check`]).
    ///
    /// # Panics
    /// If a link has an end that is not a node.
    pub fn new(topology: &Topology) -> Self {
        let mut nodes: Vec<usize> = (0..topology.nodes.len()).collect();
        nodes.sort_by(|a, b| topology.nodes[*a].name.cmp(&topology.nodes[*b].name));
        let mut links: Vec<usize> = (0..topology.links.len()).collect();
        links.sort_by_cached_key(|link| topology.links[*link].name());
        let mut graph = UnGraph::with_capacity(nodes.len(), links.len());
        for listed in &nodes {
            graph.add_node(GraphNode { listed: *listed, forwards: false });
        }
        let rank = |name: &str| {
            let found = nodes.binary_search_by(|listed| topology.nodes[*listed].name.as_str().cmp(name));
            NodeIndex::new(found.expect("a checked link joins nodes that exist"))
        };
        for listed in &links {
            let link = &topology.links[*listed];
            graph.add_edge(rank(&link.ends.0.0), rank(&link.ends.1.0), *listed);
        }
        let neighbours: Vec<Vec<(usize, usize)>> = graph
            .node_indices()
            .map(|node| {
                let mut found: Vec<(usize, usize)> =
                    graph.edges(node).map(|edge| (edge.id().index(), edge.target().index())).collect();
                found.sort_unstable();
                found
            })
            .collect();
        for node in 0..nodes.len() {
            let said = topology.nodes[nodes[node]].forwards;
            graph[NodeIndex::new(node)].forwards = said.unwrap_or(neighbours[node].len() > 1);
        }
        let part_of_router = parts_of_routers(&graph);
        Self { graph, neighbours, part_of_router }
    }

    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.graph.node_count()
    }

    /// Number of links.
    pub fn links(&self) -> usize {
        self.graph.edge_count()
    }

    /// The node of a rank.
    pub fn node(&self, rank: usize) -> GraphNode {
        self.graph[NodeIndex::new(rank)]
    }

    /// Index of the link of a rank in the topology's list.
    pub fn link(&self, rank: usize) -> usize {
        self.graph[EdgeIndex::new(rank)]
    }

    /// Ranks of a link's first and second end.
    pub fn ends(&self, link: usize) -> (usize, usize) {
        let (a, b) = self.graph.edge_endpoints(EdgeIndex::new(link)).expect("ranks are below the number of links");
        (a.index(), b.index())
    }

    /// A node's links with the node at their other end, in order of link ranks. A node's interface i is
    /// the i-th of these.
    pub fn neighbours(&self, node: usize) -> &[(usize, usize)] {
        &self.neighbours[node]
    }

    /// The interface that a link has at a node; `None` if it does not end there.
    pub fn interface(&self, node: usize, link: usize) -> Option<usize> {
        self.neighbours[node].binary_search_by_key(&link, |(link, _)| *link).ok()
    }

    /// The interface of `from` that begins a shortest path to each node, counted in links; `None` where
    /// there is no path, and for `from` itself. Only nodes that forward are passed through. Of paths
    /// of equal length the one that is first in order of link names, link by link, is taken.
    pub fn first_hops(&self, from: usize) -> Vec<Option<usize>> {
        self.first_hops_without(from, &Down::default())
    }

    /// [`NetworkGraph::first_hops`] in what is left of the network without what is down, by the same rules. Interfaces
    /// keep their numbers, and a router stays one, however few of its links are left.
    pub fn first_hops_without(&self, from: usize, down: &Down) -> Vec<Option<usize>> {
        let mut first = vec![None; self.nodes()];
        if down.nodes.contains(&from) {
            return first;
        }
        let mut seen = vec![false; self.nodes()];
        seen[from] = true;
        let mut queue = VecDeque::from([from]);
        while let Some(node) = queue.pop_front() {
            if node != from && !self.node(node).forwards {
                continue;
            }
            for (interface, (link, next)) in self.neighbours[node].iter().enumerate() {
                if !seen[*next] && !down.bars(*link, *next) {
                    seen[*next] = true;
                    first[*next] = if node == from { Some(interface) } else { first[node] };
                    queue.push_back(*next);
                }
            }
        }
        first
    }

    /// True if a path leads from one node to another over nodes that forward. Takes time in proportion to the two nodes'
    /// links, however large the network is.
    pub fn reaches(&self, from: usize, to: usize) -> bool {
        if from == to || self.neighbours[from].iter().any(|(_, next)| *next == to) {
            return true;
        }
        let parts = |node: usize| {
            let routers = self.neighbours[node].iter().filter(|(_, next)| self.node(*next).forwards);
            routers.map(|(_, next)| self.part_of_router[*next]).collect::<BTreeSet<usize>>()
        };
        !parts(from).is_disjoint(&parts(to))
    }
}

/// A label for each node, the same for nodes that forward and reach each other over nodes that forward.
fn parts_of_routers(graph: &UnGraph<GraphNode, usize>) -> Vec<usize> {
    let mut parts = UnionFind::new(graph.node_count());
    for edge in graph.edge_references() {
        if graph[edge.source()].forwards && graph[edge.target()].forwards {
            parts.union(edge.source().index(), edge.target().index());
        }
    }
    parts.into_labeling()
}

#[cfg(test)]
#[path = "graph_tests.rs"]
mod tests;
