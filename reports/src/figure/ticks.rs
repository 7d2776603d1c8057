//! Where an axis begins and ends, where its ticks are and what they say.
//!
//! A tick is a whole number times a power of ten and its label is written from these two integers, so that 0.1 never
//! becomes 0.10000000000000001. Logarithms come from `protosim_core::maths`.

use protosim_core::maths;

use super::Scale;

/// Share of the axis left free beyond the outermost data on each side, so that markers stay clear of the frame.
const MARGIN: f64 = 0.04;
/// Spans below this share of the values' size are treated as a single value: a double has 16 digits.
const FLAT: f64 = 1e-12;

/// The part of an axis that is shown, and how values become places along it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    scale: Scale,
    /// Ends as they are drawn: values on a linear axis, their logarithms to base 10 on a logarithmic one.
    from: f64,
    to: f64,
}

impl Span {
    /// The span of exactly these values; `low` < `high`, and both positive on a logarithmic axis.
    pub(super) fn exact(scale: Scale, low: f64, high: f64) -> Self {
        match scale {
            Scale::Linear => Self { scale, from: low, to: high },
            Scale::Log => Self { scale, from: maths::log10(low), to: maths::log10(high) },
        }
    }

    /// The span that shows data from `low` to `high` with a margin; a single value gets room on both sides.
    pub(super) fn around(scale: Scale, low: f64, high: f64) -> Self {
        let mut span = Self::exact(scale, low, high);
        let flat = match scale {
            Scale::Linear => span.to - span.from <= FLAT * low.abs().max(high.abs()),
            Scale::Log => span.to - span.from <= FLAT,
        };
        let room = match (flat, scale) {
            (false, _) => MARGIN * (span.to - span.from),
            (true, Scale::Log) => 0.5,
            (true, Scale::Linear) if low == 0.0 => 1.0,
            (true, Scale::Linear) => 0.1 * low.abs(),
        };
        span.from -= room;
        span.to += room;
        span
    }

    /// The same span without the margin beyond zero, where no value lies: bars stand on the frame.
    pub(super) fn standing_on_zero(mut self, low: f64, high: f64) -> Self {
        match self.scale {
            Scale::Linear if low >= 0.0 => self.from = 0.0,
            Scale::Linear if high <= 0.0 => self.to = 0.0,
            _ => {}
        }
        self
    }

    /// Whether zero lies between the ends.
    pub(super) fn crosses_zero(&self) -> bool {
        self.scale == Scale::Linear && self.from < 0.0 && self.to > 0.0
    }

    /// Place of a value along the axis: 0 at its beginning, 1 at its end. A value that a logarithmic axis cannot show
    /// (zero or less) lies far before the beginning.
    pub(super) fn share(&self, value: f64) -> f64 {
        let place = match self.scale {
            Scale::Linear => value,
            Scale::Log if value > 0.0 => maths::log10(value),
            Scale::Log => return -1e6,
        };
        ((place - self.from) / (self.to - self.from)).clamp(-1e6, 1e6)
    }

    /// Ticks of the axis, about `wanted` with labels.
    pub(super) fn ticks(&self, wanted: usize) -> Ticks {
        match self.scale {
            Scale::Linear => linear(self.from, self.to, wanted),
            Scale::Log => logarithmic(self.from, self.to, wanted),
        }
    }
}

/// Ticks of an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ticks {
    /// Value and label of each major tick.
    pub(super) major: Vec<(f64, String)>,
    /// Values of the minor ticks.
    pub(super) minor: Vec<f64>,
    /// Power of ten taken out of the labels (0: none); belongs in front of the axis's unit.
    pub(super) exponent: i32,
}

/// `digits` × 10^`exponent`, correctly rounded.
fn decimal(digits: i64, exponent: i32) -> f64 {
    format!("{digits}e{exponent}").parse().expect("an integer, e and an integer are a float's syntax")
}

/// Writes `digits` × 10^`exponent` without an exponent: (15, -1) is "1.5", (-3, 2) is "−300".
fn plain(digits: i64, exponent: i32) -> String {
    let sign = if digits < 0 { "\u{2212}" } else { "" };
    let mut text = digits.unsigned_abs().to_string();
    if digits != 0 {
        text.extend(std::iter::repeat_n('0', exponent.max(0).unsigned_abs() as usize));
    }
    let places = exponent.min(0).unsigned_abs() as usize;
    if places > 0 {
        text = format!("{text:0>width$}", width = places + 1);
        text.insert(text.len() - places, '.');
    }
    format!("{sign}{text}")
}

/// A power of ten as it is printed: 10⁻³.
pub(super) fn power_of_ten(exponent: i32) -> String {
    let raise = |c| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => char::from_u32('⁰' as u32 + digit as u32 - '0' as u32).unwrap_or(digit),
    };
    format!("10{}", exponent.to_string().chars().map(raise).collect::<String>())
}

