//! Requests to groups (RFC 7252 §8).

use super::super::config::{ClientConfig, LinkAttributes, ServerConfig};
use super::super::{Client, Server};
use super::apps::{TestHost, client_address, client_config};
use crate::app::{App, SocketId};
use crate::observe::{Observation, Outcome};
use protosim_core::{LocalTime, Span};
use std::net::SocketAddr;

/// Of these members.
const MEMBERS: usize = 9;

fn group() -> SocketAddr {
    SocketAddr::from(([224, 0, 1, 187], 5683))
}

fn member(number: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 10 + number as u8], 5683))
}

/// One request to a group without delays between hosts: when each answer is sent [s], and what the client observes.
fn ask(seed: u64, path: &str) -> (Vec<f64>, Vec<(LocalTime, Observation)>) {
    let config = ClientConfig { confirmable: false, path: path.into(), ..client_config() };
    ask_as(seed, config, |_| ServerConfig::default())
}

/// The same as `config` has it, of members as `server` has each.
fn ask_as(
    seed: u64,
    config: ClientConfig,
    server: impl Fn(usize) -> ServerConfig,
) -> (Vec<f64>, Vec<(LocalTime, Observation)>) {
    let mut client_host = TestHost::new(1000 * seed, client_address());
    let mut client = Client::new(config, group());
    client.on_start(&mut client_host);
    client.on_timer(0, &mut client_host);
    let (to, request) = client_host.sent.pop().expect("a request");
    assert_eq!(to, group());
    let mut answers = Vec::new();
    for number in 0..MEMBERS {
        let mut host = TestHost::new(1000 * seed + 1 + number as u64, member(number));
        let mut server = Server::new(server(number));
        server.on_start(&mut host);
        host.group = Some(group().ip());
        server.on_datagram(SocketId(0), client_address(), request.clone(), &mut host);
        host.group = None;
        assert_eq!(host.sent, [], "it waits");
        let delivered = Observation::RequestDelivered(crate::observe::ExchangeId {
            client: client_address(),
            server: group(),
            id: 0,
        });
        assert_eq!(host.observed.iter().map(|(_, what)| what).collect::<Vec<_>>(), [&delivered]);
        host.env.now = *host.timers.get(&0).expect("a timer");
        server.on_timer(0, &mut host);
        assert!(server.is_at_rest());
        answers.extend(host.sent.into_iter().map(|(_, answer)| (host.env.now, member(number), answer)));
    }
    answers.sort_by_key(|(at, from, _)| (*at, *from));
    for (at, from, answer) in &answers {
        client_host.env.now = *at;
        client.on_datagram(SocketId(0), *from, answer.clone(), &mut client_host);
    }
    client_host.env.now = *client_host.timers.get(&0).expect("the wait");
    client.on_timer(0, &mut client_host);
    assert!(client.is_done());
    let counted = client.totals().into_iter().find(|total| total.name == "group_responses").map(|total| total.value);
    assert_eq!(counted, Some(answers.len() as u64));
    let times = answers.iter().map(|(at, ..)| at.saturating_since(LocalTime::ZERO).as_secs_f64()).collect();
    (times, client_host.observed)
}

/// Row 13 of the fact sheet: answers are uniform on [0, L] with L = 5 s, so that of G = 9 the first comes after L / (G + 1) = 0.5 s in the mean. Over
/// 400 requests: the mean of 3,600 times is 2.5 s with a standard error of 5 / sqrt(12 · 3600) = 0.024 s; a tenth of them is in each tenth of L, with
/// sqrt(0.09 / 3600) = 0.005; the minimum of nine has the standard deviation L · sqrt(9 / (100 · 11)) = 0.452 s, so 0.0226 s of its mean. Each bound is
/// five of these.
#[test]
fn answers_come_evenly_within_the_leisure() {
    let (mut all, mut first) = (Vec::new(), 0.0);
    for seed in 1..=400 {
        let (times, observed) = ask(seed, "/data");
        assert_eq!(times.len(), MEMBERS);
        first += times[0] / 400.0;
        let (at, end) = &observed[1];
        assert!(matches!(end, Observation::ExchangeEnded { outcome: Outcome::Response, transmissions: 1, .. }));
        assert_eq!((at.saturating_since(LocalTime::ZERO).as_secs_f64(), observed.len()), (times[0], 2));
        all.extend(times);
    }
    let n = all.len() as f64;
    let mean = all.iter().sum::<f64>() / n;
    assert!((mean - 2.5).abs() <= 5.0 * 0.024, "{mean}");
    assert!((first - 0.5).abs() <= 5.0 * 0.0226, "{first}");
    for tenth in 0..10 {
        let (low, high) = (0.5 * f64::from(tenth), 0.5 * f64::from(tenth + 1));
        let share = all.iter().filter(|time| (low..high).contains(*time)).count() as f64 / n;
        assert!((share - 0.1).abs() <= 5.0 * 0.005, "{share} from {low} s");
    }
    assert!(all.iter().all(|time| *time <= 5.0));
}

/// RFC 7252 §8.2: who has nothing to say is silent; the client hears nobody for `response_wait`.
#[test]
fn errors_are_not_told_to_groups() {
    let (times, observed) = ask(1, "/nowhere");
    assert!(times.is_empty());
    let (at, end) = &observed[1];
    assert!(matches!(end, Observation::ExchangeEnded { outcome: Outcome::TimedOut, .. }));
    assert_eq!(at.saturating_since(LocalTime::ZERO), Span::from_secs(202));
}

/// RFC 6690 §4.1, RFC 7252 §8.2: a query to a group is answered by those alone that have what it asks for, here 3 of 9; if nobody has, by nobody.
#[test]
fn members_without_what_is_asked_for_are_silent() {
    let server = |number: usize| {
        let rt = if number < 3 { "temperature" } else { "light" };
        let attributes = LinkAttributes { rt: Some(rt.into()), ..LinkAttributes::default() };
        ServerConfig { attributes: [("/data".into(), attributes)].into(), ..ServerConfig::default() }
    };
    let answers = |query: &str| {
        let config = ClientConfig {
            confirmable: false,
            path: "/.well-known/core".into(),
            query: vec![query.into()],
            ..client_config()
        };
        ask_as(1, config, server).0.len()
    };
    assert_eq!((answers("rt=temperature"), answers("rt=l*"), answers("rt=nothing")), (3, 6, 0));
}
