//! What protocols that send again have in common: estimates of the round trip, time-outs, ranges of what has arrived.

mod ranges;
mod rtt;

pub use ranges::Ranges;
pub use rtt::{RtoFloor, RtoLimits, RttEstimator};
