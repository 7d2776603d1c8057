//! What is on the air: a frame and its acknowledgement, step by step.

use super::timing::ACK;
use super::{At, Job, Takers, Urgent, Wifi};
use crate::element::Element;
use crate::node::DropCause;
use protosim_core::{Cx, SimTime, Span};
use std::collections::VecDeque;

/// A frame, or several that collide, with what follows until the air is free.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    /// Stations that contended for it, with what they send.
    senders: Vec<(usize, Job)>,
    steps: VecDeque<Step>,
}

/// A part of it.
#[derive(Clone, Debug)]
struct Step {
    /// Who talks; nobody in a gap.
    talkers: Vec<usize>,
    until: SimTime,
    then: Then,
}

/// What happens at the end of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Then {
    Nothing,
    /// Data of the only sender has come through, to that station.
    Heard(usize),
    /// A frame for a group is over.
    HeardByGroup,
    /// What was held for a station has come to it.
    Fetched(usize),
    /// A beacon is over.
    Beacon(u64),
    /// A frame for a group that was held is over.
    HeldGroup,
    /// All is over. The sender has its acknowledgement, or not.
    Over {
        is_acknowledged: bool,
    },
}

impl Exchange {
    /// A station has lost its power: it does not go on, what it says now or would have said is heard by nobody, nor does it hear what is for it; and what would
    /// have followed from that does not. All the same the air is free when it would have been.
    pub(super) fn forget(&mut self, station: usize) {
        self.senders.retain(|(from, _)| *from != station);
        let mut is_broken = false;
        for step in &mut self.steps {
            if is_broken {
                step.talkers.clear();
            }
            let before = step.talkers.len();
            step.talkers.retain(|talker| *talker != station);
            is_broken |= before > 0 && step.talkers.is_empty();
            let is_for_it = matches!(step.then, Then::Heard(to) | Then::Fetched(to) if to == station);
            if is_broken || is_for_it {
                step.then = match step.then {
                    Then::Over { .. } => Then::Over { is_acknowledged: false },
                    _ => Then::Nothing,
                };
            }
            is_broken |= is_for_it;
        }
    }

    /// True if a station contended for it.
    pub(super) fn is_of(&self, station: usize) -> bool {
        self.senders.iter().any(|(from, _)| *from == station)
    }

    /// Who talks now.
    pub(super) fn talkers(&self) -> &[usize] {
        self.steps.front().map_or(&[], |step| &step.talkers)
    }
}

/// Steps one after the other.
struct Plan {
    at: SimTime,
    steps: VecDeque<Step>,
}

impl Plan {
    fn new(at: SimTime) -> Self {
        Self { at, steps: VecDeque::new() }
    }

    fn then(&mut self, talkers: impl IntoIterator<Item = usize>, span: Span, then: Then) {
        self.at = self.at.saturating_add(span);
        self.steps.push_back(Step { talkers: talkers.into_iter().collect(), until: self.at, then });
    }
}

impl Wifi {
    /// Stations whose slot this is talk.
    pub(super) fn begin_contended(&mut self, cx: &mut Cx<'_, Element>) {
        let talk = self.dcf.begin(cx.now());
        let mut senders = Vec::new();
        for station in talk {
            senders.extend(self.job(station, cx).map(|job| (station, job)));
        }
        self.shared.counts.frames += senders.len() as u64;
        let mut plan = Plan::new(cx.now());
        match senders[..] {
            [] => {
                self.dcf.idle(cx.now());
                return self.go_on(cx);
            }
            [(from, job)] => self.plan_alone(from, job, &mut plan),
            _ => self.plan_collision(&senders, &mut plan),
        }
        self.begin(Exchange { senders, steps: plan.steps }, cx);
    }

