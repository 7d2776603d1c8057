//! What `protosim run` tells while it works: words for people, or lines of JSON for programs (`--json`).
//!
//! The lines go to standard output, one object each, whose `event` says what it is; `docs/progress.schema.json` is made from
//! [`Line`]. Nothing else is printed then.

use super::Ending;
use super::terminal::{Progress, remark};
use crate::diff::Manifest;
use crate::plan::{Estimate, PointCost};
use crate::results::Outcome;
use crate::run::{Failed, Finished, Options};
use crate::scenario::{AxisSpec, Loaded};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The value of an axis: a number in the unit of tables, or the name of a case.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(untagged)]
pub(super) enum Value<'a> {
    Number(f64),
    Case(&'a str),
}

/// The name of an axis' column, and a value of it.
fn value_of<'a>((axis, value): (&'a AxisSpec, &f64)) -> (String, Value<'a>) {
    (axis.column(), axis.case_name(*value).map_or(Value::Number(*value), Value::Case))
}

/// A line of `protosim run --json`.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "snake_case")]
#[schemars(title = "A line of protosim run --json")]
pub(super) enum Line<'a> {
    /// The scenario has no mistakes, and the runs begin. It comes once, before all others but warnings; with `--dry-run` not at all.
    Started {
        /// Version of these lines: 1.
        format: u32,
        /// The experiment's name.
        experiment: &'a str,
        /// Its title.
        title: &'a str,
        /// Points of the whole experiment.
        points: usize,
        /// Replications of each.
        replications: u64,
        /// Runs that are to be done: fewer than points times replications for a part of the experiment.
        runs: usize,
        /// The seed.
        seed: u64,
        /// The version of the program.
        version: &'a str,
        /// The hash of the program's sources, as in manifests.
        sources_sha256: &'a str,
        /// How many runs at once.
        jobs: usize,
        /// How many threads inside one run.
        threads: usize,
        /// Where results go.
        folder: String,
        /// Why results will be partial, as in manifests; none for the whole experiment.
        partial_because: &'a [String],
    },
    /// A run has come to its end, or to a limit. Runs come in the order in which they end.
    Run {
        /// The point, by its number in the tables.
        point: usize,
        /// Its variant; absent where the scenario has none.
        #[serde(skip_serializing_if = "Option::is_none")]
        variant: Option<&'a str>,
        /// The replication.
        replication: u64,
        /// It was made before, and is taken from there: `--resume`, `--cache`. What it took is absent then.
        reused: bool,
        /// Wall-clock seconds of the run loop.
        #[serde(skip_serializing_if = "Option::is_none")]
        wall_s: Option<f64>,
        /// Simulated seconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        simulated_s: Option<f64>,
        /// Events.
        #[serde(skip_serializing_if = "Option::is_none")]
        events: Option<u64>,
        /// Packets that links have carried.
        #[serde(skip_serializing_if = "Option::is_none")]
        packet_hops: Option<u64>,
        /// How many runs are done, this one included.
        done: u64,
        /// Of how many.
        of: u64,
    },
    /// A point, with `--dry-run`. Points come in their order, and before them nothing but warnings.
    Point {
        /// Its number in the tables.
        point: usize,
        /// Its variant; absent where the scenario has none.
        #[serde(skip_serializing_if = "Option::is_none")]
        variant: Option<&'a str>,
        /// The values of the axes, by the names of their columns in tables.
        values: BTreeMap<String, Value<'a>>,
        /// Runs of it that would be made.
        runs: u64,
        /// Runs of it that would be taken from where they are: `--resume`, `--cache`.
        reused: u64,
        /// Estimated wall-clock seconds of each run that would be made; absent where none is.
        #[serde(skip_serializing_if = "Option::is_none")]
        wall_s: Option<f64>,
        /// Estimated bytes of each in the journal; absent where no run would be made.
        #[serde(skip_serializing_if = "Option::is_none")]
        journal_bytes: Option<u64>,
        /// Both may be more, and nobody knows how much: a trial run was stopped, and the scenario does not say when runs end.
        is_at_least: bool,
    },
    /// What all these runs would cost, with `--dry-run`, behind the points.
    Cost {
        /// Version of these lines: 1.
        format: u32,
        /// The experiment's name.
        experiment: &'a str,
        /// Runs that would be made.
        runs: u64,
        /// Runs that would be taken from where they are.
        reused: u64,
        /// Estimated wall-clock seconds of all runs that would be made, one after the other.
        total_s: f64,
        /// The same with so many jobs and threads as follow, on this machine; without the tables and figures.
        wall_s: f64,
        /// How many runs at once.
        jobs: usize,
        /// How many threads inside one run.
        threads: usize,
        /// Estimated bytes of the journal.
        journal_bytes: u64,
        /// Memory of the program with the scenario; absent where the system does not tell.
        #[serde(skip_serializing_if = "Option::is_none")]
        program_bytes: Option<u64>,
        /// Memory of a run beside it, of those tried the largest.
        #[serde(skip_serializing_if = "Option::is_none")]
        run_bytes: Option<u64>,
        /// Some runs may take longer, and nobody knows how much.
        is_at_least: bool,
        /// How many trial runs this is from.
        trials: usize,
        /// How many of them were stopped, and are taken to go on as before to where the scenario ends them.
        extrapolated: usize,
        /// The largest factor by which what a trial run took is off from what all others tell of it; absent where there are fewer than three,
        /// and where each point was tried.
        #[serde(skip_serializing_if = "Option::is_none")]
        within: Option<f64>,
    },
    /// Something that can run but is probably not meant, or a part of a figure that is not shown.
    Warning {
        /// In words.
        message: &'a str,
    },
    /// A run that a limit stopped, or that failed.
    Failure {
        /// The point.
        point: usize,
        /// The replication.
        replication: u64,
        /// Why.
        message: String,
    },
    /// A file was written: one of those that the manifest lists, the manifest itself, `run.log`, a capture.
    Written {
        /// Its path: the folder of results, and the name in it.
        path: String,
    },
    /// What became of an expectation.
    Expectation {
        /// In words.
        text: &'a str,
        /// Whether it holds at all points that ran.
        holds: bool,
    },
    /// The command could not do what it was asked to: the scenario has mistakes, the folder is another's, a disk is full.
    Error {
        /// In words, of several lines.
        message: &'a str,
    },
    /// The last line.
    Done {
        /// Wall-clock seconds of the whole command.
        seconds: f64,
        /// The exit status: 0 done; 1 an expectation failed; 2 could not run, or a run reached a limit; 130 interrupted.
        status: u8,
    },
}

