use super::*;
use crate::dtls::codes::{ACK, DTLS10, DTLS12, DTLS13, KeyExchange, TLS12_CID};
use crate::dtls::tests::hex;
use crate::rope::Rope;
use crate::tls::codes::{AlertDescription, CipherSuite, ContentType, Group, HandshakeType, Version};
use crate::tls::wire::{ClientHello, Extension, Handshake, HelloRetryRequest};
use bytes::Bytes;
use proptest::prelude::*;

/// RFC 6347 §4.1: type, version, epoch, number, length. Two to a datagram, and the rest of one that cannot be read is dropped.
#[test]
fn a_datagram_may_hold_several_records() {
    let datagram = Rope::from(hex(
        "16 feff 0000 000000000001 0002 aabb  17 fefd 0001 010203040506 0001 cc  99 fefd 0001 000000000000 0000",
    ));
    let records: Vec<Record> = Records::new(&datagram, 0).collect();
    assert_eq!(records.len(), 2);
    let full = |content_type, version, epoch, sequence| {
        Header::Full(FullHeader { content_type, version, epoch, sequence, cid: Bytes::new() })
    };
    assert_eq!(records[0].header, full(ContentType::HANDSHAKE, DTLS10, 0, 1));
    assert_eq!(records[0].fragment.to_bytes(), hex("aabb"));
    assert_eq!(records[1].header, full(ContentType::APPLICATION_DATA, DTLS12, 1, 0x0102_0304_0506));
    assert_eq!(records[1].fragment.to_bytes(), hex("cc"));
}

/// RFC 9146 §4: the id stands before the length, and only the receiver knows how long it is.
#[test]
fn a_connection_id_stands_before_the_length() {
    let datagram = Rope::from(hex("19 fefd 0001 000000000007 c0c1c2 0002 aabb"));
    let record = Records::new(&datagram, 3).next().unwrap();
    let Header::Full(header) = &record.header else { panic!("a full header") };
    assert_eq!((header.content_type, &header.cid[..]), (TLS12_CID, &[0xc0, 0xc1, 0xc2][..]));
    assert_eq!(record.fragment.to_bytes(), hex("aabb"));
    assert_eq!([&header.encode(2)[..], &hex("aabb")].concat(), datagram.to_bytes());
    assert_eq!(Records::new(&datagram, 2).next(), None);
}

/// RFC 9147 §4, figures 3 and 4: 001CSLEE.
#[test]
fn the_unified_header_has_what_its_first_byte_says() {
    for (bytes, cid_len, cid, epoch_bits, sequence, is_long, has_length, text) in [
        // Full: an id, 16 bits, a length.
        ("3f c0c1 1234 0002 aabb", 2, Some("c0c1"), 3, 0x1234, true, true, "aabb"),
        // 16 bits and a length.
        ("2e 1234 0001 aabb", 0, None, 2, 0x1234, true, true, "aa"),
        // The shortest: 8 bits, to the end of the datagram.
        ("21 12 aabb", 0, None, 1, 0x12, false, false, "aabb"),
        ("30 c0c1 12 aabb", 2, Some("c0c1"), 0, 0x12, false, false, "aabb"),
    ] {
        let datagram = Rope::from(hex(bytes));
        let record = Records::new(&datagram, cid_len).next().unwrap();
        let cid = cid.map(|cid| Bytes::from(hex(cid)));
        let expected = UnifiedHeader { cid, epoch_bits, sequence, is_long, has_length };
        assert_eq!(record.header, Header::Unified(expected.clone()));
        assert_eq!(record.fragment.to_bytes(), hex(text));
        let head = expected.encode(record.fragment.len() as u16);
        assert_eq!((head.len(), &head[..]), (expected.wire_len(), &datagram.to_bytes()[..head.len()]));
    }
    // 0b010…: neither this nor that.
    assert_eq!(Records::new(&Rope::from(hex("41 12 aabb")), 0).next(), None);
}

