//! Scripts: what an endpoint does with observations, groups, silence and measured round trips.

use super::super::config::{Congestion, Parameters};
use super::super::endpoint::{Cause, Command, Endpoint, Misuse, Notice};
use super::super::wire::{Code, Message, MessageId, OptionNumber, Options, Token, Type};
use super::machine::{Bench, config, peer};
use crate::rope::Rope;
use protosim_core::{IdealEnv, LocalTime, Machine, Span};
use std::net::SocketAddr;

fn bench(change: impl FnOnce(&mut super::super::endpoint::EndpointConfig)) -> Bench {
    let mut config = config();
    change(&mut config);
    Bench { endpoint: Endpoint::new(config), env: IdealEnv::new(1), effects: Vec::new() }
}

fn token(byte: u8) -> Token {
    Token::new(&[byte]).expect("one byte")
}

fn observed(sequence: u32) -> Options {
    let mut options = Options::new();
    options.add_uint(OptionNumber::OBSERVE, sequence);
    options
}

fn notify(state: u64, confirmable: bool) -> Command {
    Command::Notify {
        peer: peer(),
        token: token(1),
        state,
        confirmable,
        code: Code::CONTENT,
        options: observed(state as u32),
        payload: Rope::new(),
    }
}

fn content(message_type: Type, id: u16, sequence: u32) -> Message {
    Message {
        code: Code::CONTENT,
        token: token(1),
        options: observed(sequence),
        ..Message::empty(message_type, MessageId(id))
    }
}

/// A client that observes, and has just sent its registration again; that request.
fn renewing() -> (Bench, Message) {
    let mut bench = bench(|_| {});
    let asked = bench.command(request(true, peer(), 1, observed(0))).expect("taken").remove(0);
    bench.arrives(content(Type::Acknowledgement, asked.message_id.0, 7));
    let again = bench.command(request(true, peer(), 1, observed(0))).expect("taken").remove(0);
    bench.effects.clear();
    (bench, again)
}

fn request(confirmable: bool, peer: SocketAddr, number: u8, options: Options) -> Command {
    Command::Request { peer, token: token(number), confirmable, method: Code::GET, options, payload: Rope::new() }
}

fn secs(bench: &Bench) -> u64 {
    bench.env.now.as_nanos() / 1_000_000_000
}

/// RFC 7641 §4.5.1, §4.5.2: states 2 and 3 wait for the ACK of 1, and 3 takes the place of 2; when the time-out passes it goes out in the place of
/// 1, under another id and as the second of five attempts. Its ACK ends the matter.
#[test]
fn the_newest_state_waits_and_is_what_is_sent_again() {
    let mut bench = bench(|_| {});
    let first = bench.command(notify(1, true)).expect("taken");
    assert_eq!((first.len(), first[0].message_type), (1, Type::Confirmable));
    assert_eq!(bench.command(notify(2, true)).expect("taken"), []);
    assert_eq!(bench.command(notify(3, true)).expect("taken"), []);
    let superseded = |state| Notice::NotificationSuperseded { peer: peer(), token: token(1), state };
    assert_eq!(bench.notices(), [superseded(2)]);
    let first_timeout = bench.deadline().expect("retransmission").at;
    let (at, sent) = bench.time_out();
    assert_eq!((at, sent.len()), (first_timeout, 1));
    assert_eq!(sent[0].options.uint(OptionNumber::OBSERVE), Some(3));
    assert_ne!(sent[0].message_id, first[0].message_id);
    assert_eq!(bench.notices(), [superseded(1)]);
    // The next attempt is due twice as long after.
    let next = bench.deadline().expect("retransmission").at.saturating_since(at);
    assert_eq!(next, first_timeout.saturating_since(LocalTime::ZERO) * 2);
    // An ACK of what is not outstanding any more says nothing.
    assert_eq!(bench.arrives(Message::empty(Type::Acknowledgement, first[0].message_id)), []);
    assert!(!bench.endpoint.is_at_rest());
    bench.effects.clear();
    bench.arrives(Message::empty(Type::Acknowledgement, sent[0].message_id));
    let acknowledged = Notice::NotificationAcknowledged { peer: peer(), token: token(1), state: 3, transmissions: 2 };
    assert_eq!(bench.notices(), [acknowledged]);
    assert!(bench.endpoint.is_at_rest());
}

