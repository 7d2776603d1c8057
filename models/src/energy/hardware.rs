//! A device at work: the modes of its parts, metered, and its battery.
//!
//! This is what a host drives: it says what processor and radio do, and asks what it has cost. Transitions, currents and the rule of
//! what a radio's current covers are the profile's. The battery follows the meter through every change of current, those at the ends of
//! transitions too.
//!
//! A processor works until a moment that is known when it begins ([`Hardware::work`]); it falls asleep then without a further call, and
//! without an event. Nothing here needs a timer but the end of a battery ([`Hardware::ends`]).

use super::battery::{Battery, BatteryConfig, Failure};
use super::meter::{Cause, Meter, Part, State, Transition};
use super::profile::{Covers, CpuMode, DeviceProfile, RadioMode, RadioProfile};
use super::quantity::{Charge, Current};
use protosim_core::{SimTime, Span};
use std::sync::Arc;

/// A device at work, with one of its radios.
#[derive(Clone, Debug)]
pub struct Hardware {
    profile: Arc<DeviceProfile>,
    /// Which radio; none for a device without.
    radio: Option<usize>,
    cpu_mode: CpuMode,
    radio_mode: RadioMode,
    /// Until when the processor works, to sleep from then on; `None` if nobody has said.
    works_until: Option<SimTime>,
    /// When the radio sets out for another mode by itself.
    turns: Option<(SimTime, RadioMode)>,
    is_on: bool,
    meter: Meter,
    battery: Option<(BatteryConfig, Battery)>,
    /// Until when the battery has followed.
    followed: SimTime,
    /// The most that was drawn at once.
    peak: Current,
    window: Window,
}

/// The part of a run that is measured, and the charges at its ends, once they are past.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    from: SimTime,
    until: SimTime,
    opening: Option<Charge>,
    closing: Option<Charge>,
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
    /// It is turned off.
    #[error("the device is off")]
    Off,
    /// Its battery is dead.
    #[error("the battery does not run the device any more")]
    Dead,
}

/// What a device has drawn in the part of the run that is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Drawn {
    /// The charge.
    pub charge: Charge,
    /// How long that part was.
    pub window: Span,
    /// How long the device was there in it: until its battery was empty.
    pub alive: Span,
}

impl Hardware {
    /// A device of this profile, with the radio of that name (or without one), asleep at `now` with the profile's battery, full. `None` if it has
    /// no such radio.
    pub fn new(now: SimTime, profile: impl Into<Arc<DeviceProfile>>, radio: Option<&str>) -> Option<Self> {
        let profile = profile.into();
        let battery = profile.battery.as_ref().map(|battery| Battery::new(now, battery.value));
        Self::with_battery(now, profile, radio, battery)
    }

    /// The same, but that it runs on this battery, or for ever without one.
    pub fn with_battery(
        now: SimTime,
        profile: impl Into<Arc<DeviceProfile>>,
        radio: Option<&str>,
        battery: Option<Battery>,
    ) -> Option<Self> {
        let profile = profile.into();
        let radio = match radio {
            Some(name) => Some(profile.radios.iter().position(|radio| radio.name == name)?),
            None => None,
        };
        let mut hardware = Self {
            meter: Meter::new(now, profile.supply.value),
            profile,
            radio,
            cpu_mode: CpuMode::Sleep,
            radio_mode: RadioMode::Sleep,
            works_until: None,
            turns: None,
            is_on: true,
            battery: battery.map(|battery| (*battery.config(), battery)),
            followed: now,
            peak: Current::ZERO,
            window: Window { until: SimTime::MAX, ..Window::default() },
        };
        hardware.put_to_sleep(now, RadioMode::Sleep);
        Some(hardware)
    }

    /// What is measured of it is the time from `from` to `until`. Without this, it is all.
    #[must_use]
    pub fn with_window(self, from: SimTime, until: SimTime) -> Self {
        Self { window: Window { from, until, ..Window::default() }, ..self }
    }

    /// Its profile.
    pub fn profile(&self) -> &DeviceProfile {
        &self.profile
    }

    /// Its meter, as of the last change: what a processor that has worked in the meantime does is in [`Hardware::at`].
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Its battery, as of the last change.
    pub fn battery(&self) -> Option<&Battery> {
        self.battery.as_ref().map(|(_, battery)| battery)
    }

    /// The most that it has drawn at once.
    pub fn peak(&self) -> Current {
        self.peak
    }

    /// True if it runs on a battery.
    pub fn is_on_battery(&self) -> bool {
        self.battery.is_some()
    }

    /// As it is at `now` if nothing else happens.
    #[must_use]
    pub fn at(&self, now: SimTime) -> Self {
        let mut later = self.clone();
        // Dead or not, it is as it is then.
        let _ = later.follow(now);
        later
    }

    /// What it has drawn in the part of the run that is measured, in a run that ends at `end`.
    pub fn drawn(&self, end: SimTime) -> Drawn {
        let later = self.at(end);
        let Window { from, until, opening, closing } = later.window;
        let until = until.min(end).max(from);
        let charge = |reading: Option<Charge>| reading.unwrap_or_else(|| later.meter.charge(end));
        let death = later.ended(end).map_or(until, |(at, _)| at.clamp(from, until));
        Drawn {
            charge: charge(closing).saturating_sub(charge(opening)),
            window: until.saturating_since(from),
            alive: death.saturating_since(from),
        }
    }

