//! Names in a configuration that refer to something defined elsewhere in the scenario.
//!
//! They are types of their own so that the scenario reader can check every reference, wherever it
//! stands, and suggest the nearest right name.

use serde::{Deserialize, Serialize};

/// The name of a node of the scenario.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct NodeName(pub String);

/// The name of a link of the scenario.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct LinkName(pub String);
