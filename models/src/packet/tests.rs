//! Properties that hold for every packet, and the rules of ICMP errors.

use super::*;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

pub(super) const V4_1: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
pub(super) const V4_2: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const V4_ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
pub(super) const V6_1: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
pub(super) const V6_2: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2));
const V6_ROUTER: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0xff, 0, 0, 0, 7));
const TOO_BIG: ErrorCause = ErrorCause::TooBig { mtu: 1400 };

pub(super) fn any_payload() -> impl Strategy<Value = Rope> {
    let bytes = prop::collection::vec(any::<u8>(), 0..60).prop_map(Rope::from);
    let fill = (any::<u32>(), any::<u64>(), 0_u64..1_500)
        .prop_map(|(key, offset, len)| Rope::fill(key, offset.min(u64::MAX - len), len));
    prop_oneof![
        bytes.clone(),
        fill.clone(),
        (bytes, fill).prop_map(|(mut bytes, fill)| {
            bytes.append(&fill);
            bytes
        })
    ]
}

fn any_ecn() -> impl Strategy<Value = Ecn> {
    any::<u8>().prop_map(Ecn::from_bits)
}

/// A whole packet's IPv4 header.
fn any_v4() -> impl Strategy<Value = Ipv4Header> {
    let options = prop::option::of(prop::collection::vec(any::<u8>(), 1..=40));
    (any::<(Ipv4Addr, Ipv4Addr, u16, bool, u8)>(), 0_u8..64, any_ecn(), options).prop_map(
        |((src, dst, identification, dont_fragment, ttl), dscp, ecn, options)| Ipv4Header {
            identification,
            dont_fragment,
            ttl,
            dscp,
            ecn,
            options: options.and_then(|options| Ipv4Options::new(&options)).map(Box::new),
            ..Ipv4Header::new(src, dst)
        },
    )
}

/// Extension headers without a fragment header; hop-by-hop options can only be the first.
fn any_extensions() -> impl Strategy<Value = Vec<ExtensionHeader>> {
    let header = |kinds: &'static [ExtensionKind]| {
        (prop::sample::select(kinds), 0_usize..4, any::<u8>()).prop_map(|(kind, blocks, filler)| {
            let mut body = vec![filler; 6 + 8 * blocks];
            // No segments left, in case it is a routing header.
            body[1] = 0;
            ExtensionHeader::new(kind, body).unwrap()
        })
    };
    const FIRST: &[ExtensionKind] = &[ExtensionKind::HopByHop, ExtensionKind::Routing];
    const LATER: &[ExtensionKind] = &[ExtensionKind::Routing, ExtensionKind::DestinationOptions];
    (prop::option::of(header(FIRST)), prop::collection::vec(header(LATER), 0..3))
        .prop_map(|(first, later)| first.into_iter().chain(later).collect())
}

/// A whole packet's IPv6 header; it may be an atomic fragment.
fn any_v6() -> impl Strategy<Value = Ipv6Header> {
    let atomic = any::<u32>().prop_map(|identification| Fragment { offset: 0, more: false, identification });
    let extensions = (any_extensions(), prop::option::of(atomic));
    (any::<(Ipv6Addr, Ipv6Addr, u8)>(), 0_u32..1 << 20, 0_u8..64, any_ecn(), extensions).prop_map(
        |((src, dst, hop_limit), flow_label, dscp, ecn, (headers, fragment))| {
            let some = !headers.is_empty() || fragment.is_some();
            Ipv6Header {
                flow_label,
                hop_limit,
                dscp,
                ecn,
                extensions: some.then(|| Box::new(Ipv6Extensions { headers, fragment })),
                ..Ipv6Header::new(src, dst)
            }
        },
    )
}

pub(super) fn any_udp() -> impl Strategy<Value = Transport> {
    any::<(u16, u16)>()
        .prop_map(|(source_port, destination_port)| Transport::Udp(UdpHeader { source_port, destination_port }))
}

