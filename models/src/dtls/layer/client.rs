//! Sessions that an application opens, one for each of its sockets and servers.

use super::Work;
use crate::app::{HostError, SocketId};
use crate::dtls::config::ClientConfig;
use crate::dtls::connection::{ClientSide, Connection, Cx, Effect, Notice, Side, Trace, Unsendable};
use crate::layer::Told;
use crate::rope::Rope;
use crate::tls::certificate::Trust;
use protosim_core::{Deadline, Effect as CoreEffect, LocalTime, Span};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Data without an answer are a sign of a dead session where others were sent a part of `dead_after` earlier: a fourth, so that
/// retransmissions of one message of CoAP's, which go on for 30 s at least, are enough of one where it is 93 s (our choice).
const APART: u64 = 4;

/// Which session: the socket, and the server.
type Key = (SocketId, SocketAddr);

#[derive(Clone, Debug)]
struct Session {
    connection: Connection,
    begun: LocalTime,
    /// When the first and the last data were sent since something has come.
    unanswered: Option<(LocalTime, LocalTime)>,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct ClientParty {
    side: Side,
    dead_after: Span,
    sessions: BTreeMap<Key, Session>,
}

impl ClientParty {
    pub(super) fn new(config: ClientConfig, trust: Trust, dead_after: Span) -> Self {
        let side = Side::Client(ClientSide::new(config, trust));
        Self { side, dead_after, sessions: BTreeMap::new() }
    }

    pub(super) fn on_datagram(&mut self, socket: SocketId, from: SocketAddr, datagram: &Rope, work: &mut Work<'_>) {
        let key = (socket, from);
        let Some(session) = self.sessions.get_mut(&key) else {
            work.counts.dropped += 1;
            return;
        };
        let mut effects = Vec::new();
        let cx = &mut Cx { env: work.host, effects: &mut effects };
        session.connection.handle_datagram(datagram, &mut self.side, cx);
        if session.connection.take_moved() {
            // Something of the server's that is new and protected.
            session.unanswered = None;
        }
        self.take(key, effects, work);
    }

    pub(super) fn send(
        &mut self,
        socket: SocketId,
        to: SocketAddr,
        data: &Rope,
        work: &mut Work<'_>,
    ) -> Result<(), HostError> {
        let (key, now) = ((socket, to), work.host.now());
        if self.sessions.get(&key).is_some_and(|session| session.is_dead(now, self.dead_after)) {
            work.counts.abandoned += 1;
            self.remove(key, work);
        }
        if !self.sessions.contains_key(&key) {
            self.open(key, work);
        }
        // Without memory for it, it is gone again.
        let Some(session) = self.sessions.get_mut(&key) else { return Err(HostError::OutOfMemory) };
        if session.connection.has_waiting(data) {
            work.counts.merged += 1;
            return Ok(());
        }
        let mut effects = Vec::new();
        let sent = session.connection.send(data, &mut Cx { env: work.host, effects: &mut effects });
        if session.connection.is_connected() && sent.is_ok() {
            session.unanswered.get_or_insert((now, now)).1 = now;
        }
        self.take(key, effects, work);
        match sent {
            Ok(()) => Ok(()),
            Err(Unsendable::TooLong { len, .. }) => {
                work.counts.too_long += 1;
                Err(HostError::TooLarge(len))
            }
            // As a datagram that is lost.
            Err(Unsendable::TooMuch | Unsendable::Over) => {
                work.counts.unsent += 1;
                Ok(())
            }
        }
    }

    fn open(&mut self, key: Key, work: &mut Work<'_>) {
        let Side::Client(side) = &mut self.side else { unreachable!("it was made a client's") };
        let (begun, mut effects) = (work.host.now(), Vec::new());
        let connection = Connection::client(side, &mut Cx { env: work.host, effects: &mut effects });
        self.sessions.insert(key, Session { connection, begun, unanswered: None });
        self.take(key, effects, work);
    }

    /// The application closes a socket: servers are told.
    pub(super) fn close(&mut self, socket: SocketId, work: &mut Work<'_>) {
        let of_socket = (socket, SocketAddr::from(([0, 0, 0, 0], 0)))..;
        let keys = self.sessions.range(of_socket).map(|(key, _)| *key).take_while(|(one, _)| *one == socket);
        for key in keys.collect::<Vec<_>>() {
            let mut effects = Vec::new();
            if let Some(session) = self.sessions.get_mut(&key) {
                session.connection.close(&mut Cx { env: work.host, effects: &mut effects });
            }
            self.take(key, effects, work);
            self.remove(key, work);
        }
    }

    pub(super) fn on_timer(&mut self, work: &mut Work<'_>) {
        let now = work.host.now();
        let is_due = |session: &Session| session.connection.next_timeout().is_some_and(|deadline| deadline.at <= now);
        let due = self.sessions.iter().filter(|(_, session)| is_due(session)).map(|(key, _)| *key);
        for key in due.collect::<Vec<_>>() {
            let mut effects = Vec::new();
            if let Some(session) = self.sessions.get_mut(&key) {
                session.connection.handle_timeout(&mut Cx { env: work.host, effects: &mut effects });
            }
            self.take(key, effects, work);
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Deadline> {
        let all = self.sessions.values().filter_map(|session| session.connection.next_timeout());
        all.min_by_key(|deadline| deadline.at)
    }

    /// Does what a connection wants done.
    fn take(&mut self, key: Key, effects: Vec<Effect>, work: &mut Work<'_>) {
        let (socket, server) = key;
        let mut is_over = false;
        for effect in effects {
            match effect {
                // A datagram that the host refuses is a lost one: flights are sent again.
                CoreEffect::Transmit(datagram) => drop(work.host.udp_send(socket, server, datagram)),
                CoreEffect::Notify(Notice::Connected(handshaked)) => {
                    if let Some(session) = self.sessions.get(&key) {
                        let took = (session.begun, work.host.now());
                        work.counts.connected(&handshaked, &session.connection, took);
                    }
                }
                CoreEffect::Notify(Notice::Data(data)) => work.told.push_back(Told::Datagram(socket, server, data)),
                CoreEffect::Notify(Notice::Closed) => {
                    work.counts.closed();
                    is_over = true;
                }
                CoreEffect::Notify(Notice::Failed(failure)) => {
                    work.counts.failed(failure);
                    is_over = true;
                }
                CoreEffect::Observe(Trace::Secret(secret)) => work.host.observe_secret(secret),
                CoreEffect::Observe(trace) => work.counts.observe(&trace),
            }
        }
        if is_over {
            self.remove(key, work);
        }
    }

    fn remove(&mut self, key: Key, work: &mut Work<'_>) {
        if let Some(mut session) = self.sessions.remove(&key) {
            if session.connection.is_connected() {
                work.told.push_back(Told::Gone(key.0, key.1));
            }
            work.counts.unsent += session.connection.waiting() as u64;
            session.connection.release(work.host);
        }
    }
}

impl Session {
    /// Nothing has come for so long after something was sent, and something else a while later: one datagram may be lost.
    fn is_dead(&self, now: LocalTime, dead_after: Span) -> bool {
        self.unanswered.is_some_and(|(first, last)| {
            now.saturating_since(first) >= dead_after
                && last.saturating_since(first) >= Span::from_nanos(dead_after.as_nanos() / APART)
        })
    }
}
