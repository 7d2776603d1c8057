//! The receiving half: putting the stream together, the window offered, and when to acknowledge.
//!
//! What arrives out of order waits as ropes; bulk data among it are one run, however many bytes. Acknowledgements wait for a second
//! full segment or the delay (RFC 9293 §3.8.6.3, RFC 5681 §4.2), unless something is missing.

use super::super::Parameters;
use super::moment::Moment;
use super::seq;
use crate::lazy::{Empty, Lazy};
use crate::packet::SackBlock;
use crate::rope::Rope;
use protosim_core::{LocalTime, Span};

/// The receiving half of a connection. Offsets count the peer's stream, its SYN at 0.
#[derive(Clone, Debug)]
pub(super) struct Receiver {
    /// The peer's initial sequence number.
    pub(super) irs: u32,
    /// RCV.NXT.
    pub(super) nxt: u64,
    /// RCV.NXT + RCV.WND as last offered: it never shrinks (RFC 9293 §3.8.6.2.2).
    pub(super) edge: u64,
    /// What has arrived in order and has not been read.
    unread: Rope,
    unread_len: u64,
    /// What has arrived out of order.
    late: Lazy<OutOfOrder>,
    /// The offset that the peer's FIN takes; zero before it has come.
    pub(super) fin: u64,
    /// The largest segment that has come \[bytes\]: what a full one is.
    pub(super) mss: u64,
    pub(super) ack: AckClock,
    /// Bytes for the application to read that it has not been told of.
    pub(super) has_news: bool,
    pub(super) bytes: u64,
}

/// What has arrived out of order, and what came twice.
#[derive(Clone, Debug)]
pub(super) struct OutOfOrder {
    /// Offset of the first byte, and the bytes; ascending, apart.
    waiting: Vec<(u64, Rope)>,
    /// Offsets within the ranges that wait, by when something of them arrived last: the order of SACK blocks (RFC 2018 §4).
    recent: Vec<u64>,
    /// What came twice, for the next acknowledgement (RFC 2883).
    dsack: Option<(u64, u64)>,
}

impl Empty for OutOfOrder {
    const EMPTY: &'static Self = &Self { waiting: Vec::new(), recent: Vec::new(), dsack: None };
}

/// When the next acknowledgement is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct AckClock {
    /// RCV.NXT as it was last acknowledged.
    pub(super) sent: u64,
    pub(super) owed: Owed,
    /// For the delay.
    pub(super) deadline: Option<Moment>,
    /// How long acknowledgements wait now.
    pub(super) ato: Span,
    /// So many more are sent at once.
    pub(super) quick: u32,
    /// Data go back and forth: an acknowledgement can wait for the answer that will carry it.
    pub(super) is_interactive: bool,
    /// When data last came.
    pub(super) data_at: Option<Moment>,
}

/// Whether an acknowledgement is owed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Owed {
    Nothing,
    /// It may wait.
    Delayed,
    /// At the end of this instant.
    Now,
    /// As `Now`, and one more such segment must not share it (RFC 5681 §4.2).
    Duplicate,
}

/// What a segment has brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Arrived {
    /// It was not the next one.
    pub(super) is_out_of_order: bool,
    /// All of it had arrived before.
    pub(super) is_duplicate: bool,
}

/// Before a segment has come: the default maximum segment size (RFC 9293 §3.7.1).
const FIRST_MSS: u64 = 536;

impl Receiver {
    pub(super) fn new(parameters: &Parameters) -> Self {
        let clock = AckClock {
            sent: 0,
            owed: Owed::Nothing,
            deadline: None,
            ato: if parameters.quick_acks > 0 {
                parameters.min_delayed_ack.min(parameters.delayed_ack)
            } else {
                parameters.delayed_ack
            },
            quick: parameters.quick_acks,
            is_interactive: false,
            data_at: None,
        };
        Self {
            irs: 0,
            nxt: 0,
            edge: 0,
            unread: Rope::new(),
            unread_len: 0,
            late: Lazy::new(),
            fin: 0,
            mss: FIRST_MSS,
            ack: clock,
            has_news: false,
            bytes: 0,
        }
    }

    /// Bytes to be read.
    pub(super) const fn unread(&self) -> u64 {
        self.unread_len
    }

    /// Bytes that wait for others before them.
    pub(super) fn out_of_order(&self) -> u64 {
        self.late.waiting.iter().map(|(_, rope)| rope.len()).sum()
    }

    /// True if the peer has finished and everything before has arrived.
    pub(super) fn is_finished(&self) -> bool {
        self.fin > 0 && self.nxt > self.fin
    }

