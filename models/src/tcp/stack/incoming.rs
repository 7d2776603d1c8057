//! Segments that belong to no connection: new ones, cookies, and what is refused (RFC 9293 §3.10.7.1 and §3.10.7.2).

use super::super::connection::{Connection, Offer};
use super::super::ends::Ends;
use super::super::listener::{Secret, cookie_of};
use super::super::{Segment, reset_for};
use super::{ConnectionId, DYNAMIC_PORTS, Entry, ListenerId, Notice, Output, SECRET_LUCK, Stack};
use crate::packet::{TcpFlags, TcpOptions};
use protosim_core::{Env, MachineCx};
#[cfg(test)]
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;

/// What belongs to nobody yet.
impl Stack {
    /// If a connection in TIME-WAIT makes way for the SYN of a new one (RFC 9293 §3.10.7.4, RFC 6191), it is forgotten: the sequence
    /// number behind all that it has used.
    pub(super) fn makes_way(&mut self, id: ConnectionId, segment: &Segment, env: &mut dyn Env) -> Option<u32> {
        let flags = segment.header.flags;
        if !flags.has(TcpFlags::SYN) || flags.has_any(TcpFlags::ACK.with(TcpFlags::RST)) {
            return None;
        }
        let entry = self.entry(id)?;
        let port = entry.connection.ends().local_port();
        if !entry.connection.may_be_reopened(&segment.header) || self.listener_on(port).is_none() {
            return None;
        }
        let used = entry.connection.next_sequence();
        let _over = self.run(id, env, Connection::forget);
        self.remove(id);
        Some(used)
    }

    /// What a connection begins with: initial numbers that are always later than those of an earlier one between the same ends.
    pub(super) fn offer(&mut self, local: SocketAddr, remote: SocketAddr, mtu: u64, env: &mut dyn Env) -> Offer {
        let (secret, ends) = (self.secret(env), Ends::new(local, remote));
        Offer {
            ends,
            mtu,
            cookie: None,
            observes: self.observes,
            iss: secret.initial_sequence(&ends, env.now()),
            timestamp_offset: secret.timestamp_offset(&ends),
        }
    }

