//! Multicast: packets for a group go down a tree that was laid out before the run (RFC 1112, without IGMP and MLD).
//!
//! A node has one entry for each source and group whose tree it is on. A packet is taken only from the interface that leads to its
//! source, the reverse-path check of every multicast routing protocol, and copied to those that lead to members. No router
//! reports an error about it, except over IPv6 that it is too big (RFC 4443 §2.4(e.3)). A member that sends gets its own
//! packets too (RFC 1112 §6.1, on by default in Linux); the time to live is that of any other packet, where applications
//! on Linux start with 1. Trees stay as they are when links go down or routes change.

use super::Node;
use super::counts::DropCause;
use crate::element::Element;
use crate::packet::{Packet, is_to_many};
use protosim_core::Cx;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// One node's part in the tree of a source and a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupRoute {
    /// The group's address.
    pub group: IpAddr,
    /// An address of the source.
    pub source: IpAddr,
    /// The interface from which its packets come; `None` at the source itself.
    pub from: Option<u32>,
    /// The interfaces that lead to members, in order.
    pub to: Vec<u32>,
    /// True if this node is a member.
    pub is_member: bool,
}

/// The entries of a node, by group and source.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups(BTreeMap<(IpAddr, IpAddr), Branch>);

#[derive(Clone, Debug)]
struct Branch {
    from: Option<u32>,
    to: Arc<[u32]>,
    is_member: bool,
}

impl Groups {
    pub(super) fn new(routes: Vec<GroupRoute>) -> Self {
        let entry = |route: GroupRoute| {
            let branch = Branch { from: route.from, to: route.to.into(), is_member: route.is_member };
            ((route.group, route.source), branch)
        };
        Self(routes.into_iter().map(entry).collect())
    }

    fn find(&self, packet: &Packet) -> Option<Branch> {
        debug_assert!(is_to_many(packet.dst()));
        self.0.get(&(packet.dst(), packet.src())).cloned()
    }
}

impl Node {
    /// A packet for a group has come in. Says why, if it goes no further.
    pub(super) fn receive_for_group(
        &mut self,
        packet: Box<Packet>,
        port: u32,
        cx: &mut Cx<'_, Element>,
    ) -> Option<DropCause> {
        let Some(branch) = self.ip.groups.find(&packet).filter(|branch| branch.from == Some(port)) else {
            return Some(self.counts.drop(DropCause::NotForUs));
        };
        let onward = if self.forwards && packet.ttl() > 1 { &branch.to[..] } else { &[] };
        let copies = onward.len() + usize::from(branch.is_member);
        if copies == 0 {
            let died = self.forwards && !branch.to.is_empty();
            return Some(self.counts.drop(if died { DropCause::HopLimit } else { DropCause::NotForUs }));
        }
        self.counts.copied += copies as u64 - 1;
        for interface in onward {
            self.pass_on(packet.clone(), *interface, cx);
        }
        if branch.is_member { self.deliver(packet, cx) } else { None }
    }

    /// Sends a packet that was made here to a group.
    pub(super) fn send_to_group(&mut self, packet: Packet, cx: &mut Cx<'_, Element>) {
        let Some(branch) = self.ip.groups.find(&packet).filter(|branch| branch.from.is_none()) else {
            self.counts.drop(DropCause::NoRoute);
            return;
        };
        let copies = branch.to.len() + usize::from(branch.is_member);
        if copies == 0 {
            self.counts.drop(DropCause::NoRoute);
            return;
        }
        self.counts.copied += copies as u64 - 1;
        for interface in branch.to.iter() {
            self.emit(Box::new(packet.clone()), *interface, cx);
        }
        if branch.is_member {
            self.to_self.push_back(Box::new(packet));
            self.stirred = true;
        }
    }
}
