//! Networks as graphs: what a user says of them, what can be wrong with it, and how it becomes a world.
//!
//! - [`spec`]: nodes, links and groups as they stand in a scenario.
//! - [`timeline`]: what happens to links and nodes during a run.
//! - [`faults`]: links and nodes that fail at random.
//! - [`groups`]: entries that stand for many nodes, and the links of those.
//! - [`generate`]: families of networks (chains, trees, fat trees, random graphs) and imported ones.
//! - [`profile`]: a library of access networks, each number with its source.
//! - [`check`]: everything wrong with them beyond their types, each with its place.
//! - [`graph`]: the network as a graph, with shortest paths and an explicit tie-break.
//! - [`devices`]: where devices with a profile are metered.
//! - [`media`]: shared media as part of it: who hears whom, and addresses.
//! - [`multicast`]: the trees of groups.
//! - [`nat`]: what is inside of NATs, and addresses there.
//! - [`routing`]: whether routes follow what goes down and comes up.
//! - `layer`: the network as one version of IP has it.
//! - [`plan`]: addresses, routes and wires; from a plan, worlds for many replications.
//!
//! Everything is decided in order of names, never in order of the file.

pub mod check;
pub mod devices;
pub mod faults;
pub mod generate;
pub mod graph;
pub mod groups;
mod layer;
pub mod media;
mod mistake;
pub mod multicast;
pub mod nat;
pub mod plan;
pub mod profile;
mod routes;
pub mod routing;
mod schema;
pub mod spec;
pub mod timeline;

#[cfg(test)]
mod tests;

pub use faults::{Fault, FaultSpec};
pub use graph::{Down, NetworkGraph};
pub use mistake::Mistake;
pub(crate) use mistake::Mistakes;
pub use plan::{Installation, Plan};
pub use routing::Routing;
pub use spec::{AddressFamilies, AddressFamily, Direction, GroupSpec, NodeSpec, Topology};
pub use timeline::TimelineEvent;
