//! Formulas that are true or false.

use super::parser::{WORDED, Wanted};
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
        Self::parse_with(text, &|_, _| Err("a number".to_owned()))
    }

    /// Reads a condition in which variables may be compared with words in single quotes, as in `kind == 'open'`. `words` gives
    /// the number that a word stands for beside a variable (name, word), or says what may stand there. A variable that is
    /// compared so is called `'kind` from then on, since it is no number to compute with: [`Condition::worded`].
    ///
    /// ```
    /// use protosim_reports::formula::Condition;
    /// let words = |_: &str, word: &str| if word == "open" { Ok(0.0) } else { Err("`open`".to_owned()) };
    /// let open = Condition::parse_with("kind == 'open' && loss < 0.1", &words)?;
    /// assert_eq!(open.variables(), ["'kind", "loss"]);
    /// assert!(open.holds(&|name| Some(if name == "'kind" { 0.0 } else { 0.05 }))?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Condition::parse`].
    pub fn parse_with(text: &str, words: &dyn Fn(&str, &str) -> Result<f64, String>) -> Result<Self, FormulaError> {
        Formula::parse_as(text, Wanted::Condition, words).map(Self)
    }

    /// The name of a variable that is compared with words, as conditions call it.
    pub fn worded(name: &str) -> String {
        format!("{WORDED}{name}")
    }

    /// The name of a variable as it is written, and whether it is compared with words.
    pub fn as_written(variable: &str) -> (&str, bool) {
        variable.strip_prefix(WORDED).map_or((variable, false), |name| (name, true))
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

    /// By truth table: of three kinds `a` is the first, and `b` is a number beside it.
    #[test]
    fn words_stand_for_numbers_beside_their_variable() {
        let words = |name: &str, word: &str| match (name, word) {
            ("a", "open") => Ok(0.0),
            ("a", "EIM/EIF") => Ok(1.0),
            _ => Err("`open` or `EIM/EIF`".to_owned()),
        };
        let holds = |text: &str, a: f64| {
            let value_of = |name: &str| Some(if name == "'a" { a } else { 5.0 });
            Condition::parse_with(text, &words).unwrap().holds(&value_of).unwrap()
        };
        for (text, open, other) in [
            ("a == 'open'", true, false),
            ("a != 'open'", false, true),
            ("!(a=='EIM/EIF')", true, false),
            ("b > 4 && (a == 'open' || a == 'EIM/EIF')", true, true),
            ("if(a == 'open', 1, 2) == 2", false, true),
        ] {
            assert_eq!((holds(text, 0.0), holds(text, 1.0)), (open, other), "{text}");
        }
        for (text, expected) in [
            ("a == 'opne'", "byte 5: expected `open` or `EIM/EIF`, found `'opne'`"),
            ("a < 'open'", "byte 4: expected a number: words are compared by == and !=, found `'open'`"),
            ("a == 'open", "byte 5: expected a second ' behind the word, found `'open`"),
            ("a + 1 == 'open'", "byte 9: expected a number, a name, \"-\" or \"(\", found `'open'`"),
        ] {
            assert_eq!(Condition::parse_with(text, &words).unwrap_err().to_string(), expected);
        }
        assert!(Condition::parse("a == 'open'").unwrap_err().to_string().contains("expected a number"));
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
