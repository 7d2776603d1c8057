//! Timelines on their own: repetition, outages, new addresses, and what is wrong with them.

use super::*;
use crate::check::{Kind, check_topology};
use crate::routing::{Routing, check_routing};
use crate::tests::{address, address_of, net, packets, plan_with};
use crate::{Installation, Plan};
use protosim_models::node::{DropCause, Fate, LinkEnd, PacketReport};
use protosim_models::ping::{Ping, PingConfig};

fn link(seconds: u64, name: &str) -> TimelineEvent {
    TimelineEvent { at: Span::from_secs(seconds), link: Some(LinkName(name.to_owned())), ..TimelineEvent::default() }
}

fn node(seconds: u64, name: &str) -> TimelineEvent {
    TimelineEvent { at: Span::from_secs(seconds), node: Some(NodeName(name.to_owned())), ..TimelineEvent::default() }
}

fn renumbered(seconds: u64, node: &str, link: &str) -> TimelineEvent {
    let node = Some(NodeName(node.to_owned()));
    TimelineEvent { node, new_address: Some(true), ..self::link(seconds, link) }
}

fn up(event: TimelineEvent, up: bool) -> TimelineEvent {
    TimelineEvent { up: Some(up), ..event }
}

fn repeated(event: TimelineEvent, seconds: u64, times: u32) -> TimelineEvent {
    TimelineEvent { every: Some(Span::from_secs(seconds)), times: Some(times), ..event }
}

#[test]
fn repetitions_follow_their_entry() {
    let timeline = [repeated(up(link(5, "x"), false), 20, 3), up(link(10, "x"), true)];
    let found: Vec<(usize, u64)> =
        occurrences(&timeline).iter().map(|found| (found.entry, found.at.as_nanos() / 1_000_000_000)).collect();
    assert_eq!(found, [(0, 5), (0, 25), (0, 45), (1, 10)]);
}

/// The link is down from 5 to 8 s, its first end without power from 6 to 7 s: that end sends from 8 s on, the other one as well.
#[test]
fn a_direction_is_up_while_its_link_is_and_its_sender_has_power() {
    let topology = net("x:a-b");
    let timeline = [
        up(node(6, "a"), false),
        up(node(7, "a"), true),
        up(link(5, "x"), false),
        up(link(8, "x"), true),
        up(node(9, "a"), false),
    ];
    let ups = |is_forward| -> Vec<(u64, Option<bool>)> {
        let changes = link_changes(&topology.links[0], is_forward, &timeline);
        changes.iter().map(|(at, change)| (at.as_nanos() / 1_000_000_000, change.up)).collect()
    };
    assert_eq!(ups(true), [(5, Some(false)), (6, Some(false)), (7, Some(false)), (8, Some(true)), (9, Some(false))]);
    assert_eq!(ups(false), [(5, Some(false)), (8, Some(true))]);
}

/// y from b (its first end) to c, x from a to b. New addresses count by link, end and time, whatever the order in the file: x's
/// second end, then y's first end at 4 s and at 6 s, then y's second end.
#[test]
fn new_addresses_are_counted_by_link_end_and_time() {
    let timeline = vec![renumbered(1, "c", "y"), repeated(renumbered(4, "b", "y"), 2, 2), renumbered(9, "b", "x")];
    for (addresses, first) in [(crate::AddressFamilies::V4, "198.18.0.1"), (crate::AddressFamilies::V6, "3fff:1::1")] {
        let plan = plan_with(crate::Topology { addresses, ..net("y:b-c x:a-b") }, timeline.clone());
        let found: Vec<(&str, u64)> =
            plan.new_addresses().iter().map(|new| (plan.name(new.node), new.at.as_nanos() / 1_000_000_000)).collect();
        assert_eq!(found, [("b", 9), ("b", 4), ("b", 6), ("c", 1)]);
        let last = if first == "3fff:1::1" { "3fff:1::4" } else { "198.18.0.4" };
        let ends = [&plan.new_addresses()[0], &plan.new_addresses()[3]].map(|new| new.address);
        assert_eq!(ends, [address(first), address(last)]);
        // x's second end had the second address of the first block.
        assert_eq!(plan.owners()[&address_of(&plan, "b")], 1);
        assert_eq!(plan.owners()[&address(last)], 2);
    }
}

