//! What confirmable and non-confirmable exchanges come to over a link with independent losses:
//! the formulas that experiments are held against and draw over their points.
//!
//! A confirmable message is sent at 0, T, 3T, 7T, … with T uniform between ACK_TIMEOUT and
//! ACK_TIMEOUT · ACK_RANDOM_FACTOR; the k-th retransmission leaves at (2^k - 1) T. If each attempt
//! fails with probability f, independently, the first to succeed is attempt k with probability
//! f^k (1 - f). Times are conditional on success. They hold for exchanges that do not meet, and
//! whose round trip is shorter than ACK_TIMEOUT.

use super::config::Parameters;

/// Attempts at something that each fail with the same probability, up to MAX_RETRANSMIT + 1.
#[derive(Clone, PartialEq, Debug)]
pub struct Attempts {
    /// Probability that one attempt fails.
    failure: f64,
    /// Shortest and longest first time-out \[s\].
    timeout: (f64, f64),
    max_retransmit: u32,
}

/// The share of non-confirmable requests that get their response, for losses `there` and `back`.
/// It takes one round trip.
pub fn non_confirmable_success(there: f64, back: f64) -> f64 {
    (1.0 - there) * (1.0 - back)
}

impl Attempts {
    /// A confirmable exchange with piggybacked responses, as its client sees it: an attempt fails
    /// when the request, lost with probability `there`, or the response, lost with `back`, does.
    pub fn of_exchange(parameters: &Parameters, there: f64, back: f64) -> Self {
        Self::new(parameters, 1.0 - non_confirmable_success(there, back))
    }

    /// The delivery of a confirmable request to its server: an attempt fails with probability `there`.
    pub fn of_delivery(parameters: &Parameters, there: f64) -> Self {
        Self::new(parameters, there)
    }

    fn new(parameters: &Parameters, failure: f64) -> Self {
        Self {
            failure,
            timeout: (parameters.ack_timeout.as_secs_f64(), parameters.longest_ack_timeout().as_secs_f64()),
            max_retransmit: parameters.max_retransmit,
        }
    }

    /// Probability that one of the attempts succeeds: 1 - f^(MAX_RETRANSMIT + 1).
    pub fn success(&self) -> f64 {
        1.0 - self.failure_of_all()
    }

    /// Mean number of transmissions, of exchanges that fail too: (1 - f^(MAX_RETRANSMIT + 1)) / (1 - f).
    pub fn mean_transmissions(&self) -> f64 {
        (0..=self.max_retransmit).fold((0.0, 1.0), |(sum, all_lost), _| (sum + all_lost, all_lost * self.failure)).0
    }

    /// Mean time from the first transmission to the one that succeeds \[s\], given that one does.
    pub fn mean_wait(&self) -> f64 {
        let (shortest, longest) = self.timeout;
        self.weights().map(|(turns, weight)| weight * turns * (shortest + longest) / 2.0).sum()
    }

    /// Probability that the transmission that succeeds leaves at most `wait` seconds after the
    /// first, given that one does.
    pub fn wait_cdf(&self, wait: f64) -> f64 {
        let (shortest, longest) = self.timeout;
        self.weights().map(|(turns, weight)| weight * uniform_cdf(wait, turns * shortest, turns * longest)).sum()
    }

    /// The shortest time that the wait stays within with probability `q` \[s\], given success;
    /// `q` is held to between 0 and 1.
    pub fn wait_quantile(&self, q: f64) -> f64 {
        let (shortest, longest) = self.timeout;
        let mut corners: Vec<f64> = self.weights().flat_map(|(turns, _)| [turns * shortest, turns * longest]).collect();
        corners.sort_by(f64::total_cmp);
        corners.dedup();
        // Between two corners the distribution function is a straight line, which may start with a
        // jump at its left end.
        let (mut left, mut below) = (0.0, 0.0);
        for corner in corners {
            let at = self.wait_cdf(corner);
            if at >= q {
                let reached = self.cdf_before(corner);
                let on_line = below < q && q <= reached && reached > below;
                return if on_line { left + (corner - left) * (q - below) / (reached - below) } else { corner };
            }
            (left, below) = (corner, at);
        }
        left
    }

    /// The distribution function just left of `wait`, where jumps at `wait` do not count.
    fn cdf_before(&self, wait: f64) -> f64 {
        let (shortest, longest) = self.timeout;
        self.weights()
            .filter(|(turns, _)| !(turns * shortest == wait && turns * longest == wait))
            .map(|(turns, weight)| weight * uniform_cdf(wait, turns * shortest, turns * longest))
            .sum()
    }

    /// For each attempt k: 2^k - 1, and the probability that it is the first to succeed, given
    /// that one does.
    fn weights(&self) -> impl Iterator<Item = (f64, f64)> {
        let (failure, success) = (self.failure, self.success());
        let attempts = (0..=self.max_retransmit).scan((1.0, 1.0), move |(doublings, all_lost), _| {
            let this = (*doublings - 1.0, *all_lost * (1.0 - failure) / success);
            *doublings *= 2.0;
            *all_lost *= failure;
            Some(this)
        });
        // Nothing ever succeeds at f = 1: no weights rather than 0 / 0.
        attempts.filter(move |_| success > 0.0)
    }

    fn failure_of_all(&self) -> f64 {
        (0..=self.max_retransmit).fold(1.0, |product, _| product * self.failure)
    }
}

