//! The TCP header (RFC 9293 §3.1) and its options (RFC 9293 §3.2, RFC 7323, RFC 2018, RFC 7413).
//!
//! The hot fields stand in the header; the options of handshakes and of selective acknowledgements, which most segments
//! do not have, live out of line.
//!
//! # Options on the wire
//! They are written as Linux writes them (`tcp_options_write`), each on a boundary of 4 bytes:
//!
//! | option | bytes |
//! |---|---|
//! | MSS | `0204 mmmm` |
//! | timestamps | `0101 080a`, value, echo; after SACK-permitted `0402 080a` |
//! | SACK-permitted without timestamps | `0101 0402` |
//! | window scale | `01 0303 ss` |
//! | SACK | `0101 05 ll`, blocks |
//! | Fast Open | `22 ll`, cookie, `01`s |
//!
//! What of this exceeds 40 bytes is left out, see [`TcpHeader::fitted`]. Options that came in another form are kept as they
//! came beside what was understood of them ([`TcpOptions::as_received`]), so that what is forwarded or captured has the
//! bytes that arrived. Which option counts in which segment is for the receiver to say: those of handshakes are read
//! without SYN too.

use super::error::{DecodeError, Layer, first};
use super::ip::{IpHeader, protocol};
use crate::rope::Rope;
use bytes::Bytes;

/// Length of the header without options in bytes.
pub(super) const MIN_HEADER_LEN: usize = 20;
/// Most bytes of options: the data offset counts to 60 bytes.
pub const MAX_OPTIONS_LEN: usize = 40;

/// Kinds of options (IANA "TCP Option Kind Numbers").
mod kind {
    pub(super) const END: u8 = 0;
    pub(super) const NO_OPERATION: u8 = 1;
    pub(super) const MSS: u8 = 2;
    pub(super) const WINDOW_SCALE: u8 = 3;
    pub(super) const SACK_PERMITTED: u8 = 4;
    pub(super) const SACK: u8 = 5;
    pub(super) const TIMESTAMPS: u8 = 8;
    pub(super) const FAST_OPEN: u8 = 34;
}

/// Timestamps with two bytes before them.
const TIMESTAMPS_LEN: usize = 12;
/// MSS, SACK-permitted or window scale, padded; what stands before the blocks of SACK.
const WORD_LEN: usize = 4;
const SACK_BLOCK_LEN: usize = 8;
/// The low twelve bits of the word that starts with the data offset.
const FLAGS_MASK: u16 = 0x0fff;

/// A TCP header. Data offset and checksum follow from the packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TcpHeader {
    /// Port of the sender.
    pub source_port: u16,
    /// Port of the receiver.
    pub destination_port: u16,
    /// Sequence number of the first byte, or of the SYN.
    pub sequence: u32,
    /// The next sequence number that the sender expects; zero and without meaning where ACK is not set.
    pub acknowledgment: u32,
    /// Control bits.
    pub flags: TcpFlags,
    /// Receive window as it is in the header: not scaled.
    pub window: u16,
    /// Urgent pointer; without meaning where URG is not set.
    pub urgent: u16,
    /// Timestamps (RFC 7323 §3).
    pub timestamps: Option<Timestamps>,
    /// All other options.
    pub options: Option<Box<TcpOptions>>,
}

/// Control bits (RFC 9293 §3.1, RFC 3168 §6.1), and the four bits before them, which are reserved and only carried.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpFlags(u16);

/// The timestamps option (RFC 7323 §3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Timestamps {
    /// TSval: the sender's timestamp clock.
    pub value: u32,
    /// TSecr: the value that is echoed; valid with ACK alone.
    pub echo: u32,
}

/// Options that most segments do not have.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TcpOptions {
    /// Maximum segment size \[bytes\] (RFC 9293 §3.7.1); in segments with SYN.
    pub mss: Option<u16>,
    /// Shift of the window (RFC 7323 §2); in segments with SYN.
    pub window_scale: Option<u8>,
    /// Selective acknowledgements may be sent (RFC 2018 §2); in segments with SYN.
    pub sack_permitted: bool,
    /// Selective acknowledgements (RFC 2018 §3, RFC 2883), at most 4, with timestamps 3.
    pub sack: Vec<SackBlock>,
    /// Fast Open (RFC 7413 §4.1.1): a cookie of 4 to 16 bytes, an even number, or empty to ask for one.
    pub fast_open: Option<Bytes>,
    /// All options as they arrived, padding included, where our encoding of the fields here would differ. They are sent
    /// in place of the fields and of the timestamps: who changes one of those takes this away.
    pub as_received: Option<Bytes>,
}

