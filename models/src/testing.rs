//! Small networks for tests: named nodes and links, addresses and shortest routes by themselves.
//!
//! A [`Net`] is declared, then built into a [`World`], which runs and can be asked what happened. A
//! [`Probe`] is an application that does what a test tells it and writes down what it sees.

use crate::app::{App, Host, HostError, SocketId, Total};
use crate::device::{Clock, Cpu, DeviceConfig, Memory};
use crate::element::{Element, nodes};
use crate::link::{ImpairConfig, LinkChange, LinkConfig, Meter, Setup, Transmitter};
use crate::name::Files;
use crate::nat::Policy;
use crate::node::{
    Action, DropCause, Fate, GroupRoute, Hop, Interface, IpConfig, LinkEnd, NatParts, Node, NodeParts, Report, Route,
    audit,
};
use crate::packet::Packet;
use crate::queue::QueueConfig;
use crate::rope::Rope;
use protosim_core::kernel::{Interests, Limits, Reported, RunError};
use protosim_core::{
    Builder, CannotClone, Cx, EntityId, LocalTime, Operation, RunSeed, SimTime, Simulation, Sinks, Span, TimerId,
    Until, WireId, WireSpec,
};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

/// The instant `nanos` after the start.
pub(crate) const fn at(nanos: u64) -> SimTime {
    SimTime::from_nanos(nanos)
}

/// A link configuration, as a user writes its quantities; an empty rate is none.
pub(crate) fn link(rate: &str, delay: &str) -> LinkConfig {
    let rate = (!rate.is_empty()).then(|| rate.parse().unwrap());
    LinkConfig { rate, delay: Some(delay.parse().unwrap()), ..LinkConfig::between("a", "b") }
}

/// A drop-tail queue with this limit, as a user writes it.
pub(crate) fn drop_tail(limit: &str) -> Option<QueueConfig> {
    Some(QueueConfig::DropTail(limit.parse().unwrap()))
}

/// A host of other making, at the end of one link.
pub(crate) trait Guest: std::fmt::Debug + Send {
    fn on_start(&mut self, cx: &mut Cx<'_, Element>);
    fn on_arrival(&mut self, packet: Box<Packet>, cx: &mut Cx<'_, Element>);
    fn on_timer(&mut self, timer: TimerId, cx: &mut Cx<'_, Element>);
}

/// Makes a guest that sends through this interface.
struct MakeGuest(Box<dyn FnOnce(Interface) -> Box<dyn Guest>>);

impl std::fmt::Debug for MakeGuest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MakeGuest")
    }
}

/// A network in the making. Nodes and links are named by the order in which they were added.
#[derive(Debug)]
pub(crate) struct Net {
    seed: RunSeed,
    pub(crate) limits: Limits,
    /// Whether packets and observations are reported; they take memory.
    pub(crate) listens: bool,
    /// Whether links handle one packet after the other, where departures could be computed.
    pub(crate) manages: bool,
    /// The files that links name.
    pub(crate) files: Arc<Files>,
    /// What is measured of all directions of all links.
    pub(crate) meter: Option<Meter>,
    powers: Vec<(SimTime, usize, bool)>,
    readdressed: Vec<(SimTime, usize, usize, IpAddr)>,
    nodes: Vec<NodeSpec>,
    links: Vec<LinkSpec>,
    changes: Vec<(SimTime, usize, bool, LinkChange)>,
}

#[derive(Debug)]
struct NodeSpec {
    name: String,
    forwards: bool,
    ip: IpConfig,
    /// Its NAT or firewall, and the link that leads outside.
    nat: Option<(Policy, usize, Vec<IpAddr>)>,
    groups: Vec<GroupRoute>,
    device: DeviceConfig,
    clock_offset: Span,
    apps: Vec<(String, Box<dyn App>)>,
    extra_routes: Vec<(IpAddr, u8, usize)>,
    injected: Vec<Packet>,
    /// In place of a node of ours.
    guest: Option<MakeGuest>,
}

#[derive(Debug)]
struct LinkSpec {
    name: String,
    ends: [usize; 2],
    config: LinkConfig,
}

impl Net {
    pub(crate) fn new(seed: u64) -> Self {
        let seed = RunSeed { seed, replication: 0 };
        let (nodes, links, changes) = (Vec::new(), Vec::new(), Vec::new());
        let (files, powers, readdressed) = (Arc::default(), Vec::new(), Vec::new());
        let limits = Limits::default();
        let (listens, manages, meter) = (true, false, None);
        Self { seed, limits, listens, manages, files, meter, powers, readdressed, nodes, links, changes }
    }

