//! The typed scenario from the tree, with serde, reporting every mistake at once.
//!
//! Serde stops at the first error. Here reading goes on: wherever serde's derived code asks for a
//! value it names that value's type ([`MapAccess::next_value`](serde::de::MapAccess::next_value),
//! `next_element`, `newtype_variant`), and there a failed value is recorded and a
//! placeholder (see `placeholder.rs`) of its type handed on in its stead, so that its siblings are read too.
//! What holds a placeholder is never given out as the value, only as a draft, in which further mistakes can be
//! looked for.
//!
//! A missing field is known only after the whole struct was read; that struct is then read again
//! with a placeholder for the field. What has failed once is remembered and not tried again, so a
//! reading takes time in proportion to the size of the tree, plus that of a struct for each field
//! missing in it.
//!
//! Inside `#[serde(flatten)]`, untagged and internally tagged enums serde buffers values itself: a
//! mistake in there is reported for the whole of it, and references in there are not collected.

mod access;
mod error;
mod placeholder;
mod reader;

use super::diagnostic::{Diagnostic, Diagnostics, listed};
use super::node::{Kind, Node, Tree};
use super::source::Span;
use error::{Cause, Error};
use reader::Reader;
use serde::Deserialize;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// What reading gives.
#[derive(Clone, Debug)]
pub struct Reading<T> {
    /// The value; `None` if the reading found a mistake, or there were errors before, of syntax say.
    pub value: Option<T>,
    /// The same where mistakes were found: made-up values stand for what is wrong. `None` if not even that is possible, or
    /// the text has errors of syntax.
    pub draft: Option<T>,
    /// All names of nodes and links that were read, in the order of the text, even without a value.
    pub references: Vec<Reference>,
    /// Where values could not be read: a draft has made-up ones there.
    pub made_up: Vec<Span>,
}

/// A name in the scenario that stands for something defined elsewhere in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reference {
    /// What it refers to.
    pub kind: ReferenceKind,
    /// The name.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// What a [`Reference`] refers to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ReferenceKind {
    /// A node: [`NodeName`](protosim_models::name::NodeName).
    Node,
    /// A link: [`LinkName`](protosim_models::name::LinkName).
    Link,
    /// A channel: [`ChannelName`](protosim_models::name::ChannelName).
    Channel,
}

/// Reads a `T` from the tree and adds everything that is wrong with it to `mistakes`.
pub fn read<T: for<'t> Deserialize<'t>>(tree: &Tree, mistakes: &mut Diagnostics) -> Reading<T> {
    let context = Context::default();
    let value = context.read_value::<T>(Reader::new(&context, &tree.root));
    let state = context.state.into_inner();
    let mut found = Diagnostics::default();
    state.mistakes.into_iter().for_each(|mistake| found.push(mistake));
    state.missing.into_values().filter_map(Missing::into_diagnostic).for_each(|mistake| found.push(mistake));
    found.sort();
    // What a template says is read once for each that is like it, and wrong once.
    for mistake in found.iter() {
        if !mistakes.contains(mistake) {
            mistakes.push(mistake.clone());
        }
    }
    // A placeholder stands for an error, found here or by the parser.
    let sound = !mistakes.has_errors() && !tree.root.damaged && found.is_empty() && !state.stand_ins;
    let (mut references, made_up) = (state.references, state.made_up);
    references.sort_by_key(|reference| reference.span);
    let value = value.ok().filter(|_| !tree.root.damaged);
    let (value, draft) = if sound { (value, None) } else { (None, value) };
    Reading { value, draft, references, made_up }
}

/// What one reading shares.
#[derive(Default)]
struct Context {
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    mistakes: Vec<Diagnostic>,
    /// Values that failed, by [`Reader::key`]: not tried again.
    failed: BTreeSet<usize>,
    /// Where they stand.
    made_up: Vec<Span>,
    /// Structs that lack fields, by [`Reader::key`].
    missing: BTreeMap<usize, Missing>,
    /// Addresses of nodes and names that have been reported or collected: a struct may be read twice.
    seen: BTreeSet<usize>,
    references: Vec<Reference>,
    /// Something in the result is not what the text says.
    stand_ins: bool,
}

