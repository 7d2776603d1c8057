//! Enhanced authentication (v5 §4.12): one challenge, one response.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of a challenge (our choice).
pub(super) const CHALLENGE_LEN: usize = 16;

/// What proves that one knows the secret: HMAC-SHA-256 (RFC 2104) of the challenge.
pub(super) fn response(secret: &str, challenge: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(challenge);
    mac.finalize().into_bytes().to_vec()
}
