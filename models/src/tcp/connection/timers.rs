//! What a connection waits for: time-outs of transmissions (RFC 6298, RFC 8985, RFC 9293 §3.8.6.1), of acknowledgements, of states.

use super::super::{Parameters, State, Trace, Why};
use super::moment::Moment;
use super::receive::Owed;
use super::{CloseReason, Connection, Cx, Notice};
use protosim_core::{Deadline, LocalTime, Span};

/// The timers of a connection. One slot serves all that awaits an answer to what was sent, as only one of them runs at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timers {
    transmission: Option<(Kind, LocalTime)>,
    /// The state's own end: TIME-WAIT, FIN-WAIT-2, or an idle connection's probe.
    state: Option<Moment>,
    /// When the next segment may leave, if that is later than now.
    pub(super) pacing: Option<Moment>,
    /// Time-outs in a row without an acknowledgement of anything new.
    pub(super) retransmissions: u32,
    /// When the first of them passed.
    stalled_at: LocalTime,
    /// How often the time-out has doubled (RFC 6298 §5.5).
    pub(super) doublings: u32,
    /// Window probes or keepalives in a row.
    pub(super) probes: u32,
    /// Those since the peer last answered.
    unanswered: u32,
    /// When the peer was last heard of.
    heard_at: LocalTime,
    /// The handshake took a retransmission and gave no round trip (RFC 6298 §5.7).
    is_cautious: bool,
}

/// What the transmission timer stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// The retransmission time-out.
    Timeout,
    /// The probe of a tail.
    Probe,
    /// What has been overtaken is held lost then.
    Reordering,
    /// The probe of a closed window.
    Persist,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "retransmission time-out",
            Self::Probe => "tail loss probe",
            Self::Reordering => "reordering",
            Self::Persist => "window probe",
        }
    }
}

/// Beyond so many doublings every time-out is at its most.
const MOST_DOUBLINGS: u32 = 32;

/// Linux's `TCP_RTO_MIN`, from which it counts how long retransmissions may take.
const MODEL_RTO: Span = Span::from_millis(200);

/// How long it takes until `data_retries` retransmissions have timed out, were the first time-out of 200 ms: each is twice the last one, but no
/// longer than the longest (Linux's `tcp_model_timeout`).
fn model_timeout(parameters: &Parameters) -> Span {
    let longest = parameters.max_rto.max(MODEL_RTO);
    // As many as are not longer than that.
    let doubled = (longest.as_nanos() / MODEL_RTO.as_nanos()).ilog2();
    let retries = parameters.data_retries;
    let growing = MODEL_RTO.saturating_mul((2_u64 << doubled.min(retries)) - 1);
    growing.saturating_add(longest.saturating_mul(u64::from(retries.saturating_sub(doubled))))
}

impl Timers {
    pub(super) const fn new(now: LocalTime) -> Self {
        Self {
            transmission: None,
            state: None,
            pacing: None,
            retransmissions: 0,
            stalled_at: now,
            doublings: 0,
            probes: 0,
            unanswered: 0,
            heard_at: now,
            is_cautious: false,
        }
    }

    pub(super) const fn clear(&mut self) {
        self.transmission = None;
        self.state = None;
        self.pacing = None;
    }

    /// The earliest of them and of the delay of acknowledgements.
    pub(super) fn next(&self, delayed_ack: Option<Moment>) -> Option<Deadline> {
        let mut next: Option<Deadline> = self.transmission.map(|(kind, at)| Deadline { at, timer: kind.name() });
        let others = [(delayed_ack, "delayed acknowledgement"), (self.pacing, "pacing"), (self.state, "state")];
        for (at, timer) in others {
            if let Some(at) = at.map(Moment::time)
                && next.is_none_or(|known| at < known.at)
            {
                next = Some(Deadline { at, timer });
            }
        }
        next
    }

    pub(super) const fn set(&mut self, kind: Kind, at: LocalTime) {
        self.transmission = Some((kind, at));
    }

    pub(super) fn cancel(&mut self, kind: Kind) {
        self.transmission.take_if(|(set, _)| *set == kind);
    }

    pub(super) const fn is_set(&self) -> bool {
        self.transmission.is_some()
    }

    pub(super) const fn deadline(&self) -> Option<(Kind, LocalTime)> {
        self.transmission
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        self.transmission.map(|(kind, _)| kind)
    }

    /// True while a closed window is being probed.
    pub(super) fn is_probing(&self) -> bool {
        self.kind() == Some(Kind::Persist)
    }

    /// The peer has been heard of.
    pub(super) const fn on_sign_of_life(&mut self, now: LocalTime) {
        self.heard_at = now;
        self.unanswered = 0;
    }

    pub(super) const fn handshake_done(&mut self, has_no_sample: bool, now: LocalTime) {
        self.is_cautious = has_no_sample && self.retransmissions > 0;
        self.retransmissions = 0;
        self.doublings = 0;
        self.transmission = None;
        self.on_sign_of_life(now);
    }

