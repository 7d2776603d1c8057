//! A topology made ready to run: addresses, routes, wires. One plan serves all replications.

mod acts;
mod reroutes;

use crate::graph::{Down, NetworkGraph};
use crate::multicast::{group_addresses, tree};
use crate::routes::{Entry, MOST_LISTED, routes_of};
use crate::spec::{Topology, wire_stream_name};
use crate::timeline::{Agenda, TimelineEvent};
use protosim_core::kernel::{BuildError, Limits};
use protosim_core::{Builder, EntityId, RunSeed, Simulation, Span, WireId, WireSpec};
use protosim_models::device::{Clock, Cpu, Memory};
use protosim_models::link::{ImpairConfig, LinkChange, Meter, Setup, Transmitter};
use protosim_models::name::{Files, NodeName};
use protosim_models::node::{GroupRoute, Interface, NodeParts, Route};
use protosim_models::{App, Node};
use reroutes::Reroute;
use std::net::IpAddr;
use std::sync::Arc;

/// A topology with everything that follows from it.
#[derive(Clone, Debug)]
pub struct Plan {
    topology: Topology,
    timeline: Vec<TimelineEvent>,
    /// What the timeline does.
    agenda: Agenda,
    /// New routes of nodes that have others than before, in order of time.
    reroutes: Vec<Reroute>,
    files: Arc<Files>,
    graph: NetworkGraph,
    /// Two for each link, in order of paths.
    wires: Vec<PlannedWire>,
    /// The wires of each link, by link rank: forward and backward.
    wires_of_link: Vec<(WireId, WireId)>,
    /// By node rank.
    routes: Vec<Vec<Entry>>,
    /// By index of the group.
    group_addresses: Vec<IpAddr>,
    /// By node rank.
    group_routes: Vec<Vec<GroupRoute>>,
    /// By [`WireId`]: what is measured, before anything has happened.
    meters: Vec<Option<Meter>>,
}

/// One direction of a link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlannedWire {
    /// `link:from->to`: its place in the order of events, its stream's name, its name in digests.
    pub path: String,
    /// Rank of the link.
    pub link: usize,
    /// True for the direction from the link's first end to its second.
    pub is_forward: bool,
}

/// An application for a node of the network.
#[derive(Debug)]
pub struct Installation {
    /// Rank of the node.
    pub node: usize,
    /// The application's name.
    pub name: String,
    /// The application.
    pub app: Box<dyn App>,
}

impl Plan {
    /// The plan of a topology and a timeline that have been checked.
    pub fn new(topology: Topology, timeline: Vec<TimelineEvent>) -> Self {
        Self::with_files(topology, timeline, Arc::default())
    }

    /// As [`Plan::new`], where links name files.
    pub fn with_files(topology: Topology, timeline: Vec<TimelineEvent>, files: Arc<Files>) -> Self {
        let graph = NetworkGraph::new(&topology);
        let mut wires: Vec<PlannedWire> = (0..graph.links())
            .flat_map(|link| [(link, true), (link, false)])
            .map(|(link, is_forward)| {
                let (first, second) = graph.ends(link);
                let (from, to) = if is_forward { (first, second) } else { (second, first) };
                let name = |rank: usize| &topology.nodes[graph.node(rank).listed].name;
                let path = format!("{}:{}->{}", topology.links[graph.link(link)].name(), name(from), name(to));
                PlannedWire { path, link, is_forward }
            })
            .collect();
        wires.sort_by(|a, b| a.path.cmp(&b.path));
        let mut wires_of_link = vec![(WireId(0), WireId(0)); graph.links()];
        for (index, wire) in wires.iter().enumerate() {
            let both = &mut wires_of_link[wire.link];
            *(if wire.is_forward { &mut both.0 } else { &mut both.1 }) = WireId(index as u32);
        }
        let group_addresses = group_addresses(&topology);
        let everything_up = Down::default();
        let routes = |node| routes_of(&graph, topology.addresses, node, &everything_up, MOST_LISTED);
        let routes = (0..graph.nodes()).map(routes).collect();
        let agenda = Agenda::new(&topology, &graph, &timeline);
        let group_routes = Vec::new();
        let meters = vec![None; wires.len()];
        let mut plan = Self {
            topology,
            timeline,
            agenda,
            reroutes: Vec::new(),
            files,
            graph,
            wires,
            wires_of_link,
            routes,
            group_addresses,
            group_routes,
            meters,
        };
        plan.group_routes = plan.routes_of_groups();
        plan
    }

    /// The same plan with a measurement of one direction of the link called `link`; all is as it was if there is no such link.
    pub fn with_meter(mut self, link: &str, is_forward: bool, meter: Meter) -> Self {
        if let Some(wire) = self.wire(link, is_forward) {
            self.meters[wire.0 as usize] = Some(meter);
        }
        self
    }

