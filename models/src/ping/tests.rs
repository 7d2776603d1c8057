//! Pings as exchanges: what is answered, what is not, and when.

use super::*;
use crate::link::LinkChange;
use crate::name::NodeName;
use crate::node::Report;
use crate::observe::{ExchangeId, Observation, Outcome};
use crate::testing::{Net, World, at, link};
use protosim_core::{Ratio, Size, Span};
use std::net::IpAddr;

fn config(count: u64) -> PingConfig {
    PingConfig { count: Some(count), ..PingConfig::new(NodeName("n001".to_owned())) }
}

fn pair(config: PingConfig) -> Net {
    let mut net = Net::chain(&[link("", "30 ms")]);
    let to = net.address(1);
    net.app(0, "ping", Ping::new(config, to));
    net
}

/// What was observed: when, which exchange, and how it ended, if it did.
fn exchanges(world: &mut World) -> Vec<(u64, ExchangeId, Option<Outcome>)> {
    let reports = world.take_reports().into_iter();
    let observed = reports.filter_map(|reported| match reported.report {
        Report::App { observation: Observation::ExchangeStarted(id), .. } => Some((reported.at.as_nanos(), id, None)),
        Report::App { observation: Observation::ExchangeEnded { exchange, outcome, transmissions: 1 }, .. } => {
            Some((reported.at.as_nanos(), exchange, Some(outcome)))
        }
        _ => None,
    });
    observed.collect()
}

/// 30 ms each way, a request each second: 60 ms each, from the start on.
#[test]
fn each_request_is_an_exchange_that_ends_with_its_reply() {
    for v6 in [false, true] {
        let mut net = Net::chain(&[link("", "30 ms")]);
        let to = if v6 { net.address_v6(1) } else { net.address(1) };
        net.app(0, "ping", Ping::new(PingConfig { start: Span::from_millis(5), ..config(3) }, to));
        let mut world = net.build(1);
        world.run_until_quiet();
        let seen = exchanges(&mut world);
        let times: Vec<_> = seen.iter().map(|(nanos, _, outcome)| (*nanos, *outcome)).collect();
        let pair =
            |i: u64| [(i * 1_000_000_000 + 5_000_000, None), (i * 1_000_000_000 + 65_000_000, Some(Outcome::Response))];
        assert_eq!(times, (0..3).flat_map(pair).collect::<Vec<_>>());
        let first = seen[0].1;
        assert!(first.client.ip().is_unspecified());
        assert_eq!((first.server.ip(), first.server.port()), (to, 0));
        for (index, (_, id, _)) in seen.iter().enumerate() {
            assert_eq!(*id, ExchangeId { id: first.id.wrapping_add(index as u64 / 2), ..first });
        }
        assert_eq!(["requests", "replies", "timed_out"].map(|name| world.total(0, "ping", name)), [3, 3, 0]);
    }
}

/// 56 bytes of data, 8 of ICMP, 20 of IPv4: 84 bytes take 672 us at 1 Mbit/s, each way.
#[test]
fn a_request_is_84_bytes_by_default_and_so_is_its_reply() {
    let mut net = Net::chain(&[link("1 Mbit/s", "30 ms")]);
    let to = net.address(1);
    net.app(0, "ping", Ping::new(config(1), to));
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!(exchanges(&mut world)[1].0, 2 * (30_000_000 + 672_000));
}

/// Requests at 0, 1, 2 and 3 s. Those of 1 and 2 s are lost on the way and end 400 ms later.
#[test]
fn a_request_without_a_reply_times_out() {
    let mut net = pair(PingConfig { timeout: Span::from_millis(400), ..config(4) });
    let loss = |percent| LinkChange { loss: Some(Ratio::from_percent(percent)), ..LinkChange::default() };
    net.change(at(500_000_000), 0, true, loss(100));
    net.change(at(2_500_000_000), 0, true, loss(0));
    let mut world = net.build(1);
    world.run_until_quiet();
    let ends: Vec<_> =
        exchanges(&mut world).into_iter().filter_map(|(at, _, end)| Some((at / 1_000_000, end?))).collect();
    let (response, timed_out) = (Outcome::Response, Outcome::TimedOut);
    assert_eq!(ends, [(60, response), (1_400, timed_out), (2_400, timed_out), (3_060, response)]);
    assert_eq!(["requests", "replies", "timed_out"].map(|name| world.total(0, "ping", name)), [4, 2, 2]);
}

