//! Whom metrics are of: an application or a direction of a link, and one that has such a metric.

use super::figures::check_known;
use super::span_of;
use crate::run::nodes_of_app;
use crate::scenario::{AppSpec, MeasureSpec, Metric, Milestone, Scenario, Scope, Subject, TotalName, Way, is_sink};
use crate::tree::{Diagnostic, Diagnostics, Tree, suggest};
use protosim_models::energy::Library;
use protosim_models::name::LinkName;
use protosim_topologies::NodeSpec;
use std::collections::BTreeSet;

/// What is asked for, and for what.
pub(super) struct Asked<'a> {
    pub(super) app: Option<&'a str>,
    pub(super) link: Option<&'a LinkName>,
    pub(super) direction: Option<Way>,
    pub(super) node: Option<&'a str>,
    pub(super) metric: Metric,
    /// Where it stands: `expect.0`.
    pub(super) path: String,
    pub(super) shown: Shown,
}

/// How a metric is to be shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shown {
    /// As one number at each point.
    Number,
    /// Over time.
    Time,
    /// As a distribution.
    Distribution,
    /// It is not known how: that is a mistake of its own.
    Unknown,
}

impl Shown {
    fn takes(self, metric: Metric) -> bool {
        match self {
            Self::Number => metric.is_summary(),
            Self::Time => metric.is_over_time(),
            Self::Distribution => metric.is_distribution(),
            Self::Unknown => true,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Number => "is one number at each point",
            Self::Time => "can be drawn over time",
            Self::Distribution => "has a distribution to draw",
            Self::Unknown => "can be shown",
        }
    }
}

/// What a metric is asked of must be there and have it.
pub(super) fn check_subject(tree: &Tree, scenario: &Scenario, asked: &Asked<'_>, mistakes: &mut Diagnostics) {
    let at = |field: &str| span_of(tree, &format!("{}.{field}", asked.path));
    if let Some(node) = asked.node {
        if check_node(scenario, node, asked, &at, mistakes) {
            check_shown(asked, &at, mistakes);
        }
        return;
    }
    match (asked.app, asked.link) {
        (None, None) => {
            let message = "say whom it is of: an `app`, a `link` with its `direction`, or a `node`";
            let place = span_of(tree, &asked.path);
            mistakes.push(Diagnostic::error("scenario::missing-field", place, message));
            return;
        }
        (Some(_), Some(_)) => {
            let message = "a metric is either of an `app` or of a `link`";
            let error = Diagnostic::error("scenario::no-effect", at("link"), message);
            mistakes.push(error.also(at("app"), "the first one"));
            return;
        }
        (Some(app), None) => {
            if asked.direction.is_some() {
                let message = "`direction` has no effect: it is of links, and this is of an application";
                mistakes.push(Diagnostic::error("scenario::no-effect", at("direction"), message));
            }
            if !check_app(scenario, app, asked, &at, mistakes) {
                return;
            }
        }
        (None, Some(_)) => {
            if asked.direction.is_none() {
                let message = "each direction of a link is measured by itself: say `direction: Forward` or `Backward`";
                mistakes.push(Diagnostic::error("scenario::missing-field", at("link"), message));
            }
            if asked.metric.of() != Scope::Direction {
                return wrong_metric(asked, "a direction of a link", &[Scope::Direction], &at, mistakes);
            }
        }
    }
    check_shown(asked, &at, mistakes);
}

/// The metric can be shown as it is to be.
fn check_shown(asked: &Asked<'_>, at: &impl Fn(&str) -> crate::tree::Span, mistakes: &mut Diagnostics) {
    if !asked.shown.takes(asked.metric) {
        let message = format!("`{:?}` is nothing that {}", asked.metric, asked.shown.name());
        let help = fitting(&[asked.metric.of()], asked.shown);
        mistakes.push(Diagnostic::error("scenario::wrong-metric", at("metric"), message).help(help));
    }
}

/// True if the node or the group is there, has devices that are metered, and the metric is of such.
fn check_node(
    scenario: &Scenario,
    name: &str,
    asked: &Asked<'_>,
    at: &impl Fn(&str) -> crate::tree::Span,
    mistakes: &mut Diagnostics,
) -> bool {
    for (field, is_given) in
        [("app", asked.app.is_some()), ("link", asked.link.is_some()), ("direction", asked.direction.is_some())]
    {
        if is_given {
            let message = format!("a metric of a `node` has no `{field}`");
            mistakes.push(Diagnostic::error("scenario::no-effect", at(field), message));
            return false;
        }
    }
    if asked.metric.of() != Scope::Devices {
        wrong_metric(asked, "a node", &[Scope::Devices], at, mistakes);
        return false;
    }
    let known = scenario.nodes.iter().map(|node| node.name.as_str()).chain(scenario.sets.names());
    let known: Vec<String> = known.map(str::to_owned).collect();
    if !known.iter().any(|known| known == name) {
        check_known(name, "node", &known, at("node"), mistakes);
        return false;
    }
    check_metered(scenario, &scenario.sets.members(name).collect::<Vec<_>>(), &at("node"), mistakes)
}

