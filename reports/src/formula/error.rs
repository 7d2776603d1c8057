//! What can be wrong with a formula and with its evaluation. Positions are bytes from the start of its text.

use thiserror::Error;

/// A text that is not a formula.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("byte {position}: expected {expected}, found {found}")]
pub struct FormulaError {
    /// Where [bytes from the start of the text].
    pub position: usize,
    /// What may stand there, as `a number, a name or "("`.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

/// A variable without a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownName {
    /// The name as written.
    pub name: String,
    /// Its first use [bytes from the start of the text].
    pub position: usize,
    /// Known names that look alike, likeliest first; may be empty.
    pub suggestions: Vec<String>,
}

impl std::fmt::Display for UnknownName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "byte {}: nothing is named `{}`", self.position, self.name)?;
        match self.suggestions.first() {
            Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
            None => Ok(()),
        }
    }
}

/// A formula without a value.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EvalError {
    /// Variables that have no value; all of them.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    UnknownNames(Vec<UnknownName>),
    /// A variable was given NaN or an infinity.
    #[error("the value of `{name}` is not finite")]
    VariableNotFinite {
        /// The variable.
        name: String,
    },
    /// An operation has no value, as 0/0 or the logarithm of a negative number.
    #[error("byte {position}: the result of {operation} is not a number")]
    NotANumber {
        /// The operator or function [bytes from the start of the text].
        position: usize,
        /// Its name.
        operation: &'static str,
    },
    /// The value of the whole is beyond the range of numbers.
    #[error("the result is infinite")]
    Infinite,
    /// A bound of a `sum` is not an integer of at most 2^53.
    #[error("byte {position}: the bounds of a sum must be integers of at most 2^53, not {from} and {to}")]
    SumBounds {
        /// The `sum` [bytes from the start of the text].
        position: usize,
        /// Value of the lower bound.
        from: String,
        /// Value of the upper bound.
        to: String,
    },
    /// The factorial of what is not an integer from 0 on.
    #[error("byte {position}: `factorial` takes an integer from 0 on, not {of}")]
    Factorial {
        /// The `factorial` [bytes from the start of the text].
        position: usize,
        /// What it was asked for.
        of: String,
    },
    /// More terms to add than [`TERMS_MAX`](super::TERMS_MAX).
    #[error("byte {position}: more than {} terms to add", super::TERMS_MAX)]
    TooManyTerms {
        /// The `sum` that went beyond [bytes from the start of the text].
        position: usize,
    },
    /// A binding of a `where` list has no value.
    #[error("where {name} = …: {error}")]
    Binding {
        /// The name bound.
        name: String,
        /// What is wrong with its expression.
        error: Box<EvalError>,
    },
}

/// Names that could have been meant by `name`, likeliest first, at most three. Equally likely ones keep their order.
pub(super) fn similar_names<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut scored: Vec<(f64, &str)> = known.map(|k| (strsim::jaro_winkler(name, k), k)).collect();
    scored.retain(|(score, _)| *score > 0.75);
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    scored.iter().take(3).map(|(_, name)| (*name).to_owned()).collect()
}
