//! Shortest paths around what is down, by rules and against petgraph.

use super::*;
use crate::tests::{any_net, net, node};
use petgraph::algo::dijkstra;
use proptest::prelude::*;

/// By names.
fn down(topology: &Topology, graph: &NetworkGraph, links: &[&str], nodes: &[&str]) -> Down {
    let link =
        |name: &&str| (0..graph.links()).find(|rank| topology.links[graph.link(*rank)].name() == **name).unwrap();
    let node = |name: &&str| rank(topology, graph, name);
    Down { links: links.iter().map(link).collect(), nodes: nodes.iter().map(node).collect() }
}

fn rank(topology: &Topology, graph: &NetworkGraph, name: &str) -> usize {
    (0..graph.nodes()).find(|rank| topology.nodes[graph.node(*rank).listed].name == name).unwrap()
}

/// The links on the way between two nodes, hop by hop, each node deciding for itself.
fn way(topology: &Topology, from: &str, to: &str, links: &[&str], nodes: &[&str]) -> Option<String> {
    let graph = NetworkGraph::new(topology);
    let down = down(topology, &graph, links, nodes);
    let (mut at, to) = (rank(topology, &graph, from), rank(topology, &graph, to));
    let mut names = Vec::new();
    while at != to {
        let interface = graph.first_hops_without(at, &down)[to]?;
        let (link, next) = graph.neighbours(at)[interface];
        names.push(topology.links[graph.link(link)].name());
        at = next;
    }
    Some(names.join(" "))
}

/// Three ways from s to t: over a (links b, c), over d (links e, f), and over three links (g, h, i).
const THREE_WAYS: &str = "b:s-a c:a-t e:s-d f:d-t g:s-x h:x-y i:y-t";

#[test]
fn what_is_down_is_gone_around() {
    let topology = net(THREE_WAYS);
    let way = |links: &[&str], nodes: &[&str]| way(&topology, "s", "t", links, nodes);
    let expect = |words: &str| Some(words.to_owned());
    assert_eq!(way(&[], &[]), expect("b c"));
    assert_eq!(way(&["b"], &[]), expect("e f"));
    assert_eq!(way(&["c"], &[]), expect("e f"));
    assert_eq!(way(&[], &["a"]), expect("e f"));
    assert_eq!(way(&["f"], &["a"]), expect("g h i"));
    assert_eq!(way(&["c", "e", "h"], &[]), None);
    assert_eq!(way(&[], &["a", "d", "y"]), None);
    assert_eq!(way(&[], &["t"]), None);
    assert_eq!(way(&[], &["s"]), None);
}

#[test]
fn of_what_is_left_the_first_way_in_order_of_names_is_taken() {
    // Without m, the ways (n, z), (o, y) and (p, x) are left: n comes first, though z comes last.
    let topology = net("m:s-a w:a-t p:s-d x:d-t o:s-c y:c-t n:s-b z:b-t");
    assert_eq!(way(&topology, "s", "t", &["m"], &[]), Some("n z".to_owned()));
    assert_eq!(way(&topology, "s", "t", &["m"], &["b"]), Some("o y".to_owned()));
    // Parallel links, too.
    let topology = net("c:a-b d:b-a e:a-b");
    assert_eq!(way(&topology, "a", "b", &["c"], &[]), Some("d".to_owned()));
    assert_eq!(way(&topology, "a", "b", &["c", "d"], &[]), Some("e".to_owned()));
}

#[test]
fn a_router_with_one_link_left_does_not_change_what_it_is() {
    // r has three links. With y down it passes on between the other two; a host that is a detour is not passed through.
    let mut topology = net("x:s-r y:r-u z:r-t v:s-h w:h-t");
    node(&mut topology, "h").forwards = Some(false);
    assert_eq!(way(&topology, "s", "t", &["y"], &[]), Some("x z".to_owned()));
    assert_eq!(way(&topology, "s", "t", &["z"], &[]), None);
}

#[test]
fn interfaces_are_found_by_their_links() {
    let graph = NetworkGraph::new(&net(THREE_WAYS));
    for node in 0..graph.nodes() {
        let expected = |link| graph.neighbours(node).iter().position(|(own, _)| *own == link);
        assert!((0..graph.links()).all(|link| graph.interface(node, link) == expected(link)));
    }
}

