//! Links that are cut and nodes that lose their power, between the two ends of protosim: what each mode of settlement promises across that, and that the ledger says the same.

use super::*;
use crate::ledger::Counts;
use crate::messaging::ReconnectConfig;
use crate::traffic::SizeDistribution;
use protosim_core::Size;

/// How many messages each sender has.
const COUNT: u64 = 20;

/// Clients find out within a second that a connection is gone, and so does the broker.
fn quick(config: Amqp10ClientConfig) -> Amqp10ClientConfig {
    let (first, most) = (Span::from_millis(100), Span::from_millis(500));
    let reconnect = ReconnectConfig { first, most, jitter: false, ..ReconnectConfig::default() };
    let connect_timeout = Span::from_secs(1);
    Amqp10ClientConfig { idle_timeout: Span::from_secs(1), connect_timeout, reconnect, durable: true, ..config }
}

/// Messages of several frames each, durable where they are acknowledged, one in 50 ms from 500 ms on: until 1500 ms.
fn sender(settle: Settle) -> AmqpSenderConfig {
    AmqpSenderConfig {
        // What is not acknowledged may be on disc a moment longer than in its queue.
        durable: settle != Settle::Settled,
        window: (settle != Settle::Settled).then_some(3),
        payload: SizeDistribution::Fixed(Size::from_bytes(1200)),
        start: Some(Span::from_millis(500)),
        interval: TimeDistribution::Fixed(Span::from_millis(50)),
        count: Some(COUNT),
        ..AmqpSenderConfig::new("q", settle)
    }
}

/// A sender on node 1, a receiver on node 2.
fn bed(settle: Settle, broker: AmqpBrokerConfig) -> Bed {
    let small = |config| Amqp10ClientConfig { max_frame: Size::from_bytes(512), ..quick(config) };
    let receiver = AmqpReceiverConfig { credit: Some(4), ..receiver(settle) };
    Bed::new(2, broker).with(small(says(sender(settle)))).with(small(takes(receiver)))
}

fn disc() -> AmqpBrokerConfig {
    AmqpBrokerConfig { sync: Span::from_millis(5), heartbeat: Span::from_secs(1), ..AmqpBrokerConfig::default() }
}

/// What came to the receiver, and what is promised: no messages are lost above at most once, none is there twice at exactly once.
fn check(settle: Settle, ran: &Ran, what: &str) {
    let (copies, messages) = ran.came(2);
    let completed = ran.of(1, "completed_messages");
    assert_eq!(ran.of(2, "corrupted_messages"), 0, "{what}");
    assert_eq!((ran.of(1, "protocol_errors"), ran.of(2, "protocol_errors")), (0, 0), "{what}");
    assert_eq!(ran.account.broken, [], "{what}");
    match settle {
        Settle::Settled => assert_eq!(copies, messages, "{what}"),
        Settle::First => assert_eq!((messages, completed), (COUNT, COUNT), "{what}"),
        Settle::Second => assert_eq!((copies, messages, completed), (COUNT, COUNT, COUNT), "{what}"),
    }
    if settle != Settle::Settled {
        assert_eq!((ran.broker("last_ready_messages"), ran.broker("last_unacknowledged_messages")), (0, 0), "{what}");
        assert!(ran.owed() > 0, "{what}");
    }
}

/// The link of either end is down for three seconds: its client gives its connection up after one, and comes back on another one. Where the broker does not listen for its peer's silence (or not for long), it still has the old
/// one then, and the links that were to outlive it are taken from there (§2.6.1).
#[test]
fn a_link_that_is_cut_keeps_what_is_promised() {
    for settle in MODES {
        let mut again = 0;
        for node in [1, 2] {
            for from in (505..1500).step_by(83) {
                for heartbeat in [1, 60] {
                    let broker = AmqpBrokerConfig { heartbeat: Span::from_secs(heartbeat), ..disc() };
                    let ran = bed(settle, broker).cut(node, from, from + 3000).run(200_000);
                    let what = format!("{settle:?}, link {node} cut at {from} ms, heartbeat {heartbeat} s");
                    check(settle, &ran, &what);
                    assert!(ran.of(node, "lost_connections") + ran.of(node, "idle_timeouts") > 0, "{what}");
                    again += ran.came(2).0 - ran.came(2).1;
                    if settle == Settle::Second {
                        assert!(ran.broker("resumed_links") > 0, "{what}");
                    }
                }
            }
        }
        assert_eq!(again > 0, settle == Settle::First, "{settle:?}");
    }
}

/// Either client loses its power, and has its links on disc.
#[test]
fn a_client_that_loses_its_power_keeps_what_is_promised() {
    for settle in [Settle::First, Settle::Second] {
        for node in [1, 2] {
            for from in (505..1500).step_by(61) {
                let ran = bed(settle, disc()).off(node, from, from + 300).run(10_000);
                check(settle, &ran, &format!("{settle:?}, node {node} off at {from} ms"));
            }
        }
    }
}