/// RFC 7641 §3.6: a Reset to a notification of either type ends the observation.
#[test]
fn a_reset_loses_the_observer() {
    for confirmable in [true, false] {
        let mut bench = bench(|_| {});
        let sent = bench.command(notify(5, confirmable)).expect("taken");
        bench.arrives(Message::empty(Type::Reset, sent[0].message_id));
        let lost =
            Notice::ObserverLost { peer: peer(), token: token(1), state: 5, cause: Cause::Reset, transmissions: 1 };
        assert_eq!(bench.notices(), [lost], "{confirmable}");
        assert!(bench.endpoint.is_at_rest());
        // What is said again about it says nothing new.
        bench.arrives(Message::empty(Type::Reset, sent[0].message_id));
        assert_eq!(bench.notices(), []);
    }
}

/// RFC 7641 §3: one answer, then notifications under the same token until one is an error. Those after that get a Reset, also the
/// non-confirmable ones.
#[test]
fn a_registration_stays_until_an_error() {
    let mut bench = bench(|_| {});
    let asked = bench.command(request(true, peer(), 1, observed(0))).expect("taken").remove(0);
    let content = |message_type, id, options: Options, code| Message {
        code,
        token: token(1),
        options,
        ..Message::empty(message_type, MessageId(id))
    };
    bench.arrives(content(Type::Acknowledgement, asked.message_id.0, observed(7), Code::CONTENT));
    assert!(matches!(
        bench.notices()[..],
        [Notice::RequestSent { .. }, Notice::ResponseReceived { transmissions: 1, .. }]
    ));
    assert!(bench.endpoint.is_observing(peer(), token(1)));
    let told = content(Type::NonConfirmable, 50, observed(8), Code::CONTENT);
    assert_eq!(bench.arrives(told.clone()), []);
    let noticed = Notice::NotificationReceived { peer: peer(), token: token(1), response: told };
    assert_eq!(bench.notices(), [noticed]);
    let told = content(Type::Confirmable, 51, observed(9), Code::CONTENT);
    assert_eq!(bench.arrives(told), [Message::empty(Type::Acknowledgement, MessageId(51))]);
    bench.effects.clear();
    // It is renewed under its token; a notification in between is not the answer.
    let again = bench.command(request(true, peer(), 1, observed(0))).expect("taken").remove(0);
    bench.arrives(content(Type::NonConfirmable, 52, observed(10), Code::CONTENT));
    assert!(matches!(bench.notices()[..], [Notice::RequestSent { .. }, Notice::NotificationReceived { .. }]));
    assert_eq!(bench.deadline().map(|deadline| deadline.timer), Some("retransmission"));
    bench.arrives(content(Type::Acknowledgement, again.message_id.0, observed(11), Code::CONTENT));
    assert!(matches!(bench.notices()[..], [Notice::ResponseReceived { .. }]));
    bench.arrives(content(Type::NonConfirmable, 53, Options::new(), Code::NOT_FOUND));
    assert!(matches!(bench.notices()[..], [Notice::NotificationReceived { .. }]));
    assert!(!bench.endpoint.is_observing(peer(), token(1)) && bench.endpoint.is_at_rest());
    let late = content(Type::NonConfirmable, 54, observed(12), Code::CONTENT);
    assert_eq!(bench.arrives(late), [Message::empty(Type::Reset, MessageId(54))]);
}

/// RFC 7252 §5.2.2: the empty ACK of a renewal is lost, and its answer comes in a message of its own. The renewal is sent again, its copy gets the
/// empty ACK again and nothing more: the answer is the one that came, and nothing is waited for. A server may also send it again before.
#[test]
fn the_answer_to_a_renewal_may_come_before_its_acknowledgement() {
    let (mut bench, again) = renewing();
    let answer = content(Type::Confirmable, 60, 11);
    assert_eq!(bench.arrives(answer.clone()), [Message::empty(Type::Acknowledgement, MessageId(60))]);
    let noticed = Notice::NotificationReceived { peer: peer(), token: token(1), response: answer.clone() };
    assert_eq!(bench.notices(), [noticed]);
    assert_eq!(bench.time_out().1, std::slice::from_ref(&again));
    bench.effects.clear();
    bench.arrives(Message::empty(Type::Acknowledgement, again.message_id));
    let over = Notice::ResponseReceived { peer: peer(), token: token(1), response: answer, transmissions: 2 };
    assert_eq!(bench.notices(), [over]);
    assert!(bench.endpoint.is_observing(peer(), token(1)));
    assert_eq!(bench.deadline(), None, "nothing is waited for");
}

