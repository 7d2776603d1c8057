//! Turns a placed figure into a scene: grid, bands, lines, error bars, markers, frame, text, legends, back to front.

use super::geometry::{Place, Rect};
use super::layout::{
    KEY, LABEL_PITCH, LABEL_SIZE, LEGEND_PAD, Layout, Legend, PanelLayout, SMALL_PITCH, SMALL_SIZE, TICK, TITLE_SIZE,
};
use super::matrix;
use super::scene::{Anchor, Colour, Fill, Item, Scene, Segment, Stroke, Text, grid};
use super::style::{self, BAND_OPACITY, FAINT_INK, GRID, INK, Look, MINOR_GRID, PAPER};
use super::{Figure, Interval, Panel, Series, Style};

/// Width of the strokes of [`Style::Spans`].
const SPAN: f64 = 1.5;
/// Half the width of an error bar's caps.
const CAP: f64 = 3.0;
/// From a line's middle to the baseline of text centred on it, in font sizes: half the height of a digit.
pub(super) const HALF_DIGIT: f64 = 0.364;
/// Series with more points than this show only markers at least `MARKER_DISTANCE` apart along x.
const MANY_POINTS: usize = 60;
const MARKER_DISTANCE: f64 = 36.0;

/// Draws a figure.
pub(super) fn figure(figure: &Figure, layout: &Layout) -> Scene {
    let mut scene = Scene {
        width: layout.width,
        height: layout.height,
        title: figure.title.clone(),
        description: description(figure),
        items: Vec::new(),
    };
    let centre = layout.width / 2.0;
    for (line, y) in &layout.title {
        scene.text(text(line, (centre, *y), TITLE_SIZE, Anchor::Middle));
    }
    for (panel, place) in figure.panels.iter().zip(&layout.panels) {
        open(&mut scene, "panel", &panel.y.label);
        axes(&mut scene, place);
        match &place.matrix {
            Some(matrix) => matrix::draw(&mut scene, panel, place, matrix),
            None => data(&mut scene, panel, place),
        }
        titles(&mut scene, place);
        if let Some(box_) = &place.legend {
            legend(&mut scene, panel, &place.looks, box_);
        }
        scene.items.push(Item::Close);
    }
    for (line, y) in &layout.caption {
        let text = text(line, (layout.caption_left, *y), SMALL_SIZE, Anchor::Start);
        scene.text(Text { colour: FAINT_INK, ..text });
    }
    scene
}

/// What a reader who cannot see the figure is told.
fn description(figure: &Figure) -> String {
    let panel = |p: &Panel| {
        if let Some(cells) = &p.cells {
            return format!("{}: {} by {}.", cells.label, p.y.label, p.x.label);
        }
        let series = p.series.iter().map(|s| s.label.as_str()).collect::<Vec<_>>().join("; ");
        format!("{} over {}: {series}.", p.y.label, p.x.label)
    };
    let caption = (!figure.caption.is_empty()).then(|| figure.caption.clone());
    figure.panels.iter().map(panel).chain(caption).collect::<Vec<_>>().join(" ")
}

fn open(scene: &mut Scene, class: &'static str, label: &str) {
    scene.items.push(Item::Open { class, label: label.to_owned() });
}

pub(super) fn text(content: &str, (x, y): Place, size: f64, anchor: Anchor) -> Text {
    Text { content: content.to_owned(), x, y, size, anchor, along: Text::RIGHTWARDS, colour: INK }
}

