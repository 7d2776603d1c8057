//! The warm-up that MSER-5 finds in runs.

use super::{Options, RunOutput, run_all};
use crate::results::estimate_at;
use crate::scenario::{Loaded, Metric, Request, Subject, load_text};
use protosim_core::SimTime;

/// A link at a load of one half, onto which 400 datagrams come at once in the beginning: it takes 400 · 40 µs / (1 - 0.5) = 32 ms until
/// they are gone.
const BURST: &str = r#"(
    format: 1, title: "A burst and then a load of one half",
    nodes: [(name: "a"), (name: "b")],
    links: [(name: "link", ends: ("a", "b"), rate: "1 Gbit/s", delay: "1 ms", mtu: "9000 B", queue: "1000000 packets")],
    apps: [
        (name: "steady", on: "a", run: UdpSource(to: "b", port: 9, pattern: Poisson, payload: "5000 B", sizes_of: Packet, rate: "500 Mbit/s")),
        (name: "burst", on: "a", run: UdpSource(to: "b", port: 9, pattern: Constant, payload: "5000 B", sizes_of: Packet, rate: "800 Gbit/s", count: 400)),
        (name: "sink", on: "b", run: UdpSink(port: 9)),
    ],
    until: After("500 ms"), replications: 5,
    measure: [(app: "sink", metric: MeanOneWayDelay), (app: "sink", metric: Goodput)],
    warmup: Mser5(app: "sink", metric: OneWayDelay),
)"#;

fn burst(set: &[&str]) -> Loaded {
    let set = set.iter().map(|argument| (*argument).to_owned()).collect();
    load_text("burst", "burst.ron", BURST, &Request { set, ..Request::default() }, false).unwrap()
}

fn runs(set: &[&str]) -> Vec<RunOutput> {
    run_all(&burst(set), Options { jobs: 2, ..Options::default() }, || ()).unwrap().remove(0)
}

fn millis(at: SimTime) -> f64 {
    at.as_secs_f64() * 1000.0
}

/// Of datagrams of one size a delay is the wait and a constant: whichever of both decides, the cut is the same. And what is measured
/// behind it is what a fixed warm-up of that length would have let through, meters of links included.
#[test]
fn the_cut_is_where_the_queue_has_come_down() {
    const LINK: &str = "measure=[(app: \"sink\", metric: MeanOneWayDelay), (app: \"sink\", metric: Goodput), \
                        (link: \"link\", direction: Forward, metric: MeanQueueDelay), (link: \"link\", direction: Forward, metric: Utilisation)]";
    let by_delay = runs(&[LINK]);
    let by_wait = runs(&[LINK, r#"warmup=Mser5(link: "link", direction: Forward, metric: QueueDelay)"#]);
    for (delay, wait) in by_delay.iter().zip(&by_wait) {
        assert!(delay.warmup.is_decided && (20.0..60.0).contains(&millis(delay.warmup.ends)), "{:?}", delay.warmup);
        assert_eq!((delay.warmup, &delay.measured, &delay.digests), (wait.warmup, &wait.measured, &wait.digests));
        let fixed = format!("warmup=\"{} ns\"", delay.warmup.ends.as_nanos());
        let same = &runs(&[LINK, &fixed])[delay.replication as usize];
        assert_eq!((&delay.measured, &delay.totals, &delay.digests), (&same.measured, &same.totals, &same.digests));
    }
    let without = runs(&[]);
    let of_sink = |runs: &[RunOutput]| runs.iter().map(|run| run.measured.sinks["sink"].clone()).collect::<Vec<_>>();
    assert_eq!(of_sink(&without), of_sink(&by_delay), "without meters one pass is enough");
}

/// M/D/1 at one half: a mean wait of ρ S / (2 (1 - ρ)) = 20 µs, and 40 µs on the link and 1 ms of delay. With the burst the mean is off by
/// more than the interval; behind the cut it is not.
#[test]
fn what_is_left_agrees_with_the_steady_state() {
    let subject = Subject::App("sink".to_owned());
    let of = |set: &[&str]| {
        let loaded = burst(set);
        let runs = run_all(&loaded, Options { jobs: 2, ..Options::default() }, || ()).unwrap();
        estimate_at(&loaded, &runs, 0, &subject, Metric::MeanOneWayDelay).unwrap().unwrap()
    };
    let with_burst = of(&["warmup=\"1 ns\"", "replications=20"]);
    assert!(with_burst.low.unwrap() > 1.1e-3, "{with_burst:?}");
    let behind = of(&["replications=20"]);
    assert!(behind.contains(1.06e-3), "{behind:?}");
}

/// A run of fewer than 50 samples cannot tell; nor can one that ends before the queue has come down.
#[test]
fn runs_that_are_too_short_are_told() {
    for until in ["300 us", "25 ms"] {
        let until = format!("until=After(\"{until}\")");
        assert!(runs(&[&until]).iter().all(|run| !run.warmup.is_decided), "{until}");
    }
}
