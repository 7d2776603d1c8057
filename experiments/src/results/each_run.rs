//! What must hold in each run by itself (`in_each_run`), and not of means alone.

use super::summary::{Basis, Row, rows_of};
use super::values::PointValues;
use crate::run::{Outputs, RunOutput};
use crate::scenario::{Expectation, Loaded, Metric, Must, Subject, evaluate};
use crate::store::StoreError;
use protosim_reports::statistics::Confidence;

/// Something that a run does not keep to.
#[derive(Clone, PartialEq, Debug)]
pub struct Breach {
    /// Index of the expectation.
    pub expectation: usize,
    /// How, in words: `counter lost of \`panel\` is 2, and must be at most 0`.
    pub text: String,
}

/// Everything that must hold in each run of a point and does not in this one, in the order of the scenario.
pub fn breaches(loaded: &Loaded, point: usize, run: &RunOutput) -> Vec<Breach> {
    let mut values = Values { loaded, point, run, rows: None };
    let own = loaded.scenario.expect.iter().enumerate().filter(|(_, expectation)| expectation.in_each_run);
    let own = own.filter(|(_, expectation)| loaded.is_chosen(point, expectation.filter()));
    let breach = |(index, expectation): (usize, &Expectation)| {
        let text = values.breach(expectation)?;
        Some(Breach { expectation: index, text })
    };
    own.filter_map(breach).collect()
}

/// What one expectation misses, run by run.
///
/// # Errors
/// When outputs cannot be read.
pub(super) fn misses(
    loaded: &Loaded,
    outputs: &dyn Outputs,
    expectation: &Expectation,
    points: impl Iterator<Item = usize>,
) -> Result<Vec<String>, StoreError> {
    let mut misses = Vec::new();
    for point in points {
        for place in 0..outputs.count(point) {
            let Some(run) = outputs.run(point, place)? else { continue };
            let mut values = Values { loaded, point, run: &run, rows: None };
            if let Some(text) = values.breach(expectation) {
                misses.push(format!("point {point}, replication {}: {text}", run.replication));
            }
        }
    }
    Ok(misses)
}

/// The metrics of one run, as the summary would have them of that alone.
struct Values<'a> {
    loaded: &'a Loaded,
    point: usize,
    run: &'a RunOutput,
    /// Once they were asked for: what applications count is known without.
    rows: Option<Vec<Row>>,
}

impl Values<'_> {
    /// How the run breaks an expectation, if it does.
    fn breach(&mut self, expectation: &Expectation) -> Option<String> {
        let loaded = self.loaded;
        let values = &loaded.points[self.point].values;
        let text = expectation.must.formula();
        let wanted = evaluate(&loaded.scenario.axes, text, &expectation.bindings, values).ok();
        let subject = expectation.subject()?;
        let value = self.of(&subject, expectation.metric);
        let (Some(value), Some(wanted)) = (value, wanted) else {
            return Some(format!("{} of {subject} has no value", expectation.metric.name()));
        };
        let (holds, relation) = match expectation.must {
            Must::BeAtLeast(_) => (value >= wanted, "at least"),
            Must::BeAtMost(_) => (value <= wanted, "at most"),
            // Checked: one run has no interval.
            Must::AgreeWith(_) => (value == wanted, "exactly"),
        };
        let name = expectation.metric.name();
        (!holds).then(|| format!("{name} of {subject} is {value}, and must be {relation} {wanted}"))
    }

    fn of(&mut self, subject: &Subject, metric: Metric) -> Option<f64> {
        if let (Subject::App(app), Metric::Total(name)) = (subject, metric) {
            return self.run.totals.of_app(app, name.counted()).map(|count| count as f64);
        }
        let rows = self.rows.get_or_insert_with(|| {
            let mut values = PointValues::new(self.loaded);
            values.add(self.loaded, self.point, self.run);
            rows_of(self.loaded, &(self.point, values), Confidence::P99_9, Basis::Exchanges)
        });
        rows.iter().find(|row| row.subject == *subject && row.metric == metric).map(|row| row.estimate.value)
    }
}
