//! An arriving segment, in the order of RFC 9293 §3.10.7.4, with the protection against blind attacks of RFC 5961.

use super::super::{Drop, Segment, State, Trace};
use super::receive::Owed;
use super::{CloseReason, Connection, Cx, Notice, seq};
use crate::packet::{Ecn, TcpFlags, TcpHeader};
use crate::rope::Rope;
use protosim_core::Span;

/// A timestamp that old says nothing any more (RFC 7323 §5.5): 24 days.
const STAMP_LIFETIME: Span = Span::from_secs(24 * 24 * 3600);

impl Connection {
    /// A segment has arrived.
    pub fn handle_segment(&mut self, segment: &Segment, cx: &mut Cx<'_>) {
        self.counts.segments_in += 1;
        let len = segment.payload.len();
        self.counts.data_segments_in += u64::from(len > 0);
        cx.spend(super::super::RECEIVE, len);
        let owed = self.receiver.ack.owed;
        if owed == Owed::Duplicate || (owed == Owed::Now && len > 0) {
            // RFC 5681 §4.2: each segment out of order is acknowledged by itself, and every second full one. What comes in one instant, as
            // on a link without a rate, does not share an acknowledgement.
            self.send_ack(cx);
        }
        match self.state {
            State::Closed | State::Listen => {}
            State::SynSent => self.handle_in_syn_sent(segment, cx),
            _ => self.handle_synchronized(segment, cx),
        }
        if self.state == State::Closed {
            return;
        }
        if std::mem::take(&mut self.receiver.has_news) {
            cx.notify(Notice::Readable);
        }
        self.settle(cx);
    }

    fn handle_synchronized(&mut self, segment: &Segment, cx: &mut Cx<'_>) {
        let header = &segment.header;
        let start = self.receiver.nxt.cast_signed() + seq::ahead(self.receiver.irs, self.receiver.nxt, header.sequence);
        if self.ends_simultaneous_open(header, start, cx) || !self.passes_paws(segment, start, cx) {
            return;
        }
        if !self.is_acceptable(segment, start, cx) {
            self.note_timestamp_of_copy(segment, start, cx);
            return self.take_old_acknowledgment(segment, start, cx);
        }
        if header.flags.has(TcpFlags::RST) {
            return self.handle_reset(start, cx);
        }
        if header.flags.has(TcpFlags::SYN) {
            // RFC 5961 §4: whoever has lost its state answers the acknowledgement with a RST.
            self.trace_drop(Drop::BlindSyn, cx);
            return self.challenge(cx);
        }
        if !header.flags.has(TcpFlags::ACK) {
            return self.trace_drop(Drop::NoAck, cx);
        }
        self.note_timestamp(header, start, cx);
        if !self.handle_acknowledgment(segment, start, cx) || self.state == State::Closed {
            return;
        }
        self.note_congestion(segment);
        if start >= 0 {
            self.handle_text(start.cast_unsigned(), segment, cx);
        } else {
            // The SYN and what was before it are known.
            let known = start.unsigned_abs();
            let rest = segment.payload.slice(known, segment.payload.len().saturating_sub(known));
            self.handle_text(0, &Segment { payload: rest, ..segment.clone() }, cx);
        }
    }

    /// Both have sent a SYN, and then an answer: RFC 9293 §3.5, figure 8, line 6. By the first check alone it would not be acceptable,
    /// as its sequence number is that of the SYN.
    fn ends_simultaneous_open(&mut self, header: &TcpHeader, start: i64, cx: &mut Cx<'_>) -> bool {
        let is_answer = header.flags.has(TcpFlags::SYN.with(TcpFlags::ACK)) && !header.flags.has(TcpFlags::RST);
        let is_ours = seq::ahead(self.iss, self.snd_max, header.acknowledgment) == 0;
        let ends = self.state == State::SynReceived && is_answer && start == 0 && is_ours && self.snd_max > 0;
        if ends {
            self.finish_passive_open(header, self.snd_max, cx);
            self.receiver.ack.owed = Owed::Now;
        }
        ends
    }

