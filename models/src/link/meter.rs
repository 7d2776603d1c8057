//! What is measured of one direction of a link, where someone asks for it. Nothing that decides may look at it.

use protosim_core::sketch::{Batches, Histogram};
use protosim_core::{SimTime, Span};
use serde::{Deserialize, Serialize};

/// A measurement of one direction of a link over a window of time.
///
/// - Waits are of packets that are offered in the window.
/// - Queue length is of packets that wait for the serialiser, those in service not counted, as long as they wait in the window.
/// - Time of work is what of it lies in the window, whoever it is spent on: it is never more than the window.
/// - Packets sent, their bytes and those lost count where the last bit leaves in the window.
/// - Drops and marks of the queue count where they happen in the window.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Meter {
    from: SimTime,
    until: SimTime,
    sent: u64,
    bytes: u64,
    lost: u64,
    dropped: u64,
    marked: u64,
    /// Time that the serialiser has worked \[ns\].
    busy: u128,
    /// From the offer of a packet to the first bit on the wire \[ns\], of packets in order of sending.
    waits: Batches,
    wait_histogram: Histogram,
    /// Waits by length \[byte ns\].
    queued: u128,
    bins: Vec<Bins>,
    /// Each wait by itself, where that was asked for.
    samples: Option<Vec<WaitSample>>,
}

/// The wait of one packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WaitSample {
    /// When it was offered.
    pub offered: SimTime,
    /// From there to its first bit on the wire.
    pub wait: Span,
}

/// What is measured of each of equal parts of the run, from its start on, whatever the window.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bins {
    width: Span,
    /// IP bytes whose last bit left in the part.
    bytes: Vec<u64>,
    /// Number and sum of the waits \[ns\] of packets that were offered in the part.
    waits: Vec<(u64, u128)>,
    /// Changes of the queue's length: what of them lies in the part \[byte ns\], and what goes on in all later ones \[bytes\].
    queued: Vec<(i128, i128)>,
}

impl Bins {
    /// Most parts that are kept; what comes later is not measured.
    pub const MOST: u64 = 1 << 20;

    fn new(width: Span) -> Self {
        Self { width: width.max(Span::NANOSECOND), bytes: Vec::new(), waits: Vec::new(), queued: Vec::new() }
    }

    /// The length of a part.
    pub fn width(&self) -> Span {
        self.width
    }

    /// IP bytes that left in each part; parts behind the last one had none.
    pub fn bytes(&self) -> &[u64] {
        &self.bytes
    }

    /// Number of packets that were offered in each part and sent, and the sum of their waits \[ns\].
    pub fn waits(&self) -> &[(u64, u128)] {
        &self.waits
    }

    /// The sum of the queue's length over each part \[byte ns\]; parts behind the last one had nothing waiting.
    pub fn queued(&self) -> impl Iterator<Item = u128> {
        let width = i128::from(self.width.as_nanos());
        self.queued.iter().scan(0_i128, move |standing, (within, after)| {
            let sum = *standing * width + within;
            *standing += after;
            Some(sum.max(0) as u128)
        })
    }

    /// The queue's length changes.
    fn step(&mut self, at: SimTime, bytes: i128) {
        let width = self.width.as_nanos();
        let left = i128::from(width - at.as_nanos() % width);
        if let Some((within, after)) = Self::slot(self.width, &mut self.queued, at) {
            *within += bytes * left;
            *after += bytes;
        }
    }

    fn slot<T: Clone + Default>(width: Span, list: &mut Vec<T>, at: SimTime) -> Option<&mut T> {
        let index = at.as_nanos() / width.as_nanos();
        if index >= Self::MOST {
            return None;
        }
        let index = index as usize;
        if list.len() <= index {
            list.resize(index + 1, T::default());
        }
        list.get_mut(index)
    }
}

impl Meter {
    /// Measures from `from` on, and before `until`.
    pub fn new(from: SimTime, until: SimTime) -> Self {
        Self {
            from,
            until,
            sent: 0,
            bytes: 0,
            lost: 0,
            dropped: 0,
            marked: 0,
            busy: 0,
            waits: Batches::new(),
            wait_histogram: Histogram::new(),
            queued: 0,
            bins: Vec::new(),
            samples: None,
        }
    }

    /// The same, and each wait by itself: sixteen bytes a packet.
    pub fn with_samples(mut self) -> Self {
        self.samples = Some(Vec::new());
        self
    }