/// The power of ten of the first digit of `digits` × 10^`exponent`; `digits` is not 0.
fn leading(digits: i64, exponent: i32) -> i32 {
    digits.unsigned_abs().ilog10() as i32 + exponent
}

/// Multiples of 1, 2 or 5 times a power of ten: the smallest such step that gives no more ticks than wanted, but at
/// least two ticks, for a single one shows no scale.
fn linear(from: f64, to: f64, wanted: usize) -> Ticks {
    let rough = (to - from) / wanted.max(1) as f64;
    let first = maths::log10(rough).floor() as i32 - 2;
    let steps: Vec<(i64, i32)> = (first..first + 5).flat_map(|e| [(1, e), (2, e), (5, e)]).collect();
    // Some tolerance, so that a step of exactly the wanted size is not refused for the last bits of from and to.
    let coarsest = steps.iter().position(|&(m, e)| decimal(m, e) >= rough * (1.0 - 1e-3)).unwrap_or(steps.len() - 1);
    let ends = |step: f64| ((from / step - 1e-6).ceil() as i64, (to / step + 1e-6).floor() as i64);
    let two = |&&(m, e): &&(i64, i32)| {
        let (low, high) = ends(decimal(m, e));
        low < high
    };
    let (factor, exponent) = steps[..=coarsest].iter().rev().find(two).copied().unwrap_or(steps[0]);
    let (low, high) = ends(decimal(factor, exponent));
    let multiples: Vec<i64> = (low..=high).map(|n| n * factor).collect();
    let largest = multiples.iter().filter(|&&d| d != 0).map(|&d| leading(d, exponent)).max().unwrap_or(0);
    // Long numbers are written in thousands, millions, thousandths…
    let shared = if (-3..=4).contains(&largest) { 0 } else { largest.div_euclid(3) * 3 };
    let major = multiples.iter().map(|&d| (decimal(d, exponent), plain(d, exponent - shared))).collect();
    Ticks { major, minor: Vec::new(), exponent: shared }
}

