//! A host's own clock: it may start at another reading and run fast or slow.

use protosim_core::{LocalTime, SimTime, Span};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// How much faster than true time a clock runs, in parts per billion; negative if it runs slow. Held to
/// 10 % either way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Drift(i64);

const BILLION: i128 = 1_000_000_000;
const MOST: i64 = 100_000_000;

impl Drift {
    /// A drift of `ppb` parts per billion, or `None` beyond 10 % either way.
    pub const fn from_ppb(ppb: i64) -> Option<Self> {
        if ppb > MOST || ppb < -MOST { None } else { Some(Self(ppb)) }
    }

    /// Parts per billion.
    pub const fn as_ppb(self) -> i64 {
        self.0
    }
}

impl FromStr for Drift {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("expected a clock drift such as \"20 ppm\" or \"-300 ppb\", found \"{text}\"");
        let trimmed = text.trim();
        let (number, unit) = match (trimmed.strip_suffix("ppm"), trimmed.strip_suffix("ppb")) {
            (Some(number), _) => (number.trim(), 1_000),
            (_, Some(number)) => (number.trim(), 1),
            _ => return Err(expected()),
        };
        let ppb = number.parse::<i64>().ok().and_then(|n| n.checked_mul(unit)).ok_or_else(expected)?;
        Self::from_ppb(ppb).ok_or_else(|| format!("a clock drift is at most 100000 ppm either way, not {text}"))
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 % 1_000 == 0 { write!(f, "{} ppm", self.0 / 1_000) } else { write!(f, "{} ppb", self.0) }
    }
}

impl<'de> Deserialize<'de> for Drift {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Drift;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a clock drift such as \"20 ppm\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Drift, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

impl Serialize for Drift {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A host's clock: reading = offset + true time × (1 + drift), rounded down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Clock {
    offset: Span,
    drift: Drift,
}

impl Clock {
    /// A clock that reads `offset` at the start of the run.
    pub const fn new(offset: Span, drift: Drift) -> Self {
        Self { offset, drift }
    }

    /// What it reads at `at`.
    pub fn reading(&self, at: SimTime) -> LocalTime {
        if self.drift.0 == 0 {
            return LocalTime::from_nanos(at.as_nanos().saturating_add(self.offset.as_nanos()));
        }
        let true_nanos = i128::from(at.as_nanos());
        let local = i128::from(self.offset.as_nanos())
            + true_nanos
            + (true_nanos * i128::from(self.drift.0)).div_euclid(BILLION);
        LocalTime::from_nanos(u64::try_from(local).unwrap_or(u64::MAX))
    }

    /// The first instant at which it reads `reading` or more; [`SimTime::MAX`] for readings it does not live
    /// to see.
    pub fn instant(&self, reading: LocalTime) -> SimTime {
        if self.drift.0 == 0 && reading != LocalTime::MAX {
            return SimTime::from_nanos(reading.as_nanos().saturating_sub(self.offset.as_nanos()));
        }
        let wanted = i128::from(reading.as_nanos()) - i128::from(self.offset.as_nanos());
        if wanted <= 0 {
            return SimTime::ZERO;
        }
        // floor(t * (10^9 + ppb) / 10^9) >= wanted holds from t = ceil(wanted * 10^9 / (10^9 + ppb)) on.
        let speed = BILLION + i128::from(self.drift.0);
        let instant = (wanted * BILLION + speed - 1) / speed;
        u64::try_from(instant).map_or(SimTime::MAX, SimTime::from_nanos)
    }
}
