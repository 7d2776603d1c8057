//! Messages: properties, and what is wrong with wrong ones.

use super::super::integrity::{Algorithm, Key, check_fingerprint, check_sha1, check_sha256};
use super::super::wire::{
    Attribute, AttributeType, BadValue, Class, ErrorCode, Family, Fields, Flaw, MAX_ATTRIBUTES, Message, MessageType,
    Method, TransactionId, UnknownTypes, Writer,
};
use proptest::prelude::*;
use std::net::{IpAddr, SocketAddr};

const ID: TransactionId = TransactionId([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);

fn key() -> Key {
    Key::long_term("user", "realm", "pass", Algorithm::Md5).unwrap()
}

fn any_address() -> impl Strategy<Value = SocketAddr> {
    let ip = prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)];
    (ip, any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port))
}

/// What an [`Attribute`] borrows from.
#[derive(Clone, Debug)]
struct Parts {
    which: u8,
    address: SocketAddr,
    text: String,
    data: Vec<u8>,
    number: u64,
    hash: [u8; 32],
}

impl Parts {
    fn attribute(&self) -> Attribute<'_> {
        let (address, number) = (self.address, self.number);
        match self.which % 34 {
            0 => Attribute::MappedAddress(address),
            1 => Attribute::XorMappedAddress(address),
            2 => Attribute::XorPeerAddress(address),
            3 => Attribute::XorRelayedAddress(address),
            4 => Attribute::AlternateServer(address),
            5 => Attribute::ResponseOrigin(address),
            6 => Attribute::OtherAddress(address),
            7 => Attribute::ChangeRequest { ip: number & 1 != 0, port: number & 2 != 0 },
            8 => Attribute::Username(&self.text),
            9 => Attribute::UserHash(self.hash),
            10 => Attribute::Realm(&self.text),
            11 => Attribute::Nonce(&self.data),
            12 => Attribute::PasswordAlgorithm(number as u16),
            13 => Attribute::PasswordAlgorithms(&self.data),
            14 => Attribute::MessageIntegrity(*self.hash.first_chunk().unwrap()),
            15 => Attribute::MessageIntegritySha256(&self.hash[..16 + number as usize % 5 * 4]),
            16 => Attribute::Error(ErrorCode(300 + (number % 400) as u16), &self.text),
            17 => Attribute::UnknownAttributes(UnknownTypes(&self.data[..self.data.len() / 2 * 2])),
            18 => Attribute::Software(&self.text),
            19 => Attribute::Priority(number as u32),
            20 => Attribute::UseCandidate,
            21 => Attribute::IceControlled(number),
            22 => Attribute::IceControlling(number),
            23 => Attribute::ChannelNumber(number as u16),
            24 => Attribute::Lifetime(number as u32),
            25 => Attribute::Data(&self.data),
            26 => Attribute::EvenPort(number & 1 != 0),
            27 => Attribute::RequestedTransport(number as u8),
            28 => Attribute::DontFragment,
            29 => Attribute::ReservationToken(number.to_be_bytes()),
            30 => Attribute::RequestedAddressFamily(Family(number as u8)),
            31 => Attribute::ResponsePort(number as u16),
            32 => Attribute::Other(AttributeType(0x7fff), &self.data),
            _ => Attribute::Other(AttributeType(0xffff), &self.data),
        }
    }
}

fn any_parts() -> impl Strategy<Value = Parts> {
    let texts = ("[a-zäß€]{0,20}", prop::collection::vec(any::<u8>(), 0..40));
    (any::<u8>(), any_address(), texts, any::<u64>(), any::<[u8; 32]>())
        .prop_map(|(which, address, (text, data), number, hash)| Parts { which, address, text, data, number, hash })
}

