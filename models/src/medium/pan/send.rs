//! What a station sends next, and how that goes.

use super::Pan;
use super::station::{Activity, Current, Job, Reply, Sending, Signal, Timer};
use super::transfer::TransferId;
use crate::element::Element;
use crate::ieee802154::timing::{CCA, PHY_OVERHEAD};
use crate::ieee802154::{Address, Endpoint, Event, Frame, Outcome, Step};
use crate::lowpan::Fragments;
use crate::medium::shared::{At, Takers};
use crate::node::{DropCause, FrameKind, FrameReport, Report};
use crate::packet::Packet;
use crate::rope::Rope;
use protosim_core::kernel::Interests;
use protosim_core::{Cx, Span};

impl Pan {
    /// The station turns to its next frame, if it is free and has one.
    pub(super) fn proceed(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        let station = &self.stations[index];
        let is_listening_for_promised = station.sleepy.as_ref().is_some_and(|sleepy| sleepy.window.is_some());
        if !station.is_on || station.current.is_some() || station.reply.is_some() || is_listening_for_promised {
            return self.refresh(index, now);
        }
        if station.rest_until > now {
            let is_poll_due = station.sleepy.as_ref().is_some_and(|sleepy| sleepy.next_poll <= now);
            if station.has_frame() || self.adapters.waits(index) || is_poll_due {
                cx.arm(Timer::Step.of(index), station.rest_until);
            }
            return self.refresh(index, now);
        }
        let next = self.answer(index, now).or_else(|| self.poll_request(index, now));
        if let Some(next) = next.or_else(|| self.next_of_packets(index, cx)) {
            let wants_ack = next.frame.wants_ack;
            let (sequence, len) = (next.frame.sequence, next.frame.mpdu_len());
            let station = &mut self.stations[index];
            station.current = Some(next);
            let backoff = &mut self.backoff;
            let step = station.transmitter.start(sequence, len, wants_ack, &mut |bound| backoff.below(index, bound));
            return self.perform(index, step, cx);
        }
        self.refresh(index, now);
    }

    /// The next frame of the packet that is being sent, or the first one of the next packet.
    fn next_of_packets(&mut self, index: usize, cx: &mut Cx<'_, Element>) -> Option<Current> {
        let acknowledge = self.settings.acknowledge;
        loop {
            let station = &mut self.stations[index];
            let own = station.endpoint;
            if let Some(sending) = &mut station.sending
                && let Some(content) = sending.fragments.next()
            {
                let (transfer, to, destination) = (Some(sending.transfer), sending.to, sending.destination);
                let mut frame = Frame::data(station.number(), own, destination, content);
                frame.wants_ack &= acknowledge;
                return Some(Current { job: Job::Packet, frame, transfer, to, sends: 0 });
            }
            if !self.adapters.fill(index, &mut self.shared, cx) {
                return None;
            }
            let next = self.adapters.current(index).take()?;
            self.begin_packet(index, next.packet, cx);
        }
    }

    /// Turns to a packet: its frames go out one after the other from now on.
    fn begin_packet(&mut self, index: usize, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        let in_reach = |to: &usize| self.ether.reaches(index, *to);
        let everyone = Endpoint { pan: self.settings.pan, address: Address::BROADCAST };
        let out = Some(DropCause::OutOfRange);
        let (to, destination, copies) = match self.shared.takers(index, &packet) {
            Takers::One(to) => {
                let fault = out.filter(|_| !in_reach(&to));
                (Some(to), self.stations[to].endpoint, vec![(Some(to), fault)])
            }
            Takers::Several(takers) => {
                let heard = takers.iter().copied().filter(|to| in_reach(to) && !self.is_child_of(*to, index));
                let copies: Vec<_> = heard.map(|to| (Some(to), None)).collect();
                (None, everyone, if copies.is_empty() { vec![(None, out)] } else { copies })
            }
            Takers::Nobody => (None, everyone, vec![(None, out)]),
        };
        let Some(fragments) = self.frames_for(index, &packet, destination) else {
            return self.shared.drop(&packet, DropCause::Undecodable, At::Sender(index), cx);
        };
        self.shared.counts.copied += copies.len() as u64 - 1;
        let transfer = self.transfers.begin(packet, fragments.0, index, copies.into_iter());
        self.stations[index].sending = Some(Sending { transfer, to, destination, fragments: fragments.1 });
    }

