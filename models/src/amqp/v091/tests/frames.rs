//! Properties of all frames, and what becomes of bad ones.

use crate::amqp::v091::wire::{
    ContentHeader, Decoder, Fault, FieldValue, Frame, FrameMax, Item, LongStr, MAX_DEPTH, Method, MethodId, Payload,
    Properties, ProtocolHeader, ReplyCode, Scope, Sender, ShortStr, Table, basic, channel, connection, negotiated,
    queue,
};
use crate::rope::{Rope, Run};

/// Seeds and numbers of draws are fixed: a failure is the same failure again.
const ROUNDS: u64 = 30;

fn method_frame(method: Method, rng: &mut fastrand::Rng) -> Frame {
    let channel = if method.id().class == 10 { 0 } else { rng.u16(1..) };
    Frame { channel, payload: Payload::Method(method) }
}

/// Each method, some content headers and bodies, and a heartbeat.
fn some_of_each(rng: &mut fastrand::Rng) -> Vec<Frame> {
    let mut frames: Vec<_> = Method::IDS.iter().map(|id| method_frame(Method::any(*id, rng), rng)).collect();
    for _ in 0..10 {
        let header = ContentHeader::new(rng.u64(..), Properties::any(rng));
        frames.push(Frame { channel: rng.u16(1..), payload: Payload::Header(Box::new(header)) });
        let body = match rng.bool() {
            true => Rope::fill(rng.u32(..), rng.u64(..1 << 40), rng.u64(..4000)),
            false => Rope::from((0..rng.usize(..600)).map(|_| rng.u8(..)).collect::<Vec<_>>()),
        };
        frames.push(Frame { channel: rng.u16(1..), payload: Payload::Body(body) });
    }
    frames.push(Frame::HEARTBEAT);
    frames
}

fn is_for_server(frame: &Frame) -> bool {
    !matches!(&frame.payload, Payload::Method(method) if method.sender() == Sender::Server)
}

/// Ready for frames of any size.
fn decoder(is_server: bool) -> Decoder {
    let mut decoder = if is_server { Decoder::of_server() } else { Decoder::of_client() };
    if is_server {
        decoder.push(&Rope::from(ProtocolHeader::V091.encode().to_vec()));
        assert!(matches!(decoder.next_item(), Ok(Some(Item::Header(_)))));
    }
    decoder.set_frame_max(FrameMax::NONE);
    decoder
}

fn decode(wire: &Rope, is_server: bool) -> Result<Option<Item>, Fault> {
    let mut decoder = decoder(is_server);
    decoder.push(wire);
    decoder.next_item()
}

/// The fault that these bytes are to a server.
fn fault(bytes: &[u8]) -> Fault {
    decode(&Rope::from(bytes.to_vec()), true).unwrap_err()
}

#[test]
fn what_was_written_is_read() {
    for seed in 0..ROUNDS {
        let mut rng = fastrand::Rng::with_seed(seed);
        for frame in some_of_each(&mut rng) {
            let wire = frame.encode(FrameMax::NONE).unwrap();
            let head = wire.slice(0, 7).to_bytes();
            assert_eq!(head[0], frame.kind());
            let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
            assert_eq!(u64::from(size) + 8, wire.len(), "{frame:?}");
            assert_eq!(decode(&wire, is_for_server(&frame)), Ok(Some(Item::Frame(frame))));
        }
    }
}

/// A stream cut anywhere gives the same frames; bulk data is still bulk data.
#[test]
fn a_stream_may_be_cut_anywhere() {
    let mut rng = fastrand::Rng::with_seed(1);
    let frames: Vec<_> = some_of_each(&mut rng).into_iter().filter(is_for_server).collect();
    let mut stream = Rope::new();
    frames.iter().for_each(|frame| stream.append(&frame.encode(FrameMax::NONE).unwrap()));
    for seed in 0..ROUNDS {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut decoder, mut at, mut read) = (decoder(true), 0, Vec::new());
        while at < stream.len() {
            let longest = [2, 60, 5000][rng.usize(..3)];
            let len = rng.u64(1..=longest);
            decoder.push(&stream.slice(at, len));
            at += len;
            while let Some(Item::Frame(frame)) = decoder.next_item().unwrap() {
                read.push(frame);
            }
        }
        // Real bytes may lie in several pieces; virtual ones are never made real.
        let bytes = |frame: &Frame| frame.encode(FrameMax::NONE).unwrap().to_bytes();
        assert!(read.iter().map(bytes).eq(frames.iter().map(bytes)), "seed {seed}");
        for (read, frame) in read.iter().zip(&frames) {
            match (&read.payload, &frame.payload) {
                (Payload::Body(read), Payload::Body(body)) if matches!(body.runs(), [Run::Fill { .. }]) => {
                    assert_eq!(read, body);
                }
                (Payload::Body(_), Payload::Body(_)) => {}
                _ => assert!(read == frame),
            }
        }
        assert_eq!(decoder.waiting(), 0);
    }
}

