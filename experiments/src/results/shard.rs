//! A share of an experiment's runs in a folder of its own: what share it is says `shard.json`, the runs lie in its journals. When all shares are
//! there, results are made of them as if one machine had run everything.

use super::folder::{configuration_hash, io_error};
use super::inputs::place_of_inputs;
use super::{FolderError, claim::RUN_LOG, verify_inputs};
use crate::scenario::{Loaded, load_text_within};
use protosim_reports::folder::write_atomically;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

/// The file that makes a folder one of a shard.
const SHARD: &str = "shard.json";

/// One of the equal shares of all runs: by turns, so that each has some of every point.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Shard {
    /// Which, from 1 on.
    pub number: u64,
    /// Of how many.
    pub of: u64,
}

/// `3/7`.
impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)));
        let (number, of) = parts.ok_or("a shard is its number and how many there are, as in 3/7")?;
        if number < 1 || number > of {
            return Err(format!("shards are numbered from 1 to {of}"));
        }
        Ok(Self { number, of })
    }
}

impl Shard {
    /// Whether the run of this number, among all of the experiment, is its own.
    pub fn has(&self, run: usize) -> bool {
        run as u64 % self.of == self.number - 1
    }
}

/// Replications of one point.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// Which point.
    pub point: usize,
    /// The first and the last of them.
    pub replications: [u64; 2],
    /// From one to the next.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub step: u64,
}

fn one() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_one(step: &u64) -> bool {
    *step == 1
}

impl Piece {
    /// Whether a replication of its point is one of its own.
    fn has(&self, replication: u64) -> bool {
        let [first, last] = self.replications;
        (first..=last).contains(&replication) && (replication - first).is_multiple_of(self.step.max(1))
    }
}

/// What a plan says of one shard.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PlannedRuns {
    /// Which plan: SHA-256 of its file, in hexadecimal.
    pub sha256: String,
    /// The runs, by point.
    pub runs: Vec<Piece>,
}

/// A shard, and which runs are its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ShardRuns {
    /// By turns.
    ByTurns(Shard),
    /// As a plan says.
    Planned(Shard, Arc<PlannedRuns>),
}

impl ShardRuns {
    /// The shard.
    pub fn shard(&self) -> Shard {
        match self {
            Self::ByTurns(shard) | Self::Planned(shard, _) => *shard,
        }
    }

    /// Whether a run is its own: this replication of this point, which has this number among all runs of the experiment.
    pub fn has(&self, (point, replication): (usize, u64), number: usize) -> bool {
        match self {
            Self::ByTurns(shard) => shard.has(number),
            Self::Planned(_, planned) => {
                let from = planned.runs.partition_point(|piece| piece.point < point);
                let mut of_point = planned.runs[from..].iter().take_while(|piece| piece.point == point);
                of_point.any(|piece| piece.has(replication))
            }
        }
    }
}

/// What a shard's folder says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShardManifest {
    format: u32,
    /// Which share.
    pub shard: Shard,
    /// The plan that says which runs are its own; without one they are by turns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<Arc<PlannedRuns>>,
    /// The experiment.
    pub experiment: String,
    title: String,
    version: String,
    sources_sha256: String,
    configuration_sha256: String,
    inputs: BTreeMap<String, String>,
    scenario: String,
}

impl ShardManifest {
    /// Of a share of an experiment, as this program runs it.
    pub fn new(loaded: &Loaded, runs: &ShardRuns) -> Self {
        let plan = match runs {
            ShardRuns::ByTurns(_) => None,
            ShardRuns::Planned(_, planned) => Some(Arc::clone(planned)),
        };
        Self {
            format: 1,
            shard: runs.shard(),
            plan,
            experiment: loaded.name.clone(),
            title: loaded.scenario.title.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sources_sha256: env!("PROTOSIM_SOURCES_SHA256").to_owned(),
            configuration_sha256: configuration_hash(loaded),
            inputs: loaded.inputs.hashes.clone(),
            scenario: loaded.text.clone(),
        }
    }

