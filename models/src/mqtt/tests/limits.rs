//! What one end takes at most, and what becomes of the rest: at the broker byte by byte, and at our client.

use super::table::{Table, WELCOME, silent};
use crate::mqtt::config::{MqttAliases, MqttOverflow, PublicationConfig, SubscriptionConfig};
use crate::mqtt::{MqttBrokerConfig, MqttClientConfig};
use crate::name::NodeName;
use crate::traffic::TimeDistribution;
use protosim_core::{Size, Span};

/// Topics that may be retained: one. A second one is refused (0x97), another message for the first one is not; an empty one makes room (MQTT-3.3.1-6).
#[test]
fn retained_topics_are_limited() {
    let mut table = Table::broker(MqttBrokerConfig { max_retained: Some(1), ..silent() });
    let stream = table.welcome('p', "");
    for (said, answer) in [
        ("33 07 00 01 74 00 01 00 68", "40 03 00 01 10"),
        ("33 07 00 01 75 00 02 00 68", "40 03 00 02 97"),
        ("33 07 00 01 74 00 03 00 69", "40 03 00 03 10"),
        ("33 06 00 01 74 00 04 00", "40 03 00 04 10"),
        ("33 07 00 01 75 00 05 00 68", "40 03 00 05 10"),
    ] {
        assert_eq!(table.ask(stream, said), answer, "{said}");
    }
    assert_eq!((table.total("last_retained_messages"), table.total("refused_messages")), (1, 1));
}

/// A subscriber that takes 10 bytes (0x27): a packet of 10 comes, one of 11 does not (MQTT-3.1.2-24), and others get both. One that is too large only with
/// its alias comes without.
#[test]
fn what_is_too_large_for_a_subscriber_is_left_out() {
    let mut table = Table::broker(MqttBrokerConfig { aliases: MqttAliases::FirstCome, ..silent() });
    let publisher = table.welcome('p', "");
    let (small, large) = (table.welcome('s', "27 00 00 00 0a 22 00 05"), table.welcome('l', ""));
    for subscriber in [small, large] {
        table.ask(subscriber, "82 07 00 01 00 00 01 23 01");
    }
    for (said, comes) in [
        ("32 08 00 01 74 00 01 00 68 69", Some("32 08 00 01 74 00 01 00 68 69")),
        ("32 09 00 01 74 00 02 00 68 69 6a", None),
        // The identifier of the one that is left out is not used.
        ("32 07 00 01 74 00 03 00 68", Some("32 07 00 01 74 00 03 00 68")),
    ] {
        table.say(publisher, said);
        assert_eq!(table.hear(small), comes.unwrap_or_default());
        assert!(!table.hear(large).is_empty());
    }
    assert_eq!((table.total("too_large_messages"), table.total("dropped_messages")), (1, 0));
}

/// A broker that takes 32 bytes and says so: a packet of 33 ends the connection with 0x95.
#[test]
fn what_is_too_large_for_the_broker_ends_the_connection() {
    let mut table = Table::broker(MqttBrokerConfig { max_packet: Some(Size::from_bytes(32)), ..silent() });
    let stream = table.connect('p', 0x02, "");
    assert_eq!(table.hear(stream), "20 08 00 00 05 27 00 00 00 20");
    let payload = |len: usize| " 68".repeat(len);
    // 2 bytes of header, 3 of topic, 1 of properties.
    assert_eq!(table.ask(stream, &format!("30 1e 00 01 74 00{}", payload(26))), "");
    assert_eq!(table.ask(stream, &format!("30 1f 00 01 74 00{}", payload(27))), "e0 01 95");
    assert!(table.is_closed(stream));
}

/// `max_qos: 1` and `retain: false` are said (0x24, 0x25), what is beyond is 0x9b and 0x9a, in a will as well (§3.2.2.3.4, §3.2.2.3.5); a subscription
/// at QoS 2 is granted 1.
#[test]
fn a_maximum_qos_holds() {
    let mut table = Table::broker(MqttBrokerConfig { max_qos: 1, retain: false, ..silent() });
    let welcome = "20 07 00 00 04 24 01 25 00";
    let stream = table.connect('a', 0x02, "");
    assert_eq!(table.hear(stream), welcome);
    assert_eq!(table.ask(stream, "82 07 00 01 00 00 01 74 02"), "90 04 00 01 00 01");
    assert_eq!(table.ask(stream, "34 07 00 01 74 00 01 00 68"), "e0 01 9b");
    let stream = table.connect('b', 0x02, "");
    assert_eq!(table.hear(stream), welcome);
    assert_eq!(table.ask(stream, "31 05 00 01 74 00 68"), "e0 01 9a");
    // Clean Start, will flag, will QoS 2; then will retain.
    for (flags, code) in [("16", "9b"), ("26", "9a")] {
        let stream = table.accept();
        let connect = format!("10 15 00 04 4d 51 54 54 05 {flags} 00 3c 00 00 01 63 00 00 01 77 00 01 68");
        assert_eq!(table.ask(stream, &connect), format!("20 03 00 {code} 00"));
        assert!(table.is_closed(stream));
    }
}