/// The broker loses its power, and with it what it knew of links, but not messages: nothing is lost, and what comes again is marked, or was sent again. That it comes again with second as well is what `weaker_links` tells.
#[test]
fn a_broker_that_loses_its_power_forgets_links() {
    for settle in [Settle::First, Settle::Second] {
        let mut again = 0;
        for from in (505..1500).step_by(37) {
            let ran = bed(settle, disc()).off(0, from, from + 300).run(10_000);
            let what = format!("{settle:?}, off at {from} ms");
            check(Settle::First, &ran, &what);
            again += ran.came(2).0 - COUNT;
            let weaker = [1, 2].map(|node| ran.of(node, "weaker_links"));
            assert_eq!(weaker.map(|links| links > 0), [settle == Settle::Second; 2], "{what}");
            let party = ran.account.parties.values().find(|counts| counts.is_subscriber).copied();
            let Counts { owed, .. } = party.unwrap_or_default();
            assert_eq!((owed[1] > 0, owed[2]), (true, 0), "{what}: held to at least once");
        }
        assert!(again > 0, "{settle:?}");
    }
}

/// A receiver without a disc forgets what it had: the broker's link has waited, and what it had sent comes again with a mark, once more than was sent.
#[test]
fn what_a_receiver_has_forgotten_comes_marked() {
    let mut marked = 0;
    for from in (505..1500).step_by(37) {
        let receiver = AmqpReceiverConfig { acknowledge: 3, ..receiver(Settle::Second) };
        let forgets = Amqp10ClientConfig { durable: false, ..quick(takes(receiver)) };
        let ran = Bed::new(2, disc())
            .with(quick(says(sender(Settle::Second))))
            .with(forgets)
            .off(2, from, from + 300)
            .run(10_000);
        assert_eq!(ran.account.broken, [], "off at {from} ms");
        assert_eq!(ran.of(1, "completed_messages"), COUNT);
        assert_eq!(ran.broker("last_ready_messages"), 0, "off at {from} ms");
        marked += ran.of(2, "redelivered_messages");
    }
    assert!(marked > 0);
}

/// Faults at random: a fraction of a word, from its top.
fn draw(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

/// Four faults each, of links and of all nodes, of 10 ms to 3 s, between 0.4 s and 4 s; publishers and receivers of both versions at one queue for each mode, where two receivers share the last one. Whatever happens, the ledger finds that
/// what is promised is kept; and with a broker that has power, second is exactly once.
#[test]
fn faults_at_random_break_no_promise() {
    let (mut again, mut owed) = (0, 0);
    for seed in 0..150 {
        let mut state = seed * 7919 + 1;
        let has_power = seed % 3 == 0;
        let to = |address: &str, settle| AmqpSenderConfig { address: address.to_owned(), ..sender(settle) };
        let from = |address: &str, settle| AmqpReceiverConfig {
            address: address.to_owned(),
            credit: Some(4),
            ..AmqpReceiverConfig::new(address, settle)
        };
        let durable = |name: &str| AmqpQueueConfig { durable: true, ..AmqpQueueConfig::new(name) };
        let sends = Amqp10ClientConfig {
            senders: vec![
                to("q", Settle::Second),
                to("first", Settle::First),
                to("settled", Settle::Settled),
                to("old", Settle::First),
            ],
            ..client()
        };
        let receives = Amqp10ClientConfig {
            receivers: vec![
                from("q", Settle::Second),
                from("first", Settle::First),
                from("settled", Settle::Settled),
                from("mixed", Settle::First),
            ],
            ..client()
        };
        let publication = AmqpPublicationConfig {
            persistent: true,
            start: Some(Span::from_millis(500)),
            interval: TimeDistribution::Fixed(Span::from_millis(50)),
            count: Some(COUNT),
            ..AmqpPublicationConfig::new("", "mixed", AmqpConfirms::Window(4))
        };
        let reconnect = quick(client()).reconnect;
        let mixes = AmqpClientConfig {
            queues: vec![durable("old"), durable("mixed")],
            publications: vec![publication],
            consumers: vec![AmqpConsumerConfig::new("old"), AmqpConsumerConfig::new("mixed")],
            heartbeat: Span::from_secs(1),
            connect_timeout: Span::from_secs(1),
            durable: true,
            reconnect,
            ..old()
        };
        let mut bed = Bed::new(3, disc()).with(quick(sends)).with(quick(receives)).with_old(mixes);
        for fault in 0..4 {
            // None overlaps with another one of the same kind at the same node.
            let from = 400 + fault * 3200 + draw(&mut state, 900);
            let to = from + 10 + draw(&mut state, 2200);
            bed = match (draw(&mut state, 2), draw(&mut state, 4) as usize) {
                (0, node) => bed.cut(node.max(1), from, to),
                (_, 0) if has_power => bed,
                (_, node) => bed.off(node, from, to),
            };
        }
        let ran = bed.run(60_000);
        assert_eq!(ran.account.broken, [], "seed {seed}");
        let unfinished: u64 = ran.account.parties.values().map(|counts| counts.unfinished).sum();
        assert_eq!(unfinished, 0, "seed {seed}");
        owed += ran.owed();
        let of_second = ran.copies("queue/q");
        if has_power {
            assert_eq!(of_second, (COUNT, COUNT), "seed {seed}");
        } else {
            again += of_second.0 - of_second.1;
        }
    }
    assert!(again > 0 && owed > 1000);
}
