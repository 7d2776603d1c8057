//! The device of a node as far as its energy goes: what the processor does is told to what meters it, and an empty battery ends the node.

use super::{Node, Report};
use crate::element::Element;
use crate::energy::Hardware;
use crate::energy::control::Control;
use crate::link::LinkChange;
use crate::packet::Packet;
use protosim_core::kernel::Interests;
use protosim_core::{Cx, SimTime, Span, TimerId, WireId};

/// The wires between nodes and what meters them come in here: at a node; at a medium, where the station's index is added.
pub const CONTROL_PORT: u32 = 3 << 30;

/// Where a node's device is metered.
#[derive(Clone, Debug)]
pub enum EnergyParts {
    /// In the node: it has no radio.
    Own {
        /// The device.
        hardware: Box<Hardware>,
        /// The interfaces to links, which go down with the node.
        links: Vec<u32>,
    },
    /// At the station of a medium, whose radio the device has.
    Station {
        /// The wire to that medium which carries nothing but what is said of the device.
        wire: WireId,
        /// The interfaces to links, which go down with the node.
        links: Vec<u32>,
    },
}

/// What a node knows of its device.
#[derive(Clone, Debug)]
pub(super) struct NodeEnergy {
    at: EnergyParts,
    /// Until when the processor works, as told last.
    told: SimTime,
    /// When the battery is empty, if it is metered here and drained.
    timer: Option<TimerId>,
    /// When the battery ended.
    dead_since: Option<SimTime>,
}

impl NodeEnergy {
    pub(super) fn new(at: EnergyParts) -> Self {
        Self { at, told: SimTime::ZERO, timer: None, dead_since: None }
    }

    fn links(&self) -> &[u32] {
        match &self.at {
            EnergyParts::Own { links, .. } | EnergyParts::Station { links, .. } => links,
        }
    }
}

impl Node {
    /// The device, if it is metered in the node itself.
    pub fn hardware(&self) -> Option<&Hardware> {
        match &self.energy.as_ref()?.at {
            EnergyParts::Own { hardware, .. } => Some(hardware),
            EnergyParts::Station { .. } => None,
        }
    }

    /// When the node stopped for good since its battery was empty.
    pub fn dead_since(&self) -> Option<SimTime> {
        self.energy.as_ref()?.dead_since
    }

    /// True if what the processor does is metered.
    #[inline]
    pub(super) fn is_metered(&self) -> bool {
        self.energy.is_some()
    }

    /// The battery's timer, where it is metered here.
    pub(super) fn start_energy(&mut self, cx: &mut Cx<'_, Element>) {
        if let Some(energy) = &mut self.energy
            && let EnergyParts::Own { hardware, .. } = &energy.at
            && hardware.is_on_battery()
        {
            energy.timer = Some(cx.new_timer(0, "battery"));
            self.watch_battery(cx);
        }
    }

    /// Tells until when the processor works now.
    // Beside the usual way of packets, which it must not make longer.
    #[inline(never)]
    pub(super) fn meter_work(&mut self, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        let until = self.cpu.free_at(now);
        let Some(energy) = self.energy.as_mut().filter(|energy| until > now && until != energy.told) else { return };
        energy.told = until;
        match &mut energy.at {
            EnergyParts::Own { hardware, .. } => {
                // What cannot be since the battery is dead shows below.
                let _ = hardware.work(now, until);
                self.watch_battery(cx);
            }
            EnergyParts::Station { wire, .. } => tell(*wire, Control::Works(until), cx),
        }
    }

    /// Tells that the node has lost power, or has it again.
    pub(super) fn meter_power(&mut self, is_on: bool, cx: &mut Cx<'_, Element>) {
        let Some(energy) = self.energy.as_mut().filter(|energy| energy.dead_since.is_none()) else { return };
        match &mut energy.at {
            EnergyParts::Own { hardware, .. } => {
                let _ = hardware.power(cx.now(), is_on);
                self.watch_battery(cx);
            }
            EnergyParts::Station { wire, .. } => tell(*wire, Control::Power(is_on), cx),
        }
    }

    /// If the timer is that of the battery, the node ends.
    pub(super) fn on_battery_timer(&mut self, timer: TimerId, cx: &mut Cx<'_, Element>) {
        if self.energy.as_ref().is_some_and(|energy| energy.timer == Some(timer)) {
            self.watch_battery(cx);
        }
    }

    /// Ends the node if its battery is empty by now, and else waits for when it will be.
    fn watch_battery(&mut self, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        let Some(energy) = self.energy.as_mut().filter(|energy| energy.dead_since.is_none()) else { return };
        let (EnergyParts::Own { hardware, .. }, Some(timer)) = (&mut energy.at, energy.timer) else { return };
        // That it is dead shows in when.
        let _ = hardware.follow(now);
        if hardware.ended(now).is_some() {
            return self.die(cx);
        }
        match hardware.ends().filter(|at| *at < SimTime::MAX) {
            Some(at) => cx.arm(timer, at.max(now.saturating_add(Span::NANOSECOND))),
            None => cx.disarm(timer),
        }
    }

    /// A word of the station that has the device.
    // Beside the usual way of packets, which it must not make longer.
    #[cold]
    #[inline(never)]
    pub(super) fn on_control(&mut self, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        if Control::of_packet(packet) == Some(Control::BatteryDead) {
            self.die(cx);
        }
    }

    /// The node stops for good, its links with it, as when the timeline takes its power.
    fn die(&mut self, cx: &mut Cx<'_, Element>) {
        let Some(energy) = self.energy.as_mut().filter(|energy| energy.dead_since.is_none()) else { return };
        energy.dead_since = Some(cx.now());
        if let Some(timer) = energy.timer {
            cx.disarm(timer);
        }
        let links = energy.links().to_vec();
        if cx.wants(Interests::TRACES) {
            // It is looked at and no more, which decides nothing.
            cx.report_packet(Report::BatteryDead);
        }
        self.crash(cx);
        let down = LinkChange { up: Some(false), ..LinkChange::default() };
        for interface in links {
            self.with_link(interface, cx, |transmitter, drops, cx| transmitter.change(&down, drops, cx));
        }
    }
}

/// As all that is handed over to a medium, it is there a nanosecond later.
fn tell(wire: WireId, word: Control, cx: &mut Cx<'_, Element>) {
    let now = cx.now();
    cx.send(wire, now, Some(now.saturating_add(Span::NANOSECOND)), word.into_packet());
}
