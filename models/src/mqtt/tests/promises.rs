//! What the levels of QoS promise, end to end, under faults drawn at random: links that are cut, clients and brokers that lose power. The ledger
//! finds nothing where both sides are durable, and finds each mistake that is made on purpose.
//!
//! Two clients publish at all three levels to two that subscribe at QoS 0, 1 and 2, so that at any time several messages are on their way; with all
//! faults over, 30 s are enough for everything to come to its end. Messages may wait in queues, which have room for all.

use super::apps::{broker, kept};
use crate::ledger::Guarantee::{AtLeastOnce, ExactlyOnce};
use crate::ledger::{Account, Counts, Ledger, Party, Promise};
use crate::link::LinkChange;
use crate::mqtt::config::{MqttMethod, MqttVersion, PublicationConfig, ReconnectConfig, SubscriptionConfig};
use crate::mqtt::topic::matches;
use crate::mqtt::{MqttBroker, MqttBrokerConfig, MqttClient, MqttClientConfig, MqttFlaw};
use crate::node::Report;
use crate::observe::Observation;
use crate::testing::{Net, at, link};
use crate::traffic::TimeDistribution;
use protosim_core::kernel::Interests;
use protosim_core::{Purpose, RunSeed, Span, Stream, Until};

const MS: u64 = 1_000_000;
/// Faults are over by then \[ms\].
const CALM: u64 = 3000;
/// The end of a run \[ms\].
const END: u64 = 33_000;
/// Schedules of faults, by number.
const SCHEDULES: u64 = 1000;

/// What is tried, beside sound machines on durable hosts.
#[derive(Clone, Copy, Debug, Default)]
struct Trial {
    /// The broker forgets all when it loses power.
    forgets: bool,
    client: Option<MqttFlaw>,
    broker: Option<MqttFlaw>,
}

/// One schedule: its number decides everything.
struct Draw(Stream);

impl Draw {
    fn new(schedule: u64) -> Self {
        Self(RunSeed { seed: schedule, replication: 0 }.stream("promises", Purpose("test.schedule")))
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0.below(end)
    }

    /// Up to two times between 300 ms and the calm at which something goes, and comes back \[ms\]; one half has none.
    fn faults(&mut self) -> Vec<(u64, u64)> {
        let mut times: Vec<u64> =
            (0..2 * self.below(4).saturating_sub(1)).map(|_| 300 + self.below(CALM - 300)).collect();
        times.sort_unstable();
        times.chunks(2).map(|pair| (pair[0], pair[1].max(pair[0] + 1))).collect()
    }
}

/// The QoS at which one of the two takes messages of QoS 2.
fn granted(schedule: u64) -> u8 {
    (schedule % 3) as u8
}

fn publication(topic: &str, qos: u8, draw: &mut Draw) -> PublicationConfig {
    PublicationConfig {
        start: Some(Span::from_millis(300 + draw.below(300))),
        interval: TimeDistribution::Fixed(Span::from_millis(10 + draw.below(90))),
        count: Some(15),
        ..PublicationConfig::new(topic, qos)
    }
}

fn client(id: &str, trial: Trial, version: MqttVersion, method: MqttMethod) -> MqttClientConfig {
    let (first, most) = (Span::from_millis(100), Span::from_millis(400));
    let session_expiry = if version == MqttVersion::V5 { Span::from_secs(3600) } else { Span::ZERO };
    MqttClientConfig {
        version,
        method,
        session_expiry,
        durable: true,
        keep_alive: Span::from_secs(1),
        ping_timeout: Some(Span::from_millis(500)),
        connect_timeout: Span::from_millis(700),
        reconnect: ReconnectConfig { first, most, ..ReconnectConfig::default() },
        max_in_flight: 5,
        flaw: trial.client,
        ..kept(id)
    }
}

