//! Names of nodes and links: every reference must have something to refer to.

use super::listed;
use crate::tree::{Diagnostic, Diagnostics, Reference, ReferenceKind, Tree, suggest};

/// Checks that every name of a node or link refers to one.
pub(in crate::scenario) fn check_references(tree: &Tree, references: &[Reference], mistakes: &mut Diagnostics) {
    let names = |list: &str| -> Vec<String> {
        let items = tree.root.field(list).map(|node| match &node.kind {
            crate::tree::Kind::List(items) => items.as_slice(),
            _ => &[],
        });
        let items = items.unwrap_or_default();
        items.iter().filter_map(|item| item.field("name")?.as_str().map(str::to_owned)).collect()
    };
    let nodes = names("nodes");
    let mut links = names("links");
    if let Some(crate::tree::Kind::List(items)) = tree.root.field("links").map(|node| &node.kind) {
        links.extend(items.iter().filter(|item| item.field("name").is_none()).filter_map(unnamed_link));
    }
    for reference in references {
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
        mistakes.push(Diagnostic::error(id, reference.span, message).label(label).help(help));
    }
}

/// The name of a link that has none of its own.
fn unnamed_link(item: &crate::tree::Node) -> Option<String> {
    match &item.field("ends")?.kind {
        crate::tree::Kind::Tuple { items, .. } => match items.as_slice() {
            [first, second] => Some(format!("{}--{}", first.as_str()?, second.as_str()?)),
            _ => None,
        },
        _ => None,
    }
}