    /// RCV.WND as the peer knows it.
    pub(super) const fn window(&self) -> u64 {
        self.edge.saturating_sub(self.nxt)
    }

    /// The window to offer now, `most` being what the field can say; it does not grow by crumbs (RFC 9293 §3.8.6.2.2).
    pub(super) fn new_window(&self, parameters: &Parameters, most: u64) -> u64 {
        let free = parameters.receive_buffer.saturating_sub(self.unread_len).min(most);
        let known = self.window();
        let step = self.mss.min(parameters.receive_buffer / 2);
        if free >= known + step.max(1) { free } else { known.min(free.max(known)) }
    }

    /// `len` bytes of data from `start`, as much of them as the window takes.
    #[inline]
    pub(super) fn take(&mut self, start: u64, payload: &Rope, len: u64) -> Arrived {
        let (from, to) = (start, start + len);
        self.mss = self.mss.max(len);
        let (clipped, end) = (from.max(self.nxt), to.min(self.edge.max(self.nxt)));
        if clipped >= end {
            self.note_duplicate(from, to.min(self.nxt));
            return Arrived { is_duplicate: true, is_out_of_order: true };
        }
        if from < self.nxt {
            self.note_duplicate(from, self.nxt);
        }
        let data =
            if (clipped, end) == (from, to) { payload.clone() } else { payload.slice(clipped - from, end - clipped) };
        if clipped > self.nxt {
            return self.keep(clipped, data);
        }
        let gap_filled = !self.late.waiting.is_empty();
        self.deliver(data, end - clipped);
        if gap_filled {
            self.deliver_waiting();
        }
        Arrived { is_out_of_order: gap_filled || self.late.dsack.is_some(), is_duplicate: false }
    }

    fn deliver(&mut self, data: Rope, len: u64) {
        self.nxt += len;
        self.bytes += len;
        self.unread_len += len;
        self.has_news = true;
        if self.unread_len == len {
            self.unread = data;
        } else {
            self.unread.append(&data);
        }
    }

    fn deliver_waiting(&mut self) {
        while self.late.waiting.first().is_some_and(|(start, _)| *start <= self.nxt) {
            let (start, rope) = self.late.waiting.remove(0);
            let known = self.nxt - start;
            let len = rope.len();
            if known < len {
                self.deliver(if known == 0 { rope } else { rope.slice(known, len - known) }, len - known);
            } else if known > 0 {
                self.note_duplicate(start, start + rope.len());
            }
        }
        if self.late.waiting.is_empty() {
            (self.late.waiting, self.late.recent) = (Vec::new(), Vec::new());
            self.tidy();
        } else {
            self.late.recent.retain(|offset| *offset >= self.nxt);
        }
    }

    /// Keeps data for when those before have come; what is there already stays as it is.
    fn keep(&mut self, start: u64, data: Rope) -> Arrived {
        let end = start + data.len();
        let mut is_new = false;
        let mut at = start;
        let mut index = self.late.waiting.partition_point(|(from, rope)| from + rope.len() <= start);
        while at < end {
            let (next, after) = match self.late.waiting.get(index) {
                Some((from, rope)) if *from < end => (*from, from + rope.len()),
                _ => (end, end),
            };
            if at < next {
                self.late.waiting.insert(index, (at, data.slice(at - start, next - at)));
                is_new = true;
                index += 1;
            }
            at = at.max(after);
            index += 1;
        }
        if !is_new {
            self.note_duplicate(start, end);
        }
        self.join_waiting();
        self.note_recent(start);
        Arrived { is_out_of_order: true, is_duplicate: !is_new }
    }

    /// Makes one of ranges that touch.
    fn join_waiting(&mut self) {
        let mut index = 1;
        while index < self.late.waiting.len() {
            let (start, last) = &self.late.waiting[index - 1];
            if start + last.len() == self.late.waiting[index].0 {
                let (_, rope) = self.late.waiting.remove(index);
                self.late.waiting[index - 1].1.append(&rope);
            } else {
                index += 1;
            }
        }
    }

    /// Gives back what is not needed any more.
    fn tidy(&mut self) {
        if self.late.waiting.is_empty() && self.late.dsack.is_none() {
            self.late.release();
        }
    }

    /// What came twice, for the next acknowledgement (RFC 2883).
    pub(super) fn note_duplicate(&mut self, from: u64, to: u64) {
        if from < to {
            self.late.dsack = Some((from, to));
        }
    }

    /// An acknowledgement has told of it.
    pub(super) fn forget_duplicate(&mut self) {
        if self.late.dsack.is_some() {
            self.late.dsack = None;
            self.tidy();
        }
    }

