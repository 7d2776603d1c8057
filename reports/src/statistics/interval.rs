//! Intervals of a mean and of a proportion.

use super::moments::{self, mean, variance};
use super::{Confidence, Estimate, beta_quantile, normal_quantile, student_t_quantile};

/// Mean of the samples with its Student-t interval.
///
/// The samples must be independent: exchanges that do not influence each other, or the means of replications. Samples
/// of one run that follow upon each other (queueing delays) are not; take replication means. One sample gives a value
/// without bounds. `None` without samples, for a sample that is not finite and where a result leaves the range of
/// `f64`.
pub fn mean_interval(samples: &[f64], confidence: Confidence) -> Option<Estimate> {
    let n = samples.len() as u64;
    let (least, greatest) = moments::range(samples)?;
    if n == 1 {
        return Some(Estimate { value: least, low: None, high: None, n, exact: false });
    }
    if least == greatest {
        return Some(Estimate::without_spread(least, n));
    }
    let value = mean(samples)?;
    let t = -student_t_quantile(confidence.tail(), (n - 1) as f64)?;
    let half_width = t * (variance(samples)? / n as f64).sqrt();
    let (low, high) = (value - half_width, value + half_width);
    (low.is_finite() && high.is_finite()).then_some(Estimate {
        value,
        low: Some(low),
        high: Some(high),
        n,
        exact: false,
    })
}

/// Mean of `with` - `without`, pair by pair, with its Student-t interval: two variants that ran on the same luck,
/// compared without the noise they share. `None` where the lengths differ, and as for [`mean_interval`].
pub fn paired_difference_interval(with: &[f64], without: &[f64], confidence: Confidence) -> Option<Estimate> {
    if with.len() != without.len() {
        return None;
    }
    let differences: Vec<f64> = with.iter().zip(without).map(|(a, b)| a - b).collect();
    mean_interval(&differences, confidence)
}

/// Share of successes with its exact interval (Clopper and Pearson 1934): each side errs with at most α / 2, whatever
/// the true share. Never marked exact: 0 of n still bounds the share from above. `None` without trials and for more
/// successes than trials.
pub fn clopper_pearson(successes: u64, trials: u64, confidence: Confidence) -> Option<Estimate> {
    if trials == 0 || successes > trials {
        return None;
    }
    let (k, n) = (successes as f64, trials as f64);
    let low = if successes == 0 { 0.0 } else { beta_quantile(confidence.tail(), k, n - k + 1.0)? };
    // The upper bound mirrors the lower one of the failures, which keeps the small tail probability whole.
    let high = if successes == trials { 1.0 } else { 1.0 - beta_quantile(confidence.tail(), n - k, k + 1.0)? };
    Some(Estimate { value: k / n, low: Some(low), high: Some(high), n: trials, exact: false })
}

/// Share of successes with its score interval (Wilson 1927): narrower than [`clopper_pearson`], but for some shares it
/// covers less than promised. `None` without trials and for more successes than trials.
pub fn wilson(successes: u64, trials: u64, confidence: Confidence) -> Option<Estimate> {
    if trials == 0 || successes > trials {
        return None;
    }
    let (k, n) = (successes as f64, trials as f64);
    let z = -normal_quantile(confidence.tail())?;
    let share = k / n;
    let centre = k + z * z / 2.0;
    let half_width = z * (k * (1.0 - share) + z * z / 4.0).sqrt();
    let low = if successes == 0 { 0.0 } else { ((centre - half_width) / (n + z * z)).max(0.0) };
    let high = if successes == trials { 1.0 } else { ((centre + half_width) / (n + z * z)).min(1.0) };
    Some(Estimate { value: share, low: Some(low), high: Some(high), n: trials, exact: false })
}
