//! Class A: a device listens in two windows behind each uplink, and else never (LoRaWAN 1.0.3 §3.3).
//!
//! ```text
//!   uplink          RX1                 RX2
//!  ████████ ─delay─ ▒▒ ──── 1 s from ─ ▒▒▒▒
//!         end             RX1's begin
//! ```
//! A window stays open as long as a receiver needs to detect a preamble, or, if it has found one, until the frame's end. A frame for the device in
//! RX1 closes RX2. No uplink begins before RX2 has passed or a frame has come (§3.3.6).

use super::airtime::Modulation;
use protosim_core::{SimTime, Span};

/// The windows of a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClassA {
    /// From the end of the uplink to the first window.
    pub delay: Span,
    /// How a downlink in the first window is sent.
    pub first: Modulation,
    /// How a downlink in the second window is sent.
    pub second: Modulation,
    /// Symbols after which a window without a preamble is closed. Five are enough for SX127x receivers at the least; stacks take
    /// more.
    pub symbols: u16,
    /// How far the device's clock may be off, in parts per million: a window is wider at both ends by the drift over its delay.
    pub clock_ppm: u32,
}

/// A window: listening from `opens` until `closes`, if nothing comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// When the receiver goes on.
    pub opens: SimTime,
    /// When it goes off without a preamble.
    pub closes: SimTime,
    /// When the network starts a downlink in it.
    pub downlink: SimTime,
}

/// What came behind an uplink.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reception {
    /// How long the device listened to nothing.
    pub listened: Span,
    /// How long it took a frame in.
    pub received: Span,
    /// When it may send again, duty cycles aside.
    pub done: SimTime,
}

impl ClassA {
    /// From the end of an uplink to the second window.
    pub fn second_delay(&self) -> Span {
        self.delay.saturating_add(Span::from_secs(1))
    }

    /// The two windows behind an uplink that ends at `end`. One receiver has both: the first closes, at the latest, where the second opens.
    pub fn windows(&self, end: SimTime) -> [Window; 2] {
        let first = self.window(end, self.delay, &self.first);
        let second = self.window(end, self.second_delay(), &self.second);
        [Window { closes: first.closes.min(second.opens).max(first.opens), ..first }, second]
    }

    fn window(&self, end: SimTime, delay: Span, modulation: &Modulation) -> Window {
        let drift = u128::from(delay.as_nanos()) * u128::from(self.clock_ppm);
        let drift = Span::from_nanos(u64::try_from(drift.div_ceil(1_000_000)).unwrap_or(u64::MAX));
        let downlink = end.saturating_add(delay);
        let opens = SimTime::from_nanos(downlink.as_nanos().saturating_sub(drift.as_nanos()));
        let detects = modulation.symbol().saturating_mul(u64::from(self.symbols));
        Window { opens, closes: downlink.saturating_add(drift).saturating_add(detects), downlink }
    }

    /// What a device does behind an uplink that ends at `end`, if the network sends a frame of so many bytes in the first or the second window, or
    /// in none. A frame begins when the network's clock says so.
    pub fn receive(&self, end: SimTime, downlink: Option<(WindowChoice, u64)>) -> Reception {
        let [first, second] = self.windows(end);
        let whole = |window: Window| window.closes - window.opens;
        match downlink {
            Some((WindowChoice::First, bytes)) => {
                let airtime = self.first.airtime(bytes);
                let done = first.downlink.saturating_add(airtime);
                Reception { listened: first.downlink - first.opens, received: airtime, done }
            }
            Some((WindowChoice::Second, bytes)) => {
                let airtime = self.second.airtime(bytes);
                let done = second.downlink.saturating_add(airtime);
                Reception { listened: whole(first) + (second.downlink - second.opens), received: airtime, done }
            }
            None => Reception { listened: whole(first) + whole(second), received: Span::ZERO, done: second.closes },
        }
    }
}

/// In which window a downlink comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WindowChoice {
    /// RX1.
    First,
    /// RX2.
    Second,
}
