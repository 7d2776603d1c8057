//! Messages of MQTT from publisher to subscriber: how long, to the nanosecond, how many packets and bytes, to the last one, and what a lost
//! segment costs.
//!
//! Two lines without a rate, and hosts that take no time: a message takes as many one-way delays as packets follow from each other on its way. The sheet
//! is that of the standard (5.0 §4.3): PUBLISH; PUBLISH, PUBACK; PUBLISH, PUBREC, PUBREL, PUBCOMP.

use super::{RunOutput, Watch, run_one, setup};
use crate::scenario::{Request, load_text};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;
/// Bytes of a payload.
const PAYLOAD: u64 = 64;

/// A publisher, a broker and a subscriber.
#[derive(Clone, Copy, Debug)]
struct Case<'a> {
    /// From a client to the broker, and back \[ms\].
    way: u64,
    qos: u8,
    /// At QoS 2 these two go on with PUBLISH (method B).
    early_broker: bool,
    early_subscriber: bool,
    /// 5.0; otherwise 3.1.1.
    is_v5: bool,
    is_secured: bool,
    messages: u64,
    interval: &'a str,
    /// Of the publisher's line, towards the broker.
    loss: &'a str,
    /// TCP of all three.
    tcp: &'a str,
}

const CASE: Case<'static> = Case {
    way: 50,
    qos: 0,
    early_broker: false,
    early_subscriber: false,
    is_v5: true,
    is_secured: false,
    messages: 5,
    interval: "20 s",
    loss: "0 %",
    tcp: "()",
};

impl Case<'_> {
    fn run(&self) -> RunOutput {
        let Self { way, qos, messages, interval, loss, tcp, .. } = self;
        let method = |is_early: bool| if is_early { "B" } else { "A" };
        let (at_broker, at_subscriber) = (method(self.early_broker), method(self.early_subscriber));
        let version = if self.is_v5 { "V5" } else { "V311" };
        let tls = if self.is_secured { ", tls: ()" } else { "" };
        let text = format!(
            r#"(
                format: 1,
                title: "A message",
                nodes: [(name: "sensor"), (name: "broker"), (name: "panel")],
                links: [
                    (name: "up", ends: ("sensor", "broker"), delay: "{way} ms", forward: (loss: "{loss}")),
                    (name: "down", ends: ("broker", "panel"), delay: "{way} ms"),
                ],
                apps: [
                    (name: "broker", on: "broker", run: MqttBroker(sys_interval: "0 s", method: {at_broker}, tcp: {tcp}{tls})),
                    (name: "publisher", on: "sensor", run: MqttClient(to: "broker", version: {version}, keep_alive: "0 s", tcp: {tcp}{tls},
                        publications: [(topic: "t", qos: {qos}, payload: "{PAYLOAD} B", start: "60 s", interval: "{interval}", count: {messages})])),
                    (name: "subscriber", on: "panel", run: MqttClient(to: "broker", version: {version}, keep_alive: "0 s", method: {at_subscriber}, tcp: {tcp}{tls},
                        subscriptions: [(filter: "t", qos: {qos})])),
                ],
                measure: [(app: "publisher", metric: PacketsPerExchange), (app: "publisher", metric: BytesPerExchange)],
                until: After("{} s"),
            )"#,
            // Behind the last message as much time as between two.
            60 + messages * interval.trim_end_matches(" s").parse::<u64>().unwrap(),
        );
        let loaded =
            load_text("t", "t.ron", &text, &Request::default(), false).unwrap_or_else(|error| panic!("{error}"));
        let scenario = &loaded.points[0].scenario;
        run_one(&setup(scenario), scenario, 0, 1, &Watch::default()).unwrap()
    }

    /// Packets and their bytes in the whole run.
    fn traffic(&self) -> (u64, u64) {
        let traffic = self.run().measured.traffic["publisher"];
        assert_eq!(traffic.exchanges, self.messages, "{self:?}");
        (traffic.packets, traffic.bytes)
    }
}

/// With QoS, and who of broker and subscriber goes on with PUBLISH: one-way delays until the subscriber has a message, and until the
/// publisher is done with it.
///
/// QoS 0 and 1 reach the subscriber by two PUBLISH. At QoS 2 each of the two hops has three packets until the message is let go (PUBLISH, PUBREC, PUBREL), and
/// one where PUBLISH is enough. The publisher is done when its packet has left, with PUBACK, and with PUBCOMP, which comes fourth.
const WAYS: [(u8, bool, bool, u64, u64); 6] = [
    (0, false, false, 2, 0),
    (1, false, false, 2, 2),
    (2, false, false, 6, 4),
    (2, true, false, 4, 4),
    (2, false, true, 4, 4),
    (2, true, true, 2, 4),
];

