//! Batteries: what is left, and when it is not enough.
//!
//! Three models, each with the one before it (what is left out of a configuration is not modelled):
//! - (a) An ideal cell: what is left is the capacity less the charge drawn. Exact, in integers; the instant of emptiness
//!   is exact to the nanosecond.
//! - (b) Self-discharge: the cell also loses a fixed share of what is left per time, dQ/dt = -I - s Q. For a constant current
//!   Q(t) = Q₀ - (1 - e^(-s t)) (Q₀ + I/s), which is 0 at t = ln(1 + s Q₀ / I) / s. What leaks is a float that is rounded to a whole
//!   number of [`Charge`] units at each change of current, so that capacity = left + drawn + leaked still
//!   holds to the last unit. A share of 1 % a year is meant so: a cell on the shelf has 99 % left after 365 days.
//! - (c) Internal resistance: under a current I the cell has the voltage V - I R. Below the cut-off voltage the device
//!   browns out, though there may be much charge left. R grows in a straight line from that of a full cell to that of an empty one.
//!
//! Not modelled: a discharge curve (the open-circuit voltage is constant), Peukert's law, recovery after a pulse, temperature.
//! For lithium cells at the currents of radios the first is small until the end; the rate of coin cells above some 10 mA is in
//! truth lower than said here.

use super::quantity::{Capacity, Charge, Current, Resistance, Voltage, YEAR, between};
use protosim_core::{Ratio, SimTime, Span, maths};
use serde::{Deserialize, Serialize};

/// A battery, as a user or a profile describes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatteryConfig {
    /// What it holds when full.
    pub capacity: Capacity,
    /// Its voltage without load.
    pub voltage: Voltage,
    /// What it loses in a year on the shelf. Default: nothing.
    #[serde(default)]
    pub self_discharge: Option<Ratio>,
    /// Internal resistance of a full cell. Default: none.
    #[serde(default)]
    pub resistance: Option<Resistance>,
    /// Internal resistance of an empty cell. Default: that of a full one.
    #[serde(default)]
    pub resistance_at_end: Option<Resistance>,
    /// The device stops where the battery's voltage under load is below this. Default: at nothing left.
    #[serde(default)]
    pub cut_off: Option<Voltage>,
    /// A converter between battery and device. Default: none; the device draws its current from the battery, as through a linear
    /// regulator.
    #[serde(default)]
    pub converter: Option<Converter>,
}

/// A switching converter: the battery gives the device's power, and what is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Converter {
    /// The device's share of what the battery gives.
    pub efficiency: Ratio,
}

impl BatteryConfig {
    /// An ideal cell.
    pub const fn ideal(capacity: Capacity, voltage: Voltage) -> Self {
        Self {
            capacity,
            voltage,
            self_discharge: None,
            resistance: None,
            resistance_at_end: None,
            cut_off: None,
            converter: None,
        }
    }

    /// Fields that contradict each other or cannot be: the field, and why.
    pub fn check(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut say = |field: &str, why: String| found.push((field.to_owned(), why));
        if self.capacity == Capacity::default() {
            say("capacity", "is above zero: nothing would ever run".to_owned());
        }
        if self.voltage == Voltage::default() {
            say("voltage", "is above zero".to_owned());
        }
        if self.self_discharge == Some(Ratio::ONE) {
            say("self_discharge", "is below 100 % a year: no rate loses all in finite time".to_owned());
        }
        if let Some(cut_off) = self.cut_off.filter(|cut_off| *cut_off >= self.voltage) {
            say("cut_off", format!("is below the voltage without load, {}, not {cut_off}", self.voltage));
        }
        let full = self.resistance.unwrap_or_default();
        match self.resistance_at_end {
            Some(_) if self.resistance.is_none() => {
                say("resistance_at_end", "takes no effect without `resistance`".to_owned());
            }
            Some(end) if end < full => {
                say("resistance_at_end", format!("is at least that of a full cell, {full}, not {end}"));
            }
            _ => {}
        }
        if self.resistance.is_some() && self.cut_off.is_none() {
            say("resistance", "takes no effect without `cut_off`".to_owned());
        }
        if self.cut_off.is_some() && self.resistance.is_none() {
            say("cut_off", "takes no effect without `resistance`: the voltage without load is constant".to_owned());
        }
        if self.converter.is_some_and(|converter| converter.efficiency.is_zero()) {
            say("converter.efficiency", "is above zero".to_owned());
        }
        found
    }

