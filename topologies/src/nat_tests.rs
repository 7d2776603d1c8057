//! NATs in networks: addresses, routes, what reaches whom, and what is refused.

use super::*;
use crate::check::check_topology;
use crate::plan::{Installation, Plan};
use crate::tests::{address, address_of, net, node, packets};
use protosim_models::nat::Dependence;
use protosim_models::node::Fate;
use protosim_models::ping::{Ping, PingConfig};

/// Two homes behind one carrier, and a server: a and b in the first, c in the second.
fn carrier() -> Topology {
    let mut topology = net("a:a-home1 b:b-home1 c:c-home2 w1:home1-cgn w2:home2-cgn up:cgn-core s:core-server");
    for (name, outside) in [("home1", "w1"), ("home2", "w2"), ("cgn", "up")] {
        node(&mut topology, name).nat = Some(Box::new(NatConfig::to(outside)));
    }
    assert_eq!(check_topology(&topology), []);
    topology
}

fn plan(topology: Topology) -> Plan {
    Plan::new(topology, Vec::new())
}

/// Links in order of names: a, b, c, s, up, w1, w2. Those of homes are the first, second and third /30 of 192.168.0.0/16, those of the
/// carrier of 100.64.0.0/10; s and up, of ranks 3 and 4, have what they would have without NATs.
#[test]
fn addresses_inside_are_private() {
    let plan = plan(carrier());
    let of = |name: &str| address_of(&plan, name);
    assert_eq!([of("a"), of("b"), of("c")], ["192.168.0.1", "192.168.0.5", "192.168.0.9"].map(address));
    assert_eq!(
        [of("home1"), of("home2")],
        ["100.64.0.1", "100.64.0.5"].map(address),
        "a NAT is known by its outer address"
    );
    assert_eq!([of("cgn"), of("server")], ["10.0.0.17", "10.0.0.14"].map(address));
}

/// Who has routes to whom, or sends everything to who has: outwards all, inwards nobody, and homes of one carrier see each other's NATs.
#[test]
fn routes_lead_outwards() {
    let plan = plan(carrier());
    let reaches = |from: &str, to: &str| plan.graph().reaches(plan.node(from).unwrap(), plan.node(to).unwrap());
    for (from, to, expected) in [
        ("a", "b", true),
        ("a", "home1", true),
        ("a", "home2", true),
        ("a", "server", true),
        ("a", "c", false),
        ("server", "a", false),
        ("server", "home1", false),
        ("server", "cgn", true),
        ("cgn", "home1", true),
        ("cgn", "a", false),
        ("core", "a", false),
    ] {
        assert_eq!(reaches(from, to), expected, "{from} to {to}");
    }
    let core = plan.routes(plan.node("core").unwrap());
    let inner = |route: &&protosim_models::node::Route| match route.prefix {
        std::net::IpAddr::V4(prefix) => prefix.octets()[0] != 10,
        std::net::IpAddr::V6(_) => true,
    };
    assert_eq!(core.iter().filter(inner).count(), 0, "{core:?}");
    // The carrier's NAT: everything to `up`, and the four ends of its inner links but its own two.
    assert_eq!(plan.routes(plan.node("cgn").unwrap()).len(), 3);
}

fn ping(plan: &Plan, from: &str, to: std::net::IpAddr) -> Installation {
    let config = PingConfig { count: Some(1), ..PingConfig::new(NodeName(String::new())) };
    let app = Box::new(Ping::new(config, to));
    Installation { node: plan.node(from).unwrap(), name: "ping".to_owned(), app, is_measured: true }
}

/// A ping crosses both NATs and its answer comes back; sources outside of each are its own.
#[test]
fn a_ping_crosses_two_nats() {
    let plan = plan(carrier());
    let seen = packets(&plan, vec![ping(&plan, "a", address_of(&plan, "server"))]);
    let sources_on = |path: &str| -> Vec<std::net::IpAddr> {
        let here = seen.iter().filter(|(_, seen)| seen.end == protosim_models::node::LinkEnd::Receiver);
        let here = here.filter(|(_, seen)| &*plan.wires()[seen.wire.0 as usize].path == path);
        here.map(|(_, seen)| seen.packet.src()).collect()
    };
    assert_eq!(sources_on("a:a->home1"), ["192.168.0.1"].map(address));
    assert_eq!(sources_on("w1:home1->cgn"), ["100.64.0.1"].map(address));
    assert_eq!(sources_on("up:cgn->core"), ["10.0.0.17"].map(address));
    assert_eq!(sources_on("a:home1->a"), ["10.0.0.14"].map(address));
    assert!(seen.iter().all(|(_, seen)| seen.fate == Fate::Passed));
}

