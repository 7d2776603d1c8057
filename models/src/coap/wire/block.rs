//! The value of Block1 and Block2 (RFC 7959 §2.2).

use super::{OptionNumber, Options};

/// The size of blocks: 2^(SZX + 4) bytes, 16 to 1024. SZX 7 is reserved over UDP (RFC 7959 §2.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BlockSize(u8);

/// A block: which, of what size, and whether others follow it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// NUM: its place, counted in blocks of its own size from 0.
    pub number: u32,
    /// M: others follow. In a request's Block2 it means nothing and is not set.
    pub more: bool,
    /// SZX.
    pub size: BlockSize,
}

impl BlockSize {
    /// 16 bytes.
    pub const SMALLEST: Self = Self(0);
    /// 1024 bytes.
    pub const LARGEST: Self = Self(6);

    /// The size of `bytes` bytes, if there is such a one.
    pub const fn from_bytes(bytes: u64) -> Option<Self> {
        match bytes {
            16 => Some(Self(0)),
            32 => Some(Self(1)),
            64 => Some(Self(2)),
            128 => Some(Self(3)),
            256 => Some(Self(4)),
            512 => Some(Self(5)),
            1024 => Some(Self(6)),
            _ => None,
        }
    }

    /// The largest size of at most `bytes` bytes; the smallest where there is none.
    pub fn at_most(bytes: u64) -> Self {
        (0..=6).rev().map(Self).find(|size| size.bytes() <= bytes).unwrap_or(Self::SMALLEST)
    }

    /// Its length \[bytes\].
    pub const fn bytes(self) -> u64 {
        1 << (self.0 + 4)
    }
}

impl Block {
    /// The largest NUM: 20 bits are left for it in three bytes.
    pub const LAST_NUMBER: u32 = (1 << 20) - 1;

    /// Where it begins in the body \[bytes\].
    pub const fn offset(self) -> u64 {
        self.number as u64 * self.size.bytes()
    }

    /// The block of `size` that begins at `offset`, or `None` where none does, or its number is too large.
    pub fn at(offset: u64, size: BlockSize) -> Option<Self> {
        let number = u32::try_from(offset / size.bytes()).ok().filter(|number| *number <= Self::LAST_NUMBER)?;
        offset.is_multiple_of(size.bytes()).then_some(Self { number, more: false, size })
    }

    /// The value as a number.
    pub const fn value(self) -> u32 {
        self.number << 4 | (self.more as u32) << 3 | self.size.0 as u32
    }

    /// From a number; `None` for SZX 7 and for more than three bytes.
    pub const fn from_value(value: u32) -> Option<Self> {
        if value & 7 == 7 || value >> 24 != 0 {
            return None;
        }
        Some(Self { number: value >> 4, more: value & 8 != 0, size: BlockSize((value & 7) as u8) })
    }
}

impl Options {
    /// The block that Block1 or Block2 names.
    ///
    /// # Errors
    /// When the option is there and its value is reserved: 4.00 is the answer (RFC 7959 §2.2).
    pub fn block(&self, number: OptionNumber) -> Result<Option<Block>, ReservedSize> {
        match self.uint(number) {
            None => Ok(None),
            Some(value) => Block::from_value(value).map(Some).ok_or(ReservedSize),
        }
    }

    /// Adds Block1 or Block2.
    pub fn add_block(&mut self, number: OptionNumber, block: Block) {
        self.add_uint(number, block.value());
    }
}

/// A Block option with SZX 7.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a block of the reserved size 7")]
pub struct ReservedSize;
