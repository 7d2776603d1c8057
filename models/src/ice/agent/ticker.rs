//! The pace of transactions: one each Ta (RFC 8445 §14.2), for gathering and checks together.

use protosim_core::{LocalTime, Span};

/// Instants at which a transaction may begin: every Ta from when there was first something to do. So the k-th check of an agent that
/// has enough of them leaves (k - 1) · Ta after the first one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticker {
    ta: Span,
    origin: LocalTime,
    /// The last instant that was used.
    last: Option<LocalTime>,
}

impl Ticker {
    pub(super) fn new(ta: Span) -> Self {
        Self { ta, origin: LocalTime::ZERO, last: None }
    }

    /// Lets more time pass between two instants, from now on.
    pub(super) fn slow_down(&mut self, ta: Span) {
        self.ta = ta;
    }

    /// Counts anew from now, or from Ta after the last transaction.
    pub(super) fn restart(&mut self, now: LocalTime) {
        self.origin = self.last.map_or(now, |last| last.saturating_add(self.ta).max(now));
    }

    /// The first instant from `now` on that is free.
    pub(super) fn next(&self, now: LocalTime) -> LocalTime {
        let ta = self.ta.as_nanos().max(1);
        let after = self.last.map_or(LocalTime::ZERO, |last| last.saturating_add(Span::NANOSECOND));
        let from = now.max(after).max(self.origin);
        let steps = from.saturating_since(self.origin).as_nanos().div_ceil(ta);
        self.origin.saturating_add(self.ta.saturating_mul(steps))
    }

    /// Uses now, if it is such an instant; on a host whose clock has gone on while its processor worked, the one that has passed.
    pub(super) fn take(&mut self, now: LocalTime) {
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> LocalTime {
        LocalTime::ZERO.saturating_add(Span::from_millis(millis))
    }

    #[test]
    fn instants_are_ta_apart_and_used_once() {
        let mut ticker = Ticker::new(Span::from_millis(50));
        ticker.restart(at(7));
        assert_eq!(ticker.next(at(7)), at(7));
        ticker.take(at(7));
        assert_eq!(ticker.next(at(7)), at(57));
        assert_eq!(ticker.next(at(58)), at(107), "what comes between two of them waits for the next one");
        ticker.take(at(107));
        ticker.restart(at(110));
        assert_eq!(ticker.next(at(110)), at(157), "never sooner than Ta after the last one");
    }
}