/// A NAT between two switches: hosts inside send what is not theirs to it, and who is outside has no route in.
#[test]
fn insides_and_outsides_may_be_media() {
    use protosim_models::medium::SwitchConfig;
    let mut topology = net("");
    let switch = |name: &str, stations: &[&str]| {
        let stations = stations.iter().map(|name| NodeName((*name).to_owned())).collect();
        let config = SwitchConfig::new(name, stations, "100 Mbit/s".parse().unwrap());
        MediumConfig::Switch(SwitchConfig { delay: Some("1 us".parse().unwrap()), ..config })
    };
    topology.nodes = ["a", "b", "home", "server"].map(NodeSpec::named).to_vec();
    topology.media = vec![switch("wifi", &["a", "b", "home"]), switch("street", &["home", "server"])];
    node(&mut topology, "home").nat = Some(Box::new(NatConfig::to("street")));
    assert_eq!(check_topology(&topology), []);
    let plan = plan(topology);
    // The first medium in order of names is `street`, with 172.16.0.0/20; stations are numbered by the names of nodes.
    let (outer, server, host) = ("172.16.0.1", "172.16.0.2", "172.16.16.1");
    assert_eq!(["home", "server", "a"].map(|name| address_of(&plan, name)), [outer, server, host].map(address));
    let seen = packets(&plan, vec![ping(&plan, "a", address(server)), ping(&plan, "b", address(server))]);
    let at_server =
        seen.iter().filter(|(_, seen)| seen.packet.dst() == address(server) && seen.packet.src() == address(outer));
    assert!(at_server.count() >= 2);
    let answers = seen
        .iter()
        .filter(|(_, seen)| seen.packet.dst() == address(host) && seen.end == protosim_models::node::LinkEnd::Receiver);
    assert!(answers.count() >= 1);
    let ways_in = plan.routes(plan.node("server").unwrap());
    let mut table = protosim_models::node::Routes::new(&ways_in);
    assert_eq!(table.lookup(address(host)), protosim_models::node::Hop::None);
}

/// A pool has addresses that no link has; everybody has routes to them.
#[test]
fn pools_are_routed() {
    let mut topology = net("a:a-nat up:nat-core s:core-server t:core-other");
    let pool = Some(vec![std::net::Ipv4Addr::new(203, 0, 113, 7)]);
    node(&mut topology, "nat").nat = Some(Box::new(NatConfig { pool, ..NatConfig::to("up") }));
    assert_eq!(check_topology(&topology), []);
    let plan = plan(topology);
    let seen = packets(&plan, vec![ping(&plan, "a", address_of(&plan, "server"))]);
    assert_eq!(
        seen.iter().filter(|(_, seen)| seen.packet.src() == address("203.0.113.7")).count(),
        4,
        "two links, two ends"
    );
    assert_eq!(seen.iter().filter(|(_, seen)| seen.packet.dst() == address("203.0.113.7")).count(), 4);
    assert_eq!(plan.owners()[&address("203.0.113.7")], plan.node("nat").unwrap());
}

/// The shorter tables of large networks know what is inside as the full ones do.
#[test]
fn tables_of_a_realm_are_alike_in_both_forms() {
    use crate::graph::Down;
    use crate::routes::routes_of;
    let mut topology = net("a:a-in b:b-in w:in-nat up:nat-core s:core-server");
    node(&mut topology, "nat").nat = Some(Box::new(NatConfig::to("up")));
    let graph = NetworkGraph::new(&topology);
    let addresses = Addresses::new(AddressFamily::V4, &graph);
    for rank in 0..graph.nodes() {
        let table = |most: usize| {
            let entries = routes_of(&graph, AddressFamily::V4, rank, &Down::default(), most);
            protosim_models::node::Routes::new(&entries.iter().map(|entry| entry.route(&addresses)).collect::<Vec<_>>())
        };
        let (full, short) = (table(100), table(0));
        for link in 0..graph.links() {
            let (first, second) = graph.ends(link);
            for (end, _) in [(0, first), (1, second)].into_iter().filter(|(_, owner)| *owner != rank) {
                let to = addresses.end_address(link, end);
                assert_eq!(full.find(to), short.find(to), "{rank} to {to}");
            }
        }
    }
}

