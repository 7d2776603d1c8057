//! What a subscriber and a publisher may ask for, byte by byte: options and identifiers of subscriptions, topic aliases, expiry.
//!
//! A PUBLISH of QoS 0 is `30`, the length of the rest, the topic with its length, the length of its properties, they, and the payload (v5 §3.3).

use super::table::{Table, WELCOME, WELCOME_BACK, silent};
use crate::mqtt::MqttBrokerConfig;
use crate::mqtt::config::MqttAliases;
use crate::tcp::CloseReason;
use protosim_core::Span;

/// Messages to `t1`, `t1`, `t2`, `t1` for a subscriber that takes one alias (property 0x22). The first one says topic and alias 1 (0x23), the second
/// one the alias and no topic (§3.3.2.3.4). Then `FirstCome` has none for `t2`; `LeastRecentlyUsed` gives it the same one, and `t1` has to be said
/// again. Who has said no maximum gets topics alone.
#[test]
fn aliases_towards_subscribers() {
    let [t1, t2] = ["30 06 00 02 74 31 00 68", "30 06 00 02 74 32 00 68"];
    let [new_t1, known, new_t2] =
        ["30 09 00 02 74 31 03 23 00 01 68", "30 07 00 00 03 23 00 01 68", "30 09 00 02 74 32 03 23 00 01 68"];
    for (aliases, heard) in [
        (MqttAliases::Never, [t1, t1, t2, t1]),
        (MqttAliases::FirstCome, [new_t1, known, t2, known]),
        (MqttAliases::LeastRecentlyUsed, [new_t1, known, new_t2, new_t1]),
    ] {
        let mut table = Table::broker(MqttBrokerConfig { aliases, ..silent() });
        let (publisher, taker, other) =
            (table.welcome('p', ""), table.welcome('s', "22 00 01"), table.welcome('o', ""));
        for subscriber in [taker, other] {
            assert_eq!(table.ask(subscriber, "82 07 00 01 00 00 01 23 00"), "90 04 00 01 00 00");
        }
        for (said, heard) in [t1, t1, t2, t1].into_iter().zip(heard) {
            table.say(publisher, said);
            assert_eq!((table.hear(taker).as_str(), table.hear(other).as_str()), (heard, said), "{aliases:?}");
        }
    }
}

/// A publisher's aliases, of which the broker takes two (0x22 in CONNACK): they are not passed on. One that stands for nothing yet is a protocol
/// error (0x82), also on the next connection; one above the maximum is invalid (0x94).
#[test]
fn aliases_of_a_publisher() {
    let mut table = Table::broker(MqttBrokerConfig { topic_alias_maximum: 2, ..silent() });
    let connack = "20 06 00 00 03 22 00 02";
    let subscriber = table.connect('s', 0x02, "");
    assert_eq!(table.hear(subscriber), connack);
    table.ask(subscriber, "82 07 00 01 00 00 01 23 00");
    let publisher = table.connect('p', 0x02, "");
    assert_eq!(table.hear(publisher), connack);
    for (said, heard) in [
        ("30 09 00 02 74 31 03 23 00 01 68", "30 06 00 02 74 31 00 68"),
        ("30 07 00 00 03 23 00 01 69", "30 06 00 02 74 31 00 69"),
        // Another topic for the same alias.
        ("30 09 00 02 74 32 03 23 00 01 68", "30 06 00 02 74 32 00 68"),
        ("30 07 00 00 03 23 00 01 69", "30 06 00 02 74 32 00 69"),
    ] {
        assert_eq!(table.ask(publisher, said), "");
        assert_eq!(table.hear(subscriber), heard);
    }
    for (client, said, answer) in [
        ('p', "30 07 00 00 03 23 00 01 69", "e0 01 82"),
        ('q', "30 09 00 02 74 31 03 23 00 03 68", "e0 01 94"),
        ('r', "30 09 00 02 74 31 03 23 00 00 68", "e0 01 94"),
    ] {
        let stream = table.connect(client, 0x02, "");
        assert_eq!(table.ask(stream, said), format!("{connack} {answer}"));
        assert!(table.is_closed(stream));
    }
    assert_eq!(table.hear(subscriber), "");
}

