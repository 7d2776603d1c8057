//! Metrics of each application at each point, with intervals.
//!
//! - Shares ([`Metric::Delivered`], [`Metric::Completed`]) have Clopper-Pearson intervals over all exchanges of all
//!   replications, which takes exchanges as independent of each other.
//! - Means are means of the replications' means with Student's t intervals; with one replication, of its exchanges.
//! - Quantiles are order statistics over all exchanges, with intervals from ranks.
//! - Times are conditional on success: over exchanges that got a response.
//! - Exchanges that start in the warm-up, or after the measurement window, do not count; nor do those of a run that reached a
//!   limit.
//! - Exchanges that were still open when a run ended count as begun: not delivered unless they were, and not
//!   completed. So do requests that were due and never sent, since NSTART held them back. A run that is cut short
//!   (`until: After`) so shows less completion, never more.

use crate::run::{Exchange, RunOutput};
use crate::scenario::{Loaded, Metric};
use protosim_models::Outcome;
use protosim_reports::statistics::{Confidence, Estimate, SortedSamples, clopper_pearson, mean, mean_interval};

/// One metric of one application at one point.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// Which point.
    pub point: usize,
    /// Index of the application in the scenario.
    pub app: usize,
    /// What.
    pub metric: Metric,
    /// Value and interval.
    pub estimate: Estimate,
}

/// All metrics of an experiment, by point, application and metric.
#[derive(Clone, PartialEq, Debug)]
pub struct Summary {
    /// The rows.
    pub rows: Vec<Row>,
}

impl Summary {
    /// A metric of an application at a point, if there is anything to compute it from.
    pub fn find(&self, point: usize, app: usize, metric: Metric) -> Option<&Row> {
        self.rows.iter().find(|row| row.point == point && row.app == app && row.metric == metric)
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
pub fn summarise(loaded: &Loaded, outputs: &[Vec<RunOutput>], confidence: Confidence, basis: Basis) -> Summary {
    let mut rows = Vec::new();
    for (point, runs) in outputs.iter().enumerate() {
        for app in 0..loaded.scenario.apps.len() {
            let whole = runs.iter().filter(|run| run.stopped.is_none());
            let of_app: Vec<Vec<&Exchange>> = whole.map(|run| counted(loaded, point, run, app)).collect();
            for metric in Metric::ALL {
                let known = metric != Metric::Delivered || loaded.scenario.apps[app].run.knows_delivery();
                let estimate = estimate(&of_app, metric, confidence, basis).filter(|_| known);
                if let Some(estimate) = estimate {
                    rows.push(Row { point, app, metric, estimate });
                }
            }
        }
    }
    Summary { rows }
}

/// Whether an exchange counts in the summary.
pub(super) fn counts(loaded: &Loaded, point: usize, run: &RunOutput, exchange: &Exchange) -> bool {
    let scenario = &loaded.points[point].scenario;
    // One that was never sent would have been later than all others: after a window, if there is one.
    run.stopped.is_none() && exchange.started.map_or(scenario.window.is_none(), |start| scenario.counts(start))
}

/// The exchanges of an application that count.
fn counted<'r>(loaded: &Loaded, point: usize, run: &'r RunOutput, app: usize) -> Vec<&'r Exchange> {
    let of_app = |exchange: &&Exchange| exchange.app == app && counts(loaded, point, run, exchange);
    run.exchanges.iter().filter(of_app).collect()
}

fn estimate(runs: &[Vec<&Exchange>], metric: Metric, confidence: Confidence, basis: Basis) -> Option<Estimate> {
    let all = || runs.iter().flatten().copied();
    let seconds = |exchange: &Exchange| exchange.completion().map(|span| span.as_secs_f64());
    let quantile = |q: f64| SortedSamples::new(all().filter_map(seconds).collect())?.quantile_interval(q, confidence);
    match metric {
        Metric::Delivered => {
            let delivered = all().filter(|exchange| exchange.delivered.is_some()).count() as u64;
            clopper_pearson(delivered, all().count() as u64, confidence)
        }
        Metric::Completed => {
            let responses = all().filter(|exchange| exchange.completion().is_some()).count() as u64;
            clopper_pearson(responses, all().count() as u64, confidence)
        }
        Metric::MeanTransmissions => {
            // A request that the host had no memory for was not transmitted, and says nothing of retransmission.
            let sent = |exchange: &Exchange| exchange.ending.filter(|ending| ending.outcome != Outcome::OutOfMemory);
            means(runs, |exchange| sent(exchange).map(|ending| f64::from(ending.transmissions)), confidence, basis)
        }
        Metric::MeanCompletion => means(runs, seconds, confidence, basis),
        Metric::MedianCompletion => quantile(0.5),
        Metric::P95Completion => quantile(0.95),
        Metric::P99Completion => quantile(0.99),
    }
}

/// The mean of replications' means; or of all samples, where those are the basis or there is one replication.
fn means(
    runs: &[Vec<&Exchange>],
    value: impl Fn(&Exchange) -> Option<f64>,
    confidence: Confidence,
    basis: Basis,
) -> Option<Estimate> {
    let samples = |run: &Vec<&Exchange>| -> Vec<f64> { run.iter().filter_map(|exchange| value(exchange)).collect() };
    if runs.len() == 1 || basis == Basis::Exchanges {
        let all: Vec<f64> = runs.iter().flat_map(samples).collect();
        return mean_interval(&all, confidence);
    }
    let of_runs: Vec<f64> = runs.iter().filter_map(|run| mean(&samples(run))).collect();
    mean_interval(&of_runs, confidence)
}
