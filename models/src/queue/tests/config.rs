//! What a user writes, what it means, and what is refused.

use super::*;
use crate::link::{Mtu, QueueLimit};
use protosim_core::Size;

/// As a scenario is read, as far as plain RON goes: fields without `Some`, variants without a second pair of brackets.
fn read(text: &str) -> Result<QueueConfig, String> {
    language().from_str(text).map_err(|error| error.to_string())
}

fn language() -> ron::Options {
    ron::Options::default()
        .with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME)
        .with_default_extension(ron::extensions::Extensions::UNWRAP_VARIANT_NEWTYPES)
}

/// Constants as the RFCs give them, each typed anew here.
#[test]
fn what_is_not_said_is_as_the_rfc_says() {
    let codel = r#"CoDel(limit: "1000 packets", target: "5 ms", interval: "100 ms", ecn: false)"#;
    assert_eq!(read("CoDel()"), read(codel));
    let fq_codel = r#"FqCoDel(limit: "10240 packets", target: "5 ms", interval: "100 ms", quantum: "1514 B", flows: 1024, ecn: true)"#;
    assert_eq!(read("FqCoDel()"), read(fq_codel));
    let pie = r#"Pie(limit: "1000 packets", target: "15 ms", update: "15 ms", alpha: "0.125 Hz", beta: "1.25 Hz",
        burst: "150 ms", mean_packet: "1024 B", ecn: false, mark_below: "10 %", derandomized: false)"#;
    assert_eq!(read("Pie()"), read(pie));
    let dual = r#"DualPi2(limit: "10000 packets", target: "15 ms", rtt_max: "100 ms", coupling: 2, min_threshold: "800 us",
        range: "400 us", min_packets: 1, classic_weight: 10, l4s_weight: 90)"#;
    assert_eq!(read("DualPi2()"), read(dual));
    let red = r#"Red(limit: "25 packets", min_threshold: "5 packets", max_threshold: "15 packets", max_probability: "2 %",
        weight: "0.2 %", gentle: true, mean_packet: "500 B", ecn: false)"#;
    assert_eq!(read("Red()"), read(red));
    for text in [codel, fq_codel, pie, dual, red] {
        assert_eq!(read(text).unwrap().check(), [], "{text}");
    }
    assert_eq!(QueueConfig::default(), QueueConfig::DropTail(QueueLimit::Packets(1000)));
}

