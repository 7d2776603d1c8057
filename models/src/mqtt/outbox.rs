//! What waits to be written to a stream, some of it for the disc.

use super::fifo::Fifo;
use crate::app::{Host, HostError, StreamId};
use crate::rope::Rope;

/// The way out of one stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    /// Packets, each with the write to disc that it waits for.
    waiting: Fifo<(u64, Rope)>,
    /// Bytes of those.
    bytes: u64,
    /// What the stream has not taken of what may go.
    ready: Rope,
    /// All that was pushed, ever \[bytes\].
    pushed: u64,
    /// All that was written \[bytes\].
    written: u64,
}

impl Outbox {
    /// Bytes that wait.
    pub(super) fn len(&self) -> u64 {
        self.bytes + self.ready.len()
    }

    /// All that was pushed so far \[bytes\].
    pub(super) fn pushed(&self) -> u64 {
        self.pushed
    }

    /// How much of it was written \[bytes\].
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Adds a packet, which may go when write `needs` to disc is done; what is behind it does not pass it.
    pub(super) fn push(&mut self, needs: u64, packet: Rope) {
        self.bytes += packet.len();
        self.pushed += packet.len();
        self.waiting.push_back((needs, packet));
    }

    /// Writes what the stream takes, of what may go where the writes up to `done` are on disc; says how much that was.
    pub(super) fn write(&mut self, stream: StreamId, done: u64, host: &mut dyn Host) -> Result<u64, HostError> {
        while let Some((_, packet)) = self.waiting.pop_front_if(|(needs, _)| *needs <= done) {
            self.bytes -= packet.len();
            self.ready.append(&packet);
        }
        if self.ready.is_empty() {
            return Ok(0);
        }
        let taken = host.stream_write(stream, &self.ready)?;
        self.ready = self.ready.slice(taken, u64::MAX);
        self.written += taken;
        Ok(taken)
    }
}
