//! Why bytes are not a datagram.

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

/// Reads fields from the front of a frame's content.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], LowpanError> {
        let end = self.at + len;
        let field = self.bytes.get(self.at..end);
        let field = field.ok_or(LowpanError::Truncated { need: end, have: self.bytes.len() })?;
        self.at = end;
        Ok(field)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], LowpanError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn u8(&mut self) -> Result<u8, LowpanError> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, LowpanError> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next byte, which stays.
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }
}
