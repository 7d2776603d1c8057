//! A time axis that runs downwards: one scale throughout, and a break wherever nothing happens for long.

use protosim_core::{SimTime, Span};

/// The longest stretch without an event that is drawn to scale, in user units.
const LONGEST: f64 = 200.0;
/// Height of a break.
pub(super) const BREAK: f64 = 34.0;
/// Least distance of two ticks to scale.
const TICK_DISTANCE: f64 = 56.0;
/// Least distance of two labels, whatever they stand at.
const LABEL_DISTANCE: f64 = 13.0;

/// A stretch of time, to scale or as a break.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Piece {
    from: u64,
    until: u64,
    top: f64,
    bottom: f64,
    is_break: bool,
}

/// A time axis.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct TimeAxis {
    pieces: Vec<Piece>,
    top: f64,
    first: u64,
    /// User units to a nanosecond.
    scale: f64,
}

/// A break in the axis.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Break {
    pub(super) top: f64,
    pub(super) bottom: f64,
    /// How much time it leaves out, in words.
    pub(super) left_out: String,
}

impl TimeAxis {
    /// An axis from `top` on with these times on it, in any order, `scale` user units to a nanosecond.
    pub(super) fn new(times: &[SimTime], scale: f64, top: f64) -> Self {
        let mut times: Vec<u64> = times.iter().map(|time| time.as_nanos()).collect();
        times.sort_unstable();
        times.dedup();
        let mut pieces: Vec<Piece> = Vec::new();
        let mut y = top;
        for pair in times.windows(2) {
            let height = (pair[1] - pair[0]) as f64 * scale;
            let is_break = height > LONGEST;
            let bottom = y + if is_break { BREAK } else { height };
            match pieces.last_mut() {
                Some(last) if !is_break && !last.is_break => (last.until, last.bottom) = (pair[1], bottom),
                _ => pieces.push(Piece { from: pair[0], until: pair[1], top: y, bottom, is_break }),
            }
            y = bottom;
        }
        Self { pieces, top, first: times.first().copied().unwrap_or_default(), scale }
    }

    /// Where a time lies; one outside of the axis lies at its end.
    pub(super) fn y(&self, at: SimTime) -> f64 {
        let at = at.as_nanos();
        let index = self.pieces.partition_point(|piece| piece.until < at);
        match self.pieces.get(index) {
            Some(piece) if at >= piece.from => {
                let share = (at - piece.from) as f64 / (piece.until - piece.from) as f64;
                piece.top + share * (piece.bottom - piece.top)
            }
            Some(piece) => piece.top,
            None => self.bottom(),
        }
    }

    /// Where it ends.
    pub(super) fn bottom(&self) -> f64 {
        self.pieces.last().map_or(self.top, |piece| piece.bottom)
    }

    /// Its breaks, from top to bottom.
    pub(super) fn breaks(&self) -> Vec<Break> {
        let breaks = self.pieces.iter().filter(|piece| piece.is_break);
        let of = |piece: &Piece| Break {
            top: piece.top,
            bottom: piece.bottom,
            left_out: span_words(Span::from_nanos(piece.until - piece.from)),
        };
        breaks.map(of).collect()
    }

    /// Times with labels: where each stretch begins, and round ones between.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let last = self.pieces.last().map_or(self.first, |piece| piece.until);
        let unit = Unit::of(last);
        // A start is told to the nearest power of ten below one unit of the page.
        let exact = power_of_ten_below(1.0 / self.scale);
        let step = round_step(TICK_DISTANCE / self.scale);
        let mut ticks = vec![(self.top, unit.words(self.first, exact))];
        let mut labelled = |y: f64, text: String| {
            if ticks.iter().all(|(other, _)| (y - other).abs() >= LABEL_DISTANCE) {
                ticks.push((y, text));
            }
        };
        for (index, piece) in self.pieces.iter().enumerate() {
            if index > 0 {
                labelled(piece.top, unit.words(piece.from, exact));
            }
        }
        labelled(self.bottom(), unit.words(last, exact));
        for piece in self.pieces.iter().filter(|piece| !piece.is_break) {
            let first = piece.from.div_ceil(step);
            for multiple in first..=piece.until / step {
                let at = multiple * step;
                labelled(self.y(SimTime::from_nanos(at)), unit.words(at, step));
            }
        }
        ticks.sort_by(|a, b| a.0.total_cmp(&b.0));
        ticks
    }
}

