//! The parts of AMQP 0-9-1; see [`super`].

mod broker;
mod client;
pub mod config;
pub mod deliveries;
pub mod exchange;
pub mod queue;
pub mod wire;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

pub use broker::AmqpBroker;
pub use client::{AmqpClient, Common as AmqpClientCommon};
