//! What protects messages: keyed digests, and a checksum that tells STUN from other protocols on its port (RFC 8489 §9, §14.5
//! to §14.7).
//!
//! It is always computed, in every mode of cryptography: a message costs a few hundred nanoseconds, and captures show it.

use super::wire::{AttributeType, Message};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use precis_profiles::OpaqueString;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use sha1::Sha1;
use sha1::block_api::compress;
use sha2::{Digest, Sha256};

/// Bytes that SHA-1 takes at a time, and so HMAC of a key (RFC 2104 §2).
const BLOCK: usize = 64;
/// What SHA-1 keeps between blocks, and what it begins with (FIPS 180-4 §5.3.1).
type Sha1State = [u32; 5];
const SHA1_START: Sha1State = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

/// The key of a message's integrity.
///
/// Both hashes of HMAC-SHA1 begin with a block that is of the key alone. It is hashed once for each key, not for each message: of a
/// check of ICE that is two blocks out of five.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    bytes: Box<[u8]>,
    inner: Sha1State,
    outer: Sha1State,
}

/// The text is none that a name or a password can be: OpaqueString (RFC 8265 §4.2) forbids it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("it is empty, or has characters that names and passwords cannot have (RFC 8265, OpaqueString)")]
pub struct BadText;

/// How the key of a long-term credential is made (RFC 8489 §18.5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Algorithm {
    /// MD5, number 1: what servers of RFC 5389 know.
    Md5,
    /// SHA-256, number 2.
    Sha256,
}

impl Algorithm {
    /// Its number in the registry.
    pub const fn number(self) -> u16 {
        match self {
            Self::Md5 => 1,
            Self::Sha256 => 2,
        }
    }

    /// The one with this number.
    pub const fn from_number(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::Md5),
            2 => Some(Self::Sha256),
            _ => None,
        }
    }
}

/// A name, realm or password as both ends compute with it: by OpaqueString of RFC 8265, which RFC 8489 asks for. RFC 5389 asked
/// for SASLprep; for what both allow they differ in compatibility forms, such as Roman numerals, which SASLprep spells out.
///
/// # Errors
/// When it cannot be one.
pub fn prepare(text: &str) -> Result<String, BadText> {
    // Of ASCII all that can be printed is allowed, and the space, and nothing is to be changed (§4.2.1, RFC 8264 §4.3).
    if !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Ok(text.to_owned());
    }
    OpaqueString::enforce(text).map(|text| text.into_owned()).map_err(|_| BadText)
}

impl Key {
    /// With the first blocks of HMAC-SHA1 hashed (RFC 2104 §2).
    fn new(bytes: &[u8]) -> Self {
        let mut block = [0; BLOCK];
        match block.get_mut(..bytes.len()) {
            Some(start) => start.copy_from_slice(bytes),
            None => block[..20].copy_from_slice(&Sha1::digest(bytes)),
        }
        let hashed = |pad: u8| {
            let mut state = SHA1_START;
            compress(&mut state, &[block.map(|byte| byte ^ pad)]);
            state
        };
        Self { bytes: bytes.into(), inner: hashed(0x36), outer: hashed(0x5c) }
    }

    /// Of a short-term credential: the password itself (§9.1.1).
    ///
    /// # Errors
    /// When the text cannot be a password.
    pub fn short_term(password: &str) -> Result<Self, BadText> {
        Ok(Self::new(prepare(password)?.as_bytes()))
    }

    /// Of a long-term credential (§9.2.2, §18.5.1): the digest of `username:realm:password`.
    ///
    /// # Errors
    /// When a text cannot be what it is to be.
    pub fn long_term(username: &str, realm: &str, password: &str, algorithm: Algorithm) -> Result<Self, BadText> {
        let text = format!("{}:{}:{}", prepare(username)?, prepare(realm)?, prepare(password)?);
        Ok(match algorithm {
            Algorithm::Md5 => Self::new(&Md5::digest(text)),
            Algorithm::Sha256 => Self::new(&Sha256::digest(text)),
        })
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// What USERHASH has in place of the name (§14.4).
///
/// # Errors
/// When a text cannot be what it is to be.
pub fn userhash(username: &str, realm: &str) -> Result<[u8; 32], BadText> {
    Ok(Sha256::digest(format!("{}:{}", prepare(username)?, prepare(realm)?)).into())
}

/// The length of a message that ends `behind` bytes after the place `offset` in it.
fn length_behind(offset: usize, behind: usize) -> u16 {
    // A message has 65535 bytes behind its header at most, and its attributes end within.
    (offset + behind - super::wire::HEADER_LEN) as u16
}

/// Feeds `take` the message up to the attribute at `offset`, with the length it would have if it ended `behind` bytes after that.
fn cut_off(bytes: &[u8], offset: usize, behind: usize, mut take: impl FnMut(&[u8])) {
    take(&bytes[..2]);
    take(&length_behind(offset, behind).to_be_bytes());
    take(&bytes[4..offset]);
}

/// The end of SHA-1 (FIPS 180-4 §5.1.1) behind `total` bytes, of which the last block has the first `filled` ones.
fn finish(mut state: Sha1State, mut last: [u8; BLOCK], filled: usize, total: usize) -> [u8; 20] {
    last[filled] = 0x80;
    if filled + 1 > BLOCK - 8 {
        compress(&mut state, &[last]);
        last = [0; BLOCK];
    }
    last[BLOCK - 8..].copy_from_slice(&(8 * total as u64).to_be_bytes());
    compress(&mut state, &[last]);
    let mut out = [0; 20];
    for (bytes, word) in out.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    out
}

fn mac_sha256(bytes: &[u8], offset: usize, len: usize, key: &Key) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.bytes).expect("HMAC takes keys of any length");
    cut_off(bytes, offset, 4 + len, |part| mac.update(part));
    mac
}