#[test]
fn what_is_written_reads_back() {
    let texts = [
        r#"DropTail("64 KiB")"#,
        r#"CoDel(target: "7 ms", ecn: true)"#,
        r#"FqCoDel(flows: 7)"#,
        r#"Pie(alpha: "0.3 Hz", derandomized: true)"#,
        r#"DualPi2(update: "16 ms", alpha: "0.16 Hz", beta: "3.2 Hz")"#,
        r#"Red(bandwidth: "2 Mbit/s", gentle: false)"#,
        r#"Threshold(mark_above: "20 packets")"#,
        r#"Priority(classes: [(dscp: [46], queue: CoDel()), (ports: [5683]), ()])"#,
        r#"Priority(scheduler: Weighted, classes: [(dscp: [46], weight: 3), (queue: DropTail("5 packets"))])"#,
    ];
    for text in texts {
        let config = read(text).unwrap();
        assert_eq!(config.check(), [], "{text}");
        assert_eq!(read(&language().to_string(&config).unwrap()), Ok(config), "{text}");
    }
    for (text, part) in [
        (r#"CoDel(targt: "5 ms")"#, "targt"),
        (r#"Pie(alpha: "0.125")"#, "0.125 Hz"),
        (r#"Pie(alpha: "-1 Hz")"#, "0 Hz to"),
        (r#"Pie(alpha: "0.1234567 Hz")"#, "six decimals"),
        (r#"Pie(alpha: "inf Hz")"#, "0 Hz to"),
        ("Threshold()", "mark_above"),
        (r#"Blue(limit: "5 packets")"#, "Blue"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}

/// Each field that cannot take effect is named by its path.
#[test]
fn what_makes_no_sense_is_refused() {
    for (text, fields) in [
        (r#"CoDel(limit: "0 packets", target: "100 ms")"#, vec!["limit", "interval"]),
        (r#"CoDel(target: "0 ms")"#, vec!["target"]),
        (r#"FqCoDel(quantum: "255 B", flows: 0)"#, vec!["quantum", "flows"]),
        (r#"Pie(update: "1 us", alpha: "0 Hz", mark_below: "5 %")"#, vec!["update", "alpha", "mark_below"]),
        (r#"Pie(ecn: true, mark_below: "0 %")"#, vec!["mark_below"]),
        (r#"DualPi2(coupling: 0, classic_weight: 0)"#, vec!["coupling", "classic_weight"]),
        (r#"DualPi2(rtt_max: "50 ms", update: "10 ms", alpha: "1 Hz", beta: "1 Hz")"#, vec!["rtt_max"]),
        (r#"DualPi2(target: "1 us")"#, vec!["target"]),
        (r#"DualPi2(update: "1 us")"#, vec!["update"]),
        (r#"Red(max_threshold: "5 packets", weight: "0 %")"#, vec!["max_threshold", "weight"]),
        (r#"Red(max_threshold: "15 kB", max_probability: "0 %")"#, vec!["max_threshold", "max_probability"]),
        (r#"Red(limit: "5 packets", mean_packet: "0 B")"#, vec!["min_threshold", "mean_packet"]),
        (r#"Threshold(mark_above: "1000 packets")"#, vec!["mark_above"]),
        (r#"Priority(classes: [()])"#, vec!["classes"]),
        (r#"Priority(classes: [(), (dscp: [1])])"#, vec!["classes.0", "classes.1"]),
        (
            r#"Priority(classes: [(dscp: [64], ports: [0], weight: 2), (dscp: [64]), ()])"#,
            vec!["classes.0.dscp", "classes.0.ports", "classes.0.weight", "classes.1.dscp", "classes.1.dscp"],
        ),
        (
            r#"Priority(scheduler: Weighted, classes: [(dscp: [1], weight: 0, queue: DropTail("0 packets")), (queue: CoDel(target: "0 s"))])"#,
            vec!["classes.0.weight", "classes.0.queue", "classes.1.queue.target"],
        ),
    ] {
        let found = read(text).unwrap().check();
        assert_eq!(found.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(), fields, "{found:?}");
    }
    // A link works without any place to wait.
    assert_eq!(read(r#"DropTail("0 packets")"#).unwrap().check(), []);
}

#[test]
fn a_limit_below_the_mtu_is_found() {
    let fields = |text: &str| -> Vec<String> {
        read(text).unwrap().check_mtu(Mtu::default()).into_iter().map(|(field, _)| field).collect()
    };
    assert_eq!(fields(r#"CoDel(limit: "1499 B")"#), ["limit"]);
    assert_eq!(fields(r#"CoDel(limit: "1500 B")"#), [""; 0]);
    assert_eq!(fields(r#"DropTail("10 B")"#), [""; 0]);
    assert_eq!(
        fields(r#"Priority(classes: [(dscp: [1], queue: Pie(limit: "1 kB")), (queue: DropTail("1 kB"))])"#),
        ["classes.0.queue.limit", "classes.1.queue"]
    );
}

/// What the checks refuse is not reached by scenarios, but must neither panic nor hang.
#[test]
fn even_refused_settings_come_to_an_end() {
    let zero = Size::from_bytes(0);
    let configs: Vec<QueueConfig> = vec![
        CoDelConfig { target: Span::ZERO, interval: Span::ZERO, ..CoDelConfig::default() }.into(),
        FqCoDelConfig { quantum: zero, flows: 0, target: Span::ZERO, ..FqCoDelConfig::default() }.into(),
        PieConfig { update: Span::ZERO, target: Span::ZERO, mean_packet: zero, ..PieConfig::default() }.into(),
        DualPi2Config { update: Some(Span::ZERO), rtt_max: Span::ZERO, coupling: 0, ..DualPi2Config::default() }.into(),
        DualPi2Config { classic_weight: 0, l4s_weight: 0, ..DualPi2Config::default() }.into(),
        RedConfig { mean_packet: zero, max_threshold: QueueLimit::Packets(0), ..RedConfig::default() }.into(),
        PriorityConfig { scheduler: Scheduler::Weighted, classes: Vec::new() }.into(),
    ];
    for config in configs {
        let mut bench = Bench { queue: Queue::new(&config, SEED, "a"), drops: Vec::new(), next: 0 };
        for round in 0..50 {
            bench.fill(round * 7 * MS, 3, 1, 1500, Ecn::Ect1);
            bench.fill(round * 7 * MS, 3, 2, 40, Ecn::NotEct);
            bench.get(round * 7 * MS + 5);
        }
    }
}
