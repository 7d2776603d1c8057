//! Payloads as short ropes of runs: real bytes for control messages, virtual fill for bulk data.
//!
//! A fill's bytes are a function of its key and offset, so a receiver checks integrity without
//! anything being stored, and a slice of a fill is a fill. Slicing and joining cost the number of
//! runs, never the number of bytes.

use bytes::Bytes;

/// Bytes a packet or a stream carries. Two runs of a fill that could be one are one. However its real bytes are cut, a rope is equal to
/// one of the same real bytes and the same bulk data.
#[derive(Clone, Debug, Default)]
pub struct Rope(Runs);

/// One run of a rope.
#[derive(Clone, Debug)]
pub enum Run {
    /// Real bytes, as encoded by a protocol.
    Bytes(Bytes),
    /// `len` virtual bytes: byte i is [`fill_byte`]`(key, offset + i)`.
    Fill {
        /// Which bulk data: a transfer, an object.
        key: u32,
        /// Where in that data this run starts.
        offset: u64,
        /// How many bytes.
        len: u64,
    },
}

/// Zero, one or many runs: nearly every packet carries at most one, and stays small by it.
#[derive(Clone, Debug, Default)]
enum Runs {
    #[default]
    None,
    One(Run),
    #[expect(clippy::box_collection, reason = "a bare Vec would make every rope, and so every packet, larger")]
    Many(Box<Vec<Run>>),
}

/// Byte `position` of the bulk data `key`. It repeats after 256 bytes, so that a checksum over a
/// fill of any length needs one period at most.
pub fn fill_byte(key: u32, position: u64) -> u8 {
    let mixed = (u64::from(key) << 8 | (position & 0xff)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as u8
}

/// Bytes after which every fill repeats (see [`fill_byte`]).
pub const FILL_PERIOD: usize = 256;

/// The first [`FILL_PERIOD`] bytes of the bulk data `key`: all others repeat them.
pub fn fill_period(key: u32) -> [u8; FILL_PERIOD] {
    std::array::from_fn(|position| fill_byte(key, position as u64))
}

/// How many of `bytes`, which stand at `offset`, are not those of the bulk data that repeats `period`.
pub fn count_other_bytes(period: &[u8; FILL_PERIOD], offset: u64, bytes: &[u8]) -> u64 {
    let (mut others, mut rest) = (0, bytes);
    let mut at = (offset % FILL_PERIOD as u64) as usize;
    while !rest.is_empty() {
        let (part, behind) = rest.split_at(rest.len().min(FILL_PERIOD - at));
        let expected = &period[at..at + part.len()];
        // Mostly all are as they should be.
        if part != expected {
            others += part.iter().zip(expected).filter(|(byte, expected)| byte != expected).count() as u64;
        }
        (rest, at) = (behind, 0);
    }
    others
}

impl Run {
    /// Length in bytes.
    #[inline]
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Fill { len, .. } => *len,
        }
    }

    /// True if there is no byte in it.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `len` bytes from `start`; both are held to what is there.
    #[inline]
    pub(crate) fn slice(&self, start: u64, len: u64) -> Self {
        let start = start.min(self.len());
        let len = len.min(self.len() - start);
        match self {
            // Both fit: they are at most `bytes.len()`.
            Self::Bytes(bytes) => Self::Bytes(bytes.slice(start as usize..(start + len) as usize)),
            Self::Fill { key, offset, .. } => Self::Fill { key: *key, offset: offset + start, len },
        }
    }

    /// One run for `self` and `next`, where they continue each other as fill.
    pub(crate) fn joined(&self, next: &Self) -> Option<Self> {
        match (self, next) {
            (Self::Fill { key, offset, len }, Self::Fill { key: key_2, offset: offset_2, len: len_2 })
                if key == key_2 && offset + len == *offset_2 =>
            {
                Some(Self::Fill { key: *key, offset: *offset, len: len + len_2 })
            }
            _ => None,
        }
    }
}

/// Real bytes are equal to the same bytes, and bulk data to the same place of the same data.
impl PartialEq for Run {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bytes(bytes), Self::Bytes(others)) => bytes == others,
            (Self::Fill { key, offset, len }, Self::Fill { key: other_key, offset: other_offset, len: other_len }) => {
                (key, offset, len) == (other_key, other_offset, other_len)
            }
            _ => false,
        }
    }
}

