//! What is measured of sinks, connections and links in one run, where the scenario names them.

use super::capacity::Capacity;
use super::devices::{DevicesOutput, measured_devices};
use super::exchanges::Exchange;
use crate::scenario::{Keep, Measures, Scenario, Subject, WarmupSpec, Way};
use protosim_core::kernel::Reported;
use protosim_core::sketch::{Batches, Histogram};
use protosim_core::{EntityId, SimTime, Simulation, Span};
use protosim_models::Observation;
use protosim_models::app::StreamId;
use protosim_models::element::{Element, nodes};
use protosim_models::link::Meter;
use protosim_models::node::Report;
use protosim_models::tcp::{Sample, Trace};
use protosim_topologies::Plan;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Measurements of a run, by name.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Measured {
    /// Of sinks.
    pub sinks: BTreeMap<String, SinkOutput>,
    /// Of connections of applications.
    pub connections: BTreeMap<String, ConnectionsOutput>,
    /// What all nodes have sent for the exchanges of applications.
    pub traffic: BTreeMap<String, TrafficOutput>,
    /// How many exchanges of applications got where in the measurement window.
    pub rates: BTreeMap<String, RatesOutput>,
    /// Of the devices of applications' nodes.
    pub devices_of_apps: BTreeMap<String, DevicesOutput>,
    /// Of the devices of nodes and groups.
    pub devices_of_nodes: BTreeMap<String, DevicesOutput>,
    /// Of directions of links.
    pub links: BTreeMap<(String, Way), LinkOutput>,
    /// When the run ended.
    pub end: SimTime,
}

/// What reached a sink.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct SinkOutput {
    /// How long the measurement window was.
    pub window: Span,
    /// Payload bytes that arrived in it.
    pub bytes: u64,
    /// One-way delays of datagrams sent in it in nanoseconds, in order of arrival.
    pub delays: Batches,
    /// The same.
    pub delay_histogram: Histogram,
    /// Each of these delays by itself, where the scenario keeps them.
    pub samples: Vec<DelaySample>,
    /// Datagrams that arrived in the whole run, and those of them that were marked.
    pub datagrams: u64,
    /// See `datagrams`.
    pub marked: u64,
    /// Each datagram of the whole run, in order, where a figure shows them over time.
    pub arrivals: Vec<Arrival>,
}

/// A datagram that reached a sink, or bytes of a stream that it has read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Arrival {
    /// When.
    pub at: SimTime,
    /// How long it was under way; `None` for bytes of a stream.
    pub delay: Option<Span>,
    /// Payload bytes.
    pub bytes: u64,
}

/// A one-way delay.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DelaySample {
    /// When the datagram was sent.
    pub sent: SimTime,
    /// How long it was under way.
    pub delay: Span,
}

/// What the connections of an application did.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct ConnectionsOutput {
    /// Payload bytes that were sent, each as often as it was.
    pub sent_bytes: u64,
    /// Those of them that were sent again.
    pub retransmitted_bytes: u64,
    /// How the first connection stood over the whole run, where a figure shows it.
    pub samples: Vec<(SimTime, Sample)>,
}

/// What all nodes have sent, and for how many exchanges.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TrafficOutput {
    /// IP packets that were made.
    pub packets: u64,
    /// Their bytes, from the IP header on.
    pub bytes: u64,
    /// Exchanges of the application that were begun.
    pub exchanges: u64,
}

/// How many exchanges got where in the measurement window, whenever they began.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RatesOutput {
    /// How long the measurement window was.
    pub window: Span,
    /// Requests that reached the server's application in it.
    pub delivered: u64,
    /// Responses that came in it.
    pub completed: u64,
}

/// What a direction of a link did.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LinkOutput {
    /// How long the measurement window was.
    pub window: Span,
    /// Counts and waits.
    pub meter: Meter,
    /// What it could have sent in the window, in bits; `None` if it has no rate.
    pub capacity_bits: Option<f64>,
}

