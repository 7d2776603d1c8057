//! The network as a graph: who is joined to whom, and the shortest paths. A link joins two nodes, a shared medium ([`crate::media`])
//! all its stations, at the cost of one hop.

use crate::media::{Lan, MediaGraph};
use crate::nat::{Nats, View};
use crate::spec::Topology;
use petgraph::graph::{EdgeIndex, NodeIndex, UnGraph};
use petgraph::unionfind::UnionFind;
use petgraph::visit::EdgeRef;
use std::collections::{BTreeSet, VecDeque};

/// A network's graph. Node i is the node of rank i in order of names, edge k the link of rank k, medium m that of rank m: what
/// is computed from it does not depend on the order in the file.
#[derive(Clone, Debug)]
pub struct NetworkGraph {
    graph: UnGraph<GraphNode, usize>,
    /// Neighbours of each node with the link's rank, in order of link ranks.
    neighbours: Vec<Vec<(usize, usize)>>,
    media: MediaGraph,
    /// For nodes that forward: which of them reach each other over nothing but such nodes.
    part_of_router: Vec<usize>,
    /// Where there are any.
    nats: Option<Box<Nats>>,
}

/// What an interface of a node leads to, by ranks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Port {
    /// A link.
    Link {
        /// The link.
        link: usize,
        /// The node at its other end.
        next: usize,
    },
    /// A shared medium.
    Medium {
        /// The medium.
        medium: usize,
        /// Index of the node among its stations: its number less one.
        station: usize,
    },
}

impl Port {
    /// True if both are of the same link or medium.
    pub(crate) fn is_beside(self, other: Self) -> bool {
        match (self, other) {
            (Self::Link { link: a, .. }, Self::Link { link: b, .. }) => a == b,
            (Self::Medium { medium: a, .. }, Self::Medium { medium: b, .. }) => a == b,
            _ => false,
        }
    }
}

