//! Trees of groups, and what is wrong with groups.

use super::*;
use crate::check::check_topology;
use crate::{GroupSpec, Installation, NodeSpec, Plan};
use proptest::prelude::*;
use protosim_core::kernel::Interests;
use protosim_core::{RunSeed, Sinks, Span, Until};
use protosim_models::link::LinkConfig;
use protosim_models::name::NodeName;
use protosim_models::node::audit;
use protosim_models::traffic::{UdpSink, UdpSinkConfig, UdpSource, UdpSourceConfig};

fn names(words: &str) -> Vec<NodeName> {
    words.split_whitespace().map(|word| NodeName(word.to_owned())).collect()
}

/// A network from links such as `a-r`, of 1 ms each, with one group, `all`.
fn net(links: &str, members: &str, senders: &str) -> Topology {
    let ends: Vec<(&str, &str)> = links.split_whitespace().map(|link| link.split_once('-').unwrap()).collect();
    let nodes: BTreeSet<&str> = ends.iter().flat_map(|(a, b)| [*a, *b]).collect();
    let link = |(a, b): &(&str, &str)| LinkConfig { delay: Some(Span::from_millis(1)), ..LinkConfig::between(a, b) };
    Topology {
        nodes: nodes.into_iter().map(NodeSpec::named).collect(),
        links: ends.iter().map(link).collect(),
        media: Vec::new(),
        channels: Vec::new(),
        addresses: AddressFamilies::V4,
        groups: vec![group("all", None, members, senders)],
        profiles: Vec::new(),
    }
}

fn group(name: &str, address: Option<&str>, members: &str, senders: &str) -> GroupSpec {
    GroupSpec {
        name: name.to_owned(),
        address: address.map(|text| text.parse().unwrap()),
        members: names(members),
        senders: names(senders),
    }
}

/// What each member of `all` counts of 5 datagrams from each sender, and the copies made; conservation is looked at.
fn run(topology: &Topology) -> (Vec<u64>, u64) {
    let plan = Plan::new(topology.clone(), Vec::new());
    let rank = |name: &NodeName| plan.node(&name.0).unwrap();
    let group = &topology.groups[0];
    let destination = std::net::SocketAddr::new(plan.group("all").unwrap(), 9);
    let source = || UdpSourceConfig {
        count: Some(5),
        ..UdpSourceConfig::constant(
            NodeName("all".to_owned()),
            9,
            "1 Mbit/s".parse().unwrap(),
            protosim_core::Size::from_bytes(100),
        )
    };
    let mut apps = Vec::new();
    for node in 0..plan.graph().nodes() {
        let app = Box::new(UdpSink::new(UdpSinkConfig { port: 9 }));
        apps.push(Installation { node, name: "sink".to_owned(), app, is_measured: true });
    }
    for sender in &group.senders {
        let app = Box::new(UdpSource::new(source(), destination));
        apps.push(Installation { node: rank(sender), name: "source".to_owned(), app, is_measured: true });
    }
    let seed = RunSeed { seed: 1, replication: 0 };
    let mut simulation = plan.simulation(seed, protosim_core::kernel::Limits::default(), apps, 1).unwrap();
    simulation.run(Until::Quiet, &mut Sinks::new(Interests::NONE)).unwrap();
    assert!(audit(&simulation).holds());
    let counted = |node: &protosim_models::Node| {
        let (_, app) = node.apps().find(|(name, _)| *name == "sink").unwrap();
        app.totals().iter().find(|total| total.name == "datagrams").unwrap().value
    };
    let copies = protosim_models::element::nodes(&simulation).map(|(_, node)| node.counts().copied).sum();
    (protosim_models::element::nodes(&simulation).map(|(_, node)| counted(node)).collect(), copies)
}

/// b and d are members, a sends over r and s; c is none. By name: a, b, c, d, r, s.
#[test]
fn each_member_gets_each_datagram_once() {
    assert_eq!(run(&net("a-r b-r r-s c-s d-s", "b d", "a")), (vec![0, 5, 0, 5, 0, 0], 5));
    // A sender that is a member gets its own, and two senders do not get into each other's way.
    assert_eq!(run(&net("a-r b-r r-s c-s d-s", "a b d", "a d")).0, [10, 10, 0, 10, 0, 0]);
    assert_eq!(run(&Topology { addresses: AddressFamilies::V6, ..net("a-r b-r r-s", "b s", "a") }).0, [0, 5, 0, 5]);
}

