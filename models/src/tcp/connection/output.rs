//! What is sent at the end of an instant: retransmissions, new data as windows allow, acknowledgements.

use super::super::congestion::{Phase, Window};
use super::super::{Parameters, Segment, State, Trace, Why};
use super::moment::Moment;
use super::receive::Owed;
use super::scoreboard::RateMark;
use super::timers::Kind;
use super::{Connection, Cx, seq};
use crate::packet::{Ecn, SackBlock, TcpFlags, TcpHeader, TcpOptions, Timestamps};
use crate::rope::Rope;
use protosim_core::{LocalTime, Span};

/// What the sending half knows beside the sequence space.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    /// Small segments wait while data are in flight (RFC 9293 §3.7.4).
    pub(super) holds_small: bool,
    /// The end of the last segment that was small (Minshall).
    small_end: u64,
    /// The SYN, or its answer, is to be sent again.
    pub(super) resends_syn: bool,
    /// The first lost segment is to be sent, whatever the windows say: the time-out has passed.
    pub(super) must_resend: bool,
    /// When an acknowledgement was last sent for a segment that was not acceptable.
    pub(super) challenged_at: Option<Moment>,
    /// ECE is set in what is sent (RFC 3168 §6.1.3).
    pub(super) echoes_congestion: bool,
    /// DCTCP: an acknowledgement with the state of before is sent first (RFC 8257 §3.2).
    pub(super) echo_first: bool,
    /// CWR is to be set in the next new data (RFC 3168 §6.1.2).
    pub(super) tells_reduced: bool,
    /// At the last flush nothing was left to be sent, and nothing in flight.
    is_settled: bool,
    /// The window was what held data back, in this window of data.
    is_limited: bool,
    /// The most in flight in this window of data, and where that ends.
    most_in_flight: u64,
    usage_end: u64,
    /// When data were last sent.
    sent_at: LocalTime,
    /// Up to when the pacing rate has been used up; behind the clock by as much as may leave at once.
    paced_until: LocalTime,
}

/// A burst at the pacing rate is what leaves in this time, as on Linux, but at least two segments.
const BURST: Span = Span::from_millis(1);

impl Output {
    pub(super) fn new(parameters: &Parameters) -> Self {
        Self {
            holds_small: parameters.nagle,
            small_end: 0,
            resends_syn: false,
            must_resend: false,
            challenged_at: None,
            echoes_congestion: false,
            echo_first: false,
            tells_reduced: false,
            is_settled: false,
            is_limited: false,
            most_in_flight: 0,
            usage_end: 0,
            sent_at: LocalTime::ZERO,
            paced_until: LocalTime::ZERO,
        }
    }

    /// True if the sender has made use of its window: in slow start, of more than half of it (RFC 7661; Linux's
    /// `tcp_is_cwnd_limited`).
    pub(super) const fn is_cwnd_limited(&self, window: &Window) -> bool {
        self.is_limited || (window.is_in_slow_start() && window.cwnd < 2 * self.most_in_flight)
    }
}

impl Connection {
    /// True if there may be something for [`Connection::flush`] to do: not where the peer alone sends, and its data need no
    /// acknowledgement yet.
    #[inline]
    pub(in crate::tcp) fn wants_flush(&self) -> bool {
        let is_quiet = self.state == State::Established
            && self.receiver.ack.owed < Owed::Now
            && !self.output.echo_first
            && self.output.is_settled
            && self.scoreboard.is_empty()
            && !self.has_new_data();
        !is_quiet
    }

    /// All inputs of this instant have been taken: sends what is to be sent.
    pub fn flush(&mut self, cx: &mut Cx<'_>) {
        match self.state {
            State::Closed | State::Listen => return,
            State::SynSent | State::SynReceived => self.send_syn(cx),
            _ => {}
        }
        if self.output.echo_first {
            self.output.echo_first = false;
            self.output.echoes_congestion = !self.output.echoes_congestion;
            self.send_ack(cx);
            self.output.echoes_congestion = !self.output.echoes_congestion;
            self.receiver.ack.owed = Owed::Now;
        }
        if self.may_send_data() {
            self.send_data(cx);
        }
        if self.receiver.ack.owed >= Owed::Now {
            self.send_ack(cx);
        }
        self.watch_silence();
        self.now_busy(cx.now());
        self.output.is_settled = self.scoreboard.is_empty() && !self.has_new_data();
    }

