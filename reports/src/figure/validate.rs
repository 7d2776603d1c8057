//! What a figure must be before it is drawn: every fault names its series or axis.

use super::{Axis, Cells, Colouring, Figure, FigureError, MOST_NAMES, Panel, Point, Scale, Series, Style, font};

/// Largest magnitude that can be drawn; differences of two such numbers are still finite.
const LARGEST: f64 = 1e300;

/// Checks a whole figure.
pub(super) fn check(figure: &Figure) -> Result<(), FigureError> {
    if figure.panels.is_empty() {
        return Err(FigureError::NoPanels);
    }
    text(&figure.title)?;
    text(&figure.caption)?;
    for (i, panel) in figure.panels.iter().enumerate() {
        if let Some(cells) = &panel.cells {
            matrix(panel, cells, i + 1)?;
            continue;
        }
        if panel.series.is_empty() {
            return Err(FigureError::NoSeries { panel: i + 1 });
        }
        axis(&panel.x)?;
        axis(&panel.y)?;
        for (j, s) in panel.series.iter().enumerate() {
            if panel.series[..j].iter().any(|earlier| earlier.label == s.label) {
                return Err(FigureError::DuplicateLabel { series: s.label.clone() });
            }
            series(panel, s)?;
        }
        in_range(panel, i + 1)?;
    }
    Ok(())
}

/// Cells lie on two axes of categories, each once, and their values can be coloured.
fn matrix(panel: &Panel, cells: &Cells, number: usize) -> Result<(), FigureError> {
    let bad = |problem: String| Err(FigureError::BadCells { panel: number, problem });
    axis(&panel.x)?;
    axis(&panel.y)?;
    text(&cells.label)?;
    if !panel.series.is_empty() {
        return bad("has series beside cells".to_owned());
    }
    if panel.x.categories.is_empty() || panel.y.categories.is_empty() {
        return bad("has cells, and not two axes of categories".to_owned());
    }
    if cells.values.is_empty() {
        return bad("has no cell with a value".to_owned());
    }
    let is_log = match &cells.colouring {
        Colouring::Names(names) => {
            names.iter().try_for_each(|name| text(&name.text).and(text(&name.meaning)))?;
            if super::cells::texts(names).count() > MOST_NAMES {
                return bad(format!("has more than {MOST_NAMES} different texts in its cells"));
            }
            false
        }
        Colouring::Scale { unit, scale, .. } => {
            text(unit)?;
            *scale == Scale::Log
        }
    };
    for (k, cell) in cells.values.iter().enumerate() {
        let (x, y) = (cell.x, cell.y);
        if x >= panel.x.categories.len() || y >= panel.y.categories.len() {
            return bad(format!("has a cell at column {x} and row {y}, which it has not"));
        }
        if cells.values[..k].iter().any(|other| (other.x, other.y) == (x, y)) {
            return bad(format!("has two values for the cell at column {x} and row {y}"));
        }
        if cell.value.is_nan() || cell.value.abs() > LARGEST {
            return bad(format!("has the value {} in a cell, not a number within ±1e300", cell.value));
        }
        if is_log && cell.value <= 0.0 {
            return bad(format!("has the value {} on a logarithmic scale of colours", cell.value));
        }
    }
    Ok(())
}

fn text(text: &str) -> Result<(), FigureError> {
    font::unsupported_character(text)
        .map_or(Ok(()), |character| Err(FigureError::UnsupportedCharacter { character, text: text.to_owned() }))
}

fn axis(axis: &Axis) -> Result<(), FigureError> {
    text(&axis.label)?;
    text(&axis.unit)?;
    axis.categories.iter().try_for_each(|name| text(name))?;
    let Some((low, high)) = axis.range else { return Ok(()) };
    let drawable = low.abs() <= LARGEST && high.abs() <= LARGEST && low < high;
    // An axis needs room for ticks that differ within a double's 16 digits.
    let wide = high - low > 1e-12 * low.abs().max(high.abs());
    if drawable && wide && (axis.scale == Scale::Linear || low > 0.0) {
        Ok(())
    } else {
        Err(FigureError::BadRange { axis: axis.label.clone(), low, high })
    }
}

