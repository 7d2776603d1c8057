//! The sending half.

use super::*;
use crate::mqtt::session::{AliasPolicy, Completed, Overflow, Unsent};
use crate::mqtt::wire::{Properties, Property, ReasonCode, TopicAlias};
use ReasonCode::{NoMatchingSubscribers, PacketIdentifierNotFound, QuotaExceeded, Success};

/// What a broker holds 100,000 of.
#[test]
fn a_session_at_rest_is_small() {
    let (session, link) = (size_of::<Session>(), size_of::<Link>());
    assert!(session <= 144, "{session}");
    assert!(link <= 264, "{link}");
    // And after a message has come and gone it holds nothing else either.
    let mut sender = Sender::new(LinkOptions::new(V5), Limits::default());
    sender.publish(qos_2(1));
    sender.said();
    sender.session.on_pubrec(&mut sender.link, id(1), Success).unwrap();
    sender.said();
    sender.session.on_pubcomp(&mut sender.link, id(1), Success).unwrap();
    let [in_flight, releases, queued, received] = sender.session.allocated();
    assert_eq!([in_flight, releases, queued, received], [0; 4]);
}

/// v5 §4.3: what each level sends, and when its identifier is free.
#[test]
fn the_three_levels() {
    let mut sender = Sender::new(LinkOptions::new(V311), Limits::default());
    for message in [message(QoS::AtMostOnce, 10), qos_1(11), qos_2(12)] {
        assert_eq!(sender.publish(message), Offered::Taken(vec![]));
    }
    assert_eq!(sender.said(), ["PUBLISH 0 10", "PUBLISH 1 11", "PUBLISH 2 12"]);
    let Sender { session, link, .. } = &mut sender;
    assert_eq!(session.on_puback(link, id(1), Success), Ok(Some(Completed { token: 11, reason: Success })));
    assert_eq!(session.on_pubrec(link, id(2), Success), Ok(None));
    assert_eq!((session.in_flight(), session.releases()), (0, 1));
    assert_eq!(sender.said(), ["PUBREL 2 00"]);
    let Sender { session, link, .. } = &mut sender;
    assert_eq!(session.on_pubcomp(link, id(2), Success), Ok(Some(Completed { token: 12, reason: Success })));
    assert_eq!((session.in_flight(), session.releases()), (0, 0));
    // Once more is nobody's.
    assert_eq!(session.on_puback(link, id(1), Success), Ok(None));
    assert_eq!(session.on_pubcomp(link, id(2), Success), Ok(None));
    assert_eq!(sender.said(), [""; 0]);
}

/// v5 §4.3.3, §3.5.2.1: a PUBREC of 0x80 or more ends it; one for nothing is answered with 0x92; a second one with PUBREL.
#[test]
fn pubrec_in_all_its_forms() {
    let mut sender = Sender::new(LinkOptions { send_maximum: 1, ..LinkOptions::new(V5) }, Limits::default());
    sender.publish(qos_2(1));
    sender.publish(qos_2(2));
    assert_eq!(sender.said(), ["PUBLISH 1 1"]);
    let Sender { session, link, .. } = &mut sender;
    let failed = session.on_pubrec(link, id(1), QuotaExceeded);
    assert_eq!(failed, Ok(Some(Completed { token: 1, reason: QuotaExceeded })));
    // Its quota is back.
    assert_eq!(sender.said(), ["PUBLISH 2 2"]);
    let Sender { session, link, .. } = &mut sender;
    assert_eq!(session.on_pubrec(link, id(9), Success), Ok(None));
    assert_eq!(session.on_pubrec(link, id(2), NoMatchingSubscribers), Ok(None));
    assert_eq!(sender.said(), ["PUBREL 9 92", "PUBREL 2 00"]);
    let Sender { session, link, .. } = &mut sender;
    assert_eq!(session.on_pubrec(link, id(2), Success), Ok(None));
    assert_eq!(sender.said(), ["PUBREL 2 00"]);
    // PUBCOMP ends it, whatever it says.
    let Sender { session, link, .. } = &mut sender;
    let ended = session.on_pubcomp(link, id(2), PacketIdentifierNotFound);
    assert_eq!(ended, Ok(Some(Completed { token: 2, reason: PacketIdentifierNotFound })));
}