    /// A packet's bytes, and what goes into the frames that carry them; none if it is not of IPv6.
    pub(super) fn frames_for(
        &mut self,
        index: usize,
        packet: &Packet,
        destination: Endpoint,
    ) -> Option<(Rope, Fragments)> {
        let own = self.stations[index].endpoint;
        let bytes = packet.to_rope();
        let room = Frame::data(0, own, destination, Rope::new()).room();
        let lowpan = &mut self.stations[index].lowpan;
        let fragments = lowpan.send(bytes.clone(), own.address, destination.address, room).ok()?;
        if fragments.is_fragmented() {
            self.own_counts.fragments += fragments.left();
        }
        Some((bytes, fragments))
    }

    /// What the transmitter asks for.
    fn perform(&mut self, index: usize, step: Step, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        let (activity, span) = match step {
            Step::Backoff(span) => (Activity::BackingOff, span),
            Step::Sense(span) => (Activity::Sensing, span),
            Step::Turn(span) => (Activity::Turning, span),
            Step::Send(span) => return self.talk_current(index, span, cx),
            Step::AwaitAck(span) => (Activity::AwaitingAck, span),
            Step::Done { outcome, rest } => {
                cx.disarm(Timer::Step.of(index));
                let station = &mut self.stations[index];
                station.activity = Activity::Free;
                station.rest_until = now.saturating_add(rest);
                return self.conclude(index, outcome, cx);
            }
        };
        self.stations[index].activity = activity;
        cx.arm(Timer::Step.of(index), now.saturating_add(span));
        self.refresh(index, now);
    }

    /// The time of a step is over.
    pub(super) fn on_step(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        let station = &self.stations[index];
        let event = match station.activity {
            Activity::Free => return self.proceed(index, cx),
            // What was sent has ended with all other frames of this instant.
            Activity::Sending => return,
            Activity::BackingOff | Activity::Turning => Event::Elapsed,
            Activity::AwaitingAck => {
                self.own_counts.silences += 1;
                Event::Elapsed
            }
            Activity::Sensing => {
                let sensing = CCA.span();
                let has_replied = station.replied_at.is_some_and(|end| end.saturating_add(sensing) > now);
                let is_busy = station.reply.is_some() || has_replied || self.ether.is_busy(index, sensing, now);
                self.own_counts.busy += u64::from(is_busy);
                if is_busy { Event::Busy } else { Event::Idle }
            }
        };
        self.advance(index, event, cx);
    }

    /// Something has come of the transmitter's step.
    pub(super) fn advance(&mut self, index: usize, event: Event, cx: &mut Cx<'_, Element>) {
        let backoff = &mut self.backoff;
        let step = self.stations[index].transmitter.on_event(event, &mut |bound| backoff.below(index, bound));
        if let Some(step) = step {
            self.perform(index, step, cx);
        }
    }

    fn talk_current(&mut self, index: usize, span: Span, cx: &mut Cx<'_, Element>) {
        let Some(current) = &mut self.stations[index].current else { return };
        current.sends += 1;
        self.shared.counts.retries += u64::from(current.sends > 1);
        self.own_counts.data_requests += u64::from(current.job == Job::Poll);
        let (frame, transfer, to) = (current.frame.clone(), current.transfer, current.to);
        self.stations[index].activity = Activity::Sending;
        cx.arm(Timer::Step.of(index), cx.now().saturating_add(span));
        self.talk(index, Signal { frame, transfer, to, is_reply: false }, span, cx);
    }

    /// The acknowledgement goes.
    pub(super) fn talk_reply(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        let Some(Reply::Turning { sequence, is_pending, to }) = self.stations[index].reply.take() else { return };
        self.own_counts.acks += 1;
        let frame = Frame::ack(sequence, is_pending);
        let span = frame.air_time();
        self.stations[index].reply = Some(Reply::Sending);
        cx.arm(Timer::Reply.of(index), cx.now().saturating_add(span));
        self.talk(index, Signal { frame, transfer: None, to: Some(to), is_reply: true }, span, cx);
    }

