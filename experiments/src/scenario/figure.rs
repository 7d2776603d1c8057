//! What a scenario says of figures and expectations.

use super::condition::{self, parse_condition};
use super::metric::{Metric, Subject, Way};
use super::{AxisSpec, VARIANT};
use protosim_core::Span;
use protosim_models::name::LinkName;
use protosim_reports::formula::{Bindings, Condition, Formula};
use serde::{Deserialize, Serialize};

/// A figure of one or more panels.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FigureSpec {
    /// The files' name, without ending.
    pub name: String,
    /// Above the figure.
    pub title: String,
    /// Below the figure. Default: none.
    #[serde(default)]
    pub caption: String,
    /// Whether panels whose vertical axes have the same label, unit and scale go from the same least to the same largest value.
    /// Default: no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub same_y: bool,
    /// Whether panels stand beside each other, from left to right. Default: from top to bottom.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub side_by_side: bool,
    /// Its panels, from top to bottom.
    pub panels: Vec<PanelSpec>,
}

/// One pair of axes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PanelSpec {
    /// What goes to the right.
    pub x: PanelX,
    /// What to write below it.
    pub x_label: String,
    /// Of what goes to the right. Default: Linear.
    #[serde(default)]
    pub x_scale: ScaleSpec,
    /// What to write beside the vertical axis.
    pub y_label: String,
    /// Default: Linear.
    #[serde(default)]
    pub y_scale: ScaleSpec,
    /// What is drawn.
    pub series: Vec<SeriesSpec>,
    /// Formulas drawn over it.
    #[serde(default)]
    pub formulas: Vec<FormulaSpec>,
    /// Makes it a heat map: the values of `x` are columns, those of another axis rows, and each cell shows the value of the one series by its
    /// colour and a text. Default: lines, bars or dots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cells: Option<CellsSpec>,
    /// Of points of this variant alone. Default: of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Of points alone where this holds: a condition over names of axes, as the scenario's own. Default: of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_if: Option<String>,
}

impl PanelSpec {
    /// The points that it shows.
    pub fn filter(&self) -> PointFilter<'_> {
        PointFilter { variant: self.variant.as_deref(), only_if: self.only_if.as_deref() }
    }
}

/// The rows of a heat map, and how values become colours and texts.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CellsSpec {
    /// The axis whose values are rows, or `"variant"`: cases and variants from top to bottom, numbers from bottom to top.
    pub y: String,
    /// What values are called, where they stand for something: each text has a colour of its own, at most 16 different ones. Default:
    /// values are numbers, on a scale of colours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<CellLabel>,
    /// The scale of colours of numbers. Default: Linear.
    #[serde(default, skip_serializing_if = "ScaleSpec::is_linear")]
    pub scale: ScaleSpec,
    /// Decimals of the numbers in cells. Default: as many as show three digits of the largest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u8>,
}

/// What a value of a cell is called.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CellLabel {
    /// The value.
    pub value: f64,
    /// What stands in its cells.
    pub text: String,
    /// What that means, in the legend. Default: nothing; the legend is left out where nothing has a meaning.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub meaning: String,
}

/// Which points a panel shows, or an expectation is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PointFilter<'a> {
    /// Those of this variant alone.
    pub variant: Option<&'a str>,
    /// Those alone where this condition over names of axes holds.
    pub only_if: Option<&'a str>,
}

impl PointFilter<'_> {
    /// Whether a point is among them. A condition that cannot be read holds nowhere; checks refuse it.
    pub fn includes(&self, axes: &[AxisSpec], variant: Option<&str>, values: &[f64]) -> bool {
        let value_of = |name: &str| condition::value_of(axes, values, name);
        let holds = |text| {
            parse_condition(axes, text).is_ok_and(|condition: Condition| condition.holds(&value_of).unwrap_or(false))
        };
        self.variant.is_none_or(|wanted| variant == Some(wanted)) && self.only_if.is_none_or(holds)
    }
}

