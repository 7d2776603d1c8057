//! The adapter of a station: what waits for its turn on the medium.

use super::shared::MediumParts;
use crate::packet::Packet;
use crate::queue::{Drops, LinkFacts, Queue, QueueConfig};
use protosim_core::SimTime;

/// What waits, and the frame whose turn it is.
#[derive(Clone, Debug)]
pub(super) struct Adapter {
    queue: Queue,
    /// Then a packet that finds the adapter idle need not pass the queue: one with no place at all still lets it pass.
    is_drop_tail: bool,
    pub(super) current: Option<Outgoing>,
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
    pub(super) fn new(config: Option<&QueueConfig>, station: usize, parts: &MediumParts<'_>) -> Self {
        let facts = LinkFacts { mtu: parts.config.mtu(), rate: Some(parts.config.rate()) };
        let config = config.cloned().unwrap_or_default();
        Self {
            is_drop_tail: matches!(config, QueueConfig::DropTail(_)),
            queue: Queue::for_link(&config, facts, parts.seed, &parts.stations[station].stream_name),
            current: None,
        }
    }

    /// Takes a packet from the node.
    pub(super) fn offer(&mut self, packet: Box<Packet>, now: SimTime, drops: &mut Drops) {
        let len = packet.wire_len();
        if self.current.is_none() && self.queue.packets() == 0 && self.is_drop_tail {
            self.current = Some(Outgoing { packet, len, tries: 0 });
        } else {
            self.queue.enqueue(packet, len, now, drops);
        }
    }

    /// True if a frame has its turn, if need be the next one that waits.
    pub(super) fn fill(&mut self, now: SimTime, drops: &mut Drops) -> bool {
        if self.current.is_none() {
            let next = self.queue.dequeue(now, drops);
            self.current = next.map(|next| Outgoing { packet: next.packet, len: next.len, tries: 0 });
        }
        self.current.is_some()
    }

    /// Packets that it holds.
    pub(super) fn held(&self) -> u64 {
        self.queue.packets() + u64::from(self.current.is_some())
    }
}