    /// What the battery gives when the device draws `load` at `supply`, to the nearest picoampere.
    pub fn current(&self, load: Current, supply: Voltage) -> Current {
        let Some(converter) = self.converter else { return load };
        let whole = u128::from(Ratio::ONE.as_parts());
        // Below 10^14 times 10^6 times 10^18 = 10^38, which 128 bits hold.
        let power = u128::from(load.as_picoamperes()) * u128::from(supply.as_millivolts()) * whole;
        let by = u128::from(self.voltage.as_millivolts()) * u128::from(converter.efficiency.as_parts());
        if by == 0 {
            return Current::MAX;
        }
        let current = power / by + u128::from(power % by >= by.div_ceil(2));
        Current::from_picoamperes(u64::try_from(current).unwrap_or(u64::MAX))
    }

    /// The rate s of self-discharge, per second: e^(-s year) is what is left after a year.
    pub fn leak_rate(&self) -> f64 {
        self.self_discharge.map_or(0.0, |share| -maths::ln_1p(-share.as_f64()) / YEAR.as_secs_f64())
    }

    /// The charge at which a cell under `current` is as low as its cut-off voltage: below it, or with nothing left, the device stops.
    /// More than the capacity, if even a full cell cannot give that current.
    pub fn least(&self, current: Current) -> Charge {
        let (Some(full), Some(cut_off)) = (self.resistance, self.cut_off) else { return Charge::ZERO };
        let end = self.resistance_at_end.unwrap_or(full).max(full);
        let capacity = self.capacity.charge();
        // Volts for the resistance are millivolts times 10^12 in units of pA mOhm.
        let room = u128::from(self.voltage.as_millivolts().saturating_sub(cut_off.as_millivolts())) * 1_000_000_000_000;
        let drop =
            |resistance: Resistance| u128::from(resistance.as_milliohms()) * u128::from(current.as_picoamperes());
        if drop(full) > room {
            return Charge::from_units(capacity.as_units() + 1);
        }
        if drop(end) <= room {
            return Charge::ZERO;
        }
        // I (full + (end - full) (1 - q / C)) <= room, solved for q.
        Charge::from_units(part_rounded_up(capacity.as_units(), drop(end) - room, drop(end) - drop(full)))
    }

    /// For how long a device lives that draws `average` in the mean and `peak` at most, in seconds: model (a), (b) or (c), as this battery has
    /// it. The peaks must be short beside the life. Infinite where nothing is drawn and nothing leaks.
    pub fn life_secs(&self, average: Current, peak: Current) -> f64 {
        let (full, least) = (self.capacity.charge().as_coulombs(), self.least(peak).as_coulombs());
        if least >= full {
            return 0.0;
        }
        let (current, rate) = (average.as_amperes(), self.leak_rate());
        if rate == 0.0 {
            return (full - least) / current;
        }
        // Q(t) = least, solved for t. Without current and with least = 0 it is approached, and never reached.
        maths::ln_1p(rate * (full - least) / (current + rate * least)) / rate
    }
}

/// `whole` × `part` / `of`, rounded up, for `part` <= `of` < 2^126: bit by bit, since the product may have more than 128 bits.
fn part_rounded_up(whole: u128, part: u128, of: u128) -> u128 {
    let (mut quotient, mut rest) = (0, 0);
    for bit in (0..u128::BITS).rev() {
        (quotient, rest) = (quotient * 2, rest * 2 + if whole >> bit & 1 == 1 { part } else { 0 });
        (quotient, rest) = (quotient + rest / of, rest % of);
    }
    quotient + u128::from(rest > 0)
}