/// A broker that takes one message of QoS 2 at a time: the second one before the first one's PUBCOMP is 0x93; behind it, it is not.
#[test]
fn a_receive_maximum_of_the_broker() {
    let config = MqttBrokerConfig { receive_maximum: 1, ..silent() };
    let [first, second] = ["34 07 00 01 74 00 01 00 68", "34 07 00 01 74 00 02 00 68"];
    let welcome = "20 06 00 00 03 21 00 01";
    let mut table = Table::broker(config);
    let stream = table.connect('a', 0x02, "");
    assert_eq!(table.hear(stream), welcome);
    assert_eq!(table.ask(stream, first), "50 02 00 01");
    assert_eq!(table.ask(stream, second), "e0 01 93");
    let stream = table.connect('b', 0x02, "");
    assert_eq!(table.hear(stream), welcome);
    for (said, answer) in [(first, "50 02 00 01"), ("62 02 00 01", "70 02 00 01"), (second, "50 02 00 02")] {
        assert_eq!(table.ask(stream, said), answer);
    }
}

/// A subscriber that takes one message of QoS 1 and 2 at a time (0x21): the next one comes with its PUBACK, or its PUBCOMP, or a PUBREC that refuses; those
/// of QoS 0 pass (§4.9).
#[test]
fn a_receive_maximum_of_a_subscriber() {
    let mut table = Table::broker(silent());
    let (publisher, subscriber) = (table.welcome('p', ""), table.welcome('s', "21 00 01"));
    assert_eq!(table.ask(subscriber, "82 07 00 01 00 00 01 74 02"), "90 04 00 01 00 02");
    for said in ["32 07 00 01 74 00 01 00 61", "34 07 00 01 74 00 02 00 62", "62 02 00 02", "30 05 00 01 74 00 63"] {
        table.say(publisher, said);
    }
    table.say(publisher, "34 07 00 01 74 00 03 00 64 62 02 00 03 32 07 00 01 74 00 04 00 65");
    assert_eq!(table.hear(subscriber), "32 07 00 01 74 00 01 00 61 30 05 00 01 74 00 63");
    for (said, heard) in [
        ("40 02 00 01", "34 07 00 01 74 00 02 00 62"),
        ("50 02 00 02", "62 02 00 02"),
        ("70 02 00 02", "34 07 00 01 74 00 03 00 64"),
        ("50 03 00 03 80", "32 07 00 01 74 00 04 00 65"),
    ] {
        assert_eq!(table.ask(subscriber, said), heard, "{said}");
    }
}

/// The broker's keep alive of 5 s (0x13) holds, not the 60 s of CONNECT: silence of 7.5 s ends the connection with 0x8d (§3.1.2.10).
#[test]
fn a_keep_alive_of_the_broker() {
    let mut table = Table::broker(MqttBrokerConfig { server_keep_alive: Some(Span::from_secs(5)), ..silent() });
    let stream = table.connect('a', 0x02, "");
    assert_eq!(table.hear(stream), "20 06 00 00 03 13 00 05");
    table.wait(Span::from_millis(7499));
    assert_eq!(table.ask(stream, "c0 00"), "d0 00");
    table.wait(Span::from_millis(7499));
    assert_eq!(table.hear(stream), "");
    table.wait(Span::from_millis(1));
    assert_eq!((table.hear(stream).as_str(), table.is_closed(stream)), ("e0 01 8d", true));
}

/// One subscription: of two filters the second one is refused (0x97); the first one again replaces itself. What is not available has its code: wildcards
/// 0xa2, shared ones 0x9e, numbers 0xa1 (§3.9.3).
#[test]
fn subscriptions_are_limited() {
    let mut table = Table::broker(MqttBrokerConfig { max_subscriptions: Some(1), ..silent() });
    let stream = table.welcome('a', "");
    assert_eq!(table.ask(stream, "82 0b 00 01 00 00 01 74 00 00 01 75 00"), "90 05 00 01 00 00 97");
    assert_eq!(table.ask(stream, "82 07 00 02 00 00 01 74 01"), "90 04 00 02 00 01");
    let config = MqttBrokerConfig { wildcards: false, shared: false, subscription_ids: false, ..silent() };
    let mut table = Table::broker(config);
    let stream = table.connect('a', 0x02, "");
    assert_eq!(table.hear(stream), "20 09 00 00 06 28 00 29 00 2a 00");
    for (said, answer) in [
        ("82 07 00 01 00 00 01 2b 00", "90 04 00 01 00 a2"),
        ("82 10 00 02 00 00 0a 24 73 68 61 72 65 2f 67 2f 74 00", "90 04 00 02 00 9e"),
        ("82 09 00 03 02 0b 05 00 01 74 00", "90 04 00 03 00 a1"),
    ] {
        assert_eq!(table.ask(stream, said), answer);
    }
}

