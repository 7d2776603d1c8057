//! IPHC and UDP in hexadecimal, worked out from RFC 6282 §3.1 and §4.3.
//!
//! The first byte is 011 TF(2) NH HLIM(2), the second one CID SAC SAM(2) M DAC DAM(2). So 7e is "no class, no label, next header
//! compressed, hop limit 64", 7a the same with the next header behind it, and 33 "both addresses from the frame".

use super::*;

const LOCAL: (&str, &str) = ("fe80::211:2233:4455:6677", "fe80::211:2233:4455:6688");

fn local() -> Header {
    Header::new(LOCAL.0, LOCAL.1)
}

/// The header with no payload, of protocol 59 (none follows).
fn empty(header: Header) -> Vec<u8> {
    header.around(59, &[])
}

#[test]
fn identifiers_come_from_link_addresses() {
    // RFC 6282 §3.2.2; RFC 4944 §6 has the bit of EUI-64s inverted; RFC 7668 §3.2.2, figures 4 and 5: no bit is changed.
    assert_eq!(Iid::from_short(0x1234).0, [0, 0, 0, 0xff, 0xfe, 0, 0x12, 0x34]);
    assert_eq!(Iid::from_extended(0x0011_2233_4455_6677).link_local(), ip(LOCAL.0));
    assert_eq!(Iid::from_extended(0x0211_2233_4455_6677).link_local(), ip("fe80::11:2233:4455:6677"));
    assert_eq!(Iid::from_bluetooth([2, 0x11, 0x22, 0x33, 0x44, 0x55]).link_local(), ip("fe80::211:22ff:fe33:4455"));
    assert_eq!(Iid::from(Address::Short(0xbeef)).link_local(), ip("fe80::ff:fe00:beef"));
    assert_eq!(Iid::of(ip("2001:db8::1:2:3:4")).0, [0, 1, 0, 2, 0, 3, 0, 4]);
}

#[test]
fn link_local_udp_with_ports_f0bx_takes_six_bytes() {
    // 7e 33; 11110 0 11 = f3; ports 1 and 2 in one byte; two of checksum.
    let datagram = local().udp_datagram((0xf0b1, 0xf0b2), b"hi");
    let head = head(&datagram, between_a_and_b(), &Contexts::default());
    assert_eq!(head[..4], hex("7e 33 f3 12"));
    assert_eq!(head[4..], datagram[46..48], "the checksum as it is");
    assert_eq!(head.len(), 6);
}

#[test]
fn global_addresses_of_context_one_take_ten_bytes() {
    // CID, both stateful, both from the frame: 1 1 11 0 1 11 = f7; contexts 1 and 1: 11; 11110 0 00 = f0 and both ports.
    let header = Header::new("2001:db8::211:2233:4455:6677", "2001:db8::211:2233:4455:6688");
    let datagram = header.udp_datagram((49_152, 5683), b"hi");
    let head = head(&datagram, between_a_and_b(), &contexts());
    assert_eq!(head[..8], hex("7e f7 11 f0 c0 00 16 33"));
    assert_eq!(head.len(), 10);
    // The same prefix as context 0 saves a byte: 0 1 11 0 1 11 = 77.
    let mut zero = Contexts::default();
    zero.set(0, Context::new(ip("2001:db8::"), 64));
    let head = super::head(&datagram, between_a_and_b(), &zero);
    assert_eq!(head[..7], hex("7e 77 f0 c0 00 16 33"));
    assert_eq!(head.len(), 9);
}

#[test]
fn global_addresses_without_a_context_take_41_bytes() {
    let header = Header::new("2001:db8::211:2233:4455:6677", "2001:db8::211:2233:4455:6688");
    let datagram = header.udp_datagram((49_152, 5683), b"hi");
    let head = head(&datagram, between_a_and_b(), &Contexts::default());
    assert_eq!(head[..2], hex("7e 00"));
    assert_eq!(head[2..34], datagram[8..40]);
    assert_eq!(head[34..39], hex("f0 c0 00 16 33"));
    assert_eq!(head.len(), 41);
}

