//! What waits to be written to a stream: what is coded already, and behind it content that is put in chunks as there is room.

use super::wire::ChunkedBody;
use crate::app::{Host, HostError, StreamId};
use crate::rope::Rope;

/// Chunks that are coded at once.
const CHUNKS: usize = 64;

/// The way out of one stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    ready: Rope,
    chunks: Option<ChunkedBody>,
}

impl Outbox {
    /// True if nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.chunks.is_none()
    }

    /// Adds what goes as it is.
    pub(super) fn push(&mut self, data: &Rope) {
        debug_assert!(self.chunks.is_none(), "nothing goes behind content that is not coded yet");
        self.ready.append(data);
    }

    /// Takes away bytes that have gone another way.
    pub(super) fn drop_front(&mut self, bytes: u64) {
        self.ready = self.ready.slice(bytes, u64::MAX);
    }

    /// Adds content to be put in chunks; nothing may be added behind it until it is gone.
    pub(super) fn push_chunked(&mut self, body: ChunkedBody) {
        self.chunks = Some(body);
    }

    /// Writes what the stream takes; says how much that was.
    pub(super) fn write(&mut self, stream: StreamId, host: &mut dyn Host) -> Result<u64, HostError> {
        let mut written = 0;
        loop {
            self.code();
            if self.ready.is_empty() {
                return Ok(written);
            }
            let taken = host.stream_write(stream, &self.ready)?;
            written += taken;
            self.ready = self.ready.slice(taken, u64::MAX);
            if !self.ready.is_empty() {
                return Ok(written);
            }
        }
    }

    /// Codes some chunks where nothing is ready.
    fn code(&mut self) {
        let Some(chunks) = self.chunks.as_mut().filter(|_| self.ready.is_empty()) else { return };
        for _ in 0..CHUNKS {
            match chunks.next_chunk() {
                Some(chunk) => self.ready.append(&chunk),
                None => {
                    self.chunks = None;
                    return;
                }
            }
        }
    }
}
