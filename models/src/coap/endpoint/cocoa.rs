//! CoCoA: time-outs from measured round trips (draft-ietf-core-cocoa-03 §4).
//!
//! Two estimators of RFC 6298 per peer: one of exchanges without a retransmission (strong), one of those with one or two (weak),
//! measured from the first transmission. Each of their time-outs is blended into the one in use.
//!
//! Our choice where the draft says nothing: G, the clock's granularity (RFC 6298 §2.3), is a nanosecond, as our clocks have it, and there is no least
//! time-out. Implementations on clocks of 1 to 10 ms have as much more room above a constant round trip.

use crate::coap::config::Parameters;
use crate::recovery::{RtoFloor, RtoLimits, RttEstimator};
use protosim_core::{LocalTime, Span};

/// What is known of the way to one peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Estimates {
    strong: RttEstimator,
    weak: RttEstimator,
    /// The time-out in use and since when; `None` before the first measurement.
    overall: Option<(Span, LocalTime)>,
}

/// §4.2.1: no time-out is longer.
const LONGEST: Span = Span::from_secs(32);
/// §4.3: below this messages back off by 3 instead of 2, and unused estimates age upwards.
const SHORT: Span = Span::from_secs(1);
/// §4.3: above this messages back off by 1.5, and unused estimates age downwards.
const LONG: Span = Span::from_secs(3);

impl Estimates {
    /// The shortest first time-out of a message, and by how many halves it grows with each retransmission.
    pub(super) fn timeout(&mut self, parameters: &Parameters, outstanding: u32, now: LocalTime) -> (Span, u64) {
        self.age(now);
        let timeout = match self.overall {
            Some((overall, _)) => overall,
            // §4.1: nothing is known, and each exchange beside others waits as much longer.
            None => parameters.ack_timeout.saturating_mul(u64::from(outstanding.max(1))).min(LONGEST),
        };
        let halves = match timeout {
            short if short < SHORT => 6,
            long if long > LONG => 3,
            _ => 4,
        };
        (timeout, halves)
    }

    /// A message was acknowledged `round_trip` after its first transmission.
    pub(super) fn measured(&mut self, parameters: &Parameters, round_trip: Span, retransmissions: u32, now: LocalTime) {
        self.age(now);
        let before = self.overall.map_or(parameters.ack_timeout, |(overall, _)| overall);
        let blended = match retransmissions {
            0 => {
                self.strong.measured(round_trip);
                let limits = RtoLimits {
                    initial: before,
                    least: Span::ZERO,
                    most: LONGEST,
                    floor: RtoFloor::Whole,
                    // The estimator's least distance above the round trip is a nanosecond: G.
                    tick: Span::ZERO,
                };
                let own = self.strong.rto(&limits, 0);
                // §4.2.1: half of each.
                (own.as_nanos() + before.as_nanos()) / 2
            }
            1 | 2 => {
                self.weak.measured(round_trip);
                // §4.2.1: K = 1, and a quarter of it.
                let (srtt, rttvar) = self.weak.srtt().zip(self.weak.rttvar()).unwrap_or_default();
                let own = srtt.saturating_add(rttvar).min(LONGEST);
                (own.as_nanos() + 3 * before.as_nanos()) / 4
            }
            // §4.2.1: which transmission was answered is not known any more.
            _ => return,
        };
        self.overall = Some((Span::from_nanos(blended).min(LONGEST), now));
    }

    /// §4.2.2: an estimate far from the default that nobody has used for long goes towards it.
    fn age(&mut self, now: LocalTime) {
        while let Some((timeout, since)) = self.overall {
            let (unused, aged) = match timeout {
                // Doubling would end nowhere.
                short if short.is_zero() => return self.overall = None,
                short if short < SHORT => (short.saturating_mul(16), short.saturating_mul(2)),
                long if long > LONG => {
                    (long.saturating_mul(4), SHORT.saturating_add(Span::from_nanos(long.as_nanos() / 2)))
                }
                _ => return,
            };
            let due = since.saturating_add(unused);
            if now <= due {
                return;
            }
            self.overall = Some((aged, due));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> LocalTime {
        LocalTime::ZERO + Span::from_millis(millis)
    }

    fn millis(estimates: &mut Estimates, now: LocalTime) -> (u64, u64) {
        let (timeout, halves) = estimates.timeout(&Parameters::default(), 1, now);
        (timeout.as_nanos() / 1_000_000, halves)
    }

    /// By hand after §4.2.1. A strong one of 400 ms: E = 400 + 4 · 200 = 1200 ms, and (1200 + 2000) / 2 = 1600 ms. A weak one of 4 s: E = 4 + 2 =
    /// 6 s, and (6 + 3 · 1.6) / 4 = 2.7 s. Another strong one of 400 ms: the variation is 150, E = 1000 ms, and (1000 + 2700) / 2 =
    /// 1850 ms. One after three retransmissions says nothing.
    #[test]
    fn estimates_are_blended() {
        let (mut estimates, parameters, now) = (Estimates::default(), Parameters::default(), at(0));
        assert_eq!(millis(&mut estimates, now), (2000, 4));
        for (measured, retransmissions, expected) in [(400, 0, 1600), (4000, 1, 2700), (400, 0, 1850), (9000, 3, 1850)]
        {
            estimates.measured(&parameters, Span::from_millis(measured), retransmissions, now);
            assert_eq!(millis(&mut estimates, now), (expected, 4), "{measured}");
        }
    }

    /// §4.1: the third of three that run at once waits 3 · 2 = 6 s, and grows by 1.5.
    #[test]
    fn blind_exchanges_beside_others_wait_longer() {
        let timeout = Estimates::default().timeout(&Parameters::default(), 3, at(0));
        assert_eq!(timeout, (Span::from_secs(6), 3));
    }

    /// §4.2.2, §4.3. Strong ones of 100 ms: E = 300, 250, 212.5, …; the time-out halves its distance to that: below 1 s. From 575 ms it
    /// doubles after 16 · 575 = 9.2 s. One above 3 s is 1 s more than its half after four times itself.
    #[test]
    fn unused_estimates_age_and_backoff_goes_by_them() {
        let (mut estimates, parameters) = (Estimates::default(), Parameters::default());
        estimates.measured(&parameters, Span::from_millis(100), 0, at(0));
        // (300 + 2000) / 2 = 1150; (250 + 1150) / 2 = 700.
        estimates.measured(&parameters, Span::from_millis(100), 0, at(0));
        assert_eq!(millis(&mut estimates, at(11_200)), (700, 6));
        assert_eq!(millis(&mut estimates, at(11_201)), (1400, 4));
        let mut slow = Estimates::default();
        slow.measured(&parameters, Span::from_secs(4), 0, at(0));
        // E = 4 + 8 = 12 s, and (12 + 2) / 2 = 7 s; after 28 s it is 4.5 s, and 18 s later 3.25 s.
        assert_eq!(millis(&mut slow, at(28_000)), (7000, 3));
        assert_eq!(millis(&mut slow, at(28_001)), (4500, 3));
        assert_eq!(millis(&mut slow, at(46_001)), (3250, 3));
        // §4.2.1: at most 32 s.
        slow.measured(&parameters, Span::from_secs(500), 0, at(46_001));
        slow.measured(&parameters, Span::from_secs(500), 0, at(46_001));
        slow.measured(&parameters, Span::from_secs(500), 0, at(46_001));
        assert!(slow.timeout(&parameters, 1, at(46_001)).0 <= Span::from_secs(32));
    }
}