#[test]
fn class_and_label_have_four_forms() {
    // DSCP 46 and ECN 1: class b9 = 101110 01, sent as 01 101110 = 6e. Label 0xabcde: 0a bc de.
    let cases = [
        (0xb9, 0xabcde, "62 33 6e 0a bc de 3b"),
        (0x02, 0xabcde, "6a 33 8a bc de 3b"),
        (0x00, 0xabcde, "6a 33 0a bc de 3b"),
        (0xb9, 0, "72 33 6e 3b"),
        // ECN alone and no label: one byte is shorter than three.
        (0x03, 0, "72 33 c0 3b"),
        (0, 0, "7a 33 3b"),
    ];
    for (class, flow, expected) in cases {
        let datagram = empty(Header { class, flow, ..local() });
        assert_eq!(head(&datagram, between_a_and_b(), &Contexts::default()), hex(expected), "{class:02x} {flow:05x}");
    }
}

#[test]
fn hop_limits_1_64_and_255_take_no_byte() {
    for (hop_limit, expected) in
        [(1, "79 33 3b"), (64, "7a 33 3b"), (255, "7b 33 3b"), (63, "78 33 3b 3f"), (0, "78 33 3b 00")]
    {
        let datagram = empty(Header { hop_limit, ..local() });
        assert_eq!(head(&datagram, between_a_and_b(), &Contexts::default()), hex(expected), "{hop_limit}");
    }
}

#[test]
fn unicast_addresses_take_the_shortest_mode() {
    // Source, and what the second byte and the rest are. The destination comes from the frame: DAM 11.
    let cases = [
        (LOCAL.0, "33"),
        // Of a short address that is not the frame's: SAM 10.
        ("fe80::ff:fe00:1234", "23 12 34"),
        // Any other identifier: SAM 01.
        ("fe80::1", "13 00 00 00 00 00 00 00 01"),
        // The unspecified address: SAC 1, SAM 00.
        ("::", "43"),
        // Bits between fe80 and the identifier: in full.
        ("fe80::1:0:0:0:1", "03 fe 80 00 00 00 00 00 01 00 00 00 00 00 00 00 01"),
        // Context 1: CID 1, SAC 1; contexts 1 and 0.
        ("2001:db8::211:2233:4455:6677", "f3 10"),
        ("2001:db8::ff:fe00:1234", "e3 10 12 34"),
        ("2001:db8::5", "d3 10 00 00 00 00 00 00 00 05"),
        // Not of the context.
        ("2001:db8:0:1::5", "03 20 01 0d b8 00 00 00 01 00 00 00 00 00 00 00 05"),
    ];
    for (source, expected) in cases {
        let found = head(&empty(Header::new(source, LOCAL.1)), between_a_and_b(), &contexts());
        let (first, rest) = (found[0], &found[1..]);
        assert_eq!(first, 0x7a);
        let expected = hex(expected);
        // The context byte comes before the next header, the addresses behind it.
        let context = usize::from(expected[0] >> 7);
        assert_eq!(rest[..=context], expected[..=context], "{source}");
        assert_eq!(rest[context + 1], 59);
        assert_eq!(rest[context + 2..], expected[context + 1..], "{source}");
    }
}

#[test]
fn short_addresses_of_the_frame_take_nothing() {
    let ends = Ends::of_frame(Address::Short(1), Address::Short(2));
    let header = Header::new("fe80::ff:fe00:1", "fe80::ff:fe00:2");
    assert_eq!(head(&empty(header), ends, &Contexts::default()), hex("7a 33 3b"));
    // Who has no link address sends them in 16 bits, and nobody reads what needs one.
    let found = head(&empty(header), Ends::default(), &Contexts::default());
    assert_eq!(found, hex("7a 22 3b 00 01 00 02"));
    assert_eq!(back(&hex("7a 33 3b"), Ends::default(), &Contexts::default()), Err(LowpanError::NoIid));
}

#[test]
fn destinations_have_the_same_modes_but_for_the_unspecified_one() {
    let cases = [
        ("fe80::ff:fe00:1234", "32", "12 34"),
        ("fe80::1", "31", "00 00 00 00 00 00 00 01"),
        ("::", "30", "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"),
    ];
    for (destination, modes, inline) in cases {
        let found = head(&empty(Header::new(LOCAL.0, destination)), between_a_and_b(), &Contexts::default());
        assert_eq!(found, [hex("7a"), hex(modes), hex("3b"), hex(inline)].concat(), "{destination}");
    }
}