    /// RFC 5681 §3.1 begins with one segment after one loss of a SYN, Linux after two, since RFC 6298 lets a time-out pass early.
    pub(super) const fn syn_was_lost(&self, parameters: &Parameters) -> bool {
        self.retransmissions >= parameters.syn_losses
    }
}

impl Connection {
    /// The retransmission time-out as it is now.
    pub(super) fn timeout(&self) -> Span {
        let limits = self.parameters.rto_limits();
        let base = self.rtt.rto(&limits, self.timers.doublings);
        if self.timers.is_cautious && self.rtt.srtt().is_none() { base.max(self.parameters.cautious_rto) } else { base }
    }

    /// Starts the retransmission time-out from now, or stops it if nothing is in flight.
    pub(super) fn rearm_timeout(&mut self, now: LocalTime) {
        if self.scoreboard.is_empty() {
            self.timers.transmission = None;
        } else {
            self.timers.set(Kind::Timeout, now.saturating_add(self.timeout()));
        }
    }

    /// An acknowledgement has come (RFC 6298 §5.2, §5.3; RFC 8985 §7.2).
    pub(super) fn rearm_after_ack(&mut self, news: &super::ack::News, now: LocalTime) {
        if self.scoreboard.is_empty() {
            // RFC 9293 §3.8.6.1: the distance of probes grows as long as the window stays closed, answered or not.
            if !self.timers.is_probing() || self.snd_wnd > 0 {
                self.timers.probes = 0;
                self.timers.transmission = None;
            }
            return;
        }
        let kind = self.timers.kind();
        if kind == Some(Kind::Reordering) || (news.newly_acked == 0 && kind.is_some()) || self.keeps_timeout() {
            return;
        }
        // It is restarted by what was acknowledged (RFC 6298 §5.3).
        if let Some(at) = self.probe_timeout(now, now.saturating_add(self.timeout())) {
            return self.timers.set(Kind::Probe, at);
        }
        match kind {
            // From when the oldest was sent: the probe has put the time-out off.
            Some(Kind::Probe) | None => {
                let head = self.scoreboard.first().map_or(now, |first| first.at);
                let at = head.saturating_add(self.timeout()).max(now.saturating_add(Span::NANOSECOND));
                self.timers.set(Kind::Timeout, at);
            }
            _ => self.rearm_timeout(now),
        }
    }

    /// Runs what is due.
    pub(super) fn run_timers(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now();
        if self.receiver.ack.deadline.is_some_and(|at| at <= now) {
            self.receiver.ack.deadline = None;
            self.receiver.ack.owed = self.receiver.ack.owed.max(Owed::Now);
            self.receiver.ack.on_delay_passed(&self.parameters);
        }
        self.timers.pacing.take_if(|at| *at <= now);
        if let Some((kind, _)) = self.timers.transmission.take_if(|(_, at)| *at <= now) {
            if self.observes {
                cx.observe(Trace::Timer(kind.name()));
            }
            match kind {
                Kind::Timeout => self.transmission_timeout(now, cx),
                Kind::Probe => self.send_probe(cx),
                Kind::Reordering => self.reordering_timeout(now, cx),
                Kind::Persist => self.probe_window(now, cx),
            }
        }
        if self.timers.state.take_if(|at| *at <= now).is_some() {
            self.state_timeout(now, cx);
        }
        if self.state != State::Closed {
            self.settle(cx);
        }
        if self.observes && self.state != State::Closed {
            self.report_sample(cx);
        }
    }

    fn transmission_timeout(&mut self, now: LocalTime, cx: &mut Cx<'_>) {
        let parameters = &self.parameters;
        let is_syn = matches!(self.state, State::SynSent | State::SynReceived);
        let count = self.timers.retransmissions;
        // RFC 9293 §3.8.6.1 (MUST-37): the peer has closed its window over data in flight. As long as it answers, the connection stays.
        let is_closed = !is_syn && self.snd_wnd == 0;
        let is_given_up = match self.state {
            _ if is_closed => self.timers.unanswered >= parameters.data_retries,
            State::SynSent => count >= parameters.syn_retries.saturating_add(parameters.syn_linear_retries),
            State::SynReceived => count >= parameters.syn_ack_retries,
            _ if parameters.retries_by_time => {
                count > 0 && now.saturating_since(self.timers.stalled_at) >= model_timeout(parameters)
            }
            _ => count >= parameters.data_retries,
        };
        if is_given_up {
            return self.die(CloseReason::TimedOut, cx);
        }
        if count == 0 || is_closed {
            self.timers.stalled_at = now;
        }
        self.timers.unanswered += u32::from(is_closed);
        if !is_syn {
            self.counts.timeouts += 1;
            self.begin_loss(now, cx);
        }
        // What a closed window holds up does not count: it opens with a full number of retransmissions to go.
        self.timers.retransmissions = if is_closed { 1 } else { self.timers.retransmissions + 1 };
        let is_linear =
            self.state == State::SynSent && self.timers.retransmissions <= self.parameters.syn_linear_retries;
        if !is_linear {
            self.timers.doublings = (self.timers.doublings + 1).min(MOST_DOUBLINGS);
        }
        if is_syn {
            self.output.resends_syn = true;
        } else {
            self.output.must_resend = true;
        }
    }

