//! Values of replications from both sources, and comparisons against values worked out by hand.

use super::metrics::{Experiment, Key, Samples, compare};
use super::{Manifest, Side, from_results};
use crate::results::{Basis, summarise, write};
use crate::run::{Options, run_all};
use crate::scenario::{Loaded, Metric, Request, Subject, TotalName, load};
use protosim_reports::statistics::Confidence;
use std::path::Path;
use std::time::Duration;

/// Three replications of `coap-loss` at two losses, with some more set.
fn reduced(more: &[&str]) -> Loaded {
    let set = [
        "replications=3",
        "apps.con.run.requests=40",
        "apps.non.run.requests=40",
        "axes.loss.values=[\"0 %\", \"20 %\"]",
    ];
    let set = set.iter().chain(more).map(|argument| (*argument).to_owned()).collect();
    load(&Request { scenario: "coap-loss".to_owned(), set, seed: None }, false).unwrap()
}

fn write_to(folder: &Path, loaded: &Loaded) {
    let outputs = run_all(loaded, Options { jobs: 2, ..Options::default() }, || ()).unwrap();
    let summary = summarise(loaded, &outputs, Confidence::P95, Basis::Replications).unwrap();
    write(folder, loaded, &outputs, &summary, || Duration::ZERO).unwrap();
}

/// Both sources have the same values of exchanges, of each replication as if it were the only one.
#[test]
fn tables_have_what_runs_have() {
    let scratch = tempfile::tempdir().unwrap();
    let measure = r#"measure=[(link: "radio", direction: Forward, metric: LossShare), (app: "con", metric: Total("timed_out")),
        (app: "con", metric: Total("responses"))]"#;
    let loaded = reduced(&["warmup=\"20 s\"", measure]);
    write_to(scratch.path(), &loaded);
    let of_tables = Samples::from_tables(&Manifest::read(scratch.path()).unwrap(), &loaded).unwrap();
    let mut of_runs = Samples::from_runs(&loaded, 2).unwrap();
    let of_link = |key: &Key| matches!(key.1, Subject::Link(..));
    assert_eq!(of_tables.unrecorded.len(), 2);
    assert!(of_tables.unrecorded.iter().all(of_link));
    of_runs.values.retain(|key, _| !of_link(key));
    assert!(of_tables.values.len() >= 2 * 2 * 7 + 2 * 2);
    let total = (0, Subject::App("con".to_owned()), Metric::Total(TotalName::new("responses")));
    assert!(of_tables.values[&total].values().all(|bytes| *bytes > 0.0));
    assert_eq!(of_tables.values, of_runs.values);
    assert!(of_tables.values.values().all(|values| values.len() == 3));
}

/// A table that was written over is refused.
#[test]
fn a_table_that_has_changed_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let loaded = reduced(&["replications=1"]);
    write_to(scratch.path(), &loaded);
    let path = scratch.path().join("exchanges.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("response", "timed out", 1)).unwrap();
    let error = Samples::from_tables(&Manifest::read(scratch.path()).unwrap(), &loaded).unwrap_err();
    assert!(error.contains("exchanges.csv` is not the file that"), "{error}");
}

fn samples(values: &[(Metric, &[f64])]) -> Samples {
    let mut samples = Samples::default();
    for (metric, values) in values {
        let of = (0..).zip(values.iter().copied()).collect();
        samples.values.insert((0, Subject::App("con".to_owned()), *metric), of);
    }
    samples
}

