//! Bad input: each kind of mistake in each kind of place, with the whole message as a snapshot.
//!
//! A case is one line of [`cases::CASES`]: its name, and what to replace in [`GOOD`] by what. The snapshots are golden texts:
//! read each as someone who made that mistake, and ask whether place, offending text, expectation and mend are in it.
//! `INSTA_UPDATE=always cargo test -p protosim-experiments corpus` writes them anew.

mod amqp;
mod cases;
mod cells;
mod channels;
mod coap;
mod devices;
mod dtls;
mod ice;
mod lora;
mod mqtt;
mod nats;
mod networks;
mod relays;
mod replications;
mod sound;
mod streams;
mod tls;
mod web;

use super::load::load_with;
use super::{Loaded, Request};
use crate::tree::{Included, NotIncluded, suggest};
use protosim_models::channel::ChannelConfig;

/// A scenario without mistakes.
const GOOD: &str = r#"(
    format: 1,
    title: "A sensor and a server",
    nodes: [(name: "client"), (name: "router"), (name: "server")],
    links: [
        (name: "radio", ends: ("client", "router"), rate: "250 kbit/s", delay: "50 ms", loss: "1 %"),
        (name: "wire", ends: ("router", "server"), delay: "1 ms"),
    ],
    apps: [
        (name: "server", on: "server", run: CoapServer()),
        (name: "con", on: "client", run: CoapClient(to: "server", requests: 10)),
    ],
    axes: [
        (name: "loss", path: "links.radio.loss", values: ["0 %", "10 %"]),
        (name: "delay", path: "links.wire.delay", range: (from: "1 ms", to: "5 ms", steps: 3)),
    ],
    // more
)"#;

