//! Groups, networks, profiles and adjustments in whole scenarios: what they become, and that they run.

use crate::run::{Options, run_all};
use crate::scenario::{Loaded, Request, Scenario, load_text};
use std::collections::BTreeMap;

/// A scenario with these fields beside the usual ones.
fn loaded(fields: &str, set: &[&str]) -> Loaded {
    let text = format!("(format: 1, title: \"t\", {fields})");
    let request = Request { set: set.iter().map(|set| (*set).to_owned()).collect(), ..Request::default() };
    load_text("t", "t.ron", &text, &request, false).unwrap_or_else(|error| panic!("{error}"))
}

fn scenario(fields: &str, set: &[&str]) -> Scenario {
    loaded(fields, set).scenario
}

fn nodes(scenario: &Scenario) -> Vec<&str> {
    scenario.nodes.iter().map(|node| node.name.as_str()).collect()
}

fn links(scenario: &Scenario) -> Vec<String> {
    scenario.links.iter().map(protosim_models::link::LinkConfig::name).collect()
}

const SENSORS: &str = r#"
    nodes: [(name: "gateway"), (name: "sensor", count: 3)],
    links: [(name: "radio", ends: ("sensor", "gateway"), rate: "250 kbit/s", delay: "5 ms")],
    apps: [
        (name: "server", on: "gateway", run: CoapServer()),
        (name: "reports", on: "sensor", stagger: "1 s", run: CoapClient(to: "gateway", start: "2 s", requests: 4)),
    ],"#;

#[test]
fn a_group_becomes_its_members_with_links_and_applications() {
    let scenario = scenario(SENSORS, &[]);
    assert_eq!(nodes(&scenario), ["gateway", "sensor-0", "sensor-1", "sensor-2"]);
    assert_eq!(links(&scenario), ["radio-0", "radio-1", "radio-2"]);
    let placed: Vec<_> =
        scenario.placements().map(|placed| (placed.on, placed.to, placed.config().starts_at().to_string())).collect();
    let expected = [
        ("gateway", None, "0 s"),
        ("sensor-0", Some("gateway"), "2 s"),
        ("sensor-1", Some("gateway"), "3 s"),
        ("sensor-2", Some("gateway"), "4 s"),
    ];
    assert_eq!(placed, expected.map(|(on, to, start)| (on, to, start.to_owned())));
}

#[test]
fn every_member_runs_and_all_count_as_one_application() {
    let loaded = loaded(SENSORS, &[]);
    let outputs = run_all(&loaded, Options::default(), || {}).unwrap();
    let run = &outputs[0][0];
    let mut of_node: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for exchange in &run.exchanges {
        assert_eq!(loaded.scenario.apps[exchange.app].name, "reports");
        assert!(exchange.completion().is_some());
        of_node.entry(&run.entities[exchange.node as usize]).or_default().push(exchange.number);
    }
    let each = vec![0, 1, 2, 3];
    assert_eq!(of_node, BTreeMap::from([("sensor-0", each.clone()), ("sensor-1", each.clone()), ("sensor-2", each)]));
}

#[test]
fn a_group_that_grows_leaves_the_luck_of_its_members_alone() {
    let lossy = ["links.radio.loss=30 %"];
    let ends = |count: &str| {
        let set = [lossy[0], count];
        let loaded = loaded(SENSORS, &set);
        let outputs =
            run_all(&loaded, Options { jobs: 1, threads: 2, capture: false, ..Options::default() }, || {}).unwrap();
        let run = &outputs[0][0];
        let of_first = |exchange: &&crate::run::Exchange| *run.entities[exchange.node as usize] == *"sensor-1";
        run.exchanges.iter().filter(of_first).map(|exchange| exchange.ending).collect::<Vec<_>>()
    };
    assert_eq!(ends("nodes.sensor.count=3"), ends("nodes.sensor.count=9"));
}

