//! The Internet checksum (RFC 1071): the ones' complement of the ones' complement sum of 16-bit
//! words, shared by IPv4, UDP, TCP, ICMP and ICMPv6.
//!
//! Virtual payloads are summed without being written out: a fill repeats every 256 bytes, so one
//! period and one remainder are enough, however long it is.

use crate::rope::{Rope, Run, fill_byte};

/// Bytes after which every fill repeats (see [`fill_byte`]).
const FILL_PERIOD: u64 = 256;

/// A checksum being summed up, part by part, as if the parts were one string of bytes.
///
/// Parts may have odd lengths: a part that starts at an odd place is summed as if at an even one
/// and its bytes are swapped (RFC 1071 §2(B)).
#[derive(Clone, Copy, Debug, Default)]
pub struct Checksum {
    /// Sum of words, not yet folded to 16 bits.
    sum: u64,
    /// True if an odd number of bytes has been added so far.
    odd: bool,
}

impl Checksum {
    /// Nothing summed yet.
    pub const fn new() -> Self {
        Self { sum: 0, odd: false }
    }

    /// The checksum of `bytes` alone.
    pub fn of(bytes: &[u8]) -> u16 {
        let mut checksum = Self::new();
        checksum.add_bytes(bytes);
        checksum.finish()
    }

    /// Adds `bytes`.
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(2);
        let mut sum: u64 = words.by_ref().map(|word| u64::from(u16::from_be_bytes([word[0], word[1]]))).sum();
        if let [last] = words.remainder() {
            sum += u64::from(*last) << 8;
        }
        self.add_part(sum, bytes.len() as u64);
    }

    /// Adds the two bytes of `word`.
    pub fn add_u16(&mut self, word: u16) {
        self.add_part(u64::from(word), 2);
    }

    /// Adds `len` bytes of the fill `key` from its byte `offset`; the cost is that of 511 bytes at
    /// most.
    pub fn add_fill(&mut self, key: u32, offset: u64, len: u64) {
        let words = |bytes: u64| -> u64 {
            let weight = |i: u64| if i.is_multiple_of(2) { 8 } else { 0 };
            (0..bytes).map(|i| u64::from(fill_byte(key, offset.wrapping_add(i))) << weight(i)).sum()
        };
        let periods = len / FILL_PERIOD;
        // A period has an even length, so each starts at an even place if the first one does.
        let whole = if periods == 0 { 0 } else { u128::from(words(FILL_PERIOD)) * u128::from(periods) };
        self.add_part(fold(whole) + words(len % FILL_PERIOD), len);
    }

    /// Adds every byte of `rope`, virtual ones too.
    pub fn add_rope(&mut self, rope: &Rope) {
        for run in rope.runs() {
            match run {
                Run::Bytes(bytes) => self.add_bytes(bytes),
                Run::Fill { key, offset, len } => self.add_fill(*key, *offset, *len),
            }
        }
    }

    /// The checksum to send; 0 over data that contains its own right checksum.
    pub fn finish(self) -> u16 {
        !(fold(u128::from(self.sum)) as u16)
    }

    /// Adds a part of `len` bytes whose words, counted from its own start, sum to `words`.
    fn add_part(&mut self, words: u64, len: u64) {
        let folded = fold(u128::from(words));
        self.sum += if self.odd { u64::from((folded as u16).swap_bytes()) } else { folded };
        self.odd ^= len % 2 == 1;
    }
}

/// `sum` with every carry added back in (end-around carry), so that it fits in 16 bits.
fn fold(mut sum: u128) -> u64 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_rfc_1071_section_3_sums_to_ddf2() {
        // RFC 1071 §3 works the sum of these words out: ddf2, whose complement is 220d.
        assert_eq!(Checksum::of(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0x220d);
    }

    #[test]
    fn no_bytes_have_the_checksum_of_zero() {
        assert_eq!(Checksum::of(&[]), 0xffff);
    }

    /// RFC 1071 §4.1 by the letter: one word at a time, an odd last byte padded with zero.
    fn word_by_word(bytes: &[u8]) -> u16 {
        let mut sum = 0_u32;
        for word in bytes.chunks(2) {
            sum += u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    proptest! {
        #[test]
        fn a_fill_has_the_checksum_of_its_bytes(
            lead in prop::collection::vec(any::<u8>(), 0..4), key: u32, offset: u64, len in 0_u64..3_000,
            tail in prop::collection::vec(any::<u8>(), 0..4),
        ) {
            let mut rope = Rope::from(lead);
            rope.push(Run::Fill { key, offset, len });
            rope.append(&Rope::from(tail));
            let mut checksum = Checksum::new();
            checksum.add_rope(&rope);
            prop_assert_eq!(checksum.finish(), word_by_word(&rope.to_bytes()));
        }

        #[test]
        fn parts_of_any_length_sum_like_the_whole(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8)) {
            let mut checksum = Checksum::new();
            for part in &parts {
                checksum.add_bytes(part);
            }
            prop_assert_eq!(checksum.finish(), word_by_word(&parts.concat()));
        }
    }

    #[test]
    fn a_fill_longer_than_any_packet_does_not_overflow() {
        // 65535 periods sum to a multiple of 65535, which is zero in ones' complement (as ffff),
        // so that many periods more change nothing.
        let mut once = Checksum::new();
        once.add_fill(9, 3, FILL_PERIOD);
        let mut often = Checksum::new();
        often.add_fill(9, 3, FILL_PERIOD * (1 + 65_535 * (1 << 39)));
        assert_eq!(once.finish(), often.finish());
    }
}
