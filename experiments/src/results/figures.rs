//! Figures and expectations of a scenario, from its summary.

use super::summary::{Basis, Summary, summarise};
use crate::run::RunOutput;
use crate::scenario::{Expectation, FigureSpec, FormulaSpec, Loaded, Must, PanelSpec, ScaleSpec, SeriesSpec, evaluate};
use protosim_reports::figure::{Axis, Figure, Panel, Point, Series};
use protosim_reports::statistics::Confidence;

/// Points at which a formula is sampled for a curve.
const SAMPLES: usize = 200;

/// A figure, and what of its specification it does not show.
pub struct Drawn {
    /// The figure; `None` if there is nothing to show at all.
    pub figure: Option<Figure>,
    /// What is left out, in words: series without a single value, points that a logarithmic scale has no place for.
    pub notes: Vec<String>,
}

/// The figure of a specification.
pub fn draw(loaded: &Loaded, summary: &Summary, spec: &FigureSpec) -> Drawn {
    let mut figure = Figure::new(&spec.title);
    let mut notes = Vec::new();
    let mut panels = 0;
    for panel in &spec.panels {
        if let Some(panel) = draw_panel(loaded, summary, panel, &mut notes) {
            figure = figure.panel(panel);
            panels += 1;
        }
    }
    let has_interval = |series: &SeriesSpec| {
        let app = loaded.scenario.apps.iter().position(|app| app.name == series.app);
        let rows = summary.rows.iter().filter(|row| Some(row.app) == app && row.metric == series.metric);
        rows.into_iter().any(|row| row.estimate.low.is_some() && row.estimate.high.is_some())
    };
    let level = format!("Intervals: {}.", loaded.scenario.confidence);
    let has_intervals = spec.panels.iter().flat_map(|panel| &panel.series).any(has_interval);
    let caption = [spec.caption.as_str(), if has_intervals { &level } else { "" }];
    let caption: Vec<&str> = caption.into_iter().filter(|part| !part.is_empty()).collect();
    figure = figure.caption(caption.join(" "));
    let notes = notes.into_iter().map(|note| format!("figure `{}`: {note}", spec.name)).collect();
    Drawn { figure: (panels > 0).then_some(figure), notes }
}

fn draw_panel(loaded: &Loaded, summary: &Summary, spec: &PanelSpec, notes: &mut Vec<String>) -> Option<Panel> {
    let axes = &loaded.scenario.axes;
    let x = axes.iter().position(|axis| axis.name == spec.x)?;
    let (unit, factor) = axes[x].dimension().figure_unit();
    let y_unit = spec.series.first().map_or("", |series| series.metric.unit());
    let y = match spec.y_scale {
        ScaleSpec::Linear => Axis::linear(&spec.y_label),
        ScaleSpec::Log => Axis::log(&spec.y_label),
    };
    let mut panel = Panel::new(Axis::linear(&spec.x_label).unit(unit), y.unit(y_unit));
    let mut shown: Vec<String> = Vec::new();
    let mut keep_drawable = |label: &str, points: Vec<Point>| {
        let all = points.len();
        let drawable = |point: &Point| (spec.y_scale == ScaleSpec::Linear || point.y > 0.0) && point.y.abs() <= 1e300;
        let points: Vec<Point> = points.into_iter().filter(drawable).collect();
        if points.is_empty() {
            notes.push(format!("`{label}` is not shown: it has no value{}", if all > 0 { " above zero" } else { "" }));
        } else if points.len() < all {
            notes.push(format!("`{label}` lacks {} points that are not above zero", all - points.len()));
        }
        points
    };
    // Points that agree in all other axes make one series.
    for others in combinations(loaded, x) {
        let suffix = describe(loaded, x, &others);
        for series in &spec.series {
            let app = loaded.scenario.apps.iter().position(|app| app.name == series.app);
            let points = points_of(loaded, x, &others).into_iter().filter_map(|point| {
                let row = summary.find(point, app?, series.metric)?;
                let mut drawn = Point::new(loaded.points[point].values[x] * factor, row.estimate.value);
                (drawn.low, drawn.high) = (row.estimate.low, row.estimate.high);
                if drawn.low.is_none() || drawn.high.is_none() {
                    (drawn.low, drawn.high) = (None, None);
                }
                Some(drawn)
            });
            let label = format!("{}{suffix}", series.label);
            let points = keep_drawable(&label, points.collect());
            if !points.is_empty() {
                shown.push(label.clone());
                panel = panel.series(Series::measured(label, points));
            }
        }
        for formula in &spec.formulas {
            let label = format!("{}{suffix}", formula.label);
            let points = keep_drawable(&label, sample(loaded, x, &others, formula, factor));
            if points.is_empty() {
                continue;
            }
            let of = formula.of.as_ref().map(|of| format!("{of}{suffix}")).filter(|of| shown.contains(of));
            let series = Series::formula(label, points);
            panel = panel.series(match of {
                Some(of) => series.of(of),
                None => series,
            });
        }
    }
    if shown.is_empty() {
        notes.push("a panel is not shown: nothing in it was measured".to_owned());
    }
    (!shown.is_empty()).then_some(panel)
}

