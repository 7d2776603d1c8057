//! Mesh, broadcast and fragmentation headers in hexadecimal (RFC 4944 §5.2, §5.3, §11.1).

use super::*;

fn check(headers: Headers, wire: &str) {
    let wire = hex(wire);
    let mut out = Vec::new();
    headers.encode_into(&mut out);
    assert_eq!(out, wire, "{headers:?}");
    let followed = [&wire[..], &[0x7a, 0x33]].concat();
    assert_eq!(Headers::decode(&followed), Ok((headers, wire.len())));
    for len in 0..wire.len() {
        let cut = Headers::decode(&wire[..len]);
        assert!(len == 0 || cut != Ok((headers, wire.len())), "{len} bytes");
    }
}

fn fragment(size: u16, tag: u16, offset: Option<u8>) -> Headers {
    Headers { fragment: Some(FragmentHeader { size, tag, offset }), ..Headers::default() }
}

#[test]
fn fragments_have_four_or_five_bytes() {
    // 11000 and 11 bits: 1280 = 0x500 gives c5 00. 11100: e5 00. Offset 12 is 96 bytes.
    check(fragment(1280, 0x1234, None), "c5 00 12 34");
    check(fragment(1280, 0x1234, Some(12)), "e5 00 12 34 0c");
    check(fragment(2047, 0, Some(255)), "e7 ff 00 00 ff");
}

#[test]
fn mesh_headers_have_5_to_18_bytes() {
    // 10 V F and hops: both short with five hops is b5. Addresses are big-endian here.
    let mesh = |hops_left, originator, final_destination| Headers {
        mesh: Some(Mesh { hops_left, originator, final_destination }),
        ..Headers::default()
    };
    check(mesh(5, Address::Short(0x1234), Address::Short(0xffff)), "b5 12 34 ff ff");
    check(mesh(14, A, Address::Short(1)), "9e 00 11 22 33 44 55 66 77 00 01");
    check(mesh(1, Address::Short(1), B), "a1 00 01 00 11 22 33 44 55 66 88");
    // 15 and more have a byte of their own: 18 bytes.
    check(mesh(15, A, B), "8f 0f 00 11 22 33 44 55 66 77 00 11 22 33 44 55 66 88");
    check(mesh(200, Address::Short(1), Address::Short(2)), "bf c8 00 01 00 02");
}

#[test]
fn they_stand_in_the_order_of_section_5() {
    let mesh = Mesh { hops_left: 3, originator: Address::Short(1), final_destination: Address::BROADCAST };
    let all = Headers { mesh: Some(mesh), broadcast: Some(9), ..fragment(100, 7, None) };
    check(all, "b3 00 01 ff ff 50 09 c0 64 00 07");
    check(Headers { broadcast: Some(9), ..Headers::default() }, "50 09");
    check(Headers::default(), "");
    // A mesh header behind a broadcast header is none.
    assert_eq!(Headers::decode(&hex("50 09 b3 00 01 ff ff")).map(|(_, len)| len), Ok(2));
}

#[test]
fn every_dispatch_byte_is_known() {
    // RFC 4944 §5.1 table 1, with IPHC of RFC 6282 §2.
    for byte in 0..=255_u8 {
        let expected = match byte {
            0b0100_0001 => Dispatch::Ipv6,
            0b0101_0000 => Dispatch::Broadcast,
            _ if byte >> 6 == 0 => Dispatch::NotLowpan,
            _ if byte >> 5 == 0b011 => Dispatch::Iphc,
            _ if byte >> 6 == 0b10 => Dispatch::Mesh,
            _ if byte >> 3 == 0b11000 => Dispatch::FirstFragment,
            _ if byte >> 3 == 0b11100 => Dispatch::NextFragment,
            _ => Dispatch::Other,
        };
        assert_eq!(Dispatch::of(byte), expected, "{byte:08b}");
    }
}
