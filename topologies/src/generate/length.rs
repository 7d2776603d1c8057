//! Lengths with units.

use protosim_models::length::{NotALength, parse_length};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// A length in whole metres, above zero and at most 100,000 km: `"500 m"`, `"1000 km"`, `"2.5 km"`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Length(u64);

const MOST_METRES: u64 = 100_000_000;

impl Length {
    /// Metres.
    pub fn as_metres(self) -> u64 {
        self.0
    }
}

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match parse_length(text, &[("m", 0), ("km", 3)]) {
            Ok(0) => Err(format!("a length must be above zero, not `{text}`")),
            Ok(metres) if metres <= MOST_METRES => Ok(Self(metres)),
            Ok(_) | Err(NotALength::TooLong) => Err(format!("a length is at most 100000 km, not `{text}`")),
            Err(NotALength::TooFine) => Err(format!("`{text}` is finer than one metre")),
            Err(NotALength::Form) => {
                Err(format!("expected a length with a unit, such as \"500 m\" or \"1000 km\", found \"{text}\""))
            }
        }
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1000) { write!(f, "{} km", self.0 / 1000) } else { write!(f, "{} m", self.0) }
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Length;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length with a unit, such as \"1000 km\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Length, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

impl Serialize for Length {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
