//! Tests of AMQP 0-9-1, by what they hold true.

mod apps;
mod bytes;
mod contents;
mod crashes;
mod dead;
mod ends;
mod flaws;
mod frames;
mod queues;
mod routing;
mod topics;

use super::wire::{Properties, ShortStr, Table};
use crate::amqp::broker::exchange::{Destination, ExchangeKind, ExchangeOptions, Router};
use crate::amqp::broker::queue::{
    ConnectionId, Consumer, ConsumerId, Left, Message, Published, Queue, QueueOptions, Step,
};
use crate::rope::Rope;
use protosim_core::{LocalTime, Span};
use std::sync::Arc;

fn s(text: &str) -> ShortStr {
    ShortStr::new(text).unwrap()
}

fn to_queue(name: &str) -> Destination {
    Destination::Queue(s(name))
}

fn to_exchange(name: &str) -> Destination {
    Destination::Exchange(s(name))
}

/// With exchanges of these kinds and names, and queues.
fn router(exchanges: &[(&str, ExchangeKind)], queues: &[&str]) -> Router {
    let mut router = Router::new();
    for (name, kind) in exchanges {
        assert_eq!(router.declare(&s(name), ExchangeOptions::new(*kind)), Ok(true));
    }
    queues.iter().for_each(|queue| router.add_queue(&s(queue)));
    router
}

/// The queues into which a message without headers goes, with spaces between them.
fn routed(router: &Router, exchange: &str, key: &str) -> String {
    let queues = router.route(exchange, key, &Table::new());
    queues.iter().map(|queue| queue.as_str()).collect::<Vec<_>>().join(" ")
}

const ME: ConnectionId = ConnectionId(1);

fn ms(millis: u64) -> LocalTime {
    LocalTime::ZERO + Span::from_millis(millis)
}

fn queue(options: QueueOptions) -> Queue {
    Queue::new(s("q"), options, ME, LocalTime::ZERO)
}

/// A message whose body is a number.
fn message(number: u64) -> Arc<Message> {
    with(number, Properties::default())
}

fn with(number: u64, properties: Properties) -> Arc<Message> {
    let body = Rope::from(number.to_string().into_bytes());
    Arc::new(Message::new(s("e"), s("k"), properties, body).unwrap())
}

fn publish(queue: &mut Queue, numbers: std::ops::Range<u64>, now: LocalTime) {
    for number in numbers {
        assert!(matches!(queue.publish(message(number), now), Published::Taken(_)));
    }
}

fn text(message: &Message) -> String {
    String::from_utf8(message.body().to_bytes().to_vec()).unwrap()
}

fn consumer(id: u64, prefetch: u16) -> Consumer {
    Consumer { id: ConsumerId(id), no_ack: false, exclusive: false, prefetch }
}

/// What happens until nothing more does: `1:0` for message 0 to consumer 1, `1:0r` where it is redelivered, `0 expired` where it leaves. And
/// what has left.
fn run(queue: &mut Queue, now: LocalTime) -> (String, Vec<Left>) {
    let (mut said, mut all) = (Vec::new(), Vec::new());
    while let Some(step) = queue.next(now, |_| true) {
        said.push(match step {
            Step::Deliver(delivery) => {
                let mark = if delivery.redelivered { "r" } else { "" };
                format!("{}:{}{mark}", delivery.consumer.unwrap().0, text(&delivery.message))
            }
            Step::Leave(left) => {
                let one = format!("{} {}", text(&left.message), left.cause.name());
                all.push(left);
                one
            }
        });
    }
    (said.join(", "), all)
}

fn steps(queue: &mut Queue, now: LocalTime) -> String {
    run(queue, now).0
}