/// Answers of another level are protocol errors.
#[test]
fn answers_of_another_level() {
    let mut sender = Sender::new(LinkOptions::new(V5), Limits::default());
    sender.publish(qos_1(1));
    sender.publish(qos_2(2));
    sender.said();
    let Sender { session, link, .. } = &mut sender;
    for fault in [
        session.on_pubrec(link, id(1), Success),
        session.on_pubcomp(link, id(1), Success),
        session.on_puback(link, id(2), Success),
        session.on_pubcomp(link, id(2), Success),
    ] {
        assert_eq!(fault.unwrap_err().reason, ReasonCode::ProtocolError);
    }
}

/// MQTT-4.4.0-1, 4.6.0-1, 4.6.0-4: with a new connection PUBRELs in the order of PUBRECs, then PUBLISHes with DUP in their own order, then
/// what is new; and nothing twice on one.
#[test]
fn what_is_sent_again() {
    let mut sender = Sender::new(LinkOptions::new(V311), Limits { max_in_flight: 5, ..Limits::default() });
    for message in [qos_1(1), qos_2(2), qos_1(3), qos_2(4), qos_1(5), qos_1(6)] {
        sender.publish(message);
    }
    assert_eq!(sender.said(), ["PUBLISH 1 1", "PUBLISH 2 2", "PUBLISH 3 3", "PUBLISH 4 4", "PUBLISH 5 5"]);
    let Sender { session, link, .. } = &mut sender;
    session.on_pubrec(link, id(4), Success).unwrap();
    session.on_pubrec(link, id(2), Success).unwrap();
    assert_eq!(sender.said(), ["PUBREL 4 00", "PUBREL 2 00"]);
    assert_eq!(sender.said(), [""; 0]);
    // A crash of the owner that has kept the session, and a connection that ends, are the same to it.
    sender.reconnect(LinkOptions::new(V311));
    let again = ["PUBREL 4 00", "PUBREL 2 00", "PUBLISH 1D 1", "PUBLISH 3D 3", "PUBLISH 5D 5"];
    assert_eq!(sender.said(), again);
    sender.reconnect(LinkOptions::new(V311));
    assert_eq!(sender.said(), again);
    let Sender { session, link, .. } = &mut sender;
    session.on_puback(link, id(1), Success).unwrap();
    assert_eq!(sender.said(), ["PUBLISH 6 6"]);
}

/// A PUBREC that comes before an older PUBREL was sent again does not pass it.
#[test]
fn pubrels_keep_their_order_while_they_are_sent_again() {
    let mut sender = Sender::new(LinkOptions::new(V311), Limits::default());
    sender.publish(qos_2(1));
    sender.publish(qos_2(2));
    sender.said();
    sender.session.on_pubrec(&mut sender.link, id(1), Success).unwrap();
    sender.reconnect(LinkOptions::new(V311));
    sender.session.on_pubrec(&mut sender.link, id(2), Success).unwrap();
    assert_eq!(sender.said(), ["PUBREL 1 00", "PUBREL 2 00"]);
}

/// v5 §4.9: at most the receive maximum, which counts anew on a new connection, for what is sent again as well.
#[test]
fn the_receive_maximum_of_the_peer() {
    let options = |send_maximum| LinkOptions { send_maximum, ..LinkOptions::new(V5) };
    let mut sender = Sender::new(options(2), Limits::default());
    for token in 1..=4 {
        sender.publish(qos_1(token));
    }
    sender.publish(message(QoS::AtMostOnce, 9));
    // QoS 0 does not count.
    assert_eq!(sender.said(), ["PUBLISH 1 1", "PUBLISH 2 2", "PUBLISH 0 9"]);
    sender.session.on_puback(&mut sender.link, id(1), Success).unwrap();
    assert_eq!(sender.said(), ["PUBLISH 3 3"]);
    sender.reconnect(options(1));
    sender.publish(message(QoS::AtMostOnce, 9));
    assert_eq!(sender.said(), ["PUBLISH 2D 2", "PUBLISH 0 9"]);
    sender.session.on_puback(&mut sender.link, id(2), Success).unwrap();
    assert_eq!(sender.said(), ["PUBLISH 3D 3"]);
    sender.session.on_puback(&mut sender.link, id(3), Success).unwrap();
    assert_eq!(sender.said(), ["PUBLISH 4 4"]);
}