/// True if all of these nodes have a device with a profile.
fn check_metered(scenario: &Scenario, nodes: &[&str], at: &crate::tree::Span, mistakes: &mut Diagnostics) -> bool {
    let nodes: BTreeSet<&str> = nodes.iter().copied().collect();
    let has_profile = |node: &NodeSpec| node.device.as_ref().is_some_and(|device| device.profile.is_some());
    let own = scenario.nodes.iter().filter(|node| nodes.contains(node.name.as_str()));
    let Some(ideal) = own.into_iter().find(|node| !has_profile(node)) else { return true };
    let message = format!("nothing is metered of `{}`: its `device` has no `profile`", ideal.name);
    let names = Library::shipped().names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let help = format!("shipped profiles are {names}");
    mistakes.push(Diagnostic::error("scenario::unknown-metric", *at, message).help(help));
    false
}

/// True if the application is there and has such metrics.
fn check_app(
    scenario: &Scenario,
    name: &str,
    asked: &Asked<'_>,
    at: &impl Fn(&str) -> crate::tree::Span,
    mistakes: &mut Diagnostics,
) -> bool {
    if let Metric::Total(total) = asked.metric {
        return check_total(scenario, name, total, at, mistakes);
    }
    let app = scenario.apps.iter().find(|app| app.name == name);
    if app.is_some() && asked.metric.of() == Scope::Devices {
        return check_metered(scenario, &nodes_of_app(scenario, name), &at("app"), mistakes);
    }
    let known = app.map(scopes_of).filter(|own| !own.is_empty());
    match (known, asked.metric.of()) {
        (Some(own), wanted) if own.contains(&wanted) => {
            if asked.metric.is_of_datagrams() && app.is_some_and(|app| app.run.tcp().is_some()) {
                let message = format!("`{:?}` is of datagrams, and `{name}` takes streams", asked.metric);
                let error = Diagnostic::error("scenario::unknown-metric", at("metric"), message);
                mistakes.push(error.help("`Goodput` is of streams too".to_owned()));
            }
            if let Some((message, help)) = unknown(scenario, name, asked.metric) {
                let error = Diagnostic::error("scenario::unknown-metric", at("metric"), message);
                mistakes.push(error.help(help.to_owned()));
            }
            if wanted == Scope::Traffic
                && let Some(other) = scenario.apps.iter().find(|app| app.name != name && app.run.begins_traffic())
            {
                let message = format!(
                    "whose packets these are nobody can tell: `{}` has exchanges or sends by itself, too",
                    other.name
                );
                let error = Diagnostic::error("scenario::unknown-metric", at("metric"), message);
                mistakes.push(error.help("make each of them an experiment of its own, or a variant".to_owned()));
            }
            if wanted == Scope::DevicesPerExchange {
                return check_metered(scenario, &nodes_of_app(scenario, name), &at("app"), mistakes);
            }
            return true;
        }
        (Some(own), _) => {
            let whom = match own.first() {
                Some(Scope::Sink) => "a sink",
                Some(Scope::Connections) => "an application with connections",
                _ => "an application with exchanges",
            };
            wrong_metric(asked, whom, &own, at, mistakes);
        }
        (None, wanted) => {
            let noun = match wanted {
                Scope::Sink => "sink",
                Scope::Connections => "application with connections",
                Scope::Devices => "application",
                Scope::DevicesPerExchange
                | Scope::Exchanges
                | Scope::Traffic
                | Scope::Rates
                | Scope::Direction
                | Scope::Counts => "application with exchanges",
            };
            // A metric of links that an application is asked for: any application that has metrics would do.
            let fits = |app: &&AppSpec| {
                let own = scopes_of(app);
                own.contains(&wanted) || wanted == Scope::Devices || wanted == Scope::Direction && !own.is_empty()
            };
            let names: Vec<String> = scenario.apps.iter().filter(fits).map(|app| app.name.clone()).collect();
            check_known(name, noun, &names, at("app"), mistakes);
        }
    }
    false
}

/// Why nobody knows a metric of an application's exchanges, and what helps, if so.
fn unknown(scenario: &Scenario, name: &str, metric: Metric) -> Option<(String, &'static str)> {
    let milestone = metric.milestone()?;
    let help = match (milestone, metric) {
        (Milestone::Delivery, Metric::Delivered) => "`Completed` is the share that was answered",
        (Milestone::Delivery, Metric::EnergyPerDelivery) => "`EnergyPerCompletion` is of whole exchanges",
        (Milestone::Delivery, Metric::DeliveryRate) => "`CompletionRate` is of whole exchanges",
        _ => "`MeanCompletion` and its like are of whole exchanges",
    };
    let mut own = scenario.apps.iter().filter(|app| app.name == name);
    let message = match milestone {
        Milestone::Delivery if !own.all(|app| app.run.knows_delivery()) => {
            format!("of `{name}` nobody knows what was delivered: what answers it does not say so")
        }
        Milestone::Delivery if scenario.has_nat() => {
            "nobody knows what was delivered: behind a NAT the two ends call an exchange by different addresses"
                .to_owned()
        }
        Milestone::FirstByte if !own.all(|app| app.run.knows_first_byte()) => {
            format!("of `{name}` nobody knows when a response begins: it comes whole, or it is none")
        }
        Milestone::Completion | Milestone::Delivery | Milestone::FirstByte => return None,
    };
    Some((message, help))
}

