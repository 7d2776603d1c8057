//! What protocols that send again have in common: estimates of the round trip, time-outs, ranges of what has arrived, extremes of late.

mod ranges;
mod rtt;
pub mod windowed;

pub use ranges::Ranges;
pub use rtt::{RtoFloor, RtoLimits, RttEstimator};
pub use windowed::{WindowedMax, WindowedMin};
