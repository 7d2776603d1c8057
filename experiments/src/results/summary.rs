//! Metrics of applications and links at each point, with intervals. What each is of is in the catalogue ([`Metric::entry`]).
//!
//! - Shares of exchanges have Clopper-Pearson intervals over all exchanges of all replications, and quantiles of exchanges are
//!   order statistics over all of them, with intervals from ranks. Both take exchanges as independent of each other, which
//!   those of one run are not where they share a queue: with several replications the interval is at least as wide as
//!   Student's t makes it of the replications' own values.
//! - Means, rates and the shares of links, sinks and connections are means of the replications' values with Student's t intervals. With one
//!   replication, means of exchanges have those of single exchanges, means of waits and of one-way delays those of batch
//!   means, and all else has none.
//! - Quantiles of waits and one-way delays, and of exchanges that are kept as sketches, come from histograms of all replications together, or
//!   from the samples where these are kept. Samples of one run hang together, so that one replication alone has no interval; that of
//!   several is from ranks, and at least as wide as the spread of the replications' own quantiles makes it.
//! - Times are conditional on success: over exchanges that got a response.
//! - What starts in the warm-up, or after the measurement window, does not count; nor does what is of a run that reached a
//!   limit.
//! - Exchanges that were still open when a run ended count as begun: not delivered unless they were, and not
//!   completed. So do requests that were due and never sent, since NSTART held them back. A run that is cut short
//!   (`until: After`) so shows less completion, never more.

use super::run_samples::{RunSamples, mean_over, quantile_of_all};
use super::values::{PointValues, RunExchanges, share};
use crate::run::{Exchange, Outputs, PerPoint, RunOutput, over_points};
use crate::scenario::{AppSpec, Loaded, Metric, Milestone, Scope, Statistic, Subject};
use crate::store::StoreError;
use protosim_reports::statistics::{Confidence, Estimate, clopper_pearson, mean_interval};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// One metric of one application or direction of a link at one point.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// Which point.
    pub point: usize,
    /// Of whom.
    pub subject: Subject,
    /// What.
    pub metric: Metric,
    /// Value and interval.
    pub estimate: Estimate,
}

/// All metrics of an experiment, by point, subject and metric.
#[derive(Clone, PartialEq, Debug)]
pub struct Summary {
    /// The rows, in the order of points.
    pub rows: Vec<Row>,
}

impl Summary {
    /// A metric at a point, if there is anything to compute it from.
    pub fn find(&self, point: usize, subject: &Subject, metric: Metric) -> Option<&Row> {
        let first = self.rows.partition_point(|row| row.point < point);
        let of_point = self.rows[first..].iter().take_while(|row| row.point == point);
        of_point.into_iter().find(|row| row.metric == metric && row.subject == *subject)
    }
}

/// What an interval of a mean is computed from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Basis {
    /// Means of replications: right whatever exchanges of one run have to do with each other.
    Replications,
    /// Single exchanges, taken as independent of each other: much narrower.
    Exchanges,
}

/// Computes all metrics with intervals of this confidence.
///
/// # Errors
/// When outputs cannot be read.
pub fn summarise(
    loaded: &Loaded,
    outputs: &dyn Outputs,
    confidence: Confidence,
    basis: Basis,
) -> Result<Summary, StoreError> {
    summarise_points(loaded, outputs, 0..outputs.points(), confidence, basis)
}

/// As [`summarise`], of some points, in order. In memory is what counts of the runs of one point, and of a batch of others.
pub(super) fn summarise_points(
    loaded: &Loaded,
    outputs: &dyn Outputs,
    points: impl Iterator<Item = usize>,
    confidence: Confidence,
    basis: Basis,
) -> Result<Summary, StoreError> {
    let mut rows = Vec::new();
    let per_point = PerPoint {
        new: |_| PointValues::new(loaded),
        add: |values: &mut PointValues, point, run: &RunOutput| values.add(loaded, point, run),
        append: PointValues::append,
    };
    let take = |points: Vec<(usize, PointValues)>| {
        let estimated = points.par_iter().map(|point| rows_of(loaded, point, confidence, basis));
        rows.extend(estimated.collect::<Vec<_>>().into_iter().flatten());
        Ok::<(), StoreError>(())
    };
    over_points(outputs, points, per_point, take)?;
    Ok(Summary { rows })
}

