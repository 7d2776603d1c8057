//! Panels of figures: over an axis, over variants, over time, and of distributions.

use super::samples::{Spread, over_time};
use super::summary::Summary;
use crate::run::{Outputs, PerPoint, RunOutput, over_points};
use crate::scenario::{
    AxisValue, FormulaSpec, Loaded, Metric, PanelSpec, PanelX, ScaleSpec, SeriesSpec, VARIANT, evaluate,
};
use crate::store::StoreError;
use protosim_core::{Span, maths};
use protosim_reports::figure::{Axis, Panel, Point, Series};
use protosim_reports::formula::{Bindings, Formula};
use protosim_reports::statistics::Estimate;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Points at which a formula is sampled for a curve.
const SAMPLES: usize = 200;

/// What a panel is drawn from.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) outputs: &'a dyn Outputs,
    pub(super) summary: &'a Summary,
}

/// The panel of a specification, and notes on what of it is not shown.
pub(super) fn draw_panel(
    source: Source<'_>,
    spec: &PanelSpec,
    notes: &mut Vec<String>,
) -> Result<Option<Panel>, StoreError> {
    if let Some(cells) = &spec.cells {
        return Ok(super::cells::draw_cells(source, spec, cells, notes));
    }
    let unit = spec.series.first().map_or("", |series| series.metric.unit());
    let chosen: Vec<usize> = source.loaded.chosen(spec.filter()).collect();
    let mut sheet = Sheet { spec, chosen, notes, series: Vec::new(), shown: Vec::new() };
    let x = match &spec.x {
        PanelX::Axis(name) if name == VARIANT && !source.loaded.scenario.variants.is_empty() => {
            over_variants(source, &mut sheet);
            let names = source.loaded.scenario.variants.iter().map(|variant| variant.name.as_str());
            Axis::categories(&spec.x_label, names)
        }
        PanelX::Axis(name) => {
            let Some(x) = source.loaded.scenario.axes.iter().position(|axis| axis.name == *name) else {
                return Ok(None);
            };
            let axis = &source.loaded.scenario.axes[x];
            if axis.has_cases() {
                over_cases(source, x, &mut sheet);
            } else {
                over_axis(source, x, &mut sheet);
            }
            match axis.has_cases() {
                true => Axis::categories(&spec.x_label, axis.all_values().iter().map(AxisValue::text)),
                false => scaled(spec.x_scale, &spec.x_label).unit(axis.dimension().figure_unit().0),
            }
        }
        PanelX::Time { bin } => {
            for series in &spec.series {
                add_over_time(source, series, *bin, &mut sheet)?;
            }
            scaled(spec.x_scale, &spec.x_label).unit("s")
        }
        PanelX::Distribution => {
            for series in &spec.series {
                add_distributions(source, series, &mut sheet)?;
            }
            scaled(spec.x_scale, &spec.x_label).unit(unit)
        }
    };
    let is_share = spec.x == PanelX::Distribution;
    let y = scaled(spec.y_scale, &spec.y_label).unit(if is_share { "" } else { unit });
    let Sheet { series, shown, .. } = sheet;
    if shown.is_empty() {
        notes.push("a panel is not shown: nothing in it was measured".to_owned());
        return Ok(None);
    }
    Ok(Some(series.into_iter().fold(Panel::new(x, y), Panel::series)))
}

fn scaled(scale: ScaleSpec, label: &str) -> Axis {
    match scale {
        ScaleSpec::Linear => Axis::linear(label),
        ScaleSpec::Log => Axis::log(label),
    }
}

/// A distribution function through these steps.
fn cdf(label: String, points: Vec<Point>) -> Series {
    Series::cdf(label, &points.iter().map(|point| (point.x, point.y)).collect::<Vec<_>>())
}

/// The series of a panel as they come.
struct Sheet<'a> {
    spec: &'a PanelSpec,
    /// The points that it shows.
    chosen: Vec<usize>,
    notes: &'a mut Vec<String>,
    series: Vec<Series>,
    /// Labels of what was measured.
    shown: Vec<String>,
}

