//! Metrics of links and sinks against values worked out by hand, and figures of all kinds.

use super::{Basis, Summary, draw, summarise};
use crate::run::{Options, RunOutput, run_all};
use crate::scenario::{Loaded, Metric, Request, Subject, Way, load_text};
use protosim_reports::figure::Style;
use protosim_reports::statistics::Confidence;

const ONE: Options = Options { jobs: 1, threads: 1, watched: 0, capture: false, ladder: false, events: false };

/// Three datagrams of 1500 bytes of IP at once over 10 Mbit/s, 1.2 ms each, and 3 ms of delay, with room for one to wait.
const THREE: &str = r#"(
    format: 1,
    title: "Three at once",
    nodes: [(name: "a"), (name: "b")],
    links: [(name: "ab", ends: ("a", "b"), rate: "10 Mbit/s", delay: "3 ms", queue: "1 packets")],
    templates: {"once": UdpSource(to: "b", port: 9, rate: "1 Mbit/s", payload: "1472 B", count: 1)},
    apps: [
        (name: "sink", on: "b", run: UdpSink(port: 9)),
        (name: "one", on: "a", run: UdpSource(like: "once")),
        (name: "two", on: "a", run: UdpSource(like: "once")),
        (name: "three", on: "a", run: UdpSource(like: "once")),
    ],
    until: After("10 ms"),
    measure: [
        (link: "ab", direction: Forward, metric: MeanQueueDelay),
        (link: "ab", direction: Forward, metric: MedianQueueDelay),
        (link: "ab", direction: Forward, metric: P95QueueDelay),
        (link: "ab", direction: Forward, metric: QueueLength),
        (link: "ab", direction: Forward, metric: Utilisation),
        (link: "ab", direction: Forward, metric: Throughput),
        (link: "ab", direction: Forward, metric: Capacity),
        (link: "ab", direction: Forward, metric: LossShare),
        (link: "ab", direction: Forward, metric: DropShare),
        (link: "ab", direction: Forward, metric: QueueMarked),
        (link: "ab", direction: Backward, metric: Utilisation),
        (app: "sink", metric: Goodput),
        (app: "sink", metric: MeanOneWayDelay),
        (app: "sink", metric: MedianOneWayDelay),
        (app: "sink", metric: MarkedShare),
    ],
    // more
)"#;

fn run(text: &str) -> (Loaded, Vec<Vec<RunOutput>>, Summary) {
    let loaded = load_text("t", "t.ron", text, &Request::default(), false).unwrap_or_else(|error| panic!("{error}"));
    let outputs = run_all(&loaded, ONE, || ()).unwrap();
    let summary = summarise(&loaded, &outputs, Confidence::P95, Basis::Replications).unwrap();
    (loaded, outputs, summary)
}

fn forward() -> Subject {
    Subject::Link("ab".to_owned(), Way::Forward)
}

fn close(summary: &Summary, subject: &Subject, metric: Metric, expected: f64, share: f64) {
    let value = summary.find(0, subject, metric).unwrap_or_else(|| panic!("{metric:?}")).estimate.value;
    assert!((value - expected).abs() <= share * expected.abs() + 1e-15, "{metric:?}: {value}, expected {expected}");
}

