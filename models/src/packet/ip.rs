//! What both versions of IP share: addresses, time to live, traffic class and fragments.

use super::checksum::Checksum;
use super::{Ipv4Header, Ipv6Header};
use std::net::{IpAddr, Ipv4Addr};

/// Protocol numbers, as in the IPv4 protocol field and the IPv6 next header field (IANA "Protocol
/// Numbers").
pub mod protocol {
    /// IPv6 hop-by-hop options (RFC 8200 §4.3).
    pub const HOP_BY_HOP: u8 = 0;
    /// ICMP over IPv4 (RFC 792).
    pub const ICMP: u8 = 1;
    /// TCP (RFC 9293).
    pub const TCP: u8 = 6;
    /// UDP (RFC 768).
    pub const UDP: u8 = 17;
    /// IPv6 routing header (RFC 8200 §4.4).
    pub const ROUTING: u8 = 43;
    /// IPv6 fragment header (RFC 8200 §4.5).
    pub const FRAGMENT: u8 = 44;
    /// ICMPv6 (RFC 4443).
    pub const ICMPV6: u8 = 58;
    /// Nothing follows (RFC 8200 §4.7).
    pub const NO_NEXT_HEADER: u8 = 59;
    /// For experiments (RFC 3692 §2.1).
    pub const EXPERIMENT: u8 = 253;
    /// IPv6 destination options (RFC 8200 §4.6).
    pub const DESTINATION_OPTIONS: u8 = 60;
}

/// The time to live or hop limit that hosts start with (IANA "IP Parameters", and Linux).
pub const DEFAULT_TTL: u8 = 64;

/// The IP header of a packet, without the fields that follow from the rest of the packet: lengths,
/// protocol number and checksum.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IpHeader {
    /// IPv4 (RFC 791).
    V4(Ipv4Header),
    /// IPv6 (RFC 8200).
    V6(Ipv6Header),
}

/// Explicit congestion notification, the lowest two bits of the traffic class (RFC 3168 §5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Ecn {
    /// The transport does not take part.
    #[default]
    NotEct = 0b00,
    /// Capable, codepoint 1 (with RFC 9331: the low-latency service).
    Ect1 = 0b01,
    /// Capable, codepoint 0.
    Ect0 = 0b10,
    /// A queue on the way was congested.
    Ce = 0b11,
}

/// Which part of a larger packet a fragment carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fragment {
    /// Where its bytes start in the whole, in units of 8 bytes; only the low 13 bits are sent.
    pub offset: u16,
    /// True for all fragments but the last.
    pub more: bool,
    /// The same in all fragments of one packet; over IPv4 only the low 16 bits are sent.
    pub identification: u32,
}

impl Ecn {
    /// The codepoint in the low two bits of `bits`.
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 0b11 {
            0b00 => Self::NotEct,
            0b01 => Self::Ect1,
            0b10 => Self::Ect0,
            _ => Self::Ce,
        }
    }
}

impl Fragment {
    /// True if it does not carry the start of the whole, so that its transport header is elsewhere.
    pub const fn is_non_first(&self) -> bool {
        self.offset != 0
    }

    /// True if it is only a part. An "atomic fragment" (RFC 6946) is a whole packet with the header
    /// of a fragment.
    pub const fn is_part(&self) -> bool {
        self.offset != 0 || self.more
    }
}

