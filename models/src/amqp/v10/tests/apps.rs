//! Clients under the kernel. Each has a link of its own to its peer, of 10 ms each way and without a rate, so that nothing else takes time: R is both ways.

use super::peer::{Act, Peer};
use crate::amqp::v10::config::{
    Amqp10ClientConfig, AmqpOutcome, AmqpReceiverConfig, AmqpSenderConfig, AmqpSettlement as Settle,
};
use crate::amqp::v10::wire::{Condition, DeliveryState};
use crate::amqp::v10::{Amqp10Client, connection::ConnectionConfig};
use crate::device::Cost;
use crate::messaging::ReconnectConfig;
use crate::name::NodeName;
use crate::node::Report;
use crate::observe::{Observation, Outcome};
use crate::testing::{Net, World, at, link};
use crate::traffic::{SizeDistribution, TimeDistribution};
use protosim_core::kernel::Interests;
use protosim_core::{Ratio, Size, Span, Until};

pub(super) const MS: u64 = 1_000_000;
/// There and back \[ms\].
pub(super) const R: u64 = 20;
pub(super) const MODES: [Settle; 3] = [Settle::Settled, Settle::First, Settle::Second];

pub(super) fn client() -> Amqp10ClientConfig {
    let reconnect = ReconnectConfig { first: Span::from_millis(200), jitter: false, ..ReconnectConfig::default() };
    Amqp10ClientConfig { reconnect, ..Amqp10ClientConfig::new(NodeName("broker".to_owned())) }
}

/// `count` messages for queue `q`, all due at `start` ms.
pub(super) fn burst(settle: Settle, start: u64, count: u64) -> AmqpSenderConfig {
    AmqpSenderConfig {
        start: Some(Span::from_millis(start)),
        interval: TimeDistribution::Fixed(Span::ZERO),
        count: Some(count),
        ..AmqpSenderConfig::new("q", settle)
    }
}

pub(super) fn says(sender: AmqpSenderConfig) -> Amqp10ClientConfig {
    Amqp10ClientConfig { senders: vec![sender], ..client() }
}

pub(super) fn takes(receiver: AmqpReceiverConfig) -> Amqp10ClientConfig {
    Amqp10ClientConfig { receivers: vec![receiver], ..client() }
}

/// A peer, node 0, and a client, node 1.
pub(super) struct Bed {
    net: Net,
    observed: Vec<(u64, Observation)>,
}

pub(super) struct Ran {
    pub(super) observed: Vec<(u64, Observation)>,
    world: World,
}

impl Bed {
    pub(super) fn new(peer: Peer, config: Amqp10ClientConfig) -> Self {
        let mut net = Net::new(1);
        net.node("broker", true);
        net.node("n1", false);
        net.link("l1", 1, 0, link("", "10 ms"));
        net.app(0, "broker", peer);
        assert_eq!(config.check(), []);
        let to = net.socket(0, config.port());
        net.app(1, "c1", Amqp10Client::new(config, to));
        Self { net, observed: vec![] }
    }

    /// The client has no power from one time to the other \[ms\].
    pub(super) fn off(mut self, from: u64, to: u64) -> Self {
        self.net.power(at(from * MS), 1, false);
        self.net.power(at(to * MS), 1, true);
        self
    }

    pub(super) fn run(self, millis: u64) -> Ran {
        let mut world = self.net.build(1);
        world.listen(Interests::RESULTS.and(Interests::MESSAGES));
        world.run(Until::Time(at(millis * MS)));
        let reports = world.take_reports();
        let mut observed = self.observed;
        observed.extend(reports.iter().filter_map(|reported| match &reported.report {
            Report::App { observation, .. } => Some((reported.at.as_nanos(), observation.clone())),
            _ => None,
        }));
        Ran { observed, world }
    }
}

impl Ran {
    pub(super) fn peer(&self, name: &str) -> u64 {
        self.world.total(0, "broker", name)
    }

    pub(super) fn of(&self, name: &str) -> u64 {
        self.world.total(1, "c1", name)
    }

