//! The receiving half.

use super::*;
use crate::mqtt::session::Method;
use crate::mqtt::wire::{Delivery, PacketId, Properties, Property, ReasonCode, TopicAlias};
use ReasonCode::{ProtocolError, QuotaExceeded, ReceiveMaximumExceeded, Success, TopicAliasInvalid};

struct Receiver {
    session: Session,
    link: Link,
    limits: Limits,
}

impl Receiver {
    fn new(options: LinkOptions, method: Method) -> Self {
        let session = Session::new();
        Self { link: Link::new(&session, options), session, limits: Limits { method, ..Limits::default() } }
    }

    fn on(&mut self, delivery: Delivery, payload: &str) -> Result<Arrival, ReasonCode> {
        let payload = Rope::from(payload.as_bytes().to_vec());
        let (topic, properties) = (text("a"), Properties::new());
        let publish = Publish { delivery, retain: false, topic, properties, payload };
        self.session.on_publish(&mut self.link, &self.limits, publish, at(0)).map_err(|fault| fault.reason)
    }

    /// What came, in a word.
    fn word(&mut self, delivery: Delivery, payload: &str) -> String {
        let said = |message: Message| String::from_utf8(message.content.payload.to_bytes().to_vec()).unwrap();
        match self.on(delivery, payload).unwrap() {
            Arrival::AtMostOnce(message) => format!("0 {}", said(message)),
            Arrival::Deliver(message) => format!("deliver {}", said(message)),
            Arrival::Hold(message) => format!("hold {}", said(message)),
            Arrival::Repeated => "repeated".to_owned(),
        }
    }

    fn answers(&mut self, reasons: &[ReasonCode]) -> Vec<String> {
        reasons.iter().for_each(|reason| assert!(self.session.answer(&mut self.link, *reason)));
        self.said()
    }

    fn said(&mut self) -> Vec<String> {
        let Self { session, link, limits } = self;
        std::iter::from_fn(|| session.next(link, limits, at(0))).map(|out| word(&out)).collect()
    }

    fn release(&mut self, number: u16) -> Option<String> {
        let message = self.session.on_pubrel(&mut self.link, id(number))?;
        Some(String::from_utf8(message.content.payload.to_bytes().to_vec()).unwrap())
    }
}

fn one(number: u16) -> Delivery {
    Delivery::AtLeastOnce { id: id(number), dup: false }
}

fn two(number: u16) -> Delivery {
    Delivery::ExactlyOnce { id: id(number), dup: false }
}

/// v5 §4.3, figure 4.3: method A delivers with PUBREL, method B with PUBLISH, and a repetition is delivered by neither.
#[test]
fn both_methods() {
    let mut a = Receiver::new(LinkOptions::new(V5), Method::A);
    assert_eq!(a.word(Delivery::AtMostOnce, "x"), "0 x");
    assert_eq!(a.word(one(1), "y"), "deliver y");
    assert_eq!(a.word(two(2), "z"), "hold z");
    assert_eq!(a.answers(&[Success, Success]), ["PUBACK 1 00", "PUBREC 2 00"]);
    assert_eq!(a.word(two(2), "z"), "repeated");
    assert_eq!(a.answers(&[Success]), ["PUBREC 2 00"]);
    // A crash, and a connection that ends.
    a.link = Link::new(&a.session.clone(), LinkOptions::new(V5));
    assert_eq!(a.word(two(2), "z"), "repeated");
    assert_eq!(a.answers(&[Success]), ["PUBREC 2 00"]);
    assert_eq!(a.release(2).as_deref(), Some("z"));
    assert_eq!(a.said(), ["PUBCOMP 2 00"]);
    // The identifier is free: a new message.
    assert_eq!(a.word(two(2), "new"), "hold new");

    let mut b = Receiver::new(LinkOptions::new(V5), Method::B);
    assert_eq!(b.word(two(2), "z"), "deliver z");
    assert_eq!(b.answers(&[Success]), ["PUBREC 2 00"]);
    assert_eq!(b.word(two(2), "z"), "repeated");
    assert_eq!(b.answers(&[Success]), ["PUBREC 2 00"]);
    assert_eq!(b.release(2), None);
    assert_eq!(b.said(), ["PUBCOMP 2 00"]);
    // QoS 1 is delivered again.
    assert_eq!(b.word(one(3), "y"), "deliver y");
    assert_eq!(b.word(one(3), "y"), "deliver y");
}

/// v5 §3.7.2.1: PUBREL for nothing gets PUBCOMP with 0x92, in 3.1.1 without a word.
#[test]
fn pubrel_for_nothing() {
    for (version, expected) in [(V5, "PUBCOMP 5 92"), (V311, "PUBCOMP 5 00")] {
        let mut receiver = Receiver::new(LinkOptions::new(version), Method::A);
        assert_eq!(receiver.release(5), None);
        assert_eq!(receiver.said(), [expected]);
    }
}

