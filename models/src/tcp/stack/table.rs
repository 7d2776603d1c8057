//! The table of connections: who has which number, who is owed a flush, and what comes of calling one.

use super::super::connection::Connection;
use super::super::{Segment, State};
use super::{ConnectionId, Entry, Notice, Output, Stack, StackError};
use crate::packet::TcpFlags;
use protosim_core::machine::EffectOf;
use protosim_core::{Effect, Env, MachineCx};
use std::net::IpAddr;

/// Connections and what comes of them.
impl Stack {
    pub(super) fn numbered(&self) -> impl Iterator<Item = (ConnectionId, &Entry)> {
        let number = |(index, slot): (usize, _)| {
            Option::<&Box<Entry>>::map(slot, |entry| (ConnectionId(index as u32), &**entry))
        };
        self.connections.iter().map(Option::as_ref).enumerate().filter_map(number)
    }

    pub(super) fn entry(&self, id: ConnectionId) -> Option<&Entry> {
        self.connections.get(id.0 as usize)?.as_deref()
    }

    pub(super) fn entry_mut(&mut self, id: ConnectionId) -> Option<&mut Entry> {
        self.connections.get_mut(id.0 as usize)?.as_deref_mut()
    }

    pub(super) fn insert(&mut self, entry: Entry) -> ConnectionId {
        let ends = *entry.connection.ends();
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
        self.by_ends.insert(ends, id);
        self.take_effects(id);
        id
    }

    pub(super) fn remove(&mut self, id: ConnectionId) {
        let Some(entry) = self.connections.get_mut(id.0 as usize).and_then(Option::take) else { return };
        self.by_ends.remove(entry.connection.ends());
        self.last_found = None;
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

    pub(super) fn owe_flush(&mut self, id: ConnectionId) {
        if let Some(entry) = self.entry_mut(id) {
            let is_new = !std::mem::replace(&mut entry.is_dirty, true);
            if is_new {
                self.dirty.push(id);
            }
        }
    }

    /// A segment for a connection.
    pub(super) fn pass_on(&mut self, id: ConnectionId, segment: &Segment, env: &mut dyn Env) {
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
        let is_active = entry.is_active;
        let cookie = self.with(id, env, |machine, cx| {
            machine.handle_segment(segment, cx);
            // That of a server is its own, to be sent.
            if is_active { machine.take_cookie().map(|cookie| (machine.ends().remote, cookie)) } else { None }
        });
        if let Ok(Some((server, cookie))) = cookie {
            self.cookies.insert(server, cookie);
        }
    }

    /// Calls a connection; it is owed a flush then.
    pub(super) fn with<R>(
        &mut self,
        id: ConnectionId,
        env: &mut dyn Env,
        call: impl FnOnce(&mut Connection, &mut MachineCx<'_, Connection>) -> R,
    ) -> Result<R, StackError> {
        self.called(id, env, call, true).ok_or(StackError::NoConnection)
    }

    /// Calls a connection, and takes what comes of it.
    pub(super) fn run<R>(
        &mut self,
        id: ConnectionId,
        env: &mut dyn Env,
        call: impl FnOnce(&mut Connection, &mut MachineCx<'_, Connection>) -> R,
    ) -> Option<R> {
        self.called(id, env, call, false)
    }

    #[inline]
    fn called<R>(
        &mut self,
        id: ConnectionId,
        env: &mut dyn Env,
        call: impl FnOnce(&mut Connection, &mut MachineCx<'_, Connection>) -> R,
        owes_flush: bool,
    ) -> Option<R> {
        let entry = self.connections.get_mut(id.0 as usize)?.as_deref_mut()?;
        let result = call(&mut entry.connection, &mut MachineCx::new(env, &mut self.effects));
        if owes_flush && !entry.is_dirty && entry.connection.wants_flush() {
            entry.is_dirty = true;
            self.dirty.push(id);
        }
        if !std::mem::replace(&mut entry.is_rescheduled, true) {
            self.rescheduled.push(id);
        }
        let is_over = entry.connection.is_over();
        if !self.effects.is_empty() {
            self.take_effects(id);
        }
        if is_over {
            self.remove(id);
        }
        Some(result)
    }

    pub(super) fn take_effects(&mut self, id: ConnectionId) {
        // Mostly one.
        if self.effects.len() == 1
            && let Some(effect) = self.effects.pop()
        {
            return self.take_effect(id, effect);
        }
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            self.take_effect(id, effect);
        }
        self.effects = effects;
    }

    #[inline]
    fn take_effect(&mut self, id: ConnectionId, effect: EffectOf<Connection>) {
        let Some(entry) = self.entry(id) else { return };
        let owner = entry.owner;
        match effect {
            Effect::Transmit(packet) => {
                let dont_fragment = entry.connection.parameters().path_mtu_discovery;
                self.outputs.push_back(Output::Transmit { packet, dont_fragment });
            }
            Effect::Notify(notice) => self.notify(id, owner, notice),
            Effect::Observe(trace) => self.outputs.push_back(Output::Observe { owner, connection: id, trace }),
        }
    }

    #[inline]
    pub(super) fn send(&mut self, local: IpAddr, remote: IpAddr, segment: Segment, dont_fragment: bool) {
        // Both ends of a connection are of one family, and segments fit into packets.
        match segment.into_packet(local, remote) {
            Some(packet) => self.outputs.push_back(Output::Transmit { packet, dont_fragment }),
            None => debug_assert!(false, "a segment of a connection is a packet"),
        }
    }

    /// Tells the owner, if it knows of the connection.
    pub(super) fn notify(&mut self, id: ConnectionId, owner: u32, notice: Notice) {
        let Some(entry) = self.entry(id) else { return };
        if entry.listener.is_none() {
            self.outputs.push_back(Output::Notify { owner, connection: id, notice });
        } else if notice == Notice::Connected {
            self.queue_accept(id);
        }
    }
}