/// Grid, frame, ticks and tick labels.
fn axes(scene: &mut Scene, p: &PanelLayout) {
    let frame = &p.frame;
    let x_at = |v: f64| frame.left + p.x.share(v) * frame.width;
    let y_at = |v: f64| frame.bottom() - p.y.share(v) * frame.height;
    let upright = |v: f64| [(x_at(v), frame.top), (x_at(v), frame.bottom())];
    let level = |v: f64| [(frame.left, y_at(v)), (frame.right(), y_at(v))];
    for (x_values, y_values, stroke) in [
        (p.x_ticks.minor.clone(), p.y_ticks.minor.clone(), Stroke::solid(MINOR_GRID, 0.6)),
        (values(&p.x_ticks.major), values(&p.y_ticks.major), Stroke::solid(GRID, 0.8)),
    ] {
        x_values.into_iter().for_each(|v| scene.line("grid", &upright(v), stroke.clone()));
        y_values.into_iter().for_each(|v| scene.line("grid", &level(v), stroke.clone()));
    }
    let minor = |v: &f64| (*v, TICK * 0.6);
    let major = |t: &(f64, String)| (t.0, TICK);
    for (v, length) in p.x_ticks.minor.iter().map(minor).chain(p.x_ticks.major.iter().map(major)) {
        let ends = [(x_at(v), frame.bottom()), (x_at(v), frame.bottom() + length)];
        scene.line("tick", &ends, Stroke::solid(INK, 0.8));
    }
    for (v, length) in p.y_ticks.minor.iter().map(minor).chain(p.y_ticks.major.iter().map(major)) {
        let ends = [(frame.left - length, y_at(v)), (frame.left, y_at(v))];
        scene.line("tick", &ends, Stroke::solid(INK, 0.8));
    }
    rectangle(scene, "frame", frame, None, Stroke::solid(INK, 0.8));
    if !p.x_title.is_empty() {
        for (v, label) in &p.x_ticks.major {
            scene.text(text(label, (x_at(*v), frame.bottom() + TICK + SMALL_PITCH), SMALL_SIZE, Anchor::Middle));
        }
    }
    if !p.x_title.is_empty() {
        category_labels(scene, p);
    }
    for (v, label) in &p.y_ticks.major {
        let place = (frame.left - TICK - 3.0, y_at(*v) + HALF_DIGIT * SMALL_SIZE);
        scene.text(text(label, place, SMALL_SIZE, Anchor::End));
    }
}

/// The names of categories, each below its middle, and a tick between each two.
fn category_labels(scene: &mut Scene, p: &PanelLayout) {
    let Some(labels) = &p.x_labels else { return };
    let (frame, pitch) = (&p.frame, p.frame.width / labels.lines.len().max(1) as f64);
    for (i, lines) in labels.lines.iter().enumerate() {
        let left = frame.left + i as f64 * pitch;
        if i > 0 {
            let ends = [(left, frame.bottom()), (left, frame.bottom() + TICK)];
            scene.line("tick", &ends, Stroke::solid(INK, 0.8));
        }
        for (number, line) in lines.iter().enumerate() {
            let (middle, row) = (left + pitch / 2.0, number as f64 * SMALL_PITCH);
            if labels.upwards {
                let first = middle - (lines.len() - 1) as f64 * SMALL_PITCH / 2.0 + HALF_DIGIT * SMALL_SIZE;
                let place = (first + row, frame.bottom() + TICK + 3.0);
                scene.text(Text { along: Text::UPWARDS, ..text(line, place, SMALL_SIZE, Anchor::End) });
            } else {
                let place = (middle, frame.bottom() + TICK + SMALL_PITCH + row);
                scene.text(text(line, place, SMALL_SIZE, Anchor::Middle));
            }
        }
    }
}

fn values(ticks: &[(f64, String)]) -> Vec<f64> {
    ticks.iter().map(|t| t.0).collect()
}

pub(super) fn rectangle(scene: &mut Scene, class: &'static str, rect: &Rect, fill: Option<Fill>, stroke: Stroke) {
    let corners =
        [(rect.left, rect.top), (rect.right(), rect.top), (rect.right(), rect.bottom()), (rect.left, rect.bottom())];
    let mut segments = super::scene::polyline(&corners);
    segments.push(Segment::Close);
    scene.items.push(Item::Path { class, segments, fill, stroke: Some(stroke) });
}

