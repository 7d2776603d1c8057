//! IEEE 802.15.4 on 2.4 GHz: frames, times, and how a station gets a frame across.
//!
//! Pure: no clock, no medium, no luck of its own. Section numbers are those of the edition of 2006.
//!
//! # Where to find what
//! | file | has |
//! |---|---|
//! | `address.rs` | [`Address`], [`PanId`], [`Endpoint`] |
//! | `frame.rs` | [`Frame`]: header, encoding, lengths; [`Station`]: which frames are for it |
//! | `content.rs` | beacons and commands |
//! | `security.rs` | [`Security`]: the auxiliary security header |
//! | `fcs.rs` | the check sequence |
//! | [`timing`] | constants in symbols, times on the air |
//! | `csma.rs` | [`Transmitter`]: unslotted CSMA/CA, acknowledgements, retries |
//! | `duplicates.rs` | [`Duplicates`]: retries that came before |
//! | `indirect.rs` | [`IndirectQueue`]: what a parent keeps for children that sleep |
//! | [`closed_form`] | one hop as formulas |
//! | `tests/` | vectors, properties, scripts, hops with losses |
//!
//! # A frame
//! ```text
//!  frame control 2 │ number 1 │ PAN 2, to 2 or 8 │ PAN 2, from 2 or 8 │ security 5–14 │ content │ MIC 0–16 │ check 2
//! ```
//! at most 127 bytes, behind six of the PHY, at 32 µs a byte. The source's PAN is left out where it is the destination's.
//!
//! # What is not modelled
//! - Beacon-enabled PANs: slotted access, superframes and guaranteed slots are encoded, and no more.
//! - What 2015 added: information elements, frames without a number, enhanced beacons and acknowledgements, TSCH. A frame of that
//!   version is refused; what a station of 2015 sends without these has version 2003 or 2006.
//! - Ciphers: a secured frame has its headers and an integrity code of the right length. Security of 2003 is refused.
//! - Other bands and PHYs, whose symbols are longer.

mod address;
pub mod closed_form;
mod content;
mod csma;
mod duplicates;
mod error;
mod fcs;
mod frame;
mod indirect;
mod security;
#[cfg(test)]
mod tests;
pub mod timing;

pub use address::{Address, Endpoint, PanId};
pub use content::{Beacon, Capability, Command, Content, Gts, GtsSlot, MAX_LISTED, Superframe};
pub use csma::{CsmaParameters, Draw, Event, Outcome, Step, Transmitter};
pub use duplicates::Duplicates;
pub use error::FrameError;
pub use fcs::{FCS_LEN, fcs};
pub use frame::{Frame, MAX_SAFE_PAYLOAD, Station, Version};
pub use indirect::{IndirectError, IndirectLimits, IndirectQueue, Polled, Transaction};
pub use security::{KeyIdentifier, Security, SecurityLevel};