    /// Nodes n000, n001, ... in a row, the outer two hosts and those between routers; link i, named l000,
    /// l001, ..., leads from node i to node i + 1.
    pub(crate) fn chain(configs: &[LinkConfig]) -> Self {
        let mut net = Self::new(1);
        for index in 0..=configs.len() {
            net.node(&format!("n{index:03}"), index != 0 && index != configs.len());
        }
        for (index, config) in configs.iter().enumerate() {
            net.link(&format!("l{index:03}"), index, index + 1, config.clone());
        }
        net
    }

    pub(crate) fn node(&mut self, name: &str, forwards: bool) -> usize {
        let (device, name) = (DeviceConfig::default(), name.to_owned());
        let (apps, extra_routes, injected) = (Vec::new(), Vec::new(), Vec::new());
        let (ip, groups, clock_offset) = (IpConfig::default(), Vec::new(), Span::ZERO);
        let guest = None;
        self.nodes.push(NodeSpec {
            name,
            forwards,
            ip,
            nat: None,
            groups,
            device,
            clock_offset,
            apps,
            extra_routes,
            injected,
            guest,
        });
        self.nodes.len() - 1
    }

    /// Puts a host of other making in place of a node with one link.
    pub(crate) fn guest(&mut self, node: usize, make: impl FnOnce(Interface) -> Box<dyn Guest> + 'static) {
        self.nodes[node].guest = Some(MakeGuest(Box::new(make)));
    }

    pub(crate) fn link(&mut self, name: &str, first: usize, second: usize, config: LinkConfig) -> usize {
        assert_eq!(config.check(), [], "a link that the scenario reader would refuse");
        self.links.push(LinkSpec { name: name.to_owned(), ends: [first, second], config });
        self.links.len() - 1
    }

    /// What a node's clock reads at the start.
    pub(crate) fn clock_offset(&mut self, node: usize, offset: Span) {
        self.nodes[node].clock_offset = offset;
    }

    pub(crate) fn device(&mut self, node: usize) -> &mut DeviceConfig {
        &mut self.nodes[node].device
    }

    /// What a node's IP layer does.
    pub(crate) fn ip(&mut self, node: usize) -> &mut IpConfig {
        &mut self.nodes[node].ip
    }

    /// Makes a node a NAT or a firewall, with `outside` as the link that leads outside.
    pub(crate) fn nat(&mut self, node: usize, policy: Policy, outside: usize, pool: &[IpAddr]) {
        self.nodes[node].nat = Some((policy, outside, pool.to_vec()));
    }

    /// Gives a node a part in the tree of the source with the sockets' address of `source`: its packets for `group` come over
    /// link `from` and go on over the links `to`.
    pub(crate) fn group(
        &mut self,
        node: usize,
        group: &str,
        source: usize,
        from: Option<usize>,
        to: &[usize],
        is_member: bool,
    ) {
        let own = self.links_of(node);
        let interface = |link: &usize| own.iter().position(|other| other == link).unwrap() as u32;
        let group: IpAddr = group.parse().unwrap();
        let source = if group.is_ipv4() { self.address(source) } else { self.address_v6(source) };
        let (from, to) = (from.as_ref().map(interface), to.iter().map(interface).collect());
        self.nodes[node].groups.push(GroupRoute { group, source, from, to, is_member });
    }

    pub(crate) fn app(&mut self, node: usize, name: &str, app: impl App + 'static) {
        self.nodes[node].apps.push((name.to_owned(), Box::new(app)));
    }

    /// Sends `prefix` from `node` over `link`, whatever the shortest way is.
    pub(crate) fn route(&mut self, node: usize, prefix: &str, len: u8, link: usize) {
        self.nodes[node].extra_routes.push((prefix.parse().unwrap(), len, link));
    }

    /// Lets `node` send `packet` at the start, before anything else. It needs an application that sends.
    pub(crate) fn inject(&mut self, node: usize, packet: Packet) {
        self.nodes[node].injected.push(packet);
    }

    /// Changes one direction of a link while the world runs.
    pub(crate) fn change(&mut self, at: SimTime, link: usize, is_forward: bool, change: LinkChange) {
        self.changes.push((at, link, is_forward, change));
    }

