//! The pseudo-random function of TLS 1.2 (RFC 5246 §5) and what it makes: the master secret (§8.1, RFC 7627 §4), keys
//! (§6.3) and Finished messages (§7.4.9).

use super::hash::hmac;
use super::{Mode, Protection, Secret};
use crate::tls::codes::{CipherSuite, Hash};
use bytes::Bytes;

/// Length of a master secret \[bytes\] (RFC 5246 §8.1).
const MASTER_LEN: usize = 48;
/// Length of `verify_data` \[bytes\] (RFC 5246 §7.4.9).
const VERIFY_DATA_LEN: usize = 12;

/// PRF(secret, label, seed) into all of `out`; the seed is the joined `seed`.
pub fn prf(mode: Mode, hash: Hash, secret: &[u8], label: &str, seed: &[&[u8]], out: &mut [u8]) {
    let mut parts: Vec<&[u8]> = Vec::with_capacity(seed.len() + 2);
    parts.push(label.as_bytes());
    parts.extend_from_slice(seed);
    // A(1) = HMAC(secret, seed), A(i) = HMAC(secret, A(i - 1)); block i = HMAC(secret, A(i) + seed).
    let mut a = hmac(mode, hash, secret, &parts);
    for block in out.chunks_mut(hash.len()) {
        let with_a: Vec<&[u8]> = std::iter::once(a.as_slice()).chain(parts.iter().copied()).collect();
        let next = hmac(mode, hash, secret, &with_a);
        block.copy_from_slice(&next.as_slice()[..block.len()]);
        a = hmac(mode, hash, secret, &[a.as_slice()]);
    }
}

/// The extended master secret: from the premaster secret and the hash of the handshake messages up to and including
/// ClientKeyExchange (RFC 7627 §4).
pub fn master_secret(mode: Mode, hash: Hash, premaster: &[u8], session_hash: &Secret) -> Secret {
    master(mode, hash, premaster, "extended master secret", &[session_hash.as_slice()])
}

/// The master secret without that extension: from the premaster secret and the randoms (RFC 5246 §8.1).
pub fn master_secret_plain(
    mode: Mode,
    hash: Hash,
    premaster: &[u8],
    client_random: &[u8; 32],
    server_random: &[u8; 32],
) -> Secret {
    master(mode, hash, premaster, "master secret", &[client_random, server_random])
}

fn master(mode: Mode, hash: Hash, premaster: &[u8], label: &str, seed: &[&[u8]]) -> Secret {
    let mut out = Secret::zero(MASTER_LEN);
    prf(mode, hash, premaster, label, seed, out.as_mut_slice());
    out
}

/// What protects the client's records, and what protects the server's (RFC 5246 §6.3).
///
/// # Panics
/// If `suite` is none of TLS 1.2 that is known here.
pub fn key_block(
    mode: Mode,
    suite: CipherSuite,
    master: &Secret,
    client_random: &[u8; 32],
    server_random: &[u8; 32],
) -> (Protection, Protection) {
    let (aead, hash) = suite.aead().zip(suite.hash()).expect("a suite that was negotiated has a cipher and a hash");
    let (key, iv) = (aead.key_len(), aead.fixed_iv_len());
    let mut block = [0; 2 * (32 + 12)];
    let block = &mut block[..2 * (key + iv)];
    prf(mode, hash, master.as_slice(), "key expansion", &[server_random, client_random], block);
    let (keys, ivs) = block.split_at(2 * key);
    (Protection::tls12(mode, suite, &keys[..key], &ivs[..iv]), Protection::tls12(mode, suite, &keys[key..], &ivs[iv..]))
}

/// `verify_data` of a Finished message, from the hash of all handshake messages before it (RFC 5246 §7.4.9).
pub fn verify_data(mode: Mode, hash: Hash, master: &Secret, is_client: bool, transcript: &Secret) -> Bytes {
    let label = if is_client { "client finished" } else { "server finished" };
    let mut out = [0; VERIFY_DATA_LEN];
    prf(mode, hash, master.as_slice(), label, &[transcript.as_slice()], &mut out);
    Bytes::copy_from_slice(&out)
}
