//! Addresses of a plan: which ones a node has, which one another node sends to, and the routes to all of them.

use super::Plan;
use crate::graph::{Down, Port, Step};
use crate::layer::Layer;
use crate::media::Lan;
use crate::spec::{AddressFamily, NodeSpec};
use protosim_models::nat::{Nat64Config, Nat64Prefix, synthesised};
use protosim_models::node::{Hop, Route, Routes};
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

    /// The addresses by which a node can send to another one, those that it prefers first: IPv6 before IPv4 (RFC 6724 §2.1),
    /// and by way of a NAT64 if there is no other.
    ///
    /// # Errors
    /// If there is none.
    pub fn ways(&self, from: usize, to: usize) -> Result<Vec<IpAddr>, NoWay> {
        self.address(to).ok_or(NoWay::NoAddress)?;
        let mut worst = NoWay::Versions;
        let mut ways = Vec::new();
        for layer in self.layers.iter().rev() {
            let ends = (layer.address(&self.graph, to), layer.address(&self.graph, from));
            let (Some(address), Some(_)) = ends else { continue };
            if layer.hides(&self.graph, from, to) {
                worst = NoWay::Hidden;
            } else if layer.reaches(&self.graph, from, to) {
                ways.push(address);
            } else if worst == NoWay::Versions {
                worst = NoWay::NoPath;
            }
        }
        if ways.is_empty() {
            ways.extend(self.translated(from, to));
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
        let mut own: Vec<IpAddr> =
            self.layers.iter().rev().filter_map(|layer| layer.port_address(&self.graph, node, port)).collect();
        own.shrink_to_fit();
        own
    }

    /// The routes of a node. With one link, it sends everything there. Otherwise it has a route to each link end that it
    /// reaches; in a network of more than 1024 links, one for the network's block over the most common way, and others
    /// for what goes elsewhere: every address that a link end has is sent the same way in either form.
    pub fn routes(&self, node: usize) -> Vec<Route> {
        let routes = self.layers.iter().flat_map(|layer| layer.routes(node)).collect();
        self.with_translators(node, &Down::default(), self.with_new_addresses(node, routes))
    }

    /// The routes that a node has once everybody knows of what is down: [`Plan::routes`] in what is left. A node that
    /// is down has none, and so has a node with one link that leads to nobody any more.
    pub fn routes_without(&self, node: usize, down: &Down) -> Vec<Route> {
        let routes = self.layers.iter().flat_map(|layer| layer.routes_without(&self.graph, node, down)).collect();
        self.with_translators(node, down, self.with_new_addresses(node, routes))
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

    /// What the topology says of a node.
    fn spec(&self, node: usize) -> &NodeSpec {
        &self.topology.nodes[self.graph.node(node).listed]
    }

    /// The address by which a node's packets go outside, if it is a NAT.
    fn outer_address(&self, nat: usize) -> Option<IpAddr> {
        let port = self.graph.ports(nat).nth(*self.outsides.get(&nat)? as usize)?;
        self.layer(AddressFamily::V4)?.port_address(&self.graph, nat, port)
    }

    /// The addresses of pools, each with its NAT.
    pub(super) fn pools(&self) -> impl Iterator<Item = (IpAddr, usize)> {
        self.outsides.keys().flat_map(|rank| {
            let spec = self.spec(*rank);
            let of_nat = spec.nat.as_deref().and_then(|nat| nat.pool.as_deref());
            let of_nat64 = spec.nat64.as_deref().and_then(|nat64| nat64.pool.as_deref());
            let pools = of_nat.into_iter().chain(of_nat64).flatten();
            pools.map(|address| (IpAddr::V4(*address), *rank))
        })
    }

    /// The prefixes of NAT64s that a node reaches from inside of them in what is left without what is down, each with the nearest one that has
    /// it; of equals, the first that shortest paths in order of names lead to.
    fn nat64s(&self, node: usize, down: &Down) -> Vec<(Nat64Prefix, usize)> {
        let mut found: Vec<(Nat64Prefix, usize)> = Vec::new();
        let Some(layer) = self.layer(AddressFamily::V6).filter(|_| self.has_nat64) else { return found };
        let is_outside = |at: usize, step: Step, nat64: usize| {
            let by = self.graph.ports(at).nth(step.interface as usize);
            let outside = self.outsides.get(&nat64).and_then(|outside| self.graph.ports(nat64).nth(*outside as usize));
            by.zip(outside).is_some_and(|(by, outside)| outside.is_beside(by))
        };
        layer.graph(&self.graph).walk(node, &layer.down(down), |at, step, next| {
            let prefix = self.spec(next).nat64.as_deref().map(Nat64Config::prefix);
            if prefix.is_none() || is_outside(at, step, next) {
                return;
            }
            if let Some(prefix) = prefix.filter(|prefix| found.iter().all(|(known, _)| known != prefix)) {
                found.push((prefix, next));
            }
        });
        found
    }

    /// The prefix under which a node of IPv6 alone sees IPv4 hosts, if there is a NAT64 for it: that of the nearest one.
    pub fn nat64_prefix(&self, node: usize) -> Option<Nat64Prefix> {
        let has_v4 = self.layer(AddressFamily::V4).is_some_and(|layer| layer.address(&self.graph, node).is_some());
        self.nat64s(node, &Down::default()).first().filter(|_| !has_v4).map(|(prefix, _)| *prefix)
    }

    /// The address under which a node of IPv6 alone sends to one of IPv4, as DNS64 makes it (RFC 6147 §5.1.7).
    fn translated(&self, from: usize, to: usize) -> Option<IpAddr> {
        let (v4, v6) = (self.layer(AddressFamily::V4)?, self.layer(AddressFamily::V6)?);
        v6.address(&self.graph, from)?;
        let IpAddr::V4(address) = v4.address(&self.graph, to)? else { return None };
        let leads_on = |nat64: &usize| {
            let graph = &self.graph;
            !v4.hides(graph, *nat64, to) && v4.reaches(graph, *nat64, to)
        };
        let (prefix, _) = self.nat64s(from, &Down::default()).into_iter().find(|(_, nat64)| leads_on(nat64))?;
        Some(IpAddr::V6(synthesised(prefix, address)))
    }

    /// Routes with those to what translators have: pools are where the outer interface is, the prefix of a NAT64 is where that is.
    fn with_translators(&self, node: usize, down: &Down, mut routes: Vec<Route>) -> Vec<Route> {
        let mut ports = self.graph.ports(node);
        // A node with one link sends everything there.
        let is_leaf = matches!((ports.next(), ports.next()), (None | Some(Port::Link { .. }), None));
        if self.outsides.is_empty() || is_leaf {
            return routes;
        }
        let table = Routes::new(&routes);
        // On a medium to the station that has this address, whatever the addresses behind it.
        let towards = |address: IpAddr| match table.find(address) {
            Hop::OnLink(interface) => {
                let station = Hop::OnLink(interface).station(address).map_or(0, |(_, station)| station);
                Hop::Station { interface, station }
            }
            hop => hop,
        };
        for (prefix, nat) in self.pools().filter(|(_, nat)| *nat != node) {
            if let Some(outer) = self.outer_address(nat) {
                routes.push(Route { prefix, len: 32, hop: towards(outer) });
            }
        }
        for (prefix, nat64) in self.nat64s(node, down) {
            if let Some(there) = self.layer(AddressFamily::V6).and_then(|layer| layer.address(&self.graph, nat64)) {
                let (address, len) = (IpAddr::V6(prefix.address()), prefix.len_bits());
                routes.push(Route { prefix: address, len, hop: towards(there) });
            }
        }
        routes
    }
}

#[cfg(test)]
#[path = "addresses_tests.rs"]
mod tests;
