//! BBR: models the path by the bandwidth of its bottleneck and its least round trip, and sends what the model says.
//!
//! Two versions, which share units, windows of samples and the measure of aggregation:
//! - [`BbrV1`] is draft-cardwell-iccrg-bbr-congestion-control-00, with what Linux has added.
//! - [`BbrV3`] is draft-ietf-ccwg-bbr.
//!
//! Bandwidths are bytes per second, volumes bytes, gains thousandths: integers throughout, computed in 128 bits and rounded
//! down.

mod long_term;
mod v1;
mod v3;

pub use v1::BbrV1;
pub use v3::BbrV3;

use super::{Ack, MOST_WINDOW, RateSample, Window};
use crate::recovery::WindowedMax;
use protosim_core::time::NANOS_PER_SEC;
use protosim_core::{LocalTime, Span};

/// MinPipeCwnd \[segments\]: for receivers that acknowledge every second segment.
const MIN_PIPE: u64 = 4;
/// Rounds over which aggregation is remembered (draft-ietf-ccwg-bbr, ExtraAckedFilterLen).
const EXTRA_ACKED_ROUNDS: u64 = 10;
/// The length of the filter of the least round trip (MinRTTFilterLen).
const MIN_RTT_WINDOW: Span = Span::from_secs(10);
/// How long ProbeRTT holds the window small, at least (ProbeRTTDuration).
const PROBE_RTT_DURATION: Span = Span::from_millis(200);
/// Paces so much slower than the bandwidth (PacingMarginPercent) \[1/100\].
const PACING_MARGIN: u128 = 1;
/// No bandwidth is higher \[bytes/s\].
const MOST_BANDWIDTH: u64 = 1 << 50;

/// A factor in thousandths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Gain(u32);

impl Gain {
    const ONE: Self = Self(1000);

    /// `amount` times this, rounded down.
    fn times(self, amount: u64) -> u64 {
        saturate(u128::from(amount) * u128::from(self.0) / 1000)
    }
}

fn saturate(amount: u128) -> u64 {
    u64::try_from(amount).unwrap_or(u64::MAX)
}

/// The bandwidth of a sample \[bytes/s\]; zero if it took no time.
fn bandwidth(rate: &RateSample) -> u64 {
    let exact = u128::from(rate.delivered) * u128::from(NANOS_PER_SEC);
    exact.checked_div(u128::from(rate.interval.as_nanos())).map_or(0, |rate| saturate(rate).min(MOST_BANDWIDTH))
}

/// What a bandwidth of `rate` bytes/s brings in `span` \[bytes\].
fn volume(rate: u64, span: Span) -> u64 {
    saturate(u128::from(rate) * u128::from(span.as_nanos()) / u128::from(NANOS_PER_SEC)).min(MOST_WINDOW)
}

/// The pacing rate for a bandwidth: `gain` times it, less the margin.
fn paced(rate: u64, gain: Gain) -> u64 {
    saturate(u128::from(rate) * u128::from(gain.0) * (100 - PACING_MARGIN) / 100_000)
}

/// The pacing rate before there is a bandwidth: the first window each round trip, or each millisecond.
fn first_pacing_rate(window: &Window, srtt: Span, gain: Gain) -> u64 {
    let rtt = if srtt.is_zero() { Span::from_millis(1) } else { srtt };
    let nominal = u128::from(window.cwnd) * u128::from(NANOS_PER_SEC) / u128::from(rtt.as_nanos());
    gain.times(saturate(nominal).min(MOST_BANDWIDTH))
}

/// The rate at which segments leave \[bytes/s\]; zero before there is a bandwidth (SetPacingRate).
#[derive(Clone, Copy, Debug, Default)]
struct Pacing(u64);

impl Pacing {
    /// `gain` times the bandwidth; until the pipe is full it only rises.
    fn set(&mut self, bandwidth: u64, gain: Gain, is_pipe_full: bool) {
        let rate = paced(bandwidth, gain);
        if rate > 0 && (is_pipe_full || rate > self.0) {
            self.0 = rate;
        }
    }

    /// The rate, or that of the first window with this gain.
    fn rate(self, window: &Window, srtt: Span, first: Gain) -> u64 {
        if self.0 == 0 { first_pacing_rate(window, srtt, first) } else { self.0 }
    }
}

/// The end of ProbeRTT: the window is held small for a while and a round trip, from when little is in flight.
#[derive(Clone, Copy, Debug, Default)]
struct Hold {
    until: Option<LocalTime>,
    had_round: bool,
}

impl Hold {
    /// An acknowledgement in ProbeRTT: true once a round trip has passed with at most `least` bytes in flight.
    fn on_ack(&mut self, ack: &Ack, least: u64, rounds: &mut Rounds) -> bool {
        if self.until.is_some() {
            self.had_round |= rounds.is_start;
            return self.had_round;
        }
        if ack.in_flight <= least {
            self.until = Some(ack.now.saturating_add(PROBE_RTT_DURATION));
            self.had_round = false;
            rounds.start(ack.total_delivered);
        }
        false
    }

