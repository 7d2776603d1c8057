//! The sending half that handles one packet after the other: any queue discipline, shaping, recorded rates, impairments, and
//! links that go down.
//!
//! A packet is taken out of the queue when the one before it has left, so that the discipline decides then. While nobody
//! waits no timer is set: an unloaded link costs one event per packet, as the computed one does. The packet in service is
//! on the wire already, with its departure in the future, and is taken back when the timeline changes something.

use super::config::{DirectionConfig, Framing, LinkChange};
use super::delivery::Deliveries;
use super::impair::{Draws, Impairments, State};
use super::meter::Meter;
use super::transmitter::{Drops, Setup, remaining};
use crate::name::Files;
use crate::node::DropCause;
use crate::packet::{LossCause, Packet};
use crate::queue::{LinkFacts, Queue, QueueConfig, TokenBucket};
use protosim_core::digest::Fingerprint;
use protosim_core::{Cx, Entity, Rate, SimTime, Span, TimerId, WireId};
use std::sync::Arc;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Managed {
    wire: WireId,
    queue: Queue,
    /// Then a packet that finds the link free need not pass the queue: nothing is decided there.
    is_drop_tail: bool,
    server: Server,
    shaper: Option<TokenBucket>,
    delay: Span,
    framing: Framing,
    impairments: Impairments,
    files: Arc<Files>,
    pub(super) is_up: bool,
    in_service: Option<InService>,
    /// When the link is free; with [`Server::Rate`], what departures of this busy period were rounded up by.
    free_at: SimTime,
    carry: u64,
    timer: Option<TimerId>,
    /// By the order of [`LossCause`].
    lost: [u64; 3],
    pub(super) duplicated: u64,
    meter: Option<Box<Meter>>,
    /// True if the timeline changes this link, so that what is in service may be taken back.
    may_change: bool,
}

/// What decides how long a packet takes.
#[derive(Clone, Debug)]
enum Server {
    /// Nothing: it leaves at once.
    Immediate,
    /// So many bits per second.
    Rate(Rate),
    /// Recorded opportunities.
    Deliveries(Deliveries),
}

/// The packet that is being sent.
#[derive(Clone, Debug)]
struct InService {
    /// When its first bit goes out; later than now while it waits for tokens of the shaper.
    begins: SimTime,
    departs: SimTime,
    carry: u64,
    len: u64,
    draws: Draws,
    /// How it was decided on, to be taken back.
    before: State,
    loss: Option<LossCause>,
    was_copied: bool,
    /// As it was before its bits flipped, if they did.
    sound: Option<Box<Packet>>,
}

impl Managed {
    pub(super) fn new(setup: &Setup<'_>) -> Self {
        let Setup { wire, direction, framing, mtu, seed, stream_name, later, files, meter } = setup;
        let idle = Default::default();
        let impair = direction.impair.as_ref().unwrap_or(&idle);
        let loss = direction.loss.unwrap_or_default();
        let facts = LinkFacts { mtu: *mtu, rate: direction.rate };
        Self {
            wire: *wire,
            is_drop_tail: matches!(direction.queue, None | Some(QueueConfig::DropTail(_))),
            queue: Queue::for_link(&direction.queue.clone().unwrap_or_default(), facts, *seed, stream_name),
            server: Server::new(direction, files),
            shaper: direction.shaper.map(|shaper| shaper.bucket()),
            delay: direction.delay.unwrap_or_default(),
            framing: *framing,
            impairments: Impairments::new((loss, impair), later, *seed, stream_name, files),
            files: Arc::clone(files),
            is_up: true,
            in_service: None,
            free_at: SimTime::ZERO,
            carry: 0,
            timer: None,
            lost: [0; 3],
            duplicated: 0,
            meter: meter.clone().map(Box::new),
            may_change: !later.is_empty(),
        }
    }

    /// Makes the timer that it needs; its number tells the node whom it is for.
    pub(super) fn start<E: Entity>(&mut self, cx: &mut Cx<'_, E>) -> TimerId {
        *self.timer.get_or_insert_with(|| cx.new_timer(0, "link"))
    }

    /// Packets that wait, the one in service not counted.
    pub(super) fn waiting(&self) -> u64 {
        self.queue.packets()
    }

    /// Packets that wait or are in service at `now`.
    pub(super) fn backlog(&self, now: SimTime) -> usize {
        let in_service = self.in_service.as_ref().is_some_and(|service| service.departs > now);
        self.queue.packets() as usize + usize::from(in_service)
    }

    pub(super) fn meter(&self) -> Option<&Meter> {
        self.meter.as_deref()
    }

