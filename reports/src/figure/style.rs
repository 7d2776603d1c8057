//! Colours, markers and dash patterns.
//!
//! Colours are those of Okabe and Ito ("Color Universal Design", 2008), which people with any colour vision
//! tell apart; their yellow is left out, being too faint for lines on white. Seven colours, eight markers and five
//! dash patterns have no common factor, so 280 series differ, and in grey the marker and the dashes still tell them apart.

use super::scene::{Colour, Fill, Item, Scene, Segment, Stroke, polyline};
use super::{Figure, Series, Style};

/// Ordinary text and the frame.
pub(crate) const INK: Colour = Colour(0x22, 0x22, 0x22);
/// The caption.
pub(crate) const FAINT_INK: Colour = Colour(0x55, 0x55, 0x55);
/// Grid lines at major ticks.
pub(crate) const GRID: Colour = Colour(0xdd, 0xdd, 0xdd);
/// Grid lines at minor ticks.
pub(crate) const MINOR_GRID: Colour = Colour(0xee, 0xee, 0xee);
/// Behind everything.
pub(crate) const PAPER: Colour = Colour(0xff, 0xff, 0xff);
/// Opacity of confidence bands.
pub(super) const BAND_OPACITY: f64 = 0.2;
/// Half the size of a marker, in user units.
pub(super) const MARKER: f64 = 3.6;

/// Blue, vermillion, bluish green, reddish purple, orange, sky blue, black.
pub(crate) const COLOURS: [Colour; 7] = [
    Colour(0x00, 0x72, 0xb2),
    Colour(0xd5, 0x5e, 0x00),
    Colour(0x00, 0x9e, 0x73),
    Colour(0xcc, 0x79, 0xa7),
    Colour(0xe6, 0x9f, 0x00),
    Colour(0x56, 0xb4, 0xe9),
    Colour(0x00, 0x00, 0x00),
];
const DASHES: [&[f64]; 5] = [&[], &[5.0, 2.5], &[2.0, 2.0], &[7.0, 2.5, 1.5, 2.5], &[6.0, 2.0, 1.5, 2.0, 1.5, 2.0]];
/// Formulas of no series in particular are grey and never solid: in grey print they differ from measured lines.
const FORMULA_DASHES: [&[f64]; 4] = [&[5.0, 2.5], &[1.5, 2.0], &[8.0, 2.5, 1.5, 2.5], &[12.0, 3.0]];
/// Formulas of one series: the first is solid.
const PREDICTION_DASHES: [&[f64]; 4] = [&[], &[5.0, 2.5], &[1.5, 2.0], &[8.0, 2.5, 1.5, 2.5]];

/// How one series looks in all panels.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Look {
    /// Colour of everything that belongs to it.
    pub(super) colour: Colour,
    /// The line; `None` for a measured series whose formula is the line, and for bars and dots.
    pub(super) line: Option<Stroke>,
    /// Number of the marker's shape, if it has markers.
    pub(super) marker: Option<usize>,
}

/// The look of a series. Those that are not formulas are numbered by the first appearance of their label in the figure.
pub(super) fn look(figure: &Figure, panel: usize, series: &Series) -> Look {
    // Formulas are numbered apart from all else.
    let number = |formulas: bool, label: &str| {
        let mut seen: Vec<&str> = Vec::new();
        for s in figure
            .panels
            .iter()
            .flat_map(|p| &p.series)
            .filter(|s| (s.style == Style::Formula) == formulas && s.of.is_none())
        {
            if !seen.contains(&s.label.as_str()) {
                seen.push(&s.label);
            }
        }
        seen.iter().position(|l| *l == label).unwrap_or(0)
    };
    let colour_of = |label: &str| COLOURS[number(false, label) % COLOURS.len()];
    let siblings = &figure.panels[panel].series;
    let plain = |width: f64, dashes: fn(usize) -> usize, marked: bool| {
        let n = number(false, &series.label);
        let colour = colour_of(&series.label);
        let line = (width > 0.0).then(|| Stroke { colour, width, dashes: DASHES[dashes(n) % DASHES.len()] });
        Look { colour, line, marker: marked.then_some(n % 8) }
    };
    match (series.style, &series.of) {
        (Style::Measured, _) => {
            let n = number(false, &series.label);
            let colour = colour_of(&series.label);
            let predicted = siblings.iter().any(|s| s.of.as_deref() == Some(&series.label));
            let line = Stroke { colour, width: 1.6, dashes: DASHES[n % DASHES.len()] };
            Look { colour, line: (!predicted).then_some(line), marker: Some(n % 8) }
        }
        // Dashes would hide the jumps of a long series; they come with the eighth, when colours repeat.
        (Style::Line, _) => plain(1.1, |n| n / COLOURS.len(), false),
        (Style::Step, _) => plain(1.3, |n| n / COLOURS.len(), false),
        (Style::Cdf, _) => plain(1.5, |n| n, false),
        (Style::Bars, _) => plain(0.0, |n| n, false),
        (Style::Dots | Style::Scatter, _) => plain(0.0, |n| n, true),
        (Style::Marks, _) => Look { marker: Some(4), ..plain(0.0, |n| n, false) },
        (Style::Spans, _) => plain(0.0, |n| n, false),
        (Style::Formula, Some(target)) => {
            let rivals = siblings.iter().filter(|s| s.of.as_deref() == Some(target));
            let n = rivals.take_while(|s| s.label != series.label).count();
            let colour = colour_of(target);
            let dashes = PREDICTION_DASHES[n % PREDICTION_DASHES.len()];
            Look { colour, line: Some(Stroke { colour, width: 0.9, dashes }), marker: None }
        }
        (Style::Formula, None) => {
            let n = number(true, &series.label);
            let dashes = FORMULA_DASHES[n % FORMULA_DASHES.len()];
            Look { colour: INK, line: Some(Stroke { colour: INK, width: 0.9, dashes }), marker: None }
        }
    }
}