    fn is_over(&self, now: LocalTime) -> bool {
        self.until.is_some_and(|until| now > until)
    }
}

/// A number from 0 to `below` - 1, each as likely as the others but for one part in 2^64.
fn draw(luck: &mut dyn FnMut() -> u64, below: u64) -> u64 {
    saturate((u128::from(luck()) * u128::from(below)) >> 64)
}

/// Packet-timed round trips (draft-ietf-ccwg-bbr §5.5.1).
#[derive(Clone, Copy, Debug, Default)]
struct Rounds {
    count: u64,
    /// A round ends with the acknowledgement of what was sent when so much had been delivered.
    next_delivered: u64,
    /// This acknowledgement has started a round.
    is_start: bool,
}

impl Rounds {
    fn update(&mut self, rate: Option<&RateSample>, total_delivered: u64) {
        self.is_start = rate.is_some_and(|rate| rate.prior_delivered >= self.next_delivered);
        if self.is_start {
            self.start(total_delivered);
            self.count += 1;
        }
    }

    const fn start(&mut self, total_delivered: u64) {
        self.next_delivered = total_delivered;
    }
}

/// How much more is acknowledged at once than the bandwidth explains (draft-ietf-ccwg-bbr §5.5.9).
#[derive(Clone, Debug, Default)]
struct Aggregation {
    since: LocalTime,
    /// Bytes delivered since then.
    delivered: u64,
    most: WindowedMax,
}

impl Aggregation {
    fn update(&mut self, ack: &Ack, bandwidth: u64, round: u64, rounds: u64, cwnd: u64) {
        let mut expected = volume(bandwidth, ack.now.saturating_since(self.since));
        if self.delivered <= expected {
            self.restart(ack.now);
            expected = 0;
        }
        self.delivered = self.delivered.saturating_add(ack.delivered);
        let extra = self.delivered.saturating_sub(expected).min(cwnd);
        self.most.update(round, extra, rounds);
    }

    const fn restart(&mut self, now: LocalTime) {
        self.since = now;
        self.delivered = 0;
    }

    /// \[bytes\]
    fn extra_acked(&self) -> u64 {
        self.most.best().unwrap_or(0)
    }
}

/// Samples of segments that were sent during ProbeRTT say nothing of the bandwidth (MarkConnectionAppLimited): those that
/// were sent when between `from` and `until` bytes had been delivered.
#[derive(Clone, Copy, Debug, Default)]
struct Slowed {
    from: u64,
    until: u64,
}

impl Slowed {
    /// ProbeRTT begins.
    const fn begin(&mut self, total_delivered: u64) {
        self.from = total_delivered;
        self.until = total_delivered;
    }

    /// ProbeRTT goes on: what is in flight is slow.
    const fn extend(&mut self, ack: &Ack) {
        self.until = ack.total_delivered.saturating_add(ack.in_flight);
    }

    /// True if the sample says less than the path could do.
    const fn limits(&self, rate: &RateSample) -> bool {
        rate.is_app_limited
            || (self.from < self.until && self.from <= rate.prior_delivered && rate.prior_delivered < self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 % below; rounded down.
    #[test]
    fn the_pacing_rate_has_a_margin() {
        assert_eq!(paced(1_000_000, Gain::ONE), 990_000);
        assert_eq!(paced(1_000_000, Gain(1250)), 1_237_500);
        assert_eq!(paced(101, Gain::ONE), 99);
    }

    #[test]
    fn draws_cover_all_values_evenly() {
        let third = u64::MAX / 3;
        assert_eq!(
            [0, third, third + 1, 2 * third, 2 * third + 1, u64::MAX].map(|luck| draw(&mut || luck, 3)),
            [0, 0, 1, 1, 2, 2]
        );
    }

    /// 1500 bytes in 12 ms are 125 000 bytes/s, which bring 5000 in 40 ms.
    #[test]
    fn rates_and_volumes() {
        let sample = |delivered, interval| RateSample {
            delivered,
            interval,
            prior_delivered: 0,
            is_app_limited: false,
            tx_in_flight: 0,
            lost: 0,
        };
        assert_eq!(bandwidth(&sample(1_500, Span::from_millis(12))), 125_000);
        assert_eq!(bandwidth(&sample(1_500, Span::ZERO)), 0);
        assert_eq!(volume(125_000, Span::from_millis(40)), 5_000);
    }

    /// ProbeRTT from 1000 bytes on; at 2000 there are 500 in flight: what is sent until 2500 have arrived is slow.
    #[test]
    fn samples_of_probe_rtt_are_limited() {
        let mut slowed = Slowed::default();
        let sample = |prior_delivered| RateSample {
            delivered: 1,
            interval: Span::NANOSECOND,
            prior_delivered,
            is_app_limited: false,
            tx_in_flight: 0,
            lost: 0,
        };
        assert!(!slowed.limits(&sample(0)));
        slowed.begin(1_000);
        slowed.until = 2_500;
        assert_eq!([999, 1_000, 2_499, 2_500].map(|at| slowed.limits(&sample(at))), [false, true, true, false]);
    }
}