/// What runs would cost.
pub(super) struct Cost<'e> {
    /// Point by point.
    pub(super) estimate: &'e Estimate,
    /// How many are there already.
    pub(super) reused: u64,
    /// Seconds until all are done.
    pub(super) wall_s: f64,
    /// How many at once.
    pub(super) jobs: usize,
    /// How many threads in each.
    pub(super) threads: usize,
}

/// The JSON Schema of the lines.
pub(super) fn progress_schema_text() -> String {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<Line<'static>>();
    format!("{:#}", schema.to_value())
}

/// To whom a command tells what it does.
pub(super) enum Teller {
    /// People: remarks on standard output unless it is to be quiet, what is wrong on standard error.
    People {
        /// Nothing but what is wrong.
        is_quiet: bool,
        /// How far it has come, once runs have begun.
        progress: Option<Progress>,
    },
    /// A program.
    Program {
        /// How many runs are done.
        done: AtomicU64,
        /// Of how many.
        of: u64,
    },
}

impl Teller {
    /// For programs, or for people who may want to be told little.
    pub(super) fn new(is_json: bool, is_quiet: bool) -> Self {
        if is_json {
            Self::Program { done: AtomicU64::new(0), of: 0 }
        } else {
            Self::People { is_quiet, progress: None }
        }
    }

    fn line(line: &Line<'_>) {
        // Numbers and texts become JSON without fail.
        remark(serde_json::to_string(line).unwrap_or_default());
    }

    /// Whether remarks are wanted.
    pub(super) fn makes_remarks(&self) -> bool {
        matches!(self, Self::People { is_quiet: false, .. })
    }

    /// Whether lines of JSON are wanted.
    pub(super) fn is_program(&self) -> bool {
        matches!(self, Self::Program { .. })
    }

    /// A point that would be run, for programs.
    pub(super) fn point(&self, loaded: &Loaded, cost: &PointCost, reused: u64) {
        let point = &loaded.points[cost.point];
        Self::line(&Line::Point {
            point: cost.point,
            variant: point.variant.as_deref(),
            values: loaded.scenario.axes.iter().zip(&point.values).map(value_of).collect(),
            runs: cost.runs,
            reused,
            wall_s: (cost.runs > 0).then_some(cost.seconds),
            journal_bytes: (cost.runs > 0).then_some(cost.bytes as u64),
            is_at_least: cost.is_at_least,
        });
    }

    /// What all would cost, for programs.
    pub(super) fn cost(&self, loaded: &Loaded, cost: &Cost<'_>) {
        let Cost { estimate, reused, wall_s, jobs, threads } = *cost;
        Self::line(&Line::Cost {
            format: 1,
            experiment: &loaded.name,
            runs: estimate.runs(),
            reused,
            total_s: estimate.seconds(),
            wall_s,
            jobs,
            threads,
            journal_bytes: estimate.bytes() as u64,
            program_bytes: estimate.memory.map(|memory| memory.program_bytes),
            run_bytes: estimate.memory.map(|memory| memory.run_bytes),
            is_at_least: estimate.is_at_least(),
            trials: estimate.trials,
            extrapolated: estimate.extrapolated,
            within: estimate.within,
        });
    }

    /// A remark for people who want to be told much.
    pub(super) fn remark(&self, words: std::fmt::Arguments<'_>) {
        if self.makes_remarks() {
            remark(words);
        }
    }

