//! Axes: their names, what they vary, and with which values.

use super::cases::{check_cases, check_choice, overlapping};
use super::span_of;
use super::variants::settings_of;
use crate::scenario::condition::{known_names, parse_condition};
use crate::scenario::design::{MOST, MOST_SKIPPED, MOST_SOBOL_AXES};
use crate::scenario::expand::is_of_member;
use crate::scenario::range::NO_STEPS;
use crate::scenario::{AxisSpec, AxisValue, DesignSpec, Scenario};
use crate::tree::{Diagnostic, Diagnostics, Kind, Node, Path, Span, Tree, suggest};
use protosim_reports::formula::Formula;
use std::collections::BTreeMap;

/// Columns of the tables that are not of axes.
const RESERVED: [&str; 34] = [
    "point",
    "variant",
    "replication",
    "app",
    "link",
    "direction",
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
    "first_byte_after_s",
    "ended_after_s",
    "outcome",
    "transmissions",
    "counted",
    "node",
    "counter",
    "kind",
    "path",
    "digest",
    "baseline",
    "difference",
    "relative_difference",
    "warmup_s",
    "decided",
    "at_s",
    "value_s",
];

/// Parts of a scenario that may differ from point to point.
const VARIABLE: [&str; 15] = [
    "nodes", "links", "media", "channels", "networks", "adjust", "apps", "timeline", "faults", "routing", "until",
    "warmup", "window", "seed", "limits",
];

/// Parts that are one for all points, whether they are written out or not.
const FIXED: [&str; 20] = [
    "format",
    "title",
    "include",
    "templates",
    "about",
    "addresses",
    "replications",
    "sequential",
    "fork_at",
    "confidence",
    "axes",
    "design",
    "variants",
    "only_if",
    "measure",
    "distributions",
    "figures",
    "diagrams",
    "events",
    "expect",
];

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
        let is_identifier = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !axis.name.chars().all(is_identifier) || !axis.name.starts_with(|c: char| c.is_ascii_lowercase()) {
            let message =
                "an axis's name stands in formulas and columns: small letters, digits and `_`, a letter first";
            mistakes.push(Diagnostic::error("scenario::bad-name", at(".name"), message));
        }
        let says_cases = tree.root.field("axes").and_then(|axes| element(axes, index)?.field("cases")).is_some();
        match says_cases {
            true => check_cases(tree, scenario, index, mistakes),
            false => check_axis_field(tree, scenario, index, mistakes),
        }
        check_values(tree, scenario, index, mistakes);
        check_column(tree, scenario, index, mistakes);
        for (number, path) in axis.targets().enumerate() {
            check_path(tree, path, target_place(tree, axis, index, number), mistakes);
        }
    }
    check_zips(tree, scenario, mistakes);
}

/// The values of an axis come from one source, are of one kind, and each is there once.
fn check_values(tree: &Tree, scenario: &Scenario, index: usize, mistakes: &mut Diagnostics) {
    let axis = &scenario.axes[index];
    let at = |field: &str| span_of(tree, &format!("axes.{index}{field}"));
    let has = |field: &str| tree.root.field("axes").and_then(|axes| element(axes, index)?.field(field)).is_some();
    let given: Vec<&str> = ["values", "range", "log_range", "cases"].into_iter().filter(|field| has(field)).collect();
    match given.as_slice() {
        [] => {
            let message = "an axis needs `values`, a `range`, a `log_range` or `cases`";
            mistakes.push(Diagnostic::error("scenario::missing-field", head_of(tree, index), message));
        }
        [_] => {}
        [first, second, ..] => {
            let message = format!("an axis has either `{first}` or `{second}`");
            let first = at(&format!(".{first}"));
            let error = Diagnostic::error("scenario::no-effect", at(&format!(".{second}")), message);
            mistakes.push(error.also(first, "the first one"));
        }
    }
    if axis.values.is_empty() && given == ["values"] {
        mistakes.push(Diagnostic::error("scenario::no-effect", at(".values"), "an axis without values makes no point"));
    }
    if axis.cases.is_empty() && given == ["cases"] {
        mistakes.push(Diagnostic::error("scenario::no-effect", at(".cases"), "an axis without cases makes no point"));
    }
    check_choice(tree, axis, index, mistakes);
    // A design that cannot be read is one all the same.
    let is_designed = tree.root.field("design").is_some_and(|design| design.kind != Kind::None);
    check_ranges(scenario, (index, is_designed), &at, mistakes);
    let kind = axis.dimension();
    for (number, value) in axis.values.iter().enumerate() {
        let place = at(&format!(".values.{number}"));
        if AxisValue::number(value).is_some_and(|(_, dimension)| dimension != kind) {
            let message = "the values of an axis are all of one kind";
            let first = at(".values.0");
            mistakes.push(Diagnostic::error("scenario::mixed-values", place, message).also(first, "the first one"));
        }
        if axis.values[..number].iter().any(|other| other.number() == value.number()) {
            let message = "this value stands in the axis twice";
            mistakes.push(Diagnostic::error("scenario::no-effect", place, message));
        }
    }
}

