//! The round trip and the retransmission time-out of RFC 6298.

use protosim_core::Span;
use serde::{Deserialize, Serialize};

/// What the least retransmission time-out is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum RtoFloor {
    /// Of the time-out (RFC 6298 §2.4).
    Whole,
    /// Of what is added to the smoothed round trip for its variation (Linux).
    Variation,
}

/// Within what the time-out is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RtoLimits {
    /// Before there is a measurement (§2.1).
    pub initial: Span,
    /// The least (§2.4).
    pub least: Span,
    /// The most (§2.5).
    pub most: Span,
    /// What the least is of.
    pub floor: RtoFloor,
    /// It is rounded up to a multiple of this; zero for exact ones.
    pub tick: Span,
}

/// The smoothed round trip and its variation, in whole nanoseconds; the clock's granularity G is one of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RttEstimator {
    /// SRTT and RTTVAR; `None` before the first measurement.
    estimate: Option<(u64, u64)>,
}

impl RttEstimator {
    /// Nothing is known yet.
    pub const fn new() -> Self {
        Self { estimate: None }
    }

    /// A measurement (§2.2, §2.3). Karn's rule (§3) is the caller's: none of what was sent more than once.
    pub fn measured(&mut self, round_trip: Span) {
        let r = round_trip.as_nanos();
        self.estimate = Some(match self.estimate {
            None => (r, r / 2),
            // With alpha 1/8 and beta 1/4; the variation first, from the old smoothed value.
            Some((smoothed, variation)) => (
                (smoothed - smoothed / 8).saturating_add(r / 8),
                (variation - variation / 4).saturating_add(smoothed.abs_diff(r) / 4),
            ),
        });
    }

    /// SRTT; `None` before the first measurement.
    pub fn srtt(&self) -> Option<Span> {
        self.estimate.map(|(smoothed, _)| Span::from_nanos(smoothed))
    }

    /// RTTVAR; `None` before the first measurement.
    pub fn rttvar(&self) -> Option<Span> {
        self.estimate.map(|(_, variation)| Span::from_nanos(variation))
    }

    /// The time-out after `doublings` (§5.5).
    pub fn rto(&self, limits: &RtoLimits, doublings: u32) -> Span {
        let base = match self.estimate {
            None => limits.initial,
            Some((smoothed, variation)) => {
                let variation = variation.saturating_mul(4).max(1);
                let span = |nanos: u64| Span::from_nanos(nanos);
                match limits.floor {
                    RtoFloor::Whole => span(smoothed.saturating_add(variation)).max(limits.least),
                    RtoFloor::Variation => span(smoothed.saturating_add(variation.max(limits.least.as_nanos()))),
                }
            }
        };
        let base = match limits.tick.as_nanos() {
            0 => base,
            tick => Span::from_nanos(base.as_nanos().div_ceil(tick).saturating_mul(tick)),
        };
        let factor = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
        base.min(limits.most).saturating_mul(factor).min(limits.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(least: u64, floor: RtoFloor) -> RtoLimits {
        let (initial, most) = (Span::from_secs(1), Span::from_secs(60));
        RtoLimits { initial, least: Span::from_millis(least), most, floor, tick: Span::ZERO }
    }

    fn millis(rtts: &[u64]) -> RttEstimator {
        let mut rtt = RttEstimator::new();
        rtts.iter().for_each(|millis| rtt.measured(Span::from_millis(*millis)));
        rtt
    }

    /// By hand after §2: the first measurement of 2 s gives 2 + 4 · 1 = 6 s; then 4 s gives the variation
    /// 0.75 · 1 + 0.25 · 2 = 1.25 s, the smoothed 1.75 + 0.5 = 2.25 s, and 7.25 s. Doubled twice: 14.5 and 29 s; then
    /// 58 s and no more than 60 s. A short path has the least, 1 s.
    #[test]
    fn the_rfcs_arithmetic() {
        let limits = limits(1000, RtoFloor::Whole);
        assert_eq!(millis(&[]).rto(&limits, 0), Span::from_secs(1));
        assert_eq!(millis(&[2000]).rto(&limits, 0), Span::from_secs(6));
        let rtt = millis(&[2000, 4000]);
        let doubled = [0, 1, 2, 3, 4, 70].map(|doublings| rtt.rto(&limits, doublings).as_nanos() / 1_000_000);
        assert_eq!(doubled, [7_250, 14_500, 29_000, 58_000, 60_000, 60_000]);
        assert_eq!(millis(&[10]).rto(&limits, 0), Span::from_secs(1));
    }

    /// Two measurements of 100 ms: 100 + 4 · 50 = 300 ms, then 100 + 4 · 37.5 = 250 ms. Where the least is of the variation,
    /// it is 100 + 200 = 300 ms both times.
    #[test]
    fn the_least_is_of_the_whole_or_of_the_variation() {
        let (whole, variation) = (limits(200, RtoFloor::Whole), limits(200, RtoFloor::Variation));
        assert_eq!(millis(&[100]).rto(&whole, 0), Span::from_millis(300));
        assert_eq!(millis(&[100, 100]).rto(&whole, 0), Span::from_millis(250));
        assert_eq!(millis(&[100]).rto(&variation, 0), Span::from_millis(300));
        assert_eq!(millis(&[100, 100]).rto(&variation, 0), Span::from_millis(300));
        assert_eq!(millis(&[100, 100]).rto(&limits(1000, RtoFloor::Whole), 0), Span::from_secs(1));
    }

    /// 100 + 4 · 50 = 300 ms is one tick of 500 ms; doubled, two.
    #[test]
    fn ticks_round_up() {
        let ticking = RtoLimits { tick: Span::from_millis(500), ..limits(1, RtoFloor::Whole) };
        assert_eq!(millis(&[100]).rto(&ticking, 0), Span::from_millis(500));
        assert_eq!(millis(&[100]).rto(&ticking, 1), Span::from_secs(1));
    }
}
