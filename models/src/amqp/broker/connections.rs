//! How connections begin and end, whatever they speak.

use super::memory::CONNECTION;
use super::queue::{ConnectionId, Consumer};
use super::{AmqpBroker, ENOUGH, HEARTBEAT, Outlet, SILENCE};
use crate::amqp::v10::broker::{Peer as V10, VERSION};
use crate::amqp::v091::broker::Peer as V091;
use crate::amqp::v091::wire::ShortStr;
use crate::app::{Host, StreamId};
use crate::messaging::inbox::Inbox;
use crate::messaging::outbox::Outbox;
use crate::rope::Rope;
use protosim_core::LocalTime;
use std::collections::BTreeSet;

/// A connection.
#[derive(Clone, Debug)]
pub(in crate::amqp) struct Connection {
    pub(in crate::amqp) id: ConnectionId,
    pub(in crate::amqp) out: Outbox,
    /// Bytes of answers that wait for the disc.
    pub(in crate::amqp) held: u64,
    /// It has published something.
    pub(in crate::amqp) publishes: bool,
    /// Queues that it has for itself.
    pub(in crate::amqp) exclusive: BTreeSet<ShortStr>,
    pub(in crate::amqp) last_heard: LocalTime,
    pub(in crate::amqp) last_sent: LocalTime,
    /// Its consumers have waited for room.
    pub(in crate::amqp) was_full: bool,
    /// The peer has finished.
    pub(in crate::amqp) is_finished: bool,
    /// What waits is written, then the stream is closed.
    pub(in crate::amqp) is_draining: bool,
    pub(in crate::amqp) peer: Peer,
}

/// What a client speaks, and how far that has come.
#[derive(Clone, Debug)]
pub(in crate::amqp) enum Peer {
    /// The protocol header comes.
    New(Inbox),
    /// AMQP 0-9-1.
    V091(Box<V091>),
    /// AMQP 1.0.
    V10(Box<V10>),
}

/// What a stream begins with.
const MAGIC: [u8; 4] = *b"AMQP";

/// What has come of a protocol header.
enum Begun {
    /// A part that may be of any.
    Partly,
    /// The layer of 1.0 that it is for.
    V10(u8),
    /// 0-9-1, or what is answered with that.
    V091,
}

impl Begun {
    fn of(inbox: &Inbox) -> Self {
        let mut header = [0; 8];
        let len = inbox.peek(&mut header);
        let letters = len.min(MAGIC.len());
        match header {
            _ if header[..letters] != MAGIC[..letters] => Self::V091,
            _ if len < header.len() => Self::Partly,
            [_, _, _, _, layer @ (0 | 2 | 3), version @ ..] if version == VERSION => Self::V10(layer),
            _ => Self::V091,
        }
    }
}

impl Connection {
    pub(in crate::amqp) fn is_full(&self) -> bool {
        self.out.len() + self.held >= ENOUGH
    }

    pub(in crate::amqp) fn is_read(&self, is_blocked: bool) -> bool {
        !(self.is_draining || self.is_full() || is_blocked && self.publishes)
    }

    /// What it has of 0-9-1, if it speaks that.
    pub(in crate::amqp) fn v091(&mut self) -> Option<&mut V091> {
        match &mut self.peer {
            Peer::V091(peer) => Some(peer),
            Peer::New(_) | Peer::V10(_) => None,
        }
    }

    /// What it has of 1.0, if it speaks that.
    pub(in crate::amqp) fn v10(&mut self) -> Option<&mut V10> {
        match &mut self.peer {
            Peer::V10(peer) => Some(peer),
            Peer::New(_) | Peer::V091(_) => None,
        }
    }

    /// Whether a consumer of its takes a message.
    pub(super) fn has_room(&self, outlet: &Outlet, consumer: &Consumer) -> bool {
        match (&self.peer, outlet) {
            _ if self.is_full() => false,
            (Peer::V091(peer), Outlet::Channel(channel, _)) => peer.has_room(*channel, consumer),
            (Peer::V10(peer), Outlet::Link(session, handle)) => peer.has_room(*session, *handle),
            (Peer::New(_) | Peer::V091(_) | Peer::V10(_), _) => false,
        }
    }

    /// The queues of its consumers.
    pub(super) fn queues(&self) -> Vec<ShortStr> {
        match &self.peer {
            Peer::V091(peer) => peer.channels.values().flat_map(|channel| channel.queues()).cloned().collect(),
            Peer::V10(peer) => peer.queues(),
            Peer::New(_) => Vec::new(),
        }
    }
}

impl AmqpBroker {
    pub(in crate::amqp) fn connection_id(&self, stream: StreamId) -> ConnectionId {
        self.connections.get(&stream).map_or(ConnectionId(0), |connection| connection.id)
    }

    pub(super) fn accept(&mut self, stream: StreamId, host: &mut dyn Host) {
        self.counts.connections += 1;
        let is_full = self.config.max_connections.is_some_and(|most| self.connections.len() as u64 >= most);
        if is_full || host.reserve(CONNECTION).is_err() {
            self.counts.refused_connections += 1;
            self.counts.refused_memory += u64::from(!is_full);
            self.counts.refused_calls += u64::from(host.stream_abort(stream).is_err());
            return;
        }
        self.given.connection += 1;
        let connection = Connection {
            id: ConnectionId(self.given.connection),
            out: Outbox::default(),
            held: 0,
            publishes: false,
            exclusive: BTreeSet::new(),
            last_heard: host.now(),
            last_sent: host.now(),
            was_full: false,
            is_finished: false,
            is_draining: false,
            peer: Peer::New(Inbox::default()),
        };
        self.connections.insert(stream, Box::new(connection));
        host.set_timer(
            SILENCE + u64::from(stream.0),
            host.now().saturating_add(self.config.connect_timeout),
            "connection",
        );
    }

