//! Cases of agents of ICE.

use super::cases::Case;

const APPS: &str = "    apps: [";
const CHANNEL: (&str, &str) =
    ("// more", r#"until: After("60 s"), channels: [(name: "call", ends: ("client", "server"), delay: "50 ms")],"#);

/// What is refused.
#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    ("ice_without_a_channel", &[("// more", r#"until: After("60 s"),"#), (APPS, r#"    apps: [(name: "ice", on: "client", run: IceAgent(role: Offers)), "#)]),
    ("ice_on_an_unknown_channel", &[CHANNEL, (APPS, r#"    apps: [(name: "ice", on: "client", run: IceAgent(channel: "cal", role: Offers)), "#)]),
    ("ice_beside_its_channel", &[CHANNEL, (APPS, r#"    apps: [(name: "ice", on: "router", run: IceAgent(channel: "call", role: Offers)), "#)]),
    ("ice_synthesis_without_a_nat64", &[CHANNEL, (APPS, r#"    apps: [(name: "ice", on: "client", run: IceAgent(channel: "call", role: Offers, synthesizes: false)), (name: "peer", on: "server", run: IceAgent(channel: "call", role: Answers)), "#)]),
    ("ice_of_no_role", &[CHANNEL, (APPS, r#"    apps: [(name: "ice", on: "client", run: IceAgent(channel: "call", role: Offer)), "#)]),
    ("ice_server_on_an_unknown_node", &[CHANNEL, (APPS, r#"    apps: [(name: "ice", on: "client", run: IceAgent(channel: "call", role: Offers, servers: [Stun(to: "sever")])), (name: "peer", on: "server", run: IceAgent(channel: "call", role: Answers)), "#)]),
    ("ice_server_without_a_password", &[CHANNEL, (APPS, r#"    apps: [(name: "ice", on: "client", run: IceAgent(channel: "call", role: Offers, servers: [Turn(to: "server", user: "user")])), (name: "peer", on: "server", run: IceAgent(channel: "call", role: Answers)), "#)]),
    ("ice_tls_without_a_server", &[CHANNEL, (APPS, r#"    apps: [(name: "ice", on: "client", run: IceAgent(channel: "call", role: Offers, tls: ())), (name: "peer", on: "server", run: IceAgent(channel: "call", role: Answers)), "#)]),
    ("ice_server_over_tls_without_tls", &[CHANNEL, (APPS, r#"    apps: [(name: "ice", on: "client", run: IceAgent(channel: "call", role: Offers, servers: [Turn(to: "server", user: "u", password: "p", over: Tls)])), (name: "peer", on: "server", run: IceAgent(channel: "call", role: Answers)), "#)]),
    ("ice_numbers_out_of_range", &[CHANNEL, (APPS, r#"    apps: [(name: "ice", on: "client", run: IceAgent(channel: "call", role: Offers, components: 3, streams: 0, ta: "1 ms", most_time: "5 s", consent_expiry: "1 s", most_addresses: 0, data: (payload: "0 B"))), (name: "peer", on: "server", run: IceAgent(channel: "call", role: Answers, components: 3, streams: 0)), "#)]),
    ("ice_relays_without_a_relay", &[CHANNEL, (APPS, r#"    apps: [(name: "ice", on: "client", run: IceAgent(channel: "call", role: Offers, relays_only: true)), (name: "peer", on: "server", run: IceAgent(channel: "call", role: Answers)), "#)]),
    ("ice_lite_with_servers", &[CHANNEL, (APPS, r#"    apps: [(name: "ice", on: "client", run: IceAgent(channel: "call", role: Offers, mode: Lite, servers: [Stun(to: "server")])), (name: "peer", on: "server", run: IceAgent(channel: "call", role: Answers)), "#)]),
    ("ice_server_behind_another_nat", &[(r#"(name: "router")"#, r#"(name: "router", nat: (outside: "radio"))"#), CHANNEL, (APPS, r#"    apps: [(name: "ice", on: "client", run: IceAgent(channel: "call", role: Offers, servers: [Stun(to: "server")])), (name: "peer", on: "server", run: IceAgent(channel: "call", role: Answers)), "#)]),
    ("ice_with_nobody_at_the_other_end", &[CHANNEL, (APPS, r#"    apps: [(name: "ice", on: "client", run: IceAgent(channel: "call", role: Offers)), "#)]),
    ("ice_with_two_at_one_end", &[CHANNEL, (APPS, r#"    apps: [(name: "ice", on: "client", run: IceAgent(channel: "call", role: Offers)), (name: "too", on: "client", run: IceAgent(channel: "call", role: Offers)), (name: "peer", on: "server", run: IceAgent(channel: "call", role: Answers)), "#)]),
    ("ice_that_both_offer", &[CHANNEL, (APPS, r#"    apps: [(name: "ice", on: "client", run: IceAgent(channel: "call", role: Offers)), (name: "peer", on: "server", run: IceAgent(channel: "call", role: Offers)), "#)]),
    ("ice_of_unlike_ends", &[CHANNEL, (APPS, r#"    apps: [(name: "ice", on: "client", run: IceAgent(channel: "call", role: Offers, components: 2)), (name: "peer", on: "server", run: IceAgent(channel: "call", role: Answers)), "#)]),
];

/// What concerns str0m as an end: the first needs a program without it, and the second one is refused by any.
#[rustfmt::skip]
pub(super) const OF_STR0M: [Case; 2] = [
    ("ice_str0m_that_is_not_there", &[CHANNEL, (APPS, r#"    apps: [(name: "ice", on: "client", run: IceAgent(channel: "call", role: Offers, implementation: Str0m)), (name: "peer", on: "server", run: IceAgent(channel: "call", role: Answers)), "#)]),
    ("ice_str0m_that_is_told_too_much", &[CHANNEL, (APPS, r#"    apps: [(name: "ice", on: "client", run: IceAgent(channel: "call", role: Offers, implementation: Str0m, streams: 2, components: 2, tcp_port: 7000, mode: Lite, patience: "1 s", consent_interval: "4 s", consent_expiry: "20 s", restart_after: "10 s", rto: "1 s")), "#)]),
];
