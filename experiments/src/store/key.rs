//! What a run is known by.

use crate::scenario::{Loaded, Scenario};
use protosim_core::Ratio;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// SHA-256 over everything that decides the output of a run. Two runs of one key have the same output.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunKey(pub [u8; 32]);

/// In hexadecimal.
impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunKey({self})")
    }
}

/// The part of a key that all replications of a point have in common.
#[derive(Clone, Debug)]
pub struct KeyOfPoint(Sha256);

impl KeyOfPoint {
    /// Of a point of an experiment, in this build of the program.
    pub fn new(loaded: &Loaded, point: usize) -> Self {
        let mut hash = Sha256::new();
        let scenario = what_decides(&loaded.points[point].scenario);
        let scenario = serde_json::to_string(&scenario).unwrap_or_default();
        let measures = format!("{:?}", loaded.points[point].scenario.measures);
        let inputs = serde_json::to_string(&loaded.inputs.hashes).unwrap_or_default();
        // Each behind its length, so that no two lists of parts are one text.
        for part in [env!("PROTOSIM_SOURCES_SHA256"), features(), &scenario, &measures, &inputs] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hash)
    }

    /// Of one of its replications.
    pub fn replication(&self, replication: u64) -> RunKey {
        let mut hash = self.0.clone();
        hash.update(replication.to_le_bytes());
        RunKey(hash.finalize().into())
    }
}

/// The keys of runs, by point and replication. Runs of one point should follow each other: what they have in common is hashed once then.
pub fn keys<'a>(loaded: &'a Loaded, runs: &'a [(usize, u64)]) -> impl Iterator<Item = RunKey> + 'a {
    let mut latest: Option<(usize, KeyOfPoint)> = None;
    runs.iter().map(move |&(point, replication)| {
        let common = latest.take().filter(|(known, _)| *known == point);
        let common = common.unwrap_or_else(|| (point, KeyOfPoint::new(loaded, point)));
        latest.insert(common).1.replication(replication)
    })
}

/// The same, made by all threads of the pool that the caller is in.
pub(crate) fn all_keys(loaded: &Loaded, runs: &[(usize, u64)]) -> Vec<RunKey> {
    let of_points: Vec<&[(usize, u64)]> = runs.chunk_by(|(point, _), (next, _)| point == next).collect();
    of_points.par_iter().map(|runs| keys(loaded, runs).collect::<Vec<_>>()).collect::<Vec<_>>().concat()
}

/// Parts of the program that a build may have or not.
const fn features() -> &'static str {
    match (cfg!(feature = "rustls"), cfg!(feature = "str0m")) {
        (false, false) => "",
        (true, false) => "rustls",
        (false, true) => "str0m",
        (true, true) => "rustls str0m",
    }
}

/// A scenario without what only says how results are called, shown and judged: who changes a caption runs nothing again.
fn what_decides(scenario: &Scenario) -> Scenario {
    Scenario {
        title: String::new(),
        about: String::new(),
        include: Vec::new(),
        templates: Default::default(),
        confidence: Ratio::ZERO,
        replications: 0,
        sequential: None,
        fork_at: None,
        axes: Vec::new(),
        variants: Vec::new(),
        only_if: None,
        measure: Vec::new(),
        figures: Vec::new(),
        diagrams: Vec::new(),
        events: false,
        expect: Vec::new(),
        measures: Arc::default(),
        ..scenario.clone()
    }
}
