//! What a certificate says (RFC 5280 §4.1, §4.2), cut to a length.

use super::der;
use super::key::{CertificateKind, EcdsaShape, Key};
use super::oid;
use crate::tls::crypto::{Generator, filler};
use bytes::Bytes;

/// UTCTime: valid from 1 January 2020 to the end of 2049, the last year that UTCTime can say, so that live peers take
/// the certificates at any clock.
const NOT_BEFORE: &[u8] = b"200101000000Z";
const NOT_AFTER: &[u8] = b"491231235959Z";
/// The longest common name \[bytes\] (RFC 5280 §A.1, ub-common-name).
const MAX_COMMON_NAME: usize = 64;
/// Length of a serial number \[bytes\]: at least 64 random bits (CA/Browser Forum, Baseline Requirements §7.1); other
/// lengths are tried where this one gives no certificate of the wanted length.
const SERIAL_BYTES: [usize; 5] = [16, 17, 15, 18, 14];
/// More names are listed until less than this is missing \[bytes\].
const FILLER_BYTES: usize = 120;

/// The random parts of a certificate that do not depend on keys: the same in both modes.
#[derive(Clone, Debug)]
pub(super) struct Draws {
    serial: [u8; 18],
    /// Identifies the subject's key (RFC 5280 §4.2.1.2 leaves open how).
    pub(super) key_id: [u8; 20],
    scts: [Vec<u8>; 2],
    filler: u64,
}

impl Draws {
    /// Takes the next ones.
    pub(super) fn new(contents: &mut Generator) -> Self {
        let mut serial = contents.bytes::<18>();
        // Positive, and of this length.
        serial[0] = serial[0] & 0x7f | 0x40;
        Self { serial, key_id: contents.bytes(), scts: [sct(contents), sct(contents)], filler: contents.next_u64() }
    }

    /// The serial number with `len` bytes, as it stands in the certificate.
    fn serial(&self, len: usize) -> Vec<u8> {
        der::integer(&self.serial[..len])
    }
}

/// A SignedCertificateTimestamp with its length (RFC 6962 §3.2, §3.3), of a log that does not exist.
fn sct(contents: &mut Generator) -> Vec<u8> {
    let mut number = |first: u8| {
        let mut number = contents.bytes::<32>();
        number[0] = number[0] & 0x7f | first;
        der::integer(&number)
    };
    let signature = der::sequence(&[&number(0x80), &number(0x40)]);
    // Version 1, the log's id, milliseconds since 1970 within the year 2020, no extensions, SHA-256 with ECDSA.
    let timestamp = (1_577_836_800_000 + contents.next_u64() % 31_536_000_000).to_be_bytes();
    let log: [u8; 32] = contents.bytes();
    let body =
        [&[0][..], &log, &timestamp, &[0, 0, 4, 3], &(signature.len() as u16).to_be_bytes(), &signature].concat();
    [&(body.len() as u16).to_be_bytes()[..], &body].concat()
}

/// Which certificate of a chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role<'a> {
    /// A server's, for this DNS name.
    Leaf(&'a str),
    /// An authority that another one vouches for.
    Intermediate,
    /// An authority that vouches for itself; it is never sent.
    Root,
}

/// All that decides what is signed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Template<'a> {
    pub(super) kind: CertificateKind,
    pub(super) role: Role<'a>,
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    pub(super) issuer_key_id: &'a [u8; 20],
    pub(super) key: &'a Key,
    pub(super) draws: &'a Draws,
}

/// How much a leaf says, from little to much.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Detail {
    /// Usage, key identifiers and policy.
    is_full: bool,
    /// Two timestamps of logs.
    has_scts: bool,
    /// Other names that it is valid for.
    names: usize,
}

/// A Name of an organization and a common name; either may be missing (RFC 5280 §4.1.2.4).
pub(super) fn name(organization: Option<&str>, common_name: Option<&str>) -> Vec<u8> {
    const UTF8_STRING: u8 = 0x0c;
    let part = |oid: &[u8], text: &str| {
        let pair = der::sequence(&[&der::node(der::OID, &[oid]), &der::node(UTF8_STRING, &[text.as_bytes()])]);
        der::node(der::SET, &[&pair])
    };
    let organization = organization.map(|text| part(oid::ORGANIZATION, text)).unwrap_or_default();
    let common_name = common_name.map(|text| part(oid::COMMON_NAME, text)).unwrap_or_default();
    der::sequence(&[&organization, &common_name])
}

