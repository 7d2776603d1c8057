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

#[cfg(test)]
mod tests {
    use super::super::vectors::hex;
    use super::*;

    /// Vectors sent to the TLS working group ("TLS 1.2 test vectors", 2010), which `openssl kdf` gives as well:
    /// `openssl kdf -keylen 100 -kdfopt digest:SHA2-256 -kdfopt hexsecret:9bbe… -kdfopt hexseed:7465…8c TLS1-PRF`.
    #[test]
    fn the_prf_is_that_of_others() {
        let mut out = [0; 100];
        let secret = hex("9bbe436ba940f017b17652849a71db35");
        // In two pieces: they are joined.
        let seed = hex("a0ba9f936cda311827a6f796ffd5198c");
        prf(Mode::Real, Hash::Sha256, &secret, "test label", &[&seed[..5], &seed[5..]], &mut out);
        let expected = "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9\
                        c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789ba\
                        a48082d122ee42c5a72e5a5110fff70187347b66";
        assert_eq!(out.to_vec(), hex(expected));

        let mut out = [0; 148];
        let secret = hex("b80b733d6ceefcdc71566ea48e5567df");
        let seed = hex("cd665cf6a8447dd6ff8b27555edb7465");
        prf(Mode::Real, Hash::Sha384, &secret, "test label", &[&seed], &mut out);
        let expected = "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe3\
                        4f82b1233c9146a0e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3\
                        d416d473ebc2c5fd4abfdad05d9184259b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236\
                        a3e52655c9e9aee691c8f3a26854308d5eaa3be85e0990703d73e56f";
        assert_eq!(out.to_vec(), hex(expected));
    }

    /// RFC 5246 §6.3: the client's key, the server's, the client's IV, the server's, in this order.
    #[test]
    fn both_directions_take_their_part_of_the_key_block() {
        use crate::rope::Rope;
        use crate::tls::codes::ContentType;
        let (master, client, server) = (Secret::new(&[7; 48]), [1; 32], [2; 32]);
        for mode in [Mode::Sized, Mode::Real] {
            for (suite, hash, key, iv) in [
                (CipherSuite::ECDHE_RSA_AES_256_GCM_SHA384, Hash::Sha384, 32, 4),
                (CipherSuite::ECDHE_ECDSA_CHACHA20_POLY1305, Hash::Sha256, 32, 12),
                (CipherSuite::ECDHE_ECDSA_AES_128_GCM_SHA256, Hash::Sha256, 16, 4),
            ] {
                let mut block = vec![0; 2 * (key + iv)];
                prf(mode, hash, master.as_slice(), "key expansion", &[&server, &client], &mut block);
                let (mut to_server, mut to_client) = key_block(mode, suite, &master, &client, &server);
                let text = Rope::from(b"text".to_vec());
                let seal = |protection: &mut Protection| protection.seal(ContentType::HANDSHAKE, &text, 0).to_bytes();
                let mut expected = Protection::tls12(mode, suite, &block[..key], &block[2 * key..2 * key + iv]);
                assert_eq!(seal(&mut to_server), seal(&mut expected));
                let mut expected = Protection::tls12(mode, suite, &block[key..2 * key], &block[2 * key + iv..]);
                assert_eq!(seal(&mut to_client), seal(&mut expected));
            }
        }
    }
}
