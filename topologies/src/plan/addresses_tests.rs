//! Addresses and routes of both versions of IP, and which of them one node takes to another.

use super::*;
use crate::check::check_topology;
use crate::tests::{address, net, node, plan_with};
use crate::{AddressFamilies, GroupSpec, NodeSpec, TimelineEvent, Topology};
use proptest::prelude::*;
use protosim_core::Span;
use protosim_models::name::{LinkName, NodeName};
use protosim_models::nat::{Nat64Config, Nat64Prefix, NatConfig};
use protosim_models::node::Hop;

fn both(words: &str) -> Topology {
    Topology { addresses: AddressFamilies::Both, ..net(words) }
}

fn with(mut topology: Topology, names: &[&str], addresses: AddressFamilies) -> Topology {
    for name in names {
        node(&mut topology, name).addresses = Some(addresses);
    }
    topology
}

fn ways(plan: &Plan, from: &str, to: &str) -> Result<Vec<IpAddr>, NoWay> {
    plan.ways(plan.node(from).unwrap(), plan.node(to).unwrap())
}

/// The second of three links is l, with 10.0.0.4/30 and 2001:db8:0:1::/64.
#[test]
fn with_both_versions_every_end_has_the_address_of_either() {
    let plan = plan_with(both("k:a-b l:b-c m:c-d"), Vec::new());
    let b = plan.node("b").unwrap();
    let own: Vec<Vec<IpAddr>> = plan.graph().ports(b).map(|port| plan.port_addresses(b, port)).collect();
    assert_eq!(own[1], [address("2001:db8:0:1::1"), address("10.0.0.5")]);
    assert_eq!(plan.addresses(b).collect::<Vec<_>>(), [address("10.0.0.2"), address("2001:db8::2")]);
    // RFC 6724 §2.1: the policy of IPv6 comes first.
    assert_eq!(ways(&plan, "a", "d").unwrap(), [address("2001:db8:0:2::2"), address("10.0.0.10")]);
}

/// The short way a, r, s, b has a router without IPv6; the long one goes by q and t.
#[test]
fn each_version_goes_only_where_routers_have_it() {
    let mut topology = with(both("a-r r-s s-b a-q q-t t-u u-b"), &["s"], AddressFamilies::V4);
    node(&mut topology, "a").forwards = Some(false);
    let plan = plan_with(topology.clone(), Vec::new());
    let (a, b) = (plan.node("a").unwrap(), plan.node("b").unwrap());
    let routes = Routes::new(&plan.routes(a));
    // b has two links, s--b and u--b; that to s has no IPv6.
    let to_b = |layer: usize| plan.layers[layer].address(plan.graph(), b).unwrap();
    assert!(to_b(0).is_ipv4() && to_b(1).is_ipv6());
    let towards = |name: &str| Hop::Interface(plan.graph().interface(a, plan.link(name).unwrap()).unwrap() as u32);
    assert_eq!(routes.find(to_b(0)), towards("a--r"));
    assert_eq!(routes.find(to_b(1)), towards("a--q"));
    // Without the long way, what both have does not lead there over IPv6.
    let cut = plan_with(with(topology, &["t"], AddressFamilies::V4), Vec::new());
    assert_eq!(ways(&cut, "a", "b").map(|ways| ways.iter().all(IpAddr::is_ipv4)), Ok(true));
}

#[test]
fn who_has_no_version_in_common_has_no_way() {
    let topology = with(with(both("a-r r-b r-c"), &["a"], AddressFamilies::V6), &["b"], AddressFamilies::V4);
    let plan = plan_with(topology, Vec::new());
    assert_eq!(ways(&plan, "a", "b"), Err(NoWay::Versions));
    assert_eq!(ways(&plan, "a", "c").map(|ways| ways.len()), Ok(1));
    assert_eq!(ways(&plan, "c", "b").map(|ways| ways.len()), Ok(1));
    // A router of IPv6 alone on the way of IPv4.
    let cut = with(with(both("a-r r-b a-q q-b"), &["r"], AddressFamilies::V6), &["a"], AddressFamilies::V4);
    assert_eq!(ways(&plan_with(cut, Vec::new()), "a", "b").map(|ways| ways.len()), Ok(1));
}

