//! DTLS beneath any application: its sockets of UDP look the same to it, and what goes over them is protected.
//!
//! A [`Secured`] App is one with this layer beneath it ([`crate::layer`]): its datagrams are data of DTLS sessions over the sockets of the real host;
//! all else it gets as it is.
//!
//! - A client's session with a server begins with the first datagram that the App sends there; what it sends meanwhile waits, up to a limit. A copy
//!   of what waits already is not kept twice: protocols that send again do not know that a handshake is under way. When a handshake fails, or a
//!   session ends, what waits is lost as any datagram may be, and the next one begins a new session.
//! - A server's sessions are those of an [`Endpoint`](super::Endpoint) for each of its sockets. What the App sends to whom there is no session with is lost.
//!   It knows a client by the address at which its session began; what it reports of exchanges has the address where the client is then.
//! - Memory is that of the host: each session takes what it needs as it goes on. Where there is no more, it is over, and the peer gets an alert.
//!
//! What comes for nobody, or is not the peer's, is dropped without a word (RFC 6347 §4.1.2.7).

mod client;
mod counts;
mod server;

use super::config::{DtlsClientConfig, DtlsServerConfig};
use crate::app::{App, Host, HostError, SocketId, Total};
use crate::layer::{Layer, Layered, Told};
use crate::rope::Rope;
use crate::tls::certificate::Trust;
use crate::tls::crypto::Mode;
use client::ClientParty;
use counts::Counts;
use protosim_core::{CannotClone, Deadline};
use server::ServerParty;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// The layer's timer: for whatever comes first. Apps' timers do not have this bit in their tokens.
const TIMER: u64 = 1 << 63;

/// An application whose datagrams are secured.
pub type Secured = Layered<Sessions>;

/// The sessions of one application.
#[derive(Clone, Debug)]
pub struct Sessions {
    party: Party,
    /// What the App is to be told.
    told: VecDeque<Told>,
    counts: Counts,
    armed: Option<Deadline>,
}

#[derive(Clone, Debug)]
enum Party {
    Client(ClientParty),
    Server(ServerParty),
}

/// What both parties work with.
struct Work<'a> {
    host: &'a mut dyn Host,
    told: &'a mut VecDeque<Told>,
    counts: &'a mut Counts,
}

impl Secured {
    /// Secures what `app` sends to servers; `server` is what theirs is called unless `config` says another name.
    pub fn client(app: Box<dyn App>, mode: Mode, config: &DtlsClientConfig, server: &str) -> Self {
        let trust = if config.verify { Trust::default() } else { Trust::anyone() };
        let party = ClientParty::new(config.resolve(mode, server), trust, config.dead_after());
        Self::new(app, Sessions::of(Party::Client(party)))
    }

    /// Secures what comes to `app`.
    pub fn server(app: Box<dyn App>, mode: Mode, config: &DtlsServerConfig) -> Self {
        let party = ServerParty::new(config.resolve(mode), Trust::default(), config.limits());
        Self::new(app, Sessions::of(Party::Server(party)))
    }
}

impl Sessions {
    fn of(party: Party) -> Self {
        Self { party, told: VecDeque::new(), counts: Counts::default(), armed: None }
    }
}

impl Layer for Sessions {
    fn told(&mut self) -> &mut VecDeque<Told> {
        &mut self.told
    }

    /// What is sent is as good as drawn.
    fn on_bound(&mut self, socket: SocketId, host: &mut dyn Host) -> Result<(), HostError> {
        host.udp_protected(socket)
    }

    fn on_datagram(&mut self, socket: SocketId, from: SocketAddr, datagram: Rope, host: &mut dyn Host) {
        let work = &mut Work { host, told: &mut self.told, counts: &mut self.counts };
        match &mut self.party {
            Party::Client(party) => party.on_datagram(socket, from, &datagram, work),
            Party::Server(party) => party.on_datagram(socket, from, &datagram, work),
        }
    }

    fn udp_send(&mut self, socket: SocketId, to: SocketAddr, data: Rope, host: &mut dyn Host) -> Result<(), HostError> {
        // What the real socket would refuse is refused at once.
        host.udp_local_addr(socket, self.whereabouts(to))?;
        let work = &mut Work { host, told: &mut self.told, counts: &mut self.counts };
        match &mut self.party {
            Party::Client(party) => party.send(socket, to, &data, work),
            Party::Server(party) => party.send(socket, to, &data, work),
        }
    }

    fn whereabouts(&self, name: SocketAddr) -> SocketAddr {
        match &self.party {
            Party::Server(party) if self.counts.moved > 0 => party.whereabouts(name).unwrap_or(name),
            _ => name,
        }
    }

    fn on_close(&mut self, socket: SocketId, host: &mut dyn Host) {
        let work = &mut Work { host, told: &mut self.told, counts: &mut self.counts };
        match &mut self.party {
            Party::Client(party) => party.close(socket, work),
            Party::Server(party) => party.close(socket, work),
        }
    }

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) -> bool {
        if token != TIMER {
            return false;
        }
        self.armed = None;
        let work = &mut Work { host, told: &mut self.told, counts: &mut self.counts };
        match &mut self.party {
            Party::Client(party) => party.on_timer(work),
            Party::Server(party) => party.on_timer(work),
        }
        true
    }

    fn settle(&mut self, host: &mut dyn Host) {
        let wanted = match &self.party {
            Party::Client(party) => party.next_timeout(),
            Party::Server(party) => party.next_timeout(),
        };
        if wanted == self.armed {
            return;
        }
        match wanted {
            Some(Deadline { at, timer }) => host.set_timer(TIMER, at, timer),
            None => host.cancel_timer(TIMER),
        }
        self.armed = wanted;
    }

    /// `dtls_handshakes` and the like.
    fn totals(&self) -> Vec<Total> {
        self.counts.totals(matches!(self.party, Party::Server(_)))
    }

    fn try_clone(&self) -> Result<Self, CannotClone> {
        Ok(self.clone())
    }
}
