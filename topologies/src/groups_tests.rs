//! Groups: names, links member by member, and mistakes.

use super::*;
use crate::check::check_topology;
use crate::tests::{net, node};

/// A network where some nodes are groups: `a*3`.
fn grouped(words: &str, groups: &[(&str, u64)]) -> Topology {
    let mut topology = net(words);
    for (name, count) in groups {
        node(&mut topology, name).count = Some(*count);
    }
    topology
}

fn names(groupless: &Groupless) -> (Vec<&str>, Vec<String>) {
    let topology = &groupless.topology;
    (topology.nodes.iter().map(|node| &*node.name).collect(), topology.links.iter().map(LinkConfig::name).collect())
}

fn mistakes(topology: &Topology) -> Vec<(String, String)> {
    expand_groups(topology).unwrap_err().into_iter().map(|mistake| (mistake.path, mistake.message)).collect()
}

#[test]
fn a_group_becomes_its_members_each_with_a_link() {
    let expanded = expand_groups(&grouped("gateway-sensor up:gateway-cloud", &[("sensor", 3)])).unwrap();
    let (nodes, links) = names(&expanded);
    assert_eq!(nodes, ["gateway", "sensor-0", "sensor-1", "sensor-2", "cloud"]);
    assert_eq!(links, ["gateway--sensor-0", "gateway--sensor-1", "gateway--sensor-2", "up"]);
    assert_eq!((expanded.node_from, expanded.link_from), (vec![0, 1, 1, 1, 2], vec![0, 0, 0, 1]));
    assert_eq!(check_topology(&expanded.topology), []);
}

#[test]
fn names_and_stream_names_of_links_and_nodes_are_numbered() {
    let mut topology = grouped("radio:sensor-gateway", &[("sensor", 2)]);
    topology.links[0].stream_name = Some("old".to_owned());
    node(&mut topology, "sensor").stream_name = Some("mote".to_owned());
    let expanded = expand_groups(&topology).unwrap();
    assert_eq!(names(&expanded).1, ["radio-0", "radio-1"]);
    let topology = &expanded.topology;
    let streams: Vec<_> = topology.links.iter().map(|link| link.stream_name.clone().unwrap()).collect();
    assert_eq!(streams, ["old-0", "old-1"]);
    assert_eq!(topology.nodes[1].stream_name.as_deref(), Some("mote-1"));
    assert_eq!(topology.links[1].delay, Some(protosim_core::Span::from_millis(1)));
}

#[test]
fn groups_of_one_size_are_joined_member_by_member() {
    let expanded = expand_groups(&grouped("x:a-b", &[("a", 2), ("b", 2)])).unwrap();
    let ends: Vec<_> = expanded.topology.links.iter().map(|link| [&*link.ends.0.0, &*link.ends.1.0]).collect();
    assert_eq!(ends, [["a-0", "b-0"], ["a-1", "b-1"]]);
}

#[test]
fn a_group_of_one_is_still_a_group_and_no_group_changes_nothing() {
    assert_eq!(names(&expand_groups(&grouped("a-b", &[("a", 1)])).unwrap()).0, ["a-0", "b"]);
    let topology = net("x:a-b y:b-c");
    assert_eq!(expand_groups(&topology).unwrap().topology, topology);
}

#[test]
fn a_group_that_grows_keeps_the_names_that_it_had() {
    let of = |count| expand_groups(&grouped("a-b", &[("a", count)])).unwrap().topology;
    let (small, large) = (of(9), of(11));
    assert!(small.nodes.iter().all(|node| large.nodes.contains(node)));
    assert!(small.links.iter().all(|link| large.links.contains(link)));
}

#[test]
fn mistakes_have_places_and_come_all_at_once() {
    let found = mistakes(&grouped("a-b c-d", &[("a", 0), ("c", 1_000_000_000_000)]));
    let expected = [
        ("nodes.0.count", "`a` is a group of nobody: a count is at least 1"),
        ("nodes.2.count", "a group has at most 1048576 nodes, not 1000000000000"),
    ];
    assert_eq!(found, expected.map(|(path, message)| (path.to_owned(), message.to_owned())));
    let found = mistakes(&grouped("x:a-b y:a-c", &[("a", 2), ("b", 3), ("c", 1)]));
    let places: Vec<&str> = found.iter().map(|(path, _)| &**path).collect();
    assert_eq!(places, ["links.0.ends", "links.1.ends"]);
    assert!(found[0].1.contains("`a` has 2 members and `b` has 3"));
    let found = mistakes(&grouped("a-a", &[("a", 2)]));
    assert!(found[0].1.contains("joins the group `a` to itself"));
    // Two groups that are allowed one by one.
    let found = mistakes(&grouped("a-b", &[("a", 1_000_000), ("b", 1_000_000)]));
    assert_eq!(found[0].1, "2000000 nodes in all, of which there are at most 1048576");
}

#[test]
fn a_member_that_has_the_name_of_another_node_is_found_by_the_check() {
    let expanded = expand_groups(&grouped("a-b a-c", &[("c", 2)])).unwrap();
    assert_eq!(check_topology(&expanded.topology), []);
    let mut topology = grouped("a-b a-c", &[("c", 2)]);
    node(&mut topology, "b").name = "c-1".to_owned();
    topology.links[0].ends.1 = NodeName("c-1".to_owned());
    let expanded = expand_groups(&topology).unwrap();
    assert!(!check_topology(&expanded.topology).is_empty());
}

#[test]
fn a_group_that_was_not_expanded_is_refused() {
    let found = check_topology(&grouped("a-b", &[("a", 2)]));
    assert_eq!(found[0].path, "nodes.0.count");
}
