//! Places everything: measures text, chooses ranges and ticks, and finds each legend a corner that hides no data.
//!
//! Frames have fixed sizes, so that figures of one paper match; the page grows with what surrounds them.

use super::compare::{self, Labels};
use super::dense::{dense, held};
use super::geometry::{Obstacles, Place, Rect};
use super::matrix::{self, Matrix};
use super::style::{self, Look, MARKER};
use super::ticks::{Span, Ticks, power_of_ten};
use super::{Arrangement, Axis, Figure, Interval, Panel, Point, Scale, Series, Style, font};

/// Font sizes in user units; on paper (3/4 point to a unit) 10, 8.6 and 7.9 points.
pub(super) const TITLE_SIZE: f64 = 13.5;
pub(super) const LABEL_SIZE: f64 = 11.5;
pub(super) const SMALL_SIZE: f64 = 10.5;
/// Line pitch of texts of these sizes.
pub(super) const TITLE_PITCH: f64 = 18.0;
pub(super) const LABEL_PITCH: f64 = 15.0;
pub(super) const SMALL_PITCH: f64 = 14.0;
/// Length of major ticks, outwards.
pub(super) const TICK: f64 = 4.0;
/// Width of the sample line in a legend.
pub(super) const KEY: f64 = 26.0;
/// Space within a legend's edge, and between sample and label.
pub(super) const LEGEND_PAD: f64 = 5.0;

/// Free space at the page's edges and between panels.
const EDGE: f64 = 8.0;
pub(super) const GAP: f64 = 14.0;
/// From a frame to a legend inside it.
const INSET: f64 = 6.0;
/// Widest line of a legend's label.
const LEGEND_TEXT: f64 = 170.0;
/// From a tick's end to its label.
const TICK_GAP: f64 = 3.0;

/// Everything's place.
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// Lines of the title with their baselines; they are centred.
    pub(super) title: Vec<(String, f64)>,
    /// Lines of the caption with their baselines; they begin at `caption_left`.
    pub(super) caption: Vec<(String, f64)>,
    pub(super) caption_left: f64,
    pub(super) panels: Vec<PanelLayout>,
}

/// One panel's place.
pub(super) struct PanelLayout {
    pub(super) frame: Rect,
    pub(super) x: Span,
    pub(super) y: Span,
    pub(super) x_ticks: Ticks,
    pub(super) y_ticks: Ticks,
    /// Names of categories in place of ticks.
    pub(super) x_labels: Option<Labels>,
    /// Lines of the x axis's title; empty, and no tick labels, where the panel below shows them.
    pub(super) x_title: Vec<String>,
    /// Lines of the y axis's title.
    pub(super) y_title: Vec<String>,
    /// Baseline (an x) of the first of them.
    pub(super) y_title_at: f64,
    pub(super) looks: Vec<Look>,
    pub(super) legend: Option<Legend>,
    /// Of a panel of cells: these.
    pub(super) matrix: Option<Matrix>,
}

/// A legend: one entry per series of its panel.
pub(super) struct Legend {
    pub(super) rect: Rect,
    pub(super) labels: Vec<Vec<String>>,
    /// Whether it lies within the frame.
    inside: bool,
}

impl PanelLayout {
    /// Where a point of the panel lies on the page.
    pub(super) fn at(&self, x: f64, y: f64) -> Place {
        (
            self.frame.left + self.x.share(x) * self.frame.width,
            self.frame.bottom() - self.y.share(y) * self.frame.height,
        )
    }

    /// The points of a series on the page, those of long ones thinned: a line for each part between gaps.
    pub(super) fn lines(&self, series: &Series) -> Vec<Vec<Place>> {
        let line = |points: &[Point]| {
            let places = points.iter().map(|p| self.at(p.x, p.y));
            match series.style {
                Style::Step | Style::Cdf => dense(held(places)),
                // Each marker is seen, those above each other too.
                Style::Dots | Style::Scatter => places.collect(),
                _ => dense(places.collect()),
            }
        };
        series.points.chunk_by(|_, next| !next.after_gap).map(line).collect()
    }

