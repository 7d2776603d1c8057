//! A path between two ends that loses, delays, repeats and damages packets.

use protosim_core::{LocalTime, Purpose, RunSeed, Span, Stream};
use std::collections::BTreeMap;

/// What the path does to packets; shares in percent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    pub(super) loss: u64,
    pub(super) duplicate: u64,
    pub(super) reorder: u64,
    pub(super) corrupt: u64,
    pub(super) delay: Span,
    /// Between two packets of one direction.
    pub(super) gap: Span,
}

impl Path {
    /// 10 ms long, at most ten packets a millisecond.
    pub(super) fn new(loss: u64, duplicate: u64, reorder: u64, corrupt: u64) -> Self {
        Self { loss, duplicate, reorder, corrupt, delay: Span::from_millis(10), gap: Span::from_micros(100) }
    }
}

/// The packets on their way.
pub(super) struct Flight {
    path: Path,
    luck: Stream,
    /// By time and order: to whom, and the bytes.
    packets: BTreeMap<(LocalTime, u64), (usize, Vec<u8>)>,
    sent: u64,
    free_at: [LocalTime; 2],
}

impl Flight {
    pub(super) fn new(seed: u64, path: Path) -> Self {
        let luck = RunSeed { seed, replication: 0 }.stream("path", Purpose("test"));
        Self { path, luck, packets: BTreeMap::new(), sent: 0, free_at: [LocalTime::ZERO; 2] }
    }

    fn roll(&mut self, percent: u64) -> bool {
        self.luck.below(100) < percent
    }

    /// Takes a packet from one of the ends, 0 or 1.
    pub(super) fn send(&mut self, from: usize, mut bytes: Vec<u8>, now: LocalTime) {
        self.sent += 1;
        let leaves = self.free_at[from].max(now).saturating_add(self.path.gap);
        self.free_at[from] = leaves;
        let mut arrives = leaves.saturating_add(self.path.delay);
        let (lost, again, late, damaged) = (
            self.roll(self.path.loss),
            self.roll(self.path.duplicate),
            self.roll(self.path.reorder),
            self.roll(self.path.corrupt),
        );
        if late {
            arrives = arrives.saturating_add(self.path.delay.saturating_mul(1 + self.luck.below(3)));
        }
        if damaged {
            let bit = self.luck.below(bytes.len() as u64 * 8) as usize;
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        if again {
            self.packets.insert((arrives.saturating_add(self.path.gap), self.sent << 1 | 1), (1 - from, bytes.clone()));
        }
        if !lost {
            self.packets.insert((arrives, self.sent << 1), (1 - from, bytes));
        }
    }

    /// When the next packet arrives.
    pub(super) fn next_at(&self) -> Option<LocalTime> {
        self.packets.keys().next().map(|(at, _)| *at)
    }

    /// The next packet that has arrived by now, and at which end.
    pub(super) fn arrived(&mut self, now: LocalTime) -> Option<(usize, Vec<u8>)> {
        self.packets.first_entry().filter(|entry| entry.key().0 <= now).map(|entry| entry.remove())
    }
}
