//! OCSP responses (RFC 6960 §4.2.1, in the profile of RFC 9919): good, signed by the issuer itself.

use super::Issued;
use super::der::{self, Reader};
use super::key::{CertificateKind, EcdsaShape};
use super::oid;
use crate::tls::codes::Hash;
use crate::tls::crypto::{Generator, Mode, digest};
use bytes::Bytes;

/// Times within the validity of the certificates. A response says so for a week.
const PRODUCED_AT: &[u8] = b"20200601000000Z";
const NEXT_UPDATE: &[u8] = b"20200608000000Z";

/// A response, and the byte strings in it that differ between modes.
pub(super) struct Response {
    pub(super) der: Bytes,
    pub(super) opaque: Vec<Bytes>,
}

/// That `leaf` is good.
pub(super) fn response(
    mode: Mode,
    kind: CertificateKind,
    issuer: &Issued,
    leaf: &Issued,
    draws: &mut Generator,
) -> Response {
    const GENERALIZED_TIME: u8 = 0x18;
    let signature_draw = draws.next_u64();
    // CertID with SHA-256, as RFC 9919 recommends.
    let sha256 = |bytes: &[u8]| digest(mode, Hash::Sha256, bytes);
    let (name_hash, key_hash) = (sha256(&issuer.subject), sha256(issuer.key.public()));
    let algorithm = der::sequence(&[&der::node(der::OID, &[oid::SHA256]), &[5, 0]]);
    let id = der::sequence(&[
        &algorithm,
        &der::node(der::OCTET_STRING, &[name_hash.as_slice()]),
        &der::node(der::OCTET_STRING, &[key_hash.as_slice()]),
        serial(&leaf.der),
    ]);
    let time = |time: &[u8]| der::node(GENERALIZED_TIME, &[time]);
    // Good is [0] NULL.
    let single = der::sequence(&[&id, &[0x80, 0], &time(PRODUCED_AT), &der::context(0, &[&time(NEXT_UPDATE)])]);
    // The responder by its name: by its key would be the SHA-1 of that.
    let responder = der::context(1, &[&issuer.subject]);
    let signed = der::sequence(&[&responder, &time(PRODUCED_AT), &der::sequence(&[&single])]);
    let signer = issuer.key.public();
    let scheme = kind.certificate_scheme();
    let signature = issuer.key.sign(scheme, signer, &signed, EcdsaShape::TYPICAL, signature_draw);
    let basic = der::sequence(&[&signed, &kind.signature_algorithm(), &der::bit_string(&signature)]);
    let bytes = der::sequence(&[&der::node(der::OID, &[oid::OCSP_BASIC]), &der::node(der::OCTET_STRING, &[&basic])]);
    // ENUMERATED successful.
    let der = der::sequence(&[&[0x0a, 1, 0], &der::context(0, &[&bytes])]);
    let digests = [name_hash, key_hash].map(|hash| Bytes::copy_from_slice(hash.as_slice()));
    Response { der: der.into(), opaque: digests.into_iter().chain([signature]).collect() }
}

/// The serial number of a certificate of ours, as it stands there.
fn serial(certificate: &[u8]) -> &[u8] {
    let find = || {
        let mut parts = Reader::new(Reader::new(certificate).contents(der::SEQUENCE)?);
        let mut fields = Reader::new(parts.contents(der::SEQUENCE)?);
        fields.any()?;
        fields.value(der::INTEGER).map(|value| value.whole)
    };
    find().expect("a certificate made here has a serial number")
}
