//! Properties of all packets of both versions.

use super::text;
use crate::mqtt::topic::TopicFilter;
use crate::mqtt::wire::{
    Ack, Auth, Binary, Connack, Connect, Decoder, Delivery, Disconnect, Packet, PacketId, Peer, Place, Properties,
    Property, Publish, QoS, ReasonCode, RetainHandling, Suback, Subscribe, SubscriptionId, SubscriptionOptions, Text,
    TopicAlias, Unsuback, Unsubscribe, Version, Will,
};
use crate::rope::{Rope, Run};
use proptest::prelude::*;
use std::num::{NonZeroU16, NonZeroU32};

fn any_text() -> impl Strategy<Value = Text> {
    "[a-z/ä\u{feff}\u{10ffff}]{0,12}".prop_map(|characters| text(&characters))
}

fn any_topic() -> impl Strategy<Value = Text> {
    "[a-c/$ü]{1,12}".prop_map(|characters| text(&characters))
}

fn any_filter() -> impl Strategy<Value = TopicFilter> {
    let level = prop_oneof![Just("+".to_owned()), "[a-c]{0,3}", Just("$share".to_owned())];
    let parts = (prop::collection::vec(level, 1..4), any::<bool>(), any::<bool>());
    parts.prop_filter_map("a filter", |(levels, is_shared, is_hash)| {
        let mut characters = if is_shared { "$share/gr/".to_owned() } else { String::new() } + &levels.join("/");
        if is_hash {
            characters += "/#";
        }
        let filter = TopicFilter::new(Text::new(&characters).ok()?).ok()?;
        filter.check_share().ok().map(|()| filter)
    })
}

fn any_binary() -> impl Strategy<Value = Binary> {
    prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Binary::new(bytes).unwrap())
}

/// Real bytes and virtual ones.
fn any_payload() -> impl Strategy<Value = Rope> {
    let bytes = prop::collection::vec(any::<u8>(), 0..400).prop_map(|bytes| Run::Bytes(bytes.into()));
    let fill = (0_u32..3, 0_u64..600, 0_u64..3_000).prop_map(|(key, offset, len)| Run::Fill { key, offset, len });
    prop::collection::vec(prop_oneof![bytes, fill], 0..3).prop_map(|runs| runs.into_iter().collect())
}

fn any_id() -> impl Strategy<Value = PacketId> {
    (1_u16..).prop_map(|number| PacketId::new(number).unwrap())
}

fn any_qos() -> impl Strategy<Value = QoS> {
    (0_u8..3).prop_map(|bits| QoS::from_bits(bits).unwrap())
}

/// A value for each property that there is.
fn any_property(identifier: u8) -> BoxedStrategy<Property> {
    use Property as P;
    let strategy = |strategy: BoxedStrategy<Property>| strategy;
    match identifier {
        0x01 => any::<bool>().prop_map(P::PayloadFormat).boxed(),
        0x02 => any::<u32>().prop_map(P::MessageExpiry).boxed(),
        0x03 => any_text().prop_map(P::ContentType).boxed(),
        0x08 => any_topic().prop_map(P::ResponseTopic).boxed(),
        0x09 => any_binary().prop_map(P::CorrelationData).boxed(),
        0x0b => (1_u32..1 << 28).prop_map(|id| P::Subscription(SubscriptionId::new(id).unwrap())).boxed(),
        0x11 => any::<u32>().prop_map(P::SessionExpiry).boxed(),
        0x12 => any_text().prop_map(P::AssignedClientIdentifier).boxed(),
        0x13 => any::<u16>().prop_map(P::ServerKeepAlive).boxed(),
        0x15 => any_text().prop_map(P::AuthenticationMethod).boxed(),
        0x16 => any_binary().prop_map(P::AuthenticationData).boxed(),
        0x17 => any::<bool>().prop_map(P::RequestProblemInformation).boxed(),
        0x18 => any::<u32>().prop_map(P::WillDelay).boxed(),
        0x19 => any::<bool>().prop_map(P::RequestResponseInformation).boxed(),
        0x1a => any_text().prop_map(P::ResponseInformation).boxed(),
        0x1c => any_text().prop_map(P::ServerReference).boxed(),
        0x1f => any_text().prop_map(P::ReasonString).boxed(),
        0x21 => any::<NonZeroU16>().prop_map(P::ReceiveMaximum).boxed(),
        0x22 => any::<u16>().prop_map(P::TopicAliasMaximum).boxed(),
        0x23 => (1_u16..).prop_map(|alias| P::Alias(TopicAlias::new(alias).unwrap())).boxed(),
        0x24 => (0_u8..2).prop_map(|bits| P::MaximumQos(QoS::from_bits(bits).unwrap())).boxed(),
        0x25 => any::<bool>().prop_map(P::RetainAvailable).boxed(),
        0x26 => strategy((any_text(), any_text()).prop_map(P::User).boxed()),
        0x27 => any::<NonZeroU32>().prop_map(P::MaximumPacketSize).boxed(),
        0x28 => any::<bool>().prop_map(P::WildcardAvailable).boxed(),
        0x29 => any::<bool>().prop_map(P::SubscriptionIdsAvailable).boxed(),
        0x2a => any::<bool>().prop_map(P::SharedAvailable).boxed(),
        other => panic!("no property has the identifier {other:#x}"),
    }
}

