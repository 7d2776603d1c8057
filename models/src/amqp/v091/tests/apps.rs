//! Broker and clients under the kernel. Each client has a link of its own to the broker, of 10 ms each way and without a rate, so that nothing else
//! takes time: R is both ways.

use crate::amqp::v091::config::{
    AmqpAcks, AmqpBindingConfig, AmqpConfirms, AmqpConsumerConfig, AmqpExchangeConfig, AmqpExchangeKind, AmqpOverflow,
    AmqpPublicationConfig, AmqpQueueConfig, AmqpUser, ReconnectConfig,
};
use crate::amqp::{AmqpBroker, AmqpBrokerConfig, AmqpClient, AmqpClientConfig};
use crate::name::NodeName;
use crate::node::Report;
use crate::observe::{Observation, Outcome};
use crate::testing::{Net, World, at, link};
use crate::tls::crypto::Mode;
use crate::tls::{Secured, TlsClientConfig, TlsServerConfig};
use crate::traffic::TimeDistribution;
use protosim_core::kernel::Interests;
use protosim_core::{Size, Span, Until};

pub(super) const MS: u64 = 1_000_000;
/// There and back \[ms\].
pub(super) const R: u64 = 20;

pub(super) fn client() -> AmqpClientConfig {
    AmqpClientConfig::new(NodeName("broker".to_owned()))
}

/// One that declares a queue.
pub(super) fn with_queue(queue: AmqpQueueConfig) -> AmqpClientConfig {
    AmqpClientConfig { queues: vec![queue], ..client() }
}

/// `count` messages for queue `q`, all due at `start` ms.
pub(super) fn burst(confirms: AmqpConfirms, start: u64, count: u64) -> AmqpPublicationConfig {
    AmqpPublicationConfig {
        start: Some(Span::from_millis(start)),
        interval: TimeDistribution::Fixed(Span::ZERO),
        count: Some(count),
        ..AmqpPublicationConfig::new("", "q", confirms)
    }
}

pub(super) fn says(config: AmqpClientConfig, publication: AmqpPublicationConfig) -> AmqpClientConfig {
    AmqpClientConfig { publications: vec![publication], ..config }
}

pub(super) fn takes(config: AmqpClientConfig, consumer: AmqpConsumerConfig) -> AmqpClientConfig {
    AmqpClientConfig { consumers: vec![consumer], ..config }
}

pub(super) fn q() -> AmqpQueueConfig {
    AmqpQueueConfig::new("q")
}

/// A broker, node 0, and clients on nodes from 1 on, each called `c` and its node's number.
pub(super) struct Bed {
    net: Net,
}

impl Bed {
    pub(super) fn new(nodes: usize, config: AmqpBrokerConfig) -> Self {
        let mut net = Net::new(1);
        net.node("broker", true);
        for node in 1..=nodes {
            net.node(&format!("n{node}"), false);
            net.link(&format!("l{node}"), node, 0, link("", "10 ms"));
        }
        assert_eq!(config.check(), []);
        net.app(0, "broker", AmqpBroker::new(config));
        Self { net }
    }

    pub(super) fn client(mut self, node: usize, config: AmqpClientConfig) -> Self {
        assert_eq!(config.check(), []);
        let to = self.net.socket(0, config.port());
        self.net.app(node, &format!("c{node}"), AmqpClient::new(config, to));
        self
    }

    /// A node has no power from one time to the other \[ms\].
    pub(super) fn off(mut self, node: usize, from: u64, to: u64) -> Self {
        self.net.power(at(from * MS), node, false);
        self.net.power(at(to * MS), node, true);
        self
    }

    pub(super) fn run(self, millis: u64) -> Ran {
        let mut world = self.net.build(1);
        world.listen(Interests::RESULTS);
        world.run(Until::Time(at(millis * MS)));
        let reports = world.take_reports();
        let observed = reports.iter().filter_map(|reported| match &reported.report {
            Report::App { observation, .. } => Some((reported.at.as_nanos(), observation.clone())),
            _ => None,
        });
        Ran { observed: observed.collect(), world }
    }
}

pub(super) struct Ran {
    observed: Vec<(u64, Observation)>,
    world: World,
}

impl Ran {
    pub(super) fn broker(&self, name: &str) -> u64 {
        self.world.total(0, "broker", name)
    }

    pub(super) fn of(&self, node: usize, name: &str) -> u64 {
        self.world.total(node, &format!("c{node}"), name)
    }

