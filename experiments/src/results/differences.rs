//! Variants against the first one, replication by replication: random streams do not know of variants, so that replication k of two of
//! them has the same luck, and their difference has an interval without the noise that both share.

use super::summary::is_known;
use super::values::{RunExchanges, of_subject};
use crate::run::{Outputs, PerPoint, RunOutput, over_points};
use crate::scenario::{Loaded, Metric, Scope, Subject};
use crate::store::StoreError;
use protosim_reports::statistics::{Confidence, Estimate, mean, paired_difference_interval};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// The values of a metric in each replication of a point that has one.
pub(super) struct Values {
    subject: Subject,
    metric: Metric,
    /// Replication and value, in order of replications.
    of_runs: Vec<(u64, f64)>,
}

/// A metric of a variant less the same metric of the first variant.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Difference {
    /// Which point: of the variant.
    pub(super) point: usize,
    /// Of whom.
    pub(super) subject: Subject,
    /// What.
    pub(super) metric: Metric,
    /// The mean difference over the replications that both have, in the metric's unit.
    pub(super) estimate: Estimate,
    /// The same as a share of the first variant's mean; `None` where that is zero.
    pub(super) relative: Option<f64>,
}

/// The point of the first variant at the same values of axes; `None` for one of the first variant itself.
pub(super) fn baseline_of(loaded: &Loaded, point: usize) -> Option<usize> {
    // Variants vary slowest, and conditions do not know of them: all have the same points in the same order.
    let of_each = loaded.points.len().checked_div(loaded.scenario.variants.len())?;
    let baseline = point.checked_rem(of_each).filter(|_| point >= of_each)?;
    (loaded.points[baseline].values == loaded.points[point].values).then_some(baseline)
}

/// The differences of all points, a batch at a time, in order.
///
/// # Errors
/// Those of the store and of `take`.
pub(super) fn all_differences<E: From<StoreError> + Send>(
    loaded: &Loaded,
    outputs: &dyn Outputs,
    confidence: Confidence,
    mut take: impl FnMut(Vec<Difference>) -> Result<(), E>,
) -> Result<(), E> {
    let mut firsts: BTreeMap<usize, Vec<Values>> = BTreeMap::new();
    let per_point = PerPoint {
        new: |_| Vec::new(),
        add: |all: &mut Vec<Values>, point, run: &RunOutput| {
            append(all, values_of(loaded, point, std::slice::from_ref(run)));
        },
        append,
    };
    let compare = |points: Vec<(usize, Vec<Values>)>| {
        let mut others = Vec::new();
        for (point, values) in points {
            match baseline_of(loaded, point) {
                Some(baseline) => others.push((point, values, baseline)),
                None => drop(firsts.insert(point, values)),
            }
        }
        let found = others.par_iter().map(|(point, values, baseline)| {
            firsts.get(baseline).map_or_else(Vec::new, |first| differences(*point, values, first, confidence))
        });
        take(found.collect::<Vec<_>>().into_iter().flatten().collect())
    };
    over_points(outputs, 0..outputs.points(), per_point, compare)
}

/// Adds values of later runs of a point.
fn append(all: &mut Vec<Values>, later: Vec<Values>) {
    if all.is_empty() {
        *all = later;
    } else {
        all.iter_mut().zip(later).for_each(|(own, more)| own.of_runs.extend(more.of_runs));
    }
}

/// The values of all metrics of a point that have one in a single run, in the order of the summary.
pub(super) fn values_of(loaded: &Loaded, point: usize, runs: &[RunOutput]) -> Vec<Values> {
    let whole: Vec<&RunOutput> = runs.iter().filter(|run| run.stopped.is_none()).collect();
    let mut all = Vec::new();
    for (app, spec) in loaded.scenario.apps.iter().enumerate() {
        let of_app = whole.iter().map(|run| (run.replication, RunExchanges::of(loaded, point, run, app)));
        let of_app: Vec<(u64, RunExchanges)> = of_app.collect();
        let metrics = Metric::ALL.into_iter().filter(|metric| metric.of() == Scope::Exchanges);
        let known = |metric: &Metric| metric.milestone().is_none_or(|milestone| is_known(loaded, spec, milestone));
        for metric in metrics.filter(known) {
            let value = |(replication, run): &(u64, RunExchanges)| Some((*replication, run.value(metric)?));
            let of_runs = of_app.iter().filter_map(value).collect();
            all.push(Values { subject: Subject::App(spec.name.clone()), metric, of_runs });
        }
    }
    for (subject, metric) in &loaded.scenario.measures.rows {
        let value = |run: &&RunOutput| Some((run.replication, of_subject(run, subject, *metric)?));
        let of_runs = whole.iter().filter_map(value).collect();
        all.push(Values { subject: subject.clone(), metric: *metric, of_runs });
    }
    all
}