/// A NAT translates IPv4; of IPv6 it is a router, and who is inside has addresses that are seen outside.
#[test]
fn behind_a_nat_there_is_ipv6_as_it_is() {
    let mut topology = both("in:host-nat up:nat-core s:core-server");
    node(&mut topology, "nat").nat = Some(Box::new(NatConfig::to("up")));
    let plan = plan_with(topology, Vec::new());
    assert_eq!(ways(&plan, "server", "host").unwrap(), [address("2001:db8::1")]);
    assert_eq!(plan.address(plan.node("host").unwrap()), Some(address("192.168.0.1")));
    assert_eq!(ways(&plan, "host", "server").unwrap(), [address("2001:db8:0:1::2"), address("10.0.0.6")]);
    let core = Routes::new(&plan.routes(plan.node("core").unwrap()));
    assert_eq!(core.find(address("192.168.0.1")), Hop::None);
    assert_eq!(core.find(address("2001:db8::1")), Hop::Interface(1));
}

/// The phone has IPv6 alone, the server IPv4 alone, and the NAT64 is between them behind a router. N13 of RFC 6052 §2.2: 10.0.0.10 is
/// 64:ff9b::a00:a.
#[test]
fn a_nat64_is_where_its_prefix_is() {
    let topology = || {
        with(
            with(both("a:phone-r b:r-nat64 c:nat64-server d:r-other"), &["phone", "r", "other"], AddressFamilies::V6),
            &["server"],
            AddressFamilies::V4,
        )
    };
    let mut without = topology();
    assert_eq!(ways(&plan_with(without.clone(), Vec::new()), "phone", "server"), Err(NoWay::Versions));
    node(&mut without, "nat64").nat64 = Some(Box::new(Nat64Config::to("c")));
    let plan = plan_with(without, Vec::new());
    let shown = address("64:ff9b::a00:a");
    assert_eq!(plan.address(plan.node("server").unwrap()), Some(address("10.0.0.10")));
    assert_eq!(ways(&plan, "phone", "server").unwrap(), [shown]);
    assert_eq!(ways(&plan, "server", "phone"), Err(NoWay::Versions), "who is inside begins");
    assert_eq!(plan.nat64_prefix(plan.node("phone").unwrap()), Some(Nat64Prefix::default()));
    assert_eq!(plan.nat64_prefix(plan.node("nat64").unwrap()), None);
    assert_eq!(Routes::new(&plan.routes(plan.node("r").unwrap())).find(shown), Hop::Interface(1));
}

/// Of two with one prefix each router takes the nearest; one with a prefix of its own is another way.
#[test]
fn the_nearest_nat64_is_taken() {
    let mut topology = with(
        with(
            both("a:x-y b:y-z c:x-near d:z-far e:near-core f:far-core g:core-server"),
            &["x", "y", "z"],
            AddressFamilies::V6,
        ),
        &["core", "server"],
        AddressFamilies::V4,
    );
    node(&mut topology, "near").nat64 = Some(Box::new(Nat64Config::to("e")));
    node(&mut topology, "far").nat64 =
        Some(Box::new(Nat64Config { pool: Some(vec!["203.0.113.5".parse().unwrap()]), ..Nat64Config::to("f") }));
    let shown = |plan: &Plan, from: &str| match ways(plan, from, "server").unwrap()[..] {
        [only] => Routes::new(&plan.routes(plan.node(from).unwrap())).find(only),
        _ => unreachable!("there is one way"),
    };
    let plan_1 = plan_with(topology.clone(), Vec::new());
    // x: a, c; y: a, b; z: b, d. From y both are two links away, and a comes before b.
    assert_eq!(["x", "y", "z"].map(|from| shown(&plan_1, from)), [1, 0, 1].map(Hop::Interface));
    let core = Routes::new(&plan_1.routes(plan_1.node("core").unwrap()));
    assert_eq!(core.find(address("203.0.113.5")), Hop::Interface(1), "a pool is where its NAT64 is");
    let prefix: Nat64Prefix = "64:ff9b:1::/96".parse().unwrap();
    node(&mut topology, "near").nat64 = Some(Box::new(Nat64Config { prefix: Some(prefix), ..Nat64Config::to("e") }));
    let plan_2 = plan_with(topology, Vec::new());
    assert_eq!(plan_2.nat64_prefix(plan_2.node("x").unwrap()), Some(prefix));
    assert_eq!(plan_2.nat64_prefix(plan_2.node("z").unwrap()), Some(Nat64Prefix::default()));
}

