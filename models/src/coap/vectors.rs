//! Messages in hexadecimal, both ways. All were built by aiocoap 0.4.17 and read by tshark without
//! complaint; the two with 64 bytes of payload have zeros there.

use super::wire::{Block, BlockSize, Code, DecodeError, Flaw, Message, MessageId, OptionNumber as O, Token, Type};
use crate::rope::Rope;
use Type::{Acknowledgement as ACK, Confirmable as CON, NonConfirmable as NON, Reset as RST};

fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).expect("two hexadecimal digits")).collect()
}

/// Checks one message against its bytes: encoding, both ways of it, length, and decoding.
fn check(hex: &str, (message_type, code, id, token): (Type, Code, u16, &[u8]), options: &[(O, &[u8])], payload: &[u8]) {
    let wire = bytes(hex);
    let mut message = Message {
        code,
        token: Token::new(token).expect("a short token"),
        payload: Rope::from(payload.to_vec()),
        ..Message::empty(message_type, MessageId(id))
    };
    options.iter().for_each(|(number, value)| message.options.add(*number, value.to_vec()));
    assert_eq!(message.encode(), wire, "{message:?}");
    assert_eq!(message.encode_rope().to_bytes(), wire);
    assert_eq!(message.wire_len(), wire.len() as u64);
    assert_eq!(Message::decode(&Rope::from(wire)), Ok(message));
}

#[test]
fn confirmable_get_with_piggybacked_response() {
    check(
        "41 01 7d 34 20 bb 74 65 6d 70 65 72 61 74 75 72 65",
        (CON, Code::GET, 0x7d34, &[0x20]),
        &[(O::URI_PATH, b"temperature")],
        b"",
    );
    check("61 45 7d 34 20 ff 32 32 2e 33 20 43", (ACK, Code::CONTENT, 0x7d34, &[0x20]), &[], b"22.3 C");
}

#[test]
fn discovery_with_separate_response() {
    check(
        "41 01 7d 35 71 bb 2e 77 65 6c 6c 2d 6b 6e 6f 77 6e 04 63 6f 72 65 47 72 74 3d 74 65 6d 70",
        (CON, Code::GET, 0x7d35, &[0x71]),
        &[(O::URI_PATH, b".well-known"), (O::URI_PATH, b"core"), (O::URI_QUERY, b"rt=temp")],
        b"",
    );
    check("60 00 7d 35", (ACK, Code::EMPTY, 0x7d35, &[]), &[], b"");
    check("70 00 10 01", (RST, Code::EMPTY, 0x1001, &[]), &[], b"");
    check(
        "41 45 10 00 71 c1 28 ff 3c 2f 73 2f 74 3e 3b 72 74 3d 22 74 65 6d 70 22 3b 63 74 3d 30 3b 6f 62 73",
        (CON, Code::CONTENT, 0x1000, &[0x71]),
        &[(O::CONTENT_FORMAT, &[40])],
        b"</s/t>;rt=\"temp\";ct=0;obs",
    );
}

#[test]
fn observe() {
    check(
        "41 01 7d 36 4a 60 51 73 01 74",
        (CON, Code::GET, 0x7d36, &[0x4a]),
        &[(O::OBSERVE, b""), (O::URI_PATH, b"s"), (O::URI_PATH, b"t")],
        b"",
    );
    check(
        "61 45 7d 36 4a 61 0c 60 21 3c ff 32 32 2e 39",
        (ACK, Code::CONTENT, 0x7d36, &[0x4a]),
        &[(O::OBSERVE, &[12]), (O::CONTENT_FORMAT, b""), (O::MAX_AGE, &[60])],
        b"22.9",
    );
    check(
        "51 45 10 01 4a 61 0d 60 ff 32 33 2e 30",
        (NON, Code::CONTENT, 0x1001, &[0x4a]),
        &[(O::OBSERVE, &[13]), (O::CONTENT_FORMAT, b"")],
        b"23.0",
    );
}

#[test]
fn block_wise() {
    let zeros = " 00".repeat(64);
    check(
        &format!("41 03 7d 37 4b b2 66 77 11 2a d1 02 0a ff{zeros}"),
        (CON, Code::PUT, 0x7d37, &[0x4b]),
        &[(O::URI_PATH, b"fw"), (O::CONTENT_FORMAT, &[42]), (O::BLOCK1, &[0x0a])],
        &[0; 64],
    );
    check("61 5f 7d 37 4b d1 0e 0a", (ACK, Code::CONTINUE, 0x7d37, &[0x4b]), &[(O::BLOCK1, &[0x0a])], b"");
    check(
        "41 01 7d 38 4c b3 62 69 67 c1 12",
        (CON, Code::GET, 0x7d38, &[0x4c]),
        &[(O::URI_PATH, b"big"), (O::BLOCK2, &[0x12])],
        b"",
    );
    check(
        &format!("61 45 7d 38 4c d1 0a 1a ff{zeros}"),
        (ACK, Code::CONTENT, 0x7d38, &[0x4c]),
        &[(O::BLOCK2, &[0x1a])],
        &[0; 64],
    );
}

