//! The IPv4 header (RFC 791 §3.1; traffic class as in RFC 2474 and 3168; identification RFC 6864).

use super::checksum::Checksum;
use super::error::{DecodeError, Layer, first};
use super::ip::{DEFAULT_TTL, Ecn, Fragment};
use super::{MAX_WIRE_LEN, Received};
use std::net::Ipv4Addr;

/// Length of the header without options in bytes.
const MIN_HEADER_LEN: usize = 20;
/// Most bytes of options: the header length field counts to 60 bytes.
const MAX_OPTIONS_LEN: usize = 40;

const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET_MASK: u16 = 0x1fff;

/// An IPv4 header. Header length, total length, protocol and checksum follow from the packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ipv4Header {
    /// Source address.
    pub src: Ipv4Addr,
    /// Destination address.
    pub dst: Ipv4Addr,
    /// The same in all fragments of one packet; without meaning in a packet that neither is a
    /// fragment nor may become one (RFC 6864 §4.1).
    pub identification: u16,
    /// Where a fragment starts in the whole, in units of 8 bytes; only the low 13 bits are sent.
    pub fragment_offset: u16,
    /// True if routers must not fragment it.
    pub dont_fragment: bool,
    /// True for all fragments but the last.
    pub more_fragments: bool,
    /// Time to live in hops.
    pub ttl: u8,
    /// Differentiated services codepoint; only the low 6 bits are sent.
    pub dscp: u8,
    /// Explicit congestion notification.
    pub ecn: Ecn,
    /// Options, which hardly any packet has.
    pub options: Option<Box<Ipv4Options>>,
}

/// The options of an IPv4 header, carried but not interpreted: 4 to 40 bytes, a multiple of 4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv4Options {
    bytes: [u8; MAX_OPTIONS_LEN],
    len: u8,
}

impl Ipv4Options {
    /// Options from their encoding, padded with End of Option List to a multiple of 4 bytes, or
    /// `None` if there are none or more than 40 bytes.
    pub fn new(encoded: &[u8]) -> Option<Self> {
        let len = encoded.len().next_multiple_of(4);
        let mut bytes = [0; MAX_OPTIONS_LEN];
        bytes.get_mut(..encoded.len())?.copy_from_slice(encoded);
        (len > 0).then_some(Self { bytes, len: len as u8 })
    }

    /// The encoding, padding included.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Those that go into every fragment of a packet: their type has its first bit set (RFC 791 §3.1). `None` if there are none;
    /// what follows an option whose length is wrong is left out.
    pub fn copied(&self) -> Option<Self> {
        let mut kept = Vec::new();
        let mut rest = self.as_bytes();
        while let [kind, after @ ..] = rest {
            let len = match (kind, after) {
                (0, _) => break,
                (1, _) => 1,
                (_, [len, ..]) => usize::from(*len),
                (_, []) => break,
            };
            let Some(option) = rest.get(..len).filter(|option| !option.is_empty()) else { break };
            if kind & 0x80 != 0 {
                kept.extend_from_slice(option);
            }
            rest = &rest[len..];
        }
        Self::new(&kept)
    }
}

impl Ipv4Header {
    /// A header as Linux sends it for UDP: time to live 64, not to be fragmented (so that the
    /// identification is free, RFC 6864 §4.1), best effort, no options.
    pub const fn new(src: Ipv4Addr, dst: Ipv4Addr) -> Self {
        Self {
            src,
            dst,
            identification: 0,
            fragment_offset: 0,
            dont_fragment: true,
            more_fragments: false,
            ttl: DEFAULT_TTL,
            dscp: 0,
            ecn: Ecn::NotEct,
            options: None,
        }
    }

    /// The fragment fields, which every header has; a whole packet is at 0 with no more to come.
    pub fn fragment(&self) -> Fragment {
        Fragment {
            offset: self.fragment_offset & OFFSET_MASK,
            more: self.more_fragments,
            identification: u32::from(self.identification),
        }
    }