    /// Lets a node crash (false) or start anew (true) while the world runs. Its links go with it.
    pub(crate) fn power(&mut self, at: SimTime, node: usize, up: bool) {
        for link in 0..self.links.len() {
            if let Some(end) = self.links[link].ends.iter().position(|other| *other == node) {
                self.change(at, link, end == 0, LinkChange { up: Some(up), ..LinkChange::default() });
            }
        }
        self.powers.push((at, node, up));
    }

    /// Gives a node another address on one of its links while the world runs. Nobody else has a route to it.
    pub(crate) fn readdress(&mut self, at: SimTime, node: usize, link: usize, address: &str) {
        self.readdressed.push((at, node, link, address.parse().unwrap()));
    }

    /// The IPv4 address of one end of a link.
    pub(crate) fn end(&self, link: usize, is_first: bool) -> IpAddr {
        address(link, is_first)
    }

    /// The address from which a node's sockets send: that of its first link in order of names.
    pub(crate) fn address(&self, node: usize) -> IpAddr {
        let mut own: Vec<&LinkSpec> = self.links.iter().filter(|link| link.ends.contains(&node)).collect();
        own.sort_by(|a, b| a.name.cmp(&b.name));
        let index = self.links.iter().position(|link| link.name == own[0].name).unwrap();
        address(index, self.links[index].ends[0] == node)
    }

    /// As [`Net::address`], IPv6.
    pub(crate) fn address_v6(&self, node: usize) -> IpAddr {
        to_v6(self.address(node))
    }

    /// [`Net::address`] with a port.
    pub(crate) fn socket(&self, node: usize, port: u16) -> SocketAddr {
        SocketAddr::new(self.address(node), port)
    }

    /// The wire of one direction: wires are ranked by name, and so by link, forward first.
    fn wire(&self, link: usize, is_forward: bool) -> WireId {
        let rank = self.links.iter().filter(|other| other.name < self.links[link].name).count() as u32;
        WireId(2 * rank + u32::from(!is_forward))
    }

    /// A node's links, in order of their names.
    fn links_of(&self, node: usize) -> Vec<usize> {
        let mut own: Vec<usize> = (0..self.links.len()).filter(|link| self.links[*link].ends.contains(&node)).collect();
        own.sort_by(|a, b| self.links[*a].name.cmp(&self.links[*b].name));
        own
    }

    pub(crate) fn build(mut self, threads: usize) -> World {
        let mut builder = Builder::new(self.seed);
        builder.limits(self.limits);
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        order.sort_by(|a, b| self.nodes[*a].name.cmp(&self.nodes[*b].name));
        let mut ids = vec![EntityId(0); order.len()];
        for index in order {
            let element = match self.nodes[index].guest.take() {
                Some(MakeGuest(make)) => Element::Guest(make(self.make_interface(index, self.links_of(index)[0]))),
                None => Element::Node(self.make_node(index)),
            };
            let name = &self.nodes[index].name;
            ids[index] = builder.entity(name, name, element).unwrap();
        }
        let mut ranked: Vec<usize> = (0..self.links.len()).collect();
        ranked.sort_by(|a, b| self.links[*a].name.cmp(&self.links[*b].name));
        for link in ranked {
            for is_forward in [true, false] {
                let spec = &self.links[link];
                let (from, to) = spec.direction(is_forward);
                let port = self.links_of(to).iter().position(|other| *other == link).unwrap() as u32;
                let path = format!("{}/{}", spec.name, if is_forward { "a" } else { "b" });
                let min_delay = self.delays(link, is_forward).min().unwrap();
                let wire = builder.wire(WireSpec {
                    path: path.into(),
                    from: ids[from],
                    to: ids[to],
                    port,
                    min_delay,
                    overtakes: self.overtakes(link, is_forward),
                });
                assert_eq!(wire, Ok(self.wire(link, is_forward)));
            }
        }
        for (at, link, is_forward, change) in &self.changes {
            let (from, _) = self.links[*link].direction(*is_forward);
            let interface = self.links_of(from).iter().position(|other| other == link).unwrap() as u32;
            builder.act(*at, ids[from], Action::ChangeLink { interface, change: Box::new(change.clone()) });
        }
        for (at, node, link, address) in &self.readdressed {
            let interface = self.links_of(*node).iter().position(|other| other == link).unwrap() as u32;
            builder.act(*at, ids[*node], Action::Readdress { interface, address: *address });
        }
        for (at, node, up) in &self.powers {
            builder.act(*at, ids[*node], Action::Power(*up));
        }
        let wires = (0..self.links.len()).map(|link| [true, false].map(|forward| self.wire(link, forward))).collect();
        let sim = builder.build(threads).unwrap();
        let interests = if self.listens { Interests::RESULTS.and(Interests::PACKETS) } else { Interests::NONE };
        World { sim, sinks: Sinks::new(interests), wires, ids }
    }