/// Some of those that may stand there, in any order; user properties, and numbers in a PUBLISH, twice.
fn any_properties(version: Version, place: Place) -> BoxedStrategy<Properties> {
    if version == Version::V311 {
        return Just(Properties::new()).boxed();
    }
    let allowed: Vec<u8> =
        Property::IDENTIFIERS.iter().copied().filter(|id| Property::is_allowed_in(*id, place)).collect();
    let repeated = if place == Place::Publish { vec![0x26, 0x0b] } else { vec![0x26] };
    let all: Vec<u8> = allowed.into_iter().chain(repeated).collect();
    let most = all.len();
    prop::sample::subsequence(all, 0..=most)
        .prop_shuffle()
        .prop_flat_map(|chosen| chosen.into_iter().map(any_property).collect::<Vec<_>>())
        .prop_map(|list| list.into_iter().collect::<Properties>())
        // Data of authentication wants its method.
        .prop_map(|mut list| {
            if list.authentication_method().is_none() {
                list.retain(|property| property.identifier() != 0x16);
            }
            list
        })
        .boxed()
}

fn any_reason(version: Version, place: Place) -> BoxedStrategy<ReasonCode> {
    let allowed: Vec<ReasonCode> = ReasonCode::ALL
        .iter()
        .copied()
        .filter(|reason| reason.is_allowed_in(place))
        .filter(|reason| match (version, place) {
            (Version::V5, _) => true,
            (_, Place::Connack) => reason.connect_return_code().is_some(),
            (_, Place::Suback) => matches!(reason.as_u8(), 0 | 1 | 2 | 0x80),
            _ => *reason == ReasonCode::Success,
        })
        .collect();
    prop::sample::select(allowed).boxed()
}

fn any_connect(version: Version) -> BoxedStrategy<Packet> {
    let will = (any_topic(), any_payload(), any_qos(), any::<bool>(), any_properties(version, Place::Will))
        .prop_map(|(topic, payload, qos, retain, properties)| Will { topic, payload, qos, retain, properties });
    let who = (any_text(), prop::option::of(any_text()), prop::option::of(any_binary()));
    let how = (any::<bool>(), any::<u16>(), any_properties(version, Place::Connect));
    (who, how, prop::option::of(will))
        .prop_map(move |((client_id, user_name, password), (clean_start, keep_alive, properties), will)| {
            let password = password.filter(|_| version == Version::V5 || user_name.is_some());
            let connect =
                Connect { version, clean_start, keep_alive, client_id, will, user_name, password, properties };
            Packet::Connect(Box::new(connect))
        })
        .boxed()
}

fn any_publish(version: Version) -> BoxedStrategy<Packet> {
    let delivery = (any_qos(), any_id(), any::<bool>()).prop_map(|(qos, id, dup)| match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { id, dup },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { id, dup },
    });
    (delivery, any::<bool>(), any_topic(), any_properties(version, Place::Publish), any_payload(), any::<bool>())
        .prop_map(|(delivery, retain, topic, properties, payload, is_short)| {
            let is_short = is_short && properties.topic_alias().is_some();
            let topic = if is_short { Text::default() } else { topic };
            Packet::Publish(Publish { delivery, retain, topic, properties, payload })
        })
        .boxed()
}

fn any_ack(version: Version, place: Place, packet: fn(Ack) -> Packet) -> BoxedStrategy<Packet> {
    (any_id(), any_reason(version, place), any_properties(version, place))
        .prop_map(move |(id, reason, properties)| packet(Ack { id, reason, properties }))
        .boxed()
}

