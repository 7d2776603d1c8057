//! ICMP errors: when one may be sent about a packet, what it quotes, and what its receiver reads.
//!
//! Rules: RFC 1122 §3.2.2 and RFC 1812 §4.3.2 for IPv4, RFC 4443 §2.4 for IPv6.

use super::error::{DecodeError, Layer, first};
use super::icmp::{self, IcmpMessage, TimeExceeded, Unreachable};
use super::icmpv6::{self, Icmpv6Message, Icmpv6ParameterProblem, Icmpv6Unreachable};
use super::ip::{IpHeader, is_single_host, is_to_many, protocol};
use super::{Ipv4Header, Ipv6Header, Packet, Provenance, Transport};
use std::net::IpAddr;

/// Most bytes of an IPv4 packet that carries an ICMP error (RFC 1812 §4.3.2.3).
pub const MAX_ICMP_ERROR_LEN: u64 = 576;
/// Most bytes of an IPv6 packet that carries an ICMPv6 error: the least MTU (RFC 4443 §2.4(c)).
pub const MAX_ICMPV6_ERROR_LEN: u64 = 1280;
/// DSCP of ICMP errors over IPv4: class selector 6, the precedence "internetwork control" (RFC 1812
/// §4.3.2.5).
const ERROR_DSCP: u8 = 48;

/// Why a packet could not be delivered or forwarded, whatever its version of IP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorCause {
    /// A router has no route: ICMP 3/0, ICMPv6 1/0.
    NoRoute,
    /// The last router cannot reach the host: ICMP 3/1, ICMPv6 1/3.
    HostUnreachable,
    /// The host does not have the transport protocol: ICMP 3/2, ICMPv6 4/1.
    ProtocolUnreachable,
    /// Nobody listens on the port: ICMP 3/3, ICMPv6 1/4.
    PortUnreachable,
    /// A filter forbids it: ICMP 3/13, ICMPv6 1/1.
    Prohibited,
    /// The next link takes packets of at most `mtu` bytes and this one must not be fragmented: ICMP
    /// 3/4 (which cannot say more than 65535), ICMPv6 2/0.
    TooBig {
        /// Largest packet that the next link takes [bytes].
        mtu: u32,
    },
    /// The time to live or hop limit ran out: ICMP 11/0, ICMPv6 3/0.
    HopLimitExceeded,
    /// Fragments did not become whole in time: ICMP 11/1, ICMPv6 3/1.
    ReassemblyTimeExceeded,
}

impl ErrorCause {
    /// The message that reports it about a packet with the header `ip`.
    fn message(self, ip: &IpHeader) -> Transport {
        match ip {
            IpHeader::V4(_) => Transport::Icmp(match self {
                Self::NoRoute => IcmpMessage::DestinationUnreachable(Unreachable::Net),
                Self::HostUnreachable => IcmpMessage::DestinationUnreachable(Unreachable::Host),
                Self::ProtocolUnreachable => IcmpMessage::DestinationUnreachable(Unreachable::Protocol),
                Self::PortUnreachable => IcmpMessage::DestinationUnreachable(Unreachable::Port),
                Self::Prohibited => IcmpMessage::DestinationUnreachable(Unreachable::CommunicationProhibited),
                Self::TooBig { mtu } => {
                    IcmpMessage::FragmentationNeeded { next_hop_mtu: mtu.min(u32::from(u16::MAX)) as u16 }
                }
                Self::HopLimitExceeded => IcmpMessage::TimeExceeded(TimeExceeded::HopLimit),
                Self::ReassemblyTimeExceeded => IcmpMessage::TimeExceeded(TimeExceeded::Reassembly),
            }),
            IpHeader::V6(header) => Transport::Icmpv6(match self {
                Self::NoRoute => Icmpv6Message::DestinationUnreachable(Icmpv6Unreachable::NoRoute),
                Self::HostUnreachable => Icmpv6Message::DestinationUnreachable(Icmpv6Unreachable::Address),
                Self::ProtocolUnreachable => Icmpv6Message::ParameterProblem {
                    code: Icmpv6ParameterProblem::NextHeader,
                    pointer: header.transport_protocol_at(),
                },
                Self::PortUnreachable => Icmpv6Message::DestinationUnreachable(Icmpv6Unreachable::Port),
                Self::Prohibited => Icmpv6Message::DestinationUnreachable(Icmpv6Unreachable::Prohibited),
                Self::TooBig { mtu } => Icmpv6Message::PacketTooBig { mtu },
                Self::HopLimitExceeded => Icmpv6Message::TimeExceeded(TimeExceeded::HopLimit),
                Self::ReassemblyTimeExceeded => Icmpv6Message::TimeExceeded(TimeExceeded::Reassembly),
            }),
        }
    }
}

impl Packet {
    /// True if an ICMP error with this cause may be sent about this packet, as far as the packet
    /// tells: the caller adds what it knows of subnet broadcasts, link-layer broadcasts and rate
    /// limits.
    ///
    /// Never about an ICMP error, a packet to many hosts or a source that is not one host; over
    /// IPv4 never about a fragment other than the first. Over IPv6 "packet too big" may answer
    /// packets to many hosts, for path MTU discovery, and so may an unknown option (which is not
    /// modelled); a later fragment may be reported, as a packet that is too big may be one.
    pub fn may_report_error(&self, cause: ErrorCause) -> bool {
        if self.is_icmp_error() || !is_single_host(self.src()) {
            return false;
        }
        match self.ip {
            IpHeader::V4(_) => !is_to_many(self.dst()) && !self.ip.fragment().is_some_and(|f| f.is_non_first()),
            IpHeader::V6(_) => !is_to_many(self.dst()) || matches!(cause, ErrorCause::TooBig { .. }),
        }
    }

