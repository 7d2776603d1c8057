//! Numbers and points in words.

use crate::scenario::{AxisValue, Loaded, Metric};

/// Fewest digits of a number.
const DIGITS: usize = 3;
/// Most digits, where two numbers are so close.
const DIGITS_MAX: usize = 9;

/// What a number is shown in: so many of it make one of the tables' unit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Scale {
    name: &'static str,
    factor: f64,
}

/// True for a metric that is a share of something.
pub fn is_share(metric: Metric) -> bool {
    metric.is_share()
}

impl Scale {
    /// The scale that shows a value of this metric with few digits.
    pub fn of(metric: Metric, value: f64) -> Self {
        let steps: &[(&'static str, f64)] = match metric.unit() {
            "s" => &[(" s", 1.0), (" ms", 1e3), (" µs", 1e6), (" ns", 1e9)],
            "bit/s" => &[(" Gbit/s", 1e-9), (" Mbit/s", 1e-6), (" kbit/s", 1e-3), (" bit/s", 1.0)],
            "B" => &[(" MB", 1e-6), (" kB", 1e-3), (" B", 1.0)],
            "1/s" => &[(" 1/s", 1.0)],
            _ if is_share(metric) => &[(" %", 100.0)],
            _ => &[("", 1.0)],
        };
        let fits = steps.iter().find(|(_, factor)| value.abs() * factor >= 1.0);
        // Zero has the unit itself, or the smallest one of rates and sizes.
        let none = if metric.unit() == "s" { steps.first() } else { steps.last() };
        let smallest = if value == 0.0 { none } else { steps.last() };
        let (name, factor) = *fits.or(smallest).unwrap_or(&("", 1.0));
        Self { name, factor }
    }

    /// A value with so many digits, without its unit.
    pub fn number(self, value: f64, digits: usize) -> String {
        significant(value * self.factor, digits)
    }

    /// What values are multiplied with.
    pub fn factor(self) -> f64 {
        self.factor
    }

    /// The unit, with a space before it.
    pub fn name(self) -> &'static str {
        self.name
    }
}

/// Two values of a metric in one unit, with as many digits as tell them apart.
pub fn two_values(metric: Metric, a: f64, b: f64) -> (String, String) {
    let scale = Scale::of(metric, a.abs().max(b.abs()));
    let both = |digits| (scale.number(a, digits) + scale.name, scale.number(b, digits) + scale.name);
    (DIGITS..DIGITS_MAX).map(both).find(|(a, b)| a != b).unwrap_or_else(|| both(DIGITS_MAX))
}

/// A number with so many significant digits, without an exponent.
pub fn significant(value: f64, digits: usize) -> String {
    let digits = digits.max(1);
    let scientific = format!("{value:.*e}", digits - 1);
    let (rounded, exponent) = match scientific.split_once('e') {
        Some((_, exponent)) => (scientific.parse::<f64>().unwrap_or(value), exponent.parse::<i64>().unwrap_or(0)),
        None => return scientific,
    };
    let decimals = (digits as i64 - 1 - exponent).clamp(0, 20) as usize;
    format!("{rounded:.decimals$}")
}

/// A number with its sign, with at least one decimal or so many digits: `+0.012`, `-7.7`.
pub fn signed(value: f64) -> String {
    let text = if value.abs() >= 10.0 { format!("{value:.1}") } else { significant(value, 2) };
    if value >= 0.0 { format!("+{text}") } else { text }
}

/// A point by its variant and the values of its axes: ` at loss = 2 %, variant slow`; nothing where there is one alone.
pub fn point(loaded: &Loaded, number: usize) -> String {
    let Some(point) = loaded.points.get(number) else { return String::new() };
    let values = loaded.scenario.axes.iter().zip(&point.values).map(|(axis, value)| {
        let all = axis.all_values();
        let written = all.iter().find(|written| written.number().is_some_and(|(number, _)| number == *value));
        format!("{} = {}", axis.name, written.map_or_else(|| value.to_string(), AxisValue::text))
    });
    let variant = point.variant.iter().map(|name| format!("variant {name}"));
    let words: Vec<String> = values.chain(variant).collect();
    if words.is_empty() { String::new() } else { format!(" at {}", words.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_few_digits_and_a_fitting_unit() {
        assert_eq!(two_values(Metric::MeanCompletion, 1.4213, 1.3112), ("1.42 s".to_owned(), "1.31 s".to_owned()));
        assert_eq!(two_values(Metric::MeanCompletion, 0.0107, 0.0), ("10.7 ms".to_owned(), "0.00 ms".to_owned()));
        assert_eq!(
            two_values(Metric::MeanCompletion, 1.000_001, 1.000_002),
            ("1.000001 s".to_owned(), "1.000002 s".to_owned())
        );
        assert_eq!(two_values(Metric::Completed, 0.9, 0.955), ("90.0 %".to_owned(), "95.5 %".to_owned()));
        assert_eq!(
            two_values(Metric::Goodput, 123_456.0, 12_345_678.0),
            ("0.123 Mbit/s".to_owned(), "12.3 Mbit/s".to_owned())
        );
        assert_eq!(two_values(Metric::MeanTransmissions, 1.0, 1.25), ("1.00".to_owned(), "1.25".to_owned()));
        assert_eq!(significant(1234.5, 3), "1230");
        assert_eq!(significant(0.000_123_45, 3), "0.000123");
        assert_eq!((signed(-7.74), signed(0.0123), signed(123.45)), ("-7.7".into(), "+0.012".into(), "+123.5".into()));
    }
}
