//! The timeline, and what follows from it.

use super::span_of;
use crate::scenario::{End, Scenario};
use crate::tree::{Diagnostic, Diagnostics, Tree};
use protosim_core::Span;
use protosim_topologies::check::{Finding, check_timeline};
use protosim_topologies::faults::check_faults;
use protosim_topologies::routing::check_routing;
use protosim_topologies::{Routing, TimelineEvent, Topology};

/// Everything wrong with the timeline itself, and with routes that are to follow it.
pub(super) fn findings(topology: &Topology, scenario: &Scenario) -> Vec<Finding> {
    let mut found = check_timeline(topology, &scenario.timeline);
    // Routes cannot follow what is drawn in each run, which is said below.
    if found.is_empty() && scenario.faults.is_empty() {
        found = check_routing(topology, &scenario.timeline, scenario.routing);
    }
    found.extend(check_faults(&scenario.faults, &scenario.timeline, scenario.routing));
    found
}

/// What to do about a repetition that changes nothing: to leave it out would be no advice.
pub(super) fn advice(finding: &Finding) -> Option<String> {
    let is_repeated = finding.path.starts_with("timeline.") && finding.message.starts_with("has no effect at ");
    is_repeated.then(|| "between two times, another event that is repeated changes it back".to_owned())
}

/// Events that would come when the run is over.
pub(super) fn check_end(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    let End::After(end) = scenario.until else { return };
    let mut say = |path: String, message: String| {
        mistakes.push(Diagnostic::error("scenario::no-effect", span_of(tree, &path), message));
    };
    for (index, event) in scenario.timeline.iter().enumerate() {
        if event.at >= end {
            let when = if event.at == end { "and no later".to_owned() } else { format!("before {}", event.at) };
            say(format!("timeline.{index}.at"), format!("`at` has no effect: the run ends at {end}, {when}"));
        } else if let Some(last) = event.times.map(|times| event.time(times.saturating_sub(1)))
            && last >= end
            && event.every.is_some_and(|every| !every.is_zero())
        {
            let message = format!("the last of these would come at {last}, and the run ends at {end}");
            say(format!("timeline.{index}.times"), message);
        }
    }
    for (index, spec) in scenario.faults.iter().enumerate().filter(|(_, spec)| spec.until > end) {
        let message = format!("faults begin up to {}, and the run ends at {end}: some would never come", spec.until);
        say(format!("faults.{index}.until"), message);
    }
    let ups = scenario.timeline.iter().filter(|event| event.up.is_some());
    if let Routing::Follows { after } = scenario.routing
        && let Some(first) = ups.map(|event: &TimelineEvent| event.at).min()
        && first < end
        && first.saturating_add(after) >= end
    {
        let known: Span = first.saturating_add(after);
        let message =
            format!("`after` has no effect: the first change would be known at {known}, and the run ends at {end}");
        say("routing.after".to_owned(), message);
    }
}
