//! Messages one behind the other on a stream, and ChannelData (RFC 8489 §6.2.2, RFC 8656 §12.4, §12.5).

use super::HEADER_LEN;
use crate::rope::Rope;

/// The header of ChannelData \[bytes\].
pub const CHANNEL_HEADER_LEN: u64 = 4;
/// The first channel (RFC 8656 §12).
pub const FIRST_CHANNEL: u16 = 0x4000;
/// The last one; what lies above it is reserved.
pub const LAST_CHANNEL: u16 = 0x4fff;
/// The last one of RFC 5766 §11, which clients older than RFC 8656 use.
pub const LAST_OLD_CHANNEL: u16 = 0x7fff;

/// What begins with these bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Frame {
    /// A STUN message: the first two bits are zero.
    Stun,
    /// ChannelData on this channel, of so many bytes.
    Channel(u16, u16),
}

/// What the first four bytes begin; `None` if it is neither, as other protocols on the port are (RFC 7983).
pub fn frame(head: [u8; 4]) -> Option<Frame> {
    let (first, len) = (u16::from_be_bytes([head[0], head[1]]), u16::from_be_bytes([head[2], head[3]]));
    match first {
        0..0x4000 => Some(Frame::Stun),
        FIRST_CHANNEL..=LAST_OLD_CHANNEL => Some(Frame::Channel(first, len)),
        _ => None,
    }
}

/// The first four bytes of `rope`, if it has so many.
pub fn head(rope: &Rope) -> Option<[u8; 4]> {
    rope.slice(0, 4).to_bytes().as_ref().try_into().ok()
}

/// ChannelData: 4 bytes more than `data`; over a stream padded to a multiple of four, which its length does not count.
///
/// # Panics
/// When `data` is longer than 65535 bytes: no datagram is.
pub fn channel_data(channel: u16, data: &Rope, is_stream: bool) -> Rope {
    let len = u16::try_from(data.len()).expect("data of one datagram");
    let mut head = channel.to_be_bytes().to_vec();
    head.extend_from_slice(&len.to_be_bytes());
    let mut out = Rope::from(head);
    out.append(data);
    if is_stream {
        out.append(&padding(data.len()));
    }
    out
}

/// What makes `len` a multiple of four.
pub(crate) fn padding(len: u64) -> Rope {
    Rope::from(vec![0; (len.next_multiple_of(4) - len) as usize])
}

/// The stream has something in it that is no frame: it cannot be read any further.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the stream has neither a STUN message nor ChannelData where one begins")]
pub struct NotAFrame;

/// Cuts a stream into messages and ChannelData; the latter come without padding.
#[derive(Clone, Debug, Default)]
pub struct FrameReader {
    waiting: Rope,
}

impl FrameReader {
    /// Adds what was read.
    pub fn push(&mut self, data: &Rope) {
        self.waiting.append(data);
    }

    /// The next frame, once it is whole.
    ///
    /// # Errors
    /// When there is none, and never will be.
    pub fn next_frame(&mut self) -> Result<Option<Rope>, NotAFrame> {
        let Some(head) = head(&self.waiting) else { return Ok(None) };
        let len = u64::from(u16::from_be_bytes([head[2], head[3]]));
        let (len, padded) = match frame(head).ok_or(NotAFrame)? {
            Frame::Stun => (HEADER_LEN as u64 + len, HEADER_LEN as u64 + len),
            Frame::Channel(..) => (CHANNEL_HEADER_LEN + len, CHANNEL_HEADER_LEN + len.next_multiple_of(4)),
        };
        if self.waiting.len() < padded {
            return Ok(None);
        }
        let whole = self.waiting.slice(0, len);
        self.waiting = self.waiting.slice(padded, u64::MAX);
        Ok(Some(whole))
    }
}
