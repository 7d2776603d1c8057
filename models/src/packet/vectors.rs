//! Packets whose bytes and checksums were worked out elsewhere: with scapy and Wireshark, or by
//! hand from the RFC.

use super::*;
use std::net::{Ipv4Addr, Ipv6Addr};

const V4_1: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const V4_2: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const V6_1: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
const V6_2: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2));

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

fn rope(bytes: &[u8]) -> Rope {
    Rope::from(bytes.to_vec())
}

#[test]
fn the_well_known_ipv4_header_has_checksum_b861() {
    // 4500 0073 0000 4000 4011 .... c0a8 0001 c0a8 00c7, the usual textbook example: b861.
    let src = SocketAddr::new(Ipv4Addr::new(192, 168, 0, 1).into(), 1);
    let dst = SocketAddr::new(Ipv4Addr::new(192, 168, 0, 199).into(), 2);
    // Total length 0x73 = 115 = 20 + 8 + 87.
    let bytes = Packet::udp(src, dst, Rope::fill(1, 0, 87)).unwrap().encode();
    assert_eq!(bytes[..20], hex("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7"));
}

#[test]
fn udp_abc_over_ipv4_has_checksum_9c71() {
    // scapy: IP(src='192.0.2.1',dst='192.0.2.2')/UDP(sport=1234,dport=5678)/'abc'.
    let packet = Packet::udp(SocketAddr::new(V4_1, 1234), SocketAddr::new(V4_2, 5678), rope(b"abc")).unwrap();
    assert_eq!(packet.encode()[20..], hex("04d2 162e 000b 9c71 616263"));
}

#[test]
fn udp_abc_over_ipv6_has_checksum_c500() {
    // scapy: IPv6(src='2001:db8::1',dst='2001:db8::2')/UDP(sport=1234,dport=5678)/'abc'.
    let packet = Packet::udp(SocketAddr::new(V6_1, 1234), SocketAddr::new(V6_2, 5678), rope(b"abc")).unwrap();
    let expected = "60000000 000b 11 40 20010db8000000000000000000000001 20010db8000000000000000000000002
                    04d2 162e 000b c500 616263";
    assert_eq!(packet.encode(), hex(expected));
}

#[test]
fn an_icmp_echo_request_has_checksum_6668() {
    // Words 0800 0001 0001 and "abcdefgh" = 6162 6364 6566 6768 sum to 1_9996, with the carry 9997,
    // whose complement is 6668.
    let echo = Echo { is_reply: false, identifier: 1, sequence: 1 };
    let packet = Packet::echo(V4_1, V4_2, echo, rope(b"abcdefgh")).unwrap();
    assert_eq!(packet.encode()[20..], hex("0800 6668 0001 0001 6162636465666768"));
}

#[test]
fn an_icmpv6_echo_request_has_checksum_92a8() {
    // scapy: IPv6(src='2001:db8::1',dst='2001:db8::2')/ICMPv6EchoRequest(id=1,seq=1,data='abcdefgh').
    let echo = Echo { is_reply: false, identifier: 1, sequence: 1 };
    let packet = Packet::echo(V6_1, V6_2, echo, rope(b"abcdefgh")).unwrap();
    assert_eq!(packet.encode()[40..], hex("8000 92a8 0001 0001 6162636465666768"));
}

