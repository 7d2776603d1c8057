//! Why a figure cannot be drawn.

/// Why a figure cannot be drawn.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FigureError {
    /// A figure without panels.
    #[error("the figure has no panel")]
    NoPanels,
    /// A panel without series.
    #[error("panel {panel} (counted from 1) has no series")]
    NoSeries {
        /// Number of the panel, from 1.
        panel: usize,
    },
    /// A series without points.
    #[error("series '{series}' has no points")]
    EmptySeries {
        /// Its label.
        series: String,
    },
    /// Two series of a panel under one label.
    #[error("two series of one panel are called '{series}'")]
    DuplicateLabel {
        /// The label.
        series: String,
    },
    /// NaN, an infinity, or a number beyond ±1e300.
    #[error("series '{series}': {field} of point {point} (counted from 1) is {value}, not a number within ±1e300")]
    NotFinite {
        /// The series.
        series: String,
        /// Number of the point, from 1.
        point: usize,
        /// x, y, low or high.
        field: &'static str,
        /// The number.
        value: f64,
    },
    /// Zero or less on a logarithmic axis.
    #[error("series '{series}': {field} of point {point} (counted from 1) is {value}, but its axis is logarithmic")]
    NotPositive {
        /// The series.
        series: String,
        /// Number of the point, from 1.
        point: usize,
        /// x or y.
        field: &'static str,
        /// The number.
        value: f64,
    },
    /// An interval with one end, or with its ends exchanged.
    #[error("series '{series}': the interval of point {point} (counted from 1) {problem}")]
    BadInterval {
        /// The series.
        series: String,
        /// Number of the point, from 1.
        point: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// A formula of a series that is not measured in this panel.
    #[error("series '{series}' is a formula of '{target}', which is not a measured series of its panel")]
    UnknownTarget {
        /// The formula.
        series: String,
        /// What it names.
        target: String,
    },
    /// A range that is empty, not finite, or not positive on a logarithmic axis.
    #[error("axis '{axis}': the range from {low} to {high} cannot be shown")]
    BadRange {
        /// Label of the axis.
        axis: String,
        /// Its first value.
        low: f64,
        /// Its last value.
        high: f64,
    },
    /// Bars or dots on an axis of numbers, or anything else on one of categories.
    #[error("series '{series}' {problem}")]
    WrongAxis {
        /// The series.
        series: String,
        /// What does not go together.
        problem: &'static str,
    },
    /// Cells that cannot be drawn.
    #[error("panel {panel} (counted from 1) {problem}")]
    BadCells {
        /// Number of the panel, from 1.
        panel: usize,
        /// What is wrong.
        problem: String,
    },
    /// An x that is not the number of a category.
    #[error(
        "series '{series}': x of point {point} (counted from 1) is {value}, not the number of a category (0 to {last})"
    )]
    NoCategory {
        /// The series.
        series: String,
        /// Number of the point, from 1.
        point: usize,
        /// Its x.
        value: f64,
        /// Number of the last category.
        last: usize,
    },
    /// A panel whose explicit ranges leave out all of its data.
    #[error("panel {panel} (counted from 1) shows nothing: all its data lie outside the range of axis '{axis}'")]
    NothingInRange {
        /// Number of the panel, from 1.
        panel: usize,
        /// Label of the axis.
        axis: String,
    },
    /// A character that the bundled font lacks.
    #[error("the font has no character {character:?}, used in '{text}'")]
    UnsupportedCharacter {
        /// The character.
        character: char,
        /// The text it stands in.
        text: String,
    },
    /// A renderer refused.
    #[error("cannot render the figure: {0}")]
    Render(String),
}
