//! Distributions by inversion: one draw of 64 bits gives one number.
//!
//! Inversion keeps common random numbers: with the same draw a longer mean gives a longer gap, and what one
//! source draws never shifts what it draws next. Every law is its quantile function over [`crate::maths`], so that
//! a number is the same on every machine.

use super::Stream;
use super::normal::{normal_cdf, normal_quantile};
use crate::maths;

/// A law of a number. Units are those of its parameters.
#[derive(Clone, PartialEq, Debug)]
pub enum Distribution {
    /// Always this number; nothing is drawn.
    Fixed(f64),
    /// Equally likely everywhere between two ends.
    Uniform {
        /// The lower end.
        low: f64,
        /// The upper end.
        high: f64,
    },
    /// 1 - exp(-x / mean).
    Exponential {
        /// Its mean.
        mean: f64,
    },
    /// The bell curve.
    Normal {
        /// Its mean.
        mean: f64,
        /// Its standard deviation.
        deviation: f64,
    },
    /// exp of a normal number.
    LogNormal {
        /// Its median: exp of the normal number's mean.
        median: f64,
        /// Standard deviation of its natural logarithm.
        sigma: f64,
    },
    /// 1 - (min / x)^shape from `min` on; with a finite `max`, the same on the condition that it is not exceeded.
    Pareto {
        /// The tail's exponent; at 1 and below an unbounded law has no mean, at 2 and below no variance.
        shape: f64,
        /// Its smallest number, above zero.
        min: f64,
        /// Its largest number; infinite for an unbounded law.
        max: f64,
    },
    /// 1 - exp(-(x / scale)^shape).
    Weibull {
        /// 1 for an exponential law; below 1 the tail is heavier.
        shape: f64,
        /// The quantile of 1 - 1/e.
        scale: f64,
    },
    /// One of several numbers.
    Choice(Choice),
    /// Straight lines between points of a measured distribution function.
    Empirical(Empirical),
}

/// Several numbers with weights.
#[derive(Clone, PartialEq, Debug)]
pub struct Choice {
    /// Up to which share each is chosen, and the number.
    steps: Vec<(f64, f64)>,
}

/// A distribution function that was measured at some points.
#[derive(Clone, PartialEq, Debug)]
pub struct Empirical {
    /// Share at or below the number, and the number; both in ascending order, the last share 1.
    points: Vec<(f64, f64)>,
}

impl Choice {
    /// A number for each (weight, number); `None` unless the weights are finite, not negative, and their sum is above
    /// zero.
    pub fn new(weighted: &[(f64, f64)]) -> Option<Self> {
        let total: f64 = weighted.iter().map(|(weight, _)| weight).sum();
        let sound = total.is_finite() && total > 0.0 && weighted.iter().all(|(weight, _)| *weight >= 0.0);
        let mut sum = 0.0;
        let step = |(weight, number): &(f64, f64)| {
            sum += weight;
            (sum / total, *number)
        };
        sound.then(|| Self { steps: weighted.iter().map(step).collect() })
    }

    fn quantile(&self, u: f64) -> f64 {
        let index = self.steps.partition_point(|(share, _)| *share <= u);
        self.steps[index.min(self.steps.len() - 1)].1
    }

    /// Each number with its probability.
    fn parts(&self) -> impl Iterator<Item = (f64, f64)> {
        let before = std::iter::once(0.0).chain(self.steps.iter().map(|(share, _)| *share));
        before.zip(&self.steps).map(|(before, (share, number))| (share - before, *number))
    }
}

impl Empirical {
    /// The function through (share, number); `None` unless there are points, both columns ascend (equals allowed),
    /// and the last share is 1. What lies below the first share has the first number.
    pub fn new(points: Vec<(f64, f64)>) -> Option<Self> {
        let ascends = points.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1);
        let from_zero = points.first().is_some_and(|(share, _)| *share >= 0.0);
        let to_one = points.last().is_some_and(|(share, _)| *share == 1.0);
        (ascends && from_zero && to_one).then_some(Self { points })
    }

    fn quantile(&self, u: f64) -> f64 {
        let above = self.points.partition_point(|(share, _)| *share < u);
        let (share, number) = self.points[above.min(self.points.len() - 1)];
        match above.checked_sub(1).map(|below| self.points[below]) {
            Some((low_share, low)) => low + (number - low) * ((u - low_share) / (share - low_share)),
            None => number,
        }
    }

    fn mean(&self) -> f64 {
        let (share, number) = self.points[0];
        let pieces = self.points.windows(2).map(|pair| (pair[1].0 - pair[0].0) * (pair[0].1 + pair[1].1) / 2.0);
        share * number + pieces.sum::<f64>()
    }
}

