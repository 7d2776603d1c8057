//! Losses: when they are seen, how they are repaired, and when they were none.
//!
//! With selective acknowledgements losses are found by RFC 6675, or by time where RACK is on (`rack`); without them by duplicate
//! acknowledgements (RFC 6582). The window is halved at once, or step by step (proportional rate reduction, RFC 9937). A time-out
//! that F-RTO (RFC 5682), timestamps (RFC 4015) or DSACK (RFC 3708) show to have been for nothing is undone.

use super::super::Trace;
use super::super::congestion::{Cause, Lost, Phase};
use super::ack::News;
use super::{Connection, Cx};
use crate::lazy::{Empty, Lazy};
use protosim_core::LocalTime;

/// Where the connection stands with losses.
#[derive(Clone, Debug)]
pub(super) struct Recovery {
    pub(super) phase: Phase,
    /// SND.NXT when the present phase began: RecoveryPoint of RFC 6675, `recover` of RFC 6582.
    pub(super) high: u64,
    /// SND.NXT when the first sign of a loss came: what was sent since then, by limited transmit, does not count as flight.
    flight_end: u64,
    /// Duplicate acknowledgements in a row, where there are no selective ones.
    dup_acks: u32,
    /// The last reduction of the window.
    episode: Lazy<Episode>,
    /// F-RTO watches whether the time-out was for nothing.
    pub(super) f_rto: bool,
    /// F-RTO's step 2b: new data, before anything is sent again.
    pub(super) sends_new: bool,
    /// Partial acknowledgements in this recovery (RFC 6582 §4).
    partials: u32,
}

/// A reduction of the window: how it goes, and what is needed to take it back.
#[derive(Clone, Debug)]
struct Episode {
    /// Window and threshold before, to be restored if it was for nothing.
    prior: Option<(u64, u64)>,
    /// SND.UNA when it began.
    undo_una: u64,
    /// Bytes sent again since then that no DSACK has told of; `None` once it cannot be for nothing any more.
    undo_bytes: Option<u64>,
    /// TSval of the first retransmission since then.
    first_stamp: Option<u32>,
    prr: Prr,
    /// RescueRxt of RFC 6675 §4: up to there, one rescue retransmission has been made.
    rescue: u64,
    /// HighRxt of RFC 6675 §4: the end of the highest retransmission, rescues not counted.
    high_rxt: u64,
    /// When it began, or when a retransmission was last found lost in it.
    reduced_at: LocalTime,
    /// SND.NXT when it ended; once that is acknowledged, it cannot be taken back any more. Zero while it lasts.
    expires: u64,
}

impl Empty for Episode {
    const EMPTY: &'static Self = &Self {
        prior: None,
        undo_una: 0,
        undo_bytes: None,
        first_stamp: None,
        prr: Prr { delivered: 0, out: 0, flight: 0 },
        rescue: 0,
        high_rxt: 0,
        reduced_at: LocalTime::ZERO,
        expires: 0,
    };
}

/// Proportional rate reduction (RFC 9937 §6).
#[derive(Clone, Copy, Debug, Default)]
struct Prr {
    delivered: u64,
    out: u64,
    /// RecoverFS: bytes in flight when it began, without those that had arrived out of order.
    flight: u64,
}

impl Recovery {
    pub(super) const fn new() -> Self {
        Self {
            phase: Phase::Open,
            high: 0,
            flight_end: 0,
            dup_acks: 0,
            episode: Lazy::new(),
            f_rto: false,
            sends_new: false,
            partials: 0,
        }
    }

    /// Bytes allocated.
    #[cfg(test)]
    pub(super) fn allocated(&self) -> usize {
        self.episode.allocated()
    }
}

