//! Cases of str0m as an end of ICE.

use super::cases::Case;

/// The first needs a program without it, the second one is refused by any.
#[rustfmt::skip]
pub(super) const CASES: [Case; 2] = [
    ("ice_str0m_that_is_not_there", &[
        ("CoapServer()),", r#"CoapServer()), (name: "alice", on: "client", run: IceAgent(channel: "call", role: Offers, implementation: Str0m)),"#),
        ("// more", r#"channels: [(name: "call", ends: ("client", "server"), delay: "50 ms")],"#),
    ]),
    ("ice_str0m_that_is_told_too_much", &[
        ("CoapServer()),", r#"CoapServer()), (name: "alice", on: "client", run: IceAgent(channel: "call", role: Offers, implementation: Str0m, streams: 2, components: 2, tcp_port: 7000, mode: Lite, patience: "1 s", consent_interval: "4 s", consent_expiry: "20 s", restart_after: "10 s", rto: "1 s")),"#),
        ("// more", r#"channels: [(name: "call", ends: ("client", "server"), delay: "50 ms")],"#),
    ]),
];
