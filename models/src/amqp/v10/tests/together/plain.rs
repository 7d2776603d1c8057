//! Without faults: round trips, windows and credit, outcomes, messages of many frames, TLS.

use super::*;
use crate::amqp::v10::config::AmqpOutcome;
use crate::tls::crypto::Mode;
use crate::tls::{Secured, TlsClientConfig, TlsServerConfig};
use crate::traffic::SizeDistribution;
use protosim_core::{Ratio, Size};

/// TCP (RFC 9293 §3.5); header and mechanisms, init and outcome (§5.3.2); header (§2.2); open (§2.4.1); begin and attach, whose answer brings credit (§2.5.1, §2.6.3): six round trips, and one more for the
/// outcome. Without SASL two less; where the open goes with the header one less.
#[test]
fn the_first_message_takes_its_round_trips() {
    for (sasl, pipelined, user, trips) in [
        (true, false, "guest", 6),
        (true, false, "", 6),
        (true, true, "guest", 5),
        (false, false, "", 4),
        (false, true, "", 3),
    ] {
        for settle in MODES {
            let config = Amqp10ClientConfig { sasl, pipelined, username: user.to_owned(), ..says(burst(settle, 0, 1)) };
            let ran = Bed::new(1, AmqpBrokerConfig::default()).with(config).run(1000);
            let answer = u64::from(settle != Settle::Settled);
            assert_eq!(ran.ends(Outcome::Response), [(trips + answer) * R], "{sasl} {pipelined} {settle:?}");
            assert_eq!((ran.of(1, "opened_connections"), ran.of(1, "attached_links")), (1, 1));
            assert_eq!(ran.broker("last_ready_messages"), 1);
            // The broker's links do not outlive its power, and it says so.
            assert_eq!(ran.of(1, "weaker_links"), u64::from(settle == Settle::Second));
        }
    }
}

/// TLS 1.3 takes one more (RFC 8446 §2).
#[test]
fn tls_takes_one_round_trip_more() {
    for settle in MODES {
        let mut bed = Bed::new(1, AmqpBrokerConfig::default());
        let config = AmqpBrokerConfig { tls: Some(Box::default()), ..AmqpBrokerConfig::default() };
        let to = bed.net.socket(0, 5671);
        let app = Box::new(AmqpBroker::new(config));
        bed.net.app(0, "secure", Secured::server(app, Mode::Sized, &TlsServerConfig::default()));
        let app = Box::new(Amqp10Client::new(says(burst(settle, 0, 1)), to));
        bed.net.app(1, "client", Secured::client(app, Mode::Sized, &TlsClientConfig::default(), "broker"));
        let answer = u64::from(settle != Settle::Settled);
        assert_eq!(bed.run(1000).ends(Outcome::Response), [(7 + answer) * R], "{settle:?}");
    }
}

/// Of 12 messages, w of which may be unsettled, w take one round trip: ceil(12 / w).
#[test]
fn a_window_is_so_many_messages_in_a_round_trip() {
    for (settle, window, trips) in [
        (Settle::First, Some(1), 12),
        (Settle::First, Some(4), 3),
        (Settle::Second, Some(5), 3),
        (Settle::Second, None, 1),
    ] {
        let sender = AmqpSenderConfig { window, ..burst(settle, 500, 12) };
        let ran = Bed::new(1, AmqpBrokerConfig::default()).with(says(sender)).run(2000);
        let ends = ran.ends(Outcome::Response);
        assert_eq!((ends.len(), ends.last()), (12, Some(&(500 + trips * R))), "{settle:?} {window:?}");
        assert_eq!((ran.broker("last_ready_messages"), ran.broker("confirms")), (12, 12));
    }
}

/// The broker gives credit for one: each message waits for the credit that comes when the one before has; settled ones, too. With second, it comes behind the sender's own settlement: after two round trips.
#[test]
fn a_credit_of_one_is_a_message_in_a_round_trip() {
    for settle in MODES {
        let config = AmqpBrokerConfig { link_credit: 1, ..AmqpBrokerConfig::default() };
        let ran = Bed::new(1, config).with(says(burst(settle, 500, 12))).run(2000);
        let answer = u64::from(settle != Settle::Settled);
        let trips = if settle == Settle::Second { 2 } else { 1 };
        let wanted: Vec<u64> = (0..12).map(|number| 500 + (trips * number + answer) * R).collect();
        assert_eq!(ran.ends(Outcome::Response), wanted, "{settle:?}");
    }
}