impl Connection {
    /// Bytes in flight: `pipe` of RFC 6675 §4, FlightSize of RFC 5681 without selective acknowledgements.
    pub(super) fn in_flight(&self) -> u64 {
        // A FIN is no data, and takes no part.
        let outstanding = self.snd_nxt.min(self.buffer.end()).saturating_sub(self.snd_una);
        let mut left = self.scoreboard.lost();
        // Before a recovery, what has arrived out of order makes room for limited transmit alone (RFC 3042).
        if self.recovery.phase > Phase::Disorder || self.parameters.limited_transmit {
            left += self.scoreboard.sacked() + self.presumed_arrived();
        }
        outstanding.saturating_sub(left) + self.scoreboard.retransmitted()
    }

    /// Without selective acknowledgements, each duplicate stands for a segment that has left the network (RFC 5681 §3.2).
    fn presumed_arrived(&self) -> u64 {
        if self.recovery.dup_acks == 0 {
            return 0;
        }
        let outstanding = self.snd_nxt - self.snd_una;
        let most = outstanding.saturating_sub(self.window.mss.max(self.scoreboard.lost()));
        (u64::from(self.recovery.dup_acks) * self.window.mss).min(most)
    }

    /// Bytes that have been sent again.
    pub(super) fn note_retransmitted(&mut self, bytes: u64, stamp: u32) {
        if self.recovery.phase < Phase::Recovery {
            // A probe: there is nothing to take back.
            return;
        }
        if let Some(undo) = &mut self.recovery.episode.undo_bytes {
            *undo += bytes;
        }
        self.recovery.episode.first_stamp.get_or_insert(stamp);
    }

    /// Bytes that have been sent while the window is being reduced.
    pub(super) fn note_sent_in_reduction(&mut self, bytes: u64) {
        if matches!(self.recovery.phase, Phase::Recovery | Phase::Cwr) {
            self.recovery.episode.prr.out += bytes;
        }
    }

    /// DSACK: what of the retransmissions came twice (RFC 3708, RFC 8985 §6.2 step 4).
    pub(super) fn take_dsack(&mut self, news: &News) {
        let Some((from, to)) = news.dsack else { return };
        self.counts.dsacks += 1;
        self.rack.on_dsack(self.snd_una, self.snd_nxt);
        let is_of_probe = self.is_probe_repeated(to);
        if !is_of_probe
            && from >= self.recovery.episode.undo_una
            && let Some(undo) = &mut self.recovery.episode.undo_bytes
        {
            *undo = undo.saturating_sub(to - from);
        }
    }

    /// What the acknowledgement says of losses: phases begin and end here (RFC 6675 §5, RFC 6582 §3.2, RFC 5682 §2.1).
    pub(super) fn judge(&mut self, news: &mut News, now: LocalTime, cx: &mut Cx<'_>) {
        self.count_duplicates(news);
        self.judge_probe(news, cx);
        if news.has_echo && self.recovery.phase <= Phase::Disorder {
            let flight = self.flight_size();
            self.begin_reduction(Cause::Mark, Phase::Cwr, flight, news.delivered, cx);
            self.output.tells_reduced = true;
        }
        self.end_phase(news, now, cx);
        if self.recovery.phase == Phase::Loss {
            self.judge_timeout(news, now, cx);
        }
        let lost = self.find_lost(news, now);
        if lost > 0 {
            news.lost += lost;
            let is_again = self.note_lost(cx);
            if self.recovery.phase < Phase::Recovery && self.may_recover() {
                self.begin_recovery(news.delivered, cx);
            } else if is_again {
                self.reduce_again(cx);
            }
        }
        if self.recovery.phase == Phase::Open {
            let expires = self.recovery.episode.expires;
            if expires > 0 && self.snd_una >= expires {
                // What was sent after the last reduction has arrived: no word of its having been for nothing will come.
                self.recovery.episode.release();
                self.congestion.forget_undo();
            }
            self.recovery.flight_end = self.snd_nxt;
        }
        if self.recovery.phase == Phase::Open && (self.scoreboard.sacked() > 0 || self.recovery.dup_acks > 0) {
            self.set_phase(Phase::Disorder, cx);
        } else if self.recovery.phase == Phase::Disorder && self.scoreboard.sacked() == 0 && self.recovery.dup_acks == 0
        {
            self.set_phase(Phase::Open, cx);
        }
    }

