//! The boxes of a node: what IPv4 packets meet, and what IPv6 packets meet.
//!
//! Either is a NAT or a firewall. A NAT64 is met by IPv6 packets; what comes back to it over IPv4 meets it before the box of IPv4. Where both
//! translate to the same addresses, neither gives a port that the other one has. A packet of IPv6 to an external endpoint that the NAT of IPv4
//! has mapped is dropped: hairpins lead from a NAT64 to itself alone.

use super::Interface;
use super::nat::{Nat, NatParts};
use super::routes::Routes;
use crate::nat::{Nat64Prefix, Table, TableCounts};
use crate::packet::Packet;
use protosim_core::{SimTime, TimerId};
use std::net::IpAddr;

/// A version of IP, and the box that its packets meet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) fn of(packet: &Packet) -> Self {
        Self::of_address(packet.dst())
    }

    pub(super) fn of_address(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// The boxes of a node, one at least.
#[derive(Clone, Debug)]
pub(super) struct Nats {
    v4: Option<Nat>,
    v6: Option<Nat>,
}

impl Nats {
    /// `None` if there is no box at all.
    pub(super) fn new(v4: Option<NatParts>, v6: Option<NatParts>, interfaces: &[Interface]) -> Option<Box<Self>> {
        if v4.is_none() && v6.is_none() {
            return None;
        }
        let make = |parts: Option<NatParts>| parts.map(|parts| Nat::new(parts, interfaces));
        Some(Box::new(Self { v4: make(v4), v6: make(v6) }))
    }

    /// The box that packets of a family meet.
    pub(super) fn get(&self, family: Family) -> Option<&Nat> {
        match family {
            Family::V4 => self.v4.as_ref(),
            Family::V6 => self.v6.as_ref(),
        }
    }

    /// See [`Nats::get`].
    pub(super) fn get_mut(&mut self, family: Family) -> Option<&mut Nat> {
        self.split(family).0
    }

    /// The box that packets of a family meet, and the table of the other one if that translates, too.
    pub(super) fn split(&mut self, family: Family) -> (Option<&mut Nat>, Option<&mut Table>) {
        let (own, other) = match family {
            Family::V4 => (&mut self.v4, &mut self.v6),
            Family::V6 => (&mut self.v6, &mut self.v4),
        };
        (own.as_mut(), other.as_mut().map(|nat| &mut nat.table).filter(|table| table.translates()))
    }

    /// The NAT64, if there is one, and its prefix.
    pub(super) fn nat64(&self) -> Option<(&Nat, Nat64Prefix)> {
        let nat = self.v6.as_ref()?;
        Some((nat, nat.policy.nat64?))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Nat> {
        self.v4.iter().chain(&self.v6)
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Nat> {
        self.v4.iter_mut().chain(&mut self.v6)
    }

    pub(super) fn has_timer(&self, timer: TimerId) -> bool {
        self.all().any(|nat| nat.timer == Some(timer))
    }

    /// The address that the node's own packets for `peer` come from: at a box that translates, that of the interface by which they
    /// leave. `None` leaves it to the node.
    pub(super) fn own_address(&self, peer: IpAddr, routes: &Routes, interfaces: &[Interface]) -> Option<IpAddr> {
        let translates = self.all().any(|nat| nat.table.translates());
        let interface = routes.find(peer).interface().filter(|_| translates)?;
        let own = &interfaces[interface as usize].addresses;
        own.iter().copied().find(|address| address.is_ipv4() == peer.is_ipv4())
    }

    /// True if a packet for `peer` that leaves by one interface may come from an address of another one: no inner address is seen outside of
    /// a NAT. A NAT64 hides no IPv6 addresses.
    pub(super) fn may_send_from(&self, peer: IpAddr, own: u32, leaving: u32) -> bool {
        let hides = |nat: &Nat| nat.table.translates() && nat.policy.nat64.is_none();
        let hiding = self.get(Family::of_address(peer)).filter(|nat| hides(nat));
        hiding.is_none_or(|nat| leaving != nat.outside || own == nat.outside)
    }

    /// What all have counted, each counted by itself.
    pub(super) fn counts(&self) -> TableCounts {
        let counts = self.all().map(|nat| nat.table.counts());
        counts.fold(TableCounts::default(), |sum, one| TableCounts {
            now: sum.now + one.now,
            most: sum.most + one.most,
            made: sum.made + one.made,
            sessions: sum.sessions + one.sessions,
        })
    }

    /// Mappings that are not over.
    pub(super) fn alive(&self, now: SimTime) -> u64 {
        self.all().map(|nat| nat.table.alive(now)).sum()
    }
}
