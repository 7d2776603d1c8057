//! Names of nodes and links: every reference must have something to refer to.

use super::listed;
use crate::tree::{Diagnostic, Diagnostics, Kind, Reference, ReferenceKind, Span, Tree, name_of, suggest};
use std::collections::BTreeSet;

/// Checks that every name of a node or link refers to one.
pub(in crate::scenario) fn check_references(tree: &Tree, references: &[Reference], mistakes: &mut Diagnostics) {
    let (nodes, links) = (names(tree, "nodes"), names(tree, "links"));
    let (groups, destinations) = (names(tree, "groups").unwrap_or_default(), destinations(tree));
    for reference in references {
        if groups.contains(&reference.text) && destinations.contains(&reference.span) {
            continue;
        }
        let (noun, known) = match reference.kind {
            ReferenceKind::Node => ("node", &nodes),
            ReferenceKind::Link => ("link", &links),
        };
        // What could not be read may be what is referred to.
        let Some(known) = known else { continue };
        if known.contains(&reference.text) {
            continue;
        }
        let message = format!("there is no {noun} called `{}`", reference.text);
        let near = suggest(&reference.text, known.iter().map(String::as_str));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("{noun}s are: {}", listed(&known.iter().cloned().collect::<Vec<_>>())),
        };
        let label = format!("no {noun} has this name");
        let id = if noun == "node" { "scenario::unknown-node" } else { "scenario::unknown-link" };
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

/// Where applications say whom they send to: there, and nowhere else, a group may stand for a node.
fn destinations(tree: &Tree) -> Vec<Span> {
    let Some(Kind::List(apps)) = tree.root.field("apps").map(|node| &node.kind) else { return Vec::new() };
    apps.iter().filter_map(|app| Some(app.field("run")?.field("to")?.span)).collect()
}