fn any_subscribe(version: Version) -> BoxedStrategy<Packet> {
    let options = (any_qos(), any::<bool>(), any::<bool>(), 0_u8..3).prop_map(
        move |(qos, no_local, retain_as_published, handling)| match version {
            Version::V311 => SubscriptionOptions::new(qos),
            Version::V5 => {
                let retain_handling = RetainHandling::from_bits(handling).unwrap();
                SubscriptionOptions { qos, no_local, retain_as_published, retain_handling }
            }
        },
    );
    let one = (any_filter(), options).prop_map(|(filter, options)| {
        let no_local = options.no_local && filter.share().is_none();
        (filter, SubscriptionOptions { no_local, ..options })
    });
    (any_id(), any_properties(version, Place::Subscribe), prop::collection::vec(one, 1..4))
        .prop_map(|(id, properties, filters)| Packet::Subscribe(Subscribe { id, properties, filters }))
        .boxed()
}

fn any_reasons(version: Version, place: Place) -> BoxedStrategy<Vec<ReasonCode>> {
    match (version, place) {
        (Version::V311, Place::Unsuback) => Just(Vec::new()).boxed(),
        _ => prop::collection::vec(any_reason(version, place), 1..4).boxed(),
    }
}

/// Any packet of all 15 types, as far as the version has them, with who may send it.
fn any_packet(version: Version) -> impl Strategy<Value = Packet> {
    let ack = |place, packet| any_ack(version, place, packet);
    let answer = |place| (any_id(), any_properties(version, place), any_reasons(version, place));
    let connack = (any::<bool>(), any_reason(version, Place::Connack), any_properties(version, Place::Connack));
    let filters = prop::collection::vec(any_filter(), 1..4);
    let disconnect = (any_reason(version, Place::Disconnect), any_properties(version, Place::Disconnect));
    let auth = (any_reason(version, Place::Auth), any_properties(version, Place::Auth));
    let last = match version {
        Version::V311 => Just(Packet::Pingresp).boxed(),
        Version::V5 => auth.prop_map(|(reason, properties)| Packet::Auth(Auth { reason, properties })).boxed(),
    };
    prop_oneof![
        any_connect(version),
        connack.prop_map(|(present, reason, properties)| {
            let session_present = present && reason == ReasonCode::Success;
            Packet::Connack(Connack { session_present, reason, properties })
        }),
        any_publish(version),
        ack(Place::Puback, Packet::Puback),
        ack(Place::Pubrec, Packet::Pubrec),
        ack(Place::Pubrel, Packet::Pubrel),
        ack(Place::Pubcomp, Packet::Pubcomp),
        any_subscribe(version),
        answer(Place::Suback).prop_map(|(id, properties, reasons)| Packet::Suback(Suback { id, properties, reasons })),
        (any_id(), any_properties(version, Place::Unsubscribe), filters)
            .prop_map(|(id, properties, filters)| Packet::Unsubscribe(Unsubscribe { id, properties, filters })),
        answer(Place::Unsuback).prop_map(|(id, properties, reasons)| Packet::Unsuback(Unsuback {
            id,
            properties,
            reasons
        })),
        Just(Packet::Pingreq),
        Just(Packet::Pingresp),
        disconnect.prop_map(|(reason, properties)| Packet::Disconnect(Disconnect { reason, properties })),
        last,
    ]
}

fn any_version() -> impl Strategy<Value = Version> {
    prop::sample::select(vec![Version::V311, Version::V5])
}

fn any_packets() -> impl Strategy<Value = (Version, Vec<Packet>)> {
    any_version().prop_flat_map(|version| (Just(version), prop::collection::vec(any_packet(version), 1..6)))
}

/// Whether this end may send it. Where a property is for one direction alone, that counts as well.
fn may_send(peer: Peer, version: Version, packet: &Packet) -> bool {
    match packet {
        Packet::Connack(_) | Packet::Suback(_) | Packet::Unsuback(_) | Packet::Pingresp => peer == Peer::Server,
        Packet::Connect(_) | Packet::Subscribe(_) | Packet::Unsubscribe(_) | Packet::Pingreq => peer == Peer::Client,
        Packet::Publish(publish) => peer == Peer::Server || publish.properties.subscription().is_none(),
        Packet::Disconnect(disconnect) => {
            peer == Peer::Client || (version == Version::V5 && disconnect.properties.session_expiry().is_none())
        }
        _ => true,
    }
}

