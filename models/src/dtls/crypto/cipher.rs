//! AES-128 with GCM (NIST SP 800-38D) or CCM (SP 800-38C, RFC 6655): what seals one text.

use crate::dtls::codes::Aead;
use crate::tls::crypto::{Mode, Transcript};
use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::consts::{U8, U12, U16};
use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::BlockCipherEncrypt;
use aes_gcm::{Aes128Gcm, KeyInit};
use ccm::Ccm;
use std::fmt;

const FITS: &str = "the key has the length that the cipher wants";
const SHORT: &str = "a record is far shorter than what a nonce suffices for";

/// A cipher with its key.
#[derive(Clone)]
pub enum Cipher {
    /// Nothing; this decides the tags.
    Sized(u64),
    /// AES-128-GCM.
    Gcm(Box<Aes128Gcm>),
    /// AES-128-CCM.
    Ccm(Box<Ccm<Aes128, U16, U12>>),
    /// AES-128-CCM with a tag of 8 bytes.
    Ccm8(Box<Ccm<Aes128, U8, U12>>),
}

/// What 64 bits stand for these bytes, in order.
pub(super) fn mix(parts: &[&[u8]]) -> u64 {
    let mut transcript = Transcript::new(Mode::Sized);
    parts.iter().for_each(|part| transcript.add(part));
    let digest = transcript.digest();
    digest.as_slice().first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
}

impl Cipher {
    /// A cipher with its key of 16 bytes; `iv` decides with it what stands for the cipher of [`Mode::Sized`].
    ///
    /// # Panics
    /// If the key has another length.
    pub fn new(mode: Mode, aead: Aead, key: &[u8], iv: &[u8]) -> Self {
        match (mode, aead) {
            (Mode::Sized, _) => Self::Sized(mix(&[key, iv])),
            (Mode::Real, Aead::Gcm) => Self::Gcm(Box::new(Aes128Gcm::new_from_slice(key).expect(FITS))),
            (Mode::Real, Aead::Ccm) => Self::Ccm(Box::new(Ccm::new_from_slice(key).expect(FITS))),
            (Mode::Real, Aead::Ccm8) => Self::Ccm8(Box::new(Ccm::new_from_slice(key).expect(FITS))),
        }
    }

    /// Encrypts `text` in place and appends its tag.
    pub fn seal(&self, nonce: &[u8; Aead::NONCE_LEN], additional: &[u8], out: &mut Vec<u8>, text_at: usize) {
        let text = &mut out[text_at..];
        match self {
            Self::Sized(_) => {}
            Self::Gcm(cipher) => {
                let tag = cipher.encrypt_inout_detached(nonce.into(), additional, text.into()).expect(SHORT);
                out.extend_from_slice(&tag);
            }
            Self::Ccm(cipher) => {
                let tag = cipher.encrypt_inout_detached(nonce.into(), additional, text.into()).expect(SHORT);
                out.extend_from_slice(&tag);
            }
            Self::Ccm8(cipher) => {
                let tag = cipher.encrypt_inout_detached(nonce.into(), additional, text.into()).expect(SHORT);
                out.extend_from_slice(&tag);
            }
        }
    }

    /// Decrypts `text` in place; false where the tag does not fit.
    pub fn open(&self, nonce: &[u8; Aead::NONCE_LEN], additional: &[u8], text: &mut [u8], tag: &[u8]) -> bool {
        match self {
            Self::Sized(_) => true,
            Self::Gcm(cipher) => <[u8; 16]>::try_from(tag).is_ok_and(|tag| {
                cipher.decrypt_inout_detached(nonce.into(), additional, text.into(), (&tag).into()).is_ok()
            }),
            Self::Ccm(cipher) => <[u8; 16]>::try_from(tag).is_ok_and(|tag| {
                cipher.decrypt_inout_detached(nonce.into(), additional, text.into(), (&tag).into()).is_ok()
            }),
            Self::Ccm8(cipher) => <[u8; 8]>::try_from(tag).is_ok_and(|tag| {
                cipher.decrypt_inout_detached(nonce.into(), additional, text.into(), (&tag).into()).is_ok()
            }),
        }
    }
}

/// One block of AES-128: the mask of a sequence number (RFC 9147 §4.2.3).
///
/// # Panics
/// If the key has not 16 bytes.
pub(super) fn aes_block(key: &[u8], block: &[u8; 16]) -> [u8; 16] {
    let mut block = (*block).into();
    Aes128::new_from_slice(key).expect(FITS).encrypt_block(&mut block);
    block.into()
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sized(_) => "Sized",
            Self::Gcm(_) => "AES-128-GCM",
            Self::Ccm(_) => "AES-128-CCM",
            Self::Ccm8(_) => "AES-128-CCM-8",
        })
    }
}