fn any_icmp() -> impl Strategy<Value = Transport> {
    use IcmpMessage as M;
    prop_oneof![
        any::<(u16, u16)>().prop_map(|(identifier, sequence)| M::EchoRequest { identifier, sequence }),
        any::<(u16, u16)>().prop_map(|(identifier, sequence)| M::EchoReply { identifier, sequence }),
        prop::sample::select(Unreachable::ALL).prop_map(M::DestinationUnreachable),
        any::<u16>().prop_map(|next_hop_mtu| M::FragmentationNeeded { next_hop_mtu }),
        (prop::sample::select(Redirect::ALL), any::<Ipv4Addr>())
            .prop_map(|(code, gateway)| M::Redirect { code, gateway }),
        prop::sample::select(TimeExceeded::ALL).prop_map(M::TimeExceeded),
        (prop::sample::select(ParameterProblem::ALL), any::<u8>())
            .prop_map(|(code, pointer)| M::ParameterProblem { code, pointer }),
        (13_u8.., any::<(u8, [u8; 4])>()).prop_map(|(icmp_type, (code, rest))| M::Other { icmp_type, code, rest }),
        (prop::sample::select(vec![0, 3, 5, 8, 11, 12]), 16_u8.., any::<[u8; 4]>())
            .prop_map(|(icmp_type, code, rest)| M::Other { icmp_type, code, rest }),
    ]
    .prop_map(Transport::Icmp)
}

fn any_icmpv6() -> impl Strategy<Value = Transport> {
    use Icmpv6Message as M;
    prop_oneof![
        any::<(u16, u16)>().prop_map(|(identifier, sequence)| M::EchoRequest { identifier, sequence }),
        any::<(u16, u16)>().prop_map(|(identifier, sequence)| M::EchoReply { identifier, sequence }),
        prop::sample::select(Icmpv6Unreachable::ALL).prop_map(M::DestinationUnreachable),
        any::<u32>().prop_map(|mtu| M::PacketTooBig { mtu }),
        prop::sample::select(TimeExceeded::ALL).prop_map(M::TimeExceeded),
        (prop::sample::select(Icmpv6ParameterProblem::ALL), any::<u32>())
            .prop_map(|(code, pointer)| M::ParameterProblem { code, pointer }),
        (130_u8.., any::<(u8, [u8; 4])>()).prop_map(|(icmp_type, (code, rest))| M::Other { icmp_type, code, rest }),
        (prop::sample::select(vec![1, 3, 4, 128, 129]), 7_u8.., any::<[u8; 4]>())
            .prop_map(|(icmp_type, code, rest)| M::Other { icmp_type, code, rest }),
    ]
    .prop_map(Transport::Icmpv6)
}

/// IGMP, no next header, SCTP, and a number for experiments (RFC 3692).
fn any_other() -> impl Strategy<Value = Transport> {
    prop::sample::select(vec![2, protocol::NO_NEXT_HEADER, 132, 253]).prop_map(|protocol| Transport::Other { protocol })
}

/// A whole packet with a typed transport, all of whose transport is under a checksum.
fn any_checked_packet() -> impl Strategy<Value = Packet> {
    let tcp = || tests_tcp::any_header().prop_map(|header| Transport::Tcp(header.fitted()));
    let v4 = (any_v4().prop_map(IpHeader::V4), prop_oneof![any_udp(), any_icmp(), tcp()]);
    let v6 = (any_v6().prop_map(IpHeader::V6), prop_oneof![any_udp(), any_icmpv6(), tcp()]);
    (prop_oneof![v4, v6], any_payload(), any::<u64>()).prop_map(|((ip, transport), payload, packet_id)| Packet {
        ip,
        transport,
        payload,
        provenance: Provenance { packet_id, ..Provenance::default() },
        lost: None,
    })
}

fn any_fragment() -> impl Strategy<Value = Packet> {
    let fields = (0_u16..1 << 13, any::<bool>(), any::<u32>())
        .prop_map(|(offset, more, identification)| Fragment { offset, more, identification })
        .prop_filter("a fragment is a part", Fragment::is_part);
    let v4 = (any_v4(), fields.clone()).prop_map(|(header, fragment)| {
        IpHeader::V4(Ipv4Header { fragment_offset: fragment.offset, more_fragments: fragment.more, ..header })
    });
    let v6 = (any_v6(), any_extensions(), fields).prop_map(|(header, headers, fragment)| {
        let extensions = Some(Box::new(Ipv6Extensions { headers, fragment: Some(fragment) }));
        IpHeader::V6(Ipv6Header { extensions, ..header })
    });
    let protocols = prop::sample::select(vec![protocol::UDP, protocol::TCP, protocol::ICMP, protocol::ICMPV6]);
    (prop_oneof![v4, v6], protocols, any_payload()).prop_map(|(ip, protocol, payload)| Packet {
        ip,
        transport: Transport::Other { protocol },
        payload,
        provenance: Provenance::default(),
        lost: None,
    })
}

