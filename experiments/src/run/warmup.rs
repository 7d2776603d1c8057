//! Where the measurement of a run begins: at a fixed time, or where MSER-5 cuts its samples.

use super::exchanges::Exchange;
use super::measured::meter_of;
use crate::scenario::{Metric, Scenario, Subject};
use protosim_core::kernel::Reported;
use protosim_core::{SimTime, Simulation};
use protosim_models::Observation;
use protosim_models::element::Element;
use protosim_models::node::Report;
use protosim_reports::statistics::mser5;
use protosim_topologies::Plan;
use serde::{Deserialize, Serialize};

/// Where the measurement of a run begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Warmup {
    /// What is before does not count.
    pub ends: SimTime,
    /// Whether that is known: false if the run is too short for MSER-5 to tell.
    pub is_decided: bool,
}

impl Warmup {
    /// At the time that the scenario says; from the start on where it leaves it to MSER-5.
    pub(super) fn fixed(scenario: &Scenario) -> Self {
        Self { ends: scenario.fixed_warmup(), is_decided: true }
    }

    /// Where MSER-5 cuts samples, each with the time that it belongs to: the first one behind the cut counts.
    pub(super) fn found(samples: &[(SimTime, f64)]) -> Self {
        let values: Vec<f64> = samples.iter().map(|(_, value)| *value).collect();
        let cut = mser5(&values);
        let first =
            cut.and_then(|cut| samples.get(cut.samples as usize)).filter(|_| cut.is_some_and(|cut| cut.samples > 0));
        Self { ends: first.map_or(SimTime::ZERO, |(at, _)| *at), is_decided: cut.is_some_and(|cut| cut.is_decided) }
    }
}

/// A run that is over.
pub(super) struct Course<'a> {
    pub(super) plan: &'a Plan,
    pub(super) scenario: &'a Scenario,
    pub(super) simulation: &'a Simulation<Element>,
    pub(super) reports: &'a [Reported<Report>],
    pub(super) exchanges: &'a [Exchange],
}

/// The samples that decide where its warm-up ends, with the times at which exchanges start, datagrams are sent, or packets are offered.
pub(super) fn samples(
    run: &Course<'_>,
    (subject, metric): &(Subject, Metric),
    app_of: impl Fn(u32, u32) -> usize,
) -> Vec<(SimTime, f64)> {
    match subject {
        Subject::App(name) if *metric == Metric::OneWayDelay => {
            let received = |reported: &Reported<Report>| match &reported.report {
                Report::App { app, observation: Observation::Received { sent_at: Some(sent_at), .. } } => {
                    let is_own = run.scenario.apps[app_of(reported.entity.0, *app)].name == *name;
                    is_own.then(|| (*sent_at, reported.at.saturating_since(*sent_at).as_secs_f64()))
                }
                _ => None,
            };
            run.reports.iter().filter_map(received).collect()
        }
        Subject::App(name) => {
            let Some((milestone, _)) = metric.time() else { return Vec::new() };
            let of_app = run.exchanges.iter().filter(|exchange| run.scenario.apps[exchange.app].name == *name);
            let time = |exchange: &Exchange| Some((exchange.started?, exchange.time(milestone)?.as_secs_f64()));
            of_app.filter_map(time).collect()
        }
        Subject::Node(_) => Vec::new(),
        Subject::Link(link, way) => {
            let meter = meter_of(run.plan, run.simulation, link, *way);
            let samples = meter.and_then(|meter| meter.samples()).unwrap_or_default();
            samples.iter().map(|sample| (sample.offered, sample.wait.as_secs_f64())).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sixty samples a second apart: ten of 100, then 1 and 2 in turn. The cut is behind the tenth; a run of a hundred samples that rise all the time
    /// has none in its first half: of k batches left the sum of squares is about k³ / 12, over k² it is least for the fewest, five of twenty.
    #[test]
    fn the_first_sample_behind_the_cut_counts() {
        let at = |second: u64| SimTime::from_nanos(second * 1_000_000_000);
        let step: Vec<_> = (0..60).map(|n| (at(n), if n < 10 { 100.0 } else { (n % 2 + 1) as f64 })).collect();
        assert_eq!(Warmup::found(&step), Warmup { ends: at(10), is_decided: true });
        let rising: Vec<_> = (0..100).map(|n| (at(n), n as f64)).collect();
        assert_eq!(Warmup::found(&rising), Warmup { ends: at(75), is_decided: false });
        assert_eq!(Warmup::found(&step[..49]), Warmup { ends: SimTime::ZERO, is_decided: false });
        let even: Vec<_> = (0..60).map(|n| (at(n), 1.0)).collect();
        assert_eq!(Warmup::found(&even), Warmup { ends: SimTime::ZERO, is_decided: true });
    }
}