    /// The bars of a series over categories, cut at the frame.
    pub(super) fn columns(&self, panel: &Panel, series: &Series) -> Vec<Vec<Place>> {
        let half = compare::half_bar(panel);
        let column = |p: &Point| {
            let ((left, top), (right, bottom)) = (self.at(p.x - half, p.y), self.at(p.x + half, 0.0));
            self.frame.clip_polygon(&[(left, bottom), (left, top), (right, top), (right, bottom)])
        };
        let shown = series.points.iter().filter(|_| series.style == Style::Bars).map(column);
        shown.filter(|polygon| polygon.len() > 2).collect()
    }

    /// Height of the tick labels below the frame.
    pub(super) fn x_label_height(&self) -> f64 {
        self.x_labels.as_ref().map_or(SMALL_PITCH, |labels| labels.height)
    }

    /// The bands of a series on the page: one polygon per run of at least two points with intervals.
    pub(super) fn bands(&self, series: &Series) -> Vec<Vec<Place>> {
        let runs = runs(series).into_iter().filter(|run| run.len() > 1);
        let outline = |run: &[Point]| {
            let high = dense(run.iter().filter_map(|p| Some(self.at(p.x, p.high?))).collect());
            let low = dense(run.iter().rev().filter_map(|p| Some(self.at(p.x, p.low?))).collect());
            high.into_iter().chain(low).collect()
        };
        runs.map(outline).collect()
    }

    /// The error bars of a series on the page: upper and lower end.
    pub(super) fn bars(&self, series: &Series) -> Vec<(Place, Place)> {
        let runs = runs(series).into_iter().filter(|run| run.len() == 1 || series.interval == Interval::Bars);
        let bar = |p: &Point| Some((self.at(p.x, p.high?), self.at(p.x, p.low?)));
        let bars: Vec<(Place, Place)> = runs.flatten().filter_map(bar).collect();
        if series.style == Style::Spans { joined(bars) } else { bars }
    }

    fn obstacles(&self, panel: &Panel) -> Obstacles {
        let mut all = Obstacles::default();
        for series in &panel.series {
            if series.style.compares() || matches!(series.style, Style::Marks | Style::Scatter | Style::Spans) {
                all.areas.extend(self.columns(panel, series));
                all.lines.extend(self.lines(series).into_iter().flatten().map(|place| vec![place]));
            } else {
                all.lines.extend(self.lines(series));
            }
            all.lines.extend(self.bars(series).into_iter().map(|(a, b)| vec![a, b]));
            if series.interval == Interval::Band {
                all.areas.extend(self.bands(series));
            }
        }
        all
    }

    fn shift(&mut self, dx: f64, dy: f64) {
        self.frame.left += dx;
        self.frame.top += dy;
        if let Some(legend) = &mut self.legend {
            legend.rect.left += dx;
            legend.rect.top += dy;
        }
    }
}

/// Strokes that touch each other in one tenth of a unit of the page's width as one; those of no height are given some.
fn joined(bars: Vec<(Place, Place)>) -> Vec<(Place, Place)> {
    const LEAST: f64 = 1.2;
    let mut joined: Vec<(Place, Place)> = Vec::new();
    for ((x, high), (_, low)) in bars {
        let (high, low) = if low - high < LEAST { (low - LEAST, low) } else { (high, low) };
        match joined.last_mut() {
            Some((top, bottom)) if (x - top.0).abs() < 0.1 && high <= bottom.1 && low >= top.1 => {
                (top.1, bottom.1) = (top.1.min(high), bottom.1.max(low));
            }
            _ => joined.push(((x, high), (x, low))),
        }
    }
    joined
}

/// Runs of neighbouring points with intervals.
fn runs(series: &Series) -> Vec<&[Point]> {
    series.points.split(|p| p.low.is_none()).filter(|run| !run.is_empty()).collect()
}

