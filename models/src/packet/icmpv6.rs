//! ICMPv6 (RFC 4443).
//!
//! As in ICMP, the message is the first 8 bytes and the rest is the packet's payload. Neighbour
//! discovery (RFC 4861) and multicast listener messages (RFC 3810) are [`Icmpv6Message::Other`].

use super::error::{DecodeError, Layer};
use super::icmp::{self, HEADER_LEN, TimeExceeded, codes};
use super::ip::{IpHeader, protocol};
use crate::rope::Rope;

/// An ICMPv6 message, without what follows its first 8 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Icmpv6Message {
    /// The packet could not be delivered (§3.1).
    DestinationUnreachable(Icmpv6Unreachable),
    /// The packet is larger than the next link takes (§3.2).
    PacketTooBig {
        /// Largest packet that the link takes [bytes].
        mtu: u32,
    },
    /// The packet, or one of its fragments, was on the way for too long (§3.3).
    TimeExceeded(TimeExceeded),
    /// Something in a header is wrong (§3.4).
    ParameterProblem {
        /// What is wrong.
        code: Icmpv6ParameterProblem,
        /// Where, in bytes from the start of the packet.
        pointer: u32,
    },
    /// Asks for an echo reply (§4.1).
    EchoRequest {
        /// Which conversation.
        identifier: u16,
        /// Which request in it.
        sequence: u16,
    },
    /// Answer to an echo request, with the same data (§4.2).
    EchoReply {
        /// Which conversation.
        identifier: u16,
        /// Which request in it.
        sequence: u16,
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

codes! {
    /// Why a destination is unreachable (RFC 4443 §3.1).
    Icmpv6Unreachable {
        /// No route.
        NoRoute = 0,
        /// Administratively prohibited.
        Prohibited = 1,
        /// The destination is beyond the scope of the source address.
        BeyondScope = 2,
        /// The address cannot be reached, for any other reason.
        Address = 3,
        /// Nobody listens on the port.
        Port = 4,
        /// The source address is against the policy.
        SourcePolicy = 5,
        /// The route says to reject.
        RejectRoute = 6,
    }
}

codes! {
    /// What is wrong with a header (RFC 4443 §3.4).
    Icmpv6ParameterProblem {
        /// A field has an impossible value.
        HeaderField = 0,
        /// A next header is not known.
        NextHeader = 1,
        /// An option is not known.
        Option = 2,
    }
}

const DESTINATION_UNREACHABLE: u8 = 1;
const PACKET_TOO_BIG: u8 = 2;
const TIME_EXCEEDED: u8 = 3;
const PARAMETER_PROBLEM: u8 = 4;
const ECHO_REQUEST: u8 = 128;
const ECHO_REPLY: u8 = 129;
/// Redirect of neighbour discovery (RFC 4861 §4.5), about which no error is reported either.
const REDIRECT: u8 = 137;

impl Icmpv6Message {
    /// True if it reports an error about another packet: the high bit of the type is clear (RFC 4443
    /// §2.1).
    pub fn is_error(&self) -> bool {
        self.fields().0 < 128
    }

    /// True if no error may be reported about it: an error, or a redirect (RFC 4443
    /// §2.4(e.1) and (e.2)).
    pub(super) fn forbids_errors(&self) -> bool {
        forbids_errors(self.fields().0)
    }

    /// Type, code and the 4 bytes after the checksum.
    fn fields(&self) -> (u8, u8, [u8; 4]) {
        match *self {
            Self::DestinationUnreachable(code) => (DESTINATION_UNREACHABLE, code as u8, [0; 4]),
            Self::PacketTooBig { mtu } => (PACKET_TOO_BIG, 0, mtu.to_be_bytes()),
            Self::TimeExceeded(code) => (TIME_EXCEEDED, code as u8, [0; 4]),
            Self::ParameterProblem { code, pointer } => (PARAMETER_PROBLEM, code as u8, pointer.to_be_bytes()),
            Self::EchoRequest { identifier, sequence } => (ECHO_REQUEST, 0, icmp::echo(identifier, sequence)),
            Self::EchoReply { identifier, sequence } => (ECHO_REPLY, 0, icmp::echo(identifier, sequence)),
            Self::Other { icmp_type, code, rest } => (icmp_type, code, rest),
        }
    }

    /// The message with this type, code and 4 bytes after the checksum.
    fn from_fields(icmp_type: u8, code: u8, rest: [u8; 4]) -> Self {
        let other = Self::Other { icmp_type, code, rest };
        let [a, b, c, d] = rest;
        let (identifier, sequence) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let number = u32::from_be_bytes(rest);
        match (icmp_type, code) {
            (DESTINATION_UNREACHABLE, _) => {
                Icmpv6Unreachable::from_code(code).map_or(other, Self::DestinationUnreachable)
            }
            // RFC 4443 §3.2: the receiver ignores the code.
            (PACKET_TOO_BIG, _) => Self::PacketTooBig { mtu: number },
            (TIME_EXCEEDED, _) => TimeExceeded::from_code(code).map_or(other, Self::TimeExceeded),
            (PARAMETER_PROBLEM, _) => Icmpv6ParameterProblem::from_code(code)
                .map_or(other, |code| Self::ParameterProblem { code, pointer: number }),
            (ECHO_REQUEST, 0) => Self::EchoRequest { identifier, sequence },
            (ECHO_REPLY, 0) => Self::EchoReply { identifier, sequence },
            _ => other,
        }
    }

    /// Writes the message, with the right checksum, before `payload`.
    pub(super) fn encode_into(&self, ip: &IpHeader, payload: &Rope, out: &mut Vec<u8>) {
        let (icmp_type, code, rest) = self.fields();
        let checksum = ip.pseudo_header(protocol::ICMPV6, HEADER_LEN as u64 + payload.len());
        icmp::encode_into(checksum, icmp_type, code, rest, payload, out);
    }

    /// Reads the message that `bytes` are: the message and what follows its first 8 bytes.
    pub(super) fn decode<'a>(ip: &IpHeader, bytes: &'a [u8]) -> Result<(Self, &'a [u8]), DecodeError> {
        let checksum = ip.pseudo_header(protocol::ICMPV6, bytes.len() as u64);
        let (icmp_type, code, rest) = icmp::decode(checksum, Layer::Icmpv6, bytes)?;
        Ok((Self::from_fields(icmp_type, code, rest), &bytes[HEADER_LEN..]))
    }
}

/// True for the types about which no error is reported (RFC 4443 §2.4(e.1) and (e.2)).
pub(super) fn forbids_errors(icmp_type: u8) -> bool {
    icmp_type < 128 || icmp_type == REDIRECT
}
