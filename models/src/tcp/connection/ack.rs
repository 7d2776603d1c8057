//! What an acknowledgement brings: what has arrived, the peer's window, round trips, the delivery rate; then what the congestion
//! window makes of it.

use super::super::congestion::{Ack, Phase, RateSample};
use super::super::{Notice, Segment, Trace};
use super::scoreboard::{RateMark, Sent};
use super::{Connection, Cx, seq};
use crate::packet::{SackBlock, TcpFlags, TcpHeader};
use protosim_core::{LocalTime, Span};

/// What one acknowledgement has told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct News {
    /// Bytes that the cumulative acknowledgement has advanced over.
    pub(super) newly_acked: u64,
    /// Bytes that are known to have arrived now.
    pub(super) delivered: u64,
    /// Bytes newly acknowledged selectively.
    pub(super) newly_sacked: u64,
    /// Data that were sent more than once are among what is cumulatively acknowledged.
    pub(super) acks_retransmission: bool,
    /// Data that were sent once, before the last loss was seen, have arrived (RFC 5682 §3).
    pub(super) acks_original: bool,
    /// The round trip of the oldest data acknowledged, if Karn's rule allows it (RFC 6298 §3).
    first_rtt: Option<Span>,
    /// That of the youngest.
    last_rtt: Option<Span>,
    /// Of data acknowledged selectively.
    sack_rtt: Option<Span>,
    /// The youngest transmission that has arrived: when, its end, whether it was sent once.
    pub(super) youngest: Option<(LocalTime, u64, bool)>,
    /// Something that was sent once has arrived after what was sent later (RFC 8985 §6.2 step 3).
    pub(super) reordered: bool,
    rate: Option<(RateMark, LocalTime, u64)>,
    /// The peer has told of data that came twice: from, to (RFC 2883).
    pub(super) dsack: Option<(u64, u64)>,
    /// A duplicate acknowledgement (RFC 5681 §2; RFC 6675 §2 with selective ones).
    pub(super) is_duplicate: bool,
    /// The echo of congestion (RFC 3168).
    pub(super) has_echo: bool,
    /// The timestamp that it echoes.
    pub(super) echo: Option<u32>,
    /// Bytes newly held lost.
    pub(super) lost: u64,
    pub(super) prior_in_flight: u64,
    pub(super) prior_una: u64,
}

impl News {
    /// A part of what was sent has arrived.
    fn note(&mut self, part: &Sent, now: LocalTime, high: u64, is_cumulative: bool, highest: u64) {
        self.delivered += part.len();
        let rtt = now.saturating_since(part.at);
        let is_original = part.transmissions == 1;
        if is_original {
            self.acks_original |= part.end <= high;
            self.reordered |= part.end < highest;
            if is_cumulative {
                self.first_rtt.get_or_insert(rtt);
                self.last_rtt = Some(rtt);
            } else {
                self.sack_rtt.get_or_insert(rtt);
            }
        } else {
            self.acks_retransmission |= is_cumulative;
        }
        if self.youngest.is_none_or(|(at, end, _)| (part.at, part.end) > (at, end)) {
            self.youngest = Some((part.at, part.end, is_original));
        }
        if self.rate.is_none_or(|(_, at, end)| (part.at, part.end) > (at, end)) {
            self.rate = Some((part.mark, part.at, part.end));
        }
    }
}

impl Connection {
    /// Handles an acknowledgement that is acceptable; `ack` may be old.
    pub(super) fn process_ack(&mut self, segment: &Segment, start: i64, ack: u64, cx: &mut Cx<'_>) {
        let header = &segment.header;
        let now = cx.now();
        let tells_nothing = ack == self.snd_una && header.options.is_none() && !self.timers.is_probing();
        if tells_nothing && self.scoreboard.is_empty() && self.scoreboard.probe.is_none() {
            // Data come in, and nothing is under way to the peer.
            self.update_window(header, start, ack, cx);
            return self.timers.on_sign_of_life(now);
        }
        let mut news = News { prior_in_flight: self.in_flight(), prior_una: self.snd_una, ..News::default() };
        let window_before = self.snd_wnd;
        self.update_window(header, start, ack, cx);
        news.has_echo = self.agreed.ecn && header.flags.has(TcpFlags::ECE);
        news.echo = header.timestamps.filter(|_| self.agreed.timestamps).map(|stamps| stamps.echo);
        let highest = self.scoreboard.highest;
        let high = self.recovery.high;
        if ack > self.snd_una {
            self.advance(ack, |part, news| news.note(part, now, high, true, highest), &mut news);
        }
        if let Some(options) = &header.options
            && self.agreed.sack
            && !options.sack.is_empty()
        {
            self.take_sacks(&options.sack, ack, now, &mut news);
        }
        let is_pure = segment.payload.is_empty() && !header.flags.has_any(TcpFlags::SYN.with(TcpFlags::FIN));
        let is_outstanding = self.snd_una < self.snd_nxt;
        news.is_duplicate = if self.agreed.sack {
            news.newly_sacked > 0
        } else {
            is_outstanding && is_pure && ack == news.prior_una && news.newly_acked == 0 && window_before == self.snd_wnd
        };
        // With nothing in flight there is still word of a probe, or of a retransmission, that came twice.
        let is_late_word = news.dsack.is_some() || self.scoreboard.probe.is_some();
        let has_news = news.newly_acked > 0 || news.newly_sacked > 0 || is_outstanding || is_late_word;
        self.timers.on_sign_of_life(now);
        if has_news || self.timers.is_probing() {
            self.learn_from(&mut news, now, cx);
        }
    }

