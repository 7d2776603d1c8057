//! Unsorted buckets of event keys by digits of their time: the far part of [`super::EventQueue`].
//!
//! Times are read as eight digits of eight bits. Against a reference time, a key belongs to the
//! level of the highest digit in which its time differs from the reference, and there to the slot
//! of its own digit. Near keys thus lie in narrow buckets, far ones in wide ones; lower levels,
//! and lower slots within a level, come first.
//!
//! Where eight bits would spread few keys over many buckets, neighbouring slots share the first
//! one's bucket: each level has a grain, chosen when keys are spread over it.
//!
//! Keys lie in chunks out of one pool, linked per bucket: memory follows the number of keys, not
//! the largest size each of the buckets ever had.

use super::key::EventKey;

const DIGIT_BITS: u32 = 8;
const SLOTS: usize = 1 << DIGIT_BITS;
const LEVELS: usize = u64::BITS.div_ceil(DIGIT_BITS) as usize;

/// Keys per chunk: large enough to read a long bucket at the speed of memory, small enough for
/// many buckets of a few keys. A power of two.
pub(super) const CHUNK: usize = 16;
/// Grains are chosen for this many keys per bucket, or up to twice as many. At most a quarter of a
/// run, so that grains stay below a whole digit.
const KEYS_PER_BUCKET: usize = 8;
/// No chunk.
const NIL: u32 = u32::MAX;

/// Times that have all digits from `level + 1` up in common span this mask.
#[inline]
const fn span_mask(level: usize) -> u64 {
    let bits = level as u32 * DIGIT_BITS;
    if bits >= u64::BITS { u64::MAX } else { (1 << bits) - 1 }
}

#[inline]
const fn digit(time: u64, level: usize) -> usize {
    (time >> (level as u32 * DIGIT_BITS)) as usize % SLOTS
}

/// The highest level in which two times differ, given their exclusive or (not zero).
#[inline]
const fn level_of(difference: u64) -> usize {
    // The lowest bit, set or not, is of level 0: with it there is no zero to look out for.
    ((difference | 1).ilog2() / DIGIT_BITS) as usize
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// The newest chunk, the only one that may be partly filled; `NIL` if `count` is 0.
    chunk: u32,
    count: u32,
}

const EMPTY: Bucket = Bucket { chunk: NIL, count: 0 };

#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Chunk([EventKey; CHUNK]);

/// Where a bucket is and how many keys it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) level: usize,
    pub(super) slot: usize,
    pub(super) count: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Buckets {
    buckets: Box<[[Bucket; SLOTS]; LEVELS]>,
    /// One bit per bucket that is not empty.
    occupied: [[u64; SLOTS / 64]; LEVELS],
    /// One bit per level with an occupied bucket.
    levels: u32,
    /// For each level the bits of a digit that tell its bucket. Where the lowest n are missing, 2^n
    /// neighbouring slots share the first one's bucket: n is the level's grain.
    masks: [usize; LEVELS],
    chunks: Vec<Chunk>,
    /// For each chunk the next one of its bucket, or of the free list.
    next: Vec<u32>,
    free: u32,
    chunks_in_use: usize,
}

impl Buckets {
    pub(super) fn new() -> Self {
        Self {
            buckets: Box::new([[EMPTY; SLOTS]; LEVELS]),
            occupied: [[0; SLOTS / 64]; LEVELS],
            levels: 0,
            masks: [SLOTS - 1; LEVELS],
            chunks: Vec::new(),
            next: Vec::new(),
            free: NIL,
            chunks_in_use: 0,
        }
    }

    /// Files `key`, whose time is not `reference`.
    #[inline]
    pub(super) fn insert(&mut self, reference: u64, key: EventKey) {
        let time = key.time().as_nanos();
        let level = level_of(time ^ reference);
        self.append(level, self.slot(time, level), key);
    }

    /// The occupied bucket with the earliest keys.
    #[inline]
    pub(super) fn first(&self) -> Option<Place> {
        if self.levels == 0 {
            return None;
        }
        let level = self.levels.trailing_zeros() as usize;
        self.first_of(level)
    }

    /// The first and the last instant of the bucket at `place`.
    #[inline]
    pub(super) fn bounds(&self, reference: u64, place: Place) -> (u64, u64) {
        let shift = place.level as u32 * DIGIT_BITS;
        let start = reference & !span_mask(place.level + 1) | (place.slot as u64) << shift;
        let width = shift + self.masks[place.level].trailing_zeros();
        let mask = if width >= u64::BITS { u64::MAX } else { (1 << width) - 1 };
        (start, start | mask)
    }