    /// One direction of the link called `link`.
    pub fn wire(&self, link: &str, is_forward: bool) -> Option<WireId> {
        let (forward, backward) = self.wires_of_link[self.link(link)?];
        Some(if is_forward { forward } else { backward })
    }

    /// The routes of a node. With one link, it sends everything there. Otherwise it has a route to each link end that it
    /// reaches; in a network of more than 1024 links, one for the network's block over the most common way, and others
    /// for what goes elsewhere: every address that a link end has is sent the same way in either form.
    pub fn routes(&self, node: usize) -> Vec<Route> {
        let routes = self.routes[node].iter().map(|entry| entry.route(self.topology.addresses)).collect();
        self.with_new_addresses(node, routes)
    }

    /// The routes that a node has once everybody knows of what is down: [`Plan::routes`] in what is left. A node that
    /// is down has none, and so has a node with one link that leads to nobody any more.
    pub fn routes_without(&self, node: usize, down: &Down) -> Vec<Route> {
        let family = self.topology.addresses;
        let entries = routes_of(&self.graph, family, node, down, MOST_LISTED);
        let routes = entries.into_iter().map(|entry| entry.route(family)).collect();
        self.with_new_addresses(node, routes)
    }

    /// The part of each node in the trees of groups.
    fn routes_of_groups(&self) -> Vec<Vec<GroupRoute>> {
        let ranks = |names: &[NodeName]| names.iter().filter_map(|name| self.node(&name.0)).collect::<Vec<_>>();
        let mut routes: Vec<Vec<GroupRoute>> = vec![Vec::new(); self.graph.nodes()];
        for (group, address) in self.topology.groups.iter().zip(&self.group_addresses) {
            let members = ranks(&group.members);
            for source in ranks(&group.senders) {
                let ends = self
                    .graph
                    .neighbours(source)
                    .iter()
                    .map(|(link, _)| self.end_address(*link, u32::from(self.graph.ends(*link).0 != source)));
                let ends: Vec<IpAddr> = ends.collect();
                for (node, branch) in tree(&self.graph, source, &members) {
                    let route = |source: &IpAddr| branch.route(*address, *source);
                    routes[node].extend(ends.iter().map(route));
                }
            }
        }
        routes
    }

    /// The address of the group called `name`.
    pub fn group(&self, name: &str) -> Option<IpAddr> {
        let index = self.topology.groups.iter().position(|group| group.name == name)?;
        Some(self.group_addresses[index])
    }

    fn end_address(&self, link: usize, end: u32) -> IpAddr {
        self.topology.addresses.end_address(link, end)
    }

    /// Rank of the link called `name`.
    pub fn link(&self, name: &str) -> Option<usize> {
        link_rank(&self.topology, &self.graph, name)
    }

    /// Rank of the node called `name`.
    pub fn node(&self, name: &str) -> Option<usize> {
        // Ranks are in order of names.
        let rank = first_not_below(self.graph.nodes(), |rank| self.name(rank) < name);
        (rank < self.graph.nodes() && self.name(rank) == name).then_some(rank)
    }

    /// Name of a node.
    pub fn name(&self, node: usize) -> &str {
        &self.topology.nodes[self.graph.node(node).listed].name
    }

    /// The address that a node's sockets have: that of its first interface, in order of link names.
    /// `None` for a node without links.
    pub fn address(&self, node: usize) -> Option<IpAddr> {
        let (link, _) = self.graph.neighbours(node).first()?;
        Some(self.end_address(*link, u32::from(self.graph.ends(*link).0 != node)))
    }

    /// The directions of all links, by [`WireId`].
    pub fn wires(&self) -> &[PlannedWire] {
        &self.wires
    }

    /// The ends of all links, for captures: link end 2 k is the first end of the link of rank k, 2 k + 1 the
    /// second. Each with a name such as `radio@client`.
    pub fn link_ends(&self) -> Vec<String> {
        let name = |link: usize, rank: usize| {
            format!("{}@{}", self.topology.links[self.graph.link(link)].name(), self.name(rank))
        };
        let both = |link: usize| {
            let (first, second) = self.graph.ends(link);
            [name(link, first), name(link, second)]
        };
        (0..self.graph.links()).flat_map(both).collect()
    }

    /// The link end, as in [`Plan::link_ends`], where a wire begins or ends.
    pub fn link_end(&self, wire: WireId, at_sender: bool) -> usize {
        let wire = &self.wires[wire.0 as usize];
        2 * wire.link + usize::from(wire.is_forward != at_sender)
    }

    /// The graph.
    pub fn graph(&self) -> &NetworkGraph {
        &self.graph
    }

