//! All runs of an experiment, or some of them, on as many cores as wanted. The order of results is that of points and
//! replications, whoever was first.

use super::one::{RunFailure, RunLog, RunOutput, run_one, setup};
use super::outputs::{Kept, Outputs, Sight, on_threads};
use super::story::Watch;
use crate::results::Shard;
use crate::scenario::Loaded;
use crate::store::{Record, RunKey, Store, StoreError, all_keys};
use protosim_topologies::Plan;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

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
    /// This share alone of all runs of the experiment.
    pub shard: Option<Shard>,
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
    /// What it took; `None` if it failed, or was taken from the store.
    pub log: Option<RunLog>,
    /// It was in the store already.
    pub is_reused: bool,
}

/// What came of the runs.
#[derive(Debug, Default)]
pub struct Runs<O> {
    /// The outputs. Runs that were not selected, not reached or that failed are absent; those that a limit stopped are there, with what
    /// they had.
    pub outputs: O,
    /// How many of them were taken from the store.
    pub reused: usize,
    /// Runs that a limit stopped, or that failed, in order.
    pub failures: Vec<Failed>,
    /// Someone asked to stop before all was done.
    pub is_interrupted: bool,
}

impl<O: Outputs> Runs<O> {
    /// True if some run of the experiment is missing or was cut short.
    pub fn is_partial(&self, loaded: &Loaded) -> bool {
        let is_whole = |point: usize| self.outputs.count(point) as u64 == loaded.scenario.replications;
        self.is_interrupted || !self.failures.is_empty() || !(0..loaded.points.len()).all(is_whole)
    }
}

impl Selection {
    /// The selected runs of an experiment, by point and replication.
    pub fn runs(&self, loaded: &Loaded) -> Vec<(usize, u64)> {
        let of_variant = |point: &usize| self.variant.is_none() || loaded.points[*point].variant == self.variant;
        let points = (0..loaded.points.len()).filter(|point| self.point.is_none_or(|wanted| wanted == *point));
        let replications =
            || (0..loaded.scenario.replications).filter(|k| self.replication.is_none_or(|wanted| wanted == *k));
        let runs = points.filter(of_variant).flat_map(|point| replications().map(move |k| (point, k)));
        let number = |(point, k): &(usize, u64)| point * loaded.scenario.replications as usize + *k as usize;
        runs.filter(|run| self.shard.is_none_or(|shard| shard.has(number(run)))).collect()
    }
}

/// Runs everything, in memory; `done` is called after each run. The outputs are by point, then replication.
///
/// # Errors
/// The first run, in that order, that failed.
pub fn run_all(loaded: &Loaded, options: Options, done: impl Fn() + Sync) -> Result<Vec<Vec<RunOutput>>, Failed> {
    let loaded = Arc::new(loaded.clone());
    let mut outputs: Vec<Vec<RunOutput>> = Vec::new();
    outputs.resize_with(loaded.points.len(), Vec::new);
    let mut results = BTreeMap::new();
    let work = Selection::default().runs(&loaded);
    let make = |work: &Work, (point, replication): (usize, u64)| work.run(point, replication);
    run_each(&loaded, options, &work, &Stop::default(), make, |index, result| {
        results.insert(index, result);
        done();
        true
    });
    for (index, result) in results {
        let (point, replication) = work[index];
        let output = result.map_err(|failure| Failed { point, replication, failure })?;
        if let Some(error) = output.stopped.clone() {
            return Err(Failed { point, replication, failure: RunFailure::Run(error) });
        }
        outputs[point].push(output);
    }
    Ok(outputs)
}

/// A wish to stop, from another thread such as that of a signal.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<StopState>);

#[derive(Debug, Default)]
struct StopState {
    is_wanted: AtomicBool,
    /// Wakes who waits for runs.
    wake: std::sync::OnceLock<Box<dyn Wake>>,
}

/// Someone who sleeps.
trait Wake: Send + Sync + std::fmt::Debug {
    fn wake(&self);
}

/// `None` is sent to wake who waits for results.
impl<T: Send + std::fmt::Debug> Wake for SyncSender<Option<T>> {
    fn wake(&self) {
        // Nobody waits any more: all runs are done, or there are results to take.
        let _ = self.try_send(None);
    }
}

/// Results that wait to be taken at most: who makes more waits too, so that they do not fill memory where taking them is slower.
const MOST_WAITING: usize = 256;

impl Stop {
    /// Stops the runs: those that are done stay, those at work are left, no other begins.
    pub fn stop(&self) {
        self.0.is_wanted.store(true, Ordering::SeqCst);
        if let Some(wake) = self.0.wake.get() {
            wake.wake();
        }
    }

    /// True once someone wishes to stop.
    pub fn is_wanted(&self) -> bool {
        self.0.is_wanted.load(Ordering::SeqCst)
    }
}

/// A run that was made, as it is kept.
#[derive(Debug)]
struct Made {
    key: RunKey,
    record: Record,
    sight: Option<Sight>,
    stopped: Option<RunFailure>,
    log: RunLog,
}