    /// Moves the keys at `place` to the end of `out`, in no particular order.
    #[inline]
    pub(super) fn take(&mut self, place: Place, out: &mut Vec<EventKey>) {
        let bucket = self.detach(place);
        let mut chunk = bucket.chunk;
        let mut filled = (bucket.count as usize - 1) % CHUNK + 1;
        while chunk != NIL {
            out.extend_from_slice(&self.chunks[chunk as usize].0[..filled]);
            chunk = self.release_chunk(chunk);
            filled = CHUNK;
        }
    }

    /// Copies the keys at `place` to `out`, from `at` on, in no particular order, and returns where
    /// they end. Behind them `out` needs room for the rest of a chunk: whole ones are copied, in
    /// steps that do not depend on how many keys there are.
    #[inline]
    pub(super) fn gather(&mut self, place: Place, out: &mut [EventKey], mut at: usize) -> usize {
        let bucket = self.detach(place);
        let mut chunk = bucket.chunk;
        let mut filled = (bucket.count as usize - 1) % CHUNK + 1;
        while chunk != NIL {
            out[at..at + CHUNK].copy_from_slice(&self.chunks[chunk as usize].0);
            at += filled;
            chunk = self.release_chunk(chunk);
            filled = CHUNK;
        }
        at
    }

    /// Spreads the keys at `place`, which must be the first bucket, over the widest lower level
    /// that tells them apart (over its own level, if slots share buckets there), and returns the
    /// reference for which they are right there. `None`, with nothing done, if all of them are of
    /// one instant.
    ///
    /// Until the first of the new buckets is taken, nothing may be inserted.
    pub(super) fn spread(&mut self, place: Place) -> Option<u64> {
        let (time, difference) = self.difference(place)?;
        let level = level_of(difference);
        if level == place.level {
            self.refine(level);
        } else {
            let bits = difference.ilog2() + 1 - level as u32 * DIGIT_BITS;
            let grain = bits.saturating_sub((place.count / KEYS_PER_BUCKET).ilog2());
            self.masks[level] = (SLOTS - 1) << grain & (SLOTS - 1);
            self.redistribute(place, level);
        }
        Some(time & !span_mask(level + 1))
    }

    /// Makes the filing right for the reference `to`, not later than any key here, where it was
    /// right for `from`.
    ///
    /// What agreed with `from` in the digit where the two differ was told apart by lower digits;
    /// seen from `to`, all of it belongs to the one bucket of that digit.
    pub(super) fn rewind(&mut self, from: u64, to: u64) {
        if from == to {
            return;
        }
        let level = level_of(from ^ to);
        let slot = self.slot(from, level);
        let mut keys = Vec::new();
        while let Some(place) = self.first().filter(|place| place.level < level) {
            self.take(place, &mut keys);
        }
        for key in keys {
            self.append(level, slot, key);
        }
    }

    /// Gives memory back when at most an eighth of it is in use. Each call that does so was paid
    /// for by the keys that have left.
    #[inline]
    pub(super) fn shrink(&mut self) {
        const SMALL: usize = 64;
        if self.chunks.len() > SMALL && self.chunks_in_use * 8 <= self.chunks.len() {
            self.rebuild();
        }
    }