#[test]
fn multicast_destinations_take_one_four_six_or_sixteen_bytes() {
    // M 1: 08 in the second byte.
    let cases = [
        ("ff02::1", "3b", "01"),
        ("ff02::1a", "3b", "1a"),
        ("ff05::1:3", "3a", "05 01 00 03"),
        ("ff02::1:2", "3a", "02 01 00 02"),
        // ff02::1:ffXX:XXXX, solicited nodes: flags, and the last five bytes.
        ("ff02::1:ff00:1234", "39", "02 01 ff 00 12 34"),
        ("ff0e::80:1:2", "39", "0e 80 00 01 00 02"),
        ("ff02::1:0:0:0:1", "38", "ff 02 00 00 00 00 00 01 00 00 00 00 00 00 00 01"),
    ];
    for (destination, modes, inline) in cases {
        let found = head(&empty(Header::new(LOCAL.0, destination)), between_a_and_b(), &Contexts::default());
        assert_eq!(found, [hex("7a"), hex(modes), hex("3b"), hex(inline)].concat(), "{destination}");
    }
}

#[test]
fn multicast_of_a_prefix_takes_six_bytes_with_its_context() {
    // RFC 3306 §4: ff35:0030:2001:db8:1::/96 is of the 48-bit prefix 2001:db8:1::, 0x30 = 48. Inline: 35, 00, and the group. CID, SAC 0, SAM
    // 11, M, DAC, DAM 00: 1 0 11 1 1 00 = bc; contexts 0 and 2: 02.
    let mut contexts = contexts();
    contexts.set(2, Context::new(ip("2001:db8:1::"), 48));
    let found = head(&empty(Header::new(LOCAL.0, "ff35:30:2001:db8:1:0:1234:5678")), between_a_and_b(), &contexts);
    assert_eq!(found, hex("7a bc 02 3b 35 00 12 34 56 78"));
    // RFC 3956 §4: the byte before the length has the rendezvous point's identifier, here 9.
    let found = head(&empty(Header::new(LOCAL.0, "ff75:930:2001:db8:1:0:1234:5678")), between_a_and_b(), &contexts);
    assert_eq!(found, hex("7a bc 02 3b 75 09 12 34 56 78"));
    // Of a longer prefix 64 bits are used, 0x40, as Wireshark has it, too.
    let mut long = Contexts::default();
    long.set(2, Context::new(ip("2001:db8:1:2:3::"), 80));
    let found = head(&empty(Header::new(LOCAL.0, "ff35:40:2001:db8:1:2:1234:5678")), between_a_and_b(), &long);
    assert_eq!(found, hex("7a bc 02 3b 35 00 12 34 56 78"));
    // Another length is another address.
    let found = head(&empty(Header::new(LOCAL.0, "ff35:40:2001:db8:1:0:1234:5678")), between_a_and_b(), &contexts);
    assert_eq!(found.len(), 3 + 16);
}

#[test]
fn contexts_longer_than_64_bits_cover_bits_of_the_identifier() {
    // 2001:db8::ff:fe00:0/112, 16 bits left: SAM 11 with the frame's short address; the context's bits are always used.
    let mut contexts = Contexts::default();
    contexts.set(3, Context::new(ip("2001:db8::aa:bb:cc:0"), 112));
    let ends = Ends::of_frame(Address::Short(0x1234), Address::Short(2));
    let found = head(&empty(Header::new("2001:db8::aa:bb:cc:1234", "fe80::ff:fe00:2")), ends, &contexts);
    assert_eq!(found, hex("7a f3 30 3b"));
    // A context of the whole address: nothing is sent, whatever the frame has.
    contexts.set(0, Context::new(ip("2001:db8::5"), 128));
    assert_eq!(head(&empty(Header::new("2001:db8::5", "fe80::ff:fe00:2")), ends, &contexts), hex("7a 73 3b"));
    // Bits between a short prefix and the identifier are zero: a /32 does for 2001:db8:0:0, not for 2001:db8:0:1.
    let mut contexts = Contexts::default();
    contexts.set(0, Context::new(ip("2001:db8:ffff::"), 32));
    assert_eq!(contexts.get(0).map(Context::prefix), Some(ip("2001:db8::")));
    assert_eq!(
        head(&empty(Header::new("2001:db8::ff:fe00:1234", "fe80::ff:fe00:2")), ends, &contexts),
        hex("7a 73 3b")
    );
    assert_eq!(head(&empty(Header::new("2001:db8:0:1:0:ff:fe00:1234", "fe80::ff:fe00:2")), ends, &contexts).len(), 19);
}

