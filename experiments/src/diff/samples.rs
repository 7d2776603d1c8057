//! The values of single replications, which a paired test needs: from the tables of a folder, or from runs.
//!
//! A replication's own value of a metric is what the summary would have if that replication were the only one. The table
//! `exchanges` has all that metrics of exchanges are made of, and `counters` all totals of applications; those of links, sinks and connections stand in no table
//! replication by replication.

use super::manifest::Manifest;
use crate::results::{Basis, summarise};
use crate::run::{Options, RunOutput, run_all};
use crate::scenario::{ByMilestone, Keep, Loaded, Metric, Milestone, Scope, Statistic, Subject, TotalName};
use protosim_models::{Outcome, Total};
use protosim_reports::statistics::{Confidence, SortedSamples, mean};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read};

/// What is measured: at which point, of whom, what.
pub type Key = (usize, Subject, Metric);

/// The values of an experiment's replications.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Samples {
    /// By replication.
    pub values: BTreeMap<Key, BTreeMap<u64, f64>>,
    /// What is in the summary, and nowhere for single replications.
    pub unrecorded: BTreeSet<Key>,
}

impl Samples {
    /// From the tables of a folder of results.
    ///
    /// # Errors
    /// When a table is gone, damaged, or not the one that the manifest speaks of.
    pub fn from_tables(manifest: &Manifest, loaded: &Loaded) -> Result<Self, String> {
        let in_summary = summary_rows(manifest)?;
        // Exchanges that were kept as sketches stand nowhere one by one.
        let has_rows = loaded.scenario.distributions.exchanges == Keep::Samples;
        let is_total = |(_, _, metric): &Key| metric.of() == Scope::Counts;
        let (totals, others): (BTreeSet<Key>, BTreeSet<Key>) = in_summary.into_iter().partition(is_total);
        let is_there = |(_, _, metric): &Key| has_rows && metric.of() == Scope::Exchanges;
        let (wanted, unrecorded) = others.into_iter().partition(is_there);
        let mut samples = Self { values: BTreeMap::new(), unrecorded };
        samples.add_totals(manifest, &totals)?;
        let mut table = Table::open(manifest, "exchanges.csv")?;
        let columns = Columns::of(&mut table)?;
        let mut run = (0, 0);
        let mut exchanges: BTreeMap<String, Exchanges> = BTreeMap::new();
        let mut record = csv::StringRecord::new();
        while table.next(&mut record)? {
            let row = columns.row(&record).ok_or_else(|| table.damaged())?;
            if row.run != run {
                samples.add(run, std::mem::take(&mut exchanges), &wanted);
                run = row.run;
            }
            if row.counted {
                exchanges.entry(row.app.to_owned()).or_default().add(&row);
            }
        }
        samples.add(run, exchanges, &wanted);
        table.verify(manifest)?;
        if samples.values.keys().any(|(point, ..)| *point >= loaded.points.len()) {
            return Err(format!("error: `{}` speaks of fewer points than its tables", manifest.shown()));
        }
        Ok(samples)
    }

    /// By running everything, so many runs at once.
    ///
    /// # Errors
    /// When a run fails or reaches a limit.
    pub fn from_runs(loaded: &Loaded, jobs: usize) -> Result<Self, String> {
        let options = Options { jobs, ..Options::default() };
        let mut all = run_all(loaded, options, || ()).map_err(|error| format!("error: {error}"))?;
        let mut samples = Self::default();
        for replication in 0..loaded.scenario.replications {
            let outputs: Vec<Vec<RunOutput>> = all
                .iter_mut()
                .map(|of_point| {
                    let index = of_point.iter().position(|run| run.replication == replication);
                    index.map(|index| of_point.swap_remove(index)).into_iter().collect()
                })
                .collect();
            // The values alone are looked at: any confidence will do.
            let summary = summarise(loaded, &outputs, Confidence::P95, Basis::Replications);
            for row in summary.map_err(|error| format!("error: {error}"))?.rows {
                let key = (row.point, row.subject, row.metric);
                samples.values.entry(key).or_default().insert(replication, row.estimate.value);
            }
        }
        Ok(samples)
    }

