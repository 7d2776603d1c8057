//! The broker under the kernel, with clients of both versions. Each has a link of its own of 10 ms each way and without a rate: R is both ways.

use crate::amqp::v10::Amqp10Client;
use crate::amqp::v10::config::{AmqpReceiverConfig, AmqpSettlement as Settle};
use crate::amqp::v10::tests::apps::{MODES, MS, R, burst, says, takes};
use crate::amqp::v10::tests::broker::AmqpBrokerConfig;
use crate::amqp::v091::config::{
    AmqpClientConfig, AmqpConfirms, AmqpConsumerConfig, AmqpPublicationConfig, AmqpQueueConfig,
};
use crate::amqp::{Amqp10ClientConfig, AmqpBroker, AmqpClient};
use crate::app::App;
use crate::name::NodeName;
use crate::node::Report;
use crate::observe::Observation;
use crate::testing::{Net, World, at, link};
use crate::traffic::TimeDistribution;
use protosim_core::kernel::Interests;
use protosim_core::{Span, Until};

/// The broker, node 0, and clients on nodes from 1 on.
struct Bed(Net, usize);

impl Bed {
    fn new(clients: usize, config: AmqpBrokerConfig) -> Self {
        let mut net = Net::new(1);
        net.node("broker", true);
        for node in 1..=clients {
            net.node(&format!("n{node}"), false);
            net.link(&format!("l{node}"), node, 0, link("", "10 ms"));
        }
        net.app(0, "broker", AmqpBroker::new(config));
        Self(net, 0)
    }

    fn app<A: App + 'static>(mut self, app: impl FnOnce(std::net::SocketAddr) -> A) -> Self {
        self.1 += 1;
        let to = self.0.socket(0, 5672);
        self.0.app(self.1, "client", app(to));
        self
    }

    fn new_client(self, config: Amqp10ClientConfig) -> Self {
        assert_eq!(config.check(), []);
        let container_id = Some(format!("c{}", self.1));
        let config = Amqp10ClientConfig { container_id, ..config };
        self.app(|to| Amqp10Client::new(config, to))
    }

    fn old_client(self, config: AmqpClientConfig) -> Self {
        assert_eq!(config.check(), []);
        self.app(|to| AmqpClient::new(config, to))
    }

    /// The broker has no power from one time to the other \[ms\].
    fn off(mut self, from: u64, to: u64) -> Self {
        self.0.power(at(from * MS), 0, false);
        self.0.power(at(to * MS), 0, true);
        self
    }

    /// When messages were delivered \[ms\].
    fn run(self, millis: u64) -> (World, Vec<u64>) {
        let mut world = self.0.build(1);
        world.listen(Interests::RESULTS);
        world.run(Until::Time(at(millis * MS)));
        let reports = world.take_reports();
        let delivered = reports.iter().filter_map(|reported| match &reported.report {
            Report::App { observation: Observation::RequestDelivered(_), .. } => Some(reported.at.as_nanos() / MS),
            _ => None,
        });
        let delivered = delivered.collect();
        (world, delivered)
    }
}

fn old() -> AmqpClientConfig {
    AmqpClientConfig::new(NodeName("broker".to_owned()))
}

/// A message takes half a round trip to the broker and half to its receiver, in each mode and from either version to either.
#[test]
fn a_message_takes_a_round_trip_between_clients_of_both_versions() {
    let publication = || AmqpPublicationConfig {
        start: Some(Span::from_millis(1000)),
        interval: TimeDistribution::Fixed(Span::ZERO),
        count: Some(3),
        ..AmqpPublicationConfig::new("", "q", AmqpConfirms::Each)
    };
    for settle in MODES {
        let receiver = AmqpReceiverConfig::new("q", settle);
        let bed = Bed::new(2, AmqpBrokerConfig::default())
            .new_client(says(burst(settle, 1000, 3)))
            .new_client(takes(receiver.clone()));
        let (world, delivered) = bed.run(3000);
        assert_eq!(delivered, [1000 + R; 3], "{settle:?}");
        let broker = |name| world.total(0, "broker", name);
        assert_eq!((broker("last_ready_messages"), broker("last_unacknowledged_messages")), (0, 0));
        assert_eq!(world.total(1, "client", "completed_messages"), 3);
        assert_eq!(world.total(2, "client", "corrupted_messages"), 0);
        // To a consumer of 0-9-1.
        let consumer = AmqpClientConfig {
            queues: vec![AmqpQueueConfig { durable: true, ..AmqpQueueConfig::new("q") }],
            consumers: vec![AmqpConsumerConfig::new("q")],
            ..old()
        };
        let bed = Bed::new(2, AmqpBrokerConfig::default())
            .new_client(says(burst(settle, 1000, 3)))
            .old_client(AmqpClientConfig { start: Span::from_millis(300), ..consumer });
        assert_eq!(bed.run(3000).1, [1000 + R; 3], "{settle:?}");
        // From a publisher of 0-9-1, who gets a confirm for each before the next goes.
        let bed = Bed::new(2, AmqpBrokerConfig::default())
            .new_client(takes(receiver))
            .old_client(AmqpClientConfig { publications: vec![publication()], ..old() });
        assert_eq!(bed.run(3000).1, [1000 + R, 1000 + 2 * R, 1000 + 3 * R], "{settle:?}");
    }
}

/// The broker loses power while messages come: all durable ones that were accepted come to the receiver; with a disc of 5 ms, too.
#[test]
fn accepted_messages_outlive_a_loss_of_power() {
    for sync in [0, 5] {
        let sender = crate::amqp::v10::config::AmqpSenderConfig {
            durable: true,
            interval: TimeDistribution::Fixed(Span::from_millis(7)),
            ..burst(Settle::First, 500, 200)
        };
        let late =
            Amqp10ClientConfig { start: Span::from_secs(8), ..takes(AmqpReceiverConfig::new("q", Settle::First)) };
        let config = AmqpBrokerConfig { sync: Span::from_millis(sync), ..AmqpBrokerConfig::default() };
        let bed = Bed::new(2, config).new_client(says(sender)).new_client(late).off(1000, 2000);
        let (world, delivered) = bed.run(20_000);
        assert_eq!(world.total(1, "client", "completed_messages"), 200, "{sync}");
        // Each once at least; those whose acceptance was lost twice.
        let (received, again) =
            (world.total(2, "client", "received_messages"), world.total(2, "client", "duplicate_messages"));
        assert_eq!(received - again, 200, "{sync}");
        assert_eq!(delivered.len() as u64, received);
        assert!(world.total(0, "broker", "recovered_messages") > 0);
        assert_eq!(world.total(0, "broker", "last_ready_messages"), 0);
    }
}