/// What tells one line of a panel from the others: the variant, and the values of all axes but `x` and those that advance with
/// it.
#[derive(Clone, PartialEq, Debug)]
struct Others {
    variant: Option<String>,
    values: Vec<f64>,
}

/// The values of all axes but `x`, each combination once, in order of points.
fn combinations(loaded: &Loaded, x: usize) -> Vec<Others> {
    let mut found: Vec<Others> = Vec::new();
    for point in &loaded.points {
        let others = others_of(loaded, point, x);
        if !found.contains(&others) {
            found.push(others);
        }
    }
    found
}

fn others_of(loaded: &Loaded, point: &crate::scenario::Point, x: usize) -> Others {
    let values = point.values.iter().enumerate().filter(|(index, _)| !goes_with(loaded, *index, x));
    Others { variant: point.variant.clone(), values: values.map(|(_, value)| *value).collect() }
}

/// Whether an axis is `x`, or advances together with it.
fn goes_with(loaded: &Loaded, axis: usize, x: usize) -> bool {
    let axes = &loaded.scenario.axes;
    axis == x || (axes[x].zip.is_some() && axes[axis].zip == axes[x].zip)
}

fn points_of(loaded: &Loaded, x: usize, others: &Others) -> Vec<usize> {
    let belongs = |point: &usize| others_of(loaded, &loaded.points[*point], x) == *others;
    let mut points: Vec<usize> = (0..loaded.points.len()).filter(belongs).collect();
    points.sort_by(|a, b| loaded.points[*a].values[x].total_cmp(&loaded.points[*b].values[x]));
    points
}

fn describe(loaded: &Loaded, x: usize, others: &Others) -> String {
    let axes = loaded.scenario.axes.iter().enumerate().filter(|(index, _)| !goes_with(loaded, *index, x));
    let variant = others.variant.iter().map(|variant| format!(", {variant}"));
    let parts = axes.zip(&others.values).map(|((_, axis), value)| {
        let (unit, factor) = axis.dimension().figure_unit();
        let space = if unit.is_empty() { "" } else { " " };
        format!(", {} {}{space}{unit}", axis.name, value * factor)
    });
    variant.chain(parts).collect()
}

/// A formula between the least and the largest x.
fn sample(loaded: &Loaded, x: usize, others: &Others, spec: &FormulaSpec, factor: f64) -> Vec<Point> {
    let points = points_of(loaded, x, others);
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    let (first, last) = (loaded.points[*first].values[x], loaded.points[*last].values[x]);
    let value_at = |place: f64| {
        let values = between(loaded, x, &points, place);
        let y = evaluate(&loaded.scenario.axes, &spec.y, &spec.bindings, &values).ok()?;
        Some(Point::new(place * factor, y))
    };
    (0..=SAMPLES).filter_map(|step| value_at(first + (last - first) * step as f64 / SAMPLES as f64)).collect()
}

