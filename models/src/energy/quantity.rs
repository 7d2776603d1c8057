//! Currents, voltages, charges and energies, as whole numbers of units so small that sums are exact.
//!
//! | quantity | unit | because |
//! |---|---|---|
//! | [`Current`] | pA | hibernation is some nanoamperes, and datasheets give no more than three digits |
//! | [`Charge`] | pA ns, 10^-21 C, in 128 bits | a current times a span is a whole number of them, without rounding |
//! | [`Voltage`] | mV | |
//! | [`Energy`] | pA ns mV, 10^-24 J, in 128 bits | a charge times a voltage is a whole number of them |
//!
//! # Range
//! A device draws at most 100 A in all, at no more than 1 kV. In 100 years of 365 days (3.2 × 10^18 ns) that is a charge below
//! 3.2 × 10^32 and an energy below 3.2 × 10^38 units; 128 bits hold 3.4 × 10^38. So nothing overflows within
//! 100 years, and with 100 W, in practice, not in the 584 years that time has.

use crate::length::{NotALength, parse_length, serde_as_text, write_length};
use protosim_core::quantity::schema::{DECIMAL, with_unit};
use protosim_core::{Ratio, SimTime, Span, maths};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::borrow::Cow;
use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

/// A year, where a rate is one per year: 365 days, as elsewhere.
pub const YEAR: Span = Span::from_secs(365 * 86_400);

/// An electric current in picoamperes; at most 100 A, and never negative: nothing here charges a battery.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Current(u64);

/// A voltage in millivolts; at most 1 kV.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Voltage(u64);

/// A resistance in milliohms; at most 1 MOhm.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Resistance(u64);

/// The clock of a processor in hertz; at most 100 GHz.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Frequency(u64);

/// What a battery holds, in nanoampere-hours; at most 1 MAh.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Capacity(u64);

/// The power that a radio sends with, in hundredths of dBm; from -100 dBm to 100 dBm.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RadioPower(i32);

/// An electric charge, in pA ns: 10^-21 C.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Charge(u128);

/// An energy, in pA ns mV: 10^-24 J.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Energy(u128);

impl Current {
    /// No current.
    pub const ZERO: Self = Self(0);
    /// The largest: 100 A.
    pub const MAX: Self = Self(100_000_000_000_000);

    /// A current of `picoamperes`, held at [`Current::MAX`].
    pub const fn from_picoamperes(picoamperes: u64) -> Self {
        if picoamperes > Self::MAX.0 { Self::MAX } else { Self(picoamperes) }
    }

    /// A current of `nanoamperes`, held at [`Current::MAX`].
    pub const fn from_nanoamperes(nanoamperes: u64) -> Self {
        Self::from_picoamperes(nanoamperes.saturating_mul(1_000))
    }

    /// A current of `microamperes`, held at [`Current::MAX`].
    pub const fn from_microamperes(microamperes: u64) -> Self {
        Self::from_picoamperes(microamperes.saturating_mul(1_000_000))
    }

    /// Picoamperes.
    pub const fn as_picoamperes(self) -> u64 {
        self.0
    }

    /// In amperes, for tables, figures and formulas.
    pub fn as_amperes(self) -> f64 {
        self.0 as f64 / 1e12
    }

    /// The charge of this current over `span`, exact.
    pub const fn over(self, span: Span) -> Charge {
        // Below 2^64 times 2^64.
        Charge(self.0 as u128 * span.as_nanos() as u128)
    }

    /// `self + other`, held at [`Current::MAX`].
    pub const fn saturating_add(self, other: Self) -> Self {
        Self::from_picoamperes(self.0.saturating_add(other.0))
    }

    /// `self - other`, or none if `other` is the larger one.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Voltage {
    /// A voltage of `millivolts`, held at 1 kV.
    pub const fn from_millivolts(millivolts: u64) -> Self {
        Self(if millivolts > 1_000_000 { 1_000_000 } else { millivolts })
    }

    /// Millivolts.
    pub const fn as_millivolts(self) -> u64 {
        self.0
    }
}

