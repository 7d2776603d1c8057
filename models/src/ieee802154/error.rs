//! Why bytes are not a frame.

use super::timing::MAX_PHY_PACKET_SIZE;
use crate::fields::{Fields, Truncated};

/// Why bytes are not a frame that can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrameError {
    /// It ends within a field.
    #[error("truncated: {need} bytes needed, {have} bytes there")]
    Truncated {
        /// Bytes up to the end of the field.
        need: usize,
        /// Bytes that are there.
        have: usize,
    },
    /// It is longer than the PHY can send.
    #[error("{0} bytes: a frame has at most {MAX_PHY_PACKET_SIZE}")]
    TooLong(usize),
    /// The check sequence is not that of the bytes.
    #[error("frame check sequence {found:04x}, computed {computed:04x}")]
    Fcs {
        /// What the frame says.
        found: u16,
        /// What its bytes give.
        computed: u16,
    },
    /// A frame version other than 0 and 1: information elements and suppressed numbers of 2015 are not read.
    #[error("frame version {0}")]
    Version(u8),
    /// A frame type other than beacon, data, acknowledgement and command.
    #[error("frame type {0}")]
    Type(u8),
    /// The reserved addressing mode.
    #[error("reserved addressing mode")]
    AddressingMode,
    /// A PAN identifier is left out though there are not two addresses.
    #[error("PAN id compression without two addresses")]
    PanCompression,
    /// Security of 2003, whose suite the frame does not name.
    #[error("security of version 2003")]
    LegacySecurity,
    /// A beacon with more pending addresses than there may be.
    #[error("{0} pending addresses: a beacon has at most 7")]
    Pending(u8),
    /// An acknowledgement with an address, security or content.
    #[error("acknowledgement with more than a sequence number")]
    Acknowledgement,
}

impl From<Truncated> for FrameError {
    fn from(Truncated { need, have }: Truncated) -> Self {
        Self::Truncated { need, have }
    }
}

/// Reads fields from the front of a frame.
pub(super) type Reader<'a> = Fields<'a, FrameError>;
