//! A session: an agent with the sockets and connections that it uses.

use super::streams::{Connections, Sent};
use crate::app::{Host, SocketId, StreamId, StreamOptions};
use crate::ice::agent::{Agent, Base, Command, Component, Envelope, Notice, Place, Role, SECRETS, SharedConfig};
use crate::ice::candidate::{Candidate, Protocol, TcpType};
use crate::ice::config::IceImplementation;
use crate::ice::party::{Cx, Party};
use crate::observe::ExchangeId;
use crate::rope::Rope;
use protosim_core::machine::EffectOf;
use protosim_core::{Deadline, Effect, MachineCx};
use std::net::SocketAddr;

/// Any port: whether an address is the host's own does not depend on it.
const ANY_PORT: u16 = 9;

/// A socket of a session.
#[derive(Clone, Copy, Debug)]
struct Socket {
    id: SocketId,
    base: SocketAddr,
}

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) agent: Party,
    /// Of the offer that it belongs to.
    pub(super) generation: u64,
    /// This end has made the offer, and has no answer yet.
    pub(super) is_offered: bool,
    /// Its own description was sent: what is found from then on follows it.
    pub(super) is_described: bool,
    /// Candidates that are to follow.
    pub(super) news: Vec<(usize, Candidate)>,
    /// That there are no more is to follow, too.
    pub(super) is_end: bool,
    /// What is reported of it, while it is open.
    pub(super) exchange: Option<ExchangeId>,
    sockets: Vec<Socket>,
    streams: Connections,
    pub(super) armed: Option<Deadline>,
    /// Messages for connections that had no room.
    pub(super) dropped_for_room: u64,
}

/// What a session is opened with.
pub(super) struct Opening<'a> {
    pub(super) implementation: IceImplementation,
    pub(super) config: &'a SharedConfig,
    pub(super) role: Role,
    pub(super) tcp_port: Option<u16>,
    pub(super) most_addresses: usize,
    pub(super) generation: u64,
    pub(super) exchange: ExchangeId,
}

impl Session {
    /// A session with sockets at each of the host's addresses.
    pub(super) fn open(opening: &Opening<'_>, host: &mut dyn Host) -> Self {
        let Opening { implementation, config, role, generation, exchange, .. } = *opening;
        let agent = Party::new(implementation, config.clone(), role, host.rng(SECRETS));
        Self {
            agent,
            generation,
            is_offered: false,
            is_described: false,
            news: Vec::new(),
            is_end: false,
            exchange: Some(exchange),
            sockets: Vec::new(),
            streams: Connections::default(),
            armed: None,
            dropped_for_room: 0,
        }
    }

    /// A copy, where its agent can be copied.
    pub(super) fn try_clone(&self) -> Option<Self> {
        Some(Self {
            agent: self.agent.try_clone()?,
            news: self.news.clone(),
            sockets: self.sockets.clone(),
            streams: self.streams.clone(),
            ..*self
        })
    }

    /// Binds a socket for each component at each of the host's addresses, those that it prefers first.
    pub(super) fn bind(&mut self, opening: &Opening<'_>, host: &mut dyn Host) -> Vec<Base> {
        let components = opening.config.streams.iter().enumerate();
        let components =
            components.flat_map(|(stream, count)| (1..=*count).map(move |number| Component { stream, number }));
        let mut bases = Vec::new();
        for (place, component) in components.enumerate() {
            for (rank, address) in host.addresses().into_iter().take(opening.most_addresses).enumerate() {
                let rank = rank as u32;
                let Ok(id) = host.udp_bind_to(address, 0) else { continue };
                // A socket is bound to this address: it sends from there, wherever to.
                let Ok(base) = host.udp_local_addr(id, SocketAddr::new(address, ANY_PORT)) else { continue };
                self.sockets.reserve_exact(1);
                self.sockets.push(Socket { id, base });
                bases.push(Base { component, address: base, protocol: Protocol::Udp, rank });
                if let Some(port) = opening.tcp_port {
                    // Of active ends the agent tells none this port: it is what it tells them apart by.
                    for (tcp, port) in [(TcpType::Active, place as u16), (TcpType::Passive, port + place as u16)] {
                        let address = SocketAddr::new(address, port);
                        bases.push(Base { component, address, protocol: Protocol::Tcp(tcp), rank });
                    }
                }
            }
        }
        bases
    }

