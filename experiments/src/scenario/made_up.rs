//! Which findings in a draft may come of values that were made up.
//!
//! Where a value cannot be read, a draft of the scenario has another one in its place, and what is said of the struct
//! around it may be an invention: a link whose `ends` are no pair joins nothing "to itself".

use crate::tree::{Diagnostic, Kind, Node, Span, Tree};
use std::collections::{BTreeMap, BTreeSet};

/// Places of made-up values.
pub(super) struct MadeUp {
    places: BTreeSet<Span>,
    /// The struct that each place belongs to, of the places that may be pointed at. A struct belongs to itself.
    owners: BTreeMap<Span, Span>,
    /// The structs with a made-up value among their fields, however wrapped.
    suspects: BTreeSet<Span>,
}

impl MadeUp {
    /// For a reading of `tree` that made up the values at `places`.
    pub(super) fn new(tree: &Tree, places: &[Span]) -> Self {
        let mut made_up =
            Self { places: places.iter().copied().collect(), owners: BTreeMap::new(), suspects: BTreeSet::new() };
        if !places.is_empty() {
            // All that is said of the scenario as a whole would be in doubt, so the outermost struct owns nothing.
            children(&tree.root).for_each(|child| made_up.walk(child, None));
        }
        made_up
    }

    fn walk(&mut self, node: &Node, owner: Option<Span>) {
        if let Some(owner) = owner.filter(|_| self.places.contains(&node.span)) {
            self.suspects.insert(owner);
        }
        let own = if matches!(node.kind, Kind::Struct { .. }) { Some(node.span) } else { owner };
        if let Some(own) = own {
            self.owners.insert(node.span, own);
            if let Some(name) = node.name() {
                self.owners.insert(name.span, own);
            }
        }
        children(node).for_each(|child| self.walk(child, own));
    }

    /// True if the finding may come of a made-up value. Names and ports are compared one with another, whatever else is
    /// wrong around them.
    pub(super) fn explains(&self, found: &Diagnostic) -> bool {
        let of_itself = ["scenario::duplicate-name", "scenario::bad-name", "scenario::port-taken"].contains(&found.id);
        let span = found.primary.span;
        let is_around = |place: &Span| {
            place.source == span.source && place.start <= span.start && span.end <= place.end && *place != span
        };
        // Nothing in a value that was made up as a whole is what the file says there.
        if self.places.iter().any(is_around) {
            return true;
        }
        let owner = self.owners.get(&span);
        !of_itself && owner.is_some_and(|owner| self.suspects.contains(owner))
    }

    /// True if a made-up value lies in this part of the scenario, whether it was written there or on the command line.
    pub(super) fn lie_in(&self, node: &Node) -> bool {
        !self.places.is_empty() && (self.places.contains(&node.span) || children(node).any(|child| self.lie_in(child)))
    }
}

fn children(node: &Node) -> Box<dyn Iterator<Item = &Node> + '_> {
    match &node.kind {
        Kind::List(items) | Kind::Tuple { items, .. } => Box::new(items.iter()),
        Kind::Map(entries) => Box::new(entries.iter().map(|(_, value)| value)),
        Kind::Struct { fields, .. } => Box::new(fields.iter().map(|field| &field.value)),
        Kind::Some(inner) => Box::new(std::iter::once(&**inner)),
        _ => Box::new(std::iter::empty()),
    }
}
