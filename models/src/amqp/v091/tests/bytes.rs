//! What the broker answers, byte by byte, to what other implementations send (the captures that `vectors` has), and to what is wrong.

use crate::amqp::{AmqpBroker, AmqpBrokerConfig};
use crate::app::App;
use crate::rope::Rope;
use crate::tcp::app::tests::bench::{Bench, total};

fn hex(text: &str) -> Rope {
    let bytes = text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap());
    Rope::from(bytes.collect::<Vec<u8>>())
}

const HEADER: &str = "41 4d 51 50 00 00 09 01";
const START_OK: &str = "01 00 00 00 00 00 34 00 0a 00 0b 00 00 00 10 07 70 72 6f 64 75 63 74 53 00 00 00 03 73 69 6d 05 50 4c 41 49 4e 00 00 00 0c 00 67 75 65 73 74 00 67 75 65 73 74 05 65 6e 5f 55 53 ce";
const TUNE: &str = "01 00 00 00 00 00 0c 00 0a 00 1e 07 ff 00 02 00 00 00 3c ce";
const TUNE_OK: &str = "01 00 00 00 00 00 0c 00 0a 00 1f 07 ff 00 02 00 00 00 0a ce";
const OPEN: &str = "01 00 00 00 00 00 08 00 0a 00 28 01 2f 00 01 ce";
const OPEN_OK: &str = "01 00 00 00 00 00 05 00 0a 00 29 00 ce";
const CHANNEL: &str = "01 00 01 00 00 00 05 00 14 00 0a 00 ce";
const CHANNEL_OK: &str = "01 00 01 00 00 00 08 00 14 00 0b 00 00 00 00 ce";
const DECLARE: &str = "01 00 01 00 00 00 0d 00 32 00 0a 00 00 01 71 00 00 00 00 00 ce";
const DECLARED: &str = "01 00 01 00 00 00 0e 00 32 00 0b 01 71 00 00 00 00 00 00 00 00 ce";
const CONFIRM: &str = "01 00 01 00 00 00 05 00 55 00 0a 00 ce";
const CONFIRM_OK: &str = "01 00 01 00 00 00 04 00 55 00 0b ce";
const ACK: &str = "01 00 01 00 00 00 0d 00 3c 00 50 00 00 00 00 00 00 00 01 00 ce";
const HI: &str = "02 00 01 00 00 00 1a 00 3c 00 00 00 00 00 00 00 00 00 02 90 00 0a 74 65 78 74 2f 70 6c 61 69 6e 02 ce 03 00 01 00 00 00 02 68 69 ce";

struct Played {
    app: AmqpBroker,
    bench: Bench,
    seen: usize,
}

impl Played {
    fn new() -> Self {
        let (mut app, mut bench) = (AmqpBroker::new(AmqpBrokerConfig::default()), Bench::new(1 << 20));
        app.on_start(&mut bench);
        assert_eq!(bench.listens, [5672]);
        bench.accept(&mut app, 5672);
        Self { app, bench, seen: 0 }
    }

    /// With a connection and a channel.
    fn open() -> Self {
        let mut played = Self::new();
        played.says(HEADER);
        assert_eq!(played.says(START_OK), hex(TUNE).to_bytes());
        assert_eq!(played.says(&format!("{TUNE_OK} {OPEN}")), hex(OPEN_OK).to_bytes());
        assert_eq!(played.says(CHANNEL), hex(CHANNEL_OK).to_bytes());
        played
    }

    /// What it answers to these bytes.
    fn says(&mut self, bytes: &str) -> Vec<u8> {
        self.bench.receive(&mut self.app, 0, &hex(bytes));
        let all = self.bench.streams[0].written.to_bytes();
        let new = all[self.seen..].to_vec();
        self.seen = all.len();
        new
    }

    fn is_closed(&self) -> bool {
        self.bench.streams[0].is_closed
    }
}

fn of(text: &str) -> Vec<u8> {
    hex(text).to_bytes().to_vec()
}

/// Tune, open, a channel, a queue, a confirm, a message back by `get`, an empty queue.
#[test]
fn a_session_is_answered_as_rabbitmq_answers_it() {
    let mut played = Played::open();
    assert_eq!(played.says(DECLARE), of(DECLARED));
    assert_eq!(played.says(CONFIRM), of(CONFIRM_OK));
    let publish = "01 00 01 00 00 00 0a 00 3c 00 28 00 00 00 01 71 00 ce";
    assert_eq!(played.says(&format!("{publish} {HI}")), of(ACK));
    // get, from queue q, to be acknowledged: tag 1, the default exchange, key q, none left.
    let got = "01 00 01 00 00 00 14 00 3c 00 47 00 00 00 00 00 00 00 01 00 00 01 71 00 00 00 00 ce";
    assert_eq!(played.says("01 00 01 00 00 00 09 00 3c 00 46 00 00 01 71 00 ce"), of(&format!("{got} {HI}")));
    assert_eq!(
        played.says("01 00 01 00 00 00 09 00 3c 00 46 00 00 01 71 00 ce"),
        of("01 00 01 00 00 00 05 00 3c 00 48 00 ce")
    );
    // Back into the queue, and marked when it comes again: bit 0 of redelivered.
    assert_eq!(played.says("01 00 01 00 00 00 0d 00 3c 00 78 00 00 00 00 00 00 00 01 02 ce"), Vec::<u8>::new());
    let again = "01 00 01 00 00 00 14 00 3c 00 47 00 00 00 00 00 00 00 02 01 00 01 71 00 00 00 00 ce";
    assert_eq!(played.says("01 00 01 00 00 00 09 00 3c 00 46 00 00 01 71 00 ce"), of(&format!("{again} {HI}")));
}

