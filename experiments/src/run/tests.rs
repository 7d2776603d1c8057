//! The first experiment against its closed form, and what must not change results.

use super::{Exchange, Options, Watch, run_all, run_one, setup};
use crate::results::{Basis, summarise};
use crate::scenario::{Loaded, Metric, Request, Subject, load, load_text};
use protosim_models::Outcome;
use protosim_models::coap::Parameters;
use protosim_models::coap::closed_form::Attempts;
use protosim_reports::statistics::{Confidence, SortedSamples, clopper_pearson, mean_interval};

const ONE: Options = Options { jobs: 1, threads: 1, watched: 0, capture: false, ladder: false, events: false };

fn coap_loss(set: &[&str], seed: u64) -> Loaded {
    let set = set.iter().map(|argument| (*argument).to_owned()).collect();
    load(&Request { scenario: "coap-loss".to_owned(), set, seed: Some(seed) }, false).unwrap()
}

fn of_app<'a>(loaded: &Loaded, runs: &'a [super::RunOutput], name: &str) -> Vec<&'a Exchange> {
    let app = loaded.scenario.apps.iter().position(|app| app.name == name).unwrap();
    runs.iter().flat_map(|run| &run.exchanges).filter(|exchange| exchange.app == app).collect()
}

/// Delivery, success, mean completion and the quantiles of `coap-loss` against the closed forms of the fact sheet
/// (RFC 7252 §4.2: retransmissions at T, 3 T, 7 T, 15 T; T uniform in 2 to 3 s), for seeds 1 to 5. All intervals hold
/// together at 99.9 %: Bonferroni over points, quantities and seeds. Latency is conditional on success, exchanges are
/// isolated (300 s apart). R, the round trip without loss: 2 x 50 ms, and at 250 kbit/s 41 bytes there (IP 20, UDP 8, CoAP header 4,
/// token 4, Uri-Path "data" 5) and 49 back (28, header 4, token 4, Content-Format 2, marker 1, payload 10): 102.88 ms.
#[test]
fn coap_loss_agrees_with_its_closed_form_for_seeds_one_to_five() {
    const QUANTITIES: u64 = 8;
    for seed in 1..=5 {
        let loaded = coap_loss(&[], seed);
        let outputs = run_all(&loaded, Options { jobs: 2, ..ONE }, || ()).unwrap();
        let comparisons = QUANTITIES * loaded.points.len() as u64 * 5;
        let confidence = Confidence::P99_9.shared_by(comparisons).unwrap();
        for (point, runs) in loaded.points.iter().zip(&outputs) {
            let p = point.values[0];
            let where_ = format!("seed {seed}, loss {p}");
            let con = of_app(&loaded, runs, "con");
            let non = of_app(&loaded, runs, "non");
            assert_eq!((con.len(), non.len()), (16_000, 16_000));
            let parameters = Parameters::default();
            let exchange = Attempts::of_exchange(&parameters, p, p);
            let share = |exchanges: &[&Exchange], holds: &dyn Fn(&Exchange) -> bool, expected: f64, what: &str| {
                let hits = exchanges.iter().filter(|exchange| holds(exchange)).count() as u64;
                let interval = clopper_pearson(hits, exchanges.len() as u64, confidence).unwrap();
                assert!(interval.contains(expected), "{where_}: {what} {interval:?}, expected {expected}");
            };
            let f = 1.0 - (1.0 - p) * (1.0 - p);
            share(&con, &|e| e.completion().is_some(), 1.0 - f * f * f * f * f, "CON answered");
            share(&con, &|e| e.delivered.is_some(), 1.0 - p * p * p * p * p, "CON delivered");
            share(&non, &|e| e.completion().is_some(), (1.0 - p) * (1.0 - p), "NON answered");
            share(&non, &|e| e.delivered.is_some(), 1.0 - p, "NON delivered");
            let round_trip = 0.102_88;
            let times: Vec<f64> = con.iter().filter_map(|e| e.completion()).map(|span| span.as_secs_f64()).collect();
            let mean = mean_interval(&times, confidence).unwrap();
            let expected = exchange.mean_wait() + round_trip;
            assert!(mean.contains(expected), "{where_}: mean {mean:?}, expected {expected}");
            let sorted = SortedSamples::new(times).unwrap();
            for q in [0.5, 0.95, 0.99] {
                let interval = sorted.quantile_interval(q, confidence).unwrap();
                let expected = exchange.wait_quantile(q) + round_trip;
                assert!(interval.contains(expected), "{where_}: quantile {q} {interval:?}, expected {expected}");
            }
        }
    }
}

