//! What limits a host: how fast its processor is, how well its clock runs, how much memory it has.
//!
//! An ideal host, the default, has none of these limits and pays nothing for them.

mod clock;
mod config;
mod cpu;
mod memory;

#[cfg(test)]
mod tests;

pub use clock::{Clock, Drift};
pub use config::DeviceConfig;
pub use cpu::{Cost, Cpu};
pub use memory::Memory;
