//! Mistakes on purpose: where they can be made, and a queue that makes them. What they break is shown by `protosim explore amqp-crash`.

use super::apps::{client, says, takes};
use super::{consumer, ms, publish, queue, steps};
use crate::amqp::broker::queue::QueueOptions;
use crate::amqp::v091::config::{AmqpAcks, AmqpConfirms, AmqpConsumerConfig, AmqpPublicationConfig};
use crate::amqp::{AmqpBrokerConfig, AmqpClientConfig, AmqpFlaw};
use protosim_core::Span;

const OF_BROKERS: [AmqpFlaw; 8] = [
    AmqpFlaw::ConfirmedTooSoon,
    AmqpFlaw::CommittedTooSoon,
    AmqpFlaw::PublishedBeforeCommit,
    AmqpFlaw::NotMarked,
    AmqpFlaw::RequeuedBehind,
    AmqpFlaw::UnacknowledgedDropped,
    AmqpFlaw::GoneWithDelivery,
    AmqpFlaw::BindingsForgotten,
];
const OF_CLIENTS: [AmqpFlaw; 3] = [AmqpFlaw::AcknowledgedTooSoon, AmqpFlaw::DoneWhenWritten, AmqpFlaw::OrderSwapped];

/// Those of brokers are refused of clients and the other way round; two need a disc that takes time, and one a disc.
#[test]
fn flaws_without_effect_are_refused() {
    let slow = || AmqpBrokerConfig { sync: Span::from_millis(5), ..AmqpBrokerConfig::default() };
    let refuses = |config: AmqpBrokerConfig, flaw| {
        let found = AmqpBrokerConfig { flaw: Some(flaw), ..config }.check();
        assert!(found.iter().all(|(field, _)| *field == "flaw"), "{found:?}");
        !found.is_empty()
    };
    assert!(OF_BROKERS.into_iter().all(|flaw| !refuses(slow(), flaw)));
    assert!(OF_CLIENTS.into_iter().all(|flaw| refuses(slow(), flaw)));
    let at_once: Vec<_> = OF_BROKERS.into_iter().filter(|flaw| refuses(AmqpBrokerConfig::default(), *flaw)).collect();
    assert_eq!(at_once, OF_BROKERS[..2]);
    let forgetful = || AmqpBrokerConfig { durable: false, ..AmqpBrokerConfig::default() };
    let forgets: Vec<_> = OF_BROKERS.into_iter().filter(|flaw| refuses(forgetful(), *flaw)).collect();
    assert_eq!(forgets, [OF_BROKERS[0], OF_BROKERS[1], OF_BROKERS[7]]);
}

/// A client can only make one where it publishes or takes as that needs.
#[test]
fn clients_make_mistakes_at_what_they_do() {
    let makes = |config: &AmqpClientConfig| -> Vec<bool> {
        let is_right = |flaw| AmqpClientConfig { flaw: Some(flaw), ..config.clone() }.check().is_empty();
        OF_CLIENTS.into_iter().chain(OF_BROKERS).map(is_right).collect()
    };
    let only = |which: &[usize]| -> Vec<bool> { (0..11).map(|index| which.contains(&index)).collect() };
    let publishes = |confirms| says(client(), AmqpPublicationConfig::new("", "q", confirms));
    let consumes = |acknowledge| takes(client(), AmqpConsumerConfig { acknowledge, ..AmqpConsumerConfig::new("q") });
    for (config, which) in [
        (client(), &[][..]),
        (consumes(AmqpAcks::Each), &[0]),
        (consumes(AmqpAcks::None), &[]),
        (publishes(AmqpConfirms::None), &[]),
        (publishes(AmqpConfirms::Each), &[1]),
        (publishes(AmqpConfirms::Window(1)), &[1]),
        (publishes(AmqpConfirms::Window(2)), &[1, 2]),
        (publishes(AmqpConfirms::Batch(2)), &[1, 2]),
        (publishes(AmqpConfirms::Transaction(2)), &[2]),
    ] {
        assert_eq!(makes(&config), only(which), "{config:?}");
    }
}

/// A queue with three messages of which the first is out: queued again it comes first and marked, or unmarked, or last.
#[test]
fn a_queue_takes_back_wrongly_if_told() {
    let out = || {
        let mut queue = queue(QueueOptions::default());
        publish(&mut queue, 0..3, ms(0));
        let position = queue.get(ms(0), false).unwrap().position;
        (queue, position)
    };
    let all = |mut queue: crate::amqp::broker::queue::Queue| {
        queue.subscribe(consumer(1, 0), ms(0)).unwrap();
        steps(&mut queue, ms(0))
    };
    let (mut right, position) = out();
    assert!(right.requeue(position));
    assert_eq!(all(right), "1:0r, 1:1, 1:2");
    let (mut unmarked, position) = out();
    assert!(unmarked.requeue_marked(position, false));
    assert_eq!(all(unmarked), "1:0, 1:1, 1:2");
    let (mut behind, position) = out();
    assert_eq!(behind.requeue_behind(position).map(|(_, behind)| behind), Some(3));
    assert_eq!(all(behind), "1:1, 1:2, 1:0r");
}
