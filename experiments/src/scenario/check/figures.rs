//! Figures and expectations: what they name must exist, and their formulas must have values.

use super::axes::{check_condition_text, is_of_cases, not_a_number};
use super::cell_panels::check_cells;
use super::subjects::{Asked, Shown, check_subject};
use super::{listed, span_of};
use crate::scenario::grid::Grid;
use crate::scenario::{
    AxisSpec, End, Metric, Must, PanelSpec, PanelX, PointFilter, ScaleSpec, Scenario, VARIANT, evaluate,
};
use crate::tree::{Diagnostic, Diagnostics, Span, Tree, suggest};
use protosim_models::link::Bins;
use protosim_reports::figure::unsupported_character;
use protosim_reports::formula::{Bindings, Formula};

pub(super) fn check_figures(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    for (number, figure) in scenario.figures.iter().enumerate() {
        let at = |field: &str| span_of(tree, &format!("figures.{number}.{field}"));
        check_name(&figure.name, "a figure", at("name"), mistakes);
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
        let y_of = |panel: &PanelSpec| {
            let unit = panel.series.first().map(|series| series.metric.unit());
            // Of cells it is the scale of colours that is shared.
            let of_cells = panel
                .cells
                .as_ref()
                .map(|cells| (cells.scale, cells.decimals, panel.series.first().map(|series| series.label.clone())));
            let label = if of_cells.is_some() { String::new() } else { panel.y_label.clone() };
            (label, panel.y_scale, panel.x == PanelX::Distribution, unit, of_cells)
        };
        if figure.side_by_side && figure.panels.len() < 2 {
            let message = "`side_by_side` has no effect: there is one panel";
            mistakes.push(Diagnostic::error("scenario::no-effect", at("side_by_side"), message));
        }
        let has_pair = (1..figure.panels.len())
            .any(|k| figure.panels[..k].iter().any(|earlier| y_of(earlier) == y_of(&figure.panels[k])));
        if figure.same_y && !has_pair {
            let message = "`same_y` has no effect: no two panels have the same vertical axis";
            mistakes.push(Diagnostic::error("scenario::no-effect", at("same_y"), message));
        }
        for (index, panel) in figure.panels.iter().enumerate() {
            let inner = |field: &str| span_of(tree, &format!("figures.{number}.panels.{index}.{field}"));
            check_text(&panel.x_label, inner("x_label"), mistakes);
            check_text(&panel.y_label, inner("y_label"), mistakes);
            check_x(scenario, panel, &inner, mistakes);
            check_filter(scenario, panel.filter(), &inner, mistakes);
            if let Some(cells) = &panel.cells {
                check_cells(scenario, panel, cells, &inner, mistakes);
            }
            if panel.x.is_variant() && panel.variant.is_some() {
                let message = "`variant` has no effect: this panel has all variants side by side";
                mistakes.push(Diagnostic::error("scenario::no-effect", inner("variant"), message));
            }
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
                let asked = Asked {
                    app: series.app.as_deref(),
                    link: series.link.as_ref(),
                    direction: series.direction,
                    node: series.node.as_deref(),
                    metric: series.metric,
                    path: format!("figures.{number}.panels.{index}.series.{k}"),
                    shown: match &panel.x {
                        PanelX::Axis(name) if !panel.x.is_variant() && !is_axis(scenario, name) => Shown::Unknown,
                        PanelX::Axis(_) => Shown::Number,
                        PanelX::Time { .. } => Shown::Time,
                        PanelX::Distribution => Shown::Distribution,
                    },
                };
                check_subject(tree, scenario, &asked, mistakes);
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
        let asked = Asked {
            app: expectation.app.as_deref(),
            link: expectation.link.as_ref(),
            direction: expectation.direction,
            node: expectation.node.as_deref(),
            metric: expectation.metric,
            path: format!("expect.{index}"),
            shown: Shown::Number,
        };
        check_subject(tree, scenario, &asked, mistakes);
        check_formula(scenario, expectation.must.formula(), &expectation.bindings, at("must"), mistakes);
        check_filter(scenario, expectation.filter(), &at, mistakes);
        if expectation.in_each_run && matches!(expectation.must, Must::AgreeWith(_)) {
            let message =
                "one run has no interval that could agree with anything: `in_each_run` is for BeAtLeast and BeAtMost";
            mistakes.push(Diagnostic::error("scenario::no-effect", at("in_each_run"), message));
        }
    }
}

/// Which points a panel shows, or an expectation is of: there must be some.
fn check_filter(scenario: &Scenario, filter: PointFilter<'_>, at: &impl Fn(&str) -> Span, mistakes: &mut Diagnostics) {
    let before = mistakes.iter().count();
    if let Some(variant) = filter.variant {
        let variants: Vec<String> = scenario.variants.iter().map(|variant| variant.name.clone()).collect();
        check_known(variant, "variant", &variants, at("variant"), mistakes);
    }
    if let Some(condition) = filter.only_if {
        check_condition_text(scenario, condition, at("only_if"), mistakes);
        // Cases that `only` leaves out, as `--set` does, are there to be named all the same.
        let axes = scenario.axes.iter().map(|axis| AxisSpec { only: Vec::new(), ..axis.clone() }).collect();
        let some = combinations(&Scenario { axes, ..scenario.clone() });
        let holds = |values: &Vec<f64>| PointFilter { variant: None, ..filter }.includes(&scenario.axes, None, values);
        if mistakes.iter().count() == before && !some.iter().any(holds) {
            let message = "this condition holds at no point: nothing would be left";
            mistakes.push(Diagnostic::error("scenario::no-point", at("only_if"), message));
        }
    }
}

fn is_axis(scenario: &Scenario, name: &str) -> bool {
    scenario.axes.iter().any(|axis| axis.name == name)
}

/// What a panel has to the right, and what goes with it.
fn check_x(scenario: &Scenario, panel: &PanelSpec, at: &impl Fn(&str) -> Span, mistakes: &mut Diagnostics) {
    let is_variant = panel.x.is_variant() && !scenario.variants.is_empty();
    match &panel.x {
        PanelX::Axis(_) if is_variant => {
            if panel.x_scale != ScaleSpec::Linear {
                let message = "`x_scale` has no effect: variants have names, not numbers";
                mistakes.push(Diagnostic::error("scenario::no-effect", at("x_scale"), message));
            }
        }
        PanelX::Axis(x) => {
            if is_of_cases(scenario, x) && panel.x_scale != ScaleSpec::Linear {
                let message = "`x_scale` has no effect: cases have names, not numbers";
                mistakes.push(Diagnostic::error("scenario::no-effect", at("x_scale"), message));
            }
            let mut axes: Vec<String> = scenario.axes.iter().map(|axis| axis.name.clone()).collect();
            if !scenario.variants.is_empty() {
                axes.push(VARIANT.to_owned());
            }
            check_known(x, "axis", &axes, at("x"), mistakes);
        }
        PanelX::Time { bin } => check_bin(scenario, panel, *bin, at, mistakes),
        PanelX::Distribution => {}
    }
    let has_numbers = matches!(&panel.x, PanelX::Axis(x) if !is_of_cases(scenario, x)) && !is_variant;
    if !panel.formulas.is_empty() && !has_numbers {
        let message = "formulas are drawn over an axis of numbers, and this panel has none";
        let help = "choose an axis of the experiment as `x`, or leave the formulas out".to_owned();
        let error = Diagnostic::error("scenario::categorical-axis", at("formulas"), message).help(help);
        mistakes.push(error.also(at("x"), "the axis"));
    }
}

/// Rates need a bin, and only they and queue delays have one; bins are not too many.
fn check_bin(
    scenario: &Scenario,
    panel: &PanelSpec,
    bin: Option<protosim_core::Span>,
    at: &impl Fn(&str) -> Span,
    mistakes: &mut Diagnostics,
) {
    let needs = panel.series.iter().position(|series| series.metric.needs_bin());
    match (bin, needs) {
        (None, Some(k)) => {
            let message = format!("`{:?}` over time needs a bin to be counted in", panel.series[k].metric);
            let help = "write `x: Time(bin: \"100 ms\")`".to_owned();
            mistakes.push(Diagnostic::error("scenario::missing-field", at("x"), message).help(help));
        }
        (Some(_), None) => {
            let message = "`bin` has no effect: what is drawn here is drawn where it happens";
            mistakes.push(Diagnostic::error("scenario::no-effect", at("x.bin"), message));
        }
        (Some(bin), Some(_)) if bin.is_zero() => {
            let message = "a bin of no time holds nothing";
            mistakes.push(Diagnostic::error("scenario::out-of-range", at("x.bin"), message));
        }
        (Some(bin), Some(_)) => {
            if let End::After(end) = scenario.until
                && end.as_nanos() / bin.as_nanos() >= Bins::MOST
            {
                let message = format!("the run of {end} has more than {} bins of {bin}", Bins::MOST);
                mistakes.push(Diagnostic::error("scenario::out-of-range", at("x.bin"), message));
            }
        }
        (None, None) => {}
    }
}

pub(super) fn check_known(name: &str, noun: &str, known: &[String], place: Span, mistakes: &mut Diagnostics) {
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

/// A name that becomes a file's name.
pub(super) fn check_name(name: &str, whose: &str, place: Span, mistakes: &mut Diagnostics) {
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
        let message = format!("{whose}'s name becomes a file's name: letters, digits, `-` and `_`");
        mistakes.push(Diagnostic::error("scenario::bad-name", place, message));
    }
}

pub(super) fn check_text(text: &str, place: Span, mistakes: &mut Diagnostics) {
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
    let is_number = |name: &&str| !is_of_cases(scenario, name);
    let known: Vec<&str> = scenario.axes.iter().map(|axis| axis.name.as_str()).filter(is_number).collect();
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
                if is_of_cases(scenario, &unknown.name) {
                    refuse(format!("in the formula: {}", not_a_number(&unknown.name)));
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
        let filter = PointFilter { variant: None, ..expectation.filter() };
        let is_meant = |point: &Vec<f64>| filter.includes(&scenario.axes, None, point);
        let failure = |point: &Vec<f64>| {
            evaluate(&scenario.axes, text, &expectation.bindings, point).err().filter(|_| is_meant(point))
        };
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

/// At most so many combinations of values are looked at.
pub(super) const MOST_COMBINATIONS: usize = 10_000;

/// The values of all axes at every point; the first ten thousand are enough to look at.
pub(super) fn combinations(scenario: &Scenario) -> Vec<Vec<f64>> {
    let grid = Grid::new(scenario);
    let total = grid.total().unwrap_or(MOST_COMBINATIONS).min(MOST_COMBINATIONS);
    let all = (0..total).map(|index| grid.numbers(&grid.choice(index)));
    all.filter(|numbers| grid.keeps(numbers).unwrap_or(false)).collect()
}
