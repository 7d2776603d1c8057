//! Mean and variance in two passes, over a compensated sum, and fairness.

/// A running sum that carries what rounding cut off (Neumaier 1974), in the order the terms come.
///
/// Its error does not grow with the number of terms unless they nearly cancel.
#[derive(Clone, Copy, Debug, Default)]
pub struct CompensatedSum {
    sum: f64,
    cut_off: f64,
}

impl CompensatedSum {
    /// Adds one term.
    pub fn add(&mut self, term: f64) {
        let sum = self.sum + term;
        self.cut_off += if self.sum.abs() >= term.abs() { (self.sum - sum) + term } else { (term - sum) + self.sum };
        self.sum = sum;
    }

    /// The sum so far. Not finite if a term was not, or if the terms left the range of `f64`.
    pub fn total(&self) -> f64 {
        self.sum + self.cut_off
    }
}

impl FromIterator<f64> for CompensatedSum {
    fn from_iter<I: IntoIterator<Item = f64>>(terms: I) -> Self {
        let mut sum = Self::default();
        terms.into_iter().for_each(|term| sum.add(term));
        sum
    }
}

/// Arithmetic mean, in the unit of the samples. `None` without samples, for a sample that is not finite and where the
/// sum leaves the range of `f64`.
pub fn mean(samples: &[f64]) -> Option<f64> {
    let (low, high) = range(samples)?;
    let sum = samples.iter().copied().collect::<CompensatedSum>().total();
    // Rounding may carry the mean of equal samples past them by a unit in the last place.
    sum.is_finite().then(|| (sum / samples.len() as f64).clamp(low, high))
}

/// Unbiased variance (divided by n - 1), in the squared unit of the samples. `None` below two samples, for a
/// sample that is not finite and where a sum leaves the range of `f64`.
pub fn variance(samples: &[f64]) -> Option<f64> {
    if samples.len() < 2 {
        return None;
    }
    let n = samples.len() as f64;
    let mean = mean(samples)?;
    let deviations = samples.iter().map(|x| x - mean).collect::<CompensatedSum>().total();
    let squares = samples.iter().map(|x| (x - mean) * (x - mean)).collect::<CompensatedSum>().total();
    // The second term takes back the rounding error of the mean (Chan, Golub and LeVeque 1983).
    let variance = (squares - deviations * deviations / n) / (n - 1.0);
    variance.is_finite().then_some(variance.max(0.0))
}

/// How fairly a resource is shared: (Σ x)² / (n Σ x²), from 1/n (one has all) to 1 (all have the same) (Jain, Chiu and Hawe
/// 1984). `None` without shares, where one is negative or not finite, and where all are 0, which share nothing.
pub fn jain_fairness(shares: &[f64]) -> Option<f64> {
    let (least, greatest) = range(shares)?;
    if least < 0.0 || greatest == 0.0 {
        return None;
    }
    // In units of the greatest, so that no square overflows or vanishes.
    let sum = shares.iter().map(|x| x / greatest).collect::<CompensatedSum>().total();
    let squares = shares.iter().map(|x| (x / greatest) * (x / greatest)).collect::<CompensatedSum>().total();
    let n = shares.len() as f64;
    Some((sum * sum / (n * squares)).clamp(1.0 / n, 1.0))
}

/// Least and greatest sample; `None` without samples or where one is not finite.
pub(super) fn range(samples: &[f64]) -> Option<(f64, f64)> {
    let first = *samples.first()?;
    let mut range = (first, first);
    for &x in samples {
        if !x.is_finite() {
            return None;
        }
        range = (range.0.min(x), range.1.max(x));
    }
    Some(range)
}
