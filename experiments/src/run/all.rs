//! All runs of an experiment, or some of them, on as many cores as wanted. The order of results is that of points and
//! replications, whoever was first.

use super::fork::Forks;
use super::one::{RunFailure, RunLog, RunOutput, interests, run_from, setup};
use super::outputs::{Kept, Sight, on_threads};
use super::sequential::reach;
use super::story::Watch;
use crate::results::{Judge, ShardRuns};
use crate::scenario::Loaded;
use crate::store::{Record, RunKey, Store, StoreError, all_keys, keys};
use protosim_topologies::Plan;
use std::collections::{BTreeMap, BTreeSet};
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
    /// Which replication of each point is looked at.
    pub watched: u64,
    /// Listen to its packets.
    pub capture: bool,
    /// Draw a ladder of all nodes over the whole of it.
    pub ladder: bool,
    /// Keep its event log, whether the scenario says so or not.
    pub events: bool,
}

impl Default for Options {
    /// One run after the other, each on one thread, and nothing to look at but results.
    fn default() -> Self {
        Self { jobs: 1, threads: 1, watched: 0, capture: false, ladder: false, events: false }
    }
}

impl Options {
    /// What to look at in a run.
    fn watch(&self, loaded: &Loaded, point: usize, replication: u64) -> Watch {
        if replication != self.watched {
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
    pub shard: Option<ShardRuns>,
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

/// Runs everything, in memory; `done` is called after each run. The outputs are by point, then replication.
///
/// # Errors
/// The first run, in that order, that failed.
pub fn run_all(loaded: &Loaded, options: Options, done: impl Fn() + Sync) -> Result<Vec<Vec<RunOutput>>, Failed> {
    let loaded = Arc::new(loaded.clone());
    let mut outputs: Vec<Vec<RunOutput>> = Vec::new();
    outputs.resize_with(loaded.points.len(), Vec::new);
    let make = |work: &Work, (point, replication): (usize, u64)| work.run(point, replication);
    let (mut reaches, mut judge) = (vec![0; outputs.len()], Judge::default());
    loop {
        let mut work = Vec::new();
        for (point, so_far) in reaches.iter_mut().enumerate() {
            // What is in memory is read without fail.
            let wanted = reach(&loaded, &outputs, &mut judge, point, *so_far).unwrap_or(*so_far);
            work.extend((std::mem::replace(so_far, wanted)..wanted).map(|replication| (point, replication)));
        }
        if work.is_empty() {
            return Ok(outputs);
        }
        let mut results = BTreeMap::new();
        run_each(&loaded, options, work.clone(), &Stop::default(), make, |index, result| {
            results.insert(index, result);
            done();
            Some(Vec::new())
        });
        for (index, result) in results {
            let (point, replication) = work[index];
            let output = result.map_err(|failure| Failed { point, replication, failure })?;
            if let Some(error) = output.stopped.clone() {
                return Err(Failed { point, replication, failure: RunFailure::Run(error) });
            }
            outputs[point].push(output);
        }
    }
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
    let kept = Kept::new(store, loaded.points.len());
    let mut sweep = Sweep {
        loaded,
        options,
        selection,
        reaches: vec![0; loaded.points.len()],
        judge: Judge::default(),
        kept,
        reused: 0,
    };
    let mut work = Vec::new();
    let first = sweep.first_runs()?;
    let keys = on_threads(options.jobs, || all_keys(loaded, &first));
    work.extend(sweep.missing(&first, keys, &done));
    let begun: BTreeSet<usize> = work.iter().map(|(point, ..)| *point).collect();
    for point in selection.points(loaded).filter(|point| !begun.contains(point)) {
        work.extend(sweep.next_runs(point, &done)?);
    }
    let make = |work: &Work, (point, replication, key): Planned| {
        let mut output = work.run(point, replication)?;
        let sight = Sight::taken_from(&mut output);
        let stopped = output.stopped.clone().map(RunFailure::Run);
        let record = Record::new(key, &output).map_err(|error| RunFailure::Record(Arc::new(error)))?;
        Ok(Made { key, record, sight, stopped, log: output.log })
    };
    let mut failures = BTreeMap::new();
    let (mut planned, mut made_runs, mut refusal) = (work.clone(), 0, None);
    run_each(loaded, options, work, stop, make, |index, result: Result<Made, RunFailure>| {
        let (point, replication, _) = planned[index];
        made_runs += 1;
        let log = result.as_ref().ok().map(|made| made.log);
        match result {
            Err(failure) => drop(failures.insert((point, replication), failure)),
            Ok(made) => match sweep.keep((point, replication), made) {
                Err(error) => return refused(&mut refusal, error),
                Ok(stopped) => drop(stopped.map(|failure| failures.insert((point, replication), failure))),
            },
        }
        done(&Finished { point, replication, log, is_reused: false });
        let more = match sweep.next_runs(point, &done) {
            Err(error) => return refused(&mut refusal, error),
            Ok(more) => more,
        };
        planned.extend(&more);
        Some(more)
    });
    if let Some(error) = refusal {
        return Err(error);
    }
    let failed = |((point, replication), failure)| Failed { point, replication, failure };
    Ok(Runs {
        outputs: sweep.kept,
        reused: sweep.reused,
        failures: failures.into_iter().map(failed).collect(),
        is_interrupted: made_runs < planned.len(),
    })
}

/// Notes why no more runs are to be made, and says so.
fn refused<T>(refusal: &mut Option<StoreError>, error: StoreError) -> Option<T> {
    *refusal = Some(error);
    None
}

/// A run that is to be made: point, replication, key.
type Planned = (usize, u64, RunKey);

/// The selected runs, on their way into the store.
struct Sweep<'a> {
    loaded: &'a Loaded,
    options: Options,
    selection: &'a Selection,
    /// By point: how many replications are known to be wanted.
    reaches: Vec<u64>,
    judge: Judge,
    kept: Kept,
    reused: usize,
}

impl Sweep<'_> {
    /// The runs of all points that are wanted whatever comes out.
    fn first_runs(&mut self) -> Result<Vec<(usize, u64)>, StoreError> {
        let points: Vec<usize> = self.selection.points(self.loaded).collect();
        let runs = points.into_iter().map(|point| self.wanted(point)).collect::<Result<Vec<_>, StoreError>>()?;
        Ok(runs.concat())
    }

    /// The runs of a point that are wanted further, by what is there; none if it has enough, or others have to be made first.
    fn wanted(&mut self, point: usize) -> Result<Vec<(usize, u64)>, StoreError> {
        let so_far = self.reaches[point];
        let wanted = match self.selection.replication {
            Some(_) => self.loaded.scenario.replications,
            None => reach(self.loaded, &self.kept, &mut self.judge, point, so_far)?,
        };
        self.reaches[point] = wanted;
        let runs = (so_far..wanted).map(|replication| (point, replication));
        Ok(runs.filter(|run| self.selection.has(self.loaded, *run)).collect())
    }

    /// Those of these runs that are to be made. What the store has already is taken from there.
    fn missing(&mut self, runs: &[(usize, u64)], keys: Vec<RunKey>, done: &impl Fn(&Finished)) -> Vec<Planned> {
        let mut work = Vec::new();
        for (&(point, replication), key) in runs.iter().zip(keys) {
            let is_watched = self.options.watch(self.loaded, point, replication) != Watch::default();
            if !is_watched && self.kept.store().contains(&key) {
                self.kept.insert((point, replication), key, None);
                self.reused += 1;
                done(&Finished { point, replication, log: None, is_reused: true });
            } else {
                work.push((point, replication, key));
            }
        }
        work
    }

    /// The runs of a point that are to be made next, by what is there: often none.
    fn next_runs(&mut self, point: usize, done: &impl Fn(&Finished)) -> Result<Vec<Planned>, StoreError> {
        loop {
            let runs = self.wanted(point)?;
            let keys = keys(self.loaded, &runs).collect();
            let work = self.missing(&runs, keys, done);
            if runs.is_empty() || !work.is_empty() {
                return Ok(work);
            }
        }
    }

    /// Keeps a run that was made; if a limit stopped it, why.
    fn keep(&mut self, run: (usize, u64), made: Made) -> Result<Option<RunFailure>, StoreError> {
        self.kept.store().add(&made.record)?;
        self.kept.insert(run, made.key, made.sight);
        Ok(made.stopped)
    }
}

/// What workers make runs from.
struct Work {
    loaded: Arc<Loaded>,
    options: Options,
    /// Of each point the plan, from its first run to its last, and how many of its runs are to be made.
    plans: Vec<Mutex<(Option<Arc<Plan>>, usize)>>,
    forks: Forks,
}

impl Work {
    /// One more run is to be made.
    fn expect(&self, (point, replication): (usize, u64)) {
        self.plans[point].lock().unwrap_or_else(PoisonError::into_inner).1 += 1;
        self.forks.expect((point, replication));
    }

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
        let is_alone = self.options.threads > 1 || watch != Watch::default();
        let listened = interests(scenario, replication, &watch);
        let branch = self.forks.branch((point, replication), &plan, (!is_alone).then_some(listened));
        run_from(&plan, scenario, (replication, branch), self.options.threads, &watch)
    }
}