impl Eq for Run {}

impl PartialEq for Rope {
    fn eq(&self, other: &Self) -> bool {
        if self.len() != other.len() {
            return false;
        }
        let (mut left, mut right) = (self.runs().iter(), other.runs().iter());
        let (mut a, mut b) = (left.next().cloned(), right.next().cloned());
        while let (Some(one), Some(two)) = (&a, &b) {
            let both = one.len().min(two.len());
            if one.slice(0, both) != two.slice(0, both) {
                return false;
            }
            let behind = |run: &Run| Some(run.slice(both, u64::MAX)).filter(|rest| !rest.is_empty());
            (a, b) = (behind(one).or_else(|| left.next().cloned()), behind(two).or_else(|| right.next().cloned()));
        }
        // Both are as long, so both are at their ends.
        true
    }
}

impl Eq for Rope {}

impl Rope {
    /// No bytes.
    pub const fn new() -> Self {
        Self(Runs::None)
    }

    /// `len` virtual bytes of the bulk data `key`, from its byte `offset`.
    pub fn fill(key: u32, offset: u64, len: u64) -> Self {
        Self::from(Run::Fill { key, offset, len })
    }

    /// Length in bytes.
    #[inline]
    pub fn len(&self) -> u64 {
        match &self.0 {
            Runs::None => 0,
            Runs::One(run) => run.len(),
            Runs::Many(runs) => runs.iter().map(Run::len).sum(),
        }
    }

    /// True if there is no byte in it.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.runs().is_empty()
    }

    /// The runs, in order; none of them is empty.
    #[inline]
    pub fn runs(&self) -> &[Run] {
        match &self.0 {
            Runs::None => &[],
            Runs::One(run) => std::slice::from_ref(run),
            Runs::Many(runs) => runs,
        }
    }

    /// Adds `run` at the end.
    #[inline]
    pub fn push(&mut self, run: Run) {
        if run.is_empty() {
            return;
        }
        if matches!(self.0, Runs::None) {
            self.0 = Runs::One(run);
        } else {
            self.push_behind(run);
        }
    }

    fn push_behind(&mut self, run: Run) {
        self.0 = match std::mem::take(&mut self.0) {
            Runs::None => Runs::One(run),
            Runs::One(last) => match last.joined(&run) {
                Some(both) => Runs::One(both),
                None => Runs::Many(Box::new(vec![last, run])),
            },
            Runs::Many(mut runs) => {
                match runs.last().and_then(|last| last.joined(&run)) {
                    Some(both) => *runs.last_mut().expect("a joined run has a last one") = both,
                    None => runs.push(run),
                }
                Runs::Many(runs)
            }
        };
    }

    /// Adds the bytes of `other` at the end.
    pub fn append(&mut self, other: &Self) {
        for run in other.runs() {
            self.push(run.clone());
        }
    }

    /// The `len` bytes from `start`; both are held to what is there.
    pub fn slice(&self, start: u64, len: u64) -> Self {
        let mut out = Self::new();
        let (mut skip, mut left) = (start, len);
        for run in self.runs() {
            let part = run.slice(skip, left);
            skip = skip.saturating_sub(run.len());
            left -= part.len();
            out.push(part);
        }
        out
    }

    /// Writes every byte, virtual ones too, to the end of `out`: for captures, live peers and
    /// readers of control messages, never for the hot path.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        for run in self.runs() {
            match run {
                Run::Bytes(bytes) => out.extend_from_slice(bytes),
                Run::Fill { key, offset, len } => {
                    let (start, first) = (out.len(), (*len).min(FILL_PERIOD as u64));
                    out.extend((0..first).map(|i| fill_byte(*key, offset.wrapping_add(i))));
                    // What is there is whole periods, until the last part.
                    while out.len() - start < *len as usize {
                        let there = out.len() - start;
                        out.extend_from_within(start..start + there.min(*len as usize - there));
                    }
                }
            }
        }
    }

    /// Every byte, in one piece; free of copies where the rope is one run of real bytes.
    pub fn to_bytes(&self) -> Bytes {
        match &self.0 {
            Runs::None => Bytes::new(),
            Runs::One(Run::Bytes(bytes)) => bytes.clone(),
            _ => {
                let mut out = Vec::new();
                self.write_to(&mut out);
                out.into()
            }
        }
    }
}