    /// Whether a socket is one of its.
    pub(super) fn has_socket(&self, socket: SocketId) -> bool {
        self.sockets.iter().any(|own| own.id == socket)
    }

    /// Whether a stream is one of its.
    pub(super) fn has_stream(&self, stream: StreamId) -> bool {
        self.streams.has(stream)
    }

    /// The place of a datagram.
    pub(super) fn place(&self, socket: SocketId, from: SocketAddr) -> Option<Place> {
        let own = self.sockets.iter().find(|own| own.id == socket)?;
        Some(Place::Udp { base: own.base, peer: from })
    }

    /// Takes a stream that the peer has opened to one of its passive candidates.
    pub(super) fn accept(&mut self, stream: StreamId, local: SocketAddr, peer: SocketAddr) {
        self.streams.accept(stream, Place::Tcp { base: local, peer });
    }

    /// Runs the agent, and does what it wants; what it tells comes back.
    pub(super) fn run<R>(
        &mut self,
        options: Option<&StreamOptions>,
        host: &mut dyn Host,
        call: impl FnOnce(&mut Party, &mut Cx<'_>) -> R,
    ) -> (R, Vec<Notice>) {
        let mut effects: Vec<EffectOf<Agent>> = Vec::new();
        let outcome = call(&mut self.agent, &mut MachineCx::new(host, &mut effects));
        let mut notices = Vec::new();
        while !effects.is_empty() {
            let mut lost = Vec::new();
            for effect in std::mem::take(&mut effects) {
                match effect {
                    Effect::Transmit(envelope) => lost.extend(self.send(envelope, options, host)),
                    Effect::Notify(notice) => notices.push(notice),
                    Effect::Observe(never) => match never {},
                }
            }
            for place in lost {
                let mut cx = MachineCx::new(host, &mut effects);
                let _always = self.agent.handle_command(Command::Unreachable(place), &mut cx);
            }
        }
        (outcome, notices)
    }

    /// Sends; the place, if nothing can be sent there.
    fn send(
        &mut self,
        Envelope { place, payload }: Envelope,
        options: Option<&StreamOptions>,
        host: &mut dyn Host,
    ) -> Option<Place> {
        let peer = match place {
            Place::Udp { base, peer } => {
                let socket = self.sockets.iter().find(|own| own.base == base)?;
                // An address that the host does not have any more: consent tells in time.
                let _lost = host.udp_send(socket.id, peer, payload);
                return None;
            }
            Place::Tcp { peer, .. } => peer,
            Place::Server(relay) => self.agent.server_of_relay(relay)?,
        };
        match options.map(|options| self.streams.send(place, peer, &payload, options, host)) {
            Some(Sent::Taken) => None,
            Some(Sent::Dropped) => {
                self.dropped_for_room += 1;
                None
            }
            Some(Sent::Gone) | None => Some(place),
        }
    }

    /// What a stream has brought; the place, if it is over.
    pub(super) fn read(&mut self, stream: StreamId, host: &mut dyn Host) -> Result<Vec<Envelope>, Place> {
        match self.streams.read(stream, host) {
            Some((place, messages)) => {
                Ok(messages.into_iter().map(|payload: Rope| Envelope { place, payload }).collect())
            }
            None => {
                let _over = host.stream_abort(stream);
                self.streams.forget(stream).map_or(Ok(Vec::new()), Err)
            }
        }
    }

    pub(super) fn write(&mut self, stream: StreamId, host: &mut dyn Host) {
        self.streams.write(stream, host);
    }

    pub(super) fn forget(&mut self, stream: StreamId) -> Option<Place> {
        self.streams.forget(stream)
    }

    /// Gives everything back.
    pub(super) fn close(mut self, options: Option<&StreamOptions>, host: &mut dyn Host) {
        let _always = self.run(options, host, |agent, cx| agent.handle_command(Command::Close, cx));
        for socket in &self.sockets {
            let _over = host.udp_close(socket.id);
        }
        self.streams.close(host);
    }
}
