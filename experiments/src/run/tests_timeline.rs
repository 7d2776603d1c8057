//! What crashes, new addresses and handovers do to results. Every expected value is worked out from the times in the scenario.

use super::{Exchange, RunOutput, Total, Watch, run_one, setup};
use crate::scenario::{Request, load_text};
use protosim_models::Outcome;

/// One run of a scenario: two nodes, client a and server b, a link of `delay` between them, and whatever comes on top.
fn run(delay: &str, rest: &str) -> RunOutput {
    let text = format!(
        r#"(
            format: 1, title: "t", nodes: [(name: "a"), (name: "b")],
            links: [(name: "ab", ends: ("a", "b"), delay: "{delay}")],
            {rest}
        )"#
    );
    run_text(&text)
}

fn run_text(text: &str) -> RunOutput {
    let loaded = load_text("t", "t.ron", text, &Request::default(), false).unwrap_or_else(|error| panic!("{error}"));
    let scenario = &loaded.points[0].scenario;
    run_one(&setup(scenario), scenario, 0, 1, &Watch::default()).unwrap()
}

/// A total of a node, or of an application on it.
fn total(output: &RunOutput, node: &str, app: Option<&str>, name: &str) -> u64 {
    let is_of = |total: &Total| *output.entities[total.node as usize] == *node && total.app.as_deref() == app;
    let found = output.totals.iter().find(|total| is_of(total) && total.name == name);
    found.unwrap_or_else(|| panic!("no {name}")).value
}

fn outcome(exchange: &Exchange) -> Option<Outcome> {
    exchange.ending.map(|ending| ending.outcome)
}

fn starts(output: &RunOutput) -> Vec<Option<u64>> {
    output.exchanges.iter().map(|exchange| exchange.started.map(|at| at.as_nanos() / 1_000_000)).collect()
}

const COAP: &str = r#"(name: "server", on: "b", run: CoapServer()),"#;

/// Requests at 0.5 and 1.5 s; the client loses power at 1.515 s, when its second request has been with the server for 5 ms, and
/// the answer arrives at a node that is down. It starts at 5 s with all four requests, at 5.5 to 8.5 s. The second exchange was
/// delivered, and stays open: what came later belongs to others of the same number.
#[test]
fn exchanges_that_were_open_at_a_crash_stay_open() {
    let output = run(
        "10 ms",
        &format!(
            r#"apps: [{COAP} (name: "client", on: "a", run: CoapClient(to: "b", requests: 4, interval: "1 s", start: "500 ms"))],
            timeline: [(at: "1515 ms", node: "a", up: false), (at: "5 s", node: "a", up: true)],"#
        ),
    );
    assert_eq!(starts(&output), [500, 1500, 5500, 6500, 7500, 8500].map(Some));
    let answered = Some(Outcome::Response);
    let outcomes: Vec<_> = output.exchanges.iter().map(outcome).collect();
    assert_eq!(outcomes, [answered, None, answered, answered, answered, answered]);
    for exchange in &output.exchanges {
        assert_eq!(exchange.delivered.map(|after| after.as_nanos()), Some(10_000_000));
        assert!(exchange.completion().is_none_or(|after| after.as_nanos() == 20_000_000));
    }
    assert_eq!(output.exchanges.iter().map(|exchange| exchange.number).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    let of_client = |name| total(&output, "a", Some("client"), name);
    assert_eq!((of_client("requests_due"), of_client("requests_sent"), of_client("responses")), (6, 6, 5));
    assert_eq!(total(&output, "a", None, "dropped packets: node down"), 1);
}

/// The server is gone from 0.1 s on. Of three requests at 0.5, 0.6 and 0.7 s the first is sent, and the others wait for it to end
/// (NSTART is 1) when the client crashes at 1 s. From 2 s on the same again. Two exchanges are open, four were never sent.
#[test]
fn requests_that_a_crash_overtakes_were_never_sent() {
    let output = run(
        "10 ms",
        &format!(
            r#"apps: [{COAP} (name: "client", on: "a", run: CoapClient(to: "b", requests: 3, interval: "100 ms", start: "500 ms"))],
            timeline: [
                (at: "100 ms", node: "b", up: false), (at: "1 s", node: "a", up: false), (at: "2 s", node: "a", up: true),
            ],
            until: After("10 s"),"#
        ),
    );
    assert_eq!(starts(&output), [Some(500), Some(2500), None, None, None, None]);
    assert!(output.exchanges.iter().all(|exchange| exchange.ending.is_none()));
    assert_eq!(total(&output, "a", Some("client"), "requests_due"), 6);
}

/// The request of 0.5 s is with the server at 0.6 s, and its answer back at 0.7 s: to an address that the client gave up at
/// 0.55 s. The retransmission, 2 to 3 s after the first, comes from the new one and is answered within 200 ms. It is one exchange, delivered
/// after 100 ms.
#[test]
fn an_exchange_outlives_its_clients_address() {
    let output = run(
        "100 ms",
        &format!(
            r#"apps: [{COAP} (name: "client", on: "a", run: CoapClient(to: "b", requests: 1, start: "500 ms"))],
            timeline: [(at: "550 ms", node: "a", link: "ab", new_address: true)],"#
        ),
    );
    assert_eq!(output.exchanges.len(), 1);
    let exchange = &output.exchanges[0];
    let ending = exchange.ending.unwrap();
    assert_eq!((ending.outcome, ending.transmissions), (Outcome::Response, 2));
    assert!((2.2..=3.2).contains(&ending.after.as_secs_f64()), "{ending:?}");
    assert_eq!(exchange.delivered.map(|after| after.as_nanos()), Some(100_000_000));
    assert_eq!(total(&output, "a", None, "dropped packets: not for this host"), 1);
}

/// Twenty datagrams of 100 B, at 0.0, 0.1, … 1.9 s, over a link of 1 ms; the timeline is of node `node`.
fn stream(timeline: &str) -> RunOutput {
    let apps = r#"apps: [
        (name: "sink", on: "b", run: UdpSink(port: 9)),
        (name: "source", on: "a", run: UdpSource(to: "b", port: 9, rate: "8 kbit/s", payload: "100 B", count: 20)),
    ], measure: [(app: "sink", metric: Goodput)],"#;
    run("1 ms", &format!("{apps} timeline: [{timeline}],"))
}

