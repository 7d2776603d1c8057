//! Messages cut into frames, and put together.

use crate::amqp::v091::wire::{
    Assembler, Command, ContentHeader, Decoder, Frame, FrameMax, Item, Payload, Properties, ReplyCode, ShortStr, basic,
    channel,
};
use crate::rope::Rope;

fn message(channel: u16, len: u64) -> Command {
    let deliver = basic::Deliver { delivery_tag: len, ..Default::default() };
    Command::with_content(channel, deliver, Properties::default(), Rope::fill(u32::from(channel), 0, len))
}

/// What comes out of these frames, or the reply code of the first fault.
fn assemble(frames: impl IntoIterator<Item = Frame>) -> Result<Vec<Command>, ReplyCode> {
    let mut assembler = Assembler::new();
    let mut commands = Vec::new();
    for frame in frames {
        commands.extend(assembler.push(frame).map_err(|fault| fault.code)?);
    }
    Ok(commands)
}

/// Sheet, §7, check 7: 100,000 bytes are one body frame of 131,072 bytes, or 25 of 4096: ceil(100,000 / 4088).
#[test]
fn a_body_is_cut_by_the_largest_frame() {
    let command = message(1, 100_000);
    for (max, bodies) in [(131_072, 1), (4096, 25)] {
        let max = FrameMax::from_tune(max);
        let frames = command.frames(max);
        assert_eq!(frames.len(), 2 + bodies);
        let mut one_by_one = Rope::new();
        frames.iter().for_each(|frame| one_by_one.append(&frame.encode(max).unwrap()));
        assert_eq!(command.encode(max).unwrap().to_bytes(), one_by_one.to_bytes());
        assert_eq!(assemble(frames), Ok(vec![command.clone()]));
    }
}

/// §4.2.6: what says that its body is empty has no body frame.
#[test]
fn an_empty_body_has_no_frame() {
    let command = message(1, 0);
    assert_eq!(command.frames(FrameMax::MIN).len(), 2);
    assert_eq!(assemble(command.frames(FrameMax::MIN)), Ok(vec![command.clone()]));
    let extra = Frame { channel: 1, payload: Payload::Body(Rope::new()) };
    assert_eq!(assemble(command.frames(FrameMax::MIN).into_iter().chain([extra])), Err(ReplyCode::UnexpectedFrame));
}

/// Real and virtual bytes through a decoder: bulk data comes out as the one run that it was.
#[test]
fn bulk_data_is_never_copied() {
    let command = message(3, 1 << 33);
    let max = FrameMax::from_tune(1 << 30);
    let (mut decoder, mut assembler) = (Decoder::of_client(), Assembler::new());
    decoder.set_frame_max(max);
    decoder.push(&command.encode(max).unwrap());
    let mut commands = Vec::new();
    while let Some(Item::Frame(frame)) = decoder.next_item().unwrap() {
        commands.extend(assembler.push(frame).unwrap());
    }
    assert_eq!(commands, [command]);
    assert_eq!(commands[0].content.as_ref().unwrap().body.runs().len(), 1);
}

/// §4.2.6: frames of several channels may stand between each other: each order of two messages' frames that keeps each one's own.
#[test]
fn messages_on_several_channels_may_be_mixed() {
    let both = [message(1, 9000), message(2, 9000)];
    let frames = both.each_ref().map(|message| message.frames(FrameMax::MIN));
    let len = frames[0].len();
    for order in 0..1_u32 << (2 * len) {
        if order.count_ones() as usize != len {
            continue;
        }
        let mut left = frames.each_ref().map(|frames| frames.iter());
        let mixed = (0..2 * len).map(|at| left[(order >> at & 1) as usize].next().unwrap().clone());
        let commands = assemble(mixed).unwrap();
        assert!(commands.len() == 2 && both.iter().all(|message| commands.contains(message)));
    }
}

/// §4.2.6: on one channel they may not: 505. The method that was interrupted is named.
#[test]
fn messages_on_one_channel_may_not_be_mixed() {
    let frames = message(1, 9000).frames(FrameMax::MIN);
    let [method, header, first, ..] = &frames[..] else { panic!() };
    let ack = Frame::method(1, basic::Ack::default());
    let other =
        Frame { channel: 1, payload: Payload::Header(Box::new(ContentHeader { class: 50, ..Default::default() })) };
    let longer = Frame { channel: 1, payload: Payload::Body(Rope::fill(1, 0, 9001)) };
    for wrong in [
        vec![header],
        vec![first],
        vec![method, method],
        vec![method, &ack],
        vec![method, first],
        vec![method, &other],
        vec![method, header, header],
        vec![method, header, method],
        vec![method, header, first, &ack],
        vec![method, header, &longer],
    ] {
        assert_eq!(assemble(wrong.into_iter().cloned()), Err(ReplyCode::UnexpectedFrame));
    }
    // Heartbeats, and other channels, are none of it.
    let elsewhere = Frame::method(2, basic::Ack::default());
    let fine = [method, &Frame::HEARTBEAT, header, &elsewhere, first, &frames[3], &frames[4]];
    assert_eq!(assemble(fine.into_iter().cloned()).unwrap().len(), 2);
}

/// 311 is soft: its channel closes, what still comes of that message is dropped, other channels go on.
#[test]
fn a_body_that_is_too_long_is_dropped() {
    let mut assembler = Assembler::new().with_body_max(5000);
    let mut push = |frame| assembler.push(frame).map_err(|fault| (fault.code, fault.is_hard()));
    let frames = message(1, 5001).frames(FrameMax::MIN);
    let [method, header, first, last] = &frames[..] else { panic!() };
    assert_eq!(push(method.clone()), Ok(None));
    assert_eq!(push(header.clone()), Err((ReplyCode::ContentTooLarge, false)));
    assert_eq!(push(first.clone()), Ok(None));
    assert_eq!(push(last.clone()), Ok(None));
    // A message behind it, on its way when the channel was closed, is dropped too.
    for frame in message(1, 10).frames(FrameMax::MIN) {
        assert_eq!(push(frame), Ok(None));
    }
    for frame in message(2, 5000).frames(FrameMax::MIN).into_iter().take(3) {
        assert_eq!(push(frame), Ok(None));
    }
    let close_ok = push(Frame::method(1, channel::CloseOk {})).unwrap().unwrap();
    assert_eq!(close_ok, Command::new(1, channel::CloseOk {}));
    assert_eq!(assembler.waiting(), 4088);
    assembler.forget(1);
    assert!(message(1, 0).frames(FrameMax::MIN).into_iter().any(|frame| assembler.push(frame).unwrap().is_some()));
}

/// A message's expiration is digits, of milliseconds, at most ten years of 365 days (RabbitMQ 3.10.8): anything else is 406, which is soft.
#[test]
fn an_expiration_is_a_number_of_milliseconds() {
    let ttl = |text: &str| {
        let properties = Properties { expiration: Some(ShortStr::new(text).unwrap()), ..Default::default() };
        properties.time_to_live().map(|span| span.unwrap().as_nanos()).map_err(|fault| fault.code)
    };
    assert_eq!(ttl("0"), Ok(0));
    assert_eq!(ttl("200"), Ok(200_000_000));
    // 10 · 365 · 86,400,000 ms.
    assert_eq!(ttl("315360000000"), Ok(315_360_000_000_000_000));
    for wrong in ["", "-1", "+1", "1.5", "1 s", "315360000001", "99999999999999999999999"] {
        assert_eq!(ttl(wrong), Err(ReplyCode::PreconditionFailed), "{wrong}");
    }
    assert_eq!(Properties::default().time_to_live(), Ok(None));
}
