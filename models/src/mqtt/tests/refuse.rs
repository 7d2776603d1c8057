//! What is confirmed is not refused later; wills on topics of the broker's own, and wills across a loss of the broker's power.

use super::apps::{Bed, D, broker, client, kept, one, says, wants};
use super::table::{Table, WELCOME_BACK, silent};
use crate::app::App;
use crate::mqtt::config::{MqttOverflow, PublicationConfig, ReconnectConfig, WillConfig};
use crate::mqtt::{MqttBroker, MqttBrokerConfig, MqttClientConfig};
use crate::tcp::app::tests::bench::total;
use crate::traffic::{SizeDistribution, TimeDistribution};
use protosim_core::{Size, Span};

const MS: u64 = 1_000_000;

fn refusing(max_queued: u32) -> MqttBrokerConfig {
    MqttBrokerConfig { max_queued, overflow: MqttOverflow::Refuse, ..silent() }
}

/// A table with a subscriber of `t` at QoS 2 that has gone and left its session, `s`.
fn away(config: MqttBrokerConfig) -> Table<MqttBroker> {
    let mut table = Table::broker(config);
    let subscriber = table.welcome('s', "11 00 00 0e 10");
    assert_eq!(table.ask(subscriber, "82 07 00 01 00 00 01 74 02"), "90 04 00 01 00 02");
    table.say(subscriber, "e0 00");
    table
}

/// One place, which is the first message's from its PUBLISH on: neither QoS 2 nor QoS 1 of another gets it (0x97), and with PUBREL the message is there. The
/// same identifier again after a refusal is a new message, refused again.
#[test]
fn a_message_that_is_held_has_its_place() {
    let mut table = away(refusing(1));
    let (first, second) = (table.welcome('p', ""), table.welcome('q', ""));
    assert_eq!(table.ask(first, "34 07 00 01 74 00 01 00 61"), "50 02 00 01");
    for (said, answer) in [
        ("34 07 00 01 74 00 01 00 62", "50 03 00 01 97"),
        ("34 07 00 01 74 00 01 00 62", "50 03 00 01 97"),
        ("32 07 00 01 74 00 02 00 63", "40 03 00 02 97"),
    ] {
        assert_eq!(table.ask(second, said), answer, "{said}");
    }
    // A repetition is the same message.
    assert_eq!(table.ask(first, "3c 07 00 01 74 00 01 00 61"), "50 02 00 01");
    assert_eq!(table.ask(first, "62 02 00 01"), "70 02 00 01");
    assert_eq!(table.total("refused_messages"), 3);
    let back = table.connect('s', 0x00, "");
    assert_eq!(table.hear(back), format!("{WELCOME_BACK} 34 07 00 01 74 00 01 00 61"));
}

/// Topic and payload have 2 bytes, of which there are 3: one message. With a queue that drops, all are taken.
#[test]
fn a_message_that_is_held_has_its_bytes() {
    for (overflow, answer) in [(MqttOverflow::Refuse, "50 03 00 02 97"), (MqttOverflow::DropNewest, "50 02 00 02")] {
        let most = Some(Size::from_bytes(3));
        let mut table = away(MqttBrokerConfig { max_queued_bytes: most, overflow, ..refusing(1000) });
        let publisher = table.welcome('p', "");
        assert_eq!(table.ask(publisher, "34 07 00 01 74 00 01 00 61"), "50 02 00 01");
        assert_eq!(table.ask(publisher, "34 07 00 01 74 00 02 00 62"), answer, "{overflow:?}");
    }
}

