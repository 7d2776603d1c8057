//! A host's processor: operations take time, and effects wait until it is free.
//!
//! One processor, first come first served. What an application spends while it handles an input moves the
//! moment at which the processor is free again. Everything that it does after that waits for this moment: packets leave
//! then, results are noted then, and the application's own clock reads that moment already, so that timers run from it.
//! Time that is spent on input after input adds up, as a queue of work does. A processor that sleeps when it has nothing to do wakes up first.

use crate::energy::Frequency;
use crate::energy::profile::{CpuProfile, Sourced, Work};
use protosim_core::{Operation, SimTime, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Processor time of one operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cost {
    /// For each call.
    pub per_call: Span,
    /// For each byte that it works on.
    pub per_byte: Span,
}

/// What an operation costs, as it is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rate {
    Time(Cost),
    /// Rounded to a time for all of a call at once: a cycle of a fast clock is less than a nanosecond.
    Cycles {
        per_call: u64,
        per_byte: u64,
        clock: Frequency,
    },
}

/// What operations cost on a processor; one for all devices of a kind.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Costs {
    by_name: BTreeMap<String, Rate>,
    /// How long it takes from sleep to work.
    wake: Span,
}

impl Costs {
    /// The operations named here take time, and all others none.
    pub fn new(by_name: BTreeMap<String, Cost>) -> Self {
        let by_name = by_name.into_iter().map(|(name, cost)| (name, Rate::Time(cost))).collect();
        Self { by_name, wake: Span::ZERO }
    }

    /// The same, where operations of `processor` that are not named yet take its cycles.
    #[must_use]
    pub fn beside(mut self, processor: &CpuProfile) -> Self {
        let clock = processor.clock.value;
        for (name, Sourced { value: Work { per_call, per_byte }, .. }) in &processor.operations {
            let rate = Rate::Cycles { per_call: *per_call, per_byte: *per_byte, clock };
            self.by_name.entry(name.clone()).or_insert(rate);
        }
        self
    }

    /// The same, where a processor that has nothing to do sleeps, and needs so long to wake up.
    #[must_use]
    pub fn waking_in(self, wake: Span) -> Self {
        Self { wake, ..self }
    }

    fn span(&self, operation: Operation) -> Option<Span> {
        let all = |per_call: u64, per_byte: u64| per_call.saturating_add(per_byte.saturating_mul(operation.bytes));
        Some(match self.by_name.get(operation.name)? {
            Rate::Time(cost) => Span::from_nanos(all(cost.per_call.as_nanos(), cost.per_byte.as_nanos())),
            Rate::Cycles { per_call, per_byte, clock } => clock.time_of(all(*per_call, *per_byte)),
        })
    }
}

/// The processor of a host.
#[derive(Clone, Debug, Default)]
pub struct Cpu {
    /// None where no operation takes time, as on most hosts.
    costs: Option<Arc<Costs>>,
    /// When it has done all; `None` if it has never had anything to do, or has lost power since.
    free_at: Option<SimTime>,
    busy: Span,
}

impl Cpu {
    /// A processor with these costs.
    pub fn new(costs: impl Into<Arc<Costs>>) -> Self {
        Self { costs: Some(costs.into()).filter(|costs| !costs.by_name.is_empty()), free_at: None, busy: Span::ZERO }
    }

    /// True if no operation takes time.
    pub fn is_ideal(&self) -> bool {
        self.costs.is_none()
    }

    /// Does `operation` from `now` on, after what it is doing already.
    pub fn spend(&mut self, now: SimTime, operation: Operation) {
        let Some(costs) = &self.costs else { return };
        let Some(span) = costs.span(operation).filter(|span| !span.is_zero()) else { return };
        let begins = match self.free_at {
            Some(free_at) if free_at >= now => free_at,
            _ => now.saturating_add(costs.wake),
        };
        self.free_at = Some(begins.saturating_add(span));
        self.busy = Span::from_nanos(self.busy.as_nanos().saturating_add(span.as_nanos()));
    }

    /// When everything spent so far is done; `now` if it is idle.
    pub fn free_at(&self, now: SimTime) -> SimTime {
        self.free_at.map_or(now, |free_at| free_at.max(now))
    }

    /// The host stops at once: what it had still to do is not done.
    pub fn stop(&mut self, now: SimTime) {
        if let Some(free_at) = self.free_at.take().filter(|free_at| *free_at > now) {
            self.busy = self.busy.saturating_sub(free_at - now);
        }
    }

    /// Processor time spent so far, without that of waking up.
    pub fn busy(&self) -> Span {
        self.busy
    }
}
