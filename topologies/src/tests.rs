//! Topologies on their own: ranks, shortest paths, addresses, wires, luck. Every expected
//! value follows from the rule that the test states.

use crate::check::{check_timeline, check_topology, is_reachable};
use crate::{Direction, Installation, NetworkGraph, NodeSpec, Plan, TimelineEvent, Topology};
use proptest::prelude::*;
use protosim_core::kernel::{Interests, Limits};
use protosim_core::{Ratio, RunSeed, SimTime, Simulation, Sinks, Span, Until, WireId};
use protosim_models::Element;
use protosim_models::element::nodes;
use protosim_models::link::{DirectionConfig, LinkConfig, Mtu};
use protosim_models::name::{LinkName, NodeName};
use protosim_models::node::{Fate, LinkEnd, PacketReport, Report};
use protosim_models::ping::{Ping, PingConfig};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error;
use std::collections::BTreeSet;
use std::net::IpAddr;

const SEED: RunSeed = RunSeed { seed: 7, replication: 0 };

/// A network from words such as `x:a-b`, the link x from a to b, or `a-b`, the same without a name. Each link has a
/// delay of 1 ms; nodes are listed as they come.
pub(crate) fn net(words: &str) -> Topology {
    let mut topology = Topology {
        nodes: Vec::new(),
        links: Vec::new(),
        media: Vec::new(),
        channels: Vec::new(),
        addresses: crate::AddressFamilies::V4,
        groups: Vec::new(),
        profiles: Vec::new(),
    };
    for word in words.split_whitespace() {
        let (name, ends) = word.split_once(':').map_or((None, word), |(name, ends)| (Some(name.to_owned()), ends));
        let (first, second) = ends.split_once('-').unwrap();
        for end in [first, second] {
            if topology.nodes.iter().all(|node| node.name != end) {
                topology.nodes.push(NodeSpec::named(end));
            }
        }
        let delay = Some(Span::from_millis(1));
        topology.links.push(LinkConfig { name, delay, ..LinkConfig::between(first, second) });
    }
    topology
}

pub(crate) fn node<'a>(topology: &'a mut Topology, name: &str) -> &'a mut NodeSpec {
    topology.nodes.iter_mut().find(|node| node.name == name).unwrap()
}

/// The plan of a network without mistakes.
pub(crate) fn plan_with(topology: Topology, timeline: Vec<TimelineEvent>) -> Plan {
    assert_eq!(check_topology(&topology), []);
    assert_eq!(check_timeline(&topology, &timeline), []);
    Plan::new(topology, timeline)
}

fn plan(words: &str) -> Plan {
    plan_with(net(words), Vec::new())
}

pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The address of a node.
pub(crate) fn address_of(plan: &Plan, name: &str) -> IpAddr {
    plan.address(plan.node(name).unwrap()).unwrap()
}

/// `count` pings from a node, one each second.
fn ping(plan: &Plan, from: &str, to: IpAddr, count: u64) -> Installation {
    let config = PingConfig { count: Some(count), ..PingConfig::new(NodeName(String::new())) };
    Installation {
        node: plan.node(from).unwrap(),
        name: "ping".to_owned(),
        app: Box::new(Ping::new(config, to)),
        is_measured: true,
    }
}

pub(crate) fn simulation(plan: &Plan, apps: Vec<Installation>) -> Simulation<Element> {
    plan.simulation(SEED, Limits::default(), apps, 1).unwrap()
}

/// What is seen of packets at link ends while `apps` run.
pub(crate) fn packets(plan: &Plan, apps: Vec<Installation>) -> Vec<(SimTime, PacketReport)> {
    let mut sinks = Sinks::new(Interests::PACKETS);
    simulation(plan, apps).run(Until::Quiet, &mut sinks).unwrap();
    let packet = |report: Report| if let Report::Packet(packet) = report { Some(*packet) } else { None };
    sinks.into_merged().into_iter().filter_map(|said| Some((said.at, packet(said.report)?))).collect()
}

