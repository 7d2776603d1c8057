//! Names in a configuration that refer to something defined elsewhere in the scenario.
//!
//! They are types of their own so that the scenario reader can check every reference, wherever it
//! stands, and suggest the nearest right name.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The name of a node of the scenario.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct NodeName(pub String);

/// The name of a link of the scenario.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LinkName(pub String);

/// The name of a channel of the scenario.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ChannelName(pub String);

/// The name of a file that a scenario uses, relative to the scenario's own folder.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FileName(pub String);

/// The contents of the files that a scenario names, read before anything runs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Files(BTreeMap<FileName, Arc<str>>);

impl Files {
    /// Adds a file.
    pub fn insert(&mut self, name: FileName, text: &str) {
        self.0.insert(name, text.into());
    }

    /// A file's text, if it was read.
    pub fn get(&self, name: &FileName) -> Option<&str> {
        self.0.get(name).map(|text| &**text)
    }

    /// All files, in order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.0.as_str(), &**text))
    }
}
