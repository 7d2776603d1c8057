//! `include: ["base.ron", "@coap-loss"]`: other scenarios whose fields lie under this one's.
//!
//! Included texts are laid on each other in the order of the list, and the text that includes them on top of all. Where two
//! say something of one field:
//!
//! - Structs are merged field by field, at any depth, if both have the same name in front or one has none. A struct with
//!   another name, as `Ping(…)` over `CoapClient(…)`, takes the place of the one below.
//! - Maps are merged key by key, in the same way.
//! - Lists of named things (each element a struct with a `name`, or a link without one, which goes by its two `ends`) are
//!   merged name by name: a name that is there is merged as structs are, a new one is added behind the others.
//! - Everything else, lists of things without names among it, takes the place of what is below.
//!
//! Every node keeps the place where it was written, so messages point into the included file.

use super::diagnostic::{Diagnostic, Diagnostics};
use super::node::{Field, Kind, Node, Tree};
use super::source::{Sources, Span};

/// The field that names what is included.
pub(super) const FIELD: &str = "include";
/// Most texts that one scenario includes, those of included ones counted each time.
const MOST: usize = 1000;

/// A text that is to be included.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Included {
    /// What tells it from all others: the same text under two names is one.
    pub key: String,
    /// What it is called in messages, and what its own includes are relative to.
    pub label: String,
    /// Its text.
    pub text: String,
}

/// Why there is nothing to include.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotIncluded {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Finds the text that the text labelled by the first argument includes under the name in the second.
pub type Finder<'a> = dyn FnMut(&str, &str) -> Result<Included, NotIncluded> + 'a;

impl Tree {
    /// Resolves `include` of the outermost struct, and of what it includes. `key` and `label` are this text's own.
    pub fn include(
        &mut self,
        (key, label): (&str, &str),
        find: &mut Finder<'_>,
        sources: &mut Sources,
        mistakes: &mut Diagnostics,
    ) {
        let mut including =
            Including { find, sources, mistakes, chain: vec![(key.to_owned(), label.to_owned())], count: 0 };
        including.resolve(&mut self.root);
    }
}

struct Including<'a, 'f> {
    find: &'a mut Finder<'f>,
    sources: &'a mut Sources,
    mistakes: &'a mut Diagnostics,
    /// Key and label of each text from the outermost to the one that is being resolved.
    chain: Vec<(String, String)>,
    count: usize,
}

impl Including<'_, '_> {
    /// Lays `root` on what it includes.
    fn resolve(&mut self, root: &mut Node) {
        let Some(list) = take_field(root, FIELD) else { return };
        let Kind::List(items) = &list.kind else {
            if !matches!(list.kind, Kind::Invalid) {
                let message = format!("expected a list of texts, found {}", list.describe());
                let example = list.as_str().map_or_else(|| "[\"base.ron\"]".to_owned(), |text| format!("[{text:?}]"));
                let error = Diagnostic::error("include::bad-value", list.span, message);
                self.mistakes.push(error.help(format!("write `include: {example}`")));
            }
            return;
        };
        let mut below: Option<Node> = None;
        let mut seen: Vec<(String, Span)> = Vec::new();
        for item in items {
            let Some(included) = self.find(item, &mut seen) else { continue };
            let mut tree = Tree::parse(self.sources, &included.label, &included.text, self.mistakes);
            if !matches!(tree.root.kind, Kind::Struct { .. } | Kind::Unit | Kind::Invalid) {
                let message = format!("`{}` is {}, not a scenario", included.label, tree.root.describe());
                let error = Diagnostic::error("include::bad-value", item.span, message);
                self.mistakes.push(error.also(tree.root.head(), "a scenario is a struct `(…)`"));
                continue;
            }
            self.chain.push((included.key, included.label));
            self.resolve(&mut tree.root);
            self.chain.pop();
            below = Some(match below {
                None => tree.root,
                Some(lower) => merged(lower, tree.root),
            });
        }
        if let Some(below) = below {
            let (span, damaged) = (root.span, root.damaged || below.damaged);
            let own = std::mem::replace(root, Node::new(span, Kind::Unit));
            *root = Node { span, damaged, ..merged(below, own) };
        }
    }