/// Places a checked figure.
pub(super) fn arrange(figure: &Figure) -> Layout {
    let mut panels: Vec<PanelLayout> = (0..figure.panels.len()).map(|i| panel(figure, i)).collect();
    place_legends(figure, &mut panels);
    let stacked = figure.arrangement == Arrangement::Stacked;
    let gutters: Vec<f64> = panels.iter().map(left_gutter).collect();
    let widest = gutters.iter().copied().fold(0.0, f64::max);

    let width_of = |p: &PanelLayout, gutter: f64| gutter + p.frame.width + right_gutter(p);
    let content: f64 = if stacked {
        panels.iter().map(|p| width_of(p, widest)).fold(0.0, f64::max)
    } else {
        panels.iter().zip(&gutters).map(|(p, g)| width_of(p, *g)).sum::<f64>() + GAP * (panels.len() - 1) as f64
    };
    let width = content + 2.0 * EDGE;
    let mut bottom = EDGE;
    let title = lines(&figure.title, TITLE_SIZE, TITLE_PITCH, content, &mut bottom);
    bottom += EDGE;

    let (mut left, mut lowest, count) = (EDGE, bottom, panels.len());
    for (i, p) in panels.iter_mut().enumerate() {
        let gutter = if stacked { widest } else { gutters[i] };
        p.y_title_at = left + gutter - gutters[i] + LABEL_SIZE;
        p.shift(left + gutter, bottom);
        let end = p.frame.bottom() + bottom_gutter(p);
        lowest = lowest.max(end);
        if stacked {
            bottom = end + if i + 1 < count { GAP } else { 0.0 };
        } else {
            left = p.frame.right() + right_gutter(p) + GAP;
        }
    }
    bottom = lowest;
    let caption_top = bottom + EDGE;
    let mut end = caption_top;
    let caption = lines(&figure.caption, SMALL_SIZE, SMALL_PITCH, content, &mut end);
    let height = if caption.is_empty() { bottom } else { end } + EDGE;
    Layout { width: width.ceil(), height: height.ceil(), title, caption, caption_left: EDGE, panels }
}

/// Breaks a text into lines, giving each its baseline, and moves `top` below them. An empty text has no lines.
fn lines(text: &str, size: f64, pitch: f64, limit: f64, top: &mut f64) -> Vec<(String, f64)> {
    let lines = font::wrap(text, size, limit).into_iter().filter(|line| !line.is_empty());
    let place = |line| {
        *top += pitch;
        (line, *top - 0.3 * pitch)
    };
    lines.map(place).collect()
}

/// A panel's ranges, ticks and titles, its frame at the origin.
fn panel(figure: &Figure, number: usize) -> PanelLayout {
    let panel = &figure.panels[number];
    if let Some(cells) = &panel.cells {
        return matrix::panel(figure, number, cells);
    }
    let (width, height) = match (figure.panels.len(), figure.arrangement) {
        (1, _) => (440.0, 280.0),
        (_, Arrangement::Stacked) => (440.0, 200.0),
        (_, Arrangement::SideBySide) => (290.0, 230.0),
    };
    let width = compare::frame_width(panel, width);
    let frame = Rect { left: 0.0, top: 0.0, width, height };
    let together: Vec<&Panel> = figure.panels.iter().filter(|p| p.x == panel.x).collect();
    let x = span(&panel.x, together.iter().flat_map(|p| points(p)).map(|p| p.x));
    let ends = |p: &Point| [Some(p.y), p.low, p.high].into_iter().flatten();
    let alike: Vec<&Panel> =
        if figure.shares_y { figure.panels.iter().filter(|p| p.y == panel.y).collect() } else { vec![panel] };
    let heights = || alike.iter().flat_map(|p| points(p)).flat_map(ends);
    // Bars begin at zero, which a logarithmic axis does not have.
    let zero = alike.iter().flat_map(|p| &p.series).any(|s| s.style == Style::Bars).then_some(0.0);
    let y = span(&panel.y, heights().chain(zero));
    let y = match zero {
        Some(_) if panel.y.range.is_none() => {
            let reach = |(low, high): (f64, f64), end: f64| (low.min(end), high.max(end));
            let (low, high) = heights().fold((0.0, 0.0), reach);
            y.standing_on_zero(low, high)
        }
        _ => y,
    };
    let y_ticks = y.ticks((height / 32.0) as usize);
    let names = &panel.x.categories;
    let (x, x_labels, x_ticks) = if names.is_empty() {
        (x, None, fitting_ticks(&x, width))
    } else {
        let all = Span::exact(Scale::Linear, -0.5, names.len() as f64 - 0.5);
        let none = Ticks { major: Vec::new(), minor: Vec::new(), exponent: 0 };
        (all, Some(compare::labels(names, width)), none)
    };
    let below = figure.panels.get(number + 1).filter(|_| figure.arrangement == Arrangement::Stacked);
    let x_title = match below {
        Some(next) if next.x == panel.x && next.cells.is_none() => Vec::new(),
        _ => x_title_of(&panel.x, x_ticks.exponent, width),
    };
    let y_title = font::wrap(&axis_title(&panel.y, y_ticks.exponent), LABEL_SIZE, height);
    let looks = panel.series.iter().map(|s| style::look(figure, number, s)).collect();
    let (y_title_at, legend, matrix) = (0.0, None, None);
    PanelLayout { frame, x, y, x_ticks, y_ticks, x_labels, x_title, y_title, y_title_at, looks, legend, matrix }
}

