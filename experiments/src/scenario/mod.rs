//! The scenario: what one RON file says, with units and defaults.
//!
//! [`load`] brings it in: text, overrides and axes act on the tree ([`crate::tree`]); the typed [`Scenario`] is read
//! from that tree; everything wrong with it is reported together.

mod check;
mod condition;
mod design;
mod diagram;
mod distributions;
mod expand;
mod figure;
mod files;
mod grid;
pub mod library;
mod load;
mod made_up;
mod measures;
mod metric;
mod milestone;
mod placement;
mod point;
mod profile;
mod range;
mod sequential;
mod shorthand;
mod total;
mod variant;
mod warmup;

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_cases;

pub use design::DesignSpec;
pub use diagram::{DiagramSpec, LadderSpec, MOST_DRAWN, MOST_NAMED_LANES, TimeSequenceSpec};
pub use distributions::{DistributionsSpec, Keep};
pub use figure::{
    CellLabel, CellsSpec, Expectation, FigureSpec, FormulaSpec, Must, PanelSpec, PanelX, PointFilter, ScaleSpec,
    SeriesSpec, evaluate,
};
pub use files::Inputs;
#[cfg(test)]
pub(crate) use load::load_text;
pub(crate) use load::load_text_within;
pub use load::{Loaded, Request, load};
pub(crate) use measures::is_sink;
pub use measures::{MeasureSpec, Measures};
pub use metric::{Entry, Metric, Scope, Subject, Way};
pub use milestone::{ByMilestone, Milestone, Statistic};
pub use placement::Placement;
pub use point::{AxisSpec, AxisValue, Dimension, Point};
pub use range::RangeSpec;
pub use sequential::SequentialSpec;
pub use total::TotalName;
pub(crate) use variant::VARIANT;
pub use variant::{CaseSpec, VariantSpec, Verbatim};
pub use warmup::WarmupSpec;

