//! All runs of an experiment, on as many cores as wanted. The order of results is that of points and
//! replications, whoever was first.

use super::one::{RunFailure, RunOutput, run_one, setup};
use crate::scenario::Loaded;
use rayon::prelude::*;

/// How to run; nothing here changes a result.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many runs at once.
    pub jobs: usize,
    /// How many threads inside one run.
    pub threads: usize,
    /// Listen to the packets of the first replication of each point.
    pub capture: bool,
}

/// A run that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("point {point}, replication {replication}: {failure}")]
pub struct Failed {
    /// Which point.
    pub point: usize,
    /// Which replication.
    pub replication: u64,
    /// Why.
    pub failure: RunFailure,
}

/// Runs everything; `done` is called after each run. The outputs are by point, then replication.
///
/// # Errors
/// The first run, in that order, that failed.
pub fn run_all(loaded: &Loaded, options: Options, done: impl Fn() + Sync) -> Result<Vec<Vec<RunOutput>>, Failed> {
    let replications = loaded.scenario.replications;
    let plans: Vec<_> = loaded.points.iter().map(|point| setup(&point.scenario)).collect();
    let work: Vec<(usize, u64)> = (0..loaded.points.len())
        .flat_map(|point| (0..replications).map(move |replication| (point, replication)))
        .collect();
    let run = |(point, replication): &(usize, u64)| {
        let scenario = &loaded.points[*point].scenario;
        let capture = options.capture && *replication == 0;
        let result = run_one(&plans[*point], scenario, *replication, options.threads, capture);
        done();
        result.map_err(|failure| Failed { point: *point, replication: *replication, failure })
    };
    // A pool of its own: the number of jobs is the user's choice. Without one, one run after the other.
    let results: Vec<Result<RunOutput, Failed>> =
        match rayon::ThreadPoolBuilder::new().num_threads(options.jobs).build() {
            Ok(pool) if options.jobs > 1 => pool.install(|| work.par_iter().map(run).collect()),
            _ => work.iter().map(run).collect(),
        };
    let mut outputs: Vec<Vec<RunOutput>> = Vec::with_capacity(loaded.points.len());
    for (result, (point, _)) in results.into_iter().zip(&work) {
        let output = result?;
        if outputs.len() <= *point {
            outputs.push(Vec::new());
        }
        outputs[*point].push(output);
    }
    Ok(outputs)
}
