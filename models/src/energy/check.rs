//! What cannot be of a device's profile, beyond types: impossible numbers are refused, all at once.

use super::profile::{DeviceProfile, RadioProfile, Sourced};
use super::quantity::{Current, Frequency, Voltage};
use protosim_core::Span;

type Findings = Vec<(String, String)>;

/// No transition is longer.
const LONGEST: Span = Span::from_secs(600);

impl DeviceProfile {
    /// Fields that contradict each other or cannot be: the field's path, and why.
    pub fn check(&self) -> Findings {
        let mut found = Findings::new();
        let mut say = |field: &str, why: String| found.push((field.to_owned(), why));
        if !is_name(&self.name, "-") {
            say("name", format!("is of lower-case letters, digits and `-`, not `{}`", self.name));
        }
        if self.supply.value == Voltage::default() {
            say("supply", "is above zero: nothing would run".to_owned());
        }
        if self.cpu.clock.value == Frequency::default() {
            say("cpu.clock", "is above zero: no operation would ever end".to_owned());
        }
        if self.memory.value.as_bytes() == 0 {
            say("memory", "is above zero".to_owned());
        }
        if self.flash.value.as_bytes() == 0 {
            say("flash", "is above zero".to_owned());
        }
        for (name, work) in &self.cpu.operations {
            if work.value.per_call == 0 && work.value.per_byte == 0 {
                say(&format!("cpu.operations.{name}"), "takes no cycles; leave it out".to_owned());
            }
        }
        for (path, source) in self.sources() {
            if source.trim().is_empty() {
                say(&format!("{path}.source"), "says where the number comes from".to_owned());
            }
        }
        let (active, idle, sleep) = (&self.cpu.active, &self.cpu.idle, &self.cpu.sleep);
        check_positive("cpu.active", active, &mut found);
        check_order(&[("cpu.sleep", sleep), ("cpu.idle", idle), ("cpu.active", active)], &mut found);
        check_ramp("cpu.wake", self.cpu.wake.as_ref(), &mut found);
        for (i, radio) in self.radios.iter().enumerate() {
            if self.radios[..i].iter().any(|other| other.name == radio.name) {
                found.push((format!("radios[{i}].name"), format!("`{}` is another radio's, too", radio.name)));
            }
            radio.check(&format!("radios[{i}]"), &mut found);
        }
        if self.most() > u128::from(Current::MAX.as_picoamperes()) {
            found.push(("supply".to_owned(), "all parts together draw more than 100 A".to_owned()));
        }
        let battery = self.battery.iter().flat_map(|battery| battery.value.check());
        found.extend(battery.map(|(field, why)| (format!("battery.value.{field}"), why)));
        found
    }

    /// What all parts draw at most, in picoamperes.
    fn most(&self) -> u128 {
        let radios = self.radios.iter().map(|radio| {
            let states = [Some(&radio.receive), radio.listen.as_ref()].into_iter().flatten().map(|state| state.value);
            let ramps = [&radio.wake, &radio.start, &radio.turnaround].into_iter().flatten();
            let sends = radio.transmit.iter().map(|level| level.current);
            states.chain(sends).chain(ramps.map(|ramp| ramp.value.current)).max().unwrap_or_default()
        });
        let wakes = self.cpu.wake.as_ref().map_or(Current::ZERO, |wake| wake.value.current);
        let all = radios.chain([self.cpu.active.value.max(wakes)]).chain(self.other.iter().map(|other| other.value));
        all.map(|current| u128::from(current.as_picoamperes())).sum()
    }
}

impl RadioProfile {
    fn check(&self, place: &str, found: &mut Findings) {
        let at = |field: &str| format!("{place}.{field}");
        if !is_name(&self.name, ".-") {
            found.push((at("name"), format!("is of lower-case letters, digits, `.` and `-`, not `{}`", self.name)));
        }
        check_positive(&at("receive"), &self.receive, found);
        self.listen.iter().for_each(|listen| check_positive(&at("listen"), listen, found));
        let listen = self.listen.as_ref().unwrap_or(&self.receive);
        let off = self.off.as_ref().unwrap_or(&self.sleep);
        check_order(&[(&at("off"), off), (&at("sleep"), &self.sleep)], found);
        check_order(&[(&at("sleep"), &self.sleep), (&at("idle"), &self.idle), (&at("receive"), &self.receive)], found);
        check_order(&[(&at("idle"), &self.idle), (&at("listen"), listen)], found);
        if self.transmit.is_empty() {
            found.push((at("transmit"), "has at least one power: it could not send".to_owned()));
        }
        for (j, level) in self.transmit.iter().enumerate() {
            if level.current <= self.idle.value {
                let why = format!("sending draws more than idling, {}, not {}", self.idle.value, level.current);
                found.push((at(&format!("transmit[{j}].current")), why));
            }
            if j > 0 && level.power <= self.transmit[j - 1].power {
                let why = format!("powers ascend: {} is behind {}", level.power, self.transmit[j - 1].power);
                found.push((at(&format!("transmit[{j}].power")), why));
            }
        }
        for (field, ramp) in [("wake", &self.wake), ("start", &self.start), ("turnaround", &self.turnaround)] {
            check_ramp(&at(field), ramp.as_ref(), found);
        }
    }
}

fn check_positive(field: &str, current: &Sourced<Current>, found: &mut Findings) {
    if current.value == Current::ZERO {
        found.push((field.to_owned(), "is above zero: nothing is awake for free".to_owned()));
    }
}

/// Each is at most the next one.
fn check_order(currents: &[(&str, &Sourced<Current>)], found: &mut Findings) {
    for pair in currents.windows(2) {
        let [(low, lower), (high, higher)] = pair else { continue };
        if lower.value > higher.value {
            let why = format!("is at most that of `{high}`, {}, not {}", higher.value, lower.value);
            found.push(((*low).to_owned(), why));
        }
    }
}

fn check_ramp(field: &str, ramp: Option<&Sourced<super::profile::Ramp>>, found: &mut Findings) {
    let Some(ramp) = ramp else { return };
    if ramp.value.takes.is_zero() || ramp.value.takes > LONGEST {
        found.push((
            format!("{field}.takes"),
            format!("is above zero and at most {LONGEST}; leave it out if it is none"),
        ));
    }
    if ramp.value.current == Current::ZERO {
        found.push((format!("{field}.current"), "is above zero: a transition draws something".to_owned()));
    }
}

fn is_name(name: &str, also: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || also.contains(c))
}
