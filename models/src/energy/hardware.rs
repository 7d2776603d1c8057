//! A device at work: the modes of its parts, metered, and its battery.
//!
//! This is what a host drives: it says what processor and radio do, and asks what it has cost. Transitions, currents and the rule of
//! what a radio's current covers are the profile's. The battery follows the meter through every change of current, those at the ends of
//! transitions too.

use super::battery::{Battery, BatteryConfig, Failure};
use super::meter::{Cause, Meter, Part, State};
use super::profile::{CpuMode, DeviceProfile, RadioMode, RadioProfile};
use protosim_core::SimTime;

/// A device at work, with one of its radios.
#[derive(Clone, Debug)]
pub struct Hardware {
    profile: DeviceProfile,
    /// Which radio; none for a device without.
    radio: Option<usize>,
    cpu_mode: CpuMode,
    radio_mode: RadioMode,
    meter: Meter,
    battery: Option<(BatteryConfig, Battery)>,
    /// Until when the battery has followed.
    followed: SimTime,
}

/// Why a device does not do that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CannotDo {
    /// It has no radio.
    #[error("the device has no radio")]
    NoRadio,
    /// Its radio has no such power.
    #[error("the radio cannot send with that power")]
    TooMuchPower,
    /// Its battery is dead.
    #[error("the battery does not run the device any more")]
    Dead,
}

impl Hardware {
    /// A device of this profile, with the radio of that name (or without one), asleep at `now` with a full battery. `None` if it has no such
    /// radio.
    pub fn new(now: SimTime, profile: DeviceProfile, radio: Option<&str>) -> Option<Self> {
        let radio = match radio {
            Some(name) => Some(profile.radios.iter().position(|radio| radio.name == name)?),
            None => None,
        };
        let meter = Meter::new(now, profile.supply.value);
        let battery = profile.battery.as_ref().map(|battery| (battery.value, Battery::new(now, battery.value)));
        let (cpu_mode, radio_mode) = (CpuMode::Sleep, RadioMode::Sleep);
        let mut hardware = Self { profile, radio, cpu_mode, radio_mode, meter, battery, followed: now };
        hardware.meter.set(now, Part::Cpu, hardware.profile.cpu.state(CpuMode::Sleep));
        if let Some(state) = hardware.radio_profile().and_then(|radio| radio.state(RadioMode::Sleep)) {
            hardware.meter.set(now, Part::Radio, state);
        }
        if let Some(other) = hardware.profile.other.as_ref().map(|other| other.value) {
            hardware.meter.set(now, Part::Other, State::new(Cause::Other, other));
        }
        hardware.draw(now);
        Some(hardware)
    }

    /// Its profile.
    pub fn profile(&self) -> &DeviceProfile {
        &self.profile
    }

    /// Its meter.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Its battery, as of the last change.
    pub fn battery(&self) -> Option<&Battery> {
        self.battery.as_ref().map(|(_, battery)| battery)
    }

    fn radio_profile(&self) -> Option<&RadioProfile> {
        self.radio.map(|radio| &self.profile.radios[radio])
    }

    /// The processor goes to `mode` at `now`.
    ///
    /// # Errors
    /// When the battery is dead.
    pub fn cpu(&mut self, now: SimTime, mode: CpuMode) -> Result<(), CannotDo> {
        self.follow(now)?;
        if mode != self.cpu_mode {
            let way = self.profile.cpu.way(self.cpu_mode, mode);
            self.cpu_mode = mode;
            let state = self.cpu_state();
            self.meter.change(now, Part::Cpu, way, state);
            self.draw(now);
        }
        self.follow(now)
    }

    /// The radio goes to `mode` at `now`.
    ///
    /// # Errors
    /// When it has none, none so strong, or the battery is dead.
    pub fn radio(&mut self, now: SimTime, mode: RadioMode) -> Result<(), CannotDo> {
        self.follow(now)?;
        let radio = self.radio_profile().ok_or(CannotDo::NoRadio)?;
        let state = radio.state(mode).ok_or(CannotDo::TooMuchPower)?;
        if mode != self.radio_mode {
            let way = radio.way(self.radio_mode, mode);
            self.radio_mode = mode;
            self.meter.change(now, Part::Radio, way, state);
            // The processor's share goes into the radio's currents, or out of them.
            let cpu = self.cpu_state();
            if self.meter.state(now, Part::Cpu).0 != cpu {
                self.meter.set(now, Part::Cpu, cpu);
            }
            self.draw(now);
        }
        self.follow(now)
    }

    /// What the processor draws beside what the radio's current covers.
    fn cpu_state(&self) -> State {
        let covers = self.radio_profile().filter(|_| self.radio_mode.is_awake()).map(|radio| radio.covers);
        self.profile.cpu.state_under(self.cpu_mode, covers.unwrap_or_default())
    }

    /// Tells the battery what is drawn from `at` on.
    fn draw(&mut self, at: SimTime) {
        if let Some((config, battery)) = &mut self.battery {
            battery.draw(at, config.current(self.meter.current(at), self.meter.supply()));
        }
    }

    /// Lets the battery follow the meter until `now`. A dead battery turns all parts off at the moment of its end.
    ///
    /// # Errors
    /// When the battery is dead.
    pub fn follow(&mut self, now: SimTime) -> Result<(), CannotDo> {
        while let Some(at) = self.meter.next_change(self.followed).filter(|at| *at <= now) {
            if self.ended(at).is_some() {
                break;
            }
            self.followed = at;
            self.draw(at);
        }
        if let Some((at, _)) = self.ended(now) {
            for part in Part::ALL {
                self.meter.set(at, part, State::OFF);
            }
            self.draw(now);
            return Err(CannotDo::Dead);
        }
        self.followed = self.followed.max(now);
        Ok(())
    }

    /// When and why the battery ended, if that was until `now`.
    pub fn ended(&self, now: SimTime) -> Option<(SimTime, Failure)> {
        self.battery.as_ref().and_then(|(_, battery)| battery.failed_at(now))
    }

    /// The first instant at which the device stops if nothing changes but for transitions that end. `None` if that is never.
    pub fn ends(&self) -> Option<SimTime> {
        let (config, battery) = self.battery.as_ref()?;
        let (mut battery, mut at) = (battery.clone(), self.followed);
        while let Some(change) = self.meter.next_change(at) {
            if let Some(end) = battery.fails().filter(|end| *end <= change) {
                return Some(end);
            }
            battery.draw(change, config.current(self.meter.current(change), self.meter.supply()));
            at = change;
        }
        battery.fails()
    }
}