pub(super) fn any_packet() -> impl Strategy<Value = Packet> {
    let other =
        (prop_oneof![any_v4().prop_map(IpHeader::V4), any_v6().prop_map(IpHeader::V6)], any_other(), any_payload())
            .prop_map(|(ip, transport, payload)| Packet {
                ip,
                transport,
                payload,
                provenance: Provenance::default(),
                lost: None,
            });
    prop_oneof![4 => any_checked_packet(), 1 => any_fragment(), 1 => other]
}

/// The packet as it comes off a wire: payload in real bytes, no provenance.
pub(super) fn off_the_wire(packet: &Packet) -> Packet {
    Packet { payload: Rope::from(packet.payload.to_bytes()), provenance: Provenance::default(), ..packet.clone() }
}

/// True if a flip of bit `mask` of byte `at` may go unnoticed.
///
/// Real networks do not notice these either, but for the link's own frame check sequence:
/// - both: the version bit that makes 4 of 6 and 6 of 4 (the EtherType contradicts it);
/// - IPv6: traffic class, flow label, next header and hop limit; everything in extension headers;
///   the payload length of ICMPv6, where a shorter message may have the right sum by chance;
/// - UDP: the length, for the same reason; over IPv4, a flip that makes the checksum zero.
fn may_go_unnoticed(packet: &Packet, bytes: &[u8], at: usize, mask: u8) -> bool {
    let transport_at = packet.ip.wire_len() as usize;
    let is_udp = matches!(packet.transport, Transport::Udp(_));
    let in_ip = match packet.ip {
        IpHeader::V4(_) => at == 0 && mask == 0x20,
        IpHeader::V6(_) => {
            (at == 0 && mask & 0x2f != 0)
                || matches!(at, 1..=3 | 6 | 7)
                || (40..transport_at).contains(&at)
                || (matches!(at, 4 | 5) && !is_udp)
        }
    };
    let checksum_cleared = || {
        let checksum_at = transport_at + 6;
        matches!(packet.ip, IpHeader::V4(_))
            && (checksum_at..checksum_at + 2).contains(&at)
            && bytes[checksum_at..checksum_at + 2] == [0, 0]
    };
    let in_udp = is_udp && ((transport_at + 4..transport_at + 6).contains(&at) || checksum_cleared());
    in_ip || in_udp
}

#[test]
fn a_packet_fits_in_three_cache_lines() {
    assert!(size_of::<Packet>() <= 192, "{} bytes", size_of::<Packet>());
}

