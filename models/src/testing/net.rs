//! Networks in the making: nodes and links, and what happens to them.

use super::Guest;
use super::channel::ChannelSpec;
use crate::app::App;
use crate::device::DeviceConfig;
use crate::link::{LinkChange, LinkConfig, Meter};
use crate::name::Files;
use crate::nat::Policy;
use crate::node::{GroupRoute, Interface, IpConfig};
use crate::packet::Packet;
use protosim_core::kernel::Limits;
use protosim_core::{RunSeed, SimTime, Span, WireId};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// Makes a guest that sends through this interface.
pub(super) struct MakeGuest(pub(super) Box<dyn FnOnce(Interface) -> Box<dyn Guest>>);

impl std::fmt::Debug for MakeGuest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MakeGuest")
    }
}

/// A network in the making. Nodes and links are named by the order in which they were added.
#[derive(Debug)]
pub(crate) struct Net {
    pub(super) seed: RunSeed,
    pub(crate) limits: Limits,
    /// Whether packets and observations are reported; they take memory.
    pub(crate) listens: bool,
    /// Whether links handle one packet after the other, where departures could be computed.
    pub(crate) manages: bool,
    /// The files that links name.
    pub(crate) files: Arc<Files>,
    /// What is measured of all directions of all links.
    pub(crate) meter: Option<Meter>,
    pub(super) channels: Vec<ChannelSpec>,
    /// Changes of one direction of a channel.
    pub(super) channel_changes: Vec<(SimTime, usize, bool, LinkChange)>,
    pub(super) powers: Vec<(SimTime, usize, bool)>,
    pub(super) readdressed: Vec<(SimTime, usize, usize, IpAddr)>,
    pub(super) nodes: Vec<NodeSpec>,
    pub(super) links: Vec<LinkSpec>,
    pub(super) changes: Vec<(SimTime, usize, bool, LinkChange)>,
}

#[derive(Debug)]
pub(super) struct NodeSpec {
    pub(super) name: String,
    pub(super) forwards: bool,
    pub(super) ip: IpConfig,
    /// Its NAT or firewall over IPv4, and the link that leads outside.
    pub(super) nat: Option<(Policy, usize, Vec<IpAddr>)>,
    /// Its NAT64 or firewall over IPv6.
    pub(super) nat_v6: Option<(Policy, usize, Vec<IpAddr>)>,
    pub(super) groups: Vec<GroupRoute>,
    pub(super) device: DeviceConfig,
    pub(super) clock_offset: Span,
    pub(super) apps: Vec<(String, Box<dyn App>)>,
    pub(super) extra_routes: Vec<(IpAddr, u8, usize)>,
    pub(super) injected: Vec<Packet>,
    /// In place of a node of ours.
    pub(super) guest: Option<MakeGuest>,
}

#[derive(Debug)]
pub(super) struct LinkSpec {
    pub(super) name: String,
    pub(super) ends: [usize; 2],
    pub(super) config: LinkConfig,
}

impl Net {
    pub(crate) fn new(seed: u64) -> Self {
        let seed = RunSeed { seed, replication: 0 };
        let (nodes, links, changes) = (Vec::new(), Vec::new(), Vec::new());
        let (files, powers, readdressed) = (Arc::default(), Vec::new(), Vec::new());
        let limits = Limits::default();
        let (channels, channel_changes) = (Vec::new(), Vec::new());
        Self {
            seed,
            limits,
            listens: true,
            manages: false,
            files,
            meter: None,
            channels,
            channel_changes,
            powers,
            readdressed,
            nodes,
            links,
            changes,
        }
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
            nat_v6: None,
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

    /// Makes a node a NAT64 or a firewall over IPv6.
    pub(crate) fn nat_v6(&mut self, node: usize, policy: Policy, outside: usize, pool: &[IpAddr]) {
        self.nodes[node].nat_v6 = Some((policy, outside, pool.to_vec()));
    }

    /// Makes a node a NAT or a firewall over IPv4, with `outside` as the link that leads outside.
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
    pub(super) fn wire(&self, link: usize, is_forward: bool) -> WireId {
        let rank = self.links.iter().filter(|other| other.name < self.links[link].name).count() as u32;
        WireId(2 * rank + u32::from(!is_forward))
    }

    /// A node's links, in order of their names.
    pub(super) fn links_of(&self, node: usize) -> Vec<usize> {
        let mut own: Vec<usize> = (0..self.links.len()).filter(|link| self.links[*link].ends.contains(&node)).collect();
        own.sort_by(|a, b| self.links[*a].name.cmp(&self.links[*b].name));
        own
    }
}

impl LinkSpec {
    /// Sender and receiver of one direction.
    pub(super) fn direction(&self, is_forward: bool) -> (usize, usize) {
        let [first, second] = self.ends;
        if is_forward { (first, second) } else { (second, first) }
    }
}

/// 10.x.y.1 and 10.x.y.2 for the ends of link 256 x + y.
pub(super) fn address(link: usize, is_first: bool) -> IpAddr {
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
