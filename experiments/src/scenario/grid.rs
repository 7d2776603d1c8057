//! How variants and values of axes combine to points.

use super::condition::{parse_condition, value_of};
use super::{AxisValue, Scenario};
use protosim_reports::formula::Condition;

/// All combinations: variants slowest, then axes, the last one fastest. Axes that are zipped, and those of a design, advance
/// together, at the place of their first one.
pub(super) struct Grid<'a> {
    scenario: &'a Scenario,
    /// The values of each axis.
    pub(super) values: Vec<Vec<AxisValue>>,
    /// Which axes advance together, and over how many values.
    groups: Vec<(Vec<usize>, usize)>,
    condition: Option<Condition>,
}

/// One combination.
pub(super) struct Choice {
    /// Which variant, if there are any.
    pub(super) variant: Option<usize>,
    /// Which value of each axis.
    pub(super) values: Vec<usize>,
}

impl<'a> Grid<'a> {
    /// Of a scenario. An axis without values, or that is zipped with shorter ones, makes fewer points; checks refuse it.
    pub(super) fn new(scenario: &'a Scenario) -> Self {
        let values = scenario.values_of_axes();
        let mut groups: Vec<(Vec<usize>, usize)> = Vec::new();
        for (index, values) in values.iter().enumerate() {
            let together = |(axes, _): &&mut (Vec<usize>, usize)| scenario.advance_together(axes[0], index);
            match groups.iter_mut().find(together) {
                Some((axes, length)) => {
                    axes.push(index);
                    *length = values.len().min(*length);
                }
                None => groups.push((vec![index], values.len())),
            }
        }
        let condition = scenario.only_if.as_deref().and_then(|text| parse_condition(&scenario.axes, text).ok());
        Self { scenario, values, groups, condition }
    }

    /// How many combinations there are, those included that `only_if` leaves out.
    pub(super) fn total(&self) -> Option<usize> {
        let variants = self.scenario.variants.len().max(1);
        self.groups.iter().try_fold(variants, |product, (_, length)| product.checked_mul(*length))
    }

    /// The combination of this number.
    pub(super) fn choice(&self, index: usize) -> Choice {
        let mut values = vec![0; self.values.len()];
        let mut rest = index;
        for (axes, length) in self.groups.iter().rev() {
            let length = (*length).max(1);
            axes.iter().for_each(|axis| values[*axis] = rest % length);
            rest /= length;
        }
        Choice { variant: (!self.scenario.variants.is_empty()).then_some(rest), values }
    }

    /// The values of a combination as numbers in the unit of tables.
    pub(super) fn numbers(&self, choice: &Choice) -> Vec<f64> {
        let picked = self.values.iter().zip(&choice.values).map(|(values, pick)| values.get(*pick));
        picked.map(|value| value.and_then(AxisValue::number).map_or(0.0, |(x, _)| x)).collect()
    }

    /// Whether `only_if` keeps a combination.
    ///
    /// # Errors
    /// Why that cannot be said, in words.
    pub(super) fn keeps(&self, numbers: &[f64]) -> Result<bool, String> {
        let Some(condition) = &self.condition else { return Ok(true) };
        let value_of = |name: &str| value_of(&self.scenario.axes, numbers, name);
        condition.holds(&value_of).map_err(|error| error.to_string())
    }

    /// A combination in words: `variant codel, loss = 2 %`.
    pub(super) fn describe(&self, choice: &Choice) -> String {
        let variant = choice.variant.map(|variant| format!("variant {}", self.scenario.variants[variant].name));
        let axes = self.scenario.axes.iter().zip(&self.values).zip(&choice.values);
        let axes =
            axes.filter_map(|((axis, values), pick)| Some(format!("{} = {}", axis.name, values.get(*pick)?.text())));
        variant.into_iter().chain(axes).collect::<Vec<_>>().join(", ")
    }
}