    /// Packets that were or will be lost on the way for a cause, as decided so far.
    pub(super) fn lost(&self, cause: LossCause) -> u64 {
        self.lost[cause as usize]
    }

    pub(super) fn marked(&self) -> u64 {
        self.queue.marked()
    }

    pub(super) fn offer<E: Entity<Packet = Box<Packet>>>(
        &mut self,
        packet: Box<Packet>,
        len: u64,
        drops: &mut Drops,
        cx: &mut Cx<'_, E>,
    ) {
        if !self.is_up {
            return drops.push((packet, DropCause::LinkDown));
        }
        // What leaves at this very nanosecond makes its place free first.
        self.serve(drops, cx);
        // A packet that finds nobody before it does not wait: a queue with no place at all still lets it pass.
        if self.in_service.is_none() && self.queue.packets() == 0 && self.is_drop_tail {
            self.dispatch(packet, len, cx.now(), cx);
        } else {
            let before = self.judged(drops);
            self.queue.enqueue(packet, len, cx.now(), drops);
            self.note_judgement(before, drops, cx.now());
            self.serve(drops, cx);
        }
    }

    /// Takes the next packets out of the queue, as long as the link is free.
    pub(super) fn serve<E: Entity<Packet = Box<Packet>>>(&mut self, drops: &mut Drops, cx: &mut Cx<'_, E>) {
        let now = cx.now();
        loop {
            if self.in_service.as_ref().is_some_and(|service| service.departs > now) {
                break;
            }
            self.in_service = None;
            let before = self.judged(drops);
            let next = self.queue.dequeue(now, drops);
            self.note_judgement(before, drops, now);
            let Some(next) = next else { break };
            self.dispatch(next.packet, next.len, next.enqueued, cx);
        }
        self.arm(cx);
    }

    /// How many packets have been dropped in this call and marked in this run; nobody asks where nothing is measured.
    fn judged(&self, drops: &Drops) -> (usize, u64) {
        (drops.len(), if self.meter.is_some() { self.queue.marked() } else { 0 })
    }

    /// Tells the meter what the queue has dropped and marked since.
    fn note_judgement(&mut self, before: (usize, u64), drops: &Drops, now: SimTime) {
        let after = self.judged(drops);
        if let Some(meter) = &mut self.meter {
            meter.note_judgement(now, (after.0 - before.0) as u64, after.1 - before.1);
        }
    }

    fn arm<E: Entity>(&mut self, cx: &mut Cx<'_, E>) {
        if let (Some(service), Some(timer)) = (&self.in_service, self.timer)
            && self.queue.packets() > 0
            && cx.deadline(timer) != Some(service.departs)
        {
            cx.arm(timer, service.departs);
        }
    }

    /// Sends a packet from now on, which has waited since `offered`.
    fn dispatch<E: Entity<Packet = Box<Packet>>>(
        &mut self,
        packet: Box<Packet>,
        len: u64,
        offered: SimTime,
        cx: &mut Cx<'_, E>,
    ) {
        let now = cx.now();
        let draws = self.impairments.draw();
        let bytes = self.framing.wire_len(len);
        let start = match &mut self.shaper {
            Some(bucket) => {
                let start = bucket.earliest(now, len).max(self.free_at);
                bucket.take(start, len);
                start
            }
            None => now,
        };
        if self.free_at < start {
            (self.free_at, self.carry) = (start, 0);
        }
        let begins = self.free_at;
        match &mut self.server {
            Server::Immediate => {}
            Server::Rate(rate) => {
                let (span, left) = rate.serialise(bytes, self.carry);
                (self.free_at, self.carry) = (self.free_at.saturating_add(span), left);
            }
            Server::Deliveries(deliveries) => self.free_at = deliveries.send(start, len),
        }
        if let Some(meter) = &mut self.meter {
            meter.note_wait(offered, start.max(now), len);
        }
        self.launch(packet, len, draws, begins, cx);
    }