/// The wires over which a ping from a node reaches an address.
fn way(plan: &Plan, from: &str, to: IpAddr) -> String {
    let arrived = |seen: &PacketReport| seen.end == LinkEnd::Receiver && seen.packet.dst() == to;
    let seen = packets(plan, vec![ping(plan, from, to, 1)]);
    let paths = seen.iter().filter(|(_, seen)| arrived(seen)).map(|(_, seen)| &plan.wires()[seen.wire.0 as usize].path);
    paths.map(|path| &**path).collect::<Vec<_>>().join(" ")
}

/// [`way`] to a node's address.
fn way_to(plan: &Plan, from: &str, to: &str) -> String {
    way(plan, from, address_of(plan, to))
}

// Ranks and shortest paths.

#[test]
fn ranks_are_in_order_of_names_and_not_of_the_list() {
    let topology = net("y:d-b x:c-a z:a-d");
    let graph = NetworkGraph::new(&topology);
    let nodes: Vec<&str> = (0..4).map(|rank| &*topology.nodes[graph.node(rank).listed].name).collect();
    let links: Vec<String> = (0..3).map(|rank| topology.links[graph.link(rank)].name()).collect();
    assert_eq!((nodes, links), (vec!["a", "b", "c", "d"], vec!["x".into(), "y".into(), "z".into()]));
    // x joins c (rank 2) to a (rank 0); interfaces of d (rank 3) are y to b (rank 1), then z to a.
    assert_eq!(graph.ends(0), (2, 0));
    assert_eq!(graph.neighbours(3), [(1, 1), (2, 0)]);
    assert_eq!((graph.nodes(), graph.links()), (4, 3));
}

#[test]
fn a_node_with_more_than_one_link_forwards_unless_it_says_otherwise() {
    let mut topology = net("a-b b-c c-d");
    node(&mut topology, "c").forwards = Some(false);
    let graph = NetworkGraph::new(&topology);
    assert_eq!([0, 1, 2, 3].map(|rank| graph.node(rank).forwards), [false, true, false, false]);
}

#[test]
fn the_way_with_the_fewest_links_is_taken_whatever_their_delay() {
    // Three links of 1 ms against two, one of which takes a second.
    let mut topology = net("a:s-p b:p-q c:q-t y:s-r z:r-t");
    topology.links[4].delay = Some(Span::from_secs(1));
    assert_eq!(way_to(&plan_with(topology, Vec::new()), "s", "t"), "y:s->r z:r->t");
}

#[test]
fn of_two_ways_of_one_length_the_first_link_in_order_of_names_decides() {
    // (b, z) comes before (m, n), though a comes before c and m is listed first.
    assert_eq!(way_to(&plan("m:s-a n:a-t b:s-c z:c-t"), "s", "t"), "b:s->c z:c->t");
}

#[test]
fn where_the_first_link_is_the_same_the_second_decides() {
    // (p, x, z) comes before (p, y, a).
    assert_eq!(way_to(&plan("p:s-r y:r-b a:b-t x:r-c z:c-t"), "s", "t"), "p:s->r x:r->c z:c->t");
}

#[test]
fn of_parallel_links_the_first_in_order_of_names_is_taken() {
    // The address of b is that of its first link, c; but that of link d is reached over d itself.
    let plan = plan("d:a-b e:b-a c:b-a");
    assert_eq!(way_to(&plan, "a", "b"), "c:a->b");
    // Links c, d, e have the prefixes 10.0.0.0, .4 and .8; d's second end is b.
    assert_eq!(way(&plan, "a", address("10.0.0.6")), "d:a->b");
}

#[test]
fn a_host_is_not_passed_through() {
    let mut topology = net("b:s-c z:c-t m:s-a n:a-t");
    node(&mut topology, "c").forwards = Some(false);
    let plan = plan_with(topology, Vec::new());
    assert_eq!(way_to(&plan, "s", "t"), "m:s->a n:a->t");
    assert_eq!(way_to(&plan, "s", "c"), "b:s->c");
}

#[test]
fn what_lies_behind_a_host_or_in_another_part_cannot_be_reached() {
    // Ranks: a 0, b 1, c 2, d 3, e 4.
    let mut topology = net("a-b b-c d-e");
    node(&mut topology, "b").forwards = Some(false);
    let graph = NetworkGraph::new(&topology);
    let reached: Vec<bool> = (0..5).map(|to| is_reachable(&graph, 0, to)).collect();
    assert_eq!(reached, [true, true, false, false, false]);
    // b itself reaches both its neighbours.
    assert_eq!(graph.first_hops(1), [Some(0), None, Some(1), None, None]);
}