/// The missing fields of one struct.
struct Missing {
    span: Span,
    /// A syntax error may have swallowed them.
    excused: bool,
    /// Name of each, and what was expected there.
    fields: Vec<(&'static str, Option<String>)>,
}

impl Missing {
    fn into_diagnostic(self) -> Option<Diagnostic> {
        let (first, expected) = self.fields.first()?;
        let names = listed(self.fields.iter().map(|(name, _)| *name));
        let plural = if self.fields.len() == 1 { "" } else { "s" };
        let help = match (self.fields.len(), expected) {
            (1, Some(expected)) => Some(format!("`{first}` is {expected}")),
            (_, _) => {
                let each =
                    |(name, expected): &(&str, Option<String>)| Some(format!("`{name}` is {}", expected.as_ref()?));
                let all: Vec<String> = self.fields.iter().filter_map(each).collect();
                (!all.is_empty()).then(|| all.join("; "))
            }
        };
        let error = Diagnostic::error("scenario::missing-field", self.span, format!("missing field{plural} {names}"));
        (!self.excused).then(|| error.label(format!("lacks {names}")).help(help))
    }
}

impl Context {
    /// Reads a value where its type is known. If that fails, records why and gives a placeholder.
    fn read_value<'t, V: Deserialize<'t>>(&self, reader: Reader<'_, 't>) -> Result<V, Error> {
        let key = reader.key();
        if !matches!(reader.node.kind, Kind::Invalid) && !self.state.borrow().failed.contains(&key) {
            loop {
                let error = match V::deserialize(reader) {
                    Ok(value) => return Ok(value),
                    Err(error) => error.at(reader),
                };
                if !self.lacks_new_field(&error) {
                    self.record(error);
                    break;
                }
            }
            let mut state = self.state.borrow_mut();
            state.failed.insert(key);
            state.made_up.push(reader.node.span);
        }
        self.state.borrow_mut().stand_ins = true;
        placeholder::make()
    }

    /// True if the error is that a struct lacks a field, and that was not known. It has been noted,
    /// and the next reading will pretend that the field is there.
    fn lacks_new_field(&self, error: &Error) -> bool {
        let (Cause::Missing(field), Some(site)) = (error.cause(), error.site()) else { return false };
        let mut state = self.state.borrow_mut();
        let new = || Missing { span: site.head, excused: site.damaged, fields: Vec::new() };
        let fields = &mut state.missing.entry(site.key).or_insert_with(new).fields;
        let known = fields.iter().any(|(name, _)| name == field);
        if !known {
            fields.push((field, None));
        }
        !known
    }

    /// The fields that the struct with this key is known to lack.
    fn missing_fields(&self, key: usize) -> Vec<&'static str> {
        let state = self.state.borrow();
        state.missing.get(&key).map_or_else(Vec::new, |m| m.fields.iter().map(|(name, _)| *name).collect())
    }

    /// Notes what a missing field should have been, which a placeholder now stands for.
    fn expect_missing(&self, key: usize, field: &str, expected: Option<String>) {
        let mut state = self.state.borrow_mut();
        state.stand_ins = true;
        if let Some(missing) = state.missing.get_mut(&key)
            && let Some((_, slot)) = missing.fields.iter_mut().find(|(name, _)| *name == field)
        {
            *slot = expected;
        }
    }

    fn record(&self, error: Error) {
        if let Some(diagnostic) = error.into_diagnostic() {
            self.state.borrow_mut().mistakes.push(diagnostic);
        }
    }

    /// Records a mistake that does not stop the reading of its value, once per `address`.
    fn note(&self, address: usize, diagnostic: impl FnOnce() -> Diagnostic) {
        let mut state = self.state.borrow_mut();
        if state.seen.insert(address) {
            state.mistakes.push(diagnostic());
        }
    }

    /// Collects `node` if a newtype of this name makes it a reference.
    fn refer(&self, newtype: &str, node: &Node) {
        let kind = match newtype {
            "NodeName" => ReferenceKind::Node,
            "LinkName" => ReferenceKind::Link,
            "ChannelName" => ReferenceKind::Channel,
            _ => return,
        };
        let mut state = self.state.borrow_mut();
        if let Some(text) = node.as_str()
            && state.seen.insert(address(node))
        {
            state.references.push(Reference { kind, text: text.to_owned(), span: node.span });
        }
    }
}

/// The address of a part of the tree, which is its identity while the tree is borrowed.
fn address<T>(part: &T) -> usize {
    std::ptr::from_ref(part).addr()
}