    /// Tells of what has newly been held lost. True if something among it had been sent again since the last reduction.
    pub(super) fn note_lost(&mut self, cx: &mut Cx<'_>) -> bool {
        let (now, since) = (cx.now(), self.recovery.episode.reduced_at);
        let mut is_again = false;
        for range in self.scoreboard.take_fresh() {
            is_again |= range.transmissions > 1 && range.at >= since;
            if self.observes {
                cx.observe(Trace::Lost { offset: range.start, len: range.len() });
            }
            self.tell_lost(&range, now);
        }
        is_again
    }

    /// RFC 5681 §4.3: the loss of a retransmission lowers window and threshold once more. Not with proportional rate reduction, which
    /// sends no more than is delivered (as on Linux).
    pub(super) fn reduce_again(&mut self, cx: &mut Cx<'_>) {
        if self.recovery.phase != Phase::Recovery || self.parameters.prr || self.congestion.sets_window_in_recovery() {
            return;
        }
        let now = cx.now();
        let flight = self.flight_size().min(self.window.cwnd);
        self.congestion.on_congestion(Cause::Loss, now, flight, &mut self.window);
        self.window.cwnd = self.window.ssthresh;
        self.recovery.high = self.snd_nxt;
        self.recovery.episode.reduced_at = now;
        // Two losses are not both taken back.
        self.recovery.episode.prior = None;
    }

    /// Congestion control learns of each lost segment by itself.
    fn tell_lost(&mut self, range: &super::scoreboard::Sent, now: LocalTime) {
        let mut offset = range.start;
        while offset < range.end {
            let bytes = self.window.mss.min(range.end - offset);
            self.delivery.lost += bytes;
            let lost = Lost {
                now,
                offset,
                bytes,
                tx_in_flight: range.mark.in_flight,
                lost: self.delivery.lost - range.mark.lost,
                is_app_limited: range.mark.is_app_limited,
                total_delivered: self.delivery.total,
            };
            self.congestion.on_lost(&lost, &self.window);
            offset += bytes;
        }
    }

    /// RFC 6582 §3.2 step 1: without selective acknowledgements, duplicates that earlier retransmissions have caused start nothing.
    fn may_recover(&self) -> bool {
        self.agreed.sack || self.snd_una > self.recovery.high || self.recovery.high == 0
    }

    fn count_duplicates(&mut self, news: &mut News) {
        if self.agreed.sack {
            return;
        }
        if news.newly_acked > 0 {
            // A partial acknowledgement covers the retransmission and what the duplicates stood for.
            let segments = news.newly_acked.div_ceil(self.window.mss) as u32;
            let is_partial = self.recovery.phase == Phase::Recovery && self.snd_una < self.recovery.high;
            let presumed = self.recovery.dup_acks;
            self.recovery.dup_acks = if is_partial { presumed.saturating_sub(segments - 1) } else { 0 };
            let known = u64::from(presumed - self.recovery.dup_acks) * self.window.mss;
            news.delivered = news.delivered.saturating_sub(known);
        } else if news.is_duplicate {
            self.recovery.dup_acks += 1;
            news.delivered += self.window.mss;
        }
    }

    /// Marks what must be held lost now; says how many bytes are newly so.
    fn find_lost(&mut self, news: &News, now: LocalTime) -> u64 {
        if self.scoreboard.is_empty() {
            return 0;
        }
        if !self.agreed.sack {
            return self.find_lost_by_duplicates(news);
        }
        if self.parameters.rack {
            return self.find_lost_by_time(now);
        }
        self.find_lost_by_sacks()
    }

