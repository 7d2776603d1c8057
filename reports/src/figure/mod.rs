//! Figures as SVG, PNG and PDF: the same bytes on every machine.
//!
//! A [`Figure`] is plain data: panels with axes and series of points, with confidence intervals as bands or error
//! bars, and curves of formulas over them; time series, distribution functions, and bars or dots over named categories. [`Figure::to_svg`], [`Figure::to_png`] and [`Figure::to_pdf`] draw it.
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
//! | Series | Drawn as |
//! |---|---|
//! | [`Series::measured`] | markers joined by a line, with intervals |
//! | [`Series::formula`] | a thin line |
//! | [`Series::line`] | a line without markers, for long series |
//! | [`Series::step`] | a value that holds until the next point: a queue's length, a window |
//! | [`Series::cdf`] | an empirical distribution function, as [`crate::statistics::SortedSamples::cdf`] gives it |
//! | [`Series::scatter`] | markers without a line: points that have no order |
//! | [`Series::marks`], [`Series::spans`] | crosses without a line; upright strokes over intervals |
//! | [`Series::bars`], [`Series::dots`] | groups over [`Axis::categories`], with intervals as whiskers |
//! | [`Panel::of_cells`] | a heat map over two axes of categories, by names or by a scale of colours |
//!
//! Any number of points makes a small file: what falls into one column of the page is drawn by its ends and extremes.
//!
//! # How it works, and why so
//! `validate` refuses what cannot be drawn; `compare` sets the series of a category side by side; `cells` colours heat maps and `matrix` places and draws them; `dense` thins long lines; `layout` measures text and places panels and legends; `draw` turns data
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

mod cells;
mod compare;
mod dense;
mod draw;
mod error;
mod font;
mod geometry;
mod layout;
mod matrix;
mod pdf;
pub mod scene;
pub(crate) mod style;
mod svg;
mod ticks;
mod validate;

pub use cells::{Cell, CellName, Cells, Colouring, MOST_NAMES};
pub use error::FigureError;
pub(crate) use font::wrap;
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
    /// Names of the categories that an x axis compares, from left to right, or the rows of cells, from top to bottom; empty for an axis of
    /// numbers.
    pub categories: Vec<String>,
}

impl Axis {
    /// A linear axis without unit, over all data.
    pub fn linear(label: impl Into<String>) -> Self {
        Self { label: label.into(), unit: String::new(), scale: Scale::Linear, range: None, categories: Vec::new() }
    }

    /// A logarithmic axis without unit, over all data.
    pub fn log(label: impl Into<String>) -> Self {
        Self { scale: Scale::Log, ..Self::linear(label) }
    }

    /// An axis of named categories, numbered from 0; a y axis has them where the panel has cells: queue disciplines, devices, variants. `label` may be empty.
    pub fn categories<N: Into<String>>(label: impl Into<String>, names: impl IntoIterator<Item = N>) -> Self {
        Self { categories: names.into_iter().map(Into::into).collect(), ..Self::linear(label) }
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
    /// True if something is missing before this point: no line leads here.
    pub after_gap: bool,
}

impl Point {
    /// A point without an interval.
    pub fn new(x: f64, y: f64) -> Self {
        Self { x, y, low: None, high: None, after_gap: false }
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
    /// A line without markers.
    Line,
    /// A value that holds from each point to the next one's x.
    Step,
    /// The same, for distribution functions: dashes tell the series apart in grey.
    Cdf,
    /// A bar from zero (from the axis's beginning where that is logarithmic) at each category.
    Bars,
    /// A marker at each category.
    Dots,
    /// A cross at each point, along an axis of numbers.
    Marks,
    /// A marker at each point, along an axis of numbers, without a line: points that have no order.
    Scatter,
    /// An upright stroke over the interval of each point.
    Spans,
}

impl Style {
    /// Whether it stands over categories rather than along an axis of numbers.
    fn compares(self) -> bool {
        matches!(self, Self::Bars | Self::Dots)
    }
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
    /// Where it comes from and how it is drawn.
    pub style: Style,
    /// How intervals are shown, where points have them.
    pub interval: Interval,
    /// For a formula: the label of the series of the same panel that it predicts and whose colour it takes.
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