/// RFC 6347 §4.2.2.
#[test]
fn a_fragment_says_where_it_belongs() {
    let mut bytes = Bytes::from(hex("0b 000010 0003 000004 000002 aabb 0e 000000 0004 000000 000000"));
    let (header, part) = FragmentHeader::decode(&mut bytes).unwrap();
    let kind = HandshakeType::CERTIFICATE;
    assert_eq!(header, FragmentHeader { kind, len: 16, message_seq: 3, offset: 4, fragment_len: 2 });
    assert_eq!((&part[..], header.encode().to_vec()), (&[0xaa, 0xbb][..], hex("0b000010 0003 000004 000002")));
    let (header, _) = FragmentHeader::decode(&mut bytes).unwrap();
    assert_eq!(header, FragmentHeader::whole(HandshakeType::SERVER_HELLO_DONE, 4, 0));
    assert!(bytes.is_empty());
    for wrong in ["0b 000010 0003 00000f 000002 aabb", "0b 000010 0003 000004 000002 aa", "0b 0000"] {
        let decoded = FragmentHeader::decode(&mut Bytes::from(hex(wrong)));
        assert_eq!(decoded, Err(AlertDescription::DECODE_ERROR));
    }
}

/// RFC 9147 §7: a length of 16 bits, and numbers of 64 bits each for epoch and sequence.
#[test]
fn an_acknowledgement_lists_records() {
    let numbers = [RecordNumber { epoch: 2, sequence: 1 }, RecordNumber { epoch: 2, sequence: 258 }];
    let expected = hex("0020 0000000000000002 0000000000000001 0000000000000002 0000000000000102");
    assert_eq!(encode_ack(&numbers), expected);
    assert_eq!(decode_ack(&expected), Ok(numbers.to_vec()));
    assert_eq!(decode_ack(&hex("0000")), Ok(Vec::new()));
    assert_eq!(decode_ack(&expected[..20]), Err(AlertDescription::DECODE_ERROR));
    assert_eq!(decode_ack(&hex("0008 0000000000000002")), Err(AlertDescription::DECODE_ERROR));
    assert_eq!(ACK.0, 26);
}

fn hello() -> ClientHello {
    ClientHello {
        legacy_version: DTLS12,
        random: [7; 32],
        session_id: Bytes::from_static(&[1, 2, 3]),
        cipher_suites: vec![CipherSuite(0xc0a8)],
        compression: Bytes::from_static(&[0]),
        extensions: vec![Extension::ExtendedMasterSecret],
    }
}

/// RFC 6347 §4.2.1: the cookie stands between session id and suites; RFC 9147 §5.3 leaves it empty.
#[test]
fn a_hello_has_a_cookie() {
    let message = Message::ClientHello(hello(), Bytes::from_static(&[9, 8]));
    let expected = [&hex("fefd")[..], &[7; 32], &hex("03 010203  02 0908  0002 c0a8  01 00  0004 0017 0000")].concat();
    assert_eq!(message.encode_body(), expected);
    let kind = HandshakeType::CLIENT_HELLO;
    assert_eq!(Message::decode(kind, &expected.clone().into(), DTLS12, None), Ok(message));
    for len in 0..expected.len() {
        // Without extensions there is no list at all.
        let cut = Bytes::copy_from_slice(&expected[..len]);
        assert_eq!(Message::decode(kind, &cut, DTLS12, None).is_ok(), len == expected.len() - 6, "{len} bytes");
    }
}

/// RFC 6347 §4.2.1: a cookie of 20 bytes makes 35 bytes with the header of 12.
#[test]
fn a_request_to_verify_is_a_version_and_a_cookie() {
    let message = Message::HelloVerifyRequest { version: DTLS10, cookie: vec![5; 20].into() };
    let body = message.encode_body();
    assert_eq!(FRAGMENT_HEADER_BYTES + body.len(), 35);
    assert_eq!(body[..4], hex("feff 14 05"));
    assert_eq!(Message::decode(HandshakeType::HELLO_VERIFY_REQUEST, &body, DTLS12, None), Ok(message));
}

