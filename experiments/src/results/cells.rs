//! Heat maps: panels whose cells are the points of two axes.

use super::panels::Source;
use crate::scenario::{AxisSpec, CellsSpec, Dimension, Loaded, PanelSpec, PanelX, ScaleSpec, VARIANT};
use protosim_reports::figure::{Axis, Cell, CellName, Cells, Colouring, Panel, Scale};

/// Columns or rows.
struct Side {
    /// By point, which one it belongs to.
    of_points: Vec<Option<usize>>,
    names: Vec<String>,
    /// Whether they are numbers, which rise from bottom to top.
    is_numeric: bool,
}

/// The panel of a specification; `None` where nothing in it was measured. What it does not show is noted.
pub(super) fn draw_cells(
    source: Source<'_>,
    spec: &PanelSpec,
    cells: &CellsSpec,
    notes: &mut Vec<String>,
) -> Option<Panel> {
    let Source { loaded, summary, .. } = source;
    let (PanelX::Axis(x), Some(series)) = (&spec.x, spec.series.first()) else { return None };
    let chosen: Vec<usize> = loaded.chosen(spec.filter()).collect();
    let (columns, rows) = (side(loaded, &chosen, x)?, side(loaded, &chosen, &cells.y)?);
    let (subject, last) = (series.subject()?, rows.names.len() - 1);
    let has_place = |value: f64| cells.scale == ScaleSpec::Linear || value > 0.0;
    let cell = |&point: &usize| {
        let value = summary.find(point, &subject, series.metric)?.estimate.value;
        let (column, row) = (columns.of_points[point]?, rows.of_points[point]?);
        let y = if rows.is_numeric { last - row } else { row };
        has_place(value).then_some(Cell { x: column, y, value })
    };
    let values: Vec<Cell> = chosen.iter().filter_map(cell).collect();
    if values.is_empty() {
        notes.push("a panel is not shown: nothing in it was measured".to_owned());
        return None;
    }
    let all = columns.names.len() * rows.names.len();
    if values.len() < all {
        let above = if cells.scale == ScaleSpec::Log { " above zero" } else { "" };
        notes.push(format!("`{}` has no value{above} in {} of {all} cells", series.label, all - values.len()));
    }
    let is_named = |cell: &&Cell| cells.labels.iter().any(|label| label.value == cell.value);
    let unnamed = values.iter().filter(|cell| !is_named(cell)).count();
    if !cells.labels.is_empty() && unnamed > 0 {
        notes.push(format!("`{}` has values without a label in {unnamed} of {all} cells", series.label));
    }
    let colouring = colouring(cells, series.metric.unit());
    let cells = Cells { label: series.label.clone(), values, colouring };
    let mut names = rows.names;
    if rows.is_numeric {
        names.reverse();
    }
    Some(Panel::of_cells(Axis::categories(&spec.x_label, columns.names), Axis::categories(&spec.y_label, names), cells))
}

fn colouring(cells: &CellsSpec, unit: &str) -> Colouring {
    if cells.labels.is_empty() {
        let scale = match cells.scale {
            ScaleSpec::Linear => Scale::Linear,
            ScaleSpec::Log => Scale::Log,
        };
        return Colouring::Scale { unit: unit.to_owned(), scale, decimals: cells.decimals.map(usize::from) };
    }
    let name = |label: &crate::scenario::CellLabel| CellName {
        value: label.value,
        text: label.text.clone(),
        meaning: label.meaning.clone(),
    };
    Colouring::Names(cells.labels.iter().map(name).collect())
}

/// The columns or rows that an axis, or the variants, make of some points: those that a point lies in.
fn side(loaded: &Loaded, chosen: &[usize], name: &str) -> Option<Side> {
    let scenario = &loaded.scenario;
    if name == VARIANT && !scenario.variants.is_empty() {
        let of = |point: usize| loaded.points[point].variant.as_deref();
        let is_there = |name: &&str| chosen.iter().any(|point| of(*point) == Some(*name));
        let names: Vec<&str> = scenario.variants.iter().map(|one| one.name.as_str()).filter(is_there).collect();
        let place = |point: usize| names.iter().position(|name| of(point) == Some(*name));
        let of_points = (0..loaded.points.len()).map(place).collect();
        return Some(Side { of_points, names: names.into_iter().map(str::to_owned).collect(), is_numeric: false });
    }
    let index = scenario.axes.iter().position(|axis| axis.name == name)?;
    let axis = &scenario.axes[index];
    let value = |point: usize| loaded.points[point].values[index];
    let is_there = |wanted: &f64| chosen.iter().any(|point| value(*point) == *wanted);
    let all = axis.all_values();
    let mut values: Vec<f64> = all.iter().filter_map(|value| Some(value.number()?.0)).filter(is_there).collect();
    if !axis.has_cases() {
        values.sort_by(f64::total_cmp);
    }
    let of_points = (0..loaded.points.len()).map(|point| values.iter().position(|one| *one == value(point))).collect();
    let names: Vec<String> = values.iter().map(|value| value_name(axis, *value)).collect();
    (!names.is_empty()).then_some(Side { of_points, names, is_numeric: !axis.has_cases() })
}

