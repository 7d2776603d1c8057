//! Addresses of a plan: which ones a node has, which one another node sends to, and the routes to all of them.

use super::Plan;
use crate::graph::{Down, Port};
use crate::layer::Layer;
use crate::media::Lan;
use crate::spec::AddressFamily;
use protosim_models::node::{Route, Routes};
use std::net::IpAddr;

/// Why a node cannot send to another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoWay {
    /// That has no address: no link, or none whose other end has the same version of IP.
    NoAddress,
    /// That has addresses of one version of IP alone, and the sender of the other one alone.
    Versions,
    /// That is inside of a NAT, and the sender is not.
    Hidden,
    /// No path leads there.
    NoPath,
}

impl Plan {
    /// The layer of a version of IP, if the network has that.
    pub(super) fn layer(&self, family: AddressFamily) -> Option<&Layer> {
        self.layers.iter().find(|layer| layer.family == family)
    }

    /// The address that stands for a node: that of its first interface, in order of the names of links and media, or of a NAT that to the
    /// outside; of IPv4, if it has both. `None` for a node without any.
    pub fn address(&self, node: usize) -> Option<IpAddr> {
        self.layers.iter().find_map(|layer| layer.address(&self.graph, node))
    }

    /// The addresses that stand for a node, IPv4 first: at most one of each version.
    pub fn addresses(&self, node: usize) -> impl Iterator<Item = IpAddr> {
        self.layers.iter().filter_map(move |layer| layer.address(&self.graph, node))
    }

    /// The addresses by which a node can send to another one, those that it prefers first: IPv6 before IPv4 (RFC 6724 §2.1).
    ///
    /// # Errors
    /// If there is none.
    pub fn ways(&self, from: usize, to: usize) -> Result<Vec<IpAddr>, NoWay> {
        self.address(to).ok_or(NoWay::NoAddress)?;
        let mut worst = NoWay::Versions;
        let mut ways = Vec::new();
        for layer in self.layers.iter().rev() {
            let (Some(address), true) = (layer.address(&self.graph, to), layer.has(from)) else { continue };
            if layer.hides(&self.graph, from, to) {
                worst = NoWay::Hidden;
            } else if layer.reaches(&self.graph, from, to) {
                ways.push(address);
            } else if worst == NoWay::Versions {
                worst = NoWay::NoPath;
            }
        }
        if ways.is_empty() { Err(worst) } else { Ok(ways) }
    }

    /// True if packets from a node to a group reach a member.
    pub fn reaches_member(&self, from: usize, member: usize, group: IpAddr) -> bool {
        let layer = self.layer(AddressFamily::of(group));
        layer.is_some_and(|layer| layer.reaches(&self.graph, from, member))
    }

    /// The addresses by which a node sends to another one, as [`Plan::ways`]. In a network of one version, where nothing is to be chosen, those that it has.
    pub fn addresses_for(&self, from: usize, to: usize) -> Vec<IpAddr> {
        match &self.layers[..] {
            [only] => only.address(&self.graph, to).into_iter().collect(),
            _ => self.ways(from, to).unwrap_or_default(),
        }
    }

    /// The address that a node has on an interface of its own, of each version: IPv6 first, as its applications prefer it.
    pub(super) fn port_addresses(&self, node: usize, port: Port) -> Vec<IpAddr> {
        self.layers.iter().rev().filter_map(|layer| layer.port_address(&self.graph, node, port)).collect()
    }

    /// The routes of a node. With one link, it sends everything there. Otherwise it has a route to each link end that it
    /// reaches; in a network of more than 1024 links, one for the network's block over the most common way, and others
    /// for what goes elsewhere: every address that a link end has is sent the same way in either form.
    pub fn routes(&self, node: usize) -> Vec<Route> {
        let routes = self.layers.iter().flat_map(|layer| layer.routes(node)).collect();
        self.with_pools(node, self.with_new_addresses(node, routes))
    }

    /// The routes that a node has once everybody knows of what is down: [`Plan::routes`] in what is left. A node that
    /// is down has none, and so has a node with one link that leads to nobody any more.
    pub fn routes_without(&self, node: usize, down: &Down) -> Vec<Route> {
        let routes = self.layers.iter().flat_map(|layer| layer.routes_without(&self.graph, node, down)).collect();
        self.with_pools(node, self.with_new_addresses(node, routes))
    }

    /// Where a host with several interfaces sends what is bound to leave by one of them and has another usual way: to the router at the
    /// other end (0), on a medium to one in range (its number): the first one in order of names of those that have all versions of IP that
    /// the host has, or else of those that have one of them. A NAT is none for those outside of it.
    pub(super) fn gateway(&self, node: usize, interface: u32) -> Option<u16> {
        let graph = &self.graph;
        if graph.node(node).forwards || graph.ports(node).nth(1).is_none() {
            return None;
        }
        let port = graph.ports(node).nth(interface as usize)?;
        let shared = |next: usize| self.layers.iter().filter(move |layer| layer.has(node) && layer.has(next)).count();
        let leads_on = |next: usize| {
            let outside = graph.outside(next).and_then(|outside| graph.ports(next).nth(outside as usize));
            graph.node(next).forwards && shared(next) > 0 && !outside.is_some_and(|outside| outside.is_beside(port))
        };
        match port {
            Port::Link { next, .. } => leads_on(next).then_some(0),
            Port::Medium { medium, station } => {
                let lan = graph.media().lan(medium);
                let routers = || lan.reached(station).filter(|other| leads_on(lan.stations[*other]));
                let complete = routers().find(|other| shared(lan.stations[*other]) == shared(node));
                complete.or_else(|| routers().next()).map(Lan::number)
            }
        }
    }

    /// The addresses of pools, each with its NAT.
    pub(super) fn pools(&self) -> impl Iterator<Item = (IpAddr, usize)> {
        let nats = self.graph.nats().map(|nats| nats.ranks().collect::<Vec<_>>()).unwrap_or_default();
        nats.into_iter().flat_map(|rank| {
            let spec = &self.topology.nodes[self.graph.node(rank).listed];
            let pool = spec.nat.as_deref().and_then(|nat| nat.pool.as_deref()).unwrap_or_default();
            pool.iter().map(move |address| (IpAddr::V4(*address), rank))
        })
    }

    /// Routes with those to pools of NATs: each address is sent where the NAT's outer interface is.
    fn with_pools(&self, node: usize, mut routes: Vec<Route>) -> Vec<Route> {
        // A node with one link sends everything there.
        if self.graph.nats().is_none() || routes.len() <= self.layers.len() {
            return routes;
        }
        let table = Routes::new(&routes);
        for (prefix, nat) in self.pools().filter(|(_, nat)| *nat != node) {
            if let Some(outer) = self.layer(AddressFamily::V4).and_then(|layer| layer.address(&self.graph, nat)) {
                routes.push(Route { prefix, len: 32, hop: table.find(outer) });
            }
        }
        routes
    }
}

#[cfg(test)]
#[path = "addresses_tests.rs"]
mod tests;
