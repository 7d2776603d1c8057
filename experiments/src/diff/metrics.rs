//! Metrics of two experiments that differ beyond noise.
//!
//! Points are matched by their variant and the values of their axes. The same replication of both has the same luck where the
//! seed is the same, so that differences are taken replication by replication, and their mean has an interval by Student's t; with
//! different seeds the luck differs too, and the interval is Welch's. All intervals of a comparison hold together: each one's
//! error is its part of 5 % (Bonferroni). A difference is beyond noise if its interval does not hold zero.
//!
//! A difference that is the same in every replication has no spread that a test could rest on: of what chance has no part in, it is the
//! difference; with few replications it may still be luck. Such differences are told apart from the tested ones, and so are
//! those of a single replication.

pub use super::samples::{Key, Samples};

use super::words::{Scale, is_share, point, signed, two_values};
use crate::scenario::{AxisSpec, Loaded, Metric, Point, Subject};
use protosim_reports::statistics::{Confidence, Estimate, mean, paired_difference_interval, welch_difference_interval};
use std::collections::{BTreeMap, BTreeSet};

/// An experiment with the values of its replications.
#[derive(Clone, Copy, Debug)]
pub struct Experiment<'e> {
    /// The experiment.
    pub loaded: &'e Loaded,
    /// What came out.
    pub samples: &'e Samples,
}

/// What the comparison of all metrics found.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Comparison {
    /// How many metrics were tested.
    pub tested: usize,
    /// How many replications the fewest and the most of them had, of each side.
    pub replications: (usize, usize),
    /// True for the same luck on both sides.
    pub is_paired: bool,
    /// Those that differ beyond noise, the largest difference first.
    pub beyond: Vec<MetricDifference>,
    /// Those that differ by the same in every replication, the largest difference first.
    pub constant: Vec<MetricDifference>,
    /// Those that differ, with a single replication, the largest difference first.
    pub untested: Vec<MetricDifference>,
    /// How many have a single replication.
    pub single: usize,
    /// How many are in tables without the values of single replications.
    pub unrecorded: usize,
    /// How many are of one side alone: its point, its application or its link is not in the other.
    pub unmatched: usize,
}

/// A metric that differs.
#[derive(Clone, PartialEq, Debug)]
pub struct MetricDifference {
    /// The number of the point in A.
    pub point: usize,
    /// Of whom.
    pub subject: Subject,
    /// What.
    pub metric: Metric,
    /// Mean of the replications in A.
    pub in_a: f64,
    /// Mean of the replications in B.
    pub in_b: f64,
    /// B less A.
    pub estimate: Estimate,
}

impl MetricDifference {
    /// How large it is beside the values: 1 for something against nothing.
    fn size(&self) -> f64 {
        let most = self.in_a.abs().max(self.in_b.abs());
        if most > 0.0 { self.estimate.value.abs() / most } else { 0.0 }
    }

    /// In words: `completion mean of `con` at loss = 2 %: 1.42 s against 1.31 s, -7.7 % (simultaneous 95 % interval
    /// -9.1 to -6.2)`.
    pub fn words(&self, a: &Loaded) -> String {
        let (in_a, in_b) = two_values(self.metric, self.in_a, self.in_b);
        let (unit, factor) = match (is_share(self.metric), self.in_a == 0.0) {
            (true, _) => (" points".to_owned(), 100.0),
            (false, false) => (" %".to_owned(), 100.0 / self.in_a),
            (false, true) => {
                let scale = Scale::of(self.metric, self.estimate.value);
                (scale.name().to_owned(), scale.factor())
            }
        };
        let difference = signed(self.estimate.value * factor) + &unit;
        let interval = match (self.estimate.low, self.estimate.high) {
            (Some(low), Some(high)) if !self.estimate.exact => {
                format!(" (simultaneous 95 % interval {} to {})", signed(low * factor), signed(high * factor))
            }
            _ => String::new(),
        };
        let (metric, subject, at) = (self.metric.name(), &self.subject, point(a, self.point));
        format!("{metric} of {subject}{at}: {in_a} against {in_b}, {difference}{interval}")
    }
}