    const fn may_send_data(&self) -> bool {
        match self.state {
            State::Established | State::CloseWait | State::FinWait1 | State::Closing | State::LastAck => true,
            // RFC 7413 §4.2.2: a server whose SYN has been answered with data may answer before the handshake is over.
            State::SynReceived => self.agreed.had_early_data && self.snd_max > 0,
            _ => false,
        }
    }

    /// The SYN or its answer, the first time or again.
    fn send_syn(&mut self, cx: &mut Cx<'_>) {
        let is_first = self.snd_max == 0;
        if !is_first && !std::mem::take(&mut self.output.resends_syn) {
            return;
        }
        self.output.resends_syn = false;
        let now = cx.now();
        let mark = self.rate_mark(now, 1);
        let transmission = if is_first {
            (self.snd_nxt, self.snd_max) = (1, 1);
            self.scoreboard.push(0, 1, now, mark);
            1
        } else {
            self.scoreboard.retransmit(0, 1, now, mark)
        };
        let early = if is_first { self.early_data_len() } else { 0 };
        if early > 0 {
            (self.snd_nxt, self.snd_max) = (1 + early, 1 + early);
            self.scoreboard.push(1, 1 + early, now, mark);
        }
        let header = self.syn_header(now);
        let payload = self.buffer.slice(1, 1 + early);
        if header.flags.has(TcpFlags::ACK) {
            self.receiver.ack.on_sent(self.receiver.nxt);
        }
        self.trace_sent(0, 1 + early, u32::from(transmission), if is_first { Why::New } else { Why::Timeout }, cx);
        self.transmit(Segment { header, payload, ecn: Ecn::NotEct }, cx);
        self.timers.set(Kind::Timeout, now.saturating_add(self.timeout()));
    }

    /// Retransmissions first, then new data (RFC 6675 §5 step C, NextSeg).
    fn send_data(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now();
        self.restart_after_idle(now);
        let mut has_sent = false;
        while self.may_leave_now(now) {
            if !(self.send_lost(cx) || self.send_new(cx) || self.send_rescue(cx)) {
                break;
            }
            has_sent = true;
        }
        self.note_usage(now);
        if self.scoreboard.is_empty()
            && self.has_new_data()
            && self.snd_wnd < self.snd_nxt - self.snd_una + self.window.mss
        {
            self.wait_for_window(now);
        } else if has_sent && !self.scoreboard.is_empty() {
            self.arm_after_sending(now);
        }
    }

    /// RFC 6298 §5.1, RFC 8985 §7.2: new data start a timer, or move the probe.
    fn arm_after_sending(&mut self, now: LocalTime) {
        match self.timers.kind() {
            None | Some(Kind::Persist) => self.rearm_timeout(now),
            _ => {}
        }
        // The time-out runs from the last acknowledgement of new data, or, where a probe has put it off, from the oldest segment.
        let timeout = match self.timers.deadline() {
            Some((Kind::Timeout, at)) => at,
            Some((Kind::Probe, _)) => {
                self.scoreboard.first().map_or(now, |first| first.at).saturating_add(self.timeout())
            }
            _ => return,
        };
        if let Some(at) = self.probe_timeout(now, timeout) {
            self.timers.set(Kind::Probe, at);
        }
    }

    /// True if there are data, or a FIN, that have not been sent.
    pub(super) fn has_new_data(&self) -> bool {
        self.snd_nxt < self.end_of_stream()
    }

    /// The offset after the last byte that has been written.
    pub(super) const fn end_of_data(&self) -> u64 {
        self.buffer.end()
    }

