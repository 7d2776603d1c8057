//! Arguments of methods, one behind the other (§4.2.5).

use super::Fault;
use super::table::Table;
use super::text::{LongStr, ShortStr};
use bytes::Bytes;

/// What is left of the payload of a method or content header.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    left: &'a [u8],
    bits: Bits,
}

/// Arguments on their way out.
#[derive(Clone, Debug, Default)]
pub(super) struct Writer {
    pub(super) out: Vec<u8>,
    bits: Bits,
}

/// The octet that consecutive bits share, lowest first (§4.2.5.2).
#[derive(Clone, Copy, Debug, Default)]
struct Bits {
    /// The octet, as far as it was read.
    octet: u8,
    /// How many more bits fit into it.
    room: u8,
}

const SHORT: Fault = Fault::frame("§4.2.3", "a payload ends within a field");

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes, bits: Bits { octet: 0, room: 0 } }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// The next `len` bytes.
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        self.bits.room = 0;
        let (taken, left) = self.left.split_at_checked(len).ok_or(SHORT)?;
        self.left = left;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        self.take(N)?.try_into().map_err(|_| SHORT)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Fault> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Fault> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_be_bytes)
    }

    /// Bytes behind their length of 32 bits.
    pub(super) fn long(&mut self) -> Result<&'a [u8], Fault> {
        let len = usize::try_from(self.u32()?).map_err(|_| SHORT)?;
        self.take(len)
    }

    pub(super) fn bit(&mut self) -> Result<bool, Fault> {
        if self.bits.room == 0 {
            self.bits = Bits { octet: self.u8()?, room: 8 };
        }
        let bit = self.bits.octet & 1 != 0;
        self.bits = Bits { octet: self.bits.octet >> 1, room: self.bits.room - 1 };
        Ok(bit)
    }

    /// # Errors
    /// When something is left.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        match self.left {
            [] => Ok(()),
            _ => Err(Fault::frame("§4.2.3", "a payload has bytes behind its last field")),
        }
    }
}

impl Writer {
    pub(super) const fn behind(out: Vec<u8>) -> Self {
        Self { out, bits: Bits { octet: 0, room: 0 } }
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.bits.room = 0;
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn put_bit(&mut self, bit: bool) {
        if self.bits.room == 0 {
            self.out.push(0);
            self.bits.room = 8;
        }
        if let (true, Some(octet)) = (bit, self.out.last_mut()) {
            *octet |= 1 << (8 - self.bits.room);
        }
        self.bits.room -= 1;
    }

    /// Bytes behind their length of 32 bits. What is longer than that fits into no frame, and is refused there.
    pub(super) fn put_long(&mut self, bytes: &[u8]) {
        self.put(&(bytes.len() as u32).to_be_bytes());
        self.out.extend_from_slice(bytes);
    }

    /// What `put` writes, behind its length of 32 bits.
    pub(super) fn put_part(&mut self, put: impl FnOnce(&mut Self)) {
        self.put(&[0; 4]);
        let start = self.out.len();
        put(self);
        self.bits.room = 0;
        let len = (self.out.len() - start) as u32;
        self.out[start - 4..start].copy_from_slice(&len.to_be_bytes());
    }
}

/// A type of arguments.
pub(super) trait Argument: Sized + Default {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault>;
    fn put(&self, writer: &mut Writer);
    /// A value for tests.
    #[cfg(test)]
    fn any(rng: &mut fastrand::Rng) -> Self;
}

/// Octet, short, long, long-long.
macro_rules! integers {
    ($($type:ident)+) => {
        $(impl Argument for $type {
            fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
                reader.array().map(Self::from_be_bytes)
            }

            fn put(&self, writer: &mut Writer) {
                writer.put(&self.to_be_bytes());
            }

            #[cfg(test)]
            fn any(rng: &mut fastrand::Rng) -> Self {
                rng.$type(..)
            }
        })+
    };
}

integers!(u8 u16 u32 u64);

impl Argument for bool {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        reader.bit()
    }

    fn put(&self, writer: &mut Writer) {
        writer.put_bit(*self);
    }

    #[cfg(test)]
    fn any(rng: &mut fastrand::Rng) -> Self {
        rng.bool()
    }
}

impl Argument for ShortStr {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let len = usize::from(reader.u8()?);
        Self::from_bytes(reader.take(len)?)
    }

    fn put(&self, writer: &mut Writer) {
        // At most 255: the type sees to that.
        writer.put(&[self.len() as u8]);
        writer.put(self.as_bytes());
    }

    #[cfg(test)]
    fn any(rng: &mut fastrand::Rng) -> Self {
        let len = [0, 1, 3, 12, 127][rng.usize(..5)];
        let text: String =
            (0..len).map(|_| *rng.choice(&['a', 'q', '.', '#', '*', 'ä', '\u{feff}']).unwrap()).collect();
        Self::cut(&text)
    }
}

impl Argument for LongStr {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        reader.long().map(|bytes| Self::new(Bytes::copy_from_slice(bytes)))
    }

    fn put(&self, writer: &mut Writer) {
        writer.put_long(self.as_bytes());
    }

    #[cfg(test)]
    fn any(rng: &mut fastrand::Rng) -> Self {
        let len = [0, 1, 17, 300][rng.usize(..4)];
        Self::new((0..len).map(|_| rng.u8(..)).collect::<Vec<_>>())
    }
}

impl Argument for Table {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Self::read_at(reader, 0)
    }

    fn put(&self, writer: &mut Writer) {
        self.put_behind_length(writer);
    }

    #[cfg(test)]
    fn any(rng: &mut fastrand::Rng) -> Self {
        Self::any_at(rng, 0)
    }
}