    /// RFC 7323 §5.3, R1 and R2.
    fn passes_paws(&mut self, segment: &Segment, start: i64, cx: &mut Cx<'_>) -> bool {
        let header = &segment.header;
        if !self.agreed.timestamps || header.flags.has(TcpFlags::RST) {
            return true;
        }
        let is_old = match header.timestamps {
            None => return !self.parameters.timestamps_required,
            Some(stamps) => seq::is_before(stamps.value, self.agreed.ts_recent),
        };
        // Linux takes acknowledgements that were overtaken by data (`tcp_disordered_ack`).
        let is_pure = segment.len_in_sequence() == 0 && start == self.receiver.nxt.cast_signed();
        if is_pure && !self.parameters.timestamps_required {
            return true;
        }
        if is_old && cx.now().saturating_since(self.agreed.ts_recent_at) <= STAMP_LIFETIME {
            self.trace_drop(Drop::Paws, cx);
            self.receiver.ack.owed = self.receiver.ack.owed.max(Owed::Now);
            return false;
        }
        true
    }

    /// RFC 7323 §4.3: the stamp of the earliest segment that is not acknowledged yet is the one to echo.
    fn note_timestamp(&mut self, header: &TcpHeader, start: i64, cx: &Cx<'_>) {
        if let Some(stamps) = header.timestamps.filter(|_| self.agreed.timestamps)
            && start <= self.receiver.ack.sent.cast_signed()
            && (!seq::is_before(stamps.value, self.agreed.ts_recent)
                // RFC 7323 §5.5: one that old says nothing any more.
                || cx.now().saturating_since(self.agreed.ts_recent_at) > STAMP_LIFETIME)
        {
            (self.agreed.ts_recent, self.agreed.ts_recent_at) = (stamps.value, cx.now());
        }
    }

    /// Linux takes a copy that ends no earlier than what was acknowledged last for one inside of the window (`tcp_sequence`), and so its stamp; RFC 7323
    /// §5.3 drops it before (R2). Without the stamp, a peer whose acknowledgement was lost takes all the time since the first copy for the round trip.
    fn note_timestamp_of_copy(&mut self, segment: &Segment, start: i64, cx: &Cx<'_>) {
        let header = &segment.header;
        let ends_late = start + segment.payload.len().cast_signed() >= self.receiver.ack.sent.cast_signed();
        let is_current = seq::ahead(self.iss, self.snd_una, header.acknowledgment) >= 0;
        let is_plain = header.flags.has(TcpFlags::ACK) && !header.flags.has_any(TcpFlags::SYN.with(TcpFlags::RST));
        let is_copy = !segment.payload.is_empty() && ends_late && is_current && is_plain;
        if is_copy && !self.parameters.timestamps_required {
            self.note_timestamp(header, start, cx);
        }
    }

    /// The first check: something of the segment is in the window.
    fn is_acceptable(&mut self, segment: &Segment, start: i64, cx: &mut Cx<'_>) -> bool {
        let flags = segment.header.flags;
        let extra = u64::from(flags.has(TcpFlags::SYN)) + u64::from(flags.has(TcpFlags::FIN));
        let len = (segment.payload.len() + extra).cast_signed();
        let (nxt, window) = (self.receiver.nxt.cast_signed(), self.receiver.window().cast_signed());
        let is_inside = |number: i64| number >= nxt && number < nxt + window;
        let acceptable = match (len, window) {
            (0, 0) => start == nxt,
            (0, _) => is_inside(start),
            // With a closed window no text is taken, but acknowledgements and resets at its edge are.
            (_, 0) => start == nxt,
            _ => is_inside(start) || is_inside(start + len - 1),
        };
        if acceptable {
            return true;
        }
        self.trace_drop(Drop::OutsideWindow, cx);
        if flags.has(TcpFlags::RST) {
            return false;
        }
        if self.state == State::SynReceived && flags.has(TcpFlags::SYN) && start == 0 {
            // The peer has not got our answer.
            self.output.resends_syn = true;
            return false;
        }
        if self.state == State::TimeWait && flags.has(TcpFlags::FIN) {
            self.restart_time_wait(cx);
        }
        let end = (start + segment.payload.len().cast_signed()).min(nxt);
        if start < end && start > 0 {
            // RFC 2883 §4.1: it came twice.
            self.receiver.note_duplicate(start.cast_unsigned(), end.cast_unsigned());
        }
        if segment.payload.is_empty() && !flags.has(TcpFlags::FIN) || flags.has(TcpFlags::SYN) {
            self.challenge(cx);
        } else {
            self.receiver.ack.owed = Owed::Duplicate;
        }
        false
    }

