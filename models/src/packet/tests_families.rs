//! IPv6 over IPv4 and back: properties of all packets, and the tables of RFC 7915 by hand.

use super::tests::{any_packet, any_payload, any_udp};
use super::*;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

const A4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const B4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 9);
const ROUTER4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 77);
const A6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0xfeed, 0, 0, 1);
const B6: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0xc633, 0x6409);
const ROUTER6: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0xcb00, 0x714d);
const ETHERNET: Mtus = Mtus { v4: 1500, v6: 1500 };

/// What its receiver reads, and what it was; the simulator's own facts aside.
fn reads_as_it_is(packet: &Packet) -> Result<(), TestCaseError> {
    let bytes = packet.encode();
    prop_assert_eq!(packet.wire_len(), bytes.len() as u64);
    let read = Packet::decode(&bytes).unwrap();
    prop_assert_eq!(&read.ip, &packet.ip);
    prop_assert_eq!(&read.transport, &packet.transport);
    prop_assert_eq!(read.payload.to_bytes(), packet.payload.to_bytes());
    Ok(())
}

/// A transport that passes: over IPv6 or over IPv4.
fn passing(is_v6: bool) -> impl Strategy<Value = Transport> {
    let echo = any::<(bool, u16, u16)>().prop_map(move |(is_reply, identifier, sequence)| match (is_v6, is_reply) {
        (true, false) => Transport::Icmpv6(Icmpv6Message::EchoRequest { identifier, sequence }),
        (true, true) => Transport::Icmpv6(Icmpv6Message::EchoReply { identifier, sequence }),
        (false, false) => Transport::Icmp(IcmpMessage::EchoRequest { identifier, sequence }),
        (false, true) => Transport::Icmp(IcmpMessage::EchoReply { identifier, sequence }),
    });
    prop_oneof![any_udp(), super::tests_tcp::any_header().prop_map(|header| Transport::Tcp(header.fitted())), echo]
}

/// Ports of a packet, or its identifier twice.
fn ports_of(packet: &Packet) -> (u16, u16) {
    let identifiers = || packet.as_echo().map(|echo| (echo.identifier, echo.identifier));
    packet.ports().or_else(identifiers).unwrap()
}

proptest! {
    /// What passes has right bytes over the other family, and is the same packet when it comes back, but for options and extension headers.
    #[test]
    fn there_and_back(packet in any_packet(), port in any::<u16>()) {
        if let Some(mut over) = packet.over_v4(A4, B4) {
            reads_as_it_is(&over)?;
            prop_assert_eq!((over.ttl(), over.ip.dscp(), over.ip.ecn()), (packet.ttl(), packet.ip.dscp(), packet.ip.ecn()));
            let back = over.over_v6(A6, B6).unwrap();
            prop_assert_eq!(&back.transport, &packet.transport);
            prop_assert_eq!(&back.payload, &packet.payload);
            prop_assert_eq!(back.ip, IpHeader::V6(Ipv6Header {
                hop_limit: packet.ttl(), dscp: packet.ip.dscp(), ecn: packet.ip.ecn(), ..Ipv6Header::new(A6, B6)
            }));
            over.rewrite(PacketEnd::Source, (IpAddr::V4(ROUTER4), port));
            reads_as_it_is(&over)?;
            prop_assert_eq!((over.src(), ports_of(&over).0), (IpAddr::V4(ROUTER4), port));
        }
        if let Some(mut over) = packet.over_v6(A6, B6) {
            reads_as_it_is(&over)?;
            prop_assert_eq!(&over.over_v4(A4, B4).unwrap().transport, &packet.transport);
            over.rewrite(PacketEnd::Destination, (IpAddr::V6(ROUTER6), port));
            reads_as_it_is(&over)?;
            prop_assert_eq!((over.dst(), ports_of(&over).1), (IpAddr::V6(ROUTER6), port));
        }
    }

    /// An error from an IPv4 router quotes the IPv6 packet that was sent, byte for byte, checksums too, as far as it quotes.
    #[test]
    fn an_error_quotes_what_was_sent_over_ipv6(
        transport in passing(true), payload in any_payload(), port in any::<u16>(), dscp in 0_u8..64,
    ) {
        let mut sent = Packet::new(A6.into(), B6.into(), transport, payload).unwrap();
        sent.ip.set_dscp(dscp);
        let mut over = sent.over_v4(A4, B4).unwrap();
        over.rewrite(PacketEnd::Source, (IpAddr::V4(A4), port));
        let error = over.icmp_error(ErrorCause::HopLimitExceeded, ROUTER4.into()).unwrap();
        let (from, to) = ports_of(&sent);
        let told = error.error_over_v6(ROUTER6, A6, [(A6, from), (B6, to)], ETHERNET).unwrap();
        reads_as_it_is(&told)?;
        prop_assert_eq!(&told.transport, &Transport::Icmpv6(Icmpv6Message::TimeExceeded(TimeExceeded::HopLimit)));
        prop_assert_eq!((told.src(), told.dst()), (ROUTER6.into(), A6.into()));
        let (quote, all) = (told.payload.to_bytes(), sent.encode());
        // ICMP quotes at least all that fits 576 bytes: 548, of which 20 were the IPv4 header.
        prop_assert_eq!(quote.len(), all.len().min(548 + 20));
        prop_assert_eq!(&quote[..], &all[..quote.len()]);
    }

    /// The same, of an error from an IPv6 router about an IPv4 packet.
    #[test]
    fn an_error_quotes_what_was_sent_over_ipv4(
        transport in passing(false), payload in any_payload(), port in any::<u16>(), dscp in 0_u8..64,
    ) {
        let mut sent = Packet::new(B4.into(), A4.into(), transport, payload).unwrap();
        sent.ip.set_dscp(dscp);
        let len = sent.wire_len();
        if let IpHeader::V4(header) = &mut sent.ip {
            // As the translator sets it: what the IPv4 sender had said is not in the IPv6 packet.
            header.dont_fragment = len > 1260;
        }
        let mut over = sent.over_v6(B6, A6).unwrap();
        over.rewrite(PacketEnd::Destination, (IpAddr::V6(A6), port));
        let error = over.icmp_error(ErrorCause::PortUnreachable, ROUTER6.into()).unwrap();
        let (from, to) = ports_of(&sent);
        let told = error.error_over_v4(A4, B4, [(B4, from), (A4, to)], ETHERNET).unwrap();
        reads_as_it_is(&told)?;
        prop_assert!(told.wire_len() <= 576);
        prop_assert_eq!(&told.transport, &Transport::Icmp(IcmpMessage::DestinationUnreachable(Unreachable::Port)));
        let (quote, all) = (told.payload.to_bytes(), sent.encode());
        prop_assert_eq!(quote.len(), all.len().min(548));
        prop_assert_eq!(&quote[..], &all[..quote.len()]);
    }

    /// No quote makes it panic.
    #[test]
    fn any_quote(mut bytes in prop::collection::vec(any::<u8>(), 0..200), is_v6 in any::<bool>(), port in any::<u16>()) {
        if let Some(first) = bytes.first_mut() {
            *first = if is_v6 { 0x60 } else { 0x45 };
        }
        let payload = Rope::from(bytes);
        let message = Transport::Icmpv6(Icmpv6Message::PacketTooBig { mtu: u32::from(port) });
        let error = Packet::new(A6.into(), B6.into(), message, payload.clone()).unwrap();
        if let Some(told) = error.error_over_v4(A4, B4, [(B4, port), (A4, port)], ETHERNET) {
            told.encode();
        }
        let message = Transport::Icmp(IcmpMessage::FragmentationNeeded { next_hop_mtu: port });
        let error = Packet::new(B4.into(), A4.into(), message, payload).unwrap();
        if let Some(told) = error.error_over_v6(B6, A6, [(B6, port), (A6, port)], ETHERNET) {
            told.encode();
        }
    }
}

