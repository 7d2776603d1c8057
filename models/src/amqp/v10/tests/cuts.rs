//! Connections that are cut, and clients that lose their power, under the kernel: what each mode of settlement promises across that.

use super::apps::{Bed, MODES, R, burst, client, says, takes};
use super::peer::{Act, Peer};
use crate::amqp::v10::config::{Amqp10ClientConfig, AmqpReceiverConfig, AmqpSenderConfig, AmqpSettlement as Settle};
use crate::amqp::v10::connection::ConnectionConfig;
use crate::ledger::{Guarantee, MessageEvent};
use crate::observe::Observation;
use crate::traffic::SizeDistribution;
use protosim_core::Size;

/// Six messages of three frames each, from 300 ms on, two of which may be unsettled; both directions. The connection is cut at one time, and again when it is there anew.
fn config(settle: Settle) -> Amqp10ClientConfig {
    let sender = AmqpSenderConfig {
        window: (settle != Settle::Settled).then_some(2),
        payload: SizeDistribution::Fixed(Size::from_bytes(1200)),
        ..burst(settle, 300, 6)
    };
    let receiver = AmqpReceiverConfig { credit: Some(2), ..AmqpReceiverConfig::new("q", settle) };
    Amqp10ClientConfig { receivers: vec![receiver], durable: true, ..says(sender) }
}

fn peer(script: Vec<(u64, Act)>) -> Peer {
    let peer = Peer::new();
    Peer {
        config: ConnectionConfig { max_frame_size: 512, ..peer.config.clone() },
        has: (6, 1200),
        script,
        credit: 3,
        ..peer
    }
}

/// How often messages have come at either end, and how many of them.
struct Came {
    there: (u64, u64),
    here: (u64, u64),
    completed: u64,
    failed: u64,
}

fn came(settle: Settle, cut: u64, again: u64) -> Came {
    let ran = Bed::new(peer(vec![(cut, Act::Abort), (again, Act::Abort)]), config(settle)).run(10_000);
    let copies = ran.of("received_messages");
    assert_eq!((ran.peer("corrupted"), ran.of("corrupted_messages")), (0, 0), "{settle:?} {cut}");
    assert_eq!(ran.of("protocol_errors"), 0, "{settle:?} {cut}");
    Came {
        there: (ran.peer("messages"), ran.peer("copies")),
        here: (copies - ran.of("duplicate_messages"), copies),
        completed: ran.of("completed_messages"),
        failed: ran.of("failed_messages"),
    }
}

/// At most once: none twice, some lost. At least once: none lost, some twice. Exactly once: neither, whatever is cut.
#[test]
fn cut_connections_keep_what_is_promised() {
    for settle in MODES {
        let (mut is_lost, mut is_repeated) = (false, false);
        // Both ends send from 120 ms on; three frames each, two or three messages at a time: until about 400 ms. The next connection comes 200 ms later, and takes six round trips.
        for cut in (125..420).step_by(7) {
            let Came { there, here, completed, failed } = came(settle, cut, cut + 200 + 6 * R + 11);
            let what = format!("{settle:?} cut at {cut} ms");
            assert_eq!(completed + failed, 6, "{what}");
            is_lost |= there.0 < 6 || here.0 < 6;
            is_repeated |= there.1 > there.0 || here.1 > here.0;
            match settle {
                Settle::Settled => assert_eq!((there.0, here.0), (there.1, here.1), "{what}"),
                Settle::First => assert_eq!((there.0, here.0, completed), (6, 6, 6), "{what}"),
                Settle::Second => assert_eq!((there, here, completed), ((6, 6), (6, 6), 6), "{what}"),
            }
        }
        assert_eq!((is_lost, is_repeated), (settle == Settle::Settled, settle == Settle::First), "{settle:?}");
    }
}

/// The same where the client loses its power and keeps its links on disc.
#[test]
fn a_durable_client_keeps_what_is_promised() {
    for settle in [Settle::First, Settle::Second] {
        for off in (125..420).step_by(11) {
            let ran = Bed::new(peer(vec![]), config(settle)).off(off, off + 300).run(10_000);
            let what = format!("{settle:?} off at {off} ms");
            assert_eq!((ran.peer("messages"), ran.of("completed_messages")), (6, 6), "{what}");
            if settle == Settle::Second {
                assert_eq!((ran.peer("copies"), ran.of("duplicate_messages")), (6, 0), "{what}");
            }
        }
    }
}

