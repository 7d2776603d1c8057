//! Networks with shared media: addresses, routes, trees, and what reaches whom.

use super::*;
use crate::AddressFamilies;
use crate::check::check_topology;
use crate::graph::NetworkGraph;
use crate::tests::net;
use crate::{GroupSpec, Installation, NodeSpec, Plan};
use proptest::prelude::*;
use protosim_core::kernel::{Interests, Limits};
use protosim_core::{RunSeed, Sinks, Until};
use protosim_models::element::{media, nodes};
use protosim_models::energy::timers::Rat;
use protosim_models::medium::{CellStation, CellularConfig, CsmaConfig, RadioConfig, StationConfig, SwitchConfig};
use protosim_models::name::NodeName;
use protosim_models::node::{Hop, LinkEnd, Report, Route, Routes, audit};
use protosim_models::ping::{Ping, PingConfig};
use protosim_models::traffic::{UdpSink, UdpSinkConfig, UdpSource, UdpSourceConfig};

fn named(words: &str) -> Vec<NodeName> {
    words.split_whitespace().map(|word| NodeName(word.to_owned())).collect()
}

fn switch(name: &str, stations: &str) -> MediumConfig {
    let config = SwitchConfig::new(name, named(stations), "100 Mbit/s".parse().unwrap());
    MediumConfig::Switch(SwitchConfig { delay: Some("1 us".parse().unwrap()), ..config })
}

fn bus(name: &str, stations: &str) -> MediumConfig {
    MediumConfig::Csma(CsmaConfig::new(name, named(stations)))
}

/// A radio channel of 10 m with stations such as `a@20`, so many metres along a line.
fn radio(name: &str, stations: &str) -> MediumConfig {
    let station = |word: &str| {
        let (node, metres) = word.split_once('@').unwrap();
        let at = (format!("{metres} m").parse().unwrap(), "0 m".parse().unwrap());
        StationConfig { node: NodeName(node.to_owned()), at, spacing: None }
    };
    let stations = stations.split_whitespace().map(station).collect();
    MediumConfig::Radio(RadioConfig::new(name, stations, "10 m".parse().unwrap(), "1 Mbit/s".parse().unwrap()))
}

/// A network of links as in [`net`], and of media, with their nodes.
fn with_media(links: &str, media: Vec<MediumConfig>) -> Topology {
    let mut topology = net(links);
    for medium in &media {
        for station in medium.stations() {
            if topology.nodes.iter().all(|node| node.name != station.0) {
                topology.nodes.push(NodeSpec::named(&station.0));
            }
        }
    }
    topology.media = media;
    topology
}

fn plan(topology: &Topology) -> Plan {
    assert_eq!(check_topology(topology), []);
    Plan::new(topology.clone(), Vec::new())
}

/// The way of a ping to a node and back, by the wires on which nodes get it; all packets are accounted for.
fn round_trip(topology: &Topology, from: &str, to: &str, threads: usize) -> String {
    let plan = plan(topology);
    let config = PingConfig { count: Some(1), ..PingConfig::new(NodeName(String::new())) };
    let (node, target) = (plan.node(from).unwrap(), plan.address(plan.node(to).unwrap()).unwrap());
    let apps = vec![Installation {
        node,
        name: "ping".to_owned(),
        app: Box::new(Ping::new(config, target)),
        is_measured: true,
    }];
    let seed = RunSeed { seed: 1, replication: 0 };
    let mut simulation = plan.simulation(seed, Limits::default(), apps, threads).unwrap();
    let mut sinks = Sinks::new(Interests::PACKETS);
    simulation.run(Until::Quiet, &mut sinks).unwrap();
    assert!(audit(&simulation).holds() && audit(&simulation).in_flight == 0);
    let arrived = sinks.into_merged().into_iter().filter_map(|said| match said.report {
        Report::Packet(packet) if packet.end == LinkEnd::Receiver => {
            assert!(plan.link_end(packet.wire, false).is_some());
            Some(plan.wires()[packet.wire.0 as usize].path.to_string())
        }
        _ => None,
    });
    arrived.collect::<Vec<_>>().join(" ")
}

fn route(prefix: &str, len: u8, hop: Hop) -> Route {
    Route { prefix: prefix.parse().unwrap(), len, hop }
}

