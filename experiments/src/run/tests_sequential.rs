//! Replications until a metric is known well enough.

use super::{Options, Outputs, run_all};
use crate::results::estimate_at;
use crate::scenario::{Loaded, Metric, Request, Subject, load_text};
use protosim_reports::statistics::{Confidence, clopper_pearson};

/// An M/M/1 queue at a load of one half: Poisson arrivals of exponential sizes with a mean of 5000 bytes, 40 µs at 1 Gbit/s. Its first 100
/// services do not count: it has forgotten its empty start after some 1 / (1 - √0.5)² = 12 of them.
const QUEUE: &str = r#"(
    format: 1, title: "M/M/1",
    nodes: [(name: "a"), (name: "b")],
    links: [(name: "link", ends: ("a", "b"), rate: "1 Gbit/s", delay: "1 ms", mtu: "65535 B", queue: "1000000 packets")],
    apps: [
        (name: "source", on: "a", run: UdpSource(to: "b", port: 9, pattern: Poisson, payload: Exponential(mean: "5 kB"), sizes_of: Packet, rate: "500 Mbit/s")),
        (name: "sink", on: "b", run: UdpSink(port: 9)),
    ],
    until: After("84 ms"), warmup: "4 ms", replications: 1000,
    sequential: (link: "link", direction: Forward, metric: MeanQueueDelay, relative_half_width: "4 %", batch: 10),
)"#;

fn queue(set: &[&str]) -> Loaded {
    let set = set.iter().map(|argument| (*argument).to_owned()).collect();
    load_text("mm1", "mm1.ron", QUEUE, &Request { set, ..Request::default() }, false).unwrap()
}

fn with_seed(loaded: &Loaded, seed: u64) -> Loaded {
    let mut loaded = loaded.clone();
    loaded.scenario.seed = seed;
    loaded.points.iter_mut().for_each(|point| point.scenario.seed = seed);
    loaded
}

/// 1,000 experiments: the mean wait of M/M/1 is ρ S / (1 - ρ) = 40 µs, and 950 of 1,000 intervals should hold it. A mean over
/// the 1000 packets of a run has a relative variance of 29 / 1000 (see the queueing tests of links), so that a half-width of 4 %
/// takes some (1.96 · 0.17 / 0.04)² = 70 replications.
///
/// Stopping where luck makes the interval narrow costs some coverage: within the sampling error of 1,000 experiments (99.9 %) it is 95 %.
#[test]
fn intervals_of_sequential_replications_hold_the_truth_as_often_as_they_say() {
    const EXPERIMENTS: u64 = 1000;
    let loaded = queue(&[]);
    let subject = Subject::Link("link".to_owned(), crate::scenario::Way::Forward);
    let (mut covered, mut replications) = (0, 0);
    for seed in 1..=EXPERIMENTS {
        let loaded = with_seed(&loaded, seed);
        let outputs = run_all(&loaded, Options { jobs: 2, ..Options::default() }, || ()).unwrap();
        let estimate = estimate_at(&loaded, &outputs, 0, &subject, Metric::MeanQueueDelay).unwrap().unwrap();
        let half = estimate.high.unwrap() - estimate.value;
        assert!(half <= 0.04 * estimate.value, "seed {seed}: {estimate:?}");
        covered += u64::from(estimate.contains(40e-6));
        replications += outputs.count(0) as u64;
    }
    let share = clopper_pearson(covered, EXPERIMENTS, Confidence::P99_9).unwrap();
    assert!(share.contains(0.95), "{covered} of {EXPERIMENTS}: {share:?}");
    assert!((60_000..80_000).contains(&replications), "{replications}");
}

/// Each point stops by itself, at the end of a batch, and no earlier one would have done.
#[test]
fn a_point_stops_at_the_first_batch_that_is_enough() {
    let loaded = queue(&[
        r#"axes=[(name: "rate", path: "apps.source.run.rate", values: ["100 Mbit/s", "700 Mbit/s"])]"#,
        r#"sequential.relative_half_width="10 %""#,
        "sequential.batch=7",
        "replications=100",
    ]);
    let outputs = run_all(&loaded, Options::default(), || ()).unwrap();
    let subject = Subject::Link("link".to_owned(), crate::scenario::Way::Forward);
    let rule = loaded.scenario.sequential.as_ref().unwrap();
    let met = |point: usize, first: usize| {
        let some: Vec<Vec<_>> = outputs.iter().map(|runs| runs[..first.min(runs.len())].to_vec()).collect();
        let estimate = estimate_at(&loaded, &some, point, &subject, Metric::MeanQueueDelay).unwrap();
        rule.is_met(&estimate.unwrap())
    };
    let counts = [outputs.count(0), outputs.count(1)];
    assert!(counts[0] != counts[1], "{counts:?}");
    for (point, count) in counts.into_iter().enumerate() {
        assert!(count % 7 == 0 || count == 100, "{counts:?}");
        assert!(met(point, count) || count == 100, "{counts:?}");
        assert!((7..count).step_by(7).all(|first| !met(point, first)), "{counts:?}");
    }
}
