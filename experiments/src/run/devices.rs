//! What the devices of a run have drawn, for tables and metrics.

use super::name::Name;
use crate::scenario::{Scenario, Subject};
use protosim_core::{SimTime, Simulation, Span};
use protosim_models::Element;
use protosim_models::energy::{Cause, Charge, Hardware, Part};
use protosim_topologies::Plan;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one device has drawn over the whole run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DeviceOutput {
    /// Number of its node, among nodes and shared media.
    pub node: u32,
    /// By part and cause, in order; what was never drawn and took no time is left out.
    pub entries: Vec<EnergyEntry>,
    /// Its battery, if it runs on one.
    pub battery: Option<BatteryOutput>,
}

/// What a part of a device has drawn for one cause.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct EnergyEntry {
    /// Which part.
    pub part: Name,
    /// For what.
    pub cause: Name,
    /// Coulombs.
    pub charge: f64,
    /// Joules.
    pub energy: f64,
    /// For how long the part was in states of this cause.
    pub time: Span,
}

/// A battery at the end of a run.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct BatteryOutput {
    /// What it held at the start, in coulombs.
    pub initial: f64,
    /// What the device has drawn from it.
    pub drawn: f64,
    /// What it has lost by itself.
    pub leaked: f64,
    /// What is left.
    pub left: f64,
    /// When it ended.
    pub ended: Option<SimTime>,
}

/// What devices have drawn in the measurement window.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct DevicesOutput {
    /// How many there are.
    pub count: u64,
    /// Joules, of all together.
    pub energy: f64,
    /// Coulombs, of all together.
    pub charge: f64,
    /// How long the measurement window was.
    pub window: Span,
    /// The shortest life on the battery of its profile that one of them would have, in seconds; none without batteries.
    pub life: Option<f64>,
}

/// The device of a node, wherever it is metered.
fn hardware<'s>(plan: &Plan, entities: &[&'s Element], rank: usize) -> Option<&'s Hardware> {
    match plan.metered_at(rank) {
        Some((medium, station)) => entities[plan.medium_entity(medium).0 as usize].medium()?.hardware(station),
        None => entities[plan.entity(rank).0 as usize].node()?.hardware(),
    }
}

/// All devices of a run with what they have drawn in it, in order of nodes.
pub(super) fn devices(plan: &Plan, simulation: &Simulation<Element>) -> Vec<DeviceOutput> {
    let nodes = 0..plan.graph().nodes();
    if nodes.clone().all(|rank| !plan.is_metered(rank)) {
        return Vec::new();
    }
    let end = simulation.now();
    let entities: Vec<&Element> = simulation.entities().map(|(_, element)| element).collect();
    let output = |rank: usize| {
        let at_end = hardware(plan, &entities, rank)?.at(end);
        Some(DeviceOutput { node: plan.entity(rank).0, entries: entries(&at_end, end), battery: battery(&at_end, end) })
    };
    nodes.filter_map(output).collect()
}

fn entries(device: &Hardware, end: SimTime) -> Vec<EnergyEntry> {
    let (meter, mut all) = (device.meter(), Vec::new());
    for (part, cause, charge) in meter.bill(end).entries() {
        let time = meter.time(end, part, cause);
        // A part that the device does not have sleeps all the time, and draws nothing.
        if charge > Charge::ZERO || (part == Part::Cpu && !time.is_zero()) {
            let energy = charge.at(meter.supply()).as_joules();
            all.push(EnergyEntry {
                part: Name(part_name(part)),
                cause: Name(cause_name(cause)),
                charge: charge.as_coulombs(),
                energy,
                time,
            });
        }
    }
    all
}

fn battery(device: &Hardware, end: SimTime) -> Option<BatteryOutput> {
    let battery = device.battery()?;
    Some(BatteryOutput {
        initial: battery.initial().as_coulombs(),
        drawn: battery.drawn(end).as_coulombs(),
        leaked: battery.leaked(end).as_coulombs(),
        left: battery.remaining(end).as_coulombs(),
        ended: device.ended(end).map(|(at, _)| at),
    })
}

const fn part_name(part: Part) -> &'static str {
    match part {
        Part::Cpu => "processor",
        Part::Radio => "radio",
        Part::Other => "other",
    }
}

const fn cause_name(cause: Cause) -> &'static str {
    match cause {
        Cause::Cpu => "work",
        Cause::Transmit => "transmit",
        Cause::Receive => "receive",
        Cause::Listen => "listen",
        Cause::Idle => "idle",
        Cause::Sleep => "sleep",
        Cause::Transition => "transition",
        Cause::Other => "other",
    }
}

/// What the devices of all that is measured have drawn in the measurement window, by application and by node or group.
pub(super) fn measured_devices(
    plan: &Plan,
    scenario: &Scenario,
    simulation: &Simulation<Element>,
) -> (BTreeMap<String, DevicesOutput>, BTreeMap<String, DevicesOutput>) {
    let (mut of_apps, mut of_nodes) = (BTreeMap::new(), BTreeMap::new());
    if scenario.measures.devices.is_empty() {
        return (of_apps, of_nodes);
    }
    let entities: Vec<&Element> = simulation.entities().map(|(_, element)| element).collect();
    for subject in &scenario.measures.devices {
        let (name, all, nodes) = match subject {
            Subject::App(name) => (name, &mut of_apps, nodes_of_app(scenario, name)),
            Subject::Node(name) => (name, &mut of_nodes, scenario.sets.members(name).collect()),
            Subject::Link(..) => continue,
        };
        let ranks = nodes.into_iter().filter_map(|node| plan.node(node));
        let devices = ranks.filter_map(|rank| hardware(plan, &entities, rank));
        all.insert(name.clone(), sum(devices, simulation.now()));
    }
    (of_apps, of_nodes)
}

/// The nodes that an application runs on, each once.
pub(crate) fn nodes_of_app<'s>(scenario: &'s Scenario, name: &str) -> Vec<&'s str> {
    let own = scenario.apps.iter().filter(|app| app.name == name);
    let mut nodes: Vec<&str> = own.flat_map(|app| scenario.sets.members(&app.on.0)).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

fn sum<'s>(devices: impl Iterator<Item = &'s Hardware>, end: SimTime) -> DevicesOutput {
    let mut all = DevicesOutput::default();
    for device in devices {
        let drawn = device.drawn(end);
        all.count += 1;
        all.window = drawn.window;
        all.charge += drawn.charge.as_coulombs();
        all.energy += drawn.charge.at(device.profile().supply.value).as_joules();
        let life = device.life_secs(end).filter(|life| life.is_finite());
        all.life = match (all.life, life) {
            (Some(shortest), Some(life)) => Some(shortest.min(life)),
            (shortest, life) => shortest.or(life),
        };
    }
    all
}
