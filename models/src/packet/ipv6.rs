//! The IPv6 header and its extension headers (RFC 8200 §3 and §4).
//!
//! Hop-by-hop options, destination options and routing headers are carried but not interpreted;
//! the fragment header is typed. What follows a fragment header belongs to the fragmented part and
//! is read as transport. Jumbograms (RFC 2675) are left out.

use super::error::{DecodeError, Layer, first};
use super::ip::{DEFAULT_TTL, Ecn, Fragment, protocol};
use super::{MAX_WIRE_LEN, Received};
use std::net::Ipv6Addr;

/// Length of the header without extension headers in bytes.
pub(super) const HEADER_LEN: usize = 40;
/// Length of the fragment header in bytes (RFC 8200 §4.5).
const FRAGMENT_HEADER_LEN: usize = 8;

/// An IPv6 header. Payload length and next header follow from the packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ipv6Header {
    /// Source address.
    pub src: Ipv6Addr,
    /// Destination address.
    pub dst: Ipv6Addr,
    /// Flow label (RFC 6437); only the low 20 bits are sent.
    pub flow_label: u32,
    /// Hop limit in hops.
    pub hop_limit: u8,
    /// Differentiated services codepoint; only the low 6 bits are sent.
    pub dscp: u8,
    /// Explicit congestion notification.
    pub ecn: Ecn,
    /// Extension headers, which hardly any packet has.
    pub extensions: Option<Box<Ipv6Extensions>>,
}

/// The extension headers of a packet, in the order of the wire.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ipv6Extensions {
    /// What stands before the fragment header. Hop-by-hop options can only be the first (RFC 8200
    /// §4.1); anywhere else they are read as an unknown transport.
    pub headers: Vec<ExtensionHeader>,
    /// The fragment header.
    pub fragment: Option<Fragment>,
}

/// An extension header that is carried as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExtensionHeader {
    kind: ExtensionKind,
    body: Vec<u8>,
}

/// Which extension header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExtensionKind {
    /// Options for every router on the way.
    HopByHop,
    /// Stops on the way.
    Routing,
    /// Options for the destination.
    DestinationOptions,
}

impl ExtensionKind {
    /// Its protocol number.
    pub const fn protocol(self) -> u8 {
        match self {
            Self::HopByHop => protocol::HOP_BY_HOP,
            Self::Routing => protocol::ROUTING,
            Self::DestinationOptions => protocol::DESTINATION_OPTIONS,
        }
    }
}

impl ExtensionHeader {
    /// A header of `kind` with `body` after its next header and length fields, or `None` if the
    /// header would not be a multiple of 8 bytes, of at most 2048.
    pub fn new(kind: ExtensionKind, body: Vec<u8>) -> Option<Self> {
        let len = body.len() + 2;
        (len.is_multiple_of(8) && len <= 2048).then_some(Self { kind, body })
    }

    /// Which extension header it is.
    pub fn kind(&self) -> ExtensionKind {
        self.kind
    }

    /// What follows its next header and length fields.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Length on the wire in bytes.
    #[inline]
    pub fn wire_len(&self) -> u64 {
        self.body.len() as u64 + 2
    }
}

impl Ipv6Extensions {
    /// Length on the wire in bytes.
    #[inline]
    pub fn wire_len(&self) -> u64 {
        let fragment = if self.fragment.is_some() { FRAGMENT_HEADER_LEN as u64 } else { 0 };
        self.headers.iter().map(ExtensionHeader::wire_len).sum::<u64>() + fragment
    }

    /// The protocol number of each header, in order.
    fn protocols(&self) -> impl Iterator<Item = u8> {
        let fragment = self.fragment.map(|_| protocol::FRAGMENT);
        self.headers.iter().map(|header| header.kind.protocol()).chain(fragment)
    }
}

impl Ipv6Header {
    /// A header with hop limit 64, best effort, flow label 0 and no extension headers.
    pub const fn new(src: Ipv6Addr, dst: Ipv6Addr) -> Self {
        Self { src, dst, flow_label: 0, hop_limit: DEFAULT_TTL, dscp: 0, ecn: Ecn::NotEct, extensions: None }
    }

    /// Length on the wire in bytes, with extension headers.
    #[inline]
    pub fn wire_len(&self) -> u64 {
        HEADER_LEN as u64 + self.extensions.as_ref().map_or(0, |extensions| extensions.wire_len())
    }

    /// Where, from the start of the packet, the byte is that names the transport protocol [bytes].
    pub(super) fn transport_protocol_at(&self) -> u32 {
        let Some(extensions) = &self.extensions else { return 6 };
        let last = match extensions.fragment {
            Some(_) => FRAGMENT_HEADER_LEN as u64,
            None => extensions.headers.last().map_or(HEADER_LEN as u64 - 6, ExtensionHeader::wire_len),
        };
        (self.wire_len() - last) as u32
    }

