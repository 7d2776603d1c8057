//! Mistakes in what a user says of groups and generated networks, each with its place.

/// Something wrong, at a path within what was given (`link.rate`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// Where: fields and list indices, joined by points; empty for the whole.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Mistake {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

/// Mistakes that are being collected, so that all are told at once.
#[derive(Debug, Default)]
pub(crate) struct Mistakes(Vec<Mistake>);

impl Mistakes {
    pub(crate) fn say(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Mistake::new(path, message));
    }

    /// A count must be at least `least`.
    pub(crate) fn at_least(&mut self, path: &str, value: u64, least: u64) {
        if value < least {
            self.say(path, format!("is at least {least}, not {value}"));
        }
    }

    /// An error if there are any.
    pub(crate) fn done(&mut self) -> Result<(), Vec<Mistake>> {
        if self.0.is_empty() { Ok(()) } else { Err(std::mem::take(&mut self.0)) }
    }
}
