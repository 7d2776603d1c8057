//! Families: counts and degrees by formula, connected, the same for the same seed; distributions inside intervals that hold
//! for all their points together, at seeds that were fixed beforehand.

mod graphml;
mod random;

use super::*;
use crate::check::{check_topology, is_reachable};
use crate::{AddressFamilies, NetworkGraph, Topology};
use std::collections::{BTreeMap, BTreeSet};

/// A configuration as a scenario has it.
pub(super) fn config(text: &str) -> GeneratorConfig {
    use ron::extensions::Extensions;
    let extensions = Extensions::IMPLICIT_SOME | Extensions::UNWRAP_VARIANT_NEWTYPES;
    let options = ron::Options::default().with_default_extension(extensions);
    options.from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn no_files(name: &str) -> Result<String, String> {
    Err(format!("no file {name}"))
}

pub(super) fn try_expand(text: &str, seed: u64) -> Result<Expanded, Vec<(String, String)>> {
    let told = |found: Vec<Mistake>| found.into_iter().map(|mistake| (mistake.path, mistake.message)).collect();
    expand(&config(text), seed, &no_files).map_err(told)
}

/// The network of a configuration without mistakes, which is a topology without mistakes.
pub(super) fn network(text: &str, seed: u64) -> Expanded {
    let expanded = try_expand(text, seed).unwrap_or_else(|found| panic!("{text}: {found:?}"));
    assert_eq!(check_topology(&topology(&expanded)), [], "{text}");
    let names: BTreeSet<&str> = expanded.nodes.iter().map(|node| &*node.name).collect();
    assert!(expanded.hosts.iter().all(|host| names.contains(&**host)), "{text}");
    expanded
}

pub(super) fn topology(expanded: &Expanded) -> Topology {
    let (nodes, links) = (expanded.nodes.clone(), expanded.links.clone());
    Topology {
        nodes,
        links,
        media: Vec::new(),
        channels: Vec::new(),
        addresses: AddressFamilies::V4,
        groups: Vec::new(),
        profiles: Vec::new(),
    }
}

/// Number of links by node.
pub(super) fn degrees(expanded: &Expanded) -> BTreeMap<&str, usize> {
    let mut degrees: BTreeMap<&str, usize> = expanded.nodes.iter().map(|node| (&*node.name, 0)).collect();
    for end in expanded.links.iter().flat_map(|link| [&link.ends.0, &link.ends.1]) {
        *degrees.get_mut(&*end.0).unwrap() += 1;
    }
    degrees
}

pub(super) fn is_connected(expanded: &Expanded) -> bool {
    let graph = NetworkGraph::new(&topology(expanded));
    (0..graph.nodes()).all(|node| is_reachable(&graph, 0, node))
}

/// How many nodes have how many links.
fn nodes_by_degree(expanded: &Expanded) -> BTreeMap<usize, usize> {
    let mut counts = BTreeMap::new();
    for degree in degrees(expanded).into_values() {
        *counts.entry(degree).or_default() += 1;
    }
    counts
}

const LINK: &str = r#"(rate: "1 Gbit/s", delay: "1 ms")"#;

/// Configuration, nodes, links, hosts, and how many nodes have how many links.
type Expected = (String, usize, usize, usize, BTreeMap<usize, usize>);

fn families() -> Vec<Expected> {
    [
        // n - 1 links; two ends.
        (format!(r#"Chain(name: "c", nodes: 11, link: {LINK})"#), 11, 10, 2, vec![(1, 2), (2, 9)]),
        (format!(r#"Ring(name: "r", nodes: 7, link: {LINK})"#), 7, 7, 7, vec![(2, 7)]),
        (format!(r#"Star(name: "s", leaves: 9, link: {LINK})"#), 10, 9, 9, vec![(1, 9), (9, 1)]),
        // Routers have their hosts and each other.
        (
            format!(r#"Dumbbell(name: "d", left: 10, right: 3, access: {LINK}, bottleneck: {LINK})"#),
            15,
            14,
            13,
            vec![(1, 13), (4, 1), (11, 1)],
        ),
        // 1 + 3 + 9 + 27 nodes: the root has 3 links, those in between 4.
        (
            format!(r#"Tree(name: "t", branching: 3, depth: 3, link: {LINK})"#),
            40,
            39,
            27,
            vec![(1, 27), (3, 1), (4, 12)],
        ),
        (format!(r#"Tree(name: "t", branching: 1, depth: 3, link: {LINK})"#), 4, 3, 1, vec![(1, 2), (2, 2)]),
        // Al-Fares et al. with k = 4: 16 hosts, 4 core + 8 aggregation + 8 edge switches of 4 ports, 3 · 64 / 4 links.
        (format!(r#"FatTree(name: "f", k: 4, link: {LINK})"#), 36, 48, 16, vec![(1, 16), (4, 20)]),
        // k = 6: 54 hosts, 45 switches, 162 links.
        (format!(r#"FatTree(name: "f", k: 6, link: {LINK})"#), 99, 162, 54, vec![(1, 54), (6, 45)]),
        // 3 · 3 across and 4 · 2 down; four corners, six nodes at the sides, two within.
        (format!(r#"Grid(name: "g", rows: 3, columns: 4, link: {LINK})"#), 12, 17, 12, vec![(2, 4), (3, 6), (4, 2)]),
        (format!(r#"Mesh(name: "m", nodes: 6, link: {LINK})"#), 6, 15, 6, vec![(5, 6)]),
    ]
    .into_iter()
    .map(|(text, nodes, links, hosts, degrees)| (text, nodes, links, hosts, degrees.into_iter().collect()))
    .collect()
}

#[test]
fn counts_and_degrees_are_those_of_the_formulas() {
    for (text, nodes, links, hosts, degrees) in families() {
        let made = network(&text, 1);
        assert_eq!((made.nodes.len(), made.links.len(), made.hosts.len()), (nodes, links, hosts), "{text}");
        assert_eq!(nodes_by_degree(&made), degrees, "{text}");
        assert!(is_connected(&made), "{text}");
        assert_eq!(made, network(&text, 2), "{text} draws nothing");
        // What was foretold.
        assert_eq!(config(&text).family().size(), (nodes as u64, links as u64), "{text}");
    }
}

#[test]
fn names_tell_what_a_node_is() {
    let names = |text: &str| network(text, 1).nodes.into_iter().map(|node| node.name).collect::<Vec<_>>();
    assert_eq!(names(&format!(r#"Star(name: "s", leaves: 2, link: {LINK})"#)), ["s-hub", "s-leaf-0", "s-leaf-1"]);
    assert_eq!(
        names(&format!(r#"Dumbbell(name: "d", left: 1, right: 1, access: {LINK}, bottleneck: {LINK})"#)),
        ["d-router-left", "d-router-right", "d-left-0", "d-right-0"]
    );
    assert_eq!(
        names(&format!(r#"Tree(name: "t", branching: 2, depth: 1, link: {LINK})"#)),
        ["t-0-0", "t-1-0", "t-1-1"]
    );
    let chain = network(&format!(r#"Chain(name: "c", nodes: 3, link: {LINK})"#), 1);
    assert_eq!(chain.hosts, ["c-0", "c-2"]);
    assert_eq!(chain.links[1].name(), "c-1--c-2");
    let grid = network(&format!(r#"Grid(name: "g", rows: 1, columns: 2, link: {LINK})"#), 1);
    assert_eq!(grid.links[0].name(), "g-0-0--g-0-1");
}

/// Al-Fares et al., figure 3: of k = 4, aggregation switch 0 of each pod is joined to the core switches 0 and 1, switch 1
/// to 2 and 3; any two hosts of different pods are 6 links apart, of one pod 4, of one edge switch 2.
#[test]
fn a_fat_tree_is_wired_as_in_the_paper() {
    let tree = network(&format!(r#"FatTree(name: "f", k: 4, link: {LINK})"#), 1);
    let has = |name: &str| tree.links.iter().any(|link| link.name() == name);
    for pod in 0..4 {
        for (aggregation, core) in [(0, 0), (0, 1), (1, 2), (1, 3)] {
            assert!(has(&format!("f-agg-{pod}-{aggregation}--f-core-{core}")));
        }
    }
    let plan = crate::Plan::new(topology(&tree), Vec::new());
    let distance = |from: &str, to: &str| {
        let (mut at, to) = (plan.node(from).unwrap(), plan.node(to).unwrap());
        let mut length = 0;
        while at != to {
            let interface = plan.graph().first_hops(at)[to].unwrap();
            at = plan.graph().neighbours(at)[interface].1;
            length += 1;
        }
        length
    };
    assert_eq!(distance("f-host-0-0-0", "f-host-3-1-1"), 6);
    assert_eq!(distance("f-host-0-0-0", "f-host-0-1-0"), 4);
    assert_eq!(distance("f-host-0-0-0", "f-host-0-0-1"), 2);
}

#[test]
fn a_template_stands_in_every_link_and_each_kind_has_its_own() {
    let text = r#"Dumbbell(name: "d", left: 2, right: 2,
        access: (rate: "1 Gbit/s", delay: "1 ms", loss: "1 %", framing: Ethernet, mtu: "9000 B"),
        bottleneck: (rate: "10 Mbit/s", delay: "20 ms", queue: DropTail("50 packets"), backward: (rate: "1 Mbit/s")))"#;
    let made = network(text, 1);
    let bottleneck = &made.links[0];
    assert_eq!(bottleneck.name(), "d-router-left--d-router-right");
    assert_eq!(bottleneck.direction(true).rate, "10 Mbit/s".parse().ok());
    assert_eq!(bottleneck.direction(false).rate, "1 Mbit/s".parse().ok());
    assert_eq!(
        bottleneck.queue,
        Some(protosim_models::queue::QueueConfig::DropTail(protosim_models::link::QueueLimit::Packets(50)))
    );
    for access in &made.links[1..] {
        assert_eq!((access.mtu().as_bytes(), access.loss), (9000, Some(protosim_core::Ratio::from_percent(1))));
        assert_eq!(access.framing, Some(protosim_models::link::Framing::Ethernet));
    }
    let text = format!(r#"FatTree(name: "f", k: 2, link: {LINK}, host_link: (rate: "1 Mbit/s"))"#);
    let slow = network(&text, 1).links.iter().filter(|link| link.rate == "1 Mbit/s".parse().ok()).count();
    assert_eq!(slow, 2);
}

#[test]
fn a_network_that_grows_keeps_its_names() {
    let of = |leaves: u64| network(&format!(r#"Star(name: "s", leaves: {leaves}, link: {LINK})"#), 1);
    let (small, large) = (of(9), of(12));
    assert!(small.nodes.iter().all(|node| large.nodes.contains(node)));
    assert!(small.links.iter().all(|link| large.links.contains(link)));
}

#[test]
fn absurd_sizes_are_refused_before_anything_is_made() {
    let huge = "1000000000000";
    for text in [
        format!(r#"Chain(name: "x", nodes: {huge}, link: {LINK})"#),
        format!(r#"Ring(name: "x", nodes: {huge}, link: {LINK})"#),
        format!(r#"Star(name: "x", leaves: {huge}, link: {LINK})"#),
        format!(r#"Star(name: "x", leaves: 18446744073709551615, link: {LINK})"#),
        format!(r#"Dumbbell(name: "x", left: {huge}, right: {huge}, access: {LINK}, bottleneck: {LINK})"#),
        format!(r#"Tree(name: "x", branching: {huge}, depth: {huge}, link: {LINK})"#),
        format!(r#"Tree(name: "x", branching: 1, depth: {huge}, link: {LINK})"#),
        format!(r#"FatTree(name: "x", k: {huge}, link: {LINK})"#),
        format!(r#"Grid(name: "x", rows: {huge}, columns: {huge}, link: {LINK})"#),
        format!(r#"Mesh(name: "x", nodes: {huge}, link: {LINK})"#),
        format!(r#"Mesh(name: "x", nodes: 10000, link: {LINK})"#),
        format!(r#"Geometric(name: "x", nodes: {huge}, radius: 0.1, link: {LINK})"#),
        format!(r#"Waxman(name: "x", nodes: {huge}, alpha: 0.1, beta: "1 %", link: {LINK})"#),
        format!(r#"BarabasiAlbert(name: "x", nodes: {huge}, attach: 2, link: {LINK})"#),
        format!(r#"BarabasiAlbert(name: "x", nodes: 1000000, attach: 500000, link: {LINK})"#),
        format!(r#"ErdosRenyi(name: "x", nodes: {huge}, probability: "1 %", link: {LINK})"#),
    ] {
        let found = try_expand(&text, 1).unwrap_err();
        let is_said = |(_, message): &(String, String)| message.contains("too large") || message.contains("at most");
        assert!(found.iter().any(is_said), "{text}: {found:?}");
    }
    let found = try_expand(&format!(r#"Chain(name: "x", nodes: {huge}, link: {LINK})"#), 1).unwrap_err();
    let expected = "too large: 1000000000000 nodes and 999999999999 links, of at most 1048576 nodes and 4194304 links";
    assert_eq!(found, [(String::new(), expected.to_owned())]);
}

/// Configuration, and the places of its mistakes.
#[test]
fn mistakes_are_found_in_their_places() {
    for (text, places) in [
        (format!(r#"Chain(name: "a b", nodes: 1, link: {LINK})"#), vec!["name", "nodes"]),
        (format!(r#"Ring(name: "", nodes: 2, link: {LINK})"#), vec!["name", "nodes"]),
        (format!(r#"Star(name: "s", leaves: 0, link: {LINK})"#), vec!["leaves"]),
        (r#"Chain(name: "c", nodes: 3, link: ())"#.to_owned(), vec!["link"]),
        (
            r#"Chain(name: "c", nodes: 3, link: (delay: "1 ms", queue: DropTail("9 packets")))"#.to_owned(),
            vec!["link.queue"],
        ),
        (
            format!(r#"Dumbbell(name: "d", left: 0, right: 0, access: (), bottleneck: {LINK})"#),
            vec!["left", "right", "access"],
        ),
        (format!(r#"Tree(name: "t", branching: 0, depth: 0, link: {LINK})"#), vec!["branching", "depth"]),
        (format!(r#"FatTree(name: "f", k: 3, link: {LINK}, host_link: ())"#), vec!["k", "host_link"]),
        (format!(r#"Grid(name: "g", rows: 1, columns: 1, link: {LINK})"#), vec!["columns"]),
        (format!(r#"Mesh(name: "m", nodes: 1, link: {LINK})"#), vec!["nodes"]),
        (format!(r#"Geometric(name: "g", nodes: 1, radius: 0.0, link: {LINK})"#), vec!["nodes", "radius"]),
        (format!(r#"Geometric(name: "g", nodes: 9, radius: 0.1, area: "9 km", link: {LINK})"#), vec!["area"]),
        (format!(r#"Waxman(name: "w", nodes: 9, alpha: -1.0, beta: "9 %", link: {LINK})"#), vec!["alpha"]),
        (r#"Waxman(name: "w", nodes: 9, alpha: 0.1, beta: "9 %", link: ())"#.to_owned(), vec!["link"]),
        (format!(r#"BarabasiAlbert(name: "b", nodes: 3, attach: 3, link: {LINK})"#), vec!["attach"]),
        (format!(r#"BarabasiAlbert(name: "b", nodes: 3, attach: 0, link: {LINK})"#), vec!["attach"]),
        (format!(r#"ErdosRenyi(name: "e", nodes: 0, probability: "9 %", link: {LINK})"#), vec!["nodes"]),
        (r#"GraphML(name: "z", file: "no.graphml")"#.to_owned(), vec!["file"]),
    ] {
        let found = try_expand(&text, 1).unwrap_err();
        assert_eq!(found.iter().map(|(path, _)| &**path).collect::<Vec<_>>(), places, "{text}: {found:?}");
    }
}

#[test]
fn unknown_fields_are_refused() {
    use ron::extensions::Extensions;
    let options = ron::Options::default().with_default_extension(Extensions::UNWRAP_VARIANT_NEWTYPES);
    for text in [
        r#"Chain(name: "c", nodes: 3, length: 4, link: (delay: "1 ms"))"#,
        r#"Chain(name: "c", nodes: 3, link: (ends: ("a", "b")))"#,
        r#"Chain(name: "c", nodes: 3, link: (name: "x"))"#,
        r#"Chian(name: "c", nodes: 3, link: ())"#,
    ] {
        assert!(options.from_str::<GeneratorConfig>(text).is_err(), "{text}");
    }
}

#[test]
fn lengths_have_units() {
    let metres = |text: &str| text.parse::<Length>().map(Length::as_metres);
    assert_eq!(metres("1000 km"), Ok(1_000_000));
    assert_eq!(metres("2.5 km"), Ok(2500));
    assert_eq!(metres(" 1.250km "), Ok(1250));
    assert_eq!(metres("500 m"), Ok(500));
    for text in [
        "",
        "km",
        "1",
        "1 mi",
        "-1 km",
        "0 m",
        "0.5 m",
        "1.2345 km",
        "1e3 km",
        "1. km",
        ".5 km",
        "1.2.3 km",
        "200000 km",
    ] {
        assert!(metres(text).is_err(), "{text}");
    }
    assert_eq!(
        metres("99999999999999999999 km"),
        Err("a length is at most 100000 km, not `99999999999999999999 km`".into())
    );
    assert_eq!(["2500 m", "1000 km"].map(|text| text.parse::<Length>().unwrap().to_string()), ["2500 m", "1000 km"]);
}

/// On a sphere of 6371.0088 km a quarter of the circumference is 10,007.557 km; light in fibre takes 50.072427 ms for it.
/// The other distances are from the sphere's Vincenty formula, computed apart from this program.
#[test]
fn distances_and_delays_are_those_of_the_sphere() {
    let pole_to_equator = great_circle_metres((90.0, 12.0), (0.0, -170.0));
    approx::assert_relative_eq!(pole_to_equator, 10_007_557.221, max_relative = 1e-9);
    approx::assert_relative_eq!(great_circle_metres((0.0, 10.0), (0.0, -170.0)), 20_015_114.442, max_relative = 1e-9);
    let (new_york, chicago) = ((40.71427, -74.00597), (41.85003, -87.65005));
    approx::assert_relative_eq!(great_circle_metres(new_york, chicago), 1_145_838.771_51, max_relative = 1e-9);
    assert_eq!(delay_over(pole_to_equator).as_nanos(), 50_072_427);
    assert_eq!(delay_over(great_circle_metres(new_york, chicago)).as_nanos(), 5_733_160);
    assert_eq!(delay_over(great_circle_metres(chicago, chicago)).as_nanos(), 1000);
}
