//! Runs an [`Endpoint`] for an App: its messages become datagrams, its deadlines timers.

use super::endpoint::{Endpoint, EndpointConfig, Envelope, Notice};
use crate::app::{Host, SocketId};
use crate::rope::Rope;
use protosim_core::machine::EffectOf;
use protosim_core::{Deadline, Effect, LocalTime, Machine, MachineCx};
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};

/// An endpoint on a socket. After every call the App takes what [`Driver::next_notice`] has, and
/// ends with [`Driver::set_timer`].
#[derive(Clone, Debug)]
pub(super) struct Driver {
    endpoint: Endpoint,
    socket: Option<SocketId>,
    notices: VecDeque<Notice>,
    /// Kept for its capacity; empty between calls.
    effects: Vec<EffectOf<Endpoint>>,
    armed: Option<Deadline>,
}

/// An App of CoAP needs one timer: for whatever comes first.
const TIMER: u64 = 0;

impl Driver {
    pub(super) fn new(config: EndpointConfig) -> Self {
        Self {
            endpoint: Endpoint::new(config),
            socket: None,
            notices: VecDeque::new(),
            effects: Vec::new(),
            armed: None,
        }
    }

    /// Opens the socket.
    ///
    /// # Panics
    /// When the port is taken: a scenario with two applications on one port is refused before it
    /// runs, and `protosim live` opens its sockets first.
    pub(super) fn bind(&mut self, port: u16, host: &mut dyn Host) {
        let socket = host.udp_bind(port);
        self.socket = Some(socket.unwrap_or_else(|error| panic!("CoAP cannot open its socket: {error}")));
    }

    /// What datagrams to `peer` carry as their source, for reports; unspecified if there is none.
    pub(super) fn local_addr(&self, peer: SocketAddr, host: &dyn Host) -> SocketAddr {
        let known = self.socket.and_then(|socket| host.udp_local_addr(socket, peer).ok());
        known.unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))
    }

    /// A datagram has come.
    pub(super) fn on_datagram(&mut self, from: SocketAddr, datagram: &Rope, host: &mut dyn Host) {
        if host.received_for_group().is_some() {
            return self.run(host, |endpoint, cx| endpoint.handle_group_datagram(from, datagram, cx));
        }
        self.run(host, |endpoint, cx| endpoint.handle_datagram(from, datagram, cx));
    }

    /// The timer was due, and is not set any more.
    pub(super) fn on_timer(&mut self, host: &mut dyn Host) {
        self.armed = None;
        self.run(host, Endpoint::handle_timeout);
    }

    /// A command; see [`Endpoint::handle_command`].
    pub(super) fn command(
        &mut self,
        command: super::endpoint::Command,
        host: &mut dyn Host,
    ) -> Result<(), super::endpoint::Misuse> {
        self.run(host, |endpoint, cx| endpoint.handle_command(command, cx))
    }

    /// The next thing that the endpoint has to say.
    pub(super) fn next_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// True if `peer` has said that it notifies under this token.
    pub(super) fn is_observing(&self, peer: SocketAddr, token: super::wire::Token) -> bool {
        self.endpoint.is_observing(peer, token)
    }

    /// True if it has something to say.
    pub(super) fn has_notice(&self) -> bool {
        !self.notices.is_empty()
    }

    /// Has the App called at the endpoint's deadline, or at its `own` if that comes first.
    pub(super) fn set_timer(&mut self, own: Option<Deadline>, host: &mut dyn Host) {
        let wanted = [own, self.endpoint.poll_timeout()].into_iter().flatten().min_by_key(|deadline| deadline.at);
        if wanted == self.armed {
            return;
        }
        match wanted {
            Some(Deadline { at, timer }) => host.set_timer(TIMER, at, timer),
            None => host.cancel_timer(TIMER),
        }
        self.armed = wanted;
    }

    /// True if nothing is under way.
    pub(super) fn is_at_rest(&self) -> bool {
        self.endpoint.is_at_rest()
    }

    fn run<R>(
        &mut self,
        host: &mut dyn Host,
        call: impl FnOnce(&mut Endpoint, &mut MachineCx<'_, Endpoint>) -> R,
    ) -> R {
        let result = call(&mut self.endpoint, &mut MachineCx::new(host, &mut self.effects));
        for effect in self.effects.drain(..) {
            match effect {
                Effect::Transmit(Envelope { peer, message }) => {
                    let socket = self.socket.expect("an App binds its socket before it does anything else");
                    // A datagram that the host refuses is a lost one to CoAP: its timers see to it.
                    let _refused = host.udp_send(socket, peer, message.encode_rope());
                }
                Effect::Notify(notice) => self.notices.push_back(notice),
                // For tests and the live driver's log; a host has nobody to tell.
                Effect::Observe(_) => {}
            }
        }
        result
    }
}

/// A deadline of the App's own.
pub(super) const fn deadline(at: LocalTime, timer: &'static str) -> Option<Deadline> {
    Some(Deadline { at, timer })
}