    /// A world with this network, for one run on at most `threads` threads.
    ///
    /// # Errors
    /// Never for a topology that was checked.
    pub fn simulation(
        &self,
        seed: RunSeed,
        limits: Limits,
        apps: Vec<Installation>,
        threads: usize,
    ) -> Result<Simulation<Node>, BuildError> {
        let mut builder = Builder::new(seed);
        builder.limits(limits);
        let mut apps_of: Vec<Vec<Installation>> = (0..self.graph.nodes()).map(|_| Vec::new()).collect();
        for app in apps {
            apps_of[app.node].push(app);
        }
        for (rank, mut apps) in apps_of.into_iter().enumerate() {
            let mut node = Node::new(self.parts(rank, seed));
            // By name, so that the order in the file does not matter.
            apps.sort_by(|a, b| a.name.cmp(&b.name));
            for app in apps {
                node.install(&app.name, app.app);
            }
            let name = self.name(rank);
            builder.entity(name, self.stream_name(rank), node)?;
        }
        for wire in &self.wires {
            builder.wire(self.wire_spec(wire))?;
        }
        self.act(&mut builder);
        builder.build(threads)
    }

    fn stream_name(&self, rank: usize) -> &str {
        let spec = &self.topology.nodes[self.graph.node(rank).listed];
        spec.stream_name.as_deref().unwrap_or(&spec.name)
    }

    fn parts(&self, rank: usize, seed: RunSeed) -> NodeParts {
        let device = self.topology.nodes[self.graph.node(rank).listed].device.clone().unwrap_or_default();
        let interfaces = self.graph.neighbours(rank).iter().map(|(link, _)| self.interface(rank, *link, seed));
        NodeParts {
            interfaces: interfaces.collect(),
            routes: self.routes(rank),
            forwards: self.graph.node(rank).forwards,
            ip: self.topology.nodes[self.graph.node(rank).listed].ip.unwrap_or_default(),
            groups: self.group_routes[rank].clone(),
            clock: Clock::new(Span::ZERO, device.clock_drift.unwrap_or_default()),
            cpu: Cpu::new(device.cpu),
            memory: Memory::new(device.memory),
            crashes: self.agenda.crashes(rank),
        }
    }

    fn interface(&self, rank: usize, link: usize, seed: RunSeed) -> Interface {
        let config = &self.topology.links[self.graph.link(link)];
        let is_first = self.graph.ends(link).0 == rank;
        let (forward, backward) = self.wires_of_link[link];
        let (outgoing, incoming) = if is_first { (forward, backward) } else { (backward, forward) };
        let direction = config.direction(is_first);
        let later: Vec<LinkChange> =
            self.agenda.changes(link, is_first).iter().map(|(_, change)| change.clone()).collect();
        let stream_name = self.wire_stream_name(link, is_first);
        let setup = Setup {
            wire: outgoing,
            direction: &direction,
            framing: config.framing.unwrap_or_default(),
            mtu: config.mtu(),
            seed,
            stream_name: &stream_name,
            later: &later,
            files: &self.files,
            meter: self.meters[outgoing.0 as usize].clone(),
        };
        Interface {
            addresses: vec![self.end_address(link, u32::from(!is_first))],
            mtu_bytes: config.mtu().as_bytes(),
            transmitter: Transmitter::new(&setup),
            incoming,
        }
    }

    fn wire_stream_name(&self, link: usize, is_forward: bool) -> String {
        let config = &self.topology.links[self.graph.link(link)];
        let (first, second) = self.graph.ends(link);
        wire_stream_name(config, (self.stream_name(first), self.stream_name(second)), is_forward)
    }

    fn wire_spec(&self, wire: &PlannedWire) -> WireSpec {
        let (first, second) = self.graph.ends(wire.link);
        let (from, to) = if wire.is_forward { (first, second) } else { (second, first) };
        let port = self.graph.interface(to, wire.link);
        let direction = self.topology.links[self.graph.link(wire.link)].direction(wire.is_forward);
        let changes = || self.agenda.changes(wire.link, wire.is_forward).iter().map(|(_, change)| change);
        let later = changes().filter_map(|change| change.delay);
        let new_impairs = changes().filter_map(|change| change.impair.as_ref());
        let impairs: Vec<&ImpairConfig> = new_impairs.chain(&direction.impair).collect();
        let least = later.chain([direction.delay.unwrap_or_default()]).min().unwrap_or(Span::ZERO);
        WireSpec {
            path: wire.path.clone(),
            from: EntityId(from as u32),
            to: EntityId(to as u32),
            port: port.expect("a link is among its end's links") as u32,
            min_delay: if impairs.iter().any(|impair| impair.skips_delay()) { Span::ZERO } else { least },
            overtakes: impairs.iter().any(|impair| impair.overtakes()),
        }
    }
}

/// The first rank of `count` that is not below what is looked for, where all that are below come first.
fn first_not_below(count: usize, is_below: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        if is_below(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

fn link_rank(topology: &Topology, graph: &NetworkGraph, name: &str) -> Option<usize> {
    let name_of = |rank: usize| topology.links[graph.link(rank)].name();
    let rank = first_not_below(graph.links(), |rank| name_of(rank).as_str() < name);
    (rank < graph.links() && name_of(rank) == name).then_some(rank)
}
