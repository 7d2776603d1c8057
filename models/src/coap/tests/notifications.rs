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

/// Three states of a confirmable series: the first is sent, the second is overtaken by the third, which is sent in place of the first when its
/// time-out has passed. The messages of the first and the third, and when the second was sent.
fn series() -> (Bench, Message, Message, LocalTime) {
    let mut bench = bench(|_| {});
    let mut first = bench.command(notify(1, true)).expect("taken");
    assert_eq!((first.len(), first[0].message_type), (1, Type::Confirmable));
    assert_eq!(bench.command(notify(2, true)).expect("taken"), []);
    assert_eq!(bench.command(notify(3, true)).expect("taken"), []);
    assert_eq!(bench.notices(), [superseded(2)]);
    let (at, mut sent) = bench.time_out();
    assert_eq!(sent.len(), 1);
    (bench, first.remove(0), sent.remove(0), at)
}

fn superseded(state: u64) -> Notice {
    Notice::NotificationSuperseded { peer: peer(), token: token(1), state }
}

fn acknowledged(state: u64, transmissions: u32) -> Notice {
    Notice::NotificationAcknowledged { peer: peer(), token: token(1), state, transmissions }
}

/// RFC 7641 §4.5.1, §4.5.2: states 2 and 3 wait for the ACK of 1, and 3 takes the place of 2; when the time-out passes it goes out in the place of
/// 1, under another id and as the second of five attempts. Its ACK ends the matter, and nobody will ever know of 1.
#[test]
fn the_newest_state_waits_and_is_what_is_sent_again() {
    let (mut bench, first, third, at) = series();
    assert_eq!(third.options.uint(OptionNumber::OBSERVE), Some(3));
    assert_ne!(third.message_id, first.message_id);
    assert_eq!(bench.notices(), []);
    // The next attempt is due twice as long after.
    let next = bench.deadline().expect("retransmission").at.saturating_since(at);
    assert_eq!(next, at.saturating_since(LocalTime::ZERO) * 2);
    bench.arrives(Message::empty(Type::Acknowledgement, third.message_id));
    assert_eq!(bench.notices(), [superseded(1), acknowledged(3, 2)]);
    assert!(bench.endpoint.is_at_rest());
    // An ACK of what is not outstanding any more says nothing.
    bench.arrives(Message::empty(Type::Acknowledgement, first.message_id));
    assert_eq!(bench.notices(), []);
}

/// RFC 7641 §4.5.2: where the round trip is longer than the first time-out, the ACK of the first message comes when the second is under way: its state
/// is there, and the second is waited for as before.
#[test]
fn a_late_acknowledgement_is_of_the_state_that_it_names() {
    let (mut bench, first, third, _) = series();
    let next = bench.deadline();
    bench.arrives(Message::empty(Type::Acknowledgement, first.message_id));
    assert_eq!(bench.notices(), [acknowledged(1, 1)]);
    assert_eq!(bench.deadline(), next);
    bench.arrives(Message::empty(Type::Acknowledgement, first.message_id));
    assert_eq!(bench.notices(), [], "it says so once");
    bench.arrives(Message::empty(Type::Acknowledgement, third.message_id));
    assert_eq!(bench.notices(), [acknowledged(3, 2)]);
    assert!(bench.endpoint.is_at_rest());
    // RFC 7641 §4.5: a Reset to the first ends the observation all the same.
    let (mut bench, first, _, _) = series();
    bench.arrives(Message::empty(Type::Reset, first.message_id));
    let lost = Notice::ObserverLost { peer: peer(), token: token(1), state: 1, cause: Cause::Reset, transmissions: 1 };
    assert_eq!(bench.notices(), [lost]);
    assert!(bench.endpoint.is_at_rest());
}

/// draft-ietf-core-cocoa-03 §4.2.1: a round trip is from the first transmission of the message that is acknowledged. The second message of a series is
/// acknowledged 400 ms after it was sent, a strong sample: 400 + 4 · 200 = 1200 ms, and (1200 + 2000) / 2 = 1600 ms; the next first time-out is between
/// that and 1.5 times that. Measured from the first message it would be a weak one of more than 2.4 s: 2.4 + 1.2 = 3.6 s, and (3.6 + 3 · 2) / 4 = 2.4 s.
#[test]
fn a_round_trip_is_of_the_message_that_is_acknowledged() {
    let mut bench = bench(|config| {
        config.parameters = Parameters { congestion: Congestion::Cocoa, ..Parameters::default() };
    });
    bench.command(notify(1, true)).expect("taken");
    bench.command(notify(2, true)).expect("taken");
    let (_, sent) = bench.time_out();
    bench.env.advance(Span::from_millis(400));
    bench.arrives(Message::empty(Type::Acknowledgement, sent[0].message_id));
    bench.command(notify(3, true)).expect("taken");
    let timeout = bench.deadline().expect("retransmission").at.saturating_since(bench.env.now);
    assert!((Span::from_millis(1_600)..=Span::from_millis(2_400)).contains(&timeout), "{timeout}");
}

