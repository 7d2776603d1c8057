//! JSON Schemas of what networks write in a form of their own; all other types derive theirs.

use crate::generate::Length;
use protosim_core::quantity::schema::with_unit;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::borrow::Cow;

impl JsonSchema for Length {
    fn schema_name() -> Cow<'static, str> {
        "Length".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let what = "A length above zero and at most 100000 km: a decimal number with its unit, exact to a metre.";
        with_unit(what, r"[0-9]+(\.[0-9]+)?", &["m", "km"], &["500 m", "2.5 km"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_read() {
        let schema = schemars::schema_for!(Length);
        for example in schema.get("examples").and_then(|list| list.as_array()).unwrap() {
            assert!(example.as_str().unwrap().parse::<Length>().is_ok(), "{example}");
        }
    }
}
