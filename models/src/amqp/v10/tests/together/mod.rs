//! Clients at the broker under the kernel. Each has a link of its own of 10 ms each way and without a rate, so that nothing else takes time: R is both ways.

mod crossing;
mod faults;
mod plain;

pub(super) use crate::amqp::v10::tests::apps::{MODES, MS, R, burst, client, says, takes};

use crate::amqp::v10::Amqp10Client;
use crate::amqp::v10::config::{Amqp10ClientConfig, AmqpReceiverConfig, AmqpSenderConfig, AmqpSettlement as Settle};
use crate::amqp::v091::config::{
    AmqpClientConfig, AmqpConfirms, AmqpConsumerConfig, AmqpPublicationConfig, AmqpQueueConfig,
};
use crate::amqp::{AmqpBroker, AmqpBrokerConfig, AmqpClient};
use crate::app::App;
use crate::ledger::{Account, Ledger, MessageEvent, Party};
use crate::link::LinkChange;
use crate::mqtt;
use crate::name::NodeName;
use crate::node::Report;
use crate::observe::{Observation, Outcome};
use crate::testing::{Net, World, at, link};
use crate::traffic::TimeDistribution;
use protosim_core::kernel::Interests;
use protosim_core::{Span, Until};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// The broker, node 0, and clients on nodes from 1 on, each with the link of its node's number less one.
struct Bed {
    net: Net,
    clients: usize,
}

impl Bed {
    fn new(clients: usize, config: AmqpBrokerConfig) -> Self {
        assert_eq!(config.check(), []);
        let mut net = Net::new(1);
        net.node("broker", true);
        for node in 1..=clients {
            net.node(&format!("n{node}"), false);
            net.link(&format!("l{node}"), node, 0, link("", "10 ms"));
        }
        net.app(0, "broker", AmqpBroker::new(config));
        Self { net, clients: 0 }
    }

    fn app<A: App + 'static>(mut self, app: impl FnOnce(SocketAddr) -> A) -> Self {
        self.clients += 1;
        let to = self.net.socket(0, 5672);
        self.net.app(self.clients, "client", app(to));
        self
    }

    /// A client of 1.0.
    fn with(self, config: Amqp10ClientConfig) -> Self {
        assert_eq!(config.check(), []);
        let container_id = Some(format!("c{}", self.clients));
        self.app(|to| Amqp10Client::new(Amqp10ClientConfig { container_id, ..config }, to))
    }

    /// A client of 0-9-1.
    fn with_old(self, config: AmqpClientConfig) -> Self {
        assert_eq!(config.check(), []);
        self.app(|to| AmqpClient::new(config, to))
    }

    /// A node has no power from one time to the other \[ms\].
    fn off(mut self, node: usize, from: u64, to: u64) -> Self {
        self.net.power(at(from * MS), node, false);
        self.net.power(at(to * MS), node, true);
        self
    }

    /// The link of a client is down from one time to the other \[ms\].
    fn cut(mut self, node: usize, from: u64, to: u64) -> Self {
        for (time, up) in [(from, false), (to, true)] {
            for is_forward in [true, false] {
                let change = LinkChange { up: Some(up), ..LinkChange::default() };
                self.net.change(at(time * MS), node - 1, is_forward, change);
            }
        }
        self
    }

    fn run(self, millis: u64) -> Ran {
        let mut world = self.net.build(1);
        world.listen(Interests::RESULTS.and(Interests::MESSAGES));
        world.run(Until::Time(at(millis * MS)));
        let mut ledger = Ledger::new(mqtt::topic::matches, |address: SocketAddr| address);
        let mut observed = Vec::new();
        for reported in world.take_reports() {
            let Report::App { app, observation } = reported.report else { continue };
            if let Observation::Message(event) = &observation {
                ledger.note(reported.at, Party { node: reported.entity.0, app }, event);
            }
            observed.push((reported.at.as_nanos() / MS, observation));
        }
        Ran { observed, world, account: ledger.close() }
    }
}

struct Ran {
    observed: Vec<(u64, Observation)>,
    world: World,
    account: Account,
}

impl Ran {
    fn broker(&self, name: &str) -> u64 {
        self.world.total(0, "broker", name)
    }

    fn of(&self, node: usize, name: &str) -> u64 {
        self.world.total(node, "client", name)
    }

    /// When exchanges ended with this outcome \[ms\].
    fn ends(&self, with: Outcome) -> Vec<u64> {
        let ends = self.observed.iter().filter_map(|(at, observation)| match observation {
            Observation::ExchangeEnded { outcome, .. } if *outcome == with => Some(*at),
            _ => None,
        });
        ends.collect()
    }

    /// When messages were delivered \[ms\].
    fn deliveries(&self) -> Vec<u64> {
        let all = self.observed.iter().filter(|(_, seen)| matches!(seen, Observation::RequestDelivered(_)));
        all.map(|(at, _)| *at).collect()
    }

    /// Copies that a client has got, and how many messages these were.
    fn came(&self, node: usize) -> (u64, u64) {
        let copies = self.of(node, "received_messages");
        (copies, copies - self.of(node, "duplicate_messages"))
    }

    fn events(&self) -> impl Iterator<Item = (u64, &MessageEvent)> {
        self.observed.iter().filter_map(|(at, observation)| match observation {
            Observation::Message(event) => Some((*at, &**event)),
            _ => None,
        })
    }

    /// The publications of messages that were delivered, in that order.
    fn delivered(&self) -> Vec<u64> {
        let name = |(_, event): (u64, &MessageEvent)| match event {
            MessageEvent::Delivered { message, .. } => Some(message.publication),
            _ => None,
        };
        self.events().filter_map(name).collect()
    }

    /// When the first message of a publication was due \[ms\].
    fn published_at(&self, publication: u64) -> u64 {
        let is_it = |event: &MessageEvent| matches!(event, MessageEvent::Published { message, .. } if message.publication == publication);
        self.events().find(|(_, event)| is_it(event)).map_or(0, |(at, _)| at)
    }

    /// Copies of messages for a topic that were delivered, and of how many messages.
    fn copies(&self, topic: &str) -> (u64, u64) {
        let mut of_topic = BTreeSet::new();
        let (mut copies, mut come) = (0, BTreeSet::new());
        for (_, event) in self.events() {
            match event {
                MessageEvent::Published { message, topic: of, .. } if **of == *topic => {
                    of_topic.insert(message.publication);
                }
                MessageEvent::Delivered { message, .. } if of_topic.contains(&message.publication) => {
                    copies += 1;
                    come.insert((message.publication, message.number));
                }
                _ => {}
            }
        }
        (copies, come.len() as u64)
    }

    /// How many messages were owed, at any level.
    fn owed(&self) -> u64 {
        self.account.parties.values().map(|counts| counts.owed.iter().sum::<u64>()).sum()
    }
}

fn receiver(settle: Settle) -> AmqpReceiverConfig {
    AmqpReceiverConfig::new("q", settle)
}

/// It starts so late \[ms\].
fn late(start: u64, config: Amqp10ClientConfig) -> Amqp10ClientConfig {
    Amqp10ClientConfig { start: Span::from_millis(start), ..config }
}

fn old() -> AmqpClientConfig {
    AmqpClientConfig::new(NodeName("broker".to_owned()))
}