/// Runs one schedule, and draws up the account.
fn run(schedule: u64, trial: Trial) -> Account {
    let mut draw = Draw::new(schedule);
    let version = [MqttVersion::V311, MqttVersion::V5][(schedule % 2) as usize];
    let method = [MqttMethod::A, MqttMethod::B][(schedule / 2 % 2) as usize];
    let mut net = Net::new(schedule);
    net.node("broker", true);
    for node in 1..=4 {
        net.node(&format!("n{node}"), false);
        net.link(&format!("l{node}"), node, 0, link("1 Mbit/s", "10 ms"));
    }
    let sync = [Span::ZERO, Span::from_millis(5), Span::from_millis(25)][(schedule / 12 % 3) as usize];
    // A flaw that needs a disc that takes time has one.
    let sync = if trial.broker == Some(MqttFlaw::AcknowledgedTooSoon) { Span::from_millis(25) } else { sync };
    let (durable, sync) = if trial.forgets { (false, Span::ZERO) } else { (true, sync) };
    let config = MqttBrokerConfig { method, durable, sync, max_in_flight: 5, flaw: trial.broker, ..broker() };
    assert_eq!(config.check(), []);
    let to = net.socket(0, config.port());
    net.app(0, "broker", MqttBroker::new(config));
    for node in 1..=4 {
        let mut config = client(&format!("c{node}"), trial, version, method);
        if node <= 2 {
            config.publications = (0..3).map(|qos| publication(&format!("t/{node}/{qos}"), qos, &mut draw)).collect();
        } else {
            let subscriptions = [("t/+/0", 0), ("t/+/1", 1), ("t/+/2", if node == 3 { 2 } else { granted(schedule) })];
            config.subscriptions = subscriptions.map(|(filter, qos)| SubscriptionConfig::new(filter, qos)).to_vec();
        }
        // A mistake that needs what a client does not do is none of its.
        if config.check().iter().any(|(field, _)| *field == "flaw") {
            config.flaw = None;
        }
        assert_eq!(config.check(), []);
        net.app(node, &format!("c{node}"), MqttClient::new(config, to));
    }
    for line in 0..4 {
        for (from, to) in draw.faults() {
            for (time, up) in [(from, false), (to, true)] {
                for is_forward in [false, true] {
                    net.change(at(time * MS), line, is_forward, LinkChange { up: Some(up), ..LinkChange::default() });
                }
            }
        }
    }
    for node in 0..=4 {
        for (from, to) in draw.faults() {
            net.power(at(from * MS), node, false);
            net.power(at(to * MS), node, true);
        }
    }
    let mut world = net.build(1);
    world.listen(Interests::MESSAGES);
    world.run(Until::Time(at(END * MS)));
    let mut ledger = Ledger::new(matches, |address| address);
    for reported in world.take_reports() {
        if let Report::App { app, observation: Observation::Message(event) } = reported.report {
            ledger.note(reported.at, Party { node: reported.entity.0, app }, &event);
        }
    }
    ledger.close()
}

fn words(account: &Account) -> String {
    account.broken.iter().map(|broken| format!("\n  {broken}")).collect()
}

/// The sound machines keep what they promise; and it is much that they promise, and faults make them send again.
#[test]
fn sound_machines_keep_their_promises() {
    let mut repeated = 0;
    for schedule in 0..SCHEDULES {
        let account = run(schedule, Trial::default());
        let sum = account.sum();
        assert_eq!((sum.broken(), sum.unfinished), (0, 0), "schedule {schedule}:{}", words(&account));
        // 30 messages at each level go to two, of which one takes those of QoS 2 at 0, 1 or 2. All are confirmed at last.
        let mut owed = [0, 60, 30];
        owed[granted(schedule) as usize] += 30;
        assert_eq!((sum.owed[1], sum.owed[2], sum.confirmed), (owed[1], owed[2], 60), "schedule {schedule}");
        repeated += sum.repeated[1];
    }
    // About every second schedule cuts a connection under a message of QoS 1.
    assert!(repeated > SCHEDULES / 4, "{repeated}");
}

/// A broker that forgets all with its power loses what it had acknowledged.
#[test]
fn a_broker_without_a_disc_loses_messages() {
    let trial = Trial { forgets: true, ..Trial::default() };
    let lost = (0..SCHEDULES / 4).map(|schedule| run(schedule, trial).sum().lost);
    let lost = lost.fold([0; 3], |all, lost| [0, all[1] + lost[1], all[2] + lost[2]]);
    assert!(lost[1] > 0 && lost[2] > 0, "{lost:?}");
}

