//! Scripts of one queue: what is said to it, and what it does.

use super::{ConnectionId, Consumer, ConsumerId, ME, Published, Queue, Step, consumer, message, ms, publish, queue};
use super::{s, steps, text, with};
use crate::amqp::broker::queue::{Overflow, QueueOptions};
use crate::amqp::v091::deliveries::{Deliveries, Outstanding};
use crate::amqp::v091::wire::{Fault, FieldValue, Properties, ReplyCode, Table, basic, queue as wire};
use protosim_core::{LocalTime, Span};
use std::collections::BTreeSet;

const NOW: LocalTime = LocalTime::ZERO;

fn subscribe(queue: &mut Queue, consumer: Consumer) {
    assert_eq!(queue.subscribe(consumer, NOW), Ok(()));
}

/// A channel's view of a queue: what `next` gives, with tags. Says message and mark.
fn deliver_all(queue: &mut Queue, channel: &mut Deliveries) -> String {
    let mut said = Vec::new();
    while let Some(Step::Deliver(delivery)) = queue.next(NOW, |consumer| consumer.no_ack || channel.has_room()) {
        let tag = channel.deliver(&s("q"), &delivery);
        let mark = if delivery.redelivered { "(r)" } else { "" };
        said.push(format!("{tag}={}{mark}", text(&delivery.message)));
    }
    said.join(" ")
}

/// The sheet's, measured with RabbitMQ: with a prefetch of 2 of 6 messages, then a close of the channel: 0(r) 1(r) 2 3 4 5, with tags from 1.
#[test]
fn a_channel_that_ends_gives_all_back_in_order() {
    let mut q = queue(QueueOptions::default());
    publish(&mut q, 0..6, NOW);
    let mut channel = Deliveries::default();
    subscribe(&mut q, consumer(1, 2));
    assert_eq!(deliver_all(&mut q, &mut channel), "1=0 2=1");
    assert_eq!((q.ready(), q.unacked()), (4, 2));
    q.unsubscribe(ConsumerId(1), NOW);
    let outstanding = channel.take_all();
    // In whatever order they come back.
    for outstanding in outstanding.iter().rev() {
        assert!(q.requeue(outstanding.position));
    }
    let mut channel = Deliveries::default();
    subscribe(&mut q, consumer(2, 0));
    assert_eq!(deliver_all(&mut q, &mut channel), "1=0(r) 2=1(r) 3=2 4=3 5=4 6=5");
}

/// What an acknowledgement does.
fn settle(channel: &mut Deliveries, tag: u64, multiple: bool) -> Result<Vec<Outstanding>, Fault> {
    let tags = channel.resolve(tag, multiple, &BTreeSet::new())?;
    Ok(tags.into_iter().filter_map(|tag| channel.settle(tag)).collect())
}

/// §1.8.3.13: `multiple` is for all up to the tag, tag 0 for all; a tag that does not wait is 406, and so it is on another channel.
#[test]
fn acknowledgements_name_tags_of_their_channel() {
    let mut q = queue(QueueOptions::default());
    publish(&mut q, 0..7, NOW);
    subscribe(&mut q, consumer(1, 0));
    let (mut channel, mut other) = (Deliveries::default(), Deliveries::default());
    deliver_all(&mut q, &mut channel);
    let positions = |outstanding: Vec<Outstanding>| -> Vec<_> {
        outstanding.into_iter().map(|outstanding| outstanding.position).collect()
    };
    assert_eq!(settle(&mut channel, 2, false).map(positions), Ok(vec![1]));
    assert_eq!(settle(&mut channel, 2, false).unwrap_err().code, ReplyCode::PreconditionFailed);
    assert_eq!(settle(&mut channel, 2, true).unwrap_err().code, ReplyCode::PreconditionFailed);
    assert_eq!(settle(&mut channel, 4, true).map(positions), Ok(vec![0, 2, 3]));
    assert_eq!(settle(&mut channel, 0, false).unwrap_err().code, ReplyCode::PreconditionFailed);
    assert_eq!(settle(&mut channel, 8, true).unwrap_err().code, ReplyCode::PreconditionFailed);
    assert_eq!(settle(&mut other, 5, false).unwrap_err().code, ReplyCode::PreconditionFailed);
    assert_eq!(settle(&mut channel, 0, true).map(positions), Ok(vec![4, 5, 6]));
    assert_eq!(settle(&mut channel, 0, true).map(positions), Ok(vec![]));
    assert!(channel.is_empty());
}

