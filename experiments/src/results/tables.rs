//! The tables of an experiment: summary, exchanges, counters, digests, and differences where there are variants. Units stand in the
//! columns' names.

use super::differences::{Values, baseline_of, differences, values_of};
use super::folder::FolderError;
use super::summary::{Summary, counts};
use crate::run::{Outputs, RunOutput};
use crate::scenario::{Loaded, Subject};
use protosim_reports::statistics::Confidence;
use protosim_reports::table::{Cell, Column, Table, TableError};
use std::collections::BTreeMap;

/// All tables, one after the other: each may be large.
pub(super) fn tables(
    loaded: &Loaded,
    outputs: &dyn Outputs,
    summary: &Summary,
) -> impl Iterator<Item = Result<Table, FolderError>> {
    let count = if loaded.scenario.variants.len() > 1 { 5 } else { 4 };
    (0..count).map(move |table| match table {
        0 => Ok(summary_table(loaded, summary)?),
        1 => exchange_table(loaded, outputs),
        2 => counter_table(loaded, outputs),
        3 => digest_table(loaded, outputs),
        _ => difference_table(loaded, outputs),
    })
}

/// Number of the point, its variant if there are any, and values of the axes: the first columns of every table.
fn point_columns(loaded: &Loaded) -> Vec<Column> {
    let variant = (!loaded.scenario.variants.is_empty()).then(|| Column::text("variant"));
    let axes = loaded.scenario.axes.iter().map(|axis| Column::f64(axis.column()));
    std::iter::once(Column::u64("point")).chain(variant).chain(axes).collect()
}

fn point_cells(loaded: &Loaded, point: usize) -> Vec<Cell<'_>> {
    let number = Cell::from(point as u64);
    let point = &loaded.points[point];
    let variant = point.variant.as_deref().map(Cell::from);
    let values = point.values.iter().map(|value| Cell::from(*value));
    std::iter::once(number).chain(variant).chain(values).collect()
}

/// [`point_cells`] and the replication: the first cells of what is of one run.
fn run_cells(loaded: &Loaded, point: usize, replication: u64) -> Vec<Cell<'_>> {
    let mut cells = point_cells(loaded, point);
    cells.push(Cell::from(replication));
    cells
}

fn summary_table(loaded: &Loaded, summary: &Summary) -> Result<Table, TableError> {
    let mut columns = point_columns(loaded);
    columns.extend([
        Column::text("app").optional(),
        Column::text("link").optional(),
        Column::text("direction").optional(),
        Column::text("metric"),
        Column::text("unit"),
        Column::u64("n"),
        Column::f64("value"),
        Column::f64("low").optional(),
        Column::f64("high").optional(),
        Column::f64("confidence"),
        Column::bool("exact"),
    ]);
    let mut table = Table::new("summary", columns)?;
    for row in &summary.rows {
        let estimate = &row.estimate;
        let mut cells = point_cells(loaded, row.point);
        cells.extend(subject_cells(&row.subject));
        cells.extend([
            Cell::from(row.metric.name()),
            Cell::from(row.metric.unit()),
            Cell::from(estimate.n),
            Cell::from(estimate.value),
            Cell::from(estimate.low),
            Cell::from(estimate.high),
            Cell::from(loaded.scenario.confidence.as_f64()),
            Cell::from(estimate.exact),
        ]);
        table.push_row(&cells)?;
    }
    Ok(table)
}

/// Application, link and direction.
fn subject_cells(subject: &Subject) -> [Cell<'_>; 3] {
    let (app, link, direction) = match subject {
        Subject::App(app) => (Some(app.as_str()), None, None),
        Subject::Link(link, way) => (None, Some(link.as_str()), Some(way.name())),
    };
    [Cell::from(app), Cell::from(link), Cell::from(direction)]
}