/// Nothing is random, so that all replications agree: a mean of what is constant is exact, and its interval is itself. Shares of exchanges are
/// none: 6 of 6 still bound the true share from below.
#[test]
fn a_mean_over_replications_that_agree_is_exact() {
    let text = THREE.replace("// more", "replications: 3,").replace(r#"After("10 ms")"#, r#"After("30 ms")"#);
    let text = text.replace(
        "apps: [",
        r#"apps: [
        (name: "late", on: "a", run: Ping(to: "b", start: "6 ms", interval: "1 ms", count: 2)),"#,
    );
    let (_, _, summary) = run(&text);
    assert!(summary.rows.len() > 16, "{}", summary.rows.len());
    for row in &summary.rows {
        let estimate = &row.estimate;
        if matches!(row.metric, Metric::Delivered | Metric::Completed) {
            assert!(!estimate.exact, "{row:?}");
        } else {
            let value = Some(estimate.value);
            assert_eq!((estimate.exact, estimate.low, estimate.high), (true, value, value), "{row:?}");
        }
    }
    // With one replication nothing says how far a value may lie off.
    let (_, _, one) = run(THREE);
    let goodput = one.find(0, &Subject::App("sink".to_owned()), Metric::Goodput).unwrap().estimate;
    assert_eq!((goodput.exact, goodput.low, goodput.high), (false, None, None));
}

/// A request and its answer, confirmable and piggybacked, over 50 ms each way without loss: the server's application has the request after one of
/// them. Two packets for each exchange; of IPv4 and UDP they have 28 bytes, of CoAP (RFC 7252 §3) at least a header of four.
#[test]
fn requests_are_delivered_before_they_are_answered() {
    let text = r#"(
        format: 1, title: "Delivery", nodes: [(name: "a"), (name: "b")],
        links: [(name: "ab", ends: ("a", "b"), delay: "50 ms")],
        apps: [(name: "server", on: "b", run: CoapServer()), (name: "con", on: "a", run: CoapClient(to: "b", requests: 7))],
        measure: [(app: "con", metric: PacketsPerExchange), (app: "con", metric: BytesPerExchange)],
        // more
    )"#;
    let con = Subject::App("con".to_owned());
    for text in [text.to_owned(), text.replace("// more", "distributions: (exchanges: Sketch),")] {
        let (_, _, summary) = run(&text);
        for metric in [Metric::MeanDeliveryTime, Metric::MedianDeliveryTime, Metric::P95DeliveryTime] {
            close(&summary, &con, metric, 0.05, 0.008);
        }
        close(&summary, &con, Metric::MeanDeliveryTime, 0.05, 1e-12);
        close(&summary, &con, Metric::MeanCompletion, 0.1, 1e-12);
        close(&summary, &con, Metric::PacketsPerExchange, 2.0, 1e-12);
        let bytes = summary.find(0, &con, Metric::BytesPerExchange).unwrap().estimate.value;
        assert!((64.0..200.0).contains(&bytes), "{bytes}");
    }
}

/// A request each second, delivered after 50 ms and answered after 100 ms. From 2.07 s to 4.03 s there are the delivery of 3.05 s and the responses of 2.1 s and 3.1 s, the first of
/// which is of an exchange that begins before.
#[test]
fn rates_count_what_happens_in_the_window() {
    let text = r#"(
        format: 1, title: "Rates", nodes: [(name: "a"), (name: "b")],
        links: [(name: "ab", ends: ("a", "b"), delay: "50 ms")],
        apps: [(name: "server", on: "b", run: CoapServer()), (name: "con", on: "a", run: CoapClient(to: "b", requests: 7, interval: "1 s"))],
        measure: [(app: "con", metric: DeliveryRate), (app: "con", metric: CompletionRate)],
        warmup: "2.07 s",
        // more
    )"#;
    let con = Subject::App("con".to_owned());
    for end in [r#"until: After("4.03 s"),"#, r#"until: After("9 s"), window: "1.96 s","#] {
        for kept in ["", "distributions: (exchanges: Sketch),"] {
            let (_, _, summary) = run(&text.replace("// more", &format!("{end} {kept}")));
            close(&summary, &con, Metric::DeliveryRate, 1.0 / 1.96, 1e-12);
            close(&summary, &con, Metric::CompletionRate, 2.0 / 1.96, 1e-12);
        }
    }
}

/// The first waits 0 ms, the second 1.2 ms, the third is dropped. In 10 ms the link works for 2.4 ms; 2 · 1500 B are
/// 2.4 Mbit/s, their payload 2 · 1472 B = 2.3552 Mbit/s. They arrive after 1.2 + 3 and 2.4 + 3 ms. Quantiles are of
/// ranks: of two values the median is the first.
#[test]
fn three_packets_at_once() {
    let (_, _, summary) = run(THREE);
    let sink = Subject::App("sink".to_owned());
    let link = forward();
    for (metric, expected) in [
        (Metric::MeanQueueDelay, 0.000_6),
        (Metric::MedianQueueDelay, 0.0),
        // 1500 B wait for 1.2 of 10 ms.
        (Metric::QueueLength, 180.0),
        (Metric::Utilisation, 0.24),
        (Metric::Throughput, 2.4e6),
        (Metric::Capacity, 1e7),
        (Metric::LossShare, 0.0),
        (Metric::DropShare, 1.0 / 3.0),
        (Metric::QueueMarked, 0.0),
    ] {
        close(&summary, &link, metric, expected, 1e-12);
    }
    close(&summary, &link, Metric::P95QueueDelay, 0.001_2, 0.008);
    close(&summary, &Subject::Link("ab".to_owned(), Way::Backward), Metric::Utilisation, 0.0, 0.0);
    close(&summary, &sink, Metric::Goodput, 2.3552e6, 1e-12);
    close(&summary, &sink, Metric::MeanOneWayDelay, 0.004_8, 1e-12);
    close(&summary, &sink, Metric::MedianOneWayDelay, 0.004_2, 0.008);
    close(&summary, &sink, Metric::MarkedShare, 0.0, 0.0);
}