/// The plan with a meter in each direction that is measured, from `from` on. If MSER-5 is still to say from when on, the link that decides is
/// listened to in detail.
pub(super) fn with_meters(mut plan: Plan, scenario: &Scenario, from: SimTime, is_known: bool) -> Plan {
    let until = scenario.window_until(from);
    let decisive = scenario.warmup.as_ref().filter(|_| !is_known).and_then(WarmupSpec::mser5);
    let decides = |link: &str, way: Way| {
        decisive.as_ref().is_some_and(|(subject, _)| *subject == Subject::Link(link.to_owned(), way))
    };
    for ((link, way), bins) in &scenario.measures.links {
        let mut meter = bins.iter().fold(Meter::new(from, until), |meter, width| meter.with_bins(*width));
        if decides(link, *way) {
            meter = Meter::new(from, SimTime::MAX).with_samples();
        } else if scenario.distributions.waits == Keep::Samples {
            meter = meter.with_samples();
        }
        plan = plan.with_meter(link, *way == Way::Forward, meter);
    }
    plan.with_window(from, until)
}

/// What came of the measurements of a run, from `from` on. `app_of` tells the scenario's index of a node's application.
pub(super) fn measured(
    plan: &Plan,
    scenario: &Scenario,
    (replication, from): (u64, SimTime),
    simulation: &Simulation<Element>,
    reports: &[Reported<Report>],
    app_of: impl Fn(u32, u32) -> usize,
) -> Measured {
    let end = simulation.now();
    let until = scenario.window_until(from).min(end);
    let mut all = Measured { end, ..Measured::default() };
    for sink in scenario.measures.sinks.keys() {
        if scenario.apps.iter().any(|app| app.name == *sink && crate::scenario::is_sink(app)) {
            let output = SinkOutput { window: until.saturating_since(from), ..SinkOutput::default() };
            all.sinks.insert(sink.clone(), output);
        }
    }
    for app in scenario.measures.connections.keys() {
        all.connections.insert(app.clone(), ConnectionsOutput::default());
    }
    for Reported { at, entity, report } in reports {
        let Report::App { app, observation: Observation::Received { sent_at, bytes, .. } } = report else { continue };
        let name = &scenario.apps[app_of(entity.0, *app)].name;
        let Some(sink) = all.sinks.get_mut(name) else { continue };
        if *at >= from && *at < until {
            sink.bytes += bytes;
        }
        let delay = sent_at.map(|sent_at| at.saturating_since(sent_at));
        if let Some(delay) = delay.filter(|_| sent_at.is_some_and(|sent_at| sent_at >= from && sent_at < until)) {
            sink.delays.add(delay.as_nanos());
            sink.delay_histogram.add(delay.as_nanos());
            if scenario.distributions.delays == Keep::Samples {
                sink.samples.extend(sent_at.map(|sent| DelaySample { sent, delay }));
            }
        }
        if replication == 0 && is_kept(&scenario.measures, name) {
            sink.arrivals.push(Arrival { at: *at, delay, bytes: *bytes });
        }
    }
    count_totals(simulation, &mut all);
    (all.devices_of_apps, all.devices_of_nodes) = measured_devices(plan, scenario, simulation);
    count_traffic(scenario, simulation, reports, &app_of, &mut all);
    if replication == 0 {
        take_samples(scenario, reports, &app_of, &mut all);
    }
    for (link, way) in scenario.measures.links.keys() {
        let Some(meter) = meter_of(plan, simulation, link, *way) else { continue };
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

/// How many exchanges got where from `from` on, where the scenario names it, in a run that ended at `end`.
pub(super) fn rates(
    scenario: &Scenario,
    (from, end): (SimTime, SimTime),
    exchanges: &[Exchange],
) -> BTreeMap<String, RatesOutput> {
    let until = scenario.window_until(from).min(end);
    let none = RatesOutput { window: until.saturating_since(from), ..RatesOutput::default() };
    let mut all: BTreeMap<_, _> = scenario.measures.rates.iter().map(|app| (app.clone(), none)).collect();
    if all.is_empty() {
        return all;
    }
    for exchange in exchanges {
        let (Some(started), Some(own)) = (exchange.started, all.get_mut(&scenario.apps[exchange.app].name)) else {
            continue;
        };
        let is_within = |after: Option<Span>| {
            let at = after.map(|after| started.saturating_add(after));
            at.is_some_and(|at| at >= from && at < until)
        };
        own.delivered += u64::from(is_within(exchange.delivered));
        own.completed += u64::from(is_within(exchange.completion()));
    }
    all
}

/// The meter of a direction of a link, if it has one.
pub(super) fn meter_of<'s>(
    plan: &Plan,
    simulation: &'s Simulation<Element>,
    link: &str,
    way: Way,
) -> Option<&'s Meter> {
    let wire = plan.wire(link, way == Way::Forward)?;
    let interfaces = nodes(simulation).flat_map(|(_, node)| node.interfaces());
    let mut transmitters = interfaces.map(|interface| &interface.transmitter);
    transmitters.find(|transmitter| transmitter.wire() == wire)?.meter()
}

