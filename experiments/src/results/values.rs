//! What intervals are computed from: of each run of a point what counts, so that its output need not stay. Runs of a point are added in the order of
//! replications, on several threads one part each; the parts are then joined in order.

use super::estimates::{batch_interval, ends_by_rank, mean_of, quantile_of, quantile_over};
use super::run_samples::{NANOS, RunSamples};
use super::samples::time_of;
use super::summary::{counted, is_known};
use crate::run::{DevicesOutput, Exchange, ExchangeSketch, LinkOutput, RatesOutput, RunOutput, SinkOutput};
use crate::scenario::{ByMilestone, Loaded, Metric, Milestone, Scope, Statistic, Subject};
use protosim_core::Span;
use protosim_core::sketch::{Batches, Histogram};
use protosim_reports::statistics::{Confidence, Estimate, SortedSamples, mean_interval};

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
    /// How often each request was sent that has ended.
    pub(super) sent: RunSamples,
    /// From the start to each milestone \[s\], of those that reached it; none where the application does not know.
    pub(super) times: ByMilestone<RunSamples>,
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
        for (app, of_app) in self.exchanges.iter_mut().enumerate() {
            of_app.push(RunExchanges::of(loaded, point, run, app));
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
    /// Those of an application, by its index in the scenario.
    pub(super) fn of(loaded: &Loaded, point: usize, run: &RunOutput, app: usize) -> Self {
        let knows = |milestone: Milestone| is_known(loaded, &loaded.scenario.apps[app], milestone);
        match run.sketches.get(app) {
            Some(sketch) => Self::of_sketch(sketch, knows),
            None => Self::of_each(&counted(loaded, point, run, app), knows),
        }
    }

    /// A metric of this run alone.
    pub(super) fn value(&self, metric: Metric) -> Option<f64> {
        match (metric, metric.time()) {
            (Metric::Delivered, _) => share(self.reached(Milestone::Delivery), self.count),
            (Metric::Completed, _) => share(self.reached(Milestone::Completion), self.count),
            (Metric::MeanTransmissions, _) => self.sent.mean(),
            (_, Some((milestone, Statistic::Mean))) => self.times[milestone].mean(),
            (_, Some((milestone, statistic))) => self.times[milestone].quantile(statistic.quantile()?),
            (_, None) => None,
        }
    }

    /// How many reached a milestone.
    pub(super) fn reached(&self, milestone: Milestone) -> u64 {
        self.times[milestone].count()
    }

    fn of_each(exchanges: &[&Exchange], knows: impl Fn(Milestone) -> bool) -> Self {
        let samples = |value: &dyn Fn(&Exchange) -> Option<f64>| {
            RunSamples::Each(exchanges.iter().filter_map(|exchange| value(exchange)).collect())
        };
        let times = |milestone| samples(&|exchange| time_of(exchange, milestone).filter(|_| knows(milestone)));
        Self {
            count: exchanges.len() as u64,
            sent: samples(&|exchange| exchange.transmissions().map(f64::from)),
            times: ByMilestone::of(times),
        }
    }

    fn of_sketch(sketch: &ExchangeSketch, knows: impl Fn(Milestone) -> bool) -> Self {
        let times = |milestone| match knows(milestone) {
            true => RunSamples::times(&sketch.times[milestone]),
            false => RunSamples::default(),
        };
        Self { count: sketch.count, sent: RunSamples::counts(&sketch.transmissions), times: ByMilestone::of(times) }
    }
}

/// A metric of a sink, of connections, of the network's traffic, or of a direction of a link.
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
    /// The same, each by itself \[s\], where they are kept so.
    times: Vec<f64>,
}

impl MeasuredValues {
    fn add(&mut self, run: &RunOutput, subject: &Subject, metric: Metric) {
        self.of_runs.extend(of_subject(run, subject, metric));
        let Some((batches, histogram)) = samples_of(run, subject, metric) else { return };
        self.sampled += 1;
        if metric.quantile().is_some() {
            self.histogram.merge(histogram);
            self.times.extend(kept_times(run, subject));
        } else {
            self.batches = (self.sampled == 1).then(|| batches.clone());
        }
    }

    fn append(&mut self, later: Self) {
        self.of_runs.extend(later.of_runs);
        self.sampled += later.sampled;
        self.histogram.merge(&later.histogram);
        self.times.extend(later.times);
        self.batches = self.batches.take().or(later.batches).filter(|_| self.sampled == 1);
    }

