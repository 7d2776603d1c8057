//! Cases of NATs and firewalls.

use super::cases::Case;

const ROUTER: &str = r#"(name: "router")"#;

/// What is refused.
#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    ("nat_without_an_outside", &[(ROUTER, r#"(name: "router", nat: ())"#)]),
    ("nat_outside_misspelt", &[(ROUTER, r#"(name: "router", nat: (outside: "wier"))"#)]),
    ("nat_field_misspelt", &[(ROUTER, r#"(name: "router", nat: (outside: "wire", maping: EndpointIndependent))"#)]),
    ("nat_of_an_unknown_kind", &[(ROUTER, r#"(name: "router", nat: (outside: "wire", filtering: Symmetric))"#)]),
    ("nat_port_range_empty", &[(ROUTER, r#"(name: "router", nat: (outside: "wire", port_range: (2000, 1000)))"#)]),
    ("nat_that_does_not_forward", &[(ROUTER, r#"(name: "router", forwards: false, nat: (outside: "wire"))"#)]),
    ("nat_over_ipv6", &[(ROUTER, r#"(name: "router", nat: (outside: "wire"))"#), ("// more", "addresses: V6,")]),
    ("nat64_without_ipv4", &[(ROUTER, r#"(name: "router", nat64: (outside: "wire"))"#), ("// more", "addresses: V6,")]),
    ("nat64_of_a_prefix_that_is_taken", &[(ROUTER, r#"(name: "router", nat64: (outside: "wire", prefix: "2001:db8::/32"))"#), ("// more", "addresses: Both,")]),
    ("nat64_of_a_prefix_of_no_length", &[(ROUTER, r#"(name: "router", nat64: (outside: "wire", prefix: "64:ff9b::/99"))"#), ("// more", "addresses: Both,")]),
    ("nat64_that_maps", &[(ROUTER, r#"(name: "router", nat64: (outside: "wire", mapping: AddressDependent))"#), ("// more", "addresses: Both,")]),
    ("nat64_that_filters_too_much", &[(ROUTER, r#"(name: "router", nat64: (outside: "wire", filtering: AddressAndPortDependent))"#), ("// more", "addresses: Both,")]),
    ("addresses_that_the_network_has_not", &[(ROUTER, r#"(name: "router", addresses: V6)"#)]),
    ("addresses_that_nobody_beside_has", &[(r#"(name: "client")"#, r#"(name: "client", addresses: V6)"#), (ROUTER, r#"(name: "router", addresses: V4)"#), ("// more", "addresses: Both,")]),
    ("addresses_without_one_in_common", &[(r#"(name: "client")"#, r#"(name: "client", addresses: V6)"#), (r#"(name: "server")"#, r#"(name: "server", addresses: V4)"#), ("// more", "addresses: Both,")]),
    ("nat_and_firewall", &[(ROUTER, r#"(name: "router", nat: (outside: "wire"), firewall: (outside: "wire"))"#)]),
    ("nat_with_nothing_inside", &[(r#"(name: "client")"#, r#"(name: "client", nat: (outside: "radio"))"#)]),
    ("nat_overloading_without_remote_ports", &[(ROUTER, r#"(name: "router", nat: (outside: "wire", ports: Overload))"#)]),
    ("nat_filter_state_without_effect", &[(ROUTER, r#"(name: "router", nat: (outside: "wire", filter_state: PerEndpoint))"#)]),
    ("nat_pool_within_the_network", &[(ROUTER, r#"(name: "router", nat: (outside: "wire", pool: ["10.1.2.3"]))"#)]),
    ("nat_timer_of_nothing", &[(ROUTER, r#"(name: "router", nat: (outside: "wire", timers: (udp: "0 s")))"#)]),
    ("nat_that_leads_the_wrong_way", &[(ROUTER, r#"(name: "router", nat: (outside: "radio"))"#)]),
    ("firewall_that_blocks_nothing", &[(ROUTER, r#"(name: "router", firewall: (outside: "wire", blocks: ()))"#)]),
    ("firewall_with_a_mapping", &[(ROUTER, r#"(name: "router", firewall: (outside: "wire", mapping: EndpointIndependent))"#)]),
    ("nat_with_a_way_around", &[(ROUTER, r#"(name: "router", nat: (outside: "wire"))"#), ("links: [", r#"links: [(name: "around", ends: ("client", "server"), delay: "1 ms"), "#)]),
];
