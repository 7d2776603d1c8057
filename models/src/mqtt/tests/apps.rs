//! Broker and clients under the kernel. Each client has a link of its own to the broker, of 10 ms each way and without a rate, so that nothing
//! else takes time: D is one way.

use crate::app::{App, StreamId};
use crate::mqtt::config::{AuthConfig, MqttUser, MqttVersion, PublicationConfig, SubscriptionConfig, WillConfig};
use crate::mqtt::{MqttBroker, MqttBrokerConfig, MqttClient, MqttClientConfig};
use crate::name::NodeName;
use crate::node::Report;
use crate::observe::{Observation, Outcome};
use crate::rope::Rope;
use crate::tcp::app::tests::bench::{Bench, total};
use crate::testing::{Net, World, at, link};
use crate::tls::crypto::Mode;
use crate::tls::{Secured, TlsClientConfig, TlsServerConfig};
use crate::traffic::TimeDistribution;
use protosim_core::kernel::Interests;
use protosim_core::{Size, Span, Until};
use std::collections::BTreeMap;

const MS: u64 = 1_000_000;
/// One way \[ms\].
pub(super) const D: u64 = 10;

pub(super) fn broker() -> MqttBrokerConfig {
    MqttBrokerConfig { sys_interval: Span::ZERO, ..MqttBrokerConfig::default() }
}

pub(super) fn client(id: &str) -> MqttClientConfig {
    MqttClientConfig { client_id: Some(id.to_owned()), ..MqttClientConfig::new(NodeName("broker".to_owned())) }
}

/// With a session that stays for an hour.
pub(super) fn kept(id: &str) -> MqttClientConfig {
    MqttClientConfig { clean_start: false, session_expiry: Span::from_secs(3600), ..client(id) }
}

/// One message at `start` ms.
pub(super) fn one(topic: &str, qos: u8, start: u64) -> PublicationConfig {
    PublicationConfig { start: Some(Span::from_millis(start)), count: Some(1), ..PublicationConfig::new(topic, qos) }
}

pub(super) fn wants(config: MqttClientConfig, filter: &str, qos: u8) -> MqttClientConfig {
    MqttClientConfig { subscriptions: vec![SubscriptionConfig::new(filter, qos)], ..config }
}

pub(super) fn says(config: MqttClientConfig, publication: PublicationConfig) -> MqttClientConfig {
    MqttClientConfig { publications: vec![publication], ..config }
}

/// A broker, node 0, and clients on nodes from 1 on: each with the node that it runs on.
pub(super) struct Bed {
    pub(super) net: Net,
}

impl Bed {
    pub(super) fn new(nodes: usize) -> Self {
        let mut net = Net::new(1);
        net.node("broker", true);
        for node in 1..=nodes {
            net.node(&format!("n{node}"), false);
            net.link(&format!("l{node}"), node, 0, link("", "10 ms"));
        }
        Self { net }
    }

    pub(super) fn broker(mut self, config: MqttBrokerConfig) -> Self {
        assert_eq!(config.check(), []);
        self.net.app(0, "broker", MqttBroker::new(config));
        self
    }

    /// Its name is its client identifier.
    pub(super) fn client(self, node: usize, config: MqttClientConfig) -> Self {
        let name = config.client_id.clone().unwrap();
        self.named(node, &name, config)
    }

    pub(super) fn named(mut self, node: usize, name: &str, config: MqttClientConfig) -> Self {
        assert_eq!(config.check(), []);
        let to = self.net.socket(0, config.port());
        self.net.app(node, name, MqttClient::new(config, to));
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
    pub(super) observed: Vec<(u64, Observation)>,
    world: World,
}

impl Ran {
    pub(super) fn total(&self, node: usize, app: &str, name: &str) -> u64 {
        self.world.total(node, app, name)
    }

