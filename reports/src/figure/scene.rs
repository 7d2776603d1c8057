//! What a figure is made of once everything is measured: paths and lines of text at fixed places.
//!
//! The scene is the one description from which SVG, PNG and PDF come, so the three show the same. Coordinates are
//! user units (CSS pixels, 96 to the inch), y downwards, rounded to hundredths when they are written, so that the last
//! bits of a float never reach a file. Curves are quadratic: renderers stroke cubic ones with platform
//! trigonometry.

/// An sRGB colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

/// Rounds a coordinate to hundredths of a user unit.
pub(super) fn grid(value: f64) -> f64 {
    // The addition turns -0.0 into 0.0, which would be written as "-0".
    (value * 100.0).round() / 100.0 + 0.0
}

/// One piece of a path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Segment {
    /// Starts a new subpath at (x, y).
    Move(f64, f64),
    /// A straight line to (x, y).
    Line(f64, f64),
    /// A quadratic curve: control point, end point.
    Quad(f64, f64, f64, f64),
    /// Back to the start of the subpath.
    Close,
}

/// How a path's interior is painted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fill {
    /// Its colour.
    pub colour: Colour,
    /// 0 (invisible) to 1 (opaque).
    pub opacity: f64,
}

/// How a path's outline is painted.
#[derive(Clone, Debug, PartialEq)]
pub struct Stroke {
    /// Its colour.
    pub colour: Colour,
    /// Width in user units.
    pub width: f64,
    /// Lengths of dashes and gaps in turn, in user units; empty for a solid line.
    pub dashes: &'static [f64],
}

impl Stroke {
    /// A solid line.
    pub fn solid(colour: Colour, width: f64) -> Self {
        Self { colour, width, dashes: &[] }
    }
}

/// Which end of a line of text lies at its anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// The text begins at x.
    Start,
    /// The text is centred on x.
    Middle,
    /// The text ends at x.
    End,
}

/// One line of text in the bundled font.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// What it says.
    pub content: String,
    /// Anchor on the baseline.
    pub x: f64,
    /// Baseline.
    pub y: f64,
    /// Font size in user units.
    pub size: f64,
    /// Where the anchor is.
    pub anchor: Anchor,
    /// Which way it reads: a step of length 1 on the page, such as [`Text::RIGHTWARDS`].
    pub along: (f64, f64),
    /// Its colour.
    pub colour: Colour,
}

impl Text {
    /// From left to right.
    pub const RIGHTWARDS: (f64, f64) = (1.0, 0.0);
    /// Upwards, as beside a y axis.
    pub const UPWARDS: (f64, f64) = (0.0, -1.0);
}

/// One item, drawn over all earlier ones.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// Begins a named group (`class` for tools, `label` for readers); it changes nothing visible.
    Open {
        /// What kind of thing it is: "series", "band", "legend".
        class: &'static str,
        /// What it is called.
        label: String,
    },
    /// Ends the group begun last.
    Close,
    /// A path, filled, stroked or both.
    Path {
        /// What kind of thing it is, for tools and tests; may be empty.
        class: &'static str,
        /// Its pieces.
        segments: Vec<Segment>,
        /// Its interior, if painted.
        fill: Option<Fill>,
        /// Its outline, if painted.
        stroke: Option<Stroke>,
    },
    /// A line of text.
    Text(Text),
}

/// A whole drawing on a white page.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Width in user units.
    pub width: f64,
    /// Height in user units.
    pub height: f64,
    /// Name of the drawing, for readers that cannot see it and as the PDF's title.
    pub title: String,
    /// What it shows, for readers that cannot see it.
    pub description: String,
    /// What is on it, from back to front.
    pub items: Vec<Item>,
}

impl Scene {
    /// Adds a stroked open line through `points`.
    pub fn line(&mut self, class: &'static str, points: &[(f64, f64)], stroke: Stroke) {
        let segments = polyline(points);
        self.items.push(Item::Path { class, segments, fill: None, stroke: Some(stroke) });
    }

    /// Adds a filled polygon.
    pub fn polygon(&mut self, class: &'static str, points: &[(f64, f64)], fill: Fill) {
        let mut segments = polyline(points);
        segments.push(Segment::Close);
        self.items.push(Item::Path { class, segments, fill: Some(fill), stroke: None });
    }

    /// Adds a line of text.
    pub fn text(&mut self, text: Text) {
        self.items.push(Item::Text(text));
    }
}

/// A path through `points`, open.
pub fn polyline(points: &[(f64, f64)]) -> Vec<Segment> {
    let step = |(i, &(x, y)): (usize, &(f64, f64))| if i == 0 { Segment::Move(x, y) } else { Segment::Line(x, y) };
    points.iter().enumerate().map(step).collect()
}
