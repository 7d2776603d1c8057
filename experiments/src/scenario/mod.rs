//! The scenario: what one RON file says, with units and defaults.
//!
//! [`load`] brings it in: text, overrides and axes act on the tree ([`crate::tree`]); the typed [`Scenario`] is read
//! from that tree; everything wrong with it is reported together.

mod check;
mod figure;
pub mod library;
mod load;
mod made_up;
mod point;

#[cfg(test)]
mod tests;

pub use figure::{Expectation, FigureSpec, FormulaSpec, Metric, Must, PanelSpec, ScaleSpec, SeriesSpec, evaluate};
pub(crate) use load::load_text;
pub use load::{Loaded, Request, load};
pub use point::{AxisSpec, AxisValue, Dimension, Point};

use protosim_core::kernel::Limits;
use protosim_core::{Ratio, Size, Span};
use protosim_models::link::LinkConfig;
use protosim_models::name::NodeName;
use protosim_models::registry::AppConfig;
use protosim_topologies::{AddressFamily, LinkEvent, NodeSpec, Topology};
use serde::{Deserialize, Serialize};

/// An experiment: a network, what runs on it, and what to make of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Version of this format: 1.
    pub format: FormatVersion,
    /// One line, for figures and lists.
    pub title: String,
    /// What it shows, in some sentences.
    #[serde(default)]
    pub about: String,
    /// Hosts and routers.
    pub nodes: Vec<NodeSpec>,
    /// Links between them.
    pub links: Vec<LinkConfig>,
    /// Which version of IP. Default: V4.
    #[serde(default)]
    pub addresses: AddressFamily,
    /// What runs on the nodes.
    pub apps: Vec<AppSpec>,
    /// Changes of links during the run.
    #[serde(default)]
    pub timeline: Vec<LinkEvent>,
    /// When a run ends. Default: Quiet.
    #[serde(default)]
    pub until: End,
    /// The luck of the whole experiment. Default: 1.
    #[serde(default = "one")]
    pub seed: u64,
    /// How many runs of each point, each with luck of its own. Default: 1.
    #[serde(default = "one")]
    pub replications: u64,
    /// Of the intervals in tables and figures. Default: 95 %.
    #[serde(default = "ninety_five_percent")]
    pub confidence: Ratio,
    /// What to vary: one point for each combination of values.
    #[serde(default)]
    pub axes: Vec<AxisSpec>,
    /// Figures to draw.
    #[serde(default)]
    pub figures: Vec<FigureSpec>,
    /// What must come out; otherwise the command ends with status 1.
    #[serde(default)]
    pub expect: Vec<Expectation>,
    /// What a run may use at most.
    #[serde(default)]
    pub limits: LimitsSpec,
}

/// An application on a node.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppSpec {
    /// What it is called in tables and figures; unique in the scenario.
    pub name: String,
    /// The node that it runs on.
    pub on: NodeName,
    /// What it is.
    pub run: AppConfig,
}

/// When a run ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum End {
    /// When nothing is left to happen.
    #[default]
    Quiet,
    /// After so much simulated time.
    After(Span),
}

/// What a run may use at most; exceeding it stops the run with an error that names who was busy.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsSpec {
    /// Packets that arrive at the end of a link, timers that are due, and changes of links, together. Default: 10^12.
    pub events: Option<u64>,
    /// Memory for packets, events and what is to become results, in one run. Default: 8 GiB. Captured packets have 8 GiB of
    /// their own on each thread, so that a capture does not decide where a run ends.
    pub memory: Option<Size>,
    /// Steps of one node in one instant. Default: 1,000,000.
    pub steps_per_instant: Option<u32>,
}

/// The version of the scenario format; only 1 exists.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct FormatVersion(u32);

impl<'de> Deserialize<'de> for FormatVersion {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            1 => Ok(Self(1)),
            other => {
                Err(serde::de::Error::custom(format!("this program reads format 1, not {other}; write `format: 1`")))
            }
        }
    }
}

fn one() -> u64 {
    1
}

fn ninety_five_percent() -> Ratio {
    Ratio::from_percent(95)
}

impl Scenario {
    /// Its network.
    pub fn topology(&self) -> Topology {
        Topology { nodes: self.nodes.clone(), links: self.links.clone(), addresses: self.addresses }
    }

    /// Its limits.
    pub fn limits(&self) -> Limits {
        let default = Limits::default();
        Limits {
            events: self.limits.events.unwrap_or(default.events),
            memory: self.limits.memory.unwrap_or(default.memory),
            steps_per_instant: self.limits.steps_per_instant.unwrap_or(default.steps_per_instant),
            ..default
        }
    }
}
