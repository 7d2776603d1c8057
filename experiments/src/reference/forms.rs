//! JSON Schemas of what the scenario language itself writes in a form of its own; all other types derive theirs.

use crate::scenario::{AxisValue, FormatVersion, TotalName, Verbatim};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

impl JsonSchema for FormatVersion {
    fn schema_name() -> Cow<'static, str> {
        "FormatVersion".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "integer",
            "description": "The version of the scenario format; only 1 exists.",
            "const": 1,
        })
    }
}

impl JsonSchema for AxisValue {
    fn schema_name() -> Cow<'static, str> {
        "AxisValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A value of an axis: a quantity as a text with its unit, a number without one, or true or false. Quantities are times, rates, sizes, shares, and numbers of packets.",
            "type": ["string", "number", "boolean"],
            "examples": ["2 %", "20 ms", "100 packets", 3, 0.5, true],
        })
    }
}

impl JsonSchema for TotalName {
    fn schema_name() -> Cow<'static, str> {
        "TotalName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The name of what an application counts, as the table `counters` has it.",
            "type": "string",
            "examples": ["timed_out", "payload_bytes"],
        })
    }
}

impl JsonSchema for Verbatim {
    fn schema_name() -> Cow<'static, str> {
        "Verbatim".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Any value. What it means, and whether it may stand there, is found out where it is put.",
        })
    }
}