    fn note_recent(&mut self, offset: u64) {
        let range = self.range_of(offset);
        self.late.recent.retain(|other| match range {
            Some((start, end)) => !(start..end).contains(other),
            None => true,
        });
        self.late.recent.insert(0, offset);
        self.late.recent.truncate(4);
    }

    fn range_of(&self, offset: u64) -> Option<(u64, u64)> {
        let index = self.late.waiting.partition_point(|(start, _)| *start <= offset);
        let (start, rope) = self.late.waiting.get(index.checked_sub(1)?)?;
        let end = start + rope.len();
        (offset < end).then_some((*start, end))
    }

    /// The blocks for an acknowledgement, the latest first (RFC 2018 §4), after what came twice (RFC 2883 §4).
    pub(super) fn sack_blocks(&self, most: usize, dsack: bool) -> Vec<SackBlock> {
        let late = &*self.late;
        let twice = late.dsack.filter(|_| dsack);
        if late.waiting.is_empty() && twice.is_none() {
            return Vec::new();
        }
        let mut blocks: Vec<(u64, u64)> = twice.into_iter().collect();
        let first = blocks.len();
        let recent = late.recent.iter().filter_map(|offset| self.range_of(*offset));
        // Ranges that have not been told of lately are looked at only where there is room for them.
        let others = late.waiting.iter().map(|(start, rope)| (*start, start + rope.len()));
        for range in recent.chain(others) {
            if blocks.len() >= most {
                break;
            }
            if !blocks[first..].contains(&range) {
                blocks.push(range);
            }
        }
        let wire = |offset: u64| seq::wire(self.irs, offset);
        // A FIN that has come with the data before it has arrived as they have.
        let with_fin = |end: u64| end + u64::from(self.fin > 0 && end == self.fin && end > self.nxt);
        let block = |(start, end)| SackBlock { left: wire(start), right: wire(with_fin(end)) };
        blocks.into_iter().take(most).map(block).collect()
    }

    /// How many blocks an acknowledgement has now.
    pub(super) fn block_count(&self, most: usize, dsack: bool) -> usize {
        let late = &*self.late;
        (late.waiting.len() + usize::from(dsack && late.dsack.is_some())).min(most)
    }

    /// Bytes allocated.
    #[cfg(test)]
    pub(super) fn allocated(&self) -> usize {
        let late =
            self.late.waiting.capacity() * size_of::<(u64, Rope)>() + self.late.recent.capacity() * size_of::<u64>();
        late + self.late.allocated()
    }

    /// Drops what has arrived out of order; says how many bytes those were.
    pub(super) fn drop_waiting(&mut self) -> u64 {
        let bytes = self.out_of_order();
        self.late.release();
        bytes
    }

    /// Takes at most `most` bytes out.
    pub(super) fn read(&mut self, most: u64) -> Rope {
        let len = most.min(self.unread_len);
        let rest = self.unread_len - len;
        let out = if rest == 0 { std::mem::take(&mut self.unread) } else { self.unread.slice(0, len) };
        if rest > 0 {
            self.unread = self.unread.slice(len, rest);
        }
        self.unread_len = rest;
        out
    }
}

impl AckClock {
    /// Data have come: says whether the acknowledgement of them waits, and how long.
    pub(super) fn on_data(
        &mut self,
        now: LocalTime,
        nxt: u64,
        mss: u64,
        arrived: Arrived,
        rto: impl FnOnce() -> Span,
        parameters: &Parameters,
    ) {
        self.adapt(now, rto, parameters);
        let full_segments = nxt - self.sent;
        let is_now = arrived.is_out_of_order
            || parameters.delayed_ack.is_zero()
            || full_segments > u64::from(parameters.ack_every - 1) * mss
            || (self.quick > 0 && !self.is_interactive);
        if arrived.is_out_of_order {
            self.owed = Owed::Duplicate;
        } else if is_now {
            self.owed = self.owed.max(Owed::Now);
        } else if self.owed == Owed::Nothing {
            self.owed = Owed::Delayed;
            self.deadline = Some(now.saturating_add(self.ato).into());
        }
    }

