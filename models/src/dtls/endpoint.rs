//! A server's socket: connections by the address of their peer and by connection id, behind a [`gate`](super::gate).

use super::connection::{Connection, Counts, Cx, Effect, Notice, ServerSide, Side, Trace, Unsendable, draw_cid};
use super::gate::{Verdict, hello_of, look};
use super::wire::{Header, Records};
use crate::rope::Rope;
use bytes::Bytes;
use protosim_core::{Deadline, Effect as CoreEffect, Env, LocalTime, Span};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv6Addr, SocketAddr};

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
    /// The peer of a connection sends from another address now (RFC 9146 §6): the one before, and the new one.
    Moved(ConnectionId, SocketAddr, SocketAddr),
    /// A connection is ended and forgotten, whose peer had this name ([`Endpoint::name`]); where it is told, it was told.
    Ended(ConnectionId, SocketAddr, Ending),
}

/// Why an endpoint has ended a connection by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Another one needed its place.
    Evicted,
    /// Nothing has come or gone for as long as it may be so.
    Idle,
    /// Its peer has begun another one, and has no use for it any more.
    Replaced,
}

/// How many connections an endpoint has at once, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EndpointLimits {
    /// All of them.
    pub connections: usize,
    /// Where there is no room for another one: the one that has been silent for longest gives way, of those whose handshake is over, as in libcoap (sessions
    /// that are idle) and Californium. Else, or if there is none, the hello is dropped, as in tinydtls.
    pub evicts: bool,
    /// A connection is ended when nothing has come or gone for so long; `None`: never.
    pub idle: Option<Span>,
}

impl Default for EndpointLimits {
    /// Our choice.
    fn default() -> Self {
        Self { connections: 65_536, evicts: true, idle: None }
    }
}

#[derive(Clone, Debug)]
struct Entry {
    connection: Connection,
    address: SocketAddr,
    /// What its user calls its peer: see [`Endpoint::name`].
    name: SocketAddr,
    /// When its hello was accepted.
    begun: LocalTime,
    /// As it stands in `deadlines`.
    deadline: Option<LocalTime>,
    /// When something came or went last, once its handshake is over: as it stands in `silent`.
    last: Option<LocalTime>,
    /// It has failed, and is kept until then: as it stands in `failed`.
    kept_until: Option<LocalTime>,
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
    /// Hellos with a good cookie that there was no room for.
    pub refused: u64,
}

/// A server's socket.
#[derive(Clone, Debug)]
pub struct Endpoint {
    side: Side,
    limits: EndpointLimits,
    next: u64,
    entries: BTreeMap<ConnectionId, Entry>,
    by_address: BTreeMap<SocketAddr, ConnectionId>,
    /// Connections by what their users call them.
    by_name: BTreeMap<SocketAddr, ConnectionId>,
    by_cid: BTreeMap<Bytes, ConnectionId>,
    deadlines: BTreeSet<(LocalTime, ConnectionId)>,
    /// Those whose handshake is over, by when something came or went last.
    silent: BTreeSet<(LocalTime, ConnectionId)>,
    /// Those that have failed, by when they are forgotten.
    failed: BTreeSet<(LocalTime, ConnectionId)>,
    counts: EndpointCounts,
}

/// Attempts to draw a connection id that nobody has: with ids of a byte they may all be taken.
const ATTEMPTS: u32 = 8;

/// For how long a connection that has failed is kept: twice the longest time-out of RFC 6347 §4.2.4.1, so that a peer that tries again does so at least
/// once meanwhile (our choice).
const KEPT: Span = Span::from_secs(120);

