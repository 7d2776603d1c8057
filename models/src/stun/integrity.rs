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
use sha2::{Digest, Sha256};

/// The key of a message's integrity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key(Box<[u8]>);

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
    OpaqueString::enforce(text).map(|text| text.into_owned()).map_err(|_| BadText)
}

impl Key {
    /// Of a short-term credential: the password itself (§9.1.1).
    ///
    /// # Errors
    /// When the text cannot be a password.
    pub fn short_term(password: &str) -> Result<Self, BadText> {
        Ok(Self(prepare(password)?.into_bytes().into()))
    }

    /// Of a long-term credential (§9.2.2, §18.5.1): the digest of `username:realm:password`.
    ///
    /// # Errors
    /// When a text cannot be what it is to be.
    pub fn long_term(username: &str, realm: &str, password: &str, algorithm: Algorithm) -> Result<Self, BadText> {
        let text = format!("{}:{}:{}", prepare(username)?, prepare(realm)?, prepare(password)?);
        Ok(match algorithm {
            Algorithm::Md5 => Self(Md5::digest(text).as_slice().into()),
            Algorithm::Sha256 => Self(Sha256::digest(text).as_slice().into()),
        })
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What USERHASH has in place of the name (§14.4).
///
/// # Errors
/// When a text cannot be what it is to be.
pub fn userhash(username: &str, realm: &str) -> Result<[u8; 32], BadText> {
    Ok(Sha256::digest(format!("{}:{}", prepare(username)?, prepare(realm)?)).into())
}

/// Feeds `take` the message up to the attribute at `offset`, with the length it would have if it ended `behind` bytes after that.
fn cut_off(bytes: &[u8], offset: usize, behind: usize, mut take: impl FnMut(&[u8])) {
    // A message has 65535 bytes behind its header at most, and its attributes end within.
    let len = (offset + behind - super::wire::HEADER_LEN) as u16;
    take(&bytes[..2]);
    take(&len.to_be_bytes());
    take(&bytes[4..offset]);
}

fn mac_sha1(bytes: &[u8], offset: usize, key: &Key) -> Hmac<Sha1> {
    let mut mac = Hmac::<Sha1>::new_from_slice(&key.0).expect("HMAC takes keys of any length");
    cut_off(bytes, offset, 4 + 20, |part| mac.update(part));
    mac
}

fn mac_sha256(bytes: &[u8], offset: usize, len: usize, key: &Key) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).expect("HMAC takes keys of any length");
    cut_off(bytes, offset, 4 + len, |part| mac.update(part));
    mac
}

/// MESSAGE-INTEGRITY at `offset`, of what is before it.
pub(super) fn sha1(bytes: &[u8], offset: usize, key: &Key) -> [u8; 20] {
    mac_sha1(bytes, offset, key).finalize().into_bytes().into()
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
    Some(mac_sha1(message.bytes(), attribute.offset, key).verify_slice(attribute.value).is_ok())
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