/// A hop of a path.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Step {
    /// The interface by which it leaves.
    pub interface: u32,
    /// Number of the station that it goes to, from 1; 0 over a link.
    pub station: u16,
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
        let link_name = |rank: usize| topology.links[links[rank]].name();
        let node_rank = |name: &str| rank(name).index();
        let media = MediaGraph::new(&topology.media, node_rank, (&neighbours, link_name));
        for node in 0..nodes.len() {
            let said = topology.nodes[nodes[node]].forwards;
            let interfaces = neighbours[node].len() + media.of_node(node).len();
            graph[NodeIndex::new(node)].forwards = said.unwrap_or(interfaces > 1);
        }
        let part_of_router = parts_of_routers(&graph, &media);
        let mut made = Self { graph, neighbours, media, part_of_router, nats: None };
        made.nats = Nats::realms(topology).map(|realms| Box::new(Nats::with_interfaces(realms, topology, &made)));
        made
    }

    /// The same graph, where some nodes forward nothing, and with NATs or as if there were none.
    pub(crate) fn without(&self, forwarding_of: &BTreeSet<usize>, keeps_nats: bool) -> Self {
        let mut other = self.clone();
        for node in forwarding_of {
            other.graph[NodeIndex::new(*node)].forwards = false;
        }
        other.part_of_router = parts_of_routers(&other.graph, &other.media);
        other.nats = other.nats.filter(|_| keeps_nats);
        other
    }

    /// NATs, if there are any.
    pub(crate) fn nats(&self) -> Option<&Nats> {
        self.nats.as_deref()
    }

    /// The interface of a NAT that leads outside; `None` for other nodes.
    pub(crate) fn outside(&self, node: usize) -> Option<u32> {
        self.nats()?.outside(node)
    }

    /// What a node can address: not from outside of a NAT what is inside.
    pub(crate) fn view(&self, node: usize) -> View<'_> {
        self.nats().map_or(View::EVERYTHING, |nats| nats.view(self, node))
    }

    /// The interface whose address stands for a node: its first one of those that have one, or of a NAT that to the outside.
    pub(crate) fn primary_port(&self, node: usize, has_address: impl Fn(Port) -> bool) -> Option<Port> {
        let first = match self.outside(node) {
            Some(outside) => self.ports(node).nth(outside as usize).filter(|port| has_address(*port)),
            None => None,
        };
        first.or_else(|| self.ports(node).find(|port| has_address(*port)))
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

    /// The shared media.
    pub fn media(&self) -> &MediaGraph {
        &self.media
    }

    /// What a node's interfaces lead to, in order: that of the names of links and media.
    pub fn ports(&self, node: usize) -> impl Iterator<Item = Port> {
        let joint = self.media.ports(node);
        // Without media, interfaces are links.
        let links = if joint.is_empty() { &self.neighbours[node][..] } else { &[] };
        links.iter().map(|(link, next)| Port::Link { link: *link, next: *next }).chain(joint.iter().copied())
    }

    /// A node's links with the node at their other end, in order of link ranks. Where it is on no shared medium, its
    /// interface i is the i-th of these.
    pub fn neighbours(&self, node: usize) -> &[(usize, usize)] {
        &self.neighbours[node]
    }

    /// The interface that a link has at a node; `None` if it does not end there.
    pub fn interface(&self, node: usize, link: usize) -> Option<usize> {
        let own = self.neighbours[node].binary_search_by_key(&link, |(link, _)| *link).ok()?;
        match self.media.ports(node) {
            [] => Some(own),
            joint => joint.iter().position(|port| matches!(port, Port::Link { link: other, .. } if *other == link)),
        }
    }

    /// The interface of `from` that begins a shortest path to each node, counted in links and media; `None` where
    /// there is no path, and for `from` itself. Only nodes that forward are passed through. Of paths
    /// of equal length the one that is first in order of the names of links and media, hop by hop, is taken; on one medium, that
    /// over the first station in order of names.
    pub fn first_hops(&self, from: usize) -> Vec<Option<usize>> {
        self.first_hops_without(from, &Down::default())
    }

    /// [`NetworkGraph::first_hops`] in what is left of the network without what is down, by the same rules. Interfaces
    /// keep their numbers, and a router stays one, however few of its links are left.
    pub fn first_hops_without(&self, from: usize, down: &Down) -> Vec<Option<usize>> {
        let first = self.first_steps(from, down);
        first.into_iter().map(|step| step.map(|step| step.interface as usize)).collect()
    }

    /// As [`NetworkGraph::first_hops_without`], with the stations that the paths begin with.
    pub fn first_steps(&self, from: usize, down: &Down) -> Vec<Option<Step>> {
        let mut first = vec![None; self.nodes()];
        self.walk(from, down, |at, step, next| first[next] = if at == from { Some(step) } else { first[at] });
        first
    }

    /// Walks the shortest paths from a node, nearest nodes first, and tells of each node that is reached: from which one, by
    /// which hop. All stations of a LAN are reached from the first one that is.
    pub(crate) fn walk(&self, from: usize, down: &Down, mut found: impl FnMut(usize, Step, usize)) {
        if down.nodes.contains(&from) {
            return;
        }
        // NATs that are reached from outside: it goes no further inwards.
        let mut from_outside = BTreeSet::new();
        let is_outside = |next: usize, port: Port| {
            let outside = self.outside(next).and_then(|outside| self.ports(next).nth(outside as usize));
            outside.is_some_and(|outside| outside.is_beside(port))
        };
        let mut seen = vec![false; self.nodes()];
        let mut crossed = vec![false; self.media.count()];
        seen[from] = true;
        let mut queue = VecDeque::from([from]);
        while let Some(node) = queue.pop_front() {
            if node != from && !self.node(node).forwards {
                continue;
            }
            for (interface, port) in self.ports(node).enumerate() {
                let interface = interface as u32;
                if self.nats.is_some() && from_outside.contains(&node) && self.outside(node) != Some(interface) {
                    continue;
                }
                match port {
                    Port::Link { link, next } => {
                        if !seen[next] && !down.bars(link, next) {
                            seen[next] = true;
                            if self.nats.is_some() && is_outside(next, port) {
                                from_outside.insert(next);
                            }
                            found(node, Step { interface, station: 0 }, next);
                            queue.push_back(next);
                        }
                    }
                    Port::Medium { medium, station } => {
                        let lan = self.media.lan(medium);
                        if lan.reaches_all() && std::mem::replace(&mut crossed[medium], true) {
                            continue;
                        }
                        for other in lan.reached(station) {
                            let next = lan.stations[other];
                            if !seen[next] && !down.nodes.contains(&next) {
                                seen[next] = true;
                                if self.nats.is_some() && is_outside(next, port) {
                                    from_outside.insert(next);
                                }
                                found(node, Step { interface, station: Lan::number(other) }, next);
                                queue.push_back(next);
                            }
                        }
                    }
                }
            }
        }
    }

    /// True if a path leads from one node to another over nodes that forward. Takes time in proportion to the two nodes'
    /// links, however large the network is.
    pub fn reaches(&self, from: usize, to: usize) -> bool {
        if from != to
            && self.nats.is_some()
            && !self.primary_port(to, |_| true).is_none_or(|port| self.view(from).has(self, port))
        {
            return false;
        }
        if from == to || self.neighbours[from].iter().any(|(_, next)| *next == to) || self.media.hears(from, to) {
            return true;
        }
        let parts = |node: usize| {
            let routers = self.neighbours[node].iter().map(|(_, next)| *next).chain(self.media.heard_by(node));
            let routers = routers.filter(|next| self.node(*next).forwards);
            routers.map(|next| self.part_of_router[next]).collect::<BTreeSet<usize>>()
        };
        !parts(from).is_disjoint(&parts(to))
    }
}

/// A label for each node, the same for nodes that forward and reach each other over nodes that forward.
fn parts_of_routers(graph: &UnGraph<GraphNode, usize>, media: &MediaGraph) -> Vec<usize> {
    let mut parts = UnionFind::new(graph.node_count());
    let forwards = |node: usize| graph[NodeIndex::new(node)].forwards;
    for edge in graph.edge_references() {
        let (source, target) = (edge.source().index(), edge.target().index());
        if forwards(source) && forwards(target) {
            parts.union(source, target);
        }
    }
    media.join(forwards, |a, b| {
        parts.union(a, b);
    });
    parts.into_labeling()
}

#[cfg(test)]
#[path = "graph_tests.rs"]
mod tests;
