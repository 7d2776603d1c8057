//! What a plan does to its world in the course of a run.

use super::Plan;
use crate::layer::Layer;
use crate::spec::AddressFamily;
use crate::timeline::{Agenda, NewAddress, TimelineEvent};
use protosim_core::{EntityId, SimTime};
use protosim_models::node::{Action, Hop, Route, Routes};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

impl Plan {
    /// What the timeline does to the world. What happens at one instant happens in this order: a node
    /// that loses power does so before its links go down, so that what they drop counts as the node's; one that starts does so last,
    /// with its links and routes in place.
    pub fn acts(&self) -> Vec<(SimTime, EntityId, Action)> {
        self.acts_of(&self.agenda)
    }

    /// The same for another timeline, which has what this plan's has and faults of links and nodes that it was told of
    /// ([`Plan::with_faults`]).
    pub fn acts_with(&self, timeline: &[TimelineEvent]) -> Vec<(SimTime, EntityId, Action)> {
        self.acts_of(&Agenda::new(&self.topology, &self.graph, &self.layers, timeline))
    }

    fn acts_of(&self, agenda: &Agenda) -> Vec<(SimTime, EntityId, Action)> {
        let mut acts = Vec::new();
        let mut act = |at, node: usize, action| acts.push((SimTime::ZERO + at, self.entity(node), action));
        for (at, node, _) in agenda.powers.iter().filter(|(_, _, is_on)| !is_on) {
            act(*at, *node, Action::Power(false));
        }
        for wire in self.wires.iter().filter(|wire| wire.station.is_none() && !wire.is_channel) {
            let (first, second) = self.graph.ends(wire.link);
            let sender = if wire.is_forward { first } else { second };
            let interface = self.graph.interface(sender, wire.link);
            for (at, change) in agenda.changes(wire.link, wire.is_forward) {
                let interface = interface.expect("a link is among its end's links") as u32;
                act(*at, sender, Action::ChangeLink { interface, change: Box::new(change.clone()) });
            }
        }
        for wire in self.wires.iter().filter(|wire| wire.is_channel) {
            for (at, sender, action) in self.acts_of_channel(wire) {
                act(at, sender, action);
            }
        }
        for NewAddress { at, link, node, address, .. } in &agenda.new_addresses {
            let interface = self.graph.interface(*node, *link).expect("a link is among its end's links") as u32;
            act(*at, *node, Action::Readdress { interface, address: *address });
        }
        for reroute in &self.reroutes {
            act(reroute.at, reroute.node, Action::Reroute(Arc::clone(&reroute.routes)));
        }
        for (at, node, _) in agenda.powers.iter().filter(|(_, _, is_on)| *is_on) {
            act(*at, *node, Action::Power(true));
        }
        acts
    }

    /// The addresses that interfaces get during the run.
    pub fn new_addresses(&self) -> &[NewAddress] {
        &self.agenda.new_addresses
    }

    /// Of each address that a node has at any time of the run: which node.
    pub fn owners(&self) -> BTreeMap<IpAddr, usize> {
        let ends = |link: usize| {
            let (first, second) = self.graph.ends(link);
            let of = move |layer: &Layer| {
                [(0, first), (1, second)].map(|(end, node)| Some((layer.end_address(&self.graph, link, end)?, node)))
            };
            self.layers.iter().flat_map(of).flatten()
        };
        let new = self.agenda.new_addresses.iter().map(|new| (new.address, new.node));
        (0..self.graph.links()).flat_map(ends).chain(new).chain(self.pools()).collect()
    }

    /// Routes with those to addresses that interfaces get during the run: each is sent where the first address of its
    /// interface is. The interface's own node has no route for an address that it does not have yet, or not any more.
    pub(super) fn with_new_addresses(&self, node: usize, mut routes: Vec<Route>) -> Vec<Route> {
        // A node with one link sends everything there.
        if self.agenda.new_addresses.is_empty() || self.graph.neighbours(node).len() < 2 {
            return routes;
        }
        let mut table = Routes::new(&routes);
        for new in &self.agenda.new_addresses {
            let layer = self.layer(AddressFamily::of(new.address));
            let Some(old) = layer.and_then(|layer| layer.end_address(&self.graph, new.link, new.end)) else { continue };
            let route = |prefix: IpAddr, hop| Route { prefix, len: AddressFamily::of(prefix).bits(), hop };
            if new.node == node {
                routes.push(route(old, Hop::None));
                routes.push(route(new.address, Hop::None));
            } else {
                routes.push(route(new.address, table.lookup(old)));
            }
        }
        routes
    }
}
