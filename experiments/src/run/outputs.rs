//! Outputs of runs, in memory or in a store: tables and figures are made from either, run by run.

use super::sequential::reach;
use super::{Capture, Failed, RunFailure, RunOutput, Runs, Selection, Story};
use crate::scenario::Loaded;
use crate::store::{RunKey, Store, StoreError, keys};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// The outputs of an experiment's runs by point; those of a point in the order of replications.
pub trait Outputs: Sync {
    /// How many points there are, those without runs included.
    fn points(&self) -> usize;

    /// How many runs of a point there are.
    fn count(&self, point: usize) -> usize;

    /// One of those of a point, by its place among them; `None` beyond the last.
    ///
    /// # Errors
    /// When it is in a store, and that cannot be read.
    fn run(&self, point: usize, place: usize) -> Result<Option<Loan<'_>>, StoreError>;

    /// About what such a run takes in memory \[bytes\].
    fn bytes(&self, point: usize, place: usize) -> usize;

    /// What was looked at beside results in runs of a point.
    fn sights(&self, point: usize) -> Vec<SightOf<'_>>;
}

/// The output of one run, borrowed or read.
#[derive(Debug)]
pub enum Loan<'a> {
    /// It is in memory anyway.
    Borrowed(&'a RunOutput),
    /// It was read.
    Read(Arc<RunOutput>),
}

impl Deref for Loan<'_> {
    type Target = RunOutput;

    fn deref(&self) -> &RunOutput {
        match self {
            Self::Borrowed(run) => run,
            Self::Read(run) => run,
        }
    }
}

/// Does something by so many threads at most, itself included: what is spread over threads below here is over these.
pub fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
        Ok(pool) => pool.install(work),
        Err(_) => work(),
    }
}

/// Runs that are read one after the other before something is written: their records take so many bytes at most, unless it is one.
const BATCH_BYTES: usize = 1 << 20;
/// And so many there are at most.
const BATCH_RUNS: usize = 1024;
/// Parts of a batch for each thread: one that has the easier ones goes on with another.
const PARTS: usize = 4;

/// Visits all runs of some points, batch by batch, each batch on all threads of the pool that the caller is in. Each part of a batch is runs in order, of
/// which `begin` and `visit` make something; `take` gets what came of the parts of a batch, in order, whoever was first. In memory are
/// one run for each thread and what is made of a batch.
///
/// # Errors
/// Those of the store, of `visit` and of `take`.
pub(crate) fn over_runs<T: Send, E: From<StoreError> + Send>(
    outputs: &dyn Outputs,
    points: impl Iterator<Item = usize>,
    begin: impl Fn() -> T + Sync,
    visit: impl Fn(&mut T, usize, &RunOutput) -> Result<(), E> + Sync,
    mut take: impl FnMut(Vec<T>) -> Result<(), E>,
) -> Result<(), E> {
    let (begin, visit) = (&begin, &visit);
    over_turns(outputs, points, begin, visit, |turn| match turn {
        Turn::Parts(parts) => take(parts),
        Turn::Alone(point, run) => {
            let mut made = begin();
            visit(&mut made, point, run)?;
            take(vec![made])
        }
    })
}

/// What a turn over runs comes to.
pub(crate) enum Turn<'r, T> {
    /// What was made of the parts of a batch.
    Parts(Vec<T>),
    /// A long run, of its point: what is made of it may be more than memory should hold at once.
    Alone(usize, &'r RunOutput),
}

