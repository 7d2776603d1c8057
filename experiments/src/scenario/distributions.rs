//! What a scenario says of how samples are kept.

use serde::{Deserialize, Serialize};

/// How the samples behind means and quantiles are kept: one by one, or as sketches, which take the same memory however many there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DistributionsSpec {
    /// Exchanges of applications. As `Sketch` the table `exchanges` has no rows, and nothing of single exchanges can be drawn over time.
    /// Default: Samples.
    pub exchanges: Keep,
    /// One-way delays at sinks that are measured. As `Samples` they stand in the table `samples`. Default: Sketch.
    pub delays: Keep,
    /// Waits for the serialiser in directions of links that are measured. As `Samples` they stand in the table `samples`. Default: Sketch.
    pub waits: Keep,
}

/// One by one, or summed up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Keep {
    /// Each by itself: quantiles and distributions are exact.
    Samples,
    /// A histogram whose buckets are 1/128 wide (0.8 %), and sums of batches: quantiles are within 0.8 %, means exact. Sketches of
    /// replications are added up without loss.
    Sketch,
}

impl Default for DistributionsSpec {
    fn default() -> Self {
        Self { exchanges: Keep::Samples, delays: Keep::Sketch, waits: Keep::Sketch }
    }
}

impl DistributionsSpec {
    /// Whether it says nothing of its own.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether there is a table of samples.
    pub fn has_table(&self) -> bool {
        self.delays == Keep::Samples || self.waits == Keep::Samples
    }
}
