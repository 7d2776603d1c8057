//! What intervals are computed from: of each run of a point what counts, so that its output need not stay. Runs of a point are added in the order of
//! replications, on several threads one part each; the parts are then joined in order.

use super::estimates::{batch_interval, quantile_of, quantile_over};
use super::samples::time_of;
use super::summary::{counted, is_known, sent};
use crate::run::{Exchange, LinkOutput, RunOutput, SinkOutput};
use crate::scenario::{Loaded, Metric, Scope, Subject};
use protosim_core::Span;
use protosim_core::sketch::{Batches, Histogram};
use protosim_reports::statistics::{Confidence, Estimate, mean_interval};

/// Of the runs of one point that came to their end.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct PointValues {
    /// By application: of each run its exchanges.
    pub(super) exchanges: Vec<Vec<RunExchanges>>,
    /// In the order of the scenario's measures.
    pub(super) measured: Vec<MeasuredValues>,
}

/// The exchanges of an application that count in one run.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct RunExchanges {
    /// How many.
    pub(super) count: u64,
    /// Requests that were delivered.
    pub(super) delivered: u64,
    /// Those that got a response.
    pub(super) completed: u64,
    /// How often each request was sent that has ended.
    pub(super) sent: Vec<f64>,
    /// From start to response \[s\].
    pub(super) completions: Vec<f64>,
    /// From start to the first byte \[s\]; none where the application does not know.
    pub(super) first_bytes: Vec<f64>,
}

impl PointValues {
    /// Of no run yet.
    pub(super) fn new(loaded: &Loaded) -> Self {
        let rows = &loaded.scenario.measures.rows;
        let measured = rows.iter().map(|_| MeasuredValues::default()).collect();
        Self { exchanges: vec![Vec::new(); loaded.scenario.apps.len()], measured }
    }

    /// Adds a run; of one that reached a limit nothing counts.
    pub(super) fn add(&mut self, loaded: &Loaded, point: usize, run: &RunOutput) {
        if run.stopped.is_some() {
            return;
        }
        for (app, (spec, of_app)) in loaded.scenario.apps.iter().zip(&mut self.exchanges).enumerate() {
            let exchanges = counted(loaded, point, run, app);
            let count = |holds: &dyn Fn(&Exchange) -> bool| exchanges.iter().filter(|one| holds(one)).count() as u64;
            let times =
                |metric| exchanges.iter().filter_map(|exchange| time_of(exchange, metric)).collect::<Vec<f64>>();
            let first = Some(Metric::MeanTimeToFirstByte).filter(|metric| is_known(spec, *metric));
            of_app.push(RunExchanges {
                count: exchanges.len() as u64,
                delivered: count(&|exchange| exchange.delivered.is_some()),
                completed: count(&|exchange| exchange.completion().is_some()),
                sent: exchanges.iter().filter_map(|exchange| sent(exchange)).collect(),
                completions: times(Metric::MeanCompletion),
                first_bytes: first.map(times).unwrap_or_default(),
            });
        }
        for ((subject, metric), values) in loaded.scenario.measures.rows.iter().zip(&mut self.measured) {
            values.add(run, subject, *metric);
        }
    }

    /// Adds those of later runs of the point.
    pub(super) fn append(&mut self, later: Self) {
        self.exchanges.iter_mut().zip(later.exchanges).for_each(|(own, more)| own.extend(more));
        self.measured.iter_mut().zip(later.measured).for_each(|(own, more)| own.append(more));
    }
}

impl RunExchanges {
    /// The times that a metric is of.
    pub(super) fn times(&self, metric: Metric) -> &[f64] {
        if metric.is_of_first_bytes() { &self.first_bytes } else { &self.completions }
    }
}

/// A metric of a sink, of connections, or of a direction of a link.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct MeasuredValues {
    /// The runs' own values, where they have one.
    of_runs: Vec<f64>,
    /// How many runs have samples.
    sampled: usize,
    /// The samples of the only run, for a mean.
    batches: Option<Batches>,
    /// Those of all runs, for a quantile.
    histogram: Histogram,
}

