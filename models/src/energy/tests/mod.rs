//! Tests of energy: the fact sheets' figures worked out by hand, closed forms, and sums that hold to the last unit.

mod attribution;
mod battery;
mod meter;
mod profile;
mod quantity;
mod radios;
mod sheet;
mod timers;

use super::profile::{DeviceProfile, PROFILES};
use protosim_core::{SimTime, Span};

/// The shipped profiles.
fn library() -> Vec<DeviceProfile> {
    let options = ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
    options.from_str(PROFILES).unwrap()
}

fn shipped(name: &str) -> DeviceProfile {
    library().into_iter().find(|profile| profile.name == name).unwrap()
}

fn micros(us: u64) -> SimTime {
    SimTime::ZERO + Span::from_micros(us)
}

fn millis(ms: u64) -> SimTime {
    SimTime::ZERO + Span::from_millis(ms)
}

fn secs(s: u64) -> SimTime {
    SimTime::ZERO + Span::from_secs(s)
}
