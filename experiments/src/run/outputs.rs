//! Outputs of runs, in memory or in a store: tables and figures are made from either, point by point.

use super::sequential::reach;
use super::{Capture, Failed, RunOutput, Runs, Selection, Story};
use crate::scenario::Loaded;
use crate::store::{RunKey, Store, StoreError, keys};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// The outputs of an experiment's runs by point; those of a point in the order of replications.
pub trait Outputs: Sync {
    /// How many points there are, those without runs included.
    fn points(&self) -> usize;

    /// How many runs of a point there are.
    fn count(&self, point: usize) -> usize;

    /// Those of a point.
    ///
    /// # Errors
    /// When they are in a store, and that cannot be read.
    fn of(&self, point: usize) -> Result<Loan<'_>, StoreError>;

    /// What was looked at beside results in runs of a point.
    fn sights(&self, point: usize) -> Vec<SightOf<'_>>;
}

/// Outputs of one point, borrowed or read.
#[derive(Debug)]
pub enum Loan<'a> {
    /// They are in memory anyway.
    Borrowed(&'a [RunOutput]),
    /// They were read.
    Read(Arc<Vec<RunOutput>>),
}

impl Deref for Loan<'_> {
    type Target = [RunOutput];

    fn deref(&self) -> &[RunOutput] {
        match self {
            Self::Borrowed(runs) => runs,
            Self::Read(runs) => runs,
        }
    }
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

    fn of(&self, point: usize) -> Result<Loan<'_>, StoreError> {
        Ok(Loan::Borrowed(self.get(point).map_or(&[], |runs| runs)))
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
    /// By point.
    runs: Vec<BTreeMap<u64, RunKey>>,
    sights: BTreeMap<(usize, u64), Sight>,
    recent: Mutex<Recent>,
}

/// Points that were read already: tables and figures ask for each several times.
#[derive(Debug, Default)]
struct Recent {
    points: BTreeMap<usize, Arc<Vec<RunOutput>>>,
    /// What their records take on the disk \[bytes\].
    bytes: usize,
}

impl Recent {
    /// Records of so many bytes are kept in memory at most, beside those of one point \[bytes\].
    const MOST: usize = 16 << 20;
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
        Self { store, runs: vec![BTreeMap::new(); points], ..Self::default() }
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
        let mut reused = 0;
        for point in 0..self.points() {
            let runs = self.of(point)?;
            reused += runs.len();
            let stopped = runs.iter().filter_map(|run| Some((run.replication, run.stopped.clone()?)));
            failures.extend(stopped.map(|(replication, error)| Failed { point, replication, failure: error.into() }));
        }
        Ok(Runs { outputs: self, reused, failures, is_interrupted: false })
    }

    /// Says that a run is one of these, and what was seen in it. Its output has to be in the store.
    pub(super) fn insert(&mut self, (point, replication): (usize, u64), key: RunKey, sight: Option<Sight>) {
        self.runs[point].insert(replication, key);
        // What was read of this point lacks it.
        self.recent.get_mut().unwrap_or_else(PoisonError::into_inner).points.remove(&point);
        self.sights.extend(sight.map(|sight| ((point, replication), sight)));
    }
}

impl Outputs for Kept {
    fn points(&self) -> usize {
        self.runs.len()
    }

    fn count(&self, point: usize) -> usize {
        self.runs.get(point).map_or(0, BTreeMap::len)
    }

    fn of(&self, point: usize) -> Result<Loan<'_>, StoreError> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runs) = recent.points.get(&point) {
            return Ok(Loan::Read(Arc::clone(runs)));
        }
        let keys = || self.runs.get(point).into_iter().flatten();
        let bytes: usize = keys().map(|(_, key)| self.store.bytes(key)).sum();
        if recent.bytes + bytes > Recent::MOST {
            *recent = Recent::default();
        }
        let mut runs = Vec::new();
        for (replication, key) in keys() {
            // The same run may be one of another point or replication number: of what it has of its own, it is known by this one.
            runs.extend(self.store.output(key)?.map(|run| RunOutput { replication: *replication, ..run }));
        }
        let runs = Arc::new(runs);
        recent.points.insert(point, Arc::clone(&runs));
        recent.bytes += bytes;
        Ok(Loan::Read(runs))
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
