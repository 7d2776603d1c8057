//! What a user says of a network: nodes, links and groups.

use crate::plan::CHANNEL;
use protosim_models::channel::ChannelConfig;
use protosim_models::device::DeviceConfig;
use protosim_models::energy::DeviceProfile;
use protosim_models::link::LinkConfig;
use protosim_models::medium::MediumConfig;
use protosim_models::name::NodeName;
use protosim_models::nat::{FirewallConfig, Nat64Config, NatConfig};
use protosim_models::node::IpConfig;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// A network, as in a scenario.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// Hosts and routers.
    pub nodes: Vec<NodeSpec>,
    /// Links between them.
    pub links: Vec<LinkConfig>,
    /// Media that several of them share. Default: none.
    #[serde(default)]
    pub media: Vec<MediumConfig>,
    /// Channels beside the network. Default: none.
    #[serde(default)]
    pub channels: Vec<ChannelConfig>,
    /// Which versions of IP there are. Default: V4.
    #[serde(default)]
    pub addresses: AddressFamilies,
    /// Multicast groups. Default: none.
    #[serde(default)]
    pub groups: Vec<GroupSpec>,
    /// Profiles of devices beside the shipped ones, which the scenario says.
    #[serde(skip)]
    pub profiles: Vec<Arc<DeviceProfile>>,
}

/// A multicast group, as in a scenario. Applications send to it by its name; its members are the same for the whole run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupSpec {
    /// What it is called; unique among groups and nodes.
    pub name: String,
    /// Its address, which says over which version of IP it is. Default: IPv4, if the network has that; the k-th group in order of names has the k-th address of 239.192.0.0/14 (organization-local, RFC
    /// 2365 §6.2) or of ff0e::8000:0/97 (global, RFC 3307 §4.3) that no other group asks for.
    pub address: Option<IpAddr>,
    /// The nodes that belong to it.
    pub members: Vec<NodeName>,
    /// The nodes that send to it, which the applications say.
    #[serde(skip)]
    pub senders: Vec<NodeName>,
}

/// A node, as in a scenario.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// What it is called; unique.
    pub name: String,
    /// Makes it a group of so many nodes: `sensor-0`, `sensor-1` and so on for the name `sensor`, which stands for all of them in
    /// links, applications, media, multicast groups and the timeline. Default: one node, called as it says.
    pub count: Option<u64>,
    /// True for a router, which passes on packets for others. Default: true for a node with more than one interface: link or
    /// shared medium. A node on a radio channel alone relays for others there only if this says so.
    pub forwards: Option<bool>,
    /// Of which versions of IP it has addresses, and passes packets on. A link end has an address of a version if both of the link's nodes
    /// have it. Default: as the network.
    pub addresses: Option<AddressFamilies>,
    /// Its limits. Default: none, an ideal device.
    pub device: Option<DeviceConfig>,
    /// What its IP layer does: ICMP errors, path MTU discovery, reassembly. Default: as Linux.
    pub ip: Option<IpConfig>,
    /// Makes it a NAT. Hosts inside have private addresses then, and nobody outside a route to them. Default: none.
    #[serde(default)]
    pub nat: Option<Box<NatConfig>>,
    /// Makes it a stateful firewall, which translates nothing; beside a `nat`, for IPv6. Default: none.
    #[serde(default)]
    pub firewall: Option<Box<FirewallConfig>>,
    /// Makes it a NAT64, by which nodes of IPv6 alone reach nodes of IPv4. Default: none.
    #[serde(default)]
    pub nat64: Option<Box<Nat64Config>>,
    /// The name that its random streams go by. Default: its name. A node that is renamed keeps its luck by
    /// saying its old name here.
    pub stream_name: Option<String>,
}

/// Which versions of IP a network or a node has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum AddressFamilies {
    /// IPv4: link k (in order of names) has the k-th /30 of 10.0.0.0/8, or inside a NAT a private one, shared medium m the m-th /20 of 172.16.0.0/12.
    #[default]
    V4,
    /// IPv6: link k has the k-th /64 of 2001:db8::/32, shared medium m the m-th /64 of 3fff::/48.
    V6,
    /// Both: every link end and every station has two addresses. Who sends to a name takes IPv6 if both ends have it (RFC 6724 §2.1).
    Both,
}

/// A version of IP.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AddressFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl AddressFamily {
    /// The version that an address is of.
    pub const fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Bits of an address.
    pub const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

impl AddressFamilies {
    /// True if a version is among these.
    pub const fn has(self, family: AddressFamily) -> bool {
        matches!((self, family), (Self::Both, _) | (Self::V4, AddressFamily::V4) | (Self::V6, AddressFamily::V6))
    }

    /// These, IPv4 first.
    pub fn families(self) -> impl Iterator<Item = AddressFamily> {
        [AddressFamily::V4, AddressFamily::V6].into_iter().filter(move |family| self.has(*family))
    }
}

/// Which directions of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Direction {
    /// Both.
    #[default]
    Both,
    /// From the first end to the second.
    Forward,
    /// From the second end to the first.
    Backward,
}

/// What the luck of one direction of a link goes by: as its path, but with stream names. `ends` are those of its first and
/// its second end.
pub(crate) fn wire_stream_name(link: &LinkConfig, ends: (&str, &str), is_forward: bool) -> String {
    let unnamed = || format!("{}--{}", ends.0, ends.1);
    let name = link.stream_name.clone().or_else(|| link.name.clone()).unwrap_or_else(unnamed);
    let (from, to) = if is_forward { ends } else { (ends.1, ends.0) };
    format!("{name}:{from}->{to}")
}

/// What the luck of one direction of a channel goes by. `ends` are the stream names of its first and its second end.
pub(crate) fn channel_stream_name(channel: &ChannelConfig, ends: (&str, &str), is_forward: bool) -> String {
    let name = channel.stream_name.as_ref().unwrap_or(&channel.name);
    let (from, to) = if is_forward { ends } else { (ends.1, ends.0) };
    format!("{CHANNEL}{name}:{from}->{to}")
}

impl NodeSpec {
    /// An ideal node.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            count: None,
            forwards: None,
            addresses: None,
            device: None,
            ip: None,
            nat: None,
            firewall: None,
            nat64: None,
            stream_name: None,
        }
    }
}