fn is_kept(measures: &Measures, sink: &str) -> bool {
    measures.sinks.get(sink).copied().unwrap_or_default()
}

/// How the first connection of each application stood, where a figure shows it: that of the node with the lowest number, and of
/// its connections the one that spoke first.
fn take_samples(
    scenario: &Scenario,
    reports: &[Reported<Report>],
    app_of: impl Fn(u32, u32) -> usize,
    all: &mut Measured,
) {
    let kept = |name: &str| scenario.measures.connections.get(name).copied().unwrap_or_default();
    let streams = |reported: &Reported<Report>| match &reported.report {
        Report::App { app, observation: Observation::Stream { stream, trace } } => {
            let app = app_of(reported.entity.0, *app);
            kept(&scenario.apps[app].name).then_some((app, reported.entity, *stream, *trace))
        }
        _ => None,
    };
    let mut first: BTreeMap<usize, (EntityId, StreamId)> = BTreeMap::new();
    for (app, entity, stream, _) in reports.iter().filter_map(streams) {
        let first = first.entry(app).or_insert((entity, stream));
        if entity < first.0 {
            *first = (entity, stream);
        }
    }
    for reported in reports {
        let Some((app, entity, stream, Trace::Sample(sample))) = streams(reported) else { continue };
        if first.get(&app) == Some(&(entity, stream)) {
            let output = all.connections.entry(scenario.apps[app].name.clone()).or_default();
            output.samples.push((reported.at, sample));
        }
    }
}

/// Marks, and bytes of connections, are counted by the applications themselves, over the whole run.
fn count_totals(simulation: &Simulation<Element>, all: &mut Measured) {
    for (name, totals) in nodes(simulation).flat_map(|(_, node)| node.app_totals()) {
        let (mut sink, mut connections) = (all.sinks.get_mut(name), all.connections.get_mut(name));
        for total in totals {
            match (total.name, &mut sink, &mut connections) {
                ("datagrams", Some(sink), _) => sink.datagrams += total.value,
                ("ce_marked_datagrams", Some(sink), _) => sink.marked += total.value,
                ("sent_bytes", _, Some(connections)) => connections.sent_bytes += total.value,
                ("retransmitted_bytes", _, Some(connections)) => connections.retransmitted_bytes += total.value,
                _ => {}
            }
        }
    }
}

/// What nodes have made in the whole run, and the exchanges that applications have begun.
fn count_traffic(
    scenario: &Scenario,
    simulation: &Simulation<Element>,
    reports: &[Reported<Report>],
    app_of: impl Fn(u32, u32) -> usize,
    all: &mut Measured,
) {
    if scenario.measures.traffic.is_empty() {
        return;
    }
    let mut traffic = TrafficOutput::default();
    for (_, node) in nodes(simulation) {
        traffic.packets += node.counts().originated;
        traffic.bytes += node.counts().originated_bytes;
    }
    all.traffic = scenario.measures.traffic.iter().map(|app| (app.clone(), traffic)).collect();
    for Reported { entity, report, .. } in reports {
        let Report::App { app, observation: Observation::ExchangeStarted(_) } = report else { continue };
        if let Some(of_app) = all.traffic.get_mut(&scenario.apps[app_of(entity.0, *app)].name) {
            of_app.exchanges += 1;
        }
    }
}