    /// A segment that belongs to no connection (RFC 9293 §3.10.7.1 and §3.10.7.2). `used` is the sequence number behind those of the
    /// connection in TIME-WAIT that has made way for it.
    pub(super) fn handle_unknown(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        segment: &Segment,
        mtu: u64,
        used: Option<u32>,
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
            let mut offer = self.offer(local, remote, mtu, env);
            if let Some(used) = used {
                offer.iss = beyond(used, offer.iss);
            }
            self.handle_syn(listener, local, remote, segment, offer, env);
        }
    }

    pub(super) fn refuse(&mut self, local: SocketAddr, remote: SocketAddr, segment: &Segment) {
        if let Some(segment) = reset_for(segment) {
            self.send(local.ip(), remote.ip(), segment, true);
        }
    }

    pub(super) fn handle_syn(
        &mut self,
        id: ListenerId,
        local: SocketAddr,
        remote: SocketAddr,
        syn: &Segment,
        mut offer: Offer,
        env: &mut dyn Env,
    ) {
        let secret = self.secret(env);
        let Some(listener) = self.listeners[id.0 as usize].as_mut() else { return };
        if !listener.can_queue() {
            // As on Linux: the client's SYN comes again.
            return;
        }
        let ends = Ends::new(local, remote);
        if !listener.has_room() {
            listener.overflow(env.now());
            if listener.parameters.syn_cookies {
                let segment = secret.answer(&ends, syn, &listener.parameters, &offer, env.now());
                let dont_fragment = listener.parameters.path_mtu_discovery;
                self.send(local.ip(), remote.ip(), segment, dont_fragment);
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
        let id = self.take_in(connection, owner, id);
        if accepts_early {
            // The application gets the data before the handshake is over.
            self.queue_accept(id);
        }
        self.owe_flush(id);
    }

    /// An acknowledgement for a listener: nonsense, or a cookie of ours.
    pub(super) fn handle_cookie(
        &mut self,
        id: ListenerId,
        local: SocketAddr,
        remote: SocketAddr,
        segment: &Segment,
        mtu: u64,
        env: &mut dyn Env,
    ) {
        let secret = self.secret(env);
        let offer = self.offer(local, remote, mtu, env);
        let Some(listener) = self.listeners[id.0 as usize].as_ref() else { return };
        let ends = Ends::new(local, remote);
        let syn = if listener.believes_cookies(env.now()) && !segment.header.flags.has(TcpFlags::SYN) {
            secret.read(&ends, segment, env.now())
        } else {
            None
        };
        let Some(syn) = syn else { return self.refuse(local, remote, segment) };
        if !listener.can_queue() {
            return;
        }
        let (parameters, owner) = (Arc::clone(&listener.parameters), listener.owner);
        let cookie = cookie_of(&segment.header);
        let stamp = segment.header.timestamps.map(|stamps| stamps.echo);
        let mut cx = MachineCx::new(env, &mut self.effects);
        let Ok(connection) = Connection::revive(parameters, offer, &syn, cookie, stamp, &mut cx) else { return };
        if let Some(listener) = self.listeners[id.0 as usize].as_mut() {
            listener.opening += 1;
        }
        let id = self.take_in(connection, owner, id);
        self.pass_on(id, segment, env);
    }

    pub(super) fn take_in(&mut self, connection: Connection, owner: u32, listener: ListenerId) -> ConnectionId {
        let entry = Entry {
            connection,
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
    pub(super) fn queue_accept(&mut self, id: ConnectionId) {
        let Some(entry) = self.entry_mut(id) else { return };
        let Some(listener) = entry.listener.filter(|_| !entry.is_queued) else { return };
        entry.is_queued = true;
        let owner = entry.owner;
        let Some(waiting) = self.listeners.get_mut(listener.0 as usize).and_then(Option::as_mut) else { return };
        waiting.opening = waiting.opening.saturating_sub(1);
        waiting.ready.push_back(id);
        self.outputs.push_back(Output::Notify { owner, connection: id, notice: Notice::Incoming(listener) });
    }

    pub(super) fn secret(&mut self, env: &mut dyn Env) -> Secret {
        *self.secret.get_or_insert_with(|| Secret(env.rng(SECRET_LUCK).next_u64()))
    }

    /// The cookie that it gives a client.
    #[cfg(test)]
    pub(in crate::tcp) fn cookie_for(&mut self, local: IpAddr, client: IpAddr, env: &mut dyn Env) -> bytes::Bytes {
        self.secret(env).fast_open(local, client)
    }

    /// A server has given this cookie before.
    #[cfg(test)]
    pub(in crate::tcp) fn learn_cookie(&mut self, server: IpAddr, cookie: bytes::Bytes) {
        self.cookies.insert(server, cookie);
    }

    pub(super) fn listener_on(&self, port: u16) -> Option<ListenerId> {
        let index =
            self.listeners.iter().position(|slot| slot.as_ref().is_some_and(|listener| listener.port == port))?;
        Some(ListenerId(index as u32))
    }

    /// The next dynamic port that is free towards this peer: which one matters to nobody here, and a fixed choice keeps runs comparable.
    pub(super) fn free_port(&mut self, local: SocketAddr, remote: SocketAddr) -> Option<u16> {
        let (first, last) = DYNAMIC_PORTS.into_inner();
        let from = self.next_port.max(first);
        let port = (from..=last).chain(first..from).find(|port| {
            let local = SocketAddr::new(local.ip(), *port);
            !self.by_ends.contains_key(&Ends::new(local, remote)) && self.listener_on(*port).is_none()
        })?;
        self.next_port = port.checked_add(1).unwrap_or(first);
        Some(port)
    }
}

/// RFC 9293 §3.10.7.4: in place of a connection in TIME-WAIT, the initial number has to be beyond all that it has used. That of the clock
/// is, unless more than 250 kB/s were sent; else a window beyond, as on Linux (`tcp_timewait_state_process`).
const fn beyond(used: u32, iss: u32) -> u32 {
    if iss.wrapping_sub(used).cast_signed() >= 0 { iss } else { used.wrapping_add(65_537) }
}