    /// When exchanges ended with this outcome \[ms\].
    pub(super) fn ends(&self, with: Outcome) -> Vec<u64> {
        let ends = self.observed.iter().filter_map(|(at, observation)| match observation {
            Observation::ExchangeEnded { outcome, .. } if *outcome == with => Some(*at / MS),
            _ => None,
        });
        ends.collect()
    }

    /// When messages were delivered \[ms\].
    pub(super) fn deliveries(&self) -> Vec<u64> {
        let all = self.observed.iter().filter(|(_, seen)| matches!(seen, Observation::RequestDelivered(_)));
        all.map(|(at, _)| *at / MS).collect()
    }
}

/// The sheet's vectors: header of SASL; init with PLAIN, guest and guest; the header of AMQP; the open, whose container is `c`, for `host`, with frames up to 32768 bytes, channels up to 255, and half of
/// 120 s of idle time.
#[test]
fn the_first_bytes_are_those_of_the_sheet() {
    let config = Amqp10ClientConfig {
        container_id: Some("c".to_owned()),
        hostname: None,
        max_frame: Size::from_bytes(32768),
        idle_timeout: Span::from_secs(120),
        ..client()
    };
    let peer = Peer::new();
    let log = peer.log.clone();
    Bed::new(peer, config).run(500);
    let mut wanted = vec![0x41, 0x4d, 0x51, 0x50, 3, 1, 0, 0];
    wanted.extend([0, 0, 0, 0x23, 2, 1, 0, 0, 0, 0x53, 0x41, 0xc0, 0x16, 2, 0xa3, 5]);
    wanted.extend(b"PLAIN\xa0\x0c\0guest\0guest");
    wanted.extend([0x41, 0x4d, 0x51, 0x50, 0, 1, 0, 0]);
    // Without a hostname (null, 40), five bytes less than the sheet's for `host`: 0x24 - 5, 0x17 - 5.
    wanted.extend([0, 0, 0, 0x1f, 2, 0, 0, 0, 0, 0x53, 0x10, 0xc0, 0x12, 5, 0xa1, 1, b'c', 0x40]);
    wanted.extend([0x70, 0, 0, 0x80, 0, 0x60, 0, 0xff, 0x70, 0, 0, 0xea, 0x60]);
    assert_eq!(*log.lock().unwrap(), wanted);
}

/// With a host, the whole open of the sheet; without SASL it stands behind the header.
#[test]
fn the_open_with_a_host_is_that_of_the_sheet() {
    let config = Amqp10ClientConfig {
        container_id: Some("c".to_owned()),
        hostname: Some("host".to_owned()),
        max_frame: Size::from_bytes(32768),
        idle_timeout: Span::from_secs(120),
        sasl: false,
        ..client()
    };
    let mut peer = Peer::new();
    peer.config.sasl = None;
    let log = peer.log.clone();
    Bed::new(peer, config).run(500);
    let mut wanted = vec![0x41, 0x4d, 0x51, 0x50, 0, 1, 0, 0];
    wanted.extend([0, 0, 0, 0x24, 2, 0, 0, 0, 0, 0x53, 0x10, 0xc0, 0x17, 5, 0xa1, 1, b'c', 0xa1, 4]);
    wanted.extend(b"host\x70\0\0\x80\0\x60\0\xff\x70\0\0\xea\x60");
    assert_eq!(*log.lock().unwrap(), wanted);
}

/// TCP, header and mechanisms, init and outcome, header, open, attach and credit: six round trips, and one more for the outcome of a delivery. Without SASL two less; where the open goes
/// with the header one less. ANONYMOUS takes as long as PLAIN.
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
            let username = user.to_owned();
            let config = Amqp10ClientConfig { sasl, pipelined, username, ..says(burst(settle, 0, 1)) };
            let mut peer = Peer::new();
            if !sasl {
                peer.config.sasl = None;
            }
            let ran = Bed::new(peer, config).run(1000);
            let answer = u64::from(settle != Settle::Settled);
            assert_eq!(ran.ends(Outcome::Response), [(trips + answer) * R], "{sasl} {pipelined} {settle:?}");
            assert_eq!((ran.of("opened_connections"), ran.of("attached_links"), ran.of("weaker_links")), (1, 1, 0));
            assert_eq!((ran.peer("messages"), ran.peer("copies")), (1, 1));
        }
    }
}