    /// The acknowledgement of our SYN, and perhaps of data that went with it.
    pub(super) fn acknowledge_handshake(&mut self, ack: u64, header: &TcpHeader, cx: &mut Cx<'_>) {
        let now = cx.now();
        let mut news = News { prior_in_flight: 0, prior_una: self.snd_una, ..News::default() };
        news.echo = header.timestamps.filter(|_| self.agreed.timestamps).map(|stamps| stamps.echo);
        self.advance(ack, |part, news| news.note(part, now, 0, true, 0), &mut news);
        self.measure(&mut news, now);
        self.timers.handshake_done(self.rtt.srtt().is_none(), now);
        if !self.scoreboard.is_empty() {
            self.scoreboard.delivered_at = now;
            // Data that have left before the handshake was over are still in flight (RFC 6298 §5.3).
            self.rearm_timeout(now);
        }
        self.tidy();
        if self.observes {
            self.report_sample(cx);
        }
    }

    /// Gives back what is needed while something is in flight alone.
    fn tidy(&mut self) {
        // A probe may still be answered twice (RFC 8985 §7.4.2).
        if self.scoreboard.is_empty() && self.scoreboard.probe.is_none() {
            self.scoreboard.release();
        }
    }

    /// SND.UNA moves to `ack`.
    fn advance(&mut self, ack: u64, mut note: impl FnMut(&Sent, &mut News), news: &mut News) {
        news.newly_acked = ack - self.snd_una;
        self.scoreboard.acknowledge(ack, |part| note(part, news));
        self.snd_una = ack;
        // Beyond SND.NXT lies what a window probe has carried.
        self.snd_nxt = self.snd_nxt.max(ack);
        let kept = self.buffer.len();
        self.buffer.acknowledge(ack);
        let freed = kept - self.buffer.len();
        self.freed += freed;
    }

    /// RFC 9293 §3.10.7.4: the window is that of the latest segment.
    fn update_window(&mut self, header: &TcpHeader, start: i64, ack: u64, cx: &mut Cx<'_>) {
        let start = start.max(0).cast_unsigned();
        if ack < self.snd_una || (start, ack) < (self.snd_wl1, self.snd_wl2) || start < self.snd_wl1 {
            return;
        }
        let window = self.scaled_window(header);
        (self.snd_wl1, self.snd_wl2) = (start, ack);
        if self.observes && (window == 0) != (self.snd_wnd == 0) {
            cx.observe(Trace::ZeroWindow(window == 0));
        }
        self.snd_wnd = window;
        self.max_snd_wnd = self.max_snd_wnd.max(window);
    }

    /// Selective acknowledgements (RFC 2018 §4, RFC 2883 §4).
    fn take_sacks(&mut self, blocks: &[SackBlock], ack: u64, now: LocalTime, news: &mut News) {
        let una = self.snd_una.cast_signed();
        let range = |block: &SackBlock| {
            let at = |number: u32| una + seq::ahead(self.iss, self.snd_una, number);
            (at(block.left), at(block.right))
        };
        let ranges: Vec<(i64, i64)> = blocks.iter().map(range).collect();
        let (highest, high) = (self.scoreboard.highest, self.recovery.high);
        for (index, (left, right)) in ranges.iter().copied().enumerate() {
            // RFC 2883 §4: the first block tells of a duplicate if it is below the acknowledgment or within the second block.
            let is_inside = |other: &(i64, i64)| other.0 <= left && right <= other.1;
            let is_dsack =
                index == 0 && left < right && (right <= ack.cast_signed() || ranges.get(1).is_some_and(is_inside));
            if is_dsack {
                if right.unsigned_abs() <= self.snd_max && left >= 0 {
                    news.dsack = Some((left.cast_unsigned(), right.cast_unsigned()));
                }
                continue;
            }
            // RFC 6675 §4 leaves to the sender what nobody has sent: it is ignored.
            if left >= right || right > self.snd_nxt.cast_signed() || right <= una {
                continue;
            }
            let before = news.delivered;
            let left = left.max(una).cast_unsigned();
            self.scoreboard.sack(left, right.cast_unsigned(), |part| news.note(part, now, high, false, highest));
            news.newly_sacked += news.delivered - before;
        }
    }

