//! placeholder

pub mod figure;