/// The place is free again when the publisher's session ends, and when its receiver's subscription or session has ended before PUBREL.
#[test]
fn a_place_is_free_when_its_message_is_gone() {
    let mut table = away(refusing(1));
    let (first, second) = (table.welcome('p', ""), table.welcome('q', ""));
    assert_eq!(table.ask(first, "34 07 00 01 74 00 01 00 61"), "50 02 00 01");
    assert_eq!(table.ask(second, "32 07 00 01 74 00 01 00 62"), "40 03 00 01 97");
    table.say(first, "e0 00");
    assert_eq!(table.ask(second, "32 07 00 01 74 00 02 00 63"), "40 02 00 02");
    let back = table.connect('s', 0x00, "11 00 00 0e 10");
    assert_eq!(table.hear(back), format!("{WELCOME_BACK} 32 07 00 01 74 00 01 00 63"));
    table.say(back, "40 02 00 01");
    // Held for one who unsubscribes: of u, to which it subscribes then, it has a place for one.
    assert_eq!(table.ask(second, "34 07 00 01 74 00 03 00 64"), "50 02 00 03");
    assert_eq!(table.ask(back, "a2 06 00 02 00 00 01 74"), "b0 04 00 02 00 00");
    assert_eq!(table.ask(back, "82 07 00 03 00 00 01 75 01"), "90 04 00 03 00 01");
    table.say(back, "e0 00");
    assert_eq!(table.ask(second, "62 02 00 03"), "70 02 00 03");
    assert_eq!(table.ask(second, "32 07 00 01 75 00 04 00 65"), "40 02 00 04");
    assert_eq!(table.ask(second, "32 07 00 01 75 00 05 00 66"), "40 03 00 05 97");
}

/// 3.1.1 has no failures: PUBREC and PUBCOMP come, and the message that has no place is dropped and counted.
#[test]
fn in_3_1_1_what_is_refused_is_acknowledged() {
    let mut table = away(refusing(1));
    let publisher = table.accept();
    assert_eq!(table.ask(publisher, "10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 70"), "20 02 00 00");
    for (said, answer) in [
        ("34 06 00 01 74 00 01 61", "50 02 00 01"),
        ("34 06 00 01 74 00 02 62", "50 02 00 02"),
        ("62 02 00 02", "70 02 00 02"),
        ("62 02 00 01", "70 02 00 01"),
    ] {
        assert_eq!(table.ask(publisher, said), answer, "{said}");
    }
    assert_eq!(table.total("refused_messages"), 1);
    let back = table.connect('s', 0x00, "");
    assert_eq!(table.hear(back), format!("{WELCOME_BACK} 34 07 00 01 74 00 01 00 61"));
}

/// One topic may be retained: the one of a message that is held, which is retained with its PUBREL. Its own topic again needs no other place.
#[test]
fn a_message_that_is_held_has_its_place_among_those_retained() {
    let mut table = Table::broker(MqttBrokerConfig { max_retained: Some(1), ..silent() });
    let (first, second) = (table.welcome('p', ""), table.welcome('q', ""));
    for (stream, said, answer) in [
        (first, "35 07 00 01 74 00 01 00 61", "50 02 00 01"),
        (second, "33 07 00 01 75 00 01 00 62", "40 03 00 01 97"),
        (second, "35 07 00 01 75 00 02 00 62", "50 03 00 02 97"),
        (second, "35 07 00 01 74 00 03 00 63", "50 02 00 03"),
        (first, "62 02 00 01", "70 02 00 01"),
        (second, "62 02 00 03", "70 02 00 03"),
        (second, "33 07 00 01 75 00 04 00 64", "40 03 00 04 97"),
    ] {
        assert_eq!(table.ask(stream, said), answer, "{said}");
    }
    assert_eq!((table.total("last_retained_messages"), table.total("refused_messages")), (1, 3));
}

/// x and y share `t`, and each has one place: the turns come with PUBLISH, and hold at PUBREL, in whatever order that comes. Where x has gone for good
/// meanwhile, y gets both, beyond its limit.
#[test]
fn turns_are_promised() {
    for leaves in [false, true] {
        let mut table = Table::broker(refusing(1));
        let share = "82 10 00 01 00 00 0a 24 73 68 61 72 65 2f 67 2f 74 01";
        let sharers = ['x', 'y'].map(|name| {
            let stream = table.welcome(name, "11 00 00 0e 10");
            assert_eq!(table.ask(stream, share), "90 04 00 01 00 01");
            stream
        });
        for stream in sharers {
            table.say(stream, "e0 00");
        }
        let publisher = table.welcome('p', "");
        for (said, answer) in [
            ("34 07 00 01 74 00 01 00 61", "50 02 00 01"),
            ("34 07 00 01 74 00 02 00 62", "50 02 00 02"),
            ("34 07 00 01 74 00 03 00 63", "50 03 00 03 97"),
        ] {
            assert_eq!(table.ask(publisher, said), answer);
        }
        if leaves {
            // A clean start without an expiry, and its end.
            let stream = table.welcome('x', "");
            table.say(stream, "e0 00");
        }
        for (said, answer) in [("62 02 00 02", "70 02 00 02"), ("62 02 00 01", "70 02 00 01")] {
            assert_eq!(table.ask(publisher, said), answer);
        }
        let back = table.connect('y', 0x00, "");
        let mut expected = format!("{WELCOME_BACK} 32 07 00 01 74 00 01 00 62");
        if leaves {
            expected += " 32 07 00 01 74 00 02 00 61";
        }
        assert_eq!(table.hear(back), expected);
        assert_eq!(table.total("dropped_messages"), 0);
    }
}