fn any_kind() -> impl Strategy<Value = MessageType> {
    (0_u16..0x4000).prop_map(|bits| MessageType::from_bits(bits).unwrap())
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = Message::parse(&bytes) {
            let _ = Fields::read(&message);
        }
    }

    /// Behind a header that fits, so that attributes are reached.
    #[test]
    fn any_attributes_are_read_or_refused(mut rest in prop::collection::vec(any::<u8>(), 0..300), small in any::<bool>()) {
        rest.truncate(rest.len() / 4 * 4);
        if small {
            // Types that are known, and lengths that mostly fit.
            rest.chunks_mut(8).for_each(|chunk| chunk.iter_mut().take(3).zip([0, 0x2f, 0]).for_each(|(b, m)| *b &= m));
        }
        let mut bytes = Writer::new(MessageType::new(Class::Request, Method::BINDING), ID).finish();
        bytes[2..4].copy_from_slice(&(rest.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&rest);
        if let Ok(message) = Message::parse(&bytes) {
            let fields = Fields::read(&message);
            let _ = (check_sha1(&message, &key()), check_sha256(&message, &key(), 16), check_fingerprint(&message));
            prop_assert!(fields.unknown.len() <= MAX_ATTRIBUTES);
        }
    }

    /// What was written is read the same, and what was read is written the same.
    #[test]
    fn messages_survive_the_wire(kind in any_kind(), id in any::<[u8; 12]>(), parts in prop::collection::vec(any_parts(), 0..8)) {
        let id = TransactionId(id);
        let attributes: Vec<Attribute<'_>> = parts.iter().map(Parts::attribute).collect();
        let bytes = attributes.iter().fold(Writer::new(kind, id), |writer, attribute| writer.with(*attribute)).finish();
        let message = Message::parse(&bytes).unwrap();
        prop_assert_eq!((message.kind(), message.transaction()), (kind, id));
        let read: Vec<Attribute<'_>> = message.attributes().map(|raw| raw.read(id).unwrap()).collect();
        prop_assert_eq!(&read, &attributes);
        let again = read.iter().fold(Writer::new(kind, id), |writer, attribute| writer.with(*attribute)).finish();
        prop_assert_eq!(again, bytes);
    }

    /// Whatever byte is changed: it is no message any more, or its integrity or its fingerprint is wrong or gone.
    #[test]
    fn no_changed_byte_is_accepted(parts in prop::collection::vec(any_parts(), 0..4), at in any::<usize>(), change in 1_u8.., sha256 in 0_usize..6) {
        let writer = Writer::new(MessageType::new(Class::Request, Method::BINDING), ID);
        // What ends the part that counts is added below.
        let is_end = |attribute: &Attribute<'_>| matches!(attribute, Attribute::MessageIntegrity(_) | Attribute::MessageIntegritySha256(_));
        let writer = parts.iter().map(Parts::attribute).filter(|attribute| !is_end(attribute)).fold(writer, Writer::with);
        let writer = if sha256 == 0 { writer.integrity(&key()) } else { writer.integrity_sha256(&key(), 12 + 4 * sha256) };
        let mut bytes = writer.fingerprint().finish();
        let accepted = |bytes: &[u8]| Message::parse(bytes).is_ok_and(|message| {
            let mac = if sha256 == 0 { check_sha1(&message, &key()) } else { check_sha256(&message, &key(), 16) };
            mac == Some(true) && check_fingerprint(&message) == Some(true)
        });
        prop_assert!(accepted(&bytes));
        let at = at % bytes.len();
        bytes[at] ^= change;
        prop_assert!(!accepted(&bytes), "byte {at}");
    }

    /// What is protected by a key alone is as it was, whatever byte was changed: those behind the integrity are not looked at.
    #[test]
    fn what_a_key_protects_cannot_be_changed(at in any::<usize>(), change in 1_u8..) {
        let bytes = Writer::new(MessageType::new(Class::Request, Method::BINDING), ID)
            .with(Attribute::Username("user"))
            .with(Attribute::Priority(7))
            .integrity(&key())
            .fingerprint()
            .finish();
        let mut changed = bytes.clone();
        let at = at % bytes.len();
        changed[at] ^= change;
        if let Ok(message) = Message::parse(&changed)
            && check_sha1(&message, &key()) == Some(true)
        {
            prop_assert!(at >= bytes.len() - 8);
            let fields = Fields::read(&message);
            prop_assert_eq!((fields.username, fields.priority, fields.unknown), (Some("user"), Some(7), vec![]));
        }
    }
}

fn message(attributes: &[Attribute<'_>]) -> Vec<u8> {
    let writer = Writer::new(MessageType::new(Class::Request, Method::BINDING), ID);
    attributes.iter().fold(writer, |writer, attribute| writer.with(*attribute)).finish()
}

#[test]
fn flaws() {
    let good = message(&[Attribute::Username("abc"), Attribute::Priority(1)]);
    assert!(Message::parse(&good).is_ok());
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        bytes
    };
    let parse = |bytes: &[u8]| Message::parse(bytes).map(|_| ());
    assert_eq!(parse(&[]), Err(Flaw::TooShort));
    assert_eq!(parse(&good[..19]), Err(Flaw::TooShort));
    assert_eq!(parse(&good[..good.len() - 1]), Err(Flaw::TooShort));
    assert_eq!(parse(&[&good[..], &[0]].concat()), Err(Flaw::TooLong));
    assert_eq!(parse(&with(0, 0x40)), Err(Flaw::NotStun));
    assert_eq!(parse(&with(4, 0x20)), Err(Flaw::NotStun));
    assert_eq!(parse(&with(3, 17)), Err(Flaw::Unaligned));
    assert_eq!(parse(&with(23, 40)), Err(Flaw::TruncatedAttribute));
    // What is left is the head of one more, whose value is not there.
    assert_eq!(parse(&with(23, 6)), Err(Flaw::TruncatedAttribute));
    let many = vec![Attribute::UseCandidate; MAX_ATTRIBUTES + 1];
    assert!(Message::parse(&message(&many[1..])).is_ok());
    assert_eq!(parse(&message(&many)), Err(Flaw::TooManyAttributes));
    let early = [Attribute::Fingerprint(0), Attribute::UseCandidate];
    assert_eq!(parse(&message(&early)), Err(Flaw::FingerprintNotLast));
}

