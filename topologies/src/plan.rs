//! A topology made ready to run: addresses, routes, wires. One plan serves all replications.

mod acts;
mod addresses;
mod channels;
mod devices;
mod reroutes;
mod stations;

pub use addresses::NoWay;
pub use channels::CHANNEL;

use crate::faults::FaultSpec;
use crate::graph::{Down, NetworkGraph, Port};
use crate::layer::Layer;
use crate::media::Lan;
use crate::multicast::{group_addresses, tree};
use crate::nat::outsides;
use crate::spec::{AddressFamily, Topology, wire_stream_name};
use crate::timeline::{Agenda, TimelineEvent};
use channels::Channels;
use devices::Devices;
use protosim_core::kernel::{BuildError, Limits};
use protosim_core::{Builder, EntityId, RunSeed, SimTime, Simulation, WireId, WireSpec};
use protosim_models::device::{Cpu, Memory};
use protosim_models::link::{LinkChange, Meter, Setup, Transmitter};
use protosim_models::medium::GroupStations;
use protosim_models::name::{Files, NodeName};
use protosim_models::node::{Action, GroupRoute, Interface, NatParts, NodeParts};
use protosim_models::{App, Element, Node};
use reroutes::Reroute;
use stations::wires_of_media;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// A topology with everything that follows from it.
#[derive(Clone, Debug)]
pub struct Plan {
    topology: Topology,
    timeline: Vec<TimelineEvent>,
    /// What the timeline does.
    agenda: Agenda,
    /// Ranks of nodes that lose power at times which the timeline does not say.
    fallible_nodes: BTreeSet<usize>,
    /// Ranks of links that go down so.
    fallible_links: BTreeSet<usize>,
    /// New routes of nodes that have others than before, in order of time.
    reroutes: Vec<Reroute>,
    files: Arc<Files>,
    graph: NetworkGraph,
    /// What each version of IP has of it.
    layers: Vec<Layer>,
    /// By node rank, the interfaces of NATs and firewalls to the outside.
    outsides: BTreeMap<usize, u32>,
    /// Whether a node is a NAT64.
    has_nat64: bool,
    channels: Channels,
    devices: Devices,
    /// Two for each link, for each channel, for each station of a medium and for each device there, in order of paths.
    wires: Vec<PlannedWire>,
    /// The wires of each link, by link rank: forward and backward.
    wires_of_link: Vec<(WireId, WireId)>,
    /// The wires of each station, by rank of the medium and index of the station: to the medium and from it.
    wires_of_station: Vec<Vec<(WireId, WireId)>>,
    /// The entities in order of paths: nodes, and media between them.
    entities: Vec<Planned>,
    /// By node rank.
    entity_of_node: Vec<EntityId>,
    /// By rank of the medium.
    entity_of_medium: Vec<EntityId>,
    /// By rank of the medium.
    groups_of_medium: Vec<Vec<GroupStations>>,
    /// By index of the group.
    group_addresses: Vec<IpAddr>,
    /// By node rank.
    group_routes: Vec<Vec<GroupRoute>>,
    /// What is measured, before anything has happened.
    meters: BTreeMap<WireId, Meter>,
}

/// One direction of a link, of a channel, or of the way between a node and a shared medium.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlannedWire {
    /// `link:from->to`: its place in the order of events, its stream's name, its name in digests. For a medium,
    /// `medium:node->*` and `medium:*->node`; for a channel, `channel:name:from->to`.
    pub path: Arc<str>,
    /// Rank of the link; for a station, of the medium; for a channel, of that.
    pub link: usize,
    /// True for the direction from the link's first end to its second, or from the station to the medium.
    pub is_forward: bool,
    /// For a medium: index of the station.
    pub station: Option<usize>,
    /// True for a channel, which no packet of the network takes.
    pub is_channel: bool,
    /// True for what a node and its device at a station tell each other, which is no packet either.
    pub is_control: bool,
}

/// An entity, by rank.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Planned {
    Node(usize),
    Medium(usize),
}

