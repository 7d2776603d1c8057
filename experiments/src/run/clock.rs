//! The only place, beside `protosim live`, that looks at a clock: for `run.log`, progress, and estimates of what a sweep costs. No result depends on it.

use std::time::{Duration, Instant};

/// A stopwatch.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts it.
    #[expect(clippy::disallowed_methods, reason = "for run.log, progress, estimates and live runs alone")]
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
    memory("VmHWM:")
}

/// The memory that this process has now, in bytes, where the system says so (Linux).
pub fn memory_bytes() -> Option<u64> {
    memory("VmRSS:")
}

fn memory(line: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|text| text.strip_prefix(line))?;
    let kibibytes: u64 = value.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kibibytes * 1024)
}
