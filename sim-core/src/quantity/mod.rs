//! Quantities with units: rates, sizes, ratios, and spans as people write them.
//!
//! In a scenario a quantity is a string with its unit: `"10 Mbit/s"`, `"20 ms"`, `"1 %"`,
//! `"64 KiB"`. The number is read as an exact decimal, never through a float, so that `"0.1 %"`
//! is the same threshold everywhere. A number without a unit is refused, with an example.

mod parse;
pub mod schema;

pub use parse::{Dimension, QuantityError};

use crate::maths;
use crate::time::{NANOS_PER_SEC, Span};
use parse::{RATE, RATIO, SIZE, SPAN};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// A data rate in bits per second; at least 1 bit/s.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u64);

/// A number of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Size(u64);

/// A probability or share between 0 and 1, as an exact decimal with 18 places.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ratio(u64);

impl Rate {
    /// A rate of `bits` bits per second, or `None` for zero: nothing would ever be sent.
    pub const fn from_bits_per_sec(bits: u64) -> Option<Self> {
        if bits == 0 { None } else { Some(Self(bits)) }
    }

    /// Bits per second.
    pub const fn as_bits_per_sec(self) -> u64 {
        self.0
    }

    /// Time to serialise `bytes` after `carry`, and the carry that is left, both in units of
    /// 1/rate nanoseconds: departures of a busy period add up to the exact total, rounded up once
    /// and not per packet, so that 54 bytes at 10 Gbit/s do not cost 44 ns each.
    ///
    /// The carry is what the previous packet's departure was rounded up by.
    #[inline]
    pub fn serialise(self, bytes: u64, carry: u64) -> (Span, u64) {
        // Nearly always 64 bits are enough, and their division is several times as fast.
        if let Some(exact) = bytes.checked_mul(8 * NANOS_PER_SEC)
            && self.0 <= 1 << 62
            && carry < self.0
            && exact >= carry
        {
            let nanos = (exact - carry).div_ceil(self.0);
            // nanos * rate is below exact - carry + rate, so it fits wherever exact + rate does.
            if let Some(left) = nanos.checked_mul(self.0) {
                return (Span::from_nanos(nanos), left - (exact - carry));
            }
        }
        let rate = u128::from(self.0);
        let exact = u128::from(bytes) * 8 * u128::from(NANOS_PER_SEC);
        let carry = u128::from(carry);
        let nanos = exact.saturating_sub(carry).div_ceil(rate);
        // Below `rate`, hence below 2^64, whenever `carry` was.
        let left = nanos * rate + carry - exact;
        (Span::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)), u64::try_from(left).unwrap_or(0))
    }
}

impl Size {
    /// A size of `bytes` bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Bytes.
    pub const fn as_bytes(self) -> u64 {
        self.0
    }
}

impl Ratio {
    /// Never.
    pub const ZERO: Self = Self(0);
    /// Always.
    pub const ONE: Self = Self(Self::PARTS);
    const PARTS: u64 = 1_000_000_000_000_000_000;

    /// `percent` hundredths, at most 100.
    ///
    /// # Panics
    /// Above 100.
    pub const fn from_percent(percent: u64) -> Self {
        assert!(percent <= 100, "a ratio is at most 100 %");
        Self(percent * (Self::PARTS / 100))
    }

    /// The nearest ratio to `share`; what is outside 0 to 1 is held to it, and NaN gives 0.
    pub fn from_f64(share: f64) -> Self {
        Self(maths::round_to_u64(share * Self::PARTS as f64).min(Self::PARTS))
    }

    /// In parts of 10^18, of which a whole has 10^18; `None` above that.
    pub const fn from_parts(parts: u64) -> Option<Self> {
        if parts <= Self::PARTS { Some(Self(parts)) } else { None }
    }

    /// In parts of 10^18.
    pub const fn as_parts(self) -> u64 {
        self.0
    }