impl Sheet<'_> {
    /// Adds something measured, if there is anything of it to be seen.
    fn add(&mut self, label: String, points: Vec<Point>, style: impl FnOnce(String, Vec<Point>) -> Series) {
        let points = self.drawable(&label, points);
        if !points.is_empty() {
            self.shown.push(label.clone());
            self.series.push(style(label, points));
        }
    }

    /// What scales have a place for; what they have not is noted.
    fn drawable(&mut self, label: &str, points: Vec<Point>) -> Vec<Point> {
        let all = points.len();
        let fits = |scale: ScaleSpec, value: f64| (scale == ScaleSpec::Linear || value > 0.0) && value.abs() <= 1e300;
        let spec = self.spec;
        let drawable = |point: &Point| fits(spec.x_scale, point.x) && fits(spec.y_scale, point.y);
        let points: Vec<Point> = points.into_iter().filter(drawable).collect();
        if points.is_empty() {
            let why = if all > 0 { " above zero" } else { "" };
            self.notes.push(format!("`{label}` is not shown: it has no value{why}"));
        } else if points.len() < all {
            self.notes.push(format!("`{label}` lacks {} points that are not above zero", all - points.len()));
        }
        points
    }
}

/// A measured value at a place, with its interval if it has both ends.
fn point_of(x: f64, estimate: &Estimate) -> Point {
    let point = Point::new(x, estimate.value);
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => point.within(low, high),
        _ => point,
    }
}

/// Points that agree in all other axes make one series.
fn over_axis(source: Source<'_>, x: usize, sheet: &mut Sheet<'_>) {
    let Source { loaded, summary, .. } = source;
    let factor = loaded.scenario.axes[x].dimension().figure_unit().1;
    let spec = sheet.spec;
    // A line through points of a design would join what lies apart on other axes.
    let is_scattered = loaded.scenario.has_design_axes();
    let style = if is_scattered { Series::scatter } else { Series::measured };
    let telling = Telling::of(loaded, &sheet.chosen, Some(x));
    for Line { others, mut points } in lines_of(loaded, &sheet.chosen, Some(x)) {
        points.sort_by(|a, b| loaded.points[*a].values[x].total_cmp(&loaded.points[*b].values[x]));
        let suffix = telling.describe(loaded, &others);
        for series in &spec.series {
            let points = points.iter().filter_map(|&point| {
                let row = summary.find(point, &series.subject()?, series.metric)?;
                Some(point_of(loaded.points[point].values[x] * factor, &row.estimate))
            });
            sheet.add(joined(&series.label, &suffix), points.collect(), style);
        }
        for formula in &spec.formulas {
            let label = joined(&formula.label, &suffix);
            let is_curve = !is_scattered || depends_on_x_alone(loaded, x, formula);
            let points = match is_curve {
                true => sample((loaded, &points), (x, spec.x_scale), formula, factor),
                false => at_points((loaded, &points), x, formula, factor),
            };
            let points = sheet.drawable(&label, points);
            if points.is_empty() {
                continue;
            }
            let of = formula.of.as_ref().map(|of| joined(of, &suffix)).filter(|of| sheet.shown.contains(of));
            sheet.series.push(match (is_curve, of) {
                (true, Some(of)) => Series::formula(label, points).of(of),
                (true, None) => Series::formula(label, points),
                (false, _) => Series::marks(label, points),
            });
        }
    }
}

