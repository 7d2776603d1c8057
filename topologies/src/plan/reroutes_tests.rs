//! Routes that follow, on rings whose ways and delays are worked out by hand.

use super::*;
use crate::Installation;
use crate::tests::{address_of, net, packets, plan_with};
use crate::timeline::TimelineEvent;
use protosim_core::SimTime;
use protosim_models::name::{LinkName, NodeName};
use protosim_models::node::{DropCause, Fate, LinkEnd, PacketReport};
use protosim_models::ping::{Ping, PingConfig};

const RING: &str = "ab:a-b bc:b-c cd:c-d da:d-a";

pub(crate) fn link(millis: u64, name: &str, up: bool) -> TimelineEvent {
    let link = Some(LinkName(name.to_owned()));
    TimelineEvent { at: Span::from_millis(millis), link, up: Some(up), ..TimelineEvent::default() }
}

pub(crate) fn power(millis: u64, name: &str, up: bool) -> TimelineEvent {
    let node = Some(NodeName(name.to_owned()));
    TimelineEvent { at: Span::from_millis(millis), node, up: Some(up), ..TimelineEvent::default() }
}

fn follows(millis: u64) -> Routing {
    Routing::Follows { after: Span::from_millis(millis) }
}

/// What is seen of 300 pings from node a, 10 ms apart.
fn pings(plan: &Plan, to: &str) -> Vec<(SimTime, PacketReport)> {
    let config =
        PingConfig { count: Some(300), interval: Span::from_millis(10), ..PingConfig::new(NodeName(String::new())) };
    let app = Box::new(Ping::new(config, address_of(plan, to)));
    packets(plan, vec![Installation { node: plan.node("a").unwrap(), name: "ping".to_owned(), app, is_measured: true }])
}

fn path<'p>(plan: &'p Plan, seen: &PacketReport) -> &'p str {
    &plan.wires()[seen.wire.0 as usize].path
}

/// When replies come back to a \[ms\].
fn replies(plan: &Plan, seen: &[(SimTime, PacketReport)]) -> Vec<u64> {
    let to_a = seen.iter().filter(|(_, seen)| seen.end == LinkEnd::Receiver && path(plan, seen).ends_with("->a"));
    to_a.map(|(at, _)| at.as_nanos() / 1_000_000).collect()
}

/// Arrivals over a wire, dropped or not.
fn arrivals(plan: &Plan, seen: &[(SimTime, PacketReport)], wire: &str) -> usize {
    seen.iter().filter(|(_, seen)| seen.end == LinkEnd::Receiver && path(plan, seen) == wire).count()
}

fn drops(seen: &[(SimTime, PacketReport)], cause: DropCause) -> usize {
    seen.iter().filter(|(_, seen)| seen.fate == Fate::Dropped(cause)).count()
}

/// For requests sent at these times, each answered so long after it \[ms\].
fn answered(from: u64, to: u64, after: u64) -> impl Iterator<Item = u64> {
    (from..=to).step_by(10).map(move |sent| sent + after)
}

/// Each link takes 1 ms. Over ab the answer is there 2 ms after the request; over d and c it is 3 ms there and 3 ms back. The link is
/// down from 1005 ms on, which all know at 1205 ms: the requests of 1010 to 1200 ms are lost. It is up again at 2005 ms; until 2205 ms
/// all still go the long way.
#[test]
fn a_ring_is_gone_round_the_other_way_once_all_know() {
    let timeline = vec![link(1005, "ab", false), link(2005, "ab", true)];
    let plan = plan_with(net(RING), timeline).with_routing(follows(200));
    let seen = pings(&plan, "b");
    let expected = answered(0, 1000, 2).chain(answered(1210, 2200, 6)).chain(answered(2210, 2990, 2));
    assert_eq!(replies(&plan, &seen), expected.collect::<Vec<_>>());
    // 1010, 1020, … 1200 ms.
    assert_eq!(drops(&seen, DropCause::LinkDown), 20);
}

/// One direction down: 1 ms there as before, until the answer finds no way; then 3 ms there and 3 ms back, though ab would carry the
/// request still. The 20 answers to the requests of 1010 to 1200 ms are lost at b; that of 1004 ms had left.
#[test]
fn a_link_with_one_direction_down_is_not_used_at_all() {
    let backward = TimelineEvent { direction: Some(crate::Direction::Backward), ..link(1005, "ab", false) };
    let plan = plan_with(net(RING), vec![backward]).with_routing(follows(200));
    let seen = pings(&plan, "b");
    let expected = answered(0, 1000, 2).chain(answered(1210, 2990, 6));
    assert_eq!(replies(&plan, &seen), expected.collect::<Vec<_>>());
    assert_eq!((drops(&seen, DropCause::LinkDown), arrivals(&plan, &seen, "ab:a->b")), (20, 121));
}

