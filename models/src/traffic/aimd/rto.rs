//! The retransmission time-out of RFC 6298.

use protosim_core::Span;

/// Before there is a measurement (§2.1), and the least (§2.4).
const ONE_SECOND: Span = Span::from_secs(1);
/// The most (§2.5 asks for at least 60 s).
const MOST: Span = Span::from_secs(60);

/// The estimator, in whole nanoseconds; the clock's granularity G is one of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rto {
    /// Smoothed round trip and its variation; `None` before the first measurement.
    estimate: Option<(u64, u64)>,
    value: Span,
}

impl Rto {
    pub(super) const fn new() -> Self {
        Self { estimate: None, value: ONE_SECOND }
    }

    /// The time-out.
    pub(super) const fn value(&self) -> Span {
        self.value
    }

    /// A measurement (§2.2, §2.3); it takes back all doubling.
    pub(super) fn measured(&mut self, round_trip: Span) {
        let r = round_trip.as_nanos();
        let (smoothed, variation) = match self.estimate {
            None => (r, r / 2),
            // With alpha 1/8 and beta 1/4; the variation first, from the old smoothed value.
            Some((smoothed, variation)) => (
                (smoothed - smoothed / 8).saturating_add(r / 8),
                (variation - variation / 4).saturating_add(smoothed.abs_diff(r) / 4),
            ),
        };
        self.estimate = Some((smoothed, variation));
        let value = smoothed.saturating_add(variation.saturating_mul(4).max(1));
        self.value = Span::from_nanos(value).clamp(ONE_SECOND, MOST);
    }

    /// It has passed (§5.5).
    pub(super) fn passed(&mut self) {
        self.value = self.value.saturating_mul(2).min(MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand after §2: the first measurement of 2 s gives 2 + 4 · 1 = 6 s; then 4 s gives the variation
    /// 0.75 · 1 + 0.25 · 2 = 1.25 s, the smoothed 1.75 + 0.5 = 2.25 s, and 7.25 s. Doubled twice: 14.5 and 29 s; then
    /// 58 s and no more than 60 s. A short path has the least, 1 s.
    #[test]
    fn the_rfcs_arithmetic() {
        let mut rto = Rto::new();
        assert_eq!(rto.value(), Span::from_secs(1));
        rto.measured(Span::from_secs(2));
        assert_eq!(rto.value(), Span::from_secs(6));
        rto.measured(Span::from_secs(4));
        assert_eq!(rto.value(), Span::from_millis(7_250));
        let doubled = [(); 4].map(|()| {
            rto.passed();
            rto.value().as_nanos() / 1_000_000
        });
        assert_eq!(doubled, [14_500, 29_000, 58_000, 60_000]);
        rto.measured(Span::from_secs(2));
        assert!(rto.value() < Span::from_secs(10));
        let mut short = Rto::new();
        short.measured(Span::from_millis(10));
        assert_eq!(short.value(), Span::from_secs(1));
    }
}
