//! Limits of a run, and why a run ended before its time.

use crate::quantity::Size;
use crate::time::SimTime;
use serde::{Deserialize, Serialize};

/// What a run may use. Exceeding one stops it with a [`RunError`] that says who was busy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Events that came to something: arrivals, timers that were due, acts of the timeline. How many there are does not depend
    /// on the number of threads.
    pub events: u64,
    /// Memory that the kernel holds for packets on wires, pending events, and results that wait in the [`Sinks`](super::Sinks).
    ///
    /// Partitions are added up when they meet, so with several threads a run may stop somewhat later, and name another
    /// entity, than with one. Captured packets have a limit of their own, so that looking decides nothing.
    pub memory: Size,
    /// Memory for captured packets that wait in the sinks, on each thread.
    pub capture: Size,
    /// Events and internal rounds of one entity in one instant.
    pub steps_per_instant: u32,
}

const EIGHT_GIB: Size = Size::from_bytes(8 << 30);

/// Generous enough for any honest run on a laptop: 10^12 events, 8 GiB, and as much for captures, 1,000,000 steps.
impl Default for Limits {
    fn default() -> Self {
        Self { events: 1_000_000_000_000, memory: EIGHT_GIB, capture: EIGHT_GIB, steps_per_instant: 1_000_000 }
    }
}

/// The entity that was at work when a limit was reached. Ordered by time, then path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Busy {
    /// When, in simulated time.
    pub at: SimTime,
    /// Its path.
    pub path: String,
}

/// Why a run stopped early.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
pub enum RunError {
    /// [`Limits::events`] was reached.
    #[error("stopped at {} after {limit} events; `{}` was handling one", busy.at, busy.path)]
    Events {
        /// Who was at work.
        busy: Busy,
        /// The limit.
        limit: u64,
    },
    /// [`Limits::memory`] was reached.
    #[error("stopped at {}: packets, events and reports in the simulator need more than {limit}; `{}` was at work", busy.at, busy.path)]
    Memory {
        /// Who was at work.
        busy: Busy,
        /// The limit.
        limit: Size,
    },
    /// [`Limits::capture`] was reached.
    #[error("stopped at {}: captured packets need more than {limit}; capture a shorter run, or none", busy.at)]
    Capture {
        /// Who was at work.
        busy: Busy,
        /// The limit.
        limit: Size,
    },
    /// [`Limits::steps_per_instant`] was reached: an entity does not come to rest.
    #[error("stopped at {}: `{}` took more than {limit} steps in one instant and does not come to rest", busy.at, busy.path)]
    Steps {
        /// Who was at work.
        busy: Busy,
        /// The limit.
        limit: u32,
    },
}

impl RunError {
    /// Who was at work, and when.
    pub fn busy(&self) -> &Busy {
        match self {
            Self::Events { busy, .. }
            | Self::Memory { busy, .. }
            | Self::Capture { busy, .. }
            | Self::Steps { busy, .. } => busy,
        }
    }
}
