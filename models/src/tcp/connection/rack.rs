//! RACK-TLP (RFC 8985): losses by time, and probes for the loss of a tail.

use super::super::congestion::{Cause, Phase};
use super::super::{Trace, Why};
use super::ack::News;
use super::timers::Kind;
use super::{Connection, Cx};
use protosim_core::{LocalTime, Span};

/// What is known of the order of arrivals (§5.2), and of the probe under way (§7.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Rack {
    /// RACK.reordering_seen.
    has_reordering: bool,
    /// RACK.reo_wnd_mult and RACK.reo_wnd_persist.
    factor: u32,
    persist: u32,
    /// RACK.dsack_round: SND.NXT when a DSACK last widened the window.
    dsack_round: u64,
}

/// RACK.reo_wnd_persist (§5.2).
const PERSIST: u32 = 16;

impl Rack {
    pub(super) const fn new() -> Self {
        Self { has_reordering: false, factor: 1, persist: PERSIST, dsack_round: 0 }
    }

    /// §6.2 step 4: at most once a round trip, a DSACK widens the window.
    pub(super) const fn on_dsack(&mut self, una: u64, nxt: u64) {
        if una < self.dsack_round {
            return;
        }
        self.dsack_round = nxt;
        self.factor = self.factor.saturating_add(1);
        self.persist = PERSIST;
    }

    /// §6.2 step 4: it is narrow again after 16 recoveries without one.
    pub(super) const fn on_recovered(&mut self) {
        self.persist = self.persist.saturating_sub(1);
        if self.persist == 0 {
            self.factor = 1;
        }
    }
}

impl Connection {
    /// A DSACK that ends at `to` tells that the probe's data had arrived (RFC 8985 §7.4.2).
    pub(super) fn is_probe_repeated(&self, to: u64) -> bool {
        self.scoreboard.probe.is_some_and(|(end, is_repeat)| is_repeat && to == end)
    }

    /// The probe says nothing any more.
    pub(super) fn end_probe(&mut self) {
        if self.scoreboard.probe.is_some() {
            self.scoreboard.probe = None;
        }
    }

    /// Steps 1 to 3 of §6.2: the youngest transmission that has arrived, and whether the path reorders.
    pub(super) fn update_rack(&mut self, news: &News, now: LocalTime) {
        self.rack.has_reordering |= news.reordered;
        self.counts.reorderings += u32::from(news.reordered);
        let Some((at, end, is_original)) = news.youngest else { return };
        let rtt = now.saturating_since(at);
        self.scoreboard.highest = self.scoreboard.highest.max(end);
        if !is_original {
            // §6.2 step 2: the acknowledgement may be of the transmission before.
            // The stamp that a selective one echoes is of what came in order before, and says nothing.
            let is_cumulative = news.newly_acked > 0 && end <= self.snd_una;
            let is_early = |echo| super::seq::is_before(echo, self.agreed.timestamp(at));
            let is_stale = is_cumulative && news.echo.is_some_and(is_early);
            if is_stale || rtt < self.min_rtt.value {
                return;
            }
        }
        if self.scoreboard.youngest.is_none_or(|known| (at, end) > known) {
            self.scoreboard.youngest = Some((at, end));
            self.scoreboard.rtt = rtt;
        }
    }

    /// RACK_update_reo_wnd (§6.2 step 4).
    fn reordering_window(&self) -> Span {
        if !self.rack.has_reordering {
            let thresh = u64::from(self.parameters.dup_thresh);
            if self.recovery.phase >= Phase::Recovery || self.scoreboard.has_sacked_segments(thresh) {
                return Span::ZERO;
            }
        }
        if self.min_rtt.value == Span::MAX {
            return Span::ZERO;
        }
        let quarter = Span::from_nanos(self.min_rtt.value.as_nanos() / 4);
        quarter.saturating_mul(u64::from(self.rack.factor)).min(self.rtt.srtt().unwrap_or(Span::MAX))
    }

    /// RACK_detect_loss (§6.2 step 5): what was sent before something that has arrived, by more than reordering explains. Arms
    /// the timer for what may still be explained.
    pub(super) fn find_lost_by_time(&mut self, now: LocalTime) -> u64 {
        let Some((at, end)) = self.scoreboard.youngest else { return 0 };
        if self.scoreboard.is_plain() && self.scoreboard.retransmitted() == 0 && !self.has_older_than(at, end) {
            self.timers.cancel(Kind::Reordering);
            return 0;
        }
        let patience = self.scoreboard.rtt.saturating_add(self.reordering_window());
        let mut wait = Span::ZERO;
        let mut is_lost = |range: &super::scoreboard::Sent| {
            if (range.at, range.end) >= (at, end) {
                return false;
            }
            let due = range.at.saturating_add(patience);
            if due <= now {
                return true;
            }
            wait = wait.max(due.saturating_since(now));
            false
        };
        let una = self.snd_una;
        let above = self.scoreboard.highest_sacked().unwrap_or(una);
        let holes: Vec<(u64, u64)> = self.scoreboard.sacked_ranges().missing(una, above).collect();
        let mut lost = 0;
        for (from, to) in holes {
            lost += self.scoreboard.mark_lost(from, to, &mut is_lost);
        }
        // Above all that has arrived, everything was sent later, but for what was sent again.
        // What was sent once was sent in order: if the first of them is not older, none is.
        let first_once = self.scoreboard.from(above).find(|range| range.transmissions == 1);
        let tail = first_once.is_some_and(|range| (range.at, range.end) < (at, end));
        if tail {
            lost += self.scoreboard.mark_lost(above, self.snd_nxt, &mut is_lost);
        }
        if wait.is_zero() {
            self.timers.cancel(Kind::Reordering);
        } else {
            self.timers.set(Kind::Reordering, now.saturating_add(wait));
        }
        lost
    }