/// From 1 ms to 10 ms the link works from 1 to 2.4 ms; both packets leave in that time, but were offered before, so that no wait
/// counts. Drops were before, too.
#[test]
fn the_window_cuts_what_lies_outside() {
    let (_, _, summary) = run(&THREE.replace("// more", r#"warmup: "1 ms","#));
    close(&summary, &forward(), Metric::Utilisation, 1.4 / 9.0, 1e-12);
    close(&summary, &forward(), Metric::Throughput, 24_000.0 / 0.009, 1e-12);
    close(&summary, &forward(), Metric::DropShare, 0.0, 0.0);
    assert!(summary.find(0, &forward(), Metric::MeanQueueDelay).is_none());
}

/// The rate doubles at 0.6 ms, in the middle of the first packet: its rest takes 0.3 ms, the second one 0.6 ms. The link works
/// for 1.5 ms of 10 ms; waits are 0 and 0.9 ms. It could have sent 0.6 ms · 10 Mbit/s + 9.4 ms · 20 Mbit/s = 194 kbit.
#[test]
fn a_change_of_rate_in_the_middle_of_a_packet() {
    let change = r#"timeline: [(at: "600 us", link: "ab", direction: Forward, rate: "20 Mbit/s")],"#;
    let (_, _, summary) = run(&THREE.replace("// more", change));
    close(&summary, &forward(), Metric::Utilisation, 0.15, 1e-12);
    close(&summary, &forward(), Metric::MeanQueueDelay, 0.000_45, 1e-12);
    close(&summary, &forward(), Metric::Capacity, 19.4e6, 1e-12);
    close(&summary, &forward(), Metric::Throughput, 2.4e6, 1e-12);
    close(&summary, &forward(), Metric::DropShare, 1.0 / 3.0, 1e-12);
}

/// What goes down at 0.6 ms has worked for 0.6 ms and sent nothing.
#[test]
fn a_packet_that_an_outage_cuts_off_does_not_count_as_sent() {
    let change = r#"timeline: [(at: "600 us", link: "ab", up: false)],"#;
    let (_, _, summary) = run(&THREE.replace("// more", change));
    close(&summary, &forward(), Metric::Utilisation, 0.06, 1e-12);
    close(&summary, &forward(), Metric::Throughput, 0.0, 0.0);
    close(&summary, &forward(), Metric::Capacity, 6e5, 1e-12);
}

/// Two replications make t intervals of the width of 12.7 standard errors: they still end at 0 and 1.
#[test]
fn intervals_end_where_their_metric_does() {
    let (_, _, summary) = run(ALL_KINDS);
    let loss = summary.find(0, &forward(), Metric::LossShare).unwrap().estimate;
    assert!(loss.low.unwrap() >= 0.0 && loss.high.unwrap() <= 1.0 && loss.contains(loss.value), "{loss:?}");
}

/// Poisson traffic, loss, two variants and all kinds of panels.
const ALL_KINDS: &str = r#"(
    format: 1,
    title: "All kinds",
    nodes: [(name: "a"), (name: "b"), (name: "c")],
    links: [
        (name: "ab", ends: ("a", "b"), rate: "1 Mbit/s", delay: "2 ms", loss: "10 %", queue: "20 packets"),
        (name: "bc", ends: ("b", "c"), rate: "2 Mbit/s", delay: "5 ms"),
    ],
    apps: [
        (name: "sink", on: "c", run: UdpSink(port: 9)),
        (name: "source", on: "a", run: UdpSource(to: "c", port: 9, rate: "900 kbit/s", payload: "500 B", pattern: Poisson)),
        (name: "ping", on: "a", run: Ping(to: "c", interval: "50 ms")),
    ],
    until: After("5 s"),
    replications: 2,
    variants: [(name: "slow"), (name: "fast", set: {"links.ab.rate": "4 Mbit/s"})],
    figures: [(
        name: "f", title: "F",
        panels: [
            (x: "variant", x_label: "", y_label: "Delay", series: [
                (label: "ping", app: "ping", metric: MeanCompletion),
                (label: "sink", app: "sink", metric: P95OneWayDelay),
                (label: "wait", link: "ab", direction: Forward, metric: P99QueueDelay),
            ]),
            (x: "variant", x_label: "", y_label: "Share", y_scale: Log, series: [(label: "use", link: "ab", direction: Forward, metric: Utilisation)]),
            (x: Time(bin: "100 ms"), x_label: "Time", y_label: "Rate", series: [
                (label: "throughput", link: "ab", direction: Forward, metric: Throughput),
                (label: "goodput", app: "sink", metric: Goodput),
                (label: "capacity", link: "bc", direction: Forward, metric: Capacity),
            ]),
            (x: Time, x_label: "Time", y_label: "Delay", series: [
                (label: "ping", app: "ping", metric: Completion), (label: "sink", app: "sink", metric: OneWayDelay),
            ]),
            (x: Distribution, x_label: "Delay", y_label: "Share", x_scale: Log, series: [
                (label: "ping", app: "ping", metric: Completion), (label: "sink", app: "sink", metric: OneWayDelay),
            ]),
            (x: Distribution, x_label: "Wait", y_label: "Share", series: [(label: "", link: "ab", direction: Forward, metric: QueueDelay)]),
        ],
    )],
    expect: [(link: "ab", direction: Forward, metric: LossShare, must: AgreeWith("0.1"))],
)"#;

#[test]
fn figures_of_all_kinds_are_drawn_whole() {
    let (loaded, outputs, summary) = run(ALL_KINDS);
    let drawn = draw(&loaded, &outputs, &summary, &loaded.scenario.figures[0]).unwrap();
    assert!(drawn.notes.is_empty(), "{:?}", drawn.notes);
    let figure = drawn.figure.unwrap();
    let labels = |panel: usize| figure.panels[panel].series.iter().map(|s| s.label.clone()).collect::<Vec<_>>();
    assert_eq!(figure.panels.len(), 6);
    assert_eq!(figure.panels[0].x.categories, ["slow", "fast"]);
    assert_eq!(labels(0), ["ping", "sink", "wait"]);
    // What `bc` can send is the same for both.
    let over_time = ["throughput, slow", "throughput, fast", "goodput, slow", "goodput, fast", "capacity"];
    assert_eq!(labels(2), over_time);
    assert_eq!(labels(5), ["slow", "fast"]);
    // 5 s in bins of 100 ms, and the last value to the end.
    assert_eq!(figure.panels[2].series[0].points.len(), 51);
    assert!(figure.panels[4].series.iter().all(|s| s.points.last().unwrap().y == 1.0));
    assert!(figure.to_svg().unwrap().contains("throughput, slow"));
    // The bytes of all bins are those of the summary, whatever the bins.
    let meter = &outputs[0][0].measured.links[&("ab".to_owned(), Way::Forward)].meter;
    let in_bins: f64 = figure.panels[2].series[0].points[..50].iter().map(|point| point.y * 0.1 / 8.0).sum();
    assert!((in_bins - meter.bytes() as f64).abs() < 1.0, "{in_bins} {}", meter.bytes());
    // One-way: at least 5 ms + 2 ms, and 528 B at 1 and 2 Mbit/s: 4.224 + 2.112 ms.
    let least = figure.panels[4].series[2].points[0].x;
    assert!((0.013_336..0.013_5).contains(&least), "{least}");
}

/// Two axes that advance together make two lines, which go by the first one.
#[test]
fn of_axes_that_advance_together_the_first_one_names_lines() {
    let (loaded, outputs, summary) = run(r#"(
        format: 1, title: "t",
        nodes: [(name: "a"), (name: "b")],
        links: [(name: "ab", ends: ("a", "b"), rate: "1 Mbit/s", delay: "1 ms")],
        apps: [(name: "ping", on: "a", run: Ping(to: "b", count: 2, interval: "50 ms"))],
        axes: [
            (name: "rate", path: "links.ab.rate", values: ["1 Mbit/s", "2 Mbit/s"]),
            (name: "delay", path: "links.ab.delay", values: ["1 ms", "2 ms"], zip: "z"),
            (name: "every", path: "apps.ping.run.interval", values: ["50 ms", "60 ms"], zip: "z"),
        ],
        figures: [(name: "f", title: "F", panels: [
            (x: "rate", x_label: "x", y_label: "y", series: [(label: "ping", app: "ping", metric: MeanCompletion)]),
        ])],
    )"#);
    let figure = draw(&loaded, &outputs, &summary, &loaded.scenario.figures[0]).unwrap().figure.unwrap();
    let labels: Vec<&str> = figure.panels[0].series.iter().map(|series| series.label.as_str()).collect();
    assert_eq!(labels, ["ping, delay 0.001 s", "ping, delay 0.002 s"]);
}

/// A design of eight points over rate and delay, crossed with two lengths and two variants.
const DESIGN: &str = r#"(
    format: 1, title: "t",
    nodes: [(name: "a"), (name: "b")],
    links: [(name: "ab", ends: ("a", "b"), rate: "1 Mbit/s", delay: "1 ms")],
    apps: [(name: "ping", on: "a", run: Ping(to: "b", count: 2, interval: "1 s"))],
    design: Sobol(points: 8),
    axes: [
        (name: "rate", path: "links.ab.rate", log_range: (from: "1 Mbit/s", to: "100 Mbit/s")),
        (name: "payload", path: "apps.ping.run.payload", values: ["100 B", "1000 B"]),
        (name: "delay", path: "links.ab.delay", range: (from: "1 ms", to: "9 ms")),
    ],
    variants: [(name: "two"), (name: "three", set: {"apps.ping.run.count": 3})],
    replications: 2,
    figures: [(name: "f", title: "F", panels: [
        (x: "delay", x_label: "x", y_label: "y", variant: "two",
            series: [(label: "ping", app: "ping", metric: MeanCompletion)],
            formulas: [
                (label: "light", of: "ping", y: "2 * delay"),
                (label: "all", of: "ping", y: "2 * delay + sent", where: [("sent", "16 * (payload + 28) / rate")]),
            ]),
        (x: "payload", x_label: "x", y_label: "y", variant: "two",
            series: [(label: "ping", app: "ping", metric: MeanCompletion)],
            formulas: [(label: "light", y: "2 * payload"), (label: "slow", y: "payload / rate")]),
        (x: "variant", x_label: "x", y_label: "y",
            series: [(label: "ping", app: "ping", metric: MeanCompletion)]),
    ])],
)"#;

