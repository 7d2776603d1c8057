//! A server's socket: connections by the address of their peer and by connection id, behind a [`gate`](super::gate).

use super::connection::{Connection, Counts, Cx, Effect, Notice, ServerSide, Side, Trace, draw_cid};
use super::gate::{Verdict, hello_of, look};
use super::wire::{Header, Records};
use crate::rope::Rope;
use bytes::Bytes;
use protosim_core::{Deadline, Effect as CoreEffect, Env, LocalTime};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// A connection of an endpoint. Numbers are not used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ConnectionId(pub u64);

/// What an endpoint wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// A datagram goes there.
    Transmit(SocketAddr, Rope),
    /// A connection tells its user something.
    Notify(ConnectionId, Notice),
    /// A connection tells an observer something.
    Observe(ConnectionId, Trace),
    /// The peer of a connection sends from another address now (RFC 9146 §6).
    Moved(ConnectionId, SocketAddr),
}

/// How many connections an endpoint has at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EndpointLimits {
    /// All of them. More hellos are dropped.
    pub connections: usize,
}

impl Default for EndpointLimits {
    /// Our choice.
    fn default() -> Self {
        Self { connections: 65_536 }
    }
}

#[derive(Clone, Debug)]
struct Entry {
    connection: Connection,
    address: SocketAddr,
    /// As it stands in `deadlines`.
    deadline: Option<LocalTime>,
}

/// What an endpoint counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EndpointCounts {
    /// Hellos that were answered without keeping anything: with a cookie, or an alert.
    pub answered: u64,
    /// Hellos that became connections.
    pub accepted: u64,
    /// Datagrams that nobody waited for.
    pub dropped: u64,
}

/// A server's socket.
#[derive(Clone, Debug)]
pub struct Endpoint {
    side: Side,
    limits: EndpointLimits,
    next: u64,
    entries: BTreeMap<ConnectionId, Entry>,
    by_address: BTreeMap<SocketAddr, ConnectionId>,
    by_cid: BTreeMap<Bytes, ConnectionId>,
    deadlines: BTreeSet<(LocalTime, ConnectionId)>,
    counts: EndpointCounts,
}

/// Attempts to draw a connection id that nobody has: with ids of a byte they may all be taken.
const ATTEMPTS: u32 = 8;

impl Endpoint {
    /// Without connections.
    pub fn new(side: ServerSide, limits: EndpointLimits) -> Self {
        Self {
            side: Side::Server(side),
            limits,
            next: 0,
            entries: BTreeMap::new(),
            by_address: BTreeMap::new(),
            by_cid: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            counts: EndpointCounts::default(),
        }
    }

    fn side(&mut self) -> &mut ServerSide {
        match &mut self.side {
            Side::Server(side) => side,
            Side::Client(_) => unreachable!("an endpoint is a server's"),
        }
    }

    /// A datagram has come.
    pub fn handle_datagram(&mut self, from: SocketAddr, datagram: &Rope, env: &mut dyn Env, out: &mut Vec<Output>) {
        let cid_len = usize::from(self.side().config.common.cid_len.unwrap_or(0));
        let Some(record) = Records::new(datagram, cid_len).next() else {
            self.counts.dropped += 1;
            return;
        };
        let cid = match &record.header {
            Header::Full(header) => Some(header.cid.clone()),
            Header::Unified(header) => header.cid.clone(),
        };
        let by_cid = cid.filter(|cid| !cid.is_empty()).and_then(|cid| self.by_cid.get(&cid).copied());
        let known = by_cid.or_else(|| self.by_address.get(&from).copied());
        let is_new_hello = hello_of(&record).is_some_and(|(_, _, body)| {
            let random = body.get(2..34).unwrap_or_default();
            known.and_then(|id| self.entries.get(&id)).is_none_or(|entry| entry.connection.client_random() != random)
        });
        match known.filter(|_| !is_new_hello) {
            Some(id) => self.deliver(id, from, datagram, env, out),
            None => self.greet(from, datagram, known, env, out),
        }
    }

    fn deliver(
        &mut self,
        id: ConnectionId,
        from: SocketAddr,
        datagram: &Rope,
        env: &mut dyn Env,
        out: &mut Vec<Output>,
    ) {
        let mut effects = Vec::new();
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.connection.handle_datagram(datagram, &mut self.side, &mut Cx { env, effects: &mut effects });
        let is_newest = entry.connection.take_moved() && entry.connection.cid().is_some();
        let Side::Server(side) = &self.side else { unreachable!("an endpoint is a server's") };
        if is_newest && entry.address != from && side.config.follows_peers {
            // RFC 9146 §6: it was protected, and newer than all before. Its third condition is `follows_peers`.
            if self.by_address.get(&entry.address) == Some(&id) {
                self.by_address.remove(&entry.address);
            }
            self.by_address.insert(from, id);
            entry.address = from;
            out.push(Output::Moved(id, from));
        }
        self.take_effects(id, effects, out);
    }

