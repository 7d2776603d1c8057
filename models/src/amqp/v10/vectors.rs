//! Frames in hexadecimal, both ways.
//!
//! They are of the sheet: made for, or captured from, RabbitMQ 3.10.8 and qpid-proton. What RabbitMQ writes with a null at the end, or in a longer
//! form, is read alike and written shorter.

use super::wire::{
    AnyTarget, Attach, Begin, Close, Condition, Decoder, DeliveryState, DeliveryTag, Detach, Disposition, EMPTY_FRAME,
    End, Flow, Frame, Header, Item, Message, Open, Outcome, Performative as P, ReceiverSettleMode, Role, Sasl,
    SaslCode, SaslInit, SenderSettleMode, Source, Symbol, Target, Transfer, Value, plain,
};
use crate::rope::Rope;

pub(super) fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).expect("two hexadecimal digits")).collect()
}

pub(super) fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

/// A decoder that has seen what comes before.
pub(super) fn decoder(before: &[Item]) -> Decoder {
    let mut decoder = Decoder::new(65536);
    for item in before {
        decoder.push(&item.encode());
        assert_eq!(decoder.next_item(), Ok(Some(item.clone())));
    }
    decoder
}

pub(super) fn opened() -> Decoder {
    let open = Open { container_id: "c".into(), ..Open::default() };
    decoder(&[Item::Header(Header::AMQP), Item::frame(0, P::Open(Box::new(open)))])
}

fn reads(mut decoder: Decoder, hex: &str, item: &Item) {
    decoder.push(&Rope::from(bytes(hex)));
    assert_eq!(decoder.next_item(), Ok(Some(item.clone())), "{hex}");
    assert_eq!(decoder.next_item(), Ok(None));
    assert_eq!(decoder.waiting(), 0);
}

fn check_at(decoder: Decoder, hex: &str, item: &Item) {
    assert_eq!(item.encode().to_bytes(), bytes(hex), "{item:?}");
    assert_eq!(item.wire_len(), bytes(hex).len() as u64);
    reads(decoder, hex, item);
}

fn check(hex: &str, performative: P) {
    let is_open = matches!(performative, P::Open(_));
    let decoder = if is_open { decoder(&[Item::Header(Header::AMQP)]) } else { opened() };
    check_at(decoder, hex, &Item::frame(0, performative));
}

fn sasl(sasl: Sasl) -> Item {
    Item::Frame(Frame::Sasl(sasl))
}

#[test]
fn headers_and_the_empty_frame() {
    check_at(Decoder::new(512), "41 4d 51 50 00 01 00 00", &Item::Header(Header::AMQP));
    check_at(Decoder::new(512), "41 4d 51 50 02 01 00 00", &Item::Header(Header::TLS));
    check_at(Decoder::new(512), "41 4d 51 50 03 01 00 00", &Item::Header(Header::SASL));
    // The one of 0-9-1, which a broker of both answers with its own.
    let other = Header { id: 0, version: [0, 9, 1] };
    check_at(Decoder::new(512), "41 4d 51 50 00 00 09 01", &Item::Header(other));
    check_at(opened(), "00 00 00 08 02 00 00 00", &EMPTY_FRAME);
}

#[test]
fn sasl_of_a_client_and_rabbitmq() {
    let spoken = || decoder(&[Item::Header(Header::SASL)]);
    let init = SaslInit {
        mechanism: symbol("PLAIN"),
        initial_response: Some(plain::encode("guest", "guest")),
        hostname: None,
    };
    assert_eq!(plain::decode(b"\0guest\0guest"), Some(("", "guest", "guest")));
    let hex =
        "00 00 00 23 02 01 00 00 00 53 41 c0 16 02 a3 05 50 4c 41 49 4e a0 0c 00 67 75 65 73 74 00 67 75 65 73 74";
    check_at(spoken(), hex, &sasl(Sasl::Init(init)));
    // RabbitMQ's, with a null at its end.
    let outcome = sasl(Sasl::Outcome(Outcome { code: SaslCode::Ok, additional_data: None }));
    reads(spoken(), "00 00 00 11 02 01 00 00 00 53 44 c0 04 02 50 00 40", &outcome);
    check_at(spoken(), "00 00 00 10 02 01 00 00 00 53 44 c0 03 01 50 00", &outcome);
    // RabbitMQ's: three symbols with four bytes of length each, 22 characters; the sheet has its first 23 bytes.
    let mut hex = bytes("00 00 00 34 02 01 00 00 00 53 40 c0 27 01 e0 24 03 b3");
    for name in ["AMQPLAIN", "PLAIN", "ANONYMOUS"] {
        hex.extend((name.len() as u32).to_be_bytes());
        hex.extend(name.bytes());
    }
    assert_eq!(hex.len(), 0x34);
    let mut decoder = spoken();
    decoder.push(&Rope::from(hex));
    let offered = ["AMQPLAIN", "PLAIN", "ANONYMOUS"].map(symbol).to_vec();
    let offer = sasl(Sasl::Mechanisms(offered));
    assert_eq!(decoder.next_item(), Ok(Some(offer.clone())));
    // One byte of length each is nine less.
    assert_eq!(offer.wire_len(), 0x34 - 9);
}

