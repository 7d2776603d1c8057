//! A host's memory for buffers and sessions.

use protosim_core::{OutOfMemory, Size};

/// Memory with a limit, or without one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Memory {
    limit: Option<Size>,
    used: u64,
    peak: u64,
}

impl Memory {
    /// Memory of at most `limit` bytes.
    pub const fn new(limit: Option<Size>) -> Self {
        Self { limit, used: 0, peak: 0 }
    }

    /// Takes `bytes`.
    ///
    /// # Errors
    /// When there is not that much left; nothing is taken then.
    pub fn reserve(&mut self, bytes: u64) -> Result<(), OutOfMemory> {
        let free = self.limit.map_or(u64::MAX, Size::as_bytes).saturating_sub(self.used);
        if bytes > free {
            return Err(OutOfMemory { wanted: bytes, free });
        }
        self.used += bytes;
        self.peak = self.peak.max(self.used);
        Ok(())
    }

    /// Gives `bytes` back.
    pub fn release(&mut self, bytes: u64) {
        debug_assert!(bytes <= self.used, "more memory released than reserved");
        self.used = self.used.saturating_sub(bytes);
    }

    /// Forgets everything, as a host does that loses power. The peak stays.
    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// Bytes in use.
    pub const fn used(&self) -> u64 {
        self.used
    }

    /// The most that was in use at once.
    pub const fn peak(&self) -> u64 {
        self.peak
    }
}
