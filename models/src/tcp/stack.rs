//! The connections of one host: who is called by an arriving segment, and who listens.
//!
//! A [`Stack`] has no clock and no wires. Calls go in, [`Output`]s are taken out with [`Stack::next_output`]; a simulated
//! node, `protosim packetdrill` and a live host drive the same code.
//!
//! Within one instant all inputs come first; [`Stack::flush`] then decides what is sent.

use super::connection::{Connection, Offer};
use super::listener::{Ends, Listener, Secret, cookie_of};
use super::{FastOpen, Parameters, Segment, State, TcpInfo, TcpTotals, Trace, reset_for};
use crate::packet::{TcpFlags, TcpOptions};
use crate::rope::Rope;
use bytes::Bytes;
use protosim_core::machine::EffectOf;
use protosim_core::{Deadline, Effect, Env, Machine, MachineCx, Purpose};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// A connection of a stack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ConnectionId(pub u32);

/// A listening port of a stack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ListenerId(pub u32);

/// The connections and listeners of a host.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    /// By number; boxed, so that a number that is free costs a pointer.
    connections: Vec<Option<Box<Entry>>>,
    free: Vec<u32>,
    /// Which connection a segment belongs to.
    by_ends: BTreeMap<Key, ConnectionId>,
    /// By number; `None` for those that are closed.
    listeners: Vec<Option<Listener>>,
    outputs: VecDeque<Output>,
    /// Connections that are owed a flush.
    dirty: Vec<ConnectionId>,
    /// Connections whose deadline may have changed.
    rescheduled: Vec<ConnectionId>,
    /// Kept for its capacity; empty between calls.
    effects: Vec<EffectOf<Connection>>,
    /// Cookies of servers (RFC 7413 §4.1.3).
    cookies: BTreeMap<IpAddr, Bytes>,
    secret: Option<Secret>,
    observes: bool,
    /// What connections have counted that are over, by owner.
    past: BTreeMap<u32, TcpTotals>,
}

/// A connection and whose it is.
#[derive(Clone, Debug)]
struct Entry {
    connection: Connection,
    ends: Key,
    owner: u32,
    /// At which it has come in, while its owner does not know of it.
    listener: Option<ListenerId>,
    /// It has told its listener that the handshake is over, or was accepted before that.
    is_queued: bool,
    is_dirty: bool,
    is_rescheduled: bool,
    /// It was opened from here.
    is_active: bool,
}

/// Ports first: they differ most.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Key {
    ports: u32,
    remote: IpAddr,
    local: IpAddr,
}

impl Key {
    fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        let ports = u32::from(local.port()) << 16 | u32::from(remote.port());
        Self { ports, remote: remote.ip(), local: local.ip() }
    }

    const fn local(&self) -> SocketAddr {
        SocketAddr::new(self.local, (self.ports >> 16) as u16)
    }

    const fn remote(&self) -> SocketAddr {
        SocketAddr::new(self.remote, self.ports as u16)
    }
}

/// The dynamic ports (RFC 6335 §6).
const DYNAMIC_PORTS: std::ops::RangeInclusive<u16> = 49_152..=65_535;
/// What secrets are drawn from.
const SECRET_LUCK: Purpose = Purpose("tcp.secret");

/// What a stack wants done or known, in the order in which it came about.
#[derive(Clone, Debug)]
pub enum Output {
    /// This segment is to be sent.
    Transmit {
        /// From whom.
        local: SocketAddr,
        /// To whom.
        remote: SocketAddr,
        /// The segment.
        segment: Segment,
    },
    /// The owner of a connection should know.
    Notify {
        /// Whose connection.
        owner: u32,
        /// Which.
        connection: ConnectionId,
        /// What.
        notice: Notice,
    },
    /// For observers alone.
    Observe {
        /// Whose connection.
        owner: u32,
        /// Which.
        connection: ConnectionId,
        /// What.
        trace: Trace,
    },
}

