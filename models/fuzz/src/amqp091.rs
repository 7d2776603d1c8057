//! AMQP 0-9-1: a stream, messages that are cut, and a queue that has them.

use protosim_core::LocalTime;
use protosim_models::amqp::broker::queue::{ConnectionId, Message as AmqpMessage, Queue, QueueOptions, Step};
use protosim_models::amqp::v091::wire as amqp;
use protosim_models::rope::Rope;
use std::sync::Arc;

/// What comes on a stream of AMQP 0-9-1, in one piece and in several: the same frames, which are written as what they are; messages of them, which
/// are cut and put together again. The first byte says who reads, and how large frames may be, the second how the stream is cut.
pub fn amqp091(data: &[u8]) {
    let [who, cut, data @ ..] = data else { return };
    let cut = usize::from(*cut) + 1;
    let max = if who & 2 == 0 { amqp::FrameMax::MIN } else { amqp::FrameMax::NONE };
    let decoder = || {
        let mut decoder = if who & 1 == 0 { amqp::Decoder::of_server() } else { amqp::Decoder::of_client() };
        decoder.set_frame_max(max);
        if who & 1 == 0 {
            decoder.push(&Rope::from(amqp::ProtocolHeader::V091.encode().to_vec()));
            assert!(matches!(decoder.next_item(), Ok(Some(amqp::Item::Header(_)))));
        }
        decoder
    };
    let (mut whole, mut pieces, mut assembler) = (decoder(), decoder(), Some(amqp::Assembler::new()));
    whole.push(&Rope::from(data.to_vec()));
    let mut items = Vec::new();
    for piece in data.chunks(cut) {
        pieces.push(&Rope::from(piece.to_vec()));
        while let Ok(Some(item)) = pieces.next_item() {
            items.push(item);
        }
    }
    for item in items {
        assert_eq!(whole.next_item(), Ok(Some(item.clone())));
        let amqp::Item::Frame(frame) = item else { continue };
        // Bits that are none are not written again, and nothing becomes longer.
        let wire = frame.encode(max).expect("what was read can be written");
        let mut again = decoder();
        again.push(&wire);
        assert_eq!(again.next_item(), Ok(Some(amqp::Item::Frame(frame.clone()))));
        assert_eq!(again.waiting(), 0);
        match assembler.as_mut().map(|assembler| assembler.push(frame)) {
            Some(Ok(Some(command))) => assemble_again(&command, max),
            Some(Err(_)) => assembler = None,
            _ => {}
        }
    }
    assert_eq!(whole.next_item(), pieces.next_item());
}

/// Cuts a message and puts it together; then a queue has it, from which it goes as a dead letter.
fn assemble_again(command: &amqp::Command, max: amqp::FrameMax) {
    let mut assembler = amqp::Assembler::new();
    let mut last = None;
    for frame in command.frames(max) {
        assert_eq!(last, None, "it is whole with its last frame");
        last = assembler.push(frame).expect("what was cut is put together");
    }
    assert_eq!(last.as_ref(), Some(command));
    let Some(content) = &command.content else { return };
    let name = amqp::ShortStr::cut("q");
    let message = AmqpMessage::new(name.clone(), name.clone(), content.properties.clone(), content.body.clone());
    let Ok(message) = message else { return };
    let options = QueueOptions { dead_letter_exchange: Some(name.clone()), max_length: Some(0), ..Default::default() };
    let mut queue = Queue::new(name, options, ConnectionId(0), LocalTime::ZERO);
    queue.publish(Arc::new(message), LocalTime::ZERO);
    let Some(Step::Leave(left)) = queue.next(LocalTime::ZERO, |_| true) else { panic!("there is no room for it") };
    let dead = queue.dead_letter(&left, LocalTime::ZERO).expect("it has where to go");
    // By its length it goes round for ever, unless somebody has rejected it, which is not what has happened last.
    assert!(dead.message.is_cycle("q"));
}
