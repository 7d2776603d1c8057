//! What hellos say, and what is chosen from them.

use crate::tls::certificate::CertificateKind;
use crate::tls::codes::{AlertDescription, CipherSuite, Group, SignatureScheme, Version};
use crate::tls::parameters::{ClientParameters, Common};
use crate::tls::wire::{ClientHello, Extension, KeyShare};
use bytes::Bytes;

/// Encrypt-then-MAC (RFC 7366): offered by some, of no use to suites with AEAD.
const ENCRYPT_THEN_MAC: u16 = 22;

/// Extensions of a client's hello, but for those of an attempt: shares, cookie, tickets, early data.
pub(super) fn client_extensions(p: &ClientParameters) -> Vec<Extension> {
    let (has_12, has_13) = (p.common.knows(Version::TLS12), p.common.knows(Version::TLS13));
    let has_old = has_12 || p.habits.old_ones_always;
    let mut list = Vec::new();
    // Addresses are no names (RFC 6066 §3).
    if !p.server_name.is_empty() && !is_address(&p.server_name) {
        list.push(Extension::ServerName(p.server_name.clone()));
    }
    if has_old {
        list.push(Extension::EcPointFormats(Bytes::copy_from_slice(
            &[0, 1, 2][..usize::from(p.habits.point_formats.min(3))],
        )));
    }
    list.push(Extension::SupportedGroups(p.listed_groups.clone()));
    if p.ocsp {
        list.push(Extension::OcspRequest);
    }
    if !p.common.alpn.is_empty() {
        list.push(Extension::Alpn(p.common.alpn.clone()));
    }
    if p.habits.encrypt_then_mac {
        list.push(Extension::Unknown { kind: ENCRYPT_THEN_MAC, body: Bytes::new() });
    }
    if has_old {
        list.push(Extension::ExtendedMasterSecret);
    }
    list.push(Extension::SignatureAlgorithms(p.listed_schemes.clone()));
    if p.compression {
        list.push(Extension::CompressCertificate(vec![crate::tls::codes::CertificateCompression::ZLIB]));
    }
    if has_13 || p.habits.always_lists_versions {
        list.push(Extension::SupportedVersions(p.listed_versions.clone()));
    }
    if has_13 && (p.resumption || p.habits.always_names_modes) {
        list.push(Extension::PskModes(vec![crate::tls::codes::PskMode::PSK_DHE_KE]));
    }
    list
}

fn is_address(name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok_and(|name| name.parse::<std::net::IpAddr>().is_ok())
}

/// What a server reads from a hello, with what it says of lists left out.
#[derive(Clone, Debug, Default)]
pub(super) struct Offer {
    pub(super) versions: Vec<Version>,
    pub(super) groups: Vec<Group>,
    pub(super) schemes: Vec<SignatureScheme>,
    pub(super) shares: Option<Vec<KeyShare>>,
    pub(super) alpn: Vec<Bytes>,
    /// Length of the server's name \[bytes\].
    pub(super) name_len: Option<usize>,
    pub(super) wants_ocsp: bool,
    pub(super) has_master_secret: bool,
    pub(super) has_point_formats: bool,
    /// The ticket of TLS 1.2; empty for a client that wants one.
    pub(super) ticket: Option<Bytes>,
    pub(super) has_early_data: bool,
    pub(super) takes_zlib: bool,
    /// How it would use pre-shared keys is said, and that with a fresh key exchange is among it.
    pub(super) has_psk_modes: bool,
    pub(super) takes_psk_dhe: bool,
    pub(super) has_psk: bool,
    pub(super) signals_renegotiation: bool,
}

impl Offer {
    pub(super) fn of(hello: &ClientHello) -> Self {
        let mut offer = Self {
            signals_renegotiation: hello.cipher_suites.contains(&CipherSuite::EMPTY_RENEGOTIATION_INFO_SCSV),
            ..Self::default()
        };
        for extension in &hello.extensions {
            offer.take(extension);
        }
        if offer.versions.is_empty() {
            // RFC 8446 §4.2.1: without the list it is what the old field says, 1.2 at most.
            offer.versions.push(hello.legacy_version.min(Version::TLS12));
        }
        offer
    }

