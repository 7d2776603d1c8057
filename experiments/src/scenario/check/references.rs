//! Names of nodes and links: every reference must have something to refer to.

use super::listed;
use crate::tree::{Diagnostic, Diagnostics, Kind, Node, Reference, ReferenceKind, Tree, name_of, suggest};
use std::collections::BTreeSet;

/// Checks that every name of a node or link refers to one.
pub(in crate::scenario) fn check_references(tree: &Tree, references: &[Reference], mistakes: &mut Diagnostics) {
    let names = |list: &str, name: fn(&Node) -> Option<String>| -> Vec<String> {
        match tree.root.field(list).map(|node| &node.kind) {
            Some(Kind::List(items)) => items.iter().filter_map(name).collect(),
            _ => Vec::new(),
        }
    };
    let distinct = |names: Vec<String>| names.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
    let nodes = distinct(names("nodes", name_of));
    let links = distinct(names("links", name_of));
    for reference in references {
        // What could not be read may be what is referred to.
        let list = if reference.kind == ReferenceKind::Node { "nodes" } else { "links" };
        let readable =
            |node: &Node| matches!(&node.kind, Kind::List(items) if items.iter().all(|item| name_of(item).is_some()));
        if !tree.root.field(list).is_none_or(readable) {
            continue;
        }
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
        let mistake = Diagnostic::error(id, reference.span, message).label(label).help(help);
        // What a template says is read once for each that is like it.
        if !mistakes.contains(&mistake) {
            mistakes.push(mistake);
        }
    }
}