#[test]
fn each_end_of_a_link_is_reached_the_shortest_way_to_that_end() {
    // Both t and q have their address on the link "alpha" between them. From r, t is one link away by "near" and q by
    // "mid".
    let plan = plan("near:r-t alpha:q-t mid:r-q up:s-r");
    assert_eq!((address_of(&plan, "q"), address_of(&plan, "t")), (address("10.0.0.1"), address("10.0.0.2")));
    assert_eq!(way_to(&plan, "s", "t"), "up:s->r near:r->t");
    assert_eq!(way_to(&plan, "s", "q"), "up:s->r mid:r->q");
}

/// The least of all ways from a node to another by (links, their names in order), found by trying them all.
fn least_way(topology: &Topology, forwards: &[bool], from: usize, to: usize) -> Option<Vec<String>> {
    fn extend(topology: &Topology, forwards: &[bool], path: &[usize], names: &[String], to: usize, best: &mut Best) {
        let at = *path.last().unwrap();
        if at == to {
            let found = (names.len(), names.to_vec());
            if best.as_ref().is_none_or(|best| found < *best) {
                *best = Some(found);
            }
        } else if path.len() == 1 || forwards[at] {
            for link in &topology.links {
                let name = &topology.nodes[at].name;
                let next = match &link.ends {
                    (first, second) if first.0 == *name => &second.0,
                    (first, second) if second.0 == *name => &first.0,
                    _ => continue,
                };
                let next = topology.nodes.iter().position(|node| node.name == *next).unwrap();
                if !path.contains(&next) {
                    let names = [names, &[link.name()]].concat();
                    extend(topology, forwards, &[path, &[next]].concat(), &names, to, best);
                }
            }
        }
    }
    type Best = Option<(usize, Vec<String>)>;
    let mut best = None;
    extend(topology, forwards, &[from], &[], to, &mut best);
    best.map(|(_, names)| names)
}

/// Up to six nodes, each of which forwards or not, and up to nine links with names in any order.
pub(crate) fn any_net() -> impl Strategy<Value = (Topology, Vec<bool>)> {
    let order = Just((0..9).collect::<Vec<usize>>()).prop_shuffle();
    (2_usize..=6, prop::collection::vec((0_usize..6, 1_usize..6), 1..=9), order, any::<[bool; 6]>()).prop_map(
        |(nodes, links, order, forwards)| {
            // Nodes are named against the order of the list.
            let name = |index: usize| char::from(b'z' - index as u8).to_string();
            let node = |index| NodeSpec { forwards: Some(forwards[index]), ..NodeSpec::named(&name(index)) };
            let link = |((first, step), order): (&(usize, usize), &usize)| {
                let first = first % nodes;
                let second = (first + 1 + step % (nodes - 1)) % nodes;
                LinkConfig { name: Some(format!("l{order}")), ..LinkConfig::between(&name(first), &name(second)) }
            };
            let links = links.iter().zip(&order).map(link).collect();
            let nodes = (0..nodes).map(node).collect();
            (
                Topology {
                    nodes,
                    links,
                    media: Vec::new(),
                    channels: Vec::new(),
                    addresses: crate::AddressFamilies::V4,
                    groups: Vec::new(),
                    profiles: Vec::new(),
                },
                forwards.to_vec(),
            )
        },
    )
}

proptest! {
    #[test]
    fn every_first_hop_begins_the_least_of_all_ways((topology, forwards) in any_net()) {
        let graph = NetworkGraph::new(&topology);
        for from in 0..graph.nodes() {
            let hops = graph.first_hops(from);
            for to in (0..graph.nodes()).filter(|to| *to != from) {
                let expected = least_way(&topology, &forwards, graph.node(from).listed, graph.node(to).listed);
                let link = hops[to].map(|interface| graph.neighbours(from)[interface].0);
                let found = link.map(|link| topology.links[graph.link(link)].name());
                prop_assert_eq!(found, expected.map(|names| names[0].clone()));
            }
        }
    }
}

// Addresses.

