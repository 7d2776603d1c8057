//! Connections of Bluetooth Low Energy: a central, its peripherals, and the events at which they meet (Bluetooth Core Specification, Vol 6 Part B).
//!
//! ```text
//!  node ─▶ queue ─▶ IPHC ─▶ K-frames, one in a PDU ─▶ events: sent until acknowledged ─▶ put together, expanded ─▶ node
//!
//!  interval     ├─ part of peripheral 1 ─┼─ part of peripheral 2 ─┼─ part of peripheral 3 ─┤
//!  central      │C T_IFS . T_IFS C ...   │C T_IFS .               │C                       │
//!  peripheral  w│.       P       .       w.       P               │(sleeps: latency)       │
//! ```
//! - **Events.** Each peripheral has an even part of the interval for itself, in which the central serves it: its anchor points are at the begin of that part, and its events are over at
//!   the end. The central sends first, T_IFS later the peripheral answers, and so on while either says that it has more (the bit MD) and there is room for what the central
//!   has and the longest answer. An interval of its own is a whole multiple of that of all.
//! - **Acknowledgement** is by SN and NESN (§4.5.9): a PDU is sent again until it is acknowledged, an empty one too, before anything else. A lost PDU ends its event, and costs time, but
//!   no packet. Which PDUs are lost is drawn, one draw for each that somebody listens for, with the probability of the event's channel (§4.5.8).
//! - **Latency.** A peripheral that has nothing to send or to be acknowledged sleeps through events. Its window opens as much before the anchor as both clocks may be off since the last one that
//!   it has heard, and 16 us ([`ConnectionConfig::widening`]).
//! - **Supervision.** An end that has heard nothing for the time-out gives the connection up, each by itself. What it held is dropped as [`DropCause::ConnectionLost`], and so is what
//!   its node hands over until there is a connection again. The peripheral advertises then, and the central, which scans while it misses somebody, asks for a connection; see `advertise`.
//!   All are connected at the start of a run.
//! - **Packets.** IPv6 with compressed headers goes as one SDU of L2CAP each (RFC 7668 §3): 2 bytes of its length in the first K-frame, 4 of header in each, and as many frames as that
//!   takes, each as long as a PDU. What waits at the central for a peripheral is bounded ([`DropCause::HeldFull`]), and at the peripheral by its `queue`.
//! - **Groups**: each peripheral that takes a packet for a group gets one of its own (RFC 7668 §3.2.5).
//! - **What is counted.** Frames are all PDUs, empty ones and those of advertising too; retries are those with data that are sent again. A packet is delivered when its last
//!   frame has come.
//! - **Energy.** The radio sleeps but for events and advertising. A peripheral listens from the opening of its window, both ends listen through T_IFS but for the time it takes to turn, and who hears nothing knows it
//!   after preamble and access address.
//!
//! # What is not modelled, and what that does to results
//! - Other networks and other centrals on the air; two peripherals that advertise at once. `loss` and `channel_loss` stand for them.
//! - A PDU that comes damaged: it is lost whole, as if its access address had not been seen. (With a wrong check an event may go on.)
//! - Credits: an end never waits for any, and what gives them back takes no air time, 12 bytes for a packet or some.
//! - What is said when a connection is made (versions, features, data length, encryption, the L2CAP channel, router and neighbour discovery): it is ready at its first event. Nor are its
//!   parameters, PHY and channels ever changed. Advertising is on 1M whatever the PHY.
//! - Where in its transmit window the first anchor is: the peripheral knows it.
//! - The drift itself: a peripheral opens its window earlier for it, but the anchor is where it would be without.
//! - Latency of a central, broadcast, periodic advertising, isochronous channels, several centrals for a peripheral.
//!
//! | file | what |
//! |---|---|
//! | `config`, `check` | what a user says, and what can be wrong with it |
//! | `phy`, `channels` | time on air, and which channel |
//! | `link` | a connection: sequence numbers, what is sent next, what has come |
//! | `event` | connection events |
//! | `advertise` | connections lost and made again |
//! | `ip` | IPv6 and its compression |

mod advertise;
mod channels;
mod check;
mod config;
mod event;
mod ip;
mod link;
mod phy;
#[cfg(test)]
mod tests;

