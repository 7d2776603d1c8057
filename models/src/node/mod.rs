//! Nodes: hosts and routers. Interfaces, an IP layer, UDP, ICMP, and applications.
//!
//! One type serves both: a router is a node that forwards. The layers, from the wire up:
//! - [`Interface`]: the sending half of a link, or of the way to a shared medium, and its address.
//! - `ip`: own address or not, forwarding with time to live and MTU, ICMP errors and their limit.
//! - `fragment`, `reassembly`: packets larger than an MTU, cut and put together again; `path_mtu`: what hosts know of MTUs on the
//!   way; `multicast`: packets for groups.
//! - `nat`, `nats`, `nat64`: translation of addresses, ports and versions of IP, and filters ([`crate::nat`]).
//! - `udp`: ports and who listens on them; `tcp`: connections, see [`crate::tcp`].
//! - `channel`: ends of channels, which lead past all this ([`crate::channel`]).
//! - `host`: what an application sees of the node ([`crate::app::Host`]); processor, clock and memory of
//!   the device act here.
//! - `energy`: what is metered of the device ([`crate::energy`]), and its battery.
//!
//! Sockets send from the node's primary address, that of its first interface in order of the names of links and media whose link is up,
//! whatever interface a packet leaves by (a weak host model, RFC 1122 §3.3.4.2): answers then always
//! come back to where the question was sent.
//!
//! A socket of UDP may be bound to one of the node's addresses instead ([`crate::app::Host::udp_bind_to`]). What it sends leaves by the
//! interface that has the address: where the usual route does so, by that route, and else by way of the router behind that interface
//! ([`Interface::gateway`]), as on Linux with a rule per address and a default route per interface. Only a host that does not forward has
//! such gateways, one an interface; where there is none, and on routers, the usual route is taken. The router is chosen once: whether
//! it still reaches the destination when links go down is not looked at, and the packet is lost beyond it if not. When its interface's
//! link goes down or has another address, the socket takes nothing and cannot send. A NAT that translates does not send from its
//! inner addresses outwards. Connections of TCP go by the usual route, whichever address they are at.
//!
//! Fragments and path MTUs go as on Linux with its defaults ([`IpConfig`] turns them off). What fits the path MTU as known is sent
//! with "don't fragment" and lost where a link takes less; the ICMP error about it lowers what is known. Anything larger is cut at its
//! source, over IPv4 without "don't fragment", so that routers may cut it further and nobody learns from it. IPv6 packets are
//! cut at their source only. Fragments are counted as packets: one that is cut into n makes n − 1 more
//! ([`PacketCounts::fragments_made`]), n that become one n − 1 fewer, those that wait at their destination are in flight.
//! ICMP errors may always be fragmented over IPv4.
//!
//! Not modelled: neighbour discovery; joining and leaving groups during a run; the least MTU of IPv6 (a link with less than 1280
//! bytes fragments for its own end, and swallows what comes from further away, since RFC 8201 §4 has hosts disregard errors that ask
//! for less); an ICMP parameter problem about malformed fragments.

mod channel;
mod config;
mod counts;
mod energy;
mod fragment;
mod host;
mod interface;
mod ip;
mod lazy;
mod limit;
mod multicast;
mod nat;
mod nat64;
mod nats;
mod path_mtu;
mod power;
mod reassembly;
mod report;
mod routes;
mod tcp;
mod timers;
mod udp;

#[cfg(test)]
mod tests;

pub use channel::{CHANNEL_PORT, ChannelCounts, ChannelEnd, MessageBalance, audit_messages};
pub use config::IpConfig;
pub use counts::{Conservation, DropCause, PacketCounts, audit};
pub use energy::{CONTROL_PORT, EnergyParts};
pub use interface::Interface;
pub use multicast::GroupRoute;
pub use nat::NatParts;
pub use report::{Fate, FrameKind, FrameReport, LinkEnd, PacketReport, Report};
pub use routes::{Hop, Route, Routes};

use crate::app::{App, Total};
use crate::device::{Clock, Cpu, Memory};
use crate::element::Element;
use crate::link::{Drops, LinkChange};
use crate::packet::Packet;
use channel::Channels;
use energy::NodeEnergy;
use host::{AppSlot, Pending};
use ip::IpState;
use lazy::LazyTcp;
use nats::Nats;
use protosim_core::kernel::{InFlight, Interests};
use protosim_core::{CannotClone, Cx, Digest, Fingerprint, SimTime, TimerId, WireId};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use timers::AppTimers;
use udp::UdpPorts;