/// Links l00 to l69 in a row; the first end of each is on the left.
fn row_of_70(addresses: crate::AddressFamilies) -> Plan {
    let words: Vec<String> = (0..70).map(|link| format!("l{link:02}:n{link:02}-n{:02}", link + 1)).collect();
    plan_with(Topology { addresses, ..net(&words.join(" ")) }, Vec::new())
}

#[test]
fn link_k_has_the_kth_30_of_10_0_0_0_8_with_its_first_end_at_1_and_its_second_at_2() {
    // A node's address is on its first link: l64 for n64, and 4 · 64 is 256; n70 is the second end of l69 at 4 · 69 = 276.
    let plan = row_of_70(crate::AddressFamilies::V4);
    for (name, expected) in
        [("n00", "10.0.0.1"), ("n01", "10.0.0.2"), ("n02", "10.0.0.6"), ("n65", "10.0.1.2"), ("n70", "10.0.1.22")]
    {
        assert_eq!(address_of(&plan, name), address(expected), "{name}");
    }
}

#[test]
fn link_k_has_the_kth_64_of_2001_db8_32() {
    // 64 is 0x40, 69 is 0x45.
    let plan = row_of_70(crate::AddressFamilies::V6);
    for (name, expected) in [
        ("n00", "2001:db8::1"),
        ("n01", "2001:db8::2"),
        ("n02", "2001:db8:0:1::2"),
        ("n65", "2001:db8:0:40::2"),
        ("n70", "2001:db8:0:45::2"),
    ] {
        assert_eq!(address_of(&plan, name), address(expected), "{name}");
    }
}

#[test]
fn no_two_interfaces_have_one_address_and_ends_of_a_link_share_a_prefix() {
    for family in [crate::AddressFamilies::V4, crate::AddressFamilies::V6] {
        let world = simulation(&row_of_70(family), Vec::new());
        let addresses: Vec<IpAddr> =
            nodes(&world).flat_map(|(_, node)| node.interfaces()).flat_map(|end| end.addresses.clone()).collect();
        // In a row in order of names, the two ends of each link follow each other.
        assert_eq!(addresses.len(), 140);
        assert_eq!(addresses.iter().collect::<BTreeSet<_>>().len(), 140);
        let prefix = |address: &IpAddr| match address {
            IpAddr::V4(v4) => u128::from(u32::from(*v4) >> 2),
            IpAddr::V6(v6) => u128::from(*v6) >> 64,
        };
        let prefixes: Vec<[u128; 2]> = addresses.chunks(2).map(|ends| [prefix(&ends[0]), prefix(&ends[1])]).collect();
        assert!(prefixes.iter().all(|[first, second]| first == second));
        assert_eq!(prefixes.iter().collect::<BTreeSet<_>>().len(), 70);
    }
}

#[test]
fn a_link_moves_the_prefixes_of_those_that_come_after_it_by_one() {
    // Prefixes go by rank: k after the others moves none, a before them moves both by 4.
    let before = plan("b:s-r c:r-t");
    assert_eq!(["s", "t"].map(|name| address_of(&before, name)), ["10.0.0.1", "10.0.0.6"].map(address));
    let after = plan("b:s-r c:r-t k:r-new");
    assert_eq!(
        ["s", "t", "new"].map(|name| address_of(&after, name)),
        ["10.0.0.1", "10.0.0.6", "10.0.0.10"].map(address)
    );
    let first = plan("b:s-r c:r-t a:r-new");
    assert_eq!(
        ["s", "t", "new"].map(|name| address_of(&first, name)),
        ["10.0.0.5", "10.0.0.10", "10.0.0.2"].map(address)
    );
}

#[test]
fn a_node_without_links_has_no_address_and_breaks_nothing() {
    let mut topology = net("a-b");
    topology.nodes.push(NodeSpec::named("alone"));
    let plan = plan_with(topology, Vec::new());
    assert_eq!(plan.address(plan.node("alone").unwrap()), None);
    assert_eq!(way_to(&plan, "a", "b"), "a--b:a->b");
}

#[test]
fn packets_find_their_way_over_ipv6_too() {
    let plan = plan_with(Topology { addresses: crate::AddressFamilies::V6, ..net("x:s-r y:r-t") }, Vec::new());
    // t is the second end of link 1.
    assert_eq!(way(&plan, "s", address("2001:db8:0:1::2")), "x:s->r y:r->t");
}

