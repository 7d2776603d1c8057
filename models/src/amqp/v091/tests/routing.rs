//! Where messages go.

use super::{ExchangeKind, ExchangeOptions, Router, routed, router, s, to_exchange, to_queue};
use crate::amqp::v091::wire::{FieldValue, ReplyCode, Table, exchange};
use ExchangeKind::{Direct, Fanout, Headers, Topic};

fn bind(router: &mut Router, source: &str, queue: &str, key: &str) {
    assert_eq!(router.bind(&s(source), to_queue(queue), &s(key), &Table::new()), Ok(true));
}

fn link(router: &mut Router, source: &str, destination: &str, key: &str) {
    assert_eq!(router.bind(&s(source), to_exchange(destination), &s(key), &Table::new()), Ok(true));
}

fn table(fields: &[(&str, FieldValue)]) -> Table {
    fields.iter().map(|(name, value)| (s(name), value.clone())).collect()
}

/// The sheet's table, measured with RabbitMQ.
#[test]
fn a_topic_exchange_routes_by_words() {
    let mut router = router(&[("t", Topic)], &["q1", "q2", "q3", "q4", "q5", "q6"]);
    for (key, queue) in
        [("*.orange.*", "q1"), ("*.*.rabbit", "q2"), ("lazy.#", "q3"), ("#", "q4"), ("lazy", "q5"), ("#.x.#", "q6")]
    {
        bind(&mut router, "t", queue, key);
    }
    for (key, queues) in [
        ("quick.orange.rabbit", "q1 q2 q4"),
        ("lazy", "q3 q4 q5"),
        ("lazy.a.b", "q3 q4"),
        ("orange", "q4"),
        ("", "q4"),
        ("x", "q4 q6"),
        ("a.x.b", "q4 q6"),
        ("quick.orange.male.rabbit", "q4"),
    ] {
        assert_eq!(routed(&router, "t", key), queues, "{key}");
    }
}