/// Of 12 messages, w of which may be unsettled, w take one round trip: ceil(12/w). The peer's credit is a window likewise: it gives credit for 5 anew with the answers to 5.
/// Settled ones wait for credit alone, which is there again after one round trip. With second, the peer gives credit anew when the sender has settled, too: the last 2 of 12 go after two times two round trips.
#[test]
fn windows_and_credit_are_so_many_messages_in_a_round_trip() {
    for (settle, window, credit, trips) in [
        (Settle::First, Some(1), 100, 12),
        (Settle::First, Some(4), 100, 3),
        (Settle::Second, Some(4), 100, 3),
        (Settle::Second, None, 100, 1),
        (Settle::First, None, 5, 3),
        (Settle::Second, None, 5, 5),
        (Settle::Settled, None, 5, 2),
    ] {
        let sender = AmqpSenderConfig { window, ..burst(settle, 500, 12) };
        let ran = Bed::new(Peer { credit, ..Peer::new() }, says(sender)).run(2000);
        let ends = ran.ends(Outcome::Response);
        assert_eq!((ends.len(), ends.last()), (12, Some(&(500 + trips * R))), "{settle:?} {window:?} {credit}");
        assert_eq!((ran.peer("messages"), ran.peer("copies"), ran.of("completed_messages")), (12, 12, 12));
        if let Some(window) = window {
            assert_eq!(ran.peer("most_unsettled"), if settle == Settle::Second { u64::from(window) } else { 0 });
        }
    }
}

/// Of a backlog of 40, a credit of n lets n come with each round trip: its answers bring the next ones; with second, it is two: the credit goes when the peer has settled, too. What is read at once is answered by one disposition, or so many at a time as is said.
#[test]
fn a_credit_is_so_many_messages_in_a_round_trip() {
    for (settle, credit, acknowledge, dispositions) in [
        (Settle::First, 1, 1, 40),
        (Settle::First, 5, 1, 8),
        (Settle::First, 5, 5, 8),
        (Settle::Second, 10, 10, 4),
        (Settle::First, 100, 20, 2),
        (Settle::Settled, 10, 1, 0),
    ] {
        let receiver = AmqpReceiverConfig { credit: Some(credit), acknowledge, ..AmqpReceiverConfig::new("q", settle) };
        let ran = Bed::new(Peer { has: (40, 64), ..Peer::new() }, takes(receiver)).run(3000);
        // Attach and flow leave after five round trips with the answer to the open, credit after the answer to the attach: the message is there one later.
        let trips = if settle == Settle::Second { 2 } else { 1 };
        let wanted: Vec<u64> = (0..40_u64).map(|number| (7 + trips * (number / u64::from(credit))) * R).collect();
        assert_eq!(ran.deliveries(), wanted, "{settle:?} {credit} {acknowledge}");
        assert_eq!(ran.peer("dispositions"), dispositions, "{settle:?} {credit} {acknowledge}");
        let accepted = if settle == Settle::Settled { (0, 0, 40) } else { (40, 40, 0) };
        assert_eq!((ran.of("accepted_messages"), ran.peer("accepted"), ran.peer("settled")), accepted);
        assert_eq!((ran.of("received_messages"), ran.of("corrupted_messages"), ran.of("foreign_messages")), (40, 0, 0));
        assert_eq!(ran.of("settled_messages"), if settle == Settle::Second { 40 } else { 0 });
    }
}

/// One by one: each message takes a round trip, and where there is none it is asked again 50 ms after the answer: from 1000 ms on, within 1000 ms, each 70 ms.
#[test]
fn a_receiver_asks_for_messages_one_by_one() {
    let receiver =
        AmqpReceiverConfig { get: Some(Span::from_millis(50)), ..AmqpReceiverConfig::new("q", Settle::First) };
    let ran = Bed::new(Peer { has: (10, 64), ..Peer::new() }, takes(receiver)).run(2000);
    assert_eq!(ran.deliveries(), (0..10).map(|number| (7 + number) * R).collect::<Vec<_>>());
    // The eleventh question is answered at (7 + 10) R = 340 ms, each further one 70 ms later: 340 + 70 n <= 2000.
    assert_eq!(ran.of("empty_answers"), 1 + (2000 - 340) / 70);
    assert_eq!(ran.of("accepted_messages"), 10);
}

