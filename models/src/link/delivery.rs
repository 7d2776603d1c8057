//! Recorded rates: when a link could have delivered how many bytes, in the format of mahimahi's `mm-link`.
//!
//! A file has one whole number per line: milliseconds since the start, never falling, the last one above zero. Each line is
//! one opportunity to deliver 1504 bytes at that moment (1500 bytes of IP and the 4 bytes that a TUN device puts before them);
//! the same moment may stand several times. At its end the trace begins anew, its last moment being the new zero. An
//! opportunity's bytes are shared by the packets that wait then, and a packet may span opportunities: it leaves with the
//! last one that it needs. What nobody needs is lost.

use protosim_core::{SimTime, Span};
use std::sync::Arc;

/// Bytes of one opportunity.
pub const OPPORTUNITY_BYTES: u64 = 1504;
/// Bytes before each IP packet that count too.
const TUN_HEADER_BYTES: u64 = 4;

/// A trace, and how much of it has been used.
#[derive(Clone, Debug)]
pub(super) struct Deliveries {
    /// Milliseconds since the start of the trace, in order.
    moments: Arc<[u64]>,
    /// The opportunity that is being used, counted over all rounds, and what is left of it [bytes].
    next: u64,
    left: u64,
}

impl Deliveries {
    /// `moments` are as [`delivery_trace`] gives them.
    pub(super) fn new(moments: Arc<[u64]>) -> Self {
        Self { moments, next: 0, left: OPPORTUNITY_BYTES }
    }

    /// When an opportunity comes.
    fn moment(&self, index: u64) -> SimTime {
        let count = self.moments.len() as u64;
        let (round, place) = (index / count, (index % count) as usize);
        let last = self.moments[self.moments.len() - 1];
        let millis = round.saturating_mul(last).saturating_add(self.moments[place]);
        SimTime::ZERO.saturating_add(Span::from_millis(1).saturating_mul(millis))
    }

    /// Sends an IP packet of `len` bytes that is first in the queue from `now` on; says when it leaves.
    pub(super) fn send(&mut self, now: SimTime, len: u64) -> SimTime {
        self.skip_to(now);
        let mut need = len + TUN_HEADER_BYTES;
        loop {
            if self.left == 0 {
                (self.next, self.left) = (self.next + 1, OPPORTUNITY_BYTES);
            }
            let used = need.min(self.left);
            (need, self.left) = (need - used, self.left - used);
            if need == 0 {
                return self.moment(self.next);
            }
        }
    }

    /// Forgets what could have been used before `now`.
    fn skip_to(&mut self, now: SimTime) {
        if self.moment(self.next) >= now {
            return;
        }
        let last = self.moments[self.moments.len() - 1];
        let millis = now.as_nanos().div_ceil(1_000_000);
        // Rounds that are over as a whole first, then within the round.
        let round = (millis.saturating_sub(1) / last).saturating_sub(1);
        let mut next = self.next.max(round.saturating_mul(self.moments.len() as u64));
        while self.moment(next) < now {
            next += 1;
        }
        if next > self.next {
            (self.next, self.left) = (next, OPPORTUNITY_BYTES);
        }
    }
}

