//! Transactions that are rolled back or refused, consumers that end, messages that cannot be had.

use super::apps::{Bed, MS, R, burst, client, q, says, takes, with_queue};
use crate::amqp::v091::config::{
    AmqpAcks, AmqpConfirms, AmqpConsumerConfig, AmqpOverflow, AmqpPublicationConfig, AmqpQueueConfig, ReconnectConfig,
};
use crate::amqp::{AmqpBrokerConfig, AmqpClientConfig};
use crate::observe::Outcome;
use crate::traffic::TimeDistribution;
use protosim_core::{Ratio, Size, Span};

/// What is rolled back never was (§1.9.2.5): its messages fail with `rollback-ok`, a round trip after they were published, and none comes. Of some transactions, all of what was committed comes.
#[test]
fn what_is_rolled_back_does_not_come() {
    let consumer = || takes(client(), AmqpConsumerConfig::new("q"));
    let all = AmqpPublicationConfig { rollback: Ratio::ONE, ..burst(AmqpConfirms::Transaction(2), 1000, 4) };
    let ran = Bed::new(2, AmqpBrokerConfig::default())
        .client(1, says(with_queue(q()), all))
        .client(2, AmqpClientConfig { start: Span::from_millis(500), ..consumer() })
        .run(2000);
    // The second one begins when the first one has ended.
    let expected = [1, 1, 2, 2].map(|trips| (1000 + trips * R) * MS);
    assert_eq!(ran.ends(Outcome::ErrorResponse), expected);
    assert_eq!((ran.of(1, "rollbacks"), ran.broker("rollbacks"), ran.broker("commits")), (2, 2, 0));
    assert_eq!((ran.of(2, "received_messages"), ran.of(1, "completed_messages")), (0, 0));
    let half =
        AmqpPublicationConfig { rollback: Ratio::from_percent(50), ..burst(AmqpConfirms::Transaction(5), 1000, 200) };
    let ran = Bed::new(2, AmqpBrokerConfig::default())
        .client(1, says(with_queue(q()), half))
        .client(2, AmqpClientConfig { start: Span::from_millis(500), ..consumer() })
        .run(4000);
    let (commits, rollbacks) = (ran.broker("commits"), ran.broker("rollbacks"));
    // Of 40 fair draws, fewer than 8 or more than 32 of a kind have a probability below 1e-4.
    assert!(commits + rollbacks == 40 && (8..=32).contains(&commits), "{commits} and {rollbacks}");
    assert_eq!((ran.of(2, "received_messages"), ran.of(1, "completed_messages")), (5 * commits, 5 * commits));
    assert_eq!(ran.of(1, "failed_messages"), 5 * rollbacks);
}

/// A message each 100 ms from 1000 ms on; the consumer, who acknowledges three at a time, ends at 2055 ms. The broker hears of it at 2065 ms, when it has sent the eleven that came to it at 1010 to 2010 ms:
/// nine of them are acknowledged before, the other two with `cancel-ok`. The other nine stay in the queue; so they do where messages are asked for.
#[test]
fn a_consumer_ends() {
    let publication = AmqpPublicationConfig {
        interval: TimeDistribution::Fixed(Span::from_millis(100)),
        ..burst(AmqpConfirms::Each, 1000, 20)
    };
    let until = Some(Span::from_millis(2055));
    let three = AmqpConsumerConfig { until, acknowledge: AmqpAcks::Multiple(3), ..AmqpConsumerConfig::new("q") };
    let asks = AmqpConsumerConfig { until, get: Some(Span::from_millis(1)), ..AmqpConsumerConfig::new("q") };
    for consumer in [three, asks] {
        let takes = AmqpClientConfig { start: Span::from_millis(500), ..takes(client(), consumer) };
        let ran = Bed::new(2, AmqpBrokerConfig::default())
            .client(1, says(with_queue(q()), publication.clone()))
            .client(2, takes)
            .run(4000);
        assert_eq!((ran.of(2, "received_messages"), ran.of(2, "acknowledged_messages")), (11, 11));
        let left = (ran.broker("last_ready_messages"), ran.broker("last_unacknowledged_messages"));
        assert_eq!((left, ran.broker("acknowledged_messages")), ((9, 0), 11));
    }
}

fn once() -> ReconnectConfig {
    ReconnectConfig { attempts: Some(0), ..ReconnectConfig::default() }
}

