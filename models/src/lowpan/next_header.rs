//! What both directions of NHC share: numbers, padding, checksums (RFC 6282 §4).

use crate::packet::Checksum;
use std::net::Ipv6Addr;

/// Length of the IPv6 header in bytes.
pub(super) const IPV6_LEN: usize = 40;
/// Length of the UDP header in bytes.
pub(super) const UDP_LEN: usize = 8;
/// Length of the fragment header in bytes.
pub(super) const FRAGMENT_LEN: usize = 8;

/// Protocol number of UDP.
pub(super) const UDP: u8 = 17;
/// Protocol number of IPv6 in IPv6.
pub(super) const IPV6: u8 = 41;
/// Protocol number of the fragment header.
pub(super) const FRAGMENT: u8 = 44;

/// 1110: an extension header.
pub(super) const EXTENSION: u8 = 0xe0;
/// 11110: UDP.
pub(super) const UDP_NHC: u8 = 0xf0;

/// An IPv6 extension header's number in its NHC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Eid(pub(super) u8);

impl Eid {
    const HOP_BY_HOP: Self = Self(0);
    const ROUTING: Self = Self(1);
    pub(super) const FRAGMENT: Self = Self(2);
    const DESTINATION_OPTIONS: Self = Self(3);
    const MOBILITY: Self = Self(4);
    pub(super) const IPV6: Self = Self(7);

    /// Of the protocol number of an extension header with a length.
    pub(super) const fn of(protocol: u8) -> Option<Self> {
        match protocol {
            0 => Some(Self::HOP_BY_HOP),
            43 => Some(Self::ROUTING),
            60 => Some(Self::DESTINATION_OPTIONS),
            135 => Some(Self::MOBILITY),
            _ => None,
        }
    }

    /// Its protocol number, unless it is reserved.
    pub(super) const fn protocol(self) -> Option<u8> {
        match self {
            Self::HOP_BY_HOP => Some(0),
            Self::ROUTING => Some(43),
            Self::FRAGMENT => Some(FRAGMENT),
            Self::DESTINATION_OPTIONS => Some(60),
            Self::MOBILITY => Some(135),
            Self::IPV6 => Some(IPV6),
            _ => None,
        }
    }

    /// True if the header consists of options, whose padding at the end may be left out.
    pub(super) const fn has_options(self) -> bool {
        matches!(self, Self::HOP_BY_HOP | Self::DESTINATION_OPTIONS)
    }
}

/// True if this fragment header is of a part of a datagram: what follows cannot be compressed, as it starts anywhere or ends too early.
pub(super) fn is_partial(header: &[u8]) -> bool {
    // Offset in the high 13 bits, and the bit for more fragments; two bits between are reserved.
    u16::from_be_bytes([header[2], header[3]]) & 0xfff9 != 0
}

/// Padding of up to seven bytes: Pad1, or PadN with zeros (RFC 8200 §4.2).
pub(super) fn padding(len: usize) -> &'static [u8] {
    const PADDING: [&[u8]; 8] =
        [&[], &[0], &[1, 0], &[1, 1, 0], &[1, 2, 0, 0], &[1, 3, 0, 0, 0], &[1, 4, 0, 0, 0, 0], &[1, 5, 0, 0, 0, 0, 0]];
    PADDING[len]
}

/// How many bytes of a header with options stay, if one option at its end is padding as a receiver puts it there (RFC 6282 §4.2); all,
/// if not, or if its options cannot be made out.
pub(super) fn without_padding(header: &[u8]) -> usize {
    let mut at = 2;
    let mut last = 2;
    while at < header.len() {
        last = at;
        at += match (header[at], header.get(at + 1)) {
            (0, _) => 1,
            (_, Some(len)) => 2 + usize::from(*len),
            (_, None) => return header.len(),
        };
    }
    let tail = &header[last..];
    let is_padding = at == header.len() && (1..=7).contains(&tail.len()) && tail == padding(tail.len());
    if is_padding { last } else { header.len() }
}

/// The address at byte `at` of an IPv6 header.
pub(super) fn address(header: &[u8], at: usize) -> Ipv6Addr {
    let mut octets = [0; 16];
    octets.copy_from_slice(&header[at..at + 16]);
    octets.into()
}

/// The pseudo-header of a UDP datagram of `len` bytes (RFC 8200 §8.1). Behind a routing header that has stops left, the last of them would
/// be the destination: that is not looked at, so such checksums are never left out, nor right where they were.
pub(super) fn pseudo_header((source, destination): (Ipv6Addr, Ipv6Addr), len: u64) -> Checksum {
    let mut checksum = Checksum::new();
    checksum.add_bytes(&source.octets());
    checksum.add_bytes(&destination.octets());
    // A length beyond 32 bits is no UDP datagram.
    checksum.add_bytes(&(len as u32).to_be_bytes());
    checksum.add_u16(u16::from(UDP));
    checksum
}

/// The bytes of the checksum field: zero would say that there is none.
pub(super) fn udp_checksum(checksum: Checksum) -> [u8; 2] {
    match checksum.finish() {
        0 => [0xff, 0xff],
        sum => sum.to_be_bytes(),
    }
}
