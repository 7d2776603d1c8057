//! What is measured of one direction of a link, where someone asks for it. Nothing that decides may look at it.

use protosim_core::sketch::{Batches, Histogram};
use protosim_core::{SimTime, Span};

/// A measurement of one direction of a link, from `from` on: packets that were offered earlier do not count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Meter {
    from: SimTime,
    until: SimTime,
    /// IP bytes of packets that were sent.
    bytes: u64,
    /// Time that the serialiser has worked.
    busy: u128,
    /// From the offer of a packet to the first bit on the wire [ns], of packets in order of sending.
    waits: Batches,
    wait_histogram: Histogram,
}

impl Meter {
    /// Measures packets that are offered at `from` or later, and before `until`.
    pub fn new(from: SimTime, until: SimTime) -> Self {
        Self { from, until, bytes: 0, busy: 0, waits: Batches::new(), wait_histogram: Histogram::new() }
    }

    /// A packet of `len` IP bytes was offered then, its first bit goes out at `start`, and its last one leaves at `departs`.
    #[inline]
    pub(super) fn note(&mut self, offered: SimTime, start: SimTime, departs: SimTime, len: u64) {
        if offered < self.from || offered >= self.until {
            return;
        }
        self.bytes += len;
        self.busy += u128::from((departs - start).as_nanos());
        let wait = start.saturating_since(offered).as_nanos();
        self.waits.add(wait);
        self.wait_histogram.add(wait);
    }

    /// Packets that were sent.
    pub fn packets(&self) -> u64 {
        self.waits.count()
    }

    /// IP bytes of packets that were sent.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Time that the serialiser has worked on them [ns].
    pub fn busy_nanos(&self) -> u128 {
        self.busy
    }

    /// How long packets waited for the serialiser [ns], in order of sending.
    pub fn waits(&self) -> &Batches {
        &self.waits
    }

    /// How long packets waited for the serialiser [ns].
    pub fn wait_histogram(&self) -> &Histogram {
        &self.wait_histogram
    }

    /// When the measurement begins, and how long it has lasted at `now`.
    pub fn window(&self, now: SimTime) -> Span {
        now.min(self.until).saturating_since(self.from)
    }
}
