//! An agent that gathers for another implementation's checks: its own never begin.

use super::{Agent, Cx, End, Role, SharedConfig};
use crate::rope::Rope;
use crate::turn::client;
use protosim_core::Stream;
use std::net::SocketAddr;

impl Agent {
    /// One that gathers alone. It tells what comes through its relays.
    pub(in crate::ice) fn gatherer(config: SharedConfig, secrets: &mut Stream) -> Self {
        Self { hands_over: true, ..Self::new(config, Role::Controlled, secrets) }
    }

    /// Whether this is the address of one of its relays.
    pub(in crate::ice) fn has_relay(&self, relayed: SocketAddr) -> bool {
        self.gathering.relay_of(relayed).is_some()
    }

    /// Sends from a relay. False if its server does not permit the peer's address yet, which it is asked for then.
    pub(in crate::ice) fn send_through(
        &mut self,
        relayed: SocketAddr,
        peer: SocketAddr,
        payload: Rope,
        cx: &mut Cx<'_>,
    ) -> bool {
        let Some(relay) = self.gathering.relay_of(relayed) else { return false };
        if !self.relay_permits(relay, peer.ip()) {
            self.command_relay(relay, client::Command::Permit(peer.ip()), cx);
            return false;
        }
        self.send(End { base: relayed, is_tcp: false }, peer, payload, cx)
    }

    /// Whether a relay's server lets this peer's address send.
    pub(in crate::ice) fn permits(&self, relayed: SocketAddr, peer: SocketAddr) -> bool {
        self.gathering.relay_of(relayed).is_some_and(|relay| self.relay_permits(relay, peer.ip()))
    }

    /// A channel from a relay to the peer: it spares 32 bytes of each message.
    pub(in crate::ice) fn bind_channel(&mut self, relayed: SocketAddr, peer: SocketAddr, cx: &mut Cx<'_>) {
        if let Some(relay) = self.gathering.relay_of(relayed) {
            self.command_relay(relay, client::Command::Bind(peer), cx);
        }
    }

    /// No more candidates are wanted, nor mappings kept open.
    pub(in crate::ice) fn end(&mut self) {
        self.end_gathering();
        self.turn = None;
    }
}