    /// RFC 6582 §3.2: the first segment at the third duplicate; the next hole at each partial acknowledgement.
    fn find_lost_by_duplicates(&mut self, news: &News) -> u64 {
        let una = self.snd_una;
        let head = una + self.window.mss;
        let is_first = self.recovery.phase <= Phase::Disorder && self.recovery.dup_acks >= self.parameters.dup_thresh;
        let is_partial = self.recovery.phase == Phase::Recovery && news.newly_acked > 0 && una < self.recovery.high;
        if (is_first && self.may_recover()) || is_partial {
            // RFC 6582 §3.2 step 3: a partial acknowledgement sends the next one at once.
            self.output.must_resend |= is_partial && !self.parameters.prr;
            self.scoreboard.mark_lost(una, head, |range| range.transmissions == 1 || is_partial)
        } else {
            0
        }
    }

    /// IsLost of RFC 6675 §4: as many ranges, or more than as many segments less one, have arrived above it.
    fn find_lost_by_sacks(&mut self) -> u64 {
        let thresh = self.parameters.dup_thresh as usize;
        let ranges = self.scoreboard.sacked_ranges();
        let many = if ranges.len() >= thresh {
            ranges.iter().nth(ranges.len() - thresh).map(|(start, _)| start)
        } else {
            None
        };
        let least = (thresh as u64 - 1) * self.window.mss;
        let mut above = 0;
        let much = ranges.iter().rev().find_map(|(start, end)| {
            above += end - start;
            // The bytes of this range count for everything below its start.
            (above > least).then_some(start)
        });
        let Some(below) = many.max(much) else { return 0 };
        self.scoreboard.mark_lost(self.snd_una, below, |range| !range.is_retransmitted && !range.is_lost)
    }

    fn set_phase(&mut self, to: Phase, cx: &mut Cx<'_>) {
        let from = std::mem::replace(&mut self.recovery.phase, to);
        if self.observes && from != to {
            cx.observe(Trace::Phase { from, to });
        }
    }

    /// The window is to be reduced, for the first time in this window of data. `delivered` is what the acknowledgement has brought that
    /// says so.
    pub(super) fn begin_reduction(&mut self, cause: Cause, phase: Phase, flight: u64, delivered: u64, cx: &mut Cx<'_>) {
        let now = cx.now();
        let recover_flight = self.recover_flight(delivered);
        self.recovery.episode.prior = (cause != Cause::Mark).then_some((self.window.cwnd, self.window.ssthresh));
        // Until a retransmission begins to count.
        (self.recovery.episode.undo_bytes, self.recovery.episode.first_stamp) = (None, None);
        self.congestion.on_congestion(cause, now, flight, &mut self.window);
        self.recovery.episode.prr = Prr { delivered: 0, out: 0, flight: recover_flight.max(1) };
        self.recovery.high = self.snd_nxt;
        self.set_phase(phase, cx);
        if !self.parameters.prr && !self.congestion.sets_window_in_recovery() {
            self.window.cwnd = self.window.ssthresh;
        }
    }

    /// FlightSize (RFC 5681 §2): what has been sent and is not cumulatively acknowledged, without what limited transmit has sent
    /// (RFC 3042 §2, RFC 5681 §3.2 step 2).
    pub(super) fn flight_size(&self) -> u64 {
        let end = if self.recovery.phase == Phase::Disorder { self.recovery.flight_end } else { self.snd_nxt };
        end.clamp(self.snd_una, self.snd_nxt) - self.snd_una
    }

    /// RecoverFS (RFC 9937 §6.1): what has been sent and is not known to have arrived, but for what the present acknowledgement has told of,
    /// which counts as delivered in recovery.
    fn recover_flight(&self, delivered: u64) -> u64 {
        let outstanding = self.snd_nxt.min(self.buffer.end()).saturating_sub(self.snd_una);
        (outstanding + delivered).saturating_sub(self.scoreboard.sacked() + self.presumed_arrived())
    }