/// As [`over_runs`], but long runs are handed over as they are.
///
/// # Errors
/// As [`over_runs`].
pub(crate) fn over_turns<T: Send, E: From<StoreError> + Send>(
    outputs: &dyn Outputs,
    points: impl Iterator<Item = usize>,
    begin: impl Fn() -> T + Sync,
    visit: impl Fn(&mut T, usize, &RunOutput) -> Result<(), E> + Sync,
    mut take: impl FnMut(Turn<'_, T>) -> Result<(), E>,
) -> Result<(), E> {
    let part = |runs: &[(usize, usize)]| {
        let mut made = begin();
        for &(point, place) in runs {
            if let Some(run) = outputs.run(point, place)? {
                visit(&mut made, point, &run)?;
            }
        }
        Ok(made)
    };
    let mut make = |batch: &[(usize, usize)]| {
        if let [(point, place)] = *batch
            && outputs.bytes(point, place) > BATCH_BYTES
        {
            let run = outputs.run(point, place)?;
            return run.map_or(Ok(()), |run| take(Turn::Alone(point, &run)));
        }
        let length = batch.len().div_ceil(PARTS * rayon::current_num_threads()).max(1);
        let parts: Vec<Result<T, E>> = batch.par_chunks(length).map(part).collect();
        take(Turn::Parts(parts.into_iter().collect::<Result<Vec<T>, E>>()?))
    };
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for (point, place) in points.flat_map(|point| (0..outputs.count(point)).map(move |place| (point, place))) {
        let more = outputs.bytes(point, place);
        if !batch.is_empty() && (bytes + more > BATCH_BYTES || batch.len() == BATCH_RUNS) {
            make(&batch)?;
            batch.clear();
            bytes = 0;
        }
        batch.push((point, place));
        bytes += more;
    }
    if batch.is_empty() { Ok(()) } else { make(&batch) }
}

/// How what is made of the runs of one point comes about.
pub(crate) struct PerPoint<N, A, J> {
    /// Of no run yet.
    pub(crate) new: N,
    /// With one more run.
    pub(crate) add: A,
    /// With what is made of later runs.
    pub(crate) append: J,
}

/// As [`over_runs`], where something is made of all runs of a point together: `take` gets what came of some points, in order, once their last run was
/// visited. Points without runs are left out.
///
/// # Errors
/// Those of the store, and of `take`.
pub(crate) fn over_points<V: Send, E: From<StoreError> + Send>(
    outputs: &dyn Outputs,
    points: impl Iterator<Item = usize>,
    PerPoint { new, add, append }: PerPoint<
        impl Fn(usize) -> V + Sync,
        impl Fn(&mut V, usize, &RunOutput) + Sync,
        impl Fn(&mut V, V),
    >,
    mut take: impl FnMut(Vec<(usize, V)>) -> Result<(), E>,
) -> Result<(), E> {
    let visit = |made: &mut Vec<(usize, V)>, point: usize, run: &RunOutput| {
        if made.last().is_none_or(|(last, _)| *last != point) {
            made.push((point, new(point)));
        }
        made.iter_mut().last().into_iter().for_each(|(_, made)| add(made, point, run));
        Ok::<(), E>(())
    };
    // The last point of a batch may go on in the next one.
    let mut open: Vec<(usize, V)> = Vec::new();
    let batch = |parts: Vec<Vec<(usize, V)>>| {
        for (point, made) in parts.into_iter().flatten() {
            match open.last_mut().filter(|(last, _)| *last == point) {
                Some((_, earlier)) => append(earlier, made),
                None => open.push((point, made)),
            }
        }
        let last = open.pop();
        take(std::mem::replace(&mut open, last.into_iter().collect()))
    };
    over_runs(outputs, points, Vec::new, visit, batch)?;
    take(open)
}

/// What was looked at in one run.
#[derive(Clone, Copy, Debug)]
pub struct SightOf<'a> {
    /// Which replication.
    pub replication: u64,
    /// Names of the nodes and shared media, by number.
    pub entities: &'a [Arc<str>],
    /// Packets.
    pub capture: Option<&'a Capture>,
    /// Diagrams and events.
    pub story: &'a Story,
}

/// All in memory.
impl Outputs for Vec<Vec<RunOutput>> {
    fn points(&self) -> usize {
        self.len()
    }

    fn count(&self, point: usize) -> usize {
        self.get(point).map_or(0, Vec::len)
    }

    fn run(&self, point: usize, place: usize) -> Result<Option<Loan<'_>>, StoreError> {
        Ok(self.get(point).and_then(|runs| runs.get(place)).map(Loan::Borrowed))
    }

    fn bytes(&self, point: usize, place: usize) -> usize {
        let exchanges = self.get(point).and_then(|runs| runs.get(place)).map_or(0, |run| run.exchanges.len());
        exchanges * size_of::<super::Exchange>()
    }

    fn sights(&self, point: usize) -> Vec<SightOf<'_>> {
        let runs = self.get(point).into_iter().flatten();
        let sights = runs.map(|run| SightOf {
            replication: run.replication,
            entities: &run.entities,
            capture: run.capture.as_ref(),
            story: &run.story,
        });
        sights.collect()
    }
}

/// In a store, but for what was looked at beside results.
#[derive(Debug, Default)]
pub struct Kept {
    store: Store,
    /// By point, in the order of replications.
    runs: Vec<Vec<(u64, RunKey)>>,
    sights: BTreeMap<(usize, u64), Sight>,
    recent: Mutex<Recent>,
}

/// Long runs that were read already: summary, tables and figures ask for each several times. Short ones are read again as quickly, and a
/// sweep has many.
#[derive(Debug, Default)]
struct Recent {
    /// By point and place.
    runs: BTreeMap<(usize, usize), Arc<RunOutput>>,
    /// What their records take on the disk \[bytes\].
    bytes: usize,
}

impl Recent {
    /// Records of so many bytes are kept in memory at most, unless it is one \[bytes\].
    const MOST: usize = 16 << 20;
    /// The record of a long run has so many bytes at least.
    const LONG: usize = 256 << 10;
}

/// What was looked at beside results in a run.
#[derive(Clone, Debug)]
pub struct Sight {
    entities: Arc<[Arc<str>]>,
    capture: Option<Capture>,
    story: Story,
}

impl Sight {
    /// Takes it out of an output, if there is anything.
    pub(super) fn taken_from(output: &mut RunOutput) -> Option<Self> {
        let story = std::mem::take(&mut output.story);
        let capture = output.capture.take();
        let is_something = capture.is_some() || story != Story::default();
        is_something.then(|| Self { entities: Arc::clone(&output.entities), capture, story })
    }
}