    /// What has values, and those that are wanted without.
    pub fn keys(&self) -> BTreeSet<&Key> {
        self.values.keys().chain(&self.unrecorded).collect()
    }

    /// What applications have counted, from the table `counters`.
    fn add_totals(&mut self, manifest: &Manifest, wanted: &BTreeSet<Key>) -> Result<(), String> {
        if wanted.is_empty() {
            return Ok(());
        }
        let mut table = Table::open(manifest, "counters.csv")?;
        let columns = ["point", "replication", "app", "counter", "value"];
        let columns = columns.into_iter().map(|name| table.column(name)).collect::<Result<Vec<usize>, String>>()?;
        let mut counted: BTreeMap<(Key, u64), Total> = BTreeMap::new();
        let mut record = csv::StringRecord::new();
        while table.next(&mut record)? {
            let cell = |column: usize| record.get(columns[column]).unwrap_or_default();
            let name = TotalName::new(cell(3));
            let number = |column: usize| cell(column).parse::<u64>().map_err(|_| table.damaged());
            let (point, replication, value) = (number(0)?, number(1)?, number(4)?);
            let key = (point as usize, Subject::App(cell(2).to_owned()), Metric::Total(name));
            if wanted.contains(&key) {
                let none = || Total { name: name.counted(), value };
                let all = counted.entry((key, replication));
                all.and_modify(|all| all.value = all.joined(value)).or_insert_with(none);
            }
        }
        table.verify(manifest)?;
        for ((key, replication), total) in counted {
            self.values.entry(key).or_default().insert(replication, total.value as f64);
        }
        Ok(())
    }

    fn add(&mut self, (point, replication): (usize, u64), exchanges: BTreeMap<String, Exchanges>, of: &BTreeSet<Key>) {
        for (app, mut exchanges) in exchanges {
            for metric in Metric::ALL.into_iter().filter(|metric| metric.of() == Scope::Exchanges) {
                let key = (point, Subject::App(app.clone()), metric);
                if !of.contains(&key) {
                    continue;
                }
                if let Some(value) = exchanges.value(metric) {
                    self.values.entry(key).or_default().insert(replication, value);
                }
            }
        }
    }
}

/// What the summary has of each point.
fn summary_rows(manifest: &Manifest) -> Result<BTreeSet<Key>, String> {
    let mut table = Table::open(manifest, "summary.csv")?;
    let columns = ["point", "app", "link", "direction", "metric"];
    let columns = columns.into_iter().map(|name| table.column(name)).collect::<Result<Vec<usize>, String>>()?;
    let mut rows = BTreeSet::new();
    let mut record = csv::StringRecord::new();
    while table.next(&mut record)? {
        let cell = |column: usize| record.get(columns[column]).unwrap_or_default();
        let metric = Metric::from_name(cell(4));
        let way = [crate::scenario::Way::Forward, crate::scenario::Way::Backward];
        let subject = match (cell(1), way.into_iter().find(|way| way.name() == cell(3))) {
            ("", Some(way)) => Subject::Link(cell(2).to_owned(), way),
            (app, _) => Subject::App(app.to_owned()),
        };
        let point = cell(0).parse().map_err(|_| table.damaged())?;
        // Another version may have metrics that this one does not know.
        rows.extend(metric.map(|metric| (point, subject, metric)));
    }
    table.verify(manifest)?;
    Ok(rows)
}

/// Which column is which.
struct Columns {
    point: usize,
    replication: usize,
    app: usize,
    delivered: usize,
    first_byte: usize,
    ended: usize,
    outcome: usize,
    transmissions: usize,
    counted: usize,
}

/// A row of the table of exchanges.
struct Row<'r> {
    run: (usize, u64),
    app: &'r str,
    delivered: Option<f64>,
    first_byte: Option<f64>,
    ended: Option<f64>,
    outcome: &'r str,
    transmissions: Option<f64>,
    counted: bool,
}