/// What the user of a connection is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notice {
    /// A connection has come in at a listener and waits to be accepted ([`Stack::accept`]).
    Incoming(ListenerId),
    /// The connection that was asked for is there.
    Connected,
    /// There is more to be read than before.
    Readable,
    /// There is room again, after a write that was not taken whole.
    Writable,
    /// The peer has finished: what is there to be read is the rest.
    Finished,
    /// The connection is over, and its number is given away anew.
    Closed(CloseReason),
}

/// How a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CloseReason {
    /// Both ends have finished.
    Done,
    /// Nobody listens there (RFC 9293 §3.10.7.3), or a router says so.
    Refused,
    /// The peer has reset it.
    Reset,
    /// Nobody answers.
    TimedOut,
    /// The application has given it up.
    Aborted,
    /// The host has no memory for it.
    OutOfMemory,
}

/// Why a stack refuses a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StackError {
    /// There is no such connection any more.
    #[error("the connection is over")]
    NoConnection,
    /// Someone listens there already.
    #[error("TCP port {0} is taken")]
    PortTaken(u16),
    /// Every port of the dynamic range is taken, towards this peer.
    #[error("no TCP port is free")]
    NoFreePort,
    /// The application has finished this direction.
    #[error("nothing can be written after the end of a stream")]
    Finished,
    /// Memory of the host.
    #[error("the host has no memory for it")]
    OutOfMemory,
}

/// How a connection is opened.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The local address; port 0 for a free one.
    pub local: SocketAddr,
    /// The peer.
    pub remote: SocketAddr,
    /// The largest packet that the way out takes \[bytes\].
    pub mtu: u64,
    /// Data for the SYN, where a cookie lets them go with it (RFC 7413); else they follow the handshake.
    pub early_data: Rope,
    /// Who is told.
    pub owner: u32,
    /// What it goes by.
    pub parameters: Arc<Parameters>,
}

impl Stack {
    /// Listens on a port. `parameters` are those of the connections that come.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn listen(&mut self, port: u16, owner: u32, parameters: Arc<Parameters>) -> Result<ListenerId, StackError> {
        if self.listener_on(port).is_some() {
            return Err(StackError::PortTaken(port));
        }
        self.listeners.push(Some(Listener::new(port, owner, parameters)));
        Ok(ListenerId(self.listeners.len() as u32 - 1))
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// When no port is free, or the host has no memory.
    pub fn connect(&mut self, opening: Opening, env: &mut dyn Env) -> Result<ConnectionId, StackError> {
        self.open(opening, false, env)
    }

    /// Opens a connection that asks for a cookie although there are no data for its SYN (RFC 7413 §4.1.1).
    ///
    /// # Errors
    /// When no port is free, or the host has no memory.
    pub fn connect_for_cookie(&mut self, opening: Opening, env: &mut dyn Env) -> Result<ConnectionId, StackError> {
        self.open(opening, true, env)
    }

    fn open(&mut self, opening: Opening, wants: bool, env: &mut dyn Env) -> Result<ConnectionId, StackError> {
        let Opening { mut local, remote, mtu, early_data, owner, parameters } = opening;
        if local.port() == 0 {
            local.set_port(self.free_port(local, remote).ok_or(StackError::NoFreePort)?);
        } else if self.by_ends.contains_key(&Key::new(local, remote)) {
            return Err(StackError::PortTaken(local.port()));
        }
        let asks =
            matches!(parameters.fast_open, FastOpen::Client | FastOpen::Both) && (wants || !early_data.is_empty());
        let cookie = asks.then(|| self.cookies.get(&remote.ip()).cloned().unwrap_or_default());
        let offer = Offer { mtu, ip_header: ip_header(remote.ip()), cookie, observes: self.observes };
        let mut cx = MachineCx::new(env, &mut self.effects);
        let mut connection = Connection::open(parameters, offer, &mut cx)?;
        if !early_data.is_empty() {
            connection.write(&early_data, &mut cx)?;
        }
        let entry = Entry {
            connection,
            ends: Key::new(local, remote),
            owner,
            listener: None,
            is_queued: true,
            is_dirty: false,
            is_rescheduled: false,
            is_active: true,
        };
        let id = self.insert(entry);
        self.owe_flush(id);
        Ok(id)
    }

