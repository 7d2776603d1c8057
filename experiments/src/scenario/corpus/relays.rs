//! Cases of STUN and TURN.

use super::cases::Case;

const ROUTER: &str = r#"(name: "router")"#;
const WIRE: &str = r#"(name: "wire", "#;
const SECOND: &str = r#"(name: "second", ends: ("router", "server"), delay: "1 ms"), (name: "wire", "#;
const APPS: &str = "apps: [";
const RELAY: &str = r#"apps: [
        (name: "relay", on: "router", run: TurnServer(credentials: LongTerm(realm: "x", users: [(name: "alice", password: "secret")]), tcp: ())),
        (name: "echo", on: "server", run: UdpServer(port: 9)),
        (name: "turn", on: "client", run: TurnClient(to: "router", username: "alice", password: "secret", peer: "server", peer_port: 9, count: 3)),"#;

/// What is accepted without a word.
#[rustfmt::skip]
pub(super) const SOUND: &[Case] = &[
    ("turn_client", &[(APPS, RELAY)]),
    ("turn_client_over_tcp", &[(APPS, RELAY), ("count: 3", "count: 3, channel: false, tcp: ()")]),
    ("turn_client_in_a_nat", &[(APPS, RELAY), (ROUTER, r#"(name: "router", nat: (outside: "wire"))"#)]),
    ("stun_alternate", &[(APPS, r#"apps: [(name: "stun", on: "router", run: StunServer(alternate: ())),"#)]),
    ("stun_alternate_by_address", &[(APPS, r#"apps: [(name: "stun", on: "router", run: StunServer(alternate: (address: "10.0.0.5"))),"#)]),
];

/// What is refused.
#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    ("turn_client_without_a_peer", &[(APPS, RELAY), (r#"peer: "server", "#, "")]),
    ("turn_client_peer_misspelt", &[(APPS, RELAY), (r#"peer: "server""#, r#"peer: "sever""#)]),
    ("turn_client_peer_inside_of_a_nat", &[(APPS, RELAY), (ROUTER, r#"(name: "router", nat: (outside: "wire"))"#), (r#"on: "router", run"#, r#"on: "server", run"#), (r#"to: "router""#, r#"to: "server""#), (r#"peer: "server""#, r#"peer: "client""#)]),
    ("turn_client_payload_too_short", &[(APPS, RELAY), ("count: 3", r#"count: 3, payload: "4 B""#)]),
    ("turn_client_sends_nothing", &[(APPS, RELAY), ("count: 3", "count: 0")]),
    ("turn_client_nameless", &[(APPS, RELAY), (r#"username: "alice""#, r#"username: """#)]),
    ("turn_client_tls_without_tcp", &[(APPS, RELAY), ("count: 3", "count: 3, tls: ()")]),
    ("stun_alternate_with_one_link", &[(APPS, r#"apps: [(name: "stun", on: "server", run: StunServer(alternate: ())),"#)]),
    ("stun_alternate_of_another_node", &[(WIRE, SECOND), (APPS, r#"apps: [(name: "stun", on: "server", run: StunServer(alternate: (address: "10.0.0.1"))),"#)]),
    ("stun_alternate_on_one_port", &[(APPS, r#"apps: [(name: "stun", on: "router", run: StunServer(alternate: (port: 3478))),"#)]),
];

/// What is warned of.
#[rustfmt::skip]
pub(super) const WARNINGS: &[Case] = &[
    ("turn_client_whose_peer_is_silent", &[(APPS, RELAY), ("peer_port: 9", "peer_port: 10")]),
    ("turn_client_with_another_password", &[(APPS, RELAY), (r#"password: "secret", peer"#, r#"password: "guess", peer"#)]),
    ("turn_client_of_a_relay_without_tcp", &[(APPS, RELAY), (", tcp: ())),", ")),"), ("count: 3", "count: 3, tcp: ()")]),
];