fn reduced(seed: u64) -> Loaded {
    let set = ["replications=2", "apps.con.run.requests=40", "apps.non.run.requests=40"];
    coap_loss(&set, seed)
}

#[test]
fn jobs_threads_and_captures_change_nothing() {
    let loaded = reduced(1);
    let plain = run_all(&loaded, ONE, || ()).unwrap();
    for options in [
        Options { jobs: 2, ..ONE },
        Options { threads: 2, ..ONE },
        Options { threads: 8, ..ONE },
        Options { capture: true, ..ONE },
    ] {
        let other = run_all(&loaded, options, || ()).unwrap();
        for (a, b) in plain.iter().flatten().zip(other.iter().flatten()) {
            assert_eq!((&a.exchanges, &a.totals, &a.digests), (&b.exchanges, &b.totals, &b.digests), "{options:?}");
        }
    }
}

/// A non-confirmable request costs one draw of the forward direction, so exchange i stands and falls with draw i: those
/// that fail at 1 % all fail at 2 %.
#[test]
fn exchanges_that_fail_at_one_percent_fail_at_two() {
    let failed = |loss: &str| -> Vec<u64> {
        let text = PAIRS.replacen(r#"loss: "10 %""#, &format!(r#"forward: (loss: "{loss}")"#), 1).replacen(
            "requests: 50",
            "requests: 20000, confirmable: false",
            1,
        );
        let lost = |e: &Exchange| e.ending.is_some_and(|ending| ending.outcome == Outcome::TimedOut);
        exchanges_of(&text, "c1").iter().filter(|e| lost(e)).map(|exchange| exchange.number).collect()
    };
    let (one, two) = (failed("1 %"), failed("2 %"));
    // Binomial(20000, 0.01): mean 200, standard deviation 14.1; five of them either way. At 2 %: 400, 19.8.
    assert!((129..=271).contains(&one.len()), "{}", one.len());
    assert!((301..=499).contains(&two.len()), "{}", two.len());
    assert!(one.iter().all(|number| two.contains(number)));
}

const PAIRS: &str = r#"(
    format: 1,
    title: "Two pairs",
    nodes: [(name: "a"), (name: "b"), (name: "c"), (name: "d")],
    links: [
        (name: "ab", ends: ("a", "b"), rate: "1 Mbit/s", delay: "5 ms", loss: "10 %"),
        (name: "cd", ends: ("c", "d"), rate: "1 Mbit/s", delay: "5 ms", loss: "10 %"),
    ],
    apps: [
        (name: "s1", on: "b", run: CoapServer()),
        (name: "c1", on: "a", run: CoapClient(to: "b", requests: 50)),
        (name: "s2", on: "d", run: CoapServer()),
        (name: "c2", on: "c", run: CoapClient(to: "d", requests: 50)),
    ],
)"#;

fn exchanges_of(text: &str, app: &str) -> Vec<Exchange> {
    let loaded = load_text("t", "t.ron", text, &Request::default(), false).unwrap();
    let output = run_one(&setup(&loaded.scenario), &loaded.scenario, 0, 1, &Watch::default()).unwrap();
    let outputs = [output];
    of_app(&loaded, &outputs, app)
        .into_iter()
        .map(|exchange| Exchange { app: 0, node: 0, ..exchange.clone() })
        .collect()
}

