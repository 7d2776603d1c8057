//! Digests, keys and shared secrets: a few bytes, kept in place.

use std::fmt;

/// At most 64 bytes: a digest, a key, or what a key exchange gives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret {
    len: u8,
    bytes: [u8; Self::MAX],
}

impl Secret {
    /// The longest one \[bytes\]: the shared secret of a hybrid key exchange (draft-ietf-tls-ecdhe-mlkem §4.3).
    pub const MAX: usize = 64;

    /// A copy of `bytes`.
    ///
    /// # Panics
    /// If there are more than [`Secret::MAX`].
    pub fn new(bytes: &[u8]) -> Self {
        Self::joined(bytes, &[])
    }

    /// `first` and then `second`.
    ///
    /// # Panics
    /// If together they are longer than [`Secret::MAX`].
    pub(super) fn joined(first: &[u8], second: &[u8]) -> Self {
        let len = first.len() + second.len();
        let mut out = Self::zero(len);
        out.bytes[..first.len()].copy_from_slice(first);
        out.bytes[first.len()..len].copy_from_slice(second);
        out
    }

    /// `len` zero bytes.
    ///
    /// # Panics
    /// If `len` is more than [`Secret::MAX`].
    pub(super) fn zero(len: usize) -> Self {
        assert!(len <= Self::MAX, "a secret has at most {} bytes, not {len}", Self::MAX);
        Self { len: len as u8, bytes: [0; Self::MAX] }
    }

    /// Its bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Its bytes.
    pub(super) fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.bytes[..usize::from(self.len)]
    }
}

impl AsRef<[u8]> for Secret {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

/// In hexadecimal.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