pub use channels::Hopping;
pub use config::{BleChannelLoss, BleConfig, BleStation};
pub use phy::BlePhy;

use super::adapter::Adapters;
use super::discipline::Discipline;
use super::shared::{Air, At, MediumParts, Shared, Takers, timers};
use crate::element::Element;
use crate::energy::ble::End;
use crate::energy::{RadioMode, RadioPower};
use crate::lowpan::{Context, Contexts};
use crate::node::DropCause;
use crate::packet::Packet;
use channels::Hops;
use link::{Agenda, Link, Sending, Side};
use protosim_core::{Cx, Purpose, Ratio, SimTime, Span, TimerId};

#[cfg(doc)]
use crate::energy::ble::ConnectionConfig;

/// Losses of what the central and of what a peripheral would hear.
const LUCK: [Purpose; 2] = [Purpose("medium.ble.up"), Purpose("medium.ble.down")];
/// Access addresses, increments, delays; of the central, when its first anchor is.
const DRAWS: Purpose = Purpose("medium.ble");

/// What has happened beside what all media count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BleCounts {
    /// How often an end has given its connection up.
    pub lost: u64,
    /// Connections that were made again.
    pub made: u64,
    /// Advertisements, each channel by itself.
    pub advertisements: u64,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Ble {
    pub(super) shared: Shared,
    pub(super) own_counts: BleCounts,
    /// The central's station.
    central: usize,
    is_central_on: bool,
    /// In whose event the central is.
    active: Option<usize>,
    /// Until when it is busy with an advertisement.
    taken_until: SimTime,
    settings: Settings,
    adapters: Adapters,
    air: Air,
    /// By peripheral, in order of stations.
    links: Vec<Link>,
}

/// What is the same for all connections.
#[derive(Clone, Debug)]
struct Settings {
    phy: BlePhy,
    /// Bytes of the longest payload, and what encryption adds.
    data_length: u64,
    mic: u64,
    /// The longest PDU.
    longest: Span,
    interval: Span,
    /// Each peripheral's part of it.
    slot: Span,
    hopping: Hopping,
    used: Vec<u8>,
    /// By channel.
    loss_on: Vec<Ratio>,
    advertising: Span,
    power: RadioPower,
    held: usize,
    contexts: Contexts,
}

impl Settings {
    fn new(config: &BleConfig, parts: &MediumParts<'_>) -> Self {
        let mut contexts = Contexts::default();
        contexts.set(0, parts.prefix.and_then(|prefix| Context::new(prefix, 64)));
        Self {
            phy: config.phy,
            data_length: config.data_length(),
            mic: config.mic(),
            longest: config.longest(),
            interval: config.interval(),
            slot: config.slot(),
            hopping: config.hopping.unwrap_or_default(),
            used: config.used(),
            loss_on: (0..40).map(|channel| config.loss_on(channel)).collect(),
            advertising: config.advertising(),
            power: config.power(),
            held: config.held(),
            contexts,
        }
    }

    /// How long a PDU with so many bytes of payload is on the air.
    fn airtime(&self, len: u64) -> Span {
        self.phy.airtime(if len == 0 { 0 } else { len + self.mic })
    }

    /// Probability that a PDU on a channel is lost.
    fn loss_on(&self, channel: u8) -> Ratio {
        self.loss_on.get(usize::from(channel)).copied().unwrap_or_default()
    }
}

impl Ble {
    pub(super) fn new(config: &BleConfig, parts: &MediumParts<'_>) -> Self {
        let is_central = |station: &super::StationParts| station.listed >= config.stations.len();
        let central = parts.stations.iter().position(is_central).expect("a central was required");
        let settings = Settings::new(config, parts);
        let mut draws = parts.seed.stream(&parts.stations[central].stream_name, DRAWS);
        let drawn = draws.span_between(Span::ZERO, settings.interval.saturating_sub(Span::NANOSECOND));
        let first = SimTime::ZERO.saturating_add(config.first_anchor.unwrap_or(drawn));
        let peripherals = parts.stations.iter().filter(|station| !is_central(station));
        let link = |(index, station): (usize, &super::StationParts)| {
            let stream = |purpose| parts.seed.stream(&station.stream_name, purpose);
            let mut draws = stream(DRAWS);
            let slot = first.saturating_add(settings.slot.saturating_mul(index as u64));
            let mut link = Link {
                config: config.connection(&config.stations[station.listed]),
                slot,
                first: slot,
                next: 0,
                heard: None,
                sides: [Side::default(), Side::default()],
                hops: Hops::draw(settings.hopping, &mut draws),
                luck: LUCK.map(stream),
                draws,
                is_open: false,
                event: None,
                advertising: None,
                agenda: Agenda::default(),
            };
            link.sides.iter_mut().for_each(|side| side.begin(slot, true));
            link
        };
        Self {
            shared: Shared::new(parts),
            own_counts: BleCounts::default(),
            central,
            is_central_on: true,
            active: None,
            taken_until: SimTime::ZERO,
            adapters: Adapters::new(config.queue.as_ref(), parts),
            air: Air::default(),
            links: peripherals.enumerate().map(link).collect(),
            settings,
        }
    }

