//! What limits a host: how fast its processor is, how well its clock runs, how much memory it has.
//!
//! An ideal host, the default, has none of these limits and pays nothing for them. A host with a profile ([`crate::energy`]) has those of the
//! profile, and its energy is metered.

mod clock;
mod config;
mod cpu;
mod memory;

#[cfg(test)]
mod tests;

pub use clock::{Clock, Drift};
pub use config::{BatteryStart, CLOCK, Device, DeviceConfig, DriftLaw, Metered, find_profile};
pub use cpu::{Cost, Costs, Cpu};
pub use memory::Memory;
