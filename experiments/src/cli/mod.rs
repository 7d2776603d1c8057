//! The `protosim` command: its arguments, and what each of its commands prints.
//!
//! Exit status: 0 done; 1 an expectation failed, two runs differ, or a live exchange failed; 2 could not run.

#![expect(clippy::print_stderr, reason = "this is what talks to the user")]

mod args;
mod run;
mod terminal;

use args::{Cli, Command};
use clap::Parser;
use std::io::IsTerminal;
use std::process::ExitCode;

/// Status of a command that could not run.
const COULD_NOT_RUN: u8 = 2;
/// Status of a command that ran and found something wanting.
const FAILED: u8 = 1;

/// Runs the command with the process's arguments.
pub fn main() -> ExitCode {
    // clap ends with status 2 for wrong arguments, as we do.
    match dispatch(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(message) => {
            eprint!("{message}");
            if !message.ends_with('\n') {
                eprintln!();
            }
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

/// Runs a command: true if all is well, false if something was found wanting.
fn dispatch(command: Command) -> Result<bool, String> {
    let colours = std::io::stderr().is_terminal();
    match command {
        Command::Run(args) => run::run(&args, colours),
        Command::Check(args) => run::check(&args, colours),
        Command::List => {
            run::list();
            Ok(true)
        }
        Command::Diff(args) => run::diff(&args, colours),
        Command::Live(args) => run::live(&args, colours),
    }
}