    /// When exchanges ended with this outcome \[ns\].
    pub(super) fn ends(&self, with: Outcome) -> Vec<u64> {
        let ends = self.observed.iter().filter_map(|(at, observation)| match observation {
            Observation::ExchangeEnded { outcome, .. } if *outcome == with => Some(*at),
            _ => None,
        });
        ends.collect()
    }

    /// When messages were delivered \[ns\].
    pub(super) fn deliveries(&self) -> Vec<u64> {
        let all = self.observed.iter().filter(|(_, seen)| matches!(seen, Observation::RequestDelivered(_)));
        all.map(|(at, _)| *at).collect()
    }
}

/// The sheet's checks 1 and 3: TCP, header, start-ok, tune-ok with open, channel.open are five round trips; what is declared one more; confirm.select or tx.select one
/// more, and the confirm or the commit another one.
#[test]
fn the_first_message_takes_its_round_trips() {
    use AmqpConfirms::{Batch, Each, None, Transaction, Window};
    for (confirms, done) in [(None, 5), (Each, 7), (Window(5), 7), (Batch(1), 7), (Transaction(1), 7)] {
        for (config, declared) in [(client(), 0), (with_queue(q()), 1)] {
            let ran = Bed::new(1, AmqpBrokerConfig::default()).client(1, says(config, burst(confirms, 0, 1))).run(1000);
            assert_eq!(ran.ends(Outcome::Response), [(done + declared) * R * MS], "{confirms:?}, {declared}");
        }
    }
}

/// TLS 1.3 takes one more.
#[test]
fn tls_takes_one_round_trip_more() {
    let mut net = Net::new(1);
    net.node("broker", true);
    net.node("n1", false);
    net.link("l1", 1, 0, link("", "10 ms"));
    let config = AmqpBrokerConfig { tls: Some(Box::default()), ..AmqpBrokerConfig::default() };
    assert_eq!(config.port(), 5671);
    let to = net.socket(0, 5671);
    let app = Box::new(AmqpBroker::new(config));
    net.app(0, "broker", Secured::server(app, Mode::Sized, &TlsServerConfig::default()));
    let app = Box::new(AmqpClient::new(says(client(), burst(AmqpConfirms::Each, 0, 1)), to));
    net.app(1, "c1", Secured::client(app, Mode::Sized, &TlsClientConfig::default(), "broker"));
    assert_eq!(Bed { net }.run(1000).ends(Outcome::Response), [8 * R * MS]);
}

/// The sheet's check 3: of 12 messages one at a time take 12 round trips; windows and batches of four three; transactions of five the third with the two that are left.
#[test]
fn confirms_and_commits_take_a_round_trip_each() {
    use AmqpConfirms::{Batch, Each, Transaction, Window};
    for (confirms, trips) in [(Each, 12), (Window(4), 3), (Batch(4), 3), (Transaction(5), 3), (Window(100), 1)] {
        let publisher = says(with_queue(q()), burst(confirms, 500, 12));
        let ran = Bed::new(1, AmqpBrokerConfig::default()).client(1, publisher).run(2000);
        let ends = ran.ends(Outcome::Response);
        assert_eq!((ends.len(), ends.last()), (12, Some(&((500 + trips * R) * MS))), "{confirms:?}");
        assert_eq!(ran.broker("last_ready_messages"), 12);
    }
}