proptest! {
    #[test]
    fn decoding_an_encoded_packet_gives_it_back(packet in any_packet()) {
        let bytes = packet.encode();
        prop_assert_eq!(bytes.len() as u64, packet.wire_len());
        prop_assert_eq!(Packet::decode(&bytes), Ok(off_the_wire(&packet)));
    }

    #[test]
    fn a_router_reads_and_forwards_the_same_bytes(packet in any_packet()) {
        let bytes = packet.encode();
        prop_assert_eq!(Packet::decode_network(&bytes).unwrap().encode(), bytes);
    }

    #[test]
    fn padding_after_a_packet_is_ignored(packet in any_packet(), padding in prop::collection::vec(any::<u8>(), 1..46)) {
        let mut bytes = packet.encode();
        bytes.extend(padding);
        prop_assert_eq!(Packet::decode(&bytes), Ok(off_the_wire(&packet)));
    }

    #[test]
    fn a_packet_cut_anywhere_is_truncated(packet in any_packet(), cut in any::<prop::sample::Index>()) {
        let bytes = packet.encode();
        let have = cut.index(bytes.len());
        let error = Packet::decode(&bytes[..have]).unwrap_err();
        prop_assert!(matches!(error, DecodeError::Truncated { .. }), "{error}");
    }

    #[test]
    fn a_snapped_packet_is_the_start_of_the_whole(packet in any_packet(), snap_len in 0_u64..2_000) {
        let whole = packet.encode();
        prop_assert_eq!(packet.encode_snapped(snap_len), &whole[..whole.len().min(snap_len as usize)]);
    }

    #[test]
    fn the_rope_of_a_packet_has_its_bytes(packet in any_packet()) {
        let bytes = packet.encode();
        prop_assert_eq!(packet.to_rope().to_bytes(), &bytes);
        prop_assert_eq!(packet.transport_rope().to_bytes(), &bytes[packet.ip.wire_len() as usize..]);
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Packet::decode(&bytes);
    }

    #[test]
    fn mutated_packets_do_not_panic(
        packet in any_packet(), edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        length in any::<prop::sample::Index>(),
    ) {
        let mut bytes = packet.encode();
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        for bytes in [&bytes[..], &bytes[..length.index(bytes.len())]] {
            // What is still a packet can be read, asked and written like any other.
            if let Ok(packet) = Packet::decode(bytes) {
                prop_assert_eq!(packet.encode().len() as u64, packet.wire_len());
                let _ = packet.quoted();
                let _ = packet.icmp_error(TOO_BIG, V4_ROUTER).map(|error| error.encode());
            }
        }
    }

    #[test]
    fn a_flipped_bit_is_noticed(packet in any_checked_packet(), at in any::<prop::sample::Index>(), bit in 0_u32..8) {
        let mut bytes = packet.encode();
        let (at, mask) = (at.index(bytes.len()), 1 << bit);
        bytes[at] ^= mask;
        prop_assert!(Packet::decode(&bytes).is_err() || may_go_unnoticed(&packet, &bytes, at, mask));
    }

    #[test]
    fn an_icmp_error_reads_back_and_names_the_packet(packet in any_checked_packet(), mtu in 68_u32..65_536) {
        let reporter = if packet.src().is_ipv4() { V4_ROUTER } else { V6_ROUTER };
        let Some(error) = packet.icmp_error(ErrorCause::TooBig { mtu }, reporter) else { return Ok(()) };
        let limit = if packet.src().is_ipv4() { 576 } else { 1280 };
        prop_assert!(error.wire_len() <= limit);
        let read = Packet::decode(&error.encode()).unwrap();
        let quoted = read.quoted().unwrap().unwrap();
        prop_assert_eq!(quoted.ip, packet.ip.clone());
        prop_assert_eq!(quoted.wire_len, packet.wire_len());
        prop_assert_eq!(quoted.ports, packet.ports());
        let sequence = match &packet.transport {
            Transport::Tcp(header) => Some(header.sequence),
            _ => None,
        };
        prop_assert_eq!(quoted.sequence, sequence);
        prop_assert_eq!(quoted.protocol, packet.transport.protocol());
    }
}

/// A datagram from the first to the second address.
pub(super) fn datagram(src: IpAddr, dst: IpAddr) -> Packet {
    Packet::udp(SocketAddr::new(src, 1000), SocketAddr::new(dst, 2000), Rope::fill(1, 0, 1472)).unwrap()
}

#[test]
fn every_bit_flip_in_a_small_packet_is_noticed_or_listed() {
    // The same rule as in the property, for all bits of one packet of each kind, with the default
    // fields: of 31 bytes over IPv4, only a few bits may go unnoticed.
    for (src, dst) in [(V4_1, V4_2), (V6_1, V6_2)] {
        let packet =
            Packet::udp(SocketAddr::new(src, 1234), SocketAddr::new(dst, 5678), Rope::from(b"abc".to_vec())).unwrap();
        for at in 0..packet.wire_len() as usize {
            for bit in 0..8 {
                let mut bytes = packet.encode();
                bytes[at] ^= 1 << bit;
                let noticed = Packet::decode(&bytes).is_err();
                assert!(noticed || may_go_unnoticed(&packet, &bytes, at, 1 << bit), "byte {at} bit {bit}");
            }
        }
    }
}

#[test]
fn a_udp_checksum_of_zero_is_none_over_ipv4_and_an_error_over_ipv6() {
    for (src, dst, expected) in [(V4_1, V4_2, Ok(())), (V6_1, V6_2, Err(DecodeError::MissingChecksum))] {
        let packet = datagram(src, dst);
        let mut bytes = packet.encode();
        let checksum_at = packet.ip.wire_len() as usize + 6;
        bytes[checksum_at..checksum_at + 2].fill(0);
        assert_eq!(Packet::decode(&bytes).map(|_| ()), expected);
    }
}

#[test]
fn a_computed_udp_checksum_of_zero_is_sent_as_all_ones() {
    // Two more bytes that hold the checksum of the rest make the sum ffff and the checksum 0, by the
    // definition of the checksum.
    let with = |word: u16| {
        let payload = Rope::from(word.to_be_bytes().to_vec());
        Packet::udp(SocketAddr::new(V4_1, 1), SocketAddr::new(V4_2, 2), payload).unwrap().encode()
    };
    let checksum_of_zero = u16::from_be_bytes([with(0)[26], with(0)[27]]);
    let bytes = with(checksum_of_zero);
    assert_eq!(bytes[26..28], [0xff, 0xff]);
    assert!(Packet::decode(&bytes).is_ok());
}