    /// All delays that one direction has over the run.
    fn delays(&self, link: usize, is_forward: bool) -> impl Iterator<Item = Span> {
        let changed = move |(_, other, forward, change): &(SimTime, usize, bool, LinkChange)| {
            change.delay.filter(|_| *other == link && *forward == is_forward)
        };
        let delay = self.links[link].config.direction(is_forward).delay.unwrap_or_default();
        let first =
            if self.impairments(link, is_forward).any(|impair| impair.skips_delay()) { Span::ZERO } else { delay };
        std::iter::once(first).chain(self.changes.iter().filter_map(changed))
    }

    /// All impairments that one direction has over the run.
    fn impairments(&self, link: usize, is_forward: bool) -> impl Iterator<Item = ImpairConfig> {
        let changed = move |(_, other, forward, change): &(SimTime, usize, bool, LinkChange)| {
            change.impair.clone().filter(|_| *other == link && *forward == is_forward)
        };
        let first = self.links[link].config.direction(is_forward).impair;
        first.into_iter().chain(self.changes.iter().filter_map(changed))
    }

    fn overtakes(&self, link: usize, is_forward: bool) -> bool {
        self.impairments(link, is_forward).any(|impair| impair.overtakes())
    }

    fn make_node(&mut self, index: usize) -> Node {
        let links = self.links_of(index);
        let interfaces = links.iter().map(|link| self.make_interface(index, *link)).collect();
        let routes = self.routes(index, &links);
        let crashes = self.powers.iter().any(|(_, node, _)| *node == index);
        let spec = &mut self.nodes[index];
        let clock = Clock::new(spec.clock_offset, spec.device.clock_drift.unwrap_or_default());
        let (cpu, memory) = (Cpu::new(spec.device.cpu.clone()), Memory::new(spec.device.memory));
        let (forwards, ip, groups) = (spec.forwards, spec.ip, std::mem::take(&mut spec.groups));
        let nat = spec.nat.take().map(|(policy, outside, pool)| {
            let outside = links.iter().position(|link| *link == outside).unwrap() as u32;
            NatParts { policy, outside, pool }
        });
        let mut node =
            Node::new(NodeParts { interfaces, routes, forwards, ip, nat, groups, clock, cpu, memory, crashes });
        for (name, app) in std::mem::take(&mut spec.apps) {
            node.install(&name, app);
        }
        for packet in std::mem::take(&mut spec.injected) {
            node.inject(packet);
        }
        node
    }

    fn make_interface(&self, node: usize, link: usize) -> Interface {
        let LinkSpec { name, ends, config } = &self.links[link];
        let is_first = ends[0] == node;
        let direction = config.direction(is_first);
        let changed = self.changes.iter().filter(|(_, other, forward, _)| (*other, *forward) == (link, is_first));
        let later: Vec<LinkChange> = changed.map(|(.., change)| change.clone()).collect();
        let stream_name = format!("{name}/{}", if is_first { "a" } else { "b" });
        let own = address(link, is_first);
        let setup = Setup {
            wire: self.wire(link, is_first),
            direction: &direction,
            framing: config.framing.unwrap_or_default(),
            mtu: config.mtu(),
            seed: self.seed,
            stream_name: &stream_name,
            later: &later,
            files: &self.files,
            meter: self.meter.clone(),
        };
        let has_gateway = !self.nodes[node].forwards && self.nodes[ends[usize::from(is_first)]].forwards;
        let gateway = has_gateway.then_some(0);
        let transmitter = if self.manages { Transmitter::managed(&setup) } else { Transmitter::new(&setup) };
        Interface {
            addresses: vec![own, to_v6(own)],
            mtu_bytes: config.mtu().as_bytes(),
            transmitter,
            incoming: self.wire(link, !is_first),
            gateway,
        }
    }

