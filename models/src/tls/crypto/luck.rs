//! Randomness from one draw: a generator for real cryptography, filler for what only has to have a length.

use protosim_core::{Purpose, RunSeed, Stream};
use rand_core::{TryCryptoRng, TryRng};
use std::convert::Infallible;

/// As many random bytes as an operation wants, from one draw of a stream: how many it takes leaves the stream alone.
#[derive(Clone, Debug)]
pub(in crate::tls) struct Generator(Stream);

impl Generator {
    /// A generator of its own for every `draw`.
    pub(in crate::tls) fn new(draw: u64) -> Self {
        Self(RunSeed { seed: draw, replication: 0 }.stream("tls", Purpose("tls.crypto")))
    }

    /// `N` random bytes.
    pub(in crate::tls) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// The next 64 random bits.
    pub(in crate::tls) fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// The stream beneath, for what draws from one.
    #[cfg(feature = "rustls")]
    pub(in crate::tls) fn stream(&mut self) -> &mut Stream {
        &mut self.0
    }

    /// Fills `out` with random bytes.
    pub(in crate::tls) fn fill(&mut self, out: &mut [u8]) {
        for part in out.chunks_mut(8) {
            part.copy_from_slice(&self.0.next_u64().to_le_bytes()[..part.len()]);
        }
    }
}

impl TryRng for Generator {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.next_u64() as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.next_u64())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Generator {}

/// Fills `out` with what looks random and follows from `seed`, by SplitMix64 (Steele, Lea and Flood 2014).
pub(in crate::tls) fn filler(seed: u64, out: &mut [u8]) {
    let mut state = seed;
    for part in out.chunks_mut(8) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        part.copy_from_slice(&split_mix(state).to_le_bytes()[..part.len()]);
    }
}

/// The output function of SplitMix64: every bit of `z` changes half of the bits.
pub(super) const fn split_mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