/// A unit of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Unit {
    nanos: u64,
    name: &'static str,
}

impl Unit {
    /// The unit in which a time is a number above one.
    fn of(nanos: u64) -> Self {
        let all = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"), (1, "ns")];
        let (nanos, name) = all.into_iter().find(|(unit, _)| nanos >= *unit).unwrap_or((1_000_000_000, "s"));
        Self { nanos, name }
    }

    /// A time, to a multiple of `step` nanoseconds.
    fn words(self, nanos: u64, step: u64) -> String {
        if nanos == 0 {
            return format!("0 {}", self.name);
        }
        let (mut decimals, mut one) = (0, self.nanos);
        while one > 1 && !step.is_multiple_of(one) {
            one /= 10;
            decimals += 1;
        }
        let rounded = (nanos + one / 2) / one;
        let scale = self.nanos / one;
        match decimals {
            0 => format!("{rounded} {}", self.name),
            _ => format!("{}.{:0decimals$} {}", rounded / scale, rounded % scale, self.name),
        }
    }
}

/// A span to three digits, in the unit in which it is a number above one.
pub(super) fn span_words(span: Span) -> String {
    let nanos = span.as_nanos();
    let step = power_of_ten_below(nanos as f64 / 100.0);
    // Rounding may lead into the next unit.
    let rounded = (nanos + step / 2) / step * step;
    Unit::of(rounded).words(rounded, power_of_ten_below(rounded as f64 / 100.0))
}

/// The largest power of ten of nanoseconds that is not above `nanos`, and at least one.
fn power_of_ten_below(nanos: f64) -> u64 {
    let mut power = 1_u64;
    while power < 1_000_000_000_000_000_000 && (power * 10) as f64 <= nanos {
        power *= 10;
    }
    power
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `nanos`.
fn round_step(nanos: f64) -> u64 {
    let mut power = 1_u64;
    loop {
        for step in [power, 2 * power, 5 * power] {
            if step as f64 >= nanos || power >= 1_000_000_000_000_000_000 {
                return step;
            }
        }
        power *= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> SimTime {
        SimTime::from_nanos(millis * 1_000_000)
    }

    /// 1 unit to a millisecond. 0 to 100 ms is to scale; 900 ms would be 900 units, more than 200, and is a break of 34; then 50 ms.
    #[test]
    fn what_is_long_and_empty_is_a_break() {
        let axis = TimeAxis::new(&[at(1050), at(0), at(100), at(1000)], 1e-6, 10.0);
        assert_eq!(axis.breaks(), [Break { top: 110.0, bottom: 144.0, left_out: "900 ms".to_owned() }]);
        assert_eq!((axis.y(at(0)), axis.y(at(50)), axis.y(at(1000)), axis.bottom()), (10.0, 60.0, 144.0, 194.0));
        assert_eq!(axis.y(at(550)), 127.0);
    }

    /// Steps are at least 56 units, so 100 ms; the label of a piece's start is to a millisecond, and 1.1 s is 5 units from the end.
    #[test]
    fn ticks_are_round_and_apart() {
        let axis = TimeAxis::new(&[at(0), at(150), at(1003), at(1105)], 1e-6, 0.0);
        let ticks = axis.ticks();
        let labels: Vec<&str> = ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels, ["0 s", "0.1 s", "0.150 s", "1.003 s", "1.105 s"]);
        assert_eq!(ticks[1].0, 100.0);
    }

    #[test]
    fn spans_have_three_digits() {
        let words = |nanos| span_words(Span::from_nanos(nanos));
        assert_eq!(
            [
                words(2_345_678_901),
                words(45_000_000),
                words(7),
                words(12_345_678_901),
                words(123_456_789_012),
                words(999_950_000)
            ],
            ["2.35 s", "45.0 ms", "7 ns", "12.3 s", "123 s", "1.00 s"]
        );
    }
}
