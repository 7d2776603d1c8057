//! Requests and responses.

use super::*;
use crate::observe::{ExchangeId, Observation, Outcome};
use crate::testing::{Event, events};
use crate::traffic::request::{number_of, numbered};

fn client() -> UdpClientConfig {
    UdpClientConfig {
        request: Size::from_bytes(72).into(),
        think: TimeDistribution::Fixed(Span::from_millis(100)),
        timeout: Span::from_secs(1),
        count: Some(3),
        ..UdpClientConfig::new(NodeName("server".to_owned()), 7000)
    }
}

fn server() -> UdpServerConfig {
    UdpServerConfig {
        response: Size::from_bytes(972).into(),
        processing: TimeDistribution::Fixed(Span::from_millis(3)),
        ..UdpServerConfig::new(7000)
    }
}

fn net(client: UdpClientConfig, server: UdpServerConfig, link: LinkConfig) -> Net {
    let mut net = Net::chain(&[link]);
    let to = net.socket(1, 7000);
    net.app(0, "client", UdpClient::new(client, to));
    net.app(1, "server", UdpServer::new(server));
    net
}

/// What was observed, with times in nanoseconds.
fn observed(world: &mut World) -> Vec<(u64, Observation)> {
    let reports = world.take_reports().into_iter();
    reports
        .filter_map(|reported| match reported.report {
            crate::node::Report::App { observation, .. } => Some((reported.at.as_nanos(), observation)),
            crate::node::Report::Packet(_) | crate::node::Report::Frame(_) | crate::node::Report::BatteryDead => None,
        })
        .collect()
}

/// 100 and 1000 bytes with headers at 8 Mbit/s: 0.1 and 1 ms; 10 ms each way; 3 ms of processing: delivered after 10.1,
/// over after 24.1 ms. The next one 100 ms later.
#[test]
fn an_exchange_takes_what_it_must() {
    let mut world = net(client(), server(), link("8 Mbit/s", "10 ms")).build(1);
    world.run_until_quiet();
    let observed = observed(&mut world);
    let times: Vec<u64> = observed.iter().map(|(at, _)| at / 100_000).collect();
    let period = 1_241;
    assert_eq!(
        times,
        [0, 101, 241, period, period + 101, period + 241, 2 * period, 2 * period + 101, 2 * period + 241]
    );
    let Observation::ExchangeStarted(first) = observed[0].1 else { panic!("{observed:?}") };
    let outcome = Outcome::Response;
    let end = Observation::ExchangeEnded { exchange: first, outcome, transmissions: 1 };
    assert_eq!([&observed[1].1, &observed[2].1], [&Observation::RequestDelivered(first), &end]);
    let second = ExchangeId { id: first.id + 1, ..first };
    assert_eq!(observed[3].1, Observation::ExchangeStarted(second));
    let total = |name| world.total(0, "client", name);
    assert_eq!(["requests", "responses", "timed_out", "unexpected_responses"].map(total), [3, 3, 0, 0]);
    assert_eq!(world.total(1, "server", "responses"), 3);
}

/// Everything is lost from 0.05 to 0.5 s: the first request, sent at 0.1 s, times out at 1.1 s; the next one, at 1.2 s, is
/// answered. With a time-out shorter than the exchange every response comes too late.
#[test]
fn a_lost_request_costs_one_time_out() {
    let start = Span::from_millis(100);
    let config = UdpClientConfig { start, count: Some(2), ..client() };
    let mut lossy = net(config, server(), link("8 Mbit/s", "10 ms"));
    for (nanos, percent) in [(50_000_000, 100), (500_000_000, 0)] {
        lossy.change(
            at(nanos),
            0,
            true,
            LinkChange { loss: Some(Ratio::from_percent(percent)), ..LinkChange::default() },
        );
    }
    let mut world = lossy.build(1);
    world.run_until_quiet();
    let ends = observed(&mut world).into_iter().filter_map(|(at, observation)| match observation {
        Observation::ExchangeEnded { outcome, .. } => Some((at / 100_000, outcome)),
        _ => None,
    });
    assert_eq!(ends.collect::<Vec<_>>(), [(11_000, Outcome::TimedOut), (12_241, Outcome::Response)]);
    let hasty = UdpClientConfig { timeout: Span::from_millis(20), ..client() };
    let mut world = net(hasty, server(), link("8 Mbit/s", "10 ms")).build(1);
    world.run_until_quiet();
    let total = |name| world.total(0, "client", name);
    assert_eq!(["responses", "timed_out", "unexpected_responses"].map(total), [0, 3, 3]);
}

/// The encoding, by hand: number 0x0102 in eight bytes, then filling up to 20 bytes.
#[test]
fn numbers_are_read_from_real_bytes() {
    let request = numbered(0x0102, 20);
    assert_eq!((request.len(), &request.to_bytes()[..8]), (20, &[0, 0, 0, 0, 0, 0, 1, 2][..]));
    assert_eq!(number_of(&Rope::from(request.to_bytes())), Some(0x0102));
    assert_eq!(number_of(&numbered(u64::MAX, 8)), Some(u64::MAX));
    assert_eq!(number_of(&Rope::fill(0, 0, 7)), None);
}

/// A server answers every copy and counts what is too short; answers go to who asked.
#[test]
fn a_server_answers_every_copy() {
    let mut net = Net::chain(&[link("", "1 ms")]);
    let to = net.socket(1, 7000);
    let probe = Probe::new(5000)
        .then(0, Do::Send(to, numbered(9, 30)))
        .then(0, Do::Send(to, numbered(9, 30)))
        .then(0, Do::Send(to, Rope::fill(0, 0, 3)));
    let log = probe.log();
    net.app(0, "probe", probe);
    net.app(1, "server", UdpServer::new(server()));
    let mut world = net.build(1);
    world.run_until_quiet();
    let answer = (5_000_000, Event::Datagram(to, numbered(9, 972)));
    assert_eq!(events(&log), [answer.clone(), answer]);
    assert_eq!(world.total(1, "server", "malformed_datagrams"), 1);
}

#[test]
fn mistakes_of_clients_and_servers_are_found() {
    let client = |change: fn(&mut UdpClientConfig)| {
        let mut config = client();
        change(&mut config);
        config.check().into_iter().map(|(field, _)| field).collect::<Vec<_>>()
    };
    assert_eq!(client(|_| ()), [""; 0]);
    assert_eq!(client(|config| config.request = Size::from_bytes(7).into()), ["request"]);
    assert_eq!(client(|config| config.timeout = Span::ZERO), ["timeout"]);
    assert_eq!(client(|config| config.think = TimeDistribution::Exponential { mean: Span::ZERO }), ["think"]);
    assert_eq!(client(|config| (config.port, config.dscp) = (0, 99)), ["port", "dscp"]);
    let bad = UdpServerConfig { response: Size::from_bytes(7).into(), ..UdpServerConfig::new(0) };
    assert_eq!(bad.check().len(), 2);
}