/// Differences -0.1, -0.12, -0.08, -0.11, -0.09: mean -0.1, deviation √(0.001 / 4) = 0.0158114, standard error 0.00707107. Three metrics
/// are tested, so that each has 1 - 0.05 / 3: t of 1 - 0.05 / 6 with 4 degrees of freedom is 3.960786 (its density, integrated numerically), and the
/// interval is ± 0.0280070. Of mean 1.3 that is -7.69 % (-9.85 to -5.54). The second metric differs by -0.02 to 0.02: noise. The
/// third differs by 0.5 in each: there is nothing to test.
#[test]
fn pairs_of_replications_are_tested_together() {
    let of_a = samples(&[
        (Metric::MeanCompletion, &[1.1, 1.2, 1.3, 1.4, 1.5]),
        (Metric::Completed, &[0.9, 0.8, 0.7, 0.8, 0.9]),
        (Metric::MeanTransmissions, &[1.0, 1.0, 1.0, 1.0, 1.0]),
    ]);
    let of_b = samples(&[
        (Metric::MeanCompletion, &[1.0, 1.08, 1.22, 1.29, 1.41]),
        (Metric::Completed, &[0.92, 0.78, 0.71, 0.79, 0.9]),
        (Metric::MeanTransmissions, &[1.5, 1.5, 1.5, 1.5, 1.5]),
    ]);
    let loaded = reduced(&["axes.loss.values=[\"2 %\"]"]);
    let a = Experiment { loaded: &loaded, samples: &of_a };
    let found = compare(a, Experiment { loaded: &loaded, samples: &of_b });
    assert_eq!((found.tested, found.replications, found.is_paired), (3, (5, 5), true));
    let [beyond] = found.beyond.as_slice() else { panic!("{found:?}") };
    assert!((beyond.estimate.high.unwrap() - beyond.estimate.value - 0.028_007_0).abs() < 1e-6, "{beyond:?}");
    assert_eq!(
        beyond.words(&loaded),
        "completion mean of `con` at loss = 2 %: 1.30 s against 1.20 s, -7.7 % (simultaneous 95 % interval -9.8 to -5.5)"
    );
    let [constant] = found.constant.as_slice() else { panic!("{found:?}") };
    assert_eq!(constant.words(&loaded), "transmissions mean of `con` at loss = 2 %: 1.00 against 1.50, +50.0 %");
    assert!(found.untested.is_empty() && found.unmatched == 0 && found.single == 0);
    assert!(compare(a, a).beyond.is_empty() && compare(a, a).constant.is_empty());
}

/// With another seed the luck is another: the same values, shuffled between replications, are tested by Welch. Means 1.3 and
/// 1.2, variances 0.025 and 0.0275, standard error √(0.0525 / 5) = 0.1024695: 0.1 is noise.
#[test]
fn other_seeds_are_other_luck() {
    let of_a = samples(&[(Metric::MeanCompletion, &[1.1, 1.2, 1.3, 1.4, 1.5])]);
    let of_b = samples(&[(Metric::MeanCompletion, &[1.0, 1.08, 1.22, 1.29, 1.41])]);
    let loaded = reduced(&["axes.loss.values=[\"2 %\"]"]);
    let mut other = loaded.clone();
    other.scenario.seed = 2;
    let a = Experiment { loaded: &loaded, samples: &of_a };
    let found = compare(a, Experiment { loaded: &other, samples: &of_b });
    assert!(!found.is_paired && found.tested == 1 && found.beyond.is_empty(), "{found:?}");
    assert_eq!(compare(a, Experiment { loaded: &loaded, samples: &of_b }).beyond.len(), 1);
}

/// Points are matched by what they are: at other places in the list, and those of one side alone are told.
#[test]
fn points_are_matched_by_their_values() {
    let one = reduced(&["axes.loss.values=[\"0 %\", \"20 %\"]"]);
    let two = reduced(&["axes.loss.values=[\"20 %\", \"10 %\"]"]);
    let value = |point: usize, value: f64| {
        let key = (point, Subject::App("con".to_owned()), Metric::Completed);
        (key, [(0, value)].into_iter().collect())
    };
    let of_one = Samples { values: [value(0, 1.0), value(1, 0.5)].into_iter().collect(), ..Samples::default() };
    let of_two = Samples { values: [value(0, 0.25), value(1, 0.75)].into_iter().collect(), ..Samples::default() };
    let found = compare(Experiment { loaded: &one, samples: &of_one }, Experiment { loaded: &two, samples: &of_two });
    let [untested] = found.untested.as_slice() else { panic!("{found:?}") };
    assert_eq!(untested.words(&one), "completed of `con` at loss = 20 %: 50.0 % against 25.0 %, -25.0 points");
    assert_eq!((found.unmatched, found.single, found.tested), (2, 1, 0));
}

/// A part is compared with the whole run by run, as far as both have them.
#[test]
fn a_part_is_compared_with_the_whole() {
    let scratch = tempfile::tempdir().unwrap();
    let loaded = reduced(&["replications=1"]);
    write_to(scratch.path(), &loaded);
    let whole = from_results(scratch.path(), false).unwrap();
    assert_eq!(super::common_runs(&whole, &whole).len(), 2);
    assert_eq!(super::common_runs(&whole, &Side::to_run(loaded)).len(), 2);
    assert!(super::common_runs(&whole, &Side::to_run(reduced(&[]))).is_empty());
}
