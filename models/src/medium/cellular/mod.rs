//! Cells of NB-IoT and LTE-M: devices that sleep most of the time, and a network that holds what comes for them.
//!
//! ```text
//!   device ── queue ──▶ modem: connects, sends ── delay ─────────────────────▶ gateway
//!   device ◀── modem: paged or awake, receives ◀── held for it ◀── delay ──── gateway
//! ```
//! - **Uplink**: a packet waits in the device's queue until its modem is connected ([`Modem`](crate::energy::Modem): RRC, connected DRX, idle, eDRX, PSM)
//!   and its radio free. It is at the gateway one delay after its last bit.
//! - **Downlink**: a packet is at the base station one delay after the gateway has handed it over. There it waits: for the paging occasion and the connection
//!   of a device that is idle, for the next on-period of one in connected DRX, for the uplink or T3412 of one in PSM. What the network holds for a
//!   device is bounded ([`DropCause::HeldFull`]), and so may be its time there ([`DropCause::HeldTooLong`]): a window that is missed so is a lost packet.
//! - A device sends or receives one packet at a time (half duplex). If packets wait both ways, they take turns.
//! - A device that is switched on connects and updates its tracking area. At the start of a run all have just been released.
//! - **Loss** is what is left after HARQ and RLC have repeated: one draw for each packet at its end, of the stream `loss` of the receiver.
//!   Its air time was used.
//! - **Energy**: the device's radio is metered by what its modem does. A device that is metered has two events for each paging occasion; one that is not has none
//!   while it sleeps.
//!
//! # What is not modelled, and what that does to results
//! - Devices do not share the air: a cell has room for all of them. A crowded cell is slower than said here, and its random access collides.
//! - Coverage is `repetitions`, which stretch packets alone. Connections and updates of a device in bad coverage take as long as is said of the cell.
//! - Groups: a packet for a group is sent to each of its devices by itself, as no cell here broadcasts.
//! - What the modem's page lists ([`cellular`](crate::energy::cellular)).
//!
//! Devices reach the gateway alone. One that forwards lets them reach each other and what is behind it.

mod check;
mod config;
#[cfg(test)]
mod tests;

pub use config::{CellStation, CellularConfig, ConnectedDrxConfig, EdrxConfig, PsmConfig};

use super::adapter::Adapters;
use super::discipline::Discipline;
use super::shared::{At, MediumParts, Shared, Takers, timers};
use crate::element::Element;
use crate::energy::cellular::{CellularConfig as Agreement, Event, Modem};
use crate::energy::{RadioMode, RadioPower};
use crate::link::Framing;
use crate::node::DropCause;
use crate::packet::Packet;
use protosim_core::{Cx, Purpose, Rate, SimTime, Span, TimerId};
use std::collections::VecDeque;

/// Draws of paging occasions.
const PAGING: Purpose = Purpose("medium.paging");
/// Paging occasions begin with radio frames (3GPP TS 36.304 §7.1).
const RADIO_FRAME: Span = Span::from_millis(10);

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) shared: Shared,
    /// The gateway's station.
    gateway: usize,
    delay: Span,
    rate_up: Rate,
    rate_down: Rate,
    framing: Framing,
    power: RadioPower,
    held: usize,
    hold_time: Option<Span>,
    adapters: Adapters,
    /// By station; the gateway's is not used.
    devices: Vec<Device>,
    /// What is on its way from the gateway to the base station, with the instant when it is there, in order.
    underway: VecDeque<(SimTime, usize, Box<Packet>)>,
    /// What modems have just done; empty between calls.
    events: Vec<(SimTime, Event)>,
}

#[derive(Clone, Debug)]
struct Device {
    modem: Modem,
    agreement: Agreement,
    /// How many times as long as without repetition its packets take.
    repetitions: u64,
    is_metered: bool,
    is_on: bool,
    /// The packet that has its turn in the adapter is with the modem.
    sends: bool,
    /// What the network holds for it, in order. The first one is with the modem.
    waiting: VecDeque<Waiting>,
    /// Number of the last packet that was held.
    last: u64,
}

#[derive(Clone, Debug)]
struct Waiting {
    id: u64,
    since: SimTime,
    is_offered: bool,
    packet: Box<Packet>,
}