/// RabbitMQ: a prefetch that is not global is for each consumer that begins afterwards; a global one is shared by the channel's consumers, and
/// counts for those that are there. What was asked for, and what is not acknowledged, counts for neither.
#[test]
fn a_prefetch_is_a_consumers_or_the_channels() {
    let mut channel = Deliveries::default();
    let mut q = queue(QueueOptions::default());
    subscribe(&mut q, consumer(1, channel.prefetch()));
    let qos = |count, global| basic::Qos { prefetch_size: 0, prefetch_count: count, global };
    channel.on_qos(&qos(2, false)).unwrap();
    subscribe(&mut q, consumer(2, channel.prefetch()));
    channel.on_qos(&qos(5, true)).unwrap();
    publish(&mut q, 0..9, NOW);
    // In turns, until 2 has its two; then 1, which has no limit of its own, until the channel has its five.
    let mut got = Vec::new();
    while let Some(Step::Deliver(delivery)) = q.next(NOW, |_| channel.has_room()) {
        channel.deliver(&s("q"), &delivery);
        got.push(delivery.consumer.unwrap().0);
    }
    assert_eq!(got, [1, 2, 1, 2, 1]);
    let asked = q.get(NOW, false).unwrap();
    assert_eq!((channel.deliver(&s("q"), &asked), asked.consumer), (6, None));
    // Its acknowledgement makes no room; one of a consumer's does.
    q.ack(settle(&mut channel, 6, false).unwrap()[0].position);
    assert_eq!(deliver_all(&mut q, &mut channel), "");
    q.ack(settle(&mut channel, 2, false).unwrap()[0].position);
    assert_eq!(deliver_all(&mut q, &mut channel), "7=6");
    // Without acknowledgements there is no limit, and nothing waits.
    subscribe(&mut q, Consumer { no_ack: true, ..consumer(3, 1) });
    assert_eq!(deliver_all(&mut q, &mut channel), "8=7 9=8");
    assert_eq!((channel.len(), q.unacked()), (5, 5));
    assert_eq!(settle(&mut channel, 8, false).unwrap_err().code, ReplyCode::PreconditionFailed);
    let bytes = basic::Qos { prefetch_size: 1, ..qos(1, false) };
    assert_eq!(channel.on_qos(&bytes).unwrap_err().code, ReplyCode::NotImplemented);
}

/// Consumers in turns, those without room left out; what is acknowledged makes room again.
#[test]
fn consumers_with_room_take_turns() {
    let mut q = queue(QueueOptions::default());
    for (id, prefetch) in [(1, 1), (2, 3), (3, 2)] {
        subscribe(&mut q, consumer(id, prefetch));
    }
    publish(&mut q, 0..8, NOW);
    assert_eq!(steps(&mut q, NOW), "1:0, 2:1, 3:2, 2:3, 3:4, 2:5");
    // Message 2 was the third consumer's.
    assert_eq!(text(&q.ack(2).unwrap()), "2");
    assert_eq!(steps(&mut q, NOW), "3:6");
    assert_eq!(q.ack(2), None);
    // Sent back by the first one: it is the first in the queue again, and the only one with room for it is the first consumer.
    assert!(q.requeue(0));
    assert_eq!(steps(&mut q, NOW), "1:0r");
    assert_eq!((q.ready(), q.unacked()), (1, 6));
}

/// A turn is where the last message has put its consumer, whenever it has room again: who got one longest ago is the next.
#[test]
fn a_consumer_at_its_limit_keeps_its_turn() {
    let mut q = queue(QueueOptions::default());
    for id in 1..=3 {
        subscribe(&mut q, consumer(id, 1));
    }
    publish(&mut q, 0..3, NOW);
    assert_eq!(steps(&mut q, NOW), "1:0, 2:1, 3:2");
    assert!(q.ack(2).is_some() && q.ack(0).is_some());
    publish(&mut q, 3..6, NOW);
    assert_eq!(steps(&mut q, NOW), "1:3, 3:4");
    assert!(!q.unsubscribe(ConsumerId(2), NOW));
    assert_eq!((q.consumer_count(), q.consumers().collect::<Vec<_>>()), (2, vec![ConsumerId(1), ConsumerId(3)]));
    assert!(q.ack(4).is_some());
    assert_eq!(steps(&mut q, NOW), "3:5");
}

