//! Losses of power, with and without what is on disc.

use super::apps::{Bed, MS, R, burst, client, q, says, takes, with_queue};
use crate::amqp::v091::config::{
    AmqpBindingConfig, AmqpConfirms, AmqpConsumerConfig, AmqpExchangeConfig, AmqpExchangeKind, AmqpPublicationConfig,
    AmqpQueueConfig, ReconnectConfig,
};
use crate::amqp::{AmqpBrokerConfig, AmqpClientConfig};
use crate::observe::Outcome;
use protosim_core::Span;

/// A durable queue and exchange with a binding, and messages by both.
fn publisher(persistent: bool) -> AmqpClientConfig {
    let publication = AmqpPublicationConfig { persistent, ..burst(AmqpConfirms::Window(10), 1000, 3) };
    let bound = AmqpPublicationConfig { exchange: "e".to_owned(), key: "k".to_owned(), ..publication.clone() };
    AmqpClientConfig {
        exchanges: vec![AmqpExchangeConfig { durable: true, ..AmqpExchangeConfig::new("e", AmqpExchangeKind::Direct) }],
        queues: vec![AmqpQueueConfig { durable: true, ..q() }, AmqpQueueConfig::new("passing")],
        bindings: vec![AmqpBindingConfig::new("e", "q", "k")],
        publications: vec![publication, bound],
        stop: Some(Span::from_millis(1500)),
        ..client()
    }
}

/// The broker loses power at 2 s, when nobody is there. Of a broker with a disc the durable queue is there again, with persistent messages alone, all marked; bindings too, by which a message goes at
/// 5 s. Without one nothing is.
#[test]
fn durable_state_outlives_a_loss_of_power() {
    let later =
        AmqpPublicationConfig { exchange: "e".to_owned(), key: "k".to_owned(), ..burst(AmqpConfirms::Each, 5000, 1) };
    let later = AmqpClientConfig { start: Span::from_secs(4), ..says(client(), later) };
    let consumer = AmqpClientConfig { start: Span::from_secs(6), ..takes(client(), AmqpConsumerConfig::new("q")) };
    for sync in [0, 5] {
        for (durable, persistent, queues, old) in [(true, true, 1, 6), (true, false, 1, 0), (false, true, 0, 0)] {
            let sync = Span::from_millis(if durable { sync } else { 0 });
            let config = AmqpBrokerConfig { durable, sync, ..AmqpBrokerConfig::default() };
            let ran = Bed::new(3, config)
                .client(1, publisher(persistent))
                .client(2, later.clone())
                .client(3, consumer.clone())
                .off(0, 2000, 3000)
                .run(9000);
            let what = format!("durable {durable}, persistent {persistent}, sync {sync}");
            assert_eq!((ran.of(1, "completed_messages"), ran.of(1, "failed_messages")), (6, 0), "{what}");
            assert_eq!(ran.broker("last_queues"), queues, "{what}");
            assert_eq!(ran.of(3, "received_messages"), old + queues, "{what}");
            assert_eq!((ran.of(3, "redelivered_messages"), ran.broker("recovered_messages")), (old, old), "{what}");
            assert_eq!(ran.of(2, "completed_messages"), queues, "{what}");
        }
    }
}

/// A write takes 30 ms. A transient message is confirmed a round trip after it was published; a persistent one when it is on disc: the queue's declaration waited for its write as well. Where power is lost
/// between, nothing was confirmed, and the message is sent again.
#[test]
fn confirms_of_persistent_messages_wait_for_the_disc() {
    let sync = Span::from_millis(30);
    let config = || AmqpBrokerConfig { sync, ..AmqpBrokerConfig::default() };
    let durable = || with_queue(AmqpQueueConfig { durable: true, ..q() });
    for (persistent, confirms, later) in [
        (false, AmqpConfirms::Each, 0),
        (true, AmqpConfirms::Each, 30),
        (false, AmqpConfirms::Transaction(1), 0),
        (true, AmqpConfirms::Transaction(1), 30),
    ] {
        let publication = AmqpPublicationConfig { persistent, ..burst(confirms, 1000, 1) };
        let ran = Bed::new(1, config()).client(1, says(durable(), publication)).run(2000);
        assert_eq!(ran.ends(Outcome::Response), [(1000 + R + later) * MS], "{persistent} {confirms:?}");
    }
    // What waits for a connection: with the declaration, which is on disc 30 ms after it came.
    let first = says(durable(), AmqpPublicationConfig { persistent: false, ..burst(AmqpConfirms::Each, 0, 1) });
    let ran = Bed::new(1, config()).client(1, first).run(2000);
    assert_eq!(ran.ends(Outcome::Response), [(8 * R + 30) * MS]);
    // It came at 1010 ms and is on disc at 1040 ms, when its confirm leaves: before that it is lost, and is sent again when the broker is back.
    let reconnect = ReconnectConfig { first: Span::from_millis(500), jitter: false, ..ReconnectConfig::default() };
    for (off, is_confirmed) in [(1039, false), (1041, true)] {
        let publication = AmqpPublicationConfig { persistent: true, ..burst(AmqpConfirms::Each, 1000, 1) };
        let publisher = AmqpClientConfig {
            reconnect: reconnect.clone(),
            heartbeat: Span::from_secs(1),
            ..says(durable(), publication)
        };
        let ran = Bed::new(1, config()).client(1, publisher).off(0, off, 1500).run(60_000);
        let ends = ran.ends(Outcome::Response);
        assert_eq!(ends.len(), 1, "{off} ms");
        assert_eq!((ends[0] == 1050 * MS, ends[0] > 1500 * MS), (is_confirmed, !is_confirmed), "{off} ms");
        assert_eq!(ran.broker("last_ready_messages"), 1, "{off} ms");
    }
}

/// Power is lost anywhere on the way of ten messages with confirms to a consumer that acknowledges, at any of the three: all arrive, and what comes again from the broker is marked.
#[test]
fn confirmed_and_acknowledged_messages_are_not_lost() {
    let reconnect = ReconnectConfig { first: Span::from_millis(200), jitter: false, ..ReconnectConfig::default() };
    let base = || AmqpClientConfig {
        reconnect: reconnect.clone(),
        heartbeat: Span::from_secs(1),
        durable: true,
        ..with_queue(AmqpQueueConfig { durable: true, ..q() })
    };
    for node in 0..=2 {
        for off in (985..1130).step_by(10) {
            let publication = AmqpPublicationConfig { persistent: true, ..burst(AmqpConfirms::Window(3), 1000, 10) };
            let consumer = AmqpConsumerConfig { prefetch: 4, ..AmqpConsumerConfig::new("q") };
            let config = AmqpBrokerConfig { sync: Span::from_millis(7), ..AmqpBrokerConfig::default() };
            let ran = Bed::new(2, config)
                .client(1, says(base(), publication))
                .client(2, takes(base(), consumer))
                .off(node, off, 2000)
                .run(60_000);
            let what = format!("node {node} at {off} ms");
            let came = ran.of(2, "received_messages") - ran.of(2, "duplicate_messages");
            assert_eq!((came, ran.of(2, "late_messages")), (10, 0), "{what}");
            assert_eq!(ran.of(1, "completed_messages"), 10, "{what}");
            assert_eq!(
                (ran.broker("last_ready_messages"), ran.broker("last_unacknowledged_messages")),
                (0, 0),
                "{what}"
            );
        }
    }
}