use protosim_core::kernel::Limits;
use protosim_core::{Ratio, RunSeed, SimTime, Size, Span};
use protosim_models::channel::ChannelConfig;
use protosim_models::energy::DeviceProfile;
use protosim_models::link::LinkConfig;
use protosim_models::medium::MediumConfig;
use protosim_models::name::{Files, NodeName};
use protosim_models::registry::AppConfig;
use protosim_models::tls::crypto::Mode;
use protosim_topologies::faults::{Fault, FaultSpec, draw, events};
use protosim_topologies::generate::GeneratorConfig;
use protosim_topologies::groups::NodeSets;
use protosim_topologies::{AddressFamilies, GroupSpec, NodeSpec, Routing, TimelineEvent, Topology};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An experiment: a network, what runs on it, and what to make of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Version of this format: 1.
    pub format: FormatVersion,
    /// One line, for figures and lists.
    pub title: String,
    /// Other scenarios, whose fields lie under those of this one: files beside it, or `"@NAME"` for a shipped experiment. Structs
    /// are merged field by field, lists of named things name by name; anything else that is said here takes the place of what
    /// they say. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Structs by name. A struct anywhere that says `like: "NAME"` takes from it the fields that it does not say itself.
    /// Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub templates: BTreeMap<String, Verbatim>,
    /// What it shows, in some sentences.
    #[serde(default)]
    pub about: String,
    /// Hosts and routers. With a `count` one stands for a group: `sensor-0`, `sensor-1` and so on. Default: those of `networks`.
    #[serde(default)]
    pub nodes: Arc<Vec<NodeSpec>>,
    /// Links between them. A link with a group at one end is a link for each member. Default: those of `networks`.
    #[serde(default)]
    pub links: Arc<Vec<LinkConfig>>,
    /// Networks to generate or to import: chains, stars, trees, random ones, GraphML. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<GeneratorConfig>,
    /// Fields of single nodes and links that groups and networks have made, by path, as in
    /// `{"links.radio-3.loss": "5 %"}`. Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub adjust: BTreeMap<String, Verbatim>,
    /// LAN switches, buses and radio channels that several of them share. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<MediumConfig>,
    /// What joins two nodes beside the network, such as the signalling of calls. With a group at one end, a channel for each member.
    /// Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Arc<Vec<ChannelConfig>>,
    /// Profiles of devices beside the shipped ones, which a node's `device` may name: what its parts draw, how fast they are, and where each
    /// number comes from. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<Arc<DeviceProfile>>,
    /// Which versions of IP there are. Default: V4.
    #[serde(default)]
    pub addresses: AddressFamilies,
    /// Multicast groups, to whose names sources of datagrams may send. Default: none.
    #[serde(default)]
    pub groups: Vec<GroupSpec>,
    /// What runs on the nodes.
    pub apps: Arc<Vec<AppSpec>>,
    /// What happens to links and nodes during the run.
    #[serde(default)]
    pub timeline: Vec<TimelineEvent>,
    /// Links that go down and nodes that lose power at random, at other times in each replication. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultSpec>,
    /// Whether routes follow what goes down and comes up. Default: Static.
    #[serde(default, skip_serializing_if = "Routing::is_static")]
    pub routing: Routing,
    /// How much of the cryptography is done: lengths and outcomes alone, or all of it, so that captures can be decrypted. Results are the
    /// same. Default: Sized.
    #[serde(default, skip_serializing_if = "Mode::is_sized")]
    pub crypto: Mode,
    /// When a run ends. Default: Quiet.
    #[serde(default)]
    pub until: End,
    /// What starts before its end does not count in the summary: a time, or what MSER-5 finds in each run. Default: all counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup: Option<WarmupSpec>,
    /// How long after the warm-up exchanges count; one that starts at its very end does not. Default: to the end of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Span>,
    /// Points that are the same but for what the timeline does to links and channels from this time on are run once up to it, and go on from copies: a
    /// warm-up that all have in common is made once. Results are the same as without. Default: each run is made from its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fork_at: Option<Span>,
    /// The luck of the whole experiment. Default: 1.
    #[serde(default = "one")]
    pub seed: u64,
    /// How many runs of each point, each with luck of its own. With `sequential`: at most. Default: 1.
    #[serde(default = "one")]
    pub replications: u64,
    /// Until when replications are added to a point. Default: until all are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequential: Option<SequentialSpec>,
    /// Of the intervals in tables and figures. Default: 95 %.
    #[serde(default = "ninety_five_percent")]
    pub confidence: Ratio,
    /// What to vary: one point for each combination of values.
    #[serde(default)]
    pub axes: Vec<AxisSpec>,
    /// Points that fill the space between the ends of all ranges, instead of all combinations: a Latin hypercube, or Sobol's
    /// sequence. The ranges of axes then have no `steps`. Default: all combinations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub design: Option<DesignSpec>,
    /// Named forms of the experiment, to be compared: each makes all points of the axes. Default: the one that is written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<VariantSpec>,
    /// A condition over names of axes, as in `"loss < 0.1 || rtt > 0.05"`: points where it does not hold are left out. Shares are
    /// numbers from 0 to 1, times are in seconds, rates in bit/s, sizes in bytes. Default: all points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_if: Option<String>,
    /// What to measure of sinks and of links for the summary, beside what figures and expectations name. Metrics of exchanges are
    /// all there anyway. Default: nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measure: Vec<MeasureSpec>,
    /// Each message of MQTT and AMQP is followed from its publisher to all its subscribers, and what was promised is held against what came: more is counted
    /// of clients then (`lost_exactly_once` and the like, in the table `counters`). Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ledger: bool,
    /// How samples are kept: one by one, or as sketches. Default: exchanges one by one, all else as sketches.
    #[serde(default, skip_serializing_if = "DistributionsSpec::is_default")]
    pub distributions: DistributionsSpec,
    /// Figures to draw.
    #[serde(default)]
    pub figures: Vec<FigureSpec>,
    /// Diagrams of single runs to draw: ladders and time–sequence plots. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagrams: Vec<DiagramSpec>,
    /// Whether to write `events.jsonl`, what connections and exchanges do step by step and which packets are dropped, in the first
    /// replication of each point. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub events: bool,
    /// What must come out; otherwise the command ends with status 1.
    #[serde(default)]
    pub expect: Vec<Expectation>,
    /// What a run may use at most.
    #[serde(default)]
    pub limits: LimitsSpec,
    /// What nodes are called together; found out when the scenario is loaded.
    #[serde(skip)]
    pub sets: Arc<NodeSets>,
    /// The files that links name; they are read with the scenario.
    #[serde(skip)]
    pub files: Arc<Files>,
    /// All that figures, expectations and `measure` name; found out when the scenario is loaded, and the same at all points.
    #[serde(skip)]
    pub measures: Arc<Measures>,
}

/// An application on a node.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppSpec {
    /// What it is called in tables and figures; unique in the scenario.
    pub name: String,
    /// The node that it runs on. A group, or the name of a network, stands for each of its nodes.
    pub on: NodeName,
    /// On a group: how much later than the one before each member begins. Default: all begin together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stagger: Option<Span>,
    /// What it is.
    pub run: AppConfig,
}

/// When a run ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum End {
    /// When nothing is left to happen.
    #[default]
    Quiet,
    /// After so much simulated time.
    After(Span),
}

