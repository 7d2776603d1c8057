//! Intervals of a mean, of a difference of means and of a proportion.

use super::moments::{self, mean, variance};
use super::{Confidence, Estimate, TestResult, beta_quantile, normal_quantile, student_t_cdf, student_t_quantile};

/// Mean of the samples with its Student-t interval.
///
/// The samples must be independent: exchanges that do not influence each other, or the means of replications. Samples
/// of one run that follow upon each other (queueing delays) are not; take replication means or
/// [`batch_means`](super::batch_means). One sample gives a value
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

/// Mean of `with` less mean of `without`, for independent samples whose variances may differ, with its interval by
/// Student's t with the degrees of freedom of Welch and Satterthwaite (Welch 1947). For runs on the same luck
/// [`paired_difference_interval`] is narrower. `n` counts both samples. A sample of one leaves no bounds; `None` as for
/// [`mean_interval`].
pub fn welch_difference_interval(with: &[f64], without: &[f64], confidence: Confidence) -> Option<Estimate> {
    let n = (with.len() + without.len()) as u64;
    let value = mean(with)? - mean(without)?;
    if !value.is_finite() {
        return None;
    }
    if with.len() < 2 || without.len() < 2 {
        return Some(Estimate { value, low: None, high: None, n, exact: false });
    }
    let Some((error, df)) = welch_error(with, without)? else { return Some(Estimate::without_spread(value, n)) };
    let half_width = -student_t_quantile(confidence.tail(), df)? * error;
    let (low, high) = (value - half_width, value + half_width);
    let bounded = low.is_finite() && high.is_finite();
    bounded.then_some(Estimate { value, low: Some(low), high: Some(high), n, exact: false })
}

/// Welch's test of equal means, two-sided. `None` for a sample of fewer than two, for samples that both have no spread,
/// and as for [`mean_interval`].
pub fn welch_test(a: &[f64], b: &[f64]) -> Option<TestResult> {
    let (error, df) = welch_error(a, b)??;
    let statistic = (mean(a)? - mean(b)?) / error;
    let p_value = 2.0 * student_t_cdf(-statistic.abs(), df)?;
    statistic.is_finite().then_some(TestResult { statistic, p_value })
}

/// Standard error of a difference of means and its degrees of freedom; `Some(None)` where neither sample varies.
fn welch_error(a: &[f64], b: &[f64]) -> Option<Option<(f64, f64)>> {
    let of_mean = |samples: &[f64]| {
        let (least, greatest) = moments::range(samples)?;
        // Rounding must not give a constant sample a spread.
        Some(if least == greatest { 0.0 } else { variance(samples)? / samples.len() as f64 })
    };
    if a.len() < 2 || b.len() < 2 {
        return None;
    }
    let (of_a, of_b) = (of_mean(a)?, of_mean(b)?);
    let both = of_a + of_b;
    if both == 0.0 {
        return Some(None);
    }
    // As shares of the sum, whose squares neither overflow nor underflow.
    let (share_a, share_b) = (of_a / both, of_b / both);
    let df = 1.0 / (share_a * share_a / (a.len() - 1) as f64 + share_b * share_b / (b.len() - 1) as f64);
    both.is_finite().then_some(Some((both.sqrt(), df)))
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
