//! Closed forms of the experiment `amqp-acks`, to the nanosecond: what a prefetch, confirms and transactions let through (AMQP 0-9-1 §1.8.3.1, §1.9.2; RabbitMQ's confirms).

use super::{RunOutput, Watch, run_one, setup};
use crate::scenario::{Request, load_text};
use protosim_core::SimTime;

const MS: u64 = 1_000_000;
/// A bit at 10 Mbit/s \[ns\].
const BIT: u64 = 100;
/// IPv4, and TCP with timestamps (RFC 7323) \[bytes\].
const HEADERS: u64 = 20 + 20 + 12;
/// A message fills a segment: `basic.deliver` has 28 bytes (frame 8, ids 4, tag `c1` 3, number 8, redelivered 1, exchange 1, key `q1` 3), `basic.publish` 19 (8, 4, reserved 2, exchange 1, key 3, bits 1); the
/// content header 22 (8, class 2, weight 2, size 8, flags 2), the body's frame 8.
const SEGMENT: u64 = 1448;
const DELIVERED_BODY: u64 = SEGMENT - 28 - 22 - 8;
const PUBLISHED_BODY: u64 = SEGMENT - 19 - 22 - 8;
/// How long it takes to send one \[ns\].
const MESSAGE: u64 = (SEGMENT + HEADERS) * 8 * BIT;
/// `basic.ack`: frame 8, ids 4, tag 8, multiple 1.
const ACK: u64 = (21 + HEADERS) * 8 * BIT;
/// `tx.commit` and its answer: frame 8, ids 4.
const COMMIT: u64 = (12 + HEADERS) * 8 * BIT;

/// A publisher of 1000 messages per second, which is more than a line of 10 Mbit/s takes, a broker, a consumer; one of the two lines is such a one, the other has no rate.
#[derive(Clone, Copy, Debug)]
struct Case<'a> {
    /// From a client to the broker \[ms\].
    way: u64,
    confirms: &'a str,
    consumer: &'a str,
    /// The publisher's line is what binds.
    is_publishing: bool,
}

impl Case<'_> {
    fn run(&self) -> RunOutput {
        let Self { way, confirms, consumer, is_publishing } = self;
        let rate = r#"rate: "10 Mbit/s""#;
        let (up, down, body) = if *is_publishing { (rate, "", PUBLISHED_BODY) } else { ("", rate, DELIVERED_BODY) };
        let text = format!(
            r#"(
                format: 1,
                title: "Acknowledgements",
                nodes: [(name: "from"), (name: "broker"), (name: "to")],
                links: [
                    (name: "up", ends: ("from", "broker"), delay: "{way} ms", {up}),
                    (name: "down", ends: ("broker", "to"), delay: "{way} ms", {down}),
                ],
                apps: [
                    (name: "broker", on: "broker", run: AmqpBroker()),
                    (name: "publisher", on: "from", run: AmqpClient(to: "broker", queues: [(name: "q1")],
                        publications: [(key: "q1", payload: "{body} B", interval: "1 ms", confirms: {confirms})])),
                    (name: "consumer", on: "to", run: AmqpClient(to: "broker", queues: [(name: "q1")], consumers: [(queue: "q1", {consumer})])),
                ],
                until: After("8 s"),
            )"#
        );
        let loaded =
            load_text("t", "t.ron", &text, &Request::default(), false).unwrap_or_else(|error| panic!("{error}"));
        let scenario = &loaded.points[0].scenario;
        run_one(&setup(scenario), scenario, 0, 1, &Watch::default()).unwrap()
    }

    /// When messages reached the consumer, or were confirmed, from 4 s on \[ns\].
    fn times(&self) -> Vec<u64> {
        let output = self.run();
        let time = |exchange: &super::Exchange| {
            let after = if self.is_publishing { exchange.completion() } else { exchange.delivered };
            Some(exchange.started?.saturating_add(after?))
        };
        let mut all: Vec<SimTime> = output.exchanges.iter().filter_map(time).collect();
        all.sort_unstable();
        let warm = SimTime::from_nanos(4000 * MS);
        let all: Vec<u64> = all.into_iter().filter(|at| *at >= warm).map(|at| at.as_nanos()).collect();
        // Sequential ones with a round trip of 100 ms are 39.
        assert!(all.len() > 30, "{self:?}: {} messages", all.len());
        all
    }

    /// The line is full: of many messages each takes its time there. Where more is on its way than the sender's buffers hold, some are cut at the end of these, and have a segment of a few
    /// bytes more: 2 in 1000 is what we leave to that, and the first and the last one's places in it.
    fn fills_the_line(&self) {
        let times = self.times();
        let (first, last) = (times[0], times[times.len() - 1]);
        let expected = (times.len() as u64 - 1) * MESSAGE;
        assert!(
            (last - first).abs_diff(expected) <= expected / 500 + MESSAGE,
            "{self:?}: {} in {}",
            times.len(),
            last - first
        );
    }

    /// From each message to the one `n` later it takes `cycle`.
    fn has_cycle(&self, n: usize, cycle: u64) {
        let times = self.times();
        for (first, later) in times.iter().zip(&times[n.min(times.len() - 1)..]) {
            assert_eq!(later - first, cycle, "{self:?}, after {first} ns");
        }
    }
}