    /// The offset after the last that can be sent now.
    fn end_of_stream(&self) -> u64 {
        self.buffer.end() + u64::from(self.is_finishing)
    }

    /// A lost segment again, if the window has room for it.
    fn send_lost(&mut self, cx: &mut Cx<'_>) -> bool {
        if !self.scoreboard.has_waiting() || self.recovery.sends_new {
            return false;
        }
        let Some((start, end)) = self.scoreboard.next_lost() else { return false };
        // A FIN goes with the data before it.
        let most = start + self.room_for_data();
        let end = if end > self.buffer.end() && self.buffer.end() <= most { end } else { end.min(most) };
        let must = std::mem::take(&mut self.output.must_resend);
        // A FIN is no data: the congestion window does not hold it back, unless it comes alone.
        let len = end.min(self.buffer.end().max(start + 1)) - start;
        if !must && self.in_flight() + len > self.window.cwnd {
            return false;
        }
        let why = if self.phase() == Phase::Loss { Why::Timeout } else { Why::FastRetransmit };
        self.resend(start, end, why, cx);
        true
    }

    /// RFC 6675 §4, rules 3 and 4 of NextSeg.
    fn send_rescue(&mut self, cx: &mut Cx<'_>) -> bool {
        let is_short = self.in_flight() + self.window.mss > self.window.cwnd;
        if is_short || self.scoreboard.has_waiting() || self.next_new_end().is_some() {
            return false;
        }
        let Some((start, end)) = self.next_rescue() else { return false };
        self.resend(start, end, Why::FastRetransmit, cx);
        true
    }

    /// Sends `[start, end)` again.
    pub(super) fn resend(&mut self, start: u64, end: u64, why: Why, cx: &mut Cx<'_>) {
        let now = cx.now();
        let mark = self.rate_mark(now, end - start);
        let is_head = start == self.snd_una;
        let transmission = self.scoreboard.retransmit(start, end, now, mark);
        let stamp = self.agreed.timestamp(now);
        self.note_retransmitted(end - start, stamp);
        if end < self.snd_nxt || start == self.snd_una {
            self.note_high_rxt(end);
        }
        self.counts.bytes_retransmitted += end - start;
        self.counts.retransmissions += 1;
        self.send_range(start, end, u32::from(transmission), why, cx);
        let keeps = self.timers.kind() == Some(Kind::Reordering) || (self.keeps_timeout() && self.timers.is_set());
        if is_head && !keeps {
            self.rearm_timeout(now);
        }
    }

    /// The next new segment, as the windows, Nagle and the receiver's silly windows allow (RFC 9293 §3.8.6.2.1).
    fn send_new(&mut self, cx: &mut Cx<'_>) -> bool {
        let Some(end) = self.next_new_end() else { return false };
        // A FIN is no data: the congestion window does not hold it back.
        let len = end.min(self.buffer.end()) - self.snd_nxt;
        let in_flight = self.in_flight();
        if in_flight > 0 && in_flight + len > self.window.cwnd {
            self.output.is_limited = true;
            return false;
        }
        self.send_first_time(end, Why::New, cx);
        true
    }

    /// A new segment whatever the congestion window says, for a probe; false if there is none, or the peer has no room.
    pub(super) fn send_new_segment(&mut self, why: Why, cx: &mut Cx<'_>) -> bool {
        let Some(end) = self.next_new_end() else { return false };
        self.send_first_time(end, why, cx);
        true
    }

    fn send_first_time(&mut self, end: u64, why: Why, cx: &mut Cx<'_>) {
        let now = cx.now();
        let start = self.snd_nxt;
        let len = end - start;
        if self.scoreboard.is_empty() {
            // The first of a flight (draft-cheng-iccrg-delivery-rate-estimation §3.2).
            (self.scoreboard.first_sent_at, self.scoreboard.delivered_at) = (now, now);
        }
        if len < self.window.mss {
            self.output.small_end = end;
        }
        let mark = self.rate_mark(now, len);
        self.scoreboard.push(start, end, now, mark);
        self.snd_nxt = end;
        let transmission = if end <= self.snd_max { 2 } else { 1 };
        self.snd_max = self.snd_max.max(end);
        self.output.sent_at = now;
        self.receiver.ack.on_answer(now);
        self.send_range(start, end, transmission, why, cx);
    }