impl MeasuredValues {
    fn add(&mut self, run: &RunOutput, subject: &Subject, metric: Metric) {
        self.of_runs.extend(of_subject(run, subject, metric));
        let Some((batches, histogram)) = samples_of(run, subject, metric) else { return };
        self.sampled += 1;
        if metric.quantile().is_some() {
            self.histogram.merge(histogram);
        } else {
            self.batches = (self.sampled == 1).then(|| batches.clone());
        }
    }

    fn append(&mut self, later: Self) {
        self.of_runs.extend(later.of_runs);
        self.sampled += later.sampled;
        self.histogram.merge(&later.histogram);
        self.batches = self.batches.take().or(later.batches).filter(|_| self.sampled == 1);
    }

    /// The metric over all runs.
    pub(super) fn estimate(&self, metric: Metric, confidence: Confidence) -> Option<Estimate> {
        match (metric.quantile(), &self.batches) {
            (Some(q), _) => quantile_over(quantile_of(&self.histogram, q)?, &self.of_runs, confidence),
            (None, Some(batches)) => batch_interval(batches, confidence),
            (None, None) => mean_interval(&self.of_runs, confidence),
        }
    }
}

/// The samples of a run \[ns\].
type Samples<'r> = (&'r Batches, &'r Histogram);

/// The samples that a mean or a quantile of times is of; `None` for other metrics, and where there is no such sink or link.
fn samples_of<'r>(run: &'r RunOutput, subject: &Subject, metric: Metric) -> Option<Samples<'r>> {
    let is_of_times = matches!(metric, Metric::MeanOneWayDelay | Metric::MeanQueueDelay) || metric.quantile().is_some();
    if !is_of_times || metric.of() == Scope::Connections {
        return None;
    }
    match subject {
        Subject::App(name) => {
            let sink: &SinkOutput = run.measured.sinks.get(name)?;
            Some((&sink.delays, &sink.delay_histogram))
        }
        Subject::Link(name, way) => {
            let link: &LinkOutput = run.measured.links.get(&(name.clone(), *way))?;
            Some((link.meter.waits(), link.meter.wait_histogram()))
        }
    }
}

/// A metric of a sink, of connections, or of a direction of a link, in one run.
pub(super) fn of_subject(run: &RunOutput, subject: &Subject, metric: Metric) -> Option<f64> {
    match subject {
        Subject::App(name) if metric.of() == Scope::Connections => {
            let all = run.measured.connections.get(name)?;
            share(all.retransmitted_bytes, all.sent_bytes)
        }
        Subject::App(name) => {
            let sink = run.measured.sinks.get(name)?;
            match metric {
                Metric::Goodput => rate(8.0 * sink.bytes as f64, sink.window),
                Metric::MarkedShare => share(sink.marked, sink.datagrams),
                _ => of_times((&sink.delays, &sink.delay_histogram), metric),
            }
        }
        Subject::Link(name, way) => {
            let link = run.measured.links.get(&(name.clone(), *way))?;
            of_link(link, metric).or_else(|| of_times((link.meter.waits(), link.meter.wait_histogram()), metric))
        }
    }
}

/// A mean or a quantile of times in nanoseconds \[s\].
fn of_times((batches, histogram): Samples<'_>, metric: Metric) -> Option<f64> {
    match metric {
        Metric::MeanOneWayDelay | Metric::MeanQueueDelay => {
            (batches.count() > 0).then(|| batches.sum() as f64 / batches.count() as f64 / 1e9)
        }
        _ => quantile_of(histogram, metric.quantile()?),
    }
}

/// A metric of a link that is one number for a run.
fn of_link(link: &LinkOutput, metric: Metric) -> Option<f64> {
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

fn rate(amount: f64, window: Span) -> Option<f64> {
    (!window.is_zero()).then(|| amount / window.as_secs_f64())
}

pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