/// Medium m has the m-th /20 of 172.16.0.0/12 and the m-th /64 of 3fff::/48, stations are numbered by name from 1, and
/// interfaces are in order of the names of links and media together.
#[test]
fn addresses_and_interfaces_follow_names() {
    let media = vec![switch("n", "c a"), bus("lan", "r b a")];
    let mut topology = with_media("m:a-r z:r-x", media);
    for (family, addresses) in [
        (AddressFamilies::V4, ["172.16.0.1", "172.16.0.2", "172.16.16.2", "172.16.0.3"]),
        (AddressFamilies::V6, ["3fff::1", "3fff::2", "3fff:0:0:1::2", "3fff::3"]),
    ] {
        topology.addresses = family;
        let plan = plan(&topology);
        let own = ["a", "b", "c", "r"].map(|name| plan.address(plan.node(name).unwrap()).unwrap().to_string());
        assert_eq!(own, addresses);
    }
    let graph = NetworkGraph::new(&topology);
    let ports: Vec<Port> = graph.ports(0).collect();
    // a: lan, m, n.
    assert_eq!(
        ports,
        [
            Port::Medium { medium: 0, station: 0 },
            Port::Link { link: 0, next: 3 },
            Port::Medium { medium: 1, station: 0 }
        ]
    );
    assert_eq!((graph.interface(0, 0), graph.interface(3, 1)), (Some(1), Some(2)));
    assert_eq!(plan(&topology).link_ends(), ["m@a", "m@r", "z@r", "z@x", "lan@a", "lan@b", "lan@r", "n@a", "n@c"]);
}

/// One hop over the LAN, one over the link, and back; the same from either side, over IPv6, and on several threads.
#[test]
fn a_router_joins_a_lan_and_a_link() {
    for (medium, family) in [
        (switch("lan", "a b r"), AddressFamilies::V4),
        (switch("lan", "a b r"), AddressFamilies::V6),
        (bus("lan", "a b r"), AddressFamilies::V4),
        (radio("lan", "a@0 b@1 r@2"), AddressFamilies::V6),
    ] {
        let mut topology = with_media("rs:r-s", vec![medium]);
        topology.addresses = family;
        for threads in [1, 2, 8] {
            assert_eq!(round_trip(&topology, "a", "s", threads), "lan:*->r rs:r->s rs:s->r lan:*->a");
            assert_eq!(round_trip(&topology, "s", "b", threads), "rs:s->r lan:*->b lan:*->r rs:r->s");
            assert_eq!(round_trip(&topology, "b", "a", threads), "lan:*->a lan:*->b");
        }
    }
}

/// A device of a cell sends everything to its gateway, however many others there are: one route, and not one for each of these.
#[test]
fn leaves_of_a_cell_have_one_route() {
    let station = |node: &str| CellStation {
        node: NodeName(node.to_owned()),
        edrx: None,
        psm: None,
        repetitions: None,
        offset: None,
    };
    let stations = vec![station("a"), station("b"), station("c")];
    let cell = CellularConfig::new("cell", Rat::NbIot, NodeName("r".to_owned()), stations);
    let topology = with_media("rs:r-s", vec![MediumConfig::Cellular(cell)]);
    let plan = plan(&topology);
    let of = |name: &str| plan.routes(plan.node(name).unwrap());
    // Stations a 1, b 2, c 3, r 4.
    let everything = [route("0.0.0.0", 0, Hop::Station { interface: 0, station: 4 })];
    assert_eq!((of("a"), of("b"), of("c")), (everything.to_vec(), everything.to_vec(), everything.to_vec()));
    assert_eq!(of("r"), [route("10.0.0.2", 32, Hop::Interface(1)), route("172.16.0.0", 20, Hop::OnLink(0))]);
}

