//! Points that go on from copies of one world.

use super::fork::Forks;
use super::one::interests;
use super::{Options, RunOutput, Watch, groups, run_all, setup};
use crate::scenario::{Loaded, Request, Scenario, load_text};
use protosim_core::{SimTime, Span};

/// Streams and datagrams over a router; at 300 ms an early event, the same for all, and at 800 ms one that differs; later ones of variants.
const NET: &str = r#"(
    format: 1, title: "Forks",
    nodes: [(name: "a"), (name: "r"), (name: "b")],
    links: [
        (name: "ar", ends: ("a", "r"), rate: "10 Mbit/s", delay: "5 ms", queue: "40 packets", loss: "0.5 %", impair: (jitter: Exponential(mean: "1 ms"))),
        (name: "rb", ends: ("r", "b"), rate: "4 Mbit/s", delay: "10 ms", queue: "30 packets"),
    ],
    apps: [
        (name: "bulk", on: "a", run: TcpSource(to: "b", port: 5001, bytes: "2 MB")),
        (name: "bulk-sink", on: "b", run: TcpSink(port: 5001)),
        (name: "voice", on: "b", run: UdpSource(to: "a", port: 9, pattern: Poisson, payload: "200 B", rate: "200 kbit/s")),
        (name: "voice-sink", on: "a", run: UdpSink(port: 9)),
        (name: "con", on: "a", run: CoapClient(to: "b", requests: 20, interval: "100 ms")),
        (name: "coap", on: "b", run: CoapServer()),
    ],
    timeline: [(at: "300 ms", link: "rb", rate: "3 Mbit/s"), (at: "800 ms", link: "rb", loss: "1 %"), (at: "900 ms", link: "ar", delay: "6 ms"), (at: "1200 ms", link: "ar", loss: "3 %")],
    until: After("3 s"), replications: 3, fork_at: "800 ms", warmup: "900 ms",
    axes: [(name: "loss", path: "timeline.1.loss", values: ["1 %", "2 %", "30 %"])],
    variants: [(name: "near"), (name: "far", set: {"timeline.2.delay": "40 ms"}), (name: "slow", set: {"links.rb.delay": "100 ms"})],
    measure: [(app: "bulk-sink", metric: Goodput), (app: "voice-sink", metric: MeanOneWayDelay), (link: "rb", direction: Forward, metric: MeanQueueDelay)],
)"#;

fn load(set: &[&str]) -> Result<Loaded, String> {
    let set = set.iter().map(|argument| (*argument).to_owned()).collect();
    load_text("forks", "forks.ron", NET, &Request { set, ..Request::default() }, false)
}

/// All that comes out but how long it took.
fn text(runs: &[RunOutput]) -> String {
    let clean = |run: &RunOutput| RunOutput {
        log: super::RunLog { wall: std::time::Duration::ZERO, ..run.log },
        ..run.clone()
    };
    runs.iter().map(|run| format!("{:?}\n", clean(run))).collect()
}

/// Nine points in two groups of six and three: near and far are the same up to 800 ms, slow is not.
#[test]
fn a_fork_changes_no_result() {
    let forked = load(&[]).unwrap();
    let scenarios: Vec<&Scenario> = forked.points.iter().map(|point| &point.scenario).collect();
    assert_eq!(groups(&scenarios, Span::from_millis(800)), [vec![0, 1, 2, 3, 4, 5], vec![6, 7, 8]]);
    let mut whole = forked.clone();
    whole.scenario.fork_at = None;
    let plain = run_all(&whole, Options::default(), || ()).unwrap();
    for options in
        [Options::default(), Options { jobs: 3, ..Options::default() }, Options { events: true, ..Options::default() }]
    {
        let outputs = run_all(&forked, options, || ()).unwrap();
        for (point, (ours, theirs)) in outputs.iter().zip(&plain).enumerate() {
            let ours: Vec<RunOutput> =
                ours.iter().map(|run| RunOutput { story: Default::default(), ..run.clone() }).collect();
            assert!(text(&ours) == text(theirs), "point {point}, {options:?}");
        }
    }
}

/// The first run of a replication grows the trunk, the others take copies of it, and behind the last it is gone.
#[test]
fn worlds_are_shared_as_long_as_someone_comes() {
    let loaded = load(&[]).unwrap();
    let forks = Forks::of(&loaded);
    let runs: Vec<(usize, u64)> = (0..6).map(|point| (point, 1)).collect();
    runs.iter().for_each(|run| forks.expect(*run));
    for run in runs {
        let scenario = &loaded.points[run.0].scenario;
        let heard = interests(scenario, run.1, &Watch::default());
        let (world, _) = forks.branch(run, &setup(scenario), Some(heard)).unwrap();
        assert_eq!(world.now(), SimTime::from_nanos(799_999_999));
    }
    let scenario = &loaded.points[0].scenario;
    assert!(forks.branch((0, 1), &setup(scenario), Some(interests(scenario, 1, &Watch::default()))).is_none());
}

#[test]
fn forks_that_cannot_be_are_refused() {
    for (set, words) in [
        ("fork_at=\"0 s\"", "at the start nothing is shared yet"),
        ("fork_at=\"100 ms\"", ""),
        ("variants=[]", ""),
        ("timeline.2=(at: \"900 ms\", node: \"r\", up: false)", "at 900 ms it acts on a node"),
        ("warmup=Mser5(app: \"voice-sink\", metric: OneWayDelay)", "no effect beside `warmup: Mser5"),
    ] {
        match load(&[set, "variants=[]"]) {
            Ok(_) => assert_eq!(words, "", "{set}"),
            Err(message) => assert!(!words.is_empty() && message.contains(words), "{set}: {message}"),
        }
    }
    let loaded = load(&[
        "variants=[]",
        "axes=[(name: \"rate\", path: \"links.rb.rate\", values: [\"4 Mbit/s\", \"5 Mbit/s\"])]",
    ])
    .unwrap();
    assert!(loaded.warnings.contains("no two points are the same up to 800 ms"), "{}", loaded.warnings);
}
