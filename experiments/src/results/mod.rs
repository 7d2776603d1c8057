//! From outputs of runs to tables, figures and a folder.

mod cells;
mod claim;
mod differences;
mod each_run;
mod estimates;
mod figures;
mod folder;
mod inputs;
mod panels;
mod run_samples;
mod samples;
mod shard;
mod staged;
mod story;
mod summary;
mod tables;
mod values;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_distributions;
#[cfg(test)]
mod tests_metrics;
#[cfg(test)]
mod tests_parts;

pub use claim::{Owner, claim, claim_for_part};
pub use each_run::{Breach, breaches};
pub use figures::{Outcome, check_expectations, draw};
pub use folder::{FolderError, Partial, Written, holds_whole, write, write_part};
pub(crate) use folder::{configuration_hash, hex, sha256_hex};
pub(crate) use inputs::{same_inputs, verify_inputs};
pub use shard::{Piece, PlannedRuns, Shard, ShardManifest, ShardRuns};
pub(crate) use summary::Judge;
#[cfg(test)]
pub(crate) use summary::estimate_at;
pub use summary::{Basis, Row, Summary, summarise};