/// A mandatory message for no queue comes back, then its confirm.
#[test]
fn a_return_comes_before_its_confirm() {
    let mut played = Played::open();
    played.says("01 00 01 00 00 00 13 00 28 00 0a 00 00 01 65 05 74 6f 70 69 63 00 00 00 00 00 ce");
    played.says(CONFIRM);
    let returned = "01 00 01 00 00 00 13 00 3c 00 32 01 38 08 4e 4f 5f 52 4f 55 54 45 01 65 01 7a ce";
    let publish = "01 00 01 00 00 00 0b 00 3c 00 28 00 00 01 65 01 7a 01 ce";
    assert_eq!(played.says(&format!("{publish} {HI}")), of(&format!("{returned} {HI} {ACK}")));
}

/// What is wrong, and the code: of the channel, which is used again after close-ok, or of the connection. Codes stand behind the method's numbers.
#[test]
fn errors_have_their_codes() {
    let code = |answer: &[u8]| {
        (answer[2], u16::from_be_bytes([answer[8], answer[10]]), u16::from_be_bytes([answer[11], answer[12]]))
    };
    const UNKNOWN: &str = "01 00 01 00 00 00 04 00 3c 00 01 ce";
    const OF_CHANNEL: (u8, u16) = (1, 0x1428);
    const OF_CONNECTION: (u8, u16) = (0, 0x0a32);
    for (bytes, (channel, method), number) in [
        // Acknowledges tag 1; consumes from a queue that there is not; rolls back without transactions.
        ("01 00 01 00 00 00 0d 00 3c 00 50 00 00 00 00 00 00 00 01 00 ce", OF_CHANNEL, 406),
        ("01 00 01 00 00 00 0f 00 3c 00 14 00 00 01 71 01 74 00 00 00 00 00 ce", OF_CHANNEL, 404),
        ("01 00 01 00 00 00 04 00 5a 00 1e ce", OF_CHANNEL, 406),
        // Declares amq.q.
        ("01 00 01 00 00 00 11 00 32 00 0a 00 00 05 61 6d 71 2e 71 00 00 00 00 00 ce", OF_CHANNEL, 403),
        // The channel again; another channel, unopened; a method that there is not; a body without its header; a type that there is not; no end.
        (CHANNEL, OF_CONNECTION, 504),
        ("01 00 02 00 00 00 0d 00 32 00 0a 00 00 01 71 00 00 00 00 00 ce", OF_CONNECTION, 504),
        (UNKNOWN, OF_CONNECTION, 503),
        ("03 00 01 00 00 00 02 68 69 ce", OF_CONNECTION, 505),
        ("07 00 01 00 00 00 02 68 69 ce", OF_CONNECTION, 501),
        ("08 00 00 00 00 00 00 00", OF_CONNECTION, 501),
        // A frame that is longer than agreed upon.
        ("03 00 01 00 02 00 00", OF_CONNECTION, 501),
        // An exchange of an unknown type.
        ("01 00 01 00 00 00 0f 00 28 00 0a 00 00 01 65 01 78 00 00 00 00 00 ce", OF_CONNECTION, 503),
        // Basic.qos with a size.
        ("01 00 01 00 00 00 0b 00 3c 00 0a 00 00 00 01 00 0a 00 ce", OF_CONNECTION, 540),
    ] {
        // Behind those close-ok could not be read: the stream is closed at once.
        let is_unreadable = number == 501 || bytes == UNKNOWN;
        let mut played = Played::open();
        let answer = played.says(bytes);
        assert_eq!(code(&answer), (channel, method, number), "{bytes}");
        let [soft, hard] = ["channel_errors", "connection_errors"].map(|name| total(&played.app, name));
        assert_eq!((soft, hard), if channel == 1 { (1, 0) } else { (0, 1) }, "{bytes}");
        if channel == 1 {
            // Whatever else comes is dropped, and the channel can be opened anew.
            assert_eq!(played.says(DECLARE), Vec::<u8>::new());
            assert_eq!(played.says(&format!("01 00 01 00 00 00 04 00 14 00 29 ce {CHANNEL}")), of(CHANNEL_OK));
        } else if !is_unreadable {
            assert!(!played.is_closed());
            played.says("01 00 00 00 00 00 04 00 0a 00 33 ce");
            assert!(played.is_closed(), "{bytes}");
        } else {
            assert!(played.is_closed(), "{bytes}");
        }
    }
}