impl Endpoint {
    /// Without connections.
    pub fn new(side: ServerSide, limits: EndpointLimits) -> Self {
        Self {
            side: Side::Server(side),
            limits,
            next: 0,
            entries: BTreeMap::new(),
            by_address: BTreeMap::new(),
            by_name: BTreeMap::new(),
            by_cid: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            silent: BTreeSet::new(),
            failed: BTreeSet::new(),
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
        let is_newest = entry.connection.take_moved();
        let Side::Server(side) = &self.side else { unreachable!("an endpoint is a server's") };
        let may_move = side.config.follows_peers && entry.connection.cid().is_some();
        if is_newest && entry.address != from && may_move {
            // RFC 9146 §6: it was protected, and newer than all before. Its third condition is `follows_peers`.
            let old = std::mem::replace(&mut entry.address, from);
            if self.by_address.get(&old) == Some(&id) {
                self.by_address.remove(&old);
            }
            self.by_address.insert(from, id);
            out.push(Output::Moved(id, old, from));
        }
        let now = env.now();
        self.take_effects(id, effects, now, out);
        if is_newest {
            self.touch(id, now);
        }
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
            Verdict::Accept(accepted) if known.is_some() || self.has_room(env, out) => accepted,
            Verdict::Accept(_) => {
                self.counts.refused += 1;
                return;
            }
            Verdict::Drop => {
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
            if let Some(name) = self.name(old).filter(|_| !is_over) {
                out.push(Output::Ended(old, name, Ending::Replaced));
            }
            self.remove(old, env);
        }
        self.counts.accepted += 1;
        let id = ConnectionId(self.next);
        self.next += 1;
        let mut effects = Vec::new();
        let mut connection = Connection::server(self.side(), accepted, &mut Cx { env, effects: &mut effects });
        connection.count_hello(datagram.len());
        if let Some(cid) = connection.cid() {
            self.by_cid.insert(cid.clone(), id);
        }
        self.by_address.insert(from, id);
        let now = env.now();
        let (name, begun) = (self.new_name(id, from), now);
        self.by_name.insert(name, id);
        self.entries
            .insert(id, Entry { connection, address: from, name, begun, deadline: None, last: None, kept_until: None });
        self.take_effects(id, effects, now, out);
    }

    /// True if there is room for another connection, or is made.
    fn has_room(&mut self, env: &mut dyn Env, out: &mut Vec<Output>) -> bool {
        if self.entries.len() < self.limits.connections {
            return true;
        }
        // What has failed is there for its alert alone.
        if let Some((_, id)) = self.failed.first().copied() {
            self.remove(id, env);
            return true;
        }
        let Some((_, id)) = self.silent.first().copied().filter(|_| self.limits.evicts) else { return false };
        self.end(id, Ending::Evicted, env, out);
        true
    }

    /// Ends a connection by our own will.
    fn end(&mut self, id: ConnectionId, why: Ending, env: &mut dyn Env, out: &mut Vec<Output>) {
        self.with(id, env, out, |connection, cx| connection.close(cx));
        out.extend(self.name(id).map(|name| Output::Ended(id, name, why)));
        self.remove(id, env);
    }

    /// Something has come or gone now.
    fn touch(&mut self, id: ConnectionId, now: LocalTime) {
        let Some(last) = self.entries.get_mut(&id).and_then(|entry| entry.last.as_mut()) else { return };
        self.silent.remove(&(*last, id));
        *last = now;
        self.silent.insert((now, id));
    }

    fn take_effects(&mut self, id: ConnectionId, effects: Vec<Effect>, now: LocalTime, out: &mut Vec<Output>) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if entry.last.is_none() && entry.kept_until.is_none() && entry.connection.is_connected() {
            entry.last = Some(now);
            self.silent.insert((now, id));
        }
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
        while let Some((_, id)) = self.failed.first().copied().filter(|(until, _)| *until <= now) {
            self.remove(id, env);
        }
        while let Some((last, id)) = self.silent.first().copied() {
            if self.limits.idle.is_none_or(|idle| last.saturating_add(idle) > now) {
                break;
            }
            self.end(id, Ending::Idle, env, out);
        }
    }

