//! Everything that can be wrong with a scenario beyond its types: references, contradictions, fields without effect.

use super::{Scenario, point::AxisValue};
use crate::tree::{Diagnostic, Diagnostics, Path, Reference, ReferenceKind, Span, Tree, suggest};
use protosim_reports::figure::unsupported_character;
use protosim_reports::formula::{Bindings, Formula};
use protosim_topologies::Plan;
use protosim_topologies::check::{Kind, check_timeline, check_topology, is_reachable};
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

/// The place of a path, or of the nearest part of it that is written out.
pub(super) fn span_of(tree: &Tree, path: &str) -> Span {
    let mut path = path;
    loop {
        let node = path.parse::<Path>().ok().and_then(|path| tree.get(&path).ok());
        match (node, path.rsplit_once('.')) {
            (Some(node), _) => return node.span,
            (None, Some((parent, _))) => path = parent,
            (None, None) => return tree.root.span,
        }
    }
}

/// Checks that every name of a node or link refers to one.
pub(super) fn check_references(tree: &Tree, references: &[Reference], mistakes: &mut Diagnostics) {
    let names = |list: &str| -> Vec<String> {
        let items = tree.root.field(list).map(|node| match &node.kind {
            crate::tree::Kind::List(items) => items.as_slice(),
            _ => &[],
        });
        let items = items.unwrap_or_default();
        items.iter().filter_map(|item| item.field("name")?.as_str().map(str::to_owned)).collect()
    };
    let nodes = names("nodes");
    let mut links = names("links");
    if let Some(crate::tree::Kind::List(items)) = tree.root.field("links").map(|node| &node.kind) {
        links.extend(items.iter().filter(|item| item.field("name").is_none()).filter_map(unnamed_link));
    }
    for reference in references {
        let (noun, known) = match reference.kind {
            ReferenceKind::Node => ("node", &nodes),
            ReferenceKind::Link => ("link", &links),
        };
        if known.contains(&reference.text) {
            continue;
        }
        let message = format!("there is no {noun} called `{}`", reference.text);
        let near = suggest(&reference.text, known.iter().map(String::as_str));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("{noun}s are: {}", listed(known)),
        };
        let label = format!("no {noun} has this name");
        let id = if noun == "node" { "scenario::unknown-node" } else { "scenario::unknown-link" };
        mistakes.push(Diagnostic::error(id, reference.span, message).label(label).help(help));
    }
}

/// The name of a link that has none of its own.
fn unnamed_link(item: &crate::tree::Node) -> Option<String> {
    match &item.field("ends")?.kind {
        crate::tree::Kind::Tuple { items, .. } => match items.as_slice() {
            [first, second] => Some(format!("{}--{}", first.as_str()?, second.as_str()?)),
            _ => None,
        },
        _ => None,
    }
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let mut text = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text += &format!(" and {} more", names.len() - SHOWN);
    }
    if text.is_empty() { "none".to_owned() } else { text }
}

/// Everything else.
pub(super) fn check_scenario(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    let topology = scenario.topology();
    let mut findings = check_topology(&topology);
    findings.extend(check_timeline(&topology, &scenario.timeline));
    for finding in findings {
        let id = match finding.kind {
            Kind::DuplicateName => "scenario::duplicate-name",
            Kind::BadName => "scenario::bad-name",
            Kind::NoEffect => "scenario::no-effect",
            Kind::LinkToSelf => "scenario::link-to-self",
            Kind::OutOfRange => "scenario::out-of-range",
        };
        let field = finding.path.rsplit('.').next().unwrap_or_default();
        let message = if finding.message.starts_with("has no effect") {
            format!("`{field}` {}", finding.message)
        } else {
            finding.message.clone()
        };
        let mut diagnostic = Diagnostic::error(id, span_of(tree, &finding.path), message);
        if let Some((other, remark)) = finding.other {
            diagnostic = diagnostic.also(span_of(tree, &other), remark);
        }
        mistakes.push(diagnostic);
    }
    check_counts(tree, scenario, mistakes);
    check_apps(tree, scenario, mistakes);
    check_axes(tree, scenario, mistakes);
    check_figures(tree, scenario, mistakes);
    check_expectations(tree, scenario, mistakes);
    if !mistakes.has_errors() {
        check_paths(tree, scenario, mistakes);
    }
}

fn check_counts(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    let mut refuse = |path: &str, message: &str| {
        mistakes.push(Diagnostic::error("scenario::out-of-range", span_of(tree, path), message));
    };
    if scenario.replications == 0 {
        refuse("replications", "an experiment has at least one replication");
    }
    if scenario.until == super::End::After(protosim_core::Span::ZERO) {
        refuse("until", "a run of no time shows nothing");
    }
    if scenario.nodes.is_empty() {
        refuse("nodes", "a network has at least one node");
    }
    if scenario.apps.is_empty() {
        refuse("apps", "without applications nothing happens");
    }
    if scenario.replications > 1_000_000 {
        refuse("replications", "more than 1000000 replications");
    }
    if scenario.confidence.is_zero() || scenario.confidence == protosim_core::Ratio::ONE {
        refuse("confidence", "a confidence lies between 0 % and 100 %, and is neither");
    }
}

