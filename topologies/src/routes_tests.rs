//! Tables in both forms: every address that a link end has is sent the same way.

use super::*;
use crate::tests::{any_net, net};
use crate::{Plan, Topology};
use proptest::prelude::*;
use protosim_models::node::Routes;

fn table(graph: &NetworkGraph, family: AddressFamily, node: usize, down: &Down, most_listed: usize) -> Routes {
    let entries = routes_of(graph, family, node, down, most_listed);
    Routes::new(&entries.iter().map(|entry| entry.route(&family.into())).collect::<Vec<_>>())
}

fn route(prefix: &str, len: u8, hop: Hop) -> Route {
    Route { prefix: prefix.parse().unwrap(), len, hop }
}

proptest! {
    #[test]
    fn the_shorter_form_sends_every_address_of_others_the_same_way(
        (topology, _) in any_net(),
        link_bits in any::<u16>(),
        node_bits in any::<u8>(),
        is_v4 in any::<bool>(),
    ) {
        let family = if is_v4 { AddressFamily::V4 } else { AddressFamily::V6 };
        let graph = NetworkGraph::new(&topology);
        let down = Down {
            links: (0..graph.links()).filter(|link| link_bits >> link & 1 == 1).collect(),
            nodes: (0..graph.nodes()).filter(|node| node_bits >> node & 1 == 1).collect(),
        };
        for down in [Down::default(), down] {
            for node in 0..graph.nodes() {
                let (mut full, mut short) =
                    (table(&graph, family, node, &down, 100), table(&graph, family, node, &down, 0));
                for link in 0..graph.links() {
                    let (first, second) = graph.ends(link);
                    for (end, rank) in [(0, first), (1, second)].into_iter().filter(|(_, rank)| *rank != node) {
                        let address = family.end_address(link, end);
                        prop_assert_eq!(full.lookup(address), short.lookup(address), "{} to {}", node, rank);
                    }
                }
            }
        }
    }
}

#[test]
fn a_full_table_has_a_route_to_each_end_that_is_reached() {
    // Ranks: a 0, b 1, c 2, d 3, e 4; links ab 0, bc 1, cd 2, and ef beyond reach. c is between bc (interface 0) and cd.
    let graph = NetworkGraph::new(&net("ab:a-b bc:b-c cd:c-d ef:e-f"));
    let entries = routes_of(&graph, AddressFamily::V4, 2, &Down::default(), MOST_LISTED);
    let routes: Vec<Route> = entries.iter().map(|entry| entry.route(&AddressFamily::V4.into())).collect();
    let (left, right) = (Hop::Interface(0), Hop::Interface(1));
    // Of link k the ends have 4 k + 1 and 4 k + 2; its own ends 10.0.0.6 and 10.0.0.9 are left out.
    assert_eq!(
        routes,
        [
            route("10.0.0.1", 32, left),
            route("10.0.0.2", 32, left),
            route("10.0.0.5", 32, left),
            route("10.0.0.10", 32, right)
        ]
    );
}

#[test]
fn a_short_table_has_the_usual_way_and_blocks_of_what_goes_elsewhere() {
    // h is the end of links a0 to a5, which lead to leaves, and of b to the rest: c0 to c7 lie behind b. With b's far
    // end that is 17 of 23 addresses over b, interface 6.
    let words: Vec<String> =
        (0..6).map(|leaf| format!("a{leaf}:h-x{leaf}")).chain(["b:h-r".to_owned()]).collect::<Vec<_>>();
    let behind: Vec<String> = (0..8).map(|leaf| format!("c{leaf}:r-y{leaf}")).collect();
    let graph = NetworkGraph::new(&net(&[words, behind].concat().join(" ")));
    let routes_at = |node| -> Vec<Route> {
        let entries = routes_of(&graph, AddressFamily::V4, node, &Down::default(), 0);
        entries.iter().map(|entry| entry.route(&AddressFamily::V4.into())).collect()
    };
    // Ranks: h 0, r 1. One /30 for each leaf: its own end is nobody else's concern.
    let mut expected = vec![route("10.0.0.0", 8, Hop::Interface(6))];
    expected.extend((0..6).map(|link| route(&format!("10.0.0.{}", 4 * link), 30, Hop::Interface(link))));
    assert_eq!(routes_at(0), expected);
    // At r interface 0 is b: 13 addresses behind it, one behind each of the others.
    let mut expected = vec![route("10.0.0.0", 8, Hop::Interface(0))];
    expected.extend((0..8).map(|leaf| route(&format!("10.0.0.{}", 4 * (7 + leaf)), 30, Hop::Interface(leaf + 1))));
    assert_eq!(routes_at(1), expected);
}