/// The differences at a point, where it and the first variant's have a replication in common.
pub(super) fn differences(
    point: usize,
    values: &[Values],
    baseline: &[Values],
    confidence: Confidence,
) -> Vec<Difference> {
    let of = |values: &Values| {
        let same = |other: &&Values| other.subject == values.subject && other.metric == values.metric;
        let first = baseline.iter().find(same)?;
        let pair = |(replication, value): &(u64, f64)| {
            let index = first.of_runs.binary_search_by_key(replication, |(replication, _)| *replication).ok()?;
            Some((*value, first.of_runs[index].1))
        };
        let (with, without): (Vec<f64>, Vec<f64>) = values.of_runs.iter().filter_map(pair).unzip();
        let estimate = paired_difference_interval(&with, &without, confidence)?;
        let relative = mean(&without).filter(|mean| *mean != 0.0).map(|mean| estimate.value / mean);
        let (subject, metric) = (values.subject.clone(), values.metric);
        Some(Difference { point, subject, metric, estimate, relative: relative.filter(|share| share.is_finite()) })
    };
    values.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Basis, summarise, write};
    use crate::run::{Options, run_all};
    use crate::scenario::{Request, Way, load_text};
    use std::time::Duration;

    const TEXT: &str = r#"(
        format: 1, title: "Differences", nodes: [(name: "a"), (name: "b")],
        links: [(name: "ab", ends: ("a", "b"), rate: "1 Mbit/s", delay: "10 ms", loss: "20 %")],
        apps: [
            (name: "server", on: "b", run: CoapServer()),
            (name: "con", on: "a", run: CoapClient(to: "b", requests: 20)),
            (name: "sink", on: "b", run: UdpSink(port: 9)),
            (name: "flow", on: "a", run: UdpSource(to: "b", port: 9, rate: "100 kbit/s", payload: "500 B", count: 50)),
        ],
        variants: [
            (name: "near"),
            (name: "far", set: {"links.ab.delay": "30 ms"}),
            (name: "patient", set: {"apps.con.run.transmission.ack_timeout": "5 s"}),
        ],
        axes: [(name: "mtu", path: "links.ab.mtu", values: ["1280 B", "1500 B"])],
        measure: [
            (app: "sink", metric: MeanOneWayDelay), (app: "sink", metric: MedianOneWayDelay), (app: "sink", metric: Goodput),
            (link: "ab", direction: Forward, metric: LossShare), (link: "ab", direction: Forward, metric: P95QueueDelay),
        ],
        replications: 4,
    )"#;

    fn run() -> (Loaded, Vec<Vec<RunOutput>>) {
        let loaded =
            load_text("t", "t.ron", TEXT, &Request::default(), false).unwrap_or_else(|error| panic!("{error}"));
        let outputs = run_all(&loaded, Options::default(), || ()).unwrap();
        (loaded, outputs)
    }

    /// A metric of one run is what the summary of that run alone has.
    #[test]
    fn the_value_of_a_replication_is_that_of_its_own_summary() {
        let (loaded, outputs) = run();
        let mut compared = 0;
        for (point, runs) in outputs.iter().enumerate() {
            let all = values_of(&loaded, point, runs);
            for (k, run) in runs.iter().enumerate() {
                let mut alone: Vec<Vec<RunOutput>> = outputs.iter().map(|_| Vec::new()).collect();
                alone[point].push(run.clone());
                let summary = summarise(&loaded, &alone, Confidence::P95, Basis::Replications).unwrap();
                for values in &all {
                    let row = summary.find(point, &values.subject, values.metric).map(|row| row.estimate.value);
                    let value = values.of_runs.iter().find(|(replication, _)| *replication == k as u64);
                    assert_eq!(value.map(|(_, value)| *value), row, "{:?}", values.metric);
                    compared += usize::from(row.is_some());
                }
                assert!(summary.rows.len() <= all.len());
            }
        }
        assert!(compared > 24 * 8, "{compared}");
    }

    /// The link of `far` is 20 ms longer, and luck is the same: the same datagrams arrive, each 20 ms later, whatever the replication; the
    /// same share is lost, exactly. `patient` differs in the client alone: the flow's delays are exactly the same.
    #[test]
    fn what_differs_by_the_same_in_all_replications_has_no_spread() {
        let (loaded, outputs) = run();
        assert_eq!(
            (baseline_of(&loaded, 1), baseline_of(&loaded, 2), baseline_of(&loaded, 5)),
            (None, Some(0), Some(1))
        );
        let of = |point: usize| values_of(&loaded, point, &outputs[point]);
        let find = |point: usize, subject: &Subject, metric: Metric| {
            let all = differences(point, &of(point), &of(baseline_of(&loaded, point).unwrap()), Confidence::P95);
            all.into_iter().find(|row| row.subject == *subject && row.metric == metric).unwrap()
        };
        let (sink, link) = (Subject::App("sink".to_owned()), Subject::Link("ab".to_owned(), Way::Forward));
        for point in [2, 3] {
            let delay = find(point, &sink, Metric::MeanOneWayDelay);
            let (low, high) = (delay.estimate.low.unwrap(), delay.estimate.high.unwrap());
            assert!((low - 0.02).abs() < 1e-9 && (high - 0.02).abs() < 1e-9, "{delay:?}");
            assert_eq!(delay.estimate.n, 4);
        }
        for (point, subject, metric) in [(4, &sink, Metric::MeanOneWayDelay), (5, &link, Metric::P95QueueDelay)] {
            let same = find(point, subject, metric);
            assert_eq!(
                (same.estimate.value, same.estimate.low, same.estimate.exact),
                (0.0, Some(0.0), true),
                "{same:?}"
            );
        }
    }

    /// By hand: differences 1, 2, 3 of the replications 0, 2 and 5 that both have. Mean 2, standard deviation 1, Student's t with two
    /// degrees of freedom 4.302653 (97.5 %), half-width 4.302653 / √3 = 2.484138. The first one's mean is 10.
    #[test]
    fn replications_that_both_have_are_paired() {
        let values = |of_runs: &[(u64, f64)]| {
            vec![Values {
                subject: Subject::App("a".to_owned()),
                metric: Metric::MeanCompletion,
                of_runs: of_runs.to_vec(),
            }]
        };
        let first = values(&[(0, 9.0), (1, 77.0), (2, 10.0), (5, 11.0)]);
        let second = values(&[(0, 10.0), (2, 12.0), (4, 99.0), (5, 14.0)]);
        let [row] = &differences(7, &second, &first, Confidence::P95)[..] else { panic!("one row") };
        assert_eq!((row.point, row.estimate.n, row.estimate.value, row.relative), (7, 3, 2.0, Some(0.2)));
        assert!((row.estimate.high.unwrap() - 4.484_138).abs() < 1e-6, "{row:?}");
        let zero = differences(7, &second, &values(&[(0, 0.0)]), Confidence::P95);
        assert_eq!((zero[0].relative, zero[0].estimate.low, zero[0].estimate.value), (None, None, 10.0));
        assert!(differences(7, &second, &values(&[(1, 1.0)]), Confidence::P95).is_empty());
    }

    #[test]
    fn the_table_has_each_variant_against_the_first() {
        let (loaded, outputs) = run();
        let summary = summarise(&loaded, &outputs, Confidence::P95, Basis::Replications).unwrap();
        let scratch = tempfile::tempdir().unwrap();
        write(scratch.path(), &loaded, &outputs, &summary, || Duration::ZERO).unwrap();
        let table = std::fs::read_to_string(scratch.path().join("differences.csv")).unwrap();
        let mut lines = table.lines();
        let head = "point,variant,mtu_bytes,baseline,app,link,direction,metric,unit,n,difference,low,high,confidence,exact,relative_difference";
        assert_eq!(lines.next(), Some(head));
        let rows: Vec<&str> = lines.collect();
        assert!(rows.iter().all(|row| row.contains(",near,")));
        let starts = ["2,far,1280", "3,far,1500", "4,patient,1280", "5,patient,1500"];
        assert!(rows.iter().all(|row| starts.iter().any(|start| row.starts_with(start))), "{table}");
        let metrics = summary.rows.iter().filter(|row| row.point == 2).count();
        assert_eq!(rows.len(), 4 * metrics);
        assert!(scratch.path().join("differences.parquet").is_file());
    }
}