/// The sheet's checks 4 and 5: a message takes half a round trip to the broker and half to its consumer; of a backlog of 40, a prefetch of n lets n come with each round trip, from the
/// moment on at which the consumer begins. Acknowledgements of n at once are no slower.
#[test]
fn a_prefetch_is_so_many_messages_in_a_round_trip() {
    for (prefetch, acknowledge, get) in [
        (1, AmqpAcks::Each, None),
        (5, AmqpAcks::Each, None),
        (5, AmqpAcks::Multiple(5), None),
        (20, AmqpAcks::Multiple(10), None),
        (0, AmqpAcks::Each, None),
        (0, AmqpAcks::None, None),
        // One for each question.
        (0, AmqpAcks::Each, Some(Span::from_millis(7))),
    ] {
        let publisher = AmqpClientConfig {
            publications: vec![burst(AmqpConfirms::Window(100), 200, 40), burst(AmqpConfirms::None, 2500, 1)],
            ..with_queue(q())
        };
        let consumer = AmqpConsumerConfig { prefetch, acknowledge, get, ..AmqpConsumerConfig::new("q") };
        let late = AmqpClientConfig { start: Span::from_secs(1), ..takes(client(), consumer) };
        let ran = Bed::new(2, AmqpBrokerConfig::default()).client(1, publisher).client(2, late).run(3000);
        // basic.consume, or the first basic.get, is sent after five round trips.
        let first = 1000 + 6 * R;
        let each = if get.is_some() { 1 } else { u64::from(prefetch) };
        let wanted: Vec<u64> =
            (0..40_u64).map(|number| (first + number.checked_div(each).unwrap_or(0) * R) * MS).collect();
        let deliveries = ran.deliveries();
        assert_eq!(deliveries[..40], wanted, "prefetch {prefetch}, {acknowledge:?}, {get:?}");
        if get.is_none() {
            assert_eq!(deliveries[40], (2500 + R) * MS);
        }
        // Of those that are acknowledged together, the last one waits for others.
        let unacknowledged = u64::from(matches!(acknowledge, AmqpAcks::Multiple(_)));
        let left = (ran.broker("last_ready_messages"), ran.broker("last_unacknowledged_messages"));
        assert_eq!(left, (0, unacknowledged), "prefetch {prefetch}, {acknowledge:?}");
        let received =
            [ran.of(2, "received_messages"), ran.of(2, "redelivered_messages"), ran.of(2, "corrupted_messages")];
        assert_eq!(received, [41, 0, 0]);
    }
}

/// Two consumers share a queue; what one has not acknowledged when its connection ends comes to the other one, marked.
#[test]
fn what_is_not_acknowledged_comes_again_and_is_marked() {
    let publisher = says(with_queue(q()), burst(AmqpConfirms::Each, 1000, 6));
    let consumer = |acknowledge| AmqpConsumerConfig { acknowledge, ..AmqpConsumerConfig::new("q") };
    // It acknowledges after ten messages, of which it gets three.
    let slow = AmqpClientConfig { stop: Some(Span::from_secs(3)), ..takes(client(), consumer(AmqpAcks::Multiple(10))) };
    let ran = Bed::new(3, AmqpBrokerConfig::default())
        .client(1, publisher)
        .client(2, AmqpClientConfig { start: Span::from_millis(200), ..slow })
        .client(3, AmqpClientConfig { start: Span::from_millis(200), ..takes(client(), consumer(AmqpAcks::Each)) })
        .run(5000);
    assert_eq!((ran.of(2, "received_messages"), ran.of(2, "acknowledged_messages")), (3, 0));
    assert_eq!((ran.of(3, "received_messages"), ran.of(3, "redelivered_messages")), (6, 3));
    assert_eq!((ran.broker("requeued_messages"), ran.broker("acknowledged_messages")), (3, 6));
    assert_eq!(ran.broker("closed_by_clients"), 1);
}

/// A topic exchange with two queues, and messages for none: mandatory ones come back before their confirm, and have failed.
#[test]
fn messages_go_along_bindings_or_come_back() {
    let publication = |key: &str, mandatory| AmqpPublicationConfig {
        count: Some(1),
        mandatory,
        ..AmqpPublicationConfig::new("e", key, AmqpConfirms::Each)
    };
    let publisher = AmqpClientConfig {
        exchanges: vec![AmqpExchangeConfig::new("e", AmqpExchangeKind::Topic)],
        queues: vec![q(), AmqpQueueConfig::new("all")],
        bindings: vec![AmqpBindingConfig::new("e", "q", "*.b"), AmqpBindingConfig::new("e", "all", "a.#")],
        publications: vec![
            publication("a.b", true),
            publication("a", true),
            publication("c", false),
            publication("d", true),
        ],
        ..client()
    };
    let ran = Bed::new(1, AmqpBrokerConfig::default()).client(1, publisher).run(2000);
    assert_eq!(
        (ran.broker("queued_messages"), ran.broker("unroutable_messages"), ran.broker("returned_messages")),
        (3, 2, 1)
    );
    assert_eq!(
        (ran.of(1, "completed_messages"), ran.of(1, "failed_messages"), ran.of(1, "returned_messages")),
        (3, 1, 1)
    );
    // All confirms come one round trip after their messages.
    let times = [ran.ends(Outcome::Response), ran.ends(Outcome::ErrorResponse)].concat();
    assert_eq!(times, [8 * R * MS; 4]);
}

