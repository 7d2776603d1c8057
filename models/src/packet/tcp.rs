//! The TCP header (RFC 9293 §3.1) and its options (RFC 9293 §3.2, RFC 7323, RFC 2018, RFC 7413).
//!
//! The hot fields stand in the header; the options of handshakes and of selective acknowledgements, which most segments
//! do not have, live out of line.

use bytes::Bytes;

/// Length of the header without options in bytes.
pub(super) const MIN_HEADER_LEN: usize = 20;
/// Most bytes of options: the data offset counts to 60 bytes.
pub const MAX_OPTIONS_LEN: usize = 40;

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

/// Control bits (RFC 9293 §3.1, RFC 3168 §6.1).
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpFlags(u8);

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
    /// Selective acknowledgements (RFC 2018 §3, RFC 2883), at most 4.
    pub sack: Vec<SackBlock>,
    /// Fast Open (RFC 7413 §4.1.1): a cookie, or empty to ask for one.
    pub fast_open: Option<Bytes>,
    /// All options as they arrived, padding included, where our encoding of the fields here would differ.
    pub as_received: Option<Bytes>,
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
        Self(bits)
    }

    /// The eight bits of the header.
    pub const fn bits(self) -> u8 {
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
        let set: Vec<&str> = (0..8).filter(|bit| self.0 >> bit & 1 == 1).map(|bit| NAMES[bit]).collect();
        if set.is_empty() { f.write_str("-") } else { f.write_str(&set.join("|")) }
    }
}

impl TcpHeader {
    /// Length of the header on the wire in bytes, options and padding included.
    #[inline]
    pub fn wire_len(&self) -> u64 {
        MIN_HEADER_LEN as u64 + self.options_len() as u64
    }

    /// Bytes of options, padding included: a multiple of 4.
    #[inline]
    pub fn options_len(&self) -> usize {
        let timestamps = if self.timestamps.is_some() { 12 } else { 0 };
        match &self.options {
            None => timestamps,
            Some(_) => todo!("options"),
        }
    }
}