/// §1.8.3.3: 403 for a second one where one wants the queue for itself.
#[test]
fn a_consumer_may_have_a_queue_for_itself() {
    let alone = |id| Consumer { exclusive: true, ..consumer(id, 0) };
    let mut q = queue(QueueOptions::default());
    subscribe(&mut q, alone(1));
    assert_eq!(q.subscribe(consumer(2, 0), NOW).unwrap_err().code, ReplyCode::AccessRefused);
    assert!(!q.unsubscribe(ConsumerId(1), NOW));
    subscribe(&mut q, consumer(2, 0));
    assert_eq!(q.subscribe(alone(1), NOW).unwrap_err().code, ReplyCode::AccessRefused);
    assert_eq!(q.consumers().collect::<Vec<_>>(), [ConsumerId(2)]);
}

/// §1.7.2.1: a queue goes with its last consumer where that was declared, and never if none came; an exclusive one is 405 to others.
#[test]
fn queues_are_auto_deleted_and_exclusive() {
    let mut q = queue(QueueOptions { auto_delete: true, exclusive: true, ..Default::default() });
    assert!(!q.unsubscribe(ConsumerId(1), NOW));
    subscribe(&mut q, consumer(1, 0));
    subscribe(&mut q, consumer(2, 0));
    assert!(!q.unsubscribe(ConsumerId(1), NOW));
    assert!(!q.unsubscribe(ConsumerId(1), NOW));
    assert!(q.unsubscribe(ConsumerId(2), NOW));
    let options = q.options().clone();
    assert_eq!(q.declare(&options, ME, NOW), Ok(()));
    assert_eq!(q.declare(&options, ConnectionId(2), NOW).unwrap_err().code, ReplyCode::ResourceLocked);
    let other = QueueOptions { durable: true, ..options };
    assert_eq!(q.declare(&other, ME, NOW).unwrap_err().code, ReplyCode::PreconditionFailed);
    assert_eq!(queue(QueueOptions::default()).check_owner(ConnectionId(2)), Ok(()));
}

/// §1.7.2.9 and §1.7.2.7: 406 for a queue that is in use or has messages, where it shall not; a purge takes what is ready alone.
#[test]
fn queues_are_purged_and_deleted() {
    let mut q = queue(QueueOptions::default());
    publish(&mut q, 0..3, NOW);
    assert_eq!(q.check_delete(true, false), Ok(()));
    assert_eq!(q.check_delete(false, true).unwrap_err().code, ReplyCode::PreconditionFailed);
    subscribe(&mut q, consumer(1, 1));
    steps(&mut q, NOW);
    assert_eq!(q.check_delete(true, false).unwrap_err().code, ReplyCode::PreconditionFailed);
    assert_eq!((q.purge(), q.ready(), q.ready_bytes(), q.unacked()), (2, 0, 0, 1));
    assert_eq!(q.check_delete(false, true), Ok(()));
    assert!(q.requeue(0));
    assert_eq!((q.ready(), q.ready_bytes()), (1, 1));
}

/// RabbitMQ: the highest priority first, at most the queue's highest, none is 0; within one by position. What goes back goes back to its own.
#[test]
fn priorities_come_first() {
    let mut q = queue(QueueOptions { max_priority: 5, ..Default::default() });
    let priority = |priority| Properties { priority, ..Default::default() };
    for (number, of) in [(0, None), (1, Some(2)), (2, Some(9)), (3, Some(2)), (4, Some(5)), (5, Some(0))] {
        q.publish(with(number, priority(of)), NOW);
    }
    subscribe(&mut q, consumer(1, 3));
    assert_eq!(steps(&mut q, NOW), "1:2, 1:4, 1:1");
    assert!(q.requeue(4) && q.requeue(1));
    assert_eq!(steps(&mut q, NOW), "1:4r, 1:1r");
    for position in [2, 4, 1] {
        q.ack(position);
    }
    assert_eq!(steps(&mut q, NOW), "1:3, 1:0, 1:5");
    // A queue without priorities has none.
    let mut q = queue(QueueOptions::default());
    q.publish(with(0, priority(None)), NOW);
    q.publish(with(1, priority(Some(9))), NOW);
    assert_eq!(text(&q.get(NOW, true).unwrap().message), "0");
}