/// Members of groups name the links of their group; links without names are called after their ends.
#[test]
fn members_of_groups_find_their_own_links() {
    let mut topology = net("");
    for name in ["x", "home-0", "isp"] {
        topology.nodes.push(NodeSpec::named(name));
    }
    let delay = Some(protosim_core::Span::from_millis(1));
    let link =
        |name: &str, a: &str, b: &str| LinkConfig { name: Some(name.to_owned()), delay, ..LinkConfig::between(a, b) };
    topology.links.extend([link("lan-0", "x", "home-0"), link("wan-0", "home-0", "isp")]);
    node(&mut topology, "home-0").nat = Some(Box::new(NatConfig::to("wan")));
    assert_eq!(check_topology(&topology), []);
    topology.links[1].name = None;
    node(&mut topology, "home-0").nat = Some(Box::new(NatConfig::to("home--isp")));
    assert_eq!(check_topology(&topology), []);
}

/// Kinds, places and a word of each mistake.
fn mistakes(topology: &Topology) -> Vec<(Kind, String, String)> {
    check_topology(topology).into_iter().map(|found| (found.kind, found.path, found.message)).collect()
}

#[test]
fn mistakes_are_found() {
    let home = || {
        let mut topology = net("a:a-nat up:nat-core s:core-server");
        node(&mut topology, "nat").nat = Some(Box::new(NatConfig::to("up")));
        topology
    };
    let one = |topology: &Topology, kind, path: &str, word: &str| {
        let found = mistakes(topology);
        let [(own, place, message)] = &found[..] else { panic!("{path}: {found:?}") };
        assert_eq!((*own, &**place), (kind, path), "{message}");
        assert!(message.contains(word), "{message}");
    };
    let with = |change: &dyn Fn(&mut NatConfig)| {
        let mut topology = home();
        change(node(&mut topology, "nat").nat.as_deref_mut().unwrap());
        topology
    };
    one(&with(&|nat| nat.outside = "wan".into()), Kind::OutOfRange, "nodes.1.nat.outside", "it has `a`, `up`");
    one(&with(&|nat| nat.port_range = Some((9, 8))), Kind::OutOfRange, "nodes.1.nat.port_range", "no ports");
    let overload = protosim_models::nat::PortAssignment::Overload;
    one(&with(&|nat| nat.ports = Some(overload)), Kind::OutOfRange, "nodes.1.nat.ports", "AddressAndPortDependent");
    let state = protosim_models::nat::FilterState::PerEndpoint;
    one(&with(&|nat| nat.filter_state = Some(state)), Kind::NoEffect, "nodes.1.nat.filter_state", "one mapping");
    let pool = Some(vec![std::net::Ipv4Addr::new(10, 9, 9, 9)]);
    one(&with(&|nat| nat.pool = pool.clone()), Kind::OutOfRange, "nodes.1.nat.pool.0", "10.0.0.0/8");
    let symmetric = Some(Dependence::AddressAndPortDependent);
    assert_eq!(mistakes(&with(&|nat| (nat.mapping, nat.filter_state) = (symmetric, Some(state)))), []);
    let mut topology = home();
    topology.addresses = crate::AddressFamilies::V6;
    one(&topology, Kind::OutOfRange, "nodes.1.nat", "firewall");
    let mut topology = home();
    node(&mut topology, "nat").forwards = Some(false);
    one(&topology, Kind::NoEffect, "nodes.1.nat", "does not forward");
    let mut topology = home();
    node(&mut topology, "nat").firewall = Some(Box::new(FirewallConfig::to("up")));
    one(&topology, Kind::NoEffect, "nodes.1.nat", "filters by itself");
    let mut topology = net("a-b");
    node(&mut topology, "b").firewall = Some(Box::new(FirewallConfig::to("a--b")));
    one(&topology, Kind::NoEffect, "nodes.1.firewall", "nothing is inside");
    let mut topology = net("a:a-nat up:nat-core s:core-server around:a-core");
    node(&mut topology, "nat").nat = Some(Box::new(NatConfig::to("up")));
    one(&topology, Kind::OutOfRange, "nodes.1.nat.outside", "around");
    node(&mut topology, "a").forwards = Some(false);
    assert_eq!(mistakes(&topology), [], "a host with a foot on either side is none of it");
    let mut topology = net("a:in-nat1 b:in-nat2 up1:nat1-core up2:nat2-core");
    node(&mut topology, "nat1").nat = Some(Box::new(NatConfig::to("up1")));
    node(&mut topology, "nat2").nat = Some(Box::new(NatConfig::to("up2")));
    one(&topology, Kind::OutOfRange, "nodes.2.nat.outside", "one for each inside");
    let mut topology = home();
    let members = vec![NodeName("a".into()), NodeName("server".into())];
    topology.groups = vec![crate::GroupSpec { name: "g".into(), address: None, members, senders: Vec::new() }];
    one(&topology, Kind::OutOfRange, "groups.0.members", "multicast");
}
