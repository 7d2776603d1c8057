//! Settlement, sizes, credit and drain, times to live.

use super::*;
use crate::amqp::v10::session::SessionEvent;
use crate::amqp::v10::wire::{Body, MessageHeader, Value};
use protosim_core::Size;

/// All modes of settlement on both ways: a message comes once, its sender learns how, and nothing is left.
#[test]
fn each_mode_of_settlement() {
    use ReceiverSettleMode::{First, Second};
    use SenderSettleMode::{Mixed, Settled, Unsettled};
    for (snd, rcv) in [(Settled, First), (Unsettled, First), (Mixed, First), (Unsettled, Second), (Mixed, Second)] {
        let mut play = Play::new(AmqpBrokerConfig::default());
        let (a, b) = (play.connect("a"), play.connect("b"));
        let out = play.attach(a, LinkEnd::Sender(SenderState::new(modes("l", "q", snd, rcv))), Credit::Manual);
        let receiver = LinkEnd::Receiver(ReceiverState::new(modes("l", "q", snd, rcv)));
        let to = play.attach(b, receiver, Credit::Window(10));
        play.say(a, out, 7, "hi");
        let state = (snd != Settled).then_some(DeliveryState::Accepted);
        assert_eq!(play.done(a), [(7, state)], "{snd:?} {rcv:?}");
        let came = play.came(b);
        assert_eq!((came.len(), came[0].text(), came[0].settled), (1, "hi".to_owned(), snd == Settled));
        assert_eq!(play.total("last_unacknowledged_messages"), u64::from(snd != Settled));
        if snd != Settled {
            play.settle(b, to, &came[0], DeliveryState::Accepted);
            assert_eq!(play.total("acknowledged_messages"), 1);
        }
        let left = ["last_ready_messages", "last_unacknowledged_messages"].map(|name| play.total(name));
        assert_eq!(left, [0, 0], "{snd:?} {rcv:?}");
        // Second: settled by the broker behind the outcome.
        assert_eq!(play.session(b).receiver(to).unwrap().0, 0);
        assert_eq!(play.session(a).sender(out).unwrap().1, 0);
    }
}

/// The bare message stays bit for bit (§3.2): data in several sections, a value, a sequence, in forms that are not the shortest; over frames of 512 bytes. 0x70 and 0x80 with leading zeros are longer forms of small numbers.
#[test]
fn a_bare_message_is_not_changed() {
    let plain = Message { body: Body::Data(vec![Rope::fill(1, 0, 5000), Rope::fill(2, 0, 3000)]), ..data("") };
    let value = Message::new(Body::Value(Value::List(vec![Value::Ulong(1), Value::string("x")])));
    let sequence = Message::new(Body::Sequence(vec![vec![Value::Null], vec![Value::Boolean(true)]]));
    // Properties with a message-id of 8 bytes, application properties a: 1 in 4 bytes, data in the long form; behind it a footer.
    let mut odd =
        vec![0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x73, 0xd0, 0, 0, 0, 13, 0, 0, 0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0, 5];
    odd.extend([0x00, 0x53, 0x74, 0xc1, 9, 2, 0xa1, 1, b'a', 0x70, 0, 0, 0, 1]);
    odd.extend([0x00, 0x53, 0x75, 0xb0, 0, 0, 0, 2, b'h', b'i', 0x00, 0x53, 0x78, 0xc1, 1, 0]);
    let header = MessageHeader { durable: Some(true), priority: Some(7), ttl: Some(9000), ..MessageHeader::default() };
    let header = Message { header: Some(header), ..Message::new(Body::Data(vec![])) }.encode();
    for bare in [plain.encode(), value.encode(), sequence.encode(), Rope::from(odd)] {
        let mut play = Play::new(AmqpBrokerConfig { frame_max: Size::from_bytes(4096), ..AmqpBrokerConfig::default() });
        let small = ConnectionConfig { max_frame_size: 512, ..ConnectionConfig::new("a") };
        let (a, b) = (play.connect("b"), play.connect_with(small));
        let out = play.sender(a, "/queue/q");
        play.receiver(b, "/queue/q", Credit::Window(10));
        let mut payload = header.clone();
        payload.append(&bare);
        play.send(a, out, 1, payload, false);
        assert_eq!(play.done(a), [(1, Some(DeliveryState::Accepted))]);
        let came = play.came(b).remove(0);
        let (message, from, _) = Message::decode_parts(&came.payload).unwrap();
        assert_eq!(came.payload.slice(from, u64::MAX).to_bytes(), bare.to_bytes());
        let header = message.header.unwrap();
        assert_eq!((header.durable, header.priority, header.ttl), (Some(true), Some(7), Some(9000)));
    }
}

