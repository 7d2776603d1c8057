//! Whole messages for wrong scenarios, as snapshots (golden texts: read each change), and the shipped scenarios.

use super::{Request, library, load, load_text};

/// A scenario without mistakes, to break in one place at a time.
const GOOD: &str = r#"(
    format: 1,
    title: "Two nodes",
    nodes: [(name: "client"), (name: "server")],
    links: [(name: "radio", ends: ("client", "server"), rate: "250 kbit/s", delay: "50 ms", loss: "1 %")],
    apps: [
        (name: "server", on: "server", run: CoapServer()),
        (name: "con", on: "client", run: CoapClient(to: "server", requests: 10)),
    ],
    axes: [(name: "loss", path: "links.radio.loss", values: ["0 %", "10 %"])],
)"#;

fn mistakes(text: &str, set: &[&str]) -> String {
    let set = set.iter().map(|argument| (*argument).to_owned()).collect();
    let request = Request { scenario: String::new(), set, seed: None };
    load_text("test", "test.ron", text, &request, false).expect_err("the scenario is wrong")
}

fn replaced(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    mistakes(&GOOD.replacen(from, to, 1), &[])
}

#[test]
fn the_scenario_that_is_broken_below_is_sound() {
    let loaded = load_text("test", "test.ron", GOOD, &Request::default(), false).unwrap();
    assert_eq!(loaded.points.len(), 2);
}

#[test]
fn every_shipped_experiment_loads() {
    for shipped in library::SHIPPED {
        let request = Request { scenario: shipped.name.to_owned(), ..Request::default() };
        let loaded = load(&request, false).unwrap_or_else(|why| panic!("{}: {why}", shipped.name));
        assert_eq!(loaded.warnings, "", "{}", shipped.name);
    }
    assert!(library::SHIPPED.is_sorted_by_key(|shipped| shipped.name));
}

#[test]
fn an_unknown_experiment_names_the_nearest() {
    let request = Request { scenario: "coap-los".to_owned(), ..Request::default() };
    insta::assert_snapshot!(load(&request, false).unwrap_err());
}

