//! Properties of values, frames and messages.

use crate::amqp::v10::vectors::{opened, symbol};
use crate::amqp::v10::wire::{
    AnnotationKey, Array, Attach, Body, DeliveryState, DeliveryTag, Disposition, Error, Flow, Frame, Item, Kind, Map,
    Message, MessageHeader, MessageId, Modified, Performative as P, Properties, Role, Source, Transfer, Value,
};
use crate::rope::{Rope, Run};
use proptest::prelude::*;

fn any_bytes() -> impl Strategy<Value = Rope> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Rope::from),
        (0_u32..3, 0_u64..600, 1_u64..3_000).prop_map(|(key, offset, len)| Rope::fill(key, offset, len)),
    ]
}

fn any_plain() -> BoxedStrategy<Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        any::<u8>().prop_map(Value::Ubyte),
        any::<u16>().prop_map(Value::Ushort),
        prop_oneof![any::<u32>(), 0_u32..300].prop_map(Value::Uint),
        prop_oneof![any::<u64>(), 0_u64..300].prop_map(Value::Ulong),
        any::<i8>().prop_map(Value::Byte),
        any::<i16>().prop_map(Value::Short),
        prop_oneof![any::<i32>(), -200_i32..200].prop_map(Value::Int),
        prop_oneof![any::<i64>(), -200_i64..200].prop_map(Value::Long),
        any::<u32>().prop_map(Value::Float),
        any::<u64>().prop_map(Value::Double),
        any::<u32>().prop_map(Value::Decimal32),
        any::<u64>().prop_map(Value::Decimal64),
        any::<u128>().prop_map(Value::Decimal128),
        any::<char>().prop_map(Value::Char),
        any::<i64>().prop_map(Value::Timestamp),
        any::<u128>().prop_map(Value::Uuid),
        any_bytes().prop_map(Value::Binary),
        "[a-zä]{0,300}".prop_map(|text| Value::string(&text)),
        "[a-z]{0,300}".prop_map(|text| Value::Symbol(symbol(&text))),
    ]
    .boxed()
}

fn any_value() -> BoxedStrategy<Value> {
    any_plain()
        .prop_recursive(3, 24, 4, |inner| {
            let pairs = prop::collection::vec((inner.clone(), inner.clone()), 0..4);
            let array = (inner.clone(), prop::collection::vec(inner.clone(), 0..8)).prop_map(|(first, others)| {
                let kind = first.kind().unwrap_or(Kind::Null);
                let items = others.into_iter().chain([first]).filter(|item| item.kind() == Some(kind)).collect();
                Value::Array(Box::new(Array::described(vec![Value::Ulong(7)], kind, items).unwrap()))
            });
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                pairs.prop_map(|pairs| Value::Map(pairs.into_iter().collect())),
                array,
                (inner.clone(), inner).prop_map(|both| Value::Described(Box::new(both))),
            ]
        })
        .boxed()
}

fn any_state() -> impl Strategy<Value = DeliveryState> {
    prop_oneof![
        (any::<u32>(), any::<u64>())
            .prop_map(|(section_number, section_offset)| DeliveryState::Received { section_number, section_offset }),
        Just(DeliveryState::Accepted),
        Just(DeliveryState::Released),
        prop::option::of("[a-z:]{1,9}")
            .prop_map(|condition| DeliveryState::Rejected(condition.map(|condition| {
                Box::new(Error { condition: symbol(&condition), description: None, info: None })
            }))),
        (any::<Option<bool>>(), any::<Option<bool>>()).prop_map(|(delivery_failed, undeliverable_here)| {
            let annotations = [(AnnotationKey::Ulong(4), Value::Null)].into_iter().collect();
            let message_annotations = delivery_failed.map(|_| annotations);
            DeliveryState::Modified(Box::new(Modified { delivery_failed, undeliverable_here, message_annotations }))
        }),
    ]
}

fn any_tag() -> impl Strategy<Value = DeliveryTag> {
    prop::collection::vec(any::<u8>(), 0..=32).prop_map(|bytes| DeliveryTag::new(bytes).unwrap())
}