/// A PUBREC while messages are sent again leaves none of them out.
#[test]
fn a_pubrec_while_messages_are_sent_again() {
    let options = |send_maximum| LinkOptions { send_maximum, ..LinkOptions::new(V5) };
    let mut sender = Sender::new(options(2), Limits::default());
    sender.publish(qos_2(1));
    sender.publish(qos_2(2));
    sender.said();
    sender.reconnect(options(1));
    assert_eq!(sender.said(), ["PUBLISH 1D 1"]);
    sender.session.on_pubrec(&mut sender.link, id(1), Success).unwrap();
    assert_eq!(sender.said(), ["PUBREL 1 00"]);
    sender.session.on_pubcomp(&mut sender.link, id(1), Success).unwrap();
    assert_eq!(sender.said(), ["PUBLISH 2D 2"]);
}

/// A PUBCOMP for a message of a connection before gives no quota: a third PUBLISH without an answer would be one too many for the peer.
#[test]
fn a_release_of_a_connection_before_has_no_quota() {
    let options = LinkOptions { send_maximum: 2, ..LinkOptions::new(V5) };
    let mut sender = Sender::new(options, Limits::default());
    sender.publish(qos_2(1));
    sender.said();
    sender.session.on_pubrec(&mut sender.link, id(1), Success).unwrap();
    sender.reconnect(options);
    for token in 2..=4 {
        sender.publish(qos_2(token));
    }
    assert_eq!(sender.said(), ["PUBREL 1 00", "PUBLISH 2 2", "PUBLISH 3 3"]);
    sender.session.on_pubcomp(&mut sender.link, id(1), Success).unwrap();
    assert_eq!(sender.said(), [""; 0]);
    // One of this connection does, with PUBCOMP and not before.
    sender.session.on_pubrec(&mut sender.link, id(2), Success).unwrap();
    assert_eq!(sender.said(), ["PUBREL 2 00"]);
    sender.session.on_pubcomp(&mut sender.link, id(2), Success).unwrap();
    assert_eq!(sender.said(), ["PUBLISH 4 4"]);
}

/// Identifiers go round, past those in use; SUBSCRIBE and UNSUBSCRIBE have them from the same numbers (v5 §2.2.1).
#[test]
fn identifiers() {
    let mut sender = Sender::new(LinkOptions::new(V311), Limits { max_in_flight: u16::MAX, ..Limits::default() });
    assert_eq!(sender.session.request(&mut sender.link, 77), Some(id(1)));
    sender.publish(qos_1(0));
    assert_eq!(sender.said(), ["PUBLISH 2 0"]);
    for number in 3..=u16::MAX {
        assert_eq!(sender.session.request(&mut sender.link, 0), Some(id(number)), "{number}");
        assert_eq!(sender.session.on_answer(&mut sender.link, id(number)), Some(0));
    }
    // 1 and 2 are in use: 3 comes next, though 65535 was free before.
    assert_eq!(sender.session.request(&mut sender.link, 78), Some(id(3)));
    sender.session.on_puback(&mut sender.link, id(2), Success).unwrap();
    assert_eq!(sender.session.request(&mut sender.link, 79), Some(id(4)));
    assert_eq!(sender.session.on_answer(&mut sender.link, id(1)), Some(77));
    assert_eq!(sender.session.on_answer(&mut sender.link, id(1)), None);
    // Without an answer they end with their connection.
    sender.reconnect(LinkOptions::new(V311));
    assert_eq!(sender.session.on_answer(&mut sender.link, id(3)), None);
}

