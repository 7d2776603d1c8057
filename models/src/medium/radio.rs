//! A radio channel: who is in range hears all; what overlaps at a station is lost there.

use super::adapter::Adapters;
use super::config::{Access, CarrierSense, RadioConfig};
use super::discipline::Discipline;
use super::ether::Ether;
use super::shared::{At, Backoff, MediumParts, Shared, Takers, timers};
use crate::element::Element;
use crate::energy::{RadioMode, RadioPower};
use crate::link::Framing;
use crate::node::DropCause;
use crate::packet::Packet;
use protosim_core::{Cx, Rate, Span, TimerId};

/// Of this channel a range is known and no power: stations send with the least that they have.
const LEAST_POWER: RadioPower = RadioPower::from_centi_dbm(-10_000);

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Radio {
    pub(super) shared: Shared,
    pub(super) ether: Ether,
    rate: Rate,
    framing: Framing,
    access: Access,
    backoff: Backoff,
    adapters: Adapters,
    /// What each station does.
    states: Vec<State>,
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
    /// It talks.
    Talking,
    /// It has no power.
    Off,
}

impl Radio {
    pub(super) fn new(config: &RadioConfig, parts: &MediumParts<'_>) -> Self {
        let places: Vec<_> = parts.stations.iter().map(|station| config.stations[station.listed].at).collect();
        Self {
            shared: Shared::new(parts),
            ether: Ether::new(config.range, &places),
            rate: config.rate,
            framing: parts.config.framing(),
            access: config.access.clone(),
            backoff: Backoff::new(parts),
            adapters: Adapters::new(config.queue.as_ref(), parts),
            states: vec![State::Idle; parts.stations.len()],
        }
    }

    /// Ends all frames that are over by now, before anything else in this instant: what begins now does not overlap them. Then
    /// their stations go on.
    fn end_due(&mut self, cx: &mut Cx<'_, Element>) {
        let over = self.ether.over(cx.now());
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
        self.states[from] = State::Idle;
        cx.disarm(TimerId(from as u32));
        let sent = self.adapters.current(from).take();
        let takers = sent.as_ref().map_or(Takers::Nobody, |sent| self.shared.takers(from, &sent.packet));
        let (shared, states, mut heard) = (&mut self.shared, &self.states, Vec::new());
        self.ether.end(from, now, |other, flaw, is_free| {
            if is_free && states[other] != State::Turning {
                shared.radio(other, RadioMode::Listen, now);
            }
            if takers.include(other) {
                heard.push((other, flaw));
            }
        });
        let mode = if self.ether.hears(from) { RadioMode::Receive } else { RadioMode::Listen };
        self.shared.radio(from, mode, now);
        let Some(sent) = sent else { return };
        // One that is out of range takes nothing.
        debug_assert!(takers != Takers::Nobody || heard.is_empty());
        self.shared.finish(sent.packet, from, &heard, Span::ZERO, cx);
    }

    /// The station turns to its next frame, if it has one.
    fn begin(&mut self, station: usize, cx: &mut Cx<'_, Element>) {
        let has_frame = self.adapters.fill(station, &mut self.shared, cx);
        if !has_frame {
            self.states[station] = State::Idle;
            return;
        }
        match self.access {
            Access::Aloha => self.talk(station, cx),
            // What is handed over at the start of a slot is here a nanosecond later.
            Access::SlottedAloha { slot } => match cx.now().as_nanos().saturating_sub(1) % slot.as_nanos().max(1) {
                0 => self.talk(station, cx),
                past => {
                    self.states[station] = State::Waiting;
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
        self.states[station] = State::Listening;
        cx.arm(TimerId(station as u32), cx.now().saturating_add(wait.max(Span::NANOSECOND)));
    }

    /// The end of listening: nobody was heard, or it waits again, or gives up.
    fn decide(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        let Access::Csma(sense) = self.access else { return };
        let now = cx.now();
        let is_busy = self.ether.is_busy(index, sense.sensing, now);
        if !is_busy {
            if sense.turnaround.is_zero() {
                return self.talk(index, cx);
            }
            self.states[index] = State::Turning;
            // Its radio is on its way to sending when the first bit is due, and hears nothing meanwhile.
            let begins = now.saturating_add(sense.turnaround);
            self.shared.radio_by(index, RadioMode::Transmit(LEAST_POWER), now, begins);
            return cx.arm(TimerId(index as u32), begins);
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
        cx.arm(TimerId(from as u32), until);
        self.states[from] = State::Talking;
        let states = &self.states;
        self.ether.begin(from, until, now, |other| states[other] != State::Off);
        self.shared.radio(from, RadioMode::Transmit(LEAST_POWER), now);
        for other in self.ether.reach(from) {
            if !self.ether.talks(other) && self.states[other] != State::Turning {
                self.shared.radio(other, RadioMode::Receive, now);
            }
        }
    }
}

impl Discipline for Radio {
    fn shared(&self) -> &Shared {
        &self.shared
    }

    fn shared_mut(&mut self) -> &mut Shared {
        &mut self.shared
    }

    fn held(&self) -> u64 {
        self.adapters.held()
    }

    fn busy(&self) -> Option<Span> {
        Some(self.ether.busy())
    }

    fn start(&mut self, cx: &mut Cx<'_, Element>) {
        timers(self.states.len(), cx);
        for station in 0..self.states.len() {
            self.shared.radio(station, RadioMode::Listen, cx.now());
        }
    }

    fn take(&mut self, station: usize, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        self.end_due(cx);
        if self.states[station] == State::Off {
            return self.shared.drop(&packet, DropCause::NodeDown, At::Sender(station), cx);
        }
        self.adapters.offer(station, packet, &mut self.shared, cx);
        if self.states[station] == State::Idle {
            self.begin(station, cx);
        }
    }

    fn on_timer(&mut self, timer: TimerId, cx: &mut Cx<'_, Element>) {
        let station = timer.0 as usize;
        // What was due is what it was at before: at the end of its frame the station may have turned to its next one.
        let due = self.states[station];
        self.end_due(cx);
        match due {
            State::Waiting | State::Turning => self.talk(station, cx),
            State::Listening => self.decide(station, cx),
            State::Idle | State::Talking | State::Off => {}
        }
    }

    /// The station loses power: what waits there, and what it sends just now, is lost, and it hears nothing. Or it has power again.
    fn station_power(&mut self, station: usize, is_on: bool, cx: &mut Cx<'_, Element>) {
        self.end_due(cx);
        let now = cx.now();
        // It has missed a part of what is in the air.
        self.ether.deafen(station);
        if is_on {
            self.states[station] = State::Idle;
            return self.shared.radio(station, RadioMode::Listen, now);
        }
        let state = std::mem::replace(&mut self.states[station], State::Off);
        cx.disarm(TimerId(station as u32));
        if state == State::Talking {
            let (shared, states) = (&mut self.shared, &self.states);
            self.ether.cut(station, now, |other, _, is_free| {
                if is_free && states[other] != State::Turning {
                    shared.radio(other, RadioMode::Listen, now);
                }
            });
        }
        self.adapters.clear(station, &mut self.shared, cx);
    }
}
