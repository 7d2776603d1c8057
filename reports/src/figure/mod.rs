//! Line figures as SVG, PNG and PDF: the same bytes on every machine.
//!
//! A [`Figure`] is plain data: panels with axes and series of points, with confidence intervals as bands or error
//! bars, and curves of formulas over them. [`Figure::to_svg`], [`Figure::to_png`] and [`Figure::to_pdf`] draw it.
//!
//! ```
//! use protosim_reports::figure::{Axis, Figure, Panel, Point, Series};
//! let measured = [(0.0, 1.0), (10.0, 0.97), (20.0, 0.91)].map(|(x, y)| Point::new(x, y).within(y - 0.02, y + 0.02));
//! let formula = [(0.0, 1.0), (10.0, 0.97), (20.0, 0.91)].map(|(x, y)| Point::new(x, y));
//! let figure = Figure::new("Delivery over a lossy link").panel(
//!     Panel::new(Axis::linear("Loss each way").unit("%"), Axis::linear("Delivery ratio"))
//!         .series(Series::measured("confirmable", measured))
//!         .series(Series::formula("closed form", formula).of("confirmable")),
//! );
//! let svg = figure.to_svg()?;
//! assert!(svg.contains("Loss each way (%)"));
//! # Ok::<(), protosim_reports::figure::FigureError>(())
//! ```
//!
//! # How it works, and why so
//! `validate` refuses what cannot be drawn; `layout` measures text and places panels and legends; `draw` turns data
//! into a [`scene::Scene`] of paths and lines of text; `svg` writes it, resvg rasterises that SVG into the PNG, and
//! `pdf` writes the scene through krilla. Other drawings can be made as a `Scene` and written the same way.
//!
//! - **SVG is written here, not by plotters.** Its backend has integer coordinates, no dash pattern (each dash becomes
//!   an element), no groups and no clipping; text is left to the viewer's fonts; its log axes use platform maths. What
//!   would remain of it is the writing of `<path>`.
//! - **Text is outlines in SVG** (and `aria-label`, `<title>`, `<desc>` for readers): it looks the same in every
//!   browser, in Inkscape and in pages whose policy forbids embedded fonts, and rasterising needs no font machinery.
//!   In PDF it is text in an embedded font, so that it can be searched and copied.
//! - **No platform maths**: logarithms come from `protosim_core::maths`, curves are quadratic (renderers stroke
//!   cubic ones with trigonometry), coordinates are rounded to hundredths, clipping is done here.
//! - **Nothing that varies**: no ids, no dates, no hash order, no machine fonts.

mod draw;
mod font;
mod geometry;
mod layout;
mod pdf;
pub mod scene;
mod style;
mod svg;
mod ticks;
mod validate;

pub use font::{unsupported_character, width as text_width};

/// Linear or logarithmic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Equal steps are equal distances.
    Linear,
    /// Equal ratios are equal distances.
    Log,
}

/// One axis of a panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What it shows ("Completion time").
    pub label: String,
    /// Unit of the numbers ("ms"); empty for a number without one. Long numbers get a power of ten in front of it.
    pub unit: String,
    /// Linear or logarithmic.
    pub scale: Scale,
    /// First and last value shown; `None` shows all data. What lies outside is cut off.
    pub range: Option<(f64, f64)>,
}

impl Axis {
    /// A linear axis without unit, over all data.
    pub fn linear(label: impl Into<String>) -> Self {
        Self { label: label.into(), unit: String::new(), scale: Scale::Linear, range: None }
    }

    /// A logarithmic axis without unit, over all data.
    pub fn log(label: impl Into<String>) -> Self {
        Self { scale: Scale::Log, ..Self::linear(label) }
    }

    /// The same axis with a unit.
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = unit.into();
        self
    }

    /// The same axis from `low` to `high` exactly.
    pub fn range(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }
}

/// One point of a series, in the units of its axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Place on the x axis.
    pub x: f64,
    /// Place on the y axis.
    pub y: f64,
    /// Lower end of the interval at this point; with it goes `high`. On a logarithmic axis an end at zero or below
    /// reaches to the axis's beginning.
    pub low: Option<f64>,
    /// Upper end of the interval at this point.
    pub high: Option<f64>,
}

impl Point {
    /// A point without an interval.
    pub fn new(x: f64, y: f64) -> Self {
        Self { x, y, low: None, high: None }
    }

    /// The same point with an interval from `low` to `high`.
    pub fn within(mut self, low: f64, high: f64) -> Self {
        (self.low, self.high) = (Some(low), Some(high));
        self
    }
}