    /// Losses are to be repaired; `delivered` as in [`Connection::begin_reduction`].
    pub(super) fn begin_recovery(&mut self, delivered: u64, cx: &mut Cx<'_>) {
        let flight = self.flight_size();
        let was_reducing = self.recovery.phase == Phase::Cwr;
        if was_reducing {
            // The window is being reduced already; it is not reduced twice (RFC 3168 §6.1.2).
            self.recovery.episode.prior = None;
            self.recovery.high = self.snd_nxt;
            self.set_phase(Phase::Recovery, cx);
        } else {
            self.begin_reduction(Cause::Loss, Phase::Recovery, flight, delivered, cx);
        }
        // RFC 5681 §3.2 step 3, RFC 6675 §5 step 4.3: the first lost segment leaves at once. Rate reduction sees to that itself.
        self.output.must_resend |= !self.parameters.prr && !self.congestion.sets_window_in_recovery();
        self.recovery.episode.expires = 0;
        self.recovery.episode.undo_una = self.snd_una;
        self.recovery.episode.undo_bytes = Some(0);
        self.recovery.episode.first_stamp = None;
        self.recovery.partials = 0;
        self.recovery.episode.reduced_at = cx.now();
        self.recovery.episode.high_rxt = self.snd_una;
        self.recovery.episode.rescue = 0;
        self.end_probe();
    }

    /// What RFC 6675 §4 lets be sent again though it is not held lost, if nothing else can be sent: rule 3, what is below something
    /// that has arrived, once; rule 4, the last segment, once in a recovery, so that its acknowledgement tells of the others.
    pub(super) fn next_rescue(&mut self) -> Option<(u64, u64)> {
        if self.recovery.phase != Phase::Recovery || self.parameters.rack || !self.agreed.sack {
            return None;
        }
        let (room, high) = (self.room_for_data(), self.recovery.episode.high_rxt.max(self.snd_una));
        let sacked = self.scoreboard.highest_sacked().unwrap_or(0);
        let hole = self.scoreboard.sacked_ranges().missing(high, sacked).next();
        if let Some((start, end)) = hole {
            return Some((start, end.min(start + room)));
        }
        if self.recovery.episode.rescue > self.snd_una {
            return None;
        }
        self.recovery.episode.rescue = self.recovery.high;
        let last = *self.scoreboard.iter().rev().find(|range| !range.is_sacked)?;
        Some((self.last_segment_of(&last), last.end))
    }

    /// A retransmission has been sent, up to `end` (HighRxt of RFC 6675 §4).
    pub(super) fn note_high_rxt(&mut self, end: u64) {
        if self.recovery.phase == Phase::Recovery {
            self.recovery.episode.high_rxt = self.recovery.episode.high_rxt.max(end);
        }
    }

    /// Ends what is done: everything that was sent when the phase began has arrived.
    fn end_phase(&mut self, news: &News, now: LocalTime, cx: &mut Cx<'_>) {
        let is_over = self.snd_una >= self.recovery.high;
        match self.recovery.phase {
            Phase::Recovery if self.was_for_nothing(news) => self.undo(now, cx),
            Phase::Cwr | Phase::Recovery if is_over => {
                if !self.congestion.sets_window_in_recovery() {
                    self.window.cwnd = self.window.ssthresh;
                }
                self.congestion.on_recovered(now, &mut self.window);
                self.recovery.dup_acks = 0;
                self.rack.on_recovered();
                self.recovery.episode.expires = self.snd_nxt;
                self.set_phase(Phase::Open, cx);
            }
            Phase::Recovery if news.newly_acked > 0 => {
                self.recovery.partials = self.recovery.partials.saturating_add(1)
            }
            _ => {}
        }
        // A DSACK that comes after the end may still tell that it was for nothing.
        if self.recovery.phase <= Phase::Disorder && news.dsack.is_some() && self.recovery.episode.undo_bytes == Some(0)
        {
            self.undo_late(now, cx);
        }
    }