/// The title of an x axis in lines. One without a title still has labels.
pub(super) fn x_title_of(axis: &Axis, exponent: i32, width: f64) -> Vec<String> {
    font::wrap(&axis_title(axis, exponent), LABEL_SIZE, width)
}

fn points(panel: &Panel) -> impl Iterator<Item = &Point> {
    panel.series.iter().flat_map(|s| &s.points)
}

/// The span of an axis: its own range, or all values it can show.
fn span(axis: &Axis, values: impl Iterator<Item = f64>) -> Span {
    if let Some((low, high)) = axis.range {
        return Span::exact(axis.scale, low, high);
    }
    let shown = values.filter(|&v| axis.scale == Scale::Linear || v > 0.0);
    let (low, high) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    Span::around(axis.scale, low, high)
}

/// As many ticks of an x axis as have room for their labels.
fn fitting_ticks(span: &Span, width: f64) -> Ticks {
    let fits = |ticks: &Ticks| {
        let label = |(value, text): &(f64, String)| (span.share(*value) * width, font::width(text, SMALL_SIZE));
        let labels: Vec<(f64, f64)> = ticks.major.iter().map(label).collect();
        labels.windows(2).all(|w| w[1].0 - w[0].0 > (w[0].1 + w[1].1) / 2.0 + SMALL_SIZE)
    };
    let fewest = span.ticks(1);
    (2..=8).rev().map(|wanted| span.ticks(wanted)).find(fits).unwrap_or(fewest)
}

/// "Label (unit)", with the power of ten taken out of the tick labels.
fn axis_title(axis: &Axis, exponent: i32) -> String {
    let factor = if exponent == 0 { String::new() } else { format!("×{}", power_of_ten(exponent)) };
    match (factor.as_str(), axis.unit.as_str()) {
        ("", "") => axis.label.clone(),
        (one, "") | ("", one) => format!("{} ({one})", axis.label),
        (factor, unit) => format!("{} ({factor} {unit})", axis.label),
    }
}

/// Width of what stands left of a frame.
fn left_gutter(p: &PanelLayout) -> f64 {
    let rows = p.matrix.as_ref().map_or(0.0, Matrix::rows_width);
    let widest = p.y_ticks.major.iter().map(|(_, l)| font::width(l, SMALL_SIZE)).fold(rows, f64::max);
    let title = if p.y_title.concat().is_empty() { 0.0 } else { p.y_title.len() as f64 * LABEL_PITCH + TICK_GAP };
    let first = p.x_ticks.major.first().map_or(0.0, |(_, l)| font::width(l, SMALL_SIZE) / 2.0);
    (title + widest + TICK_GAP + TICK).max(first)
}