#[test]
fn axes_vary_the_size_of_groups_and_single_members() {
    let axes = r#"axes: [(name: "devices", path: "nodes.sensor.count", values: [1, 3]), (name: "loss", path: "links.radio-0.loss", values: ["0 %", "50 %"])],"#;
    let loaded = loaded(&format!("{SENSORS} {axes}"), &[]);
    let sizes: Vec<_> = loaded.points.iter().map(|point| point.scenario.nodes.len()).collect();
    assert_eq!(sizes, [2, 2, 4, 4]);
    let lossy: Vec<Vec<bool>> = loaded
        .points
        .iter()
        .map(|point| point.scenario.links.iter().map(|link| link.loss.is_some_and(|loss| !loss.is_zero())).collect())
        .collect();
    assert_eq!(lossy, [vec![false], vec![true], vec![false, false, false], vec![true, false, false]]);
}

#[test]
fn an_override_of_a_member_stands_in_the_text_that_is_kept() {
    let loaded = loaded(SENSORS, &["links.radio-2.delay=7 ms", "links.radio-1.delay=6 ms"]);
    let delays: Vec<_> = loaded.scenario.links.iter().map(|link| link.delay.unwrap().to_string()).collect();
    assert_eq!(delays, ["5 ms", "6 ms", "7 ms"]);
    let again = load_text("t", "t.ron", &loaded.text, &Request::default(), false).unwrap();
    assert_eq!(again.scenario.links, loaded.scenario.links);
}

#[test]
fn clients_go_round_their_servers() {
    let fields = r#"
        nodes: [(name: "hub"), (name: "client", count: 5), (name: "server", count: 2)],
        links: [(ends: ("client", "hub"), delay: "1 ms"), (ends: ("server", "hub"), delay: "1 ms")],
        apps: [
            (name: "server", on: "server", run: CoapServer()),
            (name: "ask", on: "client", run: CoapClient(to: "server", requests: 1)),
        ],"#;
    let scenario = scenario(fields, &[]);
    let to: Vec<_> = scenario.placements_of(1).map(|placed| placed.to.unwrap()).collect();
    assert_eq!(to, ["server-0", "server-1", "server-0", "server-1", "server-0"]);
}

#[test]
fn networks_are_made_and_joined_to_the_rest() {
    let fields = r#"
        networks: [
            Dumbbell(name: "d", left: 2, right: 2, access: (rate: "1 Gbit/s", delay: "1 ms"), bottleneck: (rate: "10 Mbit/s", delay: "20 ms")),
            Star(name: "s", leaves: 3, link: (like: "@ethernet")),
        ],
        links: [(name: "up", ends: ("s-hub", "d-router-left"), delay: "2 ms")],
        adjust: {"links.d-router-left--d-router-right.loss": "1 %"},
        apps: [
            (name: "sink", on: "d-right", run: UdpSink(port: 9)),
            (name: "send", on: "s", run: UdpSource(to: "d-right-0", port: 9, rate: "1 Mbit/s", payload: "100 B", count: 10)),
        ],"#;
    let scenario = scenario(fields, &[]);
    assert!(
        nodes(&scenario).contains(&"s-leaf-2") && nodes(&scenario).contains(&"d-right-1"),
        "{:?}",
        nodes(&scenario)
    );
    let link = |name: &str| scenario.links.iter().find(|link| link.name() == name).unwrap();
    assert_eq!(link("d-router-left--d-router-right").loss.unwrap().to_string(), "1 %");
    assert_eq!(link("s-leaf-1--s-hub").rate.unwrap().to_string(), "1 Gbit/s");
    assert_eq!(link("up").delay.unwrap().to_string(), "2 ms");
    let on: Vec<_> = scenario.placements_of(1).map(|placed| placed.on).collect();
    assert_eq!(on, ["s-leaf-0", "s-leaf-1", "s-leaf-2"]);
}