impl Resistance {
    /// A resistance of `milliohms`, held at 1 MOhm.
    pub const fn from_milliohms(milliohms: u64) -> Self {
        Self(if milliohms > 1_000_000_000 { 1_000_000_000 } else { milliohms })
    }

    /// Milliohms.
    pub const fn as_milliohms(self) -> u64 {
        self.0
    }
}

impl Frequency {
    /// A clock of `hertz`, held at 100 GHz.
    pub const fn from_hertz(hertz: u64) -> Self {
        Self(if hertz > 100_000_000_000 { 100_000_000_000 } else { hertz })
    }

    /// Hertz.
    pub const fn as_hertz(self) -> u64 {
        self.0
    }

    /// How long `cycles` take, to the nearest nanosecond; [`Span::MAX`] without a clock.
    pub fn time_of(self, cycles: u64) -> Span {
        if self.0 == 0 {
            return Span::MAX;
        }
        let rate = u128::from(self.0);
        let nanos = (u128::from(cycles) * 1_000_000_000 + rate / 2) / rate;
        Span::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl Capacity {
    /// A capacity of `milliampere_hours`, held at 1 MAh.
    pub const fn from_milliampere_hours(milliampere_hours: u64) -> Self {
        let nano = milliampere_hours.saturating_mul(1_000_000);
        Self(if nano > 1_000_000_000_000_000 { 1_000_000_000_000_000 } else { nano })
    }

    /// Nanoampere-hours.
    pub const fn as_nanoampere_hours(self) -> u64 {
        self.0
    }

    /// The charge: 1 nAh is 1000 pA for 3600 s.
    pub const fn charge(self) -> Charge {
        Charge(self.0 as u128 * 1_000 * 3_600_000_000_000)
    }
}

impl RadioPower {
    /// A power of `centi` hundredths of dBm, held within 100 dBm either way.
    pub const fn from_centi_dbm(centi: i32) -> Self {
        Self(if centi > 10_000 {
            10_000
        } else if centi < -10_000 {
            -10_000
        } else {
            centi
        })
    }

    /// Hundredths of dBm.
    pub const fn as_centi_dbm(self) -> i32 {
        self.0
    }
}

impl Charge {
    /// None.
    pub const ZERO: Self = Self(0);

    /// A charge of so many pA ns.
    pub const fn from_units(units: u128) -> Self {
        Self(units)
    }

    /// In pA ns: 10^-21 C.
    pub const fn as_units(self) -> u128 {
        self.0
    }

    /// In coulombs, for tables, figures and formulas.
    pub fn as_coulombs(self) -> f64 {
        self.0 as f64 / 1e21
    }

    /// In milliampere-hours, for tables and figures.
    pub fn as_milliampere_hours(self) -> f64 {
        self.as_coulombs() / 3.6
    }

    /// The charge nearest to a float of units; negative ones and NaN give none.
    pub(super) fn from_f64(units: f64) -> Self {
        Self(maths::round_to_u128(units))
    }

    /// `self - other`, or none if `other` is the larger one.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The energy of this charge at `voltage`, exact; held at the largest.
    pub const fn at(self, voltage: Voltage) -> Energy {
        Energy(self.0.saturating_mul(voltage.0 as u128))
    }

    /// A share of this charge, rounded down.
    pub fn share(self, share: Ratio) -> Self {
        let whole = u128::from(Ratio::ONE.as_parts());
        let part = u128::from(share.as_parts());
        // The capacity of a battery is below 10^31 units: the quotient times the whole has 128 bits, and so has the rest.
        Self(self.0 / whole * part + self.0 % whole * part / whole)
    }

    /// The mean current over `span`, to the nearest picoampere; none over no time.
    pub fn mean_over(self, span: Span) -> Current {
        let nanos = u128::from(span.as_nanos());
        if nanos == 0 {
            return Current::ZERO;
        }
        let mean = self.0 / nanos + u128::from(self.0 % nanos >= nanos.div_ceil(2));
        Current::from_picoamperes(u64::try_from(mean).unwrap_or(u64::MAX))
    }

    /// For how long `current` can be drawn from this: the shortest span after which nothing is left. `None` if that is
    /// longer than a span can be.
    pub fn lasts(self, current: Current) -> Option<Span> {
        if self.0 == 0 {
            return Some(Span::ZERO);
        }
        if current.0 == 0 {
            return None;
        }
        u64::try_from(self.0.div_ceil(u128::from(current.0))).ok().map(Span::from_nanos)
    }
}

impl Energy {
    /// None.
    pub const ZERO: Self = Self(0);

    /// In pA ns mV: 10^-24 J.
    pub const fn as_units(self) -> u128 {
        self.0
    }

    /// In joules, for tables, figures and formulas.
    pub fn as_joules(self) -> f64 {
        // 10^24 is no float, but 10^12 is: two divisions are within one unit in the last place.
        self.0 as f64 / 1e12 / 1e12
    }
}

macro_rules! sums {
    ($($name:ident),*) => {$(
        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0.checked_add(other.0).expect(concat!(stringify!($name), "s of more than the documented range")))
            }
        }
        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0.checked_sub(other.0).expect(concat!("a ", stringify!($name), " less a larger one")))
            }
        }
        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }
        impl std::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
                iter.fold(Self(0), Add::add)
            }
        }
    )*};
}

