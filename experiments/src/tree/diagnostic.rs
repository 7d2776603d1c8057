//! Mistakes as data: what is wrong, where, what was expected, and what to write instead.

use super::source::{Place, Sources, Span};

/// One mistake.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Stable identifier, such as `scenario::unknown-field`.
    pub id: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// What is wrong, in one line without a full stop.
    pub message: String,
    /// Where, and a short remark to write under it; may be empty.
    pub primary: Label,
    /// Other places that explain it.
    pub secondary: Vec<Label>,
    /// What to do.
    pub help: Option<String>,
}

/// How grave a mistake is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Nothing can run.
    Error,
    /// It can run, but probably not as meant.
    Warning,
}

/// A place and a remark on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// The remark; empty for none.
    pub text: String,
}

/// All mistakes found so far.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Diagnostics {
    all: Vec<Diagnostic>,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(id: &'static str, span: Span, message: impl Into<String>) -> Self {
        let primary = Label { span, text: String::new() };
        Self { id, severity: Severity::Error, message: message.into(), primary, secondary: Vec::new(), help: None }
    }

    /// The same as a warning.
    pub fn warning(id: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(id, span, message) }
    }

    /// With a remark under the place.
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// With another place and a remark on it.
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// With what to do about it; `None` leaves it as it is.
    pub fn help(mut self, text: impl Into<Option<String>>) -> Self {
        self.help = text.into().or(self.help);
        self
    }

    /// File, line and column of the mistake.
    pub fn place(&self, sources: &Sources) -> Place {
        sources.place(self.primary.span)
    }
}

impl Diagnostics {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.all.push(diagnostic);
    }

    /// True if none was found, warnings included.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many were found, warnings included.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// True if one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.all.iter().any(|d| d.severity == Severity::Error)
    }

    /// True if an error lies within `span`, or around it.
    pub fn touch(&self, span: Span) -> bool {
        let meets = |error: Span| error.lies_in(span) || span.lies_in(error);
        self.all.iter().any(|found| found.severity == Severity::Error && meets(found.primary.span))
    }

    /// True if this very mistake has been found.
    pub fn contains(&self, diagnostic: &Diagnostic) -> bool {
        self.all.contains(diagnostic)
    }

    /// All, in the order of finding, or of place after [`Diagnostics::sort`].
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.all.iter()
    }

    /// Puts them in the order of place: source by source, from top to bottom.
    pub fn sort(&mut self) {
        self.all.sort_by(|a, b| (a.primary.span, a.id, &a.message).cmp(&(b.primary.span, b.id, &b.message)));
    }
}

/// The candidate that `name` was probably meant to be, if one is near: the same but for case, or at
/// most a third of its characters mistyped. The first of the nearest wins.
pub fn suggest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The distance takes time in proportion to the product of both lengths.
    const LONGEST: usize = 100;
    let length = name.chars().count();
    if length > LONGEST {
        return None;
    }
    let folded = name.to_lowercase();
    let near = |candidate: &str| {
        let other = candidate.chars().count();
        let allowed = (length.max(other) / 3).max(1);
        if other > LONGEST || length.abs_diff(other) > allowed {
            return None;
        }
        let distance = strsim::osa_distance(&folded, &candidate.to_lowercase());
        // A one-letter name is near to every other one-letter name: no help.
        (distance <= allowed && distance < other.max(length)).then_some(distance)
    };
    candidates.into_iter().filter_map(|c| near(c).map(|d| (d, c))).min_by_key(|(d, _)| *d).map(|(_, c)| c)
}

/// `` `a`, `b` and `c` ``, cut after a dozen.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 12;
    let names: Vec<String> = names.into_iter().map(|n| format!("`{n}`")).collect();
    match names.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [first @ .., last] if names.len() <= MOST => format!("{} and {last}", first.join(", ")),
        _ => format!("{} and {} more", names[..MOST].join(", "), names.len() - MOST),
    }
}
