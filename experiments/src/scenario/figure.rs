//! What a scenario says of figures and expectations.

use super::AxisSpec;
use protosim_reports::formula::{Bindings, Formula};
use serde::{Deserialize, Serialize};

/// A figure of one or more panels.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FigureSpec {
    /// The files' name, without ending.
    pub name: String,
    /// Above the figure.
    pub title: String,
    /// Below the figure. Default: none.
    #[serde(default)]
    pub caption: String,
    /// Its panels, from top to bottom.
    pub panels: Vec<PanelSpec>,
}

/// One pair of axes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PanelSpec {
    /// The axis of the experiment that goes to the right.
    pub x: String,
    /// What to write below it.
    pub x_label: String,
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
}

/// A scale.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum ScaleSpec {
    /// Equal steps are equal distances.
    #[default]
    Linear,
    /// Equal ratios are equal distances.
    Log,
}

/// A metric of an application, over the x axis, with its interval.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesSpec {
    /// Its name in the legend.
    pub label: String,
    /// The application.
    pub app: String,
    /// What of it.
    pub metric: Metric,
}

/// A formula over the x axis.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
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

/// What is computed from an application's exchanges at each point.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Metric {
    /// Share of exchanges whose request reached the server's application.
    Delivered,
    /// Share of exchanges that ended with a response; one that is open when the run ends has none.
    Completed,
    /// Mean number of transmissions of the request, over all exchanges that ended.
    MeanTransmissions,
    /// Mean time from the first transmission to the response, over exchanges that got one.
    MeanCompletion,
    /// Median of that time.
    MedianCompletion,
    /// Its 95 % quantile.
    P95Completion,
    /// Its 99 % quantile.
    P99Completion,
}

impl Metric {
    /// All metrics, in the order of the summary table.
    pub const ALL: [Self; 7] = [
        Self::Delivered,
        Self::Completed,
        Self::MeanTransmissions,
        Self::MeanCompletion,
        Self::MedianCompletion,
        Self::P95Completion,
        Self::P99Completion,
    ];

    /// As written in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Completed => "completed",
            Self::MeanTransmissions => "transmissions mean",
            Self::MeanCompletion => "completion mean",
            Self::MedianCompletion => "completion p50",
            Self::P95Completion => "completion p95",
            Self::P99Completion => "completion p99",
        }
    }

    /// Its unit; empty for shares and counts.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Delivered | Self::Completed | Self::MeanTransmissions => "",
            _ => "s",
        }
    }
}

/// Something that must hold at every point.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The application.
    pub app: String,
    /// What of it.
    pub metric: Metric,
    /// How it compares.
    pub must: Must,
    /// Names for parts of the formula, each made of those before it.
    #[serde(default, rename = "where")]
    pub bindings: Vec<(String, String)>,
}

/// A comparison with a formula over names of axes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Must {
    /// The value is at least this.
    BeAtLeast(String),
    /// The value is at most this.
    BeAtMost(String),
    /// Simultaneous 99.9 % intervals over all points (Bonferroni) contain this. Exchanges are taken as independent of
    /// each other, so that the intervals are narrow.
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
