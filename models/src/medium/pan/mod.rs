//! IEEE 802.15.4 with 6LoWPAN: unslotted CSMA/CA, acknowledgements, fragments, children that sleep.
//!
//! A node hands IPv6 packets over; what is on the air are real frames ([`crate::ieee802154`]) with compressed headers and fragments
//! ([`crate::lowpan`]). Who hears whom, and what overlaps where, is as on any radio channel ([`super::ether`]).
//!
//! ```text
//!  node ─▶ queue ─▶ compress, cut ─▶ CSMA/CA, retries ─▶ air ─▶ copies dropped, acknowledged ─▶ put together ─▶ node
//!             └─▶ queue for a child that sleeps ─▶ its data request
//! ```
//! - **Addresses.** A station's short or extended address is made from its number. The PAN's prefix is context 0, up to the number: addresses
//!   of stations take no bytes in frames between them.
//! - **Access.** Each frame waits, listens for 128 µs, turns around for 192 µs, and goes; an acknowledgement goes 192 µs after its frame without
//!   listening. Who is about to acknowledge or does so finds the channel busy itself. After a frame (and its acknowledgement) its sender
//!   rests for an interframe space.
//! - **One packet at a time.** A station sends the frames of a packet one after the other; where one is given up, so is the rest.
//!   What children have asked for goes in between.
//! - **A child** ([`PanStationConfig::parent`]) has its radio off, unless it sends, waits for an acknowledgement, or an acknowledgement of its data request has
//!   promised a frame: then it listens for macMaxFrameTotalWaitTime. What it sends goes at once, to its parent. It asks every `poll`, from a first time
//!   that is drawn; every `fast_poll` while an answer may come; and again at once where a frame says that more waits. A frame that it does not
//!   acknowledge waits for its next data request.
//! - **Groups.** A frame for a group goes to everyone, once, and nobody acknowledges it. Children of its sender get copies of their own from the
//!   queue; those of others, whose radio is off, miss it.
//! - **Loss**: one draw for each reception that is sound otherwise, of data, commands and acknowledgements alike, of the stream `loss` of the medium
//!   and the receiver.
//! - **What is counted.** Fragments are no packets. A packet that was handed over is delivered once, dropped once, or held: in a queue, on its
//!   way, or in parts at its receiver. It is dropped where its sender gives it up, unless its receiver has it all the same: without access to
//!   the channel, without an acknowledgement of one of its frames, or when it has expired in a parent's queue. It is dropped at its receiver when a
//!   frame is lost that nobody repeats, and when parts cannot be kept or their rest does not come in time.
//!
//! **Radios.** A child sleeps, is idle while it waits or rests with something to send, and listens while it senses, turns around and waits for frames.
//! All others listen whenever they do not send. A frame that comes in is received to its end, whomever it is for.
//!
//! Not modelled: association, beacons, neighbour discovery and routing protocols (routes are those of the network's plan), security, capture, an
//! address filter that turns the receiver off early, channels beside this one.
//!
//! | file | what |
//! |---|---|
//! | `config`, `check` | what a user says, and what can be wrong with it |
//! | `station` | what a station has and does |
//! | `send` | what it sends next, and how that goes |
//! | `receive` | what becomes of frames at those that hear them |
//! | `sleepy` | children, and what parents keep for them |
//! | `transfer` | packets under way, from their first frame on |

mod check;
mod config;
mod receive;
mod send;
mod sleepy;
mod station;
#[cfg(test)]
mod tests;
mod transfer;

pub use config::{Ieee802154Config, LinkAddresses, PanAccess, PanIndirect, PanReassembly, PanStationConfig};

use super::adapter::Adapters;
use super::discipline::Discipline;
use super::ether::Ether;
use super::shared::{At, Backoff, MediumParts, Shared};
use crate::element::Element;
use crate::energy::{RadioMode, RadioPower};
use crate::ieee802154::timing::TURNAROUND;
use crate::ieee802154::{CsmaParameters, PanId};
use crate::node::DropCause;
use crate::packet::Packet;
use protosim_core::{Cx, LocalTime, SimTime, Span, TimerId};
use station::{Station, Timer};
use transfer::Transfers;

/// What has happened on an IEEE 802.15.4 channel beside what all media count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PanCounts {
    /// Bytes on the air: all frames with six bytes of the PHY each.
    pub bytes: u64,
    /// Frames that acknowledge others.
    pub acks: u64,
    /// Data requests of children, each attempt by itself.
    pub data_requests: u64,
    /// Fragments that were made of packets.
    pub fragments: u64,
    /// How often a station found the channel busy.
    pub busy: u64,
    /// How often an acknowledgement did not come in time.
    pub silences: u64,
    /// Frames that came again after their acknowledgement was lost, and were dropped.
    pub copies: u64,
    /// How often a child was promised a frame that did not come while it listened.
    pub empty_windows: u64,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Pan {
    pub(super) shared: Shared,
    pub(super) ether: Ether,
    pub(super) own_counts: PanCounts,
    adapters: Adapters,
    backoff: Backoff,
    stations: Vec<Station>,
    transfers: Transfers,
    settings: Settings,
}

/// What is the same for all stations.
#[derive(Clone, Copy, Debug)]
struct Settings {
    pan: PanId,
    acknowledge: bool,
    power: RadioPower,
    /// For how long a child listens for a frame that it was promised.
    window: Span,
}

/// The instant, for machines that have clocks.
fn local(now: SimTime) -> LocalTime {
    LocalTime::from_nanos(now.as_nanos())
}

