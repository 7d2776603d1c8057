//! Long-term sampling of BBR v1, as in Linux: behind a policer, whose bucket of tokens hides its rate, the rate over several round
//! trips between losses is the one to send at.
//!
//! An interval begins and ends with a loss, lasts 4 to 16 rounds, and counts if a fifth of it was lost. Two in a row of about the
//! same rate, and that rate is used, without probing, for 48 rounds.

use super::bandwidth;
use crate::tcp::congestion::{Ack, RateSample};
use protosim_core::LocalTime;

/// The least and the most rounds of an interval (`bbr_lt_intvl_min_rtts`).
const ROUNDS: std::ops::RangeInclusive<u32> = 4..=16;
/// This part of an interval is lost at least (`bbr_lt_loss_thresh`) \[1/256\].
const LOSSES: u64 = 50;
/// Two rates are the same if they differ by this part at most (`bbr_lt_bw_ratio`) \[1/8\],
const SAME_PART: u64 = 8;
/// or by 4 kbit/s (`bbr_lt_bw_diff`) \[bytes/s\].
const SAME: u64 = 500;
/// So many rounds its rate is used (`bbr_lt_bw_max_rtts`).
const USE_ROUNDS: u32 = 48;

/// What it knows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LongTerm {
    is_sampling: bool,
    is_used: bool,
    /// The rate of the last interval \[bytes/s\]; zero before there is one.
    rate: u64,
    /// Rounds of this interval, or since the rate is used.
    rounds: u32,
    /// All bytes that were lost so far.
    lost: u64,
    /// How things stood at the start of the interval.
    since: LocalTime,
    delivered_before: u64,
    lost_before: u64,
}

impl LongTerm {
    /// The rate to use, if there is one \[bytes/s\].
    pub(super) fn rate(&self) -> Option<u64> {
        self.is_used.then_some(self.rate)
    }

    /// For each acknowledgement. True if the rate has been used for long enough: it is time to probe again.
    pub(super) fn update(&mut self, ack: &Ack, is_limited: bool, is_round_start: bool, is_probing: bool) -> bool {
        self.lost = self.lost.saturating_add(ack.lost);
        if self.is_used {
            self.rounds += u32::from(is_probing && is_round_start);
            if self.rounds >= USE_ROUNDS {
                self.reset(ack);
                return true;
            }
            return false;
        }
        if !self.is_sampling {
            if ack.lost == 0 {
                return false;
            }
            self.begin_interval(ack);
            self.is_sampling = true;
        }
        if is_limited {
            self.reset(ack);
            return false;
        }
        self.rounds += u32::from(is_round_start);
        if self.rounds > *ROUNDS.end() {
            self.reset(ack);
        } else if ROUNDS.contains(&self.rounds) && ack.lost > 0 {
            self.end_interval(ack);
        }
        false
    }

    const fn begin_interval(&mut self, ack: &Ack) {
        self.since = ack.now;
        self.delivered_before = ack.total_delivered;
        self.lost_before = self.lost;
        self.rounds = 0;
    }

    fn end_interval(&mut self, ack: &Ack) {
        let lost = self.lost - self.lost_before;
        let delivered = ack.total_delivered.saturating_sub(self.delivered_before);
        if delivered == 0 || u128::from(lost) * 256 < u128::from(delivered) * u128::from(LOSSES) {
            return;
        }
        let interval = ack.now.saturating_since(self.since);
        let whole = RateSample {
            delivered,
            interval,
            prior_delivered: self.delivered_before,
            is_app_limited: false,
            tx_in_flight: 0,
            lost,
        };
        let rate = bandwidth(&whole);
        let apart = rate.abs_diff(self.rate);
        if self.rate > 0 && (apart <= self.rate / SAME_PART || apart <= SAME) {
            self.rate = self.rate.midpoint(rate);
            self.is_used = true;
            self.rounds = 0;
        } else {
            self.rate = rate;
            self.begin_interval(ack);
        }
    }

    const fn reset(&mut self, ack: &Ack) {
        self.forget();
        self.begin_interval(ack);
    }

    /// Nothing is known any more; what was lost is counted on.
    pub(super) const fn forget(&mut self) {
        *self = Self {
            is_sampling: false,
            is_used: false,
            rate: 0,
            rounds: 0,
            lost: self.lost,
            since: self.since,
            delivered_before: self.delivered_before,
            lost_before: self.lost_before,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::congestion::Phase;
    use protosim_core::Span;

    /// The acknowledgement that ends a round of 100 ms in which `delivered` bytes arrived and `lost` were lost.
    fn round(number: u64, delivered: u64, lost: u64) -> Ack {
        Ack {
            now: LocalTime::from_nanos(number * 100_000_000),
            newly_acked: delivered,
            delivered,
            marked: 0,
            lost,
            prior_in_flight: 0,
            in_flight: 0,
            rtt: None,
            srtt: Span::ZERO,
            min_rtt: Span::ZERO,
            rate: None,
            is_cwnd_limited: false,
            total_delivered: number * delivered,
            snd_una: 0,
            snd_nxt: 0,
            phase: Phase::Open,
        }
    }

    /// 10 kB a round are 100 kB/s; 2 kB lost for them are 51/256, just enough. The first interval ends with the fourth round, in the
    /// round that begins it counted; the second gives the same rate, which then holds for 48 rounds.
    #[test]
    fn two_intervals_of_the_same_rate_are_believed() {
        let mut sampling = LongTerm::default();
        let used: Vec<u64> = (1..=60)
            .filter(|&number| {
                sampling.update(&round(number, 10_000, 2_000), false, true, true);
                sampling.rate().is_some_and(|rate| rate == 100_000)
            })
            .collect();
        assert_eq!((used[0], used.len()), (8, 48), "{used:?}");
    }

    /// 1.9 kB are 48.6/256, too few; and a sender without data says nothing.
    #[test]
    fn few_losses_and_limited_senders_say_nothing() {
        for (lost, is_limited) in [(1_900, false), (2_000, true)] {
            let mut sampling = LongTerm::default();
            for number in 1..=60 {
                sampling.update(&round(number, 10_000, lost), is_limited, true, true);
                assert_eq!(sampling.rate(), None);
            }
        }
    }
}
