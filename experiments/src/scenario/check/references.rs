//! Names of nodes, links and channels: every reference must have something to refer to.

use super::listed;
use crate::scenario::expand::Expansion;
use crate::tree::{Diagnostic, Diagnostics, Kind, Node, Reference, ReferenceKind, Span, Tree, name_of, suggest};
use std::collections::BTreeSet;

/// Checks that every name of a node, link or channel refers to one. A group of nodes may stand where an application runs, and whom it
/// sends to.
pub(in crate::scenario) fn check_references(made: &Expansion, references: &[Reference], mistakes: &mut Diagnostics) {
    let tree = &made.tree;
    let all = |list| names(tree, list).filter(|_| made.is_whole);
    let (nodes, links, channels) = (all("nodes"), all("links"), names(tree, "channels"));
    let (groups, media) = (names(tree, "groups").unwrap_or_default(), names(tree, "media").unwrap_or_default());
    let (homes, destinations) =
        (of_apps(tree, |app| app.field("on")), of_apps(tree, |app| app.field("run")?.field("to")));
    for reference in references {
        let is_set = made.sets.get(&reference.text).is_some();
        let here = |places: &[Span]| places.contains(&reference.span);
        if (groups.contains(&reference.text) && here(&destinations))
            || (is_set && (here(&homes) || here(&destinations)))
        {
            continue;
        }
        let (noun, known) = match reference.kind {
            ReferenceKind::Node => ("node", &nodes),
            ReferenceKind::Link => ("link", &links),
            // A member of a group has its own of several: which, is checked with its application.
            ReferenceKind::Channel if made.is_channel_group(&reference.text) => continue,
            ReferenceKind::Channel => ("channel", &channels),
        };
        // What could not be read may be what is referred to.
        let Some(known) = known else { continue };
        if known.contains(&reference.text) {
            continue;
        }
        let message = format!("there is no {noun} called `{}`", reference.text);
        let help = match reference.kind {
            // Nobody wants to read the names of all members.
            ReferenceKind::Node => {
                let members: BTreeSet<&str> = made.sets.names().flat_map(|set| made.sets.members(set)).collect();
                let is_single = |name: &&String| !members.contains(name.as_str());
                let single: Vec<String> = known.iter().filter(is_single).cloned().collect();
                help(
                    &reference.text,
                    noun,
                    single.into_iter().chain(made.sets.names().map(str::to_owned)).collect(),
                    known,
                )
            }
            ReferenceKind::Link if media.contains(&reference.text) => {
                format!("`{}` is a shared medium, which has no timeline and no metrics", reference.text)
            }
            ReferenceKind::Link if made.is_link_group(&reference.text) => {
                format!("`{0}` stands for several links: name one of them, as `{0}-0`", reference.text)
            }
            ReferenceKind::Link | ReferenceKind::Channel => {
                help(&reference.text, noun, known.iter().cloned().collect(), known)
            }
        };
        let label = format!("no {noun} has this name");
        let id = match reference.kind {
            ReferenceKind::Node => "scenario::unknown-node",
            ReferenceKind::Link => "scenario::unknown-link",
            ReferenceKind::Channel => "scenario::unknown-channel",
        };
        let mistake = Diagnostic::error(id, reference.span, message).label(label).help(help);
        // What a template says is read once for each that is like it.
        if !mistakes.contains(&mistake) {
            mistakes.push(mistake);
        }
    }
}

/// The names of the elements of a list; `None` if one of them has none that can be read.
fn names(tree: &Tree, list: &str) -> Option<BTreeSet<String>> {
    match tree.root.field(list).map(|node| &node.kind) {
        Some(Kind::List(items)) => items.iter().map(name_of).collect(),
        Some(_) => None,
        None => Some(BTreeSet::new()),
    }
}

/// What to write instead of a name: the nearest of `shown`, or of all, or else the list.
fn help(name: &str, noun: &str, shown: Vec<String>, all: &BTreeSet<String>) -> String {
    match suggest(name, shown.iter().chain(all).map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{noun}s are: {}", listed(&shown)),
    }
}

/// The places of a field of all applications.
fn of_apps(tree: &Tree, field: impl Fn(&Node) -> Option<&Node>) -> Vec<Span> {
    let Some(Kind::List(apps)) = tree.root.field("apps").map(|node| &node.kind) else { return Vec::new() };
    apps.iter().filter_map(|app| Some(field(app)?.span)).collect()
}
