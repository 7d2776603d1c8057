//! Figures and expectations: what they name must exist, and their formulas must have values.

use super::{listed, span_of};
use crate::scenario::grid::Grid;
use crate::scenario::{AppSpec, Metric, Scenario, VARIANT, evaluate};
use crate::tree::{Diagnostic, Diagnostics, Span, Tree, suggest};
use protosim_reports::figure::unsupported_character;
use protosim_reports::formula::{Bindings, Formula};

pub(super) fn check_figures(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    for (number, figure) in scenario.figures.iter().enumerate() {
        let at = |field: &str| span_of(tree, &format!("figures.{number}.{field}"));
        if figure.name.is_empty() || !figure.name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
            let message = "a figure's name becomes a file's name: letters, digits, `-` and `_`";
            mistakes.push(Diagnostic::error("scenario::bad-name", at("name"), message));
        }
        if scenario.figures[..number].iter().any(|other| other.name == figure.name) {
            let message = format!("another figure is called `{}` too", figure.name);
            mistakes.push(Diagnostic::error("scenario::duplicate-name", at("name"), message));
        }
        check_text(&figure.title, at("title"), mistakes);
        check_text(&figure.caption, at("caption"), mistakes);
        if figure.panels.is_empty() {
            let message = "a figure without panels shows nothing";
            mistakes.push(Diagnostic::error("scenario::no-effect", at("panels"), message));
        }
        for (index, panel) in figure.panels.iter().enumerate() {
            let inner = |field: &str| span_of(tree, &format!("figures.{number}.panels.{index}.{field}"));
            check_text(&panel.x_label, inner("x_label"), mistakes);
            check_text(&panel.y_label, inner("y_label"), mistakes);
            check_x(scenario, &panel.x, inner("x"), mistakes);
            let labels: Vec<&str> = (panel.series.iter().map(|series| series.label.as_str()))
                .chain(panel.formulas.iter().map(|formula| formula.label.as_str()))
                .collect();
            for (k, label) in labels.iter().enumerate().filter(|(k, label)| labels[..*k].contains(label)) {
                let place = match k.checked_sub(panel.series.len()) {
                    None => inner(&format!("series.{k}.label")),
                    Some(k) => inner(&format!("formulas.{k}.label")),
                };
                let message = format!("another line of this panel is called `{label}` too");
                mistakes.push(Diagnostic::error("scenario::duplicate-name", place, message));
            }
            if panel.series.is_empty() {
                let message = "a panel without series shows nothing measured";
                mistakes.push(Diagnostic::error("scenario::no-effect", inner("series"), message));
            }
            for (k, series) in panel.series.iter().enumerate() {
                check_text(&series.label, inner(&format!("series.{k}.label")), mistakes);
                let app = (series.app.as_str(), inner(&format!("series.{k}.app")));
                check_app(scenario, app, (series.metric, inner(&format!("series.{k}.metric"))), mistakes);
                let first = &panel.series[0];
                if series.metric.unit() != first.metric.unit() {
                    let unit = |metric: Metric| if metric.unit().is_empty() { "no unit" } else { metric.unit() };
                    let (own, other) = (unit(series.metric), unit(first.metric));
                    let message = format!("one panel has one unit: {own} here, {other} at its first series");
                    let diagnostic =
                        Diagnostic::error("scenario::mixed-units", inner(&format!("series.{k}.metric")), message)
                            .also(inner("series.0.metric"), "the first series");
                    mistakes.push(diagnostic.help("make it a panel of its own".to_owned()));
                }
            }
            for (k, formula) in panel.formulas.iter().enumerate() {
                check_text(&formula.label, inner(&format!("formulas.{k}.label")), mistakes);
                check_formula(scenario, &formula.y, &formula.bindings, inner(&format!("formulas.{k}.y")), mistakes);
                if let Some(of) = &formula.of {
                    let labels: Vec<String> = panel.series.iter().map(|series| series.label.clone()).collect();
                    check_known(of, "series", &labels, inner(&format!("formulas.{k}.of")), mistakes);
                }
            }
        }
    }
}

pub(super) fn check_expectations(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    for (index, expectation) in scenario.expect.iter().enumerate() {
        let at = |field: &str| span_of(tree, &format!("expect.{index}.{field}"));
        check_app(scenario, (&expectation.app, at("app")), (expectation.metric, at("metric")), mistakes);
        check_formula(scenario, expectation.must.formula(), &expectation.bindings, at("must"), mistakes);
    }
}

/// What a panel has to the right: an axis of numbers. Variants have names; once reports draw categories, this is the place that
/// lets them through, and `draw_panel` in `results/figures.rs` the one that asks for them.
fn check_x(scenario: &Scenario, x: &str, place: Span, mistakes: &mut Diagnostics) {
    if x == VARIANT && !scenario.variants.is_empty() {
        let message = "variants have names, not numbers: they cannot be the x axis of a panel";
        let help = "choose an axis; each variant then has a line of its own".to_owned();
        mistakes.push(Diagnostic::error("scenario::categorical-axis", place, message).help(help));
        return;
    }
    let axes: Vec<String> = scenario.axes.iter().map(|axis| axis.name.clone()).collect();
    check_known(x, "axis", &axes, place, mistakes);
}

