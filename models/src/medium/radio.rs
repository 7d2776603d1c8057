//! A radio channel: who is in range hears all; what overlaps at a station is lost there.

use super::adapter::Adapters;
use super::config::{Access, CarrierSense, RadioConfig};
use super::shared::{Air, At, Backoff, MediumParts, Shared, Takers, timers};
use crate::element::Element;
use crate::energy::{RadioMode, RadioPower};
use crate::link::Framing;
use crate::node::DropCause;
use crate::packet::Packet;
use protosim_core::{Cx, Rate, SimTime, Span, TimerId};

/// Of this channel a range is known and no power: stations send with the least that they have.
const LEAST_POWER: RadioPower = RadioPower::from_centi_dbm(-10_000);

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Radio {
    pub(super) shared: Shared,
    pub(super) air: Air,
    rate: Rate,
    framing: Framing,
    access: Access,
    backoff: Backoff,
    adapters: Adapters,
    stations: Vec<Station>,
    /// Stations that talk.
    talking: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Station {
    state: State,
    /// Who is in range, in order; two bytes each, as a channel may have the square of its stations of these.
    reach: Box<[u16]>,
    /// What is being heard.
    hears: Vec<Reception>,
    /// When it last heard a frame end.
    heard_until: Option<SimTime>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Nothing to send.
    Idle,
    /// It waits for its slot.
    Waiting,
    /// It backs off, or listens, and decides at the end of it.
    Listening,
    /// It has heard nobody and turns to talking.
    Turning,
    /// It talks until then.
    Talking(SimTime),
    /// It has no power.
    Off,
}

#[derive(Clone, Copy, Debug)]
struct Reception {
    from: usize,
    began: SimTime,
    is_spoiled: bool,
}

impl Radio {
    pub(super) fn new(config: &RadioConfig, parts: &MediumParts<'_>) -> Self {
        let at = |index: usize| config.stations[parts.stations[index].listed].at;
        let count = parts.stations.len();
        let station = |index: usize| Station {
            state: State::Idle,
            reach: (0..count)
                .filter(|other| *other != index && config.range.covers(at(index), at(*other)))
                .map(|other| other as u16)
                .collect(),
            hears: Vec::new(),
            heard_until: None,
        };
        Self {
            shared: Shared::new(parts),
            air: Air::default(),
            rate: config.rate,
            framing: parts.config.framing(),
            access: config.access.clone(),
            backoff: Backoff::new(parts),
            adapters: Adapters::new(config.queue.as_ref(), parts),
            stations: (0..count).map(station).collect(),
            talking: Vec::new(),
        }
    }

    pub(super) fn start(&mut self, cx: &mut Cx<'_, Element>) {
        timers(self.stations.len(), cx);
        for station in 0..self.stations.len() {
            self.shared.radio(station, RadioMode::Listen, cx.now());
        }
    }

    pub(super) fn held(&self) -> u64 {
        self.adapters.held()
    }

    pub(super) fn take(&mut self, station: usize, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        self.end_due(cx);
        if self.stations[station].state == State::Off {
            return self.shared.drop(&packet, DropCause::NodeDown, At::Sender(station), cx);
        }
        self.adapters.offer(station, packet, &mut self.shared, cx);
        if self.stations[station].state == State::Idle {
            self.begin(station, cx);
        }
    }

    pub(super) fn on_timer(&mut self, station: usize, cx: &mut Cx<'_, Element>) {
        // What was due is what it was at before: at the end of its frame the station may have turned to its next one.
        let due = self.stations[station].state;
        self.end_due(cx);
        match due {
            State::Waiting | State::Turning => self.talk(station, cx),
            State::Listening => self.decide(station, cx),
            State::Idle | State::Talking(_) | State::Off => {}
        }
    }

    /// The station loses power: what waits there, and what it sends just now, is lost, and it hears nothing. Or it has power again.
    pub(super) fn station_power(&mut self, station: usize, is_on: bool, cx: &mut Cx<'_, Element>) {
        self.end_due(cx);
        let now = cx.now();
        // It has missed a part of what is in the air.
        self.stations[station].hears.iter_mut().for_each(|reception| reception.is_spoiled = true);
        if is_on {
            self.stations[station].state = State::Idle;
            return self.shared.radio(station, RadioMode::Listen, now);
        }
        let state = std::mem::replace(&mut self.stations[station].state, State::Off);
        cx.disarm(TimerId(station as u32));
        if matches!(state, State::Talking(_)) {
            self.fall_silent(station, now);
        }
        self.adapters.clear(station, &mut self.shared, cx);
    }

    /// A station stops in the middle of a frame, which nobody can use then.
    fn fall_silent(&mut self, from: usize, now: SimTime) {
        self.air.end(now);
        self.talking.retain(|station| *station != from);
        let reach = std::mem::take(&mut self.stations[from].reach);
        for other in reach.iter().map(|other| usize::from(*other)) {
            let station = &mut self.stations[other];
            station.heard_until = Some(now);
            station.hears.retain(|reception| reception.from != from);
            if station.hears.is_empty() && !matches!(station.state, State::Talking(_)) {
                self.shared.radio(other, RadioMode::Listen, now);
            }
        }
        self.stations[from].reach = reach;
    }

    /// Ends all frames that are over by now, before anything else in this instant: what begins now does not overlap them. Then
    /// their stations go on.
    fn end_due(&mut self, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        let is_over = |station: &usize| matches!(self.stations[*station].state, State::Talking(end) if end <= now);
        let mut over: Vec<usize> = self.talking.iter().copied().filter(is_over).collect();
        if over.is_empty() {
            return;
        }
        over.sort_unstable();
        self.talking.retain(|station| over.binary_search(station).is_err());
        for station in &over {
            self.end(*station, cx);
        }
        for station in over {
            self.begin(station, cx);
        }
    }

    /// A frame is over: it comes through where nothing has overlapped it.
    fn end(&mut self, from: usize, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        self.air.end(now);
        self.stations[from].state = State::Idle;
        cx.disarm(TimerId(from as u32));
        let Some(sent) = self.adapters.current(from).take() else { return };
        let hears = !self.stations[from].hears.is_empty();
        self.shared.radio(from, if hears { RadioMode::Receive } else { RadioMode::Listen }, now);
        let takers = self.shared.takers(from, &sent.packet);
        let reach = std::mem::take(&mut self.stations[from].reach);
        let mut heard = Vec::new();
        for other in reach.iter().map(|other| usize::from(*other)) {
            let station = &mut self.stations[other];
            station.heard_until = Some(now);
            let Some(index) = station.hears.iter().position(|reception| reception.from == from) else { continue };
            let reception = station.hears.swap_remove(index);
            if station.hears.is_empty() && !matches!(station.state, State::Talking(_)) {
                self.shared.radio(other, RadioMode::Listen, now);
            }
            if takers.include(other) {
                heard.push((other, reception.is_spoiled));
            }
        }
        self.stations[from].reach = reach;
        // One that is out of range takes nothing.
        debug_assert!(takers != Takers::Nobody || heard.is_empty());
        self.shared.finish(sent.packet, from, &heard, Span::ZERO, cx);
    }

    /// The station turns to its next frame, if it has one.
    fn begin(&mut self, station: usize, cx: &mut Cx<'_, Element>) {
        let has_frame = self.adapters.fill(station, &mut self.shared, cx);
        if !has_frame {
            self.stations[station].state = State::Idle;
            return;
        }
        match self.access {
            Access::Aloha => self.talk(station, cx),
            // What is handed over at the start of a slot is here a nanosecond later.
            Access::SlottedAloha { slot } => match cx.now().as_nanos().saturating_sub(1) % slot.as_nanos().max(1) {
                0 => self.talk(station, cx),
                past => {
                    self.stations[station].state = State::Waiting;
                    let left = slot.saturating_sub(Span::from_nanos(past));
                    cx.arm(TimerId(station as u32), cx.now().saturating_add(left));
                }
            },
            Access::Csma(sense) => self.listen(station, sense.min_exponent, sense, cx),
        }
    }

    /// Waits for a time that is drawn, and then listens.
    fn listen(&mut self, station: usize, exponent: u32, sense: CarrierSense, cx: &mut Cx<'_, Element>) {
        let wait = self.backoff.draw(station, exponent, sense.unit).saturating_add(sense.sensing);
        self.stations[station].state = State::Listening;
        cx.arm(TimerId(station as u32), cx.now().saturating_add(wait.max(Span::NANOSECOND)));
    }

    /// The end of listening: nobody was heard, or it waits again, or gives up.
    fn decide(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        let Access::Csma(sense) = self.access else { return };
        let now = cx.now();
        let station = &mut self.stations[index];
        let is_heard = |since: SimTime| since.saturating_add(sense.sensing) > now;
        // What begins at this very instant is not heard yet.
        let is_busy =
            station.hears.iter().any(|reception| reception.began < now) || station.heard_until.is_some_and(is_heard);
        if !is_busy {
            if sense.turnaround.is_zero() {
                return self.talk(index, cx);
            }
            station.state = State::Turning;
            return cx.arm(TimerId(index as u32), now.saturating_add(sense.turnaround));
        }
        let Some(current) = self.adapters.current(index) else { return };
        current.tries += 1;
        if current.tries > sense.max_backoffs {
            if let Some(given_up) = self.adapters.current(index).take() {
                self.shared.drop(&given_up.packet, DropCause::RetryLimit, At::Sender(index), cx);
            }
            return self.begin(index, cx);
        }
        let exponent = (sense.min_exponent + current.tries).min(sense.max_exponent);
        self.shared.counts.retries += 1;
        self.listen(index, exponent, sense, cx);
    }

    fn talk(&mut self, from: usize, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        let Some(current) = self.adapters.current(from) else { return };
        let (span, _) = self.rate.serialise(self.framing.wire_len(current.len), 0);
        let until = now.saturating_add(span.max(Span::NANOSECOND));
        self.shared.counts.frames += 1;
        self.air.begin(now);
        self.talking.push(from);
        cx.arm(TimerId(from as u32), until);
        let own = &mut self.stations[from];
        own.state = State::Talking(until);
        self.shared.radio(from, RadioMode::Transmit(LEAST_POWER), now);
        // Half duplex: who talks hears nothing.
        own.hears.iter_mut().for_each(|reception| reception.is_spoiled = true);
        let reach = std::mem::take(&mut own.reach);
        for other in reach.iter().map(|other| usize::from(*other)) {
            let station = &mut self.stations[other];
            let talks = matches!(station.state, State::Talking(_));
            let is_spoiled = talks || !station.hears.is_empty();
            if !talks {
                self.shared.radio(other, RadioMode::Receive, now);
            }
            station.hears.iter_mut().for_each(|reception| reception.is_spoiled = true);
            station.hears.push(Reception { from, began: now, is_spoiled });
        }
        self.stations[from].reach = reach;
    }
}
