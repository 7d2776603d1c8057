//! `adjust`: fields of single nodes, links and channels that groups and networks have made.
//!
//! Overrides, axes and variants may name them too, as in `links.radio-3.loss`; what they say is put into `adjust`, and so
//! stands in the scenario as others can read it.

use super::{Expansion, elements};
use crate::tree::{Diagnostic, Diagnostics, Kind, Node, Path, PathError, Span, Tree};

/// Lists whose elements groups and networks make.
const LISTS: [&str; 3] = ["nodes", "links", "channels"];
/// The field.
const FIELD: &str = "adjust";

/// True if a path leads to no node, link or channel that is written, but may lead to one that will be made.
pub(in crate::scenario) fn is_of_member(tree: &Tree, path: &Path) -> bool {
    let groups = || elements(tree, "nodes").iter().any(|node| node.field("count").is_some());
    let [list, _, _, ..] = path.segments.as_slice() else { return false };
    // A name with a number, or of two ends, or whatever a network makes.
    let name = &path.segments[1].text;
    let has_number = name.rsplit_once('-').is_some_and(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()));
    let may_be_made = tree.root.field("networks").is_some() || (groups() && (has_number || name.contains("--")));
    let element = Path { segments: path.segments[..2].to_vec() };
    LISTS.contains(&list.text.as_str()) && tree.get(&element).is_err() && may_be_made
}

/// An override as it has to be applied: into `adjust`, where it is of a member.
pub(in crate::scenario) fn for_member(tree: &mut Tree, argument: &str) -> String {
    let Some((path, value)) = argument.split_once('=') else { return argument.to_owned() };
    if !path.parse::<Path>().is_ok_and(|path| is_of_member(tree, &path)) {
        return argument.to_owned();
    }
    let place = tree.root.head();
    adjustments(tree, place);
    format!("{FIELD}.\"{}\"={value}", path.trim())
}

impl Tree {
    /// Puts a value into `adjust`, to be applied when all nodes and links are there.
    pub(in crate::scenario) fn adjust_later(&mut self, path: &str, value: Node, place: Span) -> Result<(), PathError> {
        if let Some(entries) = adjustments(self, place) {
            entries.retain(|(key, _)| key.as_str() != Some(path));
            entries.push((Node::new(place, Kind::Str(path.to_owned())), value));
        }
        Ok(())
    }
}

/// The entries of `adjust`, which is made if it is not there.
fn adjustments(tree: &mut Tree, place: Span) -> Option<&mut Vec<(Node, Node)>> {
    match &mut tree.root.field_or(FIELD, place, Kind::Map(Vec::new()))?.kind {
        Kind::Map(entries) => Some(entries),
        _ => None,
    }
}

impl Expansion {
    /// Applies `adjust`.
    pub(super) fn adjust(&mut self, mistakes: &mut Diagnostics) {
        let entries = match self.tree.root.field(FIELD).map(|node| node.kind.clone()) {
            Some(Kind::Map(entries)) => entries,
            Some(Kind::Struct { name: None, fields }) => fields
                .into_iter()
                .map(|field| (Node::new(field.name.span, Kind::Str(field.name.text)), field.value))
                .collect(),
            _ => return,
        };
        for (key, value) in entries {
            let Some(text) = key.as_str() else { continue };
            let result = text.parse::<Path>().and_then(|path| {
                let list = path.segments[0].text.clone();
                let is_name = path.segments.last().is_some_and(|last| ["name", "ends"].contains(&last.text.as_str()));
                if path.segments.len() < 3 || is_name || !LISTS.contains(&list.as_str()) {
                    let message =
                        "`adjust` changes fields of nodes, links and channels, but for `name` and `ends`".to_owned();
                    mistakes.push(Diagnostic::error("scenario::unknown-path", key.span, message).help(
                        "write \"links.NAME.FIELD\", \"nodes.NAME.FIELD\" or \"channels.NAME.FIELD\"".to_owned(),
                    ));
                    return Ok(());
                }
                self.tree.set_from(&path, value, key.span)
            });
            if let Err(error) = result {
                let message = format!("`{text}` leads nowhere: {}", error.message);
                mistakes.push(Diagnostic::error("scenario::unknown-path", key.span, message).help(error.help));
            }
        }
    }
}