/// A frame that ends early is waited for; one with a bit that is another gives a frame, a fault, or is waited for.
#[test]
fn each_byte_may_be_missing_or_other() {
    let mut rng = fastrand::Rng::with_seed(7);
    for frame in some_of_each(&mut rng) {
        let is_server = is_for_server(&frame);
        let wire = frame.encode(FrameMax::NONE).unwrap().to_bytes().to_vec();
        for at in 0..wire.len() {
            assert_eq!(decode(&Rope::from(wire[..at].to_vec()), is_server), Ok(None));
            for bit in [0, rng.u32(1..8)] {
                let mut other = wire.clone();
                other[at] ^= 1 << bit;
                match decode(&Rope::from(other), is_server) {
                    Ok(Some(Item::Frame(other))) => {
                        // What was read can be written, and is read as the same.
                        let wire = other.encode(FrameMax::NONE).unwrap();
                        assert_eq!(decode(&wire, is_server), Ok(Some(Item::Frame(other))));
                    }
                    Ok(Some(Item::Header(header))) => panic!("{header:?} of a frame"),
                    Ok(None) => assert!((3..7).contains(&at) || !is_server, "a size alone makes a frame longer"),
                    Err(fault) => assert!(fault.is_hard(), "{fault:?}"),
                }
            }
        }
    }
}

/// Cut within its payload, with a size that says so: each method needs all of its fields (501).
#[test]
fn a_payload_that_ends_early_is_a_frame_error() {
    let mut rng = fastrand::Rng::with_seed(9);
    for id in Method::IDS {
        let frame = method_frame(Method::any(*id, &mut rng), &mut rng);
        let wire = frame.encode(FrameMax::NONE).unwrap().to_bytes().to_vec();
        let payload = wire.len() - 8;
        for len in 0..payload {
            let mut cut = wire[..7 + len].to_vec();
            cut[3..7].copy_from_slice(&(len as u32).to_be_bytes());
            cut.push(0xce);
            let fault = decode(&Rope::from(cut), is_for_server(&frame)).unwrap_err();
            assert_eq!(fault.code, ReplyCode::FrameError, "{id}: {len} of {payload}");
            assert_eq!(fault.method, if len < 4 { MethodId::NONE } else { *id });
        }
    }
}

/// §4.2.3: its end octet is looked at before what is in it, which here is an unknown method.
#[test]
fn a_frame_without_its_end_is_a_frame_error() {
    let unknown = [1, 0, 1, 0, 0, 0, 4, 0, 99, 0, 99];
    let ended = fault(&[&unknown[..], &[0xce]].concat());
    assert_eq!((ended.code, ended.method), (ReplyCode::CommandInvalid, MethodId { class: 99, method: 99 }));
    assert_eq!(fault(&[&unknown[..], &[0xcd]].concat()).code, ReplyCode::FrameError);
    // basic.recover-async, 60.100.
    assert_eq!(fault(&[1, 0, 1, 0, 0, 0, 5, 0, 60, 0, 100, 0, 0xce]).code, ReplyCode::NotImplemented);
}

/// Types other than 1, 2, 3 and 8 are found in the first byte (§4.2.3); heartbeats have neither channel nor payload (§4.2.7); content is on no
/// channel 0 (504, §4.2.6.1).
#[test]
fn heads_are_looked_at_before_the_rest_comes() {
    for kind in (0..=255).filter(|kind| !matches!(kind, 1 | 2 | 3 | 8)) {
        assert_eq!(fault(&[kind]).code, ReplyCode::FrameError);
    }
    assert_eq!(fault(&[8, 0, 1, 0, 0, 0, 0]).code, ReplyCode::FrameError);
    assert_eq!(fault(&[8, 0, 0, 0, 0, 0, 1]).code, ReplyCode::FrameError);
    assert_eq!(fault(&[2, 0, 0, 0, 0, 0, 14]).code, ReplyCode::ChannelError);
    assert_eq!(fault(&[3, 0, 0, 0, 0, 0, 1]).code, ReplyCode::ChannelError);
}