/// What a panel has to the right. A bare text is the name of an axis: the scenario reader takes it for the first form.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename(serialize = "PanelX", deserialize = "~PanelX"), deny_unknown_fields)]
pub enum PanelX {
    /// An axis of the experiment; or `"variant"`, whose names stand side by side.
    Axis(String),
    /// Simulated time, in the first replication of each point: single exchanges and datagrams where they happen, rates and
    /// queue delays as one value for each `bin`. A queue delay is then the mean over packets that are offered in the bin.
    Time {
        /// The length of a bin. Needed by rates and queue delays; nothing else has it.
        #[serde(default)]
        bin: Option<Span>,
    },
    /// The values of a metric, and to the top the share of samples up to them, over all replications.
    Distribution,
}

impl PanelX {
    /// True if it compares variants.
    pub fn is_variant(&self) -> bool {
        matches!(self, Self::Axis(name) if name == VARIANT)
    }
}

/// A scale.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum ScaleSpec {
    /// Equal steps are equal distances.
    #[default]
    Linear,
    /// Equal ratios are equal distances.
    Log,
}

impl ScaleSpec {
    fn is_linear(&self) -> bool {
        *self == Self::Linear
    }
}

/// A metric of an application or of one direction of a link, with its interval.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeriesSpec {
    /// Its name in the legend. Variants and values of axes that tell lines apart are added to it.
    pub label: String,
    /// The application.
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

impl SeriesSpec {
    /// Whom it is of.
    pub fn subject(&self) -> Option<Subject> {
        let other = Subject::of(self.app.as_deref(), self.link.as_ref(), self.direction);
        let is_alone = self.app.is_none() && self.link.is_none() && self.direction.is_none();
        Subject::with_node(self.node.as_deref(), other, is_alone)
    }
}

/// A formula over the x axis.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FormulaSpec {
    /// Its name in the legend.
    pub label: String,
    /// The label of the series that it predicts, if any.
    pub of: Option<String>,
    /// The value, from names of axes (shares as numbers from 0 to 1, times in seconds, rates in bit/s, sizes in bytes)
    /// and of `where`.
    pub y: String,
    /// Names for parts of the formula, each made of those before it.
    #[serde(default, rename = "where")]
    pub bindings: Vec<(String, String)>,
}

/// Something that must hold at every point, or at some of them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The application.
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
    /// How it compares.
    pub must: Must,
    /// It must hold in each run by itself, and not of the mean alone: what `protosim explore` looks for. Of means, shares, quantiles and counts, at
    /// least or at most. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_each_run: bool,
    /// Names for parts of the formula, each made of those before it.
    #[serde(default, rename = "where")]
    pub bindings: Vec<(String, String)>,
    /// At points of this variant alone. Default: at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// At points alone where this holds: a condition over names of axes, as the scenario's own. Default: at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_if: Option<String>,
}

impl Expectation {
    /// The points at which it must hold.
    pub fn filter(&self) -> PointFilter<'_> {
        PointFilter { variant: self.variant.as_deref(), only_if: self.only_if.as_deref() }
    }

    /// Whom it is of.
    pub fn subject(&self) -> Option<Subject> {
        let other = Subject::of(self.app.as_deref(), self.link.as_ref(), self.direction);
        let is_alone = self.app.is_none() && self.link.is_none() && self.direction.is_none();
        Subject::with_node(self.node.as_deref(), other, is_alone)
    }
}

/// A comparison with a formula over names of axes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Must {
    /// The value is at least this.
    BeAtLeast(String),
    /// The value is at most this.
    BeAtMost(String),
    /// Simultaneous 99.9 % intervals over all points (Bonferroni) contain this. Exchanges are taken as independent of
    /// each other, so that the intervals are narrow; metrics of links and sinks have those of replications, or of batches.
    AgreeWith(String),
}

impl Must {
    /// The formula's text.
    pub fn formula(&self) -> &str {
        match self {
            Self::BeAtLeast(text) | Self::BeAtMost(text) | Self::AgreeWith(text) => text,
        }
    }
}

/// The value of a formula over names of axes, at these values of them.
///
/// # Errors
/// Why it has none, in words.
pub fn evaluate(axes: &[AxisSpec], text: &str, bindings: &[(String, String)], values: &[f64]) -> Result<f64, String> {
    let formula = Formula::parse(text).map_err(|error| error.to_string())?;
    let bindings = Bindings::parse(bindings.iter().map(|(name, text)| (name.as_str(), text.as_str())))
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    let value_of = |name: &str| values.get(axes.iter().position(|axis| axis.name == name)?).copied();
    bindings.eval(&formula, &value_of).map_err(|error| error.to_string())
}