    /// When messages were delivered, by exchange, each time \[ns\].
    pub(super) fn deliveries(&self) -> BTreeMap<u64, Vec<u64>> {
        let mut all: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for (at, observation) in &self.observed {
            if let Observation::RequestDelivered(id) = observation {
                all.entry(id.id).or_default().push(*at);
            }
        }
        all
    }

    /// Numbers of exchanges in the order of their starts, with when that was.
    fn started(&self) -> Vec<(u64, u64)> {
        let started = self.observed.iter().filter_map(|(at, observation)| match observation {
            Observation::ExchangeStarted(id) => Some((id.id, *at)),
            _ => None,
        });
        started.collect()
    }

    /// Of the first exchange: from its start to its first delivery and to its end \[µs\].
    pub(super) fn first(&self) -> (Option<u64>, Option<u64>) {
        let (id, start) = self.started()[0];
        let delivered = self.deliveries().get(&id).map(|all| (all[0] - start) / 1000);
        let ended = self.observed.iter().find_map(|(at, observation)| match observation {
            Observation::ExchangeEnded { exchange, outcome: Outcome::Response, .. } if exchange.id == id => {
                Some((at - start) / 1000)
            }
            _ => None,
        });
        (delivered, ended)
    }
}

/// Where everybody is there, messages take their number of ways: to the broker and on. QoS 2 with method A goes on with its PUBREL, two ways later,
/// at each hop. Its publisher is done after 0, 2 or 4 ways.
#[test]
fn latencies_are_numbers_of_ways() {
    for version in [MqttVersion::V311, MqttVersion::V5] {
        for (published, wanted, ways, done) in
            [(0, 0, 2, 0), (0, 2, 2, 0), (1, 1, 2, 2), (2, 0, 4, 4), (2, 1, 4, 4), (2, 2, 6, 4), (1, 2, 2, 2)]
        {
            let sender = MqttClientConfig { version, ..says(client("p"), one("a/b", published, 500)) };
            let taker = MqttClientConfig { version, ..wants(client("s"), "a/+", wanted) };
            let ran = Bed::new(2).broker(broker()).client(1, sender).client(2, taker).run(1000);
            let expected = (Some(ways * D * 1000), Some(done * D * 1000));
            assert_eq!(ran.first(), expected, "{version:?}, QoS {published} to {wanted}");
            for (name, value) in [("received_messages", 1), ("duplicate_messages", 0), ("corrupted_messages", 0)] {
                assert_eq!(ran.total(2, "s", name), value, "{name}");
            }
        }
    }
}

/// What is due at once waits for the connection: SYN, SYN-ACK, CONNECT, CONNACK are 4 ways, then PUBLISH and PUBACK. TLS 1.3 takes 2 more.
#[test]
fn a_connection_takes_two_round_trips_and_tls_one_more() {
    let ran = Bed::new(1).broker(broker()).client(1, says(client("p"), one("a", 1, 0))).run(1000);
    assert_eq!(ran.first(), (None, Some(6 * D * 1000)));
    let mut bed = Bed::new(1);
    let config = MqttBrokerConfig { tls: Some(Box::default()), ..broker() };
    assert_eq!(config.port(), 8883);
    let to = bed.net.socket(0, 8883);
    let app = Box::new(MqttBroker::new(config));
    bed.net.app(0, "broker", Secured::server(app, Mode::Sized, &TlsServerConfig::default()));
    let app = Box::new(MqttClient::new(says(client("p"), one("a", 1, 0)), to));
    bed.net.app(1, "p", Secured::client(app, Mode::Sized, &TlsClientConfig::default(), "broker"));
    assert_eq!(bed.run(1000).first(), (None, Some(8 * D * 1000)));
}

/// CONNECT reaches the broker after 3 ways, at 30 ms. Then the link is cut: with a keep alive of 2 s the connection is closed 3 s later, and the
/// will is at its subscriber one way after that.
#[test]
fn a_silent_client_is_closed_after_one_and_a_half_keep_alives() {
    let will =
        WillConfig { topic: "st".to_owned(), payload: Size::from_bytes(16), qos: 1, retain: false, delay: Span::ZERO };
    let lost = MqttClientConfig { keep_alive: Span::from_secs(2), will: Some(will), ..client("lost") };
    let mut bed = Bed::new(2).broker(broker()).client(1, lost).client(2, wants(client("s"), "st", 1));
    bed = bed.off(1, 1000, 60_000);
    let ran = bed.run(10_000);
    let deliveries: Vec<_> = ran.deliveries().into_values().collect();
    assert_eq!(deliveries, [[(30 + 3000 + D) * MS]]);
    assert_eq!((ran.total(0, "broker", "keep_alive_timeouts"), ran.total(0, "broker", "wills_published")), (1, 1));
}

/// A client that is there and has nothing to say pings, and is not closed; one that disconnects leaves no will.
#[test]
fn pings_keep_a_connection_and_disconnect_takes_the_will_back() {
    let will =
        WillConfig { topic: "st".to_owned(), payload: Size::from_bytes(16), qos: 0, retain: false, delay: Span::ZERO };
    let idle = MqttClientConfig {
        keep_alive: Span::from_secs(2),
        will: Some(will),
        stop: Some(Span::from_secs(9)),
        ..client("idle")
    };
    let ran = Bed::new(2).broker(broker()).client(1, idle).client(2, wants(client("s"), "#", 1)).run(20_000);
    // CONNECT is sent at 0, when the connection is opened; PINGREQs after 2, 4, 6 and 8 s.
    assert_eq!((ran.total(1, "idle", "pings"), ran.total(1, "idle", "ping_timeouts")), (4, 0));
    assert_eq!((ran.total(0, "broker", "keep_alive_timeouts"), ran.total(0, "broker", "disconnects")), (0, 1));
    assert_eq!((ran.total(0, "broker", "wills_published"), ran.total(2, "s", "received_messages")), (0, 0));
}

/// A second client with the same identifier: the first one is told (0x8e), and its will is published.
#[test]
fn a_session_is_taken_over() {
    let will =
        WillConfig { topic: "st".to_owned(), payload: Size::from_bytes(16), qos: 0, retain: false, delay: Span::ZERO };
    let first = MqttClientConfig {
        will: Some(will),
        reconnect: crate::mqtt::config::ReconnectConfig { attempts: Some(0), ..Default::default() },
        ..kept("same")
    };
    let second = MqttClientConfig { start: Span::from_secs(1), ..kept("same") };
    let ran = Bed::new(3)
        .broker(broker())
        .named(1, "first", first)
        .named(2, "second", second)
        .client(3, wants(client("s"), "st", 0))
        .run(5000);
    assert_eq!(ran.total(1, "first", "taken_over"), 1);
    assert_eq!(ran.total(2, "second", "sessions_resumed"), 1);
    assert_eq!((ran.total(0, "broker", "sessions_taken_over"), ran.total(3, "s", "received_messages")), (1, 1));
}

/// Of three retained messages on two topics a later subscriber gets the last of each, marked; one with Retain Handling 2 none.
#[test]
fn retained_messages_wait_for_subscribers() {
    let publication =
        |topic, count| PublicationConfig { retain: true, count: Some(count), ..PublicationConfig::new(topic, 1) };
    let sender = MqttClientConfig { publications: vec![publication("a/x", 2), publication("a/y", 1)], ..client("p") };
    let later = |id| MqttClientConfig { start: Span::from_secs(5), ..wants(client(id), "a/#", 1) };
    let mut never = later("never");
    never.subscriptions[0].retain_handling = 2;
    let ran = Bed::new(3).broker(broker()).client(1, sender).client(2, later("s")).client(3, never).run(8000);
    assert_eq!((ran.total(2, "s", "received_messages"), ran.total(2, "s", "retained_messages")), (2, 2));
    assert_eq!(ran.total(3, "never", "received_messages"), 0);
    assert_eq!(ran.total(0, "broker", "last_retained_messages"), 2);
}

/// Four messages, two who share and one who does not: 2, 2, 4.
#[test]
fn sharers_take_turns() {
    let publication =
        PublicationConfig { count: Some(4), start: Some(Span::from_secs(1)), ..PublicationConfig::new("t", 1) };
    let ran = Bed::new(4)
        .broker(broker())
        .client(1, says(client("p"), publication))
        .client(2, wants(client("x"), "$share/g/t", 1))
        .client(3, wants(client("y"), "$share/g/t", 1))
        .client(4, wants(client("z"), "t", 1))
        .run(8000);
    let received = [(2, "x"), (3, "y"), (4, "z")].map(|(node, app)| ran.total(node, app, "received_messages"));
    assert_eq!(received, [2, 2, 4]);
}

/// The sheet's check 13: of 1200 messages to a session whose client is away the first 1000 come, in order; publishers are answered all the same.
#[test]
fn a_queue_keeps_the_first_thousand() {
    let many = PublicationConfig {
        count: Some(1200),
        start: Some(Span::from_secs(2)),
        interval: TimeDistribution::Fixed(Span::from_micros(100)),
        ..PublicationConfig::new("t", 1)
    };
    let sender = MqttClientConfig { max_queued: 2000, ..says(client("p"), many) };
    let before = MqttClientConfig { stop: Some(Span::from_secs(1)), ..wants(kept("s"), "t", 1) };
    let after = MqttClientConfig { start: Span::from_secs(20), ..wants(kept("s"), "t", 1) };
    let config = MqttBrokerConfig { receive_maximum: 1000, ..broker() };
    let ran =
        Bed::new(2).broker(config).client(1, sender).named(2, "before", before).named(2, "after", after).run(60_000);
    assert_eq!(ran.total(1, "p", "completed_qos1"), 1200);
    assert_eq!(ran.total(0, "broker", "dropped_messages"), 200);
    assert_eq!((ran.total(2, "after", "received_messages"), ran.total(2, "after", "late_messages")), (1000, 0));
    let started: Vec<u64> = ran.started().into_iter().map(|(id, _)| id).take(1000).collect();
    let delivered = ran.deliveries();
    assert!(started.iter().all(|id| delivered.contains_key(id)), "not the first ones");
}

/// A session of 1 s is gone after 3; one of an hour is not, and has what has come for it.
#[test]
fn sessions_expire() {
    for (expiry, resumed, received) in [(1, 0, 0), (3600, 1, 1)] {
        let session = |config| MqttClientConfig { session_expiry: Span::from_secs(expiry), ..config };
        let before = MqttClientConfig { stop: Some(Span::from_secs(1)), ..session(wants(kept("s"), "t", 1)) };
        let after = MqttClientConfig { start: Span::from_secs(4), ..session(kept("s")) };
        let ran = Bed::new(2)
            .broker(broker())
            .client(1, says(client("p"), one("t", 1, 3000)))
            .named(2, "before", before)
            .named(2, "after", after)
            .run(8000);
        let found = (ran.total(2, "after", "sessions_resumed"), ran.total(2, "after", "received_messages"));
        assert_eq!(found, (resumed, received), "{expiry} s");
        assert_eq!(ran.total(0, "broker", "sessions_expired"), 1 - resumed);
    }
}

/// 3.1.1 keeps a session without Clean Session for good.
#[test]
fn sessions_of_3_1_1_stay() {
    let v311 = |config| MqttClientConfig { version: MqttVersion::V311, clean_start: false, ..config };
    let before = MqttClientConfig { stop: Some(Span::from_secs(1)), ..v311(wants(client("s"), "t", 1)) };
    let after = MqttClientConfig { start: Span::from_secs(4), ..v311(client("s")) };
    let ran = Bed::new(2)
        .broker(broker())
        .client(1, says(v311(client("p")), one("t", 2, 3000)))
        .named(2, "before", before)
        .named(2, "after", after)
        .run(8000);
    assert_eq!((ran.total(2, "after", "sessions_resumed"), ran.total(2, "after", "received_messages")), (1, 1));
}

/// The sheet's check 9: publisher, subscriber or broker lose power at any boundary between the packets of a message of QoS 2, and have their state on
/// disc. The message is published at 500 ms and moves each 10 ms; power is lost between, and exactly once the message arrives.
#[test]
fn a_message_of_qos_2_arrives_once_wherever_its_way_is_cut() {
    for node in 0..=2 {
        for cut in (485..590).step_by(10) {
            let sender = MqttClientConfig { durable: true, ..says(kept("p"), one("t", 2, 500)) };
            let taker = MqttClientConfig { durable: true, ..wants(kept("s"), "t", 2) };
            let config = MqttBrokerConfig { durable: true, ..broker() };
            let ran = Bed::new(2).broker(config).client(1, sender).client(2, taker).off(node, cut, 2000).run(200_000);
            let what = format!("node {node} at {cut} ms");
            let times: Vec<usize> = ran.deliveries().values().map(Vec::len).collect();
            assert_eq!(times, [1], "{what}");
            assert_eq!(ran.total(1, "p", "completed_qos2"), 1, "{what}");
        }
    }
}

/// The sheet's check 10: a publisher of QoS 1 that loses power between the delivery of its message and the PUBACK sends it again; it
/// arrives twice.
#[test]
fn a_message_of_qos_1_arrives_twice_where_its_answer_is_lost() {
    let sender = MqttClientConfig { durable: true, ..says(kept("p"), one("t", 1, 500)) };
    let ran =
        Bed::new(2).broker(broker()).client(1, sender).client(2, wants(kept("s"), "t", 1)).off(1, 515, 2000).run(9000);
    assert_eq!((ran.total(2, "s", "received_messages"), ran.total(2, "s", "duplicate_messages")), (2, 1));
    let ended = ran.observed.iter().find_map(|(_, observation)| match observation {
        Observation::ExchangeEnded { outcome, transmissions, .. } => Some((*outcome, *transmissions)),
        _ => None,
    });
    assert_eq!(ended, Some((Outcome::Response, 2)));
}

/// The sheet's check 14: of 20 messages that are due at once, two at a time go out: ten round trips.
#[test]
fn a_window_of_two_takes_a_round_trip_for_two() {
    let zero = TimeDistribution::Fixed(Span::ZERO);
    let many = PublicationConfig { count: Some(20), interval: zero, ..one("t", 1, 500) };
    let sender = MqttClientConfig { max_in_flight: 2, ..says(client("p"), many) };
    let ran = Bed::new(1).broker(broker()).client(1, sender).run(2000);
    let ends = ran.observed.iter().filter(|(_, seen)| matches!(seen, Observation::ExchangeEnded { .. }));
    assert_eq!(ends.map(|(at, _)| at / MS).max(), Some(500 + 10 * 2 * D));
    assert_eq!(ran.total(1, "p", "completed_qos1"), 20);
}

/// A will with a delay of 5 s, of a client that is given up at 3030 ms: published 5 s later, or not at all where the client is back at 4 s.
#[test]
fn a_will_waits_for_its_client() {
    for (back, expected) in [(60_000, vec![vec![(30 + 3000 + 5000 + D) * MS]]), (4000, Vec::new())] {
        let delay = Span::from_secs(5);
        let will = WillConfig { topic: "st".to_owned(), payload: Size::from_bytes(16), qos: 1, retain: false, delay };
        let lost = MqttClientConfig { keep_alive: Span::from_secs(2), will: Some(will), ..kept("lost") };
        let bed = Bed::new(2).broker(broker()).client(1, lost).client(2, wants(client("s"), "st", 1));
        let deliveries: Vec<_> = bed.off(1, 1000, back).run(20_000).deliveries().into_values().collect();
        assert_eq!(deliveries, expected, "back at {back} ms");
    }
}

/// Where a write takes 200 ms, PUBREL comes at 2230 ms: PUBLISH at 2010, on disc at 2210, PUBREC at 2220. The power that goes at 2300 ms takes with it that
/// the message was released, so that its PUBREL, sent again, releases it again: nobody may have got it before, not at QoS 0 either.
#[test]
fn a_message_of_qos_2_goes_on_when_it_is_on_disc() {
    for qos in 0..=2 {
        let sync = Span::from_millis(200);
        let config = MqttBrokerConfig { durable: true, sync, queue_qos0: true, ..broker() };
        let sender = MqttClientConfig { durable: true, ..says(kept("p"), one("t", 2, 2000)) };
        let taker = MqttClientConfig { durable: true, ..wants(kept("s"), "t", qos) };
        let ran = Bed::new(2).broker(config).client(1, sender).client(2, taker).off(0, 2300, 3500).run(200_000);
        let times: Vec<usize> = ran.deliveries().values().map(Vec::len).collect();
        assert_eq!(times, [1], "to QoS {qos}");
    }
}

/// The broker has the session from CONNECT on, at 30 ms, and loses its power before SUBSCRIBE comes, at 50 ms: it says then that the session is there,
/// and the client subscribes all the same.
#[test]
fn a_subscription_that_was_lost_on_its_way_is_made_again() {
    let sender = MqttClientConfig { start: Span::from_secs(20), ..says(client("p"), one("t", 1, 20_500)) };
    let taker = MqttClientConfig { durable: true, ..wants(kept("s"), "t", 1) };
    let config = MqttBrokerConfig { durable: true, ..broker() };
    let ran = Bed::new(2).broker(config).client(1, sender).client(2, taker).off(0, 45, 1000).run(30_000);
    for (name, value) in [("sessions_resumed", 1), ("subscriptions", 1), ("received_messages", 1)] {
        assert_eq!(ran.total(2, "s", name), value, "{name}");
    }
}

/// What is on disc after a loss of power: the retained message and the session with its message; or nothing.
#[test]
fn a_broker_has_what_was_on_disc() {
    for durable in [false, true] {
        let publications = vec![one("t", 1, 2000), PublicationConfig { retain: true, ..one("r", 1, 2000) }];
        let sender = MqttClientConfig { publications, ..client("p") };
        let before = MqttClientConfig { stop: Some(Span::from_secs(1)), ..wants(kept("s"), "t", 1) };
        let after = MqttClientConfig { start: Span::from_secs(10), ..kept("s") };
        let ran = Bed::new(2)
            .broker(MqttBrokerConfig { durable, ..broker() })
            .client(1, sender)
            .named(2, "before", before)
            .named(2, "after", after)
            .off(0, 4000, 5000)
            .run(20_000);
        let kept = u64::from(durable);
        assert_eq!(ran.total(1, "p", "completed_qos1"), 2);
        assert_eq!(ran.total(0, "broker", "last_retained_messages"), kept, "durable: {durable}");
        let found = (ran.total(2, "after", "sessions_resumed"), ran.total(2, "after", "received_messages"));
        assert_eq!(found, (kept, kept), "durable: {durable}");
    }
}

/// A message for a kept session: its PUBACK waits for the write of 7 ms, and so does the copy. What is lost before the write is done was not
/// acknowledged: a publisher with a session sends it again.
#[test]
fn an_acknowledgement_waits_for_the_disc() {
    let config = MqttBrokerConfig { durable: true, sync: Span::from_millis(7), ..broker() };
    let bed = |sender| Bed::new(2).broker(config.clone()).client(1, sender).client(2, wants(kept("s"), "t", 1));
    let ran = bed(says(client("p"), one("t", 1, 500))).run(1000);
    assert_eq!(ran.first(), (Some((2 * D + 7) * 1000), Some((2 * D + 7) * 1000)));
    // PUBLISH is at the broker at 510 ms, on disc at 517.
    for cut in [509, 511, 516, 518] {
        let sender = says(kept("p"), one("t", 1, 500));
        let ran = bed(sender).off(0, cut, 2000).run(200_000);
        assert_eq!(ran.total(1, "p", "completed_qos1"), 1, "{cut} ms");
        assert!(ran.total(2, "s", "received_messages") >= 1, "{cut} ms");
    }
}

/// Who comes when there is no connection left is told so: 0x97, or 3 in 3.1.1.
#[test]
fn a_full_broker_refuses() {
    for version in [MqttVersion::V311, MqttVersion::V5] {
        let config = MqttBrokerConfig { max_connections: Some(0), ..broker() };
        let ran = Bed::new(1).broker(config).client(1, MqttClientConfig { version, ..client("p") }).run(500);
        assert_eq!((ran.total(0, "broker", "connects"), ran.total(1, "p", "refused_connects")), (0, 1));
    }
}

/// A host of 1 MiB holds at most ten messages of 100 kB for a client that is away: all others are refused (0x97).
#[test]
fn a_host_without_memory_refuses_messages() {
    let many = PublicationConfig {
        payload: crate::traffic::SizeDistribution::Fixed(Size::from_bytes(100_000)),
        count: Some(20),
        start: Some(Span::from_secs(2)),
        ..PublicationConfig::new("t", 1)
    };
    let before = MqttClientConfig { stop: Some(Span::from_secs(1)), ..wants(kept("s"), "t", 1) };
    let mut bed = Bed::new(2).broker(broker()).client(1, says(client("p"), many)).client(2, before);
    bed.net.device(0).memory = Some(Size::from_bytes(1 << 20));
    let ran = bed.run(60_000);
    let (done, failed) = (ran.total(1, "p", "completed_qos1"), ran.total(1, "p", "failed_qos1"));
    assert_eq!(done + failed, 20);
    assert!((1..=10).contains(&done), "{done}");
    assert!(ran.total(0, "broker", "refused_memory") >= failed, "{failed}");
}

/// Challenge and response: 2 more ways. Who does not know the secret, or has another password, is refused.
#[test]
fn clients_prove_who_they_are() {
    let auth = |secret: &str| Some(AuthConfig { method: "M".to_owned(), secret: secret.to_owned() });
    let config = MqttBrokerConfig { auth: auth("s"), ..broker() };
    for (secret, ended) in [("s", Some(8 * D * 1000)), ("x", None)] {
        let sender = MqttClientConfig { auth: auth(secret), ..says(client("p"), one("t", 1, 0)) };
        let ran = Bed::new(1).broker(config.clone()).client(1, sender).run(700);
        assert_eq!(ran.first().1, ended);
    }
    let users = vec![MqttUser { name: "u".to_owned(), password: "pw".to_owned() }];
    let config = MqttBrokerConfig { users, ..broker() };
    for (password, connects) in [("pw", 1), ("px", 0)] {
        let user =
            MqttClientConfig { username: Some("u".to_owned()), password: Some(password.to_owned()), ..client("p") };
        assert_eq!(user.refused_by(&config).is_none(), connects == 1);
        let ran = Bed::new(1).broker(config.clone()).client(1, user).run(700);
        assert_eq!(ran.total(0, "broker", "connects"), connects);
    }
}

/// `$SYS` at its interval: uptime among others, and no filter that begins with a wildcard gets it.
#[test]
fn the_broker_says_how_it_is() {
    let config = MqttBrokerConfig { sys_interval: Span::from_secs(1), ..broker() };
    let ran = Bed::new(2)
        .broker(config)
        .client(1, wants(client("s"), "$SYS/broker/uptime", 0))
        .client(2, wants(client("x"), "#", 0))
        .run(3500);
    // The retained one, and those of 1, 2 and 3 s.
    assert_eq!(ran.total(1, "s", "foreign_messages"), 4);
    assert_eq!(ran.total(2, "x", "received_messages"), 0);
}

fn hex(text: &str) -> Rope {
    let bytes = text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap());
    Rope::from(bytes.collect::<Vec<u8>>())
}