/// Points of a numerical integral over a quantile function.
const POINTS: u32 = 1024;

impl Distribution {
    /// The number that is not exceeded with probability `u`, for `u` in the open interval 0 to 1.
    pub fn quantile(&self, u: f64) -> f64 {
        match self {
            Self::Fixed(number) => *number,
            Self::Uniform { low, high } => low + (high - low) * u,
            Self::Exponential { mean } => -mean * maths::ln_1p(-u),
            Self::Normal { mean, deviation } => mean + deviation * normal_quantile(u),
            Self::LogNormal { median, sigma } => median * maths::exp(sigma * normal_quantile(u)),
            Self::Pareto { shape, min, max } => {
                let beyond = maths::pow(min / max, *shape);
                // The logarithm of the share above, precise near both ends: 1 - u (1 - beyond).
                let above = maths::ln_1p(-u * (1.0 - beyond));
                (min * maths::exp(-above / shape)).min(*max)
            }
            Self::Weibull { shape, scale } => scale * maths::pow(-maths::ln_1p(-u), 1.0 / shape),
            Self::Choice(choice) => choice.quantile(u),
            Self::Empirical(empirical) => empirical.quantile(u),
        }
    }

    /// A number, from one draw; from none where it is fixed.
    pub fn sample(&self, stream: &mut Stream) -> f64 {
        match self {
            Self::Fixed(number) => *number,
            law => law.quantile(stream.uniform_open()),
        }
    }

    /// Its mean; infinite where there is none.
    pub fn mean(&self) -> f64 {
        match self {
            Self::Fixed(number) => *number,
            Self::Uniform { low, high } => low + (high - low) / 2.0,
            Self::Exponential { mean } | Self::Normal { mean, .. } => *mean,
            Self::LogNormal { median, sigma } => median * maths::exp(sigma * sigma / 2.0),
            Self::Pareto { .. } => self.mean_within(f64::NEG_INFINITY, f64::INFINITY),
            Self::Weibull { shape, scale } => scale * maths::exp(maths::ln_gamma(1.0 + 1.0 / shape)),
            Self::Choice(choice) => choice.parts().map(|(share, number)| share * number).sum(),
            Self::Empirical(empirical) => empirical.mean(),
        }
    }

    /// The mean of its numbers, where those below `low` are raised to it and those above `high` lowered: what
    /// results when a law meets the shortest and the longest packet. In closed form (low plus the integral from
    /// `low` to `high` of the share above x), but for uniform, empirical and Weibull laws, where it is a sum over 1024
    /// quantiles if they are cut.
    pub fn mean_within(&self, low: f64, high: f64) -> f64 {
        match self {
            Self::Fixed(number) => number.clamp(low, high),
            Self::Exponential { mean } => {
                let low = low.max(0.0);
                low + mean * (maths::exp(-low / mean) - maths::exp(-high / mean))
            }
            Self::Normal { mean, deviation } => clipped_normal(*mean, *deviation, low, high),
            Self::LogNormal { median, sigma } => clipped_log_normal(*median, *sigma, low.max(0.0), high),
            Self::Pareto { shape, min, max } => clipped_pareto(*shape, *min, *max, low, high),
            Self::Choice(choice) => choice.parts().map(|(share, number)| share * number.clamp(low, high)).sum(),
            Self::Uniform { low: from, high: to } if low <= *from && *to <= high => self.mean(),
            Self::Empirical(own) if low <= own.points[0].1 && own.quantile(1.0) <= high => own.mean(),
            Self::Uniform { .. } | Self::Empirical(_) | Self::Weibull { .. } => {
                let each = (0..POINTS).map(|i| self.quantile(midpoint(i)).clamp(low, high));
                each.sum::<f64>() / f64::from(POINTS)
            }
        }
    }

    /// What is left of a period of this law that someone finds going on, from one draw: a long period is found
    /// more often, and any moment of it is as likely. Periods are taken from 1024 quantiles, so that of an unbounded
    /// tail the last 1/2048 is left out: it sets where a source starts, not how it goes on.
    pub fn residual(&self, stream: &mut Stream) -> f64 {
        let period = |i: u32| self.quantile(midpoint(i)).max(0.0);
        let total: f64 = (0..POINTS).map(period).sum();
        // A moment on all periods laid end to end.
        let mut moment = stream.uniform() * total;
        for i in 0..POINTS {
            let period = period(i);
            if moment < period {
                return moment;
            }
            moment -= period;
        }
        0.0 // only the rounding of the sum leads here
    }
}

/// The middle of part `i` of [`POINTS`] equal parts of 0 to 1.
fn midpoint(i: u32) -> f64 {
    (f64::from(i) + 0.5) / f64::from(POINTS)
}