impl Pan {
    pub(super) fn new(config: &Ieee802154Config, parts: &MediumParts<'_>) -> Self {
        let listed: Vec<&PanStationConfig> =
            parts.stations.iter().map(|station| &config.stations[station.listed]).collect();
        let places: Vec<_> = listed.iter().map(|station| station.at).collect();
        let ether = Ether::new(config.range, &places);
        let parameters = CsmaParameters::from(config.access);
        let station = |index: usize| {
            let parent = listed[index].parent.as_ref();
            let parent = parent.and_then(|parent| listed.iter().position(|other| other.node == *parent));
            Station::new(config, parts, index, (listed[index], parent), ether.reach(index).count())
        };
        Self {
            shared: Shared::new(parts),
            own_counts: PanCounts::default(),
            adapters: Adapters::new(config.queue.as_ref(), parts),
            backoff: Backoff::new(parts),
            stations: (0..listed.len()).map(station).collect(),
            transfers: Transfers::default(),
            settings: Settings {
                pan: PanId(config.pan_id()),
                acknowledge: config.acknowledge.unwrap_or(true),
                power: config.power(),
                window: parameters.max_frame_total_wait(),
            },
            ether,
        }
    }

    /// Ends all frames that are over by now, before anything else in this instant: what begins now does not overlap them.
    fn end_due(&mut self, cx: &mut Cx<'_, Element>) {
        for station in self.ether.over(cx.now()) {
            self.end(station, cx);
        }
    }

    /// The receiver of a station is on or off as it is now, and its device meters that.
    fn refresh(&mut self, index: usize, now: SimTime) {
        if !self.stations[index].listens() {
            self.ether.deafen(index);
        }
        self.meter(index, now);
    }

    /// What the radio of a station does, for its device.
    fn meter(&mut self, index: usize, now: SimTime) {
        if !self.shared.is_metered(index) {
            return;
        }
        let station = &self.stations[index];
        let mode = if !station.is_on {
            RadioMode::Off
        } else if self.ether.talks(index) {
            RadioMode::Transmit(self.settings.power)
        } else if station.listens() {
            if self.ether.hears(index) { RadioMode::Receive } else { RadioMode::Listen }
        } else if station.turns() {
            // The first bit finds it sending.
            let begins = now.saturating_add(TURNAROUND.span());
            return self.shared.radio_by(index, RadioMode::Transmit(self.settings.power), now, begins);
        } else if station.has_frame() || self.adapters.waits(index) {
            RadioMode::Idle
        } else {
            RadioMode::Sleep
        };
        self.shared.radio(index, mode, now);
    }
}

impl Discipline for Pan {
    fn shared(&self) -> &Shared {
        &self.shared
    }

    fn shared_mut(&mut self) -> &mut Shared {
        &mut self.shared
    }

    fn own_causes(&self) -> &'static [DropCause] {
        &DropCause::OF_PANS
    }

    fn held(&self) -> u64 {
        self.adapters.held() + self.transfers.open()
    }

    fn busy(&self) -> Option<Span> {
        Some(self.ether.busy())
    }

    fn start(&mut self, cx: &mut Cx<'_, Element>) {
        for index in 0..self.stations.len() {
            for kind in Timer::ALL {
                let timer = cx.new_timer(index as u64, kind.name());
                debug_assert_eq!(timer, kind.of(index));
            }
            self.wake(index, cx);
        }
    }

    fn take(&mut self, station: usize, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        self.end_due(cx);
        if !self.stations[station].is_on {
            return self.shared.drop(&packet, DropCause::NodeDown, At::Sender(station), cx);
        }
        if let Some(packet) = self.keep_for_children(station, packet, cx) {
            self.adapters.offer(station, packet, &mut self.shared, cx);
        }
        self.proceed(station, cx);
    }

    fn on_timer(&mut self, timer: TimerId, cx: &mut Cx<'_, Element>) {
        let (index, kind) = Timer::read(timer);
        // What ends at this instant comes first, and may take what was due with it.
        let before = self.stations[index].activity;
        self.end_due(cx);
        if cx.deadline(timer).is_some() {
            return;
        }
        match kind {
            Timer::Step if self.stations[index].activity == before => self.on_step(index, cx),
            Timer::Step => {}
            Timer::Reply => self.talk_reply(index, cx),
            Timer::Poll => self.on_poll_timer(index, cx),
            Timer::Expiry => self.expire_parts(index, cx),
            Timer::Indirect => self.expire_indirect(index, cx),
        }
    }

    /// The node of a station has lost its power, or has it back. Without it what the station holds is dropped, its radio is off, and a frame
    /// that it was sending is cut.
    fn station_power(&mut self, index: usize, is_on: bool, cx: &mut Cx<'_, Element>) {
        self.end_due(cx);
        if self.stations[index].is_on == is_on {
            return;
        }
        if is_on {
            self.stations[index].is_on = true;
            return self.wake(index, cx);
        }
        let now = cx.now();
        let mut cut = Vec::new();
        if self.ether.talks(index) {
            self.ether.cut(index, now, |other, _, _| cut.push(other));
            self.stations[index].on_air = None;
        }
        Timer::ALL.into_iter().for_each(|kind| cx.disarm(kind.of(index)));
        self.adapters.clear(index, &mut self.shared, cx);
        for id in self.transfers.sent_by(index) {
            self.give_up(id, DropCause::NodeDown, cx);
        }
        let parts: Vec<_> = self.stations[index].parts.values().copied().collect();
        for id in parts {
            self.drop_copy(id, Some(index), DropCause::NodeDown, cx);
        }
        self.stations[index].lose_power();
        self.refresh(index, now);
        for other in cut {
            self.meter(other, now);
            // A child may have waited for no more than the end of this frame.
            self.end_window(other, cx);
        }
    }
}
