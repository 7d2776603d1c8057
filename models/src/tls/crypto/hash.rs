//! Digests, HMAC and HKDF in both modes: everything above is built of these and needs no mode of its own.

use super::luck::{filler, split_mix};
use super::{Mode, Secret};
use crate::tls::codes::Hash;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha384};

/// Stands for a hash in [`Mode::Sized`]: 64 bits that depend on every byte, whatever pieces they come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::tls) struct Mixer {
    state: u64,
    /// Bytes of the word that is not yet full.
    partial: u64,
    /// Bytes so far.
    len: u64,
}

impl Mixer {
    /// Adds `bytes`.
    pub(in crate::tls) fn write(&mut self, mut bytes: &[u8]) {
        while !self.len.is_multiple_of(8) {
            let Some((&first, rest)) = bytes.split_first() else { return };
            self.byte(first);
            bytes = rest;
        }
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.absorb(u64::from_le_bytes(*word));
            self.len += 8;
        }
        rest.iter().for_each(|&byte| self.byte(byte));
    }

    fn byte(&mut self, byte: u8) {
        self.partial |= u64::from(byte) << (8 * (self.len % 8));
        self.len += 1;
        if self.len.is_multiple_of(8) {
            self.absorb(self.partial);
            self.partial = 0;
        }
    }

    fn absorb(&mut self, word: u64) {
        let mixed = (self.state ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.state = mixed ^ (mixed >> 32);
    }

    /// The mix of what was added.
    pub(in crate::tls) fn finish(&self) -> u64 {
        split_mix(self.state ^ split_mix(self.partial ^ self.len.rotate_left(32)))
    }

    /// The mix, drawn out to the length of a digest of `hash`.
    pub(super) fn digest(&self, hash: Hash) -> Secret {
        let mut out = Secret::zero(hash.len());
        filler(self.finish(), out.as_mut_slice());
        out
    }
}

/// The digest of `bytes`.
pub(crate) fn digest(mode: Mode, hash: Hash, bytes: &[u8]) -> Secret {
    match (mode, hash) {
        (Mode::Sized, _) => {
            let mut mixer = Mixer::default();
            mixer.write(bytes);
            mixer.digest(hash)
        }
        (Mode::Real, Hash::Sha256) => Secret::new(&Sha256::digest(bytes)),
        (Mode::Real, Hash::Sha384) => Secret::new(&Sha384::digest(bytes)),
    }
}

/// HMAC (RFC 2104) over the joined `parts`.
pub(crate) fn hmac(mode: Mode, hash: Hash, key: &[u8], parts: &[&[u8]]) -> Secret {
    match (mode, hash) {
        (Mode::Sized, _) => {
            let mut mixer = Mixer::default();
            mixer.write(&(key.len() as u64).to_le_bytes());
            mixer.write(key);
            parts.iter().for_each(|part| mixer.write(part));
            mixer.digest(hash)
        }
        (Mode::Real, Hash::Sha256) => {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
            parts.iter().for_each(|part| mac.update(part));
            Secret::new(&mac.finalize().into_bytes())
        }
        (Mode::Real, Hash::Sha384) => {
            let mut mac = Hmac::<Sha384>::new_from_slice(key).expect("HMAC takes keys of any length");
            parts.iter().for_each(|part| mac.update(part));
            Secret::new(&mac.finalize().into_bytes())
        }
    }
}

/// HKDF-Extract (RFC 5869 §2.2).
pub(super) fn extract(mode: Mode, hash: Hash, salt: &[u8], input: &[u8]) -> Secret {
    hmac(mode, hash, salt, &[input])
}

/// HKDF-Expand (RFC 5869 §2.3) into all of `out`, at most 255 digests.
pub(super) fn expand(mode: Mode, hash: Hash, key: &[u8], info: &[&[u8]], out: &mut [u8]) {
    let mut last: Option<Secret> = None;
    for (block, counter) in out.chunks_mut(hash.len()).zip(1_u8..) {
        let counter = [counter];
        let mut parts: Vec<&[u8]> = Vec::with_capacity(info.len() + 2);
        parts.extend(last.as_ref().map(Secret::as_slice));
        parts.extend_from_slice(info);
        parts.push(&counter);
        let next = hmac(mode, hash, key, &parts);
        block.copy_from_slice(&next.as_slice()[..block.len()]);
        last = Some(next);
    }
}

#[cfg(test)]
mod tests {
    use super::super::vectors::hex;
    use super::*;
    use proptest::prelude::*;

    /// RFC 5869 §A.2: longer than one block, so that blocks depend on each other.
    #[test]
    fn hkdf_is_that_of_rfc_5869() {
        let (ikm, salt, info): (Vec<u8>, Vec<u8>, Vec<u8>) =
            ((0..=0x4f).collect(), (0x60..=0xaf).collect(), (0xb0..=0xff).collect());
        let key = extract(Mode::Real, Hash::Sha256, &salt, &ikm);
        assert_eq!(key.as_slice(), hex("06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244"));
        let mut out = [0; 82];
        expand(Mode::Real, Hash::Sha256, key.as_slice(), &[&info[..10], &info[10..]], &mut out);
        let expected = "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c\
                        59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71\
                        cc30c58179ec3e87c14c01d5c1f3434f1d87";
        assert_eq!(out.to_vec(), hex(expected));
    }

    proptest! {
        #[test]
        fn a_mix_does_not_depend_on_the_pieces(bytes in prop::collection::vec(any::<u8>(), 0..60), cut in 0_usize..60) {
            let cut = cut.min(bytes.len());
            let (mut whole, mut pieces) = (Mixer::default(), Mixer::default());
            whole.write(&bytes);
            pieces.write(&bytes[..cut]);
            pieces.write(&bytes[cut..]);
            prop_assert_eq!(whole, pieces);
        }

        #[test]
        fn a_mix_depends_on_every_byte(bytes in prop::collection::vec(any::<u8>(), 1..60), at in 0_usize..60, change in 1_u8..) {
            let at = at % bytes.len();
            let mut other = bytes.clone();
            other[at] ^= change;
            for hash in [Hash::Sha256, Hash::Sha384] {
                prop_assert_ne!(digest(Mode::Sized, hash, &bytes), digest(Mode::Sized, hash, &other));
            }
            // A zero byte more is not the same.
            other[at] ^= change;
            other.push(0);
            prop_assert_ne!(digest(Mode::Sized, Hash::Sha256, &bytes), digest(Mode::Sized, Hash::Sha256, &other));
        }
    }
}
