//! Formulas that are true or false.

use super::parser::Wanted;
use super::{EvalError, Formula, FormulaError, UnknownName, eval};

/// A parsed condition, such as `loss < 0.1 || rtt > 0.05`: comparisons of formulas, joined by `&&`, `||` and `!`. `&&` binds
/// closer than `||`.
///
/// ```
/// use protosim_reports::formula::Condition;
/// let mild = Condition::parse("loss < 0.1 && !(rtt > 0.05)")?;
/// assert!(mild.holds(&|name| Some(if name == "loss" { 0.01 } else { 0.02 }))?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Condition(Formula);

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// The first mistake, with its byte position, what was expected there and what was found.
    pub fn parse(text: &str) -> Result<Self, FormulaError> {
        Formula::parse_as(text, Wanted::Condition).map(Self)
    }

    /// The names that need a value, each once, in the order of first use.
    pub fn variables(&self) -> &[String] {
        self.0.variables()
    }

    /// The variables that are not among `known`; see [`Formula::unknown_names`].
    pub fn unknown_names(&self, known: &[&str]) -> Vec<UnknownName> {
        self.0.unknown_names(known)
    }

    /// Whether it holds where each variable has the value that `value_of` gives it.
    ///
    /// # Errors
    /// All variables for which `value_of` gives `None`, or the first thing that went wrong.
    pub fn holds(&self, value_of: &dyn Fn(&str) -> Option<f64>) -> Result<bool, EvalError> {
        eval::condition(&self.0.root, &self.0.values(value_of)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str, a: f64, b: f64) -> bool {
        let value_of = |name: &str| Some(if name == "a" { a } else { b });
        Condition::parse(text).unwrap().holds(&value_of).unwrap()
    }

    /// All four combinations by truth table; `&&` binds closer than `||`, `!` closer than both.
    #[test]
    fn logic_is_that_of_its_truth_tables() {
        for (a, b) in [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)] {
            let (p, q) = (a > 0.5, b > 0.5);
            assert_eq!(holds("a > 0.5 && b > 0.5", a, b), p && q);
            assert_eq!(holds("a > 0.5 || b > 0.5", a, b), p || q);
            assert_eq!(holds("!(a > 0.5) || a > 0.5 && b > 0.5", a, b), !p || q);
            assert_eq!(holds("(!(a > 0.5) || a > 0.5) && b > 0.5", a, b), q);
            assert_eq!(holds("(a + b) * 2 >= 2", a, b), p || q);
            assert_eq!(holds("((a)) == b", a, b), p == q);
            assert_eq!(holds("if(a > 0.5 && !(b != a), 1, 0) == 1", a, b), p && q);
        }
    }

    /// What decides nothing is not evaluated: 1 / 0 would be no error, but the root of -1 is.
    #[test]
    fn evaluation_stops_where_it_is_decided() {
        assert!(holds("a == 0 || sqrt(-1) > 0", 0.0, 0.0));
        assert!(!holds("a == 1 && sqrt(-1) > 0", 0.0, 0.0));
    }

    #[test]
    fn numbers_are_no_conditions_and_conditions_no_numbers() {
        for text in [
            "a",
            "a + 1",
            "a && b > 1",
            "a > 1 && b",
            "!a",
            "1 < a < 2",
            "(a > 1) + 1 > 0",
            "a > (b > 1)",
            "",
            "a > 1 b",
        ] {
            assert!(Condition::parse(text).is_err(), "{text}");
        }
        for text in
            ["a > 1", "(a > 1)", "1 + (a > 1)", "-(a > 1)", "(a > 1)^2", "min(a > 1, 2)", "if(a, 1, 2)", "!(a > 1)"]
        {
            assert!(Formula::parse(text).is_err(), "{text}");
        }
        assert!(Condition::parse("a & b > 1").unwrap_err().to_string().contains("&&"));
        // Deep nesting ends in an error, in linear time.
        for open in ["(", "!(", "!"] {
            assert!(Condition::parse(&format!("{}a > 1", open.repeat(3000))).is_err());
        }
    }
}