/// Other protocols are answered with the header of this one, and closed (§4.2.2).
#[test]
fn other_protocols_are_told() {
    for bytes in ["41 4d 51 50 03 00 09 01", "41 4d 51 50 00 00 08 00", "47 45 54 20 2f"] {
        let mut played = Played::new();
        assert_eq!(played.says(bytes), of(HEADER));
        assert!(played.is_closed());
        assert_eq!(total(&played.app, "refused_connections"), 1);
    }
}

/// What is said to be left behind a message that is asked for has not expired: RabbitMQ 3.10.8 drops what has before it counts.
#[test]
fn what_has_expired_behind_a_message_does_not_count() {
    const PUBLISH: &str = "01 00 01 00 00 00 0a 00 3c 00 28 00 00 00 01 71 00 ce";
    // The second one, with an expiration of 0 ms, has expired where it stands.
    const SHORT: &str =
        "02 00 01 00 00 00 10 00 3c 00 00 00 00 00 00 00 00 00 02 01 00 01 30 ce 03 00 01 00 00 00 02 68 69 ce";
    const GET: &str = "01 00 01 00 00 00 09 00 3c 00 46 00 00 01 71 01 ce";
    const GET_OK: &str = "01 00 01 00 00 00 14 00 3c 00 47 00 00 00 00 00 00 00 01 00 00 01 71 00 00 00 00 ce";
    let mut played = Played::open();
    assert_eq!(played.says(DECLARE), hex(DECLARED).to_bytes());
    assert_eq!(played.says(&format!("{PUBLISH} {HI} {PUBLISH} {SHORT}")), [0u8; 0]);
    assert_eq!(played.says(GET), hex(&format!("{GET_OK} {HI}")).to_bytes());
    assert_eq!(played.says(GET), hex("01 00 01 00 00 00 05 00 3c 00 48 00 ce").to_bytes());
}

/// §1.5, 504: a method with a content is refused where its channel is not open, before anything of the content is kept; so it is before the connection is open.
#[test]
fn contents_are_of_open_channels() {
    // connection.close 504.
    const CLOSE: [u8; 6] = [0, 10, 0, 50, 1, 0xf8];
    let closes = |said: &[u8]| said.windows(CLOSE.len()).any(|part| part == CLOSE);
    let mut played = Played::open();
    assert!(closes(&played.says("01 00 02 00 00 00 0a 00 3c 00 28 00 00 00 01 71 00 ce")));
    assert_eq!(total(&played.app, "connection_errors"), 1);
    let mut played = Played::new();
    played.says(HEADER);
    let said = played.says("01 00 01 00 00 00 0a 00 3c 00 28 00 00 00 01 71 00 ce");
    assert!(closes(&said) || played.is_closed());
    assert_eq!(total(&played.app, "connection_errors"), 1);
}

/// A tag is acknowledged twice in a transaction (406): nothing of it happens, neither the publication before nor the first acknowledgement. What was delivered is in its queue again.
#[test]
fn a_transaction_that_is_wrong_is_not_begun() {
    const PUBLISH: &str = "01 00 01 00 00 00 0a 00 3c 00 28 00 00 00 01 71 00 ce";
    const GET: &str = "01 00 01 00 00 00 09 00 3c 00 46 00 00 01 71 00 ce";
    let got =
        |mark| format!("01 00 01 00 00 00 14 00 3c 00 47 00 00 00 00 00 00 00 01 {mark} 00 01 71 00 00 00 00 ce {HI}");
    let mut played = Played::open();
    assert_eq!(played.says(DECLARE), of(DECLARED));
    assert_eq!(played.says(&format!("{PUBLISH} {HI}")), [0u8; 0]);
    assert_eq!(played.says(GET), of(&got("00")));
    assert_eq!(played.says("01 00 01 00 00 00 04 00 5a 00 0a ce"), of("01 00 01 00 00 00 04 00 5a 00 0b ce"));
    assert_eq!(played.says(&format!("{PUBLISH} {HI} {ACK}")), [0u8; 0]);
    let said = played.says(ACK);
    // channel.close 406.
    assert_eq!(said[..13], *hex(&format!("01 00 01 00 00 00 {:02x} 00 14 00 28 01 96", said[6])).to_bytes());
    assert_eq!(played.says(&format!("01 00 01 00 00 00 04 00 14 00 29 ce {CHANNEL}")), of(CHANNEL_OK));
    assert_eq!(played.says(GET), of(&got("01")));
    assert_eq!(played.says(GET), of("01 00 01 00 00 00 05 00 3c 00 48 00 ce"));
}

/// §4.2.3: everyone takes frames of 4096 bytes. Who says less is told 530, as by RabbitMQ.
#[test]
fn frames_have_a_least_limit() {
    let mut played = Played::new();
    played.says(HEADER);
    played.says(START_OK);
    // tune-ok with 100 bytes.
    let said = played.says("01 00 00 00 00 00 0c 00 0a 00 1f 07 ff 00 00 00 64 00 0a ce");
    assert!(said.windows(6).any(|part| part == [0, 10, 0, 50, 2, 0x12]), "{said:?}");
}