/// True if the application is there and counts such a thing.
fn check_total(
    scenario: &Scenario,
    name: &str,
    total: TotalName,
    at: &impl Fn(&str) -> crate::tree::Span,
    mistakes: &mut Diagnostics,
) -> bool {
    // A group has an application for each member, all of one name and one kind.
    let Some(app) = scenario.apps.iter().find(|app| app.name == name) else {
        let names: Vec<String> = scenario.apps.iter().map(|app| app.name.clone()).collect();
        check_known(name, "application", &names, at("app"), mistakes);
        return false;
    };
    // One that contradicts itself cannot be made; that is said already.
    if !app.run.check().is_empty() {
        return false;
    }
    let of_messages = app.run.messages().map_or_else(Vec::new, |counts| counts.totals());
    let of_messages = of_messages.iter().map(|total| total.name);
    if !scenario.ledger && of_messages.clone().any(|name| name == total.counted()) {
        let message = format!("`{}` is counted where messages are followed from end to end", total.counted());
        let help = "say `ledger: true` in the scenario".to_owned();
        mistakes.push(Diagnostic::error("scenario::unknown-metric", at("metric"), message).help(help));
        return false;
    }
    let mut counted = app.run.counted();
    if scenario.ledger {
        counted.extend(of_messages);
    }
    if counted.contains(&total.counted()) {
        return true;
    }
    let message = format!("`{name}` counts nothing that is called `{}`", total.counted());
    let help = match suggest(total.counted(), counted.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if counted.is_empty() => "it counts nothing".to_owned(),
        None => {
            let names: Vec<String> = counted.iter().map(|name| format!("`{name}`")).collect();
            format!("it counts {}", names.join(", "))
        }
    };
    mistakes.push(Diagnostic::error("scenario::unknown-metric", at("metric"), message).help(help));
    false
}

/// What metrics of an application may be of.
fn scopes_of(app: &AppSpec) -> Vec<Scope> {
    let all = [
        (app.run.has_exchanges(), Scope::Exchanges),
        (app.run.has_exchanges(), Scope::Traffic),
        (app.run.has_exchanges(), Scope::Rates),
        (app.run.has_exchanges(), Scope::DevicesPerExchange),
        (is_sink(app), Scope::Sink),
        (app.run.tcp().is_some(), Scope::Connections),
    ];
    all.into_iter().filter(|(has, _)| *has).map(|(_, scope)| scope).collect()
}

fn wrong_metric(
    asked: &Asked<'_>,
    whom: &str,
    own: &[Scope],
    at: &impl Fn(&str) -> crate::tree::Span,
    mistakes: &mut Diagnostics,
) {
    let message = format!("`{:?}` is of {}, and this is of {whom}", asked.metric, asked.metric.of().name());
    let help = fitting(own, asked.shown);
    mistakes.push(Diagnostic::error("scenario::wrong-metric", at("metric"), message).help(help));
}

/// The metrics that would do.
fn fitting(of: &[Scope], shown: Shown) -> Option<String> {
    let fits = |metric: &Metric| of.contains(&metric.of()) && shown.takes(*metric);
    let names: Vec<String> = Metric::ALL.into_iter().filter(fits).map(|metric| format!("`{metric:?}`")).collect();
    let whose = of.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" and ");
    (!names.is_empty()).then(|| format!("of {whose} there are here: {}", names.join(", ")))
}

/// What is to be measured beside figures and expectations.
pub(super) fn check_measures(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    for (index, measure) in scenario.measure.iter().enumerate() {
        let MeasureSpec { app, link, direction, node, metric } = measure;
        let asked = Asked {
            app: app.as_deref(),
            link: link.as_ref(),
            direction: *direction,
            node: node.as_deref(),
            metric: *metric,
            path: format!("measure.{index}"),
            shown: Shown::Number,
        };
        check_subject(tree, scenario, &asked, mistakes);
        let place = span_of(tree, &format!("measure.{index}"));
        if let Some(Subject::App(app)) = measure.subject()
            && metric.of() == Scope::Exchanges
            && scenario.apps.iter().any(|other| other.name == app && other.run.has_exchanges())
        {
            let message = "this has no effect: all metrics of exchanges are in the summary anyway";
            mistakes.push(Diagnostic::error("scenario::no-effect", place, message));
        }
        if let Some(first) = scenario.measure[..index].iter().position(|other| other == measure) {
            let first = span_of(tree, &format!("measure.{first}"));
            let error = Diagnostic::error("scenario::no-effect", place, "this is measured twice");
            mistakes.push(error.also(first, "the first time"));
        }
    }
}
