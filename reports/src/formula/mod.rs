//! The expressions a scenario draws over its figures: closed forms over axes and constants.
//!
//! ```text
//! condition := both ("||" both)*              of a `Condition`, and as first argument of `if`
//! both      := comparison ("&&" comparison)*
//! comparison := "!" comparison | sum ("<" | "<=" | ">" | ">=" | "==" | "!=") sum | "(" condition ")"
//! sum       := product (("+" | "-") product)*
//! product   := unary (("*" | "/") unary)*
//! unary     := "-" unary | power
//! power     := atom ("^" unary)?                                         right-associative
//! atom      := number | name | function "(" arguments ")" | "(" sum ")"
//! ```
//!
//! So `-2^2` is -4, `2^3^2` is 2^9, `2^-1` is 0.5, and `a / b * c` is `(a / b) * c`. A name is letters, digits and `_`,
//! also in parts joined by dots (`link.loss`). A number is decimal, as `0.5` or `2e-3`; it carries no unit.
//!
//! | Function | Value |
//! |---|---|
//! | `exp(x)`, `ln(x)`, `sqrt(x)`, `abs(x)`, `floor(x)`, `ceil(x)` | as usual |
//! | `log10(x)`, `log2(x)` | logarithms to base 10 and 2 |
//! | `factorial(n)` | of an integer from 0 on; infinite from 171 on, and so `1 / factorial(200)` is 0 |
//! | `ln_gamma(x)` | ln Γ(x) for x above 0; large factorials are `exp(ln_gamma(n + 1) - …)` |
//! | `erf(x)`, `erfc(x)` | error function and its complement; Φ(z) is `erfc(-z / sqrt(2)) / 2` |
//! | `pow(x, y)` | the same as `x^y` |
//! | `min(x, y, …)`, `max(x, y, …)` | of two or more |
//! | `sum(k, from, to, x)` | x summed over the integers k from `from` to `to`; 0 where `to` is less |
//! | `inverse(x, from, to, y, target)` | the least x at which y, which does not fall with x, is at least `target`; `to` if there is none |
//! | `if(condition, x, y)` | x where the condition holds, else y; the other one is not evaluated |
//!
//! Known closed forms in this language:
//!
//! | Model | Formula |
//! |---|---|
//! | M/M/1 mean wait; p99 of the sojourn | `rho * s / (1 - rho)`; `-ln(0.01) * s / (1 - rho)` |
//! | M/D/1 mean wait | `rho * s / (2 * (1 - rho))` |
//! | M/M/1/K loss | `if(rho == 1, 1 / (k + 1), (1 - rho) * rho^k / (1 - rho^(k + 1)))` |
//! | M/D/1/K loss | where `b` = `sum(j, 0, k - 1, (-1)^j / factorial(j) * (k - 1 - j)^j * exp((k - 1 - j) * rho) * rho^j)`: `1 - b / (1 + rho * b)` |
//! | Gilbert–Elliott loss | `(r * loss_good + p * loss_bad) / (p + r)` |
//! | slotted ALOHA | `g * exp(-g)` |
//!
//! Evaluation is the same to the bit on every machine. What is not a number (0/0, the root of a negative number) is an
//! error where it arises; an infinity may arise on the way (`1 / exp(1000)` is 0) but not come out.
//!
//! ```
//! use protosim_reports::formula::Formula;
//! let delivered = Formula::parse("1 - (1 - (1 - p)^2)^5")?;
//! assert_eq!(delivered.variables(), ["p"]);
//! assert_eq!(delivered.eval(&|name| (name == "p").then_some(0.0))?, 1.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bindings;
mod condition;
mod error;
mod eval;
mod lexer;
mod parser;
#[cfg(test)]
mod tests;

pub use bindings::{BindingError, Bindings};
pub use condition::Condition;
pub use error::{EvalError, FormulaError, UnknownName};

use parser::Expr;

/// A formula's text is at most this long [bytes].
pub const TEXT_BYTES_MAX: usize = 10_000;
/// Parentheses, functions, powers and signs nest at most this deep.
pub const DEPTH_MAX: usize = 64;
/// All `sum`s of one evaluation add at most this many terms, inner ones counted each time.
pub const TERMS_MAX: u64 = 1_000_000;

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Formula {
    text: String,
    root: Expr,
    variables: Vec<String>,
    /// Byte of the first use of each variable.
    first_uses: Vec<usize>,
}

impl Formula {
    /// Reads an expression.
    ///
    /// # Errors
    /// The first mistake, with its byte position, what was expected there and what was found.
    pub fn parse(text: &str) -> Result<Self, FormulaError> {
        Self::parse_as(text, parser::Wanted::Number, &|_, _| Err("a number".to_owned()))
    }

    fn parse_as(text: &str, wanted: parser::Wanted, words: &parser::Words<'_>) -> Result<Self, FormulaError> {
        let parsed = parser::parse(text, wanted, words)?;
        let (variables, first_uses) = parsed.variables.into_iter().unzip();
        Ok(Self { text: text.to_owned(), root: parsed.root, variables, first_uses })
    }

    /// The text it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names that need a value, each once, in the order of first use. The running variable of a `sum` is not among
    /// them.
    pub fn variables(&self) -> &[String] {
        &self.variables
    }

    /// The variables that are not among `known`, each with its place and the known names that look alike, likeliest
    /// first.
    pub fn unknown_names(&self, known: &[&str]) -> Vec<UnknownName> {
        let used = self.variables.iter().zip(&self.first_uses);
        used.filter(|(name, _)| !known.contains(&name.as_str()))
            .map(|(name, &position)| UnknownName {
                name: name.clone(),
                position,
                suggestions: error::similar_names(name, known.iter().copied()),
            })
            .collect()
    }

    /// The value where each variable has the value that `value_of` gives it.
    ///
    /// # Errors
    /// All variables for which `value_of` gives `None`, or the first thing that went wrong.
    pub fn eval(&self, value_of: &dyn Fn(&str) -> Option<f64>) -> Result<f64, EvalError> {
        eval::eval(&self.root, &self.values(value_of)?)
    }

    /// The values of the variables, in their order.
    fn values(&self, value_of: &dyn Fn(&str) -> Option<f64>) -> Result<Vec<f64>, EvalError> {
        let values: Vec<Option<f64>> = self.variables.iter().map(|name| value_of(name)).collect();
        if values.contains(&None) {
            let known: Vec<&str> =
                self.variables.iter().zip(&values).filter(|(_, value)| value.is_some()).map(|(n, _)| &**n).collect();
            return Err(EvalError::UnknownNames(self.unknown_names(&known)));
        }
        let values: Vec<f64> = values.into_iter().flatten().collect();
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return Err(EvalError::VariableNotFinite { name: self.variables[index].clone() });
        }
        Ok(values)
    }
}

impl std::fmt::Display for Formula {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}
