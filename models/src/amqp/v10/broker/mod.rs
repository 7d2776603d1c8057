//! What a broker says to clients of 1.0.
//!
//! | file | what |
//! |---|---|
//! | here | frames in and out, timers |
//! | `events` | what has happened on connections and sessions; authentication |
//! | `attach` | links that begin |
//! | `links` | links that end, or wait to be resumed |
//! | `memory` | what deliveries take that are not whole or not settled |
//! | `transfer` | messages in and out, and what becomes of them |
//! | `convert` | messages of 1.0 as they are stored |
//!
//! # As RabbitMQ's plugin, and otherwise
//! - Addresses are those of RabbitMQ 3.10. `/queue/NAME` takes a queue as it is, however it was declared; one that it makes is durable.
//! - A message for no queue is released, as RabbitMQ 4.0 does; 3.10 accepts it. One that a queue refuses (`reject-publish`) is rejected with `amqp:resource-limit-exceeded`.
//! - A delivery that is settled without an outcome has its source's default outcome; without one it is accepted (our choice).
//! - `modified` goes back into its queue, with `delivery-failed` one attempt more; with `undeliverable-here` it is a dead letter, as there is no other place that knows of the link. Its annotations are
//!   not merged.
//! - A message that is larger than its receiver takes is rejected in its stead.
//! - Messages that are lost with a link go back into their queue; that is no attempt that has failed.
//! - An attach that makes a queue is answered at once; messages for it are not accepted before both are on disc.
//!
//! # Links that are resumed (§2.6.13)
//! A link that is detached without being closed, or whose session or connection is gone, waits as long as its terminus says (expiry-policy and timeout), with its unsettled deliveries; what attaches
//! with the same name from the same container, to the same address, resumes it, also where it is still attached elsewhere, as the loss of that connection is not known yet (§2.6.1).
//! Deliveries that the receiver does not know of go back to their queue, and come again as redelivered ones. What waits is the broker's memory: a loss of power forgets it, and messages
//! come again as redelivered ones. So an attach is answered with a terminus that is not durable (§3.5.5), whatever was asked for.
//!
//! # What is not here
//! - An anonymous relay (a null target), copies (`distribution-mode`), filters, transactions: they are refused, or not answered as being there.
//! - A link that is not to outlive its connection is not taken over from another one that still has it (§2.6.1): both go on.

mod attach;
mod convert;
mod events;
mod links;
mod memory;
mod transfer;

pub(in crate::amqp) use links::Kept;

use super::connection::{Connection as Machine, ConnectionConfig, MOST_ANSWERS, SaslConfig};
use super::session::SessionConfig;
use super::wire::{Condition, Decoder, Frame, Item, Performative, Symbol};
use crate::amqp::broker::{AmqpBroker, AmqpBrokerConfig, Connection, HEARTBEAT, Peer as AnyPeer};
use crate::amqp::v091::config::frame_max;
use crate::amqp::v091::wire::ShortStr;
use crate::amqp::{RECEIVE, SEND};
use crate::app::{Host, StreamId};
use crate::rope::Rope;
use links::Link;
use protosim_core::{LocalTime, Operation};
use std::collections::{BTreeMap, BTreeSet};

/// A session of a connection, by our channel.
type At = (StreamId, u16);

/// What a connection has of 1.0.
#[derive(Clone, Debug)]
pub(in crate::amqp) struct Peer {
    decoder: Decoder,
    machine: Machine,
    is_open: bool,
    user: ShortStr,
    /// Those that have memory, by our channels.
    sessions: BTreeSet<u16>,
    /// By our channels and handles.
    links: BTreeMap<(u16, u32), Link>,
    /// Sessions that have ended, whose links are not taken yet.
    ended: BTreeSet<u16>,
    /// Deliveries are settled whose memory is to be given back.
    is_freed: bool,
    /// When the machine is asked what is due.
    timer: Option<LocalTime>,
}

/// What a stream of 1.0 begins with, but for which layer it is of.
pub(in crate::amqp) const VERSION: [u8; 3] = [1, 0, 0];

impl Peer {
    /// `layer` is what the client's header says: 0 for AMQP, 2 for TLS, 3 for SASL.
    pub(in crate::amqp) fn new(config: &AmqpBrokerConfig, layer: u8, now: LocalTime) -> Self {
        let is_free = config.users.is_empty();
        let mut mechanisms = vec![Symbol::known("PLAIN")];
        if is_free {
            mechanisms.push(Symbol::known("ANONYMOUS"));
        }
        // Without SASL only where nobody has to say who they are.
        let sasl = (layer != 0 || !is_free).then_some(SaslConfig::Server(mechanisms));
        let max_frame_size = frame_max(config.frame_max);
        let machine = ConnectionConfig {
            max_frame_size,
            channel_max: config.channel_max,
            // What is advertised is half of what is enforced (§2.4.5).
            idle_time_out: Some(config.heartbeat.saturating_mul(2)).filter(|span| !span.is_zero()),
            sasl,
            session: SessionConfig::default(),
            ..ConnectionConfig::new("protosim")
        };
        Self {
            decoder: Decoder::new(max_frame_size),
            machine: Machine::server(machine, now),
            is_open: false,
            // Whoever does not say is the guest (RabbitMQ).
            user: ShortStr::cut("guest"),
            sessions: BTreeSet::new(),
            links: BTreeMap::new(),
            ended: BTreeSet::new(),
            is_freed: false,
            timer: None,
        }
    }

