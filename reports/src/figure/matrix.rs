//! Panels of cells on the page: how large cells are, what stands beside them, and how all that is drawn.

use super::cells::{Cells, Colouring, Painted, colour_span, ink_on, ramp, scale_title};
use super::compare;
use super::draw::{HALF_DIGIT, rectangle, text};
use super::font;
use super::geometry::{Place, Rect};
use super::layout::{GAP, LABEL_SIZE, LEGEND_PAD, PanelLayout, SMALL_PITCH, SMALL_SIZE, TICK, x_title_of};
use super::scene::{Anchor, Colour, Fill, Item, Scene, Segment, Stroke, Text, polyline};
use super::style::INK;
use super::ticks::{Span, Ticks};
use super::{Arrangement, Axis, Figure, Panel, Scale};

/// Least and largest width of a cell, and least and largest height. Texts may make cells wider.
const WIDTHS: (f64, f64) = (30.0, 84.0);
const HEIGHTS: (f64, f64) = (24.0, 48.0);
/// Free space beside the text of a cell, both sides together.
const CELL_PAD: f64 = 8.0;
/// Width of a scale of colours, and its least and largest height.
const BAR: f64 = 14.0;
const BAR_HEIGHTS: (f64, f64) = (90.0, 240.0);
/// Rectangles that a scale of colours is made of.
const BAR_STEPS: usize = 96;
/// Widest line beside a panel.
const KEY_TEXT: f64 = 150.0;
/// Between two entries of a legend.
const ENTRY_GAP: f64 = 4.0;
/// Longest line of the name of a row, unless there is no room for more lines.
const ROW_TEXT: f64 = 150.0;
/// A cell without a value, and the line through it.
const ABSENT: Colour = Colour(0xf4, 0xf4, 0xf4);
const CROSSED: Colour = Colour(0xbb, 0xbb, 0xbb);

/// What a panel of cells has beyond its frame and the names of columns.
pub(super) struct Matrix {
    pub(super) cells: Vec<Painted>,
    /// Columns and rows.
    size: (usize, usize),
    /// Lines of the names of rows, from top to bottom.
    rows: Vec<Vec<String>>,
    pub(super) key: Option<Key>,
}

/// What colours mean, to the right of the frame.
pub(super) struct Key {
    /// Lines above.
    title: Vec<String>,
    content: Content,
    pub(super) width: f64,
    pub(super) height: f64,
}

enum Content {
    /// Texts with their colours, and lines of what they mean; all texts are in boxes of one width.
    Names(f64, Vec<(String, Colour, Vec<String>)>),
    /// A bar of this height with ticks.
    Scale(f64, Span, Ticks),
}

impl Matrix {
    /// Width of the names of rows.
    pub(super) fn rows_width(&self) -> f64 {
        self.rows.iter().flatten().map(|line| font::width(line, SMALL_SIZE)).fold(0.0, f64::max)
    }
}

