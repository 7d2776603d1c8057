//! Samples of unequal weight: what a step function of time holds, for how long.

use protosim_core::SimTime;

use super::moments::CompensatedSum;

/// Distinct values in ascending order, each with its weight.
///
/// The mean of a queue's length, a rate or a window over time weighs each value by how long it was held:
/// [`WeightedSamples::of_steps`]. Its quantiles then say how much of the time was spent at or below a value.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedSamples {
    /// Value and the sum of weights up to and with it; at least one, the last sum is the total and positive.
    ascending: Vec<(f64, f64)>,
    mean: f64,
}

impl WeightedSamples {
    /// From `(value, weight)` pairs; their order does not matter and those of weight 0 are left out. `None` where a value or weight is not
    /// finite, a weight is negative or no weight is above 0.
    pub fn new(mut pairs: Vec<(f64, f64)>) -> Option<Self> {
        let usable = |&(value, weight): &(f64, f64)| value.is_finite() && weight.is_finite() && weight >= 0.0;
        if !pairs.iter().all(usable) {
            return None;
        }
        pairs.retain(|(_, weight)| *weight > 0.0);
        pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let (mut weights, mut products) = (CompensatedSum::default(), CompensatedSum::default());
        let mut ascending: Vec<(f64, f64)> = Vec::new();
        for (value, weight) in pairs {
            weights.add(weight);
            products.add(value * weight);
            match ascending.last_mut() {
                Some(last) if last.0 == value => last.1 = weights.total(),
                _ => ascending.push((value, weights.total())),
            }
        }
        let (low, high) = (ascending.first()?.0, ascending.last()?.0);
        let mean = products.total() / weights.total();
        (mean.is_finite() && weights.total().is_finite()).then(|| Self { ascending, mean: mean.clamp(low, high) })
    }

    /// A step function of time: each `(time, value)` holds from its time to the next one's, the last to `end`. What lies
    /// before the first change is not part of it. `None` for times that run backwards, for no time at all and for values
    /// that are not finite.
    pub fn of_steps(changes: &[(SimTime, f64)], end: SimTime) -> Option<Self> {
        let ends = changes.iter().skip(1).map(|change| change.0).chain([end]);
        let held = |(&(from, value), to): (&(SimTime, f64), SimTime)| {
            let nanos = to.as_nanos().checked_sub(from.as_nanos())?;
            Some((value, nanos as f64))
        };
        Self::new(changes.iter().zip(ends).map(held).collect::<Option<_>>()?)
    }

    /// The weighted mean, in the unit of the values.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The sum of all weights; nanoseconds for [`WeightedSamples::of_steps`].
    pub fn total_weight(&self) -> f64 {
        self.ascending.last().map_or(0.0, |last| last.1)
    }

    /// The least value such that values up to it have at least the share `q` of all weight: `inverted_cdf` with `weights`
    /// in NumPy. `None` for `q` outside 0 to 1.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        if !(0.0..=1.0).contains(&q) {
            return None;
        }
        // As for samples without weights: what is reached but for rounding is reached.
        let wanted = self.total_weight() * q * (1.0 - 8.0 * f64::EPSILON);
        let at = self.ascending.partition_point(|(_, up_to)| *up_to < wanted);
        self.ascending.get(at).or(self.ascending.last()).map(|(value, _)| *value)
    }

    /// The share of all weight at values up to `x`; 0 for NaN.
    pub fn share_up_to(&self, x: f64) -> f64 {
        let count = self.ascending.partition_point(|(value, _)| *value <= x);
        if count == 0 { 0.0 } else { self.ascending[count - 1].1 / self.total_weight() }
    }

    /// The distribution function: each distinct value with the share of all weight up to it; the last share is 1.
    pub fn cdf(&self) -> Vec<(f64, f64)> {
        self.ascending.iter().map(|&(value, up_to)| (value, up_to / self.total_weight())).collect()
    }
}
