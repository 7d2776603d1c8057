//! An interface: one end of a link, or a station of a shared medium.

use crate::link::Transmitter;
use protosim_core::WireId;
use std::net::IpAddr;

/// One end of a link on a node.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Addresses of this end, at most one of each family; the one that applications prefer comes first.
    pub addresses: Vec<IpAddr>,
    /// Largest IP packet that the link takes [bytes].
    pub mtu_bytes: u64,
    /// The sending half of the direction away from this node; on a shared medium, of the way to it.
    pub transmitter: Transmitter,
    /// The wire of the direction towards this node.
    pub incoming: WireId,
    /// The router behind it, to which packets go that are bound to leave here and whose usual route leads elsewhere: its number on a shared
    /// medium, 0 over a link. `None`, where there is none, has them take the usual route.
    pub gateway: Option<u16>,
}

impl Interface {
    /// Has this address from now on, in place of the one of its family.
    pub(super) fn readdress(&mut self, address: IpAddr) {
        match self.addresses.iter_mut().find(|own| own.is_ipv4() == address.is_ipv4()) {
            Some(own) => *own = address,
            None => self.addresses.push(address),
        }
    }
}
