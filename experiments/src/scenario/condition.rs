//! Conditions over names of axes: numbers are compared with formulas, cases with their names in single quotes.

use super::{AxisSpec, CaseSpec};
use crate::tree::suggest;
use protosim_reports::formula::{Condition, FormulaError};

/// Reads a condition over these axes.
///
/// # Errors
/// The first mistake in its text; the name of a case that an axis does not have is one.
pub(super) fn parse_condition(axes: &[AxisSpec], text: &str) -> Result<Condition, FormulaError> {
    Condition::parse_with(text, &|axis, case| {
        let Some(axis) = axes.iter().find(|known| known.name == axis) else {
            return Err(format!("a number: no axis is called `{axis}`"));
        };
        let position = axis.cases.iter().position(|known| known.name == case);
        let number = position.map(|index| index as f64);
        number.ok_or_else(|| match axis.has_cases() {
            true => format!("a case of `{}`{}", axis.name, help_with_case(axis, case)),
            false => format!("a number: `{}` has no cases", axis.name),
        })
    })
}

/// What to say beside a name that is no case of an axis.
fn help_with_case(axis: &AxisSpec, name: &str) -> String {
    let names = axis.cases.iter().map(|case: &CaseSpec| case.name.as_str());
    suggest(name, names).map_or_else(String::new, |near| format!(" (did you mean '{near}'?)"))
}

/// What a variable of a condition is where axes have these values.
pub(super) fn value_of(axes: &[AxisSpec], values: &[f64], variable: &str) -> Option<f64> {
    let (name, _) = Condition::as_written(variable);
    values.get(axes.iter().position(|axis| axis.name == name)?).copied()
}

/// The names that a condition over these axes may have: those of numbers as they are, and all as names to be compared with words.
pub(super) fn known_names(axes: &[AxisSpec]) -> Vec<String> {
    let numbers = axes.iter().filter(|axis| !axis.has_cases()).map(|axis| axis.name.clone());
    numbers.chain(axes.iter().map(|axis| Condition::worded(&axis.name))).collect()
}
