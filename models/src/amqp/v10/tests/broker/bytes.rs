//! What the broker answers, byte by byte.

use super::{AmqpBroker, AmqpBrokerConfig, App, Bench, Rope, total};
use crate::amqp::v10::vectors::bytes;
use crate::amqp::v091::config::AmqpUser;
use protosim_core::{Size, Span};

const AMQP: &str = "41 4d 51 50 00 01 00 00";
const SASL: &str = "41 4d 51 50 03 01 00 00";

struct Played {
    app: AmqpBroker,
    bench: Bench,
    seen: usize,
}

impl Played {
    fn new(config: AmqpBrokerConfig) -> Self {
        let (mut app, mut bench) = (AmqpBroker::new(config), Bench::new(1 << 20));
        app.on_start(&mut bench);
        bench.accept(&mut app, 5672);
        Self { app, bench, seen: 0 }
    }

    /// What it answers to these bytes, which come one by one.
    fn says(&mut self, hex: &str) -> Vec<u8> {
        for byte in bytes(hex) {
            self.bench.receive(&mut self.app, 0, &Rope::from(vec![byte]));
        }
        let all = self.bench.streams[0].written.to_bytes();
        let new = all[self.seen..].to_vec();
        self.seen = all.len();
        new
    }

    fn is_closed(&self) -> bool {
        self.bench.streams[0].is_closed
    }
}

/// The sheet's minimal exchange, with what the broker says otherwise than the sheet's, as it may: its own name, sizes and credit; a handle-max of 255 (52 ff); a max-message-size of 1000 bytes behind two nulls
/// for what it has not; no last delivery where it is the first.
#[test]
fn the_minimal_exchange() {
    let config = AmqpBrokerConfig {
        link_credit: 100,
        frame_max: Size::from_bytes(32768),
        channel_max: 255,
        max_message: Size::from_bytes(1000),
        ..AmqpBrokerConfig::default()
    };
    let mut played = Played::new(config);
    assert_eq!(played.says(AMQP), bytes(AMQP));
    // "protosim", no host name; an idle time-out of 60 s.
    let open = "00 00 00 26 02 00 00 00 00 53 10 c0 19 05 a1 08 70 72 6f 74 6f 73 69 6d 40 70 00 00 80 00 60 00 ff 70 00 00 ea 60";
    assert_eq!(
        played.says("00 00 00 24 02 00 00 00 00 53 10 c0 17 05 a1 01 63 a1 04 68 6f 73 74 70 00 00 80 00 60 00 ff 70 00 00 ea 60"),
        bytes(open)
    );
    assert_eq!(
        played.says("00 00 00 1a 02 00 00 00 00 53 11 c0 0d 04 40 43 70 00 00 08 00 70 00 00 08 00"),
        bytes("00 00 00 1e 02 00 00 00 00 53 11 c0 11 05 60 00 00 43 70 00 00 08 00 70 00 00 08 00 52 ff")
    );
    // Eleven fields: behind the target neither unsettled, incomplete-unsettled nor initial-delivery-count, then 1000 as a ulong.
    let attach = "00 00 00 36 02 00 00 00 00 53 12 c0 29 0b a1 02 6c 31 43 41 50 02 50 00 00 53 28 c0 04 01 a1 01 71 00 53 29 c0 04 01 a1 01 71 40 40 40 80 00 00 00 00 00 00 03 e8";
    let flow = "00 00 00 20 02 00 00 00 00 53 13 c0 13 09 43 70 00 00 08 00 43 70 00 00 08 00 43 43 52 64 43 42";
    assert_eq!(
        played.says("00 00 00 2d 02 00 00 00 00 53 12 c0 20 0a a1 02 6c 31 43 42 50 02 50 00 00 53 28 c0 04 01 a1 01 71 00 53 29 c0 04 01 a1 01 71 40 40 43"),
        bytes(&format!("{attach} {flow}"))
    );
    assert_eq!(
        played.says("00 00 00 1c 02 00 00 00 00 53 14 c0 08 05 43 43 a0 01 30 43 42 00 53 75 a0 02 68 69"),
        bytes("00 00 00 16 02 00 00 00 00 53 15 c0 09 05 41 43 40 41 00 53 24 45")
    );
    for closing in [
        "00 00 00 10 02 00 00 00 00 53 16 c0 03 02 43 41",
        "00 00 00 0c 02 00 00 00 00 53 17 45",
        "00 00 00 0c 02 00 00 00 00 53 18 45",
    ] {
        assert_eq!(played.says(closing), bytes(closing));
    }
    assert!(played.is_closed());
    let totals = ["opened_connections", "sessions", "links", "queued_messages", "confirms", "closed_by_clients"];
    assert_eq!(totals.map(|name| total(&played.app, name)), [1; 6]);
    let errors = ["connection_errors", "session_errors", "link_errors", "refused_connections", "refused_calls"];
    assert_eq!(errors.map(|name| total(&played.app, name)), [0; 5]);
}