/// E[min(max(X, low), high)] for a normal X.
fn clipped_normal(mean: f64, deviation: f64, low: f64, high: f64) -> f64 {
    let density = |z: f64| maths::exp(-z * z / 2.0) / (2.0 * std::f64::consts::PI).sqrt();
    let (a, b) = ((low - mean) / deviation, (high - mean) / deviation);
    let tails = weighted(low, normal_cdf(a)) + weighted(high, normal_cdf(-b));
    tails + mean * (normal_cdf(b) - normal_cdf(a)) - deviation * (density(b) - density(a))
}

/// The same for a log-normal X.
fn clipped_log_normal(median: f64, sigma: f64, low: f64, high: f64) -> f64 {
    if sigma == 0.0 {
        return median.clamp(low, high);
    }
    let z = |x: f64| maths::ln(x / median) / sigma;
    let tails = weighted(low, normal_cdf(z(low))) + weighted(high, normal_cdf(-z(high)));
    let mean = median * maths::exp(sigma * sigma / 2.0);
    tails + mean * (normal_cdf(z(high) - sigma) - normal_cdf(z(low) - sigma))
}

/// The same for a Pareto X.
fn clipped_pareto(shape: f64, min: f64, max: f64, low: f64, high: f64) -> f64 {
    let (from, to) = (low.max(min), high.min(max));
    if from >= to {
        return if low >= max { low } else { from.min(high) };
    }
    let tail = |x: f64| match shape {
        1.0 => min * maths::ln(x / min),
        _ => -min / (shape - 1.0) * maths::pow(min / x, shape - 1.0),
    };
    let beyond = maths::pow(min / max, shape);
    from + (tail(to) - tail(from) - weighted(to - from, beyond)) / (1.0 - beyond)
}

