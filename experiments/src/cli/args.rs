//! The command's arguments.

use crate::results::Shard;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;

/// A deterministic network protocol simulator.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run an experiment: tables, figures and digests go to a folder
    Run(RunArgs),
    /// Look for a run that breaks what must hold in each: many runs, each with luck and faults of its own
    ///
    /// What must hold is what the scenario expects `in_each_run`; `faults` says what happens at random. Of the first run that breaks something the
    /// faults are left out and shortened until no fewer do it, and what is left is printed and written as a scenario.
    ///
    /// Exit status: 0 if nothing is broken, 1 if something is, 130 if it was interrupted before all runs were made.
    Explore(ExploreArgs),
    /// Fix which shard makes which runs of a sweep, in a file, so that all take about as long
    ///
    /// A few trial runs tell what runs of each point cost; shards get about the same of it. `run` and `slurm` take the file in the place of the
    /// scenario, which it holds as it is now.
    Plan(PlanArgs),
    /// Make the results of an experiment from all its shards (see `run --shard`)
    Merge(MergeArgs),
    /// Run a sweep on a cluster with Slurm: an array of shards, and a job that merges them
    Slurm(SlurmArgs),
    /// Say everything that is wrong with a scenario, without running it
    Check(ScenarioArgs),
    /// List the shipped experiments
    List,
    /// List all metrics: what can be measured of what, and what each number means
    Metrics(MetricsArgs),
    /// List the access profiles for `like: "@NAME"`, or show one with the source of each number
    Profiles(ProfileArgs),
    /// Write a scenario with comments, that runs as it is, to begin with
    New(NewArgs),
    /// Print the JSON Schema of scenarios, of event logs, or of progress for machines
    Schema(SchemaArgs),
    /// Print the reference of the scenario language: every field, in Markdown
    Reference,
    /// Say what differs between two folders of results or scenarios: fields, metrics beyond noise, the first event
    ///
    /// Fields of the resolved scenarios are matched by name. Metrics of the same point are compared replication by replication, which
    /// have the same luck where the seed is the same (Student's t on the differences, all intervals together with 95 %): of folders,
    /// those that the table of exchanges has. Events are compared run by run, to the first that differs.
    ///
    /// Exit status: 0 if all runs of both agree in every event, 1 if some differ, 2 if they could not be compared.
    Diff(DiffArgs),
    /// Run again what a folder of results was made from, and say whether every file agrees
    ///
    /// The scenario comes from the manifest, with all includes and changes; files that it names must be those of then. What comes out
    /// is written beside the folder, compared by hashes with what the manifest lists, and removed.
    ///
    /// Exit status: 0 if every file agrees, 1 if some do not, 2 if it could not be run again as it was.
    Reproduce(ReproduceArgs),
    /// Say what a mistake means, as in `protosim explain scenario::no-effect`
    Explain(ExplainArgs),
    /// Print a script that completes this command in a shell
    Completions(CompletionArgs),
    /// Run an application over real UDP or TCP sockets, in wall-clock time
    Live(LiveArgs),
    /// Judge our TCP by scripts in packetdrill's language, in virtual time
    Packetdrill(PacketdrillArgs),
}

/// Which schema.
#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// That of the lines of events.jsonl
    #[arg(long)]
    pub(super) events: bool,
    /// That of the lines of `protosim run --json`
    #[arg(long, conflicts_with = "events")]
    pub(super) progress: bool,
}

/// Which access profile.
#[derive(Debug, Args)]
pub(super) struct ProfileArgs {
    /// Name of a profile [default: a list of all]
    pub(super) name: Option<String>,
}

