//! Names for nodes from the labels of a file.

use std::collections::{BTreeMap, BTreeSet};

/// Names that have been given.
#[derive(Default)]
pub(super) struct UniqueNames {
    given: BTreeSet<String>,
    /// The last suffix that a name was given.
    last: BTreeMap<String, u64>,
}

impl UniqueNames {
    /// A name that was not given yet, for a node with this label and identity.
    pub(super) fn name(&mut self, label: Option<&str>, id: &str) -> String {
        let labelled = label.map(legal).filter(|name| !name.is_empty());
        let name = labelled.unwrap_or_else(|| format!("node-{}", legal(id)));
        if self.given.insert(name.clone()) {
            return name;
        }
        let last = self.last.entry(name.clone()).or_insert(1);
        loop {
            *last += 1;
            let next = format!("{name}-{last}");
            if self.given.insert(next.clone()) {
                return next;
            }
        }
    }
}

/// Letters, digits and `_`, with one `-` for each run of anything else between them.
fn legal(text: &str) -> String {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}
