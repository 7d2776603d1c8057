//! A window that never changes, for teaching: what congestion control is good for shows without it.

use super::Window;

/// A window of so many full segments, whatever happens.
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    /// \[full segments\]
    segments: u64,
}

impl Fixed {
    pub(super) fn new(segments: u32) -> Self {
        Self { segments: u64::from(segments) }
    }

    /// Called on every event: whatever the window was, it is this again.
    pub(super) const fn hold(self, window: &mut Window) {
        window.cwnd = self.segments.saturating_mul(window.mss);
    }
}