    /// The metric over all runs.
    pub(super) fn estimate(&self, metric: Metric, confidence: Confidence) -> Option<Estimate> {
        match (metric.quantile(), &self.batches) {
            (Some(q), _) => {
                let each = SortedSamples::new(self.times.clone());
                let (value, ends) = match each.and_then(|each| each.quantile_interval(q, confidence)) {
                    Some(exact) => (exact.value, (exact.low, exact.high)),
                    None => (quantile_of(&self.histogram, q)?, ends_by_rank(&self.histogram, q, confidence)),
                };
                quantile_over(value, &self.of_runs, ends, confidence)
            }
            (None, Some(batches)) => batch_interval(batches, NANOS, confidence),
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
        Subject::Node(_) => None,
        Subject::Link(name, way) => {
            let link: &LinkOutput = run.measured.links.get(&(name.clone(), *way))?;
            Some((link.meter.waits(), link.meter.wait_histogram()))
        }
    }
}

/// A metric of a sink, of connections, of the network's traffic, or of a direction of a link, in one run.
pub(super) fn of_subject(run: &RunOutput, subject: &Subject, metric: Metric) -> Option<f64> {
    match subject {
        Subject::App(name) if let Metric::Total(total) = metric => {
            run.totals.of_app(name, total.counted()).map(|value| value as f64)
        }
        Subject::App(name) if metric.of() == Scope::Connections => {
            let all = run.measured.connections.get(name)?;
            share(all.retransmitted_bytes, all.sent_bytes)
        }
        Subject::App(name) if metric.of() == Scope::Traffic => {
            let all = run.measured.traffic.get(name)?;
            share(if metric == Metric::PacketsPerExchange { all.packets } else { all.bytes }, all.exchanges)
        }
        Subject::App(name) if metric.of() == Scope::Rates => {
            let all = run.measured.rates.get(name)?;
            let count = if metric == Metric::DeliveryRate { all.delivered } else { all.completed };
            rate(count as f64, all.window)
        }
        Subject::App(name) if matches!(metric.of(), Scope::Devices | Scope::DevicesPerExchange) => {
            of_devices(run.measured.devices_of_apps.get(name)?, run.measured.rates.get(name), metric)
        }
        Subject::Node(name) => of_devices(run.measured.devices_of_nodes.get(name)?, None, metric),
        Subject::App(name) => {
            let sink = run.measured.sinks.get(name)?;
            match metric {
                Metric::Goodput => rate(8.0 * sink.bytes as f64, sink.window),
                Metric::MarkedShare => share(sink.marked, sink.datagrams),
                _ => of_times((&sink.delays, &sink.delay_histogram), || kept_times(run, subject), metric),
            }
        }
        Subject::Link(name, way) => {
            let link = run.measured.links.get(&(name.clone(), *way))?;
            let samples = (link.meter.waits(), link.meter.wait_histogram());
            of_link(link, metric).or_else(|| of_times(samples, || kept_times(run, subject), metric))
        }
    }
}

/// The same, each by itself \[s\], if they are kept so.
pub(super) fn kept_times(run: &RunOutput, subject: &Subject) -> Vec<f64> {
    match subject {
        Subject::App(name) => {
            let sink = run.measured.sinks.get(name);
            sink.into_iter().flat_map(|sink| &sink.samples).map(|sample| sample.delay.as_secs_f64()).collect()
        }
        Subject::Node(_) => Vec::new(),
        Subject::Link(name, way) => {
            let link = run.measured.links.get(&(name.clone(), *way));
            let samples = link.and_then(|link| link.meter.samples()).unwrap_or_default();
            samples.iter().map(|sample| sample.wait.as_secs_f64()).collect()
        }
    }
}

/// A mean or a quantile of times in nanoseconds, of which each may be kept by itself \[s\].
fn of_times((batches, histogram): Samples<'_>, each: impl FnOnce() -> Vec<f64>, metric: Metric) -> Option<f64> {
    match metric {
        Metric::MeanOneWayDelay | Metric::MeanQueueDelay => mean_of(batches, NANOS),
        _ => {
            let q = metric.quantile()?;
            SortedSamples::new(each()).and_then(|each| each.quantile(q)).or_else(|| quantile_of(histogram, q))
        }
    }
}

/// A metric of devices; some are set against exchanges.
fn of_devices(devices: &DevicesOutput, rates: Option<&RatesOutput>, metric: Metric) -> Option<f64> {
    let millijoules = devices.energy * 1e3;
    let each = |count: u64| (count > 0).then(|| millijoules / count as f64);
    if devices.count == 0 || devices.window.is_zero() {
        return None;
    }
    match metric {
        Metric::Energy => Some(millijoules),
        Metric::MeanCurrent => rate(devices.charge * 1e3 / devices.count as f64, devices.window),
        Metric::Lifetime => devices.life.map(|seconds| seconds / 86_400.0),
        Metric::EnergyPerDelivery => each(rates?.delivered),
        Metric::EnergyPerCompletion => each(rates?.completed),
        _ => None,
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