/// All round trips of the experiment, both versions, TCP and TLS: TLS takes round trips of the handshake, and none of a message, since
/// a packet of MQTT is one record.
#[test]
fn a_message_takes_so_many_one_way_delays() {
    for way in [5, 10, 25, 50, 100, 200, 300] {
        for (qos, early_broker, early_subscriber, delivery, completion) in WAYS {
            for (is_v5, is_secured) in [(true, false), (true, true), (false, false), (false, true)] {
                let case = Case { way, qos, early_broker, early_subscriber, is_v5, is_secured, messages: 3, ..CASE };
                let output = case.run();
                assert_eq!(output.exchanges.len(), 3);
                for exchange in &output.exchanges {
                    let nanos = |span: Option<protosim_core::Span>| span.map(|span| span.as_nanos());
                    assert_eq!(nanos(exchange.delivered), Some(delivery * way * MS), "{case:?}");
                    assert_eq!(nanos(exchange.completion()), Some(completion * way * MS), "{case:?}");
                }
            }
        }
    }
}

/// Packets on one hop, and the bytes of MQTT in them, for each message.
///
/// A hop has 1, 2 or 4 packets of MQTT, each one segment, which acknowledges what came the other way; the last one has nothing to ride on its
/// acknowledgement, which is a segment of its own: 2, 3 and 5. (Messages are further apart than the retransmission time-out, so that Linux acknowledges the first
/// segment at once; that of PUBCOMP waits 40 ms in vain.)
///
/// PUBLISH has a type and a length, two bytes of the topic's length, the topic, two bytes of its number at QoS 1 and 2, in 5.0 a
/// byte of properties, and the payload. Its answers have four bytes.
fn on_a_hop(qos: u8, is_v5: bool) -> (u64, u64) {
    let publish = 2 + 2 + 1 + u64::from(is_v5) + PAYLOAD;
    match qos {
        0 => (2, publish),
        1 => (3, publish + 2 + 4),
        _ => (5, publish + 2 + 3 * 4),
    }
}

/// IPv4 and TCP with timestamps (RFC 7323), 20 + 20 + 12 bytes.
const SEGMENT: u64 = 52;
/// The same with what a SYN says: maximum segment size, selective acknowledgements, timestamps, scale of windows, 4 + 2 + 10 + 3 + 1.
const SYN: u64 = 60;
/// A record of TLS 1.3 (RFC 8446 §5.2): its header, the type of its content, the tag of AES-GCM.
const RECORD: u64 = 5 + 1 + 16;

/// Over TCP the publisher's connection is set up by five segments: SYN, SYN with ACK, CONNECT (which waits already, and so goes with the ACK), CONNACK, ACK;
/// the subscriber's by seven, since SUBSCRIBE acknowledges CONNACK, and SUBACK and its ACK follow.
///
/// CONNECT: 2 of type and length, 6 of the protocol's name, version, flags, 2 of keep alive, the identifier with its length, in 5.0 a byte of properties.
/// CONNACK: 4, and in 5.0 a byte and 3 each of receive maximum and topic alias maximum. SUBSCRIBE to `t`: 2, the number's 2, in 5.0 a byte, 3 of
/// the filter, 1 of options. SUBACK: 2, 2, in 5.0 a byte, 1 of its reason.
#[test]
fn packets_and_bytes_over_tcp_are_counted_to_the_last_one() {
    for (qos, early_broker, early_subscriber, ..) in WAYS {
        for (way, is_v5) in [(5, true), (50, true), (50, false), (300, true)] {
            let case = Case { way, qos, early_broker, early_subscriber, is_v5, ..CASE };
            let v5 = u64::from(is_v5);
            let connect = |id: &str| 2 + 6 + 1 + 1 + 2 + v5 + 2 + id.len() as u64;
            let connack = 4 + 7 * v5;
            let subscription = (2 + 2 + v5 + 3 + 1) + (2 + 2 + v5 + 1);
            let packets = 5 + 7;
            let bytes = 4 * SYN
                + (packets - 4) * SEGMENT
                + connect("sensor/publisher")
                + connect("panel/subscriber")
                + 2 * connack
                + subscription;
            let (each, of_mqtt) = on_a_hop(qos, is_v5);
            let both_hops = (2 * each * case.messages, 2 * (each * SEGMENT + of_mqtt) * case.messages);
            assert_eq!(case.traffic(), (packets + both_hops.0, bytes + both_hops.1), "{case:?}");
        }
    }
}

