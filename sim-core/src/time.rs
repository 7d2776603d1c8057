//! Simulated time: instants and spans as whole nanoseconds.
//!
//! Nothing in the simulator compares or adds floating-point times. A float (a random draw, a
//! congestion window) becomes a [`Span`] through [`Span::from_secs_f64`], the one rounding
//! function for time.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, AddAssign, Mul, Sub};

/// Nanoseconds in one second.
pub const NANOS_PER_SEC: u64 = 1_000_000_000;

/// An instant on the simulation's own clock: nanoseconds since the start of the run.
///
/// 64 bits last for 584 years; arithmetic beyond that panics instead of wrapping.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct SimTime(u64);

/// A length of time in whole nanoseconds; never negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(u64);

/// An instant on one host's own clock, which may run fast or slow against [`SimTime`].
///
/// Machines see only this clock: a type of its own keeps simulated time out of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LocalTime(u64);

impl SimTime {
    /// The start of every run.
    pub const ZERO: Self = Self(0);
    /// Later than any instant that a run can reach; stands for "never".
    pub const MAX: Self = Self(u64::MAX);

    /// The instant `nanos` nanoseconds after the start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start of the run.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the start of the run, for tables and figures only.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SEC as f64
    }

    /// The span from `earlier` to `self`, or zero if `earlier` is the later one.
    pub const fn saturating_since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// `self + span`, held at [`SimTime::MAX`].
    pub const fn saturating_add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The shortest span that is not zero.
    pub const NANOSECOND: Self = Self(1);
    /// The longest span.
    pub const MAX: Self = Self(u64::MAX);

    /// A span of `nanos` nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// A span of `micros` microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros * 1_000)
    }

    /// A span of `millis` milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000_000)
    }

    /// A span of `secs` seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs * NANOS_PER_SEC)
    }

    /// How much per second `amount` in this span is, rounded down; [`u64::MAX`] where that is more than can be said, and for no time
    /// at all.
    #[inline]
    pub const fn rate_of(self, amount: u64) -> u64 {
        if self.0 == 0 {
            return u64::MAX;
        }
        match amount.checked_mul(NANOS_PER_SEC) {
            // A division of 128 bits costs several times as much.
            Some(product) => product / self.0,
            None => {
                let rate = amount as u128 * NANOS_PER_SEC as u128 / self.0 as u128;
                if rate > u64::MAX as u128 { u64::MAX } else { rate as u64 }
            }
        }
    }

    /// The span nearest to `secs` seconds, halves away from zero; negative and NaN give zero, too
    /// large gives [`Span::MAX`]. This is the one place where a float becomes a span.
    pub fn from_secs_f64(secs: f64) -> Self {
        Self(crate::maths::round_to_u64(secs * NANOS_PER_SEC as f64))
    }

    /// Length in nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Length in seconds, for tables, figures and estimators.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SEC as f64
    }

    /// True for a span of no length.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// `self - other`, or zero if `other` is longer.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `self + other`, held at [`Span::MAX`].
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// `self * factor`, held at [`Span::MAX`].
    pub const fn saturating_mul(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }
}

impl LocalTime {
    /// The reading of a host's clock when its count is zero.
    pub const ZERO: Self = Self(0);
    /// Later than any reading; stands for "never".
    pub const MAX: Self = Self(u64::MAX);

    /// A clock reading of `nanos` nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The reading in nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Local time from `earlier` to `self`, or zero if `earlier` is the later one.
    pub const fn saturating_since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// `self + span`, held at [`LocalTime::MAX`].
    pub const fn saturating_add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

macro_rules! checked_operator {
    ($($trait:ident, $method:ident, $checked:ident: $left:ty, $right:ty => $out:ident;)*) => {$(
        impl $trait<$right> for $left {
            type Output = $out;
            #[inline]
            fn $method(self, right: $right) -> $out {
                match self.0.$checked(right.0) {
                    Some(nanos) => $out(nanos),
                    None => panic!(concat!(stringify!($left), " ", stringify!($method), " ", stringify!($right), " leaves the range of 64-bit nanoseconds")),
                }
            }
        }
    )*};
}

checked_operator! {
    Add, add, checked_add: SimTime, Span => SimTime;
    Add, add, checked_add: LocalTime, Span => LocalTime;
    Add, add, checked_add: Span, Span => Span;
    Sub, sub, checked_sub: Span, Span => Span;
    Sub, sub, checked_sub: SimTime, SimTime => Span;
    Sub, sub, checked_sub: LocalTime, LocalTime => Span;
}

impl AddAssign<Span> for SimTime {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl AddAssign for Span {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Mul<u64> for Span {
    type Output = Self;
    fn mul(self, factor: u64) -> Self {
        match self.0.checked_mul(factor) {
            Some(nanos) => Self(nanos),
            None => panic!("Span times {factor} leaves the range of 64-bit nanoseconds"),
        }
    }
}

/// Seconds with nine decimals, as in `5.000000001 s`.
fn fmt_seconds(nanos: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}.{:09} s", nanos / NANOS_PER_SEC, nanos % NANOS_PER_SEC)
}

impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_seconds(self.0, f)
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_seconds(self.0, f)
    }
}

/// The largest unit that needs no decimals: `20 ms`, `1500 us`, `3 ns`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (divisor, unit) = match self.0 {
            n if n % NANOS_PER_SEC == 0 => (NANOS_PER_SEC, "s"),
            n if n % 1_000_000 == 0 => (1_000_000, "ms"),
            n if n % 1_000 == 0 => (1_000, "us"),
            _ => (1, "ns"),
        };
        write!(f, "{} {unit}", self.0 / divisor)
    }
}

macro_rules! debug_as_display {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    )*};
}

debug_as_display!(SimTime, Span, LocalTime);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_print_in_the_largest_whole_unit() {
        assert_eq!(Span::from_millis(20).to_string(), "20 ms");
        assert_eq!(Span::from_micros(1_500).to_string(), "1500 us");
        assert_eq!(Span::from_nanos(3).to_string(), "3 ns");
        assert_eq!(Span::from_secs(2).to_string(), "2 s");
        assert_eq!(SimTime::from_nanos(5_000_000_001).to_string(), "5.000000001 s");
    }

    #[test]
    fn floats_become_spans_by_rounding_to_the_nearest_nanosecond() {
        assert_eq!(Span::from_secs_f64(1.4e-9), Span::from_nanos(1));
        assert_eq!(Span::from_secs_f64(1.5e-9), Span::from_nanos(2));
        assert_eq!(Span::from_secs_f64(-1.0), Span::ZERO);
        assert_eq!(Span::from_secs_f64(f64::NAN), Span::ZERO);
        assert_eq!(Span::from_secs_f64(f64::INFINITY), Span::MAX);
    }

    #[test]
    #[should_panic(expected = "leaves the range")]
    fn an_instant_beyond_the_range_panics_instead_of_wrapping() {
        let _ = SimTime::MAX + Span::NANOSECOND;
    }
}