/// The rows of a point.
pub(super) fn rows_of(
    loaded: &Loaded,
    &(point, ref values): &(usize, PointValues),
    confidence: Confidence,
    basis: Basis,
) -> Vec<Row> {
    let mut rows = Vec::new();
    for (spec, of_app) in loaded.scenario.apps.iter().zip(&values.exchanges) {
        for metric in Metric::ALL.into_iter().filter(|metric| metric.of() == Scope::Exchanges) {
            let is_known = metric.milestone().is_none_or(|milestone| is_known(loaded, spec, milestone));
            let estimate = of_exchanges(of_app, metric, confidence, basis).filter(|_| is_known);
            let subject = || Subject::App(spec.name.clone());
            rows.extend(estimate.map(|estimate| Row { point, subject: subject(), metric, estimate }));
        }
    }
    for ((subject, metric), measured) in loaded.scenario.measures.rows.iter().zip(&values.measured) {
        let estimate = measured.estimate(*metric, confidence).map(|estimate| possible(estimate, *metric));
        rows.extend(estimate.map(|estimate| Row { point, subject: subject.clone(), metric: *metric, estimate }));
    }
    rows
}

/// One metric at one point, from the runs that are there, as the summary has it: with the scenario's confidence, over replications.
///
/// # Errors
/// When outputs cannot be read.
#[cfg(test)]
pub(crate) fn estimate_at(
    loaded: &Loaded,
    outputs: &dyn Outputs,
    point: usize,
    subject: &Subject,
    metric: Metric,
) -> Result<Option<Estimate>, StoreError> {
    Judge::default().estimate(loaded, outputs, (point, outputs.count(point)), subject, metric)
}

/// Estimates of a metric at points of which more and more runs are there. It keeps what counts of those that it has seen, of several points
/// up to some memory, so that they need not be read again.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    /// By point: how many runs they are of, and what their outputs take \[bytes\].
    known: BTreeMap<usize, (usize, usize, PointValues)>,
    bytes: usize,
}

impl Judge {
    /// What is kept at most \[bytes\].
    const MOST: usize = 64 << 20;

    /// A metric from the first `count` runs of a point, as the summary has it: with the scenario's confidence, over replications.
    ///
    /// # Errors
    /// When outputs cannot be read.
    pub(crate) fn estimate(
        &mut self,
        loaded: &Loaded,
        outputs: &dyn Outputs,
        (point, count): (usize, usize),
        subject: &Subject,
        metric: Metric,
    ) -> Result<Option<Estimate>, StoreError> {
        let (seen, mut bytes, mut values) =
            self.known.remove(&point).unwrap_or_else(|| (0, 0, PointValues::new(loaded)));
        self.bytes -= bytes;
        for place in seen..count {
            bytes += outputs.bytes(point, place);
            if let Some(run) = outputs.run(point, place)? {
                values.add(loaded, point, &run);
            }
        }
        let estimate = estimate_from(loaded, &values, subject, metric);
        if self.bytes + bytes <= Self::MOST {
            self.bytes += bytes;
            self.known.insert(point, (count, bytes, values));
        }
        Ok(estimate)
    }

    /// Nothing more is asked of a point.
    pub(crate) fn forget(&mut self, point: usize) {
        self.bytes -= self.known.remove(&point).map_or(0, |(_, bytes, _)| bytes);
    }
}

fn estimate_from(loaded: &Loaded, values: &PointValues, subject: &Subject, metric: Metric) -> Option<Estimate> {
    let confidence = Confidence::from_level(loaded.scenario.confidence.as_f64())?;
    match subject {
        Subject::App(name) if metric.of() == Scope::Exchanges => {
            let app = loaded.scenario.apps.iter().position(|app| app.name == *name)?;
            of_exchanges(&values.exchanges[app], metric, confidence, Basis::Replications)
        }
        _ => {
            let rows = loaded.scenario.measures.rows.iter();
            let measured = rows.zip(&values.measured).find(|(row, _)| row.0 == *subject && row.1 == metric)?.1;
            measured.estimate(metric, confidence).map(|estimate| possible(estimate, metric))
        }
    }
}