/// All 65535 in use: none is given, a message waits, and QoS 0 does not.
#[test]
fn when_all_identifiers_are_in_use() {
    let mut sender = Sender::new(LinkOptions::new(V311), Limits::default());
    for number in 1..=u16::MAX {
        assert_eq!(sender.session.request(&mut sender.link, 0), Some(id(number)));
    }
    assert_eq!(sender.session.request(&mut sender.link, 0), None);
    sender.publish(qos_1(1));
    sender.publish(message(QoS::AtMostOnce, 2));
    assert_eq!(sender.said(), ["PUBLISH 0 2"]);
    sender.session.on_answer(&mut sender.link, id(40_000));
    assert_eq!(sender.said(), ["PUBLISH 40000 1"]);
}

/// The sheet's check 13: of 1200 messages for a session whose peer is away, the first 1000 arrive, in order.
#[test]
fn the_queue_drops_the_newest() {
    let (mut session, limits) = (Session::new(), Limits::default());
    for token in 0..1200 {
        let offered = session.publish(None, &limits, qos_1(token));
        assert_eq!(matches!(offered, Offered::Dropped(_)), token >= 1000, "{token}");
    }
    let link = Link::new(&session, LinkOptions::new(V311));
    let mut sender = Sender { session, link, limits, now: LocalTime::ZERO };
    let mut arrived: Vec<u64> = Vec::new();
    for number in 1..=1200_u16 {
        for out in sender.all() {
            let Outgoing::Packet(Packet::Publish(publish)) = out else { panic!("{out:?}") };
            arrived.push(String::from_utf8(publish.payload.to_bytes().to_vec()).unwrap().parse().unwrap());
        }
        sender.session.on_puback(&mut sender.link, id(number), Success).unwrap();
    }
    assert_eq!(arrived, (0..1000).collect::<Vec<u64>>());
}

#[test]
fn other_policies_of_the_queue() {
    let limits = |overflow| Limits { max_queued: 2, overflow, ..Limits::default() };
    let mut session = Session::new();
    let mut offer = |overflow, token| session.publish(None, &limits(overflow), qos_1(token));
    assert_eq!(offer(Overflow::Refuse, 1), Offered::Taken(vec![]));
    assert_eq!(offer(Overflow::Refuse, 2), Offered::Taken(vec![]));
    assert_eq!(offer(Overflow::Refuse, 3), Offered::Refused(qos_1(3)));
    assert_eq!(offer(Overflow::DropOldest, 4), Offered::Taken(vec![qos_1(1)]));
    assert_eq!(offer(Overflow::DropNewest, 5), Offered::Dropped(qos_1(5)));
    // Topic `a/b` and one digit are 4 bytes each.
    assert_eq!((session.queued(), session.queued_bytes()), (2, 8));
    let limits = Limits { max_queued_bytes: 9, overflow: Overflow::DropOldest, ..Limits::default() };
    assert_eq!(session.publish(None, &limits, qos_1(10)), Offered::Taken(vec![qos_1(2)]));
    // What can never fit drops nothing.
    let large = Message::new(text("a/b"), Rope::fill(1, 0, 7), QoS::AtLeastOnce);
    assert_eq!(session.publish(None, &limits, large.clone()), Offered::Dropped(large));
    assert_eq!((session.queued(), session.queued_bytes()), (2, 9));
}

/// v5 §4.1: QoS 0 for a peer that is away is dropped, or kept.
#[test]
fn qos_0_while_the_peer_is_away() {
    let mut session = Session::new();
    let zero = || message(QoS::AtMostOnce, 5);
    assert_eq!(session.publish(None, &Limits::default(), zero()), Offered::Dropped(zero()));
    let limits = Limits { queue_qos0: true, ..Limits::default() };
    session.publish(None, &limits, qos_1(4));
    session.publish(None, &limits, zero());
    let link = Link::new(&session, LinkOptions::new(V311));
    let mut sender = Sender { session, link, limits, now: LocalTime::ZERO };
    assert_eq!(sender.said(), ["PUBLISH 1 4", "PUBLISH 0 5"]);
    // What waits on a connection ends with it.
    sender.publish(zero());
    sender.reconnect(LinkOptions::new(V311));
    assert_eq!(sender.said(), ["PUBLISH 1D 4"]);
}

