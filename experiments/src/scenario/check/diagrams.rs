//! Diagrams: what they name must exist, what they show must lie in the run, and there must not be too much of it.

use super::figures::{MOST_COMBINATIONS, check_known, check_name, check_text, combinations};
use super::span_of;
use crate::scenario::grid::Grid;
use crate::scenario::{DiagramSpec, End, MOST_DRAWN, MOST_NAMED_LANES, Scenario};
use crate::tree::{Diagnostic, Diagnostics, Span, Tree};
use protosim_reports::diagram::MOST_LANES;

pub(super) fn check_diagrams(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    for (number, diagram) in scenario.diagrams.iter().enumerate() {
        let whole = span_of(tree, &format!("diagrams.{number}"));
        let at = |field: &str| span_of(tree, &format!("diagrams.{number}.{field}"));
        check_name(diagram.name(), "a diagram", at("name"), mistakes);
        if scenario.diagrams[..number].iter().any(|other| other.name() == diagram.name()) {
            let message = format!("another diagram is called `{}` too", diagram.name());
            mistakes.push(Diagnostic::error("scenario::duplicate-name", at("name"), message));
        }
        check_text(diagram.title(), at("title"), mistakes);
        check_times(scenario, diagram, &at, mistakes);
        check_choice(scenario, diagram, (whole, &at), mistakes);
        match diagram {
            DiagramSpec::Ladder(ladder) => {
                let names: Vec<&str> = ladder.nodes.iter().map(|node| node.0.as_str()).collect();
                check_lanes(scenario, &names, (whole, &at), mistakes);
            }
            DiagramSpec::TimeSequence(plot) => {
                if plot.port == Some(0) {
                    let message = "no connection has port 0";
                    mistakes.push(Diagnostic::error("scenario::out-of-range", at("port"), message));
                }
            }
        }
    }
}

fn check_lanes(
    scenario: &Scenario,
    names: &[&str],
    (whole, at): (Span, &impl Fn(&str) -> Span),
    mistakes: &mut Diagnostics,
) {
    for (index, name) in names.iter().enumerate() {
        if let Some(first) = names[..index].iter().position(|other| other == name) {
            let message = format!("`{name}` has a lane already");
            let error = Diagnostic::error("scenario::no-effect", at(&format!("nodes.{index}")), message);
            mistakes.push(error.also(at(&format!("nodes.{first}")), "the first one"));
        }
    }
    let all = scenario.nodes.len();
    match names.len() {
        0 if all > MOST_LANES => {
            let message = format!("a ladder of all {all} nodes has too many lanes: say which `nodes`");
            let help =
                format!("name 2 to {MOST_NAMED_LANES} nodes, as in `nodes: [\"{}\", …]`", scenario.nodes[0].name);
            mistakes.push(Diagnostic::error("scenario::missing-field", whole, message).help(help));
        }
        1 => {
            let message = "a ladder has at least two lanes: arrows go from one to the other";
            mistakes.push(Diagnostic::error("scenario::out-of-range", at("nodes"), message));
        }
        count if count > MOST_NAMED_LANES => {
            let message = format!("a ladder has at most {MOST_NAMED_LANES} lanes, not {count}");
            mistakes.push(Diagnostic::error("scenario::out-of-range", at("nodes"), message));
        }
        _ => {}
    }
}

fn check_times(scenario: &Scenario, diagram: &DiagramSpec, at: &impl Fn(&str) -> Span, mistakes: &mut Diagnostics) {
    let (from, until) = diagram.times();
    if let (Some(from), Some(until)) = (from, until)
        && from >= until
    {
        let message = format!("it would end at {until}, before it begins at {from}");
        let error = Diagnostic::error("scenario::out-of-range", at("until"), message);
        mistakes.push(error.also(at("from"), "the beginning"));
        return;
    }
    let End::After(end) = scenario.until else { return };
    if let Some(from) = from.filter(|from| *from >= end) {
        let message = format!("nothing is shown: it begins at {from}, and the run ends at {end}");
        mistakes.push(Diagnostic::error("scenario::out-of-range", at("from"), message));
    }
    if let Some(until) = until.filter(|until| *until > end) {
        let message = format!("`until` has no effect: it is {until}, and the run ends at {end}");
        mistakes.push(Diagnostic::error("scenario::no-effect", at("until"), message));
    }
}

/// The points that are chosen exist, and are not too many.
fn check_choice(
    scenario: &Scenario,
    diagram: &DiagramSpec,
    (whole, at): (Span, &impl Fn(&str) -> Span),
    mistakes: &mut Diagnostics,
) {
    let (point, variant) = diagram.choice();
    if let Some(variant) = variant {
        let names: Vec<String> = scenario.variants.iter().map(|variant| variant.name.clone()).collect();
        check_known(variant, "variant", &names, at("variant"), mistakes);
    }
    if point.is_some() && variant.is_some() {
        let message = "a diagram is either of a `point` or of a `variant`";
        let error = Diagnostic::error("scenario::no-effect", at("variant"), message);
        mistakes.push(error.also(at("point"), "the first one"));
        return;
    }
    let variants = scenario.variants.len().max(1);
    // Variants vary slowest, and all have the same points.
    let each = combinations(scenario).len();
    let is_whole = Grid::new(scenario).total().is_some_and(|total| total <= MOST_COMBINATIONS);
    let points = each / variants;
    let points = if variant.is_some() { points } else { each };
    match point {
        // Of more combinations than are looked at here nobody knows how many are points.
        Some(point) if each > 0 && point >= each as u64 && is_whole => {
            let message = format!("there is no point {point}; points are numbered from 0 to {}", each - 1);
            mistakes.push(Diagnostic::error("scenario::out-of-range", at("point"), message));
        }
        None if points > MOST_DRAWN => {
            let message = format!("it would be drawn {points} times, once for each point: say which `point`");
            let help = "as in `point: 0`; `protosim run` numbers points as its tables do".to_owned();
            mistakes.push(Diagnostic::error("scenario::missing-field", whole, message).help(help));
        }
        _ => {}
    }
}
