//! Extension headers and IPv6 in IPv6 (RFC 6282 §4.2): 1110 EID(3) NH, the next header if NH is 0, bytes that follow, these bytes.

use super::*;

fn local() -> Header {
    Header::new("fe80::211:2233:4455:6677", "fe80::211:2233:4455:6688")
}

/// `first` of protocol `protocol`, whose next header is `next`, and then `rest`.
fn chain(protocol: u8, first: &str, rest: &[u8]) -> Vec<u8> {
    local().around(protocol, &[&hex(first), rest].concat())
}

fn compressed(datagram: &[u8]) -> Vec<u8> {
    head(datagram, between_a_and_b(), &Contexts::default())
}

#[test]
fn a_hop_by_hop_header_and_udp_are_both_compressed() {
    // RPL's option 63 fills eight bytes. EID 0, NH 1: e1; six bytes follow the length.
    let udp = local().udp((0xf0b1, 0xf0b2), b"hi");
    let found = compressed(&chain(0, "11 00 63 04 00 1e 00 80", &udp));
    assert_eq!(found[..12], hex("7e 33 e1 06 63 04 00 1e 00 80 f3 12"));
    assert_eq!(found.len(), 14);
}

#[test]
fn padding_at_the_end_is_left_out() {
    // A router alert (05 02 00 00) and PadN of two bytes: four bytes follow the length. Before ICMPv6, which is named.
    let cases = [
        ("3a 00 05 02 00 00 01 00", "e0 3a 04 05 02 00 00"),
        // Pad1 behind an option of five bytes.
        ("3a 00 1e 03 07 07 07 00", "e0 3a 05 1e 03 07 07 07"),
        // PadN of six bytes, and nothing else.
        ("3a 00 01 04 00 00 00 00", "e0 3a 00"),
        // PadN of seven bytes behind seven of another option.
        ("3a 01 1e 05 07 07 07 07 07 01 05 00 00 00 00 00", "e0 3a 07 1e 05 07 07 07 07 07"),
        // Two options of padding: one goes, the other one stays.
        ("3a 00 1e 01 07 01 00 00", "e0 3a 05 1e 01 07 01 00"),
        // Padding that is not zero would come back as zero; eight bytes are no padding of an end.
        ("3a 00 1e 00 01 02 07 07", "e0 3a 06 1e 00 01 02 07 07"),
        ("3a 01 1e 04 07 07 07 07 01 06 00 00 00 00 00 00", "e0 3a 0e 1e 04 07 07 07 07 01 06 00 00 00 00 00 00"),
        // Options that reach beyond their header, and one that is cut.
        ("3a 00 1e 09 07 07 07 00", "e0 3a 06 1e 09 07 07 07 00"),
        ("3a 00 1e 03 07 07 07 1e", "e0 3a 06 1e 03 07 07 07 1e"),
    ];
    for (header, expected) in cases {
        for (protocol, eid) in [(0, 0), (60, 3)] {
            let found = compressed(&chain(protocol, header, &hex("80 00 00 00 00 01 00 01")));
            let mut expected = hex(expected);
            expected[0] |= eid << 1;
            assert_eq!(found, [hex("7e 33"), expected].concat(), "{header}");
        }
    }
}

#[test]
fn routing_and_mobility_headers_keep_all_their_bytes() {
    // Type 2 with no segments left, ending in zeros that are no padding; EID 1: e2. A mobility header, EID 4: e8.
    let routing = "3b 02 02 00 00 00 00 00 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 00";
    let found = compressed(&chain(43, routing, &[]));
    assert_eq!(found[..5], hex("7e 33 e2 3b 16"));
    assert_eq!(found[5..], hex(routing)[2..]);
    let found = compressed(&chain(135, "3b 00 05 00 00 00 00 00", &[]));
    assert_eq!(found, hex("7e 33 e8 3b 06 05 00 00 00 00 00"));
}

#[test]
fn a_fragment_header_has_its_reserved_byte_and_no_length() {
    // EID 2, NH 1: e5. An atomic fragment (RFC 6946): what follows is whole.
    let udp = local().udp((0xf0b1, 0xf0b2), b"hi");
    let found = compressed(&chain(44, "11 00 00 00 12 34 56 78", &udp));
    assert_eq!(found[..12], hex("7e 33 e5 00 00 00 12 34 56 78 f3 12"));
    // The first of several, and a later one: what follows goes as it is, whatever it looks like.
    for offset in ["00 01", "00 b8"] {
        let found = compressed(&chain(44, &format!("11 00 {offset} 12 34 56 78"), &udp));
        assert_eq!(found, hex(&format!("7e 33 e4 11 00 {offset} 12 34 56 78")));
    }
    // A checksum that was left out there cannot be computed.
    let elided = hex("7e 33 e5 00 00 01 12 34 56 78 f7 12 68 69");
    assert_eq!(back(&elided, between_a_and_b(), &Contexts::default()), Err(LowpanError::ElidedChecksum));
    // Of an atomic one it can.
    let elided = hex("7e 33 e5 00 00 00 12 34 56 78 f7 12 68 69");
    let datagram = chain(44, "11 00 00 00 12 34 56 78", &udp);
    assert_eq!(back(&elided, between_a_and_b(), &Contexts::default()), Ok(datagram));
}

