//! Digests: a chain over the events of one entity or one wire.
//!
//! Two runs agree if all their chains agree; where they differ, the first event at which two
//! chains part is the first thing that went differently. A chain is a fingerprint against
//! mistakes, not against an adversary.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The running hash of everything that has happened to one entity or on one wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Digest(u64);

impl Digest {
    /// The chain before the first event.
    pub const START: Self = Self(0x243f_6a88_85a3_08d3); // the first digits of pi's fraction

    /// Adds `value` to the chain.
    #[inline]
    pub fn mix(&mut self, value: u64) {
        // Folded multiplication: every bit of the input reaches every bit of the result.
        let product = u128::from(self.0 ^ value) * u128::from(0x9e37_79b9_7f4a_7c15_u64);
        self.0 = (product as u64).rotate_left(23) ^ (product >> 64) as u64;
    }

    /// Adds bytes to the chain, their number included.
    pub fn mix_bytes(&mut self, bytes: &[u8]) {
        self.mix(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
    }

    /// The chain's value.
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl Default for Digest {
    fn default() -> Self {
        Self::START
    }
}

/// Sixteen hexadecimal digits.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What can be mixed into a digest as one number: packets and timeline actions.
pub trait Fingerprint {
    /// A number that differs, all but surely, where the content differs. Cheap: it is asked once per
    /// packet-hop.
    fn fingerprint(&self) -> u64;
}

impl<T: Fingerprint> Fingerprint for Box<T> {
    #[inline]
    fn fingerprint(&self) -> u64 {
        T::fingerprint(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_length_and_content_all_matter() {
        let chain = |values: &[u64]| {
            let mut digest = Digest::START;
            values.iter().for_each(|v| digest.mix(*v));
            digest
        };
        assert_ne!(chain(&[1, 2]), chain(&[2, 1]));
        assert_ne!(chain(&[0]), chain(&[0, 0]));
        assert_ne!(chain(&[]), chain(&[0]));
        let bytes = |b: &[u8]| {
            let mut digest = Digest::START;
            digest.mix_bytes(b);
            digest
        };
        assert_ne!(bytes(b"a"), bytes(b"a\0"));
    }

    /// No collision among a million chains of one value, as expected of 64 bits (chance 3e-8).
    #[test]
    fn small_values_do_not_collide() {
        let mut seen: Vec<u64> = (0..1_000_000)
            .map(|v| {
                let mut digest = Digest::START;
                digest.mix(v);
                digest.value()
            })
            .collect();
        seen.sort_unstable();
        assert!(seen.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