/// The ranges of an axis make sense, and have steps where no design says how many values there are.
fn check_ranges(
    scenario: &Scenario,
    (index, is_designed): (usize, bool),
    at: &dyn Fn(&str) -> Span,
    mistakes: &mut Diagnostics,
) {
    let axis = &scenario.axes[index];
    let linear = axis
        .range
        .iter()
        .map(|range| ("range", range.steps, if is_designed { range.linear_at(&[]) } else { range.linear() }));
    let logarithmic = axis.log_range.iter().map(|range| {
        ("log_range", range.steps, if is_designed { range.logarithmic_at(&[]) } else { range.logarithmic() })
    });
    for (name, steps, values) in linear.chain(logarithmic) {
        if is_designed && steps.is_some() {
            let message = "a range has no `steps` beside a `design`, which says how many points there are";
            let help = "leave `steps` out; an axis that is crossed with the design has `values`".to_owned();
            let error = Diagnostic::error("scenario::no-effect", at(&format!(".{name}.steps")), message);
            mistakes.push(error.help(help));
        }
        let Err((field, message)) = values else { continue };
        let place = at(&if field.is_empty() { format!(".{name}") } else { format!(".{name}.{field}") });
        let id = match field {
            "" if message == NO_STEPS => "scenario::missing-field",
            "to" if message.contains("one kind") => "scenario::mixed-values",
            _ => "scenario::out-of-range",
        };
        mistakes.push(Diagnostic::error(id, place, message));
    }
}

/// A design has points, and axes to spread them over.
pub(super) fn check_design(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    let Some(design) = &scenario.design else { return };
    let at = |field: &str| span_of(tree, &format!("design{field}"));
    let points = design.points();
    if !(2..=MOST).contains(&points) {
        let message = format!("a design has from 2 to {MOST} points, not {points}");
        mistakes.push(Diagnostic::error("scenario::out-of-range", at(".points"), message));
    }
    let axes: Vec<usize> = (0..scenario.axes.len()).filter(|axis| scenario.is_in_design(*axis)).collect();
    if !scenario.axes.iter().any(|axis| axis.range.is_some() || axis.log_range.is_some()) {
        let message = "`design` has no effect: no axis has a `range` or a `log_range` to spread points over";
        let help = match scenario.axes.is_empty() {
            true => "add `axes`, or leave it out",
            false => "give an axis a `range` without `steps`, or leave it out (`--set design=None`)",
        };
        mistakes.push(Diagnostic::error("scenario::no-effect", at(""), message).help(help.to_owned()));
    }
    if let DesignSpec::Sobol { skip, .. } = design {
        if *skip > MOST_SKIPPED {
            let message = format!("at most {MOST_SKIPPED} points can be skipped, not {skip}");
            mistakes.push(Diagnostic::error("scenario::out-of-range", at(".skip"), message));
        }
        if let Some(axis) = axes.get(MOST_SOBOL_AXES) {
            let message = format!("a Sobol design has at most {MOST_SOBOL_AXES} axes, not {}", axes.len());
            let error = Diagnostic::error("scenario::out-of-range", at(""), message);
            let first = span_of(tree, &format!("axes.{axis}.name"));
            let help = "a `LatinHypercube` has as many as wanted".to_owned();
            mistakes.push(error.also(first, "the first one beyond").help(help));
        }
    }
}

/// A number of points at which Sobol's sequence is not balanced.
pub(super) fn warn_of_imbalance(tree: &Tree, scenario: &Scenario, warnings: &mut Diagnostics) {
    let Some(DesignSpec::Sobol { points, .. }) = &scenario.design else { return };
    if points.is_power_of_two() {
        return;
    }
    let more = points.next_power_of_two();
    let message = format!("{points} points of Sobol's sequence are not balanced: powers of two are");
    let help = format!("take {} or {more}", more / 2);
    let place = span_of(tree, "design.points");
    warnings.push(Diagnostic::warning("scenario::unbalanced-design", place, message).help(help));
}