/// A host or a router.
#[derive(Debug)]
pub struct Node {
    interfaces: Box<[Interface]>,
    channels: Channels,
    routes: Routes,
    /// The routes without the node's own addresses.
    given_routes: Arc<[Route]>,
    /// True for routers: packets for others are passed on.
    forwards: bool,
    /// Its NATs and its firewalls.
    nat: Option<Box<Nats>>,
    ip: IpState,
    counts: PacketCounts,
    /// Packets of this node for itself, to be delivered in this same instant.
    to_self: VecDeque<Box<Packet>>,
    apps: Vec<AppSlot>,
    /// An application is owed a flush in this instant.
    touched: bool,
    /// Something has been done that may leave work for this instant: a packet for the node itself, a timer that is due at once, an
    /// application that wants a flush, a call of the stack of TCP.
    stirred: bool,
    /// Timers that applications have set to the present or the past: application and token.
    due: VecDeque<(u32, u64)>,
    udp: UdpPorts,
    tcp: LazyTcp,
    timers: AppTimers,
    clock: Clock,
    cpu: Cpu,
    memory: Memory,
    /// What is metered of its device, which hardly any node has.
    energy: Option<Box<NodeEnergy>>,
    /// What waits until the processor has done the work before it.
    outbox: VecDeque<(SimTime, Pending)>,
    outbox_timer: Option<TimerId>,
    next_packet_id: u64,
    entrance: Entrance,
    /// True if the timeline lets it crash, so that applications must be able to start anew.
    crashes: bool,
    /// Which interface a timer is for, by number of the kernel's slot.
    link_timers: Vec<Option<u32>>,
    /// What links have just dropped; empty between calls.
    drops: Drops,
}

/// What becomes of what comes in: one look for each packet, since most nodes only deliver and pass on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Entrance {
    /// It is a packet, to be delivered or passed on.
    Open,
    /// There is a NAT or a firewall, or it may be a message of a channel, or a word of what meters the device.
    Guarded,
    /// The node has no power.
    Closed,
}

impl Entrance {
    /// That of a node with power.
    fn of(nat: Option<&Nats>, channels: &Channels, is_metered: bool) -> Self {
        if nat.is_some() || !channels.is_empty() || is_metered { Self::Guarded } else { Self::Open }
    }
}

/// What a node is made of.
#[derive(Debug)]
pub struct NodeParts {
    /// Its interfaces; the wire that leads to interface i is declared with port i.
    pub interfaces: Vec<Interface>,
    /// Its ends of channels, in order of the channels' names; the wire that leads to channel i is declared with port
    /// [`CHANNEL_PORT`] + i.
    pub channels: Vec<ChannelEnd>,
    /// Where packets go, without the node's own addresses, which are added.
    pub routes: Vec<Route>,
    /// True for a router.
    pub forwards: bool,
    /// Its IP layer.
    pub ip: IpConfig,
    /// What IPv4 packets meet: a NAT or a firewall.
    pub nat: Option<NatParts>,
    /// What IPv6 packets meet: a NAT64 or a firewall.
    pub nat_v6: Option<NatParts>,
    /// Its part in the trees of groups.
    pub groups: Vec<GroupRoute>,
    /// Its clock.
    pub clock: Clock,
    /// Its processor.
    pub cpu: Cpu,
    /// Its memory.
    pub memory: Memory,
    /// Where its device is metered; none if it is not.
    pub energy: Option<EnergyParts>,
    /// True if the timeline lets it crash ([`Action::Power`]).
    pub crashes: bool,
}

/// An act of the timeline on a node.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// Changes what the node sends through an interface.
    ChangeLink {
        /// Which interface.
        interface: u32,
        /// How.
        change: Box<LinkChange>,
    },
    /// Changes what the node sends over a channel.
    ChangeChannel {
        /// Which of its channels.
        channel: u32,
        /// How.
        change: Box<LinkChange>,
    },
    /// The node loses power, and everything that it knew with it (false), or starts anew (true).
    Power(bool),
    /// An interface has this address from now on, in place of the one of its family that it had.
    Readdress {
        /// Which interface.
        interface: u32,
        /// The new address.
        address: IpAddr,
    },
    /// Packets for others than this node go by these routes from now on.
    Reroute(Arc<[Route]>),
}

