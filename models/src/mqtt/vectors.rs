//! Packets in hexadecimal, both ways.
//!
//! - *Sheet*: exchanges of mosquitto 2.0.11 and its clients.
//! - *Captured*: of paho-mqtt 1.6.1 (Python) with mosquitto 2.0.11 on the loopback, between a client and its broker: both are implementations that
//!   know nothing of this one.
//! - *Standard*: examples of MQTT 5.0 and 3.1.1.
//!
//! Properties keep their order, so that what others have written is written the same.

use super::topic::TopicFilter;
use super::wire::{
    Ack, Binary, Connack, Connect, Decoder, Delivery, Disconnect, Packet, PacketId, Properties, Property as P, Publish,
    QoS, ReasonCode, RetainHandling, Suback, Subscribe, SubscriptionId, SubscriptionOptions, Text, TopicAlias,
    Unsuback, Unsubscribe, Varint, Version, Will, put_varint, varint_len,
};
use crate::rope::Rope;
use Version::{V5, V311};
use std::num::{NonZeroU16, NonZeroU32};

fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).expect("two hexadecimal digits")).collect()
}

fn text(text: &str) -> Text {
    Text::new(text).unwrap()
}

fn id(number: u16) -> PacketId {
    PacketId::new(number).unwrap()
}

fn filter(filter: &str) -> TopicFilter {
    TopicFilter::new(text(filter)).unwrap()
}

fn payload(bytes: &[u8]) -> Rope {
    Rope::from(bytes.to_vec())
}

/// A decoder for what has this first byte, with the CONNECT behind it where there has to be one.
fn decoder(first: u8, version: Version) -> Decoder {
    match first >> 4 {
        1 => Decoder::of_server(),
        2 | 9 | 11 | 13 => Decoder::of_client(version),
        _ => server(version),
    }
}

fn server(version: Version) -> Decoder {
    let mut decoder = Decoder::of_server();
    decoder.push(&connect(version).encode(version).unwrap());
    assert_eq!(decoder.next_packet(), Ok(Some(connect(version))));
    decoder
}

fn connect(version: Version) -> Packet {
    Packet::Connect(Box::new(plain(version)))
}

/// The client `c1` of the sheet.
fn plain(version: Version) -> Connect {
    Connect {
        version,
        clean_start: true,
        keep_alive: 60,
        client_id: text("c1"),
        will: None,
        user_name: None,
        password: None,
        properties: Properties::new(),
    }
}

/// Checks one packet against its bytes: writing, length, and reading by the end that may get it.
fn check_at(mut decoder: Decoder, version: Version, hex: &str, packet: &Packet) {
    let wire = bytes(hex);
    assert_eq!(packet.encode(version).unwrap().to_bytes(), wire, "{packet:?}");
    assert_eq!(packet.wire_len(version), wire.len() as u64);
    decoder.push(&Rope::from(wire));
    assert_eq!(decoder.next_packet(), Ok(Some(packet.clone())));
    assert_eq!(decoder.next_packet(), Ok(None));
}

fn check(version: Version, hex: &str, packet: &Packet) {
    check_at(decoder(bytes(hex)[0], version), version, hex, packet);
}

fn properties<const N: usize>(list: [P; N]) -> Properties {
    list.into_iter().collect()
}

fn user(name: &str, value: &str) -> P {
    P::User((text(name), text(value)))
}

fn publish(delivery: Delivery, topic: &str, properties: Properties, bytes: &[u8]) -> Packet {
    Packet::Publish(Publish { delivery, retain: false, topic: text(topic), properties, payload: payload(bytes) })
}

fn options(qos: QoS) -> SubscriptionOptions {
    SubscriptionOptions::new(qos)
}

const QOS_0: Delivery = Delivery::AtMostOnce;

fn qos_1(number: u16) -> Delivery {
    Delivery::AtLeastOnce { id: id(number), dup: false }
}