    /// What a scenario's checks warn of, rendered; often nothing.
    pub(super) fn warnings(&self, rendered: &str) {
        match self {
            Self::People { .. } => eprint!("{rendered}"),
            Self::Program { .. } => {
                let blocks = rendered.split("\n\n").map(str::trim).filter(|block| !block.is_empty());
                blocks.for_each(|message| Self::line(&Line::Warning { message }));
            }
        }
    }

    /// Something that is left out.
    pub(super) fn note(&self, note: &str) {
        match self {
            Self::People { .. } => eprintln!("note: {note}"),
            Self::Program { .. } => Self::line(&Line::Warning { message: note }),
        }
    }

    /// So many runs begin.
    pub(super) fn started(
        &mut self,
        loaded: &Loaded,
        options: &Options,
        runs: usize,
        folder: &Path,
        reasons: &[String],
    ) {
        let scenario = &loaded.scenario;
        self.remark(format_args!("{}: {}", loaded.name, scenario.title));
        let (points, replications, seed) = (loaded.points.len(), scenario.replications, scenario.seed);
        self.remark(format_args!("{points} points x {replications} replications, seed {seed}"));
        reasons.iter().for_each(|reason| self.remark(format_args!("{reason}")));
        match self {
            Self::People { is_quiet, progress } => *progress = Some(Progress::new(runs as u64, *is_quiet)),
            Self::Program { of, .. } => {
                *of = runs as u64;
                Self::line(&Line::Started {
                    format: 1,
                    experiment: &loaded.name,
                    title: &scenario.title,
                    points,
                    replications,
                    runs,
                    seed,
                    version: env!("CARGO_PKG_VERSION"),
                    sources_sha256: env!("PROTOSIM_SOURCES_SHA256"),
                    jobs: options.jobs,
                    threads: options.threads,
                    folder: folder.display().to_string(),
                    partial_because: reasons,
                });
            }
        }
    }

    /// A run is done.
    pub(super) fn finished(&self, loaded: &Loaded, run: &Finished) {
        match self {
            Self::People { progress, .. } => progress.iter().for_each(Progress::step),
            Self::Program { done, of } => {
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                // One that failed is told with the failures.
                if run.log.is_none() && !run.is_reused {
                    return;
                }
                Self::line(&Line::Run {
                    point: run.point,
                    variant: loaded.points[run.point].variant.as_deref(),
                    replication: run.replication,
                    reused: run.is_reused,
                    wall_s: run.log.map(|log| log.wall.as_secs_f64()),
                    simulated_s: run.log.map(|log| log.simulated.as_secs_f64()),
                    events: run.log.map(|log| log.events),
                    packet_hops: run.log.map(|log| log.packet_hops),
                    done,
                    of: *of,
                });
            }
        }
    }

    /// No more runs come.
    pub(super) fn finish_runs(&self) {
        if let Self::People { progress: Some(progress), .. } = self {
            progress.finish();
        }
    }

    /// A run that failed or reached a limit.
    pub(super) fn failure(&self, failed: &Failed) {
        match self {
            Self::People { .. } => eprintln!("error: {failed}"),
            Self::Program { .. } => {
                let (point, replication) = (failed.point, failed.replication);
                Self::line(&Line::Failure { point, replication, message: failed.failure.to_string() });
            }
        }
    }

    /// Programs are told of each file: of those in the manifest, and of captures.
    pub(super) fn written(&self, folder: &Path, captures: &[PathBuf]) -> Result<(), String> {
        if matches!(self, Self::People { .. }) {
            return Ok(());
        }
        let manifest = Manifest::read(folder)?;
        let others = ["manifest.json", "run.log"];
        let names = manifest.files().into_keys().chain(others).map(|name| folder.join(name));
        for path in names.chain(captures.iter().cloned()) {
            Self::line(&Line::Written { path: path.display().to_string() });
        }
        Ok(())
    }

    /// What became of expectations: people are told of those that hold first.
    pub(super) fn expectations(&self, outcomes: &[Outcome]) {
        for outcome in outcomes.iter().filter(|outcome| outcome.holds) {
            self.remark(format_args!("{}", outcome.text));
        }
        for outcome in outcomes {
            match self {
                Self::People { .. } if outcome.holds => {}
                Self::People { .. } => eprintln!("{}", outcome.text),
                Self::Program { .. } => Self::line(&Line::Expectation { text: &outcome.text, holds: outcome.holds }),
            }
        }
    }

    /// The command is over. What could not be done is told to programs here, and left to the caller for people.
    pub(super) fn done(&self, ending: Result<Ending, String>, wall: Duration) -> Result<Ending, String> {
        if matches!(self, Self::People { .. }) {
            return ending;
        }
        let ending = ending.unwrap_or_else(|message| {
            Self::line(&Line::Error { message: message.trim_end() });
            Ending::Stopped
        });
        Self::line(&Line::Done { seconds: wall.as_secs_f64(), status: ending.status() });
        Ok(ending)
    }
}