    /// Length on the wire in bytes: 20 to 60.
    #[inline]
    pub fn wire_len(&self) -> u64 {
        (MIN_HEADER_LEN + self.options_bytes().len()) as u64
    }

    /// The field of two bytes that holds the flags and the fragment offset.
    #[inline]
    pub(crate) fn flags_and_offset(&self) -> u16 {
        let dont_fragment = if self.dont_fragment { DONT_FRAGMENT } else { 0 };
        let more_fragments = if self.more_fragments { MORE_FRAGMENTS } else { 0 };
        dont_fragment | more_fragments | self.fragment_offset & OFFSET_MASK
    }

    #[inline]
    fn options_bytes(&self) -> &[u8] {
        self.options.as_ref().map_or(&[], |options| options.as_bytes())
    }

    /// Writes the header, with the right checksum, of a packet whose transport is `protocol` with
    /// `payload_len` bytes.
    pub(super) fn encode_into(&self, protocol: u8, payload_len: u64, out: &mut Vec<u8>) {
        let total_len = self.wire_len() + payload_len;
        assert!(total_len <= MAX_WIRE_LEN, "an IPv4 packet of {total_len} bytes: the length field ends at 65535");
        let start = out.len();
        out.push(0x40 | (self.wire_len() / 4) as u8);
        out.push(self.dscp << 2 | self.ecn as u8);
        out.extend_from_slice(&(total_len as u16).to_be_bytes());
        out.extend_from_slice(&self.identification.to_be_bytes());
        out.extend_from_slice(&self.flags_and_offset().to_be_bytes());
        out.extend_from_slice(&[self.ttl, protocol, 0, 0]);
        out.extend_from_slice(&self.src.octets());
        out.extend_from_slice(&self.dst.octets());
        out.extend_from_slice(self.options_bytes());
        let checksum = Checksum::of(&out[start..]);
        out[start + 10..start + 12].copy_from_slice(&checksum.to_be_bytes());
    }

    /// Reads the header at the start of `bytes`. Neither the checksum nor that the whole packet is
    /// there is verified: ICMP errors quote headers that were changed on the way, of packets that
    /// were cut.
    pub(super) fn read(bytes: &[u8]) -> Result<Received<Self>, DecodeError> {
        let fixed: &[u8; MIN_HEADER_LEN] = first(bytes, Layer::Ipv4)?;
        if fixed[0] >> 4 != 4 {
            return Err(DecodeError::Version(fixed[0] >> 4));
        }
        let header_len = usize::from(fixed[0] & 0x0f) * 4;
        let total_len = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
        if header_len < MIN_HEADER_LEN {
            return Err(DecodeError::Length { layer: Layer::Ipv4, found: header_len });
        }
        if total_len < header_len {
            return Err(DecodeError::Length { layer: Layer::Ipv4, found: total_len });
        }
        let options = bytes.get(MIN_HEADER_LEN..header_len).ok_or(DecodeError::Truncated {
            layer: Layer::Ipv4,
            need: header_len,
            have: bytes.len(),
        })?;
        let flags = u16::from_be_bytes([fixed[6], fixed[7]]);
        let header = Self {
            src: Ipv4Addr::new(fixed[12], fixed[13], fixed[14], fixed[15]),
            dst: Ipv4Addr::new(fixed[16], fixed[17], fixed[18], fixed[19]),
            identification: u16::from_be_bytes([fixed[4], fixed[5]]),
            fragment_offset: flags & OFFSET_MASK,
            dont_fragment: flags & DONT_FRAGMENT != 0,
            more_fragments: flags & MORE_FRAGMENTS != 0,
            ttl: fixed[8],
            dscp: fixed[1] >> 2,
            ecn: Ecn::from_bits(fixed[1]),
            options: Ipv4Options::new(options).map(Box::new),
        };
        Ok(Received { header, protocol: fixed[9], header_len, total_len })
    }
}
