//! Ranges: values of an axis at equal distances or equal ratios, or where a design wants them.
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
    /// How many values, both ends counted: at least 2. Left out where the scenario has a `design`, which says so then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
}

/// How far a value lies along a range: a part of a whole, less than it. The whole is at most 2^52.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Share {
    pub(super) part: u64,
    pub(super) whole: u64,
}

/// Why a range makes no values: the field that is to blame, and the reason.
pub(super) type Refusal = (&'static str, String);

/// What a range lacks that has neither steps nor a design.
pub(super) const NO_STEPS: &str =
    "a range says with `steps` how many values it has, unless the scenario has a `design`";

/// The kind of both ends of a range, and both.
type Ends = (Dimension, Exact, Exact);

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
        self.values(self.count()?, kind, |share| between(from, to, share))
    }

    /// Its values at equal ratios.
    pub(super) fn logarithmic(&self) -> Result<Vec<AxisValue>, Refusal> {
        let (kind, from, to) = self.positive_ends()?;
        self.values(self.count()?, kind, |share| between_logarithms(from, to, share))
    }

    /// A value for each share of its length. Of what is counted (whole numbers, packets) each value has the same share, the last
    /// one too.
    pub(super) fn linear_at(&self, shares: &[Share]) -> Result<Vec<AxisValue>, Refusal> {
        let (kind, from, to) = self.different_ends(self.ends()?)?;
        let is_counted = matches!(kind, Dimension::Number | Dimension::Packets);
        self.values_at(shares, kind, |share| match (from, to) {
            (Exact::Whole(from), Exact::Whole(to)) if is_counted => {
                let values = i128::from((to - from).unsigned_abs().checked_add(1).and_then(|n| u64::try_from(n).ok())?);
                let steps = values.checked_mul(i128::from(share.part))? / i128::from(share.whole);
                Some(Exact::Whole(from + steps * (to - from).signum()))
            }
            _ => between(from, to, share),
        })
    }

    /// A value for each share of the logarithm of its length.
    pub(super) fn logarithmic_at(&self, shares: &[Share]) -> Result<Vec<AxisValue>, Refusal> {
        let (kind, from, to) = self.different_ends(self.positive_ends()?)?;
        self.values_at(shares, kind, |share| between_logarithms(from, to, share))
    }

    /// How many values it has.
    fn count(&self) -> Result<u64, Refusal> {
        match self.steps {
            None => Err(("", NO_STEPS.to_owned())),
            Some(steps @ 0..2) => Err(("steps", format!("a range has at least 2 values, its ends, not {steps}"))),
            Some(steps) if steps > MOST_STEPS => {
                Err(("steps", format!("a range has at most {MOST_STEPS} values, not {steps}")))
            }
            Some(steps) => Ok(steps),
        }
    }

    /// The kind of both ends, and each in its smallest unit.
    fn ends(&self) -> Result<Ends, Refusal> {
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

    /// The same for a range of ratios.
    fn positive_ends(&self) -> Result<Ends, Refusal> {
        let (kind, from, to) = self.ends()?;
        for (field, end) in [("from", from), ("to", to)] {
            if end.as_f64() <= 0.0 {
                return Err((field, "a logarithmic range lies above zero".to_owned()));
            }
        }
        Ok((kind, from, to))
    }

    /// Refuses a range without length. One with steps would have values twice.
    fn different_ends(&self, ends: Ends) -> Result<Ends, Refusal> {
        let (_, from, to) = ends;
        if from == to {
            return Err((
                "to",
                format!("a range goes from one value to another, not from {0} to {0}", self.from.text()),
            ));
        }
        Ok(ends)
    }

    /// A value for each share; the beginning as it is written.
    fn values_at(
        &self,
        shares: &[Share],
        kind: Dimension,
        value: impl Fn(Share) -> Option<Exact>,
    ) -> Result<Vec<AxisValue>, Refusal> {
        let at = |share: &Share| match share.part {
            0 => Some(self.from.clone()),
            _ => value(*share).and_then(|exact| written(kind, exact)),
        };
        shares.iter().map(|share| at(share).ok_or_else(unwritable)).collect()
    }

    /// The ends as they are written, and what `value` makes of each step between them.
    fn values(
        &self,
        steps: u64,
        kind: Dimension,
        value: impl Fn(Share) -> Option<Exact>,
    ) -> Result<Vec<AxisValue>, Refusal> {
        let whole = steps - 1;
        let mut values = vec![self.from.clone()];
        for part in 1..whole {
            let between = value(Share { part, whole }).and_then(|exact| written(kind, exact));
            values.push(between.ok_or_else(unwritable)?);
        }
        values.push(self.to.clone());
        let mut seen = std::collections::BTreeSet::new();
        for value in &values {
            if !seen.insert(value.number().map(|(x, _)| x.to_bits())) {
                let message = format!("{steps} values are too many: {} would stand in it twice", value.text());
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

/// What lies this far between two values.
fn between(from: Exact, to: Exact, share: Share) -> Option<Exact> {
    match (from, to) {
        (Exact::Whole(from), Exact::Whole(to)) => {
            let (part, whole) = (i128::from(share.part), i128::from(share.whole));
            // Rounded to the nearest, halves upwards.
            let product = (to - from).checked_mul(2 * part)?;
            Some(Exact::Whole(from + (product + whole).div_euclid(2 * whole)))
        }
        _ => Some(Exact::Decimal(from.as_f64() + (to.as_f64() - from.as_f64()) * share.as_f64())),
    }
}

/// What lies this far between the logarithms of two values above zero.
fn between_logarithms(from: Exact, to: Exact, share: Share) -> Option<Exact> {
    let value = from.as_f64() * maths::pow(to.as_f64() / from.as_f64(), share.as_f64());
    let rounded: f64 = format!("{value:.11e}").parse().ok()?;
    Some(match from {
        Exact::Whole(_) => Exact::Whole(i128::from(maths::round_to_u64(rounded))),
        Exact::Decimal(_) => Exact::Decimal(rounded),
    })
}

fn unwritable() -> Refusal {
    ("", "the range has values that cannot be written".to_owned())
}

impl Share {
    fn as_f64(self) -> f64 {
        self.part as f64 / self.whole as f64
    }
}

fn exact(value: &AxisValue) -> Option<(Dimension, Exact)> {
    let whole = |n: u64| Exact::Whole(i128::from(n));
    let (_, kind) = value.number()?;
    let exact = match (value, kind) {
        (AxisValue::Int(n), _) => Exact::Whole(i128::from(*n)),
        (AxisValue::Float(x), _) => Exact::Decimal(*x),
        (AxisValue::Bool(_) | AxisValue::Case { .. }, _) => return None,
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
        RangeSpec { from: value(from), to: value(to), steps: Some(steps) }
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

    /// By hand: three quarters of 1 to 100 ms are 75.25 ms; of 10 down to 1 each number has a tenth, so that 0.35 is the fourth and 0.99
    /// the last; half a decade is the root of ten.
    #[test]
    fn shares_of_a_length() {
        let share = |part: u64| Share { part, whole: 100 };
        let times = range("1 ms", "100 ms", 2).linear_at(&[share(75), share(0), share(99)]);
        assert_eq!(texts(times), ["75250 us", "1 ms", "99010 us"]);
        let numbers = range("10", "1", 2).linear_at(&[share(0), share(9), share(10), share(35), share(99)]);
        assert_eq!(texts(numbers), ["10", "10", "9", "7", "1"]);
        assert_eq!(
            texts(range("1 packet", "2 packets", 2).linear_at(&[share(49), share(50)])),
            ["1 packets", "2 packets"]
        );
        assert_eq!(texts(range("0", "1.5", 2).linear_at(&[share(50)])), ["0.75"]);
        let rates = range("1 Mbit/s", "10 Mbit/s", 2).logarithmic_at(&[share(50), share(0)]);
        assert_eq!(texts(rates), ["3162278 bit/s", "1 Mbit/s"]);
        assert_eq!(range("0 %", "1 %", 2).logarithmic_at(&[]).unwrap_err().0, "from");
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
        let open = RangeSpec { steps: None, ..range("1 ms", "2 ms", 2) };
        assert_eq!((open.linear().unwrap_err().1.as_str(), open.linear_at(&[]).is_ok()), (NO_STEPS, true));
        assert_eq!(range("1 ms", "1 ms", 2).linear_at(&[]).unwrap_err().0, "to");
        assert_eq!(range("0 %", "1 %", 3).logarithmic().unwrap_err().0, "from");
        assert_eq!(range("1", "-3", 3).logarithmic().unwrap_err().0, "to");
    }
}