/// Two subscriptions that overlap, to `a/+` with number 5 at QoS 1 and to `a/#` with number 6 at QoS 0: one copy, with both numbers, at the
/// higher QoS (§3.3.4). A third one to the filter of the first replaces it, with its number (MQTT-3.8.4-3).
#[test]
fn numbers_of_subscriptions() {
    let mut table = Table::broker(silent());
    let (publisher, subscriber) = (table.welcome('p', ""), table.welcome('s', ""));
    assert_eq!(table.ask(subscriber, "82 0b 00 01 02 0b 05 00 03 61 2f 2b 01"), "90 04 00 01 00 01");
    assert_eq!(table.ask(subscriber, "82 0b 00 02 02 0b 06 00 03 61 2f 23 00"), "90 04 00 02 00 00");
    table.say(publisher, "32 09 00 03 61 2f 62 00 01 00 68");
    assert_eq!(table.hear(subscriber), "32 0d 00 03 61 2f 62 00 01 04 0b 05 0b 06 68");
    table.say(subscriber, "40 02 00 01");
    // 128 takes two bytes (§1.5.5).
    assert_eq!(table.ask(subscriber, "82 0c 00 03 03 0b 80 01 00 03 61 2f 2b 00"), "90 04 00 03 00 00");
    table.say(publisher, "30 07 00 03 61 2f 62 00 68");
    assert_eq!(table.hear(subscriber), "30 0c 00 03 61 2f 62 05 0b 80 01 0b 06 68");
    // What others say of them is none of a subscriber's business: only servers send numbers (MQTT-3.3.4-6).
    assert_eq!(table.ask(publisher, "30 09 00 03 61 2f 62 02 0b 05 68"), "40 02 00 01 e0 01 82");
}

/// No Local (0x04): not what the same client says (MQTT-3.8.3-3).
#[test]
fn no_local_leaves_out_own_messages() {
    let mut table = Table::broker(silent());
    let (own, other) = (table.welcome('s', ""), table.welcome('p', ""));
    assert_eq!(table.ask(own, "82 07 00 01 00 00 01 74 04"), "90 04 00 01 00 00");
    assert_eq!(table.ask(own, "30 05 00 01 74 00 68"), "");
    table.say(other, "30 05 00 01 74 00 69");
    assert_eq!(table.hear(own), "30 05 00 01 74 00 69");
    // Nobody gets it: at QoS 1 its publisher is told so (0x10).
    assert_eq!(table.ask(own, "32 07 00 01 74 00 01 00 68"), "40 03 00 01 10");
}

/// RETAIN (0x01 of the first byte) of a message that is forwarded: 0 (MQTT-3.3.1-12), with Retain As Published (0x08) as it came (MQTT-3.3.1-13).
/// One that comes because of a subscription has 1 either way (MQTT-3.3.1-8).
#[test]
fn retain_as_published_keeps_the_flag() {
    let mut table = Table::broker(silent());
    let publisher = table.welcome('p', "");
    table.say(publisher, "31 05 00 01 74 00 68");
    for (client, options, retain) in [('a', "00", "30"), ('b', "08", "31")] {
        let subscriber = table.welcome(client, "");
        let answer = table.ask(subscriber, &format!("82 07 00 01 00 00 01 74 {options}"));
        assert_eq!(answer, "90 04 00 01 00 00 31 05 00 01 74 00 68");
        table.say(publisher, "31 05 00 01 74 00 68");
        assert_eq!(table.hear(subscriber), format!("{retain} 05 00 01 74 00 68"));
        table.say(publisher, "30 05 00 01 74 00 69");
        assert_eq!(table.hear(subscriber), "30 05 00 01 74 00 69");
    }
}

/// Retain Handling (bits 4 and 5; MQTT-3.3.1-9 to -11): 1 for a subscription that is new, then for one that there is; 0; 2; after UNSUBSCRIBE the
/// subscription is new again.
#[test]
fn retain_handling() {
    let mut table = Table::broker(silent());
    let (publisher, subscriber) = (table.welcome('p', ""), table.welcome('s', ""));
    table.say(publisher, "31 05 00 01 74 00 68");
    let mut asks = |options: &str| {
        let answer = table.ask(subscriber, &format!("82 07 00 01 00 00 01 74 {options}"));
        answer.strip_prefix("90 04 00 01 00 00").unwrap().trim().to_owned()
    };
    let message = "31 05 00 01 74 00 68";
    assert_eq!(["10", "10", "00", "20"].map(&mut asks), [message, "", message, ""]);
    assert_eq!(table.ask(subscriber, "a2 06 00 02 00 00 01 74"), "b0 04 00 02 00 00");
    assert_eq!(table.ask(subscriber, "a2 06 00 02 00 00 01 74"), "b0 04 00 02 00 11");
    let answer = table.ask(subscriber, "82 07 00 01 00 00 01 74 10");
    assert_eq!(answer, format!("90 04 00 01 00 00 {message}"));
}

