//! Shared media that are never quiet.

use crate::scenario::{End, Scenario};
use crate::tree::{Diagnostic, Diagnostics, Tree};
use protosim_models::medium::MediumConfig;
use protosim_models::name::NodeName;

use super::head_of;

/// A run that goes on until all is quiet would never end.
pub(super) fn check_quiet(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    if scenario.until != End::Quiet {
        return;
    }
    for (index, medium) in scenario.media.iter().enumerate() {
        let pages = || {
            let has_profile = |name: &NodeName| {
                let device =
                    scenario.nodes.iter().find(|node| node.name == name.0).and_then(|node| node.device.as_ref());
                device.is_some_and(|device| device.profile.is_some())
            };
            let is_metered =
                matches!(medium, MediumConfig::Cellular(_)) && medium.stations().into_iter().any(has_profile);
            is_metered.then_some("devices with a `profile` are metered whenever they listen for pages")
        };
        let Some(why) = medium.never_quiet().or_else(pages) else { continue };
        let message = format!("`{}` is never quiet, and the run goes on until all is: {why}", medium.name());
        let place = head_of(tree, &format!("media.{index}"));
        let help = "give the scenario an `until: After(\"60 s\")`".to_owned();
        let diagnostic = Diagnostic::error("scenario::endless", place, message).help(help);
        mistakes.push(match tree.root.field("until") {
            Some(until) => diagnostic.also(until.span, "until all is quiet"),
            None => diagnostic,
        });
    }
}
