//! The nodes that applications name beside their destinations, and how they are found.

use super::Port;
use crate::name::NodeName;
use crate::nat::Nat64Prefix;
use std::net::IpAddr;

/// A node that an application names beside its destination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Further<'a> {
    /// The field that names it, by its path from the configuration's top.
    pub field: String,
    /// The node, or the group of which each member of the application's group has one.
    pub node: &'a NodeName,
    /// The port on which it expects someone to listen there.
    pub port: Port,
    /// Whose packets must reach it.
    pub by: Sender,
}

/// Who sends to a node that an application names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sender {
    /// The application's own node.
    Own,
    /// Its destination, on its behalf.
    Destination,
}

/// How the further nodes of an application are found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// Each of [`AppConfig::further`](super::AppConfig::further), in their order.
    pub ways: Vec<Way>,
    /// The prefix under which the application's node sees IPv4 hosts, if it has IPv6 alone and there is a NAT64.
    pub nat64: Option<Nat64Prefix>,
}

impl Found {
    /// Each at one address.
    pub fn at(addresses: Vec<IpAddr>) -> Self {
        let way = |address: IpAddr| Way { addresses: vec![address], has_v4: address.is_ipv4() };
        Self { ways: addresses.into_iter().map(way).collect(), nat64: None }
    }
}

/// How a node is found by another one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Way {
    /// The addresses that lead there, at most one of each version of IP, those that are preferred first.
    pub addresses: Vec<IpAddr>,
    /// Whether it has an address of IPv4 itself, which may not lead there.
    pub has_v4: bool,
}
