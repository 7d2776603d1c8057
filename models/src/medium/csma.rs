//! A half-duplex bus with carrier sense, with collision detection (IEEE 802.3 §4) and without.

use super::adapter::Adapters;
use super::config::CsmaConfig;
use super::discipline::Discipline;
use super::ether::Flaw;
use super::shared::{Air, At, Backoff, MediumParts, Shared, Takers, timers};
use crate::element::Element;
use crate::link::Framing;
use crate::node::DropCause;
use crate::packet::Packet;
use protosim_core::{Cx, Rate, SimTime, Span, TimerId};

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Bus {
    pub(super) shared: Shared,
    pub(super) air: Air,
    rate: Rate,
    framing: Framing,
    /// From any station to any other.
    delay: Span,
    slot: Span,
    gap: Span,
    jam: Span,
    attempts: u32,
    backoff_limit: u32,
    detects: bool,
    backoff: Backoff,
    adapters: Adapters,
    stations: Vec<Station>,
    /// What is on the bus, or was until somebody can have waited a gap since.
    signals: Vec<Signal>,
}

#[derive(Clone, Debug)]
struct Station {
    state: State,
    /// Its own back-off ends then.
    may_talk: SimTime,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Nothing to send.
    Idle,
    /// It waits for the end of its back-off, or for a gap.
    Waiting,
    /// It talks.
    Talking,
}

/// A transmission, at the station that sends it.
#[derive(Clone, Copy, Debug)]
struct Signal {
    from: usize,
    begins: SimTime,
    /// Moves to an earlier time when a collision is noticed.
    ends: SimTime,
    has_met: bool,
}

impl Bus {
    pub(super) fn new(config: &CsmaConfig, parts: &MediumParts<'_>) -> Self {
        let rate = parts.config.rate();
        let bits = |bits: u64| Span::from_nanos((bits * 1_000_000_000).div_ceil(rate.as_bits_per_sec()));
        let station = |_| Station { state: State::Idle, may_talk: SimTime::ZERO };
        Self {
            shared: Shared::new(parts),
            air: Air::default(),
            rate,
            framing: parts.config.framing(),
            delay: config.delay(),
            slot: bits(config.slot_bits()),
            gap: bits(config.gap_bits()),
            jam: bits(config.jam_bits()),
            attempts: config.attempts(),
            backoff_limit: config.backoff_limit(),
            detects: config.detection(),
            backoff: Backoff::new(parts),
            adapters: Adapters::new(config.queue.as_ref(), parts),
            stations: (0..parts.stations.len()).map(station).collect(),
            signals: Vec::new(),
        }
    }

    /// The station turns to its next frame, if it has one.
    fn begin(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        let has_frame = self.adapters.fill(index, &mut self.shared, cx);
        self.stations[index].state = State::Idle;
        if has_frame {
            self.try_to_talk(index, cx);
        }
    }

    /// From when on the station has heard nobody for a gap, as far as it knows now; and whether it was others whom it heard.
    fn free_from(&self, index: usize, now: SimTime) -> (SimTime, bool) {
        let (mut free, mut by_others) = (SimTime::ZERO, false);
        for signal in &self.signals {
            let is_own = signal.from == index;
            // What arrives at this very instant is not heard yet.
            if is_own || signal.begins.saturating_add(self.delay) < now {
                let way = if is_own { Span::ZERO } else { self.delay };
                let silent = signal.ends.saturating_add(way).saturating_add(self.gap);
                by_others |= !is_own && silent > now;
                free = free.max(silent);
            }
        }
        (free, by_others)
    }

    fn try_to_talk(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        let (free, by_others) = self.free_from(index, now);
        let mut from = free.max(self.stations[index].may_talk);
        if from <= now {
            return self.talk(index, cx);
        }
        if by_others && !self.detects {
            let Some(current) = self.adapters.current(index) else { return };
            current.tries += 1;
            if current.tries > self.attempts {
                return self.give_up(index, cx);
            }
            self.shared.counts.retries += 1;
            let wait = self.backoff.draw(index, current.tries.min(self.backoff_limit), self.slot);
            from = free.saturating_add(wait);
            self.stations[index].may_talk = from;
        }
        self.stations[index].state = State::Waiting;
        cx.arm(TimerId(index as u32), from);
    }

    fn give_up(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        if let Some(given_up) = self.adapters.current(index).take() {
            self.shared.drop(&given_up.packet, DropCause::RetryLimit, At::Sender(index), cx);
        }
        self.stations[index].may_talk = SimTime::ZERO;
        self.begin(index, cx);
    }