    /// When it wants to be called without anything having come.
    pub fn next_timeout(&self) -> Option<Deadline> {
        let of_connection = |(_, id): &(LocalTime, ConnectionId)| self.entries.get(id)?.connection.next_timeout();
        let deadline = self.deadlines.first().and_then(of_connection);
        let silent = self.silent.first().zip(self.limits.idle);
        let idle = silent.map(|((last, _), idle)| Deadline { at: last.saturating_add(idle), timer: "dtls.idle" });
        let kept = self.failed.first().map(|(until, _)| Deadline { at: *until, timer: "dtls.failed" });
        [deadline, idle, kept].into_iter().flatten().min_by_key(|deadline| deadline.at)
    }

    /// Sends data to whom a connection belongs.
    ///
    /// # Errors
    /// As [`Connection::send`]; also where there is no such connection.
    pub fn send(
        &mut self,
        id: ConnectionId,
        data: &Rope,
        env: &mut dyn Env,
        out: &mut Vec<Output>,
    ) -> Result<(), Unsendable> {
        let now = env.now();
        let sent = self.with(id, env, out, |connection, cx| connection.send(data, cx));
        self.touch(id, now);
        sent.unwrap_or(Err(Unsendable::Over))
    }

    /// The connection whose peer has this name ([`Endpoint::name`]).
    pub fn named(&self, name: SocketAddr) -> Option<ConnectionId> {
        self.by_name.get(&name).copied()
    }

    /// What the peer of a connection is called, wherever it has moved to: to protocols above it stays one endpoint, since that is the session (RFC 7252
    /// §9.1.1). It is the address at which it began; where that is the name of one that has moved away, another that nobody has.
    pub fn name(&self, id: ConnectionId) -> Option<SocketAddr> {
        self.entries.get(&id).map(|entry| entry.name)
    }

    /// A name for a connection that begins at this address.
    fn new_name(&self, id: ConnectionId, address: SocketAddr) -> SocketAddr {
        if !self.by_name.contains_key(&address) {
            return address;
        }
        // 100::/64 is nobody's (RFC 6666).
        SocketAddr::from((Ipv6Addr::from_bits(0x0100 << 112 | u128::from(id.0)), address.port()))
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
        let now = env.now();
        self.take_effects(id, effects, now, out);
        Some(result)
    }

    /// Where the peer of a connection is, and since when there is a connection.
    pub fn peer(&self, id: ConnectionId) -> Option<(SocketAddr, LocalTime)> {
        self.entries.get(&id).map(|entry| (entry.address, entry.begun))
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
    pub fn remove(&mut self, id: ConnectionId, env: &mut dyn Env) -> Option<Counts> {
        let mut entry = self.entries.remove(&id)?;
        entry.connection.release(env);
        if let Some(last) = entry.last {
            self.silent.remove(&(last, id));
        }
        if self.by_address.get(&entry.address) == Some(&id) {
            self.by_address.remove(&entry.address);
        }
        if self.by_name.get(&entry.name) == Some(&id) {
            self.by_name.remove(&entry.name);
        }
        if let Some(cid) = entry.connection.cid().filter(|cid| self.by_cid.get(*cid) == Some(&id)) {
            self.by_cid.remove(cid);
        }
        if let Some(at) = entry.deadline {
            self.deadlines.remove(&(at, id));
        }
        if let Some(until) = entry.kept_until {
            self.failed.remove(&(until, id));
        }
        Some(entry.connection.counts())
    }

    /// A connection has failed. Its peer may not have heard why, and is told again when it sends again what it was refused for (RFC 6347 §4.2.7, RFC 9147
    /// §5.10): so it is kept for a while, unless its place is wanted, but is nobody's peer any more, and takes no memory of the host.
    pub fn keep_failed(&mut self, id: ConnectionId, env: &mut dyn Env) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.connection.release(env);
        let until = env.now().saturating_add(KEPT);
        entry.kept_until = Some(until);
        let (name, last) = (entry.name, entry.last.take());
        self.failed.insert((until, id));
        self.silent.remove(&(last.unwrap_or(LocalTime::ZERO), id));
        if self.by_name.get(&name) == Some(&id) {
            self.by_name.remove(&name);
        }
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
