//! Wi-Fi: an access point and its stations on one channel (IEEE 802.11-2020 §10.3, DCF; §11.2.3, power save).
//!
//! - **Access** ([`dcf`]): a station that has a frame waits until the air was idle for a DIFS, and then for a back-off of whole slots, r drawn evenly from 0 to CW, which stands
//!   still while others talk. CW begins with `cw_min` and doubles at each failure, up to `cw_max`. A station that finds the air idle for a DIFS talks
//!   at the next slot. Behind each frame it draws a back-off too, so that nobody sends two in a row at once.
//! - **Frames** ([`timing`]): data, SIFS, acknowledgement. Without an acknowledgement a frame is sent again, `attempts` times in all
//!   ([`DropCause::RetryLimit`]). One whose acknowledgement was lost has come through, and is not handed over twice.
//! - **Collisions**: stations that talk in one slot lose their frames; all wait then for a SIFS, an acknowledgement at the slowest mandatory rate, and a DIFS (EIFS, §10.3.7). All stations hear each other, and
//!   none is heard while it overlaps with another one (no capture).
//! - **Power save** ([`hold`]): a station dozes, but that it wakes for beacons. The access point holds its frames; the beacon says that there are some, and the station
//!   fetches them one by one with PS-Polls, for which it contends as for data; at each the frame comes a SIFS later. What it sends goes at
//!   once. A beacon that is lost is one that says nothing. While the access point has no power, a station that woke for a beacon listens until one comes.
//! - **Groups**: a frame for a group is sent once, at the slowest mandatory rate, without acknowledgement. Where stations save power it waits for a beacon of the DTIM
//!   period; who does not wake for that one misses it ([`DropCause::MissedWindow`]).
//! - Beacons and frames for groups go as soon as the air was idle for a PIFS (our choice: the standard lets them contend). Beacons are sent where a station saves
//!   power; elsewhere they would take 0.3 % of the air and change nothing.
//! - **Loss**: one draw of the stream `loss` of who a frame is for, for data, acknowledgements, PS-Polls and beacons each.
//! - **Energy**: who is awake receives whatever is on the air, and listens when nothing is.
//!
//! # What is not modelled, and what that does to results
//! - RTS and CTS, aggregation, block acknowledgements, QoS, U-APSD, more than one stream or 20 MHz: large transfers over today's Wi-Fi are faster than this. Small
//!   frames are not, much.
//! - Association, DHCP, rate adaptation: stations are associated from the start, at one rate.
//! - Propagation: all is heard at once.
//! - What a frame announces of the air (its duration) stands: where its sender or receiver loses power, others wait as long all the same.
//! - Retry counters of each frame: PS-Polls and data of a station are counted together.
//! - Hidden stations and other cells on the same channel.

mod check;
mod config;
mod dcf;
mod exchange;
mod hold;
#[cfg(test)]
mod tests;
mod timing;

pub use config::{PowerSave, WifiConfig, WifiStation};

use super::adapter::Adapters;
use super::discipline::Discipline;
use super::shared::{Air, At, Backoff, MediumParts, Shared, Takers, timers};
use crate::element::Element;
use crate::energy::{RadioMode, RadioPower};
use crate::link::Framing;
use crate::node::DropCause;
use crate::packet::Packet;
use dcf::Dcf;
use exchange::Exchange;
use hold::{Held, Hold, Urgent};
use protosim_core::{Cx, SimTime, Span, TimerId};
use std::collections::VecDeque;
use timing::Phy;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Wifi {
    pub(super) shared: Shared,
    pub(super) air: Air,
    phy: Phy,
    framing: Framing,
    power: RadioPower,
    attempts: u32,
    /// Contention windows as powers of two.
    min_exponent: u32,
    max_exponent: u32,
    backoff: Backoff,
    adapters: Adapters,
    dcf: Dcf,
    access_point: usize,
    stations: Vec<Station>,
    /// What is on the air, and what follows from it.
    exchange: Option<Exchange>,
    /// From when on the air has been idle for a PIFS.
    urgent_from: SimTime,
    hold: Hold,
}

#[derive(Clone, Debug)]
struct Station {
    is_on: bool,
    is_metered: bool,
    /// Failures of what it tries to send now.
    failures: u32,
    /// The frame that it sends has come through, but its acknowledgement was lost: it goes on with so many IP bytes, to that station.
    ghost: Option<(u64, usize)>,
    /// How it saves power.
    doze: Option<Doze>,
}

/// A station that saves power: why it is awake, and what is held for it.
#[derive(Clone, Debug)]
struct Doze {
    config: PowerSave,
    /// It wakes for this beacon next, by number; they count from 1.
    next_beacon: u64,
    waits_for_beacon: bool,
    waits_for_groups: bool,
    /// It knows that something is held.
    polls: bool,
    /// What the access point holds for it.
    held: VecDeque<Held>,
}