impl Fingerprint for Action {
    fn fingerprint(&self) -> u64 {
        match self {
            Self::ChangeLink { interface, change } => change.fingerprint().rotate_left(interface % 64),
            other => {
                let mut digest = Digest::START;
                digest.mix_bytes(format!("{other:?}").as_bytes());
                digest.value()
            }
        }
    }
}

impl Node {
    /// A node without applications.
    pub fn new(parts: NodeParts) -> Self {
        let routes: Arc<[Route]> = parts.routes.into();
        let nat = Nats::new(parts.nat, parts.nat_v6, &parts.interfaces);
        let channels = Channels::new(parts.channels);
        let entrance = Entrance::of(nat.as_deref(), &channels, parts.energy.is_some());
        Self {
            nat,
            routes: routes_with_own(&parts.interfaces, &routes),
            given_routes: routes,
            interfaces: parts.interfaces.into(),
            channels,
            forwards: parts.forwards,
            ip: IpState::new(&parts.ip, parts.groups),
            counts: PacketCounts::default(),
            to_self: VecDeque::new(),
            apps: Vec::new(),
            touched: false,
            stirred: false,
            due: VecDeque::new(),
            udp: UdpPorts::default(),
            tcp: LazyTcp::default(),
            timers: AppTimers::default(),
            clock: parts.clock,
            cpu: parts.cpu,
            memory: parts.memory,
            energy: parts.energy.map(|at| Box::new(NodeEnergy::new(at))),
            outbox: VecDeque::new(),
            outbox_timer: None,
            next_packet_id: 0,
            entrance,
            crashes: parts.crashes,
            link_timers: Vec::new(),
            drops: Drops::new(),
        }
    }

    /// Lets `app` run on this node under `name`, and returns its number.
    pub fn install(&mut self, name: &str, app: Box<dyn App>) -> u32 {
        // Most nodes have one, and a vector that grows by itself takes room for four.
        self.apps.reserve_exact(1);
        self.apps.push(AppSlot::new(name, app));
        self.apps.len() as u32 - 1
    }

    /// Whether what reaches an application is reported where someone listens to deliveries; it is, unless this says otherwise.
    pub fn measure_deliveries(&mut self, app: u32, is_measured: bool) {
        self.apps[app as usize].is_measured = is_measured;
    }

    /// The applications with their names, by number.
    pub fn apps(&self) -> impl Iterator<Item = (&str, &dyn App)> {
        self.apps.iter().filter_map(|slot| Some((&*slot.name, slot.app.as_deref()?)))
    }

    /// What each application has counted, by number: its name and its totals over all its lives, those of its connections behind
    /// its own.
    pub fn app_totals(&self) -> impl Iterator<Item = (&str, Vec<Total>)> {
        self.apps.iter().enumerate().map(|(number, slot)| {
            let of_tcp = self.tcp.stack.totals(number as u32).into_iter().flat_map(|all| all.named());
            let own = slot.totals().into_iter();
            (&*slot.name, own.chain(of_tcp.map(|(name, value)| Total { name, value })).collect())
        })
    }

    /// How many exchanges each application was due to begin, by number, over all its lives: its name and
    /// [`App::exchanges_due`].
    pub fn app_exchanges_due(&self) -> impl Iterator<Item = (&str, u64)> {
        self.apps.iter().map(|slot| (&*slot.name, slot.exchanges_due()))
    }

    /// What has become of packets here.
    pub fn counts(&self) -> &PacketCounts {
        &self.counts
    }

    /// The interfaces, by number.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// The processor, for its use.
    pub fn cpu(&self) -> &Cpu {
        &self.cpu
    }

    /// The memory, for its use.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The address that sockets send from, of the family of `peer`: that of the first interface whose link is up, or of the
    /// first one if none is.
    #[inline]
    fn primary_address(&self, peer: IpAddr) -> Option<IpAddr> {
        // Nearly always.
        if let (None, [first, ..]) = (&self.nat, &*self.interfaces)
            && let [address, ..] = *first.addresses
            && address.is_ipv4() == peer.is_ipv4()
            && first.transmitter.is_up()
        {
            return Some(address);
        }
        self.first_address(peer)
    }

