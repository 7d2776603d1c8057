//! The only place, beside `protosim live`, that looks at a clock: for `run.log` and progress. No result depends on it.

use std::time::{Duration, Instant};

/// A stopwatch.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts it.
    #[expect(clippy::disallowed_methods, reason = "for run.log, progress and live runs alone")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since its start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The most memory that this process has had at once, in bytes, where the system says so (Linux).
pub fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kibibytes * 1024)
}