fn series(panel: &Panel, series: &Series) -> Result<(), FigureError> {
    text(&series.label)?;
    if series.points.is_empty() {
        return Err(FigureError::EmptySeries { series: series.label.clone() });
    }
    if let Some(target) = &series.of {
        let measured = |s: &Series| s.label == *target && s.style != Style::Formula;
        if series.style != Style::Formula || !panel.series.iter().any(measured) {
            return Err(FigureError::UnknownTarget { series: series.label.clone(), target: target.clone() });
        }
    }
    if let Some(problem) = wrong_axis(panel, series) {
        return Err(FigureError::WrongAxis { series: series.label.clone(), problem });
    }
    series.points.iter().enumerate().try_for_each(|(i, p)| point(panel, &series.label, i + 1, p))
}

/// Why a series cannot stand on its panel's axes, if so.
fn wrong_axis(panel: &Panel, series: &Series) -> Option<&'static str> {
    if !panel.y.categories.is_empty() {
        return Some("has categories on its y axis; only an x axis can have them");
    }
    match (series.style.compares(), panel.x.categories.is_empty()) {
        (true, true) => Some("compares categories, but its x axis is one of numbers"),
        (false, false) => Some("does not compare categories, but its x axis has them; bars and dots do"),
        _ if !panel.x.categories.is_empty() && panel.x.scale == Scale::Log => {
            Some("has categories on a logarithmic axis")
        }
        _ => None,
    }
}

/// Refuses an empty plot: explicit ranges on one side of all that the panel has.
fn in_range(panel: &Panel, number: usize) -> Result<(), FigureError> {
    let points = || panel.series.iter().flat_map(|s| s.points.iter().map(move |p| (s.style, p)));
    let ends = |(style, p): (Style, &Point)| {
        let from = if style == Style::Bars { p.y.min(0.0) } else { p.y };
        (p.low.map_or(from, |low| low.min(from)), p.high.map_or(p.y, |high| high.max(p.y)))
    };
    let beside = |(low, high): (f64, f64), spans: &mut dyn Iterator<Item = (f64, f64)>| {
        let (least, greatest) = spans.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), (a, b)| (l.min(a), h.max(b)));
        greatest < low || least > high
    };
    let x = panel.x.range.filter(|range| beside(*range, &mut points().map(|(_, p)| (p.x, p.x))));
    let y = panel.y.range.filter(|range| beside(*range, &mut points().map(ends)));
    let axis = if x.is_some() { &panel.x } else { &panel.y };
    match x.or(y) {
        Some(_) => Err(FigureError::NothingInRange { panel: number, axis: axis.label.clone() }),
        None => Ok(()),
    }
}

fn point(panel: &Panel, label: &str, number: usize, p: &Point) -> Result<(), FigureError> {
    let series = || label.to_owned();
    let fields = [("x", Some(p.x)), ("y", Some(p.y)), ("low", p.low), ("high", p.high)];
    for (field, value) in fields.into_iter().filter_map(|(name, v)| v.map(|v| (name, v))) {
        if value.is_nan() || value.abs() > LARGEST {
            return Err(FigureError::NotFinite { series: series(), point: number, field, value });
        }
    }
    let last = panel.x.categories.len();
    if last > 0 && !(0..last).any(|number| number as f64 == p.x) {
        return Err(FigureError::NoCategory { series: series(), point: number, value: p.x, last: last - 1 });
    }
    for (field, value, scale) in [("x", p.x, panel.x.scale), ("y", p.y, panel.y.scale)] {
        if scale == Scale::Log && value <= 0.0 {
            return Err(FigureError::NotPositive { series: series(), point: number, field, value });
        }
    }
    let problem = match (p.low, p.high) {
        (None, None) => return Ok(()),
        (Some(low), Some(high)) if low <= high => return Ok(()),
        (Some(_), Some(_)) => "has its lower end above its upper end",
        _ => "has only one end",
    };
    Err(FigureError::BadInterval { series: series(), point: number, problem })
}