/// Reads a trace in mahimahi's format.
///
/// # Errors
/// The number of the first wrong line, counted from 1, and what is wrong.
pub fn delivery_trace(text: &str) -> Result<Vec<u64>, (usize, String)> {
    let mut moments: Vec<u64> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let expected = || (index + 1, format!("expected a whole number of milliseconds, found `{}`", line.trim()));
        let moment: u64 = line.trim().parse().map_err(|_| expected())?;
        if let Some(before) = moments.last().filter(|before| **before > moment) {
            return Err((index + 1, format!("{moment} ms comes after {before} ms: moments must not fall")));
        }
        moments.push(moment);
    }
    match moments.last() {
        None => Err((1, "the trace is empty".to_owned())),
        Some(0) => {
            Err((moments.len(), "the last moment must be above 0 ms, or the trace would never go on".to_owned()))
        }
        Some(_) => Ok(moments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn trace(text: &str) -> Deliveries {
        Deliveries::new(delivery_trace(text).unwrap().into())
    }

    fn millis(ms: u64) -> SimTime {
        SimTime::ZERO + Span::from_millis(ms)
    }

    /// Check L7 of the links sheet: "1 2 3" is 1504 bytes a millisecond, and wraps every 3 ms. A packet of 1500 bytes and its
    /// 4 of the TUN device fills one opportunity.
    #[test]
    fn full_packets_leave_one_per_opportunity_and_the_trace_wraps() {
        let mut trace = trace("1\n2\n3\n");
        let departures: Vec<SimTime> = (0..7).map(|_| trace.send(SimTime::ZERO, 1500)).collect();
        assert_eq!(departures, (1..=7).map(millis).collect::<Vec<_>>());
    }

    /// 748 + 4 bytes are half an opportunity: two leave together. 2252 + 4 are one and a half.
    #[test]
    fn small_packets_share_an_opportunity_and_a_large_one_spans_two() {
        let mut trace = trace("2\n2\n7\n");
        assert_eq!([748, 748, 2252, 748].map(|len| trace.send(SimTime::ZERO, len)), [2, 2, 7, 7].map(millis));
        // The next round begins at 7 ms: its opportunities are at 9, 9 and 14 ms.
        assert_eq!([1500, 1500, 1500].map(|len| trace.send(SimTime::ZERO, len)), [9, 9, 14].map(millis));
    }

    /// What nobody needs when it comes is lost.
    #[test]
    fn opportunities_that_have_passed_are_lost() {
        let mut trace = trace("1\n2\n3\n");
        assert_eq!(trace.send(SimTime::ZERO, 96), millis(1));
        let later = SimTime::ZERO + Span::from_micros(1500);
        assert_eq!(trace.send(later, 1500), millis(2));
        assert_eq!(trace.send(millis(1_000_000), 1500), millis(1_000_000));
        assert_eq!(trace.send(millis(1_000_000), 1500), millis(1_000_001));
    }

    #[test]
    fn what_is_no_trace_is_refused_with_its_line() {
        assert_eq!(delivery_trace("1\n5\n4\n"), Err((3, "4 ms comes after 5 ms: moments must not fall".to_owned())));
        assert_eq!(delivery_trace("1\nx\n").map_err(|(line, _)| line), Err(2));
        assert_eq!(delivery_trace("1\n\n2\n").map_err(|(line, _)| line), Err(2));
        assert_eq!(delivery_trace("0\n0\n").map_err(|(line, _)| line), Err(2));
        assert!(delivery_trace("").is_err());
    }

    proptest! {
        /// Never before it is offered, never out of order, and never more bytes by any moment than the trace has given.
        #[test]
        fn no_more_is_sent_than_the_trace_allows(
            moments in prop::collection::vec(0_u64..50, 1..20),
            packets in prop::collection::vec((0_u64..40_000_000, 20_u64..4000), 1..40),
        ) {
            let mut moments = moments;
            moments.sort_unstable();
            moments.push(moments[moments.len() - 1] + 1);
            let mut trace = Deliveries::new(moments.clone().into());
            let (mut now, mut sent) = (SimTime::ZERO, 0);
            for (gap, len) in packets {
                now = now.saturating_add(Span::from_nanos(gap));
                let departs = trace.send(now, len);
                prop_assert!(departs >= now);
                now = departs;
                sent += len + TUN_HEADER_BYTES;
                let (last, ms) = (moments[moments.len() - 1], departs.as_nanos() / 1_000_000);
                let before = |round: u64| moments.iter().filter(|m| round * last + **m <= ms).count() as u64;
                let given: u64 = (0..=ms / last).map(before).sum();
                prop_assert!(sent <= given * OPPORTUNITY_BYTES, "{sent} bytes of {given} opportunities by {ms} ms");
            }
        }
    }
}
