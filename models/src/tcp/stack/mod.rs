//! The connections of one host: who is called by an arriving segment, and who listens.
//!
//! A [`Stack`] has no clock and no wires. Calls go in, [`Output`]s are taken out with [`Stack::next_output`]; a simulated
//! node, `protosim packetdrill` and a live host drive the same code.
//!
//! Within one instant all inputs come first; [`Stack::flush`] then decides what is sent.

mod incoming;
mod table;
#[cfg(test)]
mod tests;

use super::connection::Connection;
use super::ends::Ends;
use super::listener::{Listener, Secret};
use super::{FastOpen, Parameters, Segment, State, TcpInfo, TcpTotals, Trace};
use crate::packet::Packet;
use crate::rope::Rope;
use bytes::Bytes;
use protosim_core::machine::EffectOf;
use protosim_core::{Deadline, Env, Machine, MachineCx, Purpose};
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
    by_ends: BTreeMap<Ends, ConnectionId>,
    /// What was last found there: the next segment is mostly for the same one.
    last_found: Option<(Ends, ConnectionId)>,
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
    /// Behind the dynamic port that was given last.
    next_port: u16,
    /// What connections have counted that are over, by owner.
    past: BTreeMap<u32, TcpTotals>,
}

/// A connection and whose it is.
#[derive(Clone, Debug)]
struct Entry {
    connection: Connection,
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

/// The dynamic ports (RFC 6335 §6).
const DYNAMIC_PORTS: std::ops::RangeInclusive<u16> = 49_152..=65_535;
/// What secrets are drawn from.
const SECRET_LUCK: Purpose = Purpose("tcp.secret");

/// What a stack wants done or known, in the order in which it came about.
#[derive(Clone, Debug)]
pub enum Output {
    /// A packet, with a segment in it, is to be sent.
    Transmit {
        /// The packet.
        packet: Box<Packet>,
        /// Routers must not cut it over IPv4 (RFC 1191 §3).
        dont_fragment: bool,
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
    /// TLS over it has failed, with this alert (RFC 8446 §6); no stack says so of its connections.
    TlsAlert(u8),
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
    /// When no port is free, or the host has no memory for the connection and its early data.
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
        } else if self.by_ends.contains_key(&Ends::new(local, remote)) {
            return Err(StackError::PortTaken(local.port()));
        }
        let asks =
            matches!(parameters.fast_open, FastOpen::Client | FastOpen::Both) && (wants || !early_data.is_empty());
        let cookie = asks.then(|| self.cookies.get(&remote.ip()).cloned().unwrap_or_default());
        let mut offer = self.offer(local, remote, mtu, env);
        offer.cookie = cookie;
        let mut cx = MachineCx::new(env, &mut self.effects);
        let mut connection = Connection::open(parameters, offer, &mut cx)?;
        if connection.write(&early_data, &mut cx)? < early_data.len() {
            connection.discard(&mut cx);
            self.effects.clear();
            return Err(StackError::OutOfMemory);
        }
        let entry = Entry {
            connection,
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
    pub fn accept(&mut self, listener: ListenerId) -> Option<ConnectionId> {
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
        self.entry(connection)
            .map(|entry| (entry.connection.ends().local(), entry.connection.ends().remote()))
            .ok_or(StackError::NoConnection)
    }

    /// A segment has arrived. `mtu` is that of the way back to its sender.
    pub fn handle_segment(&mut self, local: IpAddr, remote: IpAddr, segment: Segment, mtu: u64, env: &mut dyn Env) {
        let header = &segment.header;
        let ports = u32::from(header.destination_port) << 16 | u32::from(header.source_port);
        let ends = Ends { ports, remote, local };
        match self.find(&ends) {
            Some(id) => match self.makes_way(id, &segment, env) {
                Some(used) => self.handle_unknown(ends.local(), ends.remote(), &segment, mtu, Some(used), env),
                None => self.pass_on(id, &segment, env),
            },
            None => self.handle_unknown(ends.local(), ends.remote(), &segment, mtu, None, env),
        }
    }

    #[inline]
    fn find(&mut self, ends: &Ends) -> Option<ConnectionId> {
        if let Some((known, id)) = &self.last_found
            && known == ends
        {
            return Some(*id);
        }
        let id = self.by_ends.get(ends).copied()?;
        self.last_found = Some((*ends, id));
        Some(id)
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
        let Some(id) = self.by_ends.get(&Ends::new(local, remote)).copied() else { return };
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
        let Some(id) = self.by_ends.get(&Ends::new(local, remote)).copied() else { return };
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
        // Mostly one.
        if self.dirty.len() == 1
            && let Some(id) = self.dirty.pop()
        {
            return self.flush_one(id, env);
        }
        let mut dirty = std::mem::take(&mut self.dirty);
        for id in dirty.drain(..) {
            self.flush_one(id, env);
        }
        if self.dirty.is_empty() {
            self.dirty = dirty;
        }
    }

    #[inline]
    fn flush_one(&mut self, id: ConnectionId, env: &mut dyn Env) {
        if let Some(entry) = self.entry_mut(id) {
            entry.is_dirty = false;
            self.run(id, env, Connection::flush);
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

    /// True if [`Stack::next_rescheduled`] has something to say.
    #[inline]
    pub fn has_rescheduled(&self) -> bool {
        !self.rescheduled.is_empty()
    }

    /// Whose connection this is.
    pub fn owner(&self, connection: ConnectionId) -> Option<u32> {
        self.entry(connection).map(|entry| entry.owner)
    }

    /// True if a connection is owed a flush.
    #[inline]
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
        (entry + size_of::<Option<Box<Entry>>>(), (size_of::<Ends>() + size_of::<ConnectionId>()) * 3 / 2)
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