/// The sheet's: bindings with {a: 1, b: x} for all and for any, and an empty one, measured with RabbitMQ.
#[test]
fn a_headers_exchange_looks_at_headers() {
    let mut router = router(&[("h", Headers)], &["all", "any", "none"]);
    let one = FieldValue::I32(1);
    let both = [("a", one.clone()), ("b", "x".into())];
    let with = |x_match: &str| table(&[&both[..], &[("x-match", x_match.into())]].concat());
    for (queue, arguments) in [("all", with("all")), ("any", with("any")), ("none", Table::new())] {
        assert_eq!(router.bind(&s("h"), to_queue(queue), &s(""), &arguments), Ok(true));
    }
    let to = |headers: &[(&str, FieldValue)]| {
        let queues = router.route("h", "", &table(headers));
        queues.iter().map(|queue| queue.as_str()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(to(&[("a", one.clone()), ("b", "x".into()), ("c", FieldValue::I32(2))]), "all any none");
    assert_eq!(to(&[("a", one)]), "any none");
    assert_eq!(to(&[("a", FieldValue::I32(2)), ("b", "y".into())]), "none");
    assert_eq!(to(&[]), "none");
    // The width of an integer is not its value.
    assert_eq!(to(&[("a", FieldValue::I64(1))]), "any none");
}

/// §3.1.3.4: a field without a value only has to be there; fields that begin with `x-` do not count; any of nothing is nothing; all is the
/// default. What is neither is 406.
#[test]
fn a_headers_binding_may_have_no_values() {
    let mut router = router(&[("h", Headers)], &["void", "x", "any"]);
    let mut bind = |queue, arguments: &[_]| router.bind(&s("h"), to_queue(queue), &s(""), &table(arguments));
    assert_eq!(bind("void", &[("a", FieldValue::Void), ("b", FieldValue::Void)]), Ok(true));
    assert_eq!(bind("x", &[("x-match", "all".into()), ("x-y", "z".into())]), Ok(true));
    assert_eq!(bind("any", &[("x-match", "any".into()), ("x-y", "z".into())]), Ok(true));
    for wrong in [FieldValue::from("some"), FieldValue::Bool(true)] {
        assert_eq!(bind("any", &[("x-match", wrong)]).unwrap_err().code, ReplyCode::PreconditionFailed);
    }
    let len = |headers: &[_]| router.route("h", "", &table(headers)).len();
    assert_eq!(len(&[("a", int(1)), ("b", "".into())]), 2);
    assert_eq!(len(&[("a", int(1)), ("x-y", "z".into())]), 1);
}

fn int(value: i32) -> FieldValue {
    FieldValue::I32(value)
}

/// §3.1.3.1 and §3.1.3.2.
#[test]
fn direct_fanout_and_default() {
    let mut router = router(&[("d", Direct), ("f", Fanout)], &["q1", "q2", "q3"]);
    for (queue, key) in [("q1", "k"), ("q2", "k"), ("q2", "l"), ("q3", "l")] {
        bind(&mut router, "d", queue, key);
        bind(&mut router, "f", queue, key);
    }
    assert_eq!(routed(&router, "d", "k"), "q1 q2");
    assert_eq!(routed(&router, "d", "l"), "q2 q3");
    assert_eq!(routed(&router, "d", "k.l"), "");
    // Two bindings lead to q2: it gets the message once.
    assert_eq!(routed(&router, "f", "whatever"), "q1 q2 q3");
    assert_eq!(routed(&router, "", "q3"), "q3");
    assert_eq!(routed(&router, "", "k"), "");
    // Away again, one binding of two, then the other.
    for (key, left) in [("k", "q1 q2 q3"), ("l", "q1 q3")] {
        assert_eq!(router.unbind(&s("f"), to_queue("q2"), &s(key), &Table::new()), Ok(vec![]));
        assert_eq!(routed(&router, "f", ""), left);
        router.unbind(&s("d"), to_queue("q2"), &s(key), &Table::new()).unwrap();
    }
    assert_eq!((routed(&router, "d", "k"), routed(&router, "d", "l")), ("q1".to_owned(), "q3".to_owned()));
}

/// Bindings that differ in their arguments alone are two; the same one made twice is one (§1.7.2.3).
#[test]
fn a_binding_is_its_key_and_arguments() {
    let mut router = router(&[("t", Topic), ("d", Direct)], &["q"]);
    let other = table(&[("n", int(1))]);
    for exchange in ["t", "d"] {
        bind(&mut router, exchange, "q", "a");
        assert_eq!(router.bind(&s(exchange), to_queue("q"), &s("a"), &Table::new()), Ok(false));
        assert_eq!(router.bind(&s(exchange), to_queue("q"), &s("a"), &other), Ok(true));
        assert_eq!(router.bindings_from(exchange), 2);
        router.unbind(&s(exchange), to_queue("q"), &s("a"), &Table::new()).unwrap();
        assert_eq!(routed(&router, exchange, "a"), "q");
        router.unbind(&s(exchange), to_queue("q"), &s("a"), &other).unwrap();
        assert_eq!(routed(&router, exchange, "a"), "");
        // What is away may be taken away (RabbitMQ).
        assert_eq!(router.unbind(&s(exchange), to_queue("q"), &s("a"), &other), Ok(vec![]));
    }
}

/// Circles, ways that meet again, and an exchange bound to itself: each is visited once, each queue gets the message once.
#[test]
fn exchanges_may_be_bound_to_each_other() {
    let mut router = router(&[("a", Fanout), ("b", Topic), ("c", Direct)], &["q1", "q2", "q3"]);
    for (source, destination, key) in
        [("a", "b", ""), ("a", "c", ""), ("b", "a", "x.#"), ("c", "a", "x.y"), ("a", "a", ""), ("b", "c", "#")]
    {
        link(&mut router, source, destination, key);
    }
    bind(&mut router, "a", "q1", "");
    bind(&mut router, "b", "q2", "x.*");
    bind(&mut router, "c", "q3", "x.y");
    bind(&mut router, "c", "q1", "x.y");
    for start in ["a", "b", "c"] {
        assert_eq!(routed(&router, start, "x.y"), "q1 q2 q3", "from {start}");
    }
    // Not by b's pattern for q2, and not by c's key: from b to c, which has nothing for it.
    assert_eq!(routed(&router, "b", "z"), "");
    assert_eq!(routed(&router, "a", "z"), "q1");
}

/// RabbitMQ: what matches no binding goes to the alternate exchange, and from there on; what matches one does not, wherever that leads.
#[test]
fn an_alternate_exchange_gets_what_nobody_takes() {
    let mut router = router(&[("f", Fanout), ("empty", Fanout)], &["q1", "q2"]);
    let with = |alternate| ExchangeOptions { alternate: Some(s(alternate)), ..ExchangeOptions::new(Direct) };
    for (name, alternate) in [("d", "e"), ("e", "f"), ("lost", "nowhere"), ("round", "round")] {
        router.declare(&s(name), with(alternate)).unwrap();
    }
    bind(&mut router, "d", "q1", "k");
    bind(&mut router, "f", "q2", "");
    link(&mut router, "d", "empty", "dead end");
    assert_eq!(routed(&router, "d", "k"), "q1");
    assert_eq!(routed(&router, "d", "other"), "q2");
    assert_eq!(routed(&router, "d", "dead end"), "");
    // One that there is not takes nothing, and one of itself is no loop.
    assert_eq!(routed(&router, "lost", "k"), "");
    assert_eq!(routed(&router, "round", "k"), "");
}

/// What the sheet says of declarations, measured with RabbitMQ: the same is fine, another is 406, `amq.` is 403, one that is missing 404, a type
/// that there is not 503 and hard.
#[test]
fn exchanges_are_declared() {
    let mut router = router(&[("t", Topic)], &["q"]);
    let code = |result: Result<bool, crate::amqp::v091::wire::Fault>| result.map_err(|fault| fault.code);
    assert_eq!(code(router.declare(&s("t"), ExchangeOptions::new(Topic))), Ok(false));
    assert_eq!(code(router.declare(&s("t"), ExchangeOptions::new(Fanout))), Err(ReplyCode::PreconditionFailed));
    assert_eq!(code(router.declare(&s("amq.mine"), ExchangeOptions::new(Topic))), Err(ReplyCode::AccessRefused));
    assert_eq!(code(router.declare(&s(""), ExchangeOptions::new(Direct))), Err(ReplyCode::AccessRefused));
    let durable = ExchangeOptions { durable: true, ..ExchangeOptions::new(Headers) };
    assert_eq!(code(router.declare(&s("amq.match"), durable)), Ok(false));
    assert_eq!(router.check_exchange("amq.topic"), Ok(()));
    assert_eq!(router.check_exchange(""), Ok(()));
    assert_eq!(router.check_exchange("no").unwrap_err().code, ReplyCode::NotFound);

    let declare = exchange::Declare { exchange: s("x"), kind: s("strange"), ..Default::default() };
    let fault = ExchangeOptions::from_declare(&declare).unwrap_err();
    assert!(fault.code == ReplyCode::CommandInvalid && fault.is_hard());
    let arguments = table(&[("alternate-exchange", "t".into())]);
    let declare = exchange::Declare { kind: s("headers"), internal: true, arguments, ..declare };
    let expected = ExchangeOptions { internal: true, alternate: Some(s("t")), ..ExchangeOptions::new(Headers) };
    assert_eq!(ExchangeOptions::from_declare(&declare), Ok(expected));
    let arguments = table(&[("alternate-exchange", int(1))]);
    let fault = ExchangeOptions::from_declare(&exchange::Declare { arguments, ..declare }).unwrap_err();
    assert_eq!(fault.code, ReplyCode::PreconditionFailed);
}

/// 404 for ends that are missing when something is bound, 403 for the default exchange and an internal one; deleted twice is deleted; 406 for one in use.
#[test]
fn exchanges_are_used_as_they_may_be() {
    let mut router = router(&[("t", Topic)], &["q"]);
    let internal = ExchangeOptions { internal: true, ..ExchangeOptions::new(Fanout) };
    router.declare(&s("i"), internal).unwrap();
    let none = Table::new();
    for (source, destination, expected) in [
        ("no", to_queue("q"), ReplyCode::NotFound),
        ("t", to_queue("no"), ReplyCode::NotFound),
        ("t", to_exchange("no"), ReplyCode::NotFound),
        ("", to_queue("q"), ReplyCode::AccessRefused),
        ("t", to_exchange(""), ReplyCode::AccessRefused),
    ] {
        assert_eq!(router.bind(&s(source), destination.clone(), &s(""), &none).unwrap_err().code, expected);
        // What is not there has no binding to lose: RabbitMQ 3.10.8 has no 404 for it.
        let unbound = router.unbind(&s(source), destination, &s(""), &none).map_err(|fault| fault.code);
        assert_eq!(unbound, if expected == ReplyCode::NotFound { Ok(vec![]) } else { Err(expected) });
    }
    link(&mut router, "t", "i", "#");
    bind(&mut router, "i", "q", "");
    assert_eq!(router.publish("i", "", &none).unwrap_err().code, ReplyCode::AccessRefused);
    assert_eq!(router.publish("no", "", &none).unwrap_err().code, ReplyCode::NotFound);
    assert_eq!(router.publish("t", "", &none).unwrap().len(), 1);
    assert_eq!(router.delete(&s("i"), true).unwrap_err().code, ReplyCode::PreconditionFailed);
    assert_eq!(router.delete(&s("amq.topic"), false).unwrap_err().code, ReplyCode::AccessRefused);
    assert_eq!(router.delete(&s(""), false).unwrap_err().code, ReplyCode::AccessRefused);
    assert_eq!(router.delete(&s("i"), false), Ok(vec![s("i")]));
    assert_eq!(router.delete(&s("i"), true), Ok(vec![]));
    assert_eq!((router.bindings_from("t"), routed(&router, "t", "")), (0, String::new()));
}

/// §1.6.2.1: an exchange that shall go with its last binding goes, and takes the one along whose last binding it was; not before it has one.
#[test]
fn exchanges_go_with_their_last_binding() {
    let mut router = router(&[("stays", Fanout)], &["q1", "q2"]);
    let auto = ExchangeOptions { auto_delete: true, ..ExchangeOptions::new(Fanout) };
    for name in ["one", "two", "other"] {
        router.declare(&s(name), auto.clone()).unwrap();
    }
    link(&mut router, "stays", "one", "");
    link(&mut router, "one", "two", "");
    bind(&mut router, "two", "q1", "");
    bind(&mut router, "two", "q2", "");
    bind(&mut router, "other", "q2", "");
    assert_eq!(router.remove_queue(&s("q1")), []);
    assert_eq!(routed(&router, "stays", ""), "q2");
    // In order: those of the queue by name, then those of exchanges that have gone.
    assert_eq!(router.remove_queue(&s("q2")), [s("other"), s("two"), s("one")]);
    assert_eq!((router.bindings_from("stays"), router.exchange("two")), (0, None));
    router.add_queue(&s("q2"));
    assert_eq!(routed(&router, "stays", ""), "");
    router.declare(&s("one"), auto).unwrap();
    bind(&mut router, "one", "q2", "k");
    assert_eq!(router.unbind(&s("one"), to_queue("q2"), &s("k"), &Table::new()), Ok(vec![s("one")]));
}

/// A chain of 50,000 exchanges that go with their last bindings: all of them go.
#[test]
fn a_long_chain_of_exchanges_goes() {
    let mut router = router(&[], &["q"]);
    let auto = ExchangeOptions { auto_delete: true, ..ExchangeOptions::new(Fanout) };
    let name = |number: u32| s(&number.to_string());
    router.declare(&name(0), auto.clone()).unwrap();
    bind(&mut router, "0", "q", "");
    for number in 1..50_000 {
        router.declare(&name(number), auto.clone()).unwrap();
        link(&mut router, &name(number), &name(number - 1), "");
    }
    assert_eq!(routed(&router, "49999", ""), "q");
    assert_eq!(router.remove_queue(&s("q")).len(), 50_000);
    assert_eq!(router.exchange("49999"), None);
}
