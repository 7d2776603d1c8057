//! What a figure must be before it is drawn: every fault names its series or axis.

use super::{Axis, Figure, FigureError, Panel, Point, Scale, Series, Style, font};

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
        let measured = |s: &Series| s.label == *target && s.style == Style::Measured;
        if series.style != Style::Formula || !panel.series.iter().any(measured) {
            return Err(FigureError::UnknownTarget { series: series.label.clone(), target: target.clone() });
        }
    }
    series.points.iter().enumerate().try_for_each(|(i, p)| point(panel, &series.label, i + 1, p))
}

fn point(panel: &Panel, label: &str, number: usize, p: &Point) -> Result<(), FigureError> {
    let series = || label.to_owned();
    let fields = [("x", Some(p.x)), ("y", Some(p.y)), ("low", p.low), ("high", p.high)];
    for (field, value) in fields.into_iter().filter_map(|(name, v)| v.map(|v| (name, v))) {
        if value.is_nan() || value.abs() > LARGEST {
            return Err(FigureError::NotFinite { series: series(), point: number, field, value });
        }
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
