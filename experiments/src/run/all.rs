//! All runs of an experiment, or some of them, on as many cores as wanted. The order of results is that of points and
//! replications, whoever was first.

use super::one::{RunFailure, RunLog, RunOutput, run_one, setup};
use super::story::Watch;
use crate::scenario::Loaded;
use protosim_topologies::Plan;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

/// How to run; nothing here changes a result.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many runs at once.
    pub jobs: usize,
    /// How many threads inside one run.
    pub threads: usize,
    /// Listen to the packets of the first replication of each point.
    pub capture: bool,
    /// Draw a ladder of all nodes over the whole of the first replication of each point.
    pub ladder: bool,
    /// Keep the event log of the first replication of each point, whether the scenario says so or not.
    pub events: bool,
}

impl Default for Options {
    /// One run after the other, each on one thread, and nothing to look at but results.
    fn default() -> Self {
        Self { jobs: 1, threads: 1, capture: false, ladder: false, events: false }
    }
}

impl Options {
    /// What to look at in a run.
    fn watch(&self, loaded: &Loaded, point: usize, replication: u64) -> Watch {
        if replication > 0 {
            return Watch::default();
        }
        let scenario = &loaded.scenario;
        let whole = self.ladder.then(|| scenario.whole_ladder());
        let diagrams = scenario.diagrams.iter().cloned().chain(whole);
        Watch {
            capture: self.capture,
            diagrams: diagrams.filter(|diagram| diagram.shows(point, &loaded.points[point])).collect(),
            events: self.events || scenario.events,
        }
    }
}

/// Which runs; by default all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selection {
    /// This point alone.
    pub point: Option<usize>,
    /// This replication alone.
    pub replication: Option<u64>,
    /// Points of this variant alone.
    pub variant: Option<String>,
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

/// A run that is over, as it is told while others go on.
#[derive(Clone, Copy, Debug)]
pub struct Finished {
    /// Which point.
    pub point: usize,
    /// Which replication.
    pub replication: u64,
    /// What it took; `None` if it failed.
    pub log: Option<RunLog>,
}

/// What came of the runs.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    /// The outputs by point; those of a point in the order of replications. Runs that were not selected, not reached or that
    /// failed are absent; those that a limit stopped are there, with what they had.
    pub outputs: Vec<Vec<RunOutput>>,
    /// Runs that a limit stopped, or that failed, in order.
    pub failures: Vec<Failed>,
    /// Someone asked to stop before all was done.
    pub is_interrupted: bool,
}

impl Runs {
    /// True if some run of the experiment is missing or was cut short.
    pub fn is_partial(&self, loaded: &Loaded) -> bool {
        let whole = |runs: &Vec<RunOutput>| runs.len() as u64 == loaded.scenario.replications;
        self.is_interrupted || !self.failures.is_empty() || !self.outputs.iter().all(whole)
    }
}

impl Selection {
    /// The selected runs of an experiment, by point and replication.
    pub fn runs(&self, loaded: &Loaded) -> Vec<(usize, u64)> {
        let of_variant = |point: &usize| self.variant.is_none() || loaded.points[*point].variant == self.variant;
        let points = (0..loaded.points.len()).filter(|point| self.point.is_none_or(|wanted| wanted == *point));
        let replications =
            || (0..loaded.scenario.replications).filter(|k| self.replication.is_none_or(|wanted| wanted == *k));
        points.filter(of_variant).flat_map(|point| replications().map(move |k| (point, k))).collect()
    }
}

/// Runs everything; `done` is called after each run. The outputs are by point, then replication.
///
/// # Errors
/// The first run, in that order, that failed.
pub fn run_all(loaded: &Loaded, options: Options, done: impl Fn() + Sync) -> Result<Vec<Vec<RunOutput>>, Failed> {
    let runs = run_some(&Arc::new(loaded.clone()), options, &Selection::default(), &Stop::default(), |_| done());
    runs.failures.into_iter().next().map_or(Ok(runs.outputs), Err)
}