    /// Writes the header of a packet whose transport is `protocol` with `payload_len` bytes.
    pub(super) fn encode_into(&self, protocol: u8, payload_len: u64, out: &mut Vec<u8>) {
        let length = self.wire_len() - HEADER_LEN as u64 + payload_len;
        assert!(length <= MAX_WIRE_LEN, "an IPv6 payload of {length} bytes: the length field ends at 65535");
        let class = u32::from(self.dscp << 2 | self.ecn as u8);
        let extensions = self.extensions.as_deref();
        // Each header names the one after it; the last one names the transport.
        let mut protocols = extensions.into_iter().flat_map(Ipv6Extensions::protocols).chain([protocol]);
        let mut next_header = || protocols.next().unwrap_or(protocol);
        out.extend_from_slice(&(6 << 28 | class << 20 | self.flow_label & 0xf_ffff).to_be_bytes());
        out.extend_from_slice(&(length as u16).to_be_bytes());
        out.extend_from_slice(&[next_header(), self.hop_limit]);
        out.extend_from_slice(&self.src.octets());
        out.extend_from_slice(&self.dst.octets());
        let Some(extensions) = extensions else { return };
        for header in &extensions.headers {
            out.extend_from_slice(&[next_header(), (header.wire_len() / 8 - 1) as u8]);
            out.extend_from_slice(&header.body);
        }
        if let Some(fragment) = extensions.fragment {
            out.extend_from_slice(&[next_header(), 0]);
            out.extend_from_slice(&(fragment.offset << 3 | u16::from(fragment.more)).to_be_bytes());
            out.extend_from_slice(&fragment.identification.to_be_bytes());
        }
    }

    /// Reads the header at the start of `bytes`, with its extension headers. That the whole packet
    /// is there is not verified: ICMP errors quote packets that were cut.
    pub(super) fn read(bytes: &[u8]) -> Result<Received<Self>, DecodeError> {
        let fixed: &[u8; HEADER_LEN] = first(bytes, Layer::Ipv6)?;
        if fixed[0] >> 4 != 6 {
            return Err(DecodeError::Version(fixed[0] >> 4));
        }
        let word = u32::from_be_bytes([fixed[0], fixed[1], fixed[2], fixed[3]]);
        let class = (word >> 20) as u8;
        let total_len = HEADER_LEN + usize::from(u16::from_be_bytes([fixed[4], fixed[5]]));
        let rest = &bytes[HEADER_LEN..total_len.min(bytes.len()).max(HEADER_LEN)];
        let (extensions, protocol, extensions_len) = read_extensions(rest, fixed[6])?;
        let address = |at: usize| {
            let mut octets = [0; 16];
            octets.copy_from_slice(&fixed[at..at + 16]);
            Ipv6Addr::from(octets)
        };
        let header = Self {
            src: address(8),
            dst: address(24),
            flow_label: word & 0xf_ffff,
            hop_limit: fixed[7],
            dscp: class >> 2,
            ecn: Ecn::from_bits(class),
            extensions: (extensions_len > 0).then(|| Box::new(extensions)),
        };
        Ok(Received { header, protocol, header_len: HEADER_LEN + extensions_len, total_len })
    }
}

/// Reads the extension headers at the start of `bytes`, the first of which is `next_header`: the
/// headers, the protocol after them and their length in bytes.
fn read_extensions(bytes: &[u8], mut next_header: u8) -> Result<(Ipv6Extensions, u8, usize), DecodeError> {
    let mut extensions = Ipv6Extensions::default();
    let mut rest = bytes;
    loop {
        let kind = match next_header {
            protocol::HOP_BY_HOP if extensions.headers.is_empty() => ExtensionKind::HopByHop,
            protocol::ROUTING => ExtensionKind::Routing,
            protocol::DESTINATION_OPTIONS => ExtensionKind::DestinationOptions,
            protocol::FRAGMENT => {
                let fixed: &[u8; FRAGMENT_HEADER_LEN] = first(rest, Layer::Ipv6Extension)?;
                let offset = u16::from_be_bytes([fixed[2], fixed[3]]);
                extensions.fragment = Some(Fragment {
                    offset: offset >> 3,
                    more: offset & 1 != 0,
                    identification: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
                });
                let len = bytes.len() - rest.len() + FRAGMENT_HEADER_LEN;
                return Ok((extensions, fixed[0], len));
            }
            _ => return Ok((extensions, next_header, bytes.len() - rest.len())),
        };
        let fixed: &[u8; 8] = first(rest, Layer::Ipv6Extension)?;
        let len = (usize::from(fixed[1]) + 1) * 8;
        let body = rest.get(2..len).ok_or(DecodeError::Truncated {
            layer: Layer::Ipv6Extension,
            need: len,
            have: rest.len(),
        })?;
        if kind == ExtensionKind::Routing && fixed[3] != 0 {
            return Err(DecodeError::RoutingHeader { segments_left: fixed[3] });
        }
        extensions.headers.push(ExtensionHeader { kind, body: body.to_vec() });
        next_header = fixed[0];
        rest = &rest[len..];
    }
}