    /// The oldest connection that waits at a listener.
    pub fn accept(&mut self, listener: ListenerId, env: &mut dyn Env) -> Option<ConnectionId> {
        let waiting = &mut self.listeners.get_mut(listener.0 as usize)?.as_mut()?.ready;
        let id = waiting.pop_front()?;
        let entry = self.entry_mut(id)?;
        entry.listener = None;
        let (owner, readable, is_at_end) = (entry.owner, entry.connection.readable(), entry.connection.is_finished());
        let mut tell = |notice| self.outputs.push_back(Output::Notify { owner, connection: id, notice });
        if readable > 0 {
            tell(Notice::Readable);
        }
        if is_at_end {
            tell(Notice::Finished);
        }
        let _ = env;
        Some(id)
    }

    /// Stops listening; connections that wait to be accepted are reset.
    pub fn stop_listening(&mut self, listener: ListenerId, env: &mut dyn Env) {
        let Some(gone) = self.listeners.get_mut(listener.0 as usize).and_then(Option::take) else { return };
        let opening = self.numbered().filter(|(_, entry)| entry.listener == Some(listener)).map(|(id, _)| id);
        let all: Vec<ConnectionId> = gone.ready.into_iter().chain(opening.collect::<Vec<_>>()).collect();
        for id in all {
            // One may stand in both lists; it is over the second time.
            let _over = self.with(id, env, Connection::abort);
        }
    }

    /// Gives data to be sent; says how many bytes of them were taken, from the start. If not all were, [`Notice::Writable`]
    /// follows.
    ///
    /// # Errors
    /// When the connection is over, or its direction is finished.
    pub fn write(&mut self, connection: ConnectionId, data: &Rope, env: &mut dyn Env) -> Result<u64, StackError> {
        self.with(connection, env, |machine, cx| machine.write(data, cx))?
    }

    /// Takes at most `most` bytes that have arrived.
    ///
    /// # Errors
    /// When the connection is over and nothing is left to be read.
    pub fn read(&mut self, connection: ConnectionId, most: u64, env: &mut dyn Env) -> Result<Rope, StackError> {
        self.with(connection, env, |machine, cx| machine.read(most, cx))
    }

    /// Finishes this direction, after what has been written: a FIN. The other direction goes on.
    ///
    /// # Errors
    /// When the connection is over.
    pub fn finish(&mut self, connection: ConnectionId, env: &mut dyn Env) -> Result<(), StackError> {
        self.with(connection, env, |machine, _| machine.finish())?
    }

    /// The application wants no more of it. What has been written is still sent; what has arrived and was not read resets the
    /// connection (RFC 9293 §3.6.1).
    ///
    /// # Errors
    /// When the connection is over.
    pub fn close(&mut self, connection: ConnectionId, env: &mut dyn Env) -> Result<(), StackError> {
        self.with(connection, env, Connection::close)?
    }

    /// Resets the connection.
    ///
    /// # Errors
    /// When the connection is over.
    pub fn abort(&mut self, connection: ConnectionId, env: &mut dyn Env) -> Result<(), StackError> {
        self.with(connection, env, Connection::abort)?
    }

    /// Turns holding small segments back on or off (NODELAY).
    ///
    /// # Errors
    /// When the connection is over.
    pub fn set_nagle(&mut self, connection: ConnectionId, nagle: bool) -> Result<(), StackError> {
        let entry = self.entry_mut(connection).ok_or(StackError::NoConnection)?;
        entry.connection.set_nagle(nagle);
        self.owe_flush(connection);
        Ok(())
    }

