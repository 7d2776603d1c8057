//! Cases of applications over TCP, and of their metrics.

use super::cases::Case;

/// What is refused.
#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    ("tcp_congestion_unknown", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001)), (name: "bulk", on: "client", run: TcpSource(to: "server", port: 5001, bytes: "1 MB", tcp: (congestion: NewRenno))),"#)]),
    ("tcp_profile_misspelt", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001, tcp: (profile: Linuks))),"#)]),
    ("tcp_field_misspelt", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001, tcp: (delayed_acks: "40 ms"))),"#)]),
    ("tcp_windows_beyond_all", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001, tcp: (receive_buffer: "2 GiB", send_buffer: "0 B", initial_window: 0))),"#)]),
    ("tcp_mss_tiny", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001, tcp: (mss: 87))),"#)]),
    ("tcp_mss_above_the_mtu", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001, tcp: (mss: 1461))),"#)]),
    ("tcp_mss_above_the_mtu_of_v6", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001, tcp: (mss: 1441))),"#), ("// more", "addresses: V6")]),
    ("tcp_timeouts_that_contradict", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001, tcp: (min_rto: "3 s", max_rto: "2 s"))),"#)]),
    ("tcp_rack_without_sack", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001, tcp: (sack: false, rack: true, tail_loss_probe: true))),"#)]),
    ("tcp_source_of_fields_for_listeners", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001)), (name: "bulk", on: "client", run: TcpSource(to: "server", port: 5001, bytes: "1 MB", tcp: (accept_backlog: 5, syn_backlog: 5, syn_cookies: true, syn_ack_retries: 3, fast_open: Server))),"#)]),
    ("tcp_sink_of_fields_for_callers", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001, tcp: (accept_backlog: 5, syn_retries: 3, syn_linear_retries: 1, fast_open: Client))), (name: "bulk", on: "client", run: TcpSource(to: "server", port: 5001, bytes: "1 MB")),"#)]),
    ("tcp_bbr_with_rules_for_others", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001)), (name: "bulk", on: "client", run: TcpSource(to: "server", port: 5001, bytes: "1 MB", tcp: (congestion: Bbr, prr: true, pacing: true, restart_after_idle: false))),"#)]),
    ("tcp_fields_of_the_other_direction", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001, tcp: (congestion: Bbr, nagle: false))), (name: "bulk", on: "client", run: TcpSource(to: "server", port: 5001, bytes: "1 MB", tcp: (delayed_ack: "0 s"))),"#)]),
    ("tcp_fixed_window_that_begins", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001)), (name: "bulk", on: "client", run: TcpSource(to: "server", port: 5001, bytes: "1 MB", tcp: (congestion: Fixed(window: 4), initial_window: 10, syn_losses: 1))),"#)]),
    ("tcp_dctcp_without_marks", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001, tcp: (congestion: Dctcp(), ecn: Off))), (name: "bulk", on: "client", run: TcpSource(to: "server", port: 5001, bytes: "1 MB", tcp: (congestion: Dctcp()))),"#)]),
    ("tcp_port_taken", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001)), (name: "web", on: "server", run: TcpServer(port: 5001)),"#)]),
    ("tcp_port_zero", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 0)), (name: "web", on: "client", run: TcpClient(to: "server", port: 0, count: 1)),"#)]),
    ("tcp_source_without_end", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001)), (name: "bulk", on: "client", run: TcpSource(to: "server", port: 5001)),"#)]),
    ("tcp_source_with_two_ends", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001)), (name: "bulk", on: "client", run: TcpSource(to: "server", port: 5001, bytes: "1 MB", stop: "5 s", stagger: "1 s", write_size: "0 B")),"#)]),
    ("tcp_source_of_no_flow", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001)), (name: "bulk", on: "client", run: TcpSource(to: "server", port: 5001, bytes: "0 B", flows: 0)),"#)]),
    ("tcp_flows_after_the_end", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001)), (name: "bulk", on: "client", run: TcpSource(to: "server", port: 5001, flows: 11, stagger: "1 s", stop: "10 s")),"#)]),
    ("tcp_client_of_idle_fields", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: TcpServer(port: 80, response: "15 B")), (name: "get", on: "client", run: TcpClient(to: "server", port: 80, count: 1, write_gap: "1 ms", timeout: "0 s", request: "2048 GiB")),"#)]),
    ("tcp_client_of_pieces", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: TcpServer(port: 80)), (name: "get", on: "client", run: TcpClient(to: "server", port: 80, count: 1, writes: 0, connections: Echa)),"#)]),
    ("tcp_source_to_a_group", &[("CoapServer()),", r#"CoapServer()), (name: "bulk", on: "client", run: TcpSource(to: "all", port: 5001, bytes: "1 kB")),"#), ("// more", r#"groups: [(name: "all", members: ["server"])]"#)]),
    ("figure_of_one_way_delays_of_a_stream", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001)), (name: "bulk", on: "client", run: TcpSource(to: "server", port: 5001, bytes: "1 kB")),"#), ("// more", r#"measure: [(app: "sink", metric: MeanOneWayDelay)]"#)]),
    ("figure_of_a_window_of_coap", &[("// more", r#"figures: [(name: "f", title: "F", panels: [(x: Time, x_label: "x", y_label: "y", series: [(label: "a", app: "con", metric: CongestionWindow)])])]"#)]),
    ("figure_of_a_window_of_nobody", &[("// more", r#"figures: [(name: "f", title: "F", panels: [(x: Time, x_label: "x", y_label: "y", series: [(label: "a", app: "server", metric: CongestionWindow)])])]"#)]),
    ("figure_of_a_window_as_a_number", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001)), (name: "bulk", on: "client", run: TcpSource(to: "server", port: 5001, bytes: "1 kB")),"#), ("// more", r#"expect: [(app: "bulk", metric: CongestionWindow, must: BeAtLeast("1"))]"#)]),
    ("figure_of_a_window_with_an_idle_bin", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001)), (name: "bulk", on: "client", run: TcpSource(to: "server", port: 5001, bytes: "1 kB")),"#), ("// more", r#"figures: [(name: "f", title: "F", panels: [(x: Time(bin: "1 s"), x_label: "x", y_label: "y", series: [(label: "a", app: "bulk", metric: CongestionWindow)])])]"#)]),
    ("figure_of_a_queue_without_bin", &[("// more", r#"figures: [(name: "f", title: "F", panels: [(x: Time, x_label: "x", y_label: "y", series: [(label: "a", link: "radio", direction: Forward, metric: QueueLength)])])]"#)]),
    ("impair_of_an_unknown_kind_of_tcp", &[(r#"loss: "1 %""#, r#"loss: "1 %", impair: (drop: [(of: "tcp.dta", which: Nth(1))])"#)]),
];

/// What runs, with a warning.
#[rustfmt::skip]
pub(super) const WARNINGS: &[Case] = &[
    // The number is that of CoAP's UDP port on the same node: that is another port.
    ("warning_tcp_port_without_listener", &[("CoapServer()),", r#"CoapServer()), (name: "bulk", on: "client", run: TcpSource(to: "server", port: 5683, bytes: "1 kB")),"#)]),
    ("warning_tcp_request_to_a_sink", &[("CoapServer()),", r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 80)), (name: "get", on: "client", run: TcpClient(to: "server", port: 80, count: 1)),"#)]),
    ("warning_tcp_data_to_a_server", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: TcpServer(port: 80)), (name: "bulk", on: "client", run: TcpSource(to: "server", port: 80, bytes: "1 kB")),"#)]),
];

/// A TCP port and a UDP port of one number are two ports.
#[test]
fn tcp_and_udp_share_numbers() {
    let loaded = super::load(&[(
        "CoapServer()),",
        r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5683)),
           (name: "bulk", on: "client", run: TcpSource(to: "server", port: 5683, bytes: "1 kB")),"#,
    )]);
    assert_eq!(loaded.unwrap().warnings, "");
}

/// 1460 B and 40 B of headers are the 1500 B that links carry by default.
#[test]
fn the_largest_segment_fits() {
    let text = r#"CoapServer()), (name: "sink", on: "server", run: TcpSink(port: 5001, tcp: (mss: 1460))),"#;
    assert!(super::load(&[("CoapServer()),", text)]).is_ok());
}