/// What a run may use at most; exceeding it stops the run with an error that names who was busy.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
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
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = FormatVersion;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the version of the scenario format, a whole number: write `format: 1`")
            }
            fn visit_u64<E: serde::de::Error>(self, version: u64) -> Result<FormatVersion, E> {
                let refusal = || E::custom(format!("this program reads format 1, not {version}; write `format: 1`"));
                (version == 1).then_some(FormatVersion(1)).ok_or_else(refusal)
            }
        }
        deserializer.deserialize_u64(Visitor)
    }
}

fn one() -> u64 {
    1
}

fn ninety_five_percent() -> Ratio {
    Ratio::from_percent(95)
}

impl Scenario {
    /// Takes the lists of another one where it has the same: the points of an experiment differ in little.
    fn share(&mut self, other: &Self) {
        fn share<T: PartialEq>(own: &mut Arc<T>, other: &Arc<T>) {
            if !Arc::ptr_eq(own, other) && **own == **other {
                *own = Arc::clone(other);
            }
        }
        share(&mut self.nodes, &other.nodes);
        share(&mut self.links, &other.links);
        share(&mut self.channels, &other.channels);
        share(&mut self.apps, &other.apps);
        share(&mut self.sets, &other.sets);
        share(&mut self.files, &other.files);
    }

    /// Its network.
    pub fn topology(&self) -> Topology {
        let mut groups = self.groups.clone();
        for group in &mut groups {
            let sends = |app: &&AppSpec| app.run.destination().is_some_and(|to| to.0 == group.name);
            let on = self.apps.iter().filter(sends).flat_map(|app| self.sets.members(&app.on.0));
            let mut senders: Vec<NodeName> = on.map(|name| NodeName(name.to_owned())).collect();
            senders.sort();
            senders.dedup();
            group.senders = senders;
        }
        let (nodes, links, media) = (self.nodes.to_vec(), self.links.to_vec(), self.media.clone());
        let channels = self.channels.to_vec();
        Topology { nodes, links, media, channels, addresses: self.addresses, groups, profiles: self.profiles.clone() }
    }

    /// The group called `name`.
    pub fn group(&self, name: &NodeName) -> Option<&GroupSpec> {
        self.groups.iter().find(|group| group.name == name.0)
    }

    /// Whether some node has a device with a profile, so that energy is metered.
    pub fn has_devices(&self) -> bool {
        self.nodes.iter().any(|node| node.device.as_ref().is_some_and(|device| device.profile.is_some()))
    }

    /// Whether some node translates addresses.
    pub fn has_nat(&self) -> bool {
        self.nodes.iter().any(|node| node.nat.is_some() || node.nat64.is_some())
    }

    /// The luck of a replication.
    pub fn luck(&self, replication: u64) -> RunSeed {
        RunSeed { seed: self.seed, replication }
    }

    /// The faults at random of a replication, in order of time.
    pub fn drawn_faults(&self, replication: u64) -> Vec<Fault> {
        draw(&self.faults, self.luck(replication))
    }

    /// The scenario of one replication: its faults at random stand in the timeline.
    pub fn of_replication(&self, replication: u64) -> Cow<'_, Self> {
        if self.faults.is_empty() {
            Cow::Borrowed(self)
        } else {
            Cow::Owned(self.with_faults(&self.drawn_faults(replication)))
        }
    }

    /// The same with these faults in the timeline, and none at random.
    pub fn with_faults(&self, faults: &[Fault]) -> Self {
        let timeline = self.timeline.iter().cloned().chain(events(faults)).collect();
        Self { timeline, faults: Vec::new(), ..self.clone() }
    }

    /// When the warm-up ends that is the same in all runs.
    pub fn fixed_warmup(&self) -> SimTime {
        match self.warmup {
            Some(WarmupSpec::Fixed(span)) => SimTime::ZERO.saturating_add(span),
            Some(WarmupSpec::Mser5 { .. }) | None => SimTime::ZERO,
        }
    }

    /// Whether what starts at this time counts in the summary: neither in the warm-up, which ends at `from`, nor after the window.
    pub fn counts(&self, start: SimTime, from: SimTime) -> bool {
        start >= from && self.window.is_none_or(|window| start < from.saturating_add(window))
    }

    /// When what is measured over time ends: at the end of the window or of the run. It begins where the warm-up ends, at `from`.
    pub fn window_until(&self, from: SimTime) -> SimTime {
        let window = self.window.map_or(SimTime::MAX, |window| from.saturating_add(window));
        match self.until {
            End::Quiet => window,
            End::After(end) => window.min(SimTime::ZERO.saturating_add(end)),
        }
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