/// The sheet's check 8: a message with 200 ms to live is at the dead letters' queue 200 ms after it came, at the broker; its consumer has it half a round trip later. Rejected ones go there
/// as well.
#[test]
fn dead_letters_go_on() {
    let dead = |queue: AmqpQueueConfig| AmqpQueueConfig {
        dead_letter_exchange: Some(String::new()),
        dead_letter_key: Some("dead".to_owned()),
        ..queue
    };
    let expires = dead(AmqpQueueConfig { message_ttl: Some(Span::from_millis(200)), ..q() });
    let publisher = AmqpClientConfig {
        queues: vec![AmqpQueueConfig::new("dead"), expires, dead(AmqpQueueConfig::new("r"))],
        publications: vec![
            burst(AmqpConfirms::None, 1000, 1),
            AmqpPublicationConfig { key: "r".to_owned(), ..burst(AmqpConfirms::None, 2000, 1) },
        ],
        ..client()
    };
    let all = protosim_core::Ratio::ONE;
    let rejects = AmqpConsumerConfig { reject: all, ..AmqpConsumerConfig::new("r") };
    let consumer = AmqpClientConfig {
        start: Span::from_millis(300),
        consumers: vec![AmqpConsumerConfig::new("dead"), rejects],
        ..client()
    };
    let ran = Bed::new(2, AmqpBrokerConfig::default()).client(1, publisher).client(2, consumer).run(4000);
    // The rejected one comes, its reject goes back, and it comes again.
    assert_eq!(ran.deliveries(), [(1000 + 200 + R) * MS, (2000 + R) * MS, (2000 + 2 * R) * MS]);
    assert_eq!(
        (ran.broker("expired_messages"), ran.broker("rejected_messages"), ran.broker("dead_letters")),
        (1, 1, 2)
    );
}

/// The sheet's check 9: of three messages in a queue of two the oldest leaves; where it refuses them, the third one's publisher is told.
#[test]
fn queues_have_limits() {
    for (overflow, dropped, refused, completed) in
        [(AmqpOverflow::DropHead, 1, 0, 3), (AmqpOverflow::RejectPublish, 0, 1, 2)]
    {
        let queue = AmqpQueueConfig { max_length: Some(2), overflow, ..q() };
        let publisher = says(with_queue(queue), burst(AmqpConfirms::Window(10), 1000, 3));
        let ran = Bed::new(1, AmqpBrokerConfig::default()).client(1, publisher).run(2000);
        assert_eq!((ran.broker("dropped_messages"), ran.broker("nacks")), (dropped, refused));
        assert_eq!((ran.of(1, "completed_messages"), ran.of(1, "failed_messages")), (completed, refused));
    }
}

/// An exchange that there is not closes the channel (404), one message after the other: the client opens it again. A queue that was declared otherwise (406) costs the
/// connection.
#[test]
fn soft_errors_close_channels() {
    let publication = AmqpPublicationConfig {
        count: Some(2),
        interval: TimeDistribution::Fixed(Span::from_secs(5)),
        ..AmqpPublicationConfig::new("none", "", AmqpConfirms::Each)
    };
    let never = ReconnectConfig { attempts: Some(0), ..ReconnectConfig::default() };
    let other = AmqpClientConfig {
        reconnect: never,
        start: Span::from_secs(1),
        ..with_queue(AmqpQueueConfig { durable: true, ..q() })
    };
    let ran = Bed::new(3, AmqpBrokerConfig::default())
        .client(1, says(client(), publication))
        .client(2, with_queue(q()))
        .client(3, other)
        .run(20_000);
    assert_eq!((ran.of(1, "failed_messages"), ran.of(1, "closed_channels"), ran.of(1, "lost_connections")), (2, 2, 0));
    assert_eq!((ran.of(3, "closed_channels"), ran.of(3, "connections")), (1, 1));
    assert_eq!(
        (ran.broker("channel_errors"), ran.broker("connection_errors"), ran.broker("closed_by_clients")),
        (3, 0, 1)
    );
}

