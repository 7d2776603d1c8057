//! Sessions that come to an application: an endpoint for each of its sockets.

use super::Work;
use crate::app::{HostError, SocketId};
use crate::dtls::config::ServerConfig;
use crate::dtls::connection::{Connection, Failure, Notice, ServerSide, Trace, Unsendable};
use crate::dtls::endpoint::{ConnectionId, Endpoint, EndpointLimits, Output};
use crate::layer::Told;
use crate::rope::Rope;
use crate::tls::certificate::Trust;
use protosim_core::Deadline;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct ServerParty {
    /// What an endpoint begins with.
    side: ServerSide,
    limits: EndpointLimits,
    endpoints: BTreeMap<SocketId, Endpoint>,
}

impl ServerParty {
    pub(super) fn new(config: ServerConfig, trust: Trust, limits: EndpointLimits) -> Self {
        Self { side: ServerSide::new(config, trust), limits, endpoints: BTreeMap::new() }
    }

    pub(super) fn on_datagram(&mut self, socket: SocketId, from: SocketAddr, datagram: &Rope, work: &mut Work<'_>) {
        let (side, limits) = (&self.side, self.limits);
        let endpoint = self.endpoints.entry(socket).or_insert_with(|| Endpoint::new(side.clone(), limits));
        let before = endpoint.counts();
        let mut out = Vec::new();
        endpoint.handle_datagram(from, datagram, work.host, &mut out);
        let after = endpoint.counts();
        work.counts.answered += after.answered - before.answered;
        work.counts.dropped += after.dropped - before.dropped;
        work.counts.refused += after.refused - before.refused;
        take(endpoint, socket, out, work);
    }

    pub(super) fn send(
        &mut self,
        socket: SocketId,
        to: SocketAddr,
        data: &Rope,
        work: &mut Work<'_>,
    ) -> Result<(), HostError> {
        let found = self.endpoints.get_mut(&socket).and_then(|endpoint| Some((endpoint.named(to)?, endpoint)));
        let Some((id, endpoint)) = found else {
            work.counts.unsent += 1;
            return Ok(());
        };
        let mut out = Vec::new();
        let sent = endpoint.send(id, data, work.host, &mut out);
        take(endpoint, socket, out, work);
        match sent {
            Ok(()) => Ok(()),
            Err(Unsendable::TooLong { len, .. }) => {
                work.counts.too_long += 1;
                Err(HostError::TooLarge(len))
            }
            Err(Unsendable::TooMuch | Unsendable::Over) => {
                work.counts.unsent += 1;
                Ok(())
            }
        }
    }

    /// Where the peer is that the application knows by this name.
    pub(super) fn whereabouts(&self, name: SocketAddr) -> Option<SocketAddr> {
        self.endpoints.values().find_map(|endpoint| Some(endpoint.peer(endpoint.named(name)?)?.0))
    }

    /// The application closes a socket: clients are told.
    pub(super) fn close(&mut self, socket: SocketId, work: &mut Work<'_>) {
        let Some(mut endpoint) = self.endpoints.remove(&socket) else { return };
        for id in endpoint.connections().map(|(id, _)| id).collect::<Vec<_>>() {
            let mut out = Vec::new();
            endpoint.with(id, work.host, &mut out, |connection, cx| connection.close(cx));
            take(&mut endpoint, socket, out, work);
            endpoint.remove(id, work.host);
        }
    }

    pub(super) fn on_timer(&mut self, work: &mut Work<'_>) {
        for (socket, endpoint) in &mut self.endpoints {
            let mut out = Vec::new();
            endpoint.handle_timeout(work.host, &mut out);
            take(endpoint, *socket, out, work);
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Deadline> {
        self.endpoints.values().filter_map(Endpoint::next_timeout).min_by_key(|deadline| deadline.at)
    }
}

/// Does what an endpoint wants done.
fn take(endpoint: &mut Endpoint, socket: SocketId, out: Vec<Output>, work: &mut Work<'_>) {
    for one in out {
        match one {
            // A datagram that the host refuses is a lost one: flights are sent again.
            Output::Transmit(to, datagram) => drop(work.host.udp_send(socket, to, datagram)),
            Output::Notify(id, notice) => on_notice(endpoint, socket, id, notice, work),
            Output::Observe(_, Trace::Secret(secret)) => work.host.observe_secret(secret),
            Output::Observe(_, trace) => work.counts.observe(&trace),
            Output::Moved(..) => work.counts.moved += 1,
            Output::Ended(_, name, ending) => {
                work.counts.ended(ending);
                work.told.push_back(Told::Gone(socket, name));
            }
        }
    }
}

/// A connection is over.
fn remove(endpoint: &mut Endpoint, socket: SocketId, id: ConnectionId, work: &mut Work<'_>) {
    told_gone(endpoint, socket, id, work);
    endpoint.remove(id, work.host);
}

/// The application learns of the end of what it knew of.
fn told_gone(endpoint: &Endpoint, socket: SocketId, id: ConnectionId, work: &mut Work<'_>) {
    let is_connected = endpoint.connection(id).is_some_and(Connection::is_connected);
    work.told.extend(endpoint.name(id).filter(|_| is_connected).map(|name| Told::Gone(socket, name)));
}

fn on_notice(endpoint: &mut Endpoint, socket: SocketId, id: ConnectionId, notice: Notice, work: &mut Work<'_>) {
    match notice {
        Notice::Connected(handshaked) => {
            if let Some((connection, (_, begun))) = endpoint.connection(id).zip(endpoint.peer(id)) {
                work.counts.connected(&handshaked, connection, (begun, work.host.now()));
            }
        }
        Notice::Data(data) => {
            if let Some(from) = endpoint.name(id) {
                work.told.push_back(Told::Datagram(socket, from, data));
            }
        }
        Notice::Closed => {
            work.counts.closed();
            remove(endpoint, socket, id, work);
        }
        Notice::Failed(failure) => {
            work.counts.failed(failure);
            match failure {
                Failure::Alert { is_ours: true, .. } => {
                    told_gone(endpoint, socket, id, work);
                    endpoint.keep_failed(id, work.host);
                }
                _ => remove(endpoint, socket, id, work),
            }
        }
    }
}