impl TcpOptions {
    /// True if there are selective acknowledgements and nothing else, as in most headers that have options at all.
    #[inline]
    pub(super) fn are_blocks_alone(&self) -> bool {
        let Self { mss, window_scale, sack_permitted, sack: _, fast_open, as_received } = self;
        mss.is_none() && window_scale.is_none() && !sack_permitted && fast_open.is_none() && as_received.is_none()
    }
}

/// A block of bytes that have been received (RFC 2018 §3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SackBlock {
    /// Its first sequence number.
    pub left: u32,
    /// The sequence number after its last.
    pub right: u32,
}

impl TcpFlags {
    /// None set.
    pub const NONE: Self = Self(0);
    /// The sender is done.
    pub const FIN: Self = Self(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgment field counts.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer counts.
    pub const URG: Self = Self(0x20);
    /// Echo of congestion experienced (RFC 3168).
    pub const ECE: Self = Self(0x40);
    /// Congestion window reduced (RFC 3168).
    pub const CWR: Self = Self(0x80);

    /// From the eight bits of the header.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits as u16)
    }

    /// The eight bits of the header.
    pub const fn bits(self) -> u8 {
        self.0 as u8
    }

    /// From the word that starts with the data offset.
    pub(super) const fn from_word(word: u16) -> Self {
        Self(word & FLAGS_MASK)
    }

    /// The twelve bits that follow the data offset: the reserved ones, then those of [`TcpFlags::bits`].
    pub(crate) const fn with_reserved(self) -> u16 {
        self.0
    }

    /// Those of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// True if all of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// True if any of `other` is set.
    pub const fn has_any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl std::fmt::Debug for TcpFlags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const NAMES: [&str; 8] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
        let mut set: Vec<String> = NAMES
            .iter()
            .enumerate()
            .filter(|(bit, _)| self.0 >> bit & 1 == 1)
            .map(|(_, name)| (*name).to_owned())
            .collect();
        if self.0 > 0xff {
            set.push(format!("reserved {:x}", self.0 >> 8));
        }
        if set.is_empty() { f.write_str("-") } else { f.write_str(&set.join("|")) }
    }
}

impl TcpHeader {
    /// Length of the header on the wire in bytes, options and padding included.
    #[inline]
    pub fn wire_len(&self) -> u64 {
        MIN_HEADER_LEN as u64 + self.options_len() as u64
    }

    /// Bytes of options, padding included: a multiple of 4, at most [`MAX_OPTIONS_LEN`].
    #[inline]
    pub fn options_len(&self) -> usize {
        match &self.options {
            None if self.timestamps.is_some() => TIMESTAMPS_LEN,
            None => 0,
            Some(options) => options.layout(self.timestamps.is_some()).len,
        }
    }

    /// The header as its receiver reads it: without the options that do not fit, and so are not sent.
    ///
    /// There is room for 40 bytes. MSS, timestamps, SACK-permitted and window scale always fit; then come as many blocks of SACK
    /// as fit, the first ones; then the Fast Open cookie, if it fits whole and has a length that RFC 7413 §4.1.1 allows.
    /// (All options that a handshake may have, with the longest cookie, are just 40 bytes.) The functions that build packets
    /// use this.
    #[must_use]
    #[inline]
    pub fn fitted(self) -> Self {
        if self.options.is_none() { self } else { self.with_fitted_options() }
    }

    fn with_fitted_options(mut self) -> Self {
        let Some(options) = &mut self.options else { return self };
        if options.as_received.is_some() {
            let mut bytes = Vec::with_capacity(MAX_OPTIONS_LEN);
            self.write_options(&mut bytes);
            (self.timestamps, self.options) = read_options(&bytes);
            return self;
        }
        let Layout { blocks, has_cookie, .. } = options.layout(self.timestamps.is_some());
        options.sack.truncate(blocks);
        if !has_cookie {
            options.fast_open = None;
        }
        if **options == TcpOptions::default() {
            self.options = None;
        }
        self
    }

