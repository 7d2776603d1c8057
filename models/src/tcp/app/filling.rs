//! Virtual bytes that have come as real ones, as they do over real sockets: are they what was sent?

use crate::rope::{FILL_PERIOD, Rope, Run, count_other_bytes, fill_byte, fill_period};

/// How many bytes of `data` are not those of the bulk data `key` from `offset` on. Of a run of virtual bytes that is another one, all.
pub(crate) fn other_bytes(data: &Rope, key: u32, offset: u64) -> u64 {
    let (mut others, mut at) = (0, offset);
    for run in data.runs() {
        others += match run {
            Run::Fill { key: of, offset, .. } if (*of, *offset) == (key, at) => 0,
            Run::Fill { len, .. } => *len,
            Run::Bytes(bytes) => count_other_bytes(&fill_period(key), at, bytes),
        };
        at += run.len();
    }
    others
}

/// What the bytes of a stream are, that are all of one bulk data from its start on, as far as those that have come tell.
///
/// Virtual bytes bring their key. Real ones do not: many keys have the same bytes. [`fill_byte`] is the top byte of `phase + position *
/// step` modulo 2^64, `phase` being the key's; each byte so holds the phase to 2^56 values in a row, and those that one period
/// leaves give all further bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Filling {
    /// None have come.
    Unknown,
    /// Virtual ones of this key.
    Key(u32),
    /// Real ones: the phase is one of `low` to `low + width`, modulo 2^64.
    Phase { low: u64, width: u64 },
}

/// What a byte leaves of the phase, less one.
const ARC: u64 = (1 << 56) - 1;

/// What the phase of position `position` is ahead of that of position 0.
const fn steps(position: u64) -> u64 {
    (position % FILL_PERIOD as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Filling {
    /// True if virtual bytes of this key go on with it.
    #[inline]
    pub(super) fn is_of(&mut self, key: u32) -> bool {
        match self {
            Self::Key(known) => *known == key,
            Self::Unknown => {
                *self = Self::Key(key);
                true
            }
            // Which key the bytes before were of is not known.
            Self::Phase { .. } => false,
        }
    }

    /// Takes real bytes that stand at `offset`; says how many of them are others.
    pub(super) fn take(&mut self, offset: u64, bytes: &[u8]) -> u64 {
        let taught = match self {
            Self::Key(_) => 0,
            Self::Unknown | Self::Phase { .. } => (FILL_PERIOD as u64).saturating_sub(offset).min(bytes.len() as u64),
        };
        // At most a period.
        let (first, rest) = bytes.split_at(taught as usize);
        let others = first.iter().zip(offset..).filter(|(byte, at)| !self.learn(*at, **byte)).count() as u64;
        if rest.is_empty() {
            return others;
        }
        let period = match *self {
            Self::Key(key) => fill_period(key),
            Self::Unknown => fill_period(0),
            Self::Phase { low, .. } => std::array::from_fn(|at| (low.wrapping_add(steps(at as u64)) >> 56) as u8),
        };
        others + count_other_bytes(&period, offset + taught, rest)
    }

    /// Takes a byte of the first period; false if it does not go with those before.
    fn learn(&mut self, position: u64, byte: u8) -> bool {
        let from = (u64::from(byte) << 56).wrapping_sub(steps(position));
        let (low, width) = match *self {
            Self::Key(key) => return fill_byte(key, position) == byte,
            Self::Unknown => (from, ARC),
            Self::Phase { low, width } => {
                let (ahead, behind) = (from.wrapping_sub(low), low.wrapping_sub(from));
                if ahead <= width {
                    (from, ARC.min(width - ahead))
                } else if behind <= ARC {
                    (low, width.min(ARC - behind))
                } else {
                    return false;
                }
            }
        };
        *self = Self::Phase { low, width };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// However the bytes of a fill are cut, none of them is another; each one that is flipped behind the first period is found.
        #[test]
        fn the_bytes_of_a_fill_are_known_without_its_key(
            key in any::<u32>(),
            cuts in prop::collection::vec(1_usize..400, 1..8),
            flipped in 256_usize..2000,
        ) {
            let mut bytes = Rope::fill(key, 0, 2000).to_bytes().to_vec();
            for expected in [0, 1] {
                let (mut filling, mut at, mut others) = (Filling::Unknown, 0, 0);
                for cut in cuts.iter().cycle() {
                    let end = (at + cut).min(bytes.len());
                    others += filling.take(at as u64, &bytes[at..end]);
                    at = end;
                    if at == bytes.len() {
                        break;
                    }
                }
                prop_assert_eq!(others, expected);
                bytes[flipped] ^= 1;
            }
        }
    }

    /// Two zeros in a row are of no key: a step of 0x9e37... / 2^64 = 0.618 leads from less than 1/256 to less than 1/256 + 0.618.
    #[test]
    fn bytes_of_no_fill_are_noticed() {
        let mut filling = Filling::Unknown;
        assert_eq!(filling.take(0, &[0, 0]), 1);
        // Of a thousand zeros, a period has one byte of each value or about: nearly all are others.
        let mut filling = Filling::Unknown;
        assert!(filling.take(0, &[0; 1000]) > 900);
    }

    /// Virtual bytes name their key, and real ones after them have to be of it. Of another key, 100 bytes agree by chance in few.
    #[test]
    fn real_bytes_after_virtual_ones_are_compared_with_their_key() {
        let mut filling = Filling::Unknown;
        assert!(filling.is_of(3) && filling.is_of(3) && !filling.is_of(4));
        assert_eq!(filling.take(50, &Rope::fill(3, 50, 100).to_bytes()), 0);
        assert!(filling.take(150, &Rope::fill(4, 150, 100).to_bytes()) > 50);
        let mixed: Rope =
            [Run::Fill { key: 3, offset: 0, len: 5 }, Run::Bytes(Rope::fill(3, 5, 5).to_bytes())].into_iter().collect();
        assert_eq!(other_bytes(&mixed, 3, 0), 0);
        assert_eq!(
            other_bytes(&mixed, 3, 1),
            5 + count_other_bytes(&fill_period(3), 6, &Rope::fill(3, 5, 5).to_bytes())
        );
    }
}