/// Compares all metrics that both experiments have.
pub fn compare(a: Experiment<'_>, b: Experiment<'_>) -> Comparison {
    let is_paired = a.loaded.scenario.seed == b.loaded.scenario.seed;
    let mut comparison = Comparison { is_paired, ..Comparison::default() };
    let points = matching_points(a.loaded, b.loaded);
    let mut matched = BTreeSet::new();
    let mut pairs = Vec::new();
    for (point, subject, metric) in a.samples.keys() {
        let of_a = (*point, subject.clone(), *metric);
        let in_b = points.get(point).map(|point| (*point, subject.clone(), *metric));
        let known = in_b.filter(|key| b.samples.values.contains_key(key) || b.samples.unrecorded.contains(key));
        let Some(of_b) = known else {
            comparison.unmatched += 1;
            continue;
        };
        matched.insert(of_b.clone());
        match (a.samples.values.get(&of_a), b.samples.values.get(&of_b)) {
            (Some(values_a), Some(values_b)) => pairs.push((of_a, two_samples(values_a, values_b, is_paired))),
            _ => comparison.unrecorded += 1,
        }
    }
    comparison.unmatched += b.samples.keys().into_iter().filter(|key| !matched.contains(*key)).count();
    let has_many = |(with_a, with_b): &(Vec<f64>, Vec<f64>)| with_a.len() > 1 && with_b.len() > 1;
    comparison.tested = pairs.iter().filter(|(_, samples)| has_many(samples)).count();
    comparison.single = pairs.len() - comparison.tested;
    let lengths =
        || pairs.iter().filter(|(_, samples)| has_many(samples)).map(|(_, (of_a, of_b))| of_a.len().min(of_b.len()));
    comparison.replications = (lengths().min().unwrap_or(0), lengths().max().unwrap_or(0));
    // Without a test no interval is shown.
    let confidence = Confidence::P95.shared_by(comparison.tested.max(1) as u64).unwrap_or(Confidence::P95);
    for ((point, subject, metric), (of_a, of_b)) in pairs {
        let interval = if is_paired { paired_difference_interval } else { welch_difference_interval };
        let (Some(in_a), Some(in_b)) = (mean(&of_a), mean(&of_b)) else { continue };
        let Some(estimate) = interval(&of_b, &of_a, confidence) else { continue };
        let difference = MetricDifference { point, subject, metric, in_a, in_b, estimate };
        match (estimate.low, estimate.high) {
            _ if estimate.value == 0.0 => {}
            (Some(_), Some(_)) if estimate.exact => comparison.constant.push(difference),
            (Some(low), Some(high)) if low > 0.0 || high < 0.0 => comparison.beyond.push(difference),
            (Some(_), Some(_)) => {}
            _ => comparison.untested.push(difference),
        }
    }
    for list in [&mut comparison.beyond, &mut comparison.constant, &mut comparison.untested] {
        list.sort_by(|one, other| other.size().total_cmp(&one.size()));
    }
    comparison
}

/// What tells points from each other: the variant, and the values of the axes by name.
type PointName = (Option<String>, Vec<(String, Value)>);

/// The value of an axis: a number's bits, or the name of a case.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Number(u64),
    Case(String),
}

/// For each point of A the one of B with the same variant and the same values of the same axes.
fn matching_points(a: &Loaded, b: &Loaded) -> BTreeMap<usize, usize> {
    let places = |loaded: &Loaded| -> BTreeMap<PointName, usize> {
        let place = |(number, point): (usize, &Point)| {
            let value = |(axis, value): (&AxisSpec, &f64)| {
                let case = axis.case_name(*value).map(|name| Value::Case(name.to_owned()));
                (axis.name.clone(), case.unwrap_or(Value::Number(value.to_bits())))
            };
            let mut values: Vec<(String, Value)> = loaded.scenario.axes.iter().zip(&point.values).map(value).collect();
            values.sort();
            ((point.variant.clone(), values), number)
        };
        loaded.points.iter().enumerate().map(place).collect()
    };
    let of_b = places(b);
    places(a).into_iter().filter_map(|(place, number)| Some((number, *of_b.get(&place)?))).collect()
}

/// The values that are compared: of the same replications where they have the same luck, else all.
fn two_samples(a: &BTreeMap<u64, f64>, b: &BTreeMap<u64, f64>, is_paired: bool) -> (Vec<f64>, Vec<f64>) {
    if !is_paired {
        return (a.values().copied().collect(), b.values().copied().collect());
    }
    a.iter().filter_map(|(replication, of_a)| Some((*of_a, *b.get(replication)?))).unzip()
}