/// 4096 bytes with its header and end are what everyone takes, so 4088 of payload; more is 501 on both sides.
#[test]
fn frames_are_no_larger_than_agreed_upon() {
    let body = |len| Frame { channel: 1, payload: Payload::Body(Rope::fill(1, 0, len)) };
    let largest = body(4088).encode(FrameMax::MIN).unwrap();
    assert_eq!(largest.len(), 4096);
    assert_eq!(body(4089).encode(FrameMax::MIN).unwrap_err().code, ReplyCode::FrameError);
    let mut decoder = decoder(true);
    decoder.set_frame_max(FrameMax::MIN);
    decoder.push(&largest);
    assert_eq!(decoder.next_item(), Ok(Some(Item::Frame(body(4088)))));
    // Known from its first seven bytes on, and for good.
    decoder.push(&body(4089).encode(FrameMax::NONE).unwrap().slice(0, 7));
    assert_eq!(decoder.next_item().unwrap_err().code, ReplyCode::FrameError);
    decoder.push(&largest);
    assert_eq!(decoder.next_item().unwrap_err().code, ReplyCode::FrameError);
    assert_eq!(decoder.waiting(), 0);
    // A method is never cut: it fits, or cannot be sent.
    let response = LongStr::new(vec![0; 5000]);
    let long = Frame::method(0, connection::SecureOk { response });
    let fault = long.encode(FrameMax::MIN).unwrap_err();
    assert_eq!((fault.code, fault.method), (ReplyCode::FrameError, MethodId { class: 10, method: 21 }));
}

/// §1.4.2.6: the lower limit, and 0 is none. What is below the minimum is held to it.
#[test]
fn limits_are_negotiated() {
    assert_eq!(
        [negotiated(2047, 0), negotiated(0, 5), negotiated(7, 5), negotiated(5, 7), negotiated(0, 0)],
        [2047, 5, 5, 5, 0]
    );
    assert_eq!(FrameMax::from_tune(131_072).payload(), 131_064);
    assert_eq!(FrameMax::from_tune(0), FrameMax::NONE);
    assert_eq!(FrameMax::from_tune(17), FrameMax::MIN);
}

/// 503: what a server alone says, methods of the connection elsewhere than on channel 0, and others there.
#[test]
fn methods_come_from_whom_they_may_and_where_they_may() {
    let code = |frame: Frame| decode(&frame.encode(FrameMax::NONE).unwrap(), true).map_err(|fault| fault.code);
    let tune = connection::Tune { channel_max: 1, frame_max: 2, heartbeat: 3 };
    assert_eq!(code(Frame::method(0, tune)), Err(ReplyCode::CommandInvalid));
    assert_eq!(code(Frame::method(1, connection::CloseOk {})), Err(ReplyCode::CommandInvalid));
    assert_eq!(code(Frame::method(0, channel::Open {})), Err(ReplyCode::CommandInvalid));
    assert!(code(Frame::method(0, connection::CloseOk {})).is_ok());
    // And a client takes nothing that clients alone say.
    let wire = Frame::method(1, channel::Open {}).encode(FrameMax::NONE).unwrap();
    assert_eq!(decode(&wire, false).unwrap_err().code, ReplyCode::CommandInvalid);
}

/// 502: values that fields may not have.
#[test]
fn values_that_may_not_be_are_syntax_errors() {
    // exchange.delete of `e`: its name is the sixth byte of its payload.
    let delete = |name: &[u8]| {
        let payload = [&[0, 40, 0, 20, 0, 0, name.len() as u8], name, &[0]].concat();
        [&[1, 0, 1, 0, 0, 0, payload.len() as u8], &payload[..], &[0xce]].concat()
    };
    assert!(decode(&Rope::from(delete(b"e")), true).is_ok());
    // §4.2.5.3: UTF-8 without zero octets.
    for name in [&b"\0"[..], b"\xff", b"\xed\xa0\x80", b"\xc0\xaf"] {
        assert_eq!(fault(&delete(name)).code, ReplyCode::SyntaxError, "{name:x?}");
    }
    // connection.start-ok whose table has a value of the type `?`.
    let table = [1, 0, 0, 0, 0, 0, 11, 0, 10, 0, 11, 0, 0, 0, 3, 1, b'a', b'?', 0xce];
    assert_eq!(fault(&table).code, ReplyCode::SyntaxError);
    // A content header with a flag of no property, and with more flags to come.
    for low in [1, 2] {
        let header = [2, 0, 1, 0, 0, 0, 14, 0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, low, 0xce];
        assert_eq!(fault(&header).code, ReplyCode::SyntaxError);
    }
}