fn qos_2(number: u16) -> Delivery {
    Delivery::ExactlyOnce { id: id(number), dup: false }
}

/// Sheet.
#[test]
fn connections_of_3_1_1() {
    check(V311, "10 0e 00 04 4d 51 54 54 04 02 00 3c 00 02 63 31", &connect(V311));
    check(V311, "20 02 00 00", &Packet::Connack(Connack::new(false, ReasonCode::Success)));
    check(V311, "20 02 01 00", &Packet::Connack(Connack::new(true, ReasonCode::Success)));
    let will = Will {
        topic: text("st/c2"),
        payload: payload(b"offline"),
        qos: QoS::AtLeastOnce,
        retain: true,
        properties: Properties::new(),
    };
    let connect = Connect {
        keep_alive: 30,
        client_id: text("c2"),
        will: Some(will),
        user_name: Some(text("u")),
        password: Some(Binary::new(&b"pw"[..]).unwrap()),
        ..plain(V311)
    };
    check(
        V311,
        "10 25 00 04 4d 51 54 54 04 ee 00 1e 00 02 63 32 00 05 73 74 2f 63 32 00 07 6f 66 66 6c 69 6e 65 00 01 75 00 02 70 77",
        &Packet::Connect(Box::new(connect)),
    );
}

/// Sheet, but for the return codes, which are those of 3.1.1 §3.2.2.3, and the last one: mosquitto's answer to level 6, captured.
#[test]
fn packets_of_3_1_1() {
    let filters = vec![(filter("a/b"), options(QoS::AtLeastOnce))];
    let subscribe = Subscribe { id: id(10), properties: Properties::new(), filters };
    check(V311, "82 08 00 0a 00 03 61 2f 62 01", &Packet::Subscribe(subscribe));
    let reasons = vec![ReasonCode::GrantedQos1];
    let suback = Suback { id: id(10), properties: Properties::new(), reasons };
    check(V311, "90 03 00 0a 01", &Packet::Suback(suback));
    check(V311, "30 07 00 03 61 2f 62 68 69", &publish(QOS_0, "a/b", Properties::new(), b"hi"));
    check(V311, "32 09 00 03 61 2f 62 00 0a 68 69", &publish(qos_1(10), "a/b", Properties::new(), b"hi"));
    check(V311, "40 02 00 0a", &Packet::Puback(Ack::new(id(10))));
    check(V311, "34 09 00 03 61 2f 62 00 0b 68 69", &publish(qos_2(11), "a/b", Properties::new(), b"hi"));
    check(V311, "50 02 00 0b", &Packet::Pubrec(Ack::new(id(11))));
    check(V311, "62 02 00 0b", &Packet::Pubrel(Ack::new(id(11))));
    check(V311, "70 02 00 0b", &Packet::Pubcomp(Ack::new(id(11))));
    let again = Delivery::AtLeastOnce { id: id(1), dup: true };
    check(V311, "3a 08 00 03 71 2f 31 00 01 31", &publish(again, "q/1", Properties::new(), b"1"));
    let unsubscribe = Unsubscribe { id: id(12), properties: Properties::new(), filters: vec![filter("a/b")] };
    check(V311, "a2 07 00 0c 00 03 61 2f 62", &Packet::Unsubscribe(unsubscribe));
    let unsuback = Unsuback { id: id(12), properties: Properties::new(), reasons: vec![] };
    check(V311, "b0 02 00 0c", &Packet::Unsuback(unsuback));
    check(V311, "c0 00", &Packet::Pingreq);
    check(V311, "d0 00", &Packet::Pingresp);
    check(V311, "e0 00", &Packet::Disconnect(Disconnect::new(ReasonCode::Success)));
    for (hex, reason) in [
        ("20 02 00 01", ReasonCode::UnsupportedProtocolVersion),
        ("20 02 00 02", ReasonCode::ClientIdentifierNotValid),
        ("20 02 00 03", ReasonCode::ServerUnavailable),
        ("20 02 00 04", ReasonCode::BadUserNameOrPassword),
        ("20 02 00 05", ReasonCode::NotAuthorized),
    ] {
        check(V311, hex, &Packet::Connack(Connack::new(false, reason)));
    }
}