/// A panel of cells, its frame at the origin.
pub(super) fn panel(figure: &Figure, number: usize, cells: &Cells) -> PanelLayout {
    let panel = &figure.panels[number];
    let (columns, rows) = (panel.x.categories.len(), panel.y.categories.len());
    let (usual_width, usual_height) = match figure.arrangement {
        Arrangement::Stacked => (440.0, 280.0),
        Arrangement::SideBySide => (290.0, 230.0),
    };
    let clamped = |usual: f64, count: usize, (least, most): (f64, f64)| (usual / count as f64).clamp(least, most);
    let mut width = clamped(usual_width, columns, WIDTHS);
    let height = clamped(usual_height, rows, HEIGHTS).floor();
    // What stands above it is seldom longer with a power of ten.
    let above = font::wrap(&scale_title(cells, 0), SMALL_SIZE, KEY_TEXT).len() as f64 + 0.5;
    let bar = (height * rows as f64 - above * SMALL_PITCH).clamp(BAR_HEIGHTS.0, BAR_HEIGHTS.1);
    let (span, ticks) = colour_span(figure, panel, cells, bar);
    let mut painted = cells.painted(&span, ticks.exponent);
    let widest = painted.iter().map(|cell| font::width(&cell.text, SMALL_SIZE)).fold(0.0, f64::max);
    match cells.colouring {
        Colouring::Names(_) => width = width.max(widest + CELL_PAD),
        // A scale tells values without numbers.
        Colouring::Scale { .. } if widest + CELL_PAD / 2.0 > width => {
            painted.iter_mut().for_each(|cell| cell.text.clear());
        }
        Colouring::Scale { .. } => {}
    }
    let width = width.floor();
    let frame = Rect { left: 0.0, top: 0.0, width: width * columns as f64, height: height * rows as f64 };
    let key = key(cells, (bar, span, ticks)).filter(|_| !is_told_before(figure, number, cells));
    let names = row_names(&panel.y, height);
    let matrix = Matrix { cells: painted, size: (columns, rows), rows: names, key };
    let all = |count: usize| Span::exact(Scale::Linear, -0.5, count as f64 - 0.5);
    let none = || Ticks { major: Vec::new(), minor: Vec::new(), exponent: 0 };
    PanelLayout {
        x: all(columns),
        y: all(rows),
        x_ticks: none(),
        y_ticks: none(),
        x_labels: Some(compare::labels(&panel.x.categories, frame.width)),
        x_title: x_title_of(&panel.x, 0, frame.width),
        y_title: font::wrap(&panel.y.label, LABEL_SIZE, frame.height.max(KEY_TEXT)),
        y_title_at: 0.0,
        looks: Vec::new(),
        legend: None,
        matrix: Some(matrix),
        frame,
    }
}

/// Whether a panel above has the same legend.
fn is_told_before(figure: &Figure, number: usize, cells: &Cells) -> bool {
    let is_same = |other: &Panel| {
        let names = |other: &&Cells| matches!(other.colouring, Colouring::Names(_));
        let other = other.cells.as_ref().filter(names);
        other.is_some_and(|other| other.colouring == cells.colouring && other.label == cells.label)
    };
    let stacked = figure.arrangement == Arrangement::Stacked;
    let panels = if stacked { &figure.panels[..number] } else { &figure.panels[number + 1..] };
    panels.iter().any(is_same)
}

/// The names of rows, broken into lines as far as there is room for these.
fn row_names(axis: &Axis, height: f64) -> Vec<Vec<String>> {
    let most = (height / SMALL_PITCH).floor().max(1.0) as usize;
    let lines = |name: &String| {
        let mut limit = ROW_TEXT;
        let mut lines = font::wrap(name, SMALL_SIZE, limit);
        while lines.len() > most {
            limit *= 1.5;
            lines = font::wrap(name, SMALL_SIZE, limit);
        }
        lines
    };
    axis.categories.iter().map(lines).collect()
}

fn key(cells: &Cells, (bar, span, ticks): (f64, Span, Ticks)) -> Option<Key> {
    let wrapped = |text: &str| -> Vec<String> {
        font::wrap(text, SMALL_SIZE, KEY_TEXT).into_iter().filter(|line| !line.is_empty()).collect()
    };
    let width_of = |lines: &[String]| lines.iter().map(|line| font::width(line, SMALL_SIZE)).fold(0.0, f64::max);
    if let Colouring::Scale { .. } = cells.colouring {
        let title = wrapped(&scale_title(cells, ticks.exponent));
        let labels = ticks.major.iter().map(|(_, label)| font::width(label, SMALL_SIZE)).fold(0.0, f64::max);
        let width = width_of(&title).max(BAR + TICK + 3.0 + labels);
        let height = title.len() as f64 * SMALL_PITCH + SMALL_PITCH / 2.0 + bar;
        return Some(Key { title, content: Content::Scale(bar, span, ticks), width, height });
    }
    let legend = cells.legend();
    if legend.is_empty() {
        return None;
    }
    let title = wrapped(&cells.label);
    let each: Vec<(String, Colour, Vec<String>)> =
        legend.into_iter().map(|(text, colour, meaning)| (text, colour, wrapped(&meaning))).collect();
    let texts = each.iter().map(|(text, ..)| font::width(text, SMALL_SIZE)).fold(0.0, f64::max);
    let meanings = each.iter().map(|(.., lines)| width_of(lines)).fold(0.0, f64::max);
    let box_width = texts + CELL_PAD;
    let rows: f64 = each.iter().map(|(.., lines)| entry_height(lines) + ENTRY_GAP).sum();
    let width = width_of(&title).max(box_width + LEGEND_PAD + meanings);
    let height = title.len() as f64 * SMALL_PITCH + ENTRY_GAP + rows;
    Some(Key { title, content: Content::Names(box_width, each), width, height })
}