    /// How a connection stands.
    ///
    /// # Errors
    /// When there is no such connection.
    pub fn info(&self, connection: ConnectionId, env: &dyn Env) -> Result<TcpInfo, StackError> {
        self.entry(connection).map(|entry| entry.connection.info(env.now())).ok_or(StackError::NoConnection)
    }

    /// The two ends of a connection: local, remote.
    ///
    /// # Errors
    /// When there is no such connection.
    pub fn ends(&self, connection: ConnectionId) -> Result<(SocketAddr, SocketAddr), StackError> {
        self.entry(connection).map(|entry| (entry.ends.local(), entry.ends.remote())).ok_or(StackError::NoConnection)
    }

    /// A segment has arrived. `mtu` is that of the way back to its sender.
    pub fn handle_segment(&mut self, local: IpAddr, remote: IpAddr, segment: Segment, mtu: u64, env: &mut dyn Env) {
        let local = SocketAddr::new(local, segment.header.destination_port);
        let remote = SocketAddr::new(remote, segment.header.source_port);
        let known = self.by_ends.get(&Key::new(local, remote)).copied();
        match known {
            Some(id) if !self.makes_way(id, &segment) => self.pass_on(id, &segment, env),
            _ => self.handle_unknown(local, remote, &segment, mtu, env),
        }
    }

    /// A router has said that packets to `remote` have to be at most `mtu` bytes, about a segment with this sequence number.
    pub fn handle_path_mtu(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        sequence: u32,
        mtu: u64,
        env: &mut dyn Env,
    ) {
        let Some(id) = self.by_ends.get(&Key::new(local, remote)).copied() else { return };
        // RFC 5927 §4: what is not in flight cannot have been too large.
        if self.entry(id).is_some_and(|entry| entry.connection.is_in_flight(sequence)) {
            let _alive = self.with(id, env, |machine, cx| machine.lower_path_mtu(mtu, cx));
        }
    }

    /// An ICMP error has come that says that `remote` cannot be reached, about a segment with this sequence number. A hard error
    /// ends a connection that is being opened; one that is open goes on (RFC 5461 §4, RFC 5927 §5).
    pub fn handle_unreachable(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        sequence: u32,
        is_hard: bool,
        env: &mut dyn Env,
    ) {
        let Some(id) = self.by_ends.get(&Key::new(local, remote)).copied() else { return };
        let refuses = |entry: &Entry| {
            is_hard
                && matches!(entry.connection.state(), State::SynSent | State::SynReceived)
                && entry.connection.is_in_flight(sequence)
        };
        if self.entry(id).is_some_and(refuses) {
            let _alive = self.with(id, env, Connection::refuse);
        }
    }

    /// The clock may have reached a connection's deadline.
    pub fn handle_timeout(&mut self, connection: ConnectionId, env: &mut dyn Env) {
        let _alive = self.with(connection, env, Connection::handle_timeout);
    }