/// By hand, from the sections of the attributes.
#[test]
fn bad_values() {
    let cases: [(AttributeType, &[u8]); 16] = [
        (AttributeType::XOR_MAPPED_ADDRESS, &[0, 3, 0, 0, 1, 2, 3, 4]),
        (AttributeType::XOR_MAPPED_ADDRESS, &[0, 1, 0, 0, 1, 2, 3]),
        (AttributeType::XOR_MAPPED_ADDRESS, &[0, 2, 0, 0, 1, 2, 3, 4]),
        (AttributeType::MAPPED_ADDRESS, &[]),
        (AttributeType::USERNAME, &[0xff, 0xfe]),
        (AttributeType::USERNAME, &[b'a'; 509]),
        (AttributeType::REALM, &[b'a'; 764]),
        (AttributeType::MESSAGE_INTEGRITY, &[0; 19]),
        (AttributeType::MESSAGE_INTEGRITY_SHA256, &[0; 12]),
        (AttributeType::MESSAGE_INTEGRITY_SHA256, &[0; 18]),
        (AttributeType::MESSAGE_INTEGRITY_SHA256, &[0; 36]),
        (AttributeType::ERROR_CODE, &[0, 0, 2, 99]),
        (AttributeType::ERROR_CODE, &[0, 0, 4, 100]),
        (AttributeType::UNKNOWN_ATTRIBUTES, &[1]),
        (AttributeType::USE_CANDIDATE, &[1]),
        (AttributeType::LIFETIME, &[0, 0, 1]),
    ];
    for (kind, value) in cases {
        let bytes = message(&[Attribute::Other(kind, value)]);
        let parsed = Message::parse(&bytes).unwrap();
        assert_eq!(parsed.attributes().next().unwrap().read(ID), Err(BadValue), "{kind:?} {value:?}");
        assert_eq!(Fields::read(&parsed).malformed, Some(kind));
    }
}

/// RFC 8489 §14: the first of a type counts. §9: behind the integrity, only a stronger one and the fingerprint do.
#[test]
fn which_attributes_count() {
    let twice = message(&[Attribute::Username("first"), Attribute::Username("second")]);
    assert_eq!(Fields::read(&Message::parse(&twice).unwrap()).username, Some("first"));

    let writer = || Writer::new(MessageType::new(Class::Request, Method::BINDING), ID);
    let unknown = Attribute::Other(AttributeType(0x7000), &[]);
    let bytes = writer().integrity(&key()).with(unknown).with(Attribute::Username("late")).integrity_sha256(&key(), 32);
    let bytes = bytes.with(Attribute::Priority(1)).fingerprint().finish();
    let message = Message::parse(&bytes).unwrap();
    let fields = Fields::read(&message);
    assert_eq!((fields.username, fields.priority, fields.unknown.len()), (None, None, 0));
    assert!(fields.has_integrity && fields.has_integrity_sha256 && fields.has_fingerprint);
    assert_eq!((check_sha1(&message, &key()), check_sha256(&message, &key(), 32)), (Some(true), Some(true)));

    let bytes = writer().with(unknown).with(unknown).integrity_sha256(&key(), 32).integrity(&key()).finish();
    let message = Message::parse(&bytes).unwrap();
    assert!(!Fields::read(&message).has_integrity, "MESSAGE-INTEGRITY behind the stronger one does not count");
    assert_eq!(Fields::read(&message).unknown, [AttributeType(0x7000)], "each once");
}

/// §14.6: a usage that does not cut the digest refuses one that is cut.
#[test]
fn a_cut_digest_is_for_usages_that_allow_it() {
    let bytes =
        Writer::new(MessageType::new(Class::Request, Method::BINDING), ID).integrity_sha256(&key(), 16).finish();
    assert_eq!(bytes.len(), 20 + 4 + 16);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(check_sha256(&message, &key(), 16), Some(true));
    assert_eq!(check_sha256(&message, &key(), 20), Some(false));
    assert_eq!(check_sha256(&message, &key(), 32), Some(false));
}

/// Sheet, section 2.3: headers of 20 bytes, attributes of 4 more than their padded values.
#[test]
fn sizes() {
    let v4: SocketAddr = "192.0.2.1:1".parse().unwrap();
    assert_eq!(message(&[]).len(), 20);
    assert_eq!(message(&[Attribute::XorMappedAddress(v4)]).len(), 32);
    assert_eq!(message(&[Attribute::RequestedTransport(17)]).len(), 28);
    let check = |nominates: bool| {
        Writer::new(MessageType::new(Class::Request, Method::BINDING), ID)
            .with(Attribute::Username("abcd:efgh"))
            .with(Attribute::Priority(1))
            .with(Attribute::IceControlling(1))
            .with_if(nominates.then_some(Attribute::UseCandidate))
            .integrity(&key())
            .fingerprint()
            .finish()
            .len()
    };
    // 20 + 16 + 8 + 12 + 24 + 8.
    assert_eq!((check(false), check(true)), (88, 92));
}