/// How often a promise was broken.
fn times(sum: &Counts, promise: Promise) -> u64 {
    match promise {
        Promise::Delivery(level) => sum.lost[level as usize],
        Promise::Once(level) => sum.repeated[level as usize],
        Promise::Order => sum.disordered,
        Promise::End => sum.unfinished,
        Promise::Mark => sum.unmarked,
        Promise::Whole => sum.torn,
    }
}

/// Each mistake breaks the promise that one would expect, at clients and at brokers.
#[test]
fn flaws_are_caught() {
    use MqttFlaw::*;
    use Promise::{Delivery, End, Once, Order};
    let of_client = |flaw| Trial { client: Some(flaw), ..Trial::default() };
    let of_broker = |flaw| Trial { broker: Some(flaw), ..Trial::default() };
    for (trial, promise) in [
        // A publisher's message never ends; a broker's never reaches its subscriber.
        (of_client(PubrelNotSentAgain), End),
        (of_broker(PubrelNotSentAgain), Delivery(ExactlyOnce)),
        (of_client(IdentifierReusedTooSoon), Once(ExactlyOnce)),
        (of_broker(IdentifierReusedTooSoon), Once(ExactlyOnce)),
        (of_broker(SessionDropped), Delivery(AtLeastOnce)),
        (of_broker(SessionDropped), Delivery(ExactlyOnce)),
        (of_client(DuplicateDelivered), Once(ExactlyOnce)),
        (of_broker(DuplicateDelivered), Once(ExactlyOnce)),
        (of_client(OrderSwapped), Order),
        (of_broker(OrderSwapped), Order),
        (of_broker(AcknowledgedTooSoon), Delivery(AtLeastOnce)),
        (of_broker(AcknowledgedTooSoon), Delivery(ExactlyOnce)),
    ] {
        let caught = (0..SCHEDULES).find(|schedule| times(&run(*schedule, trial).sum(), promise) > 0);
        assert!(caught.is_some(), "{trial:?} does not break {promise:?}");
    }
}

/// A mistake that a client or broker cannot make is refused.
#[test]
fn flaws_without_effect_are_refused() {
    let refused = |config: MqttClientConfig| config.check().iter().any(|(field, _)| *field == "flaw");
    let plain = kept("c");
    let publisher = MqttClientConfig { publications: vec![PublicationConfig::new("t", 2)], ..kept("c") };
    let subscriber = MqttClientConfig { subscriptions: vec![SubscriptionConfig::new("t", 2)], ..kept("c") };
    let flawed = |config: &MqttClientConfig, flaw| MqttClientConfig { flaw: Some(flaw), ..config.clone() };
    for flaw in [MqttFlaw::PubrelNotSentAgain, MqttFlaw::IdentifierReusedTooSoon, MqttFlaw::OrderSwapped] {
        assert!(!refused(flawed(&publisher, flaw)), "{flaw:?}");
        assert!(refused(flawed(&subscriber, flaw)), "{flaw:?}");
        let forgetful = MqttClientConfig { clean_start: true, session_expiry: Span::ZERO, ..publisher.clone() };
        assert!(refused(flawed(&forgetful, flaw)), "{flaw:?}");
    }
    assert!(!refused(flawed(&subscriber, MqttFlaw::DuplicateDelivered)));
    assert!(refused(flawed(&publisher, MqttFlaw::DuplicateDelivered)));
    for flaw in [MqttFlaw::SessionDropped, MqttFlaw::AcknowledgedTooSoon] {
        assert!([&plain, &publisher, &subscriber].into_iter().all(|config| refused(flawed(config, flaw))));
    }
    let flaw = Some(MqttFlaw::AcknowledgedTooSoon);
    let (durable, sync) = (true, Span::from_millis(1));
    assert_eq!(MqttBrokerConfig { durable, sync, flaw, ..broker() }.check(), []);
    for config in [MqttBrokerConfig { flaw, ..broker() }, MqttBrokerConfig { durable, flaw, ..broker() }] {
        assert_eq!(config.check().iter().map(|(field, _)| *field).collect::<Vec<_>>(), ["flaw"]);
    }
}
