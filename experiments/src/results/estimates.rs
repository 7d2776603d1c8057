//! Intervals of what is measured while a run goes on: of batches, and of histograms.

use protosim_core::maths;
use protosim_core::sketch::{Batches, Histogram};
use protosim_reports::statistics::{Confidence, Estimate, mean_interval, quantile_ranks, von_neumann_score};

/// Fewest batches that an interval rests on.
const BATCHES_MIN: usize = 15;
/// Beyond this score of von Neumann's, batches are taken to depend on each other: the 90 % quantile of the normal distribution.
const DEPENDENT: f64 = 1.281_551_565_544_600_4;

/// The mean of successive samples of one run, of whose units so many make one of the mean's, with an interval from the means of batches (32 to
/// 63 of them, joined in pairs where neighbours hang together). Without enough samples there is no interval.
pub(super) fn batch_interval(batches: &Batches, per_unit: f64, confidence: Confidence) -> Option<Estimate> {
    let value = mean_of(batches, per_unit)?;
    let (size, sums) = batches.batches();
    let mut means: Vec<f64> = sums.iter().map(|sum| *sum as f64 / size as f64 / per_unit).collect();
    if von_neumann_score(&means).is_some_and(|score| score > DEPENDENT) && means.len() >= 2 * BATCHES_MIN {
        means = means.chunks_exact(2).map(|pair| f64::midpoint(pair[0], pair[1])).collect();
    }
    let interval = mean_interval(&means, confidence).filter(|_| means.len() >= BATCHES_MIN);
    Some(around(value, interval, means.len()))
}

/// The mean of samples of whose units so many make one of the mean's.
pub(super) fn mean_of(batches: &Batches, per_unit: f64) -> Option<f64> {
    (batches.count() > 0).then(|| batches.sum() as f64 / batches.count() as f64 / per_unit)
}

/// The quantile of a histogram of nanoseconds [s]: its least value that at least the share `q` of all is at most.
pub(super) fn quantile_of(histogram: &Histogram, q: f64) -> Option<f64> {
    let count = histogram.count();
    // As `SortedSamples` has it: n q that is a whole number but for rounding counts as that number.
    let rank = maths::round_to_u64((count as f64 * q * (1.0 - 8.0 * f64::EPSILON)).ceil()).clamp(1, count.max(1));
    histogram.at_rank(rank).map(|nanos| nanos as f64 / 1e9)
}

/// The ends of the interval of a quantile [s] that ranks make of a histogram of nanoseconds, whose samples it takes as independent of each
/// other; a side is `None` where they are too few.
pub(super) fn ends_by_rank(histogram: &Histogram, q: f64, confidence: Confidence) -> (Option<f64>, Option<f64>) {
    let (low, high) = quantile_ranks(histogram.count(), q, confidence);
    let at = |rank: Option<u64>| Some(histogram.at_rank(rank?)? as f64 / 1e9);
    (at(low), at(high))
}

/// A quantile of all replications together, from two on with an interval: that of ranks, whose ends are given, or as wide as that of
/// the mean of the replications' own quantiles, whichever reaches further. A side without an end by ranks stays without one: with few samples the
/// replications' own quantiles are not the quantile.
pub(super) fn quantile_over(
    value: f64,
    of_runs: &[f64],
    (low, high): (Option<f64>, Option<f64>),
    confidence: Confidence,
) -> Option<Estimate> {
    let spread = around(value, Some(mean_interval(of_runs, confidence)?), of_runs.len());
    // All runs agree to the last digit: nothing in them is left to luck.
    if spread.exact {
        return Some(spread);
    }
    let low = low.and_then(|low| Some(low.min(spread.low?)));
    let high = high.and_then(|high| Some(high.max(spread.high?)));
    Some(Estimate { low, high, ..spread })
}

