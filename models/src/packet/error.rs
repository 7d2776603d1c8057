//! Why bytes are not a packet.

use std::fmt;

/// Why bytes from a wire are not a packet that a receiver would take. Never the fault of the
/// calling code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end before the header does, or before the data its length field promises.
    #[error("{layer}: {have} bytes where {need} are needed")]
    Truncated {
        /// What was being read.
        layer: Layer,
        /// Bytes it needs.
        need: usize,
        /// Bytes there are.
        have: usize,
    },
    /// The first four bits are neither 4 nor 6, or contradict the header that was asked for.
    #[error("{0} is not an IP version")]
    Version(u8),
    /// A length field contradicts itself, its header or the layer around it.
    #[error("{layer}: the length field says {found} bytes, which cannot be")]
    Length {
        /// Whose length field.
        layer: Layer,
        /// What it says, in bytes.
        found: usize,
    },
    /// The checksum is wrong.
    #[error("{0}: wrong checksum")]
    Checksum(Layer),
    /// A UDP checksum of zero over IPv6, where it is not allowed (RFC 8200 §8.1).
    #[error("UDP over IPv6 without a checksum")]
    MissingChecksum,
    /// A routing header that asks for further stops; none is implemented (RFC 8200 §4.4).
    #[error("IPv6 routing header with {segments_left} segments left")]
    RoutingHeader {
        /// Stops still to be visited.
        segments_left: u8,
    },
}

/// The header or message that an error is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layer {
    /// IP of a version not known yet.
    Ip,
    /// The IPv4 header, options included.
    Ipv4,
    /// The fixed IPv6 header.
    Ipv6,
    /// An IPv6 extension header.
    Ipv6Extension,
    /// A TCP segment.
    Tcp,
    /// A UDP datagram.
    Udp,
    /// An ICMP message over IPv4.
    Icmp,
    /// An ICMPv6 message.
    Icmpv6,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ip => "IP",
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
            Self::Ipv6Extension => "IPv6 extension header",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Icmp => "ICMP",
            Self::Icmpv6 => "ICMPv6",
        })
    }
}

/// The first `N` bytes of `bytes`.
///
/// # Errors
/// [`DecodeError::Truncated`] if there are fewer.
pub(super) fn first<const N: usize>(bytes: &[u8], layer: Layer) -> Result<&[u8; N], DecodeError> {
    bytes.first_chunk().ok_or(DecodeError::Truncated { layer, need: N, have: bytes.len() })
}