    /// True if this packet reports an error, so that none may be reported about it. A redirect
    /// counts as one (RFC 1122 §3.2.2, RFC 4443 §2.4(e.2)).
    pub(crate) fn is_icmp_error(&self) -> bool {
        // The type is the first byte of the message; a fragment carries it as a plain byte.
        let first_byte = || match self.ip.fragment() {
            Some(fragment) if fragment.is_non_first() => None,
            _ => self.payload.slice(0, 1).to_bytes().first().copied(),
        };
        match (&self.transport, &self.ip) {
            (Transport::Icmp(message), _) => message.is_error(),
            (Transport::Icmpv6(message), _) => message.forbids_errors(),
            (Transport::Other { protocol: protocol::ICMP }, IpHeader::V4(_)) => {
                first_byte().is_some_and(icmp::is_error_type)
            }
            (Transport::Other { protocol: protocol::ICMPV6 }, IpHeader::V6(_)) => {
                first_byte().is_some_and(icmpv6::forbids_errors)
            }
            _ => false,
        }
    }

    /// The ICMP error that `reporter` sends about this packet, or `None` if it may not
    /// ([`Packet::may_report_error`]) or is not of the packet's family.
    ///
    /// It quotes as much of the packet as fits in 576 bytes over IPv4 and 1280 over IPv6, as it is
    /// here: call it before the time to live is decremented. Virtual payload is quoted as such.
    pub fn icmp_error(&self, cause: ErrorCause, reporter: IpAddr) -> Option<Self> {
        if !self.may_report_error(cause) {
            return None;
        }
        let mut ip = IpHeader::new(reporter, self.src())?;
        let limit = match ip {
            IpHeader::V4(_) => MAX_ICMP_ERROR_LEN,
            IpHeader::V6(_) => MAX_ICMPV6_ERROR_LEN,
        };
        if matches!(ip, IpHeader::V4(_)) {
            ip.set_dscp(ERROR_DSCP);
        }
        let transport = cause.message(&self.ip);
        let quote_len = limit - ip.wire_len() - transport.wire_len();
        let payload = self.to_rope().slice(0, quote_len);
        let provenance = Provenance { is_protected: self.provenance.is_protected, ..Provenance::default() };
        Some(Self { ip, transport, payload, provenance, lost: None })
    }

    /// What an ICMP error says about the packet that it quotes, or `None` if this packet is not an
    /// ICMP error.
    ///
    /// # Errors
    /// When the quote is too short or not an IP header of the same version.
    pub fn quoted(&self) -> Option<Result<Quoted, DecodeError>> {
        let is_error = match &self.transport {
            Transport::Icmp(message) => message.is_error(),
            Transport::Icmpv6(message) => message.is_error(),
            _ => false,
        };
        is_error.then(|| Quoted::read(&self.payload.to_bytes(), matches!(self.ip, IpHeader::V4(_))))
    }
}

/// The packet that an ICMP error is about, as far as it is quoted. Its checksums are not verified:
/// routers change the header on the way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quoted {
    /// Its IP header.
    pub ip: IpHeader,
    /// Protocol number of its transport.
    pub protocol: u8,
    /// Its length before it was cut [bytes].
    pub wire_len: u64,
    /// Source and destination port, where its transport starts with them (UDP, TCP) and is not in
    /// another fragment.
    pub ports: Option<(u16, u16)>,
    /// Sequence number of a TCP segment that is not in another fragment: with it the receiver tells whether the segment
    /// was one of its own (RFC 5927 §4.1).
    pub sequence: Option<u32>,
    /// Identifier of an echo of ICMP or ICMPv6 that is not in another fragment.
    pub identifier: Option<u16>,
}

impl Quoted {
    fn read(bytes: &[u8], is_v4: bool) -> Result<Self, DecodeError> {
        let (ip, protocol, header_len, total_len) = if is_v4 {
            let received = Ipv4Header::read(bytes)?;
            (IpHeader::V4(received.header), received.protocol, received.header_len, received.total_len)
        } else {
            let received = Ipv6Header::read(bytes)?;
            (IpHeader::V6(received.header), received.protocol, received.header_len, received.total_len)
        };
        let mut quoted =
            Self { ip, protocol, wire_len: total_len as u64, ports: None, sequence: None, identifier: None };
        if quoted.ip.fragment().is_some_and(|fragment| fragment.is_non_first()) {
            return Ok(quoted);
        }
        let transport = bytes.get(header_len..).unwrap_or_default();
        let ports = |[a, b, c, d]: [u8; 4]| (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        match protocol {
            protocol::UDP => quoted.ports = Some(ports(*first(transport, Layer::Udp)?)),
            // RFC 792 has 8 bytes quoted, for this.
            protocol::TCP => {
                let [p, o, r, t, sequence @ ..] = *first::<8>(transport, Layer::Tcp)?;
                quoted.ports = Some(ports([p, o, r, t]));
                quoted.sequence = Some(u32::from_be_bytes(sequence));
            }
            protocol::ICMP | protocol::ICMPV6 => {
                let echoes: &[u8] = if protocol == protocol::ICMP { &[0, 8] } else { &[128, 129] };
                if let [icmp_type, _, _, _, i, d, ..] = transport
                    && echoes.contains(icmp_type)
                {
                    quoted.identifier = Some(u16::from_be_bytes([*i, *d]));
                }
            }
            _ => {}
        }
        Ok(quoted)
    }
}
