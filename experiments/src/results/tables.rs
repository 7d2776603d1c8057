//! The tables of an experiment: summary, exchanges, counters, digests, differences where there are variants, and samples and warm-ups where
//! the scenario asks for them. Units stand in the
//! columns' names. Each is made in parts, which are written as they come.

use super::differences::{Difference, baseline_of};
use super::summary::{Row, counts};
use crate::run::{DeviceOutput, Exchange, RunOutput};
use crate::scenario::{Loaded, Metric, Subject, WarmupSpec};
use protosim_reports::statistics::Estimate;
use protosim_reports::table::{Cell, Column, Table, TableError};

/// Number of the point, its variant if there are any, and values of the axes: the first columns of every table.
fn point_columns(loaded: &Loaded) -> Vec<Column> {
    let variant = (!loaded.scenario.variants.is_empty()).then(|| Column::text("variant"));
    let axes = loaded.scenario.axes.iter().map(|axis| match axis.has_cases() {
        true => Column::text(axis.column()),
        false => Column::f64(axis.column()),
    });
    std::iter::once(Column::u64("point")).chain(variant).chain(axes).collect()
}

fn point_cells(loaded: &Loaded, point: usize) -> Vec<Cell<'_>> {
    let number = Cell::from(point as u64);
    let point = &loaded.points[point];
    let variant = point.variant.as_deref().map(Cell::from);
    let values = loaded.scenario.axes.iter().zip(&point.values);
    let values = values.map(|(axis, value)| axis.case_name(*value).map_or_else(|| Cell::from(*value), Cell::from));
    std::iter::once(number).chain(variant).chain(values).collect()
}

/// [`point_cells`] and the replication: the first cells of what is of one run.
fn run_cells(loaded: &Loaded, point: usize, replication: u64) -> Vec<Cell<'_>> {
    let mut cells = point_cells(loaded, point);
    cells.push(Cell::from(replication));
    cells
}

/// A table of some rows of the summary.
pub(super) fn summary_table(loaded: &Loaded, rows: &[Row]) -> Result<Table, TableError> {
    let mut columns = point_columns(loaded);
    columns.extend(node_column(loaded));
    columns.extend(estimate_columns("value"));
    let mut table = Table::new("summary", columns)?;
    for row in rows {
        let mut cells = point_cells(loaded, row.point);
        cells.extend(node_cell(loaded, &row.subject));
        cells.extend(estimate_cells(loaded, (&row.subject, row.metric), &row.estimate));
        table.push_row(&cells)?;
    }
    Ok(table)
}

/// Of whom, what, and how much with its interval.
fn estimate_columns(value: &str) -> [Column; 11] {
    [
        Column::text("app").optional(),
        Column::text("link").optional(),
        Column::text("direction").optional(),
        Column::text("metric"),
        Column::text("unit"),
        Column::u64("n"),
        Column::f64(value),
        Column::f64("low").optional(),
        Column::f64("high").optional(),
        Column::f64("confidence"),
        Column::bool("exact"),
    ]
}

/// The cells of [`estimate_columns`].
fn estimate_cells<'r>(
    loaded: &Loaded,
    (subject, metric): (&'r Subject, Metric),
    estimate: &Estimate,
) -> impl Iterator<Item = Cell<'r>> {
    let of = [
        Cell::from(metric.name()),
        Cell::from(metric.unit()),
        Cell::from(estimate.n),
        Cell::from(estimate.value),
        Cell::from(estimate.low),
        Cell::from(estimate.high),
        Cell::from(loaded.scenario.confidence.as_f64()),
        Cell::from(estimate.exact),
    ];
    subject_cells(subject).into_iter().chain(of)
}

/// The column for nodes and groups of which something is measured.
fn node_column(loaded: &Loaded) -> Option<Column> {
    has_nodes(loaded).then(|| Column::text("node").optional())
}

/// The cell of [`node_column`].
fn node_cell<'r>(loaded: &Loaded, subject: &'r Subject) -> Option<Cell<'r>> {
    let node = match subject {
        Subject::Node(node) => Some(node.as_str()),
        Subject::App(_) | Subject::Link(..) => None,
    };
    has_nodes(loaded).then(|| Cell::from(node))
}

fn has_nodes(loaded: &Loaded) -> bool {
    loaded.scenario.measures.rows.iter().any(|(subject, _)| matches!(subject, Subject::Node(_)))
}

/// Application, link and direction.
fn subject_cells(subject: &Subject) -> [Cell<'_>; 3] {
    let (app, link, direction) = match subject {
        Subject::App(app) => (Some(app.as_str()), None, None),
        Subject::Link(link, way) => (None, Some(link.as_str()), Some(way.name())),
        // It has a column of its own, where anything is measured of nodes.
        Subject::Node(_) => (None, None, None),
    };
    [Cell::from(app), Cell::from(link), Cell::from(direction)]
}