#[test]
fn a_context_byte_is_spent_only_where_it_saves_more() {
    // Link-local already takes nothing; a context fe80::/64 with number 5 must not be used.
    let mut contexts = Contexts::default();
    contexts.set(5, Context::new(ip("fe80::"), 64));
    assert_eq!(head(&empty(local()), between_a_and_b(), &contexts), hex("7a 33 3b"));
    // Contexts that are only read are not used.
    let mut context = Context::new(ip("2001:db8::"), 64).unwrap();
    context.compresses = false;
    let mut old = Contexts::default();
    old.set(1, Some(context));
    let datagram = empty(Header::new("2001:db8::211:2233:4455:6677", LOCAL.1));
    assert_eq!(head(&datagram, between_a_and_b(), &old)[1], 0x03);
    assert_eq!(back(&hex("7a f3 10 3b"), between_a_and_b(), &old), Ok(datagram));
}

#[test]
fn udp_ports_have_four_forms() {
    let cases = [
        ((1000, 2000), "f0 03 e8 07 d0"),
        ((1000, 0xf012), "f1 03 e8 12"),
        ((0xf034, 2000), "f2 34 07 d0"),
        ((0xf0b3, 0xf0bc), "f3 3c"),
        // One of them is no F0Bx: three bytes, by the first form that fits.
        ((0xf0b3, 0xf0c0), "f1 f0 b3 c0"),
        ((0xf0c0, 0xf0b3), "f1 f0 c0 b3"),
    ];
    for (ports, expected) in cases {
        let found = head(&local().udp_datagram(ports, b"hi"), between_a_and_b(), &Contexts::default());
        let expected = hex(expected);
        assert_eq!(found[2..2 + expected.len()], expected, "{ports:04x?}");
        assert_eq!(found.len(), 2 + expected.len() + 2);
    }
}

#[test]
fn a_checksum_that_was_left_out_is_computed() {
    // C 1: f4 for f0. scapy: IPv6(src='2001:db8::1',dst='2001:db8::2')/UDP(sport=1234,dport=5678)/'abc' has checksum c500.
    let header = Header::new("2001:db8::1", "2001:db8::2");
    let datagram = header.udp_datagram((1234, 5678), b"abc");
    assert_eq!(datagram[46..48], hex("c5 00"));
    let elide = CompressOptions { elides_udp_checksum: true };
    let content = there_and_back(&datagram, between_a_and_b(), &Contexts::default(), elide);
    assert_eq!(content[34..], hex("f4 04 d2 16 2e 61 62 63"));
    // A wrong one is sent: left out, it would be right.
    let mut wrong = datagram;
    wrong[47] = 1;
    let content = there_and_back(&wrong, between_a_and_b(), &Contexts::default(), elide);
    assert_eq!(content[34..], hex("f0 04 d2 16 2e c5 01 61 62 63"));
    // One of ffff stands for zero, and is found so. These two bytes make the sum so.
    let at_ffff = (0..=0xffff_u16)
        .map(|word| header.udp_datagram((1234, 5678), &word.to_be_bytes()))
        .find(|it| it[46..48] == [0xff, 0xff]);
    let content = there_and_back(&at_ffff.expect("a payload"), between_a_and_b(), &Contexts::default(), elide);
    assert_eq!(content.len(), 34 + 5 + 2);
}

#[test]
fn a_udp_length_that_is_not_the_datagrams_is_sent() {
    let mut datagram = local().udp_datagram((0xf0b1, 0xf0b2), b"hi");
    datagram[45] = 9;
    assert_eq!(head(&datagram, between_a_and_b(), &Contexts::default()), hex("7a 33 11"));
}

#[test]
fn other_transports_follow_as_they_are() {
    // ICMPv6 from the unspecified address to all routers, as a node does that starts: hop limit 255, SAC 1, SAM 00, M 1, DAM 11 = 4b.
    let solicitation = Header { hop_limit: 255, ..Header::new("::", "ff02::2") };
    let datagram = solicitation.around(58, &hex("85 00 7b b8 00 00 00 00"));
    let content = there_and_back(&datagram, between_a_and_b(), &Contexts::default(), CompressOptions::default());
    assert_eq!(content, hex("7b 4b 3a 02 85 00 7b b8 00 00 00 00"));
}