    /// Hands a packet to the wire that is being sent from `begins` on, to leave when the link is free, and decides what becomes of
    /// it on the way.
    fn launch<E: Entity<Packet = Box<Packet>>>(
        &mut self,
        packet: Box<Packet>,
        len: u64,
        draws: Draws,
        begins: SimTime,
        cx: &mut Cx<'_, E>,
    ) {
        let departs = self.free_at;
        let before = if self.may_change { self.impairments.state() } else { State::default() };
        let decision = self.impairments.decide(&packet, self.framing.wire_len(len), departs, &draws);
        let soonest = cx.now() + Span::NANOSECOND;
        let after = |span: Span| departs.saturating_add(span).max(soonest);
        let delay = if decision.is_early { Span::ZERO } else { self.delay.saturating_add(decision.extra) };
        let copy = decision.copy.filter(|_| !decision.is_lost());
        let second = copy.map(|extra| (after(self.delay.saturating_add(extra)), packet.clone()));
        let damage = decision.damage.filter(|_| !decision.is_lost());
        let (mut sent, sound) = match damage {
            Some(damage) => (Box::new(damage.apply(&packet)), Some(packet)),
            None => (packet, None),
        };
        sent.lost = decision.loss;
        if let Some(cause) = decision.loss {
            self.lost[cause as usize] += 1;
        }
        if let Some(meter) = &mut self.meter {
            meter.note_departure(begins.max(cx.now()), departs.max(cx.now()), len, decision.is_lost());
        }
        cx.send(self.wire, departs, (!decision.is_lost()).then(|| after(delay)), sent);
        if let Some((arrives, copy)) = second {
            self.duplicated += 1;
            cx.send(self.wire, departs, Some(arrives), copy);
        }
        if departs > cx.now() {
            let (loss, was_copied) = (decision.loss, copy.is_some());
            self.in_service =
                Some(InService { begins, departs, carry: self.carry, len, draws, before, loss, was_copied, sound });
        }
    }

    /// Changes something now. The packet in service sends its remaining bits at the new rate, and is decided on anew.
    pub(super) fn change<E: Entity<Packet = Box<Packet>>>(
        &mut self,
        change: &LinkChange,
        drops: &mut Drops,
        cx: &mut Cx<'_, E>,
    ) {
        self.serve(drops, cx);
        let now = cx.now();
        let back = cx.recall(self.wire);
        let service = self.in_service.take();
        let old_rate = self.server.rate();
        self.delay = change.delay.unwrap_or(self.delay);
        self.server.change(change.rate);
        let held = service.zip(back.into_iter().next()).map(|(service, flying)| {
            if let Some(cause) = service.loss {
                self.lost[cause as usize] -= 1;
            }
            self.duplicated -= u64::from(service.was_copied);
            self.impairments.rewind(service.before);
            if let Some(meter) = &mut self.meter {
                meter.retract(now, (service.begins, service.departs), service.len, service.loss.is_some());
            }
            let InService { begins, departs, carry, len, draws, sound, .. } = service;
            (sound.unwrap_or(flying.packet), len, draws, (begins, departs), carry)
        });
        self.impairments.change(change.loss, change.impair.as_ref(), &self.files);
        cx.mark(self.wire, change.fingerprint());
        self.is_up = change.up.unwrap_or(self.is_up);
        if !self.is_up {
            return self.go_down(held.map(|(packet, ..)| packet), drops, cx);
        }
        if let Some((packet, len, draws, (begins, departs), carry)) = held {
            // One that still waits for the shaper has all its bits before it, and waits no longer for a new rate.
            let begins = begins.max(now);
            let left = departs - begins;
            let (left, carry) = match self.server {
                Server::Rate(_) => remaining(left, carry, old_rate, self.server.rate()),
                _ => (left, carry),
            };
            (self.free_at, self.carry) = (begins.saturating_add(left), carry);
            self.launch(packet, len, draws, begins, cx);
        }
        self.arm(cx);
    }

    /// Everything that has not left is lost; the link is free when it comes up again.
    fn go_down<E: Entity>(&mut self, held: Option<Box<Packet>>, drops: &mut Drops, cx: &mut Cx<'_, E>) {
        let mut all: Vec<Box<Packet>> = held.into_iter().collect();
        self.queue.clear(&mut all);
        drops.extend(all.into_iter().map(|packet| (packet, DropCause::LinkDown)));
        (self.free_at, self.carry) = (cx.now(), 0);
        if let Some(timer) = self.timer {
            cx.disarm(timer);
        }
    }
}

impl Server {
    fn new(direction: &DirectionConfig, files: &Files) -> Self {
        let trace = direction.rate_trace.as_ref().and_then(|file| super::delivery_trace(files.get(file)?).ok());
        match (trace, direction.rate) {
            (Some(trace), _) => Self::Deliveries(Deliveries::new(trace.into())),
            (None, Some(rate)) => Self::Rate(rate),
            (None, None) => Self::Immediate,
        }
    }

    fn rate(&self) -> Option<Rate> {
        match self {
            Self::Rate(rate) => Some(*rate),
            _ => None,
        }
    }

    fn change(&mut self, rate: Option<Rate>) {
        if let (Self::Rate(old), Some(new)) = (self, rate) {
            *old = new;
        }
    }
}
