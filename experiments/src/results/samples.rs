//! Samples for figures: over simulated time, and as distributions.

use super::summary::counted;
use super::values::kept_times;
use crate::run::{Arrival, Capacity, Exchange, LinkOutput, RunOutput};
use crate::scenario::{DistributionsSpec, Keep, Loaded, Metric, Milestone, Scope, SeriesSpec, Subject};
use protosim_core::sketch::Histogram;
use protosim_core::{SimTime, Span};
use protosim_models::tcp::Sample;
use protosim_reports::figure::Point;
use protosim_reports::statistics::SortedSamples;

/// The points of a series over the time of one run, from its start to its end.
pub(super) fn over_time(
    loaded: &Loaded,
    point: usize,
    run: &RunOutput,
    series: &SeriesSpec,
    bin: Option<Span>,
) -> Vec<Point> {
    let end = run.measured.end;
    match (series.subject(), bin) {
        (Some(Subject::App(name)), _) if let Some((milestone, _)) = series.metric.time() => {
            let app = loaded.scenario.apps.iter().position(|app| app.name == name);
            let of_app = run.exchanges.iter().filter(|exchange| Some(exchange.app) == app);
            let value = |exchange: &Exchange| time_of(exchange, milestone);
            with_gaps(of_app.filter_map(|exchange| Some((exchange.started?.as_secs_f64(), value(exchange)))))
        }
        (Some(Subject::App(name)), _) if series.metric.is_series() => {
            let samples = run.measured.connections.get(&name).map_or(&[][..], |connections| &connections.samples);
            course(samples, series.metric)
        }
        (Some(Subject::App(name)), bin) => {
            let arrivals = run.measured.sinks.get(&name).map_or(&[][..], |sink| &sink.arrivals);
            match bin.filter(|_| series.metric == Metric::Goodput) {
                Some(bin) => steps(&bytes_in_bins(arrivals, bin), bin, end, |bytes| rate(*bytes, bin)),
                None => {
                    let point = |a: &Arrival| Some(Point::new(a.at.as_secs_f64(), a.delay?.as_secs_f64()));
                    arrivals.iter().filter_map(point).collect()
                }
            }
        }
        (Some(Subject::Link(name, way)), Some(bin)) => {
            let scenario = &loaded.points[point].scenario;
            match (series.metric, run.measured.links.get(&(name.clone(), way))) {
                (Metric::Capacity, _) => match Capacity::of(scenario, &name, way) {
                    Some(capacity) => capacity_in_bins(&capacity, bin, end),
                    None => Vec::new(),
                },
                (metric, Some(link)) => link_over_time(link, metric, bin, end),
                (_, None) => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

/// A time of an exchange \[s\].
pub(super) fn time_of(exchange: &Exchange, milestone: Milestone) -> Option<f64> {
    exchange.time(milestone).map(|span| span.as_secs_f64())
}

fn link_over_time(link: &LinkOutput, metric: Metric, bin: Span, end: SimTime) -> Vec<Point> {
    let Some(bins) = link.meter.bins(bin) else { return Vec::new() };
    match metric {
        Metric::Throughput => steps(bins.bytes(), bin, end, |bytes| rate(*bytes, bin)),
        Metric::QueueLength => {
            let sums: Vec<u128> = bins.queued().collect();
            steps(&sums, bin, end, |sum| *sum as f64 / bin.as_nanos() as f64)
        }
        // A bin in which nothing was offered has no wait.
        _ => {
            let middle = |index: usize| (index as f64 + 0.5) * bin.as_secs_f64();
            let wait = |(count, sum): &(u64, u128)| (*count > 0).then(|| *sum as f64 / *count as f64 / 1e9);
            with_gaps(bins.waits().iter().enumerate().map(|(index, bin)| (middle(index), wait(bin))))
        }
    }
}

/// How a connection stood: a point where the value changes, and the last one.
fn course(samples: &[(SimTime, Sample)], metric: Metric) -> Vec<Point> {
    let value = |sample: &Sample| match metric {
        Metric::CongestionWindow => Some(sample.cwnd as f64),
        Metric::SlowStartThreshold => (sample.ssthresh < u64::MAX).then_some(sample.ssthresh as f64),
        Metric::BytesInFlight => Some(sample.in_flight as f64),
        Metric::RoundTrip => (!sample.rtt.is_zero()).then(|| sample.rtt.as_secs_f64()),
        Metric::SmoothedRoundTrip => (!sample.srtt.is_zero()).then(|| sample.srtt.as_secs_f64()),
        Metric::RetransmissionTimeout => Some(sample.rto.as_secs_f64()),
        _ => (sample.pacing_rate < u64::MAX).then_some(8.0 * sample.pacing_rate as f64),
    };
    let all: Vec<(f64, Option<f64>)> = samples.iter().map(|(at, sample)| (at.as_secs_f64(), value(sample))).collect();
    let is_news = |index: &usize| *index == 0 || *index + 1 == all.len() || all[*index].1 != all[*index - 1].1;
    with_gaps((0..all.len()).filter(is_news).map(|index| all[index]))
}

/// Points, with a gap where there is no value.
fn with_gaps(values: impl Iterator<Item = (f64, Option<f64>)>) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    let mut is_missing = false;
    for (x, value) in values {
        if let Some(y) = value {
            points.push(Point { after_gap: is_missing && !points.is_empty(), ..Point::new(x, y) });
        }
        is_missing = value.is_none();
    }
    points
}

fn rate(bytes: u64, bin: Span) -> f64 {
    8.0 * bytes as f64 / bin.as_secs_f64()
}

fn bytes_in_bins(arrivals: &[Arrival], bin: Span) -> Vec<u64> {
    let mut bytes = Vec::new();
    for arrival in arrivals {
        let index = (arrival.at.as_nanos() / bin.as_nanos().max(1)) as usize;
        if bytes.len() <= index {
            bytes.resize(index + 1, 0);
        }
        bytes[index] += arrival.bytes;
    }
    bytes
}

fn capacity_in_bins(capacity: &Capacity, bin: Span, end: SimTime) -> Vec<Point> {
    let bits: Vec<f64> = (0..whole_bins(bin, end))
        .map(|index| {
            let start = SimTime::ZERO.saturating_add(bin.saturating_mul(index));
            capacity.bits(start, start.saturating_add(bin))
        })
        .collect();
    steps(&bits, bin, end, |bits| bits / bin.as_secs_f64())
}

/// Bins that lie in the run as a whole; what is left of it at its end has no rate to compare.
fn whole_bins(bin: Span, end: SimTime) -> u64 {
    (end.as_nanos() / bin.as_nanos().max(1)).min(protosim_models::link::Bins::MOST)
}

/// A value for each whole bin of the run; bins behind the last that is listed have none of it.
fn steps<T: Default>(values: &[T], bin: Span, end: SimTime, value: impl Fn(&T) -> f64) -> Vec<Point> {
    let none = T::default();
    let count = whole_bins(bin, end);
    let at = |index: u64| index as f64 * bin.as_secs_f64();
    let of = |index: u64| value(values.get(index as usize).unwrap_or(&none));
    let mut points: Vec<Point> = (0..count).map(|index| Point::new(at(index), of(index))).collect();
    if let Some(last) = points.last().copied() {
        points.push(Point::new(at(count), last.y));
    }
    points
}

/// What the distribution function of a series at a point is made of.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Spread {
    /// Times, each by itself \[s\].
    Times(Vec<f64>),
    /// Times as sketches \[ns\].
    Histogram(Histogram),
}

impl Spread {
    /// Of no run yet.
    pub(super) fn new(series: &SeriesSpec, kept: DistributionsSpec) -> Self {
        let keep = match series.metric {
            metric if metric.of() == Scope::Exchanges => kept.exchanges,
            Metric::OneWayDelay => kept.delays,
            _ => kept.waits,
        };
        match keep {
            Keep::Samples => Self::Times(Vec::new()),
            Keep::Sketch => Self::Histogram(Histogram::new()),
        }
    }

    /// Adds a run, if it came to its end.
    pub(super) fn add(&mut self, loaded: &Loaded, point: usize, run: &RunOutput, series: &SeriesSpec) {
        if run.stopped.is_some() {
            return;
        }
        let Some(subject) = series.subject() else { return };
        let milestone = series.metric.time().map(|(milestone, _)| milestone);
        match (self, &subject) {
            (Self::Times(times), Subject::App(name)) if let Some(milestone) = milestone => {
                let Some(app) = loaded.scenario.apps.iter().position(|app| app.name == *name) else { return };
                let exchanges = counted(loaded, point, run, app).into_iter();
                times.extend(exchanges.filter_map(|exchange| time_of(exchange, milestone)));
            }
            (Self::Times(times), subject) => times.extend(kept_times(run, subject)),
            (Self::Histogram(all), Subject::App(name)) if let Some(milestone) = milestone => {
                let app = loaded.scenario.apps.iter().position(|app| app.name == *name);
                let Some(sketch) = app.and_then(|app| run.sketches.get(app)) else { return };
                all.merge(&sketch.times[milestone].histogram);
            }
            (Self::Histogram(all), Subject::App(name)) => {
                let sink = run.measured.sinks.get(name);
                sink.into_iter().for_each(|sink| all.merge(&sink.delay_histogram));
            }
            // Nothing of nodes has a distribution.
            (Self::Histogram(_), Subject::Node(_)) => {}
            (Self::Histogram(all), Subject::Link(name, way)) => {
                let link = run.measured.links.get(&(name.clone(), *way));
                link.into_iter().for_each(|link| all.merge(link.meter.wait_histogram()));
            }
        }
    }

    /// Adds that of later runs.
    pub(super) fn append(&mut self, later: Self) {
        match (self, later) {
            (Self::Times(times), Self::Times(more)) => times.extend(more),
            (Self::Histogram(all), Self::Histogram(more)) => all.merge(&more),
            // Both are of one series.
            (Self::Times(_), Self::Histogram(_)) | (Self::Histogram(_), Self::Times(_)) => {}
        }
    }

    /// Steps of the distribution function: values \[s\], and the share of samples up to there.
    pub(super) fn steps(self) -> Vec<(f64, f64)> {
        match self {
            Self::Times(times) => SortedSamples::new(times).map(|samples| samples.cdf()).unwrap_or_default(),
            Self::Histogram(all) => {
                let count = all.count() as f64;
                all.steps().map(|(nanos, seen)| (nanos as f64 / 1e9, seen as f64 / count)).collect()
            }
        }
    }
}
