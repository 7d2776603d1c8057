//! Frames in hexadecimal, both ways.
//!
//! *Sheet*: bytes of RabbitMQ 3.10.8 and pika, which know nothing of this implementation; the numbers of lines are the sheet's.

use super::wire::{
    Assembler, Command, ContentHeader, Decoder, FieldValue, Frame, FrameMax, Item, LongStr, Payload, Properties,
    ProtocolHeader, ShortStr, Table, basic, channel, connection, exchange, queue,
};
use crate::rope::Rope;

fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).expect("two hexadecimal digits")).collect()
}

fn s(text: &str) -> ShortStr {
    ShortStr::new(text).unwrap()
}

fn decoder(is_server: bool) -> Decoder {
    if !is_server {
        return Decoder::of_client();
    }
    let mut decoder = Decoder::of_server();
    decoder.push(&Rope::from(ProtocolHeader::V091.encode().to_vec()));
    assert_eq!(decoder.next_item(), Ok(Some(Item::Header(ProtocolHeader::V091))));
    decoder
}

/// The frame is written as these bytes, and they are read as the frame, by the end for which they are, in one piece and byte by byte.
#[track_caller]
fn both_ways(hex: &str, frame: &Frame, is_for_server: bool) {
    let wire = bytes(hex);
    assert_eq!(frame.encode(FrameMax::MIN).unwrap().to_bytes().to_vec(), wire, "written");
    for cut in [1, wire.len()] {
        let mut decoder = decoder(is_for_server);
        for piece in wire.chunks(cut) {
            assert_eq!(decoder.next_item(), Ok(None), "too early");
            decoder.push(&Rope::from(piece.to_vec()));
        }
        assert_eq!(decoder.next_item(), Ok(Some(Item::Frame(frame.clone()))), "read");
        assert_eq!(decoder.waiting(), 0);
    }
}

/// Sheet, line 9, and what a server says to a client that asks for something else.
#[test]
fn a_protocol_header() {
    let wire = bytes("41 4d 51 50 00 00 09 01");
    assert_eq!(ProtocolHeader::V091.encode().to_vec(), wire);
    let mut client = Decoder::of_client();
    client.push(&Rope::from(wire));
    assert_eq!(client.next_item(), Ok(Some(Item::Header(ProtocolHeader::V091))));
    // Sheet, line 91: the header of AMQP 1.0 with SASL. What follows is another decoder's.
    let mut server = Decoder::of_server();
    server.push(&Rope::from(bytes("41 4d 51 50 03 01 00 00 de ad")));
    let sasl = ProtocolHeader { id: 3, version: [1, 0, 0] };
    assert_eq!(server.next_item(), Ok(Some(Item::Header(sasl))));
    assert_eq!(server.next_item(), Ok(None));
    assert_eq!(server.into_rest().to_bytes().to_vec(), [0xde, 0xad]);
}

/// Sheet, line 10.
#[test]
fn a_heartbeat() {
    both_ways("08 00 00 00 00 00 00 ce", &Frame::HEARTBEAT, true);
    both_ways("08 00 00 00 00 00 00 ce", &Frame::HEARTBEAT, false);
}

/// Sheet, lines 41 to 43, 56 and 57.
#[test]
fn a_connection_begins() {
    let tune = connection::Tune { channel_max: 2047, frame_max: 131_072, heartbeat: 60 };
    both_ways("01 00 00 00 00 00 0c 00 0a 00 1e 07 ff 00 02 00 00 00 3c ce", &Frame::method(0, tune), false);
    let tune_ok = connection::TuneOk { channel_max: 2047, frame_max: 131_072, heartbeat: 10 };
    both_ways("01 00 00 00 00 00 0c 00 0a 00 1f 07 ff 00 02 00 00 00 0a ce", &Frame::method(0, tune_ok), true);
    let open = connection::Open { virtual_host: s("/"), insist: true };
    both_ways("01 00 00 00 00 00 08 00 0a 00 28 01 2f 00 01 ce", &Frame::method(0, open), true);
    let product = || Table::from_iter([(s("product"), FieldValue::from("sim"))]);
    let start = connection::Start {
        version_major: 0,
        version_minor: 9,
        server_properties: product(),
        mechanisms: "PLAIN".into(),
        locales: "en_US".into(),
    };
    both_ways(
        "01 00 00 00 00 00 2c 00 0a 00 0a 00 09 00 00 00 10 07 70 72 6f 64 75 63 74 53 00 00 00 03 73 69 6d 00 00 00 05
         50 4c 41 49 4e 00 00 00 05 65 6e 5f 55 53 ce",
        &Frame::method(0, start),
        false,
    );
    let start_ok = connection::StartOk {
        client_properties: product(),
        mechanism: s("PLAIN"),
        response: LongStr::new(&b"\0guest\0guest"[..]),
        locale: s("en_US"),
    };
    both_ways(
        "01 00 00 00 00 00 34 00 0a 00 0b 00 00 00 10 07 70 72 6f 64 75 63 74 53 00 00 00 03 73 69 6d 05 50 4c 41 49 4e
         00 00 00 0c 00 67 75 65 73 74 00 67 75 65 73 74 05 65 6e 5f 55 53 ce",
        &Frame::method(0, start_ok),
        true,
    );
}