/// RFC 7641 §3.6, §4.5: a Reset to any notification ends the observation, also when others have followed: at one in 3 s, where the round trip is longer than
/// that. After NON_LIFETIME, 145 s, an id may be of another message (RFC 7252 §4.4), and says nothing.
#[test]
fn a_reset_may_come_late() {
    let told = || {
        let mut bench = bench(|_| {});
        let mut ids = Vec::new();
        for state in 1..=3 {
            ids.push(bench.command(notify(state, false)).expect("taken")[0].message_id);
            bench.env.advance(Span::from_secs(3));
        }
        (bench, ids)
    };
    for (place, id) in told().1.into_iter().enumerate() {
        let (mut bench, _) = told();
        bench.arrives(Message::empty(Type::Reset, id));
        let state = place as u64 + 1;
        let lost = Notice::ObserverLost { peer: peer(), token: token(1), state, cause: Cause::Reset, transmissions: 1 };
        assert_eq!(bench.notices(), [lost]);
        assert!(bench.endpoint.is_at_rest());
    }
    // 9 s have passed since the first, and 136 s more are 145 s.
    let (mut bench, ids) = told();
    bench.env.advance(Span::from_secs(136));
    bench.arrives(Message::empty(Type::Reset, ids[0]));
    assert_eq!(bench.notices(), []);
    bench.arrives(Message::empty(Type::Reset, ids[1]));
    assert!(matches!(bench.notices()[..], [Notice::ObserverLost { state: 2, .. }]));
}

/// RFC 7641 §4.5: an observer that is due for a confirmable notification gets one, also when a newer state that is not due for one takes the place of
/// that which waits; and a confirmable one does not wait until 3 s have passed.
#[test]
fn a_newer_state_is_as_confirmable_as_the_one_whose_place_it_takes() {
    let mut bench = bench(|_| {});
    bench.command(notify(1, false)).expect("taken");
    assert_eq!(bench.command(notify(2, false)).expect("taken"), []);
    let third = bench.command(notify(3, true)).expect("taken");
    assert_eq!((third.len(), third[0].message_type), (1, Type::Confirmable));
    assert_eq!(bench.command(notify(4, true)).expect("taken"), []);
    assert_eq!(bench.command(notify(5, false)).expect("taken"), []);
    let fifth = bench.arrives(Message::empty(Type::Acknowledgement, third[0].message_id));
    let seen = fifth.iter().map(|message| (message.message_type, message.options.uint(OptionNumber::OBSERVE)));
    assert_eq!(seen.collect::<Vec<_>>(), [(Type::Confirmable, Some(5))]);
    bench.effects.clear();
    bench.arrives(Message::empty(Type::Acknowledgement, fifth[0].message_id));
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

/// RFC 7641 §3.6, §4.2: the answer to a GET with Observe 1 has no Observe itself. A notification that crosses it, before or after the empty ACK or beside
/// a request that gets none, is not that answer; a confirmable one gets its ACK and no Reset. The answer ends it, as does the wait of 202 s.
#[test]
fn the_end_of_an_observation_is_not_answered_by_a_notification() {
    for (confirmable, is_acknowledged) in [(true, false), (true, true), (false, false)] {
        for is_answered in [true, false] {
            let mut bench = bench(|_| {});
            let asked = bench.command(request(true, peer(), 1, observed(0))).expect("taken").remove(0);
            bench.arrives(content(Type::Acknowledgement, asked.message_id.0, 7));
            let end = bench.command(request(confirmable, peer(), 1, observed(1))).expect("taken").remove(0);
            bench.effects.clear();
            if is_acknowledged {
                bench.arrives(Message::empty(Type::Acknowledgement, end.message_id));
            }
            let crossing = content(Type::Confirmable, 60, 8);
            let acknowledged = Message::empty(Type::Acknowledgement, MessageId(60));
            assert_eq!(bench.arrives(crossing.clone()), [acknowledged], "{confirmable} {is_acknowledged}");
            let noticed = Notice::NotificationReceived { peer: peer(), token: token(1), response: crossing };
            assert_eq!(bench.notices(), [noticed], "{confirmable} {is_acknowledged}");
            if is_answered {
                let answer = Message { options: Options::new(), ..content(Type::Confirmable, 61, 0) };
                bench.arrives(answer.clone());
                let over =
                    Notice::ResponseReceived { peer: peer(), token: token(1), response: answer, transmissions: 1 };
                assert_eq!(bench.notices(), [over]);
            } else {
                while bench.deadline().is_some() {
                    bench.time_out();
                }
                assert!(matches!(bench.notices()[..], [Notice::Failed { cause: Cause::TimedOut, .. }]));
            }
            assert!(bench.endpoint.is_at_rest() && !bench.endpoint.is_observing(peer(), token(1)));
        }
    }
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