/// On a medium the prefix and the pool are where the translator's station is, whatever the bits of the addresses behind it.
#[test]
fn on_a_medium_translators_are_at_their_stations() {
    let mut topology =
        with(with(both("c:gw-old d:r-new"), &["r", "new"], AddressFamilies::V6), &["old"], AddressFamilies::V4);
    topology.nodes.extend(["a", "b"].map(NodeSpec::named));
    let topology = {
        let mut topology = with(topology, &["a", "b"], AddressFamilies::V6);
        let stations = ["a", "b", "gw", "r"].map(|name| NodeName(name.to_owned())).to_vec();
        let lan = protosim_models::medium::CsmaConfig::new("lan", stations);
        topology.media.push(protosim_models::medium::MediumConfig::Csma(lan));
        node(&mut topology, "gw").nat64 = Some(Box::new(Nat64Config::to("c")));
        topology
    };
    let plan = plan_with(topology, Vec::new());
    let [shown] = ways(&plan, "a", "old").unwrap()[..] else { unreachable!("there is one way") };
    // gw is the third station.
    assert_eq!(
        Routes::new(&plan.routes(plan.node("a").unwrap())).find(shown),
        Hop::Station { interface: 0, station: 3 }
    );
    let mut topology = net("up:nat-core");
    topology.nodes.extend(["a", "b"].map(NodeSpec::named));
    let stations = ["a", "b", "nat"].map(|name| NodeName(name.to_owned())).to_vec();
    topology
        .media
        .push(protosim_models::medium::MediumConfig::Csma(protosim_models::medium::CsmaConfig::new("wan", stations)));
    let pool = Some(vec!["203.0.113.1".parse().unwrap()]);
    node(&mut topology, "nat").nat = Some(Box::new(NatConfig { pool, ..NatConfig::to("wan") }));
    let plan = plan_with(topology, Vec::new());
    let of_a = Routes::new(&plan.routes(plan.node("a").unwrap()));
    assert_eq!(of_a.find(address("203.0.113.1")), Hop::Station { interface: 0, station: 3 });
}

/// Who is outside of a NAT64 is not translated there, and what is down translates nothing.
#[test]
fn a_nat64_is_reached_from_inside_alone() {
    let mut topology = with(both("a:phone-gw b:gw-core c:core-old d:core-new"), &["phone", "new"], AddressFamilies::V6);
    topology = with(topology, &["old"], AddressFamilies::V4);
    node(&mut topology, "gw").nat64 = Some(Box::new(Nat64Config::to("b")));
    let plan = plan_with(topology, Vec::new());
    assert!(ways(&plan, "phone", "old").is_ok());
    assert_eq!(ways(&plan, "new", "old"), Err(NoWay::Versions));
    let mut topology =
        with(both("a:phone-mast b:mast-gw1 c:mast-gw2 d:gw1-old e:gw2-old"), &["phone", "mast"], AddressFamilies::V6);
    topology = with(topology, &["old"], AddressFamilies::V4);
    node(&mut topology, "gw1").nat64 = Some(Box::new(Nat64Config::to("d")));
    node(&mut topology, "gw2").nat64 = Some(Box::new(Nat64Config::to("e")));
    let plan = plan_with(topology, Vec::new());
    let mast = plan.node("mast").unwrap();
    let down = Down { nodes: [plan.node("gw1").unwrap()].into(), ..Down::default() };
    let shown = address("64:ff9b::a00:1");
    assert_eq!(Routes::new(&plan.routes(mast)).find(shown), Hop::Interface(1));
    assert_eq!(Routes::new(&plan.routes_without(mast, &down)).find(shown), Hop::Interface(2));
}

/// A phone that may have both and is beside a mast of IPv6 alone has IPv6 alone.
#[test]
fn what_a_node_has_is_what_its_links_give_it() {
    let mut topology = with(
        with(both("a:phone-mast b:mast-gw c:gw-old"), &["mast"], AddressFamilies::V6),
        &["old"],
        AddressFamilies::V4,
    );
    node(&mut topology, "gw").nat64 = Some(Box::new(Nat64Config::to("c")));
    let plan = plan_with(topology, Vec::new());
    assert!(plan.nat64_prefix(plan.node("phone").unwrap()).is_some());
    assert!(ways(&plan, "phone", "old").unwrap()[0].is_ipv6());
}

