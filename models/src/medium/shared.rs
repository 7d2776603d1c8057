//! What all kinds of media have: stations and their wires, who takes packets for groups, losses, counts.

use super::batteries::Batteries;
use super::config::MediumConfig;
use super::ether::Flaw;
use crate::element::Element;
use crate::energy::{Hardware, RadioMode};
use crate::name::Files;
use crate::node::{DropCause, Fate, LinkEnd, Report};
use crate::packet::Packet;
use crate::queue::Drops;
use protosim_core::kernel::Interests;
use protosim_core::{Cx, Purpose, Ratio, RunSeed, SimTime, Span, Stream, TimerId, WireId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// Draws that decide loss.
const LOSS: Purpose = Purpose("loss");
/// Draws of back-off.
const BACKOFF: Purpose = Purpose("medium.backoff");

/// What a medium is made of.
#[derive(Clone, Debug)]
pub struct MediumParts<'a> {
    /// What the user says.
    pub config: &'a MediumConfig,
    /// Its stations, by number.
    pub stations: Vec<StationParts>,
    /// Who takes packets for groups.
    pub groups: Vec<GroupStations>,
    /// The prefix of its addresses of IPv6; none where it has none.
    pub prefix: Option<Ipv6Addr>,
    /// The luck of the run.
    pub seed: RunSeed,
    /// The files that scenarios name.
    pub files: &'a Arc<Files>,
}

/// A station of a medium.
#[derive(Clone, Debug)]
pub struct StationParts {
    /// Its index in the configuration's list.
    pub listed: usize,
    /// The wire on which its node hands packets over, declared with its number less one as port.
    pub up: WireId,
    /// The wire on which its node gets packets.
    pub down: WireId,
    /// The name that its luck goes by.
    pub stream_name: String,
    /// The device that it is on, whose radio this is; none for one of which nothing is metered.
    pub hardware: Option<Box<Hardware>>,
    /// The wire on which its node is told that the battery is empty; there is one for a device that is metered.
    pub control: Option<WireId>,
}

/// The stations that take what one station sends from a source to a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupStations {
    /// Number of the station that sends, from 1.
    pub from: u16,
    /// The group's address.
    pub group: IpAddr,
    /// An address of the source.
    pub source: IpAddr,
    /// Numbers of the stations that take it.
    pub to: Vec<u16>,
}

/// What has happened on a medium.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MediumCounts {
    /// Frames that were begun, each attempt by itself; on a switch, those that it has taken.
    pub frames: u64,
    /// Those of them that met another one: on a bus, anywhere; on a radio channel, at a station that they were for.
    pub collisions: u64,
    /// Attempts after the first one for a frame; without detection, and on a plain radio channel, waits after the medium was found busy.
    pub retries: u64,
    /// Packets handed to the nodes that they were for, copies counted each.
    pub delivered: u64,
    /// Copies made for several takers: k − 1 for a frame that k stations take.
    pub copied: u64,
    pub(super) dropped: [u64; DropCause::COUNT],
}

impl Default for MediumCounts {
    /// Nothing; by hand, since arrays have a default up to 32 places.
    fn default() -> Self {
        Self { frames: 0, collisions: 0, retries: 0, delivered: 0, copied: 0, dropped: [0; DropCause::COUNT] }
    }
}

impl MediumCounts {
    /// Packets that were dropped for `cause`.
    pub fn dropped(&self, cause: DropCause) -> u64 {
        self.dropped[cause as usize]
    }
}

/// Whom a frame is for, by index of the stations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Takers {
    One(usize),
    /// In order.
    Several(Arc<[usize]>),
    Nobody,
}

