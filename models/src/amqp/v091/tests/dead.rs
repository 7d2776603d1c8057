//! Dead letters, and what they say.

use super::{Message, Published, Queue, QueueOptions, consumer, ms, queue, run, s, with};
use crate::amqp::broker::queue::{ConnectionId, Overflow};
use crate::amqp::v091::wire::{FieldValue, Properties, Table};
use protosim_core::Span;
use std::sync::Arc;

fn dead_to(exchange: &str) -> QueueOptions {
    QueueOptions { dead_letter_exchange: Some(s(exchange)), ..Default::default() }
}

fn header<'a>(message: &'a Message, name: &str) -> Option<&'a FieldValue> {
    message.properties().headers.as_ref()?.get(name)
}

/// The entries of `x-death`, each as count, reason and queue.
fn deaths(message: &Message) -> Vec<String> {
    let Some(FieldValue::Array(deaths)) = header(message, "x-death") else { return Vec::new() };
    let said = |death: &FieldValue| {
        let FieldValue::Table(death) = death else { panic!("{death:?}") };
        let field = |name: &str| death.get(name).unwrap().as_str().unwrap().to_owned();
        format!("{} {} {}", death.get("count").unwrap().as_i64().unwrap(), field("reason"), field("queue"))
    };
    deaths.iter().map(said).collect()
}

/// The sheet, §7, check 8: after 200 ms in a queue with that time to live, at its head, a message is dead, once, as expired. All fields, as the
/// sheet has them: count, reason, queue, time, exchange, routing-keys, and x-first-death-*; times are in seconds.
#[test]
fn an_expired_message_is_a_dead_letter() {
    let mut q = queue(QueueOptions { message_ttl: Some(Span::from_millis(200)), ..dead_to("dlx") });
    q.publish(with(0, Properties::default()), ms(1_900));
    assert_eq!(q.deadline(), Some(ms(2_100)));
    let (said, left) = run(&mut q, ms(2_100));
    assert_eq!(said, "0 expired");
    let dead = q.dead_letter(&left[0], ms(2_100)).unwrap();
    assert_eq!((dead.exchange.as_str(), dead.message.exchange().as_str()), ("dlx", "dlx"));
    assert_eq!((dead.message.routing_key().as_str(), dead.message.body()), ("k", left[0].message.body()));
    let death: Table = [
        ("count", FieldValue::I64(1)),
        ("reason", "expired".into()),
        ("queue", "q".into()),
        ("time", FieldValue::Timestamp(2)),
        ("exchange", "e".into()),
        ("routing-keys", FieldValue::Array(vec!["k".into()])),
    ]
    .into_iter()
    .map(|(name, value)| (s(name), value))
    .collect();
    let headers: Table = [
        ("x-death", FieldValue::Array(vec![FieldValue::Table(death)])),
        ("x-first-death-exchange", "e".into()),
        ("x-first-death-queue", "q".into()),
        ("x-first-death-reason", "expired".into()),
    ]
    .into_iter()
    .map(|(name, value)| (s(name), value))
    .collect();
    assert_eq!(dead.message.properties(), &Properties { headers: Some(headers), ..Default::default() });
}

/// RabbitMQ: its expiration is taken from a dead letter, so that it does not expire again, and stands in `x-death`. Other properties stay.
#[test]
fn an_expiration_is_taken_away() {
    let mut q = queue(dead_to("dlx"));
    let headers = Table::from_iter([(s("mine"), FieldValue::I32(1))]);
    let properties =
        Properties { expiration: Some(s("10")), delivery_mode: Some(2), headers: Some(headers), ..Default::default() };
    q.publish(with(0, properties), ms(0));
    let (_, left) = run(&mut q, ms(10));
    let message = q.dead_letter(&left[0], ms(10)).unwrap().message;
    assert_eq!((message.time_to_live(), &message.properties().expiration), (None, &None));
    assert_eq!((message.properties().delivery_mode, header(&message, "mine")), (Some(2), Some(&FieldValue::I32(1))));
    let Some(FieldValue::Array(deaths)) = header(&message, "x-death") else { panic!("no x-death") };
    let FieldValue::Table(death) = &deaths[0] else { panic!("no table") };
    assert_eq!(death.get("original-expiration"), Some(&FieldValue::from("10")));
}

