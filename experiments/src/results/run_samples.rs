//! Samples of one run, each by itself or as a sketch, and what intervals over several runs are made of.

use super::estimates::{batch_interval, ends_by_rank, mean_of, quantile_of, quantile_over};
use super::summary::{Basis, widened};
use crate::run::TimeSketch;
use protosim_core::sketch::{Batches, Histogram};
use protosim_reports::statistics::{Confidence, Estimate, SortedSamples, mean, mean_interval};

/// How many nanoseconds make a second.
pub(super) const NANOS: f64 = 1e9;

/// Samples of one kind in one run.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum RunSamples {
    /// Each by itself, in the unit of tables.
    Each(Vec<f64>),
    /// Summed up.
    Sketch {
        /// In order.
        batches: Batches,
        /// Of times alone \[ns\].
        histogram: Histogram,
        /// How many units of a sample make one of tables.
        per_unit: f64,
    },
}

impl Default for RunSamples {
    fn default() -> Self {
        Self::Each(Vec::new())
    }
}

impl RunSamples {
    /// Times as a sketch.
    pub(super) fn times(sketch: &TimeSketch) -> Self {
        Self::Sketch { batches: sketch.batches.clone(), histogram: sketch.histogram.clone(), per_unit: NANOS }
    }

    /// Counts as a sketch.
    pub(super) fn counts(batches: &Batches) -> Self {
        Self::Sketch { batches: batches.clone(), histogram: Histogram::new(), per_unit: 1.0 }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Each(samples) => samples.len() as u64,
            Self::Sketch { batches, .. } => batches.count(),
        }
    }

    pub(super) fn mean(&self) -> Option<f64> {
        match self {
            Self::Each(samples) => mean(samples),
            Self::Sketch { batches, per_unit, .. } => mean_of(batches, *per_unit),
        }
    }

    pub(super) fn quantile(&self, q: f64) -> Option<f64> {
        match self {
            Self::Each(samples) => SortedSamples::new(samples.clone())?.quantile(q),
            Self::Sketch { histogram, .. } => quantile_of(histogram, q),
        }
    }

    fn each(&self) -> Option<&[f64]> {
        match self {
            Self::Each(samples) => Some(samples),
            Self::Sketch { .. } => None,
        }
    }
}

/// The samples of all runs in order, if each was kept by itself.
fn pooled(runs: &[&RunSamples]) -> Option<Vec<f64>> {
    let all: Option<Vec<&[f64]>> = runs.iter().map(|run| run.each()).collect();
    all.map(|all| all.concat())
}

/// The mean of replications' means. Where samples are the basis, or there is one replication: of all samples, or of batches of them where
/// they were summed up.
pub(super) fn mean_over(runs: &[&RunSamples], confidence: Confidence, basis: Basis) -> Option<Estimate> {
    if runs.len() == 1 || basis == Basis::Exchanges {
        match (pooled(runs), runs) {
            (Some(all), _) => return mean_interval(&all, confidence),
            (None, [RunSamples::Sketch { batches, per_unit, .. }]) => {
                return batch_interval(batches, *per_unit, confidence);
            }
            (None, _) => {}
        }
    }
    let of_runs: Vec<f64> = runs.iter().filter_map(|run| run.mean()).collect();
    mean_interval(&of_runs, confidence)
}

/// A quantile of the samples of all runs together. Where each was kept by itself its interval is from ranks, and at least as wide as the
/// replications' own quantiles make it; so are those of sketches, from two replications on.
pub(super) fn quantile_of_all(runs: &[&RunSamples], q: f64, confidence: Confidence, basis: Basis) -> Option<Estimate> {
    let of_runs: Vec<f64> = runs.iter().filter_map(|run| run.quantile(q)).collect();
    if let Some(all) = pooled(runs) {
        let pooled = SortedSamples::new(all)?.quantile_interval(q, confidence)?;
        return Some(widened(pooled, &of_runs, confidence, basis));
    }
    let mut all = Histogram::new();
    for run in runs {
        if let RunSamples::Sketch { histogram, .. } = run {
            all.merge(histogram);
        }
    }
    quantile_over(quantile_of(&all, q)?, &of_runs, ends_by_rank(&all, q, confidence), confidence)
}
