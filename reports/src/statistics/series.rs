//! Samples of one run that follow upon each other: how far they depend on each other, and an interval for their mean all
//! the same.

use super::moments::{CompensatedSum, mean, range};
use super::{Confidence, Estimate, mean_interval, normal_quantile};

/// The numbers of batches tried, in this order.
const BATCHES: [usize; 3] = [40, 30, 20];
/// How often independent batches may be taken for dependent ones, at each number of batches.
const SUSPICION: f64 = 0.1;

/// A steady-state mean from one long run, see [`batch_means`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchMeans {
    /// The mean of the batch means with its interval; its `n` is the number of batches.
    pub estimate: Estimate,
    /// Samples in each batch. The first samples of the run, fewer than there are batches, are left out where the number
    /// does not divide.
    pub batch_size: u64,
    /// Von Neumann's score of the batch means, [`von_neumann_score`]; 0 where they do not vary.
    pub score: f64,
    /// Whether the batch means pass for independent. If not, the run is too short for its correlation, and the interval is
    /// narrower than it should be.
    pub independent: bool,
}

/// The mean of a stationary sequence (delays of successive packets, samples of a queue) with an interval that allows for
/// their dependence: the sequence is cut into batches of equal size, and the batch means are treated as independent.
///
/// 40 batches are tried, then 30, then 20 (Schmeiser 1982: more than 30 gain little and cost independence; fewer than
/// 10 make the interval wide). The first number at which the batch means pass von Neumann's test against positive lag-1
/// correlation, one-sided at 10 %, is taken; if none passes, 20 and `independent: false`. The warm-up must have been cut
/// off before. `None` for fewer than 80 samples, and as for [`mean_interval`].
pub fn batch_means(samples: &[f64], confidence: Confidence) -> Option<BatchMeans> {
    const SAMPLES_MIN: usize = 80;
    if samples.len() < SAMPLES_MIN {
        return None;
    }
    let limit = -normal_quantile(SUSPICION)?;
    let mut last = None;
    for batches in BATCHES {
        let batch_size = samples.len() / batches;
        let whole = &samples[samples.len() - batches * batch_size..];
        let means: Vec<f64> = whole.chunks_exact(batch_size).map(mean).collect::<Option<_>>()?;
        let estimate = mean_interval(&means, confidence)?;
        let score = if estimate.exact { 0.0 } else { von_neumann_score(&means)? };
        let independent = score <= limit;
        last = Some(BatchMeans { estimate, batch_size: batch_size as u64, score, independent });
        if independent {
            break;
        }
    }
    last
}

/// How many standard deviations the lag-1 correlation lies above that of independent samples (von Neumann 1941; Fishman,
/// Principles of Discrete Event Simulation, 1978, §5.10): C √((n² - 1) / (n - 2)) with C = 1 - Σ (x_i - x_{i+1})² / (2 Σ
/// (x_i - mean)²). About standard normal for eight or more independent samples; large values speak of positive
/// correlation. `None` for fewer than eight samples, for one that is not finite and for samples without spread.
pub fn von_neumann_score(samples: &[f64]) -> Option<f64> {
    if samples.len() < 8 {
        return None;
    }
    let deviations = scaled_deviations(samples)?;
    let squares = sum(deviations.iter().map(|d| d * d));
    let steps = sum(deviations.windows(2).map(|w| (w[0] - w[1]) * (w[0] - w[1])));
    let n = samples.len() as f64;
    Some((1.0 - steps / (2.0 * squares)) * ((n * n - 1.0) / (n - 2.0)).sqrt())
}

/// Autocorrelation at the lags 0 to `lag_max`: Σ (x_i - mean)(x_{i+lag} - mean) / Σ (x_i - mean)², the estimator that
/// divides by n at every lag and so stays within -1 to 1 (Box and Jenkins). Independent samples lie within ±1.96 / √n at 95 % of the
/// lags. `None` for `lag_max` not below the number of samples, for one that is not finite and for samples without spread.
pub fn autocorrelation(samples: &[f64], lag_max: usize) -> Option<Vec<f64>> {
    if lag_max >= samples.len() {
        return None;
    }
    let deviations = scaled_deviations(samples)?;
    let squares = sum(deviations.iter().map(|d| d * d));
    let at = |lag: usize| sum(deviations.iter().zip(&deviations[lag..]).map(|(a, b)| a * b)) / squares;
    Some((0..=lag_max).map(|lag| if lag == 0 { 1.0 } else { at(lag).clamp(-1.0, 1.0) }).collect())
}

/// Deviations from the mean in units of the range, so that squares neither overflow nor vanish; `None` without spread.
fn scaled_deviations(samples: &[f64]) -> Option<Vec<f64>> {
    let (low, high) = range(samples)?;
    let (mean, width) = (mean(samples)?, high - low);
    let scalable = width > 0.0 && width.is_finite();
    scalable.then(|| samples.iter().map(|x| (x - mean) / width).collect())
}

fn sum(terms: impl Iterator<Item = f64>) -> f64 {
    terms.collect::<CompensatedSum>().total()
}