fn any_frame() -> BoxedStrategy<Item> {
    let transfer = (
        any::<u32>(),
        any::<Option<u32>>(),
        prop::option::of(any_tag()),
        prop::option::of(any_state()),
        any::<[Option<bool>; 5]>(),
        any_bytes(),
    )
        .prop_map(
            |(handle, delivery_id, delivery_tag, state, [settled, more, resume, aborted, batchable], payload)| {
                let transfer = Transfer {
                    handle,
                    delivery_id,
                    delivery_tag,
                    state,
                    settled,
                    more,
                    resume,
                    aborted,
                    batchable,
                    ..Transfer::default()
                };
                Item::Frame(Frame::Amqp { channel: 3, performative: P::Transfer(Box::new(transfer)), payload })
            },
        );
    let flow = (any::<[Option<u32>; 2]>(), any::<[u32; 3]>(), any::<Option<u32>>(), any::<[Option<bool>; 2]>())
        .prop_map(
            |(
                [next_incoming_id, handle],
                [incoming_window, next_outgoing_id, outgoing_window],
                credit,
                [drain, echo],
            )| {
                let link = handle.and(credit);
                let flow = Flow {
                    next_incoming_id,
                    incoming_window,
                    next_outgoing_id,
                    outgoing_window,
                    handle,
                    delivery_count: link,
                    link_credit: link,
                    available: None,
                    drain: handle.and(drain),
                    echo,
                    properties: None,
                };
                Item::frame(0, P::Flow(Box::new(flow)))
            },
        );
    let disposition =
        (any::<bool>(), any::<u32>(), any::<Option<u32>>(), any::<Option<bool>>(), prop::option::of(any_state()))
            .prop_map(|(is_sender, first, last, settled, state)| {
                let role = if is_sender { Role::Sender } else { Role::Receiver };
                let disposition = Disposition { role, first, last, settled, state, batchable: None };
                Item::frame(65535, P::Disposition(Box::new(disposition)))
            });
    let unsettled = prop::collection::btree_map(any_tag(), prop::option::of(any_state()), 0..5);
    let attach = (unsettled, any::<u32>(), prop::option::of(any_value())).prop_map(|(unsettled, handle, address)| {
        let source = address.map(|address| {
            Box::new(Source { address, capabilities: vec![symbol("a"), symbol("b")], ..Source::default() })
        });
        let attach = Attach {
            name: "n".into(),
            handle,
            role: Role::Receiver,
            snd_settle_mode: None,
            rcv_settle_mode: None,
            source,
            target: None,
            unsettled: Some(unsettled.into_iter().collect()),
            incomplete_unsettled: None,
            initial_delivery_count: None,
            max_message_size: Some(7),
            offered_capabilities: vec![],
            desired_capabilities: vec![symbol("x")],
            properties: None,
        };
        Item::frame(0, P::Attach(Box::new(attach)))
    });
    prop_oneof![transfer, flow, disposition, attach].boxed()
}

