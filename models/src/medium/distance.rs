//! Distances and places, in whole millimetres, so that what is in range is decided in integers.

use crate::length::{NotALength, parse_length, serde_as_text, write_length};
use std::fmt;
use std::str::FromStr;

/// No distance and no coordinate is longer \[mm\]: 1000 km, beyond which the earth is not flat.
const LONGEST: i64 = 1_000_000_000;

/// How far a radio reaches: `"30 m"`, `"2.5 km"`, `"40 cm"`, `"5 mm"`; above zero and at most 1000 km.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Distance(i64);

/// A coordinate of a place, as a [`Distance`], but zero and negative ones too: `"-30 m"`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Coordinate(i64);

/// A place on a plane: east and north of an origin.
pub type Place = (Coordinate, Coordinate);

impl Distance {
    /// Millimetres.
    pub const fn as_millimetres(self) -> u64 {
        self.0.unsigned_abs()
    }

    /// True if two places are no further apart than this. Squares of whole millimetres are compared: no root is taken.
    pub fn covers(self, a: Place, b: Place) -> bool {
        let square = |x: i64| i128::from(x) * i128::from(x);
        square(a.0.0 - b.0.0) + square(a.1.0 - b.1.0) <= square(self.0)
    }
}

impl Coordinate {
    /// Millimetres.
    pub const fn as_millimetres(self) -> i64 {
        self.0
    }
}

/// Units, and how many decimals of each there are until the millimetre.
const UNITS: [(&str, usize); 4] = [("mm", 0), ("cm", 1), ("m", 3), ("km", 6)];

/// Reads millimetres.
fn parse(text: &str, example: &str) -> Result<i64, String> {
    let trimmed = text.trim();
    let (sign, size) = trimmed.strip_prefix('-').map_or((1, trimmed), |size| (-1, size));
    match parse_length(size, &UNITS).map(i64::try_from) {
        Ok(Ok(size)) if size <= LONGEST => Ok(sign * size),
        Ok(_) | Err(NotALength::TooLong) => Err(format!("a length is at most 1000 km, not `{text}`")),
        Err(NotALength::TooFine) => Err(format!("`{text}` is finer than one millimetre")),
        Err(NotALength::Form) => Err(format!("expected a length with a unit, such as {example}, found \"{text}\"")),
    }
}

fn display(millimetres: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(if millimetres < 0 { "-" } else { "" })?;
    write_length(millimetres.unsigned_abs(), &UNITS, "m", f)
}

impl FromStr for Distance {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match parse(text, "\"30 m\"")? {
            millimetres if millimetres > 0 => Ok(Self(millimetres)),
            _ => Err(format!("a range must be above zero, not `{text}`")),
        }
    }
}

impl FromStr for Coordinate {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        parse(text, "\"30 m\" or \"-5 m\"").map(Self)
    }
}

impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(self.0, f)
    }
}

impl fmt::Display for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(self.0, f)
    }
}

serde_as_text! {
    Distance, "a length with a unit, such as \"30 m\"";
    Coordinate, "a length with a unit, such as \"30 m\" or \"-5 m\"";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_units_and_whole_millimetres() {
        let read = |text: &str| text.parse::<Coordinate>().map(Coordinate::as_millimetres);
        assert_eq!(
            ["0 m", "-5 m", "2.5 km", "40 cm", "7mm", "0.25 m"].map(read),
            [Ok(0), Ok(-5000), Ok(2_500_000), Ok(400), Ok(7), Ok(250)]
        );
        for wrong in ["5", "m", "5 ft", "1.2.3 m", "5. m", "0.0001 m", "1001 km", "--5 m", "99999999999999999999 m"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(["0 m", "-5 m"].iter().all(|text| text.parse::<Distance>().is_err()));
        for text in ["0 m", "-5 m", "25 cm", "3 mm", "1 km", "1500 m"] {
            assert_eq!(text.parse::<Coordinate>().unwrap().to_string(), text);
        }
    }

    /// 3-4-5: at the very range a station is in range, a millimetre further it is not.
    #[test]
    fn range_is_exact() {
        let at = |x: &str, y: &str| (x.parse().unwrap(), y.parse().unwrap());
        let range: Distance = "5 m".parse().unwrap();
        assert!(range.covers(at("0 m", "0 m"), at("3 m", "-4 m")));
        assert!(!range.covers(at("0 m", "0 m"), at("3 m", "4.001 m")));
        assert!("1000 km".parse::<Distance>().unwrap().covers(at("-500 km", "0 m"), at("500 km", "0 m")));
    }
}