/// A message goes, and takes its time on the line and a way; its acknowledgement comes back, and lets the next one go: n messages in so long, unless the line takes fewer. With m
/// acknowledged at once, the first of them waits for the other m − 1, and a line that is done with one such bunch before the other one's acknowledgement comes stands still.
#[test]
fn a_consumer_gets_its_prefetch_in_a_round_trip() {
    for way in [5, 50] {
        for (n, m) in [(1, 1), (2, 1), (5, 1), (20, 1), (20, 5), (20, 10), (20, 20), (200, 1), (200, 100)] {
            let consumer = match m {
                1 => format!("prefetch: {n}"),
                m => format!("prefetch: {n}, acknowledge: Multiple({m})"),
            };
            let case = Case { way, confirms: "None", consumer: &consumer, is_publishing: false };
            let cycle = 2 * way * MS + m * MESSAGE + ACK;
            match n * MESSAGE >= cycle {
                true => case.fills_the_line(),
                false => case.has_cycle(n as usize, cycle),
            }
        }
        let all =
            Case { way, confirms: "None", consumer: "prefetch: 100, acknowledge: Multiple(100)", is_publishing: false };
        all.has_cycle(100, 2 * way * MS + 100 * MESSAGE + ACK);
        Case { consumer: "acknowledge: None", ..all }.fills_the_line();
    }
}

fn publishing(way: u64, confirms: &str) -> Case<'_> {
    Case { way, confirms, consumer: "acknowledge: None", is_publishing: true }
}

/// The same of confirms. A batch is one bunch: the line stands still from its last message until that one's confirm is there. So is a transaction; what comes back is the answer to its commit,
/// which is sent behind its messages, in a segment of its own.
#[test]
fn confirms_and_commits_let_the_next_messages_go() {
    for way in [5, 50] {
        let trip = 2 * way * MS;
        publishing(way, "Each").has_cycle(1, trip + MESSAGE + ACK);
        for n in [1, 2, 5, 20] {
            let window = trip + MESSAGE + ACK;
            match n * MESSAGE >= window {
                true => publishing(way, &format!("Window({n})")).fills_the_line(),
                false => publishing(way, &format!("Window({n})")).has_cycle(n as usize, window),
            }
            publishing(way, &format!("Batch({n})")).has_cycle(n as usize, trip + n * MESSAGE + ACK);
            publishing(way, &format!("Transaction({n})")).has_cycle(n as usize, trip + n * MESSAGE + 2 * COMMIT);
        }
        publishing(way, "Window(200)").fills_the_line();
    }
}
