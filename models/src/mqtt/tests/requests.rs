//! What our clients do beyond publishing and subscribing: requests and answers, user properties, subscriptions that end, authentication anew.

use super::apps::{Bed, D, broker, client, kept, one, says, wants};
use super::table::{Table, WELCOME, WELCOME_BACK, bytes, silent};
use crate::mqtt::auth::response;
use crate::mqtt::config::{
    AnswerConfig, AuthConfig, MqttVersion, PublicationConfig, ReconnectConfig, ResponseConfig, SubscriptionConfig,
};
use crate::mqtt::{MqttBrokerConfig, MqttClientConfig};
use crate::observe::{Observation, Outcome};
use crate::tcp::CloseReason;
use protosim_core::{Size, Span};

fn request(qos: u8) -> PublicationConfig {
    PublicationConfig { response: Some(ResponseConfig::default()), ..one("q", qos, 500) }
}

fn answering(config: MqttClientConfig, qos: u8) -> MqttClientConfig {
    MqttClientConfig { answers: Some(AnswerConfig { qos, ..AnswerConfig::default() }), ..wants(config, "q", 2) }
}

/// A request is with its answerer after two ways, the answer back after two more. At QoS 2 each hop delivers with its PUBREL, two ways later: six ways
/// there and six back. The PUBCOMP of the request, which ends it otherwise, comes after four.
#[test]
fn a_request_ends_with_its_answer() {
    for (qos, there, back) in [(0, 2, 4), (1, 2, 4), (2, 6, 12)] {
        let ran = Bed::new(2)
            .broker(broker())
            .client(1, says(client("p"), request(qos)))
            .client(2, answering(client("s"), qos))
            .run(1000);
        assert_eq!(ran.first(), (Some(there * D * 1000), Some(back * D * 1000)), "QoS {qos}");
        assert_eq!((ran.total(1, "p", "answers"), ran.total(2, "s", "sent_answers")), (1, 1));
        assert_eq!((ran.total(1, "p", "corrupted_messages"), ran.total(1, "p", "unexpected_answers")), (0, 0));
        let ends = ran.observed.iter().filter(|(_, seen)| matches!(seen, Observation::ExchangeEnded { .. }));
        assert_eq!(ends.count(), 1);
        assert_eq!(ran.total(1, "p", &format!("completed_qos{qos}")), 1);
    }
}

/// An answer takes 40 ms: after 39 the request has failed, and the answer is counted alone. Without anyone who answers it fails as well.
#[test]
fn patience_with_answers_ends() {
    for (answers, patience, expected) in [(true, 39, [0, 1, 1]), (true, 41, [1, 0, 0]), (false, 41, [0, 1, 0])] {
        let patience = Some(Span::from_millis(patience));
        let response = Some(ResponseConfig { patience, ..ResponseConfig::default() });
        let sender = says(client("p"), PublicationConfig { response, ..one("q", 1, 500) });
        let taker = if answers { answering(client("s"), 1) } else { wants(client("s"), "q", 1) };
        let ran = Bed::new(2).broker(broker()).client(1, sender).client(2, taker).run(1000);
        let counts = ["answers", "unanswered_requests", "unexpected_answers"].map(|name| ran.total(1, "p", name));
        assert_eq!(counts, expected, "{patience:?}");
        let ends: Vec<Outcome> = ran
            .observed
            .iter()
            .filter_map(|(_, seen)| match seen {
                Observation::ExchangeEnded { outcome, .. } => Some(*outcome),
                _ => None,
            })
            .collect();
        assert_eq!(ends, [if expected[0] == 1 { Outcome::Response } else { Outcome::TimedOut }]);
    }
}

/// A request as bytes: user property (0x26) `k` `v`, Response Topic (0x08) `r`, Correlation Data (0x09) of 16 bytes, which the payload begins with;
/// before it the subscription to `r`. The answer to it ends it once; another one, and one with other data, do not.
#[test]
fn a_request_byte_by_byte() {
    let publication = PublicationConfig {
        payload: crate::traffic::SizeDistribution::Fixed(Size::from_bytes(16)),
        properties: vec![("k".to_owned(), "v".to_owned())],
        response: Some(ResponseConfig { topic: Some("r".to_owned()), qos: Some(1), patience: None }),
        ..one("q", 0, 0)
    };
    let mut table = Table::client(MqttClientConfig { queue_qos0: true, ..says(client("p"), publication) });
    table.hear(0);
    let heard = table.ask(0, WELCOME);
    let head = "82 07 00 01 00 00 01 72 01 30 32 00 01 71 1e 26 00 01 6b 00 01 76 08 00 01 72 09 00 10 ";
    let name = heard.strip_prefix(head).unwrap_or_else(|| panic!("{heard}"));
    let (data, payload) = name.split_at(16 * 3);
    assert_eq!(data.trim(), payload);
    assert_eq!(table.total("completed_qos0"), 1);
    // A topic of 3 bytes, 1 and 19 of properties, 1 of payload.
    let answer = format!("30 18 00 01 72 13 09 00 10 {} 68", data.trim());
    table.say(0, &answer);
    assert_eq!((table.total("answers"), table.total("unexpected_answers")), (1, 0));
    table.say(0, &answer);
    assert_eq!((table.total("answers"), table.total("unexpected_answers")), (1, 1));
    table.say(0, "30 09 00 01 72 04 09 00 01 78 68");
    assert_eq!((table.total("unexpected_answers"), table.total("foreign_messages")), (1, 1));
}