    fn radio_profile(&self) -> Option<&RadioProfile> {
        self.radio.map(|radio| &self.profile.radios[radio])
    }

    /// The processor goes to `mode` at `now`.
    ///
    /// # Errors
    /// When the device is off, or its battery dead.
    pub fn cpu(&mut self, now: SimTime, mode: CpuMode) -> Result<(), CannotDo> {
        self.ready(now)?;
        self.works_until = None;
        self.set_cpu(now, mode);
        self.follow_battery(now)
    }

    /// The processor works from `now` until `until`, and sleeps then. One that works already goes on.
    ///
    /// # Errors
    /// When the device is off, or its battery dead.
    pub fn work(&mut self, now: SimTime, until: SimTime) -> Result<(), CannotDo> {
        // What ends at this very moment need not be woken for.
        if self.works_until.is_some_and(|end| end >= now) {
            self.works_until = Some(SimTime::MAX);
        }
        self.ready(now)?;
        self.set_cpu(now, CpuMode::Active);
        self.works_until = Some(until);
        self.follow_battery(now)
    }

    fn set_cpu(&mut self, now: SimTime, mode: CpuMode) {
        if mode != self.cpu_mode {
            let way = self.profile.cpu.way_under(self.cpu_mode, mode, self.covers());
            self.cpu_mode = mode;
            let state = self.cpu_state();
            self.meter.change(now, Part::Cpu, way, state);
            self.draw(now);
        }
    }

    /// True if its radio is in `mode`, and does not turn to another one.
    pub(crate) fn stays(&self, mode: RadioMode) -> bool {
        self.radio_mode == mode && self.turns.is_none()
    }

    /// The radio goes to `mode` at `now`.
    ///
    /// # Errors
    /// When it has none, none so strong, the device is off, or its battery dead.
    pub fn radio(&mut self, now: SimTime, mode: RadioMode) -> Result<(), CannotDo> {
        self.ready(now)?;
        self.turns = None;
        self.set_radio(now, mode)?;
        self.follow_battery(now)
    }

    /// The radio is in `mode` at `at`: it sets out as much earlier as the way takes, but not before `now`. Until then it goes on as it is, or listens. What
    /// [`Hardware::radio`] says in the meantime is instead of this.
    ///
    /// # Errors
    /// When it has none, none so strong, the device is off, or its battery dead.
    pub fn radio_by(&mut self, now: SimTime, mode: RadioMode, at: SimTime) -> Result<(), CannotDo> {
        self.ready(now)?;
        if self.radio_mode == mode || self.turns.is_some_and(|(_, other)| other == mode) {
            return Ok(());
        }
        if self.radio_mode == RadioMode::Receive {
            // Who turns takes nothing in.
            self.set_radio(now, RadioMode::Listen)?;
        }
        let leaves = SimTime::from_nanos(at.as_nanos().saturating_sub(self.way_to(mode).as_nanos()));
        if leaves <= now {
            return self.radio(now, mode);
        }
        let radio = self.radio_profile().ok_or(CannotDo::NoRadio)?;
        radio.state(mode).ok_or(CannotDo::TooMuchPower)?;
        self.turns = Some((leaves, mode));
        Ok(())
    }

    fn set_radio(&mut self, now: SimTime, mode: RadioMode) -> Result<(), CannotDo> {
        let radio = self.radio_profile().ok_or(CannotDo::NoRadio)?;
        let state = radio.state(mode).ok_or(CannotDo::TooMuchPower)?;
        if mode != self.radio_mode {
            let (way, before) = (radio.way(self.radio_mode, mode), self.covers());
            self.radio_mode = mode;
            self.meter.change(now, Part::Radio, way, state);
            // The processor's share goes into the radio's currents, or out of them; if it is just waking, it goes on with that.
            let covers = self.covers();
            if covers != before {
                let wakes = self.profile.cpu.way_under(CpuMode::Sleep, CpuMode::Active, covers);
                self.meter.recover(now, Part::Cpu, wakes.map(|way| way.current), self.cpu_state());
            }
            self.draw(now);
        }
        Ok(())
    }

    /// The device is turned off at `now`, so that it draws nothing at all, or on, so that its processor sleeps and its radio is off.
    ///
    /// # Errors
    /// When its battery is dead.
    pub fn power(&mut self, now: SimTime, is_on: bool) -> Result<(), CannotDo> {
        self.follow(now)?;
        if is_on == self.is_on {
            return Ok(());
        }
        self.is_on = is_on;
        (self.works_until, self.turns) = (None, None);
        if is_on {
            self.put_to_sleep(now, RadioMode::Off);
        } else {
            for part in Part::ALL {
                self.meter.set(now, part, State::OFF);
            }
            self.draw(now);
        }
        self.follow_battery(now)
    }