sums!(Charge, Energy);

impl fmt::Debug for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Charge({} pA ns)", self.0)
    }
}

impl fmt::Debug for Energy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Energy({} pA ns mV)", self.0)
    }
}

/// The span from `earlier` to `later`, or none.
pub(super) fn between(earlier: SimTime, later: SimTime) -> Span {
    later.saturating_since(earlier)
}

/// How a quantity is written: what it is called, an example, units from small to large with their decimals until the finest, and
/// the largest that there is, as a number and in words.
struct Dimension {
    what: &'static str,
    example: &'static str,
    units: &'static [(&'static str, usize)],
    finest: &'static str,
    most: u64,
    at_most: &'static str,
}

impl Dimension {
    fn parse(&self, text: &str) -> Result<u64, String> {
        let trimmed = text.trim();
        if let Some(rest) = trimmed.strip_prefix('-') {
            return Err(format!(
                "a {} cannot be negative, as `{text}` is; did you mean \"{}\"?",
                self.what,
                rest.trim()
            ));
        }
        // A micro sign is often at hand, and means one thing only.
        let plain = trimmed.replace(['µ', 'μ'], "u");
        match parse_length(&plain, self.units) {
            Ok(number) if number <= self.most => Ok(number),
            Ok(_) | Err(NotALength::TooLong) => {
                Err(format!("a {} is at most {}, not `{text}`", self.what, self.at_most))
            }
            Err(NotALength::TooFine) => Err(format!("`{text}` is finer than {}", self.finest)),
            Err(NotALength::Form) => {
                let units: Vec<&str> = self.units.iter().map(|(unit, _)| *unit).collect();
                let (what, example, units) = (self.what, self.example, units.join(", "));
                Err(format!("expected a {what} such as \"{example}\", found \"{text}\"; units are {units}"))
            }
        }
    }

    fn display(&self, number: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_length(number, self.units, self.units[0].0, f)
    }
}