fn ten(start: u64) -> PublicationConfig {
    PublicationConfig { count: Some(10), interval: TimeDistribution::Fixed(Span::from_millis(1)), ..one("t", 1, start) }
}

/// Three places. The publisher of QoS 2 loses its power at 2015 ms, between the broker's PUBREC and its own PUBREL, and is back at 20 s; at 8 s another one
/// publishes ten at QoS 1, of which two find a place, also where the broker was without power meanwhile.
#[test]
fn a_place_outlives_a_loss_of_power() {
    for sync in [Span::ZERO, Span::from_millis(5)] {
        for restarts in [false, true] {
            let config =
                MqttBrokerConfig { max_queued: 3, overflow: MqttOverflow::Refuse, durable: true, sync, ..broker() };
            let first = MqttClientConfig { durable: true, ..says(kept("p"), one("t", 2, 2000)) };
            let other = MqttClientConfig { start: Span::from_secs(7), ..says(client("q"), ten(8000)) };
            let before = MqttClientConfig { stop: Some(Span::from_secs(1)), ..wants(kept("s"), "t", 2) };
            let after = MqttClientConfig { start: Span::from_secs(40), ..wants(kept("s"), "t", 2) };
            let mut bed = Bed::new(3).broker(config).client(1, first).client(2, other);
            bed = bed.named(3, "before", before).named(3, "after", after).off(1, 2016, 20_000);
            if restarts {
                bed = bed.off(0, 4000, 5000);
            }
            let ran = bed.run(60_000);
            let what = format!("sync {sync:?}, restarts: {restarts}");
            assert_eq!(ran.total(1, "p", "completed_qos2"), 1, "{what}");
            assert_eq!((ran.total(2, "q", "completed_qos1"), ran.total(2, "q", "failed_qos1")), (2, 8), "{what}");
            assert_eq!(ran.total(3, "after", "received_messages"), 3, "{what}");
        }
    }
}

/// A host of 1 MiB, and messages of 100 kB for a client that is away: as many come as were confirmed, and the others have failed. Each needs its place twice at
/// most, so that at least four of them have one.
#[test]
fn a_host_without_memory_keeps_what_it_has_confirmed() {
    let many = PublicationConfig {
        payload: SizeDistribution::Fixed(Size::from_bytes(100_000)),
        count: Some(20),
        interval: TimeDistribution::Fixed(Span::from_millis(5)),
        ..one("t", 2, 2000)
    };
    let before = MqttClientConfig { stop: Some(Span::from_secs(1)), ..wants(kept("s"), "t", 2) };
    let after = MqttClientConfig { start: Span::from_secs(30), ..wants(kept("s"), "t", 2) };
    let mut bed = Bed::new(2).broker(broker()).client(1, says(client("p"), many));
    bed = bed.named(2, "before", before).named(2, "after", after);
    bed.net.device(0).memory = Some(Size::from_bytes(1 << 20));
    let ran = bed.run(90_000);
    let (done, failed) = (ran.total(1, "p", "completed_qos2"), ran.total(1, "p", "failed_qos2"));
    assert_eq!(done + failed, 20);
    assert!((4..=10).contains(&done), "{done}");
    assert_eq!(ran.total(2, "after", "received_messages"), done);
    assert_eq!((ran.total(0, "broker", "refused_messages"), ran.total(0, "broker", "dropped_messages")), (failed, 0));
}