    /// True if the last reduction is known to have been for nothing.
    fn was_for_nothing(&self, news: &News) -> bool {
        if !self.parameters.undo || self.recovery.episode.prior.is_none() {
            return false;
        }
        // RFC 4015 §3.2 (Eifel): the acknowledgement echoes a stamp from before the first retransmission.
        let is_early = match (self.recovery.episode.first_stamp, news.echo) {
            (Some(first), Some(echo)) => echo != 0 && super::seq::is_before(echo, first),
            _ => false,
        };
        (news.newly_acked > 0 && is_early)
            || (news.dsack.is_some()
                && self.recovery.episode.undo_bytes == Some(0)
                && self.recovery.episode.first_stamp.is_some())
    }

    /// Takes the reduction back.
    fn undo(&mut self, now: LocalTime, cx: &mut Cx<'_>) {
        if let Some((cwnd, ssthresh)) = self.recovery.episode.prior.take() {
            self.window.cwnd = self.window.cwnd.max(cwnd);
            self.window.ssthresh = ssthresh;
            self.congestion.on_undo(now, &mut self.window);
            if self.observes {
                cx.observe(Trace::Undone);
            }
        }
        self.scoreboard.forget_lost();
        self.recovery.episode.release();
        self.recovery.f_rto = false;
        self.recovery.sends_new = false;
        self.recovery.dup_acks = 0;
        self.set_phase(Phase::Open, cx);
    }

    fn undo_late(&mut self, now: LocalTime, cx: &mut Cx<'_>) {
        if self.parameters.undo && self.recovery.episode.prior.is_some() && self.recovery.episode.first_stamp.is_some()
        {
            self.undo(now, cx);
        }
    }

    /// True if a time-out reduces the window: once for the same data (RFC 5681 §3.1: not where the timer has sent them again before). While
    /// a reduction is under way for another cause, it does so again by the RFC; on Linux it does not (`tcp_enter_loss`).
    fn reduces_at_timeout(&self) -> bool {
        if self.snd_una >= self.recovery.high {
            return true;
        }
        match self.recovery.phase {
            Phase::Open | Phase::Disorder => true,
            Phase::Cwr | Phase::Recovery => self.parameters.timeout_reduces_again,
            Phase::Loss => self.timers.retransmissions == 0,
        }
    }

    /// The retransmission time-out has passed (RFC 6298 §5.4, RFC 5681 §3.1 equation 4, RFC 6675 §5.1).
    pub(super) fn begin_loss(&mut self, now: LocalTime, cx: &mut Cx<'_>) {
        let is_first = self.reduces_at_timeout();
        // RFC 5682 §3.1 step 1: not where a loss was being repaired, and not where a time-out has passed before.
        let was_repairing = self.recovery.phase >= Phase::Recovery && self.snd_una < self.recovery.high;
        if is_first {
            let flight = self.flight_size();
            // What is taken back if it was for nothing is this reduction, and none before it (RFC 9438 §4.9.1, RFC 5682 §3).
            self.recovery.episode.prior = Some((self.window.cwnd, self.window.ssthresh));
            self.congestion.on_congestion(Cause::Timeout, now, flight, &mut self.window);
            self.recovery.episode.undo_una = self.snd_una;
            self.recovery.episode.undo_bytes = Some(0);
            self.recovery.episode.first_stamp = None;
        } else if self.recovery.phase != Phase::Loss {
            if self.recovery.phase == Phase::Cwr {
                // A reduction for a mark, or after a probe, is not taken back: nothing will tell that it was for nothing.
                self.recovery.episode.prior = None;
            }
            self.congestion.on_timeout_in_reduction(&mut self.window);
        }
        if !self.congestion.sets_window_in_recovery() {
            self.window.cwnd = self.window.mss;
        }
        if self.scoreboard.first().is_some_and(|first| first.is_sacked) {
            // RFC 2018 §8: the peer has dropped what it had told of.
            self.scoreboard.forget_sacks();
        }
        self.recovery.dup_acks = 0;
        self.recovery.episode.expires = 0;
        self.recovery.f_rto = self.parameters.f_rto && is_first && !was_repairing;
        self.recovery.sends_new = false;
        self.recovery.high = self.snd_nxt;
        self.end_probe();
        let (una, by_time, rtt) = (self.snd_una, self.parameters.rack && self.agreed.sack, self.scoreboard.rtt);
        // RFC 8985 §6.3: by time, what has been sent within the last round trip is not held lost yet.
        self.scoreboard.mark_lost(una, self.snd_nxt, |range| {
            !by_time || range.start == una || range.at.saturating_add(rtt) <= now
        });
        self.note_lost(cx);
        self.set_phase(Phase::Loss, cx);
    }