/// What a station sends when it has its turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Job {
    /// A PS-Poll.
    Poll,
    /// A frame of so many IP bytes to a station.
    Data(u64, usize),
    /// A frame of so many IP bytes for a group.
    Group(u64),
}

impl Wifi {
    pub(super) fn new(config: &WifiConfig, parts: &MediumParts<'_>) -> Self {
        let phy = config.phy().expect("another rate was refused with the scenario");
        let station = |own: &super::StationParts| {
            let save = config.stations.get(own.listed).and_then(|station| station.power_save);
            Station {
                is_on: true,
                is_metered: own.hardware.is_some(),
                failures: 0,
                ghost: None,
                doze: save.map(|config| Doze {
                    config,
                    next_beacon: u64::from(config.listen_every),
                    waits_for_beacon: false,
                    waits_for_groups: false,
                    polls: false,
                    held: VecDeque::new(),
                }),
            }
        };
        let is_hub = |station: &super::StationParts| station.listed >= config.stations.len();
        Self {
            shared: Shared::new(parts),
            air: Air::default(),
            phy,
            framing: config.framing(),
            power: config.power(),
            attempts: config.attempts(),
            min_exponent: (config.cw_min() + 1).ilog2(),
            max_exponent: (config.cw_max() + 1).ilog2(),
            backoff: Backoff::new(parts),
            adapters: Adapters::new(config.queue.as_ref(), parts),
            dcf: Dcf::new(parts.stations.len(), phy.slot()),
            access_point: parts.stations.iter().position(is_hub).expect("Wi-Fi has an access point"),
            stations: parts.stations.iter().map(station).collect(),
            exchange: None,
            urgent_from: SimTime::ZERO,
            hold: Hold::new(config),
        }
    }

    fn air_timer(&self) -> TimerId {
        TimerId(self.stations.len() as u32)
    }

    /// What a station would send if it had its turn now.
    fn job(&mut self, index: usize, cx: &mut Cx<'_, Element>) -> Option<Job> {
        let station = &self.stations[index];
        if !station.is_on {
            return None;
        }
        if station.doze.as_ref().is_some_and(|doze| doze.polls) {
            return Some(Job::Poll);
        }
        if let Some((len, to)) = station.ghost {
            return Some(Job::Data(len, to));
        }
        if !self.adapters.fill(index, &mut self.shared, cx) {
            return None;
        }
        let current = self.adapters.current(index).as_ref()?;
        if index != self.access_point {
            return Some(Job::Data(current.len, self.access_point));
        }
        // Those that are for nobody were dropped when they were taken.
        match self.shared.takers(index, &current.packet) {
            Takers::One(to) => Some(Job::Data(current.len, to)),
            _ => Some(Job::Group(current.len)),
        }
    }

    /// A station that may have something new to send asks for the air.
    fn join(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        // One whose own frame is on the air goes on behind that, with the back-off that follows from what became of it.
        if self.exchange.as_ref().is_some_and(|exchange| exchange.is_of(index)) {
            return;
        }
        if self.job(index, cx).is_none() {
            return;
        }
        let exponent = self.exponent(index);
        let backoff = &mut self.backoff;
        self.dcf.join(index, cx.now(), self.exchange.is_some(), || backoff.slots(index, exponent));
        self.go_on(cx);
    }

    fn exponent(&self, index: usize) -> u32 {
        (self.min_exponent + self.stations[index].failures).min(self.max_exponent)
    }

    /// If the air is idle: begins what is urgent, or arms the timer of the air for what comes next.
    fn go_on(&mut self, cx: &mut Cx<'_, Element>) {
        if self.exchange.is_some() {
            return;
        }
        let now = cx.now();
        let urgent = (!self.hold.urgent.is_empty()).then_some(self.urgent_from);
        if urgent.is_some_and(|at| at <= now) {
            return self.begin_urgent(cx);
        }
        match [urgent, self.dcf.next()].into_iter().flatten().min() {
            Some(at) if at > now => cx.arm(self.air_timer(), at),
            // It is due in this very instant, and its timer is armed.
            Some(_) => {}
            None => cx.disarm(self.air_timer()),
        }
    }

    /// The timer of the air: a step of what is on it is over, or somebody has its turn.
    fn on_air(&mut self, cx: &mut Cx<'_, Element>) {
        if self.exchange.is_some() {
            return self.step(cx);
        }
        let now = cx.now();
        if !self.hold.urgent.is_empty() && self.urgent_from <= now {
            self.begin_urgent(cx);
        } else if self.dcf.next().is_some_and(|at| at <= now) {
            self.begin_contended(cx);
        } else {
            self.go_on(cx);
        }
    }