/// Without routing, whatever is sent while the link is down is lost: 1010, 1020, … 2000 ms.
#[test]
fn static_routes_stay() {
    let plan = plan_with(net(RING), vec![link(1005, "ab", false), link(2005, "ab", true)]);
    let seen = pings(&plan, "b");
    let expected = answered(0, 1000, 2).chain(answered(2010, 2990, 2));
    assert_eq!(replies(&plan, &seen), expected.collect::<Vec<_>>());
    assert_eq!(drops(&seen, DropCause::LinkDown), 100);
}

/// From a to c it is two links over b, whose names come first, and two over d: 4 ms to and fro either way. Without power
/// from 1005 ms on, b swallows the requests of 1010 to 1200 ms; those of 1210 to 2200 ms go over d, for until 2205 ms nobody
/// knows that b is back.
#[test]
fn a_node_without_power_takes_its_links_with_it() {
    let timeline = vec![power(1005, "b", false), power(2005, "b", true)];
    let plan = plan_with(net(RING), timeline).with_routing(follows(200));
    let seen = pings(&plan, "c");
    let expected = answered(0, 1000, 4).chain(answered(1210, 2990, 4));
    assert_eq!(replies(&plan, &seen), expected.collect::<Vec<_>>());
    assert_eq!(drops(&seen, DropCause::NodeDown), 20);
    // 101 before, 20 for nobody, and those of 2210 to 2990 ms: 79. Over d those of 1210 to 2200 ms.
    assert_eq!((arrivals(&plan, &seen, "ab:a->b"), arrivals(&plan, &seen, "da:a->d")), (200, 100));
}

/// A ring with a leaf e at d. When ab goes down, a and b lose their way to each other, and c its way to a over b, which came
/// first by name. d reaches b over c anyway, and e sends everything to d.
#[test]
fn only_nodes_whose_routes_change_are_told() {
    let timeline = vec![link(1000, "ab", false), link(2000, "ab", true)];
    let plan = plan_with(net("ab:a-b bc:b-c cd:c-d da:d-a de:d-e"), timeline).with_routing(follows(200));
    let told: Vec<(u64, &str)> =
        plan.reroutes.iter().map(|told| (told.at.as_nanos() / 1_000_000, plan.name(told.node))).collect();
    assert_eq!(told, [(1200, "a"), (1200, "b"), (1200, "c"), (2200, "a"), (2200, "b"), (2200, "c")]);
    for told in &plan.reroutes[3..] {
        assert_eq!(*told.routes, *plan.routes(told.node));
    }
}

/// Both links change places at 2 s: one change, told once, and what is left then is all but bc.
#[test]
fn what_happens_at_one_instant_is_one_change() {
    let timeline = vec![link(1000, "ab", false), link(2000, "ab", true), link(2000, "bc", false)];
    let plan = plan_with(net(RING), timeline).with_routing(follows(0));
    let of_a: Vec<u64> =
        plan.reroutes.iter().filter(|told| told.node == 0).map(|told| told.at.as_nanos() / 1_000_000).collect();
    assert_eq!(of_a, [1000, 2000]);
    let without_bc = Down { links: [plan.link("bc").unwrap()].into(), ..Down::default() };
    let last = plan.reroutes.iter().rfind(|told| told.node == 0).unwrap();
    assert_eq!(*last.routes, *plan.routes_without(0, &without_bc));
}

/// Six times down and up are two states; what is told the second time is the same table, not another one.
#[test]
fn flaps_share_their_tables() {
    let flap =
        |millis, up| TimelineEvent { every: Some(Span::from_millis(20)), times: Some(6), ..link(millis, "ab", up) };
    let plan = plan_with(net(RING), vec![flap(1000, false), flap(1010, true)]).with_routing(follows(1));
    let of_a: Vec<&Reroute> = plan.reroutes.iter().filter(|told| told.node == 0).collect();
    assert_eq!(of_a.len(), 12);
    assert!(of_a.chunks(2).all(|pair| Arc::ptr_eq(&pair[0].routes, &of_a[0].routes)));
}