/// §2.6.7: of five messages three go for a credit of three; a drain with a credit of ten brings the last two, and eight that are used up. Available is what waits.
#[test]
fn credit_and_drain() {
    let mut play = Play::new(AmqpBrokerConfig::default());
    let (a, b) = (play.connect("a"), play.connect("b"));
    let out = play.sender(a, "q");
    (0..5).for_each(|token| play.say(a, out, token, "hi"));
    let to = play.receiver(b, "q", Credit::Manual);
    assert_eq!(play.came(b).len(), 0, "no credit");
    play.session(b).ask_flow(Some(to)).unwrap();
    play.run();
    assert_eq!(play.session(b).receiver(to).unwrap().2, 5, "available");
    play.session(b).give_credit(to, 3, false).unwrap();
    play.run();
    assert_eq!(play.came(b).len(), 3);
    assert_eq!(play.total("last_ready_messages"), 2);
    play.session(b).give_credit(to, 10, true).unwrap();
    play.run();
    assert_eq!(play.came(b).len(), 2);
    assert!(play.clients[b].events.contains(&SessionEvent::Drained { handle: to }));
    assert_eq!(play.session(b).receiver(to).unwrap().1, 0);
    // Nothing comes without new credit; with it, at once.
    play.say(a, out, 9, "late");
    assert_eq!(play.came(b).len(), 0);
    play.session(b).give_credit(to, 1, false).unwrap();
    play.run();
    assert_eq!(play.came(b)[0].text(), "late");
}

/// A drain of more than a stream takes at once: 40 messages of 10 kB, of which 65536 bytes wait at most. No credit is lost on the way.
#[test]
fn a_drain_waits_for_the_stream() {
    let mut play = Play::new(AmqpBrokerConfig::default());
    let a = play.connect("a");
    let out = play.sender(a, "q");
    (0..40).for_each(|token| play.send(a, out, token, Message::data(Rope::fill(1, 0, 10_000)).encode(), false));
    let b = play.connect("b");
    let to = play.receiver(b, "q", Credit::Manual);
    let stream = play.clients[b].stream;
    play.bench.make_room(&mut play.app, stream, 1000);
    play.session(b).give_credit(to, 100, true).unwrap();
    play.run();
    assert_eq!(play.came(b).len(), 0);
    let mut all = 0;
    for _ in 0..100 {
        play.bench.make_room(&mut play.app, stream, 5000);
        play.run();
        all += play.came(b).len();
    }
    assert_eq!(all, 40);
    assert!(play.clients[b].events.contains(&SessionEvent::Drained { handle: to }));
}

/// A time to live of 100 ms: with no credit, the message is gone after that.
#[test]
fn times_to_live_are_kept() {
    let mut play = Play::new(AmqpBrokerConfig::default());
    let a = play.connect("a");
    let out = play.sender(a, "q");
    let header = MessageHeader { ttl: Some(100), ..MessageHeader::default() };
    play.send(a, out, 1, Message { header: Some(header), ..data("hi") }.encode(), false);
    play.pass(ms(99));
    assert_eq!(play.total("expired_messages"), 0);
    play.pass(ms(100));
    assert_eq!((play.total("expired_messages"), play.total("last_ready_messages")), (1, 0));
}

