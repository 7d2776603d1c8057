//! Clients of both versions at one broker: what a message says of itself holds for the other version, too.

use super::*;
use crate::amqp::v091::config::{AmqpBindingConfig, AmqpExchangeConfig, AmqpExchangeKind};

/// To `q` of 0-9-1.
fn publication(key: &str) -> AmqpPublicationConfig {
    AmqpPublicationConfig {
        start: Some(Span::from_millis(1000)),
        interval: TimeDistribution::Fixed(Span::ZERO),
        count: Some(3),
        ..AmqpPublicationConfig::new("", key, AmqpConfirms::Window(10))
    }
}

fn durable(name: &str) -> AmqpQueueConfig {
    AmqpQueueConfig { durable: true, ..AmqpQueueConfig::new(name) }
}

/// Low and high priorities from clients of either version, low ones first; who takes them later gets the high ones first, whichever version they speak (0-9-1: basic properties, 1.0: §3.2.1).
#[test]
fn priorities_cross() {
    let queue = AmqpQueueConfig { max_priority: Some(9), ..durable("q") };
    for is_old in [false, true] {
        // 1.0 low at 1000 ms, 0-9-1 high at 1100 ms; then the other way round.
        for low_is_old in [false, true] {
            let (low, high) = (Some(1), Some(8));
            let (old_priority, new_priority) = if low_is_old { (low, high) } else { (high, low) };
            let (old_start, new_start) = if low_is_old { (1000, 1100) } else { (1100, 1000) };
            let says_old = AmqpClientConfig {
                queues: vec![queue.clone()],
                publications: vec![AmqpPublicationConfig {
                    priority: old_priority,
                    start: Some(Span::from_millis(old_start)),
                    ..publication("q")
                }],
                ..old()
            };
            let says_new = says(AmqpSenderConfig { priority: new_priority, ..burst(Settle::First, new_start, 3) });
            // One by one, so that each is chosen when it is asked for.
            let bed = Bed::new(3, AmqpBrokerConfig::default()).with_old(says_old).with(late(300, says_new));
            let get = Some(Span::from_millis(50));
            let ran = match is_old {
                true => {
                    let consumer = AmqpConsumerConfig { get, ..AmqpConsumerConfig::new("q") };
                    let config = AmqpClientConfig { consumers: vec![consumer], ..old() };
                    bed.with_old(AmqpClientConfig { start: Span::from_millis(2000), ..config })
                }
                false => bed.with(late(2000, takes(AmqpReceiverConfig { get, ..receiver(Settle::First) }))),
            }
            .run(4000);
            let order: Vec<u64> = ran.delivered().into_iter().map(|name| ran.published_at(name)).collect();
            assert_eq!(order, [1100, 1100, 1100, 1000, 1000, 1000], "{is_old} {low_is_old}");
        }
    }
}

/// Messages of either version that are good for 200 ms are dead letters 200 ms after they have come to the broker, which takes half a round trip, and as long to whoever waits for them, of either version.
#[test]
fn times_to_live_cross() {
    let ttl = Some(Span::from_millis(200));
    let queue = AmqpQueueConfig {
        dead_letter_exchange: Some(String::new()),
        dead_letter_key: Some("dead".to_owned()),
        ..durable("q")
    };
    for is_old in [false, true] {
        let declares = AmqpClientConfig { queues: vec![queue.clone(), durable("dead")], ..old() };
        let bed = match is_old {
            true => {
                let consumers = vec![AmqpConsumerConfig::new("dead")];
                Bed::new(2, AmqpBrokerConfig::default())
                    .with_old(AmqpClientConfig { consumers, ..declares })
                    .with(late(300, says(AmqpSenderConfig { ttl, ..burst(Settle::First, 1000, 3) })))
            }
            false => {
                let publications = vec![AmqpPublicationConfig { expiration: ttl, ..publication("q") }];
                Bed::new(2, AmqpBrokerConfig::default())
                    .with_old(AmqpClientConfig { publications, ..declares })
                    .with(late(300, takes(AmqpReceiverConfig::new("dead", Settle::First))))
            }
        };
        let ran = bed.run(3000);
        assert_eq!(ran.deliveries(), [1200 + R; 3], "{is_old}");
        assert_eq!((ran.broker("expired_messages"), ran.broker("dead_letters")), (3, 3), "{is_old}");
    }
}

/// Application properties of 1.0 are headers of 0-9-1: an exchange of headers takes those to its queue that say `kind: a`, of either version.
#[test]
fn application_properties_are_headers() {
    let arguments = vec![("x-match".to_owned(), "all".to_owned()), ("kind".to_owned(), "a".to_owned())];
    let kind = |kind: &str| vec![("kind".to_owned(), kind.to_owned())];
    let headers = |name: &str| AmqpPublicationConfig {
        exchange: "h".to_owned(),
        key: String::new(),
        headers: kind(name),
        ..publication("")
    };
    let declares = AmqpClientConfig {
        exchanges: vec![AmqpExchangeConfig::new("h", AmqpExchangeKind::Headers)],
        queues: vec![durable("q")],
        bindings: vec![AmqpBindingConfig { arguments, ..AmqpBindingConfig::new("h", "q", "") }],
        publications: vec![headers("a"), headers("b")],
        ..old()
    };
    let sender = |name: &str| AmqpSenderConfig {
        address: "/exchange/h".to_owned(),
        properties: kind(name),
        ..burst(Settle::First, 1000, 2)
    };
    let sends = Amqp10ClientConfig { senders: vec![sender("a"), sender("b")], ..client() };
    let ran = Bed::new(3, AmqpBrokerConfig::default())
        .with_old(declares)
        .with(late(300, sends))
        .with(late(300, takes(receiver(Settle::First))))
        .run(3000);
    // Three of 0-9-1 and two of 1.0; those that go nowhere are released.
    assert_eq!(ran.came(3), (5, 5));
    assert_eq!((ran.of(2, "completed_messages"), ran.of(2, "released_deliveries")), (2, 2));
    assert_eq!(ran.broker("unroutable_messages"), 5);
}

/// Durable messages of either version outlive a loss of power at the broker, the others do not; they come marked, to either version.
#[test]
fn durability_crosses() {
    for is_old in [false, true] {
        let publications = [true, false].map(|persistent| AmqpPublicationConfig { persistent, ..publication("q") });
        let says_old = AmqpClientConfig { queues: vec![durable("q")], publications: publications.to_vec(), ..old() };
        let senders = [true, false].map(|durable| AmqpSenderConfig { durable, ..burst(Settle::First, 1000, 3) });
        let says_new = Amqp10ClientConfig { senders: senders.to_vec(), ..client() };
        let bed = Bed::new(3, AmqpBrokerConfig { sync: Span::from_millis(5), ..AmqpBrokerConfig::default() })
            .with_old(AmqpClientConfig { stop: Some(Span::from_millis(1900)), ..says_old })
            .with(Amqp10ClientConfig { stop: Some(Span::from_millis(1900)), ..late(300, says_new) })
            .off(0, 2000, 3000);
        let ran = match is_old {
            true => {
                let config = AmqpClientConfig { consumers: vec![AmqpConsumerConfig::new("q")], ..old() };
                bed.with_old(AmqpClientConfig { start: Span::from_millis(4000), ..config })
            }
            false => bed.with(late(4000, takes(receiver(Settle::First)))),
        }
        .run(6000);
        assert_eq!((ran.of(1, "completed_messages"), ran.of(2, "completed_messages")), (6, 6), "{is_old}");
        assert_eq!((ran.came(3), ran.of(3, "redelivered_messages")), ((6, 6), 6), "{is_old}");
    }
}
