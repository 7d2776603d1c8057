//! Axes, their values, and the points that they span.

use super::range::{Refusal, Share};
use super::{CaseSpec, RangeSpec, Scenario};
use crate::tree::{Kind, Node};
use protosim_core::{Rate, Ratio, Size, Span};
use protosim_models::link::QueueLimit;
use protosim_models::medium::Coordinate;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// Something to vary: one or more fields, over one of `values`, `range` and `log_range`; or what each of its `cases` sets.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AxisSpec {
    /// What it is called in tables, figures and formulas.
    pub name: String,
    /// The field to vary: `links.radio.loss`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Instead of `path`: several fields, which all get the same value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// The values to give it, all of one kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<AxisValue>,
    /// Instead of `values`: at equal distances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<RangeSpec>,
    /// Instead of `values`: at equal ratios.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_range: Option<RangeSpec>,
    /// Instead of a path and values: named forms of a part of the experiment, each of which sets fields of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<CaseSpec>,
    /// Which of its cases make points, by name and in this order. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// Axes with the same word here advance together: the first values of all make a point, the second ones the next. Default:
    /// each value meets all values of all other axes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zip: Option<String>,
}

/// A value of an axis: a quantity or a number.
#[derive(Clone, PartialEq, Debug)]
pub enum AxisValue {
    /// A text: a quantity with its unit.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A number with decimals.
    Float(f64),
    /// A switch; 0 or 1 in tables and formulas.
    Bool(bool),
    /// One of an axis' cases; in scenarios it is its name.
    Case {
        /// Its number among the cases as they are written, from 0.
        index: usize,
        /// Its name.
        name: String,
    },
}

/// What kind of quantity an axis is of: decides units of columns and labels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dimension {
    /// A share; 0 to 1 in tables and formulas, percent in figures.
    Ratio,
    /// A time; seconds.
    Time,
    /// A rate; bit/s.
    Rate,
    /// A size; bytes.
    Size,
    /// So many packets.
    Packets,
    /// A distance or a coordinate; metres.
    Length,
    /// A plain number.
    Number,
}

/// One combination of values, with the scenario that it makes.
#[derive(Clone, Debug)]
pub struct Point {
    /// The value of each axis, in the order of axes: as a number in the unit of tables, of a case its number from 0.
    pub values: Vec<f64>,
    /// The name of its variant, if the scenario has variants.
    pub variant: Option<String>,
    /// The scenario with these values in place.
    pub scenario: Scenario,
}

impl AxisValue {
    /// The value as a number in the unit of tables, and its kind; `None` for a text that is no quantity.
    pub fn number(&self) -> Option<(f64, Dimension)> {
        match self {
            Self::Int(n) => Some((*n as f64, Dimension::Number)),
            Self::Float(x) => Some((*x, Dimension::Number)),
            Self::Bool(on) => Some((f64::from(u8::from(*on)), Dimension::Number)),
            Self::Case { index, .. } => Some((*index as f64, Dimension::Number)),
            Self::Text(text) => {
                let ratio = text.parse::<Ratio>().ok().map(|ratio| (ratio.as_f64(), Dimension::Ratio));
                let time = || text.parse::<Span>().ok().map(|span| (span.as_secs_f64(), Dimension::Time));
                let rate = || text.parse::<Rate>().ok().map(|rate| (rate.as_bits_per_sec() as f64, Dimension::Rate));
                let size = || text.parse::<Size>().ok().map(|size| (size.as_bytes() as f64, Dimension::Size));
                let packets = || match text.parse::<QueueLimit>().ok()? {
                    QueueLimit::Packets(n) => Some((n as f64, Dimension::Packets)),
                    QueueLimit::Bytes(_) => None,
                };
                let length = || {
                    let millimetres = text.parse::<Coordinate>().ok()?.as_millimetres();
                    Some((millimetres as f64 / 1000.0, Dimension::Length))
                };
                ratio.or_else(time).or_else(rate).or_else(size).or_else(packets).or_else(length)
            }
        }
    }

    /// The value as it is written, without quotes.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) | Self::Case { name: text, .. } => text.clone(),
            Self::Int(n) => n.to_string(),
            Self::Float(x) => format!("{x:?}"),
            Self::Bool(on) => on.to_string(),
        }
    }

    /// The value as it stands in a tree, written at `span`.
    pub(super) fn node(&self, span: crate::tree::Span) -> Node {
        let kind = match self {
            Self::Text(text) | Self::Case { name: text, .. } => Kind::Str(text.clone()),
            Self::Int(n) => Kind::Int(i128::from(*n)),
            Self::Float(x) => Kind::Float(*x),
            Self::Bool(on) => Kind::Bool(*on),
        };
        Node::new(span, kind)
    }
}

impl Dimension {
    /// The end of a column's name in tables.
    pub const fn column_suffix(self) -> &'static str {
        match self {
            Self::Ratio | Self::Number | Self::Packets => "",
            Self::Time => "_s",
            Self::Rate => "_bit_per_s",
            Self::Size => "_bytes",
            Self::Length => "_m",
        }
    }

    /// The unit on figures, and how many of it make one of the tables' unit.
    pub const fn figure_unit(self) -> (&'static str, f64) {
        match self {
            Self::Ratio => ("%", 100.0),
            Self::Number => ("", 1.0),
            Self::Packets => ("packets", 1.0),
            Self::Time => ("s", 1.0),
            Self::Rate => ("bit/s", 1.0),
            Self::Size => ("B", 1.0),
            Self::Length => ("m", 1.0),
        }
    }
}