    /// The same, and what happens in each part of the run that is `width` long.
    pub fn with_bins(mut self, width: Span) -> Self {
        self.bins.push(Bins::new(width));
        self
    }

    /// A packet of `len` IP bytes that was offered then is sent from `start` on.
    #[inline]
    pub(super) fn note_wait(&mut self, offered: SimTime, start: SimTime, len: u64) {
        self.queued += u128::from(len) * self.within(offered, start);
        let wait = start.saturating_since(offered).as_nanos();
        for bins in &mut self.bins {
            if let Some((count, sum)) = Bins::slot(bins.width, &mut bins.waits, offered) {
                *count += 1;
                *sum += u128::from(wait);
            }
            if wait > 0 {
                bins.step(offered, i128::from(len));
                bins.step(start, -i128::from(len));
            }
        }
        if offered >= self.from && offered < self.until {
            self.waits.add(wait);
            self.wait_histogram.add(wait);
            if let Some(samples) = &mut self.samples {
                samples.push(WaitSample { offered, wait: Span::from_nanos(wait) });
            }
        }
    }

    /// The serialiser works from `start` on, and the last bit of the packet of `len` IP bytes leaves at `departs`.
    #[inline]
    pub(super) fn note_departure(&mut self, start: SimTime, departs: SimTime, len: u64, is_lost: bool) {
        self.busy += self.within(start, departs);
        if self.covers(departs) {
            self.sent += 1;
            self.bytes += len;
            self.lost += u64::from(is_lost);
        }
        for bins in &mut self.bins {
            if let Some(bytes) = Bins::slot(bins.width, &mut bins.bytes, departs) {
                *bytes += len;
            }
        }
    }

    /// Takes back a departure that will not be as it was noted: what was done before `now` remains.
    pub(super) fn retract(&mut self, now: SimTime, noted: (SimTime, SimTime), len: u64, was_lost: bool) {
        let (start, departs) = noted;
        self.busy -= self.within(start.max(now), departs);
        if self.covers(departs) {
            self.sent -= 1;
            self.bytes -= len;
            self.lost -= u64::from(was_lost);
        }
        for bins in &mut self.bins {
            if let Some(bytes) = Bins::slot(bins.width, &mut bins.bytes, departs) {
                *bytes -= len;
            }
        }
    }

    /// The queue has dropped and marked so many packets just now.
    #[inline]
    pub(super) fn note_judgement(&mut self, now: SimTime, dropped: u64, marked: u64) {
        if now >= self.from && now < self.until {
            self.dropped += dropped;
            self.marked += marked;
        }
    }

    /// What of a time lies in the window \[ns\].
    fn within(&self, start: SimTime, end: SimTime) -> u128 {
        u128::from(end.min(self.until).saturating_since(start.max(self.from)).as_nanos())
    }

    /// Whether a last bit that leaves then is of the window.
    fn covers(&self, departs: SimTime) -> bool {
        departs >= self.from && departs < self.until
    }

    /// Packets that were offered in the window and sent.
    pub fn packets(&self) -> u64 {
        self.waits.count()
    }

    /// Packets that left in the window, those lost on the way included.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Packets of [`Meter::sent`] that were lost on the way.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Packets that the queue has dropped in the window, because it was full or by its own judgement.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Packets that the queue has marked with congestion experienced in the window.
    pub fn marked(&self) -> u64 {
        self.marked
    }

    /// IP bytes of packets that left in the window.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Time of the window in which a packet was being sent \[ns\].
    pub fn busy_nanos(&self) -> u128 {
        self.busy
    }

    /// How long packets waited for the serialiser \[ns\], in order of sending.
    pub fn waits(&self) -> &Batches {
        &self.waits
    }

    /// How long packets waited for the serialiser \[ns\].
    pub fn wait_histogram(&self) -> &Histogram {
        &self.wait_histogram
    }

    /// Each of these waits by itself, in order of sending, if they were asked for.
    pub fn samples(&self) -> Option<&[WaitSample]> {
        self.samples.as_deref()
    }

    /// The sum of the queue's length over the window \[byte ns\], of packets that are sent.
    pub fn queued(&self) -> u128 {
        self.queued
    }

    /// The parts of this length, if they were asked for.
    pub fn bins(&self, width: Span) -> Option<&Bins> {
        self.bins.iter().find(|bins| bins.width == width)
    }

    /// When the measurement begins, and how long it has lasted at `now`.
    pub fn window(&self, now: SimTime) -> Span {
        now.min(self.until).saturating_since(self.from)
    }
}