/// MQTT-4.6.0-2, 4.6.0-3: answers in the order of what they answer. MQTT-4.3.3-9: a PUBREC with a failure keeps nothing.
#[test]
fn answers_in_order_and_failures() {
    let mut receiver = Receiver::new(LinkOptions::new(V5), Method::A);
    receiver.on(two(1), "a").unwrap();
    receiver.on(one(2), "b").unwrap();
    // Before its answer: it is answered twice.
    assert_eq!(receiver.word(two(1), "a"), "repeated");
    receiver.on(two(3), "c").unwrap();
    let verdicts = [Success, QuotaExceeded, QuotaExceeded, QuotaExceeded];
    assert_eq!(receiver.answers(&verdicts), ["PUBREC 1 00", "PUBACK 2 97", "PUBREC 1 00", "PUBREC 3 97"]);
    assert_eq!((receiver.session.received(), receiver.link.unanswered()), (1, 0));
    assert!(!receiver.session.answer(&mut receiver.link, Success));
    assert_eq!(receiver.word(two(3), "c"), "hold c");
    // 3.1.1 cannot say so: acknowledged, and not delivered.
    let mut receiver = Receiver::new(LinkOptions::new(V311), Method::A);
    receiver.on(two(1), "a").unwrap();
    receiver.on(one(2), "b").unwrap();
    assert_eq!(receiver.answers(&[QuotaExceeded; 2]), ["PUBREC 1 00", "PUBACK 2 00"]);
    assert_eq!(receiver.release(1), None);
    assert_eq!(receiver.said(), ["PUBCOMP 1 00"]);
}

/// v5 §3.3.4, §4.9: more than our receive maximum without PUBACK, PUBCOMP or a failing PUBREC is 0x93.
#[test]
fn our_receive_maximum() {
    let options = LinkOptions { receive_maximum: 2, ..LinkOptions::new(V5) };
    let full = || {
        let mut receiver = Receiver::new(options, Method::A);
        receiver.on(two(1), "a").unwrap();
        receiver.on(one(2), "b").unwrap();
        receiver
    };
    let mut receiver = full();
    assert_eq!(receiver.on(one(3), "c"), Err(ReceiveMaximumExceeded));
    assert_eq!(full().on(two(3), "c"), Err(ReceiveMaximumExceeded));
    // QoS 0 does not count, nor does a repetition.
    assert!(full().on(Delivery::AtMostOnce, "c").is_ok() && full().on(two(1), "a").is_ok());
    // PUBACK makes room, PUBREC does not, PUBCOMP does.
    let mut receiver = full();
    receiver.answers(&[Success]);
    assert_eq!(receiver.on(one(3), "c"), Err(ReceiveMaximumExceeded));
    receiver.answers(&[Success]);
    assert!(receiver.on(one(3), "c").is_ok());
    assert_eq!(receiver.on(one(4), "d"), Err(ReceiveMaximumExceeded));
    receiver.release(1);
    assert!(receiver.on(one(4), "d").is_ok());
    // So does a PUBREC that fails.
    let mut receiver = full();
    receiver.answers(&[QuotaExceeded]);
    assert!(receiver.on(one(3), "c").is_ok());
    // What is left from a connection before counts when it comes again.
    let mut receiver = full();
    receiver.answers(&[Success]);
    receiver.link = Link::new(&receiver.session, options);
    assert!(receiver.on(one(2), "b").is_ok() && receiver.on(two(1), "a").is_ok());
    assert_eq!(receiver.on(one(3), "c"), Err(ReceiveMaximumExceeded));
    // 3.1.1 has none.
    let mut receiver = Receiver::new(LinkOptions { version: V311, ..options }, Method::A);
    assert!((1..100).all(|number| receiver.on(one(number), "x").is_ok()));
}

/// v5 §3.3.2.3.4: an alias stands for what it was given to last, on this connection, up to our maximum.
#[test]
fn aliases_that_are_taken() {
    let mut receiver = Receiver::new(LinkOptions { receive_aliases: 2, ..LinkOptions::new(V5) }, Method::A);
    let on = |receiver: &mut Receiver, topic: &str, alias: u16| {
        let alias = Property::Alias(TopicAlias::new(alias).unwrap());
        let (topic, properties) = (text(topic), [alias].into_iter().collect());
        let publish =
            Publish { delivery: Delivery::AtMostOnce, retain: false, topic, properties, payload: Rope::new() };
        match receiver.session.on_publish(&mut receiver.link, &receiver.limits, publish, at(0)) {
            Ok(Arrival::AtMostOnce(message)) => {
                assert!(message.content.properties.is_empty());
                Ok(message.content.topic.to_string())
            }
            Ok(other) => panic!("{other:?}"),
            Err(fault) => Err(fault.reason),
        }
    };
    assert_eq!(on(&mut receiver, "", 1), Err(ProtocolError));
    assert_eq!(on(&mut receiver, "a", 1).as_deref(), Ok("a"));
    assert_eq!(on(&mut receiver, "b", 2).as_deref(), Ok("b"));
    assert_eq!(on(&mut receiver, "", 1).as_deref(), Ok("a"));
    assert_eq!(on(&mut receiver, "c", 1).as_deref(), Ok("c"));
    assert_eq!(on(&mut receiver, "", 1).as_deref(), Ok("c"));
    assert_eq!(on(&mut receiver, "d", 3), Err(TopicAliasInvalid));
    receiver.link = Link::new(&receiver.session, *receiver.link.options());
    assert_eq!(on(&mut receiver, "", 1), Err(ProtocolError));
}

#[test]
fn a_packet_identifier_goes_round() {
    assert_eq!((id(65535).next(), PacketId::FIRST.next()), (PacketId::FIRST, id(2)));
    assert_eq!(PacketId::new(0), None);
}