    /// F-RTO and the end of a time-out's recovery (RFC 5682 §3.1 with selective acknowledgements).
    fn judge_timeout(&mut self, news: &News, now: LocalTime, cx: &mut Cx<'_>) {
        let is_over = self.snd_una >= self.recovery.high;
        self.recovery.sends_new = false;
        if self.was_for_nothing(news) {
            return self.undo(now, cx);
        }
        if self.recovery.f_rto {
            // Without selective acknowledgements, one that covers a retransmission does not tell of originals.
            let has_original = news.acks_original && (self.agreed.sack || !news.acks_retransmission);
            if has_original && self.parameters.undo {
                // Step 3b: what was never sent again has arrived.
                return self.undo(now, cx);
            }
            if self.snd_nxt > self.recovery.high {
                // Step 3a: new data were sent, and the acknowledgement is none of theirs.
                if news.newly_sacked > 0 || news.is_duplicate {
                    self.recovery.f_rto = false;
                }
            } else if news.newly_acked > 0 && !is_over {
                // Step 2b: new data tell one from the other.
                self.recovery.high = self.snd_nxt;
                // Without new data that may leave, it is the conventional recovery (RFC 5682 §2.1 step 2b).
                self.recovery.sends_new = self.next_new_end().is_some();
                self.recovery.f_rto = self.recovery.sends_new;
            }
        }
        if is_over && !self.recovery.sends_new {
            self.recovery.episode.expires = self.snd_nxt;
            self.recovery.episode.undo_bytes = None;
            self.recovery.f_rto = false;
            self.congestion.on_recovered(now, &mut self.window);
            self.rack.on_recovered();
            self.set_phase(Phase::Open, cx);
        }
    }

    /// The step of proportional rate reduction that an acknowledgement allows (RFC 9937 §6.2), in whole segments as on Linux.
    pub(super) fn reduce(&mut self, news: &News, in_flight: u64, prior_phase: Phase) {
        if !self.parameters.prr {
            return;
        }
        let mss = self.window.mss;
        let ssthresh = self.window.ssthresh;
        let prr = &mut self.recovery.episode.prr;
        prr.delivered += news.delivered;
        let mut send = if in_flight > ssthresh {
            let share = u128::from(prr.delivered) * u128::from(ssthresh);
            let target = u64::try_from(share.div_ceil(u128::from(prr.flight))).unwrap_or(u64::MAX);
            target.div_ceil(mss).saturating_mul(mss).saturating_sub(prr.out)
        } else {
            let mut limit = prr.delivered.saturating_sub(prr.out).max(news.delivered);
            if news.newly_acked > 0 && news.lost == 0 {
                limit += mss;
            }
            limit.min(ssthresh - in_flight)
        };
        if prr.out == 0 && !matches!(prior_phase, Phase::Cwr) {
            // The first retransmission leaves at once.
            send = send.max(mss);
        }
        self.window.cwnd = in_flight + send;
    }

    /// True if partial acknowledgements do not restart the time-out any more, nor do the retransmissions that they cause: all but the
    /// first one (RFC 6582 §4, "impatient").
    pub(super) fn keeps_timeout(&self) -> bool {
        !self.agreed.sack && self.recovery.phase == Phase::Recovery && self.recovery.partials > 1
    }

    /// Segments held to have arrived by duplicates, for reports.
    pub(super) const fn duplicates(&self) -> u32 {
        self.recovery.dup_acks
    }
}
