//! What a sweep will cost, and its split into shards, fixed in a file.
//!
//! - `trial`: a few runs tell what runs take. This looks at a clock, so that it decides no result: what comes of it is words, and a split,
//!   which changes nothing but who makes which run.
//! - `space`: which points are tried, and what the others take, by how near they are to those.
//! - `split`: shards of about the same cost.
//! - [`PlanFile`]: the scenario and its split in a file, for all machines that run shards of it.

mod cost;
mod file;
mod space;
mod split;
mod trial;

#[cfg(test)]
mod tests;

pub use cost::{Estimate, Memory, PointCost};
pub use file::{Origin, PlanFile, Planned, is_plan};
pub use split::{Group, Split, in_order, longest_first};