/// A table of some differences.
pub(super) fn difference_table(loaded: &Loaded, rows: &[Difference]) -> Result<Table, TableError> {
    let mut columns = point_columns(loaded);
    columns.push(Column::text("baseline"));
    columns.extend(node_column(loaded));
    columns.extend(estimate_columns("difference"));
    columns.push(Column::f64("relative_difference").optional());
    let mut table = Table::new("differences", columns)?;
    for row in rows {
        let baseline = baseline_of(loaded, row.point).and_then(|baseline| loaded.points[baseline].variant.as_deref());
        let mut cells = point_cells(loaded, row.point);
        cells.push(Cell::from(baseline.unwrap_or_default()));
        cells.extend(node_cell(loaded, &row.subject));
        cells.extend(estimate_cells(loaded, (&row.subject, row.metric), &row.estimate));
        cells.push(Cell::from(row.relative));
        table.push_row(&cells)?;
    }
    Ok(table)
}

/// Rows of some runs in the tables that have rows of each run.
pub(super) struct RunTables {
    exchanges: Table,
    counters: Table,
    digests: Table,
    /// One-way delays and waits, where the scenario keeps each by itself.
    samples: Option<Table>,
    /// Where runs begin to count, where MSER-5 says so.
    warmups: Option<Table>,
    /// What devices have drawn, where some have a profile.
    energy: Option<Table>,
}

impl RunTables {
    /// Of no run yet.
    pub(super) fn new(loaded: &Loaded) -> Result<Self, TableError> {
        Ok(Self {
            exchanges: exchange_table(loaded)?,
            counters: counter_table(loaded)?,
            digests: digest_table(loaded)?,
            samples: loaded.scenario.distributions.has_table().then(|| sample_table(loaded)).transpose()?,
            warmups: has_warmups(loaded).then(|| warmup_table(loaded)).transpose()?,
            energy: has_devices(loaded).then(|| energy_table(loaded)).transpose()?,
        })
    }

    /// Adds the rows of a run.
    pub(super) fn add(&mut self, loaded: &Loaded, point: usize, run: &RunOutput) -> Result<(), TableError> {
        self.add_by_parts(loaded, point, run, usize::MAX, &mut |_, _| Ok(()))
    }

    /// Adds the rows of a run, and hands over a table with its number each time that it has so many.
    pub(super) fn add_by_parts<E: From<TableError>>(
        &mut self,
        loaded: &Loaded,
        point: usize,
        run: &RunOutput,
        most: usize,
        full: &mut impl FnMut(usize, Table) -> Result<(), E>,
    ) -> Result<(), E> {
        let first = run_cells(loaded, point, run.replication);
        let mut check = |number: usize, table: &mut Table| match table.rows() >= most {
            true => {
                let empty = table.emptied();
                full(number, std::mem::replace(table, empty))
            }
            false => Ok(()),
        };
        for exchange in &run.exchanges {
            add_exchange(&mut self.exchanges, &first, (loaded, point, run), exchange)?;
            check(0, &mut self.exchanges)?;
        }
        for total in run.totals.iter() {
            let cells = [
                Cell::from(&*run.entities[total.node as usize]),
                Cell::from(total.app.as_deref()),
                Cell::from(total.name),
                Cell::from(total.value),
            ];
            self.counters.push_row_behind(&first, &cells)?;
            check(1, &mut self.counters)?;
        }
        for (kind, path, digest) in &run.digests {
            let digest = digest.to_string();
            let cells = [Cell::from(kind.0), Cell::from(&**path), Cell::from(digest.as_str())];
            self.digests.push_row_behind(&first, &cells)?;
            check(2, &mut self.digests)?;
        }
        if let Some(table) = &mut self.samples {
            add_samples(table, &first, run)?;
            check(3, table)?;
        }
        if let Some(table) = &mut self.warmups {
            let cells = [Cell::from(run.warmup.ends.as_secs_f64()), Cell::from(run.warmup.is_decided)];
            table.push_row_behind(&first, &cells)?;
        }
        if let Some(table) = &mut self.energy {
            let number = 3 + usize::from(self.samples.is_some()) + usize::from(self.warmups.is_some());
            for device in &run.devices {
                add_device(table, &first, run, device)?;
                check(number, table)?;
            }
        }
        Ok(())
    }

    /// The tables, by number.
    pub(super) fn into_all(self) -> impl Iterator<Item = Table> {
        [self.exchanges, self.counters, self.digests]
            .into_iter()
            .chain(self.samples)
            .chain(self.warmups)
            .chain(self.energy)
    }
}

/// Whether some node has a profile, at some point.
fn has_devices(loaded: &Loaded) -> bool {
    loaded.points.iter().any(|point| point.scenario.has_devices())
}