/// A will on `$x` is refused as a PUBLISH there is: CONNACK 0x87, in 3.1.1 return code 5.
#[test]
fn a_will_below_a_dollar_is_refused() {
    let mut table = Table::broker(silent());
    for (connect, answer) in [
        ("10 16 00 04 4d 51 54 54 05 06 00 3c 00 00 01 63 00 00 02 24 78 00 01 68", "20 03 00 87 00"),
        ("10 14 00 04 4d 51 54 54 04 06 00 3c 00 01 63 00 02 24 78 00 01 68", "20 02 00 05"),
    ] {
        let stream = table.accept();
        assert_eq!(table.ask(stream, connect), answer);
        assert!(table.is_closed(stream));
    }
    let counts = ["refused_connects", "connects", "wills_published"].map(|name| table.total(name));
    assert_eq!(counts, [2, 0, 0]);
}

/// A session that DISCONNECT ends (an expiry of 0) is not on disc any more, nor is its will.
#[test]
fn a_session_that_disconnect_ends_does_not_come_back() {
    for (last, sessions) in [("e0 00", 1), ("e0 07 00 05 11 00 00 00 00", 0)] {
        let config = MqttBrokerConfig { durable: true, sync: Span::from_millis(5), ..silent() };
        let mut table = Table::broker(config.clone());
        let stream = table.accept();
        // Clean start and a will, an expiry of an hour.
        table.say(stream, "10 1a 00 04 4d 51 54 54 05 06 00 3c 05 11 00 00 0e 10 00 01 63 00 00 01 77 00 01 68");
        table.wait(Span::from_millis(5));
        assert_eq!(table.ask(stream, last), "20 03 00 00 00");
        table.wait(Span::from_millis(10));
        let mut broker = MqttBroker::new(config);
        broker.recover(table.app.take_durable().unwrap());
        assert_eq!((total(&broker, "last_sessions"), table.total("wills_published")), (sessions, 0), "{last}");
    }
}

/// When the will of a client that loses its power at 1 s comes to one that subscribes at QoS 1 \[ms\], where the broker has none from one time to the other.
fn wills(config: MqttBrokerConfig, delay: u64, off: (u64, u64), back: u64) -> Vec<u64> {
    let payload = Size::from_bytes(16);
    let will = WillConfig { topic: "st".to_owned(), payload, qos: 1, retain: false, delay: Span::from_secs(delay) };
    let lost = MqttClientConfig { keep_alive: Span::from_secs(2), will: Some(will), ..kept("lost") };
    let taker = MqttClientConfig {
        keep_alive: Span::from_secs(1),
        ping_timeout: Some(Span::from_millis(500)),
        connect_timeout: Span::from_millis(700),
        reconnect: ReconnectConfig {
            first: Span::from_millis(100),
            most: Span::from_millis(400),
            ..ReconnectConfig::default()
        },
        ..wants(kept("s"), "st", 1)
    };
    let bed = Bed::new(2).broker(config).client(1, lost).client(2, taker);
    let ran = bed.off(1, 1000, back).off(0, off.0, off.1).run(30_000);
    ran.deliveries().into_values().flatten().map(|at| at / MS).collect()
}

/// The client is given up at 3030 ms, its will is due 5 s later: then it comes, though the broker was without power from 4 to 5 s; if it has none until 10 s, it
/// comes once the subscriber is back. Where the connection was there when the power went, the 5 s begin with the restart at 5 s. A client that is back before
/// takes it back; a broker without a disc knows of none.
#[test]
fn a_will_outlives_a_loss_of_power() {
    for sync in [0, 5] {
        let durable = MqttBrokerConfig { durable: true, sync: Span::from_millis(sync), ..broker() };
        // The copy waits for the write.
        assert_eq!(wills(durable.clone(), 5, (4000, 5000), 60_000), [8030 + sync + D], "waits, sync {sync}");
        assert_eq!(wills(durable.clone(), 5, (1500, 5000), 60_000), [10_000 + sync + D], "connected, sync {sync}");
        for (what, delay, off) in [("passed", 5, (4000, 10_000)), ("at once", 0, (1500, 10_000))] {
            let times = wills(durable.clone(), delay, off, 60_000);
            assert!(matches!(times[..], [at] if (10_000..12_000).contains(&at)), "{what}, sync {sync}: {times:?}");
        }
        assert_eq!(wills(durable, 5, (4000, 5000), 6000), [0; 0], "taken back, sync {sync}");
    }
    assert_eq!(wills(broker(), 5, (4000, 5000), 60_000), [0; 0]);
}
