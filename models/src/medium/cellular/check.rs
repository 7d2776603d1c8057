//! What can be wrong with a cell.

use super::config::{CellularConfig, EdrxConfig, PsmConfig};
use crate::energy::cellular::WITHOUT_WINDOW;
use crate::energy::timers::{ExtendedDrx, Rat, Timer, encode_timer2, encode_timer3, nearest_timer2, nearest_timer3};
use protosim_core::Span;

type Findings = Vec<(String, String)>;

/// No time of a connection is longer: an hour is a slip.
const LONGEST: Span = Span::from_secs(3_600);
/// Repetitions of NPDSCH reach so far (3GPP TS 36.213 §16.4.1.3).
const MOST_REPETITIONS: u32 = 2_048;
/// Packets held for one device.
const MOST_HELD: u32 = 65_536;

impl CellularConfig {
    /// What [`MediumConfig::check`](super::super::MediumConfig::check) finds of a cell, but for names and queues.
    pub(in crate::medium) fn check(&self, found: &mut Findings) {
        self.check_times(found);
        if !(1..=MOST_HELD).contains(&self.held.unwrap_or(1)) {
            found.push(("held".to_owned(), format!("is 1 to {MOST_HELD}, not {}", self.held.unwrap_or(1))));
        }
        if self.hold_time.is_some_and(Span::is_zero) {
            found.push(("hold_time".to_owned(), "is above zero: nothing would ever come down".to_owned()));
        }
        let cell = super::CellStation::new(self.gateway.clone());
        self.check_agreement(&cell, "", found);
        for (index, station) in self.stations.iter().enumerate() {
            let place = format!("stations.{index}.");
            let repetitions = station.repetitions.unwrap_or(1);
            if !repetitions.is_power_of_two() || repetitions > MOST_REPETITIONS {
                let message = format!("is a power of two from 1 to {MOST_REPETITIONS}, not {repetitions}");
                found.push((format!("{place}repetitions"), message));
            }
            if station.edrx.is_some() || station.psm.is_some() {
                self.check_agreement(station, &place, found);
            }
            let drx = self.agreement(station).drx;
            let cycle = station.edrx.or(self.edrx).map_or(drx, |edrx| edrx.cycle);
            if station.offset.is_some_and(|offset| offset >= cycle) {
                found.push((format!("{place}offset"), format!("is below the cycle that it is in, {cycle}")));
            }
        }
    }

    fn check_times(&self, found: &mut Findings) {
        let times = [
            ("delay", self.delay),
            ("connect", self.connect),
            ("inactivity", self.inactivity),
            ("connected_drx.after", self.connected_drx.map(|drx| drx.after)),
            ("connected_drx.cycle", self.connected_drx.map(|drx| drx.cycle)),
            ("drx", self.drx),
            ("update", self.update),
        ];
        for (field, span) in times {
            if let Some(span) = span.filter(|span| *span > LONGEST) {
                found.push((field.to_owned(), format!("is at most {LONGEST}, not {span}")));
            }
        }
        // 3GPP TS 36.304 §7.1: in radio frames of 10 ms, 32 to 256, and 128 to 1024 of NB-IoT.
        let shortest = if self.technology == Rat::NbIot { 1_280 } else { 320 };
        let cycles = [1, 2, 4, 8].map(|times| Span::from_millis(shortest * times));
        if let Some(drx) = self.drx.filter(|drx| !cycles.contains(drx)) {
            let [first, second, third, last] = cycles;
            found.push((
                "drx".to_owned(),
                format!("is {first}, {second}, {third} or {last} (3GPP TS 36.304 §7.1), not {drx}"),
            ));
        }
        let released = self.agreement(&super::CellStation::new(self.gateway.clone())).inactivity;
        if self.connected_drx.is_some_and(|drx| drx.after >= released) {
            let message = format!("has no effect: the connection is released after {released}");
            found.push(("connected_drx.after".to_owned(), message));
        }
    }

    /// What a device and the network agreed on, or would if it said nothing: what the standard does not have, and what contradicts itself.
    fn check_agreement(&self, station: &super::CellStation, place: &str, found: &mut Findings) {
        // What is the cell's is said of the cell, once.
        let is_cell = place.is_empty();
        let edrx = if is_cell { self.edrx } else { station.edrx };
        let psm = if is_cell { self.psm } else { station.psm };
        let before = found.len();
        if let Some(edrx) = edrx {
            check_edrx(&format!("{place}edrx"), edrx, self.technology, found);
        }
        if let Some(psm) = psm {
            check_psm(&format!("{place}psm"), psm, found);
        }
        if found.len() > before {
            return;
        }
        for (field, why) in self.agreement(station).check() {
            let (field, own) = match field.as_str() {
                "extended" => ("edrx.window", edrx.is_some()),
                "saving.periodic" => ("psm.periodic", psm.is_some()),
                other => (other, is_cell),
            };
            if own {
                found.push((format!("{place}{field}"), why));
            }
        }
    }
}

fn check_edrx(place: &str, edrx: EdrxConfig, technology: Rat, found: &mut Findings) {
    let name = match technology {
        Rat::NbIot => "NB-IoT",
        Rat::LteM => "LTE-M",
    };
    let distance = |cycle: &Span| cycle.as_nanos().abs_diff(edrx.cycle.as_nanos());
    let nearest = ExtendedDrx::cycles(technology).min_by_key(distance).unwrap_or_default();
    if nearest != edrx.cycle {
        let message = format!(
            "is none of the cycles of {name} (3GPP TS 24.008 §10.5.5.32): {}; the nearest one is {nearest}",
            edrx.cycle
        );
        found.push((format!("{place}.cycle"), message));
        return;
    }
    if edrx.cycle == WITHOUT_WINDOW && edrx.window.is_some() {
        let message =
            format!("has no effect: a cycle of {WITHOUT_WINDOW} has no paging time window (3GPP TS 36.304 §7.3)");
        found.push((format!("{place}.window"), message));
        return;
    }
    let extended = edrx.extended(technology);
    if extended.encode(technology).is_none() {
        let unit = ExtendedDrx::window_unit(technology);
        let units = (extended.window.as_nanos() + unit.as_nanos() / 2) / unit.as_nanos();
        let message = format!(
            "is 1 to 16 times {unit} of {name} (3GPP TS 24.008 §10.5.5.32), not {}; the nearest one is {}",
            extended.window,
            unit * units.clamp(1, 16)
        );
        found.push((format!("{place}.window"), message));
    }
}

fn check_psm(place: &str, psm: PsmConfig, found: &mut Findings) {
    if encode_timer2(Timer::Runs(psm.active)).is_none() {
        let message = format!(
            "is no time of GPRS timer 2 (3GPP TS 24.008 §10.5.7.4): {}; the nearest one is {}",
            psm.active,
            nearest_timer2(psm.active)
        );
        found.push((format!("{place}.active"), message));
    }
    if encode_timer3(Timer::Runs(psm.periodic)).is_none() {
        let message = format!(
            "is no time of GPRS timer 3 (3GPP TS 24.008 §10.5.7.4a): {}; the nearest one is {}",
            psm.periodic,
            nearest_timer3(psm.periodic)
        );
        found.push((format!("{place}.periodic"), message));
    }
}
