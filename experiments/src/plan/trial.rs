//! Trial runs: what a run takes is seen by making one, the first replication of a few points. A long one is stopped by a limit of
//! events; where the scenario says when runs end, the rest of it is taken to cost as much.

use super::Memory;
use super::space::Space;
use crate::run::clock::{Stopwatch, memory_bytes, peak_memory_bytes};
use crate::run::{RunFailure, Watch, run_one, setup};
use crate::scenario::{End, Loaded};
use crate::store::{KeyOfPoint, Record};
use std::sync::Arc;

/// Wall-clock seconds that trial runs take together at most, where none is longer than planned.
const BUDGET_S: f64 = 5.0;
/// Most trial runs.
const MOST: usize = 32;
/// Trial runs that are made even if they take longer.
const LEAST: usize = 2;
/// Events of the first trial run at most; of later ones as many as take this share of the budget.
const FIRST_EVENTS: u64 = 1_000_000;
const SHARE: f64 = 0.15;
/// A trial run of less is made twice.
const SHORT_S: f64 = 0.1;

/// What a trial run took.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Trial {
    /// Which of the points that are to be run, by its place among these.
    pub(super) place: usize,
    /// Wall-clock seconds of a run, and of its part in what is done once for its point.
    pub(super) seconds: f64,
    /// Bytes in a journal.
    pub(super) bytes: f64,
    /// It was stopped, and is taken to go on like that to its end.
    pub(super) is_extrapolated: bool,
    /// It was stopped, and nobody knows how long it would have gone on.
    pub(super) is_at_least: bool,
}

/// Tries some of these points.
pub(super) fn try_out(
    loaded: &Loaded,
    points: &[usize],
    space: &Space,
    threads: usize,
) -> Result<(Vec<Trial>, Option<Memory>), RunFailure> {
    let before = memory_bytes();
    let stopwatch = Stopwatch::start();
    let mut trials: Vec<Trial> = Vec::new();
    let mut events = FIRST_EVENTS;
    for place in space.spread(MOST) {
        if trials.len() >= LEAST && stopwatch.elapsed().as_secs_f64() >= BUDGET_S {
            break;
        }
        let (mut trial, per_second) = run(loaded, (place, points[place]), threads, events)?;
        // The faster of two is less of what else the machine does, and of what a process does once, such as asking for memory.
        if trial.seconds < SHORT_S {
            trial.seconds = trial.seconds.min(run(loaded, (place, points[place]), threads, events)?.0.seconds);
        }
        trials.push(trial);
        events = ((per_second * BUDGET_S * SHARE) as u64).max(FIRST_EVENTS / 10);
    }
    let known = before.zip(peak_memory_bytes()).filter(|_| !trials.is_empty());
    let memory = known.map(|(before, peak)| Memory { program_bytes: before, run_bytes: peak.saturating_sub(before) });
    Ok((trials, memory))
}

/// Makes a trial run of so many events at most. Returns its events per second, too.
fn run(
    loaded: &Loaded,
    (place, point): (usize, usize),
    threads: usize,
    events: u64,
) -> Result<(Trial, f64), RunFailure> {
    let mut scenario = loaded.points[point].scenario.clone();
    let own = scenario.limits().events;
    scenario.limits.events = Some(own.min(events));
    let once = Stopwatch::start();
    let plan = setup(&scenario);
    let once = once.elapsed().as_secs_f64();
    let each = Stopwatch::start();
    let output = run_one(&plan, &scenario, 0, threads, &Watch::default())?;
    let key = KeyOfPoint::new(loaded, point).replication(0);
    let record = Record::new(key, &output).map_err(|error| RunFailure::Record(Arc::new(error)))?;
    let each = each.elapsed().as_secs_f64();
    let is_cut = output.stopped.is_some() && output.log.events >= events && events < own;
    let end = match scenario.until {
        End::After(end) => Some(end.as_secs_f64()),
        End::Quiet => None,
    };
    let simulated = output.log.simulated.as_secs_f64();
    let rest = end.filter(|_| is_cut && simulated > 0.0).map(|end| (end / simulated).max(1.0));
    let trial = Trial {
        place,
        seconds: each * rest.unwrap_or(1.0) + once / loaded.scenario.replications.max(1) as f64,
        bytes: record.length() as f64 * rest.unwrap_or(1.0),
        is_extrapolated: rest.is_some(),
        is_at_least: is_cut && rest.is_none(),
    };
    Ok((trial, output.log.events as f64 / each.max(1e-9)))
}
