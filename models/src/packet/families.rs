//! A packet of one version of IP as a packet of the other, as a NAT64 makes it (RFC 7915): headers, echoes, and ICMP errors with the
//! packets that they quote. Ports are for who translates to write ([`Packet::rewrite`]).

use super::ip::{Fragment, IpHeader, protocol};
use super::report::{MAX_ICMP_ERROR_LEN, MAX_ICMPV6_ERROR_LEN};
use super::translate::{adjust, word};
use super::{
    IcmpMessage, Icmpv6Message, Icmpv6ParameterProblem, Icmpv6Unreachable, Ipv4Header, Ipv6Header, MAX_WIRE_LEN,
    Packet, ParameterProblem, Received, Transport, Unreachable, icmp, ipv6,
};
use crate::rope::Rope;
use std::net::{Ipv4Addr, Ipv6Addr};

/// By how much an IPv6 header is longer than an IPv4 header without options [bytes].
pub(crate) const GROWTH: u64 = 20;
/// Length of an IPv4 header without options [bytes].
const V4_HEADER_LEN: u64 = 20;
/// The least MTU of IPv6 links (RFC 8200 §5).
const LEAST_V6: u64 = 1280;
/// The largest IPv4 packet that routers may fragment if it was an IPv6 packet (RFC 7915 §5.1).
pub(crate) const MOST_CUTTABLE: u64 = LEAST_V6 - GROWTH;
/// What is read of a quote for its IP header, extension headers included [bytes].
const MOST_HEADERS: u64 = 512;
/// The fixed part of a TCP header, the longest start of a transport that is changed [bytes].
const TRANSPORT_START: u64 = 20;
const FRAGMENT_HEADER_LEN: u64 = 8;

/// What the translator's next links take [bytes].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mtus {
    /// Towards the IPv4 host.
    pub(crate) v4: u64,
    /// Towards the IPv6 host.
    pub(crate) v6: u64,
}

/// Source and destination of a quoted packet: address, and port or identifier of an echo.
pub(crate) type Ends<A> = [(A, u16); 2];

impl Packet {
    /// This IPv6 packet over IPv4, between these addresses (RFC 7915 §5.1): not to be fragmented, and without extension headers. `None` for
    /// what is no echo, no UDP and no TCP, and for what IPv4 cannot carry.
    pub(crate) fn over_v4(&self, src: Ipv4Addr, dst: Ipv4Addr) -> Option<Self> {
        let IpHeader::V6(from) = &self.ip else { return None };
        let transport = match &self.transport {
            Transport::Icmpv6(Icmpv6Message::EchoRequest { identifier, sequence }) => {
                Transport::Icmp(IcmpMessage::EchoRequest { identifier: *identifier, sequence: *sequence })
            }
            Transport::Icmpv6(Icmpv6Message::EchoReply { identifier, sequence }) => {
                Transport::Icmp(IcmpMessage::EchoReply { identifier: *identifier, sequence: *sequence })
            }
            Transport::Udp(_) | Transport::Tcp(_) => self.transport.clone(),
            _ => return None,
        };
        self.with(IpHeader::V4(header_over_v4(from, src, dst)), transport, self.payload.clone())
    }

    /// This IPv4 packet over IPv6, between these addresses (RFC 7915 §4.1), without options and without a fragment header. `None` for what
    /// is no echo, no UDP and no TCP.
    pub(crate) fn over_v6(&self, src: Ipv6Addr, dst: Ipv6Addr) -> Option<Self> {
        let IpHeader::V4(from) = &self.ip else { return None };
        let transport = match &self.transport {
            Transport::Icmp(IcmpMessage::EchoRequest { identifier, sequence }) => {
                Transport::Icmpv6(Icmpv6Message::EchoRequest { identifier: *identifier, sequence: *sequence })
            }
            Transport::Icmp(IcmpMessage::EchoReply { identifier, sequence }) => {
                Transport::Icmpv6(Icmpv6Message::EchoReply { identifier: *identifier, sequence: *sequence })
            }
            Transport::Udp(_) | Transport::Tcp(_) => self.transport.clone(),
            _ => return None,
        };
        self.with(IpHeader::V6(header_over_v6(from, src, dst)), transport, self.payload.clone())
    }