    /// What has waited for the disc may go.
    pub(super) fn release_held(&mut self, stream: StreamId) {
        let done = self.disc.done();
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        let Connection { held, out, peer, .. } = &mut **connection;
        let is_waiting = match peer {
            Peer::V091(peer) => peer.release_held(done, held, out),
            Peer::V10(_) => self.release_link_outcomes(stream),
            Peer::New(_) => false,
        };
        if is_waiting {
            self.for_disc.insert(stream);
        }
        self.touched.insert(stream);
        self.to_read.insert(stream);
    }

    /// Something has come on a stream. Its beginning says what the client speaks.
    pub(super) fn come(&mut self, stream: StreamId, data: &Rope, host: &dyn Host) {
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        match &mut connection.peer {
            Peer::New(inbox) => {
                inbox.push(data);
                let begun = Begun::of(inbox);
                let all = if matches!(begun, Begun::Partly) { Rope::new() } else { inbox.take_all() };
                connection.peer = match begun {
                    Begun::Partly => return,
                    Begun::V091 => {
                        let mut peer = Box::new(V091::new(&self.config));
                        peer.decoder.push(&all);
                        Peer::V091(peer)
                    }
                    Begun::V10(layer) => {
                        let mut peer = Box::new(V10::new(&self.config, layer, host.now()));
                        peer.push(&all);
                        Peer::V10(peer)
                    }
                };
            }
            Peer::V091(peer) => peer.decoder.push(data),
            Peer::V10(peer) => peer.push(data),
        }
    }

    /// Takes one frame of what has come, if one is whole. Whether there may be more.
    pub(super) fn take_one(&mut self, stream: StreamId, host: &mut dyn Host) -> bool {
        match self.connections.get(&stream).map(|connection| &connection.peer) {
            Some(Peer::V091(_)) => self.take_frame(stream, host),
            Some(Peer::V10(_)) => self.take_item(stream, host),
            Some(Peer::New(_)) | None => false,
        }
    }

    /// What waits is written, then the stream is closed.
    pub(in crate::amqp) fn drain(&mut self, stream: StreamId, host: &mut dyn Host) {
        if let Some(Peer::V10(_)) = self.connections.get(&stream).map(|connection| &connection.peer) {
            // What its machine has to say still, such as outcomes.
            self.pull(stream, host);
        }
        self.detach(stream, host);
        if let Some(connection) = self.connections.get_mut(&stream) {
            connection.is_draining = true;
        }
        for timer in [SILENCE, HEARTBEAT] {
            host.cancel_timer(timer + u64::from(stream.0));
        }
        self.touched.insert(stream);
    }

    /// A connection has no channels and no queues of its own any more.
    pub(in crate::amqp) fn detach(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        connection.held = 0;
        let own = std::mem::take(&mut connection.exclusive);
        match connection.peer {
            Peer::V091(_) => self.end_channels(stream, host),
            Peer::V10(_) => self.end_sessions(stream, host),
            Peer::New(_) => {}
        }
        for queue in own {
            self.delete_queue(&queue, host);
        }
    }

    /// A stream is over.
    pub(in crate::amqp) fn gone(&mut self, stream: StreamId, host: &mut dyn Host) {
        self.detach(stream, host);
        if self.connections.remove(&stream).is_some() {
            host.release(CONNECTION);
        }
        for timer in [SILENCE, HEARTBEAT] {
            host.cancel_timer(timer + u64::from(stream.0));
        }
        self.touched.remove(&stream);
        self.to_read.remove(&stream);
        self.for_disc.remove(&stream);
    }

    /// Nothing has come for too long. A connection that does not get open, or closed, in time is dropped without a word, too.
    pub(super) fn on_silence(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(connection) = self.connections.get(&stream) else { return };
        match &connection.peer {
            Peer::V091(peer) if peer.is_open() => return self.on_missing_heartbeat(stream, host),
            // Its machine says what is due.
            Peer::V10(peer) if peer.is_open() => return,
            Peer::V091(_) | Peer::V10(_) | Peer::New(_) => self.counts.handshake_timeouts += 1,
        }
        self.drop_silent(stream, host);
    }

    /// Something is due that keeps a connection alive.
    pub(super) fn on_keep_alive(&mut self, stream: StreamId, host: &mut dyn Host) {
        match self.connections.get(&stream).map(|connection| &connection.peer) {
            Some(Peer::V091(_)) => self.on_heartbeat_due(stream, host),
            Some(Peer::V10(_)) => self.on_machine_due(stream, host),
            Some(Peer::New(_)) | None => {}
        }
    }

    /// Drops a connection without a word.
    pub(in crate::amqp) fn drop_silent(&mut self, stream: StreamId, host: &mut dyn Host) {
        // It may be gone already.
        let _ = host.stream_abort(stream);
        self.gone(stream, host);
    }
}