#[test]
fn what_is_wrong_with_a_nat64_is_found() {
    let found = |change: &dyn Fn(&mut Topology)| {
        let mut topology = both("a:phone-nat c:nat-server");
        node(&mut topology, "nat").nat64 = Some(Box::new(Nat64Config::to("c")));
        change(&mut topology);
        check_topology(&topology).into_iter().map(|found| (found.path, found.message)).collect::<Vec<_>>()
    };
    assert_eq!(found(&|_| {}), []);
    let paths = |change: &dyn Fn(&mut Topology)| found(change).into_iter().map(|(path, _)| path).collect::<Vec<_>>();
    assert_eq!(paths(&|net| net.addresses = AddressFamilies::V6), ["nodes.1.nat64"]);
    assert_eq!(paths(&|net| node(net, "server").addresses = Some(AddressFamilies::V6)), ["nodes.1.nat64.outside"]);
    assert_eq!(
        paths(&|net| node(net, "nat").nat64.as_mut().unwrap().outside = "x".to_owned()),
        ["nodes.1.nat64.outside"]
    );
    // A carrier's box may be both.
    assert_eq!(paths(&|net| node(net, "nat").nat = Some(Box::new(NatConfig::to("c")))), [""; 0]);
    assert_eq!(paths(&|net| node(net, "nat").nat = Some(Box::new(NatConfig::to("a")))), ["nodes.1.nat64.outside"]);
    let firewall = || Some(Box::new(protosim_models::nat::FirewallConfig::to("c")));
    assert_eq!(paths(&|net| node(net, "nat").firewall = firewall()), ["nodes.1.nat64"]);
    for (prefix, is_free) in
        [("2001:db8::/32", false), ("ff02::/96", false), ("::/96", false), ("3fff::/96", false), ("2a00:64::/48", true)]
    {
        let prefix = Some(prefix.parse().unwrap());
        let found = paths(&|net| node(net, "nat").nat64.as_mut().unwrap().prefix = prefix);
        assert_eq!(found.is_empty(), is_free, "{prefix:?}: {found:?}");
    }
    let pool = vec!["10.0.0.9".parse().unwrap()];
    assert_eq!(
        paths(&|net| node(net, "nat").nat64.as_mut().unwrap().pool = Some(pool.clone())),
        ["nodes.1.nat64.pool.0"]
    );
}

/// The group is of IPv6 by its address: its tree goes around the router that has none.
#[test]
fn a_group_goes_by_the_version_of_its_address() {
    let mut topology = with(both("a-r r-b a-q q-t t-b"), &["r"], AddressFamilies::V4);
    topology.groups.push(GroupSpec {
        name: "g".to_owned(),
        address: Some(address("ff0e::7")),
        members: vec![NodeName("b".to_owned())],
        senders: vec![NodeName("a".to_owned())],
    });
    let plan = plan_with(topology.clone(), Vec::new());
    let on_tree = |name: &str| !plan.group_routes[plan.node(name).unwrap()].is_empty();
    assert_eq!(["a", "r", "q", "t", "b"].map(on_tree), [true, false, true, true, true]);
    assert!(plan.group_routes.iter().flatten().all(|route| route.source.is_ipv6()));
    // Who has no IPv6 cannot be a member.
    let found = check_topology(&with(topology, &["b"], AddressFamilies::V4));
    assert_eq!(found.iter().map(|finding| &*finding.path).collect::<Vec<_>>(), ["groups.0.members.0"]);
}

#[test]
fn a_new_address_is_one_of_each_version() {
    let event = TimelineEvent {
        at: Span::from_millis(5),
        node: Some(NodeName("a".to_owned())),
        link: Some(LinkName("x".to_owned())),
        new_address: Some(true),
        ..TimelineEvent::default()
    };
    let plan = plan_with(both("x:a-r y:r-b z:r-c"), vec![event]);
    let new: Vec<IpAddr> = plan.new_addresses().iter().map(|new| new.address).collect();
    assert_eq!(new, [address("198.18.0.1"), address("3fff:1::2")]);
    let r = Routes::new(&plan.routes(plan.node("r").unwrap()));
    for new in new {
        assert_eq!(r.find(new), Hop::Interface(0));
    }
}