/// SASL as the sheet has it: mechanisms in an array of symbols with one byte of length each (PLAIN and ANONYMOUS: 6 + 10 bytes, 2 for the array's count and constructor), the outcome.
#[test]
fn authentication() {
    let init =
        "00 00 00 23 02 01 00 00 00 53 41 c0 16 02 a3 05 50 4c 41 49 4e a0 0c 00 67 75 65 73 74 00 67 75 65 73 74";
    let both = "00 00 00 22 02 01 00 00 00 53 40 c0 15 01 e0 12 02 a3 05 50 4c 41 49 4e 09 41 4e 4f 4e 59 4d 4f 55 53";
    let plain = "00 00 00 17 02 01 00 00 00 53 40 c0 0a 01 a3 05 50 4c 41 49 4e";
    let mut played = Played::new(AmqpBrokerConfig::default());
    assert_eq!(played.says(SASL), bytes(&format!("{SASL} {both}")));
    assert_eq!(played.says(init), bytes("00 00 00 10 02 01 00 00 00 53 44 c0 03 01 50 00"));
    assert_eq!(played.says(AMQP), bytes(AMQP));
    // With users, one has to be of them: the wrong password gets the code 1 (§5.3.3.6), and the stream is closed.
    let user = |password: &str| AmqpUser { name: "guest".to_owned(), password: password.to_owned() };
    for (password, code) in [("guest", "00"), ("other", "01")] {
        let mut played = Played::new(AmqpBrokerConfig { users: vec![user(password)], ..AmqpBrokerConfig::default() });
        let answer = played.says(SASL);
        assert!(answer.starts_with(&bytes(SASL)));
        assert!(!String::from_utf8_lossy(&answer).contains("ANONYMOUS"), "{plain}");
        assert_eq!(played.says(init), bytes(&format!("00 00 00 10 02 01 00 00 00 53 44 c0 03 01 50 {code}")));
        assert_eq!(played.is_closed(), code == "01");
        let failed = ["failed_authentications", "refused_connections"].map(|name| total(&played.app, name));
        assert_eq!(failed, if code == "01" { [1, 1] } else { [0, 0] });
    }
}

/// Headers: one that is not taken is answered with the one that would be (§2.2), and the stream is closed; of another version, with that of 0-9-1.
#[test]
fn headers_that_are_not_taken() {
    let users = vec![AmqpUser { name: "a".to_owned(), password: "b".to_owned() }];
    let with_users = AmqpBrokerConfig { users, ..AmqpBrokerConfig::default() };
    for (config, says, answer) in [
        (&with_users, AMQP, SASL),
        (&AmqpBrokerConfig::default(), "41 4d 51 50 02 01 00 00", SASL),
        (&AmqpBrokerConfig::default(), "41 4d 51 50 00 01 00 01", "41 4d 51 50 00 00 09 01"),
        (&AmqpBrokerConfig::default(), "41 4d 51 50 01 01 00 00", "41 4d 51 50 00 00 09 01"),
    ] {
        let mut played = Played::new(config.clone());
        assert_eq!(played.says(says), bytes(answer), "{says}");
        assert!(played.is_closed());
        assert_eq!(total(&played.app, "refused_connections"), 1);
    }
}

/// §2.4.5: it says 2 s, half of what it enforces. The client wants a frame in each second: an empty one goes after each half. At 4 s without a frame of the client's it is gone.
#[test]
fn idle_time_outs() {
    let config = AmqpBrokerConfig { heartbeat: Span::from_secs(2), ..AmqpBrokerConfig::default() };
    let mut played = Played::new(config);
    played.says(AMQP);
    // Container c, frames of 512 bytes, 1000 ms.
    let answer = played.says("00 00 00 1d 02 00 00 00 00 53 10 c0 10 05 a1 01 63 40 70 00 00 02 00 40 70 00 00 03 e8");
    assert!(answer.ends_with(&bytes("70 00 00 07 d0")));
    let empty = bytes("00 00 00 08 02 00 00 00");
    let at = |millis| protosim_core::LocalTime::ZERO + Span::from_millis(millis);
    let Played { app, bench, seen } = &mut played;
    for (millis, frames) in [(499, 0), (500, 1), (1000, 2), (3999, 7)] {
        bench.pass(app, at(millis));
        let written = bench.streams[0].written.to_bytes()[*seen..].to_vec();
        assert_eq!(written, empty.repeat(frames), "{millis} ms");
    }
    bench.pass(app, at(4000));
    let close = bench.streams[0].written.to_bytes()[*seen + 7 * empty.len()..].to_vec();
    let text = String::from_utf8_lossy(&close).into_owned();
    assert!(text.contains("amqp:resource-limit-exceeded"), "{text}");
    assert!(bench.streams[0].is_closed);
    assert_eq!((total(app, "heartbeat_timeouts"), total(app, "heartbeats_sent")), (1, 7));
}

/// A client that does not get open in time is dropped.
#[test]
fn connections_have_to_be_opened_in_time() {
    for begins in ["41 4d 51", SASL, AMQP] {
        let mut played = Played::new(AmqpBrokerConfig::default());
        played.says(begins);
        let Played { app, bench, .. } = &mut played;
        bench.pass(app, protosim_core::LocalTime::ZERO + Span::from_secs(10));
        assert!(bench.streams[0].is_aborted, "{begins}");
        assert_eq!(total(app, "handshake_timeouts"), 1);
    }
}