    /// This ICMPv6 error as one of ICMP, from `src` to `dst`, about a packet between these ends (RFC 7915 §5.2 and §5.3). `None` for
    /// errors that ICMP does not have.
    pub(crate) fn error_over_v4(
        &self,
        src: Ipv4Addr,
        dst: Ipv4Addr,
        quoted: Ends<Ipv4Addr>,
        mtus: Mtus,
    ) -> Option<Self> {
        let (IpHeader::V6(from), Transport::Icmpv6(message)) = (&self.ip, &self.transport) else { return None };
        let (quote, is_fragment) = quote_over_v4(&self.payload, quoted)?;
        let message = message_over_v4(*message, is_fragment, mtus)?;
        let room = MAX_ICMP_ERROR_LEN - V4_HEADER_LEN - icmp::HEADER_LEN as u64;
        let quote = quote.slice(0, quote.len().min(room));
        self.with(IpHeader::V4(header_over_v4(from, src, dst)), Transport::Icmp(message), quote)
    }

    /// This ICMP error as one of ICMPv6, from `src` to `dst`, about a packet between these ends (RFC 7915 §4.2 and §4.3). `None` for
    /// errors that ICMPv6 does not have.
    pub(crate) fn error_over_v6(
        &self,
        src: Ipv6Addr,
        dst: Ipv6Addr,
        quoted: Ends<Ipv6Addr>,
        mtus: Mtus,
    ) -> Option<Self> {
        let (IpHeader::V4(from), Transport::Icmp(message)) = (&self.ip, &self.transport) else { return None };
        let message = message_over_v6(*message, mtus)?;
        let quote = quote_over_v6(&self.payload, quoted)?;
        let room = MAX_ICMPV6_ERROR_LEN - (ipv6::HEADER_LEN + icmp::HEADER_LEN) as u64;
        let quote = quote.slice(0, quote.len().min(room));
        self.with(IpHeader::V6(header_over_v6(from, src, dst)), Transport::Icmpv6(message), quote)
    }

    /// The same packet for the simulator, with another content.
    fn with(&self, ip: IpHeader, transport: Transport, payload: Rope) -> Option<Self> {
        let provenance = self.provenance.unsealed();
        let packet = Self { ip, transport, payload, provenance, lost: None };
        packet.fits().then_some(packet)
    }
}

fn header_over_v4(from: &Ipv6Header, src: Ipv4Addr, dst: Ipv4Addr) -> Ipv4Header {
    Ipv4Header { ttl: from.hop_limit, dscp: from.dscp, ecn: from.ecn, ..Ipv4Header::new(src, dst) }
}

fn header_over_v6(from: &Ipv4Header, src: Ipv6Addr, dst: Ipv6Addr) -> Ipv6Header {
    Ipv6Header { hop_limit: from.ttl, dscp: from.dscp, ecn: from.ecn, ..Ipv6Header::new(src, dst) }
}

/// RFC 7915 §5.2. What is left out there is dropped.
fn message_over_v4(message: Icmpv6Message, quotes_fragment: bool, mtus: Mtus) -> Option<IcmpMessage> {
    use Icmpv6Unreachable as From;
    Some(match message {
        Icmpv6Message::DestinationUnreachable(From::NoRoute | From::BeyondScope | From::Address) => {
            IcmpMessage::DestinationUnreachable(Unreachable::Host)
        }
        Icmpv6Message::DestinationUnreachable(From::Prohibited) => {
            IcmpMessage::DestinationUnreachable(Unreachable::HostProhibited)
        }
        Icmpv6Message::DestinationUnreachable(From::Port) => IcmpMessage::DestinationUnreachable(Unreachable::Port),
        Icmpv6Message::PacketTooBig { mtu } => {
            let headers = GROWTH + if quotes_fragment { FRAGMENT_HEADER_LEN } else { 0 };
            let told = u64::from(mtu).saturating_sub(headers).min(mtus.v4).min(mtus.v6.saturating_sub(GROWTH));
            IcmpMessage::FragmentationNeeded { next_hop_mtu: told.min(MAX_WIRE_LEN) as u16 }
        }
        Icmpv6Message::TimeExceeded(code) => IcmpMessage::TimeExceeded(code),
        Icmpv6Message::ParameterProblem { code: Icmpv6ParameterProblem::HeaderField, pointer } => {
            IcmpMessage::ParameterProblem { code: ParameterProblem::Pointer, pointer: pointer_over_v4(pointer)? }
        }
        Icmpv6Message::ParameterProblem { code: Icmpv6ParameterProblem::NextHeader, .. } => {
            IcmpMessage::DestinationUnreachable(Unreachable::Protocol)
        }
        _ => return None,
    })
}