/// Messages expire at the head alone: 1, whose time is over at 10 ms, waits behind 0 until 100 ms (RabbitMQ, and the sheet: queue head).
#[test]
fn messages_expire_at_the_head() {
    let mut q = queue(QueueOptions { message_ttl: Some(Span::from_millis(100)), ..Default::default() });
    let ttl = |millis: &str| Properties { expiration: Some(s(millis)), ..Default::default() };
    q.publish(message(0), ms(0));
    // The shorter of both counts.
    q.publish(with(1, ttl("10")), ms(0));
    q.publish(with(2, ttl("500")), ms(20));
    assert_eq!((steps(&mut q, ms(99)), q.deadline()), (String::new(), Some(ms(100))));
    assert_eq!((steps(&mut q, ms(100)), q.deadline()), ("0 expired, 1 expired".to_owned(), Some(ms(120))));
    assert!(q.get(ms(119), false).is_some());
    // What was delivered does not expire; back in the queue it does, with what it had.
    assert_eq!((steps(&mut q, ms(130)), q.deadline()), (String::new(), None));
    assert!(q.requeue(2));
    assert_eq!(q.get(ms(130), false), None);
    assert_eq!(steps(&mut q, ms(130)), "2 expired");
}

/// RabbitMQ: with a time to live of 0 a message is delivered at once, or never.
#[test]
fn a_time_to_live_of_zero_is_for_consumers_that_wait() {
    let mut q = queue(QueueOptions { message_ttl: Some(Span::from_millis(0)), ..Default::default() });
    subscribe(&mut q, consumer(1, 1));
    publish(&mut q, 0..2, ms(5));
    assert_eq!(steps(&mut q, ms(5)), "1:0, 1 expired");
    // Not the one that goes back, whoever has room: its time was over before.
    assert!(q.requeue(0));
    assert_eq!(steps(&mut q, ms(6)), "0 expired");
}

/// RabbitMQ: what is too much leaves at the head, by number and by bytes of bodies; what can be delivered is not too much, and what is
/// delivered does not count.
#[test]
fn what_is_too_much_leaves_at_the_head() {
    // The sheet, §7, check 9: of three messages with a length of 2 the oldest leaves.
    let mut q = queue(QueueOptions { max_length: Some(2), ..Default::default() });
    publish(&mut q, 0..3, NOW);
    assert_eq!(steps(&mut q, NOW), "0 maxlen");
    subscribe(&mut q, consumer(1, 2));
    assert_eq!(steps(&mut q, NOW), "1:1, 1:2");
    publish(&mut q, 3..6, NOW);
    assert_eq!((steps(&mut q, NOW), q.ready(), q.unacked()), ("3 maxlen".to_owned(), 2, 2));
    // 1 goes back before 4 and 5, and is the head: it is delivered, as its consumer has room again.
    assert!(q.requeue(1));
    assert_eq!(steps(&mut q, NOW), "1:1r");

    // Bodies of one, two and two bytes into four: `9` leaves.
    let mut q = queue(QueueOptions { max_length_bytes: Some(4), ..Default::default() });
    publish(&mut q, 9..12, NOW);
    assert_eq!((steps(&mut q, NOW), q.ready_bytes()), ("9 maxlen".to_owned(), 4));
    // Nothing fits into nothing, unless it is delivered.
    let mut q = queue(QueueOptions { max_length: Some(0), ..Default::default() });
    subscribe(&mut q, consumer(1, 1));
    publish(&mut q, 0..2, NOW);
    assert_eq!(steps(&mut q, NOW), "1:0, 1 maxlen");
}