    /// Writes it, and beside it where the files lie that the scenario names.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn write(&self, folder: &Path, loaded: &Loaded) -> Result<(), FolderError> {
        let io = |error| io_error(folder, error);
        let text = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        write_atomically(&folder.join(SHARD), |out| out.write_all(text.as_bytes())).map_err(io)?;
        let place = place_of_inputs(&loaded.inputs);
        let log = std::fs::read_to_string(folder.join(RUN_LOG)).unwrap_or_default();
        if !log.contains(&place) {
            write_atomically(&folder.join(RUN_LOG), |out| out.write_all((log + &place).as_bytes())).map_err(io)?;
        }
        Ok(())
    }

    /// That of a folder.
    ///
    /// # Errors
    /// When there is none.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let path = folder.join(SHARD);
        let shown = path.display();
        let text = std::fs::read_to_string(&path).map_err(|error| {
            format!("error: `{}` is no shard: cannot read `{shown}`: {error}\nhelp: shards are made by `protosim run FILE --shard 1/4` and so on", folder.display())
        })?;
        serde_json::from_str(&text)
            .map_err(|error| format!("error: `{shown}` is not what a shard says of itself: {error}"))
    }

    /// Whether two are of the same experiment, of the same program and the same split; else what they differ in.
    ///
    /// # Errors
    /// What differs, in words.
    pub fn agrees_with(&self, other: &Self) -> Result<(), String> {
        let pairs = [
            ("experiment", &self.experiment, &other.experiment),
            ("version of protosim", &self.version, &other.version),
            ("build of protosim", &self.sources_sha256, &other.sources_sha256),
            ("title", &self.title, &other.title),
            ("configuration", &self.configuration_sha256, &other.configuration_sha256),
        ];
        if let Some((what, ours, theirs)) = pairs.into_iter().find(|(_, ours, theirs)| ours != theirs) {
            return Err(format!("another {what}: {ours} and {theirs}"));
        }
        if (self.shard.of, self.plan_sha256()) != (other.shard.of, other.plan_sha256()) {
            return Err(format!("another split: {} and {}", self.split(), other.split()));
        }
        if (&self.scenario, &self.inputs) != (&other.scenario, &other.inputs) {
            return Err("another scenario".to_owned());
        }
        Ok(())
    }

    /// Which runs are its own.
    pub fn runs(&self) -> ShardRuns {
        match &self.plan {
            None => ShardRuns::ByTurns(self.shard),
            Some(planned) => ShardRuns::Planned(self.shard, Arc::clone(planned)),
        }
    }

    /// The plan that it is of, if it is of one: SHA-256 of its file.
    pub fn plan_sha256(&self) -> Option<&str> {
        self.plan.as_ref().map(|planned| planned.sha256.as_str())
    }

    /// The shard, and what it is a part of, in words.
    fn split(&self) -> String {
        match self.plan_sha256() {
            None => self.shard.to_string(),
            Some(hash) => format!("{} of plan {}", self.shard, hash.get(..12).unwrap_or(hash)),
        }
    }

    /// Whether this program made it.
    pub fn is_of_this_build(&self) -> bool {
        self.sources_sha256 == env!("PROTOSIM_SOURCES_SHA256")
    }

    /// The experiment that it is a share of.
    ///
    /// # Errors
    /// When a file that the scenario names is gone or has changed.
    pub fn load(&self, folder: &Path, colours: bool) -> Result<Loaded, String> {
        let manifest = serde_json::json!({ "inputs": self.inputs });
        let files: PathBuf = verify_inputs(folder, &manifest)?;
        let shown = folder.join(SHARD).display().to_string();
        load_text_within(&self.experiment, &shown, &self.scenario, &files, colours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 20 runs in 7 shards: each run is in one of them, and none has more than one more than another.
    #[test]
    fn each_run_is_in_one_shard() {
        for of in 1..=64_u64 {
            let shards: Vec<Shard> = (1..=of).map(|number| Shard { number, of }).collect();
            let sizes = shards.iter().map(|shard| (0..20).filter(|run| shard.has(*run)).count());
            let sizes: Vec<usize> = sizes.collect();
            assert_eq!(sizes.iter().sum::<usize>(), 20);
            assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
            assert!((0..20).all(|run| shards.iter().filter(|shard| shard.has(run)).count() == 1));
        }
    }

    #[test]
    fn pieces_have_what_they_say() {
        let piece = |point, replications, step| Piece { point, replications, step };
        let runs = vec![piece(1, [0, 1], 1), piece(1, [3, 9], 3), piece(4, [2, 2], 1)];
        let planned = PlannedRuns { sha256: String::new(), runs };
        let shard = ShardRuns::Planned(Shard { number: 1, of: 2 }, Arc::new(planned));
        let all = (0..6).flat_map(|point| (0..12).map(move |k| (point, k)));
        let own: Vec<(usize, u64)> = all.filter(|run| shard.has(*run, 0)).collect();
        assert_eq!(own, [(1, 0), (1, 1), (1, 3), (1, 6), (1, 9), (4, 2)]);
    }

    #[test]
    fn shards_are_read_and_written() {
        assert_eq!("3/7".parse(), Ok(Shard { number: 3, of: 7 }));
        assert_eq!(Shard { number: 3, of: 7 }.to_string(), "3/7");
        for text in ["", "3", "0/7", "8/7", "1/0", "a/b", "1/2/3", "-1/2"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