/// Whether a formula is a curve over `x`, where a design varies other axes along with it.
fn depends_on_x_alone(loaded: &Loaded, x: usize, spec: &FormulaSpec) -> bool {
    let scenario = &loaded.scenario;
    let bindings = Bindings::parse(spec.bindings.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    let (Ok(bindings), Ok(formula)) = (bindings, Formula::parse(&spec.y)) else { return true };
    let names = bindings.variables(&formula);
    let is_named = |axis: usize| names.contains(&scenario.axes[axis].name);
    (0..scenario.axes.len()).all(|axis| axis == x || !scenario.is_in_design(axis) || !is_named(axis))
}

/// A formula at the points themselves.
fn at_points((loaded, points): Among<'_>, x: usize, spec: &FormulaSpec, factor: f64) -> Vec<Point> {
    let value_at = |&point: &usize| {
        let values = &loaded.points[point].values;
        let y = evaluate(&loaded.scenario.axes, &spec.y, &spec.bindings, values).ok()?;
        // Each a part of its own, so that those above each other are not thinned out as a line would be.
        Some(Point { after_gap: true, ..Point::new(values[x] * factor, y) })
    };
    points.iter().filter_map(value_at).collect()
}

/// Variants side by side: points that agree in all axes make one series.
fn over_variants(source: Source<'_>, sheet: &mut Sheet<'_>) {
    let Source { loaded, summary, .. } = source;
    let spec = sheet.spec;
    let category = |point: usize| {
        let name = loaded.points[point].variant.as_ref()?;
        loaded.scenario.variants.iter().position(|variant| variant.name == *name)
    };
    // The points of a design stand above each other.
    let cloud = (0..loaded.scenario.axes.len()).find(|axis| loaded.scenario.is_in_design(*axis));
    let telling = Telling::of(loaded, &sheet.chosen, cloud);
    let mut lines: Vec<Line> = Vec::new();
    let mut known: BTreeMap<Vec<u64>, usize> = BTreeMap::new();
    for Line { others: Others { values, .. }, points } in lines_of(loaded, &sheet.chosen, cloud) {
        let place = *known.entry(values.iter().copied().map(bits).collect()).or_insert(lines.len());
        match lines.get_mut(place) {
            Some(line) => line.points.extend(points),
            None => lines.push(Line { others: Others { variant: None, values }, points }),
        }
    }
    for Line { others, mut points } in lines {
        points.sort_unstable();
        let suffix = telling.describe(loaded, &others);
        for series in &spec.series {
            let points = points.iter().filter_map(|&point| {
                let row = summary.find(point, &series.subject()?, series.metric)?;
                Some(point_of(category(point)? as f64, &row.estimate))
            });
            let style = compared(spec.y_scale, cloud.is_some());
            sheet.add(joined(&series.label, &suffix), points.collect(), style);
        }
    }
}

/// Categories are compared by bars, or by dots where there are several of a category, or on a logarithmic axis, where bars have no beginning.
fn compared(scale: ScaleSpec, is_cloud: bool) -> fn(String, Vec<Point>) -> Series {
    if is_cloud || scale == ScaleSpec::Log { Series::dots } else { Series::bars }
}

/// The cases of an axis side by side: points that agree in all else make one series.
fn over_cases(source: Source<'_>, x: usize, sheet: &mut Sheet<'_>) {
    let Source { loaded, summary, .. } = source;
    let spec = sheet.spec;
    let cases = loaded.scenario.axes[x].all_values();
    let category = |point: usize| {
        let value = loaded.points[point].values[x];
        cases.iter().position(|case| case.number().is_some_and(|(number, _)| number == value))
    };
    let telling = Telling::of(loaded, &sheet.chosen, Some(x));
    let style = compared(spec.y_scale, loaded.scenario.has_design_axes());
    for Line { others, mut points } in lines_of(loaded, &sheet.chosen, Some(x)) {
        points.sort_by_key(|point| category(*point));
        let suffix = telling.describe(loaded, &others);
        for series in &spec.series {
            let points = points.iter().filter_map(|&point| {
                let row = summary.find(point, &series.subject()?, series.metric)?;
                Some(point_of(category(point)? as f64, &row.estimate))
            });
            sheet.add(joined(&series.label, &suffix), points.collect(), style);
        }
    }
}

/// A line for each point: the distribution function of a series over all its runs.
fn add_distributions(source: Source<'_>, series: &SeriesSpec, sheet: &mut Sheet<'_>) -> Result<(), StoreError> {
    let Source { loaded, outputs, .. } = source;
    let telling = Telling::of(loaded, &sheet.chosen, None);
    let mut lines: BTreeMap<usize, Vec<Point>> = BTreeMap::new();
    let per_point = PerPoint {
        new: |_| Spread::new(series, loaded.scenario.distributions),
        add: |spread: &mut Spread, point, run: &RunOutput| spread.add(loaded, point, run, series),
        append: Spread::append,
    };
    let take = |points: Vec<(usize, Spread)>| {
        let steps = points
            .into_par_iter()
            .map(|(point, spread)| (point, spread.steps().into_iter().map(|(x, y)| Point::new(x, y)).collect()));
        lines.extend(steps.collect::<Vec<_>>());
        Ok::<(), StoreError>(())
    };
    over_points(outputs, sheet.chosen.iter().copied(), per_point, take)?;
    for point in sheet.chosen.clone() {
        sheet.add(telling.label(loaded, point, series), lines.remove(&point).unwrap_or_default(), cdf);
    }
    Ok(())
}

/// A line for each point. What a link could send is often the same at all of them, and one line then.
fn add_over_time(
    source: Source<'_>,
    series: &SeriesSpec,
    bin: Option<Span>,
    sheet: &mut Sheet<'_>,
) -> Result<(), StoreError> {
    let chosen = sheet.chosen.clone();
    let mut lines: Vec<(usize, Vec<Point>)> = Vec::new();
    for &point in &chosen {
        if let Some(run) = source.outputs.run(point, 0)?.filter(|run| run.replication == 0) {
            lines.push((point, over_time(source.loaded, point, &run, series, bin)));
        }
    }
    let is_binned = series.metric.needs_bin() && series.metric != Metric::QueueDelay;
    let style = if is_binned || series.metric.is_series() { Series::step } else { Series::line };
    if series.metric == Metric::Capacity && lines.windows(2).all(|pair| pair[0].1 == pair[1].1) {
        let points = lines.into_iter().next().map(|(_, points)| points).unwrap_or_default();
        sheet.add(series.label.clone(), points, style);
        return Ok(());
    }
    let telling = Telling::of(source.loaded, &chosen, None);
    for (point, points) in lines {
        sheet.add(telling.label(source.loaded, point, series), points, style);
    }
    Ok(())
}

/// A label and what tells it from others; without a label, that alone.
fn joined(label: &str, suffix: &str) -> String {
    if label.is_empty() { suffix.trim_start_matches(", ").to_owned() } else { format!("{label}{suffix}") }
}

/// Points of an experiment.
type Among<'a> = (&'a Loaded, &'a [usize]);

/// What tells one line of a panel from the others: the variant, and the values of all axes but `x` and those that advance with
/// it.
#[derive(Clone, PartialEq, Debug)]
struct Others {
    variant: Option<String>,
    values: Vec<f64>,
}

/// Points that make one line.
struct Line {
    others: Others,
    /// In order.
    points: Vec<usize>,
}

/// The lines of a panel over `x`, in the order of their first points.
fn lines_of(loaded: &Loaded, chosen: &[usize], x: Option<usize>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut known: BTreeMap<(Option<&str>, Vec<u64>), usize> = BTreeMap::new();
    for &point in chosen {
        let variant = loaded.points[point].variant.as_deref();
        let others = others_of(loaded, &loaded.points[point], x);
        let place = *known.entry((variant, others.values.iter().copied().map(bits).collect())).or_insert(lines.len());
        match lines.get_mut(place) {
            Some(line) => line.points.push(point),
            None => lines.push(Line { others, points: vec![point] }),
        }
    }
    lines
}

/// The same for numbers that are equal.
fn bits(value: f64) -> u64 {
    // Zero has two forms; their sum is the positive one.
    (value + 0.0).to_bits()
}

fn others_of(loaded: &Loaded, point: &crate::scenario::Point, x: Option<usize>) -> Others {
    let values = point.values.iter().enumerate().filter(|(index, _)| !goes_with(loaded, *index, x));
    Others { variant: point.variant.clone(), values: values.map(|(_, value)| *value).collect() }
}

/// Whether an axis is `x`, or advances together with it. Over any axis the points of a design are one cloud, not a line each.
fn goes_with(loaded: &Loaded, axis: usize, x: Option<usize>) -> bool {
    let scenario = &loaded.scenario;
    x.is_some_and(|x| axis == x || scenario.is_in_design(axis) || scenario.advance_together(x, axis))
}

/// What tells the lines of a panel apart: what is the same for all of them does not stand in their labels.
struct Telling {
    x: Option<usize>,
    /// Whether points have several variants.
    has_variants: bool,
    /// By axis, whether it stands in labels.
    axes: Vec<bool>,
}

impl Telling {
    fn of(loaded: &Loaded, chosen: &[usize], x: Option<usize>) -> Self {
        let points = || chosen.iter().map(|point| &loaded.points[*point]);
        let first = points().next();
        let tells_apart =
            |axis: usize| points().any(|point| first.is_some_and(|first| point.values[axis] != first.values[axis]));
        // Of axes that advance together the first one tells lines apart.
        let follows = |index: usize| (0..index).any(|earlier| loaded.scenario.advance_together(earlier, index));
        let axes = 0..loaded.scenario.axes.len();
        Self {
            x,
            has_variants: points().any(|point| first.is_some_and(|first| point.variant != first.variant)),
            axes: axes.map(|axis| !goes_with(loaded, axis, x) && !follows(axis) && tells_apart(axis)).collect(),
        }
    }

    /// What tells a line from the others, as the end of its label.
    fn describe(&self, loaded: &Loaded, others: &Others) -> String {
        let axes = loaded.scenario.axes.iter().enumerate().filter(|(index, _)| !goes_with(loaded, *index, self.x));
        let variant = others.variant.iter().filter(|_| self.has_variants).map(|variant| format!(", {variant}"));
        let parts = axes.zip(&others.values).filter(|((index, _), _)| self.axes[*index]);
        let parts = parts.map(|((_, axis), value)| {
            if let Some(case) = axis.case_name(*value) {
                return format!(", {} {case}", axis.name);
            }
            let (unit, factor) = axis.dimension().figure_unit();
            let space = if unit.is_empty() { "" } else { " " };
            format!(", {} {}{space}{unit}", axis.name, value * factor)
        });
        variant.chain(parts).collect()
    }

    /// The label of a series at a point, where each point has a line of its own.
    fn label(&self, loaded: &Loaded, point: usize, series: &SeriesSpec) -> String {
        let others = others_of(loaded, &loaded.points[point], self.x);
        joined(&series.label, &self.describe(loaded, &others))
    }
}

/// A formula between the least and the largest x, over points in the order of x.
fn sample((loaded, points): Among<'_>, (x, scale): (usize, ScaleSpec), spec: &FormulaSpec, factor: f64) -> Vec<Point> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    let (first, last) = (loaded.points[*first].values[x], loaded.points[*last].values[x]);
    let value_at = |place: f64| {
        let values = between(loaded, x, points, place);
        let y = evaluate(&loaded.scenario.axes, &spec.y, &spec.bindings, &values).ok()?;
        Some(Point::new(place * factor, y))
    };
    // As far from each other on the page, on either scale.
    let place = |share: f64| match scale {
        ScaleSpec::Log if first > 0.0 && share < 1.0 => first * maths::exp(share * maths::ln(last / first)),
        ScaleSpec::Log if first > 0.0 => last,
        _ => first + (last - first) * share,
    };
    (0..=SAMPLES).filter_map(|step| value_at(place(step as f64 / SAMPLES as f64))).collect()
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
