//! What proves who an end is, CertificateVerify (RFC 8446 §4.4.3; RFC 5246 §7.4.8), and that both have seen the same messages, Finished
//! (RFC 8446 §4.4.4; RFC 5246 §7.4.9).

use super::{Core, Cx, SIGNATURES, cost};
use crate::tls::certificate::{self, Identity};
use crate::tls::codes::{AlertDescription, SignatureScheme};
use crate::tls::crypto::tls12::verify_data;
use crate::tls::crypto::{Kdf, Secret};
use crate::tls::wire::{CertificateVerify, Handshake};
use bytes::Bytes;

impl Core {
    /// What a signature of TLS 1.3 is made over now (RFC 8446 §4.4.3).
    pub(super) fn signed_content(&self, is_client: bool) -> Vec<u8> {
        let mut content = vec![0x20; 64];
        let who: &[u8] =
            if is_client { b"TLS 1.3, client CertificateVerify" } else { b"TLS 1.3, server CertificateVerify" };
        content.extend_from_slice(who);
        content.push(0);
        content.extend_from_slice(self.transcript.digest().as_slice());
        content
    }

    /// Signs `content`, and says so to the peer.
    pub(super) fn send_verify(
        &mut self,
        identity: &Identity,
        scheme: SignatureScheme,
        content: &[u8],
        cx: &mut Cx<'_>,
    ) {
        cost::sign(cx.env, scheme);
        let signature = identity.sign(scheme, content, cx.env.rng(SIGNATURES));
        self.send(&Handshake::CertificateVerify(CertificateVerify { scheme, signature }), cx);
    }

    /// A signature of `content` by the owner of `leaf`, in one of the ways that we have `listed`, has to hold.
    pub(super) fn check_signature(
        &self,
        leaf: &[u8],
        listed: &[SignatureScheme],
        (scheme, signature): (SignatureScheme, &[u8]),
        content: &[u8],
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let is_other = match self.records.is_12 {
            true => scheme.is_of_tls13_alone(),
            false => scheme.is_of_tls12_alone(),
        };
        if !listed.contains(&scheme) || is_other {
            return Err(AlertDescription::ILLEGAL_PARAMETER);
        }
        cost::verify(cx.env, scheme);
        let holds = certificate::verify(self.mode(), leaf, scheme, content, signature);
        if holds { Ok(()) } else { Err(AlertDescription::DECRYPT_ERROR) }
    }

    /// Sends Finished. `secret` is the master secret, or in TLS 1.3 our own of the handshake.
    pub(super) fn send_finished(&mut self, secret: &Secret, cx: &mut Cx<'_>) {
        let mac = self.finished(self.is_client, secret);
        self.send(&Handshake::Finished(mac), cx);
    }

    /// The peer's Finished has to hold; it is part of the transcript then. `secret` is the master secret, or in TLS 1.3 the peer's own of the
    /// handshake.
    pub(super) fn check_finished(
        &mut self,
        secret: &Secret,
        mac: &Bytes,
        raw: &Bytes,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        if self.finished(!self.is_client, secret) != *mac {
            return Err(AlertDescription::DECRYPT_ERROR);
        }
        self.note(raw, cx);
        Ok(())
    }

    fn finished(&self, is_client: bool, secret: &Secret) -> Bytes {
        let (mode, hash, digest) = (self.mode(), self.hash, self.transcript.digest());
        if self.records.is_12 {
            verify_data(mode, hash, secret, is_client, &digest)
        } else {
            Kdf::tls13(mode, hash).finished(secret, &digest)
        }
    }
}
