//! What lives on a wire or in a box.

pub mod app;
pub mod coap;
pub mod name;
pub mod observe;
pub mod rope;

pub use app::{App, CannotClone, Host, HostError, SocketId};
pub use observe::{ExchangeId, Observation, Outcome};
pub use rope::{Rope, Run};
