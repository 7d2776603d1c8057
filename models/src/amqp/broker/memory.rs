//! What messages take of the host's memory, and when publishers are blocked for it.

use super::{AmqpBroker, Peer};
use crate::amqp::v091::wire::ShortStr;
use crate::app::{Host, StreamId};

/// Memory of a connection beside its TCP \[bytes\] (our choice, as this program takes).
pub(super) const CONNECTION: u64 = 640;
/// Memory of a channel \[bytes\].
pub(in crate::amqp) const CHANNEL: u64 = 256;
/// Memory of a session of 1.0 \[bytes\].
pub(in crate::amqp) const SESSION: u64 = 320;
/// Memory of a link of 1.0 \[bytes\].
pub(in crate::amqp) const LINK: u64 = 1024;
/// Memory of a queue \[bytes\].
pub(super) const QUEUE: u64 = 512;
/// Memory of a consumer \[bytes\].
pub(super) const CONSUMER: u64 = 192;
/// Memory of a message in a queue beside its body \[bytes\].
pub(in crate::amqp) const MESSAGE: u64 = 256;

impl AmqpBroker {
    /// Gives memory back, so that a queue has what it holds.
    pub(super) fn settle_memory(&mut self, name: &ShortStr, host: &mut dyn Host) {
        let Some(stored) = self.store.queues.get_mut(name) else { return };
        let (count, bytes) = stored.queue.held();
        let holds = QUEUE + count * MESSAGE + bytes;
        let free = stored.memory.saturating_sub(holds);
        stored.memory -= free;
        self.held -= free;
        host.release(free);
    }

    fn is_short(&self) -> bool {
        self.config.memory_watermark.is_some_and(|most| self.held >= most.as_bytes())
    }

    /// Blocks who publishes, where memory is short: nothing more is read from them, and they are told (RabbitMQ).
    pub(in crate::amqp) fn block(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        let is_first = !std::mem::replace(&mut connection.publishes, true);
        let was_blocked = self.is_blocked;
        self.is_blocked |= self.is_short();
        if self.is_blocked && !was_blocked {
            self.counts.blocked += 1;
            self.tell_publishers(host);
        } else if self.is_blocked && is_first {
            self.tell_blocked(stream, host);
        }
    }

    /// Goes on with them, where memory is short no more. Whether it does.
    pub(super) fn unblock(&mut self, host: &mut dyn Host) -> bool {
        if !self.is_blocked || self.is_short() {
            return false;
        }
        self.is_blocked = false;
        self.tell_publishers(host);
        true
    }

    fn tell_publishers(&mut self, host: &mut dyn Host) {
        for (stream, connection) in &mut self.connections {
            if let Some(peer) = connection.v10() {
                peer.hold_credit(self.is_blocked);
                self.touched.insert(*stream);
            }
        }
        let publishers = self.connections.iter().filter(|(_, connection)| connection.publishes);
        for stream in publishers.map(|(stream, _)| *stream).collect::<Vec<_>>() {
            self.tell_blocked(stream, host);
            if !self.is_blocked {
                self.to_read.insert(stream);
                if let Some(connection) = self.connections.get_mut(&stream) {
                    // It was not listened to meanwhile.
                    connection.last_heard = host.now();
                }
            }
        }
    }

    fn tell_blocked(&mut self, stream: StreamId, host: &mut dyn Host) {
        match self.connections.get(&stream).map(|connection| &connection.peer) {
            Some(Peer::V091(_)) => self.say_blocked(stream, host),
            // Those of 1.0 have no way to hear it but by credit.
            Some(Peer::V10(_) | Peer::New(_)) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Connection;
    use super::*;
    use crate::amqp::v10;

    /// What is counted is what this program takes, within a quarter (the tree that holds it, and what the allocator rounds): with nothing under way, and beside names and addresses.
    #[test]
    fn what_is_counted_is_what_there_is() {
        let (connection, session, link) = v10::broker::sizes();
        for (what, counted, there) in [
            ("connection", CONNECTION, size_of::<Connection>() + connection),
            ("session", SESSION, session),
            ("link", LINK, link),
        ] {
            let there = there as u64;
            assert!(there <= counted && counted <= there * 5 / 4, "{what}: {counted} for {there}");
        }
    }
}