/// What a sink says of a stream: datagrams, gaps, missing bytes, late, corrupted.
fn seen(output: &RunOutput) -> [u64; 5] {
    ["datagrams", "gaps", "missing_bytes", "late_datagrams", "corrupted_datagrams"]
        .map(|name| total(output, "b", Some("sink"), name))
}

/// Without power from 0.55 to 1.05 s, the sink misses those of 0.6 to 1.0 s: five. The six before and the nine after are fifteen; it
/// does not know what it has missed, and says nothing of it.
#[test]
fn a_sink_counts_over_its_lives() {
    let output = stream(r#"(at: "550 ms", node: "b", up: false), (at: "1050 ms", node: "b", up: true)"#);
    assert_eq!(seen(&output), [15, 0, 0, 0, 0]);
    assert_eq!(total(&output, "b", Some("sink"), "payload_bytes"), 1500);
    assert_eq!(total(&output, "b", None, "dropped packets: node down"), 5);
    assert_eq!(output.measured.sinks["sink"].datagrams, 15);
    // The last one comes when the run ends, which is behind the window.
    assert_eq!(output.measured.sinks["sink"].bytes, 1400);
}

/// Six datagrams before 0.55 s; from 1.05 s on all twenty anew, which is another run of bytes.
#[test]
fn a_source_that_starts_anew_begins_from_the_first() {
    let output = stream(r#"(at: "550 ms", node: "a", up: false), (at: "1050 ms", node: "a", up: true)"#);
    assert_eq!(total(&output, "a", Some("source"), "datagrams"), 26);
    assert_eq!(seen(&output), [26, 0, 0, 0, 0]);
}

/// A new address of the sender changes nothing for its receiver; one of the receiver leaves all after it to nobody: fourteen.
#[test]
fn a_stream_goes_on_from_a_new_address_and_not_to_one() {
    let output = stream(r#"(at: "550 ms", node: "a", link: "ab", new_address: true, every: "500 ms", times: 2)"#);
    assert_eq!(seen(&output), [20, 0, 0, 0, 0]);
    let output = stream(r#"(at: "550 ms", node: "b", link: "ab", new_address: true)"#);
    assert_eq!(seen(&output), [6, 0, 0, 0, 0]);
    assert_eq!(total(&output, "b", None, "dropped packets: not for this host"), 14);
}

/// A phone with two ways to the server, 2 ms over "a-wifi" and 20 ms over "b-cell", and a wire of 1 ms behind either. Wifi goes down at
/// 1.005 s, which routes know 100 ms later, and comes back at 2.005 s. Pings 10 ms apart: those of 1.01 to 1.10 s are lost on the dead
/// link, those until 2.10 s take the other way, to and from the other address: from 2.005 s on they come from the first
/// address again, and are answered over wifi once the router may use it.
#[test]
fn a_handover_takes_the_other_link_and_the_other_address() {
    let output = run_text(
        r#"(
            format: 1, title: "t",
            nodes: [(name: "phone", forwards: false), (name: "r"), (name: "server")],
            links: [
                (name: "a-wifi", ends: ("phone", "r"), delay: "2 ms"), (name: "b-cell", ends: ("phone", "r"), delay: "20 ms"),
                (name: "wire", ends: ("r", "server"), delay: "1 ms"),
            ],
            apps: [(name: "ping", on: "phone", run: Ping(to: "server", count: 300, interval: "10 ms", timeout: "500 ms"))],
            timeline: [(at: "1005 ms", link: "a-wifi", up: false), (at: "2005 ms", link: "a-wifi", up: true)],
            routing: Follows(after: "100 ms"),
        )"#,
    );
    let millis: Vec<Option<u64>> = output
        .exchanges
        .iter()
        .map(|exchange| exchange.completion().map(|after| after.as_nanos() / 1_000_000))
        .collect();
    // Number k is sent at 10 k ms. Wifi: 2 · 3 ms; cell: 2 · 21 ms. Those sent up to 2.08 s are at r, with their answers, by 2.105 s
    // (20 + 1 + 1 ms); those of 2.09 and 2.10 s are not, and come back over wifi if they left from its address: 20 + 1 + 1 + 2.
    for (k, after) in millis.iter().enumerate() {
        let expected = match k {
            0..=100 | 211.. => Some(6),
            101..=110 => None,
            111..=208 => Some(42),
            _ => Some(24),
        };
        assert_eq!(*after, expected, "ping {k}");
    }
    assert_eq!(total(&output, "phone", None, "dropped packets: link down"), 10);
}

/// A rule drops every fifth of 20 datagrams, a record every fourth; of both, which is number 20, the record counts. Chance loses none.
#[test]
fn losses_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("losses.txt"), "0\n0\n0\n1\n").unwrap();
    let text = r#"(
        format: 1, title: "t", nodes: [(name: "a"), (name: "b")],
        links: [(name: "ab", ends: ("a", "b"), delay: "1 ms",
                 impair: (loss_trace: "losses.txt", drop: [(of: "udp", which: Every(5))]))],
        apps: [
            (name: "sink", on: "b", run: UdpSink(port: 9)),
            (name: "source", on: "a", run: UdpSource(to: "b", port: 9, rate: "8 kbit/s", payload: "100 B", count: 20)),
        ],
    )"#;
    let file = folder.path().join("t.ron");
    let loaded = load_text("t", file.to_str().unwrap(), text, &Request::default(), false)
        .unwrap_or_else(|error| panic!("{error}"));
    let scenario = &loaded.points[0].scenario;
    let output = run_one(&setup(scenario), scenario, 0, 1, &Watch { capture: true, ..Watch::default() }).unwrap();
    let dropped = |why: &str| total(&output, "a", None, &format!("dropped packets: {why}"));
    let causes = ["lost on the link", "lost on the link as recorded", "dropped by a rule of the link"];
    assert_eq!(causes.map(dropped), [0, 5, 3]);
    let comments: Vec<String> =
        output.capture.unwrap().packets.iter().filter_map(|packet| packet.record().comment).collect();
    let of = |why: &str| comments.iter().filter(|comment| **comment == format!("dropped: {why}")).count();
    assert_eq!((causes.map(of), comments.len()), ([0, 5, 3], 8));
}

/// Counts of two lives of an application add up; the largest and the smallest of something do not.
#[test]
fn totals_of_two_lives_join() {
    let joined = |name, value, other| protosim_models::app::Total { name, value }.joined(other);
    assert_eq!(joined("datagrams", 3, 4), 7);
    assert_eq!((joined("largest_window", 3, 4), joined("largest_window", 4, 3)), (4, 4));
    assert_eq!((joined("smallest_window", 3, 4), joined("smallest_window", 4, 3)), (3, 3));
}