/// A host on a LAN sends to its neighbours at once and all else to the only router; with two routers it has routes to what lies
/// behind each.
#[test]
fn hosts_of_a_lan_have_few_routes() {
    let of = |topology: &Topology, name: &str| {
        let plan = plan(topology);
        plan.routes(plan.node(name).unwrap())
    };
    let one = with_media("rs:r-s", vec![switch("lan", "a b r")]);
    let on_link = route("172.16.0.0", 20, Hop::OnLink(0));
    let via = |station| Hop::Station { interface: 0, station };
    assert_eq!(of(&one, "a"), [route("0.0.0.0", 0, via(3)), on_link]);
    // The link's only host has one way; the router has its two.
    assert_eq!(of(&one, "s"), [route("0.0.0.0", 0, Hop::Interface(0))]);
    assert_eq!(of(&one, "r"), [route("10.0.0.2", 32, Hop::Interface(1)), on_link]);
    let two = with_media("rs:r-s qt:q-t", vec![switch("lan", "a q r")]);
    // Links qt 0 and rs 1; stations a 1, q 2, r 3.
    assert_eq!(
        of(&two, "a"),
        [
            route("10.0.0.1", 32, via(2)),
            route("10.0.0.2", 32, via(2)),
            route("10.0.0.5", 32, via(3)),
            route("10.0.0.6", 32, via(3)),
            on_link
        ]
    );
    // Two LANs with a router between them: one route for all of the other one.
    let lans = with_media("", vec![switch("lan", "a r"), bus("other", "b c r")]);
    assert_eq!(of(&lans, "c"), [route("0.0.0.0", 0, via(3)), route("172.16.16.0", 20, Hop::OnLink(0))]);
    assert_eq!(round_trip(&lans, "a", "c", 1), "lan:*->r other:*->c other:*->r lan:*->a");
}

/// Stations 10 m apart that reach 10 m: only a relay that says so passes packets on along the row, back out where they came in.
#[test]
fn radios_relay_if_they_are_told() {
    let mut topology = with_media("", vec![radio("air", "a@0 b@10 c@20 d@30")]);
    let graph = NetworkGraph::new(&topology);
    assert!(graph.reaches(0, 1) && !graph.reaches(0, 2) && !graph.reaches(0, 3));
    for relay in [1, 2] {
        topology.nodes[relay].forwards = Some(true);
    }
    let graph = NetworkGraph::new(&topology);
    assert!((0..4).all(|from| (0..4).all(|to| graph.reaches(from, to))));
    assert_eq!(round_trip(&topology, "a", "d", 8), "air:*->b air:*->c air:*->d air:*->c air:*->b air:*->a");
    let plan = plan(&topology);
    // b is in range; what is further goes over it.
    let (to_b, beyond) = (Hop::OnLink(0), Hop::Station { interface: 0, station: 2 });
    assert_eq!(
        plan.routes(0),
        [route("172.16.0.0", 20, to_b), route("172.16.0.3", 32, beyond), route("172.16.0.4", 32, beyond)]
    );
}

/// Datagrams that members have got of 5 from a, in order of nodes' names, and frames on the media.
fn multicast(topology: &mut Topology, members: &str, threads: usize) -> (Vec<u64>, u64) {
    topology.groups =
        vec![GroupSpec { name: "all".to_owned(), address: None, members: named(members), senders: named("a") }];
    let plan = plan(topology);
    let destination = std::net::SocketAddr::new(plan.group("all").unwrap(), 9);
    let mut apps = Vec::new();
    for node in 0..plan.graph().nodes() {
        let app = Box::new(UdpSink::new(UdpSinkConfig { port: 9 }));
        apps.push(Installation { node, name: "sink".to_owned(), app, is_measured: true });
    }
    let bytes = protosim_core::Size::from_bytes(100);
    let source = UdpSourceConfig {
        count: Some(5),
        ..UdpSourceConfig::constant(NodeName("all".to_owned()), 9, "10 kbit/s".parse().unwrap(), bytes)
    };
    let app = Box::new(UdpSource::new(source, destination));
    apps.push(Installation { node: plan.node("a").unwrap(), name: "source".to_owned(), app, is_measured: true });
    let seed = RunSeed { seed: 1, replication: 0 };
    let mut simulation = plan.simulation(seed, Limits::default(), apps, threads).unwrap();
    simulation.run(Until::Quiet, &mut Sinks::new(Interests::NONE)).unwrap();
    assert!(audit(&simulation).holds() && audit(&simulation).in_flight == 0);
    let total = |node: &protosim_models::Node| {
        let (_, totals) = node.app_totals().find(|(name, _)| *name == "sink").unwrap();
        totals.iter().find(|total| total.name == "datagrams").unwrap().value
    };
    let frames = media(&simulation).map(|(_, medium)| medium.counts().frames).sum();
    (nodes(&simulation).map(|(_, node)| total(node)).collect(), frames)
}

