//! What comes of a script, and how it is told.

use crate::tree::Place;
use std::fmt;

/// What came of a script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Everything was as the script has it.
    Passed,
    /// Something was not.
    Failed(Box<Failure>),
    /// It cannot be judged here.
    Skipped(Skipped),
}

/// What was not as a script has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Where the script says so.
    pub place: Place,
    /// What is wrong, in one line.
    pub message: String,
    /// What was awaited and what came, each with its time.
    pub sides: Vec<(&'static str, String)>,
}

/// Why a script cannot be judged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    /// What it needs.
    pub reason: String,
    /// Where it needs that, if at one place.
    pub place: Option<Place>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)?;
        let width = self.sides.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        self.sides.iter().try_for_each(|(name, text)| write!(f, "\n  {name:width$}  {text}"))
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}
