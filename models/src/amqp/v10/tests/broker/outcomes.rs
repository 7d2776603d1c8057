//! What outcomes do with messages, addresses, and what no queue takes.

use super::*;
use crate::amqp::broker::queue::Overflow;
use crate::amqp::v10::wire::{AnnotationKey, Condition, Map, Modified, Symbol, Value};

/// A queue `q` whose dead letters go to queue `dead`, and a client that sends to it and receives from it.
fn with_dead_letters() -> (Play, usize, u32, u32) {
    let mut play = Play::new(AmqpBrokerConfig::default());
    play.queue("dead", QueueOptions::default());
    let options = QueueOptions {
        dead_letter_exchange: Some(s("")),
        dead_letter_routing_key: Some(s("dead")),
        ..QueueOptions::default()
    };
    play.queue("q", options);
    let a = play.connect("a");
    let out = play.sender(a, "q");
    let to = play.receiver(a, "q", Credit::Window(10));
    play.say(a, out, 1, "hi");
    (play, a, out, to)
}

fn modified(failed: bool, here: bool) -> DeliveryState {
    DeliveryState::Modified(Box::new(Modified {
        delivery_failed: failed.then_some(true),
        undeliverable_here: here.then_some(true),
        message_annotations: None,
    }))
}

/// §3.4.4, §3.4.5: released and modified messages come again, not as first acquirer; an attempt more where the delivery has failed. The count goes on.
#[test]
fn released_and_modified_messages_come_again() {
    let (mut play, a, _, to) = with_dead_letters();
    let mut came = play.came(a).remove(0);
    assert_eq!(came.attempts(), (true, 0));
    for (outcome, count) in [
        (DeliveryState::Released, 0),
        (modified(false, false), 0),
        (modified(true, false), 1),
        (DeliveryState::Released, 1),
        (modified(true, false), 2),
    ] {
        play.settle(a, to, &came, outcome);
        came = play.came(a).remove(0);
        assert_eq!((came.attempts(), came.text()), ((false, count), "hi".to_owned()));
    }
    play.settle(a, to, &came, DeliveryState::Accepted);
    let totals = ["requeued_messages", "redelivered_messages", "acknowledged_messages", "dead_letters"];
    assert_eq!(totals.map(|name| play.total(name)), [5, 5, 1, 0]);
}

/// §3.4.3: rejected messages, and those that are undeliverable here, are dead letters. Their bare message is as it came; `x-death` stands in the annotations.
#[test]
fn rejected_messages_are_dead_letters() {
    for outcome in [DeliveryState::Rejected(None), modified(false, true), modified(true, true)] {
        let (mut play, a, _, to) = with_dead_letters();
        let came = play.came(a).remove(0);
        play.settle(a, to, &came, outcome);
        assert_eq!(play.total("rejected_messages"), 1);
        let b = play.connect("b");
        play.receiver(b, "dead", Credit::Window(1));
        let letter = play.came(b).remove(0);
        let (message, from, _) = Message::decode_parts(&letter.payload).unwrap();
        assert_eq!(letter.payload.slice(from, u64::MAX).to_bytes(), data("hi").encode().to_bytes());
        let key = AnnotationKey::Symbol(Symbol::new("x-death").unwrap());
        let Some(Value::List(deaths)) = message.message_annotations.as_ref().unwrap().get(&key) else { panic!() };
        let Value::Map(death) = &deaths[0] else { panic!() };
        let field = |name: &str| death.get(&Value::string(name)).cloned();
        assert_eq!(field("reason"), Some(Value::string("rejected")));
        assert_eq!(field("queue"), Some(Value::string("q")));
        assert_eq!(field("count"), Some(Value::Long(1)));
    }
}

/// §3.5.3: what is settled without an outcome has the default one of its source; without that, it is accepted here.
#[test]
fn settled_without_an_outcome() {
    for (default, acknowledged, requeued) in [(None, 1, 0), (Some(DeliveryState::Released), 0, 1)] {
        let mut play = Play::new(AmqpBrokerConfig::default());
        let a = play.connect("a");
        let out = play.sender(a, "q");
        play.say(a, out, 1, "hi");
        let source = Source { default_outcome: default, ..Source::new("q") };
        let terms = Terms::new("in", source, Target::new("me"));
        let to = play.attach(a, LinkEnd::Receiver(ReceiverState::new(terms)), Credit::Manual);
        play.session(a).give_credit(to, 1, false).unwrap();
        play.run();
        let came = play.came(a);
        // A state that is no outcome, settled by the receiver.
        play.settle(a, to, &came[0], DeliveryState::Received { section_number: 0, section_offset: 0 });
        let totals = ["acknowledged_messages", "requeued_messages"].map(|name| play.total(name));
        assert_eq!(totals, [acknowledged, requeued]);
    }
}

/// A message for no queue is released; one that a full queue refuses is rejected, and says why.
#[test]
fn what_no_queue_takes() {
    let mut play = Play::new(AmqpBrokerConfig::default());
    let options = QueueOptions { max_length: Some(1), overflow: Overflow::RejectPublish, ..QueueOptions::default() };
    play.queue("short", options);
    let a = play.connect("a");
    let nowhere = play.sender(a, "/exchange/amq.direct/nobody");
    play.say(a, nowhere, 1, "hi");
    assert_eq!(play.done(a), [(1, Some(DeliveryState::Released))]);
    let terms = Terms::new("other", Source::new("me"), Target::new("short"));
    let full = play.attach(a, LinkEnd::Sender(SenderState::new(terms)), Credit::Manual);
    play.say(a, full, 2, "first");
    play.say(a, full, 3, "second");
    let done = play.done(a);
    assert_eq!(done[0], (2, Some(DeliveryState::Accepted)));
    let (3, Some(DeliveryState::Rejected(Some(error)))) = &done[1] else { panic!("{done:?}") };
    assert_eq!(error.known(), Some(Condition::ResourceLimitExceeded));
    let totals = ["unroutable_messages", "refused_messages", "confirms", "nacks"].map(|name| play.total(name));
    assert_eq!(totals, [1, 1, 1, 2]);
}

