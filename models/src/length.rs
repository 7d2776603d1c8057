//! Quantities with units, as texts: what distances on a radio channel, lengths of cables, currents and the like share.

use std::fmt;

/// Why a text is no length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotALength {
    /// It is no decimal number with one of the units.
    Form,
    /// It has more decimals than there are.
    TooFine,
    /// No number is so large.
    TooLong,
}

/// Reads a decimal number with a unit, such as `2.5 km`, in the finest unit. Of each unit `units` says how many decimals of it there
/// are until the finest one.
///
/// # Errors
/// Why it is none.
pub fn parse_length(text: &str, units: &[(&str, usize)]) -> Result<u64, NotALength> {
    let text = text.trim();
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or(NotALength::Form)?;
    let (number, unit) = (&text[..split], text[split..].trim());
    let known = units.iter().find(|(known, _)| *known == unit);
    let decimals = known.ok_or(NotALength::Form)?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || (number.contains('.') && fraction.is_empty()) || fraction.contains('.') {
        return Err(NotALength::Form);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > decimals {
        return Err(NotALength::TooFine);
    }
    format!("{whole}{fraction:0<decimals$}").parse().map_err(|_| NotALength::TooLong)
}

/// Writes what [`parse_length`] reads: in the largest unit of which it is a whole number; nothing in the unit `of_none`.
///
/// # Errors
/// Where it cannot be written.
pub(crate) fn write_length(
    number: u64,
    units: &[(&str, usize)],
    of_none: &str,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let size = |decimals: usize| 10_u64.pow(u32::try_from(decimals).unwrap_or(0));
    let whole = |(_, decimals): &&(&str, usize)| number.is_multiple_of(size(*decimals));
    match units.iter().rev().find(whole) {
        Some((unit, decimals)) if number != 0 => write!(f, "{} {unit}", number / size(*decimals)),
        _ => write!(f, "{number} {of_none}"),
    }
}

/// Reads and writes types as the texts that they are read from and shown as.
macro_rules! serde_as_text {
    ($($name:ident, $expecting:literal;)*) => {$(
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}
pub(crate) use serde_as_text;