/// Which scenario, with which changes.
#[derive(Debug, Args)]
pub(super) struct ScenarioArgs {
    /// Name of a shipped experiment, or a RON file; `run` and `slurm` take a plan, too
    pub(super) scenario: String,
    /// Change a field, as in `--set links.radio.loss="2 %"`, or give an axis one value, as in `--set loss="2 %"`; may be given
    /// several times
    #[arg(long, value_name = "PATH=VALUE")]
    pub(super) set: Vec<String>,
    /// Another seed than the scenario's
    #[arg(long)]
    pub(super) seed: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) scenario: ScenarioArgs,
    /// Run this point alone; points are numbered from 0, as in the tables
    #[arg(long, value_name = "N")]
    pub(super) point: Option<usize>,
    /// Run this replication alone, numbered from 0
    #[arg(long, value_name = "N")]
    pub(super) rep: Option<u64>,
    /// Run this variant alone
    #[arg(long, value_name = "NAME")]
    pub(super) variant: Option<String>,
    /// Run one share of all runs alone, as in 3/7, into a folder of its own [default: results/NAME.shard-3-of-7]; `merge` makes results of them
    #[arg(long, value_name = "I/N", conflicts_with_all = ["point", "rep", "variant", "capture", "ladder", "events"])]
    pub(super) shard: Option<Shard>,
    /// Run nothing: list the points, and estimate by some seconds of trial runs what all runs would cost
    #[arg(long, conflicts_with = "quiet")]
    pub(super) dry_run: bool,
    /// End each run at this simulated time, as in "5 s"
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<String>,
    /// How many runs at once [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) jobs: Option<u16>,
    /// How many threads inside one run
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) threads: u16,
    /// Where results go [default: results/NAME]
    #[arg(long, value_name = "FOLDER")]
    pub(super) out: Option<PathBuf>,
    /// Overwrite a folder that holds something else
    #[arg(long)]
    pub(super) force: bool,
    /// Go on with runs that were interrupted or killed: those that are done are not made again
    #[arg(long)]
    pub(super) resume: bool,
    /// Keep runs in this folder, and take from it those that any experiment has made already with this program
    #[arg(long, value_name = "FOLDER", env = "PROTOSIM_CACHE")]
    pub(super) cache: Option<PathBuf>,
    /// Print nothing but errors
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// Print what is done as lines of JSON on standard output, and nothing else; `protosim schema --progress` says what stands in them
    #[arg(long, conflicts_with = "quiet")]
    pub(super) json: bool,
    /// Draw a ladder of all nodes over the first replication of each point, or that of --rep, to diagrams/ladder.svg, .png and .pdf
    #[arg(long)]
    pub(super) ladder: bool,
    /// Write what connections and exchanges do, and dropped packets, of the first replication of each point, or that of --rep, to events.jsonl
    #[arg(long)]
    pub(super) events: bool,
    /// Write every packet of the first replication of each point, or that of --rep, to captures/*.pcapng
    #[arg(long)]
    pub(super) capture: bool,
}

/// What to explore.
#[derive(Debug, Args)]
pub(super) struct ExploreArgs {
    #[command(flatten)]
    pub(super) scenario: ScenarioArgs,
    /// How many runs, over all points
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(super) runs: u64,
    /// The replication to begin with
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=1_000_000_000))]
    pub(super) first: u64,
    /// This point alone; points are numbered from 0, as in the tables
    #[arg(long, value_name = "N")]
    pub(super) point: Option<usize>,
    /// This variant alone
    #[arg(long, value_name = "NAME")]
    pub(super) variant: Option<String>,
    /// How many runs at once [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) jobs: Option<u16>,
    /// Where what is found is written as a scenario [default: NAME-REPLICATION.ron, or NAME-REPLICATION-2.ron if that is there]
    #[arg(long, value_name = "FILE")]
    pub(super) save: Option<PathBuf>,
    /// Overwrite a file that is there
    #[arg(long, requires = "save")]
    pub(super) force: bool,
    /// Print nothing but what is found, and errors
    #[arg(long, short)]
    pub(super) quiet: bool,
}

/// What to split.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) scenario: ScenarioArgs,
    /// How many shards
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(super) shards: u64,
    /// By turns, as without a plan: no trial runs, and the same file each time
    #[arg(long)]
    pub(super) even: bool,
    /// The file to write, whose name ends in `.json` [default: NAME.plan.json]
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Overwrite a plan that is there
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Debug, Args)]
pub(super) struct SlurmArgs {
    #[command(flatten)]
    pub(super) scenario: ScenarioArgs,
    /// How many shards, each a job of the array [default: as many as the plan has]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(super) shards: Option<u64>,
    /// Where results go [default: results/NAME]; shards, scripts and logs go beside it, to FOLDER.slurm
    #[arg(long, value_name = "FOLDER")]
    pub(super) out: Option<PathBuf>,
    /// Processors of each shard
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) cpus: u16,
    /// The most time that a job may take, as Slurm has it: 2:00:00
    #[arg(long, value_name = "TIME")]
    pub(super) time: Option<String>,
    /// Memory of each job, as Slurm has it: 4G
    #[arg(long, value_name = "SIZE")]
    pub(super) memory: Option<String>,
    /// The partition
    #[arg(long, value_name = "NAME")]
    pub(super) partition: Option<String>,
    /// The account
    #[arg(long, value_name = "NAME")]
    pub(super) account: Option<String>,
    /// How often a shard is tried that fails
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(super) attempts: u32,
    /// Submit both jobs
    #[arg(long)]
    pub(super) submit: bool,
    /// Say how far the shards are, and submit nothing
    #[arg(long, conflicts_with = "submit")]
    pub(super) status: bool,
}