/// Width of what stands right of a frame: a legend, or half the last tick label.
fn right_gutter(p: &PanelLayout) -> f64 {
    let label = p.x_ticks.major.last();
    let beyond = |(v, l): &(f64, String)| font::width(l, SMALL_SIZE) / 2.0 - (1.0 - p.x.share(*v)) * p.frame.width;
    let last = label.map_or(0.0, beyond).max(0.0);
    let legend = p.legend.as_ref().filter(|l| !l.inside);
    legend.map_or(0.0, |l| GAP + l.rect.width).max(last).max(matrix::key_beside(p))
}

/// Height of what stands below a frame, or beside it but longer.
fn bottom_gutter(p: &PanelLayout) -> f64 {
    let title = p.x_title.iter().filter(|l| !l.is_empty()).count() as f64 * LABEL_PITCH;
    let labels = if p.x_title.is_empty() { 0.0 } else { TICK + TICK_GAP + p.x_label_height() };
    let legend = p.legend.as_ref().map_or(0.0, |l| l.rect.bottom() - p.frame.bottom());
    (labels + title).max(legend).max(matrix::key_below(p))
}

/// Gives each different set of series one legend: in the first free corner of its panels, else beside one of them.
fn place_legends(figure: &Figure, panels: &mut [PanelLayout]) {
    let entries = |i: usize, panels: &[PanelLayout]| {
        let names = figure.panels[i].series.iter().map(|s| s.label.clone()).collect::<Vec<_>>();
        (names, panels[i].looks.clone())
    };
    for i in 0..panels.len() {
        let mine = entries(i, panels);
        // One series without a name goes by what its axis says.
        if mine.0.iter().all(String::is_empty) {
            continue;
        }
        if (0..i).any(|earlier| entries(earlier, panels) == mine) {
            continue;
        }
        let same: Vec<usize> = (i..panels.len()).filter(|&j| entries(j, panels) == mine).collect();
        let (labels, width, height) = legend_size(&figure.panels[i]);
        let corner = same.iter().find_map(|&j| Some((j, free_corner(&figure.panels[j], &panels[j], width, height)?)));
        let (at, rect, inside) = match (corner, figure.arrangement) {
            (Some((j, rect)), _) => (j, rect, true),
            (None, arrangement) => {
                let j = if arrangement == Arrangement::Stacked { i } else { same[same.len() - 1] };
                let left = panels[j].frame.right() + GAP;
                (j, Rect { left, top: 0.0, width, height }, false)
            }
        };
        panels[at].legend = Some(Legend { rect, labels, inside });
    }
}

/// A legend's labels, broken into lines, and its width and height.
fn legend_size(panel: &Panel) -> (Vec<Vec<String>>, f64, f64) {
    let labels: Vec<Vec<String>> = panel.series.iter().map(|s| font::wrap(&s.label, SMALL_SIZE, LEGEND_TEXT)).collect();
    let widest = labels.iter().flatten().map(|l| font::width(l, SMALL_SIZE)).fold(0.0, f64::max);
    let rows = labels.iter().flatten().count() as f64;
    let between = 2.0 * (labels.len() - 1) as f64;
    (labels, 3.0 * LEGEND_PAD + KEY + widest, rows * SMALL_PITCH + between + 2.0 * LEGEND_PAD)
}

/// The first corner of a frame where a legend of this size hides no data and leaves most of the frame alone.
fn free_corner(panel: &Panel, place: &PanelLayout, width: f64, height: f64) -> Option<Rect> {
    let frame = &place.frame;
    if width > 0.55 * frame.width || height > 0.6 * frame.height {
        return None;
    }
    let obstacles = place.obstacles(panel);
    let (left, right) = (frame.left + INSET, frame.right() - INSET - width);
    let (top, bottom) = (frame.top + INSET, frame.bottom() - INSET - height);
    let corners = [(right, top), (left, top), (right, bottom), (left, bottom)];
    let rects = corners.map(|(left, top)| Rect { left, top, width, height });
    rects.into_iter().find(|rect| obstacles.leave_free(&rect.grown(MARKER + 2.0)))
}
