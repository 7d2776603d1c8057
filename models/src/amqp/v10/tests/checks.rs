//! What a user says of clients that nothing could come of.

use super::apps::client;
use crate::amqp::v10::config::{
    Amqp10ClientConfig, AmqpOutcome, AmqpReceiverConfig, AmqpSenderConfig, AmqpSettlement as Settle,
};
use crate::amqp::{AmqpBrokerConfig, v091::config::AmqpUser};
use crate::traffic::TimeDistribution;
use protosim_core::{Ratio, Size, Span};

/// The fields that are wrong.
fn wrong(config: &Amqp10ClientConfig) -> Vec<String> {
    config.check().into_iter().map(|(field, _)| field.into_owned()).collect()
}

#[test]
fn fields_of_clients_are_checked() {
    assert_eq!(wrong(&client()), [""; 0]);
    for (config, field) in [
        (Amqp10ClientConfig { port: Some(0), ..client() }, "port"),
        (Amqp10ClientConfig { username: "a\0b".into(), ..client() }, "username"),
        (Amqp10ClientConfig { username: "u".repeat(436), ..client() }, "username"),
        (Amqp10ClientConfig { password: String::new(), ..client() }, "password"),
        (Amqp10ClientConfig { container_id: Some(String::new()), ..client() }, "container_id"),
        (Amqp10ClientConfig { hostname: Some("h".repeat(441)), username: String::new(), ..client() }, "container_id"),
        (Amqp10ClientConfig { max_frame: Size::from_bytes(511), ..client() }, "max_frame"),
        (Amqp10ClientConfig { idle_timeout: Span::from_millis(1), ..client() }, "idle_timeout"),
        (Amqp10ClientConfig { idle_timeout: Span::from_nanos(2_500_000), ..client() }, "idle_timeout"),
        (Amqp10ClientConfig { connect_timeout: Span::ZERO, ..client() }, "connect_timeout"),
        (Amqp10ClientConfig { stop: Some(Span::ZERO), ..client() }, "stop"),
        (Amqp10ClientConfig { max_waiting: 0, ..client() }, "max_waiting"),
        (
            Amqp10ClientConfig {
                channel_max: 0,
                receivers: vec![AmqpReceiverConfig::new("q", Settle::First); 257],
                ..client()
            },
            "channel_max",
        ),
    ] {
        assert_eq!(wrong(&config), [field]);
    }
    // Nobody looks at the password of who says nothing.
    assert_eq!(wrong(&Amqp10ClientConfig { username: String::new(), password: String::new(), ..client() }), [""; 0]);
}

#[test]
fn fields_of_links_are_checked() {
    let sender = |change: fn(&mut AmqpSenderConfig)| {
        let mut sender = AmqpSenderConfig::new("q", Settle::First);
        change(&mut sender);
        wrong(&Amqp10ClientConfig { senders: vec![sender], stop: Some(Span::from_secs(9)), ..client() })
    };
    assert_eq!(sender(|_| {}), [""; 0]);
    assert_eq!(sender(|one| one.address = "/queues/q".into()), ["senders.0.address"]);
    assert_eq!(sender(|one| one.address = "q".repeat(256)), ["senders.0.address"]);
    assert_eq!(sender(|one| one.window = Some(0)), ["senders.0.window"]);
    let settled = |one: &mut AmqpSenderConfig| (one.settle, one.window) = (Settle::Settled, Some(1));
    assert_eq!(sender(settled), ["senders.0.window"]);
    assert_eq!(sender(|one| one.ttl = Some(Span::from_nanos(1))), ["senders.0.ttl"]);
    assert_eq!(sender(|one| one.ttl = Some(Span::from_millis(1 << 32))), ["senders.0.ttl"]);
    let twice = |one: &mut AmqpSenderConfig| one.properties = vec![("k".into(), "1".into()), ("k".into(), "2".into())];
    assert_eq!(sender(twice), ["senders.0.properties"]);
    assert_eq!(sender(|one| one.interval = TimeDistribution::Fixed(Span::ZERO)), ["senders.0.interval"]);
    assert_eq!(sender(|one| one.count = Some(0)), ["senders.0.count"]);
    assert_eq!(sender(|one| one.start = Some(Span::from_secs(9))), ["senders.0.start"]);

    let receiver = |change: fn(&mut AmqpReceiverConfig)| {
        let mut receiver = AmqpReceiverConfig::new("q", Settle::First);
        change(&mut receiver);
        wrong(&Amqp10ClientConfig { receivers: vec![receiver], ..client() })
    };
    assert_eq!(receiver(|_| {}), [""; 0]);
    assert_eq!(receiver(|one| one.address = String::new()), ["receivers.0.address"]);
    assert_eq!(receiver(|one| one.credit = Some(0)), ["receivers.0.credit", "receivers.0.acknowledge"]);
    assert_eq!(receiver(|one| one.acknowledge = 0), ["receivers.0.acknowledge"]);
    assert_eq!(receiver(|one| one.acknowledge = 101), ["receivers.0.acknowledge"]);
    assert_eq!(receiver(|one| one.outcome = AmqpOutcome::Released), ["receivers.0.outcome"]);
    let rejects = |one: &mut AmqpReceiverConfig| (one.settle, one.reject) = (Settle::Settled, Ratio::ONE);
    assert_eq!(receiver(rejects), ["receivers.0.reject"]);
    assert_eq!(receiver(|one| one.get = Some(Span::ZERO)), ["receivers.0.get"]);
    let asks = |one: &mut AmqpReceiverConfig| (one.get, one.credit) = (Some(Span::from_secs(1)), Some(5));
    assert_eq!(receiver(asks), ["receivers.0.credit"]);
    let many = |one: &mut AmqpReceiverConfig| (one.get, one.acknowledge) = (Some(Span::from_secs(1)), 2);
    assert_eq!(receiver(many), ["receivers.0.acknowledge"]);
}

/// A broker that knows whom it lets in says so beforehand.
#[test]
fn a_broker_that_knows_its_users_refuses_others() {
    let user = AmqpUser { name: "guest".into(), password: "guest".into() };
    let broker = AmqpBrokerConfig { users: vec![user], ..AmqpBrokerConfig::default() };
    assert_eq!(client().refused_by(&broker), None);
    for config in [
        Amqp10ClientConfig { password: "x".into(), ..client() },
        Amqp10ClientConfig { username: String::new(), ..client() },
        Amqp10ClientConfig { sasl: false, ..client() },
    ] {
        assert!(config.refused_by(&broker).is_some());
        assert_eq!(config.refused_by(&AmqpBrokerConfig::default()), None);
    }
}