/// RabbitMQ: with reject-publish what comes is refused, even where a consumer waits; a dead letter it is with reject-publish-dlx alone. What goes
/// back may be too much.
#[test]
fn what_is_too_much_may_be_refused() {
    for (overflow, is_dead) in [(Overflow::RejectPublish, false), (Overflow::RejectPublishDlx, true)] {
        let mut q = queue(QueueOptions { max_length: Some(1), overflow, ..Default::default() });
        publish(&mut q, 0..1, NOW);
        let Published::Refused(left) = q.publish(message(1), NOW) else { panic!("there is no room") };
        assert_eq!(left.map(|left| (left.cause.name(), left.position)), is_dead.then_some(("maxlen", None)));
        subscribe(&mut q, consumer(1, 1));
        assert_eq!(steps(&mut q, NOW), "1:0");
        publish(&mut q, 2..3, NOW);
        assert!(q.requeue(0));
        q.unsubscribe(ConsumerId(1), NOW);
        assert_eq!((steps(&mut q, NOW), q.ready()), (String::new(), 2));
        assert!(matches!(q.publish(message(3), NOW), Published::Refused(_)));
    }
}

/// RabbitMQ: a queue goes when nobody has declared it, asked it for a message or consumed from it for so long.
#[test]
fn a_queue_that_nobody_uses_expires() {
    let mut q = queue(QueueOptions { expires: Some(Span::from_millis(100)), ..Default::default() });
    assert_eq!((q.deadline(), q.is_expired(ms(99)), q.is_expired(ms(100))), (Some(ms(100)), false, true));
    let options = q.options().clone();
    q.declare(&options, ME, ms(50)).unwrap();
    assert_eq!(q.deadline(), Some(ms(150)));
    // A message does not keep it.
    publish(&mut q, 0..1, ms(60));
    assert_eq!(q.deadline(), Some(ms(150)));
    q.get(ms(70), false);
    assert_eq!(q.deadline(), Some(ms(170)));
    q.subscribe(consumer(1, 0), ms(80)).unwrap();
    assert_eq!((q.deadline(), q.is_expired(ms(500))), (None, false));
    q.unsubscribe(ConsumerId(1), ms(300));
    assert_eq!(q.deadline(), Some(ms(400)));
}

/// After a restart: what was kept, in its order, and marked where it was delivered; consumers are gone.
#[test]
fn a_restart_keeps_what_was_kept() {
    let mut q = queue(QueueOptions { durable: true, ..Default::default() });
    let persistent = Properties { delivery_mode: Some(2), ..Default::default() };
    for number in 0..6 {
        let properties = if number % 2 == 0 { persistent.clone() } else { Properties::default() };
        q.publish(with(number, properties), NOW);
    }
    subscribe(&mut q, consumer(1, 3));
    assert_eq!(steps(&mut q, NOW), "1:0, 1:1, 1:2");
    q.restart(NOW, |_, message| message.properties().is_persistent());
    assert_eq!((q.consumers().count(), q.unacked(), q.ready(), q.ready_bytes()), (0, 0, 3, 3));
    subscribe(&mut q, consumer(2, 0));
    assert_eq!(steps(&mut q, NOW), "2:0r, 2:2r, 2:4");
}