/// Axis titles.
fn titles(scene: &mut Scene, p: &PanelLayout) {
    let frame = &p.frame;
    let (centre, middle) = (frame.left + frame.width / 2.0, frame.top + frame.height / 2.0);
    for (i, line) in p.x_title.iter().enumerate().filter(|(_, l)| !l.is_empty()) {
        let y = frame.bottom() + TICK + p.x_label_height() + (i + 1) as f64 * LABEL_PITCH;
        scene.text(text(line, (centre, y), LABEL_SIZE, Anchor::Middle));
    }
    for (i, line) in p.y_title.iter().enumerate().filter(|(_, l)| !l.is_empty()) {
        let place = (p.y_title_at + i as f64 * LABEL_PITCH, middle);
        scene.text(Text { along: Text::UPWARDS, ..text(line, place, LABEL_SIZE, Anchor::Middle) });
    }
}

/// Bands and bars of all series, then each series' line, error bars and markers.
fn data(scene: &mut Scene, panel: &Panel, p: &PanelLayout) {
    for (series, look) in panel.series.iter().zip(&p.looks).filter(|(s, _)| s.interval == Interval::Band) {
        for band in p.bands(series) {
            let shown = p.frame.clip_polygon(&band);
            if shown.len() > 2 {
                scene.polygon("band", &shown, Fill { colour: look.colour, opacity: BAND_OPACITY });
            }
        }
    }
    // Thick lines first, so that the thin ones of formulas stay visible; markers over all lines.
    let drawn = || panel.series.iter().zip(&p.looks);
    for (series, look) in drawn().filter(|(s, _)| s.style == Style::Bars) {
        open(scene, "columns", &series.label);
        for column in p.columns(panel, series) {
            scene.polygon("column", &column, Fill { colour: look.colour, opacity: 1.0 });
        }
        scene.items.push(Item::Close);
    }
    if panel.series.iter().any(|s| s.style == Style::Bars) && p.y.crosses_zero() {
        let (_, zero) = p.at(0.0, 0.0);
        let ends = [(p.frame.left, zero), (p.frame.right(), zero)];
        scene.line("zero", &ends, Stroke::solid(INK, 0.8));
    }
    let is_formula = |series: &Series| series.style == Style::Formula;
    let lines = drawn().filter(|(s, _)| !is_formula(s)).chain(drawn().filter(|(s, _)| is_formula(s)));
    for (series, look) in lines.filter(|(s, _)| !s.style.compares()) {
        open(scene, "line", &series.label);
        if let Some(stroke) = &look.line {
            let lines = p.lines(series);
            let is_broken = lines.len() > 1;
            for line in lines {
                let line = if is_broken { visible(line) } else { line };
                for part in p.frame.clip_line(&thinned(line)) {
                    scene.line("curve", &part, stroke.clone());
                }
            }
        }
        scene.items.push(Item::Close);
    }
    for (series, look) in drawn() {
        open(scene, "series", &series.label);
        for (high, low) in p.bars(series) {
            if series.style == Style::Spans {
                if let Some((top, bottom)) = p.frame.clip(high, low) {
                    scene.line("span", &[top, bottom], Stroke::solid(look.colour, SPAN));
                }
                continue;
            }
            // On its own bar, a whisker of the same colour would not be seen.
            let colour = if series.style == Style::Bars { INK } else { look.colour };
            error_bar(scene, &p.frame, high, low, colour);
        }
        // What is a line otherwise has none with one point; a marker shows where it is.
        let single = series.points.len() == 1 && !series.style.compares() && series.style != Style::Spans;
        let shape = look.marker.or(single.then_some(6));
        if let Some(shape) = shape {
            for place in marked(series, look, p) {
                style::marker(scene, shape, place, look.colour);
            }
        }
        scene.items.push(Item::Close);
    }
}

/// Leaves out points that fall on the same hundredth of a unit as the one before.
/// A point between two gaps, as a line that can be seen.
fn visible(line: Vec<Place>) -> Vec<Place> {
    match line[..] {
        [(x, y)] => vec![(x - 0.6, y), (x + 0.6, y)],
        _ => line,
    }
}