    /// [`Node::primary_address`] whatever there is.
    #[inline(never)]
    fn first_address(&self, peer: IpAddr) -> Option<IpAddr> {
        let address_of = |interface: &Interface| {
            interface.addresses.iter().copied().find(|address| address.is_ipv4() == peer.is_ipv4())
        };
        if let Some(nats) = &self.nat
            && let Some(address) = nats.own_address(peer, &self.routes, &self.interfaces)
        {
            return Some(address);
        }
        let is_up = |interface: &&Interface| interface.transmitter.is_up();
        let mut of_links_up = self.interfaces.iter().filter(is_up).filter_map(address_of);
        of_links_up.next().or_else(|| self.interfaces.iter().find_map(address_of))
    }

    /// The addresses that sockets may be bound to: those of interfaces whose link is up, in order of interfaces. Not those of a NAT's
    /// pool, which are for the hosts behind it.
    fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let up = self.interfaces.iter().filter(|interface| interface.transmitter.is_up());
        up.flat_map(|interface| interface.addresses.iter().copied())
    }

    /// The interface that has this address, if its link is up.
    fn interface_with(&self, address: IpAddr) -> Option<u32> {
        let has = |interface: &Interface| interface.transmitter.is_up() && interface.addresses.contains(&address);
        self.interfaces.iter().position(has).map(|index| index as u32)
    }

    /// The interface by which a socket that is bound to an address sends to `to`; `None` if it cannot.
    // Beside the usual way of packets, which it must not make longer.
    #[inline(never)]
    fn interface_from(&self, address: IpAddr, to: IpAddr) -> Option<u32> {
        let interface = self.interface_with(address).filter(|_| address.is_ipv4() == to.is_ipv4());
        let may_send = |own: &u32| match &self.nat {
            Some(nats) => self.routes.find(to).interface().is_none_or(|leaving| nats.may_send_from(to, *own, leaving)),
            None => true,
        };
        interface.filter(may_send)
    }
}

/// What the kernel asks of a node ([`protosim_core::Entity`]), by way of [`Element`].
impl Node {
    pub(crate) fn on_start(&mut self, cx: &mut Cx<'_, Element>) {
        self.start_links(cx);
        self.start_energy(cx);
        self.tcp.observe(cx.wants(Interests::TRACES));
        for app in 0..self.apps.len() {
            self.with_app(app as u32, cx, |app, host| app.on_start(host));
        }
        self.come_to_rest(cx);
    }

    #[inline]
    pub(crate) fn on_arrival(&mut self, port: u32, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        if cx.wants(Interests::PACKETS) && port < CHANNEL_PORT {
            let copy = Packet::clone(&packet);
            let fate = self.receive(packet, port, cx).map_or(Fate::Passed, Fate::Dropped);
            let wire = self.interfaces[port as usize].incoming;
            cx.report_packet(Report::packet(wire, LinkEnd::Receiver, copy, fate));
        } else {
            self.receive(packet, port, cx);
        }
        self.come_to_rest(cx);
    }

    pub(crate) fn on_timer(&mut self, timer: TimerId, cx: &mut Cx<'_, Element>) {
        if Some(timer) == self.outbox_timer {
            self.empty_outbox(cx);
        } else if Some(timer) == self.ip.reassembly_timer {
            self.give_fragments_up(cx);
        } else if self.nat.as_ref().is_some_and(|nats| nats.has_timer(timer)) {
            self.refuse_held(cx);
        } else if let Some(interface) = self.link_timers.get(timer.0 as usize).copied().flatten() {
            self.with_link(interface, cx, |transmitter, drops, cx| transmitter.on_timer(drops, cx));
        } else if let Some(connection) = self.tcp.owner(timer) {
            self.on_tcp_timer(connection, cx);
        } else if let Some((app, token)) = self.timers.owner(timer) {
            self.with_app(app, cx, |app, host| app.on_timer(token, host));
            // Given back only now: most timers are set again at once.
            if self.timers.owner(timer) == Some((app, token)) && cx.deadline(timer).is_none() {
                self.timers.cancel(app, token);
                cx.remove_timer(timer);
            }
        } else {
            self.on_battery_timer(timer, cx);
        }
        self.come_to_rest(cx);
    }

