//! Tables as files beside their places: they may be larger than memory should hold, and each is written as its rows come.

use super::FolderError;
use super::differences::{Difference, all_differences};
use super::folder::{hex, io_error};
use super::summary::Summary;
use super::tables::{RunTables, difference_table, summary_table};
use crate::run::{Outputs, RunOutput, Turn, over_turns};
use crate::scenario::Loaded;
use protosim_reports::folder::{Staged, Staging};
use protosim_reports::statistics::Confidence;
use protosim_reports::table::{Table, TableError, TableWriter};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

/// Rows of the summary, and of a long run, that are a table at once.
const ROWS: usize = 1 << 14;

/// All tables, written beside their places, and what else each run has to say.
pub(super) struct StagedTables {
    pub(super) files: Vec<StagedFile>,
    pub(super) log: Log,
}

/// A table in one of its forms.
pub(super) struct StagedFile {
    pub(super) name: String,
    pub(super) file: Staged,
    pub(super) hash: String,
}

/// What runs took.
#[derive(Default)]
pub(super) struct Log {
    /// A line for each run.
    pub(super) lines: String,
    /// Packets that links have carried.
    pub(super) packet_hops: u64,
    /// Wall-clock time of all run loops.
    pub(super) simulation: Duration,
    /// Runs, and those of them that are too short to tell where their warm-up ends.
    runs: u64,
    undecided: u64,
}

impl Log {
    /// What is to be known of warm-ups that MSER-5 did not find.
    pub(super) fn note(&self) -> Option<String> {
        let Self { runs, undecided, .. } = self;
        (*undecided > 0).then(|| {
            format!("{undecided} of {runs} runs are too short to tell where their warm-up ends, and should be longer: `decided` in the table `warmups`")
        })
    }

    fn add(&mut self, point: usize, run: &RunOutput) {
        let (log, replication) = (run.log, run.replication);
        self.packet_hops += log.packet_hops;
        self.simulation += log.wall;
        self.runs += 1;
        self.undecided += u64::from(!run.warmup.is_decided);
        let per_hop = log.wall.as_nanos() as f64 / (log.packet_hops.max(1)) as f64;
        let (simulated, wall) = (log.simulated.as_secs_f64(), log.wall.as_secs_f64());
        let _ = writeln!(
            self.lines,
            "{point} {replication} {} {} {simulated} {wall:.6} {per_hop:.1}",
            log.events, log.packet_hops
        );
    }

    fn append(&mut self, later: &Self) {
        self.lines += &later.lines;
        self.packet_hops += later.packet_hops;
        self.simulation += later.simulation;
        self.runs += later.runs;
        self.undecided += later.undecided;
    }
}

/// Writes all tables beside their places, on all threads of the pool that the caller is in.
pub(super) fn stage_tables(
    folder: &Path,
    loaded: &Loaded,
    outputs: &dyn Outputs,
    summary: &Summary,
) -> Result<StagedTables, FolderError> {
    let mut files = Vec::new();
    let mut table = OpenTable::begin(folder, summary_table(loaded, &[])?)?;
    for rows in summary.rows.chunks(ROWS) {
        table.append(summary_table(loaded, rows)?)?;
    }
    files.extend(table.finish()?);
    let log = stage_run_tables(folder, loaded, outputs, &mut files)?;
    if loaded.scenario.variants.len() > 1 {
        let mut table = OpenTable::begin(folder, difference_table(loaded, &[])?)?;
        let confidence = Confidence::from_level(loaded.scenario.confidence.as_f64()).unwrap_or(Confidence::P95);
        let take = |rows: Vec<Difference>| table.append(difference_table(loaded, &rows)?);
        all_differences(loaded, outputs, confidence, take)?;
        files.extend(table.finish()?);
    }
    Ok(StagedTables { files, log })
}

/// What a part of a batch of runs has, if there are any.
type Part = Option<(RunTables, Log)>;

/// Writes the tables that have rows of each run: all in one go over the runs.
fn stage_run_tables(
    folder: &Path,
    loaded: &Loaded,
    outputs: &dyn Outputs,
    files: &mut Vec<StagedFile>,
) -> Result<Log, FolderError> {
    let empty = RunTables::new(loaded)?.into_all();
    let mut tables = empty.map(|table| OpenTable::begin(folder, table)).collect::<Result<Vec<_>, _>>()?;
    let mut log = Log::default();
    let visit = |part: &mut Part, point: usize, run: &RunOutput| {
        let (mut rows, mut log) = match part.take() {
            Some(part) => part,
            None => (RunTables::new(loaded)?, Log::default()),
        };
        rows.add(loaded, point, run)?;
        log.add(point, run);
        *part = Some((rows, log));
        Ok::<(), FolderError>(())
    };
    let append = |rows: RunTables, tables: &mut [OpenTable<'_>]| {
        tables.iter_mut().zip(rows.into_all()).try_for_each(|(table, rows)| table.append(rows))
    };
    let take = |turn: Turn<'_, Part>| match turn {
        Turn::Parts(parts) => parts.into_iter().flatten().try_for_each(|(rows, more)| {
            log.append(&more);
            append(rows, &mut tables)
        }),
        Turn::Alone(point, run) => {
            log.add(point, run);
            let mut rows = RunTables::new(loaded)?;
            let mut full = |number: usize, rows: Table| tables[number].append(rows);
            rows.add_by_parts(loaded, point, run, ROWS, &mut full)?;
            append(rows, &mut tables)
        }
    };
    over_turns(outputs, 0..outputs.points(), || None, visit, take)?;
    for table in tables {
        files.extend(table.finish()?);
    }
    Ok(log)
}

/// A table in both its forms while its rows come.
struct OpenTable<'f> {
    folder: &'f Path,
    name: String,
    writer: TableWriter<Hashing, Hashing>,
}

impl<'f> OpenTable<'f> {
    fn begin(folder: &'f Path, table: Table) -> Result<Self, FolderError> {
        let name = table.name().to_owned();
        let begin = |ending: &str| {
            let out = Staging::begin(&folder.join(format!("{name}.{ending}")));
            out.map(|out| Hashing { out, hash: Sha256::new() }).map_err(|error| io_error(folder, error))
        };
        let writer = TableWriter::new(table, begin("csv")?, begin("parquet")?);
        let writer = writer.map_err(|error| why(folder, error))?;
        Ok(Self { folder, name, writer })
    }

    fn append(&mut self, rows: Table) -> Result<(), FolderError> {
        self.writer.append(rows).map_err(|error| why(self.folder, error))
    }

    fn finish(self) -> Result<[StagedFile; 2], FolderError> {
        let Self { folder, name, writer } = self;
        let (csv, parquet) = writer.finish().map_err(|error| why(folder, error))?;
        let staged = |file: Hashing, ending: &str| {
            let hash = hex(&file.hash.finalize());
            let file = file.out.finish().map_err(|error| io_error(folder, error))?;
            Ok::<_, FolderError>(StagedFile { name: format!("{name}.{ending}"), file, hash })
        };
        Ok([staged(csv, "csv")?, staged(parquet, "parquet")?])
    }
}

fn why(folder: &Path, error: TableError) -> FolderError {
    match error {
        TableError::Io(error) => io_error(folder, error),
        error => error.into(),
    }
}

/// A file and the hash of what was written to it.
struct Hashing {
    out: Staging,
    hash: Sha256,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
