//! Variants: their names, and what they set.

use super::axes::{check_path, check_variable};
use super::span_of;
use crate::scenario::{AxisSpec, Scenario};
use crate::tree::{Diagnostic, Diagnostics, Kind, Node, Span, Tree};
use std::collections::BTreeMap;

pub(super) fn check_variants(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, variant) in scenario.variants.iter().enumerate() {
        let name_at = |index: usize| span_of(tree, &format!("variants.{index}.name"));
        let name = variant.name.as_str();
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.')) {
            let message = "a variant's name is made of letters, digits, `-`, `_` and `.`";
            mistakes.push(Diagnostic::error("scenario::bad-name", name_at(index), message));
        }
        if let Some(earlier) = names.insert(name, index) {
            let message = format!("another variant is called `{name}` too");
            let error = Diagnostic::error("scenario::duplicate-name", name_at(index), message);
            mistakes.push(error.also(name_at(earlier), format!("the first `{name}`")));
        } else if let Some(earlier) = scenario.variants[..index].iter().position(|other| other.set == variant.set) {
            let message = format!(
                "`{name}` sets the same as `{}`: both would give the same results",
                scenario.variants[earlier].name
            );
            let error = Diagnostic::error("scenario::no-effect", name_at(index), message);
            mistakes.push(error.also(name_at(earlier), "the first one"));
        }
        for (key, _) in settings(tree, index) {
            let Some(path) = key.as_str() else { continue };
            check_variable(tree, path, "a variant", key.span, mistakes);
            check_path(tree, path, key.span, mistakes);
            if let Some(axis) = axis_over(tree, scenario, path) {
                let message = format!("`{path}` has no effect here: an axis gives it a value at every point");
                mistakes.push(Diagnostic::error("scenario::no-effect", key.span, message).also(axis, "this axis"));
            }
        }
    }
}

/// The axis that varies this field, or all of what it lies in.
fn axis_over(tree: &Tree, scenario: &Scenario, path: &str) -> Option<Span> {
    let covers = |target: &str| path.strip_prefix(target).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    // Where one case leaves it alone, a variant has a say.
    let in_all_cases = |axis: &AxisSpec| {
        axis.has_cases() && axis.cases.iter().all(|case| case.set.keys().any(|target| covers(target)))
    };
    let axis = scenario.axes.iter().position(|axis| axis.targets().any(covers) || in_all_cases(axis))?;
    Some(span_of(tree, &format!("axes.{axis}.name")))
}

/// What a variant sets: paths and values, as they are written.
pub(in crate::scenario) fn settings(tree: &Tree, variant: usize) -> &[(Node, Node)] {
    let element = match tree.root.field("variants").map(|node| &node.kind) {
        Some(Kind::List(items)) => items.get(variant),
        _ => None,
    };
    element.map_or(&[], settings_of)
}

/// What a variant or a case sets.
pub(super) fn settings_of(form: &Node) -> &[(Node, Node)] {
    match form.field("set").map(|set| &set.kind) {
        Some(Kind::Map(entries)) => entries,
        _ => &[],
    }
}