/// Messages keep their order across levels as long as the window is open, and QoS 0 passes those that wait for it.
#[test]
fn order_across_levels() {
    let mut sender = Sender::new(LinkOptions::new(V311), Limits { max_in_flight: 1, ..Limits::default() });
    for message in [message(QoS::AtMostOnce, 1), qos_1(2), message(QoS::AtMostOnce, 3), qos_1(4)] {
        sender.publish(message);
    }
    assert_eq!(sender.said(), ["PUBLISH 0 1", "PUBLISH 1 2", "PUBLISH 0 3"]);
    sender.publish(message(QoS::AtMostOnce, 5));
    assert_eq!(sender.said(), ["PUBLISH 0 5"]);
    sender.session.on_puback(&mut sender.link, id(1), Success).unwrap();
    assert_eq!(sender.said(), ["PUBLISH 2 4"]);
}

/// v5 §4.6: messages of one topic and QoS keep their order. Those of QoS 0 that came while the peer was away, and wait behind others for which there is
/// no window, are before those that come later: 2 and 4 before 5. And those that wait for what is sent again, beyond the peer's maximum, too.
#[test]
fn qos_0_from_before_the_link_keeps_its_order() {
    let limits = Limits { queue_qos0: true, max_in_flight: 1, ..Limits::default() };
    let mut session = Session::new();
    for message in [qos_1(1), message(QoS::AtMostOnce, 2), qos_1(3), message(QoS::AtMostOnce, 4)] {
        session.publish(None, &limits, message);
    }
    let link = Link::new(&session, LinkOptions::new(V311));
    let mut sender = Sender { session, link, limits, now: LocalTime::ZERO };
    sender.publish(message(QoS::AtMostOnce, 5));
    assert_eq!(sender.said(), ["PUBLISH 1 1", "PUBLISH 0 2", "PUBLISH 0 4", "PUBLISH 0 5"]);
    assert_eq!((sender.session.queued(), sender.session.queued_bytes()), (1, 4));
    sender.session.on_puback(&mut sender.link, id(1), Success).unwrap();
    assert_eq!(sender.said(), ["PUBLISH 2 3"]);

    sender.limits.max_in_flight = 2;
    sender.publish(qos_1(6));
    assert_eq!(sender.said(), ["PUBLISH 3 6"]);
    sender.session.publish(None, &sender.limits, message(QoS::AtMostOnce, 7));
    sender.reconnect(LinkOptions { send_maximum: 1, ..LinkOptions::new(V5) });
    sender.publish(message(QoS::AtMostOnce, 8));
    assert_eq!(sender.said(), ["PUBLISH 2D 3", "PUBLISH 0 7", "PUBLISH 0 8"]);
}

fn with_expiry(token: u64, seconds: u64) -> Message {
    Message { expires: Some(at(seconds)), ..qos_1(token) }
}

fn expiries(sender: &mut Sender) -> Vec<Option<u32>> {
    let packets = sender.all().into_iter();
    packets
        .map(|out| match out {
            Outgoing::Packet(Packet::Publish(publish)) => publish.properties.message_expiry().copied(),
            Outgoing::Dropped(_, why) => {
                assert_eq!(why, Unsent::Expired);
                None
            }
            Outgoing::Packet(other) => panic!("{other:?}"),
        })
        .collect()
}

