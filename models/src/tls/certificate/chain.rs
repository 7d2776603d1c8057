//! Reading certificates, and checking what they signed.

use super::der::{self, Reader};
use super::key::{self, CertificateKind};
use crate::tls::codes::{AlertDescription, SignatureScheme};
use crate::tls::crypto::Mode;
use bytes::Bytes;

/// The parts of a certificate that matter here (RFC 5280 §4.1).
struct Certificate<'a> {
    /// TBSCertificate, with its header.
    signed: &'a [u8],
    issuer: &'a [u8],
    subject: &'a [u8],
    /// SubjectPublicKeyInfo.
    key_info: &'a [u8],
    /// The contents of its AlgorithmIdentifier.
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Certificate<'a> {
    fn read(der: &'a [u8]) -> Option<Self> {
        let mut outer = Reader::new(der);
        let mut parts = Reader::new(outer.contents(der::SEQUENCE)?);
        let signed = parts.value(der::SEQUENCE)?;
        let (algorithm, signature) = (parts.contents(der::SEQUENCE)?, parts.bits()?);
        let mut fields = Reader::new(signed.contents);
        // Version 3: those without the field are of version 1, which has no extensions and is not used any more.
        fields.value(0xa0)?;
        fields.value(der::INTEGER)?;
        fields.value(der::SEQUENCE)?;
        let issuer = fields.value(der::SEQUENCE)?.whole;
        fields.value(der::SEQUENCE)?;
        let (subject, key_info) = (fields.value(der::SEQUENCE)?.whole, fields.value(der::SEQUENCE)?.whole);
        let all = Self { signed: signed.whole, issuer, subject, key_info, algorithm, signature };
        (outer.is_empty() && parts.is_empty()).then_some(all)
    }

    /// The bits of its public key.
    fn public(&self) -> Option<&'a [u8]> {
        let mut fields = Reader::new(Reader::new(self.key_info).contents(der::SEQUENCE)?);
        fields.value(der::SEQUENCE)?;
        fields.bits()
    }

    /// Checks that the key of `issuer` signed this.
    fn check(&self, mode: Mode, issuer: &Self) -> Result<(), AlertDescription> {
        if self.issuer != issuer.subject {
            return Err(AlertDescription::UNKNOWN_CA);
        }
        let kind = CertificateKind::of_signature_algorithm(self.algorithm);
        let scheme = kind.ok_or(AlertDescription::UNSUPPORTED_CERTIFICATE)?.certificate_scheme();
        let signer = issuer.public().ok_or(AlertDescription::BAD_CERTIFICATE)?;
        if key::verify(mode, issuer.key_info, scheme, signer, self.signed, self.signature) {
            Ok(())
        } else {
            Err(AlertDescription::BAD_CERTIFICATE)
        }
    }
}

/// How a certificate is signed; `None` for what cannot be read, or is not known here.
pub fn signed_with(der: &[u8]) -> Option<SignatureScheme> {
    let certificate = Certificate::read(der)?;
    CertificateKind::of_signature_algorithm(certificate.algorithm).map(CertificateKind::certificate_scheme)
}

/// True if the key of the certificate `leaf` made this `signature` of `message` with `scheme`. Certificates of peers
/// with keys that no [`CertificateKind`] has are not understood.
pub fn verify(mode: Mode, leaf: &[u8], scheme: SignatureScheme, message: &[u8], signature: &[u8]) -> bool {
    Certificate::read(leaf)
        .is_some_and(|certificate| key::verify(mode, certificate.key_info, scheme, leaf, message, signature))
}

/// Checks that each certificate is signed by the next, and the last one by `root` (RFC 5280 §6.1, but for time, names
/// and constraints). The root may be the last of them.
///
/// # Errors
/// The alert to answer with (RFC 8446 §6.2): `bad_certificate` for what cannot be read or a wrong signature,
/// `unknown_ca` for an issuer that is not there, `unsupported_certificate` for an algorithm that is not known here.
pub fn verify_chain(mode: Mode, chain: &[Bytes], root: &Bytes) -> Result<(), AlertDescription> {
    const BAD: AlertDescription = AlertDescription::BAD_CERTIFICATE;
    let chain = match chain {
        [chain @ .., last] if last == root && !chain.is_empty() => chain,
        chain => chain,
    };
    let mut certificates = Vec::with_capacity(chain.len() + 1);
    for der in chain.iter().chain([root]) {
        certificates.push(Certificate::read(der).ok_or(BAD)?);
    }
    if chain.is_empty() {
        return Err(BAD);
    }
    certificates.windows(2).try_for_each(|pair| pair[0].check(mode, &pair[1]))
}