/// The values above by RFC 7959 §2.2, NUM << 4 | M << 3 | SZX, with 64 = 2^(2 + 4); SZX 7 and more than three bytes are none.
#[test]
fn values_of_block_options() {
    let size = BlockSize::from_bytes(64).expect("a size");
    for (value, number, more) in [(0x0a, 0, true), (0x12, 1, false), (0x1a, 1, true)] {
        let block = Block { number, more, size };
        assert_eq!((Block::from_value(value), block.value()), (Some(block), value));
    }
    assert_eq!(Block::from_value(0x17), None);
    assert_eq!(Block::from_value(1 << 24), None);
    assert_eq!(
        Block::from_value(0x00ff_fffe).map(|block| (block.number, block.size)),
        Some((1_048_575, BlockSize::LARGEST))
    );
    // A block is found by where it begins; 100 is the beginning of none, and no number reaches 2^20 blocks.
    assert_eq!(Block::at(128, size), Some(Block { number: 2, more: false, size }));
    assert_eq!(Block::at(100, size), None);
    assert_eq!(Block::at(64 << 20, size), None);
    assert_eq!([15, 16, 100, 5000].map(|most| BlockSize::at_most(most).bytes()), [16, 16, 64, 1024]);
}

#[test]
fn no_response() {
    check(
        "51 02 7d 39 4d b1 73 01 6c d1 ea 1a ff 31",
        (NON, Code::POST, 0x7d39, &[0x4d]),
        &[(O::URI_PATH, b"s"), (O::URI_PATH, b"l"), (O::NO_RESPONSE, &[26])],
        b"1",
    );
}

/// RFC 7252 §3.1, by hand: option 13 is nibble 13 and 00, its 269 bytes are nibble 14 and 00 00;
/// option 292 is delta 279, nibble 14 and 00 0a, its 13 bytes are nibble 13 and 00; option 304 is
/// delta 12, its 12 bytes length 12.
#[test]
fn the_ends_of_the_delta_and_length_ranges() {
    let value = [7; 269];
    let sevens = |n| " 07".repeat(n);
    check(
        &format!("40 01 00 01 de 00 00 00{} ed 00 0a 00{} cc{}", sevens(269), sevens(13), sevens(12)),
        (CON, Code::GET, 1, &[]),
        &[(O(13), &value), (O(292), &[7; 13]), (O(304), &[7; 12])],
        b"",
    );
}

/// Each by RFC 7252 §3 and §4.1, with what can be said of the header.
#[test]
fn format_errors() {
    let con = Some((CON, MessageId(0x0102)));
    let cases = [
        ("", Flaw::TooShort, None),
        ("40 01 01", Flaw::TooShort, None),
        ("80 01 01 02", Flaw::Version(2), None),
        ("00 01 01 02", Flaw::Version(0), None),
        ("49 01 01 02 01 02 03 04 05 06 07 08 09", Flaw::TokenLength(9), con),
        ("4f 01 01 02", Flaw::TokenLength(15), con),
        ("42 01 01 02 03", Flaw::TruncatedToken, con),
        ("40 00 01 02 ff", Flaw::NotEmpty, con),
        ("41 00 01 02 20", Flaw::NotEmpty, con),
        ("41 00 01 02", Flaw::NotEmpty, con),
        ("40 01 01 02 f1 00", Flaw::ReservedNibble, con),
        ("40 01 01 02 1f 00", Flaw::ReservedNibble, con),
        ("40 01 01 02 b5 61", Flaw::TruncatedOption, con),
        ("40 01 01 02 d0", Flaw::TruncatedOption, con),
        ("40 01 01 02 e0 00", Flaw::TruncatedOption, con),
        ("40 01 01 02 e0 ff ff", Flaw::OptionNumber, con),
        ("40 01 01 02 e0 fe f2 10", Flaw::OptionNumber, con),
        ("40 01 01 02 ff", Flaw::EmptyPayload, con),
        ("50 01 01 02 ff", Flaw::EmptyPayload, Some((NON, MessageId(0x0102)))),
    ];
    for (hex, flaw, header) in cases {
        assert_eq!(Message::decode(&Rope::from(bytes(hex))), Err(DecodeError { flaw, header }), "{hex}");
    }
    // 65535 itself is an option number: 269 + 0xfef2.
    let largest = Message::decode(&Rope::from(bytes("40 01 01 02 e0 fe f2"))).expect("a well-formed message");
    assert_eq!(largest.options.iter().map(|option| option.number()).collect::<Vec<_>>(), [O(65535)]);
}