/// `x` times `weight`, where nothing of an infinite number is nothing.
fn weighted(x: f64, weight: f64) -> f64 {
    if weight == 0.0 { 0.0 } else { x * weight }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, RunSeed};
    use approx::assert_relative_eq;

    const SHARES: [f64; 5] = [1e-6, 0.1, 0.5, 0.9, 0.999];

    fn laws() -> Vec<(Distribution, [f64; 5], f64, f64)> {
        use Distribution::*;
        let inf = f64::INFINITY;
        // SciPy 1.17.1: ppf at SHARES, mean, standard deviation.
        vec![
            (Uniform { low: 5.0, high: 15.0 }, [5.00001, 6.0, 10.0, 14.0, 14.99], 10.0, 2.8867513459481287),
            (
                Exponential { mean: 2.0 },
                [2.0000010000006668e-6, 0.21072103131565262, 1.3862943611198906, 4.605170185988092, 13.815510557964272],
                2.0,
                2.0,
            ),
            (
                Normal { mean: 10.0, deviation: 3.0 },
                [-4.260272926468696, 6.1553453033661985, 10.0, 13.844654696633802, 19.27069691850344],
                10.0,
                3.0,
            ),
            (
                LogNormal { median: 20.0, sigma: 0.5 },
                [1.8571074059915316, 10.53767036592073, 20.0, 37.95905414669421, 93.77032362017917],
                22.662969061336526,
                12.078010664217622,
            ),
            (
                Pareto { shape: 1.5, min: 4.0, max: 400.0 },
                [4.000002664002218, 4.290746104421311, 6.345374662826041, 18.455786059229325, 252.06823972900514],
                10.81081081081081,
                17.76397483800539,
            ),
            (
                Pareto { shape: 1.5, min: 4.0, max: inf },
                [4.000002666668889, 4.2910639315805765, 6.3496042078727974, 18.566355334451117, 400.0],
                12.0,
                inf,
            ),
            (
                Weibull { shape: 0.7, scale: 3.0 },
                [8.04809313447747e-9, 0.12048883584640813, 1.777170338856401, 9.875798916494821, 47.44320621882768],
                3.797470518171851,
                5.553514201195346,
            ),
        ]
    }

    #[test]
    fn quantiles_and_means_are_scipys() {
        for (law, quantiles, mean, _) in laws() {
            for (share, expected) in SHARES.into_iter().zip(quantiles) {
                // 0.999 and 1e-6 are not exact in binary: the tails' numbers carry that on.
                assert_relative_eq!(law.quantile(share), expected, max_relative = 1e-12);
            }
            assert_relative_eq!(law.mean(), mean, max_relative = 1e-14);
        }
    }

    /// 10^5 draws: the mean lies within five standard errors; the shares below three quantiles within five standard
    /// deviations of a binomial share, sqrt(u (1 - u) / 10^5).
    #[test]
    fn samples_follow_their_law() {
        let stream = |purpose| RunSeed { seed: 7, replication: 0 }.stream("x", Purpose(purpose));
        for (law, quantiles, mean, deviation) in laws() {
            let mut stream = stream("law");
            let drawn: Vec<f64> = (0..100_000).map(|_| law.sample(&mut stream)).collect();
            if deviation.is_finite() {
                let error = 5.0 * deviation / 1e5_f64.sqrt();
                assert!((drawn.iter().sum::<f64>() / 1e5 - mean).abs() < error, "{law:?}");
            }
            for (share, quantile) in SHARES.into_iter().zip(quantiles).skip(1) {
                let below = drawn.iter().filter(|x| **x <= quantile).count() as f64 / 1e5;
                assert!((below - share).abs() < 5.0 * (share * (1.0 - share) / 1e5).sqrt(), "{law:?} {share} {below}");
            }
        }
    }

    /// Cut means against a midpoint sum over 2 · 10^6 quantiles, an independent way to the same integral. Its error in
    /// a cut tail is below a millionth of the cut.
    #[test]
    fn cut_means_are_those_of_cut_numbers() {
        for (law, ..) in laws() {
            for (low, high) in [(0.0, 12.0), (6.0, 9.0), (7.0, 300.0), (500.0, 600.0), (0.5, 1.0)] {
                let n = 2_000_000;
                let parts = (0..n).map(|i| law.quantile((f64::from(i) + 0.5) / f64::from(n)).clamp(low, high));
                let expected = parts.sum::<f64>() / f64::from(n);
                let tolerance = if matches!(law, Distribution::Weibull { .. }) { 2e-3 } else { 2e-5 };
                assert_relative_eq!(law.mean_within(low, high), expected, max_relative = tolerance);
            }
        }
    }

    /// Weights 7, 4, 1: the classic mix of 40, 576 and 1500 bytes, of mean (280 + 2304 + 1500) / 12 = 340.333.
    #[test]
    fn choices_have_their_weights() {
        let mix = Choice::new(&[(7.0, 40.0), (4.0, 576.0), (1.0, 1500.0)]).unwrap();
        let law = Distribution::Choice(mix);
        assert_relative_eq!(law.mean(), 4084.0 / 12.0, max_relative = 1e-15);
        let at = [0.0, 0.58, 0.59, 0.91, 0.92, 1.0].map(|u| law.quantile(u));
        assert_eq!(at, [40.0, 40.0, 576.0, 576.0, 1500.0, 1500.0]);
        assert_relative_eq!(law.mean_within(100.0, 1000.0), (700.0 + 2304.0 + 1000.0) / 12.0, max_relative = 1e-15);
        assert_eq!(
            (Choice::new(&[]), Choice::new(&[(0.0, 1.0)]), Choice::new(&[(-1.0, 1.0), (2.0, 1.0)])),
            (None, None, None)
        );
    }

    /// 20 % are 10, then evenly up to 20 at 60 %, then up to 100: mean 0.2 · 10 + 0.4 · 15 + 0.4 · 60 = 32.
    #[test]
    fn measured_functions_are_joined_by_lines() {
        let law = Distribution::Empirical(Empirical::new(vec![(0.2, 10.0), (0.6, 20.0), (1.0, 100.0)]).unwrap());
        for (share, expected) in [(0.1, 10.0), (0.2, 10.0), (0.4, 15.0), (0.6, 20.0), (0.8, 60.0), (1.0, 100.0)] {
            assert_relative_eq!(law.quantile(share), expected, max_relative = 1e-12);
        }
        assert_relative_eq!(law.mean(), 32.0, max_relative = 1e-15);
        for wrong in [vec![], vec![(0.5, 1.0)], vec![(0.5, 2.0), (1.0, 1.0)], vec![(0.7, 1.0), (0.2, 2.0), (1.0, 3.0)]]
        {
            assert_eq!(Empirical::new(wrong), None);
        }
    }

    /// The rest of a period that is going on has the mean E[X²] / 2 E[X] (renewal theory): 10 for exponential periods
    /// of mean 10, 5 for fixed ones of 10. 10^4 draws: standard errors 0.1 and 10 / sqrt(12) / 100 = 0.029; five of
    /// them, and for the exponential law 1 % more for the tail that is left out.
    #[test]
    fn a_period_that_is_found_has_its_rest() {
        let mut stream = RunSeed { seed: 7, replication: 0 }.stream("x", Purpose("rest"));
        let mut mean = |law: Distribution| (0..10_000).map(|_| law.residual(&mut stream)).sum::<f64>() / 1e4;
        let exponential = mean(Distribution::Exponential { mean: 10.0 });
        assert!((exponential - 10.0).abs() < 0.6, "{exponential}");
        let fixed = mean(Distribution::Fixed(10.0));
        assert!((fixed - 5.0).abs() < 0.145, "{fixed}");
    }
}