/// Sheet.
#[test]
fn packets_of_5_0() {
    check(V5, "10 0f 00 04 4d 51 54 54 05 02 00 3c 00 00 02 63 31", &connect(V5));
    let limits = properties([P::TopicAliasMaximum(10), P::ReceiveMaximum(NonZeroU16::new(20).unwrap())]);
    let connack = Connack { properties: limits, ..Connack::new(false, ReasonCode::Success) };
    check(V5, "20 09 00 00 06 22 00 0a 21 00 14", &Packet::Connack(connack));
    let number = P::Subscription(SubscriptionId::new(5).unwrap());
    let filters = vec![(filter("x/#"), options(QoS::AtLeastOnce))];
    let subscribe = Subscribe { id: id(1), properties: properties([number.clone()]), filters };
    check(V5, "82 0b 00 01 02 0b 05 00 03 78 2f 23 01", &Packet::Subscribe(subscribe));
    let message = publish(qos_1(2), "x/y", properties([number]), b"m");
    check_at(Decoder::of_client(V5), V5, "32 0b 00 03 78 2f 79 00 02 02 0b 05 6d", &message);
    let message = publish(qos_2(11), "a/x", properties([P::MessageExpiry(60)]), b"hi");
    check(V5, "34 0f 00 03 61 2f 78 00 0b 05 02 00 00 00 3c 68 69", &message);
    let ack = Ack::with_reason(id(1), ReasonCode::NoMatchingSubscribers);
    check(V5, "40 03 00 01 10", &Packet::Puback(ack));
    check(V5, "e0 01 04", &Packet::Disconnect(Disconnect::new(ReasonCode::DisconnectWithWill)));
    check_at(
        Decoder::of_client(V5),
        V5,
        "e0 01 94",
        &Packet::Disconnect(Disconnect::new(ReasonCode::TopicAliasInvalid)),
    );
}

/// Captured: will, user name and password; three filters of which one is shared.
#[test]
fn paho_and_mosquitto_speak_3_1_1() {
    let will = Will {
        topic: text("wl/a"),
        payload: payload(b"gone"),
        qos: QoS::AtLeastOnce,
        retain: true,
        properties: Properties::new(),
    };
    let connect = Connect {
        clean_start: false,
        keep_alive: 20,
        client_id: text("a311"),
        will: Some(will),
        user_name: Some(text("user")),
        password: Some(Binary::new(&b"geheim"[..]).unwrap()),
        ..plain(V311)
    };
    check(
        V311,
        "10 2a 00 04 4d 51 54 54 04 ec 00 14 00 04 61 33 31 31 00 04 77 6c 2f 61 00 04 67 6f 6e 65 00 04 75 73 65 72
         00 06 67 65 68 65 69 6d",
        &Packet::Connect(Box::new(connect)),
    );
    let filters = [("x/+/y", QoS::ExactlyOnce), ("$share/g/s/#", QoS::AtLeastOnce), ("r/#", QoS::AtMostOnce)];
    let filters = filters.map(|(name, qos)| (filter(name), options(qos))).to_vec();
    check(
        V311,
        "82 1f 00 01 00 05 78 2f 2b 2f 79 02 00 0c 24 73 68 61 72 65 2f 67 2f 73 2f 23 01 00 03 72 2f 23 00",
        &Packet::Subscribe(Subscribe { id: id(1), properties: Properties::new(), filters }),
    );
    let reasons = vec![ReasonCode::GrantedQos2, ReasonCode::GrantedQos1, ReasonCode::Success];
    check(V311, "90 05 00 01 02 01 00", &Packet::Suback(Suback { id: id(1), properties: Properties::new(), reasons }));
    let retained = Publish {
        delivery: qos_1(3),
        retain: true,
        topic: text("x/2/y"),
        properties: Properties::new(),
        payload: payload(b"q1"),
    };
    check(V311, "33 0b 00 05 78 2f 32 2f 79 00 03 71 31", &Packet::Publish(retained));
    check(V311, "34 0b 00 05 78 2f 31 2f 79 00 02 71 32", &publish(qos_2(2), "x/1/y", Properties::new(), b"q2"));
    let filters = vec![filter("x/+/y"), filter("nothing")];
    check(
        V311,
        "a2 12 00 05 00 05 78 2f 2b 2f 79 00 07 6e 6f 74 68 69 6e 67",
        &Packet::Unsubscribe(Unsubscribe { id: id(5), properties: Properties::new(), filters }),
    );
}