/// One frame serves all stations of a LAN; each member gets each datagram once, behind a router too, and c, which is none, gets
/// nothing.
#[test]
fn a_group_on_a_lan_gets_each_datagram_once() {
    for family in [AddressFamilies::V4, AddressFamilies::V6] {
        for medium in [switch("lan", "a b c d r"), bus("lan", "a b c d r"), radio("lan", "a@0 b@1 c@2 d@3 r@4")] {
            let mut topology = with_media("rs:r-s rt:r-t", vec![medium]);
            topology.addresses = family;
            for threads in [1, 2] {
                assert_eq!(multicast(&mut topology, "b d s", threads), (vec![0, 5, 0, 5, 0, 5, 0], 5));
            }
        }
    }
    // Two LANs: a frame on each.
    let mut two = with_media("", vec![switch("lan", "a b r"), bus("other", "c d r")]);
    assert_eq!(multicast(&mut two, "b c d", 2), (vec![0, 5, 5, 5, 0], 10));
    // Over relays: a's frame is for b, b's for c, c's for d; nobody takes one twice.
    let mut row = with_media("", vec![radio("air", "a@0 b@10 c@20 d@30")]);
    for relay in [1, 2] {
        row.nodes[relay].forwards = Some(true);
    }
    assert_eq!(multicast(&mut row, "b d", 8), (vec![0, 5, 0, 5], 15));
}

/// A network of up to eight nodes, with links, LANs and radio channels at random, some of them routers.
fn any_media() -> impl Strategy<Value = Topology> {
    let pairs = prop::collection::btree_set((0_usize..8, 0_usize..8), 0..5);
    let media = prop::collection::vec((0_u8..3, prop::collection::btree_map(0_usize..8, 0_i64..25, 2..6)), 0..4);
    (pairs, media, prop::collection::vec(prop::option::of(any::<bool>()), 8)).prop_map(|(pairs, media, forwards)| {
        let links: Vec<String> =
            pairs.iter().filter(|(a, b)| a < b).map(|(a, b)| format!("m{a}{b}:n{a}-n{b}")).collect();
        let medium = |(index, (kind, stations)): (usize, &(u8, BTreeMap<usize, i64>))| {
            // Names before and behind those of links.
            let name = format!("{}{index}", ["a", "z"][index % 2]);
            let words: Vec<String> = stations.keys().rev().map(|node| format!("n{node}")).collect();
            let placed: Vec<String> = stations.iter().map(|(node, metres)| format!("n{node}@{metres}")).collect();
            match kind {
                0 => switch(&name, &words.join(" ")),
                1 => bus(&name, &words.join(" ")),
                _ => radio(&name, &placed.join(" ")),
            }
        };
        let mut topology = with_media(&links.join(" "), media.iter().enumerate().map(medium).collect());
        for node in &mut topology.nodes {
            node.forwards = forwards[node.name[1..].parse::<usize>().unwrap()];
        }
        topology
    })
}

/// Hops from a node to all others, by the definition: neighbours share a link or a LAN, or are in range of each other on a radio channel;
/// only nodes that forward are passed through.
fn distances(topology: &Topology, graph: &NetworkGraph, from: usize) -> Vec<Option<usize>> {
    let name = |rank: usize| topology.nodes[graph.node(rank).listed].name.as_str();
    let place = |radio: &RadioConfig, node: usize| {
        radio.stations.iter().find(|station| station.node.0 == name(node)).map(|station| station.at)
    };
    let joined = |a: usize, b: usize| {
        let by_link = topology.links.iter().any(|link| {
            let ends = (link.ends.0.0.as_str(), link.ends.1.0.as_str());
            ends == (name(a), name(b)) || ends == (name(b), name(a))
        });
        let by_medium = topology.media.iter().any(|medium| match medium {
            MediumConfig::Radio(radio) => match (place(radio, a), place(radio, b)) {
                (Some(a), Some(b)) => radio.range.covers(a, b),
                _ => false,
            },
            lan if lan.hub().is_some() => lan.hub().is_some_and(|(_, hub)| {
                let on = |node: usize| lan.stations().iter().any(|station| station.0 == name(node));
                a != b && on(a) && on(b) && [a, b].iter().any(|node| hub.0 == name(*node))
            }),
            lan => [a, b].iter().all(|node| lan.stations().iter().any(|station| station.0 == name(*node))),
        });
        by_link || by_medium
    };
    let mut found = vec![None; graph.nodes()];
    found[from] = Some(0);
    for hops in 0..graph.nodes() {
        for at in (0..graph.nodes()).filter(|at| found[*at] == Some(hops)).collect::<Vec<_>>() {
            if at == from || graph.node(at).forwards {
                for (to, found) in found.iter_mut().enumerate() {
                    if joined(at, to) {
                        found.get_or_insert(hops + 1);
                    }
                }
            }
        }
    }
    found
}

