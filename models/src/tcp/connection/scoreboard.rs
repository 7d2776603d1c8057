//! What has been sent and is not acknowledged: which ranges, when, how often, and what is known of them (RFC 6675 §3, RFC 8985 §5).
//!
//! Segments that left in one instant under the same circumstances are one range; it is cut where the peer acknowledges or loses a
//! part of it. Selectively acknowledged ranges are kept until the cumulative acknowledgement covers them: the peer may take its
//! word back (RFC 2018 §8).

use crate::lazy::Empty;
use crate::recovery::Ranges;
use protosim_core::{LocalTime, Span};
use std::collections::VecDeque;

/// A range that was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sent {
    /// First offset.
    pub(super) start: u64,
    /// Offset after the last.
    pub(super) end: u64,
    /// When it was last sent.
    pub(super) at: LocalTime,
    /// How often.
    pub(super) transmissions: u16,
    /// The length of the segments that it left in; the last one may be smaller.
    pub(super) size: u16,
    /// The peer has it, out of order.
    pub(super) is_sacked: bool,
    /// It is held lost, and has not been sent again since then unless `is_retransmitted`.
    pub(super) is_lost: bool,
    /// It was held lost and has been sent again, and nothing is known of that transmission.
    pub(super) is_retransmitted: bool,
    /// How the connection stood when it was last sent, for samples of the delivery rate.
    pub(super) mark: RateMark,
}

/// How a connection stood when a range was sent (draft-cheng-iccrg-delivery-rate-estimation §3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RateMark {
    /// All bytes delivered until then.
    pub(super) delivered: u64,
    /// When the last of them was.
    pub(super) delivered_at: LocalTime,
    /// When the first of this flight was sent.
    pub(super) first_sent_at: LocalTime,
    /// Bytes in flight, this range included.
    pub(super) in_flight: u64,
    /// All bytes held lost until then.
    pub(super) lost: u64,
    /// The application had no more to send.
    pub(super) is_app_limited: bool,
}

impl Sent {
    /// Its length.
    pub(super) const fn len(&self) -> u64 {
        self.end - self.start
    }

    /// The segments that it left in.
    fn segments(&self) -> u64 {
        self.len().div_ceil(u64::from(self.size))
    }
}

/// All ranges in flight, ascending and without gaps.
#[derive(Clone, Debug, Default)]
pub(super) struct Scoreboard {
    sent: VecDeque<Sent>,
    sacked_ranges: Ranges,
    sacked: u64,
    lost: u64,
    retransmitted: u64,
    /// Bytes that are held lost and have not been sent again since.
    waiting: u64,
    /// The length of the segment that was pushed last.
    last_len: u64,
    /// What has been marked since it was last asked.
    fresh: Vec<Sent>,
    /// No range below it is lost and waits to be sent again.
    hint: u64,
    /// When bytes were last delivered, or the first of this flight were sent.
    pub(super) delivered_at: LocalTime,
    /// When the first bytes of this flight were sent, as far as they are not delivered.
    pub(super) first_sent_at: LocalTime,
    /// RACK.xmit_ts and RACK.end_seq (RFC 8985 §5.2): the youngest transmission that has arrived.
    pub(super) youngest: Option<(LocalTime, u64)>,
    /// RACK.rtt: the round trip of that transmission.
    pub(super) rtt: Span,
    /// RACK.fack: the highest offset that has arrived.
    pub(super) highest: u64,
    /// TLP.end_seq (RFC 8985 §7.1): SND.NXT when a probe was sent, and whether it was a retransmission.
    pub(super) probe: Option<(u64, bool)>,
}

impl Empty for Scoreboard {
    const EMPTY: &'static Self = &Self {
        sent: VecDeque::new(),
        sacked_ranges: Ranges::new(),
        sacked: 0,
        lost: 0,
        retransmitted: 0,
        waiting: 0,
        last_len: 0,
        fresh: Vec::new(),
        hint: 0,
        delivered_at: LocalTime::ZERO,
        first_sent_at: LocalTime::ZERO,
        youngest: None,
        rtt: Span::ZERO,
        highest: 0,
        probe: None,
    };
}

impl Scoreboard {
    /// Bytes that are selectively acknowledged.
    pub(super) const fn sacked(&self) -> u64 {
        self.sacked
    }

    /// Bytes that are held lost, those that have been sent again included.
    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    /// Bytes that have been sent again, of which nothing is known yet.
    pub(super) const fn retransmitted(&self) -> u64 {
        self.retransmitted
    }