    /// All inputs of this instant have been taken: decides what is sent.
    pub fn flush(&mut self, env: &mut dyn Env) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for id in dirty.drain(..) {
            let Some(entry) = self.entry_mut(id) else { continue };
            entry.is_dirty = false;
            self.run(id, env, Connection::flush);
        }
        if self.dirty.is_empty() {
            self.dirty = dirty;
        }
    }

    /// When a connection next needs a look at the clock.
    pub fn deadline(&self, connection: ConnectionId) -> Option<Deadline> {
        self.entry(connection)?.connection.poll_timeout()
    }

    /// The earliest deadline of all connections, and whose it is.
    pub fn poll_timeout(&self) -> Option<(ConnectionId, Deadline)> {
        let deadlines = self.numbered().filter_map(|(id, entry)| Some((id, entry.connection.poll_timeout()?)));
        deadlines.min_by_key(|(id, deadline)| (deadline.at, *id))
    }

    /// The connections whose deadline may have changed since this was last asked; those that are gone too.
    pub fn next_rescheduled(&mut self) -> Option<ConnectionId> {
        let id = self.rescheduled.pop()?;
        if let Some(entry) = self.entry_mut(id) {
            entry.is_rescheduled = false;
        }
        Some(id)
    }

    /// The next thing that the stack wants done or known.
    pub fn next_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether connections tell observers what they do ([`Output::Observe`]).
    pub fn observe(&mut self, observes: bool) {
        self.observes = observes;
        for entry in self.connections.iter_mut().flatten() {
            entry.connection.observes = observes;
        }
    }

    /// True if something waits to be taken by [`Stack::next_output`].
    #[inline]
    pub fn has_output(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// Whose connection this is.
    pub fn owner(&self, connection: ConnectionId) -> Option<u32> {
        self.entry(connection).map(|entry| entry.owner)
    }

    /// True if a connection is owed a flush.
    pub fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// What the first connection is made of, in words.
    #[cfg(test)]
    pub(super) fn anatomy(&self) -> String {
        let parts = self.connections.iter().flatten().next().map(|entry| entry.connection.anatomy());
        format!("entry {}, {}", size_of::<Entry>(), parts.unwrap_or_default())
    }

    /// Bytes that the first connection takes, what it has allocated included; and its entry in the table of ends, with the slack of
    /// a tree whose nodes are two thirds full.
    #[cfg(test)]
    pub(super) fn footprint(&self) -> (usize, usize) {
        let entry = self
            .connections
            .iter()
            .flatten()
            .next()
            .map_or(0, |entry| size_of::<Entry>() + entry.connection.allocated());
        (entry + size_of::<Option<Box<Entry>>>(), (size_of::<Key>() + size_of::<ConnectionId>()) * 3 / 2)
    }

    /// What all connections of an owner have counted so far; `None` if it never had one.
    pub fn totals(&self, owner: u32) -> Option<TcpTotals> {
        let mut all = self.past.get(&owner).copied();
        for entry in self.connections.iter().flatten().filter(|entry| entry.owner == owner) {
            all.get_or_insert_default().add(&entry.connection.totals());
        }
        all
    }

    /// A stack without connections and listeners; what was counted so far stays.
    #[must_use]
    pub fn begin_anew(&self) -> Self {
        let owners = self.connections.iter().flatten().map(|entry| entry.owner).chain(self.past.keys().copied());
        let past = owners.filter_map(|owner| Some((owner, self.totals(owner)?))).collect();
        Self { past, observes: self.observes, ..Self::default() }
    }

    /// All connections, by number.
    pub fn connections(&self) -> impl Iterator<Item = (ConnectionId, &Connection)> {
        self.numbered().map(|(id, entry)| (id, &entry.connection))
    }
}

/// What belongs to nobody yet.
impl Stack {
    /// True if a connection in TIME-WAIT makes way for the SYN of a new one (RFC 9293 §3.10.7.4, RFC 6191), and is forgotten.
    fn makes_way(&mut self, id: ConnectionId, segment: &Segment) -> bool {
        let flags = segment.header.flags;
        let Some(entry) = self.entry(id) else { return true };
        let is_new = flags.has(TcpFlags::SYN) && !flags.has_any(TcpFlags::ACK.with(TcpFlags::RST));
        let port = entry.ends.local().port();
        if !is_new || !entry.connection.may_be_reopened(&segment.header) || self.listener_on(port).is_none() {
            return false;
        }
        self.remove(id);
        true
    }

    /// A segment that belongs to no connection (RFC 9293 §3.10.7.1 and §3.10.7.2).
    fn handle_unknown(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        segment: &Segment,
        mtu: u64,
        env: &mut dyn Env,
    ) {
        let flags = segment.header.flags;
        if flags.has(TcpFlags::RST) {
            return;
        }
        let Some(listener) = self.listener_on(local.port()) else {
            return self.refuse(local, remote, segment);
        };
        if flags.has(TcpFlags::ACK) {
            return self.handle_cookie(listener, local, remote, segment, mtu, env);
        }
        if flags.has(TcpFlags::SYN) {
            self.handle_syn(listener, local, remote, segment, mtu, env);
        }
    }