/// MESSAGE-INTEGRITY at `offset`, of what is before it.
pub(super) fn sha1(bytes: &[u8], offset: usize, key: &Key) -> [u8; 20] {
    let (blocks, rest) = bytes[..offset].as_chunks::<BLOCK>();
    let mut last = [0; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    let mut state = key.inner;
    let len = length_behind(offset, 4 + 20).to_be_bytes();
    match blocks.split_first() {
        Some((first, blocks)) => {
            let mut first = *first;
            first[2..4].copy_from_slice(&len);
            compress(&mut state, &[first]);
            compress(&mut state, blocks);
        }
        None => last[2..4].copy_from_slice(&len),
    }
    // Behind the block of the key, as the hash of this is in the other one.
    let text = finish(state, last, rest.len(), BLOCK + offset);
    let mut last = [0; BLOCK];
    last[..20].copy_from_slice(&text);
    finish(key.outer, last, 20, BLOCK + 20)
}

/// MESSAGE-INTEGRITY-SHA256 at `offset` when `len` bytes of it are kept: the length is part of what is protected.
pub(super) fn sha256(bytes: &[u8], offset: usize, len: usize, key: &Key) -> [u8; 32] {
    mac_sha256(bytes, offset, len, key).finalize().into_bytes().into()
}

/// FINGERPRINT at `offset`: the usual CRC-32, turned so that it differs from one in what is carried.
pub(super) fn fingerprint(bytes: &[u8], offset: usize) -> u32 {
    const TURN: u32 = 0x5354_554e;
    let mut crc = crc32fast::Hasher::new();
    cut_off(bytes, offset, 4 + 4, |part| crc.update(part));
    crc.finalize() ^ TURN
}

/// Whether MESSAGE-INTEGRITY fits `key`; `None` without one.
pub fn check_sha1(message: &Message<'_>, key: &Key) -> Option<bool> {
    let attribute = message.first(AttributeType::MESSAGE_INTEGRITY)?;
    Some(attribute.value == sha1(message.bytes(), attribute.offset, key))
}

/// Whether MESSAGE-INTEGRITY-SHA256 of at least `shortest` bytes fits `key`; `None` without one. A usage that does not cut it
/// wants all 32 (§14.6).
pub fn check_sha256(message: &Message<'_>, key: &Key, shortest: usize) -> Option<bool> {
    let attribute = message.first(AttributeType::MESSAGE_INTEGRITY_SHA256)?;
    let len = attribute.value.len();
    if len < shortest.max(16) || len > 32 || !len.is_multiple_of(4) {
        return Some(false);
    }
    Some(mac_sha256(message.bytes(), attribute.offset, len, key).verify_truncated_left(attribute.value).is_ok())
}

/// Whether FINGERPRINT is right; `None` without one.
pub fn check_fingerprint(message: &Message<'_>) -> Option<bool> {
    let attribute = message.first(AttributeType::FINGERPRINT)?;
    Some(attribute.value == fingerprint(message.bytes(), attribute.offset).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// RFC 2104 as another implementation has it, whatever the lengths of key and text: those around one block and two, too, where
        /// the end of the text and its length no longer fit the last block.
        #[test]
        fn integrity_is_that_of_a_plain_hmac(
            key in prop::collection::vec(any::<u8>(), 1..150),
            words in 5_usize..60,
            fill in any::<u8>(),
        ) {
            let bytes: Vec<u8> = (0..4 * words).map(|at| fill.wrapping_add(at as u8)).collect();
            let mut mac = Hmac::<Sha1>::new_from_slice(&key).unwrap();
            cut_off(&bytes, bytes.len(), 24, |part| mac.update(part));
            let expected: [u8; 20] = mac.finalize().into_bytes().into();
            prop_assert_eq!(sha1(&bytes, bytes.len(), &Key::new(&key)), expected);
        }

        /// What is said at once of text in ASCII is what the profile says of it.
        #[test]
        fn text_in_ascii_is_prepared_as_the_profile_says(text in "[\\x00-\\x7f]{0,20}") {
            prop_assert_eq!(prepare(&text).ok(), OpaqueString::enforce(&*text).ok().map(String::from));
        }
    }
}