impl Cell {
    pub(super) fn new(config: &CellularConfig, parts: &MediumParts<'_>) -> Self {
        let device = |index: usize| {
            let own = &parts.stations[index];
            // The gateway is listed last, behind the devices; it has no modem, and what stands here for one is idle for ever.
            let listed = config.stations.get(own.listed);
            let agreement = listed.map_or(Agreement::nb_iot(), |station| {
                let agreement = config.agreement(station);
                let cycle = agreement.extended.map_or(agreement.drx, |extended| extended.cycle);
                let frames = cycle.as_nanos().div_ceil(RADIO_FRAME.as_nanos());
                let drawn = || RADIO_FRAME * parts.seed.stream(&own.stream_name, PAGING).below(frames);
                Agreement { offset: station.offset.unwrap_or_else(drawn), ..agreement }
            });
            Device {
                modem: Self::modem(agreement, SimTime::ZERO),
                agreement,
                repetitions: u64::from(listed.and_then(|station| station.repetitions).unwrap_or(1)),
                is_metered: own.hardware.is_some(),
                is_on: true,
                sends: false,
                waiting: VecDeque::new(),
                last: 0,
            }
        };
        let is_gateway = |station: &super::StationParts| station.listed >= config.stations.len();
        Self {
            shared: Shared::new(parts),
            gateway: parts.stations.iter().position(is_gateway).expect("a cell has a gateway"),
            delay: config.delay(),
            rate_up: config.rate_up(),
            rate_down: config.rate_down(),
            framing: parts.config.framing(),
            power: config.power(),
            held: config.held(),
            hold_time: config.hold_time,
            adapters: Adapters::new(config.queue.as_ref(), parts),
            devices: (0..parts.stations.len()).map(device).collect(),
            underway: VecDeque::new(),
            events: Vec::new(),
        }
    }

    fn modem(agreement: Agreement, now: SimTime) -> Modem {
        Modem::new(agreement, now).expect("what contradicts itself was refused with the scenario")
    }

    /// The gateway hands a packet over.
    fn take_down(&mut self, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        let there = cx.now().saturating_add(self.delay);
        match self.shared.takers(self.gateway, &packet) {
            Takers::Nobody => self.shared.drop(&packet, DropCause::OutOfRange, At::Sender(self.gateway), cx),
            Takers::One(to) => self.underway.push_back((there, to, packet)),
            Takers::Several(takers) => {
                let Some((last, others)) = takers.split_last() else {
                    return self.shared.drop(&packet, DropCause::OutOfRange, At::Sender(self.gateway), cx);
                };
                self.shared.counts.copied += others.len() as u64;
                self.underway.extend(others.iter().map(|to| (there, *to, packet.clone())));
                self.underway.push_back((there, *last, packet));
            }
        }
        self.come_down(cx);
    }

    /// Packets are at the base station.
    fn come_down(&mut self, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        while self.underway.front().is_some_and(|(at, ..)| *at <= now) {
            let Some((_, to, packet)) = self.underway.pop_front() else { return };
            let device = &mut self.devices[to];
            if !device.is_on {
                self.shared.drop(&packet, DropCause::NodeDown, At::Receiver(to), cx);
            } else if device.waiting.len() >= self.held {
                self.shared.drop(&packet, DropCause::HeldFull, At::Receiver(to), cx);
            } else {
                device.last += 1;
                device.waiting.push_back(Waiting { id: device.last, since: now, is_offered: false, packet });
                self.settle(to, cx);
            }
        }
        if let Some((at, ..)) = self.underway.front() {
            cx.arm(TimerId(self.gateway as u32), *at);
        }
    }

    /// Does all of a device that is due now, meters its radio, and arms its timer for what comes next.
    fn settle(&mut self, station: usize, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        if !self.devices[station].is_on {
            return;
        }
        loop {
            let mut events = std::mem::take(&mut self.events);
            self.devices[station].modem.handle_timeout(now, &mut events);
            for (_, event) in events.drain(..) {
                match event {
                    Event::Sent(_) => self.sent(station, cx),
                    Event::Received(id) => self.received(station, id, cx),
                    Event::Paged | Event::Connected | Event::Released | Event::Saving | Event::Updated => {}
                }
            }
            self.events = events;
            // What is dropped may have been what the network kept the connection for.
            let (is_less, is_more) = (self.expire(station, cx), self.offer(station, cx));
            if !is_less && !is_more {
                break;
            }
        }
        let device = &self.devices[station];
        let due = match device.is_metered {
            true => {
                let mode = device.modem.activity(now).mode(self.power);
                self.shared.radio(station, mode, now);
                device.modem.next_activity(now)
            }
            false => device.modem.poll_timeout().map(|(at, _)| at),
        };
        let expires = |waiting: &Waiting| self.hold_time.map(|time| waiting.since.saturating_add(time));
        let expiry = device.waiting.iter().filter_map(expires).find(|at| *at > now);
        match [due, expiry].into_iter().flatten().min() {
            Some(at) => cx.arm(TimerId(station as u32), at),
            None => cx.disarm(TimerId(station as u32)),
        }
    }

    /// A packet of a device has left.
    fn sent(&mut self, station: usize, cx: &mut Cx<'_, Element>) {
        self.devices[station].sends = false;
        let Some(sent) = self.adapters.current(station).take() else { return };
        self.shared.counts.frames += 1;
        let takers = self.shared.takers(station, &sent.packet);
        let heard = [(self.gateway, None)];
        let heard = if takers.include(self.gateway) { &heard[..] } else { &[] };
        self.shared.finish(sent.packet, station, heard, self.delay, cx);
    }