    /// Linux lets the delay follow the gaps between segments, from 40 ms up to the configured 200 ms.
    fn adapt(&mut self, now: LocalTime, rto: impl FnOnce() -> Span, parameters: &Parameters) {
        let last = self.data_at.replace(now.into()).map(Moment::time);
        if parameters.quick_acks == 0 {
            return;
        }
        let Some(last) = last else { return };
        let gap = now.saturating_since(last);
        let half = Span::from_nanos(self.ato.as_nanos() / 2);
        if gap <= Span::from_nanos(parameters.min_delayed_ack.as_nanos() / 2) {
            self.ato = half.saturating_add(Span::from_nanos(parameters.min_delayed_ack.as_nanos() / 2));
        } else if gap < self.ato {
            self.ato = half.saturating_add(gap).min(rto());
        } else if gap > rto() {
            // A new start after an idle time.
            self.quick = parameters.quick_acks;
            self.is_interactive = false;
        }
        self.ato = self.ato.clamp(parameters.min_delayed_ack.min(parameters.delayed_ack), parameters.delayed_ack);
    }

    /// It has waited as long as it may. On Linux the delay was too short then, or no answer came to carry it.
    pub(super) fn on_delay_passed(&mut self, parameters: &Parameters) {
        if parameters.quick_acks == 0 {
            return;
        }
        if self.is_interactive {
            self.is_interactive = false;
            self.ato = parameters.min_delayed_ack.min(parameters.delayed_ack);
        } else {
            self.ato = self.ato.saturating_mul(2).min(parameters.delayed_ack);
        }
    }

    /// Data leave: they are an answer if some have come just now, and acknowledgements wait for the next one.
    pub(super) fn on_answer(&mut self, now: LocalTime) {
        if self.data_at.is_some_and(|at| now.saturating_since(at.time()) < self.ato) {
            self.is_interactive = true;
        }
    }

    /// An acknowledgement has left.
    pub(super) fn on_sent(&mut self, nxt: u64) {
        if nxt > self.sent {
            self.quick = self.quick.saturating_sub(1);
        }
        self.sent = nxt;
        self.owed = Owed::Nothing;
        self.deadline = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn receiver() -> Receiver {
        let mut receiver = Receiver::new(&Parameters::of(super::super::super::Profile::Rfc));
        (receiver.nxt, receiver.edge) = (1, 1 << 20);
        receiver
    }

    fn blocks(receiver: &Receiver) -> Vec<(u32, u32)> {
        receiver.sack_blocks(4, true).iter().map(|block| (block.left, block.right)).collect()
    }

    /// RFC 2018 §5.1, case 2: segments 5000 (lost), 5500, 6000, ... : the block grows. Case 3: 5500, 6500, 7500, 8500 arrive,
    /// each with one before it missing: the latest first. Here offsets begin at 1: all less by 4999.
    #[test]
    fn the_latest_block_is_first() {
        let mut receiver = receiver();
        for start in [501, 1001, 1501] {
            receiver.take(start, &Rope::fill(0, start, 500), 500);
        }
        assert_eq!(blocks(&receiver), [(501, 2001)]);
        let mut receiver = self::receiver();
        for start in [501, 1501, 2501, 3501] {
            receiver.take(start, &Rope::fill(0, start, 500), 500);
        }
        assert_eq!(blocks(&receiver), [(3501, 4001), (2501, 3001), (1501, 2001), (501, 1001)]);
        // The second segment comes after all and joins the two first blocks to one, which is then the latest.
        receiver.take(1001, &Rope::fill(0, 1001, 500), 500);
        assert_eq!(blocks(&receiver), [(501, 2001), (3501, 4001), (2501, 3001)]);
        // And one of them twice (RFC 2883 §4.2.2): it stands first, then the block that it is in.
        receiver.take(1001, &Rope::fill(0, 1001, 500), 500);
        assert_eq!(blocks(&receiver)[..2], [(1001, 1501), (501, 2001)]);
    }

    proptest! {
        /// Pieces in any order, overlapping and repeated: the stream comes out once and in order.
        #[test]
        fn the_stream_comes_out_whole(pieces in prop::collection::vec((0_u64..1000, 1_u64..200), 1..80)) {
            let mut receiver = receiver();
            let mut seen = crate::recovery::Ranges::new();
            let mut read = 0;
            for (start, len) in pieces {
                receiver.take(1 + start, &Rope::fill(3, start, len), len);
                seen.insert(start, start + len);
                let front = seen.range_of(0).map_or(0, |(_, end)| end);
                prop_assert_eq!(receiver.nxt, 1 + front);
                let got = receiver.read(u64::MAX);
                prop_assert_eq!(&got, &Rope::fill(3, read, front - read));
                read = front;
                prop_assert_eq!(receiver.out_of_order(), seen.total() - front);
                prop_assert!(receiver.late.waiting.iter().all(|(_, rope)| rope.runs().len() == 1));
            }
        }
    }
}