/// What cases include.
const FILES: [(&str, &str); 8] = [
    ("radio.ron", r#"(links: [(name: "radio", mtu: "1280 B")])"#),
    ("typo.ron", "(\n    links: [(name: \"radio\", dely: \"5 ms\")],\n)"),
    ("broken.ron", "(\n    links: [(name: \"radio\", mtu: \"1280 B\"],\n)"),
    ("there.ron", r#"(include: ["back.ron"])"#),
    ("back.ron", r#"(include: ["there.ron"])"#),
    ("home.ron", r#"(include: ["corpus.ron"])"#),
    ("list.ron", r#"[(name: "radio")]"#),
    ("library.ron", r#"(templates: {"slow": (rate: "10 kbit/s"), "fast": (rate: "1 Gbit/s")})"#),
];

fn find(_: &str, name: &str) -> Result<Included, NotIncluded> {
    if name == "corpus.ron" {
        return Ok(Included { key: name.to_owned(), label: name.to_owned(), text: GOOD.to_owned() });
    }
    let found = FILES.iter().find(|(file, _)| *file == name);
    let near = || suggest(name, FILES.iter().map(|(file, _)| *file)).map(|near| format!("did you mean \"{near}\"?"));
    found
        .map(|(_, text)| Included { key: name.to_owned(), label: name.to_owned(), text: (*text).to_owned() })
        .ok_or_else(|| NotIncluded { message: format!("there is no file `{name}`"), help: near() })
}

fn load(replacements: &[(&str, &str)]) -> Result<Loaded, String> {
    let mut text = GOOD.to_owned();
    for (from, to) in replacements {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    load_with("corpus", ("corpus.ron", "corpus.ron"), &text, &Request::default(), false, &mut find)
}

#[test]
fn the_scenario_that_is_broken_below_is_sound() {
    assert_eq!(load(&[]).unwrap().points.len(), 6);
}

/// Channels are varied and overridden as links are, and one with groups at its ends is one for each pair.
#[test]
fn channels_that_are_sound() {
    let pairs = r#"(name: "router"), (name: "caller", count: 2), (name: "callee", count: 2)"#;
    let channels = r#"channels: [(name: "call", ends: ("caller", "callee"), delay: "50 ms", stream_name: "c"), (name: "push", ends: ("client", "server"), delay: "1 s", loss: "1 %", impair: (jitter: "5 ms"), backward: (delay: "2 s"))], adjust: {"channels.call-1.loss": "5 %"},"#;
    let axis = r#"axes: [(name: "signalling", path: "channels.push.delay", values: ["3 s", "4 s"]), "#;
    let loaded = load(&[(r#"(name: "router")"#, pairs), ("// more", channels), ("axes: [", axis)]).unwrap();
    let found = |point: usize| -> Vec<String> {
        let name = |c: &ChannelConfig| {
            format!("{} {}-{} {} {:?} {:?}", c.name, c.ends.0.0, c.ends.1.0, c.delay, c.loss, c.stream_name)
        };
        loaded.points[point].scenario.channels.iter().map(name).collect()
    };
    let pair = |number: u64, loss: &str| {
        format!("call-{number} caller-{number}-callee-{number} 50 ms {loss} Some(\"c-{number}\")")
    };
    let five = format!("{:?}", Some(protosim_core::Ratio::from_percent(5)));
    let one = format!("{:?}", Some(protosim_core::Ratio::from_percent(1)));
    for (point, delay) in [(0, "3 s"), (loaded.points.len() - 1, "4 s")] {
        let push = format!("push client-server {delay} {one} None");
        assert_eq!(found(point), [pair(0, "None"), pair(1, &five), push]);
    }
    let request = Request { set: vec!["channels.push.delay=7 ms".to_owned()], ..Request::default() };
    let text = GOOD.replace("// more", r#"channels: [(name: "push", ends: ("client", "server"), delay: "1 s")],"#);
    let loaded = load_with("corpus", ("corpus.ron", "corpus.ron"), &text, &request, false, &mut find).unwrap();
    assert_eq!(loaded.scenario.channels[0].delay, protosim_core::Span::from_millis(7));
}

#[test]
fn nats_and_firewalls_that_are_sound() {
    for router in [
        r#"(name: "router", nat: (outside: "wire"))"#,
        r#"(name: "router", nat: (outside: "wire", pool: ["203.0.113.1"], pooling: Arbitrary, port_range: (2000, 2001), hairpinning: None))"#,
        r#"(name: "router", nat: (outside: "wire", mapping: AddressAndPortDependent, ports: Overload, timers: (udp: "30 s")))"#,
        r#"(name: "router", firewall: (outside: "wire", filtering: AddressDependent, blocks: (all_but_ports: [5683])))"#,
    ] {
        let loaded = load(&[(r#"(name: "router")"#, router)]).unwrap();
        assert_eq!(loaded.warnings, "", "{router}");
    }
    let firewall = r#"(name: "router", firewall: (outside: "wire"))"#;
    assert!(load(&[(r#"(name: "router")"#, firewall), ("// more", "addresses: V6,")]).is_ok());
}

#[test]
fn relays_that_are_sound() {
    for (_, replacements) in relays::SOUND {
        assert_eq!(load(replacements).unwrap().warnings, "");
    }
}

#[test]
fn every_case_is_refused_with_its_message() {
    assert!(cases::CASES.len() >= 80);
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        let mut accepted = Vec::new();
        for (name, replacements) in refused() {
            match load(replacements) {
                Ok(_) => accepted.push(name),
                Err(message) => insta::assert_snapshot!(*name, message),
            }
        }
        assert!(accepted.is_empty(), "accepted: {accepted:?}");
    });
}

/// rustls is not part of every program: one without it says how to build one with it, and any wants real bytes.
#[test]
fn rustls_is_refused_where_it_is_not_or_has_no_bytes() {
    let [absent, sized] = tls::OF_RUSTLS;
    if cfg!(feature = "rustls") {
        assert!(load(absent.1).is_ok());
        let message = load(sized.1).expect_err("it is refused");
        assert!(message.contains("corpus.ron:10:") && message.contains("`crypto` is `Sized`"), "{message}");
        assert!(!message.contains("--features rustls"), "{message}");
        return;
    }
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        for (name, replacements) in [absent, sized] {
            insta::assert_snapshot!(name, load(replacements).expect_err("it is refused"));
        }
    });
}

/// As is str0m, which can be told little.
#[test]
fn str0m_is_refused_where_it_is_not_or_is_told_too_much() {
    let [absent, told] = ice::OF_STR0M;
    if cfg!(feature = "str0m") {
        assert!(load(absent.1).is_ok());
        let message = load(told.1).expect_err("it is refused");
        assert!(!message.contains("--features str0m") && message.contains("`streams` is nothing"), "{message}");
        return;
    }
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        for (name, replacements) in [absent, told] {
            insta::assert_snapshot!(name, load(replacements).expect_err("it is refused"));
        }
    });
}

#[test]
fn every_warning_is_given() {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        for (name, replacements) in warned() {
            let loaded = load(replacements).unwrap_or_else(|error| panic!("{name} is refused: {error}"));
            assert!(!loaded.warnings.is_empty(), "{name} is not warned of");
            insta::assert_snapshot!(*name, loaded.warnings);
        }
    });
}

/// All that is refused.
fn refused() -> impl Iterator<Item = &'static cases::Case> {
    let all: &[&'static [cases::Case]] = &[
        cases::CASES,
        networks::CASES,
        streams::CASES,
        web::CASES,
        tls::CASES,
        replications::CASES,
        nats::CASES,
        channels::CASES,
        cells::CASES,
        ice::CASES,
        mqtt::CASES,
        relays::CASES,
        amqp::CASES,
        coap::CASES,
        devices::CASES,
        dtls::CASES,
        lora::CASES,
    ];
    all.iter().copied().flatten().collect::<Vec<_>>().into_iter()
}

/// All that is accepted with a warning.
fn warned() -> impl Iterator<Item = &'static cases::Case> {
    let all: &[&'static [cases::Case]] = &[
        cases::WARNINGS,
        streams::WARNINGS,
        web::WARNINGS,
        tls::WARNINGS,
        replications::WARNINGS,
        mqtt::WARNINGS,
        relays::WARNINGS,
        amqp::WARNINGS,
        coap::WARNINGS,
        dtls::WARNINGS,
    ];
    all.iter().copied().flatten().collect::<Vec<_>>().into_iter()
}

fn all_cases() -> impl Iterator<Item = &'static cases::Case> {
    refused().chain(warned()).chain(&tls::OF_RUSTLS).chain(&ice::OF_STR0M)
}

#[test]
fn names_of_cases_differ() {
    let mut names: Vec<&str> = all_cases().map(|(name, _)| *name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}