/// Where a series comes from, which decides how it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Markers joined by a line. Beyond 60 points, markers less than 36 units along x from the last are left out. Where a
    /// formula says that it is [`Series::of`] this series, the formula is the line, and the series shows its markers
    /// alone.
    Measured,
    /// A thin line without markers.
    Formula,
}

/// How the intervals of a series are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// A translucent band. A point with no neighbour that has an interval gets an error bar.
    Band,
    /// An error bar at each point.
    Bars,
}

/// A named series of points, joined in the order given.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name in the legend; unique within a panel. One label looks the same in all panels.
    pub label: String,
    /// Its points.
    pub points: Vec<Point>,
    /// Measured or calculated.
    pub style: Style,
    /// How intervals are shown, where points have them.
    pub interval: Interval,
    /// For a formula: the label of the measured series of the same panel that it predicts and whose colour it takes.
    pub of: Option<String>,
}

impl Series {
    /// A measured series; intervals are shown as a band.
    pub fn measured(label: impl Into<String>, points: impl Into<Vec<Point>>) -> Self {
        let (label, points) = (label.into(), points.into());
        Self { label, points, style: Style::Measured, interval: Interval::Band, of: None }
    }

    /// A formula, sampled densely enough for straight lines between the points.
    pub fn formula(label: impl Into<String>, points: impl Into<Vec<Point>>) -> Self {
        Self { style: Style::Formula, ..Self::measured(label, points) }
    }

    /// The same series with error bars instead of a band.
    pub fn with_error_bars(mut self) -> Self {
        self.interval = Interval::Bars;
        self
    }

    /// The same formula as the prediction of a measured series.
    pub fn of(mut self, label: impl Into<String>) -> Self {
        self.of = Some(label.into());
        self
    }
}

/// A pair of axes with what is drawn between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// The horizontal axis. Panels with equal x axes share one range; stacked, also its labels.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn, in the order of the legend.
    pub series: Vec<Series>,
}

impl Panel {
    /// A panel without series.
    pub fn new(x: Axis, y: Axis) -> Self {
        Self { x, y, series: Vec::new() }
    }

    /// The same panel with one more series.
    pub fn series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }
}

/// How several panels are arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrangement {
    /// One below the other.
    Stacked,
    /// From left to right.
    SideBySide,
}

/// A figure of one or more panels.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Printed above the panels; may be empty.
    pub title: String,
    /// The panels.
    pub panels: Vec<Panel>,
    /// How they are arranged.
    pub arrangement: Arrangement,
    /// Printed small below the panels; may be empty.
    pub caption: String,
}

impl Figure {
    /// A figure without panels; panels are stacked.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), panels: Vec::new(), arrangement: Arrangement::Stacked, caption: String::new() }
    }

    /// The same figure with one more panel.
    pub fn panel(mut self, panel: Panel) -> Self {
        self.panels.push(panel);
        self
    }

    /// The same figure with its panels from left to right.
    pub fn side_by_side(mut self) -> Self {
        self.arrangement = Arrangement::SideBySide;
        self
    }

    /// The same figure with a caption.
    pub fn caption(mut self, caption: impl Into<String>) -> Self {
        self.caption = caption.into();
        self
    }

    /// Whether the figure can be drawn; the three writers check it too.
    ///
    /// # Errors
    /// The first fault found, naming the series or axis.
    pub fn check(&self) -> Result<(), FigureError> {
        validate::check(self)
    }

    /// The figure as paths and lines of text.
    ///
    /// # Errors
    /// As [`Figure::check`].
    pub fn to_scene(&self) -> Result<scene::Scene, FigureError> {
        validate::check(self)?;
        Ok(draw::figure(self, &layout::arrange(self)))
    }

    /// The figure as an SVG document.
    ///
    /// # Errors
    /// As [`Figure::check`].
    pub fn to_svg(&self) -> Result<String, FigureError> {
        Ok(self.to_scene()?.to_svg())
    }

    /// The figure as a PNG file, `scale` pixels to a user unit (2 suits screens, 4 print).
    ///
    /// # Errors
    /// As [`Figure::check`]; [`FigureError::Render`] if the image would have no pixels or more than 2^14 on a side.
    pub fn to_png(&self, scale: f32) -> Result<Vec<u8>, FigureError> {
        self.to_scene()?.to_png(scale)
    }

    /// The figure as a one-page PDF file of the figure's size, 3/4 point to a user unit, without a date.
    ///
    /// # Errors
    /// As [`Figure::check`]; [`FigureError::Render`] if the PDF library refuses.
    pub fn to_pdf(&self) -> Result<Vec<u8>, FigureError> {
        self.to_scene()?.to_pdf()
    }
}

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

#[cfg(test)]
mod tests;