    fn talk(&mut self, index: usize, signal: Signal, span: Span, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        self.shared.counts.frames += 1;
        self.own_counts.bytes += signal.frame.mpdu_len() as u64 + PHY_OVERHEAD;
        self.stations[index].on_air = Some(signal);
        let stations = &self.stations;
        self.ether.begin(index, now.saturating_add(span), now, |other| stations[other].listens());
        self.meter(index, now);
        if self.shared.is_metered_at_all() {
            let reach: Vec<usize> = self.ether.reach(index).collect();
            reach.into_iter().for_each(|other| self.meter(other, now));
        }
    }

    /// Shows a frame that is over to who listens, with what became of it.
    pub(super) fn report(&self, from: usize, signal: &Signal, lost: Option<DropCause>, cx: &mut Cx<'_, Element>) {
        if cx.wants(Interests::PACKETS) {
            let (wire, bytes) = (self.shared.up(from), signal.frame.encode());
            cx.report_packet(Report::Frame(Box::new(FrameReport { wire, kind: FrameKind::Ieee802154, bytes, lost })));
        }
    }

    /// A frame was got across, or given up.
    fn conclude(&mut self, index: usize, outcome: Outcome, cx: &mut Cx<'_, Element>) {
        let Some(current) = self.stations[index].current.take() else { return };
        match current.job {
            Job::Packet => self.conclude_packet(index, current.transfer, outcome, cx),
            Job::Answer { child } => self.conclude_answer(index, child, outcome, cx),
            Job::Poll => self.conclude_poll(index, outcome, cx),
        }
        self.proceed(index, cx);
    }

    fn conclude_packet(
        &mut self,
        index: usize,
        transfer: Option<TransferId>,
        outcome: Outcome,
        cx: &mut Cx<'_, Element>,
    ) {
        let Some(transfer) = transfer else { return };
        let is_over = self.stations[index].sending.as_ref().is_none_or(|sending| sending.fragments.left() == 0);
        match outcome {
            Outcome::Sent { .. } if !is_over => return,
            Outcome::Sent { .. } => {
                self.all_is_sent(transfer, cx);
                self.expect_answer(index, cx);
            }
            Outcome::NoAck => self.give_up(transfer, DropCause::RetryLimit, cx),
            Outcome::ChannelAccessFailure { .. } => self.give_up(transfer, DropCause::NoAccess, cx),
        }
        self.stations[index].sending = None;
    }

    /// All frames of a packet have gone. Where it neither is whole nor waits for the rest, its receiver will never have it.
    pub(super) fn all_is_sent(&mut self, id: TransferId, cx: &mut Cx<'_, Element>) {
        for copy in self.transfers.open_of(id) {
            let waits = |to: usize| self.stations[to].parts.values().any(|part| *part == id);
            if !copy.to.is_some_and(waits) {
                // A frame that was taken for a copy of an earlier one, or whose acknowledgement was that of another one.
                self.drop_copy(id, copy.to, copy.fault.unwrap_or(DropCause::TakenForCopy), cx);
            }
        }
        self.transfers.end(id);
    }

    /// A packet is given up: no more of it is sent.
    pub(super) fn give_up(&mut self, id: TransferId, cause: DropCause, cx: &mut Cx<'_, Element>) {
        let from = self.transfers.sender(id);
        for copy in self.transfers.open_of(id) {
            let cause = if copy.fault == Some(DropCause::OutOfRange) { DropCause::OutOfRange } else { cause };
            let Some((packet, _)) = self.transfers.close(id, copy.to) else { continue };
            self.shared.drop(&packet, cause, At::Sender(from.unwrap_or_default()), cx);
        }
        self.transfers.end(id);
    }

    /// A copy goes no further: at the station that it is for, or at its sender if it is for none.
    pub(super) fn drop_copy(&mut self, id: TransferId, to: Option<usize>, cause: DropCause, cx: &mut Cx<'_, Element>) {
        let from = self.transfers.sender(id);
        let Some((packet, _)) = self.transfers.close(id, to) else { return };
        let place = to.filter(|_| cause != DropCause::OutOfRange).map(At::Receiver);
        self.shared.drop(&packet, cause, place.unwrap_or(At::Sender(from.unwrap_or_default())), cx);
    }
}