/// Arguments of declarations: integers of any width, and what is no length, no time, no name or no policy is 406.
#[test]
fn queues_are_declared_with_arguments() {
    let declare = |fields: &[(&str, FieldValue)]| {
        let arguments: Table = fields.iter().map(|(name, value)| (s(name), value.clone())).collect();
        QueueOptions::from_declare(&wire::Declare { queue: s("q"), durable: true, arguments, ..Default::default() })
    };
    let options = declare(&[
        ("x-message-ttl", FieldValue::I32(200)),
        ("x-expires", FieldValue::I64(1)),
        ("x-max-length", FieldValue::U8(7)),
        ("x-max-length-bytes", FieldValue::I16(8)),
        ("x-overflow", "reject-publish-dlx".into()),
        ("x-dead-letter-exchange", "".into()),
        ("x-dead-letter-routing-key", "k".into()),
        ("x-max-priority", FieldValue::I8(10)),
        ("x-queue-type", "classic".into()),
        ("x-unknown", FieldValue::Void),
    ]);
    let expected = QueueOptions {
        durable: true,
        message_ttl: Some(Span::from_millis(200)),
        expires: Some(Span::from_millis(1)),
        max_length: Some(7),
        max_length_bytes: Some(8),
        overflow: Overflow::RejectPublishDlx,
        dead_letter_exchange: Some(s("")),
        dead_letter_routing_key: Some(s("k")),
        max_priority: 10,
        ..Default::default()
    };
    assert_eq!(options, Ok(expected));
    for (name, value) in [
        ("x-message-ttl", FieldValue::I32(-1)),
        ("x-message-ttl", FieldValue::I64(315_360_000_001)),
        ("x-message-ttl", "200".into()),
        ("x-expires", FieldValue::I32(0)),
        ("x-max-length", FieldValue::I64(-1)),
        ("x-max-priority", FieldValue::I32(256)),
        ("x-overflow", "drop-tail".into()),
        ("x-overflow", FieldValue::Bool(true)),
        ("x-dead-letter-exchange", FieldValue::I32(1)),
        ("x-dead-letter-routing-key", "k".into()),
    ] {
        assert_eq!(declare(&[(name, value)]).unwrap_err().code, ReplyCode::PreconditionFailed, "{name}");
    }
    assert_eq!(declare(&[("x-queue-type", "quorum".into())]).unwrap_err().code, ReplyCode::NotImplemented);
    // RabbitMQ 3.10.8 has 406 for what is no type of its own.
    for strange in ["strange".into(), FieldValue::I32(1)] {
        assert_eq!(declare(&[("x-queue-type", strange)]).unwrap_err().code, ReplyCode::PreconditionFailed);
    }
}

/// Whatever is done, each message is ready, unacknowledged, or has left once; and what is ready comes out by position, with a mark if it was
/// delivered before.
#[test]
fn no_message_is_lost_or_doubled() {
    for seed in 0..60 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let max_length = rng.bool().then(|| rng.u64(..8));
        let message_ttl = rng.bool().then(|| Span::from_millis(rng.u64(..50)));
        let mut q = queue(QueueOptions { max_length, message_ttl, ..Default::default() });
        subscribe(&mut q, consumer(1, rng.u16(1..4)));
        subscribe(&mut q, consumer(2, rng.u16(1..4)));
        // By number, how often it was published, delivered, and how often it has ended.
        let (mut published, mut delivered, mut ended) = (0, vec![0; 400], vec![0; 400]);
        let mut waiting: Vec<u64> = Vec::new();
        let mut now = NOW;
        for _ in 0..400 {
            match rng.u8(..5) {
                0 | 1 => {
                    publish(&mut q, published..published + 1, now);
                    published += 1;
                }
                2 if !waiting.is_empty() => {
                    let position = waiting.swap_remove(rng.usize(..waiting.len()));
                    ended[position as usize] += 1;
                    match rng.bool() {
                        true => assert_eq!(text(&q.ack(position).unwrap()), position.to_string()),
                        false => assert_eq!(q.reject(position).unwrap().position, Some(position)),
                    }
                }
                3 if !waiting.is_empty() => {
                    assert!(q.requeue(waiting.swap_remove(rng.usize(..waiting.len()))));
                }
                _ => now = now + Span::from_millis(rng.u64(1..10)),
            }
            while let Some(step) = q.next(now, |_| true) {
                match step {
                    Step::Deliver(delivery) => {
                        let times = &mut delivered[delivery.position as usize];
                        assert_eq!(delivery.redelivered, *times > 0);
                        *times += 1;
                        waiting.push(delivery.position);
                    }
                    Step::Leave(left) => ended[left.position.unwrap() as usize] += 1,
                }
            }
            assert!(max_length.is_none_or(|max| q.ready() as u64 <= max));
            assert_eq!(waiting.len(), q.unacked());
            let gone = ended.iter().sum::<usize>();
            assert_eq!(published as usize, gone + q.ready() + q.unacked());
        }
        assert!(ended.iter().all(|times| *times <= 1));
        let mut last = None;
        while let Some(delivery) = q.get(now, true) {
            assert_eq!(delivery.redelivered, delivered[delivery.position as usize] > 0);
            assert!(last.replace(delivery.position).is_none_or(|last| last < delivery.position));
        }
    }
}
