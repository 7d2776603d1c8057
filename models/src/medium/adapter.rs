//! The adapters of stations: what waits for its turn on the medium.

use super::shared::{At, MediumParts, Shared};
use crate::element::Element;
use crate::node::DropCause;
use crate::packet::Packet;
use crate::queue::{Drops, LinkFacts, Queue, QueueConfig};
use protosim_core::{Cx, SimTime};

/// Those of all stations.
#[derive(Clone, Debug)]
pub(super) struct Adapters {
    all: Vec<Adapter>,
    /// What a queue has just dropped; empty between calls.
    drops: Drops,
}

impl Adapters {
    pub(super) fn new(config: Option<&QueueConfig>, parts: &MediumParts<'_>) -> Self {
        let all = (0..parts.stations.len()).map(|station| Adapter::new(config, station, parts));
        Self { all: all.collect(), drops: Drops::new() }
    }

    /// Takes a packet from the node of a station.
    pub(super) fn offer(&mut self, station: usize, packet: Box<Packet>, shared: &mut Shared, cx: &mut Cx<'_, Element>) {
        self.all[station].offer(packet, cx.now(), &mut self.drops);
        shared.dispose(&mut self.drops, At::Sender(station), cx);
    }

    /// True if a frame of the station has its turn, if need be the next one that waits.
    pub(super) fn fill(&mut self, station: usize, shared: &mut Shared, cx: &mut Cx<'_, Element>) -> bool {
        let has_frame = self.all[station].fill(cx.now(), &mut self.drops);
        shared.dispose(&mut self.drops, At::Sender(station), cx);
        has_frame
    }

    /// The frame of a station that has its turn.
    pub(super) fn current(&mut self, station: usize) -> &mut Option<Outgoing> {
        &mut self.all[station].current
    }

    /// True if something waits at a station.
    pub(super) fn waits(&self, station: usize) -> bool {
        self.all[station].held() > 0
    }

    /// The node of a station has lost its power: what waits there is dropped.
    pub(super) fn clear(&mut self, station: usize, shared: &mut Shared, cx: &mut Cx<'_, Element>) {
        while self.fill(station, shared, cx) {
            if let Some(lost) = self.all[station].current.take() {
                shared.drop(&lost.packet, DropCause::NodeDown, At::Sender(station), cx);
            }
        }
    }

    /// Packets that all of them hold.
    pub(super) fn held(&self) -> u64 {
        self.all.iter().map(Adapter::held).sum()
    }
}

/// What waits, and the frame whose turn it is.
#[derive(Clone, Debug)]
struct Adapter {
    queue: Queue,
    /// Then a packet that finds the adapter idle need not pass the queue: one with no place at all still lets it pass.
    is_drop_tail: bool,
    current: Option<Outgoing>,
}

/// A frame that has its turn.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) packet: Box<Packet>,
    /// IP bytes.
    pub(super) len: u64,
    /// Collisions so far, or how often the medium was found busy.
    pub(super) tries: u32,
}

impl Adapter {
    fn new(config: Option<&QueueConfig>, station: usize, parts: &MediumParts<'_>) -> Self {
        let facts = LinkFacts { mtu: parts.config.mtu(), rate: Some(parts.config.rate()) };
        let config = config.cloned().unwrap_or_default();
        Self {
            is_drop_tail: matches!(config, QueueConfig::DropTail(_)),
            queue: Queue::for_link(&config, facts, parts.seed, &parts.stations[station].stream_name),
            current: None,
        }
    }

    /// Takes a packet from the node.
    fn offer(&mut self, packet: Box<Packet>, now: SimTime, drops: &mut Drops) {
        let len = packet.wire_len();
        if self.current.is_none() && self.queue.packets() == 0 && self.is_drop_tail {
            self.current = Some(Outgoing { packet, len, tries: 0 });
        } else {
            self.queue.enqueue(packet, len, now, drops);
        }
    }

    /// True if a frame has its turn, if need be the next one that waits.
    fn fill(&mut self, now: SimTime, drops: &mut Drops) -> bool {
        if self.current.is_none() {
            let next = self.queue.dequeue(now, drops);
            self.current = next.map(|next| Outgoing { packet: next.packet, len: next.len, tries: 0 });
        }
        self.current.is_some()
    }

    /// Packets that it holds.
    fn held(&self) -> u64 {
        self.queue.packets() + u64::from(self.current.is_some())
    }
}