    pub(crate) fn on_action(&mut self, action: &Action, cx: &mut Cx<'_, Element>) {
        match action {
            Action::ChangeLink { interface, change } => {
                self.with_link(*interface, cx, |transmitter, drops, cx| transmitter.change(change, drops, cx));
            }
            Action::ChangeChannel { channel, change } => self.change_channel(*channel, change, cx),
            // A node whose battery is empty has no power to lose or to get.
            Action::Power(_) if self.dead_since().is_some() => {}
            Action::Power(false) => self.crash(cx),
            Action::Power(true) => self.boot(cx),
            Action::Readdress { interface, address } => {
                self.interfaces[*interface as usize].readdress(*address);
                self.routes = routes_with_own(&self.interfaces, &self.given_routes);
                for nat in self.nat.iter_mut().flat_map(|nats| nats.all_mut()).filter(|_| address.is_ipv4()) {
                    nat.readdress(*interface, &self.interfaces);
                }
            }
            Action::Reroute(routes) => {
                self.given_routes = Arc::clone(routes);
                self.routes = routes_with_own(&self.interfaces, &self.given_routes);
            }
        }
        self.come_to_rest(cx);
    }

    pub(crate) fn on_flush(&mut self, cx: &mut Cx<'_, Element>) {
        // What one application decides may be input for another on the same node.
        loop {
            while let Some(app) = self.next_touched() {
                if !cx.step() {
                    return;
                }
                self.apps[app].touched = false;
                self.with_app(app as u32, cx, |app, host| app.on_flush(host));
                self.come_to_rest(cx);
            }
            if !self.tcp.stack.is_dirty() || !cx.step() {
                return;
            }
            self.flush_tcp(cx);
            self.come_to_rest(cx);
        }
    }

    /// The first application that is owed a flush.
    fn next_touched(&mut self) -> Option<usize> {
        if !self.touched {
            return None;
        }
        let next = self.apps.iter().position(|slot| slot.touched);
        self.touched = next.is_some();
        next
    }

    /// A copy for a snapshot.
    pub(crate) fn try_clone(&self) -> Result<Self, CannotClone> {
        Ok(Self {
            interfaces: self.interfaces.clone(),
            routes: self.routes.clone(),
            channels: self.channels.clone(),
            given_routes: Arc::clone(&self.given_routes),
            link_timers: self.link_timers.clone(),
            drops: Drops::new(),
            nat: self.nat.clone(),
            ip: self.ip.clone(),
            counts: self.counts.clone(),
            to_self: self.to_self.clone(),
            apps: self.apps.iter().map(AppSlot::try_clone).collect::<Result<_, _>>()?,
            due: self.due.clone(),
            udp: self.udp.clone(),
            tcp: self.tcp.clone(),
            timers: self.timers.clone(),
            cpu: self.cpu.clone(),
            energy: self.energy.clone(),
            outbox: self.outbox.clone(),
            ..*self
        })
    }
}

/// The report of a packet that has left on a wire; lost ones have no time of arrival. Messages of channels are no packets.
pub(crate) fn departure(wire: WireId, flying: &InFlight<Box<Packet>>) -> Option<Report> {
    if flying.packet.is_message() {
        return None;
    }
    let cause = || flying.packet.lost.map_or(DropCause::Lost, DropCause::from);
    let fate = if flying.arrives().is_some() { Fate::Passed } else { Fate::Dropped(cause()) };
    Some(Report::packet(wire, LinkEnd::Sender, Packet::clone(&flying.packet), fate))
}

/// A table of these routes, of the node's own addresses, and of what belongs to groups (RFC 5771, RFC 4291 §2.7).
fn routes_with_own(interfaces: &[Interface], routes: &[Route]) -> Routes {
    let own = interfaces.iter().flat_map(|interface| &interface.addresses).map(|address| Route {
        prefix: *address,
        len: if address.is_ipv4() { 32 } else { 128 },
        hop: Hop::Local,
    });
    let group = |prefix: IpAddr, len: u8| Route { prefix, len, hop: Hop::Group };
    let groups = [
        group(IpAddr::V4(Ipv4Addr::new(224, 0, 0, 0)), 4),
        group(IpAddr::V6(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0)), 8),
    ];
    let all: Vec<Route> = own.chain(groups).chain(routes.iter().copied()).collect();
    Routes::new(&all)
}
