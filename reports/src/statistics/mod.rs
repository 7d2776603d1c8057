//! Statistics of simulation results: point estimates with confidence intervals.
//!
//! | Question | Function | Method |
//! |---|---|---|
//! | mean of samples or of replication means | [`mean_interval`] | Student's t |
//! | difference of two variants on the same luck | [`paired_difference_interval`] | Student's t on the differences |
//! | share of successes | [`clopper_pearson`] | exact, covers at least what it promises |
//! | share of successes, narrower | [`wilson`] | score interval, covers it on average |
//! | median, p95, p99 | [`SortedSamples::quantile_interval`] | order statistics, free of any distribution |
//! | steady-state mean of one long run | [`batch_means`] | Student's t on 20 to 40 batch means |
//! | where does the warm-up of a run end? | [`mser5`] | least marginal standard error, batches of five |
//! | do successive samples depend on each other? | [`autocorrelation`], [`von_neumann_score`] | |
//! | difference of two independent variants | [`welch_difference_interval`], [`welch_test`] | Welch |
//! | mean and quantiles of a queue or rate over time | [`WeightedSamples::of_steps`] | weighted by duration |
//! | whole distribution | [`SortedSamples::cdf`], [`WeightedSamples::cdf`] | empirical |
//! | does it fit a distribution, do two samples agree? | [`kolmogorov_smirnov`], [`kolmogorov_smirnov_two`], [`chi_square_fit`] | p-value |
//! | how fairly is it shared? | [`jain_fairness`] | Jain's index |
//!
//! All sums run in the order of the samples and all functions go over `protosim_core::maths`, so the bits of
//! a result depend on the samples and their order alone. No function returns NaN or an infinity: what
//! cannot be answered (no samples, a sample that is not finite, a parameter out of range) is `None`.
//!
//! Many intervals that shall hold together share their error probability: [`Confidence::shared_by`].
//!
//! ```
//! use protosim_reports::statistics::{Confidence, clopper_pearson};
//! // 12 loss rates are looked at; all 12 intervals hold together with 99.9 %.
//! let each = Confidence::P99_9.shared_by(12).expect("at least one point");
//! let delivered = clopper_pearson(970, 1_000, each).expect("at least one trial");
//! assert!(delivered.contains(0.97));
//! ```

mod beta;
mod distribution;
mod fit;
mod gamma;
mod interval;
mod moments;
mod quantile;
mod series;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_series;
mod warmup;
mod weighted;

pub use distribution::{
    beta_cdf, beta_quantile, binomial_cdf, chi_square_cdf, chi_square_quantile, chi_square_tail, f_cdf, f_quantile,
    f_tail, normal_cdf, normal_quantile, poisson_cdf, student_t_cdf, student_t_quantile,
};
pub use fit::{chi_square_fit, kolmogorov_smirnov, kolmogorov_smirnov_two};
pub use interval::{
    clopper_pearson, mean_interval, paired_difference_interval, welch_difference_interval, welch_test, wilson,
};
pub use moments::{CompensatedSum, jain_fairness, mean, variance};
pub use quantile::{QuantileMethod, SortedSamples, quantile_ranks};
pub use series::{BatchMeans, autocorrelation, batch_means, von_neumann_score};
pub use warmup::{WarmUp, mser5};
pub use weighted::WeightedSamples;

/// A value estimated from samples and how far it can be trusted.
///
/// A bound is `None` where the sample does not give one: the spread of a single sample is unknown, and 20
/// samples say nothing about how far up their 99th percentile may lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The point estimate, in the unit of the samples.
    pub value: f64,
    /// Lower bound of the two-sided interval, in the unit of the samples.
    pub low: Option<f64>,
    /// Upper bound of the two-sided interval, in the unit of the samples.
    pub high: Option<f64>,
    /// How many samples (trials, replications) it rests on; at least 1.
    pub n: u64,
    /// Two or more samples, all of the same value: the interval has no width, because nothing varied.
    /// So it is with a deterministic measure; of a random one it only says that too little was sampled.
    pub exact: bool,
}

impl Estimate {
    /// Whether `expected` lies within the interval, which has both bounds. Bounds are inclusive and give
    /// way by 1e-12 of their size, so that an exact estimate agrees with a closed form that differs by rounding alone.
    pub fn contains(&self, expected: f64) -> bool {
        const ROUNDING: f64 = 1e-12;
        let above_low = self.low.is_some_and(|low| expected >= low - ROUNDING * low.abs());
        let below_high = self.high.is_some_and(|high| expected <= high + ROUNDING * high.abs());
        above_low && below_high
    }

    /// The estimate of a sample without spread.
    fn without_spread(value: f64, n: u64) -> Self {
        Self { value, low: Some(value), high: Some(value), n, exact: true }
    }
}

/// What a statistical test says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TestResult {
    /// The test's statistic: D of Kolmogorov and Smirnov, χ², Welch's t.
    pub statistic: f64,
    /// How probable a statistic at least as extreme is where the hypothesis holds.
    pub p_value: f64,
}

/// How often an interval may be wrong: the error probability α, split evenly between both sides.
///
/// Kept as α rather than as the level 1 - α, which loses digits when α is shared by many points.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Confidence {
    alpha: f64,
}

impl Confidence {
    /// 95 %.
    pub const P95: Self = Self { alpha: 0.05 };
    /// 99 %.
    pub const P99: Self = Self { alpha: 0.01 };
    /// 99.9 %.
    pub const P99_9: Self = Self { alpha: 0.001 };

    /// From the level, as 0.95; `None` outside the open interval 0 to 1.
    pub fn from_level(level: f64) -> Option<Self> {
        // Decimal levels are not exact in binary; 1 - 0.95 is 0.05000000000000004. The digits that level never had
        // are cut, so that 0.95 means α = 0.05.
        let alpha = 1.0 - level;
        let rounded = (alpha * 1e15).round() / 1e15;
        Self::from_alpha(if rounded > 0.0 { rounded } else { alpha })
    }

    /// From the error probability, as 0.05; `None` outside the open interval 0 to 1.
    pub fn from_alpha(alpha: f64) -> Option<Self> {
        (alpha > 0.0 && alpha < 1.0).then_some(Self { alpha })
    }

    /// The confidence each of `points` intervals needs so that all hold together with this one (Bonferroni: α / points,
    /// valid whatever the dependence between the points). `None` for no points.
    pub fn shared_by(self, points: u64) -> Option<Self> {
        if points == 0 {
            return None;
        }
        Self::from_alpha(self.alpha / points as f64)
    }

    /// The error probability of both sides together.
    pub fn alpha(self) -> f64 {
        self.alpha
    }

    /// The error probability of one side, α / 2.
    pub fn tail(self) -> f64 {
        self.alpha / 2.0
    }

    /// The level, 1 - α.
    pub fn level(self) -> f64 {
        1.0 - self.alpha
    }
}
