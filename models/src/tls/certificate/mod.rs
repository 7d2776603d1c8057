//! Certificates (RFC 5280): chains as web servers send them, of real lengths and readable by any program.
//!
//! An [`Identity`] is a private key with its chain. DER is real in both modes; in [`Mode::Sized`] keys and signatures
//! are filler of the same lengths. Leaves have the usual extensions with two SCTs (RFC 6962) and, unless told otherwise,
//! the length of a certificate for a short name: what is missing is filled in an URL, in long ones by more names.
//!
//! The root is not part of the chain (RFC 8446 §4.4.2 lets it be left out): who checks a chain has it ([`verify_chain`]).
//!
//! Not modelled: validity in time (all certificates are valid from 2020 to 2049), revocation, constraints on names and
//! on the length of a path. OCSP responses ([`Identity::ocsp_response`]) say that the certificate is good.

mod chain;
mod compress;
mod der;
mod key;
mod ocsp;
mod oid;
mod template;
#[cfg(test)]
mod tests;
mod trust;

pub use chain::{signed_with, verify, verify_chain};
pub use compress::decompress;
pub use key::CertificateKind;
pub(in crate::tls) use trust::leaf_len;
pub use trust::{Trust, authority, identity};

use crate::tls::codes::SignatureScheme;
use crate::tls::crypto::{Generator, Mode};
use bytes::Bytes;
use key::{EcdsaShape, Key};
use protosim_core::Stream;
use std::sync::Arc;
use template::{Draws, Role, Template};

/// Up to this many bytes, names fit into leaves of the usual length.
const USUAL_NAME_BYTES: usize = 33;

/// A server (or client) with a certificate: its private key, and the chain that it sends. Clones share all of it.
#[derive(Clone, Debug)]
pub struct Identity(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    kind: CertificateKind,
    chain: Vec<Bytes>,
    root: Bytes,
    key: Key,
    ocsp_response: Bytes,
    /// Byte strings in chain and OCSP response that differ between modes: keys, signatures, digests of keys.
    opaque: Vec<Bytes>,
}

/// One certificate, with what its subject needs to issue others.
struct Issued {
    key: Key,
    subject: Vec<u8>,
    key_id: [u8; 20],
    der: Bytes,
    signature: Bytes,
}

impl CertificateKind {
    /// Lengths of a leaf and of an intermediate certificate for a name of 11 bytes, as in `example.com` \[bytes\].
    /// ECDSA and RSA: certificates of a web server with two SCTs; ML-DSA: the same with its keys and signatures.
    pub const fn certificate_lens(self) -> (usize, usize) {
        match self {
            Self::EcdsaP256 => (882, 628),
            Self::Rsa2048 => (1278, 1024),
            Self::MlDsa44 => (4478, 4224),
            Self::MlDsa65 => (6007, 5753),
            Self::MlDsa87 => (7965, 7711),
        }
    }
}

impl Identity {
    /// A chain of `chain` certificates (at least 1: directly under the root) for the DNS name `name`. Takes one draw.
    ///
    /// The leaf has `leaf_len` bytes. By default it has the usual length ([`CertificateKind::certificate_lens`]), and for
    /// names of more than 33 bytes twice as many more, since the name stands there twice. Below about 520 bytes for ECDSA
    /// (and as much more for others as their keys and signatures are longer) it comes as near as it can;
    /// [`Identity::chain`] says what it has become.
    ///
    /// In [`Mode::Real`] keys are made, which takes long for RSA: seconds where the program is not optimised.
    pub fn new(
        mode: Mode,
        kind: CertificateKind,
        name: &str,
        chain: u8,
        leaf_len: Option<usize>,
        luck: &mut Stream,
    ) -> Self {
        let mut draws = Generator::new(luck.next_u64());
        let authorities = usize::from(chain.max(1));
        let (usual_leaf_len, intermediate_len) = kind.certificate_lens();
        let leaf_len = leaf_len.unwrap_or(usual_leaf_len + 2 * name.len().saturating_sub(USUAL_NAME_BYTES));
        let names = Names { kind };
        let mut issued: Vec<Issued> = Vec::new();
        // From the root down.
        for depth in (0..=authorities).rev() {
            let (role, subject, len) = match depth {
                0 => (Role::Leaf(name), template::leaf_subject(name), Some(leaf_len)),
                depth if depth == authorities => (Role::Root, names.authority(depth, true), None),
                depth => (Role::Intermediate, names.authority(depth, false), Some(intermediate_len)),
            };
            let next = issue(mode, kind, role, subject, len, depth, issued.last(), &mut draws);
            issued.push(next);
        }
        Self::of(mode, kind, issued, &mut draws)
    }

