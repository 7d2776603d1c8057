//! The sorted run: the keys that are due next, a few dozen at most times, latest first.
//!
//! In lists so short, mispredicted branches cost more than everything else: which of two keys
//! comes first is a coin toss. So a run is sorted by counting for each key how many come later,
//! in a number of steps that hardly depends on the keys.

use super::key::EventKey;

/// A run is sorted by counting if it has at most this many keys: the work grows with the square.
pub(super) const COUNTED: usize = 32;
/// Places that are always there, so that short runs need not look for room.
const PLACES: usize = 64;

/// Keys, latest first: the next one is at the end.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// The run's keys, then places without meaning; at least [`PLACES`] in all.
    keys: Vec<EventKey>,
    len: usize,
}

impl Run {
    /// Keys are inserted only into runs shorter than this.
    pub(super) const INSERT_MAX: usize = 48;

    pub(super) fn new() -> Self {
        Self { keys: vec![EventKey::FIRST; PLACES], len: 0 }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The earliest key.
    #[inline]
    pub(super) fn next(&self) -> Option<EventKey> {
        self.keys.get(self.len.checked_sub(1)?).copied()
    }

    /// Takes the earliest key.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<EventKey> {
        let key = self.next()?;
        self.len -= 1;
        Some(key)
    }

    /// Forgets the earliest key, which there must be.
    #[inline]
    pub(super) fn drop_next(&mut self) {
        self.len -= 1;
    }

    /// Takes all keys, latest first.
    pub(super) fn take(&mut self) -> Vec<EventKey> {
        let Self { mut keys, len } = std::mem::replace(self, Self::new());
        keys.truncate(len);
        keys
    }

    /// Inserts `key` at its place. The run must be shorter than [`Run::INSERT_MAX`].
    #[inline]
    pub(super) fn insert(&mut self, key: EventKey) {
        let mut hole = self.len;
        let keys = &mut self.keys[..=hole];
        self.len += 1;
        if hole > 0 && key >= keys[0] {
            // As on a wire, where the packet that leaves last arrives last.
            keys.copy_within(..hole, 1);
            keys[0] = key;
            return;
        }
        while hole > 0 && keys[hole - 1] < key {
            keys[hole] = keys[hole - 1];
            hole -= 1;
        }
        keys[hole] = key;
    }

    /// Becomes the run of these keys, however many.
    #[cold]
    pub(super) fn replace(&mut self, mut keys: Vec<EventKey>) {
        keys.sort_unstable_by(|a, b| b.cmp(a));
        self.len = keys.len();
        if keys.len() < PLACES {
            keys.resize(PLACES, EventKey::FIRST);
        }
        self.keys = keys;
    }

    /// Becomes the run of the first `count` of `keys`, at most [`COUNTED`], all of them from
    /// `start` to `end` \[ns\].
    #[inline]
    pub(super) fn sort<const N: usize>(&mut self, keys: &[EventKey; N], count: usize, start: u64, end: u64) {
        match count {
            0..=1 => self.keys[0] = keys[0],
            2..=8 => self.sort_by_counting::<8>(keys, count, start, end),
            9..=16 => self.sort_by_counting::<16>(keys, count, start, end),
            17..=24 => self.sort_by_counting::<24>(keys, count, start, end),
            _ => self.sort_by_counting::<COUNTED>(keys, count, start, end),
        }
        self.len = count;
    }

    /// Sorts up to `LANES` keys. A key's place is the number of keys that are later.
    ///
    /// Each time is reduced to one 15-bit integer (the leading 10 bits of its distance from
    /// `start`, then the index, which makes it unique), so that the compiler can compare several
    /// at once. What these bits cannot tell apart is put right afterwards. All loops but that last
    /// one go over all lanes, whether there is a key or not: their ends are no surprise.
    #[inline]
    fn sort_by_counting<const LANES: usize>(&mut self, keys: &[EventKey], count: usize, start: u64, end: u64) {
        const INDEX_BITS: u32 = COUNTED.ilog2();
        const TIME_BITS: u32 = 15 - INDEX_BITS;
        let shift = (u64::BITS - (end - start).leading_zeros()).saturating_sub(TIME_BITS);
        let Some(keys) = keys.first_chunk::<LANES>() else { return };
        let Some(sorted) = self.keys.first_chunk_mut::<PLACES>() else { return };

        let mut ranked = [0_i16; LANES];
        for (rank, key) in ranked.iter_mut().zip(keys) {
            *rank = (key.time().as_nanos().wrapping_sub(start) >> shift) as i16;
        }
        for (i, rank) in ranked.iter_mut().enumerate() {
            // No key: before all others, hence the place after them.
            *rank = if (i as i16) < count as i16 { *rank << INDEX_BITS | i as i16 } else { -1 };
        }
        let mut later = [0_i16; LANES];
        for &other in &ranked {
            for (later, &own) in later.iter_mut().zip(&ranked) {
                *later += i16::from(other > own);
            }
        }
        for (&key, &place) in keys.iter().zip(&later) {
            sorted[place as usize % PLACES] = key;
        }
        let sorted = &mut sorted[..count];
        // Times alone are quicker to compare than whole keys, and hardly ever equal.
        if !sorted.is_sorted_by(|a, b| a.time() > b.time()) {
            insertion_sort(sorted);
        }
    }

    /// Gives memory back that only a very long run needed. Call it while the run is empty.
    #[inline]
    pub(super) fn shrink(&mut self, pending: usize) {
        if self.keys.len() > 4 * pending.max(PLACES) {
            *self = Self::new();
        }
    }

    /// Heap memory held, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.keys.capacity() * size_of::<EventKey>()
    }
}

/// Finishes an order that is right but for a few neighbours.
#[inline(never)]
fn insertion_sort(keys: &mut [EventKey]) {
    for i in 1..keys.len() {
        let key = keys[i];
        let mut hole = i;
        while hole > 0 && keys[hole - 1] < key {
            keys[hole] = keys[hole - 1];
            hole -= 1;
        }
        keys[hole] = key;
    }
}