/// An answer as bytes: to the Response Topic `r`, with the Correlation Data `x` as they came and 64 bytes; nothing to what has no Response Topic, and an
/// answer without data to what has none.
#[test]
fn an_answer_byte_by_byte() {
    let mut table = Table::client(answering(client("s"), 0));
    table.hear(0);
    assert_eq!(table.ask(0, WELCOME), "82 07 00 01 00 00 01 71 02");
    for (said, head) in [
        ("30 0d 00 01 71 08 08 00 01 72 09 00 01 78 68", "30 48 00 01 72 04 09 00 01 78 "),
        ("30 09 00 01 71 04 08 00 01 72 68", "30 44 00 01 72 00 "),
    ] {
        let heard = table.ask(0, said);
        let payload = heard.strip_prefix(head).unwrap_or_else(|| panic!("{heard}"));
        assert_eq!(bytes(payload).len(), 64);
    }
    assert_eq!(table.ask(0, "30 09 00 01 71 04 09 00 01 78 68"), "");
    assert_eq!(table.total("sent_answers"), 2);
}

/// Clients of 5.0 alone have these fields, and some need others.
#[test]
fn requests_are_checked() {
    let of = |config: MqttClientConfig| -> Vec<String> {
        config.check().into_iter().map(|(field, _)| field.into_owned()).collect()
    };
    let publication = PublicationConfig { properties: vec![("k".to_owned(), "v".to_owned())], ..request(1) };
    let old = MqttClientConfig { version: MqttVersion::V311, ..answering(says(client("p"), publication), 3) };
    assert_eq!(of(old), ["publications.0.properties", "publications.0.response", "answers", "answers.qos"]);
    let unnamed = MqttClientConfig { client_id: Some(String::new()), ..says(client("p"), request(0)) };
    assert_eq!(of(unnamed), ["publications.0.response"]);
    let idle = MqttClientConfig { answers: Some(AnswerConfig::default()), ..client("p") };
    assert_eq!(
        of(MqttClientConfig { reauthenticate: Some(Span::from_secs(1)), ..idle }),
        ["answers", "reauthenticate"]
    );
}

/// A subscription until 5 s: UNSUBSCRIBE with the next identifier, and its UNSUBACK. Where the connection is lost before, the next one says it, because the
/// broker still has the subscription; a broker without a session has none, and is not asked for one.
#[test]
fn a_subscription_ends() {
    let subscription = SubscriptionConfig { until: Some(Span::from_secs(5)), ..SubscriptionConfig::new("t", 0) };
    let config = MqttClientConfig {
        subscriptions: vec![subscription],
        reconnect: ReconnectConfig { first: Span::from_secs(8), jitter: false, ..ReconnectConfig::default() },
        ..kept("s")
    };
    let mut table = Table::client(config.clone());
    table.hear(0);
    assert_eq!(table.ask(0, WELCOME), "82 07 00 01 00 00 01 74 00");
    table.say(0, "90 04 00 01 00 00");
    table.wait(Span::from_millis(4999));
    assert_eq!(table.hear(0), "");
    table.wait(Span::from_millis(1));
    assert_eq!(table.hear(0), "a2 06 00 02 00 00 01 74");
    table.say(0, "b0 04 00 02 00 00");
    assert_eq!((table.total("unsubscriptions"), table.total("protocol_errors")), (1, 0));
    for (connack, heard) in [(WELCOME_BACK, "a2 06 00 02 00 00 01 74"), (WELCOME, "")] {
        let mut table = Table::client(config.clone());
        table.say(0, WELCOME);
        table.say(0, "90 04 00 01 00 00");
        table.close(0, CloseReason::Reset);
        table.wait(Span::from_secs(9));
        table.hear(1);
        assert_eq!(table.ask(1, connack), heard);
    }
}

/// Messages at 1, 2, 3 and 4 s; a subscription until 2.5 s gets two of them.
#[test]
fn nothing_comes_behind_an_unsubscription() {
    let many = PublicationConfig { count: Some(4), ..one("t", 1, 1000) };
    let subscription = SubscriptionConfig { until: Some(Span::from_millis(2500)), ..SubscriptionConfig::new("t", 1) };
    let taker = MqttClientConfig { subscriptions: vec![subscription], ..client("s") };
    let ran = Bed::new(2).broker(broker()).client(1, says(client("p"), many)).client(2, taker).run(8000);
    assert_eq!((ran.total(2, "s", "received_messages"), ran.total(2, "s", "unsubscriptions")), (2, 1));
    assert_eq!((ran.total(1, "p", "completed_qos1"), ran.total(0, "broker", "last_subscriptions")), (4, 0));
}

