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

/// A segment without options from 192.0.2.1 port 49152 to 192.0.2.2 port 80, or back.
fn tcp(is_forth: bool, (sequence, acknowledgment): (u32, u32), flags: TcpFlags, window: u16) -> TcpHeader {
    let (source_port, destination_port) = if is_forth { (49_152, 80) } else { (80, 49_152) };
    TcpHeader {
        source_port,
        destination_port,
        sequence,
        acknowledgment,
        flags,
        window,
        urgent: 0,
        timestamps: None,
        options: None,
    }
}

fn stamps(value: u32, echo: u32) -> Option<Timestamps> {
    Some(Timestamps { value, echo })
}

/// Options of a SYN or SYN-ACK of Linux.
fn handshake(mss: u16) -> TcpOptions {
    TcpOptions { mss: Some(mss), window_scale: Some(7), sack_permitted: true, ..TcpOptions::default() }
}

/// Checks that the segment between these hosts has these bytes, and that they are read as it; Wireshark calls all checksums of
/// these tests correct.
fn is_segment(src: IpAddr, dst: IpAddr, header: TcpHeader, payload: &[u8], expected: &str) {
    let packet = Packet::tcp(src, dst, header, rope(payload)).unwrap();
    let bytes = packet.encode();
    assert_eq!(bytes[packet.ip.wire_len() as usize..], hex(expected));
    assert_eq!(Packet::decode(&bytes), Ok(packet));
}

const SYN_ACK: TcpFlags = TcpFlags::SYN.with(TcpFlags::ACK);

#[test]
fn a_tcp_syn_of_linux_has_checksum_ffa4() {
    // IP header and TCP header of a SYN that Wireshark calls correct. By hand: the pseudo-header c000 0201 c000 0202 0006
    // 0028 sums to 1_8431, the segment without its checksum to 2_7c26: together 4_0057, folded 005b.
    let bytes = hex("4500003c123440004006a484c0000201c0000202
                     c00000500102030400000000a002ffffffa40000020405b40402080a000000010000000001030307");
    let packet = Packet::decode(&bytes).unwrap();
    let options = Some(Box::new(handshake(1460)));
    let header = tcp(true, (0x0102_0304, 0), TcpFlags::SYN, 0xffff);
    let header = TcpHeader { timestamps: stamps(1, 0), options, ..header };
    assert_eq!(packet.transport, Transport::Tcp(header));
    assert_eq!((packet.src(), packet.dst(), packet.ttl(), packet.payload.len()), (V4_1, V4_2, 64, 0));
    assert_eq!(packet.wire_len(), 60);
    assert_eq!(packet.encode(), bytes);
}

#[test]
fn a_tcp_syn_over_ipv6_has_checksum_2b27() {
    // MSS 1500 - 60. Pseudo-header: 2001 0db8 0001 2001 0db8 0002 0006 0028 sum to 5ba3; segment 2_7933; together 2_d4d6,
    // folded d4d8.
    let options = Some(Box::new(handshake(1440)));
    let header = tcp(true, (0x0102_0304, 0), TcpFlags::SYN, 64_800);
    let header = TcpHeader { timestamps: stamps(1, 0), options, ..header };
    let expected = "c0000050 01020304 00000000 a002fd20 2b270000 020405a0 0402080a 00000001 00000000 01030307";
    is_segment(V6_1, V6_2, header, b"", expected);
}

#[test]
fn a_tcp_syn_ack_of_linux_has_checksum_eaf0() {
    // Pseudo-header as of the SYN: 1_8431; segment 2_90da; together 4_150b, folded 150f.
    let options = Some(Box::new(handshake(1460)));
    let header = tcp(false, (0x0a0b_0c0d, 0x0102_0305), SYN_ACK, 65_160);
    let header = TcpHeader { timestamps: stamps(2, 1), options, ..header };
    let expected = "0050c000 0a0b0c0d 01020305 a012fe88 eaf00000 020405b4 0402080a 00000002 00000001 01030307";
    is_segment(V4_2, V4_1, header, b"", expected);
}

#[test]
fn seven_bytes_of_tcp_with_timestamps_have_checksum_41cc() {
    // Pseudo-header with length 27 hex: 1_8430; segment, padded with a zero: 2_3a00; together 3_be30, folded be33.
    let header = tcp(true, (0x0102_0305, 0x0a0b_0c0e), TcpFlags::ACK.with(TcpFlags::PSH), 502);
    let header = TcpHeader { timestamps: stamps(3, 2), ..header };
    let expected = "c0000050 01020305 0a0b0c0e 801801f6 41cc0000 0101080a 00000003 00000002 474554202f0d0a";
    is_segment(V4_1, V4_2, header, b"GET /\r\n", expected);
}

#[test]
fn a_selective_acknowledgement_of_two_blocks_has_checksum_6113() {
    // RFC 2018 §3: the length is 2 + 8 n. Pseudo-header 1_843d; segment 2_1aac; together 3_9ee9, folded 9eec.
    let sack =
        vec![SackBlock { left: 0x0102_0d59, right: 0x0102_1301 }, SackBlock { left: 0x0102_1aa9, right: 0x0102_1fff }];
    let options = Some(Box::new(TcpOptions { sack, ..TcpOptions::default() }));
    let header = tcp(false, (0x0a0b_0c0e, 0x0102_0305), TcpFlags::ACK, 509);
    let header = TcpHeader { timestamps: stamps(4, 3), options, ..header };
    let expected = "0050c000 0a0b0c0e 01020305 d01001fd 61130000 0101080a 00000004 00000003
                    01010512 01020d59 01021301 01021aa9 01021fff";
    is_segment(V4_2, V4_1, header, b"", expected);
}

#[test]
fn a_reset_of_twenty_bytes_has_checksum_6775() {
    // RFC 9293 §3.5.2: sequence number zero where the segment had no ACK. Pseudo-header 1_841d; segment 1_146b; together
    // 2_9888, folded 988a.
    let header = tcp(false, (0, 0x0102_0305), TcpFlags::RST.with(TcpFlags::ACK), 0);
    is_segment(V4_2, V4_1, header, b"", "0050c000 00000000 01020305 50140000 67750000");
}

#[test]
fn a_fast_open_syn_with_data_has_checksum_37dc() {
    // RFC 7413 §4.1.1: kind 34, length 2 + 8. Pseudo-header 1_843f; segment 4_43df; together 5_c81e, folded c823.
    let cookie = hex("1122334455667788").into();
    let options = Some(Box::new(TcpOptions { fast_open: Some(cookie), ..handshake(1460) }));
    let header = tcp(true, (0x0102_0304, 0), TcpFlags::SYN, 64_240);
    let header = TcpHeader { timestamps: stamps(1, 0), options, ..header };
    let expected = "c0000050 01020304 00000000 d002faf0 37dc0000 020405b4 0402080a 00000001 00000000 01030307
                    220a1122 33445566 77880101 6869";
    is_segment(V4_1, V4_2, header, b"hi", expected);
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