/// Of a session whose client is away and that holds one message, the second one: dropped in silence, in place of the first one, or refused (0x97).
#[test]
fn a_queue_of_one() {
    for (overflow, answer, kept, counted) in [
        (MqttOverflow::DropNewest, "40 02 00 02", "61", "dropped_messages"),
        (MqttOverflow::DropOldest, "40 02 00 02", "62", "dropped_messages"),
        (MqttOverflow::Refuse, "40 03 00 02 97", "61", "refused_messages"),
    ] {
        let mut table = Table::broker(MqttBrokerConfig { max_queued: 1, overflow, ..silent() });
        let subscriber = table.welcome('s', "11 00 00 0e 10");
        table.ask(subscriber, "82 07 00 01 00 00 01 74 01");
        table.say(subscriber, "e0 00");
        let publisher = table.welcome('p', "");
        assert_eq!(table.ask(publisher, "32 07 00 01 74 00 01 00 61"), "40 02 00 01");
        assert_eq!(table.ask(publisher, "32 07 00 01 74 00 02 00 62"), answer, "{overflow:?}");
        let back = table.connect('s', 0x00, "");
        assert_eq!(table.hear(back), format!("20 03 01 00 00 32 07 00 01 74 00 01 00 {kept}"), "{overflow:?}");
        assert_eq!(table.total(counted), 1, "{overflow:?}");
    }
}

fn client() -> MqttClientConfig {
    MqttClientConfig { client_id: Some("c".to_owned()), ..MqttClientConfig::new(NodeName("broker".to_owned())) }
}

/// Our client says what it takes in CONNECT, properties in order 0x21, 0x27, 0x22, and ends the connection of a broker that sends more: a
/// second message of QoS 2 (0x93), a packet of 65 bytes (0x95), an alias of 3 (0x94).
#[test]
fn a_client_keeps_its_limits() {
    let config = MqttClientConfig {
        receive_maximum: 1,
        max_packet: Some(Size::from_bytes(64)),
        topic_alias_maximum: 2,
        ..client()
    };
    let connect = "10 19 00 04 4d 51 54 54 05 02 00 3c 0b 21 00 01 27 00 00 00 40 22 00 02 00 01 63";
    let large = format!("30 3f 00 01 74 00{}", " 68".repeat(59));
    for (said, answer) in [
        ("34 07 00 01 74 00 01 00 68 34 07 00 01 74 00 02 00 68", "50 02 00 01 e0 01 93"),
        (large.as_str(), "e0 01 95"),
        ("30 08 00 01 74 03 23 00 02 68", ""),
        ("30 08 00 01 74 03 23 00 03 68", "e0 01 94"),
    ] {
        let mut table = Table::client(config.clone());
        assert_eq!(table.hear(0), connect);
        assert_eq!(table.ask(0, WELCOME), "");
        assert_eq!(table.ask(0, said), answer);
        assert_eq!(table.is_closed(0), answer.ends_with("93") || answer.ends_with("94") || answer.ends_with("95"));
    }
}

/// What the broker says in CONNACK holds for our client: one message of QoS 1 at a time, and none of QoS 2 or retained, which fail without a
/// packet (MQTT-3.2.2-11, MQTT-3.2.2-14).
#[test]
fn a_client_keeps_the_limits_of_its_broker() {
    let now = |topic: &str, qos| PublicationConfig {
        count: Some(2),
        interval: TimeDistribution::Fixed(Span::ZERO),
        ..PublicationConfig::new(topic, qos)
    };
    let retained = PublicationConfig { retain: true, count: Some(1), ..now("r", 1) };
    let config = MqttClientConfig { publications: vec![now("a", 1), now("b", 2), retained], ..client() };
    let mut table = Table::client(config);
    table.hear(0);
    // Receive maximum 1, maximum QoS 1, no retained messages.
    let heard = table.ask(0, "20 0a 00 00 07 21 00 01 24 01 25 00");
    assert!(heard.starts_with("32 46 00 01 61 00 01 00 ") && heard.len() == 3 * 72 - 1, "{heard}");
    let heard = table.ask(0, "40 02 00 01");
    assert!(heard.starts_with("32 46 00 01 61 00 02 00 ") && heard.len() == 3 * 72 - 1, "{heard}");
    assert_eq!(table.ask(0, "40 02 00 02"), "");
    let counts = ["completed_qos1", "failed_qos1", "failed_qos2"].map(|name| table.total(name));
    assert_eq!(counts, [2, 1, 2]);
    assert!(!table.is_closed(0));
}

/// The keep alive that the broker says holds for our client: PINGREQ after 2 s of silence instead of 60.
#[test]
fn a_client_keeps_the_keep_alive_of_its_broker() {
    let mut table =
        Table::client(MqttClientConfig { subscriptions: vec![SubscriptionConfig::new("t", 0)], ..client() });
    table.hear(0);
    assert_eq!(table.ask(0, "20 06 00 00 03 13 00 02"), "82 07 00 01 00 00 01 74 00");
    table.say(0, "90 04 00 01 00 00");
    table.wait(Span::from_millis(1999));
    assert_eq!(table.hear(0), "");
    table.wait(Span::from_millis(1));
    assert_eq!(table.hear(0), "c0 00");
}
