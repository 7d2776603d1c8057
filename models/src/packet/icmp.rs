//! ICMP over IPv4 (RFC 792; codes also RFC 1122 §3.2.2 and RFC 1812 §5.2.7; MTU RFC 1191).
//!
//! A message is 8 bytes: type, code, checksum and 4 bytes that depend on the type. What follows is
//! the packet's payload: the data of an echo, or the packet that an error is about.

use super::checksum::Checksum;
use super::error::{DecodeError, Layer, first};
use crate::rope::Rope;
use std::net::Ipv4Addr;

/// Length of the fixed part of every message in bytes, ICMPv6 too.
pub(super) const HEADER_LEN: usize = 8;

/// An ICMP message, without what follows its first 8 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IcmpMessage {
    /// Answer to an echo request, with the same data.
    EchoReply {
        /// Which conversation.
        identifier: u16,
        /// Which request in it.
        sequence: u16,
    },
    /// Asks for an echo reply.
    EchoRequest {
        /// Which conversation.
        identifier: u16,
        /// Which request in it.
        sequence: u16,
    },
    /// The packet could not be delivered, for any reason but its size.
    DestinationUnreachable(Unreachable),
    /// The packet is larger than the next link takes and must not be fragmented: destination
    /// unreachable, code 4.
    FragmentationNeeded {
        /// Largest packet that the link takes [bytes]; 0 from routers older than RFC 1191.
        next_hop_mtu: u16,
    },
    /// There is a better first hop.
    Redirect {
        /// What it holds for.
        code: Redirect,
        /// The better first hop.
        gateway: Ipv4Addr,
    },
    /// The packet, or one of its fragments, was on the way for too long.
    TimeExceeded(TimeExceeded),
    /// Something in the header is wrong.
    ParameterProblem {
        /// What is wrong.
        code: ParameterProblem,
        /// Where, in bytes from the start of the packet.
        pointer: u8,
    },
    /// Any type or code without a variant of its own.
    Other {
        /// Type field.
        icmp_type: u8,
        /// Code field.
        code: u8,
        /// The 4 bytes after the checksum.
        rest: [u8; 4],
    },
}

