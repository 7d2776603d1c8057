//! Exploring: many runs of an experiment, each with luck and faults of its own, in search of one that breaks what must hold in each
//! (`in_each_run`); and of that one the shortest schedule of faults that still does it.
//!
//! The i-th run is of the points in turn, and of their replications from the first asked for: what is found is named by point, seed and
//! replication, and does not depend on how many runs are made at once. Runs leave nothing behind.

mod shrink;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_amqp;
#[cfg(test)]
mod tests_mqtt;

pub use shrink::{Shrunk, shrink};

use crate::results::breaches;
use crate::run::{RunFailure, Stop, Watch, run_one, setup};
use crate::scenario::{Loaded, Scenario};
use protosim_topologies::{Fault, Plan};
use rayon::prelude::*;
use std::sync::Arc;

/// Runs between two looks at whether someone wishes to stop.
const AT_ONCE: u64 = 512;

/// Broken promises of messages that are told of a run.
const MOST_TOLD: usize = 4;

/// Which runs.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The points, in turn.
    pub points: Vec<usize>,
    /// How many runs, over all points.
    pub runs: u64,
    /// The first replication.
    pub first: u64,
}

impl Wanted {
    /// The i-th run: point and replication.
    pub fn run(&self, index: u64) -> (usize, u64) {
        let points = self.points.len() as u64;
        (self.points[(index % points) as usize], self.first + index / points)
    }
}

/// A run that breaks something.
#[derive(Clone, PartialEq, Debug)]
pub struct Found {
    /// How many runs before it break nothing.
    pub before: u64,
    /// Which point.
    pub point: usize,
    /// Which replication.
    pub replication: u64,
    /// What it breaks, in words.
    pub broken: Vec<String>,
    /// Its faults, in order of time.
    pub faults: Vec<Fault>,
}

/// What came of it.
#[derive(Clone, PartialEq, Debug)]
pub enum Explored {
    /// A run breaks something; none before it does.
    Found(Box<Found>),
    /// None does, of so many.
    Nothing {
        /// How many were made.
        runs: u64,
        /// How many faults they had.
        faults: u64,
        /// Someone has stopped it.
        is_interrupted: bool,
    },
}

/// The points of which something must hold in each run.
pub fn explorable(loaded: &Loaded) -> Vec<usize> {
    let judged = |point: &usize| {
        let mut own = loaded.scenario.expect.iter().filter(|expectation| expectation.in_each_run);
        own.any(|expectation| loaded.is_chosen(*point, expectation.filter()))
    };
    (0..loaded.points.len()).filter(judged).collect()
}

/// Makes the runs, as many at once as the pool of the caller has threads, until one breaks something. `done` is called after each.
pub fn explore(loaded: &Loaded, wanted: &Wanted, stop: &Stop, done: impl Fn() + Sync) -> Explored {
    let plans: Vec<(usize, Arc<Plan>)> =
        wanted.points.iter().map(|point| (*point, Arc::new(setup(&loaded.points[*point].scenario)))).collect();
    let plan = |point: usize| plans.iter().find(|(known, _)| *known == point).map(|(_, plan)| plan);
    let (mut made, mut faults) = (0, 0);
    while made < wanted.runs && !stop.is_wanted() {
        let until = wanted.runs.min(made + AT_ONCE);
        let look = |index: u64| {
            let (point, replication) = wanted.run(index);
            let scenario = &loaded.points[point].scenario;
            let broken = plan(point).map_or_else(Vec::new, |plan| broken(loaded, point, (plan, scenario), replication));
            done();
            let found = |broken| {
                let faults = scenario.drawn_faults(replication);
                Box::new(Found { before: index, point, replication, broken, faults })
            };
            (!broken.is_empty()).then(|| found(broken))
        };
        // The first by number, whoever is first.
        if let Some(found) = (made..until).into_par_iter().find_map_first(look) {
            return Explored::Found(found);
        }
        let each = |index| {
            u64::from(loaded.points[wanted.run(index).0].scenario.faults.iter().map(|spec| spec.count).sum::<u32>())
        };
        faults += (made..until).map(each).sum::<u64>();
        made = until;
    }
    Explored::Nothing { runs: made, faults, is_interrupted: made < wanted.runs }
}

/// What a run breaks, in words; nothing if all is well. A run that reaches a limit or fails is told as well.
fn broken(loaded: &Loaded, point: usize, (plan, scenario): (&Plan, &Scenario), replication: u64) -> Vec<String> {
    match run_one(plan, scenario, replication, 1, &Watch::default()) {
        Err(failure) => vec![failure.to_string()],
        Ok(run) => match run.stopped.clone() {
            Some(error) => vec![RunFailure::Run(error).to_string()],
            None => {
                let mut told: Vec<String> =
                    breaches(loaded, point, &run).into_iter().map(|breach| breach.text).collect();
                if !told.is_empty() {
                    told.extend(run.broken.into_iter().take(MOST_TOLD));
                }
                told
            }
        },
    }
}