    /// True if the station's radio is on.
    fn is_awake(&mut self, index: usize) -> bool {
        let station = &self.stations[index];
        let has_frame = |adapters: &mut Adapters| adapters.current(index).is_some();
        station.is_on
            && station.doze.as_ref().is_none_or(|doze| {
                doze.waits_for_beacon
                    || doze.waits_for_groups
                    || doze.polls
                    || station.ghost.is_some()
                    || has_frame(&mut self.adapters)
            })
    }

    /// Tells devices what their radios do now.
    fn meter(&mut self, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        for index in 0..self.stations.len() {
            if !self.stations[index].is_metered || !self.stations[index].is_on {
                continue;
            }
            let talkers = self.exchange.as_ref().map(Exchange::talkers).unwrap_or_default();
            let mode = if talkers.contains(&index) {
                RadioMode::Transmit(self.power)
            } else if !talkers.is_empty() && self.is_awake(index) {
                RadioMode::Receive
            } else if self.is_awake(index) {
                RadioMode::Listen
            } else {
                RadioMode::Sleep
            };
            self.shared.radio(index, mode, now);
        }
    }

    /// How long a frame of `len` IP bytes is on air.
    fn airtime(&self, len: u64) -> Span {
        self.phy.data(self.framing.wire_len(len))
    }
}

impl Discipline for Wifi {
    fn shared(&self) -> &Shared {
        &self.shared
    }

    fn shared_mut(&mut self) -> &mut Shared {
        &mut self.shared
    }

    fn own_causes(&self) -> &'static [DropCause] {
        &DropCause::OF_SLEEPERS
    }

    fn held(&self) -> u64 {
        let waiting = |station: &Station| {
            let held = station.doze.iter().flat_map(|doze| &doze.held);
            held.filter(|held| held.packet.is_some()).count()
        };
        let waiting: usize = self.stations.iter().map(waiting).sum();
        self.adapters.held() + (waiting + self.hold.groups.len()) as u64
    }

    fn busy(&self) -> Option<Span> {
        Some(self.air.busy())
    }

    fn start(&mut self, cx: &mut Cx<'_, Element>) {
        // One more than stations: that of the air.
        timers(self.stations.len() + 1, cx);
        for station in 0..self.stations.len() {
            self.arm_wake(station, cx);
        }
        if self.hold.is_used {
            cx.arm(TimerId(self.access_point as u32), self.hold.beacon_at(1));
        }
        self.meter(cx);
    }

    /// A node hands a packet over.
    fn take(&mut self, from: usize, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        if !self.stations[from].is_on {
            return self.shared.drop(&packet, DropCause::NodeDown, At::Sender(from), cx);
        }
        let takers = self.shared.takers(from, &packet);
        let is_out = match &takers {
            Takers::Nobody => true,
            Takers::Several(takers) if takers.is_empty() => true,
            takers => from != self.access_point && !takers.include(self.access_point),
        };
        if is_out {
            return self.shared.drop(&packet, DropCause::OutOfRange, At::Sender(from), cx);
        }
        match takers {
            Takers::One(to) if self.stations[to].doze.is_some() => self.hold_for(to, packet, cx),
            Takers::Several(_) if from == self.access_point && self.hold.is_used => self.hold_for_groups(packet, cx),
            _ => {
                self.adapters.offer(from, packet, &mut self.shared, cx);
                self.join(from, cx);
                self.meter(cx);
            }
        }
    }

    fn on_timer(&mut self, timer: TimerId, cx: &mut Cx<'_, Element>) {
        let timer = timer.0 as usize;
        if timer == self.stations.len() {
            self.on_air(cx);
        } else if timer == self.access_point {
            self.beacon_due(cx);
        } else {
            self.wake(timer, cx);
        }
        self.meter(cx);
    }

    /// A node loses power, and all that was for it and from it is lost; or it has power again.
    fn station_power(&mut self, index: usize, on: bool, cx: &mut Cx<'_, Element>) {
        if std::mem::replace(&mut self.stations[index].is_on, on) == on {
            return;
        }
        if !on {
            self.dcf.leave(index);
            if let Some(exchange) = &mut self.exchange {
                exchange.forget(index);
            }
            self.account(cx.now());
            self.adapters.clear(index, &mut self.shared, cx);
            let station = &mut self.stations[index];
            (station.failures, station.ghost) = (0, None);
            if let Some(doze) = &mut station.doze {
                (doze.waits_for_beacon, doze.waits_for_groups, doze.polls) = (false, false, false);
                self.drop_held(index, cx);
            }
            if index == self.access_point {
                self.drop_all_held(cx);
            }
            self.shared.radio(index, RadioMode::Off, cx.now());
        }
        self.go_on(cx);
        self.meter(cx);
    }
}