    fn talk(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        let past = |signal: &Signal| signal.ends.saturating_add(self.delay).saturating_add(self.gap) <= now;
        self.signals.retain(|signal| !past(signal));
        let Some(current) = self.adapters.current(index) else { return };
        let (span, _) = self.rate.serialise(self.framing.wire_len(current.len), 0);
        let ends = now.saturating_add(span.max(Span::NANOSECOND));
        let mut own = Signal { from: index, begins: now, ends, has_met: false };
        self.shared.counts.frames += 1;
        self.air.begin(now);
        self.stations[index].state = State::Talking;
        let mut met = false;
        for other in self.signals.iter_mut().filter(|other| other.ends > now) {
            met = true;
            self.shared.counts.collisions += u64::from(!other.has_met) + u64::from(!own.has_met);
            (other.has_met, own.has_met) = (true, true);
            if self.detects {
                // Each hears the other one delay after that began, sends its jam, and stops.
                other.ends = other.ends.min(now.saturating_add(self.delay).saturating_add(self.jam));
                let heard = other.begins.saturating_add(self.delay).max(now);
                own.ends = own.ends.min(heard.saturating_add(self.jam));
                cx.arm(TimerId(other.from as u32), other.ends);
            }
        }
        cx.arm(TimerId(index as u32), own.ends);
        self.signals.push(own);
        if met && self.detects {
            self.wait_anew(cx);
        }
    }

    /// Signals end earlier than it was thought: who waits for that may talk earlier.
    fn wait_anew(&self, cx: &mut Cx<'_, Element>) {
        for index in (0..self.stations.len()).filter(|index| self.stations[*index].state == State::Waiting) {
            let (free, _) = self.free_from(index, cx.now());
            let from = free.max(self.stations[index].may_talk);
            let timer = TimerId(index as u32);
            if from > cx.now() && cx.deadline(timer) != Some(from) {
                cx.arm(timer, from);
            }
        }
    }

    fn end(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        self.air.end(now);
        self.stations[index].state = State::Idle;
        let own = self.signals.iter().rev().find(|signal| signal.from == index);
        let has_met = own.is_some_and(|signal| signal.has_met);
        let Some(current) = self.adapters.current(index) else { return };
        if has_met && self.detects {
            current.tries += 1;
            let tries = current.tries;
            if tries >= self.attempts {
                return self.give_up(index, cx);
            }
            self.shared.counts.retries += 1;
            let wait = self.backoff.draw(index, tries.min(self.backoff_limit), self.slot);
            self.stations[index].may_talk = now.saturating_add(wait);
            return self.try_to_talk(index, cx);
        }
        let Some(sent) = self.adapters.current(index).take() else { return };
        let flaw = has_met.then_some(Flaw::Met);
        let heard: Vec<(usize, Option<Flaw>)> = match self.shared.takers(index, &sent.packet) {
            Takers::One(to) => vec![(to, flaw)],
            Takers::Several(takers) => takers.iter().map(|to| (*to, flaw)).collect(),
            Takers::Nobody => Vec::new(),
        };
        self.finish(sent.packet, index, &heard, cx);
        self.stations[index].may_talk = SimTime::ZERO;
        self.begin(index, cx);
    }

    /// As for any medium, but that collisions are counted when they happen.
    fn finish(&mut self, packet: Box<Packet>, from: usize, heard: &[(usize, Option<Flaw>)], cx: &mut Cx<'_, Element>) {
        let collisions = self.shared.counts.collisions;
        self.shared.finish(packet, from, heard, self.delay, cx);
        self.shared.counts.collisions = collisions;
    }
}

impl Discipline for Bus {
    fn shared(&self) -> &Shared {
        &self.shared
    }

    fn shared_mut(&mut self) -> &mut Shared {
        &mut self.shared
    }

    fn has_radios(&self) -> bool {
        false
    }

    fn held(&self) -> u64 {
        self.adapters.held()
    }

    fn busy(&self) -> Option<Span> {
        Some(self.air.busy())
    }

    fn start(&mut self, cx: &mut Cx<'_, Element>) {
        timers(self.stations.len(), cx);
    }

    fn take(&mut self, station: usize, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        self.adapters.offer(station, packet, &mut self.shared, cx);
        if self.stations[station].state == State::Idle {
            self.begin(station, cx);
        }
    }

    fn on_timer(&mut self, timer: TimerId, cx: &mut Cx<'_, Element>) {
        let station = timer.0 as usize;
        match self.stations[station].state {
            State::Idle => {}
            State::Waiting => self.try_to_talk(station, cx),
            State::Talking => self.end(station, cx),
        }
    }

    fn station_power(&mut self, _: usize, _: bool, _: &mut Cx<'_, Element>) {}
}