/// Messages for a client that is away for 3 s: one of use for 10 s comes with 7 (MQTT-3.3.2-6), one of 2 s does not (MQTT-3.3.2-5), one without a limit as it
/// was. Of a time of 2.5 s 8 are left: whole seconds that have passed are taken off.
#[test]
fn expiry_counts_while_messages_wait() {
    for (wait, left) in [(3000, "07"), (2500, "08")] {
        let mut table = Table::broker(silent());
        // Session Expiry (0x11) of 3600 s.
        let subscriber = table.welcome('s', "11 00 00 0e 10");
        assert_eq!(table.ask(subscriber, "82 07 00 01 00 00 01 74 01"), "90 04 00 01 00 01");
        assert_eq!(table.ask(subscriber, "e0 00"), "");
        let publisher = table.welcome('p', "");
        for (id, expiry) in [("01", "05 02 00 00 00 0a"), ("02", "05 02 00 00 00 02"), ("03", "00")] {
            let len = if expiry == "00" { "07" } else { "0c" };
            let answer = table.ask(publisher, &format!("32 {len} 00 01 74 00 {id} {expiry} 68"));
            assert_eq!(answer, format!("40 02 00 {id}"));
        }
        table.wait(Span::from_millis(wait));
        let back = table.connect('s', 0x00, "11 00 00 0e 10");
        let messages = format!("32 0c 00 01 74 00 01 05 02 00 00 00 {left} 68 32 07 00 01 74 00 02 00 68");
        assert_eq!(table.hear(back), format!("{WELCOME_BACK} {messages}"), "after {wait} ms");
        assert_eq!(table.total("expired_messages"), 1);
    }
}

/// A retained message of use for 10 s: after 3 s with 7 s, after 11 s not at all, and forgotten.
#[test]
fn retained_messages_expire() {
    let mut table = Table::broker(silent());
    let publisher = table.welcome('p', "");
    table.say(publisher, "31 0a 00 01 74 05 02 00 00 00 0a 68");
    for (client, wait, heard) in [('a', 3, " 31 0a 00 01 74 05 02 00 00 00 07 68"), ('b', 8, "")] {
        table.wait(Span::from_secs(wait));
        let subscriber = table.welcome(client, "");
        let answer = table.ask(subscriber, "82 07 00 01 00 00 01 74 00");
        assert_eq!(answer, format!("90 04 00 01 00 00{heard}"));
    }
    assert_eq!(table.total("last_retained_messages"), 0);
}

/// Session Expiry in DISCONNECT (§3.14.2.2.2): an hour becomes a second, and the session is gone after two. Where there was none, there cannot
/// be one now: 0x82.
#[test]
fn a_disconnect_says_how_long_the_session_lives() {
    for (said, wait, back) in [("e0 00", 2, WELCOME_BACK), ("e0 07 00 05 11 00 00 00 01", 2, WELCOME)] {
        let mut table = Table::broker(silent());
        let stream = table.welcome('s', "11 00 00 0e 10");
        assert_eq!(table.ask(stream, said), "");
        table.wait(Span::from_secs(wait));
        let again = table.connect('s', 0x00, "");
        assert_eq!(table.hear(again), back, "{said}");
    }
    let mut table = Table::broker(silent());
    let stream = table.welcome('s', "");
    assert_eq!(table.ask(stream, "e0 07 00 05 11 00 00 00 01"), "e0 01 82");
}

/// A will of `w` with a delay of 5 s (0x18): published 5 s after the connection is lost; not at all, where the client is back before; at once
/// where a clean start ends the session (MQTT-3.1.3-9, §3.1.3.2.2).
#[test]
fn a_will_waits() {
    for (flags, heard) in [(None, "30 05 00 01 77 00 68"), (Some(0x00), ""), (Some(0x02), "30 05 00 01 77 00 68")] {
        let mut table = Table::broker(silent());
        let watcher = table.welcome('w', "");
        table.say(watcher, "82 07 00 01 00 00 01 77 00");
        table.hear(watcher);
        let stream = table.accept();
        // Will flag and Clean Start; Session Expiry of 3600 s; client `c`; will properties, topic, payload.
        let connect =
            "10 1f 00 04 4d 51 54 54 05 06 00 3c 05 11 00 00 0e 10 00 01 63 05 18 00 00 00 05 00 01 77 00 01 68";
        assert_eq!(table.ask(stream, connect), WELCOME);
        table.close(stream, CloseReason::Reset);
        table.wait(Span::from_secs(4));
        assert_eq!(table.hear(watcher), "");
        if let Some(flags) = flags {
            table.connect('c', flags, "");
        }
        if flags == Some(0x02) {
            assert_eq!(table.hear(watcher), heard);
            continue;
        }
        table.wait(Span::from_secs(2));
        assert_eq!(table.hear(watcher), heard, "{flags:?}");
    }
}
