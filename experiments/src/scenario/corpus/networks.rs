//! Cases of groups, generated networks and access profiles.

use super::cases::Case;

const NODES: &str = r#"nodes: [(name: "client"),"#;
const CLIENT: &str = r#"(name: "client"), (name: "router")"#;

/// What is refused.
#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    ("group_of_nobody", &[(CLIENT, r#"(name: "client"), (name: "sensor", count: 0), (name: "router")"#)]),
    ("group_absurd", &[(CLIENT, r#"(name: "client"), (name: "sensor", count: 1000000000000), (name: "router")"#)]),
    ("group_of_a_fraction", &[(CLIENT, r#"(name: "client"), (name: "sensor", count: 1e12), (name: "router")"#)]),
    ("groups_of_two_sizes_joined", &[(CLIENT, r#"(name: "client"), (name: "a", count: 2), (name: "b", count: 3), (name: "router")"#), ("links: [", r#"links: [(ends: ("a", "b"), delay: "1 ms"), "#)]),
    ("group_joined_to_itself", &[(CLIENT, r#"(name: "client"), (name: "a", count: 2), (name: "router")"#), ("links: [", r#"links: [(ends: ("a", "a"), delay: "1 ms"), "#)]),
    ("group_member_called_as_another_node", &[(CLIENT, r#"(name: "client"), (name: "a", count: 2), (name: "a-1"), (name: "router")"#)]),
    ("group_link_with_a_mistake_told_once", &[(CLIENT, r#"(name: "client"), (name: "a", count: 5), (name: "router")"#), ("links: [", r#"links: [(name: "up", ends: ("a", "router"), delay: "1 ms", rat: "1 Mbit/s"), "#)]),
    ("group_link_without_rate_and_delay", &[(CLIENT, r#"(name: "client"), (name: "a", count: 5), (name: "router")"#), ("links: [", r#"links: [(name: "up", ends: ("a", "router")), "#)]),
    ("group_misspelt_by_an_app", &[(CLIENT, r#"(name: "client"), (name: "sensor", count: 3), (name: "router")"#), ("links: [", r#"links: [(ends: ("sensor", "router"), delay: "1 ms"), "#), ("apps: [", r#"apps: [(name: "s", on: "sensr", run: CoapClient(to: "server", requests: 1)), "#)]),
    ("group_where_one_node_is_expected", &[(CLIENT, r#"(name: "client"), (name: "sensor", count: 3), (name: "router")"#), ("links: [", r#"links: [(ends: ("sensor", "router"), delay: "1 ms"), "#), (r#"CoapClient(to: "server""#, r#"CoapClient(to: "sensor""#)]),
    ("group_without_links_as_destination", &[(CLIENT, r#"(name: "client"), (name: "a", count: 2), (name: "b", count: 2), (name: "router")"#), ("links: [", r#"links: [(ends: ("a", "router"), delay: "1 ms"), "#), ("apps: [", r#"apps: [(name: "s", on: "a", run: CoapClient(to: "b", requests: 1)), "#)]),
    ("stagger_on_one_node", &[(r#"on: "client","#, r#"on: "client", stagger: "10 ms","#)]),
    ("stagger_of_a_server", &[(CLIENT, r#"(name: "client"), (name: "a", count: 2), (name: "router")"#), ("links: [", r#"links: [(ends: ("a", "router"), delay: "1 ms"), "#), ("apps: [", r#"apps: [(name: "s", on: "a", stagger: "1 ms", run: CoapServer()), "#)]),
    ("two_servers_on_a_member", &[(CLIENT, r#"(name: "client"), (name: "a", count: 2), (name: "router")"#), ("links: [", r#"links: [(ends: ("a", "router"), delay: "1 ms"), "#), ("apps: [", r#"apps: [(name: "s", on: "a", run: CoapServer()), (name: "t", on: "a-1", run: CoapServer()), "#)]),
    ("axis_over_a_group_without_members", &[(CLIENT, r#"(name: "client"), (name: "a", count: 2), (name: "router")"#), ("links: [", r#"links: [(ends: ("a", "router"), delay: "1 ms"), "#), (r#"name: "loss", path: "links.radio.loss", values: ["0 %", "10 %"]"#, r#"name: "devices", path: "nodes.a.count", values: [2, 0]"#)]),
    ("axis_over_a_member_that_is_not_there", &[(CLIENT, r#"(name: "client"), (name: "a", count: 2), (name: "router")"#), ("links: [", r#"links: [(name: "up", ends: ("a", "router"), delay: "1 ms"), "#), (r#"name: "loss", path: "links.radio.loss""#, r#"name: "loss", path: "links.up-7.loss""#)]),
    ("adjust_of_nothing", &[("// more", r#"adjust: {"links.radoi.loss": "2 %"}"#)]),
    ("adjust_of_something_else", &[("// more", r#"adjust: {"apps.con.run.requests": 3}"#)]),
    ("adjust_with_a_wrong_value", &[("// more", r#"adjust: {"links.wire.loss": "2 ms"}"#)]),
    ("network_of_an_unknown_kind", &[("// more", r#"networks: [Sstar(name: "s", leaves: 3, link: (delay: "1 ms"))]"#)]),
    ("network_field_misspelt", &[("// more", r#"networks: [Star(name: "s", leafs: 3, link: (delay: "1 ms"))]"#)]),
    ("network_too_small", &[("// more", r#"networks: [Star(name: "s", leaves: 0, link: (delay: "1 ms"))]"#)]),
    ("network_too_large", &[("// more", r#"networks: [Star(name: "s", leaves: 1000000000000, link: (delay: "1 ms"))]"#)]),
    ("network_link_without_rate_and_delay", &[("// more", r#"networks: [Star(name: "s", leaves: 3, link: (loss: "1 %"))]"#)]),
    ("network_link_unit", &[("// more", r#"networks: [Star(name: "s", leaves: 3, link: (rate: "10 mb/s"))]"#)]),
    ("network_called_as_a_node", &[(NODES, r#"nodes: [(name: "s-hub"), (name: "client"),"#), ("// more", r#"networks: [Star(name: "s", leaves: 3, link: (delay: "1 ms"))]"#)]),
    ("network_from_a_file_that_is_not_there", &[("// more", r#"networks: [GraphML(name: "g", file: "nowhere.graphml", link: (rate: "1 Gbit/s"))]"#)]),
    ("network_not_joined_to_the_rest", &[("// more", r#"networks: [Star(name: "s", leaves: 3, link: (delay: "1 ms"))]"#), (r#"CoapClient(to: "server""#, r#"CoapClient(to: "s-hub""#)]),
    ("group_called_as_another_node", &[(CLIENT, r#"(name: "client"), (name: "client", count: 2), (name: "router")"#)]),
    ("group_called_as_a_multicast_group", &[(CLIENT, r#"(name: "client"), (name: "a", count: 3), (name: "router")"#), ("links: [", r#"links: [(name: "up", ends: ("a", "router"), delay: "1 ms"), "#), ("// more", r#"groups: [(name: "a", members: ["server"])]"#), ("apps: [", r#"apps: [(name: "s", on: "client", run: UdpSource(to: "a", port: 9, rate: "1 kbit/s", payload: "10 B", count: 2)), "#)]),
    ("group_to_itself", &[(CLIENT, r#"(name: "client"), (name: "a", count: 3), (name: "router")"#), ("links: [", r#"links: [(name: "up", ends: ("a", "router"), delay: "1 ms"), "#), ("apps: [", r#"apps: [(name: "s", on: "a", run: Ping(to: "a", count: 1)), "#)]),
    ("stagger_beyond_the_end", &[(CLIENT, r#"(name: "client"), (name: "a", count: 3), (name: "router")"#), ("links: [", r#"links: [(name: "up", ends: ("a", "router"), delay: "1 ms"), "#), ("apps: [", r#"apps: [(name: "s", on: "a", stagger: "2 s", run: Ping(to: "server", count: 1)), "#), ("// more", r#"until: After("3 s")"#)]),
    ("stagger_beyond_the_stop", &[(CLIENT, r#"(name: "client"), (name: "a", count: 3), (name: "router")"#), ("links: [", r#"links: [(name: "up", ends: ("a", "router"), delay: "1 ms"), "#), ("apps: [", r#"apps: [(name: "s", on: "a", stagger: "2 s", run: UdpSource(to: "server", port: 9, rate: "1 kbit/s", payload: "10 B", start: "1 s", stop: "4 s")), "#)]),
    ("adjust_of_a_name", &[(CLIENT, r#"(name: "client"), (name: "a", count: 3), (name: "router")"#), ("links: [", r#"links: [(name: "up", ends: ("a", "router"), delay: "1 ms"), "#), ("// more", r#"adjust: {"links.up-1.name": "q"}"#)]),
    ("timeline_of_a_medium", &[("// more", r#"media: [Switch(name: "lan", stations: ["client", "server"], rate: "1 Gbit/s")], timeline: [(at: "1 s", link: "lan", up: false)]"#)]),
    ("measure_of_a_group_of_links", &[(CLIENT, r#"(name: "client"), (name: "a", count: 3), (name: "router")"#), ("links: [", r#"links: [(name: "up", ends: ("a", "router"), delay: "1 ms"), "#), ("// more", r#"measure: [(link: "up", direction: Forward, metric: Utilisation)]"#)]),
    ("variant_without_effect", &[("// more", r#"variants: [(name: "as-is"), (name: "queued", set: {"links.wire.queue": "10 packets"})]"#)]),
    ("profile_without_its_mark", &[(r#"delay: "1 ms")"#, r#"delay: "1 ms", like: "lte")"#)]),
    ("profile_of_a_node", &[(r#"(name: "client")"#, r#"(name: "client", like: "@lte")"#)]),
    ("profile_misspelt", &[(r#"delay: "1 ms")"#, r#"delay: "1 ms", like: "@ltee")"#)]),
    ("profile_of_no_kind", &[(r#"delay: "1 ms")"#, r#"delay: "1 ms", like: "@carrier-pigeon")"#)]),
    ("timeline_of_a_member_that_is_not_there", &[(CLIENT, r#"(name: "client"), (name: "a", count: 2), (name: "router")"#), ("links: [", r#"links: [(name: "up", ends: ("a", "router"), delay: "1 ms"), "#), ("// more", r#"timeline: [(at: "1 s", link: "up-2", up: false)]"#)]),
];