/// Captured: a CONNECT with all that paho can say, and mosquitto's answers.
#[test]
fn paho_and_mosquitto_connect_with_5_0() {
    let will = Will {
        topic: text("wl/b"),
        payload: payload(b"weg"),
        qos: QoS::ExactlyOnce,
        retain: false,
        properties: properties([
            P::PayloadFormat(true),
            P::MessageExpiry(100),
            P::ContentType(text("text/plain")),
            P::ResponseTopic(text("re/b")),
            P::CorrelationData(Binary::new(vec![1, 2]).unwrap()),
            P::WillDelay(7),
            user("wk", "wv"),
        ]),
    };
    let connect = Connect {
        keep_alive: 30,
        client_id: text("b5"),
        will: Some(will),
        properties: properties([
            P::SessionExpiry(300),
            P::RequestProblemInformation(true),
            P::RequestResponseInformation(true),
            P::ReceiveMaximum(NonZeroU16::new(5).unwrap()),
            P::TopicAliasMaximum(3),
            user("a", "1"),
            user("a", "2"),
            P::MaximumPacketSize(NonZeroU32::new(2000).unwrap()),
        ]),
        ..plain(V5)
    };
    check(
        V5,
        "10 6b 00 04 4d 51 54 54 05 16 00 1e 22 11 00 00 01 2c 17 01 19 01 21 00 05 22 00 03 26 00 01 61 00 01 31 26 00
         01 61 00 01 32 27 00 00 07 d0 00 02 62 35 2e 01 01 02 00 00 00 64 03 00 0a 74 65 78 74 2f 70 6c 61 69 6e 08 00 04
         72 65 2f 62 09 00 02 01 02 18 00 00 00 07 26 00 02 77 6b 00 02 77 76 00 04 77 6c 2f 62 00 03 77 65 67",
        &Packet::Connect(Box::new(connect)),
    );
    let nameless = Connect { keep_alive: 15, client_id: Text::default(), ..plain(V5) };
    check(V5, "10 0d 00 04 4d 51 54 54 05 02 00 0f 00 00 00", &Packet::Connect(Box::new(nameless)));
    let given = properties([
        P::TopicAliasMaximum(10),
        P::AssignedClientIdentifier(text("auto-E1D65ACC-F217-2366-D2F9-C2E514AB8399")),
        P::ReceiveMaximum(NonZeroU16::new(20).unwrap()),
    ]);
    check(
        V5,
        "20 35 00 00 32 22 00 0a 12 00 29 61 75 74 6f 2d 45 31 44 36 35 41 43 43 2d 46 32 31 37 2d 32 33 36 36 2d 44 32
         46 39 2d 43 32 45 35 31 34 41 42 38 33 39 39 21 00 14",
        &Packet::Connack(Connack { properties: given, ..Connack::new(false, ReasonCode::Success) }),
    );
    let disconnect = Disconnect {
        reason: ReasonCode::DisconnectWithWill,
        properties: properties([P::SessionExpiry(0), P::ReasonString(text("bye"))]),
    };
    check(V5, "e0 0d 04 0b 11 00 00 00 00 1f 00 03 62 79 65", &Packet::Disconnect(disconnect));
}

