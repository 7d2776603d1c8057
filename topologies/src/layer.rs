//! The network as one version of IP has it: who has addresses of it, which, and the routes to them.
//!
//! Most networks have one layer, and it is the whole network. With both versions there are two: nodes of IPv6 alone stand in the way of IPv4 and
//! the other way round, and NATs translate IPv4, so that to IPv6 they are routers.

use crate::check::{is_hidden, is_reachable};
use crate::graph::{Down, NetworkGraph, Port};
use crate::media::Lan;
use crate::nat::Addresses;
use crate::routes::{Entry, MOST_LISTED, routes_of};
use crate::spec::{AddressFamilies, AddressFamily, NodeSpec, Topology};
use protosim_models::node::Route;
use std::net::IpAddr;

/// One version of IP in a network.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    /// Which one.
    pub(crate) family: AddressFamily,
    /// The graph, where it differs from the network's.
    own_graph: Option<Box<NetworkGraph>>,
    /// Of link ends, whether they are there or not.
    addresses: Addresses,
    /// Nodes without addresses of this version.
    lacking: Down,
    /// By node rank.
    routes: Vec<Vec<Entry>>,
}

impl Layer {
    /// The layers of a network, IPv4 first.
    pub(crate) fn all(topology: &Topology, graph: &NetworkGraph) -> Vec<Self> {
        topology.addresses.families().map(|family| Self::new(family, topology, graph)).collect()
    }

    fn new(family: AddressFamily, topology: &Topology, graph: &NetworkGraph) -> Self {
        let has = |node: &usize| topology.nodes[graph.node(*node).listed].families(topology.addresses).has(family);
        let nodes = (0..graph.nodes()).filter(|node| !has(node)).collect();
        let lacking = Down { nodes, ..Down::default() };
        let keeps_nats = family == AddressFamily::V4;
        let differs = !lacking.nodes.is_empty() || !keeps_nats && graph.nats().is_some();
        let own_graph = differs.then(|| Box::new(graph.without(&lacking.nodes, keeps_nats)));
        let own = own_graph.as_deref().unwrap_or(graph);
        let routes = |node| routes_of(own, family, node, &lacking, MOST_LISTED);
        let routes = (0..graph.nodes()).map(routes).collect();
        let addresses = Addresses::new(family, own);
        Self { family, own_graph, addresses, lacking, routes }
    }

    /// The network without those who have no address of this version, and as to IPv6 without NATs. `network` is the whole network's.
    pub(crate) fn graph<'g>(&'g self, network: &'g NetworkGraph) -> &'g NetworkGraph {
        self.own_graph.as_deref().unwrap_or(network)
    }

    /// True if a node may have addresses of this version.
    pub(crate) fn has(&self, node: usize) -> bool {
        !self.lacking.nodes.contains(&node)
    }

    /// What is down as far as this version goes: who does not have it, and what is `down`.
    pub(crate) fn down(&self, down: &Down) -> Down {
        let nodes = self.lacking.nodes.union(&down.nodes).copied().collect();
        Down { links: down.links.clone(), nodes }
    }

    /// The address of a link's first (0) or second (1) end; `None` if one of its nodes has none of this version.
    pub(crate) fn end_address(&self, network: &NetworkGraph, link: usize, end: u32) -> Option<IpAddr> {
        let (first, second) = network.ends(link);
        (self.has(first) && self.has(second)).then(|| self.addresses.end_address(link, end))
    }

    /// The address that a node has on an interface of its own.
    pub(crate) fn port_address(&self, network: &NetworkGraph, node: usize, port: Port) -> Option<IpAddr> {
        match port {
            Port::Link { link, .. } => self.end_address(network, link, u32::from(network.ends(link).0 != node)),
            Port::Medium { medium, station } => {
                self.has(node).then(|| self.family.station_address(medium, Lan::number(station)))
            }
        }
    }

    /// The address that stands for a node: that of its first interface that has one, or of a NAT that to the outside.
    pub(crate) fn address(&self, network: &NetworkGraph, node: usize) -> Option<IpAddr> {
        let address = |port| self.port_address(network, node, port);
        address(self.graph(network).primary_port(node, |port| address(port).is_some())?)
    }

    /// The routes of a node.
    pub(crate) fn routes(&self, node: usize) -> impl Iterator<Item = Route> {
        self.routes[node].iter().map(|entry| entry.route(&self.addresses))
    }

    /// The routes of a node in what is left of the network without what is down.
    pub(crate) fn routes_without(&self, network: &NetworkGraph, node: usize, down: &Down) -> Vec<Route> {
        let entries = routes_of(self.graph(network), self.family, node, &self.down(down), MOST_LISTED);
        entries.into_iter().map(|entry| entry.route(&self.addresses)).collect()
    }

    /// True if packets of this version from one node can reach another.
    pub(crate) fn reaches(&self, network: &NetworkGraph, from: usize, to: usize) -> bool {
        self.has(from) && self.has(to) && is_reachable(self.graph(network), from, to)
    }

    /// True if a node is inside of a NAT and the other one is not.
    pub(crate) fn hides(&self, network: &NetworkGraph, from: usize, to: usize) -> bool {
        is_hidden(self.graph(network), from, to)
    }
}

impl NodeSpec {
    /// Of which versions of IP the node has addresses, in a network that has these.
    pub(crate) fn families(&self, network: AddressFamilies) -> AddressFamilies {
        self.addresses.unwrap_or(network)
    }
}
