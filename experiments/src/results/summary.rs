//! Metrics of applications and links at each point, with intervals. What each is of is in the catalogue ([`Metric::entry`]).
//!
//! - Shares of exchanges have Clopper-Pearson intervals over all exchanges of all replications, and quantiles of exchanges are
//!   order statistics over all of them, with intervals from ranks. Both take exchanges as independent of each other, which
//!   those of one run are not where they share a queue: with several replications the interval is at least as wide as
//!   Student's t makes it of the replications' own values.
//! - Means, rates and the shares of links, sinks and connections are means of the replications' values with Student's t intervals. With one
//!   replication, means of exchanges have those of single exchanges, means of waits and of one-way delays those of batch
//!   means, and all else has none.
//! - Quantiles of waits and one-way delays
//!   come from histograms of all replications together; samples of one run hang together, so that only the spread of
//!   the replications' own quantiles makes their interval.
//! - Times are conditional on success: over exchanges that got a response.
//! - What starts in the warm-up, or after the measurement window, does not count; nor does what is of a run that reached a
//!   limit.
//! - Exchanges that were still open when a run ended count as begun: not delivered unless they were, and not
//!   completed. So do requests that were due and never sent, since NSTART held them back. A run that is cut short
//!   (`until: After`) so shows less completion, never more.

use super::estimates::{batch_interval, quantile_of, quantile_over};
use crate::run::{Exchange, LinkOutput, Outputs, RunOutput, SinkOutput};
use crate::scenario::{AppSpec, Loaded, Metric, Scope, Subject};
use crate::store::StoreError;
use protosim_core::Span;
use protosim_core::sketch::{Batches, Histogram};
use protosim_models::Outcome;
use protosim_reports::statistics::{Confidence, Estimate, SortedSamples, clopper_pearson, mean, mean_interval};

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
    /// The rows.
    pub rows: Vec<Row>,
}