    fn plan_alone(&mut self, from: usize, job: Job, plan: &mut Plan) {
        let (sifs, ack) = (self.phy.sifs(), self.phy.ack());
        match job {
            Job::Data(len, to) => {
                let comes = self.stations[to].is_on && !self.shared.is_lost(to);
                let is_acknowledged = comes && !self.shared.is_lost(from);
                plan.then([from], self.airtime(len), if comes { Then::Heard(to) } else { Then::Nothing });
                plan.then(None, sifs, Then::Nothing);
                plan.then(comes.then_some(to), ack, Then::Over { is_acknowledged });
            }
            Job::Group(len) => {
                plan.then([from], self.phy.slowest(self.framing.wire_len(len)), Then::HeardByGroup);
                plan.then(None, Span::ZERO, Then::Over { is_acknowledged: true });
            }
            Job::Poll => self.plan_poll(from, plan),
        }
    }

    /// A PS-Poll; the frame that is held comes a SIFS later.
    fn plan_poll(&mut self, from: usize, plan: &mut Plan) {
        let (sifs, ack, access_point) = (self.phy.sifs(), self.phy.ack(), self.access_point);
        let first = self.stations[from].doze.as_ref().and_then(|doze| doze.held.front());
        let (len, was_received) = first.map_or((None, false), |held| (Some(held.len), held.packet.is_none()));
        let comes = self.stations[access_point].is_on && !self.shared.is_lost(access_point);
        plan.then([from], self.phy.ps_poll(), Then::Nothing);
        plan.then(None, sifs, Then::Nothing);
        let Some(len) = len.filter(|_| comes) else {
            // Nobody answers, and the station notices that nothing comes for as long as an acknowledgement would take. Where nothing is held any
            // more, the access point acknowledges the poll.
            let is_acknowledged = comes && !self.shared.is_lost(from);
            return plan.then(comes.then_some(access_point), ack, Then::Over { is_acknowledged });
        };
        if let Some(first) = self.stations[from].doze.as_mut().and_then(|doze| doze.held.front_mut()) {
            first.tries += 1;
        }
        let arrives = !self.shared.is_lost(from);
        let is_acknowledged = arrives && !self.shared.is_lost(access_point);
        let then = if arrives && !was_received { Then::Fetched(from) } else { Then::Nothing };
        plan.then([access_point], self.airtime(len), then);
        plan.then(None, sifs, Then::Nothing);
        plan.then(arrives.then_some(from), ack, Then::Over { is_acknowledged });
    }

    /// Each talks as long as its frame is; then all wait as for an acknowledgement.
    fn plan_collision(&mut self, senders: &[(usize, Job)], plan: &mut Plan) {
        self.shared.counts.collisions += senders.len() as u64;
        let span = |job: &Job| match *job {
            Job::Poll => self.phy.ps_poll(),
            Job::Data(len, _) => self.airtime(len),
            Job::Group(len) => self.phy.slowest(self.framing.wire_len(len)),
        };
        let mut ends: Vec<(Span, usize)> = senders.iter().map(|(from, job)| (span(job), *from)).collect();
        ends.sort_unstable();
        let (mut done, mut rest) = (Span::ZERO, &ends[..]);
        while let Some((end, _)) = rest.first().copied() {
            plan.then(rest.iter().map(|(_, from)| *from), end.saturating_sub(done), Then::Nothing);
            done = end;
            rest = &rest[rest.partition_point(|(other, _)| *other <= end)..];
        }
        // EIFS, but for its DIFS (§10.3.7): as for an acknowledgement at the slowest rate, as nobody could read at which one it would be.
        plan.then(None, self.phy.sifs() + self.phy.slowest(ACK), Then::Over { is_acknowledged: false });
    }

    /// A beacon, or a frame for a group that waited for one.
    pub(super) fn begin_urgent(&mut self, cx: &mut Cx<'_, Element>) {
        let Some(urgent) = self.hold.urgent.pop_front() else { return };
        let now = cx.now();
        self.dcf.stop(now);
        let mut plan = Plan::new(now);
        let (span, then) = match urgent {
            Urgent::Beacon(number) => {
                self.age(cx);
                (self.phy.beacon(), Then::Beacon(number))
            }
            Urgent::Group => {
                let Some(len) = self.hold.groups.front().map(|packet| packet.wire_len()) else {
                    return self.free(now, cx);
                };
                (self.phy.slowest(self.framing.wire_len(len)), Then::HeldGroup)
            }
        };
        self.shared.counts.frames += 1;
        plan.then([self.access_point], span, then);
        plan.then(None, Span::ZERO, Then::Over { is_acknowledged: true });
        self.begin(Exchange { senders: Vec::new(), steps: plan.steps }, cx);
    }

