//! Small networks for tests: named nodes and links, addresses and shortest routes by themselves.
//!
//! A [`Net`] is declared, then built into a [`World`], which runs and can be asked what happened. A
//! [`Probe`] is an application that does what a test tells it and writes down what it sees.
//!
//! | file | what |
//! |---|---|
//! | `channel` | channels in it |
//! | `net` | what a test declares |
//! | `build` | from that to a world |
//! | `world` | what a test asks afterwards |
//! | `probe` | the application |

mod build;
mod channel;
mod net;
mod probe;
mod world;

pub(crate) use net::{Net, to_v6};
pub(crate) use probe::{Do, Event, Log, Probe, events};
pub(crate) use world::{Seen, World};

use crate::element::Element;
use crate::link::LinkConfig;
use crate::packet::Packet;
use crate::queue::QueueConfig;
use protosim_core::{Cx, SimTime, TimerId};

/// The instant `nanos` after the start.
pub(crate) const fn at(nanos: u64) -> SimTime {
    SimTime::from_nanos(nanos)
}

/// A link configuration, as a user writes its quantities; an empty rate is none.
pub(crate) fn link(rate: &str, delay: &str) -> LinkConfig {
    let rate = (!rate.is_empty()).then(|| rate.parse().unwrap());
    LinkConfig { rate, delay: Some(delay.parse().unwrap()), ..LinkConfig::between("a", "b") }
}

/// A drop-tail queue with this limit, as a user writes it.
pub(crate) fn drop_tail(limit: &str) -> Option<QueueConfig> {
    Some(QueueConfig::DropTail(limit.parse().unwrap()))
}

/// A host of other making, at the end of one link.
pub(crate) trait Guest: std::fmt::Debug + Send {
    fn on_start(&mut self, cx: &mut Cx<'_, Element>);
    fn on_arrival(&mut self, packet: Box<Packet>, cx: &mut Cx<'_, Element>);
    fn on_timer(&mut self, timer: TimerId, cx: &mut Cx<'_, Element>);
}