#[test]
fn open_and_begin() {
    let open = Open { container_id: "c".into(), hostname: Some("host".into()), ..Open::default() };
    check("00 00 00 17 02 00 00 00 00 53 10 c0 0a 02 a1 01 63 a1 04 68 6f 73 74", P::Open(Box::new(open.clone())));
    let open = Open { max_frame_size: Some(32768), channel_max: Some(255), idle_time_out: Some(60_000), ..open };
    check(
        "00 00 00 24 02 00 00 00 00 53 10 c0 17 05 a1 01 63 a1 04 68 6f 73 74 70 00 00 80 00 60 00 ff 70 00 00 ea 60",
        P::Open(Box::new(open)),
    );
    let begin = Begin { incoming_window: 2048, outgoing_window: 2048, ..Begin::default() };
    check(
        "00 00 00 1a 02 00 00 00 00 53 11 c0 0d 04 40 43 70 00 00 08 00 70 00 00 08 00",
        P::Begin(Box::new(begin.clone())),
    );
    let begin = Begin { remote_channel: Some(0), ..begin };
    check(
        "00 00 00 1c 02 00 00 00 00 53 11 c0 0f 04 60 00 00 43 70 00 00 08 00 70 00 00 08 00",
        P::Begin(Box::new(begin)),
    );
}

#[test]
fn attach_flow_and_detach() {
    let attach = Attach {
        name: "l1".into(),
        handle: 0,
        role: Role::Sender,
        snd_settle_mode: Some(SenderSettleMode::Mixed),
        rcv_settle_mode: Some(ReceiverSettleMode::First),
        source: Some(Box::new(Source::new("q"))),
        target: Some(AnyTarget::Node(Box::new(Target::new("q")))),
        unsettled: None,
        incomplete_unsettled: None,
        initial_delivery_count: Some(0),
        max_message_size: None,
        offered_capabilities: vec![],
        desired_capabilities: vec![],
        properties: None,
    };
    check(
        "00 00 00 2d 02 00 00 00 00 53 12 c0 20 0a a1 02 6c 31 43 42 50 02 50 00 00 53 28 c0 04 01 a1 01 71 00 53 29 c0 04 01 a1 01 71 40 40 43",
        P::Attach(Box::new(attach.clone())),
    );
    let attach = Attach { role: Role::Receiver, initial_delivery_count: None, ..attach };
    check(
        "00 00 00 2a 02 00 00 00 00 53 12 c0 1d 07 a1 02 6c 31 43 41 50 02 50 00 00 53 28 c0 04 01 a1 01 71 00 53 29 c0 04 01 a1 01 71",
        P::Attach(Box::new(attach)),
    );
    let flow = Flow {
        next_incoming_id: Some(0),
        incoming_window: 2048,
        next_outgoing_id: 0,
        outgoing_window: 2048,
        handle: Some(0),
        delivery_count: Some(0),
        link_credit: Some(100),
        available: Some(0),
        drain: Some(false),
        ..Flow::default()
    };
    check(
        "00 00 00 20 02 00 00 00 00 53 13 c0 13 09 43 70 00 00 08 00 43 70 00 00 08 00 43 43 52 64 43 42",
        P::Flow(Box::new(flow)),
    );
    let detach = Detach { closed: Some(true), ..Detach::default() };
    check("00 00 00 10 02 00 00 00 00 53 16 c0 03 02 43 41", P::Detach(Box::new(detach)));
    check("00 00 00 0c 02 00 00 00 00 53 17 45", P::End(Box::<End>::default()));
    check("00 00 00 0c 02 00 00 00 00 53 18 45", P::Close(Box::<Close>::default()));
}

