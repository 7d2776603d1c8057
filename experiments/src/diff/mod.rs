//! Two experiments side by side: what differs in what was asked for, in what was measured, and in what happened.
//!
//! - [`Manifest`]: what the manifest of a folder of results says, and the scenario in it.
//! - [`configuration`]: the fields of two resolved scenarios that differ.
//! - [`metrics`]: the metrics that differ beyond noise, tested in pairs of replications.
//! - [`compare`]: the first event that differs.
//! - [`reproduction`]: the files of two folders, hash by hash.

pub mod configuration;
mod events;
mod manifest;
pub mod metrics;
pub mod reproduction;
mod samples;
mod side;
pub mod words;

#[cfg(test)]
mod tests;

pub use events::{Difference, common_runs, compare};
pub use manifest::{Manifest, this_build};
pub use side::{Side, from_results};
