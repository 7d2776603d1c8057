//! Words for the terminal: lines that survive a closed pipe, and progress.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};

/// Prints a line. True if someone may still be reading: with a closed pipe (`| head -1`) there is nobody, which is
/// no fault.
fn print(line: &dyn Display) -> bool {
    match writeln!(std::io::stdout().lock(), "{line}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => false,
        Err(error) => {
            eprintln!("error: cannot write to the terminal: {error}");
            std::process::exit(i32::from(super::COULD_NOT_RUN));
        }
        Ok(()) => true,
    }
}

/// Prints a line that is all the command is for: without a reader it ends.
pub(super) fn say(line: impl Display) {
    if !print(&line) {
        std::process::exit(0);
    }
}

/// Prints a line beside the work: without a reader the work goes on.
pub(super) fn remark(line: impl Display) {
    print(&line);
}

/// How far a command has come, on stderr: a bar on a terminal, ten lines elsewhere, nothing if it is to be quiet.
pub(super) struct Progress {
    runs: u64,
    done: AtomicU64,
    bar: Option<ProgressBar>,
    is_quiet: bool,
}

impl Progress {
    /// Of so many runs, none is done yet.
    pub(super) fn new(runs: u64, is_quiet: bool) -> Self {
        let bar = (!is_quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(Some(runs), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{bar:40} {pos}/{len} runs, {elapsed} gone, {eta} left");
            match style {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        });
        Self { runs, done: AtomicU64::new(0), bar, is_quiet }
    }

    /// One more is done.
    pub(super) fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let tenths = |runs: u64| u128::from(runs) * 10 / u128::from(self.runs.max(1));
        match &self.bar {
            Some(bar) => bar.inc(1),
            None if !self.is_quiet && tenths(done) > tenths(done - 1) => {
                // Nobody need read it.
                let _ = writeln!(std::io::stderr().lock(), "{done} of {} runs", self.runs);
            }
            None => {}
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
