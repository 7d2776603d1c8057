//! Links that are resumed (§2.6.13), and those that are not.

use super::*;
use crate::amqp::v10::session::SessionEvent;
use crate::amqp::v10::wire::{AnyTarget, Symbol};

/// A link to or from queue `q` whose terminus waits for ten seconds when its connection is gone.
fn lasting(snd: SenderSettleMode, rcv: ReceiverSettleMode) -> Terms {
    let mut terms = modes("l", "q", snd, rcv);
    let policy = Some(Symbol::new("connection-close").unwrap());
    terms.source = Some(Box::new(Source { expiry_policy: policy.clone(), timeout: Some(10), ..Source::new("q") }));
    let target = Target { expiry_policy: policy, timeout: Some(10), ..Target::new("q") };
    terms.target = Some(AnyTarget::Node(Box::new(target)));
    terms
}

/// A sender is cut before it hears of the outcome, while that waits for the disc: with a receiver that settles second the message is not sent again, and its outcome comes with the map.
#[test]
fn a_message_that_has_come_is_not_sent_again() {
    let mut play = Play::new(AmqpBrokerConfig { sync: Span::from_millis(5), ..AmqpBrokerConfig::default() });
    let a = play.connect("a");
    let terms = lasting(SenderSettleMode::Unsettled, ReceiverSettleMode::Second);
    let out = play.attach(a, LinkEnd::Sender(SenderState::new(terms)), Credit::Manual);
    play.pass(ms(10));
    let header = crate::amqp::v10::wire::MessageHeader { durable: Some(true), ..Default::default() };
    play.send(a, out, 5, Message { header: Some(header), ..data("hi") }.encode(), false);
    let end = play.cut(a).remove(0);
    assert_eq!((play.total("queued_messages"), play.total("confirms")), (1, 0));
    // Once attached before the disc has it, once behind that.
    for at in [12, 20] {
        let mut again = Play { now: ms(at), clients: vec![], app: play.app.clone(), bench: Bench::new(1 << 24) };
        again.bench.streams = vec![Default::default(); 5];
        again.bench.timers = play.bench.timers.clone();
        again.pass(ms(at));
        let b = again.connect("a");
        again.attach(b, end.clone(), Credit::Manual);
        again.pass(ms(30));
        assert_eq!(again.done(b), [(5, Some(DeliveryState::Accepted))], "{at}");
        assert_eq!((again.total("queued_messages"), again.total("resumed_links")), (1, 1));
        assert_eq!(again.session(b).sender(0).unwrap().1, 0);
    }
}

/// A receiver is cut with a message that has no outcome: it has it already, and gives the outcome on the next connection; another consumer does not get it meanwhile. Exactly once.
#[test]
fn a_delivery_waits_for_its_receiver() {
    let mut play = Play::new(AmqpBrokerConfig::default());
    let (a, b) = (play.connect("a"), play.connect("b"));
    let out = play.sender(a, "q");
    let terms = lasting(SenderSettleMode::Unsettled, ReceiverSettleMode::Second);
    play.attach(b, LinkEnd::Receiver(ReceiverState::new(terms)), Credit::Window(10));
    play.say(a, out, 1, "hi");
    let came = play.came(b).remove(0);
    let end = play.cut(b).remove(0);
    play.receiver(a, "q", Credit::Window(10));
    assert_eq!(play.came(a).len(), 0);
    assert_eq!((play.total("last_unacknowledged_messages"), play.total("last_ready_messages")), (1, 0));
    play.pass(ms(9_000));
    let b = play.connect("b");
    let to = play.attach(b, end, Credit::Window(10));
    assert_eq!(play.came(b).len(), 0, "it has it");
    play.settle(b, to, &came, DeliveryState::Accepted);
    assert_eq!((play.total("acknowledged_messages"), play.total("resumed_links")), (1, 1));
    assert_eq!(play.session(b).receiver(to).unwrap().0, 0);
}

/// The time of the terminus is over after 10 s: the message goes to who is there, and a link that comes later begins anew. Without a policy that keeps it, at once; so it is where a link is closed.
#[test]
fn a_link_is_forgotten_in_its_time() {
    for (keeps, closes) in [(true, false), (false, false), (true, true)] {
        let mut play = Play::new(AmqpBrokerConfig::default());
        let (a, b) = (play.connect("a"), play.connect("b"));
        let out = play.sender(a, "q");
        let (unsettled, first) = (SenderSettleMode::Unsettled, ReceiverSettleMode::First);
        let terms = if keeps { lasting(unsettled, first) } else { modes("l", "q", unsettled, first) };
        let to = play.attach(b, LinkEnd::Receiver(ReceiverState::new(terms)), Credit::Window(10));
        play.say(a, out, 1, "hi");
        assert_eq!(play.came(b).len(), 1);
        if closes {
            play.session(b).detach(to, true, None).unwrap();
            play.run();
        }
        play.cut(b);
        let waits = keeps && !closes;
        play.pass(ms(9_999));
        assert_eq!(play.total("last_ready_messages"), u64::from(!waits));
        play.pass(ms(10_000));
        assert_eq!(play.total("last_ready_messages"), 1);
        assert_eq!(play.total("requeued_messages"), 1);
        play.receiver(a, "q", Credit::Window(10));
        assert_eq!(play.came(a)[0].attempts(), (false, 0));
    }
}

/// A link is detached without being closed, and attached again on the same session: by default it is kept as long as that (§3.5.6).
#[test]
fn a_detached_link_is_attached_again() {
    let mut play = Play::new(AmqpBrokerConfig::default());
    let a = play.connect("a");
    let out = play.sender(a, "q");
    let terms = modes("l", "q", SenderSettleMode::Unsettled, ReceiverSettleMode::First);
    let to = play.attach(a, LinkEnd::Receiver(ReceiverState::new(terms)), Credit::Window(10));
    play.say(a, out, 1, "hi");
    let came = play.came(a).remove(0);
    play.session(a).detach(to, false, None).unwrap();
    play.run();
    let end = play.clients[a].events.iter().find_map(|event| match event {
        SessionEvent::Detached { end, closed: false, .. } => Some((**end).clone()),
        _ => None,
    });
    let to = play.attach(a, end.unwrap(), Credit::Window(10));
    play.settle(a, to, &came, DeliveryState::Accepted);
    assert_eq!((play.total("acknowledged_messages"), play.total("requeued_messages")), (1, 0));
    // What is sent meanwhile comes when it is attached.
    play.say(a, out, 2, "next");
    assert_eq!(play.came(a)[0].text(), "next");
}