/// Height of an entry of a legend with these lines.
fn entry_height(lines: &[String]) -> f64 {
    (lines.len() as f64 * SMALL_PITCH).max(SMALL_PITCH + 2.0)
}

/// Draws the cells of a panel, the names of rows, and what colours mean.
pub(super) fn draw(scene: &mut Scene, panel: &Panel, p: &PanelLayout, matrix: &Matrix) {
    let (columns, rows) = matrix.size;
    let (width, height) = (p.frame.width / columns as f64, p.frame.height / rows as f64);
    let corner = |x: usize, y: usize| (p.frame.left + x as f64 * width, p.frame.top + y as f64 * height);
    let is_there = |x: usize, y: usize| matrix.cells.iter().any(|cell| (cell.x, cell.y) == (x, y));
    scene
        .items
        .push(Item::Open { class: "cells", label: panel.cells.as_ref().map_or_else(String::new, |c| c.label.clone()) });
    for cell in &matrix.cells {
        let (left, top) = corner(cell.x, cell.y);
        let corners = [(left, top), (left + width, top), (left + width, top + height), (left, top + height)];
        scene.polygon("cell", &corners, Fill { colour: cell.colour, opacity: 1.0 });
    }
    for (x, y) in (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y))).filter(|(x, y)| !is_there(*x, *y)) {
        let (left, top) = corner(x, y);
        let corners = [(left, top), (left + width, top), (left + width, top + height), (left, top + height)];
        scene.polygon("absent", &corners, Fill { colour: ABSENT, opacity: 1.0 });
        let ends = [(left, top + height), (left + width, top)];
        scene.line("no-value", &ends, Stroke::solid(CROSSED, 0.8));
    }
    lines_between(scene, &p.frame, matrix.size);
    for cell in matrix.cells.iter().filter(|cell| !cell.text.is_empty()) {
        let (left, top) = corner(cell.x, cell.y);
        let place = (left + width / 2.0, top + height / 2.0 + HALF_DIGIT * SMALL_SIZE);
        scene.text(Text { colour: ink_on(cell.colour), ..text(&cell.text, place, SMALL_SIZE, Anchor::Middle) });
    }
    scene.items.push(Item::Close);
    for (y, lines) in matrix.rows.iter().enumerate() {
        let middle = p.frame.top + (y as f64 + 0.5) * height;
        let first = middle - (lines.len() as f64 - 1.0) * SMALL_PITCH / 2.0 + HALF_DIGIT * SMALL_SIZE;
        for (number, line) in lines.iter().enumerate() {
            let place = (p.frame.left - TICK - 3.0, first + number as f64 * SMALL_PITCH);
            scene.text(text(line, place, SMALL_SIZE, Anchor::End));
        }
    }
    if let Some(key) = &matrix.key {
        draw_key(scene, key, (p.frame.right() + GAP, p.frame.top));
    }
}

/// White lines that keep cells apart, and the frame around all.
fn lines_between(scene: &mut Scene, frame: &Rect, (columns, rows): (usize, usize)) {
    let white = || Stroke::solid(super::style::PAPER, 1.2);
    for x in 1..columns {
        let x = frame.left + frame.width * x as f64 / columns as f64;
        scene.line("between", &[(x, frame.top), (x, frame.bottom())], white());
    }
    for y in 1..rows {
        let y = frame.top + frame.height * y as f64 / rows as f64;
        scene.line("between", &[(frame.left, y), (frame.right(), y)], white());
    }
    rectangle(scene, "frame", frame, None, Stroke::solid(INK, 0.8));
    for y in 1..rows {
        let y = frame.top + frame.height * y as f64 / rows as f64;
        scene.line("tick", &[(frame.left - TICK, y), (frame.left, y)], Stroke::solid(INK, 0.8));
    }
}