    fn refuse(&mut self, local: SocketAddr, remote: SocketAddr, segment: &Segment) {
        if let Some(segment) = reset_for(segment) {
            self.outputs.push_back(Output::Transmit { local, remote, segment });
        }
    }

    fn handle_syn(
        &mut self,
        id: ListenerId,
        local: SocketAddr,
        remote: SocketAddr,
        syn: &Segment,
        mtu: u64,
        env: &mut dyn Env,
    ) {
        let secret = self.secret(env);
        let Some(listener) = self.listeners[id.0 as usize].as_mut() else { return };
        if !listener.can_queue() {
            // As on Linux: the client's SYN comes again.
            return;
        }
        let ends = Ends { local: (local.ip(), local.port()), remote: (remote.ip(), remote.port()) };
        let mut offer = Offer { mtu, ip_header: ip_header(remote.ip()), cookie: None, observes: self.observes };
        if !listener.has_room() {
            listener.overflow(env.now());
            if listener.parameters.syn_cookies {
                let segment = secret.answer(&ends, syn, &listener.parameters, &offer, env.now());
                self.outputs.push_back(Output::Transmit { local, remote, segment });
            }
            return;
        }
        // RFC 7413 §4.1.2 and §4.2.2.
        let none = TcpOptions::default();
        let shown =
            syn.header.options.as_deref().unwrap_or(&none).fast_open.as_ref().filter(|_| listener.takes_early_data());
        let own = secret.fast_open(local.ip(), remote.ip());
        let is_known = shown.is_some_and(|cookie| *cookie == own);
        offer.cookie = (shown.is_some() && !is_known).then_some(own);
        let (parameters, owner) = (Arc::clone(&listener.parameters), listener.owner);
        let mut cx = MachineCx::new(env, &mut self.effects);
        let Ok(connection) = Connection::answer(parameters, offer, syn, is_known, &mut cx) else { return };
        listener.opening += 1;
        let accepts_early = is_known && !syn.payload.is_empty();
        let id = self.take_in(connection, local, remote, owner, id);
        if accepts_early {
            // The application gets the data before the handshake is over.
            self.queue_accept(id);
        }
        self.owe_flush(id);
    }

    /// An acknowledgement for a listener: nonsense, or a cookie of ours.
    fn handle_cookie(
        &mut self,
        id: ListenerId,
        local: SocketAddr,
        remote: SocketAddr,
        segment: &Segment,
        mtu: u64,
        env: &mut dyn Env,
    ) {
        let secret = self.secret(env);
        let Some(listener) = self.listeners[id.0 as usize].as_ref() else { return };
        let ends = Ends { local: (local.ip(), local.port()), remote: (remote.ip(), remote.port()) };
        let syn = if listener.believes_cookies(env.now()) && !segment.header.flags.has(TcpFlags::SYN) {
            secret.read(&ends, segment, env.now())
        } else {
            None
        };
        let Some(syn) = syn else { return self.refuse(local, remote, segment) };
        if !listener.can_queue() {
            return;
        }
        let offer = Offer { mtu, ip_header: ip_header(remote.ip()), cookie: None, observes: self.observes };
        let (parameters, owner) = (Arc::clone(&listener.parameters), listener.owner);
        let cookie = cookie_of(&segment.header);
        let stamp = segment.header.timestamps.map(|stamps| stamps.echo);
        let mut cx = MachineCx::new(env, &mut self.effects);
        let Ok(connection) = Connection::revive(parameters, offer, &syn, cookie, stamp, &mut cx) else { return };
        if let Some(listener) = self.listeners[id.0 as usize].as_mut() {
            listener.opening += 1;
        }
        let id = self.take_in(connection, local, remote, owner, id);
        self.pass_on(id, segment, env);
    }