/// The name of an application that has exchanges, and a metric that is known of it; each with its place.
fn check_app(
    scenario: &Scenario,
    (name, place): (&str, Span),
    (metric, metric_place): (Metric, Span),
    mistakes: &mut Diagnostics,
) {
    let knows = |app: &AppSpec| app.name != name || !app.run.has_exchanges() || app.run.knows_delivery();
    if metric == Metric::Delivered && !scenario.apps.iter().all(knows) {
        let message = format!("of `{name}` nobody knows what was delivered: what answers it does not say so");
        let error = Diagnostic::error("scenario::unknown-metric", metric_place, message);
        mistakes.push(error.help("`Completed` is the share that was answered".to_owned()));
    }
    let with_exchanges = |app: &&AppSpec| app.run.has_exchanges();
    let apps: Vec<String> = scenario.apps.iter().filter(with_exchanges).map(|app| app.name.clone()).collect();
    check_known(name, "application with exchanges", &apps, place, mistakes);
}

fn check_known(name: &str, noun: &str, known: &[String], place: Span, mistakes: &mut Diagnostics) {
    if known.iter().any(|known| known == name) {
        return;
    }
    let help = match suggest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known: {}", listed(known)),
    };
    let message = format!("there is no {noun} called `{name}`");
    mistakes.push(Diagnostic::error("scenario::unknown-name", place, message).help(help));
}

fn check_text(text: &str, place: Span, mistakes: &mut Diagnostics) {
    if let Some(c) = unsupported_character(text) {
        let message = format!("figures have no glyph for `{c}`");
        mistakes.push(Diagnostic::error("scenario::no-glyph", place, message));
    }
}

fn check_formula(
    scenario: &Scenario,
    text: &str,
    bindings: &[(String, String)],
    place: Span,
    mistakes: &mut Diagnostics,
) {
    let known: Vec<&str> = scenario.axes.iter().map(|axis| axis.name.as_str()).collect();
    let mut refuse = |message: String| mistakes.push(Diagnostic::error("scenario::bad-formula", place, message));
    let formula = match Formula::parse(text) {
        Ok(formula) => formula,
        Err(error) => return refuse(format!("in the formula: {error}")),
    };
    match Bindings::parse(bindings.iter().map(|(name, text)| (name.as_str(), text.as_str()))) {
        Err(errors) => errors.iter().for_each(|error| refuse(format!("in `where`: {error}"))),
        Ok(bindings) => {
            let formulas: Vec<&Formula> = bindings.iter().map(|(_, formula)| formula).chain([&formula]).collect();
            for (name, _) in bindings.iter() {
                if !formulas.iter().any(|formula| formula.variables().iter().any(|used| used == name)) {
                    refuse(format!("`{name}` of `where` has no effect: nothing uses it"));
                }
            }
            for (binding, unknown) in bindings.unknown_names(&formula, &known) {
                if unknown.name == VARIANT && !scenario.variants.is_empty() {
                    refuse("a variant has a name, not a number: it cannot stand in formulas".to_owned());
                    continue;
                }
                match binding {
                    Some(name) => refuse(format!("in `where`, in `{name}`: {unknown}")),
                    None => refuse(format!("in the formula: {unknown}")),
                }
            }
        }
    }
}

/// Formulas must have values: those of expectations at every point, those of figures at one of them.
pub(in crate::scenario) fn check_values(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    let points = combinations(scenario);
    let describe = |point: &[f64]| {
        let axes = scenario.axes.iter().zip(point);
        let all = axes.map(|(axis, value)| format!("{} = {value}", axis.name)).collect::<Vec<_>>().join(", ");
        if all.is_empty() { String::new() } else { format!(" at {all}") }
    };
    for (index, expectation) in scenario.expect.iter().enumerate() {
        let text = expectation.must.formula();
        let failure = |point: &Vec<f64>| evaluate(&scenario.axes, text, &expectation.bindings, point).err();
        if let Some((point, why)) = points.iter().find_map(|point| Some((point, failure(point)?))) {
            let message = format!("the formula has no value{}: {why}", describe(point));
            let place = span_of(tree, &format!("expect.{index}.must"));
            mistakes.push(Diagnostic::error("scenario::bad-formula", place, message));
        }
    }
    for (number, figure) in scenario.figures.iter().enumerate() {
        for (index, panel) in figure.panels.iter().enumerate() {
            for (k, formula) in panel.formulas.iter().enumerate() {
                let failure = |point: &Vec<f64>| evaluate(&scenario.axes, &formula.y, &formula.bindings, point).err();
                let failures: Vec<_> = points.iter().filter_map(|point| Some((point, failure(point)?))).collect();
                if let Some((point, why)) = failures.first().filter(|_| failures.len() == points.len()) {
                    let message = format!("the formula has no value at any point;{}: {why}", describe(point));
                    let place = span_of(tree, &format!("figures.{number}.panels.{index}.formulas.{k}.y"));
                    mistakes.push(Diagnostic::error("scenario::bad-formula", place, message));
                }
            }
        }
    }
}

/// A condition that holds at every point says nothing.
pub(super) fn warn_of_idle_condition(tree: &Tree, scenario: &Scenario, warnings: &mut Diagnostics) {
    let grid = Grid::new(scenario);
    let total = grid.total().unwrap_or_default();
    let keeps = |index: usize| grid.keeps(&grid.numbers(&grid.choice(index))).unwrap_or(false);
    if scenario.only_if.is_some() && (0..total).all(keeps) {
        let message = "this condition leaves nothing out: it holds at every point";
        warnings.push(Diagnostic::warning("scenario::idle-condition", span_of(tree, "only_if"), message));
    }
}

/// The values of all axes at every point; the first ten thousand are enough to look at.
fn combinations(scenario: &Scenario) -> Vec<Vec<f64>> {
    const MOST: usize = 10_000;
    let grid = Grid::new(scenario);
    let total = grid.total().unwrap_or(MOST).min(MOST);
    let all = (0..total).map(|index| grid.numbers(&grid.choice(index)));
    all.filter(|numbers| grid.keeps(numbers).unwrap_or(false)).collect()
}