/// Frames of 512 bytes, which is the least, both ways.
#[test]
fn large_messages_go_in_many_frames() {
    let small = |peer: Peer| Peer {
        config: ConnectionConfig { max_frame_size: 512, ..peer.config.clone() },
        has: (3, 20_000),
        ..peer
    };
    let payload = SizeDistribution::Fixed(Size::from_bytes(20_000));
    for settle in MODES {
        let config = Amqp10ClientConfig {
            max_frame: Size::from_bytes(512),
            senders: vec![AmqpSenderConfig { payload: payload.clone(), ..burst(settle, 0, 3) }],
            receivers: vec![AmqpReceiverConfig::new("q", settle)],
            ..client()
        };
        let ran = Bed::new(small(Peer::new()), config).run(5000);
        assert_eq!((ran.peer("messages"), ran.peer("copies"), ran.peer("corrupted")), (3, 3, 0), "{settle:?}");
        assert_eq!((ran.of("received_messages"), ran.of("corrupted_messages")), (3, 0), "{settle:?}");
        assert_eq!(ran.of("completed_messages"), 3);
        // Each of 20,000 bytes takes at least 40 frames of 512.
        assert!(ran.of("frames_sent") > 120 && ran.of("frames_received") > 120);
    }
}

/// A message that the peer does not take fails; those behind it go.
#[test]
fn a_message_that_is_too_large_fails() {
    let payload = SizeDistribution::Fixed(Size::from_bytes(2000));
    let config = Amqp10ClientConfig {
        senders: vec![AmqpSenderConfig { payload, ..burst(Settle::First, 0, 2) }, burst(Settle::First, 0, 3)],
        ..client()
    };
    let ran = Bed::new(Peer { largest: 1000, ..Peer::new() }, config).run(1000);
    assert_eq!((ran.of("too_large_messages"), ran.of("failed_messages"), ran.of("completed_messages")), (2, 2, 3));
    assert_eq!(ran.peer("messages"), 3);
}

/// Each outcome but *accepted* is a failure, and is counted; a receiver says all of them.
#[test]
fn outcomes_are_told_and_counted() {
    fn some(number: u64) -> Option<DeliveryState> {
        Some(match number {
            0 | 1 => DeliveryState::Rejected(None),
            2 => DeliveryState::Released,
            3 => DeliveryState::Modified(Box::default()),
            _ => DeliveryState::Accepted,
        })
    }
    for settle in [Settle::First, Settle::Second] {
        let ran = Bed::new(Peer { outcome: some, ..Peer::new() }, says(burst(settle, 0, 10))).run(1000);
        assert_eq!((ran.ends(Outcome::Response).len(), ran.ends(Outcome::ErrorResponse).len()), (6, 4));
        let names = ["rejected_deliveries", "released_deliveries", "modified_deliveries"];
        assert_eq!(names.map(|name| ran.of(name)), [2, 1, 1]);
    }
    for (outcome, name) in
        [(AmqpOutcome::Rejected, "rejected"), (AmqpOutcome::Released, "released"), (AmqpOutcome::Modified, "modified")]
    {
        let receiver =
            AmqpReceiverConfig { reject: Ratio::ONE, outcome, ..AmqpReceiverConfig::new("q", Settle::First) };
        let ran = Bed::new(Peer { has: (7, 64), redelivers: true, ..Peer::new() }, takes(receiver)).run(1000);
        assert_eq!((ran.of("rejected_messages"), ran.of("accepted_messages"), ran.peer(name)), (7, 0, 7));
        assert_eq!((ran.of("redelivered_messages"), ran.of("unflagged_duplicates")), (7, 0));
    }
}