    /// The text of one entry of the list.
    fn find(&mut self, item: &Node, seen: &mut Vec<(String, Span)>) -> Option<Included> {
        let Some(name) = item.as_str() else {
            if !matches!(item.kind, Kind::Invalid) {
                let message = format!("expected a file's name in quotes, found {}", item.describe());
                self.mistakes.push(Diagnostic::error("include::bad-value", item.span, message));
            }
            return None;
        };
        self.count += 1;
        if self.count > MOST {
            if self.count == MOST + 1 {
                let message = format!("more than {MOST} texts are included");
                self.mistakes.push(Diagnostic::error("include::too-many", item.span, message));
            }
            return None;
        }
        let from = self.chain.last().map_or("", |(_, label)| label.as_str());
        let included = match (self.find)(from, name) {
            Ok(included) => included,
            Err(NotIncluded { message, help }) => {
                self.mistakes.push(Diagnostic::error("include::not-found", item.span, message).help(help));
                return None;
            }
        };
        if let Some(start) = self.chain.iter().position(|(key, _)| *key == included.key) {
            let chain = self.chain[start..].iter().map(|(_, label)| label.as_str()).chain([included.label.as_str()]);
            let chain = chain.map(|label| format!("`{label}`")).collect::<Vec<_>>().join(" includes ");
            let message = format!("this includes itself: {chain}");
            self.mistakes.push(Diagnostic::error("include::cycle", item.span, message));
            return None;
        }
        if let Some((_, first)) = seen.iter().find(|(key, _)| *key == included.key) {
            let message = format!("`{}` is included twice", included.label);
            let error = Diagnostic::error("include::twice", item.span, message);
            self.mistakes.push(error.label("second time").also(*first, "first time"));
            return None;
        }
        seen.push((included.key.clone(), item.span));
        Some(included)
    }
}

/// Takes a field out of a struct.
pub(crate) fn take_field(node: &mut Node, name: &str) -> Option<Node> {
    let Kind::Struct { name: own, fields } = &mut node.kind else { return None };
    let index = fields.iter().position(|field| field.name.text == name)?;
    let value = fields.remove(index).value;
    if fields.is_empty() {
        node.kind = match own.take() {
            None => Kind::Unit,
            // A struct has at least one field; a variant without any is a tuple.
            name => Kind::Tuple { name, items: Vec::new() },
        };
    }
    Some(value)
}

/// `over` laid on `below`.
fn merged(below: Node, over: Node) -> Node {
    let damaged = below.damaged || over.damaged;
    let span = over.span;
    let kind = match (below.kind, over.kind) {
        (lower @ Kind::Struct { .. }, Kind::Unit) => lower,
        (Kind::Struct { name: lower, fields: below }, Kind::Struct { name: upper, fields: over })
            if lower.is_none() || upper.is_none() || lower == upper =>
        {
            Kind::Struct { name: upper.or(lower), fields: merged_fields(below, over) }
        }
        (Kind::Map(mut below), Kind::Map(over)) => {
            for (key, value) in over {
                match below.iter_mut().find(|(other, _)| *other == key) {
                    Some((_, slot)) => lay(slot, value),
                    None => below.push((key, value)),
                }
            }
            Kind::Map(below)
        }
        (Kind::List(below), Kind::List(over)) => match merged_list(below, over) {
            Ok(items) => Kind::List(items),
            Err(over) => Kind::List(over),
        },
        (_, over) => over,
    };
    Node { span, kind, damaged }
}

fn merged_fields(mut below: Vec<Field>, over: Vec<Field>) -> Vec<Field> {
    // A field that one text gives twice is a mistake, which reading reports: both stay.
    let mut own = vec![false; below.len()];
    for field in over {
        let slot = (0..own.len()).find(|index| !own[*index] && below[*index].name == field.name);
        match slot {
            Some(index) => {
                below[index].name = field.name;
                lay(&mut below[index].value, field.value);
                own[index] = true;
            }
            None => below.push(field),
        }
    }
    below
}

fn lay(slot: &mut Node, over: Node) {
    let below = std::mem::replace(slot, Node::new(over.span, Kind::Unit));
    *slot = merged(below, over);
}

/// Merges two lists if all elements of both have names; else gives back the upper one. A name that one list has twice is a
/// mistake, which is found later: both stay.
fn merged_list(mut below: Vec<Node>, over: Vec<Node>) -> Result<Vec<Node>, Vec<Node>> {
    let names = |items: &[Node]| items.iter().map(name_of).collect::<Option<Vec<String>>>();
    let (Some(lower), Some(upper)) = (names(&below), names(&over)) else { return Err(over) };
    let mut own = vec![false; below.len()];
    for (item, name) in over.into_iter().zip(upper) {
        match (0..own.len()).find(|index| !own[*index] && lower[*index] == name) {
            Some(index) => {
                lay(&mut below[index], item);
                own[index] = true;
            }
            None => below.push(item),
        }
    }
    Ok(below)
}

/// What an element of a list goes by: its `name`, or a link's ends joined by two hyphens.
pub(crate) fn name_of(item: &Node) -> Option<String> {
    if let Some(name) = item.field("name") {
        return name.as_str().map(str::to_owned);
    }
    match &item.field("ends")?.kind {
        Kind::Tuple { items, .. } => match items.as_slice() {
            [first, second] => Some(format!("{}--{}", first.as_str()?, second.as_str()?)),
            _ => None,
        },
        _ => None,
    }
}