    pub(in crate::amqp) fn push(&mut self, data: &Rope) {
        self.decoder.push(data);
    }

    pub(in crate::amqp) const fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether a link takes a message.
    pub(in crate::amqp) fn has_room(&self, channel: u16, handle: u32) -> bool {
        self.machine.session_at(channel).is_some_and(|session| session.room(handle) > 0)
    }

    /// The queues of its links.
    pub(in crate::amqp) fn queues(&self) -> Vec<ShortStr> {
        self.links.values().filter_map(Link::queue).cloned().collect()
    }

    /// Receivers get no credit while memory is short.
    pub(in crate::amqp) fn hold_credit(&mut self, held: bool) {
        for channel in self.machine.all_channels() {
            if let Some(session) = self.machine.session(channel) {
                session.hold_credit(held);
            }
        }
    }
}

impl AmqpBroker {
    /// What a connection has of 1.0, if it is there and speaks that.
    fn v10(&mut self, stream: StreamId) -> Option<&mut Peer> {
        self.connections.get_mut(&stream)?.v10()
    }

    /// Takes one frame, if one is whole. Whether there may be more.
    pub(in crate::amqp) fn take_item(&mut self, stream: StreamId, host: &mut dyn Host) -> bool {
        let Some(peer) = self.v10(stream) else { return false };
        // What a client asks for is answered before it asks for more: it may not read.
        if peer.machine.backlog() > MOST_ANSWERS && self.pull(stream, host) {
            return false;
        }
        let Some(peer) = self.v10(stream) else { return false };
        let before = peer.decoder.waiting();
        match peer.decoder.next_item() {
            Ok(Some(item)) => {
                let bytes = before.saturating_sub(peer.decoder.waiting());
                host.spend(Operation { name: RECEIVE, bytes });
                self.counts.frames_received += 1;
                self.on_item(stream, item, host);
                true
            }
            Ok(None) => false,
            Err(fault) => {
                peer.machine.on_fault(fault);
                // Nothing behind it can be read, and no answer.
                self.on_events(stream, host);
                self.pull(stream, host);
                self.drain(stream, host);
                false
            }
        }
    }

    fn on_item(&mut self, stream: StreamId, item: Item, host: &mut dyn Host) {
        if let Item::Frame(Frame::Amqp { channel, performative: Performative::Flow(flow), .. }) = &item {
            self.before_flow(stream, *channel, flow.handle);
        }
        let (now, links) = (host.now(), self.links_of(stream, &item));
        let Some(peer) = self.v10(stream) else { return };
        peer.machine.on_item(item, now);
        // What is whole gives its memory back before its queues take theirs.
        links.iter().for_each(|(channel, handle)| self.free_link((stream, *channel), *handle, host));
        self.on_events(stream, host);
        links.iter().for_each(|(channel, handle)| self.charge_link((stream, *channel), *handle, host));
        self.touched.insert(stream);
    }

    /// A flow comes: links are told how much waits for them, and their queues look whether they may send.
    fn before_flow(&mut self, stream: StreamId, remote: u16, handle: Option<u32>) {
        let Some(peer) = self.v10(stream) else { return };
        let Some(channel) = peer.machine.channel_of(remote) else { return };
        let only = handle.and_then(|handle| peer.machine.session_at(channel)?.handle_of(handle));
        let links = peer.links.range((channel, 0)..=(channel, u32::MAX));
        let queues: Vec<(u32, ShortStr)> = links
            .filter(|((_, handle), _)| only.is_none_or(|only| only == *handle))
            .filter_map(|((_, handle), link)| Some((*handle, link.queue()?.clone())))
            .collect();
        for (handle, queue) in queues {
            let Some(stored) = self.store.queues.get(&queue) else { continue };
            let ready = stored.queue.ready();
            self.set_backlog(stream, (channel, handle), ready);
            self.waiting_links.entry(queue.clone()).or_default().insert((stream, channel, handle));
            self.dirty.insert(queue);
        }
    }