    /// Routes to every address by the fewest hops; of equals, over the links that were added first.
    fn routes(&self, from: usize, own: &[usize]) -> Vec<Route> {
        let mut first_link = vec![None; self.nodes.len()];
        let mut queue = VecDeque::from([(from, None)]);
        let mut seen = vec![false; self.nodes.len()];
        seen[from] = true;
        while let Some((node, via)) = queue.pop_front() {
            first_link[node] = via;
            for (index, link) in self.links.iter().enumerate().filter(|(_, link)| link.ends.contains(&node)) {
                let next = link.ends[usize::from(link.ends[0] == node)];
                if !std::mem::replace(&mut seen[next], true) {
                    queue.push_back((next, Some(via.unwrap_or(index))));
                }
            }
        }
        let interface = |link: usize| Hop::Interface(own.iter().position(|other| *other == link).unwrap() as u32);
        let mut routes = Vec::new();
        for (link, spec) in self.links.iter().enumerate() {
            for (is_first, node) in [(true, spec.ends[0]), (false, spec.ends[1])] {
                if let (Some(via), true) = (first_link[node], node != from) {
                    let prefix = address(link, is_first);
                    routes.push(Route { prefix, len: 32, hop: interface(via) });
                    routes.push(Route { prefix: to_v6(prefix), len: 128, hop: interface(via) });
                }
            }
        }
        let extra = self.nodes[from].extra_routes.iter();
        routes.extend(extra.map(|(prefix, len, link)| Route { prefix: *prefix, len: *len, hop: interface(*link) }));
        routes
    }
}

impl LinkSpec {
    /// Sender and receiver of one direction.
    fn direction(&self, is_forward: bool) -> (usize, usize) {
        let [first, second] = self.ends;
        if is_forward { (first, second) } else { (second, first) }
    }
}

/// 10.x.y.1 and 10.x.y.2 for the ends of link 256 x + y.
fn address(link: usize, is_first: bool) -> IpAddr {
    let [.., high, low] = (link as u32).to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(10, high, low, if is_first { 1 } else { 2 }))
}

/// The IPv6 address beside an IPv4 address of ours: 2001:db8:: with its four bytes at the end.
pub(crate) fn to_v6(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets().map(u16::from);
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, a << 8 | b, c << 8 | d))
        }
        v6 => v6,
    }
}

/// A packet at one end of a link, as it was reported.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Seen {
    pub(crate) at: SimTime,
    pub(crate) packet: Packet,
    pub(crate) fate: Fate,
}

/// A network that runs.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) sim: Simulation<Element>,
    sinks: Sinks<Report>,
    /// By link in order of addition: forward, backward.
    wires: Vec<[WireId; 2]>,
    ids: Vec<EntityId>,
}

impl World {
    /// Listens to `interests` from now on.
    pub(crate) fn listen(&mut self, interests: Interests) {
        self.sinks = Sinks::new(interests);
    }

    /// Runs, and checks that all packets are accounted for.
    pub(crate) fn try_run(&mut self, until: Until) -> Result<(), RunError> {
        self.sim.run(until, &mut self.sinks)?;
        // Guests do not say what has become of packets.
        if self.sim.entities().all(|(_, element)| !matches!(element, Element::Guest(_))) {
            let balance = audit(&self.sim);
            assert!(balance.holds(), "packets are not conserved: {balance:?}");
        }
        Ok(())
    }

    pub(crate) fn run(&mut self, until: Until) {
        self.try_run(until).unwrap();
    }

    /// Runs until nothing happens any more; no packet is on its way then.
    pub(crate) fn run_until_quiet(&mut self) {
        self.run(Until::Quiet);
        assert_eq!(audit(&self.sim).in_flight, 0);
    }

    /// A copy that can be run on by itself.
    pub(crate) fn try_clone(&self) -> Result<Self, CannotClone> {
        let sinks = Sinks::new(self.sinks.interests);
        Ok(Self { sim: self.sim.try_clone()?, sinks, wires: self.wires.clone(), ids: self.ids.clone() })
    }

    pub(crate) fn node(&self, index: usize) -> &Node {
        self.sim.entities().nth(self.ids[index].0 as usize).unwrap().1.node().unwrap()
    }