/// Of a backlog of 40, a receiver's credit of n lets n come with each round trip, from the seventh on: its attach leaves after five, credit behind the answer to that. With second, with each two: the broker settles what was answered before it gets credit anew.
#[test]
fn a_receivers_credit_is_so_many_messages_in_a_round_trip() {
    for (settle, credit) in [
        (Settle::First, 1),
        (Settle::First, 5),
        (Settle::Second, 5),
        (Settle::Second, 10),
        (Settle::First, 100),
        (Settle::Settled, 100),
    ] {
        let receiver = AmqpReceiverConfig { credit: Some(credit), ..receiver(settle) };
        let ran = Bed::new(2, AmqpBrokerConfig::default())
            .with(says(burst(Settle::First, 200, 40)))
            .with(late(1000, takes(receiver)))
            .run(3000);
        let trips = if settle == Settle::Second { 2 } else { 1 };
        let wanted: Vec<u64> = (0..40).map(|number| 1000 + (7 + trips * (number / u64::from(credit))) * R).collect();
        assert_eq!(ran.deliveries(), wanted, "{settle:?} {credit}");
        assert_eq!((ran.broker("last_ready_messages"), ran.broker("last_unacknowledged_messages")), (0, 0));
        assert_eq!(ran.came(2), (40, 40));
        assert_eq!((ran.of(2, "redelivered_messages"), ran.of(2, "corrupted_messages")), (0, 0));
        assert_eq!(ran.account.broken, []);
    }
}

/// One by one (§2.6.7): each takes a round trip, and where there is none the receiver asks again 50 ms after the answer.
#[test]
fn a_receiver_asks_for_messages_one_by_one() {
    let receiver = AmqpReceiverConfig { get: Some(Span::from_millis(50)), ..receiver(Settle::First) };
    let ran = Bed::new(2, AmqpBrokerConfig::default())
        .with(says(burst(Settle::First, 200, 10)))
        .with(late(1000, takes(receiver)))
        .run(3000);
    assert_eq!(ran.deliveries(), (0..10).map(|number| 1000 + (7 + number) * R).collect::<Vec<_>>());
    // The eleventh question is answered at 1000 + (7 + 10) R, each further one 70 ms later.
    assert_eq!(ran.of(2, "empty_answers"), 1 + (3000 - 1340) / 70);
    assert_eq!((ran.of(2, "accepted_messages"), ran.broker("last_unacknowledged_messages")), (10, 0));
}

/// Messages of 20,000 bytes in frames of 4096 to the broker (at least five each), and of 512 from it (at least 40 each).
#[test]
fn large_messages_go_in_many_frames() {
    let payload = SizeDistribution::Fixed(Size::from_bytes(20_000));
    for settle in MODES {
        let broker = AmqpBrokerConfig { frame_max: Size::from_bytes(4096), ..AmqpBrokerConfig::default() };
        let small = Amqp10ClientConfig { max_frame: Size::from_bytes(512), ..takes(receiver(settle)) };
        let sender = AmqpSenderConfig { payload: payload.clone(), ..burst(settle, 500, 3) };
        let ran = Bed::new(2, broker).with(says(sender)).with(small).run(3000);
        assert_eq!((ran.came(2), ran.of(2, "corrupted_messages")), ((3, 3), 0), "{settle:?}");
        assert_eq!(ran.of(1, "completed_messages"), 3);
        assert!(ran.of(1, "frames_sent") > 15 && ran.of(2, "frames_received") > 120, "{settle:?}");
    }
}

/// A queue with dead letters, declared by a client of 0-9-1; its receiver does not accept. A rejected message is a dead letter at once: there half a round trip after its outcome has reached the broker. One that is
/// released or modified comes again each round trip, marked: at 1020 ms and each 20 ms up to 2000 ms, 50 times.
#[test]
fn outcomes_bring_messages_back_or_to_dead_letters() {
    for settle in [Settle::First, Settle::Second] {
        for outcome in [AmqpOutcome::Rejected, AmqpOutcome::Released, AmqpOutcome::Modified] {
            let queue = AmqpQueueConfig {
                durable: true,
                dead_letter_exchange: Some(String::new()),
                dead_letter_key: Some("dead".to_owned()),
                ..AmqpQueueConfig::new("q")
            };
            let declares = AmqpClientConfig {
                queues: vec![queue, AmqpQueueConfig { durable: true, ..AmqpQueueConfig::new("dead") }],
                ..old()
            };
            let receives = Amqp10ClientConfig {
                receivers: vec![
                    AmqpReceiverConfig { reject: Ratio::ONE, outcome, ..receiver(settle) },
                    AmqpReceiverConfig::new("dead", settle),
                ],
                ..client()
            };
            let ran = Bed::new(3, AmqpBrokerConfig::default())
                .with_old(declares)
                .with(late(300, receives))
                .with(late(300, says(burst(settle, 1000, 1))))
                .run(2010);
            let what = format!("{settle:?} {outcome:?}");
            match outcome {
                AmqpOutcome::Rejected => {
                    assert_eq!(ran.deliveries(), [1000 + R, 1000 + 2 * R], "{what}");
                    assert_eq!((ran.broker("dead_letters"), ran.broker("rejected_messages")), (1, 1), "{what}");
                    assert_eq!(ran.broker("last_unacknowledged_messages"), 0, "{what}");
                }
                AmqpOutcome::Released | AmqpOutcome::Modified => {
                    assert_eq!(ran.deliveries(), (1..=50).map(|trip| 1000 + trip * R).collect::<Vec<_>>(), "{what}");
                    assert_eq!((ran.of(2, "redelivered_messages"), ran.broker("dead_letters")), (49, 0), "{what}");
                }
            }
        }
    }
}
