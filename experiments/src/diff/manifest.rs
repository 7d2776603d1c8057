//! The manifest of a folder of results, as it is read again.

use crate::results::{sha256_hex, verify_inputs};
use crate::run::{Options, Selection};
use crate::scenario::{Loaded, load_text_within};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What manifests are called.
const NAME: &str = "manifest.json";

/// A manifest: what results were made from, and the hash of each of their files.
#[derive(Clone, PartialEq, Debug)]
pub struct Manifest {
    folder: PathBuf,
    shown: String,
    value: Value,
}

impl Manifest {
    /// Reads a manifest, or that of a folder.
    ///
    /// # Errors
    /// When there is none, or it is something else.
    pub fn read(place: &Path) -> Result<Self, String> {
        let (folder, path) = if place.is_dir() {
            (place.to_owned(), place.join(NAME))
        } else {
            (place.parent().map(Path::to_owned).unwrap_or_default(), place.to_owned())
        };
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(&path).map_err(|error| format!("error: cannot read `{shown}`: {error}"))?;
        let value: Value =
            serde_json::from_str(&text).map_err(|error| format!("error: `{shown}` is not a manifest: {error}"))?;
        let manifest = Self { folder, shown, value };
        for name in ["experiment", "scenario", "sources_sha256"] {
            manifest.field(name)?;
        }
        if !manifest.value["files"].is_object() {
            return Err(format!("error: `{}` has no `files`", manifest.shown));
        }
        Ok(manifest)
    }

    /// The folder that it lies in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its path, as in messages.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// A text in it.
    ///
    /// # Errors
    /// When there is no such text.
    pub fn field(&self, name: &str) -> Result<&str, String> {
        self.value[name].as_str().ok_or_else(|| format!("error: `{}` has no `{name}`", self.shown))
    }

    /// The scenario with everything resolved, as the program that made it had it.
    pub fn resolved(&self) -> &Value {
        &self.value["resolved"]
    }

    /// Hashes of the files that the scenario names.
    pub fn inputs(&self) -> &Value {
        &self.value["inputs"]
    }

    /// The hash of each file, by name.
    pub fn files(&self) -> BTreeMap<&str, &str> {
        let files = self.value["files"].as_object().into_iter().flatten();
        files.map(|(name, hash)| (name.as_str(), hash.as_str().unwrap_or_default())).collect()
    }

    /// True for results that were made by a program of other sources than this one.
    pub fn is_of_another_build(&self) -> bool {
        self.value["sources_sha256"].as_str() != Some(env!("PROTOSIM_SOURCES_SHA256"))
    }

    /// Version and sources of the program that made them, in words.
    pub fn build(&self) -> String {
        let text = |name: &str| self.value[name].as_str().unwrap_or("?");
        build_in_words(text("version"), text("sources_sha256"))
    }

    /// Why they are of a part of the experiment; none for the whole.
    pub fn reasons(&self) -> Vec<String> {
        let reasons = self.value["partial_because"].as_array().into_iter().flatten();
        reasons.filter_map(|reason| reason.as_str().map(str::to_owned)).collect()
    }

    /// True for results of a part of the experiment.
    pub fn is_partial(&self) -> bool {
        self.value["partial"].as_bool() == Some(true)
    }

    /// The runs that were chosen for them.
    ///
    /// # Errors
    /// The reason why they are partial, if that is no choice: an interrupt, a limit.
    pub fn selection(&self) -> Result<Selection, String> {
        Selection::from_reasons(&self.reasons())
    }

    /// The scenario that they were made from.
    ///
    /// # Errors
    /// When this program does not accept it, or a file that it names is gone or has changed.
    pub fn load(&self, colours: bool) -> Result<Loaded, String> {
        let files = verify_inputs(&self.folder, &self.value)?;
        load_text_within(self.field("experiment")?, &self.shown, self.field("scenario")?, &files, colours)
    }

    /// What was looked at in their runs, as far as files tell.
    pub fn options(&self, loaded: &Loaded) -> Options {
        let files = self.files();
        let ladder = format!("diagrams/{}", loaded.scenario.whole_ladder().name());
        let is_of_all = |name: &&str| {
            let rest = name.strip_prefix(&ladder);
            rest.is_some_and(|rest| rest.starts_with('.') || rest.starts_with("-point-"))
        };
        Options {
            ladder: files.keys().any(is_of_all),
            events: files.contains_key("events.jsonl"),
            ..Options::default()
        }
    }

    /// A file of the folder, if its hash is that of the manifest.
    ///
    /// # Errors
    /// When it cannot be read, or is another one.
    pub fn read_file(&self, name: &str) -> Result<String, String> {
        let path = self.folder.join(name);
        let shown = path.display();
        let text = std::fs::read_to_string(&path).map_err(|error| format!("error: cannot read `{shown}`: {error}"))?;
        if self.files().get(name).copied() == Some(&sha256_hex(text.as_bytes())) {
            return Ok(text);
        }
        Err(format!("error: `{shown}` is not the file that `{}` speaks of: run the experiment again", self.shown))
    }
}

/// Version and sources of this program, in words.
pub fn this_build() -> String {
    build_in_words(env!("CARGO_PKG_VERSION"), env!("PROTOSIM_SOURCES_SHA256"))
}

fn build_in_words(version: &str, sources: &str) -> String {
    format!("version {version}, sources {}", sources.get(..12).unwrap_or(sources))
}