    /// The root of a chain of `chain` certificates: what [`Identity::root`] of an identity with the same luck is.
    pub fn authority(mode: Mode, kind: CertificateKind, chain: u8, luck: &mut Stream) -> Bytes {
        let mut draws = Generator::new(luck.next_u64());
        let depth = usize::from(chain.max(1));
        let subject = Names { kind }.authority(depth, true);
        issue(mode, kind, Role::Root, subject, None, depth, None, &mut draws).der
    }

    /// Certificates from the root down to the leaf become an identity.
    fn of(mode: Mode, kind: CertificateKind, issued: Vec<Issued>, draws: &mut Generator) -> Self {
        let [.., issuer, leaf] = &issued[..] else { unreachable!("there is a root and a leaf at least") };
        let response = ocsp::response(mode, kind, issuer, leaf, draws);
        let chain: Vec<Bytes> = issued.iter().skip(1).rev().map(|one| one.der.clone()).collect();
        let mut opaque = response.opaque;
        for one in &issued[1..] {
            opaque.push(one.key.opaque());
            opaque.push(one.signature.clone());
        }
        let root = issued[0].der.clone();
        let key = issued.into_iter().next_back().expect("there is a leaf").key;
        Self(Arc::new(Parts { kind, chain, root, key, ocsp_response: response.der, opaque }))
    }

    /// What keys it has.
    pub fn kind(&self) -> CertificateKind {
        self.0.kind
    }

    /// The certificates to send, the leaf first.
    pub fn chain(&self) -> &[Bytes] {
        &self.0.chain
    }

    /// The certificate of the authority that vouches for the last of the chain.
    pub fn root(&self) -> &Bytes {
        &self.0.root
    }

    /// Signs `message` with `scheme`, one of [`CertificateKind::schemes`]. Takes two draws: how long an ECDSA signature
    /// is (70 to 72 bytes, rarely fewer), and what else a signature is made of.
    pub fn sign(&self, scheme: SignatureScheme, message: &[u8], luck: &mut Stream) -> Bytes {
        debug_assert!(self.0.kind.schemes().contains(&scheme), "{scheme} is not for {:?}", self.0.kind);
        let shape = EcdsaShape::draw(luck.next_u64());
        self.0.key.sign(scheme, &self.0.chain[0], message, shape, luck.next_u64())
    }

    /// A response of the issuer that the leaf is good, to be stapled (RFC 6066 §8, RFC 8446 §4.4.2.1).
    pub fn ocsp_response(&self) -> &Bytes {
        &self.0.ocsp_response
    }

    /// A Certificate message of this identity, compressed by zlib (RFC 8879 §4, RFC 1950): `message` is its body,
    /// without the header of 4 bytes. Keys and signatures are not tried to be compressed, so that the length is the same
    /// in both modes.
    pub fn compress(&self, message: &[u8]) -> Bytes {
        compress::compress(message, &self.0.opaque)
    }
}

/// Names of authorities.
struct Names {
    kind: CertificateKind,
}

impl Names {
    fn authority(&self, depth: usize, is_root: bool) -> Vec<u8> {
        let kind = match self.kind {
            CertificateKind::EcdsaP256 => "E",
            CertificateKind::Rsa2048 => "R",
            CertificateKind::MlDsa44 | CertificateKind::MlDsa65 | CertificateKind::MlDsa87 => "M",
        };
        let common_name = if is_root { format!("protosim Root {kind}1") } else { format!("{kind}{depth}") };
        template::name(Some("protosim"), Some(&common_name))
    }
}

/// A certificate for a new key, signed by `issuer`, or by itself.
#[expect(clippy::too_many_arguments, reason = "what a certificate is made of")]
fn issue(
    mode: Mode,
    kind: CertificateKind,
    role: Role<'_>,
    subject: Vec<u8>,
    len: Option<usize>,
    depth: usize,
    issuer: Option<&Issued>,
    draws: &mut Generator,
) -> Issued {
    // All that is drawn is drawn first: the same in both modes.
    let (contents, key_draw, signature_draw) = (Draws::new(draws), draws.next_u64(), draws.next_u64());
    let key = Key::generate(mode, kind, depth, key_draw);
    let template = Template {
        kind,
        role,
        issuer: issuer.map_or(&subject, |issuer| &issuer.subject),
        subject: &subject,
        issuer_key_id: issuer.map_or(&contents.key_id, |issuer| &issuer.key_id),
        key: &key,
        draws: &contents,
    };
    let signed = template.tbs_certificate(len);
    let signer = issuer.map_or(&key, |issuer| &issuer.key);
    let scheme = kind.certificate_scheme();
    let signature = signer.sign(scheme, signer.public(), &signed, EcdsaShape::TYPICAL, signature_draw);
    let der = template::certificate(kind, &signed, &signature);
    Issued { key, subject, key_id: contents.key_id, der, signature }
}