/// Defines the codes of one ICMP type as an enum that knows its numbers.
macro_rules! codes {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $code:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $name {
            $($(#[$variant_meta])* $variant = $code,)*
        }

        impl $name {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code with this number, if it is known.
            pub fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}
pub(super) use codes;

codes! {
    /// Why a destination is unreachable (RFC 792; 6 to 12 RFC 1122 §3.2.2.1; 13 to 15 RFC 1812
    /// §5.2.7.1). Code 4 is [`IcmpMessage::FragmentationNeeded`].
    Unreachable {
        /// No route to the network.
        Net = 0,
        /// The last router cannot reach the host.
        Host = 1,
        /// The host does not have this transport protocol.
        Protocol = 2,
        /// Nobody listens on the port.
        Port = 3,
        /// A stop of the source route cannot be reached.
        SourceRouteFailed = 5,
        /// The network does not exist.
        NetUnknown = 6,
        /// The host does not exist.
        HostUnknown = 7,
        /// The sender is isolated (obsolete).
        SourceHostIsolated = 8,
        /// The network is administratively prohibited.
        NetProhibited = 9,
        /// The host is administratively prohibited.
        HostProhibited = 10,
        /// No route to the network for this type of service.
        NetForTypeOfService = 11,
        /// The host cannot be reached for this type of service.
        HostForTypeOfService = 12,
        /// A filter forbids the communication.
        CommunicationProhibited = 13,
        /// The precedence is not permitted.
        HostPrecedenceViolation = 14,
        /// The precedence is below what the network wants.
        PrecedenceCutoff = 15,
    }
}

codes! {
    /// What a redirect holds for (RFC 792).
    Redirect {
        /// The network (obsolete).
        Net = 0,
        /// The host.
        Host = 1,
        /// The type of service and network.
        NetForTypeOfService = 2,
        /// The type of service and host.
        HostForTypeOfService = 3,
    }
}

codes! {
    /// Which time was exceeded; the same codes in ICMP (RFC 792) and ICMPv6 (RFC 4443 §3.3).
    TimeExceeded {
        /// Time to live, or hop limit.
        HopLimit = 0,
        /// The time for reassembly.
        Reassembly = 1,
    }
}

codes! {
    /// What is wrong with a header (RFC 792; 1 RFC 1108; 2 RFC 1812 §5.2.7.2).
    ParameterProblem {
        /// The byte that the pointer points to.
        Pointer = 0,
        /// A required option is missing.
        OptionMissing = 1,
        /// A length.
        Length = 2,
    }
}

const ECHO_REPLY: u8 = 0;
const DESTINATION_UNREACHABLE: u8 = 3;
const SOURCE_QUENCH: u8 = 4;
const REDIRECT: u8 = 5;
const ECHO_REQUEST: u8 = 8;
const TIME_EXCEEDED: u8 = 11;
const PARAMETER_PROBLEM: u8 = 12;
const FRAGMENTATION_NEEDED: u8 = 4;

impl IcmpMessage {
    /// True if it reports an error about another packet (RFC 1122 §3.2.2): none may be reported
    /// about it.
    pub fn is_error(&self) -> bool {
        is_error_type(self.fields().0)
    }

    /// Type, code and the 4 bytes after the checksum.
    fn fields(&self) -> (u8, u8, [u8; 4]) {
        match *self {
            Self::EchoReply { identifier, sequence } => (ECHO_REPLY, 0, echo(identifier, sequence)),
            Self::EchoRequest { identifier, sequence } => (ECHO_REQUEST, 0, echo(identifier, sequence)),
            Self::DestinationUnreachable(code) => (DESTINATION_UNREACHABLE, code as u8, [0; 4]),
            Self::FragmentationNeeded { next_hop_mtu } => {
                let [high, low] = next_hop_mtu.to_be_bytes();
                (DESTINATION_UNREACHABLE, FRAGMENTATION_NEEDED, [0, 0, high, low])
            }
            Self::Redirect { code, gateway } => (REDIRECT, code as u8, gateway.octets()),
            Self::TimeExceeded(code) => (TIME_EXCEEDED, code as u8, [0; 4]),
            Self::ParameterProblem { code, pointer } => (PARAMETER_PROBLEM, code as u8, [pointer, 0, 0, 0]),
            Self::Other { icmp_type, code, rest } => (icmp_type, code, rest),
        }
    }

    /// The message with this type, code and 4 bytes after the checksum. Unused bytes are ignored,
    /// as RFC 4884 puts them to use.
    fn from_fields(icmp_type: u8, code: u8, rest: [u8; 4]) -> Self {
        let other = Self::Other { icmp_type, code, rest };
        let [a, b, c, d] = rest;
        let (identifier, sequence) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        match (icmp_type, code) {
            (ECHO_REPLY, 0) => Self::EchoReply { identifier, sequence },
            (ECHO_REQUEST, 0) => Self::EchoRequest { identifier, sequence },
            (DESTINATION_UNREACHABLE, FRAGMENTATION_NEEDED) => Self::FragmentationNeeded { next_hop_mtu: sequence },
            (DESTINATION_UNREACHABLE, _) => Unreachable::from_code(code).map_or(other, Self::DestinationUnreachable),
            (REDIRECT, _) => {
                Redirect::from_code(code).map_or(other, |code| Self::Redirect { code, gateway: Ipv4Addr::from(rest) })
            }
            (TIME_EXCEEDED, _) => TimeExceeded::from_code(code).map_or(other, Self::TimeExceeded),
            (PARAMETER_PROBLEM, _) => {
                ParameterProblem::from_code(code).map_or(other, |code| Self::ParameterProblem { code, pointer: a })
            }
            _ => other,
        }
    }

    /// Writes the message, with the right checksum, before `payload`.
    pub(super) fn encode_into(&self, payload: &Rope, out: &mut Vec<u8>) {
        let (icmp_type, code, rest) = self.fields();
        encode_into(Checksum::new(), icmp_type, code, rest, payload, out);
    }

    /// Reads the message that `bytes` are: the message and what follows its first 8 bytes.
    pub(super) fn decode(bytes: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let (icmp_type, code, rest) = decode(Checksum::new(), Layer::Icmp, bytes)?;
        Ok((Self::from_fields(icmp_type, code, rest), &bytes[HEADER_LEN..]))
    }
}

/// True for the types that report an error about another packet (RFC 1122 §3.2.2).
pub(super) fn is_error_type(icmp_type: u8) -> bool {
    matches!(icmp_type, DESTINATION_UNREACHABLE | SOURCE_QUENCH | REDIRECT | TIME_EXCEEDED | PARAMETER_PROBLEM)
}

/// The last 4 bytes of the fixed part of an echo.
pub(super) fn echo(identifier: u16, sequence: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (identifier.to_be_bytes(), sequence.to_be_bytes());
    [a, b, c, d]
}

/// Writes the fixed part of a message before `payload`; `checksum` holds the pseudo-header, if the
/// protocol has one.
pub(super) fn encode_into(
    mut checksum: Checksum,
    icmp_type: u8,
    code: u8,
    rest: [u8; 4],
    payload: &Rope,
    out: &mut Vec<u8>,
) {
    checksum.add_bytes(&[icmp_type, code]);
    checksum.add_bytes(&rest);
    checksum.add_rope(payload);
    out.extend_from_slice(&[icmp_type, code]);
    out.extend_from_slice(&checksum.finish().to_be_bytes());
    out.extend_from_slice(&rest);
}

/// Type, code and the 4 bytes after the checksum of the message that `bytes` are; `checksum` holds
/// the pseudo-header, if the protocol has one.
pub(super) fn decode(mut checksum: Checksum, layer: Layer, bytes: &[u8]) -> Result<(u8, u8, [u8; 4]), DecodeError> {
    let [icmp_type, code, _, _, rest @ ..]: &[u8; HEADER_LEN] = first(bytes, layer)?;
    checksum.add_bytes(bytes);
    if checksum.finish() != 0 {
        return Err(DecodeError::Checksum(layer));
    }
    Ok((*icmp_type, *code, *rest))
}