/// An error about a datagram, over the other family; type, code and the four bytes after the checksum.
fn told_over_v6(message: IcmpMessage, mtus: Mtus) -> Option<Icmpv6Message> {
    let quote = Packet::udp((A4, 1).into(), (B4, 2).into(), Rope::from(vec![1; 9])).unwrap().to_rope();
    let error = Packet::new(ROUTER4.into(), A4.into(), Transport::Icmp(message), quote).unwrap();
    match error.error_over_v6(ROUTER6, A6, [(A6, 1), (B6, 2)], mtus)?.transport {
        Transport::Icmpv6(message) => Some(message),
        other => panic!("{other:?}"),
    }
}

fn told_over_v4(message: Icmpv6Message, fragment: Option<Fragment>, mtus: Mtus) -> Option<IcmpMessage> {
    let mut quoted = Packet::udp((B6, 1).into(), (A6, 2).into(), Rope::from(vec![1; 9])).unwrap();
    if let IpHeader::V6(header) = &mut quoted.ip {
        header.extensions =
            fragment.map(|fragment| Box::new(Ipv6Extensions { headers: vec![], fragment: Some(fragment) }));
    }
    let error = Packet::new(ROUTER6.into(), B6.into(), Transport::Icmpv6(message), quoted.to_rope()).unwrap();
    match error.error_over_v4(A4, B4, [(B4, 1), (A4, 2)], mtus)?.transport {
        Transport::Icmp(message) => Some(message),
        other => panic!("{other:?}"),
    }
}