    /// Where the next new segment ends; `None` if it has to wait for something else than the congestion window.
    pub(super) fn next_new_end(&self) -> Option<u64> {
        let start = self.snd_nxt;
        let all = self.end_of_stream();
        if start >= all {
            return None;
        }
        let edge = self.snd_una + self.snd_wnd;
        // A FIN may go where the window ends, with the data before it.
        let data_end = self.buffer.end().min(edge).min(start + self.room_for_data());
        let end = if data_end == self.buffer.end() { all } else { data_end };
        if end <= start {
            return None;
        }
        let len = data_end.saturating_sub(start);
        if len >= self.window.mss.min(self.room_for_data()) || (end == all && self.is_finishing) {
            return Some(end);
        }
        // A SYN that is not acknowledged yet is no data (RFC 7413 §4.2.2: a server answers before it is).
        let is_idle = self.snd_una.max(1) == self.snd_nxt;
        let is_all = data_end == self.buffer.end();
        let is_held =
            self.output.holds_small && !is_idle && (!self.parameters.minshall || self.output.small_end > self.snd_una);
        let may = (is_all && !is_held) || len * 2 >= self.max_snd_wnd;
        may.then_some(end)
    }

    /// Payload that fits into a segment beside selective acknowledgements that it carries, whether it goes for the first time or again
    /// (RFC 6691 §4: the sender must reduce the data by the options).
    pub(super) fn room_for_data(&self) -> u64 {
        let blocks = self.receiver.block_count(self.most_blocks(), self.parameters.dsack) as u64;
        if blocks == 0 || !self.agreed.sack {
            return self.window.mss;
        }
        self.window.mss.saturating_sub(4 + 8 * blocks).max(1)
    }

    /// Begins anew after an idle time longer than the time-out (RFC 5681 §4.1; Linux's `tcp_cwnd_restart`).
    fn restart_after_idle(&mut self, now: LocalTime) {
        if !self.scoreboard.is_empty() || !self.has_new_data() || self.output.sent_at == LocalTime::ZERO {
            return;
        }
        let idle = now.saturating_since(self.output.sent_at);
        let rto = self.rtt.rto(&self.parameters.rto_limits(), 0);
        self.congestion.on_idle_restart(now, idle, &mut self.window);
        if self.parameters.restart_after_idle && idle > rto && !self.congestion.sets_window_in_recovery() {
            self.window.cwnd = self.restart_window(idle, rto);
        }
    }

    /// RW of RFC 5681 §4.1, or what of the window half-lives of a time-out have left (RFC 2861 §3.2, Linux).
    fn restart_window(&mut self, idle: Span, rto: Span) -> u64 {
        let restart = self.first_window().min(self.window.cwnd);
        if !self.parameters.idle_decay {
            return restart;
        }
        // RFC 2861 §3.2: what was reached is remembered in the threshold.
        if self.window.ssthresh != u64::MAX {
            self.window.ssthresh = self.window.ssthresh.max(self.window.cwnd / 4 * 3);
        }
        let halvings = (idle.as_nanos() / rto.as_nanos().max(1)).min(63);
        (self.window.cwnd >> halvings).max(restart)
    }

