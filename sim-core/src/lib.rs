//! The kernel of protosim.

pub mod digest;
pub mod kernel;
pub mod machine;
pub mod maths;
pub mod quantity;
pub mod queue;
pub mod random;
pub mod time;

pub use digest::{Digest, Fingerprint};
pub use kernel::{Builder, CannotClone, Cx, Entity, EntityId, Simulation, Sinks, TimerId, Until, WireId, WireSpec};
pub use machine::{Deadline, Effect, Env, IdealEnv, Machine, MachineCx, Operation, OutOfMemory};
pub use quantity::{QuantityError, Rate, Ratio, Size};
pub use queue::{Class, EventKey, EventQueue};
pub use random::{Purpose, RunSeed, Stream, Streams};
pub use time::{LocalTime, SimTime, Span};
