//! Networks of both versions of IP, whole: what goes over which, through which box, and what ICE makes of it.

use super::tests_ice::{KINDS, direct, pair, total, towards_relay};
use super::{RunOutput, Watch, run_one, setup};
use crate::scenario::{Request, load_text};

fn run(text: &str) -> RunOutput {
    let loaded = load_text("t", "t.ron", text, &Request::default(), false).unwrap_or_else(|error| panic!("{error}"));
    let scenario = &loaded.points[0].scenario;
    run_one(&setup(scenario), scenario, 0, 1, &Watch::default()).unwrap()
}

/// A box between a host and the core, by its name in the table.
fn wall(kind: &str, outside: &str) -> String {
    let words = |short: &str| match short {
        "EIM" | "EI" => "EndpointIndependent",
        "ADM" | "AD" => "AddressDependent",
        "APDM" | "APD" => "AddressAndPortDependent",
        _ => unreachable!("no such word"),
    };
    match kind {
        "open" => String::new(),
        "fw" => format!(r#", firewall: (outside: "{outside}")"#),
        nat => {
            let (mapping, filtering) = nat.split_once('/').unwrap();
            let (mapping, filtering) = (words(mapping), words(filtering));
            format!(r#", nat: (outside: "{outside}", mapping: {mapping}, filtering: {filtering}, ports: Random)"#)
        }
    }
}

/// The pair of an end of IPv6 alone behind a NAT64 and one of IPv4 alone behind a box.
fn over_nat64(filtering: &str, of_a: &str, kind: &str) -> String {
    let output = run(&format!(
        r#"(
            format: 1, title: "t", addresses: Both,
            nodes: [
                (name: "a", addresses: V6), (name: "box-a", nat64: (outside: "street-a", filtering: {filtering}, ports: Random)),
                (name: "b", addresses: V4), (name: "box-b", addresses: V4{}),
                (name: "core", addresses: V4), (name: "stun", addresses: V4), (name: "turn", addresses: V4),
            ],
            links: [
                (name: "lan-a", ends: ("a", "box-a"), delay: "1 ms"), (name: "street-a", ends: ("box-a", "core"), delay: "9 ms"),
                (name: "lan-b", ends: ("b", "box-b"), delay: "1 ms"), (name: "street-b", ends: ("box-b", "core"), delay: "9 ms"),
                (name: "rack-1", ends: ("core", "stun"), delay: "1 ms"), (name: "rack-2", ends: ("core", "turn"), delay: "1 ms"),
            ],
            channels: [(name: "call", ends: ("a", "b"), delay: "40 ms")],
            apps: [
                (name: "stun", on: "stun", run: StunServer()),
                (name: "turn", on: "turn", run: TurnServer(credentials: LongTerm(realm: "r", users: [(name: "user", password: "secret")]))),
                (name: "alice", on: "a", run: IceAgent(channel: "call", role: Offers, {of_a})),
                (name: "bob", on: "b", run: IceAgent(channel: "call", role: Answers, servers: [Stun(to: "stun")])),
            ],
            until: After("70 s"),
        )"#,
        wall(kind, "street-b"),
    ));
    let (at_a, at_b) = (pair(&output, "alice"), pair(&output, "bob"));
    if at_a.starts_with('S') {
        // The response to a check of B's names the address that A sees it under, which is none of B's own: B learns of it as peer-reflexive
        // (RFC 8445 §7.2.5.3.1).
        assert_eq!(at_b, "PS", "{filtering} {kind}");
    } else {
        assert_eq!(at_a, at_b.chars().rev().collect::<String>(), "{filtering} {kind}");
    }
    at_a
}

const STUN: &str = r#"servers: [Stun(to: "stun")]"#;
const TURN: &str =
    r#"servers: [Stun(to: "stun"), Turn(to: "turn", user: "user", password: "secret")], synthesizes: false"#;

/// A NAT64 maps endpoints independently of whom they talk to (RFC 6146 §3.5), so that an end behind it connects where one behind such a NAT does.
#[test]
fn behind_a_nat64_the_table_is_that_of_its_filter() {
    for (filtering, as_nat) in [("EndpointIndependent", "EIM/EI"), ("AddressDependent", "EIM/AD")] {
        for kind in KINDS {
            assert_eq!(over_nat64(filtering, STUN, kind), direct(as_nat, kind), "{filtering} and {kind}");
        }
    }
}

/// Who does not look under the prefix reaches IPv4 by a relay alone, whose name leads there, and which is of IPv4 though it is reached over IPv6. But where the
/// NAT64 filters nothing the peer's checks come in, from addresses under the prefix, and are answered.
#[test]
fn without_synthesis_there_is_a_relay_or_what_comes_in() {
    for kind in KINDS {
        let expected = format!("R{}", towards_relay(kind, false));
        assert_eq!(over_nat64("AddressDependent", TURN, kind), expected, "{kind}");
        assert_eq!(over_nat64("EndpointIndependent", TURN, kind), "SP", "{kind}");
    }
    let none = format!("{STUN}, synthesizes: false");
    assert_eq!(over_nat64("AddressDependent", &none, "open"), "×");
}

/// Two homes, each with a NAT for IPv4 and a firewall for IPv6. Over IPv6 hosts see each other as they are; where IPv6 is shut, by their
/// NATs.
#[test]
fn ipv6_comes_first_and_ipv4_is_there_without_it() {
    let home = |blocks: &str| {
        run(&format!(
            r#"(
                format: 1, title: "t", addresses: Both,
                nodes: [
                    (name: "a"), (name: "box-a", nat: (outside: "street-a"), firewall: (outside: "street-a"{blocks})),
                    (name: "b"), (name: "box-b", nat: (outside: "street-b"), firewall: (outside: "street-b")),
                    (name: "core"), (name: "stun"),
                ],
                links: [
                    (name: "lan-a", ends: ("a", "box-a"), delay: "1 ms"), (name: "street-a", ends: ("box-a", "core"), delay: "9 ms"),
                    (name: "lan-b", ends: ("b", "box-b"), delay: "1 ms"), (name: "street-b", ends: ("box-b", "core"), delay: "9 ms"),
                    (name: "rack", ends: ("core", "stun"), delay: "1 ms"),
                ],
                channels: [(name: "call", ends: ("a", "b"), delay: "40 ms")],
                apps: [
                    (name: "stun", on: "stun", run: StunServer()),
                    (name: "alice", on: "a", run: IceAgent(channel: "call", role: Offers, servers: [Stun(to: "stun")])),
                    (name: "bob", on: "b", run: IceAgent(channel: "call", role: Answers, servers: [Stun(to: "stun")])),
                ],
                until: After("10 s"),
            )"#,
        ))
    };
    assert_eq!(pair(&home(""), "alice"), "HH");
    assert_eq!(pair(&home(", blocks: (udp: true)"), "alice"), "SS");
}

