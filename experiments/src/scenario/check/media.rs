//! Shared media that are never quiet.

use crate::scenario::{End, Scenario};
use crate::tree::{Diagnostic, Diagnostics, Tree};

use super::head_of;

/// A run that goes on until all is quiet would never end.
pub(super) fn check_quiet(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    if scenario.until != End::Quiet {
        return;
    }
    for (index, medium) in scenario.media.iter().enumerate() {
        let Some(why) = medium.never_quiet() else { continue };
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