/// A value as a category is called: by its case, as it is written, or, of a range, in a unit that fits.
fn value_name(axis: &AxisSpec, value: f64) -> String {
    let written = axis.values.iter().find(|written| written.number().is_some_and(|(number, _)| number == value));
    match (axis.case_name(value), written) {
        (Some(name), _) => name.to_owned(),
        (None, Some(written)) => written.text(),
        (None, None) => in_fitting_unit(axis.dimension(), value),
    }
}

fn in_fitting_unit(dimension: Dimension, value: f64) -> String {
    let units: &[(&str, f64)] = match dimension {
        Dimension::Time => &[(" s", 1.0), (" ms", 1e3), (" us", 1e6), (" ns", 1e9)],
        Dimension::Rate => &[(" Gbit/s", 1e-9), (" Mbit/s", 1e-6), (" kbit/s", 1e-3), (" bit/s", 1.0)],
        Dimension::Size => &[(" MB", 1e-6), (" kB", 1e-3), (" B", 1.0)],
        Dimension::Ratio => &[(" %", 100.0)],
        Dimension::Packets => &[(" packets", 1.0)],
        Dimension::Length => &[(" km", 1e-3), (" m", 1.0), (" mm", 1e3)],
        Dimension::Number => &[("", 1.0)],
    };
    let fits = units.iter().find(|(_, factor)| value.abs() * factor >= 1.0);
    let (unit, factor) = fits.or(units.last()).copied().unwrap_or(("", 1.0));
    // What the factor adds behind the twelfth decimal is rounding.
    let number = (value * factor * 1e6).round() / 1e6;
    format!("{number}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Basis, draw, summarise};
    use crate::run::{Options, run_all};
    use crate::scenario::{Request, load_text};
    use protosim_reports::statistics::Confidence;

    #[test]
    fn values_of_ranges_have_a_unit_that_fits() {
        for (dimension, value, text) in [
            (Dimension::Time, 0.025_75, "25.75 ms"),
            (Dimension::Time, 0.0, "0 ns"),
            (Dimension::Ratio, 0.025, "2.5 %"),
            (Dimension::Rate, 3_162_278.0, "3.162278 Mbit/s"),
            (Dimension::Number, 12.0, "12"),
        ] {
            assert_eq!(in_fitting_unit(dimension, value), text);
        }
    }

    /// Of a ping over two links of 1 Mbit/s, whose loss is all or nothing.
    const TEXT: &str = r#"(
        format: 1, title: "Cells", until: After("2 s"), nodes: [(name: "a"), (name: "m"), (name: "b")],
        links: [
            (name: "near", ends: ("a", "m"), rate: "1 Mbit/s", delay: "1 ms"),
            (name: "far", ends: ("m", "b"), rate: "1 Mbit/s", delay: "1 ms"),
        ],
        apps: [(name: "ping", on: "a", run: Ping(to: "b", count: 2, interval: "100 ms"))],
        axes: [
            (name: "form", cases: [(name: "open"), (name: "shut", set: {"links.near.loss": "100 %"})]),
            (name: "delay", path: "links.far.delay", range: (from: "10 ms", to: "30 ms", steps: 3)),
        ],
        only_if: "form != 'shut' || delay < 0.025",
        figures: [(name: "f", title: "F", panels: [(
            x: "form", x_label: "Kind", y_label: "Delay", series: [(label: "Replies", app: "ping", metric: METRIC)],
            cells: (y: "delay", MORE),
        )])],
    )"#;

    fn drawn(metric: &str, more: &str) -> (Panel, Vec<String>) {
        let text = TEXT.replace("METRIC", metric).replace("MORE", more);
        let loaded = load_text("t", "t.ron", &text, &Request::default(), false).unwrap();
        let outputs = run_all(&loaded, Options::default(), || ()).unwrap();
        let summary = summarise(&loaded, &outputs, Confidence::P95, Basis::Replications).unwrap();
        let drawn = draw(&loaded, &outputs, &summary, &loaded.scenario.figures[0]).unwrap();
        let figure = drawn.figure.unwrap();
        assert!(figure.check().is_ok());
        (figure.panels[0].clone(), drawn.notes)
    }

    /// Both replies come where the link is open, at any delay, none where it is shut; at 30 ms the shut one is left out.
    #[test]
    fn cells_are_points_and_rows_of_numbers_rise() {
        let labels = r#"labels: [(value: 2, text: "all", meaning: "both came"), (value: 0, text: "none")]"#;
        let (panel, notes) = drawn(r#"Total("replies")"#, labels);
        assert_eq!(panel.x.categories, ["open", "shut"]);
        assert_eq!(panel.y.categories, ["30 ms", "20 ms", "10 ms"]);
        let cells = panel.cells.unwrap();
        let mut values: Vec<(usize, usize, f64)> =
            cells.values.iter().map(|cell| (cell.x, cell.y, cell.value)).collect();
        values.sort_by_key(|(x, y, _)| (*x, *y));
        assert_eq!(values, [(0, 0, 2.0), (0, 1, 2.0), (0, 2, 2.0), (1, 1, 0.0), (1, 2, 0.0)]);
        assert_eq!(notes, ["figure `f`: `Replies` has no value in 1 of 6 cells"]);
        assert!(matches!(&cells.colouring, Colouring::Names(names) if names[0].meaning == "both came"));
    }

    /// A ping of 10 ms beyond 1 ms takes 22 ms and what its bits take.
    #[test]
    fn numbers_have_a_scale_with_the_unit_of_the_metric() {
        let (panel, notes) = drawn("MeanCompletion", "scale: Log, decimals: 2");
        let cells = panel.cells.unwrap();
        let wanted = Colouring::Scale { unit: "s".to_owned(), scale: Scale::Log, decimals: Some(2) };
        assert_eq!(cells.colouring, wanted);
        assert_eq!(panel.x.categories, ["open", "shut"]);
        let at = |y: usize| cells.values.iter().find(|cell| (cell.x, cell.y) == (0, y)).unwrap().value;
        assert!((0.022..0.03).contains(&at(2)) && (at(0) - at(2) - 0.04).abs() < 1e-9, "{} {}", at(2), at(0));
        assert_eq!(notes, ["figure `f`: `Replies` has no value above zero in 3 of 6 cells"]);
    }

    /// The example that users copy: two heat maps, of numbers and of names, and what it expects holds.
    #[test]
    fn the_example_does_what_it_says() {
        let text = include_str!("../../../examples/heat-map.ron");
        let set =
            ["apps.con.run.requests=200", "replications=1", "delay=[\"1 ms\", \"10 ms\"]"].map(str::to_owned).to_vec();
        let loaded = load_text("t", "t.ron", text, &Request { set, ..Request::default() }, false).unwrap();
        assert_eq!(loaded.warnings, "");
        let outputs = run_all(&loaded, Options::default(), || ()).unwrap();
        let summary = summarise(&loaded, &outputs, Confidence::P95, Basis::Replications).unwrap();
        let outcomes = crate::results::check_expectations(&loaded, &outputs, &summary).unwrap();
        assert!(outcomes.iter().all(|outcome| outcome.holds), "{outcomes:?}");
        let figure = draw(&loaded, &outputs, &summary, &loaded.scenario.figures[0]).unwrap().figure.unwrap();
        assert_eq!(figure.panels.len(), 2);
        let svg = figure.to_svg().unwrap();
        assert!(svg == figure.to_svg().unwrap() && svg.contains("aria-label=\"NAT without UDP\""));
    }

    #[test]
    fn cells_that_make_no_sense_are_refused() {
        let base = TEXT.replace("METRIC", "MeanCompletion");
        let refusal = |from: &str, to: &str| {
            assert!(base.contains(from), "{from}");
            let text = base.replacen(from, to, 1).replace("MORE", "");
            load_text("t", "t.ron", &text, &Request::default(), false).expect_err(to)
        };
        for (from, to, expected) in [
            (r#"y: "delay""#, r#"y: "dealy""#, "did you mean `delay`?"),
            (r#"y: "delay""#, r#"y: "form""#, "columns and rows are of two different axes"),
            (
                "MORE",
                r#"labels: [(value: 1, text: "a"), (value: 1, text: "b")]"#,
                "another label is of the value 1 too",
            ),
            ("MORE", r#"scale: Log, labels: [(value: 1, text: "a")]"#, "`scale` has no effect beside `labels`"),
            ("MORE", "decimals: 12", "at most 9 decimals"),
            (r#"x: "form","#, "x: Distribution,", "cells lie on two axes of the experiment"),
            (r#"x_label: "Kind","#, r#"x_label: "Kind", y_scale: Log,"#, "`y_scale` has no effect"),
            (
                r#"(name: "form", cases"#,
                r#"(name: "mtu", path: "links.far.mtu", values: ["1000 B", "1500 B"]), (name: "form", cases"#,
                "there are several points for each cell: `mtu` varies too",
            ),
            (
                "only_if",
                r#"variants: [(name: "v"), (name: "w", set: {"links.far.mtu": "1000 B"})], only_if"#,
                "there are several points for each cell: `variant` varies too",
            ),
        ] {
            let error = refusal(from, to);
            assert!(error.contains(expected), "{to}: {error}");
        }
    }
}
