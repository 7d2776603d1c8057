//! What the kernel runs here: nodes and shared media, in one type.
//!
//! Nearly all entities of a world are nodes. They stand here themselves and not in a box, so that the match costs a branch
//! that is predicted, and no load.

use crate::medium::Medium;
use crate::node::{Action, Node, Report, departure};
use crate::packet::Packet;
use protosim_core::kernel::InFlight;
use protosim_core::{CannotClone, Cx, Entity, Simulation, TimerId, WireId};

/// A node or a shared medium.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are nodes, and a box would cost a load on each hop")]
pub enum Element {
    /// A host or a router.
    Node(Node),
    /// A LAN switch, a bus, a radio channel.
    Medium(Box<Medium>),
    /// A host that others have written.
    #[cfg(test)]
    #[expect(private_interfaces, reason = "there is none but in tests of this crate")]
    Guest(Box<dyn crate::testing::Guest>),
}

impl Element {
    /// The node, if it is one.
    pub fn node(&self) -> Option<&Node> {
        match self {
            Self::Node(node) => Some(node),
            _ => None,
        }
    }

    /// The medium, if it is one.
    pub fn medium(&self) -> Option<&Medium> {
        match self {
            Self::Medium(medium) => Some(medium),
            _ => None,
        }
    }
}

/// The nodes of a world with their paths, in order of rank.
pub fn nodes(simulation: &Simulation<Element>) -> impl Iterator<Item = (&str, &Node)> {
    simulation.entities().filter_map(|(path, element)| Some((path, element.node()?)))
}

/// The shared media of a world with their paths, in order of rank.
pub fn media(simulation: &Simulation<Element>) -> impl Iterator<Item = (&str, &Medium)> {
    simulation.entities().filter_map(|(path, element)| Some((path, element.medium()?)))
}

impl Entity for Element {
    /// Boxed: a packet is moved several times on each hop, and a pointer is moved faster than two cache
    /// lines. It is allocated once, by whoever makes it.
    type Packet = Box<Packet>;
    type Action = Action;
    type Report = Report;
    /// The box. Payloads come on top where they are not shared, by link and MTU up to a few times as much.
    const PACKET_HEAP: usize = size_of::<Packet>();

    fn on_start(&mut self, cx: &mut Cx<'_, Self>) {
        match self {
            Self::Node(node) => node.on_start(cx),
            Self::Medium(medium) => medium.on_start(cx),
            #[cfg(test)]
            Self::Guest(guest) => guest.on_start(cx),
        }
    }

    #[inline]
    fn on_arrival(&mut self, port: u32, packet: Box<Packet>, cx: &mut Cx<'_, Self>) {
        match self {
            Self::Node(node) => node.on_arrival(port, packet, cx),
            Self::Medium(medium) => medium.on_arrival(port, packet, cx),
            #[cfg(test)]
            Self::Guest(guest) => guest.on_arrival(packet, cx),
        }
    }

    #[inline]
    fn on_timer(&mut self, timer: TimerId, _tag: u64, cx: &mut Cx<'_, Self>) {
        match self {
            Self::Node(node) => node.on_timer(timer, cx),
            Self::Medium(medium) => medium.on_timer(timer, cx),
            #[cfg(test)]
            Self::Guest(guest) => guest.on_timer(timer, cx),
        }
    }

    fn on_action(&mut self, action: &Action, cx: &mut Cx<'_, Self>) {
        match self {
            Self::Node(node) => node.on_action(action, cx),
            // No act of a timeline names a medium.
            _ => debug_assert!(false, "{action:?} is for nodes"),
        }
    }

    #[inline]
    fn on_flush(&mut self, cx: &mut Cx<'_, Self>) {
        if let Self::Node(node) = self {
            node.on_flush(cx);
        }
    }

    fn departure(wire: WireId, flying: &InFlight<Box<Packet>>) -> Option<Report> {
        departure(wire, flying)
    }

    fn try_clone(&self) -> Result<Self, CannotClone> {
        Ok(match self {
            Self::Node(node) => Self::Node(node.try_clone()?),
            Self::Medium(medium) => Self::Medium(medium.clone()),
            #[cfg(test)]
            Self::Guest(_) => {
                return Err(CannotClone { endpoint: "guest".to_owned(), reason: "others have written it".to_owned() });
            }
        })
    }
}
