//! Whose folder of results it is: said in `run.log` before the first run, since it depends on where the scenario lies.

use super::folder::{FolderError, MANIFEST, holds_whole, io_error, sha256_hex};
use crate::scenario::library;
use protosim_reports::folder::{is_partial_name, write_atomically};
use std::io::Write;
use std::path::Path;

/// What depends on the machine.
pub(super) const RUN_LOG: &str = "run.log";

/// How the line begins that says whose results these are.
const CLAIM: &str = "results of ";

/// An experiment and the scenario that it comes from, whatever that says today.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Owner {
    experiment: String,
    /// Hash of the shipped experiment's name, or of the file's place.
    origin: String,
}

impl Owner {
    /// For an experiment of this name, from a shipped scenario or a file.
    pub fn new(experiment: &str, scenario: &str) -> Self {
        let origin = match library::find(scenario) {
            Some(shipped) => format!("shipped {}", shipped.name),
            None => {
                let place = std::fs::canonicalize(scenario).unwrap_or_else(|_| scenario.into());
                format!("file {}", place.display())
            }
        };
        Self { experiment: experiment.to_owned(), origin: sha256_hex(origin.as_bytes()) }
    }

    /// Whose a folder of results is, as far as it says so.
    pub fn of(folder: &Path) -> Option<Self> {
        owner_of(folder)
    }

    fn line(&self) -> String {
        format!("{CLAIM}{} from scenario {}\n", self.experiment, self.origin)
    }

    fn parse(line: &str) -> Option<Self> {
        let (experiment, origin) = line.strip_prefix(CLAIM)?.split_once(" from scenario ")?;
        Some(Self { experiment: experiment.to_owned(), origin: origin.trim().to_owned() })
    }
}

/// The line of `run.log` that says whose folder it is, or nothing.
pub(super) fn claimed_by(folder: &Path) -> String {
    owner_of(folder).map_or_else(String::new, |owner| owner.line())
}

fn owner_of(folder: &Path) -> Option<Owner> {
    let log = std::fs::read_to_string(folder.join(RUN_LOG)).ok()?;
    log.lines().find_map(Owner::parse)
}

/// Makes the folder, and makes it this experiment's. One that holds something else is refused, unless told to overwrite
/// it. An edited scenario may replace what came of it before.
///
/// # Errors
/// When it holds something else, or the file system refuses.
pub fn claim(folder: &Path, owner: &Owner, title: &str, force: bool) -> Result<(), FolderError> {
    let known = owner_of(folder);
    if !force && let Some(what) = stranger(folder, known.as_ref(), owner, title)? {
        return Err(FolderError::NotOurs { folder: folder.display().to_string(), what });
    }
    let io = |error| io_error(folder, error);
    std::fs::create_dir_all(folder).map_err(io)?;
    if known.as_ref() == Some(owner) {
        return Ok(());
    }
    let log = std::fs::read_to_string(folder.join(RUN_LOG)).unwrap_or_default();
    let rest: String =
        log.lines().filter(|line| Owner::parse(line).is_none()).map(|line| format!("{line}\n")).collect();
    let log = owner.line() + &rest;
    write_atomically(&folder.join(RUN_LOG), |out| out.write_all(log.as_bytes())).map_err(io)
}

/// As [`claim`], for results of a part of the experiment: they do not take the place of whole ones, unless told to.
///
/// # Errors
/// When the folder holds something else, or whole results, or the file system refuses.
pub fn claim_for_part(folder: &Path, owner: &Owner, title: &str, force: bool) -> Result<(), FolderError> {
    let is_ours = stranger(folder, owner_of(folder).as_ref(), owner, title)?.is_none();
    if is_ours && !force && holds_whole(folder) {
        return Err(FolderError::Whole { folder: folder.display().to_string() });
    }
    claim(folder, owner, title, force)
}

/// What the folder holds, if that is none of `owner`'s.
fn stranger(folder: &Path, known: Option<&Owner>, owner: &Owner, title: &str) -> Result<Option<String>, FolderError> {
    if let Some(known) = known {
        return Ok((known != owner).then(|| {
            if known.experiment == owner.experiment {
                format!("results of another scenario file called `{}`", known.experiment)
            } else {
                format!("results of experiment `{}`", known.experiment)
            }
        }));
    }
    // Without its log a folder is known by its manifest.
    if let Ok(text) = std::fs::read_to_string(folder.join(MANIFEST)) {
        let manifest: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let other = manifest["title"].as_str();
        return Ok(match manifest["experiment"].as_str() {
            Some(name) if name == owner.experiment && other.is_none_or(|other| other == title) => None,
            Some(name) if name == owner.experiment => {
                Some(format!("results of another `{name}`, titled \"{}\"", other.unwrap_or_default()))
            }
            Some(name) => Some(format!("results of experiment `{name}`")),
            None => Some("a manifest of something else".to_owned()),
        });
    }
    if !folder.exists() {
        return Ok(None);
    }
    let mut entries = std::fs::read_dir(folder).map_err(|error| io_error(folder, error))?;
    let foreign = entries.any(|entry| entry.is_ok_and(|entry| !is_partial_name(&entry.file_name().to_string_lossy())));
    Ok(foreign.then(|| "files of something else".to_owned()))
}
