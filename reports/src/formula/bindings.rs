//! `where` lists: named intermediate results, evaluated in order, each seeing those before it.

use std::collections::BTreeMap;

use thiserror::Error;

use super::lexer::is_name;
use super::parser::FUNCTIONS;
use super::{EvalError, Formula, FormulaError, UnknownName};

/// Names bound to expressions. A binding hides a variable of the same name from what follows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bindings {
    list: Vec<(String, Formula)>,
}

/// A `where` list that is not one.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BindingError {
    /// What is bound is not a name of the formula language, or it is a function.
    #[error("where `{name}`: expected a name of letters, digits and _ that is not a function")]
    Name {
        /// The name as written.
        name: String,
    },
    /// One name twice.
    #[error("where `{name}`: bound twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// The expression does not parse.
    #[error("where {name} = …: {error}")]
    Expression {
        /// The name it is bound to.
        name: String,
        /// What is wrong, with its position in the expression.
        error: FormulaError,
    },
}

impl Bindings {
    /// Reads `(name, expression)` pairs, in order.
    ///
    /// # Errors
    /// All mistakes, in order.
    pub fn parse<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Vec<BindingError>> {
        let mut list: Vec<(String, Formula)> = Vec::new();
        let mut errors = Vec::new();
        for (name, text) in pairs {
            let name = name.to_owned();
            if !is_name(&name) || FUNCTIONS.contains(&name.as_str()) {
                errors.push(BindingError::Name { name: name.clone() });
            } else if list.iter().any(|(earlier, _)| *earlier == name) {
                errors.push(BindingError::Twice { name: name.clone() });
            }
            match Formula::parse(text) {
                Ok(formula) => list.push((name, formula)),
                Err(error) => errors.push(BindingError::Expression { name, error }),
            }
        }
        if errors.is_empty() { Ok(Self { list }) } else { Err(errors) }
    }

    /// The names bound and their expressions, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Formula)> {
        self.list.iter().map(|(name, formula)| (name.as_str(), formula))
    }

    /// The variables that the bindings and `formula` need from outside, each once, in the order of first use.
    pub fn variables(&self, formula: &Formula) -> Vec<String> {
        let mut outside: Vec<String> = Vec::new();
        for (index, expression) in self.expressions(formula) {
            for name in expression.variables() {
                if !self.binds(index, name) && !outside.contains(name) {
                    outside.push(name.clone());
                }
            }
        }
        outside
    }

    /// The names in the bindings and in `formula` that are neither `known` nor bound before they are used; each with
    /// the name of the binding it stands in, `None` for `formula` itself.
    pub fn unknown_names(&self, formula: &Formula, known: &[&str]) -> Vec<(Option<&str>, UnknownName)> {
        let mut unknown = Vec::new();
        for (index, expression) in self.expressions(formula) {
            let bound = self.list[..index].iter().map(|(name, _)| name.as_str());
            let visible: Vec<&str> = known.iter().copied().chain(bound).collect();
            let place = self.list.get(index).map(|(name, _)| name.as_str());
            unknown.extend(expression.unknown_names(&visible).into_iter().map(|name| (place, name)));
        }
        unknown
    }

    /// The value of `formula` under these bindings, where `value_of` gives the variables from outside.
    ///
    /// # Errors
    /// As [`Formula::eval`]; what is wrong with a binding is [`EvalError::Binding`].
    pub fn eval(&self, formula: &Formula, value_of: &dyn Fn(&str) -> Option<f64>) -> Result<f64, EvalError> {
        let mut bound: BTreeMap<&str, f64> = BTreeMap::new();
        for (name, expression) in &self.list {
            let value = expression
                .eval(&|name| bound.get(name).copied().or_else(|| value_of(name)))
                .map_err(|error| EvalError::Binding { name: name.clone(), error: Box::new(error) })?;
            bound.insert(name, value);
        }
        formula.eval(&|name| bound.get(name).copied().or_else(|| value_of(name)))
    }

    /// Every binding's expression, then `formula`, each with the number of bindings before it.
    fn expressions<'a>(&'a self, formula: &'a Formula) -> impl Iterator<Item = (usize, &'a Formula)> {
        self.list.iter().map(|(_, expression)| expression).chain([formula]).enumerate()
    }

    /// Whether one of the first `count` bindings is for `name`.
    fn binds(&self, count: usize, name: &str) -> bool {
        self.list[..count].iter().any(|(bound, _)| bound == name)
    }
}