impl AxisSpec {
    /// The fields that it varies.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.path.iter().chain(&self.paths).map(String::as_str)
    }

    /// All its values, those of ranges written out; none where a range makes no sense, which the scenario's checks refuse.
    pub fn all_values(&self) -> Vec<AxisValue> {
        let ranges = self.range.iter().map(RangeSpec::linear).chain(self.log_range.iter().map(RangeSpec::logarithmic));
        let values = self.values.iter().cloned().chain(ranges.flat_map(Result::unwrap_or_default));
        values.chain(self.chosen_cases()).collect()
    }

    /// True if its values are cases: they have names, and are no numbers to compute with.
    pub fn has_cases(&self) -> bool {
        !self.cases.is_empty()
    }

    /// The cases that make points; names of `only` that are none are left out, and refused by checks.
    fn chosen_cases(&self) -> impl Iterator<Item = AxisValue> {
        let case = |(index, case): (usize, &CaseSpec)| AxisValue::Case { index, name: case.name.clone() };
        let all = self.cases.iter().enumerate().map(case).filter(|_| self.only.is_empty());
        let named = |name: &String| {
            let index = self.cases.iter().position(|case| case.name == *name)?;
            Some(AxisValue::Case { index, name: name.clone() })
        };
        all.chain(self.only.iter().filter_map(named))
    }

    /// The name of the case that a value of it stands for, if it has cases.
    pub fn case_name(&self, value: f64) -> Option<&str> {
        let case = self.cases.iter().enumerate().find(|(index, _)| *index as f64 == value)?.1;
        Some(&case.name)
    }

    /// Whether it has a range that does not say how many values.
    pub(super) fn is_open(&self) -> bool {
        self.values.is_empty() && self.ranges().next().is_some_and(|range| range.steps.is_none())
    }

    fn ranges(&self) -> impl Iterator<Item = &RangeSpec> {
        self.range.iter().chain(&self.log_range)
    }

    /// A value for each share of its range.
    pub(super) fn values_at(&self, shares: &[Share]) -> Result<Vec<AxisValue>, Refusal> {
        let linear = self.range.as_ref().map(|range| range.linear_at(shares));
        let logarithmic = || self.log_range.as_ref().map(|range| range.logarithmic_at(shares));
        linear.or_else(logarithmic).unwrap_or_else(|| Ok(Vec::new()))
    }

    /// The kind of its values; numbers while it has none.
    pub fn dimension(&self) -> Dimension {
        let ends = self.ranges().map(|range| &range.from);
        let kind = self.values.iter().chain(ends).find_map(AxisValue::number);
        kind.map_or(Dimension::Number, |(_, dimension)| dimension)
    }

    /// The name of its column in tables.
    pub fn column(&self) -> String {
        format!("{}{}", self.name, self.dimension().column_suffix())
    }
}

/// Why a text is no value: what is wrong with the quantity that its unit makes it, if it has one.
fn why_not(text: &str) -> String {
    if text.trim().parse::<f64>().is_ok() {
        return format!(
            "\"{text}\" has no unit; write `{text}` without quotes for a number, or \"{text} ms\" and the like"
        );
    }
    let errors = [
        text.parse::<Ratio>().err().map(|error| error.to_string()),
        text.parse::<Span>().err().map(|error| error.to_string()),
        text.parse::<Rate>().err().map(|error| error.to_string()),
        text.parse::<Size>().err().map(|error| error.to_string()),
    ];
    // Those of another kind say that the unit is not theirs, and have no other spelling of it to offer.
    let is_of_kind = |error: &String| {
        error.contains("did you mean") || !(error.contains("not a unit") || error.contains("expected "))
    };
    let of_kind = errors.into_iter().flatten().find(is_of_kind);
    of_kind.unwrap_or_else(|| format!("\"{text}\" is neither a quantity with a unit nor a number"))
}

impl<'de> Deserialize<'de> for AxisValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = AxisValue;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quantity such as \"2 %\", a number, or true or false")
            }
            fn visit_bool<E: de::Error>(self, on: bool) -> Result<AxisValue, E> {
                Ok(AxisValue::Bool(on))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<AxisValue, E> {
                let value = AxisValue::Text(text.to_owned());
                let refusal = || E::custom(why_not(text));
                value.number().is_some().then_some(value).ok_or_else(refusal)
            }
            fn visit_i64<E: de::Error>(self, n: i64) -> Result<AxisValue, E> {
                Ok(AxisValue::Int(n))
            }
            fn visit_u64<E: de::Error>(self, n: u64) -> Result<AxisValue, E> {
                i64::try_from(n).map(AxisValue::Int).map_err(|_| E::custom(format!("{n} is too large")))
            }
            fn visit_f64<E: de::Error>(self, x: f64) -> Result<AxisValue, E> {
                Ok(AxisValue::Float(x))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Serialize for AxisValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) | Self::Case { name: text, .. } => serializer.serialize_str(text),
            Self::Int(n) => serializer.serialize_i64(*n),
            Self::Float(x) => serializer.serialize_f64(*x),
            Self::Bool(on) => serializer.serialize_bool(*on),
        }
    }
}
