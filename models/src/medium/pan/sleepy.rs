//! Children that sleep, and what their parents keep for them (IEEE 802.15.4-2006 §7.5.6.3).

use super::station::{Current, Job, Sleepy, Timer, Waiting};
use super::{Pan, local};
use crate::element::Element;
use crate::ieee802154::{Frame, Outcome};
use crate::medium::shared::Takers;
use crate::node::DropCause;
use crate::packet::Packet;
use protosim_core::{Cx, SimTime, Span};

impl Pan {
    /// True if a station is a child of another one that sleeps.
    pub(super) fn is_child_of(&self, child: usize, parent: usize) -> bool {
        self.stations[child].sleepy.as_ref().is_some_and(|sleepy| sleepy.parent == parent)
    }

    /// The station has power from now on: a child asks first after a time that is drawn, so that not all ask at once.
    pub(super) fn wake(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        let station = &mut self.stations[index];
        if let Some(sleepy) = &mut station.sleepy {
            let first = station.luck.below(sleepy.poll.as_nanos().max(1)) + 1;
            sleepy.next_poll = now.saturating_add(Span::from_nanos(first));
            cx.arm(Timer::Poll.of(index), sleepy.next_poll);
        }
        self.refresh(index, now);
    }

    // The parent.

    /// Keeps a packet for those of the station's children that it is for. It comes back if others take it, too.
    pub(super) fn keep_for_children(
        &mut self,
        index: usize,
        packet: Box<Packet>,
        cx: &mut Cx<'_, Element>,
    ) -> Option<Box<Packet>> {
        match self.shared.takers(index, &packet) {
            Takers::One(child) if self.is_child_of(child, index) => {
                self.keep(index, child, packet, cx);
                None
            }
            Takers::Several(takers) => {
                let (children, others): (Vec<usize>, Vec<usize>) =
                    takers.iter().copied().partition(|taker| self.is_child_of(*taker, index));
                let Some((last, rest)) = children.split_last() else { return Some(packet) };
                self.shared.counts.copied += rest.len() as u64;
                for child in rest {
                    self.keep(index, *child, packet.clone(), cx);
                }
                if others.is_empty() {
                    self.keep(index, *last, packet, cx);
                    return None;
                }
                self.shared.counts.copied += 1;
                self.keep(index, *last, packet.clone(), cx);
                Some(packet)
            }
            Takers::One(_) | Takers::Nobody => Some(packet),
        }
    }

    fn keep(&mut self, index: usize, child: usize, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        let (own, destination) = (self.stations[index].endpoint, self.stations[child].endpoint);
        let Some((bytes, fragments)) = self.frames_for(index, &packet, destination) else {
            return self.drop_here(&packet, index, DropCause::Undecodable, cx);
        };
        let frames = fragments.left();
        if frames > self.stations[index].indirect.room(destination) as u64 {
            return self.drop_here(&packet, index, DropCause::IndirectFull, cx);
        }
        let transfer = self.transfers.begin(packet, bytes, index, std::iter::once((Some(child), None)));
        let now = local(cx.now());
        let station = &mut self.stations[index];
        for (number, content) in fragments.enumerate() {
            let frame = Frame::data(station.number(), own, destination, content);
            let is_last = number as u64 + 1 == frames;
            let kept = station.indirect.push(destination, Waiting { frame, transfer, is_last }, now);
            debug_assert!(kept.is_ok(), "there was room");
        }
        self.arm_indirect(index, cx);
    }

    /// A child has asked, and something waits for it.
    pub(super) fn remember_request(&mut self, parent: usize, child: usize, now: SimTime) {
        let until = now.saturating_add(self.settings.window);
        let station = &mut self.stations[parent];
        let is_answered = station.current.as_ref().is_some_and(|current| current.job == Job::Answer { child });
        if is_answered {
            return;
        }
        match station.polled.iter_mut().find(|(other, _)| *other == child) {
            // It listens anew.
            Some((_, listens)) => *listens = until,
            None => station.polled.push_back((child, until)),
        }
    }

    /// The frame for the child that has asked first and still listens.
    pub(super) fn answer(&mut self, index: usize, now: SimTime) -> Option<Current> {
        while let Some((child, until)) = self.stations[index].polled.pop_front() {
            let endpoint = self.stations[child].endpoint;
            if until <= now {
                continue;
            }
            let Some(polled) = self.stations[index].indirect.poll(endpoint) else { continue };
            let frame = Frame { is_pending: polled.is_pending, ..polled.frame.frame.clone() };
            let transfer = Some(polled.frame.transfer);
            return Some(Current { job: Job::Answer { child }, frame, transfer, to: Some(child), sends: 0 });
        }
        None
    }