    fn set_backlog(&mut self, stream: StreamId, (channel, handle): (u16, u32), ready: usize) {
        if let Some(session) = self.v10(stream).and_then(|peer| peer.machine.session(channel)) {
            // One that is detached needs to know nothing.
            let _ = session.set_backlog(handle, u32::try_from(ready).unwrap_or(u32::MAX));
        }
    }

    /// A queue has given what it can: links that had to wait for that may use up their credit (§2.6.7), where nothing is left for them.
    pub(in crate::amqp) fn queue_is_pumped(&mut self, name: &ShortStr) {
        let Some(links) = self.waiting_links.remove(name) else { return };
        let ready = self.store.queues.get(name).map_or(0, |stored| stored.queue.ready());
        let mut still = BTreeSet::new();
        for (stream, channel, handle) in links {
            let is_full = self.connections.get(&stream).is_some_and(|connection| connection.is_full());
            if ready > 0 && is_full {
                still.insert((stream, channel, handle));
                continue;
            }
            let left = if self.v10(stream).is_some_and(|peer| peer.has_room(channel, handle)) { 0 } else { ready };
            self.set_backlog(stream, (channel, handle), left);
            self.touched.insert(stream);
        }
        if !still.is_empty() {
            self.waiting_links.insert(name.clone(), still);
        }
    }

    /// Takes out of the machine what goes next, as long as there is room. Whether there may be more.
    pub(in crate::amqp) fn pull(&mut self, stream: StreamId, host: &mut dyn Host) -> bool {
        let now = host.now();
        loop {
            let Some(connection) = self.connections.get_mut(&stream) else { return false };
            if connection.is_full() {
                connection.was_full = true;
                return true;
            }
            let Connection { out, last_sent, peer: AnyPeer::V10(peer), .. } = &mut **connection else { return false };
            let Some(item) = peer.machine.next(now) else { return false };
            let bytes = item.encode();
            host.spend(Operation { name: SEND, bytes: bytes.len() });
            *last_sent = now;
            out.push(0, bytes);
            self.count_sent(&item);
        }
    }

    fn count_sent(&mut self, item: &Item) {
        self.counts.frames_sent += 1;
        let Item::Frame(Frame::Amqp { performative, .. }) = item else {
            self.counts.heartbeats_sent += u64::from(matches!(item, Item::Frame(Frame::Empty { .. })));
            return;
        };
        let error = match performative {
            Performative::Detach(detach) => detach.error.as_ref().inspect(|_| self.counts.link_errors += 1),
            Performative::End(end) => end.error.as_ref().inspect(|_| self.counts.session_errors += 1),
            Performative::Close(close) => close.error.as_ref().inspect(|_| self.counts.connection_errors += 1),
            _ => None,
        };
        let condition = error.and_then(super::wire::Error::known);
        if matches!(condition, Some(Condition::DecodeError | Condition::FramingError)) {
            self.counts.malformed += 1;
        }
    }

    /// All that a machine has to say is written, and what has happened meanwhile is done.
    pub(in crate::amqp) fn collect(&mut self, stream: StreamId, host: &mut dyn Host) {
        if self.connections.get(&stream).is_none_or(|connection| connection.is_draining) {
            return;
        }
        self.free_links(stream, host);
        let has_more = self.pull(stream, host);
        self.on_events(stream, host);
        self.take_ended(stream, host);
        if !has_more && self.v10(stream).is_some_and(|peer| peer.machine.is_over()) {
            return self.drain(stream, host);
        }
        self.watch(stream, host);
    }

    /// Looks at a machine again when something may be due: not at each frame.
    fn watch(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(peer) = self.v10(stream).filter(|peer| peer.is_open) else { return };
        let Some((at, name)) = peer.machine.deadline() else { return };
        if peer.timer.is_none_or(|set| at < set) {
            peer.timer = Some(at);
            host.set_timer(HEARTBEAT + u64::from(stream.0), at, name);
        }
    }

    /// An empty frame is due, or a frame of the peer's was (§2.4.5).
    pub(in crate::amqp) fn on_machine_due(&mut self, stream: StreamId, host: &mut dyn Host) {
        let (now, is_blocked) = (host.now(), self.is_blocked);
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        let is_read = connection.is_read(is_blocked);
        let Some(peer) = connection.v10() else { return };
        peer.timer = None;
        if !is_read {
            peer.machine.not_listened(now);
        }
        let was_over = peer.machine.is_over();
        peer.machine.on_time(now);
        if peer.machine.is_over() && !was_over {
            self.counts.heartbeat_timeouts += 1;
        }
        self.touched.insert(stream);
    }
}

/// What a connection, a session and a link take \[bytes\].
#[cfg(test)]
pub(in crate::amqp) fn sizes() -> (usize, usize, usize) {
    (size_of::<Peer>(), super::session::size(), size_of::<Link>() + super::session::link_size())
}