#[test]
fn bytes_beyond_the_udp_length_are_no_part_of_the_datagram() {
    // An IPv4 packet of 33 bytes whose UDP datagram is 11 long: 2 bytes too many.
    let inner = Packet::udp(SocketAddr::new(V4_1, 1), SocketAddr::new(V4_2, 2), Rope::from(b"abc".to_vec())).unwrap();
    let mut payload = inner.transport_rope();
    payload.append(&Rope::from(b"xy".to_vec()));
    let outer = Packet { transport: Transport::Other { protocol: protocol::UDP }, payload, ..inner.clone() };
    assert_eq!(outer.wire_len(), 33);
    assert_eq!(Packet::decode(&outer.encode()), Ok(inner));
}

#[test]
fn a_udp_length_beyond_the_packet_is_an_error() {
    let inner = datagram(V4_1, V4_2);
    let payload = inner.transport_rope().slice(0, 1000);
    let outer = Packet { transport: Transport::Other { protocol: protocol::UDP }, payload, ..inner };
    assert_eq!(Packet::decode(&outer.encode()), Err(DecodeError::Length { layer: Layer::Udp, found: 1480 }));
}

#[test]
fn a_routing_header_with_stops_left_is_refused() {
    let mut packet = datagram(V6_1, V6_2);
    let IpHeader::V6(header) = &mut packet.ip else { panic!("an IPv6 packet") };
    // Routing type 0, 2 segments left (RFC 8200 §4.4).
    let routing = ExtensionHeader::new(ExtensionKind::Routing, vec![0, 2, 0, 0, 0, 0]).unwrap();
    header.extensions = Some(Box::new(Ipv6Extensions { headers: vec![routing], fragment: None }));
    assert_eq!(Packet::decode(&packet.encode()), Err(DecodeError::RoutingHeader { segments_left: 2 }));
}

#[test]
fn udp_takes_what_the_length_fields_can_say_and_no_more() {
    // RFC 768 and 791: 65535 - 20 - 8; RFC 8200: 65535 - 8, the fixed header does not count.
    for (src, dst, most) in [(V4_1, V4_2, 65_507), (V6_1, V6_2, 65_527)] {
        let build = |len| Packet::udp(SocketAddr::new(src, 1), SocketAddr::new(dst, 2), Rope::fill(1, 0, len));
        let bytes = build(most).unwrap().encode();
        assert_eq!(Packet::decode(&bytes).unwrap().payload.len(), most);
        assert_eq!(build(most + 1), Err(BuildError::TooLarge(most + 1)));
        assert_eq!(build(u64::MAX), Err(BuildError::TooLarge(u64::MAX)));
    }
    let mixed = Packet::udp(SocketAddr::new(V4_1, 1), SocketAddr::new(V6_2, 2), Rope::new());
    assert_eq!(mixed, Err(BuildError::MixedFamilies { src: V4_1, dst: V6_2 }));
}

#[test]
fn the_last_hop_is_not_taken() {
    let mut packet = datagram(V4_1, V4_2);
    packet.ip.set_ttl(2);
    assert!(packet.decrement_ttl());
    assert!(!packet.decrement_ttl());
    assert_eq!(packet.ttl(), 1);
}

#[test]
fn congestion_marks_change_the_header_checksum() {
    // CE against not-ECT adds 3 to the first word of the header, so it takes 3 from the checksum.
    let mut packet = datagram(V4_1, V4_2);
    let checksum = |packet: &Packet| u16::from_be_bytes([packet.encode()[10], packet.encode()[11]]);
    let before = checksum(&packet);
    packet.ip.set_ecn(Ecn::Ce);
    assert_eq!(checksum(&packet), before - 3);
    assert_eq!(Packet::decode(&packet.encode()).unwrap().ip.ecn(), Ecn::Ce);
}

#[test]
fn an_icmp_error_quotes_up_to_576_bytes_over_ipv4_and_1280_over_ipv6() {
    // RFC 1812 §4.3.2.3 and RFC 4443 §2.4(c); the packet of 1500 bytes exceeds both.
    for (src, dst, router, len, mtu_at) in [(V4_1, V4_2, V4_ROUTER, 576, 26), (V6_1, V6_2, V6_ROUTER, 1280, 46)] {
        let packet = datagram(src, dst);
        let error = packet.icmp_error(TOO_BIG, router).unwrap();
        let bytes = error.encode();
        assert_eq!((error.src(), error.dst(), bytes.len()), (router, src, len));
        assert_eq!(u16::from_be_bytes([bytes[mtu_at], bytes[mtu_at + 1]]), 1400);
        let quote_at = error.ip.wire_len() as usize + 8;
        assert_eq!(bytes[quote_at..], packet.encode()[..len - quote_at]);
        let quoted = error.quoted().unwrap().unwrap();
        assert_eq!((quoted.wire_len, quoted.ports), (packet.wire_len(), Some((1000, 2000))));
    }
}