    /// A packet has come to a device.
    fn received(&mut self, station: usize, id: u64, cx: &mut Cx<'_, Element>) {
        let Some(received) = self.devices[station].waiting.pop_front() else { return };
        debug_assert_eq!(received.id, id);
        self.shared.counts.frames += 1;
        self.shared.hand_over(received.packet, station, Span::ZERO, cx);
    }

    /// Drops what was held for too long. What is in the air is not held any more. True if there was something.
    fn expire(&mut self, station: usize, cx: &mut Cx<'_, Element>) -> bool {
        let (now, Some(time)) = (cx.now(), self.hold_time) else { return false };
        let device = &mut self.devices[station];
        let first = device.waiting.front().is_some_and(|first| {
            first.since.saturating_add(time) <= now && first.is_offered && !device.modem.withdraw(first.id)
        });
        let in_the_air = usize::from(first);
        let mut is_less = false;
        while device.waiting.get(in_the_air).is_some_and(|waiting| waiting.since.saturating_add(time) <= now) {
            let Some(expired) = device.waiting.remove(in_the_air) else { break };
            self.shared.drop(&expired.packet, DropCause::HeldTooLong, At::Receiver(station), cx);
            is_less = true;
        }
        is_less
    }

    /// Gives the modem the next packet of each way, if it has none. True if it got one.
    fn offer(&mut self, station: usize, cx: &mut Cx<'_, Element>) -> bool {
        let now = cx.now();
        let mut is_new = false;
        if !self.devices[station].sends && self.adapters.fill(station, &mut self.shared, cx) {
            let len = self.adapters.current(station).as_ref().map_or(0, |own| own.len);
            let airtime = self.airtime(station, self.rate_up, len);
            let device = &mut self.devices[station];
            device.modem.send(now, 0, airtime, &mut self.events);
            device.sends = true;
            is_new = true;
        }
        let device = &self.devices[station];
        if let Some((id, len)) =
            device.waiting.front().filter(|first| !first.is_offered).map(|first| (first.id, first.packet.wire_len()))
        {
            let airtime = self.airtime(station, self.rate_down, len);
            let device = &mut self.devices[station];
            device.waiting[0].is_offered = true;
            device.modem.arrive(now, id, airtime, &mut self.events);
            is_new = true;
        }
        is_new
    }

    /// How long a packet of `len` IP bytes is on air, all repetitions together.
    fn airtime(&self, station: usize, rate: Rate, len: u64) -> Span {
        let (once, _) = rate.serialise(self.framing.wire_len(len), 0);
        once.saturating_mul(self.devices[station].repetitions).max(Span::NANOSECOND)
    }
}

impl Discipline for Cell {
    fn shared(&self) -> &Shared {
        &self.shared
    }

    fn shared_mut(&mut self) -> &mut Shared {
        &mut self.shared
    }

    fn own_causes(&self) -> &'static [DropCause] {
        &DropCause::OF_SLEEPERS[..2]
    }

    fn held(&self) -> u64 {
        let waiting: usize = self.devices.iter().map(|device| device.waiting.len()).sum();
        self.adapters.held() + (self.underway.len() + waiting) as u64
    }

    fn busy(&self) -> Option<Span> {
        None
    }

    fn start(&mut self, cx: &mut Cx<'_, Element>) {
        timers(self.devices.len(), cx);
        for station in 0..self.devices.len() {
            if station != self.gateway {
                self.settle(station, cx);
            }
        }
    }

    fn take(&mut self, from: usize, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        if from == self.gateway {
            return self.take_down(packet, cx);
        }
        if !self.devices[from].is_on {
            return self.shared.drop(&packet, DropCause::NodeDown, At::Sender(from), cx);
        }
        self.adapters.offer(from, packet, &mut self.shared, cx);
        self.settle(from, cx);
    }

    fn on_timer(&mut self, timer: TimerId, cx: &mut Cx<'_, Element>) {
        let station = timer.0 as usize;
        if station == self.gateway { self.come_down(cx) } else { self.settle(station, cx) }
    }

    /// A device loses power, and all that was for it and from it is lost; or it has power again.
    fn station_power(&mut self, station: usize, on: bool, cx: &mut Cx<'_, Element>) {
        if station == self.gateway || self.devices[station].is_on == on {
            return;
        }
        let now = cx.now();
        let device = &mut self.devices[station];
        device.is_on = on;
        device.modem = Self::modem(device.agreement, now);
        if on {
            device.modem.attach(now);
            return self.settle(station, cx);
        }
        device.sends = false;
        for waiting in std::mem::take(&mut device.waiting) {
            self.shared.drop(&waiting.packet, DropCause::NodeDown, At::Receiver(station), cx);
        }
        self.adapters.clear(station, &mut self.shared, cx);
        cx.disarm(TimerId(station as u32));
        self.shared.radio(station, RadioMode::Off, now);
    }
}