/// A wrong password, and a peer that does not speak SASL: neither is opened, and it tries again after 200, 400, 800 ms.
#[test]
fn a_refused_login_is_counted_and_tried_again() {
    let wrong = Amqp10ClientConfig { password: "x".to_owned(), ..says(burst(Settle::First, 0, 1)) };
    let ran = Bed::new(Peer::new(), wrong).run(1500);
    // The outcome is there after three round trips: 60, 60 + 200 + 60 = 320, 320 + 400 + 60 = 780 ms; the fourth connection comes at 1580 ms.
    assert_eq!((ran.of("refused_logins"), ran.of("refused_connections")), (3, 3));
    assert_eq!((ran.of("opened_connections"), ran.of("lost_connections"), ran.of("connections")), (0, 0, 3));
    let plain = Amqp10ClientConfig { sasl: false, ..says(burst(Settle::First, 0, 1)) };
    let ran = Bed::new(Peer::new(), plain).run(500);
    assert_eq!((ran.of("refused_logins"), ran.of("opened_connections")), (0, 0));
    assert_eq!(ran.of("refused_connections"), 2, "at 40 ms, and at 40 + 200 + 40");
}

/// A queue that is not there until 500 ms: the link is refused at 120 ms, and, each time a round trip behind, at 340 ms; after twice as long, at 740 ms, it is there. Messages wait; the other link goes on.
#[test]
fn a_refused_link_is_tried_again() {
    let other = AmqpSenderConfig { address: "other".to_owned(), ..burst(Settle::First, 0, 1) };
    let config = Amqp10ClientConfig { senders: vec![burst(Settle::First, 0, 3), other], ..client() };
    let peer = Peer { refuses: Some("q"), script: vec![(500, Act::Welcome)], ..Peer::new() };
    let ran = Bed::new(peer, config).run(2000);
    assert_eq!((ran.of("refused_links"), ran.of("errors_not_found"), ran.of("attached_links")), (2, 2, 2));
    assert_eq!(ran.ends(Outcome::Response), [140, 780, 780, 780]);
    assert_eq!((ran.of("connections"), ran.of("failed_messages")), (1, 0));
}

/// What a detach that closes, a detach, an end and a close with errors do to a message without an outcome: the first one makes it fail, the others have it sent again; and messages go on 200 ms later.
#[test]
fn links_sessions_and_connections_end_with_errors() {
    for (act, counts, is_failed) in [
        (Act::Detach(Condition::ResourceDeleted, true), ["detached_links", "errors_resources"], true),
        (Act::Detach(Condition::DetachForced, false), ["detached_links", "errors_forced"], false),
        (Act::End(Condition::ResourceLimitExceeded), ["ended_sessions", "errors_resources"], false),
        (Act::Close(Condition::ConnectionForced), ["closed_by_broker", "errors_forced"], false),
        (Act::Close(Condition::InternalError), ["closed_by_broker", "errors_other"], false),
    ] {
        let none: fn(u64) -> Option<DeliveryState> = |_| None;
        let script = vec![(400, act), (1200, Act::Answer)];
        let config = Amqp10ClientConfig {
            senders: vec![
                burst(Settle::First, 300, 1),
                AmqpSenderConfig { address: "r".into(), ..burst(Settle::First, 1000, 1) },
            ],
            ..client()
        };
        let ran = Bed::new(Peer { outcome: none, script, ..Peer::new() }, config).run(2000);
        let is_one = if matches!(act, Act::Close(_)) { 1 } else { 2 };
        assert_eq!(counts.map(|name| ran.of(name)), [is_one, is_one], "{act:?}");
        assert_eq!(ran.ends(Outcome::ErrorResponse), if is_failed { vec![410] } else { vec![] }, "{act:?}");
        assert_eq!(ran.of("completed_messages"), if is_failed { 1 } else { 2 }, "{act:?}");
        assert_eq!((ran.of("attached_links"), ran.of("lost_connections")), (4, 0), "{act:?}");
        assert_eq!(ran.of("protocol_errors"), 0, "{act:?}");
    }
}

