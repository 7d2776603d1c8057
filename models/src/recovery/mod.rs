//! What protocols that repair losses share.

pub mod windowed;

pub use windowed::{WindowedMax, WindowedMin};
