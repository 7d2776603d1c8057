//! Cases of channels.

use super::cases::Case;

/// What is refused.
#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    ("channel_without_a_delay", &[("// more", r#"channels: [(name: "call", ends: ("client", "server"))],"#)]),
    ("channel_of_no_time", &[("// more", r#"channels: [(name: "call", ends: ("client", "server"), delay: "0 ms")],"#)]),
    ("channel_without_a_name", &[("// more", r#"channels: [(ends: ("client", "server"), delay: "50 ms")],"#)]),
    ("channel_to_an_unknown_node", &[("// more", r#"channels: [(name: "call", ends: ("client", "sever"), delay: "50 ms")],"#)]),
    ("channel_to_itself", &[("// more", r#"channels: [(name: "call", ends: ("client", "client"), delay: "50 ms")],"#)]),
    ("channel_with_a_rate", &[("// more", r#"channels: [(name: "call", ends: ("client", "server"), delay: "50 ms", rate: "1 Mbit/s")],"#)]),
    ("channel_that_damages", &[("// more", r#"channels: [(name: "call", ends: ("client", "server"), delay: "50 ms", impair: (corrupt: "1 %"))],"#)]),
    ("channel_exception_that_makes_none", &[("// more", r#"channels: [(name: "call", ends: ("client", "server"), delay: "50 ms", forward: (delay: "50 ms"))],"#)]),
    ("channel_with_a_taken_name", &[("// more", r#"channels: [(name: "call", ends: ("client", "server"), delay: "50 ms"), (name: "call", ends: ("client", "router"), delay: "1 ms")],"#)]),
    ("timeline_of_an_unknown_channel", &[("// more", r#"channels: [(name: "call", ends: ("client", "server"), delay: "50 ms")], timeline: [(at: "1 s", channel: "cal", up: false)],"#)]),
    ("timeline_channel_with_a_rate", &[("// more", r#"channels: [(name: "call", ends: ("client", "server"), delay: "50 ms")], timeline: [(at: "1 s", channel: "call", rate: "1 Mbit/s", loss: "5 %")],"#)]),
    ("timeline_channel_of_no_time", &[("// more", r#"channels: [(name: "call", ends: ("client", "server"), delay: "50 ms")], timeline: [(at: "1 s", channel: "call", delay: "0 ms")],"#)]),
    ("timeline_channel_up_already", &[("// more", r#"channels: [(name: "call", ends: ("client", "server"), delay: "50 ms")], timeline: [(at: "1 s", channel: "call", up: true)],"#)]),
    ("channels_of_groups_of_two_sizes", &[
        (r#"(name: "router")"#, r#"(name: "router"), (name: "caller", count: 2), (name: "callee", count: 3)"#),
        ("// more", r#"channels: [(name: "call", ends: ("caller", "callee"), delay: "50 ms")],"#),
    ]),
    ("channel_on_an_axis_misspelt", &[
        ("// more", r#"channels: [(name: "call", ends: ("client", "server"), delay: "50 ms")],"#),
        (r#"axes: ["#, r#"axes: [(name: "signalling", path: "channels.cal.delay", values: ["1 ms"]), "#),
    ]),
];