    /// True if nothing is in flight.
    pub(super) fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// True if nothing is selectively acknowledged or held lost.
    pub(super) fn is_plain(&self) -> bool {
        self.sacked == 0 && self.lost == 0
    }

    /// The oldest range.
    pub(super) fn first(&self) -> Option<&Sent> {
        self.sent.front()
    }

    /// The latest range.
    pub(super) fn last(&self) -> Option<&Sent> {
        self.sent.back()
    }

    /// The end of the highest range that is selectively acknowledged.
    pub(super) fn highest_sacked(&self) -> Option<u64> {
        self.sacked_ranges.end()
    }

    /// The ranges that are selectively acknowledged.
    pub(super) fn sacked_ranges(&self) -> &Ranges {
        &self.sacked_ranges
    }

    /// True if at least so many segments are selectively acknowledged.
    pub(super) fn has_sacked_segments(&self, count: u64) -> bool {
        if self.sacked == 0 {
            return false;
        }
        let mut segments = 0;
        self.sent.iter().rev().filter(|range| range.is_sacked).any(|range| {
            segments += range.segments();
            segments >= count
        })
    }

    /// True if a single segment is in flight.
    pub(super) fn is_one_segment(&self) -> bool {
        self.sent.len() == 1 && self.sent[0].segments() == 1
    }