    /// The round trip (RFC 6298 §3, RFC 7323 §4).
    fn measure(&mut self, news: &mut News, now: LocalTime) -> Option<Span> {
        let stamped = news.echo.filter(|_| news.newly_acked > 0 && self.rtt_needs_stamps(news)).and_then(|echo| {
            let millis = self.agreed.timestamp(now).wrapping_sub(echo);
            (echo != 0 && millis < i32::MAX.cast_unsigned()).then(|| Span::from_millis(u64::from(millis.max(1))))
        });
        let own = if news.acks_retransmission { None } else { news.first_rtt };
        let sample = own.or(news.sack_rtt).or(stamped)?;
        self.rtt.measured(sample);
        self.timers.doublings = 0;
        let last = if news.acks_retransmission { None } else { news.last_rtt };
        let young = last.or(news.sack_rtt).unwrap_or(sample);
        self.min_rtt.add(young, now, self.parameters.min_rtt_window);
        self.last_rtt = sample;
        Some(young)
    }

    fn rtt_needs_stamps(&self, news: &News) -> bool {
        news.acks_retransmission || news.first_rtt.is_none()
    }

    /// Everything that follows from the news, in the order of Linux's `tcp_ack`.
    fn learn_from(&mut self, news: &mut News, now: LocalTime, cx: &mut Cx<'_>) {
        let rtt = self.measure(news, now);
        self.delivery.total += news.delivered;
        if news.delivered > 0 {
            self.scoreboard.delivered_at = now;
        }
        if news.has_echo {
            self.delivery.marked += news.delivered;
        }
        if news.newly_acked > 0 {
            self.timers.retransmissions = 0;
        }
        self.take_dsack(news);
        self.update_rack(news, now);
        let prior_phase = self.phase();
        self.judge(news, now, cx);
        if self.state == super::State::Closed {
            return;
        }
        self.rearm_after_ack(news, now);
        let rate = self.rate_sample(news, now);
        self.grow(news, rtt, rate, prior_phase, cx);
        self.tidy();
        self.now_busy(now);
        if self.observes {
            let (una, delivered, is_duplicate) = (self.snd_una, news.delivered, news.is_duplicate);
            cx.observe(Trace::Acked { una, delivered, is_duplicate });
            self.report_sample(cx);
        }
    }

    /// A sample of the delivery rate (draft-cheng-iccrg-delivery-rate-estimation §3.3).
    fn rate_sample(&mut self, news: &News, now: LocalTime) -> Option<RateSample> {
        let (mark, sent_at, _) = news.rate?;
        self.scoreboard.first_sent_at = sent_at;
        if self.delivery.app_limited_until > 0 && self.delivery.total > self.delivery.app_limited_until {
            self.delivery.app_limited_until = 0;
        }
        let sending = sent_at.saturating_since(mark.first_sent_at);
        let acking = now.saturating_since(mark.delivered_at);
        let interval = sending.max(acking);
        // §3.3: shorter than a round trip cannot be.
        if interval < self.min_rtt.value || interval.is_zero() {
            return None;
        }
        let delivered = self.delivery.total - mark.delivered;
        self.delivery.rate = interval.rate_of(delivered);
        Some(RateSample {
            delivered,
            interval,
            prior_delivered: mark.delivered,
            is_app_limited: mark.is_app_limited,
            tx_in_flight: mark.in_flight,
            lost: self.delivery.lost - mark.lost.min(self.delivery.lost),
        })
    }

    /// Tells congestion control, and reduces the window step by step where it is not the algorithm that does.
    fn grow(&mut self, news: &News, rtt: Option<Span>, rate: Option<RateSample>, prior_phase: Phase, cx: &mut Cx<'_>) {
        let in_flight = self.in_flight();
        let ack = Ack {
            now: cx.now(),
            newly_acked: news.newly_acked,
            delivered: news.delivered,
            marked: if news.has_echo { news.delivered } else { 0 },
            lost: news.lost,
            prior_in_flight: news.prior_in_flight,
            in_flight,
            rtt,
            srtt: self.rtt.srtt().unwrap_or(Span::ZERO),
            min_rtt: self.min_rtt.value,
            rate,
            is_cwnd_limited: self.output.is_cwnd_limited(&self.window),
            total_delivered: self.delivery.total,
            snd_una: self.snd_una,
            snd_nxt: self.snd_nxt,
            phase: self.phase(),
        };
        self.congestion.on_ack(&ack, &mut self.window, &mut || cx.rng(super::super::CONGESTION_LUCK).next_u64());
        if !self.congestion.sets_window_in_recovery() && matches!(self.phase(), Phase::Recovery | Phase::Cwr) {
            self.reduce(news, in_flight, prior_phase);
        }
        self.window.cwnd = self.window.cwnd.max(1);
    }

    /// Gives the memory of what was acknowledged back, and says when there is room again.
    pub(super) fn settle(&mut self, cx: &mut Cx<'_>) {
        let freed = std::mem::take(&mut self.freed);
        if freed > 0 {
            self.give_back(freed, cx);
        }
        // As on Linux, once a third of the buffer is free (`sk_stream_is_writeable`).
        if self.wants_room && self.buffer.len() * 3 <= self.parameters.send_buffer * 2 {
            self.wants_room = false;
            cx.notify(Notice::Writable);
        }
    }
}