    /// How the window is used decides whether it may grow; what the application leaves unused limits samples of the rate.
    fn note_usage(&mut self, now: LocalTime) {
        let in_flight = self.in_flight();
        if self.snd_una >= self.output.usage_end || in_flight > self.output.most_in_flight {
            if self.snd_una >= self.output.usage_end {
                self.output.is_limited = in_flight + self.window.mss > self.window.cwnd;
            }
            self.output.most_in_flight = in_flight;
            self.output.usage_end = self.snd_nxt;
        }
        self.output.is_limited |= in_flight + self.window.mss > self.window.cwnd;
        let is_out_of_data = self.buffer.end().saturating_sub(self.snd_nxt) < self.window.mss;
        if is_out_of_data && in_flight < self.window.cwnd && !self.scoreboard.has_waiting() {
            self.delivery.app_limited_until = (self.delivery.total + in_flight).max(1);
        }
        let is_window_limited = self.has_new_data() && self.snd_una + self.snd_wnd < self.snd_nxt + self.window.mss;
        match (is_window_limited, self.counts.window_limited_since) {
            (true, None) => self.counts.window_limited_since = Some(now.into()),
            (false, Some(since)) => {
                self.counts.window_limited =
                    self.counts.window_limited.saturating_add(now.saturating_since(since.time()));
                self.counts.window_limited_since = None;
            }
            _ => {}
        }
    }

    /// True if the pacing rate lets a segment leave now; arms the timer if not.
    fn may_leave_now(&mut self, now: LocalTime) -> bool {
        if self.output.paced_until <= now || self.output.must_resend {
            return true;
        }
        if self.has_new_data() || self.scoreboard.has_waiting() {
            self.timers.pacing = Some(self.output.paced_until.into());
        }
        false
    }

    /// The rate at which segments leave \[bytes/s\], if they are paced.
    pub(super) fn pacing_rate(&self) -> Option<u64> {
        let srtt = self.rtt.srtt().unwrap_or(Span::ZERO);
        if let Some(rate) = self.congestion.pacing_rate(&self.window, srtt) {
            return Some(rate.max(1));
        }
        if !self.parameters.pacing || srtt.is_zero() {
            return None;
        }
        // Linux: twice the window in a round trip while it doubles, else 1.2 times.
        let percent = if self.window.cwnd < self.window.ssthresh / 2 { 200 } else { 120 };
        let rate =
            u128::from(self.window.cwnd.max(self.in_flight())) * percent * 10_000_000 / u128::from(srtt.as_nanos());
        Some(u64::try_from(rate).unwrap_or(u64::MAX).max(1))
    }

    /// `bytes` have left: the next burst waits until they would be gone at the pacing rate.
    fn pace(&mut self, bytes: u64, now: LocalTime) {
        let Some(rate) = self.pacing_rate() else { return };
        let burst =
            (u128::from(rate) * u128::from(BURST.as_nanos()) / 1_000_000_000).max(u128::from(2 * self.window.mss));
        let burst = Span::from_nanos(u64::try_from(burst * 1_000_000_000 / u128::from(rate)).unwrap_or(u64::MAX));
        let took =
            Span::from_nanos(u64::try_from(u128::from(bytes) * 1_000_000_000 / u128::from(rate)).unwrap_or(u64::MAX));
        // Behind the clock by a burst at most: so much may leave at once.
        let from = self.output.paced_until.max(LocalTime::from_nanos(now.as_nanos().saturating_sub(burst.as_nanos())));
        self.output.paced_until = from.saturating_add(took);
    }

    fn rate_mark(&self, now: LocalTime, len: u64) -> RateMark {
        let is_first = self.scoreboard.is_empty();
        RateMark {
            delivered: self.delivery.total,
            delivered_at: if is_first { now } else { self.scoreboard.delivered_at },
            first_sent_at: if is_first { now } else { self.scoreboard.first_sent_at },
            in_flight: self.in_flight() + len,
            lost: self.delivery.lost,
            is_app_limited: self.delivery.app_limited_until > 0,
        }
    }