// Plans: wires, ends, interfaces.

/// A hyphen sorts before a colon, so link x comes before x-1, but the wires of x-1 before those of x.
const CROSSED: &str = "x:b-a x-1:b-c";

#[test]
fn each_link_has_a_wire_in_both_directions_and_wires_are_in_order_of_paths() {
    let plan = plan(CROSSED);
    let wires: Vec<_> = plan.wires().iter().map(|wire| (&*wire.path, wire.link, wire.is_forward)).collect();
    assert_eq!(wires, [("x-1:b->c", 1, true), ("x-1:c->b", 1, false), ("x:a->b", 0, false), ("x:b->a", 0, true)]);
}

#[test]
fn a_wire_joins_the_interfaces_of_its_link() {
    // Nodes a, b, c are entities 0, 1, 2; b has x at interface 0 and x-1 at 1.
    let world = simulation(&plan(CROSSED), Vec::new());
    let wires: Vec<_> = world.wires().iter().map(|wire| (&*wire.path, wire.from.0, wire.to.0, wire.port)).collect();
    assert_eq!(wires, [("x-1:b->c", 1, 2, 0), ("x-1:c->b", 2, 1, 1), ("x:a->b", 0, 1, 0), ("x:b->a", 1, 0, 0)]);
    let (_, b) = nodes(&world).nth(1).unwrap();
    let ends: Vec<_> = b.interfaces().iter().map(|end| (end.transmitter.wire(), end.incoming)).collect();
    assert_eq!(ends, [(WireId(3), WireId(2)), (WireId(0), WireId(1))]);
    let addresses: Vec<_> = b.interfaces().iter().map(|end| end.addresses.clone()).collect();
    assert_eq!(addresses, [[address("10.0.0.1")], [address("10.0.0.5")]]);
}

#[test]
fn link_ends_are_two_for_each_link_in_order_of_links() {
    let plan = plan(CROSSED);
    assert_eq!(plan.link_ends(), ["x@b", "x@a", "x-1@b", "x-1@c"]);
    // By wire: where it begins, where it ends.
    let ends = |wire: u32| [true, false].map(|at_sender| plan.link_end(WireId(wire), at_sender).unwrap());
    assert_eq!([0, 1, 2, 3].map(ends), [[2, 3], [3, 2], [1, 0], [0, 1]]);
}

#[test]
fn nodes_are_found_by_their_names_only() {
    let plan = plan("d-b b-f f-h");
    let found = ["b", "d", "f", "h"].map(|name| plan.node(name));
    assert_eq!(found, [0, 1, 2, 3].map(Some));
    assert_eq!(["", "a", "c", "e", "g", "i", "bb"].map(|name| plan.node(name)), [None; 7]);
    assert_eq!([0, 1, 2, 3].map(|rank| plan.name(rank)), ["b", "d", "f", "h"]);
}

#[test]
fn the_mtu_holds_at_both_ends() {
    let mut topology = net("x:a-b y:b-c");
    let mtu = IntoDeserializer::<Error>::into_deserializer("576 B");
    topology.links[0].mtu = Some(Mtu::deserialize(mtu).unwrap());
    let world = simulation(&plan_with(topology, Vec::new()), Vec::new());
    let mtus: Vec<u64> = nodes(&world).flat_map(|(_, node)| node.interfaces()).map(|end| end.mtu_bytes).collect();
    // a's x; b's x and y; c's y, with the default.
    assert_eq!(mtus, [576, 576, 1500, 1500]);
}

#[test]
fn applications_start_in_order_of_names() {
    let plan = plan("a-b");
    let named = |name: &str| Installation { name: name.to_owned(), ..ping(&plan, "a", address_of(&plan, "b"), 1) };
    let world = simulation(&plan, vec![named("z"), named("k")]);
    let (_, a) = nodes(&world).next().unwrap();
    assert_eq!(a.apps().map(|(name, _)| name).collect::<Vec<_>>(), ["k", "z"]);
}

