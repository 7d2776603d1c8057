//! Nodes under the kernel, in networks of [`crate::testing`].
//!
//! | file | what |
//! |---|---|
//! | `forwarding` | routers, and the ICMP errors that they and hosts send |
//! | `fragments` | cutting and putting together, against hand-worked sizes; any order, loss, duplicates, overlaps |
//! | `path_mtu` | fragments, path MTU discovery, black holes and the limit on errors in networks |
//! | `multicast` | trees, copies, times to live |
//! | `host` | what applications see: addresses, loopback, timers, clock, processor, memory |
//! | `channel` | messages beside the network |
//! | `nat` | NATs and firewalls: checks N2 to N12 and N16 |
//! | `nat64` | NAT64, and nodes with a box for each family: check N14 |
//! | `mesh` | random networks: conservation, snapshots, any number of threads |

mod channel;
mod forwarding;
mod fragments;
mod host;
mod mesh;
mod multicast;
mod nat;
mod nat64;
mod path_mtu;
mod size;

use super::*;

impl Node {
    /// Lets the node send `packet`, made by the test, before the first packet that an application sends.
    pub(crate) fn inject(&mut self, packet: Packet) {
        self.outbox.push_back((SimTime::ZERO, Pending::Send(Box::new(packet))));
    }
}
