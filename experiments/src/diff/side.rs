//! One of two experiments that are compared: a scenario that is yet to run, or a folder of results.

use super::manifest::Manifest;
use crate::run::Selection;
use crate::scenario::Loaded;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// One of the two that are compared.
#[derive(Clone, Debug)]
pub struct Side {
    /// Its scenario.
    pub loaded: Loaded,
    recorded: Option<Recorded>,
}

/// What a folder of results tells of its runs.
#[derive(Clone, Debug)]
struct Recorded {
    manifest: Manifest,
    digests: BTreeMap<(usize, u64), Digests>,
}

/// Digests of a run by kind (`node`, `link`) and path.
pub(super) type Digests = BTreeMap<(String, String), String>;

impl Side {
    /// A scenario that is yet to run.
    pub fn to_run(loaded: Loaded) -> Self {
        Self { loaded, recorded: None }
    }

    /// The manifest, if it is a folder of results.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.recorded.as_ref().map(|recorded| &recorded.manifest)
    }

    /// True for results that were made by a program of other sources than this one.
    pub fn is_of_another_build(&self) -> bool {
        self.manifest().is_some_and(Manifest::is_of_another_build)
    }

    /// The scenario with everything resolved.
    pub fn resolved(&self) -> Value {
        match self.manifest() {
            Some(manifest) => manifest.resolved().clone(),
            None => serde_json::to_value(&self.loaded.scenario).unwrap_or_default(),
        }
    }

    /// Its runs, by point and replication: those that were recorded, or all.
    pub fn runs(&self) -> Vec<(usize, u64)> {
        match &self.recorded {
            Some(recorded) => recorded.digests.keys().copied().collect(),
            None => {
                // How many more there are than the first batch, nobody knows before they are made.
                let batch = self.loaded.scenario.sequential.as_ref().map_or(u64::MAX, |rule| rule.batch);
                let runs = Selection::default().runs(&self.loaded).into_iter();
                runs.filter(|(_, replication)| *replication < batch).collect()
            }
        }
    }

    pub(super) fn has(&self, run: (usize, u64)) -> bool {
        self.recorded.as_ref().is_none_or(|recorded| recorded.digests.contains_key(&run))
    }

    /// The recorded digests of a run.
    pub(super) fn digests(&self, point: usize, replication: u64) -> Option<&Digests> {
        self.recorded.as_ref()?.digests.get(&(point, replication))
    }
}

/// A folder of results: the scenario that it was made from, and the digests of its runs.
///
/// # Errors
/// When the folder holds no manifest and digests that can be read.
pub fn from_results(folder: &Path, colours: bool) -> Result<Side, String> {
    let manifest = Manifest::read(folder)?;
    let loaded = manifest.load(colours)?;
    let table = manifest.read_file("digests.csv")?;
    let shown = folder.join("digests.csv").display().to_string();
    let digests = parse_digests(&table).ok_or_else(|| format!("error: `{shown}` is damaged"))?;
    // What was interrupted has the runs that it has; where replications are sequential, of each point the first batch at least.
    let mut wanted = manifest.selection().map(|selection| selection.runs(&loaded)).unwrap_or_default();
    if let Some(rule) = loaded.scenario.sequential.as_ref().filter(|_| wanted.len() > 1) {
        wanted.retain(|(_, replication)| *replication < rule.batch);
    }
    if let Some((point, replication)) = wanted.into_iter().find(|run| !digests.contains_key(run)) {
        let run = format!("point {point}, replication {replication}");
        return Err(format!("error: `{shown}` has no record of {run}: run the experiment again"));
    }
    Ok(Side { loaded, recorded: Some(Recorded { manifest, digests }) })
}

/// The rows of `digests.csv`: names of nodes and links are made of characters that need no quotes.
fn parse_digests(text: &str) -> Option<BTreeMap<(usize, u64), Digests>> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next()?.split(',').collect();
    let column = |name: &str| header.iter().position(|title| *title == name);
    let columns = (column("point")?, column("replication")?, column("kind")?, column("path")?, column("digest")?);
    let mut digests: BTreeMap<(usize, u64), Digests> = BTreeMap::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let run = (cells.get(columns.0)?.parse().ok()?, cells.get(columns.1)?.parse().ok()?);
        let subject = ((*cells.get(columns.2)?).to_owned(), (*cells.get(columns.3)?).to_owned());
        digests.entry(run).or_default().insert(subject, (*cells.get(columns.4)?).to_owned());
    }
    Some(digests)
}