fn difference_table(loaded: &Loaded, outputs: &dyn Outputs) -> Result<Table, FolderError> {
    let mut columns = point_columns(loaded);
    columns.extend([
        Column::text("baseline"),
        Column::text("app").optional(),
        Column::text("link").optional(),
        Column::text("direction").optional(),
        Column::text("metric"),
        Column::text("unit"),
        Column::u64("n"),
        Column::f64("difference"),
        Column::f64("low").optional(),
        Column::f64("high").optional(),
        Column::f64("confidence"),
        Column::bool("exact"),
        Column::f64("relative_difference").optional(),
    ]);
    let mut table = Table::new("differences", columns)?;
    let level = loaded.scenario.confidence.as_f64();
    let confidence = Confidence::from_level(level).unwrap_or(Confidence::P95);
    let mut firsts: BTreeMap<usize, Vec<Values>> = BTreeMap::new();
    for point in 0..outputs.points() {
        let runs = &*outputs.of(point)?;
        let Some(baseline) = baseline_of(loaded, point) else {
            firsts.insert(point, values_of(loaded, point, runs));
            continue;
        };
        let Some(first) = firsts.get(&baseline) else { continue };
        for row in differences(point, &values_of(loaded, point, runs), first, confidence) {
            let estimate = &row.estimate;
            let mut cells = point_cells(loaded, row.point);
            cells.push(Cell::from(loaded.points[baseline].variant.as_deref().unwrap_or_default()));
            cells.extend(subject_cells(&row.subject));
            cells.extend([
                Cell::from(row.metric.name()),
                Cell::from(row.metric.unit()),
                Cell::from(estimate.n),
                Cell::from(estimate.value),
                Cell::from(estimate.low),
                Cell::from(estimate.high),
                Cell::from(level),
                Cell::from(estimate.exact),
                Cell::from(row.relative),
            ]);
            table.push_row(&cells)?;
        }
    }
    Ok(table)
}

fn exchange_table(loaded: &Loaded, outputs: &dyn Outputs) -> Result<Table, FolderError> {
    let mut columns = point_columns(loaded);
    columns.extend([
        Column::u64("replication"),
        Column::text("app"),
        Column::text("node"),
        Column::u64("exchange"),
        Column::f64("started_s").optional(),
        Column::f64("delivered_after_s").optional(),
        Column::f64("first_byte_after_s").optional(),
        Column::f64("ended_after_s").optional(),
        Column::text("outcome"),
        Column::u64("transmissions").optional(),
        Column::bool("counted"),
    ]);
    let mut table = Table::new("exchanges", columns)?;
    for_each_run(outputs, |point, replication, run| {
        let first = run_cells(loaded, point, replication);
        for exchange in &run.exchanges {
            let ending = exchange.ending;
            let cells = [
                Cell::from(loaded.scenario.apps[exchange.app].name.as_str()),
                Cell::from(&*run.entities[exchange.node as usize]),
                Cell::from(exchange.number),
                Cell::from(exchange.started.map(|at| at.as_secs_f64())),
                Cell::from(exchange.delivered.map(|span| span.as_secs_f64())),
                Cell::from(exchange.first_byte.map(|span| span.as_secs_f64())),
                Cell::from(ending.map(|ending| ending.after.as_secs_f64())),
                Cell::from(match (exchange.started, ending) {
                    (_, Some(ending)) => ending.outcome.name(),
                    (Some(_), None) => "open",
                    (None, None) => "never sent",
                }),
                Cell::from(ending.map(|ending| u64::from(ending.transmissions))),
                Cell::from(counts(loaded, point, run, exchange)),
            ];
            table.push_row_behind(&first, &cells)?;
        }
        Ok(())
    })?;
    Ok(table)
}

fn counter_table(loaded: &Loaded, outputs: &dyn Outputs) -> Result<Table, FolderError> {
    let mut columns = point_columns(loaded);
    columns.extend([
        Column::u64("replication"),
        Column::text("node"),
        Column::text("app").optional(),
        Column::text("counter"),
        Column::u64("value"),
    ]);
    let mut table = Table::new("counters", columns)?;
    for_each_run(outputs, |point, replication, run| {
        let first = run_cells(loaded, point, replication);
        for total in run.totals.iter() {
            let cells = [
                Cell::from(&*run.entities[total.node as usize]),
                Cell::from(total.app.as_deref()),
                Cell::from(total.name),
                Cell::from(total.value),
            ];
            table.push_row_behind(&first, &cells)?;
        }
        Ok(())
    })?;
    Ok(table)
}

fn digest_table(loaded: &Loaded, outputs: &dyn Outputs) -> Result<Table, FolderError> {
    let mut columns = point_columns(loaded);
    columns.extend([Column::u64("replication"), Column::text("kind"), Column::text("path"), Column::text("digest")]);
    let mut table = Table::new("digests", columns)?;
    for_each_run(outputs, |point, replication, run| {
        let first = run_cells(loaded, point, replication);
        for (kind, path, digest) in &run.digests {
            let digest = digest.to_string();
            table.push_row_behind(&first, &[Cell::from(kind.0), Cell::from(&**path), Cell::from(digest.as_str())])?;
        }
        Ok(())
    })?;
    Ok(table)
}

fn for_each_run(
    outputs: &dyn Outputs,
    mut visit: impl FnMut(usize, u64, &RunOutput) -> Result<(), TableError>,
) -> Result<(), FolderError> {
    for point in 0..outputs.points() {
        for run in &*outputs.of(point)? {
            visit(point, run.replication, run)?;
        }
    }
    Ok(())
}