/// What reads the packets of such an end; a server's decoder has had a CONNECT.
fn decoder(peer: Peer, version: Version) -> Decoder {
    match peer {
        Peer::Server => Decoder::of_client(version),
        Peer::Client => {
            let connect = Connect {
                version,
                clean_start: true,
                keep_alive: 0,
                client_id: text("c"),
                will: None,
                user_name: None,
                password: None,
                properties: Properties::new(),
            };
            let mut decoder = Decoder::of_server();
            decoder.push(&Packet::Connect(Box::new(connect)).encode(version).unwrap());
            assert!(matches!(decoder.next_packet(), Ok(Some(Packet::Connect(_)))));
            decoder
        }
    }
}

/// A stream in pieces of at most so many bytes, virtual ones as virtual ones.
fn in_pieces(stream: &Rope, piece: u64) -> impl Iterator<Item = Rope> {
    (0..stream.len().div_ceil(piece)).map(move |i| stream.slice(i * piece, piece))
}

proptest! {
    /// Lengths agree, and what is written is read the same, by whoever may get it, in pieces of any size.
    #[test]
    fn what_is_written_is_read_the_same((version, packets) in any_packets(), piece in 1_u64..400) {
        for packet in &packets {
            let wire = packet.encode(version).unwrap();
            prop_assert_eq!(wire.len(), packet.wire_len(version), "{:?}", packet);
            if matches!(packet, Packet::Connect(_)) {
                let mut decoder = Decoder::of_server();
                in_pieces(&wire, piece).for_each(|piece| decoder.push(&piece));
                let read = decoder.next_packet().unwrap().unwrap();
                prop_assert_eq!(read.encode(version).unwrap().to_bytes(), wire.to_bytes());
                prop_assert_eq!(decoder.version(), Some(version));
            }
        }
        for peer in [Peer::Client, Peer::Server] {
            let sent: Vec<&Packet> = packets
                .iter()
                .filter(|packet| may_send(peer, version, packet) && !matches!(packet, Packet::Connect(_)))
                .collect();
            let mut stream = Rope::new();
            sent.iter().for_each(|packet| stream.append(&packet.encode(version).unwrap()));
            let (mut decoder, mut read) = (decoder(peer, version), Vec::new());
            for part in in_pieces(&stream, piece) {
                decoder.push(&part);
                while let Some(packet) = decoder.next_packet().unwrap() {
                    read.push(packet);
                }
            }
            prop_assert_eq!(decoder.waiting(), 0);
            prop_assert_eq!(read.len(), sent.len());
            for (read, sent) in read.iter().zip(sent) {
                // Payloads that were cut are the same bytes in other runs.
                prop_assert_eq!(read.encode(version).unwrap().to_bytes(), sent.encode(version).unwrap().to_bytes());
                prop_assert_eq!(std::mem::discriminant(read), std::mem::discriminant(sent));
            }
            for packet in packets.iter().filter(|packet| !may_send(peer, version, packet)) {
                let mut decoder = self::decoder(peer, version);
                decoder.push(&packet.encode(version).unwrap());
                prop_assert!(decoder.next_packet().is_err(), "{:?} from {:?}", packet, peer);
            }
        }
    }

    /// No bytes break a decoder, and pieces make no difference.
    #[test]
    fn any_bytes_are_taken_alike_however_they_are_cut(
        version in any_version(),
        (peer, first) in (prop::sample::select(vec![Peer::Client, Peer::Server]), any::<u8>()),
        rest in prop::collection::vec(any::<u8>(), 0..40),
        piece in 1_u64..7,
    ) {
        // A length that fits makes more of them packets.
        let stream: Rope = [vec![first, rest.len() as u8], rest].concat().into();
        let mut whole = decoder(peer, version);
        whole.push(&stream);
        let mut cut = decoder(peer, version);
        let mut read = Vec::new();
        for part in in_pieces(&stream, piece) {
            cut.push(&part);
            while let Ok(Some(packet)) = cut.next_packet() {
                read.push(packet);
            }
        }
        for packet in read {
            let expected = whole.next_packet().unwrap().unwrap();
            prop_assert_eq!(packet.encode(version).unwrap().to_bytes(), expected.encode(version).unwrap().to_bytes());
        }
        prop_assert_eq!(whole.next_packet(), cut.next_packet());
    }
}