/// Axes that advance together have as many values as each other.
fn check_zips(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    for (index, axis) in scenario.axes.iter().enumerate() {
        let Some(zip) = &axis.zip else { continue };
        let place = span_of(tree, &format!("axes.{index}.zip"));
        if scenario.is_in_design(index) {
            let message = "`zip` has no effect: all axes of a design advance together";
            mistakes.push(Diagnostic::error("scenario::no-effect", place, message));
            continue;
        }
        let mut partners =
            scenario.axes.iter().enumerate().filter(|(other, partner)| *other != index && partner.zip == axis.zip);
        let Some((first, partner)) = partners.next() else {
            let message = format!("`zip` has no effect: no other axis is zipped with `{zip}`");
            let others = scenario.axes.iter().filter_map(|axis| axis.zip.as_deref()).filter(|other| other != zip);
            let help = suggest(zip, others).map(|near| format!("did you mean \"{near}\"?"));
            mistakes.push(Diagnostic::error("scenario::no-effect", place, message).help(help));
            continue;
        };
        let (own, other) = (axis.all_values().len(), partner.all_values().len());
        if first < index && own != other && own > 0 && other > 0 {
            let message = format!("axes that advance together have equally many values, not {other} and {own}");
            let first = span_of(tree, &format!("axes.{first}"));
            let error = Diagnostic::error("scenario::zip-lengths", place, message);
            mistakes.push(error.also(first, format!("`{}` has {other}", partner.name)));
        }
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
    let is_same = |a: &str, b: &str| is_same_field(tree, a, b);
    match (&axis.path, axis.paths.is_empty()) {
        (None, true) => {
            let given = tree.root.field("axes").and_then(|axes| element(axes, index)?.field("paths"));
            let place = given.map_or_else(|| head_of(tree, index), |paths| paths.span);
            let message = "an axis needs a `path`, or several `paths`";
            mistakes.push(Diagnostic::error("scenario::missing-field", place, message));
        }
        (Some(_), false) => {
            let message = "an axis has either a `path` or `paths`";
            let error = Diagnostic::error("scenario::no-effect", at(".paths"), message);
            mistakes.push(error.also(at(".path"), "the first one"));
        }
        _ => {}
    }
    for (number, path) in axis.targets().enumerate() {
        let place = target_place(tree, axis, index, number);
        check_variable(tree, path, "an axis", place, mistakes);
        let earlier = overlapping(tree, scenario, index, path);
        let within = axis.targets().take(number).position(|other| is_same(other, path));
        if let Some(first) = earlier.or_else(|| Some(target_place(tree, axis, index, within?))) {
            let message =
                if earlier.is_some() { "another axis varies the same field" } else { "this path is given twice" };
            mistakes.push(Diagnostic::error("scenario::no-effect", place, message).also(first, "the first one"));
        }
    }
}

/// Whether two paths lead to one field, which may be spelt in several ways: by an element's name or its number.
pub(super) fn is_same_field(tree: &Tree, a: &str, b: &str) -> bool {
    let canonical = |path: &str| path.parse().ok().map(|path| tree.canonical(&path));
    a == b || (canonical(a).is_some() && canonical(a) == canonical(b))
}

/// Refuses to vary what is one for the whole experiment.
pub(super) fn check_variable(tree: &Tree, path: &str, who: &str, place: Span, mistakes: &mut Diagnostics) {
    let parsed = path.parse::<Path>().ok();
    let root = parsed.as_ref().map_or("", |path| path.segments[0].text.as_str());
    // What there is no such field of at all, reading a value tells.
    let is_known = tree.root.field(root).is_some() || FIXED.contains(&root);
    if is_known && !VARIABLE.contains(&root) {
        let message = format!("{who} cannot vary `{root}`: it is one for the whole experiment");
        let help = format!("{who} varies something in {}", VARIABLE.join(", "));
        mistakes.push(Diagnostic::error("scenario::not-variable", place, message).help(help));
    }
}

/// Refuses a path that leads nowhere.
pub(super) fn check_path(tree: &Tree, path: &str, place: Span, mistakes: &mut Diagnostics) {
    let result = path.parse::<Path>().and_then(|parsed| {
        // Whether there is such a member, making them tells.
        if is_of_member(tree, &parsed) {
            return Ok(());
        }
        // Fields may be absent: their defaults are varied then. Whether there are such fields, reading a value tells.
        let mut copy = tree.clone();
        copy.set(&parsed, Node::new(place, Kind::Unit))
    });
    if let Err(error) = result {
        mistakes.push(Diagnostic::error("scenario::unknown-path", place, error.message).help(error.help));
    }
}

/// The condition on points: what it says must be sense, and of axes.
pub(super) fn check_condition(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    if let Some(text) = &scenario.only_if {
        check_condition_text(scenario, text, span_of(tree, "only_if"), mistakes);
    }
}

/// A condition over names of axes, here or for a panel or an expectation.
pub(super) fn check_condition_text(scenario: &Scenario, text: &str, place: Span, mistakes: &mut Diagnostics) {
    let mut refuse = |message: String| mistakes.push(Diagnostic::error("scenario::bad-formula", place, message));
    let condition = match parse_condition(&scenario.axes, text) {
        Ok(condition) => condition,
        Err(error) => return refuse(format!("in the condition: {error}")),
    };
    let known = known_names(&scenario.axes);
    let unknown = condition.unknown_names(&known.iter().map(String::as_str).collect::<Vec<_>>());
    for name in &unknown {
        refuse(match name.name.as_str() {
            axis if is_of_cases(scenario, axis) => {
                format!("in the condition: byte {}: {}", name.position, not_a_number(axis))
            }
            "variant" if !scenario.variants.is_empty() => {
                "in the condition: a variant has a name, not a number: it cannot stand in formulas".to_owned()
            }
            _ => format!("in the condition: {name}"),
        });
    }
    if condition.variables().is_empty() {
        refuse("the condition has no effect: it names no axis, and is the same at every point".to_owned());
    }
}

/// True for the name of an axis whose values are cases.
pub(super) fn is_of_cases(scenario: &Scenario, name: &str) -> bool {
    scenario.axes.iter().any(|axis| axis.name == name && axis.has_cases())
}

/// What is wrong with computing with an axis of cases.
pub(super) fn not_a_number(axis: &str) -> String {
    format!("`{axis}` has cases, which are no numbers; a condition compares it with a name, `{axis} == 'NAME'`")
}

/// The place of a path that an axis varies.
pub(in crate::scenario) fn target_place(tree: &Tree, axis: &AxisSpec, index: usize, number: usize) -> Span {
    match (&axis.path, number) {
        (Some(_), 0) => span_of(tree, &format!("axes.{index}.path")),
        (Some(_), n) => span_of(tree, &format!("axes.{index}.paths.{}", n - 1)),
        (None, n) => span_of(tree, &format!("axes.{index}.paths.{n}")),
    }
}

/// The place of a value of an axis: of its range, if it comes from one, or of the whole case.
pub(in crate::scenario) fn value_place(tree: &Tree, (axis, choice): (usize, usize), value: &AxisValue) -> Span {
    if let AxisValue::Case { index, .. } = value {
        return case_node(tree, axis, *index).map_or_else(|| head_of(tree, axis), |case| case.span);
    }
    let node = tree.root.field("axes").and_then(|axes| element(axes, axis));
    let range = node.and_then(|node| node.field("range").or_else(|| node.field("log_range")));
    match range {
        Some(range) if node.is_some_and(|node| node.field("values").is_none()) => range.span,
        _ => span_of(tree, &format!("axes.{axis}.values.{choice}")),
    }
}

/// What is written of a case of an axis, by its number.
pub(super) fn case_node(tree: &Tree, axis: usize, index: usize) -> Option<&Node> {
    element(element(tree.root.field("axes")?, axis)?.field("cases")?, index)
}

/// What a case of an axis sets: paths and values, as they are written.
pub(in crate::scenario) fn case_settings(tree: &Tree, axis: usize, index: usize) -> &[(Node, Node)] {
    case_node(tree, axis, index).map_or(&[], settings_of)
}

fn element(list: &Node, index: usize) -> Option<&Node> {
    match &list.kind {
        Kind::List(items) => items.get(index),
        _ => None,
    }
}

/// Where to point when an axis lacks something.
pub(super) fn head_of(tree: &Tree, index: usize) -> Span {
    let axis = tree.root.field("axes").and_then(|axes| element(axes, index));
    axis.map_or(tree.root.head(), Node::head)
}