/// Runs those of the selected runs that the store does not have, to their end or until `stop`, and puts each into the store as it comes; `done` is
/// called for each. After a stop, runs that were at work go on in the background until the process ends. What is to be looked at
/// is not in a store: such runs are made again.
///
/// # Errors
/// When the store cannot be written to: what it has by then stays.
pub fn run_some(
    loaded: &Arc<Loaded>,
    options: Options,
    selection: &Selection,
    stop: &Stop,
    store: Store,
    done: impl Fn(&Finished),
) -> Result<Runs<Kept>, StoreError> {
    let mut kept = Kept::new(store, loaded.points.len());
    let selected = selection.runs(loaded);
    let mut runs = Runs { outputs: Kept::default(), reused: 0, failures: Vec::new(), is_interrupted: false };
    let mut work = Vec::new();
    let keys = on_threads(options.jobs, || all_keys(loaded, &selected));
    for (&(point, replication), key) in selected.iter().zip(keys) {
        let is_watched = options.watch(loaded, point, replication) != Watch::default();
        if !is_watched && kept.store().contains(&key) {
            kept.insert((point, replication), key, None);
            runs.reused += 1;
            done(&Finished { point, replication, log: None, is_reused: true });
        } else {
            work.push((point, replication, key));
        }
    }
    let make = |work: &Work, (point, replication, key): (usize, u64, RunKey)| {
        let mut output = work.run(point, replication)?;
        let sight = Sight::taken_from(&mut output);
        let stopped = output.stopped.clone().map(RunFailure::Run);
        let record = Record::new(key, &output).map_err(|error| RunFailure::Record(Arc::new(error)))?;
        Ok(Made { key, record, sight, stopped, log: output.log })
    };
    let mut failures = BTreeMap::new();
    let (mut made_runs, mut refusal) = (0, None);
    run_each(loaded, options, &work, stop, make, |index, result: Result<Made, RunFailure>| {
        let (point, replication, _) = work[index];
        made_runs += 1;
        let log = result.as_ref().ok().map(|made| made.log);
        match result {
            Err(failure) => drop(failures.insert(index, failure)),
            Ok(Made { key, record, sight, stopped, .. }) => {
                if let Err(error) = kept.store().add(&record) {
                    refusal = Some(error);
                    return false;
                }
                kept.insert((point, replication), key, sight);
                stopped.map(|failure| failures.insert(index, failure));
            }
        }
        done(&Finished { point, replication, log, is_reused: false });
        true
    });
    if let Some(error) = refusal {
        return Err(error);
    }
    let failed = |(index, failure): (usize, RunFailure)| {
        let (point, replication, _) = work[index];
        Failed { point, replication, failure }
    };
    runs.failures = failures.into_iter().map(failed).collect();
    runs.is_interrupted = made_runs < work.len();
    runs.outputs = kept;
    Ok(runs)
}

/// What workers make runs from.
struct Work {
    loaded: Arc<Loaded>,
    options: Options,
    /// Of each point the plan, from its first run to its last, and how many of its runs are to be made.
    plans: Vec<Mutex<(Option<Arc<Plan>>, usize)>>,
}

impl Work {
    fn run(&self, point: usize, replication: u64) -> Result<RunOutput, RunFailure> {
        let scenario = &self.loaded.points[point].scenario;
        let plan = {
            let mut of_point = self.plans[point].lock().unwrap_or_else(PoisonError::into_inner);
            of_point.1 = of_point.1.saturating_sub(1);
            let plan = Arc::clone(of_point.0.get_or_insert_with(|| Arc::new(setup(scenario))));
            if of_point.1 == 0 {
                of_point.0 = None;
            }
            plan
        };
        let watch = self.options.watch(&self.loaded, point, replication);
        run_one(&plan, scenario, replication, self.options.threads, &watch)
    }
}

/// A run that is to be made.
trait Item: Copy + Send + 'static {
    fn point(&self) -> usize;
}

impl Item for (usize, u64) {
    fn point(&self) -> usize {
        self.0
    }
}

impl Item for (usize, u64, RunKey) {
    fn point(&self) -> usize {
        self.0
    }
}

/// Makes each run on as many cores as wanted, and hands each result to `take` on this thread, whoever is first, until all are made, someone
/// wishes to stop, or `take` says so by `false`.
fn run_each<I: Item, T: Send + std::fmt::Debug + 'static>(
    loaded: &Arc<Loaded>,
    options: Options,
    items: &[I],
    stop: &Stop,
    make: impl Fn(&Work, I) -> T + Copy + Send + 'static,
    mut take: impl FnMut(usize, T) -> bool,
) {
    let mut plans: Vec<Mutex<(Option<Arc<Plan>>, usize)>> = Vec::new();
    plans.resize_with(loaded.points.len(), Mutex::default);
    for item in items {
        plans[item.point()].get_mut().unwrap_or_else(PoisonError::into_inner).1 += 1;
    }
    let work = Arc::new(Work { loaded: Arc::clone(loaded), options, plans });
    // A pool of its own: the number of jobs is the user's choice. Without one, one run after the other, before any is taken.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.jobs).build();
    let room = if pool.is_ok() { MOST_WAITING } else { items.len() };
    let (sender, receiver) = sync_channel::<Option<(usize, T)>>(room);
    // One stop serves one call: a second one would find the first one's sender, and be woken by its last run.
    let _ = stop.0.wake.set(Box::new(sender.clone()));
    for (index, &item) in items.iter().enumerate() {
        let (work, stop, sender) = (Arc::clone(&work), stop.clone(), sender.clone());
        let run = move || {
            if !stop.is_wanted() {
                // Nobody waits any more after a stop.
                let _ = sender.send(Some((index, make(&work, item))));
            }
        };
        match &pool {
            Ok(pool) => pool.spawn(run),
            Err(_) => run(),
        }
    }
    drop((sender, work));
    let mut taken = 0;
    while taken < items.len() && !stop.is_wanted() {
        match receiver.recv() {
            Ok(Some((index, result))) => {
                taken += 1;
                if !take(index, result) {
                    stop.0.is_wanted.store(true, Ordering::SeqCst);
                    return;
                }
            }
            Ok(None) | Err(_) => break,
        }
    }
    // What was done at the same moment counts as done.
    while let Ok(message) = receiver.try_recv() {
        if let Some((index, result)) = message
            && !take(index, result)
        {
            return;
        }
    }
}