    /// Somebody says hello. Who has a connection keeps it until the new one has shown where it is (RFC 6347 §4.2.8).
    fn greet(
        &mut self,
        from: SocketAddr,
        datagram: &Rope,
        known: Option<ConnectionId>,
        env: &mut dyn Env,
        out: &mut Vec<Output>,
    ) {
        let Some(record) = Records::new(datagram, 0).next() else { return };
        let verdict = look(&record, from, known.is_some(), self.side(), env);
        let mut accepted = match verdict {
            Verdict::Answer(answer) => {
                self.counts.answered += 1;
                out.push(Output::Transmit(from, answer));
                return;
            }
            Verdict::Accept(accepted) if known.is_some() || self.entries.len() < self.limits.connections => accepted,
            Verdict::Accept(_) | Verdict::Drop => {
                self.counts.dropped += 1;
                return;
            }
        };
        if let Some(len) = self.side().config.common.cid_len {
            let free = (0..ATTEMPTS).map(|_| draw_cid(len, env)).find(|cid| !self.by_cid.contains_key(cid));
            let Some(cid) = free else {
                // The client comes again, and other ids are tried.
                self.counts.dropped += 1;
                return;
            };
            accepted.cid = cid;
        }
        if let Some(old) = known {
            let is_over = self.connection(old).is_none_or(Connection::is_over);
            self.remove(old);
            if !is_over {
                // Its peer has no use for it any more: it has begun another one.
                out.push(Output::Notify(old, Notice::Closed));
            }
        }
        self.counts.accepted += 1;
        let id = ConnectionId(self.next);
        self.next += 1;
        let mut effects = Vec::new();
        let connection = Connection::server(self.side(), accepted, &mut Cx { env, effects: &mut effects });
        if let Some(cid) = connection.cid() {
            self.by_cid.insert(cid.clone(), id);
        }
        self.by_address.insert(from, id);
        self.entries.insert(id, Entry { connection, address: from, deadline: None });
        self.take_effects(id, effects, out);
    }

    fn take_effects(&mut self, id: ConnectionId, effects: Vec<Effect>, out: &mut Vec<Output>) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let deadline = entry.connection.next_timeout().map(|deadline| deadline.at);
        if deadline != entry.deadline {
            if let Some(old) = entry.deadline {
                self.deadlines.remove(&(old, id));
            }
            self.deadlines.extend(deadline.map(|at| (at, id)));
            entry.deadline = deadline;
        }
        for effect in effects {
            out.push(match effect {
                CoreEffect::Transmit(datagram) => Output::Transmit(entry.address, datagram),
                CoreEffect::Notify(notice) => Output::Notify(id, notice),
                CoreEffect::Observe(trace) => Output::Observe(id, trace),
            });
        }
    }

    /// The clock may have reached [`Endpoint::next_timeout`].
    pub fn handle_timeout(&mut self, env: &mut dyn Env, out: &mut Vec<Output>) {
        let now = env.now();
        let due: Vec<ConnectionId> =
            self.deadlines.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect();
        for id in due {
            self.with(id, env, out, |connection, cx| connection.handle_timeout(cx));
        }
    }

    /// When it wants to be called without anything having come.
    pub fn next_timeout(&self) -> Option<Deadline> {
        let (_, id) = self.deadlines.first()?;
        self.entries.get(id)?.connection.next_timeout()
    }

    /// Calls a connection; `None` if it is not there.
    pub fn with<R>(
        &mut self,
        id: ConnectionId,
        env: &mut dyn Env,
        out: &mut Vec<Output>,
        call: impl FnOnce(&mut Connection, &mut Cx<'_>) -> R,
    ) -> Option<R> {
        let mut effects = Vec::new();
        let entry = self.entries.get_mut(&id)?;
        let result = call(&mut entry.connection, &mut Cx { env, effects: &mut effects });
        self.take_effects(id, effects, out);
        Some(result)
    }

    /// A connection.
    pub fn connection(&self, id: ConnectionId) -> Option<&Connection> {
        self.entries.get(&id).map(|entry| &entry.connection)
    }

    /// The connections, in the order in which they came.
    pub fn connections(&self) -> impl Iterator<Item = (ConnectionId, &Connection)> {
        self.entries.iter().map(|(id, entry)| (*id, &entry.connection))
    }

    /// Forgets a connection: its user has no use for it any more.
    pub fn remove(&mut self, id: ConnectionId) -> Option<Counts> {
        let entry = self.entries.remove(&id)?;
        if self.by_address.get(&entry.address) == Some(&id) {
            self.by_address.remove(&entry.address);
        }
        if let Some(cid) = entry.connection.cid() {
            if self.by_cid.get(cid) == Some(&id) {
                self.by_cid.remove(cid);
            }
        }
        if let Some(at) = entry.deadline {
            self.deadlines.remove(&(at, id));
        }
        Some(entry.connection.counts())
    }

    /// What it has counted.
    pub const fn counts(&self) -> EndpointCounts {
        self.counts
    }

    /// What a host keeps for all connections \[bytes\].
    pub fn memory(&self) -> u64 {
        self.entries.values().map(|entry| entry.connection.memory()).sum()
    }
}