/// The values of all axes where `x` has this value: those that advance with it lie on straight lines from point to point.
fn between(loaded: &Loaded, x: usize, points: &[usize], place: f64) -> Vec<f64> {
    let values = |point: usize| &loaded.points[point].values;
    let behind = points.partition_point(|point| values(*point)[x] < place).clamp(1, points.len().max(2) - 1);
    let (Some(low), high) = (points.get(behind - 1), points.get(behind)) else { return Vec::new() };
    let (low, high) = (values(*low), values(*high.unwrap_or(low)));
    let share = if high[x] > low[x] { (place - low[x]) / (high[x] - low[x]) } else { 0.0 };
    let at =
        |axis: usize| if low[axis] == high[axis] { low[axis] } else { low[axis] + share * (high[axis] - low[axis]) };
    (0..low.len()).map(|axis| if axis == x { place } else { at(axis) }).collect()
}

/// What became of an expectation.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// In words.
    pub text: String,
    /// True if it holds at all points.
    pub holds: bool,
}

/// Compares all expectations with what came out.
pub fn check_expectations(loaded: &Loaded, outputs: &[Vec<RunOutput>], summary: &Summary) -> Vec<Outcome> {
    // One summary serves all: simultaneous over all points of all expectations of this kind, and over single
    // exchanges, since a few replications would agree with nearly anything at such a confidence.
    let agreeing = loaded.scenario.expect.iter().filter(|expectation| matches!(expectation.must, Must::AgreeWith(_)));
    let comparisons = (agreeing.count() * loaded.points.len()).max(1) as u64;
    let strict = Confidence::P99_9.shared_by(comparisons).unwrap_or(Confidence::P99_9);
    let strict = summarise(loaded, outputs, strict, Basis::Exchanges);
    loaded.scenario.expect.iter().map(|expectation| check(loaded, outputs, expectation, (summary, &strict))).collect()
}

fn check(
    loaded: &Loaded,
    outputs: &[Vec<RunOutput>],
    expectation: &Expectation,
    (summary, strict): (&Summary, &Summary),
) -> Outcome {
    let app = loaded.scenario.apps.iter().position(|app| app.name == expectation.app).unwrap_or_default();
    let mut misses = Vec::new();
    for (index, point) in loaded.points.iter().enumerate() {
        // Partial results say nothing of points that did not run.
        if outputs.get(index).is_none_or(Vec::is_empty) {
            continue;
        }
        let formula = expectation.must.formula();
        let wanted = evaluate(&loaded.scenario.axes, formula, &expectation.bindings, &point.values).ok();
        let of = if matches!(expectation.must, Must::AgreeWith(_)) { strict } else { summary };
        let row = of.find(index, app, expectation.metric);
        let (Some(wanted), Some(row)) = (wanted, row) else {
            misses.push(format!("point {index}: nothing to compare"));
            continue;
        };
        let value = row.estimate.value;
        let (holds, relation) = match expectation.must {
            Must::BeAtLeast(_) => (value >= wanted, "is not at least"),
            Must::BeAtMost(_) => (value <= wanted, "is not at most"),
            Must::AgreeWith(_) if row.estimate.low.is_none() || row.estimate.high.is_none() => {
                (false, "rests on too few exchanges to agree with")
            }
            Must::AgreeWith(_) => (row.estimate.contains(wanted), "does not agree with"),
        };
        if !holds {
            misses.push(format!("point {index}: {value} {relation} {wanted}"));
        }
    }
    let verb = match expectation.must {
        Must::BeAtLeast(_) => "is at least",
        Must::BeAtMost(_) => "is at most",
        Must::AgreeWith(_) => "agrees with",
    };
    let claim = format!("{} of `{}` {verb} {}", expectation.metric.name(), expectation.app, expectation.must.formula());
    match misses.first() {
        None => Outcome { text: format!("holds: {claim}"), holds: true },
        Some(first) => Outcome {
            text: format!("FAILS: {claim}, at {} of {} points: {first}", misses.len(), loaded.points.len()),
            holds: false,
        },
    }
}
