//! What lives on a wire or in a box.

pub mod app;
pub mod coap;
pub mod device;
pub mod link;
pub mod name;
pub mod node;
pub mod observe;
pub mod packet;
pub mod ping;
pub mod rope;
#[cfg(test)]
mod testing;
pub mod traffic;

pub use app::{App, Host, HostError, SocketId, Total};
pub use node::Node;
pub use observe::{ExchangeId, Observation, Outcome};
pub use packet::Packet;
pub use protosim_core::CannotClone;
pub use rope::{Rope, Run};