impl Columns {
    fn of(table: &mut Table) -> Result<Self, String> {
        Ok(Self {
            point: table.column("point")?,
            replication: table.column("replication")?,
            app: table.column("app")?,
            delivered: table.column("delivered_after_s")?,
            first_byte: table.column("first_byte_after_s")?,
            ended: table.column("ended_after_s")?,
            outcome: table.column("outcome")?,
            transmissions: table.column("transmissions")?,
            counted: table.column("counted")?,
        })
    }

    fn row<'r>(&self, record: &'r csv::StringRecord) -> Option<Row<'r>> {
        let number = |column: usize| match record.get(column)? {
            "" => Some(None),
            text => text.parse::<f64>().ok().map(Some),
        };
        Some(Row {
            run: (record.get(self.point)?.parse().ok()?, record.get(self.replication)?.parse().ok()?),
            app: record.get(self.app)?,
            delivered: number(self.delivered)?,
            first_byte: number(self.first_byte)?,
            ended: number(self.ended)?,
            outcome: record.get(self.outcome)?,
            transmissions: number(self.transmissions)?,
            counted: record.get(self.counted)? == "true",
        })
    }
}

/// The exchanges of an application in one run that count.
#[derive(Default)]
struct Exchanges {
    all: u64,
    transmissions: Vec<f64>,
    times: ByMilestone<Vec<f64>>,
}

impl Exchanges {
    fn add(&mut self, row: &Row<'_>) {
        self.all += 1;
        self.times[Milestone::Delivery].extend(row.delivered);
        self.times[Milestone::FirstByte].extend(row.first_byte);
        if row.outcome == Outcome::Response.name() {
            self.times[Milestone::Completion].extend(row.ended);
        }
        if row.outcome != Outcome::OutOfMemory.name() {
            self.transmissions.extend(row.transmissions);
        }
    }

    fn value(&mut self, metric: Metric) -> Option<f64> {
        let share = |milestone| (self.all > 0).then(|| self.times[milestone].len() as f64 / self.all as f64);
        match (metric, metric.time()) {
            (Metric::Delivered, _) => share(Milestone::Delivery),
            (Metric::Completed, _) => share(Milestone::Completion),
            (Metric::MeanTransmissions, _) => mean(&self.transmissions),
            (_, Some((milestone, Statistic::Mean))) => mean(&self.times[milestone]),
            (_, Some((milestone, statistic))) => {
                SortedSamples::new(self.times[milestone].clone())?.quantile(statistic.quantile()?)
            }
            (_, None) => None,
        }
    }
}

/// A table of a folder as it is read, and the hash of what was read.
struct Table {
    shown: String,
    name: &'static str,
    reader: csv::Reader<Hashing>,
}

struct Hashing {
    file: BufReader<File>,
    hash: Sha256,
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}

impl Table {
    fn open(manifest: &Manifest, name: &'static str) -> Result<Self, String> {
        let path = manifest.folder().join(name);
        let shown = path.display().to_string();
        let file = File::open(&path).map_err(|error| format!("error: cannot read `{shown}`: {error}"))?;
        let hashing = Hashing { file: BufReader::new(file), hash: Sha256::new() };
        Ok(Self { shown, name, reader: csv::Reader::from_reader(hashing) })
    }

    fn damaged(&self) -> String {
        format!("error: `{}` is damaged", self.shown)
    }

    fn column(&mut self, name: &str) -> Result<usize, String> {
        let headers = self.reader.headers().ok();
        let column = headers.and_then(|headers| headers.iter().position(|title| title == name));
        column.ok_or_else(|| format!("error: `{}` has no column `{name}`", self.shown))
    }

    /// The next row; false behind the last.
    fn next(&mut self, record: &mut csv::StringRecord) -> Result<bool, String> {
        self.reader.read_record(record).map_err(|error| format!("error: `{}` is damaged: {error}", self.shown))
    }

    /// Whether what was read to its end is the file that the manifest lists.
    fn verify(self, manifest: &Manifest) -> Result<(), String> {
        let hash = crate::results::hex(&self.reader.into_inner().hash.finalize());
        if manifest.files().get(self.name).copied() == Some(hash.as_str()) {
            return Ok(());
        }
        Err(format!(
            "error: `{}` is not the file that `{}` speaks of: run the experiment again",
            self.shown,
            manifest.shown()
        ))
    }
}