fn thinned(mut line: Vec<Place>) -> Vec<Place> {
    line.dedup_by_key(|(x, y)| (grid(*x), grid(*y)));
    line
}

/// Where a series' markers stand: inside the frame, and in long joined series some distance apart.
fn marked(series: &Series, look: &Look, p: &PanelLayout) -> Vec<Place> {
    let all = p.lines(series).into_iter().flatten().filter(|&place| p.frame.grown(0.01).contains(place));
    let sparse = series.points.len() > MANY_POINTS && look.line.is_some();
    let mut kept: Vec<Place> = Vec::new();
    for (x, y) in all {
        let far = |last: &Place| (x - last.0).abs() >= MARKER_DISTANCE;
        if !sparse || kept.last().is_none_or(far) {
            kept.push((x, y));
        }
    }
    kept
}

/// A vertical bar with a cap at each end that lies inside the frame.
fn error_bar(scene: &mut Scene, frame: &Rect, high: Place, low: Place, colour: Colour) {
    let Some((top, bottom)) = frame.clip(high, low) else { return };
    let stroke = Stroke::solid(colour, 1.1);
    scene.line("bar", &[top, bottom], stroke.clone());
    for (x, y) in [high, low].into_iter().filter(|&end| frame.contains(end)) {
        scene.line("bar", &[(x - CAP, y), (x + CAP, y)], stroke.clone());
    }
}

/// The legend: a sample of each series and its label.
fn legend(scene: &mut Scene, panel: &Panel, looks: &[Look], legend: &Legend) {
    open(scene, "legend", "Legend");
    let rect = &legend.rect;
    let paper = Fill { colour: PAPER, opacity: 1.0 };
    rectangle(scene, "legend", rect, Some(paper), Stroke::solid(GRID, 0.8));
    let left = rect.left + LEGEND_PAD;
    let mut top = rect.top + LEGEND_PAD;
    for ((series, look), lines) in panel.series.iter().zip(looks).zip(&legend.labels) {
        sample(scene, series, look, (left, top + SMALL_PITCH / 2.0));
        for line in lines {
            let place = (left + KEY + LEGEND_PAD, top + SMALL_PITCH / 2.0 + HALF_DIGIT * SMALL_SIZE);
            scene.text(text(line, place, SMALL_SIZE, Anchor::Start));
            top += SMALL_PITCH;
        }
        top += 2.0;
    }
    scene.items.push(Item::Close);
}

/// What a series looks like, in small, from `left` on.
fn sample(scene: &mut Scene, series: &Series, look: &Look, (left, y): Place) {
    let (right, centre) = (left + KEY, left + KEY / 2.0);
    if series.style == Style::Bars {
        let corners = [(left + 4.0, y - 5.0), (right - 4.0, y - 5.0), (right - 4.0, y + 5.0), (left + 4.0, y + 5.0)];
        return scene.polygon("sample", &corners, Fill { colour: look.colour, opacity: 1.0 });
    }
    if series.style == Style::Spans {
        return scene.line("sample", &[(centre, y - 5.0), (centre, y + 5.0)], Stroke::solid(look.colour, SPAN));
    }
    if series.points.iter().any(|p| p.low.is_some()) {
        if series.interval == Interval::Band {
            let corners = [(left, y - 5.0), (right, y - 5.0), (right, y + 5.0), (left, y + 5.0)];
            scene.polygon("sample", &corners, Fill { colour: look.colour, opacity: BAND_OPACITY });
        } else {
            let stroke = Stroke::solid(look.colour, 1.1);
            scene.line("sample", &[(centre, y - 6.0), (centre, y + 6.0)], stroke.clone());
            for end in [y - 6.0, y + 6.0] {
                scene.line("sample", &[(centre - CAP, end), (centre + CAP, end)], stroke.clone());
            }
        }
    }
    if let Some(stroke) = &look.line {
        scene.line("sample", &[(left, y), (right, y)], stroke.clone());
    }
    if let Some(shape) = look.marker {
        style::marker(scene, shape, (centre, y), look.colour);
    }
}
