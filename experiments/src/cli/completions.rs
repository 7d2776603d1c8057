//! `protosim completions SHELL`: a script that completes the command, with the names that it knows.
//!
//! The script is made from the same arguments as the command, except that those which take a name of ours have all names as
//! their values: shipped experiments, metrics, and identifiers of mistakes. A scenario may be a file as well. Bash falls back to
//! files where no name fits, and so does fish; zsh would offer names alone, so there scenarios complete as files.

use super::args::Cli;
use super::{explain, metrics};
use crate::scenario::library;
use clap::builder::PossibleValuesParser;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use std::fmt::Write;

/// Arguments that take a name: the subcommand, and the argument.
const OF_EXPERIMENTS: [(&str, &str); 5] =
    [("run", "scenario"), ("plan", "scenario"), ("check", "scenario"), ("diff", "a"), ("diff", "b")];

/// The script for `shell`.
pub(super) fn script(shell: Shell) -> String {
    let mut command = with_values(Cli::command(), "explain", "id", &explain_ids());
    command = with_values(command, "metrics", "metric", &metrics::words().collect::<Vec<_>>());
    command = with_values(command, "new", "from", &experiments());
    command = with_values(command, "profiles", "name", &protosim_topologies::profile::names().collect::<Vec<_>>());
    if matches!(shell, Shell::Bash) {
        for (subcommand, argument) in OF_EXPERIMENTS {
            command = with_values(command, subcommand, argument, &experiments());
        }
    }
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "protosim", &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if matches!(shell, Shell::Fish) {
        positionals_for_fish(&mut script);
    }
    script
}

/// Names of shipped experiments.
fn experiments() -> Vec<&'static str> {
    library::SHIPPED.iter().map(|shipped| shipped.name).collect()
}

/// Identifiers of mistakes without what stands before the colons: shells break words at these.
fn explain_ids() -> Vec<&'static str> {
    explain::ids().map(|id| id.rsplit("::").next().unwrap_or(id)).collect()
}

/// The command, where an argument of a subcommand takes these values.
fn with_values(command: Command, subcommand: &'static str, argument: &'static str, values: &[&'static str]) -> Command {
    let values = PossibleValuesParser::new(values);
    command
        .mut_subcommand(subcommand, |subcommand| subcommand.mut_arg(argument, |argument| argument.value_parser(values)))
}

/// What is made for fish completes no positional arguments by itself.
fn positionals_for_fish(script: &mut String) {
    let mut line = |subcommand: &str, values: &[&str]| {
        let condition = format!("__fish_protosim_using_subcommand {subcommand}");
        // Writing to a string does not fail.
        let _ = writeln!(script, "complete -c protosim -n \"{condition}\" -a \"{}\"", values.join(" "));
    };
    for subcommand in ["run", "plan", "check", "diff"] {
        line(subcommand, &experiments());
    }
    line("explain", &explain_ids());
    line("metrics", &metrics::words().collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_know_our_names() {
        for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
            let script = script(shell);
            for name in ["no-effect", "P95Completion", "coap-loss"] {
                assert!(script.contains(name), "{shell}: {name}");
            }
        }
    }

    /// The arguments that are given values exist: with others clap panics.
    #[test]
    fn every_shell_has_a_script() {
        for shell in [Shell::Elvish, Shell::PowerShell] {
            assert!(script(shell).contains("protosim"));
        }
    }
}