fn check_apps(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    let mut ports: BTreeMap<(&str, u16), usize> = BTreeMap::new();
    for (index, app) in scenario.apps.iter().enumerate() {
        if let Some(earlier) = names.insert(&app.name, index) {
            let message = format!("another application is called `{}` too", app.name);
            let diagnostic =
                Diagnostic::error("scenario::duplicate-name", span_of(tree, &format!("apps.{index}.name")), message)
                    .also(span_of(tree, &format!("apps.{earlier}.name")), format!("the first `{}`", app.name));
            mistakes.push(diagnostic);
        }
        if let Some(port) = app.run.listens_on()
            && let Some(earlier) = ports.insert((&app.on.0, port), index)
        {
            let message = format!("two applications on `{}` listen on UDP port {port}", app.on.0);
            let diagnostic =
                Diagnostic::error("scenario::port-taken", span_of(tree, &format!("apps.{index}.run.port")), message)
                    .also(span_of(tree, &format!("apps.{earlier}.run.port")), "the first one");
            mistakes.push(diagnostic);
        }
        if scenario.until == super::End::Quiet && !app.run.has_end() {
            let message = format!("`{}` never ends, and the run goes on until all is quiet", app.name);
            let place = span_of(tree, &format!("apps.{index}.run"));
            let help = "give it a `count` (or a `stop`), or the scenario an `until: After(\"60 s\")`".to_owned();
            mistakes.push(Diagnostic::error("scenario::endless", place, message).help(help));
        }
        if app.name.is_empty() || !app.name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_')) {
            let message = "an application's name is made of letters, digits, `-` and `_`";
            mistakes.push(Diagnostic::error(
                "scenario::bad-name",
                span_of(tree, &format!("apps.{index}.name")),
                message,
            ));
        }
        for (field, message) in app.run.check() {
            let path = format!("apps.{index}.run.{field}");
            let message = format!("`{field}` {message}");
            mistakes.push(Diagnostic::error("scenario::no-effect", span_of(tree, &path), message));
        }
    }
}

fn check_axes(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
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
    }
}

/// What an axis varies, and with which values.
fn check_axis_field(tree: &Tree, scenario: &Scenario, index: usize, mistakes: &mut Diagnostics) {
    let axis = &scenario.axes[index];
    let at = |field: &str| span_of(tree, &format!("axes.{index}{field}"));
    if RESERVED.contains(&axis.name.as_str()) {
        let message = format!("`{}` is a column of the tables already; call the axis something else", axis.name);
        mistakes.push(Diagnostic::error("scenario::bad-name", at(".name"), message));
    }
    let root = axis.path.split(['.', '[']).next().unwrap_or_default();
    let is_known = tree.root.field(root).is_some();
    if is_known && !VARIABLE.contains(&root) {
        let message = format!("an axis cannot vary `{root}`: it is one for the whole experiment");
        let help = format!("an axis varies something in {}", VARIABLE.join(", "));
        mistakes.push(Diagnostic::error("scenario::not-variable", at(".path"), message).help(help));
    }
    if let Some(earlier) = scenario.axes[..index].iter().position(|other| other.path == axis.path) {
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
        // The last field may be absent: its default is varied then.
        let mut parents = parsed.clone();
        parents.segments.pop();
        if parents.segments.is_empty() { Ok(()) } else { tree.get(&parents).map(|_| ()) }
    });
    if let Err(error) = result {
        mistakes.push(Diagnostic::error("scenario::unknown-path", place, error.message).help(error.help));
    }
}

fn check_figures(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
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
        for (index, panel) in figure.panels.iter().enumerate() {
            let inner = |field: &str| span_of(tree, &format!("figures.{number}.panels.{index}.{field}"));
            check_text(&panel.x_label, inner("x_label"), mistakes);
            check_text(&panel.y_label, inner("y_label"), mistakes);
            let axes: Vec<String> = scenario.axes.iter().map(|axis| axis.name.clone()).collect();
            check_known(&panel.x, "axis", &axes, inner("x"), mistakes);
            if panel.series.is_empty() {
                let message = "a panel without series shows nothing measured";
                mistakes.push(Diagnostic::error("scenario::no-effect", inner("series"), message));
            }
            for (k, series) in panel.series.iter().enumerate() {
                check_text(&series.label, inner(&format!("series.{k}.label")), mistakes);
                check_app(scenario, &series.app, inner(&format!("series.{k}.app")), mistakes);
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

fn check_expectations(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    for (index, expectation) in scenario.expect.iter().enumerate() {
        let at = |field: &str| span_of(tree, &format!("expect.{index}.{field}"));
        check_app(scenario, &expectation.app, at("app"), mistakes);
        check_formula(scenario, expectation.must.formula(), &expectation.bindings, at("must"), mistakes);
    }
}

/// The name of an application that has exchanges.
fn check_app(scenario: &Scenario, name: &str, place: Span, mistakes: &mut Diagnostics) {
    let with_exchanges = |app: &&super::AppSpec| app.run.has_exchanges();
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
                match binding {
                    Some(name) => refuse(format!("in `where`, in `{name}`: {unknown}")),
                    None => refuse(format!("in the formula: {unknown}")),
                }
            }
        }
    }
}

/// Whom applications talk to must be reachable.
fn check_paths(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    let plan = Plan::new(scenario.topology(), Vec::new());
    for (index, app) in scenario.apps.iter().enumerate() {
        let (Some(to), Some(from)) = (app.run.destination(), plan.node(&app.on.0)) else { continue };
        let Some(target) = plan.node(&to.0) else { continue };
        let place = span_of(tree, &format!("apps.{index}.run.to"));
        if plan.address(target).is_none() {
            let message = format!("`{}` has no link, and so no address", to.0);
            mistakes.push(Diagnostic::error("scenario::unreachable", place, message));
        } else if !is_reachable(plan.graph(), from, target) {
            let message = format!("no path leads from `{}` to `{}`", app.on.0, to.0);
            mistakes.push(Diagnostic::error("scenario::unreachable", place, message));
        }
    }
}