/// RFC 9147 §5.4: the version of a retry request is that of DTLS 1.2.
#[test]
fn a_retry_request_names_dtls() {
    let message = Message::Tls(Handshake::HelloRetryRequest(HelloRetryRequest {
        session_id: Bytes::new(),
        cipher_suite: CipherSuite(0x1301),
        extensions: vec![Extension::SelectedVersion(DTLS13), Extension::Cookie(Bytes::from_static(&[1]))],
    }));
    let body = message.encode_body();
    assert_eq!(body[..6], hex("fefd cf21ad74"));
    assert_eq!(Message::decode(HandshakeType::SERVER_HELLO, &body, DTLS13, None), Ok(message));
    let tls = [&hex("0304")[..], &body[2..]].concat();
    assert!(Message::decode(HandshakeType::SERVER_HELLO, &tls.into(), DTLS13, None).is_err());
}

/// RFC 4279 §2, RFC 5489 §2.
#[test]
fn key_exchanges_with_pre_shared_keys_are_of_their_own() {
    let server = Message::ServerKeyExchangePsk { hint: "hint".into(), share: None };
    assert_eq!(server.encode_body(), hex("0004 68696e74"));
    let client = Message::ClientKeyExchangePsk { identity: "me".into(), share: None };
    assert_eq!(client.encode_body(), hex("0002 6d65"));
    let share = Some((Group::X25519, Bytes::from_static(&[1, 2])));
    let with = Message::ServerKeyExchangePsk { hint: Bytes::new(), share };
    assert_eq!(with.encode_body(), hex("0000 03 001d 02 0102"));
    let point = Message::ClientKeyExchangePsk { identity: "me".into(), share: Some(Bytes::from_static(&[3])) };
    assert_eq!(point.encode_body(), hex("0002 6d65 01 03"));
    for (message, exchange) in [
        (server, KeyExchange::Psk),
        (client, KeyExchange::Psk),
        (with, KeyExchange::EcdhePsk),
        (point, KeyExchange::EcdhePsk),
    ] {
        let (kind, body) = (message.kind(), message.encode_body());
        assert_eq!(Message::decode(kind, &body, DTLS12, Some(exchange)), Ok(message.clone()));
        assert_ne!(Message::decode(kind, &body, DTLS12, Some(KeyExchange::Ecdsa)), Ok(message));
        let longer = [&body[..], &[0]].concat().into();
        assert!(Message::decode(kind, &longer, DTLS12, Some(exchange)).is_err());
    }
}

/// RFC 9147 §9.
#[test]
fn connection_ids_are_asked_for_and_given() {
    let ask = Message::RequestConnectionId(2);
    let give = Message::NewConnectionId { cids: vec![vec![1, 2].into(), vec![3].into()], is_immediate: true };
    assert_eq!(give.encode_body(), hex("0005 02 0102 01 03 00"));
    for message in [ask, give] {
        let body = message.encode_body();
        assert_eq!(Message::decode(message.kind(), &body, DTLS13, None), Ok(message.clone()));
        assert!(Message::decode(message.kind(), &body, DTLS12, None).is_err());
    }
}

proptest! {
    #[test]
    fn nothing_that_comes_is_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), kind in 0_u8..30, cid_len in 0_usize..4) {
        let datagram = Rope::from(bytes.clone());
        let mut total = 0;
        for record in Records::new(&datagram, cid_len) {
            let head = match &record.header {
                Header::Full(header) => header.encode(record.fragment.len() as u16),
                Header::Unified(header) => header.encode(record.fragment.len() as u16),
            };
            // What was read is written as it came.
            prop_assert_eq!(&head[..], &bytes[total..total + head.len()]);
            total += head.len() + record.fragment.len() as usize;
        }
        prop_assert!(total <= bytes.len());
        let _ = decode_ack(&bytes);
        let mut rest = Bytes::from(bytes.clone());
        while FragmentHeader::decode(&mut rest).is_ok() {}
        for version in [DTLS12, DTLS13, Version::TLS12] {
            for exchange in [None, Some(KeyExchange::Psk), Some(KeyExchange::EcdhePsk)] {
                let _ = Message::decode(HandshakeType(kind), &bytes.clone().into(), version, exchange);
            }
        }
    }
}