#[test]
fn versions_that_are_nowhere_are_refused() {
    let paths = |topology: &Topology| {
        check_topology(topology).into_iter().map(|found| (found.path, found.message)).collect::<Vec<_>>()
    };
    let lonely = with(with(both("a-r r-b"), &["r"], AddressFamilies::V4), &["a"], AddressFamilies::V6);
    let found = paths(&lonely);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        found[0],
        ("nodes.0.addresses".to_owned(), "`a` has addresses of V6, and no node beside it has any".to_owned())
    );
    let found = paths(&with(net("a-r r-b"), &["b"], AddressFamilies::Both));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].0 == "nodes.2.addresses" && found[0].1.contains("the network has none"), "{found:?}");
    let mut nat = with(both("a-r r-b"), &["r", "a", "b"], AddressFamilies::V6);
    node(&mut nat, "r").nat = Some(Box::new(NatConfig::to("r--b")));
    assert!(paths(&nat)[0].1.contains("a NAT translates IPv4"));
}

/// Who has gateways, by interface in order of names of links and media: hosts with several, at each that leads to a router.
#[test]
fn hosts_with_several_interfaces_have_a_gateway_at_each() {
    let mut topology = net("a:host-r b:host-nat c:host-peer d:nat-r e:peer-s f:r-s g:single-r");
    for name in ["host", "peer"] {
        node(&mut topology, name).forwards = Some(false);
    }
    node(&mut topology, "nat").nat = Some(Box::new(NatConfig::to("d")));
    topology.nodes.push(NodeSpec::named("other"));
    let stations = ["host", "other", "r", "s"].map(|name| protosim_models::name::NodeName(name.to_owned())).to_vec();
    let csma = protosim_models::medium::CsmaConfig::new("h", stations);
    topology.media.push(protosim_models::medium::MediumConfig::Csma(csma));
    let gateways = |topology: &Topology, name: &str| {
        let plan = plan_with(topology.clone(), Vec::new());
        let rank = plan.node(name).unwrap();
        (0..plan.graph().ports(rank).count()).map(|index| plan.gateway(rank, index as u32)).collect::<Vec<_>>()
    };
    // The host is inside of the NAT at b; its peer passes nothing on; on h, r is the third station and s the fourth.
    assert_eq!(gateways(&topology, "host"), [Some(0), Some(0), None, Some(3)]);
    assert_eq!(gateways(&topology, "r"), [None; 5], "a router goes by its routes");
    assert_eq!(gateways(&topology, "single"), [None], "there is no other way");
    // The other way round, the host is outside of the NAT.
    node(&mut topology, "nat").nat = Some(Box::new(NatConfig::to("b")));
    assert_eq!(gateways(&topology, "host"), [Some(0), None, None, Some(3)]);
}

proptest! {
    /// A network of both versions sends what it sends of each as the network of that one alone does.
    #[test]
    fn each_version_goes_as_if_it_were_alone(pairs in prop::collection::vec((0_usize..7, 0_usize..7), 1..12)) {
        let mut words: Vec<String> = Vec::new();
        for (a, b) in pairs {
            let (a, b) = (a.min(b), a.max(b));
            let word = format!("n{a}-n{b}");
            if a != b && !words.contains(&word) {
                words.push(word);
            }
        }
        let plan = |addresses| plan_with(Topology { addresses, ..net(&words.join(" ")) }, Vec::new());
        let together = plan(AddressFamilies::Both);
        for alone in [plan(AddressFamilies::V4), plan(AddressFamilies::V6)] {
            for from in 0..alone.graph().nodes() {
                let (one, all) = (Routes::new(&alone.routes(from)), Routes::new(&together.routes(from)));
                for (to, owner) in alone.owners() {
                    prop_assert_eq!(together.owners().get(&to).copied(), Some(owner));
                    prop_assert_eq!(one.find(to), all.find(to));
                }
                for to in 0..alone.graph().nodes() {
                    prop_assert_eq!(alone.ways(from, to).is_ok(), together.ways(from, to).is_ok());
                }
            }
        }
    }
}