    /// A segment that covers the offsets from `start` to `end`.
    fn send_range(&mut self, start: u64, end: u64, transmission: u32, why: Why, cx: &mut Cx<'_>) {
        let has_fin = end > self.buffer.end();
        let data_end = end.min(self.buffer.end());
        let payload = self.buffer.slice(start, data_end);
        let len = payload.len();
        let is_new = why == Why::New;
        let mut flags = TcpFlags::ACK;
        if len > 0 && data_end == self.buffer.end() {
            flags = flags.with(TcpFlags::PSH);
        }
        if has_fin {
            flags = flags.with(TcpFlags::FIN);
            self.follow_sent_fin(cx);
        }
        // RFC 3168 §6.1.5: retransmissions are not marked as capable, new data are.
        let ecn = if self.agreed.ecn && is_new && len > 0 { Ecn::Ect0 } else { Ecn::NotEct };
        if self.agreed.ecn && is_new && len > 0 && std::mem::take(&mut self.output.tells_reduced) {
            flags = flags.with(TcpFlags::CWR);
        }
        if len > 0 {
            self.counts.data_segments_out += 1;
            self.counts.bytes_sent += len;
        }
        self.note_sent_in_reduction(end - start);
        self.pace(end - start, cx.now());
        self.trace_sent(start, end - start, transmission, why, cx);
        self.send_segment(start, flags, payload, ecn, cx);
    }

    pub(super) fn follow_sent_fin(&mut self, cx: &mut Cx<'_>) {
        match self.state {
            State::Established => self.set_state(State::FinWait1, cx),
            State::CloseWait => self.set_state(State::LastAck, cx),
            _ => {}
        }
    }

    fn trace_sent(&self, offset: u64, len: u64, transmission: u32, why: Why, cx: &mut Cx<'_>) {
        if self.observes {
            cx.observe(Trace::Sent { offset, len, transmission, why });
        }
    }

    /// A bare acknowledgement.
    pub(super) fn send_ack(&mut self, cx: &mut Cx<'_>) {
        self.send_segment(self.snd_nxt, TcpFlags::ACK, Rope::new(), Ecn::NotEct, cx);
    }

    /// A byte of old, to which the peer must answer (RFC 9293 §3.8.4).
    pub(super) fn send_old_byte(&mut self, why: Why, cx: &mut Cx<'_>) {
        self.trace_sent(self.snd_una.saturating_sub(1), 0, 1, why, cx);
        self.send_segment(self.snd_una.wrapping_sub(1), TcpFlags::ACK, Rope::new(), Ecn::NotEct, cx);
    }

    /// Asks whether the window has opened (RFC 9293 §3.8.6.1).
    pub(super) fn send_window_probe(&mut self, cx: &mut Cx<'_>) {
        let start = self.snd_nxt;
        let edge = self.snd_una + self.snd_wnd;
        if edge > start {
            // What fits, though it is little.
            let end = self.end_of_stream().min(edge).min(start + self.room_for_data());
            return self.send_first_time(end, Why::WindowProbe, cx);
        }
        if !self.parameters.probe_with_data {
            return self.send_old_byte(Why::WindowProbe, cx);
        }
        let end = start + 1;
        self.snd_max = self.snd_max.max(end);
        let transmission = self.timers.probes;
        self.send_range(start, end, transmission, Why::WindowProbe, cx);
    }

    /// An acceptable segment that resets the connection (RFC 9293 §3.10.5).
    pub(super) fn send_reset(&mut self, cx: &mut Cx<'_>) {
        self.send_segment(self.snd_nxt, TcpFlags::RST.with(TcpFlags::ACK), Rope::new(), Ecn::NotEct, cx);
    }

    /// The reset that answers a segment which belongs to nothing here (RFC 9293 §3.10.7.1).
    pub(super) fn reset_for(&mut self, segment: &Segment, cx: &mut Cx<'_>) {
        if let Some(reset) = super::super::reset_for(segment) {
            self.transmit(reset, cx);
        }
    }

