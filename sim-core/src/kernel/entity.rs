//! What the kernel runs: entities, each its own state and handlers.

use super::Cx;
use super::timer::TimerId;
use super::wire::{InFlight, WireId};
use crate::digest::Fingerprint;
use std::fmt::Debug;

/// A thing with state that events happen to: a host, a router, a shared medium.
///
/// Handlers of one instant are called in the order of the events' keys, then
/// [`Entity::on_flush`] once where [`Cx::ask_flush`] has asked for it. Effects lie strictly later; what is due now is done inside the
/// handler, each round counted by [`Cx::step`].
pub trait Entity: Debug + Send + Sized + 'static {
    /// What travels over wires.
    type Packet: Clone + Debug + Fingerprint + Send;
    /// What a timeline can do to the entity: a rate change, a fault.
    type Action: Clone + Debug + Fingerprint + Send;
    /// What the entity reports to the outside; nothing that decides may depend on it.
    type Report: Debug + Send;

    /// What a packet typically holds on the heap, beyond its own size (in bytes); counted against
    /// [`Limits::memory`](super::Limits::memory).
    const PACKET_HEAP: usize = 0;

    /// The run begins; the clock reads zero.
    fn on_start(&mut self, cx: &mut Cx<'_, Self>);

    /// A packet has arrived, whole, on the wire that was declared with `port` as its far end.
    fn on_arrival(&mut self, port: u32, packet: Self::Packet, cx: &mut Cx<'_, Self>);

    /// A timer is due. `tag` is what the entity gave when it made the timer.
    fn on_timer(&mut self, timer: TimerId, tag: u64, cx: &mut Cx<'_, Self>);

    /// The timeline acts on this entity.
    fn on_action(&mut self, action: &Self::Action, cx: &mut Cx<'_, Self>);

    /// A sampling instant; timers and arrivals of this instant have been handled. Reports only.
    fn on_sample(&mut self, cx: &mut Cx<'_, Self>) {
        let _ = cx;
    }

    /// All inputs of this instant are in: decide what leaves. Called where [`Cx::ask_flush`] has asked for it in this instant.
    fn on_flush(&mut self, cx: &mut Cx<'_, Self>) {
        let _ = cx;
    }

    /// A report of a packet that has left on `wire`, asked only where someone listens to packets. Lost ones
    /// have no time of arrival.
    fn departure(wire: WireId, flying: &InFlight<Self::Packet>) -> Option<Self::Report> {
        let _ = (wire, flying);
        None
    }

    /// A copy for a snapshot.
    ///
    /// # Errors
    /// When a part of the entity cannot be copied; the error names that part.
    fn try_clone(&self) -> Result<Self, CannotClone>;
}

/// An entity, by the rank of its path among all entities' paths in sorted order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EntityId(pub u32);

/// A snapshot is not possible, because of this part of the world.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{endpoint} cannot be copied: {reason}")]
pub struct CannotClone {
    /// Which part: the path of an entity and of what runs on it.
    pub endpoint: String,
    /// What stands in the way.
    pub reason: String,
}
