//! What nodes report to the outside: for results and for captures.

use super::counts::DropCause;
use crate::observe::Observation;
use crate::packet::Packet;
use protosim_core::WireId;

/// A report of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Report {
    /// A packet at one end of a link; only where someone listens to packets. Boxed, so that the many other reports of a run take less.
    Packet(Box<PacketReport>),
    /// A frame of a medium whose frames are written out, when it was over; only where someone listens to packets.
    Frame(Box<FrameReport>),
    /// Something an application has observed.
    App {
        /// Which application of the node.
        app: u32,
        /// What.
        observation: Observation,
    },
    /// The battery of the node's device is empty, and the node stops for good; only where someone listens to traces.
    BatteryDead,
}

impl Report {
    /// A report of a packet at an end of a wire.
    pub(crate) fn packet(wire: WireId, end: LinkEnd, packet: Packet, fate: Fate) -> Self {
        Self::Packet(Box::new(PacketReport { wire, end, packet, fate }))
    }
}

/// A packet at one end of one direction of a link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PacketReport {
    /// The direction of the link.
    pub wire: WireId,
    /// Which end of it.
    pub end: LinkEnd,
    /// The packet, as it was there.
    pub packet: Packet,
    /// What became of it there.
    pub fate: Fate,
}

/// A frame that a station of a shared medium has sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrameReport {
    /// The wire on which the station's node hands packets over.
    pub wire: WireId,
    /// What kind of frame.
    pub kind: FrameKind,
    /// Its bytes, with its check sequence.
    pub bytes: Vec<u8>,
    /// Why one of those that it was for has not received it; the first, if there are several.
    pub lost: Option<DropCause>,
}

/// Kinds of frames.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum FrameKind {
    /// IEEE 802.15.4.
    Ieee802154,
}

/// An end of one direction of a link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LinkEnd {
    /// Where it leaves: the report's stamp is the departure of its last bit, or the moment at which the
    /// queue refused it.
    Sender,
    /// Where it arrives.
    Receiver,
}

/// What became of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It went on.
    Passed,
    /// It went no further.
    Dropped(DropCause),
}