/// What stands before a medium's name in the path of its entity, where no node's name can.
pub const MEDIUM: &str = "medium:";

/// An application for a node of the network.
#[derive(Debug)]
pub struct Installation {
    /// Rank of the node.
    pub node: usize,
    /// The application's name.
    pub name: String,
    /// The application.
    pub app: Box<dyn App>,
    /// Whether something is measured of what it receives: deliveries to all others are not reported, which would take memory.
    pub is_measured: bool,
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
                PlannedWire { path: path.into(), link, is_forward, station: None, is_channel: false, is_control: false }
            })
            .collect();
        wires.extend(wires_of_media(&topology, &graph));
        let (mut channels, wires_of_channels) = Channels::new(&topology, &graph);
        wires.extend(wires_of_channels);
        let (mut devices, wires_of_devices) = Devices::new(&topology, &graph);
        wires.extend(wires_of_devices);
        wires.sort_by(|a, b| a.path.cmp(&b.path));
        let mut wires_of_link = vec![(WireId(0), WireId(0)); graph.links()];
        let stations = |medium| vec![(WireId(0), WireId(0)); graph.media().lan(medium).stations.len()];
        let mut wires_of_station: Vec<Vec<(WireId, WireId)>> = (0..graph.media().count()).map(stations).collect();
        for (index, wire) in wires.iter().enumerate() {
            if wire.is_channel {
                channels.number_wire(wire, WireId(index as u32));
                continue;
            }
            if wire.is_control {
                devices.number_wire(wire, WireId(index as u32));
                continue;
            }
            let both = match wire.station {
                None => &mut wires_of_link[wire.link],
                Some(station) => &mut wires_of_station[wire.link][station],
            };
            *(if wire.is_forward { &mut both.0 } else { &mut both.1 }) = WireId(index as u32);
        }
        let layers = Layer::all(&topology, &graph);
        let outsides = outsides(&topology, &graph);
        let has_nat64 = topology.nodes.iter().any(|node| node.nat64.is_some());
        let group_addresses = group_addresses(&topology);
        let agenda = Agenda::new(&topology, &graph, &layers, &timeline);
        let group_routes = Vec::new();
        let entities = entities_of(&topology, &graph);
        let mut entity_of_node = vec![EntityId(0); graph.nodes()];
        let mut entity_of_medium = vec![EntityId(0); graph.media().count()];
        for (index, entity) in entities.iter().enumerate() {
            match entity {
                Planned::Node(rank) => entity_of_node[*rank] = EntityId(index as u32),
                Planned::Medium(rank) => entity_of_medium[*rank] = EntityId(index as u32),
            }
        }
        let mut plan = Self {
            topology,
            timeline,
            agenda,
            fallible_nodes: BTreeSet::new(),
            fallible_links: BTreeSet::new(),
            reroutes: Vec::new(),
            files,
            graph,
            layers,
            outsides,
            has_nat64,
            channels,
            devices,
            wires,
            wires_of_link,
            wires_of_station,
            entities,
            entity_of_node,
            entity_of_medium,
            groups_of_medium: Vec::new(),
            group_addresses,
            group_routes,
            meters: BTreeMap::new(),
        };
        (plan.group_routes, plan.groups_of_medium) = plan.routes_of_groups();
        plan
    }

    /// The same plan with nodes and links that may be hit by faults at random: nodes keep what they start anew with.
    pub fn with_faults(mut self, faults: &[FaultSpec]) -> Self {
        let (nodes, links) = (faults.iter().flat_map(|spec| &spec.nodes), faults.iter().flat_map(|spec| &spec.links));
        self.fallible_nodes = nodes.filter_map(|node| self.node(&node.0)).collect();
        self.fallible_links = links.filter_map(|link| self.link(&link.0)).collect();
        self
    }

    /// The same plan with a measurement of one direction of the link called `link`; all is as it was if there is no such link.
    pub fn with_meter(mut self, link: &str, is_forward: bool, meter: Meter) -> Self {
        if let Some(wire) = self.wire(link, is_forward) {
            self.meters.insert(wire, meter);
        }
        self
    }

    /// One direction of the link called `link`.
    pub fn wire(&self, link: &str, is_forward: bool) -> Option<WireId> {
        let (forward, backward) = self.wires_of_link[self.link(link)?];
        Some(if is_forward { forward } else { backward })
    }

    /// The part of each node in the trees of groups, and who takes what on each medium.
    fn routes_of_groups(&self) -> (Vec<Vec<GroupRoute>>, Vec<Vec<GroupStations>>) {
        let ranks = |names: &[NodeName]| names.iter().filter_map(|name| self.node(&name.0)).collect::<Vec<_>>();
        let mut routes: Vec<Vec<GroupRoute>> = vec![Vec::new(); self.graph.nodes()];
        let mut of_media: Vec<Vec<GroupStations>> = vec![Vec::new(); self.graph.media().count()];
        for (group, address) in self.topology.groups.iter().zip(&self.group_addresses) {
            let members = ranks(&group.members);
            let Some(layer) = self.layer(AddressFamily::of(*address)) else { continue };
            for source in ranks(&group.senders) {
                let own = self.graph.ports(source);
                let ends: Vec<IpAddr> = own.filter_map(|port| layer.port_address(&self.graph, source, port)).collect();
                for (node, branch) in tree(layer.graph(&self.graph), &layer.down(&Down::default()), source, &members) {
                    let route = |source: &IpAddr| branch.route(*address, *source);
                    routes[node].extend(ends.iter().map(route));
                    for (interface, port) in self.graph.ports(node).enumerate() {
                        let Port::Medium { medium, station } = port else { continue };
                        let here = branch.stations.iter().filter(|step| step.interface as usize == interface);
                        let to: Vec<u16> = here.map(|step| step.station).collect();
                        if to.is_empty() {
                            continue;
                        }
                        let from = Lan::number(station);
                        let takers = |source: &IpAddr| {
                            let (to, source) = (to.clone(), *source);
                            GroupStations { from, group: *address, source, to }
                        };
                        of_media[medium].extend(ends.iter().map(takers));
                    }
                }
            }
        }
        (routes, of_media)
    }

    /// The address of the group called `name`.
    pub fn group(&self, name: &str) -> Option<IpAddr> {
        let index = self.topology.groups.iter().position(|group| group.name == name)?;
        Some(self.group_addresses[index])
    }

    /// The entity of a node. Without shared media it has the node's rank.
    pub fn entity(&self, node: usize) -> EntityId {
        self.entity_of_node[node]
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

    /// The directions of all links and channels, and of the ways to and from media, by [`WireId`].
    pub fn wires(&self) -> &[PlannedWire] {
        &self.wires
    }

    /// The ends of all links, for captures: link end 2 k is the first end of the link of rank k, 2 k + 1 the
    /// second. Then the stations of all media, in order of ranks. Each with a name such as `radio@client`.
    pub fn link_ends(&self) -> Vec<String> {
        let name = |link: usize, rank: usize| {
            format!("{}@{}", self.topology.links[self.graph.link(link)].name(), self.name(rank))
        };
        let both = |link: usize| {
            let (first, second) = self.graph.ends(link);
            [name(link, first), name(link, second)]
        };
        let stations = (0..self.graph.media().count()).flat_map(|medium| {
            let lan = self.graph.media().lan(medium);
            let medium = self.topology.media[lan.listed].name();
            lan.stations.iter().map(move |rank| format!("{medium}@{}", self.name(*rank)))
        });
        (0..self.graph.links()).flat_map(both).chain(stations).collect()
    }

    /// The link end, as in [`Plan::link_ends`], where a wire begins or ends. `None` inside of a medium, and for channels.
    pub fn link_end(&self, wire: WireId, at_sender: bool) -> Option<usize> {
        let wire = &self.wires[wire.0 as usize];
        if wire.is_channel || wire.is_control {
            return None;
        }
        let Some(station) = wire.station else {
            return Some(2 * wire.link + usize::from(wire.is_forward != at_sender));
        };
        let before: usize = (0..wire.link).map(|medium| self.graph.media().lan(medium).stations.len()).sum();
        (wire.is_forward == at_sender).then_some(2 * self.graph.links() + before + station)
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
    ) -> Result<Simulation<Element>, BuildError> {
        self.simulation_with(seed, limits, apps, threads, self.acts())
    }

    /// The same, but that the timeline does nothing else than `acts`: some of [`Plan::acts`].
    ///
    /// # Errors
    /// As [`Plan::simulation`].
    pub fn simulation_with(
        &self,
        seed: RunSeed,
        limits: Limits,
        apps: Vec<Installation>,
        threads: usize,
        acts: Vec<(SimTime, EntityId, Action)>,
    ) -> Result<Simulation<Element>, BuildError> {
        let mut builder = Builder::new(seed);
        builder.limits(limits);
        let mut apps_of: Vec<Vec<Installation>> = (0..self.graph.nodes()).map(|_| Vec::new()).collect();
        for app in apps {
            apps_of[app.node].push(app);
        }
        for entity in &self.entities {
            let rank = match entity {
                Planned::Node(rank) => *rank,
                Planned::Medium(medium) => {
                    let config = &self.topology.media[self.graph.media().lan(*medium).listed];
                    let path = format!("{MEDIUM}{}", config.name());
                    let element = Element::Medium(Box::new(self.medium(*medium, seed)));
                    builder.entity(&path, config.stream_name(), element)?;
                    continue;
                }
            };
            let mut node = Node::new(self.parts(rank, seed));
            // By name, so that the order in the file does not matter.
            let mut apps = std::mem::take(&mut apps_of[rank]);
            apps.sort_by(|a, b| a.name.cmp(&b.name));
            for app in apps {
                let number = node.install(&app.name, app.app);
                node.measure_deliveries(number, app.is_measured);
            }
            let name = self.name(rank);
            builder.entity(name, self.stream_name(rank), Element::Node(node))?;
        }
        for wire in &self.wires {
            builder.wire(self.wire_spec(wire))?;
        }
        for (at, entity, action) in acts {
            builder.act(at, entity, action);
        }
        builder.build(threads)
    }

    fn stream_name(&self, rank: usize) -> &str {
        let spec = &self.topology.nodes[self.graph.node(rank).listed];
        spec.stream_name.as_deref().unwrap_or(&spec.name)
    }

    fn parts(&self, rank: usize, seed: RunSeed) -> NodeParts {
        let device = self.devices.get(rank).map(|device| &**device);
        let interfaces = self.graph.ports(rank).enumerate().map(|(index, port)| {
            let interface = match port {
                Port::Link { link, .. } => self.interface((rank, port), link, seed),
                Port::Medium { medium, station } => self.station_interface((rank, port), medium, station, seed),
            };
            Interface { gateway: self.gateway(rank, index as u32), ..interface }
        });
        let (nat, nat_v6) = self.nat_parts(rank);
        NodeParts {
            interfaces: interfaces.collect(),
            channels: self.channel_ends(rank, seed),
            routes: self.routes(rank),
            nat,
            nat_v6,
            forwards: self.graph.node(rank).forwards,
            ip: self.topology.nodes[self.graph.node(rank).listed].ip.unwrap_or_default(),
            groups: self.group_routes[rank].clone(),
            clock: self.clock(rank, seed),
            cpu: device.map_or_else(Cpu::default, |device| Cpu::new(Arc::clone(&device.costs))),
            memory: Memory::new(device.and_then(|device| device.memory)),
            energy: self.energy_parts(rank),
            crashes: self.agenda.crashes(rank) || self.fallible_nodes.contains(&rank),
        }
    }

    /// The NAT or firewall of a node: what IPv4 packets meet, and what IPv6 packets meet.
    fn nat_parts(&self, rank: usize) -> (Option<NatParts>, Option<NatParts>) {
        let spec = &self.topology.nodes[self.graph.node(rank).listed];
        let Some(outside) = self.outsides.get(&rank).copied() else { return (None, None) };
        let parts = |policy, pool: &Option<Vec<Ipv4Addr>>| {
            let pool = pool.iter().flatten().copied().map(IpAddr::V4).collect();
            NatParts { policy, outside, pool }
        };
        let nat = spec.nat.as_deref().map(|nat| parts(nat.policy(), &nat.pool));
        let nat64 = spec.nat64.as_deref().map(|nat64| parts(nat64.policy(), &nat64.pool));
        let firewall = spec.firewall.as_deref().map(|firewall| parts(firewall.policy(), &None));
        let has = |family| self.layer(family).is_some_and(|layer| layer.has(rank));
        let v4 = nat.or_else(|| firewall.clone().filter(|_| has(AddressFamily::V4)));
        (v4, nat64.or_else(|| firewall.filter(|_| has(AddressFamily::V6))))
    }

    fn interface(&self, (rank, port): (usize, Port), link: usize, seed: RunSeed) -> Interface {
        let config = &self.topology.links[self.graph.link(link)];
        let is_first = self.graph.ends(link).0 == rank;
        let (forward, backward) = self.wires_of_link[link];
        let (outgoing, incoming) = if is_first { (forward, backward) } else { (backward, forward) };
        let direction = config.direction(is_first);
        let may_fail = self.fallible_links.contains(&link) || self.fallible_nodes.contains(&rank);
        let may_fail = may_fail || self.devices.may_run_dry(rank);
        let down = may_fail.then(|| LinkChange { up: Some(false), ..LinkChange::default() });
        let scheduled = self.agenda.changes(link, is_first).iter().map(|(_, change)| change.clone());
        let later: Vec<LinkChange> = scheduled.chain(down).collect();
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
            meter: self.meters.get(&outgoing).cloned(),
        };
        Interface {
            addresses: self.port_addresses(rank, port),
            mtu_bytes: config.mtu().as_bytes(),
            transmitter: Transmitter::new(&setup),
            incoming,
            gateway: None,
        }
    }

    fn wire_stream_name(&self, link: usize, is_forward: bool) -> String {
        let config = &self.topology.links[self.graph.link(link)];
        let (first, second) = self.graph.ends(link);
        wire_stream_name(config, (self.stream_name(first), self.stream_name(second)), is_forward)
    }

    fn wire_spec(&self, wire: &PlannedWire) -> WireSpec {
        if let Some(station) = wire.station {
            return match wire.is_control {
                true => self.device_wire_spec(wire, station),
                false => self.station_wire_spec(wire, station),
            };
        }
        if wire.is_channel {
            return self.channel_wire_spec(wire);
        }
        let (first, second) = self.graph.ends(wire.link);
        let (from, to) = if wire.is_forward { (first, second) } else { (second, first) };
        let port = self.graph.interface(to, wire.link);
        let direction = self.topology.links[self.graph.link(wire.link)].direction(wire.is_forward);
        let changes = self.agenda.changes(wire.link, wire.is_forward).iter().map(|(_, change)| change);
        let (min_delay, overtakes) = direction.of_wire(changes);
        WireSpec {
            path: wire.path.clone(),
            from: self.entity(from),
            to: self.entity(to),
            port: port.expect("a link is among its end's links") as u32,
            min_delay,
            overtakes,
        }
    }
}

/// Nodes and media in order of the paths of their entities.
fn entities_of(topology: &Topology, graph: &NetworkGraph) -> Vec<Planned> {
    let mut entities: Vec<Planned> = (0..graph.nodes()).map(Planned::Node).collect();
    if graph.media().count() > 0 {
        entities.extend((0..graph.media().count()).map(Planned::Medium));
        entities.sort_by_cached_key(|entity| match entity {
            Planned::Node(rank) => topology.nodes[graph.node(*rank).listed].name.clone(),
            Planned::Medium(rank) => format!("{MEDIUM}{}", topology.media[graph.media().lan(*rank).listed].name()),
        });
    }
    entities
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