    /// A total of an application.
    pub(crate) fn total(&self, node: usize, app: &str, name: &str) -> u64 {
        let (_, totals) = self.node(node).app_totals().find(|(own, _)| *own == app).unwrap();
        totals.into_iter().find(|total| total.name == name).unwrap().value
    }

    /// Packets dropped for `cause` anywhere.
    pub(crate) fn dropped(&self, cause: DropCause) -> u64 {
        nodes(&self.sim).map(|(_, node)| node.dropped(cause)).sum()
    }

    /// Takes everything that was reported since the last call.
    pub(crate) fn take_reports(&mut self) -> Vec<Reported<Report>> {
        let fresh = Sinks::new(self.sinks.interests);
        std::mem::replace(&mut self.sinks, fresh).into_merged()
    }

    /// All that was seen at one end of one direction of a link, in order of time.
    pub(crate) fn seen(reports: &[Reported<Report>], wire: WireId, end: LinkEnd) -> Vec<Seen> {
        let here = reports.iter().filter_map(|reported| match &reported.report {
            Report::Packet(packet) if (packet.wire, packet.end) == (wire, end) => {
                Some(Seen { at: reported.at, packet: packet.packet.clone(), fate: packet.fate })
            }
            _ => None,
        });
        here.collect()
    }

    pub(crate) fn wire(&self, link: usize, is_forward: bool) -> WireId {
        self.wires[link][usize::from(!is_forward)]
    }

    /// Takes the reports and gives the arrivals on one direction of a link, in nanoseconds.
    pub(crate) fn take_arrivals(&mut self, link: usize, is_forward: bool) -> Vec<u64> {
        let wire = self.wire(link, is_forward);
        let reports = self.take_reports();
        Self::seen(&reports, wire, LinkEnd::Receiver).iter().map(|seen| seen.at.as_nanos()).collect()
    }
}

/// What a probe is told to do.
#[derive(Clone, Debug)]
pub(crate) enum Do {
    /// Sends a datagram.
    Send(SocketAddr, Rope),
    /// Sends an echo request.
    Echo(IpAddr, u16, Rope),
    /// Occupies the processor.
    Spend(Operation),
    /// Takes memory.
    Reserve(u64),
    /// Sets timers to readings of the clock, in order.
    Timers(Vec<(u64, LocalTime)>),
    /// Takes a timer back.
    Cancel(u64),
    /// Closes its socket.
    Close,
    /// Opens another socket, at an address or at all, in place of the one that it has.
    Open(Option<IpAddr>, u16),
    /// Says which addresses its host has.
    Addresses,
}

/// What a probe has seen.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Event {
    Datagram(SocketAddr, Rope),
    Timer(u64),
    Unreachable(SocketAddr),
    EchoReply(IpAddr, u16, Rope),
    Addresses(Vec<IpAddr>),
    Flush,
    /// The host has refused something.
    Refused(String),
}

/// What a probe has seen, with the readings of its clock in nanoseconds.
pub(crate) type Log = Arc<Mutex<Vec<(u64, Event)>>>;

/// An application that follows a script.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    port: u16,
    /// What it binds to, if not to all addresses.
    address: Option<IpAddr>,
    script: Vec<(u64, Do)>,
    /// Processor time that each datagram costs before it is answered.
    serves: Option<Operation>,
    log: Log,
    socket: Option<SocketId>,
}

/// Above all tokens of scripts.
const SCRIPT: u64 = 1 << 32;

impl Probe {
    /// Binds `port` and writes down what it sees.
    pub(crate) fn new(port: u16) -> Self {
        Self { port, ..Self::default() }
    }

    /// As [`Probe::new`], at one address of its host.
    pub(crate) fn at(local: SocketAddr) -> Self {
        Self { port: local.port(), address: Some(local.ip()), ..Self::default() }
    }

    /// Does something when its clock reads `nanos`, those of one reading in the order given.
    pub(crate) fn then(mut self, nanos: u64, what: Do) -> Self {
        self.script.push((nanos, what));
        self
    }

    /// Sends datagrams of `len` bytes, all at once.
    pub(crate) fn burst(mut self, nanos: u64, to: SocketAddr, len: u64, count: u64) -> Self {
        let send = |index| (nanos, Do::Send(to, Rope::fill(0, index * len, len)));
        self.script.extend((0..count).map(send));
        self
    }