    fn take_in(
        &mut self,
        connection: Connection,
        local: SocketAddr,
        remote: SocketAddr,
        owner: u32,
        listener: ListenerId,
    ) -> ConnectionId {
        let entry = Entry {
            connection,
            ends: Key::new(local, remote),
            owner,
            listener: Some(listener),
            is_queued: false,
            is_dirty: false,
            is_rescheduled: false,
            is_active: false,
        };
        self.insert(entry)
    }

    /// The handshake of a connection that has come in is over, or its data count before that: it waits to be accepted.
    fn queue_accept(&mut self, id: ConnectionId) {
        let Some(entry) = self.entry_mut(id) else { return };
        let Some(listener) = entry.listener.filter(|_| !entry.is_queued) else { return };
        entry.is_queued = true;
        let owner = entry.owner;
        let Some(waiting) = self.listeners.get_mut(listener.0 as usize).and_then(Option::as_mut) else { return };
        waiting.opening = waiting.opening.saturating_sub(1);
        waiting.ready.push_back(id);
        self.outputs.push_back(Output::Notify { owner, connection: id, notice: Notice::Incoming(listener) });
    }

    fn secret(&mut self, env: &mut dyn Env) -> Secret {
        *self.secret.get_or_insert_with(|| Secret(env.rng(SECRET_LUCK).next_u64()))
    }

    fn listener_on(&self, port: u16) -> Option<ListenerId> {
        let index =
            self.listeners.iter().position(|slot| slot.as_ref().is_some_and(|listener| listener.port == port))?;
        Some(ListenerId(index as u32))
    }

    /// The lowest dynamic port that is free towards this peer: which one matters to nobody here, and a fixed choice keeps runs
    /// comparable.
    fn free_port(&self, local: SocketAddr, remote: SocketAddr) -> Option<u16> {
        DYNAMIC_PORTS.into_iter().find(|port| {
            let local = SocketAddr::new(local.ip(), *port);
            !self.by_ends.contains_key(&Key::new(local, remote)) && self.listener_on(*port).is_none()
        })
    }
}

/// Connections and what comes of them.
impl Stack {
    fn numbered(&self) -> impl Iterator<Item = (ConnectionId, &Entry)> {
        let number = |(index, slot): (usize, _)| {
            Option::<&Box<Entry>>::map(slot, |entry| (ConnectionId(index as u32), &**entry))
        };
        self.connections.iter().map(Option::as_ref).enumerate().filter_map(number)
    }

    fn entry(&self, id: ConnectionId) -> Option<&Entry> {
        self.connections.get(id.0 as usize)?.as_deref()
    }

    fn entry_mut(&mut self, id: ConnectionId) -> Option<&mut Entry> {
        self.connections.get_mut(id.0 as usize)?.as_deref_mut()
    }

    fn insert(&mut self, entry: Entry) -> ConnectionId {
        let key = entry.ends;
        let id = match self.free.pop() {
            Some(index) => {
                self.connections[index as usize] = Some(Box::new(entry));
                ConnectionId(index)
            }
            None => {
                self.connections.push(Some(Box::new(entry)));
                ConnectionId(self.connections.len() as u32 - 1)
            }
        };
        self.by_ends.insert(key, id);
        self.take_effects(id);
        id
    }

    fn remove(&mut self, id: ConnectionId) {
        let Some(entry) = self.connections.get_mut(id.0 as usize).and_then(Option::take) else { return };
        self.by_ends.remove(&entry.ends);
        self.past.entry(entry.owner).or_default().add(&entry.connection.totals());
        if let Some(listener) = entry.listener
            && let Some(listener) = self.listeners.get_mut(listener.0 as usize).and_then(Option::as_mut)
        {
            if !entry.is_queued {
                listener.opening = listener.opening.saturating_sub(1);
            }
            listener.ready.retain(|waiting| *waiting != id);
        }
        self.free.push(id.0);
        // Its timer is to be taken back.
        self.rescheduled.push(id);
    }