fn any_message() -> impl Strategy<Value = Message> {
    let body = prop_oneof![
        prop::collection::vec(any_bytes(), 1..3).prop_map(Body::Data),
        prop::collection::vec(prop::collection::vec(any_value(), 0..3), 1..3).prop_map(Body::Sequence),
        any_value().prop_map(Body::Value),
    ];
    (body, any::<[bool; 4]>(), any_plain()).prop_map(|(body, [header, annotations, properties, footer], value)| {
        let some: Map<AnnotationKey, Value> =
            [(AnnotationKey::Symbol(symbol("k")), value.clone())].into_iter().collect();
        Message {
            header: header.then(|| MessageHeader { ttl: Some(5), ..MessageHeader::default() }),
            delivery_annotations: annotations.then(|| some.clone()),
            message_annotations: footer.then(|| some.clone()),
            properties: properties.then(|| {
                Box::new(Properties {
                    message_id: Some(MessageId::Ulong(9)),
                    creation_time: Some(-1),
                    ..Properties::default()
                })
            }),
            application_properties: annotations.then(|| [("key".into(), value)].into_iter().collect()),
            body,
            footer: footer.then_some(some),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn values_are_read_as_they_are_written(value in any_value()) {
        prop_assert_eq!(Value::decode(&value.encode()), Ok(value));
    }

    #[test]
    fn messages_are_read_as_they_are_written(message in any_message()) {
        prop_assert_eq!(Message::decode(&message.encode()), Ok(message));
    }

    /// However the stream is cut.
    #[test]
    fn frames_are_read_as_they_are_written(items in prop::collection::vec(any_frame(), 1..4), cut in 1_u64..2_000) {
        let mut stream = Rope::new();
        items.iter().for_each(|item| stream.append(&item.encode()));
        let (mut decoder, mut read, mut at) = (opened(), vec![], 0);
        while at < stream.len() {
            decoder.push(&stream.slice(at, cut));
            at += cut;
            while let Some(item) = decoder.next_item().unwrap() {
                read.push(item);
            }
        }
        prop_assert_eq!(read.len(), items.len());
        for (read, item) in read.iter().zip(&items) {
            prop_assert_eq!(read.encode().to_bytes(), item.encode().to_bytes());
        }
    }

    /// Each byte cut and flipped: no panic, and what is read can be written.
    #[test]
    fn bytes_that_are_cut_or_flipped_are_read_or_refused(item in any_frame(), flip in 1_u8..) {
        let bytes = item.encode().slice(0, 400).to_bytes();
        for at in 0..bytes.len() {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= flip;
            for wire in [&flipped[..], &bytes[..at]] {
                let mut decoder = opened();
                decoder.push(&Rope::from(wire.to_vec()));
                while let Ok(Some(item)) = decoder.next_item() {
                    item.encode();
                }
            }
            if let Ok(message) = Message::decode(&Rope::from(flipped)) {
                message.encode();
            }
        }
    }
}

/// Bulk data stays as it is, in a payload and in a value.
#[test]
fn virtual_bytes_are_never_made() {
    let payload = Message::data(Rope::fill(7, 0, 1 << 20)).encode();
    // 00 53 75 b0 and four bytes of length.
    assert_eq!(payload.len(), 8 + (1 << 20));
    assert_eq!(payload.runs()[1], Run::Fill { key: 7, offset: 0, len: 1 << 20 });
    let message = Message::decode(&payload).unwrap();
    assert_eq!(message.single_data(), Some(&Rope::fill(7, 0, 1 << 20)));
}

/// §1.6.23, §2.7.3: a map of 50,000 tags comes as it was written, in its order, which is not that of the tags; with one of them twice it is refused.
#[test]
fn large_maps() {
    let tag = |number: u32| DeliveryTag::new(number.reverse_bits().to_be_bytes().to_vec()).unwrap();
    let pairs: Vec<(DeliveryTag, Value)> = (0..50_000).map(|number| (tag(number), Value::Uint(number))).collect();
    let written = |more: Option<&DeliveryTag>| {
        let keys = pairs.iter().map(|(tag, _)| tag).chain(more);
        let mut body = 100_000_u32.to_be_bytes().to_vec();
        if more.is_some() {
            body = 100_002_u32.to_be_bytes().to_vec();
        }
        for (number, tag) in (0_u32..).zip(keys) {
            body.extend([0xa0, 4]);
            body.extend(tag.as_bytes());
            body.push(0x70);
            body.extend(number.to_be_bytes());
        }
        Rope::from([&[0xd1][..], &(body.len() as u32).to_be_bytes(), &body].concat())
    };
    let Value::Map(map) = Value::decode(&written(None)).unwrap() else { panic!("no map") };
    assert_eq!(map.len(), 50_000);
    for ((key, value), (tag, wanted)) in map.iter().zip(&pairs) {
        assert_eq!((key, value), (&Value::Binary(Rope::from(tag.as_bytes().to_vec())), wanted));
    }
    let fault = Value::decode(&written(Some(&tag(777)))).unwrap_err();
    assert_eq!(fault.rule, "§1.6.23");
}

/// A map whose key is a map whose key is a map, 30 deep: each is read once. Twice each would be 2³⁰ times.
#[test]
fn maps_as_keys_of_maps() {
    let mut value = Value::Null;
    for _ in 0..30 {
        value = Value::Map([(value, Value::Null)].into_iter().collect());
    }
    assert_eq!(Value::decode(&value.encode()).unwrap(), value);
}

/// Many pairs at once are added as one by one: the later value counts, in the place of the first.
#[test]
fn pairs_are_added_at_once_as_one_by_one() {
    let pairs = [(3, 'a'), (1, 'b'), (3, 'c'), (2, 'd'), (1, 'e')];
    let mut at_once = Map::new();
    at_once.insert(2, 'z');
    let mut one_by_one = at_once.clone();
    at_once.insert_all(pairs);
    pairs.into_iter().for_each(|(key, value)| one_by_one.insert(key, value));
    assert_eq!(at_once, one_by_one);
    assert_eq!(at_once.iter().copied().collect::<Vec<_>>(), [(2, 'd'), (3, 'c'), (1, 'e')]);
}