#[test]
fn transfers_and_dispositions() {
    let transfer = Transfer {
        handle: 0,
        delivery_id: Some(0),
        delivery_tag: Some(DeliveryTag::new(&b"0"[..]).unwrap()),
        message_format: Some(0),
        settled: Some(true),
        ..Transfer::default()
    };
    let frame = |transfer: &Transfer, data: &[u8]| {
        let payload = Message::data(Rope::from(data.to_vec())).encode();
        let performative = P::Transfer(Box::new(transfer.clone()));
        Item::Frame(Frame::Amqp { channel: 0, performative, payload })
    };
    let hex =
        "00 00 00 24 02 00 00 00 00 53 14 c0 08 05 43 43 a0 01 30 43 41 00 53 75 a0 0a 30 31 32 33 34 35 36 37 38 39";
    check_at(opened(), hex, &frame(&transfer, b"0123456789"));
    let transfer = Transfer { settled: Some(false), ..transfer };
    let hex = "00 00 00 1c 02 00 00 00 00 53 14 c0 08 05 43 43 a0 01 30 43 42 00 53 75 a0 02 68 69";
    check_at(opened(), hex, &frame(&transfer, b"hi"));
    let disposition = Disposition {
        role: Role::Receiver,
        first: 0,
        last: Some(0),
        settled: Some(true),
        state: Some(DeliveryState::Accepted),
        batchable: None,
    };
    let hex = "00 00 00 16 02 00 00 00 00 53 15 c0 09 05 41 43 43 41 00 53 24 45";
    check(hex, P::Disposition(Box::new(disposition.clone())));
    // With a null at its end, as RabbitMQ writes it.
    let hex = "00 00 00 17 02 00 00 00 00 53 15 c0 0a 06 41 43 43 41 00 53 24 45 40";
    reads(opened(), hex, &Item::frame(0, P::Disposition(Box::new(disposition))));
    // The sheet has its third and fourth field the other way round: a boolean where §2.7.6 has a delivery-number.
    let mut decoder = opened();
    decoder.push(&Rope::from(bytes("00 00 00 17 02 00 00 00 00 53 15 c0 0a 06 41 43 41 43 00 53 24 45 40")));
    assert_eq!(decoder.next_item().unwrap_err().condition, Condition::DecodeError);
}

/// §1.6: each width of a type reads alike, and the shortest is written. Codes are those of the sheet; 0x45 is the list without elements.
#[test]
fn values_in_all_their_forms() {
    let same = |hexes: &[&str], value: Value| {
        for hex in hexes {
            assert_eq!(Value::decode(&Rope::from(bytes(hex))), Ok(value.clone()), "{hex}");
        }
        assert_eq!(value.encode().to_bytes(), bytes(hexes[0]));
    };
    same(&["40"], Value::Null);
    same(&["41", "56 01"], Value::Boolean(true));
    same(&["42", "56 00"], Value::Boolean(false));
    same(&["50 ff"], Value::Ubyte(255));
    same(&["60 01 02"], Value::Ushort(0x102));
    same(&["43", "52 00", "70 00 00 00 00"], Value::Uint(0));
    same(&["52 ff", "70 00 00 00 ff"], Value::Uint(255));
    same(&["70 00 00 01 00"], Value::Uint(256));
    same(&["44", "53 00", "80 00 00 00 00 00 00 00 00"], Value::Ulong(0));
    same(&["80 00 00 00 00 00 00 01 00"], Value::Ulong(256));
    same(&["51 ff"], Value::Byte(-1));
    same(&["61 ff fe"], Value::Short(-2));
    same(&["54 80", "71 ff ff ff 80"], Value::Int(-128));
    same(&["71 ff ff ff 7f"], Value::Int(-129));
    same(&["55 ff", "81 ff ff ff ff ff ff ff ff"], Value::Long(-1));
    same(&["72 3f 80 00 00"], Value::Float(1.0_f32.to_bits()));
    same(&["82 bf f0 00 00 00 00 00 00"], Value::Double((-1.0_f64).to_bits()));
    same(&["73 00 01 f6 00"], Value::Char('😀'));
    same(&["83 00 00 00 00 00 00 03 e8"], Value::Timestamp(1000));
    same(
        &["98 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f"],
        Value::Uuid(0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f),
    );
    same(&["a0 02 01 02", "b0 00 00 00 02 01 02"], Value::Binary(Rope::from(vec![1, 2])));
    same(&["a1 02 c3 a4", "b1 00 00 00 02 c3 a4"], Value::string("ä"));
    same(&["a3 01 61", "b3 00 00 00 01 61"], Value::Symbol(symbol("a")));
    same(&["45", "c0 01 00", "d0 00 00 00 04 00 00 00 00"], Value::List(vec![]));
    let list = Value::List(vec![Value::Uint(1), Value::Null]);
    same(&["c0 04 02 52 01 40", "d0 00 00 00 07 00 00 00 02 52 01 40"], list);
    let map = Value::Map([(Value::string("a"), Value::Boolean(true))].into_iter().collect());
    same(&["c1 05 02 a1 01 61 41", "d1 00 00 00 08 00 00 00 02 a1 01 61 41"], map);
    let described = Value::Described(Box::new((Value::Ulong(0x24), Value::List(vec![]))));
    same(&["00 53 24 45", "00 80 00 00 00 00 00 00 00 24 c0 01 00"], described);
}