#[test]
fn ipv6_in_ipv6_takes_identifiers_from_the_header_around_it() {
    // EID 7, NH unused: ee, then IPHC. The inner addresses have the outer ones' identifiers, in context 1.
    let inner = Header::new("2001:db8::211:2233:4455:6677", "2001:db8::211:2233:4455:6688");
    let datagram = local().around(41, &inner.udp_datagram((0xf0b1, 0xf0b2), b"hi"));
    let found = head(&datagram, between_a_and_b(), &contexts());
    assert_eq!(found[..8], hex("7e 33 ee 7e f7 11 f3 12"));
    assert_eq!(found.len(), 10);
    // Not those of the frame: the outer source is another one here, and so the inner one sends its identifier.
    let other = Header::new("fe80::1", "fe80::211:2233:4455:6688");
    let datagram = other.around(41, &inner.udp_datagram((0xf0b1, 0xf0b2), b"hi"));
    let found = head(&datagram, between_a_and_b(), &contexts());
    assert_eq!(found[10..14], hex("ee 7e d7 11"));
}

#[test]
fn an_inner_datagram_of_another_length_goes_as_it_is() {
    let mut inner = local().udp_datagram((0xf0b1, 0xf0b2), b"hi");
    inner.push(0);
    assert_eq!(compressed(&local().around(41, &inner)), hex("7a 33 29"));
}

#[test]
fn a_chain_of_all_of_them_comes_back() {
    let inner = Header { class: 0xb9, flow: 7, hop_limit: 3, ..Header::new("fe80::1", "ff02::1:ff00:1") };
    let udp = inner.udp((1, 2), b"payload");
    let options = "3c 00 05 02 00 00 01 00";
    let inner = inner.around(0, &[hex(options), hex("11 00 1e 03 07 07 07 00"), udp].concat());
    let outer = [hex("2b 00 63 04 00 00 00 00"), hex("2c 00 03 00 00 00 00 00"), hex("29 00 00 00 00 00 00 01"), inner]
        .concat();
    let found = compressed(&local().around(0, &outer));
    let expected = [
        hex("7e 33 e1 06 63 04 00 00 00 00 e3 06 03 00 00 00 00 00 e5 00 00 00 00 00 00 01 ee"),
        hex("64 19 6e 00 00 07 03 00 00 00 00 00 00 00 01 02 01 ff 00 00 01"),
        hex("e1 04 05 02 00 00 e7 05 1e 03 07 07 07 f0 00 01 00 02"),
    ];
    assert_eq!(found[..found.len() - 2], expected.concat());
}

#[test]
fn headers_too_long_for_their_length_byte_go_as_they_are() {
    // 257 bytes at most, without padding: 256 can be, 264 cannot.
    let header = |blocks: u8| [&[59, blocks - 1, 0x1e, 0xff][..], &vec![7; usize::from(blocks) * 8 - 4]].concat();
    let found = compressed(&local().around(60, &header(32)));
    assert_eq!(found[..5], hex("7e 33 e6 3b fe"));
    assert_eq!(found.len(), 5 + 254);
    assert_eq!(compressed(&local().around(60, &header(33))), hex("7a 33 3c"));
    // 264 bytes of which seven are padding: 255 follow the length. With six of padding they are one too many.
    let padded = |padding: &str| {
        let padding = hex(padding);
        let options = [&[0x1e, 0xe0][..], &[7; 0xe0], &[0x1e]].concat();
        let filler = 264 - 2 - options.len() - 1 - padding.len();
        [&[59, 32][..], &options, &[filler as u8], &vec![7; filler], &padding].concat()
    };
    let found = compressed(&local().around(60, &padded("01 05 00 00 00 00 00")));
    assert_eq!((found[..5].to_vec(), found.len()), (hex("7e 33 e6 3b ff"), 5 + 255));
    assert_eq!(compressed(&local().around(60, &padded("01 04 00 00 00 00"))), hex("7a 33 3c"));
}

#[test]
fn a_few_bytes_do_not_stand_for_ever_more_headers() {
    // Three bytes for each IPv6 header of 40: 1639 of them are more than 65,575 bytes.
    let content = [hex("7e 33"), hex("ee 7e 33").repeat(2000)].concat();
    let found = back(&content, between_a_and_b(), &Contexts::default());
    assert_eq!(found, Err(LowpanError::TooLong(1640 * 40)));
}
