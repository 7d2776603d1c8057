//! LoRa and LoRaWAN: time on air, duty cycles, collisions, receive windows, frames.
//!
//! # Where to find what
//! | file | has |
//! |---|---|
//! | [`airtime`] | [`Modulation`]: time on air, exact, and bit rates (Semtech SX1276 datasheet §4.1.1) |
//! | [`region`] | EU868: data rates, sub-bands, receive windows' settings (LoRaWAN Regional Parameters) |
//! | [`duty`] | [`DutyLedger`]: when a sub-band may be used again |
//! | [`class_a`] | [`ClassA`]: the two windows behind each uplink |
//! | [`capture`] | which of several overlapping transmissions survive; spreading factors that are orthogonal or nearly |
//! | [`aloha`] | closed forms for unslotted and slotted ALOHA |
//! | [`wire`] | frames of LoRaWAN 1.0.x: data, join request, join accept |
//! | [`crypto`] | AES-CMAC (RFC 4493), message integrity codes, payload encryption, session keys |
//!
//! All of it is pure: no clock, no luck. What a frame costs is its time on air by the currents of a [`DeviceProfile`](crate::energy::DeviceProfile).
//!
//! # What is not modelled, and what that does to results
//! - Classes B and C, LoRaWAN 1.1 (two network keys), MAC commands beyond carrying them, FSK and LR-FHSS.
//! - Fading and noise. Here a transmission that does not collide is received, however weak it is: who places the receivers says how
//!   strong it is there, and leaves out what is below [`SpreadingFactor::needed_snr_centi_db`].

pub mod airtime;
pub mod aloha;
pub mod capture;
pub mod class_a;
pub mod crypto;
pub mod duty;
pub mod region;
pub mod wire;

pub use airtime::{Bandwidth, CodingRate, Modulation, SpreadingFactor};
pub use capture::{Interference, Transmission};
pub use class_a::ClassA;
pub use duty::{DutyLedger, DutyRule};

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
