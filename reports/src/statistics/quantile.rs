//! Quantiles by order statistics, with intervals that assume nothing about the distribution.

use super::{Confidence, Estimate, binomial_cdf};

/// Which definition of a quantile, by number in Hyndman and Fan (The American Statistician 50, 1996), which is `type` in R,
/// and by `method` in NumPy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuantileMethod {
    /// Definition 1, `inverted_cdf`: a value that was observed; what [`SortedSamples::quantile`] and all reports use.
    InvertedCdf,
    /// Definition 7, `linear`: interpolated, 0 and 1 are the least and the greatest sample. The default of R, NumPy and
    /// pandas.
    Linear,
    /// Definition 8, `median_unbiased`: interpolated, about median-unbiased whatever the distribution; what Hyndman and Fan
    /// recommend.
    MedianUnbiased,
}

/// Samples in ascending order.
///
/// The q-quantile is the least sample x such that at least the share q of all samples is at most x: the order statistic
/// of rank ⌈n q⌉, the inverse of the empirical distribution function (Hyndman and Fan's definition 1; `inverted_cdf` in
/// NumPy, `type = 1` in R). It is always a value that was observed. Where n q is an integer but for rounding (100 ×
/// 0.07), it counts as that integer.
#[derive(Clone, Debug, PartialEq)]
pub struct SortedSamples {
    ascending: Vec<f64>,
}

impl SortedSamples {
    /// Sorts the samples. `None` without samples and where one is not finite.
    pub fn new(mut samples: Vec<f64>) -> Option<Self> {
        if samples.is_empty() || samples.iter().any(|x| !x.is_finite()) {
            return None;
        }
        samples.sort_unstable_by(f64::total_cmp);
        Some(Self { ascending: samples })
    }

    /// The samples in ascending order; at least one.
    pub fn as_slice(&self) -> &[f64] {
        &self.ascending
    }

    /// The `q`-quantile, in the unit of the samples; `None` for `q` outside 0 to 1.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        Some(self.of_rank(self.rank(q)?))
    }

    /// The `q`-quantile by another definition, to compare with other tools; `None` for `q` outside 0 to 1.
    pub fn quantile_by(&self, method: QuantileMethod, q: f64) -> Option<f64> {
        if !(0.0..=1.0).contains(&q) {
            return None;
        }
        let n = self.ascending.len() as f64;
        let place = match method {
            QuantileMethod::InvertedCdf => return self.quantile(q),
            QuantileMethod::Linear => 1.0 + (n - 1.0) * q,
            QuantileMethod::MedianUnbiased => (n + 1.0 / 3.0) * q + 1.0 / 3.0,
        }
        .clamp(1.0, n);
        let below = place.floor();
        let (low, high) = (self.of_rank(below as u64), self.of_rank((below + 1.0).min(n) as u64));
        // As a weighted mean: the difference of the two may be beyond the range.
        let share = place - below;
        Some(if low == high { low } else { (low * (1.0 - share) + high * share).clamp(low, high) })
    }

    /// The share of samples that are at most `x`; 0 for NaN.
    pub fn share_up_to(&self, x: f64) -> f64 {
        self.ascending.partition_point(|sample| *sample <= x) as f64 / self.ascending.len() as f64
    }

    /// The empirical distribution function: each distinct value with the share of samples up to it; the last share is 1.
    pub fn cdf(&self) -> Vec<(f64, f64)> {
        let n = self.ascending.len();
        let is_last = |i: &usize| i + 1 == n || self.ascending[*i] != self.ascending[i + 1];
        (0..n).filter(is_last).map(|i| (self.ascending[i], (i + 1) as f64 / n as f64)).collect()
    }

    /// The `q`-quantile with its interval; `None` for `q` outside the open interval 0 to 1.
    ///
    /// The bounds are the innermost order statistics that the true quantile passes with at most α / 2 each, by the
    /// binomial distribution of how many samples lie below it (Conover, Practical Nonparametric Statistics, §3.2; valid
    /// for discrete distributions too). The binomial probabilities are exact for every n, without a normal
    /// approximation. A side on which no sample is extreme enough has no bound: the 99th percentile at 95 % needs 368
    /// samples for an upper one.
    pub fn quantile_interval(&self, q: f64, confidence: Confidence) -> Option<Estimate> {
        if !(q > 0.0 && q < 1.0) {
            return None;
        }
        let n = self.ascending.len() as u64;
        let value = self.quantile(q)?;
        if n > 1 && self.ascending.first() == self.ascending.last() {
            return Some(Estimate::without_spread(value, n));
        }
        let (low, high) = quantile_ranks(n, q, confidence);
        let (low, high) = (low.map(|rank| self.of_rank(rank)), high.map(|rank| self.of_rank(rank)));
        Some(Estimate { value, low, high, n, exact: false })
    }

    /// ⌈n q⌉, at least 1.
    fn rank(&self, q: f64) -> Option<u64> {
        if !(0.0..=1.0).contains(&q) {
            return None;
        }
        let n = self.ascending.len() as f64;
        let rank = (n * q * (1.0 - 8.0 * f64::EPSILON)).ceil();
        Some(rank.clamp(1.0, n) as u64)
    }

    /// The sample of a rank from 1 to n.
    fn of_rank(&self, rank: u64) -> f64 {
        self.ascending[rank as usize - 1]
    }
}

/// The ranks, from 1 on, of the order statistics between which the `q`-quantile of independent samples lies, see
/// [`SortedSamples::quantile_interval`]; a side is `None` where `n` samples are too few for a bound.
pub fn quantile_ranks(n: u64, q: f64, confidence: Confidence) -> (Option<u64>, Option<u64>) {
    // Seen from above, the upper bound is the lower bound of the (1 - q)-quantile.
    (bound_rank(n, q, confidence), bound_rank(n, 1.0 - q, confidence).map(|rank| n + 1 - rank))
}

/// The greatest rank r with P(B < r) ≤ α / 2, where B counts the samples up to the `q`-quantile; `None` if there is
/// none.
fn bound_rank(n: u64, q: f64, confidence: Confidence) -> Option<u64> {
    let is_safe = |rank: u64| binomial_cdf(rank - 1, n, q).is_some_and(|below| below <= confidence.tail());
    // P(B < r) rises with r: invariant is that `safe` is and `unsafe_rank` is not.
    let (mut safe, mut unsafe_rank) = (0, n + 1);
    while unsafe_rank - safe > 1 {
        let middle = safe + (unsafe_rank - safe) / 2;
        if is_safe(middle) {
            safe = middle;
        } else {
            unsafe_rank = middle;
        }
    }
    (safe > 0).then_some(safe)
}