    /// The processor sleeps from now on, and all else is as it is then.
    fn put_to_sleep(&mut self, now: SimTime, radio: RadioMode) {
        (self.cpu_mode, self.radio_mode) = (CpuMode::Sleep, radio);
        self.meter.set(now, Part::Cpu, self.profile.cpu.state(CpuMode::Sleep));
        if let Some(state) = self.radio_profile().and_then(|profile| profile.state(radio)) {
            self.meter.set(now, Part::Radio, state);
        }
        if let Some(other) = self.profile.other.as_ref().map(|other| other.value) {
            self.meter.set(now, Part::Other, State::new(Cause::Other, other));
        }
        self.draw(now);
    }

    /// How long the radio's way from its mode to `mode` takes: who wants all of a frame's time on air to be one of sending is so much earlier.
    pub fn way_to(&self, mode: RadioMode) -> Span {
        let way = self.radio_profile().map(|radio| radio.way(self.radio_mode, mode));
        way.into_iter().flatten().fold(Span::ZERO, |sum, transition| sum.saturating_add(transition.takes))
    }

    /// How much of the processor is in the radio's current.
    fn covers(&self) -> Covers {
        let radio = self.radio_profile().filter(|_| self.radio_mode.is_awake());
        radio.map_or(Covers::Nothing, |radio| radio.covers)
    }

    /// What the processor draws beside what the radio's current covers.
    fn cpu_state(&self) -> State {
        self.profile.cpu.state_under(self.cpu_mode, self.covers())
    }

    /// Tells the battery what is drawn from `at` on.
    fn draw(&mut self, at: SimTime) {
        let current = self.meter.current(at);
        self.peak = self.peak.max(current);
        if let Some((config, battery)) = &mut self.battery {
            battery.draw(at, config.current(current, self.meter.supply()));
        }
    }

    /// All that has come to it until `now`; then it can do something.
    fn ready(&mut self, now: SimTime) -> Result<(), CannotDo> {
        self.follow(now)?;
        if self.is_on { Ok(()) } else { Err(CannotDo::Off) }
    }

    /// Lets processor and battery come to `now`. A dead battery turns all parts off at the moment of its end.
    ///
    /// # Errors
    /// When the battery is dead.
    pub fn follow(&mut self, now: SimTime) -> Result<(), CannotDo> {
        if let Some((at, mode)) = self.turns.filter(|(at, _)| *at <= now) {
            self.turns = None;
            if self.follow_work(at).is_ok() {
                // That it can was seen when it was said.
                let _ = self.set_radio(at, mode);
            }
        }
        self.follow_work(now)
    }

    fn follow_work(&mut self, now: SimTime) -> Result<(), CannotDo> {
        if let Some(end) = self.works_until.filter(|end| *end <= now) {
            self.read(end);
            self.works_until = None;
            if self.follow_battery(end).is_ok() {
                self.set_cpu(end, CpuMode::Sleep);
            }
        }
        self.read(now);
        self.follow_battery(now)
    }

    /// Reads the meter at the ends of the part of the run that is measured, if they are no later than `now`.
    fn read(&mut self, now: SimTime) {
        let Window { from, until, opening, closing } = self.window;
        if opening.is_none() && from <= now {
            self.window.opening = Some(self.charge(from));
        }
        if closing.is_none() && until <= now {
            self.window.closing = Some(self.charge(until));
        }
    }

    fn charge(&mut self, at: SimTime) -> Charge {
        // A dead battery has turned the meter's parts off.
        let _ = self.follow_battery(at);
        self.meter.charge(at)
    }

    fn follow_battery(&mut self, now: SimTime) -> Result<(), CannotDo> {
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

    /// The first instant at which the device stops if nothing changes but for transitions that end, and work that is done. `None` if that is never.
    pub fn ends(&self) -> Option<SimTime> {
        self.battery.as_ref()?;
        let turns = self.turns.map(|(at, _)| at);
        let Some(next) = self.works_until.into_iter().chain(turns).min() else { return self.ends_as_it_is() };
        if let Some(at) = self.ends_as_it_is().filter(|at| *at <= next) {
            return Some(at);
        }
        self.at(next).ends()
    }

    /// The same where no work ends, and no radio sets out.
    fn ends_as_it_is(&self) -> Option<SimTime> {
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

    /// For how long a device lives that draws as this one has in the part of the run that is measured, on its profile's battery when full, in
    /// seconds: with self-discharge, and the peak that it has had. `None` without a battery, and where nothing was measured.
    pub fn life_secs(&self, end: SimTime) -> Option<f64> {
        let battery = &self.profile.battery.as_ref()?.value;
        let drawn = self.drawn(end);
        let supply = self.profile.supply.value;
        let mean = battery.current(drawn.charge.mean_over(drawn.alive), supply);
        (!drawn.alive.is_zero()).then(|| battery.life_secs(mean, battery.current(self.peak, supply)))
    }

    /// The way of the processor from sleep to work.
    pub fn wakes(profile: &DeviceProfile) -> Transition {
        profile.cpu.way(CpuMode::Sleep, CpuMode::Active)[0]
    }
}