/// RFC 7915 §4.2, code by code.
#[test]
fn errors_of_icmp_over_ipv6() {
    use IcmpMessage as M;
    let unreachable = Icmpv6Message::DestinationUnreachable;
    for code in Unreachable::ALL {
        let expected = match *code as u8 {
            0 | 1 | 5 | 6 | 7 | 8 | 11 | 12 => Some(unreachable(Icmpv6Unreachable::NoRoute)),
            2 => Some(Icmpv6Message::ParameterProblem { code: Icmpv6ParameterProblem::NextHeader, pointer: 6 }),
            3 => Some(unreachable(Icmpv6Unreachable::Port)),
            9 | 10 | 13 | 15 => Some(unreachable(Icmpv6Unreachable::Prohibited)),
            14 => None,
            other => panic!("{other}"),
        };
        assert_eq!(told_over_v6(M::DestinationUnreachable(*code), ETHERNET), expected, "{code:?}");
    }
    for code in TimeExceeded::ALL {
        assert_eq!(told_over_v6(M::TimeExceeded(*code), ETHERNET), Some(Icmpv6Message::TimeExceeded(*code)));
    }
    // Figure 3; the others have no counterpart.
    let pointers = [(0, 0), (1, 1), (2, 4), (3, 4), (8, 7), (9, 6), (12, 8), (15, 8), (16, 24), (19, 24)];
    for pointer in 0..=30_u8 {
        let known = pointers.iter().find(|(from, _)| *from == pointer).map(|(_, to)| *to);
        let known = known.or_else(|| [13, 14].contains(&pointer).then_some(8));
        let known = known.or_else(|| [17, 18].contains(&pointer).then_some(24));
        let header_field = Icmpv6ParameterProblem::HeaderField;
        let expected = known.map(|pointer| Icmpv6Message::ParameterProblem { code: header_field, pointer });
        for code in [ParameterProblem::Pointer, ParameterProblem::Length] {
            assert_eq!(told_over_v6(M::ParameterProblem { code, pointer }, ETHERNET), expected, "{pointer}");
        }
        let missing = M::ParameterProblem { code: ParameterProblem::OptionMissing, pointer };
        assert_eq!(told_over_v6(missing, ETHERNET), None);
    }
    assert_eq!(told_over_v6(M::Redirect { code: Redirect::Host, gateway: ROUTER4 }, ETHERNET), None);
    assert_eq!(told_over_v6(M::Other { icmp_type: 4, code: 0, rest: [0; 4] }, ETHERNET), None, "source quench");
}

/// RFC 7915 §5.2, code by code.
#[test]
fn errors_of_icmpv6_over_ipv4() {
    use Icmpv6Message as M;
    let unreachable = |code| Some(IcmpMessage::DestinationUnreachable(code));
    for code in Icmpv6Unreachable::ALL {
        let expected = match *code as u8 {
            0 | 2 | 3 => unreachable(Unreachable::Host),
            1 => unreachable(Unreachable::HostProhibited),
            4 => unreachable(Unreachable::Port),
            _ => None,
        };
        assert_eq!(told_over_v4(M::DestinationUnreachable(*code), None, ETHERNET), expected, "{code:?}");
    }
    for code in TimeExceeded::ALL {
        assert_eq!(told_over_v4(M::TimeExceeded(*code), None, ETHERNET), Some(IcmpMessage::TimeExceeded(*code)));
    }
    // Figure 6.
    for pointer in 0..=45_u32 {
        let known = match pointer {
            0 => Some(0),
            1 => Some(1),
            4 | 5 => Some(2),
            6 => Some(9),
            7 => Some(8),
            8..=23 => Some(12),
            24..=39 => Some(16),
            _ => None,
        };
        let expected = known.map(|pointer| IcmpMessage::ParameterProblem { code: ParameterProblem::Pointer, pointer });
        let message = M::ParameterProblem { code: Icmpv6ParameterProblem::HeaderField, pointer };
        assert_eq!(told_over_v4(message, None, ETHERNET), expected, "{pointer}");
    }
    let next_header = M::ParameterProblem { code: Icmpv6ParameterProblem::NextHeader, pointer: 6 };
    assert_eq!(told_over_v4(next_header, None, ETHERNET), unreachable(Unreachable::Protocol));
    let option = M::ParameterProblem { code: Icmpv6ParameterProblem::Option, pointer: 40 };
    assert_eq!(told_over_v4(option, None, ETHERNET), None);
}

/// RFC 7915 §4.2: at least 1280, at most what is told + 20, the next IPv6 link and the IPv4 link + 20. §5.2: at most what is told − 20 (− 28
/// if the packet had a fragment header), the IPv4 link, and the IPv6 link − 20.
#[test]
fn mtus_are_those_of_the_other_family() {
    for (told, v4, v6, expected) in
        [(1400, 1500, 9000, 1420), (1500, 1500, 1500, 1500), (1480, 1400, 9000, 1420), (1000, 1500, 1500, 1280)]
    {
        let message = IcmpMessage::FragmentationNeeded { next_hop_mtu: told };
        assert_eq!(told_over_v6(message, Mtus { v4, v6 }), Some(Icmpv6Message::PacketTooBig { mtu: expected }));
    }
    for (told, v4, v6, expected) in
        [(1300, 1500, 1500, 1280), (9000, 1500, 9000, 1500), (9000, 9000, 1500, 1480), (1500, 1400, 9000, 1400)]
    {
        let message = Icmpv6Message::PacketTooBig { mtu: told };
        let expected = |less: u16| Some(IcmpMessage::FragmentationNeeded { next_hop_mtu: expected - less });
        assert_eq!(told_over_v4(message, None, Mtus { v4, v6 }), expected(0));
        if told == 1300 {
            let part = Fragment { offset: 0, more: true, identification: 7 };
            assert_eq!(told_over_v4(message, Some(part), Mtus { v4, v6 }), expected(8));
        }
    }
}