/// RFC 8656 §7.1: a relay lends an address of IPv4 unless it is asked for one of IPv6, and one that has none says 440.
#[test]
fn a_relay_of_ipv6_is_asked_for_ipv6() {
    let output = run(r#"(
            format: 1, title: "t", addresses: V6,
            nodes: [(name: "a"), (name: "b"), (name: "core"), (name: "turn")],
            links: [
                (name: "x", ends: ("a", "core"), delay: "9 ms"), (name: "y", ends: ("b", "core"), delay: "9 ms"), (name: "z", ends: ("turn", "core"), delay: "1 ms"),
            ],
            channels: [(name: "call", ends: ("a", "b"), delay: "40 ms")],
            apps: [
                (name: "turn", on: "turn", run: TurnServer(credentials: LongTerm(realm: "r", users: [(name: "user", password: "secret")]))),
                (name: "echo", on: "b", run: UdpServer(port: 9)),
                (name: "relayed", on: "a", run: TurnClient(to: "turn", username: "user", password: "secret", peer: "b", peer_port: 9, count: 3)),
                (name: "alice", on: "a", run: IceAgent(channel: "call", role: Offers, relays_only: true, servers: [Turn(to: "turn", user: "user", password: "secret")])),
                (name: "bob", on: "b", run: IceAgent(channel: "call", role: Answers)),
            ],
            until: After("20 s"),
        )"#);
    assert_eq!((pair(&output, "alice"), pair(&output, "bob")), ("RH".to_owned(), "HR".to_owned()));
    assert_eq!(
        output.exchanges.iter().filter(|exchange| exchange.completion().is_some()).count(),
        3 + 2,
        "three echoes, and a session at each end"
    );
}

/// The scenario of the checks. The phone has IPv6 alone: pings, a transfer, and questions of CoAP to the server of IPv4 alone go through the NAT64; the laptop's to
/// the server of both go over IPv6 by its firewall, which no NAT counts. The phone's call to the laptop is over IPv6 as they are; to the
/// server of IPv4 alone it comes from the NAT64.
#[test]
fn the_scenario_of_the_checks_goes_over_what_there_is() {
    let output = run(include_str!("../../../.ci/scenarios/dual.ron"));
    assert_eq!((pair(&output, "caller"), pair(&output, "called")), ("HH".to_owned(), "HH".to_owned()));
    // The STUN server has both, and is asked over IPv6: what the NAT64 shows of the phone it learns from the other end's responses alone.
    assert_eq!((pair(&output, "writer"), pair(&output, "reader")), ("PH".to_owned(), "PP".to_owned()));
    // Of 20 pings each, 5 questions, 2 transfers and 4 sessions at most 3 pings are lost: the air loses 1 % of what the phone sends and gets.
    let done = output.exchanges.iter().filter(|exchange| exchange.completion().is_some()).count();
    assert!(
        done + 3 >= output.exchanges.len() && output.exchanges.len() >= 20 + 20 + 5 + 2,
        "{done} of {}",
        output.exchanges.len()
    );
    for sink in ["web-old", "web-new"] {
        assert_eq!(total(&output, sink, "completed_streams"), 1, "{sink}");
    }
}