/// A client that wants a frame within 1 s gets empty ones of the peer, each 250 ms, as it is told half, and sends its own; a peer that is silent from 2 s on is given up 1 s after its last frame.
#[test]
fn a_silent_peer_is_given_up() {
    let config = Amqp10ClientConfig { idle_timeout: Span::from_secs(1), ..says(burst(Settle::First, 0, 1)) };
    let mut peer = Peer { script: vec![(2000, Act::Silence)], ..Peer::new() };
    peer.config.idle_time_out = Some(Span::from_secs(2));
    let ran = Bed::new(peer, config).run(2900);
    // The peer wants one in each second: each 500 ms from 120 ms on.
    assert_eq!((ran.of("idle_timeouts"), ran.of("empty_frames_sent")), (0, 5));
    let config = Amqp10ClientConfig { idle_timeout: Span::from_secs(1), ..says(burst(Settle::First, 0, 1)) };
    let ran = Bed::new(Peer { script: vec![(2000, Act::Silence)], ..Peer::new() }, config).run(3900);
    assert_eq!((ran.of("idle_timeouts"), ran.of("opened_connections"), ran.of("empty_frames_sent")), (1, 2, 0));
    // Without a limit nobody minds.
    let config = Amqp10ClientConfig { idle_timeout: Span::ZERO, ..says(burst(Settle::First, 0, 1)) };
    let ran = Bed::new(Peer { script: vec![(2000, Act::Silence)], ..Peer::new() }, config).run(9000);
    assert_eq!((ran.of("idle_timeouts"), ran.of("connections")), (0, 1));
}

/// A client that stops closes its connection, and what it has not sent has failed.
#[test]
fn a_client_stops() {
    let none: fn(u64) -> Option<DeliveryState> = |_| None;
    let config = Amqp10ClientConfig { stop: Some(Span::from_millis(500)), ..says(burst(Settle::First, 300, 3)) };
    let peer = Peer { outcome: none, ..Peer::new() };
    let log = peer.log.clone();
    let ran = Bed::new(peer, config).run(3000);
    assert_eq!(ran.ends(Outcome::Reset), [500, 500, 500]);
    assert_eq!((ran.of("connections"), ran.of("lost_connections"), ran.of("closed_by_broker")), (1, 0, 0));
    assert!(log.lock().unwrap().ends_with(&[0, 0, 0, 0x0c, 2, 0, 0, 0, 0, 0x53, 0x18, 0x45]), "the sheet's close");
}

/// Header, application properties and data of a message (§3.2): durable, priority 7, 1000 ms; `k` is `v`.
#[test]
fn messages_say_what_they_are() {
    let sender = AmqpSenderConfig {
        durable: true,
        priority: Some(7),
        ttl: Some(Span::from_secs(1)),
        properties: vec![("k".to_owned(), "v".to_owned())],
        payload: SizeDistribution::Fixed(Size::from_bytes(16)),
        ..burst(Settle::Settled, 0, 1)
    };
    let peer = Peer::new();
    let log = peer.log.clone();
    Bed::new(peer, says(sender)).run(1000);
    let header = [0, 0x53, 0x70, 0xc0, 9, 3, 0x41, 0x50, 7, 0x70, 0, 0, 3, 0xe8];
    let properties = [0, 0x53, 0x74, 0xc1, 7, 2, 0xa1, 1, b'k', 0xa1, 1, b'v'];
    let wanted = [&header[..], &properties, &[0, 0x53, 0x75, 0xa0, 16]].concat();
    let log = log.lock().unwrap();
    assert_eq!(log[log.len() - 16 - wanted.len()..log.len() - 16], wanted);
}

/// A processor that takes 5 ms for each frame that comes: headers of SASL and of AMQP, mechanisms, outcome, open, begin, attach and flow are eight before the first message goes.
#[test]
fn frames_take_processor_time() {
    let mut bed = Bed::new(Peer::new(), says(burst(Settle::Settled, 0, 1)));
    let cost = Cost { per_call: Span::from_millis(5), ..Cost::default() };
    bed.net.device(1).cpu.insert("amqp.receive".to_owned(), cost);
    assert_eq!(bed.run(1000).ends(Outcome::Response), [6 * R + 8 * 5]);
}

/// Messages that wait take 128 bytes and their data of 64 each: of three, 400 bytes hold two.
#[test]
fn waiting_messages_take_memory() {
    let config = Amqp10ClientConfig { start: Span::from_secs(5), ..says(burst(Settle::First, 1, 3)) };
    let mut bed = Bed::new(Peer::new(), config);
    bed.net.device(1).memory = Some(Size::from_bytes(400));
    let ran = bed.run(1000);
    assert_eq!((ran.ends(Outcome::OutOfMemory), ran.of("failed_messages")), (vec![1], 1));
}