#[test]
fn a_tcp_syn_passes_through_as_bytes() {
    // IP header and TCP header of a SYN that Wireshark calls correct.
    let bytes = hex("4500003c123440004006a484c0000201c0000202
                     c00000500102030400000000a002ffffffa40000020405b40402080a000000010000000001030307");
    let packet = Packet::decode(&bytes).unwrap();
    assert_eq!(packet.transport, Transport::Other { protocol: protocol::TCP });
    assert_eq!((packet.src(), packet.dst(), packet.ttl()), (V4_1, V4_2, 64));
    assert_eq!(packet.wire_len(), 60);
    assert_eq!(packet.encode(), bytes);
    // The checksum over pseudo-header and segment, its own included, is zero (RFC 9293 §3.1).
    let mut checksum = packet.ip.pseudo_header(protocol::TCP, 40);
    checksum.add_rope(&packet.payload);
    assert_eq!(checksum.finish(), 0);
}

/// Cuts `packet` into fragments whose payloads are at most `mtu` minus the header (RFC 791 §3.2, RFC
/// 8200 §4.5).
fn fragments(packet: &Packet, mtu: u64) -> Vec<Packet> {
    let whole = packet.transport_rope();
    let with = |fragment: Fragment| match packet.ip.clone() {
        IpHeader::V4(header) => IpHeader::V4(Ipv4Header {
            identification: fragment.identification as u16,
            fragment_offset: fragment.offset,
            more_fragments: fragment.more,
            dont_fragment: false,
            ..header
        }),
        IpHeader::V6(header) => IpHeader::V6(Ipv6Header {
            extensions: Some(Box::new(Ipv6Extensions { headers: vec![], fragment: Some(fragment) })),
            ..header
        }),
    };
    let header_len = with(Fragment { offset: 0, more: true, identification: 7 }).wire_len();
    let step = (mtu - header_len) / 8 * 8;
    (0..whole.len().div_ceil(step))
        .map(|i| Packet {
            ip: with(Fragment { offset: (i * step / 8) as u16, more: (i + 1) * step < whole.len(), identification: 7 }),
            transport: Transport::Other { protocol: packet.transport.protocol() },
            payload: whole.slice(i * step, step),
            provenance: packet.provenance,
            lost: None,
        })
        .collect()
}

/// Total length of each fragment, its offset field and whether more follow, as encoded and decoded.
fn fragment_fields(packet: &Packet, mtu: u64) -> Vec<(u64, u16, bool)> {
    let read = |part: &Packet| {
        let part = Packet::decode(&part.encode()).unwrap();
        let fragment = part.ip.fragment().unwrap();
        (part.wire_len(), fragment.offset, fragment.more)
    };
    fragments(packet, mtu).iter().map(read).collect()
}

#[test]
fn four_thousand_bytes_over_ipv4_are_three_fragments() {
    // 4008 bytes of UDP in parts of 1480: 1480, 1480, 1048; 1480 / 8 = 185.
    let packet = Packet::udp(SocketAddr::new(V4_1, 1), SocketAddr::new(V4_2, 2), Rope::fill(5, 0, 4000)).unwrap();
    assert_eq!(fragment_fields(&packet, 1500), [(1500, 0, true), (1500, 185, true), (1068, 370, false)]);
}

#[test]
fn four_thousand_bytes_over_ipv6_are_three_fragments() {
    // 4008 bytes of UDP in parts of 1448 (1500 - 40 - 8, a multiple of 8): 1448, 1448, 1112; payload
    // lengths 1456, 1456, 1120 are 40 less than the packets; 1448 / 8 = 181.
    let packet = Packet::udp(SocketAddr::new(V6_1, 1), SocketAddr::new(V6_2, 2), Rope::fill(5, 0, 4000)).unwrap();
    assert_eq!(fragment_fields(&packet, 1500), [(1496, 0, true), (1496, 181, true), (1160, 362, false)]);
}

#[test]
fn fragments_put_together_are_the_datagram_again() {
    for (src, dst) in [(V4_1, V4_2), (V6_1, V6_2)] {
        let whole = Packet::udp(SocketAddr::new(src, 1), SocketAddr::new(dst, 2), Rope::fill(5, 0, 4000)).unwrap();
        let mut payload = Rope::new();
        for part in fragments(&whole, 1500) {
            payload.append(&part.payload);
        }
        let transport = Transport::Other { protocol: protocol::UDP };
        let joined = Packet { transport, payload, ..whole.clone() };
        assert_eq!(joined.decode_transport().unwrap(), whole);
    }
}