    fn owe_flush(&mut self, id: ConnectionId) {
        if let Some(entry) = self.entry_mut(id) {
            let is_new = !std::mem::replace(&mut entry.is_dirty, true);
            if is_new {
                self.dirty.push(id);
            }
        }
    }

    /// A segment for a connection.
    fn pass_on(&mut self, id: ConnectionId, segment: &Segment, env: &mut dyn Env) {
        let Some(entry) = self.entry(id) else { return };
        let ends_handshake = entry.connection.state() == State::SynReceived && !entry.is_queued;
        if ends_handshake
            && let Some(listener) = entry.listener.and_then(|listener| self.listeners[listener.0 as usize].as_ref())
            && !listener.can_queue()
            && segment.header.flags.has(TcpFlags::ACK)
            && !segment.header.flags.has(TcpFlags::RST)
        {
            // As on Linux: who cannot wait to be accepted has not been heard; its SYN is answered again.
            return;
        }
        let _alive = self.with(id, env, |machine, cx| machine.handle_segment(segment, cx));
        if let Some(entry) = self.entry_mut(id)
            && entry.is_active
            && let Some(cookie) = entry.connection.take_cookie()
        {
            let server = entry.ends.remote().ip();
            self.cookies.insert(server, cookie);
        }
    }

    /// Calls a connection; it is owed a flush then.
    fn with<R>(
        &mut self,
        id: ConnectionId,
        env: &mut dyn Env,
        call: impl FnOnce(&mut Connection, &mut MachineCx<'_, Connection>) -> R,
    ) -> Result<R, StackError> {
        let result = self.run(id, env, call).ok_or(StackError::NoConnection)?;
        self.owe_flush(id);
        Ok(result)
    }

    /// Calls a connection, and takes what comes of it.
    fn run<R>(
        &mut self,
        id: ConnectionId,
        env: &mut dyn Env,
        call: impl FnOnce(&mut Connection, &mut MachineCx<'_, Connection>) -> R,
    ) -> Option<R> {
        let entry = self.connections.get_mut(id.0 as usize)?.as_deref_mut()?;
        let result = call(&mut entry.connection, &mut MachineCx::new(env, &mut self.effects));
        let is_over = entry.connection.is_over();
        if !std::mem::replace(&mut entry.is_rescheduled, true) {
            self.rescheduled.push(id);
        }
        self.take_effects(id);
        if is_over {
            self.remove(id);
        }
        Some(result)
    }

    fn take_effects(&mut self, id: ConnectionId) {
        if self.effects.is_empty() {
            return;
        }
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            let Some(entry) = self.entry(id) else { continue };
            let (owner, local, remote) = (entry.owner, entry.ends.local(), entry.ends.remote());
            match effect {
                Effect::Transmit(mut segment) => {
                    segment.header.source_port = local.port();
                    segment.header.destination_port = remote.port();
                    self.outputs.push_back(Output::Transmit { local, remote, segment });
                }
                Effect::Notify(notice) => self.notify(id, owner, notice),
                Effect::Observe(trace) => self.outputs.push_back(Output::Observe { owner, connection: id, trace }),
            }
        }
        self.effects = effects;
    }

    /// Tells the owner, if it knows of the connection.
    fn notify(&mut self, id: ConnectionId, owner: u32, notice: Notice) {
        let Some(entry) = self.entry(id) else { return };
        if entry.listener.is_none() {
            self.outputs.push_back(Output::Notify { owner, connection: id, notice });
        } else if notice == Notice::Connected {
            self.queue_accept(id);
        }
    }
}

/// Bytes of the IP header before a segment.
const fn ip_header(remote: IpAddr) -> u64 {
    if remote.is_ipv4() { 20 } else { 40 }
}
