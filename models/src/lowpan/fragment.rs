//! A datagram in frames (RFC 4944 §5.3).

use super::compress::Compressed;
use super::headers::{FRAG1_LEN, FRAGN_LEN, FragmentHeader, Headers, MAX_FRAGMENTED};
use crate::rope::Rope;

/// Offsets count in units of so many bytes.
const UNIT: u64 = 8;

/// Why a datagram does not go into frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FragmentError {
    /// Its length does not fit into eleven bits.
    #[error("a datagram of {0} bytes: fragments carry at most {MAX_FRAGMENTED}")]
    TooLong(u64),
    /// A frame has no room for the headers and eight bytes.
    #[error("room for {room} bytes in a frame, where {need} are needed")]
    NoRoom {
        /// Bytes that are needed.
        need: usize,
        /// Bytes that there are.
        room: usize,
    },
}

/// The contents of the frames that carry a datagram, one after the other. All compressed headers are in the first one. All but the last are
/// filled as far as multiples of eight bytes go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fragments {
    datagram: Rope,
    compressed: Compressed,
    room: usize,
    tag: Option<u16>,
    /// Bytes of the datagram that have gone.
    gone: u64,
    is_done: bool,
}

impl Fragments {
    /// Frames with `room` bytes each for `datagram`, whose headers are `compressed`. If one frame is enough, it has no fragmentation header,
    /// and `tag` is not used.
    ///
    /// # Errors
    /// When the datagram is too long, or the room too small.
    pub fn new(datagram: Rope, compressed: Compressed, room: usize, tag: u16) -> Result<Self, FragmentError> {
        let rest = datagram.len().saturating_sub(compressed.covered);
        let mut fragments = Self { datagram, compressed, room, tag: None, gone: 0, is_done: false };
        if fragments.compressed.head.len() as u64 + rest <= room as u64 {
            return Ok(fragments);
        }
        let total = fragments.datagram.len();
        if total > MAX_FRAGMENTED {
            return Err(FragmentError::TooLong(total));
        }
        // The first one may end with its headers, if there are any.
        let first_data = if fragments.compressed.covered == 0 { UNIT as usize } else { 0 };
        let need = (FRAG1_LEN + fragments.compressed.head.len() + first_data).max(FRAGN_LEN + UNIT as usize);
        if need > room {
            return Err(FragmentError::NoRoom { need, room });
        }
        fragments.tag = Some(tag);
        Ok(fragments)
    }

    /// True if more than one frame is needed, so that a tag is used.
    pub const fn is_fragmented(&self) -> bool {
        self.tag.is_some()
    }

    /// How many frames are still to come.
    pub fn left(&self) -> u64 {
        if self.is_done {
            return 0;
        }
        let Some(_) = self.tag else { return 1 };
        let (first, others) = (self.first_end(), self.later_room());
        match self.gone {
            0 => 1 + (self.datagram.len() - first).div_ceil(others),
            gone => (self.datagram.len() - gone).div_ceil(others),
        }
    }

    /// Where the first fragment ends in the datagram.
    fn first_end(&self) -> u64 {
        let data = (self.room - FRAG1_LEN - self.compressed.head.len()) as u64;
        (self.compressed.covered + data / UNIT * UNIT).min(self.datagram.len())
    }

    /// Bytes in each of the others.
    fn later_room(&self) -> u64 {
        (self.room - FRAGN_LEN) as u64 / UNIT * UNIT
    }
}

impl Iterator for Fragments {
    type Item = Rope;

    fn next(&mut self) -> Option<Rope> {
        if self.is_done {
            return None;
        }
        let Some(tag) = self.tag else {
            self.is_done = true;
            return Some(self.compressed.whole(&self.datagram));
        };
        let is_first = self.gone == 0;
        // At most 2047 bytes, so that the offset is at most 255.
        let (size, units) = (self.datagram.len() as u16, (self.gone / UNIT) as u8);
        let fragment = FragmentHeader { size, tag, offset: (!is_first).then_some(units) };
        let mut head = Vec::with_capacity(FRAG1_LEN + self.compressed.head.len());
        Headers { fragment: Some(fragment), ..Headers::default() }.encode_into(&mut head);
        let (from, to) = if is_first {
            head.extend_from_slice(&self.compressed.head);
            (self.compressed.covered, self.first_end())
        } else {
            (self.gone, self.gone + self.later_room())
        };
        let mut content = Rope::from(head);
        content.append(&self.datagram.slice(from, to - from));
        self.gone = to;
        self.is_done = to >= self.datagram.len();
        Some(content)
    }
}