/// An exclusive queue is its connection's: others get 405, and it goes with it. One that is deleted by itself goes with its last consumer.
#[test]
fn queues_go_with_their_owners() {
    let own = |queue| AmqpClientConfig {
        stop: Some(Span::from_secs(2)),
        ..takes(with_queue(queue), AmqpConsumerConfig::new("q"))
    };
    let never = ReconnectConfig { attempts: Some(0), ..ReconnectConfig::default() };
    let other = AmqpClientConfig {
        start: Span::from_secs(1),
        reconnect: never,
        ..takes(client(), AmqpConsumerConfig::new("q"))
    };
    let bed = |queue| Bed::new(2, AmqpBrokerConfig::default()).client(1, own(queue)).client(2, other.clone());
    let ran = bed(AmqpQueueConfig { exclusive: true, ..q() }).run(1900);
    assert_eq!((ran.of(2, "closed_channels"), ran.of(2, "consumers"), ran.broker("last_queues")), (1, 0, 1));
    assert_eq!(bed(AmqpQueueConfig { exclusive: true, ..q() }).run(4000).broker("last_queues"), 0);
    // The other one is still there.
    assert_eq!(bed(AmqpQueueConfig { auto_delete: true, ..q() }).run(4000).broker("last_queues"), 1);
    let alone = Bed::new(1, AmqpBrokerConfig::default()).client(1, own(AmqpQueueConfig { auto_delete: true, ..q() }));
    assert_eq!(alone.run(4000).broker("last_queues"), 0);
}

/// With 10 s agreed upon, both say something each 5 s. One whose link is cut at 7 s is heard last at 5 s and its half way, and given up 20 s later.
#[test]
fn heartbeats_are_sent_and_missed() {
    let beats = AmqpClientConfig { heartbeat: Span::from_secs(10), ..client() };
    let ran = Bed::new(1, AmqpBrokerConfig::default()).client(1, beats.clone()).run(14_000);
    // channel.open is the last that the client says, after 80 ms.
    assert_eq!((ran.of(1, "heartbeats_sent"), ran.broker("heartbeats_sent")), (2, 2));
    assert_eq!((ran.of(1, "heartbeat_timeouts"), ran.broker("heartbeat_timeouts")), (0, 0));
    let cut = |until| Bed::new(1, AmqpBrokerConfig::default()).client(1, beats.clone()).off(1, 7000, 60_000).run(until);
    assert_eq!(cut(25_089).broker("heartbeat_timeouts"), 0);
    assert_eq!(cut(25_091).broker("heartbeat_timeouts"), 1);
}

/// Who is not known, or wants another virtual host, is told why; who is known gets in.
#[test]
fn users_are_checked() {
    let user = AmqpUser { name: "u".to_owned(), password: "p".to_owned() };
    let config = AmqpBrokerConfig { users: vec![user], ..AmqpBrokerConfig::default() };
    let known = AmqpClientConfig { username: "u".to_owned(), password: "p".to_owned(), ..client() };
    let other = AmqpClientConfig { vhost: "other".to_owned(), ..known.clone() };
    let no = AmqpClientConfig { password: "x".to_owned(), ..known.clone() };
    assert_eq!(known.refused_by(&config), None);
    assert!(no.refused_by(&config).is_some() && other.refused_by(&config).is_some());
    let ran = Bed::new(3, config).client(1, known).client(2, other).client(3, no).run(500);
    let opened = [1, 2, 3].map(|node| (ran.of(node, "opened_connections"), ran.of(node, "refused_connections")));
    assert_eq!(opened, [(1, 0), (0, 1), (0, 1)]);
    assert_eq!((ran.broker("failed_authentications"), ran.broker("connection_errors")), (1, 1));
}

/// Nothing is consumed until 3 s: with a watermark, the broker reads no more of a publisher once it holds as much, and goes on when there is room. All messages come.
#[test]
fn publishers_are_blocked_while_memory_is_short() {
    let publication = AmqpPublicationConfig {
        interval: TimeDistribution::Fixed(Span::from_millis(10)),
        ..burst(AmqpConfirms::Window(1000), 500, 100)
    };
    let consumer = AmqpClientConfig { start: Span::from_secs(3), ..takes(client(), AmqpConsumerConfig::new("q")) };
    let config = AmqpBrokerConfig { memory_watermark: Some(Size::from_bytes(10_000)), ..AmqpBrokerConfig::default() };
    let bed = |until| {
        let bed = Bed::new(2, config.clone()).client(1, says(with_queue(q()), publication.clone()));
        bed.client(2, consumer.clone()).run(until)
    };
    let ran = bed(2900);
    // 512 B of the queue, and 256 B beside 64 B of body for each: with the thirtieth message it is 10,112 B, and nothing more is read.
    assert_eq!((ran.broker("messages_received"), ran.broker("blocked_times"), ran.of(1, "blocked_times")), (30, 1, 1));
    let ran = bed(6000);
    assert_eq!((ran.of(2, "received_messages"), ran.of(1, "completed_messages")), (100, 100));
    assert!(ran.of(1, "blocked_times") >= 1);
}
