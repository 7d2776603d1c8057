//! What a scenario says of diagrams of single runs.

use super::{Point, Scenario, Way};
use protosim_core::{SimTime, Span};
use protosim_models::name::{LinkName, NodeName};
use serde::{Deserialize, Serialize};

/// At most so many runs are drawn for one diagram.
pub const MOST_DRAWN: usize = 20;
/// Most lanes of a ladder whose nodes are named.
pub const MOST_NAMED_LANES: usize = 16;

/// A drawing of what happens in one run, packet by packet: in the first replication of a point, in `diagrams/`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum DiagramSpec {
    /// A ladder diagram, or message sequence chart: a lane for each node, time downwards, an arrow for each packet from the moment
    /// at which its last bit leaves to its arrival. What is lost ends in a cross. Beside the lanes stand states, timers and
    /// exchanges of applications. Where nothing happens for long, time is broken.
    Ladder(LadderSpec),
    /// A time–sequence plot of TCP, as by tcptrace: segments that leave an end of a link, and the acknowledgements and receive windows
    /// that come back there. A panel for each connection, up to four.
    TimeSequence(TimeSequenceSpec),
}

/// A ladder diagram.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LadderSpec {
    /// The files' name, without ending.
    pub name: String,
    /// Above it. Default: nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The lanes, from left to right, 2 to 16. A packet that goes over nodes that are not named is one arrow. Default: all nodes in the
    /// order of the scenario, where there are at most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeName>,
    /// Packets that leave a node before this time are not drawn. Default: from the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Span>,
    /// Packets that leave a node after this time are not drawn; and no more than 300. Default: to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Span>,
    /// The point that is drawn, by its number in the tables. Default: every one, where there are at most 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<u64>,
    /// Instead of `point`: all points of this variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// A time–sequence plot.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeSequenceSpec {
    /// The files' name, without ending.
    pub name: String,
    /// Above it. Default: nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The link. What is drawn is seen from the end where its packets leave.
    pub link: LinkName,
    /// Which way the data go.
    pub direction: Way,
    /// Connections with this port at one of their ends alone. Default: all, the first four of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Where time begins. Default: at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Span>,
    /// Where time ends. Default: at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Span>,
    /// The point that is drawn, by its number in the tables. Default: every one, where there are at most 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<u64>,
    /// Instead of `point`: all points of this variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl DiagramSpec {
    /// The files' name, without ending.
    pub fn name(&self) -> &str {
        match self {
            Self::Ladder(ladder) => &ladder.name,
            Self::TimeSequence(plot) => &plot.name,
        }
    }

    /// What stands above it.
    pub fn title(&self) -> &str {
        match self {
            Self::Ladder(ladder) => &ladder.title,
            Self::TimeSequence(plot) => &plot.title,
        }
    }

    /// The first and the last time that it shows, as far as they are said.
    pub fn times(&self) -> (Option<Span>, Option<Span>) {
        match self {
            Self::Ladder(ladder) => (ladder.from, ladder.until),
            Self::TimeSequence(plot) => (plot.from, plot.until),
        }
    }

    /// The same as times of the run.
    pub fn window(&self) -> (SimTime, SimTime) {
        let at = |span: Span| SimTime::ZERO.saturating_add(span);
        let (from, until) = self.times();
        (from.map_or(SimTime::ZERO, at), until.map_or(SimTime::MAX, at))
    }

    /// The point and the variant that are drawn, as far as they are said.
    pub fn choice(&self) -> (Option<u64>, Option<&str>) {
        match self {
            Self::Ladder(ladder) => (ladder.point, ladder.variant.as_deref()),
            Self::TimeSequence(plot) => (plot.point, plot.variant.as_deref()),
        }
    }

    /// True if it shows this point.
    pub fn shows(&self, number: usize, point: &Point) -> bool {
        let (wanted, variant) = self.choice();
        wanted.is_none_or(|wanted| wanted == number as u64)
            && variant.is_none_or(|name| point.variant.as_deref() == Some(name))
    }

    /// What its files are called at a point, without ending: where it shows several points, each has its number.
    pub fn file(&self, number: usize, points: &[Point]) -> String {
        let shown = points.iter().enumerate().filter(|(number, point)| self.shows(*number, point)).count();
        if shown > 1 { format!("{}-point-{number:03}", self.name()) } else { self.name().to_owned() }
    }
}

impl Scenario {
    /// A ladder of all nodes and the whole run, which the command line asks for, under a name that no other diagram has.
    pub fn whole_ladder(&self) -> DiagramSpec {
        let mut name = "ladder".to_owned();
        while self.diagrams.iter().any(|diagram| diagram.name() == name) {
            name += "-of-all";
        }
        DiagramSpec::Ladder(LadderSpec { name, title: self.title.clone(), ..LadderSpec::default() })
    }
}