/// Captured: subscription options and identifier, a shared subscription, an alias with all properties of a message, and the two copies that
/// mosquitto makes of it, one with the identifier 200 and one for the shared subscription.
#[test]
fn paho_and_mosquitto_exchange_messages_with_5_0() {
    let number = P::Subscription(SubscriptionId::new(200).unwrap());
    let first = SubscriptionOptions {
        retain_as_published: true,
        retain_handling: RetainHandling::IfNew,
        ..options(QoS::ExactlyOnce)
    };
    let second = SubscriptionOptions { retain_handling: RetainHandling::Never, ..options(QoS::AtLeastOnce) };
    let subscribe = Subscribe {
        id: id(1),
        properties: properties([number.clone(), user("s", "t")]),
        filters: vec![(filter("t/#"), first), (filter("u/+"), second)],
    };
    check(
        V5,
        "82 19 00 01 0a 0b c8 01 26 00 01 73 00 01 74 00 03 74 2f 23 1a 00 03 75 2f 2b 21",
        &Packet::Subscribe(subscribe),
    );
    let reasons = vec![ReasonCode::GrantedQos2, ReasonCode::GrantedQos1];
    check(V5, "90 05 00 01 00 02 01", &Packet::Suback(Suback { id: id(1), properties: Properties::new(), reasons }));
    let shared = vec![(filter("$share/grp/t/+"), options(QoS::AtLeastOnce))];
    check(
        V5,
        "82 14 00 02 00 00 0e 24 73 68 61 72 65 2f 67 72 70 2f 74 2f 2b 01",
        &Packet::Subscribe(Subscribe { id: id(2), properties: Properties::new(), filters: shared }),
    );
    let of_message = [
        P::PayloadFormat(true),
        P::ContentType(text("text")),
        P::ResponseTopic(text("re")),
        P::CorrelationData(Binary::new(vec![0xff, 0]).unwrap()),
        user("k", "v"),
        user("ä", "ö"),
    ];
    let [format, content, response, correlation, name, other] = of_message.clone();
    let alias = P::Alias(TopicAlias::new(2).unwrap());
    let sent = properties([format, P::MessageExpiry(60), content, response, correlation, alias, name, other]);
    check(
        V5,
        "34 39 00 03 74 2f 31 00 03 2b 01 01 02 00 00 00 3c 03 00 04 74 65 78 74 08 00 02 72 65 09 00 02 ff 00 23 00 02 26
         00 01 6b 00 01 76 26 00 02 c3 a4 00 02 c3 b6 67 72 c3 bc c3 9f",
        &publish(qos_2(3), "t/1", sent, "grüß".as_bytes()),
    );
    let expiry = [P::MessageExpiry(60)];
    let copy = [number].into_iter().chain(of_message.clone()).chain(expiry.clone()).collect();
    check_at(
        Decoder::of_client(V5),
        V5,
        "34 39 00 03 74 2f 31 00 01 2b 0b c8 01 01 01 03 00 04 74 65 78 74 08 00 02 72 65 09 00 02 ff 00 26 00 01 6b 00
         01 76 26 00 02 c3 a4 00 02 c3 b6 02 00 00 00 3c 67 72 c3 bc c3 9f",
        &publish(qos_2(1), "t/1", copy, "grüß".as_bytes()),
    );
    let copy = of_message.into_iter().chain(expiry).collect();
    check(
        V5,
        "32 36 00 03 74 2f 31 00 02 28 01 01 03 00 04 74 65 78 74 08 00 02 72 65 09 00 02 ff 00 26 00 01 6b 00 01 76 26
         00 02 c3 a4 00 02 c3 b6 02 00 00 00 3c 67 72 c3 bc c3 9f",
        &publish(qos_1(2), "t/1", copy, "grüß".as_bytes()),
    );
}