/// 200 MB of fill in pieces of 1 MB, held and passed on as one run.
#[test]
fn bulk_data_passes_as_bulk_data() {
    let payload = Rope::fill(7, 0, 200_000_000);
    let publish = Publish {
        delivery: Delivery::AtMostOnce,
        retain: false,
        topic: text("bulk"),
        properties: Properties::new(),
        payload: payload.clone(),
    };
    let wire = Packet::Publish(publish).encode(Version::V5).unwrap();
    // Type, length in four bytes, topic with its length, no properties.
    assert_eq!(wire.len(), 1 + 4 + 2 + 4 + 1 + 200_000_000);
    let mut decoder = Decoder::of_client(Version::V5);
    for piece in in_pieces(&wire, 1_000_000) {
        assert_eq!(decoder.next_packet(), Ok(None));
        decoder.push(&piece);
    }
    let Ok(Some(Packet::Publish(read))) = decoder.next_packet() else { panic!("a PUBLISH") };
    assert_eq!(read.payload, payload);
}

/// 200,000 bytes that come one by one are held in 50 runs.
#[test]
fn crumbs_are_put_together() {
    let payload = Rope::from(vec![9; 200_000]);
    let (topic, properties) = (text("t"), Properties::new());
    let publish =
        Packet::Publish(Publish { delivery: Delivery::AtMostOnce, retain: false, topic, properties, payload });
    let mut decoder = Decoder::of_client(Version::V311);
    in_pieces(&publish.encode(Version::V311).unwrap(), 1).for_each(|byte| decoder.push(&byte));
    let Ok(Some(Packet::Publish(read))) = decoder.next_packet() else { panic!("a PUBLISH") };
    assert!(read.payload.runs().len() <= 50, "{}", read.payload.runs().len());
    assert_eq!(read.payload.to_bytes(), vec![9; 200_000]);
}

/// A packet that is too large is refused by its fixed header, before it comes; one of the largest size is taken.
#[test]
fn the_maximum_packet_size_is_kept_from_the_fixed_header_on() {
    let packet = |len| {
        let payload = Rope::fill(1, 0, len);
        let (topic, properties) = (text("t"), Properties::new());
        Packet::Publish(Publish { delivery: Delivery::AtMostOnce, retain: false, topic, properties, payload })
    };
    // Two bytes before 3 of the topic and 1 of the properties.
    let largest = packet(94).encode(Version::V5).unwrap();
    assert_eq!(largest.len(), 100);
    let mut decoder = Decoder::of_client(Version::V5).with_limit(100);
    decoder.push(&largest);
    assert_eq!(decoder.next_packet(), Ok(Some(packet(94))));
    decoder.push(&packet(95).encode(Version::V5).unwrap().slice(0, 2));
    assert_eq!(decoder.next_packet().unwrap_err().reason, ReasonCode::PacketTooLarge);
    // From then on it takes, and holds, nothing.
    decoder.push(&largest);
    assert_eq!(decoder.waiting(), 0);
    assert_eq!(decoder.next_packet().unwrap_err().reason, ReasonCode::PacketTooLarge);
    // No length says more.
    let too_long = packet(268_435_455).encode(Version::V5).unwrap_err();
    assert_eq!(too_long.reason, ReasonCode::PacketTooLarge);
    assert!(packet(268_435_455 - 4).encode(Version::V5).is_ok());
}

/// A decoder of a connection at rest, of which a broker has 100,000.
#[test]
fn a_decoder_is_small() {
    assert!(size_of::<Decoder>() <= 56, "{}", size_of::<Decoder>());
    assert!(size_of::<Packet>() <= 88, "{}", size_of::<Packet>());
}

/// What a version does not have is left out, or refused (3.1.1 §3.2.2.3, §3.9.3).
#[test]
fn what_3_1_1_does_not_have() {
    let id = PacketId::FIRST;
    let properties: Properties = [Property::ReasonString(text("why"))].into_iter().collect();
    let hex = |packet: Packet| packet.encode(Version::V311).map(|wire| wire.to_bytes().to_vec());
    let ack = Ack { id, reason: ReasonCode::QuotaExceeded, properties: properties.clone() };
    assert_eq!(hex(Packet::Puback(ack)), Ok(vec![0x40, 2, 0, 1]));
    let reasons = vec![ReasonCode::GrantedQos2, ReasonCode::QuotaExceeded];
    let suback = Suback { id, properties, reasons };
    assert_eq!(hex(Packet::Suback(suback)), Ok(vec![0x90, 4, 0, 1, 2, 0x80]));
    let banned = Connack::new(false, ReasonCode::Banned);
    assert_eq!(hex(Packet::Connack(banned)).unwrap_err().rule, "3.1.1 MQTT-3.2.2-6");
    let auth = Auth { reason: ReasonCode::Success, properties: Properties::new() };
    assert!(hex(Packet::Auth(auth)).is_err());
}