/// Why a battery no longer runs its device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Nothing is left.
    Empty,
    /// Its voltage under the current of that moment is below the cut-off.
    Voltage,
}

/// A battery in use.
///
/// Time never goes back: an earlier instant than that of the last change counts as that. Queries are about instants from the last
/// change on, and change nothing.
#[derive(Clone, Debug)]
pub struct Battery {
    config: BatteryConfig,
    rate: f64,
    /// What it held at first.
    initial: Charge,
    /// The last change.
    since: SimTime,
    /// What the device draws from then on, out of the battery.
    current: Current,
    /// At or below this it fails under that current.
    floor: Charge,
    drawn: Charge,
    leaked: Charge,
    failed: Option<(SimTime, Failure)>,
}

impl Battery {
    /// A full battery that nothing is drawn from.
    pub fn new(now: SimTime, config: BatteryConfig) -> Self {
        Self::with_charge(now, config, config.capacity.charge())
    }

    /// A battery that holds no more than `charge`, and that nothing is drawn from.
    pub fn with_charge(now: SimTime, config: BatteryConfig, charge: Charge) -> Self {
        let rate = config.leak_rate();
        let mut battery = Self {
            config,
            rate,
            initial: charge.min(config.capacity.charge()),
            since: now,
            current: Current::ZERO,
            floor: Charge::ZERO,
            drawn: Charge::ZERO,
            leaked: Charge::ZERO,
            failed: None,
        };
        if battery.left() == Charge::ZERO {
            battery.failed = Some((now, Failure::Empty));
        }
        battery
    }

    /// What it is.
    pub fn config(&self) -> &BatteryConfig {
        &self.config
    }

    /// What it held at first.
    pub fn initial(&self) -> Charge {
        self.initial
    }

    /// `current` is drawn from `now` on. Whether it can be is said by [`Battery::failed_at`].
    pub fn draw(&mut self, now: SimTime, current: Current) {
        let now = now.max(self.since);
        if let Some((at, failure)) = self.failed_at(now) {
            self.fail(at, failure);
            return;
        }
        self.settle(now);
        self.current = current;
        let least = self.config.least(current);
        // At the cut-off voltage itself it works on.
        self.floor = Charge::from_units(least.as_units().saturating_sub(1));
        if self.left() <= self.floor {
            let failure = if self.left() == Charge::ZERO { Failure::Empty } else { Failure::Voltage };
            self.fail(now, failure);
        }
    }

    fn fail(&mut self, at: SimTime, failure: Failure) {
        self.settle(at);
        self.failed = Some((at, failure));
        self.current = Current::ZERO;
    }

    fn settle(&mut self, now: SimTime) {
        if self.failed.is_some() {
            return;
        }
        let (drawn, leaked) = self.spent(now);
        self.drawn += drawn;
        self.leaked += leaked;
        self.since = now;
    }

    /// At the last change.
    fn left(&self) -> Charge {
        self.initial.saturating_sub(self.drawn).saturating_sub(self.leaked)
    }

    /// What is drawn and what leaks from the last change until `at`: no more than there is.
    fn spent(&self, at: SimTime) -> (Charge, Charge) {
        let (left, span) = (self.left(), between(self.since, at));
        let drawn = self.current.over(span).min(left);
        if self.rate == 0.0 {
            return (drawn, Charge::ZERO);
        }
        let share = self.rate * span.as_secs_f64();
        // Leaked is Q₀ (1 - e^-x) - I/s (x - (1 - e^-x)), with x = s t; the second is what does not leak since it is drawn.
        let stays = -maths::exp_m1(-share);
        let per_rate = self.current.as_picoamperes() as f64 / (self.rate / 1e9);
        let leaked = left.as_units() as f64 * stays - per_rate * less_than_linear(share);
        (drawn, Charge::from_f64(leaked).min(left.saturating_sub(drawn)))
    }

    /// What is left at `at`.
    pub fn remaining(&self, at: SimTime) -> Charge {
        if self.failed.is_some() {
            return self.left();
        }
        let (drawn, leaked) = self.spent(at);
        self.left().saturating_sub(drawn).saturating_sub(leaked)
    }