/// Addresses: an exchange with a key, with the subject as key, a topic; sources that make a queue of their own, which goes with its link; a queue that is made, durable, and used again.
#[test]
fn addresses_lead_to_exchanges_and_queues() {
    let mut play = Play::new(AmqpBrokerConfig::default());
    let b = play.connect("b");
    let to = play.receiver(b, "/topic/a.*", Credit::Window(10));
    assert_eq!(play.total("last_queues"), 1);
    for (name, address, subject, comes) in [
        ("1", "/topic/a.b", None, true),
        ("2", "/topic/b", None, false),
        ("3", "/exchange/amq.topic/a.c", None, true),
        ("4", "/exchange/amq.topic", Some("a.d"), true),
        ("5", "/exchange/amq.topic", None, false),
    ] {
        let a = play.connect(name);
        let out = play.sender(a, address);
        let properties = subject.map(|subject: &str| {
            Box::new(crate::amqp::v10::wire::Properties { subject: Some(subject.into()), ..Default::default() })
        });
        play.send(a, out, 1, Message { properties, ..data(name) }.encode(), false);
        let came = play.came(b);
        assert_eq!(
            came.iter().map(Came::text).collect::<Vec<_>>(),
            if comes { vec![name] } else { vec![] },
            "{address}"
        );
        for came in came {
            play.settle(b, to, &came, DeliveryState::Accepted);
        }
    }
    play.session(b).detach(to, true, None).unwrap();
    play.run();
    assert_eq!(play.total("last_queues"), 0);
    play.sender(b, "/queue/a%2Fb");
    assert!(play.app.store.is_durable("a/b"));
}

/// A dynamic source (§3.5.3): the answer says the address, to which others send.
#[test]
fn a_dynamic_source_is_given_an_address() {
    let mut play = Play::new(AmqpBrokerConfig::default());
    let (a, b) = (play.connect("a"), play.connect("b"));
    let source = Source { dynamic: Some(true), ..Source::default() };
    let terms = Terms::new("in", source, Target::new("me"));
    play.attach(a, LinkEnd::Receiver(ReceiverState::new(terms)), Credit::Window(10));
    let address = play.clients[a].events.iter().find_map(|event| match event {
        SessionEvent::Attached { attach, .. } => attach.source.as_ref().unwrap().address.as_str().map(str::to_owned),
        _ => None,
    });
    let address = address.unwrap();
    assert!(address.starts_with("/queue/amq.gen-"), "{address}");
    // It is one connection's own (§1.7.2.1 of 0-9-1): the other one is refused, and the client itself sends.
    play.sender(b, &address);
    assert_eq!(play.detached(b).as_deref(), Some("amqp:resource-locked"));
    let out = play.sender(a, &address);
    play.say(a, out, 1, "answer");
    assert_eq!(play.came(a)[0].text(), "answer");
    play.cut(a);
    assert_eq!(play.total("last_queues"), 0);
}

/// A link whose queue is deleted is detached, and says why; another one that shares a queue gets what comes in turn.
#[test]
fn links_share_queues_and_are_told_of_their_end() {
    let mut play = Play::new(AmqpBrokerConfig::default());
    let (a, b, c) = (play.connect("a"), play.connect("b"), play.connect("c"));
    let out = play.sender(a, "q");
    play.receiver(b, "q", Credit::Window(10));
    play.receiver(c, "q", Credit::Window(10));
    (0..6).for_each(|token| play.say(a, out, token, "hi"));
    assert_eq!((play.came(b).len(), play.came(c).len()), (3, 3));
    // What b has and has not settled goes to c when b is gone, and is no first attempt; nothing has failed.
    play.cut(b);
    play.app.on_timer(1, &mut play.bench);
    play.run();
    let again = play.came(c);
    assert_eq!(again.iter().map(Came::attempts).collect::<Vec<_>>(), [(false, 0); 3]);
    play.app.delete_queue(&s("q"), &mut play.bench);
    play.app.on_timer(1, &mut play.bench);
    play.run();
    assert_eq!(play.detached(c).as_deref(), Some("amqp:resource-deleted"));
    assert_eq!(play.total("cancelled_consumers"), 1);
}

/// A map that says nothing of the message's annotations is left out.
#[test]
fn annotations_of_a_message_stay() {
    let mut play = Play::new(AmqpBrokerConfig::default());
    let a = play.connect("a");
    let out = play.sender(a, "q");
    play.receiver(a, "q", Credit::Window(10));
    let key = AnnotationKey::Symbol(Symbol::new("x-opt-mine").unwrap());
    let annotations: Map<_, _> = [(key, Value::Long(7))].into_iter().collect();
    play.send(a, out, 1, Message { message_annotations: Some(annotations.clone()), ..data("hi") }.encode(), false);
    play.say(a, out, 2, "hi");
    let came = play.came(a);
    assert_eq!(came[0].message().message_annotations, Some(annotations));
    assert_eq!(came[1].message().message_annotations, None);
}
