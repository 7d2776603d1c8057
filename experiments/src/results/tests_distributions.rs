//! Samples as sketches, and sketches as samples: the same numbers, within what a sketch promises.

use super::{Basis, Summary, summarise, write};
use crate::run::{Options, RunOutput, run_all};
use crate::scenario::{Loaded, Metric, Request, load_text};
use protosim_reports::statistics::Confidence;
use std::path::Path;
use std::time::Duration;

/// Requests and datagrams over a link with a queue and some loss.
const NET: &str = r#"(
    format: 1, title: "Distributions",
    nodes: [(name: "a"), (name: "b")],
    links: [(name: "ab", ends: ("a", "b"), rate: "2 Mbit/s", delay: "10 ms", loss: "3 %", queue: "50 packets", impair: (jitter: Exponential(mean: "2 ms")))],
    apps: [
        (name: "con", on: "a", run: CoapClient(to: "b", requests: 300, interval: "100 ms")),
        (name: "coap", on: "b", run: CoapServer()),
        (name: "noise", on: "a", run: UdpSource(to: "b", port: 9, pattern: Poisson, payload: "1000 B", rate: "1.2 Mbit/s")),
        (name: "sink", on: "b", run: UdpSink(port: 9)),
    ],
    until: After("40 s"), warmup: "1 s", replications: 4,
    measure: [
        (app: "sink", metric: MeanOneWayDelay), (app: "sink", metric: MedianOneWayDelay), (app: "sink", metric: P99OneWayDelay),
        (link: "ab", direction: Forward, metric: MeanQueueDelay), (link: "ab", direction: Forward, metric: P95QueueDelay),
    ],
    figures: [(name: "cdf", title: "Distributions", panels: [
        (x: Distribution, x_label: "time", y_label: "share", series: [
            (label: "answers", app: "con", metric: Completion),
            (label: "delays", app: "sink", metric: OneWayDelay),
            (label: "waits", link: "ab", direction: Forward, metric: QueueDelay),
        ]),
    ])],
)"#;

fn load(set: &[&str]) -> Loaded {
    let set = set.iter().map(|argument| (*argument).to_owned()).collect();
    load_text("distributions", "distributions.ron", NET, &Request { set, ..Request::default() }, false).unwrap()
}

fn run(loaded: &Loaded) -> (Vec<Vec<RunOutput>>, Summary) {
    let outputs = run_all(loaded, Options { jobs: 2, ..Options::default() }, || ()).unwrap();
    let summary = summarise(loaded, &outputs, Confidence::P95, Basis::Replications).unwrap();
    (outputs, summary)
}

const SWAPPED: &str = "distributions=(exchanges: Sketch, delays: Samples, waits: Samples)";

/// Shares and means do not depend on how samples are kept; quantiles do by 1/128, the width of a bucket, at most. Four replications: all
/// intervals are of their means and quantiles.
#[test]
fn sketches_and_samples_agree() {
    let (_, plain) = run(&load(&[]));
    let (outputs, swapped) = run(&load(&[SWAPPED]));
    assert!(outputs.iter().flatten().all(|run| run.exchanges.is_empty() && run.sketches.len() == 4));
    assert_eq!(plain.rows.len(), swapped.rows.len());
    let mut quantiles = 0;
    for (one, other) in plain.rows.iter().zip(&swapped.rows) {
        assert_eq!((one.point, &one.subject, one.metric), (other.point, &other.subject, other.metric));
        let (a, b) = (one.estimate, other.estimate);
        let near = |a: f64, b: f64, within: f64| (a - b).abs() <= within * a.abs().max(b.abs());
        if one.metric.quantile().is_some() {
            assert!(near(a.value, b.value, 1.0 / 128.0), "{one:?} {other:?}");
            quantiles += 1;
        } else {
            assert!(near(a.value, b.value, 1e-12), "{one:?} {other:?}");
            assert!(near(a.low.unwrap(), b.low.unwrap(), 1e-9) && near(a.high.unwrap(), b.high.unwrap(), 1e-9));
        }
    }
    // Of answers and deliveries three each, of delays two, of waits one.
    assert_eq!(quantiles, 9);
    // Some are answered, some lost, and some held back.
    assert!(plain.rows.iter().any(|row| row.metric == Metric::Completed && (0.2..0.9).contains(&row.estimate.value)));
}

/// With one run the mean has an interval of batches, as those of links have.
#[test]
fn one_run_has_an_interval_too() {
    let (_, plain) = run(&load(&["replications=1"]));
    let (_, swapped) = run(&load(&["replications=1", SWAPPED]));
    let mean = |summary: &Summary| {
        summary.rows.iter().find(|row| row.metric == Metric::MeanCompletion).map(|row| row.estimate).unwrap()
    };
    let (each, batches) = (mean(&plain), mean(&swapped));
    assert!((each.value - batches.value).abs() < 1e-12 && batches.low.is_some(), "{each:?} {batches:?}");
    assert!(batches.contains(each.value));
}

/// The tables: no rows of exchanges, and one of each delay and wait; nothing of either where nobody asks.
#[test]
fn tables_have_what_is_kept() {
    let files = |set: &[&str]| {
        let loaded = load(set);
        let (outputs, summary) = run(&loaded);
        let scratch = tempfile::tempdir().unwrap();
        write(scratch.path(), &loaded, &outputs, &summary, || Duration::ZERO).unwrap();
        (scratch, outputs)
    };
    let rows = |folder: &Path, name: &str| std::fs::read_to_string(folder.join(name)).unwrap().lines().count() - 1;
    let (plain, _) = files(&[]);
    assert!(!plain.path().join("samples.csv").exists() && rows(plain.path(), "exchanges.csv") == 4 * 300);
    let (swapped, outputs) = files(&[SWAPPED]);
    let delays = outputs[0].iter().map(|run| run.measured.sinks["sink"].samples.len()).sum::<usize>();
    let waits = outputs[0].iter().flat_map(|run| run.measured.links.values());
    let waits: usize = waits.map(|link| link.meter.samples().unwrap().len()).sum();
    assert!(delays > 10_000 && waits > delays);
    assert_eq!((rows(swapped.path(), "samples.csv"), rows(swapped.path(), "exchanges.csv")), (delays + waits, 0));
    assert!(swapped.path().join("figures/cdf.svg").is_file() && swapped.path().join("samples.parquet").is_file());
}

/// The table of warm-ups has a row for each run, and the command says which are too short.
#[test]
fn warmups_are_told() {
    let loaded = load(&[
        "warmup=Mser5(app: \"sink\", metric: OneWayDelay)",
        "until=After(\"300 ms\")",
        "measure=[]",
        "figures=[]",
    ]);
    let (outputs, summary) = run(&loaded);
    let scratch = tempfile::tempdir().unwrap();
    let written = write(scratch.path(), &loaded, &outputs, &summary, || Duration::ZERO).unwrap();
    let table = std::fs::read_to_string(scratch.path().join("warmups.csv")).unwrap();
    assert!(table.starts_with("point,replication,warmup_s,decided\n0,0,"), "{table}");
    let undecided = outputs[0].iter().filter(|run| !run.warmup.is_decided).count();
    assert!(undecided > 0 && table.lines().count() == 5, "{table}");
    let note = format!("{undecided} of 4 runs are too short to tell where their warm-up ends");
    assert!(written.notes.iter().any(|written| written.starts_with(&note)), "{:?}", written.notes);
}