/// What is seen of `count` pings, one each second from 0.5 s on.
fn pings(plan: &Plan, from: &str, to: std::net::IpAddr, count: u64) -> Vec<PacketReport> {
    let start = Span::from_millis(500);
    let config = PingConfig { count: Some(count), start, ..PingConfig::new(NodeName(String::new())) };
    let app = Box::new(Ping::new(config, to));
    let seen = packets(
        plan,
        vec![Installation { node: plan.node(from).unwrap(), name: "ping".to_owned(), app, is_measured: true }],
    );
    seen.into_iter().map(|(_, seen)| seen).filter(|seen| seen.end == LinkEnd::Receiver).collect()
}

/// The phone has a new address from 2 s on. Of four pings to the old one, at 0.5 to 3.5 s, two are answered, and two reach the phone
/// and find nobody. Pings from the phone are answered all along, from 2 s on to its new address; pings to the new one
/// find it there from 2 s on. A second router takes part: it has full routes.
#[test]
fn a_node_with_a_new_address_is_found_there_and_nowhere_else() {
    for addresses in [crate::AddressFamilies::V4, crate::AddressFamilies::V6] {
        let topology = crate::Topology { addresses, ..net("wifi:phone-r core:r-q wire:q-server") };
        let plan = plan_with(topology, vec![renumbered(2, "phone", "wifi")]);
        let new = plan.new_addresses()[0].address;
        let fates = |seen: &[PacketReport], to: std::net::IpAddr| -> Vec<Fate> {
            let there = |seen: &&PacketReport| {
                *plan.wires()[seen.wire.0 as usize].path == *"wifi:r->phone" && seen.packet.dst() == to
            };
            seen.iter().filter(there).map(|seen| seen.fate).collect()
        };
        let old = address_of(&plan, "phone");
        let (passed, nobody) = (Fate::Passed, Fate::Dropped(DropCause::NotForUs));
        assert_eq!(fates(&pings(&plan, "server", old, 4), old), [passed, passed, nobody, nobody]);
        assert_eq!(fates(&pings(&plan, "server", new, 4), new), [nobody, nobody, passed, passed]);
        let answers = pings(&plan, "phone", address_of(&plan, "server"), 4);
        assert_eq!((fates(&answers, old), fates(&answers, new)), (vec![passed; 2], vec![passed; 2]));
    }
}

/// A router gives up its old address too: with full tables and with short ones (1030 links), what is sent there is dropped where
/// the address was, and does not travel on.
#[test]
fn a_router_forgets_its_old_address() {
    let leaves: String = (0..1030).map(|leaf| format!(" z{leaf:04}:r-n{leaf:04}")).collect();
    for others in [String::new(), leaves] {
        let plan = plan_with(net(&format!("aa:r-s bb:r-t{others}")), vec![renumbered(2, "r", "aa")]);
        let old = address_of(&plan, "r");
        let seen = pings(&plan, "t", old, 4);
        let at_r = seen.iter().filter(|seen| seen.packet.dst() == old).map(|seen| seen.fate);
        let no_route = Fate::Dropped(DropCause::NoRoute);
        assert_eq!(at_r.collect::<Vec<_>>(), [Fate::Passed, Fate::Passed, no_route, no_route]);
        let seen = pings(&plan, "t", plan.new_addresses()[0].address, 4);
        let answered = |seen: &&PacketReport| seen.packet.dst() == address_of(&plan, "t") && seen.fate == Fate::Passed;
        // Two answers of the router to whom it did not know yet, "no route", and two replies.
        assert_eq!(seen.iter().filter(answered).count(), 4);
    }
}

/// What is found about a timeline on a network where x and y have no rate.
fn found(timeline: &[TimelineEvent]) -> Vec<(Kind, String)> {
    let topology = net("x:a-b y:b-c");
    assert_eq!(check_topology(&topology), []);
    check_timeline(&topology, timeline).into_iter().map(|finding| (finding.kind, finding.path)).collect()
}

fn one(kind: Kind, path: &str) -> Vec<(Kind, String)> {
    vec![(kind, path.to_owned())]
}

