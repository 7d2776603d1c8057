//! JSON Schemas of quantities: a text with a number and a unit, whose units come from the tables that the reader uses.

use super::parse::{Dimension, RATE, RATIO, SIZE, SPAN};
use super::{Rate, Ratio, Size};
use crate::time::Span;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// A decimal number as quantities have it, as a regular expression.
pub const DECIMAL: &str = r"[0-9][0-9_]*(\.[0-9_]+)?";

/// The regular expression of a text that has a number, which `number` matches, and one of `units` behind it.
pub fn pattern<'u>(number: &str, units: impl IntoIterator<Item = &'u str>) -> String {
    let units: Vec<&str> = units.into_iter().collect();
    format!(r"^\s*{number}\s*({})\s*$", units.join("|"))
}

/// The schema of a text with a number and a unit. `what` says what it is, in a sentence.
pub fn with_unit(what: &str, number: &str, units: &[&str], examples: &[&str]) -> Schema {
    let listed = units.join(", ");
    let plural = if units.len() == 1 { "The unit is" } else { "Units are" };
    json_schema!({
        "type": "string",
        "description": format!("{what} {plural} {listed}."),
        "pattern": pattern(number, units.iter().copied()),
        "examples": examples,
    })
}

fn of(dimension: &Dimension, what: &str, examples: &[&str]) -> Schema {
    let units: Vec<&str> = dimension.unit_names().collect();
    with_unit(what, DECIMAL, &units, examples)
}

macro_rules! quantity_schema {
    ($($name:ident, $dimension:ident, $what:literal, $examples:expr;)*) => {$(
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                of(&$dimension, $what, &$examples)
            }
        }
    )*};
}

quantity_schema! {
    Span, SPAN, "A duration: a decimal number with its unit, exact to a nanosecond and at most 100 years.",
        ["20 ms", "1.5 s", "0 s"];
    Rate, RATE, "A data rate: a decimal number with its unit, above zero and exact to one bit per second.",
        ["10 Mbit/s", "250 kbit/s"];
    Size, SIZE, "A number of bytes: a decimal number with its unit; kB, MB and GB are powers of 1000, KiB, MiB and GiB of 1024.",
        ["1500 B", "64 KiB"];
    Ratio, RATIO, "A probability or share from 0 % to 100 %: a decimal number with the sign.", ["1 %", "0.05 %", "0 %"];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_those_that_are_read() {
        let schema = schemars::schema_for!(Rate);
        let description = schema.get("description").and_then(|text| text.as_str()).unwrap();
        assert!(description.ends_with("Units are bit/s, kbit/s, Mbit/s, Gbit/s, Tbit/s."), "{description}");
        for (unit, _) in description.split("Units are ").nth(1).unwrap().split(", ").map(|unit| (unit, ())) {
            assert!(format!("1 {}", unit.trim_end_matches('.')).parse::<Rate>().is_ok(), "{unit}");
        }
    }

    #[test]
    fn examples_are_read() {
        fn all<T: JsonSchema + std::str::FromStr>() {
            let schema = schemars::schema_for!(T);
            for example in schema.get("examples").and_then(|list| list.as_array()).unwrap() {
                assert!(example.as_str().unwrap().parse::<T>().is_ok(), "{example}");
            }
        }
        all::<Span>();
        all::<Rate>();
        all::<Size>();
        all::<Ratio>();
    }
}