/// Whether an application knows when its exchanges reach a milestone. Behind a NAT nobody does of what was delivered: the two ends call an
/// exchange by different addresses.
pub(super) fn is_known(loaded: &Loaded, app: &AppSpec, milestone: Milestone) -> bool {
    match milestone {
        Milestone::Completion => true,
        Milestone::Delivery => app.run.knows_delivery() && !loaded.scenario.has_nat(),
        Milestone::FirstByte => app.run.knows_first_byte(),
    }
}

/// Whether an exchange counts in the summary.
pub(super) fn counts(loaded: &Loaded, point: usize, run: &RunOutput, exchange: &Exchange) -> bool {
    run.stopped.is_none() && exchange.counts(&loaded.points[point].scenario, run.warmup)
}

/// The exchanges of an application that count.
pub(super) fn counted<'r>(loaded: &Loaded, point: usize, run: &'r RunOutput, app: usize) -> Vec<&'r Exchange> {
    let of_app = |exchange: &&Exchange| exchange.app == app && counts(loaded, point, run, exchange);
    run.exchanges.iter().filter(of_app).collect()
}

/// A metric of exchanges. Times do not end below zero, whatever t intervals of few replications do.
fn of_exchanges(runs: &[RunExchanges], metric: Metric, confidence: Confidence, basis: Basis) -> Option<Estimate> {
    let estimate = estimate(runs, metric, confidence, basis)?;
    Some(if metric.unit() == "s" { possible(estimate, metric) } else { estimate })
}

fn estimate(runs: &[RunExchanges], metric: Metric, confidence: Confidence, basis: Basis) -> Option<Estimate> {
    match metric {
        Metric::Delivered => shares(runs, |run| run.reached(Milestone::Delivery), confidence, basis),
        Metric::Completed => shares(runs, |run| run.reached(Milestone::Completion), confidence, basis),
        Metric::MeanTransmissions => {
            mean_over(&runs.iter().map(|run| &run.sent).collect::<Vec<_>>(), confidence, basis)
        }
        _ => {
            let (milestone, statistic) = metric.time()?;
            let times: Vec<&RunSamples> = runs.iter().map(|run| &run.times[milestone]).collect();
            match statistic {
                Statistic::Each => None,
                Statistic::Mean => mean_over(&times, confidence, basis),
                Statistic::Median | Statistic::P95 | Statistic::P99 => {
                    quantile_of_all(&times, statistic.quantile()?, confidence, basis)
                }
            }
        }
    }
}

/// The share of exchanges of which something holds, from how many of a run those are.
fn shares(
    runs: &[RunExchanges],
    count: impl Fn(&RunExchanges) -> u64,
    confidence: Confidence,
    basis: Basis,
) -> Option<Estimate> {
    let (part, whole) = (runs.iter().map(&count).sum(), runs.iter().map(|run| run.count).sum());
    let pooled = clopper_pearson(part, whole, confidence)?;
    let of_runs: Vec<f64> = runs.iter().filter_map(|run| share(count(run), run.count)).collect();
    Some(possible(widened(pooled, &of_runs, confidence, basis), Metric::Completed))
}

/// The interval of all samples as if they were independent of each other, or that of the replications' own values where it is
/// wider. A side without a bound stays without one.
pub(super) fn widened(pooled: Estimate, of_runs: &[f64], confidence: Confidence, basis: Basis) -> Estimate {
    if basis == Basis::Exchanges || of_runs.len() < 2 {
        return pooled;
    }
    let spread = mean_interval(of_runs, confidence).and_then(|spread| Some(spread.high? - spread.value));
    let half = spread.unwrap_or(0.0);
    Estimate {
        low: pooled.low.map(|low| low.min(pooled.value - half).max(0.0)),
        high: pooled.high.map(|high| high.max(pooled.value + half)),
        exact: pooled.exact && half == 0.0,
        ..pooled
    }
}

/// An estimate whose interval ends where its metric does: nothing here is below zero, and no share above one. What t intervals
/// of few replications have beyond that cannot be, so that the rest holds as often.
fn possible(estimate: Estimate, metric: Metric) -> Estimate {
    // An exact one has no ends but itself, which rounding may have carried past one.
    if estimate.exact {
        return estimate;
    }
    let most = if metric.is_share() { 1.0 } else { f64::INFINITY };
    let within = |end: f64| end.clamp(0.0, most);
    Estimate { low: estimate.low.map(within), high: estimate.high.map(within), ..estimate }
}