    /// The station of a peripheral.
    fn station_of(&self, link: usize) -> usize {
        link + usize::from(link >= self.central)
    }

    /// The peripheral at a station, which is not the central's.
    fn link_of(&self, station: usize) -> usize {
        station - usize::from(station > self.central)
    }

    fn station_at(&self, link: usize, end: End) -> usize {
        if end == End::Central { self.central } else { self.station_of(link) }
    }

    fn radio(&mut self, link: usize, end: End, mode: RadioMode, cx: &mut Cx<'_, Element>) {
        self.shared.radio(self.station_at(link, end), mode, cx.now());
    }

    /// The radio of an end is in `mode` so much later.
    fn radio_by(&mut self, link: usize, end: End, mode: RadioMode, after: Span, cx: &mut Cx<'_, Element>) {
        let at = cx.now().saturating_add(after);
        self.shared.radio_by(self.station_at(link, end), mode, cx.now(), at);
    }

    /// An end has nothing to do until its next event: a peripheral sleeps, and so does the central if it misses nobody.
    fn rest(&mut self, link: usize, end: End, cx: &mut Cx<'_, Element>) {
        if end == End::Peripheral {
            return self.radio(link, end, RadioMode::Sleep, cx);
        }
        if self.active == Some(link) {
            self.active = None;
        }
        self.rest_central(cx);
    }

    fn rest_central(&mut self, cx: &mut Cx<'_, Element>) {
        let (now, central) = (cx.now(), self.central);
        if !self.is_central_on || self.active.is_some() || !self.shared.is_metered(central) {
            return;
        }
        let misses = self.links.iter().any(|link| !link.is_up(End::Central));
        self.shared.radio(central, if misses { RadioMode::Listen } else { RadioMode::Sleep }, now);
        if let Some(at) = self.next_anchor() {
            self.shared.radio_by(central, RadioMode::Transmit(self.settings.power), now, at);
        }
    }

    /// When the central has its next event.
    fn next_anchor(&self) -> Option<SimTime> {
        let own = self.links.iter().filter(|link| link.is_up(End::Central) && link.event.is_none());
        own.map(|link| link.anchor(link.next)).min()
    }

    /// Does all of a connection that is due now, and arms its timer for what comes next.
    fn settle(&mut self, link: usize, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        loop {
            if let Some(step) = self.links[link].agenda.take(now) {
                self.step(link, step, cx);
            } else if let Some(end) = self.links[link].expired(now) {
                self.lose(link, end, DropCause::ConnectionLost, cx);
            } else {
                break;
            }
        }
        let timer = TimerId(self.station_of(link) as u32);
        match self.links[link].due() {
            Some(at) => cx.arm(timer, at),
            None => cx.disarm(timer),
        }
    }

    /// An end turns to its next packet, if it has none.
    fn fill(&mut self, link: usize, end: End, cx: &mut Cx<'_, Element>) {
        let station = self.station_at(link, end);
        while self.links[link].is_up(end) && self.links[link].side(end).sending.is_none() {
            let next = match end {
                End::Central => self.links[link].side(end).waiting.pop_front(),
                End::Peripheral if self.adapters.fill(station, &mut self.shared, cx) => {
                    self.adapters.current(station).take().map(|next| next.packet)
                }
                End::Peripheral => None,
            };
            let Some(packet) = next else { return };
            match self.settings.compress(&packet.to_rope(), self.ends(link, end)) {
                Some(content) => self.links[link].side(end).sending = Some(Sending::new(packet, content)),
                None => self.shared.drop(&packet, DropCause::Undecodable, At::Sender(station), cx),
            }
        }
    }