/// An interval of the same width around another value. What the interval's samples agree on may differ from it by what is left over
/// behind the last of them: then something varied, by at least that much.
fn around(value: f64, interval: Option<Estimate>, n: usize) -> Estimate {
    /// As much as a mean of the same values, computed in another way, may differ.
    const ROUNDING: f64 = 1e-12;
    let half = interval.and_then(|interval| Some((interval.high? - interval.low?) / 2.0));
    let off = interval.map_or(0.0, |interval| (value - interval.value).abs());
    let is_same = off <= ROUNDING * value.abs();
    let exact = is_same && interval.is_some_and(|interval| interval.exact);
    let half = half.map(|half| if half == 0.0 && !is_same { off } else { half });
    Estimate { value, low: half.map(|half| value - half), high: half.map(|half| value + half), n: n as u64, exact }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protosim_core::RunSeed;
    use protosim_core::random::Purpose;

    /// Samples 0 to 99 ms: 50 batches of two, whose means are 0.5, 2.5, … ms. They rise, so pairs are joined: 25 means 1.5,
    /// 5.5, …, 97.5 ms. Their mean is 49.5 ms; their variance is 16 (25² - 1) / 12 · 25 / 24 = 866.67 ms²; the half-width is
    /// 2.063899 (the 97.5 % quantile of t with 24 degrees of freedom, SciPy) · √(866.67 / 25) = 12.1519 ms.
    #[test]
    fn batches_make_the_interval_of_a_mean() {
        let mut batches = Batches::new();
        (0..100).for_each(|ms: u64| batches.add(ms * 1_000_000));
        let estimate = batch_interval(&batches, 1e9, Confidence::P95).unwrap();
        assert!((estimate.value - 0.0495).abs() < 1e-12);
        assert_eq!(estimate.n, 25);
        assert!((estimate.high.unwrap() - estimate.value - 0.012_151_9).abs() < 1e-7, "{estimate:?}");
        let mut few = Batches::new();
        few.add(5_000_000);
        assert_eq!(batch_interval(&few, 1e9, Confidence::P95).unwrap().low, None);
        assert_eq!(batch_interval(&Batches::new(), 1e9, Confidence::P95), None);
    }

    /// Constant samples have an exact mean. 64 of 5 ms and one of 70 ms, which is left over behind 32 batches of two: their mean is 6 ms,
    /// and the batches agree on 5 ms.
    #[test]
    fn a_mean_of_constant_samples_is_exact() {
        let mut batches = Batches::new();
        (0..64).for_each(|_| batches.add(5_000_000));
        let exact = Estimate { value: 0.005, low: Some(0.005), high: Some(0.005), n: 32, exact: true };
        assert_eq!(batch_interval(&batches, 1e9, Confidence::P95), Some(exact));
        batches.add(70_000_000);
        let estimate = batch_interval(&batches, 1e9, Confidence::P95).unwrap();
        assert!(!estimate.exact && (estimate.value - 0.006).abs() < 1e-15, "{estimate:?}");
        assert!((estimate.low.unwrap() - 0.005).abs() < 1e-15 && (estimate.high.unwrap() - 0.007).abs() < 1e-15);
    }

    /// A hundred runs of five exponential samples with a mean of 1 s, a hundred experiments: the 99 % quantile is ln 100 = 4.6052 s. A run's own is its
    /// largest sample, whose mean is 1 + 1/2 + 1/3 + 1/4 + 1/5 = 2.28 s: their spread alone says nothing of it. With ranks, 95 of 100 intervals hold it; 88 or more
    /// do in all but one of 300 such tests (binomial: P(X < 88) = 0.0015 for 95 %).
    #[test]
    fn few_samples_in_each_run_are_no_quantile() {
        let mut luck = RunSeed { seed: 1, replication: 0 }.stream("estimates", Purpose("samples"));
        let mut sample = || maths::round_to_u64(luck.exponential() * 1e9);
        let mut covered = 0;
        for _ in 0..100 {
            let (mut all, mut of_runs) = (Histogram::new(), Vec::new());
            for _ in 0..100 {
                let mut own = Histogram::new();
                (0..5).for_each(|_| own.add(sample()));
                all.merge(&own);
                of_runs.extend(quantile_of(&own, 0.99));
            }
            let ends = ends_by_rank(&all, 0.99, Confidence::P95);
            let estimate = quantile_over(quantile_of(&all, 0.99).unwrap(), &of_runs, ends, Confidence::P95).unwrap();
            covered += usize::from(estimate.contains(4.605_17));
        }
        assert!(covered >= 88, "{covered}");
    }

    /// Of 1 to 10 ns the median is the fifth: 5 ns, and the 95 % quantile the tenth. Below 256 a histogram is exact.
    #[test]
    fn quantiles_are_of_ranks() {
        let mut histogram = Histogram::new();
        (1..=10).for_each(|nanos| histogram.add(nanos));
        assert_eq!((quantile_of(&histogram, 0.5), quantile_of(&histogram, 0.95)), (Some(5e-9), Some(1e-8)));
        assert_eq!(quantile_of(&Histogram::new(), 0.5), None);
    }
}
