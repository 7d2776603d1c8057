//! Running: one run of one point, and all runs of an experiment on all cores.

mod all;
pub mod clock;
mod exchanges;
mod one;

#[cfg(test)]
mod tests;

pub use all::{Failed, Options, Runs, Selection, Stop, run_all, run_some};
pub use exchanges::{Ending, Exchange};
pub use one::{Capture, CapturedPacket, RunFailure, RunLog, RunOutput, Total, build, digests, run_one, setup};
