//! Reading and writing of fields and of vectors with their lengths before them (RFC 8446 §3).

use crate::tls::codes::AlertDescription;
use bytes::Bytes;

/// What decoding gives: a value, or the alert to answer with.
pub(super) type Decoded<T> = Result<T, AlertDescription>;

/// Reads from front to back; whatever is missing is a `decode_error` (RFC 8446 §6.2).
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing may be left.
    pub(super) const fn end(&self) -> Decoded<()> {
        if self.is_empty() { Ok(()) } else { Err(AlertDescription::DECODE_ERROR) }
    }

    /// The next `len` bytes.
    pub(super) fn bytes(&mut self, len: usize) -> Decoded<&'a [u8]> {
        let (taken, left) = self.0.split_at_checked(len).ok_or(AlertDescription::DECODE_ERROR)?;
        self.0 = left;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Decoded<[u8; N]> {
        let (taken, left) = self.0.split_first_chunk().ok_or(AlertDescription::DECODE_ERROR)?;
        self.0 = left;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Decoded<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Decoded<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u24(&mut self) -> Decoded<u32> {
        self.array().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    pub(super) fn u32(&mut self) -> Decoded<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// All that is left, which stays.
    pub(super) const fn peek(&self) -> &'a [u8] {
        self.0
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> Bytes {
        Bytes::copy_from_slice(std::mem::take(&mut self.0))
    }

    /// A reader of the vector that comes next: `N` bytes of length and `least` bytes or more.
    pub(super) fn vector<const N: usize>(&mut self, least: usize) -> Decoded<Self> {
        let len = self.array::<N>()?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        if len < least {
            return Err(AlertDescription::DECODE_ERROR);
        }
        self.bytes(len).map(Self)
    }

    /// As [`Self::vector`], its bytes.
    pub(super) fn opaque<const N: usize>(&mut self, least: usize) -> Decoded<Bytes> {
        self.vector::<N>(least).map(|mut inner| inner.rest())
    }

    /// As [`Self::vector`], made of items that `read` reads.
    pub(super) fn list<const N: usize, T>(
        &mut self,
        least: usize,
        mut read: impl FnMut(&mut Self) -> Decoded<T>,
    ) -> Decoded<Vec<T>> {
        let mut inner = self.vector::<N>(least)?;
        let mut items = Vec::new();
        while !inner.is_empty() {
            items.push(read(&mut inner)?);
        }
        Ok(items)
    }
}

/// Writes to the end.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    pub(super) fn u24(&mut self, value: u32) {
        let [top, low @ ..] = value.to_be_bytes();
        assert!(top == 0, "{value} does not fit into 24 bits");
        self.bytes(&low);
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    pub(super) fn zeros(&mut self, count: usize) {
        self.0.resize(self.0.len() + count, 0);
    }

    /// What `write` writes, with its length in `N` bytes before it.
    ///
    /// # Panics
    /// When that length does not fit into `N` bytes.
    pub(super) fn vector<const N: usize>(&mut self, write: impl FnOnce(&mut Self)) {
        let from = self.0.len();
        self.zeros(N);
        write(self);
        let len = self.0.len() - from - N;
        let encoded = (len as u64).to_be_bytes();
        let (high, low) = encoded.split_at(encoded.len() - N);
        assert!(high.iter().all(|byte| *byte == 0), "{len} bytes are too many for a length of {N} bytes");
        self.0[from..from + N].copy_from_slice(low);
    }

    /// `bytes`, with their length in `N` bytes before them; panics as [`Self::vector`].
    pub(super) fn opaque<const N: usize>(&mut self, bytes: &[u8]) {
        self.vector::<N>(|inner| inner.bytes(bytes));
    }

    /// All `items`, with their length in `N` bytes before them; panics as [`Self::vector`].
    pub(super) fn list<const N: usize, T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.vector::<N>(|inner| items.iter().for_each(|item| write(inner, item)));
    }

    pub(super) fn finish(self) -> Bytes {
        self.0.into()
    }
}
