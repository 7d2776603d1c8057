//! The sorted run: the keys that are due next, a few dozen at most times, latest first.
//!
//! In lists so short, mispredicted branches cost more than everything else: which of two keys
//! comes first is a coin toss. So a run is sorted by counting for each key how many come later,
//! which takes no branches.

use super::key::EventKey;

/// Keys up to this number are sorted by counting: the work grows with the square.
const COUNTED: usize = 32;

/// Sorts `keys`, all of them from `start` to `end` [ns], latest first.
#[inline]
pub(super) fn sort(keys: &mut [EventKey], start: u64, end: u64) {
    match keys.len() {
        0 | 1 => {}
        2..=16 => sort_by_counting::<16>(keys, start, end),
        17..=COUNTED => sort_by_counting::<COUNTED>(keys, start, end),
        _ => keys.sort_unstable_by(|a, b| b.cmp(a)),
    }
}

/// Inserts `key` into `keys`, which are sorted latest first.
#[inline]
pub(super) fn insert(keys: &mut Vec<EventKey>, key: EventKey) {
    if keys.first().is_some_and(|&latest| key >= latest) {
        // As on a wire, where the packet that leaves last arrives last.
        keys.insert(0, key);
        return;
    }
    let mut hole = keys.len();
    keys.push(key);
    let keys = keys.as_mut_slice();
    while hole > 0 && keys[hole - 1] < key {
        keys[hole] = keys[hole - 1];
        hole -= 1;
    }
    keys[hole] = key;
}

/// Sorts up to `LANES` keys. A key's place is the number of keys that are later.
///
/// Each time is reduced to one 31-bit integer (the leading 26 bits of its distance from `start`,
/// then the index, which makes it unique), so that the compiler can compare several at once. What
/// these bits cannot tell apart is put right afterwards.
fn sort_by_counting<const LANES: usize>(keys: &mut [EventKey], start: u64, end: u64) {
    const INDEX_BITS: u32 = COUNTED.ilog2();
    const TIME_BITS: u32 = 31 - INDEX_BITS;
    let shift = (u64::BITS - (end - start).leading_zeros()).saturating_sub(TIME_BITS);

    let mut ranked = [-1_i32; LANES];
    let mut unsorted = [EventKey::FIRST; LANES];
    for (i, ((rank, copy), &key)) in ranked.iter_mut().zip(&mut unsorted).zip(keys.iter()).enumerate() {
        *rank = (((key.time().as_nanos() - start) >> shift) << INDEX_BITS) as i32 | i as i32;
        *copy = key;
    }
    let mut later = [0_i32; LANES];
    for &other in &ranked[..keys.len()] {
        for (count, &own) in later.iter_mut().zip(&ranked) {
            *count += i32::from(other > own);
        }
    }
    for (&key, &place) in unsorted.iter().zip(&later).take(keys.len()) {
        keys[place as usize] = key;
    }
    insertion_sort(keys);
}

/// Finishes an order that is right but for a few neighbours.
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