    /// Of a segment that brings nothing but what is known, not older than a window, the acknowledgement counts if it is a new one. RFC 9293
    /// §3.10.7.4 would drop it; but a peer that goes back after a time-out may number its acknowledgements from there, and when it has
    /// taken the byte of a window probe meanwhile, each end would drop those of the other as old, for ever.
    fn take_old_acknowledgment(&mut self, segment: &Segment, start: i64, cx: &mut Cx<'_>) {
        let header = &segment.header;
        let age = self.receiver.nxt.cast_signed() - start;
        let ack = self.snd_una.cast_signed() + seq::ahead(self.iss, self.snd_una, header.acknowledgment);
        let is_new = ack > self.snd_una.cast_signed() && ack <= self.snd_max.cast_signed();
        let is_old = age > 0 && age <= self.parameters.receive_buffer.cast_signed();
        let is_plain = header.flags.has(TcpFlags::ACK) && !header.flags.has_any(TcpFlags::SYN.with(TcpFlags::RST));
        if is_new && is_old && is_plain && self.state != State::SynReceived {
            self.handle_acknowledgment(segment, start, cx);
        }
    }

    /// An acknowledgement that tells a peer where we stand, not more often than it may: two ends must not keep each other busy (RFC 5961 §7).
    pub(super) fn challenge(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now();
        if self
            .output
            .challenged_at
            .is_none_or(|last| now.saturating_since(last.time()) >= self.parameters.challenge_gap)
        {
            self.output.challenged_at = Some(now.into());
            self.receiver.ack.owed = self.receiver.ack.owed.max(Owed::Now);
        }
    }

    /// RFC 5961 §3: only a RST at the left edge of the window resets at once.
    fn handle_reset(&mut self, start: i64, cx: &mut Cx<'_>) {
        if start != self.receiver.nxt.cast_signed() {
            self.trace_drop(Drop::BlindReset, cx);
            return self.challenge(cx);
        }
        let reason = match self.state {
            State::SynReceived => CloseReason::Refused,
            State::Closing | State::LastAck | State::TimeWait => CloseReason::Done,
            _ => CloseReason::Reset,
        };
        self.die(reason, cx);
    }

    /// The fifth check. False if the segment goes no further.
    fn handle_acknowledgment(&mut self, segment: &Segment, start: i64, cx: &mut Cx<'_>) -> bool {
        let header = &segment.header;
        let ahead = seq::ahead(self.iss, self.snd_una, header.acknowledgment);
        let ack = self.snd_una.cast_signed() + ahead;
        if self.state == State::SynReceived {
            if ack <= 0 || ack.cast_unsigned() > self.snd_max {
                self.reset_for(segment, cx);
                return false;
            }
            self.finish_passive_open(header, ack.cast_unsigned(), cx);
        } else if ack > self.snd_max.cast_signed() {
            self.trace_drop(Drop::BadAck, cx);
            self.challenge(cx);
            return false;
        } else if ack < self.snd_una.cast_signed() - self.max_snd_wnd.cast_signed() {
            // RFC 5961 §5.
            self.trace_drop(Drop::BadAck, cx);
            self.challenge(cx);
            return false;
        } else {
            self.process_ack(segment, start, ack.max(0).cast_unsigned(), cx);
        }
        self.follow_fin(cx);
        true
    }

    /// State changes that follow from the acknowledgement of our FIN.
    fn follow_fin(&mut self, cx: &mut Cx<'_>) {
        let is_fin_acked = self.fin_offset().is_some_and(|fin| self.snd_una > fin);
        if !is_fin_acked {
            return;
        }
        match self.state {
            State::FinWait1 => {
                self.set_state(State::FinWait2, cx);
                self.enter_fin_wait_2(cx);
            }
            State::Closing => self.enter_time_wait(cx),
            State::LastAck => self.die(CloseReason::Done, cx),
            _ => {}
        }
    }

    /// What the receiving end of explicit congestion notification does (RFC 3168 §6.1.3); for DCTCP, RFC 8257 §3.2.
    fn note_congestion(&mut self, segment: &Segment) {
        if !self.agreed.ecn {
            return;
        }
        self.agreed.has_seen_ecn |= segment.ecn != Ecn::NotEct;
        let is_marked = segment.ecn == Ecn::Ce;
        if self.congestion.echoes_each_mark() {
            if !segment.payload.is_empty() && is_marked != self.output.echoes_congestion {
                // The state of the marks changes: what came before is told of first.
                if self.receiver.ack.owed != Owed::Nothing {
                    self.output.echo_first = true;
                }
                self.receiver.ack.owed = self.receiver.ack.owed.max(Owed::Now);
            }
            self.output.echoes_congestion = is_marked || (segment.payload.is_empty() && self.output.echoes_congestion);
            return;
        }
        if segment.header.flags.has(TcpFlags::CWR) {
            self.output.echoes_congestion = false;
        }
        if is_marked {
            self.output.echoes_congestion = true;
            self.receiver.ack.owed = self.receiver.ack.owed.max(Owed::Now);
        }
    }