fn auth() -> Option<AuthConfig> {
    Some(AuthConfig { method: "M".to_owned(), secret: "s".to_owned() })
}

/// The challenge in an AUTH of the broker: reason 0x18, method (0x15) `M`, data (0x16) of 16 bytes.
fn challenge(heard: &str) -> Vec<u8> {
    let data = heard.strip_prefix("f0 19 18 17 15 00 01 4d 16 00 10 ");
    bytes(data.unwrap_or_else(|| panic!("{heard}")))
}

fn proof(challenge: &[u8], secret: &str) -> String {
    let proof: Vec<String> = response(secret, challenge).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("f0 29 18 27 15 00 01 4d 16 00 20 {}", proof.join(" "))
}

/// §4.12.1 at the broker: AUTH with 0x19 brings a challenge, its answer AUTH with 0x00; other packets pass meanwhile. Another answer ends the connection with
/// 0x87 (MQTT-4.12.1-2), as a protocol error (0x82) do: to ask again before the answer, an answer to nothing, another method, and to ask without a
/// method in CONNECT (MQTT-4.12.0-7).
#[test]
fn a_broker_asks_again_who_it_is() {
    let again = "f0 06 19 04 15 00 01 4d";
    let open = |table: &mut Table<_>| {
        let stream = table.connect('c', 0x02, "15 00 01 4d");
        let challenged = challenge(&table.hear(stream));
        assert_eq!(table.ask(stream, &proof(&challenged, "s")), "20 07 00 00 04 15 00 01 4d");
        stream
    };
    let users = vec![crate::mqtt::config::MqttUser { name: "u".to_owned(), password: "p".to_owned() }];
    let config = MqttBrokerConfig { auth: auth(), users, ..silent() };
    let mut table = Table::broker(config.clone());
    let stream = open(&mut table);
    for _ in 0..2 {
        let challenged = challenge(&table.ask(stream, again));
        assert_eq!(table.ask(stream, "c0 00"), "d0 00");
        assert_eq!(table.ask(stream, &proof(&challenged, "s")), "f0 06 00 04 15 00 01 4d");
    }
    let challenged = challenge(&table.ask(stream, again));
    assert_eq!(table.ask(stream, &proof(&challenged, "x")), "e0 01 87");
    assert_eq!((table.is_closed(stream), table.total("failed_authentications")), (true, 1));
    for (first, said) in
        [(again, again), ("c0 00", proof(&[0; 16], "s").as_str()), ("c0 00", "f0 06 19 04 15 00 01 4e")]
    {
        let mut table = Table::broker(config.clone());
        let stream = open(&mut table);
        table.ask(stream, first);
        assert_eq!(table.ask(stream, said), "e0 01 82", "{said}");
    }
    let stream = table.accept();
    // User `u`, password `p`, no method.
    let connect = "10 14 00 04 4d 51 54 54 05 c2 00 3c 00 00 01 63 00 01 75 00 01 70";
    assert_eq!(table.ask(stream, connect), WELCOME);
    assert_eq!(table.ask(stream, again), "e0 01 82");
}

/// The same at our client, each 10 s; and with our broker: the connection stands after 6 ways, the first authentication is done 4 ways after its second, and
/// the next one is a second later: at 1.10, 2.14 and 3.18 s.
#[test]
fn a_client_proves_itself_again() {
    let config = |every| MqttClientConfig { auth: auth(), reauthenticate: Some(every), ..client("c") };
    let mut table = Table::client(config(Span::from_secs(10)));
    assert!(table.hear(0).ends_with("04 15 00 01 4d 00 01 63"));
    let asked = "f0 19 18 17 15 00 01 4d 16 00 10 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f";
    assert_eq!(table.ask(0, asked), proof(&challenge(asked), "s"));
    assert_eq!(table.ask(0, "20 07 00 00 04 15 00 01 4d"), "");
    table.wait(Span::from_millis(9999));
    assert_eq!(table.hear(0), "");
    table.wait(Span::from_millis(1));
    assert_eq!(table.hear(0), "f0 06 19 04 15 00 01 4d");
    assert_eq!(table.ask(0, asked), proof(&challenge(asked), "s"));
    assert_eq!(table.ask(0, "f0 06 00 04 15 00 01 4d"), "");
    assert_eq!(table.total("reauthentications"), 1);
    // Nobody has asked for this one.
    assert_eq!(table.ask(0, asked), "e0 01 82");
    let ran = Bed::new(1)
        .broker(MqttBrokerConfig { auth: auth(), ..broker() })
        .client(1, config(Span::from_secs(1)))
        .run(3200);
    assert_eq!(ran.total(1, "c", "reauthentications"), 3);
    assert_eq!((ran.total(0, "broker", "failed_authentications"), ran.total(1, "c", "protocol_errors")), (0, 0));
}
