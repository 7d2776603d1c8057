//! Cases of axes: their names, and what they set.

use super::axes::{case_node, case_settings, check_path, check_variable, head_of, is_same_field, target_place};
use super::figures::{check_known, check_text};
use super::span_of;
use crate::scenario::{AxisSpec, Scenario};
use crate::tree::{Diagnostic, Diagnostics, Node, Path, Span, Tree};

/// Most characters of a case's name.
const MOST: usize = 60;

/// The cases of an axis have names that are different, and each sets something else.
pub(super) fn check_cases(tree: &Tree, scenario: &Scenario, index: usize, mistakes: &mut Diagnostics) {
    let axis = &scenario.axes[index];
    let at = |field: &str| span_of(tree, &format!("axes.{index}.{field}"));
    for (field, is_there) in [("path", axis.path.is_some()), ("paths", !axis.paths.is_empty())] {
        if is_there {
            let message = format!("`{field}` has no effect: each of the axis' `cases` says what it sets");
            mistakes.push(Diagnostic::error("scenario::no-effect", at(field), message).also(at("cases"), "the cases"));
        }
    }
    for (number, case) in axis.cases.iter().enumerate() {
        let name_at = |number: usize| name_place(tree, index, number);
        check_case_name(&case.name, name_at(number), mistakes);
        let twin = |other: &usize| axis.cases[*other].name == case.name;
        let double = |other: &usize| axis.cases[*other].set == case.set;
        if let Some(first) = (0..number).find(twin) {
            let message = format!("another case of this axis is called `{}` too", case.name);
            let error = Diagnostic::error("scenario::duplicate-name", name_at(number), message);
            mistakes.push(error.also(name_at(first), "the first one"));
        } else if let Some(first) = (0..number).find(double) {
            let (own, other) = (&case.name, &axis.cases[first].name);
            let message = format!("`{own}` sets the same as `{other}`: both would give the same results");
            let error = Diagnostic::error("scenario::no-effect", name_at(number), message);
            mistakes.push(error.also(name_at(first), "the first one"));
        }
        for (key, _) in case_settings(tree, index, number) {
            let Some(path) = key.as_str() else { continue };
            check_variable(tree, path, "an axis", key.span, mistakes);
            check_path(tree, path, key.span, mistakes);
            if let Some(first) = overlapping(tree, scenario, index, path) {
                let message = "another axis varies the same field";
                let error = Diagnostic::error("scenario::no-effect", key.span, message);
                mistakes.push(error.also(first, "the first one"));
            }
        }
    }
}

/// A name stands in tables and figures, and between single quotes in conditions.
fn check_case_name(name: &str, place: Span, mistakes: &mut Diagnostics) {
    let is_plain = |c: char| !c.is_control() && !matches!(c, '\'' | '"');
    if name.is_empty() || name.trim() != name || !name.chars().all(is_plain) || name.chars().count() > MOST {
        let message = format!("a case's name has 1 to {MOST} characters, without quotes, and no space at its ends");
        mistakes.push(Diagnostic::error("scenario::bad-name", place, message));
        return;
    }
    check_text(name, place, mistakes);
}

/// `only` names cases that are there, each once.
pub(super) fn check_choice(tree: &Tree, axis: &AxisSpec, index: usize, mistakes: &mut Diagnostics) {
    let at = |number: usize| span_of(tree, &format!("axes.{index}.only.{number}"));
    if !axis.only.is_empty() && !axis.has_cases() {
        let message = "`only` has no effect: it chooses among `cases`, and this axis has none";
        let place = span_of(tree, &format!("axes.{index}.only"));
        mistakes.push(Diagnostic::error("scenario::no-effect", place, message));
        return;
    }
    let names: Vec<String> = axis.cases.iter().map(|case| case.name.clone()).collect();
    for (number, name) in axis.only.iter().enumerate() {
        check_known(name, &format!("case of `{}`", axis.name), &names, at(number), mistakes);
        if let Some(first) = axis.only[..number].iter().position(|other| other == name) {
            let error = Diagnostic::error("scenario::no-effect", at(number), "this case is chosen twice");
            mistakes.push(error.also(at(first), "the first time"));
        }
    }
}

/// Where an axis before this one varies the same field, or one within: that would be lost.
pub(super) fn overlapping(tree: &Tree, scenario: &Scenario, index: usize, path: &str) -> Option<Span> {
    scenario.axes[..index].iter().enumerate().find_map(|(other, axis)| {
        let number = axis.targets().position(|target| covers(tree, path, target));
        let target = number.map(|number| target_place(tree, axis, other, number));
        let sets = |(key, _): &&(Node, Node)| key.as_str().is_some_and(|target| covers(tree, path, target));
        let mut settings = (0..axis.cases.len()).flat_map(|case| case_settings(tree, other, case));
        target.or_else(|| settings.find(sets).map(|(key, _)| key.span))
    })
}

/// Whether `path` leads to what `target` leads to, or to what that lies in.
fn covers(tree: &Tree, path: &str, target: &str) -> bool {
    let (Ok(outer), Ok(mut inner)) = (path.parse::<Path>(), target.parse::<Path>()) else { return false };
    inner.segments.truncate(outer.segments.len());
    is_same_field(tree, path, target) || tree.canonical(&outer) == tree.canonical(&inner)
}

fn name_place(tree: &Tree, axis: usize, number: usize) -> Span {
    let case = case_node(tree, axis, number);
    case.map_or_else(|| head_of(tree, axis), |case| case.field("name").map_or(case.span, |name| name.span))
}
