//! Devices whose radios a medium has: what their nodes say of processor and power, and batteries that end.
//!
//! A node is told a nanosecond after its battery has ended, as of all that a medium hands over: what it counts of itself has that instant. `power` of a medium, and `occasion` and `connect_sends` of a
//! cell, say what devices draw; where none is metered they are taken and change nothing.

use super::shared::{MediumParts, Shared};
use crate::element::Element;
use crate::energy::control::Control;
use protosim_core::{Cx, SimTime, Span, TimerId, WireId};
use std::collections::BTreeMap;

/// What a medium keeps beside the devices themselves.
#[derive(Clone, Debug)]
pub(super) struct Batteries {
    /// By station, the wire on which its node is told that the battery is empty.
    wires: Vec<Option<WireId>>,
    /// By station, the timer of a battery.
    timers: Vec<Option<TimerId>>,
    /// The same the other way.
    stations: BTreeMap<TimerId, usize>,
    /// Stations with a battery whose current has changed in this event.
    pub(super) changed: Vec<usize>,
}

impl Batteries {
    pub(super) fn new(parts: &MediumParts<'_>) -> Self {
        Self {
            wires: parts.stations.iter().map(|station| station.control).collect(),
            timers: vec![None; parts.stations.len()],
            stations: BTreeMap::new(),
            changed: Vec::new(),
        }
    }
}

impl Shared {
    /// Gives each battery a timer.
    pub(super) fn start_batteries(&mut self, cx: &mut Cx<'_, Element>) {
        let Some(batteries) = &mut self.batteries else { return };
        for (station, hardware) in self.hardware.iter().enumerate() {
            if hardware.as_ref().is_some_and(|hardware| hardware.is_on_battery()) {
                let timer = cx.new_timer(station as u64, "battery");
                batteries.timers[station] = Some(timer);
                batteries.stations.insert(timer, station);
                batteries.changed.push(station);
            }
        }
    }

    /// True if a timer is that of a battery; what follows is seen with all other changes.
    pub(super) fn is_of_battery(&mut self, timer: TimerId) -> bool {
        let Some(batteries) = &mut self.batteries else { return false };
        let station = batteries.stations.get(&timer).copied();
        batteries.changed.extend(station);
        station.is_some()
    }

    /// What the node of a station says of its device. True or false if it has power again, or none any more.
    pub(super) fn hear(&mut self, station: usize, word: Control, now: SimTime) -> Option<bool> {
        let hardware = self.hardware.get_mut(station)?.as_deref_mut()?;
        if let Some(batteries) = self.batteries.as_mut().filter(|_| hardware.is_on_battery()) {
            batteries.changed.push(station);
        }
        match word {
            Control::Works(until) => {
                // The word has come a nanosecond late, and so the work ends.
                let _ = hardware.work(now, until.saturating_add(Span::NANOSECOND));
                None
            }
            Control::Power(is_on) => hardware.power(now, is_on).is_ok().then_some(is_on),
            Control::BatteryDead => None,
        }
    }

    /// The station has power, or none any more.
    pub(super) fn set_power(&mut self, station: usize, is_on: bool) {
        if is_on {
            self.off.remove(&station);
        } else {
            self.off.insert(station);
        }
    }

    /// Looks at the batteries of devices that draw something else than before. A station whose battery is empty by now, of which its node is told;
    /// `None` once all others wait for when they will be.
    pub(super) fn next_dead(&mut self, cx: &mut Cx<'_, Element>) -> Option<usize> {
        let now = cx.now();
        let batteries = self.batteries.as_mut()?;
        while let Some(station) = batteries.changed.pop() {
            let (Some(hardware), Some(timer)) = (self.hardware[station].as_mut(), batteries.timers[station]) else {
                continue;
            };
            // That it is dead shows in when.
            let _ = hardware.follow(now);
            if hardware.ended(now).is_some() {
                batteries.timers[station] = None;
                batteries.stations.remove(&timer);
                cx.remove_timer(timer);
                if let Some(wire) = batteries.wires[station] {
                    let word = Control::BatteryDead.into_packet();
                    cx.send(wire, now, Some(now.saturating_add(Span::NANOSECOND)), word);
                }
                return Some(station);
            }
            match hardware.ends().filter(|at| *at < SimTime::MAX) {
                Some(at) => cx.arm(timer, at.max(now.saturating_add(Span::NANOSECOND))),
                None => cx.disarm(timer),
            }
        }
        None
    }
}
