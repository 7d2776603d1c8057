//! Why bytes are not a datagram.

use crate::fields::{Fields, Truncated};

/// Why a frame's content is not read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, thiserror::Error)]
pub enum LowpanError {
    /// It ends within a field.
    #[error("truncated: {need} bytes needed, {have} bytes there")]
    Truncated {
        /// Bytes up to the end of the field.
        need: usize,
        /// Bytes that are there.
        have: usize,
    },
    /// A dispatch of something that is no 6LoWPAN (00xxxxxx).
    #[error("not 6LoWPAN: dispatch {0:02x}")]
    NotLowpan(u8),
    /// A dispatch that is not read, or not here: HC1, the escape, a mesh header behind another one.
    #[error("dispatch {0:02x} not supported here")]
    Dispatch(u8),
    /// A combination of address modes that is reserved.
    #[error("reserved address mode in {0:02x}")]
    ReservedMode(u8),
    /// A context that is not known.
    #[error("context {0} not known")]
    UnknownContext(u8),
    /// An interface identifier that is to be made from an address of the link, which has none.
    #[error("no link address to make an interface identifier from")]
    NoIid,
    /// A next header with an unknown or reserved compression.
    #[error("compression of a next header {0:02x} not known")]
    NextHeader(u8),
    /// An extension header whose length is not a multiple of eight bytes and cannot be made one.
    #[error("extension header of {0} bytes: not a multiple of 8")]
    ExtensionLength(usize),
    /// A datagram too long for its length fields.
    #[error("datagram of {0} bytes: its length fields end at 65535")]
    TooLong(u64),
    /// What follows the dispatch of IPv6 without compression is of another version.
    #[error("IP version {0} behind the dispatch of IPv6")]
    Version(u8),
    /// An elided checksum in a part of a datagram, over which none can be computed.
    #[error("checksum left out of an IPv6 fragment")]
    ElidedChecksum,
}

impl From<Truncated> for LowpanError {
    fn from(Truncated { need, have }: Truncated) -> Self {
        Self::Truncated { need, have }
    }
}

/// Reads fields from the front of a frame's content.
pub(super) type Reader<'a> = Fields<'a, LowpanError>;
