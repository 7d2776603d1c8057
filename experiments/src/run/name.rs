//! Names that the program knows and that outputs of runs are full of: of counters, and of kinds of digests. They are texts of the program; in a record
//! of a run they are written out, and come back as the same texts.

use serde::{Deserialize, Deserializer, Serialize, de};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// A name of the program.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(transparent)]
pub struct Name(pub &'static str);

impl Name {
    /// Of a text that is a name of the program, or what a user took for one.
    pub(crate) fn of(text: &str) -> Self {
        Self(known(text))
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Name;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name of the program")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Name, E> {
                Ok(Name(known(text)))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// The one copy of a name. Each thread remembers those that it has asked for: records of many runs are read at once, with hundreds of names each.
fn known(text: &str) -> &'static str {
    thread_local! {
        static NAMES: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
    }
    NAMES.with_borrow_mut(|names| {
        if let Some(name) = names.get(text) {
            return *name;
        }
        let name = known_to_all(text);
        names.insert(name);
        name
    })
}

/// The copy that all threads have. A name that was never seen is kept for good: records are read only where their checksum holds, so
/// that these are the program's own, some hundreds, and those that a scenario asks for beside them.
fn known_to_all(text: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(name) = names.get(text) {
        return name;
    }
    let name: &'static str = Box::leak(text.into());
    names.insert(name);
    name
}