/// RFC 7915 §4.2. What is left out there is dropped.
fn message_over_v6(message: IcmpMessage, mtus: Mtus) -> Option<Icmpv6Message> {
    use Unreachable as From;
    Some(match message {
        IcmpMessage::DestinationUnreachable(cause) => match cause {
            From::Net
            | From::Host
            | From::SourceRouteFailed
            | From::NetUnknown
            | From::HostUnknown
            | From::SourceHostIsolated
            | From::NetForTypeOfService
            | From::HostForTypeOfService => Icmpv6Message::DestinationUnreachable(Icmpv6Unreachable::NoRoute),
            // The pointer is to the next header field.
            From::Protocol => Icmpv6Message::ParameterProblem { code: Icmpv6ParameterProblem::NextHeader, pointer: 6 },
            From::Port => Icmpv6Message::DestinationUnreachable(Icmpv6Unreachable::Port),
            From::NetProhibited | From::HostProhibited | From::CommunicationProhibited | From::PrecedenceCutoff => {
                Icmpv6Message::DestinationUnreachable(Icmpv6Unreachable::Prohibited)
            }
            From::HostPrecedenceViolation => return None,
        },
        IcmpMessage::FragmentationNeeded { next_hop_mtu } => {
            let told = (u64::from(next_hop_mtu) + GROWTH).min(mtus.v6).min(mtus.v4 + GROWTH);
            Icmpv6Message::PacketTooBig { mtu: told.max(LEAST_V6) as u32 }
        }
        IcmpMessage::TimeExceeded(code) => Icmpv6Message::TimeExceeded(code),
        IcmpMessage::ParameterProblem { code: ParameterProblem::Pointer | ParameterProblem::Length, pointer } => {
            let code = Icmpv6ParameterProblem::HeaderField;
            Icmpv6Message::ParameterProblem { code, pointer: pointer_over_v6(pointer)? }
        }
        _ => return None,
    })
}

/// RFC 7915 figure 6: fields of the IPv6 header that the IPv4 header has, too.
fn pointer_over_v4(pointer: u32) -> Option<u8> {
    Some(match pointer {
        0 => 0,
        1 => 1,
        4 | 5 => 2,
        6 => 9,
        7 => 8,
        8..=23 => 12,
        24..=39 => 16,
        _ => return None,
    })
}

/// RFC 7915 figure 3, the other way round.
fn pointer_over_v6(pointer: u8) -> Option<u32> {
    Some(match pointer {
        0 => 0,
        1 => 1,
        2 | 3 => 4,
        8 => 7,
        9 => 6,
        12..=15 => 8,
        16..=19 => 24,
        _ => return None,
    })
}

/// A quoted IPv6 packet over IPv4, and whether it has a fragment header.
fn quote_over_v4(quote: &Rope, ends: Ends<Ipv4Addr>) -> Option<(Rope, bool)> {
    let start = quote.slice(0, quote.len().min(MOST_HEADERS)).to_bytes();
    let Received { header, protocol: inner, header_len, total_len } = Ipv6Header::read(&start).ok()?;
    let payload_len = (total_len - header_len) as u64;
    let mut ip = header_over_v4(&header, ends[0].0, ends[1].0);
    ip.dont_fragment = V4_HEADER_LEN + payload_len > MOST_CUTTABLE;
    let fragment = header.extensions.as_ref().and_then(|extensions| extensions.fragment);
    if let Some(Fragment { offset, more, identification }) = fragment {
        // Of an identification the lower half is left.
        (ip.identification, ip.fragment_offset) = (identification as u16, offset);
        (ip.more_fragments, ip.dont_fragment) = (more, false);
    }
    let (old, new) = (IpHeader::V6(header), IpHeader::V4(ip));
    quote_between(quote, header_len as u64, payload_len, inner, [&old, &new], ends.map(|(_, port)| port))
        .map(|quote| (quote, fragment.is_some()))
}

/// A quoted IPv4 packet over IPv6.
fn quote_over_v6(quote: &Rope, ends: Ends<Ipv6Addr>) -> Option<Rope> {
    let start = quote.slice(0, quote.len().min(MOST_HEADERS)).to_bytes();
    let Received { header, protocol: inner, header_len, total_len } = Ipv4Header::read(&start).ok()?;
    let mut ip = header_over_v6(&header, ends[0].0, ends[1].0);
    if header.fragment().is_part() {
        ip.extensions.get_or_insert_default().fragment = Some(header.fragment());
    }
    let (old, new) = (IpHeader::V4(header), IpHeader::V6(ip));
    let payload_len = (total_len - header_len) as u64;
    quote_between(quote, header_len as u64, payload_len, inner, [&old, &new], ends.map(|(_, port)| port))
}