    /// As a float between 0 and 1, for tables, figures and formulas.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / Self::PARTS as f64
    }

    /// True if the draw `luck`, uniform over 64 bits, lies under this probability. Monotone: what a
    /// ratio covers, every larger ratio covers too. 0 covers nothing and 1 everything.
    #[inline]
    pub fn covers(self, luck: u64) -> bool {
        // luck / 2^64 < parts / 10^18, in integers.
        u128::from(luck) * u128::from(Self::PARTS) < u128::from(self.0) << 64
    }

    /// True for [`Ratio::ZERO`]: no draw is needed.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl Span {
    /// The longest duration that is read from text: 100 years of 365 days.
    pub const LONGEST_WRITTEN: Self = Self::from_secs(100 * 365 * 86_400);
}

impl FromStr for Span {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let span = parse::integer(text, &SPAN).map(Self::from_nanos)?;
        // A clock ends after 584 years; what is nearer to that than to any experiment is a slip.
        if span > Self::LONGEST_WRITTEN {
            return Err(QuantityError::new(format!("`{text}` is longer than 100 years"), None));
        }
        Ok(span)
    }
}

impl FromStr for Rate {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let bits = parse::integer(text, &RATE)?;
        Self::from_bits_per_sec(bits).ok_or_else(|| QuantityError::zero(text, &RATE))
    }
}

impl FromStr for Size {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        parse::integer(text, &SIZE).map(Self)
    }
}

impl FromStr for Ratio {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let parts = parse::integer(text, &RATIO)?;
        if parts > Self::PARTS {
            return Err(QuantityError::above(text, &RATIO, "100 %"));
        }
        Ok(Self(parts))
    }
}

/// The largest unit that needs no decimals: `250 kbit/s`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        parse::display(self.0, &RATE, f)
    }
}

/// The largest unit that needs no decimals: `64 KiB`, `1500 B`.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        parse::display(self.0, &SIZE, f)
    }
}

/// In percent, with as many decimals as it has: `0.1 %`.
impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one_percent = Self::PARTS / 100;
        let (whole, rest) = (self.0 / one_percent, self.0 % one_percent);
        if rest == 0 {
            return write!(f, "{whole} %");
        }
        let decimals = format!("{rest:016}");
        write!(f, "{whole}.{} %", decimals.trim_end_matches('0'))
    }
}

// As texts with units where people read them, and as they are counted elsewhere: in records of runs.
macro_rules! quantity_serde {
    ($($name:ident, $dimension:ident, $count:ident, $made_of:expr;)*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($dimension.expecting)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                    fn visit_i64<E: de::Error>(self, n: i64) -> Result<$name, E> {
                        Err(E::custom(QuantityError::bare_number(&n.to_string(), &$dimension)))
                    }
                    fn visit_u64<E: de::Error>(self, n: u64) -> Result<$name, E> {
                        Err(E::custom(QuantityError::bare_number(&n.to_string(), &$dimension)))
                    }
                    fn visit_f64<E: de::Error>(self, x: f64) -> Result<$name, E> {
                        Err(E::custom(QuantityError::bare_number(&x.to_string(), &$dimension)))
                    }
                }
                if deserializer.is_human_readable() {
                    return deserializer.deserialize_str(Visitor);
                }
                let count = u64::deserialize(deserializer)?;
                $made_of(count).ok_or_else(|| de::Error::custom(concat!("out of range for a ", stringify!($name))))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    return serializer.collect_str(self);
                }
                self.$count().serialize(serializer)
            }
        }
    )*};
}

quantity_serde! {
    Span, SPAN, as_nanos, |count| Some(Span::from_nanos(count));
    Rate, RATE, as_bits_per_sec, Rate::from_bits_per_sec;
    Size, SIZE, as_bytes, |count| Some(Size::from_bytes(count));
    Ratio, RATIO, as_parts, Ratio::from_parts;
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

debug_as_display!(Rate, Size, Ratio);

#[cfg(test)]
mod tests;