#[test]
fn an_override_of_what_an_axis_varies() {
    let message = mistakes(GOOD, &["links.0.loss=2 %"]);
    for part in ["`links.0.loss` has no effect here", "this axis", "--set loss=VALUE"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn an_unknown_field() {
    insta::assert_snapshot!(replaced("delay:", "dely:"));
}

#[test]
fn a_link_to_a_node_that_is_not_there() {
    insta::assert_snapshot!(replaced(r#"("client", "server")"#, r#"("client", "sever")"#));
}

#[test]
fn a_missing_unit() {
    insta::assert_snapshot!(replaced(r#""50 ms""#, r#""50""#));
}

#[test]
fn a_negative_rate() {
    insta::assert_snapshot!(replaced(r#""250 kbit/s""#, r#""-250 kbit/s""#));
}

#[test]
fn two_nodes_with_one_name() {
    insta::assert_snapshot!(replaced(r#"(name: "server")],"#, r#"(name: "server"), (name: "server")],"#));
}

#[test]
fn a_field_that_can_have_no_effect() {
    insta::assert_snapshot!(replaced(r#"requests: 10"#, r#"confirmable: false, transmission: (max_retransmit: 2)"#));
}

#[test]
fn a_queue_without_a_rate() {
    insta::assert_snapshot!(replaced(r#"rate: "250 kbit/s""#, r#"queue: "10 packets""#));
}

#[test]
fn an_axis_over_a_path_that_is_not_there() {
    insta::assert_snapshot!(replaced("links.radio.loss", "links.ratio.loss"));
}

#[test]
fn an_axis_value_that_the_field_refuses() {
    insta::assert_snapshot!(replaced(r#"["0 %", "10 %"]"#, r#"["0 ms", "10 ms"]"#));
}

#[test]
fn an_override_of_a_field_that_is_not_there() {
    insta::assert_snapshot!(mistakes(GOOD, &["links.radio.los=2 %"]));
}

#[test]
fn all_mistakes_at_once() {
    let text = GOOD
        .replace("delay:", "dely:")
        .replace("CoapServer", "CoapSrever")
        .replace(r#"to: "server""#, r#"to: "sever""#);
    insta::assert_snapshot!(mistakes(&text, &["links.radio.rate=10 mb/s"]));
}

/// A wrong quantity, a misspelt field and a misspelt variant hide nothing of what is wrong elsewhere: names, references,
/// unreachable nodes, values of axes, formulas.
#[test]
fn mistakes_of_all_kinds_are_found_in_one_go() {
    let text = r#"(
    format: 1,
    titel: "Many",
    nodes: [(name: "a"), (name: "a"), (name: "b"), (name: "c")],
    links: [
        (name: "ab", ends: ("a", "b"), rate: "-5 bit/s"),
        (name: "self", ends: ("b", "b"), delay: "1 ms"),
        (name: "plain", ends: ("a", "b"), delay: "1 ms", queue: "10 packets"),
    ],
    apps: [
        (name: "p", on: "a", run: Ping(to: "b", count: 0)),
        (name: "p", on: "b", run: Pong(to: "a")),
        (name: "q", on: "d", run: CoapServer(port: 0)),
    ],
    axes: [(name: "delay", path: "links.plain.delay", values: ["1 ms", "2 %"]), (name: "x", path: "link.plain.loss", values: ["1 %"])],
    expect: [(app: "p", metric: Completed, must: BeAtLeast("1 / 0"))],
)"#;
    insta::assert_snapshot!(mistakes(text, &[]));
}

/// Fields that are not written out can be overridden, however deep; one that does not exist is named.
#[test]
fn overrides_reach_fields_that_are_not_written_out() {
    let set = ["apps.con.run.transmission.ack_timeout=1 s", "links.radio.forward.loss=3 %", "limits.events=5000"];
    let request = Request { set: set.map(str::to_owned).to_vec(), ..Request::default() };
    let loaded = load_text("t", "t.ron", GOOD, &request, false).unwrap();
    assert_eq!(loaded.scenario.links[0].direction(true).loss, Some("3 %".parse().unwrap()));
    assert_eq!(loaded.scenario.limits.events, Some(5000));
    insta::assert_snapshot!(mistakes(GOOD, &["apps.con.run.transmission.ack_timeuot=1 s"]));
}

#[test]
fn a_key_that_is_given_twice() {
    let cpu = r#"device: (cpu: {"coap.decode": (per_call: "1 s"), "coap.decode": (per_call: "2 s")})"#;
    insta::assert_snapshot!(replaced(r#"(name: "server")"#, &format!(r#"(name: "server", {cpu})"#)));
}

#[test]
fn two_lines_of_a_panel_with_one_label() {
    let line = r#"(label: "a", app: "con", metric: Completed)"#;
    let figure = format!(
        r#"figures: [(name: "f", title: "F", panels: [(x: "loss", x_label: "x", y_label: "y", series: [{line}, {line}],
            formulas: [(label: "a", y: "loss")])])], axes:"#
    );
    insta::assert_snapshot!(replaced("axes:", &figure));
}

#[test]
fn what_comes_after_the_end_of_a_run() {
    let late = r#"until: After("5 s"), timeline: [(at: "50 s", link: "radio", loss: "5 %")], axes:"#;
    let text = GOOD.replace("axes:", late).replace("requests: 10", r#"requests: 10, start: "6 s""#);
    insta::assert_snapshot!(mistakes(&text, &[]));
}

#[test]
fn an_answer_that_udp_does_not_carry_and_a_device_without_work() {
    let text = GOOD.replace("CoapServer()", r#"CoapServer(payload: "70 kB")"#);
    let text = text.replace(r#"nodes: ["#, r#"nodes: [(name: "idle", device: (memory: "1 kB")), "#);
    insta::assert_snapshot!(mistakes(&text, &[]));
}

#[test]
fn a_path_that_the_server_does_not_have_is_a_warning() {
    let text = GOOD.replace("requests: 10", r#"requests: 10, path: "/nope""#);
    let loaded = load_text("test", "test.ron", &text, &Request::default(), false).unwrap();
    insta::assert_snapshot!(loaded.warnings);
}

#[test]
fn a_scenario_that_never_ends() {
    insta::assert_snapshot!(replaced(r#"run: CoapServer()"#, r#"run: Ping(to: "client")"#));
}

#[test]
fn retransmission_that_outlasts_a_year() {
    let transmission =
        r#"requests: 10, transmission: (ack_timeout: "86400 s", ack_random_factor: 1000, max_retransmit: 20)"#;
    insta::assert_snapshot!(replaced("requests: 10", transmission));
}

#[test]
fn an_axis_over_what_is_one_for_all() {
    let axis = r#"[(name: "point", path: "replications", values: [1, 3, 3])]"#;
    let from = r#"[(name: "loss", path: "links.radio.loss", values: ["0 %", "10 %"])]"#;
    assert!(GOOD.contains(from));
    let text = GOOD.replace(from, axis).replace(r#"format: 1,"#, "format: 1, replications: 2,");
    insta::assert_snapshot!(mistakes(&text, &[]));
}

#[test]
fn an_expectation_of_an_application_without_exchanges() {
    let expect = r#"expect: [(app: "server", metric: Completed, must: BeAtLeast("1"), where: [("f", "2")])], axes:"#;
    insta::assert_snapshot!(replaced("axes:", expect));
}

#[test]
fn two_links_with_one_stream_name() {
    let links = r#"(name: "other", ends: ("client", "server"), delay: "1 ms", stream_name: "radio"), (name: "radio","#;
    insta::assert_snapshot!(replaced(r#"(name: "radio","#, links));
}

#[test]
fn an_operation_that_nothing_does() {
    let device = r#"device: (cpu: {"coap.decod": (per_call: "1 ms")}))"#;
    insta::assert_snapshot!(replaced(r#"(name: "server")"#, &format!(r#"(name: "server", {device}"#)));
}

/// It runs: someone may want to see what becomes of fragments.
#[test]
fn a_message_that_no_link_carries_whole_is_a_warning() {
    let text = GOOD.replace("requests: 10", r#"requests: 10, method: Put, payload: "2 kB""#);
    let loaded = load_text("test", "test.ron", &text, &Request::default(), false).unwrap();
    insta::assert_snapshot!(loaded.warnings);
}

/// A source may name a group as its destination; members that listen are enough to be heard.
#[test]
fn a_source_that_sends_to_a_group() {
    let text = GOOD.replace("axes:", r#"groups: [(name: "all", members: ["server"])], axes:"#);
    let source = r#"CoapServer()), (name: "sink", on: "server", run: UdpSink(port: 9)),
        (name: "source", on: "client", run: UdpSource(to: "all", port: 9, rate: "1 kbit/s", payload: "40 B", count: 3)"#;
    let loaded = load_text("test", "test.ron", &text.replace("CoapServer()", source), &Request::default(), false);
    assert!(loaded.unwrap().warnings.is_empty());
}

#[test]
fn formulas_without_a_value() {
    let expect = r#"expect: [(app: "con", metric: Completed, must: BeAtLeast("1 / loss"))], axes:"#;
    insta::assert_snapshot!(replaced("axes:", expect));
}

/// It runs: someone may want to see the ICMP errors.
#[test]
fn a_port_that_nobody_listens_on_is_a_warning() {
    let text = GOOD.replace("requests: 10", "requests: 10, port: 5684");
    let loaded = load_text("test", "test.ron", &text, &Request::default(), false).unwrap();
    insta::assert_snapshot!(loaded.warnings);
}

/// A switch and a number of packets are values of axes too.
#[test]
fn axes_of_switches_and_of_queue_limits() {
    let axes = r#"[(name: "con", path: "apps.con.run.confirmable", values: [true, false]),
        (name: "queue", path: "links.radio.queue", values: ["1 packet", "5 packets"])]"#;
    let from = r#"[(name: "loss", path: "links.radio.loss", values: ["0 %", "10 %"])]"#;
    let loaded = load_text("t", "t.ron", &GOOD.replace(from, axes), &Request::default(), false).unwrap();
    let values: Vec<&[f64]> = loaded.points.iter().map(|point| &point.values[..]).collect();
    assert_eq!(values, [[1.0, 1.0], [1.0, 5.0], [0.0, 1.0], [0.0, 5.0]]);
}

/// Formatting and reordering the file changes no point's scenario but in the order of its lists.
#[test]
fn an_override_and_an_axis_reach_their_fields() {
    let set = vec!["links.radio.delay=7 ms".to_owned(), "seed=5".to_owned()];
    let request = Request { scenario: String::new(), set, seed: Some(6) };
    let loaded = load_text("test", "test.ron", GOOD, &request, false).unwrap();
    assert_eq!(loaded.scenario.seed, 6);
    let losses: Vec<String> =
        loaded.points.iter().map(|point| point.scenario.links[0].loss.unwrap().to_string()).collect();
    assert_eq!(losses, ["0 %", "10 %"]);
    assert_eq!(loaded.points[0].scenario.links[0].delay.unwrap().to_string(), "7 ms");
}

/// The README's scenario works as it stands there.
#[test]
fn the_scenario_of_the_readme_is_sound() {
    let readme = include_str!("../../../README.md");
    let text = readme.split("```ron\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert!(load_text("sensor", "sensor.ron", text, &Request::default(), false).is_ok());
}

/// What [`GOOD`] is with another list of axes.
fn with_axes(axes: &str) -> String {
    let from = r#"[(name: "loss", path: "links.radio.loss", values: ["0 %", "10 %"])]"#;
    assert!(GOOD.contains(from));
    GOOD.replacen(from, axes, 1)
}

fn loads(text: &str) -> super::Loaded {
    load_text("test", "test.ron", text, &Request::default(), false).unwrap_or_else(|why| panic!("{why}"))
}

fn assert_says(found: &str, wanted: &[&str]) {
    for text in wanted {
        assert!(found.contains(text), "expected `{text}` in:\n{found}");
    }
}

fn count(found: &str) -> usize {
    found.lines().filter(|line| line.starts_with("error")).count()
}

/// A link that hangs in the air makes no plan, wherever the mistake was written.
#[test]
fn links_whose_ends_are_overridden_by_nonsense() {
    let found = mistakes(GOOD, &[r#"links.radio.ends.0="nobody""#]);
    assert_says(&found, &["there is no node called `nobody`", "--set links.radio.ends.0"]);
    assert_eq!(count(&found), 1, "{found}");
    assert_says(&mistakes(&with_axes("[]"), &["links.radio=5"]), &["expected", "`5`"]);
}

/// Values of axes are looked at as names too, where names stand.
#[test]
fn values_of_axes_in_the_place_of_names() {
    for (path, noun) in [("links.radio.ends.0", "node"), ("apps.con.run.to", "node"), ("apps.con.on", "node")] {
        let found = mistakes(&with_axes(&format!(r#"[(name: "x", path: "{path}", values: ["1 %"])]"#)), &[]);
        assert_says(&found, &[&format!("there is no {noun} called `1 %`"), "test.ron:10"]);
    }
    let timeline = r#"timeline: [(at: "50 s", link: "radio", loss: "5 %")], axes:"#;
    let text = with_axes(r#"[(name: "x", path: "timeline.0.link", values: ["1 %"])]"#).replace("axes:", timeline);
    assert_says(&mistakes(&text, &[]), &["there is no link called `1 %`"]);
}

#[test]
fn axes_over_what_is_one_for_all_and_not_written_out() {
    for (path, value) in [("replications", "3"), ("confidence", r#""90 %""#), (r#"\"replications\""#, "3")] {
        let found = mistakes(&with_axes(&format!(r#"[(name: "x", path: "{path}", values: [{value}])]"#)), &[]);
        assert_says(&found, &["an axis cannot vary `", "it is one for the whole experiment"]);
    }
}

#[test]
fn two_spellings_of_one_field_on_two_axes() {
    let axes = r#"[(name: "x", path: "links.radio.loss", values: ["1 %"]), (name: "y", path: "links[0].loss", values: ["2 %"])]"#;
    assert_says(&mistakes(&with_axes(axes), &[]), &["another axis varies the same field"]);
}

#[test]
fn axes_whose_columns_meet_others() {
    let delays = r#"path: "links.radio.delay", values: ["1 ms", "2 ms"]"#;
    let found = mistakes(&with_axes(&format!(r#"[(name: "started", {delays})]"#)), &[]);
    assert_says(&found, &["`started_s` is a column of the tables already"]);
    let axes = format!(r#"[(name: "a", {delays}), (name: "a_s", path: "apps.con.run.requests", values: [1, 2])]"#);
    assert_says(&mistakes(&with_axes(&axes), &[]), &["the columns of the axes `a` and `a_s` are both called `a_s`"]);
    for name in ["pi", "exp"] {
        let found = mistakes(&with_axes(&format!(r#"[(name: "{name}", {delays})]"#)), &[]);
        assert_says(&found, &["means something in formulas already"]);
    }
}

/// The last field of the list of suggestions may be there already; and the place is the path, which is what is wrong.
#[test]
fn a_slip_beside_the_right_field_is_recognised() {
    assert_says(&mistakes(GOOD, &["links.radio.los=2 %"]), &["there is no field `los`", "did you mean `loss`"]);
    let found = mistakes(&with_axes(r#"[(name: "x", path: "links.radio.lss", values: ["1 %", "2 %"])]"#), &[]);
    assert_says(
        &found,
        &["there is no field `lss`", "did you mean `loss`", r#"path: "links.radio.lss""#, "test.ron:10:30"],
    );
    assert_eq!(count(&found), 1, "{found}");
}

/// A source without an end does not hide what is wrong inside it.
#[test]
fn an_endless_source_with_mistakes_of_its_own() {
    let source = r#"UdpSource(to: "server", port: 0, rate: "1 Mbit/s", payload: "0 B")"#;
    let found = replaced(r#"CoapClient(to: "server", requests: 10)"#, source);
    assert_says(&found, &["never ends", "`port` is 1 to 65535", "`payload` is 1 B to"]);
}

/// What stands for a value that cannot be read makes no second mistake; names are compared all the same.
#[test]
fn values_that_were_made_up_are_not_found_fault_with() {
    let found = replaced(r#"("client", "server")"#, r#"["client", "server"]"#);
    assert_eq!(count(&found), 1, "{found}");
    let found = replaced("requests: 10", r#"requests: 10, method: post, payload: "20 B""#);
    assert_eq!(count(&found), 1, "{found}");
    let two = r#"(name: "radio", ends: ("client", "server"), rate: "fast"), (name: "radio", ends:"#;
    assert_says(&replaced(r#"(name: "radio", ends:"#, two), &["another link is called `radio` too", "rate"]);
}

/// One request needs no interval, a hundred do: the axis may go through both. At one point alone it is refused.
#[test]
fn a_field_without_effect_at_some_points_only() {
    let text = |requests: &str| {
        let axes = format!(r#"[(name: "requests", path: "apps.con.run.requests", values: [{requests}])]"#);
        with_axes(&axes).replace("requests: 10", r#"interval: "10 s""#)
    };
    assert_eq!(loads(&text("1, 100")).points.len(), 2);
    assert_says(&mistakes(&text("1"), &[]), &["`interval` has no effect with one request"]);
}

#[test]
fn suggestions_for_numbers_names_and_idle_fields() {
    assert_says(&replaced(r#"loss: "1 %""#, "loss: 0.05"), &[r#""5 %" if that part of one is meant"#]);
    assert_says(&replaced(r#""250 kbit/s""#, r#""-250 kbit/s""#), &[r#"did you mean "250 kbit/s"?"#]);
    assert_says(&replaced(r#""50 ms""#, r#""-50 ms""#), &[r#"did you mean "50 ms"?"#]);
    assert_says(&replaced(r#"loss: "1 %""#, r#"loss: "105 %""#), &[r#"write "100 %" or less"#]);
    assert_says(&replaced("format: 1", "format: 2"), &["write `format: 1`"]);
    let two = r#"(name: "server"), (name: "server")],"#;
    assert_says(&replaced(r#"(name: "server")],"#, two), &["such as `server-2`"]);
    assert_says(&replaced("requests: 10", r#"interval: "1 s""#), &["help: leave it out"]);
}

/// Fields that say what is so already, or that nothing can come of.
#[test]
fn fields_that_are_accepted_without_effect_no_more() {
    let device = |cpu: &str| replaced(r#"(name: "server")"#, &format!(r#"(name: "server", device: (cpu: {cpu}))"#));
    assert_says(&device(r#"{"coap.decode": ()}"#), &["`coap.decode` has no effect"]);
    assert_says(&device(r#"{"coap.decode": (per_call: "0 s", per_byte: "1 us")}"#), &["`per_call` has no effect"]);
    let forward = r#"delay: "50 ms", forward: (delay: "50 ms")"#;
    assert_says(&replaced(r#"delay: "50 ms""#, forward), &["`delay` has no effect: the link says the same"]);
    // Here the link's loss is varied, and the exception is one at a point.
    loads(&GOOD.replace(r#"loss: "1 %""#, r#"loss: "1 %", forward: (loss: "10 %")"#));
    let end = r#"until: After("5 s"), timeline: [(at: "5 s", link: "radio", loss: "5 %")], axes:"#;
    assert_says(&replaced("axes:", end), &["`at` has no effect: the run ends at 5 s, and no later"]);
    let same = r#"timeline: [(at: "5 s", link: "radio", delay: "50 ms")], axes:"#;
    assert_says(&replaced("axes:", same), &["`delay` has no effect: it is what"]);
    assert_says(&replaced("axes:", "limits: (events: 0), axes:"), &["without events nothing happens"]);
    let impatient = r#"requests: 10, confirmable: false, response_wait: "0 s""#;
    assert_says(&replaced("requests: 10", impatient), &["`response_wait` is longer than zero"]);
    let confidence = r#"confidence: "99.9999999999999999 %", axes:"#;
    assert_says(&replaced("axes:", confidence), &["no interval can be computed"]);
    let found = replaced("axes:", r#"until: After("0 s"), axes:"#);
    assert!(found.contains("a run of no time shows nothing") && !found.contains("`start`"), "{found}");
    let framing = r#"framing: Custom(overhead: "1 MB", min_packet: "0 B"), loss:"#;
    assert_says(&replaced("loss:", framing), &["[scenario::out-of-range]: `overhead` is at most 64 KiB"]);
}

#[test]
fn figures_and_expectations_that_would_mislead() {
    let figure =
        |panels: &str| replaced("axes:", &format!(r#"figures: [(name: "f", title: "F", panels: [{panels}])], axes:"#));
    assert_says(&figure(""), &["a figure without panels shows nothing"]);
    let series = r#"(label: "a", app: "con", metric: Completed), (label: "b", app: "con", metric: MeanCompletion)"#;
    let panel = format!(r#"(x: "loss", x_label: "x", y_label: "y", series: [{series}])"#);
    assert_says(&figure(&panel), &["one panel has one unit: s here, no unit at its first series"]);
    let ping = GOOD.replace(r#"CoapClient(to: "server", requests: 10)"#, r#"Ping(to: "server", count: 3)"#);
    let expect = r#"expect: [(app: "con", metric: Delivered, must: BeAtLeast("0.1"))], axes:"#;
    assert_says(&mistakes(&ping.replace("axes:", expect), &[]), &["nobody knows what was delivered", "`Completed`"]);
    let measure = |metric: &str| format!(r#"expect: [(app: "con", metric: {metric}, must: BeAtLeast("0"))], axes:"#);
    let late = mistakes(&ping.replace("axes:", &measure("P95DeliveryTime")), &[]);
    assert_says(&late, &["nobody knows what was delivered", "`MeanCompletion`"]);
}

/// Packets are nobody's: of two clients, or beside a source, they are refused, and of a server, too. A server beside is none that sends by itself.
#[test]
fn packets_per_exchange_are_of_the_only_client() {
    let measure = |app: &str| format!(r#"measure: [(app: "{app}", metric: PacketsPerExchange)], axes:"#);
    let with = |more: &str, app: &str| {
        GOOD.replace("    ],\n    axes:", &format!("{more}],\n    axes:")).replace("axes:", &measure(app))
    };
    loads(&with("", "con"));
    let second = r#"(name: "non", on: "client", run: CoapClient(to: "server", requests: 10, confirmable: false)),"#;
    assert_says(&mistakes(&with(second, "con"), &[]), &["whose packets these are nobody can tell", "`non`"]);
    let source = r#"(name: "sink", on: "server", run: UdpSink(port: 9)), (name: "flow", on: "client", run: UdpSource(to: "server", port: 9, rate: "8 kbit/s", payload: "100 B", count: 5)),"#;
    assert_says(&mistakes(&with(source, "con"), &[]), &["whose packets these are nobody can tell", "`flow`"]);
    assert_says(&mistakes(&with("", "server"), &[]), &["there is no application with exchanges called `server`"]);
}

/// The clock of a run holds 584 years; 100 requests 870,000 h apart take 9,832. And a sink answers nobody.
#[test]
fn warnings_of_the_end_of_the_clock_and_of_a_sink_that_is_asked() {
    let warnings = |text: &str| loads(text).warnings;
    let slow = GOOD.replace("requests: 10", r#"requests: 100, interval: "870000 h""#);
    assert_says(&warnings(&slow), &["`con` does not come to its end: the clock ends after 584 years"]);
    let sink = GOOD.replace("CoapServer()", "UdpSink(port: 5683)");
    assert_says(&warnings(&sink), &["a UdpSink counts datagrams, and answers none"]);
}

/// A field that has an effect with one of those who meet it has one: with one of two clients, at one of an axis's points, in one variant, or at one of
/// those that are like a template. Else it is told, once.
#[test]
fn tls_that_works_with_someone_is_not_warned_of() {
    let warnings = |server: &str, clients: &[&str], more: &str| {
        let client = |(number, run): (usize, &&str)| {
            format!(r#"(name: "c{number}", on: "a", run: HttpClient(to: "b", count: 1, tls: ({run}))),"#)
        };
        let clients: String = clients.iter().enumerate().map(client).collect();
        loads(&format!(
            r#"(format: 1, title: "t", nodes: [(name: "a"), (name: "b")], links: [(name: "l", ends: ("a", "b"), delay: "1 ms")],
            apps: [(name: "web", on: "b", run: HttpServer(tls: ({server}))), {clients}], {more})"#
        ))
        .warnings
    };
    assert_eq!(warnings("ocsp: true", &["", "ocsp: true"], ""), "");
    let axis = r#"axes: [(name: "staples", path: "apps.web.run.tls.ocsp", values: [false, true])]"#;
    assert_eq!(warnings("", &["ocsp: true"], axis), "");
    let variants = r#"variants: [(name: "plain"), (name: "stapled", set: {"apps.web.run.tls.ocsp": true})]"#;
    assert_eq!(warnings("", &["ocsp: true"], variants), "");
    let idle = "`tls.ocsp` of `web` has no effect: no client that reaches it asks for it (`ocsp`)";
    for (server, more) in [("ocsp: true", ""), ("", axis), ("", variants)] {
        let found = warnings(server, &["", ""], more);
        assert_says(&found, &[idle]);
        assert_eq!(found.matches("has no effect").count(), 1, "{found}");
    }
    let like = |servers: [bool; 2]| {
        let [one, other] = servers;
        loads(&format!(
            r#"(format: 1, title: "t", nodes: [(name: "a"), (name: "b")], links: [(name: "l", ends: ("a", "b"), delay: "1 ms")],
            templates: {{"asks": HttpClient(to: "b", count: 1, tls: (ocsp: true))}},
            apps: [
                (name: "one", on: "b", run: HttpServer(port: 1, tls: (ocsp: {one}))), (name: "c1", on: "a", run: HttpClient(like: "asks", port: 1)),
                (name: "two", on: "b", run: HttpServer(port: 2, tls: (ocsp: {other}))), (name: "c2", on: "a", run: HttpClient(like: "asks", port: 2)),
            ])"#
        ))
        .warnings
    };
    assert_eq!(like([true, false]), "");
    let found = like([false, false]);
    assert_says(&found, &["`tls.ocsp` of `c1` has no effect: the server has no proof to send (`ocsp`)"]);
    assert_eq!(found.matches("has no effect").count(), 1, "{found}");
}