impl From<Run> for Rope {
    fn from(run: Run) -> Self {
        if run.is_empty() { Self::new() } else { Self(Runs::One(run)) }
    }
}

impl From<Bytes> for Rope {
    fn from(bytes: Bytes) -> Self {
        Self::from(Run::Bytes(bytes))
    }
}

impl From<Vec<u8>> for Rope {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(Bytes::from(bytes))
    }
}

impl FromIterator<Run> for Rope {
    fn from_iter<I: IntoIterator<Item = Run>>(runs: I) -> Self {
        let mut out = Self::new();
        for run in runs {
            out.push(run);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_rope() -> impl Strategy<Value = Rope> {
        let bytes = prop::collection::vec(any::<u8>(), 0..20).prop_map(|b| Run::Bytes(b.into()));
        let fill = (0_u32..3, 0_u64..600, 0_u64..600).prop_map(|(key, offset, len)| Run::Fill { key, offset, len });
        prop::collection::vec(prop_oneof![bytes, fill], 0..6).prop_map(|runs| runs.into_iter().collect())
    }

    #[test]
    fn slices_of_a_fill_join_again() {
        let whole = Rope::fill(7, 100, 50);
        let mut joined = whole.slice(0, 20);
        joined.append(&whole.slice(20, 30));
        assert_eq!(joined, whole);
        assert_eq!(joined.runs().len(), 1);
    }

    /// Of 700 bytes from offset 250 on, those at 0, 6 and 699 of the slice are flipped: three periods are touched.
    #[test]
    fn bytes_that_are_not_those_of_a_fill_are_counted() {
        let mut bytes = Rope::fill(9, 250, 700).to_bytes().to_vec();
        assert!((0..700).all(|i| bytes[i as usize] == fill_byte(9, 250 + i)));
        assert_eq!(count_other_bytes(&fill_period(9), 250, &bytes), 0);
        for at in [0, 6, 699] {
            bytes[at] ^= 0x80;
        }
        assert_eq!(count_other_bytes(&fill_period(9), 250, &bytes), 3);
    }

    proptest! {
        #[test]
        fn slicing_a_rope_slices_its_bytes(rope in any_rope(), start in 0_u64..2_000, len in 0_u64..2_000) {
            let all = rope.to_bytes();
            prop_assert_eq!(all.len() as u64, rope.len());
            let from = (start as usize).min(all.len());
            let to = (from + len as usize).min(all.len());
            let part = rope.slice(start, len).to_bytes();
            prop_assert_eq!(&part[..], &all[from..to]);
        }

        /// However real bytes are cut; and one byte that is another makes ropes differ, as do bulk data at another place.
        #[test]
        fn ropes_are_equal_however_their_bytes_are_cut(rope in any_rope(), cuts in prop::collection::vec(0_u64..2_000, 0..4)) {
            let mut cut = Rope::new();
            let mut cuts = cuts;
            cuts.sort_unstable();
            let ends = cuts.iter().copied().chain([u64::MAX]);
            for (from, to) in [0].into_iter().chain(cuts.iter().copied()).zip(ends) {
                cut.append(&rope.slice(from, to - from));
            }
            prop_assert_eq!(&cut, &rope);
            prop_assert_ne!(&Rope::fill(1, 0, 10), &Rope::fill(1, 256, 10));
            let mut bytes = rope.to_bytes().to_vec();
            let real = Rope::from(bytes.clone());
            let at = cuts.first().map_or(0, |at| *at as usize);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1;
                prop_assert_ne!(&Rope::from(bytes), &real);
            }
        }

        #[test]
        fn joining_ropes_joins_their_bytes(a in any_rope(), b in any_rope()) {
            let mut joined = a.clone();
            joined.append(&b);
            prop_assert_eq!(joined.to_bytes().to_vec(), [a.to_bytes(), b.to_bytes()].concat());
        }
    }
}
