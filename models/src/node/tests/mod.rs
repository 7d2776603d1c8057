//! Nodes under the kernel, in networks of [`crate::testing`].
//!
//! | file | what |
//! |---|---|
//! | `forwarding` | routers, and the ICMP errors that they and hosts send |
//! | `host` | what applications see: addresses, loopback, timers, clock, processor, memory |
//! | `mesh` | random networks: conservation, snapshots, any number of threads |

mod forwarding;
mod host;
mod mesh;

use super::*;

impl Node {
    /// Lets the node send `packet`, made by the test, before the first packet that an application sends.
    pub(crate) fn inject(&mut self, packet: Packet) {
        self.outbox.push_back((SimTime::ZERO, Pending::Send(packet)));
    }
}