/// A wish to stop, from another thread such as that of a signal.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<StopState>);

#[derive(Debug, Default)]
struct StopState {
    is_wanted: AtomicBool,
    /// Wakes who waits for runs.
    wake: std::sync::OnceLock<Sender<Message>>,
}

#[derive(Debug)]
enum Message {
    Run(usize, Box<Result<RunOutput, RunFailure>>),
    Stop,
}

impl Stop {
    /// Stops the runs: those that are done stay, those at work are left, no other begins.
    pub fn stop(&self) {
        self.0.is_wanted.store(true, Ordering::SeqCst);
        if let Some(wake) = self.0.wake.get() {
            // Nobody waits any more: all runs are done.
            let _ = wake.send(Message::Stop);
        }
    }

    /// True once someone wishes to stop.
    pub fn is_wanted(&self) -> bool {
        self.0.is_wanted.load(Ordering::SeqCst)
    }
}

/// Runs the selected runs, to their end or until `stop`; `done` is called after each run. After a stop, runs that were at work go on
/// in the background until the process ends.
pub fn run_some(
    loaded: &Arc<Loaded>,
    options: Options,
    selection: &Selection,
    stop: &Stop,
    done: impl Fn(&Finished),
) -> Runs {
    let work = selection.runs(loaded);
    let mut plans: BTreeMap<usize, Arc<Plan>> = BTreeMap::new();
    for (point, _) in &work {
        plans.entry(*point).or_insert_with(|| Arc::new(setup(&loaded.points[*point].scenario)));
    }
    let (sender, receiver) = channel();
    // One stop serves one call: a second one would find the first one's sender, and be woken by its last run.
    let _ = stop.0.wake.set(sender.clone());
    // A pool of its own: the number of jobs is the user's choice. Without one, one run after the other.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.jobs).build();
    for (index, &(point, replication)) in work.iter().enumerate() {
        let (loaded, stop, sender, plan) = (loaded.clone(), stop.clone(), sender.clone(), plans[&point].clone());
        let run = move || {
            if stop.is_wanted() {
                return;
            }
            let watch = options.watch(&loaded, point, replication);
            let result = run_one(&plan, &loaded.points[point].scenario, replication, options.threads, &watch);
            // Nobody waits any more after a stop.
            let _ = sender.send(Message::Run(index, Box::new(result)));
        };
        match &pool {
            Ok(pool) => pool.spawn(run),
            Err(_) => run(),
        }
    }
    drop(sender);
    collect(loaded, &work, &receiver, stop, done)
}

/// Takes the results of runs as they come, until all are there or someone wishes to stop.
fn collect(
    loaded: &Loaded,
    work: &[(usize, u64)],
    receiver: &Receiver<Message>,
    stop: &Stop,
    done: impl Fn(&Finished),
) -> Runs {
    let mut results: BTreeMap<usize, Result<RunOutput, RunFailure>> = BTreeMap::new();
    while results.len() < work.len() && !stop.is_wanted() {
        match receiver.recv() {
            Ok(Message::Run(index, result)) => {
                let (point, replication) = work[index];
                let log = result.as_ref().as_ref().ok().map(|output| output.log);
                results.insert(index, *result);
                done(&Finished { point, replication, log });
            }
            Ok(Message::Stop) | Err(_) => break,
        }
    }
    // What was done at the same moment counts as done.
    while let Ok(message) = receiver.try_recv() {
        if let Message::Run(index, result) = message {
            results.insert(index, *result);
        }
    }
    let mut runs = Runs { is_interrupted: results.len() < work.len(), ..Runs::default() };
    runs.outputs.resize_with(loaded.points.len(), Vec::new);
    for (index, result) in results {
        let (point, replication) = work[index];
        let failure = match result {
            Ok(output) => {
                let stopped = output.stopped.clone().map(RunFailure::Run);
                runs.outputs[point].push(output);
                stopped
            }
            Err(failure) => Some(failure),
        };
        runs.failures.extend(failure.map(|failure| Failed { point, replication, failure }));
    }
    runs
}
