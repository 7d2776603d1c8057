//! When a client begins its exchanges: one after the other, with time to think between them.

use super::duration::draw_span;
use crate::app::Host;
use protosim_core::{Distribution, LocalTime, Purpose, Span};

/// Sets the timer of the next exchange, as long as there is one.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    start: Span,
    stop: Option<Span>,
    count: Option<u64>,
    think: Distribution,
    /// When the node started.
    started: LocalTime,
    /// Exchanges that were begun.
    begun: u64,
}

impl Plan {
    /// The token of its timer.
    pub(crate) const NEXT: u64 = 0;

    /// From `start` after the node's start, before `stop` and `count` exchanges at most; `think` is the law of what is between the end of one
    /// and the next.
    pub(crate) const fn new(start: Span, stop: Option<Span>, count: Option<u64>, think: Distribution) -> Self {
        Self { start, stop, count, think, started: LocalTime::ZERO, begun: 0 }
    }

    /// The node has started. False if there will be no exchange.
    pub(crate) fn start(&mut self, host: &mut dyn Host) -> bool {
        self.started = host.now();
        self.set_timer(self.started.saturating_add(self.start), host)
    }

    /// An exchange is over: thinks, for a time that is drawn for `purpose`. False if it was the last one.
    pub(crate) fn rest(&self, purpose: Purpose, host: &mut dyn Host) -> bool {
        let think = draw_span(&self.think, purpose, host);
        self.set_timer(host.now().saturating_add(think), host)
    }

    fn set_timer(&self, at: LocalTime, host: &mut dyn Host) -> bool {
        let is_within = self.stop.is_none_or(|stop| at < self.started.saturating_add(stop));
        let has_next = is_within && self.count.is_none_or(|count| self.begun < count);
        if has_next {
            host.set_timer(Self::NEXT, at, "next request");
        }
        has_next
    }

    /// An exchange begins; says how many did before.
    pub(crate) const fn begin(&mut self) -> u64 {
        self.begun += 1;
        self.begun - 1
    }

    /// Exchanges that were begun.
    pub(crate) const fn begun(&self) -> u64 {
        self.begun
    }
}