/// A non-confirmable notification that crosses a renewal is not its answer while that may still come. Where none comes, the client is on the list
/// all the same (RFC 7641 §3: each notification is a response), and the next one is no stranger.
#[test]
fn a_renewal_without_an_answer_does_not_end_what_goes_on() {
    for is_acknowledged in [true, false] {
        let (mut bench, again) = renewing();
        let crossing = content(Type::NonConfirmable, 60, 11);
        bench.arrives(crossing.clone());
        if is_acknowledged {
            bench.arrives(Message::empty(Type::Acknowledgement, again.message_id));
            assert_eq!(bench.deadline().map(|deadline| deadline.timer), Some("response wait"));
        }
        assert_eq!(bench.notices().len(), 1, "the notification");
        while bench.deadline().is_some() {
            bench.time_out();
        }
        let transmissions = if is_acknowledged { 1 } else { 5 };
        let over = Notice::ResponseReceived { peer: peer(), token: token(1), response: crossing, transmissions };
        assert_eq!(bench.notices(), [over]);
        assert_eq!(bench.arrives(content(Type::NonConfirmable, 61, 12)), []);
        assert!(matches!(bench.notices()[..], [Notice::NotificationReceived { .. }]));
    }
    // One that nobody answers at all ends it, and a Reset does so whatever came.
    let (mut bench, again) = renewing();
    bench.arrives(content(Type::NonConfirmable, 60, 11));
    bench.arrives(Message::empty(Type::Reset, again.message_id));
    assert!(matches!(bench.notices()[..], [_, Notice::Failed { cause: Cause::Reset, .. }]));
    assert!(bench.endpoint.is_at_rest() && !bench.endpoint.is_observing(peer(), token(1)));
}

/// RFC 7252 §4.7, §4.8: 1 B/s, from when an answer is overdue: 2 s · 1.5 = 3 s after the first request. Until then NSTART alone holds requests
/// back. At 3 s the fourth goes, and its 5 B hold the fifth back until 8 s; both together the sixth until 13 s. A sign of life lets all go, and
/// what is sent then is not overdue before 3 s have passed again.
#[test]
fn a_silent_peer_is_asked_no_faster_than_the_probing_rate() {
    let mut bench = bench(|config| config.nstart = 20);
    let sent =
        |bench: &mut Bench, number| bench.command(request(false, peer(), number, Options::new())).expect("taken").len();
    assert_eq!((1..=3).map(|number| sent(&mut bench, number)).sum::<usize>(), 3);
    bench.env.advance(Span::from_secs(3));
    assert_eq!(sent(&mut bench, 4), 1);
    assert_eq!((5..=7).map(|number| sent(&mut bench, number)).sum::<usize>(), 0);
    for due in [8_000_000_000, 13_000_000_000] {
        let (at, messages) = bench.time_out();
        assert_eq!((at.as_nanos(), messages.len(), messages[0].wire_len()), (due, 1, 5));
    }
    assert_eq!(sent(&mut bench, 8), 0);
    let answer = Message { code: Code::CONTENT, token: token(1), ..Message::empty(Type::NonConfirmable, MessageId(9)) };
    assert_eq!(bench.arrives(answer).len(), 2, "the seventh and the eighth go");
    assert_eq!(secs(&bench), 13);
    bench.env.advance(Span::from_millis(2_999));
    assert_eq!(sent(&mut bench, 9), 1);
    bench.env.advance(Span::from_millis(1));
    assert_eq!(sent(&mut bench, 10), 1);
    // Confirmable ones have their time-outs instead.
    assert_eq!(bench.command(request(true, peer(), 12, Options::new())).expect("taken").len(), 1);
    assert_eq!(sent(&mut bench, 11), 0);
}

/// RFC 7641 §4.5.1 limits confirmable notifications to an address to one; a non-confirmable one under another token does not wait behind the
/// second of them.
#[test]
fn a_notification_that_waits_for_a_place_holds_no_other_back() {
    let mut bench = bench(|_| {});
    let told = |number, confirmable| match notify(u64::from(number), confirmable) {
        Command::Notify { peer, state, code, options, payload, .. } => {
            Command::Notify { peer, token: token(number), state, confirmable, code, options, payload }
        }
        other => other,
    };
    let first = bench.command(told(1, true)).expect("taken");
    assert_eq!(first.len(), 1);
    assert_eq!(bench.command(told(2, true)).expect("taken"), []);
    let third = bench.command(told(3, false)).expect("taken");
    assert_eq!(third.iter().map(|message| message.token).collect::<Vec<_>>(), [token(3)]);
    let second = bench.arrives(Message::empty(Type::Acknowledgement, first[0].message_id));
    assert_eq!(second.iter().map(|message| message.token).collect::<Vec<_>>(), [token(2)]);
}

