//! DTLS beneath any application: its sockets of UDP look the same to it, and what goes over them is protected.
//!
//! [`Secured`] is an App around another one. The inner App gets a host whose datagrams are data of DTLS sessions over the sockets of the real one;
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
mod host;
mod server;

use super::config::{DtlsClientConfig, DtlsServerConfig};
use crate::app::{App, ChannelId, Host, HostError, SocketId, StreamEvent, StreamId, Total};
use crate::rope::Rope;
use crate::tls::certificate::Trust;
use crate::tls::crypto::Mode;
use client::ClientParty;
use counts::Counts;
use host::SecureHost;
use protosim_core::{CannotClone, Deadline};
use server::ServerParty;
use std::any::Any;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

/// The layer's timer: for whatever comes first. Apps' timers do not have this bit in their tokens.
const TIMER: u64 = 1 << 63;

/// An application whose datagrams are secured.
#[derive(Debug)]
pub struct Secured {
    app: Box<dyn App>,
    layer: Layer,
}

/// The sessions of one application.
#[derive(Clone, Debug)]
struct Layer {
    party: Party,
    /// What the App is to be told.
    inbox: VecDeque<(SocketId, SocketAddr, Rope)>,
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
    inbox: &'a mut VecDeque<(SocketId, SocketAddr, Rope)>,
    counts: &'a mut Counts,
}

impl Secured {
    /// Secures what `app` sends to servers; `server` is what theirs is called unless `config` says another name.
    pub fn client(app: Box<dyn App>, mode: Mode, config: &DtlsClientConfig, server: &str) -> Self {
        let trust = if config.verify { Trust::default() } else { Trust::anyone() };
        let party = ClientParty::new(config.resolve(mode, server), trust, config.dead_after());
        Self { app, layer: Layer::new(Party::Client(party)) }
    }

    /// Secures what comes to `app`.
    pub fn server(app: Box<dyn App>, mode: Mode, config: &DtlsServerConfig) -> Self {
        let party = ServerParty::new(config.resolve(mode), Trust::default(), config.limits());
        Self { app, layer: Layer::new(Party::Server(party)) }
    }

    /// Calls the App, tells it what has come of that, and sets the timer.
    fn call(&mut self, host: &mut dyn Host, call: impl FnOnce(&mut dyn App, &mut dyn Host)) {
        call(&mut *self.app, &mut SecureHost { host, layer: &mut self.layer });
        self.tell(host);
    }

    fn tell(&mut self, host: &mut dyn Host) {
        while let Some((socket, from, data)) = self.layer.inbox.pop_front() {
            self.app.on_datagram(socket, from, data, &mut SecureHost { host, layer: &mut self.layer });
        }
        self.layer.arm(host);
    }
}

impl App for Secured {
    fn on_start(&mut self, host: &mut dyn Host) {
        self.call(host, |app, host| app.on_start(host));
    }

    fn on_datagram(&mut self, socket: SocketId, from: SocketAddr, payload: Rope, host: &mut dyn Host) {
        self.layer.on_datagram(socket, from, &payload, host);
        self.tell(host);
    }

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        if token == TIMER {
            self.layer.on_timer(host);
            self.tell(host);
            return;
        }
        self.call(host, |app, host| app.on_timer(token, host));
    }

    fn on_unreachable(&mut self, socket: SocketId, to: SocketAddr, host: &mut dyn Host) {
        self.call(host, |app, host| app.on_unreachable(socket, to, host));
    }

    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        self.call(host, |app, host| app.on_stream(stream, event, host));
    }

    fn on_echo_reply(&mut self, from: IpAddr, sequence: u16, payload: Rope, host: &mut dyn Host) {
        self.call(host, |app, host| app.on_echo_reply(from, sequence, payload, host));
    }

    fn on_signal(&mut self, channel: ChannelId, message: Rope, host: &mut dyn Host) {
        self.call(host, |app, host| app.on_signal(channel, message, host));
    }

    fn on_flush(&mut self, host: &mut dyn Host) {
        self.call(host, |app, host| app.on_flush(host));
    }

    /// The App's own, and those of its sessions: `dtls_handshakes` and the like.
    fn totals(&self) -> Vec<Total> {
        let mut totals = self.app.totals();
        totals.extend(self.layer.counts.totals(matches!(self.layer.party, Party::Server(_))));
        totals
    }

    fn exchanges_due(&self) -> u64 {
        self.app.exchanges_due()
    }

    fn begin_anew(&mut self) {
        self.app.begin_anew();
    }

    fn take_durable(&mut self) -> Option<Box<dyn Any + Send>> {
        self.app.take_durable()
    }

    fn recover(&mut self, durable: Box<dyn Any + Send>) {
        self.app.recover(durable);
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(Self { app: self.app.try_clone()?, layer: self.layer.clone() }))
    }
}

impl Layer {
    fn new(party: Party) -> Self {
        Self { party, inbox: VecDeque::new(), counts: Counts::default(), armed: None }
    }

    fn on_datagram(&mut self, socket: SocketId, from: SocketAddr, datagram: &Rope, host: &mut dyn Host) {
        let work = &mut Work { host, inbox: &mut self.inbox, counts: &mut self.counts };
        match &mut self.party {
            Party::Client(party) => party.on_datagram(socket, from, datagram, work),
            Party::Server(party) => party.on_datagram(socket, from, datagram, work),
        }
    }

    fn send(&mut self, socket: SocketId, to: SocketAddr, data: &Rope, host: &mut dyn Host) -> Result<(), HostError> {
        // What the real socket would refuse is refused at once.
        host.udp_local_addr(socket, self.whereabouts(to))?;
        let work = &mut Work { host, inbox: &mut self.inbox, counts: &mut self.counts };
        match &mut self.party {
            Party::Client(party) => party.send(socket, to, data, work),
            Party::Server(party) => party.send(socket, to, data, work),
        }
    }

    /// Where the peer really is that the App calls `name`.
    fn whereabouts(&self, name: SocketAddr) -> SocketAddr {
        match &self.party {
            Party::Server(party) if self.counts.moved > 0 => party.whereabouts(name).unwrap_or(name),
            _ => name,
        }
    }

    fn close(&mut self, socket: SocketId, host: &mut dyn Host) {
        let work = &mut Work { host, inbox: &mut self.inbox, counts: &mut self.counts };
        match &mut self.party {
            Party::Client(party) => party.close(socket, work),
            Party::Server(party) => party.close(socket, work),
        }
    }

    fn on_timer(&mut self, host: &mut dyn Host) {
        self.armed = None;
        let work = &mut Work { host, inbox: &mut self.inbox, counts: &mut self.counts };
        match &mut self.party {
            Party::Client(party) => party.on_timer(work),
            Party::Server(party) => party.on_timer(work),
        }
    }

    fn arm(&mut self, host: &mut dyn Host) {
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
}