    /// A long series, as samples over time: a line without markers.
    pub fn line(label: impl Into<String>, points: impl Into<Vec<Point>>) -> Self {
        Self { style: Style::Line, ..Self::measured(label, points) }
    }

    /// A value that holds from each point to the next, as a queue's length or a window. Where it holds to the end,
    /// the last point says so by repeating it.
    pub fn step(label: impl Into<String>, points: impl Into<Vec<Point>>) -> Self {
        Self { style: Style::Step, ..Self::measured(label, points) }
    }

    /// A distribution function that rises at each value to the share beside it, as
    /// [`crate::statistics::SortedSamples::cdf`] gives them. On a logarithmic x axis values must be above 0.
    pub fn cdf(label: impl Into<String>, steps: &[(f64, f64)]) -> Self {
        let start = steps.first().map(|&(x, _)| Point::new(x, 0.0));
        let points: Vec<Point> = start.into_iter().chain(steps.iter().map(|&(x, y)| Point::new(x, y))).collect();
        Self { style: Style::Cdf, ..Self::measured(label, points) }
    }

    /// Bars over categories; a point's x is the number of its category, from 0. Categories may be left out. An interval is
    /// a whisker.
    pub fn bars(label: impl Into<String>, points: impl Into<Vec<Point>>) -> Self {
        Self { style: Style::Bars, interval: Interval::Bars, ..Self::measured(label, points) }
    }

    /// Markers over categories, otherwise as [`Series::bars`]; better on a logarithmic axis, where bars have no beginning.
    pub fn dots(label: impl Into<String>, points: impl Into<Vec<Point>>) -> Self {
        Self { style: Style::Dots, ..Self::bars(label, points) }
    }

    /// Crosses along an axis of numbers, without a line: what is lost.
    pub fn marks(label: impl Into<String>, points: impl Into<Vec<Point>>) -> Self {
        Self { style: Style::Marks, interval: Interval::Bars, ..Self::measured(label, points) }
    }

    /// Points without an order, along an axis of numbers: a marker for each, and error bars for intervals.
    pub fn scatter(label: impl Into<String>, points: impl Into<Vec<Point>>) -> Self {
        Self { style: Style::Scatter, interval: Interval::Bars, ..Self::measured(label, points) }
    }

    /// Upright strokes, each over the interval of its point: segments over time.
    pub fn spans(label: impl Into<String>, points: impl Into<Vec<Point>>) -> Self {
        Self { style: Style::Spans, interval: Interval::Bars, ..Self::measured(label, points) }
    }

    /// The same series with error bars instead of a band.
    pub fn with_error_bars(mut self) -> Self {
        self.interval = Interval::Bars;
        self
    }

    /// The same formula as the prediction of another series.
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
    /// Instead of series: a value for each pair of an x and a y category.
    pub cells: Option<Cells>,
}

impl Panel {
    /// A panel without series.
    pub fn new(x: Axis, y: Axis) -> Self {
        Self { x, y, series: Vec::new(), cells: None }
    }

    /// A panel of cells over two axes of categories. Those of `x` go from left to right, those of `y` from top to bottom.
    pub fn of_cells(x: Axis, y: Axis, cells: Cells) -> Self {
        Self { cells: Some(cells), ..Self::new(x, y) }
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
    /// Whether panels with equal y axes share one range.
    pub shares_y: bool,
}

impl Figure {
    /// A figure without panels; panels are stacked.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            panels: Vec::new(),
            arrangement: Arrangement::Stacked,
            caption: String::new(),
            shares_y: false,
        }
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

    /// The same figure with one range for all y axes that are equal.
    pub fn sharing_y(mut self) -> Self {
        self.shares_y = true;
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
        let figure = compare::spread(self);
        Ok(draw::figure(&figure, &layout::arrange(&figure)))
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

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_cells;
#[cfg(test)]
mod tests_kinds;
