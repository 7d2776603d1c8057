//! How samples are kept: what is asked for is there, and nothing is to be drawn of what is not.

use super::span_of;
use crate::scenario::{DistributionsSpec, Keep, Metric, PanelX, Scenario, Scope};
use crate::tree::{Diagnostic, Diagnostics, Tree};

pub(super) fn check_distributions(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    let DistributionsSpec { exchanges, delays, waits } = scenario.distributions;
    let mut idle = |field: &str, why: &str| {
        let message = format!("`{field}` has no effect: {why}");
        let place = span_of(tree, &format!("distributions.{field}"));
        mistakes.push(Diagnostic::error("scenario::no-effect", place, message));
    };
    if delays == Keep::Samples && scenario.measures.sinks.is_empty() {
        idle("delays", "no sink is measured");
    }
    if waits == Keep::Samples && scenario.measures.links.is_empty() {
        idle("waits", "no link is measured");
    }
    if exchanges == Keep::Samples {
        return;
    }
    if !scenario.apps.iter().any(|app| app.run.has_exchanges()) {
        idle("exchanges", "no application has any");
    }
    for (number, figure) in scenario.figures.iter().enumerate() {
        for (index, panel) in figure.panels.iter().enumerate().filter(|(_, panel)| is_over_time(&panel.x)) {
            let is_single = |metric: Metric| metric.of() == Scope::Exchanges;
            if let Some(k) = panel.series.iter().position(|series| is_single(series.metric)) {
                let place = span_of(tree, &format!("figures.{number}.panels.{index}.series.{k}.metric"));
                let message = "single exchanges cannot be drawn over time: they are kept as sketches";
                let error = Diagnostic::error("scenario::no-effect", place, message);
                mistakes.push(error.also(span_of(tree, "distributions"), "this says so"));
            }
        }
    }
}

fn is_over_time(x: &PanelX) -> bool {
    matches!(x, PanelX::Time { .. })
}
