//! Windows that recur: when a radio that sleeps is awake by itself, how long in all, and how long a packet waits for it.
//!
//! Sums over any time are closed forms in integers: a device that wakes every 2.56 s for ten years costs a few divisions, no event for
//! each time that it wakes.

use super::quantity::between;
use protosim_core::{SimTime, Span};

/// On from `first` on for `width`, every `period`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pulse {
    first: SimTime,
    period: Span,
    width: Span,
}

impl Pulse {
    /// On from `first` on for `width`, every `period`. `None` if the period is zero or shorter than the width.
    pub fn new(first: SimTime, period: Span, width: Span) -> Option<Self> {
        (!period.is_zero() && width <= period).then_some(Self { first, period, width })
    }

    /// How often it comes.
    pub fn period(&self) -> Span {
        self.period
    }

    /// How long it is on each time.
    pub fn width(&self) -> Span {
        self.width
    }

    /// The last start at `at` or before.
    pub fn last_start(&self, at: SimTime) -> Option<SimTime> {
        if at < self.first {
            return None;
        }
        let since = between(self.first, at).as_nanos();
        Some(SimTime::from_nanos(at.as_nanos() - since % self.period.as_nanos()))
    }

    /// The first start at `at` or later; [`SimTime::MAX`] if time ends before.
    pub fn next_start(&self, at: SimTime) -> SimTime {
        match self.last_start(at) {
            None => self.first,
            Some(start) if start == at => at,
            Some(start) => start.saturating_add(self.period),
        }
    }

    /// True while it is on.
    pub fn is_on(&self, at: SimTime) -> bool {
        self.last_start(at).is_some_and(|start| between(start, at) < self.width)
    }

    /// How long it is on before `at`.
    pub fn on_until(&self, at: SimTime) -> Span {
        let since = between(self.first, at).as_nanos();
        let (whole, rest) = (since / self.period.as_nanos(), since % self.period.as_nanos());
        // No more than `since`, so it fits.
        Span::from_nanos(whole * self.width.as_nanos() + rest.min(self.width.as_nanos()))
    }
}

/// Pulses within each window of an outer pulse: the first `offset` behind the window's start, then every `every` while they start within the
/// window. Each is whole, even if the window ends meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Windows {
    outer: Pulse,
    offset: Span,
    every: Span,
    width: Span,
}

impl Windows {
    /// Pulses of `width`, every `every`, within `outer`, which has at least one in each window. `None` if there were none, if they would overlap, or
    /// if the last one reached into the next window.
    pub fn new(outer: Pulse, offset: Span, every: Span, width: Span) -> Option<Self> {
        if every.is_zero() || width > every || offset >= outer.width {
            return None;
        }
        let windows = Self { outer, offset, every, width };
        let last = offset.saturating_add(every.saturating_mul(windows.per_window() - 1));
        (last.saturating_add(width) <= outer.period.saturating_add(offset)).then_some(windows)
    }

    /// A plain pulse.
    pub fn plain(pulse: Pulse) -> Self {
        let outer = Pulse { width: pulse.period, ..pulse };
        Self { outer, offset: Span::ZERO, every: pulse.period, width: pulse.width }
    }

    /// How many pulses a window has.
    pub fn per_window(&self) -> u64 {
        between_spans(self.offset, self.outer.width).div_ceil(self.every.as_nanos())
    }

    /// How often windows come.
    pub fn period(&self) -> Span {
        self.outer.period
    }

    /// The first start of a pulse at `at` or later; [`SimTime::MAX`] if time ends before.
    pub fn next_start(&self, at: SimTime) -> SimTime {
        let first = |outer: SimTime| outer.saturating_add(self.offset);
        let Some(outer) = self.outer.last_start(at) else { return first(self.outer.first) };
        if at <= first(outer) {
            return first(outer);
        }
        let steps = between(first(outer), at).as_nanos().div_ceil(self.every.as_nanos());
        match steps < self.per_window() {
            true => first(outer).saturating_add(self.every.saturating_mul(steps)),
            false => first(outer.saturating_add(self.outer.period)),
        }
    }

    /// True during a pulse.
    pub fn is_on(&self, at: SimTime) -> bool {
        // In integers: the sum grows at `at`.
        let next = at.saturating_add(Span::NANOSECOND);
        next > at && self.on_until(next) > self.on_until(at)
    }

    /// How long it is on before `at`.
    pub fn on_until(&self, at: SimTime) -> Span {
        // Counted from the first pulse, so that a last one that ends behind its window is in the same period.
        let since = between(self.outer.first.saturating_add(self.offset), at).as_nanos();
        let (whole, rest) = (since / self.outer.period.as_nanos(), since % self.outer.period.as_nanos());
        let (many, every, width) = (self.per_window(), self.every.as_nanos(), self.width.as_nanos());
        let (begun, within) = (rest / every, rest % every);
        let partial = if begun >= many { many * width } else { begun * width + within.min(width) };
        Span::from_nanos(whole * many * width + partial)
    }

    /// How long it is on from `from` to `to`.
    pub fn on_between(&self, from: SimTime, to: SimTime) -> Span {
        self.on_until(to).saturating_sub(self.on_until(from))
    }

    /// The next instant after `at` at which it goes on or off; [`SimTime::MAX`] if there is none.
    pub fn next_change(&self, at: SimTime) -> SimTime {
        if !self.is_on(at) {
            return self.next_start(at);
        }
        let end = if self.width == self.every {
            // Pulses that touch are one, as long as the window has them.
            let in_outer = SimTime::from_nanos(at.as_nanos().saturating_sub(self.offset.as_nanos()));
            let outer = self.outer.last_start(in_outer).unwrap_or(self.outer.first).saturating_add(self.offset);
            outer.saturating_add(self.every.saturating_mul(self.per_window()))
        } else {
            // The pulse that is on began at most its width ago.
            let earliest = SimTime::from_nanos(at.as_nanos().saturating_add(1).saturating_sub(self.width.as_nanos()));
            self.next_start(earliest).saturating_add(self.width)
        };
        match self.is_on(end) {
            false => end,
            // It touches the next window's first one, and that one again the next.
            true if self.width == self.every || self.per_window() == 1 => SimTime::MAX,
            true => end.saturating_add(self.width),
        }
    }
}

fn between_spans(from: Span, to: Span) -> u64 {
    to.saturating_sub(from).as_nanos()
}