#[test]
fn an_event_is_of_somebody_and_says_what_can_be_said_of_it() {
    let nobody = TimelineEvent { at: Span::from_secs(1), up: Some(false), ..TimelineEvent::default() };
    assert_eq!(found(&[nobody]), one(Kind::NoEffect, "timeline.0"));
    assert_eq!(found(&[node(1, "a")]), one(Kind::NoEffect, "timeline.0"));
    let event = TimelineEvent { delay: Some(Span::from_secs(1)), ..up(node(1, "a"), false) };
    assert_eq!(found(&[event]), one(Kind::NoEffect, "timeline.0.delay"));
    let event = TimelineEvent { direction: Some(Direction::Both), ..up(node(1, "a"), false) };
    assert_eq!(found(&[event]), one(Kind::NoEffect, "timeline.0.direction"));
    let event = TimelineEvent { new_address: Some(true), ..node(1, "a") };
    assert_eq!(found(&[event]), one(Kind::NoEffect, "timeline.0.new_address"));
    let event = TimelineEvent { new_address: Some(false), ..renumbered(1, "a", "x") };
    assert_eq!(found(&[event]), one(Kind::NoEffect, "timeline.0.new_address"));
    assert_eq!(found(&[renumbered(1, "a", "y")]), one(Kind::NoEffect, "timeline.0.link"));
    assert_eq!(found(&[up(renumbered(1, "a", "x"), true)]), one(Kind::NoEffect, "timeline.0.up"));
    assert_eq!(found(&[renumbered(1, "a", "x"), up(node(2, "a"), false)]), []);
}

#[test]
fn repetition_has_a_distance_and_a_number() {
    let down = || up(link(5, "x"), false);
    let event = TimelineEvent { every: Some(Span::from_secs(1)), ..down() };
    assert_eq!(found(&[event]), one(Kind::OutOfRange, "timeline.0.every"));
    let event = TimelineEvent { times: Some(4), ..renumbered(5, "a", "x") };
    assert_eq!(found(&[event]), one(Kind::OutOfRange, "timeline.0.times"));
    assert_eq!(found(&[repeated(down(), 5, 1)]), one(Kind::OutOfRange, "timeline.0.times"));
    assert_eq!(found(&[repeated(renumbered(5, "a", "x"), 0, 2)]), one(Kind::OutOfRange, "timeline.0.every"));
    // 2^64 ns are 584 years of 3.2e7 s.
    let forever = repeated(renumbered(5, "a", "x"), 10_000_000_000, 3);
    assert_eq!(found(&[forever]), one(Kind::OutOfRange, "timeline.0.times"));
    assert_eq!(found(&[repeated(renumbered(5, "a", "x"), 1, 100_001)]), one(Kind::OutOfRange, "timeline"));
}

/// Down at 5, 25, 45 s and up at 10, 30, 50 s is sound. Without the ups, the second time changes nothing; of all that, one thing
/// is said. Ups at 25, 45, 65 s meet the downs twice, which is said once; what holds then is left open.
#[test]
fn repetitions_meet_and_change_nothing() {
    let downs = repeated(up(link(5, "x"), false), 20, 3);
    assert_eq!(found(&[downs.clone(), repeated(up(link(10, "x"), true), 20, 3)]), []);
    assert_eq!(found(std::slice::from_ref(&downs)), one(Kind::NoEffect, "timeline.0.up"));
    let meeting = found(&[downs, repeated(up(link(25, "x"), true), 20, 3)]);
    assert_eq!(meeting, one(Kind::NoEffect, "timeline.1.up"));
    assert_eq!(found(&[up(node(5, "a"), true)]), one(Kind::NoEffect, "timeline.0.up"));
    assert_eq!(found(&[up(node(9, "a"), true), up(node(5, "a"), false)]), []);
    let twice = [renumbered(5, "a", "x"), renumbered(5, "a", "x")];
    assert_eq!(found(&twice), one(Kind::NoEffect, "timeline.1.new_address"));
    // A node and a link of one name are two things.
    assert_eq!(found(&[up(node(5, "x"), false), up(link(5, "x"), false)]), []);
}

/// 1100 routers in a row, 1099 links: 1098 · 1099 is 1.2 million for each state; twenty states are more than 20 million,
/// sixteen are not.
#[test]
fn routes_that_follow_need_something_to_follow_and_an_end() {
    let row: Vec<String> = (0..1099).map(|k| format!("l{k:04}:n{k:04}-n{:04}", k + 1)).collect();
    let topology = net(&row.join(" "));
    let routing = Routing::Follows { after: Span::from_secs(1) };
    let check = |states: u64| {
        let timeline: Vec<TimelineEvent> = (0..states).map(|k| up(link(k + 1, &format!("l{k:04}")), false)).collect();
        check_routing(&topology, &timeline, routing).into_iter().map(|found| found.kind).collect::<Vec<_>>()
    };
    assert_eq!(check(0), [Kind::NoEffect]);
    assert_eq!(check(16), []);
    assert_eq!(check(20), [Kind::OutOfRange]);
    let renumber = [renumbered(1, "n0000", "l0000")];
    assert_eq!(check_routing(&topology, &renumber, routing)[0].kind, Kind::NoEffect);
    assert_eq!(check_routing(&topology, &renumber, Routing::Static), []);
}