/// Ten messages more than five cost the same over TLS as over TCP, and a record for each packet of MQTT.
#[test]
fn a_message_over_tls_has_as_many_packets_and_longer_ones() {
    for (qos, early_broker, early_subscriber, ..) in WAYS {
        for is_v5 in [true, false] {
            let few = Case { qos, early_broker, early_subscriber, is_v5, is_secured: true, ..CASE };
            let many = Case { messages: 15, ..few };
            let ((packets, bytes), before) = (many.traffic(), few.traffic());
            let (each, of_mqtt) = on_a_hop(qos, is_v5);
            // All segments but the last one have a packet of MQTT.
            let per_hop = each * SEGMENT + of_mqtt + (each - 1) * RECORD;
            assert_eq!((packets - before.0, bytes - before.1), (10 * 2 * each, 10 * 2 * per_hop), "{many:?}");
        }
    }
}

/// The mean of what a message of QoS 0 takes beyond two one-way delays \[time-outs\], when segments towards the broker are lost.
fn extra(tcp: &str, loss: &str, rto: u64) -> (f64, f64) {
    let case = Case { messages: 6_000, interval: "1000 s", loss, tcp, ..CASE };
    let output = case.run();
    let delays = output.exchanges.iter().map(|exchange| exchange.delivered.unwrap().as_nanos() - 2 * case.way * MS);
    let delays: Vec<f64> = delays.map(|nanos| nanos as f64 / rto as f64).collect();
    (delays.iter().sum::<f64>() / delays.len() as f64, delays.len() as f64)
}

/// RFC 6298 with nothing to help it: a segment that is lost k times in a row is there after T + 2 T + … = (2^k − 1) T, so that with loss p the mean
/// is T p / (1 − 2 p). Its variance comes from E 4^k = (1 − p) / (1 − 4 p). T is the least time-out of 1 s. The interval is of four standard errors of 6,000
/// messages.
#[test]
fn a_lost_segment_costs_time_outs_that_double() {
    let tcp = r#"(profile: Rfc, max_rto: "10000 s", data_retries: 15)"#;
    for (loss, p) in [("10 %", 0.1_f64), ("20 %", 0.2)] {
        let (mean, n) = extra(tcp, loss, SECOND);
        let expected = p / (1.0 - 2.0 * p);
        let square = (1.0 - p) / (1.0 - 4.0 * p);
        let deviation = (square - (1.0 + expected) * (1.0 + expected)).sqrt();
        assert!((mean - expected).abs() < 4.0 * deviation / n.sqrt(), "{loss}: {mean}, not {expected}");
    }
}

/// As Linux has it, the first time-out is that of a probe (RFC 8985 §7.2: no later than the retransmission time-out), and the doubling begins
/// behind it: T, 2 T, 4 T, so that k losses cost 2^(k − 1) T, in the mean T p (1 − p) / (1 − 2 p). T is the round trip and 200 ms.
#[test]
fn a_probe_of_the_tail_saves_half_of_each_later_time_out() {
    for (loss, p) in [("10 %", 0.1_f64), ("20 %", 0.2)] {
        let (mean, n) = extra("()", loss, 300 * MS);
        let expected = p * (1.0 - p) / (1.0 - 2.0 * p);
        let square = p * (1.0 - p) / (1.0 - 4.0 * p);
        let deviation = (square - expected * expected).sqrt();
        assert!((mean - expected).abs() < 4.0 * deviation / n.sqrt(), "{loss}: {mean}, not {expected}");
    }
}

/// The scenario of the section of `language.md`: all hundred readings are there in the end, though the broker was without power; and the ledger says so too.
#[test]
fn the_documented_scenario_runs_as_it_stands() {
    let (_, section) = include_str!("../../../docs/language.md").split_once("\n## MQTT\n").unwrap();
    let (_, text) = section.split_once("```ron\n").unwrap();
    let (text, _) = text.split_once("```").unwrap();
    let load = |text: &str| {
        let loaded = load_text("readings", "readings.ron", text, &Request::default(), false);
        loaded.unwrap_or_else(|error| panic!("{error}"))
    };
    assert_eq!(load(text).warnings, "");
    let loaded = load(&text.replacen("format: 1,", "format: 1, ledger: true,", 1));
    let scenario = &loaded.points[0].scenario;
    let output = run_one(&setup(scenario), scenario, 0, 1, &Watch::default()).unwrap();
    let total = |app: &str, name: &str| output.totals.of_app(app, name).unwrap();
    assert_eq!((total("readings", "published_qos1"), total("readings", "confirmed_messages")), (100, 100));
    assert_eq!((total("display", "lost_at_least_once"), total("display", "disordered_messages")), (0, 0));
    // What was published before the display had subscribed is owed to nobody: it is there within the first second.
    assert!((98..=100).contains(&total("display", "owed_at_least_once")));
    assert!(total("display", "received_messages") - total("display", "duplicate_messages") >= 98);
}
