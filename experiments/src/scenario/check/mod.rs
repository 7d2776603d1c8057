//! Everything that can be wrong with a scenario beyond its types: references, contradictions, fields without effect.

mod apps;
mod axes;
mod cases;
mod cell_panels;
mod channels;
mod devices;
mod diagrams;
mod distributions;
mod figures;
mod fork;
mod media;
mod references;
mod sequential;
mod subjects;
mod timeline;
mod tls;
mod variants;

pub(super) use apps::check_paths;
pub(super) use axes::{case_settings, target_place, value_place};
pub(super) use figures::check_values;
pub(super) use references::check_references;
pub(super) use variants::settings;

use super::expand::Expansion;
use super::{End, Point, Scenario, WarmupSpec};
use crate::tree::{Diagnostic, Diagnostics, Span, Tree};
use protosim_core::Span as Duration;
use protosim_reports::statistics::Confidence;
use protosim_topologies::check::{Kind, check_topology};
use std::collections::BTreeSet;

/// Everything but references.
///
/// `written` is the tree before groups and networks were expanded: what paths of axes and variants lead into.
pub(super) fn check_scenario(written: &Tree, made: &Expansion, scenario: &Scenario, mistakes: &mut Diagnostics) {
    let mut found = Diagnostics::default();
    check_all(written, &made.tree, scenario, &mut found);
    let mut told: BTreeSet<(&str, Span)> = BTreeSet::new();
    for diagnostic in found.iter() {
        // Each member of a group has the mistakes of all.
        if made.is_repeated(diagnostic.primary.span) && !told.insert((diagnostic.id, diagnostic.primary.span)) {
            continue;
        }
        let is_idle = diagnostic.id == "scenario::no-effect" && diagnostic.message.contains("has no effect");
        let advice = is_idle.then(|| "leave it out".to_owned());
        let own = diagnostic.help.clone();
        mistakes.push(diagnostic.clone().help(own.or(advice)));
    }
}

fn check_all(written: &Tree, tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    let topology = scenario.topology();
    let mut findings = check_topology(&topology);
    findings.extend(timeline::findings(&topology, scenario));
    for finding in findings {
        let id = match finding.kind {
            Kind::DuplicateName => "scenario::duplicate-name",
            Kind::BadName => "scenario::bad-name",
            Kind::NoEffect => "scenario::no-effect",
            Kind::LinkToSelf => "scenario::link-to-self",
            Kind::OutOfRange => "scenario::out-of-range",
        };
        let field = finding.path.rsplit('.').next().unwrap_or_default();
        let message = if finding.message.starts_with("has no effect") || finding.message.starts_with("is ") {
            format!("`{field}` {}", finding.message)
        } else {
            finding.message.clone()
        };
        let mut diagnostic = Diagnostic::error(id, span_of(tree, &finding.path), message);
        diagnostic = diagnostic.help(timeline::advice(&finding));
        if finding.kind == Kind::DuplicateName && field == "name" {
            diagnostic = diagnostic.help(tree.text_at(&finding.path).map(free_name));
        }
        if let Some((other, remark)) = finding.other {
            diagnostic = diagnostic.also(span_of(tree, &other), remark);
        }
        mistakes.push(diagnostic);
    }
    timeline::check_end(tree, scenario, mistakes);
    check_counts(tree, scenario, mistakes);
    // Both are resolved and taken out before the scenario is read; what is left came later, or a second time.
    for (field, is_left) in [("include", !scenario.include.is_empty()), ("templates", !scenario.templates.is_empty())] {
        if is_left {
            let message = format!("`{field}` has no effect here: it stands once, in the file itself");
            mistakes.push(Diagnostic::error("scenario::no-effect", span_of(tree, field), message));
        }
    }
    devices::check_profiles(tree, scenario, mistakes);
    devices::check_devices(tree, scenario, mistakes);
    apps::check_apps(tree, scenario, mistakes);
    media::check_quiet(tree, scenario, mistakes);
    apps::check_media_end(tree, scenario, mistakes);
    apps::check_groups(tree, scenario, mistakes);
    axes::check_axes(written, scenario, mistakes);
    axes::check_design(written, scenario, mistakes);
    axes::check_condition(tree, scenario, mistakes);
    variants::check_variants(written, scenario, mistakes);
    check_window(tree, scenario, mistakes);
    figures::check_figures(tree, scenario, mistakes);
    figures::check_expectations(tree, scenario, mistakes);
    subjects::check_measures(tree, scenario, mistakes);
    sequential::check_sequential(tree, scenario, mistakes);
    distributions::check_distributions(tree, scenario, mistakes);
    diagrams::check_diagrams(tree, scenario, mistakes);
}