static CURRENT: Dimension = Dimension {
    what: "current",
    example: "4.8 mA",
    units: &[("pA", 0), ("nA", 3), ("uA", 6), ("mA", 9), ("A", 12)],
    finest: "one picoampere",
    most: Current::MAX.0,
    at_most: "100 A",
};
static VOLTAGE: Dimension = Dimension {
    what: "voltage",
    example: "3.3 V",
    units: &[("mV", 0), ("V", 3)],
    finest: "one millivolt",
    most: 1_000_000,
    at_most: "1000 V",
};
static RESISTANCE: Dimension = Dimension {
    what: "resistance",
    example: "15 Ohm",
    units: &[("mOhm", 0), ("Ohm", 3), ("kOhm", 6)],
    finest: "one milliohm",
    most: 1_000_000_000,
    at_most: "1000 kOhm",
};
static FREQUENCY: Dimension = Dimension {
    what: "frequency",
    example: "64 MHz",
    units: &[("Hz", 0), ("kHz", 3), ("MHz", 6), ("GHz", 9)],
    finest: "one hertz",
    most: 100_000_000_000,
    at_most: "100 GHz",
};
static CAPACITY: Dimension = Dimension {
    what: "capacity",
    example: "225 mAh",
    units: &[("nAh", 0), ("uAh", 3), ("mAh", 6), ("Ah", 9)],
    finest: "one nanoampere-hour",
    most: 1_000_000_000_000_000,
    at_most: "1000000 Ah",
};

macro_rules! shown {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    )*};
}

shown!(Current, Voltage, Resistance, Frequency, Capacity, RadioPower);

serde_as_text! {
    Current, "a current with a unit, such as \"4.8 mA\"";
    Voltage, "a voltage with a unit, such as \"3.3 V\"";
    Resistance, "a resistance with a unit, such as \"15 Ohm\"";
    Frequency, "a frequency with a unit, such as \"64 MHz\"";
    Capacity, "a capacity with a unit, such as \"225 mAh\"";
    RadioPower, "a power with a unit, such as \"14 dBm\"";
}

macro_rules! by_dimension {
    ($($name:ident, $dimension:ident, $about:literal, $examples:expr;)*) => {$(
        impl FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                $dimension.parse(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $dimension.display(self.0, f)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let units: Vec<&str> = $dimension.units.iter().map(|(unit, _)| *unit).collect();
                with_unit($about, DECIMAL, &units, &$examples)
            }
        }
    )*};
}

by_dimension! {
    Current, CURRENT, "A current: a decimal number with its unit, exact to a picoampere and at most 100 A.", ["4.8 mA", "1.3 uA"];
    Voltage, VOLTAGE, "A voltage: a decimal number with its unit, exact to a millivolt and at most 1000 V.", ["3.3 V"];
    Resistance, RESISTANCE, "A resistance: a decimal number with its unit, exact to a milliohm and at most 1000 kOhm.", ["15 Ohm"];
    Frequency, FREQUENCY, "A frequency: a decimal number with its unit, exact to a hertz and at most 100 GHz.", ["64 MHz"];
    Capacity, CAPACITY, "What a battery holds: a decimal number with its unit, exact to a nanoampere-hour.", ["225 mAh", "2.4 Ah"];
}

impl FromStr for RadioPower {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        let (sign, size) = trimmed.strip_prefix('-').map_or((1, trimmed), |size| (-1, size));
        match parse_length(size, &[("dBm", 2)]).map(i32::try_from) {
            Ok(Ok(centi)) if centi <= 10_000 => Ok(Self(sign * centi)),
            Ok(_) | Err(NotALength::TooLong) => Err(format!("a power is at most 100 dBm either way, not `{text}`")),
            Err(NotALength::TooFine) => Err(format!("`{text}` is finer than 0.01 dBm")),
            Err(NotALength::Form) => Err(format!("expected a power such as \"14 dBm\", found \"{text}\"")),
        }
    }
}

impl fmt::Display for RadioPower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, size) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        match size % 100 {
            0 => write!(f, "{sign}{} dBm", size / 100),
            rest if rest % 10 == 0 => write!(f, "{sign}{}.{} dBm", size / 100, rest / 10),
            rest => write!(f, "{sign}{}.{rest:02} dBm", size / 100),
        }
    }
}

impl JsonSchema for RadioPower {
    fn schema_name() -> Cow<'static, str> {
        "RadioPower".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let about = "The power that a radio sends with: a decimal number with its unit, from -100 dBm to 100 dBm.";
        with_unit(about, r"-?[0-9]+(\.[0-9]+)?", &["dBm"], &["14 dBm", "-20 dBm"])
    }
}