/// The distribution function of the uniform distribution on [`low`, `high`]; a step where both
/// are the same.
fn uniform_cdf(x: f64, low: f64, high: f64) -> f64 {
    if x >= high {
        1.0
    } else if x <= low {
        0.0
    } else {
        (x - low) / (high - low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coap::config::{Factor, Transmission};
    use protosim_core::Span;

    fn symmetric(p: f64) -> Attempts {
        Attempts::of_exchange(&Parameters::default(), p, p)
    }

    fn close(x: f64, expected: f64, within: f64) {
        assert!((x - expected).abs() <= within, "{x} is not {expected}");
    }

    /// 1 - p^5, worked out by hand: 0.1^5 = 0.00001, 0.2^5 = 0.00032, 0.3^5 = 0.00243, 0.5^5 = 0.03125.
    #[test]
    fn delivery_fails_only_when_all_five_copies_are_lost() {
        for (p, expected) in [(0.1, 0.99999), (0.2, 0.99968), (0.3, 0.99757), (0.5, 0.96875)] {
            close(Attempts::of_delivery(&Parameters::default(), p).success(), expected, 1e-12);
        }
    }

    /// 1 - (1 - (1-p)^2)^5: at 0.5 it is 1 - 0.75^5 = 0.7626953125.
    #[test]
    fn an_exchange_succeeds_when_one_round_trip_of_five_does() {
        for (p, expected) in [(0.1, 0.999752), (0.2, 0.993953), (0.3, 0.965497), (0.5, 0.762695)] {
            close(symmetric(p).success(), expected, 5e-7);
        }
    }

    /// 2.5 s · Σ (2^k - 1) f^k (1-f) / (1-f^5), tabulated to three or four digits.
    #[test]
    fn mean_waits_are_those_of_the_geometric_mixture() {
        for (p, expected) in [(0.01, 0.0518), (0.05, 0.302), (0.1, 0.741), (0.2, 2.137), (0.3, 4.103)] {
            close(symmetric(p).mean_wait(), expected, 5e-4);
        }
        for (p, expected) in [(0.1, 0.3116), (0.2, 0.8003), (0.3, 1.5446)] {
            close(Attempts::of_delivery(&Parameters::default(), p).mean_wait(), expected, 5e-5);
        }
    }

    /// 1 + f + f^2 + f^3 + f^4 by hand for f = 0.19, 0.36 and 0.51.
    #[test]
    fn mean_transmissions_are_a_cut_geometric_series() {
        for (p, expected) in [(0.1, 1.234_262_21), (0.2, 1.553_052_16), (0.3, 1.970_403_01)] {
            close(symmetric(p).mean_transmissions(), expected, 1e-12);
        }
        assert_eq!(symmetric(1.0).mean_transmissions(), 5.0);
    }

    /// By hand for f = 1/2 and one retransmission: weights 2/3 at 0 and 1/3 uniform on [2, 3] s, so
    /// the median is 0, and q = 5/6 lies in the middle of [2, 3].
    #[test]
    fn quantiles_invert_the_distribution_function() {
        let transmission = Transmission { max_retransmit: Some(1), ..Transmission::default() };
        let attempts = Attempts::of_exchange(&transmission.parameters(), 0.5, 0.0);
        close(attempts.wait_cdf(0.0), 2.0 / 3.0, 1e-12);
        close(attempts.wait_cdf(1.9), 2.0 / 3.0, 1e-12);
        close(attempts.wait_cdf(2.5), 5.0 / 6.0, 1e-12);
        assert_eq!(attempts.wait_quantile(0.5), 0.0);
        close(attempts.wait_quantile(5.0 / 6.0), 2.5, 1e-9);
        close(attempts.wait_quantile(1.0), 3.0, 1e-9);
    }

    /// Without a random factor the wait is 0, 2, 6, 14 or 30 s and nothing between.
    #[test]
    fn a_random_factor_of_one_makes_steps() {
        let transmission =
            Transmission { ack_random_factor: Factor::from_millionths(1_000_000), ..Transmission::default() };
        let attempts = Attempts::of_exchange(&transmission.parameters(), 0.5, 0.0);
        // Weights 16/31, 8/31, 4/31, 2/31, 1/31.
        close(attempts.wait_cdf(1.999), 16.0 / 31.0, 1e-12);
        close(attempts.wait_cdf(2.0), 24.0 / 31.0, 1e-12);
        assert_eq!(attempts.wait_quantile(0.6), 2.0);
        assert_eq!(attempts.wait_quantile(0.8), 6.0);
        assert_eq!(attempts.wait_quantile(1.0), 30.0);
    }

    #[test]
    fn the_distribution_function_of_a_quantile_is_at_least_the_quantile() {
        let slow = Transmission { ack_timeout: Some(Span::from_secs(1)), ..Transmission::default() };
        for attempts in [symmetric(0.3), symmetric(0.5), Attempts::of_delivery(&slow.parameters(), 0.4)] {
            for step in 0..=100 {
                let q = f64::from(step) / 100.0;
                let wait = attempts.wait_quantile(q);
                assert!(attempts.wait_cdf(wait + 1e-9) >= q - 1e-9, "{q} {wait}");
                assert!(wait == 0.0 || attempts.wait_cdf(wait - 1e-6) <= q, "{q} {wait}");
            }
        }
    }

    #[test]
    fn nothing_succeeds_when_everything_is_lost() {
        assert_eq!(symmetric(1.0).success(), 0.0);
        assert_eq!(symmetric(1.0).mean_wait(), 0.0);
        assert_eq!(non_confirmable_success(0.5, 0.2), 0.4);
    }
}