impl Summary {
    /// A metric at a point, if there is anything to compute it from.
    pub fn find(&self, point: usize, subject: &Subject, metric: Metric) -> Option<&Row> {
        self.rows.iter().find(|row| row.point == point && row.metric == metric && row.subject == *subject)
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
    let mut rows = Vec::new();
    for point in 0..outputs.points() {
        let runs = outputs.of(point)?;
        let whole: Vec<&RunOutput> = runs.iter().filter(|run| run.stopped.is_none()).collect();
        for (app, spec) in loaded.scenario.apps.iter().enumerate() {
            let of_app: Vec<Vec<&Exchange>> = whole.iter().map(|run| counted(loaded, point, run, app)).collect();
            for metric in Metric::ALL.into_iter().filter(|metric| metric.of() == Scope::Exchanges) {
                let estimate = estimate(&of_app, metric, confidence, basis).filter(|_| is_known(spec, metric));
                let subject = || Subject::App(spec.name.clone());
                rows.extend(estimate.map(|estimate| Row { point, subject: subject(), metric, estimate }));
            }
        }
        for (subject, metric) in &loaded.scenario.measures.rows {
            let estimate = measured(&whole, subject, *metric, confidence).map(|estimate| possible(estimate, *metric));
            let row = |estimate| Row { point, subject: subject.clone(), metric: *metric, estimate };
            rows.extend(estimate.map(row));
        }
    }
    Ok(Summary { rows })
}

/// One metric at one point, from some of its runs, as the summary has it: with the scenario's confidence, over replications.
pub(crate) fn estimate_of(
    loaded: &Loaded,
    point: usize,
    runs: &[RunOutput],
    subject: &Subject,
    metric: Metric,
) -> Option<Estimate> {
    let confidence = Confidence::from_level(loaded.scenario.confidence.as_f64())?;
    let whole: Vec<&RunOutput> = runs.iter().filter(|run| run.stopped.is_none()).collect();
    match subject {
        Subject::App(name) if metric.of() == Scope::Exchanges => {
            let app = loaded.scenario.apps.iter().position(|app| app.name == *name)?;
            let of_app: Vec<Vec<&Exchange>> = whole.iter().map(|run| counted(loaded, point, run, app)).collect();
            estimate(&of_app, metric, confidence, Basis::Replications)
        }
        _ => measured(&whole, subject, metric, confidence).map(|estimate| possible(estimate, metric)),
    }
}

/// Whether an application knows so much of its exchanges.
pub(super) fn is_known(app: &AppSpec, metric: Metric) -> bool {
    (metric != Metric::Delivered || app.run.knows_delivery())
        && (!metric.is_of_first_bytes() || app.run.knows_first_byte())
}

/// How often the request of an exchange that has ended was sent. One that the host had no memory for was not, and says
/// nothing of retransmission.
pub(super) fn sent(exchange: &Exchange) -> Option<f64> {
    let sent = exchange.ending.filter(|ending| ending.outcome != Outcome::OutOfMemory);
    sent.map(|ending| f64::from(ending.transmissions))
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

fn estimate(runs: &[Vec<&Exchange>], metric: Metric, confidence: Confidence, basis: Basis) -> Option<Estimate> {
    let all = || runs.iter().flatten().copied();
    let seconds = |exchange: &Exchange| {
        let span = if metric.is_of_first_bytes() { exchange.first_byte } else { exchange.completion() };
        span.map(|span| span.as_secs_f64())
    };
    match metric {
        Metric::Delivered => {
            let is_delivered = |exchange: &Exchange| exchange.delivered.is_some();
            shares(runs, is_delivered, confidence, basis)
        }
        Metric::Completed => {
            let is_completed = |exchange: &Exchange| exchange.completion().is_some();
            shares(runs, is_completed, confidence, basis)
        }
        Metric::MeanTransmissions => means(runs, sent, confidence, basis),
        Metric::MeanCompletion | Metric::MeanTimeToFirstByte => means(runs, seconds, confidence, basis),
        _ => {
            let q = metric.quantile()?;
            let sorted = |run: &Vec<&Exchange>| SortedSamples::new(run.iter().copied().filter_map(seconds).collect());
            let pooled = SortedSamples::new(all().filter_map(seconds).collect())?.quantile_interval(q, confidence)?;
            let of_runs: Vec<f64> = runs.iter().filter_map(|run| sorted(run)?.quantile(q)).collect();
            Some(widened(pooled, &of_runs, confidence, basis))
        }
    }
}

/// The share of exchanges of which something holds.
fn shares(
    runs: &[Vec<&Exchange>],
    holds: impl Fn(&Exchange) -> bool,
    confidence: Confidence,
    basis: Basis,
) -> Option<Estimate> {
    let count = |run: &Vec<&Exchange>| run.iter().filter(|exchange| holds(exchange)).count() as u64;
    let (part, whole) = (runs.iter().map(count).sum(), runs.iter().map(|run| run.len() as u64).sum());
    let pooled = clopper_pearson(part, whole, confidence)?;
    let of_runs: Vec<f64> = runs.iter().filter_map(|run| share(count(run), run.len() as u64)).collect();
    Some(possible(widened(pooled, &of_runs, confidence, basis), Metric::Completed))
}

/// The interval of all samples as if they were independent of each other, or that of the replications' own values where it is
/// wider. A side without a bound stays without one.
fn widened(pooled: Estimate, of_runs: &[f64], confidence: Confidence, basis: Basis) -> Estimate {
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

/// An estimate whose interval ends where its metric does: nothing here is below zero, and no share above one. What t intervals
/// of few replications have beyond that cannot be, so that the rest holds as often.
fn possible(estimate: Estimate, metric: Metric) -> Estimate {
    // An exact one has no ends but itself, which rounding may have carried past one.
    if estimate.exact {
        return estimate;
    }
    let most = if metric.unit().is_empty() { 1.0 } else { f64::INFINITY };
    let within = |end: f64| end.clamp(0.0, most);
    Estimate { low: estimate.low.map(within), high: estimate.high.map(within), ..estimate }
}

/// A metric of a sink, of connections, or of a direction of a link.
fn measured(runs: &[&RunOutput], subject: &Subject, metric: Metric, confidence: Confidence) -> Option<Estimate> {
    match subject {
        Subject::App(name) if metric.of() == Scope::Connections => {
            let of_app = runs.iter().filter_map(|run| run.measured.connections.get(name));
            let shares: Vec<f64> = of_app.filter_map(|all| share(all.retransmitted_bytes, all.sent_bytes)).collect();
            mean_interval(&shares, confidence)
        }
        Subject::App(name) => {
            let sinks: Vec<&SinkOutput> = runs.iter().filter_map(|run| run.measured.sinks.get(name)).collect();
            let samples: Vec<Samples<'_>> = sinks.iter().map(|sink| (&sink.delays, &sink.delay_histogram)).collect();
            let of_runs = |value: &dyn Fn(&SinkOutput) -> Option<f64>| -> Vec<f64> {
                sinks.iter().filter_map(|sink| value(sink)).collect()
            };
            match metric {
                Metric::Goodput => {
                    mean_interval(&of_runs(&|sink| rate(8.0 * sink.bytes as f64, sink.window)), confidence)
                }
                Metric::MarkedShare => mean_interval(&of_runs(&|sink| share(sink.marked, sink.datagrams)), confidence),
                _ => of_samples(&samples, metric, confidence),
            }
        }
        Subject::Link(name, way) => {
            let key = (name.clone(), *way);
            let links: Vec<&LinkOutput> = runs.iter().filter_map(|run| run.measured.links.get(&key)).collect();
            let samples: Vec<Samples<'_>> =
                links.iter().map(|link| (link.meter.waits(), link.meter.wait_histogram())).collect();
            let of_runs: Vec<f64> = links.iter().filter_map(|link| of_link(link, metric)).collect();
            if of_runs.is_empty() {
                of_samples(&samples, metric, confidence)
            } else {
                mean_interval(&of_runs, confidence)
            }
        }
    }
}

/// A metric of a link that is one number for a run.
pub(super) fn of_link(link: &LinkOutput, metric: Metric) -> Option<f64> {
    let meter = &link.meter;
    match metric {
        Metric::Utilisation => rate(meter.busy_nanos() as f64 / 1e9, link.window),
        Metric::Throughput => rate(8.0 * meter.bytes() as f64, link.window),
        Metric::Capacity => rate(link.capacity_bits?, link.window),
        Metric::QueueLength => rate(meter.queued() as f64 / 1e9, link.window),
        Metric::LossShare => share(meter.lost(), meter.sent()),
        Metric::DropShare => share(meter.dropped(), meter.dropped() + meter.sent()),
        // A mark may be of a packet that leaves after the window.
        Metric::QueueMarked => share(meter.marked().min(meter.sent()), meter.sent()),
        _ => None,
    }
}

pub(super) fn rate(amount: f64, window: Span) -> Option<f64> {
    (!window.is_zero()).then(|| amount / window.as_secs_f64())
}

pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The samples of a run \[ns\].
pub(super) type Samples<'r> = (&'r Batches, &'r Histogram);

/// A mean or a quantile of times.
fn of_samples(runs: &[Samples<'_>], metric: Metric, confidence: Confidence) -> Option<Estimate> {
    match metric {
        Metric::MeanOneWayDelay | Metric::MeanQueueDelay => match runs {
            [(batches, _)] => batch_interval(batches, confidence),
            runs => {
                let mean_of = |(batches, _): &Samples<'_>| {
                    (batches.count() > 0).then(|| batches.sum() as f64 / batches.count() as f64 / 1e9)
                };
                mean_interval(&runs.iter().filter_map(mean_of).collect::<Vec<_>>(), confidence)
            }
        },
        _ => {
            let q = metric.quantile()?;
            let mut merged = Histogram::new();
            runs.iter().for_each(|(_, histogram)| merged.merge(histogram));
            let of_runs: Vec<f64> = runs.iter().filter_map(|(_, histogram)| quantile_of(histogram, q)).collect();
            quantile_over(quantile_of(&merged, q)?, &of_runs, confidence)
        }
    }
}
