//! The messages of RFC 5769 §2.1 to §2.4, both ways, and known digests.

use super::integrity::{Algorithm, Key, check_fingerprint, check_sha1, check_sha256, prepare, userhash};
use super::wire::{Attribute, AttributeType, Class, Fields, Message, MessageType, Method, TransactionId, Writer};
use std::net::SocketAddr;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.as_chunks::<2>().0;
    pairs.iter().map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";
const REALM: &str = "example.org";
/// Katakana for "Matrix"; SASLprep and OpaqueString leave it as it is.
const USER: &str = "\u{30de}\u{30c8}\u{30ea}\u{30c3}\u{30af}\u{30b9}";
const ID: TransactionId = TransactionId([0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae]);

const REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff
    80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
const IPV4: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643
    000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
const IPV6: &str = "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a147
    0113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";
const LONG_TERM: &str = "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b90000
    0015001c662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f726700
    00080014f67024656dd64a3e02b8e0712e85c9a28ca89666";

fn binding(class: Class) -> Writer {
    Writer::new(MessageType::new(class, Method::BINDING), ID)
}

fn key() -> Key {
    Key::short_term(PASSWORD).unwrap()
}

/// Both integrity and fingerprint hold, the former for this key alone.
fn check_protection(message: &Message<'_>) {
    assert_eq!(check_sha1(message, &key()), Some(true));
    assert_eq!(check_sha1(message, &Key::short_term("other").unwrap()), Some(false));
    assert_eq!(check_fingerprint(message), Some(true));
    assert_eq!(check_sha256(message, &key(), 16), None);
}

/// §2.1.
#[test]
fn request() {
    let wire = bytes(REQUEST);
    assert_eq!(wire.len(), 108);
    let message = Message::parse(&wire).unwrap();
    assert_eq!((message.class(), message.method(), message.transaction()), (Class::Request, Method::BINDING, ID));
    check_protection(&message);
    let fields = Fields::read(&message);
    assert_eq!((fields.username, fields.priority), (Some("evtj:h6vY"), Some(0x6e00_01ff)));
    assert_eq!((fields.controlled, fields.controlling), (Some(0x932f_f9b1_5126_3b36), None));
    let software = message.first(AttributeType::SOFTWARE).unwrap().read(ID);
    assert_eq!(software, Ok(Attribute::Software("STUN test client")));
    let written = binding(Class::Request)
        .padding(b' ')
        .with(Attribute::Software("STUN test client"))
        .with(Attribute::Priority(0x6e00_01ff))
        .with(Attribute::IceControlled(0x932f_f9b1_5126_3b36))
        .with(Attribute::Username("evtj:h6vY"))
        .integrity(&key())
        .fingerprint();
    assert_eq!(written.finish(), wire);
}

fn check_response(hex: &str, len: usize, mapped: &str) {
    let (wire, mapped): (Vec<u8>, SocketAddr) = (bytes(hex), mapped.parse().unwrap());
    assert_eq!(wire.len(), len);
    let message = Message::parse(&wire).unwrap();
    assert_eq!((message.class(), message.method(), message.transaction()), (Class::Success, Method::BINDING, ID));
    check_protection(&message);
    assert_eq!(Fields::read(&message).xor_mapped, Some(mapped));
    let written = binding(Class::Success)
        .padding(b' ')
        .with(Attribute::Software("test vector"))
        .with(Attribute::XorMappedAddress(mapped))
        .integrity(&key())
        .fingerprint();
    assert_eq!(written.finish(), wire);
}

/// §2.2.
#[test]
fn ipv4_response() {
    check_response(IPV4, 80, "192.0.2.1:32853");
}

/// §2.3.
#[test]
fn ipv6_response() {
    check_response(IPV6, 92, "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
}

/// §2.4. The RFC's password is what SASLprep makes of "The\u{ad}M\u{aa}tr\u{2168}". OpaqueString, which RFC 8489 has in its place,
/// forbids the soft hyphen; the prepared form is the same for both.
#[test]
fn request_with_long_term_authentication() {
    let wire = bytes(LONG_TERM);
    assert_eq!(wire.len(), 116);
    let key = Key::long_term(USER, REALM, "TheMatrIX", Algorithm::Md5).unwrap();
    assert_eq!(key.as_bytes(), bytes("e8ca7ad59d5eb0518e312911d2dab2a9"));
    let message = Message::parse(&wire).unwrap();
    assert_eq!(check_sha1(&message, &key), Some(true));
    assert_eq!(check_fingerprint(&message), None);
    let (fields, nonce) = (Fields::read(&message), b"f//499k954d6OL34oL9FSTvy64sA");
    assert_eq!((fields.username, fields.realm, fields.nonce), (Some(USER), Some(REALM), Some(&nonce[..])));
    let written = Writer::new(message.kind(), message.transaction())
        .with(Attribute::Username(USER))
        .with(Attribute::Nonce(nonce))
        .with(Attribute::Realm(REALM))
        .integrity(&key);
    assert_eq!(written.finish(), wire);
    assert!(prepare("The\u{ad}M\u{aa}tr\u{2168}").is_err());
}

/// RFC 8489 §9.2.2 gives the key of `user:realm:pass`. The hash of the user above was computed by Python's hashlib.
#[test]
fn keys_and_hashes() {
    let key = Key::long_term("user", "realm", "pass", Algorithm::Md5).unwrap();
    assert_eq!(key.as_bytes(), bytes("8493fbc53ba582fb4c044c456bdc40eb"));
    let hash = bytes("4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704");
    assert_eq!(userhash(USER, REALM).unwrap().to_vec(), hash);
}

/// OpaqueString (RFC 8265 §4.2): other spaces become spaces, the text is composed (NFC), case and compatibility forms stay.
#[test]
fn texts_are_prepared() {
    assert_eq!(prepare("a\u{a0}b").as_deref(), Ok("a b"));
    assert_eq!(prepare("e\u{301}").as_deref(), Ok("\u{e9}"));
    assert_eq!(prepare("\u{2168}X").as_deref(), Ok("\u{2168}X"));
    assert!(prepare("").is_err());
    assert!(prepare("a\u{7}").is_err());
}

/// RFC 8489 §5, Figure 3 and the methods and classes of RFC 8656 §18 as they are written.
#[test]
fn types_of_messages() {
    let cases = [
        (Method::BINDING, [0x0001, 0x0011, 0x0101, 0x0111]),
        (Method::ALLOCATE, [0x0003, 0x0013, 0x0103, 0x0113]),
        (Method::REFRESH, [0x0004, 0x0014, 0x0104, 0x0114]),
        (Method::SEND, [0x0006, 0x0016, 0x0106, 0x0116]),
        (Method::DATA, [0x0007, 0x0017, 0x0107, 0x0117]),
        (Method::CREATE_PERMISSION, [0x0008, 0x0018, 0x0108, 0x0118]),
        (Method::CHANNEL_BIND, [0x0009, 0x0019, 0x0109, 0x0119]),
        (Method(0xfff), [0x3eef, 0x3eff, 0x3fef, 0x3fff]),
    ];
    for (method, bits) in cases {
        for (class, bits) in [Class::Request, Class::Indication, Class::Success, Class::Error].into_iter().zip(bits) {
            assert_eq!(MessageType::new(class, method).bits(), bits);
            assert_eq!(MessageType::from_bits(bits), Some(MessageType::new(class, method)));
        }
    }
    assert_eq!(MessageType::from_bits(0x4001), None);
    assert_eq!(MessageType::from_bits(0x8001), None);
}