impl Takers {
    pub(super) fn include(&self, station: usize) -> bool {
        match self {
            Self::One(taker) => *taker == station,
            Self::Several(takers) => takers.binary_search(&station).is_ok(),
            Self::Nobody => false,
        }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    /// By index: the wire on which it hands over, and that on which it gets.
    wires: Vec<(WireId, WireId)>,
    takers: BTreeMap<(usize, IpAddr, IpAddr), Arc<[usize]>>,
    loss: Ratio,
    /// By receiver; empty without loss.
    luck: Vec<Stream>,
    /// By station; empty where nothing is metered.
    pub(super) hardware: Vec<Option<Box<Hardware>>>,
    /// Batteries; `None` where nothing is metered.
    pub(super) batteries: Option<Box<Batteries>>,
    /// Stations without power.
    pub(super) off: BTreeSet<usize>,
    pub(super) counts: MediumCounts,
}

/// Where a packet is dropped.
#[derive(Clone, Copy, Debug)]
pub(super) enum At {
    Sender(usize),
    Receiver(usize),
}

impl Shared {
    pub(super) fn new(parts: &MediumParts<'_>) -> Self {
        let index = |number: &u16| usize::from(*number) - 1;
        let takers = parts.groups.iter().map(|group| {
            let mut to: Vec<usize> = group.to.iter().map(index).collect();
            to.sort_unstable();
            to.dedup();
            ((index(&group.from), group.group, group.source), to.into())
        });
        let loss = parts.config.loss();
        let luck = parts.stations.iter().map(|station| parts.seed.stream(&station.stream_name, LOSS));
        let is_metered = parts.stations.iter().any(|station| station.hardware.is_some());
        Self {
            wires: parts.stations.iter().map(|station| (station.up, station.down)).collect(),
            takers: takers.collect(),
            loss,
            luck: if loss.is_zero() { Vec::new() } else { luck.collect() },
            hardware: if is_metered {
                parts.stations.iter().map(|station| station.hardware.clone()).collect()
            } else {
                Vec::new()
            },
            batteries: is_metered.then(|| Box::new(Batteries::new(parts))),
            off: BTreeSet::new(),
            counts: MediumCounts::default(),
        }
    }

    pub(super) fn stations(&self) -> usize {
        self.wires.len()
    }

    /// Whom a packet from a station is for.
    pub(super) fn takers(&self, from: usize, packet: &Packet) -> Takers {
        match usize::from(packet.provenance.station) {
            0 => {
                let found = self.takers.get(&(from, packet.dst(), packet.src()));
                found.map_or(Takers::Nobody, |takers| Takers::Several(Arc::clone(takers)))
            }
            number if number <= self.stations() && number != from + 1 => Takers::One(number - 1),
            _ => Takers::Nobody,
        }
    }

    /// The radio of a station is in `mode` from `now` on, for its device to meter. Kinds of media whose stations have radios call this at each
    /// change; without a device it does nothing.
    #[inline]
    pub(super) fn radio(&mut self, station: usize, mode: RadioMode, now: SimTime) {
        if let Some(Some(hardware)) = self.hardware.get_mut(station) {
            // Nothing changes, for most stations at most moments.
            if hardware.stays(mode) {
                return;
            }
            // A device without battery power does nothing more, and a power that it does not have was refused with the scenario.
            let _ = hardware.radio(now, mode);
            if let Some(batteries) = self.batteries.as_mut().filter(|_| hardware.is_on_battery()) {
                batteries.changed.push(station);
            }
        }
    }

    /// The radio of a station turns, to be in `mode` at `at`: what comes on the way there is no part of the time in that mode.
    pub(super) fn radio_by(&mut self, station: usize, mode: RadioMode, now: SimTime, at: SimTime) {
        if let Some(Some(hardware)) = self.hardware.get_mut(station) {
            let _ = hardware.radio_by(now, mode, at);
            if let Some(batteries) = self.batteries.as_mut().filter(|_| hardware.is_on_battery()) {
                batteries.changed.push(station);
            }
        }
    }

    /// True if the device of any station is metered.
    pub(super) fn is_metered_at_all(&self) -> bool {
        !self.hardware.is_empty()
    }

    /// True if the device of a station is metered.
    pub(super) fn is_metered(&self, station: usize) -> bool {
        self.hardware(station).is_some()
    }

    /// The wire on which the node of a station hands packets over.
    pub(super) fn up(&self, station: usize) -> WireId {
        self.wires[station].0
    }

    /// True if a station has no power: it sends and hears nothing.
    #[inline]
    pub(super) fn is_off(&self, station: usize) -> bool {
        !self.off.is_empty() && self.off.contains(&station)
    }

    /// The device of a station, if it is metered.
    pub(super) fn hardware(&self, station: usize) -> Option<&Hardware> {
        self.hardware.get(station)?.as_deref()
    }

    /// Accounts for a packet that goes no further.
    pub(super) fn drop(&mut self, packet: &Packet, cause: DropCause, place: At, cx: &mut Cx<'_, Element>) {
        self.counts.dropped[cause as usize] += 1;
        if cx.wants(Interests::PACKETS) {
            let (wire, end) = match place {
                At::Sender(station) => (self.wires[station].0, LinkEnd::Sender),
                At::Receiver(station) => (self.wires[station].1, LinkEnd::Receiver),
            };
            let (packet, fate) = (packet.clone(), Fate::Dropped(cause));
            cx.report_packet(Report::packet(wire, end, packet, fate));
        }
    }

