//! The `protosim` command: its arguments, and what each of its commands prints.
//!
//! Exit status: 0 done; 1 an expectation failed, something is broken, two runs differ, results are not reproduced, a script failed, or a live exchange did; 2 could not run, or a run reached a
//! limit; 130 interrupted (Ctrl-C), with what was finished written.

#![expect(clippy::print_stderr, reason = "this is what talks to the user")]

mod args;
mod completions;
mod diff;
mod dry_run;
mod explain;
mod explore;
mod keeping;
mod merge;
mod metrics;
mod new;
mod packetdrill;
mod plan;
mod profiles;
mod progress;
mod reproduce;
mod run;
mod slurm;
mod subject;
mod terminal;
mod words;

use crate::reference;
use crate::run::events::events_schema_text;
use args::{Cli, Command};
use clap::Parser;
use std::io::IsTerminal;
use std::process::ExitCode;

/// Status of a command that could not run.
const COULD_NOT_RUN: u8 = 2;
/// Status of a command that ran and found something wanting.
const FAILED: u8 = 1;

/// Status of a command that was interrupted: 128 and the number of SIGINT, as shells have it.
const INTERRUPTED: u8 = 130;

/// How a command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ending {
    /// All is well.
    Done,
    /// It ran and found something wanting.
    Wanting,
    /// Some of it could not run.
    Stopped,
    /// Someone stopped it.
    Interrupted,
}

impl Ending {
    /// The command's exit status.
    const fn status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Wanting => FAILED,
            Self::Stopped => COULD_NOT_RUN,
            Self::Interrupted => INTERRUPTED,
        }
    }
}

impl From<bool> for Ending {
    fn from(is_well: bool) -> Self {
        if is_well { Self::Done } else { Self::Wanting }
    }
}

/// Runs the command with the process's arguments.
pub fn main() -> ExitCode {
    // clap ends with status 2 for wrong arguments, as we do.
    match dispatch(Cli::parse().command) {
        Ok(ending) => ExitCode::from(ending.status()),
        Err(message) => {
            eprint!("{message}");
            if !message.ends_with('\n') {
                eprintln!();
            }
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

/// Runs a command.
fn dispatch(command: Command) -> Result<Ending, String> {
    let colours = std::io::stderr().is_terminal();
    match command {
        Command::Run(args) => run::run(&args, colours),
        Command::Explore(args) => explore::explore(&args, colours),
        Command::Plan(args) => plan::plan(&args, colours),
        Command::Slurm(args) => slurm::slurm(&args, colours),
        Command::Merge(args) => merge::merge(&args, colours),
        Command::Check(args) => run::check(&args, colours).map(Ending::from),
        Command::List => {
            run::list();
            Ok(Ending::Done)
        }
        Command::Metrics(args) => metrics::metrics(args.metric.as_deref()).map(|()| Ending::Done),
        Command::New(args) => new::new(&args).map(|()| Ending::Done),
        Command::Schema(args) => {
            let text = match (args.events, args.progress) {
                (true, _) => events_schema_text(),
                (_, true) => progress::progress_schema_text(),
                _ => reference::schema_text(),
            };
            terminal::say(text.trim_end());
            Ok(Ending::Done)
        }
        Command::Reference => {
            terminal::say(reference::reference_text().trim_end());
            Ok(Ending::Done)
        }
        Command::Profiles(args) => profiles::profiles(args.name.as_deref()).map(|()| Ending::Done),
        Command::Diff(args) => diff::diff(&args, colours).map(Ending::from),
        Command::Reproduce(args) => reproduce::reproduce(&args, colours),
        Command::Explain(args) => explain::explain(args.id.as_deref()).map(|()| Ending::Done),
        Command::Completions(args) => {
            terminal::say(completions::script(args.shell).trim_end());
            Ok(Ending::Done)
        }
        Command::Packetdrill(args) => packetdrill::packetdrill(&args, colours),
        Command::Live(args) => run::live(&args, colours).map(Ending::from),
    }
}