/// Decades with minor ticks; on less than three decades also 2 and 5; on a small part of one, as on a linear axis.
/// `from` and `to` are logarithms.
fn logarithmic(from: f64, to: f64, wanted: usize) -> Ticks {
    let (first, last) = ((from - 1e-9).ceil() as i32, (to + 1e-9).floor() as i32);
    let shown = |v: &(i64, i32)| {
        let place = maths::log10(decimal(v.0, v.1));
        place >= from - 1e-9 && place <= to + 1e-9
    };
    let all = |digits: &'static [i64]| {
        let values = (first - 1..=last).flat_map(|e| digits.iter().map(move |&d| (d, e)));
        values.filter(shown).collect::<Vec<_>>()
    };
    let decades = usize::try_from(last - first + 1).unwrap_or(0);
    if decades >= 3 {
        let stride = decades.div_ceil(wanted.max(2)) as i32;
        let (labelled, rest): (Vec<i32>, Vec<i32>) = (first..=last).partition(|e| e.rem_euclid(stride) == 0);
        let minor = if stride == 1 { all(&[2, 3, 4, 5, 6, 7, 8, 9]) } else { rest.iter().map(|&e| (1, e)).collect() };
        return Ticks {
            major: labelled.iter().map(|&e| (decimal(1, e), power_of_ten(e))).collect(),
            minor: minor.iter().map(|&(d, e)| decimal(d, e)).collect(),
            exponent: 0,
        };
    }
    let fine = all(&[1, 2, 5]);
    if fine.len() < 3 {
        return linear(maths::pow(10.0, from), maths::pow(10.0, to), wanted.min(5));
    }
    let crowded = fine.len() > wanted && decades >= 2;
    let major = if crowded { all(&[1]) } else { fine };
    let short = major.iter().all(|&(_, e)| (-4..=4).contains(&e));
    let label = |&(d, e): &(i64, i32)| match (short, d) {
        (true, _) => plain(d, e),
        (false, 1) => power_of_ten(e),
        (false, _) => format!("{d}×{}", power_of_ten(e)),
    };
    Ticks {
        major: major.iter().map(|t| (decimal(t.0, t.1), label(t))).collect(),
        minor: all(if crowded { &[2, 3, 4, 5, 6, 7, 8, 9] } else { &[3, 4, 6, 7, 8, 9] })
            .iter()
            .map(|&(d, e)| decimal(d, e))
            .collect(),
        exponent: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &Ticks) -> Vec<&str> {
        ticks.major.iter().map(|(_, label)| label.as_str()).collect()
    }

    /// 0 to 0.5 in about 5 steps: the step is 0.1.
    #[test]
    fn linear_ticks_carry_no_rounding_noise() {
        let ticks = Span::exact(Scale::Linear, 0.0, 0.5).ticks(5);
        assert_eq!(labels(&ticks), ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5"]);
        assert_eq!(ticks.major[3].0, 0.3);
        assert_eq!(ticks.exponent, 0);
    }

    /// −1 to 1 in about 4: step 0.5; the sign is the typographic minus.
    #[test]
    fn negative_ticks_have_a_minus_sign() {
        let ticks = Span::exact(Scale::Linear, -1.0, 1.0).ticks(4);
        assert_eq!(labels(&ticks), ["−1.0", "−0.5", "0.0", "0.5", "1.0"]);
    }

    /// 0 to 4·10⁹ in about 4: step 10⁹, which leaves the labels as 10⁹.
    #[test]
    fn large_and_small_values_share_a_power_of_ten() {
        let large = Span::exact(Scale::Linear, 0.0, 4e9).ticks(4);
        assert_eq!((labels(&large), large.exponent), (vec!["0", "1", "2", "3", "4"], 9));
        let small = Span::exact(Scale::Linear, 0.0, 4e-5).ticks(4);
        assert_eq!((labels(&small), small.exponent), (vec!["0", "10", "20", "30", "40"], -6));
    }

    /// 1 ± 10⁻⁹: the step is 5·10⁻¹⁰ and each label shows the digits that tell it from its neighbours.
    #[test]
    fn a_tiny_range_around_one_has_distinct_labels() {
        let ticks = Span::exact(Scale::Linear, 1.0 - 1e-9, 1.0 + 1e-9).ticks(4);
        assert_eq!(labels(&ticks), ["0.9999999990", "0.9999999995", "1.0000000000", "1.0000000005", "1.0000000010"]);
    }

    #[test]
    fn six_decades_have_a_label_each_and_eight_minor_ticks_between() {
        let ticks = Span::exact(Scale::Log, 1e-3, 1e3).ticks(8);
        assert_eq!(labels(&ticks), ["10⁻³", "10⁻²", "10⁻¹", "10⁰", "10¹", "10²", "10³"]);
        assert_eq!(ticks.minor.len(), 6 * 8);
    }

    #[test]
    fn many_decades_skip_labels() {
        let ticks = Span::exact(Scale::Log, 1e-12, 1e12).ticks(5);
        assert_eq!(labels(&ticks), ["10⁻¹⁰", "10⁻⁵", "10⁰", "10⁵", "10¹⁰"]);
    }

    #[test]
    fn under_three_decades_two_and_five_are_labelled_too() {
        let ticks = Span::exact(Scale::Log, 2.0, 60.0).ticks(6);
        assert_eq!(labels(&ticks), ["2", "5", "10", "20", "50"]);
        assert_eq!(ticks.minor, [3.0, 4.0, 6.0, 7.0, 8.0, 9.0, 30.0, 40.0, 60.0]);
    }

    #[test]
    fn part_of_a_decade_is_divided_evenly() {
        let ticks = Span::exact(Scale::Log, 2.5, 4.5).ticks(5);
        assert_eq!(labels(&ticks), ["2.5", "3.0", "3.5", "4.0", "4.5"]);
    }

    #[test]
    fn a_single_value_gets_room_on_both_sides() {
        for value in [0.0, 1.0, -3.0, 1e-300, 1e300] {
            let span = Span::around(Scale::Linear, value, value);
            approx::assert_relative_eq!(span.share(value), 0.5, max_relative = 1e-9);
            assert!(!span.ticks(5).major.is_empty());
        }
        approx::assert_relative_eq!(Span::around(Scale::Log, 7.0, 7.0).share(7.0), 0.5, max_relative = 1e-9);
    }

    proptest::proptest! {
        #[test]
        fn ticks_lie_on_the_axis_in_order_with_distinct_labels(
            low in -1e12_f64..1e12, size in 1e-9_f64..1e12, wanted in 2_usize..10
        ) {
            let span = Span::around(Scale::Linear, low, low + size);
            let ticks = span.ticks(wanted);
            proptest::prop_assert!((2..=6.max(wanted + 1)).contains(&ticks.major.len()));
            for pair in ticks.major.windows(2) {
                proptest::prop_assert!(pair[0].0 < pair[1].0 && pair[0].1 != pair[1].1);
            }
            for (value, _) in &ticks.major {
                proptest::prop_assert!((-1e-5..=1.0 + 1e-5).contains(&span.share(*value)));
            }
        }

        #[test]
        fn log_ticks_lie_on_the_axis_in_order(low in -30.0_f64..30.0, size in 0.0_f64..20.0, wanted in 2_usize..10) {
            let value = |l| maths::pow(10.0, l);
            let span = Span::around(Scale::Log, value(low), value(low + size));
            let ticks = span.ticks(wanted);
            proptest::prop_assert!(!ticks.major.is_empty());
            for pair in ticks.major.windows(2) {
                proptest::prop_assert!(pair[0].0 < pair[1].0 && pair[0].1 != pair[1].1);
            }
            for value in ticks.major.iter().map(|t| t.0).chain(ticks.minor.iter().copied()) {
                proptest::prop_assert!((-1e-5..=1.0 + 1e-5).contains(&span.share(value)));
            }
        }
    }
}
