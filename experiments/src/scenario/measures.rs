//! What is to be measured: what `measure` says, and what all that a scenario names comes to.

use super::metric::{Metric, Scope, Subject, Way};
use super::{AppSpec, PanelX, Scenario, WarmupSpec};
use protosim_core::Span;
use protosim_models::name::LinkName;
use protosim_models::registry::AppConfig;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Something to be measured beside what figures and expectations name, for the summary table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeasureSpec {
    /// The application: a sink, or one with connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Instead of `app`: the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkName>,
    /// Which direction of the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Way>,
    /// Instead of `app`: the node, or all nodes of a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// What of it.
    pub metric: Metric,
}

impl MeasureSpec {
    /// Whom it is of.
    pub fn subject(&self) -> Option<Subject> {
        let other = Subject::of(self.app.as_deref(), self.link.as_ref(), self.direction);
        let is_alone = self.app.is_none() && self.link.is_none() && self.direction.is_none();
        Subject::with_node(self.node.as_deref(), other, is_alone)
    }
}

/// True if an application receives datagrams or streams whose bytes are measured.
pub(crate) fn is_sink(app: &AppSpec) -> bool {
    matches!(app.run, AppConfig::UdpSink(_) | AppConfig::AimdSink(_) | AppConfig::TcpSink(_))
}

/// Everything that figures, expectations, `measure` and `sequential` name and that takes a measurement of its own: what nobody names costs
/// nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Measures {
    /// Rows of the summary beside those of exchanges.
    pub rows: BTreeSet<(Subject, Metric)>,
    /// Sinks, and whether each of their datagrams is kept for a figure over time.
    pub sinks: BTreeMap<String, bool>,
    /// Applications whose connections are measured, and whether the first one's course over time is kept.
    pub connections: BTreeMap<String, bool>,
    /// Applications whose exchanges the traffic of the network is set against.
    pub traffic: BTreeSet<String>,
    /// Applications whose exchanges are counted over time.
    pub rates: BTreeSet<String>,
    /// Applications, nodes and groups whose devices are measured.
    pub devices: BTreeSet<Subject>,
    /// Directions of links, and the lengths of the parts of the run that figures over time show.
    pub links: BTreeMap<(String, Way), BTreeSet<Span>>,
}

impl Measures {
    /// What a scenario names.
    pub fn of(scenario: &Scenario) -> Self {
        let mut all = Self::default();
        for panel in scenario.figures.iter().flat_map(|figure| &figure.panels) {
            let bin = match panel.x {
                PanelX::Time { bin } => Some(bin),
                PanelX::Axis(_) | PanelX::Distribution => None,
            };
            panel.series.iter().for_each(|series| all.add(series.subject(), series.metric, bin));
        }
        scenario.expect.iter().for_each(|expectation| all.add(expectation.subject(), expectation.metric, None));
        scenario.measure.iter().for_each(|measure| all.add(measure.subject(), measure.metric, None));
        scenario.sequential.iter().for_each(|rule| all.add(rule.subject(), rule.metric, None));
        all.with_warmup(scenario)
    }

    /// The same, and what decides where the warm-up of a scenario ends.
    pub(super) fn with_warmup(mut self, scenario: &Scenario) -> Self {
        if let Some((subject, metric)) = scenario.warmup.as_ref().and_then(WarmupSpec::mser5) {
            self.add(Some(subject), metric, None);
        }
        self
    }

    /// Adds a metric; `over_time` is there if a figure shows it over time, in parts of this length if it has them.
    fn add(&mut self, subject: Option<Subject>, metric: Metric, over_time: Option<Option<Span>>) {
        let Some(subject) = subject.filter(|_| metric.of() != Scope::Exchanges) else { return };
        match &subject {
            Subject::App(app) if metric.of() == Scope::Connections => {
                *self.connections.entry(app.clone()).or_default() |= over_time.is_some();
            }
            Subject::App(app) if metric.of() == Scope::Traffic => {
                self.traffic.insert(app.clone());
            }
            Subject::App(app) if metric.of() == Scope::Rates => {
                self.rates.insert(app.clone());
            }
            _ if metric.of() == Scope::Devices => {
                self.devices.insert(subject.clone());
            }
            Subject::App(app) if metric.of() == Scope::DevicesPerExchange => {
                self.devices.insert(subject.clone());
                self.rates.insert(app.clone());
            }
            // Refused: nothing else is of nodes.
            Subject::Node(_) => {}
            // They are kept of all applications.
            Subject::App(_) if metric.of() == Scope::Counts => {}
            Subject::App(app) => *self.sinks.entry(app.clone()).or_default() |= over_time.is_some(),
            Subject::Link(link, way) => {
                self.links.entry((link.clone(), *way)).or_default().extend(over_time.flatten());
            }
        }
        if over_time.is_none() && metric.is_summary() {
            self.rows.insert((subject, metric));
        }
    }
}
