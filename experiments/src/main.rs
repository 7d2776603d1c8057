//! The `protosim` command; see [`protosim_experiments::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    protosim_experiments::cli::main()
}