/// The reply comes after 60 ms: in time at the nanosecond of the time-out, too late a nanosecond after it.
#[test]
fn a_reply_at_the_nanosecond_of_the_time_out_is_in_time() {
    for (timeout, expected) in [(60_000_000, [1, 0, 0]), (59_999_999, [0, 1, 1])] {
        let mut world = pair(PingConfig { timeout: Span::from_nanos(timeout), ..config(1) }).build(1);
        world.run_until_quiet();
        let total = |name| world.total(0, "ping", name);
        assert_eq!(["replies", "timed_out", "unexpected_replies"].map(total), expected);
    }
}

/// 100 requests, one each 10 ms, with replies 60 ms later: six or seven are open at once. Over 65 536 sequence
/// numbers wrap: request 65 535 has number 0.
#[test]
fn many_requests_are_open_at_once_and_sequence_numbers_wrap() {
    for (count, interval) in [(100, "10 ms"), (70_000, "1 ms"), (200_000, "1 us")] {
        let config =
            PingConfig { interval: interval.parse().unwrap(), timeout: Span::from_millis(65), ..config(count) };
        assert_eq!(config.check(), []);
        let mut net = pair(config);
        net.listens = false;
        let mut world = net.build(1);
        world.run_until_quiet();
        let total = |name| world.total(0, "ping", name);
        let names = ["requests", "replies", "timed_out", "unexpected_replies", "corrupted_replies"];
        assert_eq!(names.map(total), [count, count, 0, 0, 0], "{count}");
    }
}

#[test]
fn a_ping_to_oneself_takes_no_time() {
    let mut net = Net::chain(&[link("", "30 ms")]);
    let own = net.address(0);
    net.app(0, "ping", Ping::new(config(2), own));
    let mut world = net.build(1);
    world.run_until_quiet();
    let times: Vec<u64> = exchanges(&mut world).into_iter().map(|(at, ..)| at).collect();
    assert_eq!(times, [0, 0, 1_000_000_000, 1_000_000_000]);
}

/// Two applications ping one host at the same times: each gets its own replies, and their exchanges differ.
#[test]
fn two_pings_of_one_host_do_not_share_replies_or_exchanges() {
    let mut net = Net::chain(&[link("", "30 ms")]);
    let to: IpAddr = net.address(1);
    net.app(0, "a", Ping::new(config(5), to));
    net.app(0, "b", Ping::new(config(5), to));
    let mut world = net.build(1);
    world.run_until_quiet();
    for app in ["a", "b"] {
        assert_eq!(["replies", "unexpected_replies"].map(|name| world.total(0, app, name)), [5, 0]);
    }
    let ids: std::collections::BTreeSet<ExchangeId> = exchanges(&mut world).into_iter().map(|(_, id, _)| id).collect();
    assert_eq!(ids.len(), 10);
}

#[test]
fn configurations_have_defaults_and_refuse_what_they_do_not_know() {
    let given: PingConfig = ron::from_str(r#"(to: NodeName("n001"))"#).unwrap();
    assert_eq!(given, PingConfig::new(NodeName("n001".to_owned())));
    assert_eq!(given.check(), []);
    assert!(ron::from_str::<PingConfig>(r#"(to: NodeName("n001"), size: "56 B")"#).is_err());
}

/// 65 536 sequence numbers: at one request in 1 ms, more than 65 535 ms cannot be told apart.
#[test]
fn contradictions_are_found() {
    let fields = |config: PingConfig| config.check().into_iter().map(|(field, _)| field).collect::<Vec<_>>();
    assert_eq!(fields(config(0)), ["count"]);
    assert_eq!(fields(PingConfig { interval: Span::ZERO, ..config(1) }), ["interval"]);
    assert_eq!(fields(PingConfig { timeout: Span::ZERO, ..config(1) }), ["timeout"]);
    assert_eq!(fields(PingConfig { payload: Size::from_bytes(65_508), ..config(1) }), ["payload"]);
    let timeout =
        |millis| PingConfig { interval: Span::from_millis(1), timeout: Span::from_millis(millis), ..config(1) };
    assert_eq!(fields(timeout(65_535)), [""; 0]);
    assert_eq!(fields(timeout(65_536)), ["timeout"]);
}
