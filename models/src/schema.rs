//! JSON Schemas of what scenarios write in a form of their own: texts with units, and numbers within bounds.
//!
//! A new type of that kind gets its schema here; all others derive it.

use crate::coap::config::Factor;
use crate::device::Drift;
use crate::link::{Mtu, QueueLimit, impair::Milli};
use crate::medium::{Attenuation, Coordinate, Distance};
use crate::nat::Nat64Prefix;
use crate::queue::Gain;
use protosim_core::Size;
use protosim_core::quantity::schema::{DECIMAL, pattern, with_unit};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// Gives a type a schema with a name.
macro_rules! schema {
    ($($name:ident, $generator:ident => $schema:expr;)*) => {$(
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )*};
}

schema! {
    Mtu, generator => {
        let size = generator.subschema_for::<Size>();
        json_schema!({
            "description": "The largest IP packet of a link: a size from 68 B (RFC 791) to 65535 B.",
            "allOf": [size],
            "examples": ["1500 B", "1280 B"],
        })
    };
    QueueLimit, generator => {
        let size = generator.subschema_for::<Size>();
        let packets = json_schema!({ "type": "string", "pattern": pattern("[0-9]+", ["packets", "packet"]) });
        json_schema!({
            "description": "How much may wait, the packet in service not counted: so many packets, or a size in bytes of IP packets.",
            "anyOf": [packets, size],
            "examples": ["100 packets", "64 KiB"],
        })
    };
    Gain, _generator => with_unit(
        "A controller's gain, from 0 to 1000000 Hz and exact to a millionth: probability for each second of delay.",
        DECIMAL, &["Hz"], &["0.125 Hz"]);
    Drift, _generator => with_unit(
        "How much faster than true time a clock runs, negative if it runs slow: a whole number, at most 100000 ppm either way.",
        "[+-]?[0-9]+", &["ppm", "ppb"], &["20 ppm", "-300 ppb"]);
    Milli, _generator => json_schema!({
        "type": "number",
        "description": "A number from 0 to 1000000 without a unit, taken in thousandths.",
        "minimum": 0, "maximum": 1_000_000, "examples": [2.5],
    });
    Attenuation, _generator => with_unit(
        "A loss of power on the way, exact to a hundredth and at most 300 dB.", DECIMAL, &["dB"], &["127.41 dB"]);
    Factor, _generator => json_schema!({
        "type": "number",
        "description": "A factor from 1 to 1000 without a unit, with at most six decimals.",
        "minimum": 1, "maximum": 1000, "examples": [1.5],
    });

    Distance, _generator => with_unit(
        "A distance above zero and at most 1000 km: a decimal number with its unit, exact to a millimetre.",
        r"[0-9]+(\.[0-9]+)?", &["mm", "cm", "m", "km"], &["30 m", "2.5 km"],
    );

    Coordinate, _generator => with_unit(
        "A coordinate of at most 1000 km to either side: a decimal number with its unit, exact to a millimetre.",
        r"-?[0-9]+(\.[0-9]+)?", &["mm", "cm", "m", "km"], &["30 m", "-5 m"],
    );

    Nat64Prefix, _generator => json_schema!({
        "type": "string",
        "description": "The prefix by which a NAT64 shows IPv4 addresses: an IPv6 address, a slash and 32, 40, 48, 56, 64 or 96 (RFC 6052).",
        "pattern": "^[0-9a-fA-F:.]+/(32|40|48|56|64|96)$",
        "examples": ["64:ff9b::/96", "2001:db8:64::/48"],
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the schemas offer as examples is read.
    #[test]
    fn examples_are_read() {
        fn all<T: JsonSchema + for<'de> serde::Deserialize<'de>>() {
            let schema = schemars::schema_for!(T);
            let examples = schema.get("examples").and_then(|list| list.as_array()).unwrap();
            assert!(!examples.is_empty());
            for example in examples {
                assert!(serde_json::from_value::<T>(example.clone()).is_ok(), "{example}");
            }
        }
        all::<Mtu>();
        all::<QueueLimit>();
        all::<Gain>();
        all::<Drift>();
        all::<Milli>();
        all::<Factor>();
        all::<Distance>();
        all::<Coordinate>();
        all::<Nat64Prefix>();
    }
}