    /// Accounts for what a station's queue has dropped.
    pub(super) fn dispose(&mut self, drops: &mut Drops, place: At, cx: &mut Cx<'_, Element>) {
        for (packet, cause) in drops.drain(..) {
            self.drop(&packet, cause, place, cx);
        }
    }

    /// Draws whether a station loses what has come through to it.
    pub(super) fn is_lost(&mut self, to: usize) -> bool {
        self.luck.get_mut(to).is_some_and(|luck| luck.chance(self.loss))
    }

    /// Hands a packet that has come through to the node of a station, `delay` from now, unless it is lost.
    pub(super) fn hand_over(&mut self, packet: Box<Packet>, to: usize, delay: Span, cx: &mut Cx<'_, Element>) {
        if self.is_off(to) {
            return self.drop(&packet, DropCause::NodeDown, At::Receiver(to), cx);
        }
        if self.is_lost(to) {
            return self.drop(&packet, DropCause::Lost, At::Receiver(to), cx);
        }
        self.deliver(packet, to, delay, cx);
    }

    /// Hands a packet to the node of a station, `delay` from now.
    pub(super) fn deliver(&mut self, packet: Box<Packet>, to: usize, delay: Span, cx: &mut Cx<'_, Element>) {
        self.counts.delivered += 1;
        let now = cx.now();
        cx.send(self.wires[to].1, now, Some(now.saturating_add(delay.max(Span::NANOSECOND))), packet);
    }

    /// What becomes of a frame that has been sent: at each station that hears it and that it is for, it has come through
    /// or was met by another one.
    pub(super) fn finish(
        &mut self,
        packet: Box<Packet>,
        from: usize,
        heard: &[(usize, Option<Flaw>)],
        delay: Span,
        cx: &mut Cx<'_, Element>,
    ) {
        let Some((last, others)) = heard.split_last() else {
            return self.drop(&packet, DropCause::OutOfRange, At::Sender(from), cx);
        };
        self.counts.copied += others.len() as u64;
        self.counts.collisions += u64::from(heard.iter().any(|(_, flaw)| *flaw == Some(Flaw::Met)));
        for taker in others {
            self.receive(packet.clone(), *taker, delay, cx);
        }
        self.receive(packet, *last, delay, cx);
    }

    fn receive(
        &mut self,
        packet: Box<Packet>,
        (to, flaw): (usize, Option<Flaw>),
        delay: Span,
        cx: &mut Cx<'_, Element>,
    ) {
        match flaw {
            Some(Flaw::Met) if !self.is_off(to) => self.drop(&packet, DropCause::Collision, At::Receiver(to), cx),
            // Off now, or for a part of it.
            Some(_) => self.drop(&packet, DropCause::NodeDown, At::Receiver(to), cx),
            None => self.hand_over(packet, to, delay, cx),
        }
    }
}

/// Draws of back-off, one stream for each station.
#[derive(Clone, Debug)]
pub(super) struct Backoff(Vec<Stream>);

impl Backoff {
    pub(super) fn new(parts: &MediumParts<'_>) -> Self {
        Self(parts.stations.iter().map(|station| parts.seed.stream(&station.stream_name, BACKOFF)).collect())
    }

    /// A number below `bound`, each as likely.
    pub(super) fn below(&mut self, station: usize, bound: u64) -> u64 {
        self.0[station].below(bound)
    }

    /// From 0 to 2^`exponent` − 1 units of `unit`, each as likely.
    pub(super) fn draw(&mut self, station: usize, exponent: u32, unit: Span) -> Span {
        unit.saturating_mul(self.slots(station, exponent))
    }

    /// From 0 to 2^`exponent` − 1, each as likely.
    pub(super) fn slots(&mut self, station: usize, exponent: u32) -> u64 {
        self.0[station].below(1 << exponent.min(62))
    }
}

/// For how long somebody talks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Air {
    talking: u32,
    since: SimTime,
    busy: Span,
}

impl Air {
    pub(super) fn begin(&mut self, now: SimTime) {
        if self.talking == 0 {
            self.since = now;
        }
        self.talking += 1;
    }

    pub(super) fn end(&mut self, now: SimTime) {
        self.talking -= 1;
        if self.talking == 0 {
            self.busy = self.busy.saturating_add(now.saturating_since(self.since));
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.talking > 0
    }

    pub(super) fn busy(&self) -> Span {
        self.busy
    }
}

/// Makes a timer for each station; their numbers are the stations' indices.
pub(super) fn timers(stations: usize, cx: &mut Cx<'_, Element>) {
    for station in 0..stations {
        let timer = cx.new_timer(station as u64, "station");
        debug_assert_eq!(timer, TimerId(station as u32));
    }
}
