//! What brokers of all protocols, and their clients, are made of.
//!
//! | file | has |
//! |---|---|
//! | `disc` | what outlives a loss of power, where writing takes time |
//! | `inbox` | what has come on a stream and is not whole yet |
//! | `outbox` | what waits to be written to a stream, some of it for the disc |
//! | `payload` | payloads that name their message, and what has come of those |
//! | `reconnect` | what a client does whose connection is lost |
//! | `fifo` | queues that are mostly empty |
//! | `flat` | maps that have one entry or few |

pub(crate) mod disc;
pub(crate) mod fifo;
pub(crate) mod flat;
pub(crate) mod inbox;
pub(crate) mod outbox;
pub(crate) mod payload;
mod reconnect;

pub use reconnect::ReconnectConfig;