/// What is not there, is wrong or goes too far, each with its condition and section.
#[test]
fn what_cannot_be_read() {
    let refused = |hex: &str| Value::decode(&Rope::from(bytes(hex))).unwrap_err().rule;
    assert_eq!(refused("3f"), "§1.6");
    assert_eq!(refused("56 02"), "§1.6.2");
    assert_eq!(refused("73 00 00 d8 00"), "§1.6.16");
    assert_eq!(refused("a1 01 ff"), "§1.6.20");
    assert_eq!(refused("a3 01 80"), "§1.6.21");
    assert_eq!(refused("c0 02 01 40 40"), "§1.6");
    assert_eq!(refused("c0 03 01 40 40"), "§1.6.22");
    assert_eq!(refused("c1 02 01 40"), "§1.6.23");
    // The same key in two widths.
    assert_eq!(refused("c1 06 04 43 40 52 00 40"), "§1.6.23");
    // Four thousand million nulls.
    assert_eq!(refused("f0 00 00 00 05 ff ff ff ff 40"), "§1.6.24");
    let deep = "c0 ff 01 ".repeat(40);
    assert_eq!(refused(&deep), "§1.6");
    let fault = |mut decoder: Decoder, hex: &str| {
        decoder.push(&Rope::from(bytes(hex)));
        let fault = decoder.next_item().unwrap_err();
        assert_eq!(decoder.next_item(), Err(fault), "it stays");
        (fault.condition, fault.rule)
    };
    let framing = |rule| (Condition::FramingError, rule);
    assert_eq!(fault(Decoder::new(512), "41 4d 51 51"), framing("§2.2"));
    assert_eq!(fault(opened(), "00 00 00 07"), framing("§2.3.1"));
    assert_eq!(fault(opened(), "00 01 00 01"), framing("§2.3.1"));
    assert_eq!(fault(opened(), "00 00 00 08 01 00 00 00"), framing("§2.3.1"));
    assert_eq!(fault(opened(), "00 00 00 08 03 00 00 00"), framing("§2.3.1"));
    assert_eq!(fault(opened(), "00 00 00 08 02 01 00 00"), framing("§2.3.1"));
    assert_eq!(fault(opened(), "00 00 00 0d 02 00 00 00 00 53 17 45 00"), framing("§2.3.2"));
    // Before the open, frames have at most 512 bytes (§2.4.1).
    assert_eq!(fault(decoder(&[Item::Header(Header::AMQP)]), "00 00 02 01"), framing("§2.3.1"));
    // A handle is mandatory; a max-frame-size is at least 512; a tag has at most 32 bytes.
    let decode = |rule| (Condition::DecodeError, rule);
    assert_eq!(fault(opened(), "00 00 00 0c 02 00 00 00 00 53 16 45"), decode("§1.4"));
    let small = "00 00 00 13 02 00 00 00 00 53 10 c0 06 03 a1 00 40 52 ff";
    assert_eq!(fault(decoder(&[Item::Header(Header::AMQP)]), small), (Condition::InvalidField, "§2.7.1"));
}

/// An extended header is skipped (§2.3.2), and a described type may have a symbol (§1.5).
#[test]
fn forms_that_others_may_choose() {
    let end = Item::frame(7, P::End(Box::<End>::default()));
    reads(opened(), "00 00 00 10 03 00 00 07 de ad be ef 00 53 17 45", &end);
    let mut hex = bytes("00 00 00 1a 02 00 00 07 00 a3 0d");
    hex.extend(b"amqp:end:list");
    hex.extend([0x45]);
    hex[3] = hex.len() as u8;
    let mut decoder = opened();
    decoder.push(&Rope::from(hex));
    assert_eq!(decoder.next_item(), Ok(Some(end)));
}