/// Over an axis of the design there is a cloud for each payload; over the payload one cloud; over variants one for each payload. A ping of n bytes
/// takes 2 · (delay + 8 (n + 28) / rate). A formula of the axis alone is a curve; one of other axes of the design is a value at each point.
#[test]
fn points_of_a_design_are_clouds_in_order_of_x() {
    let (loaded, outputs, summary) = run(DESIGN);
    let figure = draw(&loaded, &outputs, &summary, &loaded.scenario.figures[0]).unwrap().figure.unwrap();
    figure.check().unwrap();
    let kinds = |panel: usize| -> Vec<(&str, Style, usize)> {
        let series = figure.panels[panel].series.iter();
        series.map(|series| (series.label.as_str(), series.style, series.points.len())).collect()
    };
    assert_eq!(
        kinds(0),
        [
            ("ping, payload 100 B", Style::Scatter, 8),
            ("light, payload 100 B", Style::Formula, 201),
            ("all, payload 100 B", Style::Marks, 8),
            ("ping, payload 1000 B", Style::Scatter, 8),
            ("light, payload 1000 B", Style::Formula, 201),
            ("all, payload 1000 B", Style::Marks, 8),
        ]
    );
    assert_eq!(kinds(1), [("ping", Style::Scatter, 16), ("light", Style::Formula, 201), ("slow", Style::Marks, 16)]);
    assert_eq!(kinds(2), [("ping, payload 100 B", Style::Dots, 16), ("ping, payload 1000 B", Style::Dots, 16)]);
    let [measured, _, formula, ..] = &figure.panels[0].series[..] else { panic!("six series") };
    let xs: Vec<f64> = measured.points.iter().map(|point| point.x).collect();
    assert_eq!(xs, [0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.007, 0.008]);
    for (point, expected) in measured.points.iter().zip(&formula.points) {
        assert!((point.x, point.low) == (expected.x, Some(point.y)), "{point:?}");
        assert!((point.y - expected.y).abs() < 2e-9, "{point:?} {expected:?}");
    }
}