/// MQTT-3.3.2-5, 3.3.2-6, and as measured (sheet, §3.5): 10 s, of which 3 have passed, are 7; 1 s is over. Begun seconds do not count.
#[test]
fn expiry_counts_while_messages_wait() {
    let (mut session, limits) = (Session::new(), Limits::default());
    for (token, seconds) in [(1, 10), (2, 1), (3, 3)] {
        session.publish(None, &limits, with_expiry(token, seconds));
    }
    let link = Link::new(&session, LinkOptions::new(V5));
    let mut sender = Sender { session, link, limits, now: at(3) };
    let mut later = Sender { session: sender.session.clone(), link: sender.link.clone(), ..sender_at(at(2)) };
    later.now = at(2) + Span::from_millis(900);
    assert_eq!(expiries(&mut sender), [Some(7), None, None]);
    assert_eq!(expiries(&mut later), [Some(8), None, Some(1)]);
    // What was begun goes on.
    sender.now = at(20);
    sender.reconnect(LinkOptions::new(V5));
    assert_eq!(expiries(&mut sender), [Some(0)]);
    let mut session = Session::new();
    for (token, seconds) in [(1, 10), (2, 1), (3, 3)] {
        session.publish(None, &Limits::default(), with_expiry(token, seconds));
    }
    let expired: Vec<u64> = session.drop_expired(at(3)).iter().map(|message| message.token).collect();
    assert_eq!((expired, session.queued(), session.queued_bytes()), (vec![2, 3], 1, 4));
}

fn sender_at(now: LocalTime) -> Sender {
    Sender { now, ..Sender::new(LinkOptions::new(V5), Limits::default()) }
}

/// MQTT-3.1.2-24, 3.1.2-25: what is too large is not sent, and done; `32 0a 00 03 a/b 00 01 00 hi` is twelve bytes.
#[test]
fn messages_that_are_too_large_for_the_peer() {
    let options = |max_packet| LinkOptions { max_packet, ..LinkOptions::new(V5) };
    let mut sender = Sender::new(options(11), Limits::default());
    let hi = Message { token: 8, ..Message::new(text("a/b"), Rope::from(b"hi".to_vec()), QoS::AtLeastOnce) };
    sender.publish(hi.clone());
    sender.publish(Message { qos: QoS::AtMostOnce, ..hi.clone() });
    sender.publish(qos_1(1));
    // QoS 0 has no identifier: ten bytes.
    assert_eq!(sender.said(), ["TooLarge 8", "PUBLISH 0 hi", "PUBLISH 2 1"]);
    let mut sender = Sender::new(options(12), Limits::default());
    sender.publish(hi);
    assert_eq!(sender.said(), ["PUBLISH 1 hi"]);
    // A smaller one on the next connection.
    sender.reconnect(options(11));
    assert_eq!(sender.said(), ["TooLarge 8"]);
    assert_eq!(sender.session.in_flight(), 0);
}

/// v5 §3.3.2.3.4: by alias once it is known, on this connection; up to the peer's maximum.
#[test]
fn aliases_that_are_given() {
    let form = |sender: &mut Sender, topic: &str| {
        sender.publish(Message::new(text(topic), Rope::new(), QoS::AtLeastOnce));
        let Some(Outgoing::Packet(Packet::Publish(publish))) = sender.all().pop() else { panic!("a PUBLISH") };
        (publish.topic.to_string(), publish.properties.topic_alias().map(|alias| alias.get()))
    };
    let plain = |topic: &str, alias| (topic.to_owned(), alias);
    let options = |alias_policy| LinkOptions { send_aliases: 2, alias_policy, ..LinkOptions::new(V5) };
    let mut first = Sender::new(options(AliasPolicy::FirstCome), Limits::default());
    let mut recent = Sender::new(options(AliasPolicy::LeastRecentlyUsed), Limits::default());
    for sender in [&mut first, &mut recent] {
        assert_eq!(form(sender, "a"), plain("a", Some(1)));
        assert_eq!(form(sender, "b"), plain("b", Some(2)));
        assert_eq!(form(sender, "a"), plain("", Some(1)));
    }
    assert_eq!(form(&mut first, "c"), plain("c", None));
    assert_eq!(form(&mut first, "b"), plain("", Some(2)));
    // `b` was used longest ago.
    assert_eq!(form(&mut recent, "c"), plain("c", Some(2)));
    assert_eq!(form(&mut recent, "b"), plain("b", Some(1)));
    assert_eq!(form(&mut recent, "c"), plain("", Some(2)));
    // Neither aliases nor what was sent by them outlive a connection.
    first.reconnect(LinkOptions::new(V5));
    let again = first.all();
    assert_eq!(again.len(), 5);
    for out in again {
        let Outgoing::Packet(Packet::Publish(publish)) = out else { panic!("{out:?}") };
        assert!(!publish.topic.is_empty() && publish.properties.is_empty() && publish.delivery.is_dup());
    }
    // A packet that an alias would make too large goes without one: `32 06 00 01 a 00 01 00` is eight bytes.
    let options = LinkOptions { max_packet: 9, ..options(AliasPolicy::FirstCome) };
    assert_eq!(form(&mut Sender::new(options, Limits::default()), "a"), plain("a", None));
    let options = LinkOptions { version: V311, ..options };
    assert_eq!(form(&mut Sender::new(options, Limits::default()), "a"), plain("a", None));
}