/// What can run, but probably not as meant; and what is wrong with points together. `points` are all of the scenario's.
pub(super) fn warn(tree: &Tree, scenario: &Scenario, points: &[Point], warnings: &mut Diagnostics) {
    apps::warn_of_silence(tree, scenario, warnings);
    apps::warn_of_twins(tree, scenario, warnings);
    apps::warn_of_idle_servers(tree, scenario, warnings);
    apps::warn_of_fragments(tree, scenario, warnings);
    figures::warn_of_idle_condition(tree, scenario, warnings);
    apps::warn_of_the_clock(tree, scenario, warnings);
    tls::warn_of_idle_fields(tree, scenario, points, warnings);
    axes::warn_of_imbalance(tree, scenario, warnings);
    fork::check_fork(tree, scenario, points, warnings);
}

/// What is measured lies within the run.
fn check_window(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    let zero = Duration::ZERO;
    if let Some(WarmupSpec::Mser5 { app, link, direction, metric }) = &scenario.warmup {
        let asked = subjects::Asked {
            app: app.as_deref(),
            link: link.as_ref(),
            direction: *direction,
            node: None,
            metric: *metric,
            path: "warmup".to_owned(),
            shown: subjects::Shown::Distribution,
        };
        subjects::check_subject(tree, scenario, &asked, mistakes);
    }
    if scenario.warmup == Some(WarmupSpec::Fixed(zero)) {
        let message = "`warmup` has no effect: all counts from the start anyway";
        mistakes.push(Diagnostic::error("scenario::no-effect", span_of(tree, "warmup"), message));
    }
    if scenario.window == Some(zero) {
        let message = "in a window of no time nothing counts";
        mistakes.push(Diagnostic::error("scenario::out-of-range", span_of(tree, "window"), message));
    }
    let End::After(end) = scenario.until else { return };
    let until = span_of(tree, "until");
    let warmup = scenario.fixed_warmup().saturating_since(protosim_core::SimTime::ZERO);
    if warmup >= end {
        let message = format!("nothing counts: the warm-up ends at {warmup}, and the run at {end}");
        let error = Diagnostic::error("scenario::out-of-range", span_of(tree, "warmup"), message);
        mistakes.push(error.also(until, "the end of the run"));
    } else if let Some(window) = scenario.window.filter(|window| warmup.saturating_add(*window) >= end) {
        let message = format!(
            "`window` has no effect: it would end at {}, and the run ends at {end}",
            warmup.saturating_add(window)
        );
        let error = Diagnostic::error("scenario::no-effect", span_of(tree, "window"), message);
        mistakes.push(error.also(until, "the end of the run"));
    }
}

fn check_counts(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    if scenario.ledger && scenario.apps.iter().all(|app| app.run.messages().is_none()) {
        let message = "`ledger` has no effect: no application has messages that could be followed; those of clients of AMQP and MQTT can";
        mistakes.push(Diagnostic::error("scenario::no-effect", span_of(tree, "ledger"), message));
    }
    let mut refuse = |path: &str, message: &str| {
        mistakes.push(Diagnostic::error("scenario::out-of-range", span_of(tree, path), message));
    };
    if scenario.replications == 0 {
        refuse("replications", "an experiment has at least one replication");
    }
    if scenario.until == End::After(protosim_core::Span::ZERO) {
        refuse("until", "a run of no time shows nothing");
    }
    if scenario.nodes.is_empty() && scenario.networks.is_empty() {
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
    } else if Confidence::from_level(scenario.confidence.as_f64()).is_none() {
        refuse("confidence", "so near to 100 % no interval can be computed");
    }
    if scenario.limits.events == Some(0) {
        refuse("limits.events", "without events nothing happens");
    }
    if scenario.limits.memory.is_some_and(|memory| memory.as_bytes() == 0) {
        refuse("limits.memory", "without memory there is no packet");
    }
    if scenario.limits.steps_per_instant == Some(0) {
        refuse("limits.steps_per_instant", "without a step nothing happens");
    }
}

/// The place of a path, or of the nearest part of it that is written out.
pub(in crate::scenario) fn span_of(tree: &Tree, path: &str) -> Span {
    let mut path = path;
    loop {
        let node = tree.at(path);
        match (node, path.rsplit_once('.')) {
            (Some(node), _) => return node.span,
            (None, Some((parent, _))) => path = parent,
            (None, None) => return tree.root.span,
        }
    }
}

/// The place of the name in front of what stands at a path: all of it would hide what is wrong inside.
fn head_of(tree: &Tree, path: &str) -> Span {
    let node = tree.at(path);
    node.and_then(|node| node.name()).map_or_else(|| span_of(tree, path), |name| name.span)
}

/// What to do about a name that is taken.
fn free_name(taken: &str) -> String {
    format!("call it something else, such as `{taken}-2`")
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let mut text = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text += &format!(" and {} more", names.len() - SHOWN);
    }
    if text.is_empty() { "none".to_owned() } else { text }
}