#[test]
fn the_order_of_the_lists_changes_nothing() {
    let topology = lossy("x:s-r y:r-t z:s-t w:r-u");
    let mut turned = topology.clone();
    turned.nodes.reverse();
    turned.links.reverse();
    let outcome = |topology: Topology| {
        let plan = plan_with(topology, Vec::new());
        let addresses: Vec<_> = (0..4).map(|rank| plan.address(rank)).collect();
        let mut world = simulation(&plan, vec![ping(&plan, "s", address_of(&plan, "u"), 20)]);
        world.run(Until::Quiet, &mut Sinks::new(Interests::NONE)).unwrap();
        (addresses, plan.wires().to_vec(), world.entity_digests(), world.wire_digests())
    };
    assert_eq!(outcome(topology), outcome(turned));
}

// The timeline.

/// A change of the delay of link x in some directions, half a second after the start.
pub(crate) fn slower(direction: Direction, millis: u64) -> TimelineEvent {
    let (link, delay) = (LinkName("x".to_owned()), Some(Span::from_millis(millis)));
    TimelineEvent {
        at: Span::from_millis(500),
        link: Some(link),
        direction: Some(direction),
        delay,
        ..TimelineEvent::default()
    }
}

#[test]
fn an_event_concerns_the_directions_that_it_names() {
    let concerned = |direction| [true, false].map(|is_forward| slower(direction, 1).concerns(is_forward));
    assert_eq!(
        [Direction::Both, Direction::Forward, Direction::Backward].map(concerned),
        [[true, true], [true, false], [false, true]]
    );
}

#[test]
fn a_change_of_one_direction_leaves_the_other_and_other_links_alone() {
    // Pings at 0 s and 1 s over x (1 ms) and y (1 ms), from 0.5 s on with 30 ms on x from a to b.
    let plan = plan_with(net("y:b-c x:a-b"), vec![slower(Direction::Forward, 30)]);
    let seen = packets(&plan, vec![ping(&plan, "a", address_of(&plan, "c"), 2)]);
    let arrived = seen.iter().filter(|(_, seen)| seen.end == LinkEnd::Receiver);
    let millis: Vec<u64> = arrived.map(|(at, _)| at.as_nanos() / 1_000_000).collect();
    assert_eq!(millis, [1, 2, 3, 4, 1030, 1031, 1032, 1033]);
}

#[test]
fn a_wire_promises_the_least_delay_that_it_ever_has() {
    let mut topology = net("x:a-b y:b-c");
    topology.links[0].backward =
        Some(Box::new(DirectionConfig { delay: Some(Span::from_millis(9)), ..DirectionConfig::default() }));
    // x forward: 1 ms, later 30 ms; x backward: 9 ms, later 4 ms; y: 1 ms.
    let plan = plan_with(topology, vec![slower(Direction::Forward, 30), slower(Direction::Backward, 4)]);
    let world = simulation(&plan, Vec::new());
    let least: Vec<_> = world.wires().iter().map(|wire| (&*wire.path, wire.min_delay)).collect();
    let expected = [("x:a->b", 1), ("x:b->a", 4), ("y:b->c", 1), ("y:c->b", 1)];
    assert_eq!(least, expected.map(|(path, millis)| (path, Span::from_millis(millis))));
}

// Luck.

/// A network where each link loses every other packet.
fn lossy(words: &str) -> Topology {
    let mut topology = net(words);
    topology.links.iter_mut().for_each(|link| link.loss = Some(Ratio::from_percent(50)));
    topology
}

/// Which of 64 requests from node a to node b are lost on a wire between them. Two independent outcomes agree once in
/// 2^64 times.
fn losses(topology: Topology, timeline: Vec<TimelineEvent>, from: &str, to: &str, wire: &str) -> Vec<bool> {
    let plan = plan_with(topology, timeline);
    let seen = packets(&plan, vec![ping(&plan, from, address_of(&plan, to), 64)]);
    let left = |seen: &PacketReport| seen.end == LinkEnd::Sender && *plan.wires()[seen.wire.0 as usize].path == *wire;
    let lost: Vec<bool> =
        seen.iter().filter(|(_, seen)| left(seen)).map(|(_, seen)| seen.fate != Fate::Passed).collect();
    assert_eq!(lost.len(), 64);
    lost
}