/// Captured: user properties of an UNSUBSCRIBE, and an answer for each filter.
#[test]
fn paho_and_mosquitto_end_subscriptions_with_5_0() {
    let unsubscribe = Unsubscribe {
        id: id(7),
        properties: properties([user("q", "r")]),
        filters: vec![filter("u/+"), filter("none")],
    };
    check(
        V5,
        "a2 15 00 07 07 26 00 01 71 00 01 72 00 03 75 2f 2b 00 04 6e 6f 6e 65",
        &Packet::Unsubscribe(unsubscribe),
    );
    let reasons = vec![ReasonCode::Success, ReasonCode::NoSubscriptionExisted];
    check(
        V5,
        "b0 05 00 07 00 00 11",
        &Packet::Unsuback(Unsuback { id: id(7), properties: Properties::new(), reasons }),
    );
}

/// Standard: v5 §1.5.5 (3.1.1 §2.2.3), 64 and 321, and the ends of the four ranges of table 1-1.
#[test]
fn integers_of_variable_length() {
    for (value, hex) in [
        (0, "00"),
        (64, "40"),
        (127, "7f"),
        (128, "80 01"),
        (321, "c1 02"),
        (16_383, "ff 7f"),
        (16_384, "80 80 01"),
        (2_097_151, "ff ff 7f"),
        (2_097_152, "80 80 80 01"),
        (268_435_455, "ff ff ff 7f"),
    ] {
        let mut out = Vec::new();
        put_varint(value, &mut out);
        assert_eq!(out, bytes(hex), "{value}");
        assert_eq!(varint_len(value), out.len() as u64);
        let mut varint = Varint::default();
        let (last, before) = out.split_last().unwrap();
        assert!(before.iter().all(|byte| varint.push(*byte) == Ok(None)));
        assert_eq!(varint.push(*last), Ok(Some((value, true))));
    }
    // Needless bytes: 0 in two.
    let mut varint = Varint::default();
    assert_eq!((varint.push(0x80), varint.push(0)), (Ok(None), Ok(Some((0, false)))));
    // A fifth byte.
    let mut varint = Varint::default();
    (0..3).for_each(|_| assert_eq!(varint.push(0xff), Ok(None)));
    assert_eq!(varint.push(0xff).unwrap_err().reason, ReasonCode::MalformedPacket);
}

/// Standard: v5 §1.5.4 (3.1.1 §1.5.3): `A` and U+2A6D4 (figure 1.2); U+FEFF is kept wherever it stands (\[MQTT-1.5.4-3\]).
#[test]
fn strings() {
    let user_name =
        |characters: &str| Packet::Connect(Box::new(Connect { client_id: text(characters), ..plain(V311) }));
    let head = "00 04 4d 51 54 54 04 02 00 3c";
    check(V311, &format!("10 11 {head} 00 05 41 f0 aa 9b 94"), &user_name("A\u{2a6d4}"));
    check(V311, &format!("10 10 {head} 00 04 ef bb bf 61"), &user_name("\u{feff}a"));
    // A surrogate (U+D800), an overlong form of `/`, U+0000.
    for (hex, rule) in [
        ("10 0f 00 04 4d 51 54 54 04 02 00 3c 00 03 ed a0 80", "MQTT-1.5.4-1"),
        ("10 0e 00 04 4d 51 54 54 04 02 00 3c 00 02 c0 af", "MQTT-1.5.4-1"),
        ("10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 00", "MQTT-1.5.4-2"),
    ] {
        let mut decoder = Decoder::of_server();
        decoder.push(&Rope::from(bytes(hex)));
        let fault = decoder.next_packet().unwrap_err();
        assert_eq!((fault.reason, fault.rule), (ReasonCode::MalformedPacket, rule), "{hex}");
    }
    assert!(Text::new(&"a".repeat(65535)).is_ok() && Text::new(&"a".repeat(65536)).is_err());
}