    /// Writes the header of a segment with `payload`, with the right checksum.
    pub(super) fn encode_into(&self, ip: &IpHeader, payload: &Rope, out: &mut Vec<u8>) {
        let (start, len) = (out.len(), self.wire_len());
        for word in [self.source_port, self.destination_port] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        for number in [self.sequence, self.acknowledgment] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        // The data offset counts words of 4 bytes.
        let offset_and_flags = (len as u16 / 4) << 12 | self.flags.with_reserved();
        for word in [offset_and_flags, self.window, 0, self.urgent] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        self.write_options(out);
        let mut checksum = ip.pseudo_header(protocol::TCP, len + payload.len());
        checksum.add_bytes(&out[start..]);
        checksum.add_rope(payload);
        out[start + 16..start + 18].copy_from_slice(&checksum.finish().to_be_bytes());
    }

    /// Reads the segment that `content`, the payload of an IP packet, is: header, and length of what it carries in bytes. What is
    /// virtual is summed up without being written out.
    pub(super) fn decode(ip: &IpHeader, content: &Rope) -> Result<(Self, u64), DecodeError> {
        let start = content.slice(0, MIN_HEADER_LEN as u64).to_bytes();
        let fixed: &[u8; MIN_HEADER_LEN] = first(&start, Layer::Tcp)?;
        let word = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
        let number = |at: usize| u32::from(word(at)) << 16 | u32::from(word(at + 2));
        let header_len = usize::from(word(12) >> 12) * 4;
        let payload_len = content.len().checked_sub(header_len as u64);
        let (MIN_HEADER_LEN.., Some(payload_len)) = (header_len, payload_len) else {
            return Err(DecodeError::Length { layer: Layer::Tcp, found: header_len });
        };
        let mut checksum = ip.pseudo_header(protocol::TCP, content.len());
        checksum.add_rope(content);
        if checksum.finish() != 0 {
            return Err(DecodeError::Checksum(Layer::Tcp));
        }
        let options = content.slice(MIN_HEADER_LEN as u64, (header_len - MIN_HEADER_LEN) as u64).to_bytes();
        let (timestamps, options) = read_options(&options);
        let header = Self {
            source_port: word(0),
            destination_port: word(2),
            sequence: number(4),
            acknowledgment: number(8),
            flags: TcpFlags::from_word(word(12)),
            window: word(14),
            urgent: word(18),
            timestamps,
            options,
        };
        Ok((header, payload_len))
    }

    /// Writes the options with their padding.
    pub(super) fn write_options(&self, out: &mut Vec<u8>) {
        match &self.options {
            Some(options) => options.write(self.timestamps, out),
            None => TcpOptions::default().write(self.timestamps, out),
        }
    }
}

/// Which options are sent, and in how many bytes.
struct Layout {
    /// Blocks of SACK.
    blocks: usize,
    has_cookie: bool,
    /// All of them [bytes].
    len: usize,
}

impl TcpOptions {
    fn layout(&self, has_timestamps: bool) -> Layout {
        if let Some(bytes) = &self.as_received {
            let len = bytes.len().min(MAX_OPTIONS_LEN).next_multiple_of(4);
            return Layout { blocks: self.sack.len(), has_cookie: self.fast_open.is_some(), len };
        }
        let words = [self.mss.is_some(), self.sack_permitted && !has_timestamps, self.window_scale.is_some()];
        let words = words.into_iter().filter(|is_there| *is_there).count();
        let mut len = WORD_LEN * words + if has_timestamps { TIMESTAMPS_LEN } else { 0 };
        // So far at most 20 bytes, so that 20 are left.
        let blocks = self.sack.len().min((MAX_OPTIONS_LEN - len - WORD_LEN) / SACK_BLOCK_LEN);
        if blocks > 0 {
            len += WORD_LEN + SACK_BLOCK_LEN * blocks;
        }
        let cookie = self.fast_open.as_ref().filter(|cookie| is_cookie(cookie));
        let cookie_len = cookie.map_or(0, |cookie| (2 + cookie.len()).next_multiple_of(4));
        let has_cookie = cookie.is_some() && len + cookie_len <= MAX_OPTIONS_LEN;
        if has_cookie {
            len += cookie_len;
        }
        Layout { blocks, has_cookie, len }
    }

