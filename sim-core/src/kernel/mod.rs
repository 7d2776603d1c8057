//! The kernel: entities, wires, timers and the run loop. It knows no protocol and no packet.
//!
//! - An [`Entity`] (a host, a router) is plain data that the kernel owns. It sees its own state and
//!   a [`Cx`], nothing else, and reaches another entity only by sending over a [wire](WireSpec).
//! - The order of events is total: (time, class, origin, sequence), see [`crate::queue::EventKey`].
//!   The origin is the rank of the entity's or the wire's path in sorted order, so neither file
//!   order nor the number of threads can change it. Every scheduled event lies strictly later than now.
//! - An entity handles an instant in two phases: all inputs of that instant, then one
//!   [`Entity::on_flush`], where it decides what leaves.
//! - An undisturbed FIFO link needs one event per packet-hop: the sender computes the departure when
//!   it enqueues, and the wire keeps one pending event, for the packet that arrives next. What has
//!   not yet left can be taken back ([`Cx::recall`]) and sent anew when a rate or delay changes.
//! - One run on several threads: [`Simulation::partitioned`] splits the entities; partitions run
//!   windows no longer than the shortest delay between them and exchange packets at window ends. The
//!   results are the same bytes for any number of partitions.

mod board;
mod cx;
mod entity;
mod limits;
mod meeting;
mod partition;
mod report;
mod simulation;
mod split;
mod timer;
mod wire;

#[cfg(test)]
mod tests;

pub use cx::Cx;
pub use entity::{CannotClone, Entity, EntityId};
pub use limits::{Busy, Limits, RunError};
pub use partition::{Happening, Subject};
pub use report::{Interests, Reported, Sinks};
pub use simulation::{BuildError, Builder, Counts, Simulation, Until};
pub use timer::TimerId;
pub use wire::{InFlight, WireId, WireSpec};