proptest! {
    #[test]
    fn reaching_is_having_a_first_hop((topology, _) in any_net()) {
        let graph = NetworkGraph::new(&topology);
        for from in 0..graph.nodes() {
            for (to, hop) in graph.first_hops(from).into_iter().enumerate() {
                prop_assert_eq!(graph.reaches(from, to), from == to || hop.is_some());
            }
        }
    }

    #[test]
    fn nothing_down_is_the_plain_case_and_what_is_down_is_as_if_it_were_not_there(
        (topology, _) in any_net(),
        link_bits in any::<u16>(),
        node_bits in any::<u8>(),
    ) {
        let graph = NetworkGraph::new(&topology);
        let links: BTreeSet<usize> = (0..graph.links()).filter(|link| link_bits >> link & 1 == 1).collect();
        let nodes: BTreeSet<usize> = (0..graph.nodes()).filter(|node| node_bits >> node & 1 == 1).collect();
        let down = Down { links, nodes };
        // The same network without them, where the names, and so the order, of what is left are the same.
        let mut left = topology.clone();
        for (node, spec) in left.nodes.iter_mut().enumerate() {
            let rank = (0..graph.nodes()).find(|rank| graph.node(*rank).listed == node).unwrap();
            spec.forwards = Some(graph.node(rank).forwards);
        }
        let is_left = |listed: usize| {
            let rank = (0..graph.links()).find(|rank| graph.link(*rank) == listed).unwrap();
            let (first, second) = graph.ends(rank);
            !down.bars(rank, first) && !down.bars(rank, second)
        };
        let mut listed = 0..;
        left.links.retain(|_| is_left(listed.next().unwrap()));
        let rest = NetworkGraph::new(&left);
        for from in 0..graph.nodes() {
            prop_assert_eq!(graph.first_hops_without(from, &Down::default()), graph.first_hops(from));
            let name = |topology: &Topology, graph: &NetworkGraph, interface: Option<usize>| {
                interface.map(|interface| topology.links[graph.link(graph.neighbours(from)[interface].0)].name())
            };
            let found = graph.first_hops_without(from, &down);
            let expected = rest.first_hops(from);
            for (found, expected) in found.into_iter().zip(expected) {
                prop_assert_eq!(name(&topology, &graph, found), name(&left, &rest, expected));
            }
        }
    }

    #[test]
    fn ways_are_as_long_as_petgraph_says(
        nodes in 2_usize..30,
        picks in prop::collection::vec((any::<u16>(), any::<u16>()), 1..60),
        down_links in prop::collection::btree_set(0_usize..60, 0..6),
    ) {
        let mut words: Vec<String> = (0..nodes - 1).map(|node| format!("n{node}-n{}", node + 1)).collect();
        words.extend(picks.iter().filter_map(|(a, b)| {
            let (a, b) = (usize::from(*a) % nodes, usize::from(*b) % nodes);
            (a != b).then(|| format!("l{}:n{a}-n{b}", a * nodes + b))
        }));
        words.sort();
        words.dedup();
        let mut topology = net(&words.join(" "));
        topology.nodes.iter_mut().for_each(|node| node.forwards = Some(true));
        let graph = NetworkGraph::new(&topology);
        let down = Down { links: down_links, nodes: BTreeSet::new() };
        let mut other = UnGraph::<(), ()>::new_undirected();
        let indices: Vec<_> = (0..nodes).map(|_| other.add_node(())).collect();
        for link in (0..graph.links()).filter(|link| !down.links.contains(link)) {
            let (first, second) = graph.ends(link);
            other.add_edge(indices[first], indices[second], ());
        }
        let hops: Vec<_> = (0..nodes).map(|node| graph.first_hops_without(node, &down)).collect();
        for from in 0..nodes {
            let lengths = dijkstra(&other, indices[from], None, |_| 1_usize);
            for to in 0..nodes {
                let (mut at, mut length) = (from, Some(0));
                while at != to && length.is_some() {
                    length = hops[at][to].and(length).map(|length: usize| length + 1);
                    at = hops[at][to].map_or(at, |interface| graph.neighbours(at)[interface].1);
                }
                prop_assert_eq!(length, lengths.get(&indices[to]).copied());
            }
        }
    }
}