impl IpHeader {
    /// A header from `src` to `dst` with everything else at its default, or `None` if the two are
    /// not of one family.
    pub fn new(src: IpAddr, dst: IpAddr) -> Option<Self> {
        match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => Some(Self::V4(Ipv4Header::new(src, dst))),
            (IpAddr::V6(src), IpAddr::V6(dst)) => Some(Self::V6(Ipv6Header::new(src, dst))),
            _ => None,
        }
    }

    /// Source address.
    #[inline]
    pub fn src(&self) -> IpAddr {
        match self {
            Self::V4(header) => header.src.into(),
            Self::V6(header) => header.src.into(),
        }
    }

    /// Destination address.
    #[inline]
    pub fn dst(&self) -> IpAddr {
        match self {
            Self::V4(header) => header.dst.into(),
            Self::V6(header) => header.dst.into(),
        }
    }

    /// Time to live (IPv4) or hop limit (IPv6) in hops.
    #[inline]
    pub fn ttl(&self) -> u8 {
        match self {
            Self::V4(header) => header.ttl,
            Self::V6(header) => header.hop_limit,
        }
    }

    /// Sets the time to live or hop limit, in hops.
    pub fn set_ttl(&mut self, ttl: u8) {
        match self {
            Self::V4(header) => header.ttl = ttl,
            Self::V6(header) => header.hop_limit = ttl,
        }
    }

    /// Differentiated services codepoint (RFC 2474), 6 bits.
    pub fn dscp(&self) -> u8 {
        match self {
            Self::V4(header) => header.dscp,
            Self::V6(header) => header.dscp,
        }
    }

    /// Sets the differentiated services codepoint, of which only the low 6 bits are sent.
    pub fn set_dscp(&mut self, dscp: u8) {
        match self {
            Self::V4(header) => header.dscp = dscp,
            Self::V6(header) => header.dscp = dscp,
        }
    }

    /// Explicit congestion notification.
    pub fn ecn(&self) -> Ecn {
        match self {
            Self::V4(header) => header.ecn,
            Self::V6(header) => header.ecn,
        }
    }

    /// Sets explicit congestion notification.
    pub fn set_ecn(&mut self, ecn: Ecn) {
        match self {
            Self::V4(header) => header.ecn = ecn,
            Self::V6(header) => header.ecn = ecn,
        }
    }

    /// Which part of a larger packet this is, or `None` for a whole one (atomic fragments too).
    pub fn fragment(&self) -> Option<Fragment> {
        let fragment = match self {
            Self::V4(header) => Some(header.fragment()),
            Self::V6(header) => header.extensions.as_ref().and_then(|extensions| extensions.fragment),
        };
        fragment.filter(Fragment::is_part)
    }

    /// Length of the header on the wire in bytes, with options and extension headers.
    #[inline]
    pub fn wire_len(&self) -> u64 {
        match self {
            Self::V4(header) => header.wire_len(),
            Self::V6(header) => header.wire_len(),
        }
    }

    /// Writes the header of a packet whose transport is `protocol` with `payload_len` bytes.
    ///
    /// # Panics
    /// If that is more than the length field can say ([`super::MAX_WIRE_LEN`]).
    pub(super) fn encode_into(&self, protocol: u8, payload_len: u64, out: &mut Vec<u8>) {
        match self {
            Self::V4(header) => header.encode_into(protocol, payload_len, out),
            Self::V6(header) => header.encode_into(protocol, payload_len, out),
        }
    }

    /// A checksum that holds the pseudo-header of a transport message of `len` bytes (RFC 768, RFC
    /// 8200 §8.1).
    pub(super) fn pseudo_header(&self, protocol: u8, len: u64) -> Checksum {
        let mut checksum = Checksum::new();
        match self {
            Self::V4(Ipv4Header { src, dst, .. }) => {
                checksum.add_bytes(&src.octets());
                checksum.add_bytes(&dst.octets());
            }
            Self::V6(Ipv6Header { src, dst, .. }) => {
                checksum.add_bytes(&src.octets());
                checksum.add_bytes(&dst.octets());
            }
        }
        // The other fields are zero-extended numbers, so only their low words count.
        checksum.add_u16((len >> 16) as u16);
        checksum.add_u16(len as u16);
        checksum.add_u16(u16::from(protocol));
        checksum
    }
}

/// True if `address` can be the source of one host's packet: not unspecified, not multicast, not
/// broadcast, not loopback, not reserved (RFC 1122 §3.2.1.3, RFC 1812 §5.3.7, RFC 4443 §2.4(e.6)).
///
/// Subnet broadcast and anycast addresses look like any other: only who knows the topology can tell.
pub fn is_single_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[0] != 0 && !v4.is_loopback() && v4.octets()[0] < 224,
        IpAddr::V6(v6) => !v6.is_unspecified() && !v6.is_loopback() && !v6.is_multicast(),
    }
}

/// True if packets to `address` may reach many hosts: multicast, or 255.255.255.255.
pub fn is_to_many(address: IpAddr) -> bool {
    address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST)
}