fn energy_table(loaded: &Loaded) -> Result<Table, TableError> {
    let mut columns = point_columns(loaded);
    columns.extend([
        Column::u64("replication"),
        Column::text("node"),
        Column::text("part"),
        Column::text("cause"),
        Column::f64("charge_c"),
        Column::f64("energy_j").optional(),
        Column::f64("time_s").optional(),
    ]);
    Table::new("energy", columns)
}

/// What the parts of a device have drawn for each cause; behind them the battery, if it runs on one.
fn add_device(table: &mut Table, first: &[Cell<'_>], run: &RunOutput, device: &DeviceOutput) -> Result<(), TableError> {
    let node = &*run.entities[device.node as usize];
    let mut push = |part: &str, cause: &str, charge: f64, energy: Option<f64>, time: Option<f64>| {
        let name = [Cell::from(node), Cell::from(part), Cell::from(cause)];
        let [node, part, cause] = name;
        table.push_row_behind(first, &[node, part, cause, Cell::from(charge), Cell::from(energy), Cell::from(time)])
    };
    for entry in &device.entries {
        push(entry.part.0, entry.cause.0, entry.charge, Some(entry.energy), Some(entry.time.as_secs_f64()))?;
    }
    if let Some(battery) = device.battery {
        let ended = battery.ended.map(|at| at.as_secs_f64());
        push("battery", "at the start", battery.initial, None, None)?;
        push("battery", "drawn", battery.drawn, None, None)?;
        push("battery", "self-discharge", battery.leaked, None, None)?;
        push("battery", if ended.is_some() { "left when it ended" } else { "left" }, battery.left, None, ended)?;
    }
    Ok(())
}

/// Whether runs begin to count where MSER-5 says, at some point.
fn has_warmups(loaded: &Loaded) -> bool {
    let is_found = |warmup: &WarmupSpec| matches!(warmup, WarmupSpec::Mser5 { .. });
    loaded.points.iter().any(|point| point.scenario.warmup.as_ref().is_some_and(is_found))
}

fn warmup_table(loaded: &Loaded) -> Result<Table, TableError> {
    let mut columns = point_columns(loaded);
    columns.extend([Column::u64("replication"), Column::f64("warmup_s"), Column::bool("decided")]);
    Table::new("warmups", columns)
}

fn sample_table(loaded: &Loaded) -> Result<Table, TableError> {
    let mut columns = point_columns(loaded);
    columns.extend([
        Column::u64("replication"),
        Column::text("app").optional(),
        Column::text("link").optional(),
        Column::text("direction").optional(),
        Column::text("metric"),
        Column::f64("at_s"),
        Column::f64("value_s"),
    ]);
    Table::new("samples", columns)
}

/// One-way delays by the time of sending, and waits by the time of the offer.
fn add_samples(table: &mut Table, first: &[Cell<'_>], run: &RunOutput) -> Result<(), TableError> {
    for (sink, output) in &run.measured.sinks {
        let subject = Subject::App(sink.clone());
        for sample in &output.samples {
            let [app, link, direction] = subject_cells(&subject);
            let (at, value) = (sample.sent.as_secs_f64(), sample.delay.as_secs_f64());
            let metric = Cell::from(Metric::OneWayDelay.name());
            table.push_row_behind(first, &[app, link, direction, metric, Cell::from(at), Cell::from(value)])?;
        }
    }
    for ((link, way), output) in &run.measured.links {
        let subject = Subject::Link(link.clone(), *way);
        for sample in output.meter.samples().unwrap_or_default() {
            let [app, link, direction] = subject_cells(&subject);
            let (at, value) = (sample.offered.as_secs_f64(), sample.wait.as_secs_f64());
            let metric = Cell::from(Metric::QueueDelay.name());
            table.push_row_behind(first, &[app, link, direction, metric, Cell::from(at), Cell::from(value)])?;
        }
    }
    Ok(())
}

fn exchange_table(loaded: &Loaded) -> Result<Table, TableError> {
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
    Table::new("exchanges", columns)
}

fn add_exchange(
    table: &mut Table,
    first: &[Cell<'_>],
    (loaded, point, run): (&Loaded, usize, &RunOutput),
    exchange: &Exchange,
) -> Result<(), TableError> {
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
    table.push_row_behind(first, &cells)
}

fn counter_table(loaded: &Loaded) -> Result<Table, TableError> {
    let mut columns = point_columns(loaded);
    columns.extend([
        Column::u64("replication"),
        Column::text("node"),
        Column::text("app").optional(),
        Column::text("counter"),
        Column::u64("value"),
    ]);
    Table::new("counters", columns)
}

fn digest_table(loaded: &Loaded) -> Result<Table, TableError> {
    let mut columns = point_columns(loaded);
    columns.extend([Column::u64("replication"), Column::text("kind"), Column::text("path"), Column::text("digest")]);
    Table::new("digests", columns)
}