    fn send_segment(&mut self, offset: u64, flags: TcpFlags, payload: Rope, ecn: Ecn, cx: &mut Cx<'_>) {
        let now = cx.now();
        let is_reset = flags.has(TcpFlags::RST);
        let echo =
            if self.output.echoes_congestion && self.agreed.ecn && !is_reset { TcpFlags::ECE } else { TcpFlags::NONE };
        let window = self.offer_window();
        let blocks = self.blocks_to_send(is_reset);
        let options = (!blocks.is_empty()).then(|| Box::new(TcpOptions { sack: blocks, ..TcpOptions::default() }));
        let timestamps: Option<Timestamps> = self.agreed.timestamps.then(|| self.agreed.stamps(now));
        let header = TcpHeader {
            source_port: self.ends.local_port(),
            destination_port: self.ends.remote_port(),
            sequence: seq::wire(self.iss, offset),
            acknowledgment: seq::wire(self.receiver.irs, self.receiver.nxt),
            flags: flags.with(echo),
            window,
            urgent: 0,
            timestamps,
            options,
        };
        self.counts.zero_windows += u32::from(window == 0 && !flags.has_any(TcpFlags::RST.with(TcpFlags::FIN)));
        self.receiver.ack.on_sent(self.receiver.nxt);
        self.receiver.forget_duplicate();
        self.transmit(Segment { header, payload, ecn }, cx);
    }

    fn blocks_to_send(&self, is_reset: bool) -> Vec<SackBlock> {
        if !self.agreed.sack || is_reset {
            return Vec::new();
        }
        self.receiver.sack_blocks(self.most_blocks(), self.parameters.dsack)
    }

    const fn most_blocks(&self) -> usize {
        if self.agreed.timestamps { 3 } else { 4 }
    }

    /// The window field; the right edge never moves back (RFC 9293 §3.8.6.2.2, RFC 7323 §2.4).
    fn offer_window(&mut self) -> u16 {
        let shift = self.agreed.scaling.map_or(0, |(_, own)| own);
        let window = self.receiver.new_window(&self.parameters, self.agreed.most_window());
        // Rounded up, so that it does not shrink by what the shift cuts off.
        let known = self.receiver.window();
        // But never beyond the buffer: else each acknowledgement would let it grow by what is rounded.
        let unit = 1_u64 << shift;
        let most = self.parameters.receive_buffer.next_multiple_of(unit).saturating_sub(self.receiver.unread());
        let up = window.div_ceil(unit);
        let field = if window > known || up << shift > most { window >> shift } else { up };
        let field = field.min(u64::from(u16::MAX));
        self.receiver.edge = self.receiver.edge.max(self.receiver.nxt + (field << shift));
        field as u16
    }

    fn transmit(&mut self, segment: Segment, cx: &mut Cx<'_>) {
        self.counts.segments_out += 1;
        cx.spend(super::super::SEND, segment.payload.len());
        // Both ends are of one family, and segments fit into packets.
        match segment.into_packet(self.ends.local, self.ends.remote) {
            Some(mut packet) => {
                packet.provenance.is_protected = self.parameters.is_protected;
                cx.transmit(packet);
            }
            None => debug_assert!(false, "a segment of a connection is a packet"),
        }
    }

    /// A router has said what the way takes (RFC 1191 §6.4, RFC 8201): what was too large is sent again in smaller segments.
    pub fn lower_path_mtu(&mut self, mtu: u64, cx: &mut Cx<'_>) {
        if !self.parameters.path_mtu_discovery || !self.agreed.lower_path_mtu(mtu) {
            return;
        }
        let before = self.window.mss;
        self.window.mss = self.agreed.send_mss();
        if self.window.mss >= before || !self.is_synchronized() {
            return;
        }
        let mss = self.window.mss;
        self.scoreboard.mark_lost(self.snd_una, self.snd_nxt, |range| range.len() > mss && range.transmissions == 1);
        self.note_lost(cx);
    }

    /// The least acknowledgment for which the sequence number of an ICMP error is of something in flight (RFC 5927 §4).
    pub fn is_in_flight(&self, sequence: u32) -> bool {
        let ahead = seq::ahead(self.iss, self.snd_una, sequence);
        ahead >= 0 && self.snd_una + ahead.cast_unsigned() < self.snd_max.max(1)
    }
}