proptest! {
    /// Whoever follows the tables from node to node comes to each address that a node sends from, by as few hops as there can be.
    #[test]
    fn tables_lead_everywhere_by_shortest_ways(topology in any_media(), is_v4 in any::<bool>()) {
        let addresses = if is_v4 { AddressFamilies::V4 } else { AddressFamilies::V6 };
        let topology = Topology { addresses, ..topology };
        let plan = Plan::new(topology.clone(), Vec::new());
        let graph = plan.graph();
        let mut tables: Vec<Routes> = (0..graph.nodes()).map(|node| Routes::new(&plan.routes(node))).collect();
        for from in 0..graph.nodes() {
            let hops = distances(&topology, graph, from);
            for to in (0..graph.nodes()).filter(|to| *to != from) {
                prop_assert_eq!(graph.reaches(from, to), hops[to].is_some());
                let (Some(expected), Some(address)) = (hops[to], plan.address(to)) else { continue };
                let (mut at, mut count) = (from, 0);
                while at != to {
                    let hop = tables[at].lookup(address);
                    let station = hop.station(address);
                    let interface = match (hop, station) {
                        (Hop::Interface(interface), _) | (_, Some((interface, _))) => interface as usize,
                        _ => return Err(TestCaseError::fail(format!("{hop:?} from {at} to {address}"))),
                    };
                    let (before, port) = (at, graph.ports(at).nth(interface).unwrap());
                    at = match port {
                        Port::Link { next, .. } => next,
                        Port::Medium { medium, station: own } => {
                            let other = usize::from(station.unwrap().1) - 1;
                            prop_assert!(graph.media().lan(medium).reaches(own, other));
                            graph.media().lan(medium).stations[other]
                        }
                    };
                    count += 1;
                    prop_assert!(count <= graph.nodes(), "round and round from {} over {}", from, before);
                }
                prop_assert_eq!(count, expected);
            }
        }
    }
}

#[test]
fn mistakes_have_their_places() {
    let found = |media: Vec<MediumConfig>| {
        let topology = with_media("x:a-b", media);
        check_topology(&topology).into_iter().map(|finding| (finding.kind, finding.path)).collect::<Vec<_>>()
    };
    let at = |kind, path: &str| (kind, path.to_owned());
    assert_eq!(found(vec![switch("x", "a b")]), [at(Kind::DuplicateName, "media.0.name")]);
    assert_eq!(found(vec![switch("l", "a b"), bus("l", "a b")])[0], at(Kind::DuplicateName, "media.1.name"));
    assert_eq!(found(vec![switch("l m", "a b")]), [at(Kind::BadName, "media.0.name")]);
    assert_eq!(found(vec![switch("l", "a")]), [at(Kind::OutOfRange, "media.0.stations")]);
    assert_eq!(found(vec![radio("l", "a@0 b@1 a@2")]), [at(Kind::DuplicateName, "media.0.stations.2.node")]);
    let many: String = (0..4094).map(|index| format!("n{index} ")).collect();
    assert_eq!(found(vec![bus("l", &many)]), [at(Kind::OutOfRange, "media.0.stations")]);
    let too_many = (0..257).map(|index| switch(&format!("l{index}"), "a b")).collect();
    assert_eq!(found(too_many), [at(Kind::OutOfRange, "media")]);
}