    /// Heap memory held, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.buckets) + self.chunks.capacity() * size_of::<Chunk>() + self.next.capacity() * 4
    }

    #[cold]
    fn rebuild(&mut self) {
        let mut fresh = Self::new();
        let mut keys = Vec::new();
        while let Some(place) = self.first() {
            keys.clear();
            self.take(place, &mut keys);
            for &key in &keys {
                fresh.append(place.level, place.slot, key);
            }
        }
        fresh.masks = self.masks;
        *self = fresh;
    }

    /// Gives each slot of the level its own bucket. Happens at most once between two spreads over
    /// it, so a key is moved once more per level at most.
    #[cold]
    fn refine(&mut self, level: usize) {
        self.masks[level] = SLOTS - 1;
        let mut places = Vec::new();
        // Keys go to their bucket's slot or to those it stood for: noting the buckets first keeps
        // what has been moved from being moved again.
        for slot in 0..SLOTS {
            let count = self.buckets[level][slot].count as usize;
            if count > 0 {
                places.push(Place { level, slot, count });
            }
        }
        for place in places {
            self.redistribute(place, level);
        }
    }

    /// Files the keys at `place` by their digit of `level`.
    #[inline]
    fn redistribute(&mut self, place: Place, level: usize) {
        let bucket = self.detach(place);
        let mut chunk = bucket.chunk;
        let mut filled = (bucket.count as usize - 1) % CHUNK + 1;
        while chunk != NIL {
            for at in 0..filled {
                let key = self.chunks[chunk as usize].0[at % CHUNK];
                self.append(level, self.slot(key.time().as_nanos(), level), key);
            }
            chunk = self.release_chunk(chunk);
            filled = CHUNK;
        }
    }

    /// The slot of the bucket that a time belongs to in a level.
    #[inline]
    fn slot(&self, time: u64, level: usize) -> usize {
        digit(time, level) & self.masks[level]
    }

    #[inline]
    fn append(&mut self, level: usize, slot: usize, key: EventKey) {
        let bucket = &mut self.buckets[level][slot];
        let at = bucket.count as usize % CHUNK;
        if at == 0 {
            self.append_first(level, slot, key);
            return;
        }
        bucket.count += 1;
        self.chunks[bucket.chunk as usize].0[at] = key;
    }

    /// Appends to a bucket whose chunks are full, or that has none.
    #[inline(never)]
    fn append_first(&mut self, level: usize, slot: usize, key: EventKey) {
        let Bucket { chunk, count } = self.buckets[level][slot];
        let chunk = self.acquire_chunk(chunk);
        self.occupied[level][slot / 64] |= 1 << (slot % 64);
        self.levels |= 1 << level;
        self.chunks[chunk as usize].0[0] = key;
        self.buckets[level][slot] = Bucket { chunk, count: count + 1 };
    }

    /// The first bucket of a level, which has one.
    #[inline]
    fn first_of(&self, level: usize) -> Option<Place> {
        let words = &self.occupied[level];
        let word = words.iter().position(|&word| word != 0)?;
        let slot = word * 64 + words[word].trailing_zeros() as usize;
        Some(Place { level, slot, count: self.buckets[level][slot].count as usize })
    }

    /// Marks the bucket as empty and returns what it was.
    #[inline]
    fn detach(&mut self, Place { level, slot, .. }: Place) -> Bucket {
        let words = &mut self.occupied[level];
        words[slot / 64] &= !(1 << (slot % 64));
        if words.iter().all(|&word| word == 0) {
            self.levels &= !(1 << level);
        }
        std::mem::replace(&mut self.buckets[level][slot], EMPTY)
    }

    /// The time of some key of the bucket, and in which bits the times of its keys differ (at
    /// least the highest one is right); `None` if all times are equal.
    fn difference(&self, place: Place) -> Option<(u64, u64)> {
        let bucket = self.buckets[place.level][place.slot];
        let mut chunk = bucket.chunk;
        let mut filled = (bucket.count as usize - 1) % CHUNK + 1;
        let time = self.chunks[chunk as usize].0[0].time().as_nanos();
        let (start, end) = self.bounds(0, place);
        // Once the highest bit that may differ does, the rest need not be looked at.
        let most = (end - start) >> 1;
        let mut difference = 0;
        while chunk != NIL && difference <= most {
            let keys = &self.chunks[chunk as usize].0[..filled];
            difference |= keys.iter().fold(0, |bits, key| bits | (key.time().as_nanos() ^ time));
            chunk = self.next[chunk as usize];
            filled = CHUNK;
        }
        (difference != 0).then_some((time, difference))
    }

    /// A chunk linked in front of `next`.
    #[inline]
    fn acquire_chunk(&mut self, next: u32) -> u32 {
        self.chunks_in_use += 1;
        let chunk = self.free;
        if chunk == NIL {
            return self.new_chunk(next);
        }
        self.free = std::mem::replace(&mut self.next[chunk as usize], next);
        chunk
    }

    #[cold]
    fn new_chunk(&mut self, next: u32) -> u32 {
        let chunk = u32::try_from(self.chunks.len()).expect("2^32 chunks are more than a terabyte");
        self.chunks.push(Chunk([EventKey::FIRST; CHUNK]));
        self.next.push(next);
        chunk
    }

    /// Gives `chunk` back and returns the one it was linked to.
    #[inline]
    fn release_chunk(&mut self, chunk: u32) -> u32 {
        self.chunks_in_use -= 1;
        let next = std::mem::replace(&mut self.next[chunk as usize], self.free);
        self.free = chunk;
        next
    }
}
