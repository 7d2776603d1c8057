//! The parts of AMQP 0-9-1; see [`super`].

pub(in crate::amqp) mod broker;
mod client;
pub mod config;
pub mod deliveries;
pub mod wire;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

pub use client::{AmqpClient, Common as AmqpClientCommon};