    fn take(&mut self, extension: &Extension) {
        match extension {
            Extension::SupportedVersions(list) => self.versions.clone_from(list),
            Extension::SupportedGroups(list) => self.groups.clone_from(list),
            Extension::SignatureAlgorithms(list) => self.schemes.clone_from(list),
            Extension::KeyShares(list) => self.shares = Some(list.clone()),
            Extension::Alpn(list) => self.alpn.clone_from(list),
            Extension::ServerName(name) => self.name_len = Some(name.len()),
            Extension::OcspRequest => self.wants_ocsp = true,
            Extension::ExtendedMasterSecret => self.has_master_secret = true,
            Extension::EcPointFormats(_) => self.has_point_formats = true,
            Extension::SessionTicket(ticket) => self.ticket = Some(ticket.clone()),
            Extension::EarlyData => self.has_early_data = true,
            Extension::RenegotiationInfo(_) => self.signals_renegotiation = true,
            Extension::CompressCertificate(list) => {
                self.takes_zlib = list.contains(&crate::tls::codes::CertificateCompression::ZLIB);
            }
            Extension::PskModes(list) => {
                self.has_psk_modes = true;
                self.takes_psk_dhe = list.contains(&crate::tls::codes::PskMode::PSK_DHE_KE);
            }
            Extension::PreSharedKeys(_) => self.has_psk = true,
            _ => {}
        }
    }

    /// The newest version that both know.
    pub(super) fn version(&self, common: &Common) -> Result<Version, AlertDescription> {
        let newest = common.versions.iter().find(|version| self.versions.contains(version));
        newest.copied().ok_or(AlertDescription::PROTOCOL_VERSION)
    }

    /// The application protocol: the server's first that the client has; any, where the server names none (RFC 7301 §3.2).
    pub(super) fn protocol(&self, common: &Common) -> Result<Option<Bytes>, AlertDescription> {
        if self.alpn.is_empty() || common.alpn.is_empty() {
            return Ok(self.alpn.first().filter(|_| common.alpn.is_empty()).cloned());
        }
        let chosen = common.alpn.iter().find(|protocol| self.alpn.contains(protocol));
        chosen.cloned().map(Some).ok_or(AlertDescription::NO_APPLICATION_PROTOCOL)
    }
}

/// The first suite of the client's that the server has, for this version and, in TLS 1.2, this certificate and the client's `groups`.
pub(super) fn choose_suite(
    offered: &[CipherSuite],
    groups: &[Group],
    common: &Common,
    version: Version,
    certificate: CertificateKind,
) -> Result<CipherSuite, AlertDescription> {
    let is_13 = version == Version::TLS13;
    let fits = |suite: &CipherSuite| {
        suite.is_tls13() == is_13
            && common.suites.contains(suite)
            && (is_13 || suite.fits_certificate(certificate, groups))
    };
    offered.iter().copied().find(fits).ok_or(AlertDescription::HANDSHAKE_FAILURE)
}

/// How a certificate's key signs, with what the peer takes. In TLS 1.2 RSA may sign by PKCS #1 (RFC 5246 §7.4.1.4.1).
pub(super) fn choose_scheme(
    kind: CertificateKind,
    offered: &[SignatureScheme],
    version: Version,
) -> Result<SignatureScheme, AlertDescription> {
    let usual = kind.schemes()[0];
    let is_rsa = kind == CertificateKind::Rsa2048 && version == Version::TLS12;
    if offered.contains(&usual) {
        Ok(usual)
    } else if is_rsa && (offered.is_empty() || offered.contains(&SignatureScheme::RSA_PKCS1_SHA256)) {
        Ok(SignatureScheme::RSA_PKCS1_SHA256)
    } else {
        Err(AlertDescription::HANDSHAKE_FAILURE)
    }
}

impl CipherSuite {
    /// True if a server with such a key can use it in TLS 1.2 (RFC 8422 §2), with a client that lists these `groups`: the curve of the key has to be
    /// among them, too (§5.1.1); without a list any will do (§4).
    pub fn fits_certificate(self, kind: CertificateKind, groups: &[Group]) -> bool {
        let is_ecdsa = [
            Self::ECDHE_ECDSA_AES_128_GCM_SHA256,
            Self::ECDHE_ECDSA_AES_256_GCM_SHA384,
            Self::ECDHE_ECDSA_CHACHA20_POLY1305,
        ]
        .contains(&self);
        let is_rsa =
            [Self::ECDHE_RSA_AES_128_GCM_SHA256, Self::ECDHE_RSA_AES_256_GCM_SHA384, Self::ECDHE_RSA_CHACHA20_POLY1305]
                .contains(&self);
        match kind {
            CertificateKind::EcdsaP256 => is_ecdsa && (groups.is_empty() || groups.contains(&Group::SECP256R1)),
            CertificateKind::Rsa2048 => is_rsa,
            // ML-DSA is for TLS 1.3 alone.
            _ => false,
        }
    }
}