    /// The seventh and eighth check: data and FIN.
    pub(super) fn handle_text(&mut self, start: u64, segment: &Segment, cx: &mut Cx<'_>) {
        let len = segment.payload.len();
        let has_fin = segment.header.flags.has(TcpFlags::FIN);
        if len == 0 && !has_fin {
            if start != self.receiver.nxt {
                // A probe of the peer.
                self.receiver.ack.owed = self.receiver.ack.owed.max(Owed::Now);
            }
            return;
        }
        match self.state {
            State::Established | State::FinWait1 | State::FinWait2 => {}
            State::TimeWait if has_fin => return self.restart_time_wait(cx),
            // RFC 9293 §3.10.7.4: after the peer's FIN there is nothing to come.
            _ => return,
        }
        if len > 0 {
            if self.is_closed && start + len > self.receiver.nxt {
                // RFC 9293 §3.6.1: nobody will read it, and the peer must know.
                self.reset_for(segment, cx);
                return self.die(CloseReason::Aborted, cx);
            }
            self.take_payload(start, &segment.payload, cx);
        }
        // A FIN beyond the window is none yet.
        if has_fin && (start + len < self.receiver.edge || start + len == self.receiver.nxt) {
            self.receiver.fin = start + len;
        }
        if self.receiver.fin > 0 && self.receiver.fin == self.receiver.nxt {
            self.take_fin(cx);
        }
    }

    /// Data of the peer, from offset `start`.
    pub(super) fn take_payload(&mut self, start: u64, payload: &Rope, cx: &mut Cx<'_>) {
        let room = payload.len();
        if start + room > self.receiver.edge.max(self.receiver.nxt) && self.receiver.window() == 0 {
            self.trace_drop(Drop::OutsideWindow, cx);
            self.receiver.ack.owed = Owed::Duplicate;
            return;
        }
        if cx.reserve(room).is_err() && !self.makes_room(start, room, cx) {
            self.trace_drop(Drop::OutOfMemory, cx);
            return;
        }
        self.reserved += room;
        let held = self.receiver.unread() + self.receiver.out_of_order();
        let arrived = self.receiver.take(start, payload, room);
        let kept = self.receiver.unread() + self.receiver.out_of_order() - held;
        self.give_back(room - kept.min(room), cx);
        self.counts.out_of_order += u32::from(arrived.is_out_of_order && !arrived.is_duplicate);
        let rto = || self.rtt.rto(&self.parameters.rto_limits(), 0);
        let (nxt, mss) = (self.receiver.nxt, self.receiver.mss);
        self.receiver.ack.on_data(cx.now(), nxt, mss, arrived, rto, &self.parameters);
    }

    /// Without memory for what comes next, what waits for it is dropped, as on Linux (`tcp_prune_ofo_queue`): the peer sends it again after a
    /// time-out (RFC 2018 §8). False if there is still none.
    fn makes_room(&mut self, start: u64, room: u64, cx: &mut Cx<'_>) -> bool {
        if start > self.receiver.nxt {
            return false;
        }
        let freed = self.receiver.drop_waiting();
        self.give_back(freed, cx);
        cx.reserve(room).is_ok()
    }

    /// The peer's FIN is next: it has finished.
    fn take_fin(&mut self, cx: &mut Cx<'_>) {
        self.receiver.nxt += 1;
        self.receiver.edge = self.receiver.edge.max(self.receiver.nxt);
        self.receiver.ack.owed = self.receiver.ack.owed.max(Owed::Now);
        if std::mem::take(&mut self.receiver.has_news) {
            cx.notify(Notice::Readable);
        }
        cx.notify(Notice::Finished);
        match self.state {
            State::Established => self.set_state(State::CloseWait, cx),
            State::FinWait1 => self.set_state(State::Closing, cx),
            State::FinWait2 => self.enter_time_wait(cx),
            _ => {}
        }
    }

    fn trace_drop(&self, why: Drop, cx: &mut Cx<'_>) {
        if self.observes {
            cx.observe(Trace::Dropped(why));
        }
    }
}
