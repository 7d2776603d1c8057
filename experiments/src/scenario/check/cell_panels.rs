//! Panels of cells: one value for each pair of values of two axes.

use super::figures::{check_known, check_text, combinations};
use crate::scenario::{CellsSpec, PanelSpec, PanelX, PointFilter, ScaleSpec, Scenario, VARIANT};
use crate::tree::{Diagnostic, Diagnostics, Span};
use protosim_reports::figure::MOST_NAMES;
use std::collections::BTreeSet;

/// A panel of cells has two different axes to lie on, one series, and one point for each cell.
pub(super) fn check_cells(
    scenario: &Scenario,
    panel: &PanelSpec,
    cells: &CellsSpec,
    at: &impl Fn(&str) -> Span,
    mistakes: &mut Diagnostics,
) {
    let mut refuse = |id: &'static str, field: &str, message: String| {
        mistakes.push(Diagnostic::error(id, at(field), message));
    };
    let x = match &panel.x {
        PanelX::Axis(x) => x,
        PanelX::Time { .. } | PanelX::Distribution => {
            let message = "cells lie on two axes of the experiment: `x` names the one of their columns".to_owned();
            return refuse("scenario::categorical-axis", "x", message);
        }
    };
    if panel.series.len() > 1 {
        let message = "a cell shows one value: make each series a panel of its own".to_owned();
        refuse("scenario::no-effect", "series.1", message);
    }
    for (field, scale) in [("x_scale", panel.x_scale), ("y_scale", panel.y_scale)] {
        if scale != ScaleSpec::Linear {
            let message = format!(
                "`{field}` has no effect: columns and rows of cells are equally wide; `cells.scale` is of colours"
            );
            refuse("scenario::no-effect", field, message);
        }
    }
    if !panel.formulas.is_empty() {
        refuse("scenario::no-effect", "formulas", "`formulas` has no effect: cells show what was measured".to_owned());
    }
    check_labels(cells, at, mistakes);
    let mut names: Vec<String> = scenario.axes.iter().map(|axis| axis.name.clone()).collect();
    if !scenario.variants.is_empty() {
        names.push(VARIANT.to_owned());
    }
    check_known(&cells.y, "axis", &names, at("cells.y"), mistakes);
    if *x == cells.y {
        let message = "columns and rows are of two different axes".to_owned();
        mistakes.push(Diagnostic::error("scenario::no-effect", at("cells.y"), message).also(at("x"), "the columns"));
    } else if names.contains(x) && names.contains(&cells.y) {
        check_points(scenario, panel, (x, &cells.y), at, mistakes);
    }
}

/// Labels are of different values, and few enough to have a colour each.
fn check_labels(cells: &CellsSpec, at: &impl Fn(&str) -> Span, mistakes: &mut Diagnostics) {
    let mut refuse = |id: &'static str, field: &str, message: String| {
        mistakes.push(Diagnostic::error(id, at(&format!("cells.{field}")), message));
    };
    if !cells.labels.is_empty() {
        if cells.scale != ScaleSpec::Linear {
            refuse(
                "scenario::no-effect",
                "scale",
                "`scale` has no effect beside `labels`: names have colours".to_owned(),
            );
        }
        if cells.decimals.is_some() {
            let message = "`decimals` has no effect beside `labels`: cells have names in place of numbers".to_owned();
            refuse("scenario::no-effect", "decimals", message);
        }
    }
    if cells.decimals.is_some_and(|decimals| decimals > 9) {
        refuse("scenario::out-of-range", "decimals", "at most 9 decimals".to_owned());
    }
    let texts: BTreeSet<&str> = cells.labels.iter().map(|label| label.text.as_str()).collect();
    if texts.len() > MOST_NAMES {
        let message = format!("{} different texts, and there are {MOST_NAMES} colours", texts.len());
        refuse("scenario::out-of-range", "labels", message);
    }
    for (k, label) in cells.labels.iter().enumerate() {
        if cells.labels[..k].iter().any(|other| other.value == label.value) {
            let message = format!("another label is of the value {} too", label.value);
            refuse("scenario::duplicate-name", &format!("labels.{k}.value"), message);
        }
    }
    for (k, label) in cells.labels.iter().enumerate() {
        check_text(&label.text, at(&format!("cells.labels.{k}.text")), mistakes);
        check_text(&label.meaning, at(&format!("cells.labels.{k}.meaning")), mistakes);
    }
}

/// One point for each cell: nothing else varies among the points that the panel shows.
fn check_points(
    scenario: &Scenario,
    panel: &PanelSpec,
    (x, y): (&str, &str),
    at: &impl Fn(&str) -> Span,
    mistakes: &mut Diagnostics,
) {
    let axis = |name: &str| scenario.axes.iter().position(|axis| axis.name == name);
    let (columns, rows) = (axis(x), axis(y));
    let sides = || columns.into_iter().chain(rows);
    if let Some(side) = sides().find(|side| scenario.is_in_design(*side)) {
        let message = format!("`{}` is of a design, whose points make no columns and rows", scenario.axes[side].name);
        mistakes.push(Diagnostic::error("scenario::categorical-axis", at("cells"), message));
        return;
    }
    if let (Some(columns), Some(rows)) = (columns, rows)
        && scenario.advance_together(columns, rows)
    {
        let message = format!("`{x}` and `{y}` advance together: there would be cells on a diagonal alone");
        mistakes.push(Diagnostic::error("scenario::categorical-axis", at("cells.y"), message));
        return;
    }
    let filter = PointFilter { variant: None, ..panel.filter() };
    let shown: Vec<Vec<f64>> =
        combinations(scenario).into_iter().filter(|values| filter.includes(&scenario.axes, None, values)).collect();
    let goes_along = |other: usize| sides().any(|side| side == other || scenario.advance_together(side, other));
    let varies = |other: &usize| shown.iter().any(|values| values[*other] != shown[0][*other]);
    let further = (0..scenario.axes.len()).filter(|other| !goes_along(*other)).find(varies);
    let has_variants = scenario.variants.len() > 1 && panel.variant.is_none() && x != VARIANT && y != VARIANT;
    let (name, help) = match further {
        Some(axis) => (scenario.axes[axis].name.as_str(), "say at which value of it: `only_if`"),
        None if has_variants => (VARIANT, "say of which one: `variant`"),
        None => return,
    };
    let message = format!("there are several points for each cell: `{name}` varies too");
    mistakes.push(Diagnostic::error("scenario::several-points", at("cells"), message).help(help.to_owned()));
}