/// Sheet, lines 44 and 61.
#[test]
fn a_channel_opens_and_closes() {
    both_ways("01 00 01 00 00 00 05 00 14 00 0a 00 ce", &Frame::method(1, channel::Open {}), true);
    both_ways("01 00 01 00 00 00 08 00 14 00 0b 00 00 00 00 ce", &Frame::method(1, channel::OpenOk {}), false);
    let close = channel::Close { reply_code: 200, reply_text: s("Normal shutdown"), class_id: 0, method_id: 0 };
    both_ways(
        "01 00 01 00 00 00 1a 00 14 00 28 00 c8 0f 4e 6f 72 6d 61 6c 20 73 68 75 74 64 6f 77 6e 00 00 00 00 ce",
        &Frame::method(1, close),
        true,
    );
}

/// Sheet, lines 45 to 47 and 58.
#[test]
fn exchanges_and_queues() {
    let declare = exchange::Declare { exchange: s("e"), kind: s("topic"), ..Default::default() };
    both_ways(
        "01 00 01 00 00 00 13 00 28 00 0a 00 00 01 65 05 74 6f 70 69 63 00 00 00 00 00 ce",
        &Frame::method(1, declare),
        true,
    );
    let declare = queue::Declare { queue: s("q"), ..Default::default() };
    both_ways(
        "01 00 01 00 00 00 0d 00 32 00 0a 00 00 01 71 00 00 00 00 00 ce",
        &Frame::method(1, declare.clone()),
        true,
    );
    let bind = queue::Bind { queue: s("q"), exchange: s("e"), routing_key: s("a.*"), ..Default::default() };
    both_ways(
        "01 00 01 00 00 00 13 00 32 00 14 00 00 01 71 01 65 03 61 2e 2a 00 00 00 00 00 ce",
        &Frame::method(1, bind),
        true,
    );
    let arguments = Table::from_iter([
        (s("x-message-ttl"), FieldValue::I32(200)),
        (s("x-dead-letter-exchange"), FieldValue::from("dlx")),
    ]);
    both_ways(
        "01 00 01 00 00 00 3f 00 32 00 0a 00 00 01 71 02 00 00 00 32 0d 78 2d 6d 65 73 73 61 67 65 2d 74 74 6c 49 00 00
         00 c8 16 78 2d 64 65 61 64 2d 6c 65 74 74 65 72 2d 65 78 63 68 61 6e 67 65 53 00 00 00 03 64 6c 78 ce",
        &Frame::method(1, queue::Declare { durable: true, arguments, ..declare }),
        true,
    );
}