    /// What a child has acknowledged leaves the queue; what it has not waits for its next request.
    pub(super) fn conclude_answer(&mut self, index: usize, child: usize, outcome: Outcome, cx: &mut Cx<'_, Element>) {
        let endpoint = self.stations[child].endpoint;
        if matches!(outcome, Outcome::Sent { .. })
            && let Some(done) = self.stations[index].indirect.finish(endpoint)
            && done.frame.is_last
        {
            self.all_is_sent(done.frame.transfer, cx);
        }
        self.expire_indirect(index, cx);
    }

    /// Drops what has waited too long for children, unless a frame of it is just being sent.
    pub(super) fn expire_indirect(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        let station = &mut self.stations[index];
        if station.current.as_ref().is_some_and(|current| matches!(current.job, Job::Answer { .. })) {
            return;
        }
        for (_, expired) in station.indirect.expire(local(cx.now())) {
            // Of several frames of a packet, the first one says what became of it.
            let cause = if expired.attempts > 0 { DropCause::MissedWindow } else { DropCause::Expired };
            self.give_up(expired.frame.transfer, cause, cx);
        }
        self.arm_indirect(index, cx);
    }

    fn arm_indirect(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        match self.stations[index].indirect.next_expiry() {
            // While an answer is under way, what is due stays; it is looked at again behind that.
            Some(at) => {
                let at = SimTime::from_nanos(at.as_nanos()).max(cx.now().saturating_add(Span::NANOSECOND));
                cx.arm(Timer::Indirect.of(index), at);
            }
            None => cx.disarm(Timer::Indirect.of(index)),
        }
    }

    // The child.

    /// The data request of a child, if it is due.
    pub(super) fn poll_request(&mut self, index: usize, now: SimTime) -> Option<Current> {
        let station = &mut self.stations[index];
        let sleepy = station.sleepy.as_mut().filter(|sleepy| sleepy.next_poll <= now)?;
        let parent = sleepy.parent;
        // Counted from here, unless it is asked for earlier.
        sleepy.next_poll = now.saturating_add(sleepy.interval(now));
        let (own, sequence) = (station.endpoint, station.number());
        let frame = Frame::data_request(sequence, own, self.stations[parent].endpoint);
        Some(Current { job: Job::Poll, frame, transfer: None, to: Some(parent), sends: 0 })
    }

    pub(super) fn conclude_poll(&mut self, index: usize, outcome: Outcome, cx: &mut Cx<'_, Element>) {
        let until = cx.now().saturating_add(self.settings.window);
        let Some(sleepy) = &mut self.stations[index].sleepy else { return };
        if matches!(outcome, Outcome::Sent { is_pending: true, .. }) {
            sleepy.window = Some(until);
        }
        self.arm_poll(index, cx);
    }

    /// The next data request, or the end of the time for which it listens.
    fn arm_poll(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        let Some(sleepy) = &self.stations[index].sleepy else { return };
        let at = sleepy.window.unwrap_or(sleepy.next_poll);
        cx.arm(Timer::Poll.of(index), at.max(cx.now().saturating_add(Span::NANOSECOND)));
    }

    pub(super) fn on_poll_timer(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        if self.stations[index].sleepy.as_ref().is_some_and(|sleepy| sleepy.window.is_some()) {
            return self.end_window(index, cx);
        }
        // One that is busy asks when it is done.
        self.proceed(index, cx);
    }

    /// The time is over for which a child listens for a promised frame, unless one is just coming in.
    pub(super) fn end_window(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        let is_coming = self.ether.hears_well(index);
        let Some(sleepy) = &mut self.stations[index].sleepy else { return };
        if is_coming || sleepy.window.is_none_or(|until| until > cx.now()) {
            return;
        }
        sleepy.window = None;
        self.own_counts.empty_windows += 1;
        self.arm_poll(index, cx);
        self.proceed(index, cx);
    }

    /// A child has got a frame from its parent. If more waits, it asks again at once.
    pub(super) fn have_promised(&mut self, index: usize, is_pending: bool, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        let Some(sleepy) = &mut self.stations[index].sleepy else { return };
        sleepy.window = None;
        if is_pending {
            sleepy.next_poll = now;
        }
        self.arm_poll(index, cx);
    }

    /// A packet has gone or come: a child asks more often for a while.
    pub(super) fn expect_answer(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        let Some(sleepy) = &mut self.stations[index].sleepy else { return };
        if sleepy.fast_poll_for.is_zero() {
            return;
        }
        sleepy.fast_until = now.saturating_add(sleepy.fast_poll_for);
        sleepy.next_poll = sleepy.next_poll.min(now.saturating_add(sleepy.fast_poll));
        self.arm_poll(index, cx);
    }
}

impl Sleepy {
    /// From one data request to the next.
    fn interval(&self, now: SimTime) -> Span {
        if now < self.fast_until { self.fast_poll.min(self.poll) } else { self.poll }
    }
}