/// §3.2.1: of 9000 ms, 2500 have passed when a receiver comes; it gives the message back, and another one gets it after 4000. A message that does not wait keeps all of its time. The rest of it stays.
#[test]
fn time_in_a_queue_is_taken_off_the_time_to_live() {
    let mut play = Play::new(AmqpBrokerConfig::default());
    let a = play.connect("a");
    let out = play.sender(a, "q");
    let header = MessageHeader { ttl: Some(9000), ..MessageHeader::default() };
    let message = Message { header: Some(header), ..data("hi") };
    play.send(a, out, 1, message.encode(), false);
    play.pass(ms(2500));
    let b = play.connect("b");
    let to = play.receiver(b, "q", Credit::Manual);
    let next = |play: &mut Play, left| {
        play.session(b).give_credit(to, 1, false).unwrap();
        play.run();
        let came = play.came(b).remove(0);
        let (message, from, _) = Message::decode_parts(&came.payload).unwrap();
        assert_eq!(message.header.unwrap().ttl, Some(left));
        assert_eq!(came.payload.slice(from, u64::MAX).to_bytes(), data("hi").encode().to_bytes());
        came
    };
    let came = next(&mut play, 6500);
    play.pass(ms(4000));
    play.settle(b, to, &came, DeliveryState::Released);
    let came = next(&mut play, 5000);
    play.settle(b, to, &came, DeliveryState::Accepted);
    play.send(a, out, 2, message.encode(), false);
    next(&mut play, 9000);
}

/// The credit that a sender gets is given anew when half is used; while memory is short it is not, and goes on when a message has left.
#[test]
fn credit_stops_while_memory_is_short() {
    let config = AmqpBrokerConfig {
        link_credit: 4,
        // Two messages with what they take beside their bodies (256 each).
        memory_watermark: Some(Size::from_bytes(512 + 2 * 256)),
        ..AmqpBrokerConfig::default()
    };
    let mut play = Play::new(config);
    let (a, b) = (play.connect("a"), play.connect("b"));
    let out = play.sender(a, "q");
    (0..10).for_each(|token| play.say(a, out, token, "hi"));
    // The queue takes 512 itself: the second message reaches the mark, and nothing is read behind it.
    assert_eq!((play.total("queued_messages"), play.total("blocked_times")), (2, 1));
    let other = play.sender(b, "q");
    assert_eq!(play.session(b).sender(other).unwrap().2, 0, "no credit while memory is short");
    let to = play.receiver(b, "q", Credit::Window(10));
    for _ in 0..10 {
        for came in play.came(b) {
            play.settle(b, to, &came, DeliveryState::Accepted);
        }
    }
    assert_eq!(play.total("acknowledged_messages"), 10);
    assert_eq!(play.done(a).len(), 10);
    assert_eq!(play.session(b).sender(other).unwrap().2, 4);
}

/// Where writing takes 5 ms, a persistent message is accepted when it is on disc; a transient one at once.
#[test]
fn persistent_messages_are_accepted_when_they_are_on_disc() {
    let mut play = Play::new(AmqpBrokerConfig { sync: Span::from_millis(5), ..AmqpBrokerConfig::default() });
    let a = play.connect("a");
    let out = play.sender(a, "q");
    // The queue is on disc.
    play.pass(ms(10));
    let header = MessageHeader { durable: Some(true), ..MessageHeader::default() };
    play.send(a, out, 1, Message { header: Some(header), ..data("hi") }.encode(), false);
    play.say(a, out, 2, "hi");
    assert_eq!(play.done(a), [(2, Some(DeliveryState::Accepted))]);
    play.pass(ms(14));
    assert_eq!(play.done(a), []);
    play.pass(ms(15));
    assert_eq!(play.done(a), [(1, Some(DeliveryState::Accepted))]);
    // What is on disc is there after a loss of power, as it came, and is no first attempt.
    let durable = play.app.take_durable().unwrap();
    let mut play = Play::new(AmqpBrokerConfig::default());
    play.app = AmqpBroker::new(AmqpBrokerConfig::default());
    play.app.recover(durable);
    play.app.on_start(&mut play.bench);
    let b = play.connect("b");
    play.receiver(b, "/amq/queue/q", Credit::Window(10));
    let came = play.came(b);
    assert_eq!((came.len(), came[0].text(), came[0].attempts()), (1, "hi".to_owned(), (false, 0)));
}