/// A peer that forgets its links gets messages again whose outcome was on its way to a client without power: at least once is what is left.
#[test]
fn a_peer_that_forgets_gets_messages_again() {
    let mut is_repeated = false;
    for off in (125..420).step_by(7) {
        let ran =
            Bed::new(Peer { forgets: true, ..peer(vec![]) }, config(Settle::Second)).off(off, off + 300).run(10_000);
        assert_eq!((ran.peer("messages"), ran.of("completed_messages")), (6, 6), "off at {off} ms");
        is_repeated |= ran.peer("copies") > 6;
    }
    assert!(is_repeated);
}

/// What the ledger hears: levels by settlement; a receiver that is not durable is held to at least once; and who has subscribed to what.
#[test]
fn the_ledger_hears_what_is_promised() {
    for (settle, durable, published, subscribed) in [
        (Settle::Settled, true, Guarantee::AtMostOnce, Guarantee::AtMostOnce),
        (Settle::First, true, Guarantee::AtLeastOnce, Guarantee::AtLeastOnce),
        (Settle::Second, true, Guarantee::ExactlyOnce, Guarantee::ExactlyOnce),
        (Settle::Second, false, Guarantee::ExactlyOnce, Guarantee::AtLeastOnce),
    ] {
        let config = Amqp10ClientConfig {
            senders: vec![burst(settle, 0, 1)],
            receivers: vec![AmqpReceiverConfig::new("/queue/q", settle), AmqpReceiverConfig::new("/topic/a.*", settle)],
            durable,
            ..client()
        };
        let peer = Peer { has: (1, 64), script: vec![(300, Act::Abort)], ..Peer::new() };
        let ran = Bed::new(peer, config).run(400);
        let events: Vec<&MessageEvent> = ran
            .observed
            .iter()
            .filter_map(|(_, observation)| match observation {
                Observation::Message(event) => Some(&**event),
                _ => None,
            })
            .collect();
        let mut subscriptions = vec![];
        let (mut sent, mut confirmed, mut delivered) = (0, 0, 0);
        for event in events {
            match event {
                MessageEvent::Published { guarantee, topic, may_expire, .. } => {
                    assert_eq!((*guarantee, &**topic, *may_expire), (published, "queue/q", true));
                }
                MessageEvent::Confirmed { .. } => confirmed += 1,
                MessageEvent::Sent { .. } => sent += 1,
                MessageEvent::Delivered { .. } => delivered += 1,
                MessageEvent::Subscribed { filter, guarantee, group, .. } => {
                    assert_eq!(*guarantee, subscribed, "{settle:?}");
                    subscriptions.push((filter.to_string(), group.as_ref().map(|group| group.to_string())));
                }
                // When its queue may be gone: at the start, and with the connection.
                MessageEvent::Unsubscribed { filter, is_known, .. } => {
                    assert_eq!((&**filter, *is_known), ("exchange/amq.topic/a/+", false));
                    subscriptions.push(("gone".to_owned(), None));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((sent, confirmed, delivered), (1, u64::from(settle != Settle::Settled), 2), "{settle:?}");
        let gone = || ("gone".to_owned(), None);
        let wanted =
            [gone(), ("queue/q".to_owned(), Some("q".to_owned())), ("exchange/amq.topic/a/+".to_owned(), None), gone()];
        assert_eq!(subscriptions, wanted);
    }
}

/// A receiver that takes messages one by one goes on after a cut.
#[test]
fn a_receiver_that_asks_goes_on_after_a_cut() {
    let receiver = AmqpReceiverConfig {
        get: Some(protosim_core::Span::from_millis(50)),
        ..AmqpReceiverConfig::new("q", Settle::First)
    };
    for cut in [145, 205, 305, 411, 450] {
        let peer = Peer { has: (10, 64), script: vec![(cut, Act::Abort)], ..Peer::new() };
        let ran = Bed::new(peer, takes(receiver.clone())).run(4000);
        assert_eq!(ran.of("received_messages") - ran.of("duplicate_messages"), 10, "cut at {cut} ms");
        assert!(ran.of("empty_answers") > 20);
    }
}