    /// Waits for the window to open, if it is what holds data back (RFC 9293 §3.8.6.1).
    pub(super) fn wait_for_window(&mut self, now: LocalTime) {
        if !self.timers.is_set() {
            let wait = self.rtt.rto(&self.parameters.rto_limits(), self.timers.probes.min(MOST_DOUBLINGS));
            self.timers.set(Kind::Persist, now.saturating_add(wait));
        }
    }

    fn probe_window(&mut self, now: LocalTime, cx: &mut Cx<'_>) {
        if !self.scoreboard.is_empty() || !self.has_new_data() {
            return self.rearm_timeout(now);
        }
        if self.timers.unanswered >= self.parameters.data_retries {
            return self.die(CloseReason::TimedOut, cx);
        }
        self.timers.probes += 1;
        self.timers.unanswered += 1;
        self.send_window_probe(cx);
        self.wait_for_window(now);
    }

    /// Waits for silence, if the user wants to know of it (RFC 9293 §3.8.4).
    pub(super) fn watch_silence(&mut self) {
        if let Some(keepalive) = self.parameters.keepalive
            && self.timers.state.is_none()
            && (matches!(self.state, State::Established | State::CloseWait)
                || self.state == State::FinWait2 && !self.is_closed)
        {
            self.timers.state = Some(self.timers.heard_at.saturating_add(keepalive.idle).into());
        }
    }

    fn state_timeout(&mut self, now: LocalTime, cx: &mut Cx<'_>) {
        match self.state {
            State::TimeWait => {
                self.set_state(State::Closed, cx);
                self.timers.clear();
                cx.release(std::mem::take(&mut self.reserved));
            }
            State::FinWait2 if self.is_closed => self.die(CloseReason::TimedOut, cx),
            _ => self.silence_timeout(now, cx),
        }
    }

    fn silence_timeout(&mut self, now: LocalTime, cx: &mut Cx<'_>) {
        let Some(keepalive) = self.parameters.keepalive else { return };
        let due = self.timers.heard_at.saturating_add(keepalive.idle);
        if due > now || !self.scoreboard.is_empty() {
            self.timers.unanswered = 0;
            self.timers.state = Some((if due > now { due } else { now.saturating_add(keepalive.idle) }).into());
            return;
        }
        if self.timers.unanswered >= keepalive.probes {
            self.send_reset(cx);
            return self.die(CloseReason::TimedOut, cx);
        }
        self.timers.unanswered += 1;
        self.send_old_byte(Why::Keepalive, cx);
        self.timers.state = Some(now.saturating_add(keepalive.interval).into());
    }

    /// The FIN is acknowledged and the peer's is awaited; not for ever, if nobody is there to close the connection.
    pub(super) fn enter_fin_wait_2(&mut self, cx: &Cx<'_>) {
        if self.is_closed && !self.parameters.fin_wait_2.is_zero() {
            self.timers.state = Some(cx.now().saturating_add(self.parameters.fin_wait_2).into());
        }
    }

    /// Both directions are done; what is still on its way is waited for (RFC 9293 §3.10.7.4).
    pub(super) fn enter_time_wait(&mut self, cx: &mut Cx<'_>) {
        self.set_state(State::TimeWait, cx);
        self.timers.clear();
        self.timers.state = Some(cx.now().saturating_add(self.parameters.time_wait).into());
        self.tell_done(cx);
    }

    pub(super) fn restart_time_wait(&mut self, cx: &Cx<'_>) {
        self.receiver.ack.owed = self.receiver.ack.owed.max(Owed::Now);
        self.timers.state = Some(cx.now().saturating_add(self.parameters.time_wait).into());
    }

    /// Tells the application that it is over, once it has read everything.
    pub(super) fn tell_done(&mut self, cx: &mut Cx<'_>) {
        if self.receiver.unread() == 0 || self.is_closed {
            self.is_told = true;
            cx.notify(Notice::Closed(CloseReason::Done));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times that Linux's documentation names (ip-sysctl, `tcp_retries2`): 15 are 924.6 s, 1023 * 0.2 + 6 * 120. 8 are 511 * 0.2 s,
    /// 9 are 1023 * 0.2 s, as 200 ms doubled nine times are 102.4 s, and ten times more than 120 s.
    #[test]
    fn retransmissions_take_as_long_as_on_linux() {
        let after = |data_retries| {
            let parameters = Parameters { data_retries, ..Parameters::of(super::super::super::Profile::Linux) };
            model_timeout(&parameters).as_nanos() / 1_000_000
        };
        assert_eq!([0, 8, 9, 15].map(after), [200, 102_200, 204_600, 924_600]);
    }
}
