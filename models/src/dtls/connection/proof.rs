//! What proves who an end is, CertificateVerify (RFC 8446 §4.4.3; RFC 5246 §7.4.8), and that both have seen the same messages, Finished
//! (RFC 8446 §4.4.4; RFC 5246 §7.4.9); and the secrets of DTLS 1.2.

use super::core::Core;
use super::{Cx, SIGNATURES};
use crate::dtls::codes::HASH;
use crate::dtls::crypto::Protection;
use crate::dtls::reassembly::Whole;
use crate::tls::certificate::{self, Identity};
use crate::tls::codes::{AlertDescription, Group, SignatureScheme};
use crate::tls::crypto::{Secret, tls12};
use crate::tls::wire::{CertificateVerify, Handshake, ServerKeyExchange};
use bytes::Bytes;

impl Core {
    /// What a server's share is signed with: both randoms are before it (RFC 8422 §5.4).
    pub(super) fn signed_params(&self, exchange: &ServerKeyExchange) -> Vec<u8> {
        [&self.client_random[..], &self.server_random, &exchange.params()].concat()
    }

    /// What a signature of DTLS 1.3 is made over now (RFC 8446 §4.4.3, which RFC 9147 leaves as it is).
    pub(super) fn signed_content(&self, is_client: bool) -> Vec<u8> {
        let who: &[u8] =
            if is_client { b"TLS 1.3, client CertificateVerify" } else { b"TLS 1.3, server CertificateVerify" };
        [&[0x20; 64][..], who, &[0], self.transcript.digest().as_slice()].concat()
    }

    /// Signs `content`, and says so to the peer.
    pub(super) fn send_verify(&mut self, identity: &Identity, content: &[u8], epoch: u64, cx: &mut Cx<'_>) {
        let scheme = identity.kind().schemes()[0];
        self.spend(sign(scheme).0, 0, cx);
        let signature = identity.sign(scheme, content, cx.env.rng(SIGNATURES));
        self.send_tls(Handshake::CertificateVerify(CertificateVerify { scheme, signature }), epoch, cx);
    }

    /// A signature of `content` by the owner of `leaf` has to hold, in one of the ways that we take.
    pub(super) fn check_signature(
        &self,
        leaf: &[u8],
        (scheme, signature): (SignatureScheme, &[u8]),
        content: &[u8],
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        if !self.common.schemes.contains(&scheme) {
            return Err(AlertDescription::ILLEGAL_PARAMETER);
        }
        self.spend(sign(scheme).1, 0, cx);
        let holds = certificate::verify(self.mode(), leaf, scheme, content, signature);
        if holds { Ok(()) } else { Err(AlertDescription::DECRYPT_ERROR) }
    }

    /// A chain is looked at: as many signatures as it has certificates.
    pub(super) fn spend_chain(&self, chain: &[Bytes], cx: &mut Cx<'_>) {
        for scheme in chain.iter().filter_map(|der| certificate::signed_with(der)) {
            self.spend(sign(scheme).1, 0, cx);
        }
    }

    /// Sends Finished. `secret` is the master secret, or in DTLS 1.3 our own of the handshake.
    pub(super) fn send_finished(&mut self, secret: &Secret, epoch: u64, cx: &mut Cx<'_>) {
        let mac = self.finished(self.is_client, secret);
        self.send_tls(Handshake::Finished(mac), epoch, cx);
    }

    /// The peer's Finished has to hold; it is part of the transcript then.
    pub(super) fn check_finished(
        &mut self,
        secret: &Secret,
        mac: &Bytes,
        whole: &Whole,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        if self.finished(!self.is_client, secret) != *mac {
            return Err(AlertDescription::DECRYPT_ERROR);
        }
        self.note(whole, cx);
        Ok(())
    }

    fn finished(&self, is_client: bool, secret: &Secret) -> Bytes {
        let digest = self.transcript.digest();
        if self.records.is_13 {
            self.kdf().finished(secret, &digest)
        } else {
            tls12::verify_data(self.mode(), HASH, secret, is_client, &digest)
        }
    }

    /// DTLS 1.2: makes the master secret of what was agreed on; all messages up to ClientKeyExchange are in the transcript.
    pub(super) fn make_master(&mut self, premaster: &[u8], cx: &mut Cx<'_>) {
        self.spend("tls.schedule", 0, cx);
        self.master = Some(if self.is_extended {
            tls12::master_secret(self.mode(), HASH, premaster, &self.transcript.digest())
        } else {
            tls12::master_secret_plain(self.mode(), HASH, premaster, &self.client_random, &self.server_random)
        });
    }

    /// ChangeCipherSpec, and Finished under the new keys.
    pub(super) fn change_and_finish(&mut self, ours: Protection, cx: &mut Cx<'_>) {
        let Some(master) = self.master else { return };
        self.outbox.push_change_cipher_spec();
        self.records.write_with(1, ours);
        self.send_finished(&master, 1, cx);
    }
}

/// The premaster secret of a pre-shared key (RFC 4279 §2): as many zeros as the key has bytes, or what ECDHE has given (RFC 5489 §2), and
/// the key, each with its length before it.
pub(super) fn psk_premaster(key: &[u8], shared: Option<&Secret>) -> Vec<u8> {
    let zeros = vec![0; key.len()];
    let mut out = Vec::new();
    for part in [shared.map_or(&zeros[..], Secret::as_slice), key] {
        out.extend_from_slice(&(part.len() as u16).to_be_bytes());
        out.extend_from_slice(part);
    }
    out
}

/// What signing and checking are called on a device that takes time for it.
const fn sign(scheme: SignatureScheme) -> (&'static str, &'static str) {
    match scheme {
        SignatureScheme::ECDSA_SECP256R1_SHA256 => ("tls.ecdsa-p256.sign", "tls.ecdsa-p256.verify"),
        _ => ("tls.rsa2048.sign", "tls.rsa2048.verify"),
    }
}

/// What making a share and agreeing are called there.
pub(super) const fn agree(group: Group) -> (&'static str, &'static str) {
    match group {
        Group::X25519 => ("tls.x25519.generate", "tls.x25519.agree"),
        _ => ("tls.p256.generate", "tls.p256.agree"),
    }
}