fn draw_key(scene: &mut Scene, key: &Key, (left, top): Place) {
    scene.items.push(Item::Open { class: "legend", label: "Legend".to_owned() });
    let mut bottom = top;
    for line in &key.title {
        bottom += SMALL_PITCH;
        scene.text(text(line, (left, bottom - 0.3 * SMALL_PITCH), SMALL_SIZE, Anchor::Start));
    }
    match &key.content {
        Content::Names(width, entries) => {
            bottom += ENTRY_GAP;
            for (name, colour, lines) in entries {
                let height = entry_height(lines);
                named_entry(scene, (name, *colour, lines), (left, bottom + height / 2.0), *width);
                bottom += height + ENTRY_GAP;
            }
        }
        Content::Scale(height, span, ticks) => {
            let bar = Rect { left, top: bottom + SMALL_PITCH / 2.0, width: BAR, height: *height };
            draw_bar(scene, &bar, span, ticks);
        }
    }
    scene.items.push(Item::Close);
}

/// A text in its colour, and what it means, around a middle line.
fn named_entry(scene: &mut Scene, (name, colour, lines): (&str, Colour, &[String]), (left, middle): Place, width: f64) {
    let (top, bottom) = (middle - SMALL_PITCH / 2.0 - 1.0, middle + SMALL_PITCH / 2.0 + 1.0);
    let corners = [(left, top), (left + width, top), (left + width, bottom), (left, bottom)];
    scene.polygon("sample", &corners, Fill { colour, opacity: 1.0 });
    let base = middle + HALF_DIGIT * SMALL_SIZE;
    let label = text(name, (left + width / 2.0, base), SMALL_SIZE, Anchor::Middle);
    scene.text(Text { colour: ink_on(colour), ..label });
    let first = base - (lines.len() as f64 - 1.0) * SMALL_PITCH / 2.0;
    for (number, line) in lines.iter().enumerate() {
        let place = (left + width + LEGEND_PAD, first + number as f64 * SMALL_PITCH);
        scene.text(text(line, place, SMALL_SIZE, Anchor::Start));
    }
}

/// A scale of colours with its ticks. Each step reaches to the bar's end, so that no seam is seen between two.
fn draw_bar(scene: &mut Scene, bar: &Rect, span: &Span, ticks: &Ticks) {
    for step in 0..BAR_STEPS {
        let share = step as f64 / BAR_STEPS as f64;
        let bottom = bar.bottom() - share * bar.height;
        let corners = [(bar.left, bar.top), (bar.right(), bar.top), (bar.right(), bottom), (bar.left, bottom)];
        let colour = ramp((step as f64 + 0.5) / BAR_STEPS as f64);
        scene.items.push(Item::Path {
            class: "scale",
            segments: polyline(&corners).into_iter().chain([Segment::Close]).collect(),
            fill: Some(Fill { colour, opacity: 1.0 }),
            stroke: None,
        });
    }
    rectangle(scene, "frame", bar, None, Stroke::solid(INK, 0.8));
    for (value, label) in &ticks.major {
        let y = bar.bottom() - span.share(*value) * bar.height;
        scene.line("tick", &[(bar.right(), y), (bar.right() + TICK, y)], Stroke::solid(INK, 0.8));
        let place = (bar.right() + TICK + 3.0, y + HALF_DIGIT * SMALL_SIZE);
        scene.text(text(label, place, SMALL_SIZE, Anchor::Start));
    }
}

/// How much farther down than the frame a legend beside it reaches.
pub(super) fn key_below(p: &PanelLayout) -> f64 {
    let key = p.matrix.as_ref().and_then(|matrix| matrix.key.as_ref());
    key.map_or(0.0, |key| key.height - p.frame.height).max(0.0)
}

/// Width that a legend takes right of the frame.
pub(super) fn key_beside(p: &PanelLayout) -> f64 {
    p.matrix.as_ref().and_then(|matrix| matrix.key.as_ref()).map_or(0.0, |key| GAP + key.width)
}