    /// What the device has drawn until `at`.
    pub fn drawn(&self, at: SimTime) -> Charge {
        if self.failed.is_some() { self.drawn } else { self.drawn + self.spent(at).0 }
    }

    /// What the cell has lost by itself until `at`.
    pub fn leaked(&self, at: SimTime) -> Charge {
        if self.failed.is_some() { self.leaked } else { self.leaked + self.spent(at).1 }
    }

    /// Its voltage at `at` under what is drawn, in volts, for tables and figures.
    pub fn volts(&self, at: SimTime) -> f64 {
        let full = self.config.resistance.unwrap_or_default().as_milliohms() as f64;
        let end = self.config.resistance_at_end.map_or(full, |end| end.as_milliohms() as f64);
        let left = self.remaining(at).as_coulombs() / self.config.capacity.charge().as_coulombs();
        let ohms = (full + (end - full) * (1.0 - left)) / 1e3;
        self.config.voltage.as_millivolts() as f64 / 1e3 - self.current.as_amperes() * ohms
    }

    /// When and why it no longer runs the device, if that was at `at` or before; and if nothing changes until then.
    pub fn failed_at(&self, at: SimTime) -> Option<(SimTime, Failure)> {
        if self.failed.is_some() {
            return self.failed;
        }
        if self.remaining(at) > self.floor {
            return None;
        }
        let failure = if self.floor == Charge::ZERO { Failure::Empty } else { Failure::Voltage };
        Some((self.fails().unwrap_or(at).min(at), failure))
    }

    /// The first instant at which it no longer runs the device if the current stays as it is; `None` if there is none that time has.
    ///
    /// Without self-discharge this is exact. With it, the closed form is followed to the first nanosecond at which
    /// [`Battery::remaining`] says so, as near as floats of that size can tell: a few parts in 10^15 of the span.
    pub fn fails(&self) -> Option<SimTime> {
        if let Some((at, _)) = self.failed {
            return Some(at);
        }
        let above = self.left().saturating_sub(self.floor);
        if self.rate == 0.0 {
            let span = above.lasts(self.current)?;
            return self.since.as_nanos().checked_add(span.as_nanos()).map(SimTime::from_nanos);
        }
        let (above, floor) = (above.as_units() as f64, self.floor.as_units() as f64);
        // Charges per nanosecond: a current in pA is one.
        let rate = self.rate / 1e9;
        let nanos = maths::ln_1p(rate * above / (self.current.as_picoamperes() as f64 + rate * floor)) / rate;
        if nanos >= (u64::MAX - self.since.as_nanos()) as f64 {
            return None;
        }
        Some(self.first_below(maths::round_to_u64(nanos)))
    }

    /// The instant, near `guess` nanoseconds after the last change, at which what is left first is at the floor.
    fn first_below(&self, guess: u64) -> SimTime {
        let at = |nanos: u64| self.since.saturating_add(Span::from_nanos(nanos));
        let is_below = |nanos: u64| self.remaining(at(nanos)) <= self.floor;
        let (mut low, mut high, mut step) = (guess, guess, 1_u64);
        while low > 0 && is_below(low) {
            (high, low) = (low, low.saturating_sub(step));
            step = step.saturating_mul(2);
        }
        step = 1;
        while !is_below(high) && high < u64::MAX {
            (low, high) = (high, high.saturating_add(step));
            step = step.saturating_mul(2);
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if is_below(middle) { high = middle } else { low = middle }
        }
        at(if is_below(low) { low } else { high })
    }
}

/// x - (1 - e^-x) for x >= 0, without the cancellation that it has for small x: x²/2 - x³/6 + x⁴/24 - ...
pub(super) fn less_than_linear(x: f64) -> f64 {
    if x > 0.25 {
        return x + maths::exp_m1(-x);
    }
    // Each term is less than a twelfth of the one before; sixteen are beyond the last place.
    let (mut sum, mut term) = (0.0, x);
    for n in 2..18 {
        term *= -x / f64::from(n);
        sum -= term;
    }
    sum
}