/// Bytes behind the last field of a method or content header: 501.
#[test]
fn nothing_stands_behind_the_last_field() {
    assert_eq!(fault(&[1, 0, 1, 0, 0, 0, 5, 0, 20, 0, 41, 0, 0xce]).code, ReplyCode::FrameError);
    let header = [2, 0, 1, 0, 0, 0, 15, 0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xce];
    assert_eq!(fault(&header).code, ReplyCode::FrameError);
}

/// Tables and arrays in each other, as deep as may be and deeper, and so deep that recursion would be felt.
#[test]
fn tables_stand_in_each_other_up_to_a_depth() {
    let name = ShortStr::new("t").unwrap();
    // The outermost table is 1 of the depth.
    let nested = |depth: u32| {
        let mut value = FieldValue::Void;
        for level in 1..depth {
            value = match level % 2 {
                0 => FieldValue::Array(vec![value]),
                _ => FieldValue::Table(Table::from_iter([(name.clone(), value)])),
            };
        }
        let arguments = Table::from_iter([(name.clone(), value)]);
        Frame::method(1, queue::Declare { arguments, ..Default::default() })
    };
    let deepest = nested(MAX_DEPTH);
    assert_eq!(decode(&deepest.encode(FrameMax::NONE).unwrap(), true), Ok(Some(Item::Frame(deepest))));
    let deeper = nested(MAX_DEPTH + 1).encode(FrameMax::NONE).unwrap();
    assert_eq!(decode(&deeper, true).unwrap_err().code, ReplyCode::SyntaxError);

    // Arrays alone: each is an octet of type and four of length, 5,000 deep.
    let mut value = vec![b'V'];
    for _ in 0..5_000 {
        let len = (value.len() as u32).to_be_bytes();
        value = [&[b'A'][..], &len, &value].concat();
    }
    let table = [&[1, b'a'][..], &value].concat();
    let fields = [&[0, 10, 0, 11][..], &(table.len() as u32).to_be_bytes(), &table].concat();
    let wire = [&[1, 0, 0][..], &(fields.len() as u32).to_be_bytes(), &fields, &[0xce]].concat();
    assert_eq!(fault(&wire).code, ReplyCode::SyntaxError);
}

/// §4.2.5.2: bits that follow each other share an octet, the lowest first.
#[test]
fn bits_share_an_octet() {
    let bits = |method: Method, at: usize| {
        Frame { channel: 1, payload: Payload::Method(method) }.encode(FrameMax::NONE).unwrap().to_bytes()[at]
    };
    // passive 1, durable 2, exclusive 4, auto-delete 8, no-wait 16: behind 7 of the frame, 4 of the method, 2 reserved, 1 of an empty name.
    let declare = queue::Declare { durable: true, auto_delete: true, no_wait: true, ..Default::default() };
    assert_eq!(bits(declare.into(), 14), 0b11010);
    let nack = basic::Nack { delivery_tag: 0, multiple: true, requeue: true };
    assert_eq!(bits(nack.into(), 19), 0b11);
}

/// The sheet's list: hard are 320, 402, 501 to 506, 530, 540, 541; soft are 311, 312, 313, 403 to 406.
#[test]
fn reply_codes_end_a_channel_or_the_connection() {
    let of = |scope| {
        let codes = ReplyCode::ALL.iter().filter(move |code| code.scope() == scope);
        codes.map(|code| code.code()).collect::<Vec<_>>()
    };
    assert_eq!(of(Scope::Channel), [311, 312, 313, 403, 404, 405, 406]);
    assert_eq!(of(Scope::Connection), [320, 402, 501, 502, 503, 504, 505, 506, 530, 540, 541]);
    for code in ReplyCode::ALL {
        assert_eq!(ReplyCode::from_code(code.code()), Some(*code));
    }
    let close = fault(&[9]).close();
    let Method::ConnectionClose(close) = close else { panic!("{close:?}") };
    assert_eq!((close.reply_code, close.reply_text.as_str()), (501, "FRAME_ERROR - a frame has an unknown type"));
}