/// v5 §3.2.2.1.1: the peer has lost its half. What it has not taken over is new again, before what waits.
#[test]
fn a_session_that_begins_anew() {
    let mut sender = Sender::new(LinkOptions::new(V5), Limits { max_in_flight: 3, ..Limits::default() });
    for message in [qos_2(1), qos_1(2), qos_2(3), qos_1(4)] {
        sender.publish(message);
    }
    assert_eq!(sender.said(), ["PUBLISH 1 1", "PUBLISH 2 2", "PUBLISH 3 3"]);
    sender.session.on_pubrec(&mut sender.link, id(1), Success).unwrap();
    assert_eq!(sender.session.begin_anew(), [1]);
    sender.reconnect(LinkOptions::new(V5));
    assert_eq!(sender.said(), ["PUBLISH 4 2", "PUBLISH 5 3", "PUBLISH 6 4"]);
}

/// What a message says of itself goes along; an alias, an expiry and numbers of subscriptions are of one hop (v5 §3.3.2.3).
#[test]
fn properties_of_messages() {
    let received = [
        Property::Alias(TopicAlias::new(1).unwrap()),
        Property::ContentType(text("t")),
        Property::MessageExpiry(9),
        Property::User((text("k"), text("v"))),
    ];
    let publish = Publish {
        delivery: crate::mqtt::wire::Delivery::AtMostOnce,
        retain: true,
        topic: text("a"),
        properties: received.into_iter().collect::<Properties>(),
        payload: Rope::new(),
    };
    let mut receiver = Session::new();
    let mut link = Link::new(&receiver, LinkOptions { receive_aliases: 1, ..LinkOptions::new(V5) });
    let Ok(Arrival::AtMostOnce(message)) = receiver.on_publish(&mut link, &Limits::default(), publish, at(1)) else {
        panic!("a message");
    };
    assert_eq!((message.expires, message.retain), (Some(at(10)), true));
    let mut sender = sender_at(at(4));
    let number = crate::mqtt::wire::SubscriptionId::new(6).unwrap();
    sender.publish(Message { subscriptions: [number].into(), ..message.clone() });
    let Some(Outgoing::Packet(Packet::Publish(sent))) = sender.all().pop() else { panic!("a PUBLISH") };
    let expected = [
        Property::Subscription(number),
        Property::ContentType(text("t")),
        Property::User((text("k"), text("v"))),
        Property::MessageExpiry(6),
    ];
    assert_eq!(sent.properties, expected.into_iter().collect());
    // 3.1.1 has none.
    let mut sender = Sender::new(LinkOptions::new(V311), Limits::default());
    sender.publish(message);
    let Some(Outgoing::Packet(Packet::Publish(sent))) = sender.all().pop() else { panic!("a PUBLISH") };
    assert!(sent.properties.is_empty());
}