    fn has_older_than(&self, at: LocalTime, end: u64) -> bool {
        self.scoreboard.first().is_some_and(|first| (first.at, first.end) < (at, end))
    }

    /// RACK_detect_loss at the timer (§6.3).
    pub(super) fn reordering_timeout(&mut self, now: LocalTime, cx: &mut Cx<'_>) {
        let lost = self.find_lost_by_time(now);
        if lost > 0 {
            let is_again = self.note_lost(cx);
            if self.recovery.phase >= Phase::Recovery {
                if is_again {
                    self.reduce_again(cx);
                }
            } else {
                self.begin_recovery(0, cx);
                // RFC 9937 §6.2: the first step of the reduction is the retransmission alone.
                let one = self.in_flight() + self.window.mss;
                let is_stepwise = self.parameters.prr && !self.congestion.sets_window_in_recovery();
                self.window.cwnd = if is_stepwise { one } else { self.window.cwnd.max(one) };
            }
        }
        if !self.timers.is_set() {
            self.rearm_timeout(now);
        }
    }

    /// When a probe is due, if one may be sent (§7.2); `timeout` is when the retransmission time-out passes.
    pub(super) fn probe_timeout(&self, now: LocalTime, timeout: LocalTime) -> Option<LocalTime> {
        let may = self.parameters.tail_loss_probe
            && self.agreed.sack
            && !self.scoreboard.is_empty()
            && self.scoreboard.probe.is_none()
            && self.snd_una > 0
            && self.timers.retransmissions == 0
            && matches!(self.recovery.phase, Phase::Open | Phase::Cwr)
            && self.scoreboard.sacked() == 0;
        if !may {
            return None;
        }
        let mut wait = self.rtt.srtt().map_or(Span::from_secs(1), |srtt| srtt.saturating_mul(2));
        if self.rtt.srtt().is_some() && self.scoreboard.is_one_segment() {
            wait = wait.saturating_add(self.parameters.probe_ack_delay);
        }
        // PTO = min(PTO, TCP_RTO_expiration()).
        Some(now.saturating_add(wait).min(timeout.max(now.saturating_add(Span::NANOSECOND))))
    }

    /// TLP_send_probe (§7.3): new data if there are any, else the last segment again.
    pub(super) fn send_probe(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now();
        let end_before = self.snd_nxt;
        let is_new = self.send_new_segment(Why::TailLossProbe, cx);
        if is_new {
            self.scoreboard.probe = Some((self.snd_nxt, false));
        } else if let Some(last) = self.scoreboard.last().copied() {
            let start = self.last_segment_of(&last);
            self.resend(start, last.end, Why::TailLossProbe, cx);
            self.scoreboard.probe = Some((end_before, true));
        }
        self.rearm_timeout(now);
    }

    /// Where the last segment of a range begins; a FIN goes with the data before it.
    pub(super) fn last_segment_of(&self, range: &super::scoreboard::Sent) -> u64 {
        let data_end = range.end.min(self.end_of_data());
        let size = u64::from(range.size).min(self.window.mss);
        let before = data_end.saturating_sub(range.start + 1) / size;
        let start = range.start + before * size;
        // What does not fit beside selective acknowledgements is left out at its front.
        start.max(data_end.saturating_sub(self.room_for_data()))
    }

    /// TLP_process_ack (§7.4.1): has the probe repaired a loss that nobody else has seen?
    pub(super) fn judge_probe(&mut self, news: &News, cx: &mut Cx<'_>) {
        let Some((end, is_repeat)) = self.scoreboard.probe else { return };
        if self.snd_una < end {
            return;
        }
        if !is_repeat {
            self.scoreboard.probe = None;
        } else if news.dsack.is_some_and(|(_, to)| to == end) {
            // Both have arrived.
            self.scoreboard.probe = None;
        } else if self.snd_una > end {
            // The acknowledgement went on without telling of a copy: the original was lost.
            self.scoreboard.probe = None;
            if self.recovery.phase <= Phase::Disorder {
                let flight = self.flight_size();
                self.begin_reduction(Cause::Loss, Phase::Cwr, flight, news.delivered, cx);
            }
        } else if news.newly_acked == 0 && news.newly_sacked == 0 && news.dsack.is_none() {
            // A duplicate: the other copy has come too.
            self.scoreboard.probe = None;
        }
        if self.observes && self.scoreboard.probe.is_none() {
            cx.observe(Trace::Timer("probe answered"));
        }
    }
}
