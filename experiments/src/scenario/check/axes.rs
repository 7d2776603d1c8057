//! Axes: their names, what they vary, and with which values.

use super::span_of;
use crate::scenario::{AxisSpec, AxisValue, Scenario};
use crate::tree::{Diagnostic, Diagnostics, Path, Span, Tree};
use protosim_reports::formula::Formula;
use std::collections::BTreeMap;

/// Columns of the tables that are not of axes.
const RESERVED: [&str; 22] = [
    "point",
    "replication",
    "app",
    "metric",
    "unit",
    "n",
    "value",
    "low",
    "high",
    "confidence",
    "exact",
    "exchange",
    "started_s",
    "delivered_after_s",
    "ended_after_s",
    "outcome",
    "transmissions",
    "node",
    "counter",
    "kind",
    "path",
    "digest",
];

/// Parts of a scenario that may differ from point to point.
const VARIABLE: [&str; 7] = ["nodes", "links", "apps", "timeline", "until", "seed", "limits"];

/// Parts that may not, and have defaults.
const FIXED: [&str; 8] = ["about", "addresses", "replications", "confidence", "axes", "figures", "expect", "format"];

/// Names that formulas know, beside their functions.
const CONSTANTS: [&str; 1] = ["pi"];

pub(super) fn check_axes(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, axis) in scenario.axes.iter().enumerate() {
        let at = |field: &str| span_of(tree, &format!("axes.{index}{field}"));
        if let Some(earlier) = names.insert(&axis.name, index) {
            let message = format!("another axis is called `{}` too", axis.name);
            let first = span_of(tree, &format!("axes.{earlier}.name"));
            mistakes
                .push(Diagnostic::error("scenario::duplicate-name", at(".name"), message).also(first, "the first one"));
        }
        let is_identifier = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if axis.name.is_empty()
            || !axis.name.chars().all(is_identifier)
            || axis.name.starts_with(|c: char| c.is_ascii_digit())
        {
            let message = "an axis's name stands in formulas and columns: letters, digits and `_`, no digit first";
            mistakes.push(Diagnostic::error("scenario::bad-name", at(".name"), message));
        }
        check_axis_field(tree, scenario, index, mistakes);
        if axis.values.is_empty() {
            mistakes.push(Diagnostic::error(
                "scenario::no-effect",
                at(".values"),
                "an axis without values makes no point",
            ));
        }
        let kind = axis.dimension();
        for (number, value) in axis.values.iter().enumerate() {
            if AxisValue::number(value).is_some_and(|(_, dimension)| dimension != kind) {
                let message = "the values of an axis are all of one kind";
                let first = span_of(tree, &format!("axes.{index}.values.0"));
                let place = span_of(tree, &format!("axes.{index}.values.{number}"));
                mistakes.push(Diagnostic::error("scenario::mixed-values", place, message).also(first, "the first one"));
            }
        }
        check_axis_path(tree, &axis.path, at(".path"), mistakes);
        check_column(tree, scenario, index, mistakes);
    }
}

/// Its column must not be called as another one of the tables.
fn check_column(tree: &Tree, scenario: &Scenario, index: usize, mistakes: &mut Diagnostics) {
    let axis = &scenario.axes[index];
    let place = span_of(tree, &format!("axes.{index}.name"));
    let column = axis.column();
    let taken = [axis.name.as_str(), &column].into_iter().find(|name| RESERVED.contains(name));
    if let Some(taken) = taken {
        let message = format!("`{taken}` is a column of the tables already; call the axis something else");
        mistakes.push(Diagnostic::error("scenario::bad-name", place, message));
    }
    let same = |other: &&AxisSpec| other.name != axis.name && other.column() == column;
    if let Some(other) = scenario.axes[..index].iter().find(same) {
        let message =
            format!("the columns of the axes `{}` and `{}` are both called `{column}`", other.name, axis.name);
        mistakes.push(Diagnostic::error("scenario::bad-name", place, message));
    }
    let is_variable = |name: &str| Formula::parse(name).is_ok_and(|formula| formula.variables() == [name]);
    let is_identifier = axis.name.starts_with(|c: char| c.is_ascii_alphabetic());
    if CONSTANTS.contains(&axis.name.as_str()) || (is_identifier && !is_variable(&axis.name)) {
        let message = format!("`{}` means something in formulas already; call the axis something else", axis.name);
        mistakes.push(Diagnostic::error("scenario::bad-name", place, message));
    }
}

/// What an axis varies, and with which values.
fn check_axis_field(tree: &Tree, scenario: &Scenario, index: usize, mistakes: &mut Diagnostics) {
    let axis = &scenario.axes[index];
    let at = |field: &str| span_of(tree, &format!("axes.{index}{field}"));
    let path = axis.path.parse::<Path>().ok();
    let root = path.as_ref().map_or("", |path| path.segments[0].text.as_str());
    // Whether it is written out or not: the field has a default then.
    let is_there = tree.root.field(root).is_some() || FIXED.contains(&root);
    if is_there && !VARIABLE.contains(&root) {
        let message = format!("an axis cannot vary `{root}`: it is one for the whole experiment");
        let help = format!("an axis varies something in {}", VARIABLE.join(", "));
        mistakes.push(Diagnostic::error("scenario::not-variable", at(".path"), message).help(help));
    }
    let canonical = |axis: &AxisSpec| axis.path.parse().ok().map(|path| tree.canonical(&path));
    let own = canonical(axis);
    let same = |other: &AxisSpec| own.is_some() && canonical(other) == own;
    if let Some(earlier) = scenario.axes[..index].iter().position(same) {
        let first = span_of(tree, &format!("axes.{earlier}.path"));
        let message = "another axis varies the same field";
        mistakes.push(Diagnostic::error("scenario::no-effect", at(".path"), message).also(first, "the first one"));
    }
    for (number, value) in axis.values.iter().enumerate() {
        if axis.values[..number].iter().any(|other| other.number() == value.number()) {
            let message = "this value stands in the axis twice";
            let place = at(&format!(".values.{number}"));
            mistakes.push(Diagnostic::error("scenario::no-effect", place, message));
        }
    }
}

fn check_axis_path(tree: &Tree, path: &str, place: Span, mistakes: &mut Diagnostics) {
    let result = path.parse::<Path>().and_then(|parsed| {
        // Fields may be absent: their defaults are varied then. Whether there are such fields, reading a value tells.
        tree.clone().set(&parsed, tree.root.clone())
    });
    if let Err(error) = result {
        mistakes.push(Diagnostic::error("scenario::unknown-path", place, error.message).help(error.help));
    }
}