#[test]
fn blocks_are_as_large_as_alignment_allows() {
    let mut blocks = Vec::new();
    cover(3, 11, |covered| blocks.push(covered));
    let block = |first, log2| Covered::Links { first, log2 };
    assert_eq!(blocks, [block(3, 0), block(4, 2), block(8, 1), block(10, 0)]);
    // Four /30 from the fourth on are a /28; four /64 a /62.
    let entry = Entry { covered: block(4, 2), hop: Hop::None };
    assert_eq!(entry.route(&AddressFamily::V4.into()), route("10.0.0.16", 28, Hop::None));
    assert_eq!(entry.route(&AddressFamily::V6.into()), route("2001:db8:0:4::", 62, Hop::None));
}

#[test]
fn what_is_down_has_no_routes() {
    let plan = Plan::new(net("ab:a-b bc:b-c"), Vec::new());
    let down = |link: &str| Down { links: [plan.link(link).unwrap()].into(), ..Down::default() };
    // a is a leaf: without its link it knows nobody; without another it still sends everything to b.
    assert_eq!(plan.routes_without(0, &down("ab")), []);
    assert_eq!(plan.routes_without(0, &down("bc")), plan.routes(0));
    assert_eq!(plan.routes(0), [route("0.0.0.0", 0, Hop::Interface(0))]);
    // b reaches what is left.
    assert_eq!(plan.routes_without(1, &down("ab")), [route("10.0.0.6", 32, Hop::Interface(1))]);
    let b_is_down = Down { nodes: [1].into(), ..Down::default() };
    assert!((0..3).all(|node| plan.routes_without(node, &b_is_down).is_empty()));
    assert!((0..3).all(|node| plan.routes_without(node, &Down::default()) == plan.routes(node)));
}

#[test]
fn links_are_found_by_their_names_only() {
    let plan = Plan::new(net("y:a-b b-c x:c-d"), Vec::new());
    assert_eq!(["b--c", "x", "y", "z", ""].map(|name| plan.link(name)), [Some(0), Some(1), Some(2), None, None]);
}

fn entries(topology: &Topology) -> usize {
    let graph = NetworkGraph::new(topology);
    let of = |node| routes_of(&graph, AddressFamily::V4, node, &Down::default(), MOST_LISTED).len();
    (0..graph.nodes()).map(of).sum()
}

#[test]
fn tables_of_large_networks_are_far_from_nodes_times_links() {
    // A star of 10,000 leaves: one route for each leaf, and one for each leaf at the hub, one of which is the usual way.
    let star: Vec<String> = (0..10_000).map(|leaf| format!("hub-l{leaf}")).collect();
    assert_eq!(entries(&net_of_pairs(&star)), 20_000);
    // A chain of 2000 links: 8 million in full. As names go by digits, a link with fewer digits stands between ten with
    // one more, and the two sides of a node alternate: still not more than a tenth.
    let chain: Vec<String> = (0..2000).map(|node| format!("n{node}-n{}", node + 1)).collect();
    assert!(entries(&net_of_pairs(&chain)) < 800_000);
}

/// [`net`] for many links.
fn net_of_pairs(words: &[String]) -> Topology {
    let mut topology = net("");
    let mut names = std::collections::BTreeSet::new();
    for word in words {
        let (first, second) = word.split_once('-').unwrap();
        names.extend([first, second]);
        topology.links.push(protosim_models::link::LinkConfig::between(first, second));
    }
    topology.nodes = names.iter().map(|name| crate::NodeSpec::named(name)).collect();
    topology
}