/// Rejected ones, ones too many, and refused ones; with a routing key of the queue's. Without an exchange there is none.
#[test]
fn all_that_leave_are_dead_letters() {
    let mut q = queue(QueueOptions { max_length: Some(1), dead_letter_routing_key: Some(s("other")), ..dead_to("") });
    q.publish(with(0, Properties::default()), ms(0));
    q.publish(with(1, Properties::default()), ms(0));
    let (_, left) = run(&mut q, ms(0));
    let dead = q.dead_letter(&left[0], ms(0)).unwrap();
    assert_eq!((dead.exchange.as_str(), dead.message.routing_key().as_str()), ("", "other"));
    assert_eq!(deaths(&dead.message), ["1 maxlen q"]);
    q.subscribe(consumer(1, 1), ms(0)).unwrap();
    run(&mut q, ms(0));
    let left = q.reject(1).unwrap();
    assert_eq!(deaths(&q.dead_letter(&left, ms(0)).unwrap().message), ["1 rejected q"]);

    let overflow = Overflow::RejectPublishDlx;
    let mut q = queue(QueueOptions { max_length: Some(0), overflow, ..dead_to("dlx") });
    let Published::Refused(Some(left)) = q.publish(with(0, Properties::default()), ms(0)) else { panic!("no room") };
    assert_eq!(deaths(&q.dead_letter(&left, ms(0)).unwrap().message), ["1 maxlen q"]);
    assert_eq!(queue(QueueOptions::default()).dead_letter(&left, ms(0)), None);
}

/// RabbitMQ: an entry for each queue and cause, with its count, the latest first; what was first stays what it was.
#[test]
fn deaths_are_counted_by_queue_and_cause() {
    let die = |message: Arc<Message>, name: &str, is_rejected: bool| -> Arc<Message> {
        let options = QueueOptions { message_ttl: Some(Span::from_millis(1)), ..dead_to("dlx") };
        let mut q = Queue::new(s(name), options, ConnectionId(1), ms(0));
        q.publish(message, ms(0));
        let left = match is_rejected {
            true => {
                let position = q.get(ms(0), false).unwrap().position;
                q.reject(position).unwrap()
            }
            false => run(&mut q, ms(1)).1.remove(0),
        };
        Arc::new(q.dead_letter(&left, ms(1)).unwrap().message)
    };
    let mut message = with(0, Properties::default());
    for (name, is_rejected, expected) in [
        ("a", true, &["1 rejected a"][..]),
        ("b", false, &["1 expired b", "1 rejected a"]),
        ("a", false, &["1 expired a", "1 expired b", "1 rejected a"]),
        ("a", true, &["2 rejected a", "1 expired a", "1 expired b"]),
        ("b", false, &["2 expired b", "2 rejected a", "1 expired a"]),
    ] {
        message = die(message, name, is_rejected);
        assert_eq!(deaths(&message), expected);
    }
    assert_eq!(header(&message, "x-first-death-queue"), Some(&"a".into()));
    assert_eq!(header(&message, "x-first-death-reason"), Some(&"rejected".into()));
    assert_eq!(header(&message, "x-first-death-exchange"), Some(&"e".into()));
    // Expired in b since somebody has rejected it: b again would be a circle, a would not, and where it never was is none.
    assert_eq!(["b", "a", "c"].map(|queue| message.is_cycle(queue)), [true, false, false]);
    // Not dead at all.
    assert!(!with(0, Properties::default()).is_cycle("q"));
}

/// Headers that a publisher has made up are replaced where they are no deaths, and never a panic.
#[test]
fn strange_headers_are_taken_as_they_are() {
    for strange in [
        FieldValue::I32(1),
        FieldValue::Array(vec![FieldValue::Void]),
        FieldValue::Array(vec![FieldValue::Table(Table::new())]),
        FieldValue::Array(vec![FieldValue::Table(Table::from_iter([
            (s("queue"), FieldValue::from("q")),
            (s("reason"), FieldValue::from("expired")),
            (s("count"), FieldValue::I64(i64::MAX)),
        ]))]),
    ] {
        let mut q = queue(QueueOptions { message_ttl: Some(Span::from_millis(1)), ..dead_to("dlx") });
        let headers = Some(Table::from_iter([(s("x-death"), strange)]));
        q.publish(with(0, Properties { headers, ..Default::default() }), ms(0));
        let (_, left) = run(&mut q, ms(1));
        let message = q.dead_letter(&left[0], ms(1)).unwrap().message;
        assert!(message.is_cycle("q"));
        let Some(FieldValue::Array(deaths)) = header(&message, "x-death") else { panic!("no array") };
        let FieldValue::Table(death) = &deaths[0] else { panic!("no table") };
        assert!(death.get("count").unwrap().as_i64().unwrap() >= 1);
    }
}