/// What the broker answers to these bytes, and whether it closes.
fn answer(config: MqttBrokerConfig, bytes: &str) -> (Vec<u8>, bool, MqttBroker) {
    let (mut app, mut bench) = (MqttBroker::new(config), Bench::new(1 << 20));
    app.on_start(&mut bench);
    assert_eq!(bench.listens, [1883]);
    let stream = bench.accept(&mut app, 1883);
    assert_eq!(stream, StreamId(0));
    bench.receive(&mut app, 0, &hex(bytes));
    let played = &bench.streams[0];
    (played.written.to_bytes().to_vec(), played.is_closed, app)
}

/// Bytes of the sheet: CONNECT with SUBSCRIBE and UNSUBSCRIBE in one go; then what is not allowed, with its reason code in 5.0 and without a word in
/// 3.1.1; then what is no CONNECT.
#[test]
fn bytes_are_answered_as_the_standard_says() {
    const V311: &str = "10 0e 00 04 4d 51 54 54 04 02 00 3c 00 02 63 31 ";
    const V5: &str = "10 0f 00 04 4d 51 54 54 05 02 00 3c 00 00 02 63 31 ";
    let written = |bytes: String| {
        let (written, is_closed, _) = answer(broker(), &bytes);
        (written, is_closed)
    };
    let of = |text: &str| hex(text).to_bytes().to_vec();
    let subscribes = format!("{V311} 82 08 00 0a 00 03 61 2f 62 01 a2 07 00 0c 00 03 61 2f 62 c0 00");
    assert_eq!(written(subscribes), (of("20 02 00 00 90 03 00 0a 01 b0 02 00 0c d0 00"), false));
    // Receive maximum 20, topic alias maximum 10.
    let connack = "20 09 00 00 06 21 00 14 22 00 0a";
    // PUBREL with flags 0; a second CONNECT; an alias above 10; QoS 1 that nobody gets.
    for (bytes, said, is_closed) in [
        ("60 02 00 01".to_owned(), "e0 01 81", true),
        (V5.to_owned(), "e0 01 82", true),
        ("30 08 00 01 74 03 23 00 0b 68".to_owned(), "e0 01 94", true),
        ("32 07 00 01 74 00 01 00 68".to_owned(), "40 03 00 01 10", false),
    ] {
        let (found, closed) = written(format!("{V5}{bytes}"));
        assert_eq!((found, closed), (of(&format!("{connack} {said}")), is_closed), "{bytes}");
    }
    assert_eq!(written(format!("{V311} 60 02 00 01")), (of("20 02 00 00"), true));
    assert_eq!(written("30 07 00 03 61 2f 62 68 69".to_owned()), (Vec::new(), true));
    let (_, _, app) = answer(broker(), &format!("{V5} 60 02 00 01"));
    assert_eq!((total(&app, "malformed_packets"), total(&app, "protocol_errors")), (1, 0));
    // An empty client identifier is given one in 5.0 (property 0x12), and in 3.1.1 only with a clean session.
    let (given, _) = written("10 0d 00 04 4d 51 54 54 05 02 00 3c 00 00 00".to_owned());
    assert_eq!(given[5], 0x12);
    assert_eq!(written("10 0c 00 04 4d 51 54 54 04 00 00 3c 00 00".to_owned()), (of("20 02 00 02"), true));
}
