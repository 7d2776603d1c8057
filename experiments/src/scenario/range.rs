//! Ranges: values of an axis at equal distances or equal ratios.
//!
//! Both ends are exact. What lies between is rounded to what the quantity counts in: nanoseconds, bits per second, bytes,
//! packets, 10^-16 percent, whole numbers between whole numbers. Logarithmic values have twelve significant digits before that, so
//! that decades come out as decades.

use super::{AxisValue, Dimension};
use protosim_core::{Rate, Ratio, Size, Span, maths};
use protosim_models::link::QueueLimit;
use protosim_models::medium::Coordinate;
use serde::{Deserialize, Serialize};

/// Most values of a range.
const MOST_STEPS: u64 = 1_000_000;

/// From one value to another.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RangeSpec {
    /// The first value.
    pub from: AxisValue,
    /// The last value, of the same kind; it may be the lesser one.
    pub to: AxisValue,
    /// How many values, both ends counted: at least 2.
    pub steps: u64,
}

/// Why a range makes no values: the field that is to blame, and the reason.
pub(super) type Refusal = (&'static str, String);

/// A value in what its quantity counts in.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Exact {
    Whole(i128),
    Decimal(f64),
}

impl RangeSpec {
    /// Its values at equal distances.
    pub(super) fn linear(&self) -> Result<Vec<AxisValue>, Refusal> {
        let (kind, from, to) = self.ends()?;
        self.values(kind, |step, last| match (from, to) {
            (Exact::Whole(from), Exact::Whole(to)) => {
                let (step, last) = (i128::from(step), i128::from(last));
                // Rounded to the nearest, halves upwards.
                let product = (to - from).checked_mul(2 * step)?;
                Some(Exact::Whole(from + (product + last).div_euclid(2 * last)))
            }
            _ => Some(Exact::Decimal(from.as_f64() + (to.as_f64() - from.as_f64()) * (step as f64 / last as f64))),
        })
    }

    /// Its values at equal ratios.
    pub(super) fn logarithmic(&self) -> Result<Vec<AxisValue>, Refusal> {
        let (kind, from, to) = self.ends()?;
        for (field, end) in [("from", from), ("to", to)] {
            if end.as_f64() <= 0.0 {
                return Err((field, "a logarithmic range lies above zero".to_owned()));
            }
        }
        let ratio = to.as_f64() / from.as_f64();
        self.values(kind, |step, last| {
            let value = from.as_f64() * maths::pow(ratio, step as f64 / last as f64);
            let rounded: f64 = format!("{value:.11e}").parse().ok()?;
            Some(match from {
                Exact::Whole(_) => Exact::Whole(i128::from(maths::round_to_u64(rounded))),
                Exact::Decimal(_) => Exact::Decimal(rounded),
            })
        })
    }

    /// The kind of both ends, and each in its smallest unit.
    fn ends(&self) -> Result<(Dimension, Exact, Exact), Refusal> {
        if self.steps < 2 {
            return Err(("steps", format!("a range has at least 2 values, its ends, not {}", self.steps)));
        }
        if self.steps > MOST_STEPS {
            return Err(("steps", format!("a range has at most {MOST_STEPS} values, not {}", self.steps)));
        }
        let (Some((kind, from)), Some((other, to))) = (exact(&self.from), exact(&self.to)) else {
            return Err(("", "a range goes from one quantity or number to another".to_owned()));
        };
        if kind != other {
            return Err(("to", "the ends of a range are of one kind".to_owned()));
        }
        let (from, to) = match (from, to) {
            (Exact::Whole(_), Exact::Whole(_)) => (from, to),
            _ => (Exact::Decimal(from.as_f64()), Exact::Decimal(to.as_f64())),
        };
        Ok((kind, from, to))
    }

    /// The ends as they are written, and what `value` makes of each step between them.
    fn values(&self, kind: Dimension, value: impl Fn(u64, u64) -> Option<Exact>) -> Result<Vec<AxisValue>, Refusal> {
        let last = self.steps - 1;
        let mut values = vec![self.from.clone()];
        for step in 1..last {
            let between = value(step, last).and_then(|exact| written(kind, exact));
            values.push(between.ok_or(("", "the range has values that cannot be written".to_owned()))?);
        }
        values.push(self.to.clone());
        let mut seen = std::collections::BTreeSet::new();
        for value in &values {
            if !seen.insert(value.number().map(|(x, _)| x.to_bits())) {
                let message = format!("{} values are too many: {} would stand in it twice", self.steps, value.text());
                return Err(("steps", message));
            }
        }
        Ok(values)
    }
}

impl Exact {
    fn as_f64(self) -> f64 {
        match self {
            Self::Whole(n) => n as f64,
            Self::Decimal(x) => x,
        }
    }
}