#[test]
fn what_is_no_datagram_is_not_compressed() {
    let try_it = |bytes: &[u8]| {
        compress(&rope(bytes), Ends::default(), &Contexts::default(), CompressOptions::default(), 100)
            .map(|it| it.head.len())
    };
    let datagram = local().udp_datagram((1, 2), b"hi");
    assert_eq!(try_it(&datagram[..39]), Err(CompressError::NotIpv6));
    assert_eq!(try_it(&[0x45; 60]), Err(CompressError::NotIpv6));
    assert_eq!(try_it(&datagram[..49]), Err(CompressError::Length { field: 10, found: 9 }));
    assert_eq!(try_it(&datagram), Ok(2 + 16 + 7));
}

#[test]
fn what_has_no_room_stays_as_it_is_from_the_end_on() {
    let datagram = local().udp_datagram((1, 2), b"hi");
    let within =
        |room| compress(&rope(&datagram), between_a_and_b(), &Contexts::default(), CompressOptions::default(), room);
    // 2 + 7, or 3 with the number of UDP and 40 bytes covered.
    assert_eq!(within(9).map(|it| (it.head.len(), it.covered)), Ok((9, 48)));
    assert_eq!(within(8), Ok(Compressed { head: hex("7a 33 11"), covered: 40 }));
    assert_eq!(within(2), Err(CompressError::NoRoom { need: 3, room: 2 }));
}

#[test]
fn what_cannot_be_read_says_why() {
    let ends = between_a_and_b();
    let cases = [
        ("", LowpanError::Truncated { need: 1, have: 0 }),
        ("3f", LowpanError::NotLowpan(0x3f)),
        ("42 00", LowpanError::Dispatch(0x42)),
        ("40 00", LowpanError::Dispatch(0x40)),
        ("ff", LowpanError::Dispatch(0xff)),
        ("7a", LowpanError::Truncated { need: 2, have: 1 }),
        ("7a 33", LowpanError::Truncated { need: 3, have: 2 }),
        ("7a 13 3b 00 01", LowpanError::Truncated { need: 11, have: 5 }),
        // SAC without CID: context 0.
        ("7a 73 3b", LowpanError::UnknownContext(0)),
        ("7a b7 0c 3b", LowpanError::UnknownContext(12)),
        // DAC 1 and DAM 00 without M; with M, any other DAM.
        ("7a 34 3b", LowpanError::ReservedMode(0x34)),
        ("7a bd 01 3b", LowpanError::ReservedMode(0xbd)),
        // NH 1 and no known compression: 0xxxxxxx; reserved headers 5 and 6: 1110 101x.
        ("7e 33 00", LowpanError::NextHeader(0)),
        ("7e 33 ea", LowpanError::NextHeader(0xea)),
        ("7e 33 ec", LowpanError::NextHeader(0xec)),
        ("7e 33 f8", LowpanError::NextHeader(0xf8)),
        ("7e 33 f3 12 00", LowpanError::Truncated { need: 6, have: 5 }),
        // A routing header of seven bytes.
        ("7e 33 e2 3b 05 00 00 00 00 00", LowpanError::ExtensionLength(7)),
        // IPv6 in IPv6 that is no IPHC.
        ("7e 33 ee 41 00", LowpanError::Dispatch(0x41)),
    ];
    for (content, error) in cases {
        assert_eq!(back(&hex(content), ends, &Contexts::default()), Err(error), "{content}");
    }
}

#[test]
fn an_uncompressed_datagram_follows_its_dispatch() {
    let datagram = local().udp_datagram((1, 2), b"hi");
    let content = Compressed::none().whole(&rope(&datagram)).to_bytes();
    assert_eq!(content[0], 0x41);
    assert_eq!(content[1..], datagram);
    assert_eq!(back(&content, between_a_and_b(), &Contexts::default()), Ok(datagram));
    assert!(expand(&content, between_a_and_b(), &Contexts::default()).unwrap().is_uncompressed());
}

#[test]
fn there_are_sixteen_contexts_of_up_to_128_bits() {
    let mut contexts = Contexts::default();
    assert!(contexts.set(15, Context::new(ip("2001:db8::"), 64)) && !contexts.set(16, None));
    assert!(Context::new(ip("::"), 129).is_none());
    assert_eq!(Context::new(ip("ffff::"), 0).map(|context| context.prefix()), Some(ip("::")));
}
