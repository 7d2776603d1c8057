//! The kernel of protosim: time, events, entities and wires, luck, and the shape of a machine. It knows no protocol.
//!
//! - [`time`]: instants and spans as whole nanoseconds; [`quantity`]: rates, sizes and shares with units.
//! - [`kernel`]: the world and its run, on one thread or several; [`queue`]: the order of events.
//! - [`random`]: streams by (seed, replication, path, purpose); [`maths`]: the same bits on every machine.
//! - [`machine`]: the one shape of a protocol endpoint, without clock or sockets.
//! - [`sketch`]: what is measured in memory that does not grow.
//! - [`digest`]: chains over events, by which two runs are compared.
//!
//! Deliberately absent: protocols, packets, addresses, file formats, clocks, hash maps that are iterated.

pub mod digest;
pub mod kernel;
pub mod machine;
pub mod maths;
pub mod quantity;
pub mod queue;
pub mod random;
pub mod sketch;
pub mod time;

pub use digest::{Digest, Fingerprint};
pub use kernel::{Builder, CannotClone, Cx, Entity, EntityId, Simulation, Sinks, TimerId, Until, WireId, WireSpec};
pub use machine::{Deadline, Effect, Env, IdealEnv, Machine, MachineCx, Operation, OutOfMemory};
pub use quantity::{QuantityError, Rate, Ratio, Size};
pub use queue::{Class, EventKey, EventQueue};
pub use random::{Distribution, Purpose, RunSeed, Stream, Streams};
pub use time::{LocalTime, SimTime, Span};