impl Kept {
    /// Runs of so many points, in a store that may have some.
    pub fn new(store: Store, points: usize) -> Self {
        Self { store, runs: vec![Vec::new(); points], ..Self::default() }
    }

    /// The store.
    pub fn store(&mut self) -> &mut Store {
        &mut self.store
    }

    /// The selected runs of an experiment that a store has, and those that it lacks. Where replications are sequential, of each point as
    /// many as those that are there ask for.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of_selected(
        store: Store,
        loaded: &Loaded,
        selection: &Selection,
    ) -> Result<(Self, Vec<(usize, u64)>), StoreError> {
        let (mut kept, mut missing) = (Self::new(store, loaded.points.len()), Vec::new());
        for point in selection.points(loaded) {
            let (known, mut so_far) = (missing.len(), 0);
            while missing.len() == known {
                let wanted = reach(loaded, &kept, point, so_far)?;
                if wanted == so_far {
                    break;
                }
                let runs: Vec<(usize, u64)> = (so_far..wanted).map(|replication| (point, replication)).collect();
                let runs: Vec<_> = runs.into_iter().filter(|run| selection.has(loaded, *run)).collect();
                for (run, key) in runs.iter().zip(keys(loaded, &runs)) {
                    if kept.store.contains(&key) {
                        kept.insert(*run, key, None);
                    } else {
                        missing.push(*run);
                    }
                }
                so_far = wanted;
            }
        }
        Ok((kept, missing))
    }

    /// All of them together, with the limits that stopped some.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn into_runs(self) -> Result<Runs<Self>, StoreError> {
        let mut failures = Vec::new();
        let reused = self.runs.iter().map(Vec::len).sum();
        let visit = |failures: &mut Vec<Failed>, point: usize, run: &RunOutput| {
            let failed = |error| Failed { point, replication: run.replication, failure: RunFailure::Run(error) };
            failures.extend(run.stopped.clone().map(failed));
            Ok::<(), StoreError>(())
        };
        let take = |parts: Vec<Vec<Failed>>| {
            failures.extend(parts.into_iter().flatten());
            Ok(())
        };
        over_runs(&self, 0..self.points(), Vec::new, visit, take)?;
        Ok(Runs { outputs: self, reused, failures, is_interrupted: false })
    }

    /// Says that a run is one of these, and what was seen in it. Its output has to be in the store.
    pub(super) fn insert(&mut self, (point, replication): (usize, u64), key: RunKey, sight: Option<Sight>) {
        let runs = &mut self.runs[point];
        match runs.binary_search_by_key(&replication, |(replication, _)| *replication) {
            Ok(place) => runs[place].1 = key,
            Err(place) => runs.insert(place, (replication, key)),
        }
        // What was read of this point has other places now.
        let recent = self.recent.get_mut().unwrap_or_else(PoisonError::into_inner);
        recent.runs.retain(|(other, _), _| *other != point);
        self.sights.extend(sight.map(|sight| ((point, replication), sight)));
    }
}

impl Outputs for Kept {
    fn points(&self) -> usize {
        self.runs.len()
    }

    fn count(&self, point: usize) -> usize {
        self.runs.get(point).map_or(0, Vec::len)
    }

    fn run(&self, point: usize, place: usize) -> Result<Option<Loan<'_>>, StoreError> {
        let recent = || self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((replication, key)) = self.runs.get(point).and_then(|runs| runs.get(place)) else { return Ok(None) };
        let bytes = self.store.bytes(key);
        let is_long = bytes >= Recent::LONG;
        if is_long && let Some(run) = recent().runs.get(&(point, place)) {
            return Ok(Some(Loan::Read(Arc::clone(run))));
        }
        let Some(run) = self.store.output(key)? else { return Ok(None) };
        // The same run may be one of another point or replication number: of what it has of its own, it is known by this one.
        let run = Arc::new(RunOutput { replication: *replication, ..run });
        if is_long {
            let mut recent = recent();
            if recent.bytes + bytes > Recent::MOST {
                *recent = Recent::default();
            }
            if recent.runs.insert((point, place), Arc::clone(&run)).is_none() {
                recent.bytes += bytes;
            }
        }
        Ok(Some(Loan::Read(run)))
    }

    fn bytes(&self, point: usize, place: usize) -> usize {
        let of_point = self.runs.get(point).and_then(|runs| runs.get(place));
        of_point.map_or(0, |(_, key)| self.store.bytes(key))
    }

    fn sights(&self, point: usize) -> Vec<SightOf<'_>> {
        let of_point = self.sights.range((point, 0)..=(point, u64::MAX));
        let sights = of_point.map(|((_, replication), sight)| SightOf {
            replication: *replication,
            entities: &sight.entities,
            capture: sight.capture.as_ref(),
            story: &sight.story,
        });
        sights.collect()
    }
}