/// Sheet, lines 48, 52 to 55, 59 and 60.
#[test]
fn messages_and_their_acknowledgements() {
    let qos = basic::Qos { prefetch_count: 10, ..Default::default() };
    both_ways("01 00 01 00 00 00 0b 00 3c 00 0a 00 00 00 00 00 0a 00 ce", &Frame::method(1, qos), true);
    let ack = basic::Ack { delivery_tag: 1, multiple: false };
    both_ways("01 00 01 00 00 00 0d 00 3c 00 50 00 00 00 00 00 00 00 01 00 ce", &Frame::method(1, ack), false);
    let returned = basic::Return { reply_code: 312, reply_text: s("NO_ROUTE"), exchange: s("e"), routing_key: s("z") };
    both_ways(
        "01 00 01 00 00 00 13 00 3c 00 32 01 38 08 4e 4f 5f 52 4f 55 54 45 01 65 01 7a ce",
        &Frame::method(1, returned),
        false,
    );
    let nack = basic::Nack { delivery_tag: 1, multiple: false, requeue: true };
    both_ways("01 00 01 00 00 00 0d 00 3c 00 78 00 00 00 00 00 00 00 01 02 ce", &Frame::method(1, nack), true);
    both_ways("01 00 01 00 00 00 05 00 3c 00 48 00 ce", &Frame::method(1, basic::GetEmpty {}), false);
    let consume = basic::Consume { queue: s("q"), consumer_tag: s("t"), ..Default::default() };
    both_ways("01 00 01 00 00 00 0f 00 3c 00 14 00 00 01 71 01 74 00 00 00 00 00 ce", &Frame::method(1, consume), true);
    let deliver = basic::Deliver {
        consumer_tag: s("t"),
        delivery_tag: 1,
        redelivered: false,
        exchange: s("e"),
        routing_key: s("a.b"),
    };
    both_ways(
        "01 00 01 00 00 00 15 00 3c 00 3c 01 74 00 00 00 00 00 00 00 01 00 01 65 03 61 2e 62 ce",
        &Frame::method(1, deliver),
        false,
    );
}

const PUBLISH: &str = "01 00 01 00 00 00 0d 00 3c 00 28 00 00 01 65 03 61 2e 62 00 ce";
const HEADER: &str =
    "02 00 01 00 00 00 1a 00 3c 00 00 00 00 00 00 00 00 00 02 90 00 0a 74 65 78 74 2f 70 6c 61 69 6e 02 ce";
const BODY: &str = "03 00 01 00 00 00 02 68 69 ce";

/// Sheet, lines 49 to 51: frame by frame, and as one message.
#[test]
fn a_message_with_its_content() {
    let publish = basic::Publish { exchange: s("e"), routing_key: s("a.b"), ..Default::default() };
    let properties = Properties { content_type: Some(s("text/plain")), delivery_mode: Some(2), ..Default::default() };
    let header = Payload::Header(Box::new(ContentHeader::new(2, properties.clone())));
    let body = Rope::from(b"hi".to_vec());
    both_ways(PUBLISH, &Frame::method(1, publish.clone()), true);
    both_ways(HEADER, &Frame { channel: 1, payload: header }, true);
    both_ways(BODY, &Frame { channel: 1, payload: Payload::Body(body.clone()) }, true);

    let command = Command::with_content(1, publish, properties, body);
    let wire = bytes(&[PUBLISH, HEADER, BODY].join(" "));
    assert_eq!(command.encode(FrameMax::MIN).unwrap().to_bytes().to_vec(), wire);
    let (mut decoder, mut assembler) = (decoder(true), Assembler::new());
    decoder.push(&Rope::from(wire));
    let mut commands = Vec::new();
    while let Some(Item::Frame(frame)) = decoder.next_item().unwrap() {
        commands.extend(assembler.push(frame).unwrap());
    }
    assert_eq!(commands, [command]);
}

/// Sheet, §7, check 2: 27 bytes of method, 22 of content header, 18 of body; a delivery with a tag of 38 characters is 66 bytes.
#[test]
fn a_small_message_has_67_bytes() {
    let publish = basic::Publish { routing_key: s("sensors/t1"), ..Default::default() };
    let command = Command::with_content(1, publish, Properties::default(), Rope::fill(1, 0, 10));
    let lengths: Vec<_> =
        command.frames(FrameMax::MIN).iter().map(|frame| frame.encode(FrameMax::MIN).unwrap().len()).collect();
    assert_eq!(lengths, [27, 22, 18]);
    assert_eq!(command.encode(FrameMax::MIN).unwrap().len(), 67);
    let deliver = basic::Deliver {
        consumer_tag: s(&"t".repeat(38)),
        delivery_tag: 1,
        redelivered: false,
        exchange: s("e"),
        routing_key: s("a.b"),
    };
    assert_eq!(Frame::method(1, deliver).encode(FrameMax::MIN).unwrap().len(), 66);
}
