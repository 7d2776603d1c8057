//! Points that go on from copies of one world: some have to, and what they differ in has to be something that a world can be told under
//! way.

use super::span_of;
use crate::run::groups;
use crate::scenario::{Point, Scenario, WarmupSpec};
use crate::tree::{Diagnostic, Diagnostics, Tree};
use protosim_core::Span;

pub(super) fn check_fork(tree: &Tree, scenario: &Scenario, points: &[Point], mistakes: &mut Diagnostics) {
    let Some(at) = scenario.fork_at else { return };
    let place = span_of(tree, "fork_at");
    let mut refuse = |id: &'static str, message: String, help: Option<String>| {
        mistakes.push(Diagnostic::error(id, place, message).help(help));
    };
    if at == Span::ZERO {
        return refuse("scenario::out-of-range", "at the start nothing is shared yet".to_owned(), None);
    }
    let scenarios: Vec<&Scenario> = points.iter().map(|point| &point.scenario).collect();
    if scenarios.iter().any(|scenario| matches!(scenario.warmup, Some(WarmupSpec::Mser5 { .. }))) {
        let message =
            "`fork_at` has no effect beside `warmup: Mser5(…)`, which makes runs anew behind the warm-up that it finds";
        return refuse("scenario::no-effect", message.to_owned(), None);
    }
    if scenarios.iter().any(|scenario| !scenario.faults.is_empty()) {
        let message =
            "`fork_at` and `faults` exclude each other: worlds that are hit at random are made from their starts";
        return refuse("scenario::no-effect", message.to_owned(), None);
    }
    // What a world has to know from its start: who crashes keeps what it starts anew with, and routes lead to new addresses.
    let told_late = |scenario: &&Scenario| {
        let mut late = scenario.timeline.iter().filter(|event| event.at >= at);
        late.find(|event| event.of_link().or(event.of_channel()).is_none()).map(|event| event.at)
    };
    if let Some(when) = scenarios.iter().find_map(told_late) {
        let message = format!(
            "from `fork_at` on the timeline may change links and channels alone, and at {when} it acts on a node"
        );
        return refuse("scenario::no-effect", message, None);
    }
    if groups(&scenarios, at).is_empty() {
        // No mistake where axes have been given one value each.
        let message = format!("`fork_at` saves nothing: no two points are the same up to {at}");
        let help = "points share what is before it if they differ in nothing but later events of the timeline";
        mistakes.push(Diagnostic::warning("scenario::no-effect", place, message).help(Some(help.to_owned())));
    }
}
