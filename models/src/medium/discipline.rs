//! What every kind of medium can be asked and told.

use super::shared::{MediumCounts, Shared};
use crate::element::Element;
use crate::node::DropCause;
use crate::packet::Packet;
use protosim_core::{Cx, Span, TimerId};

/// A kind of medium. All that does not depend on the kind (batteries, words from nodes, sums) is in [`super::Medium`].
pub(super) trait Discipline {
    /// What all kinds have.
    fn shared(&self) -> &Shared;

    /// The same, to change it.
    fn shared_mut(&mut self) -> &mut Shared;

    /// True if its stations have radios, which may be parts of devices.
    fn has_radios(&self) -> bool {
        true
    }

    /// What has happened on it.
    fn counts(&self) -> MediumCounts {
        self.shared().counts.clone()
    }

    /// Why it drops packets besides [`DropCause::OF_MEDIA`].
    fn own_causes(&self) -> &'static [DropCause] {
        &[]
    }

    /// Packets that it holds: those that wait or are being sent, and no wire knows of.
    fn held(&self) -> u64;

    /// For how long somebody has talked; `None` where stations do not share the air.
    fn busy(&self) -> Option<Span>;

    /// The run begins: timers are made, numbered from zero, and radios are on.
    fn start(&mut self, cx: &mut Cx<'_, Element>);

    /// A station's node hands a packet over.
    fn take(&mut self, station: usize, packet: Box<Packet>, cx: &mut Cx<'_, Element>);

    /// One of its own timers is due.
    fn on_timer(&mut self, timer: TimerId, cx: &mut Cx<'_, Element>);

    /// A station's node has lost power, and what waits there, comes there or is being sent from there is lost; or it has power again. Of
    /// devices that are metered alone.
    fn station_power(&mut self, station: usize, is_on: bool, cx: &mut Cx<'_, Element>);
}