#[test]
fn what_a_link_says_of_itself_comes_before_its_profile() {
    let fields = |own: &str| {
        format!(
            r#"nodes: [(name: "home"), (name: "net")],
            links: [(name: "line", ends: ("home", "net"), like: "@dsl"{own})],
            apps: [(name: "p", on: "home", run: Ping(to: "net", count: 1))],"#
        )
    };
    let link = |own: &str| scenario(&fields(own), &[]).links[0].clone();
    let rates = |link: &protosim_models::link::LinkConfig| {
        [true, false].map(|is_up| link.direction(is_up).rate.unwrap().to_string())
    };
    // VDSL2, 10 Mbit/s up and 50 Mbit/s down.
    assert_eq!(rates(&link("")), ["10 Mbit/s", "50 Mbit/s"]);
    assert_eq!(rates(&link(r#", rate: "2 Mbit/s""#)), ["2 Mbit/s", "2 Mbit/s"]);
    let up = link(r#", forward: (rate: "3 Mbit/s")"#);
    assert_eq!(rates(&up), ["3 Mbit/s", "50 Mbit/s"]);
    // The queue of that direction is still the profile's.
    assert_eq!(up.direction(true).queue, link("").direction(true).queue);
    assert_ne!(link(r#", queue: CoDel()"#).direction(true).queue, link("").direction(true).queue);
}

#[test]
fn every_profile_is_a_link_that_runs() {
    for name in protosim_topologies::profile::names() {
        let fields = format!(
            r#"nodes: [(name: "a"), (name: "b")], links: [(ends: ("a", "b"), like: "@{name}")],
            apps: [(name: "p", on: "a", run: Ping(to: "b", count: 3, payload: "16 B"))],"#
        );
        let loaded = loaded(&fields, &[]);
        let outputs = run_all(&loaded, Options::default(), || {}).unwrap();
        assert_eq!(outputs[0][0].exchanges.len(), 3, "{name}");
    }
}

#[test]
fn events_and_multicast_groups_name_sets() {
    let fields = r#"
        nodes: [(name: "source"), (name: "hub"), (name: "sink", count: 3)],
        links: [(name: "up", ends: ("source", "hub"), delay: "1 ms"), (name: "down", ends: ("hub", "sink"), delay: "1 ms")],
        groups: [(name: "all", members: ["sink"])],
        timeline: [(at: "1 s", link: "down", up: false), (at: "2 s", link: "down", up: true)],
        apps: [
            (name: "sink", on: "sink", run: UdpSink(port: 9)),
            (name: "send", on: "source", run: UdpSource(to: "all", port: 9, rate: "8 kbit/s", payload: "100 B", count: 30)),
        ],"#;
    let scenario = scenario(fields, &[]);
    assert_eq!(scenario.groups[0].members.len(), 3);
    assert_eq!(scenario.timeline.len(), 6);
}

#[test]
fn groups_are_stations_of_media() {
    let fields = r#"
        nodes: [(name: "base"), (name: "mote", count: 3)],
        media: [
            Radio(name: "air", range: "25 m", rate: "250 kbit/s", stations: [
                (node: "base", at: ("0 m", "0 m")), (node: "mote", at: ("10 m", "0 m"), spacing: ("10 m", "-500 mm")),
            ]),
            Switch(name: "lan", stations: ["base", "mote"], rate: "1 Gbit/s"),
        ],
        apps: [(name: "p", on: "mote", stagger: "10 ms", run: Ping(to: "base", count: 2))],"#;
    let scenario = scenario(fields, &[]);
    assert_eq!(scenario.media[1].stations().len(), 4);
    let protosim_models::medium::MediumConfig::Radio(radio) = &scenario.media[0] else { panic!() };
    let last = &radio.stations[3];
    assert_eq!((last.at.0.to_string(), last.at.1.to_string()), ("30 m".to_owned(), "-1 m".to_owned()));
}

/// Stations without places are all alike.
#[test]
fn groups_are_devices_of_cells() {
    let fields = r#"
        nodes: [(name: "core"), (name: "meter", count: 3), (name: "bulb", count: 2)],
        media: [
            Cellular(name: "cell", technology: NbIot, gateway: "core", stations: [(node: "meter", edrx: (cycle: "20.48 s"))]),
            Wifi(name: "home", access_point: "core", stations: [(node: "bulb", power_save: ())]),
        ],
        until: After("20 s"),
        apps: [(name: "p", on: "meter", run: Ping(to: "core", count: 2)), (name: "q", on: "bulb", run: Ping(to: "core", count: 2))],"#;
    let scenario = scenario(fields, &[]);
    let protosim_models::medium::MediumConfig::Cellular(cell) = &scenario.media[0] else { panic!() };
    let nodes: Vec<&str> = cell.stations.iter().map(|station| station.node.0.as_str()).collect();
    assert_eq!(nodes, ["meter-0", "meter-1", "meter-2"]);
    assert!(cell.stations.iter().all(|station| station.edrx == cell.stations[0].edrx && station.edrx.is_some()));
    assert_eq!(scenario.media[1].stations().len(), 3);
}

#[test]
fn distances_are_axes_too() {
    let fields = r#"
        nodes: [(name: "a"), (name: "b")],
        media: [Radio(name: "air", range: "10 m", rate: "1 Mbit/s", stations: [(node: "a", at: ("0 m", "0 m")), (node: "b", at: ("5 m", "0 m"))])],
        apps: [(name: "p", on: "a", run: Ping(to: "b", count: 1))],
        axes: [(name: "range", path: "media.air.range", values: ["6 m", "10 m"]), (name: "far", path: "media.air.stations.1.at.0", range: (from: "1 m", to: "2 m", steps: 3))],"#;
    let loaded = loaded(fields, &[]);
    let values: Vec<_> = loaded.points.iter().map(|point| (point.values[0], point.values[1])).collect();
    assert_eq!(values, [(6.0, 1.0), (6.0, 1.5), (6.0, 2.0), (10.0, 1.0), (10.0, 1.5), (10.0, 2.0)]);
}

#[test]
fn ten_thousand_nodes_are_loaded_and_run() {
    let loaded =
        loaded(SENSORS, &["nodes.sensor.count=10000", "apps.reports.stagger=1 ms", "apps.reports.run.requests=1"]);
    let outputs =
        run_all(&loaded, Options { jobs: 1, threads: 2, capture: false, ..Options::default() }, || {}).unwrap();
    assert_eq!(outputs[0][0].exchanges.len(), 10_000);
}

#[test]
fn a_real_network_from_graphml_loads_routes_and_runs() {
    let fields = r#"
        networks: [GraphML(name: "net", file: "@abilene", link: (queue: "100 packets"))],
        apps: [(name: "p", on: "net", run: Ping(to: "net-New-York", count: 1))],"#;
    let loaded = loaded(fields, &[]);
    assert_eq!((loaded.scenario.nodes.len(), loaded.scenario.links.len()), (11, 14));
    let outputs = run_all(&loaded, Options::default(), || {}).unwrap();
    let run = &outputs[0][0];
    // New York itself does not ask.
    assert_eq!(run.exchanges.len(), 10);
    for exchange in &run.exchanges {
        let city = &*run.entities[exchange.node as usize];
        let seconds = exchange.completion().unwrap_or_else(|| panic!("{city} gets no answer")).as_secs_f64();
        // Great circles over fibre, by hand: New York to Seattle over Chicago, Indianapolis, Kansas City and Denver are 1144 + 265 +
        // 727 + 897 + 1643 = 4676 km; at 2/3 of the speed of light, and there and back again, 46.8 ms.
        if city == "net-Seattle" {
            assert!((0.0455..0.0480).contains(&seconds), "{seconds}");
        }
    }
}