/// Draws marker number `shape` around (x, y).
pub(super) fn marker(scene: &mut Scene, shape: usize, (x, y): (f64, f64), colour: Colour) {
    let r = MARKER;
    let corners = |offsets: &[(f64, f64)]| {
        let mut path = polyline(&offsets.iter().map(|&(dx, dy)| (x + dx * r, y + dy * r)).collect::<Vec<_>>());
        path.push(Segment::Close);
        path
    };
    let strokes = |ends: &[[(f64, f64); 2]]| {
        ends.iter().flat_map(|e| polyline(&e.map(|(dx, dy)| (x + dx * r, y + dy * r)))).collect::<Vec<_>>()
    };
    let (segments, solid) = match shape {
        0 => (circle(x, y, r), true),
        1 => (corners(&[(-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)]), true),
        2 => (corners(&[(0.0, -1.15), (1.1, 0.8), (-1.1, 0.8)]), true),
        3 => (corners(&[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)]), true),
        4 => (strokes(&[[(-0.9, -0.9), (0.9, 0.9)], [(-0.9, 0.9), (0.9, -0.9)]]), false),
        5 => (corners(&[(0.0, 1.15), (1.1, -0.8), (-1.1, -0.8)]), true),
        6 => (strokes(&[[(-1.2, 0.0), (1.2, 0.0)], [(0.0, -1.2), (0.0, 1.2)]]), false),
        _ => (circle(x, y, r), false),
    };
    let hollow = shape == 7;
    let fill = match (solid, hollow) {
        (true, _) => Some(Fill { colour, opacity: 1.0 }),
        (false, true) => Some(Fill { colour: PAPER, opacity: 1.0 }),
        (false, false) => None,
    };
    // A thin white rim keeps overlapping markers apart.
    let stroke = if solid { Stroke::solid(PAPER, 0.6) } else { Stroke::solid(colour, 1.5) };
    scene.items.push(Item::Path { class: "marker", segments, fill, stroke: Some(stroke) });
}

/// A circle of eight quadratic arcs, at most 0.03 % of the radius off.
fn circle(x: f64, y: f64, r: f64) -> Vec<Segment> {
    // cos 45° and tan 22.5°; the control point between two neighbours is where their tangents meet.
    let (c, t) = (std::f64::consts::FRAC_1_SQRT_2, std::f64::consts::SQRT_2 - 1.0);
    let on = [(1.0, 0.0), (c, c), (0.0, 1.0), (-c, c), (-1.0, 0.0), (-c, -c), (0.0, -1.0), (c, -c)];
    let off = [(1.0, t), (t, 1.0), (-t, 1.0), (-1.0, t), (-1.0, -t), (-t, -1.0), (t, -1.0), (1.0, -t)];
    let mut path = vec![Segment::Move(x + r, y)];
    for (i, (cx, cy)) in off.into_iter().enumerate() {
        let (px, py) = on[(i + 1) % 8];
        path.push(Segment::Quad(x + cx * r, y + cy * r, x + px * r, y + py * r));
    }
    path.push(Segment::Close);
    path
}