#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// The folders of all shards, in any order
    #[arg(required = true, value_name = "FOLDER")]
    pub(super) shards: Vec<PathBuf>,
    /// Where results go [default: results/NAME]
    #[arg(long, value_name = "FOLDER")]
    pub(super) out: Option<PathBuf>,
    /// Overwrite a folder that holds something else
    #[arg(long)]
    pub(super) force: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    pub(super) quiet: bool,
}

/// What to compare.
#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// A shipped experiment, a RON file, or a folder of results
    pub(super) a: String,
    /// The other one
    pub(super) b: String,
    /// List all fields and metrics that differ, not the first ones alone
    #[arg(long)]
    pub(super) all: bool,
    /// Run both wholly, so that scenarios and metrics of links, sinks and connections are compared too
    #[arg(long)]
    pub(super) run: bool,
    /// How many runs at once, with --run [default: all cores]
    #[arg(long, requires = "run", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) jobs: Option<u16>,
}

/// What to run again.
#[derive(Debug, Args)]
pub(super) struct ReproduceArgs {
    /// A folder of results, or its manifest.json
    #[arg(value_name = "MANIFEST")]
    pub(super) manifest: PathBuf,
    /// Keep what comes out in this folder
    #[arg(long, value_name = "FOLDER")]
    pub(super) keep: Option<PathBuf>,
    /// Run it although it was made by another version of the program
    #[arg(long)]
    pub(super) other_version: bool,
    /// How many runs at once [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) jobs: Option<u16>,
    /// How many threads inside one run
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) threads: u16,
    /// Print what does not agree, and errors
    #[arg(long, short)]
    pub(super) quiet: bool,
}

#[derive(Debug, Args)]
pub(super) struct MetricsArgs {
    /// This one alone, by its name in scenarios or in tables
    pub(super) metric: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// The file to write; without an ending it gets `.ron`
    #[arg(default_value = "experiment.ron")]
    pub(super) file: PathBuf,
    /// A copy of this shipped experiment instead
    #[arg(long, value_name = "NAME")]
    pub(super) from: Option<String>,
    /// Overwrite a file that is there
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The identifier in brackets of a message; without it, all are listed
    pub(super) id: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct CompletionArgs {
    /// The shell
    pub(super) shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct LiveArgs {
    /// The application as in a scenario, with an address in place of a node: 'CoapClient(to: "127.0.0.1")'
    pub(super) app: String,
    /// Local address of its sockets
    #[arg(long, default_value = "127.0.0.1")]
    pub(super) bind: std::net::IpAddr,
    /// Stop after this time, as in "5 s" [default: when nothing is left to do]
    #[arg(long = "for", value_name = "TIME")]
    pub(super) duration: Option<String>,
    /// Seed of its random streams
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Write the authority that its certificates lead to, as PEM, for whoever shall believe them: `curl --cacert FILE`
    #[arg(long, value_name = "FILE")]
    pub(super) root: Option<PathBuf>,
    /// Write the secrets of its TLS or DTLS, as Wireshark reads them (tls.keylog_file), at the end
    #[arg(long, value_name = "FILE")]
    pub(super) keys: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct PacketdrillArgs {
    /// Scripts, or folders of them (`*.pkt`)
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Constants and features: `linux`, `rfc`, `lwip` or `uip` [default: what a script says, else `linux`]
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// Set a field of TCP whatever scripts say, as in `--set rack=false`; may be given several times
    #[arg(long, value_name = "FIELD=VALUE")]
    pub(super) set: Vec<String>,
    /// How far from its time a segment may be; "0 s" asks for exactness [default: what a script says, else 4 ms or 12.5 % of
    /// the time since the event before, whichever is longer]
    #[arg(long, value_name = "TIME")]
    pub(super) tolerance: Option<String>,
    /// Do not compare PSH: stacks differ in where they set it
    #[arg(long)]
    pub(super) any_push: bool,
    /// Seed of the random streams: initial sequence numbers, ports
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Print what happens in each script, with its time
    #[arg(long, short)]
    pub(super) verbose: bool,
    /// Print the total and what has failed, nothing else
    #[arg(long, short)]
    pub(super) quiet: bool,
}