fn exact(value: &AxisValue) -> Option<(Dimension, Exact)> {
    let whole = |n: u64| Exact::Whole(i128::from(n));
    let (_, kind) = value.number()?;
    let exact = match (value, kind) {
        (AxisValue::Int(n), _) => Exact::Whole(i128::from(*n)),
        (AxisValue::Float(x), _) => Exact::Decimal(*x),
        (AxisValue::Bool(_), _) => return None,
        (AxisValue::Text(text), Dimension::Ratio) => whole(text.parse::<Ratio>().ok()?.as_parts()),
        (AxisValue::Text(text), Dimension::Time) => whole(text.parse::<Span>().ok()?.as_nanos()),
        (AxisValue::Text(text), Dimension::Rate) => whole(text.parse::<Rate>().ok()?.as_bits_per_sec()),
        (AxisValue::Text(text), Dimension::Size) => whole(text.parse::<Size>().ok()?.as_bytes()),
        (AxisValue::Text(text), Dimension::Length) => {
            Exact::Whole(i128::from(text.parse::<Coordinate>().ok()?.as_millimetres()))
        }
        (AxisValue::Text(text), _) => match text.parse::<QueueLimit>().ok()? {
            QueueLimit::Packets(n) => Exact::Whole(i128::from(n)),
            QueueLimit::Bytes(_) => return None,
        },
    };
    Some((kind, exact))
}

fn written(kind: Dimension, exact: Exact) -> Option<AxisValue> {
    let n = match exact {
        Exact::Decimal(x) => return x.is_finite().then_some(AxisValue::Float(x)),
        Exact::Whole(n) => n,
    };
    let count = u64::try_from(n).ok();
    Some(AxisValue::Text(match kind {
        Dimension::Number => return i64::try_from(n).ok().map(AxisValue::Int),
        Dimension::Ratio => Ratio::from_parts(count?)?.to_string(),
        Dimension::Time => Span::from_nanos(count?).to_string(),
        Dimension::Rate => Rate::from_bits_per_sec(count?)?.to_string(),
        Dimension::Size => Size::from_bytes(count?).to_string(),
        Dimension::Packets => format!("{n} packets"),
        Dimension::Length if n % 1000 == 0 => format!("{} m", n / 1000),
        Dimension::Length => format!("{n} mm"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: &str, to: &str, steps: u64) -> RangeSpec {
        let value = |text: &str| match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(n), _) => AxisValue::Int(n),
            (_, Ok(x)) => AxisValue::Float(x),
            _ => AxisValue::Text(text.to_owned()),
        };
        RangeSpec { from: value(from), to: value(to), steps }
    }

    fn texts(values: Result<Vec<AxisValue>, Refusal>) -> Vec<String> {
        values.unwrap().iter().map(AxisValue::text).collect()
    }

    /// By hand: 99 ms in four parts are 24.75 ms each; 10 % in four, 2.5 %; 9 in four, 2.25, rounded.
    #[test]
    fn equal_distances() {
        assert_eq!(texts(range("1 ms", "100 ms", 5).linear()), ["1 ms", "25750 us", "50500 us", "75250 us", "100 ms"]);
        assert_eq!(texts(range("0 %", "10 %", 5).linear()), ["0 %", "2.5 %", "5 %", "7.5 %", "10 %"]);
        assert_eq!(texts(range("10", "1", 5).linear()), ["10", "8", "6", "3", "1"]);
        assert_eq!(texts(range("0", "1.5", 4).linear()), ["0", "0.5", "1.0", "1.5"]);
        assert_eq!(texts(range("1 packet", "9 packets", 3).linear()), ["1 packet", "5 packets", "9 packets"]);
    }

    /// Decades are decades, whichever way; half a decade is the root of ten, 3.16227766016838.
    #[test]
    fn equal_ratios() {
        assert_eq!(texts(range("0.01 %", "10 %", 4).logarithmic()), ["0.01 %", "0.1 %", "1 %", "10 %"]);
        assert_eq!(texts(range("1 s", "1 ms", 4).logarithmic()), ["1 s", "100 ms", "10 ms", "1 ms"]);
        let rates = ["1 Mbit/s", "3162278 bit/s", "10 Mbit/s"];
        assert_eq!(texts(range("1 Mbit/s", "10 Mbit/s", 3).logarithmic()), rates);
        assert_eq!(texts(range("0.1", "10.0", 3).logarithmic()), ["0.1", "1.0", "10.0"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (from, to, steps, field) in [
            ("1 ms", "2 ms", 1, "steps"),
            ("1 ms", "2 ms", 2_000_000, "steps"),
            ("1", "3", 9, "steps"),
            ("1 ms", "1 ms", 2, "steps"),
            ("1 ms", "2 Mbit/s", 3, "to"),
        ] {
            assert_eq!(range(from, to, steps).linear().unwrap_err().0, field, "{from} {to} {steps}");
        }
        assert_eq!(range("0 %", "1 %", 3).logarithmic().unwrap_err().0, "from");
        assert_eq!(range("1", "-3", 3).logarithmic().unwrap_err().0, "to");
    }
}