#[test]
fn measurements_are_the_same_for_any_number_of_threads() {
    let loaded = load_text("t", "t.ron", ALL_KINDS, &Request::default(), false).unwrap();
    let plain = run_all(&loaded, ONE, || ()).unwrap();
    for options in [
        Options { threads: 2, ..ONE },
        Options { threads: 8, ..ONE },
        Options { jobs: 2, ..ONE },
        Options { capture: true, ..ONE },
    ] {
        let other = run_all(&loaded, options, || ()).unwrap();
        for (a, b) in plain.iter().flatten().zip(other.iter().flatten()) {
            assert_eq!((&a.measured, &a.digests), (&b.measured, &b.digests), "{options:?}");
        }
    }
}

/// Four datagrams of 1500 B at once over 10 Mbit/s leave from 0, 1.2, 2.4 and 3.6 ms on: 4500, 3000, 1500 and 0 B wait. The mean
/// over the first millisecond is 4500 B; over the second 0.2 · 4500 + 0.8 · 3000 = 3300 B; over the third 0.4 · 3000 + 0.6 · 1500 =
/// 2100 B; over the fourth 0.6 · 1500 = 900 B; then nothing.
#[test]
fn the_length_of_a_queue_over_time() {
    let panel = r#"figures: [(name: "f", title: "F", panels: [(x: Time(bin: "1 ms"), x_label: "", y_label: "", series: [
        (label: "q", link: "ab", direction: Forward, metric: QueueLength)])])],"#;
    let four = r#"(name: "four", on: "a", run: UdpSource(like: "once")),"#;
    let text = THREE.replace("// more", panel).replace("queue: \"1 packets\"", "queue: \"9 packets\"");
    let (loaded, outputs, summary) = run(&text.replace(r#"(name: "three","#, &format!(r#"{four} (name: "three","#)));
    let figure = draw(&loaded, &outputs, &summary, &loaded.scenario.figures[0]).unwrap().figure.unwrap();
    let lengths: Vec<f64> = figure.panels[0].series[0].points.iter().take(6).map(|point| point.y).collect();
    for (length, expected) in lengths.iter().zip([4500.0, 3300.0, 2100.0, 900.0, 0.0, 0.0]) {
        assert!((length - expected).abs() < 1e-9, "{lengths:?}");
    }
}

/// Measuring changes nothing: the same digests, exchanges and counts as without.
#[test]
fn what_is_measured_changes_nothing() {
    let cut = ALL_KINDS.find("    figures:").unwrap();
    let plain = format!("{})", &ALL_KINDS[..cut]);
    let ((_, with, _), (_, without, _)) = (run(ALL_KINDS), run(&plain));
    for (a, b) in with.iter().flatten().zip(without.iter().flatten()) {
        assert_eq!((&a.digests, &a.exchanges, &a.totals), (&b.digests, &b.exchanges, &b.totals));
        assert!(b.measured.links.is_empty() && b.measured.sinks.is_empty());
    }
}

#[test]
fn the_catalogue_has_each_name_once_and_says_what_it_is() {
    let entries: Vec<_> = Metric::ALL.iter().map(|metric| metric.entry()).collect();
    for (index, entry) in entries.iter().enumerate() {
        assert!(!entry.definition.is_empty() && !entry.condition.is_empty());
        assert!(entries[..index].iter().all(|other| other.name != entry.name), "{}", entry.name);
    }
    for metric in Metric::ALL {
        let is_quantile = [" p50", " p95", " p99"].iter().any(|end| metric.name().ends_with(end));
        assert_eq!(metric.quantile().is_some(), is_quantile, "{metric:?}");
    }
}