/// [`losses`] of the link x from a to b.
fn losses_of_x(words: &str) -> Vec<bool> {
    losses(lossy(words), Vec::new(), "a", "b", "x:a->b")
}

#[test]
fn nodes_and_links_that_are_added_leave_the_luck_of_the_others_alone() {
    let alone = losses_of_x("x:a-b");
    for words in ["x:a-b y:b-c", "w:c-a x:a-b", "0:0-a x:a-b 1:0-b", "x:a-b y:a-b z:b-a"] {
        assert_eq!(losses_of_x(words), alone, "{words}");
    }
}

#[test]
fn each_direction_of_each_link_has_luck_of_its_own() {
    let forward = losses_of_x("x:a-b");
    let backward = losses(lossy("x:a-b"), Vec::new(), "b", "a", "x:b->a");
    let other_name = losses(lossy("y:a-b"), Vec::new(), "a", "b", "y:a->b");
    let other_ends = losses(lossy("x:a-c"), Vec::new(), "a", "c", "x:a->c");
    let unnamed = losses(lossy("a-b"), Vec::new(), "a", "b", "a--b:a->b");
    let all = [forward, backward, other_name, other_ends, unnamed];
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
}

#[test]
fn the_luck_of_a_direction_does_not_depend_on_which_end_is_the_first() {
    assert_eq!(losses_of_x("x:b-a"), losses_of_x("x:a-b"));
}

#[test]
fn a_link_that_is_renamed_keeps_its_luck_by_its_old_name() {
    let mut topology = lossy("y:a-b");
    topology.links[0].stream_name = Some("x".to_owned());
    assert_eq!(losses(topology, Vec::new(), "a", "b", "y:a->b"), losses_of_x("x:a-b"));
    // A name that was made from the ends is a name too.
    let mut topology = lossy("y:a-b");
    topology.links[0].stream_name = Some("a--b".to_owned());
    let unnamed = losses(lossy("a-b"), Vec::new(), "a", "b", "a--b:a->b");
    assert_eq!(losses(topology, Vec::new(), "a", "b", "y:a->b"), unnamed);
}

#[test]
fn the_links_of_a_node_that_is_renamed_keep_their_luck_by_its_old_name() {
    // Whether the link has a name or one from its ends.
    for (old, new, wire, new_wire) in
        [("x:a-b", "x:a-new", "x:a->b", "x:a->new"), ("a-b", "a-new", "a--b:a->b", "a--new:a->new")]
    {
        let mut topology = lossy(new);
        assert_ne!(
            losses(topology.clone(), Vec::new(), "a", "new", new_wire),
            losses(lossy(old), Vec::new(), "a", "b", wire)
        );
        node(&mut topology, "new").stream_name = Some("b".to_owned());
        assert_eq!(losses(topology, Vec::new(), "a", "new", new_wire), losses(lossy(old), Vec::new(), "a", "b", wire));
    }
}

#[test]
fn a_node_that_is_renamed_keeps_the_luck_of_its_applications_by_its_old_name() {
    // A ping draws the key of its data.
    let data = |topology: Topology, name: &str| {
        let plan = plan_with(topology, Vec::new());
        let seen = packets(&plan, vec![ping(&plan, name, address_of(&plan, "b"), 1)]);
        seen[0].1.packet.payload.clone()
    };
    let mut renamed = net("new-b");
    assert_ne!(data(renamed.clone(), "new"), data(net("a-b"), "a"));
    node(&mut renamed, "new").stream_name = Some("a".to_owned());
    assert_eq!(data(renamed, "new"), data(net("a-b"), "a"));
}

#[test]
fn loss_that_begins_later_takes_the_packets_that_it_would_have_taken_from_the_start() {
    // One draw for each packet, whatever the loss is then: 20 requests before 19.5 s, then 44.
    let event = TimelineEvent {
        at: Span::from_millis(19_500),
        delay: None,
        loss: Some(Ratio::from_percent(50)),
        ..slower(Direction::Both, 0)
    };
    let later = losses(net("x:a-b"), vec![event], "a", "b", "x:a->b");
    let always = losses_of_x("x:a-b");
    assert_eq!(later[..20], [false; 20]);
    assert_eq!(later[20..], always[20..]);
}
