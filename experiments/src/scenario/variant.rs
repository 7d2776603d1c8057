//! Named variants: sets of values that belong together, compared side by side.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The name of the axis that variants act as.
pub(crate) const VARIANT: &str = "variant";

/// One of several forms of the experiment. Variants act as an axis called `variant`, whose values are their names; it varies
/// slowest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VariantSpec {
    /// What it is called in tables and figures.
    pub name: String,
    /// What it changes: a path, and the value that it gets. Default: nothing.
    #[serde(default)]
    pub set: BTreeMap<String, Verbatim>,
}

/// A value of an axis that has a name instead of a number: a set of fields that belong together.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseSpec {
    /// What it is called in tables, figures and conditions.
    pub name: String,
    /// What it changes: a path, and the value that it gets. Default: nothing.
    #[serde(default)]
    pub set: BTreeMap<String, Verbatim>,
}

/// Any value, as canonical text. What it means is found out where it is put.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct Verbatim(pub String);
