//! A host's processor: operations take time, and effects wait until it is free.
//!
//! One processor, first come first served. What an application spends while it handles an input moves the
//! moment at which the processor is free again. Everything that it does after that waits for this moment: packets leave
//! then, results are noted then, and the application's own clock reads that moment already, so that timers run from it.
//! Time that is spent on input after input adds up, as a queue of work does.

use protosim_core::{Operation, SimTime, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Processor time of one operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cost {
    /// For each call.
    pub per_call: Span,
    /// For each byte that it works on.
    pub per_byte: Span,
}

/// The processor of a host.
#[derive(Clone, Debug, Default)]
pub struct Cpu {
    costs: BTreeMap<String, Cost>,
    free_at: SimTime,
    busy: Span,
}

impl Cpu {
    /// A processor on which the operations named in `costs` take time, and all others none.
    pub fn new(costs: BTreeMap<String, Cost>) -> Self {
        Self { costs, free_at: SimTime::ZERO, busy: Span::ZERO }
    }

    /// True if no operation takes time.
    pub fn is_ideal(&self) -> bool {
        self.costs.is_empty()
    }

    /// Does `operation` from `now` on, after what it is doing already.
    pub fn spend(&mut self, now: SimTime, operation: Operation) {
        let Some(cost) = self.costs.get(operation.name) else { return };
        let span = Span::from_nanos(
            cost.per_call.as_nanos().saturating_add(cost.per_byte.as_nanos().saturating_mul(operation.bytes)),
        );
        self.free_at = self.free_at.max(now).saturating_add(span);
        self.busy = Span::from_nanos(self.busy.as_nanos().saturating_add(span.as_nanos()));
    }

    /// When everything spent so far is done; `now` if it is idle.
    pub fn free_at(&self, now: SimTime) -> SimTime {
        self.free_at.max(now)
    }

    /// The host stops at once: what it had still to do is not done.
    pub fn stop(&mut self, now: SimTime) {
        if self.free_at > now {
            self.busy = self.busy.saturating_sub(self.free_at - now);
            self.free_at = now;
        }
    }

    /// Processor time spent so far.
    pub fn busy(&self) -> Span {
        self.busy
    }
}
