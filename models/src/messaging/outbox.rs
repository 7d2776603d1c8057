//! What waits to be written to a stream, some of it for the disc.

use super::fifo::Fifo;
use crate::app::{Host, HostError, StreamId};
use crate::rope::Rope;

/// The way out of one stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox {
    /// Packets, each with the write to disc that it waits for.
    waiting: Fifo<(u64, Rope)>,
    /// Bytes of those.
    bytes: u64,
    /// What the stream has not taken of what may go.
    ready: Option<Box<Rope>>,
}

impl Outbox {
    /// Bytes that wait.
    pub(crate) fn len(&self) -> u64 {
        self.bytes + self.ready.as_ref().map_or(0, |ready| ready.len())
    }

    /// Adds a packet, which may go when write `needs` to disc is done; what is behind it does not pass it.
    pub(crate) fn push(&mut self, needs: u64, packet: Rope) {
        self.bytes += packet.len();
        self.waiting.push_back((needs, packet));
    }

    /// Writes what the stream takes, of what may go where the writes up to `done` are on disc; says how much that was.
    pub(crate) fn write(&mut self, stream: StreamId, done: u64, host: &mut dyn Host) -> Result<u64, HostError> {
        let mut ready = self.ready.take().map_or_else(Rope::new, |ready| *ready);
        while let Some((_, packet)) = self.waiting.pop_front_if(|(needs, _)| *needs <= done) {
            self.bytes -= packet.len();
            ready.append(&packet);
        }
        if ready.is_empty() {
            return Ok(0);
        }
        let written = host.stream_write(stream, &ready);
        let taken = *written.as_ref().unwrap_or(&0);
        if taken < ready.len() {
            self.ready = Some(Box::new(ready.slice(taken, u64::MAX)));
        }
        written
    }
}