    fn write(&self, timestamps: Option<Timestamps>, out: &mut Vec<u8>) {
        const NOP: u8 = kind::NO_OPERATION;
        if let Some(bytes) = &self.as_received {
            let kept = &bytes[..bytes.len().min(MAX_OPTIONS_LEN)];
            out.extend_from_slice(kept);
            out.resize(out.len() + kept.len().next_multiple_of(4) - kept.len(), kind::END);
            return;
        }
        let Layout { blocks, has_cookie, .. } = self.layout(timestamps.is_some());
        if let Some(mss) = self.mss {
            out.extend([kind::MSS, 4]);
            out.extend(mss.to_be_bytes());
        }
        match (self.sack_permitted, timestamps.is_some()) {
            (true, true) => out.extend([kind::SACK_PERMITTED, 2]),
            (true, false) => out.extend([NOP, NOP, kind::SACK_PERMITTED, 2]),
            (false, true) => out.extend([NOP, NOP]),
            (false, false) => {}
        }
        if let Some(Timestamps { value, echo }) = timestamps {
            out.extend([kind::TIMESTAMPS, 10]);
            out.extend(value.to_be_bytes());
            out.extend(echo.to_be_bytes());
        }
        if let Some(shift) = self.window_scale {
            out.extend([NOP, kind::WINDOW_SCALE, 3, shift]);
        }
        if blocks > 0 {
            // At most 4 blocks fit.
            out.extend([NOP, NOP, kind::SACK, (2 + SACK_BLOCK_LEN * blocks) as u8]);
        }
        for block in &self.sack[..blocks] {
            out.extend(block.left.to_be_bytes());
            out.extend(block.right.to_be_bytes());
        }
        if let Some(cookie) = self.fast_open.as_ref().filter(|_| has_cookie) {
            let len = 2 + cookie.len();
            out.extend([kind::FAST_OPEN, len as u8]);
            out.extend_from_slice(cookie);
            out.resize(out.len() + len.next_multiple_of(4) - len, NOP);
        }
    }
}

/// True if RFC 7413 §4.1.1 allows a cookie, or none, of this length.
fn is_cookie(cookie: &[u8]) -> bool {
    matches!(cookie.len(), 0 | 4..=16) && cookie.len().is_multiple_of(2)
}

/// What `bytes`, all options of a header with their padding, say. As Linux does: an option whose length cannot be ends the
/// list, one of a known kind with another length than it has is passed over, and of two of one kind the later counts.
fn read_options(bytes: &[u8]) -> (Option<Timestamps>, Option<Box<TcpOptions>>) {
    let number = |b: &[u8; 4]| u32::from_be_bytes(*b);
    let mut timestamps = None;
    let mut options = TcpOptions::default();
    let mut rest = bytes;
    while let [kind, after @ ..] = rest {
        if *kind == kind::NO_OPERATION {
            rest = after;
            continue;
        }
        // Nothing shorter than kind and length can be skipped.
        let len = after.first().map_or(0, |len| usize::from(*len));
        if *kind == kind::END || len < 2 || len > rest.len() {
            break;
        }
        let body;
        (body, rest) = (&rest[2..len], &rest[len..]);
        match (*kind, body) {
            (kind::MSS, [high, low]) => options.mss = Some(u16::from_be_bytes([*high, *low])),
            (kind::WINDOW_SCALE, [shift]) => options.window_scale = Some(*shift),
            (kind::SACK_PERMITTED, []) => options.sack_permitted = true,
            (kind::TIMESTAMPS, body) => {
                if let ([value, echo], []) = body.as_chunks::<4>() {
                    timestamps = Some(Timestamps { value: number(value), echo: number(echo) });
                }
            }
            (kind::SACK, body) => {
                if let ([_, ..], []) = body.as_chunks::<SACK_BLOCK_LEN>() {
                    let words = body.as_chunks::<4>().0.chunks_exact(2);
                    options.sack = words.map(|b| SackBlock { left: number(&b[0]), right: number(&b[1]) }).collect();
                }
            }
            (kind::FAST_OPEN, body) if is_cookie(body) => options.fast_open = Some(Bytes::copy_from_slice(body)),
            _ => {}
        }
    }
    let mut ours = Vec::with_capacity(MAX_OPTIONS_LEN);
    options.write(timestamps, &mut ours);
    if ours != bytes {
        options.as_received = Some(Bytes::copy_from_slice(bytes));
    }
    let is_used = options != TcpOptions::default();
    (timestamps, is_used.then(|| Box::new(options)))
}
