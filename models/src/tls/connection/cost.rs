//! What the work of a handshake is called on a device that says how long it takes.

use crate::tls::codes::{Aead, Group, SignatureScheme};
use bytes::Bytes;
use protosim_core::{Env, Operation, Purpose};

/// Draws of how often ML-DSA has to begin anew.
const REJECTIONS: Purpose = Purpose("tls.mldsa-rejections");

/// The operations that take processor time.
pub const OPERATIONS: [&str; 29] = [
    "tls.x25519.generate",
    "tls.x25519.agree",
    "tls.p256.generate",
    "tls.p256.agree",
    "tls.mlkem768.generate",
    "tls.mlkem768.encapsulate",
    "tls.mlkem768.decapsulate",
    "tls.ecdsa-p256.sign",
    "tls.ecdsa-p256.verify",
    "tls.rsa2048.sign",
    "tls.rsa2048.verify",
    "tls.mldsa44.sign-attempt",
    "tls.mldsa44.verify",
    "tls.mldsa65.sign-attempt",
    "tls.mldsa65.verify",
    "tls.mldsa87.sign-attempt",
    "tls.mldsa87.verify",
    "tls.schedule",
    "tls.hash",
    "tls.ticket.seal",
    "tls.ticket.open",
    "tls.compress",
    "tls.decompress",
    "tls.aes128-gcm.seal",
    "tls.aes128-gcm.open",
    "tls.aes256-gcm.seal",
    "tls.aes256-gcm.open",
    "tls.chacha20-poly1305.seal",
    "tls.chacha20-poly1305.open",
];

pub(super) fn spend(env: &mut dyn Env, name: &'static str, bytes: u64) {
    env.spend(Operation { name, bytes });
}

/// What a group is made of.
const fn parts(group: Group) -> (bool, bool, bool) {
    match group {
        Group::X25519 => (true, false, false),
        Group::X25519MLKEM768 => (true, false, true),
        Group::SECP256R1MLKEM768 => (false, true, true),
        _ => (false, true, false),
    }
}

/// A client makes a key share.
pub(super) fn generate(env: &mut dyn Env, group: Group) {
    let (has_x25519, has_p256, has_kem) = parts(group);
    for (has, name) in
        [(has_x25519, "tls.x25519.generate"), (has_p256, "tls.p256.generate"), (has_kem, "tls.mlkem768.generate")]
    {
        if has {
            spend(env, name, 0);
        }
    }
}

/// The end that generated the first share computes the secret.
pub(super) fn agree(env: &mut dyn Env, group: Group) {
    let (has_x25519, has_p256, has_kem) = parts(group);
    for (has, name) in
        [(has_x25519, "tls.x25519.agree"), (has_p256, "tls.p256.agree"), (has_kem, "tls.mlkem768.decapsulate")]
    {
        if has {
            spend(env, name, 0);
        }
    }
}

/// The other end makes its share and computes the secret.
pub(super) fn respond(env: &mut dyn Env, group: Group) {
    let (has_x25519, has_p256, has_kem) = parts(group);
    let elliptic: [&'static str; 2] =
        if has_x25519 { ["tls.x25519.generate", "tls.x25519.agree"] } else { ["tls.p256.generate", "tls.p256.agree"] };
    if has_x25519 || has_p256 {
        elliptic.into_iter().for_each(|name| spend(env, name, 0));
    }
    if has_kem {
        spend(env, "tls.mlkem768.encapsulate", 0);
    }
}

/// A signature is made. ML-DSA rejects what it has made until it is good (FIPS 204, algorithm 7); attempts are geometric, with the means of
/// its table 1 (4.25, 5.1, 3.85).
pub(super) fn sign(env: &mut dyn Env, scheme: SignatureScheme) {
    let (name, mean) = match scheme {
        SignatureScheme::ECDSA_SECP256R1_SHA256 => ("tls.ecdsa-p256.sign", 1.0),
        SignatureScheme::MLDSA44 => ("tls.mldsa44.sign-attempt", 4.25),
        SignatureScheme::MLDSA65 => ("tls.mldsa65.sign-attempt", 5.1),
        SignatureScheme::MLDSA87 => ("tls.mldsa87.sign-attempt", 3.85),
        _ => ("tls.rsa2048.sign", 1.0),
    };
    spend(env, name, 0);
    if mean > 1.0 {
        while env.rng(REJECTIONS).uniform() >= 1.0 / mean {
            spend(env, name, 0);
        }
    }
}

/// A signature is checked.
pub(super) fn verify(env: &mut dyn Env, scheme: SignatureScheme) {
    let name = match scheme {
        SignatureScheme::ECDSA_SECP256R1_SHA256 => "tls.ecdsa-p256.verify",
        SignatureScheme::MLDSA44 => "tls.mldsa44.verify",
        SignatureScheme::MLDSA65 => "tls.mldsa65.verify",
        SignatureScheme::MLDSA87 => "tls.mldsa87.verify",
        _ => "tls.rsa2048.verify",
    };
    spend(env, name, 0);
}

/// A chain of certificates is checked: as many signatures as it has certificates.
pub(super) fn verify_chain(env: &mut dyn Env, chain: &[Bytes]) {
    for der in chain {
        if let Some(scheme) = crate::tls::certificate::signed_with(der) {
            verify(env, scheme);
        }
    }
}

/// Records of so many bytes are sealed.
pub(super) fn seal(env: &mut dyn Env, aead: Option<Aead>, bytes: u64) {
    match aead {
        Some(Aead::Aes128Gcm) => spend(env, "tls.aes128-gcm.seal", bytes),
        Some(Aead::Aes256Gcm) => spend(env, "tls.aes256-gcm.seal", bytes),
        Some(Aead::ChaCha20Poly1305) => spend(env, "tls.chacha20-poly1305.seal", bytes),
        None => {}
    }
}

/// Records of so many bytes are opened.
pub(super) fn open(env: &mut dyn Env, aead: Option<Aead>, bytes: u64) {
    match aead.filter(|_| bytes > 0) {
        Some(Aead::Aes128Gcm) => spend(env, "tls.aes128-gcm.open", bytes),
        Some(Aead::Aes256Gcm) => spend(env, "tls.aes256-gcm.open", bytes),
        Some(Aead::ChaCha20Poly1305) => spend(env, "tls.chacha20-poly1305.open", bytes),
        None => {}
    }
}