/// A quote with another header and other ports, and a checksum that goes with them.
fn quote_between(
    quote: &Rope,
    header_len: u64,
    payload_len: u64,
    inner: u8,
    [old, new]: [&IpHeader; 2],
    ports: [u16; 2],
) -> Option<Rope> {
    let outer = match (inner, new) {
        (protocol::ICMPV6, IpHeader::V4(_)) => protocol::ICMP,
        (protocol::ICMP, IpHeader::V6(_)) => protocol::ICMPV6,
        _ => inner,
    };
    let fixed = if matches!(new, IpHeader::V6(_)) { ipv6::HEADER_LEN as u64 } else { 0 };
    if new.wire_len() + payload_len > MAX_WIRE_LEN + fixed {
        return None;
    }
    let left = quote.len().checked_sub(header_len)?;
    let mut transport = quote.slice(header_len, left.min(TRANSPORT_START)).to_bytes().to_vec();
    if old.fragment().is_none_or(|fragment| !fragment.is_non_first()) {
        rewrite_transport(&mut transport, inner, payload_len, [old, new], ports);
    }
    let rest = left - transport.len() as u64;
    let mut bytes = Vec::with_capacity(new.wire_len() as usize + transport.len());
    new.encode_into(outer, payload_len, &mut bytes);
    bytes.extend_from_slice(&transport);
    let mut out = Rope::from(bytes);
    out.append(&quote.slice(quote.len() - rest, rest));
    Some(out)
}

/// The start of a transport message under another pseudo-header, with other ports: its checksum follows word by word (RFC 1624).
fn rewrite_transport(bytes: &mut [u8], inner: u8, len: u64, [old, new]: [&IpHeader; 2], ports: [u16; 2]) {
    let mut changes = Vec::with_capacity(32);
    let addresses_of = |ip: &IpHeader| -> Vec<u16> {
        let octets: Vec<u8> = match ip {
            IpHeader::V4(ip) => [ip.src.octets(), ip.dst.octets()].concat(),
            IpHeader::V6(ip) => [ip.src.octets(), ip.dst.octets()].concat(),
        };
        octets.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
    };
    let checksum_at = match inner {
        protocol::UDP | protocol::TCP => {
            changes.extend(addresses_of(old).into_iter().map(|word| (word, 0)));
            changes.extend(addresses_of(new).into_iter().map(|word| (0, word)));
            for (at, port) in [(0, ports[0]), (2, ports[1])] {
                change(bytes, at, port, &mut changes);
            }
            if inner == protocol::UDP { 6 } else { 16 }
        }
        protocol::ICMP | protocol::ICMPV6 => {
            let Some(message) = bytes.first_chunk::<6>() else { return };
            let is_v6 = matches!(new, IpHeader::V6(_));
            let other_type = match (message[0], is_v6) {
                (8, true) => 128,
                (0, true) => 129,
                (128, false) => 8,
                (129, false) => 0,
                _ => return,
            };
            // ICMPv6 has a pseudo-header, ICMP has none.
            let mut pseudo = addresses_of(if is_v6 { new } else { old });
            pseudo.extend([(len >> 16) as u16, len as u16, u16::from(protocol::ICMPV6)]);
            changes.extend(pseudo.into_iter().map(|word| if is_v6 { (0, word) } else { (word, 0) }));
            change(bytes, 0, u16::from_be_bytes([other_type, message[1]]), &mut changes);
            // A query has one identifier for both of its ends.
            change(bytes, 4, ports[0], &mut changes);
            2
        }
        _ => return,
    };
    let is_udp = inner == protocol::UDP;
    if is_udp && word(bytes, checksum_at) == Some(0) {
        return;
    }
    adjust(bytes, checksum_at, &changes);
    if is_udp && word(bytes, checksum_at) == Some(0) {
        // RFC 768: a sum of zero is written as all ones.
        bytes[checksum_at..checksum_at + 2].fill(0xff);
    }
}

/// Writes a word, and notes it.
fn change(bytes: &mut [u8], at: usize, new: u16, changes: &mut Vec<(u16, u16)>) {
    if let Some(old) = word(bytes, at) {
        changes.push((old, new));
        bytes[at..at + 2].copy_from_slice(&new.to_be_bytes());
    }
}