/// draft-ietf-core-cocoa-03 §4.2.1, §4.3: an ACK after 400 ms makes 1.6 s of 2 s; the next first time-out is between that and 1.5 times that, and
/// doubles. After one after 100 ms, and so on, the time-out is below 1 s, and backs off by 3.
#[test]
fn cocoa_measures_and_backs_off() {
    let mut bench = bench(|config| {
        config.parameters = Parameters { congestion: Congestion::Cocoa, ..Parameters::default() };
    });
    let exchange = |bench: &mut Bench, number, millis| {
        let asked = bench.command(request(true, peer(), number, Options::new())).expect("taken").remove(0);
        let timeout = bench.deadline().expect("retransmission").at.saturating_since(bench.env.now);
        bench.env.now = bench.env.now + Span::from_millis(millis);
        let answer = Message {
            code: Code::CONTENT,
            token: token(number),
            ..Message::empty(Type::Acknowledgement, asked.message_id)
        };
        bench.arrives(answer);
        timeout
    };
    let within = |timeout: Span, low: u64, high: u64| {
        assert!((Span::from_millis(low)..=Span::from_millis(high)).contains(&timeout), "{timeout}");
    };
    within(exchange(&mut bench, 1, 400), 2_000, 3_000);
    within(exchange(&mut bench, 2, 100), 1_600, 2_400);
    for number in 3..20 {
        exchange(&mut bench, number, 100);
    }
    let start = bench.env.now;
    bench.command(request(true, peer(), 40, Options::new())).expect("taken");
    let first = bench.deadline().expect("retransmission").at.saturating_since(start);
    assert!(first < Span::from_millis(1_500), "{first}");
    let (at, _) = bench.time_out();
    assert_eq!(bench.deadline().expect("retransmission").at.saturating_since(at), first * 3);
}

/// RFC 7252 §8.1: nothing that is confirmable goes to a group; §8.2: each response counts, until the wait is over.
#[test]
fn a_group_answers_in_many_voices() {
    let group: SocketAddr = "224.0.1.187:5683".parse().expect("an address");
    let mut bench = bench(|_| {});
    let refused = bench.command(request(true, group, 1, Options::new()));
    assert_eq!(refused, Err(Misuse::ConfirmableToGroup(group)));
    assert_eq!(bench.command(request(false, group, 1, Options::new())).expect("taken").len(), 1);
    bench.effects.clear();
    for (id, voice) in ["192.0.2.7:5683", "192.0.2.8:5683"].into_iter().enumerate() {
        let from: SocketAddr = voice.parse().expect("an address");
        let message = Message {
            code: Code::CONTENT,
            token: token(1),
            ..Message::empty(Type::NonConfirmable, MessageId(id as u16))
        };
        let datagram = message.encode_rope();
        bench.cx(|endpoint, cx| endpoint.handle_datagram(from, &datagram, cx));
        let [Notice::GroupResponseReceived { peer, .. }] = bench.notices()[..] else { panic!("{voice}") };
        assert_eq!(peer, from);
    }
    assert_eq!(bench.time_out().1, []);
    assert!(matches!(bench.notices()[..], [Notice::Failed { cause: Cause::TimedOut, .. }]));
    assert!(bench.endpoint.is_at_rest());
}

/// RFC 7252 §8.1: what comes by a group is never reset, and a confirmable request is none.
#[test]
fn nothing_that_came_by_a_group_is_reset() {
    let mut bench = bench(|_| {});
    let mut ping = Message::empty(Type::Confirmable, MessageId(1)).encode_rope();
    for datagram in [ping.clone(), Rope::from(vec![0x40, 1, 1, 2, 0xff]), Rope::from(vec![0x40, 1, 1, 2])] {
        bench.cx(|endpoint, cx| endpoint.handle_group_datagram(peer(), &datagram, cx));
        assert_eq!(bench.sent(), []);
    }
    assert_eq!(bench.notices(), []);
    ping = Rope::from(vec![0x50, 1, 1, 3]);
    bench.cx(|endpoint, cx| endpoint.handle_group_datagram(peer(), &ping, cx));
    assert!(matches!(bench.notices()[..], [Notice::RequestReceived { to_group: true, .. }]));
    assert_eq!(bench.endpoint.poll_timeout(), None, "it is owed nothing");
}
