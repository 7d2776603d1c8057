//! What a message costs: currents of parts, charge by cause, batteries, and when radios are awake.
//!
//! # Where to find what
//! | file | has |
//! |---|---|
//! | [`quantity`] | currents, voltages, charges and energies in units in which sums are exact, and their range |
//! | [`meter`] | [`Meter`]: charge by part and cause from changes of state |
//! | [`attribution`] | [`Attribution`]: what of it each message has cost, and the rule for those that overlap |
//! | [`battery`] | [`Battery`]: self-discharge, internal resistance, the instant of its end; closed forms of its life |
//! | [`profile`], `check.rs`, `profiles.ron` | [`DeviceProfile`]: devices with a source for each number, and what is refused |
//! | `control` | what nodes and stations of media tell each other of devices |
//! | [`hardware`] | [`Hardware`]: a device at work, its modes metered and its battery drained |
//! | [`schedule`] | windows that recur, their closed-form sums, and waits for the next |
//! | [`timers`] | GPRS timers 2 and 3, eDRX and paging time windows (3GPP TS 24.008) |
//! | [`cellular`] | [`Modem`]: RRC, DRX, eDRX and PSM of NB-IoT and LTE-M |
//! | [`wifi`] | [`Station`]: power save with TIM and PS-Poll |
//! | [`ble`] | [`Connection`]: connection events, latency, supervision |
//!
//! All of it is pure: no clock, no luck. LoRa has a folder of its own, [`crate::lora`].
//!
//! # How a device gets its profile
//! A scenario's device names one of a [`Library`] (`profile: "nrf52840"`); [`DeviceProfile::device_config`] is what that means for
//! processor, memory and clock, [`Hardware`] for energy. Fields that a scenario sets besides win over those of the profile: see
//! [`crate::device::DeviceConfig::resolve`].
//!
//! # Where a device is in a world
//! That of a node with a radio is in the medium, which says what the radio does; the node says there, over a wire of its own, until when its
//! processor works and whether it has power ([`crate::node::EnergyParts`]). That of any other node is in the node. As all that goes
//! from a node to a medium, work and power are there a nanosecond later; their lengths are exact.
//!
//! # What is not modelled, and what that does to results
//! - Harvesting: batteries are not charged.
//! - Temperature: currents, clocks and cells are those at 25 degrees.
//! - Converters have one efficiency, at all loads; in truth they lose more at microamperes.
//! - A state has one current: the ramps of amplifiers and regulators are in transitions, whose currents are means.

pub mod attribution;
pub mod battery;
pub mod ble;
pub mod cellular;
mod check;
pub(crate) mod control;
pub mod hardware;
pub mod meter;
pub mod profile;
pub mod quantity;
pub mod schedule;
pub mod timers;
pub mod wifi;

pub use attribution::{Attribution, Mark};
pub use battery::{Battery, BatteryConfig, Converter, Failure};
pub use ble::Connection;
pub use cellular::Modem;
pub use hardware::{CannotDo, Drawn, Hardware};
pub use meter::{Bill, Cause, Meter, Part, State, Transition};
pub use profile::{CpuMode, DeviceProfile, Library, PROFILES, RadioMode};
pub use quantity::{Capacity, Charge, Current, Energy, Frequency, RadioPower, Resistance, Voltage};
pub use schedule::{Pulse, Windows};
pub use wifi::Station;

#[cfg(test)]
mod tests;