    fn begin(&mut self, exchange: Exchange, cx: &mut Cx<'_, Element>) {
        if let Some(first) = exchange.steps.front() {
            cx.arm(self.air_timer(), first.until);
        }
        self.air.begin(cx.now());
        self.exchange = Some(exchange);
    }

    /// Steps that are over by now end.
    pub(super) fn step(&mut self, cx: &mut Cx<'_, Element>) {
        let (now, timer) = (cx.now(), self.air_timer());
        while let Some(exchange) = &mut self.exchange {
            match exchange.steps.front() {
                Some(next) if next.until > now => return cx.arm(timer, next.until),
                Some(_) => {}
                None => return,
            }
            let Some(step) = exchange.steps.pop_front() else { return };
            match step.then {
                Then::Nothing => {}
                Then::Heard(to) => self.heard(to, cx),
                Then::HeardByGroup => self.heard_by_group(cx),
                Then::Fetched(to) => self.fetched(to, cx),
                Then::Beacon(number) => self.beacon_over(number, cx),
                Then::HeldGroup => self.held_group_over(cx),
                Then::Over { is_acknowledged } => self.over(is_acknowledged, cx),
            }
            self.account(step.until);
        }
    }

    /// The air is busy while somebody talks.
    pub(super) fn account(&mut self, now: SimTime) {
        let is_busy = self.exchange.as_ref().is_some_and(|exchange| !exchange.talkers().is_empty());
        match (self.air.is_busy(), is_busy) {
            (true, false) => self.air.end(now),
            (false, true) => self.air.begin(now),
            _ => {}
        }
    }

    /// Data has come through: its packet is there, whatever becomes of the acknowledgement.
    fn heard(&mut self, to: usize, cx: &mut Cx<'_, Element>) {
        let Some((from, _)) = self.exchange.as_ref().and_then(|exchange| exchange.senders.first().copied()) else {
            return;
        };
        // A sender that has lost its power meanwhile has dropped it.
        if self.stations[from].ghost.is_some() || !self.stations[to].is_on {
            return;
        }
        if let Some(sent) = self.adapters.current(from).take() {
            self.stations[from].ghost = Some((sent.len, to));
            self.shared.deliver(sent.packet, to, Span::ZERO, cx);
        }
    }

    fn heard_by_group(&mut self, cx: &mut Cx<'_, Element>) {
        // An access point that has lost its power meanwhile has dropped it; what it sends next is another one.
        if !self.exchange.as_ref().is_some_and(|exchange| exchange.is_of(self.access_point)) {
            return;
        }
        let Some(sent) = self.adapters.current(self.access_point).take() else { return };
        self.give_to_group(sent.packet, cx);
    }

    /// A frame for a group comes to those of it that are awake, each by its own luck.
    pub(super) fn give_to_group(&mut self, packet: Box<crate::packet::Packet>, cx: &mut Cx<'_, Element>) {
        let takers = match self.shared.takers(self.access_point, &packet) {
            Takers::Several(takers) => takers,
            Takers::One(_) | Takers::Nobody => return,
        };
        let Some((last, others)) = takers.split_last() else { return };
        self.shared.counts.copied += others.len() as u64;
        for to in others {
            self.give(packet.clone(), *to, cx);
        }
        self.give(packet, *last, cx);
    }

    fn give(&mut self, packet: Box<crate::packet::Packet>, to: usize, cx: &mut Cx<'_, Element>) {
        if !self.stations[to].is_on {
            self.shared.drop(&packet, DropCause::NodeDown, At::Receiver(to), cx);
        } else if !self.is_awake(to) {
            self.shared.drop(&packet, DropCause::MissedWindow, At::Receiver(to), cx);
        } else {
            self.shared.hand_over(packet, to, Span::ZERO, cx);
        }
    }