/// A new node with a link and an application of its own, early in the order of names, and another order of the file.
#[test]
fn adding_a_node_or_reordering_the_file_leaves_all_other_draws_as_they_were() {
    let added = PAIRS
        .replace(r#"nodes: ["#, r#"nodes: [(name: "aa"), "#)
        .replace(r#"links: ["#, r#"links: [(name: "aaa", ends: ("aa", "b"), delay: "1 ms", loss: "50 %"), "#)
        .replace(r#"apps: ["#, r#"apps: [(name: "ping", on: "aa", run: Ping(to: "b", count: 20)), "#);
    let reordered = PAIRS.replace(
        r#"(name: "a"), (name: "b"), (name: "c"), (name: "d")"#,
        r#"(name: "d"), (name: "c"), (name: "b"), (name: "a")"#,
    );
    for app in ["c1", "c2"] {
        let before = exchanges_of(PAIRS, app);
        assert!(before.iter().any(|e| e.ending.is_some_and(|ending| ending.transmissions > 1)));
        assert_eq!(before, exchanges_of(&reordered, app));
        assert_eq!(before, exchanges_of(&added, app));
    }
}

/// One exchange over 20 ms each way. The server reads the request from 20 ms to 1.02 s, and works on it until 1.52 s: longer than
/// its piggyback limit, so an empty acknowledgement goes ahead at 1.12 s. The answer arrives at 1.54 s, and the client reads it
/// until 1.79 s. Nothing is sent twice: the first time-out is 2 s at least.
#[test]
fn work_of_the_processor_delays_everything_behind_it() {
    let text = r#"(
        format: 1,
        title: "Slow devices",
        nodes: [
            (name: "client", device: (cpu: {"coap.decode": (per_call: "250 ms")})),
            (name: "server", device: (cpu: {"coap.decode": (per_call: "1 s")})),
        ],
        links: [(ends: ("client", "server"), delay: "20 ms")],
        apps: [
            (name: "server", on: "server", run: CoapServer(processing: "500 ms")),
            (name: "client", on: "client", run: CoapClient(to: "server", requests: 1)),
        ],
    )"#;
    let exchanges = exchanges_of(text, "client");
    let [exchange] = &exchanges[..] else { panic!("one exchange: {exchanges:?}") };
    let ending = exchange.ending.unwrap();
    assert_eq!(exchange.delivered, Some("1020 ms".parse().unwrap()));
    assert_eq!((ending.after, ending.transmissions), ("1790 ms".parse().unwrap(), 1));
}

/// Writing the request takes 3 s, and only then does its time-out begin, of 2 s to 3 s. A copy is not written anew.
#[test]
fn a_time_out_begins_when_the_request_has_been_written() {
    let text = PAIRS.replace(r#"(name: "a")"#, r#"(name: "a", device: (cpu: {"coap.encode": (per_call: "3 s")}))"#);
    let text = text.replacen(r#"loss: "10 %""#, r#"loss: "100 %""#, 1).replacen("requests: 50", "requests: 1", 1);
    let loaded = load_text("t", "t.ron", &text, &Request::default(), false).unwrap();
    let output =
        run_one(&setup(&loaded.scenario), &loaded.scenario, 0, 1, &Watch { capture: true, ..Watch::default() })
            .unwrap();
    let capture = output.capture.unwrap();
    let sender = capture.interfaces.iter().position(|end| end.name == "ab@a").unwrap() as u32;
    let sent = capture.packets.iter().filter(|packet| packet.interface == sender).map(|packet| packet.at.as_secs_f64());
    let sent: Vec<f64> = sent.collect();
    assert_eq!(sent.len(), 5);
    let gap = sent[1] - sent[0];
    assert!((2.0..=3.0).contains(&gap), "{sent:?}");
    assert!((3.0..3.001).contains(&sent[0]), "{sent:?}");
}

/// A path that the server does not have: the response comes, and is no success.
#[test]
fn an_error_response_is_not_a_completion() {
    let text = PAIRS
        .replacen("requests: 50", r#"requests: 20, path: "/nope""#, 1)
        .replace(r#"loss: "10 %""#, r#"loss: "0 %""#);
    let exchanges = exchanges_of(&text, "c1");
    assert_eq!(exchanges.len(), 20);
    assert!(exchanges.iter().all(|e| e.ending.unwrap().outcome == Outcome::ErrorResponse && e.completion().is_none()));
}

/// A link that is 1 ns longer from 5 s on: the difference is named with link and instant.
#[test]
fn diff_names_a_planted_difference() {
    let set =
        |text: &str| crate::diff::Side::to_run(load_text("t", "t.ron", text, &Request::default(), false).unwrap());
    let requests = PAIRS.replace("requests: 50", r#"requests: 50, interval: "1 s""#);
    let timeline = |delay: &str| {
        requests.replacen(
            "apps:",
            &format!(r#"timeline: [(at: "5 s", link: "cd", direction: Forward, delay: "{delay}")], apps:"#),
            1,
        )
    };
    let (a, b) = (set(&timeline("6 ms")), set(&timeline("6000001 ns")));
    assert_eq!(crate::diff::compare(&a, &a).unwrap(), None);
    match crate::diff::compare(&a, &b).unwrap().unwrap() {
        crate::diff::Difference::Event { at, subject, .. } => {
            assert_eq!(at.as_nanos(), 5_000_000_000);
            assert_eq!(subject, "link cd:c->d");
        }
        other => panic!("{other:?}"),
    }
    // Without a timeline in the first one it is still that link and that instant.
    match crate::diff::compare(&set(&requests), &b).unwrap().unwrap() {
        crate::diff::Difference::Event { at, subject, .. } => {
            assert_eq!((at.as_nanos(), subject.as_str()), (5_000_000_000, "link cd:c->d"));
        }
        other => panic!("{other:?}"),
    }
}

/// A link of 1 s and a request each second, one outstanding at a time: the answer comes after 2 s, so about every second
/// request is still held back after 100 s. At 0, 1, ... 100 s 101 are due; at 0, 2, ... 100 s 51 are sent.
#[test]
fn requests_that_are_held_back_are_not_forgotten() {
    let text = r#"(
        format: 1,
        title: "Slow",
        nodes: [(name: "a"), (name: "b")],
        links: [(name: "ab", ends: ("a", "b"), delay: "1 s")],
        apps: [
            (name: "s", on: "b", run: CoapServer()),
            (name: "c", on: "a", run: CoapClient(to: "b", requests: 1000, interval: "1 s")),
        ],
        until: After("100 s"),
    )"#;
    let loaded = load_text("t", "t.ron", text, &Request::default(), false).unwrap();
    let output = run_one(&setup(&loaded.scenario), &loaded.scenario, 0, 1, &Watch::default()).unwrap();
    let total = |name: &str| output.totals.iter().find(|total| total.name == name).unwrap().value;
    assert_eq!((total("requests_due"), total("requests_sent"), total("responses")), (101, 51, 50));
    assert_eq!(output.exchanges.len(), 101);
    let unsent: Vec<u64> = output.exchanges.iter().filter(|e| e.started.is_none()).map(|e| e.number).collect();
    assert_eq!(unsent, (51..101).collect::<Vec<_>>());
    let summary = summarise(&loaded, &vec![vec![output]], Confidence::P95, Basis::Replications).unwrap();
    let of = |app: usize| Subject::App(loaded.scenario.apps[app].name.clone());
    let completed = &summary.find(0, &of(1), Metric::Completed).unwrap().estimate;
    assert_eq!((completed.n, completed.value), (101, 50.0 / 101.0));
}

/// A host with 1 byte of memory sends nothing: that is no time-out, and says nothing of retransmission.
#[test]
fn requests_without_memory_have_an_outcome_of_their_own() {
    let text = PAIRS.replace(r#"(name: "a")"#, r#"(name: "a", device: (memory: "1 B"))"#);
    let loaded = load_text("t", "t.ron", &text, &Request::default(), false).unwrap();
    let output = run_one(&setup(&loaded.scenario), &loaded.scenario, 0, 1, &Watch::default()).unwrap();
    let client = loaded.scenario.apps.iter().position(|app| app.name == "c1").unwrap();
    let outcomes = output.exchanges.iter().filter(|e| e.app == client).map(|e| e.ending.unwrap().outcome);
    assert_eq!(outcomes.collect::<Vec<_>>(), vec![Outcome::OutOfMemory; 50]);
    let summary = summarise(&loaded, &vec![vec![output]], Confidence::P95, Basis::Replications).unwrap();
    let of = |app: usize| Subject::App(loaded.scenario.apps[app].name.clone());
    assert!(summary.find(0, &of(client), Metric::MeanTransmissions).is_none());
    assert_eq!(summary.find(0, &of(client), Metric::Completed).unwrap().estimate.n, 50);
}

/// Whether a run stays within its limits does not depend on threads, nor on who looks.
#[test]
fn limits_stop_the_same_runs_with_threads_and_captures() {
    let ends = |limits: &str, threads: usize, capture: bool| {
        let text = PAIRS.replacen("apps:", &format!("limits: ({limits}), apps:"), 1);
        let loaded = load_text("t", "t.ron", &text, &Request::default(), false).unwrap();
        // All that can be looked at, or nothing.
        let diagrams = if capture { vec![loaded.scenario.whole_ladder()] } else { Vec::new() };
        let watch = Watch { capture, diagrams, events: capture };
        run_one(&setup(&loaded.scenario), &loaded.scenario, 0, threads, &watch).unwrap().stopped.is_none()
    };
    let events = |limit: u64, threads, capture| ends(&format!("events: {limit}"), threads, capture);
    // The least limit that is not reached.
    let (mut low, mut high) = (1, 100_000);
    assert!(!events(low, 1, false) && events(high, 1, false));
    while high - low > 1 {
        let middle = u64::midpoint(low, high);
        if events(middle, 1, false) { high = middle } else { low = middle }
    }
    for threads in [1, 2, 8] {
        for capture in [false, true] {
            let (below, enough) = (events(low, threads, capture), events(high, threads, capture));
            assert_eq!((below, enough), (false, true), "{threads} threads, capture {capture}");
        }
    }
    let memory = |power: u32, capture| ends(&format!(r#"memory: "{} B""#, 1_u64 << power), 1, capture);
    let plain: Vec<bool> = (6..24).map(|power| memory(power, false)).collect();
    assert!(plain.contains(&true) && plain.contains(&false));
    assert_eq!(plain, (6..24).map(|power| memory(power, true)).collect::<Vec<_>>());
}