#[test]
fn no_error_is_reported_about_an_error() {
    for (src, dst, router) in [(V4_1, V4_2, V4_ROUTER), (V6_1, V6_2, V6_ROUTER)] {
        let error = datagram(src, dst).icmp_error(ErrorCause::NoRoute, router).unwrap();
        assert_eq!(error.icmp_error(ErrorCause::HopLimitExceeded, dst), None);
        // A router that forwards it has read its IP header only.
        let forwarded = Packet::decode_network(&error.encode()).unwrap();
        assert!(!forwarded.may_report_error(ErrorCause::HopLimitExceeded));
        let echo = Packet::echo(src, dst, Echo { is_reply: false, identifier: 1, sequence: 1 }, Rope::new()).unwrap();
        assert!(echo.may_report_error(ErrorCause::HopLimitExceeded));
        assert!(Packet::decode_network(&echo.encode()).unwrap().may_report_error(ErrorCause::HopLimitExceeded));
    }
}

#[test]
fn errors_about_packets_to_many_hosts_are_only_packet_too_big_over_ipv6() {
    // RFC 1122 §3.2.2; RFC 4443 §2.4(e.3).
    for dst in ["224.0.0.251", "255.255.255.255", "ff02::fb"] {
        let dst: IpAddr = dst.parse().unwrap();
        let packet = datagram(if dst.is_ipv4() { V4_1 } else { V6_1 }, dst);
        assert!(!packet.may_report_error(ErrorCause::PortUnreachable), "{dst}");
        assert_eq!(packet.may_report_error(TOO_BIG), dst.is_ipv6(), "{dst}");
    }
}

#[test]
fn no_error_is_sent_to_what_is_not_one_host() {
    // RFC 1122 §3.2.2, RFC 1812 §4.3.2.7, RFC 4443 §2.4(e.6).
    for src in ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::", "::1", "ff02::1"] {
        let src: IpAddr = src.parse().unwrap();
        let packet = datagram(src, if src.is_ipv4() { V4_2 } else { V6_2 });
        assert!(!packet.may_report_error(TOO_BIG), "{src}");
    }
}

#[test]
fn over_ipv4_only_the_first_fragment_is_reported() {
    let mut packet = datagram(V4_1, V4_2);
    for (fragment_offset, expected) in [(0, true), (185, false)] {
        let IpHeader::V4(header) = &mut packet.ip else { panic!("an IPv4 packet") };
        (header.fragment_offset, header.more_fragments) = (fragment_offset, true);
        assert_eq!(packet.may_report_error(ErrorCause::HopLimitExceeded), expected);
    }
}

#[test]
fn an_unknown_protocol_over_ipv6_points_to_the_field_that_names_it() {
    // RFC 8200 §3: the next header field is byte 6; with 16 bytes of hop-by-hop options it is the
    // first byte of those, at 40.
    let mut packet = datagram(V6_1, V6_2);
    let pointer = |packet: &Packet| match packet.icmp_error(ErrorCause::ProtocolUnreachable, V6_ROUTER) {
        Some(Packet { transport: Transport::Icmpv6(Icmpv6Message::ParameterProblem { pointer, .. }), .. }) => pointer,
        other => panic!("{other:?}"),
    };
    assert_eq!(pointer(&packet), 6);
    let options = ExtensionHeader::new(ExtensionKind::HopByHop, vec![0; 14]).unwrap();
    let mut extensions = Ipv6Extensions { headers: vec![options], fragment: None };
    let mut set = |extensions: &Ipv6Extensions| {
        let IpHeader::V6(header) = &mut packet.ip else { panic!("an IPv6 packet") };
        header.extensions = Some(Box::new(extensions.clone()));
        packet.clone()
    };
    assert_eq!(pointer(&set(&extensions)), 40);
    // A fragment header after them names it in its own first byte.
    extensions.fragment = Some(Fragment { offset: 0, more: false, identification: 1 });
    assert_eq!(pointer(&set(&extensions)), 56);
}