    /// The exchange is over: who sent goes on, or tries again.
    fn over(&mut self, is_acknowledged: bool, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        let Some(exchange) = self.exchange.take() else { return };
        if self.air.is_busy() {
            self.air.end(now);
        }
        for (from, job) in exchange.senders {
            if self.stations[from].is_on {
                self.conclude(from, job, is_acknowledged, cx);
            }
        }
        self.free(now, cx);
    }

    fn conclude(&mut self, from: usize, job: Job, is_acknowledged: bool, cx: &mut Cx<'_, Element>) {
        let station = &mut self.stations[from];
        if is_acknowledged {
            station.failures = 0;
            station.ghost = if job == Job::Poll { station.ghost } else { None };
        } else {
            station.failures += 1;
        }
        let gives_up = station.failures >= self.attempts;
        if job == Job::Poll {
            self.polled(from, is_acknowledged, gives_up, cx);
        } else if gives_up {
            // What has come through without an acknowledgement was delivered.
            if self.stations[from].ghost.take().is_none()
                && let Some(given_up) = self.adapters.current(from).take()
            {
                self.shared.drop(&given_up.packet, DropCause::RetryLimit, At::Sender(from), cx);
            }
        }
        if gives_up {
            self.stations[from].failures = 0;
        } else if !is_acknowledged {
            self.shared.counts.retries += 1;
        }
        let slots = self.backoff.slots(from, self.exponent(from));
        self.dcf.back_off(from, slots);
        if self.job(from, cx).is_some() {
            self.dcf.contend(from);
        }
    }

    /// The air is free from `now` on.
    fn free(&mut self, now: SimTime, cx: &mut Cx<'_, Element>) {
        self.dcf.idle(now.saturating_add(self.phy.difs()));
        self.urgent_from = now.saturating_add(self.phy.pifs());
        self.go_on(cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Data of station 1 for station 2, a gap, and the acknowledgement.
    fn data() -> Exchange {
        let mut plan = Plan::new(SimTime::ZERO);
        plan.then([1], Span::from_micros(100), Then::Heard(2));
        plan.then(None, Span::from_micros(16), Then::Nothing);
        plan.then([2], Span::from_micros(44), Then::Over { is_acknowledged: true });
        Exchange { senders: vec![(1, Job::Data(64, 2))], steps: plan.steps }
    }

    fn seen(exchange: &Exchange) -> Vec<(&[usize], Then)> {
        exchange.steps.iter().map(|step| (&step.talkers[..], step.then)).collect()
    }

    const LOST: Then = Then::Over { is_acknowledged: false };

    /// Nobody hears data that is cut, or data that it would have been for; so nobody acknowledges it. An acknowledgement that is cut is none, while the data has come through.
    #[test]
    fn what_is_cut_is_heard_by_nobody() {
        let mut sender_off = data();
        sender_off.forget(1);
        assert!(!sender_off.is_of(1));
        assert_eq!(seen(&sender_off), [(&[][..], Then::Nothing), (&[], Then::Nothing), (&[], LOST)]);
        let mut receiver_off = data();
        receiver_off.forget(2);
        assert!(receiver_off.is_of(1));
        assert_eq!(seen(&receiver_off), [(&[1][..], Then::Nothing), (&[], Then::Nothing), (&[], LOST)]);
        let mut later = data();
        later.steps.drain(..2);
        later.forget(2);
        assert_eq!(seen(&later), [(&[][..], LOST)]);
        let mut other = data();
        other.forget(3);
        assert_eq!(seen(&other), seen(&data()));
    }

    /// Of three that collide one is cut: the others talk on.
    #[test]
    fn a_collision_goes_on_without_one() {
        let mut plan = Plan::new(SimTime::ZERO);
        plan.then([1, 2, 3], Span::from_micros(100), Then::Nothing);
        plan.then([2, 3], Span::from_micros(50), Then::Nothing);
        plan.then(None, Span::from_micros(60), LOST);
        let mut exchange = Exchange { senders: Vec::new(), steps: plan.steps };
        exchange.forget(2);
        assert_eq!(seen(&exchange), [(&[1, 3][..], Then::Nothing), (&[3], Then::Nothing), (&[], LOST)]);
    }
}
