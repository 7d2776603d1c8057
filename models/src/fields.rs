//! Fields read from the front of bytes: what formats of constrained radios share.

use std::marker::PhantomData;

/// The bytes end within a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Truncated {
    /// Bytes up to the end of the field.
    pub(crate) need: usize,
    /// Bytes that are there.
    pub(crate) have: usize,
}

/// Reads fields from the front of bytes; `E` is the format's own error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a, E> {
    bytes: &'a [u8],
    at: usize,
    error: PhantomData<E>,
}

impl<'a, E: From<Truncated>> Fields<'a, E> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, error: PhantomData }
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], E> {
        let need = self.at + len;
        let field = self.bytes.get(self.at..need).ok_or(Truncated { need, have: self.bytes.len() })?;
        self.at = need;
        Ok(field)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], E> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, E> {
        self.array().map(|[byte]| byte)
    }

    /// Two bytes in network order.
    pub(crate) fn u16_be(&mut self) -> Result<u16, E> {
        self.array().map(u16::from_be_bytes)
    }

    /// Two bytes, the low one first, as IEEE 802.15.4 has them.
    pub(crate) fn u16_le(&mut self) -> Result<u16, E> {
        self.array().map(u16::from_le_bytes)
    }

    /// The next byte, which stays.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// How many bytes were read.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// What was not read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }
}