    /// The central hands a packet over.
    fn take_down(&mut self, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        let takers = match self.shared.takers(self.central, &packet) {
            Takers::Nobody => return self.shared.drop(&packet, DropCause::OutOfRange, At::Sender(self.central), cx),
            Takers::One(to) => vec![to],
            Takers::Several(takers) => takers.to_vec(),
        };
        let Some((last, others)) = takers.split_last() else {
            return self.shared.drop(&packet, DropCause::OutOfRange, At::Sender(self.central), cx);
        };
        self.shared.counts.copied += others.len() as u64;
        for to in others {
            self.hold(*to, packet.clone(), cx);
        }
        self.hold(*last, packet, cx);
    }

    /// The central holds a packet for a peripheral until its next events.
    fn hold(&mut self, to: usize, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        let link = self.link_of(to);
        let most = self.settings.held;
        let side = self.links[link].side(End::Central);
        let cause = match () {
            () if !side.is_up => DropCause::ConnectionLost,
            () if side.held() >= most => DropCause::HeldFull,
            () => return side.waiting.push_back(packet),
        };
        self.shared.drop(&packet, cause, At::Sender(self.central), cx);
    }
}

impl Discipline for Ble {
    fn shared(&self) -> &Shared {
        &self.shared
    }

    fn shared_mut(&mut self) -> &mut Shared {
        &mut self.shared
    }

    fn own_causes(&self) -> &'static [DropCause] {
        &DropCause::OF_CONNECTIONS
    }

    fn held(&self) -> u64 {
        let sides = self.links.iter().flat_map(|link| &link.sides);
        self.adapters.held() + sides.map(Side::held).sum::<usize>() as u64
    }

    fn busy(&self) -> Option<Span> {
        Some(self.air.busy())
    }

    fn start(&mut self, cx: &mut Cx<'_, Element>) {
        timers(self.links.len() + 1, cx);
        for link in 0..self.links.len() {
            self.plan(link, cx);
            self.settle(link, cx);
        }
        self.rest_central(cx);
    }

    fn take(&mut self, from: usize, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        if self.shared.is_off(from) {
            return self.shared.drop(&packet, DropCause::NodeDown, At::Sender(from), cx);
        }
        if from == self.central {
            return self.take_down(packet, cx);
        }
        let link = self.link_of(from);
        if !self.shared.takers(from, &packet).include(self.central) {
            return self.shared.drop(&packet, DropCause::OutOfRange, At::Sender(from), cx);
        }
        if !self.links[link].is_up(End::Peripheral) {
            return self.shared.drop(&packet, DropCause::ConnectionLost, At::Sender(from), cx);
        }
        self.adapters.offer(from, packet, &mut self.shared, cx);
        self.wake(link, cx);
        self.settle(link, cx);
    }

    fn on_timer(&mut self, timer: TimerId, cx: &mut Cx<'_, Element>) {
        self.settle(self.link_of(timer.0 as usize), cx);
    }

    /// A station loses power: its ends of connections are gone at once, and the others notice by their time-outs. With power again, a peripheral advertises and the
    /// central scans.
    fn station_power(&mut self, station: usize, is_on: bool, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        let links = match station == self.central {
            true => 0..self.links.len(),
            false => self.link_of(station)..self.link_of(station) + 1,
        };
        let end = if station == self.central { End::Central } else { End::Peripheral };
        if end == End::Central {
            self.is_central_on = is_on;
        }
        if is_on {
            self.shared.radio(station, RadioMode::Sleep, now);
            self.rest_central(cx);
        }
        for link in links {
            match (end, is_on) {
                (_, false) => {
                    self.lose(link, end, DropCause::NodeDown, cx);
                    if end == End::Peripheral {
                        self.stop_advertising(link, cx);
                    }
                }
                (End::Peripheral, true) if !self.links[link].is_up(end) => {
                    self.stop_advertising(link, cx);
                    self.advertise(link, now, cx);
                }
                _ => {}
            }
            self.settle(link, cx);
        }
        if !is_on {
            self.shared.radio(station, RadioMode::Off, now);
        }
    }
}