/// A run that is to be made.
trait Item: Copy + Send + 'static {
    /// Point and replication.
    fn run(&self) -> (usize, u64);
}

impl Item for (usize, u64) {
    fn run(&self) -> (usize, u64) {
        *self
    }
}

impl Item for (usize, u64, RunKey) {
    fn run(&self) -> (usize, u64) {
        (self.0, self.1)
    }
}

/// Makes each run on as many cores as wanted, and hands each result to `take` on this thread, whoever is first, until all are made, someone
/// wishes to stop, or `take` says so by `None`; else it says which runs are to be made too. Runs are numbered in that order.
fn run_each<I: Item, T: Send + std::fmt::Debug + 'static>(
    loaded: &Arc<Loaded>,
    options: Options,
    items: Vec<I>,
    stop: &Stop,
    make: impl Fn(&Work, I) -> T + Copy + Send + 'static,
    mut take: impl FnMut(usize, T) -> Option<Vec<I>>,
) {
    let mut plans: Vec<Mutex<(Option<Arc<Plan>>, usize)>> = Vec::new();
    plans.resize_with(loaded.points.len(), Mutex::default);
    let forks = Forks::of(loaded);
    let work = Arc::new(Work { loaded: Arc::clone(loaded), options, plans, forks });
    // A pool of its own: the number of jobs is the user's choice. Without one, one run after the other, before any is taken.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.jobs).build();
    let room = if pool.is_ok() { MOST_WAITING } else { items.len() };
    let (sender, receiver) = sync_channel::<Option<(usize, T)>>(room);
    // One stop serves one call: a second one would find the first one's sender, and be woken by its last run.
    let _ = stop.0.wake.set(Box::new(sender.clone()));
    let (mut planned, mut taken) = (0, 0);
    let mut begin = |items: Vec<I>| {
        items.iter().for_each(|item| work.expect(item.run()));
        let mut items: Vec<(usize, I)> = (planned..).zip(items).collect();
        planned += items.len();
        // Runs that go on from one world follow each other, so that few of those are there at once.
        items.sort_by_key(|(_, item)| work.forks.group_of(item.run().0).map(|group| (group, item.run().1)));
        for (index, item) in items {
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
        planned
    };
    let mut all = begin(items);
    while taken < all && !stop.is_wanted() {
        match receiver.recv() {
            Ok(Some((index, result))) => {
                taken += 1;
                match take(index, result) {
                    Some(more) => all = begin(more),
                    None => {
                        stop.0.is_wanted.store(true, Ordering::SeqCst);
                        return;
                    }
                }
            }
            Ok(None) | Err(_) => break,
        }
    }
    // What was done at the same moment counts as done.
    while let Ok(message) = receiver.try_recv() {
        if let Some((index, result)) = message
            && take(index, result).is_none()
        {
            return;
        }
    }
}
