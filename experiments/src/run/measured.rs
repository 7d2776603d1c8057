//! What is measured of sinks and of links in one run, where the scenario names them.

use super::capacity::Capacity;
use crate::scenario::{Measures, Scenario, Way};
use protosim_core::kernel::Reported;
use protosim_core::sketch::{Batches, Histogram};
use protosim_core::{SimTime, Simulation, Span};
use protosim_models::Observation;
use protosim_models::element::{Element, nodes};
use protosim_models::link::Meter;
use protosim_models::node::Report;
use protosim_topologies::Plan;
use std::collections::BTreeMap;

/// Measurements of a run, by name.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Measured {
    /// Of sinks.
    pub sinks: BTreeMap<String, SinkOutput>,
    /// Of directions of links.
    pub links: BTreeMap<(String, Way), LinkOutput>,
    /// When the run ended.
    pub end: SimTime,
}

/// What reached a sink.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SinkOutput {
    /// How long the measurement window was.
    pub window: Span,
    /// Payload bytes that arrived in it.
    pub bytes: u64,
    /// One-way delays of datagrams sent in it in nanoseconds, in order of arrival.
    pub delays: Batches,
    /// The same.
    pub delay_histogram: Histogram,
    /// Datagrams that arrived in the whole run, and those of them that were marked.
    pub datagrams: u64,
    /// See `datagrams`.
    pub marked: u64,
    /// Each datagram of the whole run, in order, where a figure shows them over time.
    pub arrivals: Vec<Arrival>,
}

/// A datagram that reached a sink.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// When.
    pub at: SimTime,
    /// How long it was under way.
    pub delay: Span,
    /// Payload bytes.
    pub bytes: u64,
}

/// What a direction of a link did.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkOutput {
    /// How long the measurement window was.
    pub window: Span,
    /// Counts and waits.
    pub meter: Meter,
    /// What it could have sent in the window, in bits; `None` if it has no rate.
    pub capacity_bits: Option<f64>,
}

/// The plan with a meter in each direction that is measured.
pub(super) fn with_meters(mut plan: Plan, scenario: &Scenario) -> Plan {
    let (from, until) = scenario.window();
    for ((link, way), bins) in &scenario.measures.links {
        let meter = bins.iter().fold(Meter::new(from, until), |meter, width| meter.with_bins(*width));
        plan = plan.with_meter(link, *way == Way::Forward, meter);
    }
    plan
}

/// What came of the measurements of a run. `app_of` tells the scenario's index of a node's application.
pub(super) fn measured(
    plan: &Plan,
    scenario: &Scenario,
    replication: u64,
    simulation: &Simulation<Element>,
    reports: &[Reported<Report>],
    app_of: impl Fn(u32, u32) -> usize,
) -> Measured {
    let end = simulation.now();
    let (from, until) = scenario.window();
    let until = until.min(end);
    let mut all = Measured { end, ..Measured::default() };
    for sink in scenario.measures.sinks.keys() {
        if scenario.apps.iter().any(|app| app.name == *sink && crate::scenario::is_sink(app)) {
            let output = SinkOutput { window: until.saturating_since(from), ..SinkOutput::default() };
            all.sinks.insert(sink.clone(), output);
        }
    }
    for Reported { at, entity, report } in reports {
        let Report::App { app, observation: Observation::Received { sent_at, bytes, .. } } = report else { continue };
        let name = &scenario.apps[app_of(entity.0, *app)].name;
        let Some(sink) = all.sinks.get_mut(name) else { continue };
        let delay = at.saturating_since(*sent_at);
        if *at >= from && *at < until {
            sink.bytes += bytes;
        }
        if *sent_at >= from && *sent_at < until {
            sink.delays.add(delay.as_nanos());
            sink.delay_histogram.add(delay.as_nanos());
        }
        if replication == 0 && is_kept(&scenario.measures, name) {
            sink.arrivals.push(Arrival { at: *at, delay, bytes: *bytes });
        }
    }
    count_marks(simulation, &mut all);
    for (link, way) in scenario.measures.links.keys() {
        let Some(wire) = plan.wire(link, *way == Way::Forward) else { continue };
        let interfaces = nodes(simulation).flat_map(|(_, node)| node.interfaces());
        let Some(transmitter) =
            interfaces.map(|interface| &interface.transmitter).find(|transmitter| transmitter.wire() == wire)
        else {
            continue;
        };
        let Some(meter) = transmitter.meter() else { continue };
        let capacity = Capacity::of(scenario, link, *way);
        let output = LinkOutput {
            window: until.saturating_since(from),
            meter: meter.clone(),
            capacity_bits: capacity.map(|capacity| capacity.bits(from, until)),
        };
        all.links.insert((link.clone(), *way), output);
    }
    all
}

fn is_kept(measures: &Measures, sink: &str) -> bool {
    measures.sinks.get(sink).copied().unwrap_or_default()
}

/// Marks are counted by the sinks themselves, over the whole run.
fn count_marks(simulation: &Simulation<Element>, all: &mut Measured) {
    for (name, totals) in nodes(simulation).flat_map(|(_, node)| node.app_totals()) {
        let Some(sink) = all.sinks.get_mut(name) else { continue };
        for total in totals {
            match total.name {
                "datagrams" => sink.datagrams += total.value,
                "ce_marked_datagrams" => sink.marked += total.value,
                _ => {}
            }
        }
    }
}