    /// Answers every datagram with its own payload, after `operation`.
    pub(crate) fn serving(mut self, operation: Operation) -> Self {
        self.serves = Some(operation);
        self
    }

    /// What it sees, to be read after the run.
    pub(crate) fn log(&self) -> Log {
        self.log.clone()
    }

    fn note(&self, event: Event, host: &mut dyn Host) {
        self.log.lock().unwrap().push((host.now().as_nanos(), event));
    }

    fn act(&mut self, what: Do, host: &mut dyn Host) {
        let socket = self.socket.unwrap();
        let refused = match what {
            Do::Send(to, payload) => host.udp_send(socket, to, payload).err().map(|e| e.to_string()),
            Do::Echo(to, sequence, payload) => host.echo_request(to, sequence, payload).err().map(|e| e.to_string()),
            Do::Reserve(bytes) => host.reserve(bytes).err().map(|e| e.to_string()),
            Do::Spend(operation) => {
                host.spend(operation);
                None
            }
            Do::Timers(timers) => {
                timers.into_iter().for_each(|(token, at)| host.set_timer(token, at, "probe"));
                None
            }
            Do::Cancel(token) => {
                host.cancel_timer(token);
                None
            }
            Do::Close => host.udp_close(socket).err().map(|e| e.to_string()),
            Do::Open(address, port) => match open(host, address, port) {
                Ok(socket) => {
                    self.socket = Some(socket);
                    None
                }
                Err(error) => Some(error.to_string()),
            },
            Do::Addresses => {
                self.note(Event::Addresses(host.addresses()), host);
                None
            }
        };
        if let Some(reason) = refused {
            self.note(Event::Refused(reason), host);
        }
    }
}

fn open(host: &mut dyn Host, address: Option<IpAddr>, port: u16) -> Result<SocketId, HostError> {
    match address {
        None => host.udp_bind(port),
        Some(address) => host.udp_bind_to(address, port),
    }
}

/// Everything in a log but flushes.
pub(crate) fn events(log: &Log) -> Vec<(u64, Event)> {
    log.lock().unwrap().iter().filter(|(_, event)| *event != Event::Flush).cloned().collect()
}

impl App for Probe {
    fn on_start(&mut self, host: &mut dyn Host) {
        host.ask_flush();
        self.socket = Some(open(host, self.address, self.port).unwrap());
        let mut times: Vec<u64> = self.script.iter().map(|(nanos, _)| *nanos).collect();
        times.sort_unstable();
        times.dedup();
        for nanos in times {
            if nanos <= host.now().as_nanos() {
                self.on_timer(SCRIPT + nanos, host);
            } else {
                host.set_timer(SCRIPT + nanos, LocalTime::from_nanos(nanos), "script");
            }
        }
    }

    fn on_datagram(&mut self, socket: SocketId, from: SocketAddr, payload: Rope, host: &mut dyn Host) {
        host.ask_flush();
        self.note(Event::Datagram(from, payload.clone()), host);
        if let Some(operation) = self.serves {
            host.spend(operation);
            host.udp_send(socket, from, payload).unwrap();
        }
    }

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        host.ask_flush();
        if token < SCRIPT {
            return self.note(Event::Timer(token), host);
        }
        let due = self.script.iter().filter(|(nanos, _)| SCRIPT + nanos == token).map(|(_, what)| what.clone());
        for what in due.collect::<Vec<_>>() {
            self.act(what, host);
        }
    }

    fn on_unreachable(&mut self, _: SocketId, to: SocketAddr, host: &mut dyn Host) {
        host.ask_flush();
        self.note(Event::Unreachable(to), host);
    }

    fn on_echo_reply(&mut self, from: IpAddr, sequence: u16, payload: Rope, host: &mut dyn Host) {
        host.ask_flush();
        self.note(Event::EchoReply(from, sequence, payload), host);
    }

    fn on_flush(&mut self, host: &mut dyn Host) {
        self.note(Event::Flush, host);
    }

    fn totals(&self) -> Vec<Total> {
        let datagrams = events(&self.log).iter().filter(|(_, event)| matches!(event, Event::Datagram(..))).count();
        vec![Total { name: "datagrams", value: datagrams as u64 }]
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        let log = Arc::new(Mutex::new(self.log.lock().unwrap().clone()));
        Ok(Box::new(Self { script: self.script.clone(), log, ..*self }))
    }
}
