//! However runs are cut into batches and parts, and on however many threads: what is made of them is the same.

use super::summary::{Basis, Row, Summary, rows_of, summarise};
use super::values::PointValues;
use super::write;
use crate::run::{Loan, Options, Outputs, RunOutput, SightOf, on_threads, run_all};
use crate::scenario::{Loaded, Request, load_text};
use crate::store::StoreError;
use proptest::prelude::*;
use protosim_reports::statistics::Confidence;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

const TEXT: &str = r#"(
    format: 1, title: "Parts", nodes: [(name: "a"), (name: "b")],
    links: [(name: "ab", ends: ("a", "b"), rate: "1 Mbit/s", delay: "10 ms", loss: "20 %")],
    apps: [
        (name: "server", on: "b", run: CoapServer()),
        (name: "con", on: "a", run: CoapClient(to: "b", requests: 20)),
        (name: "sink", on: "b", run: UdpSink(port: 9)),
        (name: "flow", on: "a", run: UdpSource(to: "b", port: 9, rate: "100 kbit/s", payload: "500 B", count: 50)),
    ],
    variants: [(name: "near"), (name: "far", set: {"links.ab.delay": "30 ms"})],
    axes: [(name: "mtu", path: "links.ab.mtu", values: ["1280 B", "1500 B"])],
    measure: [
        (app: "sink", metric: MeanOneWayDelay), (app: "sink", metric: MedianOneWayDelay), (app: "sink", metric: Goodput),
        (link: "ab", direction: Forward, metric: LossShare), (link: "ab", direction: Forward, metric: P95QueueDelay),
        (link: "ab", direction: Forward, metric: MeanQueueDelay),
    ],
    figures: [(name: "f", title: "F", panels: [
        (x: "mtu", x_label: "MTU", y_label: "Time", series: [(label: "con", app: "con", metric: P95Completion)]),
        (x: Distribution, x_label: "Time", y_label: "Share", series: [(label: "con", app: "con", metric: Completion), (label: "sink", app: "sink", metric: OneWayDelay)]),
    ])],
    replications: 7,
)"#;

static RUNS: LazyLock<(Loaded, Vec<Vec<RunOutput>>)> = LazyLock::new(|| {
    let loaded = load_text("t", "t.ron", TEXT, &Request::default(), false).unwrap_or_else(|error| panic!("{error}"));
    let mut outputs = run_all(&loaded, Options { jobs: 2, ..Options::default() }, || ()).unwrap();
    // Replications that are missing, and a point with a single one.
    outputs[1].remove(3);
    outputs[2].truncate(1);
    (loaded, outputs)
});

/// Outputs whose sizes are said to be these, one after the other: so batches end anywhere.
struct Cut<'a>(&'a Vec<Vec<RunOutput>>, &'a [usize]);

impl Outputs for Cut<'_> {
    fn points(&self) -> usize {
        self.0.points()
    }

    fn count(&self, point: usize) -> usize {
        self.0.count(point)
    }

    fn run(&self, point: usize, place: usize) -> Result<Option<Loan<'_>>, StoreError> {
        self.0.run(point, place)
    }

    fn bytes(&self, point: usize, place: usize) -> usize {
        self.1[(7 * point + place) % self.1.len()]
    }

    fn sights(&self, point: usize) -> Vec<SightOf<'_>> {
        self.0.sights(point)
    }
}

/// Of each point all runs at once.
fn rows_at_once(basis: Basis) -> Vec<Row> {
    let (loaded, outputs) = &*RUNS;
    let of_point = |(point, runs): (usize, &Vec<RunOutput>)| {
        let mut values = PointValues::new(loaded);
        runs.iter().for_each(|run| values.add(loaded, point, run));
        rows_of(loaded, &(point, values), Confidence::P95, basis)
    };
    outputs.iter().enumerate().flat_map(of_point).collect()
}

fn files_of(outputs: &dyn Outputs, summary: &Summary, folder: &Path) -> BTreeMap<String, Vec<u8>> {
    write(folder, &RUNS.0, outputs, summary, || Duration::ZERO).unwrap();
    let places = [folder.to_owned(), folder.join("figures")];
    let entries = places.iter().flat_map(|place| std::fs::read_dir(place).unwrap().flatten());
    let files = entries.filter(|entry| entry.path().is_file() && entry.file_name() != "run.log");
    files.map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())).collect()
}

/// The files of the runs in one batch, on one thread.
static FILES: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| {
    let (loaded, outputs) = &*RUNS;
    let scratch = tempfile::tempdir().unwrap();
    on_threads(1, || {
        let summary = summarise(loaded, outputs, Confidence::P95, Basis::Replications).unwrap();
        files_of(outputs, &summary, scratch.path())
    })
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_made_of_runs_does_not_depend_on_parts(
        sizes in prop::collection::vec(0_usize..1_500_000, 1..8),
        threads in 1_usize..4,
    ) {
        let (loaded, outputs) = &*RUNS;
        let cut = Cut(outputs, &sizes);
        for basis in [Basis::Replications, Basis::Exchanges] {
            let summary = on_threads(threads, || summarise(loaded, &cut, Confidence::P95, basis)).unwrap();
            prop_assert!(summary.rows.len() > 4 * 8);
            prop_assert_eq!(summary.rows, rows_at_once(basis));
        }
        let scratch = tempfile::tempdir().unwrap();
        let summary = Summary { rows: rows_at_once(Basis::Replications) };
        let files = on_threads(threads, || files_of(&cut, &summary, scratch.path()));
        // Five tables twice, three kinds of one figure, the manifest.
        prop_assert_eq!(files.len(), 14);
        for (name, bytes) in &files {
            prop_assert!(FILES.get(name) == Some(bytes), "{name} differs");
        }
    }
}

/// A row is found by its point, also behind points without rows.
#[test]
fn rows_are_found_by_point() {
    let rows: Vec<Row> = rows_at_once(Basis::Replications).into_iter().filter(|row| row.point != 1).collect();
    let summary = Summary { rows: rows.clone() };
    for row in &rows {
        assert_eq!(summary.find(row.point, &row.subject, row.metric), Some(row));
        assert_eq!(summary.find(1, &row.subject, row.metric), None);
        assert_eq!(summary.find(9, &row.subject, row.metric), None);
    }
}