/// RabbitMQ, *partial tx completion*: of five messages the queue has room for three, so that the commit is answered with 406, and none is taken for done.
#[test]
fn a_commit_is_refused_where_a_message_is() {
    let queue = AmqpQueueConfig { max_length: Some(3), overflow: AmqpOverflow::RejectPublish, ..q() };
    let publisher =
        AmqpClientConfig { reconnect: once(), ..says(with_queue(queue), burst(AmqpConfirms::Transaction(5), 1000, 5)) };
    let ran = Bed::new(1, AmqpBrokerConfig::default()).client(1, publisher).run(2000);
    assert_eq!((ran.of(1, "completed_messages"), ran.of(1, "failed_messages")), (0, 5));
    assert_eq!((ran.of(1, "closed_channels"), ran.broker("channel_errors"), ran.broker("commits")), (1, 1, 0));
    assert_eq!(ran.broker("last_ready_messages"), 3);
}

/// A header of 5000 bytes does not fit into a frame of 4096 (§4.2.6: properties are never cut): who cannot have the message does not get it, and it is a dead letter, so that the one behind it comes. So it is where messages are asked for.
#[test]
fn a_message_that_no_frame_holds_is_a_dead_letter() {
    let long = AmqpPublicationConfig {
        headers: vec![("long".to_owned(), "x".repeat(5000))],
        ..burst(AmqpConfirms::Each, 1000, 1)
    };
    let short = burst(AmqpConfirms::Each, 1500, 1);
    let queues = vec![
        AmqpQueueConfig { dead_letter_exchange: Some(String::new()), dead_letter_key: Some("dead".to_owned()), ..q() },
        AmqpQueueConfig::new("dead"),
    ];
    for get in [None, Some(Span::from_millis(10))] {
        let consumer = AmqpClientConfig {
            frame_max: Size::from_bytes(4096),
            start: Span::from_millis(500),
            ..takes(client(), AmqpConsumerConfig { get, ..AmqpConsumerConfig::new("q") })
        };
        let publisher =
            AmqpClientConfig { queues: queues.clone(), publications: vec![long.clone(), short.clone()], ..client() };
        let ran = Bed::new(2, AmqpBrokerConfig::default()).client(1, publisher).client(2, consumer).run(2000);
        assert_eq!((ran.of(2, "received_messages"), ran.of(2, "closed_channels")), (1, 0), "{get:?}");
        assert_eq!((ran.broker("too_large_messages"), ran.broker("dead_letters")), (1, 1), "{get:?}");
        assert_eq!((ran.broker("last_ready_messages"), ran.broker("last_unacknowledged_messages")), (1, 0), "{get:?}");
    }
}

/// Each of 500 queues takes nothing, and what it refuses is a dead letter for the next one: the last of these is for a queue that there is not.
#[test]
fn dead_letters_go_from_queue_to_queue() {
    let queue = |number: usize| AmqpQueueConfig {
        max_length: Some(0),
        overflow: AmqpOverflow::RejectPublishDlx,
        dead_letter_exchange: Some(String::new()),
        dead_letter_key: Some(format!("q{}", number + 1)),
        ..AmqpQueueConfig::new(&if number == 0 { "q".to_owned() } else { format!("q{number}") })
    };
    let config = AmqpClientConfig { queues: (0..500).map(queue).collect(), ..client() };
    let publication = burst(AmqpConfirms::Each, 2000, 1);
    let ran = Bed::new(1, AmqpBrokerConfig::default()).client(1, says(config, publication)).run(3000);
    assert_eq!((ran.broker("dead_letters"), ran.broker("refused_messages")), (500, 500));
    assert_eq!((ran.of(1, "failed_messages"), ran.broker("last_ready_messages")), (1, 0));
}

/// A watermark of 20,000 bytes: headers of 4000 bytes count as what they take, so that the fifth message is the last one that is read.
#[test]
fn headers_take_memory() {
    let long = AmqpPublicationConfig {
        headers: vec![("long".to_owned(), "x".repeat(4000))],
        interval: TimeDistribution::Fixed(Span::from_millis(10)),
        ..burst(AmqpConfirms::Window(100), 1000, 20)
    };
    let config = AmqpBrokerConfig { memory_watermark: Some(Size::from_bytes(20_000)), ..AmqpBrokerConfig::default() };
    let ran = Bed::new(1, config).client(1, says(with_queue(q()), long)).run(3000);
    // 512 B of the queue; each message 256 B, 64 B of body, and a table with its length, a name and a text: 4 + 5 + 1 + 4 + 4000 B.
    assert_eq!((ran.broker("messages_received"), ran.broker("blocked_times")), (5, 1));
}
