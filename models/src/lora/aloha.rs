//! ALOHA in closed form: what an unregulated channel delivers (Abramson 1970, Roberts 1975).
//!
//! Frames of one length come as a Poisson process; `load` is their mean number in the time of one frame, new and repeated, on one channel and
//! one spreading factor. Overlapping frames are lost: [`Interference::ALOHA`](super::Interference::ALOHA).

use protosim_core::maths;

/// The probability that a frame arrives if frames start at any time: none other may start within one frame before or behind its start.
pub fn unslotted(load: f64) -> f64 {
    maths::exp(-2.0 * load)
}

/// The probability that a frame arrives if frames start at slots as long as they are: none other may be in its slot.
pub fn slotted(load: f64) -> f64 {
    maths::exp(-load)
}

/// The share of frames of each length that arrive, where some are of other lengths: a frame of `own` seconds meets those of each class that
/// start from their own length before it until its end. Classes are (frames per second, seconds on air).
pub fn unslotted_mixed(own: f64, classes: &[(f64, f64)]) -> f64 {
    maths::exp(-classes.iter().map(|(rate, airtime)| rate * (own + airtime)).sum::<f64>())
}

/// The same with devices that send one frame each in a period, at a time of their own that is uniform: the probability that a device's frame
/// arrives among `others`. It nears [`unslotted`] as they grow.
pub fn periodic(airtime: f64, period: f64, others: u32) -> f64 {
    maths::pow((1.0 - 2.0 * airtime / period).max(0.0), f64::from(others))
}
