//! The files that a scenario names: their hashes stand in the manifest, and where they lie in `run.log`, since that is about the
//! machine.

use super::claim::RUN_LOG;
use super::sha256_hex;
use crate::scenario::{Inputs, library};
use std::path::{Path, PathBuf};

/// How the line of `run.log` begins that says where they lie.
const PLACE: &str = "files of the scenario are in ";

/// The line of `run.log` that says where the files lie; empty if there are none but shipped ones.
pub(super) fn place_of_inputs(inputs: &Inputs) -> String {
    if inputs.hashes.keys().all(|name| name.starts_with('@')) {
        return String::new();
    }
    let folder = if inputs.folder.as_os_str().is_empty() { Path::new(".") } else { &inputs.folder };
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    format!("{PLACE}{}\n", folder.display())
}

/// Checks that the files that results were made with are those that are there now, and says where they are.
///
/// # Errors
/// Naming the first file that is not there any more, or not the same.
pub(crate) fn verify_inputs(results: &Path, manifest: &serde_json::Value) -> Result<PathBuf, String> {
    let log = std::fs::read_to_string(results.join(RUN_LOG)).unwrap_or_default();
    // Where the log is lost they may lie beside the results.
    let named = log.lines().find_map(|line| line.strip_prefix(PLACE)).map(PathBuf::from);
    let inputs = || manifest["inputs"].as_object().into_iter().flatten();
    // Results that were made on another machine may have brought the files along.
    let has_all = |place: &Path| inputs().all(|(name, _)| name.starts_with('@') || place.join(name).is_file());
    let folder = named.filter(|place| has_all(place) || !has_all(results)).unwrap_or_else(|| results.to_owned());
    let hashes = inputs().map(|(name, hash)| (name.as_str(), hash.as_str().unwrap_or_default()));
    let made = format!("the results in `{}` were", results.display());
    same_inputs(&folder, hashes, (&made, "run the experiment again"))?;
    Ok(folder)
}

/// Checks that the files in a folder are those of these names and hashes. `made` says of what they are files, as in "the results were", and
/// `again` what to do where one has changed for good.
///
/// # Errors
/// Naming the first file that is not there, or not the same.
pub(crate) fn same_inputs<'a>(
    folder: &Path,
    inputs: impl Iterator<Item = (&'a str, &'a str)>,
    (made, again): (&str, &str),
) -> Result<(), String> {
    for (name, hash) in inputs {
        let path = folder.join(name);
        let shown = path.display();
        let text = match name.strip_prefix('@') {
            Some(shipped) => library::trace(shipped).map(str::to_owned).ok_or_else(|| {
                format!("error: {made} made with the shipped file `{name}`, which this build does not have")
            })?,
            None => std::fs::read_to_string(&path).map_err(|error| {
                format!("error: {made} made with the file `{name}`: cannot read `{shown}`: {error}")
            })?,
        };
        if hash != sha256_hex(text.as_bytes()) {
            let (what, help) = match name.strip_prefix('@') {
                Some(_) => (format!("the shipped file `{name}`"), "use the build that made them"),
                None => (format!("the file `{shown}`"), "put the old one back"),
            };
            return Err(format!("error: {what} has changed since {made} made\nhelp: {help}, or {again}\n"));
        }
    }
    Ok(())
}