/// In the square r, s, t, u both ways to t are as long; the tree takes one of them, and nobody gets anything twice.
#[test]
fn equal_paths_do_not_make_copies() {
    let (counted, copies) = run(&net("a-r r-s s-t t-u u-r b-t c-u", "b c t", "a"));
    // By name: a, b, c, r, s, t, u. Three members take two copies more of each of 5 datagrams.
    assert_eq!((counted, copies), (vec![0, 5, 5, 0, 0, 5, 0], 10));
}

/// Hosts do not pass packets on: m is not reached over b, though a link leads there.
#[test]
fn trees_lead_over_routers_only() {
    let mut topology = net("a-b b-m", "b m", "a");
    topology.nodes[1].forwards = Some(false);
    assert_eq!(run(&topology).0, [0, 5, 0]);
}

#[test]
fn addresses_are_given_in_order_of_names_around_those_that_are_asked_for() {
    let mut topology = net("a-b", "b", "a");
    topology.groups = vec![
        group("z", None, "b", "a"),
        group("y", Some("239.192.0.2"), "b", "a"),
        group("a", None, "b", "a"),
        group("b", None, "b", "a"),
    ];
    let expected = ["239.192.0.4", "239.192.0.2", "239.192.0.1", "239.192.0.3"];
    assert_eq!(group_addresses(&topology), expected.map(|text| text.parse::<IpAddr>().unwrap()));
    topology.addresses = AddressFamilies::V6;
    assert_eq!(group_addresses(&topology)[2], "ff0e::8000:1".parse::<IpAddr>().unwrap());
}

#[test]
fn what_is_wrong_with_groups_is_found() {
    let mut topology = net("a-b", "b", "a");
    topology.groups = vec![
        group("a", None, "", "a"),
        group("x", Some("224.0.0.5"), "b b", "a"),
        group("y", Some("10.0.0.1"), "b", "a"),
        group("z", Some("239.1.2.3"), "b", "a"),
        group("z", Some("239.1.2.3"), "b", "a"),
        group("w", Some("ff0e::1"), "b", "a"),
    ];
    let mut found: Vec<String> = check_topology(&topology).into_iter().map(|finding| finding.path).collect();
    found.sort();
    let expected = [
        "groups.0.members",
        "groups.0.name",
        "groups.1.address",
        "groups.1.members.1",
        "groups.2.address",
        "groups.4.address",
        "groups.4.name",
        "groups.5.address",
    ];
    assert_eq!(found, expected);
}

proptest! {
    /// In any network: each member that the sender reaches gets each datagram once, others none, over the links of a tree.
    #[test]
    fn members_get_one_copy_in_any_network(
        links in prop::collection::btree_set((0_usize..8, 0_usize..8), 1..14),
        members in prop::collection::btree_set(0_usize..8, 1..6),
        sender in 0_usize..8,
    ) {
        let pairs: BTreeSet<(usize, usize)> =
            links.iter().filter(|(a, b)| a != b).map(|(a, b)| (*a.min(b), *a.max(b))).collect();
        prop_assume!(!pairs.is_empty());
        let text: Vec<String> = pairs.iter().map(|(a, b)| format!("n{a}-n{b}")).collect();
        let mut topology = net(&text.join(" "), "", "");
        let exists = |node: usize| pairs.iter().any(|(a, b)| *a == node || *b == node);
        prop_assume!(exists(sender));
        let members: Vec<String> = members.into_iter().filter(|node| exists(*node)).map(|node| format!("n{node}")).collect();
        topology.groups = vec![group("all", None, &members.join(" "), &format!("n{sender}"))];
        let plan = Plan::new(topology.clone(), Vec::new());
        let from = plan.node(&format!("n{sender}")).unwrap();
        let first_hops = plan.graph().first_hops(from);
        let gets = |node: usize| members.iter().any(|name| name == plan.name(node)) && (node == from || first_hops[node].is_some());
        let expected: Vec<u64> = (0..plan.graph().nodes()).map(|node| if gets(node) { 5 } else { 0 }).collect();
        prop_assert_eq!(run(&topology).0, expected);
    }
}