    /// All ranges.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Sent> {
        self.sent.iter()
    }

    /// The ranges that begin at `offset` or later.
    pub(super) fn from(&self, offset: u64) -> impl Iterator<Item = &Sent> {
        let first = self.sent.partition_point(|range| range.start < offset);
        self.sent.range(first..)
    }

    /// A range is being sent for the first time.
    pub(super) fn push(&mut self, start: u64, end: u64, at: LocalTime, mark: RateMark) {
        let len = end - start;
        let last_len = std::mem::replace(&mut self.last_len, len);
        if let Some(last) = self.sent.back_mut()
            && last.at == at
            && last_len == u64::from(last.size)
            && len <= last_len
            && last.transmissions == 1
            && last.end == start
            && !last.is_sacked
            && !last.is_lost
            && (last.mark.delivered, last.mark.lost) == (mark.delivered, mark.lost)
        {
            last.end = end;
            last.mark = RateMark { first_sent_at: last.mark.first_sent_at, ..mark };
            return;
        }
        self.sent.push_back(Sent {
            start,
            end,
            at,
            transmissions: 1,
            size: u16::try_from(len).unwrap_or(u16::MAX),
            is_sacked: false,
            is_lost: false,
            is_retransmitted: false,
            mark,
        });
    }

    /// Everything below `una` has arrived; tells `each` of what was not known to.
    pub(super) fn acknowledge(&mut self, una: u64, mut each: impl FnMut(&Sent)) {
        while let Some(first) = self.sent.front_mut() {
            if first.start >= una {
                break;
            }
            let part = Sent { end: first.end.min(una), ..*first };
            first.start = part.end;
            if first.start == first.end {
                self.sent.pop_front();
            }
            if part.is_sacked {
                self.sacked -= part.len();
            } else {
                self.forget_flags(&part);
                each(&part);
            }
        }
        self.sacked_ranges.trim_below(una);
    }

    fn forget_flags(&mut self, part: &Sent) {
        if part.is_lost {
            self.lost -= part.len();
            if !part.is_retransmitted {
                self.waiting -= part.len();
            }
        }
        if part.is_retransmitted {
            self.retransmitted -= part.len();
        }
    }

    /// The peer has `[left, right)`; tells `each` of what was not known.
    pub(super) fn sack(&mut self, left: u64, right: u64, mut each: impl FnMut(&Sent)) {
        let fresh: Vec<(u64, u64)> = self.sacked_ranges.missing(left, right).collect();
        for (start, end) in fresh {
            let mut index = self.cut_at(start);
            while let Some(range) = self.sent.get(index) {
                if range.start >= end {
                    break;
                }
                if range.end > end {
                    self.cut_at(end);
                }
                // It is still there: cutting leaves its start.
                let part = self.sent[index];
                debug_assert!(!part.is_sacked, "what was missing is not known to have arrived");
                self.forget_flags(&part);
                each(&part);
                let range = &mut self.sent[index];
                (range.is_sacked, range.is_lost, range.is_retransmitted) = (true, false, false);
                self.sacked += part.len();
                index += 1;
            }
            self.sacked_ranges.insert(start, end);
        }
    }

    /// Holds the ranges lost for which `is_lost` says so, from `from` on, as far as `to`; says how many bytes are newly held lost.
    pub(super) fn mark_lost(&mut self, from: u64, to: u64, mut is_lost: impl FnMut(&Sent) -> bool) -> u64 {
        let mut marked = 0;
        let mut index = self.cut_at(from);
        while let Some(range) = self.sent.get(index).copied() {
            if range.start >= to {
                break;
            }
            let is_held = range.is_lost && !range.is_retransmitted;
            if !range.is_sacked && !is_held && is_lost(&range) {
                if range.end > to {
                    self.cut_at(to);
                }
                let range = &mut self.sent[index];
                let len = range.end - range.start;
                if range.is_retransmitted {
                    self.retransmitted -= len;
                }
                if !range.is_lost {
                    self.lost += len;
                }
                (range.is_lost, range.is_retransmitted) = (true, false);
                self.waiting += len;
                self.fresh.push(*range);
                self.hint = self.hint.min(range.start);
                marked += len;
            }
            index += 1;
        }
        marked
    }

    /// The ranges that have been marked lost since this was last asked.
    pub(super) fn take_fresh(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.fresh)
    }

    /// The first range that is lost and waits to be sent again.
    pub(super) fn next_lost(&mut self) -> Option<(u64, u64)> {
        if self.waiting == 0 {
            return None;
        }
        let first = self.sent.partition_point(|range| range.end <= self.hint);
        let found = self.sent.iter().skip(first).find(|range| range.is_lost && !range.is_retransmitted)?;
        self.hint = found.start;
        Some((found.start, found.end))
    }

    /// `[start, end)` is being sent again; says the how-manieth transmission this is.
    pub(super) fn retransmit(&mut self, start: u64, end: u64, at: LocalTime, mark: RateMark) -> u16 {
        let mut index = self.cut_at(start);
        self.cut_at(end);
        let mut transmission = 1;
        while let Some(range) = self.sent.get_mut(index) {
            if range.start >= end {
                break;
            }
            range.at = at;
            range.transmissions = range.transmissions.saturating_add(1);
            transmission = transmission.max(range.transmissions);
            range.mark = mark;
            // What is not held lost, as a probe, is in flight twice then.
            if !range.is_retransmitted && !range.is_sacked {
                range.is_retransmitted = true;
                self.retransmitted += range.len();
                if range.is_lost {
                    self.waiting -= range.len();
                }
            }
            index += 1;
        }
        transmission
    }

    /// The peer has dropped what it had acknowledged selectively (RFC 2018 §8).
    pub(super) fn forget_sacks(&mut self) {
        for range in &mut self.sent {
            range.is_sacked = false;
        }
        self.sacked = 0;
        self.sacked_ranges.clear();
    }

    /// Takes back that ranges are held lost which have not been sent again, as after a time-out for nothing.
    pub(super) fn forget_lost(&mut self) {
        for range in &mut self.sent {
            if range.is_lost && !range.is_retransmitted {
                range.is_lost = false;
                self.lost -= range.len();
                self.waiting -= range.len();
            }
        }
    }

    /// Cuts the range that `offset` is inside of; the index of the first range from `offset` on.
    fn cut_at(&mut self, offset: u64) -> usize {
        let index = self.sent.partition_point(|range| range.end <= offset);
        match self.sent.get_mut(index) {
            Some(range) if range.start < offset => {
                let rest = Sent { start: offset, ..*range };
                range.end = offset;
                self.sent.insert(index + 1, rest);
                index + 1
            }
            _ => index,
        }
    }

    /// True if something is held lost and waits to be sent again.
    pub(super) const fn has_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// Bytes allocated.
    #[cfg(test)]
    pub(super) fn allocated(&self) -> usize {
        (self.sent.capacity() + self.fresh.capacity()) * size_of::<Sent>() + self.sacked_ranges.allocated()
    }

    /// The sums, counted anew, for tests.
    #[cfg(test)]
    fn counted(&self) -> [u64; 3] {
        let sum = |is: fn(&Sent) -> bool| self.sent.iter().filter(|sent| is(sent)).map(Sent::len).sum();
        assert_eq!(self.waiting, sum(|sent| sent.is_lost && !sent.is_retransmitted));
        [sum(|sent| sent.is_sacked), sum(|sent| sent.is_lost), sum(|sent| sent.is_retransmitted)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mark() -> RateMark {
        let zero = LocalTime::ZERO;
        RateMark { delivered: 0, delivered_at: zero, first_sent_at: zero, in_flight: 0, lost: 0, is_app_limited: false }
    }

    #[test]
    fn a_burst_is_one_range_until_a_part_of_it_is_known() {
        let mut board = Scoreboard::default();
        for segment in 0..10 {
            board.push(1 + segment * 100, 101 + segment * 100, LocalTime::ZERO, mark());
        }
        assert_eq!(board.iter().count(), 1);
        board.sack(301, 401, |part| assert_eq!((part.start, part.end), (301, 401)));
        board.sack(301, 501, |part| assert_eq!((part.start, part.end), (401, 501)));
        assert_eq!(board.iter().count(), 4);
        assert_eq!(board.mark_lost(1, 301, |_| true), 300);
        assert_eq!(board.next_lost(), Some((1, 301)));
        assert_eq!(board.retransmit(1, 101, LocalTime::from_nanos(1), mark()), 2);
        assert_eq!(board.next_lost(), Some((101, 301)));
        assert_eq!((board.sacked(), board.lost(), board.retransmitted()), (200, 300, 100));
        board.acknowledge(501, |_| {});
        assert_eq!((board.sacked(), board.lost(), board.retransmitted()), (0, 0, 0));
    }

    /// Segments of 100, 100, 50, 100 and 100 bytes leave at once: what follows a smaller one is another range, so that all but the last of a
    /// range are of one length. From 101 to 251 are two, from 101 to 351 three, though those are 250 bytes.
    #[test]
    fn ranges_know_how_many_segments_they_are() {
        let mut board = Scoreboard::default();
        let mut start = 1;
        for len in [100, 100, 50, 100, 100] {
            board.push(start, start + len, LocalTime::ZERO, mark());
            start += len;
        }
        let ranges: Vec<_> = board.iter().map(|range| (range.start, range.end, range.segments())).collect();
        assert_eq!(ranges, [(1, 251, 3), (251, 451, 2)]);
        assert!(!board.has_sacked_segments(1) && !board.is_one_segment());
        board.sack(101, 251, |_| {});
        assert!(board.has_sacked_segments(2) && !board.has_sacked_segments(3));
        board.sack(251, 351, |_| {});
        assert!(board.has_sacked_segments(3) && !board.has_sacked_segments(4));
        board.acknowledge(351, |_| {});
        assert!(board.is_one_segment());
    }

    proptest! {
        /// Whatever happens, ranges stay ascending and without gaps, and the sums are theirs.
        #[test]
        fn the_sums_are_those_of_the_ranges(steps in prop::collection::vec((0_u8..6, 0_u64..400, 1_u64..120), 0..60)) {
            let mut board = Scoreboard::default();
            let (mut una, mut nxt) = (1_u64, 1_u64);
            for (clock, (what, from, len)) in steps.into_iter().enumerate() {
                let at = LocalTime::from_nanos(clock as u64);
                let start = (una + from).min(nxt);
                let end = (start + len).min(nxt);
                match what {
                    0 | 1 => {
                        board.push(nxt, nxt + len, at, mark());
                        nxt += len;
                    }
                    2 => {
                        una = end.max(una);
                        board.acknowledge(una, |_| {});
                    }
                    3 if start < end => board.sack(start, end, |_| {}),
                    4 => {
                        board.mark_lost(start, end, |_| true);
                    }
                    _ => {
                        if let Some((start, end)) = board.next_lost() {
                            board.retransmit(start, end.min(start + len), at, mark());
                        }
                    }
                }
                prop_assert_eq!(board.counted(), [board.sacked(), board.lost(), board.retransmitted()]);
                let ranges: Vec<_> = board.iter().map(|range| (range.start, range.end)).collect();
                prop_assert!(ranges.windows(2).all(|pair| pair[0].1 == pair[1].0));
                prop_assert!(ranges.iter().all(|(start, end)| start < end));
                prop_assert_eq!(ranges.first().map_or(nxt, |first| first.0), una);
                prop_assert_eq!(ranges.last().map_or(nxt, |last| last.1), nxt);
                prop_assert!(board.retransmitted() <= board.lost());
                prop_assert_eq!(board.sacked_ranges().total(), board.sacked());
            }
        }
    }
}