/// The subject of a leaf: its name, where a common name may be as long.
pub(super) fn leaf_subject(dns: &str) -> Vec<u8> {
    name(None, Some(dns).filter(|dns| dns.len() <= MAX_COMMON_NAME))
}

/// A certificate: what is signed, with algorithm and signature.
pub(super) fn certificate(kind: CertificateKind, signed: &[u8], signature: &[u8]) -> Bytes {
    der::sequence(&[signed, &kind.signature_algorithm(), &der::bit_string(signature)]).into()
}

impl Template<'_> {
    /// TBSCertificate, so that the certificate has `len` bytes, or as near to that as it can come: below the shortest
    /// and within a few bytes of it nothing can be done.
    pub(super) fn tbs_certificate(&self, len: Option<usize>) -> Vec<u8> {
        let Some(len) = len else {
            return self.build(Detail { is_full: true, has_scts: false, names: 0 }, 0, SERIAL_BYTES[0]);
        };
        let detail = self.detail(len);
        for serial in SERIAL_BYTES {
            let mut filler = 0;
            // Headers grow with their contents, so a first guess may miss by some bytes.
            for _ in 0..4 {
                let signed = self.build(detail, filler, serial);
                match (self.certificate_len(&signed), len) {
                    (found, len) if found == len => return signed,
                    (found, len) if found < len => filler += len - found,
                    (found, len) if found - len <= filler => filler -= found - len,
                    _ => break,
                }
            }
        }
        self.build(detail, 0, SERIAL_BYTES[0])
    }

    /// The most that a certificate of `len` bytes can say.
    fn detail(&self, len: usize) -> Detail {
        let is_leaf = matches!(self.role, Role::Leaf(_));
        let natural = |detail| self.certificate_len(&self.build(detail, 0, SERIAL_BYTES[0]));
        let bare = Detail { is_full: false, has_scts: false, names: 0 };
        let full = Detail { is_full: true, ..bare };
        if natural(full) > len {
            return bare;
        }
        let logged = Detail { has_scts: is_leaf, ..full };
        let logged_len = natural(logged);
        if logged_len > len {
            return full;
        }
        let missing = len - logged_len;
        if !is_leaf || missing < FILLER_BYTES {
            return logged;
        }
        // What a name takes; headers grow by a few bytes besides.
        let each = natural(Detail { names: 1, ..logged }) - logged_len;
        Detail { names: (missing - FILLER_BYTES / 2) / each.max(1), ..logged }
    }

    /// Length of the certificate \[bytes\].
    fn certificate_len(&self, signed: &[u8]) -> usize {
        let signature = match self.kind {
            CertificateKind::EcdsaP256 => EcdsaShape::TYPICAL.len(),
            kind => kind.signature_len(),
        };
        certificate(self.kind, signed, &vec![0; signature]).len()
    }

    fn build(&self, detail: Detail, filler_len: usize, serial_len: usize) -> Vec<u8> {
        const UTC_TIME: u8 = 0x17;
        let validity = der::sequence(&[&der::node(UTC_TIME, &[NOT_BEFORE]), &der::node(UTC_TIME, &[NOT_AFTER])]);
        let extensions = self.extensions(detail, filler_len);
        der::sequence(&[
            // Version 3.
            &der::context(0, &[&der::integer(&[2])]),
            &self.draws.serial(serial_len),
            &self.kind.signature_algorithm(),
            self.issuer,
            &validity,
            self.subject,
            &self.key.info(),
            &der::context(3, &[&der::sequence(&[&extensions])]),
        ])
    }

    fn extensions(&self, detail: Detail, filler_len: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let mut add = |oid: &[u8], is_critical: bool, value: &[u8]| {
            let critical: &[u8] = if is_critical { &[1, 1, 0xff] } else { &[] };
            let value = der::node(der::OCTET_STRING, &[value]);
            out.extend(der::sequence(&[&der::node(der::OID, &[oid]), critical, &value]));
        };
        let oids = |list: &[&[u8]]| -> Vec<u8> { list.iter().flat_map(|oid| der::node(der::OID, &[oid])).collect() };
        let is_authority = !matches!(self.role, Role::Leaf(_));
        if detail.is_full {
            add(oid::KEY_USAGE, true, self.key_usage());
            if !matches!(self.role, Role::Root) {
                let usage = der::sequence(&[&oids(&[oid::SERVER_AUTH, oid::CLIENT_AUTH])]);
                add(oid::EXTENDED_KEY_USAGE, false, &usage);
            }
        }
        add(oid::BASIC_CONSTRAINTS, true, if is_authority { &[0x30, 3, 1, 1, 0xff] } else { &[0x30, 0] });
        if detail.is_full {
            add(oid::SUBJECT_KEY_ID, false, &der::node(der::OCTET_STRING, &[&self.draws.key_id]));
            add(oid::AUTHORITY_KEY_ID, false, &der::sequence(&[&der::node(0x80, &[self.issuer_key_id])]));
        }
        if self.role != Role::Root {
            add(oid::AUTHORITY_INFO, false, &self.authority_info(filler_len));
        }
        if let Role::Leaf(dns) = self.role {
            // Critical where there is no other name (RFC 5280 §4.2.1.6).
            add(oid::SUBJECT_ALT_NAME, dns.len() > MAX_COMMON_NAME, &names(dns, detail.names));
        }
        if detail.is_full && self.role != Role::Root {
            let policy = der::sequence(&[&oids(&[oid::DOMAIN_VALIDATED])]);
            add(oid::POLICIES, false, &der::sequence(&[&policy]));
        }
        if self.role == Role::Intermediate && detail.is_full {
            add(oid::CRL_POINTS, false, &crl_points());
        }
        if detail.has_scts {
            let list = self.draws.scts.concat();
            let list = [&(list.len() as u16).to_be_bytes()[..], &list].concat();
            add(oid::SCT_LIST, false, &der::node(der::OCTET_STRING, &[&list]));
        }
        out
    }

    /// What the key may do: sign (and for RSA in a leaf encipher keys); sign certificates and lists of revoked ones.
    fn key_usage(&self) -> &'static [u8] {
        match (self.role, self.kind) {
            (Role::Leaf(_), CertificateKind::Rsa2048) => &[3, 2, 5, 0b1010_0000],
            (Role::Leaf(_), _) => &[3, 2, 7, 0b1000_0000],
            _ => &[3, 2, 1, 0b1000_0110],
        }
    }

    /// Where to ask for the state of the certificate, and where its issuer's is; the second takes the filler.
    fn authority_info(&self, filler_len: usize) -> Vec<u8> {
        let description =
            |oid: &[u8], url: &[u8]| der::sequence(&[&der::node(der::OID, &[oid]), &der::node(0x86, &[url])]);
        let url = [b"http://ca.example/", &text(self.draws.filler, filler_len)[..]].concat();
        let issuers = description(oid::ACCESS_ISSUERS, &url);
        match self.role {
            Role::Leaf(_) => der::sequence(&[&description(oid::ACCESS_OCSP, b"http://ocsp.example"), &issuers]),
            _ => der::sequence(&[&issuers]),
        }
    }
}

/// GeneralNames of `dns` and `more` other names below it.
fn names(dns: &str, more: usize) -> Vec<u8> {
    const DNS_NAME: u8 = 0x82;
    let first = der::node(DNS_NAME, &[dns.as_bytes()]);
    let others: Vec<u8> =
        (0..more).flat_map(|i| der::node(DNS_NAME, &[format!("{i:04}.").as_bytes(), dns.as_bytes()])).collect();
    der::sequence(&[&first, &others])
}

/// One URL of a list of revoked certificates: DistributionPoint, its name, the full name, an URI (RFC 5280 §4.2.1.13).
fn crl_points() -> Vec<u8> {
    let url = der::node(0x86, &[b"http://crl.example"]);
    der::sequence(&[&der::sequence(&[&der::context(0, &[&der::context(0, &[&url])])])])
}

/// `len` letters and digits that look random.
fn text(seed: u64, len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    filler(seed, &mut out);
    out.iter_mut().for_each(|byte| *byte = b"abcdefghijklmnopqrstuvwxyz234567"[usize::from(*byte % 32)]);
    out
}
